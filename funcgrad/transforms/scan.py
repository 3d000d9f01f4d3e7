"""Loops over the rows of arrays: `scan`, `map`, `associative_scan`.

Reverse mode through `scan` keeps the carry of every step and nothing of what a step computes: each is a `checkpoint`,
run again on the way back, but for its effects (`debug.print`). Where nothing is differentiated a scan is the Python
loop that it says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from .. import tree
from ..core import Array
from ..dtypes import is_integer
from ..errors import AxisError, DtypeError, OptionError, ShapeError, TreeError
from ..numpy.creation import asarray, zeros
from ..numpy.indexing import take
from ..numpy.manipulation import concat
from .arguments import described, refuse_value
from .body import staging
from .checkpoint import run_again, tapes
from .closure import frozen
from .control import Carry
from .rows import stacked, unstacked
from .staged_control import staged_scan
from .vmap import vmap

__all__ = ["associative_scan", "map", "scan"]

_TAKES = "f takes (carry, x) and returns (next carry, y)"


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """A loop that carries a value along the rows of arrays and collects a result of each step.

        carry = init
        for x in rows of xs:
            carry, y = f(carry, x)

    Reverse mode keeps the carries alone and computes each step again on its way back, so f runs twice there, and must
    do the same on both runs. Under `jit` it may keep products as well, and does those that need no other step at once.

    Args:
        f: (carry, x) -> (next carry, y), pytrees; the carry keeps its structure, shapes and dtypes.
        init: the first carry; a Python number takes the dtype that the first step gives it, which then runs again.
        xs: a pytree of arrays with one first axis; None to give f None as x, with `length`.
        length: how many steps; needed where xs has no arrays.
        reverse: begin with the last row; the results stay at their rows' places.
        unroll: how many steps reverse mode runs again as one; it keeps one carry for each such group. Under `jit`,
            where a scan is one loop of the program, without effect.

    Returns:
        (last carry, ys), ys a pytree of the y's stacked along a new first axis.

    Raises:
        ShapeError: arrays of xs, or `length`, disagree on the number of steps.
        TreeError, ShapeError, DtypeError: a step changes the carry's structure, a shape or a dtype, or returns a y
            unlike those of other steps.
        OptionError: another `length` or `unroll`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> last, sums = fg.scan(lambda c, x: (c + x, c + x), 0.0, fnp.asarray([1.0, 2.0, 3.0]))
    >>> float(last), sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    refuse_value(f, "scan")
    leaves, structure = tree.flatten(xs)
    arrays = [asarray(x) for x in leaves]
    count = _steps(xs, arrays, length)
    carry = Carry(init, "scan", ("the initial carry", "the carry that f returned"), _TAKES)
    if not isinstance(unroll, bool) and (not isinstance(unroll, int | np.integer) or unroll < 1):
        raise OptionError(f"scan: unroll must be a positive int or a bool, not {unroll!r}")
    group = count if unroll is True else int(unroll) or 1

    def step(value: Any, x: Any) -> tuple[Any, Any]:
        result = f(value, x)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise TreeError(f"scan: f must return a pair, not {described(result)}; {_TAKES}")
        return carry.next(result[0]), tree.map(asarray, result[1])

    if not count:
        row = tree.unflatten(structure, [zeros(x.shape[1:], x.dtype, device=x.device) for x in arrays])
        y = carry.settle(lambda value: step(value, row))[1]
        return carry.first, tree.map(lambda leaf: zeros((0, *leaf.shape), leaf.dtype), y)
    if count > 1 and staging():
        with suppress(Exception):  # whatever it is: step by step it is raised where the user's step raises it
            return staged_scan(step, carry, tree.unflatten(structure, arrays), count, reverse)
    columns = [unstacked(x) for x in arrays]
    rows = [tree.unflatten(structure, [column[i] for column in columns]) for i in range(count)]

    def steps(value: Any, rows: list[Any]) -> tuple[Any, list[Any]]:
        ys = []
        for x in rows:
            value, y = step(value, x)
            ys.append(y)
        return value, ys

    differentiated = any(tapes())
    later = frozen(steps) if differentiated else steps

    def run(value: Any, rows: list[Any]) -> tuple[Any, list[Any]]:
        return run_again(steps, later, [value, rows], None) if differentiated else steps(value, rows)

    value: Any = carry.first
    ys: list[Any] = []
    order = rows[::-1] if reverse else rows
    for start in range(0, count, group):
        some = order[start : start + group]
        value, found = run(value, some) if start else carry.settle(partial(run, rows=some))
        ys += found
    if reverse:
        ys.reverse()
    return value, _collected(ys)


def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """f of each row of xs, one after the other, or so many at a time by `vmap`.

    Args:
        f: a function of one row.
        xs: a pytree of arrays with one first axis.
        batch_size: how many rows to run at a time; the last batch may be smaller.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.map(lambda x: x * x, fnp.asarray([1.0, 2.0, 3.0]), batch_size=2).tolist()
    [1.0, 4.0, 9.0]
    """
    if batch_size is not None:
        return vmap(f, chunk_size=batch_size)(xs)
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def associative_scan(fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All running results of an associative operation, in a number of steps that grows with the logarithm of theirs.

    out[i] = fn(... fn(fn(elems[0], elems[1]), elems[2]) ..., elems[i])

    Args:
        fn: (a, b) -> their combination, for pytrees of arrays with many elements along the axis at once; it must be
            associative, and need not be commutative.
        elems: a pytree of arrays of one size along the axis.
        reverse: run from the end.
        axis: along which to run.

    Raises:
        AxisError, ShapeError: an array lacks the axis, or another size along it.
        TreeError, ShapeError, DtypeError: fn returns another structure, shape or dtype than it gets.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.associative_scan(lambda a, b: a * b, fnp.asarray([1.0, 2.0, 3.0, 4.0])).tolist()
    [1.0, 2.0, 6.0, 24.0]

    Source: Blelloch, Prefix Sums and Their Applications, CMU-CS-90-190, 1990.
    """
    leaves, structure = tree.flatten(elems)
    arrays: list[Any] = [asarray(x) for x in leaves]
    if not arrays:
        raise TreeError("associative_scan: elems has no arrays")
    for x in arrays:
        if not -x.ndim <= axis < x.ndim:
            raise AxisError(f"associative_scan: axis {axis} is out of range for {x.aval}")
    if len({x.shape[axis] for x in arrays}) > 1:
        listed = ", ".join(str(x.shape) for x in arrays)
        raise ShapeError(f"associative_scan: the arrays must have one size along axis {axis}: {listed}")

    def part(xs: list[Any], rows: slice) -> list[Any]:
        return [x[(slice(None),) * (axis % x.ndim) + (rows,)] for x in xs]

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        given = tree.unflatten(structure, a)
        found = fn(given, tree.unflatten(structure, b))
        outs, out_structure = tree.flatten(found)
        if out_structure != structure:
            words = tree.difference(given, found, names=("what fn got", "what it returned"))
            raise TreeError(f"associative_scan: fn must keep the structure: {words}")
        outs = [asarray(x) for x in outs]
        for x, y in zip(a, outs, strict=True):
            if x.shape != y.shape or x.dtype != y.dtype:
                error = ShapeError if x.shape != y.shape else DtypeError
                raise error(f"associative_scan: fn got {x.aval} and returned {y.aval}; it must keep shape and dtype")
        return outs

    def run(xs: list[Any]) -> list[Any]:
        n = xs[0].shape[axis]
        if n < 2:
            return xs
        pairs = combine(part(xs, slice(0, n - 1, 2)), part(xs, slice(1, n, 2)))
        odd = run(pairs)  # the results at the odd places
        even = part(xs, slice(0, 1))
        if n > 2:
            later = combine(part(odd, slice(0, (n - 1) // 2)), part(xs, slice(2, n, 2)))
            even = [concat([a, b], axis=axis) for a, b in zip(even, later, strict=True)]
        count = (n + 1) // 2
        order = np.arange(n) // 2 + np.arange(n) % 2 * count  # even and odd places in turn
        return [take(concat([a, b], axis=axis), order, axis=axis) for a, b in zip(even, odd, strict=True)]

    backwards = slice(None, None, -1)
    out = part(run(part(arrays, backwards)), backwards) if reverse else run(arrays)
    return tree.unflatten(structure, out)


def _collected(ys: list[Any]) -> Any:
    """What the steps returned, each leaf stacked along a new first axis."""
    first, structure = tree.flatten(ys[0])
    columns: list[list[Any]] = [[] for _ in first]
    for k, y in enumerate(ys):
        leaves, other = tree.flatten(y)
        if other != structure:
            words = tree.difference(ys[0], y)
            raise TreeError(f"scan: the y of row 0 (the first) and of row {k} (the second) differ: {words}")
        for i, x in enumerate(leaves):
            if x.shape != first[i].shape or x.dtype != first[i].dtype:
                path = tree.flatten_with_path(ys[0])[0][i][0]
                error = ShapeError if x.shape != first[i].shape else DtypeError
                raise error(
                    f"scan: every step must return a y of the same shapes and dtypes, and y{path} is {first[i].aval} "
                    f"of row 0 and {x.aval} of row {k}"
                )
            columns[i].append(x)
    return tree.unflatten(structure, [stacked(column) for column in columns])


def _steps(xs: Any, arrays: list[Array], length: int | None) -> int:
    """How many steps a scan takes, on which xs and `length` must agree."""
    paths = [path for path, _ in tree.flatten_with_path(xs)[0]]
    for path, x in zip(paths, arrays, strict=True):
        if not x.ndim:
            numbers = isinstance(xs, list | tuple) and all(a.aval == x.aval for a in arrays)
            advice = "; a list is a tree: write fnp.asarray([...]) for its rows" if numbers else ""
            raise ShapeError(f"scan: xs{path} is {x.aval} and has no axis to scan along{advice}")
    sizes = {x.shape[0] for x in arrays}
    if len(sizes) > 1:
        listed = "; ".join(f"xs{path} has {x.shape[0]}" for path, x in zip(paths, arrays, strict=True))
        raise ShapeError(f"scan: the first axes of xs must have one size: {listed}")
    if not sizes and length is None:
        raise ShapeError("scan: give xs, or the number of steps by length")
    if length is not None:
        steps = asarray(length)
        if steps.shape or not is_integer(steps.dtype) or int(steps) < 0:
            raise OptionError(f"scan: length must be an int of at least 0, not {length!r}")
    if sizes and length is not None and int(length) not in sizes:
        raise ShapeError(f"scan: length is {length}, but the arrays of xs have {sizes.pop()} rows")
    return sizes.pop() if sizes else int(length)  # type: ignore[arg-type]
