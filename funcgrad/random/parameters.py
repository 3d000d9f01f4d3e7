"""What samplers are made of: dtypes, shapes and parameters, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..config import default_dtype
from ..core import SCALARS, Array, seen
from ..dtypes import DType, canonical, is_complex, is_floating
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy import elementwise as fnp
from ..numpy.creation import asarray, parse_shape
from ..ops import random as ops
from ..ops.elementwise import astype
from .keys import sample

Shape: TypeAlias = int | Sequence[int]

_SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def float_dtype(name: str, dtype: Any) -> DType:
    """The dtype of real samples."""
    found = default_dtype() if dtype is None else canonical(dtype)
    if not is_floating(found) or found.itemsize > 8:
        raise DtypeError(f"{name}: dtype must be float16, float32 or float64, not {found}")
    return found


def working_dtypes(name: str, dtype: Any) -> tuple[DType, DType]:
    """The dtype of the result, and the one to compute in: 11 random bits are too few for a formula."""
    found = float_dtype(name, dtype)
    return found, (_SINGLE if found.itemsize == 2 else found)


def open_uniform(name: str, key: Any, shape: tuple[int, ...], dtype: DType) -> Array:
    """Uniform numbers with 0 replaced by half of the smallest other one."""
    u = sample(name, ops.uniform, key, shape, dtype=dtype)
    return fnp.maximum(u, 2.0**-25 if dtype == _SINGLE else 2.0**-54)


def parameter(name: str, x: Any, shape: tuple[int, ...], dtype: DType) -> Any:
    """A distribution's parameter in the dtype of the samples, whose shape it broadcasts to."""
    if type(x) in SCALARS and type(x) is not complex:
        return x
    found = asarray(x)
    if is_complex(found.dtype):
        raise DtypeError(f"{name}: a parameter must be real, not {found.aval}")
    check_broadcast(name, found.shape, shape)
    return astype(found, dtype)


def check_broadcast(name: str, shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    """An error where a parameter of that shape does not broadcast to the shape of the samples."""
    try:
        fits = np.broadcast_shapes(shape, target) == target
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{name}: a parameter of shape {shape} does not broadcast to the samples' shape {target}; give "
            f"shape={shape} or another that it fits"
        )


def common_shape(name: str, *parameters: Any) -> tuple[int, ...]:
    """The shape to which parameters broadcast."""
    shapes = [np.shape(x) if type(x) in SCALARS else asarray(x).shape for x in parameters]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"{name}: the parameters' shapes {' and '.join(map(str, shapes))} do not broadcast") from None


def known(x: Any) -> Any:
    """The values of a parameter that can be looked at without waiting for a device or asking a trace, else None."""
    if type(x) in SCALARS or isinstance(x, np.ndarray | np.generic | list | tuple):
        return np.asarray(x) if not isinstance(x, list | tuple) else known(asarray(x))
    x = seen(x) if type(x) is Array else x
    return x._data if type(x) is Array and isinstance(x._data, np.ndarray) else None


def check_below(name: str, low: Any, high: Any) -> None:
    """An error where a lower bound is known not to be below the upper one."""
    least, most = known(low), known(high)
    if least is not None and most is not None and not bool(np.all(least < most)):
        raise OptionError(f"{name}: the lower bound {low} must be below the upper bound {high}")


def check_positive(name: str, *given: Any) -> None:
    """An error where a parameter is known not to be above 0."""
    for x in given:
        values = known(x)
        if values is not None and not bool(np.all(values > 0)):
            raise OptionError(f"{name}: parameters must be above 0, not {x}")


def in_double(name: str, shape: Shape | None, *given: Any) -> list[Any]:
    """Parameters broadcast to the shape of the samples (to their common one where None), in float64."""
    sizes = common_shape(name, *given) if shape is None else parse_shape(shape)
    return [asarray(parameter(name, x, sizes, DOUBLE), DOUBLE).broadcast_to(sizes) for x in given]
