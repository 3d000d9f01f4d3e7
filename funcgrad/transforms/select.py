"""Choosing element by element among arrays of one shape: `select`, `select_n`."""

from __future__ import annotations

from typing import Any

from ..core import SCALARS, Array
from ..dtypes import is_boolean, is_integer, weak
from ..errors import DtypeError, ShapeError
from ..numpy.creation import asarray
from ..numpy.elementwise import where

__all__ = ["select", "select_n"]


def select(pred: Any, on_true: Any, on_false: Any) -> Array:
    """on_true where pred is true, on_false elsewhere: `numpy.where` of arrays that do not broadcast.

    Args:
        pred: booleans, of the others' shape or without dimensions.
        on_true, on_false: arrays of one shape and dtype.

    Raises: as for `select_n`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.select(fnp.asarray([True, False]), fnp.asarray([1.0, 2.0]), fnp.asarray([3.0, 4.0]))
    Array([1., 4.], dtype=float32)

    Source: jax.lax.select.
    """
    return _choose(pred, [on_false, on_true], "select", True)


def select_n(which: Any, *cases: Any) -> Array:
    """Each element from the case whose number stands there; all cases are computed.

    Args:
        which: the numbers, of the cases' shape or without dimensions: integers, or booleans for two cases. One that
            is too large or too small counts as the last or the first, as in `switch`.
        *cases: arrays of one shape and dtype.

    Raises:
        ShapeError, DtypeError: shapes or dtypes differ, or `which` holds no numbers of cases.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> x = fnp.asarray([1.0, 2.0, 3.0])
    >>> fg.select_n(fnp.asarray([2, 0, 1]), x, -x, 10 * x)
    Array([10.,  2., -3.], dtype=float32)

    Source: jax.lax.select_n.
    """
    return _choose(which, list(cases), "select_n", len(cases) == 2)


def _choose(which: Any, given: list[Any], name: str, booleans: bool) -> Array:
    if not given:
        raise ShapeError(f"{name}: there are no cases to choose from")
    like = next((x.dtype for x in given if hasattr(x, "dtype")), None)
    cases = [asarray(x, weak(like, x)) if type(x) in SCALARS and like is not None else asarray(x) for x in given]
    listed = ", ".join(str(x.aval) for x in cases)
    if any(x.shape != cases[0].shape for x in cases):
        raise ShapeError(f"{name}: the cases must have one shape, not {listed}: numpy.where broadcasts")
    if any(x.dtype != cases[0].dtype for x in cases):
        raise DtypeError(f"{name}: the cases must have one dtype, not {listed}: say x.astype(...)")
    which = asarray(which)
    if which.shape not in ((), cases[0].shape):
        raise ShapeError(f"{name}: {which.aval} must have no dimensions or the shape of the cases, {listed}")
    whole, truth = is_integer(which.dtype), is_boolean(which.dtype)
    if not (truth if name == "select" else whole or (truth and booleans)):
        wanted = "booleans" if name == "select" else f"the numbers 0 to {len(cases) - 1} of the cases"
        raise DtypeError(f"{name}: the choice must be {wanted}, not {which.aval}")
    if is_boolean(which.dtype):
        return where(which, cases[1], cases[0])
    return _between(which, cases, 0)


def _between(which: Array, cases: list[Array], first: int) -> Array:
    """Each element from the cases that are left, the first of which has that number."""
    if len(cases) == 1:
        return cases[0]
    half = len(cases) // 2
    lower, upper = _between(which, cases[:half], first), _between(which, cases[half:], first + half)
    return where(which < first + half, lower, upper)
