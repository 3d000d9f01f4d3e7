"""What reverse mode keeps between its passes, listed: `saved_residuals` and `print_saved_residuals`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..core import Array, Aval, current_trace, use_trace
from ..dtypes import is_inexact
from ..provenance import location
from .arguments import as_arrays
from .tape import GradTrace, GradTracer, Node, oldest_first

__all__ = ["print_saved_residuals", "saved_residuals"]


def saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> list[tuple[Aval, str]]:
    """The arrays that the tape of f keeps for its backward pass, each once: (shape and dtype, where it comes from).

    Args:
        f: a function of pytrees of arrays; all floating leaves of the arguments are differentiated by.
        *args, **kwargs: its arguments.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.saved_residuals(lambda x: fnp.sin(x) * x, 1.0)[0]
    (float32[], 'from argument 0')
    """
    leaves, structure = tree.flatten((args, kwargs))
    arrays = as_arrays(leaves, "saved_residuals")
    trace = GradTrace(current_trace())
    inputs: list[Any] = [trace.lift(x) if is_inexact(x.dtype) else x for x in arrays]
    paths = [path for path, _ in tree.flatten_with_path((args, kwargs))[0]]
    with use_trace(trace):
        given, named = tree.unflatten(structure, inputs)
        out = f(*given, **named)
    roots = [x.node for x in tree.leaves(out) if type(x) is GradTracer and x.owner is trace]
    places = {id(x): f"from argument {_argument(path)}" for x, path in zip(arrays, paths, strict=True)}
    found: dict[int, tuple[Array, str]] = {}
    for node in oldest_first(roots):
        for x, parent in zip(node.args, node.parents, strict=False):
            if isinstance(x, Array):
                found.setdefault(id(x), (x, places.get(id(x)) or _made_by(parent)))
        if isinstance(node.out, Array):
            found[id(node.out)] = node.out, _made_by(node)
        for x, words in getattr(node.primitive, "residuals", ()):
            found.setdefault(id(x), (x, places.get(id(x)) or words))
    return [(x.aval, words) for x, words in found.values()]


def print_saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print what `saved_residuals` lists, a line each.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.print_saved_residuals(fg.checkpoint(lambda x: fnp.sin(fnp.sin(x))), 1.0)
    float32[] from argument 0
    """
    for aval, words in saved_residuals(f, *args, **kwargs):
        print(aval, words)


def _made_by(node: Node | None) -> str:
    if node is None or node.primitive is None:
        return "a constant"
    file, line = location((node.code, node.lasti))
    return f"output of {node.primitive.name} at {file}:{line}"


def _argument(path: str) -> str:
    """'[0][1]['w']' as "1['w']", and '[1]['x']' as "'x'"."""
    place, _, rest = path[4:].partition("]")
    return f"{place}{rest}"
