"""The call of a function with custom rules: its arguments resolved, taken apart into leaves, and put together again.

Rules run later, some when the transforms have ended whose values the function or its rules close over. So those values
are operands of the call too, the first ones: they may be batched. They may not be differentiated, as no rule says how.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Array, Aval, Call, Tracer, aval, bind_call, current_trace
from ..dtypes import DType, is_complex, is_floating, is_inexact, promote_types, weak
from ..errors import DtypeError, LeakedTracerError, ShapeError, TreeError
from ..numpy.creation import asarray, zeros_like
from ..ops.elementwise import stop_gradient as constant
from .arguments import as_arrays, placed
from .closure import closed, frozen, held
from .grad import vjp
from .jvp import jvp

__all__ = ["Arguments", "as_outputs", "by_itself", "instantiate", "pulled", "pushed", "run_call", "same_form"]

Flat = Callable[[Sequence[Any]], Sequence[Any]]
"""A function from a list of arrays to a list of arrays."""


class Arguments:
    """One call's arguments: those that are differentiated as leaves, the others as they are.

    Args:
        f: the user's function, whose signature places keyword arguments.
        rules: the user's rules for it; with None, what f closes over stays where it is.
        args, kwargs: as passed.
        nondiff: places and names of arguments that rules get as they are.
        kind: what messages call the function.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        rules: Sequence[Callable[..., Any]] | None,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        nondiff: Sequence[int | str],
        kind: str,
    ):
        args = _positional(f, args, kwargs, kind)
        places = {_place(f, n, len(args), kind) for n in nondiff}
        self.fixed = {i: _without_derivative(args[i]) for i in sorted(places)}
        self.given = tuple(x for i, x in enumerate(args) if i not in places)
        leaves, self.structure = tree.flatten(self.given)
        self.count = len(args)
        given = _in_one_precision(leaves)
        self.leaves: list[Any] = as_arrays(given, kind) if rules is None else as_arrays(given, kind, advice=self.advice)
        self.traced = any(isinstance(x, Tracer) for x in self.leaves)
        self.read = held(f, *rules, *self.fixed.values()) if self.traced and rules is not None else []
        self.operands = [*self.read, *self.leaves]

    def advice(self, leaf: int) -> str:
        """What to write where that leaf is no array."""
        index = int(tree.flatten_with_path(self.given)[0][leaf][0][1:].partition("]")[0])
        place = [i for i in range(self.count) if i not in self.fixed][index]
        return f"leave its argument out by nondiff_argnums={(*self.fixed, place)}"

    def parted(self, operands: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """The values of what is read from around the call, and the leaves."""
        return operands[: len(self.read)], operands[len(self.read) :]

    def run(self, f: Callable[..., Any], values: Sequence[Any], *args: Any) -> Any:
        """f(*args), where these are the values of what it reads from around the call."""
        return closed(f, self.read)(values, *args)

    def nondiff(self, values: Sequence[Any]) -> dict[int, Any]:
        """The arguments that are not differentiated, by their places."""
        if not self.read:
            return self.fixed
        table = {id(x): value for x, value in zip(self.read, values, strict=True)}
        return {i: tree.map(lambda leaf: table.get(id(leaf), leaf), x) for i, x in self.fixed.items()}

    def whole(self, values: Sequence[Any], leaves: Sequence[Any]) -> list[Any]:
        """All arguments in the function's order, with these leaves."""
        fixed, given = self.nondiff(values), iter(self.tree(leaves))
        return [fixed[i] if i in fixed else next(given) for i in range(self.count)]

    def tree(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The differentiated arguments with these leaves."""
        return tree.unflatten(self.structure, leaves)  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Keep the forms of the leaves alone: a pullback that lives on must not hold values that no rule reads."""
        self.leaves = [x.aval for x in self.leaves]
        self.given, self.operands, self.fixed = self.tree(self.leaves), [], frozen(self.fixed)


def _positional(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], kind: str) -> tuple[Any, ...]:
    """The arguments in order, keywords and defaults in their places."""
    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except ValueError:  # a built-in function without a signature
        if kwargs:
            raise TreeError(f"{kind}: pass the arguments of {f!r} by position") from None
        return tuple(args)
    except TypeError as error:
        raise TypeError(f"{kind}: {error}") from None
    if bound.kwargs:
        raise TreeError(f"{kind}: the keyword-only arguments {list(bound.kwargs)} have no place: make them positional")
    bound.apply_defaults()
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


def _without_derivative(x: Any) -> Any:
    if not any(isinstance(leaf, Tracer) for leaf in tree.leaves(x)):
        return x  # itself, not a copy: it may be anything
    return tree.map(lambda leaf: constant(leaf) if isinstance(leaf, Tracer) else leaf, x)


def _in_one_precision(leaves: Sequence[Any]) -> list[Any]:
    """The leaves, Python's floats in the precision of the arrays beside them: 0.1 in float32 is another number."""
    given: list[DType] = [x.dtype for x in leaves if isinstance(x, Array) and is_inexact(x.dtype)]
    if not given:
        return list(leaves)
    widest = functools.reduce(promote_types, given)
    real = widest if is_floating(widest) else asarray(0, widest).real.dtype
    return [asarray(x, weak(real, x)) if type(x) in (float, complex) else x for x in leaves]


def run_call(call: Call, args: Sequence[Any], kind: str) -> Sequence[Any]:
    """The call under the current trace."""
    try:
        return bind_call(current_trace(), call, args)
    except LeakedTracerError as error:
        error.add_note(f"{kind} functions and their rules must take all that they differentiate or batch as arguments")
        raise


def by_itself(name: str, read: Sequence[Any], flags: Sequence[bool]) -> bool:
    """Is the function to be differentiated as it is, without its rules?

    So it is where what it closes over is differentiated, but no argument; both are an error.

    Args:
        name: the function's.
        read: the operands that it closes over.
        flags: which of all operands are differentiated.
    """
    moving = [x for x, flag in zip(read, flags, strict=False) if flag]
    if moving and any(flags[len(read) :]):
        raise LeakedTracerError(
            f"{name} closes over a value that is differentiated ({moving[0].aval}), of which its rules say nothing: "
            "make it an argument, or close over fg.stop_gradient of it"
        )
    return bool(moving)


def pushed(f: Flat, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """f's results and their tangents, by f itself; a None tangent is zero."""
    places = [i for i, t in enumerate(tangents) if t is not None]
    outs, found = jvp(_of(f, primals, places), [primals[i] for i in places], [tangents[i] for i in places])
    return outs, [t if is_inexact(x.dtype) else None for x, t in zip(outs, found, strict=True)]


def pulled(
    f: Flat, primals: Sequence[Any], wanted: Sequence[bool]
) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
    """f's results and a function from their cotangents to those of the wanted operands, by f itself."""
    places = [i for i, w in enumerate(wanted) if w and is_inexact(primals[i].dtype)]
    outs, pull = vjp(_of(f, primals, places), *[primals[i] for i in places])

    def pullback(cts: Sequence[Any]) -> list[Any]:
        return placed([None] * len(primals), places, pull(list(cts)))

    return outs, pullback


def _of(f: Flat, primals: Sequence[Any], places: Sequence[int]) -> Callable[..., list[Any]]:
    def of_some(*given: Any) -> list[Any]:
        whole = placed(primals, places, given)
        return list(f(whole))

    return of_some


def instantiate(tangents: Sequence[Any], primals: Sequence[Any]) -> list[Any]:
    """Tangents or cotangents with zeros in the place of None, where the primal has a derivative."""
    return [
        zeros_like(p) if t is None and is_inexact(asarray(p).dtype) else t
        for t, p in zip(tangents, primals, strict=True)
    ]


def as_outputs(leaves: Sequence[Any], kind: str) -> list[Any]:
    """A function's results as arrays."""
    try:
        return [asarray(x) for x in leaves]
    except DtypeError as error:
        raise DtypeError(f"{kind}: the output must be a pytree of arrays: {error.message}") from None


def same_form(found: Sequence[Any], like: Sequence[Any], what: str, rule: str) -> list[Any]:
    """What a rule returned, leaf by leaf in the shape and dtype of what it belongs to; None stays."""
    out: list[Any] = []
    for i, (t, p) in enumerate(zip(found, like, strict=True)):
        p = p if isinstance(p, Aval) else asarray(p)
        if t is None or not is_inexact(p.dtype):
            out.append(None)
            continue
        try:
            t = asarray(t)
        except DtypeError as error:
            raise DtypeError(f"{rule}: {what} {i} must be an array like {aval(p)}: {error.message}") from None
        form = aval(p)
        if t.shape != p.shape:
            raise ShapeError(f"{rule}: {what} {i} must have the shape of what it belongs to, {form}, not {t.aval}")
        if not is_inexact(t.dtype) or (is_complex(t.dtype) and is_floating(p.dtype)):
            raise DtypeError(f"{rule}: {what} {i} must have a dtype like that of {form}, not {t.dtype}")
        out.append(t if t.dtype == p.dtype else t.astype(p.dtype))
    return out
