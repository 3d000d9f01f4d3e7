"""The functions of `funcgrad.numpy` are NumPy's: shapes, values and dtypes, on shapes drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.graph.passes import simplify
from funcgrad.testing import check_grads

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
full_shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)  # with elements


def numbers(*shape: int, seed: int = 0, dtype: str = "float64") -> Any:
    random = np.random.default_rng(seed)
    if dtype == "bool":
        return random.random(shape) < 0.5
    if dtype[0] in "iu":
        return random.integers(0, 9, shape).astype(dtype)
    return random.uniform(-2, 2, shape).astype(dtype)


def assert_same(found: Any, expected: Any, rtol: float = 1e-13) -> None:
    expected = np.asarray(expected)
    assert isinstance(found, fg.Array)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol, atol=rtol)


@st.composite
def shape_and_axes(draw: Any, at_least: int = 0) -> tuple[tuple[int, ...], Any]:
    """A shape with elements and an axis argument: None, an int, or a tuple of some axes, negative ones among them."""
    shape = draw(full_shapes)
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=at_least, unique=True))
    signed = tuple(a - len(shape) if draw(st.booleans()) else a for a in axes)
    return shape, draw(st.sampled_from([None, signed, signed[0] if signed else None]))


# ---- rearranging -------------------------------------------------------------------------------


@quick
@given(shapes, st.data())
def test_reshape(shape: tuple[int, ...], data: Any) -> None:
    x = numbers(*shape)
    target = list(data.draw(st.permutations(shape)))
    if target and 0 not in target[1:] and data.draw(st.booleans()):
        target[0] = -1
    assert_same(fnp.reshape(x, tuple(target)), x.reshape(target))
    if target:
        assert_same(fg.asarray(x).reshape(*target), x.reshape(target))
    assert_same(fnp.ravel(x), x.ravel())


def test_reshape_refuses_what_does_not_fill() -> None:
    for shape in [(4,), (-1, 4), (-1, -1), (0, -1), (-2, 3)]:
        with pytest.raises(fg.errors.ShapeError, match="reshape"):
            fnp.reshape(fnp.ones(6), shape)


@quick
@given(full_shapes, st.data())
def test_axes(shape: tuple[int, ...], data: Any) -> None:
    x, ndim = numbers(*shape), len(shape)
    order = data.draw(st.permutations(range(ndim)))
    axis, other = (data.draw(st.integers(-ndim, ndim - 1)) for _ in range(2))
    assert_same(fnp.transpose(x, order), x.transpose(order))
    assert_same(fg.asarray(x).T, x.T)
    assert_same(fnp.swapaxes(x, axis, other), x.swapaxes(axis, other))
    assert_same(fnp.moveaxis(x, axis, other), np.moveaxis(x, axis, other))
    assert_same(fnp.moveaxis(x, order, range(ndim)[::-1]), np.moveaxis(x, order, range(ndim)[::-1]))
    assert_same(fnp.flip(x, axis), np.flip(x, axis))
    assert_same(fnp.flip(x), np.flip(x))
    assert_same(fnp.expand_dims(x, axis), np.expand_dims(x, axis))
    assert_same(fnp.squeeze(x), np.squeeze(x))
    shift = data.draw(st.integers(-5, 5))
    assert_same(fnp.roll(x, shift, axis), np.roll(x, shift, axis))
    assert_same(fnp.roll(x, shift), np.roll(x, shift))
    assert_same(fnp.roll(x, (shift, 1), axis=(axis, other)), np.roll(x, (shift, 1), (axis, other)))
    repeats = data.draw(st.integers(0, 3))
    assert_same(fnp.repeat(x, repeats, axis), np.repeat(x, repeats, axis))
    assert_same(fg.asarray(x).repeat(repeats), x.repeat(repeats))


@quick
@given(full_shapes, st.data())
def test_joining_and_cutting(shape: tuple[int, ...], data: Any) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    longer = list(shape)
    longer[axis] += 2
    x, y = numbers(*shape), numbers(*longer, seed=1)
    assert_same(fnp.concat([x, y, x], axis), np.concat([x, y, x], axis))
    assert_same(fnp.concatenate([x, y], axis=None), np.concatenate([x, y], axis=None))
    place = data.draw(st.integers(-len(shape) - 1, len(shape)))
    assert_same(fnp.stack([x, -x], place), np.stack([x, -x], place))
    assert_same(fnp.vstack([x, x]), np.vstack([x, x]))
    assert_same(fnp.hstack([x, x]), np.hstack([x, x]))
    n = shape[axis]
    for found, expected in [
        (fnp.split(x, n, axis), np.split(x, n, axis)),
        (fnp.split(x, [1, 3], axis), np.split(x, [1, 3], axis)),
        (fnp.unstack(x, axis=axis), np.unstack(x, axis=axis)),
    ]:
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_same(a, b)


def test_split_of_nothing_has_as_many_parts() -> None:
    assert [p.shape for p in fnp.split(fnp.ones((0, 2)), 3)] == [(0, 2)] * 3
    with pytest.raises(fg.errors.ShapeError, match="no 2 equal parts"):
        fnp.split(fnp.ones(3), 2)


def test_joined_arrays_meet_in_one_dtype() -> None:
    assert fnp.concat([fnp.ones(2, "int32"), fnp.ones(1, "float32")]).dtype == "float32"
    assert fnp.stack([fnp.ones(2, "bool"), fnp.ones(2, "uint8")]).dtype == "uint8"
    assert fnp.asarray([fnp.ones(2), 3 * fnp.ones(2)]).tolist() == [[1, 1], [3, 3]]


@quick
@given(shapes, st.data())
def test_pad_and_tile(shape: tuple[int, ...], data: Any) -> None:
    x = numbers(*shape)
    widths = [(data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in shape]
    if shape:
        assert_same(fnp.pad(x, widths), np.pad(x, widths))
        assert_same(fnp.pad(x, widths, constant_values=1.5), np.pad(x, widths, constant_values=1.5))
        assert_same(fnp.pad(x, 1), np.pad(x, 1))
        assert_same(fnp.pad(x, (1, 2)), np.pad(x, (1, 2)))
    counts = tuple(data.draw(st.lists(st.integers(0, 3), max_size=5)))
    assert_same(fnp.tile(x, counts), np.tile(x, counts))
    assert_same(fnp.tile(x, 2), np.tile(x, 2))


@quick
@given(st.integers(0, 4), st.integers(0, 4), st.integers(-5, 5), st.sampled_from(["float64", "bool", "int32"]))
def test_triangles_and_diagonals(rows: int, columns: int, k: int, dtype: str) -> None:
    x = numbers(2, rows, columns, dtype=dtype)
    assert_same(fnp.tril(x, k), np.tril(x, k))
    assert_same(fnp.triu(x, k=k), np.triu(x, k))
    assert_same(fnp.diagonal(x[0], k), np.diagonal(x[0], k))
    assert_same(fnp.diagonal(x, offset=k, axis1=1, axis2=2), np.diagonal(x, k, 1, 2))
    assert_same(fnp.diagonal(x, k), np.diagonal(x, k))
    assert_same(fnp.trace(x, k, -1, 0), np.trace(x, k, -1, 0))
    assert_same(fnp.eye(rows, columns, k=k, dtype=dtype), np.eye(rows, columns, k=k, dtype=dtype))


@quick
@given(full_shapes, full_shapes)
def test_broadcasting(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    x, y = numbers(*shape), numbers(*other, seed=1)
    try:
        expected = x + y
    except ValueError:
        with pytest.raises(fg.errors.ShapeError, match="do not broadcast"):
            fnp.add(x, y)
        return
    assert_same(fnp.add(x, y), expected)
    assert_same(fnp.where(x > 0, x, y), np.where(x > 0, x, y))
    assert_same(fnp.broadcast_to(x, expected.shape), np.broadcast_to(x, expected.shape))
    for a, b in zip(fnp.broadcast_arrays(x, y), np.broadcast_arrays(x, y), strict=True):
        assert_same(a, b)


def test_rearranging_differentiates() -> None:
    x, y = numbers(2, 3), numbers(2, 3, seed=1)
    for f in [
        lambda x: fnp.roll(x, 1, 1) * x,
        lambda x: fnp.tile(x, (2, 2)) ** 2,
        lambda x: fnp.repeat(x, 2, 0) ** 2,
        lambda x: fnp.pad(x, 1, constant_values=2.0) ** 2,
        lambda x: fnp.tril(x) ** 2,
        lambda x: fnp.diagonal(x, 1) ** 2,
        lambda x: fnp.split(x * x, [1], 1),
        lambda x: fnp.flip(x) * x,
    ]:
        check_grads(f, (x,))
    check_grads(lambda x, y: fnp.stack([x * y, y, x], 1), (x, y))


# ---- elementwise -------------------------------------------------------------------------------

_UNARY = (
    *("sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "arcsin", "arccos", "arctan"),
    *("sinh", "cosh", "tanh", "arcsinh", "arctanh", "square", "negative", "reciprocal", "abs", "sign", "floor", "ceil"),
    *("trunc", "round", "isnan", "isinf", "isfinite", "signbit", "logical_not", "positive", "real", "imag", "conj"),
)


@pytest.mark.parametrize("name", _UNARY)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_unary(name: str, dtype: str) -> None:
    x = np.linspace(0.1, 0.9, 6).reshape(2, 3).astype(dtype)
    if dtype == "complex128":
        if name in ("floor", "ceil", "trunc", "signbit", "round"):
            pytest.skip("real numbers only")
        x = x + 0.3j
    assert_same(getattr(fnp, name)(x), getattr(np, name)(x), rtol=1e-6 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("name", ["sqrt", "exp", "sin", "log1p", "reciprocal", "tanh"])
def test_unary_takes_integers_as_the_default_float(name: str) -> None:
    expected = getattr(np, name)(np.arange(1, 4).astype("float32"))
    assert_same(getattr(fnp, name)(fnp.arange(1, 4)), expected, rtol=1e-6)
    assert getattr(fnp, name)(2).dtype == "float32"


_BINARY = (
    *("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "maximum", "minimum", "hypot"),
    *("arctan2", "logaddexp", "copysign", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor"),
)


@pytest.mark.parametrize("name", _BINARY)
def test_binary(name: str) -> None:
    x, y = np.abs(numbers(2, 3)) + 0.1, numbers(3, seed=1)
    f, expected = getattr(fnp, name), getattr(np, name)
    assert_same(f(x, y), expected(x, y))
    assert_same(f(x, 1.5), expected(x, 1.5))
    assert_same(f(2, np.abs(y)), expected(2, np.abs(y)))


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", ">", ">="])
def test_operators(op: str) -> None:
    x, y = np.abs(numbers(2, 3)) + 0.1, np.abs(numbers(3, seed=1)) + 0.1
    for a, b in [
        (fg.asarray(x), fg.asarray(y)),
        (fg.asarray(x), y),
        (x, fg.asarray(y)),
        (fg.asarray(x), 2),
        (2.5, fg.asarray(y)),
        (fg.asarray(x), np.float64(2.0)),
        (np.float64(2.0), fg.asarray(y)),
        (fg.asarray(y), [1.0, 2.0, 3.0]),
    ]:
        plain = [np.asarray(v) if isinstance(v, fg.Array) else v for v in (a, b)]
        found = eval(f"a {op} b", {"a": a, "b": b})
        rtol = 1e-6 if isinstance(b, list) else 1e-13  # a list of floats has the default dtype
        assert_same(found, eval(f"a {op} b", {"a": plain[0], "b": plain[1]}), rtol)


@pytest.mark.parametrize("op", ["&", "|", "^", "<<", ">>"])
def test_bit_operators(op: str) -> None:
    x, y = numbers(2, 3, dtype="int64"), numbers(3, dtype="int64", seed=1)
    assert_same(eval(f"x {op} y", {"x": fg.asarray(x), "y": fg.asarray(y)}), eval(f"x {op} y", {"x": x, "y": y}))
    assert_same(eval(f"x {op} 2", {"x": fg.asarray(x)}), eval(f"x {op} 2", {"x": x}))
    assert_same(eval(f"2 {op} x", {"x": fg.asarray(x)}), eval(f"2 {op} x", {"x": x}))
    assert_same(~fg.asarray(x), ~x)


def test_an_operator_with_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        fnp.ones(2) + "a"
    with pytest.raises(TypeError):
        fnp.ones(2) @ None
    with pytest.raises(TypeError):
        hash(fnp.ones(2))


def test_clip_round_where() -> None:
    x = numbers(2, 5)
    assert_same(fnp.clip(x, -1, 1), np.clip(x, -1, 1))
    assert_same(fnp.clip(x, max=x[0]), np.clip(x, None, x[0]))
    assert_same(fnp.clip(x, 1, -1), np.clip(x, 1, -1))
    for decimals in (0, 2, -1):
        assert_same(fnp.round(10 * x, decimals), np.round(10 * x, decimals))
        assert_same(fnp.round(10 * np.array([1, 5, 16]), decimals), np.round(10 * np.array([1, 5, 16]), decimals))
    assert fnp.round(fnp.asarray([0.5, 1.5, 2.5])).tolist() == [0, 2, 2]
    assert_same(fnp.where(x > 0)[1], np.where(x > 0)[1])
    assert_same(fnp.nonzero(x > 0)[0], np.nonzero(x > 0)[0])
    assert fnp.where(fnp.asarray([True, False]), 1, 2.5).dtype == "float32"
    with pytest.raises(TypeError, match="two values"):
        fnp.where(x > 0, x)


def test_parts_of_real_and_complex_numbers() -> None:
    assert_same(fnp.imag(np.array([1.0, np.inf])), np.zeros(2))
    z = np.array([3 + 4j, 0, -2j])
    assert_same(fnp.sign(z), np.sign(z))
    check_grads(lambda z: fnp.sign(z) * z, (z[::2],))


def test_linspace() -> None:
    for options in ({}, {"endpoint": False}):
        assert_same(fnp.linspace(2, 3, 5, dtype="float64", **options), np.linspace(2, 3, 5, **options))
        x, y = numbers(2, 3), numbers(3, seed=1)
        assert_same(fnp.linspace(fg.asarray(x), y, 4, **options), np.linspace(x, y, 4, **options))
        assert_same(fnp.linspace(0, fg.asarray(y), 4, **options), np.linspace(0, y, 4, **options))
    assert_same(fnp.linspace(0, 1, 0, dtype="float64"), np.linspace(0, 1, 0))
    check_grads(lambda x, y: fnp.linspace(x, y, 4) ** 2, (1.0, numbers(2)))
    with pytest.raises(fg.errors.ShapeError, match="negative"):
        fnp.linspace(0, 1, -1)


# ---- derivatives at the edges ------------------------------------------------------------------


def slopes(f: Callable[[Any], Any], *at: float) -> list[float]:
    return [float(fg.grad(f)(v)) for v in at]


def test_derivatives_where_formulas_divide_by_zero() -> None:
    assert slopes(lambda x: x**0, 0.0) == [0]
    assert slopes(lambda x: x**1, 0.0) == [1]
    assert slopes(lambda x: x**2, 0.0) == [0]
    assert slopes(lambda x: x ** fnp.asarray(0.0), 0.0, 2.0) == [0, 0]
    assert slopes(lambda y: fnp.asarray(0.0) ** y, 2.0) == [0]
    assert slopes(lambda y: 2.0**y, 0.0) == pytest.approx([np.log(2)])
    assert slopes(abs, 0.0, -3.0, 3.0) == [0, -1, 1]
    assert slopes(lambda x: fnp.maximum(x, 1.0), 0.0, 1.0, 2.0) == [0, 0.5, 1]
    assert slopes(lambda x: fnp.clip(x, 0, 1), -1.0, 0.5, 2.0) == [0, 1, 0]
    assert slopes(lambda x: fnp.logaddexp(x, -np.inf), 1.0) == [1]
    assert slopes(lambda x: fnp.abs(x * (0.6 + 0.8j)), 0.0, 2.0) == pytest.approx([0, 1])
    assert slopes(lambda x: fnp.where(x > 0, fnp.log(fnp.where(x > 0, x, 1)), 0), -1.0, 2.0) == [0, 0.5]


@pytest.mark.parametrize("f", [fnp.max, fnp.min])
def test_ties_share_the_derivative_of_an_extreme(f: Any) -> None:
    x = fnp.asarray([[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
    assert np.asarray(fg.grad(lambda x: f(x, axis=1).sum())(x)).tolist() == [[0.25] * 4] * 2


def test_zeros_do_not_spoil_the_derivatives_of_a_product() -> None:
    assert fg.grad(fnp.prod)(fnp.asarray([0.0, 2.0, 3.0])).tolist() == [6, 0, 0]
    assert fg.grad(fnp.prod)(fnp.asarray([0.0, 2.0, 0.0])).tolist() == [0, 0, 0]
    assert fg.hessian(fnp.prod)(fnp.asarray([0.0, 2.0, 0.0])).tolist() == [[0, 0, 2], [0, 0, 0], [2, 0, 0]]


# ---- reductions --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std", "any", "all", "logsumexp"])
@quick
@given(case=shape_and_axes(), keepdims=st.booleans(), dtype=st.sampled_from(["float64", "int64", "bool", "uint8"]))
def test_reductions(name: str, case: Any, keepdims: bool, dtype: str) -> None:
    shape, axis = case
    x = numbers(*shape, dtype=dtype)
    found = getattr(fnp, name)(x, axis=axis, keepdims=keepdims)
    if name in ("mean", "var", "std", "logsumexp"):  # of integers, in the default float and not in float64
        assert found.dtype == ("float64" if dtype == "float64" else "float32")
        found, x = fnp.astype(found, "float64"), x.astype("float64")
    reference = getattr(np, name, None) or special.logsumexp
    assert_same(found, reference(x, axis=axis, keepdims=keepdims), 1e-13 if dtype == "float64" else 2e-6)


@quick
@given(full_shapes, st.data())
def test_positions_and_running_sums(shape: tuple[int, ...], data: Any) -> None:
    x = numbers(*shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    for name in ("argmax", "argmin"):
        assert_same(getattr(fnp, name)(x, axis), getattr(np, name)(x, axis))
        assert_same(getattr(fnp, name)(x), getattr(np, name)(x))
        assert_same(getattr(fnp, name)(x, axis=axis, keepdims=True), getattr(np, name)(x, axis, keepdims=True))
    assert_same(fnp.cumsum(x, axis), np.cumsum(x, axis))
    assert_same(fnp.cumsum(x > 0), np.cumsum(x > 0))
    with_zero = np.cumulative_sum(x, axis=axis, include_initial=True)
    assert_same(fnp.cumulative_sum(x, axis=axis, include_initial=True), with_zero)
    assert_same(fnp.count_nonzero(x > 0, axis), np.count_nonzero(x > 0, axis))


def test_moments_and_logsumexp_differentiate() -> None:
    x = numbers(2, 3)
    for f in [fnp.var, fnp.std, fnp.logsumexp, fnp.prod]:
        check_grads(lambda x, f=f: f(x, axis=1, keepdims=True), (x,))
        check_grads(f, (x,))
    assert_same(fnp.var(x, axis=0, correction=1), np.var(x, axis=0, ddof=1))
    assert_same(fnp.std(x, ddof=1), np.std(x, ddof=1))
    z = x + 1j * numbers(2, 3, seed=1)
    assert_same(fnp.var(z), np.var(z))
    check_grads(lambda z: fnp.var(z), (z,))


@pytest.mark.parametrize("axis", [None, 0, (0, 2), -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_variances_have_derivatives_of_every_order(axis: Any, keepdims: bool) -> None:
    """They are differentiated about a fixed number, which must not show."""
    x = fnp.asarray(np.random.default_rng(0).normal(10, 1, (3, 2, 4)))

    def cubes(x: Any) -> Any:
        return (fnp.var(x, axis, keepdims=keepdims, ddof=1) ** 3).sum()

    def plain(x: Any) -> Any:
        squares = (x - x.mean(axis, keepdims=True)) ** 2
        count = x.size // squares.sum(axis).size
        return ((squares.sum(axis, keepdims=keepdims) / (count - 1)) ** 3).sum()

    for derived in (lambda f: f, fg.grad, fg.hessian, lambda f: fg.grad(lambda x: (fg.hessian(f)(x) * x).sum())):
        np.testing.assert_allclose(derived(cubes)(x), derived(plain)(x), rtol=1e-9, atol=1e-9)


def test_the_gradient_of_a_variance_has_no_sum_of_its_own() -> None:
    x = fnp.asarray(np.ones((50, 4), np.float32))
    graph = simplify(fg.make_graph(fg.grad(lambda x: fnp.var(x, 0).sum()))(x))
    assert [e.op.name for e in graph.eqns].count("sum") == 1  # for the mean


def test_reductions_of_nothing_and_of_the_extreme() -> None:
    assert fnp.sum(fnp.ones((0, 2)), axis=0).tolist() == [0, 0]
    assert float(fnp.prod(fnp.ones(0))) == 1
    with pytest.raises(fg.errors.ShapeError, match="no elements"):
        fnp.max(fnp.ones((0, 2)), axis=0)
    assert float(fnp.logsumexp(fnp.asarray([-np.inf, -np.inf]))) == -np.inf
    assert float(fnp.logsumexp(fnp.asarray([np.inf, 0.0]))) == np.inf
    assert fg.grad(fnp.logsumexp)(fnp.asarray([-np.inf, 0.0])).tolist() == [0, 1]
    assert fnp.sum(fnp.full(300, 200, "uint8")).item() == 60000
    with pytest.raises(fg.errors.AxisError, match="axis 2"):
        fnp.sum(fnp.ones((2, 3)), axis=2)
    with pytest.raises(fg.errors.AxisError, match="twice"):
        fnp.sum(fnp.ones((2, 3)), axis=(0, -2))


def test_comparing_whole_arrays() -> None:
    x = fnp.asarray([1.0, np.nan])
    assert fnp.array_equal(fnp.ones(2), fnp.ones(2))
    assert not fnp.array_equal(fnp.ones(2), fnp.ones(3))
    assert not fnp.allclose(x, x)
    assert fnp.allclose(x, x, equal_nan=True)
    assert not fnp.allclose(1.0, 1.1)


def test_variances_beyond_the_range_and_of_many_small_floats() -> None:
    with np.errstate(all="ignore"):
        assert float(fnp.var(fnp.asarray([1e38, 3e38, 3e38], fnp.float32))) == np.inf
        assert np.isnan(float(fnp.var(fnp.asarray([1.0, np.nan]))))
        many = np.tile(np.array([0.0, 0.2], "float16"), 40_000).reshape(80, 1000)
        np.testing.assert_allclose(fnp.var(fnp.asarray(many), axis=1), np.var(many, axis=1), rtol=1e-2)
        assert np.isfinite(float(fnp.var(fnp.asarray(many))))
        assert np.isnan(float(fnp.var(fnp.ones(1), correction=1)))
