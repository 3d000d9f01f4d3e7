"""bfloat16 by DLPack: NumPy refuses it both ways, so its bits travel as uint16, and the capsule says what they are.

A capsule holds a struct (`dlpack.h`) that belongs to whoever takes it, with the kind of its numbers as one byte.
"""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

import numpy as np

from .dtypes import BFLOAT16, INSTALL
from .errors import DtypeError

__all__ = ["exported", "imported"]

_UINT, _BFLOAT = 1, 4


class _Tensor(ctypes.Structure):
    _fields_: ClassVar = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
    ]  # and shape, strides, offset


class _Managed(ctypes.Structure):
    _fields_: ClassVar = [("tensor", _Tensor)]


class _Versioned(ctypes.Structure):
    _fields_: ClassVar = [
        ("version", ctypes.c_uint32 * 2),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_LAYOUTS: dict[bytes, type[Any]] = {b"dltensor": _Managed, b"dltensor_versioned": _Versioned}
_is_capsule = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_IsValid", ctypes.pythonapi)
)
_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def _relabelled(capsule: Any, source: int, target: int) -> bool:
    """Whether a capsule held 16-bit numbers of one kind; it says that they are of the other then."""
    for name, layout in _LAYOUTS.items():
        if _is_capsule(capsule, name):
            tensor = layout.from_address(_address(capsule, name)).tensor
            if (tensor.code, tensor.bits) == (source, 16):
                tensor.code = target
                return True
    return False


def exported(data: Any, **asked: Any) -> Any:
    """The capsule of a backend's array."""
    if BFLOAT16 is None or data.dtype != BFLOAT16:
        return data.__dlpack__(**asked)
    capsule = data.view(np.uint16).__dlpack__(**asked)
    _relabelled(capsule, _UINT, _BFLOAT)
    return capsule


class _Bits:
    """Another library's array, whose bfloat16 numbers look like uint16."""

    def __init__(self, x: Any):
        self.x, self.is_bfloat16 = x, False

    def __dlpack__(self, **asked: Any) -> Any:
        capsule = self.x.__dlpack__(**asked)
        self.is_bfloat16 = _relabelled(capsule, _BFLOAT, _UINT)
        return capsule

    def __dlpack_device__(self) -> Any:
        return self.x.__dlpack_device__()


def imported(x: Any) -> np.ndarray[Any, Any]:
    """NumPy's array of the same memory."""
    bits = _Bits(x)
    found = np.from_dlpack(bits)
    if not bits.is_bfloat16:
        return found
    if BFLOAT16 is None:
        raise DtypeError(f"an array of {type(x).__module__} holds bfloat16: {INSTALL}")
    return found.view(BFLOAT16)
