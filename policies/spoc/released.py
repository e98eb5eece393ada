"""Read a released MolmoBot-SPOC folder: ``model.safetensors`` and ``preprocessor_config.json``.

The weights are those of the trunk and its adapters; the frozen SigLIP encoders come from their own
repositories (``encoders``). Names of the public MolmoBot-SPOC code on the left of ``_RENAMES``.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.json_files import read_json
from molmospaces_gym.policies.spoc.config import SpocConfig
from molmospaces_gym.policies.spoc.model import SpocModel
from molmospaces_gym.policies.spoc.tokens import ActionTokens

WEIGHTS, PREPROCESSOR = "model.safetensors", "preprocessor_config.json"

_RENAMES = (
    (r"^visual_encoder\.text_adapter\.", "memory.text."),
    (r"^visual_encoder\.visual_compressor\.", "memory.eyes."),
    (r"^visual_encoder\.visual_adapter\.", "memory.visual."),
    (r"^visual_encoder\.visual_feature_token_(\w+)_features$", r"memory.camera_marks.\1"),
    (r"^visual_encoder\.goal_as_point_pos_encoder\.([12])\.", None),
    (r"^visual_encoder\.coord_pos_enc\.", "memory.point_marks."),
    (r"^action_decoder\.action_queries$", "trunk.queries"),
    (r"^action_decoder\.proprioception_proj\.", "memory.vectors.proprio."),
    (r"^action_decoder\.decoder\.norm\.", "trunk.norm."),
    (r"^action_decoder\.decoder\.output\.", "trunk.out."),
    (r"^action_decoder\.decoder\.layers\.(\d+)\.", r"trunk.blocks.\1."),
    (r"^actor\.linear\.", "actor."),
)
_IN_BLOCK = (
    (r"\.attention_norm\.", ".self_norm."),
    (r"\.ffn_norm_kv\.", ".memory_norm."),
    (r"\.cross_ffn_norm\.", ".last_norm."),
    (r"\.ffn_norm\.", ".cross_norm."),
    (r"\.last_norm\.", ".ffn_norm."),
    (r"\.attention\.", ".self_attention."),
    (r"\.wq\.", ".query."),
    (r"\.wk\.", ".key."),
    (r"\.wv\.", ".value."),
    (r"\.wo\.", ".out."),
    (r"\.feed_forward\.w1\.", ".ffn.gate."),
    (r"\.feed_forward\.w2\.", ".ffn.down."),
    (r"\.feed_forward\.w3\.", ".ffn.up."),
)
# Recomputed here, so not needed from the file.
_CONSTANTS = re.compile(r"\.div_term$")


def load_released(folder: str | Path, preset: str | SpocConfig) -> SpocModel:
    """The model of a released folder.

    Args:
        folder: holds the two files.
        preset: which of the ``xxl_*`` presets it is, or its sizes; the folder does not say.

    Raises:
        InvalidConfig: a file is missing or damaged, or holds another model.
    """
    folder = Path(folder)
    missing = [name for name in (WEIGHTS, PREPROCESSOR) if not (folder / name).is_file()]
    if missing:
        raise InvalidConfig(
            f"{folder} is no released SPOC folder: it lacks {', '.join(missing)}; download it with:"
            f" hf download allenai/MolmoBot-SPOC-DROID --local-dir {folder}"
        )
    config = SpocConfig.preset(preset) if isinstance(preset, str) else preset
    settings = read_json(folder / PREPROCESSOR, InvalidConfig)
    try:
        weights = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise InvalidConfig(f"{folder / WEIGHTS} is no safetensors file: {error}") from error
    model = SpocModel(config)
    _fill(model, weights, folder / WEIGHTS)
    _set_statistics(model, settings, folder / PREPROCESSOR)
    return model.eval()


def renamed(name: str) -> str | None:
    """Our name of a released parameter; None for constants.

    Raises:
        InvalidConfig: it is no parameter of a released SPOC model.
    """
    if _CONSTANTS.search(name):
        return None
    point = re.match(r"^visual_encoder\.goal_as_point_pos_encoder\.(\d)\.(\w+)$", name)
    if point:  # their encoding of coordinates is entry 0 of the sequence
        return f"memory.points.{int(point[1]) - 1}.{point[2]}"
    for pattern, ours in _RENAMES:
        if ours is not None and re.search(pattern, name):
            new = re.sub(pattern, ours, name)
            return _in_block(new) if new.startswith("trunk.blocks.") else new
    raise InvalidConfig(f"{name!r} is no parameter of a released SPOC model")


def _in_block(name: str) -> str:
    for pattern, ours in _IN_BLOCK:
        name = re.sub(pattern, ours, name)
    return name


def _fill(model: SpocModel, weights: Mapping[str, torch.Tensor], file: Path) -> None:
    ours = {new: value for name, value in weights.items() if (new := renamed(name)) is not None}
    wanted = dict(model.named_parameters())
    lacking, foreign = sorted(wanted.keys() - ours.keys()), sorted(ours.keys() - wanted.keys())
    if lacking or foreign:
        raise InvalidConfig(
            f"{file} holds another model than this preset: it lacks {len(lacking)} parameters"
            f" {lacking[:3]} and has {len(foreign)} of its own {foreign[:3]}"
        )
    with torch.no_grad():
        for name, parameter in wanted.items():
            if parameter.shape != ours[name].shape:
                raise InvalidConfig(
                    f"{file}: {name} has shape {tuple(ours[name].shape)}, expected"
                    f" {tuple(parameter.shape)}; is it another preset?"
                )
            parameter.copy_(ours[name])


def _set_statistics(model: SpocModel, settings: Mapping[str, Any], file: Path) -> None:
    space = settings.get("action_space_kwargs")
    keys = "bin_edges_per_dim", "normalization_mins", "normalization_maxs"
    if not isinstance(space, Mapping) or any(key not in space for key in keys):
        raise InvalidConfig(f"{file} needs action_space_kwargs with {', '.join(keys)}")
    edges, low, high = (np.asarray(space[key], dtype=np.float64) for key in keys)
    model.set_tokens(ActionTokens(edges, low, high, middle=False))
    if "proprio_normalization_mins" in settings:
        least = torch.tensor(settings["proprio_normalization_mins"], dtype=torch.float32)
        most = torch.tensor(settings["proprio_normalization_maxs"], dtype=torch.float32)
        # A value that never changes, as the base's zeros, is -1 to the published model.
        still = most <= least
        half = torch.where(still, 1.0, 0.5 * (most - least))
        model.memory.set_scales("proprio", least + half, half)
