"""`jvp` and `vjp`: directions, cotangents, what they leave out, and the pairing that ties the two modes together."""

from collections import namedtuple

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import DtypeError, ShapeError, TreeError

Point = namedtuple("Point", ["x", "y"])
MATRIX = np.random.default_rng(0).normal(size=(4, 3))


def dense(params, x):
    return {"y": fnp.tanh(x @ params["w"] + params["b"]), "sum": fnp.sum(x)}


def dense_problem(seed):
    rng = np.random.default_rng(seed)
    params = {"w": fg.asarray(rng.normal(size=(4, 3))), "b": fg.asarray(rng.normal(size=3))}
    return params, fg.asarray(rng.normal(size=(2, 4)))


class TestJvp:
    def test_the_tangent_of_a_linear_map_is_the_map_of_the_tangent(self):
        x, t = np.arange(3.0), np.array([1.0, -2.0, 0.5])
        y, tangent = fg.jvp(lambda x: fg.asarray(MATRIX) @ x, (x,), (t,))
        np.testing.assert_allclose(y, MATRIX @ x)
        np.testing.assert_allclose(tangent, MATRIX @ t)

    def test_tangents_of_several_arguments_add_up(self):
        y, tangent = fg.jvp(lambda x, y: x * y**2, (3.0, 2.0), (10.0, 1.0))
        assert (float(y), float(tangent)) == (12.0, 10 * 4.0 + 12.0)

    def test_a_tangent_of_none_is_zero(self):
        assert float(fg.jvp(lambda x, y: x * y, (3.0, 2.0), (None, 1.0))[1]) == 3.0
        assert float(fg.jvp(lambda x, y: x * y, (3.0, 2.0), (None, None))[1]) == 0.0
        tangent = fg.jvp(lambda p: p["a"] * p["b"], ({"a": 3.0, "b": 2.0},), ({"a": 1.0, "b": None},))[1]
        assert float(tangent) == 2.0

    def test_an_integer_argument_takes_none(self):
        y, tangent = fg.jvp(lambda x, n: x**n, (2.0, 3), (1.0, None))
        assert (float(y), float(tangent)) == (8.0, 12.0)
        y, tangent = fg.jvp(lambda x, i: x[i], (fnp.arange(3.0), fnp.asarray([2, 0])), (fnp.ones(3), None))
        assert tangent.tolist() == [1.0, 1.0]

    def test_trees_go_in_and_come_out(self):
        primal = {"p": Point(2.0, 3.0), "none": None, "empty": ()}
        tangent = {"p": Point(1.0, 10.0), "none": None, "empty": ()}
        y, t = fg.jvp(lambda d: [d["p"].x * d["p"].y, (d["p"].y, None, {})], (primal,), (tangent,))
        assert fg.tree.map(float, y) == [6.0, (3.0, None, {})]
        assert fg.tree.map(float, t) == [23.0, (10.0, None, {})]

    def test_outputs_that_do_not_depend_have_the_tangent_zero(self):
        y, t = fg.jvp(lambda x: (x, 5.0, fnp.ones(2), x > 1), (2.0,), (1.0,))
        assert float(y[1]) == 5.0
        assert (float(t[0]), float(t[1]), t[2].tolist(), bool(t[3])) == (1.0, 0.0, [0.0, 0.0], False)

    def test_auxiliary_data_come_back_with_their_values(self):
        y, t, aux = fg.jvp(lambda x: (x * x, {"x": x, "name": "f", "none": None}), (3.0,), (1.0,), has_aux=True)
        assert (float(y), float(t)) == (9.0, 6.0)
        assert type(aux["x"]) is fg.Array
        assert (float(aux["x"]), aux["name"], aux["none"]) == (3.0, "f", None)

    def test_the_tangent_takes_the_dtype_of_its_primal(self):
        y, t = fg.jvp(lambda x: x * 2, (fnp.ones(2),), (np.ones(2),))
        assert (y.dtype, t.dtype) == (np.float32, np.float32)

    def test_lists_are_sequences_of_primals_too(self):
        assert float(fg.jvp(lambda x: x * x, [3.0], [1.0])[1]) == 6.0

    def test_a_complex_direction(self):
        y, t = fg.jvp(lambda z: z * z, (np.complex128(1 + 2j),), (np.complex128(1j),))
        np.testing.assert_allclose(complex(y), (1 + 2j) ** 2)
        np.testing.assert_allclose(complex(t), 2 * (1 + 2j) * 1j)

    def test_it_is_batched_over_directions(self):
        directions = fg.asarray(np.eye(3))
        columns = fg.vmap(lambda t: fg.jvp(lambda x: fg.asarray(MATRIX) @ x, (fnp.ones(3, "float64"),), (t,))[1])
        np.testing.assert_allclose(columns(directions), MATRIX.T)


class TestVjp:
    def test_the_pullback_of_a_linear_map_is_its_transpose(self):
        y, pull = fg.vjp(lambda x: fg.asarray(MATRIX) @ x, np.arange(3.0))
        ct = np.array([1.0, 2.0, -1.0, 0.5])
        np.testing.assert_allclose(y, MATRIX @ np.arange(3.0))
        np.testing.assert_allclose(pull(ct)[0], MATRIX.T @ ct)

    def test_the_pullback_may_be_called_many_times(self):
        _, pull = fg.vjp(lambda x, y: fnp.exp(x) * y, 0.0, 2.0)
        for ct in (1.0, 5.0, 1.0):
            assert [float(g) for g in pull(ct)] == [2.0 * ct, ct]

    def test_trees_go_in_and_come_out(self):
        y, pull = fg.vjp(lambda p, z: {"a": p.x * z["z"], "b": (p.y, None)}, Point(2.0, 3.0), {"z": 5.0, "none": None})
        assert fg.tree.map(float, y) == {"a": 10.0, "b": (3.0, None)}
        ct = pull({"a": 1.0, "b": (10.0, None)})
        assert fg.tree.map(float, ct) == (Point(5.0, 10.0), {"z": 2.0, "none": None})

    def test_integer_and_boolean_leaves_get_none(self):
        arguments = {"x": 2.0, "n": 3, "mask": fnp.asarray([True, False])}
        _, pull = fg.vjp(lambda p: p["x"] ** p["n"], arguments)
        (ct,) = pull(1.0)
        assert (float(ct["x"]), ct["n"], ct["mask"]) == (12.0, None, None)

    def test_unused_arguments_get_zeros(self):
        _, pull = fg.vjp(lambda x, y: x, fnp.ones(2), fnp.ones((2, 3), dtype="float64"))
        _, unused = pull(fnp.ones(2))
        assert unused.dtype == np.float64
        assert unused.tolist() == [[0.0] * 3] * 2

    def test_a_cotangent_of_none_is_zero(self):
        _, pull = fg.vjp(lambda x: {"a": x * 2, "b": x * 3, "n": 7}, 1.0)
        assert float(pull({"a": 1.0, "b": None, "n": None})[0]) == 2.0
        assert float(pull({"a": None, "b": None, "n": None})[0]) == 0.0

    def test_an_integer_output_takes_any_cotangent_since_it_weighs_nothing(self):
        y, pull = fg.vjp(lambda x: (x * 2, (x > 0).astype("int32")), 1.0)
        assert float(pull(fg.tree.map(fnp.ones_like, y))[0]) == 2.0

    def test_an_output_given_twice_counts_twice(self):
        def f(x):
            y = x * x
            return y, y, x

        _, pull = fg.vjp(f, 3.0)
        assert float(pull((1.0, 10.0, 100.0))[0]) == 6.0 + 60.0 + 100.0

    def test_auxiliary_data_come_back_with_their_values(self):
        y, pull, aux = fg.vjp(lambda x: (x * x, [x + 1.0, "name", None]), 3.0, has_aux=True)
        assert (float(y), float(pull(1.0)[0])) == (9.0, 6.0)
        assert (float(aux[0]), type(aux[0]), aux[1:]) == (4.0, fg.Array, ["name", None])

    def test_the_pullback_is_differentiated_in_its_cotangent(self):
        x = 3.0
        _, pull = fg.vjp(lambda x: x**3, x)  # pull(ct) = 27 ct
        assert float(fg.grad(lambda ct: pull(ct)[0])(2.0)) == 27.0
        assert float(fg.grad(lambda ct: pull(ct * ct)[0])(2.0)) == 108.0
        assert float(fg.jvp(lambda ct: pull(ct)[0], (2.0,), (1.0,))[1]) == 27.0

    def test_the_pullback_is_differentiated_in_the_primal(self):
        def pulled(x, ct):
            return fg.vjp(lambda x: x**3, x)[1](ct)[0]  # 3 x^2 ct

        assert [float(g) for g in fg.grad(pulled, (0, 1))(2.0, 5.0)] == [60.0, 12.0]

    def test_the_pullback_of_the_pullback_is_the_forward_map(self):
        _, pull = fg.vjp(lambda x: fg.asarray(MATRIX) @ x, np.zeros(3))
        _, push = fg.vjp(lambda ct: pull(ct)[0], np.zeros(4))
        t = np.array([1.0, 2.0, 3.0])
        np.testing.assert_allclose(push(t)[0], MATRIX @ t)

    def test_the_pullback_is_batched_over_cotangents(self):
        _, pull = fg.vjp(lambda x: fg.asarray(MATRIX) @ x, np.zeros(3))
        (rows,) = fg.vmap(pull)(fg.asarray(np.eye(4)))
        np.testing.assert_allclose(rows, MATRIX)

    def test_a_pullback_made_inside_a_batch_is_used_inside_it(self):
        def slope(x, ct):
            return fg.vjp(fnp.sin, x)[1](ct)[0]

        x, ct = np.linspace(0, 1, 5), np.arange(5.0)
        np.testing.assert_allclose(fg.vmap(slope)(x, ct), np.cos(x) * ct)

    def test_reading_the_output_of_vjp_under_grad(self):
        assert float(fg.grad(lambda x: fg.vjp(lambda y: y**3, x)[0])(2.0)) == 12.0


class TestPairing:
    """<ct, J t> = <J^T ct, t> for every function, which holds only where both modes have the same Jacobian."""

    @pytest.mark.parametrize("seed", range(3))
    def test_forward_and_reverse_mode_have_one_jacobian(self, seed):
        primals, tangents = dense_problem(seed), dense_problem(seed + 10)
        y, t = fg.jvp(dense, primals, tangents)
        rng = np.random.default_rng(seed + 20)
        ct = fg.tree.map(lambda a: fg.asarray(rng.normal(size=a.shape)), y)
        _, pull = fg.vjp(dense, *primals)

        def dot(a, b):
            return sum(
                float(np.sum(np.asarray(x) * np.asarray(y)))
                for x, y in zip(fg.tree.leaves(a), fg.tree.leaves(b), strict=True)
            )

        np.testing.assert_allclose(dot(ct, t), dot(pull(ct), tangents), rtol=1e-12)

    def test_both_give_the_value_of_the_function(self):
        params, x = dense_problem(0)
        expected = np.tanh(np.asarray(x) @ np.asarray(params["w"]) + np.asarray(params["b"]))
        np.testing.assert_allclose(fg.jvp(dense, (params, x), (params, x))[0]["y"], expected)
        np.testing.assert_allclose(fg.vjp(dense, params, x)[0]["y"], expected)


class TestWrongDirections:
    @pytest.mark.parametrize(
        ("primals", "tangents", "error", "words"),
        [
            ((1.0,), (1.0, 2.0), TreeError, r"only the second has \[1\]"),
            (({"w": 1.0},), ({"v": 1.0},), TreeError, r"at \[0\]: only the first has \['w'\] and only the second"),
            (([1.0],), ((1.0,),), TreeError, r"at \[0\]: the first is a list, the second a tuple"),
            ((None,), (1.0,), TreeError, "where the primal is None the tangent must be None"),
            (((1.0, 2.0),), (None,), TreeError, r"at \[0\]: the first is a tuple, the second None"),
            ((fnp.ones(2),), (fnp.ones(3),), ShapeError, r"float32\[2\] must have its shape, not \(3,\)"),
            ((3,), (1.0,), DtypeError, r"the primal int64\[\] has no derivative: give a float \(3.0 instead of 3\)"),
            ((3.0,), (1j,), DtypeError, r"the tangent of the primal float32\[\] must be real, not complex64"),
            ((3.0,), ("x",), DtypeError, "not an array or a number: 'x'"),
        ],
    )
    def test_tangents_that_do_not_fit(self, primals, tangents, error, words):
        with pytest.raises(error, match=words):
            fg.jvp(lambda x: x, primals, tangents)

    def test_primals_without_a_tuple(self):
        with pytest.raises(TreeError, match=r"as tuples: jvp\(f, \(x,\), \(t,\)\)"):
            fg.jvp(lambda x: x, 1.0, 1.0)

    @pytest.mark.parametrize(
        ("ct", "error", "words"),
        [
            ({"a": fnp.ones(2)}, TreeError, r"at the top: only the first has \['b'\]"),
            ({"a": fnp.ones(2), "b": (1.0,)}, TreeError, r"at \['b'\]: the first is a leaf, the second a tuple"),
            ({"a": fnp.ones(3), "b": 1.0}, ShapeError, r"cotangent of the output float32\[2\] must .* not \(3,\)"),
            ({"a": fnp.ones(2), "b": 1j}, DtypeError, "must be real, not complex64"),
        ],
    )
    def test_cotangents_that_do_not_fit(self, ct, error, words):
        _, pull = fg.vjp(lambda x: {"a": x, "b": x.sum()}, fnp.ones(2))
        with pytest.raises(error, match=words):
            pull(ct)
