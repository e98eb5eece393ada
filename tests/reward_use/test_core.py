"""What an episode earns, from scores alone: telescoping, terminal potential, schedule, progress."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidAnswer, InvalidConfig, UnknownName
from molmospaces_gym.rewards.base import Score
from molmospaces_gym.rewards.calibration import Calibration
from molmospaces_gym.rewards.core import (
    EpisodeReward,
    Judged,
    RewardConfig,
    Schedule,
    combined,
    steps_between,
)
from molmospaces_gym.rewards.progress import dense_reward, normalised

LOGPS = st.lists(st.floats(-30, -1e-6), min_size=2, max_size=30)
CALIBRATION = (-12.0, -0.5)


def judged(logp, still=None):
    other = math.log(-math.expm1(logp))
    return Judged(Score(logp, other), None if still is None else Score(still, -0.1))


def played(config, scores, terminated=False, truncated=False, arrive=lambda k: True):
    """Rewards of an episode whose k-th decision brings scores[k + 1] where ``arrive(k)``."""
    episode, rewards, waiting = EpisodeReward(config), [], []
    episode.add(scores[0])
    for k, score in enumerate(scores[1:]):
        last = k + 2 == len(scores)
        waiting.append(score)
        if arrive(k) or last:
            for item in waiting:
                episode.add(item)
            waiting = []
        rewards.append(episode.pay(terminated and last, truncated and last))
    return rewards


@given(LOGPS, st.floats(0, 1), st.integers(0, 2**20), st.booleans())
def test_potential_telescopes_for_any_scores_and_any_moments_of_arrival(logps, gamma, late, ends):
    config = RewardConfig(gamma=gamma, calibration=CALIBRATION, baseline=False, weight=3.0)
    scale = Calibration.parse(CALIBRATION)
    scores = [judged(logp) for logp in logps]
    rewards = played(config, scores, terminated=ends, arrive=lambda k: not late >> k & 1)
    total = sum(gamma**k * reward for k, reward in enumerate(rewards))
    last = 0.0 if ends else scale(logps[-1])
    assert total == pytest.approx(3.0 * (gamma ** len(rewards) * last - scale(logps[0])), abs=1e-9)


@pytest.mark.parametrize(
    ("zero_at", "terminated", "truncated", "kept"),
    [
        ("terminated", True, False, False),
        ("terminated", False, True, True),
        ("done", False, True, False),
        ("done", True, False, False),
        ("never", True, False, True),
        ("never", False, True, True),
    ],
)
def test_the_potential_of_an_end(zero_at, terminated, truncated, kept):
    config = RewardConfig(gamma=1.0, zero_at=zero_at, baseline=False)
    rewards = played(config, [judged(math.log(p)) for p in (0.2, 0.5, 0.9)], terminated, truncated)
    assert rewards[0] == pytest.approx(0.3)
    assert rewards[1] == pytest.approx(0.4 if kept else -0.5)


@given(LOGPS)
def test_levels_are_paid_once_when_they_arrive(logps):
    config = RewardConfig(mode="logp", baseline=False, weight=0.5)
    rewards = played(config, [judged(x) for x in logps], arrive=lambda k: k % 3 == 1)
    assert sum(rewards) == pytest.approx(0.5 * sum(logps[1:]))
    assert rewards[0] == (0.0 if len(logps) > 2 else 0.5 * logps[1])


def test_signals():
    score = judged(math.log(0.8))
    for mode, value in (("logp", math.log(0.8)), ("prob", 0.8), ("margin", math.log(4.0))):
        rewards = played(RewardConfig(mode=mode, baseline=False), [score, score])
        assert rewards == [pytest.approx(value)]


def test_the_still_video_is_subtracted():
    moved, idle = judged(-3.0, still=-5.0), judged(-5.0, still=-5.0)
    config = RewardConfig(mode="logp")
    assert played(config, [idle, moved, idle]) == [2.0, 0.0]
    shaped = RewardConfig(calibration=(0.0, 4.0), gamma=1.0)
    assert played(shaped, [idle, moved, idle]) == [0.5, -0.5]


def test_episode_progress_is_the_papers_equations_at_the_end():
    logps = [-4.0, -3.0, -3.5, -2.0]
    config = RewardConfig(mode="episode_progress", baseline=False)
    rewards = played(config, [judged(x) for x in logps], truncated=True)
    assert rewards[:2] == [0.0, 0.0]
    progress = np.array([0.0, 0.5, 0.25, 1.0])
    by_hand = np.minimum(2 * np.exp([0.5, -0.25, 0.75]), 2)
    assert np.allclose(normalised(logps), progress)
    assert np.allclose(dense_reward(progress), by_hand)
    assert rewards[2] == pytest.approx(by_hand.sum())
    episode = EpisodeReward(config)
    for logp in logps:
        episode.add(judged(logp))
    info = episode.info(ended=True)
    assert info["topreward/episode_progress"] == pytest.approx(progress.tolist())
    assert info["topreward/episode_rewards"] == pytest.approx(by_hand.tolist())
    assert json.loads(json.dumps(info)) == info


def test_constant_progress_is_one():
    assert normalised([3.0]).tolist() == [1.0]
    assert normalised([2.0, 2.0]).tolist() == [1.0, 1.0]
    assert normalised([]).size == 0


def test_info_tells_what_arrived_and_what_it_cost():
    episode = EpisodeReward(RewardConfig(baseline=False))
    first = episode.info()
    assert math.isnan(first["topreward/logp_true"]) and not first["topreward/scored"]
    episode.add(Judged(Score(-1.0, -2.0, 1, tokens=5)))
    second = episode.info()
    assert second["topreward/scored"] and second["topreward/tokens"] == 5
    assert second["topreward/progress"] == pytest.approx(math.exp(-1.0))
    third = episode.info()
    assert third["topreward/logp_true"] == -1.0
    assert not third["topreward/scored"] and third["topreward/tokens"] == 0


@given(st.integers(1, 9), st.lists(st.integers(1, 20), max_size=40))
def test_schedule_shows_every_multiple_once(every, decisions):
    schedule, steps, shown = Schedule(every), 0, 0
    for taken in decisions:
        passed = (steps + taken) // every > steps // every
        assert schedule.advance(taken) == passed
        steps, shown = steps + taken, shown + passed
    assert shown <= steps // every


def test_frames_match_the_models_rate():
    assert steps_between(0.066, 2.0) == 8
    assert steps_between(0.02, 2.0) == 25
    assert steps_between(1.0, 2.0) == 1


def test_combination():
    assert combined(RewardConfig(), 1.0, 0.25) == 1.25
    assert combined(RewardConfig(combine="replace"), 1.0, 0.25) == 0.25


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"mode": "loud"}, UnknownName),
        ({"combine": "mul"}, UnknownName),
        ({"zero_at": "always"}, UnknownName),
        ({"gamma": 1.5}, InvalidConfig),
        ({"score_every": 0}, InvalidConfig),
        ({"calibration": [0.0, 0.0]}, InvalidConfig),
        ({"calibration": {"lo": 1}}, InvalidConfig),
        ({"calibration": 3}, InvalidConfig),
        ({"calibration": [-12.0, 0.0]}, InvalidConfig),
        ({"calibration": [0.0, 4.0], "baseline": False}, InvalidConfig),
        ({"detector_terminates": True}, InvalidConfig),
        ({"wieght": 1.0}, InvalidConfig),
    ],
)
def test_wrong_settings_are_refused(arguments, error):
    with pytest.raises(error):
        RewardConfig.of(arguments)


def test_calibration_clips_fits_and_is_kept(tmp_path):
    scale = Calibration.fit([-9.0, -8.0, -20.0], [-1.0, -0.5, -2.0])
    assert (scale.low, scale.high) == (-9.0, -1.0)
    assert scale(-5.0) == 0.5 and scale(-30.0) == 0.0 and scale(0.0) == 1.0
    scale.save(tmp_path / "scale.json")
    assert Calibration.parse(str(tmp_path / "scale.json")) == scale
    with pytest.raises(InvalidConfig, match="low < high"):
        Calibration.fit([-1.0], [-2.0])
    with pytest.raises(InvalidConfig, match="both kinds"):
        Calibration.fit([], [-2.0])


@pytest.mark.parametrize("logp", [math.nan, -math.inf])
def test_a_score_that_is_no_number_is_an_error(logp):
    episode = EpisodeReward(RewardConfig(mode="logp", baseline=False))
    with pytest.raises(InvalidAnswer, match="finite"):
        episode.add(Judged(Score(logp, -1.0)))


def test_a_models_own_calibration_holds_unless_told_otherwise():
    model = SimpleNamespace(calibration={"signal": "prob", "low": 0.1, "high": 0.9})
    assert RewardConfig.of({}, model).scale == Calibration(low=0.1, high=0.9)
    assert RewardConfig.of({"calibration": None}, model).scale.low == 0.1
    given = RewardConfig.of({"calibration": [-12.0, 2.0]}, model)
    assert given.scale == Calibration(signal="logp", low=-12.0, high=2.0)
    assert RewardConfig.of({}, SimpleNamespace()).scale == Calibration()
