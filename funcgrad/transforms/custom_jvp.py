"""Functions with a derivative of their own: `custom_jvp` states it forward, and reverse mode is its transpose.

    @custom_jvp
    def log1pexp(x):
        return log(1 + exp(x))

    @log1pexp.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return log1pexp(x), t * (1 - 1 / (1 + exp(x)))

A rule is linear in its tangents, so reverse mode runs it once on a tape of the tangents alone and goes backward there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import Aval, Call, bind_call, current_trace
from ..dtypes import is_inexact
from ..errors import OptionError, TreeError
from ..numpy.creation import asarray, zeros, zeros_like
from ..placement import device_get
from ..provenance import describe
from .arguments import described, placed
from .closure import HoldsFunctions
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
from .grad import vjp
from .tape import belongs, is_call, oldest_first, value_readers
from .vmap import vmap

__all__ = ["SymbolicZero", "custom_jvp"]

Flat = Callable[..., Any]


class SymbolicZero(Aval):
    """A tangent that is known to be zero: its shape and dtype, and no values."""

    __slots__ = ()

    def instantiate(self) -> Any:
        """The zeros."""
        return zeros(self.shape, self.dtype)


class custom_jvp(HoldsFunctions):  # noqa: N801  # a decorator, named as one
    """A function whose derivative is given by a rule.

    Args:
        f: a function of pytrees of arrays.
        nondiff_argnums, nondiff_argnames: arguments that are not differentiated, of any type; the rule gets them
            first, as they are.

    The rule is declared by `defjvp` or `defjvps`. It takes (*nondiff arguments, primals, tangents), two tuples with
    an entry for each other argument, and returns (output, tangent of the output); it must be linear in the tangents.

    Raises:
        TreeError: there is no rule, or its results do not have the structure of the output.
        OptionError: reverse mode through a rule that is not linear in its tangents, as far as its operations tell.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> @fg.custom_jvp
    ... def log1pexp(x):
    ...     return fnp.log(1.0 + fnp.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * (1 - 1 / (1 + fnp.exp(x)))
    >>> float(fg.grad(log1pexp)(50.0))
    1.0
    """

    def __init__(
        self,
        f: Callable[..., Any] | None = None,
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ):
        numbers = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        names = (nondiff_argnames,) if isinstance(nondiff_argnames, str) else tuple(nondiff_argnames)
        self.nondiff: tuple[int | str, ...] = (*numbers, *names)
        self.rule: Callable[..., Any] | None = None
        self.symbolic_zeros = False
        self.f: Any = f
        if f is not None:
            functools.update_wrapper(self, f)

    def defjvp(self, rule: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Declare the rule.

        Args:
            rule: (*nondiff arguments, primals, tangents) -> (output, tangent of the output).
            symbolic_zeros: give the rule a `SymbolicZero` for each tangent that is known to be zero, instead of
                zeros. A leaf of integers or booleans has the tangent None either way.
        """
        self.rule, self.symbolic_zeros = rule, symbolic_zeros
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Declare the rule as a sum: for each argument (tangent, output, *primals) -> its part, or None for zero."""
        if self.nondiff:
            raise TreeError("custom_jvp: defjvps takes no nondiff arguments: use defjvp")

        def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
            if len(rules) != len(primals):
                raise TreeError(
                    f"custom_jvp: defjvps has {len(rules)} rules for {len(primals)} arguments: None stands for zero"
                )
            out = self(*primals)
            parts = [f(t, out, *primals) for f, t in zip(rules, tangents, strict=True) if f is not None]
            total = tree.map(zeros_like, out)
            for part in parts:
                total = tree.map(lambda a, b: a + b, total, part)
            return out, total

        self.defjvp(rule)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.f is None:  # custom_jvp(nondiff_argnums=...) as a decorator
            return custom_jvp(args[0], *self._split_nondiff())
        kind = f"custom_jvp {getattr(self.f, '__name__', '')}".rstrip()
        if self.rule is None:
            raise TreeError(f"{kind}: there is no rule for its derivative: declare one by `.defjvp`")
        if current_trace() is None:
            return self.f(*args, **kwargs)
        call = Arguments(self.f, [self.rule], args, kwargs, self.nondiff, kind)
        if not call.traced:
            return self.f(*call.whole([], call.leaves)) if call.fixed else self.f(*args, **kwargs)
        structures: list[Any] = []

        def evaluate(operands: Sequence[Any]) -> list[Any]:
            values, leaves = call.parted(operands)
            outs, structure = tree.flatten(call.run(self.f, values, *call.whole(values, leaves)))
            structures.append(structure)
            return as_outputs(outs, kind)

        def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
            return self._apply_rule(call, primals, tangents, structures, kind)

        operation = CustomJVP(kind, evaluate, rule, len(call.read))
        operation.learned = structures
        outs = run_call(operation, call.operands, kind)
        call.forget()
        return tree.unflatten(operation.learned[-1], outs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _split_nondiff(self) -> tuple[list[int], list[str]]:
        return [n for n in self.nondiff if isinstance(n, int)], [n for n in self.nondiff if isinstance(n, str)]

    def _apply_rule(
        self, call: Arguments, primals: Sequence[Any], tangents: Sequence[Any], structures: list[Any], kind: str
    ) -> tuple[list[Any], list[Any]]:
        """The user's rule on operands; a tangent of None is zero."""
        (values, leaves), (_, tangents) = call.parted(primals), call.parted(tangents)
        if self.symbolic_zeros:
            given = [
                SymbolicZero(x.shape, x.dtype) if t is None and is_inexact(x.dtype) else t
                for t, x in zip(tangents, leaves, strict=True)
            ]
        else:
            given = instantiate(tangents, leaves)
        assert self.rule is not None
        result = call.run(self.rule, values, *call.nondiff(values).values(), call.tree(leaves), call.tree(given))
        if not (isinstance(result, tuple) and len(result) == 2):
            raise TreeError(f"{kind}: the rule must return (output, tangent of the output), not {described(result)}")
        outs, structure = tree.flatten(result[0], none_is_leaf=True)
        found, other = tree.flatten(result[1], none_is_leaf=True)
        if other != structure:
            words = tree.difference(result[0], result[1], none_is_leaf=True)
            raise TreeError(f"{kind}: the rule's output (the first) and its tangent (the second) differ: {words}")
        structures.append(tree.structure(result[0]))
        found = [None if isinstance(t, SymbolicZero) else t for t, x in zip(found, outs, strict=True) if x is not None]
        outs = as_outputs([x for x in outs if x is not None], kind)
        return outs, same_form(found, outs, "the tangent of output", f"{kind}, its rule")


class CustomJVP(Call):
    """A function on operands with its rule on operands, of which the first `read` are what it closes over."""

    closed = True

    def __init__(self, name: str, f: Flat, rule: Flat, read: int):
        self.name, self.f, self.rule, self.read = name, f, rule, read

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return self.f(args)  # type: ignore[no-any-return]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        if by_itself(self.name, primals[: self.read], [t is not None for t in tangents]):
            return pushed(self.f, primals, tangents)
        return self.rule([asarray(p) for p in primals], tangents)  # type: ignore[no-any-return]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        primals = [asarray(p) for p in primals]
        if by_itself(self.name, primals[: self.read], wanted):
            return pulled(self.f, primals, wanted)
        places = [i for i, w in enumerate(wanted) if w and is_inexact(primals[i].dtype)]

        def push(*ts: Any) -> tuple[list[Any], list[Any]]:
            tangents = placed([None] * len(primals), places, ts)
            outs, found = self.rule(primals, tangents)
            if ts:
                check_linear(found, self.name)
            return [zeros_like(x) if t is None else t for x, t in zip(outs, found, strict=True)], outs

        _, pull, outs = vjp(push, *[zeros_like(primals[i]) for i in places], has_aux=True)

        def pullback(cts: Sequence[Any]) -> list[Any]:
            return placed([None] * len(primals), places, pull(list(cts)))

        return outs, pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        axes = list(dims)

        def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            return vmap(self.rule, in_axes=(axes, axes), axis_size=size)(list(primals), list(tangents))

        f = vmap(self.f, in_axes=(axes,), axis_size=size)
        call = CustomJVP(self.name, lambda xs: f(list(xs)), rule, self.read)
        call.learned = self.learned
        outs = bind_call(current_trace(), call, args)
        return outs, [0] * len(outs)


def check_linear(tangents: Sequence[Any], name: str) -> None:
    """What a rule returned on a tape of its tangents, which are zero there, must be a linear function of them."""
    trace: Any = current_trace()
    mine = [t is not None and belongs(t, trace) for t in tangents]
    what = "its rule is not linear in the tangents, and so has no transpose, which reverse mode needs"
    for i, (t, m) in enumerate(zip(tangents, mine, strict=True)):
        if t is None or m:
            continue
        values = device_get(t.concrete())
        if (np.isfinite(values) & (values != 0)).any():
            raise OptionError(
                f"{name}: {what}: the tangent of output {i} does not depend on them and is not zero; multiply the "
                "derivative by the tangent, as in (f(x), slope * t)"
            )
    roots = [t.node for t, m in zip(tangents, mine, strict=True) if m]
    readers = value_readers(roots)
    # a call's results all count as depending on its tangents, those of the function itself too
    if readers and not any(map(is_call, oldest_first(roots))):
        node: Any = readers[0]
        where = describe((node.code, node.lasti))
        raise OptionError(f"{name}: {what}: {node.primitive.name} depends on a tangent's value\n  at {where}")
