"""A batch shared out among Python threads, each of which calls BLAS for itself alone.

BLAS's own threads meet after every product. A convolution makes many small ones between copies that they do not
share, and where another process takes one of the cores they wait for each other most of the time: on two cores, the
step of a small network that takes one thread 130 ms took them 600. Threads that each take their part of the images
meet once.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

__all__ = ["each_part", "parts"]


class _Blas:
    """NumPy's BLAS: how many threads it may use, and one while our own run."""

    def __init__(self) -> None:
        self._libraries: list[Any] | None = None
        self._lock = threading.Lock()
        self._users = 0
        self._threads = 1

    def threads(self) -> int:
        """How many threads the user lets BLAS use; 1 where it cannot be told, and so not be limited either."""
        with self._lock:
            return self._threads if self._users else self._read()

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._threads = self._read()
                self._set(1)
            self._users += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:  # the last user, who alone knows that nobody else still counts on one thread
                self._set(self._threads)

    def _read(self) -> int:
        if self._libraries is None:
            # on the first large product: with a look into the process's memory map this costs 10 ms, which
            # `import funcgrad` need not pay
            threadpoolctl = importlib.import_module("threadpoolctl")
            self._libraries = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
        return min((library.get_num_threads() for library in self._libraries), default=1)

    def _set(self, threads: int) -> None:
        for library in self._libraries or ():
            library.set_num_threads(threads)


_blas = _Blas()
_pool: Any = None


def _executor(threads: int) -> Any:
    global _pool
    if _pool is None or _pool._max_workers < threads:
        futures = importlib.import_module("concurrent.futures")  # 5 ms, for the same reason
        _pool = futures.ThreadPoolExecutor(threads, thread_name_prefix="funcgrad")
    return _pool


def _forget() -> None:
    """A forked child has none of its parent's threads, and maybe a lock that one of them held."""
    global _blas, _pool
    _blas, _pool = _Blas(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def parts(count: int, work: int) -> list[slice]:
    """The range of so many items cut evenly, one part a thread; one part where the work is too little to share.

    Args:
        count: of items.
        work: multiplications in all.
    """
    threads = min(_blas.threads(), count) if work >= 1_000_000 else 1  # handing out costs about 50 us
    edges = [count * i // threads for i in range(threads + 1)] if threads else [0, count]
    return [slice(a, b) for a, b in pairwise(edges)]


def each_part(work: Callable[[slice], Any], cuts: list[slice]) -> list[Any]:
    """What `work` returns for each part, all at once on the threads."""
    with _blas:
        if len(cuts) == 1:
            return [work(cuts[0])]
        pool = _executor(len(cuts))
        waiting = [pool.submit(work, cut) for cut in cuts[1:]]
        try:
            first = work(cuts[0])
        finally:  # whatever happens here, the others must not go on beside a BLAS that was let go of
            for future in waiting:
                future.exception()
        return [first, *[future.result() for future in waiting]]
