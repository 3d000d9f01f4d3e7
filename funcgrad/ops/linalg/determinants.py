"""The determinant, its logarithm, and the adjugate matrix, of which the determinant's derivatives are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import Aval
from ...dtypes import is_complex
from ...kernels import linalg as kernels
from ...rules import general
from ..contract import transposed
from ..elementwise import convert, greater_equal, imag, real_part, where
from ..reduce import prod, sum
from .matrices import (
    adjoint,
    as_complex,
    conjugate,
    diagonal,
    diagonal_matrix,
    identity,
    in_front,
    pack,
    square,
    unpack,
)
from .solve import inv
from .spectra import singular_values


def _infer_scalar(name: str) -> Any:
    def infer(x: Aval) -> Aval:
        square(name, x)
        return Aval(x.shape[:-2], x.dtype)

    return infer


def _pairing(x: Any, y: Any) -> Any:
    """The sum of the elements' products."""
    return sum(x * y, axes=(x.ndim - 2, x.ndim - 1))


det = general(  # d det(x) = tr(adj(x) dx), for singular matrices, too
    "det(x)",
    impl=kernels.det,
    infer=_infer_scalar("det"),
    jvp=lambda primals, tangents, out: _pairing(transposed(adjugate(primals[0])), tangents[0]),
    x=lambda g, x: transposed(adjugate(x)) * g[..., None, None],
    batch=in_front(lambda: det),
)

# ---- the adjugate ------------------------------------------------------------------------------
# Of x = U S V^H it is c V adj(S) U^H with c = det(U) det(V^H). The elements of adj(S + E) to first order in E are sums
# of products of singular values, for any S: so nothing is divided by, and neither zeros nor equal values spoil it.


def _frame(x: Any) -> tuple[Any, Any, Any, Any]:
    """c, U, V^H, and the products of all singular values but two, 0 for i = j."""
    n = x.shape[-1]
    u, s, vh = singular_values(x)
    lead = (1,) * (s.ndim - 1)
    one = identity(n, s)
    either = one.reshape((n, 1, n)) + one.reshape((1, n, n))
    spread = s.reshape((*s.shape[:-1], 1, 1, n))
    rest = prod(where(greater_equal(either.reshape((*lead, n, n, n)), 0.5), 1, spread), axes=(s.ndim + 1,))
    return det(u) * det(vh), u, vh, as_complex(where(greater_equal(one, 0.5), 0, rest), x.dtype)


def _first_order(e: Any, rest: Any) -> Any:
    """adj(S + E) - adj(S) to first order; as a map of E its own transpose."""
    along = rest @ diagonal(e)[..., None]
    return diagonal_matrix(along[..., 0]) - e * rest


def _adjugate_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    c, u, vh, rest = _frame(primals[0])
    e = adjoint(u) @ tangents[0] @ adjoint(vh)
    return c[..., None, None] * (adjoint(vh) @ _first_order(e, rest) @ adjoint(u))


def _adjugate_pull(g: Any, x: Any) -> Any:
    c, u, vh, rest = _frame(x)
    e = conjugate(vh) @ g @ conjugate(u)
    return c[..., None, None] * (conjugate(u) @ _first_order(e, rest) @ conjugate(vh))


adjugate = general(
    "adjugate(x)",
    impl=kernels.adjugate,
    infer=lambda x: x,
    jvp=_adjugate_jvp,
    x=_adjugate_pull,
    batch=in_front(lambda: adjugate),
)

# ---- its logarithm -----------------------------------------------------------------------------


def _slogdet_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    (x,), (t,) = primals, tangents
    sign, _ = unpack(out, (), ())
    change = _pairing(transposed(inv(x)), t)
    turn = change - as_complex(real_part(change), x.dtype)  # i Im; 0 of real matrices
    return pack(len(x.shape) - 2, sign * turn, as_complex(real_part(change), x.dtype))


def _slogdet_pull(g: Any, x: Any, out: Any) -> Any:
    (g_sign, g_log), (sign, _) = unpack(g, (), ()), unpack(out, (), ())
    scale = as_complex(real_part(g_log), x.dtype)
    if is_complex(x.dtype):
        scale = scale + convert(imag(g_sign * sign), dtype=x.dtype) * 1j
    return transposed(inv(x)) * scale[..., None, None]


def _infer_slogdet(x: Aval) -> Aval:
    square("slogdet", x)
    return Aval((*x.shape[:-2], 2), x.dtype)


slogdet = general(  # sign and logarithm, packed
    "slogdet(x)",
    impl=kernels.slogdet,
    infer=_infer_slogdet,
    jvp=_slogdet_jvp,
    x=_slogdet_pull,
    batch=in_front(lambda: slogdet),
)
