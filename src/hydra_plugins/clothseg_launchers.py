"""Where the jobs of a sweep are done: Hydra's launchers, options of `conf/hydra/launcher`.

Hydra takes launchers from this package only, and imports it at every start. The parameters are the
keys of the files; the work is done in :mod:`clothseg.jobs`, imported when a sweep begins.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pydantic import Field

if TYPE_CHECKING:
    from clothseg.jobs.launch import Session
    from clothseg.jobs.machine import Machine
    from clothseg.jobs.outcome import Outcome
    from clothseg.run.job import Job

Count = Annotated[int, Field(ge=1)]


class ClothsegLauncher(Launcher):
    """Plans the jobs of a sweep, has them done, and leaves their outcomes for the report."""

    @property
    @abstractmethod
    def machine(self) -> "Machine":
        """What one job may use where it is done."""

    @abstractmethod
    def do(self, jobs: "list[Job]") -> "list[Outcome]":
        """Do jobs; returns what became of them, in their order."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what is needed to compose the jobs."""
        self._context, self._config, self._session = hydra_context, config, task_function

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Do the jobs of some overrides; each returns its mean IoU, which sweepers can maximise."""
        compose = self._context.config_loader.load_sweep_config
        configs = [compose(self._config, list(overrides)) for overrides in job_overrides]
        scores = cast("Session", self._session).sweep(configs, self.machine, self.do)
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=score) for score in scores]


class LocalLauncher(ClothsegLauncher):
    """Jobs on this machine, several at the same time.

    Args:
        max_parallel: how many; None takes as many as the GPUs allow, or three processes on the CPU.
    """

    def __init__(self, *, max_parallel: Count | None) -> None:
        super().__init__()
        self.max_parallel = max_parallel

    @property
    def machine(self) -> "Machine":
        """This machine."""
        from clothseg.jobs.machine import Machine

        return Machine.here()

    def do(self, jobs: "list[Job]") -> "list[Outcome]":
        """Do jobs in processes of this machine."""
        from clothseg.jobs.local import run_jobs

        return run_jobs(jobs, self.machine, self.max_parallel)


class SubmititLauncher(ClothsegLauncher):
    """Jobs that submitit hands to SLURM, or to processes of this machine as SLURM would.

    Args:
        cluster: `slurm` or `local`.
        folder: where submitit keeps what it hands over, and the log of each job; a folder that all
            nodes see.
        cpus_per_task: CPU cores of a job.
        gpus_per_node: GPUs of a job.
        mem_gb: memory of a job, GiB; None leaves it to the partition.
        timeout_min: time limit of a job, minutes. One that reaches it is queued again and goes on
            from its last epoch.
        max_timeouts: how often one is queued again.
        max_parallel: jobs of the sweep that run at the same time.
        partition: SLURM's partition; None takes the default.
        additional: other parameters of sbatch by their long names, such as `{account: vision}`.
    """

    def __init__(
        self,
        *,
        cluster: Literal["slurm", "local"],
        folder: str,
        cpus_per_task: Count,
        gpus_per_node: Annotated[int, Field(ge=0)],
        mem_gb: Annotated[float, Field(gt=0)] | None,
        timeout_min: Count,
        max_timeouts: Annotated[int, Field(ge=0)],
        max_parallel: Count,
        partition: str | None,
        additional: dict[str, Any],
    ) -> None:
        super().__init__()
        from clothseg.jobs.slurm import Request

        self.request = Request(
            cluster,
            folder,
            cpus_per_task,
            gpus_per_node,
            mem_gb,
            timeout_min,
            max_timeouts,
            max_parallel,
            partition,
            additional,
        )

    @property
    def machine(self) -> "Machine":
        """What is asked for."""
        return self.request.machine

    def do(self, jobs: "list[Job]") -> "list[Outcome]":
        """Hand the jobs over and wait for them."""
        from clothseg.jobs.slurm import run_jobs

        return run_jobs(jobs, self.request)
