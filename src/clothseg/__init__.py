"""clothseg: experiments in clothing segmentation, composed from YAML and recorded in full."""

import os

# albumentations asks a server for a newer release at every import, which costs seconds offline.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# Threads that spin while they wait make training ten times slower when another program shares the
# cores; sleeping ones cost nothing measurable when none does.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
