"""What each element of a resized axis reads: neighbours by interpolation, all within reach of a filter, or a bin.

Element i of m lies at (i + 1/2) s - 1/2 on the axis, in elements, where s is the step: n / m unless the caller says
otherwise. With aligned corners it lies at i s, and s = (n - 1) / (m - 1).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..kernels.resample import Taps

__all__ = ["SHARPNESS", "bin_edges", "bin_taps", "cubic_far", "cubic_near", "taps_of"]

SHARPNESS = -0.75  # Keys' parameter a, as OpenCV and PyTorch have it; with antialias -0.5, as Pillow


@functools.lru_cache(512)
def taps_of(kind: str, n: int, m: int, step: float, align_corners: bool, antialias: bool) -> Taps:
    """The taps from n elements to m.

    Args:
        kind: "nearest", "nearest-exact", "linear" or "cubic".
        n, m: sizes before and after.
        step: the distance of two elements of the result, in elements of the axis.
        align_corners: whether the first element lies on the first one.
        antialias: whether to read all that is within reach of the filter, stretched by the step where that is above 1.
    """
    if antialias:
        return _filtered(kind, n, m, step)
    if kind in ("nearest", "nearest-exact"):
        return Taps(n, m, np.arange(m), _nearest(n, m, step, kind == "nearest-exact"), 1)
    at = np.arange(m) * step if align_corners else (np.arange(m) + 0.5) * step - 0.5
    if kind == "linear":
        at = np.maximum(at, 0)  # before the first element there is that one
    low = np.floor(at).astype(np.int64)
    offsets = np.arange(2) if kind == "linear" else np.arange(-1, 3)
    places = low + offsets[:, None]
    weights = _WEIGHTS[kind](places - at, SHARPNESS)
    return _taps(n, m, places, weights)


def bin_edges(n: int, m: int) -> tuple[Any, Any]:
    """Where each of m bins over n elements starts and ends: floor(i n / m) and ceil((i + 1) n / m)."""
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


@functools.lru_cache(512)
def bin_taps(n: int, m: int) -> Taps:
    """The mean of each of the m bins."""
    first, last = bin_edges(n, m)
    counts = last - first
    outputs = np.repeat(np.arange(m), counts)
    inputs = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - first, counts)
    return Taps(n, m, outputs, inputs, np.repeat(1 / counts, counts))


def _nearest(n: int, m: int, step: float, exact: bool) -> Any:
    """Which element is the nearest one: floor(i s), or floor((i + 1/2) s) where it is the one in truth.

    In float32, as PyTorch has it, whose choice this is where the true place is the border between two.
    """
    i = np.arange(m, dtype=np.float32) + np.float32(0.5 if exact else 0)
    return np.minimum(np.floor(i * np.float32(step)).astype(np.int64), n - 1)


def _filtered(kind: str, n: int, m: int, step: float) -> Taps:
    """The filter around each place, stretched by the step, its weights normalised within the image."""
    stretch = max(step, 1.0)
    reach = stretch * (1 if kind == "linear" else 2)
    centre = (np.arange(m) + 0.5) * step
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), n)
    places = first + np.arange(max(int((last - first).max()), 1))[:, None]
    weights = _WEIGHTS[kind]((places - centre + 0.5) / stretch, -0.5)
    weights = np.where(places < last, weights, 0.0)
    total = weights.sum(0)
    return _taps(n, m, places, weights / np.where(total == 0, 1, total))


def _linear(distance: Any, _: float) -> Any:
    return np.maximum(1 - np.abs(distance), 0)


def _cubic(distance: Any, a: float) -> Any:
    """Keys' piecewise cubic: 1 at 0, and 0 at all other whole numbers."""
    d = np.abs(distance)
    return np.where(d <= 1, cubic_near(d, a), np.where(d < 2, cubic_far(d, a), 0.0))


def cubic_near(d: Any, a: float) -> Any:
    """Keys' cubic for distances up to 1."""
    return ((a + 2) * d - (a + 3)) * d * d + 1


def cubic_far(d: Any, a: float) -> Any:
    """Keys' cubic for distances from 1 to 2."""
    return (((d - 5) * d + 8) * d - 4) * a


_WEIGHTS = {"linear": _linear, "cubic": _cubic}


def _taps(n: int, m: int, places: Any, weights: Any) -> Taps:
    """Taps of (t, m) places and weights; beyond the ends there are the last elements."""
    outputs = np.broadcast_to(np.arange(m), places.shape)
    return Taps(n, m, outputs.ravel(), np.clip(places, 0, n - 1).ravel(), weights.ravel())
