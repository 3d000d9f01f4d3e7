"""The arithmetic of trees, against optax.tree_utils and against NumPy."""

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, random, tree
from funcgrad.errors import DtypeError, OptionError

X = {"a": [np.asarray([[1.0, -2.0], [0.5, 3.0]], "float32")], "b": np.asarray([-4.0, 0.25], "float32"), "c": None}
Y = {"a": [np.asarray([[2.0, 0.5], [-1.5, 3.0]], "float32")], "b": np.asarray([1.0, 2.0], "float32"), "c": None}
CALLS: dict[str, Any] = {
    "add": lambda t, x, y: t.tree_add(x, y, x),
    "sub": lambda t, x, y: t.tree_sub(x, y),
    "mul": lambda t, x, y: t.tree_mul(x, y),
    "div": lambda t, x, y: t.tree_div(x, y),
    "scale": lambda t, x, y: t.tree_scale(0.5, x),
    "add_scale": lambda t, x, y: t.tree_add_scale(x, 0.5, y),
    "where": lambda t, x, y: t.tree_where(True, x, y),
    "vdot": lambda t, x, y: t.tree_vdot(x, y),
    "sum": lambda t, x, y: t.tree_sum(x),
    "sum_in_pairs": lambda t, x, y: t.tree_sum(x, True),
    "max": lambda t, x, y: t.tree_max(x),
    "min": lambda t, x, y: t.tree_min(x),
    "size": lambda t, x, y: t.tree_size(x),
    "norm": lambda t, x, y: t.tree_norm(x),
    "norm_squared": lambda t, x, y: t.tree_norm(x, squared=True),
    "norm_1": lambda t, x, y: t.tree_norm(x, 1),
    "norm_inf": lambda t, x, y: t.tree_norm(x, "inf"),
    "zeros_like": lambda t, x, y: t.tree_zeros_like(x),
    "ones_like": lambda t, x, y: t.tree_ones_like(x, "float16"),
    "full_like": lambda t, x, y: t.tree_full_like(x, 3),
    "cast": lambda t, x, y: t.tree_cast(x, "float16"),
    "cast_like": lambda t, x, y: t.tree_cast_like(x, t.tree_cast(y, "float16")),
    "clip": lambda t, x, y: t.tree_clip(x, -1.0, 2.0),
    "conj": lambda t, x, y: t.tree_conj(x),
    "real": lambda t, x, y: t.tree_real(x),
    "batch_shape": lambda t, x, y: t.tree_batch_shape(x, (2, 1)),
    "allclose": lambda t, x, y: t.tree_allclose(x, x),
    "not_allclose": lambda t, x, y: t.tree_allclose(x, y),
    "moment": lambda t, x, y: t.tree_update_moment(x, y, 0.9, 3),
    "moment_norm": lambda t, x, y: t.tree_update_moment_per_elem_norm(x, y, 0.9, 2),
    "infinity_moment": lambda t, x, y: t.tree_update_infinity_moment(x, y, 0.9, 1e-3),
    "bias_correction": lambda t, x, y: t.tree_bias_correction(x, 0.9, 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_numbers_of_optax(name: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    found = CALLS[name](optim.tree_utils, tree.map(fnp.asarray, X), tree.map(fnp.asarray, Y))
    expected = CALLS[name](optax.tree_utils, jax.tree.map(jax.numpy.asarray, X), jax.tree.map(jax.numpy.asarray, Y))
    ours, theirs = tree.leaves(found), jax.tree.leaves(expected)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5)
        if isinstance(a, fg.Array):
            assert str(a.dtype) == str(b.dtype)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "size"])
def test_under_jit_and_vmap(name: str) -> None:
    x, y = tree.map(fnp.asarray, X), tree.map(fnp.asarray, Y)
    expected = CALLS[name](optim.tree_utils, x, y)
    jitted = fg.jit(lambda x, y: CALLS[name](optim.tree_utils, x, y))(x, y)
    both = fg.vmap(lambda x, y: CALLS[name](optim.tree_utils, x, y))(
        *(tree.map(lambda v: fnp.stack([v, v]), t) for t in (x, y))
    )
    for a, b, c in zip(tree.leaves(expected), tree.leaves(jitted), tree.leaves(both), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5)
        np.testing.assert_allclose(np.asarray(a), np.asarray(c)[1], rtol=1e-5)


def test_names_without_the_prefix() -> None:
    assert {f"tree_{name}" for name in optim.tree.__all__} == {x for x in optim.tree_utils.__all__ if x[0].islower()}
    for name in optim.tree.__all__:
        assert getattr(optim.tree, name) is getattr(optim.tree_utils, f"tree_{name}")


def test_complex_norms() -> None:
    z = {"a": fnp.asarray([3.0 + 4.0j]), "b": fnp.asarray([12.0])}
    assert float(optim.tree.norm(z)) == 13.0
    assert float(optim.tree.norm(z, 1)) == 17.0
    assert float(optim.tree.norm(z, float("inf"), squared=True)) == 144.0
    with pytest.raises(OptionError, match="ord is 1, 2 or 'inf', not 3"):
        optim.tree.norm(z, 3)


def test_trees_without_leaves() -> None:
    assert float(optim.tree.sum({})) == float(optim.tree.norm(None)) == float(optim.tree.norm([], "inf")) == 0
    assert float(optim.tree.max({})) == -float("inf")
    assert float(optim.tree.min({})) == float("inf")
    assert optim.tree.size({"a": None}) == 0
    assert bool(optim.tree.allclose({}, {}))


def test_dtypes() -> None:
    mixed = {"a": fnp.ones(1, "float16"), "b": fnp.ones(1, "float64")}
    assert optim.tree.dtype(mixed, "lowest") == "float16"
    assert optim.tree.dtype(mixed, "highest") == "float64"
    assert optim.tree.dtype(mixed["a"]) == "float16"
    with pytest.raises(DtypeError, match="the leaves have the dtypes float16, float64"):
        optim.tree.dtype(mixed)
    with pytest.raises(OptionError, match="no handler 'some'"):
        optim.tree.dtype(mixed, "some")


def test_random_trees() -> None:
    x = tree.map(fnp.asarray, X)
    drawn = optim.tree.random_like(random.key(0), x)
    assert tree.same_structure(drawn, x)
    assert [d.shape for d in tree.leaves(drawn)] == [(2, 2), (2,)]
    again = optim.tree.random_like(random.key(0), x, random.uniform, "float64")
    assert {d.dtype for d in tree.leaves(again)} == {np.dtype("float64")}
    assert float(drawn["b"][0]) != float(drawn["a"][0][0, 0])


def test_names_in_states() -> None:
    opt = optim.partition({"a": optim.adam(0.1), "*": optim.sgd(0.2)})
    state = opt.init({"a": fnp.ones(2), "b": fnp.ones(1)})
    paths = ["".join(map(str, path)) for path, _ in optim.tree.get_all_with_path(state, "learning_rate")]
    assert paths == [
        f"PartitionState.inner_states[{label!r}]MaskedState.inner_state[1]HyperparamsState.hyperparams['learning_rate']"
        for label in ("a", "*")
    ]
    assert optim.tree.get(state, "mu")["b"] is None
    assert type(optim.tree.get(state, "ScaleByAdamState")) is optim.ScaleByAdamState
    assert optim.tree.get(state, "nothing", 7) == 7
    with pytest.raises(KeyError, match="'learning_rate' stands in"):
        optim.tree.get(state, "learning_rate")
    in_a = optim.tree.set(
        state, lambda path, value: optim.tree_utils.DictKey("a") in path, learning_rate=fnp.asarray(5.0)
    )
    rates = [float(value) for _, value in optim.tree.get_all_with_path(in_a, "learning_rate")]
    assert rates == pytest.approx([5.0, 0.2])
    assert tree.same_structure(in_a, state)
    with pytest.raises(KeyError, match="nothing in the tree has the name 'rate'"):
        optim.tree.set(state, rate=1.0)
