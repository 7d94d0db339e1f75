"""Does a benchmark, shows it and writes it."""

import datetime
from importlib import import_module
from pathlib import Path

from clothseg.benchmark.hardware import machine
from clothseg.config.command_line import check_command
from clothseg.config.schema import Benchmark
from clothseg.files import write_json
from clothseg.run.environment import environment
from clothseg.run.record import Plain
from clothseg.screen import console


def benchmark_command(overrides: list[str]) -> int:
    """Time, show and write; returns the exit status.

    Raises:
        ConfigError: the command line is wrong, or the machine lacks what the benchmark needs.
        DataError: the dataset cannot be read, or a file cannot be written.
    """
    settings = Benchmark(**check_command(overrides, "benchmark", Benchmark)[0].config)
    folder = Path(settings.output)
    if settings.benchmark == "table":
        from clothseg.benchmark.table import README, write_speed_table

        write_speed_table(README, folder)
        console.print(f"written into {README.name}")
        return 0
    result = benchmark_result(settings)
    output = folder / f"{settings.benchmark}.json"
    write_json(output, result)
    from clothseg.report.tables import benchmark_table

    for comparison in result["comparisons"]:
        console.print(benchmark_table(comparison), "")
    console.print(f"written to {output}", soft_wrap=True, markup=False)
    console.print("`python scripts/benchmark.py benchmark=table` brings README's table up to date")
    return 0


def benchmark_result(settings: Benchmark) -> Plain:
    """Every measurement of a benchmark with medians, ratios, settings, versions and machine.

    No folder of this machine is named: the result is meant to be published.
    """
    code = environment()  # what is measured, even if files are changed before the end
    comparisons = import_module(f"clothseg.benchmark.{settings.benchmark}").compare(settings)
    photos = "synthetic wardrobe" if settings.root is None else "Clothing Co-Parsing"
    return {
        "benchmark": settings.benchmark,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "photos": photos,
        "settings": settings.model_dump(exclude={"benchmark", "root", "output"}),
        "comparisons": [comparison.plain for comparison in comparisons],
        "machine": machine(),
        "environment": code,
    }
