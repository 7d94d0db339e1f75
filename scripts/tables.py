"""Write the tables and figures of papers, see `python scripts/tables.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("tables", sys.argv[1:]))
