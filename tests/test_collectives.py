"""Examples that communicate: every collective on batched and shared values, under every other transform."""

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core import PRIMITIVES
from funcgrad.errors import AxisNameError, OptionError, PathError, ShapeError
from funcgrad.ops.collective import COLLECTIVES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
PAIRS = [(0, 2), (2, 1), (3, 3)]


def permuted(x):
    out = np.zeros_like(x)
    for source, target in PAIRS:
        out[target] = x[source]
    return out


def everywhere(row):
    return np.stack([row] * 4)


FACTORS = np.array([1.0, 2.0, 3.0, 4.0])


def four(x):
    """(3,) -> (3, 4): one multiple for each of the four examples."""
    return x[:, None] * fg.asarray(FACTORS)


# for each operation: what an example says, and what a NumPy batch of them gives
TABLE = {
    "psum": (lambda x: fg.psum(x, "i"), lambda x: everywhere(x.sum(0))),
    "pmean": (lambda x: fg.pmean(x, "i"), lambda x: everywhere(x.mean(0))),
    "pmax": (lambda x: fg.pmax(x, "i"), lambda x: everywhere(x.max(0))),
    "pmin": (lambda x: fg.pmin(x, "i"), lambda x: everywhere(x.min(0))),
    "all_gather": (lambda x: fg.all_gather(x, "i"), everywhere),
    "all_gather at 1": (lambda x: fg.all_gather(x, "i", axis=1), lambda x: everywhere(x.T)),
    "all_gather tiled": (lambda x: fg.all_gather(x, "i", tiled=True), lambda x: everywhere(x.reshape(-1))),
    "psum_scatter": (
        lambda x: fg.psum_scatter(fnp.stack([x, x * 2, x * 3, x * 4]), "i"),
        lambda x: x.sum(0) * np.arange(1, 5)[:, None],
    ),
    "ppermute": (lambda x: fg.ppermute(x, "i", PAIRS), permuted),
    "psum_scatter at 1": (
        lambda x: fg.psum_scatter(fnp.stack([x, x * 2, x * 3, x * 4], axis=1), "i", scatter_dimension=-1),
        lambda x: x.sum(0) * np.arange(1, 5)[:, None],
    ),
    "psum_scatter tiled": (
        lambda x: fg.psum_scatter(fnp.concatenate([x, x * 2, x * 3, x * 4]), "i", tiled=True),
        lambda x: x.sum(0) * np.arange(1, 5)[:, None],
    ),
    "all_to_all": (
        lambda x: fg.all_to_all(four(x), "i", 1, 0),  # (3, 4) -> (4, 3): row j is column i of example j
        lambda x: np.einsum("jk,i->ijk", x, FACTORS),
    ),
    "all_to_all tiled": (
        lambda x: fg.all_to_all(four(x), "i", 1, 0, tiled=True),  # (3, 4) -> (12, 1)
        lambda x: np.einsum("jk,i->ijk", x, FACTORS).reshape(4, 12, 1),
    ),
    "pswapaxes": (lambda x: fg.pswapaxes(four(x), "i", -1), lambda x: np.einsum("jk,i->ikj", x, FACTORS)),
    "pbroadcast": (lambda x: fg.pbroadcast(x, "i", 2), lambda x: everywhere(x[2])),
    "pshuffle": (lambda x: fg.pshuffle(x, "i", [2, 0, 3, 1]), lambda x: x[[2, 0, 3, 1]]),
    "axis_index": (lambda x: x * fg.axis_index("i"), lambda x: x * np.arange(4)[:, None]),
}
each = pytest.mark.parametrize("name", TABLE)


def batched(name, **options):
    return fg.vmap(TABLE[name][0], axis_name="i", **options)


def test_every_collective_is_in_the_table():
    assert set(COLLECTIVES) <= set(TABLE)
    assert set(COLLECTIVES) <= set(PRIMITIVES)


@each
def test_values(name):
    np.testing.assert_allclose(batched(name)(X), TABLE[name][1](X), rtol=1e-14)


@each
def test_with_the_batch_at_another_axis(name):
    np.testing.assert_allclose(batched(name, in_axes=1)(X.T), TABLE[name][1](X), rtol=1e-14)


@each
def test_of_a_value_that_all_examples_share(name):
    f, oracle = TABLE[name]
    row = fg.asarray(X[0])
    found = fg.vmap(lambda _: f(row), axis_name="i")(fnp.arange(4))
    np.testing.assert_allclose(found, oracle(everywhere(X[0])), rtol=1e-14)


@each
def test_the_derivative_of_the_batch_by_differences(name):
    def loss(x):
        return fnp.sum(fnp.sin(batched(name)(x)))

    x, u, h = fg.asarray(X), RNG.normal(size=X.shape), 1e-6
    expected = (float(loss(fg.asarray(X + h * u))) - float(loss(fg.asarray(X - h * u)))) / (2 * h)
    np.testing.assert_allclose(float(fnp.sum(fg.grad(loss)(x) * u)), expected, rtol=1e-7)
    np.testing.assert_allclose(float(fg.jvp(loss, (x,), (u,))[1]), expected, rtol=1e-7)


@each
def test_inside_another_batch_and_around_one(name):
    cube = RNG.normal(size=(2, 4, 3))
    expected = np.stack([TABLE[name][1](x) for x in cube])
    np.testing.assert_allclose(fg.vmap(batched(name))(cube), expected, rtol=1e-12, atol=1e-14)
    # a batch without a name, inside of the named one
    inner = fg.vmap(TABLE[name][0], in_axes=0, out_axes=0)
    found = fg.vmap(inner, in_axes=1, out_axes=1, axis_name="i")(cube)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@each
def test_the_gradient_of_each_example_counts_its_effect_on_all(name):
    # the derivative of the sum of all examples' losses: what reaches an example from the others is added up
    f = TABLE[name][0]
    weights = fnp.asarray(RNG.normal(size=4))

    def loss(x, w):
        return fnp.sum(fnp.sin(f(x))) * w

    each_own = fg.vmap(fg.grad(loss), axis_name="i")(X, weights)
    whole = fg.grad(lambda x: fnp.sum(fg.vmap(loss, axis_name="i")(x, weights)))(fg.asarray(X))
    np.testing.assert_allclose(each_own, whole, rtol=1e-12, atol=1e-14)


def test_ties_share_the_derivative():
    x = fg.asarray(np.array([2.0, 1.0, 2.0]))
    np.testing.assert_allclose(
        fg.grad(lambda x: fg.vmap(lambda v: fg.pmax(v, "i"), axis_name="i")(x)[0])(x), [0.5, 0, 0.5]
    )


def test_trees_and_several_names():
    def f(tree):
        return fg.psum(tree, ("rows", "columns"))

    grid = {"a": np.arange(6.0).reshape(2, 3), "n": np.ones((2, 3), np.int64)}
    found = fg.vmap(fg.vmap(f, axis_name="columns"), axis_name="rows")(grid)
    assert found["a"].tolist() == [[15.0] * 3] * 2
    assert found["n"].tolist() == [[6] * 3] * 2
    rows = fg.vmap(fg.vmap(lambda x: fg.psum(x, "rows"), axis_name="columns"), axis_name="rows")(grid["a"])
    assert rows.tolist() == [[3.0, 5.0, 7.0]] * 2


def test_a_name_is_anything_that_hashes():
    marker = object()
    for name in (0, "rows", marker, frozenset("ab")):
        assert fg.vmap(lambda x, name=name: fg.psum(x, name), axis_name=name)(fnp.arange(4)).tolist() == [6] * 4
    grid = np.arange(6.0).reshape(2, 3)
    found = fg.vmap(fg.vmap(lambda x: fg.psum(x, [0, marker]), axis_name=0), axis_name=marker)(grid)
    assert found.tolist() == [[15.0] * 3] * 2
    with pytest.raises(AxisNameError, match="axis_name=1"):
        fg.vmap(lambda x: fg.psum(x, 1), axis_name=0)(grid)


def test_several_names_count_the_last_one_fastest():
    grid = np.arange(6.0).reshape(2, 3)

    def f(x):
        return fg.all_gather(x, ("rows", "columns")), fg.axis_index(("rows", "columns"))

    gathered, index = fg.vmap(fg.vmap(f, axis_name="columns"), axis_name="rows")(grid)
    assert gathered.tolist() == [[list(range(6))] * 3] * 2
    assert index.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize(("split", "concat"), [(0, 0), (0, 1), (1, 0), (2, 1), (1, 2)])
def test_all_to_all_as_jax_says(split, concat, tiled):
    jax = pytest.importorskip("jax")
    x = RNG.normal(size=(4, 4, 4, 4)).astype(np.float32)
    ours = fg.vmap(lambda x: fg.all_to_all(x, "i", split, concat, tiled=tiled), axis_name="i")(x)
    theirs = jax.vmap(lambda x: jax.lax.all_to_all(x, "i", split, concat, tiled=tiled), axis_name="i")(x)
    np.testing.assert_array_equal(ours, theirs)


def test_the_size_and_the_index_of_a_batch():
    found = fg.vmap(lambda x: (fg.axis_size("i"), fg.axis_index("i"), fg.psum(1, "i")), axis_name="i")(X)
    assert [y.tolist() for y in found] == [[4] * 4, [0, 1, 2, 3], [4] * 4]


def test_a_batch_is_normalized_and_every_example_goes_its_way_afterwards():
    def f(x):
        centred = x - fg.pmean(x, "batch")
        return fnp.sum(centred) if centred[0] > 0 else fnp.sum(centred**2)

    centred = X - X.mean(0)
    expected = np.where(centred[:, 0] > 0, centred.sum(1), (centred**2).sum(1))
    np.testing.assert_allclose(fg.vmap(f, axis_name="batch")(X), expected, rtol=1e-13)
    slopes = fg.grad(lambda x: fg.vmap(f, axis_name="batch")(x).sum())(fg.asarray(X))
    outer = np.where(centred[:, :1] > 0, 1.0, 2 * centred)
    np.testing.assert_allclose(slopes, outer - outer.mean(0), rtol=1e-12)


def test_examples_that_have_parted_cannot_communicate():
    def f(x):
        if x[0] > 0:
            return x
        return fg.psum(x, "i")

    with pytest.raises(PathError, match=r"psum over 'i' sees \d of 4 examples: they parted at test_collectives.py:\d+"):
        fg.vmap(f, axis_name="i")(X)


def test_chunks_cannot_communicate():
    f = fg.vmap(lambda x: x - fg.pmean(x, "i"), axis_name="i", chunk_size=4)
    np.testing.assert_allclose(f(X), X - X.mean(0), rtol=1e-12)
    for options in ({"chunk_size": 3}, {"max_bytes": 100}):
        with pytest.raises(OptionError, match="the examples of one chunk cannot communicate with those of another"):
            fg.vmap(lambda x: x - fg.pmean(x, "i"), axis_name="i", **options)(X)


def test_no_batch_of_that_name():
    for call in (
        lambda: fg.psum(1.0, "i"),
        lambda: fg.vmap(lambda x: fg.axis_index("j"))(X),
    ):
        with pytest.raises(
            AxisNameError, match=r"no vmap with axis_name='.' is running here, none that runs has a name"
        ):
            call()
    with pytest.raises(AxisNameError, match="here, those that run have the names 'k', 'i': give"):
        fg.vmap(fg.vmap(lambda x: fg.psum(x, "j"), axis_name="k"), axis_name="i")(X)
    with pytest.raises(AxisNameError, match=r"an axis of the array itself write fnp.sum\(x, 0\)"):
        fg.vmap(lambda x: fg.psum(x, 0))(X)
    with pytest.raises(NameError):
        PRIMITIVES["psum"](fnp.ones(3), axis_name="i")


def test_wrong_permutations_and_rows():
    for perm in ([(0, 1), (0, 2)], [(0, 1), (2, 1)], [(0, 4)], [(-1, 0)]):
        with pytest.raises(OptionError, match="must be one of the 4 examples, and none twice"):
            fg.vmap(lambda x, perm=perm: fg.ppermute(x, "i", perm), axis_name="i")(X)
    for message, call in {
        r"axis 0 of float64\[3\] must be of size 4, one entry an example": lambda x: fg.psum_scatter(x, "i"),
        r"axis 0 of float64\[3\] cannot be cut into 4 equal": lambda x: fg.psum_scatter(x, "i", tiled=True),
        r"all_to_all: float64\[3\] has no axis 1": lambda x: fg.all_to_all(x, "i", 1, 0),
        "a result of 2 dimensions has no axis 2": lambda x: fg.all_gather(x, "i", axis=2),
    }.items():
        with pytest.raises(ShapeError, match=message):
            fg.vmap(call, axis_name="i")(X)
    for call in (lambda x: fg.pshuffle(x, "i", [0, 1]), lambda x: fg.pbroadcast(x, "i", 4)):
        with pytest.raises(OptionError, match="of the 4 examples"):
            fg.vmap(call, axis_name="i")(X)
