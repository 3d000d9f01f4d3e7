"""The system's C compiler: where it is, what it is, and one file through it.

The flags keep what NumPy has: NaN, infinities, denormals, signed zeros, integers that wrap around, and products that
are rounded before they are added to (`a * b - c` fused into one instruction is not 0 where c is the rounded a * b).
What they give up is only what nobody reads here: errno, and the processor's floating-point flags.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import FuncgradError

__all__ = ["LIBRARY", "MOST_SAID", "SOURCE", "CompileError", "Compiler", "LoadError", "candidates", "cpu"]

SOURCE, LIBRARY = "program.c", "program.so"
"""What the files are called in the folder of a program, on every system: so equal programs have equal bytes."""

MOST_SAID = 600
"""Characters of what a compiler says that a warning repeats."""
ASKING, TIMEOUT = 20, 120
"""Seconds until a compiler counts as hanging: asked for its version, and with a program, which may take a few."""

_BASE = (
    "-O3", "-fPIC", "-shared", "-fwrapv", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
    "-fno-strict-aliasing",  # one buffer may hold floats, and later integers
    # gcc calls one function for the sine and the cosine of a number, which it does not have for vectors
    "-fno-builtin-sin", "-fno-builtin-cos", "-fno-builtin-sinf", "-fno-builtin-cosf",
)  # fmt: skip
_UNDEFINED = ("-undefined", "dynamic_lookup")
"""On macOS: Python's own functions are found when the library is loaded, as they are elsewhere without a word."""


class CompileError(FuncgradError, RuntimeError):
    """A C compiler that failed, hung or could not be run; callers go on with the NumPy program.

    Args:
        message: what happened.
        output: what the compiler said.
        source: the program that it was given.
    """

    def __init__(self, message: str, output: str = "", source: str = ""):
        super().__init__("\n".join(filter(None, (message, output.rstrip()))))
        self.output, self.source = output, source


class LoadError(CompileError):
    """A compiled library that this process cannot load."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler with its flags.

    Args:
        command: its program, and what stands before the flags ("ccache gcc", "gcc -m64").
        version: what it says of itself.
        flags: before the file.
        cpu: the machine that its programs are for.
        libraries: behind the file.
        timeout: the seconds that it may take.
    """

    command: tuple[str, ...]
    version: str
    flags: tuple[str, ...]
    cpu: str
    libraries: tuple[str, ...] = ("-lm",)
    timeout: float = TIMEOUT

    @property
    def threads(self) -> bool:
        """Do its programs run on several threads?"""
        return "-fopenmp" in self.flags

    @property
    def is_gcc(self) -> bool:
        """Is it GNU's? Others call themselves gcc, too."""
        return "Free Software Foundation" in self.version

    @property
    def identity(self) -> str:
        """All that the bytes of a library depend on beside its source."""
        return "\n".join((shlex.join((*self.command, *self.flags, *self.libraries)), self.version, self.cpu))

    def build(self, folder: Path) -> None:
        """Make the library of a folder from the source in it.

        Args:
            folder: where `SOURCE` is and `LIBRARY` comes to be.

        Raises:
            CompileError: if it does not come to be. What is left in the folder then is of no use.
        """
        status, output = _run(
            (*self.command, *self.flags, SOURCE, "-o", LIBRARY, *self.libraries), self.timeout, folder
        )
        if status or not (folder / LIBRARY).exists():
            source = (folder / SOURCE).read_text(errors="replace")
            raise CompileError(f"{shlex.join(self.command)} failed with status {status}", output, source)


def candidates() -> Iterator[Compiler]:
    """The compilers there may be, with flags that each may know: the best first, none tried yet."""
    if os.name != "posix":
        return  # a library for Windows is another matter
    for command in _commands():
        try:
            status, version = _run((*command, "--version"), ASKING)
        except CompileError:
            continue
        if status == 0:
            yield from (Compiler(command, version, flags, cpu()) for flags in _flags())


def _commands() -> Iterator[tuple[str, ...]]:
    """The one that $CC names, else the usual names."""
    try:
        named = shlex.split(os.environ.get("CC", ""))
    except ValueError:  # an open quotation
        return
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        path = shutil.which(command[0])
        if path is not None:
            yield (os.path.abspath(path), *command[1:])


def _flags() -> Iterator[tuple[str, ...]]:
    machine = platform.machine().lower()
    native: tuple[str, ...] = ("-mcpu=native",) if machine in ("arm64", "aarch64") else ("-march=native",)
    if " avx512f " in f" {cpu()} ":
        native += ("-mprefer-vector-width=512",)
    base = (*_BASE, *(_UNDEFINED if platform.system() == "Darwin" else ()))
    for tuned in (native, ()):
        # without OpenMP's threads the loops are still vectorised where they say so
        yield from ((*base, *tuned, openmp) for openmp in ("-fopenmp", "-fopenmp-simd"))
    yield base


_cpu: str | None = None


def cpu() -> str:
    """The processor's model and what it can do, and the C library: what is made for others may crash, or not load."""
    global _cpu
    if _cpu is None:
        names = getattr(os, "confstr_names", {})
        libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in names else ""
        _cpu = f"{platform.system()} {platform.machine()} {libc}\n{_features()}"
    return _cpu


def _features() -> str:
    if platform.system() == "Darwin":
        return _run(("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"), ASKING)[1]
    try:
        with open("/proc/cpuinfo") as file:
            found: list[str] = []
            for line in file:
                name = line.partition(":")[0].strip().lower()
                if not name and found:  # the end of the first processor's lines
                    break
                if name in ("model name", "flags", "features", "cpu implementer", "cpu part", "cpu variant", "isa"):
                    found.append(line.partition(":")[2].strip())
            return "\n".join(found)
    except OSError:
        return platform.processor()


def _run(command: tuple[str, ...], seconds: float, folder: Path | None = None) -> tuple[int, str]:
    """The status and the output of a program, which is dead when this returns or raises, as are its children."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # a group of its own, which can be ended as a whole
        )
    except OSError as error:
        raise CompileError(f"{command[0]} cannot be run: {error}") from error
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise CompileError(f"{command[0]} did not end in {seconds:g} seconds") from error
    finally:  # also when a KeyboardInterrupt comes
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it ends by itself just now
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, output.decode(errors="replace")
