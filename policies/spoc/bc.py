"""Behaviour cloning: SPOC learns what the demonstrator did next."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, RunChanged
from molmospaces_gym.json_files import replacing, write_atomic
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.demos import Demos, batches
from molmospaces_gym.policies.spoc.model import SpocModel
from molmospaces_gym.policies.spoc.tokens import ActionTokens

CHECKPOINT = "checkpoint.pt"
BEST, LAST = "best", "last"
LEAST_SCALE = 1e-3
"""Smallest scale of a vector's element; below it lies noise, not variation."""


@dataclass(frozen=True, kw_only=True)
class BcSettings:
    """How long and how fast to learn.

    ``steps`` gradient steps of ``batch`` samples; AdamW with ``rate`` falling to zero along a
    cosine, ``decay`` of weights; ``warmup`` steps of rising rate; gradients clipped at norm
    ``clip``; pictures shifted by up to ``shift`` pixels, brightness and contrast changed by up to
    ``jitter``; every ``every`` steps the policy is tried and saved.
    """

    steps: int = 2000
    batch: int = 128
    rate: float = 1e-3
    decay: float = 1e-2
    warmup: int = 50
    clip: float = 1.0
    shift: int = 2
    jitter: float = 0.2
    every: int = 500
    seed: int = 0


@dataclass
class BcProgress:
    """Where a training stands after a step."""

    step: int
    loss: float
    successes: list[tuple[int, float]] = field(default_factory=list)
    """Step and success rate of every trial so far."""


def prepare(config: SpocConfig, demos: Demos, seed: int) -> SpocModel:
    """A fresh model that knows the bins of the actions and the scale of each vector.

    Raises:
        InvalidConfig: the demonstrations are not of what the policy observes or does.
    """
    demos.require(config)
    torch.manual_seed(seed)
    model = SpocModel(config)
    middle = config.decode == "middle"
    model.set_tokens(ActionTokens.fit(demos.actions, config.bins, middle=middle))
    for name, _ in config.vectors:
        values = torch.from_numpy(demos.inputs[name])
        scale = values.std(0, correction=0).clamp_min(LEAST_SCALE)
        model.memory.set_scales(name, values.mean(0), scale)
    return model


class BehaviourCloning:
    """A training run in a folder; started again there, it goes on from its last checkpoint.

    Args:
        model: what learns, from ``prepare``.
        demos: what it learns from.
        out: folder for checkpoints, TensorBoard files and the policies ``best`` and ``last``.
        settings: see ``BcSettings``.
        weights: (m,) how much each step of the demonstrations counts; None: all alike.
        trial: success rate of a model in the env, tried at every checkpoint; what it says, not
            the loss, decides which policy is the best.
    """

    def __init__(
        self,
        model: SpocModel,
        demos: Demos,
        out: Path,
        settings: BcSettings,
        weights: NDArray[np.float64] | None = None,
        trial: Callable[[SpocModel], float] | None = None,
    ) -> None:
        if weights is not None and weights.shape != (len(demos),):
            raise InvalidConfig(f"weights must have shape ({len(demos)},), not {weights.shape}")
        self.model, self._demos, self._out = model, demos, out
        self._settings, self._weights, self._trial = settings, weights, trial
        self._optimizer = torch.optim.AdamW(
            model.parameters(), settings.rate, weight_decay=settings.decay
        )
        self._progress = BcProgress(0, float("nan"))
        counted = b"" if weights is None else np.ascontiguousarray(weights).tobytes()
        self._about = {
            "config": asdict(model.config),
            "demonstrations": demos.digest(),
            "weights": hashlib.blake2b(counted, digest_size=16).hexdigest(),
        }

    def run(self) -> BcProgress:
        """Learn to the end; leaves the best policy in ``model`` and in ``out/best``.

        Raises:
            RunChanged: ``out`` holds a run with other settings, another model, or other
                demonstrations or weights.
        """
        from torch.utils.tensorboard import SummaryWriter

        self._out.mkdir(parents=True, exist_ok=True)
        self._resume()
        settings, start = self._settings, self._progress.step
        rng = np.random.default_rng(settings.seed)
        drawn = batches(len(self._demos), settings.batch, rng)
        for _ in range(start):  # the order goes on where it was
            next(drawn)
        with SummaryWriter(self._out / "tensorboard") as writer:
            for step in range(start + 1, settings.steps + 1):
                self._progress.step = step
                self._progress.loss = self._learn(next(drawn), step)
                if step % 50 == 0:
                    writer.add_scalar("bc/loss", self._progress.loss, step)
                if step % settings.every == 0 or step == settings.steps:
                    rate = self._try(step)
                    if rate is not None:
                        writer.add_scalar("bc/success", rate, step)
                    self._save()
        best = self._out / BEST
        if best.is_dir():
            self.model.load_state_dict(SpocModel.from_pretrained(best).state_dict())
        return self._progress

    def _learn(self, rows: NDArray[np.int64], step: int) -> float:
        settings, demos = self._settings, self._demos
        self.model.train()
        for group in self._optimizer.param_groups:
            group["lr"] = settings.rate * schedule(step, settings.steps, settings.warmup)
        chunk, padding = demos.chunks(rows, self.model.config.chunk)
        inputs = {key: torch.from_numpy(value[rows]) for key, value in demos.inputs.items()}
        # Noise of its own for each step, so that a resumed run draws what an unbroken one does.
        torch.manual_seed(settings.seed * 1_000_003 + step)
        for camera in self.model.config.cameras:
            inputs[camera] = augmented(inputs[camera], settings.shift, settings.jitter)
        weights = None if self._weights is None else torch.from_numpy(self._weights[rows]).float()
        loss = self.model.loss(inputs, torch.from_numpy(chunk), torch.from_numpy(padding), weights)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self._optimizer.step()
        return float(loss.detach())

    def _try(self, step: int) -> float | None:
        self.model.eval()
        if self._trial is None:
            self.model.save_pretrained(self._out / BEST)
            return None
        rate = self._trial(self.model)
        if all(rate >= before for _, before in self._progress.successes):
            self.model.save_pretrained(self._out / BEST)
        self._progress.successes.append((step, rate))
        return rate

    def _save(self) -> None:
        self.model.save_pretrained(self._out / LAST)
        state = {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._progress.step,
            "successes": self._progress.successes,
            "settings": asdict(self._settings),
            **self._about,
        }
        with replacing(self._out / CHECKPOINT) as file:
            torch.save(state, file)
        progress = {"step": self._progress.step, "successes": self._progress.successes}
        write_atomic(self._out / "progress.json", json.dumps(progress) + "\n")

    def _resume(self) -> None:
        file = self._out / CHECKPOINT
        if not file.is_file():
            return
        state: Mapping[str, Any] = torch.load(file, weights_only=True)
        mine = {"settings": asdict(self._settings), **self._about}
        changed = [name for name, value in mine.items() if state.get(name, value) != value]
        if changed:
            raise RunChanged(
                f"{self._out} holds a run with other {' and '.join(changed)}; give it what it was"
                " started with, or choose another folder"
            )
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        successes = [(int(step), float(rate)) for step, rate in state["successes"]]
        self._progress = BcProgress(int(state["step"]), float("nan"), successes)


def schedule(step: int, steps: int, warmup: int) -> float:
    """Factor on the learning rate: up over ``warmup`` steps, down along a cosine to zero."""
    rising = min(1.0, step / warmup) if warmup else 1.0
    return float(rising * 0.5 * (1.0 + np.cos(np.pi * min(step / steps, 1.0))))


def augmented(images: torch.Tensor, shift: int, jitter: float) -> torch.Tensor:
    """Images (B, H, W, 3) uint8, each shifted, brightened and stretched in contrast at random."""
    count, height, width, _ = images.shape
    values = images.permute(0, 3, 1, 2).float()
    if shift:
        padded = torch.nn.functional.pad(values, (shift,) * 4, mode="replicate")
        moves = torch.randint(0, 2 * shift + 1, (count, 2))
        rows = moves[:, :1] + torch.arange(height)
        columns = moves[:, 1:] + torch.arange(width)
        one = torch.arange(count)[:, None, None]
        values = padded.permute(0, 2, 3, 1)[one, rows[:, :, None], columns[:, None, :]]
        values = values.permute(0, 3, 1, 2)
    if jitter:
        gain, lift = (1.0 + jitter * (2.0 * torch.rand(2, count, 1, 1, 1) - 1.0)).unbind(0)
        mean = values.mean((1, 2, 3), keepdim=True)
        values = (values - mean) * gain + mean * lift
    return values.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)
