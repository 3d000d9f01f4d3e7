"""Linear functions: a function's linearisation (`linearize`), and the transpose of a linear one (`linear_transpose`).

Both come from the tape. Walking it backward is linear in the cotangent, so that walk, put on a tape itself and walked
backward, is the linearisation: J is the transpose of J^T.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from .. import tree
from ..core import Aval, current_trace, use_trace
from ..dtypes import is_inexact
from ..errors import DtypeError, OptionError, TreeError
from ..numpy.creation import arange, asarray, ones_like, zeros, zeros_like
from ..provenance import describe
from .arguments import as_arrays, directions, placed, refuse_value, split_aux
from .grad import vjp
from .tape import GradTrace, GradTracer, backward, value_readers

__all__ = ["linear_transpose", "linearize"]


def linearize(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of f and its linearisation there: a function from tangents of the arguments to that of the output.

    With J the Jacobian of f at the primals, it is t -> J t. f runs once, however often that is called; for one
    direction `jvp` takes less memory.

    Args:
        f: a function of pytrees of arrays.
        *primals: its arguments.
        has_aux: f returns (output, auxiliary data); the data come back as they are.

    Returns:
        (output, f_jvp), or (output, f_jvp, aux). f_jvp takes a tangent for each primal, in its structure; None is
        zero, and the only tangent of integers.

    Raises:
        TreeError, ShapeError, DtypeError: tangents do not fit the primals.

    >>> import funcgrad as fg
    >>> y, push = fg.linearize(lambda x: x ** 3, 2.0)
    >>> float(y), float(push(1.0)), float(push(2.0))
    (8.0, 12.0, 24.0)

    Source: Townsend, A new trick for calculating Jacobian vector products, 2017.
    """
    refuse_value(f, "linearize")
    leaves, structure = tree.flatten(primals)
    leaves = as_arrays(leaves, "linearize")
    smooth = [i for i, x in enumerate(leaves) if is_inexact(x.dtype)]

    def of_smooth(*given: Any) -> Any:
        whole = placed(leaves, smooth, given)
        return f(*tree.unflatten(structure, whole))

    out, pull, *aux = vjp(of_smooth, *[leaves[i] for i in smooth], has_aux=has_aux)
    outs, out_structure = tree.flatten(out)
    moving = [k for k, y in enumerate(outs) if is_inexact(asarray(y).dtype)]

    def back(*cts: Any) -> list[Any]:
        whole: list[Any] = [None] * len(outs)
        for k, ct in zip(moving, cts, strict=True):
            whole[k] = ct
        return list(pull(tree.unflatten(out_structure, whole)))

    _, push = vjp(back, *[zeros_like(outs[k]) for k in moving])
    avals = tree.unflatten(structure, [x.aval for x in leaves])

    def f_jvp(*tangents: Any) -> Any:
        found = directions(avals, tangents, "linearize", "primal", "tangent")
        given = [zeros_like(leaves[i]) if found[i] is None else found[i] for i in smooth]
        pushed: list[Any] = [zeros_like(asarray(y)) for y in outs]
        for k, t in zip(moving, push(given), strict=True):
            pushed[k] = t
        return tree.unflatten(out_structure, pushed)

    return (out, f_jvp, *aux)


def linear_transpose(f: Callable[..., Any], *primals: Any) -> Callable[[Any], Any]:
    """The transpose of a linear function: from cotangents of the output to those of the arguments.

    With f(x) = A x it is ct -> A^T ct; f is read off its tape at x = 0.

    Args:
        f: a linear function of pytrees of arrays.
        *primals: arguments like those f is to take: arrays, or anything with a shape and a dtype; values do not matter.

    Returns:
        A function of one cotangent, of the output's structure, that returns a tuple with one for each argument.

    Raises:
        OptionError: f is not linear; the message names the operation and the line, or what f(0) is.
        DtypeError: an argument holds integers.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> transpose = fg.linear_transpose(lambda x: fnp.stack([x[0] + x[1], 3 * x[1]]), fnp.ones(2))
    >>> transpose(fnp.asarray([1.0, 10.0]))[0].tolist()
    [1.0, 31.0]
    """
    refuse_value(f, "linear_transpose")
    leaves, structure = tree.flatten(primals, is_leaf=_has_form)
    forms = [x if _has_form(x) else asarray(x) for x in leaves]
    for x in forms:
        if not is_inexact(np.dtype(x.dtype)):
            raise DtypeError(f"linear_transpose: an argument is {Aval(x.shape, np.dtype(x.dtype))}; give floats")
    trace = GradTrace(current_trace())
    inputs = [trace.lift(zeros(x.shape, x.dtype)) for x in forms]
    with use_trace(trace):
        out = split_aux(f(*tree.unflatten(structure, inputs)), False)[0]
    outs, out_structure = tree.flatten(out)
    nodes = [x.node if type(x) is GradTracer and x.owner is trace else None for x in outs]
    plain = [asarray(x.inner if node is not None else x) for x, node in zip(outs, nodes, strict=True)]
    readers = value_readers([n for n in nodes if n is not None])
    if readers and not _has_one_slope(f, forms, structure):  # of what a call returns only the numbers tell
        node = readers[0]
        assert node.primitive is not None
        raise OptionError(
            f"linear_transpose: the function is not linear: {node.primitive.name} depends on its argument's value\n"
            f"  at {describe((node.code, node.lasti))}"
        )
    for y in plain:
        if bool((y != 0).any()):
            raise OptionError(f"linear_transpose: the function is not linear: of zeros it is {y}")
    avals = tree.unflatten(out_structure, [y.aval for y in plain])

    def transposed(ct: Any) -> Any:
        cts = directions(avals, ct, "linear_transpose", "output", "cotangent")
        pairs = [(n, c) for n, c in zip(nodes, cts, strict=True) if n is not None and c is not None]
        found = backward([n for n, _ in pairs], [c for _, c in pairs], [x.node for x in inputs])
        return tree.unflatten(
            structure, [zeros(x.shape, x.dtype) if g is None else g for x, g in zip(forms, found, strict=True)]
        )

    return transposed


def _has_one_slope(f: Callable[..., Any], forms: list[Any], structure: tree.Structure) -> bool:
    """Is the derivative of f the same at zero and elsewhere?"""
    found = []
    for scale in (0.0, 0.7, -1.3):
        points = [scale * (1 + arange(asarray(zeros(x.shape, x.dtype)).size, dtype=x.dtype)) for x in forms]
        whole = [p.reshape(x.shape) for p, x in zip(points, forms, strict=True)]
        out, pull = vjp(f, *tree.unflatten(structure, whole))
        found.append(tree.leaves(pull(tree.map(lambda y: ones_like(asarray(y)), out))))
    return all(
        bool(((abs(a) < inf) & (abs(a - b) <= 1e-5 * (abs(a) + abs(b)))).all())
        for other in found[1:]
        for a, b in zip(found[0], other, strict=True)
    )


def _has_form(x: Any) -> bool:
    if isinstance(x, type) or not (hasattr(x, "shape") and hasattr(x, "dtype")):
        return False
    if not isinstance(x.shape, tuple):
        raise TreeError(f"linear_transpose: the shape of an argument must be a tuple, not {x.shape!r}")
    return True
