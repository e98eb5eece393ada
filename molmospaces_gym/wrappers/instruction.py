"""Instructions as numbers: hashed tokens without any model, or sentence embeddings."""

import re
import zlib
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, MolmoSpacesError

_WORD = re.compile(r"[a-z0-9]+")

EMBEDDING_SIZE = 384
"""Length of an all-MiniLM-L6-v2 sentence embedding."""


def hash_tokens(text: str, length: int, vocabulary: int) -> NDArray[np.int32]:
    """Token ids (length,): 0 is padding, a word is 1 + crc32(word) mod (vocabulary - 1).

    Lower-cased words and numbers; longer texts are cut. The same on every machine and run.
    """
    words = _WORD.findall(text.lower())[:length]
    tokens = np.zeros(length, np.int32)
    for index, word in enumerate(words):
        tokens[index] = 1 + zlib.crc32(word.encode()) % (vocabulary - 1)
    return tokens


class _InstructionWrapper(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Adds one entry, computed once per episode from the instruction, to a Dict observation."""

    key: str

    def _extend(self, env: gym.Env[Any, Any], entry: spaces.Box) -> None:
        space = env.observation_space
        if not isinstance(space, spaces.Dict):
            raise InvalidConfig(f"{type(self).__name__} needs a Dict observation space")
        self.observation_space = spaces.Dict({**space.spaces, self.key: entry})

    def encode(self, instruction: str) -> NDArray[Any]:
        """The numbers that stand for an instruction."""
        raise NotImplementedError

    def reset(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode and encode its instruction."""
        observation, info = self.env.reset(**kwargs)
        self._encoded = self.encode(info["instruction"])
        return {**observation, self.key: self._encoded.copy()}, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step; the encoding is that of the episode."""
        observation, *rest = self.env.step(action)
        return ({**observation, self.key: self._encoded.copy()}, *rest)  # type: ignore[return-value]


class HashedInstruction(_InstructionWrapper):
    """Adds ``instruction_tokens`` (``length``,) int32 ids in 0..``vocabulary`` - 1."""

    key = "instruction_tokens"

    def __init__(self, env: gym.Env[Any, Any], length: int = 16, vocabulary: int = 4096) -> None:
        RecordConstructorArgs.__init__(self, length=length, vocabulary=vocabulary)
        gym.Wrapper.__init__(self, env)
        if length < 1 or vocabulary < 2:
            raise InvalidConfig("length must be at least 1 and vocabulary at least 2")
        self.length, self.vocabulary = length, vocabulary
        self._extend(env, spaces.Box(0, vocabulary - 1, (length,), np.int32))

    def encode(self, instruction: str) -> NDArray[np.int32]:
        """Token ids (length,)."""
        return hash_tokens(instruction, self.length, self.vocabulary)


class InstructionEmbedding(_InstructionWrapper):
    """Adds ``instruction_embedding`` (384,) float32: a MiniLM sentence embedding of unit length.

    ``model`` is a hub id or a local folder in the transformers layout. Needs the extra
    ``[minilm]`` and, for a hub id, weights that are downloaded or cached; raises
    ``MolmoSpacesError`` saying which is missing. Embeddings are cached by instruction.
    """

    key = "instruction_embedding"

    def __init__(
        self, env: gym.Env[Any, Any], model: str = "sentence-transformers/all-MiniLM-L6-v2"
    ) -> None:
        RecordConstructorArgs.__init__(self, model=model)
        gym.Wrapper.__init__(self, env)
        self._encoder = SentenceEncoder(model)
        self._known: dict[str, NDArray[np.float32]] = {}
        self._extend(env, spaces.Box(-1.0, 1.0, (self._encoder.size,), np.float32))

    def encode(self, instruction: str) -> NDArray[np.float32]:
        """Unit embedding (size,)."""
        if instruction not in self._known:
            self._known[instruction] = self._encoder(instruction)
        return self._known[instruction]


class SentenceEncoder:
    """Mean-pooled, normalised last hidden state of a BERT-like model (MiniLM's own recipe)."""

    def __init__(self, model: str) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise MolmoSpacesError(
                'instruction embeddings need transformers: pip install "molmospaces-gym[minilm]"'
            ) from error
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(model)
            self._model = AutoModel.from_pretrained(model).eval()
        except OSError as error:
            raise MolmoSpacesError(
                f"the sentence model {model!r} is neither a local folder nor downloadable here:"
                f" {error}; download it where there is a network and pass its folder as model=..."
            ) from error
        self.size = int(self._model.config.hidden_size)

    def __call__(self, text: str) -> NDArray[np.float32]:
        """The embedding (size,) of one text."""
        import torch

        batch = self._tokenizer(text, return_tensors="pt", truncation=True)
        with torch.no_grad():
            hidden = self._model(**batch).last_hidden_state[0]
        mask = batch["attention_mask"][0].unsqueeze(-1)
        mean = (hidden * mask).sum(0) / mask.sum()
        return np.asarray((mean / mean.norm()).numpy(), dtype=np.float32)
