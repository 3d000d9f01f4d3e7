"""Layers around another one that compute its weight; with channels last in `tests/test_layers_reparametrization.py`."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from funcgrad import layers

from . import Row, Settings

LAYERS: list[Any] = [
    layers.Linear(3, 2),
    layers.Linear(3, 4, bias=False),
    layers.Conv1d(2, 4, 3, layout="NCW"),
    layers.Conv2d(2, 4, (2, 3), groups=2, layout="NCHW"),
    layers.ConvTranspose1d(2, 3, 2, layout="NCW"),
    layers.ConvTranspose2d(4, 2, (2, 1), groups=2, layout="NCHW"),
]


def inputs(layer: Any) -> tuple[int, ...]:
    """The shape of an input, PyTorch's."""
    if isinstance(layer, layers.Linear):
        return (4, layer.in_features)
    return (4, layer.in_channels, *(5,) * (len(layer.layout) - 2))


def twin(torch: Any, layer: Any) -> Any:
    """PyTorch's module of a layer."""
    settings = {f.name: getattr(layer, f.name) for f in dataclasses.fields(layer)}
    known = {k: v for k, v in settings.items() if k not in ("layout", "weight_init", "bias_init")}
    return getattr(torch.nn, type(layer).__name__)(**known)


def _inputs(s: Settings) -> tuple[Any, ...]:
    return (inputs(s["layer"]),)


ROWS = [
    Row(
        "WeightNorm",
        _inputs,
        examples=({"layer": LAYERS[0]}, {"layer": LAYERS[3]}),
        settings=st.fixed_dictionaries({"layer": st.sampled_from(LAYERS)}),
        torch=lambda torch, s: torch.nn.utils.parametrizations.weight_norm(twin(torch, s["layer"])),
    ),
    Row(
        "SpectralNorm",
        _inputs,
        examples=({"layer": LAYERS[0], "n_power_iterations": 30},),
        settings=st.fixed_dictionaries(
            {
                "layer": st.sampled_from(LAYERS),
                "n_power_iterations": st.integers(1, 3),
                "eps": st.sampled_from([1e-12, 0.1]),
            }
        ),
        torch=lambda torch, s: torch.nn.utils.parametrizations.spectral_norm(
            twin(torch, s["layer"]), n_power_iterations=s["n_power_iterations"], eps=s["eps"]
        ),
        order=1,
        why="the singular vectors are constants to its derivative, which at them makes a difference to the second one",
    ),
    Row(
        "WeightStandardization",
        _inputs,
        examples=({"layer": LAYERS[0]}, {"layer": LAYERS[3], "eps": 0.1}),
        torch=None,
        why="PyTorch has none: tests/test_layers_reparametrization.py",
    ),
]
