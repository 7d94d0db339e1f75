"""Where the jobs of a sweep are done: Hydra's launchers, options of `conf/hydra/launcher`.

Hydra takes launchers from this package only. The parameters are the keys of the files; all that is
done is in :mod:`clothseg.sweep` and :mod:`clothseg.cluster`, imported when a sweep begins, because
Hydra imports this module at every start.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pydantic import Field

if TYPE_CHECKING:
    from clothseg.job import Job
    from clothseg.machine import Machine
    from clothseg.outcome import Outcome

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
        self._context, self._config = hydra_context, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Do the jobs of some overrides; each returns its mean IoU, which sweepers can maximise."""
        from clothseg.launch import sweep

        compose = self._context.config_loader.load_sweep_config
        configs = [compose(self._config, list(overrides)) for overrides in job_overrides]
        scores = sweep(configs, self)
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=score) for score in scores]


class JoblibLauncher(ClothsegLauncher):
    """Jobs on this machine, several at the same time.

    Args:
        n_jobs: how many; None takes as many as there are GPUs for, or three processes on the CPU.
    """

    def __init__(self, *, n_jobs: Count | None) -> None:
        super().__init__()
        self.n_jobs = n_jobs

    @property
    def machine(self) -> "Machine":
        """This machine."""
        from clothseg.machine import Machine

        return Machine.here()

    def do(self, jobs: "list[Job]") -> "list[Outcome]":
        """Do jobs in processes of this machine."""
        from clothseg.sweep import do_jobs

        return do_jobs(jobs, self.machine, self.n_jobs)


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
        at_once: jobs of the sweep that run at the same time.
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
        at_once: Count,
        partition: str | None,
        additional: dict[str, Any],
    ) -> None:
        super().__init__()
        from clothseg.cluster import Request

        self.request = Request(
            cluster,
            folder,
            cpus_per_task,
            gpus_per_node,
            mem_gb,
            timeout_min,
            max_timeouts,
            at_once,
            partition,
            additional,
        )

    @property
    def machine(self) -> "Machine":
        """What is asked for."""
        return self.request.machine

    def do(self, jobs: "list[Job]") -> "list[Outcome]":
        """Hand the jobs over and wait for them."""
        from clothseg.cluster import do_jobs

        return do_jobs(jobs, self.request)
