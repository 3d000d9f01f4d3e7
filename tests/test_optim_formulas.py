"""Transformations against their formulas, written out in NumPy for one leaf."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from optimisers import update

import funcgrad.numpy as fnp
from funcgrad import config, optim, tree

STEPS = 12
RNG = np.random.default_rng(0)
GRADS = RNG.normal(size=(STEPS, 3, 4)) * 10.0 ** RNG.integers(-2, 2, size=(STEPS, 1, 1))
PARAMS = RNG.normal(size=(3, 4))

Formula = Callable[[np.ndarray, np.ndarray], Iterator[np.ndarray]]


def norm(x: np.ndarray) -> float:
    return float(np.sqrt((x * x).sum()))


def amsgrad(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = v = w = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        w = np.maximum(w, v / (1 - 0.9**t))
        yield m / (1 - 0.8**t) / (np.sqrt(w) + 1e-3)


def amsgrad_paper(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = v = w = np.zeros_like(p)
    for g in gs:
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        w = np.maximum(w, v)
        yield m / (np.sqrt(w + 0.1) + 1e-3)


def adamax(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = v = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        m, v = 0.8 * m + 0.2 * g, np.maximum(np.abs(g) + 1e-3, 0.9 * v)
        yield m / (1 - 0.8**t) / v


def belief(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = s = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        m = 0.8 * m + 0.2 * g
        s = 0.9 * s + 0.1 * (g - m) ** 2 + 1e-4
        yield m / (1 - 0.8**t) / (np.sqrt(s / (1 - 0.9**t)) + 1e-3)


def yogi(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = v = np.full_like(p, 0.01)
    for t, g in enumerate(gs, 1):
        m, v = 0.8 * m + 0.2 * g, v - 0.1 * np.sign(v - g * g) * g * g
        yield m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)


def radam(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = v = np.zeros_like(p)
    rho = 2 / (1 - 0.9) - 1
    for t, g in enumerate(gs, 1):
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        now = rho - 2 * t * 0.9**t / (1 - 0.9**t)
        u = m / (1 - 0.8**t)
        if now >= 4.5:
            r = np.sqrt((now - 4) * (now - 2) * rho / ((rho - 4) * (rho - 2) * now))
            u = r * u / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
        yield u


def adan(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = v = n = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        d = g - gs[t - 2] if t > 1 else 0 * g
        m, v, n = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * d, 0.7 * n + 0.3 * (g + 0.1 * d) ** 2
        yield (m / (1 - 0.8**t) + 0.1 * v / (1 - 0.9**t)) / (np.sqrt(n / (1 - 0.7**t)) + 1e-3)


def adadelta(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    v = x = np.zeros_like(p)
    for g in gs:
        v = 0.8 * v + 0.2 * g * g
        u = np.sqrt(x + 1e-3) / np.sqrt(v + 1e-3) * g
        x = 0.8 * x + 0.2 * u * u
        yield u


def lion(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = np.zeros_like(p)
    for g in gs:
        yield np.sign(0.8 * m + 0.2 * g)
        m = 0.9 * m + 0.1 * g


def novograd(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m, v = np.zeros_like(p), norm(gs[0]) ** 2
    for t, g in enumerate(gs, 1):
        v = v if t == 1 else 0.3 * v + 0.7 * norm(g) ** 2
        m = 0.8 * m + g / (np.sqrt(v) + 1e-3) + 0.1 * p
        yield m


def rprop(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    s, d = np.full_like(p, 0.1), np.zeros_like(p)
    for g in gs:
        turned = g * d < 0
        yield np.where(turned, 0, d)
        s = np.clip(np.where(g * d > 0, 1.5 * s, np.where(turned, 0.5 * s, s)), 0.01, 0.2)
        d = np.where(turned, 0, s * np.sign(g))


def sm3(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    rows, columns, m = np.zeros(3), np.zeros(4), np.zeros_like(p)
    for g in gs:
        v = np.minimum(rows[:, None], columns) + g * g
        rows, columns = v.max(1), v.max(0)
        m = 0.8 * m + 0.2 * g / np.sqrt(v + 1e-3)
        yield m


def factored(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    rows, columns = np.zeros(3), np.zeros(4)
    for t, g in enumerate(gs, 1):
        d = 1 - t**-0.8
        rows = d * rows + (1 - d) * (g * g + 1e-3).mean(1)
        columns = d * columns + (1 - d) * (g * g + 1e-3).mean(0)
        yield g / np.sqrt(np.outer(rows, columns) / rows.mean())


def whole(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    v = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        d = 1 - t**-0.8
        v = d * v + (1 - d) * (g * g + 1e-3)
        yield g / np.sqrt(v)


def optimistic(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    for t, g in enumerate(gs):
        yield (0.8 + 0.3) * g - 0.3 * gs[max(t - 1, 0)]


def mean(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    m = np.zeros_like(p)
    for t, g in enumerate(gs, 1):
        m = 0.8 * m + 0.2 * g
        yield m / (1 - 0.8**t)


def every_third(gs: np.ndarray, p: np.ndarray) -> Iterator[np.ndarray]:
    for t in range(1, len(gs) + 1):
        yield gs[t - 3 : t].sum(0) if t % 3 == 0 else np.zeros_like(p)


def each(of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Formula:
    return lambda gs, p: (of(g, p) for g in gs)


RATIO = 0.1
FORMULAS: dict[str, tuple[optim.GradientTransformation, Formula]] = {
    "amsgrad": (optim.scale_by_amsgrad(0.8, 0.9, 1e-3), amsgrad),
    "amsgrad_paper": (optim.scale_by_amsgrad(0.8, 0.9, 1e-3, 0.1, None, False, False), amsgrad_paper),
    "adamax": (optim.scale_by_adamax(0.8, 0.9, 1e-3), adamax),
    "belief": (optim.scale_by_belief(0.8, 0.9, 1e-3, 1e-4), belief),
    "yogi": (optim.scale_by_yogi(0.8, 0.9, 1e-3, 0.0, 0.01), yogi),
    "radam": (optim.scale_by_radam(0.8, 0.9, 1e-3, threshold=4.5), radam),
    "adan": (optim.scale_by_adan(0.8, 0.9, 0.7, 1e-3), adan),
    "adadelta": (optim.scale_by_adadelta(0.8, 1e-3), adadelta),
    "lion": (optim.scale_by_lion(0.8, 0.9), lion),
    "novograd": (optim.scale_by_novograd(0.8, 0.3, 1e-3, 0.0, 0.1), novograd),
    "rprop": (optim.scale_by_rprop(0.1, 0.5, 1.5, 0.01, 0.2), rprop),
    "sm3": (optim.scale_by_sm3(0.8, 1.0, 1e-3), sm3),
    "factored": (optim.scale_by_factored_rms(min_dim_size_to_factor=3, epsilon=1e-3), factored),
    "not_factored": (optim.scale_by_factored_rms(min_dim_size_to_factor=4, epsilon=1e-3), whole),
    "optimistic": (optim.scale_by_optimistic_gradient(0.8, 0.3), optimistic),
    "ema": (optim.ema(0.8), mean),
    "apply_every": (optim.apply_every(3), every_third),
    "sign": (optim.scale_by_sign(), each(lambda g, p: np.sign(g))),
    "centralize": (optim.centralize(), each(lambda g, p: g - g.mean(1, keepdims=True))),
    "block_norm": (optim.scale_by_param_block_norm(), each(lambda g, p: norm(p) * g)),
    "block_rms": (optim.scale_by_param_block_rms(), each(lambda g, p: norm(p) / 12**0.5 * g)),
    "clip_by_block_rms": (
        optim.clip_by_block_rms(0.5),
        each(lambda g, p: g / max(1, norm(g) / 12**0.5 / 0.5)),
    ),
    "normalize": (optim.normalize_by_update_norm(2.0, 1e-3), each(lambda g, p: 2 * g / (norm(g) + 1e-3))),
    "trust_ratio": (
        optim.scale_by_trust_ratio(0.0, RATIO, 1e-3),
        each(lambda g, p: RATIO * norm(p) / (norm(g) + 1e-3) * g),
    ),
    "nonnegative": (optim.keep_params_nonnegative(), each(lambda g, p: np.maximum(g, -p))),
    "polyak": (
        optim.scale_by_polyak(0.5, 0.3, 1e-3),
        each(lambda g, p: min((np.abs(p).sum() - 0.5) / (norm(g) ** 2 + 1e-3), 0.3) * g),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_against_the_formula(name: str) -> None:
    opt, formula = FORMULAS[name]
    with config.default_dtype("float64"):
        state = opt.init(fnp.asarray(PARAMS))
        for step, (g, expected) in enumerate(zip(GRADS, formula(GRADS, PARAMS), strict=True)):
            found, state = update(opt, fnp.asarray(g), state, fnp.asarray(PARAMS))
            np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-10, atol=1e-13, err_msg=f"step {step}")
    again = pickle.loads(pickle.dumps((opt, state)))
    assert again[0] == opt
    assert hash(again[0]) == hash(opt)
    assert tree.structure(again[1]) == tree.structure(state)
