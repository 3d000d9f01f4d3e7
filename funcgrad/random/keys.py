"""Keys: what every random number is a function of."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from math import prod
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .. import tree
from ..core import Array, Tracer, current_trace, seen
from ..dtypes import is_integer
from ..errors import DtypeError, ShapeError
from ..kernels import philox
from ..numpy.creation import asarray, parse_shape
from ..ops import random as ops

__all__ = ["Key", "PRNGKey", "fold_in", "key", "key_data", "key_impl", "split", "wrap_key_data"]

Words: TypeAlias = tuple[int, int]

# Up to here `split` derives keys one by one, 0.6 us each; NumPy takes 20 us for any number of this order.
_FEW = 24


class Key:
    """One random key, or a batch of them: an immutable value, made by `random.key`, `split` and `fold_in`.

    A key is two 64-bit words. It can stand in any pytree, where it is a node with one leaf, the uint64 array of
    `key_data`: so it is mapped by `vmap`, saved and loaded like the arrays beside it. A batch has a shape and a length,
    is indexed as an array is, and unpacks into its keys.

    >>> from funcgrad import random
    >>> random.key(0)
    Key(0xb165128fec78a754fde13e6b833e7f48)
    >>> keys = random.split(random.key(0), 3)
    >>> keys.shape, len(keys), keys[0] == random.split(random.key(0))[0]
    ((3,), 3, True)
    """

    # Exactly one of the three is set when a key is made, and key_data or words may be added to it later:
    # the words of a single key, those of the keys of a small 1-d batch, or the array. While a tree is taken apart and
    # put together, the array's place can hold anything (None, an axis, a placeholder object).
    __slots__ = ("_data", "_rows", "_words")
    hidden_axes: ClassVar[int] = 1
    """Of the array, the last ones that are none of the batch's: `vmap` counts axes without them."""
    _words: Words | None
    _rows: list[Words] | None
    _data: Any

    def __init__(self) -> None:
        raise DtypeError("keys are made by random.key(seed), and from saved words by random.wrap_key_data(data)")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the batch; () for a single key."""
        if self._words is not None:
            return ()
        return (len(self._rows),) if self._rows is not None else key_data(self).shape[:-1]

    @property
    def ndim(self) -> int:
        """The number of dimensions of the batch; 0 for a single key."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many keys there are."""
        return prod(self.shape)

    def __bool__(self) -> bool:
        return self.size > 0

    def __len__(self) -> int:
        return self._batch_shape("len()")[0]

    def __iter__(self) -> Iterator[Key]:
        if self._rows is None or _is_input(self):
            self._batch_shape("iteration")
            if isinstance(data := key_data(self), Tracer) or data.ndim != 2:
                return (_of_data(data[i]) for i in range(data.shape[0]))
            self._rows = [(k0, k1) for k0, k1 in data.tolist()]
        return map(_of_words, self._rows)

    def __getitem__(self, index: Any) -> Key:
        self._batch_shape("an index")
        rows = None if _is_input(self) else self._rows
        if rows is not None and type(index) is int and -len(rows) <= index < len(rows):
            return _of_words(rows[index])
        entries = index if isinstance(index, tuple) else (index,)
        behind = (slice(None),) if any(e is Ellipsis for e in entries) else (Ellipsis, slice(None))
        return _of_data(key_data(self)[(*entries, *behind)])

    def _batch_shape(self, what: str) -> tuple[int, ...]:
        if shape := self.shape:
            return shape
        raise DtypeError(f"{what} of a single key: random.split(key, n) makes n keys of it")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        mine, others = _words(self), _words(other)
        if mine is not None and others is not None:
            return mine == others
        a, b = self._leaf(), other._leaf()
        if not (isinstance(a, Array) and isinstance(b, Array)):
            return a is b
        return a.shape == b.shape and np.array_equal(a.concrete()._data, b.concrete()._data)

    def __hash__(self) -> int:
        if (words := _words(self)) is None:
            raise DtypeError(f"only a single key with known words can be hashed, not {self!r}")
        return hash(words)

    def __repr__(self) -> str:
        if (words := _words(self)) is not None:
            return f"Key({_hex(words)})"
        leaf = self._leaf()
        if type(leaf) is Array and leaf.shape[-1:] == (2,) and leaf.dtype == np.uint64:
            rows = leaf.reshape((-1, 2))
            shown = ", ".join(_hex((k0, k1)) for k0, k1 in rows[:3].tolist())
            return f"Key([{shown}{', ...' if rows.shape[0] > 3 else ''}], shape={leaf.shape[:-1]})"
        return f"Key({leaf!r})"

    def __reduce__(self) -> Any:
        return _of_data, (self._leaf(),)

    def _leaf(self) -> Any:
        """The array of the words, or whatever stands in its place."""
        if self._data is None:
            known = self._words if self._rows is None else self._rows
            if known is not None:
                self._data = Array(np.array(known, np.uint64).reshape((*self.shape, 2)))
        return self._data


_new = object.__new__


def _of_words(words: Words) -> Key:
    found = _new(Key)
    found._words, found._rows, found._data = words, None, None
    return found


def _of_rows(rows: list[Words]) -> Key:
    found = _new(Key)
    found._words, found._rows, found._data = None, rows, None
    return found


def _of_data(data: Any) -> Key:
    found = _new(Key)
    found._words, found._rows, found._data = None, None, data
    return found


def _words(key: Key) -> Words | None:
    """The words of a single key whose values are known."""
    if _is_input(key):
        return None
    if key._words is None and key._rows is None:
        data = key._data
        if type(data) is Array and data.shape == (2,) and data.dtype == np.uint64:
            k0, k1 = data.tolist()
            key._words = k0, k1
    return key._words


def _is_input(key: Key) -> bool:
    """Is this key, found in a closure, an input of what is being recorded? Then its words may be others next time."""
    return type(key._data) is Array and seen(key._data) is not key._data


def _hex(words: Words) -> str:
    return f"0x{words[0]:016x}{words[1]:016x}"


def _unflatten(_: None, children: Iterable[Any]) -> Key:
    (leaf,) = children
    return _of_data(leaf)


tree.register_node(Key, lambda found: ((found._leaf(),), None), _unflatten)


# ---- making keys -------------------------------------------------------------------------------


def key(seed: int) -> Key:
    """The key of a seed.

    Args:
        seed: any Python integer, of any size and sign; different seeds give unrelated keys.

    Returns:
        A single `Key`: 128 bits of the seed's BLAKE2b hash.

    Raises:
        DtypeError: the seed is no integer.

    >>> from funcgrad import random
    >>> random.uniform(random.key(0), (3,))
    Array([0.8055174, 0.4052708, 0.1760695], dtype=float32)
    """
    return _of_words(philox.seed_key(integer(seed, "key: the seed")))


PRNGKey = key  # JAX's older name


def split(key: Key, num: int | tuple[int, ...] = 2) -> Key:
    """New keys from a key, which itself should not be used again.

    Args:
        key: a single key.
        num: how many, or the shape of the batch.

    Returns:
        A batch of keys of shape (num,), which unpacks: `k1, k2 = random.split(key)`. The i-th key does not depend on
        num.

    >>> from funcgrad import random
    >>> k1, k2 = random.split(random.key(0))
    >>> k1 == k2, k2 == random.split(random.key(0), 5)[1]
    (False, True)
    """
    if type(key) is Key and key._data is None and key._words and type(num) is int and 0 <= num <= _FEW:
        return _of_rows(philox.split(key._words, num))  # the usual case, without a call to find that out
    words = _operand(key, "split")
    if type(num) is int and 0 <= num <= _FEW and isinstance(words, tuple):
        return _of_rows(philox.split(words, num))
    shape = parse_shape(num)
    n = prod(shape)
    data = Array(philox.split_array(np.array(words, np.uint64), n)) if isinstance(words, tuple) else None
    data = ops.split(words, num=n) if data is None else data
    return _of_data(data if len(shape) == 1 else data.reshape((*shape, 2)))


def fold_in(key: Key, data: Any) -> Key:
    """The key derived from a key and an integer, such as the number of a step or of a layer.

    Args:
        key: a single key.
        data: an integer, taken modulo 2^64; or an array of integers, also one under a transform.

    Returns:
        A single key, or a batch of the shape of `data`. No key of `fold_in` is one of `split`.

    Raises:
        DtypeError: `data` does not hold integers.

    >>> from funcgrad import random
    >>> step = random.fold_in(random.key(0), 100)
    >>> step == random.fold_in(random.key(0), 101)
    False
    """
    if type(key) is Key and key._data is None and key._words and type(data) is int:
        return _of_words(philox.fold_in(key._words, data))
    words = _operand(key, "fold_in")
    if not isinstance(data, Array | np.ndarray) or (not data.shape and not isinstance(data, Tracer)):
        number = integer(data, "fold_in: data")
        if isinstance(words, tuple):
            return _of_words(philox.fold_in(words, number))
        data = Array(np.asarray(number % 2**64, np.uint64))
    numbers = asarray(data)
    if not is_integer(numbers.dtype):
        raise DtypeError(f"fold_in: data must be integers, not {numbers.aval}")
    keys = _array_of(words)
    return _of_data(ops.fold_in(keys.broadcast_to((*numbers.shape, 2)) if numbers.shape else keys, numbers))


def key_data(key: Key) -> Array:
    """The words of keys as a uint64 array of shape (*key.shape, 2), for saving; see `wrap_key_data`.

    Args:
        key: one key, or a batch of them.

    >>> from funcgrad import random
    >>> random.key_data(random.split(random.key(0), 3)).shape
    (3, 2)
    """
    if type(key) is not Key:
        raise _no_key("key_data", key)
    if key._words is not None or key._rows is not None:
        return seen(key._leaf()) if isinstance(key._leaf(), Array) else key._leaf()
    return _checked(key._data)


def key_impl(key: Key) -> str:
    """What makes numbers of a key: "philox", as `numpy.random.Philox` does.

    Args:
        key: one key, or a batch of them.

    >>> from funcgrad import random
    >>> random.key_impl(random.key(0))
    'philox'
    """
    if type(key) is not Key:
        raise _no_key("key_impl", key)
    return "philox"


def wrap_key_data(data: Any) -> Key:
    """The keys of these words: the inverse of `key_data`.

    Args:
        data: uint64 of shape (..., 2).

    Returns:
        Keys of shape (...).

    >>> import numpy as np
    >>> from funcgrad import random
    >>> random.wrap_key_data(np.array([1, 2], np.uint64))
    Key(0x00000000000000010000000000000002)
    """
    return _of_data(_checked(asarray(data)))


def _checked(data: Any) -> Array:
    """What stands in a key's tree, if it is words of keys."""
    found = seen(asarray(data)) if isinstance(data, Array | np.ndarray) else None
    if found is None or found.dtype != np.uint64 or found.shape[-1:] != (2,):
        what = found.aval if found is not None else f"{data!r:.60}"
        raise DtypeError(f"the words of keys are uint64 of shape (..., 2), not {what}")
    return found


def _operand(key: Any, name: str) -> Words | Array:
    """A single key for an operation: its words where they are known, else its array."""
    if type(key) is not Key:
        raise _no_key(name, key)
    if (words := _words(key)) is not None:
        return words
    data = key_data(key)
    if data.ndim != 1:
        raise ShapeError(
            f"{name} takes one key, and this is a batch of shape {key.shape}: unpack it (k1, k2 = random.split(key)), "
            "index it, or map over it with vmap"
        )
    return data


def one_key_array(name: str, key: Any) -> Array:
    """A single key as its array."""
    return _array_of(_operand(key, name))


def _array_of(words: Words | Array) -> Array:
    return Array(np.array(words, np.uint64)) if isinstance(words, tuple) else words


def sample(name: str, sampler: ops.Sampler, key: Any, shape: tuple[int, ...], **params: Any) -> Array:
    """Numbers of a single key's stream; under a trace as an operation, so that the trace sees it."""
    words = _operand(key, name)
    return sampler(words if current_trace() is None else _array_of(words), shape=shape, **params)


def integer(x: Any, name: str) -> int:
    """A Python int of whatever is one."""
    try:
        return operator.index(x)
    except TypeError:
        raise DtypeError(f"{name} must be an integer, not {x!r:.60} ({type(x).__name__})") from None


def _no_key(name: str, x: Any) -> DtypeError:
    what = repr(x.aval) if isinstance(x, Array) else f"{x!r:.40} ({type(x).__name__})"
    return DtypeError(f"{name} takes a key first, not {what}: use random.key(0), or wrap_key_data for saved words")
