"""Score a folder of predicted masks: `python scripts/score.py --help`."""

import sys

from clothseg.command import score

if __name__ == "__main__":
    sys.exit(score(sys.argv[1:]))
