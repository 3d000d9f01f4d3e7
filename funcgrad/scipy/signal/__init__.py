"""Convolution, windows and spectra, with the names and arguments of `scipy.signal`.

>>> import funcgrad.scipy.signal as signal
>>> signal.convolve([1.0, 2.0, 3.0], [1.0, -1.0])
Array([ 1.,  1.,  1., -3.], dtype=float32)
"""

from __future__ import annotations

from . import convolution as _convolution
from . import detrending as _detrending
from . import frames as _frames
from . import spectra as _spectra
from . import windows as windows
from .convolution import *
from .detrending import *
from .frames import *
from .spectra import *
from .windows import get_window

__all__ = [
    *_convolution.__all__,
    *_detrending.__all__,
    *_frames.__all__,
    *_spectra.__all__,
    "get_window",
]
