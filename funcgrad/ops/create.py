"""How values enter: anything that a user may pass for an array becomes one here, and operands meet in one dtype.

Immutability is real: a NumPy array that somebody can still write to is copied on the way in.
"""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config import default_dtype as default_float
from ..core import SCALARS, Array, ArrayHolder, WeakNumber, wrap
from ..device import Device, Raw, backend_device, device_of, move, namespace, namespace_on, target_device
from ..dlpack import imported
from ..dtypes import (
    ALL,
    BFLOAT16,
    DType,
    canonical,
    default_complex,
    inexact,
    is_inexact,
    is_integer,
    promote_types,
    weak,
)
from ..errors import DeviceError, DtypeError, IntegerRangeError, OptionError
from .elementwise import astype, device_put
from .shape import stack

__all__ = [
    "as_operand",
    "asarray",
    "check_range",
    "from_backend",
    "on_host",
    "promote",
    "promote_all",
    "promote_inexact",
    "to_device",
    "to_inexact",
    "writable",
]


def asarray(x: Any, dtype: Any = None, *, device: Any = None, copy: bool | None = None) -> Array:
    """See `funcgrad.numpy.asarray`."""
    if isinstance(x, Array):
        found = x if dtype is None else astype(x, dtype)
        found = found if device is None else to_device(found, device)
        return found if copy is None else found.__copy__() if copy else _uncopied(x, found)
    if isinstance(x, WeakNumber):
        return x.as_array(_of_kind(x.kind) if dtype is None else canonical(dtype))
    if isinstance(x, ArrayHolder):
        return asarray(x.freeze(), dtype, device=device)
    if isinstance(x, memoryview | array.array):
        x = np.asarray(x)
    if isinstance(x, np.ndarray | np.generic):
        data = _frozen(x, copy)
        if copy is False:
            return _uncopied(x, _placed(wrap(data), dtype, device))
    elif _is_of_jax(x):  # which do not change either, so memory of the CPU is shared
        data = np.array(x) if copy else np.asarray(x)
        canonical(data.dtype)
    elif hasattr(x, "__array_namespace__") or hasattr(x, "__cuda_array_interface__"):
        return _placed(from_backend(x, copy), dtype, device_of(x) if device is None else device)
    elif hasattr(x, "__dlpack__"):
        shared = imported(x)
        if copy is False:
            return _uncopied(shared, _placed(wrap(shared), dtype, device))
        data = shared.copy()
    else:
        if isinstance(x, list | tuple) and _holds_arrays(x):
            return _stack(x, dtype, device)
        data = _of_python(x, dtype)
    return _placed(wrap(data), dtype, device)


def _is_of_jax(x: Any) -> bool:
    """Is it one of JAX's arrays? They speak the standard, but are no backend: no scatter can be written to one."""
    return type(x).__module__.partition(".")[0] in ("jax", "jaxlib") and hasattr(x, "__array__")


def _uncopied(given: Any, found: Array) -> Array:
    """The result of `copy=False`, or an error if it had to be copied."""
    if found.dtype != given.dtype or (isinstance(given, Array) and found.device != given.device):
        raise OptionError(
            f"copy=False: {given.dtype} as {found.dtype} on {found.device} needs a copy: leave the argument out, or "
            "convert first"
        )
    return found


def from_backend(x: Raw, copy: bool | None = None) -> Array:
    """An array of any array API module; copied unless `copy=False` vouches that nobody will write to it."""
    return wrap(x if copy is False else namespace(x).asarray(x, copy=True))


def as_operand(x: Any) -> Any:
    """An operand of an operation: Python scalars stay, since they are weak, the rest becomes an array."""
    return x if isinstance(x, Array | WeakNumber) or type(x) in SCALARS else asarray(x)


def promote(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands in the dtype where they meet; a Python scalar that fits the other's dtype stays one.

    Beside bfloat16 it becomes an array, since to NumPy that is no dtype of which a scalar could be.
    """
    x, y = as_operand(x), as_operand(y)
    if isinstance(x, WeakNumber):
        x = x.beside(weak(y.dtype, x.kind()) if isinstance(y, Array) else _of_kind(x.kind))
    if isinstance(y, WeakNumber):
        y = y.beside(weak(x.dtype, y.kind()) if isinstance(x, Array) else _of_kind(y.kind))
    if isinstance(x, Array):
        if isinstance(y, Array):
            if x.dtype is y.dtype:
                return x, y
            common = promote_types(x.dtype, y.dtype)
            return astype(x, common), astype(y, common)
        return _beside(astype(x, weak(x.dtype, y)), y)
    if isinstance(y, Array):
        y, x = _beside(astype(y, weak(y.dtype, x)), x)
        return x, y
    x = asarray(x)
    return _beside(astype(x, weak(x.dtype, y)), y)


def _beside(x: Array, scalar: Any) -> tuple[Array, Any]:
    return (x, asarray(scalar, BFLOAT16, device=x.device)) if x.dtype is BFLOAT16 else (x, scalar)


def promote_inexact(x: Any, y: Any) -> tuple[Any, Any]:
    """As `promote`, for functions whose values are not whole."""
    x, y = promote(x, y)
    return (to_inexact(x) if isinstance(x, Array) else x), (to_inexact(y) if isinstance(y, Array) else y)


def promote_all(xs: Sequence[Any]) -> list[Array]:
    """Any number of operands as arrays of the dtype where they meet."""
    found = [as_operand(x) for x in xs]
    arrays = [x for x in found if isinstance(x, Array)] or [asarray(found[0])]
    common = arrays[0].dtype
    for x in arrays[1:]:
        common = promote_types(common, x.dtype)
    for x in found:
        common = common if isinstance(x, Array) else weak(common, x)
    return [asarray(x, common, device=None if isinstance(x, Array) else arrays[0].device) for x in found]


def _of_kind(kind: type) -> DType:
    """The dtype of an array made of a Python number."""
    return weak(np.dtype(bool), kind())


def to_inexact(x: Any) -> Array:
    """The operand as a floating or complex array."""
    x = x if isinstance(x, Array) else asarray(x)
    return x if is_inexact(x.dtype) else astype(x, inexact(x.dtype))


def to_device(x: Array, target: str | Device | Any) -> Array:
    """The array on another device; differentiable."""
    found, source = target_device(target), x.device
    return x if source == found else device_put(x, source=source, target=found)


def on_host(x: Any) -> np.ndarray[Any, Any]:
    """The values as NumPy's array, wherever they are."""
    return np.asarray(to_device(asarray(x).concrete(), "cpu"))


def _frozen(x: np.ndarray[Any, Any] | np.generic, copy: bool | None) -> Raw:
    """The array itself if nobody can write to it (or `copy=False` says that nobody will), else a copy."""
    dtype = canonical(x.dtype)
    if isinstance(x, np.generic):
        return np.asarray(x)
    if type(x) is not np.ndarray:
        x = np.asarray(x)
    if dtype is BFLOAT16:
        x = x.view(dtype)
    if not x.dtype.isnative:
        return x.astype(x.dtype.newbyteorder("="))
    return np.array(x) if copy or (copy is None and writable(x)) else x


def writable(x: Any) -> bool:
    """Can anybody write to this memory? A read-only view of a writable array is writable through its base."""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base
    return x is not None and not isinstance(x, bytes)


def _of_python(x: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """Python numbers and nested lists of them: floats in the default dtype, and as they are if a dtype is asked for.

    By way of the default float32, the 0.1 of a float64 array would have eight digits.
    """
    if isinstance(x, str | bytes | dict | set) or x is None:
        raise DtypeError(f"not an array or a number: {x!r:.60}")
    try:
        data = np.asarray(x)
    except ValueError as error:
        raise DtypeError(f"not an array: {error}") from None
    if data.dtype == object and type(x) is int:
        if dtype is None or not is_inexact(canonical(dtype)):
            raise IntegerRangeError(f"{x!r:.60} is out of the range of all integer dtypes; as a float it is float(x)")
        data = np.asarray(float(x))
    if data.dtype not in ALL:
        raise DtypeError(f"not an array or a number: {x!r:.60} ({type(x).__name__})")
    if dtype is not None:
        if data.dtype == np.float64 and canonical(dtype) == np.uint64:
            data = _unsigned(x, data)
        check_range(x, canonical(dtype), data)
        return data
    if data.dtype == np.float64:
        return data.astype(default_float())
    return data.astype(default_complex()) if data.dtype == np.complex128 else data


def _unsigned(x: Any, floats: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Whole numbers of which some are beyond int64, exactly: beside smaller ones NumPy takes them for floats."""
    exact = np.asarray(x, dtype=object)
    if not all(isinstance(v, int | np.integer) for v in exact.flat):
        return floats
    try:
        return exact.astype(np.uint64)
    except OverflowError:
        raise IntegerRangeError(f"{x!r:.60} is out of the range of uint64, 0 to {2**64 - 1}") from None


def check_range(x: Any, dtype: DType, data: Any = None) -> None:
    """An error for whole numbers of Python's that the dtype cannot hold; NumPy's casts would let them wrap around.

    Args:
        x: a number, or nested lists of numbers.
        dtype: in which it is wanted.
        data: the same as an array of another dtype.
    """
    data = np.asarray(x) if data is None else data
    if is_integer(dtype) and data.size and (is_integer(data.dtype) or type(x) is int):
        bounds = np.iinfo(dtype)
        if int(data.min()) < bounds.min or int(data.max()) > bounds.max:
            raise IntegerRangeError(f"{x!r:.60} is out of the range of {dtype}, {bounds.min} to {bounds.max}")


def _placed(x: Array, dtype: Any, where: Any) -> Array:
    found = x if dtype is None else astype(x, dtype)
    target = target_device(where)
    return found if target == device_of(found._data) else wrap(move(found._data, target))


def _holds_arrays(x: Any) -> bool:
    if isinstance(x, Array | ArrayHolder | WeakNumber):
        return True
    return isinstance(x, list | tuple) and any(map(_holds_arrays, x))


def _stack(xs: Sequence[Any], dtype: Any, where: Any) -> Array:
    """A nested list with arrays in it, tracers among them: stacked, so that derivatives pass."""
    parts = [x if type(x) in SCALARS or isinstance(x, WeakNumber) else asarray(x, dtype, device=where) for x in xs]
    return stack(promote_all(parts) if dtype is None else [asarray(part, dtype, device=where) for part in parts])


def full(shape: Any, value: Any, dtype: Any, where: Any = None) -> Array:
    """A constant array on a device (the default one where None)."""
    target = target_device(where)
    if not isinstance(target, Device):
        raise DeviceError(f"arrays are made on 'cpu' or 'cuda', not on {target!r}")
    return Array(namespace_on(target).full(shape, value, dtype=dtype, device=backend_device(target)))
