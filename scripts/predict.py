"""Segment photos with a recorded run: `python scripts/predict.py --help`."""

import sys

from clothseg.command import predict

if __name__ == "__main__":
    sys.exit(predict(sys.argv[1:]))
