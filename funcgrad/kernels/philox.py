"""The random stream: bits as a function of a 128-bit key, and keys as a function of keys.

A key is two 64-bit words (k0, k1).  Its stream is that of ``np.random.Philox(key=[k0, k1], counter=0)``:
Philox4x64-10 of J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3"
(SC 2011), at the counters 1, 2, 3, ..., four words for each counter.  Only NumPy's raw words are used, which
its policy keeps the same between versions; what follows from them is computed here.

New keys come from a keyed mix of three rounds.  With m the 64-bit finaliser `_mix` (a bijection), d the data,
D the domain and arithmetic modulo 2^64:

    a = m(k0 + d + START),  b = m(k1 ^ a),  c = m(a + b + (d ^ D)),  new key = (c, b ^ c)

* For fixed d and D it is a bijection of the keys (undo c, then b, then a): repeated derivation loses nothing.
* For a fixed key it maps different (d, D) to different keys: b tells d, and then c tells D.  So the keys of
  fold_in, of split and of samplers that need several, 3 * 2^64 in all, never meet.
* Every input bit reaches both words through at least two finalisers.  Measured over 2^18 keys (random, or
  counting), each of the 192 input bits flips each of the 128 output bits with a frequency within 0.006 of
  1/2; sampling noise alone gives 0.004.

It is a few uint64 operations with no table and no 128-bit product, so that C and CUDA write it the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.random import Philox

Raw = Any
"""A NumPy array."""

Key = tuple[int, int]
"""The two words of a key, each in [0, 2^64)."""

_MASK = 2**64 - 1
_START = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: keeps the all-zero key from being a fixed point
_FOLD = 0x243F6A8885A308D3  # the domains: the first 64 bits of the fractions of pi ...
_SPLIT = 0xB7E151628AED2A6A  # ... of e ...
_DRAW = 0x6A09E667F3BCC908  # ... and of the square root of 2

# Two words in one integer, that of key i below and that of key i + 1 above: what `split` adds to and masks both by
_LANE = 128
_NEXT = 1 << _LANE
_BOTH = 1 | _NEXT
_MASKS, _STARTS, _SPLITS = _MASK * _BOTH, _START * _BOTH + _NEXT, _SPLIT * _BOTH

# D. Stafford's "Mix13" parameters of the MurmurHash3 finaliser, as in SplitMix64.
_MIX_FIRST = 0xBF58476D1CE4E5B9
_MIX_SECOND = 0x94D049BB133111EB


# --- keys ---------------------------------------------------------------------------------------------------


def seed_key(seed: int) -> Key:
    """The key of a seed of any size and sign: 128 bits of BLAKE2b of its shortest two's complement bytes.

    The bytes of different seeds differ; a hash makes keys of equal words as unlikely as 2^-128.
    """
    seed_bytes = seed.to_bytes(seed.bit_length() // 8 + 1, "little", signed=True)
    digest = blake2b(seed_bytes, digest_size=16, person=b"funcgrad.seed").digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def fold_in(key: Key, data: int) -> Key:
    """The key derived from `key` and an integer, taken modulo 2^64."""
    return _derive(key, data & _MASK, _FOLD)


def split(key: Key, n: int) -> list[Key]:
    """n keys derived from `key`; the i-th does not depend on n.

    `_derive` written out for two keys at a time, which lie side by side in one long integer, 128 bits apart, so that a
    product does not reach the other: what Python takes for an operation hardly grows with its digits, and `split` is
    what every step of a program begins with.
    """
    k0, k1 = key[0] * _BOTH + _STARTS, key[1] * _BOTH
    masks, first, second = _MASKS, _MIX_FIRST, _MIX_SECOND
    found: list[Key] = []
    for i in range(0, n, 2):
        z = (k0 + i * _BOTH) & masks
        z = ((z ^ (z >> 30 & masks)) * first) & masks
        z = ((z ^ (z >> 27 & masks)) * second) & masks
        a = z ^ (z >> 31 & masks)
        z = k1 ^ a
        z = ((z ^ (z >> 30 & masks)) * first) & masks
        z = ((z ^ (z >> 27 & masks)) * second) & masks
        b = z ^ (z >> 31 & masks)
        z = (a + b + ((i * _BOTH + _NEXT) ^ _SPLITS)) & masks
        z = ((z ^ (z >> 30 & masks)) * first) & masks
        z = ((z ^ (z >> 27 & masks)) * second) & masks
        c = z ^ (z >> 31 & masks)
        b ^= c
        found.append((c & _MASK, b & _MASK))
        found.append((c >> 128, b >> 128))
    return found[:n] if n % 2 else found


def draw_key(key: Key, data: int) -> Key:
    """A key for a sampler that needs several streams of one key; none of `fold_in` or `split`."""
    return _derive(key, data, _DRAW)


def fold_in_array(keys: Raw, data: Raw) -> Raw:
    """fold_in for uint64 keys of shape (..., 2) and integers that broadcast with (...)."""
    return _derive_array(keys, data, _FOLD)


def split_array(keys: Raw, n: int) -> Raw:
    """split for uint64 keys of shape (..., 2): keys of shape (..., n, 2)."""
    return _derive_array(keys[..., None, :], np.arange(n, dtype=np.uint64), _SPLIT)


def _derive(key: Key, data: int, domain: int) -> Key:
    a = _mix(key[0] + data + _START)
    b = _mix(key[1] ^ a)
    c = _mix(a + b + (data ^ domain))
    return c, b ^ c


def _mix(z: int) -> int:
    z &= _MASK
    z = ((z ^ (z >> 30)) * _MIX_FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_SECOND) & _MASK
    return z ^ (z >> 31)


def _derive_array(keys: Raw, data: Raw, domain: int) -> Raw:
    # In place throughout: the arrays of no dimension stay arrays, whose overflow wraps without a warning.
    words = _modulo_2_64(data)
    result = np.empty((*np.broadcast_shapes(keys.shape[:-1], words.shape), 2), np.uint64)
    c, b = result[..., 0], result[..., 1]
    a = np.empty_like(c)
    np.add(keys[..., 0], words, out=a)
    a += np.uint64(_START)
    _mix_in_place(a)
    np.bitwise_xor(keys[..., 1], a, out=b)
    _mix_in_place(b)
    np.bitwise_xor(words, np.uint64(domain), out=c)
    c += a
    c += b
    _mix_in_place(c)
    b ^= c
    return result


def _mix_in_place(z: Raw) -> None:
    z ^= z >> np.uint64(30)
    z *= np.uint64(_MIX_FIRST)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_MIX_SECOND)
    z ^= z >> np.uint64(31)


def _modulo_2_64(data: Raw) -> Raw:
    if isinstance(data, int):
        return np.asarray(data & _MASK, dtype=np.uint64)
    if data.dtype.kind not in "iu":
        raise TypeError(f"a key is folded with integers, not {data.dtype}")
    return data.astype(np.uint64)


# --- streams ------------------------------------------------------------------------------------------------


def bits(key: Key, n: int, width: int) -> Raw:
    """The first n integers of the key's stream: uint64 words, or their uint32 halves, the low half first."""
    if width not in (32, 64):
        raise ValueError(f"the stream has integers of 32 or 64 bits, not {width}")
    with _generator(key) as generator:
        if width == 64:
            return generator.random_raw(n)
        return _halves(generator.random_raw((n + 1) // 2))[:n]


# Words in a block of `uniform`, whose integers stay in the cache: 1e6 float64 take 4 ms, 7 ms as one array.
_BLOCK = 16384


def uniform(key: Key, n: int, dtype: Any) -> Raw:
    """n numbers in [0, 1): the top 24 bits of uint32 as float32, or the top 53 bits of uint64 as float64."""
    result = np.empty(n, dtype)
    if result.dtype not in (np.float32, np.float64):
        raise TypeError(f"uniform numbers are float32 or float64, not {result.dtype}")
    halved = result.dtype == np.float32
    unused, unit = (8, np.float32(2.0**-24)) if halved else (11, np.float64(2.0**-53))
    step = 2 * _BLOCK if halved else _BLOCK
    with _generator(key) as generator:
        for start in range(0, n, step):
            part = result[start : start + step]
            words = generator.random_raw((part.size + 1) // 2 if halved else part.size)
            integers = _halves(words)[: part.size] if halved else words
            integers >>= unused
            np.multiply(integers, unit, out=part, dtype=part.dtype, casting="unsafe")
    return result


def pairs_at(key: Key, places: Raw) -> Raw:
    """Words 2i and 2i + 1 of the key's stream for each place i, an array of shape (n, 2).

    A few of many: it takes 20 times as long a word as running through the stream.
    """
    counters = np.zeros((places.size, 4), np.uint64)
    counters[:, 0] = places // 2 + 1
    blocks = philox_block(key, counters)
    return np.where((places % 2 == 0)[:, None], blocks[:, :2], blocks[:, 2:])


def _halves(words: Raw) -> Raw:
    """Each uint64 as two uint32, the low half first; a view where the machine is little-endian."""
    return words.astype("<u8", copy=False).view("<u4").astype(np.uint32, copy=False)


# Philox objects not in use.  Making one takes 7 us (it seeds itself from a SeedSequence before it takes the
# key), setting the state of one that exists takes 0.6 us.  A deque's pop and append are atomic, so a thread
# or a finaliser that interrupts another stream never gets its object.
_idle: deque[Philox] = deque()


@contextmanager
def _generator(key: Key) -> Iterator[Philox]:
    try:
        generator = _idle.pop()
    except IndexError:
        generator = Philox(0)
    generator.state = _initial_state(key)
    yield generator
    _idle.append(generator)


def _initial_state(key: Key) -> Any:
    return {
        "bit_generator": "Philox",
        "state": {"counter": (0, 0, 0, 0), "key": key},
        "buffer": (0, 0, 0, 0),
        "buffer_pos": 4,  # nothing left of the last block: the next word increments the counter
        "has_uint32": 0,
        "uinteger": 0,
    }


# --- any block of the stream ------------------------------------------------------------------------------------------

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)  # golden ratio and sqrt(3) - 1
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox_block(key: Key, counters: Raw) -> Raw:
    """The four words of Philox4x64-10 for uint64 counters of shape (..., 4), from its definition."""
    x0, x1, x2, x3 = (np.array(counters[..., i], dtype=np.uint64, ndmin=1) for i in range(4))
    for r in range(_ROUNDS):
        k0, k1 = (np.uint64((word + r * step) & _MASK) for word, step in zip(key, _KEY_STEPS, strict=True))
        high0, low0 = _wide_product(_MULTIPLIERS[0], x0)
        high1, low1 = _wide_product(_MULTIPLIERS[1], x2)
        x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
    return np.stack([x0, x1, x2, x3], axis=-1).reshape(counters.shape)


def _wide_product(m: np.uint64, x: Raw) -> tuple[Raw, Raw]:
    """The high and the low word of the 128-bit product m * x, by 32-bit halves."""
    m_low, m_high = m & _LOW_HALF, m >> _HALF
    x_low, x_high = x & _LOW_HALF, x >> _HALF
    low_high = m_low * x_high
    middle = m_high * x_low + (m_low * x_low >> _HALF) + (low_high & _LOW_HALF)
    return m_high * x_high + (middle >> _HALF) + (low_high >> _HALF), m * x
