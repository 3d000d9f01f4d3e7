"""jit follows Python: every path of a function is recorded when it is first taken, and gives what eager gives."""

from __future__ import annotations

import dataclasses
import itertools
import math
import types
import warnings
from typing import Any

import numpy as np
import pytest
from recordings import traces

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import JitWarning

ROW = fnp.asarray([1.0, -2.0, 3.0])


def paths(jitted: Any) -> int:
    """How many different paths have been recorded."""
    return sum(tree.ends() for unit in jitted.units.values() for tree in unit.trees.values())


def assert_same(found: Any, expected: Any) -> None:
    found, expected = fg.tree.flatten(found), fg.tree.flatten(expected)
    assert found[1] == expected[1]
    for a, b in zip(found[0], expected[0], strict=True):
        assert type(a) is type(b)
        if isinstance(a, fg.Array):
            assert a.aval == b.aval
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6, atol=1e-7)
        else:
            assert a == b or (a != a and b != b)


def follow(f: Any, inputs: Any, *, most_traces: int | None = None, rounds: int = 3, derivative: bool = True) -> Any:
    """Values, and gradients where there are any, of the jitted function on these inputs in turn; as eager."""
    jitted = fg.jit(f)
    for _ in range(rounds):
        for x in inputs:
            args = x if isinstance(x, tuple) else (x,)
            assert_same(jitted(*args), f(*args))
    if most_traces is not None:
        assert traces(jitted) <= most_traces
    if derivative:
        inside, outside, plain = fg.jit(fg.grad(total(f))), fg.grad(fg.jit(total(f))), fg.grad(total(f))
        for _ in range(rounds):
            for x in inputs:
                args = x if isinstance(x, tuple) else (x,)
                expected = plain(*args)
                assert_same(inside(*args), expected)
                assert_same(outside(*args), expected)
    return jitted


def total(f: Any) -> Any:
    return lambda *args: fnp.sum(fnp.asarray(f(*args)) * 1.0)


# ---- the programs of control flow ----------------------------------------------------------------


def test_a_branch_that_flips_on_every_call():
    def f(x):
        return x * 2.0 if x.sum() > 0 else -x

    jitted = follow(f, [ROW, -ROW], most_traces=4)
    assert paths(jitted) == 2


def test_collatz_to_a_bound():
    def collatz(n):
        steps = 0
        while n > 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    follow(collatz, [fnp.asarray(n) for n in range(1, 20)], derivative=False)


def newton(a):
    x = a
    while abs(x * x - a) > 1e-4 * a:
        x = 0.5 * (x + a / x)
    return x


def test_newton_to_tolerance():
    follow(newton, [fnp.asarray(v) for v in (2.0, 9.0, 1e4, 3.0, 0.5)])


def test_early_exit_from_a_loop_over_layers():
    weights = [fnp.asarray(np.random.default_rng(i).normal(size=(3, 3)).astype("float32")) for i in range(6)]

    def f(x):
        for w in weights:
            x = fnp.tanh(x @ w)
            if abs(x).max() > 0.9:
                break
        return x

    follow(f, [ROW, ROW * 0.1, ROW * 0.01, -ROW])


def test_recursion():
    def power(x, n):
        if n == 0:
            return x * 0 + 1.0
        half = power(x, n // 2)
        return half * half * x if n % 2 else half * half

    follow(power, [(fnp.asarray(1.1), fnp.asarray(n)) for n in (0, 1, 5, 8, 13)])


def test_while_inside_for_inside_if():
    def f(x):
        if x.sum() > 0:
            for i in range(3):
                while x.sum() > 2.0 - i:
                    x = x * 0.5
            return x
        return x - 1.0

    follow(f, [ROW, -ROW, ROW * 10, ROW * 0.3])


def test_a_branch_on_shape():
    jitted = follow(lambda x: x * 2 if x.shape[0] > 2 else x - 1, [ROW, ROW[:2]], most_traces=4)
    assert paths(jitted) == 2


def test_a_generator():
    def f(x):
        def halves():
            y = x
            while y.sum() > 0.1:
                yield y
                y = y * 0.5

        return sum(halves())

    follow(f, [ROW, ROW * 3])


def test_minus_zero_and_nan_as_answers():
    def f(x):
        return x * 0 + math.copysign(1.0, float(x))

    zeros = [fnp.asarray(0.0), fnp.asarray(-0.0), fnp.asarray(float("nan"))]
    jitted = fg.jit(f)
    for _ in range(3):
        assert [float(jitted(x)) for x in zeros[:2]] == [1.0, -1.0]
        assert math.isnan(float(jitted(zeros[2])))
    assert traces(jitted) == 6


def test_python_numbers_as_arguments():
    def f(x, rate, steps):
        for _ in range(steps):
            x = x - rate * x
        return x * (rate + 1) ** 2 if rate > 0.15 else x / rate

    follow(f, [(ROW, 0.1, 3), (ROW, 0.2, 3), (ROW, 0.3, 2), (ROW, 0.1, 2)])


def test_a_rate_that_changes_needs_no_new_trace():
    jitted = fg.jit(lambda x, rate: x - rate * x)
    for rate in np.linspace(0.1, 0.9, 20).tolist():
        assert_same(jitted(ROW, rate), ROW - rate * ROW)
    assert traces(jitted) == 2


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "int8"])
@pytest.mark.parametrize("number", [3, 2.5, 2])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x * n,
        lambda x, n: n - x,
        lambda x, n: x + (n * 2 - 1),
        lambda x, n: fnp.maximum(x, n),
        lambda x, n: fnp.where(x > n, x, n),
        lambda x, n: x / n,
        lambda x, n: n + fnp.asarray(n),
        lambda x, n: x**n,
        lambda x, n: fnp.clip(x, None, n),
        lambda x, n: (n, n * 2, -n, abs(n), n > 1),
    ],
)
def test_a_python_number_is_as_weak_as_without_jit(f, number, dtype):
    x = fnp.asarray([1, 2, 3]).astype(dtype)
    jitted = fg.jit(f)
    for _ in range(3):
        assert_same(jitted(x, number), f(x, number))


def test_masks():
    follow(lambda x: x[x > 0].sum(), [ROW, -ROW, ROW + 5, ROW * 0 - 1])
    follow(lambda x: fnp.nonzero(x > 0)[0], [ROW, -ROW, ROW + 5], derivative=False)
    follow(lambda x: x.reshape(1, 3)[x.reshape(1, 3) > 0], [ROW, -ROW], derivative=False)


def test_a_mask_makes_one_path_for_each_number_of_elements():
    jitted = fg.jit(lambda x: x[x > 0].sum())
    for shift in range(3):
        x = fnp.roll(ROW, shift) if hasattr(fnp, "roll") else ROW[fnp.asarray([(i + shift) % 3 for i in range(3)])]
        assert float(jitted(x)) == 4.0
    assert paths(jitted) == 1


# ---- what changes around the function ------------------------------------------------------------

SCALE = 2.0
WEIGHTS = fnp.ones(3)


def test_globals_that_change(monkeypatch):
    def f(x):
        return x * SCALE + WEIGHTS

    jitted = fg.jit(f)
    for scale in (2.0, 3.0, 2.0, 3.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        for _ in range(3):
            assert_same(jitted(ROW), f(ROW))
    assert traces(jitted) == 4
    monkeypatch.setitem(globals(), "WEIGHTS", fnp.zeros(3))
    assert_same(jitted(ROW), f(ROW))
    assert traces(jitted) == 4  # another array in the same place is another input


def test_closures_that_change():
    scale, rows, settings = 2.0, [fnp.ones(3)], {"rate": 0.5}

    def helper(x):
        return x * settings["rate"]

    def f(x):
        for row in rows:
            x = x + row
        return helper(x) * scale

    jitted = fg.jit(f)
    for change in range(6):
        if change == 1:
            scale = 3.0
        if change == 2:
            rows.append(fnp.zeros(3) + 2)
        if change == 3:
            rows[0] = fnp.zeros(3)
        if change == 4:
            settings["rate"] = 0.25
        if change == 5:
            scale = 2.0
        for _ in range(3):
            assert_same(jitted(ROW), f(ROW))


def test_captured_arrays_that_are_rebound():
    w = fnp.ones(3)

    def f(x):
        return x * w

    jitted = fg.jit(f)
    for _ in range(5):
        assert_same(jitted(ROW), f(ROW))
        w = w + 1.0
    assert traces(jitted) == 2


def test_captured_numpy_arrays_that_are_written_to():
    w = np.ones(3, "float32")

    def f(x):
        return x * w

    jitted = fg.jit(f)
    for k in range(4):
        w[:] = k % 2
        for _ in range(3):
            assert_same(jitted(ROW), f(ROW))


def test_a_large_numpy_array_that_may_change_is_not_compiled_in():
    w = np.ones(400_000)
    jitted = fg.jit(lambda x: (x + w).sum())
    with pytest.warns(JitWarning, match="fnp.asarray"):
        assert float(jitted(1.0)) == 800_000
    w[:] = 2.0
    assert float(jitted(1.0)) == 1_200_000


def test_functions_that_are_replaced():
    def f(x):
        return inner(x)

    inner = fnp.sin
    jitted = fg.jit(f)
    for function in (fnp.sin, fnp.cos, lambda x: x * 2, lambda x: x * 3, fnp.sin):
        inner = function
        for _ in range(3):
            assert_same(jitted(ROW), f(ROW))


def test_a_module_of_settings():
    settings = types.ModuleType("my_settings")
    settings.rate = 0.5
    namespace = {"settings": settings, "__name__": "user"}
    exec("def f(x):\n    return x * settings.rate", namespace)
    jitted = fg.jit(namespace["f"])
    for rate in (0.5, 0.25, 0.5):
        settings.rate = rate
        for _ in range(3):
            assert_same(jitted(ROW), ROW * rate)


@dataclasses.dataclass(frozen=True)
class Affine:
    scale: float
    offset: Any

    @fg.jit
    def __call__(self, x):
        return x * self.scale + self.offset

    @fg.jit
    def clipped(self, x, *, low=0.0):
        return fnp.maximum(self(x), low)


def test_methods_of_a_frozen_dataclass():
    for scale in (2.0, 3.0):
        for offset in (1.0, fnp.asarray([1.0, 2.0, 3.0])):
            affine = Affine(scale, offset)
            for _ in range(3):
                assert_same(affine(ROW), ROW * scale + offset)
                assert_same(affine.clipped(ROW), fnp.maximum(ROW * scale + offset, 0.0))
                assert_same(affine.clipped(ROW, low=1.5), fnp.maximum(ROW * scale + offset, 1.5))


class Counter:
    def __init__(self, rate):
        self.rate = rate

    def scaled(self, x):
        return x * self.rate


def test_objects_whose_attributes_change():
    counter = Counter(2.0)
    jitted, method = fg.jit(lambda x: counter.scaled(x)), fg.jit(counter.scaled)
    for rate in (2.0, 3.0, fnp.asarray(4.0), fnp.asarray(5.0)):
        counter.rate = rate
        for _ in range(3):
            assert_same(jitted(ROW), ROW * rate)
            assert_same(method(ROW), ROW * rate)


def test_dict_inputs_in_another_order():
    def f(d):
        out = 0.0
        for i, x in enumerate(d.values()):
            out = out + (i + 1) * x
        return out

    jitted = fg.jit(f)
    a, b = {"p": ROW, "q": ROW * 2}, {"q": ROW * 2, "p": ROW}
    for _ in range(3):
        assert_same(jitted(a), f(a))
        assert_same(jitted(b), f(b))


def test_default_dtype_is_part_of_the_key():
    jitted = fg.jit(lambda x: x + fnp.zeros(3))
    for _ in range(3):
        assert jitted(ROW).dtype == "float32"
        with fg.config.default_dtype("float64"):
            assert jitted(ROW).dtype == "float64"


# ---- what is not pure ----------------------------------------------------------------------------


def test_numpy_random_inside():
    jitted = fg.jit(lambda x: x + np.random.default_rng().normal(size=3))
    jitted(ROW)
    with pytest.warns(JitWarning, match="not pure"):
        jitted(ROW)
    found = [np.asarray(jitted(ROW)) for _ in range(2)]
    assert not np.allclose(*found)


def test_a_counter():
    count = itertools.count()
    jitted = fg.jit(lambda x: x + next(count))
    with pytest.warns(JitWarning, match="not pure"):
        found = [float(jitted(0.0)) for _ in range(5)]
    assert found == [0, 1, 2, 3, 4]


def test_an_outer_variable_that_is_assigned_to():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x * 2

    jitted = fg.jit(f)
    with pytest.warns(JitWarning, match="calls"):
        jitted(ROW)
    for _ in range(3):
        jitted(ROW)
    assert calls == 4


def test_a_list_that_is_appended_to():
    seen = []

    def f(x):
        seen.append(len(seen))
        return x * 2

    jitted = fg.jit(f)
    with pytest.warns(JitWarning, match="changes what it reads"):  # noqa: PT031  # it is the last of them that warns
        for _ in range(3):
            assert_same(jitted(ROW), ROW * 2)
    assert_same(jitted(ROW), ROW * 2)
    assert seen == [0, 1, 2, 3]


def test_an_exception_in_one_branch():
    def f(x):
        if x.sum() > 0:
            return x * 2.0
        raise ValueError("negative")

    jitted = fg.jit(f)
    for _ in range(4):
        assert_same(jitted(ROW), f(ROW))
        with pytest.raises(ValueError, match="negative"):
            jitted(-ROW)


def test_an_error_of_an_operation_that_the_function_catches():
    def f(x, i):
        try:
            return x[i] * 2
        except IndexError:
            return x.sum()

    follow(f, [(ROW, fnp.asarray(i)) for i in (0, 5, 1, 7, 2)])


def test_an_error_is_raised_though_nobody_reads_the_result():
    def f(x, i):
        try:
            x[i]
        except IndexError:
            return x * 0
        return x

    follow(f, [(ROW, fnp.asarray(i)) for i in (0, 5, 1, 7, 2)])


def test_an_error_of_a_program_is_raised_by_the_users_line():
    jitted = fg.jit(lambda x, i: x[i])
    for _ in range(3):
        jitted(ROW, fnp.asarray([0]))
    with pytest.raises(IndexError, match=r"x\[i\]"):
        jitted(ROW, fnp.asarray([9]))


def test_keyboard_interrupt_in_a_loop():
    stop = [False]

    def f(x):
        while x.sum() > 1:
            x = x * 0.5
            if fnp.asarray(x).sum() < 2 and stop[0]:
                raise KeyboardInterrupt
        return x

    jitted = fg.jit(f)
    for _ in range(3):
        assert_same(jitted(ROW), f(ROW))
    stop[0] = True
    with pytest.raises(KeyboardInterrupt):
        jitted(ROW)
    stop[0] = False
    assert_same(jitted(ROW), f(ROW))


def test_too_many_answers_warn_once_and_run_as_they_are():
    jitted = fg.jit(lambda x: x * float(x.sum()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(100):
            assert_same(jitted(ROW * k), ROW * k * float((ROW * k).sum()))
    assert len(caught) == 1
    assert caught[0].category is JitWarning
    assert "test_jit_paths.py" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(jitted(ROW * 1000), ROW * 1000 * float((ROW * 1000).sum()))


def test_too_many_paths_warn_once_and_new_ones_run_as_they_are():
    def f(x):
        for i in range(12):
            x = x * 0.9 + 0.1 if x.sum() * (i + 1) % 1.0 > 0.5 else x * 1.1 - 0.2
        return x

    jitted = fg.jit(f)
    points = [fg.asarray(row) for row in np.random.default_rng(0).normal(size=(300, 3))]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for x in [*points, *points]:
            assert_same(jitted(x), f(x))
    assert [w.category for w in caught] == [JitWarning]
    assert "127 different paths" in str(caught[0].message)
    assert "test_jit_paths.py" in str(caught[0].message)
    assert paths(jitted) == 128


def test_a_value_that_leaks():
    kept = []
    jitted = fg.jit(lambda x: kept.append(x * 2.0))
    with pytest.warns(JitWarning):
        jitted(ROW)
    with pytest.raises(fg.errors.LeakedTracerError, match="jit"):
        kept[0] + 1.0
