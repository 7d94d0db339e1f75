"""Plot learning curves of recorded runs, see `python scripts/report.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("report", sys.argv[1:]))
