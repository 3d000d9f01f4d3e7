"""Running means of updates and of their powers, and what transformations that keep such trees are made of.

Every pass over the elements counts here, since a large weight is many times the size of a cache: the factors of a
leaf are worked out as numbers first, so that each pass does one thing that only an array can do, and what is needed
for one leaf only is made and dropped there (generators, in the modules that import this one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from .. import tree
from ..core import SCALARS, Array
from ..dtypes import NARROW, WIDE, DType, canonical, is_complex, promote_types
from ..errors import TreeError
from ..numpy import abs, asarray, full_like, imag, maximum, real, square, zeros_like
from ..ops.create import to_inexact
from .hyperparams import Number, Tunable, beside, real_dtype, require, require_fractions
from .transformation import GradientTransformation, aligned, floating_leaves, rebuilt

__all__ = [
    "EmaState",
    "bias_correction",
    "ema",
    "update_infinity_moment",
    "update_moment",
    "update_moment_per_elem_norm",
]


_COMPLEX = canonical("complex64")

# ---- what the others are made of ---------------------------------------------------------------


def in_float32(leaves: Sequence[Array]) -> list[Array]:
    """Leaves of 16 bits as float32: in float16 an eps of 1e-8 and the square of 1e-4 are 0."""
    return [x.astype(WIDE) if x.dtype in NARROW else x for x in leaves]


def square_dtype(dtype: DType) -> DType:
    """What means of squares are kept in: 16 bits would lose a decay of 0.999, and squares below 1e-7."""
    return WIDE if dtype in NARROW else real_dtype(dtype)


def running_means(
    means: Sequence[Array], gs: Sequence[Array], decay: Array, of: Callable[[Array], Array] = asarray
) -> list[Array]:
    """decay mean + (1 - decay) of(g), leaf by leaf."""
    rows = zip(means, gs, beside(gs, decay, 1 - decay), strict=True)
    return [d * mean + rest * of(g) for mean, g, (d, rest) in rows]


def squared_magnitude(x: Array) -> Array:
    """|x|^2, real also where x is complex."""
    return square(real(x)) + square(imag(x)) if is_complex(x.dtype) else square(x)


def leaves_like(caller: GradientTransformation, structure: tree.Structure, name: str, value: Any) -> list[Array]:
    """The leaves of a tree in the state that has the structure of the updates, but leaves of other shapes."""
    leaves, found = floating_leaves(caller, name, value)
    if found != structure:
        raise TreeError(
            f"{type(caller).__name__}: {name} has another structure than updates: pass what init or the last update "
            "returned"
        )
    return leaves


def given(number: Any) -> bool:
    """Whether a number that is mostly 0 is not; an array, as `inject_hyperparams` holds it, is not asked."""
    return isinstance(number, Array) or bool(number)


def dtype_or_none(dtype: Any) -> Any:
    """The dtype of that name; None stays."""
    return None if dtype is None else canonical(dtype)


def zeros_in(dtype: DType | None, p: Array) -> Array:
    """Zeros for one parameter in a dtype, or its own; in the complex dtype of that precision where it is complex."""
    return zeros_like(p, promote_types(dtype, _COMPLEX) if dtype is not None and is_complex(p.dtype) else dtype)


@dataclass(frozen=True)
class Accumulating(Tunable):
    """A tunable transformation that works leaf by leaf and whose state holds trees like the parameters.

    A subclass names those trees in `held`, in the order in which `step` takes and returns their leaves, and the
    fields of its state by `state_type`.
    """

    held: ClassVar[tuple[str, ...]] = ()
    counter: ClassVar[str] = "count"

    @property
    def counts(self) -> bool:
        """Whether the formula needs the number of updates, also where nothing follows a schedule."""
        return True

    def first(self, name: str, p: Array) -> Array:
        """What a tree of the state begins with, for one parameter."""
        if name == "nu":
            return zeros_like(p, square_dtype(p.dtype))
        return zeros_in(getattr(self, "mu_dtype", None), p)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        """The leaves of the new updates, then those of each tree in the new state.

        Args:
            hyperparams: in the order of `tunable`, arrays without dimensions.
            count: of the updates made, this one included; None where none is kept.
            gs: the leaves of the updates, at least float32.
            held: those of the trees in the state, likewise.
        """
        raise NotImplementedError

    def init(self, params: Any) -> Any:
        leaves, structure = floating_leaves(self, "params", params)
        trees = {name: tree.unflatten(structure, [self.first(name, p) for p in leaves]) for name in self.held}
        trees[self.counter] = self.first_count(leaves, always=self.counts)
        return self.state_type(**trees, hyperparams=self.first_hyperparams(leaves))

    def following(self, state: Any) -> Any:
        count = getattr(state, self.counter)
        return state if count is None else state._replace(**{self.counter: count + 1})

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        hyperparams = self.current(state, updates)
        state = self.following(state)
        trees = {f"state.{name}": getattr(state, name) for name in self.held}
        given, structure = aligned(self, {"updates": updates, **trees})
        gs, *wide = map(in_float32, given)
        out, *new = self.step(hyperparams, getattr(state, self.counter), gs, wide)
        held = {n: rebuilt(structure, x, old) for n, x, old in zip(self.held, new, given[1:], strict=True)}
        return rebuilt(structure, list(out), given[0]), state._replace(**held)


# ---- means as functions of trees ---------------------------------------------------------------


def update_moment(updates: Any, moments: Any, decay: Any, order: int) -> Any:
    """One step of a running mean of a power of the updates: decay m + (1 - decay) g^order.

    Args:
        updates, moments: pytrees of floating or complex arrays, of one structure.
        decay: a number, or an array without dimensions.
        order: the power.

    Returns:
        The new means, in the dtypes of `moments`.

    Raises:
        TreeError, ShapeError, DtypeError: the trees do not fit, or hold integers.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.update_moment({"w": fnp.asarray([2.0, -4.0])}, {"w": fnp.ones(2)}, decay=0.5, order=2)
    {'w': Array([2.5, 8.5], dtype=float32)}
    """
    return _mean_of("update_moment", updates, moments, decay, lambda g: g**order)


def update_moment_per_elem_norm(updates: Any, moments: Any, decay: Any, order: int) -> Any:
    """`update_moment` of the absolute values of complex updates: decay m + (1 - decay) |g|^order.

    Args, Returns, Raises: as for `update_moment`; real updates keep their sign, which counts where `order` is odd.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.update_moment_per_elem_norm(fnp.asarray([3 + 4j]), fnp.zeros(1), decay=0.5, order=2)
    Array([12.5], dtype=float32)
    """

    def power(g: Array) -> Array:
        if not is_complex(g.dtype):
            return g**order
        return squared_magnitude(g) ** (order // 2) if order % 2 == 0 else abs(g) ** order

    return _mean_of("update_moment_per_elem_norm", updates, moments, decay, power)


def update_infinity_moment(updates: Any, moments: Any, decay: Any, eps: Any) -> Any:
    """One step of a running maximum that decays: max(|g| + eps, decay m).

    Args:
        updates, moments: pytrees of floating or complex arrays, of one structure; `moments` real.
        decay, eps: numbers, or arrays without dimensions.

    Returns, Raises: as for `update_moment`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.update_infinity_moment(fnp.asarray([2.0, -0.25]), fnp.ones(2), decay=0.5, eps=0.0)
    Array([2. , 0.5], dtype=float32)

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, section 7.1.
    """
    (gs, ms), structure = aligned("update_infinity_moment", {"updates": updates, "moments": moments})
    return rebuilt(structure, decayed_maxima(ms, gs, _exact(decay, gs), _exact(eps, gs)), ms)


def decayed_maxima(ms: Sequence[Array], gs: Sequence[Array], decay: Array, eps: Array) -> list[Array]:
    """max(|g| + eps, decay m), leaf by leaf."""
    return [maximum(abs(g) + e, d * m) for m, g, (d, e) in zip(ms, gs, beside(gs, decay, eps), strict=True)]


def bias_correction(moment: Any, decay: Any, count: Any) -> Any:
    """Running means that began at 0, as they would be without that beginning: m / (1 - decay^count).

    Args:
        moment: a pytree of floating or complex arrays.
        decay: a number, or an array without dimensions.
        count: how many updates the means have seen, at least 1.

    Raises:
        DtypeError: a leaf holds integers.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.bias_correction({"w": fnp.asarray([0.75])}, decay=0.5, count=2)
    {'w': Array([1.], dtype=float32)}
    """
    leaves, structure = floating_leaves("bias_correction", "moment", moment)
    return rebuilt(structure, list(unbiased(leaves, _exact(decay, leaves), count)), leaves)


def unbiased(means: Sequence[Array], decay: Array, count: Any) -> Iterable[Array]:
    """m / (1 - decay^count), leaf by leaf."""
    return (m * c for m, (c,) in zip(means, beside(means, 1 / (1 - decay**count)), strict=True))


def _mean_of(caller: str, updates: Any, moments: Any, decay: Any, of: Callable[[Array], Array]) -> Any:
    (gs, ms), structure = aligned(caller, {"updates": updates, "moments": moments})
    return rebuilt(structure, running_means(ms, gs, _exact(decay, gs), of), ms)


def _exact(number: Any, leaves: Sequence[Array]) -> Any:
    """A number beside these leaves: Python's in float64, of which each leaf takes what its dtype holds."""
    if type(number) not in SCALARS or not leaves:
        return to_inexact(number)
    return full_like(leaves[0], number, "float64", shape=())


# ---- the mean as a transformation --------------------------------------------------------------


class EmaState(NamedTuple):
    """The state of `ema`.

    Args:
        count: how many updates were made.
        ema: their running mean, a tree like the parameters.
        hyperparams: decay.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    ema: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class ema(Accumulating):  # noqa: N801  # transformations have optax's names
    """The running mean of the updates in their place.

        m_t = decay m_(t-1) + (1 - decay) g_t
        u_t = m_t / (1 - decay^t), or without debias  m_t

    `trace` is the sum in place of the mean.

    Args:
        decay: a number or a schedule; in the state under this name.
        debias: whether to take out that m begins at 0.
        accumulator_dtype: of m in the state; that of the parameters where None.

    Raises:
        ValueError: decay outside [0, 1), or without `debias` outside [0, 1].

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.ema(0.5)
    >>> first, state = opt.update(fnp.asarray([3.0]), opt.init(fnp.zeros(1)))
    >>> first, opt.update(fnp.asarray([0.0]), state)[0]
    (Array([3.], dtype=float32), Array([1.], dtype=float32))
    """

    decay: Number
    debias: bool = True
    accumulator_dtype: Any = None
    tunable: ClassVar = {"decay": "decay"}
    state_type: ClassVar = EmaState
    held: ClassVar = ("ema",)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "accumulator_dtype", dtype_or_none(self.accumulator_dtype))
        if self.debias:
            require_fractions(self, "decay")
        else:
            require(lambda d: 0 <= d <= 1, self, "decay", "in [0, 1]")

    def first(self, name: str, p: Array) -> Array:
        return zeros_in(self.accumulator_dtype, p)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        (decay,) = hyperparams
        means = running_means(held[0], gs, decay)
        return unbiased(means, decay, count) if self.debias else means, means
