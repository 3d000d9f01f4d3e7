"""Hyper-parameters of any factory in the state: `inject_hyperparams`."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from recordings import traces

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, optim, tree
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError

PARAMS = {"w": fnp.asarray([1.0, -2.0]), "b": fnp.asarray([0.5])}
GRADS = {"w": fnp.asarray([0.3, 0.7]), "b": fnp.asarray([-1.0])}


def run(opt: Any, steps: int = 5, state: Any = None) -> Any:
    params, state = PARAMS, opt.init(PARAMS) if state is None else state
    for _ in range(steps):
        updates, state = opt.update(GRADS, state, params)
        params = optim.apply_updates(params, updates)
    return params, state


def close(a: Any, b: Any) -> None:
    assert tree.same_structure(a, b)
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6)


def own(lr: Any, /, decay: Any = 0.1, *more: Any, clip: Any = 1.0, **options: Any) -> Any:
    assert more in ((), ("more",))
    return optim.chain(optim.clip(clip), optim.add_decayed_weights(decay / 2), optim.sgd(2 * lr, **options))


@pytest.mark.parametrize(
    ("factory", "args", "options"),
    [
        (optim.sgd, (0.1,), {}),
        (optim.sgd, (0.1,), {"momentum": 0.9, "nesterov": True, "accumulator_dtype": "float64"}),
        (optim.adam, (0.1,), {"b1": 0.5, "eps_root": 1e-6}),
        (optim.nadam, (0.1,), {}),
        (optim.adamw, (0.1,), {"weight_decay": 0.3, "mask": {"w": True, "b": False}}),
        (optim.adamw, (0.1,), {"weight_decay": 0.3, "mask": "w"}),
        (optim.rmsprop, (0.1,), {"momentum": 0.5, "initial_scale": 1.0, "centered": True}),
        (optim.adagrad, (0.1,), {}),
        (optim.scale_by_adam, (), {}),
        (optim.clip_by_global_norm, (0.5,), {}),
        (optim.adaptive_grad_clip, (0.5,), {}),
        (own, (0.1, 0.2, "more"), {"clip": 0.5, "momentum": 0.5}),
        (own, (0.1,), {}),
    ],
)
def test_the_same_as_the_factory_alone(factory: Any, args: Any, options: Any) -> None:
    opt = optim.inject_hyperparams(factory)(*args, **options)
    found, state = run(opt)
    expected, _ = run(factory(*args, **options))
    close(found, expected)
    jitted = optim.GradientTransformation(opt.init, fg.jit(opt.update))
    close(run(jitted)[0], expected)
    assert int(state.count) == 5
    assert repr(opt).startswith(f"inject_hyperparams({factory.__name__})(")


def test_hyperparams_are_the_numbers_among_the_arguments() -> None:
    state = optim.inject_hyperparams(optim.adamw)(0.1, mask=None).init(PARAMS)
    assert sorted(state.hyperparams) == ["b1", "b2", "eps", "eps_root", "learning_rate", "weight_decay"]
    state = optim.inject_hyperparams(optim.sgd, static_args="momentum")(0.1, momentum=0.9).init(PARAMS)
    assert list(state.hyperparams) == ["learning_rate"]
    state = optim.inject_hyperparams(own)(0.1, momentum=0.5).init(PARAMS)
    assert sorted(state.hyperparams) == ["clip", "decay", "lr", "momentum"]
    state = optim.inject_hyperparams(optim.sgd, hyperparam_dtype="float64")(0.1, fnp.asarray(0.5)).init(PARAMS)
    assert (state.hyperparams["learning_rate"].dtype, state.hyperparams["momentum"].dtype) == ("float64", "float32")


def test_the_dict_may_be_changed_in_place() -> None:
    opt = optim.inject_hyperparams(optim.sgd)(0.1, momentum=0.5)
    state = opt.init(PARAMS)
    state.hyperparams["learning_rate"] = 1
    updates, state = opt.update(GRADS, state)
    close(updates, tree.map(lambda g: -g, GRADS))
    assert state.hyperparams["learning_rate"].dtype == "float32"
    state.hyperparams.update(learning_rate=np.float64(2.0), momentum=0.0)
    updates, state = opt.update(GRADS, state)
    close(updates, tree.map(lambda g: -2 * g, GRADS))
    state = state._replace(hyperparams={"learning_rate": 0.5, "momentum": 0.0})
    updates, state = opt.update(GRADS, state)
    close(updates, tree.map(lambda g: -0.5 * g, GRADS))
    state = optim.set_hyperparams(state, learning_rate=0.25)
    close(opt.update(GRADS, state)[0], tree.map(lambda g: -0.25 * g, GRADS))
    with pytest.raises(OptionError, match="there is no hyper-parameter 'rate'; there are: learning_rate, momentum"):
        state.hyperparams["rate"] = 1.0


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), lambda x: x.copy()]
)
def test_the_dict_can_be_copied(again: Any) -> None:
    held = optim.Hyperparams(b=fnp.asarray(0.5), a=fnp.asarray(1.0))
    other = again(held)
    other["b"] = 0.25
    assert type(other) is optim.Hyperparams
    assert (float(held["b"]), float(other["b"])) == (0.5, 0.25)
    assert tree.leaves_with_path(held) == [("['a']", held["a"]), ("['b']", held["b"])]


def test_schedules_show_their_value_and_cannot_be_set() -> None:
    schedule = optim.linear_schedule(1.0, 0.0, 4)
    opt = optim.inject_hyperparams(optim.sgd)(schedule, momentum=0.5)
    state = opt.init(PARAMS)
    seen = []
    for _ in range(4):
        state = opt.update(GRADS, state)[1]
        seen.append(float(state.hyperparams["learning_rate"]))
        state.hyperparams["learning_rate"] = 17.0
    assert seen == [1.0, 0.75, 0.5, 0.25]
    close(run(opt, 6)[0], run(optim.sgd(schedule, momentum=0.5), 6)[0])


def test_a_function_that_is_no_schedule() -> None:
    opt = optim.inject_hyperparams(optim.adamw, static_args=("mask",))(0.1, mask=lambda p: {"w": True, "b": False})
    close(run(opt)[0], run(optim.adamw(0.1, mask="w"))[0])


@pytest.mark.parametrize("factory", [lambda lr: optim.adamw(lr), lambda lr: optim.sgd(lr, momentum=0.9)])
def test_a_change_traces_nothing_again(factory: Any) -> None:
    opt = optim.inject_hyperparams(factory)(lr=0.1)
    step = fg.jit(opt.update)
    state, found = opt.init(PARAMS), None
    for rate in (0.1, 0.2, 0.4, 0.8):
        state.hyperparams["lr"] = rate
        found, state = step(GRADS, state, PARAMS)
        expected, _ = opt.update(GRADS, state._replace(inner_state=opt.init(PARAMS).inner_state), PARAMS)
    assert traces(step) == 2  # which every function has at first
    close(tree.map(fnp.sign, found), tree.map(fnp.sign, expected))


def test_an_ensemble_with_rates_of_their_own() -> None:
    opt = optim.inject_hyperparams(optim.adam)(0.1)
    params = tree.map(lambda p: fnp.stack([p, p, p]), PARAMS)
    state = fg.vmap(opt.init)(params)
    state.hyperparams["learning_rate"] = fnp.asarray([0.1, 0.2, 0.4])
    updates, state = fg.vmap(opt.update)(params, state)
    np.testing.assert_allclose(np.asarray(updates["b"][:, 0]), [-0.1, -0.2, -0.4], rtol=1e-5)


def test_derivatives_in_hyperparams() -> None:
    opt = optim.inject_hyperparams(lambda lr, scale: optim.chain(optim.scale(scale), optim.sgd(lr * scale)))

    def loss(lr: Any) -> Any:
        made = opt(lr=0.1, scale=2.0)
        state = made.init(PARAMS)
        state.hyperparams["lr"] = lr
        return made.update(GRADS, state)[0]["b"].sum()

    assert float(fg.grad(loss)(fnp.asarray(0.5))) == 4.0


def test_float64() -> None:
    with config.default_dtype("float64"):
        opt = optim.inject_hyperparams(optim.adam)(0.1)
        params = fnp.asarray([0.3])
        updates, state = opt.update(params, opt.init(params))
    assert updates.dtype == state.hyperparams["learning_rate"].dtype == "float64"
    assert float(state.hyperparams["learning_rate"]) == 0.1


def test_what_it_makes_compares_by_value() -> None:
    make = optim.inject_hyperparams(optim.adam)
    assert make(0.1) == optim.inject_hyperparams(optim.adam)(0.1)
    assert hash(make(0.1)) == hash(make(0.1))
    assert make(0.1) != make(0.2)


def test_extra_arguments_go_through() -> None:
    def factory(rate: Any) -> Any:
        return optim.GradientTransformationExtraArgs(
            optim.init_empty_state,
            lambda u, s, p=None, *, value, **extra_args: (tree.map(lambda g: rate * value * g, u), s),
        )

    opt = optim.inject_hyperparams(factory)(rate=0.5)
    close(opt.update(GRADS, opt.init(PARAMS), PARAMS, value=2.0)[0], GRADS)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.inject_hyperparams(optim.sgd, "rate"), OptionError, "static_args has 'rate', and the arguments"),
        (lambda: optim.inject_hyperparams(optim.sgd)(), TypeError, "learning_rate"),
        (lambda: optim.inject_hyperparams(optim.sgd)(fnp.ones(2)).init(PARAMS), ShapeError, "must be one number"),
        (lambda: optim.inject_hyperparams(lambda: 3)().init(PARAMS), DtypeError, "not a gradient transformation"),
        (
            lambda: optim.inject_hyperparams(optim.sgd)(0.1).update(GRADS, optim.EmptyState()),
            TreeError,
            "must be an InjectStatefulHyperparamsState, not",
        ),
    ],
)
def test_what_cannot_make_sense(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
