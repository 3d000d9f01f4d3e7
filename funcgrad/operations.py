"""Primitives as functions: what a call does before a transform or the array module gets to work.

Every operation of every program passes here, so each frame and each look-up counts: the closures below, one for each
number of operands, are the whole path from the user's line to `Primitive.impl` or `Trace.process`. A failure is worded
only once it has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from .core import Array, Params, Primitive, Tracer, aval, current_trace, is_running
from .dtypes import DType, is_integer
from .errors import (
    ArrayIndexError,
    DeviceError,
    DtypeError,
    FuncgradError,
    IntegerRangeError,
    LeakedTracerError,
    OptionError,
)
from .provenance import describe, here

__all__ = ["Operation", "binary", "operation", "unary"]


class Operation(Protocol):
    """A function with its primitive."""

    __name__: str
    primitive: Primitive

    def __call__(self, *args: Any, **params: Any) -> Any: ...


_NO_PARAMS: Params = {}


def operation(primitive: Primitive) -> Operation:
    """The primitive as a function of its operands and, by name, its parameters."""

    def call(*args: Any, **params: Any) -> Any:
        trace = current_trace()
        try:
            return primitive.impl(*args, **params) if trace is None else trace.process(primitive, args, params)
        except FuncgradError:
            raise
        except Exception as error:
            _fail(primitive, args, params, error)

    return _named(call, primitive)


def unary(
    primitive: Primitive, dtypes: frozenset[DType] | None = None, accept: Callable[[Any], Array] | None = None
) -> Operation:
    """The primitive as a function of one operand.

    Args:
        primitive: without parameters.
        dtypes: of the arrays that it takes as they are.
        accept: makes anything else an operand that it takes.
    """
    impl = primitive.impl

    def call(x: Any, /) -> Any:
        if dtypes is not None and not (isinstance(x, Array) and x.dtype in dtypes):
            x = accept(x)  # type: ignore[misc]
        trace = current_trace()
        try:
            return impl(x) if trace is None else trace.process(primitive, (x,), _NO_PARAMS)
        except FuncgradError:
            raise
        except Exception as error:
            _fail(primitive, (x,), _NO_PARAMS, error)

    return _named(call, primitive)


def binary(
    primitive: Primitive,
    weak: dict[DType, tuple[type, ...]] | None = None,
    meet: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    operands: tuple[type, ...] | None = None,
) -> Operation:
    """The primitive as a function of two operands.

    Args:
        primitive: without parameters.
        weak: for each dtype that it takes, the Python scalars that may stand beside it as they are.
        meet: makes any other two values operands that it takes.
        operands: as an operator, the types beside which it works; of others Python asks their own operator.
    """
    impl = primitive.impl

    def call(x: Any, y: Any, /) -> Any:
        if weak is not None:
            scalars = weak.get(x.dtype) if isinstance(x, Array) else None
            if scalars is None or not (x.dtype is y.dtype if isinstance(y, Array) else type(y) in scalars):
                if operands is not None and not isinstance(y, operands):
                    return NotImplemented
                x, y = meet(x, y)  # type: ignore[misc]
        trace = current_trace()
        try:
            return impl(x, y) if trace is None else trace.process(primitive, (x, y), _NO_PARAMS)
        except FuncgradError:
            raise
        except Exception as error:
            _fail(primitive, (x, y), _NO_PARAMS, error)

    return _named(call, primitive)


def _named(call: Any, primitive: Primitive) -> Operation:
    call.__name__ = call.__qualname__ = primitive.name
    call.primitive = primitive
    return call


# ---- wording of failures -----------------------------------------------------------------------


def _fail(primitive: Primitive, args: Sequence[Any], params: Params, error: Exception) -> NoReturn:
    """Raise the clearest error, with what went wrong underneath as its cause."""
    clearest = _diagnose(primitive, args, params, error)
    if clearest is error:
        raise error
    if isinstance(clearest, LeakedTracerError):  # a tracer has no `_data`, which would tell the user nothing
        raise clearest from None
    raise clearest from error


def _diagnose(primitive: Primitive, args: Sequence[Any], params: Params, error: Exception) -> Exception:
    """The clearest error for a failed operation: a leak, two devices, wrong shapes, or what the backend said."""
    arrays = [x for x in args if isinstance(x, Array)]
    for x in arrays:
        while isinstance(x, Tracer):  # also of a tracer that was made from a leaked one
            if not is_running(x.owner):
                return x.leaked(primitive.name)
            x = x.inner
    for x in arrays:
        if x.device != arrays[0].device:
            return DeviceError(
                f"{primitive.name}: operands on two devices: {arrays[0].aval} is on {arrays[0].device} and {x.aval} "
                f"is on {x.device}; move one with x.to_device(...)"
            )
    if isinstance(error, IndexError):
        return ArrayIndexError(f"{primitive.name}: {error}")
    if primitive.name == "pow" and isinstance(error, ValueError) and all(is_integer(aval(x).dtype) for x in args):
        return OptionError(
            f"pow: {' ** '.join(str(aval(x)) for x in args)} has a negative exponent, and its result is not whole: "
            "write x.astype('float32') for the base"
        )
    if isinstance(error, OverflowError) and (numbers := [x for x in args if type(x) is int]) and arrays:
        dtype = arrays[0].dtype
        wider = "int64" if is_integer(dtype) and dtype.itemsize < 8 else "float64"
        return IntegerRangeError(
            f"{primitive.name}: {numbers[0]!r:.60} is out of the range of {dtype}, which it has beside "
            f"{arrays[0].aval}; write a number that fits, or x.astype({wider!r}) for the array"
        )
    try:
        primitive.infer_of(args, params)
    except FuncgradError as better:
        return better
    operands = ", ".join(repr(aval(a)) if isinstance(a, Array) else repr(a) for a in args)
    if isinstance(error, TypeError) and "not supported for the input types" in str(error):  # NumPy lists its own
        return DtypeError(f"{primitive.name}: there is no such operation on {operands}; convert with x.astype(...)")
    if not hasattr(error, "__notes__"):
        error.add_note(f"in {primitive.name}({operands})\n  at {describe(here())}")
    return error
