"""Network bodies implemented in this package: modules from images [B,3,H,W] to logits [B,C,H,W].

A body with several outputs returns a dictionary of them, one of which is ``logits``.
"""
