"""Functions, servers, GVL and Molmo2's layout behind the same interface."""

import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import (
    InvalidAnswer,
    InvalidConfig,
    NotReset,
    RewardModelUnavailable,
    UnknownName,
)
from molmospaces_gym.rewards import load_reward_model
from molmospaces_gym.rewards.base import RewardBatch, RewardModel, RewardSession, Score
from molmospaces_gym.rewards.function import FunctionModel
from molmospaces_gym.rewards.gvl import GvlModel, percentages

TASK = "pick up the mug."


def brightness(frames, instruction):
    """P(True) by the last frame's brightness."""
    return float(frames[-1].mean() / 256 * 0.9 + 0.05)


def frames_of(*levels):
    return np.stack([np.full((8, 8, 3), level, np.uint8) for level in levels])


class Server:
    """Answers every request with what ``reply(body)`` returns: a dict, or (status, text)."""

    def __init__(self, reply):
        self.bodies, self.headers = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.headers.append(dict(self.headers))
                answer = reply(body)
                status, text = answer if isinstance(answer, tuple) else (200, json.dumps(answer))
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def with_tops(*pairs):
    tops = [{"token": token, "logprob": logprob} for token, logprob in pairs]
    content = [{"token": pairs[0][0], "logprob": pairs[0][1], "top_logprobs": tops}]
    return {"choices": [{"logprobs": {"content": content}}], "usage": {"prompt_tokens": 77}}


def test_a_function_is_a_reward_model():
    model = load_reward_model(f"callable:{__name__}:brightness", fps=5)
    assert isinstance(model, RewardModel)
    assert model.fps == 5.0
    session = model.start(TASK)
    assert isinstance(session, RewardSession)
    for level in (0, 200):
        session.push(frames_of(level)[0])
    assert session.score().prob == pytest.approx(200 / 256 * 0.9 + 0.05)
    assert session.score().frames == 2
    batch = model.start_batch(2)
    assert isinstance(batch, RewardBatch)
    batch.start(1, TASK)
    batch.push([1], frames_of(128))
    assert batch.score([1])[0].prob == pytest.approx(0.5)
    with pytest.raises(NotReset):
        batch.score([0])


def test_what_a_function_may_return():
    assert FunctionModel(lambda f, t: Score(-1.0, -2.0)).score_video(frames_of(0), "") == Score(
        -1, -2
    )
    assert FunctionModel(lambda f, t: (-1.0, -2.0)).score_video(frames_of(0), "").margin == 1.0
    unknown = Score(-1.0, math.nan)
    with pytest.raises(InvalidAnswer, match="answered -1.0 and nan"):
        FunctionModel(lambda f, t: unknown).score_video(frames_of(0), "")
    for answer in (
        1.0,
        0.0,
        -3.0,
        (0.1, -1.0),
        (math.nan, -1.0),
        "yes",
        None,
        (1, 2, 3),
        Score(3.0, -1.0),
    ):
        with pytest.raises((InvalidAnswer, ValueError)):
            FunctionModel(lambda f, t, answer=answer: answer).score_video(frames_of(0), "")


def test_frames_of_whole_sessions_are_checked():
    session = FunctionModel(brightness).start(TASK)
    with pytest.raises(InvalidConfig, match="no frame"):
        session.score()
    with pytest.raises(InvalidConfig, match="uint8"):
        session.push(np.zeros((8, 8, 3)))
    session.push(frames_of(1)[0])
    with pytest.raises(InvalidConfig, match="same size"):
        session.push(np.zeros((9, 8, 3), np.uint8))


def test_missing_functions_are_named():
    with pytest.raises(RewardModelUnavailable, match="no_such_module"):
        load_reward_model("callable:no_such_module:f")
    with pytest.raises(InvalidConfig, match="no function"):
        load_reward_model("callable:math:pi")
    with pytest.raises((InvalidConfig, UnknownName)):
        load_reward_model("callable:math")


def test_a_server_is_asked_with_all_frames_and_its_answers_are_added():
    tops = with_tops(("True", -0.5), (" True", -2.0), ("False", -1.5), ("Maybe", -3.0))
    with Server(lambda body: tops) as server:
        model = load_reward_model(f"openai:{server.url}?model=some-vlm&max_frames=4", api_key="k")
        session = model.start(TASK)
        for level in range(7):
            session.push(frames_of(level)[0])
        score = session.score()
    assert score.prob == pytest.approx(math.exp(-0.5) + math.exp(-2.0))
    assert score.logp_false == pytest.approx(-1.5)
    assert (score.frames, score.tokens) == (4, 77)
    (body,), (headers,) = server.bodies, server.headers
    assert headers["Authorization"] == "Bearer k"
    assert (body["model"], body["max_tokens"], body["top_logprobs"]) == ("some-vlm", 1, 20)
    *pictures, words = body["messages"][0]["content"]
    assert len(pictures) == 4
    assert all(p["image_url"]["url"].startswith("data:image/png;base64,") for p in pictures)
    assert TASK in words["text"] and words["text"].endswith("The answer is:")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (with_tops(("True", -0.1), ("Yes", -3.0)), "no log-probability of False.*'True', 'Yes'"),
        (with_tops(("false", -0.1), ("no", -3.0)), "no log-probability of True"),
        ({"choices": [{"message": {"content": "True"}}]}, "sent no log-probabilities"),
        (with_tops(("True", float("nan")), ("False", -3.0)), "answered nan and -3.0"),
        (with_tops(("True", -0.1), ("False", float("-inf"))), "answered -0.1.* and -inf"),
        (with_tops(("True", 5.0), ("False", -3.0)), "answered 5.0 and -3.0"),
        ((200, "<html>"), "no JSON"),
        ((200, "[1]"), "no JSON object"),
    ],
)
def test_nothing_is_put_in_the_place_of_a_missing_answer(reply, said):
    with Server(lambda body: reply) as server:
        model = load_reward_model(f"openai:{server.url}?model=m")
        with pytest.raises(InvalidAnswer, match=said):
            model.score_video(frames_of(0, 1), TASK)


def test_servers_that_refuse_or_are_not_there_are_named():
    with Server(lambda body: (404, "no such model")) as server:
        model = load_reward_model(f"openai:{server.url}?model=m")
        with pytest.raises(RewardModelUnavailable, match="404.*no such model"):
            model.score_video(frames_of(0), TASK)
    with pytest.raises(RewardModelUnavailable, match="no reward server answers"):
        model.score_video(frames_of(0), TASK)


@pytest.mark.parametrize(
    "name",
    [
        "openai:http://h/v1",
        "openai:ftp://h?model=m",
        "openai:http://h?model=m&speed=1",
        "openai:http://h?model=m&fps=fast",
        "gvl:",
        "openai:http://h?model=m&max_frames=0",
    ],
)
def test_impossible_names_are_refused(name):
    with pytest.raises(InvalidConfig):
        load_reward_model(name)


def test_a_built_model_is_returned_as_it_is():
    model = FunctionModel(brightness)
    assert load_reward_model(model) is model
    with pytest.raises(InvalidConfig, match="fps"):
        load_reward_model(model, fps=3)


def test_gvl_puts_shuffled_values_back_in_order():
    seen = []

    def rater(frames, instruction):
        seen.append([int(frame[0, 0, 0]) for frame in frames])
        return "\n".join(f"Frame {i}: {v}%" for i, v in enumerate(seen[-1][1:], start=1))

    model = GvlModel(rater)
    values = model.values(frames_of(*range(0, 100, 10)), TASK)
    assert values == pytest.approx(np.arange(0, 1, 0.1))
    assert seen[0][0] == 0 and seen[0][1:] != sorted(seen[0][1:])
    assert model.score_video(frames_of(0, 40), TASK).prob == pytest.approx(0.4)
    assert model.score_video(frames_of(0, 0), TASK).prob == pytest.approx(0.005)
    assert model.values(frames_of(7), TASK).tolist() == [0.0]


def test_gvl_over_a_server_and_over_a_model_that_cannot_write():
    def reply(body):
        count = len(body["messages"][0]["content"]) - 2
        text = "\n".join(f"Frame {i}: {10 * i} %" for i in range(1, count + 1))
        return {"choices": [{"message": {"content": text}}]}

    with Server(reply) as server:
        model = load_reward_model(f"gvl:openai:{server.url}?model=m")
        assert sorted(model.values(frames_of(1, 2, 3), TASK)) == [0.0, 0.1, 0.2]
    pairs = load_reward_model(f"gvl:callable:{__name__}:brightness")
    assert np.diff(pairs.values(frames_of(0, 50, 100), TASK)).min() > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Frame 1: 10%", r"missing \[2\]"),
        ("Frame 1: 10%\nFrame 2: 20%\nFrame 3: 30%", r"not shown \[3\]"),
        ("Frame 1: 10%\nFrame 1: 20%", "frame 1 twice"),
        ("Frame 1: 10%\nFrame 2: 120%", "beyond"),
        ("I cannot tell.", r"0 of 2"),
    ],
)
def test_unreadable_percentages_are_named(text, said):
    with pytest.raises(InvalidAnswer, match=said):
        percentages(text, 2)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_percentages_are_read_in_any_order_of_lines(values, random):
    lines = [f"Frame {i}: {value}%" for i, value in enumerate(values, start=1)]
    random.shuffle(lines)
    assert percentages("\n".join(lines), len(values)).tolist() == values


def test_layout_of_molmo(tokenizer):
    torch = pytest.importorskip("torch")
    from molmospaces_gym.rewards.molmo import MolmoModel

    calls = []

    class Processor:
        def __init__(self):
            self.tokenizer = tokenizer

        def apply_chat_template(self, messages, tokenize, add_generation_prompt):
            assert not tokenize and not add_generation_prompt
            video, words = messages[0]["content"]
            assert video == {"type": "video"}
            return f"<|im_start|>user\n<|video|>{words['text']}<|im_end|>\n"

        def __call__(self, **arguments):
            calls.append(arguments)
            batch = {"input_ids": torch.tensor([tokenizer.encode(arguments["text"])])}
            return SimpleNamespace(to=lambda device: batch)

    class Net:
        device = "cpu"

        def __call__(self, input_ids):
            logits = torch.zeros(1, input_ids.shape[1], len(tokenizer))
            logits[0, -1, tokenizer.encode(" True")[0]] = 5.0
            return SimpleNamespace(logits=logits)

    score = MolmoModel(Net(), Processor()).score_video(frames_of(1, 2, 3), TASK)
    assert score.margin == pytest.approx(5.0)
    assert calls[0]["text"].startswith(
        "<|im_start|>user\n<|video|>The above video shows a complete"
    )
    assert calls[0]["text"].endswith(
        f"{TASK}\n Decide whether the above statement is True or not. The answer is:"
    )
    assert calls[0]["video_metadata"][0]["frames_indices"].tolist() == [0, 1, 2]
    assert calls[0]["do_sample_frames"] is False
