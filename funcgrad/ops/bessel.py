"""The modified Bessel functions of the first kind, I0 and I1, each of which is in the other's derivative."""

from __future__ import annotations

from typing import Any

from ..kernels import bessel
from ..rules import elementwise
from .elementwise import equal, where

__all__ = ["i0", "i1"]

i0 = elementwise("i0(x)", impl=bessel.i0, x=lambda g, x: g * i1(x))


def _slope(x: Any, out: Any) -> Any:
    """I0(x) - I1(x) / x, and a half at 0."""
    origin = equal(x, 0)
    return where(origin, 0.5, i0(x) - out / where(origin, 1, x))


i1 = elementwise("i1(x)", impl=bessel.i1, x=lambda g, x, out: g * _slope(x, out))
