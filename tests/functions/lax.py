"""Uses of `funcgrad.lax` but for its convolutions, gathers and scatters; the expected values are by NumPy and loops."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
from samples import booleans, complexes, integers, uniform

from . import Use

_PLACES = "its result is whole numbers"
_X, _Z, _N = uniform(3, 4), complexes(3, 4), integers(3, 4)
_POSITIVE, _INSIDE = uniform(3, low=0.2), uniform(3, low=-0.9, high=0.9)
_BITS = integers(2, 3, dtype="int32")
_HALVES = np.array([0.5, -1.5, 2.4, -0.2])

# ---- element by element ------------------------------------------------------------------------

_UNARY: dict[str, tuple[Any, ...]] = {  # name: NumPy's function, and where it is smooth
    "abs": (np.abs, _X),
    "acos": (np.arccos, _INSIDE),
    "acosh": (np.arccosh, _POSITIVE + 1),
    "asin": (np.arcsin, _INSIDE),
    "asinh": (np.arcsinh, _X),
    "atan": (np.arctan, _X),
    "atanh": (np.arctanh, _INSIDE),
    "bessel_i0e": (scipy.special.i0e, _X),
    "bessel_i1e": (scipy.special.i1e, _X),
    "cbrt": (np.cbrt, _POSITIVE),
    "ceil": (np.ceil, _X),
    "conj": (np.conj, _Z),
    "cos": (np.cos, _Z),
    "cosh": (np.cosh, _X),
    "digamma": (scipy.special.digamma, _POSITIVE),
    "erf": (scipy.special.erf, _X),
    "erf_inv": (scipy.special.erfinv, _INSIDE),
    "erfc": (scipy.special.erfc, _X),
    "exp": (np.exp, _Z),
    "exp2": (np.exp2, _X),
    "expm1": (np.expm1, _X),
    "floor": (np.floor, _X),
    "imag": (np.imag, _Z),
    "lgamma": (scipy.special.gammaln, _POSITIVE),
    "log": (np.log, _Z),
    "log1p": (np.log1p, _POSITIVE),
    "logistic": (scipy.special.expit, _X),
    "neg": (np.negative, _X),
    "real": (np.real, _Z),
    "reciprocal": (np.reciprocal, _POSITIVE),
    "rsqrt": (lambda x: 1 / np.sqrt(x), _POSITIVE),
    "sign": (np.sign, _X),
    "sin": (np.sin, _Z),
    "sinh": (np.sinh, _X),
    "sqrt": (np.sqrt, _POSITIVE),
    "square": (np.square, _X),
    "tan": (np.tan, _X),
    "tanh": (np.tanh, _X),
}
_BINARY: dict[str, tuple[Any, ...]] = {
    "add": (np.add, _X, _Z),
    "atan2": (np.arctan2, _X, uniform(3, 4, seed=1)),
    "bitwise_and": (np.bitwise_and, _N, integers(3, 4, seed=1)),
    "bitwise_or": (np.bitwise_or, _N, integers(3, 4, seed=1)),
    "bitwise_xor": (np.bitwise_xor, booleans(4), booleans(4, seed=1)),
    "div": (np.divide, _X, uniform(3, 4, low=0.5, seed=1)),
    "max": (np.maximum, _X, uniform(3, 4, seed=1)),
    "min": (np.minimum, _X, uniform(3, 4, seed=1)),
    "mul": (np.multiply, _X, uniform(3, 4, seed=1)),
    "pow": (np.power, _POSITIVE, uniform(3, seed=1)),
    "rem": (np.fmod, _X, uniform(3, 4, low=0.5, seed=1)),
    "shift_left": (np.left_shift, _N, integers(3, 4, low=0, high=5)),
    "shift_right_arithmetic": (np.right_shift, _N, integers(3, 4, low=0, high=5)),
    "sub": (np.subtract, _X, uniform(3, 4, seed=1)),
}
_COMPARISONS = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}


def _away(x: Any) -> Any:
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def _clz(x: Any) -> Any:
    size = 8 * x.itemsize
    return np.vectorize(lambda n: size - (int(n) & (2**size - 1)).bit_length(), otypes=[x.dtype])(x)


def _mulhi(x: Any, y: Any) -> Any:
    size = 8 * x.itemsize
    return np.vectorize(lambda a, b: int(a) * int(b) >> size, otypes=[x.dtype])(x, y)


def _igamma_slope(a: Any, x: Any) -> Any:
    eps = 1e-4  # differences of the fourth order
    values = [scipy.special.gammainc(a + k * eps, x) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * eps)


def _bfloat16(x: Any, exponent: int, mantissa: int) -> Any:
    """Of moderate numbers, to so many bits behind the first."""
    fraction, power = np.frexp(x)
    return np.ldexp(np.round(fraction * 2.0 ** (mantissa + 1)) / 2.0 ** (mantissa + 1), power)


USES = [Use(f"lax.{name}", (x,), {}, f) for name, (f, x) in _UNARY.items()]
USES += [
    Use(f"lax.{name}", args, {}, f, jax=name != "add") for name, (f, *rest) in _BINARY.items() for args in [tuple(rest)]
]
USES += [Use(f"lax.{name}", (_N, integers(3, 4, seed=1)), {}, getattr(np, f)) for name, f in _COMPARISONS.items()]
USES += [
    Use("lax.igamma", (_POSITIVE, _POSITIVE + 0.5), {}, scipy.special.gammainc, rtol=1e-11),
    Use("lax.igammac", (_POSITIVE, _POSITIVE + 0.5), {}, scipy.special.gammaincc, rtol=1e-11),
    Use("lax.igamma_grad_a", (_POSITIVE, _POSITIVE + 0.5), {}, _igamma_slope, rtol=1e-8, jax=False),
    Use(
        "lax.betainc",
        (_POSITIVE, _POSITIVE + 0.5, uniform(3, low=0.2, high=0.8)),
        {},
        scipy.special.betainc,
        rtol=1e-11,
        jax=False,
    ),
    Use("lax.polygamma", (2.0, _POSITIVE), {}, lambda n, x: scipy.special.polygamma(2, x), rtol=1e-11),
    Use("lax.zeta", (_POSITIVE + 2, 1.5), {}, scipy.special.zeta, rtol=1e-11, jax=False),
    Use("lax.nextafter", (_X, 0.0), {}, np.nextafter, order=0, why="a step"),
    Use("lax.mulhi", (_BITS * 300, integers(2, 3, dtype="int32", seed=1) << 20), {}, _mulhi),
    Use("lax.mulhi", (_N << 55, integers(3, 4, seed=1) << 50), {}, _mulhi),
    Use("lax.mulhi", (_N.astype("uint64"), _N.astype("uint64") << 30), {}, _mulhi),
    Use("lax.optimization_barrier", (_X,), {}, lambda x: x),
    Use("lax.fft", (_Z, "FFT", (4,)), {}, lambda x, *_: np.fft.fft(x)),
    Use("lax.fft", (_Z, 1, (3, 4)), {}, lambda x, *_: np.fft.ifft2(x), jax=False),
    Use("lax.fft", (_X, "RFFT", (3, 4)), {}, lambda x, *_: np.fft.rfft2(x)),
    Use("lax.fft", (_Z, "IRFFT", (7,)), {}, lambda x, *_: np.fft.irfft(x, 7)),
    Use("lax.div", (_N, np.array([[2], [-3], [4]])), {}, lambda x, y: np.trunc(x / y).astype(int), jax=False),
    Use("lax.rem", (_N, integers(3, 4, low=1)), {}, np.fmod),
    Use("lax.rem", (_N, -integers(3, 4, low=1)), {}, np.fmod),
    Use("lax.bitwise_not", (_N,), {}, np.invert),
    Use("lax.is_finite", (np.array([1.0, np.inf, np.nan]),), {}, np.isfinite, order=0, why="its result is booleans"),
    *[Use("lax.integer_pow", (_X, n), {}, lambda x, n: x ** float(n)) for n in (-2, 0, 1, 3)],
    Use("lax.clamp", (-0.7, _X, 0.8), {}, lambda low, x, high: np.clip(x, low, high)),
    Use("lax.clamp", (uniform(4) - 3, uniform(4), uniform(4, seed=1)), {}, lambda low, x, high: np.clip(x, low, high)),
    Use("lax.round", (_HALVES,), {}, _away, order=0, why="a step"),
    Use("lax.round", (_HALVES, 1), {}, lambda x, method: np.round(x), order=0, why="a step", jax=False),
    Use("lax.complex", (_X, uniform(3, 4, seed=1)), {}, lambda x, y: x + 1j * y),
    Use("lax.convert_element_type", (_X, "complex128"), {}, lambda x, dtype: x.astype(dtype)),
    Use("lax.bitcast_convert_type", (_N, "float64"), {}, lambda x, dtype: x.view(dtype)),
    Use("lax.bitcast_convert_type", (_BITS, "uint8"), {}, lambda x, dtype: x.view(dtype).reshape(2, 3, 4)),
    Use(
        "lax.shift_right_logical",
        (_BITS, np.array(3, "int32")),
        {},
        lambda x, n: (x.view("uint32") >> n.astype("uint32")).view("int32"),
    ),
    Use("lax.population_count", (_BITS,), {}, lambda x: np.bitwise_count(x.view("uint32")).astype("int32")),
    Use("lax.population_count", (integers(5, low=0, high=200, dtype="uint8"),), {}, np.bitwise_count),
    Use("lax.clz", (_BITS,), {}, _clz),
    Use("lax.clz", (integers(5, low=0, high=200, dtype="uint8"),), {}, _clz),
    Use(
        "lax.reduce_precision", (_X, 8, 7), {}, _bfloat16, order=0, why="to a derivative it is the identity, not a step"
    ),
]

# ---- shapes ------------------------------------------------------------------------------------


def _broadcast_in_dim(x: Any, shape: Any, dims: Any) -> Any:
    return np.broadcast_to(x.reshape([x.shape[dims.index(d)] if d in dims else 1 for d in range(len(shape))]), shape)


def _pad(x: Any, value: Any, config: Any) -> Any:
    """Axis by axis, element by element."""
    for axis, (low, high, interior) in enumerate(config):
        rows: list[Any] = []
        fill = np.full_like(np.take(x, 0, axis) if x.shape[axis] else x.sum(axis), value)
        for k in range(x.shape[axis]):
            rows += ([fill] * interior if k else []) + [np.take(x, k, axis)]
        rows = [fill] * max(low, 0) + rows + [fill] * max(high, 0)
        rows = rows[max(-low, 0) : len(rows) - max(-high, 0)]
        x = np.stack(rows, axis) if rows else np.empty((*x.shape[:axis], 0, *x.shape[axis + 1 :]), x.dtype)
    return x


USES += [
    Use("lax.broadcast", (_X, (2, 1)), {}, lambda x, sizes: np.broadcast_to(x, (*sizes, *x.shape))),
    Use("lax.broadcast_in_dim", (uniform(3), (2, 3, 2), (1,)), {}, _broadcast_in_dim),
    Use("lax.broadcast_in_dim", (uniform(3, 1), (3, 4), (0, 1)), {}, _broadcast_in_dim),
    Use("lax.broadcast_like", (uniform(4), _X), {}, lambda x, y: np.broadcast_to(x, y.shape), jax=False),
    Use("lax.broadcast_shapes", ((2, 1), (1, 3)), {}, np.broadcast_shapes),
    Use("lax.broadcast_to_rank", (_X, 4), {}, lambda x, rank: x.reshape(1, 1, 3, 4)),
    Use("lax.broadcasted_iota", ("int64", (2, 3), 1), {}, lambda dtype, shape, axis: np.indices(shape)[axis]),
    Use("lax.iota", ("float64", 4), {}, lambda dtype, n: np.arange(n, dtype=dtype)),
    Use("lax.collapse", (uniform(2, 3, 2), 0, 2), {}, lambda x, a, b: x.reshape(6, 2)),
    Use("lax.collapse", (uniform(2, 3, 2), -2), {}, lambda x, a: x.reshape(2, 6)),
    Use("lax.concatenate", ([_X, uniform(1, 4, seed=1)], 0), {}, np.concatenate),
    Use("lax.empty", ((2, 3), "float64"), {}, np.zeros),
    Use("lax.full", ((2,), 1.5), {}, np.full),
    Use("lax.full", ((2,), 3, "float64"), {}, np.full),
    Use("lax.full_like", (_X, 2.5), {}, np.full_like, order=0, why="only its shape is read"),
    Use("lax.full_like", (_N, 2, "float64", (2,)), {}, lambda x, v, dtype, shape: np.full(shape, v, dtype)),
    Use("lax.expand_dims", (_X, (0, 3)), {}, np.expand_dims),
    Use("lax.squeeze", (uniform(1, 3, 1), (0, -1)), {}, np.squeeze),
    Use("lax.transpose", (uniform(2, 3, 4), (2, 0, 1)), {}, np.transpose),
    Use("lax.reshape", (_X, (2, 6)), {}, np.reshape),
    Use("lax.reshape", (_X, (2, 6)), {"dimensions": (1, 0)}, lambda x, shape, dimensions: x.T.reshape(shape)),
    Use("lax.rev", (_X, (1,)), {}, np.flip),
    Use("lax.split", (_X, (1, 3)), {"axis": 1}, lambda x, sizes, axis: np.split(x, [1], axis)),
    Use("lax.stack", ([_X, _X + 1],), {"axis": 1}, np.stack, jax=False),
    Use("lax.unstack", (_X,), {"axis": 1}, lambda x, axis: tuple(np.moveaxis(x, axis, 0)), jax=False),
    Use("lax.tile", (_X, (2, 1)), {}, np.tile, jax=False),
    Use("lax.pad", (_X, 0.0, [(1, 2, 0), (0, 0, 1)]), {}, _pad),
    Use("lax.pad", (_X, 1.5, [(-1, 2, 1), (2, -2, 2)]), {}, _pad),
    Use("lax.pad", (_Z, np.asarray(complexes()), [(0, 1, 0), (-3, -1, 0)]), {}, _pad),
    Use("lax.pad", (_N, 7, [(0, 0, 0), (1, 0, 2)]), {}, _pad),
]

# ---- slices ------------------------------------------------------------------------------------


def _clamped(start: Any, size: int, n: int) -> int:
    start = int(start)
    return max(0, min(start + n if start < 0 else start, n - size))


def _key(x: Any, starts: Any, sizes: Any) -> tuple[slice, ...]:
    at = [_clamped(s, size, n) for s, size, n in zip(starts, sizes, x.shape, strict=True)]
    return tuple(slice(s, s + size) for s, size in zip(at, sizes, strict=True))


def _update(x: Any, new: Any, starts: Any) -> Any:
    out = x.copy()
    out[_key(x, starts, new.shape)] = new
    return out


def _in_dim(x: Any, start: Any, size: int, axis: int = 0) -> Any:
    at = _clamped(start, size, x.shape[axis])
    return np.take(x, range(at, at + size), axis)


def _update_in_dim(x: Any, new: Any, start: Any, axis: int) -> Any:
    return _update(x, new, [start if k == axis else 0 for k in range(x.ndim)])


_STARTS = [np.array(1), np.array(3)]

USES += [
    Use("lax.slice", (_X, (1, 0), (3, 4), (1, 2)), {}, lambda x, *_: x[1:3, 0:4:2]),
    Use("lax.slice", (_X, (1, 0), (3, 4)), {}, lambda x, *_: x[1:3, 0:4]),
    Use("lax.slice_in_dim", (_X, 1, -1, 2), {"axis": 1}, lambda x, *_, axis: x[:, 1:-1:2]),
    Use("lax.slice_in_dim", (_X, None, 2), {}, lambda x, *_: x[:2]),
    Use("lax.index_in_dim", (_X, -1), {"axis": 1}, lambda x, i, axis: x[:, -1:]),
    Use("lax.index_in_dim", (_X, 1), {"keepdims": False}, lambda x, i, keepdims: x[1]),
    Use(
        "lax.index_take",
        (uniform(2, 3, 4), (np.array([0, 1, 1]), np.array([3, 0, 2])), (0, 2)),
        {},
        lambda x, i, axes: x.swapaxes(1, 2)[i],
    ),
    Use("lax.dynamic_slice", (_X, _STARTS, (2, 3)), {}, lambda x, starts, sizes: x[_key(x, starts, sizes)]),
    Use("lax.dynamic_slice", (_X, np.array([-2, 7]), (2, 1)), {}, lambda x, starts, sizes: x[_key(x, starts, sizes)]),
    Use("lax.dynamic_slice", (_Z, (0, 2), (3, 2)), {}, lambda x, starts, sizes: x[_key(x, starts, sizes)]),
    Use("lax.dynamic_slice_in_dim", (_X, np.array(1), 2), {"axis": 1}, _in_dim),
    Use("lax.dynamic_index_in_dim", (_X, np.array(-1)), {"axis": 1}, lambda x, i, axis: x[:, -1:]),
    Use("lax.dynamic_index_in_dim", (_X, np.array(9)), {"keepdims": False}, lambda x, i, keepdims: x[-1]),
    Use("lax.dynamic_update_slice", (_X, uniform(2, 3, seed=1), _STARTS), {}, _update),
    Use("lax.dynamic_update_slice", (_X, uniform(3, 2, seed=1), np.array([0, 9])), {}, _update),
    Use("lax.dynamic_update_slice", (_X, uniform(1, 1, seed=1), (1, 2)), {}, _update),
    Use("lax.dynamic_update_slice_in_dim", (_X, uniform(3, 2, seed=1), np.array(1), 1), {}, _update_in_dim),
    Use(
        "lax.dynamic_update_index_in_dim",
        (_X, uniform(3, seed=1), np.array(2), 1),
        {},
        lambda x, new, i, axis: _update_in_dim(x, new[:, None], i, axis),
    ),
]

# ---- products, orders, reductions --------------------------------------------------------------


def _running(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def oracle(x: Any, axis: int = 0, reverse: bool = False) -> Any:
        lines = np.flip(x, axis) if reverse else x
        rows = np.moveaxis(lines, axis, 0)
        out = np.moveaxis(np.stack(list(itertools.accumulate(rows, join))), 0, axis)
        return np.flip(out, axis) if reverse else out

    return oracle


def _sort(operand: Any, dimension: int = -1, num_keys: int = 1) -> Any:
    keys = list(operand)[:num_keys]
    order = np.lexsort(keys[::-1], dimension)
    return tuple(np.take_along_axis(x, order, dimension) for x in operand)


def _top_k(x: Any, k: int, axis: int = -1) -> Any:
    places = np.take(np.argsort(-x, axis, kind="stable"), range(k), axis)
    return np.take_along_axis(x, places, axis), places


def _least(x: Any, k: int, reduction_dimension: int) -> Any:
    values, places = _top_k(-x, k, reduction_dimension)
    return -values, places


_TIED = np.array([[2, 1, 2, 1], [3, 3, 1, 1]])
_RUNNING: dict[str, Callable[[Any, Any], Any]] = {
    "cumsum": operator.add,
    "cumprod": operator.mul,
    "cummax": np.maximum,
    "cummin": np.minimum,
    "cumlogsumexp": np.logaddexp,
}

USES += [
    Use(f"lax.{name}", (x,), kwargs, _running(join))
    for name, join in _RUNNING.items()
    for x, kwargs in [(uniform(5), {}), (_X, {"axis": 1, "reverse": True}), (uniform(2, 3, 2), {"axis": 1})]
]
USES += [
    Use("lax.dot", (_X, uniform(4, seed=1)), {}, np.dot),
    Use("lax.dot", (_Z, complexes(4, 2, seed=1)), {}, np.dot),
    Use("lax.batch_matmul", (uniform(2, 3, 2), uniform(2, 2, 3, seed=1)), {}, np.matmul),
    Use(
        "lax.dot_general",
        (uniform(2, 3, 4), uniform(4, 2, 5, seed=1), (((2,), (0,)), ((0,), (1,)))),
        {},
        lambda x, y, _: np.einsum("bij,jbk->bik", x, y),
    ),
    Use(
        "lax.dot_general",
        (uniform(2, 3, 2), uniform(2, 2, 3, seed=1), (((0, 1), (1, 2)), ((), ()))),
        {},
        lambda x, y, _: np.einsum("ijk,aij->ka", x, y),
    ),
    Use(
        "lax.dot_general",
        (integers(2, 3, dtype="int8"), integers(3, 2, dtype="int8"), (((1,), (0,)), ((), ()))),
        {"preferred_element_type": "int32"},
        lambda x, y, _, preferred_element_type: x.astype("int32") @ y.astype("int32"),
    ),
    Use("lax.sort", (_X,), {"dimension": 0}, lambda x, dimension: np.sort(x, dimension)),
    Use("lax.sort", ((_TIED, uniform(2, 4)),), {"num_keys": 1}, lambda operand, num_keys: _sort(operand, -1, num_keys)),
    Use("lax.sort", ((_TIED, integers(2, 4), uniform(2, 4)),), {"num_keys": 2, "dimension": 0}, _sort),
    Use("lax.sort_key_val", (uniform(2, 4), uniform(2, 4, seed=1)), {}, lambda k, v: _sort((k, v))),
    Use("lax.top_k", (_X, 2), {}, _top_k),
    Use("lax.top_k", (_N, 2), {"axis": 0}, _top_k),
    Use("lax.approx_max_k", (_X, 2), {}, _top_k),
    Use("lax.approx_min_k", (_X, 2), {"reduction_dimension": 0}, _least, jax=False),
    Use(
        "lax.argmax",
        (_X, 1, "int32"),
        {},
        lambda x, axis, dtype: np.argmax(x, axis).astype(dtype),
        order=0,
        why=_PLACES,
    ),
    Use("lax.argmin", (_X, 0, "int64"), {}, lambda x, axis, dtype: np.argmin(x, axis), order=0, why=_PLACES),
    Use("lax.reduce_sum", (_Z, (0,)), {}, np.sum),
    Use("lax.reduce_sum", (integers(2, 3, dtype="int8"), (0, 1)), {}, lambda x, axes: np.sum(x, axes, dtype="int8")),
    Use("lax.reduce_prod", (_X, (1,)), {}, np.prod),
    Use("lax.reduce_max", (_X, (0, 1)), {}, np.max),
    Use("lax.reduce_min", (_X, (1,)), {}, np.min),
    Use("lax.reduce_and", (_N, (0,)), {}, np.bitwise_and.reduce),
    Use("lax.reduce_or", (_N, (1,)), {}, lambda x, axes: np.bitwise_or.reduce(x, axes)),
    Use("lax.reduce_xor", (_N, (0, 1)), {}, lambda x, axes: functools.reduce(operator.xor, x.ravel())),
    Use("lax.reduce_and", (booleans(3, 4), (0,)), {}, np.all),
    Use("lax.reduce_or", (booleans(3, 4), (0, 1)), {}, np.any),
    Use("lax.reduce_xor", (booleans(3, 4), (1,)), {}, np.logical_xor.reduce),
    Use(
        "lax.segment_sum", (uniform(4), np.array([0, 2, 0, 1]), 3), {}, lambda x, i, n: np.bincount(i, x, n), jax=False
    ),
]
