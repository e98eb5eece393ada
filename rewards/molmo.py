"""TOPReward with Molmo2 models, through their processor; every score is computed anew.

The words are those of the authors' client for Molmo2: they claim a complete trajectory and put a
line break before the question. Frames are timed by their number. The processor of transformers
needs torchvision for videos. Only the layout is tested here: no Molmo2 weights were at hand.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.base import Score
from molmospaces_gym.rewards.plain import SessionBatch, WholeSession
from molmospaces_gym.rewards.qwen.loading import DType, load_network
from molmospaces_gym.rewards.qwen.pixels import checked_frames
from molmospaces_gym.rewards.qwen.prompt import FALSE, TRUE

MOLMO = ("molmo2",)
QUESTION = (
    "The above video shows a complete robot manipulation trajectory of the following task with"
    " all the motion: {instruction}\n Decide whether the above statement is True or not. The"
    " answer is:"
)


class MolmoModel:
    """Scores whole videos with a model and its processor.

    Args:
        net: an image-text-to-text model of transformers.
        processor: that belongs to it.
        name: what it is called.
        fps: frames per second of the episode that it is shown.
    """

    def __init__(self, net: Any, processor: Any, name: str = "molmo2", fps: float = 2.0) -> None:
        self.net, self.processor = net, processor
        self.name, self.fps = name, float(fps)
        self._true, self._false = self._single(TRUE), self._single(FALSE)

    @classmethod
    def load(
        cls, name: str, dtype: DType = "float32", device: str = "cpu", fps: float = 2.0
    ) -> "MolmoModel":
        """A model from a folder or the hub; raises what ``load_network`` raises."""
        net, processor = load_network(name, dtype, device, MOLMO)
        return cls(net, processor, name, fps)

    def start(self, instruction: str) -> WholeSession:
        return WholeSession(self, instruction)

    def start_batch(self, slots: int) -> SessionBatch:
        return SessionBatch(self, slots)

    def score_video(self, frames: NDArray[Any], instruction: str) -> Score:
        """Judge a video."""
        import torch

        pictures = checked_frames(frames)
        about = {
            "fps": 1.0,
            "frames_indices": np.arange(len(pictures)),
            "total_num_frames": len(pictures),
        }
        inputs = self.processor(
            text=self.prompt(instruction),
            videos=[pictures],
            video_metadata=[about],
            do_sample_frames=False,
            return_tensors="pt",
        ).to(self.net.device)
        with torch.inference_mode():
            logits = self.net(**inputs).logits[0, -1]
            logs = torch.log_softmax(logits.float(), dim=-1)
        tokens = int(inputs["input_ids"].shape[1])
        return Score(float(logs[self._true]), float(logs[self._false]), len(pictures), tokens)

    def prompt(self, instruction: str) -> str:
        """The user's turn of the chat template, cut off behind the words."""
        content = [
            {"type": "video"},
            {"type": "text", "text": QUESTION.format(instruction=instruction)},
        ]
        text: str = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=False
        )
        end = text.rfind("The answer is:")
        if end < 0:
            raise InvalidConfig(f"{self.name}: the chat template drops the words: {text[:200]!r}")
        return text[:end] + "The answer is:"

    def _single(self, text: str) -> int:
        ids = self.processor.tokenizer.encode(text, add_special_tokens=False)
        if len(ids) != 1:
            raise InvalidConfig(f"the tokenizer splits {text!r} into {len(ids)} tokens")
        return int(ids[0])
