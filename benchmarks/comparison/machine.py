"""What the machine can do at most, and whether it is doing something else meanwhile."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

PEAKS = r"""
typedef float wide __attribute__((vector_size(64)));
float products(long turns) {          /* 2 * 16 lanes * 16 chains * turns operations for each thread */
    float total = 0;
    #pragma omp parallel reduction(+:total)
    {
        wide sums[16], x, y;
        for (int i = 0; i < 16; i++) {
            x[i] = 1e-3f * i;
            y[i] = 1e-4f * i;
            for (int k = 0; k < 16; k++) sums[k][i] = 1 + k;  /* chains that differ, or they would be one */
        }
        for (long t = 0; t < turns; t++)
            #pragma GCC unroll 16
            for (int k = 0; k < 16; k++) sums[k] = sums[k] * x + y;
        for (int k = 0; k < 16; k++) total += sums[k][3];
    }
    return total;
}
float reads(const float *values, long n) {
    float total = 0;
    #pragma omp parallel for simd reduction(+:total) schedule(static)
    for (long i = 0; i < n; i++) total += values[i];
    return total;
}
"""


def _best(work: Callable[[], object], times: int) -> float:
    """The least time of some calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def measure(threads: int, sizes: Iterable[int]) -> dict[str, float]:
    """Floating-point operations a second under "flops", and bytes a second that are read from so many bytes.

    Loops in C where there is a compiler, else NumPy's product and sum.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        a = np.ones((2048, 2048), np.float32)
        found = {"flops": 2 * 2048**3 / _best(lambda: a @ a, 10)}
        return found | {str(n): n / _best(np.ones(n // 4, np.float32).sum, 20) for n in sizes}
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "peaks.c"), Path(folder, "peaks.so")
        source.write_text(PEAKS)
        flags = ["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512", "-fopenmp", "-shared", "-fPIC"]
        subprocess.run([compiler, *flags, str(source), "-o", str(library)], check=True)
        os.environ["OMP_NUM_THREADS"] = str(threads)
        loops = ctypes.CDLL(str(library))
    loops.products.argtypes, loops.products.restype = [ctypes.c_long], ctypes.c_float
    loops.reads.argtypes, loops.reads.restype = [ctypes.c_void_p, ctypes.c_long], ctypes.c_float
    turns = 500_000
    found = {"flops": threads * 2 * 16 * 16 * turns / _best(lambda: loops.products(turns), 30)}
    for n in sizes:
        values = np.ones(n // 4, np.float32)
        found[str(n)] = n / _best(lambda values=values: loops.reads(values.ctypes.data, values.size), 20)
    return found


class Watch:
    """Notices when others use the processors, by a fixed piece of work and by the system's own account."""

    SLOWER, OTHERS = 1.15, 0.15
    """So much longer than the best that was seen, or so many processors used by others, is noise."""

    def __init__(self, threads: int, best: float = float("inf")):
        self.threads, self.best = threads, best
        self.processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

    def calibrate(self) -> float:
        """The time of work in cache and through memory on all threads, as a multiple of the best."""
        arrays = [np.ones(n, np.float32) for n in (1 << 14, 1 << 22) for _ in range(self.threads)]

        def work(small: np.ndarray, large: np.ndarray) -> None:
            for _ in range(400):
                np.sqrt(small, out=small)
            for _ in range(4):
                np.add(large, 1, out=large)

        def once() -> None:
            team = [
                threading.Thread(target=work, args=(arrays[i], arrays[i + self.threads])) for i in range(self.threads)
            ]
            for thread in team:
                thread.start()
            for thread in team:
                thread.join()

        found = []
        for _ in range(7):
            start = time.perf_counter()
            once()
            found.append(time.perf_counter() - start)
        self.best = min(self.best, *found)
        return sorted(found)[3] / self.best

    def account(self, processes: Iterable[int]) -> tuple[float, float, float]:
        """Now, the seconds that our processors have worked, and the seconds of it that were for us; 0 if unknown."""
        tick = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
        try:
            lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
            names = {f"cpu{i}" for i in self.processors}
            # user, nice, system, interrupts, and what a hypervisor gave to others; not idle, nor waiting
            busy = sum(sum(int(x[i]) for i in (1, 2, 3, 6, 7, 8)) for x in lines if x[0] in names) / tick
        except OSError:
            return time.perf_counter(), 0.0, 0.0
        ours = sum(
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
        for process in processes:
            try:
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            except FileNotFoundError:  # it has ended, and is among the children
                continue
            ours += sum(int(x) for x in fields[11:15]) / tick  # its own and its children's
        return time.perf_counter(), busy, ours

    @staticmethod
    def others(before: tuple[float, float, float], after: tuple[float, float, float]) -> float:
        """How many processors others have used in between."""
        elapsed, busy, ours = (b - a for a, b in zip(before, after, strict=True))
        return max(0.0, (busy - ours) / elapsed)
