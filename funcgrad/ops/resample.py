"""Weighted sums of elements along one axis, of which all is known before but the elements: `kernels/resample.py`."""

from __future__ import annotations

from typing import Any

from ..core import Aval
from ..dtypes import is_inexact
from ..errors import DtypeError, ShapeError
from ..kernels import resample as kernels
from ..rules import linear

__all__ = ["resample"]


def _infer(x: Aval, *, axis: int, taps: kernels.Taps) -> Aval:
    if not 0 <= axis < len(x.shape) or x.shape[axis] != taps.size_in:
        raise ShapeError(f"resample: {x} has no axis {axis} of size {taps.size_in}")
    if taps.weights is not None and not is_inexact(x.dtype):
        raise DtypeError(f"resample: weights are for floating and complex numbers, not for {x}")
    return Aval((*x.shape[:axis], taps.size_out, *x.shape[axis + 1 :]), x.dtype)


def _batch(size: int, args: Any, dims: Any, *, axis: int, taps: kernels.Taps) -> tuple[Any, int]:
    (x,), (dim,) = args, dims
    return resample(x, axis=axis + (dim <= axis), taps=taps), dim


resample = linear(
    "resample(x)",
    impl=kernels.resample,
    infer=_infer,
    transpose=lambda g, x, *, axis, taps: resample(g, axis=axis, taps=taps.transposed),
    batch=_batch,
)
