"""`action=statistics`: class frequencies, object sizes and image sizes of a dataset."""

from clothseg.commands.dataset.statistics.action import act

__all__ = ["act"]
