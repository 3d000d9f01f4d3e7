"""`where_apply`: two branches of an elementwise function, each computed on its own elements alone.

`where(x > 0, sqrt(x), 0)` computes the root of negative elements and then drops it; its derivative there is
0 * inf = NaN. Here they never reach the root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import tree
from ..core import SCALARS, Array, Call, Tracer, bind_call, current_trace, use_trace
from ..dtypes import is_boolean, is_inexact, promote_types, weak
from ..errors import DtypeError, ShapeError, TreeError
from ..numpy.creation import asarray, zeros
from ..numpy.indexing import take
from ..numpy.manipulation import concat
from ..placement import device_get
from ..rules import batch_to_front, broadcast_shapes
from .arguments import placed
from .batch import BatchTracer
from .callback import QuietTrace
from .closure import SubstitutionTrace, ValueAsked, capture, frozen
from .custom_arguments import instantiate
from .grad import vjp
from .jvp import jvp

__all__ = ["where_apply"]

Branch = Callable[..., Sequence[Any]]
"""(*vectors of one length) -> vectors of that length."""


def where_apply(cond: Any, f: Any, g: Any, *xs: Any) -> Any:
    """f(*xs) where cond is true and g(*xs) elsewhere, each computed on its own elements alone.

        out[i] = f(*[x[i] for x in xs]) if cond[i] else g(*[x[i] for x in xs])

    A branch does not see the elements of the other, so nothing overflows there and no NaN comes back from there.

    Args:
        cond: booleans.
        f, g: elementwise functions, or values that broadcast with the others. They get vectors, one element for each
            place that is theirs, perhaps none, and must treat each element by itself.
        *xs: arrays that broadcast with cond.

    Returns:
        An array of the common shape, or a pytree of them where f and g return one; where the branches' dtypes
        differ, of the one they promote to.

    Raises:
        ShapeError: shapes do not broadcast, or a branch returns another number of elements.
        TreeError: the branches return different structures.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> f = lambda x: fg.where_apply(x > 0, fnp.sqrt, 0.0, x)
    >>> fg.elementwise_grad(f)(fnp.asarray([4.0, 0.0, -1.0])).tolist()
    [0.25, 0.0, 0.0]
    """
    cond = asarray(cond)
    if not is_boolean(cond.dtype):
        raise DtypeError(f"where_apply: the condition must hold booleans, not {cond.aval}")
    operands: list[Any] = [asarray(x) for x in xs]
    forms: list[list[Any]] = [[], []]  # what each branch returned last, as a tree
    branches: list[Branch] = []
    for branch, form in zip((f, g), forms, strict=True):
        if not callable(branch):
            operands.append(branch if type(branch) in SCALARS else asarray(branch))
            branch = partial(_operand, len(operands) - 1)
        branches.append(partial(_flat, branch, form, len(xs)))
    shape = broadcast_shapes("where_apply", cond.shape, *[x.shape for x in operands if isinstance(x, Array)])
    like = next((x for x in operands if isinstance(x, Array)), None)
    wide = [x if isinstance(x, Array) else asarray(x, None if like is None else weak(like.dtype, x)) for x in operands]
    cond = cond.broadcast_to(shape)
    wide = [x.broadcast_to(shape) for x in wide]
    captured = _captured(branches, wide) if _batched(cond) else _spread()
    if not (_batched(cond) or captured):
        outs = _apart(cond, branches, wide)
    else:
        spread = [x.broadcast_to(cond.shape) for x in captured]
        branches = [closed_over(branch, captured) for branch in branches]
        outs = list(bind_call(current_trace(), WhereApply(*branches), [cond, *spread, *wide]))
    (one,), (other,) = forms
    if tree.structure(one) != tree.structure(other):
        words = tree.difference(one, other)
        raise TreeError(f"where_apply: the values of f (the first) and of g (the second) differ: {words}")
    return tree.unflatten(tree.structure(one), outs)


class WhereApply(Call):
    """The same where the condition is batched: operands are the condition and vectors of its shape."""

    name = "where_apply"

    def __init__(self, f: Branch, g: Branch):
        self.f, self.g = f, g

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return _apart(args[0], [self.f, self.g], args[1:])

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        n, places = len(primals), [i for i, t in enumerate(tangents) if t is not None]

        def push(branch: Branch, *operands: Any) -> list[Any]:
            def of_moving(*moving: Any) -> list[Any]:
                whole = list(operands[: n - 1])
                for i, x in zip(places, moving, strict=True):
                    whole[i - 1] = x
                return list(branch(*whole))

            outs, found = jvp(of_moving, [operands[i - 1] for i in places], list(operands[n - 1 :]))
            return [*outs, *found]

        call = WhereApply(partial(push, self.f), partial(push, self.g))
        both = bind_call(current_trace(), call, [*primals, *[tangents[i] for i in places]])
        half = len(both) // 2
        return both[:half], both[half:]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        f, g = frozen((self.f, self.g))  # the first run may be long past when they run again
        outs = bind_call(current_trace(), self, primals)
        n = len(primals)
        places = [i for i in range(1, n) if wanted[i] and is_inexact(primals[i].dtype)]
        smooth = [k for k, x in enumerate(outs) if is_inexact(x.dtype)]

        def pull(branch: Branch, *operands: Any) -> list[Any]:
            def of_wanted(*given: Any) -> list[Any]:
                whole = list(operands[: n - 1])
                for i, x in zip(places, given, strict=True):
                    whole[i - 1] = x
                found = branch(*whole)
                return [found[k].astype(outs[k].dtype) for k in smooth]

            with use_trace(QuietTrace(current_trace())):  # the second run
                _, back = vjp(of_wanted, *[operands[i - 1] for i in places])
            return list(back(list(operands[n - 1 :])))

        def pullback(cts: Sequence[Any]) -> list[Any]:
            given = instantiate(cts, outs)
            call = WhereApply(partial(pull, f), partial(pull, g))
            columns = bind_call(current_trace(), call, [*primals, *[given[k] for k in smooth]])
            return placed([None] * n, places, columns)

        return outs, pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        outs = bind_call(current_trace(), self, batch_to_front(args, dims, size))
        return outs, [0] * len(outs)


def _apart(cond: Any, branches: Sequence[Branch], xs: Sequence[Any]) -> list[Any]:
    """Each branch on its own elements, and the results in their places; the condition's values decide."""
    shape = cond.shape
    flags = device_get(cond.concrete()).reshape(-1)
    flat = [x.reshape(-1) for x in xs]
    places = [np.flatnonzero(flags), np.flatnonzero(~flags)]
    order = np.argsort(np.concatenate(places))
    parts = [branch(*[take(x, where, axis=0) for x in flat]) for branch, where in zip(branches, places, strict=True)]
    if len(parts[0]) != len(parts[1]):
        raise TreeError(f"where_apply: f returns {len(parts[0])} arrays and g {len(parts[1])}")
    outs = []
    for a, b in zip(*parts, strict=True):
        dtype = promote_types(a.dtype, b.dtype)
        outs.append(take(concat([a.astype(dtype), b.astype(dtype)], axis=0), order, axis=0).reshape(shape))
    return outs


def _flat(f: Callable[..., Any], form: list[Any], count: int, *xs: Any) -> list[Any]:
    """A branch as a function from vectors to a list of vectors."""
    shape = xs[0].shape if xs else (1,)
    out = f(*xs) if isinstance(f, partial) and f.func is _operand else f(*xs[:count])
    leaves, structure = tree.flatten(out)
    form[:] = [tree.unflatten(structure, [0] * len(leaves))]
    found = []
    for leaf in leaves:
        y = asarray(leaf, weak(xs[0].dtype, leaf)) if type(leaf) in SCALARS and xs else asarray(leaf)
        if y.shape not in ((), shape):
            raise ShapeError(
                f"where_apply: a branch got {shape[0]} elements and returned {y.aval}: it must be elementwise"
            )
        found.append(y.broadcast_to(shape))
    return found


def _operand(place: int, *xs: Any) -> Any:
    """A branch that is a value."""
    return xs[place]


def _batched(x: Any) -> bool:
    """Is there a batch anywhere in this stack of tracers?"""
    while isinstance(x, Tracer):
        if isinstance(x, BatchTracer):
            return True
        x = x.inner
    return False


def _captured(branches: Sequence[Branch], wide: Sequence[Any]) -> list[Tracer]:
    """What the branches close over, scalars alone."""
    captured: list[Tracer] = []
    for branch in branches:
        with use_trace(QuietTrace(current_trace())):
            _, found, _ = capture(lambda *xs, branch=branch: list(branch(*xs)), *[x.reshape(-1)[:0] for x in wide])
        captured += [x for x in found if all(x is not y for y in captured)]
    for x in captured:
        if x.shape:
            raise ShapeError(
                f"where_apply: under vmap a branch closes over {x.aval}; give it as one of xs, so that each element "
                "has its own part"
            )
    return captured


class SpreadTrace(SubstitutionTrace):
    """Runs a branch with a vector, one value an element, in the place of each scalar that it closes over."""

    __slots__ = ("spread",)

    def __init__(self, captured: Sequence[Tracer], values: Sequence[Any]):
        super().__init__(current_trace(), captured, values)
        self.spread = captured


def _spread() -> list[Tracer]:
    """The scalars for which vectors stand, where we are in a branch: one inside of it parts them with its elements."""
    found: list[Tracer] = []
    trace = current_trace()
    while trace is not None:
        if isinstance(trace, SpreadTrace):
            found += [x for x in trace.spread if all(x is not y for y in found)]
        trace = trace.parent
    return found


def closed_over(branch: Branch, captured: Sequence[Tracer]) -> Branch:
    """(*values for what it closes over, *xs) -> the branch's results."""
    n = len(captured)
    if not n:
        return branch

    def call(*operands: Any) -> list[Any]:
        return run(operands[:n], operands[n:])

    def run(values: Sequence[Any], xs: Sequence[Any]) -> list[Any]:
        trace = SpreadTrace(captured, values)
        try:
            with use_trace(trace):
                outs = branch(*xs)
            return [trace.read(x) for x in outs]
        except ValueAsked as asked:
            places = [i for i, x in enumerate(captured) if x is asked.tracer]
            if not places:
                raise
            return by_value(places[0], values, xs)
        except ShapeError as error:
            error.add_note(
                "under vmap a branch of where_apply finds vectors, one value an element, for the scalars that it "
                "closes over: decide by Python's number, as in `if float(w) > 3`, or element by element, by fnp.where"
            )
            raise

    def by_value(place: int, values: Sequence[Any], xs: Sequence[Any]) -> list[Any]:
        """The branch once for each value that Python finds in the place, with the elements that have it."""
        _, first, group = np.unique(device_get(values[place].concrete()), return_index=True, return_inverse=True)
        parts, order = [], []
        for k, start in enumerate(first):
            where = np.flatnonzero(group.reshape(-1) == k)
            given = [v[start] if i == place else take(v, where, axis=0) if v.shape else v for i, v in enumerate(values)]
            parts.append(run(given, [take(x, where, axis=0) for x in xs]))
            order.append(where)
        if not parts:  # no elements: any value will do
            return run([zeros((), v.dtype) if i == place else v for i, v in enumerate(values)], xs)
        back = np.argsort(np.concatenate(order))
        return [take(concat(list(column), axis=0), back, axis=0) for column in zip(*parts, strict=True)]

    return call
