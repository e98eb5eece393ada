"""The evaluator on a real Ray cluster of two nodes, which loses a worker and a node."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.progress import Progress
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.errors import WorkersUnavailable

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with one CPU each, to which this process is connected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 * 2**20}
        made = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
        made.add_node(num_cpus=1, object_store_memory=100 * 2**20)
        ray.init(address=made.address, log_to_driver=False)
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def run(mixed_suite: Path, row_wise: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished local run; do not change it."""
    out = tmp_path_factory.mktemp("run") / "out"
    assert evaluate(row_wise(), mixed_suite, out=out).complete
    return out


def assert_same_tables(out: Path, expected: Path) -> None:
    for name in ("episodes.csv", "traces.csv"):
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name


def pids(notes: Path) -> list[int]:
    """Processes in which the policy was bound."""
    return [int(file.name) for file in notes.iterdir()]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def test_a_ray_run_is_a_local_run(
    cluster: Any, run: Path, mixed_suite: Path, row_wise: Any, notes: Path, tmp_path: Path
) -> None:
    policy = row_wise(pause=0.15, notes=notes)
    evaluate(policy, mixed_suite, out=tmp_path / "o", executor="ray", workers=2)
    assert_same_tables(tmp_path / "o", run)
    assert load_run(tmp_path / "o").config["executor"] == "ray"
    assert len(pids(notes)) == 2 and os.getpid() not in pids(notes)


def test_batches_and_a_hanging_episode(
    cluster: Any, run: Path, mixed_suite: Path, row_wise: Any, tmp_path: Path
) -> None:
    kwargs: dict[str, Any] = {"executor": "ray", "workers": 2, "batch": 2, "timeout": 6.0}
    result = evaluate(row_wise("hang"), mixed_suite, out=tmp_path / "o", **kwargs)
    assert result.complete
    assert result.summary["failures"] == {"mixed/2": "timed out after 6 s"}
    found, expected = load_run(tmp_path / "o").records, load_run(run).records
    assert (*found[:2], *found[3:]) == (*expected[:2], *expected[3:])


def test_a_worker_that_cannot_start_says_why(
    cluster: Any, mixed_suite: Path, tmp_path: Path
) -> None:
    def hide(progress: Progress) -> None:
        (tmp_path / "o" / "config.json").rename(tmp_path / "hidden.json")

    with pytest.raises(WorkersUnavailable, match=r"does not see .*config\.json; choose a folder"):
        evaluate("random", mixed_suite, out=tmp_path / "o", executor="ray", progress=hide)


def test_a_killed_worker_costs_nothing(
    cluster: Any, run: Path, mixed_suite: Path, row_wise: Any, notes: Path, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.played == 1:
            killed.extend(pids(notes))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    policy = row_wise(pause=0.15, notes=notes)
    evaluate(policy, mixed_suite, out=tmp_path / "o", executor="ray", workers=2, progress=kill)
    assert killed and set(pids(notes)) > set(killed)
    assert_same_tables(tmp_path / "o", run)


def test_a_lost_node_costs_nothing(
    cluster: Any, run: Path, mixed_suite: Path, row_wise: Any, notes: Path, tmp_path: Path
) -> None:
    def remove(progress: Progress) -> None:
        # A node has one CPU, so that each of them has one of the two workers.
        if len(pids(notes)) == 2 and cluster.worker_nodes:
            cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    policy = row_wise(pause=0.15, notes=notes)
    evaluate(policy, mixed_suite, out=tmp_path / "o", executor="ray", workers=2, progress=remove)
    assert_same_tables(tmp_path / "o", run)
    assert not cluster.worker_nodes
