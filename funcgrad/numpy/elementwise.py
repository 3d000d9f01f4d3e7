"""Functions of each element by itself: operands become arrays, meet in one dtype and broadcast.

Each function is its operation (`ops/elementwise.py`) behind the conversion that NumPy's users expect, and one line
of documentation.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np

from .. import operations
from ..core import SCALARS, Array
from ..dtypes import ALL, INEXACT, WEAK, is_boolean, is_complex, is_inexact, is_integer
from ..errors import DtypeError, ShapeError
from ..operations import Operation
from ..ops import elementwise as ops
from ..ops.create import as_operand, asarray, check_range, promote, promote_inexact, to_inexact
from ..ops.key import of_mask
from ..ops.sort import first_places
from ..rules import zeros

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "divmod",
    "equal",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "imag",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "nextafter",
    "nonzero",
    "not_equal",
    "positive",
    "pow",
    "power",
    "real",
    "reciprocal",
    "remainder",
    "round",
    "select",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]

Unary = Callable[[Any], Array]
Binary = Callable[[Any, Any], Array]
Meet = Callable[[Any, Any], tuple[Any, Any]]


def _as_number(x: Any) -> Any:
    """Booleans as NumPy counts with them where it has no operation on them: as int8."""
    x = as_operand(x)
    return ops.astype(x, "int8") if isinstance(x, Array) and is_boolean(x.dtype) else x


def _promote_numbers(x: Any, y: Any) -> tuple[Any, Any]:
    """As `promote`; two booleans become int8."""
    x, y = promote(x, y)
    return _as_number(x), _as_number(y)


def _promote_difference(x: Any, y: Any) -> tuple[Any, Any]:
    """As `promote`, without two booleans."""
    x, y = promote(x, y)
    _refuse_boolean("subtract", x if isinstance(x, Array) else y, "write x ^ y for where they differ")
    return x, y


def _refuse_boolean(name: str, x: Array, instead: str) -> Array:
    if is_boolean(x.dtype):
        raise DtypeError(
            f"{name}: {x.aval} holds truth values, which have no sign and no difference: {instead}, or "
            "x.astype('int64') for numbers"
        )
    return x


_NUMBERS: dict[Any, Any] = {dtype: WEAK[dtype] for dtype in ALL if not is_boolean(dtype)}
_FITS: dict[Any, Any] = {
    promote: WEAK,
    promote_inexact: {dtype: WEAK[dtype] for dtype in INEXACT},
    _promote_numbers: _NUMBERS,
    _promote_difference: _NUMBERS,
}
_MEETS: dict[Any, Meet] = {}
"""How the operands of each function of two meet; `operator` below reads it."""

_ONE = "Args:\n    x: an array or number of any shape."
_TWO = "Args:\n    x, y: arrays or numbers whose shapes broadcast; two dtypes meet as `dtypes` says."


def _documented(function: Any, doc: str, args: str) -> Any:
    function.__module__ = __name__
    function.__doc__ = f"{doc}\n\n{args}\n\nReturns:\n    An array of the broadcast shape.\n"
    return function


def _floating(op: Operation, doc: str) -> Unary:
    """A function whose values are not whole: integers go in as the default float."""
    args = _ONE + " Integers are taken as the default float."
    return _documented(operations.unary(op.primitive, INEXACT, to_inexact), doc, args)


def _unary(op: Operation, doc: str) -> Unary:
    return _documented(operations.unary(op.primitive, ALL, asarray), doc, _ONE)


def _number(op: Operation, doc: str, accept: Callable[[Any], Array]) -> Unary:
    """A function of numbers; `accept` says what becomes of booleans."""
    return _documented(operations.unary(op.primitive, frozenset(_NUMBERS), accept), doc, _ONE)


def _binary(op: Operation, doc: str, meet: Meet = promote) -> Binary:
    function = operations.binary(op.primitive, _FITS.get(meet, {}), meet)
    _MEETS[function] = meet
    return _documented(function, doc, _TWO)


def operator(function: Any, operands: tuple[type, ...]) -> Any:
    """A function of two as an operator's method: beside other types than `operands` it leaves the answer to them."""
    meet = _MEETS[function]
    return operations.binary(function.primitive, _FITS.get(meet, {}), meet, operands)


def _truths(x: Any, y: Any) -> tuple[Any, Any]:
    return ops.astype(asarray(x), bool), ops.astype(asarray(y), bool)


# ---- arithmetic --------------------------------------------------------------------------------

add = _binary(ops.add, "Sum x + y.")
subtract = _binary(ops.subtract, "Difference x - y.", _promote_difference)
multiply = _binary(ops.multiply, "Product x * y.")
divide = _binary(ops.divide, "Quotient x / y; of integers too a float.", promote_inexact)
floor_divide = _binary(ops.floor_divide, "Quotient rounded down, floor(x / y).", _promote_numbers)
remainder = _binary(
    ops.remainder, "Remainder of floor division, with the sign of y: x - y * floor(x / y).", _promote_numbers
)


def divmod(x: Any, y: Any, /) -> tuple[Array, Array]:
    """Quotient rounded down and what remains: (x // y, x % y)."""
    return floor_divide(x, y), remainder(x, y)


negative = _number(
    ops.negative, "-x", lambda x: _refuse_boolean("negative", asarray(x), "write ~x for their opposites")
)
square = _number(ops.square, "x * x", lambda x: _as_number(asarray(x)))
sqrt = _floating(ops.sqrt, "Square root.")
reciprocal = _floating(ops.reciprocal, "1 / x")
hypot = _binary(ops.hypot, "sqrt(x*x + y*y) without overflow.", promote_inexact)


def positive(x: Any, /) -> Array:
    """+x, the array itself."""
    return asarray(x)


def power(x: Any, y: Any, /) -> Array:
    """Power x ** y.

    Args:
        x: the base, an array or number.
        y: the exponent, an array or number; its shape broadcasts with the base's.

    Returns:
        An array of the broadcast shape. The derivative in x at y = 0 is 0, also at x = 0.

    >>> from funcgrad import numpy as fnp
    >>> fnp.power(fnp.asarray([1.0, 2.0, 3.0]), 2)
    Array([1., 4., 9.], dtype=float32)
    """
    if type(y) is int and y == 2 and isinstance(x, Array) and not is_boolean(x.dtype):
        return square(x)
    x, y = _promote_numbers(x, y)
    if type(x) in SCALARS:  # the derivative in the exponent takes the logarithm of the base
        x = asarray(x, y.dtype, device=y.device)
    return ops.pow(x, y)


# ---- exponentials, logarithms, trigonometry ----------------------------------------------------

exp = _floating(ops.exp, "Exponential e ** x.")


def expm1(x: Any, /) -> Array:
    """exp(x) - 1, accurate near 0; integers are taken as the default float."""
    x = to_inexact(x)
    return ops.complex_expm1(x) if is_complex(x.dtype) else ops.expm1(x)


log = _floating(ops.log, "Natural logarithm.")


def log1p(x: Any, /) -> Array:
    """log(1 + x), accurate near 0; integers are taken as the default float."""
    x = to_inexact(x)
    return ops.complex_log1p(x) if is_complex(x.dtype) else ops.log1p(x)


log2 = _floating(ops.log2, "Logarithm to base 2.")
log10 = _floating(ops.log10, "Logarithm to base 10.")
logaddexp = _binary(ops.logaddexp, "log(exp(x) + exp(y)) without overflow.", promote_inexact)
sin = _floating(ops.sin, "Sine of x in radians.")
cos = _floating(ops.cos, "Cosine of x in radians.")
tan = _floating(ops.tan, "Tangent of x in radians.")
asin = _floating(ops.asin, "Inverse sine, in [-pi/2, pi/2].")
acos = _floating(ops.acos, "Inverse cosine, in [0, pi].")
atan = _floating(ops.atan, "Inverse tangent, in [-pi/2, pi/2].")
atan2 = _binary(ops.atan2, "Angle in [-pi, pi] of the point with ordinate x (first) and abscissa y.", promote_inexact)
sinh = _floating(ops.sinh, "Hyperbolic sine.")
cosh = _floating(ops.cosh, "Hyperbolic cosine.")
tanh = _floating(ops.tanh, "Hyperbolic tangent.")
asinh = _floating(ops.asinh, "Inverse hyperbolic sine.")
acosh = _floating(ops.acosh, "Inverse hyperbolic cosine, of x >= 1.")
atanh = _floating(ops.atanh, "Inverse hyperbolic tangent, of |x| <= 1.")

# ---- rounding and sign -------------------------------------------------------------------------

floor = _unary(ops.floor, "The largest whole number <= x.")
ceil = _unary(ops.ceil, "The smallest whole number >= x.")
trunc = _unary(ops.trunc, "x without its fraction.")
copysign = _binary(ops.copysign, "|x| with the sign of y.", promote_inexact)
nextafter = _binary(
    ops.nextafter, "The next number after x, in the direction of y, that its dtype has.", promote_inexact
)
signbit = _unary(ops.signbit, "Is the sign bit set? True for -0.0.")


def sign(x: Any, /) -> Any:
    """-1, 0 or 1; of a complex number x / |x|, and 0 of 0."""
    x = asarray(x)
    if not is_complex(x.dtype):
        return ops.sign(_refuse_boolean("sign", x, "x itself tells"))
    modulus = ops.complex_abs(x)
    return divide(x, ops.where(ops.equal(modulus, 0), 1, modulus))


def round(x: Any, /, decimals: int = 0) -> Array:
    """The nearest number with so many decimals, halves to even.

    Args:
        x: an array or number.
        decimals: how many digits after the point; negative ones count before it.
    """
    x = asarray(x)
    if decimals >= 0 and not is_inexact(x.dtype):  # NumPy rounds booleans to float16
        return x
    if decimals == 0:
        return ops.round(x)
    if not is_inexact(x.dtype):
        return ops.astype(round(ops.astype(x, "float64"), decimals), x.dtype)
    scale = 10.0 ** builtins.abs(decimals)  # a whole number: 10.0**-1 is not a tenth
    return ops.round(x * scale) / scale if decimals > 0 else ops.round(x / scale) * scale


def abs(x: Any, /) -> Array:
    """Absolute value; of a complex number its modulus. The derivative at 0 is 0."""
    x = asarray(x)
    return ops.complex_abs(x) if is_complex(x.dtype) else ops.abs(x)


# ---- comparisons and logic ---------------------------------------------------------------------

equal = _binary(ops.equal, "x == y")
not_equal = _binary(ops.not_equal, "x != y")
less = _binary(ops.less, "x < y")
less_equal = _binary(ops.less_equal, "x <= y")
greater = _binary(ops.greater, "x > y")
greater_equal = _binary(ops.greater_equal, "x >= y")
isnan = _unary(ops.isnan, "Is it NaN?")
isinf = _unary(ops.isinf, "Is it infinite?")
isfinite = _unary(ops.isfinite, "Is it neither infinite nor NaN?")
logical_and = _binary(ops.logical_and, "Are both true (not zero)?", _truths)
logical_or = _binary(ops.logical_or, "Is one of the two true (not zero)?", _truths)
logical_xor = _binary(ops.logical_xor, "Is exactly one of the two true (not zero)?", _truths)
logical_not = _unary(ops.logical_not, "Is it false (zero)?")
bitwise_and = _binary(ops.bitwise_and, "x & y on the bits of integers or booleans.")
bitwise_or = _binary(ops.bitwise_or, "x | y on the bits of integers or booleans.")
bitwise_xor = _binary(ops.bitwise_xor, "x ^ y on the bits of integers or booleans.")
bitwise_invert = _unary(ops.bitwise_invert, "~x on the bits of integers or booleans.")
bitwise_left_shift = _binary(ops.bitwise_left_shift, "x << y", _promote_numbers)
bitwise_right_shift = _binary(ops.bitwise_right_shift, "x >> y", _promote_numbers)
maximum = _binary(ops.maximum, "The larger of x and y, NaN where one is NaN; at a tie each gets half the derivative.")
minimum = _binary(ops.minimum, "The smaller of x and y, NaN where one is NaN; at a tie each gets half the derivative.")


def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """x where the condition is true, y elsewhere; with the condition alone, `nonzero(condition)`.

    Args:
        condition: booleans.
        x, y: arrays or numbers that broadcast with it.

    Returns:
        An array of the broadcast shape. Both operands are computed, and a NaN derivative of the one not chosen stays
        out of the result's derivative only if the operand itself was kept finite:
        `where(x > 0, log(where(x > 0, x, 1)), 0)`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.where(fnp.asarray([True, False]), 1.0, fnp.asarray([5.0, 6.0]))
    Array([1., 6.], dtype=float32)
    """
    if x is None and y is None:
        return nonzero(condition)
    if x is None or y is None:
        raise DtypeError("where takes a condition alone, or a condition and two values")
    x, y = promote(x, y)
    for number, beside in ((x, y), (y, x)):
        if type(number) is int and number not in (0, 1):  # NumPy's own would let it wrap around
            check_range(number, beside.dtype)
    return ops.where(ops.astype(asarray(condition), bool), x, y)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Each element from the first choice whose condition is true there; all are computed.

    Args:
        condlist: boolean arrays.
        choicelist: as many arrays or numbers; all broadcast.
        default: where no condition is true.

    >>> from funcgrad import numpy as fnp
    >>> x = fnp.asarray([1.0, 2.0, 3.0])
    >>> fnp.select([x > 2, x > 1], [x * 10, -x], 5.0)
    Array([ 5., -2., 30.], dtype=float32)
    """
    if len(condlist) != len(choicelist):
        raise ShapeError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        condition = asarray(condition)
        if not is_boolean(condition.dtype):
            raise DtypeError(f"select: a condition must be booleans, not {condition.aval}")
        out = where(condition, choice, out)
    return asarray(out)


def nonzero(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> tuple[Array, ...]:
    """The indices of the elements that are not zero, one array an axis; how many there are depends on the values.

    Args:
        x: an array of at least one dimension.
        size: how many to return: the first ones, and `fill_value` where there are fewer. Then the shape does not depend
            on the values, and a batch stays together.
        fill_value: an integer, or one an axis; 0 where None.

    Raises:
        ShapeError: x has no dimensions, or there are more fill values than axes.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nonzero(fnp.asarray([0, 3, 0, 4]))
    (Array([1, 3], dtype=int64),)
    """
    mask = x if isinstance(x, Array) and is_boolean(x.dtype) else not_equal(x, 0)
    if not mask.shape:
        raise ShapeError("nonzero: an array without dimensions has no places: write x[None]")
    if size is None:
        return tuple(of_mask(mask))
    fills = tuple(fill_value) if isinstance(fill_value, tuple | list) else (fill_value or 0,) * mask.ndim
    if len(fills) != mask.ndim:
        raise ShapeError(f"nonzero: {len(fills)} fill values for the {mask.ndim} axes of {mask.aval}")
    places, there = first_places(mask.reshape(mask.size), index(size))
    indices: list[Array] = []
    for n, fill in zip(reversed(mask.shape), reversed(fills), strict=True):
        indices.insert(0, ops.where(there, remainder(places, n or 1), fill))
        places = floor_divide(places, n or 1)
    return tuple(indices)


def clip(x: Any, /, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None) -> Array:
    """x, but at least min and at most max (the larger bound wins where they cross); NaN where one of them is.

    Args:
        x: an array or number.
        min, max: bounds that broadcast with x, or None.
        a_min, a_max: NumPy's older names of the two.

    >>> from funcgrad import numpy as fnp
    >>> fnp.clip(fnp.asarray([-2.0, 0.5, 3.0]), -1, 1)
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """
    min, max = a_min if min is None else min, a_max if max is None else max
    x = as_operand(x)
    if isinstance(x, Array) and is_integer(x.dtype):  # a bound that no element can pass need not fit the dtype
        least, most = np.iinfo(x.dtype).min, np.iinfo(x.dtype).max
        min = None if type(min) is int and min <= least else min
        max = None if type(max) is int and max >= most else max
    x = x if min is None else maximum(x, min)
    return asarray(x) if max is None else minimum(x, max)


# ---- complex parts ------------------------------------------------------------------------------


def real(x: Any, /) -> Array:
    """The real part; a real array is its own."""
    x = asarray(x)
    return ops.real(x) if is_complex(x.dtype) else x


def imag(x: Any, /) -> Array:
    """The imaginary part; zeros for a real array."""
    x = asarray(x)
    return ops.imag(x) if is_complex(x.dtype) else zeros(x, x)


def conj(x: Any, /) -> Array:
    """The complex conjugate; a real array is its own."""
    x = asarray(x)
    return ops.conj(x) if is_complex(x.dtype) else x


arccos, arcsin, arctan, arctan2 = acos, asin, atan, atan2
arccosh, arcsinh, arctanh = acosh, asinh, atanh
pow, mod, absolute, true_divide, conjugate, invert = power, remainder, abs, divide, conj, bitwise_invert
