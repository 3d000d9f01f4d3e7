"""JAX's side of the table: under `jax.jit`, or eager."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from .models import lstm_by_scan
from .training import repeated, step_of

Run = Callable[[], Any]


def layer_norm(x: Any, scale: Any, shift: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * scale + shift


def batch_norm(x: Any, scale: Any, shift: Any, running: Any) -> Any:
    axes, n = (0, 1, 2), x.size // x.shape[-1]
    mean = x.mean(axes)
    var = ((x - mean) ** 2).mean(axes)
    new = {
        "mean": running["mean"] + 0.1 * (mean - running["mean"]),
        "var": running["var"] + 0.1 * (var * (n / (n - 1)) - running["var"]),
    }
    return (x - mean) * (lax.rsqrt(var + 1e-5) * scale) + shift, new


def causal_attention(q: Any, k: Any, v: Any) -> Any:
    scores = (q * q.shape[-1] ** -0.5) @ k.swapaxes(-1, -2)
    seen = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    return jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ v


def conv(x: Any, w: Any, stride: int, padding: int) -> Any:
    around = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, w, (stride, stride), around, dimension_numbers=("NHWC", "HWIO", "NHWC"))


OPS = SimpleNamespace(
    mean=jnp.mean,
    sum=jnp.sum,
    sin=jnp.sin,
    tanh=jnp.tanh,
    sigmoid=jax.nn.sigmoid,
    relu=jax.nn.relu,
    softplus=jax.nn.softplus,
    gelu=jax.nn.gelu,
    linear=lambda x, w, b: x @ w + b,
    embedding=lambda table, tokens: table[tokens],
    layer_norm=layer_norm,
    cross_entropy=lambda x, y: optax.softmax_cross_entropy_with_integer_labels(x, y).mean(),
    causal_attention=causal_attention,
    conv=conv,
    batch_norm=batch_norm,
    mean_of_image=lambda x: x.mean((1, 2)),
    zeros=jnp.zeros,
    scan=lax.scan,
)
OPS.lstm = lambda *args: lstm_by_scan(OPS, *args)


class Jax:
    """What a row asks of JAX."""

    def __init__(self, *, jit: bool = True, device: str = "cpu"):
        if jax.default_backend() != {"cpu": "cpu", "cuda": "gpu"}[device]:
            raise RuntimeError(f"JAX computes on its {jax.default_backend()}, not on {device!r}")
        self.jit = jax.jit if jit else lambda f, **_: f

    def given(self, tree: Any) -> Any:
        return jax.device_put(tree)

    def images(self, x: Any) -> Any:
        return jax.device_put(x)

    def synchronize(self) -> None:
        """What is timed waits already."""

    def training(
        self,
        loss: Any,
        params: Any,
        batch: Any,
        optimiser: str,
        state: Any = None,
        donate: bool = True,
        **settings: Any,
    ) -> Run:
        """A step; parameters and the optimiser's state are donated if so wished."""
        rule = getattr(optax, optimiser)(**settings)
        both = jax.value_and_grad(lambda params, state, *batch: loss(OPS, params, state, *batch), has_aux=True)

        compiled = self.jit(step_of(both, rule, optax.apply_updates), donate_argnums=(0, 1) if donate else ())
        ready = lambda *args: jax.block_until_ready(compiled(*args))  # noqa: E731
        return repeated(ready, [params, rule.init(params), state], batch)

    def gradient(self, f: Any, argnums: tuple[int, ...], args: Any) -> Run:
        """Value and gradients of f(ops, *args)."""
        both = self.jit(jax.value_and_grad(lambda *args: f(OPS, *args), argnums))
        return lambda: jax.block_until_ready(both(*args))[0]

    def per_example(self, loss: Any, params: Any, batch: Any) -> Run:
        def single(params: Any, *example: Any) -> Any:
            return loss(OPS, params, None, *(x[None] for x in example))[0]

        mapped = self.jit(jax.vmap(jax.grad(single), (None, *[0 for _ in batch])))
        return lambda: jax.block_until_ready(mapped(params, *batch))[-1]["w"]

    def hessian(self, f: Any, args: Any) -> Run:
        found = self.jit(jax.hessian(lambda *args: f(OPS, *args)))
        return lambda: jax.block_until_ready(found(*args))

    def cnn(self) -> Run:
        import mnist_step

        return mnist_step.jax_step()
