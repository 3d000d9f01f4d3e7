"""Hashable keys of operands, parameters and equations: equal only where evaluating gives the same bits.

Python's own equality will not do: 1 == 1.0 == True though they are different operands, 0.0 == -0.0, NaN differs from
itself, and slices cannot be hashed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from ..core import SCALARS, Array, Call
from .ir import Atom, Eqn, Graph, Var

__all__ = ["atom_key", "eqn_key", "graph_key", "literal_key", "value_key"]

MOST_BYTES = 1024
"""Larger arrays are the same only if they are one object: no pass reads through the weights of a model."""


def value_key(value: Any) -> Hashable:
    """The key of a parameter: a number, a string, a dtype, a device, a slice, or tuples, lists and dicts of them.

    A function, or anything else that cannot be hashed, is equal to itself alone.
    """
    kind = type(value)
    if kind is float:
        return kind, struct.pack("<d", value)
    if kind is complex:
        return kind, struct.pack("<dd", value.real, value.imag)
    if kind is slice:
        return kind, value_key(value.start), value_key(value.stop), value_key(value.step)
    if isinstance(value, tuple | list):
        return kind, *map(value_key, value)
    if isinstance(value, Mapping):
        return kind, *((value_key(k), value_key(v)) for k, v in value.items())
    if isinstance(value, np.ndarray | np.generic):
        return kind, array_key(value)
    if isinstance(value, Array):
        return kind, array_key(value._data)
    try:
        hash(value)
    except TypeError:
        return kind, id(value)
    return kind, value


def array_key(data: Any) -> Hashable:
    """A small NumPy array by its bytes, any other by which object it is."""
    if isinstance(data, np.ndarray | np.generic) and data.nbytes <= MOST_BYTES:
        return data.shape, data.dtype, data.tobytes()
    return id(data)


def literal_key(value: Any) -> Hashable:
    """The key of a literal's value."""
    return value_key(value) if type(value) in SCALARS else array_key(value._data)


def atom_key(atom: Atom) -> Hashable:
    """The key of an operand; a variable is equal to itself alone."""
    return atom if isinstance(atom, Var) else literal_key(atom.value)


def eqn_key(eqn: Eqn, operand: Callable[[Atom], Hashable] = atom_key) -> Hashable | None:
    """The key of what an equation computes; None for a call that is equal to no other.

    Args:
        eqn: any.
        operand: the key of an operand.
    """
    if isinstance(eqn.op, Call):
        if eqn.op.effect or eqn.op.key is None:
            return None
        op: Hashable = (type(eqn.op), eqn.op.key)
    else:
        op = eqn.op
    params = tuple(sorted((name, value_key(value)) for name, value in eqn.params.items()))
    return op, tuple(map(operand, eqn.operands)), params, tuple(v.type for v in eqn.outs)


def graph_key(graph: Graph, whole: bool = True) -> Hashable | None:
    """The key of what a graph computes, under whatever names; None if it holds a call that is equal to no other.

    Args:
        graph: any.
        whole: arrays count by their bytes, however large: two recordings of one function make two graphs. Otherwise
            large ones count by which object they are.
    """
    numbers: dict[Var, int] = {v: i for i, v in enumerate(graph.inputs)}

    def operand(a: Atom) -> Hashable:
        if isinstance(a, Var):
            return numbers[a]
        data = getattr(a.value, "_data", None)
        if whole and isinstance(data, np.ndarray):
            return data.shape, data.dtype, data.tobytes()
        return "literal", literal_key(a.value)

    parts: list[Hashable] = [tuple(v.type for v in graph.inputs)]
    for eqn in graph.eqns:
        key = eqn_key(eqn, operand)
        if key is None:
            return None
        parts.append(key)
        for v in eqn.outs:
            numbers[v] = len(numbers)
    return (*parts, *map(operand, graph.outputs))
