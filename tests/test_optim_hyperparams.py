"""Hyper-parameters in states: set, batched, differentiated, scheduled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optax_cases import ALIASES
from optimisers import OPTIMISERS, assert_close, example, run

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, optim, tree
from funcgrad.errors import DtypeError, OptionError, ShapeError


def test_set_hyperparams_in_a_chain_of_chains() -> None:
    opt = optim.chain(
        optim.clip(1.0), optim.named_chain(("decay", optim.add_decayed_weights(0.1)), ("sgd", optim.sgd(0.1, 0.9)))
    )
    params, grads = example(0), [example(1), example(2)]
    changed = optim.set_hyperparams(opt.init(params), learning_rate=0.5, momentum=0.25, weight_decay=0)
    assert tree.structure(changed) == tree.structure(opt.init(params))
    assert [x.dtype for x in tree.leaves(changed)] == [x.dtype for x in tree.leaves(opt.init(params))]
    expected, _ = run(optim.chain(optim.clip(1.0), optim.sgd(0.5, 0.25)), params, grads)
    assert_close(run(opt, params, grads, changed)[0], expected)


def test_set_hyperparams_under_a_mask() -> None:
    opt = optim.masked(optim.sgd(0.1), {"w": True, "b": False})
    params = {"w": fnp.ones(2), "b": fnp.ones(2)}
    state = optim.set_hyperparams(opt.init(params), learning_rate=2.0)
    assert_close(opt.update(params, state)[0], {"w": -2 * fnp.ones(2), "b": fnp.ones(2)})


def test_hyperparams_by_hand() -> None:
    opt = optim.scale_by_learning_rate(0.1)
    state = opt.init(fnp.ones(2))
    state = state._replace(hyperparams={**state.hyperparams, "learning_rate": 0.5})
    assert_close(opt.update(fnp.ones(2), state)[0], -0.5 * fnp.ones(2))


def test_an_ensemble_with_a_learning_rate_each() -> None:
    opt = optim.sgd(0.1, momentum=0.9)
    params = fnp.ones((3, 2))
    state = optim.set_hyperparams(fg.vmap(opt.init)(params), learning_rate=fnp.asarray([1.0, 2.0, 3.0]), momentum=0.5)
    updates, state = fg.vmap(opt.update)(params, state)
    assert_close(updates, fnp.asarray([[-1.0, -1.0], [-2.0, -2.0], [-3.0, -3.0]]))
    assert_close(fg.vmap(opt.update)(params, state)[0], 1.5 * updates)


RATES = {
    "schedule": optim.adam(optim.cosine_decay_schedule(0.1, 3)),
    "function": optim.adam(lambda count: 0.1 / (1 + count)),
    "injected": optim.inject_hyperparams(optim.adam)(learning_rate=0.1),
    "schedule_free": optim.contrib.schedule_free_adamw(0.1),
    "schedule_free_warmup": optim.contrib.schedule_free_sgd(0.1, warmup_steps=3),
    "plateau": optim.chain(
        optim.sgd(0.1), optim.contrib.reduce_on_plateau(factor=0.1, patience=1, accumulation_size=1)
    ),
    "injected_schedule": optim.inject_hyperparams(optim.adam)(learning_rate=optim.linear_schedule(0.1, 0.0, 3)),
}


@pytest.mark.parametrize("name", [*OPTIMISERS, *RATES])
def test_float64_parameters_have_float64_hyperparams(name: str) -> None:
    """0.1 in float32 is 0.10000000149, which parameters in float64 would show."""
    opt = (OPTIMISERS | RATES)[name]
    params, *grads = [example(seed, "float64") for seed in range(4)]
    found, state = run(opt, params, grads)
    with config.default_dtype("float64"):
        expected, other = run(opt, params, grads)
    assert_close(found, expected, 1e-14, 1e-14)
    assert [x.dtype for x in tree.leaves(state)] == [x.dtype for x in tree.leaves(other)]


@pytest.mark.parametrize("opt", [OPTIMISERS["adam"], *RATES.values()], ids=["adam", *RATES])
def test_float64_beside_float32(opt: optim.GradientTransformation) -> None:
    params = {"wide": fnp.ones(2, "float64"), "narrow": fnp.ones(2)}
    found, _ = run(opt, params, [params, params])
    assert (found["wide"].dtype, found["narrow"].dtype) == ("float64", "float32")
    np.testing.assert_allclose(np.asarray(found["wide"]), np.asarray(found["narrow"]), rtol=1e-6)


BY_RATE = {
    "adamw": lambda rate: optim.adamw(rate, b1=rate, weight_decay=rate),
    "momentum": lambda rate: optim.chain(optim.clip_by_global_norm(1.0), optim.trace(rate), optim.scale(-rate)),
    "partition": lambda rate: optim.partition({"*": optim.rmsprop(rate, momentum=rate)}),
    "wrapped": lambda rate: optim.apply_if_finite(optim.MultiSteps(optim.sgd(rate), 2), 3),
}


def in_python(opt: Any) -> Any:
    return run(opt, {"w": fnp.ones(2)}, [{"w": fnp.asarray([1.0, -2.0])}] * 4)[0]["w"]


def in_a_scan(opt: Any) -> Any:
    def step(carry: Any, _: Any) -> Any:
        updates, state = opt.update({"w": fnp.asarray([1.0, -2.0])}, carry[1], carry[0])
        return (optim.apply_updates(carry[0], updates), state), None

    params = {"w": fnp.ones(2)}
    return fg.scan(step, (params, opt.init(params)), None, length=4)[0][0]["w"]


@pytest.mark.parametrize("train", [in_python, in_a_scan])
@pytest.mark.parametrize("make", BY_RATE.values(), ids=BY_RATE)
def test_an_optimiser_may_be_made_of_a_number_under_grad_and_vmap(make: Any, train: Any) -> None:
    rates = fnp.asarray([0.1, 0.2])
    found = fg.vmap(lambda rate: train(make(rate)))(rates)
    assert_close(found, fnp.stack([train(make(0.1)), train(make(0.2))]))

    def end(rate: Any) -> Any:
        return (train(make(rate)) * fnp.asarray([1.0, 3.0])).sum()

    slope = (float(end(0.11)) - float(end(0.09))) / 0.02
    np.testing.assert_allclose(float(fg.grad(end)(fnp.asarray(0.1))), slope, rtol=2e-2)
    np.testing.assert_allclose(float(fg.jvp(end, (fnp.asarray(0.1),), (fnp.asarray(1.0),))[1]), slope, rtol=2e-2)
    program = fg.jit(fg.grad(end))
    np.testing.assert_allclose([float(program(fnp.asarray(0.1))) for _ in range(3)], slope, rtol=2e-2)


@pytest.mark.parametrize("momentum", [None, 0.9])
def test_the_gradient_of_a_step_in_the_learning_rate(momentum: float | None) -> None:
    """L(p - r g) with L = |p|^2/2 and so g = p: dL/dr = -(1 - r) |p|^2 (the first step has no momentum yet)."""
    opt = optim.sgd(0.1, momentum)
    p = fnp.asarray([1.0, -2.0])

    def loss(p: Any) -> Any:
        return (p * p).sum() / 2

    def after(rate: Any) -> Any:
        state = optim.set_hyperparams(opt.init(p), learning_rate=rate)
        updates, _ = opt.update(fg.grad(loss)(p), state, p)
        return loss(optim.apply_updates(p, updates))

    np.testing.assert_allclose(float(fg.grad(after)(0.25)), -0.75 * 5, rtol=1e-6)
    np.testing.assert_allclose(float(fg.grad(fg.grad(after))(0.25)), 5, rtol=1e-6)
    np.testing.assert_allclose(fg.vmap(fg.grad(after))(fnp.asarray([0.0, 0.5])).tolist(), [-5, -2.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("opt", "names"),
    [
        (optim.adamw(0.1, eps=1e-3, eps_root=1e-6), ["learning_rate", "weight_decay", "b1", "b2", "eps"]),
        (optim.nadam(0.1, eps=1e-3), ["b1", "b2"]),
        (optim.rmsprop(0.1, 0.5, momentum=0.5, bias_correction=True, initial_scale=1), ["decay", "eps", "momentum"]),
        (optim.rmsprop(0.1, 0.5, centered=True), ["decay"]),
        (optim.chain(optim.clip_by_global_norm(0.5), optim.scale(2.0)), ["max_norm", "step_size"]),
        (optim.clip(0.3), ["max_delta"]),
        (optim.adaptive_grad_clip(0.1), ["clipping"]),
        (optim.adabelief(0.1, eps=1e-3), ["learning_rate", "b1", "b2", "eps"]),
        (optim.adan(0.1, eps=1e-3), ["learning_rate", "weight_decay"]),
        (optim.radam(0.1, eps=1e-3), ["learning_rate", "b1", "eps"]),
        (optim.yogi(0.1, eps=1e-3), ["b1", "eps"]),
        (optim.lamb(0.1, eps=1e-3), ["learning_rate", "weight_decay", "b1", "eps", "trust_eps", "min_norm"]),
        (optim.lars(0.1, trust_coefficient=0.5), ["learning_rate", "trust_coefficient", "trust_eps", "momentum"]),
        (optim.fromage(0.1), ["learning_rate"]),
        (optim.novograd(0.1, eps=1e-3), ["learning_rate", "b1", "b2", "eps", "weight_decay"]),
        (optim.adadelta(0.1, 0.5, eps=1e-3), ["rho", "eps", "weight_decay"]),
        (optim.optimistic_gradient_descent(0.1, 0.9, 0.8), ["alpha", "beta"]),
        (optim.chain(optim.scale_by_lion(mode="smooth"), optim.scale(2.0)), ["b1", "b2"]),
        (optim.sm3(0.1), ["b1", "learning_rate"]),
        (optim.noisy_sgd(0.1, 0.2, 0.3), ["eta", "gamma"]),
        (optim.chain(optim.ema(0.5), optim.clip_by_block_rms(0.1)), ["decay", "threshold"]),
        (optim.normalize_by_update_norm(2.0, 1e-3), ["scale_factor", "eps"]),
    ],
)
def test_derivatives_in_hyperparams(opt: optim.GradientTransformation, names: list[str]) -> None:
    with config.default_dtype("float64"):
        params, grads = example(1, "float64"), [example(2, "float64"), example(3, "float64")]
        start = opt.init(params)

        def loss(values: dict[str, Any]) -> Any:
            found, _ = run(opt, params, grads, optim.set_hyperparams(start, **values))
            return tree.reduce(lambda a, b: a + b, tree.map(lambda x: (x * x).sum(), found))

        defaults = {"learning_rate": 0.1, "weight_decay": 1e-4, "b1": 0.9, "b2": 0.999, "eps": 1e-3, "decay": 0.5}
        defaults |= {"momentum": 0.5, "max_norm": 0.5, "step_size": 2.0, "max_delta": 0.3, "clipping": 0.1}
        defaults |= {"trust_eps": 0.1, "min_norm": 0.1, "trust_coefficient": 0.5, "rho": 0.5, "alpha": 0.9, "beta": 0.8}
        defaults |= {"eta": 0.2, "gamma": 0.3, "threshold": 0.1, "scale_factor": 2.0}
        at = {n: defaults[n] for n in names}
        found = fg.grad(loss)(at)
        for name in names:
            step = 1e-6
            ends = [float(loss(at | {name: at[name] + s})) for s in (step, -step)]
            np.testing.assert_allclose(float(found[name]), (ends[0] - ends[1]) / (2 * step), rtol=1e-4, atol=1e-8)


def test_a_schedule_counts_updates() -> None:
    seen = []

    def schedule(count: Any) -> float:
        seen.append(int(count))
        return 1.0 / (1 + int(count))

    opt = optim.sgd(schedule)
    params, state = run(opt, fnp.zeros(1), [fnp.ones(1)] * 3)
    assert seen == [0, 1, 2]
    assert int(state[-1].count) == 3
    assert state[-1].hyperparams == {"learning_rate": None}
    np.testing.assert_allclose(params.tolist(), [-(1 + 1 / 2 + 1 / 3)], rtol=1e-6)


@pytest.mark.parametrize(
    ("scheduled", "constant"),
    [
        (lambda v: optim.sgd(0.1, momentum=v), 0.5),
        (lambda v: optim.adam(0.1, b1=v), 0.5),
        (lambda v: optim.adam(0.1, b2=v), 0.5),
        (lambda v: optim.adam(0.1, eps=v), 0.5),
        (lambda v: optim.adamw(0.1, weight_decay=v), 0.5),
        (lambda v: optim.rmsprop(0.1, decay=v), 0.5),
        (lambda v: optim.rmsprop(0.1, eps=v, centered=True), 0.5),
        (lambda v: optim.adagrad(0.1, eps=v), 0.5),
        (lambda v: optim.clip(v), 0.5),
        (lambda v: optim.clip_by_global_norm(v), 0.5),
        (lambda v: optim.adaptive_grad_clip(v), 0.5),
        (lambda v: optim.scale(v), 0.5),
        (lambda v: optim.adabelief(0.1, b1=v), 0.5),
        (lambda v: optim.adan(0.1, b3=v), 0.5),
        (lambda v: optim.adamax(0.1, b2=v), 0.5),
        (lambda v: optim.amsgrad(0.1, eps=v), 0.5),
        (lambda v: optim.adadelta(0.1, rho=v), 0.5),
        (lambda v: optim.adafactor(0.1, decay_rate=v), 0.5),
        (lambda v: optim.fromage(v), 0.5),
        (lambda v: optim.lamb(0.1, weight_decay=v), 0.5),
        (lambda v: optim.lars(0.1, trust_coefficient=v), 0.5),
        (lambda v: optim.lion(0.1, weight_decay=v), 0.5),
        (lambda v: optim.novograd(0.1, weight_decay=v), 0.5),
        (lambda v: optim.noisy_sgd(0.1, eta=v), 0.5),
        (lambda v: optim.optimistic_gradient_descent(0.1, beta=v), 0.5),
        (lambda v: optim.radam(0.1, b1=v), 0.5),
        (lambda v: optim.sm3(v), 0.5),
        (lambda v: optim.yogi(0.1, eps=v), 0.5),
        (lambda v: optim.ema(v), 0.5),
    ],
)
def test_a_schedule_stands_wherever_a_number_does(scheduled: Any, constant: float) -> None:
    params, grads = example(1), [example(2), example(3)]
    expected, _ = run(scheduled(constant), params, grads)
    for schedule in (optim.constant_schedule(constant), lambda count: fnp.full((), constant), lambda count: constant):
        assert_close(run(scheduled(schedule), params, grads)[0], expected)
    stepped = optim.piecewise_constant_schedule(constant, {1: 0.1})
    moved = tree.leaves(run(scheduled(stepped), params, grads)[0])
    assert any(not np.allclose(x.tolist(), y.tolist()) for x, y in zip(moved, tree.leaves(expected), strict=True))


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"beta": 1.0}, ValueError, "no hyper-parameter 'beta'; there are: decay, eps, learning_rate, momentum"),
        ({"learning_rate": [1.0, 2.0]}, ShapeError, r"learning_rate must be one number, not float32\[2\]"),
        ({"learning_rate": lambda count: 0.1}, ValueError, "a schedule is given where the transformation is made"),
        ({"learning_rate": "fast"}, DtypeError, "fast"),
    ],
)
def test_set_hyperparams_refuses(values: Any, error: type[Exception], message: str) -> None:
    state = optim.rmsprop(0.1, momentum=0.9).init(fnp.ones(2))
    with pytest.raises(error, match=message):
        optim.set_hyperparams(state, **values)


def test_set_hyperparams_refuses_a_schedule_and_two_of_a_name() -> None:
    state = optim.sgd(optim.constant_schedule(0.1), momentum=0.9).init(fnp.ones(2))
    with pytest.raises(ValueError, match=r"'learning_rate' follows a schedule.*numbers are: momentum"):
        optim.set_hyperparams(state, learning_rate=0.1)
    twice = optim.chain(optim.scale(1.0), optim.named_chain(("again", optim.scale(2.0)))).init(fnp.ones(2))
    with pytest.raises(ValueError, match=r"'step_size' stands in state\[0\] and state\[1\]\['again'\]"):
        optim.set_hyperparams(twice, step_size=0.1)


@pytest.mark.parametrize("name", [*ALIASES, "noisy_sgd"])
def test_each_hyperparameter_of_an_optimiser_has_a_name_of_its_own(name: str) -> None:
    settings = {} if name == "polyak_sgd" else {"learning_rate": 0.1}
    if name == "adafactor":
        settings |= {"momentum": 0.5, "weight_decay_rate": 0.1}
    state = getattr(optim, name)(**settings).init(fnp.ones(2))
    names = [n for part in state for n in getattr(part, "hyperparams", {})]
    assert "learning_rate" in str(state) or name == "rprop"
    for n in names:
        optim.set_hyperparams(state, **{n: 0.5})


def test_set_hyperparams_of_a_transformation_inside_another() -> None:
    """`mechanize` holds numbers of its own and the state of an optimiser."""
    params = {"w": fnp.ones(2)}
    opt = optim.contrib.mechanize(optim.adam(0.1))
    state = optim.set_hyperparams(opt.init(params), learning_rate=0.5, weight_decay=0.25)
    assert tree.structure(state) == tree.structure(opt.init(params))
    assert float(state.base_optimizer_state[1].hyperparams["learning_rate"]) == 0.5
    assert float(state.hyperparams["weight_decay"]) == 0.25


def test_set_hyperparams_of_what_is_made_inside_inject_hyperparams() -> None:
    opt = optim.inject_hyperparams(lambda rate: optim.chain(optim.clip(1.0), optim.sgd(rate)))(rate=0.5)
    params = fnp.asarray([4.0])
    state = optim.set_hyperparams(opt.init(params), max_delta=2.0, rate=0.25)
    assert_close(opt.update(params, state)[0], fnp.asarray([-0.5]))


def test_a_parameter_of_the_name_of_a_label() -> None:
    params = {"w": fnp.ones(2), "b": fnp.ones(2)}
    opt = optim.MultiSteps(optim.partition({"w": optim.sgd(0.1), "b": optim.sgd(0.2)}, {"w": "w", "b": "b"}), 1)
    state = optim.set_hyperparams(opt.init(params), "w", learning_rate=0.5)
    assert_close(opt.update(params, state)[0], {"w": fnp.full(2, -0.5), "b": fnp.full(2, -0.2)})
    with pytest.raises(OptionError, match="has no part 'x'; there are: 'b', 'w'"):
        optim.set_hyperparams(state, "x", learning_rate=0.5)


def test_a_field_of_a_state_says_where_too() -> None:
    params = fnp.ones(2)
    opt = optim.contrib.sam(optim.sgd(0.1), optim.sgd(0.2))
    state = optim.set_hyperparams(opt.init(params), "adv_state", learning_rate=0.5)
    assert float(state.opt_state[1].hyperparams["learning_rate"]) == np.float32(0.1)
    assert float(state.adv_state[1].hyperparams["learning_rate"]) == 0.5
    with pytest.raises(OptionError, match="has no part 'adv'; there are: 'adv_state', 'opt_state'"):
        optim.set_hyperparams(state, "adv", learning_rate=0.5)
