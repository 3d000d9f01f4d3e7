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
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from itertools import pairwise
from typing import Any

from .. import config

__all__ = ["WORTH_SHARING", "each_part", "parts"]

# Multiplications, below which one thread is done before others are awake: handing out costs about 50 us
WORTH_SHARING = 1_000_000


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
            found = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
            # OpenMP counts threads for each caller apart: what one of ours sets does not bind the others
            self._libraries = [library for library in found if getattr(library, "threading_layer", "") != "openmp"]
        return min((library.get_num_threads() for library in self._libraries), default=1)

    def _set(self, threads: int) -> None:
        for library in self._libraries or ():
            # threadpoolctl lets only the thread that first set OpenBLAS's count set it again, and ignores all others:
            # then the last of several users could not give back what the first one took
            getattr(library, "_real_set_num_threads", library.set_num_threads)(threads)


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
    threads = min(config.threads.get() or _blas.threads(), count) if work >= WORTH_SHARING else 1
    edges = [count * i // threads for i in range(threads + 1)] if threads else [0, count]
    return [slice(a, b) for a, b in pairwise(edges)]


def each_part(work: Callable[[slice], Any], cuts: list[slice]) -> list[Any]:
    """What `work` returns for each part, all at once on the threads.

    The caller takes parts like any other thread, and waits for none that has not begun. So a part may itself be
    shared out, a pool that others keep busy only makes it slower, and it works where no thread can start any more.
    """
    found: list[Any] = [None] * len(cuts)
    left = deque(enumerate(cuts))

    def take_parts() -> None:
        while left:
            try:
                place, cut = left.popleft()
            except IndexError:  # another thread took the last one
                return
            found[place] = work(cut)

    with _blas:
        others = _start(take_parts, len(cuts) - 1)
        try:
            take_parts()
        finally:  # after an error too nobody works on behind the caller's back
            left.clear()
            errors = [other.exception() for other in others if not other.cancel()]
    for error in filter(None, errors):
        raise error
    return found


def _start(work: Callable[[], None], count: int) -> list[Any]:
    """The same work begun on so many threads of the pool, with the caller's settings (`np.errstate`)."""
    begun: list[Any] = []
    for _ in range(count):
        try:
            begun.append(_executor(count).submit(copy_context().run, work))
        except RuntimeError:  # the interpreter is shutting down, and starts no more threads
            break
    return begun
