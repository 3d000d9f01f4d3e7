"""Samples of `funcgrad/ops/elementwise.py`; the expected values come from Python's `math`, element by element."""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from funcgrad.device import Device

from . import Sample, booleans, complexes, integers, uniform


def by_element(f: Callable[..., Any], dtype: str | None = None) -> Callable[..., Any]:
    """A function of numbers applied to each element; its result has the operands' dtype unless one is given."""

    def oracle(*args: Any) -> Any:
        found = dtype or np.result_type(*args)
        numbers = np.vectorize(lambda *xs: f(*[x.item() if hasattr(x, "item") else x for x in xs]), otypes=[found])
        with np.errstate(invalid="ignore"):  # Python's own nan < 0 raises the processor's flag
            return numbers(*args)

    return oracle


# ---- of one operand ----------------------------------------------------------------------------

_REAL: dict[str, tuple[Callable[[Any], Any], float, float]] = {  # name: function of a number, lower and upper bound
    "negative": (operator.neg, -2, 2),
    "square": (lambda v: v * v, -2, 2),
    "sqrt": (math.sqrt, 0.2, 4),
    "reciprocal": (lambda v: 1 / v, 0.4, 2),
    "exp": (math.exp, -2, 2),
    "expm1": (math.expm1, -1, 2),
    "log": (math.log, 0.3, 3),
    "log1p": (math.log1p, -0.6, 2),
    "log2": (math.log2, 0.3, 3),
    "log10": (math.log10, 0.3, 3),
    "sin": (math.sin, -3, 3),
    "cos": (math.cos, -3, 3),
    "tan": (math.tan, -1.2, 1.2),
    "asin": (math.asin, -0.8, 0.8),
    "acos": (math.acos, -0.8, 0.8),
    "atan": (math.atan, -3, 3),
    "sinh": (math.sinh, -2, 2),
    "cosh": (math.cosh, -2, 2),
    "tanh": (math.tanh, -2, 2),
    "asinh": (math.asinh, -3, 3),
    "acosh": (math.acosh, 1.3, 4),
    "atanh": (math.atanh, -0.8, 0.8),
    "erf": (math.erf, -2, 2),
    "erfc": (math.erfc, -2, 2),
    "erfinv": (special.erfinv, -0.8, 0.8),
    "abs": (abs, -2, 2),
    "floor": (math.floor, -4, 4),
    "ceil": (math.ceil, -4, 4),
    "trunc": (math.trunc, -4, 4),
    "round": (round, -4, 4),
    "sign": (lambda v: math.copysign(1, v), -2, 2),
}
_COMPLEX: dict[str, Callable[[Any], Any]] = {
    "negative": operator.neg,
    "square": lambda v: v * v,
    "reciprocal": lambda v: 1 / v,
    "log2": lambda v: cmath.log(v) / math.log(2),
    "sign": lambda v: v / abs(v),
    **{
        name: getattr(cmath, name)
        for name in (
            *("sqrt", "exp", "log", "log10", "sin", "cos", "tan", "asin", "acos", "atan"),
            *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
        )
    },
}
SAMPLES = [
    Sample(name, (uniform(*shape, low=low, high=high),), by_element(f), rtol=1e-11)
    for name, (f, low, high) in _REAL.items()
    for shape in [(), (2, 3), (0, 2)]
]
SAMPLES += [Sample(name, (complexes(2, 2),), by_element(f), rtol=1e-11) for name, f in _COMPLEX.items()]
SAMPLES += [
    Sample(name, (integers(2, 3),), by_element(f))
    for name, f in {
        "negative": operator.neg,
        "square": lambda v: v * v,
        "abs": abs,
        "sign": lambda v: (v > 0) - (v < 0),
        "bitwise_invert": operator.invert,
        "floor": int,
        "ceil": int,
        "trunc": int,
        "round": int,
    }.items()
]

# ---- of two operands ---------------------------------------------------------------------------

_PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((), (3,)),
    ((1, 3), ()),
    ((0, 3), (3,)),
]
_BINARY: dict[str, tuple[Callable[[Any, Any], Any], tuple[float, float], tuple[float, float]]] = {
    # name: function of two numbers, bounds of the first, bounds of the second
    "add": (operator.add, (-2, 2), (-2, 2)),
    "subtract": (operator.sub, (-2, 2), (-2, 2)),
    "multiply": (operator.mul, (-2, 2), (-2, 2)),
    "divide": (operator.truediv, (-2, 2), (0.4, 2)),
    "pow": (operator.pow, (0.3, 2), (-2, 2)),
    "floor_divide": (operator.floordiv, (-9, 9), (1.1, 2)),
    "remainder": (operator.mod, (-9, 9), (1.1, 2)),
    "logaddexp": (lambda a, b: math.log(math.exp(a) + math.exp(b)), (-2, 2), (-2, 2)),
    "atan2": (math.atan2, (-2, -0.2), (-2, 2)),
    "hypot": (math.hypot, (-2, 2), (0.3, 2)),
    "maximum": (max, (-2, 2), (-2, 2)),
    "minimum": (min, (-2, 2), (-2, 2)),
    "copysign": (math.copysign, (-2, 2), (-2, 2)),
    "nextafter": (math.nextafter, (-2, 2), (-2, 2)),
}
SAMPLES += [
    Sample(
        name, (uniform(*s, low=a[0], high=a[1]), uniform(*t, low=b[0], high=b[1], seed=1)), by_element(f), rtol=1e-11
    )
    for name, (f, a, b) in _BINARY.items()
    for s, t in _PAIRS
]
SAMPLES += [  # Python scalars beside an array, on either side
    Sample(name, args, by_element(f), rtol=1e-11)
    for name, (f, a, b) in _BINARY.items()
    for args in [(uniform(3, low=a[0], high=a[1]), 1.3), (1.3, uniform(2, 2, low=b[0], high=b[1]))]
    if name != "pow" or not isinstance(args[0], float)  # a scalar base becomes an array: see funcgrad.numpy.power
]
SAMPLES += [Sample("pow", (uniform(2, 3), n), by_element(operator.pow), rtol=1e-11) for n in (0, 1, 2, 3, -1, -2, 2.0)]
SAMPLES += [
    Sample("pow", (uniform(4, low=0.3, high=2), np.array([0.0, 1.0, 2.0, -0.5])), by_element(operator.pow), rtol=1e-11),
    Sample("pow", (integers(4), integers(4, low=0, high=4, seed=1)), by_element(operator.pow)),
    Sample("pow", (complexes(2, 2), 3), by_element(operator.pow), rtol=1e-11),
]
SAMPLES += [
    Sample(name, args, by_element(f), rtol=1e-11)
    for name, f in {
        "add": operator.add,
        "subtract": operator.sub,
        "multiply": operator.mul,
        "divide": operator.truediv,
        "pow": operator.pow,
    }.items()
    for args in [(complexes(2, 3), complexes(3, seed=1)), (complexes(2), complexes(3, 1, seed=1))]
]
SAMPLES += [
    Sample(name, (complexes(3), 0.5 + 2j), by_element(f), rtol=1e-11)
    for name, f in {"add": operator.add, "multiply": operator.mul, "divide": operator.truediv}.items()
]
SAMPLES += [
    Sample(name, args, by_element(f))
    for name, f in {
        "add": operator.add,
        "subtract": operator.sub,
        "multiply": operator.mul,
        "floor_divide": operator.floordiv,
        "remainder": operator.mod,
        "maximum": max,
        "minimum": min,
    }.items()
    for args in [(integers(2, 3), integers(3, low=1, seed=1)), (integers(4), 3)]
]

# ---- choosing ----------------------------------------------------------------------------------

_choose = by_element(lambda c, a, b: a if c else b)
SAMPLES += [
    Sample("where", (booleans(2, 3), uniform(2, 3), uniform(2, 3, seed=1)), _choose),
    Sample("where", (booleans(3), uniform(2, 1), uniform(1, 3, seed=1)), _choose),
    Sample("where", (booleans(2, 1), uniform(3), uniform(seed=1)), _choose),
    Sample("where", (booleans(2, 3), uniform(3), 0), lambda c, x, y: _choose(c, x, np.float64(y))),
    Sample("where", (booleans(2, 3), 1.5, uniform(2, 3)), _choose),
    Sample("where", (booleans(0), uniform(0), 1.0), _choose),
    Sample("where", (booleans(3), complexes(3), complexes(2, 1, seed=1)), _choose),
    Sample("where", (booleans(4), integers(4), integers(4, seed=1)), lambda c, x, y: _choose(c, x, y).astype(x.dtype)),
]

# ---- comparisons, logic and bits ---------------------------------------------------------------

_special = np.array([[0.0, -0.0, 1.5], [np.nan, np.inf, -np.inf]])
SAMPLES += [
    Sample(name, args, by_element(f, "bool"))
    for name, f in {
        "equal": operator.eq,
        "not_equal": operator.ne,
        "less": operator.lt,
        "less_equal": operator.le,
        "greater": operator.gt,
        "greater_equal": operator.ge,
    }.items()
    for args in [
        (uniform(2, 3), uniform(3, seed=1)),
        (integers(2, 4, high=-5), integers(4, high=-5, seed=1)),
        (uniform(3), 0.5),
        (1, uniform(3)),
        (_special, 0.0),
    ]
]
SAMPLES += [
    Sample(name, (x,), by_element(f, "bool"))
    for name, f in {
        "isnan": cmath.isnan,
        "isinf": cmath.isinf,
        "isfinite": cmath.isfinite,
    }.items()
    for x in (_special, integers(3), complexes(2))
]
SAMPLES += [
    Sample("equal", (complexes(3), complexes(3)), by_element(operator.eq, "bool")),
    Sample("signbit", (_special,), by_element(lambda v: math.copysign(1, v) < 0, "bool")),
    Sample("logical_not", (booleans(2, 3),), by_element(operator.not_, "bool")),
    Sample("bitwise_invert", (booleans(2, 3),), by_element(operator.not_, "bool")),
]
SAMPLES += [
    Sample(name, (booleans(2, 3), booleans(3, seed=1)), by_element(f, "bool"))
    for name, f in {
        "logical_and": operator.and_,
        "logical_or": operator.or_,
        "logical_xor": operator.xor,
        "bitwise_and": operator.and_,
        "bitwise_or": operator.or_,
        "bitwise_xor": operator.xor,
    }.items()
]
SAMPLES += [
    Sample(name, args, by_element(f))
    for name, f in {
        "bitwise_and": operator.and_,
        "bitwise_or": operator.or_,
        "bitwise_xor": operator.xor,
        "bitwise_left_shift": operator.lshift,
        "bitwise_right_shift": operator.rshift,
    }.items()
    for args in [(integers(2, 3), integers(3, low=0, high=5, seed=1)), (integers(3, low=0), 2)]
]

# ---- dtype, complex parts, placement -----------------------------------------------------------


def _astype(x: Any, *, dtype: Any) -> Any:
    return x.astype(dtype)


SAMPLES += [
    Sample("convert", (uniform(2, 3),), _astype, {"dtype": np.dtype("complex128")}),
    Sample("convert", (uniform(2, 3),), _astype, {"dtype": np.dtype("float32")}, order=0),
    Sample("convert", (complexes(3),), _astype, {"dtype": np.dtype("complex64")}, order=0),
    Sample("convert", (uniform(3).astype("float32"),), _astype, {"dtype": np.dtype("float64")}),
    Sample("cast", (integers(2, 3),), _astype, {"dtype": np.dtype("float64")}),
    Sample("cast", (uniform(2, 3),), _astype, {"dtype": np.dtype("int32")}),
    Sample("cast", (booleans(3),), _astype, {"dtype": np.dtype("float32")}),
    Sample("cast", (uniform(3),), _astype, {"dtype": np.dtype("bool")}),
    Sample("cast", (integers(3),), _astype, {"dtype": np.dtype("complex128")}),
    Sample("copy", (uniform(2, 3),), np.copy),
    Sample("copy", (integers(3),), np.copy),
    Sample("stop_gradient", (uniform(2, 3),), lambda x: x),
    Sample("stop_gradient", (integers(3),), lambda x: x),
    Sample(
        "device_put",
        (uniform(2, 3),),
        lambda x, **_: x,
        {"source": Device("cpu"), "target": Device("cpu")},
        portable=False,
    ),
    Sample("real", (complexes(2, 3),), by_element(lambda v: v.real, "float64")),
    Sample("imag", (complexes(2, 3),), by_element(lambda v: v.imag, "float64")),
    Sample("conj", (complexes(2, 3),), by_element(lambda v: complex(v.real, -v.imag))),
    Sample("complex_abs", (complexes(2, 3),), by_element(abs, "float64")),
    Sample("complex_abs", (complexes(),), by_element(abs, "float64")),
    Sample("complex_log1p", (complexes(2, 3),), by_element(lambda v: cmath.log(1 + v)), rtol=1e-11),
    Sample("complex_log1p", (2 * complexes(4),), by_element(lambda v: cmath.log(1 + v)), rtol=1e-11),
    Sample("complex_expm1", (complexes(2, 3),), by_element(lambda v: cmath.exp(v) - 1), rtol=1e-11),
    Sample("complex_expm1", (2 * complexes(4),), by_element(lambda v: cmath.exp(v) - 1), rtol=1e-11),
]
