"""Penalties on the gradient of a critic: the loss has a gradient in it, and its own gradient is one of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import random
from ..core import Array
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.linalg.norms import vector_norm
from ..ops.create import promote_inexact, to_inexact
from .grad import grad

__all__ = ["gradient_penalty"]


def gradient_penalty(
    f: Callable[[Any], Any], x: Any, other: Any = None, *, key: Any = None, target: float = 1.0, reduction: str = "mean"
) -> Array:
    """How far the length of a critic's gradient is from a target, squared, at each example.

        penalty = (|df/dx (z)| - target)^2,    z = u x + (1 - u) other,  u uniform for each example

    With real and generated examples and target 1 it is the penalty of WGAN-GP. Without `other` z is x; so with target 0
    and real examples it is twice that of R1, the squared length.

    Args:
        f: the critic: of a batch, one score an example, (N, ...) -> (N,) or (N, 1). The score of an example must not
            depend on the others, as batch normalisation would make it.
        x: examples, (N, ...).
        other: further ones of that shape; z lies on the line between the two. Needs a key.
        key: of `funcgrad.random`.
        target: the length that is wanted; 1 for WGAN-GP, 0 for R1.
        reduction: "mean", "sum", or "none" for (N,).

    Returns:
        A number to be multiplied by its weight and added to the critic's loss; it is differentiable in whatever f
        depends on.

    Raises:
        DtypeError: there is `other`, and no key.
        ShapeError: x and other have two shapes, or no axis of examples.
        OptionError: no such reduction.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> x = fnp.ones((4, 2))
    >>> penalty = lambda w: fg.gradient_penalty(lambda x: x @ w, x)
    >>> w = fnp.asarray([3.0, 4.0])
    >>> penalty(w), fg.grad(penalty)(w)
    (Array(16., dtype=float32), Array([4.8, 6.4], dtype=float32))

    Source: I. Gulrajani and others, Improved training of Wasserstein GANs, 2017; L. Mescheder, A. Geiger and
    S. Nowozin, Which training methods for GANs do actually converge?, 2018.
    """
    if reduction not in ("none", "mean", "sum"):
        raise OptionError(f"gradient_penalty: reduction must be 'none', 'mean' or 'sum', not {reduction!r}")
    z: Any = to_inexact(x)
    if not z.ndim:
        raise ShapeError("gradient_penalty: x must have a first axis, of examples")
    if other is not None:
        if key is None:
            raise DtypeError("gradient_penalty: places between x and other are drawn: pass key=random.key(seed)")
        z, end = promote_inexact(z, to_inexact(other))
        if z.shape != end.shape:
            raise ShapeError(f"gradient_penalty: x {z.aval} and other {end.aval} must have one shape")
        u = random.uniform(key, (z.shape[0],) + (1,) * (z.ndim - 1), z.dtype)
        z = end + (z - end) * u
    slopes: Any = grad(lambda z: f(z).sum())(z)
    axes = tuple(range(1, z.ndim))
    if target == 0:  # the square itself, whose second derivative at 0 a root would hide
        penalty: Any = (slopes * slopes).sum(axes)
    else:
        lengths: Any = vector_norm(slopes, axis=axes) if axes else abs(slopes)
        penalty = (lengths - target) * (lengths - target)
    return penalty if reduction == "none" else penalty.mean() if reduction == "mean" else penalty.sum()
