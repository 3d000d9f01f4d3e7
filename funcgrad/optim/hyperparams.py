"""Hyper-parameters that live in the state, so that changing one needs no new transformation.

A learning rate, a momentum, a weight decay: whatever a `Tunable` transformation names is held by its state in the
dict `hyperparams`, as arrays without dimensions in the default float dtype, or in float64 where some parameter is: 0.1
in float32 is wrong in the ninth digit. They can be changed between two steps, mapped over by `vmap` (an ensemble with
a learning rate each) and differentiated by:

    state = optim.set_hyperparams(state, learning_rate=0.01)

A schedule may stand in a number's place. It is evaluated from the count of updates in the state, and the dict then
holds `None` under that name; so it does for a number that `grad`, `jvp` or `vmap` is about, which stays in the
transformation:

    fg.vmap(lambda rate: train(optim.adam(rate)))(rates)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from .. import tree
from ..config import default_dtype
from ..core import SCALARS, Array, Aval, Tracer
from ..dtypes import DType, canonical, is_complex
from ..errors import DtypeError, OptionError, ShapeError, TreeError
from ..numpy import asarray
from ..ops.create import to_inexact
from ..ops.elementwise import astype
from ..rules import zeros
from .curves import Schedule
from .transformation import GradientTransformation, floating_leaves, need_state

__all__ = ["HyperparamsState", "Number", "Tunable", "set_hyperparams"]

Number: TypeAlias = float | Schedule
"""A hyper-parameter: a number, or a schedule of the step count."""


_FLOAT64, _COMPLEX128 = canonical("float64"), canonical("complex128")


class HyperparamsState(NamedTuple):
    """The state of a transformation that remembers nothing but its hyper-parameters.

    Args:
        hyperparams: arrays without dimensions by name, `None` for those that follow a schedule.
        count: how many updates were made, int64; `None` where nothing follows a schedule.
    """

    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class Tunable(GradientTransformation):
    """A transformation whose hyper-parameters live in its state, which has fields `hyperparams` and `count`.

    A subclass names them in `tunable`: each name in the state, with the field of the dataclass that has its first
    value or its schedule.
    """

    tunable: ClassVar[dict[str, str]] = {}
    state_type: ClassVar[Any] = HyperparamsState

    def __post_init__(self) -> None:
        for field in self.tunable.values():
            object.__setattr__(self, field, _number(type(self).__name__, field, getattr(self, field)))

    def init(self, params: Any) -> Any:
        leaves, _ = floating_leaves(self, "params", params)
        return HyperparamsState(self.first_hyperparams(leaves), self.first_count(leaves))

    def first_hyperparams(self, leaves: Sequence[Array]) -> dict[str, Array | None]:
        """The entry of the state, on the device of the parameters."""
        given = {name: getattr(self, field) for name, field in self.tunable.items()}
        outside = {name for name, v in given.items() if callable(v) or isinstance(v, Array)}
        dtype = float_dtype(leaves)
        return {name: None if name in outside else scalar(v, dtype, leaves) for name, v in given.items()}

    def first_count(self, leaves: Sequence[Array], *, always: bool = False) -> Array | None:
        """Zero, where a schedule needs the count or it is needed anyway."""
        scheduled = any(callable(getattr(self, field)) for field in self.tunable.values())
        return scalar(0, np.dtype(np.int64), leaves) if scheduled or always else None

    def current(self, state: Any, updates: Any = None) -> list[Any]:
        """The hyper-parameters of this update, in the order of `tunable`: arrays without dimensions.

        Args:
            state: of this transformation.
            updates: the tree of which some leaf may be float64, and a schedule is then worked out in that.
        """
        need_state(self, state, self.state_type)
        values = []
        for name, field in self.tunable.items():
            given, held = getattr(self, field), state.hyperparams[name]
            if isinstance(given, Array):  # from the state of `inject_hyperparams`, or under `grad` or `vmap`
                values.append(to_inexact(given))
                continue
            if callable(given) != (held is None):
                kinds = ("a schedule", "a number") if callable(given) else ("a number", "a schedule")
                raise TreeError(
                    f"{type(self).__name__}.update: {name} is {kinds[0]} and the state was made for {kinds[1]}: "
                    "make it by this transformation's init"
                )
            values.append(to_inexact(held) if held is not None else self._scheduled(name, given, state.count, updates))
        return values

    def _scheduled(self, name: str, schedule: Any, count: Array, updates: Any) -> Array:
        dtype = float_dtype(tree.leaves(updates))
        value = at_count(schedule, count, dtype)
        try:
            found = scalar(value, dtype, [count]) if type(value) in SCALARS else to_inexact(value)
        except DtypeError as error:
            raise DtypeError(f"{type(self).__name__}: the schedule of {name}: {error.message}") from None
        if found.shape != ():
            raise ShapeError(
                f"{type(self).__name__}: the schedule of {name} must answer with one number, not {found.aval}"
            )
        return found

    def following(self, state: Any) -> Any:
        """The state after an update that changes nothing but the count."""
        return state if state.count is None else state._replace(count=state.count + 1)


def set_hyperparams(state: Any, *where: Any, **hyperparams: Any) -> Any:
    """The state with other values of the named hyper-parameters, wherever in a chain they are.

    The same by hand, for one transformation's state:
    `state._replace(hyperparams={**state.hyperparams, "learning_rate": fnp.asarray(0.01)})`.

    Args:
        state: the state of a transformation, of a chain or of chains of chains.
        *where: labels or patterns of `partition`, names of `named_chain`, and fields of states ("opt_state" in that
            of `contrib.sam`), from the outermost to the one under which the hyper-parameters are, where several have
            some of the same name.
        **hyperparams: new values: a number, or an array without dimensions (also one under a transform). In the
            state of an ensemble, whose hyper-parameters have a batch axis, an array of their shape gives each
            member its own value.

    Returns:
        A state of the same structure and dtypes.

    Raises:
        OptionError: the state has no such hyper-parameter, or several, or it follows a schedule; the message lists
            those there are. Or it has no such part as `where` says.
        ShapeError: an array with dimensions.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.sgd(0.1, momentum=0.9)
    >>> state = optim.set_hyperparams(opt.init(fnp.zeros(2)), learning_rate=0.5)
    >>> opt.update(fnp.ones(2), state)[0]
    Array([-0.5, -0.5], dtype=float32)
    """
    if where:
        changed, there_is = _within(state, where[0], lambda part: set_hyperparams(part, *where[1:], **hyperparams))
        if not there_is:
            labels = _labels(state)
            parts = (
                ", ".join(sorted(map(repr, {k for k, given in labels if given} or {k for k, _ in labels}))) or "none"
            )
            raise OptionError(f"set_hyperparams: the state has no part {where[0]!r}; there are: {parts}")
        return changed
    there = list(_entries(state, ""))
    for name in hyperparams:
        found = [(path, held) for path, n, held in there if n == name]
        found = [(path, held) for path, held in found if held is not None] or found
        if len(found) == 1 and found[0][1] is not None:
            continue
        listed = ", ".join(sorted({n for _, n, held in there if held is not None})) or "none"
        if not found:
            raise OptionError(f"set_hyperparams: the state has no hyper-parameter {name!r}; there are: {listed}")
        if len(found) > 1:
            places = " and ".join(f"state{path}" for path, _ in found)
            raise OptionError(
                f"set_hyperparams: {name!r} stands in {places}: set it in the one that you mean, by a label of "
                "partition, a name of named_chain or a field's before it, or by hand"
            )
        raise OptionError(
            f"set_hyperparams: {name!r} follows a schedule, which would set it again; make the transformation with a "
            f"number to set it by hand; numbers are: {listed}"
        )
    return _replaced(state, hyperparams)


def _holds(state: Any) -> bool:
    """Is this the state of a tunable transformation?"""
    return isinstance(state, tuple) and "hyperparams" in getattr(state, "_fields", ())


def _parts(state: Any) -> Mapping[Any, Any]:
    """What else may hold hyper-parameters: a tunable transformation may have another one inside."""
    if type(state) is dict:
        return state
    if not isinstance(state, tuple):
        return {}
    fields = getattr(state, "_fields", None) or range(len(state))
    return {field: part for field, part in zip(fields, state, strict=True) if field != "hyperparams"}


def _with_parts(state: Any, parts: Mapping[Any, Any]) -> Any:
    """The state with these in place of its parts."""
    if type(state) is dict:
        return dict(parts)
    return state._replace(**parts) if hasattr(state, "_fields") else tuple(parts.values())


def _entries(state: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """(path, name, value) of each hyper-parameter in a state."""
    if _holds(state):
        for name, held in state.hyperparams.items():
            yield path, name, held
    for field, part in _parts(state).items():
        yield from _entries(part, f"{path}.{field}" if hasattr(state, "_fields") else f"{path}[{field!r}]")


def _labelled(state: Any) -> Mapping[Any, Any]:
    """Those parts that have labels and hyper-parameters; a tree of the parameters may have names of the same kind."""
    named = type(state) is dict or hasattr(state, "_fields")
    return {k: part for k, part in _parts(state).items() if next(_entries(part, ""), None)} if named else {}


def _within(state: Any, label: Any, change: Callable[[Any], Any]) -> tuple[Any, bool]:
    """The state with each part of that label changed, and whether there is one."""
    parts = dict(_parts(state))
    if label in _labelled(state):
        return _with_parts(state, parts | {label: change(parts[label])}), True
    changed = {field: _within(part, label, change) for field, part in parts.items()}
    if not any(found for _, found in changed.values()):
        return state, False
    return _with_parts(state, {field: part for field, (part, _) in changed.items()}), True


def _labels(state: Any) -> set[tuple[Any, bool]]:
    """The labels of all parts of a state, each with whether a user gave it, which names of fields are not."""
    here = {(label, type(state) is dict) for label in _labelled(state)}
    return here.union(*map(_labels, _parts(state).values()))


def _replaced(state: Any, values: dict[str, Any]) -> Any:
    parts = _parts(state)
    if parts:
        state = _with_parts(state, {field: _replaced(part, values) for field, part in parts.items()})
    if _holds(state):
        held: dict[str, Any] = state.hyperparams
        new = {k: _like(k, values[k], old) if k in values and old is not None else old for k, old in held.items()}
        return state._replace(hyperparams=type(held)(new))
    return state


def _like(name: str, value: Any, old: Array) -> Array:
    """A new value in the dtype, shape and place of the old one."""
    if callable(value):
        raise OptionError(f"set_hyperparams: {name}: a schedule is given where the transformation is made")
    found = scalar(value, old.dtype, [old]) if type(value) in SCALARS else astype(asarray(value), old.dtype)
    if found.shape not in ((), old.shape):
        allowed = f"shape () or {old.shape}" if old.shape else "one number"
        raise ShapeError(f"set_hyperparams: {name} must be {allowed}, not {found.aval}")
    return found.broadcast_to(old.shape) if found.shape != old.shape else found


# ---- what tunable transformations are made of --------------------------------------------------


def beside(leaves: Sequence[Array], *scalars: Array) -> list[list[Array]]:
    """The scalars once more for each leaf, in the dtype of its real numbers.

    An array without dimensions promotes as any other, so a float64 learning rate would turn float32 updates, and
    with them the parameters, into float64.
    """
    by_dtype: dict[DType, list[Array]] = {}
    out = []
    for x in leaves:
        dtype = x.dtype
        found = by_dtype.get(dtype)
        if found is None:
            found = by_dtype[dtype] = [s if s.dtype is dtype else astype(s, real_dtype(dtype)) for s in scalars]
        out.append(found)
    return out


def float_dtype(leaves: Sequence[Any]) -> DType:
    """What hyper-parameters beside these leaves are held in: the default float dtype, or float64 where a leaf is."""
    wide = any(getattr(x, "dtype", None) in (_FLOAT64, _COMPLEX128) for x in leaves)
    return _FLOAT64 if wide else default_dtype()


def at_count(schedule: Schedule, count: Array, dtype: DType) -> Any:
    """The value of a schedule, whose floats have that dtype where nothing in it says otherwise."""
    if dtype is default_dtype():
        return schedule(count)
    with default_dtype(dtype):
        return schedule(count)


def real_dtype(dtype: DType) -> DType:
    """The dtype of a complex dtype's parts; a real dtype itself."""
    return np.finfo(dtype).dtype if is_complex(dtype) else dtype


def require(condition: Any, transformation: GradientTransformation, field: str, what: str) -> None:
    """An error for a hyper-parameter with which the transformation makes no sense; schedules and arrays pass."""
    value = getattr(transformation, field)
    if not callable(value) and not isinstance(value, Array) and not condition(value):
        raise OptionError(f"{type(transformation).__name__}: {field} must be {what}, not {value}")


def require_fractions(transformation: GradientTransformation, *fields: str) -> None:
    """An error for a decay that is not in [0, 1)."""
    for field in fields:
        require(lambda decay: 0 <= decay < 1, transformation, field, "in [0, 1)")


def require_not_negative(transformation: GradientTransformation, *fields: str) -> None:
    """An error for a number below 0."""
    for field in fields:
        require(lambda value: value >= 0, transformation, field, "0 or more")


_ARRAYS_STAY: ContextVar[bool] = ContextVar("arrays_stay", default=False)


@contextmanager
def arrays_stay() -> Iterator[None]:
    """Transformations that are made inside use an array that they are given as it is, and hold nothing of it."""
    before = _ARRAYS_STAY.set(True)
    try:
        yield
    finally:
        _ARRAYS_STAY.reset(before)


def _number(caller: str, name: str, value: Any) -> Any:
    """A hyper-parameter as a Python float, which compares and hashes, or a schedule."""
    if callable(value):
        return value
    if getattr(value, "shape", ()) != ():
        raise ShapeError(f"{caller}: {name} must be one number, not {asarray(value).aval}")
    if isinstance(value, Array) and _ARRAYS_STAY.get():
        return value
    if isinstance(value, Tracer):
        # Under `jit` too a run may meet plain arrays (jit_warmup), and all must give states of one structure
        if value.owner.name in ("grad", "jvp", "vmap"):
            return value
        raise DtypeError(
            f"{caller}: {name} is a value under {value.owner.name}, and a transformation is made of plain numbers; "
            f"make it with any number and put the value into the state: "
            f"optim.set_hyperparams(opt.init(params), {name}=...)"
        )
    wrong = DtypeError(f"{caller}: {name} must be a number or a schedule, not {value!r:.60}")
    if isinstance(value, str):
        raise wrong
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise wrong from error


def scalar(value: Any, dtype: DType, leaves: Sequence[Array]) -> Array:
    """A number as an array without dimensions, on the device of the first of the leaves."""
    if not leaves:
        return asarray(value, dtype)
    return zeros(Aval((), dtype), leaves[0]) + value
