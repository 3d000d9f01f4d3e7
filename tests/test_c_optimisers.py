"""The update of an optimiser is a few loops over its parameters, for all leaves in one call."""

from __future__ import annotations

import re
from typing import Any

import pytest
from test_c_nests import check, normal

import funcgrad.numpy as fnp
from funcgrad import optim, tree
from funcgrad.codegen.c.nest import Nest
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import Program

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def every_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(Nest, "pays", lambda self: True)


def program_of(opt: optim.GradientTransformation) -> Program:
    """Of one update of a perceptron's parameters, with a state that is not the first."""
    params = {f"layer{i}": {"w": normal(n, m), "b": normal(m)} for i, (n, m) in enumerate([(30, 20), (20, 7)])}
    grads = tree.map(lambda x: 0.1 * x, params)
    _, state = opt.update(grads, opt.init(tree.map(fnp.asarray, params)), params)

    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = opt.update(grads, state, params)
        return optim.apply_updates(params, updates), state

    return check(step, params, state, grads)


def calls(program: Program) -> int:
    return len(re.findall(r"and mend\(", program.source))


ELEMENTWISE = {
    name: getattr(optim, name)(0.01)
    for name in (
        *("adabelief", "adadelta", "adagrad", "adam", "adamax", "adamw", "adan", "amsgrad", "lion", "nadam", "radam"),
        *("rmsprop", "rprop", "sgd", "signum", "yogi", "optimistic_gradient_descent", "ademamix", "adopt", "madgrad"),
    )
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_updates_are_one_call(name: str) -> None:
    assert calls(program_of(ELEMENTWISE[name])) == 1


@pytest.mark.parametrize(("name", "most"), [("lamb", 3), ("lars", 3), ("fromage", 3), ("novograd", 4)])
def test_norms_are_sums_in_the_loops(name: str, most: int) -> None:
    program = program_of(getattr(optim, name)(0.01))
    assert "matmul" not in program.source
    assert calls(program) <= most
