"""Network of loesch2021, HPTR: a pyramid for semantic maps, and a transformer for people."""

from clothseg.model.body.hptr.network import HPTR, Features

__all__ = ["HPTR", "Features"]
