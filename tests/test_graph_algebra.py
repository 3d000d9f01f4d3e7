"""Exact algebra: each rule on values that are hard for it, and what looks alike and is not exact.

Every graph is evaluated before and after, on signed zeros, infinities, NaN, denormals and the ends of the integers.
"""

# ruff: noqa: B023, E731  (the lambdas are called at once)

import math

import numpy as np
import pytest
from graphs import Build, array, bits, body

from funcgrad.core import PRIMITIVES, Array
from funcgrad.device import CPU, Device
from funcgrad.graph.check import check
from funcgrad.graph.ir import evaluate
from funcgrad.graph.passes import dead_code, exact_algebra
from funcgrad.graph.passes.exact_algebra import RULES

REALS = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 3e-39, 1.5, -2.5, 3e38, 0.1, 7.0, 1e-38]


def values_of(type):
    """Hard values of that type: signed zeros, infinities, NaN, denormals; the ends of the integers."""
    if not hasattr(type, "dtype"):
        return type.kind(1)
    kind, n = type.dtype.kind, math.prod(type.shape)
    if kind == "b":
        found = np.arange(n) % 2 == 0
    elif kind in "iu":
        low, high = np.iinfo(type.dtype).min, np.iinfo(type.dtype).max
        found = np.resize(np.array([low, high, 0, 1, high - 1, low + 1], type.dtype), n)
    else:
        with np.errstate(over="ignore"):
            found = np.resize(REALS, n).astype(type.dtype)
        if kind == "c":
            found.imag = np.resize(REALS[::-1], n)
    return Array(found.reshape(type.shape).astype(type.dtype))


def ruled(build, *types):
    """What the algebra makes of a graph, which must have the same values."""
    g = Build(*types)
    outs = build(g, *g.inputs)
    graph = dead_code(g.graph(*(outs if isinstance(outs, tuple) else (outs,))))
    found = dead_code(exact_algebra(graph))
    check(found)
    assert exact_algebra(found) is found
    values = [values_of(v.type) for v in g.inputs]
    with np.errstate(all="ignore"):
        assert [bits(x) for x in evaluate(found, values)] == [bits(x) for x in evaluate(graph, values)]
    return body(found)


F, F16, F64, C = "float32[16]", "float16[16]", "float64[16]", "complex64[16]"
I32, I8, U, B = "int32[6]", "int8[6]", "uint8[6]", "bool[6]"
M = "float32[4,4]"
NONE: list[str] = []


def line(type, text, out="b"):
    return [f"{out}:{type} = {text}"]


@pytest.mark.parametrize("type", [F, F16, F64, I32, I8, U])
def test_ones_and_double_negatives_vanish(type):
    assert ruled(lambda g, x: g("multiply", x, 1), type) == NONE
    assert ruled(lambda g, x: g("multiply", 1, x), type) == NONE
    assert ruled(lambda g, x: g("multiply", x, True), type) == NONE
    assert ruled(lambda g, x: g("multiply", x, array(1, x.type.dtype)), type) == NONE
    assert ruled(lambda g, x: g("pow", x, 1), type) == NONE
    assert ruled(lambda g, x: g("negative", g("negative", x)), type) == NONE
    assert ruled(lambda g, x: g("negative", g("negative", g("negative", x))), type) == line(type, "negative a")


@pytest.mark.parametrize("type", [F, F16, F64])
def test_quotients_by_one_and_powers_of_two(type):
    assert ruled(lambda g, x: g("divide", x, 1), type) == NONE
    assert ruled(lambda g, x: g("divide", x, 1.0), type) == NONE
    assert ruled(lambda g, x: g("divide", x, 4), type) == line(type, "multiply a 0.25")
    assert ruled(lambda g, x: g("divide", x, -0.125), type) == line(type, "multiply a -8.0")
    assert ruled(lambda g, x: g("divide", x, array(2, x.type.dtype)), type) == line(
        type, f"multiply a 0.5:{type.partition('[')[0]}[]"
    )
    assert ruled(lambda g, x: g("divide", x, 3), type) == line(type, "divide a 3")
    assert ruled(lambda g, x: g("divide", x, 0.0), type) == line(type, "divide a 0.0")
    assert ruled(lambda g, x: g("divide", x, math.inf), type) == line(type, "divide a inf")


def test_powers_of_two_whose_inverse_is_no_normal_number_stay():
    for type, k in ((F16, 14), (F, 126), (F64, 1022)):
        for sign in (1, -1):
            assert ruled(lambda g, x: g("divide", x, 2.0 ** (sign * k)), type)[0].split()[2] == "multiply"
    for type, k in ((F16, 15), (F, 127), (F64, 1023)):
        assert ruled(lambda g, x: g("divide", x, 2.0**k), type) == line(type, f"divide a {2.0**k!r}")


def test_what_a_complex_product_would_lose_stays():
    for name in ("multiply", "divide", "pow"):
        assert ruled(lambda g, x: g(name, x, 1), C) == line(C, f"{name} a 1")
        assert ruled(lambda g, x: g(name, x, 1 + 0j), C) == line(C, f"{name} a (1+0j)")
    assert ruled(lambda g, x: g("multiply", x, -1), C) == line(C, "multiply a -1")
    assert ruled(lambda g, x: g("divide", x, 2), C) == line(C, "divide a 2")
    assert ruled(lambda g, x: g("add", x, -0.0), C) == line(C, "add a -0.0")
    assert ruled(lambda g, x: g("negative", g("negative", x)), C) == NONE
    assert ruled(lambda g, x: g("conj", g("conj", x)), C) == NONE
    assert ruled(lambda g, x: g("sign", g("sign", x)), C) == ["b:complex64[16] = sign a", "c:complex64[16] = sign b"]


@pytest.mark.parametrize("type", [F, F16, F64, C, I32, I8, U])
def test_sums_with_a_negative(type):
    assert ruled(lambda g, x, y: g("add", x, g("negative", y)), type, type) == line(type, "subtract a b", "c")
    assert ruled(lambda g, x, y: g("add", g("negative", x), y), type, type) == line(type, "subtract b a", "c")
    assert ruled(lambda g, x, y: g("subtract", x, g("negative", y)), type, type) == line(type, "add a b", "c")
    assert ruled(lambda g, x: g("add", 2, g("negative", x)), type) == line(type, "subtract 2 a")
    assert ruled(lambda g, x, y: g("negative", g("subtract", x, y)), type, type)[1:] == [f"d:{type} = negative c"]


@pytest.mark.parametrize("type", [F, F16, F64])
def test_zeros_that_change_nothing_and_zeros_that_do(type):
    assert ruled(lambda g, x: g("subtract", x, 0), type) == NONE
    assert ruled(lambda g, x: g("subtract", x, 0.0), type) == NONE
    assert ruled(lambda g, x: g("add", x, -0.0), type) == NONE
    assert ruled(lambda g, x: g("add", array(-0.0, x.type.dtype), x), type) == NONE
    assert ruled(lambda g, x: g("add", x, 0), type) == line(type, "add a 0")
    assert ruled(lambda g, x: g("add", x, 0.0), type) == line(type, "add a 0.0")
    assert ruled(lambda g, x: g("subtract", x, -0.0), type) == line(type, "subtract a -0.0")
    assert ruled(lambda g, x: g("subtract", 0, x), type) == line(type, "subtract 0 a")
    assert ruled(lambda g, x: g("multiply", x, 0), type) == line(type, "multiply a 0")


def test_integers_have_one_zero():
    for name in ("add", "subtract"):
        for zero in (0, False, array(0, "int32")):
            assert ruled(lambda g, x: g(name, x, zero), I32) == NONE
    assert ruled(lambda g, x: g("add", 0, x), I32) == NONE


@pytest.mark.parametrize("type", [F, F16, F64])
def test_signs_move_into_literals_and_cancel(type):
    assert ruled(lambda g, x: g("multiply", x, -1), type) == line(type, "negative a")
    assert ruled(lambda g, x: g("multiply", g("multiply", x, -1), -1.0), type) == NONE
    assert ruled(lambda g, x: g("multiply", g("negative", x), 3.0), type) == line(type, "multiply a -3.0")
    assert ruled(lambda g, x: g("multiply", 0.0, g("negative", x)), type) == line(type, "multiply a -0.0")
    assert ruled(lambda g, x: g("negative", g("multiply", x, 0.1)), type) == line(type, "multiply a -0.1")
    assert ruled(lambda g, x: g("divide", g("negative", x), 3.0), type) == line(type, "divide a -3.0")
    for name in ("multiply", "divide"):
        both = lambda g, x, y: g(name, g("negative", x), g("negative", y))
        assert ruled(both, type, type) == line(type, f"{name} a b", "c")
    c = array(0.1, type.partition("[")[0])
    (found,) = ruled(lambda g, x: g("negative", g("multiply", c, x)), type)
    assert found.startswith(f"b:{type} = multiply a -0.")


def test_signs_that_stay():
    # of Python's int 0 the sign would be lost; a product that others read would be computed twice
    assert len(ruled(lambda g, x: g("multiply", g("negative", x), 0), F)) == 2
    read_twice = lambda g, x: (g("negative", y := g("multiply", x, 0.1)), y)
    assert ruled(read_twice, F) == [f"b:{F} = multiply a 0.1", f"c:{F} = negative b"]
    # int8's -(-128) is -128: turned before or after it is widened, it is another number
    wide = lambda g, x, y: g("add", y, g("negative", x))
    assert len(ruled(wide, I8, I32)) == 2
    assert ruled(lambda g, x: g("multiply", x, -1), I8) == line(I8, "negative a")


def test_products_that_would_change_the_type_stay():
    assert ruled(lambda g, x: g("multiply", x, 1.0), I32) == line("float32[6]", "multiply a 1.0")
    assert ruled(lambda g, x: g("multiply", x, 1), B) == line("int64[6]", "multiply a 1")
    assert ruled(lambda g, x: g("multiply", x, True), B) == NONE
    assert ruled(lambda g, x: g("multiply", x, array([[1.0]])), F) == line(
        "float32[1,16]", "multiply a const:float32[1,1]"
    )
    assert ruled(lambda g, x: g("multiply", x, array(1, "float64")), F) == line(
        "float64[16]", "multiply a 1.0:float64[]"
    )
    assert ruled(lambda g, n: g("multiply", n, array(1.0)), float) == line("float32[]", "multiply a 1.0:float32[]")


def test_powers_that_may_round_otherwise_stay():
    assert ruled(lambda g, x: g("pow", x, 2), F) == line(F, "pow a 2")
    assert ruled(lambda g, x: g("pow", x, 0.5), F) == line(F, "pow a 0.5")


def test_choices():
    for known, out in ((True, "a"), (False, "b"), (array(True, bool), "a")):
        g = Build(F, F)
        graph = exact_algebra(g.graph(g("where", known, *g.inputs)))
        assert graph.eqns == ()
        assert graph.outputs == (g.inputs["ab".index(out)],)
    assert ruled(lambda g, c, x: g("where", c, x, x), "bool[16]", F) == NONE
    assert ruled(lambda g, c, x: g("where", c, x, x), "bool[1,16]", F) == line("float32[1,16]", "where a b b", "c")
    assert ruled(lambda g, x: g("where", True, x, array(1, "float64")), F)[0].startswith("b:float64[16] = where")


def test_functions_of_their_own_results():
    for name in ("floor", "ceil", "trunc", "round", "sign", "abs"):
        assert ruled(lambda g, x: g(name, g(name, x)), F) == line(F, f"{name} a")
    for name, type in (("logical_not", B), ("bitwise_invert", I32)):
        assert ruled(lambda g, x: g(name, g(name, x)), type) == NONE
    assert len(ruled(lambda g, x: g("logical_not", g("logical_not", x)), I32)) == 2
    for name in ("maximum", "minimum"):
        assert ruled(lambda g, x: g(name, x, x), F) == NONE
    for name in ("bitwise_and", "bitwise_or"):
        assert ruled(lambda g, x: g(name, x, x), I32) == NONE
    assert ruled(lambda g, x: g("logical_and", x, x), B) == NONE
    assert len(ruled(lambda g, x: g("logical_or", x, x), I32)) == 1


def test_even_functions_take_no_sign():
    for name in ("abs", "square"):
        for type in (F, I32, I8):
            assert ruled(lambda g, x: g(name, g("negative", x)), type) == line(type, f"{name} a")
    assert ruled(lambda g, x: g("square", g("negative", x)), U) == line(U, "square a")
    assert len(ruled(lambda g, x: g("abs", g("negative", x)), U)) == 2


def test_shapes_of_shapes():
    assert ruled(lambda g, x: g("reshape", x, shape=(16,)), F) == NONE
    assert ruled(lambda g, x: g("reshape", g("reshape", x, shape=(2, 8)), shape=(16,)), F) == NONE
    assert ruled(lambda g, x: g("reshape", g("reshape", x, shape=(2, 8)), shape=(8, 2)), F) == line(
        "float32[8,2]", "reshape[shape=(8, 2)] a"
    )
    turn = {"axes": (1, 0)}
    assert ruled(lambda g, x: g("permute_dims", x, axes=(0, 1)), M) == NONE
    assert ruled(lambda g, x: g("permute_dims", x, **turn), M) == line(M, "permute_dims[axes=(1, 0)] a")
    assert ruled(lambda g, x: g("permute_dims", g("permute_dims", x, **turn), **turn), M) == NONE
    assert ruled(
        lambda g, x: g("permute_dims", g("permute_dims", x, axes=(2, 0, 1)), axes=(1, 0, 2)), "float32[2,3,4]"
    ) == line("float32[2,4,3]", "permute_dims[axes=(0, 2, 1)] a")
    assert ruled(lambda g, x: g("broadcast_to", x, shape=(16,)), F) == NONE
    assert ruled(lambda g, x: g("broadcast_to", g("broadcast_to", x, shape=(1, 16)), shape=(3, 16)), F) == line(
        "float32[3,16]", "broadcast_to[shape=(3, 16)] a"
    )


def test_a_number_repeated_has_any_shape():
    repeated = lambda g, x: g("broadcast_to", x, shape=(2, 3))
    assert ruled(lambda g, x: g("reshape", repeated(g, x), shape=(6,)), "float32[]") == line(
        "float32[6]", "broadcast_to[shape=(6,)] a"
    )
    assert ruled(lambda g, x: g("permute_dims", repeated(g, x), axes=(1, 0)), "float32[]") == line(
        "float32[3,2]", "broadcast_to[shape=(3, 2)] a"
    )
    assert len(ruled(lambda g, x: g("reshape", repeated(g, x), shape=(6,)), "float32[3]")) == 2


def test_whole_slices():
    for key in ((), (slice(None),), (slice(0, 4), slice(None, 9, 1)), (slice(-4, None),)):
        assert ruled(lambda g, x: g("slice", x, key=key), M) == NONE
        assert ruled(lambda g, x: g("unslice", x, key=key, shape=(4, 4)), M) == NONE
        assert ruled(lambda g, x, y: g("set_slice", x, y, key=key), M, M) == NONE
    for key in ((slice(None, None, -1),), (slice(1, None),), (0,), (None,), (slice(None), slice(0, 4, 2))):
        assert len(ruled(lambda g, x: g("slice", x, key=key), M)) == 1
    assert len(ruled(lambda g, x: g("unslice", x, key=(slice(0, 4),), shape=(5, 4)), M)) == 1
    assert len(ruled(lambda g, x, y: g("set_slice", x, y, key=()), M, "float32[4]")) == 1, "updates that are repeated"


def test_moves_of_nothing():
    assert ruled(lambda g, x: g("pad", x, widths=((0, 0), (0, 0))), M) == NONE
    assert len(ruled(lambda g, x: g("pad", x, widths=((0, 0), (1, 0))), M)) == 1
    assert ruled(lambda g, x: g("concat", x, axis=0), M) == NONE
    assert len(ruled(lambda g, x: g("concat", x, x, axis=0), M)) == 1
    assert ruled(lambda g, x: g("device_put", x, source=CPU, target=CPU), F) == NONE
    assert ruled(lambda g, x: g("stop_gradient", x), F) == NONE


def test_a_move_to_another_device_stays():
    g = Build(F)
    graph = g.graph(g("device_put", *g.inputs, source=CPU, target=Device("cuda")))
    assert exact_algebra(graph) is graph


def to(g, x, *dtypes):
    for name in dtypes:
        x = g("convert" if x.type.dtype.kind in "fc" and name[0] in "fc" else "cast", x, dtype=np.dtype(name))
    return x


@pytest.mark.parametrize(
    ("type", "dtypes", "text"),
    [
        (F, ["float32"], []),
        (F, ["float64", "float32"], []),
        (F16, ["float32", "float64"], ["b:float64[16] = convert[dtype=float64] a"]),
        (F, ["float64", "float16"], ["b:float16[16] = convert[dtype=float16] a"]),
        (C, ["complex128", "complex64"], []),
        (I8, ["int64", "int8"], []),
        (U, ["int16", "int8"], ["b:int8[6] = cast[dtype=int8] a"]),
        (I8, ["int32", "float32"], ["b:float32[6] = cast[dtype=float32] a"]),
        (B, ["uint8", "bool"], []),
    ],
)
def test_wider_dtypes_on_the_way(type, dtypes, text):
    assert ruled(lambda g, x: to(g, x, *dtypes), type) == text


@pytest.mark.parametrize(
    ("type", "dtypes"),
    [
        (F, ["float16", "float32"]),
        (I8, ["uint8", "int8"]),
        ("int64[6]", ["float64", "int64"]),
        (I32, ["float32", "int32"]),
        (I32, ["bool", "int32"]),
        ("float32[1]", ["float64", "int8"]),
    ],
)
def test_dtypes_that_round_or_decide_stay(type, dtypes):
    assert len(ruled(lambda g, x: to(g, x, *dtypes), type)) == 2


def test_elementwise_operations_repeat_their_operands_themselves():
    wide = lambda g, x: g("broadcast_to", x, shape=(4, 4))
    assert ruled(lambda g, x, y: g("multiply", x, wide(g, y)), M, "float32[]") == line(M, "multiply a b", "c")
    assert ruled(lambda g, x, y: g("add", wide(g, x), wide(g, y)), "float32[4,1]", "float32[4]") == line(
        M, "add a b", "c"
    )
    assert len(ruled(lambda g, x, y: g("add", wide(g, x), wide(g, y)), "float32[4]", "float32[4]")) == 2
    assert len(ruled(lambda g, x: g("sin", wide(g, x)), "float32[4]")) == 2
    assert ruled(lambda g, x: g("multiply", x, g("broadcast_to", array(1.0), shape=(4, 4))), M) == NONE
    assert len(ruled(lambda g, x, y: g("matmul", x, wide(g, y)), M, "float32[4]")) == 2


def test_rules_are_of_primitives():
    assert set(RULES) <= set(PRIMITIVES)
