"""PyTorch's side of the table: eager, channels last, or through `torch.compile`."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import optree
import torch
import torch.nn.functional as functional

Run = Callable[[], Any]
OPTIMISERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def batch_norm(x: Any, scale: Any, shift: Any, running: Any) -> Any:
    mean, var = running["mean"], running["var"]
    return functional.batch_norm(x, mean, var, scale, shift, training=True, momentum=0.1), running


def lstm(w: Any, u: Any, b: Any, xs: Any) -> Any:
    """PyTorch's own LSTM, which has its loop in C++."""
    zero = torch.zeros((1, xs.shape[1], u.shape[0]), device=xs.device)
    weights = [w.t(), u.t(), b, torch.zeros_like(b)]
    return torch.lstm(xs, (zero, zero), weights, True, 1, 0.0, True, False, False)[0]


OPS = SimpleNamespace(
    mean=torch.mean,
    sum=torch.sum,
    sin=torch.sin,
    tanh=torch.tanh,
    relu=torch.relu,
    softplus=functional.softplus,
    gelu=lambda x: functional.gelu(x, approximate="tanh"),
    linear=lambda x, w, b: functional.linear(x, w.t(), b),
    embedding=lambda table, tokens: functional.embedding(tokens, table),
    layer_norm=lambda x, scale, shift: functional.layer_norm(x, scale.shape, scale, shift),
    cross_entropy=functional.cross_entropy,
    causal_attention=lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, is_causal=True),
    conv=lambda x, w, stride, padding: functional.conv2d(x, w, stride=stride, padding=padding),
    batch_norm=batch_norm,
    mean_of_image=lambda x: x.mean((2, 3)),
    lstm=lstm,
)


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


class Torch:
    """What a row asks of PyTorch."""

    def __init__(self, *, channels_last: bool = False, compiled: bool = False, device: str = "cpu"):
        torch.set_num_threads(processors())
        self.device = device
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.channels_last, self.compiled = channels_last, compiled

    def given(self, tree: Any) -> Any:
        """NumPy's arrays as tensors; of four axes they are filters, HWIO."""
        return optree.tree_map(
            lambda x: self._laid_out(x, (3, 2, 0, 1)) if x.ndim == 4 else torch.from_numpy(x).to(self.device), tree
        )

    def images(self, x: Any) -> Any:
        return self._laid_out(x, (0, 3, 1, 2))

    def _laid_out(self, x: Any, axes: tuple[int, ...]) -> Any:
        return torch.from_numpy(x.transpose(axes).copy()).to(self.device).contiguous(memory_format=self.format)

    def synchronize(self) -> None:
        """Wait until a GPU has done what it was given."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def compile(self, f: Any) -> Any:
        return torch.compile(f) if self.compiled else f

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
        """A step on parameters that it changes."""
        params = optree.tree_map(lambda p: p.clone().requires_grad_(), params)
        leaves = optree.tree_leaves(params)
        settings["lr"] = settings.pop("learning_rate")
        value = self.compile(lambda params, *batch: loss(OPS, params, state, *batch)[0])
        # one kernel for an array's whole update; for arrays of five numbers a loop in Python is faster
        small = sum(leaf.numel() for leaf in leaves) < 1000
        update = OPTIMISERS[optimiser](leaves, **settings, **({"foreach": False} if small else {"fused": True}))

        def run() -> Any:
            found = value(params, *batch)
            found.backward()
            update.step()
            update.zero_grad()
            return found

        def plain() -> Any:
            found = value(params, *batch)
            found.backward()
            with torch.no_grad():
                for leaf in leaves:
                    leaf.sub_(leaf.grad, alpha=settings["lr"])
                    leaf.grad = None
            return found

        return plain if small and optimiser == "sgd" else run

    def gradient(self, f: Any, argnums: tuple[int, ...], args: Any) -> Run:
        """Value and gradients of f(ops, *args)."""
        args = [x.clone().requires_grad_() if i in argnums else x for i, x in enumerate(args)]
        leaves, f_compiled = [args[i] for i in argnums], self.compile(lambda *args: f(OPS, *args))

        def run() -> Any:
            value = f_compiled(*args)
            torch.autograd.grad(value, leaves)
            return value

        return run

    def per_example(self, loss: Any, params: Any, batch: Any) -> Run:
        """The gradient of each example's loss; of the last layer's matrix, to be compared."""

        def single(params: Any, *example: Any) -> Any:
            return loss(OPS, params, None, *(x[None] for x in example))[0]

        mapped = self.compile(torch.func.vmap(torch.func.grad(single), (None, *[0 for _ in batch])))
        return lambda: mapped(params, *batch)[-1]["w"]

    def hessian(self, f: Any, args: Any) -> Run:
        """The Hessian of f(ops, *args) in the first argument."""
        found = self.compile(torch.func.hessian(lambda *args: f(OPS, *args)))
        return lambda: found(*args)

    def cnn(self) -> Run:
        import mnist_step

        run = mnist_step.torch_step(self.channels_last, self.compile)
        torch.set_num_threads(processors())
        return run
