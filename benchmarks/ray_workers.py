"""Workers that are Ray actors, on this machine or on those of a cluster.

Every machine must see the run folder, and what policy and benchmark read, under the same paths, as
on a shared file system, and have this package installed.
"""

import os
import pickle
import queue
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Generic

from molmospaces_gym.benchmarks.jobs import J, R, Work
from molmospaces_gym.benchmarks.workers import Worker, WorkerDied
from molmospaces_gym.errors import InvalidConfig, MissingPackage


class RayExecutor(Generic[J, R]):
    """Starts one actor per worker, each with one CPU and ``gpus`` GPUs, spread over the nodes.

    Uses the Ray that the process is connected to, else the cluster of ``RAY_ADDRESS``, else one of
    its own with ``size`` CPUs, which reports nothing to anybody and ends with the run. Every
    worker needs to see ``landmark``, a file of the run folder, and takes ``batch`` jobs at once.

    Raises:
        MissingPackage: Ray is not installed.
    """

    def __init__(
        self, work: Work[J, R], landmark: Path, size: int, batch: int = 1, gpus: float = 0.0
    ) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise MissingPackage(
                "executor='ray' needs Ray: pip install 'molmospaces-gym[ray]'"
            ) from error
        self._ray, self._owned = ray, not ray.is_initialized()
        if self._owned:
            _connect(ray, size)
        options = {
            "num_cpus": 1,
            "num_gpus": gpus,
            "max_restarts": 0,
            "max_concurrency": batch + 1,
            "scheduling_strategy": "SPREAD",
        }
        self._actor = ray.remote(RayPlayer).options(**options)
        # By value and with the paths of this process, as spawned processes get them too.
        dumps: Any = ray.cloudpickle.dumps
        self._work = ray.put(dumps(work))
        self._landmark = landmark.resolve()
        self._paths = [str(Path(path).resolve()) for path in sys.path if path]

    def hire(self) -> "RayWorker[J, R]":
        """Start an actor; it waits for a free CPU if need be."""
        actor = self._actor.remote(self._work, self._landmark, self._paths)
        return RayWorker(self._ray, actor)

    def wait(
        self, workers: Sequence[Worker[J, R]], seconds: float | None
    ) -> Sequence[Worker[J, R]]:
        """Those with an answer, or with an error instead of one."""
        own = [worker for worker in workers if isinstance(worker, RayWorker)]
        asked = [answer for worker in own for answer in worker.answers]
        ready, _ = self._ray.wait(asked, timeout=seconds)
        return [worker for worker in own if any(answer in ready for answer in worker.answers)]

    def close(self, workers: Sequence[Worker[J, R]]) -> None:
        """End the actors, and Ray where it was started here."""
        for worker in workers:
            worker.kill()
        if self._owned:
            self._ray.shutdown()


class RayWorker(Generic[J, R]):
    """An actor and the answers that it owes."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self.answers: list[Any] = [actor.ready.remote()]

    def give(self, job: J) -> None:
        """Ask the actor to play; one that is gone shows itself in ``receive``."""
        self.answers.append(self._actor.play.remote(job))

    def receive(self) -> list[R | None]:
        """The answers that are there."""
        there, _ = self._ray.wait(self.answers, num_returns=len(self.answers), timeout=0)
        said: list[R | None] = []
        for answer in there:
            try:
                said.append(self._ray.get(answer))
            except self._ray.exceptions.RayError as error:
                if said:  # The error is found again next time.
                    break
                raise WorkerDied("the worker process died", _detail(error)) from error
            self.answers.remove(answer)
        return said

    def kill(self) -> None:
        """Kill the actor's process."""
        self._ray.kill(self._actor)


class RayPlayer:
    """The actor: a player in a thread of its own, since its simulator may not change threads.

    ``work`` is pickled; ``paths`` are the places from which it may import.
    """

    def __init__(self, work: bytes, landmark: Path, paths: Sequence[str]) -> None:
        sys.path.extend(path for path in paths if path not in sys.path)
        self._landmark = landmark
        self._jobs: queue.Queue[Any] = queue.Queue()
        self._ready: Future[None] = Future()
        self._results: dict[int, Future[Any]] = {}
        threading.Thread(target=self._play_all, args=(work,), daemon=True).start()

    def ready(self) -> None:
        """Return when it can play; raises what keeps it from that."""
        return self._ready.result()

    def play(self, job: Any) -> Any:
        """The result of a job; as many calls as the executor's batch may wait at once."""
        result = self._results[job.index] = Future()
        self._jobs.put(job)
        return result.result()

    def _take(self, patient: bool) -> Any:
        try:
            return self._jobs.get(block=patient)
        except queue.Empty:
            return None

    def _play_all(self, pickled: bytes) -> None:
        try:
            if not self._landmark.is_file():
                raise InvalidConfig(
                    f"{os.uname().nodename} does not see {self._landmark}; choose a folder on a "
                    "file system that all nodes share"
                )
            work: Work[Any, Any] = pickle.loads(pickled)
            player = work.player()
            self._ready.set_result(None)
        # Whatever it is, the caller of ready() has to hear of it.
        except Exception as error:  # noqa: BLE001
            self._ready.set_exception(error)
            return
        try:
            for played in player.run(self._take):
                self._results.pop(played.index).set_result(played)
        finally:
            os._exit(1)  # A player that raises after all must not leave its callers waiting.


def _connect(ray: Any, size: int) -> None:
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=size, include_dashboard=False, log_to_driver=False)


def _detail(error: BaseException) -> str:
    """What Ray says about a worker's end: the error in it, else the end of a long account."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {cause}"
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
