"""Gradients that tell little about each example: differentially private descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ... import random
from ...core import Array
from ...errors import OptionError
from ..aliases import sgd
from ..combining import chain
from ..hyperparams import Number, Tunable, beside, require_not_negative
from ..moments import in_float32
from ..noise import key_of
from ..norms import per_example_global_norm_clip
from ..transformation import aligned, floating_leaves, rebuilt

__all__ = ["DifferentiallyPrivateAggregateState", "differentially_private_aggregate", "dpsgd"]


class DifferentiallyPrivateAggregateState(NamedTuple):
    """The state of `differentially_private_aggregate`.

    Args:
        rng_key: of the next noise.
        hyperparams: l2_norm_clip, noise_multiplier.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    rng_key: random.Key
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class differentially_private_aggregate(Tunable):  # noqa: N801  # transformations have optax's names
    """The mean over the examples of gradients that are each of bounded length, with normal noise.

        u = (sum_i g_i min(1, l2_norm_clip / |g_i|) + n) / B   with n of deviation l2_norm_clip noise_multiplier

    The first of a chain: it takes gradients with the examples on their first axis, as `vmap(grad(loss), (None, 0))`
    makes them, and gives updates without it.

    Args:
        l2_norm_clip, noise_multiplier: numbers or schedules; in the state under these names.
        key: of `funcgrad.random`, or an integer; `random.key(0)` where None.
        seed: optax's older name for an integer `key`.

    Raises:
        ValueError: a negative number, or a key and a seed.
        DtypeError: the key is something else.
        ShapeError: by `update`, gradients without examples.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.differentially_private_aggregate(2.5, noise_multiplier=0.0)
    >>> opt.update(fnp.asarray([[3.0, 4.0], [0.0, 1.0]]), opt.init(fnp.zeros(2)))[0]
    Array([0.75, 1.5 ], dtype=float32)

    Source: Abadi et al., Deep Learning with Differential Privacy, 2016, arXiv:1607.00133.
    """

    l2_norm_clip: Number
    noise_multiplier: Number
    key: Any = None
    seed: int | None = field(default=None, kw_only=True)
    tunable: ClassVar = {"l2_norm_clip": "l2_norm_clip", "noise_multiplier": "noise_multiplier"}
    state_type: ClassVar = DifferentiallyPrivateAggregateState

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "l2_norm_clip", "noise_multiplier")
        if self.key is not None and self.seed is not None:
            raise OptionError("differentially_private_aggregate: give a key or a seed, not both")
        key = self.seed if self.key is None else self.key
        object.__setattr__(self, "key", key_of("differentially_private_aggregate", key))
        object.__setattr__(self, "seed", None)

    def init(self, params: Any) -> DifferentiallyPrivateAggregateState:
        leaves, _ = floating_leaves(self, "params", params)
        return DifferentiallyPrivateAggregateState(self.key, self.first_hyperparams(leaves), self.first_count(leaves))

    def update(
        self, updates: Any, state: DifferentiallyPrivateAggregateState, params: Any = None
    ) -> tuple[Any, DifferentiallyPrivateAggregateState]:
        bound, multiplier = self.current(state)
        summed, _ = per_example_global_norm_clip(updates, bound)
        (given,), structure = aligned(self, {"updates": summed})
        (examples, *_), _ = floating_leaves(self, "updates", updates)
        gs = in_float32(given)
        following, *keys = random.split(state.rng_key, 1 + len(gs))
        rows = zip(gs, keys, beside(gs, bound * multiplier), strict=True)
        out = [(g + c * random.normal(key, g.shape, g.dtype)) / examples.shape[0] for g, key, (c,) in rows]
        return rebuilt(structure, out, given), self.following(state)._replace(rng_key=following)


def dpsgd(
    learning_rate: Number,
    l2_norm_clip: Number,
    noise_multiplier: Number,
    seed: Any,
    momentum: Number | None = None,
    nesterov: bool = False,
) -> chain:
    """Differentially private gradient descent: `differentially_private_aggregate`, then `sgd`.

    Args:
        learning_rate, momentum, nesterov: of `sgd`.
        l2_norm_clip, noise_multiplier: of `differentially_private_aggregate`.
        seed: an integer, or a key of `funcgrad.random`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.dpsgd(0.5, l2_norm_clip=2.5, noise_multiplier=0.0, seed=0)
    >>> opt.update(fnp.asarray([[3.0, 4.0], [0.0, 1.0]]), opt.init(fnp.zeros(2)))[0]
    Array([-0.375, -0.75 ], dtype=float32)
    """
    private = differentially_private_aggregate(l2_norm_clip, noise_multiplier, seed)
    return chain(private, *sgd(learning_rate, momentum, nesterov).transformations)
