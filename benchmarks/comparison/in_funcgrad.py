"""funcgrad's side of the table: eager, under `jit`, and without the help of a compiler and of oneDNN."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import config, optim

from .models import lstm_by_scan
from .training import repeated, step_of

Run = Callable[[], Any]


def batch_norm(x: Any, scale: Any, shift: Any, running: Any) -> Any:
    axes, n = (0, 1, 2), x.size // x.shape[-1]
    mean, var = x.mean(axes), x.var(axes)
    new = {
        "mean": running["mean"] + 0.1 * (mean - running["mean"]),
        "var": running["var"] + 0.1 * (var * (n / (n - 1)) - running["var"]),
    }
    return F.batch_norm(x, mean, var, scale, shift), new


OPS = SimpleNamespace(
    mean=fnp.mean,
    sum=fnp.sum,
    sin=fnp.sin,
    tanh=fnp.tanh,
    sigmoid=F.sigmoid,
    relu=F.relu,
    softplus=F.softplus,
    gelu=F.gelu,
    linear=F.linear,
    embedding=lambda table, tokens: table[tokens],
    layer_norm=F.layer_norm,
    cross_entropy=F.cross_entropy,
    causal_attention=lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    conv=lambda x, w, stride, padding: F.conv2d(x, w, stride=stride, padding=padding),
    batch_norm=batch_norm,
    mean_of_image=lambda x: x.mean((1, 2)),
    zeros=fnp.zeros,
    scan=fg.scan,
)
OPS.lstm = lambda *args: lstm_by_scan(OPS, *args)


def without_onednn() -> None:
    """NumPy and our own kernels do all the work, as they do where there is no oneDNN to turn off."""
    if hasattr(config, "onednn"):
        config.onednn(False)


class Funcgrad:
    """What a row asks of funcgrad."""

    def __init__(self, *, jit: bool = True, helped: bool = True, device: str = "cpu"):
        self.device = fg.device(device)
        fg.default_device(self.device)
        self.jit: Any = fg.jit if jit else lambda f, **_: f
        config.disable_jit(not jit)  # for the steps of the examples, which are jitted
        if not helped:
            config.c_compiler("never")
            without_onednn()

    def given(self, tree: Any) -> Any:
        return fg.device_put(tree, self.device)

    def images(self, x: Any) -> Any:
        return fg.device_put(x, self.device)

    def synchronize(self) -> None:
        """Wait until a GPU has done what it was given."""
        fg.synchronize(self.device)

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
        rule = getattr(optim, optimiser)(**settings)
        both = fg.value_and_grad(lambda params, state, *batch: loss(OPS, params, state, *batch), has_aux=True)

        compiled = self.jit(step_of(both, rule, optim.apply_updates), donate_argnums=(0, 1) if donate else ())
        run = repeated(compiled, [params, rule.init(params), state], batch)
        run.jitted = compiled  # type: ignore[attr-defined]
        return run

    def gradient(self, f: Any, argnums: tuple[int, ...], args: Any) -> Run:
        """Value and gradients of f(ops, *args)."""
        both = self.jit(fg.value_and_grad(lambda *args: f(OPS, *args), argnums))
        run: Any = lambda: both(*args)[0]  # noqa: E731
        run.jitted = both
        return run

    def per_example(self, loss: Any, params: Any, batch: Any) -> Run:
        def single(params: Any, *example: Any) -> Any:
            return loss(OPS, params, None, *(x[None] for x in example))[0]

        mapped = self.jit(fg.vmap(fg.grad(single), (None, *[0 for _ in batch])))
        run: Any = lambda: mapped(params, *batch)[-1]["w"]  # noqa: E731
        run.jitted = mapped
        return run

    def hessian(self, f: Any, args: Any) -> Run:
        found = self.jit(fg.hessian(lambda *args: f(OPS, *args)))
        run: Any = lambda: found(*args)  # noqa: E731
        run.jitted = found
        return run

    def cnn(self) -> Run:
        import mnist_step

        return mnist_step.funcgrad_step()
