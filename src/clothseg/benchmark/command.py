"""Does a benchmark, shows it and writes it."""

from importlib import import_module
from pathlib import Path

from clothseg.check import check_command
from clothseg.record import Plain, environment, write_json
from clothseg.report.progress import console
from clothseg.schema import Benchmark


def benchmark_command(overrides: list[str]) -> int:
    """Time, show and write; returns the exit status.

    Raises:
        ConfigError: the command line is wrong.
        DataError: the dataset cannot be read.
    """
    settings = Benchmark(**check_command(overrides, "benchmark", Benchmark)[0].config)
    result = benchmark_result(settings)
    output = Path(settings.output) / f"{settings.benchmark}.json"
    write_json(output, result)
    from clothseg.report.tables import benchmark_table

    console.print(benchmark_table(result))
    console.print(f"written to {output}", soft_wrap=True, markup=False)
    return 0


def benchmark_result(settings: Benchmark) -> Plain:
    """Every measurement of a benchmark with medians, ratio, settings, versions and machine."""
    comparison = import_module(f"clothseg.benchmark.{settings.benchmark}").compare(settings)
    sides = {
        name: {
            "what": side.what,
            "median": side.median,
            "quartiles": list(side.quartiles),
            "values": list(side.values),
        }
        for name, side in (("clothseg", comparison.clothseg), ("rival", comparison.rival))
    }
    return {
        "benchmark": settings.benchmark,
        "settings": settings.model_dump() | {"image_size": comparison.image_size},
        "unit": comparison.unit,
        "goal": comparison.goal,
        "ratio": comparison.ratio,
        **sides,
        "environment": environment(),
    }
