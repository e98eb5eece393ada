"""The few calls into transformers that differ between its releases.

Tested with 5.23; what older ones return is followed from their source.
"""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Memory = list[tuple["Tensor", "Tensor"]]
"""Keys and values of every layer, each (batch, heads, length, channels)."""


def video_features(net: Any, rows: "Tensor", grids: "Tensor") -> "tuple[Tensor, list[Tensor]]":
    """Features of all temporal groups, and those added to the first layers of the language model.

    Args:
        net: ``Qwen3VLForConditionalGeneration``.
        rows: of ``pixels.patches``, (n, channels).
        grids: (videos, 3): groups, patch rows, patch columns.

    Returns:
        (tokens, hidden), and a list of the same shape.
    """
    import torch

    output = net.model.get_video_features(rows, grids)
    # Releases before 5.0 return a pair; the deep features come whole or cut into videos.
    pooled = getattr(output, "pooler_output", None)
    found, deep = output if pooled is None else (pooled, output.deepstack_features)
    whole = [part if isinstance(part, torch.Tensor) else torch.cat(tuple(part)) for part in deep]
    return torch.cat(tuple(found)), whole


def run_text(
    net: Any,
    embeddings: "Tensor",
    positions: "Tensor",
    mask: "Tensor | None",
    past: Memory | None,
    visual: "Tensor | None",
    deep: "list[Tensor] | None",
) -> "tuple[Tensor, Memory]":
    """The language model over new tokens behind remembered ones.

    Args:
        net: ``Qwen3VLForConditionalGeneration``.
        embeddings: (B, L, hidden).
        positions: (3, B, L).
        mask: (B, past + L), 1 where there is a token; None where all are.
        past: what was remembered; it is not changed.
        visual: (B, L), where the visual tokens are; None where there are none.
        deep: of ``video_features``.

    Returns:
        Hidden states (B, L, hidden), and the memory with the new tokens behind the old.
    """
    from transformers import DynamicCache

    cache: Any = DynamicCache(config=net.config.text_config)
    for index, (keys, values) in enumerate(past or ()):
        cache.update(keys, values, index)
    output = net.model.language_model(
        inputs_embeds=embeddings,
        position_ids=positions,
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
        visual_pos_masks=visual,
        deepstack_visual_embeds=deep,
    )
    memory = [(layer.keys, layer.values) for layer in cache.layers]
    hidden: Tensor = output.last_hidden_state
    return hidden, memory


def run_whole(net: Any, ids: "Tensor", rows: "Tensor", grid: Sequence[int], pad: int) -> "Tensor":
    """Logits (vocabulary,) behind the last token of one prompt, positions found by transformers.

    Args:
        net: ``Qwen3VLForConditionalGeneration``.
        ids: (1, L).
        rows: of ``pixels.patches``.
        grid: groups, patch rows, patch columns.
        pad: id of a visual token.
    """
    import torch

    extra: dict[str, Any] = {}
    if "mm_token_type_ids" in inspect.signature(net.forward).parameters:
        extra["mm_token_type_ids"] = (ids == pad).int() * 2  # 2 is video
    output = net(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values_videos=rows,
        video_grid_thw=torch.tensor([list(grid)], device=ids.device),
        logits_to_keep=1,
        use_cache=False,
        **extra,
    )
    logits: Tensor = output.logits[0, -1]
    return logits
