"""Programs that nobody wrote: random ifs, whiles, fors and breaks on two numbers, under jit as without it.

Values, gradients and batches are held against the plain function, at several points each, so that paths are recorded,
grafted and rolled in many orders.
"""

from __future__ import annotations

import functools
import linecache
import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import LostDerivativeWarning

CONDITIONS = [
    "x > 1.0", "y < x", "abs(x - y) > 0.5", "n < 4", "x * y > 2.0", "n % 2 == 0", "int(x) > 2", "x > 0.5 and y > 0.5",
    "not (y > 3.0)", "x > 2.0 or y < -1.0", "len(seen) > 2", "-2.0 < x < 2.0",
    "any(v > 2.0 for v in (x, y))", "box['v'] > y", "len(text) % 2 == 1", "counted(x) > 2", "max(x, y) > 3.0",
    "rows.sum() > x", "[v for v in (x, y) if v > 1.0]", "keep(x) < 2.0", "(lambda v: v > y)(x)", "tally.n > 2",
]  # fmt: skip
STEPS = [
    "x = x - 0.5", "y = y + x * 0.25", "n += 1", "x, y = y, x - 1.0", "seen.append(n)", "y = y - float(len(seen))",
    "n = int(x)", "x = x * 0.5 if y > 1.0 else x - 0.25", "z = x; x = y - 0.5; y = z", "x = fnp.maximum(x, y) - 0.75",
    "pair = (x, y); x = pair[1] - 0.25; y = pair[0] * 0.5", "x = half(x)", "y = clip(y)", "x = x - y.item() * 0.125",
    "x = x - 0.25 * counted(y)", "y = functools.reduce(lambda a, b: a - b if a > b else a, [y, x * 0.25, 0.5])",
    "x, y = sorted([x - 0.5, y], key=lambda v: -v)", "y = y * 0.5 + sum(halves(x)) * 0.125",
    "x = down(x, n % 3) - 0.25", "box = {'v': x - 0.5, 'n': (box['n'] + 1) % 3}", "box['v'] = y",
    "x = x - box['v'] * 0.125 - box['n'] * 0.25", "text += 'a'", "text = 'b' if text == 'a' else 'a'",
    "y = y - 0.25 * len(text)", "keep = lambda v, x=x: v - x * 0.125", "keep = late(lambda: x)", "x = keep(x) - 0.25",
    "rows = fnp.stack([x, y])", "rows = fnp.concatenate([rows, rows * 0.5])[:5]", "y = y - rows.sum() * 0.125",
    "a = b = [0.5]; a[0] = 0.25; x = x - b[0]", "first, *rest = [x, y, x - y]; x = rest[1] - 0.125", "tally.n += 1",
    "y = y - 0.125 * tally.n", "append(1)", "x = x - 0.0625 * len(append.__self__)", "x = (x * 2.0 - half(y)) * 0.25",
    "y = y - 0.25 * len(list(halves(x)))", "x = x.astype('float32').astype('float64') * 0.5",
    "x = x - 0.125 * (n if y > x else turns)", "y = holder.shrink(y)", "x = x - holder.k * 0.125",
]  # fmt: skip
HELPERS = """
def half(x):
    return x * 0.5 if x > 1.0 else x - 0.25

def clip(y):
    while y > 2.0:
        y = y - 1.0
    return y

def counted(x):
    n = 0
    for k in range(4):
        if x < k:
            break
        n += 1
    else:
        n = 7
    return n

def halves(x):
    turns = 0
    while x > 1.0 and turns < 6:
        x = x * 0.5
        turns += 1
        yield x

def down(x, n):
    return down(x - 0.5, n - 1) if n > 0 and x > 0.5 else x

def late(get):
    return lambda v: v - get() * 0.125

class Holder:
    def __init__(self): self.k = 0
    def shrink(self, v):
        turns = 0
        while v > 1.5 and turns < 9:
            v = v * 0.75 - 0.125
            self.k = (self.k + 1) % 2
            turns += 1
        return v
"""


STATE = """    box, text, keep, rows = {'v': x * 0.5, 'n': 0}, '', half, fnp.stack([x, y])
    append, holder = [].append, Holder()
    class tally: n = 0
"""


@st.composite
def blocks(draw: Any, depth: int, loop: bool, indent: int = 1) -> list[str]:
    pad = "    " * indent
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["step", "step", "if", "while", "for", "break", "return", "try", "each"]))
        if kind == "if" and depth:
            lines.append(f"{pad}if {draw(st.sampled_from(CONDITIONS))}:")
            lines += draw(blocks(depth - 1, loop, indent + 1))
            if draw(st.booleans()):
                lines.append(f"{pad}else:")
                lines += draw(blocks(depth - 1, loop, indent + 1))
        elif kind == "while" and depth:
            lines.append(f"{pad}while {draw(st.sampled_from(CONDITIONS))}:")
            lines += draw(blocks(depth - 1, True, indent + 1))
            lines.append(f"{pad}    turns += 1")
            if draw(st.booleans()):
                lines[-1:] = []
                lines.append(f"{pad}    x = x - 0.375; y = y * 0.5 - 0.125")
                lines.append(f"{pad}    if x < -6.0 or not y < 50.0: break")
            else:
                lines.append(f"{pad}    if turns > 6: break")
        elif kind == "for" and depth:
            lines.append(f"{pad}for i in range({draw(st.integers(1, 3))}):")
            lines += draw(blocks(depth - 1, True, indent + 1))
        elif kind == "try" and depth:
            lines.append(f"{pad}try:")
            lines += draw(blocks(depth - 1, loop, indent + 1))
            lines += [f"{pad}finally:", f"{pad}    {draw(st.sampled_from(STEPS))}"]
        elif kind == "each" and depth:
            lines.append(
                f"{pad}for v in {draw(st.sampled_from(['[x, y]', 'halves(x)', 'map(half, [x, y])', 'rows']))}:"
            )
            lines += [f"{pad}    x = x - v * 0.125", *draw(blocks(depth - 1, True, indent + 1))]
            lines += [f"{pad}    turns += 1", f"{pad}    if turns > 9: break", f"{pad}else:", f"{pad}    n += 1"]
        elif kind == "break" and loop:
            lines.append(f"{pad}if {draw(st.sampled_from(CONDITIONS))}: break")
        elif kind == "return" and depth < 2:
            lines.append(f"{pad}if {draw(st.sampled_from(CONDITIONS))}: return x * 2.0 - y")
        else:
            lines.append(pad + draw(st.sampled_from(STEPS)))
    return lines


_count = iter(range(10**9))


def compiled(lines: list[str]) -> Any:
    body = "\n".join(lines)
    source = (
        f"{HELPERS}\ndef f(x, y):\n    n = turns = 0; seen = []\n{STATE}{body}\n    return x * 1.5 + y + float(n)\n"
    )
    name = f"<random program {next(_count)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace = {"fnp": fnp, "functools": functools, "__name__": "random_program"}
    exec(compile(source, name, "exec"), namespace)
    return namespace["f"], source


POINTS = [(0.25, 0.75), (1.5, -1.25), (3.75, 2.5), (6.5, 0.5), (-1.0, 5.25), (11.0, 2.0), (2.25, 2.25), (6.0, -3.0)]


def steps(f: Any, point: tuple[float, float]) -> bool:
    """Does the program end soon, and with finite numbers?"""
    budget = [20_000]

    def tick(frame: Any, event: str, arg: Any) -> Any:
        budget[0] -= 1
        if budget[0] < 0:
            raise TimeoutError
        return tick

    import sys

    before = sys.gettrace()
    sys.settrace(tick)
    try:
        return bool(np.isfinite(float(f(np.float64(point[0]), np.float64(point[1])))))
    except (TimeoutError, OverflowError, ValueError):
        return False
    finally:
        sys.settrace(before)


def hold(lines: list[str], order: list[int]) -> None:
    plain, source = compiled(lines)
    points = [p for p in (POINTS[i] for i in order) if steps(plain, p)]
    if not points:
        return
    arrays = [(fg.asarray(np.float64(a)), fg.asarray(np.float64(b))) for a, b in points]
    jitted = fg.jit(plain)
    inside, outside, gradient = fg.jit(fg.grad(plain)), fg.grad(fg.jit(plain)), fg.grad(plain)
    values, slopes = [float(plain(*p)) for p in arrays], [float(gradient(*p)) for p in arrays]
    for p, value, slope in zip(arrays, values, slopes, strict=True):
        np.testing.assert_allclose(float(jitted(*p)), value, rtol=1e-12, err_msg=source)
        np.testing.assert_allclose(float(inside(*p)), slope, rtol=1e-10, atol=1e-12, err_msg=source)
        np.testing.assert_allclose(float(outside(*p)), slope, rtol=1e-10, atol=1e-12, err_msg=source)
    batch = [fnp.stack(column) for column in zip(*arrays, strict=True)]
    for f in (fg.vmap(jitted), fg.jit(fg.vmap(plain))):
        for _ in range(2):
            np.testing.assert_allclose(np.asarray(f(*batch)), values, rtol=1e-12, err_msg=source)


@settings(max_examples=150, deadline=None)
@given(blocks(3, False), st.lists(st.integers(0, len(POINTS) - 1), min_size=4, max_size=14))
def test_random_programs(lines: list[str], order: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", LostDerivativeWarning)  # of y.item()
        hold(lines, order)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(blocks(3, False), st.lists(st.integers(0, len(POINTS) - 1), min_size=4, max_size=14))
def test_many_random_programs(lines: list[str], order: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", LostDerivativeWarning)  # of y.item()
        hold(lines, order)
