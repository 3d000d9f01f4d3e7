"""The strides of views, as the compiler computes them, are those that NumPy's views have."""

from __future__ import annotations

import random

import numpy as np
import pytest

from funcgrad.codegen.strides import c_strides, is_c, of_view


def drawn_look(rng: random.Random, x: np.ndarray) -> tuple[str, dict, np.ndarray]:
    """A primitive, its parameters, and NumPy's result."""
    name = rng.choice(["permute_dims", "slice", "reshape", "broadcast_to"])
    if name == "permute_dims":
        axes = rng.sample(range(x.ndim), x.ndim)
        return name, {"axes": tuple(axes)}, x.transpose(axes)
    if name == "slice":
        parts = [
            rng.choice([slice(None), slice(n // 2, None), slice(None, None, 2), slice(None, None, -1), n // 2])
            for n in x.shape
        ]
        key = tuple(parts[: rng.randint(1, x.ndim)])
        return name, {"key": key}, x[key]
    if name == "reshape":
        sizes, left = [], x.size
        while left > 1:
            sizes.append(rng.choice([n for n in range(2, left + 1) if left % n == 0]))
            left //= sizes[-1]
        for _ in range(rng.randint(0, 2)):
            sizes.insert(rng.randint(0, len(sizes)), 1)
        return name, {}, x.reshape(sizes)
    sizes = [rng.choice([1, 3]) if n == 1 else n for n in x.shape]
    return name, {}, np.broadcast_to(x, [2] * rng.randint(0, 1) + sizes)


@pytest.mark.parametrize("seed", range(20))
def test_views_of_views(seed: int) -> None:
    rng, copies = random.Random(seed), 0
    for _ in range(300):
        x = np.zeros([rng.choice([1, 2, 3, 4, 6]) for _ in range(rng.randint(1, 4))], "float32")
        strides = c_strides(x.shape)
        while x.size < 3000 and x.ndim and rng.random() < 0.8:
            name, params, y = drawn_look(rng, x)
            found = of_view(name, params, strides, x.shape, y.shape)
            if not y.ndim:
                break
            if found is None:
                assert name == "reshape"
                assert not np.shares_memory(x, y)
                found, copies = c_strides(y.shape), copies + 1
            else:
                assert np.shares_memory(x, y)
            for n, step, real in zip(y.shape, found, y.strides, strict=True):
                assert n == 1 or step * y.itemsize == real, (name, params, strides, x.shape, y.shape)
            assert is_c(y.shape, found) == y.flags.c_contiguous
            x, strides = y, found
    assert copies


def test_what_is_not_known() -> None:
    assert of_view("slice", {"key": (None, 0)}, (3, 1), (2, 3), (1, 3)) is None
    assert of_view("real", {}, (1,), (3,), (3,)) is None
    assert of_view("reshape", {}, (0, 1), (0, 3), (3, 0)) is None
