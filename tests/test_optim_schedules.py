"""Schedules: what counts they take and what is refused; their numbers are in test_optax_parity.py."""

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim

SCHEDULES = {
    "constant": optim.constant_schedule(0.3),
    "linear": optim.linear_schedule(1.0, 0.1, 5, 2),
    "polynomial": optim.polynomial_schedule(1.0, 0.1, 2.5, 5),
    "exponential": optim.exponential_decay(1.0, 3, 0.5, 2, staircase=True, end_value=0.2),
    "cosine": optim.cosine_decay_schedule(1.0, 5, 0.1, 2.0),
    "warmup_cosine": optim.warmup_cosine_decay_schedule(0.0, 1.0, 3, 9),
    "piecewise": optim.piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.1}),
    "joined": optim.join_schedules(
        [optim.constant_schedule(1.0), optim.linear_schedule(0.5, 0.0, 3), lambda c: 0.1], [2, 6]
    ),
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_batch_and_take_ints_and_arrays(schedule: Any) -> None:
    alone = [float(schedule(n)) for n in range(10)]
    assert [float(schedule(fnp.asarray(n))) for n in range(10)] == alone
    np.testing.assert_allclose(fg.vmap(schedule)(fnp.arange(10)).tolist(), alone, rtol=1e-6)


def test_schedules_refuse() -> None:
    with pytest.raises(ValueError, match="decay_steps must be positive, not 0"):
        optim.cosine_decay_schedule(1.0, 0)
    with pytest.raises(ValueError, match="decay_steps 5 and warmup_steps 5"):
        optim.warmup_cosine_decay_schedule(0.0, 1.0, 5, 5)
    with pytest.raises(ValueError, match="2 schedules have 1 boundaries between them, not 2"):
        optim.join_schedules([abs, abs], [1, 2])
    with pytest.raises(ValueError, match="scales must not be negative"):
        optim.piecewise_constant_schedule(1.0, {1: -0.5})
