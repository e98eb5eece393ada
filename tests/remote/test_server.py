"""Our server, asked by a bare websocket and by the packages that speak its dialects."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import msgpack
import msgpack_numpy
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable, UnknownName
from molmospaces_gym.policies.base import load_policy
from molmospaces_gym.policies.function import FunctionPolicy
from molmospaces_gym.policies.random import RandomPolicy
from molmospaces_gym.policies.remote.codec import MSGPACK_NUMPY, OPENPI, pack, unpack
from molmospaces_gym.policies.remote.served import CommandRanges, from_qpos
from molmospaces_gym.policies.remote.server import PolicyServer
from molmospaces_gym.robots import get_robot

ENV_ID = "molmospaces_gym/Pick-v1"


@pytest.fixture(scope="module")
def delta() -> Iterator[Any]:
    """An env of the default action mode that never loads a scene."""
    env = gym.make(ENV_ID)
    yield env.unwrapped
    env.close()


def observed(env: Any, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        key: rng.uniform(-0.05, 0.05, box.shape).astype(box.dtype)
        for key, box in env.observation_space.spaces.items()
    }


def ask(connection: Any, message: Any, dialect: str = OPENPI) -> Any:
    connection.send(pack(message, dialect))
    reply = connection.recv(timeout=10)
    assert isinstance(reply, bytes), reply
    return unpack(reply)


def test_metadata_says_what_a_client_must_know(delta: Any) -> None:
    wanted = {"action_mode": "joint_delta", "scene": "generated/train/0", "horizon": 9}
    with PolicyServer(RandomPolicy, delta, name="random", env_kwargs=wanted) as server:
        with connect(server.url) as connection:
            said = msgpack.unpackb(connection.recv())
    assert said.pop("server").startswith("molmospaces-gym ")
    assert said == {
        "policy": "random",
        "control_dt": 0.066,
        "action_type": "env",
        "action_mode": "joint_delta",
        "gripper_unit": "env",
        "cameras": [],
        "robot": "franka_droid",
        "reply": "actions",
        # Where episodes come from is the client's business.
        "env_kwargs": {"action_mode": "joint_delta", "horizon": 9},
    }


@pytest.mark.parametrize("asked", [OPENPI, MSGPACK_NUMPY])
@pytest.mark.parametrize("fixed", [None, OPENPI, MSGPACK_NUMPY])
def test_replies_are_in_the_dialect_asked_or_fixed(
    delta: Any, asked: str, fixed: str | None
) -> None:
    with PolicyServer(RandomPolicy, delta, dialect=fixed) as server:
        with connect(server.url) as connection:
            hello = msgpack.unpackb(connection.recv())
            reply = ask(connection, {**observed(delta), "prompt": "x", "seed": 3}, asked)
    assert hello.get("dialect") == fixed
    assert reply.dialect == (fixed or asked)
    actions = reply.value["actions"]
    assert (actions.shape, actions.dtype) == ((1, 8), np.float32)
    assert reply.value["server_timing"]["infer_ms"] >= 0


def test_connections_do_not_see_each_other(delta: Any) -> None:
    def alone(seed: int) -> Any:
        policy = RandomPolicy()
        policy.bind(delta)
        policy.reset("", seed)
        return np.stack([policy.predict({})[0] for _ in range(4)])

    obs = {**observed(delta), "prompt": "x"}
    with PolicyServer(RandomPolicy, delta) as server:
        with connect(server.url) as one, connect(server.url) as two:
            one.recv(), two.recv()
            got: list[list[Any]] = [[], []]
            for _ in range(4):
                for seed, connection in enumerate((one, two)):
                    reply = ask(connection, {**obs, "seed": seed}).value
                    got[seed].append(reply["actions"][0])
        with connect(server.url) as three:
            three.recv()
            again = ask(three, {**obs, "seed": 1}).value["actions"][0]
    for seed in range(2):
        np.testing.assert_array_equal(np.stack(got[seed]), alone(seed))
    np.testing.assert_array_equal(again, alone(1)[0])


def test_policies_are_used_again_but_never_shared(delta: Any) -> None:
    made: list[RandomPolicy] = []

    def make() -> RandomPolicy:
        made.append(RandomPolicy())
        return made[-1]

    obs = {**observed(delta), "prompt": "x"}
    with PolicyServer(make, delta) as server:
        for _ in range(3):
            with connect(server.url) as connection:
                connection.recv()
                ask(connection, obs)
                connection.close()
        one_after_another = len(made)
        with connect(server.url) as one, connect(server.url) as two:
            one.recv(), two.recv()
            ask(one, obs), ask(two, obs)
    # A connection that is about to end may still hold its policy when the next one comes.
    assert one_after_another <= 3
    assert len(made) >= 2


def test_health_is_asked_by_http(delta: Any) -> None:
    with PolicyServer(RandomPolicy, delta) as server:
        host, port = server.url.removeprefix("ws://").split(":")
        http_client = http.client.HTTPConnection(host, int(port), timeout=10)
        http_client.request("GET", "/healthz")
        response = http_client.getresponse()
        assert (response.status, response.read()) == (200, b"OK\n")
        http_client.close()


class Trap:
    def __reduce__(self) -> Any:
        return (os.abort, ())


@pytest.mark.parametrize(
    ("frame", "last"),
    [
        (b"\xc1", "InvalidMessage: a frame of 1 bytes is no message"),
        (b"\x03", "InvalidMessage: a message must be a map, not int"),
        (
            pack({"prompt": "x"}, OPENPI),
            "a message must hold the env's observation",
        ),
        (
            pack({"arm_qpos": np.zeros(6), "prompt": "x"}, OPENPI),
            r"'arm_qpos' must be (7,) numbers",
        ),
        (pack({"arm_qpos": ["a"] * 7, "prompt": "x"}, OPENPI), "'arm_qpos' must be (7,) numbers"),
        (pack({"arm_qpos": np.zeros(7)}, OPENPI), "hold the instruction under prompt or task"),
        (pack({"arm_qpos": np.zeros(7), "prompt": "x"}, OPENPI), "KeyError: 'tcp_pose'"),
        (pack({"qpos": 3, "task": "x"}, OPENPI), "qpos must be a map of move groups, not int"),
        (
            msgpack_numpy.packb({"arm_qpos": np.array([Trap()], object)}),
            "InvalidMessage: an array of kind b'O' is not one of plain numbers",
        ),
    ],
)
def test_what_fails_comes_back_as_a_traceback(delta: Any, frame: bytes, last: str) -> None:
    def looks_at_the_tool(obs: Any, instruction: str) -> Any:
        return np.append(obs["tcp_pose"], 0.0)

    with PolicyServer(lambda: FunctionPolicy(looks_at_the_tool), delta) as server:
        with connect(server.url) as connection:
            connection.recv()
            connection.send(frame)
            text = connection.recv(timeout=10)
            with pytest.raises(ConnectionClosed) as closed:
                connection.recv(timeout=10)
        assert isinstance(text, str)
        assert text.startswith("Traceback (most recent call last):")
        assert last in text.strip().splitlines()[-1]
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        with connect(server.url) as connection:
            connection.recv()
            reply = ask(connection, {**observed(delta), "prompt": "x"})
            assert reply.value["actions"].shape == (1, 8)


@pytest.mark.parametrize("reply", ["step", "chunk"])
def test_clients_of_molmospaces_are_answered_by_move_group(franka: Any, reply: str) -> None:
    """``task``, ``qpos`` and pictures go in, one step of joint targets comes out."""
    heard: list[Any] = []

    def stays(obs: Any, instruction: str) -> Any:
        heard.append((instruction, obs))
        return np.append(obs["arm_qpos"] / 4, 2 * obs["gripper"] - 1)

    arm = np.linspace(-0.5, 0.5, 7)
    message = {"task": "lift it.", "qpos": {"arm": arm, "gripper": np.array([0.4, 0.4])}}
    with PolicyServer(lambda: FunctionPolicy(stays), franka, reply=reply) as server:
        with connect(server.url) as connection:
            said = msgpack_numpy.unpackb(connection.recv())
            connection.send(msgpack_numpy.packb(message))
            answer = msgpack_numpy.unpackb(connection.recv(timeout=10))
    assert (said["action_type"], said["gripper_unit"]) == ("joint_position", "command")
    step = answer if reply == "step" else answer["actions"][0]
    ((instruction, obs),) = heard
    assert instruction == "lift it."
    np.testing.assert_allclose(obs["gripper"], [0.4 / 0.824033], rtol=1e-6)
    action = np.append(arm / 4, 2 * 0.4 / 0.824033 - 1)
    session = franka.session
    command = session.action_mapper.decode(action, session.ctrl)
    np.testing.assert_allclose(np.concatenate([step["arm"], step["gripper"]]), command, atol=1e-4)
    assert set(step) - {"server_timing"} == {"arm", "gripper"}


def test_command_ranges_are_those_of_the_simulator(franka: Any) -> None:
    session = franka.session
    for action in np.random.default_rng(0).uniform(-1, 1, (5, 8)).astype(np.float32):
        groups = CommandRanges(franka).groups(action)
        expected = session.action_mapper.decode(action.astype(np.float64), session.ctrl)
        np.testing.assert_allclose(np.concatenate(list(groups.values())), expected, atol=1e-12)


def test_qpos_is_clipped_to_what_is_observed() -> None:
    found = from_qpos({"gripper": [1.0, 1.0]}, get_robot("franka_droid"))
    assert found.keys() == {"gripper"}
    np.testing.assert_array_equal(found["gripper"], np.ones(1, np.float32))


@pytest.mark.parametrize("spec", ["expert", "ws://127.0.0.1:1"])
def test_what_needs_the_scene_is_refused(delta: Any, spec: str) -> None:
    with pytest.raises(InvalidConfig, match="reads the simulator"):
        PolicyServer(lambda: load_policy(spec), delta, name=spec)


def test_mistakes_show_themselves_at_the_start(delta: Any) -> None:
    with pytest.raises(InvalidConfig, match="need action_mode='joint_position'"):
        PolicyServer(RandomPolicy, delta, reply="step")
    with pytest.raises(UnknownName, match="unknown reply shape 'auto'"):
        PolicyServer(RandomPolicy, delta, reply="auto")
    with pytest.raises(UnknownName, match="unknown dialect 'json'"):
        PolicyServer(RandomPolicy, delta, dialect="json")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(PolicyUnavailable, match="choose another --host or --port"):
            PolicyServer(RandomPolicy, delta, port=taken.getsockname()[1])


def test_stopping_says_goodbye(delta: Any) -> None:
    server = PolicyServer(RandomPolicy, delta)
    server.start()
    with connect(server.url) as connection:
        connection.recv()
        ask(connection, {**observed(delta), "prompt": "x"})
        server.stop()
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    with pytest.raises(OSError, match="refused"):
        connect(server.url).__enter__()


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_stop() -> None:
    code = "from molmospaces_gym.cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", "--policy", "random", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        with connect(line.rpartition(" ")[2]) as connection:
            assert msgpack.unpackb(connection.recv())["policy"] == "random"
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                connection.recv(timeout=20)
        assert process.wait(20) == 0
        assert process.stdout.read().strip() == "stopped"
