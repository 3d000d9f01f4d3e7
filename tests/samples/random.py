"""Samples of `funcgrad/ops/random.py`: expected values by NumPy's generator and Python's integers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special, stats

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


def _trial_words(words: Any, r: int, i: int, n: int) -> tuple[int, int]:
    """The two words of number i of n in round r."""
    key = np.array(_derive(words, r, 0x6A09E667F3BCC908), np.uint64)
    first, second = _raw(key, 2 * n)[2 * i : 2 * i + 2].tolist()
    return first, second


def _open(word: int) -> float:
    return ((word >> 11) + 0.5) / 2**53


def _one_log_gamma(words: Any, i: int, n: int, a: float) -> float:
    """Marsaglia and Tsang's method, one number at a time."""
    if a < 1:
        boost = math.log(_open(_trial_words(words, MASK, i, n)[0])) / a
        return _one_log_gamma(words, i, n, a + 1) + boost
    d = a - 1 / 3
    for r in itertools.count():
        first, second = _trial_words(words, r, i, n)
        z = -math.sqrt(2) * special.erfcinv((2 * ((first + 2**63) % 2**64) + 1) / 2**64)
        v = (1 + z / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(_open(second)) < z * z / 2 + d - d * v + d * math.log(v):
            return math.log(d * v)
    raise AssertionError


def _log_beta_odds(words: Any, i: int, n: int, a: float, b: float) -> float:
    first, second = (_derive(words, k, 0x6A09E667F3BCC908) for k in (1, 2))
    return _one_log_gamma(first, i, n, a) - _one_log_gamma(second, i, n, b)


def _one_wald(words: Any, i: int, n: int, mean: float) -> float:
    first, second = _trial_words(words, MASK, i, n)
    square = 2 * float(special.erfcinv((2 * ((first + 2**63) % 2**64) + 1) / 2**64)) ** 2
    x = mean + mean * mean * square / 2 - mean / 2 * math.sqrt(4 * mean * square + (mean * square) ** 2)
    return x if _open(second) <= mean / (mean + x) else mean * mean / x


def _one_poisson(words: Any, i: int, n: int, lam: float) -> int:
    return int(stats.poisson(lam).ppf(_open(_trial_words(words, MASK, i, n)[0])))


def _one_binomial(words: Any, i: int, n: int, size: float, p: float) -> float:
    u = _open(_trial_words(words, MASK, i, n)[0])
    found = stats.binom(size, min(p, 1 - p)).ppf(u)
    return float(found if p <= 0.5 else size - found)


def _numbers(one: Callable[..., Any]) -> Callable[..., Any]:
    """A function of (words, place, count, *parameters) at every place of every key."""

    def oracle(keys: Any, *params: Any) -> Any:
        rows = [p.reshape(len(keys.reshape(-1, 2)), -1) for p in params]
        n = rows[0].shape[1]
        found = [
            one(words, i, n, *[float(r[k, i]) for r in rows])
            for k, words in enumerate(keys.reshape(-1, 2))
            for i in range(n)
        ]
        return np.array(found).reshape(params[0].shape)

    return oracle


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
    # Derivatives are those of the quantile (test_random_derivatives.py), not of a trial with these words
    *[
        Sample("random_log_gamma", (keys, a), _numbers(_one_log_gamma), order=0, rtol=1e-9, portable=False)
        for keys, a in ((ONE, np.array([0.02, 0.9, 1.0, 2.5, 70.0])), (KEYS, np.full((3, 30), 1.0)))
    ],
    Sample("random_beta_log_odds", (KEYS, np.full((3, 4), 0.7), np.full((3, 4), 2.0)), _numbers(_log_beta_odds),
           order=0, rtol=1e-9, portable=False),
    Sample("random_wald", (KEYS, np.full((3, 4), [0.3, 1.0, 2.0, 9.0])), _numbers(_one_wald), order=0, rtol=1e-9,
           portable=False),
    Sample("random_poisson", (KEYS, np.full((3, 4), [0.0, 0.5, 3.0, 9.9])), _numbers(_one_poisson), portable=False),
    Sample("random_binomial", (KEYS, np.full((3, 4), [7.0, 7.0, 100.0, 0.0]), np.full((3, 4), [0.3, 0.9, 0.02, 0.5])),
           _numbers(_one_binomial), portable=False),
    Sample("multiply_high", (WORDS, WORDS[0]), _multiply_high),
    Sample("multiply_high", (WORDS, np.array(MASK, np.uint64)), _multiply_high),
    Sample("multiply_high", (WORDS, np.array(2**32 - 1, np.uint64)), _multiply_high),
]  # fmt: skip
