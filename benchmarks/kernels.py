"""Convolutions, their gradients, and products, as users call them: by oneDNN, in compiled programs, by our own kernels.

Beside PyTorch. In compiled programs convolutions by 3x3 windows have fewer multiplications (Winograd's algorithm).

    python benchmarks/kernels.py [--rows WORD] [--save FILE]

Each side runs in a process of its own, in turn, several rounds. A round keeps each row's fastest call, which a busy
machine disturbs least; the medians over the rounds are compared. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from saving import save

THREADS = 2


class Convolution(NamedTuple):
    """Images (N, H, W, C), a window (H, W, C // groups, O), and how it moves."""

    images: tuple[int, ...]
    window: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    groups: int = 1


CONVOLUTIONS = {
    "mnist conv1": Convolution((100, 28, 28, 1), (3, 3, 1, 32)),
    "mnist conv2": Convolution((100, 26, 26, 32), (3, 3, 32, 64)),
    "resnet 3->64": Convolution((32, 32, 32, 3), (3, 3, 3, 64), 1, 1),
    "resnet 64->64": Convolution((32, 32, 32, 64), (3, 3, 64, 64), 1, 1),
    "resnet 64->128, stride 2": Convolution((32, 32, 32, 64), (3, 3, 64, 128), 2, 1),
    "resnet 64->128, 1x1, stride 2": Convolution((32, 32, 32, 64), (1, 1, 64, 128), 2, 0),
    "resnet 128->128": Convolution((32, 16, 16, 128), (3, 3, 128, 128), 1, 1),
    "resnet 256->256": Convolution((32, 8, 8, 256), (3, 3, 256, 256), 1, 1),
    "resnet 512->512": Convolution((32, 4, 4, 512), (3, 3, 512, 512), 1, 1),
    "depthwise 64": Convolution((32, 32, 32, 64), (3, 3, 1, 64), 1, 1, 64),
    "4 groups of 16": Convolution((32, 32, 32, 64), (3, 3, 16, 64), 1, 1, 4),
}
PRODUCTS = {  # rows, inner, columns, and which operand is the transpose of a contiguous matrix
    "2048 x 2048 x 2048": (2048, 2048, 2048, ""),
    "256 x 256 x 256": (256, 256, 256, ""),
    "linear 100 x 9216 x 128": (100, 9216, 128, ""),
    "linear 100 x 9216 x 128, d(weights)": (9216, 100, 128, "x"),
    "linear 100 x 9216 x 128, d(data)": (100, 128, 9216, "y"),
    "linear 128 x 784 x 512": (128, 784, 512, ""),
    "linear 128 x 784 x 512, d(weights)": (784, 128, 512, "x"),
}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def funcgrad_calls(onednn: bool = True, compiled: bool = False) -> dict[str, Callable[[], Any]]:
    import funcgrad as fg
    import funcgrad.functional as F  # the name that users give it
    import funcgrad.numpy as fnp

    fg.config.onednn(onednn)
    fg.config.threads(THREADS)
    fg.config.c_compiler("always")
    jit: Any = fg.jit if compiled else lambda f: f
    calls: dict[str, Callable[[], Any]] = {}
    for name, (images, window, *options) in CONVOLUTIONS.items():
        stride, padding, groups = options
        x, w = fnp.asarray(noise(*images)), fnp.asarray(noise(*window))

        def convolve(x: Any, w: Any, options: Any = (stride, padding, 1, groups)) -> Any:
            return F.conv2d(x, w, None, *options)

        y, pull_x = fg.vjp(lambda x, w=w, convolve=convolve: convolve(x, w), x)
        _, pull_w = fg.vjp(lambda w, x=x, convolve=convolve: convolve(x, w), w)
        ct = fnp.asarray(noise(*y.shape))
        calls[f"{name}: forward"] = partial(jit(convolve), x, w)
        calls[f"{name}: d(weights)"] = partial(jit(pull_w), ct)
        if images[-1] > 3:  # nobody asks for the gradient of the images themselves
            calls[f"{name}: d(data)"] = partial(jit(pull_x), ct)
    for name, (rows, inner, columns, transposed) in PRODUCTS.items():
        x = fnp.asarray(noise(inner, rows)).T if transposed == "x" else fnp.asarray(noise(rows, inner))
        y = fnp.asarray(noise(columns, inner)).T if transposed == "y" else fnp.asarray(noise(inner, columns))
        calls[name] = partial(jit(fnp.matmul), x, y)
    return calls


def torch_calls() -> dict[str, Callable[[], Any]]:
    import torch

    torch.set_num_threads(THREADS)
    last = torch.channels_last
    calls: dict[str, Callable[[], Any]] = {}
    for name, (images, window, *options) in CONVOLUTIONS.items():
        stride, padding, groups = options
        x = torch.from_numpy(noise(*images)).permute(0, 3, 1, 2).contiguous(memory_format=last)
        w = torch.from_numpy(noise(*window)).permute(3, 2, 0, 1).contiguous(memory_format=last)
        tail = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups)
        ct = torch.randn_like(torch.ops.aten.convolution(x, w, None, *tail))

        def forward(x: Any = x, w: Any = w, tail: Any = tail) -> Any:
            return torch.ops.aten.convolution(x, w, None, *tail)

        def backward(which: list[bool], ct: Any = ct, x: Any = x, w: Any = w, tail: Any = tail) -> Any:
            return torch.ops.aten.convolution_backward(ct, x, w, None, *tail, which)

        calls[f"{name}: forward"] = forward
        calls[f"{name}: d(weights)"] = lambda backward=backward: backward([False, True, False])
        if images[-1] > 3:
            calls[f"{name}: d(data)"] = lambda backward=backward: backward([True, False, False])
    for name, (rows, inner, columns, transposed) in PRODUCTS.items():
        x = torch.from_numpy(noise(inner, rows)).T if transposed == "x" else torch.from_numpy(noise(rows, inner))
        y = torch.from_numpy(noise(columns, inner)).T if transposed == "y" else torch.from_numpy(noise(inner, columns))
        calls[name] = lambda x=x, y=y: x @ y
    return calls


SIDES = {
    "onednn": funcgrad_calls,
    "compiled": lambda: funcgrad_calls(compiled=True),
    "own": lambda: funcgrad_calls(onednn=False),
    "torch": torch_calls,
}


def fastest_ms(call: Callable[[], Any], seconds: float) -> float:
    """The fastest of the calls that this much time allows, after five that are not counted."""
    for _ in range(5):
        call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=list(SIDES), help="time this one, in this process")
    parser.add_argument("--rows", default="", help="only the rows whose name has this in it")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each row and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    if options.side:
        calls = SIDES[options.side]().items()
        print(json.dumps({row: fastest_ms(call, options.seconds) for row, call in calls if options.rows in row}))
        return
    times: dict[str, dict[str, list[float]]] = {}
    for _ in range(options.rounds):
        for side in SIDES:
            command = [sys.executable, __file__, "--side", side, "--rows", options.rows]
            done = subprocess.run([*command, "--seconds", str(options.seconds)], capture_output=True, text=True)
            if done.returncode == 0:
                for row, milliseconds in json.loads(done.stdout.splitlines()[-1]).items():
                    times.setdefault(row, {}).setdefault(side, []).append(milliseconds)
            elif "ModuleNotFoundError" not in done.stderr:
                raise RuntimeError(f"{side} failed:\n{done.stderr}")
    results = {row: {side: statistics.median(found) for side, found in sides.items()} for row, sides in times.items()}
    print(f"{'milliseconds':<44}" + "".join(f"{side:>10}" for side in SIDES) + "   torch / the faster")
    for row, sides in results.items():
        ratio = f"{sides['torch'] / min(sides['onednn'], sides['compiled']):17.2f}" if "torch" in sides else ""
        print(f"{row:<44}" + "".join(f"{sides[side]:10.3f}" for side in SIDES if side in sides) + ratio)
    if options.save:
        peers = ["torch"] if any("torch" in sides for sides in results.values()) else []
        save(options.save, ["onednn-cpu-gomp", *peers], {"milliseconds": results})


if __name__ == "__main__":
    main()
