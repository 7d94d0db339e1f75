"""Networks of our own, each a module from photos [B,3,H,W] to logits [B,C,H,W]."""
