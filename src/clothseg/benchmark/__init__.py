"""Speed of clothseg against code that a person would write by hand.

Each benchmark is a module with ``compare(settings) -> Comparison``. Both contestants work in one
process on the same photos, a few batches each in turn, so that whatever else the machine does
slows both.
"""
