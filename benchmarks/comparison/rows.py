"""The rows of the table: what each computes, what it must reach, and the least that it can cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import models
from .models import dense, labels, normal

ALWAYS = ("torch", "torch.compile", "jax.jit", "funcgrad", "funcgrad jit")
IMAGES = ("torch", "torch channels-last", "torch.compile", "jax.jit", "funcgrad", "funcgrad jit")
FLOAT = 4


@dataclass(frozen=True)
class Row:
    """A row; `build(library)` gives what is timed, and returns a loss or an array to compare the libraries by.

    Attributes:
        title: what is printed.
        build: takes one of the libraries' sides.
        columns: who computes it.
        ours: the column whose time is held against the best peer's.
        required: the ratio that the project asks for, best peer's time / ours; None where it asks for none.
        per: the time is divided by it: so many operations in one call.
        flops: floating-point operations of products and convolutions.
        bytes: that must be read and written, each once.
        alike: whether all libraries must find the same numbers; not where random bits or weights are their own.
    """

    title: str
    build: Callable[[Any], Any]
    columns: tuple[str, ...] = ALWAYS
    ours: str = "funcgrad jit"
    required: float | None = None
    per: int = 1
    flops: float = 0.0
    bytes: float = 0.0
    alike: bool = True


def regression(lib: Any) -> Any:
    x = normal(100, 5)
    y = x @ np.ones((5, 1), np.float32) + normal(100, 1)  # with noise: no gradient that fades into denormal numbers
    return lib.training(
        models.regression_loss,
        lib.given(models.regression_params()),
        lib.given((x, y)),
        "sgd",
        learning_rate=0.01,
        donate=False,
    )


def perceptron(lib: Any) -> Any:
    params = lib.given(models.perceptron_params(784, 512, 512, 10))
    batch = lib.given((normal(128, 784), labels(128, 10)))
    return lib.training(models.perceptron_loss, params, batch, "adam", learning_rate=1e-3)


def transformer(lib: Any) -> Any:
    letters = labels(16 * (models.TOKENS + 1), models.VOCABULARY).reshape(16, -1)
    batch = lib.given((letters[:, :-1].copy(), letters[:, 1:].copy()))
    params = lib.given(models.transformer_params())
    return lib.training(models.transformer_loss, params, batch, "adamw", learning_rate=3e-4, weight_decay=0.01)


def resnet(lib: Any) -> Any:
    batch = (lib.images(normal(32, 32, 32, 3)), lib.given(labels(32, 10)))
    params, state = lib.given(models.resnet_params()), lib.given(models.resnet_state())
    return lib.training(models.resnet_loss, params, batch, "sgd", state, learning_rate=0.01, momentum=0.9)


def gelu(lib: Any) -> Any:
    values = normal(4096, 1024), normal(1024), normal(4096, 1024, seed=1)
    return lib.gradient(models.gelu_sum, (1,), lib.given(values))


def softmax(lib: Any) -> Any:
    return lib.gradient(models.cross_entropy, (0,), lib.given((normal(4096, 1000), labels(4096, 1000))))


def layer_norm(lib: Any) -> Any:
    values = normal(4096, 1024), np.ones(1024, np.float32), normal(1024), normal(4096, 1024, seed=1)
    return lib.gradient(models.layer_norm_sum, (0, 1, 2), lib.given(values))


def tiny(lib: Any) -> Any:
    return lib.gradient(models.sines, (0,), lib.given((np.ones(8, np.float32),)))


def lstm(lib: Any) -> Any:
    weights = dense(128, 512)["w"], normal(128, 512, scale=128**-0.5, seed=1), np.zeros(512, np.float32)
    return lib.gradient(models.lstm_loss, (0, 1, 2), lib.given((*weights, normal(200, 32, 128))))


def per_example(lib: Any) -> Any:
    batch = lib.given((normal(128, 784), labels(128, 10)))
    return lib.per_example(models.perceptron_loss, lib.given(models.perceptron_params(784, 64, 10)), batch)


def hessian(lib: Any) -> Any:
    signs = np.where(labels(500, 2) == 1, 1, -1).astype(np.float32)
    return lib.hessian(models.logistic_loss, lib.given((normal(168, scale=0.2), normal(500, 20), signs)))


def _products(*sizes: tuple[int, int, int], first_has_gradient: bool = False) -> float:
    """A training step's products of these sizes: forward, and both gradients but for that in the data of the first."""
    flops = [2.0 * a * b * c for a, b, c in sizes]
    return 3 * sum(flops) - (0 if first_has_gradient else flops[0])


_CNN_FLOPS = 100 * (
    2 * 2.0 * 26 * 26 * 9 * 32 + 3 * 2.0 * 24 * 24 * 9 * 32 * 64 + 3 * 2.0 * (9216 * 128 + 128 * 10)
)  # forward and with respect to the weights; with respect to the data as well, but not to the images
_MLP_PARAMS = 784 * 512 + 512 * 512 + 512 * 10 + 1034
_TOKENS, _WIDTH = 16 * models.TOKENS, models.WIDTH
_TRANSFORMER_FLOPS = _products(
    *[(_TOKENS, 12 * _WIDTH, _WIDTH), (2 * _TOKENS, models.TOKENS, _WIDTH)] * models.BLOCKS,
    (_TOKENS, _WIDTH, models.VOCABULARY),
    first_has_gradient=True,
)

ROWS: dict[str, Row] = {
    "linear": Row("linear regression, SGD step, 100x5", regression, required=2.0),
    "cnn": Row(
        "MNIST CNN, training step, batch 100",
        lambda lib: lib.cnn(),
        IMAGES,
        required=2.5,
        flops=_CNN_FLOPS,
        alike=False,
    ),
    "cnn-plain": Row(
        "the same without compiler and oneDNN",
        lambda lib: lib.cnn(),
        ("torch", "torch channels-last", "jax.jit", "funcgrad plain"),
        ours="funcgrad plain",
        required=0.7,
        flops=_CNN_FLOPS,
        alike=False,
    ),
    "mlp": Row(
        "MLP 784-512-512-10, batch 128, Adam",
        perceptron,
        required=1.3,
        flops=_products((128, 784, 512), (128, 512, 512), (128, 512, 10)),
        bytes=6 * FLOAT * _MLP_PARAMS,  # parameters and two moments, in and out
    ),
    "transformer": Row("transformer, AdamW step", transformer, required=1.8, flops=_TRANSFORMER_FLOPS),
    "gelu": Row("sum(gelu(x + b) * m), gradient in b", gelu, required=2.0, bytes=2 * FLOAT * 4096 * 1024),
    "softmax": Row("softmax cross entropy, 4096x1000, gradient", softmax, required=1.5, bytes=2 * FLOAT * 4096 * 1000),
    "layer-norm": Row("layer norm, 4096x1024, gradient", layer_norm, required=1.5, bytes=3 * FLOAT * 4096 * 1024),
    "resnet": Row(
        "ResNet-18, training step, 32 of 32x32",
        resnet,
        IMAGES,
        required=1.5,
        flops=models.resnet_flops(32),
    ),
    "tiny": Row(
        f"grad of {models.OPERATIONS} tiny ops, eager, per op",
        tiny,
        ("torch", "jax", "funcgrad"),
        ours="funcgrad",
        required=1.2,
        per=models.OPERATIONS,
    ),
    "lstm": Row(
        "LSTM of 200 steps, batch 32, 128, gradient",
        lstm,
        flops=_products((200 * 32, 128, 512), (200 * 32, 128, 512)),
    ),
    "per-example": Row(
        "gradients of 128 examples each, 784-64-10", per_example, bytes=FLOAT * 128 * (784 * 64 + 64 * 10)
    ),
    "hessian": Row("Hessian of 168 parameters, 500 examples", hessian),
}
"""By the name that `--rows` takes; those that have a required ratio first."""

COLD_ROWS = {
    "cold": ("first calls of the CNN step, empty cache", 1.0),
    "cold-disk": ("the same, compiled code on disk", 0.25),
}
"""Title and limit in seconds; a process each, so they are timed in their own way."""
