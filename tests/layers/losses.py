"""Losses and distances. Most give one number of a whole batch, so there is no batch in their results."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import funcgrad.functional as F

from . import Given, Ints, Row, Settings

booleans = st.booleans()
reductions = st.sampled_from(["none", "mean", "sum"])
WHOLE = "a loss is one number of the whole batch"
NONE_AND_MEAN: tuple[Settings, ...] = ({}, {"reduction": "none"})


def _settings(**others: Any) -> Any:
    return st.fixed_dictionaries({"reduction": reductions, **others})


def _loss(
    name: str, *inputs: Any, examples: tuple[Settings, ...] = NONE_AND_MEAN, settings: Any = None, **more: Any
) -> Row:
    given = inputs[0] if callable(inputs[0]) else lambda s: inputs
    settings = _settings() if settings is None else settings
    return Row(name, given, examples=examples, settings=settings, batch=None, why=WHOLE, kinks=True, **more)


def _signs(*shape: int) -> Any:
    return Given(np.random.default_rng(7).choice([-1.0, 1.0], shape))


def _bits(*shape: int) -> Any:
    return Given(np.random.default_rng(7).integers(0, 2, shape).astype(float))


def _with(*kept: str) -> Any:
    """PyTorch's module with weights of these names, which come into no state dict."""

    def make(torch: Any, name: str, s: Settings) -> Any:
        module = getattr(torch.nn, name)(**{k: v for k, v in s.items() if k not in (*kept, "axis")})
        for k in kept:
            if s.get(k) is not None:
                module.register_buffer(k, torch.tensor(s[k]), persistent=False)
        return module

    return make


def _twin(name: str, *kept: str) -> Any:
    return lambda torch, s: _with(*kept)(torch, name, s)


def _call(module: Any, xs: tuple[Any, ...]) -> Any:
    """PyTorch wants targets, which are given in float64, in the dtype of the input."""
    first, *others = xs
    made = [first.new_tensor(x) if isinstance(x, np.ndarray) else x for x in others]
    whole = [isinstance(x, np.ndarray) and x.dtype.kind == "i" for x in others]
    return module(first, *(t.long() if w else t for t, w in zip(made, whole, strict=True)))


def _ours(run: Any, xs: tuple[Any, ...]) -> Any:
    """The same for us."""
    first, *others = xs
    floats = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in others]
    return run(first, *(x.astype(first.dtype) if f else x for x, f in zip(others, floats, strict=True)))


weights = st.sampled_from([None, (0.5, 1.0, 2.0, 0.25)])


def _scores(s: Settings) -> Any:
    shape = (3, 4, 5) if s.get("axis") == 1 else (6, 4)
    return shape, Ints(shape[:1] + shape[2:], 4)


def _ctc(s: Settings) -> Any:
    return (
        (7, 3, 4),
        Given(np.array([[1, 2, 2], [3, 1, 0], [2, 0, 0]])),
        Given(np.array([7, 5, 6])),
        Given(np.array([3, 2, 0])),
    )


LISTS = np.array([[0, 2, -1, 1], [-1, 0, 0, 0], [3, 1, 2, 0]])

ROWS = [
    _loss("MSELoss", (3, 4), (3, 4), wrong=(9, 9)),
    _loss("L1Loss", (3, 4), (3, 4), wrong=(9, 9)),
    _loss("HuberLoss", (3, 4), (3, 4), settings=_settings(delta=st.sampled_from([1.0, 0.3])), wrong=(9, 9)),
    _loss("SmoothL1Loss", (3, 4), (3, 4), settings=_settings(beta=st.sampled_from([1.0, 0.3, 0.0])), wrong=(9, 9)),
    _loss(
        "GaussianNLLLoss",
        (3, 4),
        (3, 4),
        Given(np.random.default_rng(3).uniform(0.5, 2, (3, 4))),
        settings=_settings(full=booleans, eps=st.sampled_from([1e-6, 1.0])),
        ours=_ours,
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "PoissonNLLLoss",
        (3, 4),
        Given(np.random.default_rng(3).integers(0, 5, (3, 4)).astype(float)),
        settings=_settings(full=booleans),
        ours=_ours,
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "CrossEntropyLoss",
        _scores,
        examples=({}, {"reduction": "none", "weight": (0.5, 1.0, 2.0, 0.25), "axis": 1, "label_smoothing": 0.1}),
        settings=_settings(
            weight=weights,
            ignore_index=st.sampled_from([-100, 1]),
            label_smoothing=st.sampled_from([0.0, 0.2]),
            axis=st.sampled_from([-1, 1]),
        ),
        torch=_twin("CrossEntropyLoss", "weight"),
        wrong=(9, 9),
    ),
    _loss(
        "NLLLoss",
        _scores,
        examples=({}, {"reduction": "none", "weight": (0.5, 1.0, 2.0, 0.25), "axis": 1}),
        settings=_settings(weight=weights, ignore_index=st.sampled_from([-100, 1]), axis=st.sampled_from([-1, 1])),
        torch=_twin("NLLLoss", "weight"),
        wrong=(9, 9),
    ),
    _loss(
        "LinearCrossEntropyLoss",
        (5, 3),
        Ints((5,), 4),
        examples=(
            {"in_features": 3, "num_classes": 4},
            {"in_features": 3, "num_classes": 4, "bias": True, "reduction": "none", "chunk_size": 2},
        ),
        settings=st.fixed_dictionaries(
            {
                "in_features": st.just(3),
                "num_classes": st.just(4),
                "reduction": reductions,
                "bias": booleans,
                "weight": weights,
                "ignore_index": st.sampled_from([None, 1]),
                "label_smoothing": st.sampled_from([0.0, 0.2]),
                "chunk_size": st.sampled_from([None, 1, 2]),
            }
        ),
        torch=lambda torch, s: _with("weight")(
            torch, "LinearCrossEntropyLoss", {k: v for k, v in s.items() if k != "chunk_size"}
        ),
        wrong=(9, 9),
    ),
    _loss(
        "CTCLoss",
        _ctc,
        settings=_settings(blank=st.sampled_from([0, 3]), zero_infinity=st.just(True)),
        # PyTorch's derivative is that of logits; ours too then
        ours=lambda run, xs: run(F.log_softmax(xs[0]), *xs[1:]),
        call=lambda module, xs: _call(module, (xs[0].log_softmax(-1), *xs[1:])),
        wrong=(9, 9, 9, 9),
    ),
    _loss(
        "BCELoss",
        (3, 4),
        _bits(3, 4),
        examples=({}, {"reduction": "none", "weight": (0.5, 1.0, 2.0, 0.25)}),
        settings=_settings(weight=weights),
        torch=_twin("BCELoss", "weight"),
        ours=lambda run, xs: _ours(run, (F.sigmoid(xs[0]), *xs[1:])),
        call=lambda module, xs: _call(module, (xs[0].sigmoid(), *xs[1:])),
        wrong=(9, 9),
    ),
    _loss(
        "BCEWithLogitsLoss",
        (3, 4),
        _bits(3, 4),
        examples=({}, {"reduction": "none", "pos_weight": (0.5, 1.0, 2.0, 0.25)}),
        settings=_settings(weight=weights, pos_weight=weights),
        torch=_twin("BCEWithLogitsLoss", "weight", "pos_weight"),
        ours=_ours,
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "KLDivLoss",
        (3, 4),
        Given(np.random.default_rng(3).uniform(0.1, 1, (3, 4))),
        examples=({}, {"reduction": "none"}, {"reduction": "batchmean", "log_target": True}),
        settings=st.fixed_dictionaries(
            {"reduction": st.sampled_from(["none", "batchmean", "sum"]), "log_target": booleans}
        ),
        ours=_ours,
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "HingeEmbeddingLoss",
        (3, 4),
        _signs(3, 4),
        settings=_settings(margin=st.sampled_from([1.0, 0.3])),
        ours=_ours,
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "MarginRankingLoss",
        (7,),
        (7,),
        _signs(7),
        settings=_settings(margin=st.sampled_from([0.0, 0.3])),
        ours=_ours,
        call=_call,
        wrong=(9,),
    ),
    _loss("SoftMarginLoss", (3, 4), _signs(3, 4), ours=_ours, call=_call, wrong=(9, 9)),
    _loss(
        "MultiMarginLoss",
        (6, 4),
        Ints((6,), 4),
        examples=({}, {"reduction": "none", "p": 2, "weight": (0.5, 1.0, 2.0, 0.25)}),
        settings=_settings(p=st.sampled_from([1, 2]), margin=st.sampled_from([1.0, 0.3]), weight=weights),
        torch=_twin("MultiMarginLoss", "weight"),
        wrong=(9, 9),
    ),
    _loss(
        "MultiLabelMarginLoss",
        (3, 4),
        Given(np.array([[0, 2, -1, 1], [-1, 0, 0, 0], [3, 1, 2, 0]])),
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "MultiLabelSoftMarginLoss",
        (3, 4),
        _bits(3, 4),
        examples=({}, {"reduction": "none", "weight": (0.5, 1.0, 2.0, 0.25)}),
        settings=_settings(weight=weights),
        torch=_twin("MultiLabelSoftMarginLoss", "weight"),
        ours=_ours,
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "CosineEmbeddingLoss",
        (5, 3),
        (5, 3),
        _signs(5),
        settings=_settings(margin=st.sampled_from([0.0, 0.3])),
        ours=_ours,
        call=_call,
        wrong=(9, 9),
    ),
    _loss(
        "TripletMarginLoss",
        (5, 3),
        (5, 3),
        (5, 3),
        settings=_settings(margin=st.sampled_from([1.0, 3.0]), p=st.sampled_from([2.0, 1.0, 3.0]), swap=booleans),
        wrong=(9, 9),
    ),
    _loss("TripletMarginWithDistanceLoss", (5, 3), (5, 3), (5, 3), settings=_settings(swap=booleans), wrong=(9, 9)),
    Row(
        "CosineSimilarity",
        lambda s: ((5, 3), (5, 3)),
        settings=st.fixed_dictionaries({"eps": st.sampled_from([1e-8, 1e-3])}),
        torch=lambda torch, s: torch.nn.CosineSimilarity(dim=-1, **s),
        wrong=(9, 9),
        kinks=True,
    ),
    Row(
        "PairwiseDistance",
        lambda s: ((5, 3), (5, 3)),
        examples=({}, {"p": 1.0, "keepdims": True}),
        settings=st.fixed_dictionaries({"p": st.sampled_from([1.0, 2.0, 3.0]), "keepdims": booleans}),
        torch=lambda torch, s: torch.nn.PairwiseDistance(p=s["p"], keepdim=s["keepdims"]),
        wrong=(9, 9),
        kinks=True,
    ),
]
