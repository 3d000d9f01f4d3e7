"""The arguments of a jitted function: which leaves are inputs, what tells the others apart, and its options."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import Array
from ..errors import TreeError
from ..numpy.creation import asarray
from .captures import Itself
from .number import StagedNumber

__all__ = ["as_value", "both_ways", "ints", "is_static", "is_value", "orders", "static_key", "strings", "taken_apart"]


def is_value(x: Any) -> bool:
    """Is this leaf an input of the program? Everything else is static, bools too."""
    return (
        isinstance(x, Array | StagedNumber | np.ndarray | np.generic)
        or type(x) in (int, float, complex)
        or hasattr(x, "__array__")
        or hasattr(x, "__dlpack__")
    )


def is_static(x: Any) -> bool:
    """Is this object a leaf that is no input?"""
    return not is_value(x) and bool(tree.structure(x).is_leaf())


def as_value(x: Any) -> Any:
    """A leaf as an array; Python's numbers stay what they are."""
    return x if type(x) in (int, float, complex) or isinstance(x, Array) else asarray(x)


def static_key(x: Any) -> Any:
    """What tells a static leaf from others: its value if it has a hash, else itself."""
    if x is None or type(x) in (str, bool):
        return x
    if isinstance(x, float | complex):
        return type(x), repr(x)
    try:
        hash(x)
    except TypeError:
        return Itself(x)
    return type(x), x


def orders(x: Any) -> Any:
    """The orders of the keys of all dicts in a tree, to which its structure is blind."""
    if isinstance(x, dict):
        return (*x, *(orders(v) for v in x.values() if isinstance(v, dict | list | tuple)))
    if isinstance(x, list | tuple):
        return tuple(orders(v) for v in x if isinstance(v, dict | list | tuple))
    return None


def taken_apart(out: Any) -> tuple[list[Any], Any]:
    """A result as its arrays, and the rest of it."""
    leaves, structure = tree.flatten(out)
    places = [i for i, x in enumerate(leaves) if isinstance(x, Array | StagedNumber)]
    values = [leaves[i] for i in places]
    for i in places:
        leaves[i] = None
    return values, (structure, leaves, places)


# ---- options ------------------------------------------------------------------------------------


def ints(given: int | Sequence[int]) -> tuple[int, ...]:
    """One or several numbers."""
    return (given,) if isinstance(given, int) else tuple(given)


def strings(given: str | Sequence[str]) -> tuple[str, ...]:
    """One or several names."""
    return (given,) if isinstance(given, str) else tuple(given)


def both_ways(f: Any, numbers: tuple[int, ...], names: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Positions and names of the same arguments, so that either way of passing them is recognised."""
    try:
        parameters = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return numbers, names
    for name in names:
        if name not in parameters and not any(
            p.kind is p.VAR_KEYWORD for p in inspect.signature(f).parameters.values()
        ):
            raise TreeError(f"jit: no argument is named {name!r}; the function takes ({', '.join(parameters)})")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [name for name, p in inspect.signature(f).parameters.items() if p.kind in kinds]
    found = [n for n in numbers if -len(positional) <= n < len(positional)]
    return (
        (*numbers, *(positional.index(name) for name in names if name in positional)),
        (*names, *(positional[n] for n in found)),
    )
