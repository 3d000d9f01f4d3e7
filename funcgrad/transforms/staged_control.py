"""`scan`, `while_loop`, `fori_loop`, `cond` and `switch` as operations of a record, where they can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Aval, bind_call, current_trace
from ..dtypes import is_boolean, is_inexact, is_integer
from ..graph.ir import Atom, Graph, Literal, Number, Type, Var, type_of
from ..numpy.creation import asarray
from .body import Unrollable, staged_body
from .branch import Branch
from .loop import Scan, beside
from .while_call import While, is_rolled

__all__ = ["staged_branch", "staged_scan", "staged_while"]


def staged_scan(
    step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any, count: int, reverse: bool = False
) -> tuple[Any, Any]:
    """(last carry, results of all steps) of a loop over rows, as one operation.

    Args:
        step: (carry, row) -> (next carry, result), pytrees of arrays.
        carry: the `Carry`, whose `next` has checked the first of these.
        xs: a pytree of arrays with so many rows.
        count: how many steps.
        reverse: begin with the last row.

    Raises:
        Unrollable: a step asks for values, or acts.
    """
    arrays, structure = tree.flatten(xs)
    size = len(carry.forms)
    y_structure: Any = None

    def body(given: Sequence[Any]) -> list[Any]:
        nonlocal y_structure
        value = tree.unflatten(carry.structure, given[:size])
        value, y = step(value, tree.unflatten(structure, given[size:]))
        ys, y_structure = tree.flatten(y)
        return [*tree.leaves(value), *ys]

    rows = [Aval(x.shape[1:], x.dtype) for x in arrays]
    graph, consts = carry.settle(lambda first: staged(body, tree.leaves(first), rows, arrays))
    first = tree.leaves(carry.first)
    call = Scan(graph, len(consts), size, count, reverse)
    outs = bind_call(current_trace(), call, [*consts, *first, *arrays])
    return tree.unflatten(carry.structure, outs[:size]), tree.unflatten(y_structure, outs[size:])


def staged_while(cond: Callable[[Any], Any], body: Callable[[Any], Any], carry: Any) -> Any:
    """The last value of a loop, as one operation.

    Args:
        cond: value -> a boolean without dimensions.
        body: value -> the next one.
        carry: the `Carry`.

    Raises:
        Unrollable: the loop asks for values by itself, acts, or is not to be one operation of some transform.
    """
    if not is_rolled():
        raise Unrollable("a transform makes no loop of it")
    forms = list(carry.forms)

    def condition(leaves: Sequence[Any]) -> list[Any]:
        flag = asarray(cond(tree.unflatten(carry.structure, leaves)))
        if flag.shape:
            raise Unrollable("its condition has dimensions")
        return [flag if is_boolean(flag.dtype) else flag != 0]

    def step(leaves: Sequence[Any]) -> list[Any]:
        return tree.leaves(carry.next(body(tree.unflatten(carry.structure, leaves))))

    found = carry.settle(lambda first: staged(step, tree.leaves(first)))
    if carry.forms != forms:
        raise Unrollable("without a step its result is of another dtype")
    first = tree.leaves(carry.first)
    graphs, consts = together([staged(condition, first), found], len(first))
    call = While(graphs[0], graphs[1], len(consts))
    return tree.unflatten(carry.structure, bind_call(current_trace(), call, [*consts, *first]))


def staged(
    f: Callable[[Sequence[Any]], Sequence[Any]], first: Sequence[Any], rows: Sequence[Aval] = (), arrays: Any = ()
) -> tuple[Graph, list[Any]]:
    """`staged_body` of a carry, and of the rows of arrays."""
    return staged_body(f, [*(x.aval for x in first), *rows], beside([*first, *arrays]))


def staged_branch(index: Any, branches: Sequence[Callable[[], Any]]) -> Any:
    """The value of the branch that an index names, as one operation.

    Args:
        index: a boolean, or an integer within range.
        branches: functions without arguments; their values must have one structure, and equal shapes and dtypes.

    Raises:
        Unrollable: they have not, or a branch asks for values or acts.
    """
    structures: list[Any] = []

    def case(branch: Callable[[], Any]) -> Callable[[Sequence[Any]], list[Any]]:
        def run(_: Sequence[Any]) -> list[Any]:
            outs, structure = tree.flatten(branch())
            structures.append(structure)
            return outs

        return run

    found = [staged_body(case(branch), [], beside([index])) for branch in branches]
    if any(s != structures[0] for s in structures):
        raise Unrollable("its branches return different structures")
    cases, operands = together(found, 0)
    columns = [alike(column) for column in zip(*(graph.outputs for graph in cases), strict=True)]
    cases = [
        Graph(graph.inputs, graph.eqns, tuple(column[k] for column in columns), graph.name)
        for k, graph in enumerate(cases)
    ]
    outs = bind_call(current_trace(), Branch(cases, type_of(index)), [index, *operands])
    return tree.unflatten(structures[0], outs)


def alike(atoms: Sequence[Atom]) -> list[Atom]:
    """One result of all branches; a Python number takes the dtype that the others have, as a loop's carry does."""
    arrays = [a.type for a in atoms if not isinstance(a.type, Number)]
    if not arrays or any(t != arrays[0] for t in arrays):
        raise Unrollable("its branches return different shapes or dtypes, or numbers alone")
    found: list[Atom] = []
    for a in atoms:
        if isinstance(a.type, Number):
            exact = is_inexact(arrays[0].dtype) or (a.type.kind in (bool, int) and is_integer(arrays[0].dtype))
            if isinstance(a, Var) or arrays[0].shape or a.type.kind is complex or not exact:
                raise Unrollable("its branches return different dtypes")
            a = Literal(asarray(a.value, arrays[0].dtype))
        found.append(a)
    return found


def together(found: Sequence[tuple[Graph, list[Any]]], count: int) -> tuple[list[Graph], list[Any]]:
    """Graphs of different values from outside as graphs of all of these; the last `count` inputs are their own."""
    every = list({id(x): x for _, captured in found for x in captured}.values())
    graphs = []
    for graph, captured in found:
        own = dict(zip(map(id, captured), graph.inputs, strict=False))
        types: list[Type] = [type_of(x) for x in every]
        inputs = [own.get(id(x)) or Var(t) for x, t in zip(every, types, strict=True)]
        graphs.append(Graph((*inputs, *graph.inputs[len(captured) :]), graph.eqns, graph.outputs, graph.name))
    assert all(len(g.inputs) == len(every) + count for g in graphs)
    return graphs, every
