"""A hundred steps of a transformation of ours and of its twin in optax."""

from typing import Any

import numpy as np
import pytest

import funcgrad.numpy as fnp
from funcgrad import config, optim, tree

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

STEPS = 100


def both(make: Any) -> tuple[Any, Any]:
    return make(optim), make(optax)


def weights_only(p: Any) -> Any:
    return {"layers": [(True, False), (True, False)], "scale": False}


def problem(dtype: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Parameters, and the noise of 100 gradients, whose scale differs from leaf to leaf."""
    rng = np.random.default_rng(0)

    def draw(size: float) -> dict[str, Any]:
        def leaf(*shape: int) -> np.ndarray:
            return (size * rng.normal(size=shape)).astype(dtype)

        return {"layers": [(leaf(3, 2), leaf(2)), (leaf(2, 2, 1, 4), leaf(4))], "scale": leaf()}

    return draw(1.0), [draw(10.0 ** rng.integers(-2, 1)) for _ in range(STEPS)]


def trajectory(
    o: Any, opt: Any, array: Any, map_tree: Any, compiled: Any, dtype: str, extra: Any = None, problem: Any = problem
) -> list[Any]:
    """The parameters after each step on |p|^2/2 with noise in its gradient.

    Args:
        extra: a function (library, params) to the extra arguments of `update`.
        problem: makes the parameters and the noise.
    """
    start, noise = problem(dtype)
    params = map_tree(array, start)
    state, out = opt.init(params), []

    def step(params: Any, state: Any, noise: Any) -> Any:
        given = {} if extra is None else extra(o, params)
        updates, state = opt.update(map_tree(lambda p, e: p + e, params, noise), state, params, **given)
        return o.apply_updates(params, updates), state

    step = compiled(step)
    for n in noise:
        params, state = step(params, state, map_tree(array, n))
        out.append(params)
    return out


def assert_alike(
    ours: Any,
    theirs: Any,
    dtype: str,
    double: tuple[float, float] = (1e-10, 1e-12),
    single: Any = (2e-4, 2e-5),
    **how: Any,
) -> None:
    """Both go the same way, up to relative and absolute errors in float64 and in float32."""
    with config.default_dtype(dtype):
        found = trajectory(optim, ours, fnp.asarray, tree.map, lambda f: f, dtype, **how)
    with jax.enable_x64(dtype == "float64"):
        expected = trajectory(optax, theirs, jax.numpy.asarray, jax.tree.map, jax.jit, dtype, **how)
    rtol, atol = single if dtype == "float32" else double
    for step, (a, b) in enumerate(zip(found, expected, strict=True)):
        leaves = jax.tree.leaves(b)
        for (path, x), y in zip(tree.flatten_with_path(a)[0], leaves, strict=True):
            assert x.dtype == y.dtype == dtype
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol, atol, err_msg=f"step {step} {path}")


def assert_alike_where_complex(ours: Any, theirs: Any) -> None:
    """The same steps of complex64 parameters."""
    rng = np.random.default_rng(1)
    start, *grads = (rng.normal(size=(11, 5)) + 1j * rng.normal(size=(11, 5))).astype("complex64")
    p, q = fnp.asarray(start), jax.numpy.asarray(start)
    s, t = ours.init(p), theirs.init(q)
    for g in grads:
        u, s = ours.update(fnp.asarray(g), s, p)
        v, t = theirs.update(jax.numpy.asarray(g), t, q)
        p, q = optim.apply_updates(p, u), optax.apply_updates(q, v)
        np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-4, atol=1e-5)
