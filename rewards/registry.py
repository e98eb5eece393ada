"""Reward models by name.

``topreward:tiny`` (or ``tiny``) is the bundled one; ``topreward:NAME`` or ``NAME`` alone is a
folder or hub id of a Qwen3-VL or Molmo2 model, with options as in a URL
(``Qwen/Qwen3-VL-2B-Instruct?device=cuda&dtype=bfloat16``); ``callable:MODULE:FUNCTION``,
``openai:URL?model=M`` and ``gvl:NAME`` are the others.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.base import RewardModel

if TYPE_CHECKING:
    from molmospaces_gym.rewards.endpoint import EndpointModel

TINY = Path(__file__).parent / "models" / "tiny"
"""Folder of the bundled model."""
ENDPOINT_OPTIONS: dict[str, Callable[[str], Any]] = {
    "model": str,
    "fps": float,
    "max_frames": int,
    "timeout": float,
}
NETWORK_OPTIONS: dict[str, Callable[[str], Any]] = {
    "device": str,
    "dtype": str,
    "layout": str,
    "fps": float,
    "frames": int,
}


def load_reward_model(name_or_path: str | RewardModel, **kwargs: Any) -> RewardModel:
    """Build the reward model that a name stands for; a model is returned as it is.

    Args:
        name_or_path: ``tiny``, ``topreward:NAME``, a folder, a hub id (each with ``?device=``,
            ``dtype``, ``layout``, ``fps``, ``frames``),
            ``callable:MODULE:FUNCTION``, ``openai:URL?model=NAME`` (also ``fps``, ``max_frames``,
            ``timeout``), or ``gvl:`` before one of these: before ``openai:`` the server writes
            percentages, before any other the model rates each frame beside the first one.
        kwargs: for the model: ``dtype``, ``device`` and the fields of ``QwenSettings`` where it
            is a network, else the arguments of ``FunctionModel`` or ``EndpointModel``.

    Raises:
        RewardModelUnavailable: weights, module or server are missing; the message says what to do.
        MissingPackage: the model needs torch or transformers.
        InvalidConfig: the name or an argument cannot be.
    """
    if not isinstance(name_or_path, str):
        if kwargs:
            raise InvalidConfig(f"a model that is built already takes no {', '.join(kwargs)}")
        return name_or_path
    kind, colon, rest = name_or_path.partition(":")
    if colon and not rest:
        raise InvalidConfig(f"expected {kind}:SOMETHING, got {name_or_path!r}")
    if kind == "callable":
        from molmospaces_gym.rewards.function import FunctionModel

        function: RewardModel = _built(FunctionModel, rest, **kwargs)
        return function
    if kind == "openai":
        return _endpoint(rest, kwargs)
    if kind == "gvl":
        return _gvl(rest, kwargs)
    return _network(rest if kind == "topreward" else name_or_path, kwargs)


def _network(name: str, kwargs: dict[str, Any]) -> RewardModel:
    """A network from ``FOLDER?device=cuda``, a folder or hub id with or without options."""
    from molmospaces_gym.rewards.molmo import MOLMO, MolmoModel
    from molmospaces_gym.rewards.qwen.loading import kind_of
    from molmospaces_gym.rewards.qwen.model import QwenModel

    name, _, query = name.partition("?")
    kwargs = {**_options(query, NETWORK_OPTIONS), **kwargs}
    model: RewardModel
    if name == "tiny":
        model = _built(QwenModel.load, str(TINY), **kwargs)
        model.name = "topreward:tiny"
        return model
    load: Callable[..., Any] = MolmoModel.load if kind_of(name) in MOLMO else QwenModel.load
    model = _built(load, name, **kwargs)
    return model


def _endpoint(spec: str, kwargs: dict[str, Any]) -> "EndpointModel":
    """A server from ``URL?model=NAME``."""
    from molmospaces_gym.rewards.endpoint import EndpointModel

    url, _, query = spec.partition("?")
    options = {**_options(query, ENDPOINT_OPTIONS), **kwargs}
    if "model" not in options:
        raise InvalidConfig(f"say which model: openai:{url}?model=NAME")
    endpoint: EndpointModel = _built(EndpointModel, url, **options)
    return endpoint


def _options(query: str, known: dict[str, Callable[[str], Any]]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for key, value in parse_qsl(query):
        if key not in known:
            raise InvalidConfig(f"unknown option {key!r}; known: {', '.join(known)}")
        try:
            options[key] = known[key](value)
        except ValueError as error:
            raise InvalidConfig(f"option {key}={value!r}: {error}") from error
    return options


def _gvl(spec: str, kwargs: dict[str, Any]) -> RewardModel:
    from molmospaces_gym.rewards.gvl import GvlModel, endpoint_rater, pair_rater

    if spec.startswith("openai:"):
        endpoint = _endpoint(spec.partition(":")[2], kwargs)
        return GvlModel(endpoint_rater(endpoint), f"gvl:{endpoint.model}", endpoint.fps)
    model = load_reward_model(spec, **kwargs)
    return GvlModel(pair_rater(model), f"gvl:{model.name}", model.fps)


def _built(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return make(*args, **kwargs)
    except TypeError as error:
        raise InvalidConfig(f"a reward model does not take these arguments: {error}") from error
