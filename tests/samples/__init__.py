"""The test table: samples of every operation, which `test_ops.py` puts through all of its rules.

An operation that is registered and has no sample here fails the suite. Samples stand by family in the modules of this
package, each a list `SAMPLES`; `ALL` is all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One call of a primitive.

    Args:
        primitive: its name in `funcgrad.core.PRIMITIVES`.
        args: operands, NumPy arrays or Python scalars; float64 (or complex128) ones are differentiated. Values are in
            general position: no ties, away from kinks and poles.
        params: the primitive's keyword parameters.
        oracle: (*args, **params) -> the expected NumPy result, by NumPy, SciPy or a plain loop: never by funcgrad.
        order: how often it can be differentiated here (2 unless a derivative is a step).
        rtol: relative tolerance of the value.
        portable: whether it runs on every array API module, not only on NumPy and CuPy (no ufunc.at, for instance).
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
