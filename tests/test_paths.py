"""vmap over Python control flow: every form of a decision, alone and under the other transforms, against a loop.

The expected values are those of the same function called once an example, by plain floats where it takes them.
"""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
import funcgrad.transforms.paths as paths
from funcgrad import random
from funcgrad.core import PRIMITIVES
from funcgrad.errors import AxisError, DtypeError, PathError, ShapeError, TreeError

X = np.array([-1.5, 0.3, 2.0, -0.2, 0.9, 3.1, -2.2])
N = np.array([3, 0, 5, 1, 3, 2, 0])
ROWS = np.random.default_rng(0).normal(size=(7, 5))

# ---- every form in which Python can ask --------------------------------------------------------


def if_else(x):
    if x > 0:
        return x * x
    return -x


def elif_chain(x):
    if x > 2:
        y = x * 3
    elif x > 0.5:
        y = x * x
    elif x > 0:
        y = x
    else:
        y = fnp.exp(x)
    return y + 1


def conditional_expression(x):
    return fnp.sin(x) if x > 0.5 else fnp.cos(x)


def while_loop(x):
    while x * x < 10:
        x = x * 2
    return x


def while_break(x):
    y = x
    while True:
        y = y * 0.5 + 0.1
        if abs(y - 0.2) < 0.05:
            break
    return y


def for_else_continue(x):
    total = 0.0 * x
    for k in range(4):
        if x > k:
            continue
        total = total + x * k
        if total < -3:
            break
    else:
        total = total + 100
    return total


def early_return_in_a_loop(x):
    for k in range(6):
        if x < k - 1:
            return x * k
    return x


def and_or_not(x):
    if (x > 0 and x < 1) or not x > -2:
        return x * 2
    return x * 5


def chained_comparison(x):
    return x * x if -1 < x < 1 else x


def membership(x):
    return x * 2 if fnp.sign(x) in [1.0, 7.0] else x


def builtin_any_all(x):
    if any([x > 2, x < -2]) and all([x < 5]):
        return x * 10
    return x


def builtin_min_max(x):
    return max(x, 0.5) * min(x * x, 2.0)


def builtin_sorted(x):
    a, b, c = sorted([x, 0.25, x * x])
    return a + 2 * b + 3 * c


def builtin_abs_round(x):
    return abs(x) * round(float(x))


def float_conversion(x):
    return x * math.floor(float(x))


def int_conversion(x):
    return x * int(x)


def item_call(x):
    return x * (2.0 if x.item() > 0 else 3.0)


def python_index(x):
    return [x, x * x, x * x * x, x - 1][int(x) % 4]


def python_slice(x):
    return fnp.sum(fnp.arange(6.0)[: int(abs(x))]) * x


def range_bound(x):
    total = x
    for k in range(int(abs(x))):
        total = total * x + k
    return total


def dict_lookup(x):
    return {True: fnp.sin, False: fnp.cos}[bool(x > 0)](x)


def recursion(x):
    return x if x < 1 else 1 + recursion(x / 2)


def shape_one_predicate(x):
    return x * 2 if fnp.reshape(x > 0, (1, 1)) else x


def assertion(x):
    assert x > -100
    return x if x > 0 else x * x


def try_except(x):
    try:
        if x < 0:
            raise ValueError("negative")
        return x * x
    except ValueError:
        return -x


def match_statement(x):
    match int(x):
        case 0:
            return x
        case 1 | 2:
            return x * x
        case _:
            return x + 7


def generator(x):
    return sum(x**k for k in range(4) if x > k - 2)


def python_results(x):
    return 1 if x > 0 else 0.5


SCALAR = [
    if_else, elif_chain, conditional_expression, while_loop, while_break, for_else_continue, early_return_in_a_loop,
    and_or_not, chained_comparison, membership, builtin_any_all, builtin_min_max, builtin_sorted, builtin_abs_round,
    float_conversion, int_conversion, item_call, python_index, python_slice, range_bound, dict_lookup, recursion,
    shape_one_predicate, assertion, try_except, match_statement, generator,
]  # fmt: skip


def mask(row):
    return fnp.sum(row[row > 0] ** 2)


def mask_length(row):
    return row * len(row[row > 0.5])


def mask_mean_and_branch(row):
    kept = row[fnp.abs(row) < 1]
    return kept.mean() if len(kept) > 2 else row.sum()


def nonzero(row):
    (where,) = fnp.nonzero(row > 0)
    return fnp.sum(row[where] * fnp.arange(float(len(where))))


def iterate(row):
    total = 0.0
    for x in row:
        if x > 0:
            total = total + x * x
    return total


def argmax_branch(row):
    k = int(fnp.argmax(row))
    return row[k] * 2 + k


def tolist(row):
    return row * sum(value > 0 for value in (row > 0).tolist())


def all_of_them(row):
    return row if (row > -1).all() else row * 0.5


def insertion_sort(row):
    values = list(row)
    for i in range(1, len(values)):
        k = i
        while k > 0 and values[k] < values[k - 1]:
            values[k], values[k - 1] = values[k - 1], values[k]
            k -= 1
    return fnp.stack(values) * fnp.arange(5.0)


VECTOR = [mask, mask_length, mask_mean_and_branch, nonzero, iterate, argmax_branch, tolist, all_of_them, insertion_sort]
FORMS = [(f, X) for f in SCALAR] + [(f, ROWS) for f in VECTOR]
every_form = pytest.mark.parametrize(("f", "batch"), FORMS, ids=[f.__name__ for f, _ in FORMS])


def loop(f, *columns):
    """f once an example."""
    return np.stack([np.asarray(f(*[fg.asarray(v) for v in row])) for row in zip(*columns, strict=True)])


def total(f):
    return lambda x: fnp.sum(f(x) * 1.0)


@every_form
def test_a_batch_is_the_loop(f, batch):
    np.testing.assert_allclose(fg.vmap(f)(batch), loop(f, batch), rtol=1e-13)


@every_form
def test_the_batch_of_gradients_is_the_loop_of_gradients(f, batch):
    np.testing.assert_allclose(fg.vmap(fg.grad(total(f)))(batch), loop(fg.grad(total(f)), batch), rtol=1e-12)


@every_form
def test_the_gradient_of_a_batch_is_the_loop_of_gradients(f, batch):
    found = fg.grad(lambda x: fnp.sum(fg.vmap(f)(x) * 1.0))(fg.asarray(batch))
    np.testing.assert_allclose(found, loop(fg.grad(total(f)), batch), rtol=1e-12)


@every_form
def test_forward_mode_on_either_side(f, batch):
    def along(x):
        return fg.jvp(f, (x,), (fnp.ones_like(x),))[1]

    expected = loop(along, batch)
    np.testing.assert_allclose(fg.vmap(along)(batch), expected, rtol=1e-12)
    x = fg.asarray(batch)
    np.testing.assert_allclose(fg.jvp(fg.vmap(f), (x,), (fnp.ones_like(x),))[1], expected, rtol=1e-12)


@every_form
def test_second_derivatives_through_both_sides(f, batch):
    second = fg.grad(lambda x: fnp.sum(fg.grad(total(f))(x)))
    expected = loop(second, batch)
    np.testing.assert_allclose(fg.vmap(second)(batch), expected, rtol=1e-11, atol=1e-11)
    mixed = fg.grad(lambda x: fnp.sum(fg.vmap(fg.grad(total(f)))(x)))(fg.asarray(batch))
    np.testing.assert_allclose(mixed, expected, rtol=1e-11, atol=1e-11)


@every_form
def test_two_batches_deep(f, batch):
    grid = np.stack([batch, batch[::-1] * 0.7, batch + 0.1])
    expected = np.stack([loop(f, row) for row in grid])
    np.testing.assert_allclose(fg.vmap(fg.vmap(f))(grid), expected, rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(fg.vmap(f), 1, 1)(grid), expected, rtol=1e-12)
    inner = fg.grad(lambda x: fnp.sum(fg.vmap(f)(x) * 1.0))
    slopes = np.stack([loop(fg.grad(total(f)), row) for row in grid])
    np.testing.assert_allclose(fg.vmap(inner)(grid), slopes, rtol=1e-12)


@every_form
def test_what_waits_may_compute_again(f, batch, monkeypatch):
    monkeypatch.setattr(paths, "MOST_KEPT", 0)
    np.testing.assert_allclose(fg.vmap(f)(batch), loop(f, batch), rtol=1e-13)
    np.testing.assert_allclose(fg.vmap(fg.grad(total(f)))(batch), loop(fg.grad(total(f)), batch), rtol=1e-12)


@every_form
def test_in_chunks(f, batch):
    np.testing.assert_allclose(fg.vmap(f, chunk_size=3)(batch), loop(f, batch), rtol=1e-13)


def test_python_numbers_on_some_paths_take_the_dtype_of_arrays_on_others():
    found = fg.vmap(python_results)(X)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.where(X > 0, 1, 0.5))
    assert fg.vmap(lambda x: x if x > 0 else 0)(X).dtype == np.float64
    assert fg.vmap(lambda x: 1 if x > 0 else 0)(X).dtype == np.int64


# ---- programs -----------------------------------------------------------------------------------


def escape_time(cr, ci, most=50):
    x = y = 0.0 * cr
    n = 0
    while n < most and x * x + y * y <= 4:
        x, y = x * x - y * y + cr, 2 * x * y + ci
        n += 1
    return n


def newton(a):
    x = a
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
    return x


def bisection(table, value):
    low, high = 0, len(table)
    while low < high:
        middle = (low + high) // 2
        if table[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


def adaptive_decay(rate):
    """y' = -rate y from 1 to t = 1, by Heun's method with steps halved and doubled by their error."""
    t, y, h = 0.0, 1.0 + 0.0 * rate, 0.1
    while t < 1.0:
        h = min(h, 1.0 - t)
        k = -rate * y
        euler = y + h * k
        heun = y + 0.5 * h * (k - rate * euler)
        if abs(euler - heun) > 1e-3:
            h = h / 2
            continue
        t, y = t + h, heun
        h = h * 1.5
    return y


def evaluate(code, x):
    """A prefix expression: 0 is x, 1 is the constant 1.5, 2 adds, 3 multiplies, 4 is the sine."""

    def parse(at):
        kind = int(code[at])
        if kind == 0:
            return x, at + 1
        if kind == 1:
            return 1.5 + 0 * x, at + 1
        left, at = parse(at + 1)
        if kind == 4:
            return fnp.sin(left), at
        right, at = parse(at)
        return (left + right if kind == 2 else left * right), at

    return parse(0)[0]


TREES = np.array([[2, 0, 1, 0, 0], [3, 0, 4, 0, 1], [4, 3, 0, 0, 1], [0, 0, 0, 0, 0], [3, 2, 0, 1, 0]])


def ragged_sum(sequence, length):
    total = 0.0
    for k in range(int(length)):
        if total > 1.5:
            break
        total = total + sequence[k] ** 2
    return total


def rejection(key, bound):
    """A number from [0, 1) that is below the bound, times the bound."""
    draws = 0
    while True:
        key, sub = random.split(key)
        u = random.uniform(sub, dtype="float64")
        draws += 1
        if u < bound:
            return u * bound, draws


def decision_tree(x, depth=6):
    node = 1
    for k in range(depth):
        node = 2 * node + (1 if x[k % 3] * (k + 1) > 0.3 * (node % 5) else 0)
    return node * x.sum()


def test_escape_times():
    re, im = np.linspace(-2, 1, 16), np.linspace(-1.5, 1.5, 16)
    expected = [[escape_time(a, b) for a in re] for b in im]
    found = fg.vmap(fg.vmap(escape_time, (0, None)), (None, 0))(re, im)
    np.testing.assert_array_equal(found, expected)


def test_newton_to_tolerance():
    a = np.linspace(1.5, 300, 97)
    np.testing.assert_allclose(fg.vmap(newton)(a), np.sqrt(a), rtol=1e-11)
    expected = loop(fg.grad(newton), a)
    np.testing.assert_allclose(expected, 0.5 / np.sqrt(a), rtol=1e-5)
    np.testing.assert_allclose(fg.vmap(fg.grad(newton))(a), expected, rtol=1e-13)
    np.testing.assert_allclose(fg.grad(lambda a: fg.vmap(newton)(a).sum())(fg.asarray(a)), expected, rtol=1e-13)


def test_binary_search():
    table = np.sort(np.random.default_rng(1).normal(size=40))
    values = np.random.default_rng(2).normal(size=30)
    found = fg.vmap(bisection, in_axes=(None, 0))(fg.asarray(table), values)
    np.testing.assert_array_equal(found, np.searchsorted(table, values))


def test_adaptive_steps():
    rates = np.array([0.5, 1.0, 3.0, 8.0, 8.0, 20.0])
    found = fg.vmap(adaptive_decay)(rates)
    np.testing.assert_array_equal(found, loop(adaptive_decay, rates))
    np.testing.assert_allclose(found, np.exp(-rates), atol=5e-3)
    np.testing.assert_allclose(
        fg.vmap(fg.grad(adaptive_decay))(rates), loop(fg.grad(adaptive_decay), rates), rtol=1e-12
    )


def test_recursive_evaluation_of_trees():
    x = np.array([0.3, -1.0, 0.7, 2.0, 0.5])
    closed = [x[0] + 1.5, x[1] * np.sin(x[1]), np.sin(x[2] ** 2), x[3], (x[4] + 1.5) * x[4]]
    np.testing.assert_allclose(fg.vmap(evaluate)(TREES, x), closed, rtol=1e-14)
    slopes = [1, np.sin(x[1]) + x[1] * np.cos(x[1]), 2 * x[2] * np.cos(x[2] ** 2), 1, 2 * x[4] + 1.5]
    np.testing.assert_allclose(fg.vmap(fg.grad(evaluate, 1))(TREES, x), slopes, rtol=1e-14)
    batched = fg.grad(lambda x: fg.vmap(evaluate)(TREES, x).sum())(fg.asarray(x))
    np.testing.assert_allclose(batched, slopes, rtol=1e-14)


def test_ragged_sequences():
    lengths = np.array([0, 5, 2, 3, 1, 5, 4])
    found, slopes = fg.vmap(fg.value_and_grad(lambda s, n: ragged_sum(s, n) * 1.0 + 0 * s.sum()))(ROWS, lengths)
    for i in range(7):
        expected, which = 0.0, np.zeros(5)
        for k in range(lengths[i]):
            if expected > 1.5:
                break
            expected += ROWS[i, k] ** 2
            which[k] = 2 * ROWS[i, k]
        np.testing.assert_allclose(found[i], expected, rtol=1e-14)
        np.testing.assert_allclose(slopes[i], which, rtol=1e-14)


def test_rejection_sampling_with_keys():
    keys = random.split(random.key(3), 20)
    bounds = fg.asarray(np.linspace(0.05, 0.9, 20))
    values, draws = fg.vmap(rejection)(keys, bounds)
    one = [rejection(keys[i], bounds[i]) for i in range(20)]
    np.testing.assert_array_equal(values, [float(v) for v, _ in one])
    np.testing.assert_array_equal(draws, [n for _, n in one])
    assert len(set(draws.tolist())) > 3
    slopes = fg.vmap(fg.grad(lambda b, k: rejection(k, b)[0]))(bounds, keys)
    np.testing.assert_allclose(slopes, values / bounds, rtol=1e-12)


def test_a_decision_tree_with_64_leaves():
    x = np.random.default_rng(5).normal(size=(300, 3))
    np.testing.assert_allclose(fg.vmap(decision_tree)(x), loop(decision_tree, x), rtol=1e-13)
    np.testing.assert_allclose(fg.vmap(fg.grad(decision_tree))(x), loop(fg.grad(decision_tree), x), rtol=1e-13)


# ---- how many paths, and how much work -----------------------------------------------------------


def count_paths(capsys):
    return [int(line.split(": ")[1].split()[0]) for line in capsys.readouterr().out.splitlines() if "paths for" in line]


def test_nested_batches_take_as_many_paths_as_there_are(capsys):
    re, im = np.linspace(-2, 1, 64), np.linspace(-1.5, 1.5, 64)
    inner = fg.vmap(lambda a, b: escape_time(a, b, 50), (0, None), explain=True)
    found = fg.vmap(inner, (None, 0))(re, im)
    (taken,) = count_paths(capsys)
    assert taken == len(set(np.asarray(found).ravel().tolist()))
    assert taken <= 60


def test_explain_prints_the_paths(capsys):
    def f(x):
        while x < 4:  # the while
            x = x * 2
        if x > 5:  # the if
            return x
        return -x

    fg.vmap(f, explain=True)(np.array([1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 5.0]))
    first = f.__code__.co_firstlineno
    once, other = f"test_paths.py:{first + 1}", f"test_paths.py:{first + 3}"
    assert capsys.readouterr().out.splitlines() == [
        "vmap of f: 4 paths for 8 examples",
        "  examples  decisions at which examples parted",
        f"         4  {once} True, {once} False, {other} True",
        f"         2  {once} True x2",
        f"         1  {once} True, {once} False, {other} False",
        f"         1  {once} False",
    ]


def test_what_was_computed_before_a_fork_is_not_computed_again(monkeypatch):
    computed = []
    for name in ("exp", "sin", "cos"):
        rule = PRIMITIVES[name].batch
        monkeypatch.setattr(
            PRIMITIVES[name],
            "batch",
            lambda size, *rest, name=name, rule=rule: computed.append((name, size)) or rule(size, *rest),
        )

    def f(x):
        y = fnp.exp(x)
        return fnp.sin(y) if x > 0 else fnp.cos(y)

    np.testing.assert_allclose(fg.vmap(f)(X), np.where(X > 0, np.sin(np.exp(X)), np.cos(np.exp(X))))
    assert computed == [("exp", 7), ("sin", 4), ("cos", 3)]
    monkeypatch.setattr(paths, "MOST_KEPT", 0)
    computed.clear()
    fg.vmap(f)(X)
    assert computed == [("exp", 7), ("sin", 4), ("exp", 3), ("cos", 3)]


def test_repeated_runs_reuse_results_bit_for_bit():
    rng = np.random.default_rng(0)
    w, x = fg.asarray(rng.normal(size=(64, 64)).astype("float32")), rng.normal(size=(40, 64)).astype("float32")

    def f(x):
        h = fnp.tanh(w @ x)
        return h * 1 if h[0] > 0 else h * -1

    np.testing.assert_array_equal(fnp.abs(fg.vmap(f)(x)), fnp.abs(fg.vmap(lambda x: fnp.tanh(w @ x))(x)))


def test_max_paths_bounds_them():
    with pytest.raises(PathError, match=r"more than max_paths=3 paths; 3 groups still wait, and the last parted at"):
        fg.vmap(lambda n: sum(range(int(n))), max_paths=3)(np.arange(6))
    assert fg.vmap(lambda n: int(n) % 2, max_paths=6)(np.arange(6)).tolist() == [0, 1] * 3


def test_printing_parts_nobody(capsys):
    fg.vmap(lambda x: print(x, f"{x} {x:.1f}", str(x), repr(x)) or x * 2, explain=True)(X)
    assert "1 path for 7 examples" in capsys.readouterr().out
    fg.vmap(fg.grad(lambda x: print(x, f"{x} {x:.1f}", str(x), repr(x)) or x * 2), explain=True)(X)
    assert "1 path for 7 examples" in capsys.readouterr().out


def test_a_conditional_print_shows_the_examples_it_is_for(capsys):
    def f(x):
        if x > 2:
            print(f"large: {x:.1f}")
        return x

    fg.vmap(f)(X)
    assert capsys.readouterr().out == "large: [3.1]\n"


# ---- axes, trees, keywords ------------------------------------------------------------------------


def test_axes_and_trees():
    def f(params, x, *, scale):
        if x.sum() > 0:
            return {"y": params["w"] * x, "n": 1}
        return {"y": scale * x, "n": 2}

    params = {"w": np.array([1.0, 2.0, 3.0])}
    x = np.random.default_rng(0).normal(size=(3, 6))
    scale = np.arange(6.0)
    found = fg.vmap(f, in_axes=({"w": None}, 1), out_axes={"y": 1, "n": 0})(params, x, scale=scale)
    assert found["y"].shape == (3, 6)
    for i in range(6):
        one = f({"w": fg.asarray(params["w"])}, fg.asarray(x[:, i]), scale=scale[i])
        np.testing.assert_allclose(found["y"][:, i], one["y"])
        assert found["n"][i] == one["n"]


def test_keys_are_results_too():
    def f(key, x):
        return random.fold_in(key, 1) if x > 0 else random.fold_in(key, 2)

    keys = random.split(random.key(0), 7)
    found = fg.vmap(f)(keys, X)
    for i in range(7):
        assert random.key_data(found[i]).tolist() == random.key_data(f(keys[i], X[i])).tolist()


def test_axis_size_without_a_mapped_argument():
    assert fg.vmap(lambda: 1.0, axis_size=3)().tolist() == [1.0] * 3
    assert fg.vmap(lambda x: x, in_axes=None, axis_size=2)(fnp.ones(3)).shape == (2, 3)
    with pytest.raises(ShapeError, match="axis_size is 4, but argument 0 has 7 along axis 0"):
        fg.vmap(lambda x: x, axis_size=4)(X)


def test_chunks_are_the_whole_batch():
    f = lambda x, w: (x * w, x.sum())  # noqa: E731
    x, w = np.arange(20.0).reshape(2, 10), fnp.asarray([1.0, 2.0])
    whole = fg.vmap(f, (1, None), (1, 0))(x, w)
    for options in ({"chunk_size": 1}, {"chunk_size": 3}, {"chunk_size": 10}, {"chunk_size": 99}, {"max_bytes": 200}):
        for a, b in zip(whole, fg.vmap(f, (1, None), (1, 0), **options)(x, w), strict=True):
            np.testing.assert_array_equal(a, b)
    slope = fg.grad(lambda w: fg.vmap(lambda x: (x @ w) ** 2, chunk_size=4)(x.T).sum())(w)
    np.testing.assert_allclose(slope, fg.grad(lambda w: ((x.T @ w) ** 2).sum())(w))


def test_max_bytes_keeps_what_is_alive_within_it():
    peaks = []

    def f(x):
        peaks.append(x.inner.shape[0])
        return fnp.sum(fnp.sin(x) * fnp.cos(x))

    x = np.ones((64, 1000))  # 8,000 bytes an example, and three such results
    fg.vmap(f, max_bytes="256KB")(x)
    assert peaks[:2] == [1, 2]
    assert 8 <= peaks[2] <= 16  # 256,000 / 24,000, one result of f apart
    with pytest.raises(ValueError, match="one example alone takes"):
        fg.vmap(f, max_bytes=1000)(x)
    for wrong in ("lots", 0, -1, "12 parsecs", True, 1.5):
        with pytest.raises(ValueError, match="max_bytes must be a number of bytes"):
            fg.vmap(f, max_bytes=wrong)(x)
    for wrong in (0, -3, 2.0, True):
        with pytest.raises(ValueError, match="chunk_size must be a positive int"):
            fg.vmap(f, chunk_size=wrong)(x)


def test_chunks_fit_together_or_say_why_not():
    x = np.array([1.0, 2.0, -1.0, -2.0])
    with pytest.raises(AxisError, match="the output of example 0 and of example 2 differs: give it an axis"):
        fg.vmap(lambda x: 1 if x > 0 else 2, out_axes=None, chunk_size=2)(x)
    w = fnp.asarray(3.0)
    shared = fg.vmap(lambda x, w: (x if x > 0 else -x, w * 2), (0, None), (0, None), chunk_size=2)
    assert shared(x, w)[1] == 6.0
    assert fg.vmap(shared, (None, 0))(x, fnp.arange(3.0))[1].tolist() == [0, 2, 4]
    assert fg.grad(lambda w: shared(x, w)[1])(w) == 2.0
    with pytest.raises(PathError, match=r"of example 0 \(the first\) and of example 2 .* differ: at the top: only"):
        fg.vmap(lambda x: {"a": x} if x > 0 else {"b": x}, chunk_size=2)(x)
    with pytest.raises(PathError, match=r"output\[0\] of example 0 has the shape \(2,\), and that of example 2 \(3,\)"):
        fg.vmap(lambda x: (fnp.ones(2) if x > 0 else fnp.ones(3),), chunk_size=2)(x)
    with pytest.raises(IndexError) as caught:
        fg.vmap(lambda i: fnp.ones(3)[i], chunk_size=2)(np.array([0, 1, 2, 5]))
    assert caught.value.__notes__ == [
        "vmap: on the path of example 1 (1 of 2), parted at test_paths.py:"
        f"{test_chunks_fit_together_or_say_why_not.__code__.co_firstlineno + 14}",
        "vmap: in the chunk of examples 2 to 3, counted from its first one",
    ]


# ---- what cannot work says so ---------------------------------------------------------------------


def test_ragged_results_name_two_examples():
    shapes = r"parted at test_paths.py:\d+, has the shapes \(\d,\) and \(\d,\); pad it"
    with pytest.raises(PathError, match=r"the output of example \d \(the first\) and of example \d .*" + shapes):
        fg.vmap(lambda row: row[row > 0])(ROWS)
    with pytest.raises(PathError, match=r"the output\['b'\]\[0\] of example"):
        fg.vmap(lambda x: {"a": x, "b": [fnp.ones(int(abs(x)))]})(X)
    with pytest.raises(
        PathError, match=r"branches return different structures: at the top: only that of example \d has \['b'\]"
    ):
        fg.vmap(lambda x: fg.cond(x > 1, lambda: {"a": x}, lambda: {"b": x}))(X)


def test_results_of_different_structures_name_two_examples():
    with pytest.raises(PathError, match=r"the outputs of example 1 .* and of example 0 .* differ"):
        fg.vmap(lambda x: (x, x) if x > 0 else x)(X)


def test_a_result_without_an_axis_cannot_have_several_paths():
    with pytest.raises(
        AxisError, match=r"the output of example 1 .* example 0 .* parted at .*, differs: give it an axis"
    ):
        fg.vmap(lambda x: 1.0 if x > 0 else 2.0, out_axes=None)(X)
    with pytest.raises(AxisError, match=r"out_axes is None, but the output\[0\] of example 1 is its own"):
        fg.vmap(lambda x: (x, 2) if x > 0 else (-x, 2), out_axes=None)(X)
    with pytest.raises(AxisError, match="out_axes is None"):
        fg.vmap(lambda x: fg.vmap(lambda y: x * y if x > y else y, out_axes=None)(X))(X)


def test_what_no_example_has_a_part_in_needs_no_axis_on_several_paths():
    def f(x, w):
        return (x * w if x > 1 else -x), w * 2, "name"

    found = fg.vmap(f, (0, None), (0, None, None))(X, fnp.asarray(3.0))
    np.testing.assert_allclose(found[0], np.where(X > 1, 3 * X, -X))
    assert found[1:] == (6.0, "name")
    slope = fg.grad(lambda w: fg.vmap(f, (0, None), (0, None, None))(X, w)[1])(3.0)
    assert slope == 2.0


def test_what_no_inner_example_has_a_part_in_belongs_to_the_outer_one():
    def outer(x):
        larger, double, same = fg.vmap(lambda y: (y if y > x else x, x * 2, x), out_axes=(0, None, None))(X)
        return larger.sum() * double if same > 0.5 else double

    expected = np.array([np.maximum(X, x).sum() * 2 * x if x > 0.5 else 2 * x for x in X])
    np.testing.assert_allclose(fg.vmap(outer)(X), expected, rtol=1e-13)
    slopes = loop(fg.grad(outer), X)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(outer)(x).sum())(fg.asarray(X)), slopes, rtol=1e-12)


def test_results_that_are_no_arrays_are_named():
    words = r"vmap: a leaf of the output is no array: .*'no'; give it None in out_axes"
    for f in (lambda x: "no", lambda x: "no" if x > 0 else "neither"):
        with pytest.raises(DtypeError, match=words):
            fg.vmap(f)(X)
    words = r"vmap: a leaf of the arguments is no array: .*'no'; give argument 1 None in in_axes, or bind it by a"
    with pytest.raises(DtypeError, match=words):
        fg.vmap(lambda x, name: x)(X, "no")
    with pytest.raises(TreeError, match="in_axes must hold ints and None, not 'no'"):
        fg.vmap(lambda x, name: x, "no")(X)

    @dataclasses.dataclass
    class Point:
        x: object

    with pytest.raises(DtypeError, match=r"fg.tree.register_dataclass\(Point\)"):
        fg.vmap(Point)(X)


def test_an_exception_names_the_examples_on_its_path():
    def f(x):
        if x > 1:
            if x > 3:
                raise ZeroDivisionError("too large")
            return x
        return -x

    with pytest.raises(ZeroDivisionError, match="too large") as caught:
        fg.vmap(f)(X)
    line = f.__code__.co_firstlineno + 2
    assert caught.value.__notes__ == [f"vmap: on the path of example 5 (1 of 7), parted at test_paths.py:{line}"]


def test_an_array_has_no_truth_before_anybody_parts():
    with pytest.raises(ShapeError, match=r"the truth of an array of shape \(5,\) is ambiguous"):
        fg.vmap(lambda row: row if row > 0 else -row)(ROWS)


def test_a_function_that_does_something_else_on_its_second_run_is_found_out():
    runs = itertools.count()

    def other_operation(x):
        y = fnp.sin(x) if next(runs) == 0 else fnp.cos(x)
        return y if x > 0 else -y

    with pytest.raises(PathError, match=r"runs the function again for .*, and cos came where sin had been"):
        fg.vmap(other_operation)(X)

    kept = []

    def dropped_value(x):
        y = fnp.sin(x)
        again = bool(kept)
        kept.append(1)
        if not again:
            del y
        if x > 0:
            return x
        return y

    with pytest.raises((PathError, UnboundLocalError)):
        fg.vmap(dropped_value)(X)

    decided = []

    def no_decision(x):
        if decided:
            return x
        decided.append(1)
        return x if x > 0 else -x

    with pytest.raises(PathError, match="it returned before it came to where they had parted"):
        fg.vmap(no_decision)(X)


def test_tracers_are_unhashable():
    with pytest.raises(TypeError, match=r"unhashable: a batch's float64\[\] .*write float\(x\)"):
        fg.vmap(lambda x: {x: 1})(X)
    table = {0: 5.0, 1: 7.0}
    with pytest.raises(TypeError, match=r"unhashable: a batch's int64\[\] .*write int\(i\)"):
        fg.vmap(lambda i: table[i])(np.array([0, 1]))
    assert fg.vmap(lambda i: table[int(i)])(np.array([0, 1])).tolist() == [5, 7]


def test_a_leaked_batch_is_told_at_the_decision():
    kept = []
    fg.vmap(lambda x: kept.append(x) or x)(X)
    assert "BatchTracer(float64[], 7 examples" in repr(kept[0])
    with pytest.raises(RuntimeError, match="belongs to a vmap that has ended"):
        bool(kept[0])


def test_no_examples_have_no_value():
    with pytest.raises(PathError, match="a batch without examples"):
        fg.vmap(if_else)(np.ones(0))


def test_nan_agrees_with_itself_and_the_zeros_differ(capsys):
    fg.vmap(lambda x: 1.0 if float(x) else 0.0, explain=True)(np.array([np.nan, np.nan, 0.0, -0.0]))
    assert "3 paths for 4 examples" in capsys.readouterr().out
