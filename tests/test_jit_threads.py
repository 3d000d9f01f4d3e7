"""jit from several threads at once, and after a fork."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import numpy as np
import pytest
from processes import run_alone

import funcgrad as fg
import funcgrad.numpy as fnp


def loop(x, y):
    while x.sum() > 1.0:
        x = x * 0.75
        if y > 2.0:
            y = y - x.sum() * 0.125
    return (x * y).sum()


def together(count: int, work: Any) -> list[Any]:
    """What `work(k)` raised or returned in so many threads at once."""
    found: list[Any] = [None] * count
    start = threading.Barrier(count)

    def run(k: int) -> None:
        start.wait()
        try:
            found[k] = work(k)
        except BaseException as error:  # shown by the test's own thread
            found[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found


@pytest.fixture
def switching():
    """Threads that change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_four_threads_record_and_run_the_same_functions(switching):
    rng = np.random.default_rng(0)
    points = [(fg.asarray(rng.uniform(0.1, 3.0, 3)), fg.asarray(rng.uniform(0.5, 4.0))) for _ in range(40)]
    functions = [loop, fg.grad(loop), lambda x, y: fg.vmap(lambda s: loop(x * s, y))(fnp.asarray([0.5, 1.0, 2.0]))]
    expected = [[np.asarray(f(*p)) for p in points] for f in functions]
    jitted = [fg.jit(f) for f in functions]

    def work(k: int) -> None:
        order = np.random.default_rng(k).permutation(len(points))
        for i in [*order, *order]:
            for f, values in zip(jitted, expected, strict=True):
                np.testing.assert_allclose(np.asarray(f(*points[i])), values[i], rtol=1e-9)

    together(4, work)


@pytest.mark.filterwarnings("ignore::funcgrad.errors.JitWarning")  # what changes while it runs may look impure
def test_a_global_that_another_thread_changes_is_seen(switching):
    box = {"scale": 1.0}
    jitted = fg.jit(lambda x: x * box["scale"])

    def work(k: int) -> None:
        for i in range(200):
            if k == 0:
                box["scale"] = float(i % 3)
            assert float(jitted(2.0)) in (0.0, 2.0, 4.0)

    together(3, work)
    box["scale"] = 7.0
    assert float(jitted(2.0)) == 14.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_process_goes_on_with_the_programs():
    """In a process of its own, where no other library's threads are in the way."""
    program = (
        "import os, warnings\n"
        "import funcgrad as fg, funcgrad.numpy as fnp\n"
        "from test_jit_threads import loop\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"  # Python 3.12's, of forks beside threads
        "jitted = fg.jit(loop)\n"
        "points = [(fnp.asarray([1.0, 2.0, v]), fnp.asarray(3.0)) for v in (0.5, 1.0, 5.0, 9.0)]\n"
        "work = lambda points: [float(jitted(*p)) for p in points]\n"
        "expected = [float(loop(*p)) for p in points]\n"
        "for _ in range(3): work(points[:2])\n"
        "large = fg.jit(lambda x: (fnp.tanh(x) * 2 + fnp.exp(-x * x)).sum())\n"
        "for _ in range(3): large(fnp.ones((2048, 1024)))\n"  # on several threads
        "child = os.fork()\n"
        "if not child:\n"
        "    fine = work(points) == expected and work(points) == expected\n"
        "    fine = fine and float(large(fnp.ones((2048, 1024)))) > 0\n"
        "    os._exit(7 if fine else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    shown = run_alone(program)
    assert shown.stdout == "7\n", shown.stderr
