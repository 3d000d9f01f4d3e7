"""When a program is worth being compiled from C: a quarter of a second once, instead of a bit of each call.

The answer depends on the program and on how often it has run, and not on a clock nor on what a cache holds: so a run of
the same script has the same results, to the last bit of a sine.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..config import c_compiler
from ..graph.ir import Eqn
from .memory import size_of

__all__ = ["calls_until_native"]

ENOUGH = 5_000_000
"""Operations on elements, all calls together, for which it is worth it: some 10 ms of NumPy's time."""
MOST_CALLS = 500
"""After so many calls it is worth it however small they are."""


def calls_until_native(eqns: Iterable[Eqn]) -> int:
    """After how many calls of a program of these equations it is compiled: 0 for at once, -1 for never."""
    mode = c_compiler()
    if mode != "auto":
        return 0 if mode == "always" else -1
    work = sum(size_of(out) for eqn in eqns for out in eqn.outs)
    return min(ENOUGH // (work + 1), MOST_CALLS)
