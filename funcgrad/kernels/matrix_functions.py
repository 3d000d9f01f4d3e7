"""The exponential, the principal square root and the logarithm of stacks of matrices.

Sources: N. Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. Appl. 26
(2005); E. Denman and A. Beavers, The matrix sign function and computations in systems, 1976, in the product form of
S. Cheng, N. Higham, C. Kenney and A. Laub, Approximating the logarithm of a matrix to specified accuracy, 2001.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy

from ..device import Raw, dtype_of
from ..dtypes import is_complex
from .linalg import eye_like, lapack

_ORDERS = {4: (7, 3.9), 8: (13, 5.37)}
"""By the size of a real part: the order of the Pade approximant, and the norm up to which it is exact to rounding."""
_STEPS = 60
_NODES = 8


def _norms(xp: Any, x: Raw) -> Raw:
    """The 1-norm of each matrix."""
    return xp.max(xp.sum(xp.abs(x), axis=-2), axis=-1)


def _part_size(x: Raw) -> int:
    dtype = dtype_of(x)
    return dtype.itemsize // 2 if is_complex(dtype) else dtype.itemsize


def _of_finite(function: Callable[[Any, Raw], Raw]) -> Callable[[Any, Raw], Raw]:
    """NaN for the matrices of a stack that hold infinities or NaN, which would stop the iteration for the others."""

    @functools.wraps(function)
    def wrapper(xp: Any, x: Raw) -> Raw:
        finite = xp.all(xp.isfinite(x), axis=(-2, -1))
        if not x.size or bool(xp.all(finite)):
            return function(xp, x)
        kept = finite[..., None, None]
        out = function(xp, xp.where(kept, x, eye_like(xp, x)))
        return xp.where(kept, out, xp.full_like(out, numpy.nan))

    return wrapper


@lapack("expm", "Infinities and NaN have no exponential.")
@_of_finite
def expm(xp: Any, x: Raw) -> Raw:
    """exp(x / 2^s) by a Pade approximant, squared s times; each matrix of a stack has an s of its own."""
    if not x.size:
        return x
    order, bound = _ORDERS[_part_size(x)]
    norms = _norms(xp, x)
    squarings = xp.ceil(xp.log2(xp.maximum(norms / bound, xp.ones_like(norms))))
    small = x / xp.astype(2.0**squarings, x.dtype)[..., None, None]
    square, power = xp.matmul(small, small), eye_like(xp, x)
    odd, even, coefficient = xp.zeros_like(x), xp.zeros_like(x), 1.0
    for j in range(0, order + 1, 2):
        even = even + coefficient * power
        coefficient *= (order - j) / ((2 * order - j) * (j + 1))
        odd = odd + coefficient * power
        coefficient *= (order - j - 1) / ((2 * order - j - 1) * (j + 2))
        power = xp.matmul(power, square)
    odd = xp.matmul(small, odd)
    out = xp.linalg.solve(even - odd, even + odd)
    for k in range(int(xp.max(squarings))):
        out = xp.where((squarings > k)[..., None, None], xp.matmul(out, out), out)
    return out


@lapack("sqrtm", "A real matrix with negative eigenvalues has a complex root: x.astype(complex) first.")
@_of_finite
def sqrtm(xp: Any, x: Raw) -> Raw:
    """The root whose eigenvalues have positive real parts."""
    return _root(xp, x) if x.size else x


def _root(xp: Any, x: Raw) -> Raw:
    """X with X^2 = x, by Newton's iteration in the pair (M, X): M tends to 1, X to the root."""
    n, one = x.shape[-1], eye_like(xp, x)
    eps = float(numpy.finfo(dtype_of(x)).eps)
    m, root, scaling, last = x, x, True, numpy.inf
    try:
        for _ in range(_STEPS):
            inverse = xp.linalg.inv(m)
            if scaling:  # to determinant one, which brings far eigenvalues near
                scale = xp.exp(-xp.linalg.slogdet(m)[1] / (2 * n))[..., None, None]
                scale = xp.astype(scale, x.dtype)
                m, inverse, root = scale * scale * m, inverse / (scale * scale), scale * root
            root = xp.matmul(root, one + inverse) / 2
            m = (one + (m + inverse) / 2) / 2
            distance = float(xp.max(_norms(xp, m - one)))
            if distance < n * eps or (distance < 1e-3 and distance >= last):
                return root
            scaling, last = scaling and distance > 1e-2, distance
    except numpy.linalg.LinAlgError:
        if not is_complex(dtype_of(x)):
            raise
    return _by_eigenvectors(xp, x)


def _by_eigenvectors(xp: Any, x: Raw) -> Raw:
    """The root by eigenvectors, where Newton's iteration does not arrive: on the negative half line."""
    if not is_complex(dtype_of(x)):
        raise numpy.linalg.LinAlgError("no real root was found")
    w, v = xp.linalg.eig(x)
    return xp.matmul(v * xp.sqrt(w)[..., None, :], xp.linalg.inv(v))


@lapack("logm", "A real matrix with negative eigenvalues has a complex logarithm: x.astype(complex) first.")
@_of_finite
def logm(xp: Any, x: Raw) -> Raw:
    """2^k log(x^(1/2^k)) with a root near one, whose logarithm is an integral by Gauss' rule: a Pade approximant."""
    if not x.size:
        return x
    one, count = eye_like(xp, x), 0
    while float(xp.max(_norms(xp, x - one))) > 0.25 and count < _STEPS:
        x, count = _root(xp, x), count + 1
    nodes, weights = numpy.polynomial.legendre.leggauss(_NODES)
    rest = x - one
    total = xp.zeros_like(x)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        total = total + weight / 2 * xp.linalg.solve(one + (node + 1) / 2 * rest, rest)
    return total * 2.0**count
