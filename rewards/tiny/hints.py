"""Heads used in training alone, and a first training of the vision tower by itself.

A narrow network finds the way from pixels to one bit at the end of a question slowly. So what a
group of frames shows is also asked for directly: verb, object and receptacle of the right
instruction, as vectors near the embeddings of these words, and the progress.
"""

import logging
import time
from typing import Any

import numpy as np

from molmospaces_gym.rewards.qwen.compat import video_features
from molmospaces_gym.rewards.qwen.fast_vision import fast_vision
from molmospaces_gym.rewards.qwen.pixels import patches
from molmospaces_gym.rewards.qwen.prompt import Prompt
from molmospaces_gym.rewards.tiny.dataset import Clips
from molmospaces_gym.rewards.tiny.examples import (
    HIDDEN,
    LOWEST,
    SEEN_FROM,
    SKIP,
    augmented,
    words_of,
)

logger = logging.getLogger(__name__)


def make_hints(hidden: int) -> Any:
    """A module: states (G, hidden), the table of embeddings, words (G, 3), progress (G,) to a loss.

    The loss is the pair (of words, of progress). Words of -100 are not asked for.
    """
    import torch

    class Hints(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Linear(hidden, 3 * hidden)
            self.progress = torch.nn.Linear(hidden, 1)
            self.asked = torch.nn.Linear(hidden, 3 * hidden)
            self.fit = torch.nn.Linear(hidden, 1)

        def asking(self, states: Any, table: Any, asked: Any, seen: Any) -> Any:
            """Loss of knowing, near the end of a question, what is asked and what was seen.

            With both at hand, the last layer has but to compare them.
            """
            return _named(self.asked(states), table, asked) + _named(
                self.words(states), table, seen
            )

        def fitting(self, ends: Any, fits: Any) -> Any:
            """Loss of telling right from wrong instructions at the ends (Q, hidden) of questions.

            P(True) is low early in a right video and in any wrong one, so by itself it teaches
            the difference slowly.
            """
            known = fits >= 0
            logits = self.fit(ends[known]).squeeze(-1)
            found = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, fits[known], reduction="sum"
            )
            return found / known.sum().clamp_min(1)

        def forward(self, states: Any, table: Any, words: Any, truth: Any) -> Any:
            named = _named(self.words(states), table, words)
            done = torch.nn.functional.binary_cross_entropy_with_logits(
                self.progress(states).squeeze(-1), truth
            )
            return named, done

    return Hints()


def _named(vectors: Any, table: Any, words: Any) -> Any:
    """Cross-entropy of three words (G, 3) given as vectors (G, 3 * hidden)."""
    import torch

    logits = vectors.view(-1, 3, table.shape[1]) @ table.T
    total = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), words.flatten(), ignore_index=-100, reduction="sum"
    )
    return total / (words != -100).sum().clamp_min(1)


def pretrain_vision(
    net: Any,
    hints: Any,
    prompt: Prompt,
    clips: Clips,
    steps: int,
    rate: float,
    seed: int,
    groups: int = 48,
) -> None:
    """Train the vision tower on single groups: what is shown, and how far it has come.

    Args:
        net: the network; its tower and its table of embeddings are trained.
        hints: the heads, trained too.
        prompt: for the words.
        clips: with the views joined.
        steps, rate: of the one-cycle schedule.
        seed: of every draw.
        groups: in each step.
    """
    import torch

    rng = np.random.default_rng(seed)
    weights = [
        *net.model.visual.parameters(),
        *net.get_input_embeddings().parameters(),
        *hints.parameters(),
    ]
    optimizer = torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=max(steps, 2))
    height, width = clips.frames.shape[1:3]
    patch = int(net.config.vision_config.patch_size)
    started, history = time.process_time(), []
    for step in range(steps):
        shown, words, truth = _groups(clips, prompt, rng, groups)
        grid = torch.tensor([[groups, height // patch, width // patch]])
        with fast_vision(net, height * width // patch**2):
            features, deep = video_features(net, patches(shown, patch, 2), grid)
        table = net.get_input_embeddings().weight
        pooled = torch.stack([features, *deep]).mean(0).view(groups, -1, table.shape[1]).mean(1)
        named, done = hints(pooled, table, torch.tensor(words), torch.tensor(truth))
        optimizer.zero_grad(set_to_none=True)
        (named + done).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        history.append((float(named.detach()), float(done.detach())))
        if step % 50 == 49:
            mean, seconds = np.mean(history[-50:], axis=0), time.process_time() - started
            logger.info("vision %d words %.3f progress %.3f cpu %.0f s", step + 1, *mean, seconds)


def _groups(
    clips: Clips, prompt: Prompt, rng: np.random.Generator, count: int
) -> tuple[Any, list[tuple[int, int, int]], list[float]]:
    """Frames (2 count, H, W, 3) of random groups, the words and the progress of each."""
    frames, words, truth = [], [], []
    for index in rng.integers(len(clips), size=count):
        rows, progress = clips.rows[index], clips.progress[index]
        last = int(rng.integers(1, len(rows)))
        pair = rows[[max(last - int(rng.integers(0, SKIP + 1)), 0), last]]
        frames.append(augmented(clips.frames[pair], rng))
        seen = clips.about[index]["kind"] != "random" and progress[last] > SEEN_FROM
        words.append(words_of(clips.about[index]["instruction"], prompt) if seen else HIDDEN)
        truth.append(max(float(progress[last]), LOWEST))
    return np.concatenate(frames), words, truth
