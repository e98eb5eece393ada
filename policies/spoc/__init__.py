"""SPOC: action queries over one memory, as tokens; its training and its play.

Needs the extra ``[spoc]``; ``SpocActorCriticPolicy`` also ``[sb3]``.
"""

from typing import Any

from molmospaces_gym.policies.spoc.config import PRESETS, SpocConfig
from molmospaces_gym.policies.spoc.tokens import ActionTokens

__all__ = ["PRESETS", "ActionTokens", "SpocActorCriticPolicy", "SpocConfig", "SpocModel"]

_LAZY = {"SpocModel": "model", "SpocActorCriticPolicy": "actor_critic"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
