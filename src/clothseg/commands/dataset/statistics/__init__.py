"""`action=statistics`: how often each class occurs, how large its objects and the photos are."""

from clothseg.commands.dataset.statistics.action import act

__all__ = ["act"]
