"""Which compiler is found, and what happens where there is none, or one that fails."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import run_alone

from funcgrad.codegen.c import compiler as compilers
from funcgrad.codegen.c import library
from funcgrad.codegen.c import toolchain as module
from funcgrad.codegen.c.cache import Cache
from funcgrad.codegen.c.library import Entry, Parameter
from funcgrad.codegen.c.toolchain import Toolchain, find, toolchain

found = toolchain()
if found is None:
    pytest.skip("there is no C compiler", allow_module_level=True)
REAL = found.compiler.command[0]
SQUARE = "long square(double *x) { x[0] *= x[0]; return 0; }"
ENTRY = Entry("square", (Parameter("double *", 1),))


def wrapper(folder: Path, text: str, name: str = "mycc") -> Path:
    """A compiler that is a shell script before the real one."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def works(tools: Toolchain | None) -> bool:
    assert tools is not None
    (square,) = tools.functions(SQUARE, [ENTRY])
    x = np.array([3.0])
    return square(x) == 0 and x[0] == 9


def test_what_is_found_works_with_all_that_this_machine_has() -> None:
    assert found is not None
    assert works(found)
    assert any(flag.endswith("=native") for flag in found.compiler.flags)
    assert found.compiler.version


def test_the_environments_compiler_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = wrapper(tmp_path, f'exec {REAL} "$@"')
    monkeypatch.setenv("CC", f"{own} -DEXTRA=1")
    tools = find(Cache(tmp_path / "cache"))
    assert works(tools)
    assert tools is not None
    assert tools.compiler.command == (str(tmp_path / "mycc"), "-DEXTRA=1")


@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_the_usual_names_are_tried(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    real = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(tmp_path))
    wrapper(tmp_path, f'PATH={real!r} exec {REAL} "$@"', name)
    tools = find(Cache(tmp_path / "cache"))
    assert works(tools)
    assert tools is not None
    assert tools.compiler.command == (str(tmp_path / name),)


@pytest.mark.parametrize("cc", [None, "", "no-such-compiler", "/no/such/compiler -O2", '"', "false", "true"])
def test_without_a_compiler_there_is_none(cc: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`true` says that it has compiled, and has not."""
    if cc is None:
        monkeypatch.delenv("CC", raising=False)
    else:
        program = shutil.which(cc) if cc in ("true", "false") else cc
        monkeypatch.setenv("CC", program or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find(Cache(tmp_path / "cache")) is None
    assert list((tmp_path / "cache").glob("v1/*")) == []


@pytest.mark.parametrize(
    "text",
    [
        "echo version; case $1 in --version) exit 0;; esac; echo broken >&2; exit 1",
        'case $1 in --version) echo v;; *) echo "not a library" > program.so;; esac',
        "exec sleep 300",
    ],
    ids=["fails", "garbage", "hangs"],
)
def test_a_compiler_that_does_not_work_is_not_used(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers, "ASKING", 0.5)
    monkeypatch.setenv("CC", str(wrapper(tmp_path, text)))
    assert find(Cache(tmp_path / "cache")) is None


def refusing(tmp_path: Path, *flags: str) -> Path:
    cases = "|".join(flags)
    return wrapper(
        tmp_path, f'for x in "$@"; do case $x in {cases}) echo "$x?" >&2; exit 1;; esac; done\nexec {REAL} "$@"'
    )


def test_without_openmp_there_are_no_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", str(refusing(tmp_path, "-fopenmp")))
    tools = find(Cache(tmp_path / "cache"))
    assert works(tools)
    assert tools is not None
    assert not tools.compiler.threads
    assert "-fopenmp-simd" in tools.compiler.flags


def test_a_compiler_of_few_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", str(refusing(tmp_path, "-fopenmp*", "-march=*", "-mcpu=*", "-mprefer*")))
    tools = find(Cache(tmp_path / "cache"))
    assert works(tools)
    assert tools is not None
    assert not any(flag.startswith(("-m", "-fopenmp")) for flag in tools.compiler.flags)


def test_where_libraries_cannot_call_python_ctypes_calls_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Python gives its functions to nobody: here the linker renames one that no process has."""
    script = f"""case $1 in --version) exec {REAL} --version;; esac
sed s/PyEval_SaveThread/PyEval_NoSuchThing/ program.c > changed.c
set -- "$@" -DUNUSED
args=
for x in "$@"; do case $x in program.c) args="$args changed.c";; *) args="$args $x";; esac; done
exec {REAL} $args"""
    monkeypatch.setenv("CC", str(wrapper(tmp_path, script)))
    tools = find(Cache(tmp_path / "cache"))
    assert works(tools)
    assert tools is not None
    assert not tools.native


def test_where_objects_are_laid_out_in_another_way_ctypes_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a Python that is not CPython."""
    monkeypatch.setattr(library, "_layout", lambda: None)
    tools = find(Cache(tmp_path / "cache"))
    assert works(tools)
    assert tools is not None
    assert not tools.native


def test_another_process_finds_it_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler is asked for its version, and not for more."""
    monkeypatch.setenv("CC", str(wrapper(tmp_path, f'echo "$1" >> {tmp_path}/runs\nexec {REAL} "$@"')))
    monkeypatch.setenv("FUNCGRAD_CACHE_DIR", str(tmp_path / "cache"))
    program = "from funcgrad.codegen.c.toolchain import toolchain as t; print(t() is t(), t() is None)"
    assert run_alone(program).stdout == "True False\n"
    first = (tmp_path / "runs").read_text().splitlines()
    assert run_alone(program).stdout == "True False\n"
    assert (tmp_path / "runs").read_text().splitlines() == [*first, "--version"]


def test_where_nothing_can_be_loaded_from_the_cache_a_temporary_folder_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is mounted without programs."""
    real = module.load

    def load(path: Path, entries: Sequence[Entry]) -> Any:
        if tmp_path in path.parents:
            raise OSError("failed to map segment from shared object")
        return real(path, entries)

    monkeypatch.setattr(module, "load", load)
    monkeypatch.setattr(module, "_found", [])
    monkeypatch.setenv("FUNCGRAD_CACHE_DIR", str(tmp_path / "cache"))
    assert find(Cache(tmp_path / "cache")) is None
    assert works(toolchain())


def test_threads_that_ask_at_once_find_one_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_found", [])
    monkeypatch.setenv("FUNCGRAD_CACHE_DIR", str(tmp_path / "cache"))
    answers: list[Toolchain | None] = []
    threads = [threading.Thread(target=lambda: answers.append(toolchain())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, answers))) == 1
    assert works(answers[0])


def test_a_compiler_of_another_version_compiles_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = set()
    for version in ("one", "two"):
        text = f'case $1 in --version) echo {version};; *) exec {REAL} "$@";; esac'
        monkeypatch.setenv("CC", str(wrapper(tmp_path, text)))
        tools = find(Cache(tmp_path / "cache"))
        assert tools is not None
        paths.add(tools.cache.library(SQUARE, tools.compiler))
    assert len(paths) == 2


def test_vector_functions_are_gnus_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attribute that declares them means nothing to others, which may come under any name."""
    text = f'case $1 in --version) echo "clang version 99";; *) exec {REAL} "$@";; esac'
    monkeypatch.setenv("CC", str(wrapper(tmp_path, text)))
    tools = find(Cache(tmp_path / "cache"))
    assert works(tools)
    assert tools is not None
    assert tools.vector_functions == frozenset()


def test_only_functions_that_the_library_has_are_declared_for_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        """A library of vector functions with an exponential of floats alone."""

        def __getattr__(self, name: str) -> int:
            if name.endswith("v_expf"):
                return 1
            raise AttributeError(name)

    if not found or not found.compiler.is_gcc:
        pytest.skip("the compiler is not GNU's")
    monkeypatch.setattr(module.ctypes, "CDLL", lambda name: Old())
    assert module._vector_functions(found.compiler) == {"expf"}


def test_the_processor_is_known_by_more_than_its_name() -> None:
    assert len(compilers.cpu().split()) >= 3
