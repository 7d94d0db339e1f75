"""Draw recorded runs beside each other: `python scripts/report.py --help`."""

import sys

from clothseg.command import report

if __name__ == "__main__":
    sys.exit(report(sys.argv[1:]))
