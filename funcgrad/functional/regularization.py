"""Regularisation by chance: dropout of elements and of whole channels, and of what a block adds.

All take a key, and nothing is drawn outside of training or where p is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import random
from ..core import Array
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.creation import zeros_like
from ..numpy.elementwise import where
from ..ops.create import to_inexact
from .layouts import LAYOUTS, check_layout, one_per_channel
from .options import check_probability

__all__ = [
    "alpha_dropout",
    "drop_path",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

# what selu makes of -infinity: -lambda alpha, from the equations 14 of Klambauer and others
_SELU_LEAST = -1.0507009873554805 * 1.6732632423543772


def dropout(x: Any, p: float = 0.5, *, key: Any = None, train: bool = True) -> Array:
    """Each element is zero with probability `p`, and else divided by 1 - p, so that its mean stays the same.

    Args:
        x: integers are taken as the default float.
        p: the probability of being dropped, between 0 and 1.
        key: of `funcgrad.random`; needed in training. Under `vmap` a key that all examples share drops the same
            elements in each; map over `random.split(key, n)` for a choice of its own.
        train: where False, x comes back as it is.

    Returns:
        An array of x's shape.

    Raises:
        DtypeError: in training, and no key was given.
        OptionError: p is not between 0 and 1.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> sorted(set(F.dropout(fnp.ones(100), 0.5, key=random.key(0)).tolist()))
    [0.0, 2.0]

    Source: N. Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, 2014.
    """
    x = to_inexact(x)
    return x if _is_off("dropout", p, key, train) else _dropped(x, p, key, x.shape)


def dropout1d(x: Any, p: float = 0.5, *, key: Any = None, train: bool = True, layout: str = "NWC") -> Array:
    """Each channel of each sequence is zero with probability `p`: `dropout2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        p, key, train: as for `dropout`.
        layout: "NWC" or "NCW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> F.dropout1d(fnp.ones((2, 4)), 0.5, key=random.key(0)).tolist()
    [[0.0, 2.0, 2.0, 0.0], [0.0, 2.0, 2.0, 0.0]]
    """
    return _of_channels("dropout1d", 1, x, p, key, train, layout)


def dropout2d(x: Any, p: float = 0.5, *, key: Any = None, train: bool = True, layout: str = "NHWC") -> Array:
    """Each channel of each image is zero with probability `p`, and else divided by 1 - p.

    Neighbouring pixels of a channel are much alike, so `dropout` of single ones leaves what they say in the image.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W).
        p, key, train: as for `dropout`.
        layout: "NHWC" or "NCHW".

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: x has another number of axes.
        DtypeError, OptionError: as for `dropout`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> F.dropout2d(fnp.ones((5, 5, 4)), 0.5, key=random.key(0)).sum((0, 1)).tolist()
    [0.0, 50.0, 50.0, 0.0]

    Source: J. Tompson and others, Efficient object localization using convolutional networks, 2015.
    """
    return _of_channels("dropout2d", 2, x, p, key, train, layout)


def dropout3d(x: Any, p: float = 0.5, *, key: Any = None, train: bool = True, layout: str = "NDHWC") -> Array:
    """Each channel of each volume is zero with probability `p`: `dropout2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        p, key, train: as for `dropout`.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> F.dropout3d(fnp.ones((2, 2, 2, 4)), 0.5, key=random.key(0)).sum((0, 1, 2)).tolist()
    [0.0, 16.0, 16.0, 0.0]
    """
    return _of_channels("dropout3d", 3, x, p, key, train, layout)


def alpha_dropout(x: Any, p: float = 0.5, *, key: Any = None, train: bool = True) -> Array:
    """Dropout for networks of `selu`: mean 0 and variance 1 stay what they are.

    An element becomes m = -1.758, what selu makes of minus infinity, with probability p, and then all are
    mapped affinely to the old mean and variance:

        y = a (x or m) + b, a = 1 / sqrt((1 - p) (1 + p m^2)), b = -a p m

    Args:
        x: of mean 0 and variance 1; integers are taken as the default float.
        p, key, train: as for `dropout`. Where p is 1, all is 0.

    Returns:
        An array of x's shape.

    Raises:
        DtypeError, OptionError: as for `dropout`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> y = F.alpha_dropout(random.normal(random.key(0), (100_000,)), 0.3, key=random.key(1))
    >>> abs(float(y.mean())) < 0.01, abs(float(y.var()) - 1) < 0.01
    (True, True)

    Source: G. Klambauer and others, Self-normalizing neural networks, 2017.
    """
    x = to_inexact(x)
    return x if _is_off("alpha_dropout", p, key, train) else _alpha_dropped(x, p, key, x.shape)


def feature_alpha_dropout(
    x: Any, p: float = 0.5, *, key: Any = None, train: bool = True, layout: str = "NHWC"
) -> Array:
    """`alpha_dropout` of whole channels of each example.

    Args:
        x: features (N, C), sequences, images or volumes as the layout says, with or without N.
        p, key, train: as for `alpha_dropout`.
        layout: "NC", "NWC", "NCW", "NHWC", "NCHW", "NDHWC" or "NCDHW".

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: x has another number of axes.
        DtypeError, OptionError: as for `dropout`; an unknown layout.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> F.feature_alpha_dropout(fnp.zeros((2, 4)), 0.5, key=random.key(0), layout="NWC").round(2)
    Array([[-0.78,  0.78,  0.78, -0.78],
           [-0.78,  0.78,  0.78, -0.78]], dtype=float32)

    Source: as for `alpha_dropout`.
    """
    check_layout("feature_alpha_dropout", layout)
    x = to_inexact(x)
    shape = one_per_channel("feature_alpha_dropout", x.shape, layout)
    return x if _is_off("feature_alpha_dropout", p, key, train) else _alpha_dropped(x, p, key, shape)


def drop_path(
    x: Any,
    p: float,
    *,
    key: Any = None,
    train: bool = True,
    mode: str = "row",
    scale_by_keep: bool = True,
) -> Array:
    """Stochastic depth: all of an example is zero with probability `p`. For what a block adds to its input.

        x = x + drop_path(block(x), p, key=key, train=train)

    Args:
        x: (N, ...); integers are taken as the default float.
        p, key, train: as for `dropout`.
        mode: "row", where each entry of the first axis is an example, or "batch", where x is dropped as a whole: for
            the one example that a function under `vmap` sees.
        scale_by_keep: whether what stays is divided by 1 - p.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: mode is "row" and x has no axes.
        DtypeError, OptionError: as for `dropout`; another mode.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> F.drop_path(fnp.ones((4, 2)), 0.5, key=random.key(0)).tolist()
    [[0.0, 0.0], [2.0, 2.0], [2.0, 2.0], [0.0, 0.0]]

    Source: G. Huang and others, Deep networks with stochastic depth, 2016.
    """
    check_mode("drop_path", mode)
    x = to_inexact(x)
    if mode == "row" and not x.ndim:
        raise ShapeError("drop_path: x has no axis that counts examples; mode='batch' drops it as a whole")
    if _is_off("drop_path", p, key, train):
        return x
    shape = tuple(n if i == 0 and mode == "row" else 1 for i, n in enumerate(x.shape))
    return _dropped(x, p, key, shape, scale_by_keep)


def check_mode(name: str, mode: str) -> None:
    """Refuse an unknown mode of `drop_path`."""
    if mode not in ("row", "batch"):
        raise OptionError(f"{name}: mode must be 'row' or 'batch', not {mode!r}")


def _is_off(name: str, p: float, key: Any, train: bool) -> bool:
    """Does x stay as it is? If not there must be a key."""
    check_probability(name, "p", p)
    if not train or p == 0:
        return True
    if key is None:
        raise DtypeError(
            f"{name}: training needs a key: pass key=random.key(seed), a new one at each call by random.split(key), "
            "or train=False to keep every element"
        )
    return False


def _of_channels(name: str, rank: int, x: Any, p: float, key: Any, train: bool, layout: str) -> Any:
    check_layout(name, layout, tuple(known for known in LAYOUTS if len(known) == rank + 2))
    x = to_inexact(x)
    shape = one_per_channel(name, x.shape, layout)
    return x if _is_off(name, p, key, train) else _dropped(x, p, key, shape)


def _dropped(x: Array, p: float, key: Any, shape: Sequence[int], scale: bool = True) -> Any:
    """x times one number for each place of `shape`, which broadcasts with it: 0, or 1 / (1 - p)."""
    if p == 1:
        return zeros_like(x)
    keep: Any = random.bernoulli(key, 1 - p, shape)
    return x * (keep.astype(x.dtype) * (1 / (1 - p) if scale else 1))


def _alpha_dropped(x: Array, p: float, key: Any, shape: Sequence[int]) -> Any:
    if p == 1:
        return zeros_like(x)
    a = 1 / math.sqrt((1 - p) * (1 + p * _SELU_LEAST**2))
    b = -a * p * _SELU_LEAST
    return where(random.bernoulli(key, 1 - p, shape), x * a + b, _SELU_LEAST * a + b)
