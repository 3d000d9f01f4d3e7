"""Samples of `funcgrad/ops/random.py`: expected values by NumPy's generator and Python's integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from . import Sample

MASK = 2**64 - 1
KEYS = np.array([[1, 2], [2**63 + 5, 7], [0, MASK]], np.uint64)
ONE = KEYS[1]


def _raw(words: Any, n: int, width: int = 64) -> Any:
    raw = np.random.Philox(key=words, counter=0).random_raw(n)
    return raw if width == 64 else np.stack([raw & 0xFFFFFFFF, raw >> 32], -1).ravel()[:n].astype(np.uint32)


def _each(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A function of (words, n, **params) on every key."""

    def oracle(keys: Any, *, shape: Any, **params: Any) -> Any:
        rows = [draw(words, int(np.prod(shape)), **params) for words in keys.reshape(-1, 2)]
        return np.stack(rows).reshape(*keys.shape[:-1], *shape)

    return oracle


def _uniform(words: Any, n: int, *, dtype: Any) -> Any:
    if dtype == np.float16:
        return ((_raw(words, n, 32) >> 21) / 2**11).astype(dtype)
    return np.random.Generator(np.random.Philox(key=words, counter=0)).random(n, dtype)


def _normal(words: Any, n: int, *, dtype: Any) -> Any:
    """The distribution's inverse at (s + 1/2) / 2^63, from the nearer tail."""
    bits = [int(w) for w in _raw(words, n, 8 * dtype.itemsize)]
    top = 2 ** (8 * dtype.itemsize)
    signed = [b - top if 2 * b >= top else b for b in bits]
    distances = [(top - abs(2 * s + 1)) / top for s in signed]
    return np.copysign(np.sqrt(2) * special.erfcinv(distances), signed).astype(dtype)


def _below(words: Any, n: int, *, width: int, threshold: int) -> Any:
    return np.array([int(w) < threshold for w in _raw(words, n, width)], bool)


def _choice(keys: Any, p: Any, *, shape: Any, replace: bool) -> Any:
    n = int(np.prod(shape))
    u = np.random.Generator(np.random.Philox(key=keys, counter=0)).random(n if replace else p.size)
    if replace:
        return np.array([int((np.cumsum(p) / np.sum(p) <= x).sum()) for x in u]).reshape(shape)
    return np.argsort(-np.log1p(-u) / p)[:n].reshape(shape)


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def _derive(words: Any, data: int, domain: int) -> list[int]:
    k0, k1 = (int(w) for w in words)
    a = _mix((k0 + data + 0x9E3779B97F4A7C15) & MASK)
    b = _mix(k1 ^ a)
    c = _mix((a + b + (data ^ domain)) & MASK)
    return [c, b ^ c]


def _split(keys: Any, *, num: int) -> Any:
    rows = [[_derive(words, i, 0xB7E151628AED2A6A) for i in range(num)] for words in keys.reshape(-1, 2)]
    return np.array(rows, np.uint64).reshape(*keys.shape[:-1], num, 2)


def _fold_in(keys: Any, data: Any) -> Any:
    rows = zip(keys.reshape(-1, 2), data.ravel(), strict=True)
    found = [_derive(words, int(d) & MASK, 0x243F6A8885A308D3) for words, d in rows]
    return np.array(found, np.uint64).reshape(keys.shape)


def _multiply_high(x: Any, y: Any) -> Any:
    x, y = np.broadcast_arrays(x, y)
    products = [int(a) * int(b) >> 64 for a, b in zip(x.ravel(), y.ravel(), strict=True)]
    return np.array(products, np.uint64).reshape(x.shape)


SINGLE, DOUBLE, HALF = (np.dtype(d) for d in ("float32", "float64", "float16"))
P = np.array([0.1, 0.2, 0.3, 0.4])
WORDS = np.array([[0, 1, 2**32, MASK], [2**63, 12345, 2**40 + 3, 2**33 - 1]], np.uint64)

_DRAWS: list[tuple[str, Any, dict[str, Any], float]] = [
    ("random_bits", lambda words, n, *, width: _raw(words, n, width), {"width": 32}, 0),
    ("random_bits", lambda words, n, *, width: _raw(words, n, width), {"width": 64}, 0),
    ("random_uniform", _uniform, {"dtype": SINGLE}, 0),
    ("random_uniform", _uniform, {"dtype": DOUBLE}, 0),
    ("random_uniform", _uniform, {"dtype": HALF}, 0),
    ("random_normal", _normal, {"dtype": DOUBLE}, 1e-14),
    ("random_normal", _normal, {"dtype": SINGLE}, 1e-6),
    ("random_below", _below, {"width": 32, "threshold": 3 << 30}, 0),
    ("random_below", _below, {"width": 64, "threshold": 2**64}, 0),
]

SAMPLES = [
    *[
        Sample(name, (keys,), _each(draw), {"shape": shape, **params}, rtol=rtol, portable=False)
        for name, draw, params, rtol in _DRAWS
        for keys, shape in ((ONE, (3, 5)), (KEYS, ()), (KEYS[None], (0, 2)))
    ],
    *[
        Sample("random_permutation", (keys,), _each(lambda words, n: np.argsort(_raw(words, n))), {"shape": (n,)},
               portable=False)
        for keys, n in ((ONE, 7), (KEYS, 4), (ONE, 1), (ONE, 0))
    ],
    *[
        Sample("random_choice", (ONE, P), _choice, {"shape": shape, "replace": replace}, portable=False)
        for shape, replace in (((2, 5), True), ((), True), ((2, 2), False))
    ],
    Sample("random_split", (ONE,), _split, {"num": 3}, portable=False),
    Sample("random_split", (KEYS,), _split, {"num": 0}, portable=False),
    Sample("random_fold_in", (ONE, np.array(-3)), _fold_in, portable=False),
    Sample("random_fold_in", (KEYS, np.array([0, 1, 2**40])), _fold_in, portable=False),
    Sample("multiply_high", (WORDS, WORDS[0]), _multiply_high),
    Sample("multiply_high", (WORDS, np.array(MASK, np.uint64)), _multiply_high),
    Sample("multiply_high", (WORDS, np.array(2**32 - 1, np.uint64)), _multiply_high),
]  # fmt: skip
