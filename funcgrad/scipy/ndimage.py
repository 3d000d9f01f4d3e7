"""Images read between their elements, with the names and arguments of `scipy.ndimage`.

>>> import funcgrad.scipy.ndimage as ndimage
>>> ndimage.map_coordinates([1.0, 2.0, 4.0], [[0.5, 1.5]], order=1)
Array([1.5, 3. ], dtype=float32)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..dtypes import is_inexact
from ..errors import ImmutableArrayError, OptionError, ShapeError
from ..numpy.creation import asarray
from ..numpy.elementwise import maximum, minimum, where
from ..numpy.manipulation import broadcast_arrays
from ..ops.create import promote_all, to_inexact
from ..ops.elementwise import abs, astype, floor, remainder, sign, stop_gradient

__all__ = ["map_coordinates"]

_MODES = (
    "reflect",
    "grid-mirror",
    "constant",
    "grid-constant",
    "nearest",
    "mirror",
    "grid-wrap",
    "wrap",
)


def _inside(c: Any, n: int, mode: str) -> Any:
    """A coordinate brought into the image, as the mode continues it beyond its ends."""
    if mode == "nearest" or n == 1:
        return minimum(maximum(c, 0), n - 1)
    if mode == "mirror":
        t: Any = remainder(c, 2.0 * (n - 1))
        return minimum(t, 2 * (n - 1) - t)
    if mode in ("reflect", "grid-mirror"):
        t = remainder(c + 0.5, 2.0 * n)
        return minimum(t, 2 * n - t) - 0.5  # type: ignore[operator]
    if mode == "grid-wrap":
        return remainder(c, float(n))
    if mode == "wrap":  # the last element is the first one again, and n - 1 itself stays
        outside: Any = (c < 0) | (c > n - 1)
        return where(outside, remainder(c, float(n - 1)), c)
    return c


def map_coordinates(
    input: Any,
    coordinates: Sequence[Any],
    output: None = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
) -> Array:
    """The values of an image at places between its elements.

    Args:
        input: an array of d axes. Of integers the results are rounded to integers, halves away from 0.
        coordinates: d arrays (or one whose first axis is d long), which broadcast: the places along each axis, in
            elements.
        output: refused, as arrays are immutable.
        order: 1 for linear interpolation, 0 for the nearest element. Splines of higher orders, 3 by SciPy's default,
            are not here: say which one.
        mode: how the image goes on beyond its ends, for three elements a b c:
            "constant": k k | a b c | k k, and nothing is interpolated between the image and k = cval;
            "grid-constant": the same with interpolation there;
            "nearest": a a | a b c | c c;
            "reflect" (or "grid-mirror"): b a | a b c | c b;
            "mirror": c b | a b c | b a;
            "grid-wrap": b c | a b c | a b;
            "wrap": as that, but so that the first element and the last one are one.
        cval: the constant.
        prefilter: accepted, and without effect on these orders.

    Returns:
        An array of the coordinates' shape, differentiable in the image, and for order 1 in the coordinates.

    Raises:
        OptionError: another order or mode.
        ShapeError: another number of coordinates than of axes.

    >>> import funcgrad.scipy.ndimage as ndimage
    >>> ndimage.map_coordinates([[0.0, 1.0], [2.0, 3.0]], ([0.5, 1.0], [0.5, 0.0]), order=1)
    Array([1.5, 2. ], dtype=float32)
    """
    if output is not None:
        raise ImmutableArrayError(
            "map_coordinates: output= cannot be filled, arrays are immutable; use the result (and give order= by name)"
        )
    if order not in (0, 1):
        raise OptionError(f"map_coordinates: order is 0 (nearest) or 1 (linear), not {order!r}")
    if mode not in _MODES:
        raise OptionError(f"map_coordinates: mode is one of {', '.join(_MODES)}, not {mode!r}")
    image: Any = asarray(input)
    whole = not is_inexact(image.dtype)
    values: Any = to_inexact(image)
    places: Any = [to_inexact(c) for c in coordinates]
    if len(places) != image.ndim or not places:
        raise ShapeError(f"map_coordinates: {len(places)} coordinates for an image of {image.ndim} axes, {image.aval}")
    places = broadcast_arrays(*promote_all(places))
    corners = [_corners(c, n, order, mode) for c, n in zip(places, image.shape, strict=True)]
    total: Any = 0
    for corner in itertools.product(*corners):
        found = values[tuple(index for index, _, _ in corner)]
        for _, there, _ in corner:
            found = found if there is None else where(there, found, cval)
        for _, _, weight in corner:
            found = found if weight is None else found * astype(weight, found.real.dtype)
        total = total + found
    if mode == "constant":
        for c, n in zip(places, image.shape, strict=True):
            total = where((c >= 0) & (c <= n - 1), total, cval)
    return astype(sign(total) * floor(abs(total) + 0.5), image.dtype) if whole else astype(total, values.dtype)


def _corners(c: Any, n: int, order: int, mode: str) -> list[tuple[Any, Any, Any]]:
    """The elements around a place along an axis: which, whether they are in the image, and how much of each."""
    c = _inside(c, n, mode)
    if order == 0:
        return [_element(floor(c + 0.5), n, mode, None)]
    low: Any = stop_gradient(floor(c))
    part = c - low
    return [_element(low, n, mode, 1 - part), _element(low + 1, n, mode, part)]


def _element(place: Any, n: int, mode: str, weight: Any) -> tuple[Any, Any, Any]:
    place = stop_gradient(place)
    there = (place >= 0) & (place <= n - 1) if mode == "grid-constant" else None
    place = remainder(place, float(n)) if mode == "grid-wrap" else minimum(maximum(place, 0), n - 1)
    return astype(place, "int64"), there, weight
