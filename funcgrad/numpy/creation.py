"""Functions that make arrays.

Floats are in `config.default_dtype()` and on `default_device()` unless told otherwise; integers are int64.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import SCALARS, Array, WeakNumber, aval, backend_array, wrap
from ..device import Device, backend_device, backend_dtype, namespace, namespace_on, target_device
from ..dtypes import canonical, is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..ops import create
from ..ops.shape import normalize_axis
from ..rules import move_axis

__all__ = [
    "arange",
    "array",
    "asarray",
    "copy",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "identity",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def asarray(x: Any, /, dtype: Any = None, *, device: str | Device | None = None, copy: bool | None = None) -> Array:
    """The value as an array.

    Args:
        x: a number, nested lists of numbers or arrays, a NumPy or CuPy array, or anything that speaks DLPack. An
            array or a value under a transform comes back as it is.
        dtype: of the result; by default the value's own. Python floats become `config.default_dtype()`, a NumPy
            array keeps its dtype, float64 included.
        device: where the result shall be; by default where it is, or the default device.
        copy: a NumPy array that somebody could write to is copied, since arrays here never change; `False` shares its
            memory on your word that nobody will, `True` always copies.

    Raises:
        DtypeError: the value is no array and no number, or a whole number out of the dtype's range.
        OptionError: a ValueError; `copy=False`, and another dtype or device needs a copy.

    >>> from funcgrad import numpy as fnp
    >>> fnp.asarray([[1, 2], [3, 4]])
    Array([[1, 2],
           [3, 4]], dtype=int64)
    """
    if type(x) is Array and dtype is None and device is None:
        return x
    return create.asarray(x, dtype, device=device, copy=copy)


def array(
    x: Any, /, dtype: Any = None, *, device: str | Device | None = None, copy: bool | None = None, ndmin: int = 0
) -> Array:
    """The value as an array: the same as `asarray`, since an array that cannot change need not be copied.

    Args:
        x, dtype, device, copy: as for `asarray`.
        ndmin: the least number of axes; those that are missing stand in front, at size one.
    """
    found = create.asarray(x, dtype, device=device, copy=copy)
    return found if found.ndim >= ndmin else found.reshape((1,) * (ndmin - found.ndim) + found.shape)


def copy(x: Any, /) -> Array:
    """Another array of the same memory, which cannot change: it stays when x is donated to a function under `jit`."""
    return create.asarray(x).__copy__()


def from_dlpack(x: Any, /, *, device: str | Device | None = None, copy: bool | None = None) -> Array:
    """The array of another library, by DLPack; its values are copied, since the other library may change them.

    Args:
        x: an object with `__dlpack__` and `__dlpack_device__`, such as a torch tensor.
        device: where the result shall be; by default where x is.
        copy: `False` shares the memory, on your word that nobody will write to it.

    Raises:
        OptionError: a ValueError; `copy=False`, and another device needs a copy.

    >>> import numpy as np
    >>> from funcgrad import numpy as fnp
    >>> fnp.from_dlpack(np.arange(3))
    Array([0, 1, 2], dtype=int64)
    """
    if not hasattr(x, "__dlpack__"):
        raise AttributeError(f"from_dlpack: an object of {type(x).__module__}.{type(x).__name__} has no __dlpack__")
    return create.asarray(x, device=device, copy=copy)


def full(shape: int | Sequence[int], fill_value: Any, dtype: Any = None, *, device: Any = None) -> Array:
    """An array of one value.

    Args:
        shape: an int or a sequence of ints.
        fill_value: a number, or an array that broadcasts to the shape (also one under a transform).
        dtype: of the result; by default the value's own.
        device: where to make it.

    >>> from funcgrad import numpy as fnp
    >>> fnp.full((2, 2), 7)
    Array([[7, 7],
           [7, 7]], dtype=int64)
    """
    value = create.asarray(fill_value, dtype, device=device)
    return value.broadcast_to(parse_shape(shape))


def zeros(shape: int | Sequence[int], dtype: Any = None, *, device: Any = None) -> Array:
    """An array of zeros.

    Args:
        shape: an int or a sequence of ints.
        dtype: of the result; `config.default_dtype()` where None.
        device: where to make it; the default device where None.

    >>> from funcgrad import numpy as fnp
    >>> fnp.zeros(3)
    Array([0., 0., 0.], dtype=float32)
    """
    return create.full(parse_shape(shape), 0, canonical(float if dtype is None else dtype), device)


def ones(shape: int | Sequence[int], dtype: Any = None, *, device: Any = None) -> Array:
    """An array of ones; arguments as for `zeros`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.ones((2, 2), dtype="int64")
    Array([[1, 1],
           [1, 1]], dtype=int64)
    """
    return create.full(parse_shape(shape), 1, canonical(float if dtype is None else dtype), device)


def empty(shape: int | Sequence[int], dtype: Any = None, *, device: Any = None) -> Array:
    """An array of zeros: where nothing can be written later, unset elements would be of no use."""
    return zeros(shape, dtype, device=device)


def full_like(x: Any, /, fill_value: Any, dtype: Any = None, *, shape: Any = None, device: Any = None) -> Array:
    """An array of one value in the shape, dtype and on the device of another, or what is given instead of these."""
    x = create.asarray(x)
    found = x.shape if shape is None else parse_shape(shape)
    if type(fill_value) is int:
        create.check_range(fill_value, x.dtype if dtype is None else canonical(dtype))
    if not isinstance(fill_value, Array) and device is None:
        return _like(x, found, fill_value, x.dtype if dtype is None else canonical(dtype))
    return full(found, fill_value, x.dtype if dtype is None else dtype, device=device or x.device)


def zeros_like(x: Any, /, dtype: Any = None, *, shape: Any = None, device: Any = None) -> Array:
    """Zeros in the shape, dtype and on the device of another array, or what is given instead of these."""
    return full_like(x, 0, dtype, shape=shape, device=device)


def ones_like(x: Any, /, dtype: Any = None, *, shape: Any = None, device: Any = None) -> Array:
    """Ones in the shape, dtype and on the device of another array, or what is given instead of these."""
    return full_like(x, 1, dtype, shape=shape, device=device)


def empty_like(x: Any, /, dtype: Any = None, *, shape: Any = None, device: Any = None) -> Array:
    """Zeros in the shape of another array (see `empty`)."""
    return zeros_like(x, dtype, shape=shape, device=device)


def arange(start: Any, /, stop: Any = None, step: Any = 1, dtype: Any = None, *, device: Any = None) -> Array:
    """start, start + step, ... below stop; with one argument 0, 1, ... below it.

    Args:
        start, stop, step: numbers; whole ones give int64, others the default float.
        dtype, device: of the result.

    >>> from funcgrad import numpy as fnp
    >>> fnp.arange(2, 8, 3)
    Array([2, 5], dtype=int64)
    """
    start, stop = (0, start) if stop is None else (start, stop)
    numbers = [v.item() if isinstance(v, Array | np.generic) else v for v in (start, stop, step)]
    if numbers[2] == 0:
        raise OptionError("arange: the step must not be 0")
    if dtype is None and any(isinstance(v, float) for v in numbers):
        dtype = float
    return _make("arange", *numbers, dtype=canonical(np.int64 if dtype is None else dtype), where=device)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """`num` numbers spread evenly from start to stop.

    Args:
        start, stop: numbers, or arrays that broadcast.
        num: how many.
        endpoint: whether stop is the last of them.
        retstep: whether to give the distance of neighbours, too, as the second of a pair.
        dtype, device: of the result; the default float (complex for complex numbers), or the dtype in which given
            arrays meet.
        axis: where the new axis goes, if start or stop is an array.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linspace(0, 1, 5)
    Array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    num = operator.index(num)
    if num < 0:
        raise ShapeError(f"linspace: num must not be negative, got {num}")
    parts = num - 1 if endpoint else num
    if any(isinstance(v, WeakNumber) or not isinstance(v, SCALARS) for v in (start, stop)):
        low, high = create.promote_inexact(start, stop)
        beside = low if isinstance(low, Array) else high
        ndim = max(aval(low).ndim, aval(high).ndim)
        ramp: Any = arange(num, device=beside.device).astype(beside.dtype) / max(parts, 1)
        ramp = ramp.reshape((num,) + (1,) * ndim)
        between = move_axis(low * (1 - ramp) + high * ramp, 0, normalize_axis(axis, ndim + 1, "linspace"))
        between = create.asarray(between, dtype, device=device)
        return (between, (high - low) / parts if parts else low * math.nan) if retstep else between
    given = complex if isinstance(start, complex) or isinstance(stop, complex) else float
    found = canonical(given if dtype is None else dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # from -1e308 to 1e308 it is further than a float reaches
        values = np.linspace(start, stop, num, endpoint)
    if not np.isfinite(values).all() and np.isfinite([start, stop]).all():
        values = 2 * np.linspace(start / 2, stop / 2, num, endpoint)
    values[:1] = start
    spread = create.asarray(np.floor(values) if is_integer(found) else values, found, device=device)
    return (spread, create.asarray((stop - start) / parts if parts else math.nan, given)) if retstep else spread


def meshgrid(*arrays: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Array, ...]:
    """The coordinates of a grid: the i-th array holds the i-th coordinate of each of its points.

    Args:
        *arrays: the coordinates along each axis, of one dimension (or none).
        copy: there for NumPy: an array that cannot change needs none.
        sparse: leave the arrays at size one along the axes on which they do not depend.
        indexing: "xy" exchanges the first two axes, as pictures have them; "ij" keeps them in their order.

    Returns:
        As many arrays as were given, each of the shape of the grid.

    >>> from funcgrad import numpy as fnp
    >>> x, y = fnp.meshgrid(fnp.arange(2), fnp.arange(3))
    >>> x.tolist(), y.tolist()
    ([[0, 1], [0, 1], [0, 1]], [[0, 0], [1, 1], [2, 2]])
    """
    if indexing not in ("xy", "ij"):
        raise OptionError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    found = [create.asarray(x) for x in arrays]
    for x in found:
        if x.ndim > 1:
            raise ShapeError(f"meshgrid takes arrays of one dimension, got the shape {x.shape}")
    order = list(range(len(found)))
    if indexing == "xy":
        order[:2] = order[1::-1]
    shape = tuple([found[i].size for i in order])
    alone = [x.reshape(tuple([x.size if axis == i else 1 for axis in order])) for i, x in enumerate(found)]
    return tuple(alone if sparse else [x.broadcast_to(shape) for x in alone])


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None, *, device: Any = None) -> Array:
    """Ones on the k-th diagonal (above the main one for k > 0), zeros elsewhere.

    Args:
        N, M: how many rows and columns; as many columns as rows where M is None.
        k: which diagonal.
        dtype, device: of the result; the default float.

    >>> from funcgrad import numpy as fnp
    >>> fnp.eye(2, 3, k=1)
    Array([[0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    return _make("eye", N, M, k=k, dtype=canonical(float if dtype is None else dtype), where=device)


def identity(n: int, dtype: Any = None) -> Array:
    """The identity matrix of n rows."""
    return eye(n, dtype=dtype)


def parse_shape(shape: Any) -> tuple[int, ...]:
    """An int or a sequence of ints as a tuple of ints that are not negative."""
    try:
        several = isinstance(shape, tuple | list) or (isinstance(shape, np.ndarray) and shape.ndim == 1)
        found = tuple(map(operator.index, shape)) if several else (operator.index(shape),)
    except TypeError:
        raise DtypeError(f"a shape must be an int or a sequence of ints, not {shape!r}") from None
    if any(n < 0 for n in found):
        raise ShapeError(f"a shape must not have negative sizes: {found}")
    return found


def _like(x: Array, shape: tuple[int, ...], value: Any, dtype: Any) -> Array:
    data = backend_array(x)
    xp = namespace(data)
    return wrap(xp.full(shape, value, dtype=backend_dtype(xp, dtype), device=data.device))


def _make(function: str, *args: Any, where: Any, **options: Any) -> Array:
    target = target_device(where)
    return Array(getattr(namespace_on(target), function)(*args, device=backend_device(target), **options))
