"""The paths that a batch takes through Python: which examples part where, and how their results come together again.

`if x > 0` under `vmap` asks a whole batch for one truth value. Examples that agree go on together; of those that do
not, the largest group goes on and the others wait as `Group`s, to be run after it from the top of the function. What
the group before them computed up to the fork is handed over (`Group.kept`), so nothing is computed twice.

    def f(x):                    examples 0 1 2 3 4
        y = sin(x)               0 1 2 3 4
        if x > 0:                0 2 4 go on, 1 3 wait            run 1
            y = y * 2            0 2 4
        return y                 1 3: sin(x) is there already     run 2
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Array, Tracer, backend_array, wrap
from ..dtypes import is_inexact
from ..errors import PathError
from ..numpy.creation import asarray
from ..numpy.indexing import take
from ..numpy.manipulation import concat
from ..placement import device_get
from ..provenance import Origin, location

__all__ = [
    "Decision",
    "Dropped",
    "Effects",
    "Flatten",
    "Group",
    "Ids",
    "Queue",
    "Section",
    "join",
    "line_of",
    "listed",
    "narrow",
    "partition",
    "same",
    "table",
]

Ids = np.ndarray[Any, Any]
"""Which examples a batch's rows stand for, ascending."""


class Decision:
    """What examples did not agree on: where, and on this path the value that Python asked for, or what happened."""

    __slots__ = ("origin", "value")

    def __init__(self, origin: Origin, value: Array | str):
        self.origin, self.value = origin, value

    def text(self) -> str:
        """The value as the path table shows it."""
        if isinstance(self.value, str):
            return self.value
        data = self.value._data
        return str(data) if data.size <= 8 else f"one of shape {data.shape}"


class Group:
    """Examples that wait for their run, and what brings them quickly to the place where they parted from others.

    Args:
        ids: the examples.
        log: what the run did that they come from.
        until: the place in the log where they parted; -1 for a group that starts from nothing.
        kept: by place in the log, the results that were alive there, with the ids of their rows; None to compute
            them again.
        key: the value that these examples had; None where others raised an exception, and these go on from there.
        decisions: at which they parted from others, this one last.

    `beside` is a backend's array on the batch's device, once the group runs.
    """

    __slots__ = ("beside", "decisions", "ids", "kept", "key", "log", "until")

    def __init__(
        self,
        ids: Ids,
        log: Sequence[Any] = (),
        until: int = -1,
        kept: dict[int, tuple[Any, Ids]] | None = None,
        key: Array | None = None,
        decisions: tuple[Decision, ...] = (),
    ):
        self.ids, self.log, self.until, self.kept, self.key, self.decisions = ids, log, until, kept, key, decisions
        self.beside: Any = None


class Effects:
    """What calls with effects returned to the examples of one vmap, so that no run of it makes them again.

    An example's calls have numbers, in its own order: what it comes to depends on nothing but its values.
    """

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls: dict[int, list[tuple[Ids, Ids, Sequence[Any], Sequence[int | None]]]] = {}

    def note(self, ids: Ids, numbers: Ids, results: Sequence[Any], dims: Sequence[int | None]) -> None:
        """A call of these examples, of which it had these numbers, and what it returned with which batch axes."""
        for number in np.unique(numbers).tolist():
            self.calls.setdefault(number, []).append((ids, numbers, results, dims))

    def find(self, ids: Ids, numbers: Ids) -> tuple[Ids, Sequence[Any], Sequence[int | None]] | None:
        """The call that had these numbers for these examples: (its examples, results, batch axes)."""
        for members, theirs, results, dims in self.calls.get(int(numbers[0]), ()) if len(ids) else ():
            rows = np.searchsorted(members, ids).clip(max=len(members) - 1)
            if (members[rows] == ids).all() and (theirs[rows] == numbers).all():
                return members, results, dims
        return None


class Queue(list[Group]):
    """The groups of one vmap that wait for their run.

    Args:
        before: the effects of the runs that a flat one stands for.

    `mixed` says that this vmap has to run flat (`Flatten`), whatever a run of it returns.
    """

    __slots__ = ("before", "effects", "mixed")

    def __init__(self, before: Effects | None = None):
        self.mixed = False
        self.effects, self.before = Effects(), before


# ---- what a run notes ---------------------------------------------------------------------------
#
# A log is a list of tuples, whose first entry is a weak reference to a result, and whose second says what happened:
#
#     (result, primitive, dim, shape, dtype)     an operation on the batch, or RESULT, one of the section before it
#     (None, primitive, exception)               an operation that failed
#     (None, section)                            the beginning of a call, a loop, or a branch of a fork
#     (None, DECIDED, value)                     Python asked, and went on with that value
#     (None, AGREED, answer)                     an inner batch asked whether all examples here have one value
#     (None, OBSERVED, rows, ids)                a fork looked at every example's value


class Section:
    """A part of a run with results of its own, as its log has it: a call, a loop, or one branch of a fork."""

    __slots__ = ("effects", "end", "error", "info", "kept", "name", "notes", "skipped")

    def __init__(self, name: str):
        self.name, self.info = name, None
        self.error: Exception | None = None  # what it raised,
        self.notes: tuple[Any, ...] = ()  # and whose that was (`raising.py`)
        self.kept: list[Any] = []  # its results: shared ones; (rows, axis, ids); None for one that the log knows of
        self.end: int | None = None
        self.skipped = False  # taken from an earlier run, without anything of what happened in it
        self.effects: Any = None  # how many calls with effects each example had made by its end

    def ends_by(self, place: int) -> bool:
        """Was it over at that place in the log?"""
        return self.end is not None and self.end <= place


DECIDED, AGREED, OBSERVED, RESULT = (Section(name) for name in ("a decision", "a question", "a look", "a result"))


class Dropped(Array):
    """Shape, dtype and device of a result that no longer exists."""

    __slots__ = ("sizes",)

    def __init__(self, shape: tuple[int, ...], dtype: Any, beside: Any):
        self.sizes, self.dtype, self._data = shape, dtype, beside

    shape: Any = property(lambda self: self.sizes)

    def __repr__(self) -> str:
        return "(computed on another path)"


class Flatten(BaseException):
    """A decision inside of nested vmaps that is mixed both ways: the inner one must run over all pairs of examples.

    It is raised through the user's function to the vmap whose queue this is, and is no error. A function that catches
    everything may keep it: `queue.mixed` says the same.
    """

    def __init__(self, queue: Queue):
        queue.mixed = True
        self.queue = queue


# ---- examples that part, and come together -------------------------------------------------------


def partition(value: Array, dim: int, ids: Ids) -> list[tuple[Array, Ids]]:
    """The different values along an axis, and who has them; the most frequent first.

    By bit pattern: a NaN agrees with itself, and -0.0 is not 0.0.
    """
    data = value._data
    if data.ndim == 1 and data.dtype == bool:  # one truth value an example: most decisions are of this kind
        flags = device_get(value)
        yes = int(np.count_nonzero(flags))
        if yes in (0, len(ids)):
            return [(_row(value, 0, 0), ids)]
        sides = [(flags, yes), (~flags, len(ids) - yes)]
        sides.sort(key=lambda side: -side[1])
        return [(_row(value, 0, int(side.argmax())), ids[side]) for side, _ in sides]
    rows = np.ascontiguousarray(np.moveaxis(device_get(value), dim, 0)).reshape(len(ids), -1)
    bits = rows.view(np.uint8)
    if (bits == bits[0]).all():
        return [(_row(value, dim, 0), ids)]
    if bits.shape[1] == 8:
        bits = bits.view(np.uint64)  # one number an example sorts much faster than eight bytes
    _, first, inverse, counts = np.unique(bits, axis=0, return_index=True, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(inverse.ravel(), kind="stable"), np.cumsum(counts)[:-1])
    found = [(int(at), ids[who]) for at, who in zip(first, members, strict=True)]
    found.sort(key=lambda pair: (-len(pair[1]), pair[1][0]))
    return [(_row(value, dim, at), who) for at, who in found]


def _row(value: Array, dim: int, at: int) -> Array:
    return asarray(value._data[(slice(None),) * dim + (at,)])


def narrow(value: Any, dim: int, ids: Ids, to: Ids) -> Any:
    """The rows of fewer examples."""
    return take(value, np.searchsorted(ids, to), axis=dim)


MOST_KEPT = 2**30
"""Bytes that one waiting group may keep of what was computed before it parted; above it computes that again."""


def hand_over(live: dict[int, Any], ids: Ids, at_once: bool) -> dict[int, tuple[Any, Ids]] | None:
    """The rows of these examples in the tracers that are alive, or None where they would take too much memory.

    Gathered at once, so that the queue and the run share out the memory between them; not above a derivative, where a
    gather is a node on its tape that only a value that is read again should have.
    """
    if sum(x.inner.nbytes // len(x.ids) for x in live.values()) * len(ids) > MOST_KEPT:
        return None
    if not at_once:
        return {i: (x.inner, x.ids) for i, x in live.items()}
    return {i: (narrow(x.inner, x.dim, x.ids, ids), ids) for i, x in live.items()}


def join(parts: Sequence[tuple[Ids, Any]]) -> Any:
    """One array of all examples, in their order, from arrays with some examples each as their first axis."""
    if len(parts) == 1:
        return parts[0][1]
    shapes = [(ids, x.shape[1:]) for ids, x in parts]
    for ids, shape in shapes[1:]:
        if shape != shapes[0][1]:
            raise PathError(
                f"vmap: the examples' results have different shapes: {shapes[0][1]} of example {shapes[0][0][0]}, "
                f"{shape} of example {ids[0]}; pad them to one shape"
            )
    order = np.argsort(np.concatenate([ids for ids, _ in parts]))
    return take(concat([x for _, x in parts], axis=0), order, axis=0)


def same(x: Any, y: Any) -> bool:
    """Are two results that examples had no part in equal, as far as their values tell? Nobody parts."""
    if not isinstance(x, Array) or not isinstance(y, Array):
        return type(x) is type(y) and np.array_equal(x, y)
    a, b = device_get([wrap(backend_array(z)) for z in (x, y)])
    return _dims(x) == _dims(y) and np.array_equal(a, b, equal_nan=is_inexact(a.dtype))


def _dims(x: Any) -> list[int]:
    """Which axes of its values are those of batches."""
    found = []
    while isinstance(x, Tracer):
        found += [x.dim] if hasattr(x, "dim") else []
        x = x.inner
    return found


# ---- words --------------------------------------------------------------------------------------


def listed(ids: Ids, size: int) -> str:
    """'examples 3, 4 (2 of 32)'"""
    shown = ", ".join(map(str, ids[:5])) + (", ..." if len(ids) > 5 else "")
    return f"example{'s' if len(ids) > 1 else ''} {shown} ({len(ids)} of {size})"


def line_of(origin: Origin) -> str:
    """'train.py:12'"""
    file, line = location(origin)
    return f"{os.path.basename(file)}:{line}"


def table(name: str, size: int, done: Sequence[tuple[Ids, tuple[Decision, ...]]]) -> str:
    """The paths of one call, the most frequented first: how many examples, and what they decided at which line."""
    lines = [f"vmap of {name}: {len(done)} path{'s' if len(done) > 1 else ''} for {size} examples"]
    lines.append("  examples  decisions at which examples parted")
    for ids, decisions in sorted(done, key=lambda one: (-len(one[0]), one[0][0])):
        lines.append(f"  {len(ids):8d}  {_steps(decisions) or '(none)'}")
    return "\n".join(lines)


def _steps(decisions: Sequence[Decision]) -> str:
    """Decisions in order, repeated ones counted: 'newton.py:3 True x17, newton.py:3 False'."""
    runs: list[list[Any]] = []
    for decision in decisions:
        text = f"{line_of(decision.origin)} {decision.text()}"
        if runs and runs[-1][0] == text:
            runs[-1][1] += 1
        else:
            runs.append([text, 1])
    return ", ".join(text if n == 1 else f"{text} x{n}" for text, n in runs)
