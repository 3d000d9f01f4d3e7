"""What the samplers draw: distributions against SciPy's, exact relations, shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.ops.random import stable_order

KEY = random.key(0)
P = np.array([0.1, 0.2, 0.3, 0.4])
LOGITS = np.log(P)


def same(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


# ---- distributions -----------------------------------------------------------------------------

N = 40_000


def kolmogorov_smirnov(sample: Any, distribution: Any) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(np.asarray(sample, np.float64), distribution).pvalue > 1e-3


def chi_square(sample: Any, probabilities: Any) -> None:
    stats = pytest.importorskip("scipy.stats")
    counts = np.bincount(np.asarray(sample).ravel(), minlength=len(probabilities))
    assert stats.chisquare(counts, np.asarray(probabilities) * counts.sum()).pvalue > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_real_samplers_have_their_distributions(dtype: str) -> None:
    stats = pytest.importorskip("scipy.stats")
    cases = {
        "uniform": stats.uniform,
        "normal": stats.norm,
        "exponential": stats.expon,
        "gumbel": stats.gumbel_r,
        "laplace": stats.laplace,
        "logistic": stats.logistic,
        "cauchy": stats.cauchy,
    }
    for key, (name, distribution) in zip(random.split(KEY, len(cases)), cases.items(), strict=True):
        sample = getattr(random, name)(key, (N,), dtype)
        assert sample.dtype == dtype
        assert bool(fnp.isfinite(sample).all())
        kolmogorov_smirnov(sample, distribution.cdf)
    shifted = random.uniform(KEY, (N,), dtype, -3.0, 5.0)
    kolmogorov_smirnov(shifted, stats.uniform(-3, 8).cdf)
    for a, b in ((-1.0, 2.0), (1.0, float("inf")), (float("-inf"), -2.0)):
        sample = random.truncated_normal(KEY, a, b, (N,), dtype)
        assert a <= float(sample.min()) <= float(sample.max()) <= b
        kolmogorov_smirnov(sample, stats.truncnorm(a, b).cdf)


def test_normal_numbers_are_those_of_the_definition_out_to_the_tails() -> None:
    special = pytest.importorskip("scipy.special")
    z, words = (np.asarray(f(KEY, (200_000,), d)) for f, d in ((random.normal, "float64"), (random.bits, "uint64")))
    signed = words.view(np.int64)
    magnitude = (signed ^ (signed >> 63)).astype(np.float64)  # s and -1 - s are opposite
    distance = ((2**63 - 1) - (signed ^ (signed >> 63))).astype(np.float64) * 2.0**-63
    expected = np.where(magnitude < 2.0**62, special.erfinv(magnitude * 2.0**-63), special.erfcinv(distance))
    np.testing.assert_allclose(z, np.copysign(np.sqrt(2) * expected, signed), rtol=1e-14)
    moments = [float((z**k).mean()) for k in range(1, 5)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.05)


def test_complex_normal_has_unit_variance_in_independent_parts() -> None:
    stats = pytest.importorskip("scipy.stats")
    z = np.asarray(random.normal(KEY, (N,), "complex128"))
    for part in (z.real, z.imag):
        kolmogorov_smirnov(part, stats.norm(scale=0.5**0.5).cdf)
    assert abs(np.corrcoef(z.real, z.imag)[0, 1]) < 0.02
    assert random.normal(KEY, (2,), "complex64").dtype == np.complex64


def test_float16_samples_are_level() -> None:
    sample = np.asarray(random.uniform(KEY, (N,), "float16"))
    chi_square((sample.astype(np.float64) * 2**11).astype(np.int64) // 2**8, [1 / 8] * 8)
    kolmogorov_smirnov(random.normal(KEY, (2000,), "float16"), "norm")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.0, 2.0**-24, 0.1, 0.5, 0.75, 1 / 3, 1.0 - 2.0**-24, 1.0 - 2.0**-53, 1.0, True])
def test_bernoulli_is_uniform_below_p(p: float, dtype: str) -> None:
    with fg.config.default_dtype(dtype):
        mask = random.bernoulli(KEY, p, (N,))
        assert mask.dtype == bool
        same(mask, random.uniform(KEY, (N,)) < p)
    same(random.bernoulli(KEY, np.asarray(p, dtype), (N,)), random.uniform(KEY, (N,), dtype) < np.asarray(p, dtype))


def test_bernoulli_decides_as_uniform_does_at_the_numbers_themselves() -> None:
    for u in np.asarray(random.uniform(KEY, (20,))).tolist():
        for p in (u, np.nextafter(np.float32(u), np.float32(1)).item()):
            same(random.bernoulli(KEY, p, (20,)), random.uniform(KEY, (20,)) < p)


def test_bernoulli_takes_its_shape_from_p() -> None:
    assert random.bernoulli(KEY).shape == ()
    assert random.bernoulli(KEY, fnp.full((2, 3), 0.5)).shape == (2, 3)
    p = fnp.asarray([0.2, 0.9])
    found = np.asarray(random.bernoulli(KEY, p, (N, 2))).mean(0)
    np.testing.assert_allclose(found, [0.2, 0.9], atol=0.01)
    assert random.bernoulli(KEY, fnp.asarray([0, 1]), (5, 2)).sum(0).tolist() == [0, 5]


def test_rademacher_is_the_sign_of_bernoulli() -> None:
    found = random.rademacher(KEY, (N,), "float32")
    assert found.dtype == np.float32
    same(found > 0, random.bernoulli(KEY, 0.5, (N,)))
    assert sorted(set(found.tolist())) == [-1.0, 1.0]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_randint_is_level(dtype: str) -> None:
    low = 3 if dtype.startswith("u") else -3
    found = random.randint(KEY, (N,), low, low + 7, dtype)
    assert found.dtype == dtype
    chi_square(np.asarray(found).astype(np.int64) - low, [1 / 7] * 7)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (-128, 128, "int8"),
        (0, 2**32, "uint32"),
        (-(2**63), 2**63, "int64"),
        (0, 2**64, "uint64"),
        (-5, 3 * 2**61, "int64"),
        (0, 2**33 + 1, "int64"),
    ],
)
def test_randint_of_wide_ranges_is_exact_arithmetic(low: int, high: int, dtype: str) -> None:
    found, span, n = random.randint(KEY, (500,), low, high, dtype), high - low, 500
    words = random.bits(KEY, (2 * n,), "uint64").tolist()
    if span > 2**32:
        expected = [low + (((a << 64) + b) * span >> 128) for a, b in zip(words[:n], words[n:], strict=True)]
    else:
        expected = [low + (a * span >> 64) for a in words[:n]]
    assert found.tolist() == expected
    assert random.randint(KEY, (), low, high, dtype).dtype == dtype


def test_randint_of_three_quarters_of_all_words_is_level_modulo_3() -> None:
    """One 64-bit word for each number would give every third number twice as often."""
    found = random.randint(KEY, (N,), 0, 3 << 62, "uint64")
    chi_square(np.asarray(found) % 3, [1 / 3] * 3)


def test_randint_of_arrays_is_randint_of_their_elements() -> None:
    low, high = np.array([[-7], [0]]), np.array([1, 2**35, 2**62])
    found = random.randint(KEY, (2, 3), low, high)
    for i, j in np.ndindex(2, 3):
        assert found[i, j] == random.randint(KEY, (2, 3), int(low[i, 0]), int(high[j]))[i, j]
    small = random.randint(KEY, (N, 2), 0, np.array([3, 5]))
    for column, n in enumerate((3, 5)):
        chi_square(small[:, column], [1 / n] * n)


@pytest.mark.parametrize("n", [0, 1, 2, 17, 1000])
def test_permutation_of_n_is_one(n: int) -> None:
    found = random.permutation(KEY, n)
    assert found.dtype == np.int64
    assert sorted(found.tolist()) == list(range(n))


def test_permutations_are_all_equally_likely() -> None:
    orders = np.asarray(fg.vmap(lambda k: random.permutation(k, 4))(random.split(KEY, 6000)))
    codes = orders @ np.array([64, 16, 4, 1])
    values, found = np.unique(codes, return_inverse=True)
    assert len(values) == 24
    chi_square(found, [1 / 24] * 24)


def test_permutation_of_an_array_moves_whole_slices() -> None:
    x = np.arange(12).reshape(3, 4)
    order = random.permutation(KEY, 4).tolist()
    same(random.permutation(KEY, x, axis=1), fnp.asarray(x[:, order]))
    same(random.permutation(KEY, x, axis=-1), fnp.asarray(x[:, order]))
    same(random.permutation(KEY, [5, 6, 7]), fnp.asarray(np.array([5, 6, 7])[random.permutation(KEY, 3).tolist()]))
    same(random.permutation(KEY, fnp.asarray(4)), random.permutation(KEY, 4))
    assert random.permutation(KEY, np.zeros((0, 2))).shape == (0, 2)


def test_equal_words_are_sorted_in_their_order() -> None:
    words = np.random.default_rng(0).integers(0, 50, 5000).astype(np.uint64)
    np.testing.assert_array_equal(stable_order(words), np.argsort(words, kind="stable"))


def test_choice_has_the_given_probabilities() -> None:
    chi_square(random.choice(KEY, 4, (N,)), [1 / 4] * 4)
    chi_square(random.choice(KEY, 4, (200, 200), p=P), P)
    zero = random.choice(KEY, 3, (N,), p=[0.0, 1.0, 0.0])
    assert set(zero.tolist()) == {1}


def test_choice_without_replacement_draws_one_after_the_other() -> None:
    keys = random.split(KEY, 4000)
    pairs = np.asarray(fg.vmap(lambda k: random.choice(k, 4, (2,), replace=False, p=P))(keys))
    expected = [[0 if i == j else P[i] * P[j] / (1 - P[i]) for j in range(4)] for i in range(4)]
    codes = [i * 3 + j - (j > i) for i, j in pairs.tolist()]
    chi_square(codes, [expected[i][j] for i in range(4) for j in range(4) if i != j])
    assert sorted(random.choice(KEY, 9, (3, 3), replace=False).ravel().tolist()) == list(range(9))


def test_choice_takes_slices_of_an_array() -> None:
    x = np.arange(12).reshape(3, 4)
    index = np.asarray(random.choice(KEY, 4, (2, 5)))
    same(random.choice(KEY, x, (2, 5), axis=1), fnp.asarray(x[:, index]))
    assert random.choice(KEY, x).shape == (4,)
    assert random.choice(KEY, 5).shape == ()
    assert random.choice(KEY, 0, (0,)).shape == (0,)


def test_categorical_is_softmax_of_the_logits() -> None:
    chi_square(random.categorical(KEY, LOGITS + 5, shape=(N,)), P)
    logits = np.array([[0.0, 0.0, -np.inf], np.log([0.1, 0.2, 0.7])])
    found = np.asarray(random.categorical(KEY, logits, shape=(N, 2)))
    chi_square(found[:, 0], [0.5, 0.5])
    chi_square(found[:, 1], [0.1, 0.2, 0.7])


def test_categorical_shapes() -> None:
    logits = fnp.zeros((3, 1, 4))
    assert random.categorical(KEY, logits).shape == (3, 1)
    assert random.categorical(KEY, logits, axis=0).shape == (1, 4)
    assert random.categorical(KEY, logits, axis=0, shape=(2, 5, 4)).shape == (2, 5, 4)
    by_rows = random.categorical(KEY, fnp.asarray(LOGITS), shape=(6,))
    assert by_rows.dtype == np.int64
