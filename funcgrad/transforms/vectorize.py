"""`numpy.vectorize`: a function of single elements, or of small arrays, along all axes in front, which broadcast.

It is `vmap` with NumPy's notation: "(m,n),(n)->(m)" says how many last axes of each argument the function sees.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import tree
from ..core import Array
from ..errors import DtypeError, OptionError, ShapeError, TreeError
from ..numpy.creation import asarray
from .vmap import vmap

__all__ = ["frompyfunc", "vectorize"]

Core: TypeAlias = tuple[str, ...]
"""The names of the axes of one argument or result that the function sees."""

_CORE = r"\((?:\w+(?:,\w+)*)?\)"
_SIDE = rf"{_CORE}(?:,{_CORE})*"


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Collection[int | str] = frozenset(), signature: str | None = None
) -> Callable[..., Any]:
    """A function that calls pyfunc along all leading axes of its arguments, which broadcast with each other.

    Nothing is broadcast in memory: an argument that lacks an axis is shared along it. As under `vmap`, Python's `if`
    and `while` work.

    Args:
        pyfunc: a function of arrays, written for one element or, by the signature, for small arrays.
        excluded: positions and names of arguments that pyfunc gets as they are; arguments that are None always are.
        signature: the last axes that pyfunc sees, by name: "(n,k),(k)->(n)". Equal names have equal sizes. Without
            one pyfunc sees arrays without dimensions, and its results may have any shape.

    Returns:
        A function of the same arguments; arguments by keyword broadcast too. Results have the broadcast shape in
        front of what pyfunc returns.

    Raises:
        OptionError: no such signature, or excluded is neither positions nor names.
        ShapeError: shapes that do not fit the signature, or do not broadcast.
        TreeError: another number of arguments or results than the signature has.

    >>> import functools, funcgrad.numpy as fnp
    >>> @functools.partial(fnp.vectorize, signature="(n,k),(k)->(n)")
    ... def product(matrix, vector):
    ...     return matrix @ vector
    >>> product(fnp.ones((2, 3)), fnp.ones((5, 4, 3))).shape
    (5, 4, 2)
    >>> fnp.vectorize(lambda x, y: x if x > y else -y)(fnp.asarray([[1], [5]]), fnp.asarray([2, 3])).tolist()
    [[-2, -3], [5, 5]]

    Source: numpy.vectorize; jax.numpy.vectorize.
    """
    if wrong := [e for e in excluded if not isinstance(e, str) and (type(e) is not int or e < 0)]:
        raise OptionError(f"vectorize: excluded holds positions and names of arguments, not {wrong[0]!r}")
    cores = None if signature is None else _parse(signature)

    @functools.wraps(pyfunc)
    def vectorized(*args: Any, **kwargs: Any) -> Any:
        places: list[int | str] = [p for p in (*range(len(args)), *kwargs) if p not in excluded]
        if cores is not None and len(places) != len(cores[0]):
            raise TreeError(f"vectorize: {signature!r} is of {len(cores[0])} arguments, not of {len(places)}")
        given = [args[p] if isinstance(p, int) else kwargs[p] for p in places]
        present = [i for i, x in enumerate(given) if x is not None]
        places = [places[i] for i in present]
        arrays = [_operand(given[i], f"argument {place!r}") for i, place in zip(present, places, strict=True)]
        seen = [() if cores is None else cores[0][i] for i in present]
        sizes: dict[str, int] = {}
        for place, x, core in zip(places, arrays, seen, strict=True):
            if x.ndim < len(core):
                raise ShapeError(
                    f"vectorize: argument {place!r} is {_text(x)}; {signature!r} needs {len(core)} axes of it"
                )
            _measure(x, core, sizes, f"argument {place!r}")

        def call(*xs: Any) -> Any:
            whole, named = list(args), dict(kwargs)
            for place, x in zip(places, xs, strict=True):
                if isinstance(place, int):
                    whole[place] = x
                else:
                    named[place] = x
            out = pyfunc(*whole, **named)
            if cores is not None:
                _check_outputs(out, cores[1], dict(sizes), signature)
            return out

        return _along_loops(call, arrays, [x.ndim - len(core) for x, core in zip(arrays, seen, strict=True)])

    return vectorized


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int) -> Callable[..., Any]:
    """A function of so many arguments and results as an elementwise one: `vectorize` with the numbers checked.

    Args:
        func: of nin numbers, returning one, or a tuple of nout.
        nin: how many arguments it has.
        nout: how many results.

    Returns:
        A function of nin arrays that broadcast. Other than NumPy's its results are arrays of numbers, not of objects.

    Raises:
        TreeError: it is called with another number of arguments, or returns another number of results.

    >>> import funcgrad.numpy as fnp
    >>> fnp.frompyfunc(lambda x, y: x if x > y else -y, 2, 1)(fnp.asarray([1, 5]), 3).tolist()
    [-3, 5]
    """
    along = vectorize(func, signature=f"{','.join(['()'] * nin)}->{','.join(['()'] * nout)}")

    @functools.wraps(func)
    def elementwise(*args: Any) -> Any:
        return along(*args)

    return elementwise


def _operand(x: Any, what: str) -> Any:
    """What has a shape: random keys as they are, the rest as an array."""
    if hasattr(type(x), "hidden_axes"):
        return x
    try:
        return asarray(x)
    except DtypeError as error:
        raise DtypeError(f"vectorize: {what} is no array: {error.message}; excluded passes it as it is") from None


def _along_loops(call: Callable[..., Any], arrays: Sequence[Any], counts: Sequence[int]) -> Any:
    """The results of a function along the first axes of each array, as many as the counts say."""
    loops = [x.shape[:n] for x, n in zip(arrays, counts, strict=True)]
    try:
        shape = np.broadcast_shapes(*loops)
    except ValueError:
        listed = ", ".join(str(loop) for loop in loops)
        raise ShapeError(f"vectorize: the axes in front do not broadcast: {listed}") from None
    rank = len(shape)
    wide = [(1,) * (rank - len(loop)) + loop for loop in loops]
    groups = list(_groups(shape, wide))
    inputs = []
    for k, (x, loop) in enumerate(zip(arrays, loops, strict=True)):
        inputs.append(_reshaped(x, [size for size, has in groups if has[k]], len(loop)))
    for size, has in reversed(groups):
        call = vmap(call, in_axes=tuple(0 if h else None for h in has), axis_size=size)
    out = call(*inputs)
    if not rank:
        return out
    return _reshaped(out, shape, len(groups))


def _reshaped(x: Any, shape: Sequence[int], count: int) -> Any:
    """The arrays of a tree with those axes instead of the first ones."""
    return tree.map(lambda leaf: (leaf := asarray(leaf)).reshape((*shape, *leaf.shape[count:])), x)


def _groups(shape: Sequence[int], wide: Sequence[Sequence[int]]) -> Iterator[tuple[int, tuple[bool, ...]]]:
    """Axes that run as one: the sizes of neighbours that the same arguments have, and which arguments those are."""
    group: tuple[int, tuple[bool, ...]] | None = None
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        has = tuple(loop[axis] == size for loop in wide)
        if group is not None and group[1] == has:
            group = group[0] * size, has
            continue
        if group is not None:
            yield group
        group = size, has
    if group is not None:
        yield group


def _parse(signature: str) -> tuple[list[Core], list[Core]]:
    """The core axes of the arguments and of the results."""
    text = re.sub(r"\s", "", signature) if isinstance(signature, str) else ""
    if re.fullmatch(f"{_SIDE}->{_SIDE}", text) is None:
        raise OptionError(f"vectorize: signature must be like '(m,n),(n)->(m)', not {signature!r}")
    arguments, results = ([tuple(re.findall(r"\w+", core)) for core in re.findall(_CORE, s)] for s in text.split("->"))
    return arguments, results


def _measure(x: Any, core: Core, sizes: dict[str, int], what: str) -> None:
    """The sizes of named axes, which must be equal wherever a name stands."""
    for name, size in zip(core, x.shape[x.ndim - len(core) :], strict=True):
        if sizes.setdefault(name, size) != size:
            raise ShapeError(
                f"vectorize: axis {name!r} is of size {sizes[name]}, but of size {size} in {what} {x.aval}"
            )


def _check_outputs(out: Any, cores: Sequence[Core], sizes: dict[str, int], signature: str | None) -> None:
    outs = out if isinstance(out, tuple) else (out,)
    if len(outs) != len(cores):
        raise TreeError(f"vectorize: {signature!r} has {len(cores)} results, but the function returned {len(outs)}")
    for k, (out, core) in enumerate(zip(outs, cores, strict=True)):
        x = _operand(out, f"result {k}")
        if x.ndim != len(core):
            raise ShapeError(f"vectorize: result {k} is {_text(x)}; {signature!r} says that it has {len(core)} axes")
        _measure(x, core, sizes, f"result {k}")


def _text(x: Any) -> str:
    return str(x.aval) if isinstance(x, Array) else f"keys of shape {x.shape}"
