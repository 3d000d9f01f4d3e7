"""What goes into a transformed function and what comes out, checked: shared by the derivatives."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from .. import tree
from ..core import Array, Aval
from ..dtypes import is_complex, is_floating, is_inexact
from ..errors import DtypeError, FuncgradError, NonScalarError, OptionError, ShapeError, TreeError
from ..numpy.creation import asarray

__all__ = [
    "OF_ARGNUMS",
    "OMITTED",
    "Selection",
    "as_arrays",
    "byte_count",
    "described",
    "directions",
    "placed",
    "refuse_complex",
    "refuse_reals",
    "refuse_value",
    "scalar_output",
    "select",
    "split_aux",
    "takes_function",
]

F = TypeVar("F", bound=Callable[..., Any])


class _Omitted:
    def __repr__(self) -> str:
        return "OMITTED"


OMITTED: Any = _Omitted()
"""In place of the function where a transform is called without it, to be a decorator."""


def takes_function(make: F) -> F:
    """A function that makes one of another, checked: it is also a decorator, `@grad(argnums=1)`.

    Its first parameter is the function, `OMITTED` by default.
    """
    name = make.__name__

    @functools.wraps(make)
    def checked(f: Any = OMITTED, *args: Any, **options: Any) -> Any:
        if f is OMITTED:
            return functools.partial(checked, **options)
        refuse_value(f, name)
        try:
            return make(f, *args, **options)
        except FuncgradError:
            raise
        except TypeError as error:
            raise DtypeError(f"{error}; {name}(f) returns a function: {name}(f)(x)") from None

    return checked  # type: ignore[return-value]


def refuse_value(f: Any, transform: str, advice: str = "") -> None:
    """An error for what is not a function."""
    if not callable(f):
        raise DtypeError(f"{transform} takes a function, not {described(f)}{advice}")


def described(x: Any) -> str:
    """A value of the user's in few words, as messages call what is of the wrong kind."""
    if isinstance(x, Array):
        return f"one array {x.aval}"
    if type(x) in (bool, int, float, complex, str, type(None)):
        return repr(x)
    name = type(x).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


OF_ARGNUMS = "bind what is not differentiated by a closure or functools.partial, or leave it out of argnums"


def as_arrays(
    leaves: Sequence[Any],
    transform: str,
    what: str = "arguments",
    advice: str | Callable[[int], str] = "bind it by a closure or functools.partial",
) -> list[Array]:
    """Each leaf as an array; what is none is refused by name.

    Args:
        leaves: the values.
        transform, what: what messages call it and them.
        advice: what to write instead, or a function that says it of the leaf with that index.
    """
    try:
        return [asarray(x) for x in leaves]
    except DtypeError as error:
        i = next(i for i, x in enumerate(leaves) if not _is_array(x))
        found, words = leaves[i], advice(i) if callable(advice) else advice
        if not isinstance(found, type) and type(found).__module__ != "builtins" and not callable(found):
            name = type(found).__name__
            plain = f"register_node({name}, flatten, unflatten)"
            registered = f"register_dataclass({name})" if dataclasses.is_dataclass(found) else plain
            words = f"make the class a pytree by fg.tree.{registered}, or {words}"
        raise DtypeError(f"{transform}: a leaf of the {what} is no array: {error.message}; {words}") from None


def _is_array(x: Any) -> bool:
    try:
        asarray(x)
    except DtypeError:
        return False
    return True


def directions(values: Any, given: Any, transform: str, value: str, direction: str) -> list[Array | None]:
    """For each leaf of the values the tangent or cotangent given for it, in its shape and dtype; None is zero.

    Args:
        values: a tree of arrays or avals.
        given: a tree of the same structure.
        transform, value, direction: what messages call them: jvp, primal, tangent.

    Raises:
        TreeError, ShapeError, DtypeError: the two trees do not fit each other.
    """
    leaves, structure = tree.flatten(values, none_is_leaf=True)
    found, other = tree.flatten(given, none_is_leaf=True)
    if structure != other:
        words = tree.difference(values, given, none_is_leaf=True)
        raise TreeError(f"{transform}: the {value} (the first) and the {direction} (the second) differ: {words}")
    if any(x is None and t is not None for x, t in zip(leaves, found, strict=True)):
        raise TreeError(f"{transform}: where the {value} is None the {direction} must be None")
    return [
        None if t is None else _direction(t, x.aval if isinstance(x, Array) else x, transform, value, direction)
        for x, t in zip(leaves, found, strict=True)
        if x is not None
    ]


def _direction(t: Any, like: Aval, transform: str, value: str, direction: str) -> Array | None:
    # a Python number in the value's own precision; of what is complex, or of no use, the checks below tell
    exact = type(t) in (bool, int, float) and is_inexact(like.dtype)
    t = asarray(t, like.dtype) if exact else as_arrays([t], transform)[0]
    if not is_inexact(like.dtype):
        if value == "output":  # it depends on nothing, so any cotangent weighs a zero
            return None
        raise DtypeError(
            f"{transform}: the {value} {like} has no derivative: give a float (3.0 instead of 3), or None for its "
            f"{direction}"
        )
    if t.shape != like.shape:
        raise ShapeError(f"{transform}: the {direction} of the {value} {like} must have its shape, not {t.shape}")
    if is_complex(t.dtype) and is_floating(like.dtype):
        raise DtypeError(f"{transform}: the {direction} of the {value} {like} must be real, not {t.dtype}")
    return t if t.dtype == like.dtype else t.astype(like.dtype)


_UNITS = {"": 1, "b": 1} | {
    prefix + end: base**power
    for power, letter in enumerate("kmgt", 1)
    for prefix, base, end in ((letter, 1000, "b"), (letter, 1024, "ib"), (letter, 1000, ""))
}


def byte_count(given: Any, name: str) -> int:
    """A number of bytes from what the user wrote: 1000000, "256MB", "1.5 GiB"."""
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given > 0:
        return int(given)
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-zA-Z]*)\s*", given) if isinstance(given, str) else None
    if match is None or match[2].lower() not in _UNITS or float(match[1]) <= 0:
        raise OptionError(f"{name} must be a number of bytes or a string such as '256MB' or '1.5 GiB', not {given!r}")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def split_aux(out: Any, has_aux: bool) -> tuple[Any, Any]:
    """A function's output and its auxiliary data."""
    if not has_aux:
        return out, None
    if not (isinstance(out, tuple) and len(out) == 2):
        raise TreeError(f"has_aux=True: the function must return (output, auxiliary data), not {described(out)}")
    return out


def placed(values: Sequence[Any], places: Sequence[int], others: Sequence[Any]) -> list[Any]:
    """The values with others in some places: operands of which some move, results of which some are there."""
    found = list(values)
    for i, x in zip(places, others, strict=True):
        found[i] = x
    return found


def refuse_reals(arrays: Sequence[Array], transform: str, what: str) -> None:
    """An error for what holomorphic=True has no derivative of."""
    for x in arrays:
        if not is_complex(x.dtype):
            raise DtypeError(f"{transform} with holomorphic=True: {what} is {x.aval}, and must be complex")


def refuse_complex(arrays: Sequence[Array], transform: str, what: str) -> None:
    """An error for what one derivative an element does not tell all of: a real and an imaginary part have two."""
    for x in arrays:
        if is_complex(x.dtype):
            raise DtypeError(
                f"{transform}: {what} is {x.aval}: say holomorphic=True if the function is, or take real and imaginary "
                "parts apart; jacfwd takes complex functions of real arguments, jacrev real functions of complex ones"
            )


def scalar_output(out: Any, holomorphic: bool = False) -> Any:
    """The function's value as one real number (a complex one if holomorphic), or an error that says what to write."""
    if out is None:
        raise NonScalarError("grad needs a function whose value is one number; this one returns None: say `return`")
    if not tree.structure(out).is_leaf():
        raise NonScalarError(
            f"grad needs a function whose value is one number; this one returns a {type(out).__name__}: return the "
            "loss alone, or (loss, rest) with has_aux=True"
        )
    try:
        value = asarray(out)
    except FuncgradError as error:
        raise NonScalarError(f"grad needs a function that returns a number, not {type(out).__name__}") from error
    if value.shape != ():
        raise NonScalarError(
            f"grad needs a function whose value is one number; this one returns {value.aval}: take its sum() or "
            "mean(), or use jacrev for the derivative of every element"
        )
    if holomorphic:
        refuse_reals([value], "grad", "the value")
    elif not is_floating(value.dtype):
        advice = ": take its real part, or say holomorphic=True" if is_complex(value.dtype) else ""
        if type(out) in (bool, int):
            advice = f": return {float(out)} on this path, not {out}"
        raise DtypeError(f"grad needs a real floating value; this function returns {value.aval}{advice}")
    return value


def select(argnums: int | Sequence[int] | None, argnames: str | Sequence[str] | None, transform: str) -> Selection:
    """The selection that the user's `argnums` and `argnames` mean."""
    if argnums is None and argnames is None:
        argnums = 0
    one, several = isinstance(argnums, int | np.integer), isinstance(argnums, Sequence)
    numbers: tuple[Any, ...] = (argnums,) if one else tuple(argnums) if several else ()  # type: ignore[arg-type]
    fit = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in numbers)
    if not fit or not (argnums is None or one or several):
        raise DtypeError(
            f"{transform}: argnums must be an int or a sequence of ints, not {described(argnums)}; {transform}(f) "
            f"returns a function: {transform}(f)(x)"
        )
    names = (argnames,) if isinstance(argnames, str) else tuple(argnames or ())
    return Selection(transform, tuple(map(int, numbers)), names, one, isinstance(argnames, str))


class Selection:
    """The chosen arguments: positions and names, and whether each kind was given as one or as a sequence."""

    def __init__(self, transform: str, numbers: tuple[int, ...], names: tuple[str, ...], one: bool, one_name: bool):
        self.transform, self.numbers, self.names, self.one, self.one_name = transform, numbers, names, one, one_name

    def bind(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """This selection in one call."""
        places: list[int | str] = []
        for n in self.numbers:
            if not -len(args) <= n < len(args):
                advice = f": pass it by position, or say argnames={next(iter(kwargs))!r}" if kwargs else ""
                raise TreeError(
                    f"{self.transform}: argnums {n} is out of range for a call with {len(args)} positional "
                    f"arguments{advice}"
                )
            places.append(n % len(args))
        for name in self.names:
            places.append(name if name in kwargs else self._position(f, name, len(args)))
        for place in places:
            if places.count(place) > 1:
                raise TreeError(f"{self.transform}: argument {place!r} is named twice by argnums and argnames")
        return Call(self, f, args, kwargs, places)

    def _position(self, f: Callable[..., Any], name: str, count: int) -> int:
        """Where a named argument stands that was passed by position."""
        try:
            parameters = list(inspect.signature(f).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        places = {p.name: i for i, p in enumerate(parameters) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)}
        if places.get(name, count) < count:
            return places[name]
        names = ", ".join(p.name for p in parameters)
        raise TreeError(f"{self.transform}: no argument named {name!r} was passed; the function takes ({names})")

    @staticmethod
    def named(wrapper: Callable[..., Any], f: Callable[..., Any], transform: str) -> Callable[..., Any]:
        """The wrapper under the function's name and documentation."""
        functools.update_wrapper(wrapper, f)
        wrapper.__name__ = f"{transform}_of_{getattr(f, '__name__', type(f).__name__)}"
        return wrapper


class Call:
    """One call of the function with its chosen arguments taken out: call it with their replacements."""

    def __init__(
        self,
        selection: Selection,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        places: list[int | str],
    ):
        self.selection, self.f, self.args, self.kwargs, self.places = selection, f, args, kwargs, places
        self.chosen = tuple(args[p] if isinstance(p, int) else kwargs[p] for p in places)

    def __call__(self, replacements: Sequence[Any]) -> Any:
        args, kwargs = list(self.args), dict(self.kwargs)
        for place, x in zip(self.places, replacements, strict=True):
            if isinstance(place, int):
                args[place] = x
            else:
                kwargs[place] = x
        return self.f(*args, **kwargs)

    def result(self, found: Sequence[Any]) -> Any:
        """The results for the chosen arguments in the form that `argnums` and `argnames` ask for."""
        selection, n = self.selection, len(self.selection.numbers)
        by_number = found[0] if selection.one else tuple(found[:n])
        if not selection.names:
            return by_number
        by_name = found[n] if selection.one_name else dict(zip(selection.names, found[n:], strict=True))
        return by_name if not n else (by_number, by_name)

    def refuse_integers(self, leaves: Sequence[Array]) -> None:
        """An error for chosen leaves that have no derivative."""
        whole = [not is_inexact(x.dtype) for x in leaves]
        if not any(whole):
            return
        for (path, _), x, wrong in zip(tree.flatten_with_path(self.chosen)[0], leaves, whole, strict=True):
            if wrong:
                raise DtypeError(
                    f"{self.selection.transform} with respect to integers: argument {self.describe(path)} is {x.aval}, "
                    "which has no derivative; give floats (3.0 instead of 3, x.astype('float32')), or leave it out "
                    "of argnums"
                )

    def describe(self, path: str) -> str:
        """A path into `chosen`, such as "[0]['w']", as the user would name it."""
        index, _, rest = path[1:].partition("]")
        place = self.places[int(index)]
        return f"{place}{rest}" if isinstance(place, int) else f"{place!r}{rest}"
