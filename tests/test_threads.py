"""Work shared out among threads: the same numbers as from one, whoever asks, and BLAS left as it was found."""

import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad.kernels import threads

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((8, 14, 14, 8))  # float64: float32 may be oneDNN's, which has threads of its own
W = RANDOM.standard_normal((3, 3, 8, 16))
IMAGES = RANDOM.standard_normal((33, 20, 20, 16))
POOLS = [F.max_pool2d, F.avg_pool2d]
MATRIX = RANDOM.standard_normal((120, 120))
STACK = RANDOM.standard_normal((6, 60, 60))
HALVES = [slice(0, 1), slice(1, 2)]
TINY = 1e-5


def work():
    """All the operations that share their work out: convolution with both its transposes, pooling, and products."""
    slopes = fg.grad(lambda x, w: (F.conv2d(x, w) ** 2).sum(), argnums=(0, 1))(X, W)
    pooled = [fg.grad(lambda x, pool=pool: (pool(x, 3, stride=1) ** 2).sum())(IMAGES) for pool in POOLS]
    wide = fnp.matmul(MATRIX[:50], np.tile(MATRIX, (1, 2)))  # few rows: cut by columns
    return [np.asarray(a) for a in (*slopes, *pooled, fnp.matmul(MATRIX, MATRIX), fnp.matmul(STACK, STACK), wide)]


def blas_threads():
    return [library.get_num_threads() for library in ThreadpoolController().select(user_api="blas").lib_controllers]


def run_in_threads(function, count=4):
    """Calls of the function in so many threads at once; what each returned or raised."""
    results = [None] * count

    def call(i):
        try:
            results[i] = function()
        except Exception as error:
            results[i] = error

    callers = [threading.Thread(target=call, args=(i,), daemon=True) for i in range(count)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive(), "deadlock"
    return results


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=TINY, atol=TINY * np.abs(b).max())


@pytest.fixture
def two_threads(monkeypatch):
    """Two parts to each work, also on a machine with one core."""
    monkeypatch.setattr(threads._Blas, "threads", lambda self: 2)


@pytest.fixture
def one_thread():
    with threadpool_limits(1):
        return work()


def test_results_are_those_of_one_thread(one_thread, two_threads, monkeypatch) -> None:
    shared, each_part = [], threads.each_part
    monkeypatch.setattr(threads, "each_part", lambda work, cuts: shared.append(len(cuts)) or each_part(work, cuts))
    assert_equal(work(), one_thread)
    # conv and its two transposes; argmax, gather and scatter; sum and spread; the three products
    assert shared == [2] * 11


def test_results_are_those_of_numpy(two_threads) -> None:
    product, stacked, wide = work()[-3:]
    with threadpool_limits(1):
        assert_equal([product, stacked, wide], [MATRIX @ MATRIX, STACK @ STACK, MATRIX[:50] @ np.tile(MATRIX, (1, 2))])


def test_callers_in_several_threads_get_the_same_numbers(two_threads) -> None:
    expected = work()
    before = blas_threads()
    for found in run_in_threads(lambda: [work() for _ in range(3)]):
        for once in found:
            for a, b in zip(once, expected, strict=True):
                np.testing.assert_array_equal(a, b)
    assert blas_threads() == before


@pytest.mark.parametrize("first", ["caller", "other"])
def test_blas_has_its_threads_back_whoever_leaves_last(first: str) -> None:
    """threadpoolctl by itself ignores what any thread but the first sets."""
    before = blas_threads()
    inside, leave = threading.Barrier(2), threading.Event()
    seen = []

    def enter_and_wait() -> None:
        with threads._blas:
            inside.wait(10)
            assert leave.wait(10)
            seen.append(blas_threads())

    other = threading.Thread(target=enter_and_wait)
    if first == "other":
        other.start()
        while not threads._blas._users:
            time.sleep(0.001)
    with threads._blas:
        if first == "caller":
            other.start()
        inside.wait(10)
    assert blas_threads() == [1] * len(before)  # the other is still inside
    leave.set()
    other.join(10)
    assert seen == [[1] * len(before)]
    assert blas_threads() == before


def test_an_exception_in_a_part_reaches_the_caller(two_threads) -> None:
    before = blas_threads()
    for failing in range(3):
        done = []

        def part(cut: slice, failing: int = failing, done: list[int] = done) -> None:
            if cut.start == failing:
                raise ValueError(f"part {cut.start}")
            time.sleep(0.02)
            done.append(cut.start)

        with pytest.raises(ValueError, match=f"part {failing}"):
            threads.each_part(part, [*HALVES, slice(2, 3)])
        finished = len(done)
        time.sleep(0.05)
        assert len(done) == finished, "a part went on behind the caller's back"
        assert threads.each_part(lambda cut: cut.start, HALVES) == [0, 1]
    assert blas_threads() == before


def test_parts_may_be_shared_out_themselves() -> None:
    """More of them than there are threads: a part that waits for a part that waits for a thread would wait forever."""

    def nested(cut: slice) -> int:
        return sum(threads.each_part(lambda inner: 10 * cut.start + inner.start, HALVES))

    found = run_in_threads(lambda: [threads.each_part(nested, HALVES) for _ in range(50)])
    assert found == [[[1, 21]] * 50] * 4


def test_the_callers_error_state_holds_in_every_part(two_threads) -> None:
    huge = np.full((120, 120), 1e300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="ignore"):
            assert np.isinf(np.asarray(fnp.matmul(huge, huge))).all()
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            fnp.matmul(huge, huge)


def test_one_blas_thread_means_one_part() -> None:
    with threadpool_limits(1):
        assert threads.parts(100, 10**9) == [slice(0, 100)]
    assert threads.parts(0, 0) == [slice(0, 0)]
    assert threads.parts(100, 10) == [slice(0, 100)]


def test_parts_cover_the_range_evenly(two_threads) -> None:
    for count in (1, 2, 5, 100):
        cuts = threads.parts(count, 10**9)
        assert [i for cut in cuts for i in range(count)[cut]] == list(range(count))
        assert max(c.stop - c.start for c in cuts) - min(c.stop - c.start for c in cuts) <= 1


def run_python(program: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    found = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    assert not found.stderr
    return found.stdout


PROGRAM = """
import numpy as np, threading, time
import funcgrad.functional as F
x, w = np.ones((8, 20, 20, 8)), np.ones((3, 3, 8, 16))
def convolve():
    return float(F.conv2d(x, w).sum())
"""


def test_with_one_blas_thread_from_the_start() -> None:
    program = PROGRAM + "print(convolve(), threading.active_count())"
    assert run_python(program, OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1") == f"{8 * 18 * 18 * 16 * 72.0} 1\n"


def test_a_thread_that_outlives_the_main_one_convolves() -> None:
    program = PROGRAM + (
        "import funcgrad.kernels.threads as t\n"
        "t._Blas.threads = lambda self: 2\n"
        "convolve()\n"
        "def later():\n"
        "    threading.main_thread().join()\n"
        "    time.sleep(0.1)\n"
        "    print(convolve())\n"
        "threading.Thread(target=later).start()\n"
    )
    assert run_python(program) == f"{8 * 18 * 18 * 16 * 72.0}\n"


# in interpreters of their own: libraries that other tests import warn of forks beside threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_convolves() -> None:
    """It has none of the threads that its parent's pool had."""
    program = PROGRAM + (
        "import os, warnings\n"
        "import funcgrad.kernels.threads as t\n"
        "t._Blas.threads = lambda self: 2\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"  # Python 3.12's, of forks beside threads
        "expected = convolve()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(7 if convolve() == expected else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert run_python(program) == "7\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_multiprocessing_by_fork_convolves() -> None:
    program = PROGRAM + (
        "import multiprocessing as m, warnings\n"
        "import funcgrad.kernels.threads as t\n"
        "t._Blas.threads = lambda self: 2\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "convolve()\n"
        "with m.get_context('fork').Pool(2) as pool:\n"
        "    print(set(pool.starmap_async(convolve, [()] * 4).get(60)))\n"
    )
    assert run_python(program) == f"{{{8 * 18 * 18 * 16 * 72.0}}}\n"
