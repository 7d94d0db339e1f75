"""Benchmark clothseg against hand-written code, see `python scripts/benchmark.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("benchmark", sys.argv[1:]))
