"""The core: arrays, primitives, and the current trace that decides what an operation means.

An operation on arrays is a `Primitive`. Calling one asks for the **current trace**: `None` means evaluate, which is
`impl`; otherwise the trace interprets the operation in its own way, one class a transform (`GradTrace` in
`transforms/tape.py`, `JVPTrace` in `jvp.py`, `BatchTrace` in `batch.py`). A trace holds its `parent`, the trace that
was current when it began, and runs its rules under it: so transforms nest in any order, each seeing the values of the
one below as plain arrays.

    f(x)                        current trace None:            sin -> numpy.sin
    grad(f)(x)                  GradTrace(parent=None):        sin -> parent's sin, and a node on the tape
    vmap(grad(f))(x)            GradTrace(parent=BatchTrace(parent=None))

What flows through a trace is a `Tracer`: an `Array` to the user, which belongs to one trace and carries what that
trace needs (a tangent, a tape node, a batch axis).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextvars import ContextVar
from math import prod
from opcode import opmap
from operator import attrgetter
from types import FrameType
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .array_methods import ArrayMethods
from .array_protocols import ArrayProtocols
from .decisions import only_decides
from .device import Device, Raw, device_of, dtype_of, namespace
from .dtypes import DType, is_boolean, is_inexact, weak
from .errors import LeakedTracerError, LostDerivativeWarning, TracedConversionError
from .provenance import Origin, describe, here, location, running

__all__ = [
    "PRIMITIVES",
    "SCALARS",
    "Array",
    "ArrayHolder",
    "Aval",
    "Call",
    "Params",
    "Primitive",
    "Scalar",
    "Trace",
    "Tracer",
    "WeakNumber",
    "array_namespace",
    "aval",
    "backend_array",
    "bind",
    "bind_call",
    "current_trace",
    "is_running",
    "raw",
    "seen",
    "set_trace",
    "use_trace",
    "wrap",
]

Scalar: TypeAlias = bool | int | float | complex
Params: TypeAlias = Mapping[str, Any]
SCALARS = (float, int, bool, complex)


class Aval:
    """What is known of an array without its values: shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: DType):
        self.shape, self.dtype = shape, dtype

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Aval) and self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))


class Array(ArrayProtocols, ArrayMethods):
    """An immutable n-dimensional array on some device.

    Made by the creation functions of `funcgrad.numpy` and by operations, not by calling this class. Its operators and
    methods are the functions of `funcgrad.numpy`; nothing changes its values, so `x[i] = v` raises and
    `x.at[i].set(v)` gives the changed copy.
    """

    __slots__ = ("__weakref__", "_data", "dtype")
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # == is elementwise

    def __init__(self, data: Raw):
        self._data = data
        self.dtype: DType = data.dtype  # stored: every operation on two operands compares theirs

    # attrgetter is a C call: the same property in Python costs three times as much, on the path of every operation
    shape: Any = property(attrgetter("_data.shape"))
    ndim: Any = property(lambda self: len(self.shape))
    size: Any = property(lambda self: prod(self.shape))
    itemsize: Any = property(lambda self: self.dtype.itemsize)
    nbytes: Any = property(lambda self: self.size * self.dtype.itemsize)

    @property
    def aval(self) -> Any:
        """Shape and dtype."""
        return Aval(self._data.shape, self.dtype)

    @property
    def device(self) -> Device | Any:
        """Where the values are."""
        return device_of(backend_array(self))

    def concrete(self) -> Array:
        """The plain array behind any stack of tracers: the value that `bool`, `int` and `np.asarray` look at."""
        known = seen(self)
        return self if known is self else known.concrete()

    def rows(self, dim: int) -> Array:
        """The same of a batch along that axis, whose examples Python may be about to tell apart."""
        return self.concrete()

    def __copy__(self) -> Array:
        """Another array of the same memory: it stays when this one is donated."""
        known = seen(self)
        return wrap(self._data) if known is self else known

    def __deepcopy__(self, memo: Any) -> Array:
        return self.__copy__()


_INSTEAD = (
    "use the function of funcgrad.numpy, np.stack([x, y]) for np.array([x, y]), fg.mutable(array) for an array that is "
    "filled"
)


class Tracer(Array):
    """An array under a transform: it belongs to one trace, and it has a value that Python may look at.

    `_data` stays unset, so an operation that meets a tracer where it expects values fails at once: that is how a
    tracer kept after its transform is found out, at no cost to the others.
    """

    __slots__ = ("owner",)
    owner: Trace
    """The trace that it belongs to; `x.trace()` is the sum of a diagonal."""

    aval: Any
    shape: Any = property(lambda self: self.aval.shape)

    inner: Array
    """The array one level down: what the parent trace knows this one as."""

    def concrete(self) -> Array:
        return self.inner.concrete()

    def rows(self, dim: int) -> Array:
        return self.inner.rows(dim)

    def __copy__(self) -> Array:
        return self

    def leaked(self, use: str) -> LeakedTracerError:
        """The error for a value that is used outside of its transform."""
        name = self.owner.name
        return LeakedTracerError(
            f"{use}: an operand ({self.aval}) belongs to a {name} that has ended, or that runs in another thread. "
            "Values of a transformed function must leave it as its result, not by a list, a global or an attribute.\n"
            f"  the {name} was called at {describe(self.owner.origin)}\n  and the value is used"
        )

    def not_for_numpy(self, use: str, advice: str) -> LeakedTracerError | TracedConversionError:
        """The error for a NumPy function, or another one, that asks for the values."""
        if not is_running(self.owner):
            return self.leaked(use)
        return TracedConversionError(
            f"{use} of a value under {self.owner.name} ({self.aval}) would cut it off from its {self.owner.carries}: "
            f"{advice}{self.owner.instead}"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """The value, with a warning, where nothing but a derivative is lost; a batch has no one value."""
        if not self.owner.differentiates or not is_running(self.owner):
            return self.for_numpy("np.asarray", _INSTEAD)
        self.refuse_assignment(sys._getframe(1))
        self.warn_of_loss("np.asarray(x), or a function of NumPy's values,", "np.asarray(fg.stop_gradient(x))")
        return self.inner.__array__(dtype, copy)

    def for_numpy(self, use: str, advice: str) -> np.ndarray[Any, Any]:
        """The value for one of NumPy's own functions; most transforms have none to give."""
        raise self.not_for_numpy(use, advice)

    def __dlpack__(self, **asked: Any) -> Any:
        return self.for_numpy("from_dlpack", _INSTEAD)

    def __bool__(self) -> bool:
        # of a number Python asks whether it is zero, and not which one it is
        if is_boolean(self.dtype) or self.size != 1:
            return super().__bool__()
        return bool((self != 0)._item())

    def item(self, *index: int) -> Any:
        if not index:  # of one of several elements that one tells
            self.warn_of_loss("x.item()", "fg.stop_gradient(x).item()")
        return super().item(*index)

    def tolist(self) -> Any:
        self.warn_of_loss("x.tolist()", "fg.stop_gradient(x).tolist()")
        return super().tolist()

    def __float__(self) -> float:
        self.warn_of_number("float")
        return super().__float__()

    def __complex__(self) -> complex:
        self.warn_of_number("complex")
        return super().__complex__()

    def warn_of_number(self, kind: str) -> None:
        """As below, unless "%.3f" % x asks, to show the number; `array[i] = x` of NumPy's is an error."""
        asking = sys._getframe(2)
        self.refuse_assignment(asking)
        if asking.f_code.co_code[asking.f_lasti] != opmap["BINARY_OP"]:
            use = f"{kind}(x), or a function of {'math' if kind == 'float' else 'cmath'},"
            self.warn_of_loss(use, f"{kind}(fg.stop_gradient(x))")

    def refuse_assignment(self, asking: FrameType) -> None:
        """Raise where that frame is at `array[i] = x`, and the array NumPy's."""
        if asking.f_code.co_code[asking.f_lasti] == opmap["STORE_SUBSCR"] and self.differentiated() is not None:
            raise self.not_for_numpy("assignment to an array of NumPy's", "let that be fg.mutable(array)")

    def warn_of_loss(self, use: str, constant: str) -> None:
        """Warn, once for each line of the user's, where a value that is being differentiated becomes a constant.

        What only decides or shows, as far as the line tells (`if float(x) > 3`), is quiet.

        Args:
            use: what makes it one.
            constant: what to write where one is meant.
        """
        trace = self.differentiated()
        if trace is None:
            return
        frame = running()
        origin = frame.f_code, frame.f_lasti
        if only_decides(origin):
            return
        warnings.warn_explicit(
            f"{use} of a value under {trace.name} ({self.aval}) gives a constant, which has no {trace.carries}: "
            f"compute with x itself (np.sin(x) for math.sin(x)), or write {constant} where a constant is meant\n"
            f"  at {describe(origin)}",
            LostDerivativeWarning,
            *location(origin),
            registry=frame.f_globals.setdefault("__warningregistry__", {}),  # where Python notes what it has shown
        )

    def differentiated(self) -> Trace | None:
        """The running trace that carries a derivative of it, its own or one below."""
        x: Any = self
        while isinstance(x, Tracer) and not x.owner.differentiates:
            x = x.inner
        carries = isinstance(x, Tracer) and is_inexact(self.dtype) and is_running(x.owner)
        return x.owner if carries else None

    # by what is inside, not by `concrete`: to look at a batch must not ask it for one value
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    def __str__(self) -> str:
        return str(self.inner)

    def __format__(self, spec: str) -> str:
        return format(self.inner, spec)


class ArrayHolder:
    """Something that holds an array and counts as that array where one is asked for."""

    __slots__ = ()

    def freeze(self) -> Array:
        """The array."""
        raise NotImplementedError

    def parts(self) -> tuple[Any, ...]:
        """All that what is done with it later can depend on."""
        raise NotImplementedError


class WeakNumber:
    """A Python number under a trace that writes down what is done: beside an array it counts as a Python number."""

    __slots__ = ("kind",)
    kind: type

    def as_array(self, dtype: DType) -> Any:
        """The number as an array without dimensions."""
        raise NotImplementedError

    def beside(self, dtype: DType) -> Any:
        """The number as an operand beside arrays of that dtype."""
        raise NotImplementedError

    def item(self) -> Any:
        """The number itself."""
        raise NotImplementedError


def aval(x: Array | Aval | Scalar) -> Aval:
    """Shape and dtype of an operand; a Python scalar's dtype is the one it has without an array beside it."""
    if isinstance(x, Array):
        return x.aval
    return x if isinstance(x, Aval) else Aval((), weak(np.dtype(bool), x))


# ---- primitives and the current trace ----------------------------------------------------------

PRIMITIVES: dict[str, Primitive] = {}
"""Every operation by name; the test table must have a row for each."""

Rule: TypeAlias = Callable[..., Any]


class Primitive:
    """One operation, declared once: what it does, and what each transform makes of it.

    Declared by the constructors of `rules.py`, which derive most of the rules.

    Args:
        name: unique, and the name of the standard's function where there is one.
        impl: (*operands, **params) -> Array, on arrays and Python scalars.
        infer: (*avals, **params) -> Aval; raises ShapeError or DtypeError where the operands do not fit.
        batch: (size, operands, dims, params) -> (result, its batch dimension); dims are ints or None.
        jvp: (primals, tangents, out, params) -> tangent or None; a None tangent is zero.
        pull: (ct, out, operands, params, wanted) -> a cotangent or None for each operand, by which reverse mode
            pulls the result's cotangent back; what it does not need of operands arrives as avals. `wanted` is a
            sequence with None for each operand that needs no cotangent (the tape passes its nodes).
        saves: (wanted) -> which of (out, *operands) `pull` needs the values of; here `wanted` holds bools. With jvp
            and pull None the operation has no derivative (comparisons, argmax): its result is a constant to grad and
            jvp.
        kernel: (xp, *raw operands, **params) -> raw result: what `impl` does, without the arrays around it, for
            programs that a graph is made into.
        elementwise: whether it treats each element by itself, so that a program may run it tile by tile.

    `writes` says whether the kernel takes `out`, a C-contiguous NumPy array for the result: it has such a parameter.
    What lies there is nonsense.
    `narrow` holds the dtypes of 16 bits that the kernel computes in float32: for them it is no function of NumPy's.
    `checks` says whether it raises an error for some values, an index out of range for one: then it is done though
    nobody reads its result.
    """

    __slots__ = (
        "batch", "checks", "elementwise", "impl", "infer", "jvp", "kernel", "name", "narrow", "pull", "saves", "unread",
        "writes",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        impl: Rule,
        infer: Rule,
        batch: Rule | None = None,
        jvp: Rule | None = None,
        pull: Rule | None = None,
        saves: Callable[[tuple[bool, ...]], tuple[bool, ...]] | None = None,
        kernel: Rule | None = None,
        elementwise: bool = False,
    ):
        if name in PRIMITIVES:
            raise ValueError(f"there is a primitive {name!r} already")
        PRIMITIVES[name] = self
        self.name, self.impl, self.infer = name, impl, infer
        self.batch: Any = batch
        self.jvp: Any = jvp
        self.pull: Any = pull
        self.saves = saves
        self.unread = _Unread(saves)
        self.kernel: Any = kernel
        self.elementwise = elementwise
        self.checks = False
        self.narrow: frozenset[DType] = getattr(kernel, "dtypes", frozenset())
        code = getattr(getattr(kernel, "plain", kernel), "__code__", None)
        self.writes = code is not None and "out" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    def __call__(self, *args: Any, **params: Any) -> Any:
        """The operation under the current trace (`operations.py` has the same with errors worded for the user)."""
        return bind(current_trace(), self, args, params)

    def infer_of(self, args: Sequence[Any], params: Params) -> Aval:
        """What `infer` says of operands, or raises."""
        return self.infer(*[a.aval if isinstance(a, Array) else a for a in args], **params)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Primitive({self.name})"


class _Unread(dict[int, tuple[bool, tuple[int, ...]]]):
    """A primitive's `saves` as the tape asks it at every operation: (does pull read out?, operands it does not read).

    The key has a bit an operand behind a leading 1, set where the operand is differentiated.
    """

    __slots__ = ("saves",)

    def __init__(self, saves: Callable[[tuple[bool, ...]], tuple[bool, ...]] | None):
        super().__init__()
        self.saves = saves

    def __missing__(self, wanted: int) -> tuple[bool, tuple[int, ...]]:
        assert self.saves is not None
        out, *operands = self.saves(tuple(bit == "1" for bit in f"{wanted:b}"[1:]))
        self[wanted] = found = out, tuple(i for i, read in enumerate(operands) if not read)
        return found


def bind(trace: Trace | None, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
    """The operation under that trace, whichever is current."""
    return primitive.impl(*args, **params) if trace is None else trace.process(primitive, args, params)


class Call:
    """A function at work as one operation of several results, which says itself what each transform makes of it.

    Custom rules, `checkpoint`, `scan`: what a `Primitive` is to one array, a call is to a list of them. Each method
    runs with the trace below the one that asks as the current one, so it is written in ordinary operations and
    transforms; `evaluate` runs when there is no trace left.
    """

    name: str
    effect = False
    """Does it do something that is seen outside? Then a function that runs again does not repeat it, and a record keeps
    it though nobody reads its results."""
    learned: list[Any] | tuple[()] = ()
    """What running it tells beyond the results, such as their structure; who skips a run gives it back.

    A call that stands for another, such as its batch, has the same list: either of them may be what is skipped.
    """
    opaque: bool = False
    """Whether a record holds it as one operation, instead of the operations that `evaluate` is made of."""
    closed: bool = False
    """Whether its rules read nothing but operands, so that a record may hold it for transforms that come later."""
    transparent: bool = False
    """Whether the derivatives of what `evaluate` does are its own, so that a record may hold that instead of it."""
    key: Hashable = None
    """Two calls of one class with equal keys do the same with the same operands; None is equal to no other."""

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        """The results, arrays."""
        raise NotImplementedError

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """The results and their tangents; a None tangent is zero, among the operands and among the results."""
        raise NotImplementedError

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        """The results, and a function from a list of their cotangents to one of the operands'; None is zero."""
        raise NotImplementedError

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        """The results and their batch dimensions, None for a result that all examples share."""
        raise NotImplementedError

    def infer(self, avals: Sequence[Any]) -> Sequence[Aval]:
        """The results' shapes and dtypes, of an opaque call."""
        raise NotImplementedError

    def lowered(self) -> Call:
        """An opaque call as a record holds it that no transform will be asked about any more."""
        return self


def bind_call(trace: Trace | None, call: Call, args: Sequence[Any]) -> Sequence[Any]:
    """The call under that trace, whichever is current."""
    return call.evaluate(args) if trace is None else trace.process_call(call, args)


class Trace:
    """One transform at work: it interprets operations between its beginning and its end.

    Args:
        parent: the trace that was current when it began; None at the bottom.
    """

    __slots__ = ("origin", "parent")
    name: ClassVar[str]
    carries: ClassVar[str]
    """What its tracers carry beside the value, for messages."""
    differentiates: ClassVar[bool] = False
    """Do its tracers carry a derivative that they lose as Python numbers?"""
    instead: ClassVar[str] = "; for the value as a constant, stop_gradient(x) first"
    """What else to write where a tracer cannot become a NumPy array."""

    def __init__(self, parent: Trace | None):
        self.parent = parent
        self.origin: Origin = here()

    def seen(self, x: Array) -> Array:
        """What a plain array is here: itself, or a value of a record for which it is an input."""
        return x if self.parent is None else self.parent.seen(x)

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        """The operation's result under this trace."""
        raise NotImplementedError

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        """The call's results under this trace."""
        raise NotImplementedError


_current: ContextVar[Trace | None] = ContextVar("funcgrad_trace", default=None)
current_trace = _current.get


def set_trace(trace: Trace | None) -> None:
    """Make a trace the current one from here on (a setting's doing; transforms use the block below)."""
    _current.set(trace)


class use_trace:  # noqa: N801  # a context manager, named as one
    """Make a trace the current one for a block, and bring back the *previous* one after it.

    The previous, not the parent: a rule runs with its trace's parent current, and may be called from anywhere.
    """

    __slots__ = ("previous", "trace")

    def __init__(self, trace: Trace | None):
        self.trace = trace

    def __enter__(self) -> None:
        self.previous = current_trace()
        _current.set(self.trace)

    def __exit__(self, *exc: object) -> None:
        _current.set(self.previous)


# ---- small parts --------------------------------------------------------------------------------


def seen(x: Array) -> Array:
    """What an array is under the current trace: ask before looking into its values.

    A jitted function finds plain arrays in its closure, and they are inputs of its programs nevertheless.
    """
    trace = current_trace()
    return x if trace is None or isinstance(x, Tracer) else trace.seen(x)


def is_running(trace: Trace) -> bool:
    """Is that trace the current one, or one below it?"""
    found = current_trace()
    while found is not None and found is not trace:
        found = found.parent
    return found is not None


def backend_array(x: Array) -> Raw:
    """A backend's array that x is made of (a tracer's may have another shape): it tells module and device."""
    while isinstance(x, Tracer):
        x = x.inner
    return x._data


def raw(x: Any) -> Any:
    """The backend's array of an operand (a Python scalar stays one)."""
    return x._data if isinstance(x, Array) else x


def wrap(data: Raw) -> Array:
    """An Array of a backend's result; NumPy answers with scalars where there are no dimensions."""
    array = Array(np.asarray(data) if isinstance(data, np.generic) else data)
    array.dtype = dtype_of(data)
    return array


def array_namespace(args: Sequence[Any]) -> Any:
    """The array module of the first array among raw operands."""
    for a in args:
        if not isinstance(a, SCALARS):
            return namespace(a)
    return np
