"""`einsum` of strings that hypothesis makes up, against NumPy's values and JAX's gradients; other forms and orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import OptionError, ShapeError
from funcgrad.ops import einsum as ops

quick = settings(max_examples=80, deadline=None, derandomize=True, database=None)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-2, 2, shape)


@st.composite
def sums(draw: Any) -> tuple[str, list[Any]]:
    """A string, and operands for it: letters repeat within terms and between them, ellipses broadcast."""
    letters = "abcdE"
    sizes = {c: draw(st.integers(1, 3)) for c in letters}
    dots = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 4))):
        named = draw(st.lists(st.sampled_from(letters), max_size=3))
        shape = [sizes[c] for c in named]
        term = "".join(named)
        if draw(st.booleans()):
            place = draw(st.integers(0, len(named)))
            term = term[:place] + "..." + term[place:]
            own = dots[draw(st.integers(0, len(dots))) :]
            shape[place:place] = [1 if draw(st.booleans()) and draw(st.booleans()) else n for n in own]
        terms.append(term)
        shapes.append(shape)
    text = ",".join(terms)
    if draw(st.booleans()):
        found = sorted({c for c in text if c.isalpha()})
        kept = draw(st.permutations(found))[: draw(st.integers(0, len(found)))]
        result = "".join(kept)
        if "..." in text:
            place = draw(st.integers(0, len(kept)))
            result = result[:place] + "..." + result[place:]
        text += f"->{result}"
    operands = [numbers(*shape, seed=i) for i, shape in enumerate(shapes)]
    if draw(st.booleans()):
        operands[0] = operands[0] + 1j * numbers(*shapes[0], seed=9)
    return text.replace(",", draw(st.sampled_from([",", " , "]))), operands


@quick
@given(sums(), st.sampled_from([True, False, "greedy", "optimal"]))
def test_any_string(made: tuple[str, list[Any]], optimize: Any) -> None:
    text, operands = made
    found = fnp.einsum(text, *operands, optimize=optimize)
    expected = np.einsum(text, *operands)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@settings(quick, max_examples=25)
@given(sums())
def test_gradients_of_any_string_are_those_of_jax(made: tuple[str, list[Any]]) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    text, operands = made
    out, pull = fg.vjp(lambda *xs: fnp.einsum(text, *xs), *operands)
    ct = numbers(*out.shape, seed=5).astype(out.dtype)
    with jax.enable_x64(True):
        _, pull_theirs = jax.vjp(lambda *xs: jax.numpy.einsum(text, *xs), *map(jax.numpy.asarray, operands))
        expected = [np.asarray(g) for g in pull_theirs(jax.numpy.asarray(ct))]
    for a, b in zip(pull(ct), expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_lists_of_labels() -> None:
    x, y = numbers(2, 3), numbers(3, 4, seed=1)
    for arguments in (
        (x, [0, 1], y, [1, 2], [2, 0]),
        (x, [0, 1], y, [1, 2]),
        (x, [30, 2], y, [2, 1]),  # 1 comes before 30, though the letter of 30 may not
        (x, (Ellipsis, 1), y, (1, 2)),
        (x, [5, 1], [1]),
        (x, [1, 0]),
    ):
        np.testing.assert_allclose(fnp.einsum(*arguments), np.einsum(*arguments), rtol=1e-12)
        assert fnp.einsum_path(*arguments)[0] == np.einsum_path(*arguments)[0]
    traced = fg.grad(lambda x: fnp.einsum(x, [0, 1], y, [1, 2], []))(x)
    np.testing.assert_allclose(traced, np.broadcast_to(y.sum(1), (2, 3)))


@pytest.mark.parametrize("optimize", ["greedy", "optimal", True, False, ("greedy", 5)])
def test_paths_are_numpys(optimize: Any) -> None:
    operands = [numbers(*shape) for shape in [(2, 9), (9, 8), (8, 2), (2,)]]
    found = fnp.einsum_path("ij,jk,kl,l->i", *operands, optimize=optimize)
    expected = np.einsum_path("ij,jk,kl,l->i", *operands, optimize=optimize)
    assert found[0] == expected[0]
    np.testing.assert_allclose(
        fnp.einsum("ij,jk,kl,l->i", *operands, optimize=found[0]), np.einsum("ij,jk,kl,l->i", *operands)
    )
    shapes = fg.vmap(lambda x: fnp.einsum("ij,jk,kl,l->i", x, *operands[1:], optimize=found[0]))(np.ones((3, 2, 9)))
    assert shapes.shape == (3, 2)


@pytest.mark.parametrize("installed", [True, False], ids=["opt_einsum", "numpy"])
def test_orders_are_cheap_with_and_without_opt_einsum(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if installed:
        pytest.importorskip("opt_einsum", reason="opt_einsum is not installed")
    else:
        monkeypatch.setattr(ops.importlib.util, "find_spec", lambda name: None)
    search = ops.path.__wrapped__
    terms, shapes = ("ab", "bc", "c"), ((50, 50), (50, 50), (50,))
    assert search(terms, "a", shapes, "True") == ((1, 2), (0, 1))
    assert search(terms, "a", shapes, "optimal") == ((1, 2), (0, 1))
    with pytest.raises(OptionError, match="sideways"):
        search(terms, "a", shapes, "sideways")


def test_in_another_dtype() -> None:
    x = np.asarray([100, 100], "int8")
    assert fnp.einsum("i->", x, dtype="int32") == 200
    assert fnp.einsum("i->", x, dtype="float64").dtype == "float64"


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ShapeError, lambda x: fnp.einsum(x, [0, 1.5])),
        (ShapeError, lambda x: fnp.einsum(x, [0, 60])),
        (ShapeError, lambda x: fnp.einsum(x, [0, -1])),
        (ShapeError, lambda x: fnp.einsum(x)),
        (ShapeError, lambda x: fnp.einsum("ij->ij")),
        (ShapeError, lambda x: fnp.einsum("i->j->k", x)),
        (OptionError, lambda x: fnp.einsum("ij,jk,kl", x, x, x, optimize=["einsum_path", (0, 3)])),
        (OptionError, lambda x: fnp.einsum("ij,jk,kl", x, x, x, optimize=["einsum_path", (0, 1)])),
        (OptionError, lambda x: fnp.einsum("ij,jk,kl", x, x, x, optimize="fastest")),
    ],
)
def test_what_does_not_fit_is_refused(error: Any, call: Any) -> None:
    with pytest.raises(error, match="einsum"):
        call(np.ones((2, 2)))
