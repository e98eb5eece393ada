"""Policies that act through a websocket.

``ws://host:port`` and ``remote:ws://host:port`` send the env's observation as it is; the presets
(``molmobot:ws://...``) speak the conventions of published servers.
"""

import weakref
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import (
    HandshakeMismatch,
    InvalidReply,
    NotReset,
    PolicyServerError,
    PolicyUnreachable,
    RemotePolicyError,
)
from molmospaces_gym.policies.remote.codec import DIALECTS, Message
from molmospaces_gym.policies.remote.commands import Commander
from molmospaces_gym.policies.remote.connection import Connection
from molmospaces_gym.policies.remote.handshake import EnvFacts, check_handshake
from molmospaces_gym.policies.remote.observer import Observer
from molmospaces_gym.policies.remote.options import RemoteOptions, parse_options
from molmospaces_gym.policies.remote.replies import Step, parse_reply

ENV_KWARGS = (
    "action_mode",
    "base_drive",
    "cameras",
    "control_dt",
    "horizon",
    "image_size",
    "obs_mode",
    "reward_mode",
    "robot",
)
"""Arguments of the env that a server may ask for; where episodes come from is none of them."""

Self = TypeVar("Self", bound="RemotePolicy")


class _Line:
    """What outlives no policy: its connection, closed when the policy is forgotten."""

    def __init__(self) -> None:
        self.connection: Connection | None = None

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.abandon()
            self.connection = None


class RemotePolicy:
    """A policy on a server. It connects at the first action of an episode and travels unconnected.

    A new episode is a new connection, so that the server forgets the last one. Any error of the
    server ends the connection and is raised under its own name (``errors.RemotePolicyError``).

    Args:
        target: ``ws://host:port?option=value&...`` or ``RemoteOptions``.
    """

    preset: ClassVar[str | None] = None
    needs_scene: ClassVar[bool] = True

    def __init__(self, target: str | RemoteOptions) -> None:
        if isinstance(target, str):
            target = parse_options(target, self.preset)
        self.options = target
        self._line = _Line()
        weakref.finalize(self, self._line.hang_up)
        self._env: Any = None
        self._observer: Observer | None = None
        self._chunk: deque[Step] = deque()
        self._dialect: str | None = target.dialect

    def __reduce__(self: Self) -> tuple[type[Self], tuple[RemoteOptions]]:
        return type(self), (self.options,)

    def env_kwargs_for(self, env_id: str) -> dict[str, Any]:
        """Arguments that the convention needs, or for plain observations those the server names.

        Raises:
            RemotePolicyError: the server, which has to be asked, does not answer as one.
        """
        convention = self.options.convention
        if convention.message != "env":
            return dict(convention.env_kwargs)
        connection = self._connect()
        connection.close()
        return served_env_kwargs(connection.metadata)

    def bind(self, env: Any) -> None:
        """Keep the env (unwrapped), which knows the robot and where its joints are."""
        self._env = env
        self._observer = Observer(self.options.convention, env.robot)

    def reset(self, instruction: str, seed: int | None) -> None:
        """Leave the server, so that it forgets the episode."""
        self.close()
        if self._observer is not None:
            self._observer.reset(instruction, seed)

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next step of the chunk; asks the server when none is left.

        Raises:
            NotReset: no env was bound.
            RemotePolicyError: the server failed; the name of the error says how.
        """
        if self._observer is None:
            raise NotReset("RemotePolicy knows no robot yet; call bind(env.unwrapped) first")
        self._observer.see(obs)
        try:
            if not self._chunk:
                self._chunk.extend(self._ask(self._observer.message(obs, deterministic)))
            commander = Commander(
                self.options.convention, self._env.session, self._env.action_space.shape[0]
            )
            return commander.action(self._chunk.popleft(), obs), state
        except RemotePolicyError:
            self._chunk.clear()
            self._line.drop()
            raise

    def close(self) -> None:
        """Leave the server; the next action connects again."""
        self._chunk.clear()
        self._line.hang_up()

    def _ask(self, message: Mapping[str, Any]) -> list[Step]:
        convention = self.options.convention
        answer = self._exchange(message)
        steps = parse_reply(answer.value, convention.reply)
        return steps[: convention.execute_horizon]

    def _exchange(self, message: Mapping[str, Any]) -> Message:
        """Send a message and get the reply, in the dialect of the server.

        A server takes arrays of the other dialect for plain maps. So the first exchange with one
        that has not given itself away is made anew if it fails or the reply is in the other one.
        """
        connection = self._line.connection or self._enter()
        known = self._dialect or connection.dialect
        guess = known or self.options.convention.dialect
        try:
            answer = connection.ask(message, guess)
        except (PolicyServerError, PolicyUnreachable) as error:
            if known is not None:
                raise
            return self._exchange_in(_other(guess), message, error)
        if known is None and answer.dialect not in (None, guess):
            return self._exchange_in(_other(guess), message, None)
        self._dialect = known or answer.dialect
        return answer

    def _exchange_in(
        self, dialect: str, message: Mapping[str, Any], before: RemotePolicyError | None
    ) -> Message:
        self._line.drop()
        try:
            answer = self._enter().ask(message, dialect)
        except RemotePolicyError:
            # Where neither dialect works, what the server said to the likelier one explains more.
            if before is not None:
                raise before from None
            raise
        self._dialect = dialect
        return answer

    def _enter(self) -> Connection:
        """Connect and compare server and env."""
        connection = self._connect()
        self._line.connection = connection
        facts = EnvFacts(
            control_dt=self._env.n_substeps * float(self._env.scene.model.opt.timestep),
            action_mode=self._env.config.action_mode,
            cameras=tuple(self._env.layout.cameras),
        )
        options = self.options
        check_handshake(connection.metadata, facts, options.convention, options.unchecked)
        return connection

    def _connect(self) -> Connection:
        options = self.options
        return Connection(options.url, options.connect_timeout, options.timeout)


class WsPolicy(RemotePolicy):
    """``ws://host:port``, whose scheme was taken for the policy's name."""

    scheme: ClassVar[str] = "ws"

    def __init__(self, target: str | RemoteOptions) -> None:
        super().__init__(f"{self.scheme}:{target}" if isinstance(target, str) else target)


class WssPolicy(WsPolicy):
    """``wss://host:port``: the same, encrypted."""

    scheme = "wss"


class MolmoBotPolicy(RemotePolicy):
    """MolmoBot-DROID behind the server of its repository, or behind one of the bare model."""

    preset = "molmobot"


class MolmoBotPi0Policy(RemotePolicy):
    """MolmoBot-Pi0 behind the server of its repository, or behind openpi's."""

    preset = "molmobot-pi0"


class OpenpiDroidPolicy(RemotePolicy):
    """A joint-position DROID model behind openpi's server, as MolmoSpaces' pi policy calls it."""

    preset = "openpi-droid"


class MolmoBotSpocPolicy(RemotePolicy):
    """MolmoBot-SPOC behind the server of its repository."""

    preset = "molmobot-spoc"


def served_env_kwargs(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The env arguments that a server asks for.

    Raises:
        InvalidReply: they are no map.
        HandshakeMismatch: one is none that a server may choose.
    """
    wanted = metadata.get("env_kwargs", {})
    if not isinstance(wanted, Mapping):
        raise InvalidReply(f"env_kwargs of the server must be a map, not {type(wanted).__name__}")
    strange = [str(key) for key in wanted if key not in ENV_KWARGS]
    if strange:
        raise HandshakeMismatch(
            f"the server asks for the env arguments {', '.join(strange)}; it may choose among "
            f"{', '.join(ENV_KWARGS)} only"
        )
    return dict(wanted)


def _other(dialect: str) -> str:
    return next(name for name in DIALECTS if name != dialect)
