"""Every public function by every way to its arguments: as NumPy's and SciPy's own function, and on mutable views.

The uses are those of `tests/functions`; each way must give what the function itself gives.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import scipy
from functions import ALL, Use

import funcgrad as fg

BY_NAME: dict[str, list[Use]] = defaultdict(list)
for use in ALL:
    BY_NAME[use.name].append(use)
every_function = pytest.mark.parametrize("name", sorted(BY_NAME))


def converted(x: Any, make: Any) -> Any:
    """NumPy's arrays in it as others."""
    if isinstance(x, np.ndarray):
        return make(x)
    return type(x)(converted(y, make) for y in x) if type(x) in (list, tuple) else x


def arguments(use: Use, make: Any) -> tuple[list[Any], dict[str, Any]]:
    return [converted(x, make) for x in use.args], {k: converted(x, make) for k, x in use.kwargs.items()}


def function(name: str) -> Any:
    """Ours, of that dotted name."""
    return pkgutil.resolve_name(f"funcgrad.{name}")


def same(found: Any, expected: Any) -> None:
    """The same arrays, to the last bit."""
    pairs = zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True)
    for x, y in pairs:
        assert isinstance(x, fg.Array) == isinstance(y, fg.Array)
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@every_function
def test_mutable_views_are_taken(name: str) -> None:
    for use in BY_NAME[name]:
        args, kwargs = arguments(use, fg.asarray)
        views, named = arguments(use, fg.mutable)
        same(function(name)(*views, **named), function(name)(*args, **kwargs))


def protocol(name: str) -> Any:
    """NumPy's or SciPy's function of that name, if it asks its arguments whose it is."""
    found: Any = {"numpy": np, "scipy": scipy}.get(name.partition(".")[0])
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found if isinstance(found, np.ufunc) or hasattr(found, "_implementation") else None


def is_taken(theirs: Any, kwargs: dict[str, Any]) -> bool:
    """Does NumPy know these keywords? `size=` of `nonzero` is JAX's."""
    if isinstance(theirs, np.ufunc):
        return not kwargs
    parameters = inspect.signature(theirs).parameters
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or kwargs.keys() <= parameters.keys()


@pytest.mark.parametrize("name", sorted(name for name in BY_NAME if protocol(name) is not None))
def test_numpys_own_function_is_ours(name: str) -> None:
    theirs = protocol(name)
    for use in BY_NAME[name]:
        args, kwargs = arguments(use, fg.asarray)
        has_arrays = any(isinstance(x, fg.Array) for x in fg.tree.leaves((args, kwargs)))
        if has_arrays and is_taken(theirs, kwargs) and "inplace" not in kwargs:
            same(theirs(*args, **kwargs), function(name)(*args, **kwargs))
