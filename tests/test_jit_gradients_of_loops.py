"""Reverse mode of a jitted function whose loops are rolled: state by state, with no record for each number of turns."""

from __future__ import annotations

import random
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from rolled import TURNS, WEIGHTS, X, alike, by_state, hold_over_turns, number, runs, turned

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.transforms.explain import units


def test_numbers_of_turns_need_no_records_of_their_own():
    jitted = fg.jit(turned)
    found, plain = fg.grad(jitted), fg.grad(turned)
    order = list(range(1, 51))
    random.Random(0).shuffle(order)
    for n in order:
        assert float(found(X, number(n))) == float(plain(X, number(n)))
    assert runs(jitted) <= 6
    assert by_state(jitted) >= 45
    states = [unit for unit in units(jitted) if "state by state" in unit.name]
    programs = [s for unit in states for tree in unit.trees.values() for s in tree.interned.values()]
    assert len(programs) <= 8


# ---- what a loop may hold -----------------------------------------------------------------------


def test_a_captured_array_that_changes():
    w = fg.asarray(0.5)

    def f(x, n):
        while n > 0:
            x, n = fnp.sin(x) * w, n - 1
        return x

    jitted, forward = fg.jit(f), fg.jit(f)
    for k, n in enumerate((3, 1, 5, 2, 8, 0, 4, 9)):
        w = fg.asarray(0.5 + 0.25 * k)
        alike(fg.grad(jitted)(X, number(n)), fg.grad(f)(X, number(n)))
        alike(forward(X, number(n)), f(X, number(n)))
    assert by_state(jitted) >= 4
    assert runs(jitted) <= 6
    assert runs(forward) <= 4


def layer(v: Any) -> Any:
    return fnp.tanh(WEIGHTS @ v)


def test_an_array_that_no_local_variable_holds():
    def f(v, n):
        while n > 0:
            v, n = layer(v), n - 1
        return v.sum()

    jitted, forward, v = fg.jit(f), fg.jit(f), fg.asarray([0.1, 0.2, 0.3])
    for n in (*TURNS, 10, 12, 11):
        alike(fg.grad(jitted)(v, number(n)), fg.grad(f)(v, number(n)))
        alike(forward(v, number(n)), f(v, number(n)))
    assert by_state(jitted) >= 6
    assert runs(jitted) <= 6
    assert runs(forward) <= 6


@pytest.mark.parametrize("step", [0.5, 2])
def test_python_numbers_as_inputs_and_in_turns(step):
    def f(x, n, step):
        total = step
        while n > 0:
            x, n, total = fnp.sin(x) * step + x / total, n - 1, total + step
        return x * total

    jitted = hold_over_turns(f, step)
    before = runs(jitted)
    alike(fg.grad(jitted)(X, number(11), step * 2), fg.grad(f)(X, number(11), step * 2))
    assert runs(jitted) == before


def test_a_python_number_that_counts():
    jitted = fg.jit(turned)
    for n in (*TURNS, 30):
        alike(fg.grad(jitted)(X, n), fg.grad(turned)(X, n))
    assert runs(jitted) <= 6


def test_python_numbers_among_the_results():
    def f(x, n):
        count = 0 * n
        while n > 0:
            x, n, count = fnp.sin(x), n - 1, count + 2
        return x, count

    jitted = fg.jit(f)
    for n in TURNS:
        (value, count), slope = fg.value_and_grad(jitted, has_aux=True)(X, n)
        alike((value, slope), fg.value_and_grad(lambda x, n: f(x, n)[0])(X, n))
        assert count == 2 * n
        assert type(count) is int
    plain = fg.jit(lambda x, n: (x * x, n + 1))
    assert [fg.grad(plain, has_aux=True)(X, n)[1] for n in (1, 2, 3, 4)] == [2, 3, 4, 5]


def test_what_does_not_lead_to_the_result_has_no_cotangent():
    def f(x, n):
        infinite, y = x, x
        while n > 0:
            infinite = fnp.sqrt(x - x) + infinite * 0.0  # its derivative is infinite, and zero times that is none
            y, n = fnp.sin(y), n - 1
        return y

    with np.errstate(all="ignore"):
        hold_over_turns(f)


def test_stop_gradient_and_integers_between_turns():
    def f(x, n):
        a, y = n, fg.stop_gradient(x)
        while n > 0:
            a, n = a + 1, n - 1
            y = fnp.where(a % 2 == 0, x * y, fg.stop_gradient(y) + a * x)
        return y

    hold_over_turns(f)


def test_a_tree_in_and_out_with_an_auxiliary_result():
    def f(p, n):
        h, kept = p["w"] @ p["v"], p["v"]
        while n > 0:
            kept, n = fnp.tanh(p["w"] @ kept + p["b"]), n - 1
        return kept.sum() + h.sum(), {"h": kept}

    rng = np.random.default_rng(0)
    p = {"w": fg.asarray(rng.random((3, 3))), "v": fg.asarray(rng.random(3)), "b": fg.asarray(rng.random(3))}
    jitted = fg.jit(f)
    for n in TURNS:
        found = fg.value_and_grad(jitted, has_aux=True)(p, number(n))
        alike(found, fg.value_and_grad(f, has_aux=True)(p, number(n)))
    assert by_state(jitted) >= 3


def test_scan_and_while_loop_inside_of_a_turn():
    def f(x, n):
        while n > 0:
            x, _ = fg.scan(lambda h, _: (fnp.sin(h) * 1.25, None), x, length=3)
            x = fg.while_loop(lambda h: h > 0.5, lambda h: h * h * 0.75, x)
            n = n - 1
        return x

    hold_over_turns(f)


def test_an_effect_happens_once(capsys):
    def f(x, n):
        while n > 0:
            x, n = fnp.sin(x), n - 1
        fg.debug.print("x = {}", x)
        return x

    jitted = fg.jit(f)
    for n in TURNS:
        slope = fg.grad(jitted)(X, number(n))
        shown = capsys.readouterr().out
        alike(slope, fg.grad(f)(X, number(n)))
        assert shown == capsys.readouterr().out
        assert len(shown.splitlines()) == 1


def test_an_effect_beside_a_loop_happens_once(capsys):
    def f(x, n):
        if x < 0:
            y = fnp.cos(x)
            fg.debug.print("x = {}", y)
            return y * x
        while n > 0:
            x, n = fnp.sin(x), n - 1
        return x

    jitted = fg.jit(f)
    for n in TURNS:
        alike(fg.grad(jitted)(X, number(n)), fg.grad(f)(X, number(n)))
    before = by_state(jitted)
    for _ in range(4):
        alike(fg.grad(jitted)(-X, number(2)), fg.grad(f)(-X, number(2)))
        first, second = capsys.readouterr().out.splitlines()
        assert first == second
    assert by_state(jitted) == before + 2


def test_an_error_of_the_user_in_a_late_turn():
    def f(x, n, k):
        while n > 0:
            x, n, k = fnp.sin(x) / (1 / k), n - 1, k - 1
        return x

    jitted = fg.jit(f)
    for n in TURNS:
        alike(fg.grad(jitted)(X, number(n), 9), fg.grad(f)(X, number(n), 9))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fg.grad(jitted)(X, number(7), 3)
        alike(fg.grad(jitted)(X, number(2), 3), fg.grad(f)(X, number(2), 3))
    assert by_state(jitted) >= 3


def test_values_that_numpy_takes_out_of_the_derivative_are_told_of():
    def f(x, n):
        while n > 0:
            x, n = fnp.sin(x), n - 1
        return x * float(np.asarray(x))

    jitted = fg.jit(f)
    for n in (3, 1, 5, 2):
        with pytest.raises(fg.errors.LostDerivativeWarning, match=r"np\.asarray\(x\).* of a value under grad"):
            fg.grad(jitted)(X, number(n))


def test_an_impure_function_is_found_out():
    count = iter(range(1000))

    def f(x, n):
        while n > 0:
            x, n = fnp.sin(x) * float(next(count)), n - 1
        return x

    jitted = fg.jit(f)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in (3, 3, 3, 3, 5, 2):
            fg.grad(jitted)(X, number(n))
    assert [w.category for w in caught] == [fg.errors.JitWarning]
    assert "runs without programs: it is not pure" in str(caught[0].message)


def test_loops_in_loops_with_branches():
    def f(x, y, n):
        total = x
        while n > 0:
            m = n
            while m > 0 and total > 0.1:
                if total > y:
                    total, y = total * 0.75 - y * 0.125, y * 1.125
                else:
                    total = total + y * x
                m = m - 1
            n = n - 1
        return total * y

    jitted, forward, rng = fg.jit(f), fg.jit(f), np.random.default_rng(1)
    for _ in range(80):
        args = fg.asarray(rng.random() * 2), fg.asarray(rng.random()), number(rng.integers(0, 7))
        alike(fg.grad(jitted, (0, 1))(*args), fg.grad(f, (0, 1))(*args))
        alike(forward(*args), f(*args))
    assert runs(jitted) <= 30
    assert runs(forward) <= 25
    assert by_state(jitted) >= 50


# ---- with other transforms ----------------------------------------------------------------------


def test_a_pullback_is_called_twice_batched_differentiated_and_jitted():
    cts = fnp.asarray([1.0, -2.0, 0.5])
    uses = [
        lambda pull: pull(cts[0]),
        lambda pull: pull(cts[1]),
        lambda pull: fg.vmap(pull)(cts),
        lambda pull: fg.grad(lambda ct: pull(ct)[0] ** 2)(cts[1]),
        lambda pull: fg.jvp(pull, (cts[0],), (cts[1],)),
        lambda pull: [compiled(ct) for compiled in [fg.jit(lambda ct: pull(ct)[0])] for ct in cts],
    ]
    jitted = fg.jit(turned)
    for n in TURNS:
        _, pull = fg.vjp(jitted, X, number(n))
        _, plain = fg.vjp(turned, X, number(n))
        for use in uses:
            alike(use(pull), use(plain))
    assert by_state(jitted) >= 5


def test_a_result_without_a_cotangent():
    def f(x, n):
        y = x
        while n > 0:
            y, x, n = fnp.sqrt(y), fnp.sin(x), n - 1
        return x, y

    jitted = fg.jit(f)
    for n in TURNS:
        pulls = [fg.vjp(g, X, number(n))[1] for g in (jitted, f)]
        for cts in ((fg.asarray(1.0), None), (None, fg.asarray(2.0)), (None, None)):
            alike(*(pull(cts)[0] for pull in pulls))


@pytest.mark.parametrize(
    "made",
    [
        lambda f: fg.grad(fg.grad(f)),
        lambda f: fg.jit(fg.grad(f)),
        lambda f: lambda x, n: fg.vmap(fg.grad(f), in_axes=(0, None))(fnp.stack([x, x * 0.5]), n),
        lambda f: lambda x, n: fg.jvp(lambda v: fg.grad(f)(v, n), (x,), (fg.asarray(2.0),)),
        lambda f: fg.grad(fg.jit(fg.grad(f))),
        lambda f: fg.value_and_grad(f, memory="1MB"),
        lambda f: lambda x, n: fg.grad(lambda v: f(f(v, n), n))(x),
    ],
    ids=["grad of grad", "jit of grad", "vmap of grad", "jvp of grad", "grad of jit of grad", "memory", "twice in one"],
)
def test_higher_orders(made):
    jitted = fg.jit(turned)
    for n in TURNS:
        alike(fg.grad(jitted)(X, number(n)), fg.grad(turned)(X, number(n)))
        alike(made(jitted)(X, number(n)), made(turned)(X, number(n)))


def test_threads_have_stacks_of_their_own():
    jitted = fg.jit(turned)
    for n in (3, 1, 5, 2):
        fg.grad(jitted)(X, number(n))
    wrong: list[Any] = []

    def work(k: int) -> None:
        for n in range(12):
            x, turns = fg.asarray(0.1 * k), number((n * 7 + k) % 12)
            found, expected = fg.grad(jitted)(x, turns), fg.grad(turned)(x, turns)
            if float(found) != float(expected):
                wrong.append((k, n))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_explain_and_clear_caches(capsys):
    jitted = fg.jit(turned)
    for n in TURNS:
        fg.grad(jitted)(X, number(n))
    fg.explain(jitted, source=True)
    text = capsys.readouterr().out
    assert "grad of turned, state by state" in text
    assert "again, as above" in text
    assert "np.cos" in text
    fg.clear_caches()
    assert runs(jitted) == 0
    alike(fg.grad(jitted)(X, number(3)), fg.grad(turned)(X, number(3)))


def test_without_loops_the_derivative_is_one_record():
    def f(x, n):
        return fnp.sin(x) * n if x > 0 else -x

    jitted = fg.jit(f)
    for x in (0.5, 0.5, -0.5, -0.5, 0.25, -0.25):
        alike(fg.grad(jitted)(fg.asarray(x), 2.0), fg.grad(f)(fg.asarray(x), 2.0))
    assert runs(jitted) == 4
    assert not any("state by state" in unit.name for unit in units(jitted))
