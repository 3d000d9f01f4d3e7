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


def callback_that_raises(x):
    def root(v):
        if v < 0:
            raise ValueError("negative")
        return np.sqrt(v)

    try:
        return fg.pure_callback(root, x, x, vmap_method="sequential")
    except ValueError:
        return x * 100


@fg.custom_jvp
def careful(x):
    if x < 0:
        raise ValueError("negative")
    return x**0.5


careful.defjvp(lambda primals, tangents: (careful(*primals), tangents[0] * 0.5 / careful(*primals)))


@fg.custom_vjp
def careful_too(x):
    return careful(x)


careful_too.defvjp(lambda x: (careful_too(x), x), lambda x, ct: (ct * 0.5 / careful(x),))


def caught(rule):
    def f(x):
        y = fnp.sin(x)
        try:
            y = y * rule(x)
            if x > 1:
                y = y * rule(1.5 - x)
            return y
        except ValueError:
            return y * 100

    return f


CALLS = (caught(careful), caught(careful_too), caught(fg.checkpoint(careful)))


@pytest.mark.parametrize("f", [*CALLS, callback_that_raises], ids=["jvp", "vjp", "checkpoint", "callback"])
def test_what_a_rule_or_a_callback_raises_for_some_is_theirs(f):
    np.testing.assert_allclose(fg.vmap(f)(X), one_by_one(f, X), rtol=1e-13)

    def pair(x, y):
        z = f(x * y) + f(y)
        return z if z * x > 0.1 else z - f(x)

    expected = [[float(pair(fg.asarray(a), fg.asarray(b))) for b in B] for a in A]
    np.testing.assert_allclose(fg.vmap(lambda a: fg.vmap(lambda b: pair(a, b))(B))(A), expected, rtol=1e-12)
    if f is not callback_that_raises:
        slopes = one_by_one(fg.grad(f), X)
        np.testing.assert_allclose(fg.vmap(fg.grad(f))(X), slopes, rtol=1e-12)
        np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(f)(x).sum())(fg.asarray(X)), slopes, rtol=1e-12)


def caught_twice(x, y):
    try:
        z = careful(x * y)
    except ValueError:
        z = x * y * 10
    try:
        return careful(z * 0.5 + y)
    except ValueError:
        return z * x


def test_rules_that_raise_in_two_batches_around_and_inside_of_derivatives():
    expected = [[float(caught_twice(fg.asarray(a), fg.asarray(b))) for b in B] for a in A]
    slopes = [sum(float(fg.grad(caught_twice)(fg.asarray(a), fg.asarray(b))) for b in B) for a in A]

    def rows(x):
        return fg.vmap(lambda y: caught_twice(x, y))(B)

    np.testing.assert_allclose(fg.vmap(rows)(A), expected, rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(fg.grad(lambda x: rows(x).sum()))(A), slopes, rtol=1e-12)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(rows)(x).sum())(fg.asarray(A)), slopes, rtol=1e-12)
    of_each = fg.vmap(fg.vmap(fg.grad(caught_twice), (None, 0)), (0, None))(A, B)
    np.testing.assert_allclose(of_each.sum(axis=1), slopes, rtol=1e-12)


def test_what_two_runs_skipped_a_third_may_compute():
    def f(x):
        y = fg.while_loop(lambda s: s < 1, lambda s: s + 0.4, x * 0.1)
        if x > 0:
            y = y * 2
        try:
            return y * careful(x - 1 if x > 0 else x + 1)
        except ValueError:
            return y - x

    np.testing.assert_allclose(fg.vmap(f)(X), one_by_one(f, X), rtol=1e-13)


def test_a_function_that_catches_everything_does_not_catch_what_is_ours():
    def bare(a, b):
        try:
            return a if a * b > 0 else b
        except:  # noqa: E722
            return 0.0 * a

    def returns_anyway(a, b):
        found = 0.0 * a
        try:
            found = a if a * b > 0 else b
        finally:
            return found  # noqa: B012

    def raises_another(a, b):
        try:
            return a if a * b > 0 else b
        except BaseException as error:
            raise ValueError from error

    def asks_again(a, b):
        try:
            return a if a * b > 0 else b
        except BaseException:
            return a * 2 if a - b > 0 else b * 3

    expected = np.where(A[:, None] * B > 0, A[:, None], B)
    for f in (bare, returns_anyway, raises_another, asks_again):
        np.testing.assert_array_equal(fg.vmap(fg.vmap(f, (None, 0)), (0, None))(A, B), expected)
        deep = fg.vmap(lambda a, f=f: fg.vmap(lambda b: fg.vmap(lambda c: f(a, b) + f(b, c) * f(c, a))(C))(B))(A)
        sides = np.where(B[:, None] * C > 0, B[:, None], C) * np.where(C * A[:, None] > 0, C, A[:, None])[:, None]
        np.testing.assert_allclose(deep, expected[:, :, None] + sides, rtol=1e-13)


# ---- effects -------------------------------------------------------------------------------------


def test_effects_happen_once_a_pair_though_a_run_is_given_up(capsys):
    seen = []

    def f(a, b):
        y = fg.io_callback(lambda a, b: seen.append((float(a), float(b))) or np.asarray(len(seen) * 1.0), a, a, b)
        fg.debug.print("{:.3f} {:.3f}", a, b)
        z = y - y + (a if b > 0 else -a)  # the inner batch alone parts here,
        z = z if z * b > 0.1 else z * 2  # and here both
        fg.debug.callback(lambda z: seen.append(float(z)), z)
        return y, z

    y, z = fg.vmap(fg.vmap(f, (None, 0)), (0, None))(A, B)
    pairs = [(float(a), float(b)) for a in A for b in B]
    assert sorted(x for x in seen if isinstance(x, tuple)) == sorted(pairs)
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(f"{a:.3f} {b:.3f}" for a, b in pairs)
    assert sorted(x for x in seen if isinstance(x, float)) == sorted(np.asarray(z).ravel().tolist())
    called = [[seen.index((float(a), float(b))) + 1.0 for b in B] for a in A]
    np.testing.assert_array_equal(y, called)  # each pair has what its own call returned


def test_effects_three_deep_happen_once():
    seen = []

    def f(a, b, c):
        fg.debug.callback(lambda *xs: seen.append(tuple(map(float, xs))), a, b, c)
        return a if a * b * c > 0 else c

    fg.vmap(lambda a: fg.vmap(lambda b: fg.vmap(lambda c: f(a, b, c))(C))(B))(A)
    assert sorted(seen) == sorted((float(a), float(b), float(c)) for a in A for b in B for c in C)


def test_an_effect_that_no_example_has_a_part_in_happens_once_before_they_part():
    seen = []

    def f(x):
        count = fg.io_callback(lambda: seen.append(0) or np.asarray(len(seen)), fg.ShapeDtypeStruct((), "int64"))
        y = x * count
        if x > 0:
            y = y * 2
        fg.debug.callback(lambda: seen.append(1))
        return y

    np.testing.assert_allclose(fg.vmap(f)(X), np.where(X > 0, 2 * X, X))
    assert seen == [0, 1, 1]  # once on each path after that


def test_an_effect_that_raises_for_some_is_not_repeated_for_the_others():
    seen = []

    def log(x):
        seen.append(float(x))
        if x < 0:
            raise ValueError("negative")
        return x * 2

    def f(x, y=1.0):
        try:
            return fg.io_callback(log, x, x * y) + 1
        except ValueError:
            return x * 100

    np.testing.assert_allclose(fg.vmap(f)(X), np.where(X < 0, X * 100, X * 2 + 1))
    assert sorted(seen) == sorted(X.tolist())
    seen.clear()
    expected = [[a * 100 if a * b < 0 else a * b * 2 + 1 for b in B] for a in A]

    def g(a, b):
        y = f(a, b)
        return y if y * b > 0 else y + 0

    np.testing.assert_allclose(fg.vmap(lambda a: fg.vmap(lambda b: g(a, b))(B))(A), expected)
    assert sorted(seen) == sorted(float(a * b) for a in A for b in B)


def test_effects_in_branches_and_loops_that_examples_leave_happen_once():
    seen = []

    def note(x, y):
        fg.debug.callback(lambda *xs: seen.append(tuple(map(float, xs))), x, y)

    def f(x):
        def body(s):
            note(x, s)
            if s > 1.5:
                raise ValueError
            fg.cond(s > 0.5, lambda: note(x, -s), lambda: note(x, s + 100))
            return s + 1

        try:
            y = fg.while_loop(lambda s: s < 3 - x, body, 0.25 * x)
        except ValueError:
            y = x * 10
        note(x, y)
        return y

    found = fg.vmap(f)(X)
    batched = sorted(seen)
    seen.clear()
    np.testing.assert_allclose(found, one_by_one(f, X))
    assert batched == sorted(seen)


def test_measuring_chunks_has_no_effect():
    seen = []

    def f(x):
        fg.debug.callback(lambda x: seen.append(float(x)), x)
        return x * 2

    fg.vmap(f, max_bytes=100)(X)
    assert seen == X.tolist()


def test_a_look_on_one_run_alone_is_no_other_program(capsys):
    first = []

    def f(a, b):
        y = fnp.sin(a) * b
        if b > 0:  # the inner examples part
            y = y + 1
        if not first:
            first.append(f"{y:.2f} {y} {y!r} {a:.1f}")
        return y * 2

    def g(a):
        z = fg.vmap(lambda b: f(a, b))(B)
        return z.sum() if a > 0 else z.mean()  # and the outer ones, of which some run all of it again

    np.testing.assert_allclose(fg.vmap(g)(A), one_by_one(lambda a: first.append(0) or g(a), A), rtol=1e-13)
    rows = [[np.sin(a) * b + (b > 0) for a in A] for b in B]
    shown = " ".join("[" + " ".join(f"{y:.2f}" for y in row) + "]" for row, b in zip(rows, B, strict=True) if b > 0)
    hidden = " ".join("[" + " ".join(f"{y:.2f}" for y in row) + "]" for row, b in zip(rows, B, strict=True) if b <= 0)
    assert first[0].startswith((f"[{shown}] BatchTracer", f"[{hidden}] BatchTracer"))


# ---- examples of an outer batch that communicate inside of an inner one ------------------------------


def test_an_outer_batch_communicates_before_the_inner_examples_part():
    def inner(a, y):
        m = fg.pmean(a, "i") + 0 * fg.pmean(a * y, "i")
        z = y * m if y * (a - m) > 0 else y
        return z + fg.axis_index("i") if y > 0 else z  # which example one is needs no others

    def plain(a, y, i):
        m = A.mean()
        z = y * m if y * (a - m) > 0 else y
        return z + i if y > 0 else z

    found = fg.vmap(lambda a: fg.vmap(lambda y: inner(a, y))(B), axis_name="i")(A)
    np.testing.assert_allclose(found, [[plain(a, y, i) for y in B] for i, a in enumerate(A)], rtol=1e-12)

    def late(a, y):
        z = y if y * a > 0 else -y
        return z * fg.pmean(a, "i")

    with pytest.raises(PathError, match=r"sees \d of 3 examples: they parted at test_paths_nested.py"):
        fg.vmap(lambda a: fg.vmap(lambda y: late(a, y))(B), axis_name="i")(A)


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
