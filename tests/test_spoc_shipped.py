"""The SPOC policy that comes with the package."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.stats import wilson_interval
from molmospaces_gym.errors import InvalidConfig, PolicyUnavailable
from molmospaces_gym.policies.base import load_policy
from molmospaces_gym.policies.spoc.policy import SHIPPED, SpocPolicy

TINY = SHIPPED / "tiny"
RESULTS = json.loads((TINY / "results.json").read_text())


def test_it_is_small_and_found_by_name() -> None:
    assert sum(file.stat().st_size for file in TINY.iterdir()) <= 5_000_000
    policy = load_policy("spoc:tiny")
    assert isinstance(policy, SpocPolicy)
    assert policy.env_kwargs == {"obs_mode": "state", "action_mode": "ee_delta"}
    assert policy.model.config.action_dim == 7
    with pytest.raises(PolicyUnavailable, match="shipped policies: tiny"):
        load_policy("spoc:gigantic")


def test_the_card_says_what_the_results_say() -> None:
    card = (TINY / "MODEL_CARD.md").read_text()
    for measure in ("once", "at_end"):
        outcomes = [row[measure] for row in RESULTS["episodes"].values()]
        assert len(outcomes) == 200
        low, high = wilson_interval(sum(outcomes), len(outcomes))
        text = f"{sum(outcomes)} of 200 | {100 * low:.1f}-{100 * high:.1f}"
        assert text in card, text
    assert f"{RESULTS['cpu_seconds']['all'] / 60:.0f} CPU minutes" in card


def test_it_plays_as_recorded(tmp_path: Path) -> None:
    count = 8
    result = evaluate("spoc:tiny", RESULTS["suite"], episodes=count, batch=count, out=tmp_path)
    recorded = list(RESULTS["episodes"].values())[:count]
    played = [record.success_once for record in result.records]
    # Another processor may round otherwise, and one episode end otherwise.
    assert np.sum(np.array(played) == [bool(row["once"]) for row in recorded]) >= count - 1


def test_drawn_actions_follow_the_seed(tmp_path: Path) -> None:
    def jerks(name: str, **settings: bool) -> list[float]:
        result = evaluate(
            "spoc:tiny", RESULTS["suite"], episodes=2, out=tmp_path / name, **settings
        )
        return [record.jerk for record in result.records]

    drawn = jerks("drawn", deterministic=False)
    assert jerks("again", deterministic=False) == drawn
    assert all(np.array(jerks("likeliest")) != drawn)
    config = json.loads((tmp_path / "drawn" / "config.json").read_text())
    assert config["deterministic"] is False
    with pytest.raises(InvalidConfig, match="deterministic: False -> True"):
        evaluate("spoc:tiny", RESULTS["suite"], episodes=2, out=tmp_path / "drawn", resume=True)
