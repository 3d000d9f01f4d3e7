"""What losses share: their operands, the elements that count, and one number of many.

`reduction` is "mean" over all elements (by weight where there are weights), "sum", or "none" for each one's own.
`where` is a mask of the elements that count: the others count neither in the sum nor in the mean, their losses are 0
with "none", and their derivatives are 0, whatever their values are, NaN included.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from ..core import SCALARS
from ..dtypes import is_boolean
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.elementwise import where as choose
from ..numpy.manipulation import broadcast_to
from ..ops.create import asarray, promote_inexact, to_inexact

__all__: list[str] = []

Reduction: TypeAlias = Literal["none", "mean", "sum"]


def check_reduction(name: str, reduction: str, *more: str) -> None:
    """Refuse what is no reduction."""
    if reduction not in ("none", "mean", "sum", *more):
        raise OptionError(f"{name}: reduction must be one of {('none', 'mean', 'sum', *more)}, not {reduction!r}")


def reduced(losses: Any, reduction: str) -> Any:
    """The losses themselves, their mean or their sum."""
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def reduced_by_count(losses: Any, share: Any, counts: Any, reduction: str) -> Any:
    """Reduced losses of examples of which only some count (None: all), each with its share in the mean (None: 1)."""
    if counts is not None:
        losses = choose(counts, losses, 0)
    if reduction != "mean" or (share is None and counts is None):
        return reduced(losses, reduction)
    if share is None:
        total = counts.sum().astype(losses.dtype)
    else:
        total = (share if counts is None else choose(counts, share, 0)).sum()
    return losses.sum() / total


def pair(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Both in one dtype; that shapes broadcast, (n, 1) with (n,), is nearly always a mistake here."""
    if not any(type(x) in SCALARS for x in (input, target)):
        input, target = asarray(input), asarray(target)
        if input.shape != target.shape:
            raise ShapeError(
                f"{name}: predictions {input.aval} and targets {target.aval} must have one shape; reshape or "
                "broadcast_to says which one is meant"
            )
    return promote_inexact(input, target)


def mask_of(name: str, where: Any, shape: tuple[int, ...]) -> Any:
    """A mask of losses, spread to their shape; None where all count."""
    if where is None:
        return None
    where = asarray(where)
    if not is_boolean(where.dtype):
        raise DtypeError(f"{name}: where is a mask of booleans, True for what counts, not {where.aval}")
    return spread(name, "where", where, shape)


def spread(name: str, what: str, x: Any, shape: tuple[int, ...]) -> Any:
    """An array broadcast to the shape of the losses; an error if it does not fit or would make them more."""
    try:
        return broadcast_to(x, shape)
    except ShapeError:
        raise ShapeError(f"{name}: {what} {x.aval} must broadcast to the shape {shape} of the losses") from None


def screened_pair(name: str, input: Any, target: Any, where: Any) -> tuple[Any, Any, Any]:
    """Both in one dtype, 0 where they do not count, and the mask of what counts."""
    x, t = pair(name, input, target)
    counts = mask_of(name, where, shape_of(x, t))
    x, t = screened(counts, x, t)
    return x, t, counts


def screened(counts: Any, *values: Any) -> tuple[Any, ...]:
    """Values with 0 where they do not count, so that nothing that is there comes into a sum or a derivative."""
    if counts is None:
        return values
    return tuple(x if type(x) in SCALARS else choose(counts, x, 0) for x in values)


def shape_of(*values: Any) -> tuple[int, ...]:
    """The shape of the losses of operands that have one shape, or are numbers."""
    return next((x.shape for x in values if type(x) not in SCALARS), ())


def weighed(name: str, losses: Any, weight: Any, counts: Any, reduction: str) -> Any:
    """Reduced losses of elements with weights, by which the mean divides."""
    if weight is None:
        return reduced_by_count(losses, None, counts, reduction)
    share = weights_of(name, weight, losses)
    return reduced_by_count(losses * share, share, counts, reduction)


def weights_of(name: str, weight: Any, losses: Any) -> Any:
    """One weight for each loss, of a number or an array that broadcasts."""
    weight = asarray(weight, losses.dtype) if type(weight) in SCALARS else to_inexact(weight)
    return spread(name, "weight", weight, losses.shape)
