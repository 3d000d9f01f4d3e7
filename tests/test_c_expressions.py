"""Elementwise operations in C against their NumPy kernels: every operation with a spelling, in every dtype.

One file is compiled with a loop for each. Exact operations have eager's bits (all NaNs being one, and of two zeros
`maximum` either); functions are compared with the true value, computed in a wider format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from graphs import Build
from samples import ALL
from scipy import special as scipy_special

import funcgrad.functional  # noqa: F401  # it registers operations of its own
from funcgrad.codegen.c.expressions import CTYPES, constant, expression, spelled
from funcgrad.codegen.c.library import Entry, Parameter
from funcgrad.codegen.c.prelude import prelude
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.expressions import ATOM, Expr
from funcgrad.core import PRIMITIVES, Aval
from funcgrad.ops import elementwise, floats, special

tools = toolchain()
needs_compiler = pytest.mark.skipif(tools is None, reason="there is no C compiler")

DTYPES = [np.dtype(name) for name in CTYPES]
CASTS = ("convert", "cast")
ARITY = {sample.primitive: len(sample.args) for sample in ALL}
ELEMENTWISE = sorted(name for name, p in PRIMITIVES.items() if p.elementwise)
WITHOUT = {("pow", "i"), ("fmod", "i"), ("fmod", "u"), ("reciprocal", "i"), ("reciprocal", "u")}
"""(operation, kind) that eager computes and C does not: they raise an error, or warn, for some whole numbers."""
EAGER_ALONE = {*floats.__all__, *vars(special)} - {"fmod", *vars(elementwise)}
"""Operations whose values have no spelling of eager's bits in one line: programs call their kernels."""

ULPS = {
    "exp": 4, "expm1": 4, "log": 4, "log1p": 4, "log2": 4, "log10": 4, "sin": 4, "cos": 4, "tan": 4, "asin": 4,
    "acos": 4, "atan": 4, "sinh": 4, "cosh": 4, "tanh": 4, "asinh": 4, "acosh": 4, "atanh": 4, "atan2": 4, "hypot": 4,
    "pow": 4, "logaddexp": 4, "sigmoid": 4, "softplus": 4, "erf": 4, "erfc": 8, "erfinv": 4,
}  # fmt: skip
"""How far functions may be from the true value; everything else is exact. (Eager's erfc is 6.9 ulp off.)"""
EITHER_ZERO = {"maximum", "minimum", "relu", "relu6"}

COUNT = 4096


class Case(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    target: np.dtype[Any] | None = None

    def __str__(self) -> str:
        return f"{self.name}-{self.dtype}" + (f"-{self.target}" if self.target else "")

    @property
    def function(self) -> str:
        return f"test_{self}".replace("-", "_")

    @property
    def arity(self) -> int:
        return 1 if self.target else ARITY[self.name]


def kernel_keeps_dtype(name: str, dtype: np.dtype[Any]) -> bool:
    """Does eager compute that in this dtype?"""
    if name == "multiply_high":  # of 64 bits alone, as its declaration says
        return dtype.name == "uint64"
    halves = [np.full(2, 0.5).astype(dtype)] * ARITY[name]
    if name == "where":
        halves[0] = np.ones(2, bool)
    try:
        with np.errstate(all="ignore"):
            out = PRIMITIVES[name].kernel(np, *halves)
    except TypeError:
        return False
    return out.dtype == PRIMITIVES[name].infer(*[Aval(x.shape, x.dtype) for x in halves]).dtype


def texts(case: Case) -> list[Expr]:
    return [Expr("xyz"[i] + "[i]") for i in range(case.arity)]


def written(case: Case) -> Expr | None:
    return spelled(case.name, case.dtype, texts(case), case.target)


CASES = [
    Case(name, dtype)
    for name in ELEMENTWISE
    for dtype in DTYPES
    if kernel_keeps_dtype(name, dtype) and spelled(name, dtype, [Expr("x")] * ARITY[name])
] + [Case("cast", a, b) for a in DTYPES for b in DTYPES if a != b]


def result_of(case: Case) -> np.dtype[Any]:
    if case.target:
        return case.target
    return np.asarray(kernel(case, *[np.ones(1, t) for t in types_of(case)])).dtype


def types_of(case: Case) -> list[np.dtype[Any]]:
    types = [case.dtype] * case.arity
    return [np.dtype(bool), *types[1:]] if case.name == "where" else types


def kernel(case: Case, *xs: Any) -> Any:
    params = {"dtype": case.target} if case.target else {}
    with np.errstate(all="ignore"):
        return PRIMITIVES[case.name].kernel(np, *xs, **params)


def loop(case: Case) -> tuple[str, Entry]:
    names = "xyz"[: case.arity]
    out = CTYPES[result_of(case).name]
    types = [f"const {CTYPES[t.name]} *" for t in types_of(case)] + [f"{out} *"]
    declared = ", ".join(f"{t}restrict {n}" for t, n in zip(types, [*names, "out"], strict=True))
    expr = written(case)
    assert expr is not None
    text = f"""
long {case.function}({declared})
{{
    #pragma omp simd
    for (long long i = 0; i < {COUNT}; i++)
        out[i] = {expr.text};
    return 0;
}}
"""
    return text, Entry(case.function, tuple(Parameter(t, COUNT) for t in types))


@pytest.fixture(scope="module")
def functions() -> dict[Case, Callable[..., int]]:
    assert tools is not None
    parts = [loop(case) for case in CASES]
    body = "".join(text for text, _ in parts)
    made = tools.functions(prelude(body, tools.vector_functions) + body, [entry for _, entry in parts])
    return dict(zip(CASES, made, strict=True))


def values(dtype: np.dtype[Any], seed: int) -> np.ndarray[Any, Any]:
    """Special numbers beside random ones of all sizes."""
    random = np.random.default_rng(seed)
    if dtype.kind == "b":
        return random.random(COUNT) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        special = [0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 100, info.max, info.max - 1, info.min, info.min + 1]
        special += [-1, -2, -3, -64] if dtype.kind == "i" else []
        small, large = random.integers(0, 12, COUNT), random.integers(info.min, info.max, COUNT, dtype, endpoint=True)
        small = small - (6 if dtype.kind == "i" else 0)
        mixed = np.where(random.random(COUNT) < 0.5, small.astype(dtype), large)
    else:
        info = np.finfo(dtype)
        special = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -0.5, -2.5, 2.0, 3.0, np.pi, 1e-5, 88.7, -104.0, 709.7, -745.0]
        special += [np.inf, -np.inf, np.nan, info.max, info.min, info.tiny, -info.tiny, info.smallest_subnormal]
        special += [info.tiny / 4, -info.smallest_subnormal, info.eps, 1 + info.eps, 1 - info.epsneg, 1 / info.eps]
        normal = random.standard_normal(COUNT) * 3
        sizes = np.ldexp(random.uniform(-1, 1, COUNT), random.integers(info.minexp - 20, info.maxexp, COUNT))
        mixed = np.where(random.random(COUNT) < 0.6, normal, sizes).astype(dtype)
    places = random.choice(COUNT, len(special) * 20, replace=False)
    mixed[places] = np.array(special * 20, dtype)
    return mixed


def arguments(case: Case) -> list[np.ndarray[Any, Any]]:
    """The operands, so that they meet each special number in each other's place."""
    xs = [values(t, seed) for seed, t in enumerate(types_of(case))]
    if case.target and case.dtype.kind == "f":  # numbers as large as the target's
        wide = np.random.default_rng(9).uniform(-1, 1, COUNT // 2) * 2.0 ** (8 * case.target.itemsize + 1)
        xs[0][COUNT // 2 :] = wide.astype(case.dtype)
    return xs


def alike(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], either_zero: bool) -> np.ndarray[Any, Any]:
    """Where are the bits equal, all NaNs being one?"""
    if a.dtype.kind != "f":
        return a == b
    same = (a == b) & (either_zero | (np.signbit(a) == np.signbit(b)))
    return same | (np.isnan(a) & np.isnan(b))


def reference(case: Case, xs: list[Any]) -> Any:
    """The true values, in a format of more digits."""
    if case.name in ("erf", "erfc", "erfinv") and case.dtype.name == "float64":
        return np.array([_digits(case.name, x) for x in xs[0]], np.longdouble)
    wide = [x.astype("float64" if x.dtype.name == "float32" else np.longdouble) for x in xs]
    with np.errstate(all="ignore"):
        if case.name == "sigmoid":
            return 1 / (1 + np.exp(-wide[0]))
        if case.name == "softplus":
            return np.log1p(np.exp(-np.abs(wide[0]))) + np.maximum(wide[0], 0)
    return kernel(case, *wide)


def _digits(name: str, x: float) -> Any:
    """A function's value by mpmath, which knows no signed zeros."""
    if not np.isfinite(x) or x == 0 or abs(x) > 1e4 or (name == "erfinv" and abs(x) >= 1):
        return getattr(scipy_special, name)(x)
    with mpmath.workdps(25):
        value = getattr(mpmath, name)(mpmath.mpf(float(x)))
        high = float(value)
        return np.longdouble(high) + np.longdouble(float(value - mpmath.mpf(high)))


def ulps(found: Any, true: Any, *terms: Any) -> Any:
    """The distance in units of the last place of the true value, or of a larger term of it.

    A rounded true value, infinities and NaN among them, is at most half a unit away.
    """
    dtype = found.dtype
    with np.errstate(all="ignore"):
        rounded = true.astype(dtype)
        size = np.max(np.abs([rounded, *terms]), axis=0)
        unit = np.spacing(np.minimum(size, np.finfo(dtype).max)).astype(true.dtype)
        distance = np.abs(found.astype(true.dtype) - true) / unit
    special = ~np.isfinite(rounded)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    # a value that rounds to infinity may come out as the largest number, and the other way round
    edge = special & ~np.isnan(rounded) & (np.abs(found) >= np.finfo(dtype).max)
    return np.where(same, np.minimum(np.where(np.isnan(distance), 0, distance), 0.5), np.where(edge, 1, distance))


@needs_compiler
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the references, for NaN and infinities
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_operation_in_c_has_its_kernels_values(case: Case, functions: Any) -> None:
    xs = arguments(case)
    out = np.empty(COUNT, result_of(case))
    assert functions[case](*xs, out) == 0
    if case.dtype.kind == "f" and case.name in ULPS:
        true = reference(case, xs)
        # logaddexp is a sum that may cancel: it is as exact as its terms are
        distance = ulps(out, true, *(xs if case.name == "logaddexp" else []))
        worst = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
        assert distance[worst] <= ULPS[case.name], [x[worst] for x in (*xs, out, true)]
        return
    expected = kernel(case, *xs)
    same = alike(out, expected, case.name in EITHER_ZERO)
    if case.target and case.dtype.kind == "f":  # NumPy's vectors and its rests may differ beyond the range
        single = np.array([kernel(case, x[None])[0] for x in xs[0]])
        same |= ~alike(single, expected, False)
    wrong = np.flatnonzero(~same)
    assert not wrong.size, [(*[x[i] for x in xs], out[i], expected[i]) for i in wrong[:5]]


def test_what_has_no_spelling_is_known() -> None:
    """Of the dtypes that C has. Half precision and complex numbers have none at all."""
    missing = {
        (name, dtype.kind)
        for name in ELEMENTWISE
        if name not in EAGER_ALONE
        for dtype in DTYPES
        if kernel_keeps_dtype(name, dtype) and Case(name, dtype) not in CASES
    }
    assert missing == WITHOUT
    for dtype in ("float16", "complex64", "complex128", "longdouble"):
        assert spelled("add", np.dtype(dtype), [Expr("x"), Expr("y")]) is None
        assert spelled("cast", np.dtype("float32"), [Expr("x")], np.dtype(dtype)) is None
        assert constant(1, np.dtype(dtype)) is None


# ---- numbers -----------------------------------------------------------------------------------

NUMBERS: list[Any] = [
    0, 1, -1, True, False, 127, 128, -128, -129, 255, 256, 2**15, -(2**15), 2**16 - 1, 2**24 + 1, 2**31 - 1, -(2**31),
    2**32 - 1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, 10**400, 0.0, -0.0, 0.1, -0.1, 1e-45, 1e-40, 5e-324,
    3.4028234e38, 1e39, 1e300, -1e300, 16777217.0, float("inf"), -float("inf"), float("nan"), 1e-7, 123456789.0,
]  # fmt: skip


def as_numpy(value: Any, dtype: np.dtype[Any]) -> Any:
    """The number beside an array of that dtype, in which NumPy computes; None where it raises an error."""
    if (dtype.kind in "iub" and not isinstance(value, int)) or (dtype.kind == "b" and not isinstance(value, bool)):
        return None
    try:
        with np.errstate(over="ignore"):
            return np.asarray(value, dtype)
    except OverflowError:
        return None


@needs_compiler
def test_numbers_are_numpys() -> None:
    assert tools is not None
    lines, expected, entries = [], [], []
    for dtype in DTYPES:
        held = [(n, as_numpy(n, dtype)) for n in NUMBERS]
        for n, value in held:
            assert (constant(n, dtype) is None) == (value is None), (n, dtype)
        values = [value for _, value in held if value is not None]
        texts = [constant(n, dtype) for n, value in held if value is not None]
        stores = "".join(f"    out[{i}] = 1 ? {text.inside(ATOM)} : 0;\n" for i, text in enumerate(texts) if text)
        lines.append(f"long numbers_{dtype}({CTYPES[dtype.name]} *out)\n{{\n{stores}    return 0;\n}}\n")
        entries.append(Entry(f"numbers_{dtype}", (Parameter(f"{CTYPES[dtype.name]} *", len(values)),)))
        expected.append(np.array(values, dtype))
    for function, right in zip(tools.functions("".join(lines), entries), expected, strict=True):
        out = np.empty_like(right)
        assert function(out) == 0
        assert alike(out, right, False).all()


POWERS = [("float32", p) for p in (-2, -1, 0, 1, 2, 3, 4, 5, 0.5, 2.0, 3.0, -1.0, 2.5, 1e-3)]
POWERS += [("float64", p) for p in (-1, 2, 3.0, 4, 7)]
POWERS += [(name, p) for name in ("int8", "int32", "int64", "uint16", "uint64") for p in (0, 1, 2, 3, 4, 5, 13)]


@needs_compiler
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_known_powers() -> None:
    """Small ones are products, so that no function is called; those of signed integers have spellings, too."""
    assert tools is not None
    bodies, entries = [], []
    for i, (name, power) in enumerate(POWERS):
        text = spelled("pow", np.dtype(name), [Expr("x[i]"), Expr("")], exponent=power)
        assert text is not None
        t = CTYPES[name]
        bodies.append(
            f"long power_{i}(const {t} *x, {t} *out)\n"
            f"{{\n    for (int i = 0; i < {COUNT}; i++)\n        out[i] = {text.text};\n    return 0;\n}}\n"
        )
        entries.append(Entry(f"power_{i}", (Parameter(f"const {t} *", COUNT), Parameter(f"{t} *", COUNT))))
    body = "".join(bodies)
    functions = tools.functions(prelude(body, tools.vector_functions) + body, entries)
    for (name, power), function in zip(POWERS, functions, strict=True):
        x = values(np.dtype(name), 3)
        out = np.empty_like(x)
        assert function(x, out) == 0
        if x.dtype.kind != "f":
            assert (out == PRIMITIVES["pow"].kernel(np, x, power)).all(), (name, power)
            continue
        true = x.astype("float64" if name == "float32" else np.longdouble) ** power
        assert np.max(ulps(out, true)) <= 4, (name, power)


@pytest.mark.parametrize(("dtype", "power"), [("int32", -1), ("int32", 2.5), ("uint8", 256), ("bool", 2)])
def test_powers_that_integers_have_not(dtype: str, power: float) -> None:
    """NumPy raises an error for them, which the kernel has to."""
    assert spelled("pow", np.dtype(dtype), [Expr("x"), Expr("")], exponent=power) is None


# ---- text --------------------------------------------------------------------------------------


def written_in_full(*steps: tuple[str, int]) -> str:
    """Operations of x, y and z, each with the one before as its operand in that place."""
    float32 = np.dtype("float32")
    found, names = Expr("x"), iter("yzw")
    for name, place in steps:
        arity = ARITY[name]
        operands = [found if i == place else Expr(next(names)) for i in range(arity)]
        result = spelled(name, float32 if name != "logical_not" else np.dtype(bool), operands)
        assert result is not None
        found = result
    return found.text


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([("add", 0), ("multiply", 0)], "(x + y) * z"),
        ([("multiply", 0), ("add", 0)], "x * y + z"),
        ([("subtract", 1)], "y - x"),
        ([("add", 0), ("subtract", 1)], "z - (x + y)"),
        ([("divide", 0), ("divide", 1)], "z / (x / y)"),
        ([("negative", 0), ("negative", 0)], "-(-x)"),
        ([("multiply", 0), ("negative", 0)], "-(x * y)"),
        ([("add", 0), ("exp", 0)], "exp_float32(x + y)"),
        ([("less", 0), ("logical_not", 0)], "!(x < y)"),
        ([("less", 0), ("where", 0)], "x < y ? z : w"),
        ([("add", 0), ("reciprocal", 0)], "1.0f / (x + y)"),
        ([("maximum", 0), ("add", 0)], "maximum_float32(x, y) + z"),
    ],
)
def test_parentheses_stand_where_they_are_needed(steps: list[tuple[str, int]], text: str) -> None:
    assert written_in_full(*steps) == text


def test_small_integers_wrap_around_at_each_step() -> None:
    inner = spelled("add", np.dtype("int8"), [Expr("x"), Expr("y")])
    assert inner is not None
    outer = spelled("multiply", np.dtype("int8"), [inner, Expr("z")])
    assert outer is not None
    assert outer.text == "(signed char)((signed char)(x + y) * z)"


def test_an_equation_says_its_dtype_and_its_power() -> None:
    g = Build("float32[3]", "bool[3]", float)
    x, c, rate = g.inputs
    square = g("pow", x, 2)
    chosen = g("where", c, square, rate)
    whole = g("cast", chosen, dtype=np.dtype("int64"))
    eqns = g.graph(whole).eqns
    texts = [expression(eqn, [Expr(n) for n in "abc"[: len(eqn.operands)]]) for eqn in eqns]
    assert [t and t.text for t in texts] == ["square_float32(a)", "a ? b : c", "(long long)a"]


def test_what_is_not_elementwise_has_no_expression() -> None:
    g = Build("float32[3]")
    eqns = g.graph(g("sum", *g.inputs, axes=(0,))).eqns
    assert expression(eqns[0], [Expr("x")]) is None


def test_the_prelude_has_what_is_called_and_nothing_else() -> None:
    assert prelude("x + y;") == ""
    assert prelude("tanhf(x)", {"tanhf"}) == ('__attribute__((simd("notinbranch"), const)) float tanhf(float);\n')
    assert prelude("pow(x, y)") == "__attribute__((const)) double pow(double, double);\n"
    text = prelude("relu6_float32(x)")
    assert text.index("float minimum_float32") < text.index("float relu6_float32")
    assert text.index("float maximum_float32") < text.index("float relu6_float32")
    assert text.count("static inline") == 3


@needs_compiler
def test_a_sine_beside_its_cosine_is_computed_in_vectors() -> None:
    """gcc would make one call of them, of a function that there is not for vectors."""
    assert tools is not None
    if not {"sinf", "cosf"} <= tools.vector_functions:
        pytest.skip("the C library has no sine for vectors")
    body = """
long both(const float *restrict x, float *restrict out)
{
    for (int i = 0; i < 1024; i++)
        out[i] = sinf(x[i]) * cosf(x[i]);
    return 0;
}
"""
    path = tools.cache.library(prelude(body, tools.vector_functions) + body, tools.compiler)
    library = path.read_bytes()
    assert b"sincosf" not in library
    assert b"_sinf\0" in library
    assert b"_ZGV" in library


@needs_compiler
def test_a_product_is_rounded_before_it_is_added_to() -> None:
    """a * b - c is 0 where c is the product, as in eager funcgrad; fused it would be what rounding has lost."""
    assert tools is not None
    body = """
long rest(const float *restrict x, float *restrict out)
{
    for (int i = 0; i < 1024; i++)
        out[i] = x[i] * x[i] - square_float32(x[i]);
    return 0;
}
"""
    source = prelude(body) + body
    (rest,) = tools.functions(source, [Entry("rest", (Parameter("const float *", 1024), Parameter("float *", 1024)))])
    x, out = np.random.default_rng(0).random(1024, "float32"), np.ones(1024, "float32")
    assert rest(x, out) == 0
    assert (out == 0).all()
