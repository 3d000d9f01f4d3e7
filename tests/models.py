"""Models, inputs and comparisons for the tests of layers."""

from __future__ import annotations

import re

import numpy as np
import pytest

import funcgrad.functional as F  # the name users type
import funcgrad.numpy as fnp
from funcgrad import layers, random

KEY = random.key(0)


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def close(x, y, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


class Residual(layers.Layer):
    conv1: layers.Conv2d
    norm: layers.BatchNorm2d
    conv2: layers.Conv2d

    def forward(self, run, x):
        return x + run.conv2(F.relu(run.norm(run.conv1(x))))


def residual(channels: int) -> Residual:
    conv = layers.Conv2d(channels, channels, 3, padding=1)
    return Residual(conv, layers.BatchNorm2d(channels), conv)


class Noise(layers.Layer):
    scale: float = 1.0

    def forward(self, run, x):
        return x + self.scale * random.normal(run.key, x.shape)


class Counter(layers.Layer):
    """Counts how often it was applied."""

    def state(self):
        return {"count": fnp.zeros((), dtype="int64")}

    def forward(self, run, x):
        run.update(count=run.state["count"] + 1)
        return x


def small_cnn() -> layers.Sequential:
    return layers.Sequential(
        layers.Conv2d(1, 3, 3),
        layers.BatchNorm2d(3),
        layers.relu,
        layers.MaxPool2d(2),
        residual(3),
        layers.Flatten(),
        layers.Dropout(0.25),
        layers.Linear(3 * 3 * 3, 2),
    )


def fails(kind, text, f, *args, **kwargs):
    with pytest.raises(kind, match=re.escape(text)) as caught:
        f(*args, **kwargs)
    return caught.value
