"""`grad`, `value_and_grad` and `stop_gradient`: arguments, outputs, Python control flow, and the tape's memory."""

import asyncio
import functools
import gc
import threading
import weakref
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import LeakedTracerError

Point = namedtuple("Point", ["x", "y"])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# ---- which arguments ---------------------------------------------------------------------------


def weighted(x, y, z=1.0, *, scale=1.0):
    return x * y**2 * z**3 * scale**4


class TestArguments:
    def test_the_first_argument_is_the_default(self):
        assert float(fg.grad(weighted)(2.0, 3.0)) == 9.0

    @pytest.mark.parametrize(("argnums", "expected"), [(0, 9.0), (1, 12.0), (2, 54.0), (-1, 54.0), (-3, 9.0)])
    def test_an_int_chooses_one_argument_also_from_the_back(self, argnums, expected):
        assert float(fg.grad(weighted, argnums)(2.0, 3.0, 1.0)) == expected

    @pytest.mark.parametrize("argnums", [(2, 0), [2, 0], (-1, -3)])
    def test_a_sequence_gives_a_tuple_in_its_own_order(self, argnums):
        found = fg.grad(weighted, argnums)(2.0, 3.0, 1.0)
        assert isinstance(found, tuple)
        assert [float(g) for g in found] == [54.0, 9.0]

    def test_a_sequence_of_one_gives_a_tuple_of_one(self):
        (found,) = fg.grad(weighted, (1,))(2.0, 3.0)
        assert float(found) == 12.0

    def test_a_string_chooses_one_argument_by_name(self):
        assert float(fg.grad(weighted, argnames="scale")(2.0, 3.0, scale=1.0)) == 72.0

    def test_a_sequence_of_names_gives_a_dict(self):
        found = fg.grad(weighted, argnames=["scale", "z"])(2.0, 3.0, z=1.0, scale=1.0)
        assert {k: float(v) for k, v in found.items()} == {"scale": 72.0, "z": 54.0}

    def test_a_named_argument_may_be_passed_by_position(self):
        assert float(fg.grad(weighted, argnames="y")(2.0, 3.0)) == 12.0
        assert float(fg.grad(weighted, argnames="y")(2.0, y=3.0)) == 12.0

    def test_numbers_and_names_together_give_a_pair(self):
        found = fg.grad(weighted, 0, argnames="scale")(2.0, 3.0, scale=1.0)
        assert [float(g) for g in found] == [9.0, 72.0]
        by_number, by_name = fg.grad(weighted, (0,), argnames=("scale",))(2.0, 3.0, scale=1.0)
        assert float(by_number[0]) == 9.0
        assert float(by_name["scale"]) == 72.0

    def test_a_name_is_not_looked_for_among_starred_arguments(self):
        def f(*xs, w=1.0):
            return xs[0] * w

        assert float(fg.grad(f, argnames="w")(5.0, 6.0, 7.0, w=2.0)) == 5.0
        with pytest.raises(ValueError, match="no argument named 'w' was passed"):
            fg.grad(f, argnames="w")(5.0, 6.0, 7.0)

    def test_names_reach_through_a_transformed_function(self):
        assert float(fg.grad(fg.grad(weighted, argnames="y"), argnames="y")(2.0, 3.0)) == 4.0

    def test_partial_functions_methods_and_callable_objects_are_functions(self):
        class Model:
            def __init__(self, w):
                self.w = w

            def __call__(self, x):
                return self.w * x**2

            def method(self, x):
                return self.w * x**3

        assert float(fg.grad(functools.partial(weighted, y=3.0))(2.0)) == 9.0
        assert float(fg.grad(Model(2.0))(3.0)) == 12.0
        assert float(fg.grad(Model(2.0).method)(3.0)) == 54.0

    def test_the_function_keeps_its_documentation_and_shows_its_name(self):
        def f(x):
            """What f is."""
            return x

        assert fg.grad(f).__name__ == "grad_of_f"
        assert fg.value_and_grad(f).__name__ == "value_and_grad_of_f"
        assert fg.grad(f).__doc__ == "What f is."

    def test_arguments_outside_of_argnums_reach_the_function_as_they_are(self):
        seen = []

        def f(x, n, name, flags, table):
            seen.append((n, name, flags, table))
            return x**n

        table = np.arange(3)
        assert float(fg.grad(f)(2.0, 3, "relu", {"train": True}, table)) == 12.0
        n, name, flags, same = seen[0]
        assert (type(n), name, flags) == (int, "relu", {"train": True})
        assert same is table

    def test_integer_arrays_outside_of_argnums_select_elements(self):
        found = fg.grad(lambda x, index: x[index].sum())(fnp.ones(3), fnp.asarray([2, 0, 2]))
        assert found.tolist() == [1.0, 0.0, 2.0]


# ---- pytrees -----------------------------------------------------------------------------------


class TestPytrees:
    def test_the_gradient_has_the_structure_of_the_argument(self):
        params = {
            "layers": [Point(1.0, 2.0), Point(3.0, 4.0)],
            "none": None,
            "empty": {},
            "more": (OrderedDict(b=5.0, a=6.0), defaultdict(float, c=7.0), []),
        }

        def f(p):
            first, second = p["layers"]
            ordered, default, _ = p["more"]
            assert p["none"] is None
            return first.x * first.y + second.x**2 + second.y * ordered["b"] + ordered["a"] * default["c"]

        found = fg.grad(f)(params)
        assert fg.tree.structure(found) == fg.tree.structure(params)
        assert isinstance(found["layers"][0], Point)
        assert fg.tree.map(float, found) == {
            "layers": [Point(2.0, 1.0), Point(6.0, 5.0)],
            "none": None,
            "empty": {},
            "more": (OrderedDict(b=4.0, a=7.0), defaultdict(float, c=6.0), []),
        }

    @pytest.mark.parametrize("empty", [{}, (), [], None])
    def test_a_tree_without_leaves_has_a_gradient_without_leaves(self, empty):
        assert fg.grad(lambda p, x: x * x)(empty, 3.0) == empty

    def test_unused_arguments_get_zeros_of_their_shape_and_dtype(self):
        params = {"used": fnp.ones(2), "unused": fnp.ones((2, 3), dtype="float64")}
        found = fg.grad(lambda p: p["used"].sum())(params)
        assert found["unused"].tolist() == [[0.0] * 3] * 2
        assert found["unused"].dtype == np.float64

    def test_a_constant_function_has_the_gradient_zero(self):
        value, found = fg.value_and_grad(lambda x: 7.0)(fnp.ones(3))
        assert float(value) == 7.0
        assert found.tolist() == [0.0, 0.0, 0.0]

    def test_one_array_in_two_places_gets_a_gradient_for_each(self):
        x = fnp.asarray(3.0)
        found = fg.grad(lambda p: p[0] ** 2 * p[1])((x, x))
        assert [float(g) for g in found] == [18.0, 9.0]

    def test_an_argument_that_is_the_result_has_the_gradient_one(self):
        assert float(fg.grad(lambda x: x)(3.0)) == 1.0

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_the_gradient_has_the_dtype_of_its_argument(self, dtype):
        x = fnp.asarray([1.0, 2.0], dtype=dtype)
        found = fg.grad(lambda x: (x.astype("float64") ** 2 * 0.5).sum())(x)
        assert found.dtype == np.dtype(dtype)
        assert found.tolist() == [1.0, 2.0]

    def test_numpy_arrays_and_python_floats_are_arguments(self):
        found = fg.grad(lambda p: (p["w"] * p["s"]).sum())({"w": np.array([1.0, 2.0]), "s": 3.0})
        assert found["w"].dtype == np.float64
        assert found["w"].tolist() == [3.0, 3.0]
        assert float(found["s"]) == 3.0


# ---- auxiliary data ----------------------------------------------------------------------------


class TestAux:
    def test_auxiliary_data_come_back_with_their_values(self):
        def f(x):
            return (x**2).sum(), {"double": 2 * x, "name": "f", "none": None, "n": (3, [x[0]])}

        found, aux = fg.grad(f, has_aux=True)(fnp.asarray([1.0, 2.0]))
        assert found.tolist() == [2.0, 4.0]
        assert type(aux["double"]) is fg.Array
        assert aux["double"].tolist() == [2.0, 4.0]
        assert (aux["name"], aux["none"], aux["n"][0], float(aux["n"][1][0])) == ("f", None, 3, 1.0)

    def test_value_and_grad_puts_them_beside_the_value(self):
        (value, aux), found = fg.value_and_grad(lambda x: (x * x, x + 1.0), has_aux=True)(3.0)
        assert (float(value), float(aux), float(found)) == (9.0, 4.0, 6.0)

    def test_they_are_differentiated_by_an_outer_transform(self):
        def outer(x):
            found, aux = fg.grad(lambda y: (y * x, y * x * x), has_aux=True)(2.0)
            return found * aux  # x * 2 x^2

        assert float(fg.grad(outer)(3.0)) == 54.0

    def test_they_work_with_batches(self):
        found, aux = fg.vmap(fg.grad(lambda x: (x**3, x * 10), has_aux=True))(fnp.asarray([1.0, 2.0]))
        assert found.tolist() == [3.0, 12.0]
        assert aux.tolist() == [10.0, 20.0]


# ---- Python control flow -----------------------------------------------------------------------


class TestControlFlow:
    def test_if_takes_the_branch_of_the_value(self):
        def f(x):
            if x > 1:
                return x**2
            elif x < -1:
                return -x
            return x * 0 + 5.0

        assert [float(fg.grad(f)(x)) for x in (3.0, -3.0, 0.5)] == [6.0, -1.0, 0.0]

    def test_while_runs_as_often_as_the_values_say(self):
        def f(x):
            y = x
            while y < 100:
                y = y * x
            return y

        assert float(fg.grad(f)(3.0)) == 5 * 3.0**4
        assert float(fg.grad(f)(5.0)) == 3 * 5.0**2

    def test_for_over_elements_with_break_and_continue(self):
        def f(x):
            total = 0.0
            for element in x:
                if element < 0:
                    continue
                if element > 10:
                    break
                total = total + element**2
            return total

        assert fg.grad(f)(fnp.asarray([1.0, -5.0, 3.0, 11.0, 4.0])).tolist() == [2.0, 0.0, 6.0, 0.0, 0.0]

    def test_recursion(self):
        def power(x, n):
            return x * power(x, n - 1) if n else 1.0

        assert float(fg.grad(power)(2.0, 5)) == 80.0

    def test_item_float_int_bool_len_and_index_see_the_value(self):
        def f(x, table):
            assert x.item() == 2.5
            assert type(float(x)) is float
            assert float(x) == 2.5
            assert int(x) == 2
            assert complex(x) == 2.5
            assert bool(x)
            assert len(table * x) == 3
            assert x.tolist() == 2.5
            return x * int(x) * float(x)  # int(x) and float(x) are constants

        assert float(fg.grad(f)(2.5, fnp.ones(3))) == 5.0

    def test_print_and_format_show_the_value(self, capsys):
        def f(x):
            print(x, f"{x:.1f}", f"{x}", repr(x))
            return x * x

        fg.grad(f)(2.5)
        assert capsys.readouterr().out == "2.5 2.5 2.5 GradTracer(Array(2.5, dtype=float32))\n"

    def test_print_shows_the_value_under_several_transforms(self, capsys):
        fg.grad(lambda x: fg.jvp(lambda y: print(y) or x * y, (x,), (1.0,))[1])(2.5)
        assert capsys.readouterr().out == "2.5\n"

    def test_match_comprehensions_generators_and_try(self):
        def f(x):
            try:
                raise KeyError("not found")
            except KeyError:
                y = x[0]
            match int(y):
                case 1:
                    y = y * 2
                case _:
                    y = y * 3
            return y + sum(e * e for e in x) + max([e**3 for e in x], key=float)

        assert fg.grad(f)(fnp.asarray([1.0, 2.0])).tolist() == [4.0, 16.0]

    def test_rebinding_a_name_by_augmented_assignment(self):
        def f(x):
            y = x
            y += x
            y *= x
            y -= 1.0
            return y

        assert float(fg.grad(f)(3.0)) == 12.0

    def test_comparisons_are_constants_and_reach_where(self):
        x = fnp.asarray([-1.0, 2.0])
        assert fg.grad(lambda x: fnp.where(x > 0, x**2, 0.0).sum())(x).tolist() == [0.0, 4.0]
        assert fg.grad(lambda x: ((x > 0) * x).sum())(x).tolist() == [0.0, 1.0]


class TestStopGradient:
    def test_its_argument_is_a_constant_to_every_derivative(self):
        f = lambda x: x * fg.stop_gradient(x)  # noqa: E731
        assert float(fg.grad(f)(3.0)) == 3.0
        assert float(fg.jvp(f, (3.0,), (1.0,))[1]) == 3.0
        assert float(fg.grad(fg.grad(f))(3.0)) == 0.0
        assert float(fg.jacfwd(fg.grad(lambda x: x * x * fg.stop_gradient(x)))(3.0)) == 6.0

    def test_its_value_is_its_argument(self):
        assert fg.stop_gradient(fnp.asarray([1.0, 2.0])).tolist() == [1.0, 2.0]
        assert fg.vmap(fg.stop_gradient)(fnp.asarray([1.0, 2.0])).tolist() == [1.0, 2.0]

    def test_it_lets_numpy_have_the_value(self):
        found = fg.grad(lambda x: (x * np.asarray(fg.stop_gradient(x))).sum())(fnp.asarray([1.0, 2.0]))
        assert found.tolist() == [1.0, 2.0]


# ---- closed forms ------------------------------------------------------------------------------


def test_a_least_squares_gradient():
    rng = np.random.default_rng(0)
    a, x, b = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=5)
    found = fg.grad(lambda x: fnp.sum((fg.asarray(a) @ x - fg.asarray(b)) ** 2))(fg.asarray(x))
    np.testing.assert_allclose(found, 2 * a.T @ (a @ x - b), rtol=1e-12)


def test_a_softmax_cross_entropy_gradient():
    rng = np.random.default_rng(1)
    logits, label = rng.normal(size=6), 2
    found = fg.grad(lambda z: fnp.logsumexp(z) - z[label])(fg.asarray(logits))
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(found, softmax - np.eye(6)[label], rtol=1e-12)


def test_derivatives_to_the_sixth_order():
    f, expected = fnp.sin, [np.cos(0.7), -np.sin(0.7), -np.cos(0.7), np.sin(0.7), np.cos(0.7), -np.sin(0.7)]
    for value in expected:
        f = fg.grad(f)
        np.testing.assert_allclose(f(np.float64(0.7)), value, rtol=1e-14)


# ---- memory ------------------------------------------------------------------------------------


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
