"""`reduce`, `reduce_window`, `select`, `select_n` against JAX's, and under the other transforms."""

import functools
import operator

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import AxisError, DtypeError, ShapeError, TreeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 2))

KNOWN = [
    (fnp.add, 0.0, np.add),
    (operator.add, 0.0, np.add),
    (fnp.multiply, 1.0, np.multiply),
    (operator.mul, 1.0, np.multiply),
    (fnp.maximum, -np.inf, np.maximum),
    (fnp.minimum, np.inf, np.minimum),
]
UNKNOWN = [(lambda x, y, f=f: f(x, y), init, oracle) for f, init, oracle in KNOWN]


@pytest.mark.parametrize("dimensions", [(), (0,), (1,), (-1,), (2, 0), (0, 1, 2)])
@pytest.mark.parametrize(("f", "init", "oracle"), KNOWN + UNKNOWN)
def test_a_reduction_is_that_of_numpy(f, init, oracle, dimensions):
    found = fg.reduce(X, init, f, dimensions)
    expected = oracle.reduce(X, axis=dimensions) if dimensions else X
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("count", range(9))
def test_neighbours_are_joined_in_their_order(count):
    matrices = RNG.normal(size=(4, count))  # products of 2 x 2 matrices, which do not commute

    def product(x, y):
        return (
            x[0] * y[0] + x[1] * y[2],
            x[0] * y[1] + x[1] * y[3],
            x[2] * y[0] + x[3] * y[2],
            x[2] * y[1] + x[3] * y[3],
        )

    found = fg.reduce(tuple(matrices), (1.0, 0.0, 0.0, 1.0), product, (0,))
    expected = functools.reduce(operator.matmul, matrices.T.reshape(-1, 2, 2), np.eye(2))
    np.testing.assert_allclose(fnp.stack(list(found)), expected.ravel(), rtol=1e-12)


def test_python_decides_for_each_pair():
    def larger(x, y):
        return x if x["value"] >= y["value"] else y

    index = np.broadcast_to(np.arange(5)[:, None], X.shape)
    found = fg.reduce({"value": X, "index": index}, {"value": -np.inf, "index": -1}, larger, (1,))
    np.testing.assert_array_equal(found["index"], X.argmax(1))
    np.testing.assert_array_equal(found["value"], X.max(1))


def test_dtypes_stay_as_they_are():
    assert fg.reduce(np.ones(3, np.int32), 0, fnp.add, (0,)).dtype == np.int32
    assert fg.reduce(np.ones(3, np.float32), 0, lambda x, y: x + y, (0,)).dtype == np.float32
    assert fg.reduce(np.asarray([True, False]), False, fnp.add, (0,)).tolist() is True  # or, as of booleans in NumPy


@pytest.mark.parametrize(("f", "init"), [(fnp.multiply, 1.0), (lambda x, y: x + y + x * y, 0.0)])
def test_derivatives_and_batches_go_through_a_reduction(f, init):
    fg.testing.check_grads(lambda x: fg.reduce(x, init, f, (1,)), (X,), order=2)
    rows = fg.vmap(lambda x: fg.reduce(x, init, f, (0,)))(X)
    np.testing.assert_allclose(rows, fg.reduce(X, init, f, (1,)), rtol=1e-12)


WINDOWS = [
    {"window_dimensions": (2, 3)},
    {"window_dimensions": (2, 2), "window_strides": (1, 2), "padding": "SAME"},
    {"window_dimensions": (3, 1), "window_strides": (2, 2), "padding": ((1, 2), (0, 1))},
    {"window_dimensions": (2, 2), "window_dilation": (2, 3)},
    {"window_dimensions": (3, 2), "base_dilation": (2, 3), "padding": ((0, 1), (2, 0))},
    {
        "window_dimensions": (2, 2),
        "base_dilation": (1, 2),
        "window_dilation": (2, 1),
        "window_strides": (1, 1),
        "padding": "SAME",
    },
]


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("name", ["add", "mul", "max", "min", "other"])
def test_windows_as_in_jax(name, options):
    lax = pytest.importorskip("jax").lax
    x = RNG.normal(size=(4, 6)).astype(np.float32)
    f, theirs, init = {
        "add": (fnp.add, lax.add, 0.0),
        "mul": (fnp.multiply, lax.mul, 1.0),
        "max": (fnp.maximum, lax.max, -np.inf),
        "min": (fnp.minimum, lax.min, np.inf),
        "other": (lambda x, y: x + y + x * y, lambda x, y: x + y + x * y, 0.0),
    }[name]
    expected = lax.reduce_window(x, np.float32(init), theirs, **options)
    np.testing.assert_allclose(fg.reduce_window(x, init, f, **options), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("options", WINDOWS)
def test_derivatives_and_batches_go_through_windows(options):
    x = fg.asarray(RNG.normal(size=(3, 4, 6)))

    def f(x):
        return fg.reduce_window(x, 0.0, lambda a, b: a + b + 0.1 * a * b, **options)

    fg.testing.check_grads(f, (x[0],), order=2)
    np.testing.assert_allclose(fg.vmap(f)(x), np.stack([f(row) for row in x]), rtol=1e-12)


def test_pooling_is_a_window_of_maxima():
    image = RNG.normal(size=(2, 6, 6, 3))
    found = fg.reduce_window(image, -np.inf, fnp.maximum, (1, 2, 2, 1), (1, 2, 2, 1))
    np.testing.assert_array_equal(found, fg.functional.max_pool2d(image, 2))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (AxisError, "has no axes", lambda: fg.reduce(X, 0.0, fnp.add, (3,))),
        (AxisError, "named twice", lambda: fg.reduce(X, 0.0, fnp.add, (0, -3))),
        (TreeError, "differ: at the top: the first is a tuple", lambda: fg.reduce((X, X), 0.0, fnp.add, (0,))),
        (TreeError, "no operands", lambda: fg.reduce((), (), fnp.add, (0,))),
        (TreeError, "a joined value", lambda: fg.reduce((X, X), (0.0, 0.0), lambda x, y: x[0], (0,))),
        (ShapeError, "must have one shape", lambda: fg.reduce((X, X[0]), (0.0, 0.0), fnp.add, (0,))),
        (ShapeError, "must have no dimensions", lambda: fg.reduce(X, np.zeros(3), fnp.add, (0,))),
        (
            DtypeError,
            "does not fit the operand int64.*the least integer",
            lambda: fg.reduce(np.arange(3), -np.inf, fnp.maximum, (0,)),
        ),
        (
            DtypeError,
            r"float32\[\] does not fit the operand bool",
            lambda: fg.reduce(np.ones(3, bool), 0.0, fnp.add, (0,)),
        ),
        (ShapeError, "single elements", lambda: fg.reduce(X, 0.0, lambda x, y: fnp.stack([x, y]), (0,))),
        (ShapeError, "window_dimensions", lambda: fg.reduce_window(X, 0.0, fnp.add, (2, 2))),
        (ShapeError, "no window fits", lambda: fg.reduce_window(X, 0.0, fnp.add, (4, 1, 1))),
    ],
)
def test_what_does_not_fit_is_named(error, message, call):
    with pytest.raises(error, match=message):
        call()


# ---- select --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_each_element_from_its_case(count):
    cases = RNG.normal(size=(count, 3, 4))
    which = RNG.integers(count, size=(3, 4))
    expected = np.take_along_axis(cases, which[None], 0)[0]
    np.testing.assert_array_equal(fg.select_n(which, *cases), expected)
    for k in range(count):
        np.testing.assert_array_equal(fg.select_n(k, *cases), cases[k])
    assert fg.select_n(np.asarray([-5, count + 5]), *[np.full(2, k) for k in range(count)]).tolist() == [0, count - 1]


def test_two_cases_by_booleans():
    mask, x, y = np.asarray([True, False]), np.asarray([1.0, 2.0]), np.asarray([3.0, 4.0])
    assert fg.select(mask, x, y).tolist() == [1.0, 4.0]
    assert fg.select_n(mask, x, y).tolist() == [3.0, 2.0]  # False is the first case
    assert fg.select(True, x, y).tolist() == [1.0, 2.0]
    assert fg.select(mask[0], 1.0, np.float32(2.0)).dtype == np.float32


def test_derivatives_and_batches_go_to_the_case_that_was_chosen():
    which = np.asarray([0, 2, 1])
    cases = [fg.asarray(RNG.normal(size=3)) for _ in range(3)]
    slopes = fg.grad(lambda *cases: fg.select_n(which, *cases).sum(), argnums=(0, 1, 2))(*cases)
    np.testing.assert_array_equal(np.stack(slopes), np.eye(3)[which].T)
    found = fg.vmap(lambda i, x: fg.select_n(i, x, -x, 2 * x))(which, np.ones((3, 2)))
    assert found.tolist() == [[1.0, 1.0], [2.0, 2.0], [-1.0, -1.0]]


def test_the_first_condition_that_is_true():
    x = np.arange(6.0)
    conditions, choices = [x < 2, x < 4], [x, x**2]
    np.testing.assert_array_equal(
        fnp.select([fg.asarray(c) for c in conditions], choices, -1.0), np.select(conditions, choices, -1.0)
    )
    np.testing.assert_array_equal(
        np.select(conditions, [fg.asarray(c) for c in choices]), np.select(conditions, choices)
    )
    assert fg.grad(lambda x: fnp.select([x < 2, x < 4], [x, x**2]).sum())(fg.asarray(x)).tolist() == [1, 1, 4, 6, 0, 0]


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ShapeError, "must have one shape", lambda: fg.select(True, np.ones(2), np.ones(3))),
        (DtypeError, "must have one dtype", lambda: fg.select(True, np.ones(2), np.ones(2, np.int64))),
        (
            ShapeError,
            "must have no dimensions or the shape",
            lambda: fg.select_n(np.zeros(3, int), np.ones(2), np.ones(2)),
        ),
        (DtypeError, "must be booleans", lambda: fg.select(1, np.ones(2), np.ones(2))),
        (DtypeError, "the numbers 0 to 2", lambda: fg.select_n(True, 1.0, 2.0, 3.0)),
        (ShapeError, "no cases", lambda: fg.select_n(0)),
        (ShapeError, "2 conditions for 1", lambda: fnp.select([True, False], [1.0])),
        (DtypeError, "must be booleans", lambda: fnp.select([1], [1.0])),
    ],
)
def test_a_choice_that_does_not_fit_is_named(error, message, call):
    with pytest.raises(error, match=message):
        call()
