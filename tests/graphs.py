"""Graphs made by hand, an equation a call, and what is compared of their values."""

import numpy as np

from funcgrad.core import PRIMITIVES, Array, Aval, wrap
from funcgrad.graph.check import result_type
from funcgrad.graph.ir import Eqn, Graph, Literal, Number, Var

LINE = (compile("def model(x):\n    return x", "model.py", "exec"), 2)
"""An origin whose text is the same on every machine: model.py:1."""


def array(values, dtype="float32"):
    return wrap(np.array(values, dtype))


class Build:
    """A graph in the making: its inputs' types, then an equation a call.

    >>> g = Build("float32[3]", float)
    >>> print(g.graph(g("multiply", *g.inputs)))
    { lambda a:float32[3] b:float. let
        c:float32[3] = multiply a b
      in (c,) }
    """

    def __init__(self, *types, origin=LINE):
        self.inputs = [Var(kind_of(t)) for t in types]
        self.eqns = []
        self.origin = origin

    def __call__(self, name, /, *operands, **params):
        atoms = [x if isinstance(x, Var) else Literal(x) for x in operands]
        op = PRIMITIVES[name]
        out = Var(result_type(op, atoms, params))
        self.eqns.append(Eqn(op, atoms, params, [out], self.origin))
        return out

    def call(self, op, operands, types):
        """A call with results of these types."""
        atoms = [x if isinstance(x, Var) else Literal(x) for x in operands]
        outs = [Var(kind_of(t)) for t in types]
        self.eqns.append(Eqn(op, atoms, {}, outs, self.origin))
        return outs

    def graph(self, *outputs, name=""):
        atoms = [x if isinstance(x, Var) else Literal(x) for x in outputs]
        return Graph(tuple(self.inputs), tuple(self.eqns), tuple(atoms), name)


def kind_of(t):
    """'float32[2,3]' or a Python type as the type of a variable."""
    if isinstance(t, type):
        return Number(t)
    dtype, _, sizes = t.rstrip("]").partition("[")
    return Aval(tuple(int(n) for n in sizes.split(",") if n), np.dtype(dtype))


def bits(x):
    """What two equal values have equal: dtype, shape and bits, where all NaNs are one."""
    if not isinstance(x, Array):
        return type(x), repr(x)
    data = np.array(x._data, order="C")
    if data.dtype.kind in "fc":
        parts = data.reshape(-1).view(data.real.dtype)
        parts[np.isnan(parts)] = np.nan
    return data.dtype, data.shape, data.tobytes()


def ops(graph):
    """The names of its operations."""
    return [e.op.name for e in graph.eqns]


def body(graph):
    """Its equations, as lines of text."""
    return [line.strip() for line in str(graph).splitlines()[1:-1]]
