"""Whether a function's surroundings are what they were, asked by code that is written for their number.

A general loop over the places that a function reads costs half a microsecond where there is one place. So for places of
the common kinds (cells, names, the parts of functions) code is written, once for each combination of their numbers:

    def unchanged():                          # of a function with one cell, which calls one global function
        return (c0.cell_contents is h0
                and get0(name0, missing) is h1
                and f0.__code__ is h2 and f0.__defaults__ is h3 and f0.__kwdefaults__ is h4
                and len(space0) == n0)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .captures import Watch

__all__ = ["test_of"]

MOST_PLACES = 60
"""How many places code is written for; more are looked at by a loop."""
_FUNCTION = ("__code__", "__defaults__", "__kwdefaults__")


def test_of(watch: Watch, held: Sequence[Any], lengths: Sequence[Any], missing: Any) -> Callable[[], bool] | None:
    """A function that says whether these places hold those objects; None where no code is written for them.

    Args:
        watch: the places.
        held: the objects in them, in the order of `Watch.held`.
        lengths: the sizes of the namespaces, as `Watch.values` gives them.
        missing: what stands in `held` for a name that is not there.
    """
    if watch.views or watch.instances or watch.slots or watch.variables or watch.buffers:
        return None
    if len(held) + len(lengths) > MOST_PLACES:
        return None
    make = _maker(len(watch.cells), len(watch.entries), len(watch.functions), len(watch.spaces))
    gets = [space.get for space, _ in watch.entries.values()]
    names = [name for _, name in watch.entries.values()]
    return make(watch.cells, gets, names, watch.functions, watch.spaces, held, lengths, missing)  # type: ignore[no-any-return]


@functools.cache
def _maker(cells: int, entries: int, functions: int, spaces: int) -> Callable[..., Any]:
    """What makes such a function of places that are so many of each kind."""
    tests = [f"c{i}.cell_contents is h{i}" for i in range(cells)]
    tests += [f"get{i}(name{i}, missing) is h{cells + i}" for i in range(entries)]
    first = cells + entries
    for i in range(functions):
        tests += [f"f{i}.{part} is h{first + 3 * i + k}" for k, part in enumerate(_FUNCTION)]
    tests += [f"len(space{i}) == n{i}" for i in range(spaces)]

    def taken(prefix: str, count: int, source: str) -> str:
        return "".join(f"{prefix}{i}, " for i in range(count)) + f"= {source}" if count else "pass"

    source = f"""
def make(cells, gets, names, functions, spaces, held, lengths, missing):
    {taken("c", cells, "cells")}
    {taken("get", entries, "gets")}
    {taken("name", entries, "names")}
    {taken("f", functions, "functions")}
    {taken("space", spaces, "spaces")}
    {taken("h", first + 3 * functions, "held")}
    {taken("n", spaces, "lengths")}
    def unchanged():
        try:
            return {" and ".join(tests) or True}
        except ValueError:  # a cell that was emptied
            return False
    return unchanged
"""
    namespace: dict[str, Any] = {}
    exec(compile(source, "<what a function reads>", "exec"), namespace)
    return namespace["make"]  # type: ignore[no-any-return]
