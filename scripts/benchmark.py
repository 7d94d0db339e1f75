"""Time clothseg against hand-written code: `python scripts/benchmark.py --help`."""

import sys

from clothseg.command import benchmark

if __name__ == "__main__":
    sys.exit(benchmark(sys.argv[1:]))
