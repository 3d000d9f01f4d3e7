"""Arguments at the edge of what is allowed: ties, decreasing edges, small integers, NumPy's scalars, empty arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.ndimage

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, lax
from funcgrad.errors import DtypeError, IntegerRangeError, ShapeError
from funcgrad.scipy import ndimage, stats


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("edges", [[2.0, 1.0, 0.0, -1.0], [-1.0, 0.0, 1.0, 2.0], [1.0], [1.0, 1.0]])
def test_digitize_at_the_edges_themselves(edges: list[float], right: bool) -> None:
    x, bins = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0]), np.array(edges)
    expected = np.digitize(x, bins, right=right)
    np.testing.assert_array_equal(fnp.digitize(x, bins, right=right), expected)
    np.testing.assert_array_equal(fg.vmap(lambda b: fnp.digitize(x, b, right=right))(bins[None])[0], expected)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "int64", "uint64", "float32"])
def test_powers_of_small_integers_do_not_overflow(dtype: str) -> None:
    x = np.array([1, 0, 1] if dtype == "bool" else [100, 3, 0], dtype)
    found, expected = fnp.vander(x, 4), np.vander(x, 4)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == ("float32" if dtype in ("uint64", "float32") else "int64")


def test_integers_become_complex_numbers_of_the_default_size() -> None:
    assert fnp.sort_complex(np.array([3, 1])).dtype == "complex64"
    with config.default_dtype("float64"):
        assert fnp.sort_complex(np.array([3, 1])).dtype == "complex128"


@pytest.mark.parametrize("mode", ["constant", "nearest"])
def test_images_of_integers_round_halves_away_from_zero(mode: str) -> None:
    image, places = np.array([1, 2, 5, 4, -1, -2]), np.array([[0.5, 1.5, 2.5, 4.5, 3.3, -3.0]])
    found = ndimage.map_coordinates(image, places, order=1, mode=mode, cval=2.5)
    assert found.tolist() == scipy.ndimage.map_coordinates(image, places, order=1, mode=mode, cval=2.5).tolist()


def test_result_type_of_numpys_own() -> None:
    swapped = np.zeros(2, np.dtype("float32").newbyteorder())
    assert fnp.result_type(swapped, 1) == fnp.result_type(swapped, np.float32(1)) == "float32"
    assert fnp.result_type(np.float64(1), np.float32(1)) == fnp.result_type(np.float64(1), 1) == "float64"
    assert fnp.result_type(np.complex128(1), fnp.float32) == "complex128"
    assert fnp.result_type(1.0, fnp.int8) == config.default_dtype()
    assert fnp.finfo(swapped).dtype == "float32"


def test_least_squares_without_equations() -> None:
    found, residuals, rank, s = fnp.linalg.lstsq(np.zeros((0, 2)), np.zeros(0))
    expected = np.linalg.lstsq(np.zeros((0, 2)), np.zeros(0))
    assert found.tolist() == expected[0].tolist()
    assert int(rank) == 0
    assert residuals.shape == expected[1].shape
    assert s.shape == expected[3].shape


def test_mode_of_no_rows() -> None:
    found = stats.mode(np.zeros((0, 3), int), axis=1)
    assert found.mode.shape == found.count.shape == (0,)
    assert stats.mode(np.zeros((0, 3)), axis=1, keepdims=True).mode.shape == (0, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fnp.choose(np.array([0]), []),
        lambda: fnp.choose(np.array([0]), np.array(1.0)),
        lambda: fnp.choose(np.array([0]), np.zeros((0, 2))),
        lambda: fnp.lexsort(3.0),
        lambda: fnp.lexsort(()),
        lambda: fnp.lexsort(np.array(3.0)),
    ],
)
def test_nothing_to_choose_from(call: Callable[[], Any]) -> None:
    with pytest.raises(ShapeError, match="there are no"):
        call()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: fnp.fft.fft2(np.zeros((2, 2)), s=3), "fft2: s is a sequence"),
        (lambda: fnp.cov(None), "cov: there are no variables"),
        (lambda: fnp.cov(None, np.zeros(3)), "cov: there are no variables"),
        (lambda: fnp.split(np.zeros(4), 1.5), "split: a number of parts or the places"),
        (lambda: fnp.split(np.zeros(4), "ab"), "split: a number of parts or the places"),
    ],
)
def test_arguments_of_other_kinds_are_refused(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(DtypeError, match=text):
        call()


@pytest.mark.parametrize("exponent", [-1, -2, -3])
def test_the_slope_of_a_pole_is_infinite(exponent: int) -> None:
    slope = fg.grad(lambda x: lax.integer_pow(x, exponent))
    with np.errstate(divide="ignore"):
        assert float(slope(0.0)) == -np.inf
    assert float(slope(2.0)) == exponent * 2.0 ** (exponent - 1)


def test_parts_counted_by_a_number_of_numpys() -> None:
    x = np.arange(6.0)
    assert [part.tolist() for part in fnp.split(x, np.int64(3))] == [part.tolist() for part in np.split(x, 3)]


def test_a_shape_may_be_a_vector_of_numpys() -> None:
    shape = np.array([2, 3])
    assert fnp.zeros(shape).shape == fnp.full(shape, 1.0).shape == (2, 3)
    assert fnp.tile(np.ones(2), shape).shape == (2, 6)
    with pytest.raises(DtypeError, match="a shape must be"):
        fnp.zeros(np.array([2.0, 3.0]))


def test_numpys_cross_keeps_its_derivative() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5, 2.0])
    found = fg.jacrev(lambda a: np.cross(a, b))(a)
    np.testing.assert_allclose(found, np.cross(np.eye(3), b).T)
    with pytest.raises(ShapeError, match="2 or 3 components"):
        fnp.cross(np.ones(4), np.ones(4))


@pytest.mark.parametrize("name", ["pinv", "svd", "matrix_rank"])
def test_hermitian_matrices_are_square(name: str) -> None:
    with pytest.raises(ShapeError, match=f"{name}: square matrices"):
        getattr(fnp.linalg, name)(np.ones((3, 1)), hermitian=True)


@pytest.mark.parametrize("exponent", [-1, np.array([1, -1, 2])])
def test_whole_numbers_to_a_negative_power_are_told_of(exponent: Any) -> None:
    x = fg.asarray([1, 2, 3])
    for power in (lambda x: x**exponent, lambda x: np.power(x, exponent), fg.jit(lambda x: x**exponent)):
        with pytest.raises(ValueError, match=r"(?s)int64\[3\] \*\* int64.*negative exponent.*astype\('float32'\)"):
            power(x)


def test_large_unsigned_numbers_beside_small_ones_are_exact() -> None:
    for numbers in ([0, 2**63 + 1], [[2**64 - 2048, 1], [3, 2**64 - 1]], (2**63 - 1, 2**63)):
        assert fnp.asarray(numbers, dtype="uint64").tolist() == np.array(numbers, np.uint64).tolist()
    for numbers in ([-1, 2**63 + 1], [[2**64 - 1], [-5]]):
        with pytest.raises(IntegerRangeError, match=r"out of the range of uint64"):
            fnp.asarray(numbers, dtype="uint64")
