"""The call of a function with custom rules: its arguments resolved, taken apart into leaves, and put together again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Aval, Call, Tracer, aval, bind_call, current_trace
from ..dtypes import is_inexact
from ..errors import DtypeError, LeakedTracerError, ShapeError, TreeError
from ..numpy.creation import asarray, zeros_like
from .arguments import as_arrays

__all__ = ["Arguments", "instantiate", "run_call", "same_form"]


class Arguments:
    """One call's arguments: those that are differentiated as leaves, the others as they are.

    Args:
        f: the user's function, whose signature places keyword arguments.
        args, kwargs: as passed.
        nondiff: places and names of arguments that rules get as they are.
        kind: what messages call the function.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        nondiff: Sequence[int | str],
        kind: str,
    ):
        args = _positional(f, args, kwargs, kind)
        places = {_place(f, n, len(args), kind) for n in nondiff}
        self.fixed = {i: args[i] for i in sorted(places)}
        self.given = tuple(x for i, x in enumerate(args) if i not in places)
        leaves, self.structure = tree.flatten(self.given)
        self.leaves: list[Any] = as_arrays(leaves, kind)
        self.count = len(args)

    def whole(self, leaves: Sequence[Any]) -> list[Any]:
        """All arguments in the function's order, with these leaves."""
        given = iter(tree.unflatten(self.structure, leaves))
        return [self.fixed[i] if i in self.fixed else next(given) for i in range(self.count)]

    def tree(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The differentiated arguments with these leaves."""
        return tree.unflatten(self.structure, leaves)  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Keep the forms of the leaves alone: a pullback that lives on must not hold values that no rule reads."""
        self.leaves = [x.aval for x in self.leaves]
        self.given = self.tree(self.leaves)


def _positional(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kind: str) -> tuple[Any, ...]:
    """The arguments in order, keywords and defaults in their places."""
    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except ValueError:  # a built-in function without a signature
        if kwargs:
            raise TreeError(f"{kind}: pass the arguments of {f!r} by position") from None
        return tuple(args)
    bound.apply_defaults()
    if bound.kwargs:
        raise TreeError(f"{kind}: the keyword-only arguments {list(bound.kwargs)} have no place: make them positional")
    return bound.args


def _place(f: Callable[..., Any], which: int | str, count: int, kind: str) -> int:
    """The position of an argument that is named by number or by name."""
    if isinstance(which, str):
        names = list(inspect.signature(f).parameters)
        if which not in names:
            raise TreeError(f"{kind}: there is no argument {which!r} among {names}")
        return names.index(which)
    if not -count <= which < count:
        raise TreeError(f"{kind}: nondiff_argnums {which} is out of range for a call with {count} arguments")
    return which % count


def run_call(call: Call, args: Sequence[Any], kind: str) -> Sequence[Any]:
    """The call under the current trace."""
    try:
        return bind_call(current_trace(), call, args)
    except LeakedTracerError as error:
        error.add_note(f"{kind} functions and their rules must take all that they differentiate or batch as arguments")
        raise


def is_traced(leaves: Sequence[Any]) -> bool:
    """Does any transform see these operands?"""
    return any(isinstance(x, Tracer) for x in leaves)


def instantiate(tangents: Sequence[Any], primals: Sequence[Any]) -> list[Any]:
    """Tangents or cotangents with zeros in the place of None, where the primal has a derivative."""
    return [
        zeros_like(p) if t is None and is_inexact(asarray(p).dtype) else t
        for t, p in zip(tangents, primals, strict=True)
    ]


def same_form(found: Sequence[Any], like: Sequence[Any], what: str, rule: str) -> list[Any]:
    """What a rule returned, leaf by leaf in the shape and dtype of what it belongs to; None stays."""
    out: list[Any] = []
    for i, (t, p) in enumerate(zip(found, like, strict=True)):
        p = p if isinstance(p, Aval) else asarray(p)
        if t is None or not is_inexact(p.dtype):
            out.append(None)
            continue
        t = asarray(t)
        form = aval(p)
        if t.shape != p.shape:
            raise ShapeError(f"{rule}: {what} {i} must have the shape of what it belongs to, {form}, not {t.aval}")
        if t.dtype.kind not in "fc" or (t.dtype.kind == "c" and p.dtype.kind == "f"):
            raise DtypeError(f"{rule}: {what} {i} must have a dtype like that of {form}, not {t.dtype}")
        out.append(t if t.dtype == p.dtype else t.astype(p.dtype))
    return out
