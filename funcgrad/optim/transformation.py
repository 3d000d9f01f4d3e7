"""Gradient transformations: what turns gradients into updates.

A `GradientTransformation` is a value with two pure functions. `init(params)` makes its state, and
`update(updates, state, params)` gives new updates and the next state. An optimiser is a chain of them, from the
gradient to what `apply_updates` adds to the parameters:

    sgd(0.1, momentum=0.9)  is  chain(trace(0.9), scale_by_learning_rate(0.1))

A transformation of your own is a frozen dataclass with these two methods; it compares and hashes by its fields, so
that two `adam(1e-3)` are one to whatever remembers functions by their arguments. Or it is made of two functions,
`GradientTransformation(init_fn, update_fn)`, as in optax, and compares by these.

What `update` takes beyond these arguments, by name, are extra arguments: the value of the loss, a key. A
`GradientTransformationExtraArgs` takes any, and whoever calls other transformations, as `chain` does, is one: it
hands them on to those members that take them too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from .. import tree
from ..core import Array
from ..dtypes import is_inexact
from ..errors import DtypeError, ShapeError, TreeError
from ..numpy import asarray, zeros_like
from ..ops.elementwise import astype
from ..transforms.arguments import described

__all__ = [
    "EmptyState",
    "GradientTransformation",
    "GradientTransformationExtraArgs",
    "OptState",
    "Params",
    "TransformInitFn",
    "TransformUpdateExtraArgsFn",
    "TransformUpdateFn",
    "Updates",
    "identity",
    "set_to_zero",
    "with_extra_args_support",
]

Params: TypeAlias = Any
"""A pytree of floating or complex arrays: what is trained."""
Updates: TypeAlias = Any
"""A pytree like the parameters: gradients, or what transformations made of them."""
OptState: TypeAlias = Any
"""The state of a transformation, a pytree."""
TransformInitFn: TypeAlias = Callable[[Params], OptState]
"""What `init` is."""
TransformUpdateFn: TypeAlias = Callable[..., tuple[Updates, OptState]]
"""What `update` is: a function of the updates, the state and the parameters."""
TransformUpdateExtraArgsFn: TypeAlias = TransformUpdateFn
"""What `update` is where it takes further arguments by name."""


class GradientTransformation:
    """Updates in, updates out, with a state in between: a frozen dataclass of yours, or made of two functions.

    The first updates are the gradients, and the last ones what is added to the parameters.

    Args:
        init: a function from the parameters to the state.
        update: a function (updates, state, params) to (updates, state). Both only where a transformation is made of
            functions; a subclass has methods of these names and arguments of its own.

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

    The same of two functions, which may be taken out again:

    >>> sign = optim.GradientTransformation(
    ...     lambda params: optim.EmptyState(), lambda updates, state, params=None: (tree.map(fnp.sign, updates), state))
    >>> init, update = optim.chain(optim.trace(0.9), sign, optim.scale_by_learning_rate(0.5))
    >>> update(fnp.asarray([3.0, -0.1]), init(fnp.zeros(2)))[0]
    Array([-0.5,  0.5], dtype=float32)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> GradientTransformation:
        if cls is GradientTransformation:
            return super().__new__(_OfFunctions)
        if cls is GradientTransformationExtraArgs:
            return super().__new__(_OfFunctionsExtraArgs)
        missing = [name for name in ("init", "update") if getattr(cls, name) is getattr(GradientTransformation, name)]
        if missing:
            raise DtypeError(f"{cls.__name__} has no method {' and no method '.join(missing)}")
        return super().__new__(cls)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        """Both functions: `init, update = transformation`."""
        return iter((self.init, self.update))

    def init(self, params: Any) -> Any:
        """The state before the first update.

        Args:
            params: a pytree of floating or complex arrays; `None` is an empty subtree.

        Returns:
            A pytree: a named tuple, or a tuple of the states of a chain's members.

        Raises:
            DtypeError: a leaf holds integers or booleans; the message names its path.
        """
        raise NotImplementedError

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
        raise NotImplementedError


class GradientTransformationExtraArgs(GradientTransformation):
    """A transformation whose `update` takes further arguments by name, and leaves those that it does not know.

    Args:
        init, update: as for `GradientTransformation`, where `update` takes `**extra_args` too.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> by_loss = optim.GradientTransformationExtraArgs(
    ...     lambda params: optim.EmptyState(),
    ...     lambda updates, state, params=None, *, value, **extra_args: (updates * value, state))
    >>> opt = optim.chain(by_loss, optim.scale(-1.0))
    >>> opt.update(fnp.ones(2), opt.init(fnp.ones(2)), value=0.5)[0]
    Array([-0.5, -0.5], dtype=float32)
    """

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        """One step; see `GradientTransformation.update`.

        Args:
            updates, state, params: as there.
            **extra_args: arguments by name, of which some transformation makes use.
        """
        raise NotImplementedError


@dataclass(frozen=True, init=False, repr=False)
class _OfFunctions(GradientTransformation):
    """What `GradientTransformation(init, update)` makes."""

    init_fn: TransformInitFn
    update_fn: TransformUpdateFn

    def __init__(self, init: TransformInitFn, update: TransformUpdateFn):
        for name, function in (("init", init), ("update", update)):
            if not callable(function):
                raise DtypeError(f"{self._made_by}: {name} must be a function, not {function!r:.60}")
            object.__setattr__(self, f"{name}_fn", function)

    @property
    def _made_by(self) -> str:
        return type(self).__bases__[-1].__name__

    def __repr__(self) -> str:
        return f"{self._made_by}(init={self.init_fn!r}, update={self.update_fn!r})"

    def init(self, params: Any) -> Any:
        return self.init_fn(params)

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return self.update_fn(updates, state, params)


class _OfFunctionsExtraArgs(_OfFunctions, GradientTransformationExtraArgs):
    """What `GradientTransformationExtraArgs(init, update)` makes."""

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        return self.update_fn(updates, state, params, **extra_args)


@dataclass(frozen=True)
class _WithoutExtraArgs(GradientTransformationExtraArgs):
    """A transformation that takes extra arguments and makes no use of them."""

    inner: GradientTransformation

    def __repr__(self) -> str:
        return f"with_extra_args_support({self.inner!r})"

    def init(self, params: Any) -> Any:
        return self.inner.init(params)

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        return self.inner.update(updates, state, params)


def with_extra_args_support(tx: GradientTransformation) -> GradientTransformationExtraArgs:
    """The transformation as one that takes extra arguments: itself, or one that leaves them.

    Args:
        tx: any transformation.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.with_extra_args_support(optim.scale(-1.0))
    >>> opt.update(fnp.ones(2), opt.init(fnp.ones(2)), value=0.5)[0]
    Array([-1., -1.], dtype=float32)
    """
    checked("with_extra_args_support", tx)
    return tx if isinstance(tx, GradientTransformationExtraArgs) else _WithoutExtraArgs(tx)


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


def fitting(caller: Any, updates: Any, params: Any) -> tuple[list[Array], tree.Structure]:
    """The leaves of the updates and their structure, which is that of the parameters where these are given."""
    (leaves, *_), structure = aligned(
        caller, {"updates": updates} if params is None else {"updates": updates, "params": params}
    )
    return leaves, structure


def rebuilt(structure: tree.Structure, leaves: Sequence[Array], like: Sequence[Array]) -> Any:
    """The tree of these leaves, in the dtypes of those that they follow."""
    pairs = zip(leaves, like, strict=True)
    return tree.unflatten(structure, [x if x.dtype is old.dtype else astype(x, old.dtype) for x, old in pairs])


def need_state(caller: Any, state: Any, kind: type) -> None:
    """An error where `update` was given the state of something else."""
    if not isinstance(state, kind):
        raise TreeError(
            f"{_name(caller)}.update: the state must be {'an' if kind.__name__[0] in 'AEIOU' else 'a'} "
            f"{kind.__name__}, not {described(state)}: pass what init or the last update returned"
        )


def need_params(caller: GradientTransformation, params: Any, updates: Any = ()) -> None:
    """An error where `update` was called without the parameters that it needs.

    Where the updates are None too, the tree is one bare leaf, which belongs to another member of a partition.
    """
    if params is None and updates is not None:
        raise TreeError(f"{_name(caller)}.update needs the parameters: call update(updates, state, params)")


def checked(caller: Any, t: Any) -> GradientTransformation:
    """The transformation; an error for what is none."""
    if not isinstance(t, GradientTransformation):
        called = " (call it first)" if callable(t) else ""
        raise DtypeError(f"{_name(caller)}: not a gradient transformation: {t!r}{called}")
    return t


def updated(
    t: GradientTransformation, updates: Any, state: Any, params: Any, extra_args: Mapping[str, Any]
) -> tuple[Any, Any]:
    """The update of a member, with the extra arguments where it takes them."""
    if isinstance(t, GradientTransformationExtraArgs):
        return t.update(updates, state, params, **extra_args)
    return t.update(updates, state, params)


def _name(caller: Any) -> str:
    return caller if isinstance(caller, str) else type(caller).__name__
