"""Write a recorded run's network for other programs: `python scripts/export.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("export", sys.argv[1:]))
