"""Train, cross-validate or sweep, see `python train.py --help` and conf/README.md."""

import sys

from clothseg.commands.main import main

if __name__ == "__main__":
    sys.exit(main("train", sys.argv[1:]))
