"""A server for policies of this package, in the protocol of openpi's and MolmoSpaces' servers.

Metadata first; then a reply to each message; a traceback as a text frame and close code 1011 when
something fails; ``GET /healthz``. Each connection has a policy of its own, begun with its first
message, so that a new connection is a new episode and connections do not see each other.
"""

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from molmospaces_gym.errors import InvalidConfig, MissingPackage, PolicyUnavailable, UnknownName
from molmospaces_gym.policies.base import PolicyLike, bind_policy
from molmospaces_gym.policies.remote.codec import DIALECTS, MSGPACK_NUMPY, pack, unpack
from molmospaces_gym.policies.remote.connection import CLOSE_SECONDS, MAX_FRAME
from molmospaces_gym.policies.remote.served import (
    SERVED_REPLIES,
    ServedPolicy,
    served_metadata,
)

GOING_AWAY, INTERNAL_ERROR = 1001, 1011
"""Close codes of the websocket protocol (RFC 6455, 7.4.1)."""


class PolicyServer:
    """Serves a policy until ``stop``; a context manager that starts and stops it.

    Args:
        make_policy: makes a policy; called again while others are in use.
        env: an env (unwrapped) as the policy plays it: its spaces, robot and control step.
        name: the policy's, for the metadata.
        reply: ``actions`` (one action of the env), or joint targets by move group: ``chunk`` or
            ``step``.
        dialect: of replies; None: that of the message.
        host, port: where to listen; port 0 finds a free one.
        env_kwargs: env arguments that clients are told to use.

    Raises:
        InvalidConfig: the policy cannot be served, or not with such replies.
        PolicyUnavailable: the address is taken or no address of this machine.
        MissingPackage: websockets is not installed.
    """

    def __init__(
        self,
        make_policy: Callable[[], PolicyLike],
        env: Any,
        *,
        name: str = "policy",
        reply: str = "actions",
        dialect: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        env_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if reply not in SERVED_REPLIES:
            raise UnknownName("reply shape", reply, SERVED_REPLIES)
        if dialect is not None and dialect not in DIALECTS:
            raise UnknownName("dialect", dialect, DIALECTS)
        self._make, self._env, self._name = make_policy, env, name
        self._reply, self._dialect = reply, dialect
        self._idle = [self._new_policy()]
        ServedPolicy(self._idle[0], env, reply)
        # Networks in one process take turns: their libraries use all cores for each.
        self._turn, self._changing = threading.Lock(), threading.Lock()
        self._open: set[Any] = set()
        self._metadata = served_metadata(env, name, reply, dialect, env_kwargs or {})
        self._listener = _listen(self._handle, host, port)
        place, number = self._listener.socket.getsockname()[:2]
        self.url = f"ws://[{place}]:{number}" if ":" in place else f"ws://{place}:{number}"
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "PolicyServer":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to accept connections, in a thread."""
        self._thread = threading.Thread(target=self._listener.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Accept no more, say goodbye to who is there and wait until their threads have ended."""
        if self._thread is None:
            self._listener.socket.close()
            return
        with self._changing:
            leaving = list(self._open)
        for connection in leaving:
            connection.close(GOING_AWAY, "the server stops")
        self._listener.shutdown()
        self._thread.join()
        self._thread = None

    def _new_policy(self) -> PolicyLike:
        policy = self._make()
        if getattr(policy, "needs_scene", False):
            raise InvalidConfig(
                f"policy {self._name!r} cannot be served: it reads the simulator that it plays in, "
                "which is in the client's process; use it there directly"
            )
        bind_policy(policy, self._env)
        return policy

    def _handle(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        with self._changing:
            self._open.add(connection)
            policy = self._idle.pop() if self._idle else None
        try:
            with suppress(ConnectionClosed):
                connection.send(pack(self._metadata, self._dialect or MSGPACK_NUMPY))
                policy = policy or self._new_policy()
                self._converse(connection, ServedPolicy(policy, self._env, self._reply))
        finally:
            with self._changing:
                self._open.discard(connection)
                if policy is not None:
                    self._idle.append(policy)

    def _converse(self, connection: Any, served: ServedPolicy) -> None:
        for frame in connection:
            try:
                reply = self._answer(served, frame)
            # The policy is foreign code here; whatever it raises belongs to the client.
            except Exception:  # noqa: BLE001
                connection.send(traceback.format_exc())
                connection.close(INTERNAL_ERROR, "the traceback is in the frame before")
                return
            connection.send(reply)

    def _answer(self, served: ServedPolicy, frame: bytes | str) -> bytes:
        message = unpack(frame.encode() if isinstance(frame, str) else frame)
        with self._turn:
            started = time.perf_counter()
            reply = served.answer(message.value)
            reply["server_timing"] = {"infer_ms": 1000.0 * (time.perf_counter() - started)}
        return pack(reply, self._dialect or message.dialect or MSGPACK_NUMPY)


def _listen(handler: Callable[[Any], None], host: str, port: int) -> Any:
    try:
        from websockets.sync.server import serve
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "serving a policy needs websockets: pip install 'molmospaces-gym[remote]'"
        ) from error
    try:
        return serve(
            handler,
            host,
            port,
            compression=None,
            max_size=MAX_FRAME,
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
            process_request=_health,
        )
    except (OSError, OverflowError) as error:
        raise PolicyUnavailable(
            f"cannot listen at {host}:{port} ({error}); choose another --host or --port"
        ) from error


def _health(connection: Any, request: Any) -> Any:
    return connection.respond(HTTPStatus.OK, "OK\n") if request.path == "/healthz" else None
