"""Export the network of a recorded run to ONNX, see `python scripts/export.py --help`."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("export", sys.argv[1:]))
