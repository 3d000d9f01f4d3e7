"""What a function reads beside its arguments: so that a compiled one is never stale.

A function may find numbers, arrays, objects and other functions in its closure and its globals. A compiled program that
had them built in would go on with the old ones. So they are looked at before each call:

- arrays are inputs like the arguments (`Snapshot.arrays`), so a new array in the same place needs no new program;
- everything else is part of the key by which programs are found (`Snapshot.key`): numbers and strings by value,
  containers and objects by what is in them, functions and classes by what they read in turn (`reachable.py`).

Looking is cheap: as long as every place holds the very object that it held before (`Look`), the last snapshot stands.
"""

from __future__ import annotations

import itertools
import operator
import pickle
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import FunctionType
from typing import Any

import numpy as np

from ..core import Array
from .unchanged import test_of

__all__ = ["Captures", "ClosedOverTracer", "Itself", "Look", "Snapshot", "Unwatchable", "Watch", "random_states"]

MOST_KEYS = 256
"""How many keys are remembered by number; older ones are new when they come again."""
TIMES_BEFORE_CODE = 4
"""How often the same surroundings are looked at before code is written for it."""


class ClosedOverTracer(Exception):  # noqa: N818  # no error: it tells jit to run the function where it stands
    """The function closes over a value of a running transform."""


class Unwatchable(Exception):  # noqa: N818
    """Something that cannot be looked at before each call; the message says what, and what to do."""


class Snapshot:
    """What a function reads, at one moment.

    Args:
        key: equal for two moments between which only arrays have changed.
        number: one for each different key.
        arrays: those it may find.
        changed: the names of places that hold something else than at the snapshot before.
    """

    __slots__ = ("arrays", "changed", "key", "number")

    def __init__(self, key: Any, number: int, arrays: list[Array], changed: Sequence[str]):
        self.key, self.number, self.arrays, self.changed = key, number, arrays, changed


class Itself:
    """An object as a part of a key, by its identity; held, so that no other gets its address."""

    __slots__ = ("x",)

    def __init__(self, x: Any):
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self.x is other.x

    def __hash__(self) -> int:
        return id(self.x)


_MISSING = object()


class Watch:
    """Places that may come to hold something else, one list for each way of looking into them."""

    __slots__ = (
        "buffers",
        "cells",
        "entries",
        "functions",
        "generators",
        "instances",
        "labels",
        "slots",
        "spaces",
        "variables",
        "views",
    )

    def __init__(self) -> None:
        self.labels: list[str] = []  # what the user calls each cell, then each entry
        self.cells: list[Any] = []
        self.entries: dict[tuple[int, str], tuple[Mapping[str, Any], str]] = {}  # names in globals, modules, classes
        self.spaces: list[Mapping[str, Any]] = []  # modules and classes, to which names may be added
        self.functions: list[FunctionType] = []
        self.instances: list[Any] = []  # objects whose class may be replaced
        self.views: list[Collection[Any]] = []  # the contents of lists and sets, keys and values of dicts
        self.slots: list[tuple[Any, Any]] = []  # (object, member of its class)
        self.variables: list[ContextVar[Any]] = []
        self.generators: list[Any] = []  # of random numbers that are no keys: `random_states`
        self.buffers: list[Any] = []  # what is written to without any object being replaced

    def held(self) -> list[Any]:
        """The object in each place: cells first, then entries."""
        found: list[Any] = []
        if self.cells:
            try:
                found += [cell.cell_contents for cell in self.cells]
            except ValueError:  # one that is not assigned yet
                found = [content(cell) for cell in self.cells]
        if self.entries:
            found += [space.get(name, _MISSING) for space, name in self.entries.values()]
        for f in self.functions:
            found += (f.__code__, f.__defaults__, f.__kwdefaults__)
        if self.views or self.instances:
            for view in self.views:
                found += view
            found += map(type, self.instances)
            found += [member_of(x, member) for x, member in self.slots]
        if self.variables:
            found += [variable.get(_MISSING) for variable in self.variables]
        return found

    def values(self) -> list[Any]:
        """What is equal as long as it has not changed: lengths and bytes."""
        found: list[Any] = [len(space) for space in self.spaces]
        if self.views or self.buffers:
            found += map(len, self.views)
            found += map(bytes_of, self.buffers)
        return found

    def changed(self, before: Sequence[Any], now: Sequence[Any]) -> Iterator[str]:
        """The names of the places that hold something else."""
        if len(before) == len(now):
            for i, (old, new) in enumerate(zip(before, now, strict=True)):
                if old is not new:
                    yield self.labels[i] if i < len(self.labels) else "an attribute or an item"


def content(cell: Any) -> Any:
    """What a cell holds, if it has been assigned to."""
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def member_of(x: Any, member: Any) -> Any:
    """What an object holds in a slot, if it has been assigned to."""
    try:
        return member.__get__(x)
    except AttributeError:
        return _MISSING


def bytes_of(x: Any) -> bytes:
    """The bytes of an array of NumPy's or Python's."""
    return bytes(x) if isinstance(x, bytearray) else x.tobytes()  # type: ignore[no-any-return]


def random_states(watch: Watch) -> list[Any]:
    """The states of the generators whose numbers a function may draw without a key, NumPy's and Python's own too."""
    legacy: Any = np.random.get_state()
    name, words, *rest = legacy
    found: list[Any] = [random.getstate(), name, words.tobytes(), rest]
    for x in watch.generators:
        if isinstance(x, np.random.Generator):
            found.append(pickle.dumps(x.bit_generator.state))
        else:
            found.append(pickle.dumps(x.state if isinstance(x, np.random.BitGenerator) else x.__getstate__()))
    return found


class Look:
    """What was seen when a function's surroundings were last looked at.

    Args:
        watch: the places.
        held: the objects in them.
        values: lengths and bytes.
        snapshot: the function's.

    `unchanged()` says whether all of it is still so.
    """

    __slots__ = ("held", "snapshot", "times", "unchanged", "values", "watch")

    def __init__(self, watch: Watch, held: list[Any], values: list[Any], snapshot: Snapshot):
        self.watch, self.held, self.values, self.snapshot = watch, held, values, snapshot
        self.times = 0
        self.unchanged: Any = self.compare

    def quick(self) -> Callable[[], bool]:
        """`unchanged` as code that is written for these places, if such can be written."""
        if self.unchanged == self.compare:
            self.unchanged = test_of(self.watch, self.held, self.values, _MISSING) or self.compare
        return self.unchanged  # type: ignore[no-any-return]

    def compare(self) -> bool:
        """The same for places of any kind."""
        self.times += 1
        if self.times == TIMES_BEFORE_CODE:
            self.quick()
        now = self.watch.held()
        same = len(now) == len(self.held) and all(map(operator.is_, now, self.held))
        return same and (not self.values or self.watch.values() == self.values)


class Captures:
    """A function's view of what is around it.

    Args:
        f: any callable.
        read: (f, watch) -> (key, arrays): a walk over all it can reach, which notes the places.
    """

    def __init__(self, f: Any, read: Any):
        self.f, self.read = f, read
        self.numbers: dict[Any, int] = {}
        self.count = itertools.count()
        self.last: Look | None = None

    def look(self) -> Look:
        """What there is at this moment."""
        last = self.last
        if last is not None and last.unchanged():
            return last
        watch = Watch()
        key, arrays = self.read(self.f, watch)
        held = watch.held()
        if last is not None and last.snapshot.key == key and _same(last.snapshot.arrays, arrays):
            snapshot = last.snapshot
        else:
            changed = () if last is None else tuple(dict.fromkeys(watch.changed(last.held, held)))
            snapshot = Snapshot(key, self.number(key), arrays, changed)
        self.last = look = Look(watch, held, watch.values(), snapshot)  # one object: threads may look at once
        return look

    def states(self) -> list[Any]:
        """Of the random numbers that it may draw without a key."""
        return [] if self.last is None else random_states(self.last.watch)

    def number(self, key: Any) -> int:
        """One for each different key."""
        if len(self.numbers) >= MOST_KEYS and key not in self.numbers:
            self.numbers.clear()
        return self.numbers.setdefault(key, next(self.count))


def _same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(map(operator.is_, a, b))
