"""The cache of compiled programs: what it keeps, what it never loads, and who may be at it at the same time.

The compilers here are shell scripts, so no C compiler is needed; the "libraries" are text.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import run_alone

from funcgrad.codegen.c.cache import DIGEST, Cache, default_folder
from funcgrad.codegen.c.compiler import LIBRARY, SOURCE, CompileError, Compiler

pytestmark = pytest.mark.skipif(os.name != "posix", reason="compilers are looked for on POSIX systems")


def script(folder: Path, text: str, timeout: float = 60, flags: tuple[str, ...] = ()) -> Compiler:
    """A compiler that runs a shell script in the folder of the program, and counts its runs."""
    path = folder / "compiler.sh"
    path.write_text(f"echo run >> {folder}/runs\n{text}\n")
    return Compiler(("/bin/sh", str(path)), "version 1", flags, "this processor", (), timeout)


def copying(folder: Path, **options: object) -> Compiler:
    return script(folder, f"cat {SOURCE} > {LIBRARY}", **options)  # type: ignore[arg-type]


def runs(folder: Path) -> int:
    path = folder / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def entries(cache_folder: Path) -> list[str]:
    return sorted(p.name for p in (cache_folder / "v1").iterdir())


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


# ---- what it keeps -----------------------------------------------------------------------------


def test_a_program_is_compiled_once(tmp_path: Path, shared: Path) -> None:
    compiler = copying(tmp_path)
    first = Cache(shared).library("one", compiler)
    assert Cache(shared).library("one", compiler) == first
    assert runs(tmp_path) == 1
    assert first.read_text() == "one"
    assert (first.parent / SOURCE).read_text() == "one"


def test_everything_that_bytes_depend_on_makes_another_entry(tmp_path: Path, shared: Path) -> None:
    base = copying(tmp_path)
    others = [
        Compiler(base.command, "version 2", base.flags, base.cpu, base.libraries),
        Compiler(base.command, base.version, ("-O1",), base.cpu, base.libraries),
        Compiler(base.command, base.version, base.flags, "another processor", base.libraries),
        Compiler(base.command, base.version, base.flags, base.cpu, ("-lm",)),
        Compiler(("/usr/bin/env", *base.command), base.version, base.flags, base.cpu, base.libraries),
    ]
    cache = Cache(shared)
    paths = {cache.library("one", compiler) for compiler in (base, *others)} | {cache.library("two", base)}
    assert len(paths) == 7


def test_what_it_makes_is_for_the_user_alone(tmp_path: Path, shared: Path) -> None:
    before = os.umask(0)
    try:
        path = Cache(shared).library("one", copying(tmp_path))
    finally:
        os.umask(before)
    assert Cache(shared).library("one", copying(tmp_path)) == path
    assert runs(tmp_path) == 1  # so nothing in it may be written by others
    for folder in (shared, shared / "v1", path.parent):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o700


# ---- what is never loaded ----------------------------------------------------------------------


def shorten(entry: Path) -> None:
    (entry / LIBRARY).write_text("on")


def overwrite(entry: Path) -> None:
    (entry / LIBRARY).write_text("two")


def empty(entry: Path) -> None:
    (entry / LIBRARY).write_text("")
    (entry / DIGEST).write_text("")


def lose_the_digest(entry: Path) -> None:
    (entry / DIGEST).unlink()


def lose_the_library(entry: Path) -> None:
    (entry / LIBRARY).unlink()


def open_to_others(entry: Path) -> None:
    (entry / LIBRARY).chmod(0o777)


def link_elsewhere(entry: Path) -> None:
    elsewhere = entry.parent.parent / "elsewhere"
    (entry / LIBRARY).rename(elsewhere)
    (entry / LIBRARY).symlink_to(elsewhere)


def become_a_file(entry: Path) -> None:
    for part in entry.iterdir():
        part.unlink()
    entry.rmdir()
    entry.write_text("one")


def become_a_dead_link(entry: Path) -> None:
    become_a_file(entry)
    entry.unlink()
    entry.symlink_to("nowhere")


@pytest.mark.parametrize(
    "harm",
    [
        shorten, overwrite, empty, lose_the_digest, lose_the_library, open_to_others, link_elsewhere, become_a_file,
        become_a_dead_link,
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_made_is_made_again(harm: Callable[[Path], None], tmp_path: Path, shared: Path) -> None:
    compiler = copying(tmp_path)
    entry = Cache(shared).library("one", compiler).parent
    harm(entry)
    path = Cache(shared).library("one", compiler)
    assert path == entry / LIBRARY
    assert not path.is_symlink()
    assert path.read_text() == "one"
    assert runs(tmp_path) == 2
    assert Cache(shared).library("one", compiler) == path  # and stays
    assert runs(tmp_path) == 2
    assert entries(shared) == [entry.name]


@pytest.mark.parametrize("part", ["", "v1"])
def test_a_folder_that_others_may_write_is_not_used(part: str, tmp_path: Path, shared: Path) -> None:
    compiler = copying(tmp_path)
    known = Cache(shared).library("one", compiler)
    (shared / part).chmod(0o777)
    path = Cache(shared).library("one", compiler)
    assert path != known
    assert shared not in path.parents
    assert path.read_text() == "one"


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = copying(tmp_path)
    known = Cache(shared).library("one", compiler)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)  # so all that is there is somebody else's
    path = Cache(shared).library("one", compiler)
    assert path != known
    assert shared not in path.parents


# ---- no place to write -------------------------------------------------------------------------


def test_where_the_folder_cannot_be_made_a_temporary_one_serves(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "funcgrad")
    compiler = copying(tmp_path)
    path = cache.library("one", compiler)
    assert path.read_text() == "one"
    assert cache.library("one", compiler) == path  # for as long as the process lives
    assert runs(tmp_path) == 1


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_to_read_only_is_read(tmp_path: Path, shared: Path) -> None:
    compiler = copying(tmp_path)
    known = Cache(shared).library("one", compiler)
    (shared / "v1").chmod(0o500)
    try:
        assert Cache(shared).library("one", compiler) == known
        assert shared not in Cache(shared).library("two", compiler).parents
    finally:
        (shared / "v1").chmod(0o700)


def full(*broken: Path) -> Callable[..., str]:
    """`tempfile.mkdtemp` on disks that are full."""
    make = tempfile.mkdtemp

    def mkdtemp(*args: object, dir: object = None, **kwargs: object) -> str:
        if not broken or dir in broken:
            raise OSError(28, "No space left on device")
        return make(*args, dir=dir, **kwargs)  # type: ignore[call-overload,no-any-return]

    return mkdtemp


def test_on_a_full_disk_another_folder_serves(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = copying(tmp_path)
    known = Cache(shared).library("one", compiler)
    monkeypatch.setattr("funcgrad.codegen.c.cache.tempfile.mkdtemp", full(shared / "v1"))
    assert Cache(shared).library("one", compiler) == known
    assert shared not in Cache(shared).library("two", compiler).parents


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_where_the_disk_is_full_for_the_compiler_another_folder_serves(code: int, tmp_path: Path, shared: Path) -> None:
    text = f"case $PWD in {shared}*) echo half > {LIBRARY}; echo 'ld: {os.strerror(code)}'; exit 1;; esac"
    path = Cache(shared).library("one", script(tmp_path, f"{text}; cat {SOURCE} > {LIBRARY}"))
    assert path.read_text() == "one"
    assert shared not in path.parents
    assert entries(shared) == []


def test_without_any_place_it_is_a_compile_error(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funcgrad.codegen.c.cache.tempfile.mkdtemp", full())
    with pytest.raises(CompileError, match=r"no folder to compile in: .*No space left"):
        Cache(shared).library("one", copying(tmp_path))


def test_the_temporary_folder_goes_with_the_process(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from funcgrad.codegen.c.cache import Cache\n"
        "from funcgrad.codegen.c.compiler import Compiler\n"
        "c = Compiler(('/bin/sh', '-c', 'cat program.c > program.so'), '', (), '', ())\n"
        "path = Cache(None).library('one', c)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    sys.exit(0)\n"  # through all that happens at exit
        "os.waitpid(child, 0)\n"
        "print(path.read_text(), path)\n"
    )
    shown = run_alone(program)
    assert not shown.stderr
    text, path = shown.stdout.split()
    assert text == "one"
    assert not Path(path).parent.parent.exists()


# ---- compilers that fail -----------------------------------------------------------------------


def test_a_compiler_that_fails_leaves_nothing_and_is_quoted(tmp_path: Path, shared: Path) -> None:
    compiler = script(tmp_path, f"echo half > {LIBRARY}; echo 'program.c:1: no such thing' >&2; exit 3")
    with pytest.raises(CompileError, match=r"failed with status 3\nprogram\.c:1: no such thing") as caught:
        Cache(shared).library("one", compiler)
    assert caught.value.source == "one"
    assert caught.value.output == "program.c:1: no such thing\n"
    assert entries(shared) == []


def test_a_compiler_that_makes_nothing_has_failed(tmp_path: Path, shared: Path) -> None:
    with pytest.raises(CompileError, match="failed with status 0"):
        Cache(shared).library("one", script(tmp_path, "exit 0"))
    assert entries(shared) == []


def test_a_compiler_that_is_gone_is_a_compile_error(tmp_path: Path, shared: Path) -> None:
    with pytest.raises(CompileError, match="cannot be run"):
        Cache(shared).library("one", Compiler((str(tmp_path / "gone"),), "", (), ""))
    assert entries(shared) == []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # dead, but nobody has asked for it yet
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_a_compiler_that_hangs_is_ended_with_its_children(tmp_path: Path, shared: Path) -> None:
    compiler = script(tmp_path, f"sleep 300 & echo $! > {tmp_path}/child; wait", timeout=0.5)
    with pytest.raises(CompileError, match=r"did not end in 0\.5 seconds"):
        Cache(shared).library("one", compiler)
    child = int((tmp_path / "child").read_text())
    assert wait_for(lambda: not is_alive(child))
    assert entries(shared) == []


def test_a_keyboard_interrupt_in_the_middle_leaves_nothing(tmp_path: Path, shared: Path) -> None:
    """And the next call compiles as if nothing had been."""
    compiler = script(tmp_path, f"sleep 300 & echo $! > {tmp_path}/child; wait")
    program = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a suite in the background ignores it
        "from pathlib import Path\n"
        "from funcgrad.codegen.c.cache import Cache\n"
        "from funcgrad.codegen.c.compiler import Compiler\n"
        f"Cache(Path({str(shared)!r})).library('one', Compiler({compiler.command!r}, '', (), '', ()))\n"
    )
    child = tmp_path / "child"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert wait_for(lambda: child.exists() and bool(child.read_text().strip()))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert wait_for(lambda: not is_alive(int(child.read_text())))
    assert entries(shared) == []
    assert Cache(shared).library("one", copying(tmp_path)).read_text() == "one"


# ---- several at once ---------------------------------------------------------------------------


def test_eight_processes_compile_the_same(tmp_path: Path, shared: Path) -> None:
    """Each gets a whole library, one entry remains."""
    compiler = script(
        tmp_path, f"sleep 0.3; head -c 20 {SOURCE} > {LIBRARY}; sleep 0.1; tail -c +21 {SOURCE} >> {LIBRARY}"
    )
    source = "a program " * 50
    program = (
        "from pathlib import Path\n"
        "from funcgrad.codegen.c.cache import Cache\n"
        "from funcgrad.codegen.c.compiler import Compiler\n"
        f"c = Compiler({compiler.command!r}, '', (), '', ())\n"
        f"paths = [Cache(Path({str(shared)!r})).library({source!r}, c) for _ in range(20)]\n"
        f"print(len(set(paths)), all(p.read_text() == {source!r} for p in paths))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    shown = [process.communicate(timeout=120)[0] for process in processes]
    assert shown == ["1 True\n"] * 8
    assert 1 <= runs(tmp_path) <= 8
    assert len(entries(shared)) == 1


def test_threads_that_break_and_mend_one_entry(tmp_path: Path, shared: Path) -> None:
    compiler = copying(tmp_path)
    cache = Cache(shared)
    entry = cache.library("one", compiler).parent
    found: list[str] = []

    def work(seed: int) -> None:
        for i in range(10):
            if (i + seed) % 3 == 0:
                with contextlib.suppress(OSError):  # another thread is just replacing it
                    (entry / DIGEST).write_text("wrong")
            found.append(cache.library("one", compiler).parent.name)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [entry.name] * 40
    assert cache.library("one", compiler).read_text() == "one"
    assert entries(shared) == [entry.name]


# ---- its size ----------------------------------------------------------------------------------


def test_what_was_not_used_for_longest_is_removed(tmp_path: Path, shared: Path) -> None:
    compiler = copying(tmp_path)
    cache = Cache(shared, most_bytes=7000)  # three programs of 1000 bytes, beside their sources
    paths = []
    for i, letter in enumerate("abc"):
        paths.append(cache.library(letter * 1000, compiler))
        os.utime(paths[-1].parent, (i, i))
    assert cache.library("a" * 1000, compiler) == paths[0]  # so b is the oldest
    new = cache.library("d" * 1000, compiler)
    assert [path.exists() for path in (*paths, new)] == [True, False, True, True]
    assert len(entries(shared)) == 3


def test_a_program_larger_than_the_cache_stays_until_the_next(tmp_path: Path, shared: Path) -> None:
    cache = Cache(shared, most_bytes=10)
    assert cache.library("a" * 1000, copying(tmp_path)).exists()
    assert cache.library("b" * 1000, copying(tmp_path)).exists()
    assert len(entries(shared)) == 1


def test_what_a_dead_process_left_in_the_making_is_removed(tmp_path: Path, shared: Path) -> None:
    compiler = copying(tmp_path)
    Cache(shared).library("one", compiler)
    old, young = shared / "v1" / "making-old", shared / "v1" / "making-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / SOURCE).write_text("half")
    os.utime(old, (1, 1))
    Cache(shared).library("two", compiler)
    assert not old.exists()
    assert young.exists()


# ---- where it is -------------------------------------------------------------------------------


def test_the_folder_is_where_the_user_keeps_such_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FUNCGRAD_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_folder() == tmp_path / ".cache" / "funcgrad"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/path")
    assert default_folder() == tmp_path / ".cache" / "funcgrad"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "funcgrad"
    monkeypatch.setenv("FUNCGRAD_CACHE_DIR", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
    monkeypatch.undo()
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FUNCGRAD_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_folder() == tmp_path / "Library" / "Caches" / "funcgrad"


def test_a_user_without_a_home_has_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FUNCGRAD_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert default_folder() is None
    assert Cache(default_folder()).library("one", copying(tmp_path)).read_text() == "one"
