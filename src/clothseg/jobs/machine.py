"""What there is to compute with, and how it is shared among jobs and their processes."""

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clothseg.config.batch import batch_problem
from clothseg.error import ConfigError
from clothseg.model.compatibility import min_batch_size

AT_ONCE_ON_CPU = 3
"""Processes at the same time: a small network keeps one core busy and hardly a second, and one more
than there are cores leaves none idle while the last folds end."""

RANKS_ON_CPU = 8
"""Processes of one run that any CPU may be asked for; to see that several work takes no more."""
RANKS_PER_CORE = 4
"""Processes of one run that may be asked for on a core; more only wait for each other."""


@dataclass(frozen=True)
class Slot:
    """What one job may use.

    Args:
        threads: CPU threads of PyTorch in each of its processes, unless the configuration names a
            number.
        gpus: the GPUs that it sees; None leaves it all that there are.
    """

    threads: int
    gpus: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Machine:
    """What jobs are done on.

    Args:
        cores: CPU cores.
        gpus: what CUDA_VISIBLE_DEVICES calls each GPU.
    """

    cores: int
    gpus: tuple[str, ...]

    @classmethod
    def here(cls) -> "Machine":
        """What this process may use."""
        return cls(usable_cores(), tuple(visible_gpus()))

    def training_world_size(self, config: Mapping[str, Any]) -> int:
        """Number of processes that do a run together, one for each device.

        Raises:
            ConfigError: there are no such devices, or they cannot share the batch evenly.
        """
        trainer = config["trainer"]
        world_size = self.world_size(trainer["accelerator"], trainer["devices"])
        batch_size, least = config["data"]["batch_size"], min_batch_size(config)
        problem = batch_problem(batch_size, world_size, trainer["accumulation_steps"], least)
        if problem:
            raise ConfigError([problem])
        return world_size

    def world_size(self, accelerator: str, devices: int | None) -> int:
        """Number of processes for a number of devices; None is one for every GPU.

        Raises:
            ConfigError: there are no such devices, or too few cores for them on the CPU.
        """
        gpus = 0 if accelerator == "cpu" else len(self.gpus)
        if accelerator == "gpu" and gpus == 0:
            raise ConfigError(
                [
                    "trainer.accelerator=gpu: there is no CUDA GPU here, and NCCL needs one; "
                    "trainer=cpu trains on the CPU, trainer=ddp_cpu in several processes on it"
                ]
            )
        if gpus and devices is not None and devices > gpus:
            seen = f"{gpus} GPU{'s' if gpus > 1 else ''} ({', '.join(self.gpus)})"
            raise ConfigError([f"trainer.devices={devices}: there is only {seen} here"])
        most = max(RANKS_ON_CPU, RANKS_PER_CORE * self.cores)
        if not gpus and devices is not None and devices > most:
            cores = f"{self.cores} CPU core{'s' if self.cores > 1 else ''}"
            raise ConfigError(
                [
                    f"trainer.devices={devices}: too many processes for {cores}; "
                    f"here at most {most} are started"
                ]
            )
        return devices or gpus or 1

    def slots(self, at_once: int | None, world_size: int, accelerator: str) -> list[Slot]:
        """Shares of the machine for jobs that run at the same time.

        Args:
            at_once: number of jobs; None decides by the machine.
            world_size: processes of one job.
            accelerator: `auto`, `cpu` or `gpu`.
        """
        gpus = () if accelerator == "cpu" else self.gpus
        most = len(gpus) or min(AT_ONCE_ON_CPU, self.cores + 1)
        at_once = at_once or max(1, most // world_size)
        threads = max(1, self.cores // (at_once * world_size))
        in_turn = itertools.cycle(gpus)
        return [
            Slot(threads, tuple(itertools.islice(in_turn, world_size)) if gpus else None)
            for _ in range(at_once)
        ]


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES would call each GPU; asking CUDA itself takes seconds."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def usable_cores() -> int:
    """Cores that this process may run on, which a scheduler can have limit_split."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
