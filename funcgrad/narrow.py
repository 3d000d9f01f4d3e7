"""float16 and bfloat16 are for storage: on the CPU operations compute in float32 and round their result once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .core import SCALARS, Aval
from .device import Raw
from .dtypes import NARROW, WIDE, DType

__all__ = ["Narrow"]


class Narrow:
    """A kernel that gets float32 for the operands of some dtypes of 16 bits, and rounds its result once.

    So a sum of float16 neither stops at 65504 on its way nor loses what is smaller than its last bit, and a product of
    bfloat16 is BLAS's. On other modules than NumPy kernels get what there is: GPUs accumulate in float32 themselves.

    Args:
        kernel: (xp, *raw operands, **params) -> raw result.
        infer: the primitive's, which says in which dtype the result is.
        dtypes: those that are widened.
    """

    __slots__ = ("dtypes", "infer", "plain")

    def __init__(self, kernel: Callable[..., Raw], infer: Callable[..., Aval], dtypes: frozenset[DType] = NARROW):
        self.plain, self.infer, self.dtypes = kernel, infer, dtypes

    def __call__(self, xp: Any, *raws: Raw, **params: Any) -> Raw:
        if xp is np:
            for x in raws:
                if type(x) not in SCALARS and x.dtype in self.dtypes:
                    return self._widened(x.dtype, raws, params)
        return self.plain(xp, *raws, **params)

    def _widened(self, narrow: DType, raws: Sequence[Raw], params: dict[str, Any]) -> Raw:
        out = params.pop("out", None)
        wide = [self._wide(x, narrow) for x in raws]
        found = self.plain(np, *wide, **params)
        dtype = self.infer(*[x if type(x) in SCALARS else Aval(x.shape, x.dtype) for x in raws], **params).dtype
        if out is None:
            return found if found.dtype == dtype else found.astype(dtype)
        np.copyto(out, found, casting="unsafe")
        return out

    @staticmethod
    def _wide(x: Raw, narrow: DType) -> Raw:
        if type(x) is float:  # rounded as it would be beside an array of the dtype; integers in operands may be counts
            return np.asarray(x, narrow).astype(WIDE)
        return x if type(x) in SCALARS or x.dtype != narrow else x.astype(WIDE)
