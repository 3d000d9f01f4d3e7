"""`jax.lax.linalg` on funcgrad's arrays: the factors and solves that the others are made of.

>>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
>>> linalg.cholesky(4 * fnp.eye(2))
Array([[2., 0.],
       [0., 2.]], dtype=float32)
"""

from __future__ import annotations

from . import factors, reflections
from .factors import *
from .reflections import *

__all__: list[str] = []
__all__ += factors.__all__
__all__ += reflections.__all__
