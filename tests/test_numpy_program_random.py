"""NumPy programs against `evaluate`, bit for bit: every operation of the test table, and random graphs.

Random graphs run as they are and with memory planned for the smallest arrays, in tiles of a few elements, on inputs in
any order of elements; nothing that the program was given may have changed after it ran.
"""

from __future__ import annotations

import math
from typing import Any

import array_api_strict
import numpy as np
import pytest
from arenas import borrowed, poison
from graphs import Build, bits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import ALL, Sample

from funcgrad.codegen import fusion, memory
from funcgrad.codegen.expressions import writes
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.core import Array, Aval, Call, raw, wrap
from funcgrad.graph.ir import Graph, Var, evaluate

_SINGLE = {"float64": "float32", "complex128": "complex64"}


def as_values(raws: Any) -> list[Any]:
    return [x if type(x) in (bool, int, float, complex) else wrap(x) for x in raws]


def scalar(x: Any) -> Any:
    """The raw value, without dimensions as one of NumPy's scalars: so earlier programs give it on.

    But for complex numbers: NumPy's square of a complex scalar has other last bits than that of an array.
    """
    data = raw(x)
    return data[()] if isinstance(data, np.ndarray) and not data.ndim and data.dtype.kind != "c" else data


def order(data: Any) -> Any:
    """Is an array in C's order, and in Fortran's? The bits of what is made of it depend on that."""
    flags = np.asarray(data).flags
    return flags.c_contiguous, flags.f_contiguous


def compare(graph: Graph, values: list[Any], numpy: bool = True) -> str:
    """The program's results beside `evaluate`'s; its source."""
    before = [bits(v) for v in values]
    with np.errstate(all="ignore"):
        results = evaluate(graph, values)
        expected, orders = [bits(x) for x in results], [order(raw(x)) for x in results]
        program = numpy_program(graph, numpy=numpy)
        found = program.function(*map(raw, values))
        assert [bits(x) for x in as_values(found)] == expected, program.source
        assert [order(x) for x in found] == orders, program.source
        again = program.function(*map(scalar, values))
        assert [bits(x) for x in as_values(found)] == expected, "a later run wrote into earlier results"
        assert [bits(x) for x in as_values(again)] == expected
    assert [bits(v) for v in values] == before, program.source
    return program.source


# ---- the table of operations -------------------------------------------------------------------


def of_sample(sample: Sample, single: bool) -> tuple[Graph, list[Any]]:
    """The graph of one equation, and its inputs' values; Python numbers are inputs too."""
    args = [np.asarray(a) if isinstance(a, np.generic) else a for a in sample.args]
    if single:
        args = [a.astype(_SINGLE.get(a.dtype.name, a.dtype)) if isinstance(a, np.ndarray) else a for a in args]
    values = [Array(a) if isinstance(a, np.ndarray) else a for a in args]
    build = Build(*[repr(v.aval) if isinstance(v, Array) else type(v) for v in values])
    out = build(sample.primitive, *build.inputs, **sample.params)
    return build.graph(out), values


@pytest.mark.parametrize("sample", ALL, ids=str)
@pytest.mark.parametrize("single", [False, True], ids=["float64", "float32"])
def test_every_operation(sample: Sample, single: bool) -> None:
    graph, values = of_sample(sample, single)
    compare(graph, values)
    compare(graph, values, numpy=False)


@pytest.mark.parametrize("sample", [s for s in ALL if s.portable], ids=str)
def test_every_operation_on_another_array_module(sample: Sample) -> None:
    graph, values = of_sample(sample, single=False)
    strict = [wrap(array_api_strict.asarray(v._data)) if isinstance(v, Array) else v for v in values]
    with np.errstate(all="ignore"):
        (expected,) = evaluate(graph, strict)
        program = numpy_program(graph, numpy=False)
        (found,) = program.function(*map(raw, strict))
    assert type(found) is type(expected._data), program.source
    host = [np.asarray(np.from_dlpack(x)) for x in (found, expected._data)]
    assert bits(wrap(host[0])) == bits(wrap(host[1]))


@pytest.mark.parametrize("sample", ALL, ids=str)
def test_what_the_plans_take_for_granted_of_every_operation(sample: Sample) -> None:
    """Memory of its own, and C's order, are what is found: for operands in C's order and in Fortran's."""
    graph, values = of_sample(sample, single=False)
    out: Any = graph.outputs[0]
    known = memory.Memory(graph)
    for order in "CF":
        raws = [np.array(v._data, order=order) if isinstance(v, Array) else v for v in values]
        with np.errstate(all="ignore"):
            found = evaluate(graph, as_values(raws))[0]._data
        if known.is_own(out):
            assert not any(np.shares_memory(found, x) for x in raws if isinstance(x, np.ndarray))
        trust = known.contiguous(out)
        holds = trust is not None and all(raws[graph.inputs.index(v)].flags.c_contiguous for v in trust)
        if holds and sum(n != 1 for n in found.shape) > 1:
            assert found.flags.c_contiguous


@pytest.mark.parametrize("sample", ALL, ids=str)
@pytest.mark.parametrize("single", [False, True], ids=["float64", "float32"])
def test_every_operation_in_an_arena(sample: Sample, single: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result is written to given memory, which holds nonsense, and copied out of there."""
    poison(monkeypatch)
    monkeypatch.setattr(memory, "LARGE", 2)
    graph, values = of_sample(sample, single)
    (eqn,) = graph.eqns
    (out,) = eqn.outs
    if not out.type.shape:  # type: ignore[union-attr]
        return
    build = Build()
    copied = build("concat", out, out, axis=0)
    graph = Graph(graph.inputs, (eqn, *build.eqns), (copied,))
    compare(graph, values)
    known = memory.Memory(graph)
    if memory.is_large(out) and writes(eqn) and known.is_own(out) and known.contiguous(out) == frozenset():
        assert borrowed


# ---- random graphs -----------------------------------------------------------------------------

_SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-45, -3e-39, 0.1, 3e38, 2.0]
_SHAPES = [(4, 6), (4, 6), (4, 6), (6,), (4, 1), (1, 6), (), (2, 4, 6), (2, 1, 6), (0, 6), (1,)]
_DTYPES = ["float32", "float32", "float32", "float64", "complex64", "int32", "int64", "uint8", "bool"]
_FLOATS = ["float32", "float64"]
_UNARY = {
    "f": "negative abs square sqrt exp tanh sin log1p floor round sign relu erf sigmoid reciprocal stop_gradient",
    "c": "negative conj square exp real imag complex_abs sqrt",
    "i": "negative abs square bitwise_invert sign round stop_gradient",
    "u": "negative square bitwise_invert round",
    "b": "logical_not bitwise_invert",
}
_BINARY = {
    "f": "add subtract multiply divide pow maximum minimum atan2 remainder less equal greater_equal copysign",
    "c": "add subtract multiply divide equal",
    "i": "add subtract multiply bitwise_and bitwise_xor less maximum not_equal",
    "u": "add subtract multiply bitwise_or less minimum",
    "b": "logical_and logical_or bitwise_xor equal",
}
_KEYS = [(), (0,), (slice(1, None),), (slice(None, None, -1),), (None, slice(0, 1)), (slice(None), -1)]
_NUMBERS: dict[str, list[Any]] = {
    "f": [1, 2.0, 0.5, -0.0, math.nan, math.inf, True, -3],
    "c": [1, 0.5, 1j, complex(-0.0, 2.0), complex(math.inf, -0.0)],
    "i": [1, -2, 3, True],
    "u": [1, 3],
    "b": [True, False],
}


_ROUNDED = frozenset({"exp", "tanh", "sin", "log1p", "erf", "sigmoid", "pow", "atan2"})
"""The last bit may differ between whole vector registers and what is left over of an array."""


class Pair(Call):
    """The operand itself, which the caller holds, and another look at it."""

    name = "pair"

    def evaluate(self, args: Any) -> Any:
        return [args[0], wrap(args[0]._data[...])]


class Drawn:
    """Draws a graph equation by equation, out of the values that there are."""

    def __init__(self, draw: Any, without: frozenset[str]):
        self.draw, self.without = draw, without
        kinds = draw(st.lists(st.tuples(st.sampled_from(_DTYPES), st.sampled_from(_SHAPES)), min_size=1, max_size=4))
        self.build = Build(*[f"{d}[{','.join(map(str, s))}]" for d, s in kinds], float)
        self.arrays: list[Var] = list(self.build.inputs[:-1])

    def pick(self, choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def one_of(self, names: str) -> str:
        return self.pick([name for name in names.split() if name not in self.without])

    def graph(self) -> Graph:
        for _ in range(self.draw(st.integers(2, 18))):
            out = self.step()
            if math.prod(out.type.shape) < 400:
                self.arrays.append(out)
        outputs = self.draw(st.lists(st.sampled_from(self.arrays[-6:]), min_size=1, max_size=3))
        return self.build.graph(*outputs, *([2.5] if self.pick([True, False]) else []))

    def step(self) -> Var:
        g, x = self.build, self.pick(self.arrays[-5:] + self.arrays[:1])
        kind, shape = x.type.dtype.kind, x.type.shape
        what = self.pick(["unary", "unary", "binary", "binary", "binary", "where", "dtype", "shape", "reduce", "rest"])
        if what == "unary":
            return g(self.one_of(_UNARY[kind]), x)
        if what == "binary":
            pair = [x, self.other(x)]
            return g(self.one_of(_BINARY[kind]), *(pair if self.pick([True, False]) else pair[::-1]))
        if what == "where":
            masks = [v for v in self.arrays if v.type.dtype.kind == "b" and v.type.shape in ((), x.type.shape)]
            mask = self.pick(masks) if masks else g("equal", x, x)
            return g("where", mask, *self.pick([[x, self.other(x)], [self.other(x), x]]))
        if what == "dtype":
            if kind in "fc":
                return g("convert", x, dtype=np.dtype(self.pick(_FLOATS if kind == "f" else ["complex128"])))
            return g("cast", x, dtype=np.dtype(self.pick(["float32", "int64", "float64"])))
        if what == "shape":
            return self.shaped(x)
        if what == "reduce" and 0 not in shape and kind in "fi":
            axes = tuple(i for i in range(len(shape)) if self.pick([True, False]))
            return g(self.pick(["sum", "max", "prod"]), x, axes=axes)
        if what == "rest" and kind == "f":
            return self.rest(x)
        return g.call(Pair(), [x], [repr(x.type)] * 2)[self.pick([0, 1])]

    def meets(self, v: Var, x: Var) -> bool:
        try:
            return len(np.broadcast_shapes(v.type.shape, x.type.shape)) <= 9
        except ValueError:
            return False

    def other(self, x: Var) -> Any:
        """A number or an array that broadcasts with x."""
        dtype = x.type.dtype  # type: ignore[union-attr]
        which = self.pick(["number", "array", "array", "constant", "input"])
        if which == "input" and dtype.kind in "fc":
            return self.build.inputs[-1]
        if which == "array":
            return self.pick([v for v in self.arrays if v.type.dtype == dtype and self.meets(v, x)])  # type: ignore[union-attr]
        if which == "constant":
            shape = self.pick([x.type.shape, x.type.shape[-1:], ()])
            if self.pick([True, False]):
                return Array(np.broadcast_to(np.array(self.pick(_NUMBERS[dtype.kind])).astype(dtype), shape))
            return Array(np.resize(np.array(_NUMBERS[dtype.kind]).astype(dtype), shape))
        return self.pick(_NUMBERS[dtype.kind])

    def shaped(self, x: Var) -> Var:
        g, shape = self.build, x.type.shape
        what = self.pick(["reshape", "permute_dims", "broadcast_to", "slice", "slice", "concat", "unslice"])
        if self.pick([False] * 7 + [True]) and shape:  # a view of a constant that repeats one element
            data = np.broadcast_to(np.ones((), x.type.dtype), shape)
            return g("reshape", Array(data), shape=shape[::-1])
        n = math.prod(shape)
        if what == "reshape":
            return g(what, x, shape=self.pick([(n,), (1, n), (*shape, 1), shape, (*shape[:-2], *shape[-2:][::-1])]))
        if what == "permute_dims":
            return g(what, x, axes=tuple(self.draw(st.permutations(range(len(shape))))))
        if what == "broadcast_to" and 0 < len(shape) < 3:
            return g(what, x, shape=self.pick([shape, (2, *shape)]))
        if what in ("slice", "unslice") and shape and shape[0] > 1:
            key = self.pick(_KEYS)
            if what == "slice" and (key != (slice(None), -1) or (len(shape) > 1 and shape[1])):
                return g(what, x, key=key)
            return g("unslice", x, key=(slice(0, shape[0]),), shape=(shape[0] + 1, *shape[1:]))
        return g("concat", x, x, axis=0) if shape and shape[0] < 9 else g("stop_gradient", x)

    def rest(self, x: Var) -> Var:
        g, shape = self.build, x.type.shape
        if len(shape) == 2 and 0 not in shape:
            turned = g("permute_dims", x, axes=(1, 0))
            return g("matmul", *self.pick([[x, turned], [turned, x]]))
        if len(shape) and shape[0] > 1:
            return g("gather", x, Array(np.array([1, 0, 1])))
        return g("sum", x, axes=())


def value(type: Any, seed: int) -> Any:
    """Values of that type, half of them special, in some order of elements and some strides."""
    if not isinstance(type, Aval):
        return _SPECIAL[seed % len(_SPECIAL)]
    rng, n = np.random.default_rng(seed), math.prod(type.shape)
    if type.dtype.kind in "fc":
        data = rng.standard_normal(n) + (1j * rng.standard_normal(n) if type.dtype.kind == "c" else 0)
        data = np.where(rng.random(n) < 0.3, rng.choice(_SPECIAL, n), data)
    else:
        data = rng.integers(0, 2 if type.dtype.kind == "b" else 5, n)
    with np.errstate(over="ignore"):
        found = data.astype(type.dtype).reshape(type.shape)
    kind = rng.integers(0, 6)
    if not found.ndim:
        return Array(found)
    if kind == 0:
        found = np.asfortranarray(found)
    elif kind == 1:
        found = np.repeat(found, 2, axis=-1)[..., ::2]
    elif kind == 2:
        found = found[tuple(slice(None, None, -1) for _ in type.shape)]
    return Array(found)


RUNS = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def graphs(draw: Any, without: frozenset[str] = frozenset()) -> Graph:
    return Drawn(draw, without).graph()


@RUNS
@given(graphs(), st.integers(0, 2**31))
def test_random_graphs(graph: Graph, seed: int) -> None:
    values = [value(v.type, seed + i) for i, v in enumerate(graph.inputs)]
    compare(graph, values)
    compare(graph, values, numpy=False)


@pytest.fixture(params=["new memory", "arena"])
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Plan memory for arrays of a few bytes, and cut them into tiles of a few elements."""
    if request.param == "arena":
        poison(monkeypatch)
    monkeypatch.setattr(memory, "LARGE", 8)
    monkeypatch.setattr(fusion, "TILE", 32)
    monkeypatch.setattr(fusion, "VECTORS", 1)
    monkeypatch.setattr(fusion, "FEWEST", 1)


@RUNS
@given(graphs(without=_ROUNDED), st.integers(0, 2**31))
@pytest.mark.usefixtures("small")
def test_random_graphs_with_memory_planned(graph: Graph, seed: int) -> None:
    compare(graph, [value(v.type, seed + i) for i, v in enumerate(graph.inputs)])


def own(x: Any) -> Any:
    """A raw value with memory of its own, its elements in the same order."""
    return x.copy(order="K") if isinstance(x, np.ndarray) else x


@RUNS
@given(graphs(without=_ROUNDED), st.integers(0, 2**31), st.sets(st.integers(0, 3)))
@pytest.mark.usefixtures("small")
def test_random_graphs_that_write_over_donated_inputs(graph: Graph, seed: int, donated: set[int]) -> None:
    values = [own(raw(value(v.type, seed + i))) for i, v in enumerate(graph.inputs)]
    places = sorted(i for i in donated if i < len(values) - 1)
    program = numpy_program(graph, donated=places)
    assert set(program.taken) <= set(places)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, as_values(map(own, values)))
        given = list(map(own, values))
        found = program.function(*([[]] if program.taken else []), *given)
    assert [bits(x) for x in as_values(found)] == [bits(x) for x in expected], program.source
    assert [order(x) for x in found] == [order(raw(x)) for x in expected], program.source
    for i, (now, before) in enumerate(zip(given, values, strict=True)):
        assert i in program.taken or bits(as_values([now])[0]) == bits(as_values([before])[0]), program.source


@pytest.mark.usefixtures("small")
def test_random_graphs_are_planned_and_tiled() -> None:
    planned = {"out=": 0, "run(": 0, "plain(": 0, "del ": 0, "select(": 0, "begun.append": 0}

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(graphs())
    def count(graph: Graph) -> None:
        source = numpy_program(graph).source + numpy_program(graph, donated=range(len(graph.inputs) - 1)).source
        for mark in planned:
            planned[mark] += mark in source

    count()
    assert min(planned.values()) > 5, planned
