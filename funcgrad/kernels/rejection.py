"""Random numbers of given parameters, most of them by trial: gamma, inverse Gaussian, Poisson and binomial ones.

A trial uses two words of a stream and is accepted or not; who is not has another one in the next round. In round r
number i takes words 2i and 2i + 1 of the stream of the key `draw_key(key, r)`, so that each number is a function of
the key, its place and its own parameters: neighbours that take longer change nothing.

Decisions are made in float64 with the machine's logarithms, whose last digits differ; of the trials one in 1e13 or so
is that close to the line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count

import numpy as np

from . import philox
from .gamma_function import correction
from .normal import of_bits
from .philox import Key, Raw

__all__ = ["beta_log_odds", "binomial", "log_gamma_numbers", "poisson", "wald"]

# The round whose words are for what is needed once, besides trials
_ONCE = 2**64 - 1
# Above, numbers by trial; below, the inverse of the distribution function in a few steps. 10 is where PTRS and BTRS
# are made for.
_FEW = 10.0
# The mean of Poisson numbers from which on the terms of log(mean^k e^-mean / k!), which nearly cancel, are too large.
_LARGE = 1e10

Trial = Callable[[Raw, Raw, Raw], tuple[Raw, Raw]]
"""(places, two words each) -> the numbers, and which of them are accepted."""


def _rounds(key: Key, out: Raw, wanted: Raw, trial: Trial) -> None:
    """Numbers by trial into those places of out that are wanted.

    Args:
        key: whose streams are used.
        out: the flat result.
        wanted: indices into it, ascending.
        trial: see `Trial`.
    """
    for r in count():
        if not wanted.size:
            return
        first, second = _words(philox.draw_key(key, r), out.size, wanted)
        found, accepted = trial(wanted, first, second)
        out[wanted[accepted]] = found[accepted]
        wanted = wanted[~accepted]


def _words(key: Key, n: int, places: Raw) -> tuple[Raw, Raw]:
    """Words 2i and 2i + 1 of the key's stream for each place i < n; all of them as the stream runs, few by number."""
    if 16 * places.size > n:
        pairs = philox.bits(key, 2 * n, 64).reshape(n, 2)[places]
    else:
        pairs = philox.pairs_at(key, places)
    return pairs[:, 0], pairs[:, 1]


def _open(words: Raw) -> Raw:
    """Uniform numbers in (0, 1), symmetric about 1/2."""
    return ((words >> np.uint64(11)) + 0.5) * 2.0**-53


# ---- gamma -------------------------------------------------------------------------------------


def log_gamma_numbers(key: Key, a: Raw) -> Raw:
    """Logarithms of gamma numbers of shape a, float64; NaN where a is not positive.

    By G. Marsaglia and W. Tsang, A simple method for generating gamma variables, ACM TOMS 26, 2000: with d = a - 1/3,
    c = 1 / sqrt(9 d), z normal and v = (1 + c z)^3, d v is accepted where v > 0 and
    log(u) < z^2 / 2 + d (1 - v + log(v)). Below 1 a number of shape a + 1 times u^(1/a), which in logarithms does not
    vanish where a is small.
    """
    out = np.full(a.shape, math.nan)
    out[a == math.inf] = math.inf
    raised = np.where(a < 1, a + 1, a)
    d = raised - 1 / 3
    with np.errstate(invalid="ignore", divide="ignore"):
        c = 1 / np.sqrt(9 * d)

    def trial(at: Raw, first: Raw, second: Raw) -> tuple[Raw, Raw]:
        z, own = of_bits(first), d[at]
        log_v = 3 * np.log1p(np.maximum(c[at] * z, -1 + 2.0**-53))
        accepted = np.log(_open(second)) < 0.5 * z * z + own * (log_v - np.expm1(log_v))
        return np.log(own) + log_v, accepted & (c[at] * z > -1)

    _rounds(key, out, np.flatnonzero((a > 0) & (a < math.inf)), trial)
    small = np.flatnonzero((a > 0) & (a < 1))
    if small.size:
        u, _ = _words(philox.draw_key(key, _ONCE), a.size, small)
        out[small] += np.log(_open(u)) / a[small]
    return out


def beta_log_odds(key: Key, a: Raw, b: Raw) -> Raw:
    """log(x / (1 - x)) of beta numbers x: x / (1 - x) is the ratio of two gamma numbers, of shapes a and b."""
    with np.errstate(invalid="ignore"):  # both may be infinite
        return log_gamma_numbers(philox.draw_key(key, 1), a) - log_gamma_numbers(philox.draw_key(key, 2), b)


# ---- inverse Gaussian --------------------------------------------------------------------------


def wald(key: Key, mean: Raw) -> Raw:
    """Inverse Gaussian numbers of that mean and of scale 1, float64; NaN where the mean is not positive.

    By J. Michael, W. Schucany and R. Haas, Generating random variates using transformations with multiple roots, The
    American Statistician 30, 1976: the square of a normal number is (x - mean)^2 / (mean^2 x) for two x, of which the
    smaller is taken with probability mean / (mean + x).
    """
    mean = np.where(mean > 0, mean, math.nan)
    first, second = _words(philox.draw_key(key, _ONCE), mean.size, np.arange(mean.size))
    half = 0.5 * mean * of_bits(first) ** 2
    x = mean / (1 + half + np.sqrt(half * (2 + half)))
    return np.where(_open(second) * (mean + x) <= mean, x, mean * mean / x)


# ---- Poisson -----------------------------------------------------------------------------------


def poisson(key: Key, lam: Raw) -> Raw:
    """Poisson numbers of mean lam (float64), int64; -1 where lam is negative or NaN, or too large for int64.

    From 10 on by W. Hormann, The transformed rejection method for generating Poisson random variables, Insurance:
    Mathematics and Economics 12, 1993 (algorithm PTRS); below by the inverse of the distribution function.
    """
    out = np.full(lam.shape, -1, np.int64)
    few = np.flatnonzero((lam >= 0) & (lam < _FEW))
    if few.size:
        u = _open(_words(philox.draw_key(key, _ONCE), lam.size, few)[0])
        mean = lam[few]
        out[few] = _inverse(u, np.exp(-mean), lambda k, at: mean[at] / k)
    root = np.sqrt(np.maximum(lam, 1))
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    log_mean = np.log(np.maximum(lam, 1))

    def trial(at: Raw, first: Raw, second: Raw) -> tuple[Raw, Raw]:
        u, v = _open(first) - 0.5, _open(second)
        own_a, own_b = a[at], b[at]
        us = 0.5 - np.abs(u)
        k = np.floor((2 * own_a / us + own_b) * u + lam[at] + 0.43)
        accepted = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (own_b - 2)) & (k >= 0)
        # six in seven are accepted by now: the logarithms are for the others
        rest = np.flatnonzero(~accepted & (k >= 0) & (k < 2.0**63) & ~((us < 0.013) & (v > us)))
        own_a, own_b, us, number = own_a[rest], own_b[rest], us[rest], k[rest]
        height = np.log(v[rest] * (1.1239 + 1.1328 / (own_b - 3.4)) / (own_a / (us * us) + own_b))
        mean, log_own = lam[at[rest]], log_mean[at[rest]]
        accepted[rest] = height <= _log_poisson(number, mean, log_own)
        return np.where(accepted, k, 0).astype(np.int64), accepted

    _rounds(key, out, np.flatnonzero((lam >= _FEW) & (lam < 2.0**62)), trial)
    return out


def _log_poisson(k: Raw, mean: Raw, log_mean: Raw) -> Raw:
    """log(mean^k e^-mean / k!); of large means by the relative difference of k, before large parts are rounded."""
    out = k * log_mean - mean - _log_factorial(k)
    large = np.flatnonzero(mean > _LARGE)
    if large.size:
        k, mean = np.maximum(k[large], 1), mean[large]
        x = (k - mean) / mean
        out[large] = -mean * ((1 + x) * np.log1p(x) - x) - 0.5 * np.log(2 * math.pi * k)
    return out


def _inverse(u: Raw, first: Raw, ratio: Callable[[int, Raw], Raw]) -> Raw:
    """The least k at which the distribution function reaches u.

    Args:
        u: uniform numbers.
        first: probabilities of 0.
        ratio: (k, places) -> the probability of k over that of k - 1, at places of u.
    """
    found = np.zeros(u.shape, np.int64)
    at, term, total = np.arange(u.size), first.copy(), first.copy()
    for k in count(1):
        more = total < u[at]
        at, term, total = at[more], term[more], total[more]
        if not at.size:
            return found
        term = term * ratio(k, at)
        more = term > 0  # rounding may keep the sum below u: nothing is left to add
        at, term, total = at[more], term[more], total[more] + term[more]
        found[at] = k
    raise AssertionError("terms of a distribution become 0")


# ---- binomial ----------------------------------------------------------------------------------


def binomial(key: Key, n: Raw, p: Raw) -> Raw:
    """Numbers of successes in n trials of probability p, float64 all of them; NaN where n < 0 or p is outside [0, 1].

    Where n min(p, 1 - p) is 10 or more by W. Hormann, The generation of binomial random variates, Journal of
    Statistical Computation and Simulation 46, 1993 (algorithm BTRS); below by the inverse of the distribution function.
    """
    n = np.floor(n)
    q = np.minimum(p, 1 - p)  # of what is rarer, successes or failures
    valid = (n >= 0) & (n < 2.0**53) & (q >= 0)
    out = np.full(n.shape, math.nan)
    few = np.flatnonzero(valid & (n * q < _FEW))
    if few.size:
        u = _open(_words(philox.draw_key(key, _ONCE), n.size, few)[0])
        size, odds = n[few], q[few] / (1 - q[few])
        none = np.exp(size * np.log1p(-q[few]))
        out[few] = _inverse(u, none, lambda k, at: odds[at] * np.maximum(size[at] - (k - 1), 0) / k)
    many = np.flatnonzero(valid & (n * q >= _FEW))
    if many.size:
        _rounds(key, out, many, _binomial_trial(np.where(valid, n, 100.0), np.where(valid & (q > 0), q, 0.5)))
    return np.where(p > 0.5, n - out, out)


def _binomial_trial(n: Raw, p: Raw) -> Trial:
    deviation = np.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    alpha = (2.83 + 5.1 / np.maximum(b, 1)) * deviation
    log_odds = np.log(p / (1 - p))
    mode = np.floor((n + 1) * p)

    def trial(at: Raw, first: Raw, second: Raw) -> tuple[Raw, Raw]:
        u, v = _open(first) - 0.5, _open(second)
        own_n, own_a, own_b = n[at], a[at], b[at]
        us = 0.5 - np.abs(u)
        k = np.floor((2 * own_a / us + own_b) * u + own_n * p[at] + 0.5)
        possible = (k >= 0) & (k <= own_n)
        accepted = possible & (us >= 0.07) & (v <= 0.92 - 4.2 / own_b)
        rest = np.flatnonzero(possible & ~accepted)
        own_n, own_a, own_b, us, number = own_n[rest], own_a[rest], own_b[rest], us[rest], k[rest]
        m, others = mode[at[rest]], at[rest]
        height = np.log(v[rest] * alpha[others] / (own_a / (us * us) + own_b))
        density = _falls(m, number) + _falls(own_n - m, own_n - number) + (number - m) * log_odds[others]
        accepted[rest] = height <= density
        return k, accepted

    return trial


def _log_factorial(k: Raw) -> Raw:
    """log(k!) of float64 integers: of small ones by a table."""
    w = np.maximum(k, 16) + 1
    far = (w - 0.5) * np.log(w) - w + 0.5 * math.log(2 * math.pi) + correction(w)
    return np.where(k < _TABLE.size, _TABLE[np.minimum(k, _TABLE.size - 1).astype(np.int64)], far)


_TABLE = np.array([math.lgamma(k + 1.0) for k in range(64)])


def _falls(x: Raw, y: Raw) -> Raw:
    """log(x!) - log(y!), whose large parts are taken off before they are rounded."""
    near = np.flatnonzero((x < 16) | (y < 16))
    exact = _log_factorial(x[near]) - _log_factorial(y[near])
    x, y = np.maximum(x, 16) + 1, np.maximum(y, 16) + 1
    # (x - 1/2) log x - x less the same of y, by log1p of their relative difference
    gap = x - y
    out = gap * (np.log(y) - 1) + (x - 0.5) * np.log1p(gap / y) + (correction(x) - correction(y))
    out[near] = exact
    return out
