"""What holds other transformations against optax over 100 steps: groups, injected hyper-parameters."""

import functools
from typing import Any

import numpy as np
import pytest

import funcgrad.numpy as fnp
from funcgrad import config, optim, tree

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

from optax_runs import assert_alike, both, problem  # noqa: E402  # it imports both

FROZEN = {"layers": [(True, False), (True, False)], "scale": True}
LABELS = {"layers": [("w", "b"), ("w", "b")], "scale": "s"}


def labels(p: Any) -> Any:
    return LABELS


def groups(o: Any) -> Any:
    return {"w": o.adamw(0.01), "b": o.sgd(0.05, momentum=0.9), "s": o.set_to_zero()}


WRAPPERS = {
    "partition": lambda o: o.partition(groups(o), LABELS),
    "partition_function": lambda o: o.partition(groups(o), labels),
    "partition_prefix": lambda o: o.multi_transform({0: o.sgd(0.05), 1: o.adam(0.01)}, {"layers": 0, "scale": 1}),
    "selective": lambda o: o.selective_transform(
        o.adam(0.01), freeze_mask={"layers": [(True, False)] * 2, "scale": True}
    ),
    "multi_steps": lambda o: o.MultiSteps(o.adam(0.1), 4),
    "multi_steps_sum": lambda o: o.MultiSteps(
        o.sgd(0.01, momentum=0.9), 3, use_grad_mean=False
    ).gradient_transformation(),
    "multi_steps_more": lambda o: o.MultiSteps(o.adamw(0.1, weight_decay=0.1), lambda n: 1 + n // 10),
    "multi_steps_large": lambda o: o.MultiSteps(
        o.adam(0.1), 2, should_skip_update_fn=functools.partial(o.skip_large_updates, max_squared_norm=30.0)
    ),
    "multi_steps_finite": lambda o: o.MultiSteps(o.adam(0.1), 2, should_skip_update_fn=o.skip_not_finite),
    "apply_if_finite": lambda o: o.apply_if_finite(o.adam(0.1), 3),
    "conditionally_mask": lambda o: o.conditionally_mask(o.adam(0.1), lambda step: step % 3 == 1),
    "conditionally_transform": lambda o: o.chain(
        o.conditionally_transform(o.trace(0.9), lambda step: step % 3 != 1), o.scale(-0.01)
    ),
    "flatten": lambda o: o.flatten(o.chain(o.clip_by_global_norm(1.0), o.adam(0.1))),
    "schedule_free": lambda o: o.contrib.schedule_free(o.adam(0.1, b1=0.0), 0.1, b1=0.8, weight_lr_power=1.0),
    "schedule_free_schedule": lambda o: o.contrib.schedule_free(o.sgd(0.1), o.linear_schedule(0.0, 0.1, 30)),
    "schedule_free_sgd": lambda o: o.contrib.schedule_free_sgd(0.1),
    "schedule_free_sgd_all_schedule": lambda o: o.contrib.schedule_free_sgd(0.1, 20, weight_decay=0.1),
    "schedule_free_adamw": lambda o: o.contrib.schedule_free_adamw(0.1, b2=0.9, weight_decay=0.1, weight_lr_power=0.5),
    "schedule_free_adamw_schedule": lambda o: o.contrib.schedule_free_adamw(0.1, 10, state_dtype="float32"),
    "sam": lambda o: o.contrib.sam(o.sgd(0.1, momentum=0.9), o.chain(o.contrib.normalize(), o.sgd(0.05))),
    "sam_period": lambda o: o.contrib.sam(o.adamw(0.1, weight_decay=0.1), o.sgd(0.05, momentum=0.5), 4),
    "sam_state_stays": lambda o: o.contrib.sam(o.sgd(0.1), o.adam(0.05), 3, reset_state=False),
    "inject": lambda o: o.inject_hyperparams(o.adamw)(0.01, weight_decay=0.1),
    "inject_schedule": lambda o: o.inject_hyperparams(o.sgd)(o.cosine_decay_schedule(0.05, 80), momentum=0.9),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WRAPPERS)
def test_a_hundred_steps(name: str, dtype: str) -> None:
    # A schedule of optax's int32 count is float32 even in x64
    assert_alike(*both(WRAPPERS[name]), dtype, double=(1e-6, 1e-7) if "schedule" in name else (1e-10, 1e-12))


def not_finite(count: int) -> Any:
    return np.asarray([1.0, -2.0]) if count % 7 < 3 else np.asarray([np.nan, 1.0])


@pytest.mark.parametrize("errors", [0, 1, 2, 3, 5])
def test_apply_if_finite(errors: int) -> None:
    ours, theirs = both(lambda o: o.apply_if_finite(o.sgd(0.1, momentum=0.5), errors))
    p, q = fnp.ones(2), jax.numpy.ones(2)
    s, t = ours.init(p), theirs.init(q)
    for count in range(20):
        g = not_finite(count).astype("float32")
        u, s = ours.update(fnp.asarray(g), s, p)
        v, t = theirs.update(jax.numpy.asarray(g), t, q)
        np.testing.assert_allclose(np.asarray(u), np.asarray(v), rtol=1e-6)
        for name in ("notfinite_count", "last_finite", "total_notfinite"):
            assert getattr(s, name).item() == getattr(t, name).item()


def test_multi_steps_that_skip() -> None:
    ours, theirs = both(lambda o: o.MultiSteps(o.sgd(0.1), 4, should_skip_update_fn=o.skip_not_finite))
    s, t = ours.init(fnp.ones(2)), theirs.init(jax.numpy.ones(2))
    for count in range(30):
        g = not_finite(count).astype("float32")
        u, s = ours.update(fnp.asarray(g), s)
        v, t = theirs.update(jax.numpy.asarray(g), t)
        np.testing.assert_allclose(np.asarray(u), np.asarray(v), rtol=1e-6)
        assert bool(ours.has_updated(s)) == bool(theirs.has_updated(t))
        for name in ("mini_step", "gradient_step"):
            assert getattr(s, name).item() == getattr(t, name).item()
        assert {k: x.item() for k, x in s.skip_state.items()} == {k: x.item() for k, x in t.skip_state.items()}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("period", [1, 5])
def test_lookahead(reset: bool, period: int) -> None:
    ours, theirs = both(lambda o: o.lookahead(o.adam(0.1), period, 0.5, reset))
    start, noise = problem("float32")
    p = optim.LookaheadParams.init_synced(tree.map(fnp.asarray, start))
    q = optax.LookaheadParams.init_synced(jax.tree.map(jax.numpy.asarray, start))
    s, t = ours.init(p), theirs.init(q)
    for n in noise:
        u, s = ours.update(tree.map(lambda x, e: x + e, p.fast, tree.map(fnp.asarray, n)), s, p)
        v, t = theirs.update(jax.tree.map(lambda x, e: x + e, q.fast, n), t, q)
        p, q = optim.apply_updates(p, u), optax.apply_updates(q, v)
        for x, y in zip(tree.leaves(p), jax.tree.leaves(q), strict=True):
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"factor": 0.5, "patience": 2, "cooldown": 2, "rtol": 1e-2},
        {"factor": 0.5, "patience": 3, "accumulation_size": 4, "min_scale": 0.2, "rtol": 0.0, "atol": 0.05},
    ],
)
def test_reduce_on_plateau(options: Any) -> None:
    ours, theirs = both(lambda o: o.contrib.reduce_on_plateau(**options))
    s, t = ours.init(fnp.ones(2)), theirs.init(jax.numpy.ones(2))
    rng = np.random.default_rng(0)
    for count in range(100):
        value = float(np.float32(1 / (1 + count // 30) + 0.1 * rng.normal()))
        u, s = ours.update(fnp.ones(2), s, value=value)
        v, t = theirs.update(jax.numpy.ones(2), t, value=value)
        np.testing.assert_allclose(np.asarray(u), np.asarray(v), rtol=1e-6)
        np.testing.assert_allclose([float(x) for x in s], [float(x) for x in t], rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"sync_period": 4}, {"sync_period": 3, "reset_state": False}])
def test_opaque_sam(options: Any) -> None:
    ours, theirs = both(
        lambda o: o.contrib.sam(o.adamw(0.1), o.chain(o.contrib.normalize(), o.sgd(0.1)), opaque_mode=True, **options)
    )
    start = np.asarray([1.0, -2.0, 0.5])
    with config.default_dtype("float64"), jax.enable_x64(True):
        p, q = fnp.asarray(start), jax.numpy.asarray(start)
        s, t = ours.init(p), theirs.init(q)
        for _ in range(20):
            u, s = ours.update(p**3, s, p, grad_fn=lambda x, i: x**3 + 0.1 * i)
            v, t = theirs.update(q**3, t, q, grad_fn=lambda x, i: x**3 + 0.1 * i)
            p, q = optim.apply_updates(p, u), optax.apply_updates(q, v)
            np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-10)


def test_schedule_free_eval_params() -> None:
    ours, theirs = both(lambda o: o.contrib.schedule_free_sgd(0.1))
    p, q = fnp.asarray([1.0, -2.0]), jax.numpy.asarray([1.0, -2.0])
    s, t = ours.init(p), theirs.init(q)
    for _ in range(10):
        u, s = ours.update(p**3, s, p)
        v, t = theirs.update(q**3, t, q)
        p, q = optim.apply_updates(p, u), optax.apply_updates(q, v)
    found, expected = optim.contrib.schedule_free_eval_params(s, p), optax.contrib.schedule_free_eval_params(t, q)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5)


def test_copies_of_parameters() -> None:
    new, old = np.asarray([1.0, 2.0], "float32"), np.asarray([0.5, -1.0], "float32")
    for step in (0, 1, 3, 6):
        found, expected = both(lambda o, n=step: o.periodic_update({"w": new}, {"w": old}, n, 3))
        np.testing.assert_array_equal(np.asarray(found["w"]), np.asarray(expected["w"]))
    found, expected = both(lambda o: o.incremental_update({"w": new}, {"w": old}, 0.1))
    np.testing.assert_allclose(np.asarray(found["w"]), np.asarray(expected["w"]), rtol=1e-6)
