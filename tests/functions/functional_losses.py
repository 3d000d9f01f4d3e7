"""Uses of the losses of `funcgrad.functional` that PyTorch has not, and of masks; the expected values are by formula.

Those that PyTorch has are held against it through the layers, `tests/layers/losses.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from samples import uniform

from . import Use

_X, _T = uniform(3, 4), uniform(3, 4, seed=1)
_BITS = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]])
_CLASSES = np.array([2, 0, 3])
_MASK = np.array([[True, True, False, True], [True, False, True, True], [False, True, True, False]])
_ROWS = np.array([True, False, True])


def _softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


_P = _softmax(_T)


def _reduced(losses: Any, reduction: str, where: Any = None) -> Any:
    where = np.ones(losses.shape, bool) if where is None else np.broadcast_to(where, losses.shape)
    if reduction == "none":
        return np.where(where, losses, 0)
    return losses[where].mean() if reduction == "mean" else losses[where].sum()


def _masked(formula: Callable[..., Any]) -> Callable[..., Any]:
    """The oracle of a loss whose elements are given by a formula."""

    def oracle(*args: Any, reduction: str = "mean", where: Any = None, **options: Any) -> Any:
        return _reduced(formula(*args, **options), reduction, where)

    return oracle


def _bce(x: Any, t: Any) -> Any:
    p = 1 / (1 + np.exp(-x))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def _focal(
    x: Any, t: Any, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str = "none", where: Any = None
) -> Any:
    p = 1 / (1 + np.exp(-x))
    right = p * t + (1 - p) * (1 - t)
    share = 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)
    return _reduced(share * (1 - right) ** gamma * _bce(x, t), reduction, where)


def _stirling(t: Any) -> Any:
    return np.where(t > 1, t * np.log(t) - t + 0.5 * np.log(2 * np.pi * t), 0)


ELEMENTWISE: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "mse_loss": (lambda x, t: (x - t) ** 2, (_X, _T), {}),
    "l1_loss": (lambda x, t: abs(x - t), (_X, _T), {}),
    "huber_loss": (
        lambda x, t, delta: np.where(abs(x - t) < delta, (x - t) ** 2 / 2, delta * (abs(x - t) - delta / 2)),
        (_X, _T),
        {"delta": 0.7},
    ),
    "smooth_l1_loss": (
        lambda x, t, beta: np.where(abs(x - t) < beta, (x - t) ** 2 / 2 / beta, abs(x - t) - beta / 2),
        (_X, _T),
        {"beta": 0.7},
    ),
    "log_cosh_loss": (lambda x, t: np.log(np.cosh(x - t)), (_X, _T), {}),
    "gaussian_nll_loss": (
        lambda x, t, v, full: (np.log(v) + (x - t) ** 2 / v + np.log(2 * np.pi)) / 2,
        (_X, _T, uniform(3, 4, low=0.5)),
        {"full": True},
    ),
    "poisson_nll_loss": (
        lambda x, t, full: np.exp(x) - t * x + _stirling(t),
        (_X, uniform(3, 4, low=0.1, high=4, seed=2)),
        {"full": True},
    ),
    "binary_cross_entropy": (
        lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p)),
        (uniform(3, 4, low=0.1, high=0.9), _BITS),
        {},
    ),
    "binary_cross_entropy_with_logits": (_bce, (_X, _BITS), {}),
    "kl_div": (lambda q, p: p * (np.log(p) - q), (np.log(_softmax(_X)), _P), {}),
    "hinge_embedding_loss": (lambda x, t: np.where(t == 1, x, np.maximum(0, 1 - x)), (_X, 2 * _BITS - 1), {}),
    "margin_ranking_loss": (lambda x, y, t: np.maximum(0, -t * (x - y)), (_X, _T, 2 * _BITS - 1), {}),
    "soft_margin_loss": (lambda x, t: np.log1p(np.exp(-t * x)), (_X, 2 * _BITS - 1), {}),
}
USES = [
    Use(f"functional.{name}", args, {**options, "reduction": reduction, "where": _MASK}, _masked(formula), fixed=_fixed)
    for name, (formula, args, options) in ELEMENTWISE.items()
    for reduction in ("mean", "none")
    # targets that are signs are no variables
    for _fixed in [(len(args) - 1,) if set(np.unique(args[-1])) == {-1.0, 1.0} else ()]
]
USES += [
    Use("functional.sigmoid_focal_loss", (_X, _BITS), {}, _focal, fixed=(1,)),
    Use(
        "functional.sigmoid_focal_loss", (_X, _P), {"alpha": None, "gamma": 0.6, "reduction": "sum"}, _focal, fixed=(1,)
    ),
    Use("functional.sigmoid_focal_loss", (_X, _P), {"where": _MASK, "reduction": "mean"}, _focal, fixed=(1,)),
]

# ---- of rows -----------------------------------------------------------------------------------


def _cross_entropy(x: Any, t: Any, reduction: str = "mean", where: Any = None, label_smoothing: float = 0) -> Any:
    p = np.eye(x.shape[-1])[t] if t.dtype.kind == "i" else t
    p = p * (1 - label_smoothing) + label_smoothing / x.shape[-1]
    return _reduced(-(p * np.log(_softmax(x))).sum(-1), reduction, where)


def _multi_margin(x: Any, t: Any, reduction: str = "mean", where: Any = None, p: float = 1) -> Any:
    own = np.eye(x.shape[-1])[t] > 0
    excess = np.maximum(0, 1 - x[own][:, None] + x) ** p
    return _reduced(np.where(own, 0, excess).mean(-1), reduction, where)


def _multilabel(x: Any, t: Any, reduction: str = "mean", where: Any = None) -> Any:
    losses = []
    for row, listed in zip(x, t, strict=True):
        right = list(listed[: np.argmax(listed < 0)] if (listed < 0).any() else listed)
        wrong = [c for c in range(row.size) if c not in right]
        losses.append(sum(max(0, 1 - row[y] + row[c]) for y in right for c in wrong) / row.size)
    return _reduced(np.array(losses), reduction, where)


def _ranking(x: Any, t: Any, weight: Any = 1, reduction: str = "mean", where: Any = None) -> Any:
    where = np.ones(x.shape, bool) if where is None else where
    losses = []
    for row, relevance, there in zip(x, t * weight, where, strict=True):
        losses += [-(relevance[there] * np.log(_softmax(row[there]))).sum()] if there.any() else [0.0]
    return _reduced(np.array(losses), reduction, where.any(-1))


def _poly(x: Any, t: Any, epsilon: float = 2.0, reduction: str = "mean") -> Any:
    p = np.eye(x.shape[-1])[t] if t.dtype.kind == "i" else t
    return _reduced(_cross_entropy(x, t, "none") + epsilon * (p * (1 - _softmax(x))).sum(-1), reduction)


def _sparsemax(x: Any, axis: int = -1) -> Any:
    """By bisection for the threshold."""
    low, high = x.max(axis, keepdims=True) - 1, x.max(axis, keepdims=True)
    for _ in range(100):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


def _sparsemax_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    t = np.eye(x.shape[-1])[t] if t.dtype.kind == "i" else t
    p = _sparsemax(x)
    return _reduced(((p - t) * x).sum(-1) - (p**2 - t**2).sum(-1) / 2, reduction)


def _linear(x: Any, w: Any, t: Any, linear_bias: Any = 0, chunk_size: int | None = None, **options: Any) -> Any:
    return _cross_entropy(x @ w + linear_bias, t, **options)


_FEW = np.array([[True, False, True, True], [False, False, False, False], [True, True, False, False]])
_LISTS = np.array([[0, 2, -1, 1], [-1, 0, 0, 0], [3, 1, 2, 0]])
USES += [
    Use("functional.cross_entropy", (_X, _CLASSES), {"where": _ROWS, "label_smoothing": 0.2}, _cross_entropy),
    Use("functional.cross_entropy", (_X, _P), {"where": _ROWS}, _cross_entropy),
    Use("functional.cross_entropy", (_X, _P), {"where": _ROWS, "reduction": "none"}, _cross_entropy),
    Use(
        "functional.nll_loss",
        (_X, _CLASSES),
        {"where": _ROWS},
        lambda x, t, where: _reduced(-x[np.arange(3), t], "mean", where),
    ),
    Use("functional.multi_margin_loss", (_X, _CLASSES), {"where": _ROWS}, _multi_margin),
    Use("functional.multi_margin_loss", (_X, _CLASSES), {"p": 2.5, "reduction": "none"}, _multi_margin),
    Use("functional.multilabel_margin_loss", (_X, _LISTS), {"where": _ROWS}, _multilabel),
    Use("functional.multilabel_margin_loss", (_X, _LISTS), {"reduction": "none"}, _multilabel),
    Use(
        "functional.multilabel_soft_margin_loss",
        (_X, _BITS),
        {"where": _ROWS},
        lambda x, t, where: _reduced(_bce(x, t).mean(-1), "mean", where),
    ),
    Use("functional.poly_cross_entropy", (_X, _CLASSES), {"epsilon": -0.7}, _poly),
    Use("functional.poly_cross_entropy", (_X, _P), {"reduction": "none"}, _poly),
    Use("functional.ranking_softmax_loss", (_X, _P), {}, _ranking),
    Use("functional.ranking_softmax_loss", (_X, _P, _BITS + 1), {"where": _FEW}, _ranking),
    Use("functional.ranking_softmax_loss", (_X, _P), {"where": _FEW, "reduction": "none"}, _ranking),
    Use("functional.smooth_labels", (_P, 0.3), {}, lambda p, a: p * (1 - a) + a / 4),
    Use(
        "functional.smooth_labels",
        (_P, 0.3),
        {"axis": 0, "where": _MASK},
        lambda p, a, axis, where: p * (1 - a) + a / where.sum(0),
    ),
    Use("functional.sparsemax", (3 * _X,), {}, _sparsemax),
    Use("functional.sparsemax", (uniform(2, 3, 2),), {"axis": 1}, _sparsemax),
    Use("functional.sparsemax_loss", (_X, _CLASSES), {}, _sparsemax_loss),
    Use("functional.sparsemax_loss", (_X, _P), {"reduction": "none"}, _sparsemax_loss),
    Use("functional.linear_cross_entropy", (_X, uniform(4, 4, seed=3), _CLASSES), {"chunk_size": 2}, _linear),
    Use(
        "functional.linear_cross_entropy",
        (_X, uniform(4, 4, seed=3), _P),
        {"chunk_size": 1, "reduction": "none"},
        _linear,
    ),
]

# ---- regions -----------------------------------------------------------------------------------


def _dice(p: Any, t: Any, smooth: float = 1, alpha: float = 0.5, beta: float = 0.5, reduction: str = "mean") -> Any:
    both = (p * t).sum(1)
    whole = both + alpha * (p * (1 - t)).sum(1) + beta * ((1 - p) * t).sum(1)
    return _reduced(1 - (both + smooth) / (whole + smooth), reduction)


def _generalized_dice(p: Any, t: Any, smooth: float = 1, reduction: str = "mean") -> Any:
    shares = 1 / (t.sum((0, 1)) ** 2 + 1e-7)
    return _reduced(_dice(p, t, smooth, reduction="none") * shares / shares.mean(), reduction)


_REGIONS, _TRUE = _softmax(uniform(2, 5, 3)), np.eye(3)[np.array([[0, 2, 1, 1, 2], [0, 0, 1, 2, 2]])]
USES += [
    Use("functional.dice_loss", (_REGIONS, _TRUE), {}, _dice),
    Use("functional.dice_loss", (_REGIONS, _TRUE), {"alpha": 0.3, "beta": 0.7, "reduction": "none"}, _dice),
    Use("functional.generalized_dice_loss", (_REGIONS, _TRUE), {}, _generalized_dice),
    Use("functional.generalized_dice_loss", (_REGIONS, _TRUE), {"smooth": 0.1, "reduction": "none"}, _generalized_dice),
]

# ---- embeddings --------------------------------------------------------------------------------


def _cosines(x: Any, y: Any) -> Any:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)) @ (y / np.linalg.norm(y, axis=-1, keepdims=True)).T


def _info_nce(x: Any, y: Any, temperature: float = 0.07, reduction: str = "mean") -> Any:
    return _cross_entropy(_cosines(x, y) / temperature, np.arange(len(x)), reduction)


def _clip(x: Any, y: Any, logit_scale: float = 1 / 0.07, reduction: str = "mean") -> Any:
    return (_info_nce(x, y, 1 / logit_scale, reduction) + _info_nce(y, x, 1 / logit_scale, reduction)) / 2


def _ntxent(x: Any, labels: Any, temperature: float = 0.07, reduction: str = "mean") -> Any:
    e = np.exp(_cosines(x, x) / temperature)
    losses = -np.log(e / (e + (e * (labels[:, None] != labels)).sum(1, keepdims=True)))
    return _reduced(losses, reduction, (labels[:, None] == labels) & ~np.eye(len(x), dtype=bool))


_FAR = uniform(5, 3)
USES += [
    Use("functional.info_nce_loss", (_X, _T), {"temperature": 0.5}, _info_nce),
    Use("functional.info_nce_loss", (_X, _T), {"reduction": "none"}, _info_nce),
    Use("functional.clip_loss", (_X, _T), {}, _clip),
    Use("functional.clip_loss", (_X, _T), {"logit_scale": 2.0, "reduction": "none"}, _clip),
    Use("functional.ntxent_loss", (_FAR, np.array([0, 0, 1, 1, 0])), {"temperature": 0.5}, _ntxent),
    Use("functional.ntxent_loss", (_FAR, np.array([0, 0, 1, 1, 2])), {"reduction": "none"}, _ntxent, rtol=1e-10),
    Use(
        "functional.pairwise_distance",
        (_X, _T),
        {"p": 3, "axis": 0},
        lambda x, y, p, axis: (abs(x - y + 1e-6) ** p).sum(axis) ** (1 / p),
    ),
    Use(
        "functional.cosine_similarity",
        (_X, _T),
        {"axis": 0},
        lambda x, y, axis: np.diag(_cosines(x.T, y.T)),
    ),
]

# ---- generative models -------------------------------------------------------------------------

_GENERATOR: dict[str, Callable[[Any], Any]] = {
    "bce": lambda f: np.log1p(np.exp(-f)),
    "hinge": lambda f: -f,
    "wasserstein": lambda f: -f,
    "least_squares": lambda f: (f - 1) ** 2 / 2,
}
_CRITIC: dict[str, Callable[[Any, Any], Any]] = {
    "bce": lambda r, f: (np.log1p(np.exp(-r)), np.log1p(np.exp(f))),
    "hinge": lambda r, f: (np.maximum(0, 1 - r), np.maximum(0, 1 + f)),
    "wasserstein": lambda r, f: (-r, f),
    "least_squares": lambda r, f: ((r - 1) ** 2 / 2, f**2 / 2),
}
USES += [
    Use("functional.generator_loss", (_X, kind), {}, lambda f, kind: _GENERATOR[kind](f).mean()) for kind in _GENERATOR
]
USES += [
    Use(
        "functional.discriminator_loss",
        (_X, _T[:2], kind),
        {},
        lambda r, f, kind: sum(part.mean() for part in _CRITIC[kind](r, f)),
    )
    for kind in _CRITIC
]
USES += [
    Use("functional.gaussian_kl", (_X, _T), {}, lambda m, v: ((m**2 + np.exp(v) - 1 - v) / 2).sum(-1)),
    Use(
        "functional.gaussian_kl",
        (_X, _T),
        {"axis": None, "reduction": "sum"},
        lambda m, v, **_: ((m**2 + np.exp(v) - 1 - v) / 2).sum(),
    ),
]
