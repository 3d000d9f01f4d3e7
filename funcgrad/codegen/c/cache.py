"""Compiled programs on disk, so that a process starts with what another one has compiled.

    ~/.cache/funcgrad/v1/<key>/program.c        the source, to be read
                              /program.so       the library
                              /digest           of the library's bytes

The key is a hash of all that the library depends on: source, compiler, flags, processor. An entry is made in a folder
of another name and renamed, so it is there as a whole or not at all, however many processes make it at once. A library
that does not have its digest (truncated, overwritten) or that others may write is never loaded: it is thrown away and
made again. Only its owner may write the folder; one that others own or may write is not used, and neither is one that
cannot be written: then programs are kept in a temporary folder for as long as the process lives.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import platform
import shutil
import stat
import tempfile
import threading
import time
from hashlib import sha256
from pathlib import Path

from .compiler import LIBRARY, SOURCE, CompileError, Compiler

__all__ = ["Cache", "default_folder"]

DIGEST = "digest"
MOST_BYTES = 256 * 2**20
"""What a cache may hold: some thousand programs."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MAKING = "making-"
_LEFT_BEHIND = 3600
"""Seconds after which a folder in the making belongs to a process that has died."""


def default_folder() -> Path | None:
    """$FUNCGRAD_CACHE_DIR, or funcgrad's place in the user's folder for such things; None where there is none."""
    named = os.environ.get("FUNCGRAD_CACHE_DIR")
    if named:
        return Path(named).absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):  # the standard says that others are to be ignored
        return Path(xdg, "funcgrad")
    try:
        home = Path.home()
    except RuntimeError:  # a user without one
        return None
    return home.joinpath(*(("Library", "Caches") if platform.system() == "Darwin" else (".cache",)), "funcgrad")


class Cache:
    """A folder of compiled programs.

    Args:
        folder: where; made if need be. None is a temporary one.
        most_bytes: beyond which those that were not used for longest are removed.
    """

    def __init__(self, folder: Path | None, most_bytes: int = MOST_BYTES):
        self._shared = None if folder is None else folder / "v1"
        self._own: Path | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self.most_bytes = most_bytes

    def library(self, source: str, compiler: Compiler) -> Path:
        """The compiled program of that source, made if it is not there.

        Args:
            source: in C.
            compiler: what makes it.

        Returns:
            The path of a library whose bytes are what the compiler made.

        Raises:
            CompileError: if the compiler fails, or there is no place to write to.
        """
        key = sha256(f"{compiler.identity}\n{source}".encode()).hexdigest()[:40]
        for folder in filter(None, (self._shared, self._own)):
            entry = folder / key
            # who may write the folder above could put another one in its place; that of temporary ones sees to it
            if _is_private(folder, *([folder.parent] if folder is self._shared else [])) and _is_sound(entry):
                with contextlib.suppress(OSError):  # a folder to read only keeps no times
                    os.utime(entry)
                return entry / LIBRARY
        return self._make(key, source, compiler)

    def _make(self, key: str, source: str, compiler: Compiler) -> Path:
        if self._shared is not None and _is_there(self._shared):
            try:
                return self._make_in(self._shared, key, source, compiler)
            except OSError:  # read only, or full: the temporary folder may be on another disk
                pass
            except CompileError as error:
                if not any(os.strerror(code) in error.output for code in _FULL):
                    raise
        try:
            return self._make_in(self._temporary(), key, source, compiler)
        except OSError as error:
            raise CompileError(f"there is no folder to compile in: {error}", source=source) from error

    def _make_in(self, folder: Path, key: str, source: str, compiler: Compiler) -> Path:
        making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=folder))
        try:
            (making / SOURCE).write_text(source)
            compiler.build(making)
            (making / DIGEST).write_text(sha256((making / LIBRARY).read_bytes()).hexdigest())
            for name in (SOURCE, LIBRARY, DIGEST):
                (making / name).chmod(0o700 if name == LIBRARY else 0o600)  # whatever the umask made of it
            entry = _put(making, folder / key)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        with contextlib.suppress(OSError):  # the next one may be able to
            self._tidy(folder, entry)
        return entry / LIBRARY

    def _temporary(self) -> Path:
        """A folder of this process alone, which goes with it."""
        with self._lock:
            if self._own is None or not self._own.exists() or self._pid != os.getpid():
                self._own, self._pid = Path(tempfile.mkdtemp(prefix="funcgrad-")), os.getpid()
                atexit.register(_remove, self._own, self._pid)
            return self._own

    def _tidy(self, folder: Path, keep: Path) -> None:
        """Remove what was not used for longest, down to the bound, and what dead processes left in the making."""
        entries, total = [], 0
        for entry in list(folder.iterdir()):
            with contextlib.suppress(OSError):  # another process tidies up as well
                used = entry.lstat().st_mtime
                if entry.name.startswith(_MAKING):
                    if time.time() - used > _LEFT_BEHIND:
                        shutil.rmtree(entry, ignore_errors=True)
                    continue
                size = sum((entry / name).lstat().st_size for name in os.listdir(entry))
                total += size
                if entry.name != keep.name:
                    entries.append((used, size, entry))
        for _, size, entry in sorted(entries):
            if total <= self.most_bytes:
                break
            _discard(entry)
            total -= size

    def forget_locks(self) -> None:
        """In a forked child the lock may be one that a thread of the parent's held."""
        self._lock = threading.Lock()


def _is_there(folder: Path) -> bool:
    """Is that a folder which this user alone may write, made now if it was not there?"""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return False
    return _is_private(folder, folder.parent)


def _is_private(*folders: Path) -> bool:
    """May nobody else put something there?"""
    try:
        return all(_is_own(status) and stat.S_ISDIR(status.st_mode) for status in (f.stat() for f in folders))
    except OSError:
        return False


def _is_own(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_sound(entry: Path) -> bool:
    """Is the library there, this user's, and what the compiler made?"""
    try:
        digest = _read(entry / DIGEST)
        return bool(digest) and sha256(_read(entry / LIBRARY)).hexdigest().encode() == digest
    except OSError:
        return False


def _read(path: Path) -> bytes:
    """The bytes of a file; of one that somebody else could have put there, an error."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not (stat.S_ISREG(status.st_mode) and _is_own(status)):
            raise PermissionError(f"{path} may be written by others")
        return file.read()


def _put(making: Path, entry: Path) -> Path:
    """Give a finished folder its name, unless somebody was first."""
    for _ in range(10):
        try:
            os.rename(making, entry)
            return entry
        except OSError:
            if not entry.exists() and not entry.is_symlink():
                raise  # not because of an entry: the disk
        if _is_sound(entry):
            return entry
        _discard(entry)
    raise FileExistsError(f"{entry} cannot be replaced")


def _discard(entry: Path) -> None:
    """Remove an entry, which nobody sees half removed."""
    if not entry.is_dir() or entry.is_symlink():
        entry.unlink(missing_ok=True)
        return
    grave = Path(tempfile.mkdtemp(prefix=_MAKING, dir=entry.parent))
    with contextlib.suppress(FileNotFoundError):  # another process removes it, too
        os.rename(entry, grave / "entry")
    shutil.rmtree(grave, ignore_errors=True)


def _remove(folder: Path, pid: int) -> None:
    """At exit; a forked child that exits does not take its parent's folder away."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)
