"""Evaluations through a socket: the same table as without one, and failures that have a name."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.rollout import make_env
from molmospaces_gym.errors import HandshakeMismatch, PolicyUnreachable
from molmospaces_gym.policies.base import load_policy
from molmospaces_gym.policies.function import FunctionPolicy
from molmospaces_gym.policies.random import RandomPolicy
from molmospaces_gym.policies.remote.codec import DIALECTS, MSGPACK_NUMPY, pack
from molmospaces_gym.policies.remote.server import PolicyServer

ENV_ID = "molmospaces_gym/Pick-v1"
STEPS = 6
JOINTS = {"action_mode": "joint_position"}


@contextmanager
def serving(spec: str, kwargs: dict[str, Any], **settings: Any) -> Iterator[PolicyServer]:
    env = make_env(ENV_ID, kwargs)
    with PolicyServer(
        lambda: load_policy(spec), env.unwrapped, name=spec, env_kwargs=kwargs, **settings
    ) as server:
        yield server
    env.close()


def table(out: Path) -> bytes:
    return (out / "episodes.csv").read_bytes()


def failures(out: Path) -> list[str]:
    with (out / "episodes.csv").open(newline="") as file:
        return [row["failure"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Actions that close the gripper while the arm moves."""
    file = tmp_path_factory.mktemp("recording") / "a.npz"
    actions = np.linspace(-0.3, 0.3, 8 * 4, dtype=np.float32).reshape(4, 8)
    np.savez(file, actions=actions, action_mode="joint_position")
    return file


@pytest.mark.parametrize("dialect", [None, *DIALECTS])
@pytest.mark.parametrize("reply", ["actions", "chunk", "step"])
def test_a_socket_changes_nothing(
    suite: Path, tmp_path: Path, reply: str, dialect: str | None
) -> None:
    evaluate("random", suite, out=tmp_path / "here", **JOINTS)
    with serving("random", JOINTS, reply=reply, dialect=dialect) as server:
        result = evaluate(server.url, suite, out=tmp_path / "there")
    assert [record.steps for record in result.records] == [STEPS] * 3
    assert table(tmp_path / "there") == table(tmp_path / "here")
    assert failures(tmp_path / "there") == [""] * 3


def test_pictures_pass_whole(suite: Path, tmp_path: Path) -> None:
    """The action is made of the pixels, so one changed pixel would change the table."""
    kwargs = {"obs_mode": "rgb", "image_size": [64, 48]}

    def looks(obs: Any, instruction: str) -> Any:
        means = [float(obs[name].mean()) for name in ("exo_camera_1", "wrist_camera")]
        return np.sin(np.arange(8) * sum(means)).astype(np.float32)

    evaluate(FunctionPolicy(looks), suite, out=tmp_path / "here", **kwargs)
    env = make_env(ENV_ID, kwargs)
    with PolicyServer(lambda: FunctionPolicy(looks), env.unwrapped, env_kwargs=kwargs) as server:
        evaluate(server.url, suite, out=tmp_path / "there")
    assert table(tmp_path / "there") == table(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["random", "replay:{file}", "spoc:tiny"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_process_changes_nothing(
    suite: Path, tmp_path: Path, recording: Path, spec: str, workers: int
) -> None:
    policy = spec.format(file=recording)
    evaluate(policy, suite, out=tmp_path / "here")
    code = "from molmospaces_gym.cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", "--policy", policy, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip().rpartition(" ")[2]
        evaluate(url, suite, out=tmp_path / "there", workers=workers)
        process.terminate()
        assert process.wait(20) == 0
    assert table(tmp_path / "there") == table(tmp_path / "here")


def zeros(talk: Any) -> bytes:
    return pack({"actions": np.zeros((1, 8), np.float32)}, MSGPACK_NUMPY)


class TestFailures:
    """Episode 1 of 3 meets a server that fails; afterwards it works and the run goes on."""

    metadata = {
        "control_dt": 0.066,
        "action_type": "env",
        "action_mode": "joint_delta",
        "gripper_unit": "env",
        "cameras": [],
        "dialect": MSGPACK_NUMPY,
    }

    def replies(self, broken: Any) -> Any:
        """A server that plays zeros, and ``broken`` in the third step of the second episode."""

        def answer(talk: Any, frame: bytes) -> Any:
            if msgpack.unpackb(frame)["seed"] == 1 and len(talk.heard) == 3:
                return broken(talk)
            return zeros(talk)

        return answer

    def play(self, url: str, suite: Path, out: Path, **kwargs: Any) -> Any:
        return evaluate(f"{url}?timeout=0.5", suite, out=out, **kwargs)

    @pytest.mark.parametrize(
        ("broken", "name"),
        [
            (lambda talk: None, "PolicyTimeout: "),
            (lambda talk: "Traceback\nValueError: no memory\n", "PolicyServerError: "),
            (lambda talk: pack({"actions": np.zeros((1, 3))}, MSGPACK_NUMPY), "InvalidReply: "),
            (lambda talk: pack({"actions": np.zeros(8)}, MSGPACK_NUMPY)[:-3], "InvalidReply: "),
        ],
        ids=["stalls", "fails", "lies", "cut short"],
    )
    def test_the_run_names_it_and_resumes(
        self, scripted: Any, suite: Path, tmp_path: Path, broken: Any, name: str
    ) -> None:
        out = tmp_path / "run"
        server = scripted(self.replies(broken), self.metadata)
        result = self.play(server.url, suite, out)
        found = failures(out)
        assert found[1].startswith(name)
        assert (found[0], found[2]) == ("", "")
        # Two steps were made before the third reply failed.
        assert [record.steps for record in result.records] == [STEPS, 2, STEPS]
        assert result.records[1].success_at_end is False
        assert result.complete
        healthy = tmp_path / "healthy"
        # The same address, for a resumed run must have the same policy.
        server._answer = self.replies(zeros)
        before = len(server.talks)
        again = self.play(server.url, suite, out, resume=True)
        assert failures(out) == [""] * 3
        assert [record.steps for record in again.records] == [STEPS] * 3
        config = json.loads((out / "config.json").read_text())
        assert config["played_again"] == ["1"]
        # One connection asks for env arguments, one plays the episode that was spoiled.
        assert len(server.talks) == before + 2
        self.play(server.url, suite, healthy)
        assert table(out) == table(healthy)

    def test_a_server_that_dies_and_comes_back(self, suite: Path, tmp_path: Path) -> None:
        """Killed in the second episode: the rest fails by name, and resuming mends it."""
        out, port = tmp_path / "run", 0
        servers: list[PolicyServer] = []

        class Mortal(RandomPolicy):
            def reset(self, instruction: str, seed: int | None) -> None:
                super().reset(instruction, seed)
                if seed == 1 and len(servers) == 1:
                    # As a crash does: no goodbye to anybody.
                    listener: Any = servers[0]._listener
                    listener.socket.close()
                    for connection in list(servers[0]._open):
                        connection.socket.shutdown(2)

        def start(port: int) -> PolicyServer:
            server = PolicyServer(Mortal, make_env(ENV_ID, {}).unwrapped, port=port)
            servers.append(server)
            server.start()
            return server

        url = start(port).url
        evaluate(url, suite, out=out)
        found = failures(out)
        assert found[0] == ""
        assert found[1].startswith("PolicyUnreachable: ")
        assert "closed the connection instead of sending a reply" in found[1]
        assert found[2].startswith("PolicyUnreachable: no policy server answers at")
        with pytest.raises(PolicyUnreachable, match="no policy server answers"):
            evaluate(url, suite, out=out, resume=True)
        assert failures(out) == found
        server = start(int(url.rpartition(":")[2]))
        evaluate(url, suite, out=out, resume=True)
        server.stop()
        evaluate("random", suite, out=tmp_path / "here")
        assert table(out) == table(tmp_path / "here")

    def test_a_misfit_is_named_in_every_episode(
        self, scripted: Any, suite: Path, tmp_path: Path
    ) -> None:
        server = scripted(self.replies(zeros), {**self.metadata, "control_dt": 0.2})
        self.play(server.url, suite, tmp_path / "run")
        assert all(
            text.startswith("HandshakeMismatch: ") and "0.2 s, the env every 0.066 s" in text
            for text in failures(tmp_path / "run")
        )

    def test_a_server_may_not_choose_the_episodes(
        self, scripted: Any, suite: Path, tmp_path: Path
    ) -> None:
        server = scripted(self.replies(zeros), {**self.metadata, "env_kwargs": {"scene": "a"}})
        with pytest.raises(HandshakeMismatch, match="env arguments scene"):
            self.play(server.url, suite, tmp_path / "run")
