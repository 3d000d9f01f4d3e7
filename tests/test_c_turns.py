"""Loops whose length the values decide, as one function in C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config
from funcgrad.codegen.c import turns
from funcgrad.codegen.c.toolchain import toolchain

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    before = config.c_compiler()
    config.c_compiler("always")
    yield
    config.c_compiler(before)


def decay(x: Any) -> Any:
    total = x * 0
    while x > 1:
        total = total + x * x
        x = x * 0.9
    return total, x


def power_iteration(a: Any, v: Any) -> Any:
    before, now = 0.0, fnp.sqrt((v * v).sum())
    while abs(now - before) > 1e-5:
        v = a * v / now
        before, now = now, fnp.sqrt((v * v).sum())
    return fnp.round(now, 2)


def fibonacci(v: Any, most: Any) -> Any:
    """Arrays that pass through two places."""
    a, b, c = v * 0, v, v * 2
    while b.max() < most:
        a, b, c = b, c, a + b
    return a, b, c


def swapping(a: Any, b: Any, n: Any) -> Any:
    while n > 0:
        a, b, n = b, a, n - 1
    return a, b


def whole(n: Any, steps: Any) -> Any:
    """Collatz's numbers, without a branch."""
    while n != 1:
        n, steps = fnp.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1
    return n, steps


def truth(x: Any, y: Any, flag: Any) -> Any:
    while flag.any():
        x = fnp.where(flag, x * 0.5, x)
        flag = (x > y) & flag
    return x, flag


def masked(z: Any, c: Any, n: Any) -> Any:
    """Mandelbrot's set: real parts, and how long each has stayed small."""
    inside = z * z < 4
    while inside.any():
        z = fnp.where(inside, z * z + c, z)
        n = n + inside
        inside = (z * z < 4) & (n < 50)
    return z, n


def largest_eigenvalue(a: Any, v: Any) -> Any:
    before, now = 0.0, fnp.sqrt((v * v).sum())
    while abs(now - before) > 1e-5:
        v = a @ (v / now)
        before, now = now, fnp.sqrt((v * v).sum())
    return fnp.round(now, 2)


def column(x: Any, scale: Any) -> Any:
    """Numbers in arrays of one element."""
    while x.max() > scale:
        x, scale = x / 2, scale * 1.01
    return x, scale


LINE = np.linspace(1, 2, 40, dtype="float32")
CASES: dict[str, tuple[Callable[..., Any], Callable[[float], tuple[Any, ...]]]] = {
    "decay": (decay, lambda s: (np.float32(100 * s),)),
    "decay of doubles": (decay, lambda s: (np.float64(100 * s),)),
    "power iteration": (power_iteration, lambda s: (LINE * s, np.ones(40, "float32"))),
    "products": (largest_eigenvalue, lambda s: (np.outer(LINE, LINE) * s, np.ones(40, "float32"))),
    "fibonacci": (fibonacci, lambda s: (LINE, np.float32(1000 * s))),
    "swapping": (swapping, lambda s: (LINE, LINE * 2, np.float32(int(7 * s)))),
    "whole": (whole, lambda s: (np.int64(27 * s + 1), np.int32(0))),
    "truth": (truth, lambda s: (LINE * 100 * s, LINE, LINE > 1.2)),
    "masked": (masked, lambda s: (LINE * 0, LINE * s - 2, np.zeros(40, "int32"))),
    "column": (column, lambda s: (LINE.reshape(8, 5) * 100 * s, np.ones((1, 1), "float32"))),
}


def compiled(jitted: Any) -> list[str]:
    """The texts in C of the loops of a jitted function."""
    programs = (p for u in jitted.units.values() for t in u.trees.values() for _, _, p in t.programs.values())
    return [p.compiled for p in programs if "long turns(" in p.compiled]


def same(found: Any, expected: Any) -> None:
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("often", [False, True], ids=["one call", "many calls"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_results(name: str, often: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if often:  # so that Python calls the function again after a turn or two
        monkeypatch.setattr(turns, "A_WHILE", 30)
    f, args = CASES[name]
    jitted = fg.jit(f)
    before: list[Any] = []
    for scale in (1.0, 2.0, 3.0, 1.5, 2.5, 0.5):
        given = [fg.asarray(x) for x in args(scale)]
        kept = [np.array(x) for x in given]
        found = jitted(*given)
        same(found, f(*given))
        for x, copy in zip(given, kept, strict=True):
            np.testing.assert_array_equal(x, copy)
        before.append((found, [np.array(x) for x in fg.tree.leaves(found)]))
    for found, copies in before:  # nothing is written over later
        for x, copy in zip(fg.tree.leaves(found), copies, strict=True):
            np.testing.assert_array_equal(x, copy)
    assert compiled(jitted)


def test_an_input_in_another_order() -> None:
    jitted = fg.jit(column)
    for scale in (1.0, 2.0, 3.0, 4.0):
        x = np.asfortranarray(LINE.reshape(8, 5) * 100 * scale)
        same(jitted(x, np.ones((1, 1), "float32")), column(fg.asarray(x), fnp.ones((1, 1))))
    assert compiled(jitted)


def test_threads_have_loops_of_their_own() -> None:
    jitted = fg.jit(power_iteration)
    args = [(fg.asarray(LINE * s), fnp.ones(40)) for s in (1.0, 2.0, 3.0, 4.0)]
    expected = [power_iteration(*a) for a in args]
    for a in args:
        jitted(*a)
    wrong: list[Any] = []

    def work(k: int) -> None:
        for _ in range(200):
            try:
                same(jitted(*args[k]), expected[k])
            except AssertionError as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_an_endless_loop_can_be_interrupted() -> None:
    def forever(x: Any, most: Any) -> Any:
        while x < most:
            x = x + 1
            x = fnp.where(x > 1e6, x * 0, x)
        return x

    jitted = fg.jit(forever)
    for most in (10.0, 20.0, 30.0, 40.0):
        jitted(fg.asarray(0.0), fg.asarray(most))
    assert compiled(jitted)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            jitted(fg.asarray(0.0), fg.asarray(np.inf))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert float(jitted(fg.asarray(0.0), fg.asarray(10.0))) == 10.0


def test_what_no_nest_takes_stays_with_python() -> None:
    def squaring(x: Any) -> Any:
        while x.sum() > 1:
            x = x @ x * 0.1
        return x

    jitted = fg.jit(squaring)
    for scale in (1.0, 1.1, 1.2, 0.9):
        x = fg.asarray(np.full((8, 8), scale, "float32"))
        same(jitted(x), squaring(x))
    assert not compiled(jitted)
