"""Samplers of vectors and matrices: correlated normal numbers, rotations, points in a ball."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy import elementwise as fnp
from ..numpy.creation import asarray, parse_shape
from ..numpy.linalg import cholesky, eigh, qr, svd
from ..ops.elementwise import astype
from ..rules import broadcast_shapes
from .continuous import exponential, normal
from .gammas import generalized_normal
from .keys import Key, split
from .parameters import Shape, check_broadcast, check_positive, working_dtypes

__all__ = ["ball", "multivariate_normal", "orthogonal"]


def multivariate_normal(
    key: Key, mean: Any, cov: Any, shape: Shape | None = None, dtype: Any = None, method: str = "cholesky"
) -> Array:
    """Normal vectors of that mean and covariance: mean + L z, with L L^T = cov and z standard normal.

    Differentiable in mean and cov.

    Args:
        key: a single key.
        mean: (..., n).
        cov: (..., n, n), symmetric and positive definite; with "eigh" or "svd" it may be singular.
        shape: of the result without its last axis, n; by default the one to which the first axes of mean and cov
            broadcast.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.
        method: what L is made by: "cholesky", the fastest, "eigh" or "svd".

    Raises:
        ShapeError: the sizes of mean and cov do not fit.
        OptionError: another method.

    >>> from funcgrad import random, numpy as fnp
    >>> cov = fnp.asarray([[2.0, 1.0], [1.0, 2.0]])
    >>> random.multivariate_normal(random.key(0), fnp.zeros(2), cov, (3,)).round(2)
    Array([[-0.72,  1.25],
           [ 0.65, -0.43],
           [-0.1 , -0.27]], dtype=float32)
    """
    found, work = working_dtypes("multivariate_normal", dtype)
    if method not in ("cholesky", "eigh", "svd"):
        raise OptionError(f"multivariate_normal: method must be 'cholesky', 'eigh' or 'svd', not {method!r}")
    centre, covariance = astype(asarray(mean), work), astype(asarray(cov), work)
    n = covariance.shape[-1:]
    if not centre.ndim or covariance.shape[-2:] != centre.shape[-1:] * 2:
        raise ShapeError(
            f"multivariate_normal: mean (..., n) and cov (..., n, n) share n, not {centre.aval} and {covariance.aval}"
        )
    if shape is None:
        sizes = broadcast_shapes("multivariate_normal", centre.shape[:-1], covariance.shape[:-2])
    else:
        sizes = parse_shape(shape)
    for lead in (centre.shape[:-1], covariance.shape[:-2]):
        check_broadcast("multivariate_normal", lead, sizes)
    z = normal(key, (*sizes, *n), work)
    return astype(centre + (_root(covariance, method) @ z[..., None])[..., 0], found)


def _root(covariance: Any, method: str) -> Any:
    """L with L L^T = covariance."""
    if method == "cholesky":
        return cholesky(covariance)
    if method == "eigh":
        values, vectors = eigh(covariance)
    else:
        vectors, values, _ = svd(covariance)
    return vectors * fnp.sqrt(fnp.maximum(values, 0.0))[..., None, :]


def orthogonal(key: Key, n: int, shape: Shape = (), dtype: Any = None, m: int | None = None) -> Array:
    """Orthogonal matrices, all equally likely: the Q of a normal matrix, with the signs of R's diagonal.

    Args:
        key: a single key.
        n: rows.
        shape: of the batch.
        dtype: float32 or float64, or bfloat16, float16; by default `config.default_dtype()`. Of a complex dtype the
            matrices are unitary.
        m: columns, n where None. Of the rows and the columns those that are fewer are orthonormal.

    Returns:
        (*shape, n, m)

    >>> from funcgrad import random, numpy as fnp
    >>> q = random.orthogonal(random.key(0), 3)
    >>> bool(fnp.allclose(q @ q.T, fnp.eye(3), atol=1e-6))
    True

    Source: F. Mezzadri, How to generate random matrices from the classical compact groups, Notices of the AMS 54, 2007.
    """
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise ShapeError(f"orthogonal: sizes must be 0 or more, not {n} and {columns}")
    tall, wide = max(n, columns), min(n, columns)
    z = normal(key, (*parse_shape(shape), tall, wide), dtype)
    q, r = qr(z)
    diagonal = r.diagonal(axis1=-2, axis2=-1)
    size = fnp.abs(diagonal)
    q = q * (diagonal / fnp.where(size == 0, 1.0, size))[..., None, :]
    return q if n >= columns else q.swapaxes(-1, -2)


def ball(key: Key, d: int, p: float = 2, shape: Shape = (), dtype: Any = None) -> Array:
    """Points of the unit ball of the p-norm in d dimensions, all equally likely.

    With g of density proportional to exp(-|g|^p) and e exponential, g / (sum |g_i|^p + e)^(1/p).

    Args:
        key: a single key.
        d: dimensions.
        p: of the norm, above 0; 2 is Euclid's.
        shape: of the batch.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    Returns:
        (*shape, d)

    >>> from funcgrad import random
    >>> random.ball(random.key(0), 2).round(3)
    Array([ 0.516, -0.366], dtype=float32)

    Source: F. Barthe, O. Guedon, S. Mendelson and A. Naor, A probabilistic approach to the geometry of the l_p^n-ball,
    Annals of Probability 33, 2005.
    """
    check_positive("ball", p)
    found, work = working_dtypes("ball", dtype)
    sizes = parse_shape(shape)
    point_key, radius_key = split(key)
    g = generalized_normal(point_key, p, (*sizes, d), work)
    power = (fnp.abs(g) ** p).sum(-1) + exponential(radius_key, sizes, work)
    return astype(g / (power ** (1 / p))[..., None], found)
