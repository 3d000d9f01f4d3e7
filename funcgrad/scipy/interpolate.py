"""Interpolation on grids, with the names and arguments of `scipy.interpolate`.

>>> import funcgrad.numpy as fnp, funcgrad.scipy.interpolate as interpolate
>>> f = interpolate.RegularGridInterpolator(([0.0, 1.0], [0.0, 2.0]), [[0.0, 2.0], [1.0, 3.0]])
>>> f(fnp.asarray([[0.5, 1.0]]))
Array([1.5], dtype=float32)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy.elementwise import where
from ..numpy.manipulation import broadcast_arrays, stack
from ..numpy.sorting import searchsorted
from ..ops.create import asarray, promote_all, to_inexact
from ..ops.elementwise import astype, isnan, stop_gradient

__all__ = ["RegularGridInterpolator"]

_METHODS = ("linear", "nearest")


class RegularGridInterpolator:
    """A function of d variables that is known on a grid, whose lines need not be at equal distances.

    Args:
        points: for each axis, its places: arrays that ascend strictly, or descend.
        values: the function there, of shape (m1, ..., md, ...).
        method: "linear" or "nearest".
        bounds_error: whether a place outside of the grid is an error.
        fill_value: what the function is there otherwise; None to go on with the cells at the ends.

    Raises:
        ShapeError: points and values that do not fit each other.
        OptionError: another method.

    >>> import funcgrad as fg, funcgrad.scipy.interpolate as interpolate
    >>> f = interpolate.RegularGridInterpolator(([0.0, 1.0, 3.0],), [0.0, 1.0, 2.0])
    >>> f([[2.0]]), fg.grad(lambda x: f(x)[0])(fg.asarray([2.0]))
    (Array([1.5], dtype=float32), Array([0.5], dtype=float32))
    """

    def __init__(
        self,
        points: Sequence[Any],
        values: Any,
        method: str = "linear",
        bounds_error: bool = True,
        fill_value: Any = float("nan"),
    ):
        if method not in _METHODS:
            raise OptionError(f'RegularGridInterpolator: method is "linear" or "nearest", not {method!r}')
        self.values: Any = to_inexact(values)
        self.grid: list[Any] = [to_inexact(p) for p in points]
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        if len(self.grid) > self.values.ndim:
            raise ShapeError(
                f"RegularGridInterpolator: {len(self.grid)} axes of points for values of {self.values.ndim} axes"
            )
        for i, p in enumerate(self.grid):
            if p.ndim != 1 or p.shape[0] != self.values.shape[i] or p.shape[0] < 2:
                raise ShapeError(
                    f"RegularGridInterpolator: the points of axis {i} are {p.aval}, and the values {self.values.aval}: "
                    "points have one axis, two elements at least, and as many as the values along theirs"
                )
            steps: Any = p[1:] - p[:-1]
            if bool((steps < 0).all()):
                self.grid[i], self.values = p[::-1], self.values[(slice(None),) * i + (slice(None, None, -1),)]
            elif not bool((steps > 0).all()):
                raise ShapeError(f"RegularGridInterpolator: the points of axis {i} must ascend strictly, or descend")

    def __call__(self, xi: Any, method: str | None = None) -> Array:
        """The function at places.

        Args:
            xi: of shape (..., d), or a tuple of d arrays that broadcast. One axis alone holds place after place.
            method: as above; by default the one given there.

        Returns:
            An array of shape (..., *values.shape[d:]); NaN where a place is.

        Raises:
            OptionError: a place outside of the grid, with bounds_error.
            ShapeError: places with another number of variables.
        """
        used = self.method if method is None else method
        if used not in _METHODS:
            raise OptionError(f'RegularGridInterpolator: method is "linear" or "nearest", not {used!r}')
        d = len(self.grid)
        places = stack(broadcast_arrays(*promote_all(xi)), axis=-1) if isinstance(xi, tuple) else asarray(xi)
        places = to_inexact(places)
        if places.ndim == 1 and places.shape[0] % d == 0:
            places = places.reshape((-1, d))
        if places.ndim == 0 or places.shape[-1] != d:
            raise ShapeError(
                f"RegularGridInterpolator: places of {d} variables end in an axis of that size, unlike {places.aval}"
            )
        coordinates = [places[..., i] for i in range(d)]
        outside = self._outside(coordinates)
        cells = [self._cell(p, x) for p, x in zip(self.grid, coordinates, strict=True)]
        out: Any = self._nearest(cells) if used == "nearest" else self._linear(cells)
        return self._finished(out, coordinates, outside)

    def _outside(self, coordinates: Sequence[Any]) -> Any:
        """Where places are outside of the grid; None where that does not matter."""
        if not self.bounds_error and self.fill_value is None:
            return None
        found: Any = None
        for i, (p, x) in enumerate(zip(self.grid, coordinates, strict=True)):
            beyond: Any = (x < p[0]) | (x > p[-1])
            if self.bounds_error and bool(beyond.any()):
                raise OptionError(
                    f"RegularGridInterpolator: a place is outside of the grid along axis {i}; with bounds_error=False "
                    "the function is fill_value there"
                )
            found = beyond if found is None else found | beyond
        return None if self.bounds_error else found

    @staticmethod
    def _cell(p: Any, x: Any) -> tuple[Any, Any]:
        """The number of the cell that a place is in, and how far it is through it."""
        inner = stop_gradient(p[1:-1])
        number: Any = searchsorted(inner, stop_gradient(x), side="right") if p.shape[0] > 2 else astype(x * 0, "int64")
        low, high = p[number], p[number + 1]
        return number, (x - low) / (high - low)

    def _linear(self, cells: Sequence[tuple[Any, Any]]) -> Any:
        total: Any = 0
        for corner in itertools.product((0, 1), repeat=len(cells)):
            found = self.values[tuple(number + k for (number, _), k in zip(cells, corner, strict=True))]
            weight: Any = 1
            for (_, part), k in zip(cells, corner, strict=True):
                weight = weight * (part if k else 1 - part)
            total = total + found * weight.reshape(weight.shape + (1,) * (found.ndim - weight.ndim))
        return total

    def _nearest(self, cells: Sequence[tuple[Any, Any]]) -> Any:
        return self.values[tuple(where(part <= 0.5, number, number + 1) for number, part in cells)]

    def _finished(self, out: Any, coordinates: Sequence[Any], outside: Any) -> Any:
        unknown: Any = isnan(coordinates[0])
        for x in coordinates[1:]:
            unknown = unknown | isnan(x)
        deep = (1,) * (out.ndim - unknown.ndim)
        if outside is not None:
            out = where(outside.reshape(outside.shape + deep), self.fill_value, out)
        return where(unknown.reshape(unknown.shape + deep), float("nan"), out)
