"""Workers that are processes: what they inherit, and that they end."""

import importlib
import multiprocessing
import os
import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from molmospaces_gym.benchmarks.processes import play_in_processes

VARIABLE = "MOLMOSPACES_GYM_TEST"


# Processes import what is pickled by its name, and test files have none.
WITNESS = """
import os
from dataclasses import dataclass
from pathlib import Path

from molmospaces_gym.benchmarks.jobs import OneByOne


@dataclass(frozen=True)
class Question:
    index: int
    house: str = "a"


@dataclass(frozen=True)
class Answer:
    index: int
    process: int
    variable: str | None
    folder: Path


class Witness(OneByOne[Question, Answer]):
    def play(self, job):
        return Answer(job.index, os.getpid(), os.environ.get("MOLMOSPACES_GYM_TEST"), Path.cwd())

    def close(self):
        pass


class Inquiry:
    def player(self):
        return Witness()

    def lost(self, job, reason, wall_s=0.0):
        raise AssertionError(reason)
"""


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "witness.py").write_text(WITNESS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "witness", raising=False)
    return importlib.import_module("witness")


def ask(witness: Any, count: int) -> list[Any]:
    jobs = [witness.Question(index) for index in range(count)]
    answers: list[Any] = list(play_in_processes(witness.Inquiry(), jobs, 2))
    return sorted(answers, key=lambda answer: answer.index)


@pytest.fixture
def no_children() -> Generator[None, None, None]:
    yield
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("no_children")
def test_workers_live_in_the_world_of_their_caller(
    witness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it has changed since the process that they are forked from was started."""
    monkeypatch.delenv(VARIABLE, raising=False)
    before = ask(witness, 3)
    assert [answer.index for answer in before] == [0, 1, 2]
    assert os.getpid() not in {answer.process for answer in before}
    assert {(answer.variable, answer.folder) for answer in before} == {(None, Path.cwd())}

    monkeypatch.setenv(VARIABLE, "a new value")
    monkeypatch.chdir(tmp_path)
    assert {(a.variable, a.folder) for a in ask(witness, 3)} == {("a new value", tmp_path)}


@pytest.mark.usefixtures("no_children")
def test_workers_that_nobody_asked_end_too(witness: Any) -> None:
    jobs = [witness.Question(0), witness.Question(1)]
    with closing(play_in_processes(witness.Inquiry(), jobs, 2)):
        assert len(multiprocessing.active_children()) == 2
