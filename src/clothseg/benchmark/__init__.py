"""Speed and memory of clothseg against hand-written baselines.

Each benchmark is a module with ``compare(settings) -> list[Comparison]``. Both sides of a
comparison run alternately under equal conditions, in one process or each in separate processes, so
that other load on the machine slows down both.
"""
