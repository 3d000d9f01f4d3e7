"""Layers made of others."""

from __future__ import annotations

from typing import Any

from funcgrad import layers

from . import Row, Settings


def _block(**options: Any) -> Any:
    return layers.Residual(layers.Sequential(layers.Linear(3, 3), layers.Dropout(0.5), layers.tanh), **options)


def _squeeze(torch: Any, s: Settings) -> Any:
    """The formula, in convolutions of one pixel called as torchvision calls them."""

    class SqueezeExcite(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1 = torch.nn.Conv2d(s["channels"], s["squeeze_channels"], 1)
            self.fc2 = torch.nn.Conv2d(s["squeeze_channels"], s["channels"], 1)

        def forward(self, x: Any) -> Any:
            means = x.mean((2, 3), keepdim=True)
            return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(means))))

    return SqueezeExcite()


def _film(torch: Any, s: Settings) -> Any:
    class FiLM(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(s["condition_features"], 2 * s["num_features"])

        def forward(self, x: Any, condition: Any) -> Any:
            gamma, beta = self.linear(condition)[:, :, None, None].chunk(2, 1)
            return (1 + gamma) * x + beta

    return FiLM()


ROWS = [
    Row(
        "Residual",
        lambda s: ((4, 3),),
        examples=(
            {"layer": layers.Linear(3, 3)},
            {"layer": layers.tanh},
            {"layer": layers.Linear(3, 2), "shortcut": layers.Linear(3, 2, bias=False)},
        ),
        torch=None,
        why="made of others: tests/test_combinators.py",
    ),
    Row(
        "Repeated",
        lambda s: ((4, 3),),
        examples=(
            {"layer": _block(), "n": 3},
            {"layer": layers.Sequential(layers.Linear(3, 3), layers.BatchNorm1d(3)), "n": 2},
            {"layer": _block(), "n": 3, "shared": True},
        ),
        torch=None,
        why="made of others: tests/test_combinators.py",
    ),
    Row(
        "SqueezeExcite",
        lambda s: ((2, 4, 3, 5),),
        examples=({"channels": 4, "squeeze_channels": 2},),
        torch=_squeeze,
        spatial=2,
        wrong=(2, 3, 3, 5),
    ),
    Row(
        "FiLM",
        lambda s: ((2, 4, 3, 5), (2, 3)),
        examples=({"num_features": 4, "condition_features": 3},),
        torch=_film,
        spatial=2,
        wrong=(2, 3, 3, 5),
    ),
]
