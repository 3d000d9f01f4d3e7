"""Functions with a batch rule of their own: `custom_vmap`, and `sequential_vmap`, which loops.

    @custom_vmap
    def f(x): ...

    @f.def_vmap
    def rule(axis_size, in_batched, x):          # x has the examples in front where in_batched says so
        return batched_f(x), True

The derivative of such a function is one again, whose rule is the derivative of the rule: `vmap(grad(f))` uses it too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Call, bind_call, current_trace
from ..dtypes import is_inexact
from ..errors import ShapeError, TreeError
from ..numpy.creation import asarray
from ..numpy.manipulation import stack
from ..rules import move_axis
from .arguments import described, placed
from .closure import HoldsFunctions
from .custom_arguments import Arguments, as_outputs, instantiate, run_call
from .grad import vjp
from .jvp import jvp

__all__ = ["custom_vmap", "sequential_vmap"]

Flat = Callable[..., Any]


class custom_vmap(HoldsFunctions):  # noqa: N801  # a decorator, named as one
    """A function that says itself what it does to a batch.

    Args:
        f: a function of pytrees of arrays.

    `def_vmap` declares the rule, (axis_size, in_batched, *arguments) -> (output, out_batched): `in_batched` has the
    arguments' structure and is True for each leaf that has the examples as its first axis; `out_batched` says the
    same of the output.

    Raises:
        TreeError: there is no rule, or `out_batched` does not have the output's structure.
        ShapeError: an output that is said to be batched does not have the examples as its first axis.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> @fg.custom_vmap
    ... def f(x):
    ...     return x + 1
    >>> @f.def_vmap
    ... def rule(axis_size, in_batched, x):
    ...     return x + 100, True
    >>> float(f(1.0)), fg.vmap(f)(fnp.ones(2)).tolist()
    (2.0, [101.0, 101.0])
    """

    def __init__(self, f: Callable[..., Any]):
        self.f = f
        self.rule: Callable[..., Any] | None = None
        functools.update_wrapper(self, f)

    def def_vmap(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the rule: see the class."""
        self.rule = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kind = f"custom_vmap {getattr(self.f, '__name__', '')}".rstrip()
        if self.rule is None:
            raise TreeError(f"{kind}: there is no rule for its batches: declare one by `.def_vmap`")
        if current_trace() is None:
            return self.f(*args, **kwargs)
        call = Arguments(self.f, None, args, kwargs, (), kind)
        if not call.traced:
            return self.f(*args, **kwargs)
        structures: list[Any] = []

        def evaluate(leaves: Sequence[Any]) -> list[Any]:
            outs, structure = tree.flatten(self.f(*call.tree(leaves)))
            structures.append(structure)
            return as_outputs(outs, kind)

        def rule(size: int, batched: Sequence[bool], leaves: Sequence[Any]) -> tuple[list[Any], list[bool]]:
            assert self.rule is not None
            result = self.rule(size, call.tree(batched), *call.tree(leaves))
            if not (isinstance(result, tuple) and len(result) == 2):
                raise TreeError(f"{kind}: the rule must return (output, out_batched), not {described(result)}")
            outs, structure = tree.flatten(result[0])
            try:
                flags = tree.broadcast_prefix(result[1], result[0])
            except ValueError as error:
                words = tree.difference(result[1], result[0], prefix=True)
                raise TreeError(
                    f"{kind}: out_batched (the first) does not fit the output (the second): {words}"
                ) from error
            structures.append(structure)
            outs = as_outputs(outs, kind)
            for x, flag in zip(outs, flags, strict=True):
                if flag and (not x.ndim or x.shape[0] != size):
                    raise ShapeError(f"{kind}: a batched output must have the {size} examples in front, not {x.aval}")
            return outs, [bool(flag) for flag in flags]

        operation = CustomVmap(kind, evaluate, rule)
        operation.learned = structures
        outs = run_call(operation, call.leaves, kind)
        return tree.unflatten(operation.learned[-1], outs)


def sequential_vmap(f: Callable[..., Any]) -> custom_vmap:
    """A function that is run once an example where it is batched.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> @fg.sequential_vmap
    ... def f(x):
    ...     print("f of", x)
    ...     return x * x
    >>> fg.vmap(f)(fnp.asarray([1.0, 2.0])).tolist()
    f of 1.0
    f of 2.0
    [1.0, 4.0]
    """
    wrapped = custom_vmap(f)

    @wrapped.def_vmap
    def rule(size: int, in_batched: Any, *args: Any) -> tuple[Any, Any]:
        rows = [f(*tree.map(lambda flag, x, i=i: x[i] if flag else x, in_batched, args)) for i in range(size)]
        out = tree.map(lambda *xs: stack([asarray(x) for x in xs]), *rows)
        return out, tree.map(lambda _: True, out)

    return wrapped


class CustomVmap(Call):
    """A function on leaves with its batch rule on leaves: (size, flags, leaves) -> (results, flags)."""

    closed = True

    def __init__(self, name: str, f: Flat, rule: Flat):
        self.name, self.f, self.rule = name, f, rule

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return self.f(args)  # type: ignore[no-any-return]

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        front = [x if d is None else move_axis(x, d, 0) for x, d in zip(args, dims, strict=True)]
        outs, flags = self.rule(size, [d is not None for d in dims], front)
        return outs, [0 if flag else None for flag in flags]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        n, places = len(primals), [i for i, t in enumerate(tangents) if t is not None]

        def push(f: Flat, leaves: Sequence[Any]) -> list[Any]:
            """Results and their tangents, by one function or the other."""

            def of_moving(*moving: Any) -> Any:
                whole = placed(leaves[:n], places, moving)
                return f(whole)

            outs, found = jvp(of_moving, [leaves[i] for i in places], leaves[n:])
            return [*outs, *found]

        def rule(size: int, flags: Sequence[bool], leaves: Sequence[Any]) -> tuple[list[Any], list[bool]]:
            spread = [flags[i] or flags[n + k] for k, i in enumerate(places)]
            rows, own = list(leaves), list(flags[:n])
            for k, i in enumerate(places):
                own[i] = spread[k]
                for j in (i, n + k):
                    rows[j] = rows_of(rows[j], size) if spread[k] and not flags[j] else rows[j]
            seen: list[bool] = []

            def f(whole: Sequence[Any]) -> list[Any]:
                outs, seen[:] = self.rule(size, own, whole)
                return outs  # type: ignore[no-any-return]

            return push(f, rows), seen * 2

        call = CustomVmap(self.name, lambda xs: push(self.f, xs), rule)
        call.learned = self.learned
        both = bind_call(current_trace(), call, [*primals, *[tangents[i] for i in places]])
        half = len(both) // 2
        return both[:half], both[half:]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        outs = bind_call(current_trace(), self, primals)
        n, places = len(primals), [i for i, w in enumerate(wanted) if w and is_inexact(primals[i].dtype)]
        smooth = [k for k, x in enumerate(outs) if is_inexact(x.dtype)]

        def pull(f: Flat, leaves: Sequence[Any]) -> list[Any]:
            """The cotangents of the wanted operands, from operands and cotangents of the results."""

            def of_wanted(*given: Any) -> Any:
                whole = placed(leaves[:n], places, given)
                found = f(whole)
                return [found[k] for k in smooth]

            return list(vjp(of_wanted, *[leaves[i] for i in places])[1](list(leaves[n:])))

        def rule(size: int, flags: Sequence[bool], leaves: Sequence[Any]) -> tuple[list[Any], list[bool]]:
            # every example has its own cotangent of a wanted operand, also of one that all examples share
            every = [i in places or i >= n for i in range(len(leaves))]
            rows = [rows_of(x, size) if e and not flag else x for x, e, flag in zip(leaves, every, flags, strict=True)]
            own = [flag or e for flag, e in zip(flags[:n], every[:n], strict=True)]

            def f(whole: Sequence[Any]) -> list[Any]:
                found, seen = self.rule(size, own, whole)
                return [x if flag else rows_of(x, size) for x, flag in zip(found, seen, strict=True)]

            return pull(f, rows), [True] * len(places)

        def pullback(cts: Sequence[Any]) -> list[Any]:
            given = instantiate(cts, outs)
            call = CustomVmap(self.name, lambda xs: pull(self.f, xs), rule)
            columns = bind_call(current_trace(), call, [*primals, *[given[k] for k in smooth]])
            return placed([None] * n, places, columns)

        return outs, pullback


def rows_of(x: Any, size: int) -> Any:
    """A shared value once for each example, in front."""
    return asarray(x).broadcast_to((size, *asarray(x).shape))
