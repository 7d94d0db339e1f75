"""Audit, analyze, convert or download a dataset, see `python scripts/dataset.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("dataset", sys.argv[1:]))
