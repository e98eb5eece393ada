"""The leaderboard's CSV against golden files and against a second implementation.

The HDF5 files are made of the fixed numbers below. Control steps of 0.5 s make jerk checkable by
hand: a third difference of norm 5 is 5 / 0.125 = 40. Row by row of ``golden/board_both.csv``:

- Bowl, 0 of 1: Beta(1, 2) has 1 - (1 - x)^2, so 1 - sqrt(0.975) = 1.26 % to 1 - sqrt(0.025) =
  84.19 %; three steps, so no jerk.
- Fruit (a tomato and an apple), 1 of 2: Beta(2, 2) has 3x^2 - 2x^3, so 9.43 % to 90.57 %. Jerk 0
  (no motion) and 24, mean 12, standard deviation 12.
- Mug, 1 of 2 at the end, 2 of 2 ever: Beta(3, 1) has x^3, so 29.24 % to 99.16 %. Jerk
  (5 + 12) / 2 / 0.125 = 68 and 3 / 0.125 = 24, mean 46, standard deviation 22.
- Place, 1 of 1: Beta(2, 1) has x^2, so 15.81 % to 98.74 %. One third difference of sqrt(2).
- S/p Shaker: two aliases; the official script writes each word with one capital.
- Unknown: no letters, no description, and a description that is no JSON (with no step at all).
- OVERALL: 13 trajectories; the one without ``success`` is not counted.
"""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmospaces_gym.benchmarks.official_rollouts import OFFICIAL_DT, read_rollouts, rollouts_csv
from molmospaces_gym.benchmarks.summary import BoardHead, Outcome, board_csv, object_category
from molmospaces_gym.errors import InvalidConfig, UnknownName

h5py = pytest.importorskip("h5py")

GOLDEN = Path(__file__).parent / "golden"
DT = 0.5
STILL = [[0.25, 0.0, 0.0]] * 5
NORM_3 = [[0.0, 0.0, 0.0]] * 3 + [[1.0, 2.0, 2.0]]
NORMS_5_AND_12 = [
    [0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0],
    [3.0, 0.0, 4.0],
    [9.0, 0.0, 24.0],
]
SQRT_2 = [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, -1.0]]

# file, trajectory, description (a name, raw text or None), success, joint positions, data set
Row = tuple[str, str, str | bytes | None, list[int] | None, list[list[float]] | None, str]
QPOS, ACTIONS = "obs/agent/qpos", "actions/joint_pos"
FIRST, SECOND = "house_12/trajectories_batch_1_of_1.h5", "house_3/trajectories_batch_1_of_2.h5"
EPISODES: list[Row] = [
    (FIRST, "traj_0", "Tomato_4f_1_0_2", [0, 0, 0, 0, 0], STILL, QPOS),
    (FIRST, "traj_1", "apple", [0, 1, 0, 1], NORM_3, ACTIONS),
    (FIRST, "traj_10", "Émile 3", [1], None, QPOS),
    (FIRST, "traj_2", "1234_5", [0, 1, 0], None, QPOS),
    (FIRST, "traj_3", None, [1, 1], None, QPOS),
    (FIRST, "traj_4", "mug_never_counted", None, NORM_3, QPOS),
    (FIRST, "traj_5", b"no JSON", [], None, QPOS),
    (FIRST, "traj_6", "tissuePaper/roll_3", [1], [[0.0, 0.0, 0.0]], QPOS),
    (SECOND, "traj_0", "Mug_ab12_1_0_0", [0, 0, 1, 1, 1], NORMS_5_AND_12, QPOS),
    (SECOND, "traj_1", "mug_1", [1, 1, 0, 0], NORM_3, QPOS),
    (SECOND, "traj_2", "SaltShaker_9", [0, 0, 0], NORM_3[:3], QPOS),
    (SECOND, "traj_3", "place_receptacle/0_1/ab", [0, 0, 0, 1], SQRT_2, QPOS),
    (SECOND, "traj_4", "PepperShaker|2", [0, 1], NORM_3[:2], QPOS),
    (SECOND, "traj_5", "Bowl", [0, 0, 0], NORM_3[:3], QPOS),
]


def encode(rows: list[list[float]]) -> Any:
    """The official form: one NUL-padded line of JSON per step, a part per move group."""
    texts = [json.dumps({"base": [], "arm": row[:2], "gripper": row[2]}).encode() for row in rows]
    table = [[*text, *[0] * (200 - len(text))] for text in texts]
    return table


def write_rollouts(folder: Path, episodes: list[Row], policy_dt_ms: float = 500.0) -> Path:
    for file, key, scene, success, positions, where in episodes:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "a") as opened:
            group = opened.create_group(key)
            if success is not None:
                group.create_dataset("success", data=success, dtype=bool)
            if positions is not None:
                group.create_dataset(where, data=encode(positions), dtype="uint8")
            if isinstance(scene, str):
                scene = json.dumps({"object_name": scene, "policy_dt_ms": policy_dt_ms}).encode()
            if scene is not None:
                group["obs_scene"] = scene
    return folder


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rollouts(tmp_path_factory.mktemp("rollouts"), EPISODES)


# The second implementation: plain Python, nothing of ours, nothing of numpy and scipy.

ALIASES = {
    "saltshaker": "s/p shaker",
    "peppershaker": "s/p shaker",
    "tomato": "fruit",
    "apple": "fruit",
    "butterknife": "knife",
    "boiler": "kettle",
    "winebottle": "bottle",
    "atomizer": "spray bottle",
    "remotecontrol": "remote control",
    "soapdispenser": "soap dispenser",
    "tissuepaper": "tissue paper",
}


def category_by_hand(scene: str | bytes | None) -> str:
    word = ""
    for char in scene if isinstance(scene, str) else "":
        if char.isalpha():
            word += char
        elif word:
            break
    name = ALIASES.get(word.lower(), word.lower()) or "unknown"
    return " ".join(part[0].upper() + part[1:] for part in name.split(" "))


def quantile_by_hand(successes: int, total: int, share: float) -> float:
    """Where Beta(1 + s, 1 + f) reaches ``share``: a binomial tail, solved by bisection."""
    n, low, high = total + 1, 0.0, 1.0
    for _ in range(100):
        x = (low + high) / 2
        tail = sum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(successes + 1, n + 1))
        low, high = (x, high) if tail < share else (low, x)
    return 100 * (low + high) / 2


def rates_by_hand(successes: int, total: int) -> list[str]:
    if total == 0:
        return ["0.0"] * 3
    values = [100.0 * successes / total]
    values += [quantile_by_hand(successes, total, share) for share in (0.025, 0.975)]
    return [repr(round(value, 2)) for value in values]


def jerk_by_hand(positions: list[list[float]] | None, dt: float) -> float | None:
    if positions is None or len(positions) < 4:
        return None
    norms = []
    for a, b, c, d in zip(positions, positions[1:], positions[2:], positions[3:], strict=False):
        parts = [w - 3 * z + 3 * y - x for x, y, z, w in zip(a, b, c, d, strict=True)]
        norms.append(math.sqrt(sum((part / dt**3) ** 2 for part in parts)))
    return sum(norms) / len(norms)


def csv_by_hand(episodes: list[Row], head: list[str], condition: str, dt: float, most: int) -> str:
    columns = "policy,category,successes,total,success_rate_pct,ci_95_low_pct,ci_95_high_pct,"
    if condition == "both":
        columns += "oracle_successes,oracle_rate_pct,oracle_ci_95_low_pct,oracle_ci_95_high_pct,"
    lines = [*head, columns + "jerk_joint_mean,jerk_joint_std"]
    counted = [row for row in episodes if row[3] is not None]
    names = sorted({category_by_hand(row[2]) for row in counted})
    for name in [*names, "OVERALL"]:
        group = [r for r in counted if name in ("OVERALL", category_by_hand(r[2]))]
        traces = [(row[3] or [])[:most] for row in group]
        end, once = sum(t[-1] for t in traces if t), sum(1 in t for t in traces)
        main = once if condition == "oracle" else end
        fields = ["pi", name, str(main), str(len(group)), *rates_by_hand(main, len(group))]
        if condition == "both":
            fields += [str(once), *rates_by_hand(once, len(group))]
        found = [jerk_by_hand(row[4] and row[4][:most], dt) for row in group]
        jerks = [jerk for jerk in found if jerk is not None]
        if jerks:
            mean = sum(jerks) / len(jerks)
            spread = math.sqrt(sum((jerk - mean) ** 2 for jerk in jerks) / len(jerks))
            fields += [repr(round(mean, 6)), repr(round(spread, 6))]
        else:
            fields += ["", ""]
        lines.append(",".join(fields))
    return "\n".join(lines) + "\n"


CASES = [
    ("both", DT, None),
    ("at-end", DT, None),
    ("oracle", DT, None),
    ("both", OFFICIAL_DT, 4),
]


@pytest.mark.parametrize(("condition", "dt", "most"), CASES)
def test_csv_of_the_rollouts(
    rollouts: Path, condition: str, dt: float, most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rollouts.parent)
    run_path = rollouts.name
    text = rollouts_csv(run_path, "pi", condition, dt, most)

    head = [f"# policy_name: pi\n# run_path: {run_path}\n# dt: {dt!r}\n# max_steps: {most!r}"]
    assert text == csv_by_hand(EPISODES, head, condition, dt, most or 99)
    name = f"board_{condition}.csv" if most is None else f"board_{condition}_{most}_steps.csv"
    golden = (GOLDEN / name).read_text(encoding="utf-8")
    assert text == golden.replace("# run_path: rollouts\n", f"# run_path: {run_path}\n")


def test_what_is_not_counted_is_named(rollouts: Path) -> None:
    found = read_rollouts(rollouts, DT)
    assert found.skipped == (f"{FIRST}:traj_4",)
    assert found.policy_dt_s == {0.5}
    # h5py and the official script go through the keys as text: traj_10 comes before traj_2.
    assert found.steps == tuple(len(row[3]) for row in EPISODES if row[3] is not None)


def test_unreadable_files_stop_the_count(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"holds no \.h5 file"):
        read_rollouts(tmp_path)
    write_rollouts(tmp_path, EPISODES[:1])
    broken = tmp_path / "house_12" / "cut.h5"
    broken.write_bytes((tmp_path / FIRST).read_bytes()[:900])
    with pytest.raises(InvalidConfig, match=r"cut\.h5: not a readable file"):
        read_rollouts(tmp_path)
    broken.unlink()
    with h5py.File(tmp_path / FIRST, "a") as opened:
        opened["traj_0/obs/agent/qpos"][2, 0] = 0
    with pytest.raises(InvalidConfig, match=r"batch_1_of_1\.h5: not a readable file"):
        read_rollouts(tmp_path)


outcomes = st.builds(
    Outcome,
    category=st.sampled_from(["Mug", "Bowl", 'A "quoted", one', "Émile"]),
    at_end=st.booleans(),
    once=st.booleans(),
    jerk=st.sampled_from([math.nan, 0.0, 1.5, 1e-7, 123456789.125]),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(outcomes, max_size=30), st.sampled_from(["both", "at-end", "oracle"]))
def test_totals_of_any_outcomes(found: list[Outcome], condition: str) -> None:
    head = BoardHead(policy="a, b", run_path="x", dt=0.066, max_steps=303)
    lines = board_csv(head, found, condition).splitlines()
    rows = list(csv.DictReader(lines[4:]))
    assert [row["policy"] for row in rows] == ["a, b"] * len(rows)
    *groups, overall = rows
    assert [row["category"] for row in groups] == sorted({o.category for o in found})
    assert overall["category"] == "OVERALL"
    for column in ("successes", "total", "oracle_successes"):
        if column in overall:
            assert sum(int(row[column]) for row in groups) == int(overall[column])
    assert (overall["jerk_joint_mean"] == "") == all(math.isnan(o.jerk) for o in found)
    for row in rows:
        low, rate, high = (
            float(row[c]) for c in ("ci_95_low_pct", "success_rate_pct", "ci_95_high_pct")
        )
        assert low <= high
        assert low <= rate + 20 / (int(row["total"]) + 1)
        assert 0 <= rate <= 100


def test_same_bytes_as_a_data_frame() -> None:
    """The official script lets pandas write; its floats and quotes are those of ``csv``."""
    pandas = pytest.importorskip("pandas")
    head = BoardHead(policy='a "b", c', run_path="x", dt=0.066, max_steps=None)
    jerks = (0.0, 1e-6, 1234567.125, 2e17, math.nan)
    found = [
        Outcome(category=f"C{i}", at_end=i % 2 == 0, once=True, jerk=jerk)
        for i, jerk in enumerate(jerks)
    ]
    text = board_csv(head, found)
    body = text.split("\n", 4)[4]
    rows = [
        {
            column: (float(value) if value else math.nan) if "jerk" in column or "pct" in column
            else int(value) if column in ("successes", "total", "oracle_successes") else value
            for column, value in row.items()
        }
        for row in csv.DictReader(body.splitlines())
    ]  # fmt: skip
    assert pandas.DataFrame(rows).to_csv(index=False) == body


def test_wrong_condition() -> None:
    with pytest.raises(UnknownName, match="success condition 'end'; known: at-end, both, oracle"):
        board_csv(BoardHead(policy="p", run_path="x", dt=0.1, max_steps=None), [], "end")


@settings(deadline=None)
@given(st.text("aZé²٣_|/ 0", max_size=12))
def test_categories(name: str) -> None:
    found = object_category(name)
    assert found == (category_by_hand(name).lower() if any(map(str.isalpha, name)) else "unknown")
