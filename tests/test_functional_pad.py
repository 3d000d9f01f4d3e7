"""`functional.pad`: PyTorch's borders, and the padding of convolutions made of them."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, close, fails

import funcgrad as fg
import funcgrad.functional as F
from funcgrad import layers
from funcgrad.errors import OptionError, ShapeError
from funcgrad.testing import check_grads

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
PADS = [(), (1, 2), (0, 0, 3, 1), (2, 0, 0, 1)]


@pytest.mark.parametrize("pad", [*PADS, (-1, 2), (1, 0, -1, -2), (0, 1, 2, 0, 0, 1)], ids=str)
@pytest.mark.parametrize("value", [None, 0, 1.5])
def test_constant_borders_are_torchs(pad, value):
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.pad(torch.tensor(X), pad, value=value)
    close(F.pad(X, pad, value=value), expected, 1e-12)


@pytest.mark.parametrize("pad", [(1, 2, 0, 0), (0, 0, 3, 1), (2, 0, 0, 1), (-1, 2, 0, -1), (2, -2, 0, 0)], ids=str)
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_other_borders_are_torchs(mode, pad):
    torch = pytest.importorskip("torch")
    close(F.pad(X, pad, mode), torch.nn.functional.pad(torch.tensor(X), pad, mode), 1e-12)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_every_transform(mode):
    x = X[0, 0]

    def f(x):
        return F.pad(x, (2, -1, 3, 1), mode)

    check_grads(f, (x,), order=2)
    close(fg.vmap(f)(X[0]), np.stack([f(part) for part in X[0]]), 1e-12)
    close(fg.jit(f)(x), f(x), 1e-12)


def test_borders_longer_than_the_array_go_on():
    assert F.pad([1, 2, 3], (4, 0), "reflect").tolist() == [1, 2, 3, 2, 1, 2, 3]
    assert F.pad([1, 2], (0, 3), "circular").tolist() == [1, 2, 1, 2, 1]


def test_a_circular_border_is_of_what_is_left():
    assert F.pad([1, 2, 3, 4], (2, -1), "circular").tolist() == [2, 3, 1, 2, 3]
    assert F.pad([1, 2, 3, 4], (-1, 2), "circular").tolist() == [2, 3, 4, 2, 3]
    assert F.pad([1, 2, 3], (3, -2), "circular").tolist() == [1, 1, 1, 1]


def test_what_is_refused():
    fails(OptionError, "pad: mode must be one of 'constant'", F.pad, X, (1, 1), "edge")
    fails(OptionError, "pad: mode 'reflect' takes no value", F.pad, X, (1, 1), "reflect", 1)
    for wrong in [(1,), (1, 1) * 5, 1, (0.5, 1)]:
        fails(ShapeError, "pad: pad must be two ints for each of the last axes", F.pad, X, wrong)
    fails(ShapeError, "cuts off more than axis -1", F.pad, X, (-3, -3))
    fails(ShapeError, "ReflectionPad2d: padding must be an int, or 4 of them", layers.ReflectionPad2d, (1, 2))
    fails(OptionError, "ZeroPad1d: layout must be 'NWC' or 'NCW'", layers.ZeroPad1d, 1, layout="NHWC")


# ---- convolutions ------------------------------------------------------------------------------


def test_a_circular_convolution_commutes_with_a_shift():
    model = layers.Conv2d(2, 3, (3, 2), padding="same", padding_mode="circular")
    params, _ = model.init(KEY)
    x = X.transpose(0, 2, 3, 1)[..., :2]
    y = model(params, x)
    assert y.shape == (2, 4, 5, 3)
    close(model(params, np.roll(x, (1, 2), (1, 2))), np.roll(np.asarray(y), (1, 2), (1, 2)))


def test_small_letters_are_large_ones():
    w = np.ones((2, 2, 2, 1))
    x = X.transpose(0, 2, 3, 1)[..., :2]
    for word in ("same", "valid"):
        close(F.conv2d(x, w, stride=2, padding=word), F.conv2d(x, w, stride=2, padding=word.upper()))
    close(
        F.conv_transpose2d(x[..., :1], w, stride=2, padding="same"),
        F.conv_transpose2d(x[..., :1], w, stride=2, padding="SAME"),
    )
    fails(OptionError, "Conv2d: padding must be sizes, 'same' or 'valid'", layers.Conv2d, 1, 1, 3, padding="full")
    fails(OptionError, "Conv1d: padding_mode must be one of 'zeros'", layers.Conv1d, 1, 1, 3, padding_mode="edge")
