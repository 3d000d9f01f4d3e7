"""Analytic functions of matrices, differentiated by functions of larger ones.

    f([[A, E],     [[f(A), L(A, E)],
       [0, A]])  =  [0,    f(A)   ]]

where L(A, E) is the derivative of f at A along E, and its transpose is L(A^T, g): so each has derivatives of all
orders, also where eigenvalues coincide. Source: N. Higham, Functions of Matrices, SIAM 2008, theorem 3.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core import Aval
from ...device import Raw
from ...dtypes import is_complex
from ...kernels import matrix_functions as kernels
from ...rules import general, zeros
from ..contract import transposed
from ..elementwise import abs, complex_abs, equal, stop_gradient, where
from ..reduce import max
from ..shape import concat
from .matrices import as_complex, in_front, square


def derivative(f: Any, a: Any, e: Any) -> Any:
    """L(a, e), linear in e, which is brought to size one so that it does not govern how f scales its argument."""
    n, last = a.shape[-1], a.ndim - 1
    if not a.size:
        return e
    magnitude = stop_gradient(max(complex_abs(e) if is_complex(e.dtype) else abs(e), axes=(last - 1, last)))
    scale = as_complex(where(equal(magnitude, 0), 1, magnitude), e.dtype)[..., None, None]
    above, below = concat(a, e / scale, axis=last), concat(zeros(a, a), a, axis=last)
    return f(concat(above, below, axis=last - 1))[..., :n, n:] * scale


def _function(name: str, kernel: Callable[..., Raw]) -> Any:
    def infer(x: Aval) -> Aval:
        square(name, x)
        return x

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
        return derivative(primitive, primals[0], tangents[0])

    primitive: Any = general(
        f"{name}(x)",
        impl=kernel,
        infer=infer,
        jvp=jvp,
        x=lambda g, x: derivative(primitive, transposed(x), g),
        batch=in_front(lambda: primitive),
    )
    return primitive


expm = _function("expm", kernels.expm)
sqrtm = _function("sqrtm", kernels.sqrtm)
logm = _function("logm", kernels.logm)
