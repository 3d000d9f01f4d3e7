"""Compiled programs as Python functions.

    long step(const float *x, float *out, double rate);

becomes a function that is called as `step(x, out, 0.1)` with NumPy arrays and Python numbers. What costs time there
is to get at the arrays' memory, so the file brings its own way in: a function of Python's own calling convention, which
reads the address out of the array object, checks that it is one that the program can use, and gives up the
interpreter's lock. It names the few functions of Python's stable interface that it needs itself, so no headers are
needed to compile it. Microseconds a call that does nothing, CPython 3.11:

    arrays                                          3      10      30
    this                                         0.03    0.07    0.3
    this, with the interpreter's lock released   0.06    0.13    0.4
    cffi, addresses by id() read in C            0.67    0.97
    cffi, ffi.from_buffer                        0.96    3.7     10
    ctypes, a table of `x.ctypes.data`            4.2     17      50
    __array_struct__ alone, without a call       0.53    1.3     4.0

(cffi's import takes 20-40 ms besides.) Where Python is not CPython, or does not give its functions to libraries, the
same functions are called by ctypes, which is slow and right.

A function returns what the C function returns, by convention 0 or more; and -1 - i if the argument with index i cannot
be used as it is: it is no array but one of NumPy's scalars, has another size, or does not lie as its parameter says, in
C's order for most; then nothing has happened, and the caller calls again with a copy.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from ...kernels.openmp import short_spins

__all__ = ["Entry", "Parameter", "entry_text", "load"]


@dataclass(frozen=True)
class Parameter:
    """What a C function takes in one place.

    Args:
        ctype: "double" for a Python number, "long long" for an int; for an array a pointer, "const float *".
        items: how many elements an array has.
        shape: of an array that is not in C's order; () for others.
        strides: its strides, in elements.
    """

    ctype: str
    items: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def is_array(self) -> bool:
        """Is it a pointer?"""
        return self.ctype.endswith("*")

    @property
    def is_written(self) -> bool:
        """Does the function write to the array?"""
        return self.is_array and not self.ctype.startswith("const ")


@dataclass(frozen=True)
class Entry:
    """A function of a library that Python calls; it returns a long.

    Args:
        name: in C; not that of a function of C's own library, `sincos` for one.
        parameters: what it takes.
        releases: whether other Python threads run meanwhile. It costs 0.05 us, and up to the interpreter's switching
            interval (5 ms) to get the lock back where others want it: not for what takes less than some 10 us.
    """

    name: str
    parameters: tuple[Parameter, ...]
    releases: bool = True


# ---- the way in, in C --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """Where things are in objects, in bytes: `PyObject` and NumPy's `PyArrayObject_fields`, which are public."""

    type: int
    data: int
    dimensions: int
    strides: int
    flags: int


_WORD = ctypes.sizeof(ctypes.c_void_p)
_C_ORDER, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400


@cache
def _layout() -> _Layout | None:
    """The layout, if objects are laid out as it says."""
    if sys.implementation.name != "cpython":
        return None
    header = object.__basicsize__  # longer where there is no interpreter lock
    found = _Layout(header - _WORD, header, header + 2 * _WORD, header + 3 * _WORD, header + 6 * _WORD)
    for x in (np.zeros((2, 3)), np.zeros((4, 5, 6), "int8")[::2, 1:].T, np.broadcast_to(np.float32(1), (7,))):
        base, bits = id(x), (_C_ORDER, _ALIGNED, _WRITEABLE)
        flags = sum(bit for bit, is_set in zip(bits, _flags(x), strict=True) if is_set)
        dimensions, strides = _read(base + found.dimensions), _read(base + found.strides)
        right = _read(base + found.type) == id(type(x)) and _read(base + found.data) == x.ctypes.data
        right = right and ctypes.c_int.from_address(base + header + _WORD).value == x.ndim
        right = right and tuple(_read(dimensions + i * _WORD) for i in range(x.ndim)) == x.shape
        right = right and tuple(_read(strides + i * _WORD) for i in range(x.ndim)) == x.strides
        if not (right and ctypes.c_int.from_address(base + found.flags).value & sum(bits) == flags):
            return None
    return found


def _flags(x: Any) -> tuple[bool, bool, bool]:
    return x.flags.c_contiguous, x.flags.aligned, x.flags.writeable


def _read(address: int) -> int:
    return ctypes.c_size_t.from_address(address).value


_PYTHON = """
/* The way in from Python. */
typedef struct object PyObject;
typedef struct {{ const char *name; void *function; int flags; const char *doc; }} PyMethodDef;
extern void *PyEval_SaveThread(void);
extern void PyEval_RestoreThread(void *);
extern PyObject *PyLong_FromLong(long);
extern double PyFloat_AsDouble(PyObject *);
extern long long PyLong_AsLongLong(PyObject *);
extern PyObject *PyErr_Occurred(void);
extern PyObject *PyErr_Format(PyObject *, const char *, ...);
extern PyObject *PyExc_TypeError;

#define FIELD(type, x, offset) (*(type *)((char *)(x) + (offset)))

/* Of an array; a number has no flags. One that is not in C's order has a shape, and strides in elements. */
typedef struct {{
    int flags;
    long long items;
    int ndim;
    const long *shape, *strides;
    long itemsize;
}} need;

static int stands(PyObject *x, const need *wanted)
{{
    if (FIELD(int, x, {layout.data} + sizeof(void *)) != wanted->ndim)
        return 0;
    for (int i = 0; i < wanted->ndim; i++) {{
        if (FIELD(long *, x, {layout.dimensions})[i] != wanted->shape[i])
            return 0;
        if (wanted->shape[i] > 1 && FIELD(long *, x, {layout.strides})[i] != wanted->strides[i] * wanted->itemsize)
            return 0;
    }}
    return 1;
}}

/* -1 - i for the first argument that is no such array, or 0. One loop for all: a test of each argument, written out,
   would be half of what there is to compile. */
static __attribute__((noinline)) long unusable(PyObject *ndarray, PyObject *const *args, const need *needs, long count)
{{
    for (long k = 0; k < count; k++) {{
        PyObject *x = args[k];
        const int flags = needs[k].flags;
        if (!flags)
            continue;
        if (FIELD(PyObject *, x, {layout.type}) != ndarray || (FIELD(int, x, {layout.flags}) & flags) != flags)
            return -1 - k;
        long long items = 1;
        for (int i = 0; i < FIELD(int, x, {layout.data} + sizeof(void *)); i++)
            items *= FIELD(long *, x, {layout.dimensions})[i];
        if (items != needs[k].items || (needs[k].ndim && !stands(x, needs + k)))
            return -1 - k;
    }}
    return 0;
}}
"""


def entry_text(entries: Sequence[Entry]) -> str:
    """The ways in to functions that the file defines above; the empty text where Python is not CPython."""
    layout = _layout()
    if layout is None:
        return ""
    return _PYTHON.format(layout=layout) + "".join(_entry_text(entry, layout) for entry in entries)


def _entry_text(entry: Entry, layout: _Layout) -> str:
    name, lines, arguments, needs, statics = entry.name, [], [], [], list[str]()
    for i, p in enumerate(entry.parameters):
        if p.is_array:
            needs.append(_need_text(i, p, statics))
            arguments.append(f"FIELD(void *, args[{i}], {layout.data})")
        else:
            needs.append("{0}")
            convert = "PyFloat_AsDouble" if p.ctype == "double" else "PyLong_AsLongLong"
            lines.append(f"{p.ctype} number{i} = {convert}(args[{i}]);")
            lines.append(f"if (number{i} == -1 && PyErr_Occurred())\n        return 0;")
            arguments.append(f"number{i}")
    if any(p.is_array for p in entry.parameters):
        test = f"const long unfit = unusable(ndarray, args, needs, {len(needs)});"
        head = [
            *statics,
            f"static const need needs[] = {{{', '.join(needs)}}};",
            test,
            "if (unfit)\n        return PyLong_FromLong(unfit);",
        ]
        lines = [*head, *lines]
    call = f"long result = {name}({', '.join(arguments)});"
    if entry.releases:
        lines += ["void *thread = PyEval_SaveThread();", call, "PyEval_RestoreThread(thread);"]
    else:
        lines.append(call)
    body = "\n    ".join(lines)
    count = len(entry.parameters)
    return f"""
static PyObject *enter_{name}(PyObject *ndarray, PyObject *const *args, long count)
{{
    if (count != {count})
        return PyErr_Format(PyExc_TypeError, "{name} takes {count} arguments, not %ld", count);
    {body}
    return PyLong_FromLong(result);
}}
PyMethodDef method_{name} = {{"{name}", (void *)enter_{name}, {_FASTCALL}, 0}};
"""


def _need_text(i: int, p: Parameter, statics: list[str]) -> str:
    """What an array must be like; lists of numbers go into statements of their own."""
    flags = _ALIGNED | (_WRITEABLE if p.is_written else 0)
    if not p.strides:
        return f"{{{flags | _C_ORDER}, {p.items}}}"
    for name, numbers in (("shape", p.shape), ("strides", p.strides)):
        statics.append(f"static const long {name}{i}[] = {{{', '.join(map(str, numbers))}}};")
    itemsize = f"sizeof({p.ctype.removeprefix('const ').removesuffix(' *')})"
    return f"{{{flags}, {p.items}, {len(p.shape)}, shape{i}, strides{i}, {itemsize}}}"


_FASTCALL = 0x80  # Python's METH_FASTCALL: (self, const *arguments, their number)


# ---- loading -----------------------------------------------------------------------------------

_MODE = getattr(os, "RTLD_NOW", 2) | getattr(os, "RTLD_NODELETE", 0)
"""A library stays loaded until the process ends, as threads that wait in it do."""


def load(path: Path, entries: Sequence[Entry]) -> list[Callable[..., int]]:
    """The functions of a compiled file.

    Args:
        path: the library.
        entries: what it defines. If it has `entry_text` of them, that is what is called.

    Returns:
        A Python function for each entry.

    Raises:
        OSError: if it cannot be loaded.
    """
    with short_spins():
        library = ctypes.PyDLL(str(path), mode=_MODE)
    _end_threads_before_fork(library)
    if _layout() is not None and all(hasattr(library, f"method_{e.name}") for e in entries):
        return [_native(library, entry) for entry in entries]
    released = ctypes.CDLL(str(path), mode=_MODE)
    return [_by_ctypes(released if entry.releases else library, entry) for entry in entries]


def _native(library: ctypes.PyDLL, entry: Entry) -> Callable[..., int]:
    types = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    new_function = types(("PyCFunction_NewEx", ctypes.pythonapi))
    method = ctypes.c_char.in_dll(library, f"method_{entry.name}")
    return new_function(ctypes.addressof(method), np.ndarray, None)  # type: ignore[no-any-return]


_CTYPES: dict[str, Any] = {"double": ctypes.c_double, "long long": ctypes.c_longlong}


def _by_ctypes(library: ctypes.CDLL, entry: Entry) -> Callable[..., int]:
    """The same function, with the same checks, in Python."""
    function = getattr(library, entry.name)
    function.restype = ctypes.c_long
    function.argtypes = [_CTYPES.get(p.ctype, ctypes.c_void_p) for p in entry.parameters]
    parameters = entry.parameters

    def call(*args: Any) -> int:
        if len(args) != len(parameters):
            raise TypeError(f"{entry.name} takes {len(parameters)} arguments, not {len(args)}")
        found: list[Any] = []
        for i, (x, p) in enumerate(zip(args, parameters, strict=True)):
            if not p.is_array:
                if p.ctype == "long long" and not -(2**63) <= index(x) < 2**63:
                    raise OverflowError(f"{x} is no long long")  # ctypes would cut it off
                found.append(x)
                continue
            if type(x) is not np.ndarray or prod(x.shape) != p.items:
                return -1 - i
            ordered, aligned, writeable = _flags(x)
            if not (aligned and (writeable or not p.is_written)):
                return -1 - i
            if not (_stands(x, p) if p.strides else ordered):
                return -1 - i
            found.append(x.ctypes.data)
        try:
            return function(*found)  # type: ignore[no-any-return]
        except ctypes.ArgumentError as error:
            raise TypeError(f"{entry.name}: {error}") from error

    return call


def _stands(x: Any, p: Parameter) -> bool:
    """Has it the strides that the parameter asks for?"""
    steps = (s == want * x.itemsize for n, s, want in zip(x.shape, x.strides, p.strides, strict=False) if n > 1)
    return x.shape == p.shape and all(steps)


# ---- fork --------------------------------------------------------------------------------------

_pause: Any = None
_HARD = 2  # omp_pause_hard: the threads end; the next parallel loop starts new ones


def _end_threads_before_fork(library: ctypes.PyDLL) -> None:
    """A forked child has none of OpenMP's threads, but waits for them: so the forking thread's end before."""
    global _pause
    if _pause is None and hasattr(os, "register_at_fork") and hasattr(library, "omp_pause_resource_all"):
        _pause = library.omp_pause_resource_all
        os.register_at_fork(before=lambda: _pause(_HARD))
