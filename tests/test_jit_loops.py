"""Turns of a loop are one program only if Python cannot tell them apart, whatever it keeps and wherever.

Each function is called with numbers whose loops have many different lengths, in an order that makes loops be rolled
before other lengths come.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.transforms import frames
from funcgrad.transforms.frames import Reading, at_a_branch

CASES: list[Any] = []


def case(f: Any) -> Any:
    CASES.append(f)
    return f


def halves(x):
    while x > 1.0:
        x = x / 2
        yield x


@case
def turns_in_a_list_of_a_generator(x):
    return x * len(list(halves(x)))


@case
def a_sum_over_a_generator(x):
    return sum(halves(x), x)


@case
def an_attribute_of_a_local_class(x):
    class Counter:
        n = 0

    y = x
    while y > 1.0:
        y = y / 2
        Counter.n += 1
    return x * Counter.n


@case
def an_attribute_of_a_local_object(x):
    class Counter:
        n = 0

    counter, y = Counter(), x
    while y > 1.0:
        y = y / 2
        counter.n += 1
    return x * counter.n


@case
def a_bound_append(x):
    append, y = [].append, x
    while y > 1.0:
        y = y / 2
        append(1)
    return x * len(append.__self__)


@case
def an_attribute_of_a_local_function(x):
    def half(v):
        return v / 2

    half.n, y = 0, x
    while y > 1.0:
        y = half(y)
        half.n += 1
    return x * half.n


@case
def defaults_of_a_local_function(x):
    def half(v, *, count={"n": 0}):  # noqa: B006  # on purpose
        count["n"] += 1
        return v / 2

    half.__kwdefaults__["count"], y = {"n": 0}, x
    while y > 1.0:
        y = half(y)
    return x * half.__kwdefaults__["count"]["n"]


@case
def two_names_of_one_list(x):
    a = b = [1.0]
    y = x
    while y > 1.0:
        y = y / 2
        b = [1.0]
    a[0] = 5.0
    return x * b[0]


@case
def functions_that_call_each_other(x):
    def even(n, v):
        return odd(n - 1, v) if n else v

    def odd(n, v):
        return even(n - 1, v) if n else v / 2

    while x > 1.0:
        x = even(3, x)
    return x


@case
def a_list_in_itself(x):
    rows: list[Any] = []
    rows.append(rows)
    while x > 1.0:
        x = x / 2
    return x


@case
def an_iterator(x):
    turns, y = itertools.count(), x
    while y > 1.0:
        y = y / 2
        next(turns)
    return x * next(turns)


@case
def callbacks_of_a_with(x):
    y, done = x, []
    with contextlib.ExitStack() as stack:
        while y > 1.0:
            y = y / 2
            stack.callback(lambda: done.append(1))
    return x * len(done)


@case
def a_numpy_array(x):
    y, total = x, np.zeros(1)
    while y > 1.0:
        y = y / 2
        total[0] += 1
    return x * float(total[0])


@case
def closures_over_the_loop(x):
    y, functions = x, []
    while y > 1.0:
        y = y / 2
        functions.append(lambda v, y=y: v + y)
    return functools.reduce(lambda v, f: f(v), functions, x)


@case
def arrays_that_grow_and_change_dtype(x):
    y, rows = x, fnp.stack([x])
    while y > 1.0:
        y = y / 2
        rows = fnp.concatenate([rows, rows * 2]).astype("float32" if rows.dtype == np.float64 else "float64")
    return rows.sum().astype("float64")


@case
def values_that_change_places(x):
    a, b = x, x * 2
    while a + b > 1.0:
        a, b = b / 2, a
    return a - b * 3


@case
def a_name_that_is_deleted(x):
    y = kept = x
    while y > 1.0:
        y = y / 2
        if y < 3.0 and "kept" in locals():
            del kept
    return y + (kept if "kept" in locals() else 0.0)


@case
def a_try_with_finally(x):
    n = 0
    while x > 1.0:
        try:
            x = x / 2
            if x > 4.0:
                continue
            if x < 2.0:
                break
        finally:
            n = 1 - n
    return x * (n + 1)


@case
def a_key_in_the_loop(x):
    key = fg.random.key(0)
    while x > 1.0:
        key, k = fg.random.split(key)
        x = x / 2 + fg.random.uniform(k).astype("float64") * 0.01
    return x + fg.random.uniform(key).astype("float64")


@case
def a_loop_in_a_half_built_expression(x):
    return x * 3 + last(x) - (x * x + last(x * 1.5))


def last(x):
    while x > 1.0:
        x = x / 2
    return x


class Halver:
    def __init__(self, by):
        self.by, self.n = by, 0

    def last(self, x):
        while x > 1.0:
            x = x / self.by
            self.n = 1 - self.n
        return x * (self.n + 1)


@case
def a_method(x):
    return Halver(2.0).last(x)


POINTS = [40.0, 40.0, 1.5, 3.0, 130.0, 9.0, 0.5, 70.0, 300.0, 17.0, 5.0, 2.5]


@pytest.mark.parametrize("f", CASES, ids=[f.__name__ for f in CASES])
def test_loops(f: Any) -> None:
    points = [fg.asarray(np.float64(p)) for p in POINTS]
    gradient = fg.grad(f)
    for jitted, plain in ((fg.jit(f), f), (fg.jit(gradient), gradient), (fg.grad(fg.jit(f)), gradient)):
        for x in [*points, *points]:
            np.testing.assert_allclose(float(jitted(x)), float(plain(x)), rtol=1e-6)


def test_loops_of_methods_are_rolled():
    jitted = fg.jit(a_method)
    for p in [*POINTS, *POINTS]:
        np.testing.assert_allclose(float(jitted(p)), float(a_method(p)), rtol=1e-6)
    assert sum(tree.traces for unit in jitted.units.values() for tree in unit.trees.values()) <= 8


def test_branches_with_more_than_locals_on_the_stack():
    assert at_a_branch(last.__code__)
    assert not at_a_branch((lambda x: x + (1 if x else 2)).__code__)


def test_what_grows_with_every_turn_is_not_read_again_in_every_turn(monkeypatch):
    def f(x):
        rows = []
        while x > 1.0:
            x = x * 0.998
            rows.append(0)
        return x * len(rows)

    read: list[int] = []
    jitted = fg.jit(f)
    original = Reading.part

    def counted(self, x):
        read.append(1)
        return original(self, x)

    monkeypatch.setattr(Reading, "part", counted)
    assert float(jitted(2000.0)) == float(f(2000.0))
    assert len(read) < 2 * frames.MOST_PARTS_OF_A_RUN


def turning(a, b, c, n):
    """Nothing is computed of what is returned: each turn only moves it."""
    while n > 0:
        a, b, c, n = b, c, a, n - 1
    return a, b, c


def searching(a, best, x):
    """What is returned may be an argument or not."""
    while x > 1:
        if x > 4:
            best = a
        a, x = best, x / 2
    return a, best


@pytest.mark.parametrize("donate", [(), (1,)], ids=["kept", "donated"])
def test_arguments_that_change_places(donate: tuple[int, ...]) -> None:
    jitted = fg.jit(turning, donate_argnums=donate)
    for n in (7, 14, 3, 0, 21, 10, 17, 3, 1, 2, 5, 0, 30, 31, 32):
        given = [np.full(3, float(k)) for k in range(3)]
        found = jitted(*map(fg.asarray, given), fg.asarray(float(n)))
        assert [float(x[0]) for x in found] == [(k + n) % 3 for k in range(3)]


def test_gradients_of_arguments_that_change_places() -> None:
    weighted = lambda f: lambda *args: sum(k * x.sum() for k, x in enumerate(f(*args), 1))  # noqa: E731
    for f in (fg.grad(weighted(fg.jit(turning)), (0, 1, 2)), fg.jit(fg.grad(weighted(turning), (0, 1, 2)))):
        for n in (7, 14, 3, 0, 21, 10, 17, 3, 1, 2, 5, 0, 30, 31, 32):
            found = f(*(fg.asarray(np.full(3, float(k))) for k in range(3)), fg.asarray(float(n)))
            assert [float(x[0]) for x in found] == [(k - n) % 3 + 1 for k in range(3)]


def test_what_is_returned_is_an_argument_on_some_paths() -> None:
    jitted = fg.jit(searching)
    for x in [*POINTS, *POINTS]:
        given = fg.asarray(np.ones(3)), fg.asarray(np.zeros(3)), fg.asarray(x)
        for a, b in zip(jitted(*given), searching(*given), strict=True):
            np.testing.assert_array_equal(a, b)
