"""Borders around sequences, images and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import ShapeError
from ..functional import pad
from ..functional.layouts import LAYOUT_RANKS, LAYOUTS_BY_RANK, channel_axis, check_layout
from ..functional.windows import Sizes
from ..numpy.creation import asarray
from .layer import Layer, Run

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


def _check(layer: Any) -> None:
    """Refuse at once what could fail only at the first call."""
    name = type(layer).__name__
    check_layout(name, layer.layout, layer._layouts)
    count = 2 * LAYOUT_RANKS[layer.layout]
    if isinstance(layer.padding, tuple) and len(layer.padding) != count:
        raise ShapeError(
            f"{name}: padding must be an int, or {count} of them, low and high of the last spatial axis first, not "
            f"{layer.padding!r}"
        )


def _padded(layer: Any, x: Any, value: float | None = None) -> Any:
    x, rank = asarray(x), LAYOUT_RANKS[layer.layout]
    channel_axis("", x.shape, layer.layout)
    widths = layer.padding if isinstance(layer.padding, tuple) else (layer.padding,) * (2 * rank)
    if layer.layout == layer._layouts[0]:
        widths = (0, 0, *widths)  # of the channels, which are last
    return pad(x, widths, layer._mode, value)


class _Pad(Layer):
    padding: Sizes
    layout: str = ""

    _layouts: ClassVar[tuple[str, str]]
    _mode: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        _check(self)

    def forward(self, run: Run, x: Any) -> Any:
        return _padded(self, x)


class _ConstantPad(Layer):
    padding: Sizes
    value: float
    layout: str = ""

    _layouts: ClassVar[tuple[str, str]]
    _mode: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        _check(self)

    def forward(self, run: Run, x: Any) -> Any:
        return _padded(self, x, self.value)


class CircularPad1d(_Pad):
    """Sequences with a border of what stands at the other end: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right). Negative numbers cut off.
        layout: "NWC" or "NCW".

    Shapes:
        (N, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.CircularPad1d(2)({}, fnp.asarray([[1.0], [2.0], [3.0]])).tolist()
    [[2.0], [3.0], [1.0], [2.0], [3.0], [1.0], [2.0]]
    """

    layout: str = "NWC"
    _layouts = LAYOUTS_BY_RANK[1]
    _mode = "circular"


class CircularPad2d(_Pad):
    """Images with a border of what stands at the other end: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom). Negative numbers cut off.
        layout: "NHWC" or "NCHW".

    Shapes:
        (N, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.CircularPad2d((1, 1, 2, 0))({}, fnp.ones((5, 4, 4, 3))).shape
    (5, 6, 6, 3)
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]
    _mode = "circular"


class CircularPad3d(_Pad):
    """Volumes with a border of what stands at the other end: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom, front, back). Negative numbers cut off.
        layout: "NDHWC" or "NCDHW".

    Shapes:
        (N, D, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.CircularPad3d(1)({}, fnp.ones((4, 4, 4, 3))).shape
    (6, 6, 6, 3)
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]
    _mode = "circular"


class ConstantPad1d(_ConstantPad):
    """Sequences with a border of one value: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right). Negative numbers cut off.
        value: what it is filled with.
        layout: "NWC" or "NCW".

    Shapes:
        (N, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ConstantPad1d(2, 7.0)({}, fnp.asarray([[1.0], [2.0], [3.0]])).tolist()
    [[7.0], [7.0], [1.0], [2.0], [3.0], [7.0], [7.0]]
    """

    layout: str = "NWC"
    _layouts = LAYOUTS_BY_RANK[1]


class ConstantPad2d(_ConstantPad):
    """Images with a border of one value: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom). Negative numbers cut off.
        value: what it is filled with.
        layout: "NHWC" or "NCHW".

    Shapes:
        (N, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ConstantPad2d((1, 1, 2, 0), 7.0)({}, fnp.ones((5, 4, 4, 3))).shape
    (5, 6, 6, 3)
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]


class ConstantPad3d(_ConstantPad):
    """Volumes with a border of one value: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom, front, back). Negative numbers cut off.
        value: what it is filled with.
        layout: "NDHWC" or "NCDHW".

    Shapes:
        (N, D, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ConstantPad3d(1, 7.0)({}, fnp.ones((4, 4, 4, 3))).shape
    (6, 6, 6, 3)
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]


class ReflectionPad1d(_Pad):
    """Sequences with a border that is mirrored at the edge: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right). Negative numbers cut off.
        layout: "NWC" or "NCW".

    Shapes:
        (N, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ReflectionPad1d(2)({}, fnp.asarray([[1.0], [2.0], [3.0]])).tolist()
    [[3.0], [2.0], [1.0], [2.0], [3.0], [2.0], [1.0]]
    """

    layout: str = "NWC"
    _layouts = LAYOUTS_BY_RANK[1]
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Images with a border that is mirrored at the edge: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom). Negative numbers cut off.
        layout: "NHWC" or "NCHW".

    Shapes:
        (N, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ReflectionPad2d((1, 1, 2, 0))({}, fnp.ones((5, 4, 4, 3))).shape
    (5, 6, 6, 3)
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Volumes with a border that is mirrored at the edge: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom, front, back). Negative numbers cut off.
        layout: "NDHWC" or "NCDHW".

    Shapes:
        (N, D, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ReflectionPad3d(1)({}, fnp.ones((4, 4, 4, 3))).shape
    (6, 6, 6, 3)
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Sequences with a border that repeats the edge: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right). Negative numbers cut off.
        layout: "NWC" or "NCW".

    Shapes:
        (N, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ReplicationPad1d(2)({}, fnp.asarray([[1.0], [2.0], [3.0]])).tolist()
    [[1.0], [1.0], [1.0], [2.0], [3.0], [3.0], [3.0]]
    """

    layout: str = "NWC"
    _layouts = LAYOUTS_BY_RANK[1]
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Images with a border that repeats the edge: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom). Negative numbers cut off.
        layout: "NHWC" or "NCHW".

    Shapes:
        (N, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ReplicationPad2d((1, 1, 2, 0))({}, fnp.ones((5, 4, 4, 3))).shape
    (5, 6, 6, 3)
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Volumes with a border that repeats the edge: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom, front, back). Negative numbers cut off.
        layout: "NDHWC" or "NCDHW".

    Shapes:
        (N, D, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ReplicationPad3d(1)({}, fnp.ones((4, 4, 4, 3))).shape
    (6, 6, 6, 3)
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]
    _mode = "replicate"


class ZeroPad1d(_Pad):
    """Sequences with a border of zeros: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right). Negative numbers cut off.
        layout: "NWC" or "NCW".

    Shapes:
        (N, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ZeroPad1d(2)({}, fnp.asarray([[1.0], [2.0], [3.0]])).tolist()
    [[0.0], [0.0], [1.0], [2.0], [3.0], [0.0], [0.0]]
    """

    layout: str = "NWC"
    _layouts = LAYOUTS_BY_RANK[1]


class ZeroPad2d(_Pad):
    """Images with a border of zeros: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom). Negative numbers cut off.
        layout: "NHWC" or "NCHW".

    Shapes:
        (N, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ZeroPad2d((1, 1, 2, 0))({}, fnp.ones((5, 4, 4, 3))).shape
    (5, 6, 6, 3)
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]


class ZeroPad3d(_Pad):
    """Volumes with a border of zeros: `functional.pad`.

    Args:
        padding: how wide it is: an int, or (left, right, top, bottom, front, back). Negative numbers cut off.
        layout: "NDHWC" or "NCDHW".

    Shapes:
        (N, D, H, W, C), or as the layout says, with or without N; the spatial axes grow.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ZeroPad3d(1)({}, fnp.ones((4, 4, 4, 3))).shape
    (6, 6, 6, 3)
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]
