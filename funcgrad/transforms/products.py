"""Second derivatives without their matrices, and derivatives of elementwise functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..errors import OptionError, ShapeError, TreeError
from ..numpy.creation import asarray, eye, ones_like, zeros_like
from .arguments import OF_ARGNUMS, OMITTED, Selection, as_arrays, described, refuse_value, select, takes_function
from .grad import grad, vjp
from .jvp import jvp
from .vmap import vmap

__all__ = ["elementwise_grad", "fisher_diag", "ggnvp", "hessian_diag", "hvp"]


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False) -> Any:
    """The Hessian of f times a vector: forward mode over the gradient, at a small multiple of the gradient's cost.

    With H the matrix of second derivatives in all arguments together, it is H v.

    Args:
        f: a function of pytrees of arrays whose value is one real number.
        primals: its arguments, a sequence.
        tangents: v, in the primals' structure; `vmap` over it for several.
        has_aux: f returns (value, auxiliary data), and the result is (H v, aux).

    Returns:
        A tuple with an entry of its structure for each primal.

    Raises:
        NonScalarError: f's output is not one number.
        TreeError, ShapeError, DtypeError: primals and tangents do not fit each other.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> x, v = fnp.asarray([1.0, 2.0]), fnp.asarray([1.0, 0.0])
    >>> fg.hvp(lambda x: x[0] ** 2 * x[1], (x,), (v,))[0].tolist()
    [4.0, 2.0]

    Source: Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6 (1994).
    """
    refuse_value(f, "hvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TreeError("hvp takes the primals and the tangents as tuples: hvp(f, (x,), (v,))")
    gradient = grad(f, argnums=tuple(range(len(primals))), has_aux=has_aux)
    _, product, *aux = jvp(gradient, tuple(primals), tuple(tangents), has_aux=has_aux)
    return (product, *aux) if has_aux else product


def ggnvp(
    f: Callable[..., Any], loss: Callable[[Any], Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, ...]:
    """The generalised Gauss-Newton matrix of loss(f(...)) times a vector.

    With J the Jacobian of f and H the Hessian of the loss at f's output, it is J^T H J v: the Hessian without f's
    own curvature, which is positive semidefinite where the loss is convex.

    Args:
        f: a function of pytrees of arrays, such as a network of its parameters.
        loss: a function of f's output whose value is one real number.
        primals: f's arguments, a sequence.
        tangents: v, in the primals' structure.

    Returns:
        A tuple with an entry of its structure for each primal.

    >>> import funcgrad as fg
    >>> float(fg.ggnvp(lambda w: w ** 2, lambda y: y ** 2, (3.0,), (1.0,))[0])
    72.0

    Source: Schraudolph, Fast curvature matrix-vector products, Neural Computation 14 (2002).
    """
    refuse_value(f, "ggnvp")
    refuse_value(loss, "ggnvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TreeError("ggnvp takes the primals and the tangents as tuples: ggnvp(f, loss, (x,), (v,))")
    out, pushed = jvp(f, tuple(primals), tuple(tangents))
    (curved,) = hvp(loss, (out,), (pushed,))
    return vjp(f, *primals)[1](curved)  # type: ignore[no-any-return]


@takes_function
def hessian_diag(f: Callable[..., Any] = OMITTED, *, chunk_size: int | None = None) -> Callable[[Any], Any]:
    """A function that returns the diagonal of f's Hessian, one product a number, without the matrix.

    Args:
        f: a function of one pytree of arrays whose value is one real number.
        chunk_size: how many products to take at a time; all where it is not given.

    Returns:
        A function of that pytree that returns one of its structure and shapes.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.hessian_diag(lambda x: (x ** 3).sum())(fnp.asarray([1.0, 2.0])).tolist()
    [6.0, 12.0]
    """

    def diagonal(x: Any) -> Any:
        leaves, structure = tree.flatten(x)
        arrays: list[Any] = as_arrays(leaves, "hessian_diag")
        sizes = [a.size for a in arrays]

        def entry(k: int) -> Callable[[Any], Any]:
            def one(direction: Any) -> Any:
                tangents = [zeros_like(a) for a in arrays]
                tangents[k] = direction
                (product,) = hvp(f, (tree.unflatten(structure, arrays),), (tree.unflatten(structure, tangents),))
                return (tree.leaves(product)[k] * direction).sum()

            return one

        out = []
        for k, (a, n) in enumerate(zip(arrays, sizes, strict=True)):
            rows: Any = eye(n, dtype=a.dtype, device=a.device)
            rows = rows.reshape((n, *a.shape))
            out.append(vmap(entry(k), chunk_size=chunk_size)(rows).reshape(a.shape) if n else zeros_like(a))
        return tree.unflatten(structure, out)

    return diagonal


def fisher_diag(f: Callable[..., Any], *, chunk_size: int | None = None) -> Callable[..., Any]:
    """A function that returns the diagonal of the empirical Fisher information, from the gradient of each example.

    For f = -log p of one example it is the mean over the examples of (df/dparams)^2, of one observation then; that of
    n independent ones is n times it. The square of a batch's gradient is another number, in which examples cancel.

    Args:
        f: (params, *example) -> the negative log-likelihood of one example, one real number; params is a pytree.
        chunk_size: how many examples to take at a time; all where it is not given. The gradients of all examples of a
            chunk are held together.

    Returns:
        A function of (params, *examples), pytrees of arrays that have the examples as their first axis, None for what
        f does not need; it returns a tree of params' structure and shapes, real where params is complex.

    Raises:
        ShapeError: there is no example, or the examples are not as many in all arrays.
        NonScalarError: f's output is not one number.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> nll = lambda w, x, y: (w * x - y) ** 2 / 2
    >>> float(fg.fisher_diag(nll)(0.0, fnp.asarray([1.0, 2.0]), fnp.asarray([1.0, -1.0])))     # (1 + 4) / 2
    2.5

    Source: Kunstner, Balles and Hennig, Limitations of the empirical Fisher approximation for natural gradient
    descent, NeurIPS 2019.
    """
    gradient = grad(f)

    def squares(params: Any, *examples: Any) -> Any:
        return tree.map(lambda g: abs(g) ** 2, gradient(params, *examples))

    def diagonal(params: Any, *examples: Any) -> Any:
        arrays: list[Any] = as_arrays(tree.leaves(examples), "fisher_diag")
        sizes = {a.shape[0] if a.ndim else None for a in arrays}
        if len(sizes) != 1 or not (sizes - {0, None}):
            raise ShapeError(
                "fisher_diag: the examples are the first axis of all arrays after params, as many in each and at least "
                f"one; these are {[a.aval for a in arrays]}"
            )
        size: int = arrays[0].shape[0]
        examples = tree.unflatten(tree.structure(examples), arrays)
        chunk = size if chunk_size is None else chunk_size
        if isinstance(chunk, bool) or not isinstance(chunk, int | np.integer) or chunk < 1:
            raise OptionError(f"fisher_diag: chunk_size must be a positive int, not {chunk_size!r}")
        total = None
        for start in range(0, size, chunk):
            rows = tree.map(lambda a, start=start: a[start : start + chunk], examples)
            found = vmap(squares, in_axes=(None, *[0] * len(rows)))(params, *rows)
            part = tree.map(lambda g: g.sum(axis=0), found)
            total = part if total is None else tree.map(lambda a, b: a + b, total, part)
        return tree.map(lambda a: a / size, total)

    return Selection.named(diagonal, f, "fisher_diag")


@takes_function
def elementwise_grad(
    f: Callable[..., Any] = OMITTED,
    argnums: int | Sequence[int] | None = None,
    *,
    argnames: str | Sequence[str] | None = None,
) -> Callable[..., Any]:
    """A function that returns the derivative of each element of f's output by the same element of an argument.

    For a function that acts on each element by itself; of any other it is the sum of each column of the Jacobian.

    Args:
        f: a function whose output is one array.
        argnums, argnames: which arguments to differentiate by, as for `grad`.

    Returns:
        A function of f's arguments; the derivative has the argument's shape.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.elementwise_grad(lambda x: x ** 2)(fnp.asarray([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """
    selection = select(argnums, argnames, "elementwise_grad")

    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = selection.bind(f, args, kwargs)
        call.refuse_integers(as_arrays(tree.leaves(call.chosen), "elementwise_grad", advice=OF_ARGNUMS))
        out, pull = vjp(lambda *chosen: call(chosen), *call.chosen)
        if not tree.structure(out).is_leaf():
            raise ShapeError(f"elementwise_grad: the function must return one array, not {described(out)}")
        return call.result(pull(ones_like(asarray(out))))

    return Selection.named(derivative, f, "elementwise_grad")
