"""What turns C source into Python functions on this machine, found once.

tools = toolchain()                       # None: no compiler, go on with NumPy
step, = tools.functions(source, [Entry("step", (Parameter("float *", 100),))])
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .cache import Cache, default_folder
from .compiler import CompileError, Compiler, LoadError, candidates
from .library import Entry, Parameter, entry_text, load

__all__ = ["VECTOR_FUNCTIONS", "Toolchain", "find", "toolchain"]

VECTOR_FUNCTIONS = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "erf", "erfc", "exp", "expm1",
    "hypot", "log", "log10", "log1p", "log2", "pow", "sin", "sinh", "tan", "tanh",
)  # fmt: skip
"""Functions of which the C library may have versions for whole vectors."""


@dataclass(frozen=True)
class Toolchain:
    """A compiler that works, and a cache for what it makes.

    Args:
        compiler: with the flags that it takes.
        cache: of compiled programs.
        native: whether libraries may call Python, and so have their own way in.
        vector_functions: the C library's functions (`expf`, `exp`) that it has for vectors too, and the compiler uses.
    """

    compiler: Compiler
    cache: Cache
    native: bool
    vector_functions: frozenset[str]

    def functions(self, source: str, entries: Sequence[Entry]) -> list[Callable[..., int]]:
        """The functions of a file, compiled or found in the cache.

        Args:
            source: a whole file in C.
            entries: those of its functions that Python calls.

        Returns:
            A Python function for each entry (`library.py`).

        Raises:
            CompileError: if the compiler fails, hangs, or has no place to write to; what it said is in the message.
            LoadError: if what it made cannot be loaded.
        """
        full = source + (entry_text(entries) if self.native else "")
        for last in (False, True):
            path = self.cache.library(full, self.compiler)
            try:
                return load(path, entries)
            except OSError as error:
                # a moment ago it was there; another process, whose cache was full, may have removed it
                if last or path.exists():
                    raise LoadError(f"a compiled program cannot be loaded: {error}", source=full) from error
        raise AssertionError("unreachable")


_PROBE = """#ifdef _OPENMP
extern int omp_get_max_threads(void);
#endif
long probe(long long x)
{
#ifdef _OPENMP
    if (omp_get_max_threads() < 1)
        return 0;
#endif
    return (long)x + 1;
}
"""


def find(cache: Cache) -> Toolchain | None:
    """The first compiler that makes a library which this process can load and call.

    That library comes from the cache where another process has been through this.
    """
    for compiler in candidates():
        for native in (True, False) if entry_text([]) else (False,):
            tools = Toolchain(compiler, cache, native, _vector_functions(compiler))
            try:
                (probe,) = tools.functions(_PROBE, [Entry("probe", (Parameter("long long"),))])
            except LoadError:  # for want of Python's functions, it may be
                continue
            except CompileError:
                break
            if probe(41) == 42:
                return tools
    return None


def _vector_functions(compiler: Compiler) -> frozenset[str]:
    """What GNU's C library has for vectors: each version of it adds some, so its symbols are asked."""
    if not compiler.is_gcc:  # others do not know the attribute by which the functions are declared
        return frozenset()
    try:
        library = ctypes.CDLL("libmvec.so.1")
    except OSError:
        return frozenset()
    # gcc takes all of a processor family's widths for granted: letter and floats in a vector
    widths = (("n", 4),) if platform.machine() == "aarch64" else (("b", 4), ("c", 8), ("d", 8), ("e", 16))
    found = set()
    for name in VECTOR_FUNCTIONS:
        operands = "vv" if name in ("atan2", "hypot", "pow") else "v"
        for suffix, share in (("f", 1), ("", 2)):
            symbols = [f"_ZGV{letter}N{floats // share}{operands}_{name}{suffix}" for letter, floats in widths]
            if all(hasattr(library, symbol) for symbol in symbols):
                found.add(name + suffix)
    return frozenset(found)


# ---- the one of this process -------------------------------------------------------------------

_lock = threading.Lock()
_found: list[Toolchain | None] = []


def toolchain() -> Toolchain | None:
    """This machine's compiler and the user's cache, looked for when first asked; None where there is no compiler."""
    if not _found:
        with _lock:
            if not _found:
                # from the user's folder it may be that nothing can be loaded: on a disk without programs ("noexec")
                _found.append(find(Cache(default_folder())) or find(Cache(None)))
    return _found[0]


def _new_locks() -> None:
    """In a forked child the locks may be ones that a thread of the parent's held."""
    global _lock
    _lock = threading.Lock()
    for tools in filter(None, _found):
        tools.cache.forget_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_locks)
