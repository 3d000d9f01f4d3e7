"""Moving whole pytrees between devices."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import tree
from .core import Array
from .device import Device, default_device, device, move
from .ops.create import asarray, to_device

__all__ = ["device_get", "device_put"]


def device_put(x: Any, target: str | Device | None = None) -> Any:
    """A pytree with its arrays on a device; differentiable.

    Args:
        x: a pytree of arrays, NumPy arrays and numbers.
        target: where to; the default device where None.

    Returns:
        A tree of the same structure; arrays that are there already are returned as they are.

    Raises:
        DeviceError: no such device.

    >>> import funcgrad as fg, numpy as np
    >>> fg.device_put({"w": np.ones(2)}, "cpu")["w"].device
    Device('cpu')
    """
    found = default_device() if target is None else device(target)
    return tree.map(lambda leaf: to_device(asarray(leaf), found), x)


def device_get(x: Any) -> Any:
    """A pytree with its arrays as read-only NumPy arrays on the host; other leaves stay as they are.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.device_get({"w": fnp.ones(2)})
    {'w': array([1., 1.], dtype=float32)}
    """
    return tree.map(_to_host, x)


def _to_host(leaf: Any) -> Any:
    if not isinstance(leaf, Array):
        return leaf
    view = np.asarray(move(leaf.concrete()._data, Device("cpu"))).view()
    view.flags.writeable = False
    return view
