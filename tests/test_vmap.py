"""`vmap`: where the examples are in arguments and results, what Python may ask of a batch, and nesting."""

from collections import namedtuple

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import AxisError, PathError, ShapeError, TreeError

Point = namedtuple("Point", ["x", "y"])
RNG = np.random.default_rng(0)
BATCH = RNG.normal(size=(5, 3))
CUBE = RNG.normal(size=(2, 5, 3))


def close(found, expected):
    assert fg.tree.structure(found) == fg.tree.structure(expected)
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        assert a.shape == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-12)


class TestInAxes:
    def test_the_first_axis_is_the_default(self):
        close(fg.vmap(lambda x: x.sum())(BATCH), BATCH.sum(1))

    def test_the_function_sees_one_example(self):
        seen = []
        fg.vmap(lambda x: seen.append((x.shape, x.ndim, x.size, len(x), x.dtype.name)) or x)(BATCH)
        assert seen == [((3,), 1, 3, 3, "float64")]

    @pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
    def test_any_axis_also_from_the_back(self, axis):
        found = fg.vmap(lambda x: x * fnp.arange(x.size).reshape(x.shape), in_axes=axis)(CUBE)
        examples = np.moveaxis(CUBE, axis, 0)
        close(found, np.stack([x * np.arange(x.size).reshape(x.shape) for x in examples]))

    def test_one_entry_an_argument(self):
        w = RNG.normal(size=(3, 5))
        close(fg.vmap(lambda x, w, s: (x * w).sum() * s, in_axes=(0, 1, None))(BATCH, w, 2.0), 2 * (BATCH * w.T).sum(1))

    def test_a_list_is_as_good_as_a_tuple(self):
        close(fg.vmap(lambda x, s: x * s, in_axes=[0, None])(BATCH, 2.0), BATCH * 2)

    def test_what_is_not_mapped_arrives_as_it_is(self):
        seen = []

        def f(x, n, name, table):
            seen.append((n, name, table))
            return x * n

        table = np.arange(3)
        close(fg.vmap(f, in_axes=(0, None, None, None))(BATCH, 2, "relu", table), BATCH * 2)
        assert seen[0][:2] == (2, "relu")
        assert seen[0][2] is table

    def test_a_tree_of_axes_for_a_tree_of_arrays(self):
        params = {"w": RNG.normal(size=(3, 4, 5)), "b": RNG.normal(size=4), "more": Point(BATCH, (BATCH.T, None))}
        axes = ({"w": 2, "b": None, "more": Point(0, (-1, None))},)

        def f(p):
            assert p["more"].y[1] is None
            return (p["more"].x + p["more"].y[0]) @ p["w"] + p["b"]

        close(fg.vmap(f, in_axes=axes)(params), 2 * np.einsum("bi,iob->bo", BATCH, params["w"]) + params["b"])

    def test_one_axis_for_a_whole_subtree(self):
        tree = {"a": (BATCH, [BATCH * 2]), "b": {"c": 3.0, "d": np.ones(3)}}
        f = lambda t: t["a"][0] + t["a"][1][0] * t["b"]["c"] * t["b"]["d"]  # noqa: E731
        close(fg.vmap(f, in_axes=({"a": 0, "b": None},))(tree), BATCH * 7)

    def test_none_in_a_tree_of_axes_is_an_axis_for_nobody(self):
        close(fg.vmap(lambda p: p[0] * p[1], in_axes=((0, None),))((BATCH, 2.0)), BATCH * 2)

    def test_none_as_an_argument_stays_none(self):
        close(fg.vmap(lambda x, mask: x if mask is None else x * mask)(BATCH, None), BATCH)

    def test_keyword_arguments_are_mapped_along_their_first_axis(self):
        found = fg.vmap(lambda x, *, scale, tree: x * scale + tree["t"], in_axes=0)(
            BATCH, scale=np.arange(5.0), tree={"t": np.ones(5)}
        )
        close(found, BATCH * np.arange(5.0)[:, None] + 1)

    def test_keyword_arguments_alone(self):
        close(fg.vmap(lambda *, x: x * 2)(x=BATCH), BATCH * 2)

    def test_examples_of_no_dimensions(self):
        close(fg.vmap(lambda x, y: x * y)(np.arange(3.0), np.ones(3)), np.arange(3.0))

    @pytest.mark.parametrize("size", [0, 1])
    def test_a_batch_of_none_and_of_one(self, size):
        found = fg.vmap(lambda x: {"y": fnp.sin(x) @ fnp.ones(3, "float64"), "x": x[::-1]})(BATCH[:size])
        close(found, {"y": np.sin(BATCH[:size]).sum(1), "x": BATCH[:size, ::-1]})

    def test_a_size_of_one_does_not_broadcast_against_another(self):
        with pytest.raises(ShapeError, match="must have one size"):
            fg.vmap(lambda x, y: x + y)(BATCH, BATCH[:1])


class TestOutAxes:
    @pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
    def test_any_axis_also_from_the_back(self, axis):
        close(fg.vmap(lambda x: x * 2, in_axes=1, out_axes=axis)(CUBE), np.moveaxis(CUBE * 2, 1, axis))

    def test_one_axis_an_output(self):
        found = fg.vmap(lambda x: (x, {"y": x * 2, "none": None}), out_axes=(1, {"y": 0, "none": None}))(BATCH)
        close(found, (BATCH.T, {"y": BATCH * 2, "none": None}))

    def test_one_axis_for_a_whole_subtree(self):
        found = fg.vmap(lambda x: (x, [x * 2, (x * 3,)]), out_axes=(0, 1))(BATCH)
        close(found, (BATCH, [BATCH.T * 2, (BATCH.T * 3,)]))

    def test_none_for_what_does_not_depend_on_the_example(self):
        found = fg.vmap(lambda x, w: (x * w, w * 2, "name"), in_axes=(0, None), out_axes=(0, None, None))(BATCH, 3.0)
        close(found[0], BATCH * 3)
        assert found[1:] == (6.0, "name")

    def test_constants_are_repeated(self):
        found = fg.vmap(lambda x: (1.5, fnp.arange(2), x))(BATCH)
        assert found[0].tolist() == [1.5] * 5
        assert found[1].tolist() == [[0, 1]] * 5

    @pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
    def test_constants_are_repeated_along_any_axis(self, axis):
        constant = np.arange(6.0).reshape(2, 3)
        close(
            fg.vmap(lambda x: fg.asarray(constant), out_axes=axis)(BATCH),
            np.moveaxis(np.broadcast_to(constant, (5, 2, 3)), 0, axis),
        )

    @pytest.mark.parametrize("empty", [None, {}, (), {"a": None}])
    def test_an_output_without_arrays(self, empty):
        assert fg.vmap(lambda x: empty)(BATCH) == empty


class TestClosures:
    def test_a_batch_inside_a_gradient_closes_over_its_variable(self):
        found = fg.grad(lambda w: fg.vmap(lambda x: (x * w) @ (x * w))(BATCH).sum())(np.float64(2.0))
        close(found, 4 * (BATCH**2).sum())

    def test_a_gradient_inside_a_batch_closes_over_its_variable(self):
        found = fg.vmap(lambda x: fg.grad(lambda w: w**2 * x.sum())(np.float64(3.0)))(BATCH)
        close(found, 6 * BATCH.sum(1))

    def test_tangents_pass_through_a_batch(self):
        found = fg.jvp(lambda w: fg.vmap(lambda x: x * w)(BATCH), (np.float64(2.0),), (np.float64(1.0),))
        close(found, (BATCH * 2, BATCH))

    def test_a_batch_inside_a_batch_closes_over_its_variable(self):
        a, b = RNG.normal(size=4), RNG.normal(size=6)
        close(fg.vmap(lambda x: fg.vmap(lambda y: x - y)(b))(a), a[:, None] - b)
        close(fg.vmap(lambda x: fg.vmap(lambda y: x * 2)(b), out_axes=1)(a), np.broadcast_to(a * 2, (6, 4)))

    def test_a_result_that_depends_on_the_outer_batch_alone(self):
        found = fg.vmap(lambda x: fg.vmap(lambda y: x, out_axes=None)(BATCH))(np.arange(2.0))
        close(found, np.arange(2.0))


class TestNesting:
    def test_products_of_all_pairs(self):
        x, y = RNG.normal(size=(4, 3)), RNG.normal(size=(6, 3))
        pairs = fg.vmap(fg.vmap(lambda x, y: x @ y, in_axes=(None, 0)), in_axes=(0, None))
        close(pairs(x, y), x @ y.T)

    def test_three_levels_with_different_axes(self):
        x = RNG.normal(size=(2, 3, 4, 5))
        f = fg.vmap(fg.vmap(fg.vmap(lambda v: fnp.cumsum(v), in_axes=1, out_axes=0), in_axes=2, out_axes=1), in_axes=-3)
        close(f(x), np.moveaxis(np.cumsum(x, 0), 0, -1))

    def test_batched_indices_of_batched_arrays(self):
        index = RNG.integers(-3, 3, size=(5, 2))
        close(fg.vmap(lambda x, i: x[i])(BATCH, index), np.take_along_axis(BATCH, index % 3, 1))
        close(fg.vmap(lambda x, i: x[i], in_axes=(None, 0))(fg.asarray(BATCH[0]), index), BATCH[0][index])
        close(fg.vmap(lambda x, i: x.at[i].set(0.0))(BATCH, index[:, 0]), BATCH * (np.arange(3) != index[:, :1] % 3))

    def test_batched_matrices_and_vectors_multiply_in_every_combination(self):
        m, v = RNG.normal(size=(5, 4, 3)), RNG.normal(size=(5, 3))
        close(fg.vmap(lambda m, v: m @ v)(m, v), np.einsum("bij,bj->bi", m, v))
        close(fg.vmap(lambda m, v: m @ v, in_axes=(None, 0))(m[0], v), v @ m[0].T)
        close(fg.vmap(lambda m, v: m @ v, in_axes=(0, None))(m, v[0]), m @ v[0])
        a, b = RNG.normal(size=(4, 3, 5)), RNG.normal(size=(3, 5, 2))
        close(fg.vmap(lambda a, b: a @ b, in_axes=(2, 1), out_axes=1)(a, b), np.einsum("ijn,jnk->ink", a, b))

    def test_broadcasting_between_examples_of_different_rank(self):
        x, y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2, 3))
        close(fg.vmap(lambda x, y: x + y)(x, y), x[:, None] + y)
        close(fg.vmap(lambda x, y: x + y, in_axes=(0, None))(x, y[0]), x[:, None] + y[0])
        # examples of shape (3,) beside one array of shape (5, 3), whose 5 is not that of the batch
        close(fg.vmap(lambda x, y: x + y, in_axes=(0, None))(x, x), x[:, None] + x)


class TestDecisions:
    def test_where_all_examples_agree_python_goes_on(self):
        def f(x):
            n = 0
            while x.sum() < 100:
                x = x * 2
                n += 1
            return x + n if x[0] > 0 else -x

        batch = np.array([[1.0, 2.0], [1.5, 1.6], [0.9, 2.2]])
        close(fg.vmap(f)(batch), np.stack([np.asarray(f(fg.asarray(x))) for x in batch]))

    def test_values_that_agree_are_python_numbers(self):
        def f(x):
            assert x[0].item() == 7.0
            assert float(x[0]) == 7.0
            assert int(x[0]) == 7
            return x[int(x[1])]

        close(fg.vmap(f)(np.array([[7.0, 2.0, 5.0], [7.0, 2.0, 6.0]])), np.array([5.0, 6.0]))

    def test_a_decision_on_what_is_not_batched_is_free(self):
        close(fg.vmap(lambda x, flag: x if flag else -x, in_axes=(0, None))(BATCH, fnp.asarray(False)), -BATCH)

    def test_examples_that_are_all_nan_agree(self):
        assert fg.vmap(lambda x: fnp.zeros(()) if float(x) == 1 else x + 1)(np.full(3, np.nan)).tolist() != [0.0] * 3

    def test_of_a_batch_without_examples_there_is_no_value(self):
        with pytest.raises(PathError, match="a batch without examples"):
            fg.vmap(lambda x: x if x > 0 else -x)(np.ones(0))

    def test_an_example_and_its_batch_are_shown(self):
        shown = []
        fg.vmap(lambda x: shown.append(f"{x}") or shown.append(repr(x)) or x)(np.arange(2.0))
        assert (
            shown[0] == shown[1] == "BatchTracer(float64[], 2 examples along axis 0 of Array([0., 1.], dtype=float64))"
        )


class TestErrors:
    def test_different_sizes_are_all_named(self):
        words = (
            r"argument 0\['a'\] float64\[5,3\] has 5 along axis 0; argument 1 float64\[3,5\] has 3 along axis 0; "
            r"keyword argument 'k' float64\[2,5,3\] has 2 along axis 0"
        )
        with pytest.raises(ShapeError, match=words):
            fg.vmap(lambda p, x, k: x)({"a": BATCH}, BATCH.T, k=CUBE)

    def test_nothing_to_map_over(self):
        with pytest.raises(ShapeError, match="no argument is mapped: give an axis in in_axes"):
            fg.vmap(lambda x: x, in_axes=None)(BATCH)

    def test_an_axis_that_is_not_there(self):
        with pytest.raises(AxisError, match=r"argument 0\['a'\] is float64\[5,3\] and has no axis 2 to map over"):
            fg.vmap(lambda p: p, in_axes=2)({"a": BATCH})
        with pytest.raises(AxisError, match=r"argument 0 is float64\[\] and has no axis 0"):
            fg.vmap(lambda x: x)(np.float64(1.0))
        with pytest.raises(AxisError, match="an output of 2 dimensions, batch included, has no axis 2"):
            fg.vmap(lambda x: x, out_axes=2)(BATCH)

    def test_an_output_that_depends_on_the_example_needs_an_axis(self):
        with pytest.raises(AxisError, match="out_axes is None for an output that differs between the examples"):
            fg.vmap(lambda x: x, out_axes=None)(BATCH)

    @pytest.mark.parametrize(
        ("in_axes", "words"),
        [
            ((0, 0), "in_axes has 2 entries for 1 positional arguments"),
            (({"b": 0},), r"at \[0\]: only the first has \['b'\] and only the second has \['a'\]"),
            (({"a": (0, 1)},), r"at \[0\]\['a'\]: the first is a tuple, the second a leaf"),
            ((0.5,), "must hold ints and None, not 0.5"),
            ((True,), "must hold ints and None, not True"),
        ],
    )
    def test_in_axes_that_do_not_fit(self, in_axes, words):
        with pytest.raises(TreeError, match=words):
            fg.vmap(lambda p: p["a"], in_axes=in_axes)({"a": BATCH})

    def test_out_axes_that_do_not_fit(self):
        with pytest.raises(TreeError, match=r"at \['a'\]: only the first has \['c'\] and only the second has \['b'\]"):
            fg.vmap(lambda x: {"a": {"b": x}}, out_axes={"a": {"c": 0}})(BATCH)

    def test_shapes_that_do_not_fit_are_those_of_one_example(self):
        for f in (lambda x: x + fnp.ones(4), lambda x: fnp.ones(4) * fnp.sin(x), lambda x: fnp.ones((2, 4)) @ x):
            with pytest.raises(ShapeError, match=r"\(3,\)"):
                fg.vmap(f)(BATCH)
        with pytest.raises(ShapeError, match=r"float64\[3\] has 3 elements, which do not fill the shape \(2, 2\)"):
            fg.vmap(lambda x: x.reshape(2, 2))(BATCH)
