"""Every optimiser, trees of parameters for them, and a few steps: what the tests of optimisers share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from contrib_optimisers import CONTRIB, CONTRIB_BRANCHES, CONTRIB_ORDERED

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, random, tree

OPTIMISERS = {
    "sgd": optim.sgd(0.1),
    "momentum": optim.sgd(0.1, momentum=0.9),
    "nesterov": optim.sgd(0.1, momentum=0.9, nesterov=True),
    "adam": optim.adam(0.1),
    "adam_eps_root": optim.adam(0.1, eps_root=1e-6),
    "nadam": optim.nadam(0.1),
    "adamw": optim.adamw(0.1, weight_decay=0.1),
    "rmsprop": optim.rmsprop(0.1, momentum=0.5),
    "rmsprop_centered": optim.rmsprop(0.1, centered=True, initial_scale=1.0, bias_correction=True),
    "adagrad": optim.adagrad(0.1),
    "clipped": optim.chain(optim.clip(0.5), optim.clip_by_global_norm(1.0), optim.sgd(0.1)),
    "agc": optim.chain(optim.adaptive_grad_clip(0.1), optim.sgd(0.1)),
    "scheduled": optim.sgd(optim.linear_schedule(0.1, 0.0, 10), momentum=optim.linear_schedule(0.5, 0.9, 4)),
    "masked": optim.masked(optim.adam(0.1), lambda p: tree.map(lambda x: x.ndim > 1, p)),
    "adadelta": optim.adadelta(0.1, eps=1e-3, weight_decay=0.1),
    "adafactor": optim.adafactor(
        0.1, min_dim_size_to_factor=2, momentum=0.5, dtype_momentum="float64", weight_decay_rate=0.1
    ),
    "adamax": optim.adamax(0.1),
    "adamaxw": optim.adamaxw(0.1),
    "adabelief": optim.adabelief(0.1, eps=1e-4, eps_root=1e-4, nesterov=True),
    "adan": optim.adan(0.1, weight_decay=0.1),
    "amsgrad": optim.amsgrad(0.1),
    "amsgrad_paper": optim.amsgrad(0.1, bias_correction_mu=False, bias_correction_nu=False),
    "fromage": optim.fromage(0.1),
    "lamb": optim.lamb(0.1, weight_decay=0.1),
    "lars": optim.lars(0.1, weight_decay=0.1, trust_coefficient=0.1),
    "lion": optim.lion(0.1),
    "lion_smooth": optim.chain(optim.scale_by_lion(mode="smooth"), optim.scale(-0.1)),
    "nadamw": optim.nadamw(0.1),
    "noisy_sgd": optim.noisy_sgd(0.1, key=random.key(1)),
    "novograd": optim.novograd(0.1, weight_decay=0.1),
    "optimistic": optim.optimistic_gradient_descent(0.1, alpha=0.9, beta=0.8),
    "optimistic_adam": optim.optimistic_adam_v2(0.1),
    "polyak_sgd": optim.polyak_sgd(10.0, eps=0.1),
    "radam": optim.radam(0.1, b2=0.9, threshold=4.0),
    "rprop": optim.rprop(0.1),
    "sign_sgd": optim.sign_sgd(0.1),
    "signum": optim.signum(0.1),
    "sm3": optim.sm3(0.1),
    "yogi": optim.yogi(0.1),
    "ema": optim.chain(optim.ema(0.5), optim.scale(-0.1)),
    "apply_every": optim.chain(optim.apply_every(2), optim.scale(-0.1)),
    "centralized": optim.chain(optim.centralize(), optim.sgd(0.1)),
    "by_block": optim.chain(
        optim.clip_by_block_rms(0.1), optim.scale_by_param_block_norm(), optim.scale_by_param_block_rms()
    ),
    "normalized": optim.chain(optim.normalize_by_update_norm(2.0), optim.scale(-0.1)),
    "guarded": optim.chain(optim.zero_nans(), optim.sgd(0.1), optim.keep_params_nonnegative()),
    "watched": optim.chain(
        optim.sgd(0.1),
        optim.snapshot("norm", optim.global_norm),
        optim.monitor({"mean": optim.measure_with_ema(optim.global_norm, 0.9)}),
    ),
    "named": optim.named_chain(("trace", optim.trace(0.9)), ("scale", optim.scale(-0.1))),
}
ORDERED = {"clipped", "rprop", "sm3", "guarded"}
"""Those that take no complex parameters, which have no order."""

OPTIMISERS |= CONTRIB
ORDERED |= CONTRIB_ORDERED
BRANCHES = CONTRIB_BRANCHES
"""Those that do something at some of the steps only, for which `jit` has a path of its own."""

every_optimiser = pytest.mark.parametrize("opt", OPTIMISERS.values(), ids=OPTIMISERS)


def example(seed: int, dtype: Any = "float32", batch: tuple[int, ...] = ()) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> fg.Array:
        return fnp.asarray(rng.normal(size=batch + shape), dtype)

    return {"layers": [(draw(3, 2), draw(2)), (draw(2, 4), draw(4))], "scale": draw()}


def squares(params: Any) -> fg.Array:
    return sum(((x * x).sum() for x in tree.leaves(params)), fnp.asarray(0.0))


def update(opt: optim.GradientTransformation, updates: Any, state: Any, params: Any) -> tuple[Any, Any]:
    """One step, with the loss for those that go by it: its value, and a function of the parameters."""
    leaves = tree.leaves(params)
    value = fnp.abs(leaves[0]).sum() if leaves else 1.0
    return optim.with_extra_args_support(opt).update(updates, state, params, value=value, obj_fn=squares)


def run(opt: optim.GradientTransformation, params: Any, grads: list[Any], state: Any = None) -> tuple[Any, Any]:
    state = opt.init(params) if state is None else state
    for g in grads:
        updates, state = update(opt, g, state, params)
        params = optim.apply_updates(params, updates)
    return params, state


def assert_close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    assert tree.same_structure(a, b)
    for (path, x), y in zip(tree.flatten_with_path(a)[0], tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol, atol=atol, err_msg=path)
