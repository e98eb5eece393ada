"""Progress of every step of recorded episodes by a reward model."""

from collections.abc import Callable, Sequence

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.base import RewardModel
from molmospaces_gym.rewards.clips import Clip
from molmospaces_gym.rewards.evaluation import score_prefixes, seen_frames
from molmospaces_gym.rewards.progress import normalised
from molmospaces_gym.rewards.progress_table import ProgressTable
from molmospaces_gym.rewards.qwen.schedule import PREFIXES
from molmospaces_gym.rewards.weights import spread

SCALES = ("episode", "prob")


def label_progress(
    model: RewardModel,
    clips: Sequence[Clip],
    prefixes: int = PREFIXES,
    scale: str = "episode",
    watch: Callable[[int, int], None] | None = None,
) -> ProgressTable:
    """Progress of every step: scores of prefixes, straight lines between them.

    Args:
        model: who judges.
        clips: the episodes, in the data set's order.
        prefixes: scores per episode; 0: every frame that the model sees.
        scale: ``episode`` for Eq. 2 of the paper, by which every episode reaches 1 however little
            it achieved, or ``prob`` for P(" True") as it is, which compares episodes.
        watch: called with the episodes done and their number.
    """
    if scale not in SCALES:
        raise InvalidConfig(f"the scale of progress is {' or '.join(SCALES)}, not {scale!r}")
    episodes = []
    for number, clip in enumerate(clips):
        frames = clip.read()
        seen = seen_frames(len(frames), clip.fps, model.fps)
        curve = score_prefixes(model, frames, seen, clip.instruction, prefixes)
        judged = curve.values("prob") if scale == "prob" else normalised(curve.values())
        rows = len(frames) if clip.rows is None else clip.rows
        episodes.append(spread(curve.frames, list(judged), rows))
        if watch is not None:
            watch(number + 1, len(clips))
    return ProgressTable.of(episodes, model.name)
