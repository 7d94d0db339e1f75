"""`action=audit`: every defect of a dataset, found before anything is trained on it.

Errors would stop a training or spoil it; warnings are odd and stop nothing. One bad file never
hides the others.
"""

from clothseg.dataset_actions.audit.action import act

__all__ = ["act"]
