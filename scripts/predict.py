"""Segment photos with a recorded run, see `python scripts/predict.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("predict", sys.argv[1:]))
