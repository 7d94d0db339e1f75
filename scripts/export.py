"""Write a recorded run's network for other programs: `python scripts/export.py --help`."""

import sys

from clothseg.command import export

if __name__ == "__main__":
    sys.exit(export(sys.argv[1:]))
