"""SPOC under PPO: probabilities, the critic, warm-up, what is trained and what is saved."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from molmospaces_gym.errors import InvalidConfig, RunChanged
from molmospaces_gym.policies.spoc import ActionTokens, SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.actor_critic import RampedAdam, SpocActorCriticPolicy
from molmospaces_gym.policies.spoc.rl import RlSettings, Warmup, fine_tune, make_ppo

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


def policy_of(ppo: PPO) -> SpocActorCriticPolicy:
    assert isinstance(ppo.policy, SpocActorCriticPolicy)
    return ppo.policy


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
    policy = policy_of(ppo)
    logits = policy.spoc(found["obs"])[..., :5] / 1.3
    manual = torch.zeros(len(logits))
    for token in range(4):
        table = logits[:, token].log_softmax(-1)
        manual += table[torch.arange(len(table)), found["actions"][:, token].long()]
    manual = manual if kind == "sum" else manual / 4
    assert log_prob.detach().numpy() == pytest.approx(manual.detach().numpy(), abs=1e-5)


def test_samples_follow_the_probabilities() -> None:
    ppo = make_ppo(fresh(), reach(2), settings())
    policy = policy_of(ppo)
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
    policy = policy_of(ppo)
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
    assert not any(value.requires_grad for value in policy.reference.parameters())
    plain = make_ppo(model, reach(), settings(entropy=0.01)).policy
    _, _, entropy = plain.evaluate_actions(obs, tokens)
    assert entropy.detach().numpy() == pytest.approx(
        torch.distributions.Categorical(logits=model(obs)[..., :5]).entropy().sum(-1).detach()
    )
    with pytest.raises(InvalidConfig, match="one slot"):
        make_ppo(model, reach(), settings(kl=0.5, entropy=0.1))


def test_warm_up_trains_the_critic_alone() -> None:
    ppo = make_ppo(fresh(), reach(), settings(warmup=10_000))
    policy = policy_of(ppo)
    actor = {k: v.clone() for k, v in policy.spoc.state_dict().items()}
    critic = {k: v.clone() for k, v in policy.critic.state_dict().items()}
    ppo.learn(128, callback=Warmup(10_000))
    assert all(torch.equal(v, policy.spoc.state_dict()[k]) for k, v in actor.items())
    assert any(not torch.equal(v, policy.critic.state_dict()[k]) for k, v in critic.items())
    ppo.learn(128, callback=Warmup(0))
    assert any(not torch.equal(v, policy.spoc.state_dict()[k]) for k, v in actor.items())


def test_only_the_named_parts_of_the_actor_are_trained(tmp_path: Path) -> None:
    ppo = make_ppo(fresh(), reach(), settings(parts=("actor", "trunk.out")))

    def changed(ppo: PPO) -> set[str]:
        spoc = policy_of(ppo).spoc
        before = {k: v.clone() for k, v in spoc.named_parameters()}
        ppo.learn(128, callback=Warmup(0))
        return {k for k, v in spoc.named_parameters() if not torch.equal(v, before[k])}

    assert changed(ppo) == {"actor.weight", "actor.bias", "trunk.out.weight"}
    ppo.save(tmp_path / "model.zip")
    again = PPO.load(tmp_path / "model.zip", reach(), device="cpu")
    assert changed(again) == {"actor.weight", "actor.bias", "trunk.out.weight"}
    with pytest.raises(InvalidConfig, match=r"no part 'memory.vector_'; it has .*memory.vectors"):
        make_ppo(fresh(), reach(), settings(parts=("memory.vector_",)))


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


def test_a_loaded_model_still_knows_what_it_must_not_leave(tmp_path: Path) -> None:
    """Without its reference, going on with the same weight would pay for entropy."""
    ppo = make_ppo(fresh(), reach(), settings(kl=0.1, rate=3e-3))
    reference = {k: v.clone() for k, v in policy_of(ppo).spoc.state_dict().items()}
    ppo.learn(256)
    ppo.save(tmp_path / "model.zip")
    again = PPO.load(tmp_path / "model.zip", reach(), device="cpu")
    obs = {"text": torch.zeros(3, 3), "place": torch.randn(3, 2)}
    bonuses = [policy_of(one).evaluate_actions(obs, torch.zeros(3, 4))[2] for one in (ppo, again)]
    assert torch.equal(*bonuses)
    assert (bonuses[0] < -1e-4).all()
    again.learn(128)
    kept = policy_of(again).reference
    assert kept is not None
    assert all(torch.equal(v, reference[k]) for k, v in kept.state_dict().items())


def test_a_critic_with_eyes_moves_nothing_of_the_actor() -> None:
    config = SpocConfig(**{**CONFIG.__dict__, "cameras": ("eye",), "image_size": 32})
    torch.manual_seed(0)
    model = SpocModel(config)
    seen = spaces.Dict(
        {
            "text": spaces.Box(0, 31, (3,), np.int32),
            "place": spaces.Box(-5, 5, (2,), np.float32),
            "eye": spaces.Box(0, 255, (3, 32, 32), np.uint8),
        }
    )
    policy = SpocActorCriticPolicy(
        seen, spaces.MultiDiscrete([5] * 4), lambda _: 1e-3, config=config
    )
    policy.load_actor(model)
    eyes = policy.critic.eyes
    assert eyes is not None
    assert all(torch.equal(v, model.memory.state_dict()[k]) for k, v in eyes.state_dict().items())
    obs = {
        "text": torch.zeros(2, 3, dtype=torch.int32),
        "place": torch.zeros(2, 2),
        "eye": torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8),
    }
    other = {**obs, "eye": 255 - obs["eye"]}
    values = policy.predict_values(obs)
    assert not torch.allclose(values, policy.predict_values(other))
    values.sum().backward()
    assert all(value.grad is None for value in policy.spoc.parameters())
    assert any(value.grad is not None for value in eyes.parameters())


def test_ghosts_are_never_drawn_and_cost_no_divergence() -> None:
    """Actions of which most are alike leave bins without width."""
    model = fresh()
    rng = np.random.default_rng(0)
    data = np.column_stack([rng.choice([-1.0, -1.0, -1.0, 0.0, 1.0], 400), rng.normal(size=400)])
    model.set_tokens(ActionTokens.fit(data, 5))
    allowed = model.valid(torch.device("cpu"))[:, :5]
    assert not allowed.all()
    policy = policy_of(make_ppo(model, reach(2), settings(kl=0.1, temperature=3.0)))
    with torch.no_grad():
        policy.spoc.actor.bias += 3.0 * torch.randn(6)
    obs = {"text": torch.zeros(4000, 3), "place": torch.randn(4000, 2)}
    tokens, _, log_prob = policy.forward(obs)
    drawn = torch.stack([torch.bincount(tokens[:, t], minlength=5) for t in range(4)])
    assert (drawn[~allowed] == 0).all()
    assert (drawn[allowed] > 0).any(dim=0)
    _, again, bonus = policy.evaluate_actions(obs, tokens)
    assert torch.isfinite(bonus).all() and (bonus < 0).all()
    assert torch.equal(again, log_prob)
    bonus.mean().backward()
    assert all(
        torch.isfinite(value.grad).all()
        for value in policy.spoc.parameters()
        if value.grad is not None
    )


def test_the_clip_range_and_the_limit_of_divergence_belong_to_the_log_probability() -> None:
    found = {}
    for kind in ("sum", "mean"):
        ppo = make_ppo(fresh(), reach(), settings(log_prob=kind, target_kl=0.32))
        found[kind] = (ppo.clip_range(1.0), ppo.target_kl)
    assert found["sum"] == (0.1, 0.32)
    # The mean's log-ratio is a quarter of that of four tokens, its square a sixteenth.
    assert found["mean"] == (0.01, pytest.approx(0.02))
    assert make_ppo(fresh(), reach(), settings(log_prob="mean", clip=0.3)).clip_range(1.0) == 0.3


def test_a_ramp_tames_the_first_update() -> None:
    moved = {}
    for ramp in (0, 40):
        chosen = settings(kl=1e-9, ramp=ramp, rate=3e-3, n_steps=64, batch=256, epochs=1)
        ppo = make_ppo(fresh(), reach(), chosen)
        ppo.learn(256)  # a single gradient step
        obs = {"text": torch.zeros(50, 3), "place": torch.randn(50, 2)}
        with torch.no_grad():
            _, _, bonus = policy_of(ppo).evaluate_actions(obs, torch.zeros(50, 4))
        moved[ramp] = -float(bonus.mean())
    assert 0.0 < moved[40] < 0.01 * moved[0]


def test_a_used_folder_is_refused(tmp_path: Path) -> None:
    chosen = settings(env_steps=64)
    fine_tune(fresh(), reach(8), reach(8), chosen, tmp_path)
    before = (tmp_path / "curve.csv").read_text()
    with pytest.raises(RunChanged, match="holds a training already"):
        fine_tune(fresh(), reach(8), reach(8), chosen, tmp_path)
    assert (tmp_path / "curve.csv").read_text() == before


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
