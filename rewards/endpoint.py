"""TOPReward over a server that speaks OpenAI's chat completions with log-probabilities."""

import base64
import io
import json
import math
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidAnswer, InvalidConfig, RewardModelUnavailable
from molmospaces_gym.rewards.base import Score, told_score
from molmospaces_gym.rewards.plain import SessionBatch, WholeSession
from molmospaces_gym.rewards.qwen.pixels import checked_frames
from molmospaces_gym.rewards.qwen.prompt import QUESTION

TOP = 20
"""Alternatives of a token that servers return at most."""
KEY = "OPENAI_API_KEY"


class EndpointModel:
    """Scores episodes with the log-probabilities that a server reports.

    Frames go as pictures and the prompt passes through the server's chat template, so the scores
    are not those of ``QwenModel`` (in the paper the template halved the rank correlation). Where
    either answer is not among the reported alternatives, that is an error and never a made-up
    value.

    Args:
        url: base address, such as ``http://localhost:8000/v1``.
        model: name of the model on the server.
        fps: frames per second of the episode that it is shown.
        max_frames: longer videos are thinned evenly to this; first and last frame stay.
        timeout: seconds to wait for a reply.
        api_key: sent as bearer token; None takes the environment variable OPENAI_API_KEY.
    """

    def __init__(
        self,
        url: str,
        model: str,
        fps: float = 2.0,
        max_frames: int = 32,
        timeout: float = 60.0,
        api_key: str | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidConfig(f"expected an address http://HOST:PORT/v1, got {url!r}")
        if max_frames < 1:
            raise InvalidConfig(f"max_frames must be at least 1, got {max_frames}")
        self.url, self.model = url.rstrip("/"), model
        self.name, self.fps = f"openai:{model}", float(fps)
        self._max_frames, self._timeout = int(max_frames), float(timeout)
        self._key = os.environ.get(KEY) if api_key is None else api_key

    def start(self, instruction: str) -> WholeSession:
        return WholeSession(self, instruction)

    def start_batch(self, slots: int) -> SessionBatch:
        return SessionBatch(self, slots)

    def score_video(self, frames: NDArray[Any], instruction: str) -> Score:
        """Judge a video with one request.

        Raises:
            RewardModelUnavailable: nobody answers, or the server refuses.
            InvalidAnswer: the reply has no log-probability of True or of False.
        """
        pictures = checked_frames(frames)
        kept = np.unique(np.linspace(0, len(pictures) - 1, self._max_frames).round().astype(int))
        words = QUESTION.format(instruction=instruction)
        reply = self.ask(pictures[kept], words, max_tokens=1, logprobs=True, top_logprobs=TOP)
        true, false = answers_of(reply, self.name)
        tokens = int((reply.get("usage") or {}).get("prompt_tokens", 0))
        return told_score(self.name, true, false, len(kept), tokens)

    def ask(self, frames: NDArray[np.uint8], words: str, **options: Any) -> dict[str, Any]:
        """The server's reply to frames and words behind them."""
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": picture_url(frame)}} for frame in frames
        ]
        content.append({"type": "text", "text": words})
        message = {"role": "user", "content": content}
        body = {"model": self.model, "messages": [message], "temperature": 0, **options}
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(
            f"{self.url}/chat/completions", json.dumps(body).encode(), headers
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return _object(response.read(), self.name)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(400).decode(errors="replace").strip()
            raise RewardModelUnavailable(
                f"{self.url} refused ({error.code}): {said or error.reason}"
            ) from error
        except OSError as error:
            raise RewardModelUnavailable(
                f"no reward server answers at {self.url} ({error}); start one, for instance with:"
                f" vllm serve {self.model}"
            ) from error


def picture_url(frame: NDArray[np.uint8]) -> str:
    """A frame as a data address in PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def answers_of(reply: dict[str, Any], name: str) -> tuple[float, float]:
    """Log-probabilities of True and False from a reply; spellings of one word are added."""
    try:
        first = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        pairs = [(str(entry["token"]), float(entry["logprob"])) for entry in first]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InvalidAnswer(
            f"{name} sent no log-probabilities ({error!r}); the server must support logprobs and"
            f" top_logprobs={TOP} for chat completions"
        ) from error
    return _together(pairs, "true", name), _together(pairs, "false", name)


def _together(pairs: Sequence[tuple[str, float]], word: str, name: str) -> float:
    found = [logprob for token, logprob in pairs if token.strip().lower() == word]
    if not found:
        tokens = ", ".join(repr(token) for token, _ in pairs)
        raise InvalidAnswer(
            f"{name} reports no log-probability of {word.capitalize()}; it reports {tokens}."
            " Nothing is put in its place: use a model that answers the prompt with one word"
        )
    highest = max(found)
    if not math.isfinite(highest):
        return highest  # is refused as it is
    return highest + math.log(sum(math.exp(value - highest) for value in found))


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidAnswer(f"{name} sent no JSON: {text[:80]!r}") from error
    if not isinstance(found, dict):
        raise InvalidAnswer(f"{name} sent no JSON object: {text[:80]!r}")
    return found
