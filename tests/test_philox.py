"""The random stream: the published Philox4x64-10, NumPy's, and the same numbers for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funcgrad.kernels import philox
from funcgrad.kernels.philox import Key

TOP = 2**64 - 1
KEYS: list[Key] = [(0, 0), (1, 2), (TOP, TOP), (2**63, 12345)]
words = st.integers(0, TOP)
keys = st.tuples(words, words)


def numpy_stream(key: Key) -> np.random.Philox:
    return np.random.Philox(key=np.array(key, np.uint64), counter=0)


# --- the stream ---------------------------------------------------------------------------------------------


def test_reference_gives_the_published_known_answer() -> None:
    block = philox.philox_block((0, 0), np.zeros(4, np.uint64))
    assert block.tolist() == [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]


@pytest.mark.parametrize("key", KEYS)
def test_stream_is_philox_of_the_counters_from_one(key: Key) -> None:
    counters = np.zeros((250, 4), np.uint64)
    counters[:, 0] = np.arange(1, 251)
    np.testing.assert_array_equal(philox.bits(key, 1000, 64), philox.philox_block(key, counters).ravel())


@pytest.mark.parametrize("key", KEYS)
def test_reference_agrees_with_numpy_at_large_counters(key: Key) -> None:
    counter = np.array([TOP, TOP, 5, 2**63], np.uint64)  # NumPy increments it first, with the carry
    expected = np.random.Philox(key=np.array(key, np.uint64), counter=counter).random_raw(4)
    actual = philox.philox_block(key, np.array([0, 0, 6, 2**63], np.uint64))
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 100_001])
def test_bits_and_uniform_are_those_of_numpys_generator(key: Key, n: int) -> None:
    def generator() -> np.random.Generator:
        return np.random.Generator(numpy_stream(key))

    np.testing.assert_array_equal(philox.bits(key, n, 64), numpy_stream(key).random_raw(n))
    bits = generator().integers(0, 2**32, n, dtype=np.uint32)
    np.testing.assert_array_equal(philox.bits(key, n, 32), bits)
    np.testing.assert_array_equal(philox.uniform(key, n, np.float32), generator().random(n, np.float32))
    np.testing.assert_array_equal(philox.uniform(key, n, np.float64), generator().random(n, np.float64))


def test_known_bits() -> None:
    wide, narrow = philox.bits((1, 2), 3, 64), philox.bits((1, 2), 5, 32)
    assert (wide.dtype, narrow.dtype) == (np.uint64, np.uint32)
    assert wide.tolist() == [0x4F2F4313B5536B09, 0x5B617BE3219FF32A, 0x097293476F9275CB]
    assert narrow.tolist() == [0xB5536B09, 0x4F2F4313, 0x219FF32A, 0x5B617BE3, 0x6F9275CB]


def test_known_uniforms() -> None:
    single, double = philox.uniform((1, 2), 3, np.float32), philox.uniform((1, 2), 3, np.float64)
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert single.tolist() == [0xB5536B / 2**24, 0x4F2F43 / 2**24, 0x219FF3 / 2**24]
    assert double[0] == (0x4F2F4313B5536B09 >> 11) / 2**53


def test_uniform_lies_in_the_half_open_interval_and_is_level() -> None:
    for dtype in (np.float32, np.float64):
        sample = philox.uniform((3, 4), 200_000, dtype)
        assert sample.min() >= 0.0
        assert sample.max() < 1.0
        counts = np.histogram(sample, 100, (0.0, 1.0))[0]
        chi_square = float(((counts - 2000.0) ** 2 / 2000.0).sum())
        assert 50.0 < chi_square < 160.0  # 99 degrees of freedom


def test_other_widths_and_dtypes_are_refused() -> None:
    with pytest.raises(ValueError, match="32 or 64"):
        philox.bits((0, 0), 1, 16)
    with pytest.raises(TypeError, match="float32 or float64"):
        philox.uniform((0, 0), 1, np.int64)


def test_threads_do_not_disturb_each_other() -> None:
    many = philox.split((5, 6), 200)
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda key: philox.uniform(key, 40_000, np.float32), many))
    for key, sample in zip(many, drawn, strict=True):
        np.testing.assert_array_equal(sample, philox.uniform(key, 40_000, np.float32))


# --- the keys -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "data", "expected"),
    [
        ((0, 0), 0, (0xBB92451E663F83FD, 0xF3B3C73899035742)),
        ((1, 2), 3, (0x5DC39CA6481A4A70, 0x7977EF1AED4ECEE5)),
        ((TOP, TOP), -1, (0xD9A49A1E11420954, 0xC539845053A799D4)),
        ((TOP, TOP), TOP, (0xD9A49A1E11420954, 0xC539845053A799D4)),
    ],
)
def test_known_fold_in(key: Key, data: int, expected: Key) -> None:
    assert philox.fold_in(key, data) == expected


def test_known_split() -> None:
    assert philox.split((1, 2), 3) == [
        (0xFE5DFFEF349A6B38, 0xF647A3FC431F004B),
        (0xA449FE100F3007CC, 0x1EC8040157D5FDF8),
        (0x7E7CB6423D3E0EE1, 0x40322E81D3BDCF09),
    ]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, (0xB165128FEC78A754, 0xFDE13E6B833E7F48)),
        (1, (0x0A590077DC2740EB, 0x75F36C5730CE6E6A)),
        (-1, (0xA76492C3EC4609E8, 0x6F2284CA8DF2A436)),
        (255, (0x5B5AB8F0773BBFC7, 0xBB9ADBB6EB46416E)),
        (-(2**200), (0x0C63909E3DB52B3C, 0x53FED59C92B6E44F)),
    ],
)
def test_known_seed_keys(seed: int, expected: Key) -> None:
    assert philox.seed_key(seed) == expected


def test_seeds_give_distinct_keys() -> None:
    edges = [sign * 2**power + step for sign in (1, -1) for power in range(300) for step in (-1, 0, 1)]
    seeds = set(range(-1000, 1000)) | set(edges)
    assert len({philox.seed_key(seed) for seed in seeds}) == len(seeds)


@given(keys, st.integers(-(2**70), 2**70))
def test_fold_in_array_gives_the_same_numbers(key: Key, data: int) -> None:
    array = np.array(key, np.uint64)
    expected = philox.fold_in(key, data)
    assert tuple(philox.fold_in_array(array, data).tolist()) == expected
    assert tuple(philox.fold_in_array(array, np.array(data % 2**64, np.uint64)).tolist()) == expected


@given(keys, st.integers(0, 5))
def test_split_array_gives_the_same_numbers(key: Key, n: int) -> None:
    pair = np.array([key, (0, 1)], np.uint64)
    actual = philox.split_array(pair, n)
    assert actual.shape == (2, n, 2)
    assert [tuple(row) for row in actual[0].tolist()] == philox.split(key, n)


def test_fold_in_array_broadcasts_and_takes_signed_data() -> None:
    batch = np.array(KEYS, np.uint64)
    data = np.array([[0], [-1], [7]])
    actual = philox.fold_in_array(batch, data)
    expected = [[philox.fold_in(key, int(d)) for key in KEYS] for d in data.ravel()]
    np.testing.assert_array_equal(actual, np.array(expected, np.uint64))
    with pytest.raises(TypeError, match="integers"):
        philox.fold_in_array(batch, np.array(0.5))


def test_split_is_prefix_stable() -> None:
    assert philox.split((8, 9), 100)[:7] == philox.split((8, 9), 7)


def test_derived_keys_are_distinct() -> None:
    key = philox.seed_key(0)
    children = philox.split(key, 5000) + [philox.fold_in(key, i) for i in range(5000)]
    grandchildren = [grandchild for child in children[:50] for grandchild in philox.split(child, 50)]
    assert len({key, *children, *grandchildren}) == 1 + 10_000 + 2500


@pytest.mark.parametrize("start", ["random", "counting"])
def test_every_input_bit_flips_every_output_bit_half_of_the_time(start: str) -> None:
    n = 2**13
    inputs = philox.bits((1, 1), 3 * n, 64).reshape(n, 3)
    if start == "counting":
        inputs = np.zeros((n, 3), np.uint64)
        inputs[:, 2] = np.arange(n)

    def derive(inputs: Any) -> Any:
        return philox.fold_in_array(inputs[:, :2], inputs[:, 2])

    before = derive(inputs)
    for bit in range(192):
        flipped = inputs.copy()
        flipped[:, bit // 64] ^= np.uint64(1 << bit % 64)
        changed = np.ascontiguousarray(derive(flipped) ^ before).view(np.uint8)
        frequency = np.unpackbits(changed, axis=1).mean(axis=0)
        assert np.abs(frequency - 0.5).max() < 6.5 * 0.5 / n**0.5  # sampling noise reaches 4.5


def test_streams_of_neighbouring_keys_are_uncorrelated() -> None:
    parent, n, length = philox.seed_key(0), 300, 2000
    families = philox.split(parent, n), [philox.fold_in(parent, i) for i in range(n)]
    for family in (*families, [key for pair in zip(*families, strict=True) for key in pair]):
        sample = np.stack([philox.uniform(key, length, np.float64) for key in family]) - 0.5
        correlation = 12.0 * (sample[1:] * sample[:-1]).mean(axis=1) * length**0.5
        assert np.abs(correlation).max() < 5.0
        assert 0.85 < correlation.std() < 1.15
        assert abs(correlation.mean()) * len(correlation) ** 0.5 < 4.0
