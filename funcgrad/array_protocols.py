"""What Python and NumPy ask of an array: `len`, `bool`, `int`, `repr`, pickling, `np.asarray`, DLPack.

All of it looks at values, by `concrete()`, so it works on a tracer as on an array.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .device import CPU, bytes_of, move, namespace
from .dlpack import exported
from .dtypes import is_boolean, is_integer
from .errors import DeviceError, DtypeError, ImmutableArrayError, OptionError, ShapeError

__all__ = ["ArrayProtocols", "index_text"]

_WRITABLE = 1
"""`inspect.BufferFlags.WRITABLE`, which came with Python 3.12."""


class ArrayProtocols:
    """The part of `core.Array` that knows no operation; the attributes are there."""

    __slots__ = ()
    __getitem__: Any
    reshape: Any
    _data: Any
    aval: Any
    concrete: Any
    device: Any
    dtype: Any
    shape: Any
    size: Any

    def __len__(self) -> int:
        if not self.shape:
            raise DtypeError("len() of an array without dimensions")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise DtypeError("iteration over an array without dimensions")
        return (self[i] for i in range(self.shape[0]))

    def tobytes(self) -> bytes:
        """The bytes of the elements, row by row."""
        return bytes_of(self.concrete()._data)

    def item(self, *index: int) -> Any:
        """The only element as a Python scalar, or the one at an index, `x.item(1, 2)`, or at a place in `x.ravel()`."""
        if index:
            one = index[0] if len(index) == 1 and isinstance(index[0], tuple) else index
            return (self.reshape(-1)[one] if len(one) == 1 else self[one]).item()
        return self._item()

    def _item(self) -> Any:
        """The only element, for what Python asks by itself, to decide or to show."""
        value = self.concrete()._data
        if self.size != 1:
            raise ShapeError(f"item(): the array has {self.size} elements, shape {self.shape}; index one first")
        return value.reshape(()).item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self.concrete()._data.tolist()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"the truth of an array of shape {self.shape} is ambiguous: use .any() or .all() (Python asks for "
                "one truth value in `if`, `while`, `and`, `or`, `not`, `a < b < c`), or for one an element & | ~ in "
                "place of and, or, not: (a < b) & (b < c)"
            )
        return bool(self._item())

    def __int__(self) -> int:
        return int(self._item())

    def __trunc__(self) -> int:
        return math.trunc(self._item())

    def __floor__(self) -> int:
        return math.floor(self._item())

    def __ceil__(self) -> int:
        return math.ceil(self._item())

    def __float__(self) -> float:
        return float(self._item())

    def __complex__(self) -> complex:
        return complex(self._item())

    def __index__(self) -> int:
        if not is_integer(self.dtype) or self.shape:
            raise DtypeError(f"only an integer array without dimensions can be used as an index, not {self.aval}")
        return int(self._item())

    def __setitem__(self, key: Any, value: Any) -> None:
        shown = index_text(key)
        raise ImmutableArrayError(
            f"arrays do not change in place; instead of `x[{shown}] = v` write `x = x.at[{shown}].set(v)` "
            f"(or .add, .multiply, .min, .max), or let x be fg.mutable(x); here x has shape {self.shape}"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """A read-only view for NumPy (`np.array(x)` makes a copy that you may change)."""
        data = self.concrete()._data
        if not isinstance(data, np.ndarray):
            raise DeviceError(f"np.asarray of an array on {self.device}: use funcgrad.device_get(x)")
        if copy or (dtype is not None and np.dtype(dtype) != data.dtype):
            if copy is False:
                raise ValueError(f"a view of {data.dtype} as {dtype} needs a copy")
            return np.array(data, dtype)
        view = data.view()
        view.flags.writeable = False
        return view

    def __buffer__(self, flags: int) -> memoryview:
        """The memory, not to be written to: Python asks for it from version 3.12 on, as in `memoryview(x)`."""
        if flags & _WRITABLE:
            raise BufferError("arrays do not change in place: ask for memory that is read only, or take np.array(x)")
        return memoryview(self.__array__())  # type: ignore[arg-type]  # before 3.12 nothing is a Buffer

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """For another library: a copy, since torch writes to read-only memory too; `copy=False` shares this one.

        Args:
            stream: of the GPU, on which the other library will read.
            max_version: the newest version of DLPack that the other library knows.
            dl_device: where it wants the values: (1, 0) is the CPU.
            copy: whether it wants a copy.

        Raises:
            BufferError: the values cannot go to that device.
            OptionError: a ValueError; `copy=False`, and they would have to be copied to that device.
        """
        data = self.concrete()._data
        if dl_device is not None and tuple(map(int, dl_device)) != tuple(map(int, data.__dlpack_device__())):
            if int(dl_device[0]) != 1:
                raise BufferError(f"an array on {self.device} goes by DLPack to its own device or to the CPU, (1, 0)")
            if copy is False:
                raise OptionError(f"copy=False: an array on {self.device} must be copied to the CPU")
            data = move(data, CPU)
        elif copy is not False:
            data = namespace(data).asarray(data, copy=True)
        asked = {"stream": stream, "max_version": max_version}
        return exported(data, **{name: value for name, value in asked.items() if value is not None})

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.concrete()._data.__dlpack_device__()

    def __repr__(self) -> str:
        if not isinstance(self._data, np.ndarray):
            return f"Array({self._data}, device={self.device})"
        body = np.array2string(self._data, separator=", ", prefix="Array(")
        return f"Array({body}, dtype={self.dtype})"

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise ShapeError(f"the format {spec!r} is for one number, not for {self.aval}: format one element of it")
        return format(self._item(), spec) if spec else str(self)

    def __str__(self) -> str:
        return str(self._data)

    def __reduce__(self) -> Any:
        plain = self.concrete()
        return type(plain), (plain._data,)


def index_text(key: Any) -> str:
    """An index as the user would type it."""
    if isinstance(key, tuple):
        return ", ".join(map(index_text, key)) if key else "()"
    if isinstance(key, slice):
        start, stop, step = ("" if v is None else str(v) for v in (key.start, key.stop, key.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if key is Ellipsis:
        return "..."
    if isinstance(key, ArrayProtocols | np.ndarray):
        return "mask" if is_boolean(key.dtype) else "index"
    return repr(key)
