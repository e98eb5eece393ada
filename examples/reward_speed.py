"""Measure what TOPReward costs on this machine: streaming against recomputing, and batches.

    python examples/reward_speed.py                    # the bundled model and one of 50 M
    python examples/reward_speed.py --only tiny

Every frame of a 64-frame episode is scored. Figures are CPU time of one thread, so the ratios hold
on a shared machine too. The model of 50 million parameters has random weights.
"""

import argparse

import torch

from molmospaces_gym.rewards import load_reward_model
from molmospaces_gym.rewards.qwen.model import QwenModel
from molmospaces_gym.rewards.speed import TASK, Speed, measure_speed
from molmospaces_gym.rewards.tiny.network import MEDIUM, make_network, make_tokenizer

HEAD = (
    "| model | frames | ms/score | streaming gain | batch of 8 gain | MB per env |"
    " largest difference |"
)


def row(speed: Speed, size: tuple[int, int]) -> str:
    return (
        f"| {speed.name}, {speed.parameters / 1e6:.1f} M | {size[0]} x {size[1]} |"
        f" {speed.ms_per_score:.1f} |"
        f" {speed.gain:.1f} x | {speed.batch_gain:.1f} x | {speed.memory_bytes / 2**20:.2f} |"
        f" {speed.difference:.1e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("tiny", "medium"))
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--every", type=int, default=8, help="medium: recompute each so many-th")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(HEAD + "\n|---|---|---|---|---|---|---|", flush=True)
    if args.only != "medium":
        tiny = load_reward_model("tiny")
        # Two cameras of 128 x 128 as the wrapper takes them; then frames that need no resizing.
        for size in ((128, 256), (64, 128)):
            speed = measure_speed(tiny, args.frames, size=size)
            print(row(speed, size), flush=True)
    if args.only != "tiny":
        tokenizer = make_tokenizer([TASK] * 20)  # words are single tokens, as in Qwen's own
        medium = QwenModel(make_network(tokenizer, MEDIUM), tokenizer, name="medium")
        size = (224, 224)  # 7 x 7 tokens a group
        speed = measure_speed(
            medium, args.frames, batch_frames=2, size=size, recomputed_every=args.every
        )
        print(row(speed, size), flush=True)


if __name__ == "__main__":
    main()
