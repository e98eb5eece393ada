"""Train the bundled reward model on stored clips.

python -m molmospaces_gym.rewards.tiny.train --data DIR --out DIR
"""

import argparse
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.qwen.compat import video_features
from molmospaces_gym.rewards.qwen.fast_vision import fast_vision
from molmospaces_gym.rewards.qwen.loading import load_network
from molmospaces_gym.rewards.qwen.prompt import Prompt
from molmospaces_gym.rewards.tiny.dataset import Clips, load_clips
from molmospaces_gym.rewards.tiny.examples import (
    FPS,
    IDLE_FIRST,
    LONGEST,
    Batch,
    Sampler,
    make_batch,
)
from molmospaces_gym.rewards.tiny.hints import make_hints, pretrain_vision
from molmospaces_gym.rewards.tiny.instructions import Wrong
from molmospaces_gym.rewards.tiny.network import TINY, Size, make_network, make_tokenizer
from molmospaces_gym.rewards.tiny.rollouts import CAMERAS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        steps, videos: updates, and videos in each.
        vision_steps: updates of the vision tower alone before them.
        rate: highest learning rate of the one-cycle schedule.
        cameras: whose views are joined side by side.
        seed: of weights and draws.
        wrong: share of questions about a wrong instruction, at most a half.
    """

    steps: int = 3000
    videos: int = 8
    vision_steps: int = 1000
    rate: float = 2e-3
    cameras: tuple[str, ...] = CAMERAS
    seed: int = 0
    wrong: float = 0.4

    def __post_init__(self) -> None:
        if not 0.0 <= self.wrong <= 0.5:
            raise InvalidConfig(f"the share of wrong questions is 0 to 0.5, not {self.wrong}")


def joined_views(clips: Clips, cameras: tuple[str, ...]) -> Clips:
    """The clips with frames (N, H, W, 3): the views of ``cameras`` side by side."""
    views = [clips.frames[:, CAMERAS.index(name)] for name in cameras]
    frames = views[0] if len(views) == 1 else np.concatenate(views, axis=2)
    return Clips(frames, clips.rows, clips.progress, clips.about)


def train(
    clips: Clips, recipe: Recipe, size: Size = TINY, start: Path | None = None
) -> tuple[Any, Any]:
    """The trained network and its tokenizer.

    Args:
        clips: of the training split, frames as ``joined_views`` makes them.
        recipe: how.
        size: of the network.
        start: folder of a network of this size that is trained on; its vision tower has seen
            enough and is not trained alone again.
    """
    import torch

    known = [(about["task"], about["instruction"]) for about in clips.about]
    tokenizer = make_tokenizer(sorted({text for _, text in known}) * 20)
    height, width = clips.frames.shape[1:3]
    said = {"fps": FPS, "layout": "4.57", "frame_size": [height, width], "cameras": recipe.cameras}
    said["calibration"] = {"signal": "prob", "low": NOTHING, "high": 1.0}
    if start is None:
        net = make_network(tokenizer, size, recipe.seed, topreward=said)
    else:
        net, tokenizer = load_network(str(start))
        net.requires_grad_(True)
        net.config.topreward = said
    prompt = Prompt(tokenizer)
    rng = np.random.default_rng(recipe.seed)
    sampler = Sampler(clips, Wrong(known), rng, share=recipe.wrong)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        hints = make_hints(size.hidden)
    weights = [*net.parameters(), *hints.parameters()]
    groups = [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": 0.05},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.steps, pct_start=0.15
    )
    per_group = height * width // size.patch**2
    net.train()
    if start is None:
        pretrain_vision(net, hints, prompt, clips, recipe.vision_steps, recipe.rate, recipe.seed)
    started, history = time.process_time(), []
    for step in range(recipe.steps):
        # Short videos first: what to look at is learned before what to remember.
        grown = 8 + LONGEST * step / (0.4 * recipe.steps)
        longest = LONGEST if start is not None else int(min(LONGEST, grown))
        videos = [sampler.draw(longest) for _ in range(recipe.videos)]
        batch = make_batch(videos, prompt, size.patch, 2)
        with fast_vision(net, per_group):
            loss, shown = loss_of(net, hints, prompt, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        history.append(shown)
        if step % 50 == 49:
            mean = np.mean(history[-50:], axis=0)
            seconds = time.process_time() - started
            named = zip(LOGGED, mean, strict=True)
            text = " ".join(f"{name} {value:.3f}" for name, value in named)
            logger.info("step %d %s cpu %.0f s", step + 1, text, seconds)
    return net.eval(), tokenizer


NOTHING = IDLE_FIRST + 0.01
"""P(" True") up to which the potential is 0: what is said of an arm that does nothing, and settles
a little, lies below."""
LOGGED = ("loss", "error", "words", "progress", "fit", "asked")


def loss_of(net: Any, hints: Any, prompt: Prompt, batch: Batch) -> tuple[Any, list[float]]:
    """What is minimised, and for the log: excess cross-entropy and error of P(True), hints."""
    import torch

    features, deep = video_features(net, batch.rows, batch.grids)
    table = net.get_input_embeddings()
    embeddings = table(batch.ids)
    visual = batch.ids == prompt.pad
    spread = visual.unsqueeze(-1).expand_as(embeddings)
    layers = net.model.language_model.layers
    states: list[Any] = []
    hooks = [
        layer.register_forward_hook(lambda *call: states.append(call[-1]))
        for layer in (layers[len(layers) // 2 - 1], layers[-2])
    ]
    hidden = net.model.language_model(
        inputs_embeds=embeddings.masked_scatter(spread, features.to(embeddings.dtype)),
        position_ids=batch.positions,
        attention_mask=batch.mask,
        use_cache=False,
        visual_pos_masks=visual,
        deepstack_visual_embeds=deep,
    ).last_hidden_state
    for hook in hooks:
        hook.remove()
    last = hidden[batch.ends[:, 0], batch.ends[:, 1]]
    logs = torch.log_softmax(net.lm_head(last), dim=-1)
    true, false, p = logs[:, prompt.true], logs[:, prompt.false], batch.truth
    entropy = -(p * p.log() + (1 - p) * (1 - p).clamp_min(1e-9).log())
    loss = (-(p * true + (1 - p) * false) - entropy).mean()
    # Half-way up, where the upper layers can still compare it with the words of a question.
    middle, late = (torch.nn.functional.rms_norm(part, part.shape[-1:]) for part in states)
    ends = middle[batch.group_ends[:, 0], batch.group_ends[:, 1]]
    named, done = hints(ends, table.weight, batch.group_words, batch.group_truth)
    fit = hints.fitting(last, batch.fits)
    before = late[batch.ends[:, 0], batch.ends[:, 1]]
    asked = hints.asking(before, table.weight, batch.asked, batch.seen)
    shown = [loss, (true.exp() - p).abs().mean(), named, done, fit, asked]
    total = loss + HINTED * (named + done + fit + asked)
    return total, [float(value.detach()) for value in shown]


HINTED = 0.5
"""Weight of the hints beside the loss proper."""


def save(net: Any, tokenizer: Any, folder: Path) -> None:
    """Write a folder that ``load_reward_model`` reads; weights as float16."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    net.to(torch.float16).save_pretrained(folder)
    net.to(torch.float32)
    tokenizer.save_pretrained(folder)
    # A class that every release knows, and nothing of the folder that it was loaded from.
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": tokenizer.eos_token,
        "pad_token": tokenizer.pad_token,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=2) + "\n")
    (folder / "model.safetensors").chmod(0o644)  # written for the owner alone
    (folder / "generation_config.json").unlink(missing_ok=True)  # it generates nothing


def main() -> None:
    """Train and store; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of train-TASK.npz files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--videos", type=int, default=Recipe.videos)
    parser.add_argument("--start", type=Path, default=None, help="folder to go on from")
    parser.add_argument("--vision-steps", type=int, default=Recipe.vision_steps)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wrong", type=float, default=Recipe.wrong)
    parser.add_argument("--cameras", nargs="+", default=list(CAMERAS), choices=CAMERAS)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    files = sorted(args.data.glob("train-*.npz"))
    if not files:
        raise InvalidConfig(f"{args.data} holds no train-*.npz; see molmospaces_gym.rewards.tiny")
    recipe = Recipe(
        args.steps,
        args.videos,
        args.vision_steps,
        args.rate,
        tuple(args.cameras),
        args.seed,
        args.wrong,
    )
    started = time.process_time()
    clips = joined_views(load_clips(files), recipe.cameras)
    net, tokenizer = train(clips, recipe, start=args.start)
    save(net, tokenizer, args.out)
    seconds = time.process_time() - started
    (args.out / "training.json").write_text(
        json.dumps({"steps": recipe.steps, "clips": len(clips), "cpu_s": round(seconds)}) + "\n"
    )


if __name__ == "__main__":
    main()
