"""Projections, against optax and by what a projection is."""

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, tree

RNG = np.random.default_rng(0)
POINTS = [{"a": s * RNG.normal(size=(2, 3)), "b": [s * RNG.normal(size=2)]} for s in (0.05, 1.0, 5.0)]
WAY = {"a": RNG.normal(size=(2, 3)), "b": [RNG.normal(size=2)]}
LOW = {"a": -0.5, "b": [-0.25]}
CALLS: dict[str, Any] = {
    "non_negative": lambda o, x, a: o.projection_non_negative(x),
    "box": lambda o, x, a: o.projection_box(x, LOW, {"a": 0.75, "b": [0.5]}),
    "hypercube": lambda o, x, a: o.projection_hypercube(x, 0.5),
    "linf_ball": lambda o, x, a: o.projection_linf_ball(x, 0.5),
    "simplex": lambda o, x, a: o.projection_simplex(x, 1.5),
    "l1_sphere": lambda o, x, a: o.projection_l1_sphere(x, 1.5),
    "l1_ball": lambda o, x, a: o.projection_l1_ball(x, 1.5),
    "l2_sphere": lambda o, x, a: o.projection_l2_sphere(x, 1.5),
    "l2_ball": lambda o, x, a: o.projection_l2_ball(x, 1.5),
    "vector": lambda o, x, a: o.projection_vector(x, a),
    "hyperplane": lambda o, x, a: o.projection_hyperplane(x, a, 0.5),
    "halfspace": lambda o, x, a: o.projection_halfspace(x, a, 0.5),
}
every = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def close(a: Any, b: Any, atol: float = 1e-12) -> None:
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-10, atol=atol)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "hypercube"])  # optax's knows single arrays only
def test_the_numbers_of_optax(name: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    call = CALLS[name]
    with jax.enable_x64(True):
        for x in POINTS:
            found = call(optim.projections, tree.map(fnp.asarray, x), tree.map(fnp.asarray, WAY))
            close(found, call(optax.projections, jax.tree.map(jax.numpy.asarray, x), WAY))


@every
def test_a_projection_again_changes_nothing(call: Any) -> None:
    for x in POINTS:
        once = call(optim.projections, tree.map(fnp.asarray, x), tree.map(fnp.asarray, WAY))
        close(call(optim.projections, once, tree.map(fnp.asarray, WAY)), once)


@every
def test_under_transforms(call: Any) -> None:
    x, a = tree.map(fnp.asarray, POINTS[1]), tree.map(fnp.asarray, WAY)
    expected = call(optim.projections, x, a)
    close(fg.jit(lambda x: call(optim.projections, x, a))(x), expected)
    batch = tree.map(lambda v: fnp.stack([v, -v]), x)
    close(tree.map(lambda v: v[0], fg.vmap(lambda x: call(optim.projections, x, a))(batch)), expected)
    fg.testing.check_grads(lambda x: call(optim.projections, x, a), (x,), order=1)


def test_one_bound_for_all() -> None:
    x = tree.map(fnp.asarray, POINTS[1])
    close(optim.projections.projection_box(x, -0.5, 0.5), optim.projections.projection_linf_ball(x, 0.5))


def test_the_gradient_at_the_middle_of_a_ball() -> None:
    f = fg.grad(lambda x: optim.projections.projection_l2_ball(x).sum())
    assert f(fnp.zeros(2)).tolist() == [1.0, 1.0]
