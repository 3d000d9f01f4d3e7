"""Gradient transformations refuse what cannot make sense, at once and by name."""

from typing import Any

import pytest
from optimisers import every_optimiser

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError


@every_optimiser
def test_integers_are_refused_at_once(opt: optim.GradientTransformation) -> None:
    with pytest.raises(DtypeError, match=r"params\['layers'\]\[1\] is int64\[3\], which no gradient can change"):
        opt.init({"layers": [fnp.ones(2), fnp.arange(3)]})
    with pytest.raises(DtypeError, match=r"params\['name'\] is no array"):
        opt.init({"name": "relu"})


def test_integer_updates_are_refused() -> None:
    """A learning rate cast to their dtype would be 0."""
    opt = optim.sgd(0.1)
    with pytest.raises(DtypeError, match=r"updates\['w'\] is int64\[3\]"):
        opt.update({"w": fnp.arange(3)}, opt.init({"w": fnp.ones(3)}))


@pytest.mark.parametrize("opt", [optim.sgd(0.1, 0.9), optim.adam(0.1), optim.rmsprop(0.1), optim.adagrad(0.1)])
def test_updates_that_do_not_fit_the_state(opt: optim.GradientTransformation) -> None:
    state = opt.init({"w": fnp.ones(3), "b": fnp.ones(1)})
    with pytest.raises(TreeError, match=r"state\.\w+ has another structure than updates: at \['b'\]"):
        opt.update({"w": fnp.ones(3), "b": None}, state)
    with pytest.raises(ShapeError, match=r"updates\['w'\] has shape \(1, 3\) and state\.\w+\['w'\] has shape \(3,\)"):
        opt.update({"w": fnp.ones((1, 3)), "b": fnp.ones(1)}, state)


def test_updates_that_do_not_fit_the_parameters() -> None:
    with pytest.raises(ShapeError, match=r"params\['w'\] has shape \(3,\) and updates\['w'\] has shape \(1, 3\)"):
        optim.apply_updates({"w": fnp.ones(3)}, {"w": fnp.ones((1, 3))})
    with pytest.raises(TreeError, match=r"updates has another structure than params: at the top"):
        optim.apply_updates({"w": fnp.ones(3)}, [fnp.ones(3)])
    with pytest.raises(DtypeError, match=r"params\['w'\] is int64"):
        optim.apply_updates({"w": fnp.arange(3)}, {"w": fnp.ones(3)})
    opt = optim.adamw(0.1)
    params = {"w": fnp.ones(3)}
    with pytest.raises(TreeError, match="params has another structure than updates"):
        opt.update(params, opt.init(params), {"v": fnp.ones(3)})


@pytest.mark.parametrize("opt", [optim.adamw(0.1), optim.adaptive_grad_clip(0.1)])
def test_missing_params(opt: optim.GradientTransformation) -> None:
    state = opt.init(fnp.ones(2))
    with pytest.raises(TreeError, match=r"update needs the parameters: call update\(updates, state, params\)"):
        opt.update(fnp.ones(2), state)


def test_states_that_belong_elsewhere() -> None:
    grads = fnp.ones(2)
    with pytest.raises(TreeError, match=r"chain.update: the state must be a tuple of 2 states.*not a tuple of 1"):
        optim.sgd(0.1).update(grads, (optim.EmptyState(),))
    with pytest.raises(
        TreeError, match=r"named_chain.update: the state must be a dict of the states of a, not a dict of b"
    ):
        optim.named_chain(("a", optim.identity())).update(grads, {"b": optim.EmptyState()})
    with pytest.raises(TreeError, match=r"masked.update: the state must be a MaskedState, not an EmptyState"):
        optim.masked(optim.clip(1.0), True).update(grads, optim.EmptyState())
    with pytest.raises(TreeError, match=r"trace.update: the state must be a TraceState, not an EmptyState"):
        optim.trace(0.9).update(grads, optim.EmptyState())
    with pytest.raises(TreeError, match="step_size is a schedule and the state was made for a number"):
        optim.scale(lambda count: 0.1).update(grads, optim.scale(0.1).init(grads))
    with pytest.raises(TreeError, match="step_size is a number and the state was made for a schedule"):
        optim.scale(0.1).update(grads, optim.scale(lambda count: 0.1).init(grads))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.scale_by_adam(b1=1.0), ValueError, r"b1 must be in \[0, 1\), not 1.0"),
        (lambda: optim.scale_by_adam(b2=-0.1), ValueError, r"b2 must be in \[0, 1\)"),
        (lambda: optim.scale_by_adam(eps_root=-1), ValueError, "eps_root must be 0 or more"),
        (lambda: optim.scale_by_rms(decay=1.5), ValueError, r"decay must be in \[0, 1\]"),
        (lambda: optim.scale_by_stddev(eps=-1), ValueError, "eps must be 0 or more"),
        (lambda: optim.scale_by_rss(-1), ValueError, "initial_accumulator_value must be 0 or more"),
        (lambda: optim.clip(-1), ValueError, "max_delta must be 0 or more"),
        (lambda: optim.clip_by_global_norm(0), ValueError, "max_norm must be positive"),
        (lambda: optim.adaptive_grad_clip(0), ValueError, "clipping must be positive"),
        (lambda: optim.sgd("fast"), DtypeError, "learning_rate must be a number or a schedule, not 'fast'"),
        (lambda: optim.sgd(None), DtypeError, "learning_rate must be a number or a schedule, not None"),
        (lambda: optim.sgd("0.1"), DtypeError, "learning_rate must be a number or a schedule, not '0.1'"),
        (lambda: optim.sgd(fnp.ones(1)), ShapeError, r"learning_rate must be one number, not float32\[1\]"),
        (lambda: optim.scale_by_schedule(0.1), DtypeError, "takes a function of the step count, not 0.1"),
        (lambda: optim.trace(0.9, accumulator_dtype="float31"), DtypeError, "not a dtype"),
        (lambda: optim.chain(optim.adam), DtypeError, r"not a gradient transformation.*call it first"),
        (lambda: optim.named_chain(optim.clip(1.0)), DtypeError, "pairs"),
        (
            lambda: optim.named_chain(("a", optim.clip(1.0)), ("a", optim.clip(2.0))),
            ValueError,
            "each name may stand once, not 'a', 'a'",
        ),
    ],
)
def test_what_cannot_make_sense(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_odd_but_sensible_numbers_are_taken() -> None:
    optim.sgd(-0.1, momentum=-0.5)
    optim.sgd(0.1, momentum=1.0)
    optim.adam(0.0, b1=0.0, b2=0.0)


def test_a_number_under_jit_goes_into_the_state() -> None:
    program = fg.jit(lambda rate: optim.sgd(rate).init(fnp.ones(2)))
    with pytest.raises(DtypeError, match=r"learning_rate is a value under jit.*set_hyperparams\(opt.init\(params\)"):
        program(fnp.asarray(0.1))


def test_a_complex_update_of_a_real_parameter() -> None:
    params = {"w": fnp.ones(2)}
    with pytest.raises(DtypeError, match=r"updates\['w'\] is complex64\[2\] and params\['w'\] is real"):
        optim.apply_updates(params, {"w": fnp.asarray([1j, 0])})


def test_a_schedule_answers_with_one_number() -> None:
    opt = optim.scale(lambda count: fnp.ones(2))
    with pytest.raises(ShapeError, match=r"the schedule of step_size must answer with one number, not float32\[2\]"):
        opt.update(fnp.ones(2), opt.init(fnp.ones(2)))


def test_a_schedule_that_answers_with_no_number() -> None:
    opt = optim.sgd(lambda count: None)
    with pytest.raises(DtypeError, match="the schedule of learning_rate: not an array or a number: None"):
        opt.update(fnp.ones(2), opt.init(fnp.ones(2)))


def test_complex_updates_have_no_order() -> None:
    grads = fnp.asarray([1j])
    with pytest.raises(DtypeError, match="use clip_by_global_norm"):
        optim.clip(1.0).update(grads, optim.clip(1.0).init(grads))


def test_too_many_axes_for_a_unit() -> None:
    opt = optim.adaptive_grad_clip(0.1)
    params = fnp.ones((1, 2, 2, 1, 1, 1))
    with pytest.raises(ShapeError, match="which axes"):
        opt.update(params, opt.init(params), params)
    given = optim.adaptive_grad_clip(0.1, axis=(0, 1))
    assert given.update(params, given.init(params), params)[0].shape == params.shape


def test_messages_name_the_users_line_and_not_a_generated_init() -> None:
    with pytest.raises(OptionError) as caught:
        optim.scale_by_adam(b1=2.0)
    assert "optim.scale_by_adam(b1=2.0)" in str(caught.value)
    assert "<string>" not in str(caught.value)
