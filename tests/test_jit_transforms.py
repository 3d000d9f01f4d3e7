"""jit beside other transforms, where a plain composition of both (`test_jit_compose.py`) does not lead."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp

ROW = fg.asarray(np.array([1.0, -2.0, 3.0]))


def total(f):
    return lambda x: f(x).sum()


def test_a_pullback_in_a_closure_while_it_is_differentiated():
    def doubled(x):
        _, pullback = fg.vjp(lambda v: v * v, x)
        return fg.jit(lambda ct: pullback(ct)[0])(x)

    for f in (doubled, fg.jit(doubled)):
        for x in (ROW, ROW * 2, ROW):
            np.testing.assert_allclose(np.asarray(f(x)), np.asarray(2 * x * x))
            np.testing.assert_allclose(np.asarray(fg.grad(total(f))(x)), np.asarray(4 * x))


def test_a_number_of_an_outer_record_in_a_closure():
    f = fg.jit(lambda n: fg.grad(fg.jit(lambda x: x * x * n))(1.0))
    for n in (3.0, 4.0, 5.0):
        assert float(f(n)) == 2 * n


def test_a_batch_that_parts_into_groups_inside():
    def f(x):
        return fg.where_apply(x > 0, fnp.log, lambda v: v * 0, x)

    jitted = fg.jit(f)
    for x in [ROW, ROW * 2, -ROW] * 3:
        np.testing.assert_allclose(np.asarray(jitted(x)), np.asarray(f(x)))


class Box:
    def __init__(self, x):
        self.x = x


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x * 2, np.zeros(2)),
        lambda x: (x * 2, {1, 2}),
        lambda x: (x * 2, Box(3.0)),
        lambda x: Box(x * 2),
        lambda x: lambda y: x * y,
        lambda x: (v * 2 for v in x),
    ],
    ids=["NumPy array", "set", "object", "object with a value", "function", "generator"],
)
def test_objects_that_are_returned_are_new_each_time(f):
    jitted = fg.jit(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fg.errors.JitWarning)
        found = [jitted(ROW * k) for k in (1, 1, 2, 3)]
    leaves = [fg.tree.leaves(x)[-1] for x in found]
    assert len(set(map(id, leaves))) == 4
    for k, leaf in zip((1, 1, 2, 3), leaves, strict=True):
        value = leaf.x if isinstance(leaf, Box) else leaf(1.0) if callable(leaf) else leaf
        expected = fg.tree.leaves(f(ROW * k))[-1]
        expected = expected.x if isinstance(expected, Box) else expected(1.0) if callable(expected) else expected
        assert repr(list(value) if hasattr(value, "send") else value) == repr(
            list(expected) if hasattr(expected, "send") else expected
        )


def test_plain_results_that_differ_between_runs():
    count = iter(range(100))
    jitted = fg.jit(lambda x: (x, next(count)))
    jitted(ROW)
    with pytest.warns(fg.errors.JitWarning, match="it returned 0, and then 1"):
        jitted(ROW)
    assert [jitted(ROW)[1] for _ in range(3)] == [2, 3, 4]


def test_results_that_are_the_same_objects_stay_programs():
    jitted = fg.jit(lambda x: (x * 2, np.sin, Box, "text", float("nan"), None))
    for _ in range(4):
        _, function, cls, *_ = jitted(ROW)
        assert (function, cls) == (np.sin, Box)
    assert not any(node.eager for unit in jitted.units.values() for tree in unit.trees.values() for node in [tree.root])


def test_arrays_of_another_module():
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    device = strict.Device("device1")  # from which nothing is copied to the host unseen
    x = fg.asarray(strict.asarray(np.linspace(0.1, 2.0, 6).reshape(2, 3), device=device))
    w = fg.asarray(strict.asarray(np.ones((3, 2)), device=device))

    def f(x, w):
        y = fnp.tanh(x @ w) * 2.0 + 1
        return fnp.sum(fnp.where(y > 2.5, y, 0) * fnp.exp(-y))

    for jitted, plain in [
        (fg.jit(f), f),
        (fg.jit(fg.grad(f)), fg.grad(f)),
        (fg.grad(fg.jit(f)), fg.grad(f)),
        (fg.jit(fg.vmap(f, in_axes=(0, None))), fg.vmap(f, in_axes=(0, None))),
    ]:
        for _ in range(4):
            found, expected = jitted(x, w), plain(x, w)
            assert type(found._data) is type(expected._data)
            assert found.device == expected.device == x.device
            host = [np.from_dlpack(a._data.to_device(strict.Device("CPU_DEVICE"))) for a in (found, expected)]
            np.testing.assert_array_equal(*host)
        assert not any(unit.eager for unit in getattr(jitted, "units", {}).values())
