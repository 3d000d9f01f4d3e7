"""From the nests of a program to the functions that it calls: one file in C a program, compiled once."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from ...errors import ArrayIndexError, JitWarning
from ..strides import Strides
from .cluster import Cluster
from .compiler import MOST_SAID, CompileError
from .library import Entry
from .native_writer import NativeWriter
from .prelude import prelude
from .toolchain import Toolchain
from .turns import TurnsWriter
from .winograd import compiling

__all__ = ["OperandError", "link", "mend"]

_HEAD = """#include <stdlib.h>
#ifndef _OPENMP
#define omp_get_thread_num() 0
#endif
"""
_linked: dict[str, list[Callable[..., int]] | None] = {}
"""The functions of each text, None where the compiler could not make them: libraries stay until the process ends."""
_entries: dict[Callable[..., int], Entry] = {}
"""What each function takes."""
_lock = threading.Lock()


def link(writer: NativeWriter | TurnsWriter, tools: Toolchain) -> str | None:
    """Bind the names of a written program's nests to functions.

    Args:
        writer: has written its program.
        tools: the compiler.

    Returns:
        The text in C; None where the compiler fails, and the program must be written without nests.
    """
    if isinstance(writer, TurnsWriter):
        functions = _functions([writer], text := writer.source(), tools)
        if functions is None:
            return None
        writer.bound[writer.name] = functions[0]
        return text
    clusters, same, text = _written(writer.clusters)
    with compiling() if writer.convolves() else nullcontext():
        functions = _functions(clusters, text, tools)
    if functions is None:
        return None
    found = dict(zip([cluster.name for cluster in clusters], functions, strict=True))
    writer.bound.update((name, found[other]) for name, other in same.items())
    return text


def _written(clusters: Sequence[Cluster]) -> tuple[list[Cluster], dict[str, str], str]:
    """Those clusters that have a function, by name the function that each calls, and the text of all.

    The layers of a network have the same nests: of the 134 calls of a ResNet-18 training step 41 share one.
    """
    known: dict[str, str] = {}
    names: dict[Hashable, str] = {}
    texts: list[str] = []
    own: list[Cluster] = []
    same: dict[str, str] = {}
    for cluster in clusters:
        text = cluster.source(known)
        name = names.setdefault(cluster.key(text), cluster.name)
        same[cluster.name] = name
        if name == cluster.name:
            own.append(cluster)
            texts.append(text)
        else:
            texts.append(f"// {cluster.name} is {name}")
    return own, same, "\n".join(texts)


def _functions(
    callees: Sequence[Cluster | TurnsWriter], text: str, tools: Toolchain
) -> list[Callable[..., int]] | None:
    """The functions that Python calls, with that text; None where they cannot be compiled."""
    if not callees:
        return []
    with _lock:
        known = text in _linked
    if not known:
        entries = [callee.entry() for callee in callees]
        try:
            made: Any = tools.functions(_HEAD + prelude(text, tools.vector_functions) + text, entries)
        except CompileError as error:
            made = None
            said = str(error)[:MOST_SAID]
            warnings.warn(f"jit: a program cannot be compiled, and goes on with NumPy: {said}", JitWarning, 2)
        with _lock:
            _linked.setdefault(text, made)
            _entries.update(zip(made or (), entries, strict=False))
    return _linked[text]


class OperandError(TypeError):
    """An operand that is not what the program says: the program is wrong."""


def mend(nest: Callable[..., int], *args: Any) -> None:
    """Call a nest again that has said that an operand is not as it needs it; with a copy of that."""
    given = list(args)
    tried: set[int] = set()
    while status := nest(*given):
        if status > 0:
            raise ArrayIndexError("an index is out of range")
        place = -1 - status
        if place in tried:
            raise OperandError(f"operand {place} of a compiled loop is {type(args[place]).__name__} of another size")
        tried.add(place)
        given[place] = _laid_out(args[place], _entries[nest].parameters[place].strides)


def _laid_out(x: Any, strides: Strides) -> Any:
    """A copy that has these strides; in C's order, if there are none."""
    if not strides:
        return np.ascontiguousarray(x)
    spans = [s * (n - 1) for n, s in zip(x.shape, strides, strict=True)]
    before = -sum(min(0, span) for span in spans)
    memory = np.empty(before + 1 + sum(max(0, span) for span in spans), x.dtype)
    copy = np.lib.stride_tricks.as_strided(memory[before:], x.shape, [s * x.itemsize for s in strides])
    copy[...] = x
    return copy


def _new_lock() -> None:
    """In a forked child the lock may be one that a thread of the parent's held."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)
