"""Scans that nobody wrote: their values and what transforms make of them, under jit as without it."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp

SOURCE = """
def f(w, u, o, b, table, h0, c0, xs, ms, ns):
    def step(carry, row):
        h, c, s = carry
        x, m, n = (h[:, :1] * ones, 1.0, ns[0]) if row is None else row
        {lines}
        return ({h}, {c}, {s}), ({ys})

    ones = fnp.ones((1, D), dtype="float64")
    return fg.scan(step, (h0, c0, u * 0.0), {rows}, length=T, reverse={reverse})
"""
STEPS = [  # what a line makes, of values of the hidden size (H) and of that of the rows (X)
    ("H", "{X} @ w"), ("H", "{X} @ w"), ("H", "{X} @ w"), ("H", "{H} @ u"), ("H", "{H} @ u"), ("H", "{H} @ u.T"),
    ("X", "{H} @ o"), ("H", "{H} @ (({H}.T @ {H}) @ u)"), ("H", "fnp.tanh({H})"), ("H", "fnp.tanh({H})"),
    ("H", "{H} + {H} * 0.5"), ("H", "{H} * fnp.sin({H}) - b"), ("H", "{H} * m"), ("X", "-{X}"),
    ("X", "{X} * {X} + 0.25"), ("H", "table[n]"), ("H", "fg.stop_gradient({H})"), ("H", "(u @ {H}.T).T"),
    ("H", "({H}.reshape(-1) * 0.5).reshape(B, H)"), ("H", "fnp.where({H} > b, {H}, {H} * 0.25)"),
    ("H", "fg.scan(lambda q, z: (fnp.tanh(q @ u + z @ w), q), {H}, fnp.stack([{X}, {X}]))[0]"),
]  # fmt: skip
NEXT_H = ["fnp.tanh({H})", "fnp.tanh({H} + {H})", "fnp.sin({H})", "h"]
NEXT_C = ["c * 0.5 + {H} * 0.25", "fnp.tanh({H})", "c"]
NEXT_S = [
    "s", "s + {H}.T @ {H}", "s - {H}.T @ {H} * 1.0", "s + {H}.sum(0)", "{H}.T @ {H} + s", "s + ({H} @ u).sum(0)",
    "s * 0.5 + {H}.sum(0)", "(s + {H}.sum(0)) - {H}.T @ {H}", "s + (({H}.T @ {H}).T + -({H}.T @ {H}))",
]  # fmt: skip
YS = ["{H}", "{X}", "{H} @ o", "fnp.tanh({H} @ o) @ w", "h", "x", "s", "m", "{X} @ w"]
FLOATS = tuple(range(9))


def scanned(rng: random.Random) -> tuple[Any, str, dict[str, int]]:
    """A function, its text and the sizes in it."""
    sizes = {name: rng.choice([1, 2, 3, 5]) for name in "BDHT"}
    known = {"H": ["h", "c"], "X": ["x"]}

    def drawn(choices: list[str]) -> str:
        text = rng.choice(choices)
        for kind, names in known.items():
            while f"{{{kind}}}" in text:
                text = text.replace(f"{{{kind}}}", rng.choice(names), 1)
        return text

    lines = []
    for k in range(rng.randint(2, 9)):
        kind, text = rng.choice(STEPS)
        lines.append(f"v{k} = {drawn([text])}")
        known[kind].append(f"v{k}")
    source = SOURCE.format(
        lines="\n        ".join(lines),
        h=drawn(NEXT_H),
        c=drawn(NEXT_C),
        s=drawn(NEXT_S),
        ys="".join(f"{drawn(YS)}, " for _ in range(rng.randint(0, 3))),
        rows="(xs, ms, ns)" if rng.random() < 0.85 else "None",
        reverse=rng.random() < 0.4,
    )
    namespace = {"fg": fg, "fnp": fnp, **sizes}
    exec(source, namespace)
    return namespace["f"], source, sizes


def hold(seed: int) -> None:
    """A random scan does under jit what it does without."""
    rng, values = random.Random(seed), np.random.default_rng(seed)
    f, source, sizes = scanned(rng)
    b, d, h, t = (sizes[name] for name in "BDHT")
    shapes = [(d, h), (h, h), (h, d), (h,), (4, b, h), (b, h), (b, h), (t, b, d), (t, b, h)]
    args = [fnp.asarray(values.standard_normal(s) * 0.6) for s in shapes] + [fnp.asarray(values.integers(0, 4, t))]

    def loss(*args: Any) -> Any:
        return sum((fnp.sin(x) * (k + 0.3)).sum() for k, x in enumerate(fg.tree.leaves(f(*args))))

    def tangent(*args: Any) -> Any:
        return fg.jvp(lambda *xs: f(*xs, args[9]), args[:9], [x * 0.5 + 0.1 for x in args[:9]])

    def second(*args: Any) -> Any:
        return fg.grad(lambda *xs: sum(fnp.cos(g).sum() for g in fg.grad(loss, (1, 7))(*xs)), (0, 1, 5))(*args)

    gradient = fg.value_and_grad(loss, FLOATS)
    axes = tuple(rng.choice([0, None]) for _ in args)
    if axes == (None,) * len(args):
        axes = (0, *axes[1:])
    pairs = zip(args, axes, strict=True)
    batch = [x if a is None else fnp.stack([x, x if x.dtype.kind == "i" else x * 0.7]) for x, a in pairs]
    of_batch = fg.vmap(gradient, in_axes=axes)
    works = [(f, f, args), (gradient, gradient, args), (fg.value_and_grad(fg.jit(loss), FLOATS), gradient, args)]
    works.append(rng.choice([(tangent, tangent, args), (second, second, args), (of_batch, of_batch, batch)]))
    for work, plain, given_ in works:
        expected, found = plain(*given_), fg.jit(work) if work is plain else work
        for _ in range(3):
            for x, y in zip(fg.tree.leaves(found(*given_)), fg.tree.leaves(expected), strict=True):
                scale = float(np.abs(np.asarray(y)).max(initial=1.0))
                np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-7, atol=1e-9 * scale, err_msg=source)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1_000_000))
def test_random_scans(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", fg.errors.JitWarning)
        hold(seed)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 1_000_000))
def test_many_random_scans(seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", fg.errors.JitWarning)
        hold(seed)
