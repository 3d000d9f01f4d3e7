"""The test table: samples of every operation, which `test_ops.py` puts through all of its rules.

An operation that is registered and has no sample here fails the suite. Samples stand by family in the modules of this
package, each a list `SAMPLES`; `ALL` is all of them, whatever modules there are.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import funcgrad.functional
import funcgrad.lax
import funcgrad.random
import funcgrad.scipy.linalg  # noqa: F401  # these register operations of their own


@dataclass(frozen=True)
class Sample:
    """One call of a primitive.

    Args:
        primitive: its name in `funcgrad.core.PRIMITIVES`.
        args: operands, NumPy arrays or Python scalars; float64 (or complex128) ones are differentiated. Values are in
            general position: no ties, away from kinks and poles.
        params: the primitive's keyword parameters.
        oracle: (*args, **params) -> the expected NumPy result, by NumPy, SciPy or a plain loop: never by funcgrad.
        order: how often it can be differentiated here (2 unless a derivative is a step); 0 where the result has fewer
            digits than differences need.
        rtol: relative tolerance of the value.
        portable: whether it runs on every array API module, not only on NumPy and CuPy (no x[array] = y, for instance).
    """

    primitive: str
    args: tuple[Any, ...]
    oracle: Callable[..., Any]
    params: dict[str, Any] = field(default_factory=dict)
    order: int = 2
    rtol: float = 1e-12
    portable: bool = True

    def __str__(self) -> str:
        shapes = ",".join(str(getattr(a, "shape", a)) for a in self.args)
        return f"{self.primitive}-{shapes}-{'-'.join(f'{k}={v}' for k, v in self.params.items())}"


def uniform(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Any:
    """Float64 numbers between two bounds, the same ones for the same arguments."""
    return np.random.default_rng(seed).uniform(low, high, shape)


def complexes(*shape: int, seed: int = 0) -> Any:
    """Complex numbers in the upper right quarter, away from 0, from 1 and from the usual branch cuts."""
    return uniform(*shape, low=0.3, high=0.9, seed=seed) + 1j * uniform(*shape, low=0.2, high=0.8, seed=seed + 1000)


def integers(*shape: int, low: int = -9, high: int = 10, dtype: str = "int64", seed: int = 0) -> Any:
    """Whole numbers, low <= n < high."""
    return np.random.default_rng(seed).integers(low, high, shape, dtype=dtype)


def booleans(*shape: int, seed: int = 0) -> Any:
    """True and False, half each."""
    return np.random.default_rng(seed).random(shape) < 0.5


ALL: list[Sample] = [
    sample
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__))
    for sample in importlib.import_module(f"{__name__}.{module}").SAMPLES
]
