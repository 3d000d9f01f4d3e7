"""`scipy.interpolate.RegularGridInterpolator` and the refusals of its neighbours `integrate` and `ndimage`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import interpolate

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors
from funcgrad.scipy import integrate, ndimage
from funcgrad.scipy.interpolate import RegularGridInterpolator
from funcgrad.testing import check_grads

_random = np.random.default_rng(0)
_GRID = (np.array([0.0, 0.7, 1.0, 2.5]), np.array([-1.0, 0.5, 2.0]))
_VALUES = _random.standard_normal((4, 3))
_PLACES = np.array([[0.2, 0.0], [0.75, 1.9], [2.4, -0.9], [1.0, 0.5], [0.0, -1.0], [2.5, 2.0]])


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("trailing", [(), (2,)])
def test_values_are_scipy_s(method: str, trailing: tuple[int, ...]) -> None:
    values = _random.standard_normal((4, 3, *trailing))
    expected = interpolate.RegularGridInterpolator(_GRID, values, method)(_PLACES)
    np.testing.assert_allclose(RegularGridInterpolator(_GRID, values, method)(_PLACES), expected, rtol=1e-13)
    found = RegularGridInterpolator(_GRID, values)((_PLACES[:, 0], _PLACES[:, 1]), method)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("fill", [np.nan, 3.0, None])
def test_places_outside(fill: Any) -> None:
    places = np.array([[-1.0, 0.0], [3.0, 3.0], [0.3, 0.2], [np.nan, 0.2]])
    settings: dict[str, Any] = {"bounds_error": False, "fill_value": fill}
    expected = interpolate.RegularGridInterpolator(_GRID, _VALUES, **settings)(places)
    np.testing.assert_allclose(RegularGridInterpolator(_GRID, _VALUES, **settings)(places), expected, rtol=1e-13)


def test_descending_points() -> None:
    descending = (_GRID[0][::-1], _GRID[1])
    expected = interpolate.RegularGridInterpolator(descending, _VALUES)(_PLACES)
    np.testing.assert_allclose(RegularGridInterpolator(descending, _VALUES)(_PLACES), expected, rtol=1e-13)


def test_derivatives_in_values_places_and_points() -> None:
    inside = fg.asarray(_PLACES[:3])
    check_grads(lambda v, x, p: RegularGridInterpolator((p, _GRID[1]), v)(x), (_VALUES, inside, _GRID[0]), 2)


def test_batches_and_programs() -> None:
    def f(x: Any) -> Any:
        return RegularGridInterpolator(_GRID, _VALUES, bounds_error=False)(x)

    expected = np.asarray(f(_PLACES))
    np.testing.assert_allclose(fg.vmap(lambda x: f(x[None])[0])(_PLACES), expected, rtol=1e-13)
    compiled = fg.jit(f)
    for _ in range(3):
        np.testing.assert_allclose(compiled(fg.asarray(_PLACES)), expected, rtol=1e-13)


def test_one_variable() -> None:
    f = RegularGridInterpolator((_GRID[1],), _VALUES[0])
    np.testing.assert_allclose(f(np.array([0.0, 1.0])), np.interp([0.0, 1.0], _GRID[1], _VALUES[0]), rtol=1e-13)
    two = RegularGridInterpolator((np.array([0.0, 1.0]),), np.array([1.0, 3.0]))
    assert two(np.array([0.25])).tolist() == [1.5]
    assert RegularGridInterpolator(_GRID, _VALUES)(_PLACES[0]).shape == (1,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RegularGridInterpolator(_GRID, _VALUES)([[9.0, 0.0]]), errors.OptionError, "outside of the grid"),
        (lambda: RegularGridInterpolator(_GRID, _VALUES, "cubic"), errors.OptionError, "cubic"),
        (lambda: RegularGridInterpolator(_GRID, _VALUES)(_PLACES, "cubic"), errors.OptionError, "cubic"),
        (lambda: RegularGridInterpolator(_GRID, _VALUES.T), errors.ShapeError, "axis 0"),
        (lambda: RegularGridInterpolator(([0.0, 0.0, 1.0],), [1.0, 2.0, 3.0]), errors.ShapeError, "strictly"),
        (lambda: RegularGridInterpolator(_GRID, [1.0, 2.0]), errors.ShapeError, "2 axes"),
        (lambda: RegularGridInterpolator(_GRID, _VALUES)(np.ones((2, 3))), errors.ShapeError, "2 variables"),
        (lambda: ndimage.map_coordinates(_VALUES, [[0.0], [0.0]]), errors.OptionError, "order"),
        (lambda: ndimage.map_coordinates(_VALUES, [[0.0], [0.0]], 1), errors.ImmutableArrayError, "order= by name"),
        (lambda: ndimage.map_coordinates(_VALUES, [[0.0]], order=1), errors.ShapeError, "1 coordinates"),
        (lambda: ndimage.map_coordinates(_VALUES, [[0.0], [0.0]], order=1, mode="x"), errors.OptionError, "'x'"),
        (lambda: integrate.simpson([]), errors.ShapeError, "samples"),
        (lambda: integrate.simpson([1.0, 2.0], x=[1.0]), errors.ShapeError, "places"),
        (lambda: integrate.simpson([1.0, 2.0], dx=[1.0]), errors.ShapeError, "dx"),
        (lambda: integrate.cumulative_trapezoid([1.0, 2.0], initial=1), errors.OptionError, "initial"),
    ],
)
def test_refusals(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_images_of_integers_give_integers() -> None:
    found = ndimage.map_coordinates(fnp.asarray([0, 10, 20]), [[0.26, 1.5]], order=1)
    assert found.dtype == "int64"
    assert found.tolist() == [3, 15]
