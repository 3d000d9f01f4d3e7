"""Which line of the user's a statement of a program comes from."""

from __future__ import annotations

from os.path import basename

from ..provenance import Origin, location

__all__ = ["Comments"]


class Comments:
    """Comments that name the user's line, each line once until another one is named.

    Args:
        mark: begins a comment, "#" in Python.
    """

    def __init__(self, mark: str):
        self._mark, self._said = mark, ""
        self._known: dict[Origin, str] = {}

    def __call__(self, origin: Origin) -> str | None:
        """The comment; None if the last one named the same line."""
        place = self._known.get(origin)
        if place is None:
            file, line = location(origin)
            self._known[origin] = place = f"{self._mark} {basename(file)}:{line}"
        if place == self._said:
            return None
        self._said = place
        return place
