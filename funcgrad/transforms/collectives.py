"""Examples of one `vmap` that communicate: `psum`, `all_gather` and the others, by the name of their batch.

    vmap(lambda x: x - pmean(x, "batch"), axis_name="batch")

Each takes a pytree and acts on its leaves. What all examples know afterwards (a sum, a maximum) is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from .. import tree
from ..core import current_trace
from ..errors import AxisNameError, OptionError, ShapeError
from ..numpy.creation import asarray
from ..ops import collective as ops
from ..ops.create import to_inexact
from ..rules import move_axis
from .batch import BatchTrace

__all__ = [
    "all_gather",
    "all_to_all",
    "axis_index",
    "axis_size",
    "pbroadcast",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "pshuffle",
    "psum",
    "psum_scatter",
    "pswapaxes",
]

Name = Hashable
Names = Hashable | Sequence[Hashable]


def psum(x: Any, axis_name: Names) -> Any:
    """The sum of the examples' values.

    Args:
        x: a pytree of arrays, one example's. A number that does not depend on the example counts once an example.
        axis_name: of the vmap to sum over (a string or anything else that hashes), or a tuple or list of names.

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


def pbroadcast(x: Any, axis_name: Name, source: int) -> Any:
    """The value of one example, which every example gets.

    Args:
        x: a pytree of arrays.
        axis_name: of the vmap.
        source: the number of that example.

    Raises: as for `psum`; OptionError where there is no such example.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: x - fg.pbroadcast(x, "i", 1), axis_name="i")(fnp.asarray([1.0, 3.0, 2.0]))
    Array([-2.,  0., -1.], dtype=float32)
    """
    size = axis_size(axis_name)
    if not 0 <= source < size:
        raise OptionError(f"pbroadcast: source must be one of the {size} examples, not {source!r}")
    return tree.map(lambda leaf: leaf[source], all_gather(x, axis_name))


def all_gather(x: Any, axis_name: Names, *, axis: int = 0, tiled: bool = False) -> Any:
    """All examples' values in one array, which every example gets.

    Args:
        x: a pytree of arrays of shape (*s).
        axis_name: of the vmap; of several the examples of the last come one after the other.
        axis: where the examples go in the result.
        tiled: concatenate along that axis instead of a new one.

    Returns:
        A pytree of arrays of shape (size, *s), the examples at `axis`.

    Raises: as for `psum`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: fg.all_gather(x, "i").max() - x, axis_name="i")(fnp.asarray([1.0, 3.0, 2.0]))
    Array([2., 0., 1.], dtype=float32)
    """
    names = _names(axis_name)
    size = axis_size(names)

    def gathered(leaf: Any) -> Any:
        found = leaf = asarray(leaf)
        for name in reversed(names):
            found = ops.all_gather(found, axis_name=name, size=axis_size(name))
        return _insert(found.reshape((size, *leaf.shape)), axis, tiled)

    return tree.map(gathered, x)


def psum_scatter(x: Any, axis_name: Name, *, scatter_dimension: int = 0, tiled: bool = False) -> Any:
    """The sum of the examples' values, of which each example gets its own part: the transpose of `all_gather`.

    Args:
        x: a pytree of arrays of shape (size, *s), or of more dimensions before that axis.
        axis_name: of the vmap.
        scatter_dimension: the axis whose i-th entry example i gets.
        tiled: example i gets the i-th of `size` equal pieces of that axis, which stays.

    Returns:
        A pytree of arrays of shape (*s).

    Raises: as for `psum`; ShapeError where that axis is not one entry an example, or tiled no such pieces.
    """
    size = axis_size(axis_name)

    def scattered(leaf: Any) -> Any:
        leaf = asarray(leaf)
        rows = _rows(leaf, scatter_dimension, tiled, size, "psum_scatter")
        return ops.psum_scatter(rows, axis_name=axis_name, size=size)

    return tree.map(scattered, x)


def all_to_all(x: Any, axis_name: Name, split_axis: int, concat_axis: int, *, tiled: bool = False) -> Any:
    """Every example sends a part of its value to each, its i-th part to example i.

    Args:
        x: a pytree of arrays.
        axis_name: of the vmap.
        split_axis: the axis whose i-th entry goes to example i.
        concat_axis: where the received parts stand in the result, those of example j at j.
        tiled: the parts are `size` equal pieces of `split_axis`, and are concatenated along `concat_axis`; both axes
            stay.

    Returns:
        A pytree of arrays of x's shape without `split_axis`, with an axis of the batch's size at `concat_axis`.

    Raises: as for `psum_scatter`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> x = fnp.asarray([[1, 2], [3, 4]])
    >>> fg.vmap(lambda x: fg.all_to_all(x, "i", 0, 0), axis_name="i")(x).tolist()
    [[1, 3], [2, 4]]
    """
    size = axis_size(axis_name)

    def exchanged(leaf: Any) -> Any:
        rows = _rows(asarray(leaf), split_axis, tiled, size, "all_to_all")
        return _insert(ops.all_to_all(rows, axis_name=axis_name), concat_axis, tiled)

    return tree.map(exchanged, x)


def pswapaxes(x: Any, axis_name: Name, axis: int) -> Any:
    """The examples change places with the entries of an axis: `all_to_all(x, axis_name, axis, axis)`."""
    return all_to_all(x, axis_name, axis, axis)


def ppermute(x: Any, axis_name: Name, perm: Sequence[tuple[int, int]]) -> Any:
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


def pshuffle(x: Any, axis_name: Name, perm: Sequence[int]) -> Any:
    """Example i gets the value of example perm[i]: `ppermute` for a whole permutation; Raises: as there.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: fg.pshuffle(x, "i", [2, 0, 1]), axis_name="i")(fnp.asarray([1.0, 2.0, 3.0]))
    Array([3., 1., 2.], dtype=float32)
    """
    if len(perm) != axis_size(axis_name):
        raise OptionError(f"pshuffle: perm must name each of the {axis_size(axis_name)} examples once, not {perm}")
    return ppermute(x, axis_name, [(source, target) for target, source in enumerate(perm)])


def axis_index(axis_name: Names) -> Any:
    """The number of this example in its batch: an int64 array without dimensions.

    Of several names the last counts fastest, as in `all_gather`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.vmap(lambda x: x * fg.axis_index("i"), axis_name="i")(fnp.asarray([5, 5, 5]))
    Array([ 0,  5, 10], dtype=int64)
    """
    found: Any = None
    for name in _names(axis_name):
        size, mine = axis_size(name), ops.axis_index(axis_name=name)
        found = mine if found is None else found * size + mine
    return found


def axis_size(axis_name: Names) -> int:
    """How many examples the vmap of that name has; of several names the product."""
    if isinstance(axis_name, tuple | list):
        total = 1
        for name in axis_name:
            total *= axis_size(name)
        return total
    trace = current_trace()
    running: list[Hashable] = []
    while trace is not None:
        if isinstance(trace, BatchTrace) and trace.axis_name is not None:
            if trace.axis_name == axis_name:
                return trace.size
            running.append(trace.axis_name)
        trace = trace.parent
    names = f"those that run have the names {', '.join(map(repr, running))}" if running else "none that runs has a name"
    if axis_name is None or isinstance(axis_name, int):
        advice = f"; to reduce an axis of the array itself write fnp.sum(x, {axis_name}), fnp.mean, fnp.max"
    else:
        advice = ""
    raise AxisNameError(
        f"no vmap with axis_name={axis_name!r} is running here, {names}: give the name to the vmap whose examples "
        f"communicate, vmap(f, axis_name={axis_name or 'i'!r}){advice}"
    )


def _each(operation: Callable[..., Any], x: Any, axis_name: Names) -> Any:
    """An operation on every leaf, over one name after the other."""
    for name in _names(axis_name):
        axis_size(name)
        x = tree.map(lambda leaf, name=name: operation(asarray(leaf), axis_name=name), x)
    return x


def _names(axis_name: Names) -> tuple[Name, ...]:
    return tuple(axis_name) if isinstance(axis_name, tuple | list) else (axis_name,)


def _rows(x: Any, axis: int, tiled: bool, size: int, name: str) -> Any:
    """The array with one entry an example in front: that axis, or tiled the number of the piece of it."""
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{name}: {x.aval} has no axis {axis}")
    axis %= x.ndim
    if not tiled:
        if x.shape[axis] != size:
            raise ShapeError(f"{name}: axis {axis} of {x.aval} must be of size {size}, one entry an example")
        return move_axis(x, axis, 0)
    if x.shape[axis] % size:
        raise ShapeError(f"{name}: axis {axis} of {x.aval} cannot be cut into {size} equal pieces, one an example")
    cut = x.reshape((*x.shape[:axis], size, x.shape[axis] // size, *x.shape[axis + 1 :]))
    return move_axis(cut, axis, 0)


def _insert(x: Any, axis: int, tiled: bool) -> Any:
    """The array with its first axis at `axis` of the result, or tiled as part of that axis."""
    ndim = x.ndim - 1 if tiled else x.ndim
    if not -ndim <= axis < ndim:
        raise ShapeError(f"a result of {ndim} dimensions has no axis {axis} for the examples to stand at")
    axis %= ndim
    x = move_axis(x, 0, axis)
    return x.reshape((*x.shape[:axis], -1, *x.shape[axis + 2 :])) if tiled else x
