"""`action=audit`: find every defect of a dataset before training on it.

Errors would stop or corrupt a training; warnings are suspicious but stop nothing. A defective
sample never hides others; a defect of the entire dataset, such as an unreadable list of samples,
ends the audit.
"""

from clothseg.commands.dataset.audit.action import act

__all__ = ["act"]
