"""A graph as a NumPy program: what runs where there is no compiler, and what `explain` shows.

    def program(a, b):
        # model.py:12
        c = np.tanh(a) * b
        # model.py:13
        return (c + c,)

The text is meant to be read. A value that is read once stands where it is read, one that is read more often or is too
long has a name of its own, the one that it has in the graph's text. What happens, and in which order, is what eager
funcgrad does with that graph, without its arrays and its dispatch: so the results have the same bits.

Large arrays are planned (`memory.py`, `lives.py`): an operation writes over an operand that nobody reads any more, what
ends with the program lies in an arena (`arena.py`), dead arrays outside of it are deleted at once, and chains of
elementwise operations run tile by tile (`fusion.py`, `tiles.py`). All that counts on inputs in C's order; given others,
the program is the plain one.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..core import Call, raw, wrap
from ..device import bytes_of, dtype_of, namespace
from ..dtypes import kind
from ..graph.ir import Atom, Graph
from . import tiles
from .arena import borrow, give_back
from .c.linking import link, mend
from .c.native_writer import NativeWriter
from .c.toolchain import toolchain
from .c.turns import TurnsWriter, turns
from .c.words import in_words_of_loops
from .expressions import DTYPES, python_names
from .order import dying_soon
from .writer import Writer

__all__ = ["Program", "float_bytes", "is_of_a_program", "number", "numpy_program"]


class Program:
    """A program made of a graph.

    Args:
        source: its text.
        function: the function that the text defines: of raw values to a tuple of raw values.
        constants: the values that the text calls by name, in the order in which it first does.
        taken: which of the inputs results are written over. If there are any, the function takes a list before the
            inputs: it is empty as long as nothing is written over yet.
        nbytes: the most memory that values of its own take at once, in the arena and beside it; what operations take
            while they run is not counted, nor what a library's calls give back.
    """

    __slots__ = ("__weakref__", "compiled", "constants", "function", "nbytes", "source", "taken")

    def __init__(
        self,
        source: str,
        function: Callable[..., Any],
        constants: tuple[Any, ...],
        taken: tuple[int, ...] = (),
        nbytes: tuple[int, int] = (0, 0),
    ):
        self.source, self.function, self.constants, self.taken = source, function, constants, taken
        self.nbytes = nbytes
        self.compiled = ""  # the text in C of the nests that it calls

    def __call__(self, *raws: Any) -> Any:
        return self.function(*raws)

    def __repr__(self) -> str:
        return f"Program({len(self.source.splitlines())} lines)"


def numpy_program(
    graph: Graph,
    ask: tuple[Atom, str] | None = None,
    numpy: bool = True,
    again: bool = False,
    donated: Sequence[int] = (),
    native: bool = False,
) -> Program:
    """The graph as a program of array functions.

    Args:
        graph: any.
        ask: a value of the graph that a branch depends on, and how it is asked for: "bool", "int", "float" (its eight
            bytes, as NaN is no key and -0.0 and 0.0 are one) or "bytes". Then the program returns (answer, outputs).
        numpy: whether all arrays are NumPy's. Otherwise the program asks each for its module.
        again: for as many outputs as inputs, and a boolean answer: the program runs on its outputs as long as the
            answer is true.
        donated: inputs whose arrays nobody else has, and nobody looks at after the call: NumPy arrays which own their
            memory and may be written to. Large results are written over those that are dead by then (`Program.taken`),
            behind all that raises an error of its own.
        native: whether what stands between products and convolutions is compiled from C, if there is a compiler.

    Returns:
        A `Program`; the same one for the same text and the same constants, as long as somebody has it.
    """
    if donated:
        graph = dying_soon(graph, [graph.inputs[i] for i in donated])
    options: dict[str, Any] = {"planned": numpy and not again, "again": again, "donated": donated}
    writer: Writer | None = None
    compiled = ""
    tools = toolchain() if native and numpy else None
    if tools is not None and again:
        turn, asked = in_words_of_loops(graph, ask)
        loop = turns(turn, asked[0], python_names(turn)) if asked is not None and asked[1] == "bool" else None
        if loop is not None and (text := link(loop, tools)) is not None:
            return _compiled(loop, loop.program(), text)
    elif tools is not None:
        written = NativeWriter(*in_words_of_loops(graph, ask), numpy, **options)
        written.source()
        if (written.clusters or written.convolves()) and (text := link(written, tools)) is not None:
            writer, compiled = written, text
    if writer is None:
        writer = Writer(graph, ask, numpy, **options)
    source = writer.source()
    if writer.trusted:
        writer.bound[writer.plain] = _interned(Writer(graph, ask, numpy, planned=False))
    for part in writer.functions:
        if part.trusted:
            writer.bound[part.plain] = _interned(Writer(part.graph, None, numpy, planned=False))
    return _compiled(writer, source, compiled)


def _compiled(writer: Writer | TurnsWriter, source: str, text: str) -> Program:
    program = _interned(writer, source)
    program.compiled = text
    return program


# ---- one program a text ------------------------------------------------------------------------

_programs: WeakValueDictionary[tuple[Any, ...], Program] = WeakValueDictionary()
"""Those that somebody still has: a program that is not used any more keeps no arrays alive."""
_lock = threading.Lock()


def _new_lock() -> None:
    """In a forked child the lock may be one that a thread of the parent's held."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def _interned(writer: Writer | TurnsWriter, source: str | None = None) -> Program:
    """The program of that text and those constants; a program keeps them, so their identity is theirs alone."""
    source = writer.source() if source is None else source
    names, constants = tuple(writer.bound), tuple(writer.bound.values())
    key = source, names, tuple(map(id, constants))
    with _lock:
        found = _programs.get(key)
    if found is not None:
        return found
    scope = _scope(source, dict(zip(names, constants, strict=True)))
    made = Program(source, scope["program"], constants, tuple(writer.taken), writer.nbytes)
    scope["__program__"] = made  # who has the function has the program
    with _lock:
        return _programs.setdefault(key, made)  # another thread may have been first


def is_of_a_program(error: BaseException) -> bool:
    """Was it raised by a program's own text, not by what it calls?"""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_globals.get("__name__") == _NAME


_NAME = "program"
"""Of all programs' modules."""


class _Source:
    """Where tracebacks find the text: they ask the loader of the module that a function's globals name."""

    def __init__(self, text: str):
        self.text = text

    def get_source(self, name: str) -> str:
        return self.text


def _scope(source: str, bound: dict[str, Any]) -> dict[str, Any]:
    """The globals of the program, which the text has defined in them.

    Its file is named as one of the package's own, so that no error points at it as the user's line.
    """
    # named as one of the package's own files, so that no error points at it as the user's line
    file = os.path.join(os.path.dirname(__file__), f"program_{sha256(source.encode()).hexdigest()[:12]}.py")
    scope = {**_SCOPE, **bound, "__name__": _NAME, "__loader__": _Source(source)}
    exec(compile(source, file, "exec"), scope)
    return scope


# ---- what every program may call ---------------------------------------------------------------


def _call(call: Call, *raws: Any) -> list[Any]:
    """A call's results, of raw values."""
    return [raw(out) for out in call.evaluate([x if type(x) in _NUMBERS else wrap(x) for x in raws])]


def number(x: Any) -> Any:
    """The one element of an array of any module, as a Python number; numbers as they are."""
    if type(x) in _NUMBERS:
        return x
    if isinstance(x, np.ndarray | np.generic) or hasattr(x, "item"):
        return x.item()
    python_type: Any = (bool, int, float, complex)[kind(dtype_of(x))]
    return python_type(namespace(x).reshape(x, ()))


def float_bytes(x: Any) -> bytes:
    """The eight bytes of a number: NaN is no key, and -0.0 and 0.0 are one."""
    return struct.pack("d", number(x))


def _history(entries: list[Any], shape: tuple[int, ...]) -> Any:
    """A list as one element of dtype object; seen from all the examples of a batch, which share it."""
    box = np.empty((), object)
    box[()] = entries
    return np.broadcast_to(box, shape)


def _entries(history: Any) -> list[Any]:
    """The list that a history holds."""
    box = history
    while box.shape:
        box = box.base
    return box.item()  # type: ignore[no-any-return]


def _array(x: Any) -> Any:
    """NumPy's scalars as arrays, for kernels that need one."""
    return np.asarray(x) if isinstance(x, np.generic) else x


_NUMBERS = frozenset({bool, int, float, complex})
_SCOPE: dict[str, Any] = {
    **DTYPES,
    "np": np,
    "inf": float("inf"),
    "nan": float("nan"),
    "xp": namespace,
    "array": _array,
    "call": _call,
    "number": number,
    "float_bytes": float_bytes,
    "array_bytes": bytes_of,
    "history": _history,
    "entries": _entries,
    "mend": mend,
    "borrow": borrow,
    "give_back": give_back,
    "run": tiles.run,
    "select": tiles.select,
}
