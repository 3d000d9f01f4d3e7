"""Python on plain values, out of the middle of any transform: `pure_callback`, `io_callback`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, Aval, Call, Params, Primitive, Trace, bind, bind_call, current_trace
from ..dtypes import is_inexact
from ..errors import DtypeError, OptionError, ShapeError, TreeError
from ..numpy.creation import asarray, zeros
from ..numpy.manipulation import stack
from ..placement import device_get
from ..rules import move_axis
from .arguments import as_arrays
from .raising import raised_by

__all__ = ["QuietTrace", "ShapeDtypeStruct", "io_callback", "observe", "pure_callback"]

METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all")


class ShapeDtypeStruct(Aval):
    """The shape and dtype of an array that is yet to come.

    >>> import funcgrad as fg
    >>> fg.ShapeDtypeStruct((2, 3), "float32")
    float32[2,3]
    """

    __slots__ = ()

    def __init__(self, shape: Sequence[int], dtype: Any):
        super().__init__(tuple(shape), np.dtype(dtype))


def pure_callback(
    callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, vmap_method: str | None = None, **kwargs: Any
) -> Any:
    """The results of a Python function of NumPy arrays, under any transform.

    Args:
        callback: gets NumPy arrays and returns them; it must do the same on each call, and change nothing.
        result_shape_dtypes: a pytree of what it returns, anything with a shape and a dtype in place of each array.
        *args, **kwargs: pytrees of arrays.
        vmap_method: what it gets of a batch: "sequential", one call an example; "expand_dims", one call with the
            batch as a new first axis of every argument, of size 1 where an argument is not batched; "broadcast_all",
            the same with that axis repeated. Without one it is an error to batch it.

    Returns:
        A pytree of arrays. They have no derivative: state one with `custom_jvp` or `custom_vjp` around the call.

    Raises:
        ShapeError, DtypeError, TreeError: the callback returned something else than it was said to.
        OptionError: a batch without `vmap_method`, or another one.

    >>> import funcgrad as fg, numpy as np, funcgrad.numpy as fnp
    >>> f = lambda x: fg.pure_callback(np.floor, fg.ShapeDtypeStruct((), "float32"), x, vmap_method="sequential")
    >>> fg.vmap(f)(fnp.asarray([2.5, 3.5])).tolist()
    [2.0, 3.0]
    """
    if vmap_method is not None and vmap_method not in METHODS:
        raise OptionError(f"pure_callback: vmap_method must be one of {', '.join(METHODS)}, not {vmap_method!r}")
    return _call(callback, result_shape_dtypes, args, kwargs, vmap_method, "pure_callback")


def io_callback(
    callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, ordered: bool = False, **kwargs: Any
) -> Any:
    """The results of a Python function of NumPy arrays that reads or writes something; one call an example.

    Of what no example of a batch has a part in it is one call for all that come to it together.

    Args, Returns, Raises: as for `pure_callback`.
        ordered: for programs written for JAX; calls are in the program's order anyway.

    >>> import funcgrad as fg
    >>> fg.io_callback(lambda x: print("saw", x), None, 3.0)
    saw 3.0
    """
    return _call(callback, result_shape_dtypes, args, kwargs, "sequential", "io_callback")


def observe(fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
    """Call fn on the plain values of arrays, once an example."""
    leaves, structure = tree.flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if isinstance(x, Array)]

    def call(*arrays: Any) -> list[Any]:
        whole = list(leaves)
        for i, x in zip(places, arrays, strict=True):
            whole[i] = asarray(x)
        given, named = tree.unflatten(structure, whole)
        fn(*given, **named)
        return []

    bind_call(current_trace(), Callback("callback", call, [], "sequential"), [leaves[i] for i in places])


def _call(f: Callable[..., Any], forms: Any, args: Any, kwargs: Any, method: str | None, name: str) -> Any:
    leaves, structure = tree.flatten((args, kwargs))
    expected, out_structure = tree.flatten(forms, is_leaf=lambda x: hasattr(x, "shape") and hasattr(x, "dtype"))
    avals = [Aval(tuple(x.shape), np.dtype(x.dtype)) for x in expected]

    def call(*arrays: Any) -> list[Any]:
        given, named = tree.unflatten(structure, arrays)
        out = f(*given, **named)
        found, other = tree.flatten(out)
        if len(found) != len(avals) or (out_structure != other and forms is not None):
            words = tree.difference(tree.unflatten(out_structure, [0] * len(avals)), out)
            raise TreeError(
                f"{name}: result_shape_dtypes (the first) and what was returned (the second) differ: {words}"
            )
        return [np.asarray(x) for x in found]

    outs = bind_call(current_trace(), Callback(name, call, avals, method), as_arrays(leaves, name))
    return tree.unflatten(out_structure, list(outs))


class Callback(Call):
    """A function of NumPy arrays; `batches` are the sizes of the batches that it gets in front."""

    opaque = True

    def __init__(
        self,
        name: str,
        f: Callable[..., list[Any]],
        avals: Sequence[Aval],
        method: str | None,
        batches: tuple[int, ...] = (),
    ):
        self.name, self.f, self.avals, self.method, self.batches = name, f, avals, method, batches
        self.effect = name != "pure_callback"

    def infer(self, avals: Sequence[Any]) -> Sequence[Aval]:
        return [Aval((*self.batches, *a.shape), a.dtype) for a in self.avals]

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        found = self.f(*[device_get(x) for x in args])
        outs = []
        for x, like in zip(found, self.avals, strict=True):
            shape = (*self.batches, *like.shape)
            if x.shape != shape:
                raise ShapeError(f"{self.name}: the function returned shape {x.shape}; it was said to return {shape}")
            if x.dtype != like.dtype:
                raise DtypeError(f"{self.name}: the function returned {x.dtype}; it was said to return {like.dtype}")
            outs.append(asarray(x))
        return outs

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        self._refuse()
        return bind_call(current_trace(), self, primals), [None] * len(self.avals)

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        self._refuse()
        return bind_call(current_trace(), self, primals), lambda cts: [None] * len(primals)

    def _refuse(self) -> None:
        if self.name != "callback" and any(is_inexact(a.dtype) for a in self.avals):
            raise DtypeError(
                f"{self.name} has no derivative: state one with custom_jvp or custom_vjp around it, or stop_gradient "
                "its arguments"
            )

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        if self.method is None:
            raise OptionError(
                f"{self.name} under vmap: say what the function gets of a batch, vmap_method='sequential', "
                "'expand_dims' or 'broadcast_all'"
            )
        rows = [x if d is None else move_axis(x, d, 0) for x, d in zip(args, dims, strict=True)]
        if self.method in ("sequential", "sequential_unrolled"):
            found = []
            for i in range(size):
                row = [x if d is None else x[i] for x, d in zip(rows, dims, strict=True)]
                try:
                    found.append(bind_call(current_trace(), self, row))
                except Exception as error:
                    done = i if self.effect else 0
                    columns = [stack(list(column)) for column in zip(*found[:done], strict=True)]
                    raised_by(error, np.asarray([i]), size, columns, done)
                    raise
            if not found:
                return [zeros((0, *a.shape), a.dtype) for a in self.avals], [0] * len(self.avals)
            return [stack(list(column)) for column in zip(*found, strict=True)], [0] * len(self.avals)
        wide = 1 if self.method == "expand_dims" else size
        rows = [
            x.reshape((1, *x.shape)).broadcast_to((wide, *x.shape)) if d is None else x
            for x, d in zip(rows, dims, strict=True)
        ]
        call = Callback(self.name, self.f, self.avals, self.method, (size, *self.batches))
        return bind_call(current_trace(), call, rows), [0] * len(self.avals)


class QuietTrace(Trace):
    """Runs all under the parent but what is there for its effect alone: for runs that the user has not asked for."""

    __slots__ = ()
    name, carries = "callback", "origin"

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        return bind(self.parent, primitive, args, params)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        quiet = isinstance(call, Callback) and call.effect and not call.avals
        return [] if quiet else bind_call(self.parent, call, args)
