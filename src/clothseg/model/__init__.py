"""Segmentation architectures, each an explicit function from a backbone and a class count.

Every function returns a :class:`clothseg.model.network.Network`: photos float32 [B,3,H,W] of any
size in, a dictionary with ``logits`` float32 [B,C,H,W] at the photos' size out, no softmax.
"""

from clothseg.model.segmentation_models import fpn, linknet, pspnet, unet

__all__ = ["fpn", "linknet", "pspnet", "unet"]
