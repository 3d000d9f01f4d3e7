"""Functions of whole numbers and of their bits."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import DtypeError
from ..ops import floats as ops
from ..ops.create import asarray, promote
from .elementwise import bitwise_invert, bitwise_left_shift, bitwise_right_shift

__all__ = [
    "bitwise_count",
    "bitwise_not",
    "gcd",
    "lcm",
    "left_shift",
    "right_shift",
]


def _integers(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    x, y = promote(x, y)
    found = x if isinstance(x, Array) else y
    if not is_integer(found.dtype):
        raise DtypeError(f"{name}: the operands must be integers, not {found.dtype}: x.astype('int64') cuts them")
    return x, y


def gcd(x: Any, y: Any, /) -> Array:
    """The greatest common divisor of |x| and |y|; of 0 and n it is n.

    Args:
        x, y: integers whose shapes broadcast.

    Raises:
        DtypeError: the operands are no integers.

    >>> from funcgrad import numpy as fnp
    >>> fnp.gcd(fnp.asarray([12, 0]), 18)
    Array([ 6, 18], dtype=int64)
    """
    return ops.gcd(*_integers("gcd", x, y))


def lcm(x: Any, y: Any, /) -> Array:
    """The lowest common multiple of |x| and |y|; of 0 and n it is 0.

    Args, Raises: as for `gcd`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.lcm(4, 6)
    Array(12, dtype=int64)
    """
    return ops.lcm(*_integers("lcm", x, y))


def bitwise_count(x: Any, /) -> Array:
    """How many bits of |x| are set.

    Args:
        x: integers.

    Returns:
        An array of uint8.

    Raises:
        DtypeError: x holds no integers.

    >>> from funcgrad import numpy as fnp
    >>> fnp.bitwise_count(fnp.asarray([0, 7, -8]))
    Array([0, 3, 1], dtype=uint8)
    """
    x = asarray(x)
    if not is_integer(x.dtype):
        raise DtypeError(f"bitwise_count: the operand must be integers, not {x.aval}")
    return ops.bitwise_count(x)


bitwise_not, left_shift, right_shift = bitwise_invert, bitwise_left_shift, bitwise_right_shift
