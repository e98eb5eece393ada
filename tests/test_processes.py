"""Workers that are processes: what they inherit, and that they end."""

import multiprocessing
import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from molmospaces_gym.benchmarks.jobs import OneByOne
from molmospaces_gym.benchmarks.processes import play_in_processes

VARIABLE = "MOLMOSPACES_GYM_TEST"


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
    def play(self, job: Question) -> Answer:
        return Answer(job.index, os.getpid(), os.environ.get(VARIABLE), Path.cwd())

    def close(self) -> None:
        pass


class Inquiry:
    def player(self) -> Witness:
        return Witness()

    def lost(self, job: Question, reason: str, wall_s: float = 0.0) -> Answer:
        raise AssertionError(reason)


def ask(count: int) -> list[Answer]:
    jobs = [Question(index) for index in range(count)]
    return sorted(play_in_processes(Inquiry(), jobs, 2), key=lambda answer: answer.index)


@pytest.fixture
def no_children() -> Generator[None, None, None]:
    yield
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("no_children")
def test_workers_live_in_the_world_of_their_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it has changed since the process that they are forked from was started."""
    monkeypatch.delenv(VARIABLE, raising=False)
    before = ask(3)
    assert [answer.index for answer in before] == [0, 1, 2]
    assert os.getpid() not in {answer.process for answer in before}
    assert {(answer.variable, answer.folder) for answer in before} == {(None, Path.cwd())}

    monkeypatch.setenv(VARIABLE, "a new value")
    monkeypatch.chdir(tmp_path)
    assert {(a.variable, a.folder) for a in ask(3)} == {("a new value", tmp_path)}


@pytest.mark.usefixtures("no_children")
def test_workers_that_nobody_asked_end_too() -> None:
    with closing(play_in_processes(Inquiry(), [Question(0), Question(1)], 2)):
        assert len(multiprocessing.active_children()) == 2
