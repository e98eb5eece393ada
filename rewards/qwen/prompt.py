"""The assertion prompt as token ids, built without the processor of transformers.

The text is that of the authors' code. It asserts that the task is being completed and does not
ask; the answer is the next token, " True" with its space. There is a chat header and no chat
end: the released code cuts the template off behind the user's words.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig

Layout = Literal["4.57", "5.10"]
"""Up to transformers 5.9 the processor replaced the whole placeholder of a video; from 5.10 on it
leaves an outer pair of vision_start and vision_end around it. The paper used 4.57."""
HEADER = "<|im_start|>user\n"
START, END, PAD = "<|vision_start|>", "<|vision_end|>", "<|video_pad|>"
QUESTION = (
    "The above video shows a robot manipulation trajectory that completes the following task: "
    "{instruction} Decide whether the above statement is True or not. The answer is:"
)
TRUE, FALSE = " True", " False"
REMEMBERED = 4096
"""Encoded texts that are kept."""


class Prompt:
    """Token ids of the parts of a prompt, for one tokenizer.

    Args:
        tokenizer: of a Qwen3-VL model.
        layout: which release of transformers the ids follow.

    Attributes:
        true, false: ids of the two answers.
        pad: id of a visual token.

    Raises:
        InvalidConfig: an answer is no single token, a special token is missing, or the layout is
            not known.
    """

    def __init__(self, tokenizer: Any, layout: Layout = "4.57") -> None:
        if layout not in get_args(Layout):
            raise InvalidConfig(f"unknown layout {layout!r}; known: {', '.join(get_args(Layout))}")
        self._tokenizer, self.layout = tokenizer, layout
        self._known: dict[str, list[int]] = {}
        self.true, self.false = self._single(TRUE), self._single(FALSE)
        self.start, self.end, self.pad = (self._single(text) for text in (START, END, PAD))
        outer = layout == "5.10"
        self.header = self.encode(HEADER) + ([self.start] if outer else [])
        self._closing = [self.end] if outer else []

    def encode(self, text: str) -> list[int]:
        """Token ids of a text without anything added."""
        if text not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[text] = list(self._tokenizer.encode(text, add_special_tokens=False))
        return self._known[text]

    def time(self, seconds: float) -> list[int]:
        """What stands before the visual tokens of a group."""
        return [*self.encode(f"<{seconds:.1f} seconds>"), self.start]

    def question(self, instruction: str) -> list[int]:
        """What follows the video, up to the answer."""
        return self._closing + self.encode(QUESTION.format(instruction=instruction))

    def _single(self, text: str) -> int:
        ids = self.encode(text)
        if len(ids) != 1:
            raise InvalidConfig(
                f"the tokenizer splits {text!r} into {len(ids)} tokens; expected one, as in the"
                " tokenizers of Qwen3-VL"
            )
        return ids[0]


class Stretch:
    """Tokens in a row and their positions, which begin at ``position``.

    Text advances the three indices of a position (time, row, column) together. The visual tokens
    of a group share the time and lie on a grid; what follows continues behind its longer side
    (``get_rope_index`` of transformers).

    Attributes:
        ids: token ids so far.
        position: of the next token.
    """

    def __init__(self, position: int = 0) -> None:
        self.ids: list[int] = []
        self.position = position
        self._positions: list[NDArray[np.int64]] = []

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def positions(self) -> NDArray[np.int64]:
        """(3, L)."""
        return np.concatenate([np.zeros((3, 0), np.int64), *self._positions], axis=1)

    def text(self, ids: Sequence[int]) -> None:
        """Append text."""
        self.ids += ids
        line = np.arange(self.position, self.position + len(ids))
        self._positions.append(np.broadcast_to(line, (3, len(ids))))
        self.position += len(ids)

    def grid(self, token: int, rows: int, columns: int) -> None:
        """Append the visual tokens of one temporal group."""
        self.ids += [token] * (rows * columns)
        row, column = np.divmod(np.arange(rows * columns), columns)
        self._positions.append(np.stack([np.zeros_like(row), row, column]) + self.position)
        self.position += max(rows, columns)

    def group(self, prompt: Prompt, seconds: float, rows: int, columns: int) -> None:
        """Append one temporal group with its time."""
        self.text(prompt.time(seconds))
        self.grid(prompt.pad, rows, columns)
        self.text([prompt.end])
