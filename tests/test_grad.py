"""`grad`, `value_and_grad` and `stop_gradient`: arguments, outputs, Python control flow, and closed forms."""

import functools
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp

Point = namedtuple("Point", ["x", "y"])

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

        with pytest.warns(fg.errors.LostDerivativeWarning):
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
            return y + sum(e * e for e in x) + max([e**3 for e in x], key=int)

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
