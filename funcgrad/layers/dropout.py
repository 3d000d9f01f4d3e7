"""Layers that drop values by chance while training; otherwise they are the identity."""

from __future__ import annotations

from typing import Any, ClassVar

from ..functional import (
    alpha_dropout,
    drop_path,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from ..functional.layouts import LAYOUTS, LAYOUTS_BY_RANK, channel_axis, check_layout
from ..functional.options import check_probability
from ..functional.regularization import check_mode
from ..numpy.creation import asarray
from .layer import Layer, Run

__all__ = [
    "AlphaDropout",
    "DropPath",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _Dropout(Layer):
    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(type(self).__name__, "p", self.p)

    def forward(self, run: Run, x: Any) -> Any:
        x = self._checked(asarray(x))
        return self._dropped(x, run.key) if run.train and self.p else x

    def _checked(self, x: Any) -> Any:
        """x, whose shape is looked at outside of training too."""
        return x

    def _dropped(self, x: Any, key: Any) -> Any:
        raise NotImplementedError


class Dropout(_Dropout):
    """While training each value is zero with probability `p`, and else divided by 1 - p; otherwise the identity.

    Args:
        p: the probability of zero, in [0, 1].

    While training it needs a key: `model.apply(params, state, x, key=key, train=True)`.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> y, _ = layers.Dropout(0.5).apply({}, {}, fnp.ones(1000), key=random.key(0), train=True)
    >>> sorted(set(y.tolist()))
    [0.0, 2.0]

    Source: Srivastava et al., Dropout, JMLR 15, 2014.
    """

    def _dropped(self, x: Any, key: Any) -> Any:
        return dropout(x, self.p, key=key)


class _ChannelDropout(_Dropout):
    layout: str = ""

    _layouts: ClassVar[tuple[str, ...]]
    _function: ClassVar[Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layout(type(self).__name__, self.layout, self._layouts)

    def _checked(self, x: Any) -> Any:
        x = asarray(x)
        channel_axis("", x.shape, self.layout)
        return x

    def _dropped(self, x: Any, key: Any) -> Any:
        return type(self)._function(x, self.p, key=key, layout=self.layout)


class Dropout1d(_ChannelDropout):
    """Drops whole channels of sequences; arguments as for `Dropout2d`.

    Args:
        layout: "NWC" or "NCW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> y, _ = layers.Dropout1d(0.5).apply({}, {}, fnp.ones((2, 4)), key=random.key(0), train=True)
    >>> y.tolist()
    [[0.0, 2.0, 2.0, 2.0], [0.0, 2.0, 2.0, 2.0]]
    """

    layout: str = "NWC"
    _layouts, _function = LAYOUTS_BY_RANK[1], staticmethod(dropout1d)


class Dropout2d(_ChannelDropout):
    """While training each channel of each image is zero with probability `p`: `functional.dropout2d`.

    Args:
        p: the probability of zero, in [0, 1].
        layout: "NHWC" or "NCHW".

    Shapes:
        (N, H, W, C) -> (N, H, W, C), with or without N; or as the layout says.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> y, _ = layers.Dropout2d(0.5).apply({}, {}, fnp.ones((3, 3, 4)), key=random.key(0), train=True)
    >>> y.sum((0, 1)).tolist()
    [0.0, 18.0, 18.0, 18.0]

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015.
    """

    layout: str = "NHWC"
    _layouts, _function = LAYOUTS_BY_RANK[2], staticmethod(dropout2d)


class Dropout3d(_ChannelDropout):
    """Drops whole channels of volumes; arguments as for `Dropout2d`.

    Args:
        layout: "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> y, _ = layers.Dropout3d(0.5).apply({}, {}, fnp.ones((2, 2, 2, 4)), key=random.key(0), train=True)
    >>> y.sum((0, 1, 2)).tolist()
    [0.0, 16.0, 16.0, 16.0]
    """

    layout: str = "NDHWC"
    _layouts, _function = LAYOUTS_BY_RANK[3], staticmethod(dropout3d)


class AlphaDropout(_Dropout):
    """Dropout behind `selu`, which keeps mean 0 and variance 1; the maths stands at `functional.alpha_dropout`.

    Args:
        p: the probability of being dropped, in [0, 1].

    >>> from funcgrad import layers, random, numpy as fnp
    >>> y, _ = layers.AlphaDropout(0.5).apply({}, {}, fnp.zeros(1000), key=random.key(0), train=True)
    >>> [round(v, 4) for v in sorted(set(y.tolist()))]
    [-0.7792, 0.7792]

    Source: Klambauer et al., Self-Normalizing Neural Networks, https://arxiv.org/abs/1706.02515.
    """

    def _dropped(self, x: Any, key: Any) -> Any:
        return alpha_dropout(x, self.p, key=key)


class FeatureAlphaDropout(_ChannelDropout):
    """`AlphaDropout` of whole channels of each example: `functional.feature_alpha_dropout`.

    Args:
        p: the probability of being dropped, in [0, 1].
        layout: of the input: "NC", "NWC", "NCW", "NHWC", "NCHW", "NDHWC" or "NCDHW".

    Shapes:
        as the layout says, with or without N; the output as the input.
    """

    layout: str = "NHWC"
    _layouts, _function = LAYOUTS, staticmethod(feature_alpha_dropout)


class DropPath(_Dropout):
    """Stochastic depth: while training all of an example is zero with probability `p`: `functional.drop_path`.

    Args:
        p: the probability of zero, in [0, 1].
        scale_by_keep: whether what stays is divided by 1 - p.
        mode: "row", where each entry of the first axis is an example, or "batch", where x is dropped as a whole: for
            one example, such as a function under `vmap` sees.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> class Block(layers.Layer):
    ...     inner: layers.Linear
    ...     path: layers.DropPath
    ...
    ...     def forward(self, run, x):
    ...         return x + run.path(run.inner(x))
    >>> block = Block(layers.Linear(3, 3), layers.DropPath(0.5))
    >>> params, state = block.init(random.key(0))
    >>> y, _ = block.apply(params, state, fnp.ones((4, 3)), key=random.key(1), train=True)
    >>> (y == 1).all(1)
    Array([False,  True,  True, False], dtype=bool)

    Source: Huang et al., Deep Networks with Stochastic Depth, https://arxiv.org/abs/1603.09382.
    """

    scale_by_keep: bool = True
    mode: str = "row"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_mode("DropPath", self.mode)

    def _dropped(self, x: Any, key: Any) -> Any:
        return drop_path(x, self.p, key=key, mode=self.mode, scale_by_keep=self.scale_by_keep)
