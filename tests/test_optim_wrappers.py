"""Transformations that decide about others: MultiSteps, apply_if_finite, conditionally_*, flatten, lookahead."""

import functools
from typing import Any

import numpy as np
import pytest
from recordings import traces

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, tree
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError

PARAMS = {"w": fnp.asarray([[1.0, -2.0], [0.5, 3.0]]), "b": fnp.asarray([0.5])}
ADVERSARY = optim.chain(optim.contrib.normalize(), optim.sgd(0.1))
WRAPPED = {
    "schedule_free": optim.contrib.schedule_free_adamw(0.1, 3),
    "sam": optim.contrib.sam(optim.adamw(0.1), ADVERSARY, 3),
    "multi_steps": optim.MultiSteps(optim.adam(0.1), 3),
    "multi_steps_growing": optim.MultiSteps(optim.adam(0.1), lambda n: n + 1),
    "multi_steps_skip": optim.MultiSteps(optim.adam(0.1), 2, should_skip_update_fn=optim.skip_not_finite),
    "apply_if_finite": optim.apply_if_finite(optim.sgd(0.1, 0.9), 2),
    "conditionally_mask": optim.conditionally_mask(optim.adam(0.1), lambda step: step % 3 != 1),
    "conditionally_transform": optim.conditionally_transform(optim.trace(0.9), lambda step: step > 2),
    "flatten": optim.flatten(optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.1))),
}
every_wrapper = pytest.mark.parametrize("opt", WRAPPED.values(), ids=WRAPPED)


def gradients(n: int, seed: int = 0, batch: tuple[int, ...] = ()) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [tree.map(lambda p: fnp.asarray(rng.normal(size=batch + p.shape), "float32"), PARAMS) for _ in range(n)]


def run(update: Any, state: Any, grads: list[Any], params: Any = PARAMS) -> list[Any]:
    out = []
    for g in grads:
        updates, state = update(g, state, params)
        out.append(updates)
    return out


def close(a: Any, b: Any, rtol: float = 1e-5) -> None:
    assert tree.same_structure(a, b)
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol, atol=1e-6)


@every_wrapper
def test_programs_go_every_way(opt: Any) -> None:
    grads = gradients(12)
    step = fg.jit(opt.update)
    close(run(step, opt.init(PARAMS), grads), run(opt.update, opt.init(PARAMS), grads))
    before = traces(step)
    assert before <= 6  # two for each way, as every function has at first
    close(run(step, opt.init(PARAMS), grads), run(opt.update, opt.init(PARAMS), grads))
    assert traces(step) == before


@every_wrapper
def test_vmap_is_a_loop_over_an_ensemble(opt: Any) -> None:
    """The members have other gradients, and the last one NaNs, so that it goes another way."""
    grads = gradients(6, batch=(3,))
    grads[2] = tree.map(lambda g: g.at[2].set(float("nan")), grads[2])
    params = tree.map(lambda p: fnp.stack([p, 2 * p, -p]), PARAMS)
    found = run(fg.vmap(opt.update), fg.vmap(opt.init)(params), grads, params)
    for i in range(3):
        own = tree.map(lambda p, i=i: p[i], params)
        expected = run(opt.update, opt.init(own), tree.map(lambda g, i=i: g[i], grads), own)
        close(tree.map(lambda u, i=i: u[i], found), expected)


@every_wrapper
def test_what_does_not_fit(opt: Any) -> None:
    with pytest.raises((TreeError, ShapeError)):
        opt.update({"w": fnp.ones((1, 2, 2)), "b": fnp.ones(1)}, opt.init(PARAMS), PARAMS)
    with pytest.raises(DtypeError, match=r"params\['w'\] is int64"):
        opt.init({"w": fnp.arange(3)})
    if type(opt) is not optim.flatten:
        with pytest.raises(TreeError, match=r"the state must be an? \w*State, not an"):
            opt.update(PARAMS, optim.EmptyState(), PARAMS)


@every_wrapper
def test_wrappers_are_values(opt: Any) -> None:
    assert hash(opt) == hash(opt)
    assert isinstance(opt, optim.GradientTransformationExtraArgs)


def test_extra_arguments_go_through() -> None:
    inner = optim.GradientTransformationExtraArgs(
        optim.init_empty_state, lambda u, s, p=None, *, value, **extra_args: (tree.map(lambda g: value * g, u), s)
    )
    for opt in (
        optim.MultiSteps(inner, 1),
        optim.apply_if_finite(inner, 1),
        optim.conditionally_mask(inner, lambda step: True),
        optim.conditionally_transform(inner, lambda step: True),
        optim.flatten(inner),
        optim.contrib.sam(inner, inner, 1),
    ):
        close(opt.update(PARAMS, opt.init(PARAMS), PARAMS, value=2.0)[0], tree.map(lambda p: 2 * p, PARAMS))


# ---- MultiSteps --------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0, 2.5])
def test_a_number_of_gradients_is_a_whole_one(every: Any) -> None:
    with pytest.raises(OptionError, match=f"every_k_schedule must be a whole number from 1 on, not {every}"):
        optim.MultiSteps(optim.sgd(0.1), every)


def test_several_gradients_are_as_their_mean() -> None:
    grads = gradients(6)
    opt = optim.MultiSteps(optim.adam(0.1), 3)
    found = run(opt.update, opt.init(PARAMS), grads)
    means = [tree.map(lambda *g: sum(g) / 3, *grads[i : i + 3]) for i in (0, 3)]
    expected = run(optim.adam(0.1).update, optim.adam(0.1).init(PARAMS), means)
    close([found[2], found[5]], expected)
    for i in (0, 1, 3, 4):
        close(found[i], tree.map(fnp.zeros_like, PARAMS))


@pytest.mark.parametrize(
    ("dtype", "given", "held"),
    [
        ("float32", "float32", "float32"),
        ("float16", "float32", "float32"),
        ("float64", "float32", "float32"),
        ("float64", None, "float64"),
        ("float16", None, "float16"),
        ("complex64", "float32", "complex64"),
        ("complex128", "float64", "complex128"),
    ],
)
def test_what_sums_are_kept_in(dtype: str, given: Any, held: str) -> None:
    opt = optim.MultiSteps(optim.sgd(0.5), 2, accumulator_dtype=given)
    params = fnp.asarray([1.0, 2.0], dtype)
    state = opt.init(params)
    for _ in range(2):
        updates, state = opt.update(params, state)
        assert state.acc_grads.dtype == held
        assert updates.dtype == dtype
    np.testing.assert_allclose(np.asarray(updates), [-0.5, -1.0])


def test_a_report_of_what_is_skipped() -> None:
    by_norm = functools.partial(optim.skip_large_updates, max_squared_norm=2.0)
    opt = optim.MultiSteps(optim.sgd(1.0), 2, should_skip_update_fn=by_norm)
    state = opt.init(fnp.zeros(1))
    seen = []
    for g in (1.0, 10.0, 0.5, float("nan"), 1.0, 1.0):
        updates, state = opt.update(fnp.asarray([g]), state)
        seen.append((updates.item(), bool(state.skip_state["should_skip"]), int(state.mini_step)))
    assert seen == [(0, False, 1), (0, True, 1), (-0.75, False, 0), (0, True, 0), (0, False, 1), (-1, False, 0)]


def test_hyperparams_below_a_wrapper() -> None:
    opt = optim.MultiSteps(optim.sgd(0.1), 1)
    state = optim.set_hyperparams(opt.init(PARAMS), learning_rate=1.0)
    close(opt.update(PARAMS, state)[0], tree.map(lambda p: -p, PARAMS))


# ---- the others --------------------------------------------------------------------------------


def test_apply_if_finite_lets_the_one_after_the_last_error_through() -> None:
    opt = optim.apply_if_finite(optim.sgd(1.0, momentum=0.5), 2)
    state = opt.init(fnp.zeros(1))
    seen = []
    for g in (1.0, float("nan"), float("inf"), 2.0, float("nan"), float("nan"), float("nan"), 1.0):
        updates, state = opt.update(fnp.asarray([g]), state)
        seen.append(updates.item())
    np.testing.assert_array_equal(seen, [-1.0, 0.0, 0.0, -2.5, 0.0, 0.0, np.nan, np.nan])
    assert (int(state.total_notfinite), int(state.notfinite_count), bool(state.last_finite)) == (5, 0, True)


def test_a_condition_on_extra_arguments() -> None:
    def when(step: Any, *, value: Any, **extra_args: Any) -> Any:
        return value > 0

    opt = optim.conditionally_mask(optim.scale(2.0), when, forward_extra_args=True)
    state = opt.init(PARAMS)
    close(opt.update(PARAMS, state, value=1.0)[0], tree.map(lambda p: 2 * p, PARAMS))
    close(opt.update(PARAMS, state, value=-1.0)[0], tree.map(fnp.zeros_like, PARAMS))


def test_flatten_gives_dtypes_back() -> None:
    opt = optim.flatten(optim.adam(0.5))
    params = {"a": fnp.ones(2, "float16"), "b": fnp.ones((2, 1), "float32")}
    updates, state = opt.update(params, opt.init(params), params)
    assert (updates["a"].dtype, updates["b"].dtype) == ("float16", "float32")
    assert state[0].mu.shape == (4,)


def test_lookahead() -> None:
    opt = optim.lookahead(optim.sgd(0.5), sync_period=2, slow_step_size=0.25)
    params = optim.LookaheadParams.init_synced(PARAMS)
    state = opt.init(params)
    step = fg.jit(opt.update)
    for i in range(4):
        updates, state = step(params.fast, state, params)
        params = optim.apply_updates(params, updates)
        if i % 2:
            close(params.fast, params.slow)
    close(params.slow, tree.map(lambda p: p * (1 + 0.25 * (0.25 - 1)) ** 2, PARAMS))
    with pytest.raises(TreeError, match="the parameters must be LookaheadParams"):
        opt.init(PARAMS)
    with pytest.raises(TreeError, match="the parameters must be LookaheadParams"):
        opt.update(PARAMS, state, PARAMS)


def test_reduce_on_plateau_is_one_program() -> None:
    opt = optim.chain(optim.sgd(1.0), optim.contrib.reduce_on_plateau(factor=0.5, patience=2, cooldown=1))
    step = fg.jit(lambda g, state, value: opt.update(g, state, value=value))
    state, seen = opt.init(fnp.zeros(1)), []
    for value in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0):
        updates, state = step(fnp.ones(1), state, value)
        seen.append(updates.item())
    assert seen == [-1.0, -1.0, -1.0, -0.5, -0.5, -0.5, -0.25, -0.25]
    assert traces(step) == 2  # which every function has at first


def test_sam_averages_over_a_mapped_axis() -> None:
    opt = optim.contrib.sam(optim.sgd(1.0), ADVERSARY, opaque_mode=True, batch_axis_name="batch")
    params, x = fnp.asarray([1.0, -1.0]), fnp.asarray([[1.0, 2.0], [3.0, 4.0]])

    def step(x: Any) -> Any:
        return opt.update(x * params, opt.init(params), params, grad_fn=lambda p, i: x * p)[0]

    found = fg.vmap(step, axis_name="batch")(x)
    mean = x.mean(0)
    g = mean * params
    expected = -mean * (params + 0.1 * g / fnp.sqrt((g * g).sum()))
    close(found, fnp.stack([expected, expected]))


def test_copies_of_parameters() -> None:
    new, old = PARAMS, tree.map(fnp.zeros_like, PARAMS)
    close(optim.incremental_update(new, old, fnp.asarray(0.25)), tree.map(lambda p: 0.25 * p, PARAMS))
    jitted = fg.jit(lambda step: optim.periodic_update(new, old, step, 3))
    for step in range(1, 7):
        close(jitted(fnp.asarray(step)), new if step % 3 == 0 else old)
    with pytest.raises(ShapeError, match=r"new_tensors\['w'\] has shape \(2, 2\) and old_tensors\['w'\]"):
        optim.incremental_update(new, {"w": fnp.ones(2), "b": fnp.ones(1)}, 0.1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.MultiSteps(optim.sgd, 2), DtypeError, "MultiSteps: not a gradient transformation"),
        (lambda: optim.MultiSteps(optim.sgd(0.1), 0), OptionError, "every_k_schedule must be 1 or more, not 0"),
        (lambda: optim.apply_if_finite(optim.sgd, 2), DtypeError, "not a gradient transformation"),
        (lambda: optim.conditionally_mask(optim.sgd(0.1), True), DtypeError, "conditionally_mask: should_transform_fn"),
        (lambda: optim.lookahead(optim.sgd(0.1), 0, 0.5), OptionError, "sync_period must be 1 or more, not 0"),
        (lambda: optim.contrib.schedule_free(optim.sgd(0.1), 0.1, b1=0.0), OptionError, r"b1 must be in \(0, 1\]"),
        (lambda: optim.contrib.schedule_free_sgd(abs, 3), OptionError, "warmup_steps goes with a number"),
        (lambda: optim.contrib.sam(ADVERSARY, ADVERSARY, 0), OptionError, "sync_period must be 1 or more, not 0"),
        (lambda: optim.contrib.reduce_on_plateau(1.0), OptionError, "factor must be between 0 and 1, not 1.0"),
        (lambda: optim.contrib.reduce_on_plateau(patience=0), OptionError, "patience must be 1 or more, not 0"),
        (
            lambda: optim.contrib.sam(ADVERSARY, ADVERSARY, opaque_mode=True).update(
                PARAMS, optim.contrib.sam(ADVERSARY, ADVERSARY, opaque_mode=True).init(PARAMS), PARAMS
            ),
            TreeError,
            "in opaque mode give grad_fn",
        ),
        (lambda: optim.periodic_update(1.0, 1.0, 1, 0), OptionError, "update_period must be 1 or more, not 0"),
    ],
)
def test_what_cannot_make_sense(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
