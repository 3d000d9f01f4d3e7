"""What a function reads from around it: closed-over tracers as explicit operands.

A function that runs again later, as `checkpoint` and `scan` run theirs in the backward pass, may close over values
of the transforms that it runs under, and those have ended by then. So its first run is watched, by `capture`: every
tracer that it reads and that is neither its argument nor made inside is an operand. `closed` is the function with
other values in their place. What a call with an effect returned, `io_callback` for one, comes from outside as well: the
later runs find it, and the effect happens once.

    out, captured, _ = capture(lambda h: h @ w, h)        # captured is [w]
    closed(lambda h: h @ w, captured)([other], h)         # h @ other

Where there can be no first run, as of a rule for the backward pass, `held` looks for them in the function itself.

Between the runs the variables that it closes over may get other values, as those of a loop do: what runs later is the
function `frozen` as it was at the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy as shallow_copy
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from .. import tree
from ..core import (
    Array,
    Call,
    Params,
    Primitive,
    Trace,
    Tracer,
    bind,
    bind_call,
    current_trace,
    is_running,
    use_trace,
)

__all__ = [
    "HoldsFunctions",
    "SubstitutionTrace",
    "ValueAsked",
    "capture",
    "closed",
    "frozen",
    "held",
    "noticed",
    "resolve",
]


class CaptureTracer(Tracer):
    """A value made inside of the watched function, or one of its arguments."""

    __slots__ = ("inner",)

    def __init__(self, trace: CaptureTrace, inner: Any):
        self.owner, self.inner, self.dtype = trace, inner, inner.dtype

    aval: Any = property(lambda self: self.inner.aval)

    def concrete(self) -> Any:
        trace: Any = self.owner
        trace.inside += 1  # what is read now comes from inside of the function
        try:
            return self.inner.concrete()
        finally:
            trace.inside -= 1

    def __repr__(self) -> str:
        return repr(self.inner)  # that a value is watched says nothing to the user


class CaptureTrace(Trace):
    """Runs each operation under the parent, and notes which tracers came from outside."""

    __slots__ = ("captured", "effects", "inside")
    name, carries = "closure", "origin"

    def __init__(self, parent: Trace | None):
        super().__init__(parent)
        self.inside = 0  # how many reads of the function's own values are under way
        self.effects: list[Sequence[Any]] = []  # what calls with effects returned, which comes from outside too
        self.captured: dict[int, Tracer] = {}  # by id: tracers compare elementwise, and held here they stay themselves

    def lift(self, x: Any) -> Any:
        """A value that belongs to the function."""
        return CaptureTracer(self, x) if isinstance(x, Tracer) else x

    def read(self, x: Any) -> Any:
        """An operand as the parent knows it."""
        if not isinstance(x, Tracer):
            return x
        if type(x) is CaptureTracer and x.owner is self:
            return x.inner
        self.captured.setdefault(id(x), x)
        return x

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        return self.lift(bind(self.parent, primitive, [self.read(x) for x in args], params))

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        outs = bind_call(self.parent, call, [self.read(x) for x in args])
        if call.effect:
            self.effects.append([self.read(x) for x in outs])
        return [self.lift(x) for x in outs]


class ValueAsked(Exception):  # noqa: N818  # no error: `where_apply` parts the elements and goes on
    """Python asks for the one value of a scalar in whose place there is a vector."""

    def __init__(self, tracer: Tracer):
        self.tracer = tracer


class SubstitutionTrace(Trace):
    """Runs each operation under the parent, with other values in the place of some tracers.

    Args:
        captured, values: the tracers, and what stands for them.
        effects: what calls with effects returned on the first run, in their order; they are not repeated.
    """

    __slots__ = ("effects", "values")
    name, carries = "closure", "origin"

    def __init__(
        self,
        parent: Trace | None,
        captured: Sequence[Tracer],
        values: Sequence[Any],
        effects: Sequence[Sequence[Any]] = (),
    ):
        super().__init__(parent)
        self.effects = iter(effects)
        self.values = {id(x): value for x, value in zip(captured, values, strict=True)}

    def read(self, x: Any) -> Any:
        """The value that stands for x."""
        return self.values.get(id(x), x)

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        return bind(self.parent, primitive, [self.read(x) for x in args], params)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        if call.effect and (known := next(self.effects, None)) is not None:
            return [self.read(x) for x in known]
        return bind_call(self.parent, call, [self.read(x) for x in args])


def noticed(x: Tracer) -> None:
    """Python asks x for its value: functions that are watched read it from around them, though by no operation."""
    trace = current_trace()
    while trace is not None and trace is not x.owner:  # functions below that began before x was there
        if isinstance(trace, CaptureTrace) and not trace.inside:
            trace.read(x)
        trace = trace.parent


def resolve(x: Any) -> Any:
    """What stands for x here: a captured tracer is met raw where nothing has been computed with it yet."""
    trace = current_trace()
    while trace is not None:
        if isinstance(trace, SubstitutionTrace):
            x = trace.read(x)
        trace = trace.parent
    return x


def capture(f: Callable[..., Any], *args: Any) -> tuple[Any, list[Tracer], list[Sequence[Any]]]:
    """The value of f; the tracers that it reads from around it, in the order in which it first reads them; and what
    calls with effects returned."""
    trace = CaptureTrace(current_trace())
    with use_trace(trace):
        out = f(*tree.map(trace.lift, args))
    out = tree.map(lambda x: trace.read(x), out)
    return out, list(trace.captured.values()), trace.effects


def closed(
    f: Callable[..., Any], captured: Sequence[Tracer], effects: Sequence[Sequence[Any]] = ()
) -> Callable[..., Any]:
    """(values, *args) -> f(*args), with the values in the place of the captured tracers and no effect repeated."""
    captured, effects = tuple(captured), tuple(effects)

    def call(values: Sequence[Any], *args: Any) -> Any:
        if not captured and not effects:
            return f(*args)
        trace = SubstitutionTrace(current_trace(), captured, values, effects)
        with use_trace(trace):
            out = f(*args)
        return tree.map(trace.read, out)

    return call


def held(*roots: Any) -> list[Tracer]:
    """The tracers that functions hold and will read when they run, as far as can be seen.

    They are those of running transforms, and those of ended ones in whose place there are other values.

    Looked through are closures, defaults, bound methods, partials, containers and the attributes of objects; of a class
    that has `held_in` those that it names.
    """
    found: list[Tracer] = []
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        x = waiting.pop()
        if id(x) in seen or isinstance(x, ModuleType | type | str | Trace):
            continue
        seen[id(x)] = x
        if isinstance(x, Array):
            if isinstance(x, Tracer) and (is_running(x.owner) or resolve(x) is not x):
                found.append(x)
            continue
        if (names := getattr(type(x), "held_in", None)) is not None:  # a jitted function, but not all its programs
            waiting += [getattr(x, name) for name in names]
            continue
        if isinstance(x, FunctionType):
            waiting += [cell.cell_contents for cell in x.__closure__ or () if cell != CellType()]  # not the empty ones
            waiting += [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        elif isinstance(x, MethodType):
            waiting += [x.__self__, x.__func__]
        elif isinstance(x, partial):
            waiting += [x.func, *x.args, *x.keywords.values()]
        elif isinstance(x, dict):
            waiting += x.values()
        elif isinstance(x, list | tuple | set | frozenset):
            waiting += x
        slots = [getattr(kind, "__slots__", ()) for kind in type(x).__mro__]
        members = [name for part in slots for name in ((part,) if isinstance(part, str) else part)]
        waiting += [getattr(x, name) for name in members if hasattr(x, name)]
        waiting += getattr(x, "__dict__", {}).values()
    return found


class HoldsFunctions:
    """An object that is nothing but functions which are its attributes, as a function with rules is."""


def frozen(x: Any) -> Any:
    """A function, or a list, tuple or dict of them, as it is now, whatever is assigned to its variables later.

        for w in weights:
            x = checkpoint(lambda x: tanh(x * w))(x)        # the backward pass runs each with its own w

    Copied are functions with a closure, and what leads to them: variables, defaults, bound methods, partials, functions
    with rules, lists, tuples, dicts. All else stays itself, as do objects, other containers and global variables.
    """
    copies: dict[int, tuple[Any, Any]] = {}  # by id: what is copied, held so that its id stays its own, and its copy
    cells: dict[int, CellType] = {}
    waiting: list[tuple[CellType, CellType]] = []  # variables to fill: no recursion, as functions call each other

    def variable(cell: CellType) -> CellType:
        if id(cell) not in cells:
            unset = cell == CellType()  # and stays the function's own, which may set it
            cells[id(cell)] = mine = cell if unset else CellType()
            if not unset:
                waiting.append((cell, mine))
        return cells[id(cell)]

    def function(f: FunctionType) -> FunctionType:
        defaults, named = copy(f.__defaults__), copy(f.__kwdefaults__)
        if not f.__closure__ and defaults is f.__defaults__ and named is f.__kwdefaults__:
            return f
        closure = tuple(variable(cell) for cell in f.__closure__ or ())
        mine = FunctionType(f.__code__, f.__globals__, f.__name__, defaults, closure)
        mine.__kwdefaults__, mine.__qualname__, mine.__module__ = named, f.__qualname__, f.__module__
        mine.__dict__.update(f.__dict__)
        return mine

    def copy(x: Any) -> Any:
        kind = type(x)
        if kind not in (FunctionType, MethodType, partial, list, tuple, dict) and not isinstance(x, HoldsFunctions):
            return x
        if id(x) in copies:
            return copies[id(x)][1]
        copies[id(x)] = x, x  # for a list that holds itself
        made = x
        if kind is FunctionType:
            made = function(x)
        elif kind is MethodType:
            f = copy(x.__func__)
            made = x if f is x.__func__ else MethodType(f, x.__self__)
        elif kind is partial:
            f, args, keywords = copy(x.func), copy(x.args), copy(x.keywords)
            if not (f is x.func and args is x.args and keywords is x.keywords):
                made = partial(f, *args, **keywords)
        elif isinstance(x, HoldsFunctions):
            attributes = copy(x.__dict__)
            if attributes is not x.__dict__:
                made = shallow_copy(x)
                made.__dict__.update(attributes)
        else:
            old = x.values() if kind is dict else x
            new = [copy(v) for v in old]
            if any(a is not b for a, b in zip(old, new, strict=True)):
                made = dict(zip(x, new, strict=True)) if kind is dict else kind(new)
        copies[id(x)] = x, made
        return made

    found = copy(x)
    while waiting:
        cell, mine = waiting.pop()
        mine.cell_contents = copy(cell.cell_contents)
    return found
