"""Examples that part inside of other things: batches three deep, custom rules, branches that raise, no examples."""

import gc

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import PathError

X = np.array([-1.5, 0.3, 2.0, -0.2, 0.9, 3.1, -2.2])
A, B, C = (np.random.default_rng(i).normal(size=n) for i, n in enumerate((3, 4, 5)))


def one_by_one(f, *columns):
    return np.stack([np.asarray(f(*[fg.asarray(v) for v in row])) for row in zip(*columns, strict=True)])


def three(x, y, z):
    if x + y > 0.2:
        w = x * y if y > z else fnp.sin(x)
    else:
        w = x - z
    steps = 0
    while w * w < 2 and steps < 4:
        w, steps = w * 1.7 + x * z, steps + 1
    return w if x > -1 else w * y


CUBE = np.array([[[float(three(fg.asarray(a), fg.asarray(b), fg.asarray(c))) for c in C] for b in B] for a in A])


def test_three_batches_whose_arguments_the_innermost_closes_over():
    found = fg.vmap(lambda x: fg.vmap(lambda y: fg.vmap(lambda z: three(x, y, z))(C))(B))(A)
    np.testing.assert_allclose(found, CUBE, rtol=1e-13)
    slopes = fg.grad(lambda x: fg.vmap(lambda x: fg.vmap(lambda y: fg.vmap(lambda z: three(x, y, z))(C))(B))(x).sum())(
        fg.asarray(A)
    )
    expected = [sum(float(fg.grad(three)(*map(fg.asarray, (a, b, c)))) for b in B for c in C) for a in A]
    np.testing.assert_allclose(slopes, expected, rtol=1e-12)


def test_three_batches_of_arguments():
    f = fg.vmap(fg.vmap(fg.vmap(three, (None, None, 0)), (None, 0, None)), (0, None, None))
    np.testing.assert_allclose(f(A, B, C), CUBE, rtol=1e-13)


@fg.custom_jvp
def bent(x):
    return fnp.sin(x) if x > 0.1 else x * 0.7


@bent.defjvp
def bent_rule(primals, tangents):
    (x,), (t,) = primals, tangents
    return bent(x), (fnp.cos(x) if x > 0.1 else 0.7) * t


@fg.custom_vjp
def product(x, y):
    return x * y if x > y else x + y


product.defvjp(
    lambda x, y: (product(x, y), (x, y)), lambda r, g: (g * r[1], g * r[0]) if r[0] > r[1] else (g * 1.0, g * 1.0)
)


@pytest.mark.parametrize("f", [lambda x, y: bent(x * y), lambda x, y: product(x, y)], ids=["jvp", "vjp"])
def test_custom_rules_that_decide_and_that_another_run_repeats(f):
    def inner(x):
        return fg.vmap(lambda y: f(f(x, y), x))(fg.asarray(B)).sum()

    def outer(x):
        y = inner(x)  # repeated by those who wait at the `if`
        return y * 3 if x > 0.5 else y

    slopes = one_by_one(fg.grad(outer), X)
    np.testing.assert_allclose(fg.vmap(outer)(X), one_by_one(outer, X), rtol=1e-13)
    np.testing.assert_allclose(fg.vmap(fg.grad(outer))(X), slopes, rtol=1e-12)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(outer)(x).sum())(fg.asarray(X)), slopes, rtol=1e-12)


def test_a_value_that_is_gone_may_be_printed_again(capsys):
    def f(x):
        y = fnp.exp(x)
        print(f"{y:.1f}")
        del y
        gc.collect()
        return x if x > 0 else -x

    np.testing.assert_array_equal(fg.vmap(f)(X), np.abs(X))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "[" + " ".join(f"{v:.1f}" for v in np.exp(X)) + "]"
    assert "computed on another path" in second


# ---- exceptions ----------------------------------------------------------------------------------


def raises_in_a_branch(x):
    def positive(x):
        if x > 1:
            raise ValueError
        return x * 2

    try:
        return fg.cond(x > 0, positive, lambda x: -x, x)
    except ValueError:
        return x * 100


def raises_in_a_loop(x):
    def body(s):
        if s > 1.5:
            raise ValueError
        return s + 1

    try:
        return fg.while_loop(lambda s: s < 3, body, x)
    except ValueError:
        return x * 100


def raises_after_others_are_done(x):
    def body(s):
        if s > 3.5:
            raise ValueError
        return s + 1

    y = fnp.exp(x)
    try:
        return fg.while_loop(lambda s: s < 3 - x, body, 0.0 * x) * y
    except ValueError:
        z = x * 100
    return z * y if x > -2 else z


def raises_what_does_not_fit(x):
    y = x * 2
    try:
        y.reshape(2, 2)
    except ValueError:
        y = y + 1
    return y if x > 0 else y * x


def raises_for_an_index(x):
    table = fnp.asarray([3.0, 5.0], "float64")
    try:
        return table[x.astype("int64")] * x
    except IndexError:
        return x * 100


def raises_in_an_inner_batch(x):
    def inner(y):
        if y > x:
            raise ValueError
        return y * x

    try:
        return fg.vmap(inner)(fg.asarray([-1.0, 0.5], dtype="float64")).sum()
    except ValueError:
        return x * 100


def raises_in_an_inner_branch(x):
    def deep(x):
        try:
            return fg.cond(x > 2.5, lambda: x + 1, lambda: fg.switch(x.astype("int64"), [refuse, lambda: x * 5]))
        finally:
            pass

    def refuse():
        raise ValueError

    try:
        y = fg.cond(x > -1, lambda: deep(x), lambda: x * 7)
    except ValueError:
        y = x * 100
    return y if x < 3 else y + 0.5


@pytest.mark.parametrize(
    "f",
    [
        raises_in_a_branch,
        raises_in_a_loop,
        raises_after_others_are_done,
        raises_what_does_not_fit,
        raises_for_an_index,
        raises_in_an_inner_batch,
        raises_in_an_inner_branch,
    ],
)
def test_a_caught_exception_is_that_of_the_examples_that_raised_it(f):
    np.testing.assert_allclose(fg.vmap(f)(X), one_by_one(f, X), rtol=1e-14)
    slopes = one_by_one(fg.grad(f), X)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(f)(x).sum())(fg.asarray(X)), slopes, rtol=1e-14)
    np.testing.assert_allclose(fg.vmap(fg.grad(f))(X), slopes, rtol=1e-14)


def test_an_exception_in_a_branch_names_its_examples():
    def refuse(x):
        raise ValueError("no")

    def f(x):
        return fg.cond(x > 1, refuse, lambda x: -x, x)

    with pytest.raises(ValueError, match="no") as caught:
        fg.vmap(f)(X)
    line = f.__code__.co_firstlineno + 1
    name = "test_paths_nested.py"
    assert caught.value.__notes__ == [f"vmap: on the path of examples 2, 5 (2 of 7), parted at {name}:{line}"]


def test_an_index_out_of_range_names_its_example():
    table = fnp.arange(3.0)
    for index, f in (
        (np.array([0, 7, 2]), lambda i: table[i]),
        (np.array([[0, 1], [1, 7], [2, 2]]), fg.vmap(lambda i: table[i])),
    ):
        with pytest.raises(IndexError, match="index 7 is out of range") as caught:
            fg.vmap(f)(index)
        assert caught.value.__notes__[-1].startswith("vmap: on the path of example 1 (1 of 3), parted at")


def test_examples_that_did_not_raise_keep_what_all_communicated():
    def f(x):
        w = x - fg.pmean(x, "i")
        return raises_after_others_are_done(w) + raises_for_an_index(w)

    g = lambda w: raises_after_others_are_done(w) + raises_for_an_index(w)  # noqa: E731
    centred = X - X.mean()
    np.testing.assert_allclose(fg.vmap(f, axis_name="i")(X), one_by_one(g, centred), rtol=1e-12)
    slopes = one_by_one(fg.grad(g), centred)
    found = fg.grad(lambda x: fg.vmap(f, axis_name="i")(x).sum())(fg.asarray(X))
    np.testing.assert_allclose(found, slopes - slopes.mean(), rtol=1e-12)


def test_no_collective_where_examples_run_on_their_own():
    for f in (
        lambda x: fg.cond(x > 1, lambda: fg.psum(x, "i"), lambda: x),
        lambda x: fg.while_loop(lambda s: s < 5, lambda s: s + fg.psum(1, "i"), x),
    ):
        with pytest.raises(
            PathError, match=r"psum over 'i' sees \d of 7 examples: they parted at test_paths_nested.py"
        ):
            fg.vmap(f, axis_name="i")(X)


def test_a_checkpoint_whose_result_no_example_has_a_part_in():
    @fg.checkpoint
    def f(x):
        y = x * x
        steps = fg.while_loop(lambda s: s < y, lambda s: s + 1.0, 0.5)  # watched, it is Python's `while`
        return y, steps

    def g(x):
        y, steps = f(x)
        return y * steps

    slopes = one_by_one(fg.grad(g), X)
    np.testing.assert_allclose(fg.vmap(fg.grad(g))(X), slopes, rtol=1e-14)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(g)(x).sum())(fg.asarray(X)), slopes, rtol=1e-14)


# ---- no examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: fg.cond(x > 0, lambda: x, lambda: -x),
        lambda x: fg.switch(x.astype("int64"), [lambda: x, lambda: -x]),
        lambda x: fg.while_loop(lambda s: s < 2, lambda s: s + 1, x),
        lambda x: fg.fori_loop(0, x.astype("int64"), lambda i, s: s + 1, x),
    ],
)
def test_loops_and_branches_of_no_examples(f):
    empty = np.ones(0)
    assert fg.vmap(f)(empty).shape == (0,)
    assert fg.grad(lambda x: fg.vmap(f)(x).sum())(fg.asarray(empty)).shape == (0,)
    for shape in ((0, 3), (3, 0)):
        assert fg.vmap(fg.vmap(f))(np.ones(shape)).shape == shape
