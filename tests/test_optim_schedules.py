"""Schedules: what counts they take and what is refused; their numbers are in test_optax_parity.py."""

import pickle
from typing import Any

import numpy as np
import pytest
from recordings import traces

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, optim

SCHEDULES = {
    "constant": optim.constant_schedule(0.3),
    "linear": optim.linear_schedule(1.0, 0.1, 5, 2),
    "polynomial": optim.polynomial_schedule(1.0, 0.1, 2.5, 5),
    "exponential": optim.exponential_decay(1.0, 3, 0.5, 2, staircase=True, end_value=0.2),
    "cosine": optim.cosine_decay_schedule(1.0, 5, 0.1, 2.0),
    "warmup_cosine": optim.warmup_cosine_decay_schedule(0.0, 1.0, 3, 9),
    "piecewise": optim.piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.1}),
    "warmup_exponential": optim.warmup_exponential_decay_schedule(0.0, 1.0, 2, 2, 0.5),
    "interpolate": optim.piecewise_interpolate_schedule("cosine", 1.0, {3: 0.5, 7: 2.0}),
    "linear_onecycle": optim.linear_onecycle_schedule(8, 1.0),
    "cosine_onecycle": optim.cosine_onecycle_schedule(8, 1.0),
    "sgdr": optim.sgdr_schedule([{"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 1, "decay_steps": 4}] * 2),
    "restarts": optim.cosine_warm_restarts_schedule(1.0, 2, 2, 0.1),
    "restarts_alike": optim.cosine_warm_restarts_schedule(1.0, 3),
    "cyclic": optim.cyclic_schedule(0.1, 1.0, 2, 3, "triangular2"),
    "joined": optim.join_schedules(
        [optim.constant_schedule(1.0), optim.linear_schedule(0.5, 0.0, 3), lambda c: 0.1], [2, 6]
    ),
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_batch_and_take_ints_and_arrays(schedule: Any) -> None:
    alone = [float(schedule(n)) for n in range(10)]
    assert [float(schedule(fnp.asarray(n))) for n in range(10)] == alone
    np.testing.assert_allclose(fg.vmap(schedule)(fnp.arange(10)).tolist(), alone, rtol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_one_program_for_all_counts(schedule: Any) -> None:
    jitted = fg.jit(schedule)
    found = [float(jitted(fnp.asarray(n))) for n in range(10)]
    np.testing.assert_allclose(found, [float(schedule(n)) for n in range(10)], rtol=1e-5, atol=1e-6)
    assert traces(jitted) == 2  # which every function has at first


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "joined"])  # that one has a function in it
def test_schedules_are_values(name: str) -> None:
    schedule = SCHEDULES[name]
    again = pickle.loads(pickle.dumps(schedule))
    assert again == schedule
    assert hash(again) == hash(schedule)


TORCH = {
    "StepLR": ({"step_size": 7, "gamma": 0.5}, optim.exponential_decay(0.4, 7, 0.5, staircase=True)),
    "MultiStepLR": ({"milestones": [5, 9], "gamma": 0.5}, optim.piecewise_constant_schedule(0.4, {5: 0.5, 9: 0.5})),
    "ConstantLR": ({"factor": 0.25, "total_iters": 5}, optim.piecewise_constant_schedule(0.4 * 0.25, {5: 4.0})),
    "LinearLR": ({"start_factor": 0.5, "total_iters": 5}, optim.linear_schedule(0.2, 0.4, 5)),
    "ExponentialLR": ({"gamma": 0.9}, optim.exponential_decay(0.4, 1, 0.9)),
    "PolynomialLR": ({"total_iters": 15, "power": 2.0}, optim.polynomial_schedule(0.4, 0.0, 2.0, 15)),
    "CosineAnnealingLR": ({"T_max": 40, "eta_min": 0.1}, optim.cosine_decay_schedule(0.4, 40, 0.25)),
    "CosineAnnealingWarmRestarts": (
        {"T_0": 5, "T_mult": 2, "eta_min": 0.1},
        optim.cosine_warm_restarts_schedule(0.4, 5, 2, 0.1),
    ),
    "CyclicLR": (
        {"base_lr": 0.4, "max_lr": 1.0, "step_size_up": 5, "step_size_down": 3, "mode": "exp_range", "gamma": 0.9},
        optim.cyclic_schedule(0.4, 1.0, 5, 3, "exp_range", 0.9),
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_the_schedulers_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    options, schedule = TORCH[name]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    if name == "CyclicLR":
        options = {**options, "cycle_momentum": False}
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimiser, **options)
    with config.default_dtype("float64"):
        for count in range(40):
            assert float(schedule(count)) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
            optimiser.step()
            scheduler.step()


def test_restarts_are_where_they_are_said_to_be() -> None:
    """The logarithm of 3^k / 3 to the base 3 is often below the whole number that it is."""
    schedule = optim.cosine_warm_restarts_schedule(1.0, 3, 3)
    for k in range(1, 12):
        start = 3 * (3**k - 1) // 2
        assert float(schedule(start)) == 1.0
        assert float(schedule(start - 1)) < 0.25


def test_schedules_refuse() -> None:
    with pytest.raises(ValueError, match="decay_steps must be positive, not 0"):
        optim.cosine_decay_schedule(1.0, 0)
    with pytest.raises(ValueError, match="decay_steps 5 and warmup_steps 5"):
        optim.warmup_cosine_decay_schedule(0.0, 1.0, 5, 5)
    with pytest.raises(ValueError, match="2 schedules have 1 boundaries between them, not 2"):
        optim.join_schedules([abs, abs], [1, 2])
    with pytest.raises(ValueError, match="scales must not be negative"):
        optim.piecewise_constant_schedule(1.0, {1: -0.5})
    with pytest.raises(ValueError, match="scales must not be negative"):
        optim.piecewise_interpolate_schedule("linear", 1.0, {1: -0.5})
    with pytest.raises(ValueError, match="interpolate_type is 'linear' or 'cosine', not 'cubic'"):
        optim.piecewise_interpolate_schedule("cubic", 1.0, {1: 0.5})
    with pytest.raises(ValueError, match="transition_steps must be positive, not 0"):
        optim.cosine_onecycle_schedule(0, 1.0)
    with pytest.raises(ValueError, match="transition_steps must be positive, not -1"):
        optim.linear_onecycle_schedule(-1, 1.0)
    with pytest.raises(ValueError, match=r"growth must be a positive whole number, not 1.5"):
        optim.cosine_warm_restarts_schedule(1.0, 3, 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode is 'triangular', 'triangular2' or 'exp_range', not 'square'"):
        optim.cyclic_schedule(0.0, 1.0, mode="square")
    with pytest.raises(ValueError, match="step_size_down must be positive, not 0"):
        optim.cyclic_schedule(0.0, 1.0, 5, 0)
