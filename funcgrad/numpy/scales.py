"""Numbers spread evenly on a logarithmic scale."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core import SCALARS, Array
from ..dtypes import canonical
from ..errors import OptionError
from ..ops.create import asarray, promote_inexact
from ..ops.elementwise import astype
from ..ops.precision import widened
from .creation import linspace
from .elementwise import equal, power, where
from .manipulation import moveaxis, reshape

__all__ = [
    "geomspace",
    "logspace",
]


@widened
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Array:
    """`num` powers of a base whose exponents are spread evenly from start to stop.

    Args:
        start, stop: the exponents, numbers or arrays that broadcast.
        num: how many.
        endpoint: whether base ** stop is the last of them.
        base: a number, or an array that broadcasts with start and stop.
        dtype: of the result; the default float, or the dtype in which given arrays meet.
        axis: where the new axis goes, if start or stop is an array.

    >>> from funcgrad import numpy as fnp
    >>> fnp.logspace(0, 3, 4)
    Array([   1.,   10.,  100., 1000.], dtype=float32)
    """
    num = _number("logspace", num)
    if all(type(v) in SCALARS for v in (start, stop, base)):
        return asarray(np.logspace(start, stop, num, endpoint, base), float if dtype is None else dtype)
    if all(type(v) in SCALARS for v in (start, stop)):  # beside the base they are weak
        base = promote_inexact(start, base)[1]
        start = asarray(start, base.dtype, device=base.device)
    exponents: Any = linspace(start, stop, num, endpoint=endpoint)
    if getattr(base, "ndim", 0):
        base = asarray(base)
        rank = max(base.ndim, exponents.ndim - 1)
        exponents = reshape(exponents, (num, *(1,) * (rank + 1 - exponents.ndim), *exponents.shape[1:]))
    found = moveaxis(power(base, exponents), 0, axis)
    return found if dtype is None else astype(found, canonical(dtype))


@widened
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Array:
    """`num` numbers from start to stop, each the one before it times one factor.

    Args:
        start, stop: numbers or arrays that broadcast, of one sign, none of them 0; or complex.
        num: how many.
        endpoint: whether stop is the last of them.
        dtype: of the result; the default float, or the dtype in which given arrays meet.
        axis: where the new axis goes, if start or stop is an array.

    Raises:
        OptionError: start or stop is the number 0.

    >>> from funcgrad import numpy as fnp
    >>> fnp.geomspace(1, 1000, 4)
    Array([   1.,   10.,  100., 1000.], dtype=float32)
    """
    num = _number("geomspace", num)
    if any(type(v) in SCALARS and v == 0 for v in (start, stop)):
        raise OptionError("geomspace: no factor leads from 0 or to it: start and stop must not be 0")
    if all(type(v) in SCALARS for v in (start, stop)):
        given = complex if complex in (type(start), type(stop)) else float
        return asarray(np.geomspace(start, stop, num, endpoint), given if dtype is None else dtype)
    low, high = promote_inexact(start, stop)
    beside = low if isinstance(low, Array) else high
    rank = max(getattr(low, "ndim", 0), getattr(high, "ndim", 0))
    ramp = reshape(
        asarray(np.linspace(0, 1, num, endpoint), beside.real.dtype, device=beside.device), (num,) + (1,) * rank
    )
    between = where(equal(ramp, 1), high, low * power(high / low, ramp))  # the last one is stop to the last digit
    found = moveaxis(between, 0, axis)
    return found if dtype is None else astype(found, canonical(dtype))


def _number(name: str, num: int) -> int:
    found = operator.index(num)
    if found < 0:
        raise OptionError(f"{name}: num must not be negative, got {found}")
    return found
