"""Probability distributions, with the names and arguments of `scipy.stats`: `stats.norm.logpdf(x, loc, scale)`.

Each distribution is an object with SciPy's methods: `logpdf`, `pdf` (`logpmf`, `pmf` of whole numbers), `cdf`, `sf`,
`logcdf`, `logsf`, and where there is a formula `ppf` and `isf`. They are differentiable in x and in all parameters, and
broadcast over them. Outside of the support densities are 0, with derivative 0; parameters for which there is no
distribution give NaN.

    >>> import funcgrad as fg, funcgrad.scipy.stats as stats
    >>> stats.norm.logpdf(0.0)
    Array(-0.9189385, dtype=float32)
    >>> fg.grad(stats.gamma.cdf, argnums=1)(2.0, 1.5)
    Array(-0.27743357, dtype=float32)
"""

from __future__ import annotations

from . import continuous as _continuous
from . import discrete as _discrete
from . import multivariate as _multivariate
from . import samples as _samples
from .continuous import *
from .discrete import *
from .multivariate import *
from .samples import *

__all__ = [*_continuous.__all__, *_discrete.__all__, *_multivariate.__all__, *_samples.__all__]
