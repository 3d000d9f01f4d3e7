"""Images of other sizes: `interpolate`, axis by axis.

Each axis is resized by itself, since all filters here are products of ones for each axis. So a derivative, which is the
same with inputs and outputs exchanged, costs no more, and is linear again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..errors import OptionError, ShapeError
from ..ops.create import asarray, to_inexact
from ..ops.precision import widened
from ..ops.resample import resample
from .layouts import LAYOUT_RANKS, layout_rank, spatial_axes
from .resampling import bin_taps, taps_of
from .windows import per_axis

__all__ = ["interpolate", "upsample"]

_MODES = {
    "nearest": ("nearest", None),
    "nearest-exact": ("nearest-exact", None),
    "area": ("area", None),
    "linear": ("linear", 1),
    "bilinear": ("linear", 2),
    "trilinear": ("linear", 3),
    "bicubic": ("cubic", 2),
}
"""For each mode, what is done along an axis, and how many axes it is for; any number where None."""


@widened
def interpolate(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
    layout: str = "NHWC",
) -> Array:
    """Images resized to other spatial sizes.

    Element i of m along an axis of n lies at (i + 1/2) n / m - 1/2 of the input, and with align_corners at
    i (n - 1) / (m - 1), so that the ends are the ends. There
    - "nearest" takes element floor(i n / m), and "nearest-exact" the one that is in truth the nearest;
    - "linear", "bilinear" and "trilinear" weigh the two neighbours along each of one, two or three axes;
    - "bicubic" weighs four by Keys' cubic with a = -0.75; beyond the ends there are the last elements;
    - "area" takes the mean of a bin, as `adaptive_avg_pool2d` does.

    Args:
        input: (N, H, W, C), or (H, W, C) for one image; as `layout` says. "nearest" and "nearest-exact" keep integers,
            which other modes take as the default float.
        size: the sizes of the result: an int, or one an axis. Either this or
        scale_factor: how many times as large: a number, or one an axis. The size is floor(n scale_factor), and the
            step between elements is 1 / scale_factor, not n / m. As in PyTorch an axis that keeps its size stays as it
            is in the linear modes and with antialias, and in images "nearest" keeps or doubles such an axis exactly.
        mode: as above.
        align_corners: for the linear modes and "bicubic" only; False where None.
        recompute_scale_factor: whether the step is n / m also with scale_factor.
        antialias: for "bilinear" and "bicubic": whether shrinking reads all elements within reach of the filter, which
            is stretched for that (as Pillow's; the cubic has a = -0.5).
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    Returns:
        The resized images, in the layout of the input.

    Raises:
        OptionError: a mode that does not exist or is for another number of axes; both of size and scale_factor or
            neither; an option that the mode has not.
        ShapeError: a size below 1, or an input of another number of axes.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.asarray([[1.0, 2.0], [3.0, 4.0]])[:, :, None]
    >>> F.interpolate(x, scale_factor=2)[..., 0]
    Array([[1., 1., 2., 2.],
           [1., 1., 2., 2.],
           [3., 3., 4., 4.],
           [3., 3., 4., 4.]], dtype=float32)
    >>> F.interpolate(x, size=(1, 3), mode="bilinear", align_corners=True)[..., 0]
    Array([[1. , 1.5, 2. ]], dtype=float32)

    Source: torch.nn.functional.interpolate; R. G. Keys, Cubic convolution interpolation for digital image processing,
    IEEE Trans. ASSP 29 (1981).
    """
    kind = checked_resizing(
        "interpolate", mode, layout, size, scale_factor, align_corners, recompute_scale_factor, antialias
    )
    x: Any = asarray(input) if kind in ("nearest", "nearest-exact") else to_inexact(input)
    axes = spatial_axes("interpolate", x, layout)
    sizes, steps = _sizes(tuple(x.shape[a] for a in axes), size, scale_factor, bool(recompute_scale_factor), x)
    for axis, m, step in zip(axes, sizes, steps, strict=True):
        n = x.shape[axis]
        if kind == "area":
            taps = bin_taps(n, m)
        else:
            if align_corners:
                step = (n - 1) / (m - 1) if m > 1 else 0.0
            elif _is_even(kind, len(axes), n, m, antialias):
                step = n / m
            taps = taps_of(kind, n, m, step, bool(align_corners), antialias)
        if not taps.is_identity:
            x = resample(x, axis=axis, taps=taps)
    return x  # type: ignore[no-any-return]


def _is_even(kind: str, rank: int, n: int, m: int, antialias: bool) -> bool:
    """Whether the step is n / m whatever the scale_factor: PyTorch's shortcuts."""
    if kind == "nearest":
        return rank == 2 and m in (n, 2 * n)
    return m == n and (kind == "linear" or antialias)


def upsample(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    layout: str = "NHWC",
) -> Array:
    """`interpolate` by the name that it had before.

    Args:
        input, size, scale_factor, mode, align_corners, layout: as for `interpolate`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.upsample(fnp.asarray([[1.0], [2.0]]), scale_factor=2, layout="NWC").ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    return interpolate(input, size, scale_factor, mode, align_corners, layout=layout)


def checked_resizing(
    name: str,
    mode: str,
    layout: str,
    size: Any,
    scale_factor: Any,
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> str:
    """What the mode does along an axis; the settings must go together."""
    found = layout_rank(name, layout)
    if mode not in _MODES:
        raise OptionError(f"{name}: mode is one of {', '.join(_MODES)}, not {mode!r}")
    kind, rank = _MODES[mode]
    if rank not in (None, found):
        fitting = [other for other, r in LAYOUT_RANKS.items() if r == rank]
        raise OptionError(f"{name}: {mode!r} is for layouts {' and '.join(fitting)}, not {layout!r}")
    if (size is None) == (scale_factor is None):
        raise OptionError(f"{name}: give either size or scale_factor")
    if size is not None:
        per_axis(name, "size", size, found)
    elif len(factors := _each(scale_factor, found)) != found or not all(f > 0 for f in factors):
        raise OptionError(f"{name}: scale_factor must be above 0, or {found} such numbers; got {scale_factor!r}")
    if align_corners is not None and kind not in ("linear", "cubic"):
        raise OptionError(f"{name}: align_corners is for linear and cubic modes, not for {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise OptionError(f"{name}: antialias is for 'bilinear' and 'bicubic', not for {mode!r}")
    if recompute_scale_factor and scale_factor is None:
        raise OptionError(f"{name}: recompute_scale_factor goes with scale_factor, not with size")
    return kind


def _each(value: Any, rank: int) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] * rank


def _sizes(
    spatial: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool, x: Array
) -> tuple[list[int], list[float]]:
    """The sizes of the result, and the steps between its elements."""
    factors = [] if scale_factor is None else [float(f) for f in _each(scale_factor, len(spatial))]
    sizes = [math.floor(n * f) for n, f in zip(spatial, factors, strict=False)] or _each(size, len(spatial))
    if min(sizes) < 1 or min(spatial) < 1:
        raise ShapeError(f"interpolate: the input {x.aval} of spatial sizes {spatial} cannot become {tuple(sizes)}")
    if factors and not recompute:
        return sizes, [1 / f for f in factors]
    return sizes, [n / m for n, m in zip(spatial, sizes, strict=True)]
