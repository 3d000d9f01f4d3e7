"""Every name of the array API standard is there, and takes the arguments that the standard names.

`array_api_strict` is the reference. A parameter that the standard takes by position alone may have any name; one that
it takes by name has that name and that default, and may be given by position as well, as in NumPy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import array_api_strict as strict
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp

NAMES = sorted(
    name
    for name in strict.__all__
    if not name.startswith("_") and "array_api_strict" not in name and name not in ("Device", "linalg", "fft")
)
METHODS = sorted(
    name
    for name, member in vars(type(strict.asarray(1))).items()
    if inspect.isfunction(member)
    and name.startswith("__")
    and name not in ("__array__", "__buffer__", "__setitem__", "__new__", "__init__", "__repr__", "__str__", "__iter__")
    and name not in ("__reduce__", "__hash__")
)
IN_PLACE = {name for name in METHODS if name[2] == "i" and f"__{name[3:]}" in METHODS}
"""x += y of an array that does not change is x = x + y."""


def disagreements(found: Callable[..., Any], wanted: Callable[..., Any], skip: int = 0) -> list[str]:
    """What of a function's parameters is not as the standard has it."""
    ours = list(inspect.signature(found).parameters.values())[skip:]
    theirs = list(inspect.signature(wanted).parameters.values())[skip:]
    by_name = {p.name: p for p in ours}
    wrong = []
    for place, p in enumerate(p for p in theirs if p.kind is not p.KEYWORD_ONLY):
        if place >= len(ours):
            wrong.append(f"has no {p.name}")
            continue
        own = ours[place]
        if p.kind is p.VAR_POSITIONAL:
            if own.kind is not p.kind:
                wrong.append(f"takes no *{p.name}")
        elif own.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            wrong.append(f"takes no {p.name} by position")
        elif p.kind is p.POSITIONAL_OR_KEYWORD and (own.name != p.name or own.kind is not p.kind):
            wrong.append(f"takes no {p.name} by name, but {own.name}")
        elif p.default is not p.empty and own.default is p.empty:
            wrong.append(f"{own.name} has no default")
    for p in theirs:
        if p.kind is not p.KEYWORD_ONLY:
            continue
        if p.name not in by_name or by_name[p.name].kind not in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD):
            wrong.append(f"takes no {p.name} by name")
            continue
        default = None if type(p.default).__name__ == "Undef" else p.default
        if by_name[p.name].default != default:
            wrong.append(f"{p.name} is {by_name[p.name].default!r} by default, and not {default!r}")
    required = [p.name for p in ours[len(theirs) :] if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    return wrong + [f"needs {name}" for name in required if name not in {p.name for p in theirs}]


@pytest.mark.parametrize("name", [n for n in NAMES if callable(getattr(strict, n)) and n[0].islower()])
def test_functions_take_what_the_standard_names(name: str) -> None:
    found, wanted = getattr(fnp, name), getattr(strict, name)
    if isinstance(wanted, type(strict.float32)):  # a dtype
        assert fnp.asarray(1, dtype=found).dtype == found
        return
    assert not disagreements(found, wanted)


@pytest.mark.parametrize("name", [n for n in METHODS if n not in IN_PLACE])
def test_methods_take_what_the_standard_names(name: str) -> None:
    assert not disagreements(getattr(fg.Array, name), getattr(type(strict.asarray(1)), name), skip=1)


@pytest.mark.parametrize("extension", ["linalg", "fft"])
def test_extensions_take_what_the_standard_names(extension: str) -> None:
    found, wanted = getattr(fnp, extension), getattr(strict, extension)
    wrong = {n: disagreements(getattr(found, n), getattr(wanted, n)) for n in wanted.__all__}
    assert not {name: said for name, said in wrong.items() if said}


def test_constants_and_dtypes() -> None:
    for name in ("e", "inf", "nan", "newaxis", "pi"):
        assert repr(getattr(fnp, name)) == repr(getattr(strict, name))
    for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        assert fnp.zeros(2, dtype=getattr(fnp, name)).dtype == name
    for name in ("float32", "float64", "complex64", "complex128"):
        assert fnp.zeros(2, dtype=getattr(fnp, name)).dtype == name


def test_attributes() -> None:
    x = fnp.zeros((2, 3))
    assert (x.ndim, x.size, x.shape, x.T.shape, x.mT.shape) == (2, 6, (2, 3), (3, 2), (3, 2))
    assert x.dtype == fnp.float32
    assert x.to_device(x.device).device == x.device
    assert x.__array_namespace__() is fnp
    assert x.__array_namespace__(api_version="2024.12") is fnp
