"""funcgrad differentiates, batches and compiles ordinary Python functions of arrays.

import funcgrad as fg, funcgrad.numpy as fnp, funcgrad.functional as F
from funcgrad import data, layers, optim, random

fg.grad(loss_fn)(params, batch)
"""

from __future__ import annotations

from . import config, errors, functional, numpy, random, tree
from .core import Array
from .device import Device, default_device, device, devices, synchronize
from .numpy.creation import asarray
from .placement import device_get, device_put
from .transforms.grad import grad, stop_gradient, value_and_grad, vjp
from .transforms.jacobian import hessian, jacfwd, jacobian, jacrev
from .transforms.jvp import jvp
from .transforms.vmap import vmap

__version__ = "0.1.0"

__all__ = [
    "Array",
    "Device",
    "asarray",
    "config",
    "default_device",
    "device",
    "device_get",
    "device_put",
    "devices",
    "errors",
    "functional",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "numpy",
    "random",
    "stop_gradient",
    "synchronize",
    "tree",
    "value_and_grad",
    "vjp",
    "vmap",
]
