"""Random graphs: every pass keeps every bit of the results, and what it makes is a graph.

Hypothesis draws a seed, and Python's generator the graph: its choices are uniform. Hypothesis's own like to repeat
themselves, and in 600 graphs missed each of three wrong rules that these find: x + 0.0, and complex x * 1 and x * -1.
"""

import math
import random

import numpy as np
import pytest
from graphs import LINE, Build, bits
from hypothesis import given, settings
from hypothesis import strategies as st

from funcgrad.core import Array, Aval, Call
from funcgrad.graph.check import check
from funcgrad.graph.ir import Var, evaluate
from funcgrad.graph.passes import common_subexpressions, dead_code, exact_algebra, fold_constants, simplify

PASSES = [common_subexpressions, dead_code, exact_algebra, fold_constants, simplify]

DTYPES = ["float32", "float32", "float64", "float16", "complex64", "complex64", "int32", "int8", "uint8", "bool"]
SHAPES = [(), (6,), (6,), (2, 6), (1, 6), (2, 1), (6, 6), (2, 3, 2), (0, 6)]
SPECIAL = [0.0, -0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-45, 6e-8, -3e-39, 0.1, 3e38, 2.0]

UNARY = {
    "f": ["negative", "negative", "abs", "square", "floor", "sign", "stop_gradient", "reciprocal"],
    "c": ["negative", "conj", "stop_gradient"],
    "i": ["negative", "negative", "abs", "square", "bitwise_invert", "sign"],
    "u": ["negative", "abs", "square", "bitwise_invert"],
    "b": ["logical_not"],
}
BINARY = {
    "f": ["add", "subtract", "multiply", "divide", "add", "subtract", "multiply", "divide", "less"],
    "c": ["add", "subtract", "multiply", "divide"],
    "i": ["add", "subtract", "multiply", "bitwise_and", "bitwise_or", "less"],
    "u": ["add", "subtract", "multiply", "bitwise_and", "bitwise_or", "less"],
    "b": ["logical_and", "logical_or"],
}
NUMBERS = {
    "f": [1, 1.0, -1, -1.0, 0, 0.0, -0.0, 2, 0.5, -4.0, 3.0, math.nan, math.inf, True],
    "c": [1, -1, 0.0, -0.0, 2.0, 1j, 1 + 0j],
    "i": [1, -1, 0, 2, 3, True],
    "u": [1, 0, 2, 3, False],
    "b": [True, False],
}
WIDER = {"float16": "float32", "float32": "float64", "complex64": "complex128", "int8": "int32", "uint8": "int32"}
STEPS = ["unary", "binary", *["number"] * 4, "where", "turn", "shape", "dtype", "constant", "call"]
# What NumPy computes one way for packed elements and another for others: a sum in another order, a maximum of 0.0 and
# -0.0 that is the first or the second, a function whose last bit depends on the loop that was chosen, the square of an
# infinite complex number.
BY_LAYOUT = ["sum", "prod", "max", "maximum", "exp", "pow", "square"]


class Twice(Call):
    name, key = "twice", "twice"

    def evaluate(self, args):
        return [args[0], args[0]]


class Programs:
    """Draws the equations of a graph one by one, out of the variables that there are."""

    def __init__(self, seed, extra=()):
        self.random, self.extra = random.Random(seed), extra
        types = [(self.pick(DTYPES), self.pick(SHAPES)) for _ in range(self.pick([1, 2, 3]))]
        self.build = Build(*[f"{d}[{','.join(map(str, s))}]" for d, s in types], float, origin=LINE)
        self.arrays = self.build.inputs[:-1]

    def pick(self, choices):
        return self.random.choice(choices)

    def operand(self, x):
        """Something that meets x in x's dtype: a number, or an array that broadcasts with it."""
        kind, fitting = x.type.dtype.kind, [v for v in self.arrays if self.fits(x, v)]
        which = self.pick(["number", "array", "array", "scalar", "input"])
        if which == "input" and kind in "fc":
            return self.build.inputs[-1]
        if which == "array":
            return self.pick(fitting)
        number = self.pick(NUMBERS[kind])
        return number if which != "scalar" else Array(np.asarray(number).astype(x.type.dtype))

    @staticmethod
    def fits(x, v):
        if v.type.dtype != x.type.dtype:
            return False
        try:
            np.broadcast_shapes(x.type.shape, v.type.shape)
        except ValueError:
            return False
        return True

    def step(self):
        g, x = self.build, self.pick(self.arrays[-2:] + self.arrays)
        kind, shape = x.type.dtype.kind, x.type.shape
        what = self.pick(
            ["unary", "binary", "binary", "where", "shape", "shape", "dtype", "constant", "call", *self.extra]
        )
        if what == "unary":
            return g(self.pick(UNARY[kind]), x)
        if what == "binary":
            pair = [x, self.operand(x)]
            return g(self.pick(BINARY[kind]), *(pair if self.pick([True, False]) else pair[::-1]))
        if what == "number":
            pair = [x, self.pick(NUMBERS[kind])]
            return g(self.pick(BINARY[kind]), *(pair if self.pick([True, True, False]) else pair[::-1]))
        if what == "where":
            masks = [v for v in self.arrays if v.type.dtype.kind == "b" and v.type.shape == shape]
            return g("where", self.pick([True, False, *masks]), x, self.operand(x))
        if what == "turn":
            return g("permute_dims", x, axes=tuple(self.random.sample(range(len(shape)), len(shape))))
        if what == "shape":
            return self.shaped(x)
        if what == "dtype":
            name = x.type.dtype.name
            targets = [name, WIDER.get(name, name), *[n for n, w in WIDER.items() if w == name]]
            return g("convert" if kind in "fc" else "cast", x, dtype=np.dtype(self.pick(targets)))
        if what == "constant":
            return g(self.pick(UNARY[kind]), Array(np.asarray(self.pick(NUMBERS[kind])).astype(x.type.dtype)))
        if what == "call":
            return g.call(Twice(), [x], [str(x.type)] * 2)[self.pick([0, 1])]
        return self.by_layout(what, x)

    def by_layout(self, what, x):
        kind, shape = x.type.dtype.kind, x.type.shape
        if what in ("sum", "prod", "max"):
            axes = tuple(i for i in range(len(shape)) if self.pick([True, False]))
            return x if kind == "b" or 0 in shape else self.build(what, x, axes=axes)
        if what == "square":
            return x if kind == "b" else self.build(what, x)
        if kind != "f":
            return x
        if what == "exp":
            return self.build(what, x)
        return self.build(what, x, self.pick([1, 2.0, 1.0]) if what == "pow" else self.operand(x))

    def shaped(self, x):
        g, shape = self.build, x.type.shape
        what = self.pick(["reshape", "broadcast_to", "slice", "unslice", "pad", "concat"])
        if what == "reshape":
            n = math.prod(shape)
            return g(what, x, shape=self.pick([shape, (n,), (1, n), (n, 1), (1, *shape)]))
        if what == "broadcast_to":
            wide = tuple(self.pick([2, 6]) if n == 1 else n for n in shape)
            return g(what, x, shape=self.pick([shape, wide, (2, *shape)])) if len(shape) < 4 else x
        if what in ("slice", "unslice"):
            n = shape[0] if shape else 0
            key = self.pick(
                [(), (slice(None),), (slice(0, n),), (slice(None, None, -1),), (slice(0, n, 2),)][: 5 if n else 1]
            )
            if what == "slice":
                return g(what, x, key=key)
            return x if key[:1] == (slice(0, n, 2),) else g(what, x, key=key, shape=shape)
        if what == "pad":
            return g(what, x, widths=tuple((self.pick([0, 0, 1]), 0) for _ in shape))
        return g(what, *[x] * self.pick([1, 2]), axis=0) if shape and shape[0] < 9 else x

    def graph(self):
        for _ in range(self.random.randint(8, 24)):
            out = self.step()
            if math.prod(out.type.shape) < 300:
                self.arrays.append(out)
        outputs = [v for v in self.arrays if self.pick([True, True, False])]
        return self.build.graph(*outputs, self.pick([1.5, *outputs[:1]]))


def value(type, seed):
    """Values of that type: most of them special, the rest any bits."""
    if not isinstance(type, Aval):
        return SPECIAL[seed % len(SPECIAL)]
    rng, n = np.random.default_rng(seed), math.prod(type.shape)
    if type.dtype.kind == "b":
        return Array(rng.random(type.shape) < 0.5)
    data = np.frombuffer(rng.bytes(n * type.dtype.itemsize), type.dtype).copy()
    if type.dtype.kind in "fc":
        parts = data.view(data.real.dtype)
        with np.errstate(over="ignore"):
            special = rng.choice(SPECIAL, parts.size).astype(parts.dtype)
        parts[...] = np.where(rng.random(parts.size) < 0.7, special, parts)
    return Array(data.reshape(type.shape))


def packed(graph, values):
    """`evaluate`, every value in row-major order without gaps: so that results depend on values alone."""
    env = dict(zip(graph.inputs, values, strict=True))
    read = lambda a: env[a] if isinstance(a, Var) else a.value  # noqa: E731
    for eqn in graph.eqns:
        outs = eqn.evaluate([read(a) for a in eqn.operands])
        env.update((v, Array(np.array(x._data, order="C"))) for v, x in zip(eqn.outs, outs, strict=True))
    return [read(a) for a in graph.outputs]


def work(graph):
    """How many equations compute something: another shape for the same elements costs nothing."""
    return sum(eqn.op.name != "reshape" for eqn in graph.eqns)


def compare(graph, run, seed):
    check(graph)
    values = [value(v.type, seed + i) for i, v in enumerate(graph.inputs)]
    with np.errstate(all="ignore"):
        expected = [bits(x) for x in run(graph, values)]
        for one in PASSES:
            found = one(graph)
            check(found)
            assert one(found) is found or one in (fold_constants, exact_algebra)
            assert work(found) <= work(graph)
            assert [bits(x) for x in run(found, values)] == expected, one.__name__
    assert simplify(found) is found


RUNS = settings(max_examples=1200, deadline=None)
SEEDS = st.integers(0, 2**32)


@RUNS
@given(SEEDS)
def test_passes_keep_every_bit(seed):
    compare(Programs(seed).graph(), evaluate, seed)


@RUNS
@given(SEEDS)
def test_passes_keep_every_bit_of_what_depends_on_the_layout(seed):
    compare(Programs(seed, BY_LAYOUT).graph(), packed, seed)


@pytest.mark.parametrize("one", PASSES)
def test_random_graphs_give_every_pass_something_to_do(one):
    graphs = [Programs(seed).graph() for seed in range(60)]
    assert sum(one(graph) is not graph for graph in graphs) > 10
