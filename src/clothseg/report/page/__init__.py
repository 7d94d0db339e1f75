"""Self-contained HTML page of results: a template of jinja2 that is filled with plain content.

- `content`: what a page shows.
- `charts`, `matrices`, `pictures`: paths of SVG, and small PNG and JPEG images as data URIs.
- `environment`: templates of self-contained pages, in which every value is escaped.
- `rendering`: the page of results.
- `templates`: HTML, CSS and a script that sorts and filters.
"""
