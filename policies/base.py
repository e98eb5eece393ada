"""The policy interface and the lookup of policies by name.

A policy is named ``name`` or ``name:argument`` (``expert``, ``sb3:model.zip``). Names come from
the entry-point group ``molmospaces_gym.policies``, so other packages can add their own.
"""

import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable, UnknownName

GROUP = "molmospaces_gym.policies"
PLAYED = (
    "action_mode",
    "obs_mode",
    "image_size",
    "image_points",
    "cameras",
    "robot",
    "control_dt",
)
"""Env arguments that a policy needs wherever it plays, if it was trained with them."""


@runtime_checkable
class PolicyLike(Protocol):
    """What every evaluator, recorder and viewer asks of a policy.

    Optional members are honoured where present: ``env_kwargs``, a dict of arguments for
    ``gym.make`` that the policy needs (such as ``{"action_mode": "joint_position"}``);
    ``env_kwargs_for(env_id)``, the same where they depend on the environment; and ``bind(env)``,
    called with ``env.unwrapped`` once per env before the first reset. ``needs_scene``, where true,
    says that the policy reads the bound env's simulator, so that no server can offer it.
    """

    def reset(self, instruction: str, seed: int | None) -> None:
        """Start an episode: forget the last one and seed everything random."""
        ...

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The action for ``obs`` and the recurrent state, as in Stable-Baselines3."""
        ...


@runtime_checkable
class BatchedPolicy(PolicyLike, Protocol):
    """A policy that acts in several worlds with one call.

    ``predict`` gets observations with one row per world (each value of a ``Dict`` observation has
    a leading axis of N), ``episode_start`` (N,) bool, and the state it returned last; it returns
    actions (N, size) and a state. A row must depend on nothing but the same row. N does not change;
    rows of idle worlds hold any observation and their actions are not used. ``bind`` gets the
    vector env. ``reset`` is not called. The same class serves one world as a ``PolicyLike``.
    """

    def reset_row(self, row: int, instruction: str, seed: int | None) -> None:
        """Start an episode in one world; its next ``episode_start`` is true."""
        ...


def known_policies() -> list[str]:
    """Names of all installed policies."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load_policy(spec: str) -> PolicyLike:
    """Build the policy that ``spec`` (``name`` or ``name:argument``) names.

    Raises:
        UnknownName: No installed package offers a policy of that name.
        InvalidConfig: The policy needs an argument and got none, or takes none and got one.
        PolicyUnavailable: The policy's module needs a package that is not installed.
    """
    name, colon, argument = spec.partition(":")
    cls = _load(_find(name))
    arguments = (argument,) if colon else ()
    try:
        inspect.signature(cls).bind(*arguments)
    except TypeError as error:
        wanted = f"an argument: {name}:ARGUMENT" if not colon else "no argument"
        raise InvalidConfig(f"policy {name!r} takes {wanted}, got {spec!r} ({error})") from error
    policy = cls(*arguments)
    if not isinstance(policy, PolicyLike):
        raise InvalidConfig(f"policy {name!r} ({cls.__name__}) lacks reset or predict")
    return policy


def policy_env_kwargs(policy: object, env_id: str | None = None) -> dict[str, Any]:
    """Arguments for ``gym.make`` that ``policy`` asks for; empty where it asks for none.

    Args:
        policy: any policy.
        env_id: the environment it will play; a policy may ask each for something else.
    """
    choose = getattr(policy, "env_kwargs_for", None)
    if choose is not None and env_id is not None:
        return dict(choose(env_id))
    return dict(getattr(policy, "env_kwargs", None) or {})


def bind_policy(policy: object, env: Any) -> None:
    """Show ``env.unwrapped`` to a policy that has ``bind``."""
    bind = getattr(policy, "bind", None)
    if bind is not None:
        bind(env.unwrapped)


def _find(name: str) -> EntryPoint:
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry
    raise UnknownName("policy", name, known_policies())


def _load(entry: EntryPoint) -> type:
    try:
        loaded = entry.load()
    except ModuleNotFoundError as error:
        raise PolicyUnavailable(
            f"policy {entry.name!r} needs the module {error.name!r}, which is not installed"
        ) from error
    if not isinstance(loaded, type):
        raise InvalidConfig(f"entry point {entry.name!r} must name a class, got {loaded!r}")
    return loaded
