"""`fg.mutable(x)`: assignment into an array, as programs written for NumPy do it, under every transform.

    y = fg.mutable(np.zeros(3))
    y[0] = x                       y holds another array now: y[0] = x is `array = array.at[0].set(x)`
    y[1:] += y[:-1]

Nothing changes in memory, so a derivative, a batch and a record see ordinary operations. What aliases in NumPy does so
here: `y[a:b]` is a view, which reads what y holds when it is read, and writes to y. What is a copy in NumPy is one
here, an array that does not change: `y[[0, 2]]`, `y[mask]`, and every result of a function. So are `y.T` and
`y.reshape(...)`, which NumPy would share: to assign to those raises an error.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, ArrayHolder, Trace, current_trace
from ..dtypes import is_boolean, is_integer
from ..errors import ImmutableArrayError
from ..ops.create import asarray
from . import dispatch
from .changes import CHANGES
from .elementwise import where
from .manipulation import broadcast_to

__all__ = ["Mutable", "mutable"]

MOST_DEAD = 100
"""How many views are noted before those that are gone are looked for: a program may read many and never write."""


def mutable(x: Any, /, dtype: Any = None) -> Mutable:
    """A mutable view of a value: `y[i] = v` and `y[mask] += w` work on it, also under a transform.

    It counts as the array that it holds, `y.freeze()`: functions and operators take it, and a transformed function
    that returns it returns that array. x itself stays as it is. A transformed function makes its own views: it cannot
    change one that was made outside of it, as what it does must leave it by its result.

    Args:
        x: an array, or what `asarray` takes.
        dtype: of the view; it keeps its dtype and its shape.

    Returns:
        The view. Basic indexing (ints, slices, None, ...) of it gives views of it, as in NumPy, so that `row = y[0];
        row += 1` changes y; one element, and elements chosen by arrays, are arrays that do not change.

    Raises:
        DtypeError: values are assigned that the dtype cannot hold, floats to integers for one.
        ImmutableArrayError: a transformed function assigns to a view that was made outside of it.

    >>> import funcgrad as fg
    >>> import numpy as np
    >>> def powers(x):
    ...     y = fg.mutable(np.ones(4))
    ...     for i in range(1, 4):
    ...         y[i] = y[i - 1] * x
    ...     return y
    >>> fg.jacfwd(powers)(2.0)
    Array([ 0.,  1.,  4., 12.], dtype=float64)
    """
    return Mutable(asarray(x, dtype))


class Holder(ArrayHolder):
    """What counts as an array: operators, methods and NumPy's functions are those of the array that it holds."""

    __slots__ = ("__weakref__",)
    __hash__ = None  # type: ignore[assignment]

    def freeze(self) -> Array:
        """The array that it holds now."""
        raise NotImplementedError

    def parts(self) -> tuple[Any, ...]:
        """All that what is done with it later can depend on."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.freeze(), name)

    def __len__(self) -> int:
        return len(self.freeze())

    def __iter__(self) -> Iterator[Any]:
        len(self)
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return self.freeze()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.freeze()[key] = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.freeze().__array__(dtype, copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self.freeze().__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.freeze().__dlpack_device__()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        given = inputs if method == "at" else _frozen(inputs)
        return dispatch.array_ufunc(self, ufunc, method, *given, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function in CHANGES:
            y, *rest = args or (options.pop(next(iter(options))),)
            if isinstance(y, Mutable):
                return CHANGES[function](y, *rest, **options)
            args = (y, *rest)
        out = options.get("out")
        given = _frozen({name: x for name, x in options.items() if name != "out"})
        if out is not None:
            given["out"] = out
        return dispatch.array_function(self, function, types, _frozen(args), given)

    def __format__(self, spec: str) -> str:
        return format(self.freeze(), spec)

    def __str__(self) -> str:
        return str(self.freeze())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.freeze()!r})"

    def __copy__(self) -> Mutable:
        return Mutable(self.freeze())

    def __deepcopy__(self, memo: Any) -> Mutable:
        return Mutable(self.freeze())

    def __reduce__(self) -> Any:
        return mutable, (self.freeze(),)


class Mutable(Holder):
    """See `mutable`."""

    __slots__ = ("_trace", "_value", "views")
    _value: Array
    _trace: Trace | None
    views: list[weakref.ref[View]]
    """Of the whole alone: the views of it and of its views, each behind its parent."""

    def __init__(self, value: Array):
        self._value, self._trace, self.views = value, current_trace(), []

    def root(self) -> Mutable:
        """What it is a view of, at last."""
        return self

    def freeze(self) -> Array:
        """The array that it holds now, which stays as it is."""
        return self._value

    def parts(self) -> tuple[Any, ...]:
        return (self._value,)

    def copy(self) -> Mutable:
        """Another one, that holds the same array now."""
        return Mutable(self.freeze())

    def fill(self, value: Any) -> None:
        """All elements become that value."""
        self[...] = value

    def sort(self, axis: int = -1) -> None:
        """Sort its elements along an axis."""
        self[...] = np.sort(self.freeze(), axis=axis)  # type: ignore[call-overload]

    def replace(self, value: Array) -> None:
        """Hold another array of the same shape and dtype."""
        _refuse_from_outside(self._trace)
        self._value = value
        if self.views:  # they read now, while the transform runs: as results of it they could not
            alive = [view for ref in self.views if (view := ref()) is not None]
            self.views = [weakref.ref(view) for view in alive]
            for view in alive:
                view.read()

    def __getitem__(self, key: Any) -> Any:
        basic = _basic(key)
        if basic is None:
            mask = self._mask(key)
            whole = self.freeze()
            return whole[_array(key)] if mask is None else Picked(whole, key, mask, whole)
        value = self.freeze()[basic]
        return View(self, basic, value) if value.ndim else value

    def __setitem__(self, key: Any, value: Any) -> None:
        whole = self.freeze()
        if isinstance(value, View) and value.is_at(self, key):  # `y[0] += 1` wrote by y[0], and stores that now
            return
        mask = None if _basic(key) is not None else self._mask(key)
        if isinstance(value, Picked) and mask is not None and value.comes_from(whole, key):
            self.replace(where(mask, whole.at[...].set(value.changed), whole))
            return
        value = _array(value)
        if mask is not None and np.ndim(value) <= whole.ndim - np.ndim(key):  # no value for each of the elements
            self.replace(where(mask, whole.at[...].set(value), whole))
            return
        self.replace(whole.at[_array(key)].set(value))

    def _mask(self, key: Any) -> Any:
        """A mask that says of every element of its own whether it is meant, in the array's shape."""
        key = _array(key)
        shape = self.freeze().shape
        if not isinstance(key, Array | np.ndarray) or not is_boolean(key.dtype) or key.shape != shape[: key.ndim]:
            return None
        return broadcast_to(asarray(key).reshape(key.shape + (1,) * (len(shape) - key.ndim)), shape)

    def change(self, function: Callable[[Any, Any], Any], other: Any) -> Any:
        """`y += other`."""
        whole = self.freeze()
        value = function(whole, _array(other))
        same = value.shape == whole.shape and value.dtype == whole.dtype
        self.replace(value if same else whole.at[...].set(value))
        return self


class View(Mutable):
    """A part of a mutable array, by basic indexing: what it reads is there, and so is what it writes.

    Args:
        parent: whose part.
        key: where.
        value: what is there.
    """

    __slots__ = ("_key", "_parent", "_writing")

    def __init__(self, parent: Mutable, key: tuple[Any, ...], value: Array):
        self._parent, self._key, self._value, self._writing = parent, key, value, False
        root = self.root()
        if len(root.views) >= MOST_DEAD:
            root.views = [ref for ref in root.views if ref() is not None]
        root.views.append(weakref.ref(self))

    def root(self) -> Mutable:
        return self._parent.root()

    def parts(self) -> tuple[Any, ...]:
        return self._parent, self._key

    def read(self) -> None:
        """Take the part again, of a parent that has changed."""
        if not self._writing:
            self._value = self._parent.freeze()[self._key]

    def replace(self, value: Array) -> None:
        self._writing = True
        try:
            self._parent[self._key] = value
        finally:
            self._writing = False
        self._value = value

    def is_at(self, parent: Mutable, key: Any) -> bool:
        """Is it the part of that one, there?"""
        basic = _basic(key)
        plain = all(x is None or isinstance(x, int | slice) or x is Ellipsis for x in (*(basic or ()), *self._key))
        return plain and self._parent is parent and self._key == basic


class Picked(Holder):
    """`y[mask]`, which is a copy: but `y[mask] += 1` computes it and stores it to the same mask.

    Where what is added has no size of its own, that need not know how many elements the mask has, so examples of a
    batch stay together.

    Args:
        whole: whose elements.
        key: which, as it was given.
        mask: the same in the shape of the whole.
        changed: the elements in their places, and anything elsewhere.
    """

    __slots__ = ("_key", "_mask", "_whole", "changed")

    def __init__(self, whole: Array, key: Any, mask: Array, changed: Any):
        self._whole, self._key, self._mask, self.changed = whole, key, mask, changed

    def freeze(self) -> Array:
        return self.changed[self._key]  # type: ignore[no-any-return]

    def parts(self) -> tuple[Any, ...]:
        return self._whole, self._key, self._mask, self.changed

    def comes_from(self, whole: Array, key: Any) -> bool:
        """Were these elements taken there?"""
        return self._whole is whole and self._key is key

    def change(self, function: Callable[[Any, Any], Any], other: Any) -> Any:
        """`y[mask] += other`: what is stored next."""
        other = _array(other)
        if np.ndim(other) > self._mask.ndim - np.ndim(self._key):  # a value for each of the elements
            return function(self.freeze(), other)
        changed = function(where(self._mask, self.changed, 1), other)  # elsewhere it might have no derivative
        return Picked(self._whole, self._key, self._mask, changed)


def _array(x: Any) -> Any:
    return x.freeze() if isinstance(x, ArrayHolder) else x


def _frozen(arguments: Any) -> Any:
    """A tree of arguments with arrays in the place of those that hold them: which flattening puts there."""
    return tree.map(lambda x: x, arguments)


def _basic(key: Any) -> tuple[Any, ...] | None:
    """A key without arrays but integers, whose part NumPy does not copy; None of any other."""
    found: list[Any] = []
    for entry in map(_array, key if isinstance(key, tuple) else (key,)):
        if isinstance(entry, slice):
            ends = (entry.start, entry.stop, entry.step)
            found.append(slice(*[None if end is None else operator.index(end) for end in ends]))
        elif entry is None or entry is Ellipsis:
            found.append(entry)
        elif isinstance(entry, int | np.integer) and not isinstance(entry, bool):
            found.append(int(entry))
        elif isinstance(entry, Array | np.ndarray) and not entry.shape and is_integer(entry.dtype):
            found.append(entry)
        else:
            return None
    return tuple(found)


def _refuse_from_outside(made: Trace | None) -> None:
    """An error if the transform that runs is another one than when a view was made."""
    now = _transform(current_trace())
    if now is not _transform(made):
        there = "outside of it" if now is not None else "in a transform that has ended"
        raise ImmutableArrayError(
            f"an assignment under {now.name if now is not None else 'no transform'} to a mutable view that was made "
            f"{there}: make it inside, by fg.mutable(x), and return it as a result"
        )


def _transform(trace: Trace | None) -> Trace | None:
    """The trace without those that only look on, which settings put in."""
    while trace is not None and trace.carries == "value":
        trace = trace.parent
    return trace


# ---- operators ---------------------------------------------------------------------------------

_BINARY = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift"),
    *("eq", "ne", "lt", "le", "gt", "ge"),
)
_UNARY = (operator.neg, operator.pos, operator.abs, operator.invert, bool, int, float, complex, round, divmod)


def _install() -> None:
    for name in _BINARY:
        function = getattr(operator, name)
        plain = name.rstrip("_")

        def left(self: Holder, other: Any, function: Any = function) -> Any:
            return function(self.freeze(), _array(other))

        def right(self: Holder, other: Any, function: Any = function) -> Any:
            return function(other, self.freeze())

        def in_place(self: Any, other: Any, function: Any = function) -> Any:
            return self.change(function, other)

        setattr(Holder, f"__{plain}__", left)
        if plain not in ("eq", "ne", "lt", "le", "gt", "ge"):
            setattr(Holder, f"__r{plain}__", right)
            setattr(Mutable, f"__i{plain}__", in_place)
            setattr(Picked, f"__i{plain}__", in_place)
    for function in _UNARY:

        def method(self: Holder, *rest: Any, function: Any = function) -> Any:
            return function(self.freeze(), *map(_array, rest))

        setattr(Holder, f"__{function.__name__}__", method)
    Holder.__hash__ = None  # type: ignore[assignment]  # setting __eq__ does not unset it
    setattr(Holder, "__rdivmod__", lambda self, other: divmod(other, self.freeze()))  # noqa: B010
    for kind in (Mutable, View, Picked):  # as a result of a transformed function it is its array
        tree.register_holder(kind)


_install()
