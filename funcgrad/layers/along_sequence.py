"""Any cell along a sequence, in one direction or in both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import random, tree
from ..core import Array
from ..errors import LayerError, ShapeError
from ..functional import sequence_mask
from ..functional.sequences import within
from ..numpy.creation import asarray
from ..numpy.elementwise import where
from ..numpy.manipulation import concat
from ..ops.create import to_inexact
from ..transforms.scan import scan
from .cells import RNNCellBase
from .layer import Layer, Run

__all__ = ["Bidirectional", "Recurrent"]


class Recurrent(Layer):
    """A cell along sequences, from each step's carry to the next one's; what Flax calls RNN.

    Args:
        cell: an `RNNCellBase`.
        batch_first: inputs and outputs are (N, L, ...) instead of (L, N, ...).
        reverse: begin with the last step; the outputs stay at their places.

    Parameters:
        cell: the cell's.

    Shapes:
        x (L, N, ...), carry the cell's with N first or None -> outputs (L, N, ...) and the last carry; all without N
        for one sequence.

    Raises:
        LayerError: the cell is none.

    `model(params, x, carry, lengths=lengths)` with N lengths counts what lies beyond for nothing: outputs there are
    zero, the last carry is that of each sequence's last step, and with `reverse` the loop begins there.

    A cell may draw random numbers, each step its own, and have running state, which goes from step to step.
    `RNN`, `LSTM` and `GRU` are faster in reverse mode, where `jit` does not compile the loop.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Recurrent(layers.GRUCell(3, 4))
    >>> params, _ = model.init(random.key(0))
    >>> out, last = model(params, fnp.ones((7, 2, 3)), lengths=[7, 5])
    >>> out.shape, (out[4, 1] == last[1]).all().item()
    ((7, 2, 4), True)
    """

    cell: RNNCellBase
    batch_first: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        _check_cells(self, self.cell)

    def forward(self, run: Run, x: Any, carry: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        return _along(run.cell, self.cell, x, carry, lengths, self.batch_first, self.reverse)


class Bidirectional(Layer):
    """Two cells along sequences, one from the first step on and one from the last one back.

    Args:
        forward_cell, backward_cell: of `RNNCellBase`; two that are equal have weights of their own.
        batch_first: inputs and outputs are (N, L, ...) instead of (L, N, ...).
        merge: of the two outputs at each step; None puts them side by side along the last axis.

    Parameters:
        forward_cell, backward_cell: the cells'.

    Shapes:
        x (L, N, ...), carry a pair of the cells' or None -> outputs (L, N, ...) and the pair of last carries. With
        `lengths` as for `Recurrent`: the cell that goes back begins at each sequence's last step.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Bidirectional(layers.GRUCell(3, 4), layers.GRUCell(3, 4))
    >>> params, _ = model.init(random.key(0))
    >>> out, (first, second) = model(params, fnp.ones((7, 2, 3)))
    >>> out.shape, (out[0, :, 4:] == second).all().item()
    ((7, 2, 8), True)

    Source: M. Schuster and K. K. Paliwal, Bidirectional recurrent neural networks, 1997.
    """

    forward_cell: RNNCellBase
    backward_cell: RNNCellBase
    batch_first: bool = False
    merge: Callable[[Any, Any], Any] | None = None

    def __post_init__(self) -> None:
        _check_cells(self, self.forward_cell, self.backward_cell)

    def forward(self, run: Run, x: Any, carry: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        there, back = (None, None) if carry is None else carry
        out, there = _along(run.forward_cell, self.forward_cell, x, there, lengths, self.batch_first, False)
        other, back = _along(run.backward_cell, self.backward_cell, x, back, lengths, self.batch_first, True)
        return concat([out, other], axis=-1) if self.merge is None else self.merge(out, other), (there, back)


def _check_cells(layer: Layer, *cells: Any) -> None:
    for cell in cells:
        if not isinstance(cell, RNNCellBase):
            raise LayerError(f"{type(layer).__name__}: a cell must be an RNNCellBase, such as LSTMCell, not {cell!r}")


def step_mask(lengths: Any, x: Any, batch: tuple[int, ...]) -> Any:
    """(L, *batch): which steps of x (L, *batch, ...) lie within the sequences."""
    lengths = asarray(lengths, device=None if isinstance(lengths, Array) else x.device)
    if lengths.shape != batch:
        raise ShapeError(f"expected lengths of shape {batch}, got {lengths.shape}")
    return sequence_mask(within("lengths", lengths, x.shape[0]), x.shape[0]).T


def widen(mask: Any, x: Any) -> Any:
    """The mask with axes of size 1 for those of x that it has not."""
    return mask.reshape((*mask.shape, *(1,) * (x.ndim - mask.ndim)))


def _along(
    run: Run, cell: RNNCellBase, x: Any, carry: Any, lengths: Any, batch_first: bool, reverse: bool
) -> tuple[Any, Any]:
    """The outputs of all steps, and the last carry.

    Args:
        run: of the cell. Each step is a run of its own at the same place, with a key of its own: a step must do the
            same whenever it is run, and is run again on the way back.
    """
    x = to_inexact(x)
    axes = x.ndim - cell.step_axes()
    if axes not in (1, 2):
        n = cell.step_axes() + 1
        raise ShapeError(f"expected {n + 1} axes, or {n} without a batch, got {x.shape}")
    swapped = batch_first and axes == 2
    x = x.swapaxes(0, 1) if swapped else x
    mask = None if lengths is None else step_mask(lengths, x, x.shape[1:axes])
    x = x if mask is None else where(widen(mask, x), x, 0)  # what lies beyond counts for nothing, a NaN neither
    keys = None if run._own_key() is None else random.split(run.key, x.shape[0])

    def step(carried: Any, row: Any) -> Any:
        (carry, state), (x, key, m) = carried, row
        now = run._turn(state, key)
        new = now(x, carry)
        if m is not None:
            new = tree.map(lambda a, b: where(widen(m, a), a, b), new, carry)
        return (new, now._final_state()), new[0] if isinstance(new, tuple) else new

    first = cell.initial_carry(run, x[0]) if carry is None else carry
    (last, state), outs = scan(step, (first, run._state), (x, keys, mask), reverse=reverse)
    run._state = state
    if mask is not None:
        outs = tree.map(lambda y: where(widen(mask, y), y, 0), outs)
    return tree.map(lambda y: y.swapaxes(0, 1), outs) if swapped else outs, last
