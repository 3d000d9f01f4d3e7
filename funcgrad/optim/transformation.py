"""Gradient transformations: what turns gradients into updates, and how several make one.

A `GradientTransformation` is a value with two pure functions. `init(params)` makes its state, and
`update(updates, state, params)` gives new updates and the next state. An optimiser is a chain of them, from the
gradient to what `apply_updates` adds to the parameters:

    sgd(0.1, momentum=0.9)  is  chain(trace(0.9), scale_by_learning_rate(0.1))

A transformation of your own is a frozen dataclass with these two methods; it compares and hashes by its fields, so
that two `adam(1e-3)` are one to whatever remembers functions by their arguments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import tree
from ..core import Array
from ..dtypes import is_inexact
from ..errors import DtypeError, OptionError, ShapeError, TreeError
from ..numpy import asarray, zeros_like
from ..ops.elementwise import astype

__all__ = ["EmptyState", "GradientTransformation", "apply_updates", "chain", "identity", "named_chain", "set_to_zero"]


class GradientTransformation(ABC):
    """Updates in, updates out, with a state in between; subclasses are frozen dataclasses.

    The first updates are the gradients, and the last ones what is added to the parameters.

    >>> from dataclasses import dataclass
    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim, tree
    >>> @dataclass(frozen=True)
    ... class sign(optim.GradientTransformation):
    ...     def init(self, params):
    ...         return optim.EmptyState()
    ...     def update(self, updates, state, params=None):
    ...         return tree.map(fnp.sign, updates), state
    >>> signum = optim.chain(optim.trace(0.9), sign(), optim.scale_by_learning_rate(0.5))
    >>> updates, _ = signum.update({"w": fnp.asarray([3.0, -0.1])}, signum.init({"w": fnp.zeros(2)}))
    >>> updates["w"]
    Array([-0.5,  0.5], dtype=float32)
    """

    @abstractmethod
    def init(self, params: Any) -> Any:
        """The state before the first update.

        Args:
            params: a pytree of floating or complex arrays; `None` is an empty subtree.

        Returns:
            A pytree: a named tuple, or a tuple of the states of a chain's members.

        Raises:
            DtypeError: a leaf holds integers or booleans; the message names its path.
        """

    @abstractmethod
    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        """One step.

        Args:
            updates: the gradients, or what the transformation before this one made of them.
            state: from `init` or from the last `update`.
            params: the parameters; some transformations need them (`add_decayed_weights`).

        Returns:
            (updates, state): updates of the structure, shapes and dtypes of those given.

        Raises:
            TreeError, ShapeError: updates, state and params do not fit; the message names the path.
        """


class EmptyState(NamedTuple):
    """The state of a transformation that remembers nothing."""


@dataclass(frozen=True)
class identity(GradientTransformation):  # noqa: N801  # transformations have optax's names
    """The updates as they are.

    >>> from funcgrad import optim
    >>> optim.identity().update({"w": 1.0}, optim.EmptyState())
    ({'w': 1.0}, EmptyState())
    """

    def init(self, params: Any) -> EmptyState:
        floating_leaves(self, "params", params)
        return EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return updates, state


@dataclass(frozen=True)
class set_to_zero(GradientTransformation):  # noqa: N801
    """Zeros in place of the updates: parameters stay what they are.

    >>> from funcgrad import optim
    >>> optim.set_to_zero().update({"w": 3.0}, optim.EmptyState())[0]
    {'w': Array(0., dtype=float32)}
    """

    def init(self, params: Any) -> EmptyState:
        floating_leaves(self, "params", params)
        return EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return tree.map(zeros_like, updates), state


@dataclass(frozen=True, init=False, repr=False)
class chain(GradientTransformation):  # noqa: N801
    """Several transformations one after another: the updates of each go to the next.

    Args:
        *transformations: in the order in which they see the updates.

    Its state is the tuple of their states.

    Raises:
        DtypeError: something that is no transformation.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.chain(optim.clip(1.0), optim.scale(-0.5))
    >>> opt
    chain(clip(max_delta=1.0), scale(step_size=-0.5))
    >>> opt.update(fnp.asarray([3.0, -0.2]), opt.init(fnp.zeros(2)))[0]
    Array([-0.5,  0.1], dtype=float32)
    """

    transformations: tuple[GradientTransformation, ...]

    def __init__(self, *transformations: GradientTransformation):
        object.__setattr__(self, "transformations", tuple(_checked(self, t) for t in transformations))

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self.transformations))})"

    def init(self, params: Any) -> tuple[Any, ...]:
        return tuple([t.init(params) for t in self.transformations])

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, tuple[Any, ...]]:
        if not isinstance(state, tuple) or len(state) != len(self.transformations):
            raise TreeError(
                f"chain.update: the state must be a tuple of {len(self.transformations)} states, one for each "
                f"transformation, not {_shown(state)}: pass what init or the last update returned"
            )
        states = []
        for t, s in zip(self.transformations, state, strict=True):
            updates, s = t.update(updates, s, params)
            states.append(s)
        return updates, tuple(states)


@dataclass(frozen=True, init=False, repr=False)
class named_chain(GradientTransformation):  # noqa: N801
    """A `chain` whose members have names; its state is the dict of their states.

    Args:
        *transformations: pairs (name, transformation), in the order in which they see the updates.

    Raises:
        OptionError: a name stands twice.
        DtypeError: something that is no pair of a name and a transformation.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.named_chain(("momentum", optim.trace(0.9)), ("step", optim.scale_by_learning_rate(0.5)))
    >>> list(opt.init(fnp.zeros(2)))
    ['momentum', 'step']
    """

    transformations: tuple[tuple[str, GradientTransformation], ...]

    def __init__(self, *transformations: tuple[str, GradientTransformation]):
        for pair in transformations:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
                raise DtypeError(f"named_chain takes pairs (name, transformation), not {pair!r}")
        names = [name for name, _ in transformations]
        if len(set(names)) < len(names):
            raise OptionError(f"named_chain: each name may stand once, not {', '.join(map(repr, names))}")
        object.__setattr__(self, "transformations", tuple((n, _checked(self, t)) for n, t in transformations))

    def __repr__(self) -> str:
        return f"named_chain({', '.join(map(repr, self.transformations))})"

    def init(self, params: Any) -> dict[str, Any]:
        return {name: t.init(params) for name, t in self.transformations}

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, dict[str, Any]]:
        names = [name for name, _ in self.transformations]
        if not isinstance(state, dict) or set(state) != set(names):
            raise TreeError(
                f"named_chain.update: the state must be a dict of the states of {', '.join(names)}, not "
                f"{_shown(state)}: pass what init or the last update returned"
            )
        states = {}
        for name, t in self.transformations:
            updates, states[name] = t.update(updates, state[name], params)
        return updates, states


def apply_updates(params: Any, updates: Any) -> Any:
    """The parameters after a step: params + updates, in the dtypes of the parameters.

    Args:
        params: a pytree of floating or complex arrays.
        updates: a pytree of the same structure and shapes, the result of `update`.

    Raises:
        TreeError, ShapeError, DtypeError: the two do not fit, or a parameter holds integers.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.apply_updates({"w": fnp.asarray([1.0, 2.0])}, {"w": fnp.asarray([-0.5, 0.0])})
    {'w': Array([0.5, 2. ], dtype=float32)}
    """
    (ps, us), structure = aligned("apply_updates", {"params": params, "updates": updates})
    return rebuilt(structure, [p + u for p, u in zip(ps, us, strict=True)], ps)


# ---- what transformations are made of ----------------------------------------------------------


def floating_leaves(caller: Any, name: str, value: Any) -> tuple[list[Array], tree.Structure]:
    """The leaves of a tree as arrays, all floating or complex, and its structure.

    Raises:
        DtypeError: a leaf that holds integers or booleans, or is no array; the message names its path.
    """
    leaves, structure = tree.flatten(value)
    for x in leaves:
        if not isinstance(x, Array) or not is_inexact(x.dtype):
            return [_floating(caller, f"{name}{path}", x) for path, x in tree.flatten_with_path(value)[0]], structure
    return leaves, structure


def _floating(caller: Any, place: str, x: Any) -> Array:
    try:
        found = asarray(x)
    except DtypeError as error:
        raise DtypeError(f"{_name(caller)}: {place} is no array: {error.message}") from None
    if not is_inexact(found.dtype):
        raise DtypeError(
            f"{_name(caller)}: {place} is {found.aval}, which no gradient can change: give floats "
            "(x.astype('float32')), or keep what is not trained out of the tree (None holds its place)"
        )
    return found


def aligned(caller: Any, trees: Mapping[str, Any]) -> tuple[list[list[Array]], tree.Structure]:
    """The leaves of trees that go together, and their structure.

    Shapes are compared leaf by leaf, since a gradient of shape (1, 3) beside a parameter of shape (3,) would
    broadcast and quietly change the parameter's shape.

    Args:
        caller: the transformation, or a function's name, for messages.
        trees: the trees by their names; one alone is only checked for its dtypes.

    Raises:
        TreeError, ShapeError: two of the trees differ in structure or shapes; the message names the path.
        DtypeError: a leaf holds integers or booleans.
    """
    columns: list[list[Array]] = []
    first: list[Array] = []
    structure: Any = None
    for name, value in trees.items():
        leaves, found = floating_leaves(caller, name, value)
        if structure is None:
            first, structure = leaves, found
        elif found != structure:
            name_0, value_0 = next(iter(trees.items()))
            raise TreeError(
                f"{_name(caller)}: {name} has another structure than {name_0}: {tree.difference(value_0, value)} "
                f"(the first is {name_0}, the second {name})"
            )
        else:
            for i, (x, y) in enumerate(zip(first, leaves, strict=True)):
                if x.shape != y.shape:
                    name_0, value_0 = next(iter(trees.items()))
                    path = tree.flatten_with_path(value_0)[0][i][0]
                    raise ShapeError(
                        f"{_name(caller)}: {name_0}{path} has shape {x.shape} and {name}{path} has shape {y.shape}"
                    )
        columns.append(leaves)
    return columns, structure


def rebuilt(structure: tree.Structure, leaves: Sequence[Array], like: Sequence[Array]) -> Any:
    """The tree of these leaves, in the dtypes of those that they follow."""
    pairs = zip(leaves, like, strict=True)
    return tree.unflatten(structure, [x if x.dtype is old.dtype else astype(x, old.dtype) for x, old in pairs])


def need_params(caller: GradientTransformation, params: Any) -> None:
    """An error where `update` was called without the parameters that it needs."""
    if params is None:
        raise TreeError(f"{_name(caller)}.update needs the parameters: call update(updates, state, params)")


def _checked(caller: GradientTransformation, t: Any) -> GradientTransformation:
    if not isinstance(t, GradientTransformation):
        called = " (call it first)" if callable(t) else ""
        raise DtypeError(f"{_name(caller)}: not a gradient transformation: {t!r}{called}")
    return t


def _name(caller: Any) -> str:
    return caller if isinstance(caller, str) else type(caller).__name__


def _shown(state: Any) -> str:
    """A state in an error: what it is, without its arrays."""
    if isinstance(state, tuple | list) and not hasattr(state, "_fields"):
        return f"a {type(state).__name__} of {len(state)}"
    return f"a dict of {', '.join(map(str, state))}" if isinstance(state, dict) else f"a {type(state).__name__}"
