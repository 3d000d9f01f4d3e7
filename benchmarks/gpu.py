"""Training steps and functions on a GPU: funcgrad eager and under `jit`, beside PyTorch and JAX.

    python benchmarks/gpu.py [--rows R,R] [--columns C,C] [--seconds S] [--save FILE]

The rows are those of `table.py`. Each library runs in a process of its own, one after the other: a GPU is not shared.
A call is timed until the GPU has done all of it. `--device cpu` tries the script out where there is no GPU.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import statistics
import subprocess
import sys
import time
import traceback
from typing import Any

from comparison.rows import ROWS, Row
from comparison.worker import COLUMNS, samples
from saving import save

SHOWN = ("linear", "mlp", "transformer", "gelu", "softmax", "layer-norm", "resnet", "tiny", "per-example", "hessian")
COMPARED = ("torch", "jax.jit", "funcgrad", "funcgrad jit")
WARM_CALLS = 8


def name_of(device: str) -> str:
    """What the GPU calls itself."""
    if device == "cpu":
        return "cpu"
    shown = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.strip()


def loss_of(result: Any) -> float:
    """A number that libraries are compared by: the loss, or the sum of what came out."""
    return float(result.detach().sum() if hasattr(result, "detach") else result.sum())


def measured(lib: Any, row: Row, seconds: float) -> dict[str, Any]:
    """The first result, the time until it was there, and the median time of later ones."""
    run = row.build(lib)

    def whole() -> Any:
        found = run()
        lib.synchronize()
        return found

    start = time.perf_counter()
    first = loss_of(whole())
    took = time.perf_counter() - start
    for _ in range(WARM_CALLS):
        whole()
    return {"result": first, "first_call": took, "seconds": statistics.median(samples(whole, seconds)) / row.per}


def of_library(column: str, rows: list[str], device: str, seconds: float) -> dict[str, Any]:
    """All rows of one library, in this process; an error in a row is its answer."""
    module, name, options = COLUMNS[column]
    lib = getattr(importlib.import_module(f"comparison.{module}"), name)(**options, device=device)
    found: dict[str, Any] = {}
    for row in rows:
        try:
            found[row] = measured(lib, ROWS[row], seconds)
        except Exception:
            found[row] = {"error": traceback.format_exc()}
    return found


def in_process(column: str, options: argparse.Namespace) -> dict[str, Any]:
    """What a process of its own answers for a library."""
    command = [sys.executable, __file__, "--worker", column, "--rows", options.rows, "--device", options.device]
    run = subprocess.run([*command, "--seconds", str(options.seconds)], capture_output=True, text=True)
    lines = run.stdout.strip().splitlines()
    if run.returncode or not lines:
        return {row: {"error": run.stderr[-2000:]} for row in options.rows.split(",")}
    return dict(json.loads(lines[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(SHOWN))
    parser.add_argument("--columns", default=",".join(COMPARED))
    parser.add_argument("--seconds", type=float, default=0.3, help="for each row and library")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--save", metavar="FILE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = options.rows.split(",")
    if options.worker:
        print(json.dumps(of_library(options.worker, rows, options.device, options.seconds)))
        return

    columns = options.columns.split(",")
    found = {column: in_process(column, options) for column in columns}
    print(f"{'':42}" + "".join(f"{column:>15}" for column in columns))
    for row in rows:
        shown = [found[column][row] for column in columns]
        times = [f"{1e6 * a['seconds']:.0f} us" if "seconds" in a else "failed" for a in shown]
        print(f"{ROWS[row].title:42.42}" + "".join(f"{text:>15}" for text in times), flush=True)
    for column in columns:
        for row in rows:
            if "error" in found[column][row]:
                print(f"\n{column}, {row}:\n{found[column][row]['error']}", file=sys.stderr)
    if options.save:
        libraries = {"torch": "torch", "jax.jit": "jax"}
        used = [libraries[column] for column in columns if column in libraries]
        used += importlib.metadata.packages_distributions().get("cupy", [])
        save(options.save, used, {"gpu": name_of(options.device), "rows": found})


if __name__ == "__main__":
    main()
