"""Command `scripts/benchmark.py`: run a benchmark, print the result, and write it as JSON."""

import datetime
from importlib import import_module
from pathlib import Path

from clothseg.benchmark.hardware import machine
from clothseg.config.command_line import check_settings
from clothseg.config.settings import Benchmark
from clothseg.files import write_json
from clothseg.json_file import Plain
from clothseg.run.environment import environment
from clothseg.terminal.screen import console


def benchmark_command(overrides: list[str]) -> int:
    """Run a benchmark, print and write its result; return the exit status.

    Raises:
        ConfigError: the command line is invalid, or the machine lacks required hardware.
        DataError: the dataset cannot be read, or a file cannot be written.
    """
    settings = check_settings(overrides, "benchmark", Benchmark)
    folder = Path(settings.output)
    if settings.benchmark == "table":
        from clothseg.benchmark.table import README, write_speed_table

        write_speed_table(README, folder)
        console.print(f"{README.name} updated")
        return 0
    result = benchmark_result(settings)
    output = folder / f"{settings.benchmark}.json"
    write_json(output, result)
    from clothseg.report.tables import benchmark_table

    for comparison in result["comparisons"]:
        console.print(benchmark_table(comparison), "")
    console.print(f"written to {output}", soft_wrap=True, markup=False)
    console.print("`python scripts/benchmark.py benchmark=table` updates the table in the README")
    return 0


def benchmark_result(settings: Benchmark) -> Plain:
    """Measurements of a benchmark with medians, ratios, settings, versions and machine.

    The result contains no path of this machine, because it is meant to be published.
    """
    code = environment()  # before the measurement, in case files change meanwhile
    comparisons = import_module(f"clothseg.benchmark.{settings.benchmark}").compare(settings)
    images = "synthetic wardrobe" if settings.root is None else "Clothing Co-Parsing"
    return {
        "benchmark": settings.benchmark,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "photos": images,
        "settings": settings.model_dump(exclude={"benchmark", "root", "output"}),
        "comparisons": [comparison.plain for comparison in comparisons],
        "machine": machine(),
        "environment": code,
    }
