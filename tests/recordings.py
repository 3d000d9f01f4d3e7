"""How often a jitted function has been recorded."""

from typing import Any


def traces(jitted: Any) -> int:
    """How many runs of the function have been recorded."""
    return sum(tree.traces for unit in jitted.units.values() for tree in unit.trees.values())
