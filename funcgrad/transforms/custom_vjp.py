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
from typing import Any

from .. import tree
from ..core import Array, Call, bind_call, current_trace
from ..dtypes import is_inexact
from ..errors import TreeError
from ..numpy.creation import asarray, zeros_like
from ..rules import move_axis
from .custom_arguments import Arguments, instantiate, is_traced, run_call, same_form
from .custom_jvp import as_outputs
from .grad import vjp
from .vmap import vmap

__all__ = ["custom_gradient", "custom_vjp"]

Flat = Callable[..., Any]


class custom_vjp:  # noqa: N801  # a decorator, named as one
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
        self.f: Any = f
        if f is not None:
            functools.update_wrapper(self, f)

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Declare the rules: see the class."""
        self.rules = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.f is None:  # custom_vjp(nondiff_argnums=...) as a decorator
            return custom_vjp(args[0], self.numbers, self.names)
        kind = f"custom_vjp {getattr(self.f, '__name__', '')}".rstrip()
        if self.rules is None:
            raise TreeError(f"{kind}: there are no rules for its derivative: declare them by `.defvjp(fwd, bwd)`")
        if current_trace() is None:
            return self.f(*args, **kwargs)
        call = Arguments(self.f, args, kwargs, (*self.numbers, *self.names), kind)
        if not is_traced(call.leaves):
            return self.f(*args, **kwargs)
        fwd, bwd = self.rules
        structures: list[Any] = []

        def evaluate(leaves: Sequence[Any]) -> list[Any]:
            outs, structure = tree.flatten(self.f(*call.whole(leaves)))
            structures.append(structure)
            return as_outputs(outs)

        def forward(leaves: Sequence[Any]) -> tuple[list[Any], Any]:
            result = fwd(*call.whole(leaves))
            if not (isinstance(result, tuple) and len(result) == 2):
                raise TreeError(f"{kind}: fwd must return (output, residuals), not {type(result).__name__}")
            outs, structure = tree.flatten(result[0])
            structures.append(structure)
            return as_outputs(outs), result[1]

        def backward(residuals: Any, cts: Sequence[Any]) -> list[Any]:
            result = bwd(*call.fixed.values(), residuals, tree.unflatten(structures[-1], cts))
            return cotangents(result, call, kind)

        operation = CustomVJP(kind, evaluate, forward, backward)
        operation.learned = structures
        outs = run_call(operation, call.leaves, kind)
        call.forget()
        return tree.unflatten(operation.learned[-1], outs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns its pullback with its value.

    Args:
        f: (*arguments) -> (output, pullback); the pullback takes the output's cotangent and returns a tuple with a
            cotangent for each argument, or for one argument that cotangent alone. What it closes over is kept.

    >>> import funcgrad as fg
    >>> @fg.custom_gradient
    ... def f(x):
    ...     return x ** 2, lambda ct: (ct * x,)
    >>> float(f(3.0)), float(fg.grad(f)(3.0))
    (9.0, 3.0)
    """

    def value(*args: Any) -> Any:
        return f(*args)[0]

    def bwd(args: Any, ct: Any) -> Any:
        found = f(*args)[1](ct)
        return found if isinstance(found, tuple | list) else (found,)

    functools.update_wrapper(value, f)
    wrapped = custom_vjp(value)
    wrapped.defvjp(lambda *args: (f(*args)[0], args), bwd)
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
    found = [ct for ct, x in zip(found, leaves, strict=True) if x is not None]
    return same_form(found, call.leaves, "the cotangent of argument leaf", f"{kind}, its bwd")


class CustomVJP(Call):
    """A function on leaves with its forward and backward rules on leaves."""

    def __init__(self, name: str, f: Flat, fwd: Flat, bwd: Flat):
        self.name, self.f, self.fwd, self.bwd = name, f, fwd, bwd

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return self.f(args)  # type: ignore[no-any-return]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        outs, residuals = self.fwd([asarray(p) for p in primals])

        def pullback(cts: Sequence[Any]) -> Sequence[Any]:
            return self.bwd(residuals, instantiate(cts, outs))  # type: ignore[no-any-return]

        kept = [x for x in tree.leaves(residuals) if isinstance(x, Array)]
        pullback.residuals = [(x, f"a residual of {self.name}") for x in kept]  # type: ignore[attr-defined]
        return outs, pullback

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        outs, residuals = self.fwd([asarray(p) for p in primals])
        smooth = [i for i, x in enumerate(outs) if is_inexact(x.dtype)]
        pushed = [i for i, t in enumerate(tangents) if t is not None]

        def back(*given: Any) -> list[Any]:
            cts = [zeros_like(x) for x in outs]
            for i, ct in zip(smooth, given, strict=True):
                cts[i] = ct
            found = self.bwd(residuals, [ct if is_inexact(ct.dtype) else None for ct in cts])
            return [zeros_like(tangents[i]) if found[i] is None else found[i] for i in pushed]

        # <ct, J t> = <J^T ct, t>, and bwd is J^T: its transpose at any point is J
        _, push = vjp(back, *[zeros_like(outs[i]) for i in smooth])
        out_tangents: list[Any] = [None] * len(outs)
        for i, t in zip(smooth, push([tangents[i] for i in pushed]), strict=True):
            out_tangents[i] = t
        return outs, out_tangents

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        axes = list(dims)
        f = vmap(self.f, in_axes=(axes,), axis_size=size)
        fwd = vmap(self.fwd, in_axes=(axes,), axis_size=size)
        bwd = vmap(self.bwd, axis_size=size)

        def backward(residuals: Any, cts: Sequence[Any]) -> list[Any]:
            rows = bwd(residuals, list(cts))
            return [
                None if ct is None else ct.sum(axis=0) if d is None else move_axis(ct, 0, d)
                for ct, d in zip(rows, dims, strict=True)
            ]

        call = CustomVJP(self.name, lambda xs: f(list(xs)), lambda xs: fwd(list(xs)), backward)
        call.learned = self.learned
        outs = bind_call(current_trace(), call, args)
        return outs, [0] * len(outs)
