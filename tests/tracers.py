"""Runs a function of arrays with every input a tracer: under jvp, vjp, vmap and jit, which must change no value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import funcgrad as fg

KINDS = ("plain", "jvp", "vjp", "vmap", "jit")
"""Plain arrays, and the transforms whose tracers stand in for them; derivatives are taken by floats alone."""


def _is_inexact(x: Any) -> bool:
    return isinstance(x, fg.Array) and x.dtype.kind in "fc"


def call(kind: str, function: Callable[..., Any], *args: Any) -> Any:
    """The function's result, as arrays that are no tracers.

    Args:
        kind: one of `KINDS`.
        function: of the arguments; what it returns is a tree of arrays.
        args: arrays, which become tracers (of jvp and vjp those of floats), and other values, which stay.
    """
    if kind == "plain":
        return function(*args)
    traced = [i for i, x in enumerate(args) if (_is_inexact(x) if kind in ("jvp", "vjp") else isinstance(x, fg.Array))]
    arrays = [args[i] for i in traced]

    def of_arrays(*found: Any) -> Any:
        full = list(args)
        for i, x in zip(traced, found, strict=True):
            full[i] = x
        return function(*full)

    if not traced:
        return function(*args)
    if kind == "jvp":
        return fg.jvp(of_arrays, tuple(arrays), tuple(arrays))[0]
    if kind == "vjp":
        return fg.vjp(of_arrays, *arrays)[0]
    if kind == "vmap":
        return fg.tree.map(lambda x: x[0], fg.vmap(of_arrays)(*[x[None] for x in arrays]))
    compiled = fg.jit(of_arrays)
    for _ in range(3):  # the first call runs as it is, the second is written down, the third is the program
        out = compiled(*arrays)
    return out
