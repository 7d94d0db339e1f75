"""Content of a page of results, from the records of finished runs.

- `pages`: pages of all runs in a folder, and of a sweep.
- `chapter`: configurations of one dataset and label space.
- `cells`: settings and measurements in words.
- `standings`: the comparison with the best in words.
- `images`: remarkable test images.
"""
