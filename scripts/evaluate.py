"""Score a recorded run again: `python scripts/evaluate.py --help`."""

import sys

from clothseg.command import evaluate

if __name__ == "__main__":
    sys.exit(evaluate(sys.argv[1:]))
