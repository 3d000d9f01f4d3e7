"""NumPy's own functions on our arrays: `np.sin(x)` is `funcgrad.numpy.sin(x)`, by NumPy's two protocols.

Both look ours up by the function object itself, in a table that is filled as functions are first called. So
`np.linalg.trace`, whose axes are others than those of `np.trace`, is `funcgrad.numpy.linalg.trace`, and a ufunc of
`scipy.special` is the function of that name in `funcgrad.scipy.special`, which is imported then and not before.

A function that we do not have sees NumPy's read-only views of the values, and a value under a transform is refused
there: it would lose its derivative.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, ArrayHolder, Tracer, WeakNumber
from ..errors import ImmutableArrayError
from . import ufuncs

__all__ = ["IN_PLACE", "OURS", "array_function", "array_ufunc", "as_numpy", "install", "written"]

_NAMESPACES = {
    "numpy": "funcgrad.numpy",
    "numpy.linalg": "funcgrad.numpy.linalg",
    "numpy.fft": "funcgrad.numpy.fft",
    "scipy.special": "funcgrad.scipy.special",
}
"""Whose functions are ours where the names are the same."""

IN_PLACE = {
    np.copyto: "x = x.at[...].set(values)",
    np.fill_diagonal: "i = np.arange(n); x = x.at[i, i].set(values)",
    np.place: "x = np.where(mask, values, x), or x = x.at[mask].set(values)",
    np.put: "x = x.ravel().at[indices].set(values).reshape(x.shape)",
    np.put_along_axis: "x = x.at[indices].set(values)",
    np.putmask: "x = np.where(mask, values, x)",
}
"""Functions that change their first argument, and what to write instead."""

_MEANINGLESS: dict[str, tuple[Any, ...]] = {
    "casting": ("same_kind",),
    "initial": (np._NoValue,),
    "keepdims": (np._NoValue,),
    "like": (None,),
    "order": ("C", "K", "A", None),
    "out": (None,),
    "subok": (True, False),
    "where": (True, np._NoValue),
}
"""Values of NumPy's keywords that ask for nothing."""

_AXES = frozenset(["axis", "keepdims"])
_RENAMED = {"a_min": "min", "a_max": "max"}

_ATTRIBUTES: dict[Any, Callable[..., Any]] = {
    np.ndim: lambda a: a.ndim,
    np.shape: lambda a: a.shape,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
}


class _Ours:
    """Our function in the place of NumPy's.

    Attributes:
        call: the function.
        count: how many arguments mean the same by position in both.
        shared: the keywords that both have.
        theirs: the names of NumPy's arguments, in order.
        positional: how many of ours have no name.
        names: the names that ours can be given by.
        is_open: whether it takes any.
    """

    __slots__ = ("call", "count", "is_open", "names", "positional", "shared", "theirs")

    def __init__(self, function: Any, call: Any):
        self.call = call
        self.theirs: tuple[str, ...] = ()
        ours, theirs = _parameters(call), _parameters(function)
        if ours is None or theirs is None or any(p.kind is p.VAR_POSITIONAL for p in (*ours, *theirs)):
            self.count, self.positional = sys.maxsize, 0
        else:
            self.theirs = tuple(p.name for p in theirs if p.kind is not p.KEYWORD_ONLY)
            by_place = [p for p in ours if p.kind is not p.KEYWORD_ONLY]
            self.positional = sum(p.kind is p.POSITIONAL_ONLY for p in ours)
            same = [
                p.kind is p.POSITIONAL_ONLY or p.name == _RENAMED.get(name, name)
                for p, name in zip(by_place, self.theirs, strict=False)
            ]
            self.count = same.index(False) if False in same else len(same)
        self.is_open = any(p.kind is p.VAR_KEYWORD for p in ours or ())
        self.names = frozenset(p.name for p in ours or () if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD))
        self.shared = self.names - {"out", "order"}  # looked at first: some of ours have them to say why not


class _Table(dict[Any, "_Ours | None"]):
    """By each of NumPy's functions ours; None where there is none."""

    __slots__ = ()

    def __missing__(self, function: Any) -> _Ours | None:
        call = _find(function)
        found = None if call is None else _Ours(function, call)
        if found is not None:  # functions come and go that are nobody's, such as those of np.frompyfunc
            self[function] = found
        return found


def _find(function: Any) -> Any:
    """Our function of the same name in the same namespace."""
    for theirs, ours in _NAMESPACES.items():
        names = getattr(sys.modules.get(theirs), "__dict__", {})
        namespace: Any = _module(ours) if names.get(function.__name__) is function else None
        if namespace is not None:
            exported = getattr(namespace, "__all__", vars(namespace))
            aliases = (function.__name__, *(name for name, x in names.items() if x is function))
            found = (getattr(namespace, name, None) for name in aliases if name in exported)
            return next((f for f in found if callable(f)), _ATTRIBUTES.get(function))
    return None


@functools.cache
def _module(name: str) -> Any:
    """One of our modules, if there is one of that name."""
    parent = name.rpartition(".")[0]
    known = name in sys.modules or (importlib.util.find_spec(parent) and importlib.util.find_spec(name))
    return importlib.import_module(name) if known else None


def _parameters(function: Any) -> list[inspect.Parameter] | None:
    if isinstance(function, np.ufunc):
        return None
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:  # before NumPy 2.4 those written in C do not say
        return None


OURS = _Table()


class _IsScipy(dict[str, bool]):
    """Is this file one of SciPy's?"""

    __slots__ = ()

    def __missing__(self, filename: str) -> bool:
        self[filename] = answer = f"{os.sep}site-packages{os.sep}scipy{os.sep}" in filename
        return answer


_IS_SCIPY = _IsScipy()


def _is_plain(*arguments: Any) -> bool:
    """Is no value among them under a transform?"""
    return not any(isinstance(x, Tracer) for x in tree.leaves(arguments))


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """`np.sin(x)` is `funcgrad.numpy.sin(x)`; one that we do not have (`np.spacing`) sees NumPy arrays."""
    ours = OURS[ufunc]
    if ours is not None:
        if method == "__call__" and not options:
            return ours.call(*inputs)
        if method == "reduce" and ufunc in ufuncs.REDUCTIONS and _AXES.issuperset(options):
            axis, keepdims = options.get("axis", 0), options.get("keepdims", False)
            return ufuncs.REDUCTIONS[ufunc](*inputs, axis=axis, keepdims=keepdims)
        return _with_keywords(ufunc, method, ours, inputs, options)
    name = _full_name(ufunc, method)
    _refuse_arrays(options.get("out", ()), name)
    return getattr(ufunc, method)(*as_numpy(inputs, name, _missing(name.removeprefix("np."))), **options)


def _full_name(ufunc: Any, method: str) -> str:
    """What messages call a ufunc, or one of its methods."""
    known = getattr(np, ufunc.__name__, None) is ufunc
    name = f"np.{ufunc.__name__}" if known else ufunc.__name__
    return name if method == "__call__" else f"{name}.{method}"


def _with_keywords(ufunc: Any, method: str, ours: _Ours, inputs: Any, options: dict[str, Any]) -> Any:
    """A ufunc with keywords, or one of its methods; what has a place to go to is written there."""
    name = _full_name(ufunc, method)
    targets = options.pop("out", ())
    _refuse_arrays(targets, name)
    where = options.get("where", True) if method == "__call__" else True
    if method == "at":
        return ufuncs.at(ufunc, inputs, as_numpy)
    options = {k: v for k, v in options.items() if k not in ("order", "subok")}
    call = ours.call
    if method == "__call__" and (rest := options.keys() - {"where", "dtype", "casting"}):
        if not ours.names.issuperset(rest):  # signature=, axes=
            views = as_numpy(inputs, name, f"call it without {', '.join(sorted(rest))}")
            return ufunc(*views, **options, **({"out": targets} if targets else {}))
        call = functools.partial(call, **{k: options.pop(k) for k in rest})
    out = getattr(ufuncs, method.strip("_"))(ufunc, call, *inputs, **options)
    results = out if isinstance(out, tuple) else (out,)
    found = [
        r if t is None else written(t, r, name, where, options.get("casting", "same_kind"))
        for r, t in zip(results, targets or (None,) * len(results), strict=True)
    ]
    return tuple(found) if isinstance(out, tuple) else found[0]


def written(target: Any, value: Any, name: str, where: Any = True, casting: Any = "same_kind") -> Any:
    """The array `out=`, with a result in it.

    Args:
        target: NumPy's array.
        value: what was computed.
        name: the function's, for a message.
        where: which elements are written.
        casting: what may become of the dtype.
    """
    if isinstance(target, ArrayHolder):  # a mutable view
        view: Any = target
        view[...] = value if where is True else ufuncs.chosen(where, value, view)
        return view
    both = as_numpy([value, where], name, "call it without out=, or let out be fg.mutable(array)")
    np.copyto(target, both[0], casting, both[1])
    return target


def _refuse_arrays(targets: Any, name: str) -> None:
    for x in targets if isinstance(targets, tuple) else (targets,):
        if isinstance(x, Array):
            raise ImmutableArrayError(
                f"{name}: out= is an array {x.aval} of ours, which does not change in place: write "
                f"`x = {name}(...)` without out=, with np.where(mask, result, x) for where=mask, or let out be "
                "fg.mutable(x)"
            )


def array_function(self: Any, function: Any, types: Any, args: Any, options: Any) -> Any:
    """`np.sum(x)` is `funcgrad.numpy.sum(x)`; a function that we do not have sees NumPy arrays (`np.savez`).

    So does one that SciPy's own code calls to have NumPy's arrays of what a user's function returned: compiled solvers
    take no others.
    """
    if function in IN_PLACE:
        return _in_place(function, args, options)
    ours = None if _IS_SCIPY[sys._getframe(1).f_code.co_filename] and _is_plain(args, options) else OURS[function]
    if ours is None:
        name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")  # linalg.solve
        return _on_values(function, args, options, _missing(name))
    if len(args) <= ours.count and (not options or ours.shared.issuperset(options)):
        return ours.call(*args, **options)
    if ours.is_open and len(args) >= ours.positional:
        return ours.call(*args, **options)
    return _translated(function, ours, list(args), dict(options))


def _ufunc_of_number(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """`np.sin(x)` of a Python number of a record."""
    return array_ufunc(self, ufunc, method, *_in_double(inputs), **options)


def _function_of_number(self: Any, function: Any, types: Any, args: Any, options: Any) -> Any:
    """`np.clip(x, 0, 1)` of a Python number of a record."""
    return array_function(self, function, types, *_in_double((args, options)))


def _in_double(arguments: Any) -> Any:
    """Numbers as NumPy's functions take them where there is no array beside them, in double precision."""
    if any(isinstance(x, Array | np.ndarray) for x in tree.leaves(arguments)):
        return arguments
    return tree.map(lambda x: x.as_array(np.dtype(x.kind)) if isinstance(x, WeakNumber) else x, arguments)


def _translated(function: Any, ours: _Ours, args: list[Any], options: dict[str, Any]) -> Any:
    """A call with what only NumPy has, or in another order: keywords that ask for nothing, `out`, `a=x`."""
    given = list(args), dict(options)
    for name, value in zip(ours.theirs[ours.count :], args[ours.count :], strict=False):
        options[name] = value
    del args[ours.count :]
    for name in ours.theirs[len(args) : ours.positional]:
        if name in options:
            args.append(options.pop(name))
    target = options.pop("out", None)
    _refuse_arrays(target, f"np.{function.__name__}")
    for name in list(options):
        known = name in ours.names
        if name in _MEANINGLESS and any(options[name] is v or options[name] == v for v in _MEANINGLESS[name]):
            if not known or options[name] is np._NoValue:
                del options[name]
        elif not known and _RENAMED.get(name) in ours.names:
            options[_RENAMED[name]] = options.pop(name)
    if not ours.is_open and (unknown := [name for name in options if name not in ours.names]):
        return _on_values(function, *given, f"funcgrad.numpy has it without {', '.join(unknown)}")
    out = ours.call(*args, **options)
    return out if target is None else written(target, out, f"np.{function.__name__}")


def _in_place(function: Any, args: Any, options: Any) -> Any:
    """Functions that write to their first argument, which may be NumPy's."""
    target = args[0] if args else next(iter(options.values()))
    name = f"np.{function.__name__}"
    if isinstance(target, Array):
        raise ImmutableArrayError(
            f"{name}: arrays do not change in place; instead of `{name}(x, ...)` write `{IN_PLACE[function]}`, or "
            f"let x be fg.mutable(x); here x has shape {target.shape}"
        )
    return _on_values(function, args, options, "let its first argument be fg.mutable(array)")


def _on_values(function: Any, args: Any, options: Any, advice: str) -> Any:
    """NumPy's function of NumPy's arrays."""
    name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")
    both = as_numpy([list(args), options], f"np.{name}", advice)
    return function(*both[0], **both[1])


def as_numpy(arguments: Any, name: str, advice: str) -> Any:
    """Arguments with NumPy's read-only views of the arrays in them; a tracer that may not be looked at raises.

    Args:
        arguments: a tree.
        name, advice: what that message calls the function, and what it says to write.
    """

    def view(x: Any) -> Any:
        if isinstance(x, Tracer):
            return x.for_numpy(name, advice)
        if isinstance(x, WeakNumber):
            return x.item()
        return np.asarray(x) if isinstance(x, Array) else x

    return tree.map(view, arguments)


def _missing(name: str) -> str:
    """What to write where `funcgrad.numpy` has no function of that name."""
    return f"funcgrad.numpy has no {name}: call this one by fg.pure_callback, with a derivative by fg.custom_jvp"


def install(namespace: dict[str, Any]) -> None:
    """Make NumPy's functions of our arrays ours."""
    setattr(Array, "__array_ufunc__", array_ufunc)  # noqa: B010
    setattr(Array, "__array_function__", array_function)  # noqa: B010
    setattr(WeakNumber, "__array_ufunc__", _ufunc_of_number)  # noqa: B010
    setattr(WeakNumber, "__array_function__", _function_of_number)  # noqa: B010
