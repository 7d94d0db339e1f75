"""What a workspace or a report of W&B shows, read from its JSON, not from what built it."""


def nodes(node):
    """All mappings in a tree of JSON."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from nodes(child)


def panels(page):
    """All panels of a page."""
    return [node for node in nodes(page) if "viewType" in node]


def run_sets(page):
    """Sets of runs of a page, each once."""
    return [node for node in nodes(page) if "runFeed" in node]


def named_keys(page):
    """Keys by the kind of what names them."""
    found = {k: set() for k in ("steps", "bars", "media", "tables", "summary", "config")}
    accessors = []
    for panel in panels(page):
        config = panel["config"]
        if panel["viewType"] == "Run History Line Plot":
            found["steps"] |= set(config["metrics"])
        elif panel["viewType"] == "Bar Chart":
            found["bars"] |= set(config["metrics"])
        elif panel["viewType"] == "Media Browser":
            found["media"] |= set(config["mediaKeys"])
        elif panel["viewType"] == "Parallel Coordinates Plot":
            accessors += [column["accessor"] for column in config["columns"]]
        elif panel["viewType"] == "Vega2":
            keys = [n for n in nodes(config) if n.get("name") == "tableKey"]
            found["tables"] |= {node["value"] for node in keys}
        elif panel["viewType"] == "Weave":
            picked = [n for n in nodes(config) if n.get("nodeType") == "const"]
            found["tables"] |= {node["val"] for node in picked}
        else:
            raise AssertionError(f"a panel of an unknown type: {panel['viewType']}")
    for runs in run_sets(page):
        accessors += runs["runFeed"]["columnOrder"]
    for accessor in accessors:
        kind, _, key = accessor.partition(":")
        if kind != "run":
            found[kind].add(key)
    return found
