"""NumPy's functions that change their first argument, on a mutable view (`mutable.py`): `np.copyto(y, x)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.create import asarray
from .diagonals import fill_diagonal
from .elementwise import where as choose
from .manipulation import broadcast_to
from .placing import put, put_along_axis

__all__ = ["CHANGES"]


def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    _store(dst, broadcast_to(asarray(where), dst.shape), src)


def _store(y: Any, mask: Any, values: Any) -> None:
    """The values where the mask is true; they are in its shape, or broadcast to that."""
    whole = y.freeze()
    y.replace(choose(mask, whole.at[...].set(values), whole))


def _repeated(values: Any, count: int) -> Any:
    """So many of the values, from the first again where there are fewer: one value as it is."""
    values = asarray(values).ravel()
    return values[0] if values.size == 1 else values[np.arange(count) % values.size]


def _changing(function: Callable[..., Any]) -> Callable[..., None]:
    """A function that gives the changed array, as one that changes it."""

    def change(y: Any, *args: Any, **options: Any) -> None:
        y[...] = function(y.freeze(), *args, inplace=False, **options)

    return change


def _place(arr: Any, mask: Any, vals: Any) -> None:
    mask = asarray(mask)
    arr[mask] = _repeated(vals, int(mask.sum())) if np.size(vals) != 1 else _repeated(vals, 1)


def _putmask(a: Any, mask: Any, values: Any) -> None:
    repeated = _repeated(values, a.size)
    _store(a, asarray(mask), repeated.reshape(a.shape) if repeated.shape else repeated)


CHANGES: dict[Any, Callable[..., None]] = {
    np.copyto: _copyto,
    np.fill_diagonal: _changing(fill_diagonal),
    np.place: _place,
    np.put: _changing(put),
    np.put_along_axis: _changing(put_along_axis),
    np.putmask: _putmask,
}
