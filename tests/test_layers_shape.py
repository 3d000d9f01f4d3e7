"""Flatten and Unflatten: PyTorch's order of values, and weights that fit."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, close, fails, values

from funcgrad import layers
from funcgrad.errors import AxisError, ShapeError


def test_weights_of_a_linear_behind_an_image_are_torchs():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.Flatten(), torch.nn.Linear(3 * 4 * 5, 7))
    ours = layers.Sequential(layers.Conv2d(2, 3, 2), layers.Flatten(channels_first=True), layers.Linear(3 * 4 * 5, 7))
    params, _ = layers.from_torch_state_dict(ours, theirs.state_dict())
    x = values(2, 2, 5, 6)
    close(ours(params, x.transpose(0, 2, 3, 1)), theirs(torch.tensor(x)).detach())


def test_weights_of_a_linear_in_front_of_an_image_are_torchs():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.Linear(4, 3 * 2 * 5), torch.nn.Unflatten(1, (3, 2, 5)), torch.nn.ConvTranspose2d(3, 2, 2)
    )
    ours = layers.Sequential(
        layers.Linear(4, 3 * 2 * 5),
        layers.Unflatten(-1, (2, 5, 3), channels_first=True),
        layers.ConvTranspose2d(3, 2, 2),
    )
    params, _ = layers.from_torch_state_dict(ours, theirs.state_dict())
    x = values(6, 4)
    close(ours(params, x), theirs(torch.tensor(x)).detach().numpy().transpose(0, 2, 3, 1))
    close(ours(params, x[0]), ours(params, x)[0])


@pytest.mark.parametrize("channels_first", [False, True])
def test_unflatten_undoes_flatten(channels_first):
    x = values(2, 3, 4, 5)
    flat = layers.Flatten(channels_first=channels_first)({}, x)
    for sizes in [(3, 4, 5), (3, -1, 5), (-1, 4, 5)]:
        close(layers.Unflatten(-1, sizes, channels_first)({}, flat), x)
    part = layers.Flatten(1, 2, channels_first=channels_first)({}, x)
    assert part.shape == (2, 12, 5)
    close(layers.Unflatten(1, (3, 4), channels_first)({}, part), x)


def test_channels_first_is_the_order_of_nchw():
    x = values(2, 3, 4, 5)
    flat = layers.Flatten(channels_first=True)({}, x)
    close(flat, x.transpose(0, 3, 1, 2).reshape(2, -1))


def test_what_is_refused():
    fails(AxisError, "no axes from 1 to -1", layers.Flatten(), {}, np.ones(3))
    fails(AxisError, "no axis 2", layers.Unflatten(2, (1,)), {}, np.ones(3))
    fails(ShapeError, "expected (2, -1) to make up axis 0, got (3,)", layers.Unflatten(0, (2, -1)), {}, np.ones(3))
    fails(ShapeError, "expected (2, 2) to make up axis 0, got (3,)", layers.Unflatten(0, (2, 2)), {}, np.ones(3))
    for sizes in [(-1, -1), (), 3, (1.5,), (-2, 3)]:
        fails(ShapeError, "Unflatten: unflattened_size must be sizes", layers.Unflatten, 0, sizes)
    assert layers.Unflatten(0, [3, -1]).init(KEY) == ({}, {})
