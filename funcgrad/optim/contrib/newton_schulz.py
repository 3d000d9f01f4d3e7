"""The nearest orthogonal matrix, by products of matrices alone: the Newton-Schulz iteration."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...errors import OptionError, ShapeError
from ...numpy import abs, asarray, sqrt, sum, swapaxes, where
from ...numpy.linalg import matrix_norm
from ..moments import in_float32
from ..transformation import floating_leaves

__all__ = ["orthogonalized"]

COEFFICIENTS = (3.4445, -4.775, 2.0315)
PRESETS = {
    "muon": COEFFICIENTS,
    # Those of Dion, one row for each step
    "dion": (
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ),
}
PRECONDITIONINGS = ("frobenius", "spectral", "aol", "schatten")


def orthogonalized(
    x: Any, ns_coeffs: Any = COEFFICIENTS, ns_steps: int = 5, preconditioning: str = "frobenius", eps: Any = 1e-8
) -> Array:
    """About U V^T for a matrix U S V^T, by the Newton-Schulz iteration: all singular values become close to 1.

        X <- a X + b (X X^T) X + c (X X^T)^2 X

    from X scaled so that no singular value is above 1. With the usual coefficients they end between 0.7 and 1.2.

    Args:
        x: matrices, shape (..., m, n).
        ns_coeffs: (a, b, c), or one such row for each step, or the name of some: "muon" or "dion".
        ns_steps: how many, where the coefficients are one row.
        preconditioning: by what X is divided first: "frobenius" (|X| + eps), "spectral" (the largest singular value
            + eps), "schatten" (|X X^T|^(1/2), the Schatten-4 norm), or "aol" (each row by the root of the sum of the
            absolute values in its row of X X^T), where m is no more than n; otherwise likewise of X^T.
        eps: a number, which "frobenius" and "spectral" add.

    Raises:
        ValueError: another preconditioning, or another name of coefficients.
        ShapeError: fewer than two axes, or coefficients that are not three.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> x = optim.contrib.orthogonalized(fnp.asarray([[0.0, 5.0], [0.1, 0.0]]), ns_steps=8)
    >>> bool(fnp.all(fnp.abs(x - fnp.asarray([[0.0, 1.0], [1.0, 0.0]])) < 0.35))
    True

    Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024,
    https://kellerjordan.github.io/posts/muon/; "aol", Boissin et al., Turbo-Muon, 2025, arXiv:2512.04632; "schatten",
    Grishina et al., Accelerating Newton-Schulz Iteration for Orthogonalization via Chebyshev-type Polynomials, 2025,
    arXiv:2506.10935.
    """
    (given,) = floating_leaves("orthogonalized", "x", x)[0]
    if given.ndim < 2:
        raise ShapeError(f"orthogonalized takes matrices, shape (..., m, n), not {given.aval}")
    check_preconditioning("orthogonalized", preconditioning)
    (wide,) = in_float32([given])
    coefficients = asarray(coefficients_of("orthogonalized", ns_coeffs)).astype(wide.dtype)
    return iterated(wide, coefficients, ns_steps, preconditioning, eps).astype(given.dtype)


def coefficients_of(caller: str, given: Any) -> tuple[Any, ...]:
    """Those of a preset's name, or those given, as floats that compare: (a, b, c), or such rows."""
    if isinstance(given, str):
        if given not in PRESETS:
            allowed = ", ".join(map(repr, PRESETS))
            raise OptionError(f"{caller}: ns_coeffs must be numbers or one of {allowed}, not {given!r}")
        return PRESETS[given]
    found = asarray(given)
    if found.shape[-1:] != (3,) or found.ndim > 2:
        raise ShapeError(f"{caller}: ns_coeffs must be three numbers, or three for each step, not {found.aval}")
    listed = found.astype("float64").tolist() if isinstance(given, Array) else given
    return tuple(tuple(map(float, row)) for row in listed) if found.ndim == 2 else tuple(map(float, listed))


def iterated(x: Array, coefficients: Array, steps: int, preconditioning: str, eps: Any) -> Array:
    """`orthogonalized` of matrices whose settings are checked."""
    turned = x.shape[-2] > x.shape[-1]  # so that the products X X^T are the smaller ones
    m = _scaled(swapaxes(x, -1, -2) if turned else x, preconditioning, eps)
    for row in [coefficients] * steps if coefficients.ndim == 1 else coefficients:
        square = m @ swapaxes(m, -1, -2)
        m = row[0] * m + (row[1] * square + row[2] * (square @ square)) @ m
    return swapaxes(m, -1, -2) if turned else m


def check_preconditioning(caller: str, preconditioning: str) -> None:
    """An error for a way of scaling that there is not."""
    if preconditioning not in PRECONDITIONINGS:
        allowed = ", ".join(map(repr, PRECONDITIONINGS))
        raise OptionError(f"{caller}: preconditioning must be one of {allowed}, not {preconditioning!r}")


def _scaled(x: Array, preconditioning: str, eps: Any) -> Array:
    """Matrices with singular values of at most 1."""
    if preconditioning == "frobenius":
        return x / (_matrix_norm(x) + eps)
    if preconditioning == "spectral":
        return x / (matrix_norm(x, ord=2, keepdims=True) + eps)
    square = x @ swapaxes(x, -1, -2)
    size = _matrix_norm(square) if preconditioning == "schatten" else sum(abs(square), axis=-1, keepdims=True)
    return x / sqrt(where(size > 0, size, 1))  # where it is 0 so is the row


def _matrix_norm(x: Array) -> Array:
    square = sum(x * x, axis=(-1, -2), keepdims=True)
    positive = square > 0
    return where(positive, sqrt(where(positive, square, 1)), 0)
