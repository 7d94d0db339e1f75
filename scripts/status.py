"""Show what runs and sweeps are doing, see `python scripts/status.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("status", sys.argv[1:]))
