"""Every optimiser and transformation against optax over 100 steps, with settings drawn at random."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from optax_cases import ALIASES, TRANSFORMATIONS, Case, rate

import funcgrad.numpy as fnp
from funcgrad import config, optim, tree

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

CASES = ALIASES | TRANSFORMATIONS
NOT_IN_ALIASES = [
    *("adaptive_grad_clip", "apply_every", "centralize", "ema", "keep_params_nonnegative", "normalize_by_update_norm"),
    *("scale_by_lion", "scale_by_param_block_norm", "scale_by_sm3", "scale_by_yogi", "zero_nans"),
]
STEPS = 100


def made(o: Any, name: str, settings: dict[str, Any], schedules: dict[str, Any]) -> Any:
    """The transformation in one of the libraries; it ends with a step that a descent takes."""
    found = getattr(o, name)(**settings, **{key: make(o) for key, make in schedules.items()})
    return found if CASES[name].optimiser else o.chain(found, o.scale(-0.05))


def problem(rng: np.random.Generator, case: Case, dtype: str) -> tuple[Any, list[Any]]:
    """Parameters, and the noise of the gradients, whose scale differs from step to step."""

    def draw(size: float) -> Any:
        def leaf(*shape: int) -> Any:
            x = rng.normal(size=shape)
            return np.asarray(size * (x + 1j * rng.normal(size=shape) if dtype.startswith("complex") else x), dtype)

        drawn = {"layers": [(leaf(3, 2), leaf(2)), (leaf(2, 3, 1, 4), leaf(4))], "none": None}
        return drawn | {"scale": leaf()} if case.scalars else drawn

    return draw(1.0), [draw(10.0 ** rng.integers(-2, 1)) for _ in range(STEPS)]


def trajectory(o: Any, opt: Any, array: Any, map_tree: Any, compiled: Any, start: Any, noise: list[Any]) -> list[Any]:
    """The parameters after each step on |p|^2/2 with noise in its gradient; the loss goes to those that ask for it."""
    params = map_tree(array, start)
    takes_value = isinstance(opt, optax.GradientTransformationExtraArgs | optim.GradientTransformationExtraArgs)

    def step(params: Any, state: Any, noise: Any) -> Any:
        grads = map_tree(lambda p, e: p + e, params, noise)
        loss = sum(abs(p * p).sum() for p in (tree.leaves if o is optim else jax.tree.leaves)(params)) / 2
        updates, state = opt.update(grads, state, params, **({"value": loss} if takes_value else {}))
        return o.apply_updates(params, updates), state

    state, out, step = opt.init(params), [], compiled(step)
    for n in noise:
        params, state = step(params, state, map_tree(array, n))
        out.append(params)
    return out


def compare(name: str, seed: int, dtype: str, rtol: float, atol: float, schedules: Any = MappingProxyType({})) -> None:
    case = CASES[name]
    rng = np.random.default_rng([seed, sum(map(ord, name))])
    settings = {key: v for key, v in case.draw(rng).items() if key not in schedules}
    start, noise = problem(rng, case, dtype)
    wide = dtype in ("float64", "complex128")
    with config.default_dtype("float64" if wide else "float32"), np.errstate(all="ignore"):
        ours = made(optim, name, settings, schedules)
        found = trajectory(optim, ours, fnp.asarray, tree.map, lambda f: f, start, noise)
    with jax.enable_x64(wide):
        theirs = made(optax, name, settings, schedules)
        expected = trajectory(optax, theirs, jax.numpy.asarray, jax.tree.map, jax.jit, start, noise)
    for step, (a, b) in enumerate(zip(found, expected, strict=True)):
        for (path, x), y in zip(tree.flatten_with_path(a)[0], jax.tree.leaves(b), strict=True):
            assert x.dtype == dtype
            np.testing.assert_allclose(
                np.asarray(x), np.asarray(y), rtol, atol, err_msg=f"{name} {settings}: step {step} {path}"
            )


@pytest.mark.parametrize("name", [*ALIASES, *NOT_IN_ALIASES])
def test_in_float64(name: str) -> None:
    compare(name, 0, "float64", CASES[name].rtol, CASES[name].rtol)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 10))
@pytest.mark.parametrize("name", CASES)
def test_other_settings_in_float64(name: str, seed: int) -> None:
    compare(name, seed, "float64", CASES[name].rtol, CASES[name].rtol)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_in_float32(name: str) -> None:
    compare(name, 200, "float32", 2e-3, 2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.is_complex])
def test_complex(name: str) -> None:
    compare(name, 100, "complex128", CASES[name].rtol, CASES[name].rtol)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in ALIASES.items() if case.always.get("learning_rate") is rate])
def test_with_a_schedule(name: str) -> None:
    """Whose numbers are float32 in optax."""
    settings = {"learning_rate": lambda o: o.warmup_cosine_decay_schedule(0.0, 0.05, 10, 90, 0.001)}
    compare(name, 300, "float64", 1e-4, 1e-4, settings)
