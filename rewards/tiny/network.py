"""A small Qwen3-VL network and a byte-level tokenizer of its own, made without any download."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from molmospaces_gym.rewards.qwen.prompt import FALSE, HEADER, QUESTION, TRUE

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen tokenizers cut text into words before merging bytes (their public tokenizer.json)."""


@dataclass(frozen=True)
class Size:
    """Sizes of a network.

    Attributes:
        hidden, layers, heads, kv_heads, inner: of the language model.
        vision_hidden, vision_layers, vision_heads, vision_inner: of the vision tower.
        patch: side of a patch in pixels; a token is 2 x 2 of them.
        grid: learned positions of patches per side.
        deep: vision layers whose features are added in the first layers of the language model.
    """

    hidden: int = 96
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    inner: int = 192
    vision_hidden: int = 64
    vision_layers: int = 3
    vision_heads: int = 4
    vision_inner: int = 160
    patch: int = 16
    grid: int = 8
    deep: int = 1


TINY = Size()
MEDIUM = Size(512, 8, 8, 4, 1536, 384, 8, 6, 1536, 16, 48, 3)
"""About 50 million parameters, for measuring."""


def make_tokenizer(texts: Iterable[str] = (), size: int = 1024) -> Any:
    """A byte-level BPE tokenizer whose merges come from the prompt and ``texts``.

    Any text can be encoded; words of the instructions it was made from are single tokens.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    wrap: Any = PreTrainedTokenizerFast

    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    fixed = [QUESTION, TRUE, FALSE, "<0.2 seconds>", HEADER.partition(">")[2]]
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*fixed * 100, *texts], trainer)
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    return wrap(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_start_token": "<|vision_start|>",
            "vision_end_token": "<|vision_end|>",
        },
    )


def make_network(tokenizer: Any, size: Size = TINY, seed: int = 0, **extra: Any) -> Any:
    """A Qwen3-VL network with random weights, scaled by fan-in so that attention is not uniform.

    Args:
        tokenizer: of ``make_tokenizer``.
        size: of the network.
        seed: of the weights; the global generator of torch is left as it was.
        extra: further keys of its configuration.
    """
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    ids = [tokenizer.convert_tokens_to_ids(SPECIAL[index]) for index in (5, 6, 3, 4)]
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    config = Qwen3VLConfig(
        text_config=_text_config(len(tokenizer), size),
        vision_config=_vision_config(size),
        tie_word_embeddings=False,
        **dict(zip(names, ids, strict=True)),
        **extra,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: Any = Qwen3VLForConditionalGeneration(config)
        _scale(net)
    return net.eval()


def _scale(net: Any) -> None:
    """Weights of deviation 0.8 / sqrt(fan-in), embeddings 0.3.

    The usual 0.02 leaves a network this narrow at chance: its attention is uniform.
    """
    import torch

    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "embed" in name and "patch_embed" not in name:
                weight.normal_(0.0, 0.3)
            elif weight.ndim >= 2:
                weight.normal_(0.0, 0.8 / weight[0].numel() ** 0.5)


def _text_config(vocabulary: int, size: Size) -> dict[str, Any]:
    head = size.hidden // size.heads
    half = head // 2
    rows = half * 3 // 8  # the split of Qwen3-VL: 24, 20, 20 of 64
    return {
        "vocab_size": vocabulary,
        "hidden_size": size.hidden,
        "intermediate_size": size.inner,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "head_dim": head,
        "max_position_embeddings": 32768,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5e6,
            "mrope_section": [half - 2 * (rows * 5 // 6), rows * 5 // 6, rows * 5 // 6],
            "mrope_interleaved": True,
        },
    }


def _vision_config(size: Size) -> dict[str, Any]:
    return {
        "depth": size.vision_layers,
        "hidden_size": size.vision_hidden,
        "intermediate_size": size.vision_inner,
        "num_heads": size.vision_heads,
        "num_position_embeddings": size.grid**2,
        "patch_size": size.patch,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": size.hidden,
        "deepstack_visual_indexes": list(range(1, 1 + size.deep)),
    }
