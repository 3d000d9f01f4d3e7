"""What a function returns beside arrays: strings, numbers that no input decides, objects; a program gives them back."""

from __future__ import annotations

from collections.abc import Iterator
from gc import get_referents
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..core import Tracer, WeakNumber
from ..tree import Structure

__all__ = ["PLAIN", "difference", "holds_a_tracer", "objects"]

PLAIN = frozenset([int, float, complex, bool, str, bytes, type(None)])


def difference(a: Any, b: Any) -> tuple[Any, Any] | None:
    """Where the remains of two runs are not the same: None if they are, and a program may stand for both."""
    if a is b:
        return None
    if type(a) is not type(b):
        return a, b
    if isinstance(a, tuple | list):
        if len(a) != len(b):
            return a, b
        return next(filter(None, map(difference, a, b)), None)
    if hasattr(type(a), "info"):  # of a backward pass
        return difference(a.info, b.info)
    same = repr(a) == repr(b) if type(a) in PLAIN else isinstance(a, Structure) and a == b
    return None if same else (a, b)


def objects(remains: Any) -> Iterator[Any]:
    """All that is neither plain nor a tuple or list."""
    if isinstance(remains, tuple | list):
        for x in remains:
            yield from objects(x)
    elif hasattr(type(remains), "info"):
        yield from objects(remains.info)
    elif type(remains) not in PLAIN and not isinstance(remains, Structure):
        yield remains


def holds_a_tracer(*xs: Any) -> bool:
    """Is a value of a transform in one of these objects, wherever in it?"""
    waiting = list(xs)
    seen: set[int] = set()
    while waiting:
        x = waiting.pop()
        if issubclass(type(x), Tracer | WeakNumber):  # isinstance would ask the object for its class
            return True
        if id(x) in seen or isinstance(x, type | ModuleType | CodeType):
            continue
        seen.add(id(x))
        if isinstance(x, FunctionType):  # not its globals, which are everything
            waiting += [x.__closure__, x.__defaults__, x.__kwdefaults__, x.__dict__]
        else:
            waiting += get_referents(x)
    return False
