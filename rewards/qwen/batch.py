"""Several episodes watched by one Qwen3-VL model, each frame encoded once.

The text of the prompt behind the video is all that changes from one score to the next, and the
language model is causal, so keys and values of the header and of all complete temporal groups
(two frames) are remembered. Three things keep that exact: frames are shown on a fixed schedule,
all in one size, and a group is remembered only when it is complete; a lone last frame is doubled
for the answer and forgotten again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, NotReset
from molmospaces_gym.rewards.base import Score
from molmospaces_gym.rewards.qwen.compat import Memory, run_text, video_features
from molmospaces_gym.rewards.qwen.fast_vision import fast_vision
from molmospaces_gym.rewards.qwen.pixels import GROUP, checked_frames, patches, resized
from molmospaces_gym.rewards.qwen.prompt import Stretch
from molmospaces_gym.rewards.qwen.schedule import group_times

if TYPE_CHECKING:
    from torch import Tensor

    from molmospaces_gym.rewards.qwen.model import QwenModel

MOST_WAITING = 32
"""Frames that wait in a slot for the next score before they are encoded without one."""


@dataclass
class _Slot:
    """One episode: what is remembered of it, and what waits to be."""

    instruction: str
    memory: Memory = field(default_factory=list)
    length: int = 0
    position: int = 0
    """Of the token behind the remembered ones."""
    done: int = 0
    """Frames that are remembered."""
    shape: tuple[int, ...] = ()
    size: tuple[int, int] = (0, 0)
    waiting: list[NDArray[np.uint8]] = field(default_factory=list)

    @property
    def frames(self) -> int:
        return self.done + len(self.waiting)


@dataclass
class _Row:
    """What one slot adds in one call: tokens to remember, then tokens for the answer alone."""

    slot: _Slot
    keep: Stretch
    ask: Stretch
    pixels: list[NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.keep) + len(self.ask)


class QwenBatch:
    """Slots of a ``QwenModel``; see ``RewardBatch``."""

    def __init__(self, model: "QwenModel", slots: int) -> None:
        if slots < 1:
            raise InvalidConfig(f"a batch needs at least one slot, got {slots}")
        self._model = model
        self._slots: list[_Slot | None] = [None] * slots

    def start(self, slot: int, instruction: str) -> None:
        self._check(slot)
        self._slots[slot] = _Slot(instruction)

    def push(self, slots: Sequence[int], frames: NDArray[Any]) -> None:
        """Show each slot its next frame; nothing is encoded before a score is asked for.

        Raises:
            InvalidConfig: no uint8 frames, not as many as slots, a slot twice or none such, or
                another size than the slot's frames before.
            NotReset: a slot that was not started.
        """
        pictures = checked_frames(frames)
        if len(pictures) != len(slots) or len(set(slots)) != len(slots):
            raise InvalidConfig(f"{len(pictures)} frames for the slots {list(slots)}")
        chosen = [self._slot(index) for index in slots]
        for slot in chosen:
            if slot.frames and slot.shape != pictures.shape[1:]:
                raise InvalidConfig(
                    f"a frame of {pictures.shape[1:]} behind frames of {slot.shape};"
                    " every frame of an episode has the same size"
                )
        for slot, picture in zip(chosen, pictures, strict=True):
            if not slot.frames:
                slot.shape, slot.size = picture.shape, self._model.size_for(picture.shape)
            slot.waiting.append(resized(picture[None].copy(), slot.size)[0])
        full = [slot for slot in chosen if len(slot.waiting) >= MOST_WAITING]
        if full:
            self._run([self._row(slot, ask=False) for slot in full])

    def score(self, slots: Sequence[int]) -> list[Score]:
        """Judge these slots, in their order; raises ``InvalidConfig`` where one saw no frame."""
        chosen = [self._slot(index) for index in slots]
        for index, slot in zip(slots, chosen, strict=True):
            if not slot.frames:
                raise InvalidConfig(f"slot {index} has seen no frame; push one before score")
        if not chosen:
            return []
        if len(set(slots)) != len(slots):
            raise InvalidConfig(f"a slot is asked twice: {list(slots)}")
        rows = [self._row(slot, ask=True) for slot in chosen]
        pairs = self._run(rows)
        return [
            Score(true, false, row.slot.frames, len(row))
            for row, (true, false) in zip(rows, pairs, strict=True)
        ]

    def memory_bytes(self, slot: int) -> int:
        """Bytes of keys and values that a slot holds."""
        held = self._slot(slot).memory
        return sum(keys.nbytes + values.nbytes for keys, values in held)

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self._slots):
            raise InvalidConfig(f"slot {index} of a batch with {len(self._slots)} slots")

    def _slot(self, index: int) -> _Slot:
        self._check(index)
        slot = self._slots[index]
        if slot is None:
            raise NotReset(f"slot {index} watches no episode; call start({index}, instruction)")
        return slot

    def _row(self, slot: _Slot, ask: bool) -> _Row:
        """Lay out the complete groups that wait and, to ``ask``, a lone frame and the question."""
        model, prompt = self._model, self._model.prompt
        keep = Stretch(slot.position)
        if not slot.length:
            keep.text(prompt.header)
        rows, columns = (side // model.unit for side in slot.size)
        complete = len(slot.waiting) // GROUP * GROUP
        times = group_times(range(slot.done, slot.frames), model.fps)
        for seconds in times[: complete // GROUP]:
            keep.group(prompt, seconds, rows, columns)
        tail = Stretch(keep.position)
        pixels = slot.waiting[:complete]
        if ask:
            if complete < len(slot.waiting):
                tail.group(prompt, times[-1], rows, columns)
                pixels = [*pixels, *[slot.waiting[-1]] * GROUP]
            tail.text(prompt.question(slot.instruction))
        return _Row(slot, keep, tail, pixels)

    def _run(self, rows: list[_Row]) -> list[tuple[float, float]]:
        """One call of the model for all rows; remembers what is to be kept.

        Returns:
            Log-probabilities of the answers at each row's last token.
        """
        import torch

        with torch.inference_mode():
            past, mask = self._past(rows)
            hidden, memory = self._forward(rows, past, mask)
            last = hidden[torch.arange(len(rows)), [len(row) - 1 for row in rows]]
            answers = self._model.answers(last) if len(rows[0].ask) else []
        behind = 0 if not past else past[0][0].shape[2]
        for index, row in enumerate(rows):
            _remember(row, index, memory, behind)
        return answers

    def _past(self, rows: list[_Row]) -> "tuple[Memory, Tensor | None]":
        """Memories of the rows, padded on the left, and which tokens of past and new are real."""
        import torch

        lengths, added = [row.slot.length for row in rows], [len(row) for row in rows]
        longest, width = max(lengths), max(added)
        mask = torch.zeros(len(rows), longest + width, dtype=torch.long)
        for index, (length, new) in enumerate(zip(lengths, added, strict=True)):
            mask[index, longest - length : longest + new] = 1
        whole = bool(mask.all())
        past: Memory = []
        for layer in range(self._model.layers if longest else 0):
            pairs = [row.slot.memory[layer] if row.slot.memory else None for row in rows]
            past.append((_stacked(pairs, 0, longest), _stacked(pairs, 1, longest)))
        return past, None if whole else mask.to(self._model.device)

    def _forward(
        self, rows: list[_Row], past: Memory, mask: "Tensor | None"
    ) -> "tuple[Tensor, Memory]":
        import torch

        model = self._model
        width = max(len(row) for row in rows)
        # Padding repeats a text token behind the last one, where no real token sees it.
        ids = np.full((len(rows), width), model.prompt.end, np.int64)
        positions = np.zeros((3, len(rows), width), np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row.keep.ids + row.ask.ids
            own = np.concatenate([row.keep.positions, row.ask.positions], axis=1)
            positions[:, index, : len(row)] = own
            positions[:, index, len(row) :] = own.max()
        tokens = torch.from_numpy(ids).to(model.device)
        embeddings = model.net.get_input_embeddings()(tokens)
        visual, deep = None, None
        grids = [row for row in rows if row.pixels]
        if grids:
            features, deep = self._features(grids)
            visual = tokens == model.prompt.pad
            spread = visual.unsqueeze(-1).expand_as(embeddings)
            embeddings = embeddings.masked_scatter(spread, features.to(embeddings.dtype))
        places = torch.from_numpy(positions).to(model.device)
        return run_text(model.net, embeddings, places, mask, past, visual, deep)

    def _features(self, rows: list[_Row]) -> "tuple[Tensor, list[Tensor]]":
        import torch

        model = self._model
        pixels = [patches(np.stack(row.pixels), model.patch, model.merge) for row in rows]
        grids = [
            [len(row.pixels) // GROUP, *(side // model.patch for side in row.slot.size)]
            for row in rows
        ]
        joined = torch.cat(pixels).to(model.device)
        asked = torch.tensor(grids, device=model.device)
        sizes = {height * width for _, height, width in grids}
        if len(sizes) > 1:
            return video_features(model.net, joined, asked)
        with fast_vision(model.net, sizes.pop()):
            return video_features(model.net, joined, asked)


def _stacked(pairs: "list[tuple[Tensor, Tensor] | None]", which: int, longest: int) -> "Tensor":
    """Keys (0) or values (1) of several rows with zeros on the left: (rows, heads, longest, n)."""
    known = [None if pair is None else pair[which] for pair in pairs]
    like = next(tensor for tensor in known if tensor is not None)
    if len(known) == 1:
        return like
    out = like.new_zeros((len(known), like.shape[1], longest, like.shape[3]))
    for index, tensor in enumerate(known):
        if tensor is not None:
            out[index, :, longest - tensor.shape[2] :] = tensor[0]
    return out


def _remember(row: _Row, index: int, memory: Memory, behind: int) -> None:
    """Takes the kept tokens of a row, which lie ``behind`` the past, into its slot."""
    import torch

    slot, kept = row.slot, len(row.keep)
    if not kept:
        return
    new = [
        tuple(part[index : index + 1, :, behind : behind + kept] for part in layer)
        for layer in memory
    ]
    if slot.memory:
        slot.memory = [
            (torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2))
            for (keys, values), (k, v) in zip(slot.memory, new, strict=True)
        ]
    else:
        slot.memory = [(k.clone(), v.clone()) for k, v in new]
    complete = len(slot.waiting) // GROUP * GROUP
    slot.length += kept
    slot.position = row.keep.position
    slot.done += complete
    del slot.waiting[:complete]


class QwenSession:
    """One episode of a ``QwenModel``; see ``RewardSession``."""

    def __init__(self, model: "QwenModel", instruction: str) -> None:
        self._batch = QwenBatch(model, 1)
        self._batch.start(0, instruction)

    def push(self, frame: NDArray[Any]) -> None:
        self._batch.push([0], np.asarray(frame)[None])

    def score(self) -> Score:
        return self._batch.score([0])[0]

    def memory_bytes(self) -> int:
        """Bytes of keys and values that the session holds."""
        return self._batch.memory_bytes(0)
