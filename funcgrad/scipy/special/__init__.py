"""Special functions, with the names and arguments of `scipy.special`; SciPy itself is not needed.

Each is computed in float64 by formulas of our own (`funcgrad/kernels`) and rounded to the dtype of its arguments, is
differentiable in every real argument, to any order, and batches like any function of each element.

    >>> import funcgrad as fg, funcgrad.scipy.special as special
    >>> fg.grad(special.gammainc)(2.0, 1.0)
    Array(-0.27619603, dtype=float32)

Sources: NIST Digital Library of Mathematical Functions; each kernel names its own.
"""

from __future__ import annotations

from . import bessel_functions as _bessel
from . import beta_functions as _beta
from . import error_functions as _error
from . import gamma_functions as _gamma
from . import logarithms as _logarithms
from .bessel_functions import *
from .beta_functions import *
from .error_functions import *
from .gamma_functions import *
from .logarithms import *

__all__ = [*_bessel.__all__, *_beta.__all__, *_error.__all__, *_gamma.__all__, *_logarithms.__all__]
