"""Score a folder of predicted masks, see `python scripts/score.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("score", sys.argv[1:]))
