"""What transforms leave behind: the memory of the tape, and the current transform of each thread and task."""

import asyncio
import gc
import threading
import weakref

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core import PRIMITIVES
from funcgrad.errors import LeakedTracerError
from funcgrad.rules import general

# ---- memory ------------------------------------------------------------------------------------


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def memory_of(x):
    """A weak reference to the memory of a value under grad."""
    data = np.asarray(fg.stop_gradient(x))
    while data.base is not None:
        data = data.base
    return weakref.ref(data)


class TestMemory:
    def test_a_branch_whose_result_nobody_holds_is_freed_at_once(self):
        refs = []

        def f(x):
            dead = fnp.exp(x)
            refs.append(memory_of(dead))
            dead = dead * dead
            refs.append(memory_of(dead))
            del dead
            assert [r() for r in refs] == [None, None]
            alive = fnp.exp(x)  # exp keeps its result for backward
            refs.append(memory_of(alive))
            total = alive.sum()
            del alive
            assert refs[2]() is not None
            return total

        gc.disable()
        try:
            fg.grad(f)(fnp.ones(4))
            assert refs[2]() is None
        finally:
            gc.enable()

    def test_values_that_no_rule_reads_are_freed_during_the_forward_pass(self):
        def f(x):
            y = x * 2.0
            ref = memory_of(y)
            z = y + 1.0
            del y
            assert ref() is None
            return z.sum()

        assert fg.grad(f)(fnp.ones(3)).tolist() == [2.0, 2.0, 2.0]

    def test_of_the_tape_nothing_is_left_after_grad(self):
        refs = []

        def f(params, x):
            h = fnp.tanh(x @ params["w"])
            refs.append(memory_of(h))
            out = fnp.exp(h * h).sum()
            refs.append(memory_of(out))
            return out

        gc.collect()
        gc.disable()
        try:
            found = fg.grad(f)({"w": fnp.ones((3, 2))}, fnp.ones((4, 3)))
            assert [r() for r in refs] == [None, None]
        finally:
            gc.enable()
        assert found["w"].shape == (3, 2)

    @pytest.mark.parametrize("transform", ["grad", "vjp"])
    def test_backward_frees_what_it_has_used_where_nobody_can_ask_again(self, transform):
        refs, held = [], []

        def look(g):
            held.append(refs[0]() is not None)
            return g

        watched = general("watched(x)", impl=lambda xp, x: x + 0, infer=lambda x: x, x=look)

        def f(x):
            y = fnp.exp(watched(x))
            refs.append(memory_of(y))
            return y.sum()

        try:
            if transform == "grad":
                fg.grad(f)(fnp.ones(3))
            else:
                fg.vjp(f, fnp.ones(3))[1](1.0)
        finally:
            del PRIMITIVES["watched"]
        assert held == [transform == "vjp"]  # a pullback may be called again

    def test_a_pullback_holds_the_tape_as_long_as_it_lives(self):
        refs = []

        def f(x):
            y = fnp.exp(x)
            refs.append(memory_of(y))
            return y * 2.0

        out, pull = fg.vjp(f, fnp.ones(3))
        assert refs[0]() is not None
        pull(out)
        assert refs[0]() is not None
        del pull
        gc.collect()
        assert refs[0]() is None

    def test_an_exception_in_the_function_leaves_nothing_behind(self):
        refs = []

        def f(x):
            y = fnp.exp(x)
            refs.append(memory_of(y))
            raise KeyError("user error")

        with pytest.raises(KeyError, match="user error"):
            fg.grad(f)(fnp.ones(3))
        gc.collect()
        assert refs[0]() is None

    def test_a_chain_of_20000_operations_is_differentiated_and_freed(self):
        def chain(x):
            for _ in range(10_000):
                x = x * 1.0001 + 0.0001
            return x

        x = np.float64(0.5)
        close(fg.grad(chain)(x), 1.0001**10_000)
        close(fg.jvp(chain, (x,), (1.0,))[1], 1.0001**10_000)
        out, pull = fg.vjp(chain, x)
        close(pull(1.0)[0], 1.0001**10_000)
        del out, pull  # the tape goes here, node by node
        kept = []
        fg.vjp(lambda x: kept.append(chain(x)) or x, x)
        kept.clear()  # and here from a tracer that outlived its transform


# ---- contexts ----------------------------------------------------------------------------------


def slow_gradient(n, pause):
    """d/dx x^n at 2 by n - 1 products, with a pause between them for others to come in."""

    def f(x):
        y = x
        for _ in range(n - 1):
            pause()
            y = y * x
        return y

    return float(fg.grad(f)(2.0))


class TestContexts:
    def test_threads_do_not_disturb_each_other(self):
        count = 6
        barrier = threading.Barrier(count, timeout=60)
        found = {}

        def work(n):
            found[n] = slow_gradient(8, barrier.wait) if n % 2 else fg.vmap(counted)(fnp.arange(3.0) + n).tolist()

        def counted(x):
            y = x
            for _ in range(7):
                barrier.wait()
                y = y * 2.0
            return y

        threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = {n: 8 * 2.0**7 if n % 2 else [128.0 * (n + i) for i in range(3)] for n in range(count)}
        assert found == expected

    def test_asyncio_tasks_do_not_disturb_each_other(self):
        async def gradient(n):
            await asyncio.sleep(0)
            return float(fg.grad(lambda x: x**n)(2.0))

        async def eager(n):
            await asyncio.sleep(0)
            return type(fnp.asarray(1.0) + n) is fg.Array

        async def everything():
            return await asyncio.gather(*[gradient(n) if n % 2 else eager(n) for n in range(1, 9)])

        assert asyncio.run(everything()) == [1.0, True, 12.0, True, 80.0, True, 448.0, True]

    def test_a_coroutine_suspended_inside_a_transform_leaves_the_others_eager(self):
        # what f starts in a task of its own has a context of its own
        async def main():
            seen = []

            async def other():
                seen.append(type(fnp.asarray(2.0) * 3.0))

            def f(x):
                tasks.append(asyncio.get_running_loop().create_task(other()))
                return x * x

            tasks = []
            assert float(fg.grad(f)(3.0)) == 6.0
            await tasks[0]
            return seen

        assert asyncio.run(main()) == [fg.Array]

    def test_an_exception_inside_leaves_no_transform_behind(self):
        def fails(x):
            raise ZeroDivisionError

        for call in (
            lambda: fg.grad(fails)(1.0),
            lambda: fg.jvp(fails, (1.0,), (1.0,)),
            lambda: fg.vjp(fails, 1.0),
            lambda: fg.vmap(fails)(fnp.ones(2)),
            lambda: fg.hessian(fails)(fnp.ones(2)),
            lambda: fg.grad(lambda x: fg.vmap(fg.grad(fails))(x).sum())(fnp.ones(2)),
        ):
            with pytest.raises(ZeroDivisionError):
                call()
            assert type(fnp.asarray(1.0) + 1.0) is fg.Array

    def test_an_exception_caught_inside_leaves_the_outer_transform_in_place(self):
        def f(x):
            try:
                fg.vmap(lambda y: y[5])(fnp.ones((2, 3)) * x)
            except IndexError:
                return x * x
            raise AssertionError("the index was out of range")

        assert float(fg.grad(f)(3.0)) == 6.0

    def test_an_array_computed_inside_from_constants_alone_is_a_plain_array(self):
        kept = []
        fg.grad(lambda x: kept.append(fnp.ones(2) * 3.0) or x)(1.0)
        assert type(kept[0]) is fg.Array
        assert (kept[0] + 1.0).tolist() == [4.0, 4.0]

    def test_a_thread_started_inside_does_not_share_the_transform(self):
        caught = []

        def work(x):
            try:
                x * 2.0
            except LeakedTracerError as error:
                caught.append(str(error))

        def f(x):
            thread = threading.Thread(target=work, args=(x,))
            thread.start()
            thread.join()
            return x

        fg.grad(f)(1.0)
        assert len(caught) == 1
        assert "runs in another thread" in caught[0]
