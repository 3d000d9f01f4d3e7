"""What Python could still act on where it asks for a value: the state by which two turns of a loop are told to be one.

    while x > 1:              the second turn asks at the same instruction, in the same frame, with the same locals
        x = x / 2             but for x, which is another value of the record: so what comes then is the same program

Two questions of one run have the same future if Python stands at the same place and can reach the same things. What it
can reach is in the frames between the function's call and the question: their locals. Of those, values of the record
are what the program carries from turn to turn; everything else must be equal. What cannot be compared, an iterator or
an object with a state of its own, is equal to nothing, so that such loops stay unrolled.
"""

from __future__ import annotations

import dis
import functools
import inspect
import os
import sys
import types
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, ArrayHolder, Primitive, Tracer
from ..graph.ir import Var
from .captures import Itself
from .number import StagedNumber

__all__ = ["asking", "python_state"]

_ATOMS = frozenset([int, bool, str, bytes, type(None), types.EllipsisType, range])
_THEMSELVES = (np.dtype, np.ufunc, types.ModuleType, Primitive)
DEEPEST = 20
MOST_PARTS = 1000
"""How deep, and how much, is compared; of what holds more no two turns are known to be the same."""
MOST_PARTS_OF_A_RUN = 200_000
"""How much is compared in all: a list that every turn makes longer must not be read again in every turn."""
_PAUSING = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_MAY_CHANGE = 1 << 9
"""The flag of classes that were made by a `class` statement, and may be assigned to."""
_HERE = os.path.dirname(os.path.abspath(__file__))
_ABOVE = os.path.dirname(_HERE)
_PLUMBING = frozenset(
    [os.path.join(_ABOVE, f"{name}.py") for name in ("core", "array_protocols", "operations")]
    + [os.path.join(_HERE, f"{name}.py") for name in ("stage", "number", "frames")]
)
"""Files whose frames stand between every question and the code that asked it."""

State = tuple[tuple[Any, ...], tuple[Var, ...]]


def python_state(
    frame: Any, base: types.CodeType, numbers: dict[Any, int], staged: tuple[type, ...], trace: Any
) -> State | None:
    """What Python could still act on, and the variables of the record in it.

    Args:
        frame: the innermost one.
        base: the code of the frame that called the function; nothing outside of it can tell two turns apart.
        numbers: of frames, by the order in which they were first met in this run: the same number is the same frame.
        staged: the types of the record's values.
        trace: whose record it is.

    Returns:
        (a key, the variables in it in order); None where two questions asked here can never be known to be the same.
    """
    frame = asking(frame)
    if frame is None or trace.compared > MOST_PARTS_OF_A_RUN:
        return None
    reading = Reading(staged, trace)
    key: list[Any] = []
    while frame is not None and frame.f_code is not base:
        if frame.f_code.co_flags & _PAUSING:
            # its caller goes on between two turns, and what it keeps can be where nobody looks: len(list(halves(x)))
            return None
        number = numbers.setdefault(frame, len(numbers))
        key.append((frame.f_code, frame.f_lasti, number))
        for name, value in frame.f_locals.items():
            key.append((name, reading.part(value)))
            if reading.unknown:
                trace.compared += reading.count
                return None
        frame = frame.f_back
    trace.compared += reading.count - len(reading.variables)  # values of the record are few, and cheap
    if frame is None:
        return None
    return tuple(key), tuple(reading.variables)


def asking(frame: Any) -> Any:
    """The frame that asks for a value, if it does so at a branch where it holds nothing but locals."""
    while frame is not None and frame.f_code.co_filename in _PLUMBING:
        frame = frame.f_back
    return None if frame is None or frame.f_lasti not in at_a_branch(frame.f_code) else frame


class Reading:
    """A walk over locals."""

    def __init__(self, staged: tuple[type, ...], trace: Any):
        self.staged, self.trace = staged, trace
        self.variables: dict[Var, int] = {}
        self.unknown = False
        self.depth = self.count = 0
        self.met: dict[int, tuple[int, Any]] = {}  # by id: which it is, and itself, so that it keeps its address

    def part(self, x: Any) -> Any:
        """What of x belongs in the key."""
        kind = type(x)
        self.count += 1
        if self.count > MOST_PARTS:
            self.unknown = True
            return None
        if kind in self.staged and x.owner is self.trace:
            # which of the variables it is counts too: `x is y` now need not be so in the next turn
            return "staged", x.variable.type, self.variables.setdefault(x.variable, len(self.variables))
        if kind is Array and id(x) in self.trace.hidden:  # an input, and another array in the next call
            var = self.trace.hidden[id(x)][1]
            return "hidden", var.type, self.variables.setdefault(var, len(self.variables))
        if kind is float or kind is complex:
            return kind, repr(x)
        if kind in _ATOMS:
            return kind, x
        if kind is Array or isinstance(x, _THEMSELVES) or (kind is type and not x.__flags__ & _MAY_CHANGE):
            return Itself(x)
        if id(x) in self.met:  # a change of the one is a change of the other, and a list may be in itself
            return "again", self.met[id(x)][0]
        self.met[id(x)] = len(self.met), x
        if isinstance(x, Tracer | StagedNumber) or self.depth > DEEPEST:
            self.unknown = True
            return None
        self.depth += 1
        try:
            return self.compound(x, kind)
        finally:
            self.depth -= 1

    def compound(self, x: Any, kind: type) -> Any:
        """Containers and functions by what is in them."""
        if kind in (tuple, list):
            return kind, *(self.part(item) for item in x)
        if kind is dict:
            return kind, *((self.part(k), self.part(v)) for k, v in x.items())
        if kind is slice:
            return kind, self.part(x.start), self.part(x.stop), self.part(x.step)
        if isinstance(x, types.FunctionType):
            inside = x.__defaults__, x.__kwdefaults__, vars(x) or None
            return "function", x.__code__, *map(self.part, inside), *map(self.cell, x.__closure__ or ())
        if isinstance(x, types.BuiltinFunctionType):  # sum, or `append = rows.append`
            owner = x.__self__
            known = owner is None or isinstance(owner, types.ModuleType)
            return (kind, x.__name__, Itself(x) if known else self.part(owner))
        if isinstance(x, types.MethodType):
            return "method", self.part(x.__func__), self.part(x.__self__)
        if kind is tree.Structure:
            return kind, x
        if isinstance(x, ArrayHolder):  # by what it is a view of: a change of that one is a change of this one
            return kind, *map(self.part, x.parts())
        if not (structure := tree.structure(x)).is_leaf():  # random keys, and classes that the user has registered
            return kind, structure, *(self.part(leaf) for leaf in tree.leaves(x))
        if kind is object:  # a sentinel
            return Itself(x)
        if hasattr(x, "__dict__") and (kind.__module__.startswith("funcgrad.") or is_plain(kind)):
            return Itself(kind), *((name, self.part(value)) for name, value in vars(x).items())
        self.unknown = True
        return None

    def cell(self, cell: Any) -> Any:
        """What a function closes over; it may be one that is defined later."""
        if id(cell) in self.met:  # an assignment by the one function is one for the other
            return "again", self.met[id(cell)][0]
        self.met[id(cell)] = len(self.met), cell
        try:
            return self.part(cell.cell_contents)
        except ValueError:
            return "empty"


def is_plain(cls: type) -> bool:
    """Is all that its instances hold in their `__dict__`, and the class where its changes are seen, in a module?"""
    names = getattr(sys.modules.get(cls.__module__), "__dict__", {})
    return names.get(cls.__qualname__) is cls and all(
        base is object or (base.__flags__ & _MAY_CHANGE and "__slots__" not in vars(base)) for base in cls.__mro__
    )


@functools.cache
def at_a_branch(code: types.CodeType) -> frozenset[int]:
    """The conditional jumps of a code object whose frame holds nothing but locals then.

    So not those inside of a `for` (its iterator), a `with`, or a half-built expression, which hold more than can be
    compared.
    """
    instructions = [i for i in dis.get_instructions(code) if i.opname != "CACHE"]
    at = {i.offset: k for k, i in enumerate(instructions)}
    depths: dict[int, int] = {}
    waiting = [(0, 0)]
    while waiting:
        k, depth = waiting.pop()
        if k >= len(instructions) or k in depths:
            continue
        instruction = instructions[k]
        depths[k] = depth
        argument = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
        if instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs:
            waiting.append((at[instruction.argval], depth + dis.stack_effect(instruction.opcode, argument, jump=True)))
        if instruction.opname not in _NEVER_GO_ON:
            waiting.append((k + 1, depth + dis.stack_effect(instruction.opcode, argument, jump=False)))
    return frozenset(
        instructions[k].offset
        for k, depth in depths.items()
        if depth == 1 and ("POP_JUMP" in instructions[k].opname or instructions[k].opname == "TO_BOOL")
    )


_NEVER_GO_ON = frozenset(
    [
        "JUMP_FORWARD",
        "JUMP_BACKWARD",
        "JUMP_BACKWARD_NO_INTERRUPT",
        "RETURN_VALUE",
        "RETURN_CONST",
        "RAISE_VARARGS",
        "RERAISE",
    ]
)
