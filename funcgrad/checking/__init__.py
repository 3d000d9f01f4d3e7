"""`fg.check(f)(*args)`: everything that is commonly wrong with a function's derivatives, looked for in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import LostDerivativeWarning
from .case import Case
from .report import Finding, Report

__all__ = ["Finding", "Report", "check"]


def check(f: Callable[..., Any], *, seed: int = 0) -> Callable[..., Report]:
    """A function that runs f on its arguments and reports what is wrong with its derivatives there.

    It compares reverse and forward mode with finite differences and with each other, and vmap with a loop; it names
    arguments whose gradient is zero by construction and the line that ended it, random keys that are used twice,
    floats that change their width, points where an operation has no derivative, where a value stopped being finite,
    and functions that are not the same on each call. f runs about a dozen times.

    Args:
        f: a function of pytrees of arrays; what is neither array nor float is passed on as it is.
        seed: of the directions in which derivatives are compared.

    Returns:
        A function of f's arguments that returns a `Report`; print it, or call its `raise_if_any()` in a test.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> print(fg.check(lambda x: fnp.sin(x) * x)(0.5))
    check of <lambda>: nothing found
    >>> fg.check(lambda x: abs(x))(0.0).kinds()
    ['no derivative']
    """
    name = getattr(f, "__name__", type(f).__name__)

    def run(*args: Any, **kwargs: Any) -> Report:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LostDerivativeWarning)  # the report names the line
            return Report(name, list(Case(f, args, kwargs, np.random.default_rng(seed)).findings()))

    return run
