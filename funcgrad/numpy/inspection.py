"""What the array API standard lets programs ask of a namespace: its version, devices and dtypes.

Where this namespace is not the standard's: arrays do not change, so `x[i] = v` raises and `x += y` makes another array.
x ** 0.5 with the Python number is the square root, of -0 and -infinity, too, as in NumPy. That of an infinite
complex number is C99's. Where the standard leaves it open: dtypes of different kinds meet (`dtypes`), and a complex
array cast to a real dtype is its real part.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import default_dtype
from ..device import Device, default_device, devices, target_device
from ..dtypes import DType, default_complex
from .data_types import isdtype

__all__ = ["__array_api_version__", "__array_namespace_info__"]

__array_api_version__ = "2024.12"

_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)


class NamespaceInfo:
    """What `__array_namespace_info__()` answers with.

    >>> from funcgrad import numpy as fnp
    >>> fnp.__array_namespace_info__().default_dtypes()["real floating"]
    dtype('float32')
    """

    __slots__ = ()

    def capabilities(self) -> dict[str, Any]:
        """What arrays can do: be indexed by masks, have shapes that values decide, and how many axes they can have."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """The device on which arrays are made."""
        found: Device = default_device()
        return found

    def default_dtypes(self, *, device: str | Device | None = None) -> dict[str, DType]:
        """The dtypes of arrays for which none is asked, by kind; the same on every device."""
        target_device(device)
        return {
            "real floating": default_dtype(),
            "complex floating": default_complex(),
            "integral": np.dtype(np.int64),
            "indexing": np.dtype(np.int64),
        }

    def devices(self) -> list[Device]:
        """The devices of this machine."""
        return devices()

    def dtypes(
        self, *, device: str | Device | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        """The standard's dtypes by name.

        Args:
            device: the same dtypes are on all of them.
            kind: those of one kind alone, or of several (see `isdtype`).
        """
        target_device(device)
        return {name: np.dtype(name) for name in _DTYPES if kind is None or isdtype(name, kind)}


_INFO = NamespaceInfo()


def __array_namespace_info__() -> NamespaceInfo:  # noqa: N807  # the standard's name
    """Capabilities, devices and dtypes of this namespace, by the methods of the result (see `NamespaceInfo`)."""
    return _INFO
