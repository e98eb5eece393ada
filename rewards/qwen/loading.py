"""A Qwen3-VL model and its tokenizer from a folder or the hub, or one clear error."""

from pathlib import Path
from typing import Any, Literal, get_args

from molmospaces_gym.errors import InvalidConfig, MissingPackage, RewardModelUnavailable

DType = Literal["float32", "bfloat16", "float16"]
KINDS = ("qwen3_vl", "qwen3_vl_moe")


def load_network(
    name: str, dtype: DType = "float32", device: str = "cpu", kinds: tuple[str, ...] = KINDS
) -> tuple[Any, Any]:
    """The network, frozen and in evaluation mode, and its tokenizer, or of other kinds processor.

    Args:
        name: a folder or a hub id such as ``Qwen/Qwen3-VL-2B-Instruct``.
        dtype: of the weights. Scores are always read out in float32.
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        kinds: what ``model_type`` may be.

    Raises:
        MissingPackage: torch or transformers is not installed, or too old for Qwen3-VL.
        RewardModelUnavailable: the files are not there or incomplete, and cannot be fetched.
        InvalidConfig: it is a model of another kind, or the dtype is not known.
    """
    if dtype not in get_args(DType):
        raise InvalidConfig(f"unknown dtype {dtype!r}; known: {', '.join(get_args(DType))}")
    torch, transformers = packages()
    kind = kind_of(name)
    if kind not in kinds:
        raise InvalidConfig(f"{name} is a {kind} model; expected one of {', '.join(kinds)}")
    reader = getattr(transformers, "AutoTokenizer" if kinds == KINDS else "AutoProcessor")
    try:
        net, report = transformers.AutoModelForImageTextToText.from_pretrained(
            name, dtype=getattr(torch, dtype), output_loading_info=True
        )
        tokenizer = reader.from_pretrained(name)
    except Exception as error:
        if not damaged(error):
            raise
        raise unavailable(name, error) from error
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise unavailable(name, f"{len(missing)} weights are missing, such as {missing[0]}")
    try:
        return net.eval().requires_grad_(False).to(device), tokenizer
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).strip().splitlines()[0]
        raise InvalidConfig(f"{name} cannot be put on device {device!r}: {reason}") from error


def kind_of(name: str) -> str:
    """The ``model_type`` of a folder or hub id; raises ``RewardModelUnavailable``."""
    _, transformers = packages()
    try:
        return str(transformers.AutoConfig.from_pretrained(name).model_type)
    except (OSError, ValueError) as error:
        raise unavailable(name, error) from error


def packages() -> tuple[Any, Any]:
    """The modules torch and transformers, or ``MissingPackage``."""
    try:
        import torch
        import transformers

        transformers.AutoModelForImageTextToText  # noqa: B018 - absent in old releases
    except (ImportError, AttributeError) as error:
        raise MissingPackage(
            f"this reward model needs torch and transformers >= 5 ({error}); install them with:"
            " pip install 'molmospaces-gym[topreward]'"
        ) from error
    return torch, transformers


def damaged(error: Exception) -> bool:
    """Whether an error of loading means that files are missing or broken, or no network."""
    # safetensors raises its own class, which has no base but Exception.
    broken = type(error).__name__ == "SafetensorError"
    return broken or isinstance(error, OSError | ValueError | RuntimeError | KeyError)


def unavailable(name: str, reason: object) -> RewardModelUnavailable:
    """What to say where a model cannot be loaded."""
    if Path(name).exists():
        advice = "the folder must hold config.json, tokenizer.json and the safetensors files"
    else:
        advice = (
            f"there is no such folder, and it could not be fetched from the hub; where there is"
            f" a network: hf download {name}. The model topreward:tiny needs none"
        )
    first = str(reason).strip().partition("\n")[0]
    return RewardModelUnavailable(f"reward model {name!r} cannot be loaded ({first}); {advice}")
