"""SPOC under PPO: probabilities, the critic, warm-up, chunks of real envs; and what is cloned."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.policies.base import load_policy
from molmospaces_gym.policies.spoc import ActionTokens, SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.actor_critic import RampedAdam, SpocActorCriticPolicy
from molmospaces_gym.policies.spoc.bc import BcSettings, BehaviourCloning, augmented, prepare
from molmospaces_gym.policies.spoc.demos import Demos, collect
from molmospaces_gym.policies.spoc.rl import RlSettings, Warmup, fine_tune, make_ppo
from molmospaces_gym.policies.spoc.vec import make_token_envs

CONFIG = SpocConfig.preset(
    "nano",
    vectors=(("place", 2),),
    action_dim=2,
    chunk=2,
    execute=2,
    dim=16,
    heads=2,
    hidden=24,
    layers=1,
    bins=5,
    text_length=3,
    vocabulary=32,
)
REAL = SpocConfig.preset(
    "nano", vectors=(("object_to_tcp", 3), ("gripper", 1)), dim=16, heads=2, hidden=24, layers=1
)
PICK = "molmospaces_gym/Pick-v1"


class Reach(gym.Env[Any, Any]):
    """Move a point to the origin with token chunks of two steps: success within 0.3."""

    def __init__(self) -> None:
        self.observation_space = spaces.Dict(
            {
                "text": spaces.Box(0, 31, (3,), np.int32),
                "place": spaces.Box(-5, 5, (2,), np.float32),
            }
        )
        self.action_space = spaces.MultiDiscrete([5] * 4)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1, 1, 2)
        self.steps = 0
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        moves = (np.asarray(action).reshape(2, 2) - 2) * 0.15
        self.place = np.clip(self.place + moves.sum(0), -5, 5)
        self.steps += 1
        done = bool(np.linalg.norm(self.place) < 0.3)
        info = {"is_success": done, "chunk_steps": 2}
        return self._seen(), float(done), done, self.steps >= 8, info

    def _seen(self) -> Any:
        return {"text": np.zeros(3, np.int32), "place": self.place.astype(np.float32)}


def reach(count: int = 4) -> DummyVecEnv:
    return DummyVecEnv([Reach] * count)


def settings(**changes: Any) -> RlSettings:
    base = {"n_steps": 16, "batch": 32, "warmup": 0, "trials": 8, "ramp": 0, "critic_arch": (32,)}
    return RlSettings(**{**base, **changes})


def fresh(seed: int = 0, dropout: float = 0.3) -> SpocModel:
    torch.manual_seed(seed)
    return SpocModel(SpocConfig(**{**CONFIG.__dict__, "dropout": dropout})).eval()


def rollout(ppo: PPO) -> dict[str, torch.Tensor]:
    ppo._setup_learn(1000)
    assert ppo.env is not None
    from stable_baselines3.common.callbacks import BaseCallback

    class Nothing(BaseCallback):
        def _on_step(self) -> bool:
            return True

    callback = Nothing()
    callback.init_callback(ppo)
    ppo.collect_rollouts(ppo.env, callback, ppo.rollout_buffer, ppo.n_steps)
    batch = next(ppo.rollout_buffer.get(64))
    return {
        "obs": batch.observations,
        "actions": batch.actions,
        "old": batch.old_log_prob,
    }  # type: ignore[dict-item]


@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_the_ratio_is_one_before_the_first_update(kind: str) -> None:
    ppo = make_ppo(fresh(), reach(), settings(log_prob=kind, temperature=1.3))
    found = rollout(ppo)
    ppo.policy.set_training_mode(True)  # as PPO does; dropout must stay off
    _, log_prob, _ = ppo.policy.evaluate_actions(found["obs"], found["actions"])
    assert (log_prob - found["old"]).exp().detach().numpy() == pytest.approx(1.0, abs=1e-5)
    # The same from the model's own logits, one token after another.
    policy = ppo.policy
    assert isinstance(policy, SpocActorCriticPolicy)
    logits = policy.spoc(found["obs"])[..., :5] / 1.3
    manual = torch.zeros(len(logits))
    for token in range(4):
        table = logits[:, token].log_softmax(-1)
        manual += table[torch.arange(len(table)), found["actions"][:, token].long()]
    manual = manual if kind == "sum" else manual / 4
    assert log_prob.detach().numpy() == pytest.approx(manual.detach().numpy(), abs=1e-5)


def test_samples_follow_the_probabilities() -> None:
    ppo = make_ppo(fresh(), reach(2), settings())
    policy = ppo.policy
    assert isinstance(policy, SpocActorCriticPolicy)
    obs = {"text": torch.zeros(4000, 3), "place": torch.full((4000, 2), 0.4)}
    with torch.no_grad():
        drawn, _, _ = policy.forward(obs)
        expected = policy.log_probs(obs)[0].exp()
    counts = torch.stack([torch.bincount(drawn[:, t], minlength=5) for t in range(4)]) / 4000
    assert (counts - expected).abs().max() < 0.04
    best = policy._predict(obs, deterministic=True)
    assert torch.equal(best[0], expected.argmax(-1))


def test_divergence_from_a_reference_sits_in_the_entropy_slot() -> None:
    model = fresh()
    ppo = make_ppo(model, reach(), settings(kl=0.5))
    policy = ppo.policy
    assert isinstance(policy, SpocActorCriticPolicy)
    assert ppo.ent_coef == 0.5
    obs = {"text": torch.zeros(3, 3), "place": torch.randn(3, 2)}
    tokens = torch.zeros(3, 4)
    _, _, bonus = policy.evaluate_actions(obs, tokens)
    assert bonus.detach().numpy() == pytest.approx(0.0, abs=1e-6)
    with torch.no_grad():
        policy.spoc.actor.bias[0] += 2.0
    _, _, bonus = policy.evaluate_actions(obs, tokens)
    reference = torch.distributions.Categorical(logits=model(obs)[..., :5])
    moved = torch.distributions.Categorical(logits=policy.spoc(obs)[..., :5])
    expected = torch.distributions.kl_divergence(moved, reference).sum(-1)
    assert (-bonus).detach().numpy() == pytest.approx(expected.detach().numpy(), abs=1e-5)
    # The reference is neither trained nor saved.
    assert not any("reference" in name for name, _ in policy.named_parameters())
    plain = make_ppo(model, reach(), settings(entropy=0.01)).policy
    _, _, entropy = plain.evaluate_actions(obs, tokens)
    assert entropy.detach().numpy() == pytest.approx(
        torch.distributions.Categorical(logits=model(obs)[..., :5]).entropy().sum(-1).detach()
    )
    with pytest.raises(InvalidConfig, match="one slot"):
        make_ppo(model, reach(), settings(kl=0.5, entropy=0.1))


def test_warm_up_trains_the_critic_alone() -> None:
    ppo = make_ppo(fresh(), reach(), settings(warmup=10_000))
    policy = ppo.policy
    assert isinstance(policy, SpocActorCriticPolicy)
    actor = {k: v.clone() for k, v in policy.spoc.state_dict().items()}
    critic = {k: v.clone() for k, v in policy.critic.state_dict().items()}
    ppo.learn(128, callback=Warmup(settings(warmup=10_000)))
    assert all(torch.equal(v, policy.spoc.state_dict()[k]) for k, v in actor.items())
    assert any(not torch.equal(v, policy.critic.state_dict()[k]) for k, v in critic.items())
    ppo.learn(128, callback=Warmup(settings()))
    assert any(not torch.equal(v, policy.spoc.state_dict()[k]) for k, v in actor.items())


def test_only_the_named_parts_of_the_actor_are_trained() -> None:
    ppo = make_ppo(fresh(), reach(), settings())
    policy = ppo.policy
    assert isinstance(policy, SpocActorCriticPolicy)
    before = {k: v.clone() for k, v in policy.spoc.named_parameters()}
    ppo.learn(128, callback=Warmup(settings(parts=("actor", "trunk.out"))))
    changed = {k for k, v in policy.spoc.named_parameters() if not torch.equal(v, before[k])}
    assert changed == {"actor.weight", "actor.bias", "trunk.out.weight"}


def test_the_actors_rate_rises_from_its_first_gradient_on() -> None:
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    groups = [{"params": [first], "ramp": 4}, {"params": [second], "scale": 0.5}]
    optimizer = RampedAdam(groups, lr=0.1)
    second.grad = torch.ones(1)
    optimizer.step()
    assert first.item() == 0.0
    assert second.item() == pytest.approx(-0.05, rel=1e-4)
    places = [0.0]
    for _ in range(5):
        first.grad = torch.ones(1)
        optimizer.step()
        places.append(first.item())
    assert np.diff(places) == pytest.approx([-0.025, -0.05, -0.075, -0.1, -0.1], rel=1e-3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]


def test_a_saved_model_acts_the_same(tmp_path: Path) -> None:
    ppo = make_ppo(fresh(), reach(), settings(kl=0.1))
    ppo.learn(128)
    ppo.save(tmp_path / "model.zip")
    again = PPO.load(tmp_path / "model.zip", device="cpu")
    obs = {
        "text": np.zeros((5, 3), np.int32),
        "place": np.random.default_rng(0).normal(size=(5, 2)),
    }
    obs["place"] = obs["place"].astype(np.float32)
    for deterministic in (True, False):
        torch.manual_seed(3)
        before, _ = ppo.predict(obs, deterministic=deterministic)
        torch.manual_seed(3)
        after, _ = again.predict(obs, deterministic=deterministic)
        assert np.array_equal(before, after)


def test_another_model_is_refused() -> None:
    policy = make_ppo(fresh(), reach(), settings()).policy
    assert isinstance(policy, SpocActorCriticPolicy)
    with pytest.raises(InvalidConfig, match="another configuration"):
        policy.load_actor(SpocModel(SpocConfig(**{**CONFIG.__dict__, "hidden": 32})))
    with pytest.raises(InvalidConfig, match="not 'flow'"):
        make_ppo(SpocModel(SpocConfig(**{**CONFIG.__dict__, "head": "flow"})), reach(), settings())
    for wrong in ({"log_prob": "max"}, {"temperature": 0.0}):
        with pytest.raises(InvalidConfig, match=next(iter(wrong))):
            make_ppo(fresh(), reach(), settings(**wrong))


@pytest.mark.slow
def test_ppo_improves_what_it_starts_from(tmp_path: Path) -> None:
    """A point that is to reach the origin: sparse reward, from a policy that knows nothing."""
    model = fresh(dropout=0.0)
    chosen = settings(
        env_steps=16_000, n_steps=64, batch=128, rate=2e-3, every=100_000, trials=200, clip=0.2,
        target_kl=1.0, warmup=512, ramp=8, epochs=4, seed=1,
    )  # fmt: skip
    fine_tune(model, reach(8), reach(8), chosen, tmp_path)
    rows = (tmp_path / "curve.csv").read_text().split()
    start, end = (int(row.split(",")[3]) for row in (rows[1], rows[-1]))
    assert end > start + 60
    assert SpocModel.from_pretrained(tmp_path / "best").config == model.config


@pytest.fixture(scope="module")
def demos() -> Demos:
    env = gym.make(PICK, houses=2, action_mode="ee_delta", horizon=80, disable_env_checker=True)
    found = collect(env, REAL, load_policy("expert"), 3, seed=0)
    env.close()
    return found


def test_demonstrations_hold_whole_episodes(demos: Demos) -> None:
    assert demos.episodes == 3 <= demos.tried
    assert demos.inputs["object_to_tcp"].shape == (len(demos), 3)
    assert demos.inputs["text"].shape == (len(demos), REAL.text_length)
    assert sorted(set(demos.ends.tolist()))[-1] == len(demos)
    first = int(demos.ends[0])
    rows = np.array([0, first - 2, first])
    chunk, padding = demos.chunks(rows, 4)
    assert np.array_equal(chunk[0], demos.actions[:4])
    assert padding.tolist() == [[False] * 4, [False, False, True, True], [False] * 4]
    assert np.array_equal(chunk[1, 2], demos.actions[first - 1])
    assert np.array_equal(chunk[2], demos.actions[first : first + 4])
    # Nothing in it is waiting: an open-loop policy would never stop doing so.
    offsets, gripper = demos.inputs["object_to_tcp"][:first], demos.inputs["gripper"][:first]
    changes = np.abs(np.diff(np.hstack([offsets, gripper]), axis=0)).max(axis=1)
    assert (changes > 0).mean() > 0.95


def test_demonstrations_survive_a_file(demos: Demos, tmp_path: Path) -> None:
    demos.save(tmp_path / "demos.npz")
    again = Demos.load(tmp_path / "demos.npz")
    assert (again.episodes, again.tried) == (demos.episodes, demos.tried)
    assert np.array_equal(again.actions, demos.actions)
    assert all(np.array_equal(again.inputs[k], v) for k, v in demos.inputs.items())
    (tmp_path / "other.npz").write_bytes(b"no zip")
    with pytest.raises(InvalidConfig, match="no demonstrations"):
        Demos.load(tmp_path / "other.npz")


def test_cloning_resumes_as_if_never_stopped(demos: Demos, tmp_path: Path) -> None:
    chosen = BcSettings(steps=24, batch=32, every=8, seed=4)

    def cloning(folder: str) -> BehaviourCloning:
        return BehaviourCloning(prepare(REAL, demos, seed=4), demos, tmp_path / folder, chosen)

    stop_at(cloning("parts"), 8)
    again, unbroken = cloning("parts"), cloning("whole")
    again.run()
    unbroken.run()
    whole, parts = unbroken.model, again.model
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    with pytest.raises(InvalidConfig, match="other settings"):
        BehaviourCloning(
            prepare(REAL, demos, 4), demos, tmp_path / "whole", BcSettings(steps=25, every=8)
        ).run()


class _Stop(Exception):
    pass


def stop_at(cloning: BehaviourCloning, step: int) -> None:
    """Run until the checkpoint of ``step`` was written."""
    save = cloning._save

    def save_and_stop() -> None:
        save()
        if cloning._progress.step == step:
            raise _Stop

    cloning._save = save_and_stop  # type: ignore[method-assign]
    with pytest.raises(_Stop):
        cloning.run()


def test_the_best_trial_is_kept_not_the_last(demos: Demos, tmp_path: Path) -> None:
    rates = iter([0.2, 0.6, 0.4])
    kept: list[dict[str, torch.Tensor]] = []

    def trial(model: SpocModel) -> float:
        kept.append({k: v.clone() for k, v in model.state_dict().items()})
        return next(rates)

    model = prepare(REAL, demos, seed=0)
    chosen = BcSettings(steps=9, batch=16, every=3)
    progress = BehaviourCloning(model, demos, tmp_path, chosen, trial=trial).run()
    assert progress.successes == [(3, 0.2), (6, 0.6), (9, 0.4)]
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in kept[1].items())
    assert not torch.equal(kept[2]["trunk.queries"], kept[1]["trunk.queries"])


def test_weights_are_of_the_right_length(demos: Demos, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="weights must have shape"):
        BehaviourCloning(prepare(REAL, demos, 0), demos, tmp_path, BcSettings(), weights=np.ones(3))


def test_pictures_are_shifted_and_tinted_a_little() -> None:
    torch.manual_seed(0)
    images = (torch.arange(2 * 16 * 16 * 3) % 200).reshape(2, 16, 16, 3).to(torch.uint8)
    assert torch.equal(augmented(images, 0, 0.0), images)
    moved = augmented(images, 2, 0.0)
    assert not torch.equal(moved, images)
    assert set(moved.unique().tolist()) <= set(images.unique().tolist())
    assert augmented(images, 2, 0.3).shape == images.shape


def test_chunks_of_a_real_env_are_what_single_steps_are() -> None:
    """Chunks of four sum rewards and end with the episode, in one slot or in the other."""
    kwargs: dict[str, Any] = {"houses": 2, "action_mode": "ee_delta", "horizon": 10}
    chunked = make_sb3_vec_env(PICK, 2, seed=5, chunk=4, **kwargs)
    single = make_sb3_vec_env(PICK, 2, seed=5, **kwargs)
    first, second = chunked.reset(), single.reset()
    assert all(np.array_equal(first[key], second[key]) for key in second)
    rng = np.random.default_rng(0)
    for played in (4, 4, 2):
        actions = rng.uniform(-1, 1, (2, 4, 7)).astype(np.float32)
        found, rewards, dones, infos = chunked.step(actions.reshape(2, -1))
        total = np.zeros(2)
        for index in range(played):
            seen, one, ended, last = single.step(actions[:, index])
            total += one
        assert rewards == pytest.approx(total, abs=1e-6)
        assert [info["chunk_steps"] for info in infos] == [played] * 2
        assert dones.tolist() == ended.tolist() == [played == 2] * 2
        assert all(np.array_equal(found[key], seen[key]) for key in seen)
    for info, other in zip(infos, last, strict=True):
        assert info["TimeLimit.truncated"]
        final, wanted = info["terminal_observation"], other["terminal_observation"]
        assert all(np.array_equal(final[key], wanted[key]) for key in wanted)
    chunked.close()
    single.close()


def test_token_envs_say_what_they_lack() -> None:
    tokens = ActionTokens.uniform(-np.ones(7), np.ones(7), REAL.bins)
    envs = make_token_envs(PICK, REAL, tokens, 2, seed=1, houses=2, action_mode="ee_delta")
    seen = envs.reset()
    assert set(seen) == {"text", "object_to_tcp", "gripper"}
    assert seen["text"].any(axis=1).all()
    assert envs.action_space == spaces.MultiDiscrete([REAL.bins] * 28)
    middle = np.full((2, 28), REAL.bins // 2)
    moved, *_ = envs.step(middle)  # the middle of 33 bins is no movement
    assert np.abs(moved["object_to_tcp"] - seen["object_to_tcp"]).max() < 5e-3
    envs.close()
    with pytest.raises(InvalidConfig, match="do not fit an action space"):
        make_token_envs(PICK, REAL, tokens, 1, houses=2, action_mode="joint_delta")
    blind = SpocConfig.preset("nano", cameras=("nowhere",))
    with pytest.raises(InvalidConfig, match="nowhere"):
        make_token_envs(PICK, blind, tokens, 1, houses=2, action_mode="ee_delta")


def test_running_out_of_time_is_a_failure_at_a_deadline() -> None:
    """Else PPO counts on what might still come, and a failure costs nothing."""
    torch.manual_seed(0)
    tokens = SpocModel(REAL).tokens
    kwargs = {"scene": "generated/train/0", "action_mode": "ee_delta", "horizon": 6}
    ends = {}
    for deadline in (False, True):
        envs = make_token_envs(PICK, REAL, tokens, 2, 0, (), deadline, **kwargs)
        idle = np.full((2, REAL.executed), REAL.bins // 2)
        first = envs.reset()
        second, _, dones, _ = envs.step(idle)
        assert not dones.any()
        third, _, dones, infos = envs.step(idle)
        assert dones.all()
        ends[deadline] = [info["TimeLimit.truncated"] for info in infos]
        assert ("time_left" in envs.observation_space.spaces) == deadline
        if deadline:
            left = [obs["time_left"].tolist() for obs in (first, second, third)]
            np.testing.assert_allclose(left, [[[1.0]] * 2, [[1 / 3]] * 2, [[1.0]] * 2], atol=1e-6)
            assert all(i["terminal_observation"]["time_left"].tolist() == [0.0] for i in infos)
            policy = make_ppo(SpocModel(REAL), envs, settings()).policy
            assert isinstance(policy, SpocActorCriticPolicy)
            assert policy.critic_keys == ("object_to_tcp", "gripper", "time_left")
        envs.close()
    assert ends == {False: [True, True], True: [False, False]}


def test_rewards_are_scaled() -> None:
    torch.manual_seed(0)
    tokens = SpocModel(REAL).tokens
    kwargs = {"scene": "generated/train/0", "action_mode": "ee_delta", "reward_mode": "dense"}
    found = []
    for scale in (1.0, 0.25):
        envs = make_token_envs(PICK, REAL, tokens, 2, 0, (), False, scale, **kwargs)
        envs.reset()
        _, rewards, _, _ = envs.step(np.zeros((2, REAL.executed)))
        found.append(rewards)
        envs.close()
    assert np.abs(found[0]).min() > 1e-6
    np.testing.assert_allclose(found[1], 0.25 * found[0], rtol=1e-6)
