"""Loops that nobody wrote: their gradients under jit, state by state where they can be rolled, as without it."""

from __future__ import annotations

import linecache
import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from rolled import alike, double, other_forward, scaled, triple

import funcgrad as fg
import funcgrad.numpy as fnp

CONDITIONS = [
    "x > 0.5", "x < y", "z * z > 0.25", "n > 2", "a % 2 == 0", "k == 1", "not y > 0.5", "x > 0.0 and y > 0.0",
    "s > 0.25", "half(x) < y", "box['a'] > z", "row.sum() > x", "(lambda v: v > y)(x)", "fn(x) > 0.5",
]  # fmt: skip
STEPS = [
    "x = x * 0.875 + y * 0.125", "y = fnp.sin(x) + y * 0.5", "z = z * x", "x, y = y, x", "z = fg.stop_gradient(x) * y",
    "z = fnp.where(x > y, x * z, y)", "k = (k + 1) % 3", "box = {'a': x, 'b': box['a']}", "box['b'] = y * z",
    "row = fnp.stack([x, y * s])", "z = row.sum()", "row = row[::-1] * 0.5 + row.sum()", "x = half(x)", "y = clip(y)",
    "z = x * k", "y = y * w", "x = x + s", "s = s * 0.5", "dead = fnp.log(z - z)", "dead = fnp.sqrt(x - x)",
    "z = (z * w).astype('float32').astype('float64')", "x = fnp.maximum(x, y) * 0.5", "y = fn(y)",
    "fn = lambda v, x=x: v * 0.25 + x",
    "t = (x, (y, z)); z = t[1][0] * 0.5", "a = a + 1", "x = x * (a % 3)", "x = fnp.cos(z) * w", "z = 0.5",
    "y = fnp.exp(-y * y)", "z = fnp.asarray(0.25)", "c = [x, *c[:2]]", "y = y + c[-1] * 0.25", "a = a * 2 % 7",
    "x = x * float(x > y)", "z = z + n * 0.125", "y = y / (1.0 + x * x)", "x = fnp.sum(row * row) * 0.125",
    "x = double(x) * 0.25", "y = triple(y) * 0.25", "z = scaled(z, k)", "z = other_forward(x, y) * 0.5",
]  # fmt: skip
HEAD = """
def half(x):
    return x * 0.5 if x > 1.0 else x - 0.25

def clip(y):
    while y > 0.5:
        y = y * 0.75 - 0.125
    return y

def f(x, y, n, s):
    z, k, a, fn, c = x * 0.5, 0, n * 2, half, [y]
    box, row = {'a': y, 'b': x * y}, fnp.stack([x, y])
"""
TAIL = "\n    return x * 1.5 + y + z * 0.125 + box['b'] * 0.25 + row.sum() * 0.5\n"


@st.composite
def blocks(draw: Any, depth: int, loop: bool, indent: int = 1) -> list[str]:
    pad = "    " * indent
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["step", "step", "while", "while", "if", "for", "break", "continue", "return"]))
        if kind == "if" and depth:
            lines.append(f"{pad}if {draw(st.sampled_from(CONDITIONS))}:")
            lines += draw(blocks(depth - 1, loop, indent + 1))
            if draw(st.booleans()):
                lines.append(f"{pad}else:")
                lines += draw(blocks(depth - 1, loop, indent + 1))
        elif kind == "while" and depth:
            lines.append(f"{pad}while n > 0{draw(st.sampled_from(['', *(f' and {c}' for c in CONDITIONS)]))}:")
            lines += [f"{pad}    n = n - 1", *draw(blocks(depth - 1, True, indent + 1))]
        elif kind == "for" and depth:
            lines.append(f"{pad}for i in range({draw(st.integers(1, 3))}):")
            lines += draw(blocks(depth - 1, True, indent + 1))
        elif kind in ("break", "continue") and loop:
            lines.append(f"{pad}if {draw(st.sampled_from(CONDITIONS))}: {kind}")
        elif kind == "return" and depth < 2:
            lines.append(f"{pad}if {draw(st.sampled_from(CONDITIONS))}: return x * 2.0 - y * z")
        else:
            lines.append(pad + draw(st.sampled_from(STEPS)))
    return lines


_count = iter(range(10**9))


def compiled(lines: list[str]) -> tuple[Any, str, dict[str, Any]]:
    source = HEAD + "\n".join(lines) + TAIL
    name = f"<random loop {next(_count)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    rules = {"double": double, "triple": triple, "scaled": scaled, "other_forward": other_forward}
    namespace = {"fnp": fnp, "fg": fg, "w": fg.asarray(0.75), "__name__": "random_loop", **rules}
    exec(compile(source, name, "exec"), namespace)
    return namespace["f"], source, namespace


def hold(lines: list[str], calls: int, seed: int) -> Any:
    """Values and gradients as without jit, call after call; the jitted function."""
    plain, source, namespace = compiled(lines)
    rng = np.random.default_rng(seed)
    jitted, forward = fg.jit(plain), fg.jit(plain)
    found, expected = fg.value_and_grad(jitted, (0, 1)), fg.value_and_grad(plain, (0, 1))
    for k in range(calls):
        x, y = (fg.asarray(v) for v in rng.integers(-8, 12, 2) / 4)
        n, s = fg.asarray(rng.integers(0, 8)), float(rng.integers(1, 5) / 4)
        if k % 5 == 4:
            namespace["w"] = fg.asarray(rng.integers(-4, 8) / 4)
        with np.errstate(all="ignore"):
            alike(found(x, y, n, s), expected(x, y, n, s), source)
            alike(forward(x, y, n, s), plain(x, y, n, s), source)
    return jitted


@settings(max_examples=120, deadline=None)
@given(blocks(3, False), st.integers(0, 1000))
def test_random_loops(lines: list[str], seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", fg.errors.JitWarning)
        hold(lines, 12, seed)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(blocks(3, False), st.integers(0, 1000))
def test_many_random_loops(lines: list[str], seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", fg.errors.JitWarning)
        hold(lines, 25, seed)
