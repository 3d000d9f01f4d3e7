"""Second derivatives of a loss of parameters, inputs and targets: the names of optax.second_order.

Each is one of funcgrad's own `hvp`, `hessian_diag` and `grad`, for parameters as one vector: the leaves of the tree
one after the other, as `ravel_pytree` has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import Array
from ..flatten_util import ravel_pytree
from ..numpy import square
from ..transforms import products
from ..transforms.grad import grad

__all__ = ["fisher_diag", "hessian_diag", "hvp"]


def hvp(loss: Callable[..., Any], v: Any, params: Any, inputs: Any, targets: Any) -> Any:
    """The Hessian of a loss in its parameters times a vector, without the matrix.

    Args:
        loss: (params, inputs, targets) -> one real number.
        v: a vector with a number for each of the parameters.
        params: a pytree of floating arrays.
        inputs, targets: what the loss is of.

    Returns:
        H v in the structure of `params`; `funcgrad.hvp` takes v in that structure too.

    Raises:
        ShapeError: `v` is of another size.
        NonScalarError: the loss is not one number.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> loss = lambda params, x, y: ((params["w"] * x - y) ** 2).sum()
    >>> params, x, y = {"w": fnp.asarray([1.0, 2.0])}, fnp.asarray([1.0, 3.0]), fnp.zeros(2)
    >>> optim.second_order.hvp(loss, fnp.asarray([1.0, 1.0]), params, x, y)
    {'w': Array([ 2., 18.], dtype=float32)}

    Source: Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6 (1994).
    """
    _, unravel = ravel_pytree(params)
    return products.hvp(lambda p: loss(p, inputs, targets), (params,), (unravel(v),))[0]


def hessian_diag(loss: Callable[..., Any], params: Any, inputs: Any, targets: Any) -> Array:
    """The diagonal of a loss's Hessian in its parameters, one product a number.

    Args:
        loss: (params, inputs, targets) -> one real number.
        params: a pytree of floating arrays.
        inputs, targets: what the loss is of.

    Returns:
        A vector with d^2 loss / d params_i^2.

    Raises:
        NonScalarError: the loss is not one number.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> loss = lambda params, x, y: ((params["w"] * x - y) ** 2).sum()
    >>> params, x, y = {"w": fnp.asarray([1.0, 2.0])}, fnp.asarray([1.0, 3.0]), fnp.zeros(2)
    >>> optim.second_order.hessian_diag(loss, params, x, y)
    Array([ 2., 18.], dtype=float32)
    """
    return ravel_pytree(products.hessian_diag(lambda p: loss(p, inputs, targets))(params))[0]


def fisher_diag(negative_log_likelihood: Callable[..., Any], params: Any, inputs: Any, targets: Any) -> Array:
    """The diagonal of the observed Fisher information of one observation: the squares of the gradient.

    The inputs and targets are one observation. Of a batch this is the square of the summed gradient, in which examples
    cancel; `funcgrad.fisher_diag` is the mean of the squares of each example's.

    Args:
        negative_log_likelihood: (params, inputs, targets) -> one real number.
        params: a pytree of floating arrays.
        inputs, targets: the observation.

    Returns:
        A vector with (d nll / d params_i)^2.

    Raises:
        NonScalarError: the likelihood is not one number.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> nll = lambda params, x, y: (params["w"] * x - y) ** 2 / 2
    >>> optim.second_order.fisher_diag(nll, {"w": fnp.asarray(1.0)}, 3.0, 1.0)
    Array([36.], dtype=float32)

    Source: Kunstner, Balles and Hennig, Limitations of the empirical Fisher approximation for natural gradient
    descent, NeurIPS 2019.
    """
    return square(ravel_pytree(grad(lambda p: negative_log_likelihood(p, inputs, targets))(params))[0])
