"""Extra arguments of `update`, and transformations that are made of functions."""

import pickle
from dataclasses import dataclass
from typing import Any

import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, tree
from funcgrad.errors import DtypeError

PARAMS = {"w": fnp.asarray([1.0, 2.0]), "b": fnp.asarray([3.0])}


def by_value_init(params: Any) -> optim.EmptyState:
    return optim.EmptyState()


def by_value_update(updates: Any, state: Any, params: Any = None, *, value: Any, **extra_args: Any) -> Any:
    return tree.map(lambda g: g * value, updates), state


BY_VALUE = optim.GradientTransformationExtraArgs(by_value_init, by_value_update)


@pytest.mark.parametrize(
    "opt",
    [
        optim.chain(optim.clip(10.0), BY_VALUE, optim.scale(1.0)),
        optim.chain(optim.chain(BY_VALUE), optim.identity()),
        optim.named_chain(("a", optim.scale(1.0)), ("b", BY_VALUE)),
        optim.masked(BY_VALUE, True),
        optim.with_extra_args_support(BY_VALUE),
    ],
    ids=["chain", "nested", "named", "masked", "support"],
)
def test_extra_arguments_reach_the_members_that_take_them(opt: optim.GradientTransformation) -> None:
    assert isinstance(opt, optim.GradientTransformationExtraArgs)
    updates, _ = opt.update(PARAMS, opt.init(PARAMS), PARAMS, value=0.5, unknown="left")
    assert updates["w"].tolist() == [0.5, 1.0]
    with pytest.raises(TypeError, match="value"):
        opt.update(PARAMS, opt.init(PARAMS), PARAMS)


def test_extra_arguments_are_refused_by_those_that_take_none() -> None:
    with pytest.raises(TypeError, match="value"):
        optim.scale(1.0).update(PARAMS, optim.scale(1.0).init(PARAMS), PARAMS, value=1.0)  # type: ignore[call-arg]


def test_with_extra_args_support_leaves_them() -> None:
    opt = optim.with_extra_args_support(optim.scale(2.0))
    assert opt.update(PARAMS, opt.init(PARAMS), value=0.5)[0]["b"].tolist() == [6.0]
    assert opt == optim.with_extra_args_support(optim.scale(2.0))
    assert hash(opt) == hash(opt)
    assert repr(opt) == "with_extra_args_support(scale(step_size=2.0))"
    assert optim.with_extra_args_support(BY_VALUE) is BY_VALUE


def test_two_functions_make_a_transformation() -> None:
    made = optim.GradientTransformation(by_value_init, optim.scale(3.0).update)
    same = optim.GradientTransformation(init=by_value_init, update=optim.scale(3.0).update)
    assert type(made) is type(same)
    assert isinstance(made, optim.GradientTransformation)
    assert not isinstance(made, optim.GradientTransformationExtraArgs)
    assert pickle.loads(pickle.dumps(BY_VALUE)) == BY_VALUE
    assert hash(BY_VALUE) == hash(pickle.loads(pickle.dumps(BY_VALUE)))
    assert repr(made).startswith("GradientTransformation(init=<function by_value_init")
    assert repr(BY_VALUE).startswith("GradientTransformationExtraArgs(init=<function by_value_init")
    with pytest.raises(AttributeError):
        made.init_fn = by_value_init  # type: ignore[attr-defined]


def test_a_transformation_is_a_pair_of_functions() -> None:
    init, update = optim.adam(0.1)
    state = init(PARAMS)
    assert tree.same_structure(update(PARAMS, state, PARAMS)[1], state)


def test_functions_under_transforms() -> None:
    opt = optim.chain(BY_VALUE, optim.trace(0.9))

    @fg.jit
    def step(grads: Any, state: Any, value: Any) -> Any:
        return opt.update(grads, state, value=value)

    state = opt.init(PARAMS)
    updates, state = step(PARAMS, state, 0.5)
    updates, state = step(PARAMS, state, 1.0)
    assert updates["b"].tolist() == pytest.approx([0.9 * 1.5 + 3.0])


def test_what_is_no_function_or_lacks_a_method() -> None:
    with pytest.raises(DtypeError, match="GradientTransformation: update must be a function, not None"):
        optim.GradientTransformation(by_value_init, None)
    with pytest.raises(DtypeError, match="GradientTransformationExtraArgs: init must be a function, not 1"):
        optim.GradientTransformationExtraArgs(1, by_value_update)
    with pytest.raises(DtypeError, match="with_extra_args_support: not a gradient transformation"):
        optim.with_extra_args_support(by_value_update)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match=r"stateless takes a function of \(updates, params\), not 1"):
        optim.stateless(1)  # type: ignore[arg-type]

    @dataclass(frozen=True)
    class half(optim.GradientTransformation):  # noqa: N801
        def init(self, params: Any) -> Any:
            return ()

    with pytest.raises(DtypeError, match="half has no method update"):
        half()


def test_stateless() -> None:
    whole = optim.stateless(lambda updates, params: {"w": params["w"], "b": updates["b"]})
    each = optim.stateless_with_tree_map(lambda g, p: g if p is None else g + p)
    doubled = tree.map(lambda x: 2 * x, PARAMS)
    assert whole.update(doubled, whole.init(PARAMS), PARAMS)[0]["w"].tolist() == [1.0, 2.0]
    assert each.update(doubled, each.init(PARAMS), PARAMS)[0]["b"].tolist() == [9.0]
    assert each.update(doubled, each.init(PARAMS))[0]["b"].tolist() == [6.0]
    assert optim.init_empty_state(PARAMS) == optim.EmptyState()
