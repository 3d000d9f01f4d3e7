"""Linear algebra beyond NumPy's, with SciPy's names and arguments.

All functions have derivatives of every order, real and complex. Matrices are the last two axes; stacks of them are
taken where not said otherwise. SciPy's arguments `overwrite_*` and `check_finite` are accepted and change nothing:
arrays here never change, and `config.debug_nans` finds the first operation that makes what is not finite.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.expm(fnp.zeros((2, 2)))
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
"""

from __future__ import annotations

from numpy.linalg import LinAlgError  # what ours, LinearAlgebraError, is one of

from . import decompositions, equations, functions, solving, special_matrices
from .decompositions import *
from .equations import *
from .functions import *
from .solving import *
from .special_matrices import *

__all__ = ["LinAlgError"]
__all__ += decompositions.__all__
__all__ += equations.__all__
__all__ += functions.__all__
__all__ += solving.__all__
__all__ += special_matrices.__all__
