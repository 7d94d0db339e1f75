"""Hardware of a benchmark, without the hostname."""

import platform
import re
from pathlib import Path

from clothseg.jobs.machine import usable_cores
from clothseg.json_file import Plain

CPU_INFO = Path("/proc/cpuinfo")


def machine() -> Plain:
    """Processor model, number of usable cores, and the GPU if PyTorch finds one."""
    import torch

    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpu_model() -> str:
    if CPU_INFO.is_file():
        model = re.search(r"^model name\s*:\s*(.+)$", CPU_INFO.read_text(), re.MULTILINE)
        if model:
            return model[1].strip()
    return platform.processor() or platform.machine()
