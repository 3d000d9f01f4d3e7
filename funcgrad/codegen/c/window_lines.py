"""What looks into windows, in C: the place of the maximum, what stands there, and what is put there.

Each choice is a statement of its own without a branch, so that the loop over channels takes vectors: 1 ms where
branches on random data take 48 (float32 100x24x24x64 by 2x2).
"""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.ir import Atom
from .folds import is_float, value_type

__all__ = ["argmax_lines", "gather_lines", "scatter_text"]


def argmax_lines(name: str, xs: Sequence[str], x: Atom) -> list[str]:
    """The offset of the first maximum of a window, or of its first NaN, as `at_<name>`."""
    best, at = f"best_{name}", f"at_{name}"
    lines = [f"{value_type(x)} {best} = {xs[0]};"]
    lines += [f"{best} = maximum_{x.type.dtype.name}({best}, {text});" for text in xs[1:]]  # type: ignore[union-attr]
    lines.append(f"int {at} = {len(xs) - 1};")
    for k, text in reversed(list(enumerate(xs[:-1]))):
        test = f"({text} == {best}) | ({text} != {text})" if is_float(x) else f"{text} == {best}"
        lines.append(f"{at} = {test} ? {k} : {at};")
    return lines


def gather_lines(name: str, xs: Sequence[str], index: str, x: Atom) -> list[str]:
    """The element of the window at an offset, as `found_<name>`; 0 at none of it."""
    lines = [f"{value_type(x)} found_{name} = 0;"]
    return lines + [f"found_{name} = {index} == {k} ? {text} : found_{name};" for k, text in enumerate(xs)]


def scatter_text(g: str, index: str, offset: int | None) -> str:
    """The element at one offset of a window, of which one is not 0."""
    return f"{index} == {offset} ? {g} : 0"
