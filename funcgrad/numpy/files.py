"""Arrays in NumPy's files, and from buffers and iterators.

A file is written beside its place and put there when it is whole: if anything fails, the old one stays as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import numpy as np

from ..atomic import atomic_write
from ..core import Array
from ..dtypes import canonical
from ..errors import OptionError
from ..ops.create import asarray, on_host

__all__ = ["frombuffer", "fromiter", "load", "save", "savez"]


def _write(file: Any, suffix: str, write: Callable[[BinaryIO], None]) -> None:
    """Into an open file, or to a path, which gets NumPy's ending if it has none."""
    if hasattr(file, "write"):
        write(file)
        return
    path = os.fspath(file)
    with atomic_write(path if path.endswith(suffix) else path + suffix) as out:
        write(out)


def save(file: Any, arr: Any, allow_pickle: bool = True) -> None:
    """Write an array to a file in NumPy's format.

    Args:
        file: a path, to which ".npy" is added if it does not end so, or an open binary file.
        arr: an array.
        allow_pickle: there for NumPy's users: numbers need none.

    >>> import io
    >>> from funcgrad import numpy as fnp
    >>> file = io.BytesIO()
    >>> fnp.save(file, fnp.asarray([1, 2]))
    >>> _ = file.seek(0)
    >>> fnp.load(file)
    Array([1, 2], dtype=int64)
    """
    values = on_host(arr)
    _write(file, ".npy", lambda out: np.save(out, values, allow_pickle=False))


def savez(file: Any, *args: Any, allow_pickle: bool = True, **kwds: Any) -> None:
    """Write several arrays to one file in NumPy's format.

    Args:
        file: a path, to which ".npz" is added if it does not end so, or an open binary file.
        *args: arrays, which are named arr_0, arr_1, ...
        allow_pickle: there for NumPy's users: numbers need none.
        **kwds: arrays with their names.

    >>> import io
    >>> from funcgrad import numpy as fnp
    >>> file = io.BytesIO()
    >>> fnp.savez(file, w=fnp.ones(2), b=0.5)
    >>> _ = file.seek(0)
    >>> fnp.load(file)["b"]
    Array(0.5, dtype=float32)
    """
    arrays = [on_host(a) for a in args]
    named: Any = {name: on_host(a) for name, a in kwds.items()}
    _write(file, ".npz", lambda out: np.savez(out, *arrays, **named))


def load(file: Any, mmap_mode: str | None = None, allow_pickle: bool = False) -> Any:
    """The array, or the arrays, that a file holds.

    Args:
        file: a path or an open binary file, of `save` or `savez`, here or in NumPy.
        mmap_mode: must be None: arrays do not change, a file may.
        allow_pickle: must be False: such files may run any code, and hold no arrays of numbers.

    Returns:
        An array, or a dict from names to arrays.

    Raises:
        OptionError: one of the two is asked for.

    >>> import io, numpy as np
    >>> from funcgrad import numpy as fnp
    >>> file = io.BytesIO()
    >>> np.save(file, np.arange(2))
    >>> _ = file.seek(0)
    >>> fnp.load(file)
    Array([0, 1], dtype=int64)
    """
    if mmap_mode is not None or allow_pickle:
        raise OptionError("load: files are read whole, and only arrays of numbers: numpy.load has mmap_mode and pickle")
    found = np.load(file, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return asarray(found)
    with found:
        return {name: asarray(found[name]) for name in found.files}


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Array:
    """The array whose elements lie one after the other in a buffer; they are copied.

    Args:
        buffer: bytes, or anything that has Python's buffer protocol.
        dtype: how to read them.
        count: how many elements; all where -1.
        offset: bytes to pass over at the beginning.

    >>> from funcgrad import numpy as fnp
    >>> fnp.frombuffer(bytes([1, 0, 2, 0]), dtype="int16")
    Array([1, 2], dtype=int16)
    """
    return asarray(np.frombuffer(buffer, canonical(dtype), count, offset).copy())


def fromiter(iter: Iterable[Any], dtype: Any, count: int = -1) -> Array:
    """The numbers that an iterable gives, in one axis.

    Args:
        iter: of numbers.
        dtype: of the array.
        count: how many to take; all where -1.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fromiter((k * k for k in range(4)), dtype="int64")
    Array([0, 1, 4, 9], dtype=int64)
    """
    return asarray(np.fromiter(iter, canonical(dtype), count))
