"""Convolution and correlation of sequences, and the windows that sequences are weighted by."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import is_boolean
from ..errors import OptionError, ShapeError
from ..ops import correlation
from ..ops.create import asarray, promote_all
from ..ops.elementwise import astype
from ..ops.shape import pad
from .creation import arange
from .elementwise import conj, sqrt, where
from .floats import i0

__all__ = [
    "bartlett",
    "blackman",
    "convolve",
    "correlate",
    "hamming",
    "hanning",
    "kaiser",
]

# ---- products of shifted sequences -------------------------------------------------------------


def convolve(a: Any, v: Any, mode: str = "full") -> Array:
    """The convolution of two sequences: the sum over m of a[m] v[n - m], for each n.

    Args:
        a, v: shapes (n,) and (m,).
        mode: "full", all places where they overlap, n + m - 1 of them; "same", the max(n, m) of them in the middle;
            "valid", those where the shorter one lies within the longer one.

    Raises:
        ShapeError: a or v has not one dimension, or no elements.
        OptionError: no such mode.

    >>> from funcgrad import numpy as fnp
    >>> fnp.convolve(fnp.asarray([1, 2, 3]), fnp.asarray([0, 1, 10]))
    Array([ 0,  1, 12, 23, 30], dtype=int64)
    """
    x, kernel = _sequences("convolve", a, v)
    if x.shape[0] < kernel.shape[0]:
        x, kernel = kernel, x
    return _slide("convolve", x, kernel[::-1], mode)


def correlate(a: Any, v: Any, mode: str = "valid") -> Array:
    """The correlation of two sequences: the sum over n of a[n + k] conj(v[n]), for each shift k.

    Args:
        a, v: shapes (n,) and (m,).
        mode: as for `convolve`.

    Raises:
        ShapeError: a or v has not one dimension, or no elements.
        OptionError: no such mode.

    >>> from funcgrad import numpy as fnp
    >>> fnp.correlate(fnp.asarray([1, 2, 3]), fnp.asarray([0, 1, 10]), "same")
    Array([21, 32,  3], dtype=int64)
    """
    x, kernel = _sequences("correlate", a, v)
    if x.shape[0] < kernel.shape[0]:
        return conj(_slide("correlate", kernel, conj(x), mode))[::-1]
    return _slide("correlate", x, conj(kernel), mode)


def _sequences(name: str, a: Any, v: Any) -> list[Any]:
    found = promote_all((asarray(a), asarray(v)))
    for x in found:
        if x.ndim != 1 or not x.shape[0]:
            raise ShapeError(f"{name}: the operands must have one dimension and elements, not {x.aval}")
    return found


def _slide(name: str, x: Any, kernel: Any, mode: str) -> Any:
    """The inner products of the kernel, which is not longer than x, with pieces of x."""
    m = kernel.shape[0]
    around = {"full": (m - 1, m - 1), "same": (m // 2, m - m // 2 - 1), "valid": (0, 0)}
    if mode not in around:
        raise OptionError(f"{name}: mode must be 'full', 'same' or 'valid', not {mode!r}")
    if is_boolean(x.dtype):
        return astype(_slide(name, astype(x, "int64"), astype(kernel, "int64"), mode), bool)
    return correlation.correlate(pad(x, widths=(around[mode],)), kernel)


# ---- windows -----------------------------------------------------------------------------------


def _window(points: Any) -> Array:
    """A window that NumPy makes, in the default float."""
    return asarray(points, float)


def bartlett(M: int) -> Array:
    """The triangular window of M points, 0 at both ends: 1 - |t| for t from -1 to 1.

    >>> from funcgrad import numpy as fnp
    >>> fnp.bartlett(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _window(np.bartlett(operator.index(M)))


def hanning(M: int) -> Array:
    """The Hann window of M points, 0 at both ends: 0.5 + 0.5 cos(pi t) for t from -1 to 1.

    >>> from funcgrad import numpy as fnp
    >>> fnp.hanning(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return _window(np.hanning(operator.index(M)))


def hamming(M: int) -> Array:
    """The Hamming window of M points: 0.54 + 0.46 cos(pi t) for t from -1 to 1.

    >>> from funcgrad import numpy as fnp
    >>> fnp.hamming(3)
    Array([0.08, 1.  , 0.08], dtype=float32)
    """
    return _window(np.hamming(operator.index(M)))


def blackman(M: int) -> Array:
    """The Blackman window of M points: 0.42 + 0.5 cos(pi t) + 0.08 cos(2 pi t) for t from -1 to 1.

    >>> from funcgrad import numpy as fnp
    >>> [f"{x:.2f}" for x in fnp.blackman(5)[1:4].tolist()]
    ['0.34', '1.00', '0.34']
    """
    return _window(np.blackman(operator.index(M)))


def kaiser(M: int, beta: Any) -> Array:
    """The Kaiser window of M points: i0(beta sqrt(1 - t^2)) / i0(beta) for t from -1 to 1.

    Args:
        M: how many points.
        beta: its shape, a number: 0 for a rectangle, 5 for nearly the Hamming window; it may be differentiated.

    >>> from funcgrad import numpy as fnp
    >>> fnp.kaiser(3, 0.0)
    Array([1., 1., 1.], dtype=float32)

    Source: J. F. Kaiser, Digital filters, 1966.
    """

    n = operator.index(M)
    if n < 2:
        return arange(max(n, 0), dtype=float) + 1  # type: ignore[operator]
    inside: Any = 1 - (arange(1 - n, n, 2, dtype=float) / (n - 1)) ** 2  # type: ignore[operator]
    height = where(inside > 0, sqrt(where(inside > 0, inside, 1)), 0)
    return i0(beta * height) / i0(beta)  # type: ignore[operator]
