"""Signed zeros, infinities and NaN: every function holds to the standard's tables, on plain arrays and on tracers."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import array_api_cases as cases
import numpy as np
import pytest
from tracers import KINDS, call

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.codegen.c.toolchain import toolchain

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of NaN, which is what is asked for

NUMBERS = [
    *(0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0, 4.0, 7.25, -7.25, 100.0, 1e30, -1e30, 1e-30),
    *(math.inf, -math.inf, math.nan),
]
PAIRS = list(itertools.product(NUMBERS, NUMBERS))
DTYPES = ("float32", "float64")
kinds = pytest.mark.parametrize("kind", KINDS)
_PI = {"pi": 1, "pi/2": 0.5, "pi/4": 0.25, "3pi/4": 0.75}


def is_wanted(value: float, wanted: str, operands: tuple[float, ...], cis: float = math.nan) -> bool:
    """Is a result what the table says?"""
    if wanted == "nan":
        return math.isnan(value)
    if wanted in ("sign +", "sign -"):
        return not math.isnan(value) and math.copysign(1, value) == (1 if wanted[-1] == "+" else -1)
    if wanted.startswith("+-"):
        return is_wanted(abs(value), wanted[2:], operands) or is_wanted(abs(value), "+" + wanted[2:], operands)
    if wanted.lstrip("-") in _PI:
        return math.isclose(value, math.pi * _PI[wanted.lstrip("-")] * (-1 if wanted[0] == "-" else 1), rel_tol=1e-6)
    if wanted in ("inf cis", "0 cis"):
        return value == math.copysign(math.inf if wanted[0] == "i" else 0.0, cis) and same_sign(value, cis)
    if wanted == "0":
        return value == 0
    names = {"x1": operands[0], "x2": operands[-1], "|x1|": abs(operands[0]), "|x2|": abs(operands[-1])}
    names["-|x1|"] = -names["|x1|"]
    expected = names[wanted] if wanted in names else float(wanted)
    if math.isnan(expected):
        return math.isnan(value)
    return value == expected and same_sign(value, expected)


def same_sign(a: float, b: float) -> bool:
    return math.copysign(1, a) == math.copysign(1, b)


def holds(conditions: tuple[str, ...], operands: tuple[float, ...]) -> bool:
    return all(cases.CONDITIONS[c](v) for c, v in zip(conditions, operands, strict=True))


def check(
    kind: str, dtype: str, function: Callable[..., Any], rows: list[Any], places: list[tuple[float, ...]]
) -> None:
    """The function at all places at once, against every row whose conditions hold there."""
    columns = [fg.asarray(np.array(column, dtype)) for column in zip(*places, strict=True)]
    places = list(zip(*[column.tolist() for column in columns], strict=True))
    found = call(kind, function, *columns)
    assert isinstance(found, fg.Array)
    wrong, met = [], set()
    for operands, value in zip(places, found.tolist(), strict=True):
        for *conditions, wanted in rows:
            if holds(tuple(conditions), operands):
                met.add((*conditions, wanted))
                if value is not wanted if isinstance(wanted, bool) else not is_wanted(value, wanted, operands):
                    wrong.append((operands, value, wanted))
    assert not wrong
    assert met == set(map(tuple, rows))


@kinds
@pytest.mark.parametrize("name", [*cases.UNARY, *cases.TESTS])
def test_functions_of_one(name: str, kind: str) -> None:
    table: dict[str, Any] = cases.UNARY.get(name, {}) or cases.TESTS[name]
    for dtype in DTYPES:
        check(kind, dtype, getattr(fnp, name), list(table.items()), [(v,) for v in NUMBERS])


@kinds
@pytest.mark.parametrize("name", [*cases.BINARY, *cases.COMPARED])
def test_functions_of_two(name: str, kind: str) -> None:
    rows: list[Any] = cases.BINARY.get(name, []) or cases.COMPARED[name]
    for dtype in DTYPES:
        check(kind, dtype, getattr(fnp, name), rows, PAIRS)


OPERATORS = {
    "add": "add", "divide": "truediv", "floor_divide": "floordiv", "multiply": "mul", "pow": "pow", "remainder": "mod",
    "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
}  # fmt: skip


@kinds
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str, kind: str) -> None:
    rows: list[Any] = cases.BINARY.get(name, []) or cases.COMPARED[name]
    check(kind, "float64", getattr(operator, OPERATORS[name]), rows, PAIRS)
    if name in cases.BINARY:
        check(kind, "float32", getattr(operator, f"i{OPERATORS[name]}"), rows, PAIRS)


@pytest.mark.parametrize("name", [n for n in OPERATORS if n in cases.BINARY])
@pytest.mark.parametrize("kind", ["plain", "jit"])
def test_operators_beside_a_number(name: str, kind: str) -> None:
    rows, operate = cases.BINARY[name], getattr(operator, OPERATORS[name])
    column = fg.asarray(np.array(NUMBERS))
    for y in set(NUMBERS) - ({0.5} if name == "pow" else set()):  # x ** 0.5 is the square root, of minus zero, too
        right, left = call(kind, lambda x, y=y: (operate(x, y), operate(y, x)), column)
        for x, a, b in zip(NUMBERS, right.tolist(), left.tolist(), strict=True):
            for first, second, wanted in rows:
                assert not holds((first, second), (x, y)) or is_wanted(a, wanted, (x, y)), (x, y, a, wanted)
                assert not holds((first, second), (y, x)) or is_wanted(b, wanted, (y, x)), (y, x, b, wanted)


@kinds
def test_clip_of_nan(kind: str) -> None:
    check(kind, "float64", lambda x, y: fnp.clip(x, y, 1e300), [("nan", "any", "nan"), ("any", "nan", "nan")], PAIRS)
    check(kind, "float64", lambda x, y: fnp.clip(x, -1e300, y), [("nan", "any", "nan"), ("any", "nan", "nan")], PAIRS)


# ---- complex numbers ---------------------------------------------------------------------------


def complexes(dtype: str) -> Any:
    """All pairs as complex numbers; by their parts, as inf * 1j is NaN."""
    z = np.empty(len(PAIRS), dtype)
    z.real, z.imag = np.array(PAIRS).T
    return z


def check_complex(kind: str, dtype: str, function: Callable[..., Any], rows: cases.ComplexRows, conj: bool) -> None:
    z = complexes(dtype)
    places = list(zip(z.real.tolist(), z.imag.tolist(), strict=True))
    found = np.asarray(call(kind, function, fg.asarray(z)))
    mirrored = np.asarray(call(kind, function, fg.asarray(z.conj()))) if conj else found.conj()
    wrong, met = [], set()
    for (a, b), value, mirror in zip(places, found.tolist(), mirrored.tolist(), strict=True):
        cis = (math.cos(b), math.sin(b)) if math.isfinite(b) else (math.nan, math.nan)
        for row in rows:
            if not holds(row[:2], (a, b)):
                continue
            met.add(row)
            parts = zip((value.real, value.imag), row[2:], cis, strict=True)
            if not all(is_wanted(part, wanted, (a, b), c) for part, wanted, c in parts):
                wrong.append((a, b, value, row[2:]))
            if not all(
                p == q or (math.isnan(p) and math.isnan(q)) or "+-" in wanted
                for p, q, wanted in ((value.real, mirror.real, row[2]), (-value.imag, mirror.imag, row[3]))
            ):
                wrong.append((a, b, value, mirror, "of the conjugate"))
    assert not wrong
    assert met == set(rows)


@kinds
@pytest.mark.parametrize("name", cases.COMPLEX)
def test_complex_functions(name: str, kind: str) -> None:
    for dtype in ("complex64", "complex128"):
        check_complex(kind, dtype, getattr(fnp, name), cases.COMPLEX[name], conj=True)


def turned(name: str, z: Any) -> Any:
    """-i f(i z), with i z by its parts: what the standard says of asin, atan, sin and tan."""
    w = np.empty_like(z)
    w.real, w.imag = -z.imag, z.real
    found = np.asarray(getattr(fnp, name)(fg.asarray(w)))
    out = np.empty_like(found)
    out.real, out.imag = found.imag, -found.real
    return found if name == "cosh" else out


@kinds
@pytest.mark.parametrize(
    ("name", "other"), [("asin", "asinh"), ("atan", "atanh"), ("sin", "sinh"), ("tan", "tanh"), ("cos", "cosh")]
)
def test_complex_functions_that_are_others_of_a_turned_number(name: str, other: str, kind: str) -> None:
    z = complexes("complex128")
    found, expected = np.asarray(call(kind, getattr(fnp, name), fg.asarray(z))), turned(other, z)
    beside_nan = np.isnan(found.real) | np.isnan(found.imag)  # there the sign of an infinity is unspecified
    for a, b in ((found.real, expected.real), (found.imag, expected.imag)):
        np.testing.assert_allclose(np.where(beside_nan, abs(a), a), np.where(beside_nan, abs(b), b), rtol=1e-12)


@kinds
def test_complex_parts_and_tests(kind: str) -> None:
    z = complexes("complex128")
    x = fg.asarray(z)
    a, b = z.real, z.imag
    for name, expected in {
        "isnan": np.isnan(a) | np.isnan(b),
        "isinf": np.isinf(a) | np.isinf(b),
        "isfinite": np.isfinite(a) & np.isfinite(b),
        "real": a,
        "imag": b,
        "abs": np.hypot(a, b),
    }.items():
        np.testing.assert_allclose(np.asarray(call(kind, getattr(fnp, name), x)), expected, rtol=1e-15)
    for name, (re, im) in {
        "conj": (a, -b),
        "negative": (-a, -b),
        "positive": (a, b),
        "round": (a.round(), b.round()),
    }.items():
        found = np.asarray(call(kind, getattr(fnp, name), x))
        for part, wanted in ((found.real, re), (found.imag, im)):
            np.testing.assert_array_equal(part, wanted)
            np.testing.assert_array_equal(np.signbit(part)[~np.isnan(wanted)], np.signbit(wanted)[~np.isnan(wanted)])
    for name in ("log2", "log10"):
        base = math.log(2 if name == "log2" else 10)
        with np.errstate(all="ignore"):
            wanted = np.log(z)
        found = np.asarray(call(kind, getattr(fnp, name), x))
        np.testing.assert_allclose(found.real, wanted.real / base, rtol=1e-12)
        np.testing.assert_allclose(found.imag, wanted.imag / base, rtol=1e-12)


# ---- programs in C -----------------------------------------------------------------------------


@pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")
@pytest.mark.parametrize("dtype", DTYPES)
def test_programs_in_c(dtype: str, capsys: Any) -> None:
    """All functions at once, of so many numbers that the program is compiled."""
    tables: dict[str, list[Any]] = {name: list(rows.items()) for name, rows in {**cases.UNARY, **cases.TESTS}.items()}
    tables.update(cases.BINARY, **cases.COMPARED)  # type: ignore[arg-type]

    @fg.jit
    def everything(x: Any, y: Any) -> dict[str, Any]:
        x = fnp.where(x == 12345.0, y, x)  # so that no function is alone
        return {name: getattr(fnp, name)(*((x, y)[: len(rows[0]) - 1])) for name, rows in tables.items()}

    repeated = np.array(PAIRS * 60, dtype).T
    columns = [fg.asarray(np.ascontiguousarray(column)) for column in repeated]
    for _ in range(12):
        found = everything(*columns)
    fg.explain(everything, source=True)
    assert "nest0(" in capsys.readouterr().out
    places = list(zip(*(column.tolist() for column in columns), strict=True))[-len(PAIRS) :]
    for name, rows in tables.items():
        values = found[name][-len(PAIRS) :].tolist()
        for operands, value in zip(places, values, strict=True):
            for *conditions, wanted in rows:
                if holds(tuple(conditions), operands[: len(conditions)]):
                    right = value is wanted if isinstance(wanted, bool) else is_wanted(value, wanted, operands)
                    assert right, (name, operands, value, wanted)
