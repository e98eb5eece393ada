"""One websocket connection to a policy server: metadata first, then a reply to each message.

There is no message for a reset: servers keep buffers per connection, so a new episode is a new
connection. Needs websockets: ``pip install "molmospaces-gym[remote]"``.
"""

import socket
import struct
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from molmospaces_gym.errors import (
    InvalidMessage,
    InvalidReply,
    MissingPackage,
    PolicyServerError,
    PolicyTimeout,
    PolicyUnreachable,
)
from molmospaces_gym.policies.remote.codec import DIALECTS, Message, pack, unpack

MAX_FRAME = 1 << 28
"""Largest frame taken, bytes: 256 MiB hold a hundred pictures of a megapixel."""
CLOSE_SECONDS = 2.0
"""How long a server may take to say goodbye."""


class Connection:
    """An open connection.

    Args:
        url: ``ws://host:port`` or ``wss://host:port``.
        connect_timeout: seconds until the metadata must be here.
        timeout: seconds that a reply may take.

    Raises:
        PolicyUnreachable: nobody answers there, or somebody who is no policy server.
        PolicyTimeout: the server does not send its metadata in time.
        InvalidReply: it sends something else first.
        PolicyServerError: it sends a traceback.
    """

    def __init__(self, url: str, connect_timeout: float, timeout: float) -> None:
        self.url, self._timeout = url, timeout
        self._leaving = ExitStack()
        self._socket = _open(url, connect_timeout, self._leaving)
        _limit_sending(self._socket.socket, timeout)
        try:
            first = self._receive(connect_timeout, "its metadata")
            if not isinstance(first.value, Mapping):
                raise InvalidReply(
                    f"{url} must first send a map of metadata, not {type(first.value).__name__}"
                )
        except BaseException:
            self.abandon()
            raise
        self.metadata: Mapping[str, Any] = first.value
        named = self.metadata.get("dialect")
        self.dialect: str | None = named if named in DIALECTS else first.dialect
        """That of the server, where its metadata gives it away."""

    def ask(self, message: Any, dialect: str) -> Message:
        """Send a message and wait for the reply.

        Raises:
            PolicyTimeout, PolicyUnreachable, PolicyServerError, InvalidReply: what went wrong; the
                connection is of no more use.
        """
        from websockets.exceptions import ConnectionClosed

        frame = pack(message, dialect)
        try:
            self._socket.send(frame)
        except ConnectionClosed as error:
            if isinstance(error.__cause__, BlockingIOError):
                raise PolicyTimeout(
                    f"{self.url} did not read a message of {len(frame)} bytes within "
                    f"{self._timeout:g} s"
                ) from error
            # What a server sends before it closes, a traceback, is still there to be read.
        return self._receive(self._timeout, "a reply")

    def close(self) -> None:
        """Say goodbye."""
        self._leaving.close()

    def abandon(self) -> None:
        """Leave without waiting for a server that may never answer."""
        with suppress(OSError):
            self._socket.socket.shutdown(socket.SHUT_RDWR)
        self._leaving.close()

    def _receive(self, timeout: float, what: str) -> Message:
        from websockets.exceptions import ConnectionClosed

        try:
            frame = self._socket.recv(timeout=timeout)
        except TimeoutError as error:
            raise PolicyTimeout(f"{self.url} did not send {what} within {timeout:g} s") from error
        except ConnectionClosed as error:
            raise PolicyUnreachable(
                f"{self.url} closed the connection instead of sending {what} ({error})"
            ) from error
        if isinstance(frame, str):
            raise _server_error(self.url, frame)
        try:
            return unpack(frame)
        except InvalidMessage as error:
            raise InvalidReply(f"{self.url} sent {what} that cannot be read: {error}") from error


def _open(url: str, timeout: float, leaving: ExitStack) -> Any:
    """The open websocket; ``leaving`` will close it."""
    try:
        from websockets.exceptions import InvalidHandshake, InvalidURI
        from websockets.sync.client import connect
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "talking to a policy server needs websockets: pip install 'molmospaces-gym[remote]'"
        ) from error
    try:
        # A server that thinks for a minute cannot answer pings; the timeout does their work.
        return leaving.enter_context(
            connect(
                url,
                compression=None,
                max_size=MAX_FRAME,
                open_timeout=timeout,
                close_timeout=CLOSE_SECONDS,
                ping_interval=None,
                proxy=None,
            )
        )
    except TimeoutError as error:
        raise PolicyTimeout(f"{url} did not accept a connection within {timeout:g} s") from error
    except (OSError, EOFError, InvalidHandshake, InvalidURI) as error:
        raise PolicyUnreachable(
            f"no policy server answers at {url} ({error or type(error).__name__}); start it, or "
            "correct host and port"
        ) from error


def _limit_sending(sock: socket.socket, seconds: float) -> None:
    """Let a blocked ``send`` fail: the timeouts of websockets are for receiving only."""
    if hasattr(socket, "SO_SNDTIMEO"):
        whole = int(seconds)
        timeval = struct.pack("ll", whole, int((seconds - whole) * 1e6))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)


def _server_error(url: str, text: str) -> PolicyServerError:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    error = PolicyServerError(f"{url} failed: {lines[-1] if lines else 'an empty text'}")
    error.server_traceback = text
    error.add_note(text)
    return error
