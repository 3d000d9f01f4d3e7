"""Pairs of rows and columns at the least cost: matching predictions with targets."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import DtypeError, ShapeError
from ..numpy import arange, argmin, argsort, asarray, concatenate, full_like, inf, where, zeros_like
from ..ops.create import to_inexact
from ..transforms.control import fori_loop, while_loop
from ..transforms.grad import stop_gradient

__all__ = ["base_hungarian_algorithm", "hungarian_algorithm"]


def hungarian_algorithm(cost_matrix: Any) -> tuple[Array, Array]:
    """The assignment of rows to columns at the least sum of costs: the Hungarian algorithm.

    Each row has at most one column and each column one row, and there are min(n, m) pairs. It takes of the order of
    min(n, m)^2 max(n, m) steps. The indices are constant to derivatives; `cost_matrix[i, j]` is not.

    Args:
        cost_matrix: real, shape (n, m), without NaN.

    Returns:
        (i, j): the rows in ascending order and their columns, int64, shape (min(n, m),).

    Raises:
        ShapeError: not a matrix.
        DtypeError: complex costs.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> cost = fnp.asarray([[8, 4, 7], [5, 2, 3], [9, 6, 7], [9, 4, 8]])
    >>> i, j = optim.assignment.hungarian_algorithm(cost)
    >>> i.tolist(), j.tolist(), int(cost[i, j].sum())
    ([0, 1, 3], [0, 2, 1], 15)

    Source: Kuhn, The Hungarian method for the assignment problem, 1955; by shortest augmenting paths, Jonker and
    Volgenant, A shortest augmenting path algorithm for dense and sparse linear assignment problems, 1987.
    """
    cost = stop_gradient(to_inexact(cost_matrix))
    if cost.ndim != 2:
        raise ShapeError(f"hungarian_algorithm takes a matrix of costs, shape (n, m), not {cost.aval}")
    if cost.dtype.kind == "c":
        raise DtypeError("hungarian_algorithm: complex costs have no order")
    if cost.shape[0] > cost.shape[1]:
        columns, rows = hungarian_algorithm(cost.T)
        order = argsort(rows)
        return rows[order], columns[order]
    n, m = cost.shape
    if n == 0:
        return arange(0), arange(0)
    # Column m is where the row that looks for a column begins; its price changes nothing
    owners = full_like(cost, -1, "int64", shape=(m + 1,))
    first = (owners, zeros_like(cost, shape=(n,)), zeros_like(cost, shape=(m + 1,)))
    owners, _, _ = fori_loop(0, n, lambda row, held: _with_row(cost, row, *held), first)
    of_column = owners[:m]
    order = argsort(where(of_column < 0, n, of_column))
    return arange(n), order[:n]


base_hungarian_algorithm = hungarian_algorithm  # optax has a slower one of that name


def _with_row(cost: Array, row: Any, owners: Array, us: Array, vs: Array) -> tuple[Array, Array, Array]:
    """The owners of the columns and the prices of rows and columns once one more row has a column.

    From the row it goes on to the column of the least reduced cost that was not seen, and from that to its owner, till
    a column is free; the columns of the path then change their owners.
    """
    m = cost.shape[1]
    owners = owners.at[m].set(asarray(row).astype(owners.dtype))
    places = arange(m + 1)
    start = full_like(owners, m, shape=())

    def seeks(held: Any) -> Any:
        return held[0][held[1]] >= 0

    def step(held: Any) -> Any:
        owners, place, seen, least, before, us, vs = held
        seen = seen | (places == place)
        owner = owners[place]
        reduced = concatenate([cost[owner] - us[owner] - vs[:m], full_like(cost, inf, shape=(1,))])
        better = ~seen & (reduced < least)
        least, before = where(better, reduced, least), where(better, place, before)
        after = argmin(where(seen, inf, least))
        delta = least[after]
        us = us.at[where(seen, owners, us.shape[0])].add(delta, mode="drop")
        vs = where(seen, vs - delta, vs)
        least = where(seen, least, least - delta)
        return owners, after, seen, least, before, us, vs

    nowhere = zeros_like(owners, "bool")
    unreached = full_like(vs, inf)
    held = (owners, start, nowhere, unreached, full_like(owners, m), us, vs)
    owners, place, _, _, before, us, vs = while_loop(seeks, step, held)

    def back(held: Any) -> Any:
        owners, place = held
        previous = before[place]
        return owners.at[place].set(owners[previous]), previous

    owners, _ = while_loop(lambda held: held[1] != m, back, (owners, place))
    return owners, us, vs
