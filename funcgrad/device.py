"""Devices, and the seam between the array modules: NumPy, CuPy, or any module of the array API standard.

This is the only file that knows CuPy by name, and it imports it when a GPU is first asked for, not before. Every
operation gets its array module from `namespace(data)`, so that one forward serves every device.

    >>> from funcgrad.device import device
    >>> device("cpu")
    Device('cpu')
"""

from __future__ import annotations

import functools
import importlib
from contextvars import ContextVar
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from .config import Setting
from .errors import DeviceError

__all__ = [
    "Device",
    "Raw",
    "backend_device",
    "backend_dtype",
    "bytes_of",
    "default_device",
    "device",
    "device_of",
    "devices",
    "dtype_of",
    "move",
    "namespace",
    "synchronize",
    "target_device",
]

Raw: TypeAlias = Any
"""An array of some backend: np.ndarray, cupy.ndarray, or another that keeps the array API standard."""


class Device:
    """A place where arrays live and operations run: `Device('cpu')`, `Device('cuda:0')`.

    Args:
        kind: "cpu" or "cuda".
        index: which of that kind.
    """

    __slots__ = ("index", "kind")

    def __init__(self, kind: str, index: int = 0):
        self.kind, self.index = kind, index

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    def __repr__(self) -> str:
        return f"Device({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.kind, self.index) == (other.kind, other.index)

    def __hash__(self) -> int:
        return hash((self.kind, self.index))


CPU = Device("cpu")


def _cupy() -> ModuleType:
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        raise DeviceError(
            f"the device 'cuda' needs CuPy, which does not import here ({error}): "
            "pip install 'funcgrad[cuda12]' or 'funcgrad[cuda13]', whichever your driver supports"
        ) from error


@functools.cache
def _cupy_standard() -> ModuleType:
    """CuPy with the standard's names and arguments: CuPy's own `zeros` takes no device."""
    _cupy()
    try:
        return importlib.import_module("array_api_compat.cupy")
    except ImportError as error:
        raise DeviceError(f"the device 'cuda' needs array-api-compat beside CuPy ({error}): pip install it") from error


def _cuda_count() -> int:
    cupy = _cupy()
    try:
        return int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(f"CuPy is installed but finds no usable GPU: {error}") from error


def devices(kind: str | None = None) -> list[Device]:
    """The devices of this machine, or those of one kind.

    Args:
        kind: "cpu", "cuda", or None for all that there are.

    Returns:
        A list of `Device`; without CuPy or a GPU it holds the CPU alone.

    Raises:
        DeviceError: `kind` is not a kind of device, or its devices were asked for by name and there are none.
    """
    if kind == "cpu":
        return [CPU]
    if kind == "cuda":
        return [Device("cuda", i) for i in range(_cuda_count())]
    if kind is not None:
        raise DeviceError(f"unknown kind of device {kind!r}: use 'cpu' or 'cuda'")
    try:
        return [CPU, *devices("cuda")]
    except DeviceError:
        return [CPU]


def device(spec: str | Device) -> Device:
    """The device of that name.

    Args:
        spec: "cpu", "cuda" (the first GPU), "cuda:1", or a `Device`.

    Raises:
        DeviceError: no such device; the message lists those there are.
    """
    if isinstance(spec, Device):
        return spec
    kind, _, index = str(spec).partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdecimal()):
        raise DeviceError(f"unknown device {spec!r}: use 'cpu', 'cuda' or 'cuda:N'")
    there = devices(kind)
    number = int(index or 0)
    if number >= len(there):
        raise DeviceError(f"no device {spec!r}: this machine has {', '.join(map(str, devices()))}")
    return there[number]


_default: ContextVar[Device] = ContextVar("funcgrad_default_device", default=CPU)


def default_device(*spec: str | Device) -> Any:
    """The device on which new arrays are made: read it, set it, or set it for a block.

    default_device()                      # Device('cpu')
    default_device("cuda:0")              # from here on
    with default_device("cuda:0"): ...    # inside the block only
    """
    return Setting(_default, device(*spec)) if spec else _default.get()


def target_device(where: Any) -> Any:
    """Where a `device=` argument says: the default device for None, else the one named or given."""
    if where is None:
        return _default.get()
    return device(where) if isinstance(where, str) else where


def namespace(data: Raw) -> Any:
    """The module whose functions take this array."""
    if type(data) is np.ndarray or isinstance(data, np.generic):
        return np
    return data.__array_namespace__() if not _is_cupy(data) else _cupy_standard()


def namespace_on(where: Device) -> Any:
    """The module that makes arrays on a device."""
    return np if where.kind == "cpu" else _cupy_standard()


def backend_device(where: Device) -> Any:
    """A device as the `device=` argument of its array module."""
    return "cpu" if where.kind == "cpu" else _cupy().cuda.Device(where.index)


def backend_dtype(xp: Any, dtype: np.dtype[Any]) -> Any:
    """A NumPy dtype as the array module wants it: NumPy and CuPy share theirs, others name their own alike."""
    return dtype if xp is np or xp.__name__.endswith(".cupy") else getattr(xp, dtype.name)


def dtype_of(data: Raw) -> np.dtype[Any]:
    """The NumPy dtype of a backend's array."""
    found = data.dtype
    return found if isinstance(found, np.dtype) else np.dtype(str(found).rpartition(".")[2])


def device_of(data: Raw) -> Device | Any:
    """Where a backend's array lives; arrays of other array API modules answer with their own device object."""
    if isinstance(data, np.ndarray | np.generic):
        return CPU
    return Device("cuda", data.device.id) if _is_cupy(data) else data.device


def move(data: Raw, target: Device | Any) -> Raw:
    """The same values on another device; the same array if it is there already."""
    source = device_of(data)
    if source == target:
        return data
    if not isinstance(target, Device):
        return data.to_device(target)
    if not isinstance(source, Device):
        raise DeviceError(f"an array of {type(data).__module__} on {source} cannot move to {target!r}")
    cupy = _cupy()
    if target.kind == "cpu":
        return cupy.asnumpy(data)
    with cupy.cuda.Device(target.index):
        return cupy.asarray(data)


def synchronize(where: str | Device | None = None) -> None:
    """Wait until all work queued on a device is done (nothing to wait for on the CPU)."""
    target = default_device() if where is None else device(where)
    if target.kind == "cuda":
        with _cupy().cuda.Device(target.index) as gpu:
            gpu.synchronize()


def _is_cupy(data: Raw) -> bool:
    return type(data).__module__.partition(".")[0] == "cupy"


def bytes_of(data: Raw) -> bytes:
    """The bytes of an array of any module: what tells -0.0 from 0.0, and by which NaN is itself."""
    if isinstance(data, np.ndarray | np.generic):
        return data.tobytes()
    host = move(data, CPU) if isinstance(device_of(data), Device) else np.from_dlpack(data)
    return host.tobytes()  # type: ignore[no-any-return]
