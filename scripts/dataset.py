"""Look after a dataset: `python scripts/dataset.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("dataset", sys.argv[1:]))
