"""One library's process: builds a row, warms up, and times it whenever the parent says so on standard input.

What is said is a line of JSON; the library's own output goes to standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS: dict[str, tuple[str, str, dict[str, bool]]] = {
    "torch": ("in_torch", "Torch", {}),
    "torch channels-last": ("in_torch", "Torch", {"channels_last": True}),
    "torch.compile": ("in_torch", "Torch", {"channels_last": True, "compiled": True}),
    "jax": ("in_jax", "Jax", {"jit": False}),
    "jax.jit": ("in_jax", "Jax", {}),
    "funcgrad": ("in_funcgrad", "Funcgrad", {"jit": False}),
    "funcgrad jit": ("in_funcgrad", "Funcgrad", {}),
    "funcgrad plain": ("in_funcgrad", "Funcgrad", {"helped": False}),
}
CHECKED = 3
"""So many first results are held against the other libraries'."""
WARM_CALLS, WARM_SECONDS = 600, 3.0
"""A program of tiny operations is compiled after 500 calls; what takes longer is compiled sooner."""
SAMPLE = 2e-3
"""The least seconds of calls that are timed as one."""


def side(column: str) -> Any:
    """The library of a column, as it is there."""
    module, name, options = COLUMNS[column]
    return getattr(importlib.import_module(f"comparison.{module}"), name)(**options)


def number(result: Any) -> float:
    """A loss, or the norm of an array: by which libraries are compared."""
    return float(np.linalg.norm(np.asarray(result.detach() if hasattr(result, "detach") else result, np.float64)))


def timed(run: Callable[[], Any], calls: int = 1) -> float:
    """The seconds of a call."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def samples(run: Callable[[], Any], seconds: float) -> list[float]:
    """As many times as go into so many seconds, at least three."""
    calls = max(1, round(SAMPLE / max(timed(run), 1e-9)))
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
        found.append(timed(run, calls))
    return found


def first_calls(run: Callable[[], Any], calls: int = 6) -> dict[str, float]:
    """What it costs until a function runs as fast as it will: the first calls, less as many later ones."""
    first = [timed(run) for _ in range(calls)]
    steady = statistics.median(timed(run) for _ in range(12))
    return {"seconds": sum(first) - calls * steady, "first": first[0], "steady": steady}


def serve(row: Any, column: str, cold: bool) -> None:
    """What the process does; the answers go to the standard output that it started with."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")

    try:
        run = row.build(side(column))
        if cold:
            say(**first_calls(run))
            return
        found = [number(run()) for _ in range(CHECKED)]
        end, calls = time.perf_counter() + WARM_SECONDS, 0
        while calls < 5 or (calls < WARM_CALLS and time.perf_counter() < end):
            run()
            calls += 1
        say(results=found)
        for line in sys.stdin:
            times = samples(run, float(line))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            say(seconds=statistics.median(times), best=min(times), peak_mib=peak)
    except ModuleNotFoundError as error:
        say(missing=error.name)
    except Exception:
        say(error=traceback.format_exc())


class Worker:
    """The parent's end of one such process."""

    def __init__(self, row: str, column: str, limit: float, cold: bool = False, **variables: str):
        script = Path(__file__).parent.parent / "table.py"
        command = [sys.executable, str(script), "--worker", row, column, *(["--cold"] if cold else [])]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"JAX_PLATFORMS": "cpu", **os.environ, **variables},
        )
        self.limit = limit

    def answer(self) -> dict[str, Any]:
        """The next line; {"error": ...} where the process ends or takes too long for it."""
        timer = threading.Timer(self.limit, self.process.kill)
        timer.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        late = not timer.is_alive()
        timer.cancel()
        if line:
            return json.loads(line)
        return {"error": f"no answer in {self.limit:.0f} s" if late else f"ended with {self.process.wait()}"}

    def measure(self, seconds: float) -> dict[str, Any]:
        """The median time in a turn of so many seconds."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, which is the answer
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """Wait for the process, which ends when nothing more is asked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
