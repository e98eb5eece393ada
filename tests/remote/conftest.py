"""Real envs with short episodes, and a policy server whose every frame a test decides."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import msgpack
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmark_io import save_benchmark

STEPS = 6
Answer = Callable[["Talk", bytes], "bytes | str | None"]


class Talk:
    """What one connection has heard so far; an answer is made from it."""

    def __init__(self, number: int) -> None:
        self.number, self.heard = number, list[bytes]()


class ScriptedServer:
    """Sends ``hello``, then what ``answer(talk, frame)`` returns: bytes, a text, or nothing (None).

    A text closes the connection, as a traceback does.
    """

    def __init__(self, answer: Answer, hello: bytes | str | None) -> None:
        self.talks: list[Talk] = []
        self._answer, self._hello = answer, hello
        self._listener = serve(
            self._handle, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None
        )
        self._thread = threading.Thread(target=self._listener.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._listener.socket.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown()
        self._thread.join()

    def _handle(self, connection: ServerConnection) -> None:
        talk = Talk(len(self.talks))
        self.talks.append(talk)
        try:
            if self._hello is not None:
                connection.send(self._hello)
            for frame in connection:
                assert isinstance(frame, bytes)
                talk.heard.append(frame)
                reply = self._answer(talk, frame)
                if reply is not None:
                    connection.send(reply)
                if isinstance(reply, str):
                    connection.close(1011, "as openpi does")
        except ConnectionClosed:
            return


MakeServer = Callable[..., ScriptedServer]


@pytest.fixture
def scripted() -> Iterator[MakeServer]:
    """``scripted(answer, metadata)`` starts a ``ScriptedServer``; ``hello=`` are raw bytes."""
    made: list[ScriptedServer] = []

    def make(answer: Answer, metadata: Any = None, hello: Any = ...) -> ScriptedServer:
        first = msgpack.packb({} if metadata is None else metadata) if hello is ... else hello
        made.append(ScriptedServer(answer, first))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes of six steps in one house."""
    env = gym.make("molmospaces_gym/Pick-v1", scene="generated/train/0")
    specs = []
    for number in range(3):
        env.reset(seed=number)
        spec: Any = env.unwrapped.episode  # type: ignore[attr-defined]
        task = {**spec.task, "task_horizon_sec": STEPS * 0.066}
        specs.append(spec.replace(episode_id=str(number), task=task, img_resolution=(64, 48)))
    env.close()
    return save_benchmark(specs, tmp_path_factory.mktemp("suite") / "tiny")


@pytest.fixture(scope="module")
def franka() -> Iterator[Any]:
    """A Pick env played by joint targets, at its start."""
    env = gym.make(
        "molmospaces_gym/Pick-v1", scene="generated/train/0", action_mode="joint_position"
    )
    env.reset(seed=0)
    yield env.unwrapped
    env.close()
