"""Workers that are processes of this machine."""

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic

from molmospaces_gym.benchmarks.jobs import J, R, Results, Work
from molmospaces_gym.benchmarks.workers import Dispatcher, Worker, WorkerDied

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOAD = "molmospaces_gym.benchmarks.preload"
"""Module that the process from which workers are forked has imported."""


def prepare_processes() -> None:
    """Start the process that workers are forked from, which takes as long as its imports.

    Workers wait for it where that was not done before. It ends with this process.
    """
    if METHOD == "forkserver":
        multiprocessing.set_forkserver_preload([PRELOAD])
        multiprocessing.forkserver.ensure_running()


def play_in_processes(
    work: Work[J, R],
    jobs: Sequence[J],
    workers: int,
    batch: int = 1,
    timeout_s: float | None = None,
) -> Results[R]:
    """Play jobs in other processes, see ``Dispatcher``; ``work`` must be picklable."""
    executor = ProcessExecutor[J, R](work)
    return Dispatcher(work, executor, jobs, workers, batch, timeout_s).start()


class ProcessExecutor(Generic[J, R]):
    """Starts processes, by forks of one that only imports: spawned ones would all do that."""

    def __init__(self, work: Work[J, R]) -> None:
        self._work = work
        prepare_processes()

    def hire(self) -> "ProcessWorker[J, R]":
        """Start a process."""
        return ProcessWorker(self._work)

    def wait(
        self, workers: Sequence[Worker[J, R]], seconds: float | None
    ) -> Sequence[Worker[J, R]]:
        """Those whose pipe holds something or is closed."""
        own = [worker for worker in workers if isinstance(worker, ProcessWorker)]
        ready = wait([worker.connection for worker in own], seconds)
        return [worker for worker in own if worker.connection in ready]

    def close(self, workers: Sequence[Worker[J, R]]) -> None:
        """End the processes, which hold nothing that is not written down."""
        for worker in workers:
            worker.kill()


class ProcessWorker(Generic[J, R]):
    """A process with a player, at the other end of a pipe."""

    def __init__(self, work: Work[J, R]) -> None:
        context: Any = multiprocessing.get_context(METHOD)
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, work, dict(os.environ)), daemon=True
        )
        self._process.start()
        # With the only other copy in the child, the end of either side closes the pipe.
        theirs.close()

    def give(self, job: J) -> None:
        """Send a job; a process that is already dead shows itself in ``receive``."""
        with suppress(BrokenPipeError):
            self.connection.send(job)

    def receive(self) -> list[R | None]:
        """What is in the pipe."""
        said: list[R | None] = []
        try:
            while self.connection.poll():
                said.append(self.connection.recv())
        except (EOFError, ConnectionResetError):
            # What it said before it died counts; the closed pipe is found again next time.
            if said:
                return said
            self._process.join()
            self.connection.close()
            code = self._process.exitcode
            raise WorkerDied(f"the worker process died (exit code {code})") from None
        return said

    def kill(self) -> None:
        """Kill the process, and forget it."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(
    connection: "Connection[R | None, J]", work: Work[J, R], environment: dict[str, str]
) -> None:
    # A fork has the variables of the moment when the process it comes from was started.
    os.environ.clear()
    os.environ.update(environment)
    # Ctrl-C reaches the whole process group; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def take(patient: bool) -> J | None:
        return connection.recv() if patient or connection.poll() else None

    player = work.player()
    with suppress(EOFError, BrokenPipeError):
        connection.send(None)
        for played in player.run(take):
            connection.send(played)
    player.close()


def _die_with_parent() -> None:
    """End this process when its parent is gone, even in the middle of an episode.

    Otherwise it would go on writing pictures into a folder that a resumed run has taken over.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
