"""funcgrad differentiates, batches and compiles ordinary Python functions of arrays.

import funcgrad as fg, funcgrad.numpy as fnp, funcgrad.functional as F
from funcgrad import data, layers, optim, random

fg.grad(loss_fn)(params, batch)
"""

from __future__ import annotations

from . import config, errors, numpy, tree
from .core import Array
from .device import Device, default_device, device, devices, synchronize
from .numpy.creation import asarray
from .transforms.grad import grad, value_and_grad, vjp
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
    "devices",
    "errors",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "numpy",
    "synchronize",
    "tree",
    "value_and_grad",
    "vjp",
    "vmap",
]
