"""Activation functions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from . import Row, Settings

reals = st.floats(0.1, 3).map(lambda x: round(x, 3))


def _features(s: Settings) -> Any:
    return ((4, 3, 2),)


def _plain(name: str, kinks: bool = False) -> Row:
    return Row(name, _features, kinks=kinks)


def _set(name: str, kinks: bool = False, **settings: Any) -> Row:
    example = {key: (None, 0.7, 1.3)[1 if key != "max_val" else 2] for key in settings}
    return Row(name, _features, ({}, example), st.fixed_dictionaries({}, optional=settings), kinks=kinks)


def _along(name: str) -> Row:
    return Row(
        name,
        lambda s: ((4, 6, 2),),
        examples=({}, {"axis": 1}),
        torch=lambda torch, s: getattr(torch.nn, name)(s.get("axis", -1)),
        batch=None,
        why="its axis is any, the batch's too",
    )


ROWS = [
    *[_plain(name) for name in ("LogSigmoid", "Mish", "SELU", "Softsign", "Tanhshrink")],
    *[_plain(name, kinks=True) for name in ("ReLU6", "Hardswish")],
    Row(
        "Hardsigmoid",
        _features,
        torch=lambda torch, s: _module(torch, lambda x: torch.clamp(x + 3, 0, 6) / 6),  # nn's derivative is in float32
        kinks=True,
    ),
    _set("CELU", alpha=st.sampled_from([0.5, 2.0]), kinks=True),  # PyTorch rounds others to float32
    _set("Hardshrink", lambd=reals),
    _set("Softshrink", lambd=reals),
    _set("Hardtanh", min_val=reals.map(lambda x: -x), max_val=reals),
    *[_along(name) for name in ("LogSoftmax", "Softmin", "GLU")],
    Row(
        "Threshold",
        _features,
        examples=({"threshold": 0.1, "value": 20.0},),
        settings=st.fixed_dictionaries({"threshold": reals, "value": reals}),
    ),
    Row("RReLU", _features, examples=({"lower": 0.1, "upper": 0.3},), random=True, kinks=True),
    Row(
        "PReLU",
        lambda s: ((2, 3, 4, 5),),
        examples=({"num_parameters": 3}, {"slope": 0.5}),
        settings=st.fixed_dictionaries({"num_parameters": st.sampled_from([1, 3])}),
        spatial=2,
        wrong=(2, 4, 4, 5),
        kinks=True,
    ),
    Row("Softmax2d", lambda s: ((2, 3, 4, 5),), spatial=2, wrong=(3, 4)),
    Row(
        "QuickGELU",
        _features,
        torch=lambda torch, s: _module(torch, lambda x: x * torch.sigmoid(1.702 * x)),
    ),
    Row(
        "Squareplus",
        _features,
        examples=({}, {"b": 0.5}),
        torch=lambda torch, s: _module(torch, lambda x: (x + torch.sqrt(x * x + s.get("b", 4.0))) / 2),
    ),
]


def _module(torch: Any, function: Any) -> Any:
    """A function as a module of PyTorch."""
    module = torch.nn.Identity()
    module.forward = function
    return module
