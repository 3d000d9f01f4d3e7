"""A batch in parts, one after the other, so that it needs the memory of one part: the names of optax.microbatching.

A part, a microbatch, takes every k-th example of the batch, k being the number of parts. So a batch that is spread over
devices along its axis stays so.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from ..core import Array
from ..dtypes import is_inexact
from ..errors import DtypeError, OptionError, ShapeError
from ..transforms.callback import ShapeDtypeStruct
from ..transforms.control import fori_loop
from ..transforms.grad import value_and_grad
from ..transforms.scan import scan
from ..transforms.vmap import vmap

__all__ = [
    "AccumulationType",
    "Accumulator",
    "Aux",
    "micro_grad",
    "micro_vmap",
    "microbatch",
    "reshape_batch_axis",
]


class AccumulationType(enum.Enum):
    """How the results of microbatches become one.

    MEAN is their sum over their number, RUNNING_MEAN the mean of those that were run, step by step m + (x - m) / i,
    SUM their sum, and CONCAT the examples of all in the batch's order; what has no axis is stacked.
    """

    MEAN = 1
    SUM = 2
    RUNNING_MEAN = 3
    CONCAT = 4


@dataclass(frozen=True)
class Accumulator:
    """How the results of microbatches become one, as functions:

        carry = init(shape and dtype of a result);  carry = update(carry, result i, i) for each;  finalize(carry)

    Args:
        init: what is carried at first, of a `ShapeDtypeStruct`.
        update: (carry, result, index) -> the next carry.
        finalize: carry -> the result.
        aggregate: for `micro_vmap`: a microbatch's results, stacked along the first axis -> its one result.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad.optim import microbatching
    >>> largest = microbatching.Accumulator(
    ...     init=lambda x: fnp.full(x.shape, -fnp.inf, x.dtype),
    ...     update=lambda carry, x, i: fnp.maximum(carry, x), finalize=lambda carry: carry,
    ...     aggregate=lambda x: x.max(0))
    >>> x = fnp.asarray([3.0, 8.0, 5.0, 1.0])
    >>> microbatching.microbatch(fnp.sum, 0, 2, largest)(x)
    Array(9., dtype=float32)
    """

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], Any]
    finalize: Callable[[Any], Any]
    aggregate: Callable[[Any], Any]


class Aux(NamedTuple):
    """What `micro_grad` returns beside the gradients: one row an example.

    Args:
        values: of the function.
        metrics: what `metrics_fn` made of the gradient.
        aux: what the function returned with its value.
    """

    values: Any
    metrics: Any
    aux: Any


# ---- accumulators ------------------------------------------------------------------------------


def _zeros(x: Any) -> Array:
    return fnp.zeros(x.shape, x.dtype)


def _zeros_for_mean(x: Any) -> Array:
    if not is_inexact(x.dtype):
        raise DtypeError(f"microbatch: MEAN and RUNNING_MEAN are of floats, not {x.dtype}")
    return _zeros(x)


def _added(carry: Any, x: Any, i: Any) -> Any:
    return carry + x


def _same(x: Any) -> Any:
    return x


def _joined(x: Array) -> Array:
    """The examples of all microbatches, (parts, size, ...), in the batch's order."""
    return x if x.ndim == 1 else fnp.swapaxes(x, 0, 1).reshape((-1, *x.shape[2:]))


def _accumulator(kind: Any, parts: int) -> Accumulator:
    """What an `AccumulationType` stands for, where there are so many parts."""
    if isinstance(kind, Accumulator):
        return kind
    if kind is AccumulationType.SUM:
        return Accumulator(_zeros, _added, _same, lambda x: x.sum(0))
    if kind is AccumulationType.MEAN:
        return Accumulator(_zeros_for_mean, _added, lambda carry: carry / parts, lambda x: x.mean(0))
    if kind is AccumulationType.RUNNING_MEAN:
        return Accumulator(
            _zeros_for_mean,
            lambda carry, x, i: carry + (x - carry) / fnp.asarray(i + 1).astype(x.dtype),
            _same,
            lambda x: x.mean(0),
        )
    if kind is AccumulationType.CONCAT:
        return Accumulator(
            lambda x: fnp.zeros((parts, *x.shape), x.dtype),
            lambda carry, x, i: carry.at[i].set(x),
            _joined,
            _same,
        )
    raise OptionError(f"microbatch: an accumulator is an AccumulationType or an Accumulator, not {kind!r}")


# ---- microbatch --------------------------------------------------------------------------------


def reshape_batch_axis(tree: Any, microbatch_size: int, axis: int = 0) -> Any:
    """The batch axis of each array as two, (number of microbatches, size); microbatch i has examples i, i + k, ...

    Args:
        tree: a pytree of arrays.
        microbatch_size: must divide the axis's size.
        axis: the batch axis.

    Raises:
        ShapeError: the size does not divide the axis.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.microbatching.reshape_batch_axis(fnp.arange(6), 2).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """

    def split(x: Any) -> Array:
        x = fnp.asarray(x)
        at = axis % x.ndim if x.ndim else 0
        parts = _parts([x.shape[at]] if x.ndim else [0], microbatch_size)
        return fnp.swapaxes(x.reshape((*x.shape[:at], microbatch_size, parts, *x.shape[at + 1 :])), at, at + 1)

    return _map(split, tree)


_map = tree.map  # `tree` is optax's name of an argument above


def _parts(sizes: Sequence[int], microbatch_size: int) -> int:
    """How many microbatches there are."""
    if not sizes:
        raise OptionError("microbatch: no argument has a batch axis")
    if len(set(sizes)) > 1:
        raise ShapeError(f"microbatch: the batch axes must have one size, not {', '.join(map(str, sizes))}")
    if microbatch_size < 1 or sizes[0] % microbatch_size or not sizes[0]:
        raise ShapeError(f"microbatch: microbatch_size {microbatch_size} does not divide a batch of {sizes[0]}")
    return sizes[0] // microbatch_size


def microbatch(
    fun: Callable[..., Any],
    argnums: int | Sequence[int],
    microbatch_size: int | None,
    accumulator: Any = AccumulationType.SUM,
    *,
    argnames: str | Sequence[str] = (),
    in_axes: int | Sequence[int] = 0,
    num_real_microbatches: Any = None,
) -> Callable[..., Any]:
    """A function of a batch that does its work in parts and puts the results together.

    Where `num_real_microbatches` is None this is a `scan`, so reverse mode keeps no part's values: it computes each
    part again on its way back.

    Args:
        fun: a function of arrays with a batch axis, and of others.
        argnums: the positions of its arguments with a batch axis, pytrees.
        microbatch_size: how many examples a part has; it must divide the batch. None is `fun` itself.
        accumulator: an `AccumulationType` or `Accumulator`, or a pytree of them, a prefix of fun's output.
        argnames: further arguments with a batch axis, by name.
        in_axes: where the batch axis is; a sequence has it for each of `argnums` and then `argnames`.
        num_real_microbatches: how many parts to run, at least 1, where only the first ones hold examples; an array, so
            that another number compiles nothing again. CONCAT has zeros for the rest.

    Returns:
        A function of the same arguments.

    Raises:
        ShapeError: batch axes of several sizes, or one that `microbatch_size` does not divide.
        DtypeError: a mean of integers.
        OptionError: nothing has a batch axis; an accumulator that is none.
        TreeError: `accumulator` is no prefix of the output.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad.optim.microbatching import AccumulationType, microbatch
    >>> f = microbatch(lambda x: (x + 1, fnp.sum(3 * x)), 0, 2, (AccumulationType.CONCAT, AccumulationType.SUM))
    >>> f(fnp.asarray([1, 2, 3, 4]))
    (Array([2, 3, 4, 5], dtype=int64), Array(30, dtype=int64))
    """
    if microbatch_size is None:
        return fun
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    names = [argnames] if isinstance(argnames, str) else list(argnames)
    axes = [in_axes] * (len(numbers) + len(names)) if isinstance(in_axes, int) else list(in_axes)
    if len(axes) != len(numbers) + len(names):
        raise OptionError(f"microbatch: in_axes has {len(axes)} axes for {len(numbers) + len(names)} arguments")

    def by_parts(*args: Any, **kwargs: Any) -> Any:
        given = [args[i] for i in numbers] + [kwargs[name] for name in names]
        sizes = [fnp.shape(x)[axis] for value, axis in zip(given, axes, strict=True) for x in tree.leaves(value)]
        parts = _parts(sizes, microbatch_size)
        rows = [_rows(value, microbatch_size, axis) for value, axis in zip(given, axes, strict=True)]

        def run(part: list[Any]) -> Any:
            positional = list(args)
            for i, value in zip(numbers, part, strict=False):
                positional[i] = value
            named = kwargs | dict(zip(names, part[len(numbers) :], strict=True))
            return tree.map(fnp.asarray, fun(*positional, **named))

        if num_real_microbatches is None:
            return _scanned(run, rows, accumulator, parts)
        return _first(run, rows, accumulator, parts, num_real_microbatches)

    return by_parts


def _rows(value: Any, size: int, axis: int) -> Any:
    """The microbatches along the first axis, each with its batch axis where it was."""

    def moved(x: Any) -> Array:
        x = fnp.asarray(x)
        return fnp.moveaxis(reshape_batch_axis(x, size, axis), axis % x.ndim, 0)

    return tree.map(moved, value)


def _accumulators(accumulator: Any, outputs: list[Array], output: Any, parts: int) -> list[tuple[bool, Accumulator]]:
    """For each array of the output, whether it is to be put together from all of them, and how."""
    kinds = tree.leaves(tree.broadcast(accumulator, output))
    return [(kind is AccumulationType.CONCAT, _accumulator(kind, parts)) for kind in kinds]


def _started(accumulator: Accumulator, x: Array) -> Any:
    """What is carried after the first part."""
    return accumulator.update(accumulator.init(ShapeDtypeStruct(x.shape, x.dtype)), x, 0)


def _scanned(run: Callable[[Any], Any], rows: Any, accumulator: Any, parts: int) -> Any:
    """All parts, by `scan`, the first one before it: what it returns is what the rest is like."""
    output = run(tree.map(lambda x: x[0], rows))
    first, structure = tree.flatten(output)
    how = _accumulators(accumulator, first, output, parts)
    carry = [None if stack else _started(acc, x) for (stack, acc), x in zip(how, first, strict=True)]

    def step(carry: Any, x: Any) -> Any:
        index, row = x
        new = tree.leaves(run(row))
        triples = list(zip(how, carry, new, strict=True))
        following = [None if stack else acc.update(held, value, index) for (stack, acc), held, value in triples]
        return following, [value if stack else None for (stack, _), _, value in triples]

    stacks: list[Any] = [None] * len(how)
    if parts > 1:
        carry, stacks = scan(step, carry, (fnp.arange(1, parts), tree.map(lambda x: x[1:], rows)))
    results = []
    for (stack, acc), held, rest, x in zip(how, carry, stacks, first, strict=True):
        if stack:
            held = x[None] if rest is None else fnp.concat([x[None], rest])
        results.append(acc.finalize(held))
    return tree.unflatten(structure, results)


def _first(run: Callable[[Any], Any], rows: Any, accumulator: Any, parts: int, count: Any) -> Any:
    """So many of the parts, which may be known at run time alone."""
    output = run(tree.map(lambda x: x[0], rows))
    first, structure = tree.flatten(output)
    how = [acc for _, acc in _accumulators(accumulator, first, output, parts)]
    start = [_started(acc, x) for acc, x in zip(how, first, strict=True)]

    def step(i: Any, carry: Any) -> Any:
        new = tree.leaves(run(tree.map(lambda x: x[i], rows)))
        return [acc.update(held, value, i) for acc, held, value in zip(how, carry, new, strict=True)]

    carry = fori_loop(1, fnp.minimum(count, parts), step, start)
    return tree.unflatten(structure, [acc.finalize(held) for acc, held in zip(how, carry, strict=True)])


# ---- per example -------------------------------------------------------------------------------


def micro_vmap(
    fun: Callable[..., Any],
    in_axes: int | Sequence[int | None] = 0,
    out_axes: Any = 0,
    *,
    microbatch_size: int | None = None,
    vmap_fn: Callable[..., Any] = vmap,
    accumulator: Any = AccumulationType.CONCAT,
    num_real_microbatches: Any = None,
) -> Callable[..., Any]:
    """`vmap` by parts of the batch, whose results may be summed on the way.

    Args:
        fun: a function of one example.
        in_axes: the batch axis of each positional argument, None for those that have none; one int for all.
            Arguments by name have it first.
        out_axes: 0.
        microbatch_size: how many examples at a time; all where None.
        vmap_fn: in place of `vmap`, called with (fun, in_axes, out_axes).
        accumulator: as for `microbatch`, a prefix of the output; CONCAT is what `vmap` returns, MEAN and SUM are over
            the examples.
        num_real_microbatches: as for `microbatch`.

    Returns:
        A function of the arguments with a batch axis more.

    Raises:
        OptionError: another `out_axes`.
        ShapeError, DtypeError, TreeError: as for `microbatch`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad.optim import microbatching
    >>> square = lambda x: x ** 2
    >>> microbatching.micro_vmap(square, microbatch_size=2)(fnp.arange(4)).tolist()
    [0, 1, 4, 9]
    >>> total = microbatching.micro_vmap(square, microbatch_size=2, accumulator=microbatching.AccumulationType.SUM)
    >>> int(total(fnp.arange(4)))
    14
    """
    if out_axes != 0:
        raise OptionError(f"micro_vmap: out_axes must be 0, not {out_axes!r}: move the axes of the result")

    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes: tuple[Any, ...] = (in_axes,) * len(args) if isinstance(in_axes, int) else tuple(in_axes)
        numbers = [i for i, axis in enumerate(axes) if axis is not None]

        def of_part(*args: Any, **kwargs: Any) -> Any:
            output = vmap_fn(fun, axes, 0)(*args, **kwargs)
            kinds = tree.broadcast(accumulator, output)
            return tree.map(lambda kind, x: _accumulator(kind, 1).aggregate(x), kinds, output)

        return microbatch(
            of_part,
            numbers,
            microbatch_size,
            accumulator,
            argnames=tuple(kwargs),
            in_axes=[*(axes[i] for i in numbers), *(0 for _ in kwargs)],
            num_real_microbatches=num_real_microbatches,
        )(*args, **kwargs)

    return mapped


def _nothing(grads: Any) -> None:
    return None


def micro_grad(
    fun: Callable[..., Any],
    has_aux: bool = False,
    argnums: int | Sequence[int] = 0,
    *,
    batch_argnums: int | Sequence[int] = 1,
    keep_batch_dim: bool = True,
    microbatch_size: int | None = None,
    accumulator: Any = AccumulationType.SUM,
    transform_fn: Callable[[Any], Any] = _same,
    metrics_fn: Callable[[Any], Any] = _nothing,
    num_real_microbatches: Any = None,
) -> Callable[..., tuple[Any, Aux]]:
    """The gradient of each example, changed, and their sum, some examples at a time.

    With transform_fn a clipping this is the first half of differentially private training; with a square it gives
    second moments of the gradients.

    Args:
        fun: a function of a batch whose value is one real number.
        has_aux: whether it returns (value, aux).
        argnums: the position or positions of what to differentiate by.
        batch_argnums: the position or positions of the arguments with a batch axis, their first.
        keep_batch_dim: whether fun gets an example as a batch of 1, or without that axis.
        microbatch_size: how many gradients are held at a time; all where None.
        accumulator: as for `micro_vmap`, a prefix of what `transform_fn` returns.
        transform_fn: of each example's gradient, a tuple of trees where `argnums` is a sequence.
        metrics_fn: of each example's gradient, for `Aux`.
        num_real_microbatches: as for `microbatch`.

    Returns:
        A function of the same arguments that returns (gradients, `Aux`).

    Raises:
        NonScalarError: the value is not one number.
        ShapeError, DtypeError, TreeError: as for `microbatch`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad.optim import microbatching
    >>> loss = lambda w, x, y: ((x * w - y) ** 2).mean() / 2
    >>> x, y = fnp.ones(4), fnp.asarray([0.0, 2.0, 4.0, 6.0])
    >>> both = microbatching.micro_grad(
    ...     loss, batch_argnums=(1, 2), microbatch_size=2, accumulator=microbatching.AccumulationType.MEAN,
    ...     transform_fn=lambda g: (g, g ** 2))
    >>> (mean, square), aux = both(fnp.asarray(0.0), x, y)
    >>> float(mean), float(square), aux.values.tolist()
    (-3.0, 14.0, [0.0, 2.0, 8.0, 18.0])

    Source: Abadi et al., Deep learning with differential privacy, CCS 2016 (gradients of examples, clipped).
    """
    numbers = (batch_argnums,) if isinstance(batch_argnums, int) else tuple(batch_argnums)
    derivative = value_and_grad(fun, argnums if isinstance(argnums, int) else tuple(argnums), has_aux)

    def of_example(*args: Any, **kwargs: Any) -> Any:
        if keep_batch_dim:
            positional = list(args)
            for i in numbers:
                positional[i] = tree.map(lambda x: fnp.asarray(x)[None], args[i])
            args = tuple(positional)
        value, grads = derivative(*args, **kwargs)
        value, aux = value if has_aux else (value, None)
        return transform_fn(grads), Aux(value, metrics_fn(grads), aux)

    def of_batch(*args: Any, **kwargs: Any) -> tuple[Any, Aux]:
        batched = {i % len(args) for i in numbers}
        result: tuple[Any, Aux] = micro_vmap(
            of_example,
            tuple(0 if i in batched else None for i in range(len(args))),
            microbatch_size=microbatch_size,
            accumulator=(accumulator, AccumulationType.CONCAT),
            num_real_microbatches=num_real_microbatches,
        )(*args, **kwargs)
        return result

    return of_batch
