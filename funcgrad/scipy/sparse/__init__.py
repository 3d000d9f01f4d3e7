"""SciPy's `sparse`: the iterative solvers of `sparse.linalg`, which take a matrix as a function."""

from __future__ import annotations

from . import linalg

__all__ = ["linalg"]
