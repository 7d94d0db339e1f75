"""The jobs of a sweep on one machine, several at a time.

One runs on every GPU, or three on the CPU: a small network keeps one core busy and hardly a second,
and one job more than there are cores leaves none idle while the last folds end.
"""

import os
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType

from clothseg.job import Job
from clothseg.outcome import Outcome
from clothseg.process import Failure, Place, Processes

AT_ONCE_ON_CPU = 3


class Pool:
    """Does the jobs of one sweep in processes of their own, several at a time.

    Args:
        at_once: number of jobs that run at the same time; None decides by the machine.
        accelerator: `auto`, `cpu` or `gpu`.
    """

    def __init__(self, at_once: int | None, accelerator: str) -> None:
        gpus = [] if accelerator == "cpu" else visible_gpus()
        cores = usable_cores()
        at_once = at_once or len(gpus) or min(AT_ONCE_ON_CPU, cores + 1)
        threads = max(1, cores // at_once)
        self.places = [
            Place(threads, gpus[number % len(gpus)] if gpus else None) for number in range(at_once)
        ]
        self._free: queue.SimpleQueue[Place] = queue.SimpleQueue()
        for place in self.places:
            self._free.put(place)
        self._processes = Processes()
        self._threads = ThreadPoolExecutor(at_once)
        self._jobs: list[Future[None]] = []

    def __enter__(self) -> "Pool":
        """Ready for jobs from the start."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for all jobs; after an error or Ctrl-C start no more and stop the running ones."""
        try:
            if error is None:
                wait(self._jobs)
        except BaseException:
            self._stop()
            raise
        if error is not None:
            self._stop()
        for job in self._jobs:
            if not job.cancelled():
                job.result()

    def submit(
        self, work: Callable[..., Outcome], outcomes: dict[int, Outcome], number: int
    ) -> None:
        """Have a job done.

        Args:
            work: :func:`clothseg.outcome.do_job` with all its arguments but `execute`.
            outcomes: where the outcome goes.
            number: of the job in the sweep.
        """

        def do() -> None:
            outcomes[number] = work(execute=self._execute)

        self._jobs.append(self._threads.submit(do))

    def _execute(self, job: Job) -> Failure | None:
        place = self._free.get()
        try:
            return self._processes.execute(job, place)
        finally:
            self._free.put(place)

    def _stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._processes.stop()
        self._threads.shutdown()


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES would call each GPU; asking CUDA itself takes seconds."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def usable_cores() -> int:
    """Cores that this process may run on, which a scheduler can have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
