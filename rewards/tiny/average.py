"""The mean of the weights of several stages of one training.

python -m molmospaces_gym.rewards.tiny.average --of DIR DIR --out DIR

Stages of one training lie in one basin; between them the noise of the last updates averages out
(Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization").
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.qwen.loading import load_network
from molmospaces_gym.rewards.tiny.train import save


def average(folders: Sequence[Path], out: Path) -> None:
    """Write the mean of the networks in ``folders``, with the tokenizer of the last one.

    Raises:
        InvalidConfig: there are none, or they are not of one shape.
    """
    import torch

    if not folders:
        raise InvalidConfig("a mean needs at least one folder")
    loaded = [load_network(str(folder)) for folder in folders]
    net, tokenizer = loaded[-1]
    states = [other.state_dict() for other, _ in loaded]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    if any(shape != shapes[-1] for shape in shapes):
        raise InvalidConfig(f"{', '.join(map(str, folders))} hold networks of different shapes")
    mean = {name: torch.stack([s[name] for s in states]).mean(0) for name in states[-1]}
    net.load_state_dict(mean)
    save(net, tokenizer, out)


def main() -> None:
    """Average and store; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--of", type=Path, nargs="+", required=True, help="folders of networks")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    average(args.of, args.out)


if __name__ == "__main__":
    main()
