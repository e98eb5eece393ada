"""The known trap: log P(True) rises with the length of a video, so that doing nothing is paid."""

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.rewards.metrics import voc
from molmospaces_gym.rewards.wrapper import TOPReward

ID = "molmospaces_gym/Pick-v1"
KWARGS = {"houses": 1, "horizon": 24, "action_mode": "ee_delta", "reward_mode": "sparse"}
EPISODES = 5


def judge_length(gain):
    """Longer is truer; how the picture has changed since the first frame counts ``gain``."""

    def judge(frames, instruction):
        change = np.abs(frames[-1].astype(float) - frames[0]).mean()
        return min(-12 + 0.8 * len(frames) + gain * change, -1e-9)

    return judge


def earned(pixel_model, gain, idle, **settings):
    """What each episode earns beside the env's reward, and the values of its scores."""
    model = pixel_model(judge=judge_length(gain))
    env = gym.make(ID, **KWARGS)
    env = TOPReward(env, model, score_every=4, image_size=[32, 24], gamma=1.0, **settings)
    rng, totals, values = np.random.default_rng(0), [], []
    for episode in range(EPISODES):
        _, info = env.reset(seed=episode)
        totals.append(0.0)
        values.append([info["topreward/value"]])
        over = False
        while not over:
            action = np.zeros(7) if idle else rng.uniform(-1, 1, 7)
            *_, terminated, over, info = env.step(action.astype(np.float32))
            assert not terminated
            totals[-1] += info["reward/topreward"]
            if info["topreward/scored"]:
                values[-1].append(info["topreward/value"])
    env.close()
    return np.array(totals), values


@pytest.mark.parametrize("gain", [-0.3, 0.3], ids=["motion-hurts", "motion-helps"])
def test_with_a_still_video_subtracted_idling_earns_no_more_than_random_play(pixel_model, gain):
    settings = {"calibration": [0.5, 6.0], "baseline": True}
    idle, values = earned(pixel_model, gain, True, **settings)
    random, _ = earned(pixel_model, gain, False, **settings)
    assert idle.max() <= np.median(random)
    assert idle.tolist() == [0.0] * EPISODES
    assert gain < 0 or np.median(random) > 0.1
    # What is left of the signal is the arm that settles, not the length of the video.
    assert max(abs(value) for episode in values for value in episode) < 0.5


def test_without_it_log_probability_pays_for_time_alone(pixel_model):
    plain = {"mode": "logp", "baseline": False}
    idle, values = earned(pixel_model, -0.3, True, **plain)
    random, _ = earned(pixel_model, -0.3, False, **plain)
    assert np.median(idle) > np.median(random)
    assert min(voc(episode) for episode in values) == pytest.approx(1.0)  # static VOC
    rises = [episode[-1] - episode[0] for episode in values]
    assert min(rises) > 3.0
    level, still = earned(pixel_model, -0.3, True, mode="logp", baseline=True)
    assert max(abs(level)) < 1.5
    assert max(episode[-1] - episode[0] for episode in still) < 0.5


def test_without_it_the_potential_pays_for_time_alone(pixel_model):
    settings = {"calibration": [-12.0, 0.0], "baseline": False}
    idle, _ = earned(pixel_model, -0.3, True, **settings)
    random, _ = earned(pixel_model, -0.3, False, **settings)
    assert np.median(idle) > np.median(random) and idle.min() > 0.2
