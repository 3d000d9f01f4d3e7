"""Is a graph well formed? Asked after staging and after each pass by the tests, and where a program looks wrong."""

from __future__ import annotations

from typing import Any

from ..core import SCALARS, Array, Aval, Primitive, Tracer
from ..provenance import describe
from .ir import Atom, Eqn, Graph, GraphCall, Literal, Names, Number, Type, Var, eqn_lines, type_of

__all__ = ["GraphError", "check", "result_type"]


class GraphError(AssertionError):
    """A graph that is not one: a mistake of funcgrad's own, never of the user's function."""


def check(graph: Graph) -> None:
    """Refuse a graph that could not be evaluated, or whose types are not those of its values.

    Every variable must be made once and before it is used, every literal be a value, and the result of every primitive
    have the type that its `infer` says. A call's results are believed, as nothing infers them.

    Args:
        graph: any.

    Raises:
        GraphError: with the equation's number and text, and the user's line.
    """
    known: set[Var] = set()
    for v in graph.inputs:
        if v in known:
            raise GraphError(f"an input stands twice among {', '.join(repr(v.type) for v in graph.inputs)}")
        known.add(v)
    for number, eqn in enumerate(graph.eqns):
        wrong = wrong_with(eqn, known)
        if wrong is not None:
            raise GraphError(f"{wrong}\n  in equation {number}, {_text(graph, number)}\n  at {describe(eqn.origin)}")
        known.update(eqn.outs)
    for number, atom in enumerate(graph.outputs):
        wrong = wrong_with_atom(atom, known)
        if wrong is not None:
            raise GraphError(f"output {number} {wrong}")


def wrong_with(eqn: Eqn, known: set[Var]) -> str | None:
    """What is wrong with an equation that may read these variables; None if nothing."""
    for number, atom in enumerate(eqn.operands):
        wrong = wrong_with_atom(atom, known)
        if wrong is not None:
            return f"operand {number} {wrong}"
    if len(set(eqn.outs)) != len(eqn.outs) or not known.isdisjoint(eqn.outs):
        return "it makes a variable that has been made before"
    if isinstance(eqn.op, GraphCall):
        return wrong_with_graphs(eqn, eqn.op)
    if not isinstance(eqn.op, Primitive):
        return "a call has no parameters of its own" if eqn.params else None
    if len(eqn.outs) != 1:
        return f"a primitive has one result, and this has {len(eqn.outs)}"
    try:
        expected = result_type(eqn.op, eqn.operands, eqn.params)
    except Exception as error:  # whatever an infer rule says to operands or parameters that it cannot take
        return f"the operands or parameters do not fit: {type(error).__name__}: {error}"
    if expected != eqn.outs[0].type:
        return f"the result is a {expected!r} and its variable says {eqn.outs[0].type!r}"
    return None


def wrong_with_graphs(eqn: Eqn, op: GraphCall) -> str | None:
    """What is wrong with a call of graphs; None if nothing."""
    for graph in op.graphs.values():
        check(graph)
    expected, given = op.operand_types(), [a.type for a in eqn.operands]
    if given != expected:
        return f"the operands are {given} and its graphs take {expected}"
    results, types = [v.type for v in eqn.outs], list(op.infer(given))
    return None if results == types else f"the results are {types} and its variables say {results}"


def wrong_with_atom(atom: Atom, known: set[Var]) -> str | None:
    """What is wrong with an operand or an output; None if nothing."""
    if isinstance(atom, Var):
        return None if atom in known else f"(a {atom.type!r}) is a variable that nothing has made"
    value = atom.value
    if isinstance(value, Tracer):
        return f"is a literal that belongs to a transform: {value!r}"
    if not isinstance(value, Array) and type(value) not in SCALARS:
        return f"is a literal that is neither an array nor a number: {value!r:.60}"
    if atom.type != type_of(value):
        return f"is a literal whose type {atom.type!r} is not that of its value, {type_of(value)!r}"
    return None


def result_type(op: Primitive, operands: tuple[Atom, ...], params: Any) -> Aval:
    """What the primitive's `infer` says of operands; raises what it raises."""
    return op.infer(*map(_stand_in, operands), **params)  # type: ignore[no-any-return]


def _stand_in(atom: Atom) -> Any:
    """An operand as `infer` reads it: the aval of an array; of a number its kind is what counts."""
    found: Type = atom.type
    if not isinstance(found, Number):
        return found
    return atom.value if isinstance(atom, Literal) else found.kind(1)


def _text(graph: Graph, number: int) -> str:
    """The equation as the text of the whole graph has it."""
    names = Names()
    for v in graph.inputs:
        names[v]
    return list(eqn_lines(graph.eqns[: number + 1], names))[number]
