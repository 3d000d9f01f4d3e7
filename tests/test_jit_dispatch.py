"""The short way of a jitted call: which arguments take it, and that it keeps nothing alive that nobody needs."""

from __future__ import annotations

import collections
import contextlib
import gc
import io
import weakref
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.transforms.jit import MOST_FORMS, Jitted

ROW = fnp.asarray([1.0, -2.0, 3.0])
Pair = collections.namedtuple("Pair", "a b")


class Model:
    def __init__(self, rate):
        self.rate = rate

    @fg.jit
    def scaled(self, x):
        return x * self.rate


def described(tree: Any) -> Any:
    """The structure as Python sees it, and the leaves doubled."""
    doubled = fg.tree.map(lambda x: x * 2 if isinstance(x, fg.Array | int | float) else x, tree)
    return type(tree).__name__, list(tree) if isinstance(tree, dict) else len(tree), doubled


LOOK_ALIKE = [
    (ROW, ROW),
    [ROW, ROW],
    Pair(ROW, ROW),
    {"a": ROW, "b": ROW},
    {"b": ROW, "a": ROW},
    {"a": ROW},
    {"a": ROW, "b": ROW, "c": ROW},
    {1: ROW, 2: ROW},
    {2: ROW, 1: ROW},
    collections.OrderedDict(a=ROW, b=ROW),
    collections.OrderedDict(b=ROW, a=ROW),
    collections.defaultdict(list, a=ROW, b=ROW),
    (ROW, 1),
    (ROW, 1.0),
    (ROW, True),
    (ROW, None),
    (ROW, "a"),
    (ROW, "b"),
    (ROW, ()),
    ((ROW, ROW), ROW),
    (ROW[:2], ROW),
]


def test_structures_that_look_alike_in_turn():
    jitted = fg.jit(described)
    for _ in range(4):
        for tree in LOOK_ALIKE:
            name, keys, leaves = jitted(tree)
            expected = described(tree)
            assert (name, keys) == expected[:2]
            found, wanted = fg.tree.flatten(leaves), fg.tree.flatten(expected[2])
            assert found[1] == wanted[1]
            for a, b in zip(found[0], wanted[0], strict=True):
                assert type(a) is type(b)
                assert np.array_equal(a, b)


def general_ways(monkeypatch: Any) -> list[Any]:
    """Calls that could not take the short way."""
    found: list[Any] = []
    original = Jitted.unit

    def unit(self: Any, args: Any, kwargs: Any) -> Any:
        found.append(args)
        return original(self, args, kwargs)

    monkeypatch.setattr(Jitted, "unit", unit)
    return found


@pytest.mark.parametrize(
    ("f", "calls"),
    [
        (fg.jit(lambda x: fg.tree.map(lambda v: v * 2, x)), [((ROW,),), ([ROW],), ({"a": ROW},)]),
        (fg.jit(lambda x, n: x * n, static_argnums=1), [(ROW, 2), (ROW, 3)]),
        (fg.jit(lambda x, g: g(x)), [(ROW, fnp.sin), (ROW, fnp.cos)]),
        (Model(2.0).scaled, [(ROW,), (ROW[:2],)]),
    ],
    ids=["structures in turn", "static", "a function", "a method"],
)
def test_the_short_way(f, calls, monkeypatch):
    for _ in range(3):
        for args in calls:
            f(*args)
    general = general_ways(monkeypatch)
    for _ in range(5):
        for args in calls:
            f(*args)
    assert not general


def test_static_values_that_are_equal_but_not_the_same():
    jitted = fg.jit(lambda x, n: (x, type(n).__name__, n), static_argnums=1)
    for _ in range(3):
        for n in (1, 1.0, True, 10**6, int("1000000"), "ab", "".join(["a", "b"]), (1, 2), (1.0, 2)):
            _, name, value = jitted(ROW, n)
            assert (name, value) == (type(n).__name__, n)


def test_instances_of_a_class_with_jitted_methods_do_not_pile_up():
    alive = []
    for k in range(MOST_FORMS + 50):
        model = Model(float(k))
        np.testing.assert_allclose(np.asarray(model.scaled(ROW)), np.asarray(ROW * float(k)))
        alive.append(weakref.ref(model))
    del model
    gc.collect()
    assert sum(ref() is not None for ref in alive) <= MOST_FORMS
    Model.__dict__["scaled"].clear()
    gc.collect()
    assert not any(ref() is not None for ref in alive)


def printed(f: Any, *calls: Any) -> int:
    """How many lines the calls print."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        for args in calls:
            with contextlib.suppress(IndexError):
                f(*args)
    return text.getvalue().count("seen")


def test_an_effect_beside_an_operation_that_raises_happens_once():
    def f(x, i):
        fg.debug.print("seen {}", x.sum())
        return x[i]

    inside, outside = fnp.asarray([0]), fnp.asarray([9])
    jitted = fg.jit(f)
    assert printed(jitted, *[(ROW, inside)] * 4, *[(ROW, outside)] * 2, (ROW, inside)) == 7


def test_an_effect_before_a_batch_that_parts_happens_once():
    def f(x):
        fg.debug.print("seen {}", x.sum())
        return fg.vmap(lambda v: v * 2 if v > 0 else v)(x)

    jitted = fg.jit(f)
    assert printed(jitted, *[(ROW,), (-ROW,), (abs(ROW),)] * 3) == 9
    np.testing.assert_allclose(np.asarray(jitted(ROW)), [2.0, -2.0, 6.0])


def test_an_error_of_an_effect_is_raised_and_the_effect_not_repeated():
    def show(v):
        print("seen")
        if float(v) > 5:
            raise IndexError("too large")

    def f(x):
        fg.io_callback(show, None, x.sum())
        return x * 2

    jitted = fg.jit(f)
    assert printed(jitted, *[(ROW,)] * 4, (ROW * 9,)) == 5
    with pytest.raises(IndexError, match="too large"):
        jitted(ROW * 9)


class Tagged(collections.namedtuple("Both", "x y")):
    """A named tuple that does more as it comes to be."""

    def __new__(cls, x, y):
        self = super().__new__(cls, x, y)
        self.tag = "made"
        return self


def test_named_tuples_come_to_be_as_their_class_says():
    f = fg.jit(lambda x: (Tagged(x, x * 2), Pair(x, x + 1)))
    for _ in range(6):
        tagged, pair = f(fnp.ones(3))
        assert (type(tagged), tagged.tag, type(pair)) == (Tagged, "made", Pair)
        assert tagged.y.tolist() == [2.0, 2.0, 2.0]
        assert pair.b.tolist() == [2.0, 2.0, 2.0]


def test_numbers_among_the_arguments_may_stand_in_lists():
    def f(number, x):
        return fnp.asarray([number, 1]), fnp.asarray([[number, 2], [x[0], 3]]), fnp.quantile(x, [0.5, number])

    x, jitted = fg.asarray([5.0, 6.0, 9.0]), fg.jit(f)
    for number in (0.25, 0.5, 0.125, 1, 0, 1, 0.75):
        for found, expected in zip(jitted(number, x), f(number, x), strict=True):
            assert found.dtype == expected.dtype
            assert found.tolist() == expected.tolist()
    assert float(fg.jit(fg.grad(lambda v: fnp.asarray([v, v * v]).sum()))(3.0)) == 7
