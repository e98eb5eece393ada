"""``QwenModel``: TOPReward (arXiv 2602.19313) with any Qwen3-VL model, as a stream or in whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.base import Score
from molmospaces_gym.rewards.qwen.batch import QwenBatch, QwenSession
from molmospaces_gym.rewards.qwen.compat import run_whole
from molmospaces_gym.rewards.qwen.loading import DType, load_network
from molmospaces_gym.rewards.qwen.pixels import (
    GROUP,
    checked_frames,
    fitted_size,
    patches,
    resized,
)
from molmospaces_gym.rewards.qwen.prompt import Layout, Prompt, Stretch
from molmospaces_gym.rewards.qwen.schedule import (
    ASSUMED_FPS,
    PREFIXES,
    SAMPLED_FPS,
    group_times,
    paper_frames,
    paper_prefixes,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class QwenSettings:
    """How a model is asked. A model's ``config.json`` may say it under the key ``topreward``.

    Attributes:
        fps: frames per second of the episode that it is shown.
        layout: token layout, ``4.57`` (the paper's) or ``5.10``; see ``prompt.Layout``.
        frame_size: height and width to which frames are resized, multiples of the token size;
            None keeps the frame's own, rounded to such multiples.
        frames: so many frames must fit into the model's pixel budget where ``frame_size`` is
            None, since the size is chosen once for the whole episode.
        cameras: names of the cameras side by side in a frame that the model was trained on; empty
            where any will do.
        calibration: what its scores mean as potential, unless a wrapper is told otherwise; see
            ``Calibration.parse``.
    """

    fps: float = SAMPLED_FPS
    layout: Layout = "4.57"
    frame_size: tuple[int, int] | None = None
    frames: int = 64
    cameras: tuple[str, ...] = ()
    calibration: Any = None


class QwenModel:
    """Scores episodes with log P(" True") and log P(" False") behind the assertion prompt.

    Args:
        net: ``Qwen3VLForConditionalGeneration`` or its mixture of experts.
        tokenizer: that belongs to it.
        settings: how it is asked; None takes what its configuration says.
        name: what it is called.

    Attributes:
        name, fps, cameras, calibration: see ``RewardModel`` and ``QwenSettings``.
        net, prompt: the network and the builder of its prompts.
        patch, merge, unit: side of a patch in pixels, patches per side of a token, their product.
        layers: of the language model.
        device: where it runs.
    """

    def __init__(
        self, net: Any, tokenizer: Any, settings: QwenSettings | None = None, name: str = "qwen3-vl"
    ) -> None:
        self.settings = own_settings(net.config) if settings is None else settings
        self.name, self.net = name, net
        self.fps = float(self.settings.fps)
        if not self.fps > 0:
            raise InvalidConfig(f"fps must be positive, got {self.settings.fps}")
        self.cameras, self.calibration = self.settings.cameras, self.settings.calibration
        self.prompt = Prompt(tokenizer, self.settings.layout)
        vision = net.config.vision_config
        if vision.temporal_patch_size != GROUP:
            raise InvalidConfig(
                f"a temporal group of {vision.temporal_patch_size} frames; expected {GROUP}"
            )
        self.patch, self.merge = int(vision.patch_size), int(vision.spatial_merge_size)
        self.unit = self.patch * self.merge
        self.layers = int(net.config.text_config.num_hidden_layers)
        self.device = str(net.device)
        size = self.settings.frame_size
        if size is not None and any(side < 1 or side % self.unit for side in size):
            raise InvalidConfig(f"frame_size {size} must be multiples of {self.unit}")

    @classmethod
    def load(
        cls, name: str, dtype: DType = "float32", device: str = "cpu", **settings: Any
    ) -> "QwenModel":
        """A model from a folder or the hub; ``settings`` replace those of ``QwenSettings``.

        Raises:
            MissingPackage, RewardModelUnavailable, InvalidConfig: see ``load_network``.
        """
        known = set(QwenSettings.__dataclass_fields__)
        if unknown := sorted(set(settings) - known):
            raise InvalidConfig(f"unknown settings {unknown}; known: {sorted(known)}")
        net, tokenizer = load_network(name, dtype, device)
        return cls(net, tokenizer, replace(own_settings(net.config), **_plain(settings)), name)

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(width, height) at which a view is best rendered: twice what is shown, against flicker.

        None where frames are shown as large as they come.
        """
        if self.settings.frame_size is None:
            return None
        height, width = self.settings.frame_size
        return 2 * width // max(len(self.cameras), 1), 2 * height

    def start(self, instruction: str) -> QwenSession:
        return QwenSession(self, instruction)

    def start_batch(self, slots: int) -> QwenBatch:
        return QwenBatch(self, slots)

    def score_video(self, frames: NDArray[Any], instruction: str) -> Score:
        """Judge a whole video anew, by the path of transformers: nothing is remembered.

        Args:
            frames: (T, H, W, 3) uint8, at the model's rate.
            instruction: the task.
        """
        pictures = _some(frames)
        return self._whole(pictures, range(len(pictures)), self.fps, instruction)

    def score_paper(
        self, frames: NDArray[Any], instruction: str, prefixes: int = PREFIXES
    ) -> list[Score]:
        """Judge evenly spaced prefixes of a raw video as the paper's code does.

        Each prefix is sampled anew at 2 of assumed 24 frames per second (``schedule``), and its
        size is fitted to the pixel budget on its own, whatever ``frame_size`` says. A prefix of
        one frame shows it twice: the original raises there.

        Returns:
            Scores of the prefixes of ``paper_prefixes``; ``frames`` counts those that were seen.
        """
        pictures = _some(frames)
        found = []
        for length in paper_prefixes(len(pictures), prefixes):
            kept = paper_frames(length)
            seen = pictures[kept]
            height, width = seen.shape[1:3]
            size = fitted_size(max(len(kept), GROUP), height, width, self.unit)
            seen = resized(seen, size)
            found.append(self._whole(seen, kept, ASSUMED_FPS, instruction, size))
        return found

    def size_for(self, shape: Sequence[int]) -> tuple[int, int]:
        """Height and width at which frames of a shape (H, W, 3) are shown all episode."""
        if self.settings.frame_size is not None:
            return self.settings.frame_size
        return fitted_size(self.settings.frames, shape[0], shape[1], self.unit)

    def answers(self, hidden: "Tensor") -> list[tuple[float, float]]:
        """Log-probabilities of True and False from last hidden states (B, hidden)."""
        import torch

        # In the weights' own precision the result lies on a grid of an eighth of a nat.
        logs = torch.log_softmax(self.net.lm_head(hidden).float(), dim=-1)
        pair = logs[:, [self.prompt.true, self.prompt.false]].tolist()
        return [(float(true), float(false)) for true, false in pair]

    def whole_ids(
        self, indices: Sequence[int], fps: float, size: tuple[int, int], text: str
    ) -> Any:
        """Token ids of a whole prompt: a list of int."""
        stretch = Stretch()
        stretch.text(self.prompt.header)
        rows, columns = (side // self.unit for side in size)
        for seconds in group_times(indices, fps):
            stretch.group(self.prompt, seconds, rows, columns)
        stretch.text(self.prompt.question(text))
        return stretch.ids

    def _whole(
        self,
        frames: NDArray[np.uint8],
        indices: Sequence[int],
        fps: float,
        instruction: str,
        size: tuple[int, int] | None = None,
    ) -> Score:
        import torch

        size = self.size_for(frames.shape[1:]) if size is None else size
        shown = resized(frames, size)
        if len(shown) % GROUP:
            shown = np.concatenate([shown, shown[-1:]])
        ids = self.whole_ids(indices, fps, size, instruction)
        grid = [len(shown) // GROUP, *(side // self.patch for side in size)]
        with torch.inference_mode():
            rows = patches(shown, self.patch, self.merge).to(self.device)
            tokens = torch.tensor([ids], device=self.device)
            logits = run_whole(self.net, tokens, rows, grid, self.prompt.pad)
            logs = torch.log_softmax(logits.float(), dim=-1)
        true, false = (float(logs[index]) for index in (self.prompt.true, self.prompt.false))
        return Score(true, false, len(frames), len(ids))


def own_settings(config: Any) -> QwenSettings:
    """What a model's configuration says under ``topreward``; the defaults where it says nothing."""
    said = dict(getattr(config, "topreward", None) or {})
    known = set(QwenSettings.__dataclass_fields__)
    return replace(QwenSettings(), **_plain({k: v for k, v in said.items() if k in known}))


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with tuples where JSON has lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def _some(frames: NDArray[Any]) -> NDArray[np.uint8]:
    pictures = checked_frames(frames)
    if not len(pictures):
        raise InvalidConfig("a video needs at least one frame")
    return pictures
