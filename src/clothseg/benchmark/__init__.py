"""Speed and memory of clothseg against code that a person would write by hand.

Each benchmark is a module with ``compare(settings) -> list[Comparison]``. Both contestants of a
comparison do their work in turns under equal conditions, in one process or each in processes of
their own, so that whatever else the machine does slows both.
"""
