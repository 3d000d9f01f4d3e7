"""SciPy's functions on our arrays, with its names and arguments, differentiable and batched; SciPy need not be there.

import funcgrad.scipy.special
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

_MODULES = frozenset(module.name for module in pkgutil.iter_modules(__path__))


def __getattr__(name: str) -> Any:
    """A module of the package is imported when it is first asked for."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
