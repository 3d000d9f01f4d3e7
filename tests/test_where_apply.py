"""where_apply: each branch on its own elements, finite derivatives, and batches that part nobody."""

import functools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import DtypeError, ShapeError, TreeError

X, A = np.array([4.0, 0.0, -1.0, 2.25]), np.array([1.0, 4.0, 9.0, 16.0])
SLOPES = np.array([0.25, 3.0, 3.0, 1 / 3])
close = functools.partial(np.testing.assert_allclose, rtol=1e-12)


def root(x):
    return fg.where_apply(x > 0, fnp.sqrt, lambda x: 3 * x, x)


def scaled(x, a):
    return fg.where_apply(x > 0, lambda x: fnp.sqrt(x * a), lambda x: a * x, x)


def test_each_branch_sees_its_own_elements():
    seen = []

    def f(x):
        seen.append(x.tolist())
        return fnp.sqrt(x)

    found = fg.where_apply(
        fg.asarray(X).reshape(2, 2) > 0, f, lambda x: seen.append(x.tolist()) or 3 * x, X.reshape(2, 2)
    )
    close(found, [[2, 0], [-3, 1.5]])
    assert seen == [[4.0, 2.25], [0.0, -1.0]]


def test_derivatives_under_every_nesting():
    x = fg.asarray(X)
    close(fg.elementwise_grad(root)(x), SLOPES)
    close(fg.jvp(root, (x,), (fnp.ones_like(x),))[1], SLOPES)
    close(fg.vmap(root)(x), [2, 0, -3, 1.5])
    close(fg.vmap(fg.grad(root))(x), SLOPES)
    close(fg.grad(lambda x: fg.vmap(root)(x).sum())(x), SLOPES)
    close(fg.jvp(fg.vmap(root), (x,), (fnp.ones_like(x),))[1], SLOPES)
    curvature = [-0.25 * 4**-1.5, 0, 0, -0.25 * 2.25**-1.5]
    close(np.diag(fg.hessian(lambda x: root(x).sum())(x)), curvature)
    for second in (fg.hessian(root), fg.grad(fg.grad(root)), fg.jacfwd(fg.jacfwd(root))):
        close(fg.vmap(second)(x), curvature)
    close(fg.grad(lambda x: fg.vmap(fg.grad(root))(x).sum())(x), curvature)


def test_no_nan_comes_back_from_the_other_branch():
    cases = (
        (lambda x: fg.where_apply(x > 0, lambda x: x * fnp.log(x), 0.0, x), 0.0, 0.0, 0.0),
        (lambda x: fg.where_apply(x < 1, lambda x: x, fnp.sqrt, x), 0.0, 0.0, 1.0),
        (lambda x: fg.where_apply(x == 0, 1.0, lambda x: fnp.sin(x) / x, x), 0.0, 1.0, 0.0),
        (lambda x: fg.where_apply(x > 80, lambda x: x, lambda x: fnp.log1p(fnp.exp(x)), x), 1e4, 1e4, 1.0),
    )
    for f, x, value, slope in cases:
        assert float(f(fg.asarray(x))) == value
        assert float(fg.grad(f)(x)) == slope
        assert fg.vmap(fg.grad(f))(fnp.asarray([x, x])).tolist() == [slope] * 2


def test_a_batched_condition_parts_nobody(capsys):
    fg.vmap(root, explain=True)(X)
    fg.vmap(fg.grad(scaled), explain=True)(X, A)
    assert capsys.readouterr().out.count("1 path for 4 examples") == 2


def test_what_branches_close_over_is_batched_and_differentiated():
    x, a = fg.asarray(X), fg.asarray(A)
    by_a = [1.0, 0.0, -1.0, 2.25 / 2 / 6]
    close(fg.vmap(scaled)(x, a), [2, 0, -9, 6])
    close(fg.vmap(fg.grad(scaled, 1))(x, a), by_a)
    close(fg.grad(lambda a: fg.vmap(scaled)(x, a).sum())(a), by_a)
    close(fg.vmap(fg.vmap(scaled, (0, None)), (None, 0))(x, a)[:, 0], 2 * np.sqrt(A))
    close(fg.vmap(lambda a: fg.vmap(lambda x: scaled(x, a))(x))(a)[:, 3], 1.5 * np.sqrt(A))
    with pytest.raises(ShapeError, match=r"a branch closes over float64\[4\]; give it as one of xs"):
        fg.vmap(lambda row: fg.where_apply(row[0] > 0, lambda x: x * row.sum() + row[0:1].sum(), 0.0, row))(np.eye(4))


def test_one_in_a_branch_of_another_parts_what_both_close_over():
    def f(x, w):
        inner = lambda x: fg.where_apply(x > 3, lambda x: x * w, fnp.sqrt, x)  # noqa: E731
        return fg.where_apply(x > 0, inner, lambda x: x * x * w, x)

    def in_python(x, w):
        if x > 3:
            return x * w
        return fnp.sqrt(x) if x > 0 else x * x * w

    x, ws = fg.asarray(X), fg.asarray(np.array([0.7, 1.4]))
    for argnum in (0, 1):
        slopes = [[float(fg.grad(in_python, argnum)(v, w)) for v in x] for w in ws]
        close(fg.vmap(fg.grad(f, argnum), (0, None))(x, ws[0]), slopes[0])
        rows = fg.vmap(lambda w, argnum=argnum: fg.vmap(fg.grad(f, argnum), (0, None))(x, w))(ws)
        close(rows, slopes)
    by_w = [float(fg.grad(in_python, 1)(v, ws[0])) for v in x]
    close(fg.grad(lambda w: fg.vmap(f, (0, None))(x, w).sum())(ws[0]), sum(by_w))
    close(fg.jvp(lambda w: fg.vmap(f, (0, None))(x, w), (ws[0],), (fnp.ones_like(ws[0]),))[1], by_w)


def test_branches_print_once_and_on_their_own_elements():
    seen = []

    def f(x):
        fg.debug.callback(lambda x: seen.append(x.tolist()), x)
        return fnp.sqrt(x)

    root = lambda x: fg.where_apply(x > 0, f, 0.0, x)  # noqa: E731
    for run in (fg.vmap(root), fg.vmap(fg.grad(root)), fg.elementwise_grad(root)):
        run(fg.asarray(X))
        assert seen == [[4.0, 2.25]]
        seen.clear()


def test_values_trees_dtypes_and_broadcasting():
    x = fg.asarray(X)
    assert fg.where_apply(x > 0, 1, 0, x).dtype == np.float64
    assert fg.where_apply(x > 0, lambda x: x.astype("float32"), lambda x: x, x).dtype == np.float64
    close(
        fg.where_apply(x > 0, lambda x, y: x + y, lambda x, y: y, x, A[:, None]),
        np.where(X > 0, X + A[:, None], A[:, None]),
    )
    tree = fg.where_apply(x > 0, lambda x: {"a": x, "b": 1.0}, lambda x: {"a": -x, "b": 2.0}, x)
    close(tree["a"], abs(X))
    close(tree["b"], [1, 2, 2, 1])
    assert fg.where_apply(fnp.asarray(True), lambda: 3.0, lambda: 4.0).tolist() == 3.0
    close(fg.where_apply(x > 100, fnp.sqrt, lambda x: x, x), X)
    assert fg.where_apply(fnp.zeros(0) > 0, fnp.sqrt, 0.0, fnp.zeros(0)).shape == (0,)


def test_what_is_wrong_is_said():
    x = fg.asarray(X)
    with pytest.raises(DtypeError, match="the condition must hold booleans, not float64"):
        fg.where_apply(x, fnp.sqrt, 0.0, x)
    with pytest.raises(ShapeError, match="do not broadcast"):
        fg.where_apply(x > 0, fnp.sqrt, 0.0, fnp.ones(3))
    with pytest.raises(ShapeError, match=r"a branch got 2 elements and returned float64\[1\]: it must be elementwise"):
        fg.where_apply(x > 0, lambda x: x[:1], 0.0, x)
    with pytest.raises(TreeError, match="f returns 2 arrays and g 1"):
        fg.where_apply(x > 0, lambda x: (x, x), 0.0, x)
    apart = lambda x: fg.where_apply(x > 0, lambda x: {"a": x}, lambda x: {"b": x}, x)  # noqa: E731
    for run in (apart, fg.vmap(apart)):
        with pytest.raises(TreeError, match=r"the values of f \(the first\) and of g \(the second\) differ"):
            run(x)


def test_a_branch_that_reads_a_closed_over_value_of_the_batch_by_python():
    x = fnp.asarray([[1.0, -2.0, 3.0], [3.0, -1.0, -4.0], [1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]])
    w = fnp.asarray([2.0, 5.0, 2.0, 7.0])

    def f(x, w):
        return fg.where_apply(x > 0, lambda x: x * float(w), lambda x: x - w, x)

    expected = np.where(x > 0, x * w[:, None], x - w[:, None])
    np.testing.assert_array_equal(fg.vmap(f)(x, w), expected)
    np.testing.assert_array_equal(fg.vmap(fg.vmap(f, in_axes=(0, None)))(x, w), expected)
    np.testing.assert_array_equal(fg.vmap(lambda x: fg.vmap(f, in_axes=(None, 0))(x, w))(x)[1, 1], expected[1])
    with pytest.warns(fg.errors.LostDerivativeWarning):  # to Python's number there is no derivative
        assert fg.grad(lambda w: fg.vmap(f)(x, w).sum())(w).tolist() == [-1, -2, 0, -3]
    with pytest.warns(fg.errors.LostDerivativeWarning):
        assert fg.vmap(fg.grad(lambda w, x: f(x, w).sum()))(w, x).tolist() == [-1, -2, 0, -3]
    by_x = np.where(x > 0, w[:, None], 1)
    np.testing.assert_array_equal(fg.vmap(fg.grad(lambda x, w: f(x, w).sum()))(x, w), by_x)
    np.testing.assert_array_equal(fg.grad(lambda x: fg.vmap(f)(x, w).sum())(x), by_x)
    assert fg.vmap(f)(-abs(x), w).shape == x.shape  # one branch has no elements
    with pytest.raises(ShapeError, match="ambiguous") as caught:
        fg.vmap(lambda x, w: fg.where_apply(x > 0, lambda x: x if w > 3 else -x, 0.0, x))(x, w)
    assert "decide by Python's number, as in `if float(w) > 3`" in "".join(caught.value.__notes__)
    found = fg.vmap(lambda x, w: fg.where_apply(x > 0, lambda x: x if float(w) > 3 else -x, 0.0, x))(x, w)
    np.testing.assert_array_equal(found, np.where(x > 0, np.where(w > 3, 1, -1)[:, None] * x, 0))
