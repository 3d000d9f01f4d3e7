"""The array namespace: NumPy's functions on funcgrad's arrays, on every device and under every transform.

Names and conventions are those of NumPy and of the Python array API standard. Each module of this package lists its
names in its `__all__`, and they are all here.

    >>> import funcgrad.numpy as fnp
    >>> fnp.sum(fnp.arange(4) * 2)
    Array(12, dtype=int64)
"""

from __future__ import annotations

import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING

from ..core import Array
from ..core import Array as ndarray  # noqa: N813  # as NumPy and JAX name the class
from ..dtypes import BFLOAT16 as _BFLOAT16
from ..dtypes import INSTALL as _INSTALL
from . import (
    averages,
    bits,
    calculus,
    comparisons,
    constants,
    creation,
    cumulative,
    data_types,
    diagonals,
    editing,
    elementwise,
    fft,
    files,
    filtering,
    fitting,
    floats,
    grids,
    histograms,
    indexing,
    inspection,
    integers,
    joining,
    linalg,
    linear_algebra,
    manipulation,
    matrices,
    nan_reductions,
    padding,
    placing,
    polynomials,
    quantiles,
    queries,
    reductions,
    scales,
    searching,
    sets,
    sorting,
    special,
    splitting,
    statistics,
    turning,
)
from .array_object import install as _install
from .averages import *
from .bits import *
from .calculus import *
from .comparisons import *
from .constants import *
from .creation import *
from .cumulative import *
from .data_types import *
from .diagonals import *
from .editing import *
from .elementwise import *
from .files import *
from .filtering import *
from .fitting import *
from .floats import *
from .grids import *
from .histograms import *
from .indexing import *
from .inspection import *
from .integers import *
from .joining import *
from .linear_algebra import *
from .manipulation import *
from .matrices import *
from .nan_reductions import *
from .padding import *
from .placing import *
from .polynomials import *
from .quantiles import *
from .queries import *
from .reductions import *
from .scales import *
from .searching import *
from .sets import *
from .sorting import *
from .splitting import *
from .statistics import *
from .turning import *

if _TYPE_CHECKING:
    from ..transforms.along_axis import apply_along_axis, apply_over_axes, piecewise
    from ..transforms.vectorize import frompyfunc, vectorize

__all__ = ["Array", "ndarray"]
__all__ += averages.__all__
__all__ += bits.__all__
__all__ += calculus.__all__
__all__ += comparisons.__all__
__all__ += constants.__all__
__all__ += creation.__all__
__all__ += cumulative.__all__
__all__ += data_types.__all__
__all__ += diagonals.__all__
__all__ += editing.__all__
__all__ += elementwise.__all__
__all__ += files.__all__
__all__ += filtering.__all__
__all__ += fitting.__all__
__all__ += floats.__all__
__all__ += grids.__all__
__all__ += histograms.__all__
__all__ += indexing.__all__
__all__ += inspection.__all__
__all__ += integers.__all__
__all__ += joining.__all__
__all__ += linear_algebra.__all__
__all__ += manipulation.__all__
__all__ += matrices.__all__
__all__ += nan_reductions.__all__
__all__ += padding.__all__
__all__ += placing.__all__
__all__ += polynomials.__all__
__all__ += quantiles.__all__
__all__ += queries.__all__
__all__ += reductions.__all__
__all__ += scales.__all__
__all__ += searching.__all__
__all__ += sets.__all__
__all__ += sorting.__all__
__all__ += splitting.__all__
__all__ += statistics.__all__
__all__ += turning.__all__

_install({name: globals()[name] for name in __all__}, _sys.modules[__name__])

__all__ += ["fft", "linalg", "special"]  # modules of their own, as in NumPy
# transforms: the top of the package sets them here
__all__ += ["apply_along_axis", "apply_over_axes", "frompyfunc", "piecewise", "vectorize"]


if _BFLOAT16 is None:  # only then: Python looks names up more slowly in a module that has one

    def __getattr__(name: str) -> type:
        """The error for `bfloat16`, which says what to install."""
        advice = f": {_INSTALL}" if name == "bfloat16" else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{advice}")
