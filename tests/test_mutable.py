"""`fg.mutable`: programs that assign, the same on NumPy's arrays and on mutable views, and under every transform."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import ArrayIndexError, DtypeError, ImmutableArrayError, LeakedTracerError, ShapeError
from funcgrad.numpy.mutable import Mutable
from funcgrad.testing import check_grads

A = np.array([0.45, -1.25, 2.0, 0.75])
B = np.array([1.5, 0.25, -0.5, 3.0])
MASK = np.array([True, False, True, False])


def start(x: Any) -> Any:
    """What a program assigns into: an array of NumPy's, or a mutable view."""
    return np.zeros((3, 4)) if isinstance(x, np.ndarray) else fg.mutable(np.zeros((3, 4)))


def element(y: Any, x: Any) -> None:
    y[0, 1] = x[0]
    y[-1, -2] = x[1] * y[0, 1]


def row(y: Any, x: Any) -> None:
    y[1] = x
    y[2, :] = y[1] * 2


def slices(y: Any, x: Any) -> None:
    y[0, 1:3] = x[:2]
    y[:, ::2] += x[::2]
    y[1:, None] *= 3.0
    y[..., -1] -= x[0]


def a_view_of_a_view(y: Any, x: Any) -> None:
    y[0][1] = x[1]
    y[1:][0][2:] = x[:2]
    y[1:][1, ::3] += x[3]


def a_row_that_is_kept(y: Any, x: Any) -> None:
    first = y[0]
    first += x
    y[0, 0] = 7.0
    y[1] = first  # 7, and not what it was
    first[:2] *= 2.0


def rows_in_turn(y: Any, x: Any) -> None:
    for i, line in enumerate(y):
        line += x * i
        line[i] = x[i] ** 2


def columns_by_integers(y: Any, x: Any) -> None:
    y[:, [0, 2]] = x[:2]
    y[[0, 1], [1, 3]] += x[2:]
    y[[0, 0], 0] += x[0]  # once, as in NumPy
    taken = y[[0, 1]]
    taken = taken * 2
    y[1:] = taken


def a_mask(y: Any, x: Any) -> None:
    y += x
    y[y > 0.6] = 1.5
    y[y < 0] *= x[0]
    y[:, MASK] = x[1]
    y[np.array([True, False, True])] -= x
    y[y == 1.5] = y[y == 1.5] ** 2


def values_of_a_mask(y: Any, x: Any) -> None:
    y[1] = 1.0
    y[y > 0.55] = x
    y[y > 0.55] += np.arange(float(np.sum(y > 0.55)))


def a_copy_of_a_mask(y: Any, x: Any) -> None:
    y[0] = x
    taken = y[0, MASK]
    taken = taken + 1.0
    picked = y[0][MASK]
    picked = picked * 2.0
    y[1, :2] = taken * picked


def every_operator(y: Any, x: Any) -> None:
    y += x
    y -= 0.25
    y *= x + 2
    y /= 3.0
    y **= 2
    y %= 1.7
    y //= 0.3
    y += x


def numpys_functions(y: Any, x: Any) -> None:
    np.copyto(y, x)
    np.copyto(y, 2 * x, where=MASK)
    np.fill_diagonal(y, x[0])
    np.fill_diagonal(y[:, 1:], x[:3])
    np.put(y, [1, 5, 13], x[:2], mode="wrap")
    np.copyto(dst=y[0, :2], src=x[2:])
    np.putmask(y, y > 1, x)
    np.place(y, y < 0, x[1:])
    np.put_along_axis(y, np.array([[0], [1], [3]]), x[2], axis=1)
    np.add.at(y, ([0, 0, 1], [1, 1, 2]), x[:3])
    np.multiply(y, x, out=y)
    np.exp(x, out=y[2], where=MASK)
    np.sum(y[:2], axis=0, out=y[1])


def a_recurrence(y: Any, x: Any) -> None:
    y[0] = x
    for t in range(1, 3):
        y[t] = np.tanh(y[t - 1] * x[t]) + y[t - 1, ::-1]
        if y[t, 0] > 0:
            y[t, 0] *= 2


def swapped(y: Any, x: Any) -> None:
    y[0] = x
    y[0, 0], y[0, 3] = y[0, 3], y[0, 0]
    y[[1, 0]] = y[[0, 1]]
    y.fill(x[0])
    y[1] = y[0].copy() * x


PROGRAMS = [
    *(element, row, slices, a_view_of_a_view, a_row_that_is_kept, rows_in_turn, columns_by_integers, a_mask),
    *(values_of_a_mask, a_copy_of_a_mask, every_operator, numpys_functions, a_recurrence, swapped),
]


def result(program: Any) -> Any:
    def run(x: Any) -> Any:
        y = start(x)
        program(y, x)
        return y

    return run


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
class TestPrograms:
    def test_values_are_numpys(self, program: Any) -> None:
        f = result(program)
        for x in (A, B):
            y = f(fg.asarray(x))
            assert isinstance(y, Mutable)
            np.testing.assert_allclose(np.asarray(y), f(x), rtol=1e-12)

    def test_derivatives(self, program: Any) -> None:
        check_grads(result(program), (A,), order=2)
        assert type(fg.vjp(result(program), A)[0]) is fg.Array

    def test_batches(self, program: Any) -> None:
        f = result(program)
        for axis in (0, 1):
            out = fg.vmap(f, in_axes=axis)(np.stack([A, B, -A], axis))
            assert type(out) is fg.Array
            np.testing.assert_allclose(np.asarray(out), np.stack([f(A), f(B), f(-A)]), rtol=1e-12)

    def test_batches_of_derivatives(self, program: Any) -> None:
        g = fg.grad(lambda x: fnp.sum(fnp.sin(result(program)(x))))
        found = fg.vmap(g)(np.stack([A, B]))
        np.testing.assert_allclose(np.asarray(found), np.stack([np.asarray(g(A)), np.asarray(g(B))]), rtol=1e-9)

    def test_programs(self, program: Any) -> None:
        f = fg.jit(result(program))
        for x in (A, B, A, B, A):
            out = f(fg.asarray(x))
            np.testing.assert_allclose(np.asarray(out), result(program)(x), rtol=1e-12)
        assert type(out) is fg.Array


# ---- it is the array that it holds -------------------------------------------------------------


def test_functions_and_operators_take_it() -> None:
    x = fg.asarray(A)
    y = fg.mutable(A)
    for f in (
        *(fnp.sin, fnp.sum, fnp.stack, np.sin, np.sum, np.cumsum, abs, operator.neg, len, list),
        lambda v: fnp.where(v > 0, v, 0.0),
        lambda v: fnp.concatenate([v, v, x]),
        lambda v: fnp.asarray([v, x]),
        lambda v: fnp.dot(v, v) + v @ x + x @ v + (A @ v),
        lambda v: x + v * x - v / x,
        lambda v: 2**v + A * v,
        lambda v: (x < v) | (v >= A),
        lambda v: v.reshape(2, 2).T.sum(axis=0),
        lambda v: fnp.zeros(4).at[1:3].set(v[1:3]),
        lambda v: fnp.full((2, 4), v),
        lambda v: fnp.zeros_like(v),
        lambda v: fg.tree.map(lambda leaf: leaf * 2, {"v": v})["v"],
        lambda v: np.add.reduce(v) + np.linalg.norm(v),
        lambda v: divmod(v, 2)[0] + divmod(2, v)[1],
    ):
        found, expected = f(y), f(x)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert y.shape == (4,)
    assert (y.ndim, y.size, y.dtype) == (1, 4, np.float64)
    assert repr(y[:2]) == "View(Array([ 0.45, -1.25], dtype=float64))"
    assert f"{fg.mutable(2.0):.1f} {y[0] + 0.05:.1f}" == "2.0 0.5"
    assert fnp.arange(4)[fg.mutable([1, 2])].tolist() == [1, 2]
    assert (float(fg.mutable(2.5)), int(fg.mutable(2.5)), bool(fg.mutable(2.5))) == (2.5, 2, True)


def test_transforms_take_and_return_its_array() -> None:
    y = fg.mutable(A)
    assert type(fg.grad(lambda x: (x * x).sum())(y)) is fg.Array
    assert type(fg.vmap(lambda x: fg.mutable(x))(y)) is fg.Array
    assert [type(x) for x in fg.jvp(fg.mutable, (y,), (A,))] == [fg.Array] * 2
    value, g = fg.value_and_grad(lambda x: fg.mutable(x).sum())(A)
    assert (round(float(value), 9), g.tolist()) == (1.95, [1.0] * 4)
    aux = fg.grad(lambda x: (x.sum(), {"y": fg.mutable(x)[1:]}), has_aux=True)(A)[1]
    assert type(aux["y"]) is fg.Array
    assert float(fg.grad(lambda x: fg.mutable(x))(2.0)) == 1.0


@pytest.mark.parametrize("transform", [lambda f: f, fg.jit], ids=["eager", "jit"])
def test_loops_and_branches_that_are_functions_take_it(transform: Any) -> None:
    def step(i: Any, y: Any) -> Any:
        y = fg.mutable(y)
        y[i] = y[i - 1] + 1.0
        return y

    def scanned(carry: Any, x: Any) -> Any:
        y = fg.mutable(carry)
        y[1:] += x
        return y, y[:2]

    def loop(x: Any) -> Any:
        a = fg.fori_loop(1, 4, step, x)
        b, rows = fg.scan(scanned, a, x)
        c = fg.while_loop(lambda y: y[1] < 50, lambda y: step(1, y * 2), b)
        d = fg.cond(c[0] > 0, lambda: fg.mutable(c), lambda: -c)
        return fnp.sum(d) + fnp.sum(rows)

    f = transform(loop)
    for _ in range(3):
        found = float(f(A))
        slope = fg.grad(f)(A)
    y = A.copy()
    for i in range(1, 4):
        y[i] = y[i - 1] + 1.0
    rows = []
    for x in A:
        y[1:] += x
        rows.append(y[:2].copy())
    while y[1] < 50:
        y *= 2
        y[1] = y[0] + 1.0
    assert found == pytest.approx(np.sum(y) + np.sum(rows))
    check_grads(loop, (A,), order=1)
    np.testing.assert_allclose(slope, fg.grad(loop)(A))


def newton(x: Any) -> Any:
    y = fg.mutable(np.ones(2))
    y[0] = x
    while abs(y[1] * y[1] / y[0] - 1) > 1e-9:
        y[1] = (y[1] + y[0] / y[1]) / 2
    return y[1]


def test_a_loop_whose_length_the_values_decide() -> None:
    f = fg.jit(newton)
    for x in (2.0, 9.0, 2.0, 100.0, 3e4, 1e6):
        assert float(f(np.float64(x))) == pytest.approx(x**0.5)
        assert float(fg.grad(f)(np.float64(x))) == pytest.approx(0.5 * x**-0.5)
    assert fg.vmap(fg.grad(newton))(np.array([4.0, 9.0, 1e4])).tolist() == pytest.approx([1 / 4, 1 / 6, 1 / 200])


def test_a_batch_stays_together_where_a_mask_decides() -> None:
    def f(x: Any) -> Any:
        y = fg.mutable(x)
        y[y > 0] += 1.0
        y[y < 0] = 0.0
        y[y > 2] **= 0.5
        return y

    x = np.random.default_rng(0).normal(size=(20, 5))
    expected = np.where(x > 0, x + 1.0, 0.0)
    expected = np.where(expected > 2, expected**0.5, expected)
    np.testing.assert_allclose(fg.vmap(f, max_paths=1)(x), expected)
    assert np.isfinite(np.asarray(fg.grad(lambda x: f(x).sum())(x))).all()


# ---- what it refuses ---------------------------------------------------------------------------


def test_arrays_that_it_gives_do_not_change() -> None:
    y = fg.mutable(np.zeros((2, 3)))
    before = y.freeze()
    y[0] = 1.0
    assert before.tolist() == np.zeros((2, 3)).tolist()
    for part in (y.T, y.reshape(3, 2), y[[0, 1]], y.ravel()):
        with pytest.raises(ImmutableArrayError):
            part[0] = 1.0
    x = fg.asarray(A)
    fg.mutable(x)[0] = 5.0
    z = A.copy()
    fg.mutable(z)[0] = 5.0
    assert x.tolist() == z.tolist() == A.tolist()


def test_copies_are_independent() -> None:
    y = fg.mutable(A)
    copies = [y.copy(), copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y)), fg.mutable(y), y[:].copy()]
    y[0] = 9.0
    for other in copies:
        assert isinstance(other, Mutable)
        assert other.tolist() == A.tolist()
        other[1] = 8.0
    assert y.tolist() == [9.0, *A[1:]]


def test_values_that_do_not_fit() -> None:
    y = fg.mutable(np.zeros((2, 3)))
    n = fg.mutable([1, 2])
    for error, assign in (
        (ShapeError, lambda: y.__setitem__(0, A)),
        (ShapeError, lambda: operator.iadd(y, np.zeros((2, 2, 3)))),
        (ArrayIndexError, lambda: y.__setitem__(2, 0.0)),
        (ArrayIndexError, lambda: y[0].__setitem__(3, 0.0)),
        (ArrayIndexError, lambda: y["a"]),
        (DtypeError, lambda: n.__setitem__(0, 1.5)),
        (DtypeError, lambda: operator.iadd(n, 0.5)),
        (DtypeError, lambda: operator.itruediv(n[:1], 2)),
    ):
        with pytest.raises(error):
            assign()
    assert (y.sum(), n.tolist()) == (0.0, [1, 2])
    with pytest.raises(AttributeError):
        y.no_such_thing  # noqa: B018


@pytest.mark.parametrize(
    "transform",
    [fg.grad, fg.vmap, fg.jacfwd, lambda f: fg.jit(lambda x: fg.scan(lambda c, v: (c, f(v)), 0.0, x)[1])],
    ids=["grad", "vmap", "jacfwd", "jit"],
)
def test_a_transformed_function_cannot_change_what_was_made_outside(transform: Any) -> None:
    y = fg.mutable(np.zeros(4))

    def f(x: Any) -> Any:
        y[0] = 1.0
        return fnp.sum(x * y[0])

    with pytest.raises(ImmutableArrayError, match="made outside of it: make it inside"):
        transform(f)(A)
    assert y.tolist() == [0.0] * 4
    with fg.config.debug_nans(True):  # looks on, and is no transform of the user's
        y[0] = 2.0
    assert y[0] == 2.0


def test_a_view_that_outlives_its_transform_is_told() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.extend(fg.mutable(np.zeros(4)) for _ in range(2))
        kept[0][0] = x[0]
        return kept[0].sum()

    fg.grad(f)(A)
    with pytest.raises(LeakedTracerError):
        kept[0][1] = 1.0
    with pytest.raises(ImmutableArrayError, match="in a transform that has ended"):
        kept[1][1] = 1.0


def test_jit_takes_it_as_an_argument_and_finds_it_around() -> None:
    y = fg.mutable(A)
    row = y[1:]
    taken = fg.jit(lambda v: v * 2 + v.sum())
    found = fg.jit(lambda x: x * y + row.sum())
    for k in range(4):
        y[0] = float(k)
        np.testing.assert_allclose(taken(y), np.asarray(y) * 2 + np.asarray(y).sum())
        np.testing.assert_allclose(found(A), A * np.asarray(y) + np.asarray(y)[1:].sum())


def test_views_that_are_gone_are_forgotten() -> None:
    y = fg.mutable(np.zeros((3, 4)))
    kept = y[1]
    for _ in range(1000):
        assert y[0].sum() == 0.0
    assert len(y.views) <= 101
    y[1, 2] = 5.0
    assert len(y.views) == 1
    assert kept.tolist() == [0.0, 0.0, 5.0, 0.0]
