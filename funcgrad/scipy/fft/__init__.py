"""Discrete Fourier, cosine and sine transforms, with the names and arguments of `scipy.fft`.

The Fourier transforms are those of `funcgrad.numpy.fft`. `overwrite_x` and `workers` are accepted and change nothing:
the first one permits what arrays, being immutable, need no permission for.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.dct([1.0, 1.0])
    Array([4., 0.], dtype=float32)
"""

from __future__ import annotations

from . import cosine as _cosine
from . import fourier as _fourier
from .cosine import *
from .fourier import *

__all__ = [*_cosine.__all__, *_fourier.__all__]
