"""Keys and values of the tokens so far, so that a decoder computes those of the new ones alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..numpy.creation import arange, asarray, zeros
from ..numpy.elementwise import where
from ..ops.shape import concat, expand_dims
from ..tree import register_dataclass
from .options import check_count

__all__ = ["KVCache"]


@register_dataclass
@dataclass(frozen=True)
class KVCache:
    """The keys and values of one attention layer's tokens so far: a value that is passed in and returned.

    It is a tree whose leaves are the arrays, and its sizes never change, so a jitted step that takes it and returns
    it is traced once for all positions. Make one by `KVCache.init`, or by a layer's `init_cache`.

        cache = attention.init_cache(capacity=256, batch=8)
        y, weights, cache = attention(params, token, cache=cache)

    Fields:
        k: (..., heads, capacity, D).
        v: (..., heads, capacity, E).
        length: the number of tokens so far, an integer without dimensions.
        rolling: whether a new token takes the place of the oldest one when all places are taken; else that raises
            ArrayIndexError.
    """

    k: Any
    v: Any
    length: Any
    rolling: bool = field(default=False, metadata={"static": True})

    @classmethod
    def init(
        cls,
        heads: int,
        capacity: int,
        k_size: int,
        v_size: int | None = None,
        *,
        batch: int | tuple[int, ...] = (),
        rolling: bool = False,
        dtype: Any = None,
    ) -> KVCache:
        """A cache without tokens.

        Args:
            heads: of keys and values, which may be fewer than those of queries.
            capacity: how many tokens there is room for.
            k_size, v_size: the sizes D and E of a key and a value; E is D where None.
            batch: sizes of the axes before heads.
            rolling: whether new tokens take the places of the oldest ones.
            dtype: of keys and values; the default float where None.

        Raises:
            OptionError: no room for a token.

        >>> import funcgrad.numpy as fnp, funcgrad.functional as F
        >>> cache = F.KVCache.init(1, 3, 2)
        >>> k, v, positions, cache = cache.extend(fnp.ones((1, 2, 2)), fnp.ones((1, 2, 2)))
        >>> positions.tolist(), cache.length.item(), k.shape
        ([0, 1, -1], 2, (1, 3, 2))
        """
        check_count("KVCache", "capacity", capacity)
        leading = (*((batch,) if isinstance(batch, int) else batch), heads, capacity)
        k, v = (zeros((*leading, n), dtype=dtype) for n in (k_size, k_size if v_size is None else v_size))
        return cls(k, v, asarray(0), rolling)

    @property
    def capacity(self) -> int:
        """How many tokens there is room for."""
        return int(self.k.shape[-2])

    def positions(self) -> Array:
        """The position of the token in each place, (capacity,); -1 where there is none."""
        places: Any = arange(self.capacity, device=self.k.device)
        if self.rolling:
            last = self.length - 1
            places = last - (last - places) % self.capacity
            return where(places < 0, -1, places)
        return where(places < self.length, places, -1)

    def extend(self, k: Any, v: Any) -> tuple[Any, Any, Array, KVCache]:
        """Take in the keys and values of new tokens.

        Args:
            k, v: (..., heads, L, D) and (..., heads, L, E).

        Returns:
            (k, v, positions, cache): what the new tokens' queries may look at, the position of each of these keys (-1
            for none), and the cache with the new tokens. Where a rolling cache gets several tokens at once, the first
            of which still see what the last ones replace, k and v are those before together with the new ones.

        Raises:
            ShapeError: k and v do not fit the cache.
            ArrayIndexError: there is no more room, and the cache does not roll.
        """
        k, v = asarray(k), asarray(v)
        for name, new, old in (("k", k, self.k), ("v", v, self.v)):
            if (*new.shape[:-2], new.shape[-1]) != (*old.shape[:-2], old.shape[-1]) or new.shape[-2] != k.shape[-2]:
                sizes = ", ".join(map(str, (*old.shape[:-2], "L", old.shape[-1])))
                raise ShapeError(
                    f"KVCache: expected {name} of shape ({sizes}), with the batch and heads that the cache was made "
                    f"for, and as many tokens L in k and v, got {new.shape}"
                )
        count = k.shape[-2]
        new_positions: Any = arange(count, device=self.k.device) + self.length
        places = new_positions % self.capacity if self.rolling else new_positions
        after = replace(self, k=_placed(self.k, k, places), v=_placed(self.v, v, places), length=self.length + count)
        if not self.rolling or count == 1:
            return after.k, after.v, after.positions(), after
        axis = k.ndim - 2
        joined = (concat(old, new.astype(old.dtype), axis=axis) for old, new in ((self.k, k), (self.v, v)))
        return *joined, concat(self.positions(), new_positions, axis=0), after

    def seen(self, count: int, positions: Any, window: int | None = None) -> Any:
        """Which of the keys the last `count` tokens' queries see: those before them and their own.

        Args:
            count: L, how many of the tokens ask.
            positions: of the keys, as `extend` gives them.
            window: how many tokens to the left a query sees beside its own; all where None.

        Returns:
            Booleans (L, S).
        """
        queries: Any = expand_dims(arange(count, device=self.k.device) + (self.length - count), 1)
        found = (positions >= 0) & (positions <= queries)
        return found if window is None else found & (positions >= queries - window)


def _placed(old: Any, new: Any, places: Any) -> Any:
    """The array with those tokens in those places; of more than there is room for, the last ones."""
    new = new.astype(old.dtype)
    capacity = old.shape[-2]
    if places.shape[0] == 1:  # one pass in the order of memory, which writes over a donated cache
        every: Any = arange(capacity, device=old.device)
        return where(expand_dims(every == every[places], 1), new, old)
    kept = slice(max(places.shape[0] - capacity, 0), None)
    return old.at[..., places[kept], :].set(new[..., kept, :])
