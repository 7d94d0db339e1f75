"""Pretrained weights: cached, downloaded, or an error message on how to supply them."""
