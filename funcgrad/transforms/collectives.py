"""Examples of one `vmap` that communicate: `psum`, `all_gather` and the others, by the name of their batch.

    vmap(lambda x: x - pmean(x, "batch"), axis_name="batch")

Each takes a pytree and acts on its leaves. What all examples know afterwards (a sum, a maximum) is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import current_trace
from ..errors import AxisNameError, OptionError, ShapeError
from ..numpy.creation import asarray
from ..ops import collective as ops
from ..ops.create import to_inexact
from .batch import BatchTrace

__all__ = [
    "all_gather",
    "axis_index",
    "axis_size",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "psum",
    "psum_scatter",
]

Names = str | Sequence[str]


def psum(x: Any, axis_name: Names) -> Any:
    """The sum of the examples' values.

    Args:
        x: a pytree of arrays, one example's. A number that does not depend on the example counts once an example.
        axis_name: of the vmap to sum over, or a sequence of names.

    Returns:
        A pytree of x's shapes, the same for all examples.

    Raises:
        AxisNameError: no vmap of that name is running.
        PathError: the examples have parted at a Python decision.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: x / fg.psum(x, "i"), axis_name="i")(fnp.asarray([1.0, 3.0]))
    Array([0.25, 0.75], dtype=float32)
    """
    return _each(ops.psum, x, axis_name)


def pmean(x: Any, axis_name: Names) -> Any:
    """The mean of the examples' values; Args, Raises: as for `psum`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: x - fg.pmean(x, "i"), axis_name="i")(fnp.asarray([1.0, 3.0]))
    Array([-1.,  1.], dtype=float32)
    """
    count = axis_size(axis_name)
    return tree.map(lambda leaf: to_inexact(leaf) / count, psum(x, axis_name))


def pmax(x: Any, axis_name: Names) -> Any:
    """The largest of the examples' values, elementwise; ties share the derivative. Args, Raises: as for `psum`."""
    return _each(ops.pmax, x, axis_name)


def pmin(x: Any, axis_name: Names) -> Any:
    """The smallest of the examples' values, elementwise; ties share the derivative. Args, Raises: as for `psum`."""
    return _each(ops.pmin, x, axis_name)


def all_gather(x: Any, axis_name: str, *, axis: int = 0, tiled: bool = False) -> Any:
    """All examples' values in one array, which every example gets.

    Args:
        x: a pytree of arrays of shape (*s).
        axis_name: of the vmap.
        axis: where the examples go in the result.
        tiled: concatenate along that axis instead of a new one.

    Returns:
        A pytree of arrays of shape (size, *s), the examples at `axis`.

    Raises: as for `psum`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: fg.all_gather(x, "i").max() - x, axis_name="i")(fnp.asarray([1.0, 3.0, 2.0]))
    Array([2., 0., 1.], dtype=float32)
    """
    size = axis_size(axis_name)

    def gathered(leaf: Any) -> Any:
        found = ops.all_gather(asarray(leaf), axis_name=axis_name, size=size)
        where = axis % (found.ndim - 1 if tiled else found.ndim)
        order = list(range(1, found.ndim))
        order.insert(where, 0)
        found = found.transpose(order)
        if tiled:
            shape = found.shape
            found = found.reshape((*shape[:where], shape[where] * shape[where + 1], *shape[where + 2 :]))
        return found

    return tree.map(gathered, x)


def psum_scatter(x: Any, axis_name: str) -> Any:
    """The sum of the examples' values, of which each example gets its own row: the transpose of `all_gather`.

    Args:
        x: a pytree of arrays of shape (size, *s).
        axis_name: of the vmap.

    Returns:
        A pytree of arrays of shape (*s).

    Raises: as for `psum`; ShapeError where the first axis is not one entry an example.
    """
    size = axis_size(axis_name)

    def scattered(leaf: Any) -> Any:
        leaf = asarray(leaf)
        if not leaf.ndim or leaf.shape[0] != size:
            raise ShapeError(f"psum_scatter: the first axis of {leaf.aval} must be of size {size}, one row an example")
        return ops.psum_scatter(leaf, axis_name=axis_name, size=size)

    return tree.map(scattered, x)


def ppermute(x: Any, axis_name: str, perm: Sequence[tuple[int, int]]) -> Any:
    """Examples send their values to others; who is sent nothing gets zeros.

    Args:
        x: a pytree of arrays.
        axis_name: of the vmap.
        perm: pairs (source, target), no target and no source twice.

    Raises: as for `psum`; OptionError for a wrong `perm`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: fg.ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(fnp.asarray([1.0, 2.0, 3.0]))
    Array([0., 1., 2.], dtype=float32)
    """
    size = axis_size(axis_name)
    pairs = tuple((int(s), int(t)) for s, t in perm)
    for what, ends in (("source", [s for s, _ in pairs]), ("target", [t for _, t in pairs])):
        if len(set(ends)) < len(ends) or not all(0 <= e < size for e in ends):
            raise OptionError(f"ppermute: each {what} must be one of the {size} examples, and none twice: {perm}")
    return tree.map(lambda leaf: ops.ppermute(asarray(leaf), axis_name=axis_name, perm=pairs), x)


def axis_index(axis_name: str) -> Any:
    """The number of this example in its batch: an int64 array without dimensions.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: x * fg.axis_index("i"), axis_name="i")(fnp.asarray([5, 5, 5]))
    Array([ 0,  5, 10], dtype=int64)
    """
    axis_size(axis_name)
    return ops.axis_index(axis_name=axis_name)


def axis_size(axis_name: Names) -> int:
    """How many examples the vmap of that name has; of several names the product."""
    if not isinstance(axis_name, str):
        total = 1
        for name in axis_name:
            total *= axis_size(name)
        return total
    trace = current_trace()
    while trace is not None:
        if isinstance(trace, BatchTrace) and trace.axis_name == axis_name:
            return trace.size
        trace = trace.parent
    raise AxisNameError(
        f"no vmap with axis_name={axis_name!r} is running here: give the name to the vmap whose examples communicate, "
        f"vmap(f, axis_name={axis_name!r})"
    )


def _each(operation: Callable[..., Any], x: Any, axis_name: Names) -> Any:
    """An operation on every leaf, over one name after the other."""
    names = (axis_name,) if isinstance(axis_name, str) else tuple(axis_name)
    for name in names:
        axis_size(name)
        x = tree.map(lambda leaf, name=name: operation(asarray(leaf), axis_name=name), x)
    return x
