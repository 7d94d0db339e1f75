"""clothseg: reproducible clothing segmentation experiments, composed from YAML files."""

import os

# albumentations checks a server for updates at every import, which takes seconds when offline.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# OpenMP threads of PyTorch spin for milliseconds while they wait. If another program shares the
# cores, a training step takes ten times as long; shorter spins cost nothing on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.2.0"
