"""Pooling by other measures than the maximum and the mean: p-norms, sums, and the minimum of each window."""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import OptionError
from ..numpy.elementwise import power, where
from ..ops.create import to_inexact
from ..ops.elementwise import bitwise_invert, negative
from ..ops.precision import widened
from .layouts import layout_rank
from .pooling import average, maximum, real_numbers
from .windows import Padding, Sizes, per_axis

__all__ = ["lp_pool1d", "lp_pool2d", "lp_pool3d", "min_pool", "sum_pool"]


@widened
def lp_pool1d(
    x: Any,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
    layout: str = "NWC",
) -> Array:
    """The root of the sum of powers of each window of a sequence: `lp_pool2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        norm_type, kernel_size, stride, ceil_mode: as for `lp_pool2d`.
        layout: "NWC" or "NCW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.lp_pool1d(fnp.asarray([[3.0, 4.0, 5.0, 12.0]]), 2, 2, layout="NCW").tolist()
    [[5.0, 13.0]]
    """
    return _lp_pool("lp_pool1d", 1, x, norm_type, kernel_size, stride, ceil_mode, layout)


@widened
def lp_pool2d(
    x: Any,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
    layout: str = "NHWC",
) -> Array:
    """The root of the sum of powers of each window of an image: (sum of x^p)^(1/p).

    The powers are those of x, not of its absolute value: for odd p elements are meant to be positive, and the root of a
    negative sum is NaN.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Integers are taken
            as the default float.
        norm_type: p, above 0: 1 gives sums, and 2 the norm.
        kernel_size: sizes of the window: an int, or one an axis.
        stride: steps between windows; the window's sizes where None.
        ceil_mode: whether a last window that starts on the data may reach over the high border. Its sum is that of a
            whole window with the same mean.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, C), or as x is laid out. Where the sum is 0, the derivative is taken as 0.

    Raises:
        OptionError: p is not above 0, or infinite: that is `max_pool2d`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.lp_pool2d(fnp.asarray([[2.0, 1.0], [2.0, 4.0]])[..., None], 2, 2).tolist()
    [[[5.0]]]

    Source: torch.nn.functional.lp_pool2d.
    """
    return _lp_pool("lp_pool2d", 2, x, norm_type, kernel_size, stride, ceil_mode, layout)


@widened
def lp_pool3d(
    x: Any,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
    layout: str = "NDHWC",
) -> Array:
    """The root of the sum of powers of each window of a volume: `lp_pool2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        norm_type, kernel_size, stride, ceil_mode: as for `lp_pool2d`.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.lp_pool3d(fnp.ones((2, 2, 2, 1)), 1, 2).tolist()
    [[[[8.0]]]]
    """
    return _lp_pool("lp_pool3d", 3, x, norm_type, kernel_size, stride, ceil_mode, layout)


@widened
def sum_pool(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    layout: str = "NHWC",
) -> Array:
    """The sum of each window, with zeros for padding.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; as `layout` says.
        kernel_size, stride, padding, ceil_mode: as for `avg_pool2d`.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.sum_pool(fnp.arange(4.0).reshape(2, 2, 1), 2).tolist()
    [[[6.0]]]
    """
    rank = layout_rank("sum_pool", layout)
    return average("sum_pool", rank, x, kernel_size, stride, padding, ceil_mode, True, 1, layout)  # type: ignore[no-any-return]


def min_pool(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    layout: str = "NHWC",
) -> Array:
    """The minimum of each window; padding is never chosen.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; as `layout` says. Real numbers.
        kernel_size, stride, padding, dilation, ceil_mode: as for `max_pool2d`.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.min_pool(fnp.arange(16.0).reshape(4, 4, 1), 2)[..., 0].tolist()
    [[0.0, 2.0], [8.0, 10.0]]
    """
    rank = layout_rank("min_pool", layout)
    x = real_numbers("min_pool", x)
    turn = bitwise_invert if is_integer(x.dtype) else negative  # -x of unsigned numbers has not the reverse order
    return turn(maximum("min_pool", rank, turn(x), kernel_size, stride, padding, dilation, ceil_mode, False, layout))


def _lp_pool(
    name: str, rank: int, x: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool, layout: str
) -> Any:
    check_norm(name, norm_type)
    powers = power(to_inexact(x), norm_type)
    mean = average(name, rank, powers, kernel_size, stride, 0, ceil_mode, True, None, layout)
    total = mean * math.prod(per_axis(name, "kernel_size", kernel_size, rank))
    return where(total == 0, 0, power(where(total == 0, 1, total), 1 / norm_type))


def check_norm(name: str, norm_type: float) -> None:
    """Whether there are such norms."""
    if not 0 < norm_type < math.inf:
        raise OptionError(f"{name}: norm_type must be above 0 and finite (max_pool is for infinity), not {norm_type!r}")
