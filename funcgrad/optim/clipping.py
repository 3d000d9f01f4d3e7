"""Transformations that keep updates small: element by element, all together, or unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import tree
from ..core import Array
from ..dtypes import is_complex
from ..errors import DtypeError, ShapeError
from ..numpy import maximum, minimum, sqrt, stack, sum
from .hyperparams import HyperparamsState, Number, Tunable, beside, require, require_not_negative
from .moments import in_float32, squared_magnitude
from .norms import limit, mean_square, root, squared_norm, times_each
from .transformation import aligned, need_params, rebuilt

__all__ = [
    "AdaptiveGradClipState",
    "ClipByGlobalNormState",
    "ClipState",
    "adaptive_grad_clip",
    "clip",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "normalize_by_update_norm",
]

AdaptiveGradClipState = HyperparamsState
ClipByGlobalNormState = HyperparamsState
ClipState = HyperparamsState


@dataclass(frozen=True)
class clip(Tunable):  # noqa: N801  # transformations have optax's names
    """Each element between two bounds: u = min(max(g, -max_delta), max_delta).

    Args:
        max_delta: a number or a schedule; in the state under this name.

    Raises:
        ValueError: a negative `max_delta`.
        DtypeError: complex updates, which have no order.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.clip(1.0)
    >>> opt.update(fnp.asarray([3.0, -0.5]), opt.init(fnp.zeros(2)))[0]
    Array([ 1. , -0.5], dtype=float32)
    """

    max_delta: Number
    tunable: ClassVar = {"max_delta": "max_delta"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "max_delta")

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        (bound,) = self.current(state, updates)
        (gs,), structure = aligned(self, {"updates": updates})
        if any(is_complex(g.dtype) for g in gs):
            raise DtypeError("clip: complex updates have no order: use clip_by_global_norm")
        rows = zip(gs, beside(gs, bound, -bound), strict=True)
        out = [minimum(maximum(g, low), high) for g, (high, low) in rows]
        return tree.unflatten(structure, out), self.following(state)


@dataclass(frozen=True)
class clip_by_global_norm(Tunable):  # noqa: N801
    """All updates times one number, so that their `global_norm` is at most a bound.

        u = g min(1, max_norm / |g|)

    Args:
        max_norm: a number or a schedule; in the state under this name.

    Raises:
        ValueError: `max_norm` is not positive.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.clip_by_global_norm(1.0)
    >>> opt.update(fnp.asarray([3.0, 4.0]), opt.init(fnp.zeros(2)))[0]
    Array([0.6, 0.8], dtype=float32)

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013,
    arXiv:1211.5063.
    """

    max_norm: Number
    tunable: ClassVar = {"max_norm": "max_norm"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require(lambda v: v > 0, self, "max_norm", "positive")

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        (bound,) = self.current(state, updates)
        (gs,), structure = aligned(self, {"updates": updates})
        factors = beside(gs, limit(squared_norm(gs), bound))
        return tree.unflatten(structure, [g * c for g, (c,) in zip(gs, factors, strict=True)]), self.following(state)


@dataclass(frozen=True)
class adaptive_grad_clip(Tunable):  # noqa: N801
    """Each unit's update made at most a part of the norm of the unit's parameters.

        u_i = g_i min(1, clipping max(|p_i|, eps) / |g_i|)

    A unit i is what belongs to one output: a column of a matrix (in, out), or one output channel of a convolution's
    weight, whose last axis it is; a leaf with at most one axis longer than 1 is one unit.

    Args:
        clipping: a number or a schedule; in the state under this name.
        eps: the least norm that parameters count with, so that they can grow from zero; in the state too.
        axis: the axes of all leaves over which to take the norms, in place of this rule.

    Raises:
        ValueError: `clipping` or `eps` is not positive.
        ShapeError: a leaf has more than five axes and `axis` is not given.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params, grads = fnp.asarray([[3.0, 1.0], [4.0, 1.0]]), fnp.asarray([[0.3, 8.0], [0.4, 0.0]])
    >>> opt = optim.adaptive_grad_clip(0.5)
    >>> fnp.round(opt.update(grads, opt.init(params), params)[0], 3)
    Array([[0.3  , 0.707],
           [0.4  , 0.   ]], dtype=float32)

    Source: Brock et al., High-Performance Large-Scale Image Recognition Without Normalization, 2021, arXiv:2102.06171.
    """

    clipping: Number
    eps: Number = 1e-3
    axis: int | Sequence[int] | None = None
    tunable: ClassVar = {"clipping": "clipping", "eps": "eps"}

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "axis", tuple(self.axis) if isinstance(self.axis, list) else self.axis)
        for name in ("clipping", "eps"):
            require(lambda v: v > 0, self, name, "positive")

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        need_params(self, params)
        clipping, eps = self.current(state, updates)
        (given, ps), structure = aligned(self, {"updates": updates, "params": params})
        gs, ps, out = in_float32(given), in_float32(ps), []
        for g, p, (c, e) in zip(gs, ps, beside(gs, clipping, eps), strict=True):
            bound = c * sqrt(maximum(self._squared_norms(p), e * e))
            out.append(g * limit(self._squared_norms(g), bound))
        return rebuilt(structure, out, given), self.following(state)

    def _squared_norms(self, x: Array) -> Array:
        """The squared norms of the units, on axes of size one where they were summed over."""
        axes: Any = self.axis
        if axes is None:
            if len([n for n in x.shape if n != 1]) > 1 and x.ndim > 5:
                raise ShapeError(f"adaptive_grad_clip: which axes of {x.aval} make a unit? Give axis=...")
            one = len([n for n in x.shape if n != 1]) <= 1
            axes = None if one else 0 if x.ndim <= 3 else tuple(range(x.ndim - 1))
        return sum(squared_magnitude(x), axis=axes, keepdims=True)


@dataclass(frozen=True)
class clip_by_block_rms(Tunable):  # noqa: N801
    """Each leaf's updates times one number, so that their root mean square is at most a bound.

        u = g min(1, threshold / rms(g))

    Args:
        threshold: a number or a schedule; in the state under this name.

    Raises:
        ValueError: `threshold` is not positive.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.clip_by_block_rms(1.0)
    >>> opt.update([fnp.asarray([2.0, -2.0]), fnp.asarray([0.5])], opt.init([fnp.zeros(2), fnp.zeros(1)]))[0]
    [Array([ 1., -1.], dtype=float32), Array([0.5], dtype=float32)]

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235.
    """

    threshold: Number
    tunable: ClassVar = {"threshold": "threshold"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require(lambda v: v > 0, self, "threshold", "positive")

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        (bound,) = self.current(state, updates)
        (given,), structure = aligned(self, {"updates": updates})
        gs = in_float32(given)
        if not gs:
            return updates, self.following(state)
        factors = limit(stack([mean_square(g) for g in gs]), bound)
        return rebuilt(structure, times_each(gs, factors), given), self.following(state)


@dataclass(frozen=True)
class normalize_by_update_norm(Tunable):  # noqa: N801
    """All updates over their `global_norm`: u = scale_factor g / (|g| + eps).

    Args:
        scale_factor, eps: numbers or schedules; in the state under these names.

    Raises:
        ValueError: a negative `eps`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.normalize_by_update_norm()
    >>> fnp.round(opt.update(fnp.asarray([3.0, 4.0]), opt.init(fnp.zeros(2)))[0], 3)
    Array([0.6, 0.8], dtype=float32)
    """

    scale_factor: Number = 1.0
    eps: Number = 1e-6
    tunable: ClassVar = {"scale_factor": "scale_factor", "eps": "eps"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "eps")

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        factor, eps = self.current(state, updates)
        (given,), structure = aligned(self, {"updates": updates})
        gs = in_float32(given)
        factors = beside(gs, factor / (root(squared_norm(gs)) + eps))
        return rebuilt(structure, [g * c for g, (c,) in zip(gs, factors, strict=True)], given), self.following(state)
