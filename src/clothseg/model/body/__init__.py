"""Network bodies implemented in this package: modules from images [B,3,H,W] to logits [B,C,H,W]."""
