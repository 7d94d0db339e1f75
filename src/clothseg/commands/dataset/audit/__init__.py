"""`action=audit`: every defect of a dataset, found before anything is trained on it.

Errors would stop a training or spoil it; warnings are odd and stop nothing. One bad sample
never hides the others; what is said of them all, such as a list that cannot be read, ends it.
"""

from clothseg.commands.dataset.audit.action import act

__all__ = ["act"]
