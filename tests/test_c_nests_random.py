"""Loop nests in C of random shapes against `evaluate`; above, the graphs in which that found errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from arenas import poison
from graphs import Build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_numpy_program_random import own

from funcgrad.codegen import memory
from funcgrad.codegen.c.nest import Nest
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.core import Array, Aval, raw
from funcgrad.graph.ir import Graph, Var, evaluate

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def every_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(Nest, "pays", lambda self: True)


@pytest.fixture(params=["new memory", "arena"])
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Delete the smallest of values once they are dead, or let them lie in an arena."""
    if request.param == "arena":
        poison(monkeypatch)
    monkeypatch.setattr(memory, "LARGE", 8)


def value(type: Any, rng: np.random.Generator) -> Any:
    """A raw value of that type."""
    if type.dtype.kind == "f":
        return rng.normal(size=type.shape).astype(type.dtype)
    return rng.integers(0, 2, type.shape).astype(type.dtype)


def differs(found: Any, expected: Any, rtol: float) -> bool:
    """Is one of the values another, beyond what sums may differ by?"""
    x, y = np.asarray(raw(found)), np.asarray(raw(expected))
    if (x.dtype, x.shape) != (y.dtype, y.shape):
        return True
    if x.dtype.kind not in "fc":
        return not np.array_equal(x, y)
    with np.errstate(all="ignore"):
        same = (x == y) | ((x != x) & (y != y))
        scale = np.max(np.abs(y), initial=0.0, where=np.isfinite(y))
        return not np.all(same | (np.abs(x - y) <= rtol * (np.abs(y) + scale)))


def check(graph: Graph, values: list[Any] | None = None, donated: tuple[int, ...] = ()) -> str:
    """The program's values beside `evaluate`'s, and its inputs before and after it; the text in C."""
    rng = np.random.default_rng(0)
    values = [value(v.type, rng) for v in graph.inputs] if values is None else values
    is_rounded = any(e.op.name in ("sum", "matmul") and e.outs[0].type.dtype.kind == "f" for e in graph.eqns)
    rtol = 1e-4 if is_rounded else 0.0
    program = numpy_program(graph, native=True, donated=donated)
    given = [own(x) if i in donated else x for i, x in enumerate(values)]
    before = [own(x) for x in values]
    with np.errstate(all="ignore"):
        expected = evaluate(graph, [Array(own(x)) if isinstance(x, np.ndarray) else x for x in values])
        found = program.function(*([[]] if program.taken else []), *given)
    for a, b in zip(found, expected, strict=True):
        assert not differs(a, b, rtol), f"{graph}\n{program.source}\n{program.compiled}\n{a}\n{b}"
    for x, y in zip(values, before, strict=True):
        assert not isinstance(x, np.ndarray) or not differs(x, y, 0.0), program.source
    return program.compiled


# ---- graphs in which there were errors -----------------------------------------------------------


@pytest.mark.parametrize("over", [(1,), (2,), (1, 2)], ids=str)
@pytest.mark.parametrize("name", ["sum", "max"])
def test_a_reduction_of_what_repeats_along_an_axis_that_stays(name: str, over: tuple[int, ...]) -> None:
    g = Build("float32[4,6]")
    repeated = g("broadcast_to", g("negative", *g.inputs), shape=(3, 4, 6))
    assert check(g.graph(g(name, repeated, axes=over)))


def test_an_alias_of_an_alias_that_is_read_after_its_nest() -> None:
    g = Build("float32[4,6]", "float32[6,2]")
    column = g("reshape", g("sum", g.inputs[0], axes=(1,)), shape=(4, 1))
    whole = g("broadcast_to", column, shape=(4, 6))
    assert check(g.graph(g("multiply", g.inputs[0], whole), g("matmul", whole, g.inputs[1])))


@pytest.mark.parametrize("dtype", ["float16", "complex64"])
def test_one_element_a_row_of_a_dtype_without_a_type_in_c(dtype: str) -> None:
    g = Build(f"{dtype}[4]", "int64[4]", "float32[4,6]")
    values, labels, x = g.inputs
    placed = g("scatter_add", Array(np.zeros((4, 6), dtype)), values, Array(np.arange(4)), labels)
    assert check(g.graph(g("negative", placed), g("negative", x)))


@pytest.mark.parametrize("key", [(slice(0, 2),), (slice(1, 3),), (slice(0, 3), slice(0, 1), slice(1, 5))])
def test_a_part_beside_an_axis_of_one_element(key: tuple[slice, ...]) -> None:
    g = Build(f"float32[{','.join(str(n) for n in part_of((3, 1, 6), key))}]", "float32[3,1,6]")
    check(g.graph(g("negative", g("unslice", g.inputs[0], key=key, shape=(3, 1, 6)))))
    check(g.graph(g("negative", g("slice", g.inputs[1], key=key))))


def part_of(shape: tuple[int, ...], key: tuple[slice, ...]) -> tuple[int, ...]:
    return tuple(np.empty(shape)[key].shape)


def test_minus_zero_that_is_added_to_zero() -> None:
    g = Build("float32[4]", "int64[4]")
    placed = g("scatter_add", Array(np.zeros((4, 6), "float32")), g.inputs[0], Array(np.arange(4)), g.inputs[1])
    assert check(g.graph(g("divide", 1.0, placed)), [np.full(4, -0.0, "float32"), np.arange(4)])


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_computed_for_each_element_of_a_row_is_not_written_over_its_operand(order: int) -> None:
    g = Build("float32[5,6,7]", "float32[5,6,1]")
    x, column = g.inputs
    added = g("add", g("reshape", g("sum", x, axes=(1, 2)), shape=(5, 1, 1)), column)
    assert check(g.graph(*[added, g("multiply", x, added)][::order]), donated=(1,))


def test_a_nest_that_moves_stands_before_the_nests_that_read_it() -> None:
    g = Build("float32[3,5]", "float32[3,5]", "float32[3,1]")
    a, b, c = g.inputs
    h = g("matmul", a, g("permute_dims", b, axes=(1, 0)))
    least = g("min", h, axes=(1,))
    product = g("matmul", h, a)
    added = g("add", g("reshape", least, shape=(3, 1)), product)
    same = g("stop_gradient", c)
    less = g("subtract", same, product)  # the nest of `added` moves behind `same`,
    assert check(g.graph(added, less, g("maximum", same, h)))  # and that of `least` would move behind this one


# ---- random graphs -----------------------------------------------------------------------------

_SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-45, -3e-39, 2.0]
_WHOLE = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
_DTYPES = [*["float32"] * 6, "float64", "float16", "bool", *_WHOLE]
_UNARY = {
    "f": "negative abs square sqrt floor round sign isnan stop_gradient",
    "i": "negative abs square bitwise_invert sign",
    "u": "negative square bitwise_invert",
    "b": "logical_not",
}
_BINARY = {
    "f": "add subtract multiply maximum minimum less equal",
    "i": "add subtract multiply bitwise_and bitwise_xor less maximum not_equal",
    "u": "add subtract multiply bitwise_or less minimum",
    "b": "logical_and logical_or bitwise_xor equal",
}
_NUMBERS: dict[str, list[Any]] = {"f": [2.0, -0.5, 3], "i": [1, 2, -1], "u": [1, 2], "b": [True, False]}


class Drawn:
    """Draws a graph over one space: values of its shape, and of shapes that repeat along some of its axes.

    No operation has a result that depends on the sign of a zero, of which a maximum may give either.
    """

    def __init__(self, draw: Any, sizes: list[int]):
        self.draw = draw
        self.space = tuple(draw(st.lists(st.sampled_from(sizes), min_size=1, max_size=4)))
        while math.prod(self.space) > 40_000:
            self.space = self.space[1:]
        kinds = [(self.pick(_DTYPES), self.shape()) for _ in range(draw(st.integers(1, 5)))]
        self.build = Build(*[f"{d}[{','.join(map(str, s))}]" for d, s in kinds], float, int)
        self.arrays: list[Var] = list(self.build.inputs[:-2])

    def pick(self, choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def shape(self) -> tuple[int, ...]:
        """The space, or one that broadcasts to it."""
        if self.pick([True, False]):
            return self.space
        found = tuple(self.pick([n, 1]) for n in self.space)
        return found[self.pick([0, 0, *range(len(found))]) :]

    def graph(self) -> Graph:
        for _ in range(self.draw(st.integers(2, 20))):
            out = self.step(self.pick(self.arrays[-5:] + self.arrays[:1]))
            if out is not None and math.prod(out.type.shape) <= 80_000:
                self.arrays.append(out)
        return self.build.graph(*self.draw(st.lists(st.sampled_from(self.arrays[-7:]), min_size=1, max_size=4)))

    def step(self, x: Var) -> Var | None:
        g, kind, shape = self.build, x.type.dtype.kind, x.type.shape
        what = self.pick(
            ["unary", *["binary"] * 3, "where", "dtype", *["reduce"] * 3, "alias", "pick", "matmul", *["look"] * 2]
        )
        if what == "unary":
            return g(self.pick(_UNARY[kind].split()), x)
        if what == "binary":
            return g(self.pick(_BINARY[kind].split()), *self.pair(x))
        if what == "where":
            pair = self.pair(x)
            shapes = [a.type.shape if isinstance(a, Var) else np.shape(a) for a in pair]
            masks = [
                v for v in self.arrays if v.type.dtype.kind == "b" and self.meet(v.type.shape, *shapes) is not None
            ]
            return g("where", self.pick(masks), *pair) if masks else None
        if what == "dtype":
            if kind == "f":
                return g("convert", x, dtype=np.dtype(self.pick(["float32", "float64"])))
            return g("cast", x, dtype=np.dtype(self.pick(["float32", *_WHOLE])))
        if what == "reduce" and 0 not in shape:
            return self.reduced(x)
        if what == "alias":
            return self.alias(x)
        if what == "look" and 0 not in shape and shape:
            return self.looked_at(x)
        if what == "pick" and len(shape) == 2 and 0 not in shape:
            return self.picked(x)
        if what == "matmul" and len(shape) == 2 and kind == "f" and max(shape) <= 50:  # an array of the program's own
            return g("matmul", g("matmul", x, g("permute_dims", x, axes=(1, 0))), x)
        return None

    def meet(self, *shapes: Any) -> tuple[int, ...] | None:
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            return None

    def pair(self, x: Var) -> list[Any]:
        dtype, shape = x.type.dtype, x.type.shape
        what = self.pick([*["array"] * 6, "constant", "input", "number"])
        other: Any = self.pick(_NUMBERS[dtype.kind])
        if what == "array":
            known = [v for v in self.arrays if v.type.dtype == dtype]
            other = self.pick([v for v in known if self.meet(v.type.shape, shape) is not None])
        if what == "constant":
            shape = self.pick([shape, tuple(self.pick([n, 1]) for n in shape)])
            data = np.resize(np.arange(5) % 3, shape).astype(dtype)
            other = Array(self.pick([data, np.broadcast_to(np.array(2).astype(dtype), shape)]))
        if what == "input" and (dtype.kind == "f" or dtype.name == "int64"):
            other = self.build.inputs[-1 if dtype.kind == "i" else self.pick([-1, -2])]
        return self.pick([[x, other], [other, x]])

    def reduced(self, x: Var) -> Var:
        g, shape = self.build, x.type.shape
        every = range(len(shape))
        cut = self.draw(st.integers(0, len(shape)))
        axes = self.pick([tuple(every), tuple(every[cut:]), tuple(every[:cut]), tuple(i for i in every if i != cut)])
        out = g(self.pick(["sum", "max", "min"]) if x.type.dtype.kind != "b" else "max", x, axes=axes)
        self.arrays.append(out)
        return g("reshape", out, shape=tuple(1 if i in axes else n for i, n in enumerate(shape)))

    def alias(self, x: Var) -> Var:
        g, shape = self.build, x.type.shape
        what = self.pick(["space", "more", "front", "squeeze"])
        if what == "space" and (met := self.meet(shape, self.space)) is not None:
            return g("broadcast_to", x, shape=met)
        if what == "more":
            return g("broadcast_to", x, shape=(self.pick([1, 2]), *shape))
        return g("reshape", x, shape=(1, *shape) if what == "front" else tuple(n for n in shape if n != 1))

    def looked_at(self, x: Var) -> Var:
        """What is computed of a view: permuted, a part, reversed, or of fewer axes; maybe permuted back."""
        g, shape = self.build, x.type.shape
        axes = tuple(self.draw(st.permutations(range(len(shape)))))
        what = self.pick(["permuted", "permuted", "part", "merged"])
        if what == "part":
            key = tuple(self.pick([slice(None), slice(n // 2, None), slice(None, None, -1), n // 2]) for n in shape)
            x = g("slice", x, key=key[: self.pick(range(len(key))) + 1])
            if not x.type.shape:
                return x
            axes = tuple(self.draw(st.permutations(range(len(x.type.shape)))))
        look = g("permute_dims", x, axes=axes)
        if what == "merged":
            cut = self.pick(range(len(axes)))
            sizes = look.type.shape
            look = g("reshape", look, shape=(math.prod(sizes[: cut + 1]), *sizes[cut + 1 :]))
        out = g(self.pick(_UNARY[x.type.dtype.kind].split()), look)
        if what == "permuted" and self.pick([True, False]):
            return g("permute_dims", out, axes=tuple(sorted(range(len(axes)), key=axes.__getitem__)))
        return out

    def picked(self, x: Var) -> Var:
        """One element of each row, or one in each row of zeros."""
        g, (rows, width) = self.build, x.type.shape
        seed = self.draw(st.integers(0, 99))
        index: Any = Array(np.random.default_rng(seed).integers(-width, width, rows))
        known = [v for v in self.arrays if v.type.dtype.kind in "iu" and v.type.shape == (rows,)]
        if known and self.pick([True, False]):  # most of which is out of range
            index = self.pick(known)
        if self.pick([True, False]):
            return g("gather", x, Array(np.arange(rows)), index)
        values = [v for v in self.arrays if v.type.shape == (rows,)] or [g("max", x, axes=(1,))]
        value = self.pick(values)
        zeros = Array(np.zeros((rows, width), value.type.dtype))
        return g("scatter_add", zeros, value, Array(np.arange(rows)), index)


def drawn_value(type: Any, seed: int) -> Any:
    """A raw value: special ones, the whole range of whole numbers, any order of elements."""
    rng = np.random.default_rng(seed)
    if not isinstance(type, Aval):
        return int(rng.integers(-3, 4)) if type.kind is int else float(rng.choice(_SPECIAL))
    if type.dtype.kind == "f":
        data = rng.normal(size=type.shape)
        if seed % 2:
            data = np.where(rng.random(type.shape) < 0.2, rng.choice(_SPECIAL, type.shape), data)
    elif type.dtype.kind == "b":
        data = rng.random(type.shape) < 0.5
    else:
        bounds = np.iinfo(type.dtype)
        data = rng.integers(bounds.min, bounds.max, type.shape, dtype=type.dtype, endpoint=True)
        data = data if seed % 2 else data % 4
    with np.errstate(all="ignore"):
        found = np.asarray(data).astype(type.dtype)
    if not found.ndim:
        return found
    kind = rng.integers(0, 8)
    if kind == 0:
        return np.asfortranarray(found)
    if kind == 1:
        return np.repeat(found, 2, axis=-1)[..., ::2]
    return found[::-1] if kind == 2 else found


@st.composite
def graphs(draw: Any, sizes: list[int]) -> Graph:
    return Drawn(draw, sizes).graph()


def compare(graph: Graph, seed: int, donated: set[int]) -> None:
    values = [drawn_value(v.type, seed + i) for i, v in enumerate(graph.inputs)]
    arrays = [i for i, x in enumerate(values) if isinstance(x, np.ndarray) and x.ndim]
    with np.errstate(all="ignore"):
        try:
            evaluate(graph, [Array(own(x)) if isinstance(x, np.ndarray) else x for x in values])
        except Exception as error:  # an index out of range
            with pytest.raises(type(error)):
                numpy_program(graph, native=True).function(*values)
            return
    check(graph, values)
    check(graph, values, tuple(i for i in arrays if i in donated))


RUNS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
SMALL = graphs([1, 2, 3, 4, 5, 7])
LARGE = graphs([1, 3, 40, 130, 1023, 1024, 2047, 2049, 9000])  # runs, blocks, the stack


@settings(max_examples=30, derandomize=True, **RUNS)
@given(SMALL, st.integers(0, 2**31), st.sets(st.integers(0, 4)))
@pytest.mark.usefixtures("small")
def test_random_nests(graph: Graph, seed: int, donated: set[int]) -> None:
    compare(graph, seed, donated)


@settings(max_examples=15, derandomize=True, **RUNS)
@given(LARGE, st.integers(0, 2**31), st.sets(st.integers(0, 4)))
def test_random_large_nests(graph: Graph, seed: int, donated: set[int]) -> None:
    compare(graph, seed, donated)


@pytest.mark.slow
@settings(max_examples=1000, **RUNS)
@given(SMALL, st.integers(0, 2**31), st.sets(st.integers(0, 4)))
@pytest.mark.usefixtures("small")
def test_many_random_nests(graph: Graph, seed: int, donated: set[int]) -> None:
    compare(graph, seed, donated)


@pytest.mark.slow
@settings(max_examples=300, **RUNS)
@given(LARGE, st.integers(0, 2**31), st.sets(st.integers(0, 4)))
def test_many_random_large_nests(graph: Graph, seed: int, donated: set[int]) -> None:
    compare(graph, seed, donated)
