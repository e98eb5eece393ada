"""The frozen encoders of the released SPOC models: SigLIP 2 for pictures, SigLIP for text.

Both come through ``transformers`` (extra ``[siglip]``), from a repository of the hub or a local
folder. The text tower was trained against open_clip, whose numbers are reproduced: 64 context
tokens behind the last norm and the projected pooled token behind them (open_clip 2.32 and 3.3;
2.24 dropped the last context token), exact GELU, lower case without punctuation.
"""

import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional

from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable

VISION, TEXT = "google/siglip2-base-patch16-256", "google/siglip-base-patch16-256"
"""Repositories with the published encoders' weights."""
IMAGE_SIZE, PATCH_SIZE, CONTEXT = 256, 16, 64
"""Pixels of a picture and of a patch, tokens of a text (config of the public MolmoBot-SPOC)."""
_CACHED_TEXTS = 256


class VisionEncoder:
    """Pictures to features (B, channels, 16, 16): the last hidden state, not pooled.

    Args:
        model: hub id or folder of a SigLIP or fixed-size SigLIP 2 model.

    Raises:
        PolicyUnavailable: ``transformers`` or the weights are missing.
        InvalidConfig: it is no SigLIP vision tower for 256 pixels in patches of 16.
    """

    def __init__(self, model: str = VISION) -> None:
        self._tower = _tower("SiglipVisionModel", model)
        config = self._tower.config
        found = (config.image_size, config.patch_size)
        if found != (IMAGE_SIZE, PATCH_SIZE):
            raise InvalidConfig(
                f"{model} sees {found[0]} pixels in patches of {found[1]}; the released SPOC"
                f" models need {IMAGE_SIZE} in patches of {PATCH_SIZE}, such as {VISION}"
            )
        self.channels = int(config.hidden_size)

    @torch.no_grad()
    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Features of pictures (H, W, 3), whose sizes may differ."""
        pixels = torch.stack([prepared(picture) for picture in pictures])
        hidden: Tensor = self._tower(pixel_values=pixels).last_hidden_state
        side = IMAGE_SIZE // PATCH_SIZE
        return hidden.transpose(1, 2).reshape(len(hidden), self.channels, side, side)


class TextEncoder:
    """Instructions to features (1, 65, channels): 64 context tokens, then the pooled one.

    Args:
        model: hub id or folder of a SigLIP model with its tokenizer.

    Raises:
        PolicyUnavailable: ``transformers``, the weights or the tokenizer are missing.
        InvalidConfig: it is no SigLIP text tower for 64 tokens.
    """

    def __init__(self, model: str = TEXT) -> None:
        # open_clip has the exact GELU where transformers' configuration says tanh.
        self._tower = _tower("SiglipTextModel", model, hidden_act="gelu")
        config = self._tower.config
        if config.max_position_embeddings != CONTEXT:
            raise InvalidConfig(
                f"{model} reads {config.max_position_embeddings} tokens; the released SPOC models"
                f" need {CONTEXT}, such as {TEXT}"
            )
        if config.projection_size != config.hidden_size:
            raise InvalidConfig(
                f"{model} projects {config.hidden_size} channels to {config.projection_size};"
                f" the released SPOC models need as many as before, such as {TEXT}"
            )
        self.channels = int(config.hidden_size)
        self._tokenizer = _tokenizer(model)
        self._encoded = lru_cache(_CACHED_TEXTS)(self._encode)

    def __call__(self, instruction: str) -> Tensor:
        """Features of an instruction; those of the latest ones are remembered."""
        return self._encoded(canonical(instruction))

    def token_ids(self, instruction: str) -> Tensor:
        """(1, 64) token ids, padded."""
        batch = self._tokenizer(
            canonical(instruction),
            padding="max_length",
            truncation=True,
            max_length=CONTEXT,
            return_tensors="pt",
        )
        return batch["input_ids"]  # type: ignore[no-any-return]

    @torch.no_grad()
    def _encode(self, instruction: str) -> Tensor:
        # Without a mask: SigLIP attends to its padding.
        out = self._tower(input_ids=self.token_ids(instruction))
        return torch.cat([out.last_hidden_state, out.pooler_output.unsqueeze(1)], dim=1)


def prepared(picture: NDArray[np.uint8]) -> Tensor:
    """A picture (H, W, 3) as SigLIP sees it: (3, 256, 256) float32 in [-1, 1].

    Squeezed to a square with an anti-aliased bicubic filter and rounded to whole levels, as the
    published preprocessor does.
    """
    levels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).unsqueeze(0).float()
    size = (IMAGE_SIZE, IMAGE_SIZE)
    if levels.shape[-2:] != size:
        levels = functional.interpolate(levels, size, mode="bicubic", antialias=True)
        levels = levels.clamp(0.0, 255.0).round()
    return levels[0] / 127.5 - 1.0


def canonical(text: str) -> str:
    """Lower case, no punctuation, single spaces: how SigLIP's texts were cleaned."""
    bare = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return " ".join(bare.lower().split())


def _tower(name: str, model: str, **changes: Any) -> Any:
    """One tower of a SigLIP model, frozen."""
    transformers = _transformers()
    try:
        kind = transformers.AutoConfig.from_pretrained(model).model_type
    except (OSError, ValueError) as error:
        raise _unavailable(model, error) from error
    if not kind.startswith("siglip") or kind.startswith("siglip2"):
        raise InvalidConfig(
            f"{model} is a model of type {kind!r}; expected a SigLIP or fixed-size SigLIP 2 model,"
            f" such as {VISION} for pictures and {TEXT} for text"
        )
    try:
        with _quiet(transformers.utils.logging):
            tower, info = getattr(transformers, name).from_pretrained(
                model, output_loading_info=True, **changes
            )
    except (OSError, ValueError, SafetensorError) as error:
        raise _unavailable(model, error) from error
    # What a checkpoint lacks would silently be drawn at random.
    lacking = sorted(info["missing_keys"])
    if lacking:
        raise InvalidConfig(f"{model} holds no {name}: it lacks {len(lacking)} {lacking[:2]}")
    return tower.eval().requires_grad_(False)


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    # It would list every weight of the other tower.
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _tokenizer(model: str) -> Any:
    try:
        return _transformers().AutoTokenizer.from_pretrained(model)
    except ImportError as error:
        raise PolicyUnavailable(
            f'the tokenizer of {model} needs a package: pip install "molmospaces-gym[siglip]"'
            f" ({error})"
        ) from error
    except (OSError, ValueError) as error:
        raise _unavailable(model, error) from error


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise PolicyUnavailable(
            "released SPOC models need transformers for their encoders: pip install"
            ' "molmospaces-gym[spoc,siglip]"'
        ) from error
    return transformers


def _unavailable(model: str, error: Exception) -> PolicyUnavailable:
    return PolicyUnavailable(
        f"the encoder {model!r} is neither a complete local folder nor downloadable here. Fetch it"
        f" where there is a network: hf download {VISION} --local-dir siglip2 (pictures) and hf"
        f" download {TEXT} --local-dir siglip (text); then say vision=siglip2 and text=siglip"
        f" ({str(error).splitlines()[0]})"
    )
