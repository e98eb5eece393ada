"""Make a shipped suite: ``python -m molmospaces_gym.benchmarks.make_suite pick-mini``.

Episodes are drawn from the env's own sampler, the same number in each house, and the kinds of
stages and the categories that are rarest so far first. Each candidate is played by a filter policy
from its own JSON, and kept when success, once reached, lasts to the end (or as long as is asked
for). So every episode is known to be solvable and to replay, and not by a hair: a grasp that slips
here and holds there would tell versions apart.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

import molmospaces_gym
from molmospaces_gym.benchmark_io import describe, save_benchmark
from molmospaces_gym.benchmarks.folder import machine_info
from molmospaces_gym.benchmarks.metrics import first_success
from molmospaces_gym.benchmarks.rollout import build_policy, control_dt, make_env
from molmospaces_gym.benchmarks.summary import object_category
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidConfig, InvalidScene
from molmospaces_gym.policies.base import PolicyLike, bind_policy, policy_env_kwargs
from molmospaces_gym.registration import TASKS, env_id
from molmospaces_gym.tasks import get_task

CANDIDATES = 8
"""Episodes drawn per house and episode wanted; the rest is spare for balance and failures."""
SUITES = Path(__file__).resolve().parent / "suites"


class SuiteMaker:
    """Collects solvable episodes house by house."""

    def __init__(
        self,
        name: str,
        env: str,
        policy: PolicyLike,
        seed: int,
        hold_s: float = 0.0,
        categories: Sequence[str] | None = None,
    ) -> None:
        """``hold_s`` is how long (s) a success must last; 0: to the end of the episode.

        ``categories`` are those of the objects that episodes are about; None: any.
        """
        self._categories = categories
        self._hold_s = hold_s
        self.episodes: list[EpisodeSpec] = []
        self.rejected = 0
        self._name, self._env_id, self._policy, self._seed = name, env, policy, seed
        self._used: Counter[str] = Counter()

    def add_house(self, scene: str, wanted: int) -> None:
        """Add ``wanted`` solvable episodes of a house, or as many as its candidates give."""
        wishes = policy_env_kwargs(self._policy, self._env_id)
        kwargs = {"scene": scene, "terminate_on_success": False, **wishes}
        kwargs["categories"] = self._categories
        env = make_env(self._env_id, kwargs)
        try:
            bind_policy(self._policy, env)
            found = 0
            for spec in self._by_rarity(list(self._draw(env, CANDIDATES * wanted))):
                if found == wanted:
                    break
                if self._solves(env, spec):
                    found += 1
                    self._used.update((stages_of(spec), category_of(spec)))
                    episode_id = f"{self._name}/{len(self.episodes):03d}"
                    self.episodes.append(spec.replace(episode_id=episode_id))
                else:
                    self.rejected += 1
        finally:
            env.close()

    def _draw(self, env: Any, count: int) -> Iterator[EpisodeSpec]:
        """Candidates with everything pinned that an env would otherwise decide."""
        for number in range(count):
            seed = self._seed + number
            try:
                env.reset(seed=seed)
            except InvalidScene:
                return
            drawn = env.unwrapped.episode
            yield drawn.replace(seed=seed, control_dt=round(control_dt(env.unwrapped), 6))

    def _by_rarity(self, left: list[EpisodeSpec]) -> Iterator[EpisodeSpec]:
        """Candidates, each time one of the category and then the object used least so far."""
        tried: Counter[str] = Counter()
        while left:
            used = self._used
            ranks = [
                (used[stages_of(s)], used[category_of(s)], tried[target_of(s)], i)
                for i, s in enumerate(left)
            ]
            spec = left.pop(min(ranks)[-1])
            tried[target_of(spec)] += 1
            yield spec

    def _solves(self, env: Any, spec: EpisodeSpec) -> bool:
        stored = EpisodeSpec.parse(json.loads(json.dumps(spec.to_dict())))
        obs, info = env.reset(seed=stored.seed, options={"episode": stored})
        if info["is_success"]:
            return False
        self._policy.reset(stored.instruction, stored.seed)
        state: Any = None
        trace, over = [False], False
        enough = round(self._hold_s / control_dt(env.unwrapped)) if self._hold_s else 0
        while not over and not (enough and all(trace[-enough:])):
            action, state = self._policy.predict(obs, state, None, True)
            obs, _, terminated, truncated, info = env.step(action)
            trace.append(bool(info["is_success"]))
            over = terminated or truncated
        return lasts(trace)


def lasts(trace: Sequence[bool]) -> bool:
    """Whether success was reached and not lost again."""
    first = first_success(trace)
    return first is not None and all(trace[first:])


def target_of(spec: EpisodeSpec) -> str:
    """Name of the object (or door, or room of the last of several stages) that one is about."""
    task = spec.task
    if "stages" in task and "pickup_obj_name" not in task:
        return str(task["stages"][-1]["room"])
    return str(task.get("pickup_obj_name") or task["door_body_name"])


def stages_of(spec: EpisodeSpec) -> str:
    """The kinds of stages of an episode that has several, such as "open, pick, place"."""
    return ", ".join(sorted({str(stage["kind"]) for stage in spec.task.get("stages", ())}))


def category_of(spec: EpisodeSpec) -> str:
    """Category of that object."""
    return object_category(target_of(spec))


def task_named(suite: str) -> str:
    """Task of a suite's name: ``pick-and-place-mini`` is one of PickAndPlace."""
    names = {re.sub(r"(?<!^)(?=[A-Z])", "-", task).lower(): task for task in TASKS}
    stem = suite.rpartition("-")[0]
    if stem not in names:
        raise InvalidConfig(f"a suite is named <task>-<size>, not {suite!r}; tasks: {list(names)}")
    return names[stem]


def make_suite(
    name: Annotated[str, typer.Argument(help="Name of the suite, e.g. pick-mini.")],
    episodes: Annotated[int, typer.Option(help="How many episodes.")] = 50,
    houses: Annotated[int, typer.Option(help="How many houses they are spread over.")] = 25,
    split: Annotated[str, typer.Option(help="Split of the generated houses.")] = "val",
    policy: Annotated[str, typer.Option(help="Keeps the episodes that it solves.")] = "expert",
    dataset: Annotated[str, typer.Option(help="generated or homes; empty: the task's.")] = "",
    seed: Annotated[int, typer.Option(help="First seed of the sampler.")] = 0,
    hold: Annotated[float, typer.Option(help="Seconds that success lasts; 0: to the end.")] = 0.0,
    categories: Annotated[
        str, typer.Option(help="Kinds of object, separated by commas; empty: all.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder that holds the suites.")] = SUITES,
) -> None:
    """Sample a suite of solvable episodes and write its JSON."""
    if not 0 < houses <= episodes:
        raise InvalidConfig(f"houses must be within 1..episodes, got {houses} of {episodes}")
    console = Console()
    task = task_named(name)
    dataset = dataset or get_task(task).dataset
    kinds = [kind.strip() for kind in categories.split(",") if kind.strip()] or None
    maker = SuiteMaker(name, env_id(task), build_policy(policy), seed, hold, kinds)
    short = 0
    for number in track(range(houses), description=name, console=console):
        # What a house could not give is asked of the next ones, so the total stays as wanted.
        share = (episodes * (number + 1)) // houses - len(maker.episodes)
        maker.add_house(f"{dataset}/{split}/{number}", share)
        short = episodes - len(maker.episodes)
    if short:
        raise InvalidConfig(
            f"{policy} solved only {len(maker.episodes)} of {episodes} episodes in {houses} "
            "houses; give more houses"
        )
    recipe = {
        "env_id": env_id(task),
        "dataset": dataset,
        "episodes": episodes,
        "houses": houses,
        "split": split,
        "filter_policy": policy,
        "seed": seed,
        "hold_s": hold,
    }
    if kinds:
        recipe["categories"] = kinds
    data = metadata(maker, recipe)
    directory = save_benchmark(maker.episodes, out / name, data, compressed=True)
    console.print(f"{episodes} episodes, {maker.rejected} rejected: {directory}", soft_wrap=True)


def metadata(maker: SuiteMaker, recipe: dict[str, Any]) -> dict[str, Any]:
    """The official fields, and how the suite was made."""
    counts = Counter(category_of(spec) for spec in maker.episodes)
    task = str(recipe["env_id"]).rpartition("/")[2]
    about = f"{task}, {recipe['episodes']} episodes in {recipe['dataset']}/{recipe['split']}"
    return {
        **describe(maker.episodes, about),
        "object_category_counts": dict(sorted(counts.items())),
        "benchmark_created_date": f"{datetime.now(UTC):%Y-%m-%d}",
        "generator_version": molmospaces_gym.__version__,
        "made_by": {**recipe, "rejected": maker.rejected, "versions": machine_info()["versions"]},
    }


if __name__ == "__main__":
    typer.run(make_suite)
