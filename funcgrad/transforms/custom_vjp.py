"""Functions with a backward pass of their own: `custom_vjp`.

    @custom_vjp
    def clip_gradient(low, high, x):
        return x

    clip_gradient.defvjp(
        lambda low, high, x: (x, (low, high)),                               # forward: output, what backward needs
        lambda residuals, ct: (None, None, clip(ct, *residuals)),            # backward: a cotangent an argument
    )

Forward mode is the transpose: the backward rule is linear in the cotangent, so the tangent of the output comes from
running it once on a tape of cotangents alone and going backward there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import tree
from ..core import Array, Call, bind_call, current_trace
from ..dtypes import is_inexact
from ..errors import TreeError
from ..numpy.creation import asarray, zeros_like
from ..rules import move_axis
from .arguments import described, placed
from .closure import HoldsFunctions, frozen
from .custom_arguments import (
    Arguments,
    as_outputs,
    by_itself,
    instantiate,
    pulled,
    pushed,
    run_call,
    same_form,
)
from .custom_jvp import SymbolicZero
from .grad import vjp
from .vmap import vmap

__all__ = ["custom_gradient", "custom_vjp"]

Flat = Callable[..., Any]


@dataclass(frozen=True)
class CustomVJPPrimal:
    """A leaf of fwd's arguments with `symbolic_zeros`: its value, and whether its cotangent is asked for."""

    value: Any
    perturbed: bool


class custom_vjp(HoldsFunctions):  # noqa: N801  # a decorator, named as one
    """A function whose reverse-mode derivative is given by a pair of rules.

    Args:
        f: a function of pytrees of arrays.
        nondiff_argnums, nondiff_argnames: arguments that are not differentiated, of any type; the backward rule gets
            them first, as they are.

    `defvjp(fwd, bwd)` declares the rules. fwd takes f's arguments and returns (output, residuals), any pytree of
    arrays; bwd takes (*nondiff arguments, residuals, cotangent of the output) and returns a tuple with a cotangent for
    each other argument; None, for an argument or for a part of it, is zero.

    Raises:
        TreeError: there are no rules, or the cotangents do not have the structure of the arguments.
        ShapeError: a cotangent does not have the shape of its argument.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> @fg.custom_vjp
    ... def straight_through(x):
    ...     return fnp.round(x)
    >>> straight_through.defvjp(lambda x: (straight_through(x), None), lambda residuals, ct: (ct,))
    >>> float(fg.grad(lambda x: straight_through(x) ** 2)(2.6))
    6.0
    """

    def __init__(
        self,
        f: Callable[..., Any] | None = None,
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ):
        self.numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        self.names = (nondiff_argnames,) if isinstance(nondiff_argnames, str) else tuple(nondiff_argnames)
        self.rules: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self.symbolic_zeros = False
        self.f: Any = f
        if f is not None:
            functools.update_wrapper(self, f)

    def defvjp(
        self,
        fwd: Callable[..., Any],
        bwd: Callable[..., Any],
        symbolic_zeros: bool = False,
        optimize_remat: bool = False,
    ) -> None:
        """Declare the rules: see the class.

        Args:
            fwd: (*arguments) -> (output, residuals).
            bwd: (*nondiff arguments, residuals, cotangent of the output) -> a cotangent for each other argument.
            symbolic_zeros: tell the rules what need not be computed. Each leaf of fwd's arguments, the nondiff ones
                excepted, is then an object with the attributes `value` and `perturbed`, False where nobody asks for
                its cotangent; and bwd gets a `SymbolicZero` for each cotangent that is known to be zero.
            optimize_remat: for programs written for JAX; without effect.

        >>> import funcgrad as fg, funcgrad.numpy as fnp
        >>> @fg.custom_vjp
        ... def solve(a, b):
        ...     return b / a
        >>> def fwd(a, b):
        ...     x = b.value / a.value
        ...     return x, (a.value, x if a.perturbed else None)
        >>> def bwd(residuals, ct):
        ...     a, x = residuals
        ...     return None if x is None else -ct * x / a, ct / a
        >>> solve.defvjp(fwd, bwd, symbolic_zeros=True)
        >>> float(fg.grad(solve, 1)(2.0, 3.0)), [float(g) for g in fg.grad(solve, (0, 1))(2.0, 3.0)]
        (0.5, [-0.75, 0.5])
        """
        self.rules, self.symbolic_zeros = (fwd, bwd), symbolic_zeros

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.f is None:  # custom_vjp(nondiff_argnums=...) as a decorator
            return custom_vjp(args[0], self.numbers, self.names)
        kind = f"custom_vjp {getattr(self.f, '__name__', '')}".rstrip()
        if self.rules is None:
            raise TreeError(f"{kind}: there are no rules for its derivative: declare them by `.defvjp(fwd, bwd)`")
        if current_trace() is None:
            return self.f(*args, **kwargs)
        fwd, bwd = self.rules[0], frozen(self.rules[1])
        symbolic = self.symbolic_zeros
        call = Arguments(self.f, [fwd, bwd], args, kwargs, (*self.numbers, *self.names), kind)
        if not call.traced:
            return self.f(*call.whole([], call.leaves)) if call.fixed else self.f(*args, **kwargs)
        learned: list[Any] = []

        def learn(output: Any) -> list[Any]:
            outs, structure = tree.flatten(output)
            outs = as_outputs(outs, kind)
            learned.append((structure, [x.aval for x in outs]))
            return outs

        def evaluate(operands: Sequence[Any]) -> list[Any]:
            values, leaves = call.parted(operands)
            return learn(call.run(self.f, values, *call.whole(values, leaves)))

        def forward(operands: Sequence[Any], perturbed: Sequence[bool]) -> tuple[list[Any], Any]:
            values, leaves = call.parted(operands)
            given = list(map(CustomVJPPrimal, leaves, call.parted(perturbed)[1])) if symbolic else leaves
            result = call.run(fwd, values, *call.whole(values, given))
            if not (isinstance(result, tuple) and len(result) == 2):
                raise TreeError(f"{kind}: fwd must return (output, residuals), not {described(result)}")
            return learn(result[0]), (values, result[1])

        def backward(residuals: Any, cts: Sequence[Any]) -> list[Any]:
            (values, kept), (structure, avals) = residuals, learned[-1]
            if symbolic:
                cts = [
                    SymbolicZero(x.shape, x.dtype) if ct is None and is_inexact(x.dtype) else ct
                    for ct, x in zip(cts, avals, strict=True)
                ]
            result = call.run(bwd, values, *call.nondiff(values).values(), kept, tree.unflatten(structure, cts))
            return [*[None] * len(values), *cotangents(result, call, kind)]

        operation = CustomVJP(kind, evaluate, forward, backward, len(call.read), symbolic)
        operation.learned = learned
        outs = run_call(operation, call.operands, kind)
        call.forget()
        return tree.unflatten(operation.learned[-1][0], outs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns its pullback with its value.

    Args:
        f: (*arguments) -> (output, pullback); the pullback takes the output's cotangent and returns a tuple with a
            cotangent for each argument, or for one argument that cotangent alone. What it closes over is kept.

    Raises:
        TreeError: the function returns something else.

    >>> import funcgrad as fg
    >>> @fg.custom_gradient
    ... def f(x):
    ...     return x ** 2, lambda ct: (ct * x,)
    >>> float(f(3.0)), float(fg.grad(f)(3.0))
    (9.0, 3.0)
    """

    kind = f"custom_gradient {getattr(f, '__name__', '')}".rstrip()

    def both(args: Sequence[Any]) -> tuple[Any, Any]:
        found = f(*args)
        if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
            raise TreeError(f"{kind}: the function must return (output, pullback), not {described(found)}")
        return found

    def value(*args: Any) -> Any:
        return both(args)[0]

    def bwd(args: Any, ct: Any) -> Any:
        found = both(args)[1](ct)
        return found if isinstance(found, tuple | list) else (found,)

    functools.update_wrapper(value, f)
    wrapped = custom_vjp(value)
    wrapped.defvjp(lambda *args: (both(args)[0], args), bwd)
    return wrapped


def cotangents(result: Any, call: Arguments, kind: str) -> list[Any]:
    """What bwd returned, one cotangent a leaf of the arguments."""
    if isinstance(result, list):
        result = tuple(result)
    if not isinstance(result, tuple) or len(result) != len(call.given):
        what = f"{len(result)} entries" if isinstance(result, tuple) else type(result).__name__
        raise TreeError(
            f"{kind}: bwd must return a tuple with one cotangent for each of the {len(call.given)} differentiated "
            f"arguments, not {what}; write (ct,) for one"
        )
    try:
        found = tree.broadcast_prefix(result, call.given)
    except ValueError as error:
        words = tree.difference(result, call.given, prefix=True, none_is_leaf=True)
        raise TreeError(
            f"{kind}: bwd's cotangents (the first) do not fit the arguments (the second): {words}"
        ) from error
    leaves = tree.flatten(call.given, none_is_leaf=True)[0]
    found = [None if isinstance(ct, SymbolicZero) else ct for ct, x in zip(found, leaves, strict=True) if x is not None]
    return same_form(found, call.leaves, "the cotangent of argument leaf", f"{kind}, its bwd")


class CustomVJP(Call):
    """A function on operands with its forward and backward rules on operands.

    Args:
        name: the function's.
        f: operands -> results.
        fwd: (operands, which are differentiated) -> (results, residuals).
        bwd: (residuals, cotangents of the results) -> cotangents of the operands.
        read: how many of the operands, the first ones, are what the function closes over.
        symbolic: bwd takes None for a cotangent that is zero.
    """

    closed = True

    def __init__(self, name: str, f: Flat, fwd: Flat, bwd: Flat, read: int, symbolic: bool):
        self.name, self.f, self.fwd, self.bwd, self.read, self.symbolic = name, f, fwd, bwd, read, symbolic

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return self.f(args)  # type: ignore[no-any-return]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        primals = [asarray(p) for p in primals]
        if by_itself(self.name, primals[: self.read], wanted):
            return pulled(self.f, primals, wanted)
        outs, residuals = self.fwd(primals, wanted)

        def pullback(cts: Sequence[Any]) -> Sequence[Any]:
            given = list(cts) if self.symbolic else instantiate(cts, outs)
            return self.bwd(residuals, given)  # type: ignore[no-any-return]

        kept = [x for x in tree.leaves(residuals) if isinstance(x, Array)]
        pullback.residuals = [(x, f"a residual of {self.name}") for x in kept]  # type: ignore[attr-defined]
        return outs, pullback

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        primals, moving = [asarray(p) for p in primals], [t is not None for t in tangents]
        if by_itself(self.name, primals[: self.read], moving):
            return pushed(self.f, primals, tangents)
        outs, residuals = self.fwd(primals, moving)
        smooth = [i for i, x in enumerate(outs) if is_inexact(x.dtype)]
        places = [i for i, t in enumerate(tangents) if t is not None]

        def back(*given: Any) -> list[Any]:
            cts = [zeros_like(x) for x in outs]
            for i, ct in zip(smooth, given, strict=True):
                cts[i] = ct
            found = self.bwd(residuals, [ct if is_inexact(ct.dtype) else None for ct in cts])
            return [zeros_like(tangents[i]) if found[i] is None else found[i] for i in places]

        # <ct, J t> = <J^T ct, t>, and bwd is J^T: its transpose at any point is J
        _, push = vjp(back, *[zeros_like(outs[i]) for i in smooth])
        out_tangents = placed([None] * len(outs), smooth, push([tangents[i] for i in places]))
        return outs, out_tangents

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        axes = list(dims)
        f = vmap(self.f, in_axes=(axes,), axis_size=size)
        bwd = vmap(self.bwd, axis_size=size)

        def forward(args: Sequence[Any], perturbed: Sequence[bool]) -> Any:
            return vmap(lambda xs: self.fwd(xs, perturbed), in_axes=(axes,), axis_size=size)(list(args))

        def backward(residuals: Any, cts: Sequence[Any]) -> list[Any]:
            rows = bwd(residuals, list(cts))
            return [
                None if ct is None else ct.sum(axis=0) if d is None else move_axis(ct, 0, d)
                for ct, d in zip(rows, dims, strict=True)
            ]

        call = CustomVJP(self.name, lambda xs: f(list(xs)), forward, backward, self.read, self.symbolic)
        call.learned = self.learned
        outs = bind_call(current_trace(), call, args)
        return outs, [0] * len(outs)
