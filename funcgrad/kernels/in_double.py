"""Functions of each element, computed in float64 and rounded once: how the special functions run.

A float32 result made in float64 is exact but for its last rounding, and needs no formulas of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

Raw = Any
"""An array of NumPy, CuPy or another array-API module."""

Formula = Callable[..., Raw]

# Numbers in a block of a NumPy array: its temporaries (64 KiB each) stay in the cache.
_BLOCK = 8192


def in_double(formula: Formula) -> Formula:
    """A formula on float64 arrays of one shape as a kernel.

    Args:
        formula: (xp, *float64 arrays, **params) -> float64 array. Each branch of it is computed for all elements, so
            what is not taken may overflow or be NaN, without a warning.

    Returns:
        (xp, *operands, **params) -> raw result. Operands broadcast; they are arrays of one dtype, and Python numbers
        beside them.
    """

    @wraps(formula)
    def kernel(xp: Any, *operands: Any, **params: Any) -> Raw:
        first = next((a for a in operands if hasattr(a, "dtype")), None)
        dtype = np.dtype(np.float64) if first is None else first.dtype
        with np.errstate(all="ignore"):
            if xp is not np:
                wide = [_wide(xp, a, first) for a in operands]
                return xp.astype(formula(xp, *wide, **params), dtype)
            arrays = np.broadcast_arrays(*operands)
            result = np.empty(arrays[0].shape, dtype)
            flat, target = [a.reshape(-1) for a in arrays], result.reshape(-1)
            for start in range(0, target.size, _BLOCK):
                block = slice(start, start + _BLOCK)
                target[block] = formula(np, *[a[block].astype(np.float64) for a in flat], **params)
            return result

    return kernel


def _wide(xp: Any, a: Any, beside: Raw) -> Raw:
    if hasattr(a, "dtype"):
        return xp.astype(a, xp.float64)
    return xp.full((), float(a), dtype=xp.float64, device=beside.device)


def in_two(xp: Any, first: Raw, one: Callable[[], Raw], other: Callable[[], Raw]) -> Raw:
    """one() where `first` holds and other() elsewhere; of NumPy's arrays only what is needed somewhere.

    On a GPU to ask whether it is would be to wait for it.
    """
    if xp is np:
        if first.all():
            return one()
        if not first.any():
            return other()
    return xp.where(first, one(), other())


def polynomial(v: Raw, coefficients: tuple[float, ...]) -> Raw:
    """Horner's rule, the coefficient of the highest power first."""
    value = v * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * v + coefficient
    return value


def series(v: Raw, coefficients: tuple[float, ...]) -> Raw:
    """A sum of Chebyshev polynomials of v in [-1, 1], by Clenshaw's rule; the coefficient of the first one first."""
    after, value = 0.0 * v, 0.0 * v + coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        after, value = value, (2 * v) * value - after + coefficient
    return v * value - after + coefficients[0]
