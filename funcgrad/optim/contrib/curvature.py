"""Updates over an estimate of the curvature: Sophia.

Letters in the formulas are those of `funcgrad.optim.scaling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ... import random, tree
from ...core import Array
from ...errors import OptionError
from ...numpy import maximum, minimum, zeros_like
from ...transforms.control import cond
from ...transforms.products import hvp
from ..combining import chain
from ..hyperparams import Number, Tunable, beside, require_fractions, require_not_negative
from ..moments import dtype_or_none, in_float32, running_means, square_dtype, unbiased
from ..noise import key_of
from ..scaling import add_decayed_weights, scale_by_learning_rate
from ..transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    aligned,
    checked,
    floating_leaves,
    need_params,
    rebuilt,
    updated,
)
from .informed import need_order, whole

__all__ = ["HutchinsonState", "SophiaState", "hutchinson_estimator_diag_hessian", "scale_by_sophia", "sophia"]


class HutchinsonState(NamedTuple):
    """The state of `hutchinson_estimator_diag_hessian`.

    Args:
        key: of the next estimate.
    """

    key: random.Key


@dataclass(frozen=True)
class hutchinson_estimator_diag_hessian(GradientTransformationExtraArgs):  # noqa: N801  # optax's name
    """An estimate of the diagonal of the Hessian in the place of the updates, by one product with a random vector.

        u = z (H z),   z of signs

    Its mean over z is the diagonal, and it is the diagonal itself where the Hessian has nothing else.

    Args:
        random_seed: an integer, or a key of `funcgrad.random`; `random.key(0)` where None.

    `update` takes the loss as a function of the parameters by name:
    `update(grads, state, params, obj_fn=lambda params: loss(params, batch))`.

    Raises:
        DtypeError: the seed is something else; by `update`, complex parameters.
        OptionError: by `update`, no `obj_fn`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.hutchinson_estimator_diag_hessian(0), fnp.asarray([1.0, 2.0])
    >>> opt.update(params, opt.init(params), params, obj_fn=lambda p: fnp.sum(p**3))[0]
    Array([ 6., 12.], dtype=float32)

    Source: Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines,
    1989; Liu et al., Sophia, 2023, arXiv:2305.14342.
    """

    random_seed: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "random_seed", key_of("hutchinson_estimator_diag_hessian", self.random_seed))

    def init(self, params: Any) -> HutchinsonState:
        floating_leaves(self, "params", params)
        return HutchinsonState(self.random_seed)

    def update(
        self, updates: Any, state: HutchinsonState, params: Any = None, *, obj_fn: Any = None, **extra_args: Any
    ) -> tuple[Any, HutchinsonState]:
        need_params(self, params)
        if obj_fn is None:
            raise OptionError(
                "hutchinson_estimator_diag_hessian: update needs the loss as a function of the parameters: "
                "update(updates, state, params, obj_fn=lambda params: ...)"
            )
        leaves, structure = floating_leaves(self, "params", params)
        for p in leaves:
            need_order(self, p, "it takes real parameters, since")
        following, *keys = random.split(state.key, 1 + len(leaves))
        signs = [random.rademacher(k, p.shape, p.dtype) for k, p in zip(keys, leaves, strict=True)]
        (products,) = hvp(obj_fn, (params,), (tree.unflatten(structure, signs),))
        out = [z * h for z, h in zip(signs, tree.leaves(products), strict=True)]
        return rebuilt(structure, out, leaves), HutchinsonState(following)


class SophiaState(NamedTuple):
    """The state of `scale_by_sophia`.

    Args:
        count: how many updates were made.
        mu: mean of the updates, a tree like the parameters.
        nu: mean of the estimates of the Hessian's diagonal, likewise.
        hessian_fn_state: of what estimates it.
        hyperparams: b1, b2, eps, gamma, clip_threshold (where it is given).
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    mu: Any
    nu: Any
    hessian_fn_state: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_sophia(Tunable, GradientTransformationExtraArgs):  # noqa: N801
    """The mean of the updates over that of the curvature, element by element within a bound: Sophia.

        m_t = b1 m_(t-1) + (1 - b1) g_t
        u_t = m_t / (1 - b1^t) / max(gamma h_(t-1), eps)   between -clip_threshold and clip_threshold
        h_t = b2 h_(t-1) + (1 - b2) diagonal of the Hessian, at t = 1 and every `update_interval` steps; else h_(t-1)

    As in optax the step uses the curvature of the steps before, which the first one has none of.

    Args:
        b1, b2, eps, gamma: numbers or schedules; in the state under these names.
        clip_threshold: likewise; None for no bound.
        update_interval: a positive integer.
        hessian_diagonal_fn: a transformation whose updates are the diagonal. It gets the extra arguments of `update`.
        mu_dtype: of m in the state; that of the parameters where None.

    Raises:
        ValueError: b1 or b2 outside [0, 1), a negative eps, or `update_interval` below 1.
        DtypeError: complex parameters, with a bound.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_sophia(), fnp.asarray([1.0, -2.0])
    >>> loss = lambda p: fnp.sum(p**2)
    >>> opt.update(2 * params, opt.init(params), params, obj_fn=loss)[0]
    Array([ 1., -1.], dtype=float32)

    Source: Liu et al., Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training, 2023,
    arXiv:2305.14342.
    """

    b1: Number = 0.965
    b2: Number = 0.99
    eps: Number = 1e-8
    gamma: Number = 0.01
    clip_threshold: Number | None = 1.0
    update_interval: int = 10
    hessian_diagonal_fn: GradientTransformation = hutchinson_estimator_diag_hessian()  # it is frozen
    mu_dtype: Any = None
    state_type: ClassVar = SophiaState

    @property
    def tunable(self) -> dict[str, str]:  # type: ignore[override]  # the bound is one of them where it is given
        names = ("b1", "b2", "eps", "gamma")
        return {name: name for name in (names if self.clip_threshold is None else (*names, "clip_threshold"))}

    def __post_init__(self) -> None:
        super().__post_init__()
        checked(self, self.hessian_diagonal_fn)
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps")
        whole(self, "update_interval")

    def init(self, params: Any) -> SophiaState:
        leaves, structure = floating_leaves(self, "params", params)
        for p in leaves:
            need_order(self, p, "curvatures are compared, and")
        count = self.first_count(leaves, always=True)
        assert count is not None
        mu = tree.unflatten(structure, [zeros_like(p, self.mu_dtype) for p in leaves])
        nu = tree.unflatten(structure, [zeros_like(p, square_dtype(p.dtype)) for p in leaves])
        return SophiaState(count, mu, nu, self.hessian_diagonal_fn.init(params), self.first_hyperparams(leaves))

    def update(
        self, updates: Any, state: SophiaState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, SophiaState]:
        b1, b2, eps, gamma, *bound = self.current(state)
        trees = {"updates": updates, "state.mu": state.mu, "state.nu": state.nu}
        given, structure = aligned(self, trees)
        gs, mus, nus = map(in_float32, given)

        def estimated(old: list[Array], hessian_state: Any) -> tuple[list[Array], Any]:
            diagonal, after = updated(self.hessian_diagonal_fn, updates, hessian_state, params, extra_args)
            (found, _), _ = aligned(self, {"the diagonal": diagonal, "updates": updates})
            new = running_means(old, in_float32(found), b2)
            return [x.astype(before.dtype) for x, before in zip(new, old, strict=True)], after

        due = state.count % self.update_interval == 0
        curvatures, after = cond(due, estimated, lambda old, held: (old, held), nus, state.hessian_fn_state)
        state = self.following(state)
        means = running_means(mus, gs, b1)
        out = []
        for m, h, (c, e, *most) in zip(
            unbiased(means, b1, state.count), nus, beside(gs, gamma, eps, *bound), strict=True
        ):
            u = m / maximum(c * h, e)
            out.append(minimum(maximum(u, -most[0]), most[0]) if most else u)
        return rebuilt(structure, out, given[0]), state._replace(
            mu=rebuilt(structure, means, given[1]), nu=rebuilt(structure, curvatures, given[2]), hessian_fn_state=after
        )


def sophia(
    learning_rate: Number,
    b1: Number = 0.965,
    b2: Number = 0.99,
    eps: Number = 1e-8,
    weight_decay: Number = 1e-4,
    weight_decay_mask: Any = None,
    gamma: Number = 0.01,
    clip_threshold: Number | None = 1.0,
    update_interval: int = 10,
    hessian_diagonal_fn: GradientTransformation = hutchinson_estimator_diag_hessian(),  # it is frozen
    mu_dtype: Any = None,
) -> chain:
    """Sophia: `scale_by_sophia`, `add_decayed_weights`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        b1, b2, eps, gamma, clip_threshold, update_interval, hessian_diagonal_fn, mu_dtype: of `scale_by_sophia`.
        weight_decay, weight_decay_mask: of `add_decayed_weights`.

    `update` takes what estimates the Hessian needs, by default the loss:
    `update(grads, state, params, obj_fn=lambda params: loss(params, batch))`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.sophia(0.5, weight_decay=0.0), fnp.asarray([1.0, -2.0])
    >>> opt.update(2 * params, opt.init(params), params, obj_fn=lambda p: fnp.sum(p**2))[0]
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(
        scale_by_sophia(b1, b2, eps, gamma, clip_threshold, update_interval, hessian_diagonal_fn, mu_dtype),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
