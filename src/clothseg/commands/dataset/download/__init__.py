"""`action=download`: what of a dataset can be had openly, and where the rest comes from."""

from clothseg.commands.dataset.download.action import act

__all__ = ["act"]
