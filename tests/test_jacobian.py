"""`jacfwd`, `jacrev`, `hessian`: against closed forms, in blocks for pytrees, and against each other."""

from collections import namedtuple

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import DtypeError

Point = namedtuple("Point", ["x", "y"])
RNG = np.random.default_rng(0)
MATRIX, X = RNG.normal(size=(4, 3)), RNG.normal(size=3)

both = pytest.mark.parametrize("jacobian", [fg.jacfwd, fg.jacrev], ids=["jacfwd", "jacrev"])


def close(found, expected):
    assert fg.tree.structure(found) == fg.tree.structure(expected)
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        assert a.shape == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@both
class TestJacobian:
    def test_of_a_linear_map_it_is_the_matrix(self, jacobian):
        close(jacobian(lambda x: fg.asarray(MATRIX) @ x)(X), MATRIX)

    def test_of_an_elementwise_function_it_is_diagonal(self, jacobian):
        close(jacobian(fnp.sin)(X), np.diag(np.cos(X)))

    def test_of_a_number_it_is_a_number(self, jacobian):
        close(jacobian(lambda x: x**3)(np.float64(2.0)), np.float64(12.0))

    def test_its_shape_is_the_output_then_the_input(self, jacobian):
        x = RNG.normal(size=(2, 3))
        found = jacobian(lambda x: x.T @ x)(fg.asarray(x))
        eye = np.eye(3)
        expected = np.einsum("ik,aj->ijak", eye, x) + np.einsum("jk,ai->ijak", eye, x)
        close(found, expected)

    def test_of_polar_coordinates(self, jacobian):
        r, a = 2.0, 0.5
        found = jacobian(lambda p: fnp.stack([p[0] * fnp.cos(p[1]), p[0] * fnp.sin(p[1])]))(np.array([r, a]))
        close(found, np.array([[np.cos(a), -r * np.sin(a)], [np.sin(a), r * np.cos(a)]]))

    def test_trees_give_blocks_of_the_outputs_structure_then_the_arguments(self, jacobian):
        params = {"w": fg.asarray(MATRIX), "b": fg.asarray(np.ones(4))}

        def f(p):
            return Point(p["w"] @ X + p["b"], (p["b"].sum(), None))

        found = jacobian(f)(params)
        expected = Point(
            {"w": np.einsum("ij,k->ijk", np.eye(4), X), "b": np.eye(4)},
            ({"w": np.zeros((4, 3)), "b": np.ones(4)}, None),
        )
        close(found, expected)

    @pytest.mark.parametrize("argnums", [(0, 1), [1, 0], (-1,)])
    def test_several_arguments_give_tuples_inside_the_outputs_structure(self, jacobian, argnums):
        y = RNG.normal(size=3)
        found = jacobian(lambda x, y: {"product": x * y}, argnums)(X, y)
        blocks = (np.diag(y), np.diag(X))
        close(found, {"product": tuple(blocks[n] for n in argnums)})

    def test_arguments_by_name(self, jacobian):
        f = lambda x, *, scale: x * scale  # noqa: E731
        close(jacobian(f, argnames="scale")(X, scale=np.float64(2.0)), X)
        both_kinds = jacobian(f, 0, argnames=["scale"])(X, scale=np.float64(2.0))
        close(both_kinds, (2 * np.eye(3), {"scale": X}))

    def test_an_output_that_looks_like_the_argument_is_not_taken_for_a_block(self, jacobian):
        found = jacobian(lambda p: (p[0] * 2, p[1] * 3))((np.float64(1.0), np.float64(1.0)))
        close(found, ((np.float64(2.0), np.float64(0.0)), (np.float64(0.0), np.float64(3.0))))

    def test_unused_arguments_and_constant_outputs_give_zeros(self, jacobian):
        found = jacobian(lambda x, y: (x * 2, fnp.ones(2, "float64")), (0, 1))(X, np.float64(1.0))
        close(found, ((2 * np.eye(3), np.zeros(3)), (np.zeros((2, 3)), np.zeros(2))))

    def test_auxiliary_data_come_back_once(self, jacobian):
        calls = []

        def f(x):
            calls.append(1)
            return x * x, {"y": x * 2, "n": 3, "name": "f", "none": None}

        found, aux = jacobian(f, has_aux=True)(X)
        close(found, np.diag(2 * X))
        np.testing.assert_allclose(aux["y"], 2 * X)
        assert (aux["n"], aux["name"], aux["none"]) == (3, "f", None)
        assert type(aux["y"]) is fg.Array
        assert len(calls) == 1

    @pytest.mark.parametrize("empty", [{}, (), None])
    def test_an_argument_without_leaves_has_a_jacobian_without_leaves(self, jacobian, empty):
        assert jacobian(lambda p, x: {"y": x * 2})(empty, X) == {"y": empty}

    def test_an_output_without_leaves(self, jacobian):
        assert jacobian(lambda x: {"none": None, "empty": ()})(X) == {"none": None, "empty": ()}

    def test_arrays_without_elements(self, jacobian):
        assert jacobian(lambda x: x * 2)(fnp.ones(0)).shape == (0, 0)
        assert jacobian(lambda x: x[:0])(X).shape == (0, 3)
        assert jacobian(lambda x: x.sum() * fnp.ones(2))(fnp.ones((0, 3))).shape == (2, 0, 3)

    def test_it_sees_python_control_flow(self, jacobian):
        def f(x):
            y = x
            while y.sum() < 100:
                y = y * 2
            return y if y[0] > 0 else -y

        close(jacobian(f)(np.array([1.0, 2.0])), 64 * np.eye(2))
        close(jacobian(f)(np.array([-1.0, 3.0])), -64 * np.eye(2))

    def test_each_dtype_keeps_its_own(self, jacobian):
        found = jacobian(lambda p: p["a"].astype("float64") * p["b"])({"a": fnp.ones(2), "b": np.ones(2)})
        assert (found["a"].dtype, found["b"].dtype) == (
            {fg.jacfwd: "float64", fg.jacrev: "float32"}[jacobian],
            "float64",
        )

    def test_it_is_batched_and_differentiated(self, jacobian):
        batch = RNG.normal(size=(5, 3))
        close(fg.vmap(jacobian(fnp.sin))(batch), np.stack([np.diag(np.cos(x)) for x in batch]))
        close(fg.grad(lambda x: jacobian(fnp.sin)(x).sum())(X), -np.sin(X))

    def test_integers_in_and_out_are_refused_by_name(self, jacobian):
        name = jacobian.__name__
        with pytest.raises(DtypeError, match=rf"{name} with respect to integers: argument 0 is int64\[3\]"):
            jacobian(lambda x: x * 1.0)(fnp.arange(3))
        with pytest.raises(DtypeError, match=rf"{name}: an output is int64\[\], which has no derivative"):
            jacobian(lambda x: fnp.argmax(x))(X)


class TestHessian:
    def test_of_a_quadratic_form_it_is_the_symmetric_part_twice(self):
        a = RNG.normal(size=(3, 3))
        close(fg.hessian(lambda x: x @ fg.asarray(a) @ x)(X), a + a.T)

    def test_of_the_rosenbrock_function(self):
        def rosenbrock(p):
            return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2

        x, y = 1.2, 0.7
        close(
            fg.hessian(rosenbrock)(np.array([x, y])),
            np.array([[2 - 400 * (y - 3 * x**2), -400 * x], [-400 * x, 200.0]]),
        )

    def test_of_logsumexp_it_is_the_covariance_of_softmax(self):
        p = np.exp(X) / np.exp(X).sum()
        close(fg.hessian(fnp.logsumexp)(X), np.diag(p) - np.outer(p, p))

    def test_of_a_vector_function_it_has_the_outputs_shape_first(self):
        found = fg.hessian(lambda x: fnp.stack([x[0] * x[1], x[2] ** 2]))(X)
        expected = np.zeros((2, 3, 3))
        expected[0, 0, 1] = expected[0, 1, 0] = 1
        expected[1, 2, 2] = 2
        close(found, expected)

    def test_trees_give_blocks_of_blocks(self):
        found = fg.hessian(lambda p: (p["a"] ** 2).sum() * p["b"])({"a": X, "b": np.float64(2.0)})
        close(found, {"a": {"a": 4 * np.eye(3), "b": 2 * X}, "b": {"a": 2 * X, "b": np.float64(0.0)}})

    def test_several_arguments(self):
        found = fg.hessian(lambda x, y: x**2 * y**3, (0, 1))(np.float64(2.0), np.float64(3.0))
        close(found, tuple(tuple(map(np.float64, row)) for row in ((54.0, 108.0), (108.0, 72.0))))

    def test_arguments_by_name_also_by_position(self):
        f = lambda x, y: x**2 * y**3  # noqa: E731
        close(fg.hessian(f, argnames="y")(np.float64(2.0), np.float64(3.0)), np.float64(72.0))
        close(fg.hessian(f, argnames="y")(np.float64(2.0), y=np.float64(3.0)), np.float64(72.0))

    def test_auxiliary_data(self):
        found, aux = fg.hessian(lambda x: ((x**3).sum(), {"double": 2 * x, "name": "f"}), has_aux=True)(X)
        close(found, np.diag(6 * X))
        np.testing.assert_allclose(aux["double"], 2 * X)
        assert aux["name"] == "f"

    def test_it_is_symmetric_and_equals_the_other_orders_of_modes(self):
        def f(x):
            return fnp.sum(fnp.tanh(fg.asarray(MATRIX) @ x) ** 3) * fnp.prod(x)

        found = fg.hessian(f)(X)
        np.testing.assert_allclose(found, np.asarray(found).T, rtol=1e-12)
        for other in (fg.jacrev(fg.jacrev(f)), fg.jacrev(fg.jacfwd(f)), fg.jacfwd(fg.jacfwd(f)), fg.jacfwd(fg.grad(f))):
            np.testing.assert_allclose(found, other(X), rtol=1e-11)

    def test_integers_are_refused_by_its_own_name(self):
        with pytest.raises(DtypeError, match="hessian with respect to integers: argument 0"):
            fg.hessian(lambda x: x * 1.0)(3)


def test_jacobian_is_jacrev():
    assert fg.jacobian is fg.jacrev


def test_integers_have_no_part_of_the_jacobian():
    def f(tree, scale):
        return {"y": tree["x"] ** tree["n"] * scale, "z": tree["x"].sum()}

    given = {"x": fnp.asarray([1.0, 2.0]), "n": 3, "m": None}
    found = fg.jacrev(f, (0, 1), allow_int=True)(given, 2)
    assert found["y"][0]["x"].tolist() == [[6.0, 0.0], [0.0, 24.0]]
    assert found["z"][0]["x"].tolist() == [1.0, 1.0]
    assert found["y"][0]["n"] is found["y"][1] is found["z"][0]["m"] is None
    assert fg.jacobian(lambda n: n * fnp.ones(2), allow_int=True)(2) is None
    with pytest.raises(DtypeError, match="argument 0\\['n'\\] is int64"):
        fg.jacrev(f)(given, 2)
