"""TOPReward and VectorTOPReward on real envs, with a model whose every score is known."""

import json
import math
import sys
import threading
import types

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidAnswer, InvalidConfig
from molmospaces_gym.rewards.vector_wrapper import VectorTOPReward
from molmospaces_gym.rewards.wrapper import TOPReward
from molmospaces_gym.wrappers import ActionChunk

ID = "molmospaces_gym/Pick-v1"
SHORT = {"houses": 1, "horizon": 7, "action_mode": "ee_delta"}
SIZE = [32, 24]
COMMON = {"score_every": 3, "image_size": SIZE, "calibration": [-0.5, 0.5]}
PLAIN = {"baseline": False, "calibration": [-12.0, -10.0]}
"""Settings without a still video; log P(True) starts at -12 and moves by tenths."""
SETTINGS: dict = {
    "potential": {},
    "potential-async": {"asynchronous": True},
    "plain-async": {**PLAIN, "asynchronous": True},
    "logp-async": {"mode": "logp", "asynchronous": True},
    "margin": {"mode": "margin", "combine": "replace"},
    "episode": {"mode": "episode_progress"},
}


def one(pixel_model, model=None, env=None, **settings):
    env = env or gym.make(ID, **SHORT)
    return TOPReward(env, model=model or pixel_model(), **{**COMMON, **settings})


def actions(count, envs=1, size=7):
    return np.random.default_rng(5).uniform(-1, 1, (count, envs, size)).astype(np.float32)


def test_the_reward_is_what_the_scores_say(pixel_model):
    plain, env = gym.make(ID, **SHORT), one(pixel_model, gamma=0.9, weight=2.0, **PLAIN)
    plain.reset(seed=3)
    _, info = env.reset(seed=3)
    assert info["topreward/scored"] and info["topreward/logp_true"] == -12 + 0.25
    potential, truncated, shown = info["topreward/progress"], False, 0
    for action in actions(7)[:, 0]:
        expected = plain.step(action)
        observation, reward, terminated, truncated, info = env.step(action)
        assert info["reward/env"] == expected[1]
        change, potential = 0.9 * info["topreward/progress"] - potential, info["topreward/progress"]
        assert info["reward/topreward"] == pytest.approx(2.0 * change)
        assert reward == info["reward/env"] + info["reward/topreward"]
        assert isinstance(reward, float) and type(info["topreward/progress"]) is float
        for key, value in expected[0].items():
            np.testing.assert_array_equal(observation[key], value)
        shown += info["topreward/scored"]
        assert json.loads(json.dumps(info)) == info
    assert truncated and shown == 3  # steps 3 and 6, and the last one
    plain.close()
    env.close()


def test_frames_of_a_state_policy_are_those_of_the_camera(pixel_model):
    env = one(pixel_model, camera="exo_camera_1", **PLAIN)
    seeing = gym.make(ID, **SHORT, obs_mode="rgb", image_size=SIZE, cameras=["exo_camera_1"])
    env.reset(seed=1)
    observation, _ = seeing.reset(seed=1)
    frames = env.model.batches[0].sessions[0].frames
    np.testing.assert_array_equal(frames[0], observation["exo_camera_1"])
    watched = one(pixel_model, env=seeing, camera="exo_camera_1")
    observation, _ = watched.reset(seed=1)
    np.testing.assert_array_equal(watched.model.batches[0].sessions[0].frames[0], frames[0])
    twin = watched.model.batches[0].sessions[1].frames
    np.testing.assert_array_equal(twin[0], frames[0])
    env.close()
    watched.close()


def test_views_of_several_cameras_stand_side_by_side(pixel_model):
    names = ["exo_camera_1", "wrist_camera"]
    model = pixel_model()
    model.cameras = tuple(names)
    env = one(pixel_model, model=model)
    seeing = gym.make(ID, **SHORT, obs_mode="rgb", image_size=SIZE, cameras=names)
    watched = one(pixel_model, env=seeing, camera=names)
    env.reset(seed=1)
    observation, _ = watched.reset(seed=1)
    both = np.concatenate([observation[name] for name in names], axis=1)
    assert both.shape == (SIZE[1], 2 * SIZE[0], 3)
    for wrapper in (env, watched):
        np.testing.assert_array_equal(wrapper.model.batches[0].sessions[0].frames[0], both)
    assert watched._camera.observed and not env._camera.observed
    env.close()
    watched.close()


def test_score_every_follows_from_the_models_rate(pixel_model):
    env = one(pixel_model, model=pixel_model(fps=5.0), score_every=None)
    env.reset(seed=0)
    control_dt = env.unwrapped.session.control_dt
    assert env._schedule.every == round(1 / (5.0 * control_dt)) == 3
    env.close()


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("mode", ["SameStep", "NextStep", "Disabled"])
def test_vector_pays_what_single_ones_pay(pixel_model, mixed_suite, mode, settings):
    count, steps = 3, 18
    kwargs = {"benchmark": str(mixed_suite), "action_mode": "ee_delta"}  # of 4 to 9 steps
    settings = {**COMMON, **settings}
    envs = gym.make_vec(ID, num_envs=count, autoreset_mode=mode, **kwargs)
    envs = VectorTOPReward(envs, pixel_model(), **settings)
    singles = [one(pixel_model, env=gym.make(ID, **kwargs), **settings) for _ in range(count)]
    ends, paid = set(), set()
    _, infos = envs.reset(seed=11)
    for slot, env in enumerate(singles):
        _, info = env.reset(seed=11 + slot)
        compare(infos, slot, info)
    over = [False] * count
    for step, batch in enumerate(actions(steps, count)):
        if mode == "Disabled" and step == 4:  # some begin anew in the middle
            mask = np.array([False, True, False])
            _, infos = envs.reset(options={"reset_mask": mask})
            compare(infos, 1, singles[1].reset()[1])
        _, rewards, terminated, truncated, infos = envs.step(batch)
        for slot, env in enumerate(singles):
            if mode == "NextStep" and over[slot]:
                compare(infos, slot, env.reset()[1])
                assert rewards[slot] == 0.0
                over[slot] = False
                continue
            _, reward, success, cut, info = env.step(batch[slot])
            assert rewards[slot] == reward
            paid.add(info["reward/topreward"])
            assert (terminated[slot], truncated[slot]) == (success, cut)
            over[slot] = success or cut
            ends |= {step} if over[slot] else set()
            if over[slot] and mode == "SameStep":
                compare(infos["final_info"], slot, info)
                compare(infos, slot, env.reset()[1])
            else:
                compare(infos, slot, info)
        if mode == "Disabled" and any(over):
            mask = np.array(over)
            _, infos = envs.reset(options={"reset_mask": mask})
            for slot in np.flatnonzero(mask):
                compare(infos, slot, singles[slot].reset()[1])
                over[slot] = False
    assert len(ends) > 3 and len(paid) > 3
    envs.close()
    for env in singles:
        env.close()


def compare(infos, slot, info):
    """The slot of the vector infos has the same rewards and scores as a single env's info."""
    keys = {key for key in infos if not key.startswith("_")}
    ours = {key for key in keys if key.startswith(("reward/", "topreward/"))}
    ours = {key for key in ours if infos[f"_{key}"][slot]}
    assert ours == {key for key in info if key.startswith(("reward/", "topreward/"))}
    for key in ours:
        value = infos[key][slot]
        both_nan = isinstance(value, float) and math.isnan(value) and math.isnan(info[key])
        assert both_nan or value == info[key], key


def test_observed_frames_in_same_step_are_those_of_the_last_state(pixel_model):
    kwargs = {**SHORT, "obs_mode": "rgb", "image_size": SIZE, "cameras": ["exo_camera_1"]}
    envs = gym.make_vec(ID, num_envs=2, autoreset_mode="SameStep", **kwargs)
    envs = VectorTOPReward(envs, pixel_model(), camera="exo_camera_1", score_every=3)
    envs.reset(seed=2)
    sessions = dict(envs.model.batches[0].sessions)
    infos = {}
    for batch in actions(7, 2):
        observation, *_, infos = envs.step(batch)
    for slot in range(2):
        last = infos["final_obs"][slot]["exo_camera_1"]
        np.testing.assert_array_equal(sessions[slot].frames[-1], last)
        first = envs.model.batches[0].sessions[slot].frames[0]
        np.testing.assert_array_equal(first, observation["exo_camera_1"][slot])
    envs.close()


@pytest.mark.parametrize("camera", [None, "exo_camera_1"])
@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_tensors_are_paid_like_arrays(pixel_model, mode, camera):
    pictures = {"obs_mode": "rgb", "image_size": SIZE, "cameras": ["exo_camera_1"]}
    kwargs = {**SHORT, **pictures, "autoreset_mode": mode}
    runs = []
    for output in ("numpy", "torch"):
        envs = gym.make_vec(ID, num_envs=2, output=output, **kwargs)
        envs = VectorTOPReward(envs, pixel_model(), camera=camera, **COMMON)
        envs.reset(seed=2)
        runs.append([envs.step(batch)[1:4] for batch in actions(9, 2)])
        envs.close()
    torch = pytest.importorskip("torch")
    for arrays, tensors in zip(*runs, strict=True):
        assert [value.dtype for value in tensors] == [torch.float32, torch.bool, torch.bool]
        for array, tensor in zip(arrays, tensors, strict=True):
            # The env's own part is rounded to float32 before the other is added.
            np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-6, atol=1e-7)


def test_a_vector_wrapper_keeps_its_arguments_in_plain_json(pixel_model):
    envs = gym.make_vec(ID, num_envs=1, **SHORT)
    envs = VectorTOPReward(envs, "callable:math:sqrt", **COMMON)
    said = json.loads(json.dumps(envs._saved_kwargs))
    assert said == {"model": "callable:math:sqrt", **COMMON}
    assert VectorTOPReward(envs.env, **said).config == envs.config
    envs.close()


def test_rendered_frames_in_same_step_are_those_of_the_last_state(pixel_model):
    kwargs = {**SHORT, "obs_mode": "rgb", "image_size": SIZE, "cameras": ["exo_camera_1"]}
    envs = gym.make_vec(ID, num_envs=2, autoreset_mode="SameStep", **kwargs)
    envs = VectorTOPReward(envs, pixel_model(), image_size=SIZE, score_every=3)
    assert not envs._camera.observed
    envs.reset(seed=2)
    sessions = dict(envs.model.batches[0].sessions)
    for batch in actions(7, 2):
        *_, infos = envs.step(batch)
    for slot in range(2):
        last = infos["final_obs"][slot]["exo_camera_1"]
        np.testing.assert_array_equal(sessions[slot].frames[-1], last)
    envs.close()


def test_asynchronous_scores_come_one_decision_later_and_the_last_at_the_end(pixel_model):
    runs = {}
    for late in (False, True):
        env = one(pixel_model, asynchronous=late, gamma=1.0, zero_at="never")
        _, start = env.reset(seed=7)
        infos = [env.step(action)[-1] for action in actions(7)[:, 0]]
        runs[late] = [start, *infos]
        env.close()
    values = {late: [i["topreward/value"] for i in infos] for late, infos in runs.items()}
    assert math.isnan(values[True][0])
    assert values[True][1:7] == values[False][:6]
    assert values[True][7] == values[False][7]
    totals = {late: sum(i["reward/topreward"] for i in infos[1:]) for late, infos in runs.items()}
    assert totals[True] == pytest.approx(totals[False])


def test_the_model_thinks_while_the_simulator_steps(pixel_model):
    """Its score of the last decision comes to an end only while the next step is being taken."""
    stepping = threading.Event()

    def judge(frames, instruction):
        assert stepping.wait(30), "no step was taken while the model was thinking"
        stepping.clear()
        return -1.0

    class Stepping(gym.Wrapper):
        def step(self, action):
            stepping.set()
            return self.env.step(action)

    env = Stepping(gym.make(ID, **SHORT))
    env = TOPReward(env, pixel_model(judge=judge), score_every=1, asynchronous=True, **PLAIN)
    env.reset(seed=0)
    for _ in range(3):
        *_, info = env.step(np.zeros(7, np.float32))
        assert info["topreward/scored"]
    stepping.set()  # what was shown last
    env.close()


def test_an_unfinished_episode_leaves_nothing_behind(pixel_model):
    env = one(pixel_model, asynchronous=True, **PLAIN)
    env.reset(seed=1)
    env.step(actions(1)[0, 0])
    env.reset(seed=1)
    first = [env.step(action)[-1] for action in actions(7)[:, 0]]
    env.reset(seed=1)
    assert [env.step(action)[-1] for action in actions(7)[:, 0]] == first
    env.close()


def test_chunks_are_one_decision(pixel_model):
    chunked = ActionChunk(gym.make(ID, **SHORT), chunk=4)
    env = one(pixel_model, env=chunked, score_every=3)
    envs = gym.make_vec(ID, num_envs=1, autoreset_mode="SameStep", **SHORT)
    envs = VectorTOPReward(envs, pixel_model(), **COMMON)
    env.reset(seed=9)
    envs.reset(seed=9)
    for chunk in actions(8).reshape(2, 28):
        _, reward, _, truncated, info = env.step(chunk)
        _, rewards, _, cut, infos = envs.step_chunk(chunk.reshape(1, 4, 7))
        assert rewards[0] == pytest.approx(reward, abs=1e-12) and cut[0] == truncated
        assert info["topreward/scored"]
        last = infos["final_info"] if truncated else infos
        assert last["reward/topreward"][0] == info["reward/topreward"]
    assert truncated
    env.close()
    envs.close()


def test_a_foreign_vector_env_needs_an_observed_camera(pixel_model):
    made = [lambda: gym.make(ID, **SHORT, obs_mode="rgb", image_size=SIZE)] * 2
    envs = SyncVectorEnv(made, autoreset_mode="SameStep")
    with pytest.raises(InvalidConfig, match="camera"):
        VectorTOPReward(envs, pixel_model())
    envs = VectorTOPReward(envs, pixel_model(), camera="exo_camera_1", score_every=2)
    envs.reset(seed=0)
    for batch in actions(8, 2):
        _, rewards, _, _, infos = envs.step(batch)
    assert np.isfinite(rewards).all()
    assert infos["_reward/topreward"].all()
    envs.close()


class Plain(gym.Env):
    """Neither an instruction nor a session: somebody else's env."""

    observation_space = gym.spaces.Box(0, 1, (1,))
    action_space = gym.spaces.Box(-1, 1, (1,))
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode="rgb_array"):
        self.render_mode, self.t = render_mode, 0

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(1, np.float32), 0.0, False, self.t == 10, {}

    def render(self):
        return np.full((8, 8, 3), 20 * self.t, np.uint8)


def test_any_env_that_renders(pixel_model):
    env = TOPReward(Plain(), pixel_model(), instruction="brighten", gamma=1.0, baseline=False)
    env.reset()
    total = sum(env.step(np.zeros(1))[-1]["reward/topreward"] for _ in range(10))
    assert env._schedule.every == 5
    scores = [math.exp(-12 + 0.25 * n + 6 * 20 * t / 255) for n, t in ((1, 0), (3, 10))]
    assert total == pytest.approx(scores[1] - scores[0])
    assert env.model.started == [(0, "brighten")]
    with pytest.raises(InvalidConfig, match="instruction"):
        TOPReward(Plain(), pixel_model()).reset()
    with pytest.raises(InvalidConfig, match="render_mode"):
        TOPReward(Plain(None), pixel_model())


@pytest.mark.parametrize("late", [False, True])
def test_a_failure_of_the_model_is_no_reward(pixel_model, late):
    def broken(frames, instruction):
        return math.nan if len(frames) > 1 else -1.0

    env = one(pixel_model, model=pixel_model(judge=broken), score_every=1, asynchronous=late)
    env.reset(seed=0)
    with pytest.raises((InvalidAnswer, ValueError)):
        for action in actions(3)[:, 0]:
            env.step(action)
    env.close()


def test_wrong_models_are_refused(pixel_model):
    with pytest.raises(InvalidConfig, match="load_reward_model"):
        TOPReward(Plain(), model=object())


def test_a_wrapper_with_a_named_model_rebuilds_from_its_spec(pixel_model, monkeypatch):
    registry = types.ModuleType("molmospaces_gym.rewards.registry")
    registry.load_reward_model = {"dots": pixel_model()}.__getitem__
    monkeypatch.setitem(sys.modules, registry.__name__, registry)
    env = one(pixel_model, model="dots", mode="prob", asynchronous=True)
    spec = gym.envs.registration.EnvSpec.from_json(env.spec.to_json())
    again = gym.make(spec)
    assert again.config == env.config and again.model is env.model
    env.reset(seed=1)
    again.reset(seed=1)
    for action in actions(7)[:, 0]:
        assert env.step(action)[1] == again.step(action)[1]
    env.close()
    again.close()


def test_constructor_arguments_are_recorded(pixel_model):
    model = pixel_model()
    env = one(pixel_model, model=model, mode="prob")
    assert env._saved_kwargs == {"model": model, **COMMON, "mode": "prob"}
    env.close()
