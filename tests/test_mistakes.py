"""What first users get wrong: each mistake's message says what to write, and names the line of the mistake."""

import functools
import warnings

import numpy as np
import pytest
from test_errors import X23, V, case, line_of, message

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import (
    ArrayIndexError,
    DtypeError,
    ImmutableArrayError,
    LeakedTracerError,
    ShapeError,
    TracedConversionError,
)


def loss(p):
    return (p * p).sum()


def refused(error, function, words):
    text = message(error, function)
    for word in words:
        assert word in text


# ---- arrays ------------------------------------------------------------------------------------


def add_in_place(x):
    x.at[0, 1:] += 1.0  # here


def set_in_place(x):
    x.at[0] = 1.0  # here


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(ArrayIndexError, lambda: V.at.set(1), "x.at.set(v) names no place", "x = x.at[index].set(v)"),
        case(ArrayIndexError, lambda: V.at.add(1), "x.at.add(v) names no place", "x = x.at[index].add(v)"),
        case(DtypeError, lambda: fnp.concatenate(V, V), "takes a sequence of arrays: concat([a, b])"),
        case(DtypeError, lambda: fnp.stack(V, [V]), "stack takes a sequence of arrays: stack([a, b])"),
        case(DtypeError, lambda: fnp.concat(1.0), "takes a sequence of arrays"),
        case(DtypeError, lambda: fnp.zeros(2, 3), "not a dtype: 3", "a shape is one argument, a tuple such as (2, 3)"),
        case(DtypeError, lambda: random.normal(random.key(0), 2, 3), "not a dtype: 3", "a tuple such as (2, 3)"),
        case(ShapeError, lambda: (V > 1) and (V < 3), "shape (3,) is ambiguous", "& | ~"),
        case(ShapeError, lambda: 1 < V < 3, "`a < b < c`", "(a < b) & (b < c)"),
        case(ShapeError, lambda: not V > 1, "shape (3,) is ambiguous", "& | ~"),
        case(ShapeError, lambda: f"{V:.2f}", "the format '.2f' is for one number, not for float32[3]"),
        case(ShapeError, lambda: fg.grad(lambda x: f"{x:.2f}")(V), "the format '.2f' is for one number"),
    ],
)
def test_uses_of_arrays(error, function, words):
    refused(error, function, words)


def test_assignment_to_a_place_prints_the_line_to_write():
    for function, x, operator, method in ((add_in_place, X23, "+=", "add"), (set_in_place, V, "=", "set")):
        with pytest.raises(ImmutableArrayError) as caught:
            function(x)
        text, _, where = str(caught.value).partition("\n  at ")
        assert f" {operator} v` write `x = x.at[0" in text
        assert f"].{method}(v)`" in text
        assert where.startswith(f"{__file__}:{line_of(function, 'here')}\n")


@pytest.mark.parametrize(
    ("function", "name", "advice"),
    [
        (lambda x: np.cumprod(x), "np.cumprod", "funcgrad.numpy has no cumprod: call this one by fg.pure_callback"),
        (lambda x: np.sort(x), "np.sort", "fg.custom_jvp"),
        (lambda x: np.interp(x, V, V), "np.interp", "funcgrad.numpy has no interp"),
        (lambda x: np.linalg.solve(fnp.eye(3), x), "np.linalg.solve", "funcgrad.numpy has no linalg.solve"),
        (lambda x: np.add.reduce(x), "np.add.reduce", "funcgrad.numpy has no add.reduce"),
        (lambda x: np.sin(x, out=np.zeros(3)), "np.sin", "call it without out"),
        (lambda x: np.vectorize(abs)(x), "np.asarray", "use the function of funcgrad.numpy"),
    ],
)
def test_numpys_functions_of_a_value_under_a_transform(function, name, advice):
    for transformed, x in ((fg.grad(lambda x: function(x).sum()), V), (fg.vmap(function), X23)):
        with pytest.raises(TracedConversionError) as caught:
            transformed(x)
        text, _, where = str(caught.value).partition("\n  at ")
        assert text.startswith(f"{name} of a value under ")
        assert advice in text
        assert where.startswith(f"{__file__}:{function.__code__.co_firstlineno}\n")


def test_a_leaked_value_is_told_without_what_failed_underneath():
    kept = []
    fg.grad(lambda x: kept.append(x) or loss(x))(V)
    for use in (lambda x: x + 1.0, fnp.exp, lambda x: fnp.stack([x, x]), functools.partial(np.asarray)):
        with pytest.raises(LeakedTracerError) as caught:
            use(kept[0])
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_numpys_warnings_become_errors_with_the_users_line():
    """As docs/conventions.md says: the warning itself names the line of funcgrad that called NumPy."""
    with warnings.catch_warnings(), np.errstate(all="raise"), pytest.raises(FloatingPointError) as caught:
        fnp.sqrt(fnp.asarray([-1.0]))
    assert f"in sqrt(float32[1])\n  at {__file__}:" in caught.value.__notes__[0]
