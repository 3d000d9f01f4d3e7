"""The models of the table, said once for all libraries: `ops` has the few functions that they name differently.

Parameters and data are made here as NumPy arrays, so all libraries start from the same numbers. Losses of training
steps take (ops, params, state, *batch) and return the loss and the new state, which is what batch norm runs on.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

RANDOM_SEED = 0


def normal(*shape: int, scale: float = 1.0, seed: int = RANDOM_SEED) -> np.ndarray:
    """Normal float32 numbers, the same on each call."""
    return scale * np.random.default_rng((seed, *shape)).standard_normal(shape, dtype=np.float32)


def labels(count: int, classes: int) -> np.ndarray:
    """The classes of so many examples."""
    return np.random.default_rng((RANDOM_SEED, count, classes)).integers(0, classes, count)


def dense(inputs: int, outputs: int) -> dict[str, np.ndarray]:
    """Parameters of a layer that multiplies by a matrix."""
    return {"w": normal(inputs, outputs, scale=inputs**-0.5), "b": np.zeros(outputs, np.float32)}


# ---- linear regression and the multilayer perceptron -------------------------------------------


def regression_params() -> dict[str, np.ndarray]:
    return {"w": np.zeros((5, 1), np.float32), "b": np.zeros(1, np.float32)}


def regression_loss(ops: Any, params: Any, state: Any, x: Any, y: Any) -> Any:
    return ops.mean((x @ params["w"] + params["b"] - y) ** 2), state


def perceptron_params(*sizes: int) -> list[dict[str, np.ndarray]]:
    return [dense(*pair) for pair in itertools.pairwise(sizes)]


def perceptron_loss(ops: Any, params: Any, state: Any, x: Any, y: Any) -> Any:
    *hidden, last = params
    for layer in hidden:
        x = ops.relu(ops.linear(x, layer["w"], layer["b"]))
    return ops.cross_entropy(ops.linear(x, last["w"], last["b"]), y), state


# ---- a transformer that predicts the next of 65 letters ----------------------------------------

BLOCKS, WIDTH, HEADS, TOKENS, VOCABULARY = 2, 128, 4, 64, 65


def scale_and_shift(features: int) -> dict[str, np.ndarray]:
    """Parameters of a normalisation."""
    return {"scale": np.ones(features, np.float32), "shift": np.zeros(features, np.float32)}


def transformer_params() -> dict[str, Any]:
    block = {
        "norm 1": scale_and_shift(WIDTH),
        "q, k, v": dense(WIDTH, 3 * WIDTH),
        "joined": dense(WIDTH, WIDTH),
        "norm 2": scale_and_shift(WIDTH),
        "wide": dense(WIDTH, 4 * WIDTH),
        "narrow": dense(4 * WIDTH, WIDTH),
    }
    return {
        "tokens": normal(VOCABULARY, WIDTH, scale=0.02),
        "places": normal(TOKENS, WIDTH, scale=0.02),
        "blocks": [block] * BLOCKS,
        "norm": scale_and_shift(WIDTH),
        "head": dense(WIDTH, VOCABULARY),
    }


def transformer_loss(ops: Any, params: Any, state: Any, tokens: Any, following: Any) -> Any:
    def linear(x: Any, layer: Any) -> Any:
        return ops.linear(x, layer["w"], layer["b"])

    def norm(x: Any, layer: Any) -> Any:
        return ops.layer_norm(x, layer["scale"], layer["shift"])

    def heads(x: Any) -> Any:
        return x.reshape((*x.shape[:2], HEADS, -1)).swapaxes(1, 2)

    x = ops.embedding(params["tokens"], tokens) + params["places"]
    for block in params["blocks"]:
        qkv = linear(norm(x, block["norm 1"]), block["q, k, v"])
        q, k, v = (heads(qkv[..., i * WIDTH : (i + 1) * WIDTH]) for i in range(3))
        seen = ops.causal_attention(q, k, v).swapaxes(1, 2).reshape(x.shape)
        x = x + linear(seen, block["joined"])
        x = x + linear(ops.gelu(linear(norm(x, block["norm 2"]), block["wide"])), block["narrow"])
    logits = linear(norm(x, params["norm"]), params["head"])
    return ops.cross_entropy(logits.reshape((-1, VOCABULARY)), following.reshape((-1,))), state


# ---- ResNet-18 for images of 32 x 32: a first convolution of 3 x 3, no pooling before the blocks


def resnet_shapes() -> list[tuple[int, int, int]]:
    """Input channels, output channels and stride of each of the eight blocks."""
    stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
    return [block for i, o, stride in stages for block in ((i, o, stride), (o, o, 1))]


def filters(size: int, inputs: int, outputs: int) -> np.ndarray:
    """Weights of a convolution, HWIO."""
    return normal(size, size, inputs, outputs, scale=(2 / (size * size * inputs)) ** 0.5)


def resnet_params(classes: int = 10) -> dict[str, Any]:
    blocks = []
    for inputs, outputs, stride in resnet_shapes():
        block = {
            "conv 1": filters(3, inputs, outputs),
            "norm 1": scale_and_shift(outputs),
            "conv 2": filters(3, outputs, outputs),
            "norm 2": scale_and_shift(outputs),
        }
        if stride != 1 or inputs != outputs:
            block |= {"short cut": filters(1, inputs, outputs), "norm 3": scale_and_shift(outputs)}
        blocks.append(block)
    return {"conv": filters(3, 3, 64), "norm": scale_and_shift(64), "blocks": blocks, "head": dense(512, classes)}


def resnet_state() -> list[dict[str, np.ndarray]]:
    """Running means and variances, one entry for each batch norm, in the order of their calls."""
    features = [64]
    for inputs, outputs, stride in resnet_shapes():
        features += [outputs] * (3 if stride != 1 or inputs != outputs else 2)
    return [{"mean": np.zeros(n, np.float32), "var": np.ones(n, np.float32)} for n in features]


def resnet_loss(ops: Any, params: Any, state: Any, x: Any, y: Any) -> Any:
    old, new = iter(state), []

    def norm(x: Any, layer: Any) -> Any:
        x, running = ops.batch_norm(x, layer["scale"], layer["shift"], next(old))
        new.append(running)
        return x

    x = ops.relu(norm(ops.conv(x, params["conv"], 1, 1), params["norm"]))
    for block, (_, _, stride) in zip(params["blocks"], resnet_shapes(), strict=True):
        z = ops.relu(norm(ops.conv(x, block["conv 1"], stride, 1), block["norm 1"]))
        z = norm(ops.conv(z, block["conv 2"], 1, 1), block["norm 2"])
        if "short cut" in block:
            x = norm(ops.conv(x, block["short cut"], stride, 0), block["norm 3"])
        x = ops.relu(x + z)
    features = ops.mean_of_image(x)
    return ops.cross_entropy(ops.linear(features, params["head"]["w"], params["head"]["b"]), y), new


def resnet_flops(batch: int, side: int = 32) -> float:
    """Of a step's products: forward, and with respect to weights and data; the images have no gradient."""
    forward, first = 0.0, 2.0 * side * side * 9 * 3 * 64
    for inputs, outputs, stride in resnet_shapes():
        side //= stride
        taps = 9 * inputs + 9 * outputs + (inputs if stride != 1 or inputs != outputs else 0)
        forward += 2.0 * side * side * taps * outputs
    return batch * (3 * forward + 2 * first)


# ---- single functions --------------------------------------------------------------------------


def gelu_sum(ops: Any, x: Any, b: Any, m: Any) -> Any:
    return ops.sum(ops.gelu(x + b) * m)


def layer_norm_sum(ops: Any, x: Any, scale: Any, shift: Any, m: Any) -> Any:
    return ops.sum(ops.layer_norm(x, scale, shift) * m)


def cross_entropy(ops: Any, logits: Any, classes: Any) -> Any:
    return ops.cross_entropy(logits, classes)


OPERATIONS = 200


def sines(ops: Any, x: Any) -> Any:
    for _ in range(OPERATIONS):
        x = ops.sin(x)
    return ops.sum(x)


def lstm_loss(ops: Any, w: Any, u: Any, b: Any, xs: Any) -> Any:
    """The mean square of an LSTM's states; gates in PyTorch's order: input, forget, cell, output."""
    hs = ops.lstm(w, u, b, xs)
    return ops.mean(hs * hs)


def lstm_by_scan(ops: Any, w: Any, u: Any, b: Any, xs: Any) -> Any:
    n = u.shape[0]

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        gates = x @ w + h @ u + b
        i, f, g, o = (gates[..., k * n : (k + 1) * n] for k in range(4))
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return (h, c), h

    zero = ops.zeros((xs.shape[1], n))
    return ops.scan(step, (zero, zero), xs)[1]


def logistic_loss(ops: Any, w: Any, x: Any, y: Any) -> Any:
    """Two layers whose parameters are one vector, so that they have a Hessian."""
    hidden = ops.tanh(x @ w[:160].reshape((20, 8)))
    return ops.mean(ops.softplus(-y * (hidden @ w[160:])))
