"""What is remembered gives the scores of a full recomputation, which transformers lays out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidConfig, NotReset
from molmospaces_gym.rewards.base import RewardBatch, RewardModel, RewardSession
from molmospaces_gym.rewards.qwen import batch as batch_module
from molmospaces_gym.rewards.qwen.model import QwenModel, QwenSettings
from molmospaces_gym.rewards.qwen.prompt import Stretch

TASKS = ("pick up the mug.", "open the left drawer.", "put the very long-named thing away now")
TOLERANCE = 1e-5


def values(score):
    return np.array([score.logp_true, score.logp_false])


def streamed(model, video, task):
    session = model.start(task)
    found = []
    for frame in video:
        session.push(frame)
        found.append(values(session.score()))
    return np.array(found)


def recomputed(model, video, task):
    return np.array([values(model.score_video(video[: n + 1], task)) for n in range(len(video))])


def test_interfaces(model):
    assert isinstance(model, RewardModel)
    assert isinstance(model.start(TASKS[0]), RewardSession)
    assert isinstance(model.start_batch(2), RewardBatch)


@pytest.mark.parametrize("layout", ["4.57", "5.10"])
def test_every_prefix_odd_and_even_equals_recomputation(net, tokenizer, video, layout):
    model = QwenModel(net, tokenizer, QwenSettings(layout=layout, fps=4.0))
    expected = recomputed(model, video, TASKS[0])
    assert np.ptp(expected[:, 0]) > 0.05, "the weights do not attend to the video"
    assert np.abs(streamed(model, video, TASKS[0]) - expected).max() <= TOLERANCE


@pytest.fixture
def shifted_by_one(monkeypatch):
    """Everything behind a session's first group is one position too far, once."""
    plain = Stretch.group

    def shifted(self, prompt, seconds, rows, columns):
        plain(self, prompt, seconds, rows, columns)
        if seconds < 0.5:  # the first group's time; it is laid out twice where it comes frame-wise
            self.position += 1

    def switch():
        monkeypatch.setattr(batch_module.Stretch, "group", shifted)

    return switch


def test_a_shift_of_one_position_fails_the_same_check(model, video, shifted_by_one):
    """The check can tell: its differences are then large at every prefix with a second group."""
    expected = recomputed(model, video, TASKS[0])
    shifted_by_one()
    gaps = np.abs(streamed(model, video, TASKS[0]) - expected).max(axis=1)
    assert (gaps > 30 * TOLERANCE).all()


def test_a_shift_of_one_position_fails_the_check_of_batches(model, video, shifted_by_one):
    batch = model.start_batch(3)
    for slot, task in enumerate(TASKS):
        batch.start(slot, task)
    seen = [video[:4], video[:7], video[:5]]
    expected = [values(model.score_video(part, t)) for part, t in zip(seen, TASKS, strict=True)]
    shifted_by_one()
    for index in range(7):
        slots = [slot for slot in range(3) if index < len(seen[slot])]
        batch.push(slots, np.stack([seen[slot][index] for slot in slots]))
    found = [values(score) for score in batch.score([0, 1, 2])]
    assert (np.abs(np.array(found) - expected).max(axis=1) > 30 * TOLERANCE).all()


def test_the_weights_attend_to_what_is_shown(model, video):
    """Not only to its length: another last frame is another score, far beyond the tolerance."""
    other = np.concatenate([video[:-1], video[:1]])
    pair = [values(model.score_video(frames, TASKS[0])) for frames in (video, other)]
    assert np.abs(pair[0] - pair[1]).max() > 100 * TOLERANCE


def test_scoring_now_and_then_or_never_before_gives_the_same(model, video):
    expected = values(model.score_video(video, TASKS[1]))
    for asked in ((), (0, 1, 2), (3,), (2, 2, 7)):
        session = model.start(TASKS[1])
        for index, frame in enumerate(video):
            session.push(frame)
            for _ in range(asked.count(index)):
                session.score()
        assert np.abs(values(session.score()) - expected).max() <= TOLERANCE


def test_asking_changes_nothing_that_is_remembered(model, video):
    session = model.start(TASKS[0])
    for frame in video[:4]:
        session.push(frame)
    session.score()
    held = session.memory_bytes()
    slot = session._batch._slots[0]
    before = [(keys.clone(), values_.clone()) for keys, values_ in slot.memory]
    session.push(video[4])
    first, second = session.score(), session.score()
    assert first == second
    assert session.memory_bytes() == held
    for (keys, values_), (old_keys, old_values) in zip(slot.memory, before, strict=True):
        assert (keys == old_keys).all() and (values_ == old_values).all()


def test_a_long_wait_is_encoded_without_a_score(model, video, monkeypatch):
    monkeypatch.setattr(batch_module, "MOST_WAITING", 4)
    session = model.start(TASKS[0])
    for frame in video[:5]:
        session.push(frame)
    assert session.memory_bytes() > 0
    expected = values(model.score_video(video[:5], TASKS[0]))
    assert np.abs(values(session.score()) - expected).max() <= TOLERANCE


def test_cost_of_a_score_does_not_grow(model, video):
    session = model.start(TASKS[0])
    tokens = []
    for frame in video:
        session.push(frame)
        tokens.append(session.score().tokens)
    assert tokens[3] == tokens[5] == tokens[7]  # one whole group and the question
    assert tokens[2] == tokens[4] == tokens[6]  # one lone frame and the question
    assert tokens[7] < model.score_video(video[:8], TASKS[0]).tokens / 1.5


@given(st.lists(st.integers(0, 2), min_size=1, max_size=14), st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_ragged_batches_of_different_tasks_equal_recomputation(model, video, pushes, seed):
    """Slots run ahead of each other and begin anew at random; each score is that of its video."""
    rng = np.random.default_rng(seed)
    batch = model.start_batch(3)
    seen: list[list[np.ndarray]] = [[], [], []]
    tasks = list(TASKS)
    for slot, task in enumerate(tasks):
        batch.start(slot, task)
    for first in pushes:
        chosen = sorted({first, int(rng.integers(3))})
        frames = video[rng.integers(0, len(video), len(chosen))]
        batch.push(chosen, frames)
        for slot, frame in zip(chosen, frames, strict=True):
            seen[slot].append(frame)
        if rng.random() < 0.4:
            _check(model, batch, seen, tasks)
        if rng.random() < 0.2:
            tasks[first] = TASKS[int(rng.integers(3))]
            batch.start(first, tasks[first])
            seen[first] = []
    _check(model, batch, seen, tasks)


def _check(model, batch, seen, tasks):
    slots = [slot for slot in (2, 0, 1) if seen[slot]]
    for slot, score in zip(slots, batch.score(slots), strict=True):
        expected = model.score_video(np.stack(seen[slot]), tasks[slot])
        assert np.abs(values(score) - values(expected)).max() <= TOLERANCE
        assert score.frames == len(seen[slot])


def test_a_batch_scores_like_sessions(model, video):
    batch = model.start_batch(3)
    sessions = [model.start(task) for task in TASKS]
    for slot, task in enumerate(TASKS):
        batch.start(slot, task)
    for index in range(len(video)):
        frames = video[[index, (index + 1) % 9, (index + 2) % 9]]
        batch.push([0, 1, 2], frames)
        for session, frame in zip(sessions, frames, strict=True):
            session.push(frame)
        alone = np.array([values(session.score()) for session in sessions])
        together = np.array([values(score) for score in batch.score([0, 1, 2])])
        assert np.abs(alone - together).max() <= TOLERANCE


def test_misuse_is_named(model, video):
    session = model.start(TASKS[0])
    with pytest.raises(InvalidConfig, match="no frame"):
        session.score()
    with pytest.raises(InvalidConfig, match="uint8"):
        session.push(video[0].astype(np.float32))
    session.push(video[0])
    with pytest.raises(InvalidConfig, match="same size"):
        session.push(video[0][:32])
    batch = model.start_batch(2)
    with pytest.raises(NotReset, match=r"start\(1"):
        batch.push([1], video[:1])
    batch.start(0, TASKS[0])
    for slots, frames in (([0], video[:2]), ([0, 0], video[:2])):
        with pytest.raises(InvalidConfig, match="frames for the slots"):
            batch.push(slots, frames)
    with pytest.raises(InvalidConfig, match="slot 5"):
        batch.start(5, TASKS[0])
    with pytest.raises(InvalidConfig, match="at least one"):
        model.start_batch(0)
    with pytest.raises(InvalidConfig, match="at least one frame"):
        model.score_video(video[:0], TASKS[0])
