"""What is done with parameters: updates are added to them, and slower copies of them kept."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..dtypes import is_complex
from ..errors import DtypeError, OptionError
from ..numpy import asarray
from ..transforms.control import cond
from .transformation import aligned, rebuilt

__all__ = ["apply_updates", "incremental_update", "periodic_update"]


def apply_updates(params: Any, updates: Any) -> Any:
    """The parameters after a step: params + updates, in the dtypes of the parameters.

    Args:
        params: a pytree of floating or complex arrays.
        updates: a pytree of the same structure and shapes, the result of `update`.

    Raises:
        TreeError, ShapeError, DtypeError: the two do not fit, a parameter holds integers, or an update is complex
            where its parameter is real.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.apply_updates({"w": fnp.asarray([1.0, 2.0])}, {"w": fnp.asarray([-0.5, 0.0])})
    {'w': Array([0.5, 2. ], dtype=float32)}
    """
    (ps, us), structure = aligned("apply_updates", {"params": params, "updates": updates})
    for i, (p, u) in enumerate(zip(ps, us, strict=True)):
        if is_complex(u.dtype) and not is_complex(p.dtype):
            path = tree.flatten_with_path(params)[0][i][0]
            raise DtypeError(
                f"apply_updates: updates{path} is {u.aval} and params{path} is real, which would lose the imaginary "
                "part: take the real part of the gradient"
            )
    return rebuilt(structure, [p + u for p, u in zip(ps, us, strict=True)], ps)


def incremental_update(new_tensors: Any, old_tensors: Any, step_size: Any) -> Any:
    """An average of parameters that follows them: step_size new + (1 - step_size) old.

    Args:
        new_tensors: the parameters.
        old_tensors: their average so far, a tree of the same structure, shapes and dtypes.
        step_size: 0 for an average that stays, 1 for one that is the parameters; a number, or an array without
            dimensions.

    Returns:
        The next average, in the dtypes of the old one.

    Raises:
        TreeError, ShapeError, DtypeError: the two do not fit, or one holds integers.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.incremental_update({"w": fnp.asarray([1.0, 2.0])}, {"w": fnp.zeros(2)}, step_size=0.25)
    {'w': Array([0.25, 0.5 ], dtype=float32)}

    Source: Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
    """
    (news, olds), structure = aligned("incremental_update", {"new_tensors": new_tensors, "old_tensors": old_tensors})
    return rebuilt(structure, [step_size * n + (1 - step_size) * o for n, o in zip(news, olds, strict=True)], olds)


def periodic_update(new_tensors: Any, old_tensors: Any, steps: Any, update_period: int) -> Any:
    """A copy of parameters that is renewed every so many steps.

    Args:
        new_tensors: the parameters.
        old_tensors: the copy so far, a tree of the same structure, shapes and dtypes.
        steps: how many steps were made: an int, or an integer array without dimensions.
        update_period: after how many steps the copy is renewed.

    Returns:
        The parameters where `steps` is a multiple of the period, else the old copy.

    Raises:
        OptionError: a period below 1.
        TreeError, ShapeError, DtypeError: the two do not fit, or one holds integers.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> [float(optim.periodic_update(fnp.asarray(1.0), fnp.asarray(0.0), step, 2)) for step in (1, 2, 3, 4)]
    [0.0, 1.0, 0.0, 1.0]

    Source: Mnih et al., Playing Atari with Deep Reinforcement Learning, 2013, arXiv:1312.5602.
    """
    if not update_period >= 1:
        raise OptionError(f"periodic_update: update_period must be 1 or more, not {update_period}")
    (news, olds), structure = aligned("periodic_update", {"new_tensors": new_tensors, "old_tensors": old_tensors})
    new, old = rebuilt(structure, news, olds), rebuilt(structure, olds, olds)
    return cond(asarray(steps) % update_period == 0, lambda: new, lambda: old)
