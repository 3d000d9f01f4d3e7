"""What only some transformations have: zero norms, a loss, a key, measurements, states of other shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optimisers import assert_close, example, run, update

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, random, tree
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError

# ---- norms of zero -----------------------------------------------------------------------------


def test_trust_ratio_of_zeros_is_one() -> None:
    opt, zeros = optim.scale_by_trust_ratio(trust_coefficient=0.1), fnp.zeros(2)
    ones = fnp.ones(2)
    assert_close(opt.update(ones, opt.init(zeros), zeros)[0], ones)
    assert_close(opt.update(zeros, opt.init(ones), ones)[0], zeros)
    least = optim.scale_by_trust_ratio(min_norm=5.0)
    assert_close(least.update(ones, least.init(zeros), zeros)[0], ones)
    slope = fg.grad(lambda g: opt.update(g, opt.init(ones), ones)[0].sum())(zeros)
    assert slope.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "opt",
    [
        optim.normalize_by_update_norm(),
        optim.clip_by_block_rms(1.0),
        optim.scale_by_polyak(),
        optim.lars(0.1),
        optim.lamb(0.1),
        optim.fromage(0.1),
        optim.novograd(0.1),
        optim.sm3(0.1),
        optim.adafactor(0.1),
        optim.adagrad(0.1, initial_accumulator_value=0.0),
    ],
    ids=lambda opt: type(opt).__name__,
)
def test_zero_gradients_give_finite_updates(opt: optim.GradientTransformation) -> None:
    params = {"w": fnp.ones((3, 2)), "b": fnp.zeros(2)}
    updates, _ = update(opt, tree.map(fnp.zeros_like, params), opt.init(params), params)
    assert all(np.isfinite(np.asarray(x)).all() for x in tree.leaves(updates))


# ---- those that need more than updates ---------------------------------------------------------


def test_polyak_finds_the_minimum_of_a_convex_loss() -> None:
    opt = optim.polyak_sgd()
    a = fnp.asarray([[1.0, 0.5], [0.0, 2.0]])
    w = fnp.asarray([3.0, -1.0])
    state = opt.init(w)
    for _ in range(100):
        loss, grads = fg.value_and_grad(lambda w: ((a @ w) ** 2).sum())(w)
        updates, state = opt.update(grads, state, w, value=loss)
        w = optim.apply_updates(w, updates)
    assert fnp.abs(w).max() < 1e-4


def test_polyak_variants_below_the_least_value() -> None:
    grads = fnp.asarray([1.0, 0.0])
    for variant, expected in (("sps", -2.0), ("sps+", 0.0)):
        opt = optim.scale_by_polyak(f_min=3.0, variant=variant)
        assert opt.update(grads, opt.init(grads), value=1.0)[0].tolist() == [expected, 0.0]


def test_polyak_asks_for_the_loss() -> None:
    opt, w = optim.polyak_sgd(), fnp.ones(2)
    with pytest.raises(OptionError, match=r"update needs the loss: update\(updates, state, params, value=loss\)"):
        opt.update(w, opt.init(w), w)
    with pytest.raises(ShapeError, match=r"value must be one number, not float32\[2\]"):
        opt.update(w, opt.init(w), w, value=w)
    with pytest.raises(OptionError, match="variant must be 'sps' or 'sps\\+', not 'sgd'"):
        optim.polyak_sgd(variant="sgd")


@pytest.mark.parametrize(
    "opt",
    [
        optim.scale_by_trust_ratio(),
        optim.scale_by_param_block_norm(),
        optim.scale_by_param_block_rms(),
        optim.novograd(0.1),
        optim.fromage(0.1),
        optim.keep_params_nonnegative(),
    ],
)
def test_missing_params(opt: optim.GradientTransformation) -> None:
    with pytest.raises(TreeError, match=r"update needs the parameters: call update\(updates, state, params\)"):
        opt.update(fnp.ones(2), opt.init(fnp.ones(2)))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.scale_by_amsgrad(b1=1.0), ValueError, r"b1 must be in \[0, 1\), not 1.0"),
        (lambda: optim.scale_by_yogi(initial_accumulator_value=-1), ValueError, "must be 0 or more"),
        (lambda: optim.scale_by_adan(b3=2), ValueError, r"b3 must be in \[0, 1\)"),
        (lambda: optim.scale_by_belief(eps_root=-1), ValueError, "eps_root must be 0 or more"),
        (lambda: optim.radam(0.1, threshold=3.0), ValueError, "threshold must be 4 or more, not 3.0"),
        (lambda: optim.scale_by_adadelta(rho=1.5), ValueError, r"rho must be in \[0, 1\]"),
        (lambda: optim.ema(1.0), ValueError, r"decay must be in \[0, 1\), not 1.0"),
        (lambda: optim.ema(1.5, debias=False), ValueError, r"decay must be in \[0, 1\], not 1.5"),
        (lambda: optim.scale_by_lion(mode="soft"), ValueError, "mode must be 'hard', 'smooth' or 'refined'"),
        (lambda: optim.scale_by_lion(mu_dtype="float31"), DtypeError, "not a dtype"),
        (lambda: optim.rprop(lambda count: 0.1), OptionError, "the first step size, a number and not a schedule"),
        (lambda: optim.rprop(0.1, eta_plus=0.0), ValueError, "eta_plus must be positive"),
        (lambda: optim.sm3(0.1, momentum=1.0), ValueError, r"b1 must be in \[0, 1\)"),
        (lambda: optim.clip_by_block_rms(0.0), ValueError, "threshold must be positive"),
        (lambda: optim.apply_every(0), OptionError, "k must be a positive integer, not 0"),
        (lambda: optim.apply_every(True), OptionError, "k must be a positive integer, not True"),
        (lambda: optim.add_noise(0.1, 0.5, random.key(0), seed=1), OptionError, "a key or a seed, not both"),
        (lambda: optim.add_noise(0.1, 0.5, random.split(random.key(0))), DtypeError, "a single key, not a batch"),
        (lambda: optim.add_noise(-0.1, 0.5), ValueError, "eta must be 0 or more"),
        (lambda: optim.snapshot("norm", 3), DtypeError, "measure must be a function of the updates, not 3"),
        (lambda: optim.monitor({"norm": optim.global_norm}), DtypeError, "'norm' is no gradient transformation"),
        (lambda: optim.monitor([optim.ema(0.9)]), DtypeError, "takes a dict of transformations"),
    ],
)
def test_what_cannot_make_sense(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "opt", [optim.sm3(0.1), optim.rprop(0.1), optim.chain(optim.scale_by_lion(mode="refined")), optim.clip(1.0)]
)
def test_complex_parameters_without_an_order(opt: optim.GradientTransformation) -> None:
    grads = fnp.asarray([1j, 2.0])
    with pytest.raises(DtypeError, match="complex"):
        opt.update(grads, opt.init(grads), grads)


def test_states_of_other_trees() -> None:
    for opt in (optim.novograd(0.1), optim.adafactor(0.1)):
        state = opt.init({"w": fnp.ones(2)})
        with pytest.raises(TreeError, match="has another structure than updates"):
            opt.update({"v": fnp.ones(2)}, state, {"v": fnp.ones(2)})


# ---- noise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_noise_has_the_variance_that_is_asked_for(dtype: str) -> None:
    zeros = {"a": fnp.zeros(40000, dtype), "b": fnp.zeros((200, 100), dtype)}
    opt = optim.add_noise(eta=0.5, gamma=0.7, key=random.key(3))
    state = opt.init(zeros)
    seen = []
    for t in (1, 2, 3):
        updates, state = opt.update(zeros, state)
        for x in tree.leaves(updates):
            values = np.asarray(x).ravel().astype("complex128" if dtype == "complex64" else "float64")
            seen.append(values[:20000])
            deviation = np.sqrt(0.5 / t**0.7)
            assert abs(values.mean()) < 5 * deviation / np.sqrt(values.size)
            np.testing.assert_allclose(np.mean(np.abs(values) ** 2), deviation**2, rtol=5 * np.sqrt(2 / values.size))
    correlations = np.abs(np.corrcoef(np.array(seen)) - np.eye(len(seen)))
    assert correlations.max() < 5 / np.sqrt(20000)
    assert int(state.count) == 3


def test_noise_is_a_function_of_its_key() -> None:
    params, grads = example(0), [example(1), example(2)]
    first, second = (run(optim.noisy_sgd(0.1, key=random.key(1)), params, grads)[0] for _ in range(2))
    assert_close(first, second, rtol=0, atol=0)
    assert_close(run(optim.noisy_sgd(0.1, key=1), params, grads)[0], first, rtol=0, atol=0)
    assert_close(run(optim.noisy_sgd(0.1, seed=1), params, grads)[0], first, rtol=0, atol=0)
    assert optim.add_noise(0.1, 0.5) == optim.add_noise(0.1, 0.5, random.key(0))
    assert optim.add_noise(0.1, 0.5, key=1) != optim.add_noise(0.1, 0.5)
    other = run(optim.noisy_sgd(0.1, key=2), params, grads)[0]
    assert not np.allclose(np.asarray(other["scale"]), np.asarray(first["scale"]))


def test_an_ensemble_with_noises_of_its_own() -> None:
    opt = optim.add_noise(1.0, 0.5, key=0)
    params = fnp.zeros((3, 4))
    state = fg.vmap(opt.init)(params)._replace(rng_key=random.split(random.key(5), 3))
    updates, _ = fg.vmap(opt.update)(params, state)
    assert len(set(np.asarray(updates).ravel().tolist())) == 12


# ---- what looks at the updates -----------------------------------------------------------------


def test_snapshot_and_monitor() -> None:
    opt = optim.chain(
        optim.snapshot("before", lambda u: {"norm": optim.global_norm(u), "sign": tree.map(fnp.sign, u)}),
        optim.scale(-0.5),
        optim.monitor({"norm": optim.measure_with_ema(optim.global_norm, 0.5), "sum": optim.ema(0.5, debias=False)}),
    )
    params = {"w": fnp.asarray([3.0, -4.0])}
    state = opt.init(params)
    assert state[2].measurements["norm"] == 0
    for factor in (1.0, 2.0):
        updates, state = opt.update(tree.map(lambda x, f=factor: f * x, params), state, params)
    assert_close(updates, {"w": fnp.asarray([-3.0, 4.0])})
    assert_close(state[0].measurement["before"], {"norm": fnp.asarray(10.0), "sign": {"w": fnp.asarray([1.0, -1.0])}})
    assert_close(state[2].measurements["norm"], fnp.asarray((0.25 * 2.5 + 0.5 * 5) / 0.75))
    assert_close(state[2].measurements["sum"], {"w": fnp.asarray([-1.875, 2.5])})


def test_zero_nans_says_where() -> None:
    opt = optim.zero_nans()
    params = {"a": fnp.zeros(2), "b": fnp.zeros(2)}
    grads = {"a": fnp.asarray([float("nan"), float("inf")]), "b": fnp.ones(2)}
    updates, state = opt.update(grads, opt.init(params))
    assert updates["a"].tolist() == [0.0, float("inf")]
    assert (bool(state.found_nan["a"]), bool(state.found_nan["b"])) == (True, False)


def test_apply_every_forgets_what_it_has_applied() -> None:
    opt = optim.apply_every(2)
    state = opt.init(fnp.zeros(1))
    seen = []
    for value in (1.0, 2.0, float("inf"), 4.0, 5.0, 6.0):
        updates, state = opt.update(fnp.asarray([value]), state)
        seen.append(float(updates[0]))
    assert seen == [0.0, 3.0, 0.0, float("inf"), 0.0, 11.0]


# ---- shapes of what is kept --------------------------------------------------------------------


def test_what_adafactor_and_sm3_keep() -> None:
    params = {"conv": fnp.ones((3, 3, 8, 16)), "w": fnp.ones((16, 8)), "b": fnp.ones(16), "s": fnp.ones(())}
    state = optim.scale_by_factored_rms(min_dim_size_to_factor=8).init(params)
    shapes = {name: (state.v_row[name].shape, state.v_col[name].shape, state.v[name].shape) for name in params}
    assert shapes["conv"] == ((3, 3, 8), (3, 3, 16), (1,))
    assert shapes["w"] == ((8,), (16,), (1,))
    assert shapes["b"] == ((1,), (1,), (16,))
    assert shapes["s"] == ((1,), (1,), ())
    mu = optim.scale_by_sm3().init(params).mu
    assert [x.shape for x in mu["conv"]] == [(3,), (3,), (8,), (16,)]
    assert [x.shape for x in mu["s"]] == [()]


@pytest.mark.parametrize("shape", [(2, 3, 4), (4, 3, 2), (4, 2, 4), (5, 5)])
def test_factors_of_an_outer_product_are_exact(shape: tuple[int, ...]) -> None:
    """Where g^2 is a product over the axes, its two means say all of it."""
    rng = np.random.default_rng(1)
    g = np.ones(shape)
    for axis, n in enumerate(shape):
        g = g * rng.uniform(0.5, 2, size=[n if i == axis else 1 for i in range(len(shape))])
    opt = optim.scale_by_factored_rms(min_dim_size_to_factor=2, epsilon=0.0)
    found, _ = opt.update(fnp.asarray(g), opt.init(fnp.asarray(g)))
    np.testing.assert_allclose(np.asarray(found), 1.0, rtol=1e-6)


def test_a_decay_of_ones_own() -> None:
    opt = optim.scale_by_factored_rms(decay_rate_fn=lambda count, rate: fnp.minimum(rate, count / (count + 1)))
    g = fnp.asarray([2.0])
    state = opt.init(g)
    for _ in range(3):
        _, state = opt.update(g, state)
    np.testing.assert_allclose(state.v.tolist(), [4.0], rtol=1e-6)
    late = optim.scale_by_factored_rms(step_offset=5)  # begins before its offset
    assert late.update(g, late.init(g))[0].tolist() == [1.0]
