"""Counts that do not overflow, roots whose derivative stays finite, and a factor for gradients alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import tree
from ..core import Array
from ..dtypes import is_complex, is_floating
from ..errors import DtypeError
from ..numpy import abs, asarray, mean, sqrt, square, where
from ..numpy.linalg import norm
from ..transforms.custom_vjp import custom_vjp

__all__ = ["safe_increment", "safe_norm", "safe_root_mean_squares", "scale_gradient"]


def safe_increment(count: Any) -> Array:
    """count + 1, or count where that is the largest number of its dtype.

    Args:
        count: an integer or floating array, or an int.

    Raises:
        DtypeError: booleans or complex numbers.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.safe_increment(fnp.asarray([7, 127], "int8"))
    Array([  8, 127], dtype=int8)
    """
    count = asarray(count)
    if count.dtype.kind not in "iu" and not is_floating(count.dtype):
        raise DtypeError(f"safe_increment counts in integers or floats, not in {count.dtype}")
    most = (np.finfo if is_floating(count.dtype) else np.iinfo)(count.dtype).max
    return where(count < most, count + 1, count)


def safe_norm(x: Any, min_norm: float, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """max(|x|, min_norm), whose derivative is 0 and not NaN where x is 0.

    Args:
        x: an array.
        min_norm: the least result.
        ord, axis, keepdims: as for `fnp.linalg.norm`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.safe_norm(fnp.asarray([3.0, 4.0]), 1.0), fg.grad(optim.safe_norm)(fnp.zeros(2), 1.0)
    (Array(5., dtype=float32), Array([0., 0.], dtype=float32))
    """
    x = asarray(x)
    small = norm(x, ord=ord, axis=axis, keepdims=True) <= min_norm
    found = norm(where(small, 1, x), ord=ord, axis=axis, keepdims=keepdims)
    return where(small if keepdims else small.reshape(found.shape), min_norm, found)


def safe_root_mean_squares(x: Any, min_rms: float) -> Array:
    """max of the root of the mean square of all elements and `min_rms`, with derivative 0 and not NaN at 0.

    Args:
        x: an array.
        min_rms: the least result.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.safe_root_mean_squares(fnp.asarray([3.0, -3.0]), 1e-3)
    Array(3., dtype=float32)
    """
    x = asarray(x)
    squares = mean(square(abs(x)) if is_complex(x.dtype) else square(x))
    small = squares <= min_rms * min_rms
    return where(small, min_rms, sqrt(where(small, 1, squares)))


def scale_gradient(inputs: Any, scale: Any) -> Any:
    """A tree as it is, whose gradient is multiplied by a number on the way back.

    Args:
        inputs: a tree of arrays.
        scale: a number: 0 stops the gradient, a negative one reverses it.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> fg.grad(lambda x: (optim.scale_gradient(x, -0.5) ** 2).sum())(fnp.asarray([1.0, 2.0]))
    Array([-1., -2.], dtype=float32)

    Source: Ganin and Lempitsky, Unsupervised Domain Adaptation by Backpropagation, 2015, arXiv:1409.7495.
    """

    @custom_vjp
    def same(tree: Any) -> Any:
        return tree

    same.defvjp(lambda x: (x, None), lambda _, ct: (tree.map(lambda g: scale * g, ct),))
    return same(inputs)
