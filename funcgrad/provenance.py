"""Where in the user's program are we? Recorded in about 0.2 us an op, turned into text only when somebody asks.

An origin is a pair (code object, index of the running instruction). It keeps no frame alive, so no local variable
of the user's; file, line, columns and source text are looked up from it when an error is worded.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from types import CodeType, FrameType
from typing import TypeAlias

__all__ = ["Origin", "describe", "here", "innermost", "is_foreign", "is_internal", "location", "running"]

Origin: TypeAlias = tuple[CodeType, int]

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]|<frozen ")
_STANDARD = (
    os.path.dirname(os.path.abspath(os.__file__)) + os.sep,
    os.path.join(sys.prefix, "Scripts" if os.name == "nt" else "bin") + os.sep,  # what pip makes of entry points
)


class _Internal(dict[str, bool]):
    """Is this file one of funcgrad's own? A dict, since a look-up is a third of the price of `startswith`."""

    def __missing__(self, filename: str) -> bool:
        self[filename] = answer = filename.startswith(_PACKAGE)
        return answer


class _Foreign(dict[str, bool]):
    """Is this file not the user's: funcgrad's own, the standard library's, or an installed package's?"""

    def __missing__(self, filename: str) -> bool:
        self[filename] = answer = (
            is_internal[filename] or filename.startswith(_STANDARD) or _INSTALLED.search(filename) is not None
        )
        return answer


is_internal = _Internal()
is_foreign = _Foreign()


def here(inside: int = 1, libraries: bool = False) -> Origin:
    """The innermost running instruction that is the user's: not funcgrad's own, nor a library's that called it.

    Where there are libraries alone, it is the innermost one that is not funcgrad's own.

    Args:
        inside: how many of the innermost frames are known to be funcgrad's, this function's included; each saves
            its look-up.
        libraries: whether a library's instruction counts as the user's.
    """
    frame = running(inside + 1, libraries)
    return frame.f_code, frame.f_lasti


def running(inside: int = 1, libraries: bool = False) -> FrameType:
    """The frame of that instruction; arguments as for `here`."""
    foreign: dict[str, bool] = is_internal if libraries else is_foreign
    start = sys._getframe(inside)
    frame: FrameType | None = start
    while frame is not None and (foreign[frame.f_code.co_filename] or _is_generated(frame.f_code)):
        frame = frame.f_back
    return innermost(start) if frame is None else frame


def innermost(frame: FrameType) -> FrameType:
    """The first frame from there outwards that is not funcgrad's own."""
    while (is_internal[frame.f_code.co_filename] or _is_generated(frame.f_code)) and frame.f_back is not None:
        frame = frame.f_back
    return frame


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
