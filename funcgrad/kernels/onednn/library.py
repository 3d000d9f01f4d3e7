"""oneDNN's shared library: found and loaded at the first work that is large enough for it, and at peace with forks."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from ... import config
from .. import threads
from ..openmp import short_spins
from . import declarations as c

__all__ = ["Library", "library", "why_not"]

_WHEEL = "onednn-cpu-gomp"
_FILE = "libdnnl.so.3"

# A call that needs more scratch memory than this gives it back
_KEPT_SCRATCH_BYTES = 64 << 20


class Library:
    """The loaded library with its engine.

    Attributes:
        ffi: cffi's names of types, and its allocations.
        dnnl: oneDNN's functions.
        omp: those of the OpenMP that runs its threads.
        engine: the CPU.
        making: held while primitives are made, and during a fork, so that no child inherits one half made.
    """

    def __init__(self, ffi: Any, dnnl: Any, omp: Any):
        self.ffi, self.dnnl, self.omp = ffi, dnnl, omp
        self.making = threading.RLock()
        engine = ffi.new("dnnl_engine_t *")
        self.check(dnnl.dnnl_engine_create(engine, c.CPU, 0))
        self.engine = engine[0]  # lives as long as the process, as the library does
        self._own = threading.local()

    def check(self, status: int) -> None:
        """Raise what a function of oneDNN returned, if not success."""
        if status:
            error = MemoryError if status == c.OUT_OF_MEMORY else RuntimeError
            raise error(f"oneDNN: {c.STATUS.get(status, f'status {status}')}")

    def threads(self, work: int) -> int:
        """How many threads take part in so many multiplications: `config.threads`, or what OpenMP is let use.

        A primitive deals out its work beforehand and waits for every part, so as many threads must come as are counted
        on, and they do not come above OpenMP's limit, nor to what is itself one of OpenMP's parts.
        """
        if work < threads.WORTH_SHARING or self.omp.omp_in_parallel():
            return 1
        return min(config.threads.get() or self.omp.omp_get_max_threads(), self.omp.omp_get_thread_limit())

    def has_set(self, threads: int) -> bool:
        """Whether OpenMP takes exactly so many threads for what the calling thread asks for."""
        return self.omp.omp_get_max_threads() == threads and not self.omp.omp_get_dynamic()

    @contextmanager
    def using(self, threads: int) -> Iterator[None]:
        """Inside, it does."""
        before, dynamic = self.omp.omp_get_max_threads(), self.omp.omp_get_dynamic()
        self.omp.omp_set_num_threads(threads)
        self.omp.omp_set_dynamic(0)  # else a busy machine would be given fewer
        try:
            yield
        finally:
            self.omp.omp_set_num_threads(before)
            self.omp.omp_set_dynamic(dynamic)

    def stream(self) -> Any:
        """The calling thread's own queue of work."""
        try:
            return self._own.stream
        except AttributeError:
            made = self.ffi.new("dnnl_stream_t *")
            self.check(self.dnnl.dnnl_stream_create(made, self.engine, c.STREAM_IN_ORDER))
            self._own.stream = self.ffi.gc(made[0], self.dnnl.dnnl_stream_destroy)
            return self._own.stream

    def scratch(self, size: int) -> tuple[int, Any]:
        """The address of so many bytes, free until the calling thread asks again, and what keeps them alive."""
        if size <= getattr(self._own, "size", 0):
            return self._own.scratch
        buffer = numpy.empty(size + c.ALIGNMENT, numpy.uint8)
        found = -(-buffer.ctypes.data // c.ALIGNMENT) * c.ALIGNMENT, buffer
        if size <= _KEPT_SCRATCH_BYTES:
            self._own.size, self._own.scratch = size, found
        return found

    def before_fork(self) -> None:
        """End OpenMP's threads, which a child does not have, but would wait for."""
        self.making.acquire()
        self.omp.omp_pause_resource_all(c.PAUSE_HARD)

    def after_fork(self) -> None:
        """Go on, in the parent and in the child."""
        self.making.release()


_lock = threading.Lock()
_loaded: Library | str | None = None  # or why it cannot be


def library() -> Library | None:
    """The library, if it is there and `config.onednn` lets it be used."""
    if not config.onednn.get():
        return None
    found = _loaded if _loaded is not None else _load_once()
    return None if isinstance(found, str) else found


def why_not() -> str | None:
    """Why oneDNN cannot be used here, or None where it can."""
    found = _load_once()
    return found if isinstance(found, str) else None


def _load_once() -> Library | str:
    global _loaded
    with _lock:
        if _loaded is None:
            _loaded = _load()
            if isinstance(_loaded, Library):
                _at_fork(_loaded)
        return _loaded


def _load() -> Library | str:
    # with the search among installed packages, reading the declarations and loading, this takes 70 ms once
    metadata = importlib.import_module("importlib.metadata")
    try:
        wheel = metadata.distribution(_WHEEL)
        cffi = importlib.import_module("cffi")
    except (metadata.PackageNotFoundError, ImportError) as error:
        return f"the extra `fast` is not installed: {error}"
    files = [file for file in wheel.files or () if file.name == _FILE]
    if not files:
        return f"the wheel {_WHEEL} {wheel.version} has no file {_FILE}"
    ffi = cffi.FFI()
    ffi.cdef(c.DECLARATIONS)
    try:
        # never unloaded, not even at exit: OpenMP's threads may be waiting in it
        with short_spins():
            dnnl = ffi.dlopen(str(wheel.locate_file(files[0])), ffi.RTLD_NOW | ffi.RTLD_NODELETE)
        omp = ffi.dlopen("libgomp.so.1", ffi.RTLD_NOW | ffi.RTLD_NODELETE)  # the one that oneDNN has brought in
    except OSError as error:
        return f"oneDNN cannot be loaded: {error}"
    if not hasattr(omp, "omp_pause_resource_all"):
        return "oneDNN would hang forked children: the system's libgomp is older than GCC 9"
    if not dnnl.dnnl_get_effective_cpu_isa() & c.HAS_AVX2:
        return "the CPU has no AVX2, without which oneDNN is no faster than BLAS"
    return Library(ffi, dnnl, omp)


def _at_fork(library: Library) -> None:
    os.register_at_fork(
        before=library.before_fork, after_in_parent=library.after_fork, after_in_child=library.after_fork
    )


def _fresh_lock() -> None:
    """A forked child has not the thread that may have held it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_lock)
