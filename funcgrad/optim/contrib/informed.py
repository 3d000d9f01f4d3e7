"""What transformations are made of that go by the parameters too, and that hold numbers about the whole tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ... import tree
from ...core import Array
from ...dtypes import NARROW, WIDE, DType, is_complex, is_integer
from ...errors import DtypeError, OptionError, ShapeError
from ...numpy import asarray, real, result_type, vdot, where, zeros_like
from ...ops.create import to_inexact
from ...ops.elementwise import astype
from ..hyperparams import Tunable, real_dtype, scalar
from ..moments import in_float32
from ..transformation import GradientTransformation, aligned, floating_leaves, need_params, rebuilt

__all__: list[str] = []


@dataclass(frozen=True)
class Informed(Tunable):
    """A tunable transformation whose formula needs the parameters, and whose state holds trees like them and numbers.

    A subclass names the trees in `held` and the numbers in `numbers`, in the order in which `step` takes and returns
    them, and the fields of its state by `state_type`.
    """

    held: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()
    counts: ClassVar[bool] = False
    """Whether the formula needs the number of updates, also where nothing follows a schedule."""

    def first(self, name: str, p: Array) -> Array:
        """What a tree of the state begins with, for one parameter."""
        return zeros_like(p, wide_dtype(p.dtype))

    def first_number(self, name: str, leaves: Sequence[Array]) -> Array:
        """What a number of the state begins with."""
        return scalar(0, number_dtype(leaves), leaves)

    def step(
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        """The leaves of the new updates, those of each tree in the new state, and its numbers.

        Args:
            hyperparams: in the order of `tunable`, arrays without dimensions.
            count: of the updates made, this one included; None where none is kept.
            gs, ps: the leaves of the updates and of the parameters, at least float32.
            held: those of the trees in the state, likewise.
            numbers: those in the state.
        """
        raise NotImplementedError

    def init(self, params: Any) -> Any:
        leaves, structure = floating_leaves(self, "params", params)
        trees = {name: tree.unflatten(structure, [self.first(name, p) for p in leaves]) for name in self.held}
        numbers = {name: self.first_number(name, leaves) for name in self.numbers}
        count = self.first_count(leaves, always=self.counts)
        return self.state_type(**trees, **numbers, count=count, hyperparams=self.first_hyperparams(leaves))

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return self.stepped(updates, state, params)

    def stepped(self, updates: Any, state: Any, params: Any, **given: Any) -> tuple[Any, Any]:
        """The update, with what a subclass adds to the arguments of `step`."""
        need_params(self, params, updates)
        hyperparams = self.current(state)
        state = self.following(state)
        trees = {f"state.{name}": getattr(state, name) for name in self.held}
        columns, structure = aligned(self, {"updates": updates, "params": params, **trees})
        if not columns[0]:
            return updates, state
        gs, ps, *held = map(in_float32, columns)
        old = [getattr(state, name) for name in self.numbers]
        out, new_trees, new_numbers = self.step(hyperparams, state.count, gs, ps, held, old, **given)
        changed = {n: rebuilt(structure, x, y) for n, x, y in zip(self.held, new_trees, columns[2:], strict=True)}
        for name, x, before in zip(self.numbers, new_numbers, old, strict=True):
            changed[name] = x if x.dtype is before.dtype else astype(x, before.dtype)
        return rebuilt(structure, list(out), columns[0]), state._replace(**changed)


# ---- dtypes ------------------------------------------------------------------------------------


def wide_dtype(dtype: DType) -> DType:
    """What sums over all updates are kept in: float32 for 16 bits, which would lose what is small beside them."""
    return WIDE if dtype in NARROW else dtype


def number_dtype(leaves: Sequence[Array]) -> DType:
    """The dtype of a number about all leaves: real, that of the most exact one, at least float32."""
    return result_type(WIDE, *[real_dtype(wide_dtype(x.dtype)) for x in leaves])


def need_order(caller: GradientTransformation, x: Array, what: str) -> None:
    """An error for complex leaves, which have no order."""
    if is_complex(x.dtype):
        raise DtypeError(
            f"{type(caller).__name__}: {what} complex numbers have no order: give their real and imaginary parts, as "
            "contrib.split_real_and_imaginary does"
        )


# ---- numbers about all leaves ------------------------------------------------------------------


def inner_product(xs: Sequence[Array], ys: Sequence[Array]) -> Array:
    """Re <x, y> over all leaves as one vector."""
    total = None
    for x, y in zip(xs, ys, strict=True):
        part = real(vdot(x, y))
        total = part if total is None else total + part
    return asarray(0.0) if total is None else total


def ratio_or(top: Array, bottom: Array, otherwise: Any) -> Array:
    """top / bottom, and something else where the bottom is 0, without an infinite derivative there."""
    positive = bottom > 0
    return where(positive, top / where(positive, bottom, 1), otherwise)


def whole(caller: GradientTransformation, name: str, least: int = 1) -> None:
    """Sets a field to the whole number that it holds, also as an array (from `inject_hyperparams`)."""
    value = getattr(caller, name)
    found = int(value) if isinstance(value, Array) and is_integer(value.dtype) and value.shape == () else value
    if isinstance(found, bool) or not isinstance(found, int) or found < least:
        kind = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise OptionError(f"{type(caller).__name__}: {name} must be {kind}, not {value!r}")
    object.__setattr__(caller, name, found)


def loss_of(caller: GradientTransformation, value: Any) -> Array:
    """The value of the loss, which some transformations need."""
    name = type(caller).__name__
    if value is None:
        raise OptionError(f"{name}: update needs the loss: update(updates, state, params, value=loss)")
    loss = to_inexact(value)
    if loss.shape != ():
        raise ShapeError(f"{name}: value must be one number, not {loss.aval}")
    return loss
