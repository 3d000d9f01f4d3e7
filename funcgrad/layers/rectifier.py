"""Activation functions of straight pieces as layers; `functional` says what they compute."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..functional import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    prelu,
    relu6,
    rrelu,
    softshrink,
    threshold,
)
from ..functional.layouts import LAYOUT_RANKS, check_layout
from ..numpy.creation import asarray, full
from .layer import Layer, Run

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "PReLU",
    "RReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]
__all__ += ["hardswish", "relu6"]  # the plain functions, for `Sequential`


class ReLU6(Layer):
    """min(max(x, 0), 6): `functional.relu6`."""

    def forward(self, run: Run, x: Any) -> Any:
        return relu6(x)


class Hardtanh(Layer):
    """x between two bounds: `functional.hardtanh`.

    Args:
        min_val, max_val: the bounds.

    Raises:
        OptionError: min_val is above max_val.
    """

    min_val: float = -1.0
    max_val: float = 1.0

    def __post_init__(self) -> None:
        hardtanh(0.0, self.min_val, self.max_val)  # wrong bounds shall not wait for the first call

    def forward(self, run: Run, x: Any) -> Any:
        return hardtanh(x, self.min_val, self.max_val)


class Hardsigmoid(Layer):
    """min(max(x + 3, 0), 6) / 6: `functional.hardsigmoid`."""

    def forward(self, run: Run, x: Any) -> Any:
        return hardsigmoid(x)


class Hardswish(Layer):
    """x hardsigmoid(x): `functional.hardswish`."""

    def forward(self, run: Run, x: Any) -> Any:
        return hardswish(x)


class Hardshrink(Layer):
    """x where |x| > lambd, 0 elsewhere: `functional.hardshrink`."""

    lambd: float = 0.5

    def forward(self, run: Run, x: Any) -> Any:
        return hardshrink(x, self.lambd)


class Softshrink(Layer):
    """x moved towards 0 by lambd: `functional.softshrink`.

    Raises:
        OptionError: lambd is negative.
    """

    lambd: float = 0.5

    def __post_init__(self) -> None:
        softshrink(0.0, self.lambd)

    def forward(self, run: Run, x: Any) -> Any:
        return softshrink(x, self.lambd)


class Threshold(Layer):
    """x where x > threshold, `value` elsewhere: `functional.threshold`."""

    threshold: float
    value: float

    def forward(self, run: Run, x: Any) -> Any:
        return threshold(x, self.threshold, self.value)


class RReLU(Layer):
    """A leaky relu of random slopes while training, of the mean slope otherwise: `functional.rrelu`.

    Args:
        lower, upper: the bounds of the slopes below 0.

    While training it needs a key: `model.apply(params, state, x, key=key, train=True)`.

    Raises:
        OptionError: lower is above upper.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.RReLU(0.2, 0.4)({}, fnp.asarray([-1.0, 2.0]))
    Array([-0.3,  2. ], dtype=float32)
    """

    lower: float = 1 / 8
    upper: float = 1 / 3

    def __post_init__(self) -> None:
        rrelu(0.0, self.lower, self.upper, train=False)

    def forward(self, run: Run, x: Any) -> Any:
        return rrelu(x, self.lower, self.upper, key=run.key if run.train else None, train=run.train)


class PReLU(Layer):
    """x above 0, a learned multiple of x below: `functional.prelu`.

    Args:
        num_parameters: 1 for one slope, or the number of channels for one each.
        slope: the first value of the slopes; PyTorch calls it init.
        layout: where the channels are: last, as in "NHWC" and by default, or first, as in "NCHW".

    Parameters:
        weight: (num_parameters,)

    Shapes:
        (..., C) -> (..., C) with the channels last; (C, W), (C, H, W) or (C, D, H, W), with or without a batch, with
        "NCW", "NCHW" or "NCDHW".

    Raises:
        OptionError: an unknown layout.
        ShapeError: when applied: the input has not num_parameters channels.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.PReLU()
    >>> model(model.init(random.key(0))[0], fnp.asarray([-1.0, 2.0]))
    Array([-0.25,  2.  ], dtype=float32)
    """

    num_parameters: int = 1
    slope: float = 0.25
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_layout("PReLU", self.layout, tuple(LAYOUT_RANKS))

    def parameters(self, key: Any) -> dict[str, Any]:
        return {"weight": full(self.num_parameters, float(self.slope))}

    def forward(self, run: Run, x: Any) -> Any:
        x = asarray(x)
        axis = -1 if self.layout[-1] == "C" else 1 - len(self.layout)
        if self.num_parameters > 1 and (x.ndim < -axis or x.shape[axis] != self.num_parameters):
            raise ShapeError(f"expected {self.num_parameters} channels at axis {axis} ({self.layout}), got {x.shape}")
        return prelu(x, run.weight, axis)
