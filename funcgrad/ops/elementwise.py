"""Operations on each element by itself; a line each.

A rule is the tangent or cotangent g times the derivative, and reads what its parameters name (`rules.py`). Operands
have met in one dtype before they come here (`promote`), Python scalars excepted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from ..core import SCALARS, Array, Aval
from ..device import backend_dtype, dtype_of, move
from ..dtypes import canonical, is_boolean, is_complex, is_floating, is_inexact
from ..kernels import error_function
from ..rules import elementwise, general, linear

# ---- arithmetic --------------------------------------------------------------------------------

add = elementwise("add(x, y)", x=lambda g: g, y=lambda g: g)
subtract = elementwise("subtract(x, y)", x=lambda g: g, y=lambda g: -g)
multiply = elementwise("multiply(x, y)", x=lambda g, y: g * y, y=lambda g, x: g * x)
divide = elementwise("divide(x, y)", x=lambda g, y: g / y, y=lambda g, y, out: -g * out / y)
negative = elementwise("negative(x)", x=lambda g: -g)
square = elementwise("square(x)", x=lambda g, x: g * (2 * x))
sqrt = elementwise("sqrt(x)", x=lambda g, out: g / (2 * out))
reciprocal = elementwise("reciprocal(x)", x=lambda g, out: -g * (out * out))


def _power_in_base(g: Any, x: Any, y: Any) -> Any:
    """g y x^(y-1); for y = 0 the function is constant, also at x = 0, where the formula says 0 * inf."""
    if isinstance(y, SCALARS):
        if y == 2:
            return g * (2 * x)
        if y == 1:
            return g
        return g * 0 if y == 0 else g * (y * pow(x, y - 1))
    origin = logical_and(equal(x, 0), equal(y, 0))
    return g * (y * pow(where(origin, 1, x), y - 1))


pow = elementwise("pow(x, y)", x=_power_in_base, y=lambda g, x, out: g * (out * log(where(equal(x, 0), 1, x))))


def _floor_divide(xp: Any, x: Any, y: Any) -> Any:
    """NumPy's, but for infinities, where the array API standard wants floor(x / y): inf // 2 is inf, 1 // -inf -0."""
    with numpy.errstate(invalid="ignore"):
        quotient = xp.floor_divide(x, y)
    if not is_floating(dtype_of(quotient)):
        return quotient
    x_infinite, y_infinite = (math.isinf(a) if isinstance(a, float | int) else xp.isinf(a) for a in (x, y))
    return xp.where(x_infinite | y_infinite, xp.divide(x, y), quotient)


floor_divide = elementwise("floor_divide(x, y)", impl=_floor_divide)
remainder = elementwise("remainder(x, y)", x=lambda g: g, y=lambda g, x, y: -g * floor_divide(x, y))

# ---- exponentials and logarithms ---------------------------------------------------------------

exp = elementwise("exp(x)", x=lambda g, out: g * out)
expm1 = elementwise("expm1(x)", x=lambda g, out: g * (out + 1))


def _complex_of(xp: Any, real: Any, imag: Any, like: Any) -> Any:
    """The complex number of these parts; a sum would lose the sign of an imaginary -0, conj gives it."""
    upper = xp.astype(real, like.dtype) + xp.astype(xp.abs(imag), like.dtype) * 1j
    return xp.where(xp.signbit(imag), xp.conj(upper), upper)


def _complex_expm1(xp: Any, x: Any) -> Any:
    """exp(x) - 1 by parts: e^a cos b - 1 = (e^a - 1) cos b - 2 sin(b/2)^2, where it would cancel.

    Elsewhere by exp, which knows of infinities; NumPy's own function says NaN of inf + 0j.
    """
    a, b = xp.real(x), xp.imag(x)
    near = (xp.abs(a) < 1) & xp.isfinite(b)
    a, b = xp.where(near, a, 0.0), xp.where(near, b, 0.0)
    half = xp.sin(b / 2)
    small = _complex_of(xp, xp.expm1(a) * xp.cos(b) - 2 * half * half, xp.exp(a) * xp.sin(b), x)
    return xp.where(near, small, xp.exp(x) - 1)


complex_expm1 = elementwise("complex_expm1(x)", impl=_complex_expm1, x=lambda g, out: g * (out + 1))
log = elementwise("log(x)", x=lambda g, x: g / x)
log1p = elementwise("log1p(x)", x=lambda g, x: g / (x + 1))


def _complex_log1p(xp: Any, x: Any) -> Any:
    """log(1 + x), whose real part is half the log of |1 + x|^2 = 1 + (2 a + a^2 + b^2); NumPy adds the 1 first."""
    a, b = xp.real(x), xp.imag(x)
    near = (xp.abs(a) < 0.5) & (xp.abs(b) < 0.5)
    a, b = xp.where(near, a, 0.0), xp.where(near, b, 0.0)
    small = _complex_of(xp, 0.5 * xp.log1p(a * (2 + a) + b * b), xp.atan2(b, 1 + a), x)
    below = xp.signbit(xp.imag(x))  # x + 1 would lose the sign of -0, by which log knows the side of its cut
    far = xp.log(xp.where(below, xp.conj(x), x) + 1)
    return xp.where(near, small, xp.where(below, xp.conj(far), far))


complex_log1p = elementwise("complex_log1p(x)", impl=_complex_log1p, x=lambda g, x: g / (x + 1))
log2 = elementwise("log2(x)", x=lambda g, x: g / (x * math.log(2)))
log10 = elementwise("log10(x)", x=lambda g, x: g / (x * math.log(10)))
logaddexp = elementwise(
    "logaddexp(x, y)", x=lambda g, x, out: g * _exp_below(x, out), y=lambda g, y, out: g * _exp_below(y, out)
)


def _exp_below(x: Any, out: Any) -> Any:
    """exp(x - out) for x <= out; of two equal infinities, whose difference is NaN, each counts in full."""
    return exp(where(equal(x, out), 0, x - out))


# ---- trigonometric and hyperbolic --------------------------------------------------------------

sin = elementwise("sin(x)", x=lambda g, x: g * cos(x))
cos = elementwise("cos(x)", x=lambda g, x: -g * sin(x))
tan = elementwise("tan(x)", x=lambda g, out: g * (1 + out * out))
asin = elementwise("asin(x)", x=lambda g, x: g / sqrt(1 - x * x))
acos = elementwise("acos(x)", x=lambda g, x: -g / sqrt(1 - x * x))
atan = elementwise("atan(x)", x=lambda g, x: g / (1 + x * x))
atan2 = elementwise(
    "atan2(y, x)", y=lambda g, y, x: g * (x / (x * x + y * y)), x=lambda g, y, x: g * (-y / (x * x + y * y))
)
sinh = elementwise("sinh(x)", x=lambda g, x: g * cosh(x))
cosh = elementwise("cosh(x)", x=lambda g, x: g * sinh(x))
tanh = elementwise("tanh(x)", x=lambda g, out: g * (1 - out * out))
asinh = elementwise("asinh(x)", x=lambda g, x: g / sqrt(x * x + 1))
acosh = elementwise("acosh(x)", x=lambda g, x: g / (sqrt(x - 1) * sqrt(x + 1)))
atanh = elementwise("atanh(x)", x=lambda g, x: g / (1 - x * x))
hypot = elementwise("hypot(x, y)", x=lambda g, x, out: g * (x / out), y=lambda g, y, out: g * (y / out))

# ---- the error function ------------------------------------------------------------------------

_SLOPE = 2 / math.sqrt(math.pi)
erf = elementwise("erf(x)", impl=error_function.erf, x=lambda g, x: g * (_SLOPE * exp(-(x * x))))
erfc = elementwise("erfc(x)", impl=error_function.erfc, x=lambda g, x: g * (-_SLOPE * exp(-(x * x))))
erfinv = elementwise("erfinv(x)", impl=error_function.erfinv, x=lambda g, out: g * (exp(out * out) / _SLOPE))

# ---- choosing ----------------------------------------------------------------------------------


def _share(x: Any, y: Any) -> Any:
    """1 where x > y, 0 where x < y, and a half where they tie: the gradient of a maximum."""
    return where(equal(x, y), 0.5, cast(greater(x, y), dtype=(x if isinstance(x, Array) else y).dtype))


maximum = elementwise("maximum(x, y)", x=lambda g, x, y: g * _share(x, y), y=lambda g, x, y: g * _share(y, x))
minimum = elementwise("minimum(x, y)", x=lambda g, x, y: g * _share(y, x), y=lambda g, x, y: g * _share(x, y))
where = elementwise(
    "where(condition, x, y)",
    x=lambda g, condition: where(condition, g, 0),
    y=lambda g, condition: where(condition, 0, g),
)
abs = elementwise("abs(x)", x=lambda g, x: g * sign(x))
copysign = elementwise("copysign(x, y)", x=lambda g, x, y: g * copysign(sign(x), y) * sign(x))
nextafter = elementwise("nextafter(x, y)", widens=False, x=lambda g: g)

# ---- constant to a derivative ------------------------------------------------------------------

_boolean = canonical(bool)


def _to_boolean(_: Any) -> Any:
    return _boolean


sign = elementwise("sign(x)")
floor = elementwise("floor(x)")
ceil = elementwise("ceil(x)")
trunc = elementwise("trunc(x)")
round = elementwise("round(x)")
equal = elementwise("equal(x, y)", dtype=_to_boolean)
not_equal = elementwise("not_equal(x, y)", dtype=_to_boolean)
less = elementwise("less(x, y)", dtype=_to_boolean)
less_equal = elementwise("less_equal(x, y)", dtype=_to_boolean)
greater = elementwise("greater(x, y)", dtype=_to_boolean)
greater_equal = elementwise("greater_equal(x, y)", dtype=_to_boolean)
isnan = elementwise("isnan(x)", dtype=_to_boolean)
isinf = elementwise("isinf(x)", dtype=_to_boolean)
isfinite = elementwise("isfinite(x)", dtype=_to_boolean)
signbit = elementwise("signbit(x)", dtype=_to_boolean)
logical_and = elementwise("logical_and(x, y)", dtype=_to_boolean)
logical_or = elementwise("logical_or(x, y)", dtype=_to_boolean)
logical_xor = elementwise("logical_xor(x, y)", dtype=_to_boolean)
logical_not = elementwise("logical_not(x)", dtype=_to_boolean)
bitwise_and = elementwise("bitwise_and(x, y)")
bitwise_or = elementwise("bitwise_or(x, y)")
bitwise_xor = elementwise("bitwise_xor(x, y)")
bitwise_invert = elementwise("bitwise_invert(x)")
bitwise_left_shift = elementwise("bitwise_left_shift(x, y)")
bitwise_right_shift = elementwise("bitwise_right_shift(x, y)")


# ---- dtype, complex parts, placement: linear, and blind to the batch ---------------------------


def same(x: Aval, **_: Any) -> Aval:
    """Shape and dtype of a result that has its operand's."""
    return x


convert = linear(
    "convert(x)",
    impl=lambda xp, x, *, dtype: xp.astype(x, backend_dtype(xp, dtype)),
    infer=lambda x, *, dtype: Aval(x.shape, dtype),
    transpose=lambda g, x, *, dtype: convert(g if is_complex(x.dtype) else real_part(g), dtype=x.dtype),
    moves=True,
)
cast = general(  # to or from a dtype that has no derivatives
    "cast(x)",
    impl=lambda xp, x, *, dtype: xp.astype(x, backend_dtype(xp, dtype)),
    infer=lambda x, *, dtype: Aval(x.shape, dtype),
    moves=True,
)
copy = linear(  # in memory of its own, in C's order
    "copy(x)",
    impl=lambda xp, x: numpy.array(x, order="C") if xp is numpy else xp.asarray(x, copy=True),
    infer=same,
    transpose=lambda g, x: g,
    moves=True,
)
stop_gradient = general(
    "stop_gradient(x)",
    impl=lambda xp, x: x,
    infer=same,
    moves=True,
)
device_put = linear(
    "device_put(x)",
    impl=lambda xp, x, *, source, target: move(x, target),
    infer=lambda x, *, source, target: x,
    transpose=lambda g, x, *, source, target: device_put(g, source=target, target=source),
    moves=True,
)


def _part(x: Aval) -> Any:
    """The real dtype of a complex dtype's parts."""
    return canonical({"complex64": "float32", "complex128": "float64"}[x.dtype.name])


real = linear(
    "real(x)",
    impl=lambda xp, x: xp.real(x),
    infer=lambda x: Aval(x.shape, _part(x)),
    transpose=lambda g, x: convert(g, dtype=x.dtype),
    moves=True,
)
imag = linear(  # <ct, Im t> = Re(-i ct t): JAX's convention pairs complex vectors without conjugation
    "imag(x)",
    impl=lambda xp, x: xp.imag(x),
    infer=lambda x: Aval(x.shape, _part(x)),
    transpose=lambda g, x: convert(g, dtype=x.dtype) * -1j,
    moves=True,
)
conj = linear(
    "conj(x)",
    impl=lambda xp, x: xp.conj(x),
    infer=same,
    transpose=lambda g, x: conj(g),
    moves=True,
)
complex_abs = general(  # of a complex array: real, so not a multiplication by a complex derivative
    "complex_abs(x)",
    impl=lambda xp, x: xp.abs(x),
    infer=lambda x: Aval(x.shape, _part(x)),
    jvp=lambda primals, tangents, out: real(tangents[0] * _conjugate_phase(primals[0], out)),
    x=lambda g, x, out: convert(g, dtype=x.dtype) * _conjugate_phase(x, out),
)


def _conjugate_phase(x: Any, modulus: Any) -> Any:
    """conj(x) / |x|, and 0 at 0; differentiable itself, which `sign` is not."""
    return conj(x) / convert(where(equal(modulus, 0), 1, modulus), dtype=x.dtype)


def real_part(x: Any) -> Any:
    """The real part of an array of any dtype."""
    return real(x) if is_complex(x.dtype) else x


def astype(x: Any, dtype: Any) -> Any:
    """The array in another dtype: differentiable between floating dtypes, else a constant."""
    target = canonical(dtype)
    if x.dtype == target:
        return x
    if not (is_inexact(target) and is_inexact(x.dtype)):
        # 1j is true, though its real part is 0
        return cast(x if is_boolean(target) or is_complex(target) else real_part(x), dtype=target)
    return convert(x if is_complex(target) else real_part(x), dtype=target)
