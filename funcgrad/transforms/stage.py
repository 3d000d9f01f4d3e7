"""Staging: run a function once, on real values, and write down what it does.

    x --> f --> y                        f runs as it always does,
          |
          +-- a = sin x                  and leaves a record: equations,
              b = greater x 0
              is b true?   True          and the questions that Python asked of values, with their answers

A `StageTracer` is a value with its name in the record. Computing with it computes, and writes an equation. Where Python
asks for its value (`if`, `int(x)`, `x.item()`) it gets the real one, and the record notes the question: it holds for
those inputs that give the same answer. What does not depend on an input is a constant of the record.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import CodeType
from typing import Any

import numpy as np

from ..codegen.numpy_program import number
from ..core import Array, Aval, Call, Params, Primitive, Trace, Tracer, is_running, use_trace
from ..device import bytes_of
from ..dtypes import is_boolean, is_floating, is_integer
from ..errors import TracedConversionError
from ..graph.ir import Atom, Eqn, Literal, Var, type_of
from ..numpy.elementwise import copysign
from ..provenance import Origin, here
from .frames import State, python_state
from .number import StagedNumber

__all__ = [
    "LARGEST_ANSWER",
    "Question",
    "Recording",
    "Segment",
    "ShapeTrace",
    "StageTrace",
    "StageTracer",
    "Unknown",
    "Unstaged",
    "answer_key",
    "plain",
]

LARGEST_ANSWER = 64
"""How many elements of an array Python may read at once: each different content is a path of its own.

Where it reads more, the path has no program from there on."""


class StageTracer(Tracer):
    """A value and the variable that stands for it in the record."""

    __slots__ = ("inner", "variable")
    owner: StageTrace

    def __init__(self, trace: StageTrace, inner: Array, var: Var):
        self.owner, self.inner, self.variable, self.dtype = trace, inner, var, inner.dtype

    aval: Any = property(lambda self: self.inner.aval)
    shape: Any = property(lambda self: self.inner.shape)

    def concrete(self) -> Array:
        if not is_running(self.owner):
            raise self.leaked("reading a value")
        self.owner.ask(self)
        return plain(self.inner)

    def shown(self) -> Array:
        """The value for another library, which refuses it where it has a derivative: it would be lost there."""
        value = self.concrete()
        return self.inner if isinstance(self.inner, Tracer) else value

    def rows(self, dim: int) -> Array:
        """All examples, if they are equal: a record holds one path, and no batch that parts."""
        x: Any = self
        first = x[(slice(None),) * dim + (slice(0, 1),)]
        same = (x == first).all()
        if is_floating(self.dtype):  # 0.0 == -0.0, and Python may tell them apart
            same = same & (copysign(1.0, x) == copysign(1.0, first)).all()
        if not same:
            self.owner.abandon("examples of a batch part there")
        else:
            first.concrete()
        return plain(self.inner)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return self.shown().__array__(dtype, copy)

    def for_numpy(self, use: str, advice: str) -> np.ndarray[Any, Any]:
        return self.__array__()

    def __dlpack__(self, *, copy: bool | None = None, **kwargs: Any) -> Any:
        return self.shown().__dlpack__(copy=copy, **kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return plain(self.inner).__dlpack_device__()


def plain(x: Any) -> Any:
    """The value without the derivative that a record's values may carry."""
    while isinstance(x, Tracer):
        x = x.inner
    return x


class Unstaged(BaseException):  # never seen by users, and not to be caught by them
    """Something that a record cannot hold; the path runs without programs."""


class Question:
    """What Python asked of a value.

    Args:
        atom: whose value.
        kind: how the answer is told from others: "bool", "int", "float", or "bytes" of an array.
        origin: the user's line.
    """

    __slots__ = ("atom", "kind", "origin")

    def __init__(self, atom: Atom, kind: str, origin: Origin):
        self.atom, self.kind, self.origin = atom, kind, origin


def answer_key(value: Any, kind: str) -> Any:
    """What tells this answer from others: never a float, since NaN is not itself and -0.0 is 0.0."""
    data = value._data if isinstance(value, Array) else value
    if kind in ("bool", "int"):
        return number(data)
    return bytes_of(data) if isinstance(value, Array) else np.asarray(data).tobytes()


class Segment:
    """Equations up to a question, and the answer; and what Python could act on then, if that can be known."""

    __slots__ = ("answer", "eqns", "question", "state")

    def __init__(self, eqns: list[Eqn], question: Question, answer: Any, state: State | None):
        self.eqns, self.question, self.answer, self.state = eqns, question, answer, state


class Recording:
    """What one run did: segments, each ended by a question, and the equations after the last one."""

    __slots__ = ("eqns", "segments")

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.eqns: list[Eqn] = []


class StageTrace(Trace):
    """Runs each operation on the values, and writes it down.

    Args:
        hidden: arrays that the function finds by itself, in its closure for one, and that are inputs nevertheless: by
            id their variables.
        base: the code of the frame that calls the function, if turns of its loops may be found to be the same.
    """

    __slots__ = ("abandoned", "base", "compared", "hidden", "numbers", "raised", "record")
    name, carries, instead = "jit", "record", ", or pass what depends on it as a static argument"

    def __init__(self, hidden: dict[int, tuple[Any, Var]] | None = None, base: CodeType | None = None):
        super().__init__(None)
        self.base = base
        self.numbers: dict[Any, int] = {}  # of frames
        self.compared = 0  # how much of what Python could act on has been read, in all
        self.record = Recording()
        self.hidden = hidden or {}
        self.abandoned: tuple[str, Recording, Origin | None] | None = None
        self.raised = False  # whether an operation raised an error, which the user's function may have caught

    def input(self, value: Any) -> Any:
        """A value that the function is given, an array or a Python number."""
        return self.named(value, Var(type_of(value)))

    def named(self, value: Any, var: Var) -> Any:
        """A value under its name in the record."""
        return StageTracer(self, value, var) if isinstance(value, Array) else StagedNumber(self, value, var)

    def seen(self, x: Array) -> Array:
        found = self.hidden.get(id(x))
        return x if found is None else self.named(x, found[1])

    # ---- operations ----

    def atom(self, x: Any) -> Atom:
        """What stands for an operand in the record."""
        if type(x) in (StageTracer, StagedNumber) and x.owner is self:
            return x.variable  # type: ignore[no-any-return]
        found = self.hidden.get(id(x))
        return Literal(x) if found is None else found[1]

    def read(self, x: Any) -> Any:
        """The value of an operand."""
        return x.inner if type(x) in (StageTracer, StagedNumber) and x.owner is self else x

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        atoms: list[Atom] = []
        values: list[Any] = []
        staged = False
        for x in args:  # `atom` and `read` without their calls: every operation of a first run passes here
            if type(x) is StageTracer and x.owner is self:
                atoms.append(x.variable)
                values.append(x.inner)
                staged = True
            else:
                found = self.hidden.get(id(x))
                atoms.append(Literal(x) if found is None else found[1])
                values.append(x)
                staged = staged or found is not None
        try:
            out = self.compute(primitive, values, params)
        except Exception:
            self.raised = True
            raise
        if not staged:
            return out
        var = Var(Aval(out.shape, out.dtype))
        self.record.eqns.append(Eqn(primitive, atoms, params, (var,), here(3)))
        return self.named(out, var)

    def compute(self, primitive: Primitive, values: Sequence[Any], params: Params) -> Array:
        """The result of an operation on values."""
        return primitive.impl(*values, **params)  # type: ignore[no-any-return]

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        if call.opaque:
            return self.record_call(call.lowered(), args)
        with use_trace(self):  # a trace above may have handed it down and still be the current one
            return call.evaluate(args)

    def record_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        """A call as one equation."""
        atoms = [self.atom(x) for x in args]
        try:
            outs = self.compute_call(call, [self.read(x) for x in args])
        except Exception:
            self.raised = True
            raise
        if not any(type(a) is Var for a in atoms) and not call.effect:
            return outs
        variables = [Var(type_of(x)) for x in outs]
        self.record.eqns.append(Eqn(call, atoms, {}, variables, here()))
        return [self.named(x, v) for x, v in zip(outs, variables, strict=True)]

    def compute_call(self, call: Call, values: Sequence[Any]) -> Sequence[Array]:
        """The results of a call on values."""
        return call.evaluate(values)

    def abandon(self, reason: str, warn: Origin | None = None) -> None:
        """Go on without writing down what is done: the run ends as it would have, and its path has no program.

        It is not begun again, since what it has printed cannot be taken back.

        Args:
            reason: why.
            warn: the user's line, if there is something that the user may want to change.
        """
        if self.abandoned is None:
            self.abandoned = reason, self.record, warn
            self.record = Recording()

    # ---- questions ----

    def ask(self, x: StageTracer) -> None:
        """Note that Python reads this value."""
        if x.inner.size > LARGEST_ANSWER:
            # every different content would be a path of its own
            self.abandon(f"Python reads all {x.inner.size} values of {x.aval}, more than {LARGEST_ANSWER}", here())
            return
        one = x.inner.size == 1
        kind = "bool" if one and is_boolean(x.dtype) else "int" if one and is_integer(x.dtype) else "bytes"
        self.note(x.variable, kind, answer_key(plain(x.inner), kind))

    def ask_number(self, x: StagedNumber) -> None:
        """Note that Python reads this number."""
        kind = {bool: "bool", int: "int"}.get(x.kind, "float" if x.kind is float else "bytes")
        self.note(x.variable, kind, answer_key(x.inner, kind))

    def note(self, atom: Atom, kind: str, answer: Any) -> None:
        """End the segment by a question and its answer."""
        record = self.record
        state = None
        if self.base is not None:
            state = python_state(sys._getframe(1), self.base, self.numbers, (StageTracer, StagedNumber), self)
        record.segments.append(Segment(record.eqns, Question(atom, kind, here()), answer, state))
        record.eqns = []


class Unknown(Array):
    """An array of which only shape, dtype and device are known."""

    __slots__ = ("sizes",)

    def __init__(self, type: Aval, beside: Any = None):
        self.sizes, self.dtype, self._data = type.shape, type.dtype, np.empty(0) if beside is None else beside

    shape: Any = property(lambda self: self.sizes)
    aval: Any = property(lambda self: Aval(self.sizes, self.dtype))

    def __repr__(self) -> str:
        return f"Unknown({self.aval})"


class ShapeTrace(StageTrace):
    """The same without values: by the operations' shape rules alone."""

    __slots__ = ()
    name = "eval_shape"

    def compute(self, primitive: Primitive, values: Sequence[Any], params: Params) -> Array:
        if not any(isinstance(x, Unknown) for x in values):
            return super().compute(primitive, values, params)
        return Unknown(primitive.infer_of(values, params))

    def compute_call(self, call: Call, values: Sequence[Any]) -> Sequence[Array]:
        if not any(isinstance(x, Unknown) for x in values):
            return super().compute_call(call, values)
        return [Unknown(aval) for aval in call.infer([x.aval for x in values])]

    def ask(self, x: StageTracer) -> None:
        if not isinstance(x.inner, Unknown):
            return
        raise TracedConversionError(
            f"Python needs a value ({x.aval}), for `if`, int(x), x.item() or x[mask], of which only shape and dtype "
            "are known here: give an array instead of a ShapeDtypeStruct"
        )
