"""`action=download`: fetch the public files of a dataset and list the manual downloads."""

from clothseg.commands.dataset.download.action import act

__all__ = ["act"]
