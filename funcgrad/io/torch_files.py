"""What `torch.save` writes, read without PyTorch and without running anything that the file says.

The file is a zip archive: `data.pkl` is a pickle of the saved object in which a tensor is a call of a function, with
its storage as a persistent id; the bytes of storage k are the entry `data/k`. A pickle can name any function of any
module to be called; here names are looked up in the table below and nowhere else. What stands for a tensor makes an
array, dicts, lists, tuples, sets, strings and numbers are themselves, and any other name is refused.

Source of the format: PyTorch's documentation, notes on serialization semantics.
"""

from __future__ import annotations

import math
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Array
from ..errors import DataError
from ..ops.create import asarray
from .dtypes import TORCH, elements

__all__ = ["load_torch"]

_ZIP = b"PK\x03\x04"


def load_torch(path: str | os.PathLike[str]) -> Any:
    """The tensors and containers of a file that `torch.save` wrote: a state dict, a checkpoint of several.

    No code of the file is run. Tensors and parameters become arrays on the default device. Without the extra
    `bfloat16` those of that dtype are given as float32, which holds all of its numbers.

    Args:
        path: a file of `torch.save`, of PyTorch 1.6 or later.

    Returns:
        What was saved: `torch.save(model.state_dict(), path)` gives a dict of arrays by name.

    Raises:
        DataError: the file is no such archive, is damaged, or holds something else than tensors and containers, such as
            a whole model, whose class is then named.

    For a model of PyTorch's whose structure is built here:

        params, state = layers.from_torch_state_dict(model, io.load_torch("resnet18.pth"))
    """
    with open(path, "rb") as file:
        start = file.read(4)
    if start != _ZIP:
        old = "; it may be of PyTorch before 1.6: load it there and save it again" if start[:1] == b"\x80" else ""
        raise DataError(f"{path}: not a zip archive, as torch.save writes{old}")
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reader(path, archive).load()
    except (zipfile.BadZipFile, EOFError, pickle.UnpicklingError, KeyError, ValueError, IndexError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: a damaged file of torch.save: {error!r}") from error


class _Reader:
    """One archive: storages are read once, however many tensors look at them."""

    def __init__(self, path: Any, archive: zipfile.ZipFile):
        self._path, self._archive = path, archive
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(names) != 1:
            raise DataError(
                f"{path}: a zip archive without the data.pkl of torch.save (a TorchScript model has code too)"
            )
        self._root = names[0][: -len("data.pkl")]
        self._storages: dict[str, np.ndarray[Any, Any]] = {}

    def load(self) -> Any:
        order = f"{self._root}byteorder"
        self._swapped = order in self._archive.namelist() and self._archive.read(order).decode() != sys.byteorder
        with self._archive.open(f"{self._root}data.pkl") as file:
            return _Unpickler(file, self._path, self._storage).load()

    def _storage(self, kind: str, key: str, count: int) -> np.ndarray[Any, Any]:
        if key not in self._storages:
            where = f"{self._path}: storage {key}"
            found = elements(self._archive.read(f"{self._root}data/{key}"), TORCH[kind], where, self._swapped)
            if found.size < count:
                raise DataError(f"{where} has {found.size} elements, and {count} were saved")
            self._storages[key] = found
        return self._storages[key]


class _StorageType:
    """A storage's class, as the name that it is."""

    def __init__(self, name: str):
        self.name = name


class _Unpickler(pickle.Unpickler):
    """Makes what is in the table `_KNOWN`, and no other thing."""

    def __init__(self, file: Any, path: Any, storage: Callable[[str, str, int], np.ndarray[Any, Any]]):
        super().__init__(file)
        self._path, self._storage = path, storage

    def find_class(self, module: str, name: str) -> Any:
        module = "builtins" if module == "__builtin__" else module  # Python 2's name, which protocol 2 writes
        if module == "torch" and name in TORCH:
            return _StorageType(name)
        found = _KNOWN.get(f"{module}.{name}")
        if found is None:
            raise DataError(
                f"{self._path} holds a {module}.{name}, and only tensors and containers are read from a pickle, since "
                "anything else would be code to run: in PyTorch save what is needed of it, "
                "torch.save(model.state_dict(), path)"
            )
        return found

    def persistent_load(self, pid: Any) -> np.ndarray[Any, Any]:
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage" and isinstance(pid[1], _StorageType)):
            raise DataError(f"{self._path}: a tensor with an unknown kind of storage, {pid!r:.80}")
        return self._storage(pid[1].name, str(pid[2]), int(pid[4]))


def _tensor(
    storage: np.ndarray[Any, Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: Any
) -> Array:
    """The elements of a storage that a tensor looks at; the rest, such as requires_grad, says nothing here."""
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or (0 not in size and last >= storage.size):
        raise DataError(f"a tensor of shape {tuple(size)} and strides {tuple(stride)} reaches beyond its storage")
    if math.prod(size) == storage.size and tuple(stride) == _row_major(size):
        return asarray(storage.reshape(size))  # nobody can write to what was read, so it need not be copied
    steps = [s * storage.itemsize for s in stride]
    start = storage[min(offset, storage.size) :]
    view = np.lib.stride_tricks.as_strided(start, size, steps) if 0 not in size else np.empty(size, storage.dtype)
    return asarray(view, copy=True)  # a part must not keep the whole alive


def _row_major(size: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of an array of that shape without gaps."""
    return tuple(math.prod(size[i + 1 :]) for i in range(len(size)))


def _parameter(data: Array, *rest: Any) -> Array:
    return data


_KNOWN: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.complex": complex,
    "builtins.slice": slice,
    "builtins.bytearray": bytearray,
}
