"""Calls of compiled programs: values, arguments that do not fit, the interpreter's lock, threads, forks and exit."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import run_alone

from funcgrad.codegen.c.cache import Cache
from funcgrad.codegen.c.compiler import CompileError, LoadError
from funcgrad.codegen.c.library import Entry, Parameter, entry_text, load
from funcgrad.codegen.c.toolchain import Toolchain, toolchain

found = toolchain()
if found is None:
    pytest.skip("there is no C compiler", allow_module_level=True)
tools: Toolchain = found
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
needs_openmp = pytest.mark.skipif(not tools.compiler.threads, reason="the compiler has no OpenMP")

AXPY = """
long axpy(const float *restrict x, float *restrict y, double a)
{
    for (int i = 0; i < 6; i++)
        y[i] += (float)a * x[i];
    return 3;
}
"""
AXPY_ENTRY = Entry("axpy", (Parameter("const float *", 6), Parameter("float *", 6), Parameter("double")))


@pytest.fixture(params=[True, False], ids=["native", "ctypes"])
def either(request: pytest.FixtureRequest) -> Toolchain:
    """The machine's toolchain, with libraries that have their own way in and ones that have not."""
    if request.param and not tools.native:
        pytest.skip("libraries cannot call Python here")
    return dataclasses.replace(tools, native=request.param)


@pytest.fixture
def axpy(either: Toolchain) -> Callable[..., int]:
    (function,) = either.functions(AXPY, [AXPY_ENTRY])
    return function


def arrays() -> tuple[Any, Any]:
    return np.arange(6, dtype="float32").reshape(2, 3), np.ones((2, 3), "float32")


def test_it_computes_in_the_arrays_memory(axpy: Callable[..., int]) -> None:
    x, y = arrays()
    assert axpy(x, y, 0.5) == 3
    assert y.tolist() == [[1, 1.5, 2], [2.5, 3, 3.5]]
    assert axpy(x, y, 2) == 3  # an int is a number as well


def test_what_is_read_may_be_read_only(axpy: Callable[..., int]) -> None:
    x, y = arrays()
    x.flags.writeable = False
    assert axpy(x, y, 1.0) == 3


def unwriteable(x: Any) -> Any:
    x.flags.writeable = False
    return x


def misaligned(x: Any) -> Any:
    return np.frombuffer(bytearray(25), np.uint8)[1:].view("float32")


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.T,
        lambda x: np.broadcast_to(x[0], (2, 3)),
        lambda x: np.ones((2, 6), "float32")[:, ::2],
        lambda x: x[:1],
        lambda x: np.ones((2, 3, 2), "float32"),
        lambda x: np.float32(1),
        lambda x: x.tolist(),
        lambda x: None,
        misaligned,
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_an_array_that_does_not_fit_is_told_by_its_place(change: Any, place: int, axpy: Callable[..., int]) -> None:
    args = list(arrays())
    args[place] = change(args[place])
    before = args[1].copy() if isinstance(args[1], np.ndarray) else None
    assert axpy(*args, 1.0) == -1 - place
    assert before is None or (before == args[1]).all()


def test_what_is_written_must_be_writeable(axpy: Callable[..., int]) -> None:
    x, y = arrays()
    assert axpy(x, unwriteable(y), 1.0) == -2
    assert (y == 1).all()


class Own(np.ndarray[Any, Any]):
    pass


def test_a_subclass_of_arrays_is_not_one(axpy: Callable[..., int]) -> None:
    """It may mean something else by its memory: masked arrays do."""
    x, y = arrays()
    assert axpy(x.view(Own), y, 1.0) == -1


def test_arrays_of_no_dimension_and_of_no_elements(either: Toolchain) -> None:
    source = "long one(const double *x, double *none) { return (long)x[0]; }"
    (one,) = either.functions(source, [Entry("one", (Parameter("const double *", 1), Parameter("double *", 0)))])
    assert one(np.array(7.0), np.empty((3, 0, 2))) == 7
    assert one(np.array(7.0), np.empty(1)) == -2


def test_a_number_that_is_none_raises(axpy: Callable[..., int]) -> None:
    x, y = arrays()
    with pytest.raises(TypeError):
        axpy(x, y, "1.0")
    assert (y == 1).all()


@pytest.mark.parametrize("args", [0, 2, 4])
def test_a_wrong_number_of_arguments_raises(args: int, axpy: Callable[..., int]) -> None:
    with pytest.raises(TypeError, match=f"axpy takes 3 arguments, not {args}"):
        axpy(*[1.0] * args)


def test_whole_numbers(either: Toolchain) -> None:
    source = "long half(long long n, double minus_one) { return minus_one == -1 ? (long)(n / 2) : 0; }"
    (half,) = either.functions(source, [Entry("half", (Parameter("long long"), Parameter("double")))])
    assert half(2**63 - 1, -1.0) == 2**62 - 1
    assert half(-1 * 2**63, -1) == -(2**62)
    assert half(-1, -1) == 0
    assert half(True, -1) == 0
    with pytest.raises(OverflowError):
        half(2**63, -1)
    with pytest.raises(TypeError):
        half(1.5, -1)


def test_several_functions_of_one_file(either: Toolchain) -> None:
    source = "long one(void) { return 1; }\nlong two(void) { return 2; }\n"
    one, two = either.functions(source, [Entry("one", ()), Entry("two", (), releases=False)])
    assert (one(), two()) == (1, 2)


def test_thirty_arrays(either: Toolchain) -> None:
    names = [f"x{i}" for i in range(30)]
    declared, added = ", ".join(f"const double *{n}" for n in names), " + ".join(f"*{n}" for n in names)
    source = f"long sum({declared}) {{ return (long)({added}); }}"
    (total,) = either.functions(source, [Entry("sum", (Parameter("const double *", 1),) * 30)])
    assert total(*[np.array(float(i)) for i in range(30)]) == 435


def test_a_file_without_its_function_cannot_be_loaded() -> None:
    with pytest.raises(LoadError, match="cannot be loaded"):
        tools.functions("extern long gone(void);\n", [Entry("gone", ())])


def test_a_file_that_is_no_library_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "library.so").write_bytes(b"\x7fELF and nothing else")
    with pytest.raises(OSError, match=r"library\.so"):
        load(tmp_path / "library.so", [AXPY_ENTRY])


def test_an_error_in_the_source_is_quoted_with_its_line() -> None:
    with pytest.raises(CompileError, match=r"program\.c:2:.*error") as caught:
        tools.functions("\nlong f(void) { return nothing; }\n", [Entry("f", ())])
    assert "nothing" in caught.value.output


def test_a_library_that_another_process_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look into the cache and the loading: the cache was full."""
    mine = dataclasses.replace(tools, cache=Cache(tmp_path))
    library, calls = mine.cache.library, []

    def then_removed(source: str, compiler: Any) -> Path:
        path = library(source, compiler)
        calls.append(path)
        if len(calls) == 1:
            path.unlink()
        return path

    monkeypatch.setattr(mine.cache, "library", then_removed)
    (axpy,) = mine.functions(AXPY, [AXPY_ENTRY])
    assert axpy(*arrays(), 1.0) == 3
    assert len(calls) == 2


# ---- the lock, threads, forks ------------------------------------------------------------------

WAIT = """
long wait_for(volatile int *flag)
{
    for (long long i = 0; i < 20000000000LL; i++)
        if (*flag)
            return 1;
    return 0;
}
"""


def test_other_threads_run_meanwhile(either: Toolchain) -> None:
    (wait_for,) = either.functions(WAIT, [Entry("wait_for", (Parameter("volatile int *", 1),))])
    flag = np.zeros(1, "int32")
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(wait_for(flag)))
    thread.start()
    flag[0] = 1  # would never be reached if the lock were kept
    thread.join()
    assert found == [1]


PARALLEL = """
long total(const double *restrict x, double *restrict out)
{
    double sum = 0;
    #pragma omp parallel for reduction(+: sum)
    for (long long i = 0; i < 100000; i++)
        sum += x[i];
    out[0] = sum;
    return 0;
}
"""
TOTAL = Entry("total", (Parameter("const double *", 100000), Parameter("double *", 1)))


def test_four_python_threads_at_once(either: Toolchain) -> None:
    (total,) = either.functions(PARALLEL, [TOTAL])
    right: list[bool] = []

    def work(value: float) -> None:
        x, out = np.full(100000, value), np.zeros(1)
        for _ in range(50):
            total(x, out)
            right.append(out[0] == 100000 * value)
            out[0] = 0

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 200


PROGRAM = """
import os, warnings
import numpy as np
import test_c_library as t
total, = t.tools.functions(t.PARALLEL, [t.TOTAL])
x, out = np.ones(100000), np.zeros(1)
total(x, out)
"""


@needs_fork
@needs_openmp
def test_a_forked_child_has_threads_of_its_own() -> None:
    """OpenMP's threads stay behind in the parent; a child that waits for them waits for ever."""
    shown = run_alone(
        PROGRAM
        + """
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12's, of forks beside threads
child = os.fork()
if not child:
    out[0] = 0
    total(x, out)
    os._exit(7 if out[0] == 100000 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
total(x, out)
print(out[0])
"""
    )
    assert (shown.stdout, shown.stderr) == ("7\n100000.0\n", "")


@needs_openmp
@pytest.mark.parametrize("policy", ["active", "passive"])
def test_a_process_ends_while_threads_wait(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    shown = run_alone(PROGRAM + "print(out[0])")
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "100000.0\n", "")


def test_denormals_are_left_alone() -> None:
    """A library made with -ffast-math would switch them off for the whole process."""
    tools.functions(PARALLEL, [TOTAL])
    tiny = np.float32(1e-40)
    assert tiny * np.float32(1) == tiny
    assert tiny > 0


def test_the_way_in_is_part_of_the_source(either: Toolchain) -> None:
    text = entry_text([AXPY_ENTRY])
    assert (text == "") or "PyMethodDef method_axpy" in text
    assert tools.native == bool(text)
