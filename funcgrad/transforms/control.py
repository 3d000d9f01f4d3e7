"""Control flow as functions: `cond`, `switch`, `while_loop`, `fori_loop`.

Python's own `if`, `while` and `for` do the same under every transform. These are for programs that were written with
them, for loops under `jit` whose steps are not to be recorded one by one (`staged_control.py`), and for a batch whose
examples decide differently: a branch runs on the examples that take it and a loop on those that are not done, and then
all go on together (`fork.py`), where Python would run the rest once a path. Reverse mode goes through all of them,
loops whose length the values decide included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from .. import tree
from ..core import Array, Aval, Tracer
from ..dtypes import is_boolean, is_inexact, is_integer, kind, weak
from ..errors import DtypeError, OptionError, ShapeError, TreeError
from ..numpy.creation import arange, asarray
from ..numpy.elementwise import clip
from .arguments import refuse_value
from .batch_tracer import BatchTracer
from .body import inside_body, staging
from .fork import choose, deciding_batch, repeat
from .staged_control import staged_branch, staged_scan, staged_while
from .while_call import is_rolled

__all__ = ["Carry", "cond", "fori_loop", "switch", "while_loop"]


_ABSENT: Any = object()


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any, operand: Any = _ABSENT
) -> Any:
    """true_fun(*operands) if pred, else false_fun(*operands); only that one runs.

    Args:
        pred: a boolean, or a number, that is not zero for true.
        true_fun, false_fun: functions of the operands; under vmap their outputs must have one structure and shape.
        *operands: pytrees.
        operand: for programs written for JAX: the one operand.

    Raises:
        ShapeError: pred has dimensions.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> f = lambda x: fg.cond(x > 0, lambda x: x ** 2, lambda x: -x, x)
    >>> fg.vmap(fg.grad(f))(fnp.asarray([3.0, -2.0])).tolist()
    [6.0, -1.0]
    """
    for f in (true_fun, false_fun):
        refuse_value(f, "cond", ": where(pred, x, y) chooses between values")
    operands = _operands(operands, operand, "cond")
    pred = _scalar(pred, "cond: the predicate")
    if is_branch(pred):
        truth = pred if is_boolean(pred.dtype) else pred != 0
        with suppress(Exception):  # whatever it is: the branch that is taken raises it again
            return staged_branch(truth, [partial(false_fun, *operands), partial(true_fun, *operands)])
    if deciding_batch(pred):
        truth = pred if is_boolean(pred.dtype) else pred != 0
        return choose(truth, [partial(false_fun, *operands), partial(true_fun, *operands)])
    return true_fun(*operands) if pred else false_fun(*operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any, operand: Any = _ABSENT) -> Any:
    """branches[index](*operands), the index clamped to the branches there are; only that one runs.

    Args:
        index: an integer without dimensions.
        branches: functions of the operands.
        *operands: pytrees.
        operand: for programs written for JAX: the one operand.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> f = lambda i: fg.switch(i, [lambda: 10, lambda: 20, lambda: 30])
    >>> fg.vmap(f)(fnp.asarray([0, 2, 1, 7])).tolist()
    [10, 30, 20, 30]
    """
    operands, branches = _operands(operands, operand, "switch"), list(branches)
    if not branches:
        raise OptionError("switch: there are no branches")
    for branch in branches:
        refuse_value(branch, "switch", ": select_n(index, *values) chooses between values")
    index = _scalar(index, "switch: the index")
    if not is_integer(index.dtype):
        raise DtypeError(f"switch: the index must be an integer, not {index.aval}")
    if is_branch(index):
        with suppress(Exception):
            clamped = clip(index, 0, len(branches) - 1)
            return staged_branch(clamped, [partial(branch, *operands) for branch in branches])
    if deciding_batch(index):
        return choose(clip(index, 0, len(branches) - 1), [partial(branch, *operands) for branch in branches])
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any) -> Any:
    """The value that body_fun, applied again and again to init_val, has when cond_fun is false of it.

    Under reverse mode every step is on the tape; with `checkpoint` around the body a step keeps its value alone, and so
    it is under `jit`, where this is one loop of the program.

    Args:
        cond_fun: value -> a boolean without dimensions.
        body_fun: value -> the next one, of the same structure, shapes and dtypes.
        init_val: a pytree; a Python number takes the dtype that the first step gives it, which then runs again.

    Raises:
        TreeError, ShapeError, DtypeError: a step changes the structure, a shape or a dtype; the message names the leaf.

    >>> import funcgrad as fg
    >>> sqrt = lambda a: fg.while_loop(lambda x: abs(x * x - a) > 1e-6, lambda x: (x + a / x) / 2, a)
    >>> round(float(sqrt(4.0)), 4), round(float(fg.grad(sqrt)(4.0)), 4)
    (2.0, 0.25)
    """
    refuse_value(cond_fun, "while_loop")
    refuse_value(body_fun, "while_loop")
    names = "init_val", "what body_fun returned"
    if staging():
        with suppress(Exception):  # whatever it is: step by step it is raised where the user's step raises it
            return staged_while(cond_fun, body_fun, Carry(init_val, "while_loop", names))
    carry = Carry(init_val, "while_loop", names)
    flag = _scalar(cond_fun(carry.first), "while_loop: cond_fun's value")
    batch = deciding_batch(flag)
    if batch:
        return repeat(batch, cond_fun, lambda value: carry.next(body_fun(value)), carry.first)
    value, first = carry.first, True
    while flag:
        value = carry.begin(body_fun) if first else carry.next(body_fun(value))
        first = False
        flag = _scalar(cond_fun(value), "while_loop: cond_fun's value")
    return value


def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any, *, unroll: int | bool | None = None
) -> Any:
    """body_fun(i, value) for i from lower to upper - 1, each on the value that the one before returned.

    Args:
        lower, upper: integers; values of the program too, also differentiated or batched ones.
        body_fun: (i, value) -> the next value, of the same structure, shapes and dtypes; i is an int64 array.
        init_val: a pytree; a Python number takes the dtype that the first step gives it, which then runs again.
        unroll: for programs written for JAX; without effect.

    >>> import funcgrad as fg
    >>> int(fg.fori_loop(1, 5, lambda i, x: x * i, 1))
    24
    """
    refuse_value(body_fun, "fori_loop")
    lower, upper = _scalar(lower, "fori_loop: lower"), _scalar(upper, "fori_loop: upper")
    for bound in (lower, upper):
        if not is_integer(bound.dtype):
            raise DtypeError(f"fori_loop: the bounds must be integers, not {bound.aval}")
    dynamic = isinstance(lower, Tracer) or isinstance(upper, Tracer)
    if deciding_batch(lower) or deciding_batch(upper) or (dynamic and staging() and is_rolled()):
        return while_loop(
            lambda pair: pair[0] < upper,
            lambda pair: (pair[0] + 1, body_fun(pair[0], pair[1])),
            (lower.astype("int64"), init_val),
        )[1]
    carry = Carry(init_val, "fori_loop", ("init_val", "what body_fun returned"), "body_fun takes (i, value)")
    value = carry.first
    count = int(upper) - int(lower)
    if count > 1 and staging():
        with suppress(Exception):
            counter = arange(int(lower), int(upper))
            return staged_scan(lambda x, i: (carry.next(body_fun(i, x)), None), carry, counter, count)[0]
    for i in range(int(lower), int(upper)):
        step = partial(body_fun, asarray(i))
        value = carry.begin(step) if i == int(lower) else carry.next(step(value))
    return value


class Retyped(Exception):  # noqa: N818  # no error: the first step is taken again
    """The first step gave a Python number of the initial value another dtype."""


class Carry:
    """What a loop hands from step to step: a pytree that keeps its structure, shapes and dtypes.

    A Python number in the first one has no dtype of its own, and takes that which the first step gives it.

    Args:
        init: the first one; its leaves become arrays.
        name: of the loop, for messages.
        names: what messages call the first one and a step's.
        takes: what a step takes, for who has it the other way round.
    """

    def __init__(self, init: Any, name: str, names: tuple[str, str], takes: str = ""):
        self.name, self.init, self.names, self.takes = name, init, names, f"; {takes}" if takes else ""
        leaves, self.structure = tree.flatten(init)
        arrays = [asarray(x) for x in leaves]
        self.forms = [(x.shape, x.dtype) for x in arrays]
        self.first = tree.unflatten(self.structure, arrays)
        self.numbers: dict[int, Any] = {}  # by place, the Python numbers whose dtype is not settled

    def begin(self, body: Callable[[Any], Any]) -> Any:
        """The value after the first step, which `body` takes."""
        return self.settle(lambda value: self.next(body(value)))

    def settle(self, step: Callable[[Any], Any]) -> Any:
        """step(the first value), where step calls `next`; once more where that has changed the first value's dtypes."""
        leaves = tree.leaves(self.init)
        self.numbers = {i: x for i, x in enumerate(leaves) if type(x) in (int, float, complex)}
        while True:
            try:
                found = step(self.first)
            except Retyped:
                continue
            self.numbers = {}
            return found

    def retype(self, leaves: Sequence[Any]) -> None:
        """Give Python numbers among the first value the dtypes of a step's value, where these can hold them."""
        found = tree.leaves(self.first)
        changed = False
        for i, x in enumerate(leaves):
            shape, dtype = self.forms[i]
            number = self.numbers.get(i)
            if number is None or type(x) is bool or asarray(x).shape != shape:
                continue
            given = asarray(x).dtype
            wider = isinstance(x, Array) or kind(given) > kind(dtype)  # a number in a step's value has no dtype either
            if wider and given != dtype and weak(given, number) == given:
                found[i], self.forms[i], changed = asarray(number, given), (shape, given), True
                del self.numbers[i]
        if changed:
            self.first = tree.unflatten(self.structure, found)
            raise Retyped

    def next(self, value: Any) -> Any:
        """A step's value, checked; Python numbers take the dtype of their place."""
        leaves, structure = tree.flatten(value)
        if structure != self.structure:
            words = tree.difference(self.init, value, names=self.names)
            raise TreeError(f"{self.name}: every step must keep the structure: {words}{self.takes}")
        if self.numbers:
            self.retype(leaves)
        out = []
        for i, (x, (shape, dtype)) in enumerate(zip(leaves, self.forms, strict=True)):
            if not isinstance(x, Array):
                exact = (type(x) in (bool, int) and not is_boolean(dtype)) or (type(x) is float and is_inexact(dtype))
                x = asarray(x, dtype if exact else None)
            if x.shape != shape or x.dtype != dtype:
                path = tree.flatten_with_path(self.init)[0][i][0]
                first, last = (f"{name} at {path}" if path else name for name in self.names)
                error = ShapeError if x.shape != shape else DtypeError
                advice = "; start from a float (0.0, not 0)" if is_integer(dtype) and is_inexact(x.dtype) else ""
                raise error(
                    f"{self.name}: every step must keep shapes and dtypes, and {first} is {Aval(shape, dtype)}, "
                    f"{last} {x.aval}{advice}{self.takes}"
                )
            out.append(x)
        return tree.unflatten(structure, out)


def _operands(operands: tuple[Any, ...], operand: Any, name: str) -> tuple[Any, ...]:
    """The operands, given one by one or as the one `operand`."""
    if operand is _ABSENT:
        return operands
    if operands:
        raise OptionError(f"{name}: give operands by position or by operand=, not both")
    return (operand,)


def is_branch(x: Any) -> bool:
    """Is a decision by x to be one operation of what is being recorded?

    So it is where there is no value to ask for, in the body of a loop, and where the examples of a batch would part.
    """
    return isinstance(x, Tracer) and (inside_body() or (has_rows(x) and staging()))


def has_rows(x: Any) -> bool:
    """Has x a value for each example of some batch?"""
    while isinstance(x, Tracer) and not isinstance(x, BatchTracer):
        x = x.inner
    return isinstance(x, BatchTracer)


def _scalar(x: Any, what: str) -> Any:
    x = asarray(x)
    if x.shape:
        raise ShapeError(f"{what} must have no dimensions, not {x.aval}: use .any() or .all()")
    return x
