"""The graph: what a function did to its inputs, one equation an operation.

    { lambda a:float32[3] b:float32[3]. let
        c:float32[3] = multiply a b
        d:float32[] = sum[axes=(0,)] c
      in (d,) }

An equation names an operation, its operands and its results. Operands are variables or literals (Python numbers, and
arrays that the function made or found without its inputs). A variable is made by one equation, before it is used: so a
graph can be read from top to bottom, and evaluated so.

A Python number among the inputs is a variable too. It stays what it is, a weak number that takes the dtype of the array
beside it; its type is its `Number` instead of a shape and a dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ..core import Array, Aval, Call, Params, Primitive, bind, bind_call, current_trace
from ..device import Device, bytes_of, device_of, namespace
from ..provenance import Origin, here

__all__ = ["Atom", "Eqn", "Graph", "GraphCall", "Literal", "Number", "Type", "Var", "evaluate", "type_of", "used_by"]


class Number:
    """The type of a variable that is a Python number: bool, int, float or complex."""

    __slots__ = ("kind",)

    def __init__(self, kind: type):
        self.kind = kind

    shape: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return self.kind.__name__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.kind is other.kind

    def __hash__(self) -> int:
        return hash(self.kind)


Type: TypeAlias = Aval | Number


class Var:
    """A value that an equation makes or that the graph is given; two are the same only if they are one object."""

    __slots__ = ("type",)

    def __init__(self, type: Type):
        self.type = type

    def __repr__(self) -> str:
        return f"Var({self.type})"


class Literal:
    """A value that does not depend on the inputs: a Python number, or an array."""

    __slots__ = ("type", "value")

    def __init__(self, value: Any):
        self.value = value
        self.type: Type = value.aval if isinstance(value, Array) else Number(type(value))

    def same(self, other: Literal) -> bool:
        """Do they stand for the same bits?"""
        mine, others = self.value, other.value
        if mine is others:
            return True
        if self.type != other.type:
            return False
        if not isinstance(mine, Array):
            return repr(mine) == repr(others)  # -0.0 is not 0.0, and NaN is NaN
        a, b = mine._data, others._data
        if type(a) is not type(b):
            return False
        if isinstance(device_of(a), Device):
            return bytes_of(a) == bytes_of(b)
        return bool(namespace(a).all(a == b))  # of a module that may have no way to the host

    def __repr__(self) -> str:
        return f"Literal({self.value!r})"


Atom: TypeAlias = Var | Literal


class Eqn:
    """One operation: what is computed, of which operands, under which names, and where the user wrote it.

    Args:
        op: a primitive, with one result; or a `Call`, with several.
        operands: variables and literals.
        params: the primitive's keyword parameters; empty for a call.
        outs: the variables it makes.
        origin: the user's line.
    """

    __slots__ = ("op", "operands", "origin", "outs", "params")

    def __init__(
        self,
        op: Primitive | Call,
        operands: Sequence[Atom],
        params: Params,
        outs: Sequence[Var],
        origin: Origin,
    ):
        self.op, self.operands, self.params, self.outs, self.origin = op, tuple(operands), params, tuple(outs), origin

    def evaluate(self, values: Sequence[Any]) -> Sequence[Any]:
        """The results, of the operands' values (arrays and Python numbers), under the current trace."""
        if isinstance(self.op, Primitive):
            return (bind(current_trace(), self.op, values, self.params),)
        return bind_call(current_trace(), self.op, values)

    def replaced(self, operands: Sequence[Atom], outs: Sequence[Var] | None = None) -> Eqn:
        """The same operation on other operands, and perhaps under other names."""
        return Eqn(self.op, operands, self.params, self.outs if outs is None else outs, self.origin)

    def __repr__(self) -> str:
        return f"Eqn({self.op.name})"


@dataclass(frozen=True, slots=True)
class Graph:
    """A function of arrays as equations.

    Args:
        inputs: the variables it is given.
        eqns: in an order in which each finds its operands made.
        outputs: variables and literals.
    """

    inputs: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    outputs: tuple[Atom, ...]
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return graph_text(self)

    __repr__ = __str__


class GraphCall(Call):
    """A call of functions that are graphs themselves: a loop with its body, a branch with its cases.

    Args:
        graphs: the functions, by the names that the text has for them.
        settings: what else it depends on.
    """

    opaque = True

    def __init__(self, graphs: Mapping[str, Graph], settings: Mapping[str, Any]):
        self.graphs, self.settings = graphs, settings

    def each(self, change: Callable[[Graph], Graph]) -> GraphCall:
        """The same call of other graphs, which take and return the same types."""
        raise NotImplementedError

    @property
    def checks(self) -> bool:
        """Does one of its graphs do what raises an error for some values? (`Primitive.checks`)"""
        ops = [eqn.op for graph in self.graphs.values() for eqn in graph.eqns]
        return any(op.checks for op in ops if isinstance(op, Primitive | GraphCall))

    def operand_types(self) -> list[Type]:
        """The types of its operands."""
        raise NotImplementedError

    def alone(self) -> Graph:
        """The graph of this call and nothing else."""
        inputs = [Var(t) for t in self.operand_types()]
        outs = [Var(t) for t in self.infer(self.operand_types())]
        return Graph(tuple(inputs), (Eqn(self, inputs, {}, outs, here()),), tuple(outs))


def evaluate(graph: Graph, values: Sequence[Any]) -> list[Any]:
    """The outputs, equation by equation: what every other way to run a graph is held against.

    Args:
        graph: any.
        values: one for each input: arrays, and Python numbers for `Number`s.
    """
    env: dict[Var, Any] = dict(zip(graph.inputs, values, strict=True))

    def read(atom: Atom) -> Any:
        return env[atom] if isinstance(atom, Var) else atom.value

    for eqn in graph.eqns:
        env.update(zip(eqn.outs, eqn.evaluate([read(a) for a in eqn.operands]), strict=True))
    return [read(a) for a in graph.outputs]


def used_by(eqns: Sequence[Eqn], outputs: Sequence[Atom] = ()) -> dict[Var, int]:
    """How often each variable is read, by equations and as an output."""
    counts: dict[Var, int] = {}
    for atoms in (*(e.operands for e in eqns), outputs):
        for a in atoms:
            if isinstance(a, Var):
                counts[a] = counts.get(a, 0) + 1
    return counts


def type_of(x: Any) -> Type:
    """The type of a value: of an array its shape and dtype."""
    return x.aval if isinstance(x, Array) else Number(type(x))


# ---- text ---------------------------------------------------------------------------------------


def letters(n: int) -> str:
    """a, b, ..., z, ba, bb, ...: the name of the n-th variable."""
    text = ""
    while True:
        n, rest = divmod(n, 26)
        text = chr(ord("a") + rest) + text
        if n == 0:
            return text


class Names(dict[Var, str]):
    """Variables named in the order in which they are first asked for."""

    def __missing__(self, var: Var) -> str:
        self[var] = name = letters(len(self))
        return name


def graph_text(graph: Graph) -> str:
    """The graph in words: the same graph gives the same text, on every machine."""
    names = Names()
    inputs = " ".join(f"{names[v]}:{v.type!r}" for v in graph.inputs)
    lines = [f"    {line}" for text in eqn_lines(graph.eqns, names) for line in text.split("\n")]
    outputs = ", ".join(atom_text(a, names) for a in graph.outputs) + ("," if len(graph.outputs) == 1 else "")
    head = f"{{ lambda {inputs}. let" if inputs else "{ lambda. let"
    return "\n".join([head, *lines, f"  in ({outputs}) }}"])


def eqn_lines(eqns: Sequence[Eqn], names: Names) -> Iterator[str]:
    """Each equation as a line, and in the lines below it the graphs that it calls."""
    for eqn in eqns:
        operands = "".join(" " + atom_text(a, names) for a in eqn.operands)
        params = params_text(eqn)
        outs = " ".join(f"{names[v]}:{v.type!r}" for v in eqn.outs)
        text = f"{outs} = {eqn.op.name}{f'[{params}]' if params else ''}{operands}"
        if isinstance(eqn.op, GraphCall):
            for name, graph in eqn.op.graphs.items():
                text += "\n" + "\n".join(f"    {line}" for line in f"{name} {graph}".split("\n"))
        yield text


def params_text(eqn: Eqn) -> str:
    """The parameters of a primitive, or what a call of graphs depends on."""
    params = eqn.op.settings if isinstance(eqn.op, GraphCall) else eqn.params
    return ", ".join(f"{k}={param_text(v)}" for k, v in params.items())


def atom_text(atom: Atom, names: Names) -> str:
    """A variable's name; a number; an array by its type, and its value where that is one number."""
    if isinstance(atom, Var):
        return names[atom]
    if not isinstance(atom.value, Array):
        return repr(atom.value)
    data = getattr(atom.value, "_data", None)  # a tracer has none; `check` says that it should not be here
    if atom.type.shape == () and isinstance(data, np.ndarray):
        return f"{data.item()!r}:{atom.type!r}"
    return f"const:{atom.type!r}"


def param_text(value: Any) -> str:
    """A parameter as a user would type it."""
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, slice):
        start, stop, step = ("" if v is None else str(v) for v in (value.start, value.stop, value.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(value, tuple | list):
        inside = ", ".join(map(param_text, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return repr(value)
