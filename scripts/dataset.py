"""Look after a dataset: `python scripts/dataset.py --help`."""

import sys

from clothseg.command import dataset

if __name__ == "__main__":
    sys.exit(dataset(sys.argv[1:]))
