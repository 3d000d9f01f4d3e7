"""Linear algebra on stacks of matrices, which are the last two axes of an array.

The array API's linalg extension, and NumPy's `linalg` beyond it. All have derivatives of every order, real and complex,
in JAX's convention. Integers are computed in the default float, 16-bit floats in float32.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fnp.linalg.solve(fnp.asarray([[2.0, 0.0], [0.0, 4.0]]), fnp.asarray([2.0, 2.0]))
    Array([1. , 0.5], dtype=float32)
"""

from __future__ import annotations

from numpy.linalg import LinAlgError  # what ours, LinearAlgebraError, is one of

from . import decompositions, norms, products, solving
from .decompositions import *
from .norms import *
from .products import *
from .solving import *

__all__ = ["LinAlgError"]
__all__ += decompositions.__all__
__all__ += norms.__all__
__all__ += products.__all__
__all__ += solving.__all__
