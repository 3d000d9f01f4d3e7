"""An array as its rows and rows as an array, each in one operation.

Taking n rows by n index operations would scatter n cotangents into n arrays of zeros on the way back; here the
cotangents of all rows arrive together and are stacked once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import Aval, Call, array_namespace, bind_call, current_trace, raw, wrap
from ..numpy.creation import zeros_like
from ..rules import batch_to_front, move_axis

__all__ = ["stacked", "unstacked"]


def unstacked(x: Any) -> Sequence[Any]:
    """The rows x[0], x[1], ..."""
    return bind_call(current_trace(), Unstack(x.shape[0]), [x])


def stacked(rows: Sequence[Any]) -> Any:
    """The array of these rows, of one shape and dtype."""
    return bind_call(current_trace(), Stack(), list(rows))[0]


class Unstack(Call):
    """x -> x[0], x[1], ..."""

    name, opaque = "unstack", True

    def __init__(self, count: int):
        self.count = self.key = count

    def infer(self, avals: Sequence[Any]) -> Sequence[Aval]:
        return [Aval(avals[0].shape[1:], avals[0].dtype)] * self.count

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        data = raw(args[0])
        return [wrap(data[i, ...]) for i in range(self.count)]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        return unstacked(primals[0]), unstacked(tangents[0])

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        outs = unstacked(primals[0])
        row = primals[0].aval

        def pullback(cts: Sequence[Any]) -> list[Any]:
            like = next((ct for ct in cts if ct is not None), None)
            if like is None:
                return [None]
            zero = zeros_like(like)
            assert like.shape == row.shape[1:]
            return [stacked([zero if ct is None else ct for ct in cts])]

        return outs, pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        return unstacked(move_axis(args[0], dims[0], 1)), [0] * self.count  # type: ignore[arg-type]


class Stack(Call):
    """x, y, ... -> an array with x, y, ... as its rows."""

    name, opaque, key = "stack", True, ()

    def infer(self, avals: Sequence[Any]) -> Sequence[Aval]:
        return [Aval((len(avals), *avals[0].shape), avals[0].dtype)]

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        raws = [raw(a) for a in args]
        return [wrap(array_namespace(raws).stack(raws, axis=0))]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        filled = [zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True)]
        return [stacked(primals)], [stacked(filled)]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        def pullback(cts: Sequence[Any]) -> Sequence[Any]:
            return [None] * len(wanted) if cts[0] is None else unstacked(cts[0])

        return [stacked(primals)], pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        return [stacked(batch_to_front(args, dims, size))], [1]
