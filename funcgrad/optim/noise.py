"""Random noise on the updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from .. import random
from ..core import Array
from ..errors import DtypeError, OptionError
from ..numpy import sqrt
from .hyperparams import Number, Tunable, beside, require_not_negative
from .moments import in_float32
from .transformation import aligned, floating_leaves, rebuilt

__all__ = ["AddNoiseState", "add_noise"]


class AddNoiseState(NamedTuple):
    """The state of `add_noise`.

    Args:
        count: how many updates were made.
        rng_key: of the next noise.
        hyperparams: eta, gamma.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    rng_key: random.Key
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class add_noise(Tunable):  # noqa: N801  # transformations have optax's names
    """Normal noise on the updates, less of it from step to step.

        u_t = g_t + n_t   with   n_t of mean 0 and variance eta / t^gamma

    Of complex updates real and imaginary part have half of that variance each.

    Args:
        eta, gamma: numbers or schedules; in the state under these names.
        key: of `funcgrad.random`, or an integer for `random.key` of it.
        seed: the same as an integer `key`. Where neither is given the key is `random.key(0)`, as in optax.

    Raises:
        ValueError: a negative `eta`, or a key and a seed.
        DtypeError: the key is something else.

    An ensemble that `vmap(opt.init)` makes has one key, and so one noise; put a key each into its state by
    `state._replace(rng_key=random.split(key, n))`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim, random
    >>> opt = optim.add_noise(eta=0.01, gamma=0.55, key=random.key(1))
    >>> updates, state = opt.update(fnp.zeros(10000), opt.init(fnp.zeros(10000)))
    >>> round(float(fnp.std(updates)), 3)
    0.1

    Source: Neelakantan et al., Adding Gradient Noise Improves Learning for Very Deep Networks, 2015, arXiv:1511.06807.
    """

    eta: Number
    gamma: Number
    key: Any = None
    seed: int | None = field(default=None, kw_only=True)
    tunable: ClassVar = {"eta": "eta", "gamma": "gamma"}
    state_type: ClassVar = AddNoiseState

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "eta")
        if self.key is not None and self.seed is not None:
            raise OptionError("add_noise: give a key or a seed, not both")
        object.__setattr__(self, "key", key_of("add_noise", self.seed if self.key is None else self.key))
        object.__setattr__(self, "seed", None)

    def init(self, params: Any) -> AddNoiseState:
        leaves, _ = floating_leaves(self, "params", params)
        count = self.first_count(leaves, always=True)
        assert count is not None
        return AddNoiseState(count, self.key, self.first_hyperparams(leaves))

    def update(self, updates: Any, state: AddNoiseState, params: Any = None) -> tuple[Any, AddNoiseState]:
        eta, gamma = self.current(state, updates)
        state = self.following(state)
        (given,), structure = aligned(self, {"updates": updates})
        gs = in_float32(given)
        following, *keys = random.split(state.rng_key, 1 + len(gs))
        scales = beside(gs, sqrt(eta / state.count**gamma))
        rows = zip(gs, keys, scales, strict=True)
        out = [g + c * random.normal(key, g.shape, g.dtype) for g, key, (c,) in rows]
        return rebuilt(structure, out, given), state._replace(rng_key=following)


def key_of(caller: str, key: Any) -> random.Key:
    """A key, that of an integer, or `random.key(0)` where None is given."""
    found = key if isinstance(key, random.Key) else random.key(0 if key is None else key)
    if found.shape != ():
        raise DtypeError(f"{caller} takes a single key, not a batch of shape {found.shape}")
    return found
