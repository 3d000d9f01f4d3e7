"""Questions about arrays that Python's own values answer: shape, size, kind, text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Array
from ..ops.create import asarray, on_host
from ..ops.shape import normalize_axes

__all__ = [
    "array_repr",
    "array_str",
    "isscalar",
    "iterable",
    "ndim",
    "shape",
    "size",
]


def shape(a: Any) -> tuple[int, ...]:
    """The sizes of the axes.

    >>> from funcgrad import numpy as fnp
    >>> fnp.shape([[1, 2, 3]])
    (1, 3)
    """
    return tuple(asarray(a).shape)


def ndim(a: Any) -> int:
    """How many axes there are.

    >>> from funcgrad import numpy as fnp
    >>> fnp.ndim([[1, 2, 3]])
    2
    """
    return int(asarray(a).ndim)


def size(a: Any, axis: int | Sequence[int] | None = None) -> int:
    """How many elements there are, in all or along axes.

    >>> from funcgrad import numpy as fnp
    >>> fnp.size([[1, 2, 3]]), fnp.size([[1, 2, 3]], 0)
    (3, 1)
    """
    x = asarray(a)
    count = 1
    for k in normalize_axes(axis, x.ndim, "size"):
        count *= x.shape[k]
    return count


def isscalar(element: Any) -> bool:
    """Is it a number, or an array without dimensions?

    >>> from funcgrad import numpy as fnp
    >>> fnp.isscalar(3.0), fnp.isscalar([3.0])
    (True, False)
    """
    return element.ndim == 0 if isinstance(element, Array) else bool(np.isscalar(element))


def iterable(y: Any) -> bool:
    """Can one loop over it? An array without dimensions has no elements to loop over.

    >>> from funcgrad import numpy as fnp
    >>> fnp.iterable([1]), fnp.iterable(1)
    (True, False)
    """
    return y.ndim > 0 if isinstance(y, Array) else bool(np.iterable(y))


def array_repr(
    arr: Any, max_line_width: int | None = None, precision: int | None = None, suppress_small: bool | None = None
) -> str:
    """The text that `repr` shows of an array, with NumPy's options.

    Args:
        arr: an array.
        max_line_width: characters a line.
        precision: digits behind the point.
        suppress_small: whether numbers close to zero are shown as 0.

    >>> from funcgrad import numpy as fnp
    >>> fnp.array_repr(fnp.asarray([1.0, 2.5]))
    'Array([1. , 2.5], dtype=float32)'
    """
    body = np.array2string(on_host(arr), max_line_width, precision, suppress_small, separator=", ", prefix="Array(")
    return f"Array({body}, dtype={asarray(arr).dtype})"


def array_str(
    a: Any, max_line_width: int | None = None, precision: int | None = None, suppress_small: bool | None = None
) -> str:
    """The text that `str` shows of an array; arguments as for `array_repr`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.array_str(fnp.asarray([1.0, 2.5]))
    '[1.  2.5]'
    """
    return np.array_str(on_host(a), max_line_width, precision, suppress_small)
