"""The identity that keeps two computations of one thing apart.

What `checkpoint` computes again in the backward pass is what the forward pass computed, from the same operands: to find
such equations and keep one of each is what common subexpressions are about, and it would keep the forward pass's values
alive again. So the second computation reads its operands through a barrier, whose results are equal to no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import Aval, Call, bind_call, current_trace

__all__ = ["Barrier", "barrier"]


def barrier(xs: Sequence[Any]) -> Sequence[Any]:
    """The arrays, as if they were others."""
    return bind_call(current_trace(), Barrier(), xs) if xs else xs


class Barrier(Call):
    """x, y, ... -> x, y, ...; its `key` is None, which is equal to no other."""

    name, opaque = "barrier", True

    def infer(self, avals: Sequence[Any]) -> Sequence[Aval]:
        return list(avals)

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return list(args)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        return barrier(primals), tangents

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        return barrier(primals), list

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        return barrier(args), dims
