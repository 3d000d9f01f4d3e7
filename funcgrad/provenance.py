"""Where in the user's program are we? Recorded in about 0.2 us an op, turned into text only when somebody asks.

An origin is a pair (code object, index of the running instruction). It keeps no frame alive, so no local variable
of the user's; file, line, columns and source text are looked up from it when an error is worded.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType
from typing import TypeAlias

__all__ = ["Origin", "describe", "here", "is_internal"]

Origin: TypeAlias = tuple[CodeType, int]

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class _Internal(dict[str, bool]):
    """Is this file one of funcgrad's own? A dict, since a look-up is a third of the price of `startswith`."""

    def __missing__(self, filename: str) -> bool:
        self[filename] = answer = filename.startswith(_PACKAGE)
        return answer


is_internal = _Internal()


def here(inside: int = 1) -> Origin:
    """The innermost running instruction that is not funcgrad's own: the user's line.

    Args:
        inside: how many of the innermost frames are known to be funcgrad's, this function's included; each saves
            its look-up.
    """
    frame = sys._getframe(inside)
    while (is_internal[frame.f_code.co_filename] or _is_generated(frame.f_code)) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def _is_generated(code: CodeType) -> bool:
    """Is this the `__init__` that dataclasses wrote? Its file is "<string>", and its line says nothing to the user."""
    return code.co_filename == "<string>" and code.co_qualname.startswith("__create_fn__.")


def location(origin: Origin) -> tuple[str, int]:
    """File name and line number of an origin."""
    code, lasti = origin
    line, *_ = _position(code, lasti)
    return code.co_filename, line


def describe(origin: Origin) -> str:
    """`file:line`, and where the source is at hand the line itself with the expression underlined."""
    code, lasti = origin
    line, end_line, start, end = _position(code, lasti)
    where = f"{code.co_filename}:{line}"
    source = linecache.getline(code.co_filename, line).rstrip("\n")
    if not source.strip():
        return where
    indent = len(source) - len(source.lstrip())
    text = f"{where}\n    {source.strip()}"
    if start is not None and end is not None:
        stop = end if end_line == line else len(source)
        text += f"\n    {' ' * (start - indent)}{'^' * max(1, stop - start)}"
    return text


def _position(code: CodeType, lasti: int) -> tuple[int, int, int | None, int | None]:
    positions = list(code.co_positions())
    line, end_line, start, end = positions[lasti // 2] if 0 <= lasti // 2 < len(positions) else (None,) * 4
    line = code.co_firstlineno if line is None else line
    return line, line if end_line is None else end_line, start, end
