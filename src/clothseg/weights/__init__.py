"""Pretrained weights: found on disk, downloaded, or a message that says how to supply them."""
