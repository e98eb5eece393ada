"""The client against real websocket servers that behave well, badly or not at all."""

import functools
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import msgpack
import msgpack_numpy
import numpy as np
import pytest

from molmospaces_gym.errors import (
    HandshakeMismatch,
    InvalidReply,
    NotReset,
    PolicyServerError,
    PolicyTimeout,
    PolicyUnreachable,
    RemotePolicyError,
)
from molmospaces_gym.policies.base import load_policy
from molmospaces_gym.policies.remote.client import RemotePolicy, served_env_kwargs
from molmospaces_gym.policies.remote.codec import MSGPACK_NUMPY, OPENPI
from molmospaces_gym.policies.remote.handshake import POINTS, EnvFacts, check_handshake
from molmospaces_gym.policies.remote.options import parse_options
from molmospaces_gym.robots import get_robot

FITTING = {
    "control_dt": 0.066,
    "action_type": "joint_position",
    "gripper_unit": "command",
    "cameras": [],
}
"""Metadata that fits a Franka env played by joint targets."""
HOME = np.array(get_robot("franka_droid").home["arm"])
PLAIN = {**FITTING, "action_type": "env", "action_mode": "joint_position", "gripper_unit": "env"}


def _openpi_array(item: Any) -> Any:
    data = np.ascontiguousarray(item).tobytes()
    return {b"__ndarray__": True, b"data": data, b"dtype": item.dtype.str, b"shape": item.shape}


PACK: dict[str, Callable[[Any], bytes]] = {
    OPENPI: functools.partial(msgpack.packb, default=_openpi_array),
    MSGPACK_NUMPY: msgpack_numpy.packb,
}
MARK = {OPENPI: b"__ndarray__", MSGPACK_NUMPY: b"nd"}


def connect(env: Any, url: str, options: str = "", seed: int | None = 0) -> RemotePolicy:
    """A policy bound to ``env`` and at the start of an episode."""
    policy = load_policy(f"remote:{url}?{options}" if options else f"remote:{url}")
    assert isinstance(policy, RemotePolicy)
    policy.bind(env)
    policy.reset("pick up the mug.", seed)
    return policy


def act(policy: RemotePolicy, env: Any) -> Any:
    return policy.predict(env.session.observe())[0]


def rows(start: int, count: int) -> Any:
    """Actions (count, 8) that tell where in the stream they are."""
    return (0.001 * np.arange(start, start + count)[:, None] * np.ones(8)).astype(np.float32)


class Counting:
    """Answers in one dialect with ``size`` steps per query, all of one count, and fails, as the
    package it stands for would, on arrays of the other dialect."""

    def __init__(self, dialect: str, shape: str, size: int = 3) -> None:
        self._dialect, self._shape, self._size = dialect, shape, size
        self._count = 0

    def __call__(self, talk: Any, frame: bytes) -> bytes | str:
        message = msgpack.unpackb(frame, strict_map_key=False)
        joints = message["arm_qpos"]
        if MARK[self._dialect] not in joints:
            return "Traceback (most recent call last):\nTypeError: a dict is no array\n"
        count = 1 if self._shape == "step" else self._size
        values = rows(self._count, count)
        self._count += count
        groups = [{"arm": HOME + row[:7], "gripper": 1000 * row[7:]} for row in values]
        timing = {"server_timing": {"infer_ms": 1}}
        if self._shape == "step":
            return PACK[self._dialect]({**groups[0], **timing})
        return PACK[self._dialect](
            {"actions": values if self._shape == "actions" else groups, **timing}
        )


@pytest.mark.parametrize("dialect", [OPENPI, MSGPACK_NUMPY])
@pytest.mark.parametrize("shape", ["actions", "chunk", "step"])
def test_dialects_and_shapes_are_found_out(
    franka: Any, scripted: Any, dialect: str, shape: str
) -> None:
    metadata = PLAIN if shape == "actions" else FITTING
    server = scripted(Counting(dialect, shape), metadata)
    policy = connect(franka, server.url)
    actions = np.stack([act(policy, franka) for _ in range(7)])
    policy.close()
    if shape == "actions":
        np.testing.assert_array_equal(actions, rows(0, 7))
    else:
        session = franka.session
        decode = session.action_mapper.decode
        commands = np.stack([decode(a.astype(np.float64), session.ctrl) for a in actions])
        np.testing.assert_allclose(commands[:, :7] - HOME, rows(0, 7)[:, :7], atol=1e-6)
        np.testing.assert_allclose(commands[:, 7], np.arange(7), atol=1e-4)
    queries = sum(len(talk.heard) for talk in server.talks)
    # The first guess is openpi; where that is wrong, one query more finds it out.
    assert queries == (7 if shape == "step" else 3) + (dialect == MSGPACK_NUMPY)
    policy.reset("", 0)
    act(policy, franka)
    assert MARK[dialect] in msgpack.unpackb(server.talks[-1].heard[0])["arm_qpos"]
    assert len(server.talks) == 2 + (dialect == MSGPACK_NUMPY)


@pytest.mark.parametrize("named", [True, False])
def test_metadata_may_tell_the_dialect(franka: Any, scripted: Any, named: bool) -> None:
    telling = {"dialect": MSGPACK_NUMPY} if named else {"norm": np.zeros(3)}
    hello = msgpack_numpy.packb({**PLAIN, **telling})
    server = scripted(Counting(MSGPACK_NUMPY, "actions"), hello=hello)
    act(connect(franka, server.url), franka)
    assert len(server.talks) == 1


def test_a_reply_in_another_dialect_does_not_count(franka: Any, scripted: Any) -> None:
    """A server that ignores arrays answers all the same; its answer was to something else."""

    def answer(talk: Any, frame: bytes) -> bytes:
        understood = MARK[MSGPACK_NUMPY] in msgpack.unpackb(frame)["arm_qpos"]
        return PACK[MSGPACK_NUMPY]({"actions": rows(1 if understood else 500, 1)})

    server = scripted(answer, PLAIN)
    np.testing.assert_array_equal(act(connect(franka, server.url), franka), rows(1, 1)[0])


def test_what_is_configured_is_not_guessed(franka: Any, scripted: Any) -> None:
    server = scripted(Counting(MSGPACK_NUMPY, "actions"), PLAIN)
    with pytest.raises(PolicyServerError, match="TypeError: a dict is no array"):
        act(connect(franka, server.url, "dialect=openpi"), franka)
    assert len(server.talks) == 1


def test_chunks_are_cut_at_the_horizon(franka: Any, scripted: Any) -> None:
    server = scripted(Counting(OPENPI, "actions", size=5), PLAIN)
    policy = connect(franka, server.url, "execute_horizon=2&dialect=openpi")
    actions = np.stack([act(policy, franka) for _ in range(5)])
    expected = np.concatenate([rows(0, 2), rows(5, 2), rows(10, 1)])
    np.testing.assert_array_equal(actions, expected)


def test_a_new_episode_is_a_new_connection(franka: Any, scripted: Any) -> None:
    server = scripted(Counting(OPENPI, "actions", size=5), PLAIN)
    policy = connect(franka, server.url, "dialect=openpi", seed=4)
    for _ in range(3):
        act(policy, franka)
    policy.reset("open the drawer.", None)
    np.testing.assert_array_equal(act(policy, franka), rows(5, 1)[0])
    first, second = [msgpack.unpackb(talk.heard[0]) for talk in server.talks]
    assert (first["prompt"], first["seed"]) == ("pick up the mug.", 4)
    assert second["prompt"] == "open the drawer."
    assert "seed" not in second


def test_it_travels_unconnected(franka: Any, scripted: Any) -> None:
    server = scripted(Counting(OPENPI, "actions"), PLAIN)
    policy = connect(franka, server.url, "dialect=openpi")
    act(policy, franka)
    copy = pickle.loads(pickle.dumps(policy))
    assert copy.options == policy.options
    with pytest.raises(NotReset, match="bind"):
        copy.predict(franka.session.observe())
    copy.bind(franka)
    copy.reset("", 0)
    act(copy, franka)
    assert len(server.talks) == 2


def test_a_forgotten_policy_hangs_up(franka: Any, scripted: Any) -> None:
    left = threading.Event()

    def answer(talk: Any, frame: bytes) -> bytes:
        return PACK[OPENPI]({"actions": rows(0, 3)})

    server = scripted(answer, PLAIN)
    policy = connect(franka, server.url, "dialect=openpi")
    act(policy, franka)
    connection: Any = policy._line.connection
    connection._leaving.callback(left.set)
    del policy
    gc.collect()
    assert left.is_set()


class TestFailures:
    def failing(
        self, franka: Any, url: str, error: type[RemotePolicyError], message: str, options: str = ""
    ) -> RemotePolicyError:
        policy = connect(franka, url, "&".join(filter(None, ["dialect=openpi", options])))
        with pytest.raises(error, match=message) as caught:
            act(policy, franka)
        assert policy._line.connection is None
        return caught.value

    def test_a_traceback(self, franka: Any, scripted: Any) -> None:
        text = "Traceback (most recent call last):\n  File x\nKeyError: 'hand'\n"
        server = scripted(lambda talk, frame: text, PLAIN)
        error = self.failing(franka, server.url, PolicyServerError, "failed: KeyError: 'hand'")
        assert isinstance(error, PolicyServerError)
        assert error.server_traceback == text
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.server_traceback) == (str(error), text)

    def test_a_traceback_instead_of_metadata(self, franka: Any, scripted: Any) -> None:
        server = scripted(lambda talk, frame: None, hello="no model\n")
        self.failing(franka, server.url, PolicyServerError, "failed: no model")

    def test_silence_before_the_metadata(self, franka: Any, scripted: Any) -> None:
        server = scripted(lambda talk, frame: None, hello=None)
        said = "did not send its metadata within 0.2 s"
        self.failing(franka, server.url, PolicyTimeout, said, "connect_timeout=0.2")

    def test_silence_before_the_handshake(self, franka: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            said = "did not accept a connection within 0.2 s"
            self.failing(franka, url, PolicyTimeout, said, "connect_timeout=0.2")

    def test_silence_instead_of_a_reply(self, franka: Any, scripted: Any) -> None:
        server = scripted(lambda talk, frame: None, PLAIN)
        said = "did not send a reply within 0.2 s"
        self.failing(franka, server.url, PolicyTimeout, said, "timeout=0.2")

    def test_nobody_there(self, franka: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.failing(
            franka, f"ws://127.0.0.1:{port}", PolicyUnreachable, "no policy server answers at"
        )

    def test_somebody_else_there(self, franka: Any) -> None:
        with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
            thread = threading.Thread(target=web.handle_request)
            thread.start()
            url = f"ws://127.0.0.1:{web.server_port}"
            self.failing(franka, url, PolicyUnreachable, "no policy server answers at")
            thread.join()

    @pytest.mark.parametrize(
        ("hello", "message"),
        [
            (b"\xc1", "sent its metadata that cannot be read"),
            (msgpack.packb([1]), "must first send a map of metadata, not list"),
        ],
    )
    def test_no_metadata(self, franka: Any, scripted: Any, hello: bytes, message: str) -> None:
        server = scripted(lambda talk, frame: None, hello=hello)
        self.failing(franka, server.url, InvalidReply, message)

    @pytest.mark.parametrize(
        ("reply", "message"),
        [
            (PACK[OPENPI]({"actions": rows(0, 3)})[:-5], "sent a reply that cannot be read"),
            (msgpack_numpy.packb(np.array([object], object)), "pickles, which are not opened"),
            (PACK[OPENPI]({"actions": rows(0, 3)[0]}), r"shape \(steps, size\), not \(8,\)"),
            (PACK[OPENPI]({"actions": rows(0, 3)[:, :7]}), "8 elements, but the server sends 7"),
            (PACK[OPENPI]({"actions": rows(0, 3) * np.float32("nan")}), "not finite"),
            (PACK[OPENPI]({"actions": rows(0, 0)}), "holds no step"),
            (PACK[OPENPI]({"error": "no model"}), "'error' must be an array of numbers"),
        ],
    )
    def test_lies(self, franka: Any, scripted: Any, reply: bytes, message: str) -> None:
        server = scripted(lambda talk, frame: reply, PLAIN)
        self.failing(franka, server.url, InvalidReply, message)

    def test_a_server_that_leaves(self, franka: Any, scripted: Any) -> None:
        server = scripted(Counting(OPENPI, "actions", size=1), PLAIN)
        policy = connect(franka, server.url, "dialect=openpi")
        act(policy, franka)
        server.close()
        with pytest.raises(PolicyUnreachable, match="closed the connection instead of sending"):
            act(policy, franka)
        with pytest.raises(PolicyUnreachable, match="no policy server answers"):
            act(policy, franka)

    def test_it_goes_on_when_the_server_does(self, franka: Any, scripted: Any) -> None:
        counting = Counting(OPENPI, "actions", size=1)

        def answer(talk: Any, frame: bytes) -> bytes | str:
            return "MemoryError\n" if talk.number == 0 else counting(talk, frame)

        server = scripted(answer, PLAIN)
        policy = connect(franka, server.url, "dialect=openpi")
        with pytest.raises(PolicyServerError, match="MemoryError"):
            act(policy, franka)
        policy.reset("", 0)
        np.testing.assert_array_equal(act(policy, franka), rows(0, 1)[0])

    @pytest.mark.skipif(not hasattr(socket, "SO_SNDTIMEO"), reason="no timeouts of sending here")
    def test_a_server_that_stops_reading(self, franka: Any) -> None:
        code = (
            "import msgpack, websockets.sync.server as w\n"
            "server = w.serve(lambda c: (c.send(msgpack.packb({})), c.recv()), '127.0.0.1', 0)\n"
            "print(server.socket.getsockname()[1], flush=True)\n"
            "server.serve_forever()\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            url = f"ws://127.0.0.1:{int(process.stdout.readline())}?unchecked=all&timeout=0.3"
            policy = connect(franka, url.partition("?")[0], url.partition("?")[2])
            obs = {**franka.session.observe(), "huge": np.zeros((4000, 4000, 3), np.uint8)}
            policy._enter()
            os.kill(process.pid, signal.SIGSTOP)
            try:
                with pytest.raises(PolicyTimeout, match=r"did not read a message of 48\d+ bytes"):
                    policy.predict(obs)
            finally:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()


FACTS = EnvFacts(control_dt=0.066, action_mode="joint_position", cameras=())
PICTURED = EnvFacts(
    control_dt=0.066, action_mode="joint_position", cameras=("exo_camera_1", "wrist_camera")
)


class TestHandshake:
    plain = parse_options("ws://h").convention
    molmobot = parse_options("ws://h", "molmobot").convention

    def check(
        self, metadata: Any, facts: EnvFacts, name: str = "plain", unchecked: Any = ()
    ) -> None:
        check_handshake(metadata, facts, getattr(self, name), frozenset(unchecked))

    def test_what_fits_passes(self) -> None:
        self.check(PLAIN, FACTS)
        self.check(FITTING, FACTS)
        cameras = {"cameras": ["exo_camera_1", "wrist_camera"]}
        self.check({**FITTING, **cameras}, PICTURED, "molmobot")
        # As in the metadata of MolmoBot-Pi0's server, where cameras are a map.
        spelled = {"action_type": "jointpos", "gripper_unit": "0..255", "policy_dt_ms": 66.0}
        self.check({**spelled, "cameras": {"wrist_camera": "x"}}, PICTURED, "molmobot")

    @pytest.mark.parametrize("point", POINTS)
    def test_what_is_not_said_must_be_allowed(self, point: str) -> None:
        metadata = {key: value for key, value in PLAIN.items() if key != point}
        with pytest.raises(HandshakeMismatch, match=f"does not say {point} .*unchecked={point} "):
            self.check(metadata, FACTS)
        self.check(metadata, FACTS, unchecked=[point])

    def test_an_empty_hello_lists_all(self) -> None:
        with pytest.raises(HandshakeMismatch, match="unchecked=" + ",".join(POINTS)):
            self.check({}, FACTS)
        self.check({}, FACTS, unchecked=POINTS)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"control_dt": 0.2}, "the server acts every 0.2 s, the env every 0.066 s"),
            ({"control_dt": 1 / 15}, "every 0.0666667 s, the env every 0.066 s"),
            ({"control_dt": True}, "does not say control_dt"),
            ({"action_type": "joint_pos_rel"}, "the server sends 'joint_pos_rel'"),
            ({"action_mode": "ee_delta"}, "the server acts in action_mode='ee_delta'"),
            ({"gripper_unit": "0..1"}, "the server counts in 'closure'"),
            ({"cameras": ["hand"]}, "looks at hand, but is sent none"),
            ({"cameras": None}, "does not say cameras"),
        ],
    )
    def test_what_differs_is_named(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(HandshakeMismatch, match=message):
            self.check({**PLAIN, **change}, FACTS)

    def test_a_preset_knows_its_own_step(self) -> None:
        slow = EnvFacts(control_dt=0.2, action_mode="joint_position", cameras=PICTURED.cameras)
        with pytest.raises(HandshakeMismatch, match="molmobot acts every 0.066 s, the env every 0"):
            self.check({}, slow, "molmobot", set(POINTS) - {"control_dt"})

    def test_presets_need_their_cameras_and_joint_targets(self) -> None:
        with pytest.raises(HandshakeMismatch, match="which the env does not observe"):
            self.check(FITTING, FACTS, "molmobot")
        delta = EnvFacts(control_dt=0.066, action_mode="joint_delta", cameras=PICTURED.cameras)
        with pytest.raises(HandshakeMismatch, match="cannot follow"):
            self.check(FITTING, delta, "molmobot", POINTS)

    def test_names_count_as_they_are_sent(self) -> None:
        convention = parse_options("ws://h?obs_map=wrist_camera:hand").convention
        check_handshake({**PLAIN, "cameras": ["hand"]}, PICTURED, convention, frozenset())


def test_a_server_may_ask_for_env_arguments(scripted: Any) -> None:
    wanted = {"action_mode": "ee_delta", "horizon": 5}
    server = scripted(lambda talk, frame: None, {**PLAIN, "env_kwargs": wanted})
    policy: Any = load_policy(f"remote:{server.url}")
    assert policy.env_kwargs_for("molmospaces_gym/Pick-v1") == wanted
    with pytest.raises(HandshakeMismatch, match="asks for the env arguments scene"):
        served_env_kwargs({"env_kwargs": {"scene": "x.xml"}})
    with pytest.raises(InvalidReply, match="must be a map, not list"):
        served_env_kwargs({"env_kwargs": [1]})
    preset: Any = load_policy("molmobot:ws://nowhere")
    assert preset.env_kwargs_for("molmospaces_gym/Pick-v1") == {
        "action_mode": "joint_position",
        "obs_mode": "rgb",
    }


@pytest.fixture
def pictured() -> Iterator[Any]:
    """What a preset asks of an env, with pictures of the official size."""
    import gymnasium as gym

    env = gym.make(
        "molmospaces_gym/Pick-v1",
        scene="generated/train/0",
        action_mode="joint_position",
        obs_mode="rgb",
    )
    env.reset(seed=0)
    yield env.unwrapped
    env.close()


@pytest.mark.parametrize(
    ("preset", "dialect", "shape"),
    [
        ("molmobot", MSGPACK_NUMPY, "step"),
        ("molmobot-pi0", MSGPACK_NUMPY, "step"),
        ("molmobot-pi0:model", OPENPI, "actions"),
        ("molmobot:model", MSGPACK_NUMPY, "actions"),
        ("openpi-droid", OPENPI, "actions"),
        ("molmobot-spoc", MSGPACK_NUMPY, "chunk"),
    ],
)
def test_presets_play_against_their_protocol(
    pictured: Any, scripted: Any, preset: str, dialect: str, shape: str
) -> None:
    """A server with empty metadata and 16-step chunks, as published ones are."""
    name, _, wire = preset.partition(":")
    step = np.append(np.asarray(pictured.session.observe()["arm_qpos"], np.float32) + 0.05, 1.0)
    parts = {"arm": step[:7], "gripper": np.array([255.0])}
    replies: dict[str, Any] = {
        "step": {**parts, "server_timing": {}},
        "chunk": {"actions": [parts] * 8},
        "actions": {"actions": np.tile(step, (16, 1))},
    }
    if preset == "molmobot:model":
        replies["actions"]["actions"][:, 7] = 255.0
    server = scripted(lambda talk, frame: PACK[dialect](replies[shape]), {})
    options = "unchecked=all" + (f"&wire={wire}" if wire else "")
    policy: Any = load_policy(f"{name}:{server.url}?{options}")
    policy.bind(pictured)
    policy.reset("pick up the mug.", 0)
    obs = pictured.session.observe()
    actions = [policy.predict(obs)[0] for _ in range(9)]
    session = pictured.session
    for action in actions:
        command = session.action_mapper.decode(action.astype(np.float64), session.ctrl)
        np.testing.assert_allclose(command, np.append(step[:7], 255.0), atol=1e-4)
    chunk = {"step": 1, "chunk": 8, "actions": 16 if preset == "molmobot-pi0:model" else 8}[shape]
    assert sum(len(talk.heard) for talk in server.talks) == -(-9 // chunk)
    policy.close()


def test_strict_by_default(pictured: Any, scripted: Any) -> None:
    server = scripted(lambda talk, frame: None, {})
    policy: Any = load_policy(f"molmobot:{server.url}")
    policy.bind(pictured)
    policy.reset("", 0)
    with pytest.raises(HandshakeMismatch, match="unchecked=control_dt,action_type,gripper_unit,c"):
        policy.predict(pictured.session.observe())
    assert not server.talks[0].heard


def test_unbound_policies_say_so() -> None:
    policy: Any = load_policy("ws://127.0.0.1:1")
    with pytest.raises(NotReset, match=r"call bind\(env.unwrapped\) first"):
        policy.predict(SimpleNamespace())
