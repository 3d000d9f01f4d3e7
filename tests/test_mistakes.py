"""What first users get wrong: each mistake's message says what to write, and names the line of the mistake."""

import functools
import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import special
from test_errors import X23, V, case, line_of, message

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import (
    ArrayIndexError,
    DtypeError,
    ImmutableArrayError,
    LeakedTracerError,
    LostDerivativeWarning,
    OptionError,
    PathError,
    ShapeError,
    TracedConversionError,
    TreeError,
)


def loss(p):
    return (p * p).sum()


class Plain:
    """A class that is no pytree."""


@dataclass
class Unregistered:
    """A dataclass that is none."""

    w: float


@fg.custom_vjp
def scaled(scale, name, x):
    return x


scaled.defvjp(lambda scale, name, x: (x, None), lambda residuals, ct: (None, None, ct))


@fg.custom_jvp
def halved(x):
    return x / 2


halved.defjvp(lambda primals, tangents: tangents[0])

TRANSFORMS = [
    *(fg.grad, fg.value_and_grad, fg.jacfwd, fg.jacrev, fg.hessian, fg.elementwise_grad),
    *(fg.vmap, fg.checkpoint, fg.hessian_diag),
]


def refused(error, function, words):
    text = message(error, function)
    for word in words:
        assert word in text


# ---- transforms: what they take, and what they return ------------------------------------------


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_transform_of_a_value_says_so_at_its_own_line(transform):
    def call():
        transformed = transform(loss(V))  # here
        return transformed(V)

    refused(DtypeError, call, [f"{transform.__name__} takes a function, not one array float32[]"])


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_transform_given_the_functions_arguments_says_that_it_returns_a_function(transform):
    refused((DtypeError, TreeError)[transform is fg.vmap], lambda: transform(loss, V), ["returns a function", "(f)(x)"])


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(DtypeError, lambda: fg.grad(loss, 3.0), "argnums must be an int", "not 3.0", "grad(f)(x)"),
        case(DtypeError, lambda: fg.grad(loss, {"w": 1.0}), "argnums must be an int", "not a dict"),
        case(DtypeError, lambda: fg.grad(loss, np.ones(2)), "argnums must be an int", "not a ndarray"),
        case(DtypeError, lambda: fg.jacfwd(loss, V), "jacfwd: argnums", "not one array float32[3]", "jacfwd(f)(x)"),
        case(DtypeError, lambda: fg.hessian(loss, V), "hessian: argnums", "hessian(f)(x)"),
        case(DtypeError, lambda: fg.grad(loss, p=V), "unexpected keyword argument 'p'", "grad(f)(x)"),
        case(TreeError, lambda: fg.vmap(loss, (V,)), "in_axes must hold ints and None", "not one array", "vmap(f)(x)"),
        case(DtypeError, lambda: fg.jvp(loss(V), (V,), (V,)), "jvp takes a function, not one array float32[]"),
        case(DtypeError, lambda: fg.vjp(loss(V), V), "vjp takes a function, not one array float32[]"),
        case(DtypeError, lambda: fg.linearize(3.0, V), "linearize takes a function, not 3.0"),
        case(DtypeError, lambda: fg.hvp(None, (V,), (V,)), "hvp takes a function, not None"),
        case(DtypeError, lambda: fg.cond(V[0] > 0, V, -V), "cond takes a function, not one array", "where(pred, x, y)"),
        case(DtypeError, lambda: fg.switch(0, [V, V]), "switch takes a function", "select_n(index"),
        case(DtypeError, lambda: fg.scan(V, 0.0, V), "scan takes a function, not one array"),
        case(DtypeError, lambda: fg.while_loop(True, loss, V), "while_loop takes a function, not True"),
        case(DtypeError, lambda: fg.fori_loop(0, 3, V, V), "fori_loop takes a function, not one array"),
        case(TreeError, lambda: fg.grad(loss)(p=V), "out of range", "pass it by position, or say argnames='p'"),
        case(DtypeError, lambda: fg.grad(lambda x: 0)(V), "returns int64[]: return 0.0 on this path, not 0"),
        case(DtypeError, lambda: fg.grad(lambda x: True)(V), "returns bool[]: return 1.0 on this path, not True"),
        case(TreeError, lambda: fg.grad(loss, has_aux=True)(V), "(output, auxiliary data), not one array float32[]"),
        case(TreeError, lambda: fg.grad(halved)(1.0), "(output, tangent of the output), not one array float32[]"),
        case(
            OptionError,
            lambda: fg.checkpoint(loss, policy="dots_saveable"),
            "not 'dots_saveable': write policy=fg.checkpoint_policies.dots_saveable",
        ),
    ],
)
def test_calls_of_transforms(error, function, words):
    refused(error, function, words)


@pytest.mark.parametrize("transform", [fg.grad, fg.value_and_grad, fg.jacfwd, fg.jacrev, fg.hessian])
def test_a_transform_with_options_is_a_decorator(transform):
    @transform(argnums=1)
    def f(x, y):
        """The product."""
        return x * y * y

    assert f.__doc__ == "The product."
    assert fg.tree.leaves(f(2.0, 3.0))[-1] == fg.tree.leaves(transform(lambda x, y: x * y * y, 1)(2.0, 3.0))[-1]


def test_vmap_with_options_is_a_decorator():
    @fg.vmap(in_axes=(None, 0))
    def f(x, y):
        return x * y

    assert f(2.0, V).tolist() == [2.0, 4.0, 6.0]
    assert next(iter(inspect.signature(fg.vmap).parameters)) == "f"


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(DtypeError, lambda: fg.jvp(lambda a: a, ("a",), (1.0,)), "'a'", "bind it by a closure or functools"),
        case(DtypeError, lambda: fg.vjp(lambda a: a, "a"), "'a'", "bind it by a closure or functools.partial"),
        case(DtypeError, lambda: fg.grad(loss)("a"), "'a'", "closure", "leave it out of argnums"),
        case(DtypeError, lambda: fg.vjp(loss, Plain()), "fg.tree.register_node(Plain, flatten, unflatten)"),
        case(DtypeError, lambda: fg.vmap(loss)(Plain()), "register_node(Plain", "or give argument 0 None in in_axes"),
        case(DtypeError, lambda: fg.grad(loss)(Unregistered(1.0)), "register_dataclass(Unregistered)"),
        case(DtypeError, lambda: fg.grad(lambda x: scaled(1.0, "n", x))(1.0), "by nondiff_argnums=(1,)"),
    ],
)
def test_arguments_that_are_no_arrays(error, function, words):
    refused(error, function, words)
    if error is DtypeError and "vjp" in "".join(function.__code__.co_names):
        assert "argnums" not in message(error, function)


# ---- loops and branches ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(
            TreeError,
            lambda: fg.scan(lambda c, x: ((c, c), x), 0.0, V),
            *("the initial carry is a leaf, the carry that f returned a tuple", "f takes (carry, x)"),
        ),
        case(
            ShapeError,
            lambda: fg.scan(lambda x, c: (c, x), 0.0, X23),
            *("the initial carry is float32[], the carry that f returned float32[3]", "f takes (carry, x)"),
        ),
        case(
            TreeError, lambda: fg.scan(lambda c, x: c, 0.0, V), "must return a pair, not one array", "(next carry, y)"
        ),
        case(
            ShapeError, lambda: fg.scan(lambda c, x: (c, x), 0.0, [1.0, 2.0]), "a list is a tree", "fnp.asarray([...])"
        ),
        case(
            TreeError,
            lambda: fg.while_loop(lambda c: c < 3, lambda c: {"c": c}, 0.0),
            "init_val is a leaf, what body_fun returned a dict",
        ),
        case(
            DtypeError,
            lambda: fg.fori_loop(0, 3, lambda c, i: c, 0.0),
            *("init_val is float32[], what body_fun returned int64[]", "body_fun takes (i, value)"),
        ),
        case(
            PathError,
            lambda: fg.vmap(lambda p: fg.cond(p > 1, lambda: {"a": p}, lambda: {"b": p}))(V),
            "only that of example 0 has ['b'] and only that of example 1 has ['a']",
        ),
    ],
)
def test_loops_and_branches(error, function, words):
    refused(error, function, words)


def test_structures_are_shown_as_they_are_typed():
    class Form(dict):
        pass

    fg.tree.register_node(Form, lambda x: ((x["w"],), x["static"]), lambda static, xs: Form(w=xs[0], static=static))
    words = fg.tree.difference(Form(w=1, static="a"), Form(w=1, static="b"), names=("one", "the other"))
    assert "PyTreeSpec" not in words
    assert words.startswith("one is CustomTreeNode(Form['a'], [*]), the other ")


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
        (lambda x: np.real_if_close(x), "np.real_if_close", "funcgrad.numpy has no real_if_close: call this one by fg"),
        (lambda x: special.ellipk(x), "ellipk", "funcgrad.numpy has no ellipk"),
        (lambda x: np.sin(x, out=np.zeros(3)), "np.sin", "call it without out="),
        (lambda x: np.sum(x, out=np.zeros(())), "np.sum", "let out be fg.mutable(array)"),
        (lambda x: np.add.at(np.zeros(3), 0, x[0]), "np.add.at", "let its first argument be fg.mutable(array)"),
        (lambda x: np.copyto(np.zeros(3), x), "np.copyto", "let its first argument be fg.mutable(array)"),
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


@pytest.mark.parametrize("made", [np.asarray, np.array, lambda x: np.array([x, x]), np.vectorize(abs)])
def test_numpys_array_of_a_value_warns_where_a_derivative_is_lost_and_is_refused_for_a_batch(made):
    with pytest.warns(LostDerivativeWarning, match=r"np.asarray\(fg.stop_gradient\(x\)\)") as caught:
        assert fg.grad(lambda x: (x * np.sum(made(x))).sum())(V).tolist() == [float(np.sum(made(V)))] * 3
    assert f"  at {__file__}:" in str(caught[0].message)
    with pytest.raises(TracedConversionError, match=r"use the function of funcgrad\.numpy"):
        fg.vmap(made)(X23)
    with pytest.raises(TracedConversionError, match=r"use the function of funcgrad\.numpy"), quiet():
        fg.vmap(fg.grad(lambda x: made(x).sum()))(X23)


def quiet() -> Any:
    """Without the warning that comes before an error."""
    return warnings.catch_warnings(action="ignore")


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


def test_help_of_a_setting_says_what_it_does():
    for name in fg.config.__all__:
        setting = getattr(fg.config, name)
        if isinstance(setting, fg.config.Switch):
            assert f"config.{name}(value) sets it" in setting.__doc__
            assert f"\n{name} " in fg.config.__doc__
    assert "Raise NanError" in fg.config.debug_nans.__doc__
