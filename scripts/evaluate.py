"""Evaluate a recorded run, see `python scripts/evaluate.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("evaluate", sys.argv[1:]))
