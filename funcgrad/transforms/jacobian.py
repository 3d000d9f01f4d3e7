"""Whole Jacobians and Hessians: `vmap` of forward or reverse mode over a basis.

`jacfwd` pushes one basis vector an input element forward, `jacrev` pulls one an output element back; take the one
whose side has fewer elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Array
from ..dtypes import is_inexact
from ..errors import DtypeError
from ..numpy.creation import eye
from .arguments import (
    OF_ARGNUMS,
    OMITTED,
    as_arrays,
    placed,
    refuse_complex,
    refuse_reals,
    select,
    split_aux,
    takes_function,
)
from .grad import vjp
from .jvp import jvp
from .vmap import vmap

__all__ = ["hessian", "jacfwd", "jacobian", "jacrev"]

Argnums = int | Sequence[int] | None
Argnames = str | Sequence[str] | None


@takes_function
def jacfwd(
    f: Callable[..., Any] = OMITTED,
    argnums: Argnums = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnames: Argnames = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of f, column by column by forward mode.

    For an output y and an argument x it is d y[i...] / d x[j...], of shape (*y.shape, *x.shape).

    Args:
        f: a function of pytrees of arrays.
        argnums, argnames: which arguments to differentiate by, as for `grad`.
        has_aux: f returns (output, auxiliary data), and the new function (Jacobian, auxiliary data).
        holomorphic: f is a holomorphic function of complex arrays; the derivatives are complex. Without it f's
            arguments must be real here, and its outputs in `jacrev`.
        chunk_size: how many directions to take at a time; all where it is not given. Fewer take less memory.

    Returns:
        A function of f's arguments; the Jacobian is a tree of the output's structure, whose leaves are trees of the
        argument's.

    Raises:
        DtypeError: an argument or an output holds integers, or complex numbers without `holomorphic`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.jacfwd(lambda x: x ** 2)(fnp.asarray([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float32)
    """
    return _jacobian(f, argnums, argnames, has_aux, "jacfwd", _columns, holomorphic, chunk_size)


@takes_function
def jacrev(
    f: Callable[..., Any] = OMITTED,
    argnums: Argnums = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: Argnames = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of f, row by row by reverse mode.

    Args, Returns, Raises: as for `jacfwd`, whose numbers it equals.
        allow_int: arguments may hold integers and booleans, whose part of the Jacobian is None.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.jacrev(lambda x: x @ x)(fnp.asarray([1.0, 2.0]))
    Array([2., 4.], dtype=float32)
    """
    return _jacobian(f, argnums, argnames, has_aux, "jacrev", _rows, holomorphic, chunk_size, allow_int)


@takes_function
def hessian(
    f: Callable[..., Any] = OMITTED,
    argnums: Argnums = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnames: Argnames = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that returns the second derivatives of f: forward mode over reverse mode.

    Args:
        f, argnums, argnames, has_aux: as for `grad`, but f's output may have dimensions.
        holomorphic, chunk_size: as for `jacfwd`.

    Returns:
        A function of f's arguments; for an argument x the result has the shape (*output, *x.shape, *x.shape), in
        blocks where x is a tree.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.hessian(lambda x: x[0] ** 2 * x[1])(fnp.asarray([1.0, 3.0]))
    Array([[6., 2.],
           [2., 0.]], dtype=float32)
    """
    select(argnums, argnames, "hessian")  # an error in its own words
    first = jacrev(f, argnums, has_aux, holomorphic, argnames=argnames, chunk_size=chunk_size)
    return _jacobian(first, argnums, argnames, has_aux, "hessian", _columns, holomorphic, chunk_size)


jacobian = jacrev


def _jacobian(
    f: Callable[..., Any],
    argnums: Argnums,
    argnames: Argnames,
    has_aux: bool,
    name: str,
    compute: Any,
    holomorphic: bool,
    chunk_size: int | None,
    allow_int: bool = False,
) -> Callable[..., Any]:
    selection = select(argnums, argnames, name)

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        call = selection.bind(f, args, kwargs)
        leaves, structure = tree.flatten(call.chosen)
        arrays = as_arrays(leaves, name, advice=OF_ARGNUMS)
        if not allow_int:
            call.refuse_integers(arrays)
        smooth = [i for i, x in enumerate(arrays) if is_inexact(x.dtype)]
        if holomorphic:
            refuse_reals([arrays[i] for i in smooth], name, "an argument")
        elif compute is _columns:  # by one direction an element: what a complex one's imaginary part does is not seen
            refuse_complex(arrays, name, "an argument")

        def of_leaves(xs: Sequence[Any]) -> Any:
            return call(tree.unflatten(structure, placed(arrays, smooth, xs)))

        def block(parts: Sequence[Any]) -> Any:
            return call.result(tree.unflatten(structure, placed([None] * len(arrays), smooth, parts)))

        chosen = [arrays[i] for i in smooth]
        blocks, out_structure, aux = compute(of_leaves, chosen, has_aux, name, holomorphic, chunk_size)
        result = tree.unflatten(out_structure, [block(parts) for parts in blocks])
        return (result, aux) if has_aux else result

    return selection.named(jacobian_of_f, f, name)


Blocks = tuple[list[list[Any]], tree.Structure, Any]
"""For each leaf of the output a block for each leaf of the arguments; the output's structure; auxiliary data."""


def _columns(
    f: Callable[[Sequence[Any]], Any],
    leaves: list[Array],
    has_aux: bool,
    name: str,
    holomorphic: bool,
    chunk_size: int | None,
) -> Blocks:
    """The blocks of the Jacobian by forward mode."""

    def push(*tangents: Array) -> Any:
        out = jvp(lambda *xs: f(xs), leaves, tangents, has_aux=has_aux)
        _refuse_integers(tree.leaves(out[0]), name, holomorphic)
        return out[1:] if has_aux else out[1]

    if not leaves:
        out, aux = split_aux(f([]), has_aux)
        outs, out_structure = tree.flatten(out)
        return [[] for _ in outs], out_structure, aux
    pushed = vmap(push, out_axes=(-1, None) if has_aux else -1, chunk_size=chunk_size)(*_basis(leaves))
    out, aux = split_aux(pushed, has_aux)
    outs, out_structure = tree.flatten(out)
    return [_cut(y, leaves, y.ndim - 1) for y in outs], out_structure, aux


def _rows(
    f: Callable[[Sequence[Any]], Any],
    leaves: list[Array],
    has_aux: bool,
    name: str,
    holomorphic: bool,
    chunk_size: int | None,
) -> Blocks:
    """The same by reverse mode."""
    found = vjp(lambda *xs: f(xs), *leaves, has_aux=has_aux)
    outs, out_structure = tree.flatten(found[0])
    outs = _refuse_integers(outs, name, holomorphic)
    if not holomorphic:
        refuse_complex(outs, name, "an output")
    aux = found[2] if has_aux else None
    if not outs:
        return [], out_structure, aux
    pulled = vmap(lambda *cts: found[1](tree.unflatten(out_structure, cts)), chunk_size=chunk_size)(*_basis(outs))
    columns = [_cut(g, outs, 0) for g in pulled]
    return [[column[k] for column in columns] for k in range(len(outs))], out_structure, aux


def _refuse_integers(outs: Sequence[Any], name: str, holomorphic: bool) -> list[Array]:
    """The outputs as arrays that have a derivative."""
    arrays = as_arrays(outs, name, "outputs", "return it by has_aux=True")
    for y in arrays:
        if not is_inexact(y.dtype):
            raise DtypeError(f"{name}: an output is {y.aval}, which has no derivative; return it by has_aux=True")
    if holomorphic:
        refuse_reals(arrays, name, "an output")
    return arrays


def _basis(arrays: Sequence[Array]) -> list[Any]:
    """For each array all basis vectors of the space they span together: shape (total, *shape), a slab of identity."""
    sizes = [x.size for x in arrays]
    total = sum(sizes)
    out, start = [], 0
    for x, n in zip(arrays, sizes, strict=True):
        slab: Any = eye(total, n, k=-start, dtype=x.dtype, device=x.device)
        out.append(slab.reshape(total, *x.shape))
        start += n
    return out


def _cut(y: Any, arrays: Sequence[Array], axis: int) -> list[Any]:
    """An axis over that space cut into one part an array, each unfolded into the array's shape."""
    parts, start = [], 0
    for x in arrays:
        part = y[(slice(None),) * axis + (slice(start, start + x.size),)]
        parts.append(part.reshape((*y.shape[:axis], *x.shape, *y.shape[axis + 1 :])))
        start += x.size
    return parts
