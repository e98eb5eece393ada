"""Success detection: thresholds from labelled episodes, and ending episodes by them."""

import math

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.integrations.sb3 import SB3VecEnv
from molmospaces_gym.rewards.detector import Detector, final_score, peak_score
from molmospaces_gym.rewards.metrics import (
    auc_interval,
    instruction_margin,
    roc_auc,
    roc_curve,
)
from molmospaces_gym.rewards.vector_wrapper import VectorTOPReward
from molmospaces_gym.rewards.wrapper import TOPReward

ID = "molmospaces_gym/Pick-v1"
SHORT = {"houses": 1, "horizon": 9, "action_mode": "ee_delta"}
SETTINGS = {"score_every": 1, "image_size": [16, 16], "baseline": False, "calibration": [-12, 0]}
SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=15)


@given(SCORES, SCORES)
def test_auc_is_how_often_a_success_is_above_a_failure(positives, negatives):
    pairs = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    auc = roc_auc(positives, negatives)
    assert auc == pytest.approx(np.mean(pairs))
    assert roc_auc(negatives, positives) == pytest.approx(1 - auc)
    low, high = auc_interval(positives, negatives)
    assert 0 <= low <= auc <= high <= 1 and high - low > 0
    curve = roc_curve(positives, negatives)
    assert curve[0][1:] == (0.0, 0.0) and curve[-1][1:] == (1.0, 1.0)
    area = np.trapezoid(
        [p.true_positive_rate for p in curve], [p.false_positive_rate for p in curve]
    )
    assert area == pytest.approx(auc)


def test_auc_interval_of_a_perfect_split_narrows_with_the_number_of_episodes():
    few, many = (auc_interval([1.0] * n, [0.0] * n) for n in (5, 200))
    assert few[1] == many[1] == 1.0
    assert few[0] < 0.75 and 0.97 < many[0] < 1


def test_auc_interval_covers():
    """Normal scores with a true AUC of 0.76: nominal 95 %, 300 samples of 20 + 20."""
    rng, truth, inside = np.random.default_rng(0), 0.7602, 0
    for _ in range(300):
        low, high = auc_interval(rng.normal(1, 1, 20), rng.normal(0, 1, 20))
        inside += low <= truth <= high
    assert 0.92 <= inside / 300 <= 0.99


@pytest.mark.parametrize("bad", [([], [1.0]), ([1.0], []), ([math.nan], [1.0])])
def test_auc_needs_both_kinds_and_finite_scores(bad):
    with pytest.raises(InvalidConfig):
        roc_auc(*bad)


def test_instruction_margin_is_paired_and_its_auc_is_not():
    margin = instruction_margin([5.0, 1.0, 3.0], [4.0, 0.0, 3.5])
    assert margin.mean == pytest.approx(0.5)
    assert margin.share == pytest.approx(2 / 3)
    assert margin.auc == pytest.approx(5 / 9)
    with pytest.raises(InvalidConfig, match="pairs"):
        instruction_margin([1.0], [1.0, 2.0])


@given(SCORES, SCORES, st.floats(0, 1))
def test_the_threshold_keeps_the_rate_of_false_alarms_and_finds_the_most(good, bad, rate):
    found = Detector.fit(good, bad, rate)
    alarms = np.mean([value >= found.threshold for value in bad])
    hits = np.mean([value >= found.threshold for value in good])
    assert alarms <= rate
    assert (hits, alarms) == (found.true_positive_rate, found.false_positive_rate)
    for other in {*good, *bad}:
        if np.mean([value >= other for value in bad]) <= rate:
            assert np.mean([value >= other for value in good]) <= hits


def test_detector_is_kept_as_json(tmp_path):
    found = Detector.fit([-0.5, -1.0, -2.0], [-9.0, -1.5], 0.0)
    assert found.threshold == -1.0 and found.auc == pytest.approx(5 / 6)
    found.save(tmp_path / "detector.json")
    assert Detector.parse(str(tmp_path / "detector.json")) == found
    given = Detector.parse(-2)
    assert given.threshold == -2 and math.isnan(given.auc)
    given.save(tmp_path / "given.json")
    assert Detector.parse(tmp_path / "given.json").threshold == -2


def test_detector_waits_for_its_scores_and_takes_their_mean():
    detector = Detector(threshold=-2.0)
    assert not detector([-1.0, -1.0])
    assert detector([-50.0, -1.0, -2.0, -3.0])
    assert not detector([-1.0, -2.0, -3.1])
    assert final_score([-4.0, -2.0]) == -3.0
    with pytest.raises(InvalidConfig, match="no final score"):
        final_score([])


@given(st.lists(st.lists(st.floats(-20, 0), min_size=3, max_size=15), min_size=1, max_size=6))
def test_a_threshold_above_the_peaks_of_failures_alarms_at_no_time(failures):
    """Also where an episode looked done for a while and ended badly."""
    peaks = [peak_score(values) for values in failures]
    detector = Detector.fit([max(peaks) + 1.0], peaks, 0.0)
    for values, peak in zip(failures, peaks, strict=True):
        assert not any(detector(values[:count]) for count in range(1, len(values) + 1))
        reached = Detector(threshold=peak - 1e-9)
        assert any(reached(values[:count]) for count in range(1, len(values) + 1))
        assert peak >= final_score(values) - 1e-9


@pytest.mark.parametrize("wrong", ["threshold", {"treshold": 1}, [1, 2], math.nan])
def test_wrong_detectors_are_refused(wrong):
    with pytest.raises(InvalidConfig):
        Detector.parse(wrong)
    with pytest.raises(UnknownName):
        Detector(threshold=0.0, signal="loud")


def long_enough(frames, instruction):
    """Reaches its top with the fifth frame."""
    return -10.0 + 2.0 * min(len(frames), 4.5)


DETECTOR = {"threshold": -4.0}
"""Reached by the mean of frames 2 to 4: -6, -4, -2."""


@pytest.mark.parametrize("late", [False, True])
def test_detected_success_ends_an_episode_only_where_asked(pixel_model, late):
    for ends in (False, True):
        env = TOPReward(
            gym.make(ID, **SHORT), pixel_model(judge=long_enough), **SETTINGS, gamma=1.0,
            detector=DETECTOR, detector_terminates=ends, asynchronous=late,
        )  # fmt: skip
        _, info = env.reset(seed=0)
        assert info["topreward/success"] is False
        steps, over, total = 0, False, 0.0
        while not over:
            _, _, terminated, truncated, info = env.step(np.zeros(7, np.float32))
            steps, over = steps + 1, terminated or truncated
            total += info["reward/topreward"]
        assert info["topreward/success"] and terminated == ends and truncated != ends
        assert steps == ((4 if late else 3) if ends else 9)
        assert not info["is_success"]
        start = (12 - 8) / 12
        assert total == pytest.approx(-start if ends else (12 - 1) / 12 - start)
        env.close()


@pytest.mark.parametrize("late", [False, True])
def test_success_seen_at_the_time_limit_leaves_it_a_time_limit(pixel_model, late):
    """The episode is over already; a single env and one of several say the same."""
    settings = {**SETTINGS, "detector": -3.0, "detector_terminates": True, "asynchronous": late}

    def judge(frames, instruction):  # the mean of the last three is -3 with the tenth frame
        return -12.0 + len(frames)

    single = TOPReward(gym.make(ID, **SHORT), pixel_model(judge=judge), **settings)
    envs = gym.make_vec(ID, num_envs=1, autoreset_mode="SameStep", **SHORT)
    envs = VectorTOPReward(envs, pixel_model(judge=judge), **settings)
    single.reset(seed=0)
    envs.reset(seed=0)
    for step in range(1, 10):
        action = np.zeros(7, np.float32)
        _, reward, terminated, truncated, info = single.step(action)
        _, rewards, success, cut, infos = envs.step(action[None])
        assert (terminated, truncated) == (False, step == 9) == (success[0], cut[0])
        assert reward == rewards[0]
    assert info["topreward/success"] and infos["final_info"]["topreward/success"][0]
    single.close()
    envs.close()


@pytest.mark.parametrize("late", [False, True])
def test_same_step_vector_ends_and_restarts_like_single_ones(pixel_model, late):
    settings = {**SETTINGS, "detector": DETECTOR, "detector_terminates": True}
    settings |= {"asynchronous": late}

    def judge(frames, instruction):  # brighter houses are done sooner
        return long_enough(frames, instruction) + frames[0].mean() / 255

    envs = gym.make_vec(ID, num_envs=2, autoreset_mode="SameStep", **SHORT)
    envs = VectorTOPReward(envs, pixel_model(judge=judge), **settings)
    singles = [
        TOPReward(gym.make(ID, **SHORT), pixel_model(judge=judge), **settings) for _ in range(2)
    ]
    envs.reset(seed=4)
    for slot, env in enumerate(singles):
        env.reset(seed=4 + slot)
    ends = 0
    rng = np.random.default_rng(1)
    for _ in range(12):
        actions = rng.uniform(-1, 1, (2, 7)).astype(np.float32)
        observation, rewards, terminated, truncated, infos = envs.step(actions)
        for slot, env in enumerate(singles):
            last, reward, success, cut, info = env.step(actions[slot])
            assert (rewards[slot], terminated[slot], truncated[slot]) == (reward, success, cut)
            if success or cut:
                ends += 1
                final = infos["final_info"]
                assert final["topreward/logp_true"][slot] == info["topreward/logp_true"]
                assert final["instruction"][slot] == info["instruction"]
                for key, value in last.items():
                    np.testing.assert_array_equal(infos["final_obs"][slot][key], value)
                last, info = env.reset()
                assert "reward/env" not in infos or not infos["_reward/env"][slot]
            assert infos["episode_id"][slot] == info["episode_id"]
            for key, value in last.items():
                np.testing.assert_array_equal(observation[key][slot], value)
    assert ends >= 4
    envs.close()
    for env in singles:
        env.close()


def test_detected_ends_reach_sb3(pixel_model):
    envs = gym.make_vec(ID, num_envs=2, autoreset_mode="SameStep", **SHORT)
    envs = VectorTOPReward(
        envs,
        pixel_model(judge=long_enough),
        **SETTINGS,
        detector=DETECTOR,
        detector_terminates=True,
    )
    bridged = SB3VecEnv(envs)
    bridged.reset()
    for step in range(3):
        _, _, dones, infos = bridged.step(np.zeros((2, 7), np.float32))
        assert dones.all() == (step == 2)
    for info in infos:
        assert info["topreward/success"] and not info["TimeLimit.truncated"]
        assert info["terminal_observation"]["arm_qpos"].shape == (7,)
    bridged.close()


def test_next_step_vector_cannot_be_ended(pixel_model):
    envs = gym.make_vec(ID, num_envs=1, **SHORT)
    with pytest.raises(InvalidConfig, match="NextStep"):
        VectorTOPReward(envs, pixel_model(), detector=0.0, detector_terminates=True)
    envs.close()
