"""Every transformation and schedule against optax over 100 steps, in float32 and in float64."""

from typing import Any

import numpy as np
import pytest

import funcgrad.numpy as fnp
from funcgrad import config, optim

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

from optax_runs import assert_alike, assert_alike_where_complex, both, problem, weights_only  # noqa: E402  # it imports both

TRANSFORMATIONS = {
    "sgd": lambda o: o.sgd(0.05),
    "sgd_momentum": lambda o: o.sgd(0.05, momentum=0.9),
    "sgd_nesterov": lambda o: o.sgd(0.05, momentum=0.9, nesterov=True),
    "sgd_schedule": lambda o: o.sgd(o.cosine_decay_schedule(0.05, 80), momentum=0.9),
    "adam": lambda o: o.adam(0.01),
    "adam_all": lambda o: o.adam(0.01, b1=0.8, b2=0.9, eps=1e-4, eps_root=1e-5),
    "adam_schedule": lambda o: o.adam(o.warmup_cosine_decay_schedule(0.0, 0.05, 10, 90, 0.001)),
    "nadam": lambda o: o.nadam(0.01, b1=0.8),
    "adamw": lambda o: o.adamw(0.01, weight_decay=0.1),
    "adamw_mask": lambda o: o.adamw(0.01, weight_decay=0.1, mask=weights_only, nesterov=True),
    "rmsprop": lambda o: o.rmsprop(0.01),
    "rmsprop_momentum": lambda o: o.rmsprop(0.01, decay=0.8, momentum=0.9, nesterov=True),
    "rmsprop_outside": lambda o: o.rmsprop(0.01, eps=1e-4, eps_in_sqrt=False, initial_scale=0.5),
    "rmsprop_corrected": lambda o: o.rmsprop(0.01, eps=1e-4, bias_correction=True),
    "rmsprop_centered": lambda o: o.rmsprop(0.01, eps=1e-2, centered=True),
    "rmsprop_centered_all": lambda o: o.rmsprop(
        0.01, eps=1e-2, centered=True, eps_in_sqrt=False, initial_scale=1.0, bias_correction=True
    ),
    "adagrad": lambda o: o.adagrad(0.1),
    "adagrad_zero": lambda o: o.adagrad(0.1, initial_accumulator_value=0.0, eps=0.0),
    "decayed": lambda o: o.chain(o.add_decayed_weights(0.1), o.trace(0.5), o.scale(-0.05)),
    "scheduled_decay": lambda o: o.chain(o.add_decayed_weights(o.linear_schedule(0.1, 0.0, 50)), o.scale(-0.05)),
    "scale_by_schedule": lambda o: o.scale_by_schedule(o.linear_schedule(-0.05, -0.01, 50)),
    "ascent": lambda o: o.chain(o.scale(-1.0), o.scale_by_learning_rate(0.05, flip_sign=False)),
    "clip": lambda o: o.chain(o.clip(0.3), o.sgd(0.05)),
    "clip_by_global_norm": lambda o: o.chain(o.clip_by_global_norm(2.0), o.sgd(0.05)),
    "adaptive_grad_clip": lambda o: o.chain(o.adaptive_grad_clip(0.2), o.sgd(0.05)),
    "adaptive_grad_clip_axis": lambda o: o.chain(
        o.masked(o.adaptive_grad_clip(0.2, axis=-1), weights_only), o.sgd(0.05)
    ),
    "named_chain": lambda o: o.named_chain(("trace", o.trace(0.9)), ("scale", o.scale_by_learning_rate(0.01))),
    "masked": lambda o: o.chain(o.masked(o.trace(0.9), weights_only), o.scale(-0.05)),
    "set_to_zero": lambda o: o.chain(o.masked(o.set_to_zero(), weights_only), o.sgd(0.05)),
    "freeze": lambda o: o.chain(o.sgd(0.05), o.freeze(weights_only(None))),
    "identity": lambda o: o.chain(o.identity(), o.scale(-0.05)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_hundred_steps(name: str, dtype: str) -> None:
    # A schedule of optax's int32 count is float32 even in x64
    assert_alike(*both(TRANSFORMATIONS[name]), dtype, double=(1e-6, 1e-7) if "schedule" in name else (1e-10, 1e-12))


@pytest.mark.parametrize("name", ["sgd_momentum", "adam", "rmsprop", "adagrad", "clip_by_global_norm"])
def test_complex_parameters(name: str) -> None:
    assert_alike_where_complex(*both(TRANSFORMATIONS[name]))


def test_global_norm() -> None:
    params, _ = problem("float32")
    np.testing.assert_allclose(float(optim.global_norm(params)), float(optax.tree.norm(params)), rtol=1e-6)


SCHEDULES = {
    "constant": lambda o: o.constant_schedule(0.3),
    "linear": lambda o: o.linear_schedule(0.0, 1.0, 20),
    "linear_later": lambda o: o.linear_schedule(1.0, 0.1, 20, transition_begin=10),
    "linear_negative_begin": lambda o: o.linear_schedule(1.0, 0.1, 20, transition_begin=-10),
    "linear_none": lambda o: o.linear_schedule(1.0, 0.1, 0),
    "polynomial": lambda o: o.polynomial_schedule(1.0, 0.1, 2.5, 50, 5),
    "exponential": lambda o: o.exponential_decay(1.0, 10, 0.7),
    "exponential_staircase": lambda o: o.exponential_decay(1.0, 10, 0.7, transition_begin=7, staircase=True),
    "exponential_end": lambda o: o.exponential_decay(1.0, 10, 0.7, end_value=0.3),
    "exponential_growth": lambda o: o.exponential_decay(1.0, 10, 1.5, end_value=4.0),
    "exponential_rate_0": lambda o: o.exponential_decay(1.0, 10, 0.0),
    "exponential_steps_0": lambda o: o.exponential_decay(1.0, 0, 0.5),
    "cosine": lambda o: o.cosine_decay_schedule(2.0, 60),
    "cosine_all": lambda o: o.cosine_decay_schedule(2.0, 60, alpha=0.1, exponent=1.5),
    "warmup_cosine": lambda o: o.warmup_cosine_decay_schedule(0.1, 1.0, 10, 90, 0.01, 2.0),
    "warmup_cosine_cold": lambda o: o.warmup_cosine_decay_schedule(0.1, 1.0, 0, 90),
    "warmup_cosine_flat": lambda o: o.warmup_cosine_decay_schedule(0.1, 0.0, 10, 90),
    "piecewise": lambda o: o.piecewise_constant_schedule(1.0, {70: 0.1, 30: 0.5}),
    "piecewise_none": lambda o: o.piecewise_constant_schedule(1.0),
    "warmup_constant": lambda o: o.warmup_constant_schedule(0.1, 1.0, 10),
    "warmup_exponential": lambda o: o.warmup_exponential_decay_schedule(0.1, 1.0, 10, 7, 0.6),
    "warmup_exponential_all": lambda o: o.warmup_exponential_decay_schedule(0.1, 1.0, 10, 7, 0.6, 5, True, 0.2),
    "interpolate_linear": lambda o: o.piecewise_interpolate_schedule("linear", 1.0, {70: 0.1, 30: 0.5}),
    "interpolate_cosine": lambda o: o.piecewise_interpolate_schedule("cosine", 0.5, {20: 2.0, 60: 0.1, 90: 0.0}),
    "interpolate_none": lambda o: o.piecewise_interpolate_schedule("cosine", 0.5),
    "linear_onecycle": lambda o: o.linear_onecycle_schedule(90, 1.0),
    "linear_onecycle_all": lambda o: o.linear_onecycle_schedule(77, 0.3, 0.11, 0.7, 10.0, 100.0),
    "linear_onecycle_short": lambda o: o.linear_onecycle_schedule(5, 0.3),
    "cosine_onecycle": lambda o: o.cosine_onecycle_schedule(90, 1.0),
    "cosine_onecycle_all": lambda o: o.cosine_onecycle_schedule(77, 0.3, 0.11, 10.0, 100.0),
    "cosine_onecycle_short": lambda o: o.cosine_onecycle_schedule(4, 0.3),
    "sgdr": lambda o: o.sgdr_schedule(
        [
            {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 5, "decay_steps": 30, "end_value": 0.1},
            {"init_value": 0.1, "peak_value": 0.5, "warmup_steps": 0, "decay_steps": 40, "exponent": 2.0},
            {"init_value": 0.1, "peak_value": 0.5, "warmup_steps": 10, "decay_steps": 20},
        ]
    ),
    "joined": lambda o: o.join_schedules(
        [o.linear_schedule(0.0, 1.0, 20), o.constant_schedule(1.0), o.exponential_decay(1.0, 10, 0.5)], [20, 40]
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules(make: Any, dtype: str) -> None:
    ours, theirs = both(make)
    with config.default_dtype(dtype):
        found = [float(ours(fnp.asarray(count))) for count in range(100)]
    with jax.enable_x64(dtype == "float64"):
        expected = [float(theirs(jax.numpy.asarray(count))) for count in range(100)]
    np.testing.assert_allclose(
        found, expected, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6 if dtype == "float32" else 1e-14
    )
