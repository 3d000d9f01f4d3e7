"""Python numbers under staging: `step(params, 0.01)` need not be a new program for every rate.

A `StagedNumber` stands for an int or a float that a staged function is given. Arithmetic with numbers makes numbers,
by Python's own rules; beside an array it is weak, as a number is: it takes the array's dtype. Where Python must know
which number it is (`if`, `range(n)`, `math.sin(x)`, an index, a dict's key) the record notes the question.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import SCALARS, Array, Aval, Call, WeakNumber, is_running
from ..dtypes import DType, is_integer
from ..errors import LeakedTracerError
from ..graph.ir import Var
from ..ops.create import asarray
from ..provenance import describe

__all__ = ["AsArray", "NumberCall", "StagedNumber"]


class NumberCall(Call):
    """An operation of Python numbers."""

    opaque = True

    def __init__(self, name: str, function: Callable[..., Any]):
        self.name = self.key = name
        self.function = function

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return [self.function(*args)]


class AsArray(Call):
    """A Python number as an array of some dtype.

    Args:
        dtype: any.
        is_operand: whether it is taken as NumPy takes it beside an array: a float may be any whole number then.
    """

    name, opaque = "asarray", True

    def __init__(self, dtype: DType, is_operand: bool = False):
        self.dtype, self.is_operand = self.key = dtype, is_operand

    def evaluate(self, args: Sequence[Any]) -> Sequence[Array]:
        return [asarray(np.asarray(args[0], self.dtype)[()] if self.is_operand else args[0], self.dtype)]

    def infer(self, avals: Sequence[Any]) -> Sequence[Aval]:
        return [Aval((), self.dtype)]


class StagedNumber(WeakNumber):
    """A Python number and the variable that stands for it in the record."""

    __slots__ = ("inner", "owner", "variable")

    def __init__(self, trace: Any, inner: Any, var: Var):
        self.owner, self.inner, self.variable, self.kind = trace, inner, var, type(inner)

    def as_array(self, dtype: DType) -> Any:
        self.check()
        return self.owner.record_call(AsArray(dtype), [self])[0]

    def beside(self, dtype: DType) -> Any:
        self.check()
        if self.kind is int and is_integer(dtype):
            bounds = np.iinfo(dtype)
            if not bounds.min <= self.inner <= bounds.max:  # an error of the operation's, but for comparisons
                return self.concrete()
        return self.owner.record_call(AsArray(dtype, is_operand=True), [self])[0]

    def check(self) -> None:
        """An error where the record has ended."""
        if not is_running(self.owner):
            raise LeakedTracerError(
                f"a number ({self.kind.__name__}) belongs to a {self.owner.name} that has ended: it must leave the "
                f"function as its result\n  the {self.owner.name} was called at {describe(self.owner.origin)}\n"
                "  and the number is used"
            )

    def concrete(self) -> Any:
        """The number itself, of which the record notes that Python reads it."""
        self.check()
        self.owner.ask_number(self)
        return self.inner

    def item(self) -> Any:
        """The number itself."""
        return self.concrete()

    @property  # type: ignore[misc]  # so that isinstance(x, int) says what it says of the number
    def __class__(self) -> type:
        return self.kind

    def __getattr__(self, name: str) -> Any:
        """What a number has beside arithmetic: `x.is_integer()`, `n.bit_length()`, `z.real`."""
        if not hasattr(self.kind, name):
            raise AttributeError(f"{self.kind.__name__!r} object has no attribute {name!r}")
        return getattr(self.concrete(), name)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __bool__(self) -> bool:
        if self.kind is bool:
            return bool(self.concrete())
        nonzero: Any = self != 0  # type: ignore[comparison-overlap]  # a number of the record again
        return bool(nonzero)

    def __int__(self) -> int:
        return int(self.concrete())

    def __index__(self) -> int:
        return operator.index(self.concrete())

    def __float__(self) -> float:
        return float(self.concrete())

    def __complex__(self) -> complex:
        return complex(self.concrete())

    def __hash__(self) -> int:
        return hash(self.concrete())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.concrete(), digits)

    def __trunc__(self) -> int:
        return math.trunc(self.concrete())

    def __floor__(self) -> int:
        return math.floor(self.concrete())

    def __ceil__(self) -> int:
        return math.ceil(self.concrete())

    def __repr__(self) -> str:
        return repr(self.inner)

    def __format__(self, spec: str) -> str:
        return format(self.inner, spec)

    def __reduce__(self) -> Any:
        return type(self.concrete()), (self.inner,)


def _unary(name: str, function: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: StagedNumber) -> Any:
        self.check()
        return self.owner.record_call(NumberCall(name, function), [self])[0]

    return method


def _binary(name: str, function: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[..., Any]:
    def method(self: StagedNumber, other: Any) -> Any:
        if type(other) is StagedNumber or type(other) in SCALARS:
            self.check()
            pair = [other, self] if swapped else [self, other]
            return self.owner.record_call(NumberCall(name, function), pair)[0]
        if isinstance(other, np.ndarray | np.generic):  # which leave this to us
            array = asarray(other)
            return function(array, self) if swapped else function(self, array)
        return NotImplemented  # an array's own operator knows what a number beside it is

    return method


for _name, _function in {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "lshift": operator.lshift,
    "rshift": operator.rshift,
}.items():
    setattr(StagedNumber, f"__{_name}__", _binary(_name, _function))
    setattr(StagedNumber, f"__r{_name}__", _binary(_name, _function, swapped=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(StagedNumber, f"__{_name}__", _binary(_name, getattr(operator, _name)))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(StagedNumber, f"__{_name}__", _unary(_name, getattr(operator, _name)))
