"""Minibatches of a pytree of arrays, in order or shuffled by a key."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from .. import random, tree
from ..errors import DtypeError, OptionError, ShapeError, TreeError
from ..placement import device_get

Tree = TypeVar("Tree")
Rows: TypeAlias = slice | npt.NDArray[np.integer[Any]]


class Batches(Generic[Tree]):
    """A re-iterable sequence of minibatches; see `batches`, which makes it."""

    def __init__(self, arrays: Tree, rows: Sequence[Rows]):
        self._arrays = arrays
        self._rows = rows

    def __len__(self) -> int:
        """The number of minibatches."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Tree]:
        """Every minibatch, in the same order each time."""
        return (_take(self._arrays, rows) for rows in self._rows)


def batches(arrays: Tree, batch_size: int, *, key: Any = None, drop_last: bool = False) -> Batches[Tree]:
    """Split a pytree of arrays into minibatches along the first dimension, which all leaves share.

    The result can be iterated over again and gives the same minibatches; for another order in each epoch,
    make one per epoch with a new key.

    Args:
        arrays: a pytree of NumPy or funcgrad arrays of shape (N, ...), any dtypes.
        batch_size: the number of rows in each minibatch, at least 1.
        key: the random key to shuffle the rows with; None keeps them in order. Equal keys give equal orders.
        drop_last: leave out the last minibatch if it has fewer than `batch_size` rows. With fewer than
            `batch_size` rows in all, that leaves no minibatch.

    Returns:
        An iterable of pytrees like `arrays`, each leaf of shape (batch_size, ...) but for the last minibatch,
        which may be smaller. `len` gives their number. In order, minibatches of NumPy arrays are views.

    Raises:
        DtypeError: `batch_size` is not an integer.
        OptionError: `batch_size` is below 1.
        TreeError: the pytree has no leaves.
        ShapeError: a leaf is 0-d, or differs from the first leaf in its first dimension.

    Examples:
        >>> images, labels = np.zeros((5, 28, 28)), np.arange(5)
        >>> [batch_labels.tolist() for _, batch_labels in batches((images, labels), 2)]
        [[0, 1], [2, 3], [4]]
        >>> len(batches((images, labels), 2, drop_last=True))
        2
    """
    _check_batch_size(batch_size)
    count = _shared_first_dimension(arrays)
    stop = count - count % batch_size if drop_last else count
    slices = [slice(start, min(start + batch_size, stop)) for start in range(0, stop, batch_size)]
    if key is None:
        return Batches(arrays, slices)
    order = device_get(random.permutation(key, count))
    return Batches(arrays, [order[rows] for rows in slices])


def _take(arrays: Tree, rows: Rows) -> Tree:
    return cast(Tree, tree.map(lambda leaf: leaf[rows], arrays))


def _check_batch_size(batch_size: int) -> None:
    # True is an int to Python, but as a batch size it is a misplaced argument.
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer):
        raise DtypeError(f"batch_size must be an integer, got {batch_size!r}")
    if batch_size < 1:
        raise OptionError(f"batch_size must be at least 1, got {batch_size}")


def _shared_first_dimension(arrays: Any) -> int:
    leaves, _ = tree.flatten_with_path(arrays)
    if not leaves:
        raise TreeError(f"batches needs at least one array, got a pytree without leaves: {arrays!r}")
    shapes = [(path, np.shape(leaf)) for path, leaf in leaves]
    first_path, first_shape = shapes[0]
    for path, shape in shapes:
        if not shape:
            raise ShapeError(f"arrays{path} is 0-d: it has no first dimension to take minibatches of")
        if shape[0] != first_shape[0]:
            raise ShapeError(
                f"the arrays must share their first dimension: "
                f"arrays{first_path} has shape {first_shape}, arrays{path} has shape {shape}"
            )
    return int(first_shape[0])
