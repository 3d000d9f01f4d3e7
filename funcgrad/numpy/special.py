"""The functions of `funcgrad.scipy.special`, where SciPy looks for those of an array module.

With `SCIPY_ARRAY_API=1` its own `scipy.special.erf` is no ufunc, and takes `xp.special.erf` of the arrays' module.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """The function of that name; its package is imported when the first one is asked for."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("funcgrad.scipy.special"), name)
