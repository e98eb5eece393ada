"""What an episode earns by the scores of a reward model, whoever asks the model and when.

Pure: no env, no model, no thread. ``TOPReward`` and ``VectorTOPReward`` both pay by this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.rewards.base import Score
from molmospaces_gym.rewards.calibration import SIGNALS, Calibration, read_signal
from molmospaces_gym.rewards.detector import Detector
from molmospaces_gym.rewards.progress import DELTA_MAX, TAU, dense_reward, normalised

MODES = ("potential", "logp", "prob", "margin", "episode_progress")
COMBINATIONS = ("add", "replace")
ENDS = ("terminated", "done", "never")


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """Arguments of ``TOPReward`` and ``VectorTOPReward``; all of them JSON-plain.

    A *decision* is one call of ``step`` or ``step_chunk``; ``gamma`` is the discount of one. The
    *value* of a score is its signal, minus that of the still video where there is a ``baseline``.

    Attributes:
        mode: what is paid.
            ``potential``: gamma * Phi' - Phi at every decision, Phi the calibrated value of the
            last score; adds up to gamma^T Phi_T - Phi_0 and changes no optimal policy.
            ``logp``, ``prob``, ``margin``: the value whenever a score arrives, else nothing.
            ``episode_progress``: Eq. 2 and 3 of the paper, in one sum at the episode's end; the
            series are then in ``info``, to label a replay anew. The sum pays for length.
        weight: factor on all of it.
        combine: ``add`` to the env's reward or ``replace`` it; it stays in ``info`` either way.
        gamma: discount of the potential: that of the learning algorithm for pure shaping; 1 to
            pay progress when it is made, Phi' - Phi.
        calibration: see ``Calibration.parse``; of ``potential`` and of the progress in ``info``.
            None: the model's own (its attribute ``calibration``), else P(" True") as it is.
        baseline: subtract the signal of a video that repeats the first frame, as long as the
            episode so far. Log P(True) rises with length alone; without this, doing nothing can
            earn more than trying. Costs as much again as the scores themselves.
        zero_at: ends at which the potential is 0: ``terminated`` (a time limit is no end of the
            task, and learners put the value of what follows there), ``done`` (both, for learners
            to whom a time limit is an end) or ``never`` (the last Phi is kept; pays progress, but
            is then no pure shaping).
        tau, delta_max: constants of Eq. 3.
        score_every: env steps between two frames shown to the model; None: as many as match its
            fps. The first and the last frame of an episode are shown in any case.
        camera: images of the observation, or else cameras of the episode, which are then rendered
            in any ``obs_mode``: one name or several, side by side. None: rendered from the
            cameras that the model was trained on (its attribute ``cameras``), else that of
            ``render``.
        image_size: (width, height) of one rendered view; None: the model's own.
        instruction: what the model is told; None: the episode's.
        asynchronous: score in a thread while the simulator goes on. A score then arrives one
            decision later, always, so that results do not depend on time; an episode's last score
            is waited for.
        detector: see ``Detector.parse``; ``info`` then has ``topreward/success``.
        detector_terminates: whether that ends the episode. Success detection by a zero-shot model
            is weak (AUC 0.65 in the paper): off.
    """

    mode: str = "potential"
    weight: float = 1.0
    combine: str = "add"
    gamma: float = 0.99
    calibration: Any = None
    baseline: bool = True
    zero_at: str = "terminated"
    tau: float = TAU
    delta_max: float = DELTA_MAX
    score_every: int | None = None
    camera: str | Sequence[str] | None = None
    image_size: Sequence[int] | None = None
    instruction: str | None = None
    asynchronous: bool = False
    detector: Any = None
    detector_terminates: bool = False

    def __post_init__(self) -> None:
        named = (("mode", MODES), ("combine", COMBINATIONS), ("zero_at", ENDS))
        for name, known in named:
            if getattr(self, name) not in known:
                raise UnknownName(f"{name} of a reward", getattr(self, name), known)
        if not 0 <= self.gamma <= 1:
            raise InvalidConfig(f"gamma must be within [0, 1], not {self.gamma!r}")
        every = self.score_every
        if every is not None and (not isinstance(every, int) or every < 1):
            raise InvalidConfig(f"score_every must be a positive number of steps, not {every!r}")
        if self.detector_terminates and self.detector is None:
            raise InvalidConfig("detector_terminates=True needs a detector")
        self.judge  # noqa: B018 - is checked here
        self._check_scale()

    def _check_scale(self) -> None:
        """Refuse the calibration of plain scores for differences from a baseline, or the reverse.

        A difference starts at 0 and log P is at most 0: the potential would never move.
        """
        scale = self.scale
        if self.baseline and scale.high <= 0:
            raise InvalidConfig(
                "with baseline=True values are differences from a still video and start at 0; this"
                f" calibration reaches its top at {scale.high}: give one of differences, or"
                " baseline=False"
            )
        if not self.baseline and scale.signal == "logp" and scale.low >= 0:
            raise InvalidConfig(
                "with baseline=False values are log-probabilities, at most 0; this calibration"
                f" begins at {scale.low}: give one of plain scores, or baseline=True"
            )

    @cached_property
    def scale(self) -> Calibration:
        """The calibration."""
        return Calibration.parse(self.calibration)

    @cached_property
    def judge(self) -> Detector | None:
        """The detector, if any."""
        return None if self.detector is None else Detector.parse(self.detector)

    @property
    def signal(self) -> str:
        """What is read off a score; the paper's equations are about ``logp``."""
        if self.mode == "episode_progress":
            return "logp"
        return self.mode if self.mode in SIGNALS else self.scale.signal

    @classmethod
    def of(cls, arguments: Mapping[str, Any], model: Any = None) -> "RewardConfig":
        """Checked arguments for a model; raises ``InvalidConfig`` or ``UnknownName``."""
        own = getattr(model, "calibration", None)
        if own is not None and arguments.get("calibration") is None:
            arguments = {**arguments, "calibration": own}
        try:
            return cls(**arguments)
        except TypeError as error:
            raise InvalidConfig(f"TOPReward: {error}") from error


class Schedule:
    """Which env steps of an episode are shown to the model: the multiples of ``every``.

    A decision of several steps shows its last one when it has passed a multiple.
    """

    def __init__(self, every: int) -> None:
        self.every, self.steps, self._next = every, 0, every

    def advance(self, steps: int = 1) -> bool:
        """Count env steps; whether a frame is due now."""
        self.steps += steps
        due = self.steps >= self._next
        if due:
            self._next = (self.steps // self.every + 1) * self.every
        return due


def steps_between(control_dt: float, fps: float) -> int:
    """Env steps of ``control_dt`` seconds between frames for a model that sees ``fps`` a second."""
    return max(1, round(1.0 / (control_dt * fps)))


@dataclass(frozen=True)
class Judged:
    """A score, and that of the still video of the same length."""

    score: Score
    still: Score | None = None


class EpisodeReward:
    """What one episode has been judged to be, and what it earns by it."""

    def __init__(self, config: RewardConfig) -> None:
        self._config = config
        self.judged: list[Judged] = []
        self.values: list[float] = []
        self._signals: list[float] = []
        self._tokens, self._owed = 0, 0.0
        self._potential = self._paid = 0.0
        self._fresh = False

    def add(self, judged: Judged) -> None:
        """Take in the next score. The first one, of the first frame, is where potential starts."""
        config, first = self._config, not self.judged
        self.judged.append(judged)
        value = self._value(judged, config.signal)
        self.values.append(value)
        self._potential = config.scale(self._value(judged, config.scale.signal))
        if first:
            self._paid = self._potential
        elif config.mode in SIGNALS:
            self._owed += value
        if config.judge is not None:
            self._signals.append(read_signal(judged.score, config.judge.signal))
        self._tokens += judged.score.tokens + (judged.still.tokens if judged.still else 0)
        self._fresh = True

    @staticmethod
    def _value(judged: Judged, signal: str) -> float:
        value = read_signal(judged.score, signal)
        return value if judged.still is None else value - read_signal(judged.still, signal)

    @property
    def succeeded(self) -> bool:
        """Whether the detector, if there is one, sees success."""
        judge = self._config.judge
        return judge is not None and judge(self._signals)

    def pay(self, terminated: bool = False, truncated: bool = False) -> float:
        """The reward of a decision, after the scores that arrived with it were added."""
        config, ended = self._config, terminated or truncated
        if config.mode == "potential":
            zero = {"terminated": terminated, "done": ended, "never": False}[config.zero_at]
            now = 0.0 if zero else self._potential
            earned, self._paid = config.gamma * now - self._paid, now
        elif config.mode == "episode_progress":
            earned = float(sum(self._dense())) if ended else 0.0
        else:
            earned, self._owed = self._owed, 0.0
        return config.weight * earned

    def info(self, ended: bool = False) -> dict[str, Any]:
        """What ``info`` says of a decision; numbers are NaN until the first score is there.

        ``topreward/logp_true`` and ``logp_false`` (nat), ``value``, ``progress`` (the calibrated
        value), ``scored`` (whether a score arrived) and ``tokens`` (what the scores that arrived
        cost, baseline included).
        """
        last = self.judged[-1].score if self.judged else Score(float("nan"), float("nan"))
        found: dict[str, Any] = {
            "topreward/logp_true": float(last.logp_true),
            "topreward/logp_false": float(last.logp_false),
            "topreward/value": self.values[-1] if self.values else float("nan"),
            "topreward/progress": self._potential if self.judged else float("nan"),
            "topreward/scored": self._fresh,
            "topreward/tokens": float(self._tokens),
        }
        if self._config.judge is not None:
            found["topreward/success"] = self.succeeded
        if ended and self._config.mode == "episode_progress":
            found["topreward/episode_progress"] = normalised(self.values).tolist()
            found["topreward/episode_rewards"] = self._dense()
        self._fresh, self._tokens = False, 0
        return found

    def _dense(self) -> list[float]:
        config = self._config
        rewards = dense_reward(normalised(self.values), config.tau, config.delta_max)
        return [float(reward) for reward in rewards]


def combined(config: RewardConfig, env_reward: float, earned: float) -> float:
    """The reward that the agent gets."""
    return earned if config.combine == "replace" else env_reward + earned
