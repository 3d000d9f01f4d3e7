"""Programs written for NumPy alone (`plain_programs.py`), differentiated, batched and compiled without a change.

What they are compared with is NumPy itself, running the same program on NumPy's arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plain_programs import PROGRAMS, Program

import funcgrad as fg
from funcgrad.testing import check_grads

every_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.f.__name__)
STEP = 1e-6


def direction(args: Any, seed: int = 0) -> list[Any]:
    """A random direction in the arguments."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=np.shape(x)) for x in args]


def moved(program: Program, by: float, along: Any) -> tuple[Any, ...]:
    """The arguments, some way along a direction."""
    return tuple(np.asarray(x + by * t) for x, t in zip(program.args, along, strict=True))


def slope(program: Program, along: Any) -> Any:
    """The derivative along a direction, by differences of NumPy's own results."""
    ahead, behind = (np.asarray(program.f(*moved(program, h, along))) for h in (STEP, -STEP))
    return (ahead - behind) / (2 * STEP)


@every_program
def test_values(program: Program) -> None:
    found, expected = program.f(*map(fg.asarray, program.args)), program.f(*program.args)
    assert isinstance(found, fg.Array)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-12)


@every_program
def test_grad_is_the_slope_of_numpys_values(program: Program) -> None:
    weights = direction([program.f(*program.args)], seed=1)[0]
    every = tuple(range(len(program.args)))
    gradients = fg.grad(lambda *args: np.sum(program.f(*args) * weights), argnums=every)(*program.args)
    along = direction(program.args)
    found = sum(float(np.sum(np.asarray(g) * t)) for g, t in zip(gradients, along, strict=True))
    assert found == pytest.approx(float(np.sum(slope(program, along) * weights)), rel=1e-5, abs=1e-6)


@every_program
def test_jvp_is_the_slope_of_numpys_values(program: Program) -> None:
    along = direction(program.args)
    value, tangent = fg.jvp(program.f, program.args, tuple(along))
    np.testing.assert_allclose(np.asarray(value), program.f(*program.args), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.asarray(tangent), slope(program, along), rtol=1e-5, atol=1e-6)


@every_program
def test_both_modes_agree_to_second_order(program: Program) -> None:
    check_grads(program.f, program.args, order=2, atol=1e-4, rtol=1e-4)


@every_program
def test_vmap_is_the_loop(program: Program) -> None:
    examples = [moved(program, 0.05 * k, direction(program.args, k)) for k in range(3)]
    columns = [np.stack(column) for column in zip(*examples, strict=True)]
    expected = np.stack([program.f(*args) for args in examples])
    np.testing.assert_allclose(np.asarray(fg.vmap(program.f)(*columns)), expected, rtol=1e-8, atol=1e-10)


@every_program
def test_vmap_of_grad_is_the_loop(program: Program) -> None:
    gradient = fg.grad(lambda *args: np.sum(program.f(*args)))
    examples = [moved(program, 0.05 * k, direction(program.args, k)) for k in range(3)]
    columns = [np.stack(column) for column in zip(*examples, strict=True)]
    expected = np.stack([np.asarray(gradient(*args)) for args in examples])
    np.testing.assert_allclose(np.asarray(fg.vmap(gradient)(*columns)), expected, rtol=1e-7, atol=1e-9)


@every_program
def test_jit_computes_the_same(program: Program) -> None:
    f = fg.jit(program.f)
    gradient = fg.jit(fg.grad(lambda *args: np.sum(program.f(*args))))
    for k in (0, 1, 0, 2):
        args = moved(program, 0.05 * k, direction(program.args, k))
        np.testing.assert_allclose(np.asarray(f(*args)), program.f(*args), rtol=1e-8, atol=1e-10)
        expected = fg.grad(lambda *xs: np.sum(program.f(*xs)))(*args)
        np.testing.assert_allclose(np.asarray(gradient(*args)), np.asarray(expected), rtol=1e-7, atol=1e-9)


def test_the_programs_know_numpy_alone() -> None:
    assert len(PROGRAMS) >= 25
    with open(__file__.replace("test_plain_numpy", "plain_programs")) as file:
        assert "funcgrad" not in file.read()
