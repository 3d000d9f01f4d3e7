"""Layers of neural networks: stateless values that make parameters, and functions of them.

    model = layers.Sequential(
        layers.Conv2d(1, 32, 3), layers.relu, layers.Flatten(), layers.Linear(21632, 128), layers.Dropout(0.25)
    )
    params, state = model.init(random.key(0))
    y, state = model.apply(params, state, x, key=key, train=True)
    y = model(params, x)

`layer.py` says how they work and how to write one. Names, sizes and first values are those of `torch.nn`; images have
their channels last unless `layout` says otherwise. Activations are plain functions (`layers.relu`, the same object as
`functional.relu`), with classes of PyTorch's names for those that have settings or stand in a field.
"""

from __future__ import annotations

from ..functional import gelu, relu, sigmoid, silu, softmax, tanh
from . import initializers
from .activation import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from .convolution import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .dropout import Dropout
from .embedding import Embedding
from .layer import Layer, Run
from .linear import Linear
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, LayerNorm
from .pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from .sequential import Identity, Lambda, Sequential
from .shape import Flatten
from .text import summary

__all__ = [
    "ELU",
    "GELU",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "Lambda",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "ReLU",
    "Run",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "gelu",
    "initializers",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "summary",
    "tanh",
]
