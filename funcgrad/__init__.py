"""funcgrad differentiates, batches and compiles ordinary Python functions of arrays.

import funcgrad as fg, funcgrad.numpy as fnp, funcgrad.functional as F
from funcgrad import data, layers, optim, random

fg.grad(loss_fn)(params, batch)

Derivatives       grad value_and_grad vjp jvp linearize jacfwd jacrev hessian hvp hessian_diag ggnvp gradient_penalty
Batches           vmap vectorize (in funcgrad.numpy), psum and the other collectives
Programs          jit explain make_graph eval_shape clear_caches config.disable_jit
Control flow      Python's own, and scan map while_loop fori_loop cond switch associative_scan
Rules of yours    custom_jvp custom_vjp custom_vmap custom_root custom_linear_solve pure_callback
Assignment        mutable: y[i] = v in a transformed function
Memory            checkpoint checkpoint_policies, grad(f, memory="1GB")
Looking inside    check tap checking_leaks saved_residuals config.debug_nans debug.print
Packages          numpy scipy lax functional layers optim random data tree graph errors testing

`docs/conventions.md` has dtypes, trees, and tables for those who come from JAX, PyTorch or optax.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import config, errors, flatten_util, functional, numpy, tree
from .checking import check
from .core import Array
from .device import Device, default_device, device, devices, synchronize
from .numpy.creation import asarray
from .numpy.mutable import mutable
from .placement import device_get, device_put
from .transforms import along_axis as _along_axis
from .transforms import nans as _nans  # noqa: F401  # its switches are config.debug_nans and config.debug_infs
from .transforms import reuse as _reuse  # noqa: F401  # and its switch is config.debug_key_reuse
from .transforms.callback import ShapeDtypeStruct, io_callback, pure_callback
from .transforms.checkpoint import checkpoint, checkpoint_sequential, remat
from .transforms.collectives import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pbroadcast,
    pmax,
    pmean,
    pmin,
    ppermute,
    pshuffle,
    psum,
    psum_scatter,
    pswapaxes,
)
from .transforms.control import cond, fori_loop, switch, while_loop
from .transforms.ctc import ctc_loss as _ctc_loss
from .transforms.custom_jvp import SymbolicZero, custom_jvp
from .transforms.custom_vjp import custom_gradient, custom_vjp
from .transforms.custom_vmap import custom_vmap, sequential_vmap
from .transforms.explain import explain
from .transforms.grad import grad, stop_gradient, value_and_grad, vjp
from .transforms.gradient_penalty import gradient_penalty
from .transforms.implicit import custom_linear_solve, custom_root, fixed_point
from .transforms.jacobian import hessian, jacfwd, jacobian, jacrev
from .transforms.jit import clear_caches, jit
from .transforms.jvp import jvp
from .transforms.leaks import checking_leaks
from .transforms.linear import linear_transpose, linearize
from .transforms.linear_cross_entropy import linear_cross_entropy as _linear_cross_entropy
from .transforms.make_graph import eval_shape, make_graph
from .transforms.products import elementwise_grad, fisher_diag, ggnvp, hessian_diag, hvp
from .transforms.reduce import reduce, reduce_window
from .transforms.residuals import print_saved_residuals, saved_residuals
from .transforms.saving import checkpoint_name, checkpoint_policies
from .transforms.scan import associative_scan, map, scan  # as in jax.lax
from .transforms.select import select, select_n
from .transforms.tap import tap
from .transforms.vectorize import frompyfunc, vectorize
from .transforms.vmap import vmap
from .transforms.where_apply import where_apply

if TYPE_CHECKING:
    from . import data, debug, graph, lax, layers, optim, random, scipy, testing

__version__ = "0.1.0"

__all__ = [
    "Array",
    "Device",
    "ShapeDtypeStruct",
    "SymbolicZero",
    "all_gather",
    "all_to_all",
    "asarray",
    "associative_scan",
    "axis_index",
    "axis_size",
    "check",
    "checking_leaks",
    "checkpoint",
    "checkpoint_name",
    "checkpoint_policies",
    "checkpoint_sequential",
    "clear_caches",
    "cond",
    "config",
    "custom_gradient",
    "custom_jvp",
    "custom_linear_solve",
    "custom_root",
    "custom_vjp",
    "custom_vmap",
    "data",
    "debug",
    "default_device",
    "device",
    "device_get",
    "device_put",
    "devices",
    "elementwise_grad",
    "errors",
    "eval_shape",
    "explain",
    "fisher_diag",
    "fixed_point",
    "flatten_util",
    "fori_loop",
    "functional",
    "ggnvp",
    "grad",
    "gradient_penalty",
    "graph",
    "hessian",
    "hessian_diag",
    "hvp",
    "io_callback",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "lax",
    "layers",
    "linear_transpose",
    "linearize",
    "make_graph",
    "map",
    "mutable",
    "numpy",
    "optim",
    "pbroadcast",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "print_saved_residuals",
    "pshuffle",
    "psum",
    "psum_scatter",
    "pswapaxes",
    "pure_callback",
    "random",
    "reduce",
    "reduce_window",
    "remat",
    "saved_residuals",
    "scan",
    "scipy",
    "select",
    "select_n",
    "sequential_vmap",
    "stop_gradient",
    "switch",
    "synchronize",
    "tap",
    "testing",
    "tree",
    "value_and_grad",
    "vjp",
    "vmap",
    "where_apply",
    "while_loop",
]

numpy.frompyfunc = frompyfunc  # transforms, which the namespace, from further left, cannot import
numpy.vectorize = vectorize
functional.ctc_loss = _ctc_loss
functional.linear_cross_entropy = _linear_cross_entropy
for _name in _along_axis.__all__:
    setattr(numpy, _name, getattr(_along_axis, _name))

_ON_DEMAND = frozenset(["data", "debug", "graph", "io", "lax", "layers", "optim", "random", "scipy", "testing"])


def __getattr__(name: str) -> Any:
    """Packages that not every program needs are imported when first named: `fg.random`."""
    if name in _ON_DEMAND:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
