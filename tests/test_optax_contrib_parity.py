"""The optimisers of `optim.contrib` against optax.contrib: 100 steps, in float32 and in float64, and their names."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import funcgrad.numpy as fnp
from funcgrad import optim, tree

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

from optax_runs import assert_alike, assert_alike_where_complex, both, weights_only  # noqa: E402  # it imports both


def loss_of(o: Any, params: Any) -> dict[str, Any]:
    """The loss without its noise, as a value and as a function."""

    def loss(p: Any) -> Any:
        leaves = tree.leaves(p) if o is optim else jax.tree.leaves(p)
        return sum((x * x).sum() for x in leaves) / 2

    return {"value": loss(params) + 1.0, "obj_fn": loss}


def spec(o: Any, first: int | tuple[int, ...], second: int | tuple[int, ...], name: str = "Muon") -> Any:
    """Dimension numbers for the leaf with four axes, and for those with two."""
    numbers = getattr(o.contrib, f"{name}DimensionNumbers")
    return {"layers": [(numbers(), None), (numbers(first, second), None)], "scale": None}


def curvature(o: Any) -> Any:
    """A diagonal that goes by the gradient, in place of an estimate."""
    map_tree = tree.map if o is optim else jax.tree.map
    return o.GradientTransformationExtraArgs(
        lambda params: o.EmptyState(),
        lambda updates, state, params=None, **extra: (map_tree(lambda g: 0.3 + g * g, updates), state),
    )


OPTIMISERS = {
    "muon": lambda o: o.contrib.muon(0.05),
    "muon_schedule": lambda o: o.contrib.muon(o.linear_schedule(0.05, 0.01, 50)),
    "muon_decay": lambda o: o.contrib.muon(
        0.05, weight_decay=0.1, weight_decay_mask=weights_only, adam_weight_decay=0.05, consistent_rms=0.2
    ),
    "muon_adam": lambda o: o.contrib.muon(
        0.05, nesterov=False, adam_b1=0.8, adam_b2=0.9, adam_eps_root=1e-3, adam_learning_rate=0.01, eps=1e-3
    ),
    "muon_adaptive": lambda o: o.contrib.muon(0.05, adaptive=True, beta=0.8, ns_steps=3),
    "muon_spectral": lambda o: o.contrib.muon(0.05, preconditioning="spectral"),
    "muon_aol": lambda o: o.contrib.muon(0.05, preconditioning="aol", ns_steps=4),
    "muon_schatten": lambda o: o.contrib.muon(0.05, preconditioning="schatten"),
    "muon_dion": lambda o: o.contrib.muon(0.05, "dion"),
    "muon_rows": lambda o: o.contrib.muon(0.05, ((3.0, -4.0, 2.0), (2.0, -1.5, 0.5)), beta=0.5),
    "muon_axes": lambda o: o.contrib.muon(0.05, muon_weight_dimension_numbers=spec(o, 0, (1, 3))),
    "muon_stack": lambda o: o.contrib.muon(
        0.05, adaptive=True, muon_weight_dimension_numbers=spec(o, (3,), -4), consistent_rms=0.5
    ),
    "muon_turned": lambda o: o.contrib.muon(0.05, muon_weight_dimension_numbers=lambda p: spec(o, (3, 0), (2, 1))),
    "adopt": lambda o: o.contrib.adopt(0.05),
    "adopt_all": lambda o: o.contrib.adopt(0.05, 0.8, 0.9, 1e-2, nesterov=True, clip_value_fn=lambda t: 0.5 + 0.1 * t),
    "adopt_free": lambda o: o.contrib.adopt(0.05, b2=0.99, eps=0.1, use_clipping=False),
    "adopt_schedule": lambda o: o.contrib.adopt(o.linear_schedule(0.05, 0.01, 50)),
    "prodigy": lambda o: o.contrib.prodigy(estim_lr0=1e-3),
    "prodigy_all": lambda o: o.contrib.prodigy(0.5, (0.8, 0.9), 0.95, 1e-3, 1e-2, 0.5, 0.1),
    "prodigy_safe": lambda o: o.contrib.prodigy(eps=1e-4, estim_lr0=1e-2, safeguard_warmup=True),
    "prodigy_schedule": lambda o: o.contrib.prodigy(o.linear_schedule(1.0, 0.0, 80), estim_lr0=1e-2),
    "madgrad": lambda o: o.contrib.madgrad(0.05),
    "madgrad_all": lambda o: o.contrib.madgrad(0.05, 0.5, 0.1, 1e-3),
    "madgrad_schedule": lambda o: o.contrib.madgrad(o.linear_schedule(0.05, 0.01, 50)),
    "dadapt_adamw": lambda o: o.contrib.dadapt_adamw(estim_lr0=1e-3),
    "dadapt_adamw_all": lambda o: o.contrib.dadapt_adamw(0.5, (0.8, 0.9), 1e-3, 1e-2, 0.1),
    "dadapt_adamw_schedule": lambda o: o.contrib.dadapt_adamw(o.linear_schedule(1.0, 0.0, 80), estim_lr0=1e-2),
    "ademamix": lambda o: o.contrib.ademamix(0.01),
    "ademamix_all": lambda o: o.contrib.ademamix(0.01, 0.8, 0.9, 0.99, 3.0, 1e-4, 1e-5, None, 0.1, weights_only),
    "ademamix_schedule": lambda o: o.contrib.ademamix(
        0.01, b3=o.linear_schedule(0.9, 0.999, 50), alpha=o.linear_schedule(0.0, 5.0, 50)
    ),
    "simplified_ademamix": lambda o: o.contrib.simplified_ademamix(0.001),
    "simplified_ademamix_all": lambda o: o.contrib.simplified_ademamix(0.01, 0.8, 0.9, 2.0, 1e-4, 1e-5, 0.1),
    "sophia": lambda o: o.contrib.sophia(0.01),
    "sophia_all": lambda o: o.contrib.sophia(0.01, 0.8, 0.9, 1e-3, 0.1, weights_only, 0.5, 0.3, 3),
    "sophia_free": lambda o: o.contrib.sophia(0.01, clip_threshold=None, gamma=1.0, eps=0.1, update_interval=1),
    "sophia_own": lambda o: o.contrib.sophia(0.01, hessian_diagonal_fn=curvature(o), update_interval=4, gamma=0.5),
    "dog": lambda o: o.contrib.dog(),
    "dog_distance": lambda o: o.contrib.dog(0.5, ("distance", 0.1), 1e-2, 0.1, weights_only),
    "dog_rate": lambda o: o.contrib.dog(0.5, ("learning_rate", 0.05)),
    "dog_schedule": lambda o: o.contrib.dog(o.linear_schedule(1.0, 0.5, 50), ("heuristic", 1e-3)),
    "dowg": lambda o: o.contrib.dowg(),
    "dowg_all": lambda o: o.contrib.dowg(0.5, 0.1, 1e-2, 0.1, weights_only),
    "momo": lambda o: o.contrib.momo(),
    "momo_decay": lambda o: o.contrib.momo(0.1, 0.5, 0.3, 0.1),
    "momo_adapts": lambda o: o.contrib.momo(0.1, 0.9, -3.0, 0.05, True),
    "momo_schedule": lambda o: o.contrib.momo(o.linear_schedule(0.5, 0.05, 50), adapt_lower_bound=True),
    "momo_adam": lambda o: o.contrib.momo_adam(),
    "momo_adam_all": lambda o: o.contrib.momo_adam(0.05, 0.8, 0.9, 1e-3, 0.5, 0.1),
    "momo_adam_adapts": lambda o: o.contrib.momo_adam(0.05, lower_bound=-3.0, weight_decay=0.1, adapt_lower_bound=True),
    "cocob": lambda o: o.contrib.cocob(),
    "cocob_all": lambda o: o.contrib.cocob(0.5, 10.0, 1e-2, 0.1, weights_only),
    "scale_by_cocob": lambda o: o.contrib.scale_by_cocob(30.0, 1e-3),
    "mechanize": lambda o: o.contrib.mechanize(o.sgd(1.0), s_init=1e-3),
    "mechanize_all": lambda o: o.contrib.mechanize(o.adam(0.1), 0.1, 1e-4, 1e-2, 3),
    "mechanize_value": lambda o: o.contrib.mechanize(o.polyak_sgd(), num_betas=1, s_init=1e-2),
    "acprop": lambda o: o.contrib.acprop(0.01, eps=1e-3),
    "acprop_all": lambda o: o.contrib.acprop(0.01, 0.8, 0.9, 1e-2, 1e-3, 0.1, weights_only),
    "galore": lambda o: o.contrib.galore(0.01, 1, 7),
    "galore_all": lambda o: o.contrib.galore(
        0.01, 1, 30, 0.5, o.trace(0.9), 0.1, weights_only, spec(o, (3, 0), (1, 2), "GaLore")
    ),
    "galore_full": lambda o: o.contrib.galore(0.01, 100, 1, base_optimizer=o.trace(0.5)),
    "split_real": lambda o: o.contrib.split_real_and_imaginary(o.adam(0.01)),
}
LOOSE = {
    "madgrad": (1e-6, 1e-7),  # its factors are float32 in optax
    "galore": (1e-5, 1e-6),  # its singular vectors are float32 there
    "mechanize": (1e-8, 1e-9),  # 1 / s_init in front of differences of parameters
    "momo": (1e-7, 1e-8),  # the loss less its model, both near each other
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_hundred_steps(name: str, dtype: str) -> None:
    ours, theirs = both(OPTIMISERS[name])
    double = next((LOOSE[key] for key in LOOSE if name.startswith(key)), (1e-9, 1e-11))
    assert_alike(
        optim.with_extra_args_support(ours),
        optax.with_extra_args_support(theirs),
        dtype,
        double=(1e-5, 1e-6) if "schedule" in name else double,  # of optax's int32 count it is float32
        single=(5e-3, 5e-4) if name.startswith("mechanize") else (1e-3, 1e-4),
        extra=loss_of,
    )


# ---- complex parameters ------------------------------------------------------------------------

COMPLEX = ["ademamix", "acprop", "dog", "dowg", "split_real"]


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters(name: str) -> None:
    assert_alike_where_complex(*both(OPTIMISERS[name]))


# ---- names -------------------------------------------------------------------------------------

NAMES = [
    *("muon", "scale_by_muon", "adopt", "scale_by_adopt", "prodigy", "madgrad", "scale_by_madgrad", "dadapt_adamw"),
    *("ademamix", "scale_by_ademamix", "simplified_ademamix", "scale_by_simplified_ademamix", "sophia"),
    *("hutchinson_estimator_diag_hessian", "dog", "dowg", "momo", "momo_adam", "cocob", "scale_by_cocob", "mechanize"),
    *("acprop", "scale_by_acprop", "galore", "scale_by_galore", "dpsgd", "differentially_private_aggregate"),
    *("split_real_and_imaginary", "MuonDimensionNumbers", "GaLoreDimensionNumbers"),
]
LEFT_OUT = {("sophia", "verbose"), ("sophia", "print_win_rate_every_n_steps")}
OTHERWISE = {("adopt", "clip_value_fn"), ("scale_by_adopt", "clip_value_fn"), ("sophia", "hessian_diagonal_fn")}
"""Functions and transformations, made by either library."""


@pytest.mark.parametrize("name", NAMES)
def test_arguments(name: str) -> None:
    ours = inspect.signature(getattr(optim.contrib, name)).parameters
    theirs = inspect.signature(getattr(optax.contrib, name)).parameters
    assert list(ours) == [argument for argument in theirs if (name, argument) not in LEFT_OUT]
    for argument, mine in ours.items():
        assert mine.kind == theirs[argument].kind
        if (name, argument) not in OTHERWISE:
            assert mine.default == theirs[argument].default, argument


@pytest.mark.parametrize("name", [name for name in dir(optax.contrib) if name.endswith("State")])
def test_states(name: str) -> None:
    """Optax's fields in their order, and behind them what ours remember beyond that."""
    ours, theirs = getattr(optim.contrib, name)._fields, getattr(optax.contrib, name)._fields
    assert [f for f in ours if f in theirs] == list(theirs)
    assert {f for f in ours if f not in theirs} <= {"hyperparams", "count"}


def test_noise_has_the_deviation_of_optax() -> None:
    shape = (4, 100_000)
    grads = np.full(shape, 0.001)
    settings = (2.0, 3.0)
    ours, theirs = (o.contrib.differentially_private_aggregate(*settings, key=0) for o in (optim, optax))
    u, _ = ours.update(fnp.asarray(grads), ours.init(fnp.zeros(shape[1])))
    v, _ = theirs.update(jax.numpy.asarray(grads), theirs.init(jax.numpy.zeros(shape[1])))
    # Each is the deviation within 1 / sqrt(2 n) = 0.22 %
    np.testing.assert_allclose(float(fnp.std(u)), float(v.std()), rtol=0.015)
    np.testing.assert_allclose(float(fnp.std(u)), 2.0 * 3.0 / 4, rtol=0.01)
    np.testing.assert_allclose(float(fnp.mean(u)), 0.001, atol=4 * 1.5 / 100_000**0.5)
