"""`numpy.vectorize` against NumPy's and JAX's, and under the other transforms."""

import functools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError

RNG = np.random.default_rng(0)

SHAPES = [
    ((), ()),
    ((3,), ()),
    ((3, 1), (4,)),
    ((2, 3), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((1, 1), (1,)),
    ((5, 2, 3), (3,)),
    ((0, 2), (2,)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_elements_broadcast_as_in_numpy(a, b):
    x, y = RNG.normal(size=a), RNG.normal(size=b)
    found = fnp.vectorize(lambda x, y: x * fnp.sin(y))(x, y)
    np.testing.assert_allclose(found, x * np.sin(y), rtol=1e-14)
    assert found.shape == np.broadcast_shapes(a, b)


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_signatures_as_in_numpy(a, b):
    x, y = RNG.normal(size=(*a, 2, 3)), RNG.normal(size=(*b, 3))

    def f(matrix, vector):
        assert matrix.shape == (2, 3)
        assert vector.shape == (3,)
        return matrix @ vector, vector.sum()

    found = fnp.vectorize(f, signature="(n, k), (k) -> (n), ()")(x, y)
    expected = np.einsum("...nk,...k->...n", x, y), np.broadcast_to(y.sum(-1), np.broadcast_shapes(a, b))
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)


def test_the_function_sees_what_the_documentation_of_jax_shows():
    jax = pytest.importorskip("jax")

    def cross(np):
        return lambda a, b: np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])

    x, y = RNG.normal(size=(1, 2, 3)).astype("float32"), RNG.normal(size=(2, 1, 3)).astype("float32")
    ours = fnp.vectorize(cross(fnp), signature="(k),(k)->(k)")(x, y)
    np.testing.assert_allclose(ours, jax.numpy.vectorize(cross(jax.numpy), signature="(k),(k)->(k)")(x, y), rtol=1e-6)


def test_excluded_arguments_pass_as_they_are():
    @functools.partial(fnp.vectorize, excluded={0, "name"}, signature="(k)->(k)")
    def f(power, x, name):
        assert type(power) is int
        assert name == "mine"
        return x**power

    assert f(2, np.full((2, 3, 4), 3.0), name="mine").tolist() == np.full((2, 3, 4), 9.0).tolist()
    with pytest.raises(AssertionError):
        f(np.ones(2), np.ones(2), name="mine")


def test_arguments_by_keyword_broadcast_and_none_passes():
    def f(x, y=None, *, z=2.0):
        assert x.ndim == 0
        return x * z if y is None else x + y

    assert fnp.vectorize(f)(np.ones(2), None, z=np.asarray([[3.0], [4.0]])).tolist() == [[3.0, 3.0], [4.0, 4.0]]
    assert fnp.vectorize(f, excluded={"z"})(np.ones(2), z=5).tolist() == [5.0, 5.0]
    assert fnp.vectorize(f, signature="(),()->()")(np.ones(2), y=np.asarray([[3.0]])).tolist() == [[4.0, 4.0]]


def test_without_a_signature_results_may_be_any_tree():
    found = fnp.vectorize(lambda x: {"powers": fnp.stack([x, x**2]), "one": 1.0})(np.arange(6.0).reshape(2, 1, 3))
    assert found["powers"].shape == (2, 1, 3, 2)
    assert found["one"].tolist() == np.ones((2, 1, 3)).tolist()


def test_python_control_flow_goes_its_own_way_for_each_element():
    def collatz(n):
        steps = 0
        while n > 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    assert fnp.vectorize(collatz)(np.arange(1, 9).reshape(2, 4)).tolist() == [[0, 1, 7, 2], [5, 8, 16, 3]]


def test_derivatives_and_batches_go_through():
    x, y = fg.asarray(RNG.normal(size=(4, 1, 3))), fg.asarray(RNG.normal(size=(5, 3)))
    dot = fnp.vectorize(lambda a, b: fnp.sin(a @ b), signature="(k),(k)->()")

    def by_hand(x, y):
        return fnp.sin((x * y).sum(-1))

    fg.testing.check_grads(lambda x, y: dot(x, y).sum(), (x, y), order=2)
    for found, expected in zip(
        fg.grad(lambda x, y: dot(x, y).sum(), (0, 1))(x, y),
        fg.grad(lambda x, y: by_hand(x, y).sum(), (0, 1))(x, y),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(dot, in_axes=(0, None))(x, y), by_hand(x, y), rtol=1e-12)


def test_random_keys_are_elements():
    keys, scales = random.split(random.key(0), (2, 3)), np.arange(3.0)

    def draw(key, scale):
        first, second = random.split(key)
        return random.normal(first) * scale, second

    found, after = fnp.vectorize(draw)(keys, scales)
    for i, j in np.ndindex(2, 3):
        value, key = draw(keys[i, j], scales[j])
        np.testing.assert_allclose(found[i, j], value, rtol=1e-6)
        assert after[i, j] == key
    pairs = fnp.vectorize(lambda keys: random.normal(keys[0]), signature="(k)->()")(keys)
    np.testing.assert_allclose(pairs, [random.normal(keys[i, 0]) for i in range(2)], rtol=1e-6)


def test_arguments_that_lack_an_axis_are_shared_along_it():
    seen = []
    fnp.vectorize(lambda x, y: seen.append((repr(x), repr(y))) or x * y)(fnp.ones((7, 1)), fnp.ones(5))
    assert seen[0][0].count("7 examples") == 1
    assert "5 examples" not in seen[0][0]


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (OptionError, "must be like", lambda: fnp.vectorize(fnp.sin, signature="(k)->")),
        (OptionError, "must be like", lambda: fnp.vectorize(fnp.sin, signature="k->k")),
        (OptionError, "positions and names of arguments, not -1", lambda: fnp.vectorize(fnp.sin, excluded={-1})),
        (OptionError, "positions and names of arguments, not 1.5", lambda: fnp.vectorize(fnp.sin, excluded={1.5})),
        (TreeError, "is of 2 arguments, not of 1", lambda: on_matrices(fnp.ones(2))),
        (
            ShapeError,
            r"argument 0 is float32\[3\]; .* needs 2 axes of it",
            lambda: on_matrices(fnp.ones(3), fnp.ones(3)),
        ),
        (
            ShapeError,
            r"axis 'k' is of size 3, but of size 4 in argument 1 float32\[4\]",
            lambda: on_matrices(fnp.ones((2, 3)), fnp.ones(4)),
        ),
        (ShapeError, r"do not broadcast: \(2,\), \(3,\)", lambda: fnp.vectorize(fnp.add)(fnp.ones(2), fnp.ones(3))),
        (ShapeError, r"result 0 is float32\[3\]; '\(k\)->\(\)' says", lambda: returning(lambda x: x, "(k)->()")),
        (
            ShapeError,
            "axis 'k' is of size 3, but of size 6 in result 0",
            lambda: returning(lambda x: x.repeat(2), "(k)->(k)"),
        ),
        (TreeError, "has 2 results, but the function returned 1", lambda: returning(fnp.sin, "(k)->(k),(k)")),
        (DtypeError, "argument 0 is no array.*excluded passes it", lambda: fnp.vectorize(fnp.sin)("text")),
    ],
)
def test_what_does_not_fit_is_named(error, message, call):
    with pytest.raises(error, match=message):
        call()


def on_matrices(*args):
    return fnp.vectorize(fnp.matmul, signature="(n,k),(k)->(n)")(*args)


def returning(f, signature):
    return fnp.vectorize(f, signature=signature)(fnp.ones((2, 3)))


def test_frompyfunc_checks_the_numbers_of_arguments_and_results():
    both = fnp.frompyfunc(lambda x, y: (x * y, x if x > y else y), 2, 2)
    product, larger = both(np.array([[1.0], [4.0]]), np.array([2.0, 3.0]))
    assert product.tolist() == [[2, 3], [8, 12]]
    assert larger.tolist() == [[2, 3], [4, 4]]
    assert fg.grad(lambda x: both(x, x + 1)[0].sum())(np.array([1.0, 2.0])).tolist() == [3, 5]
    with pytest.raises(TreeError, match="of 2 arguments, not of 1"):
        both(np.ones(2))
    with pytest.raises(TreeError, match="has 1 results, but the function returned 2"):
        fnp.frompyfunc(lambda x: (x, x), 1, 1)(np.ones(2))
