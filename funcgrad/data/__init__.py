"""Data sets and the way to a training loop: IDX files, MNIST, minibatches and image transforms."""

from .batches import Batches, batches
from .idx import read_idx, write_idx
from .mnist import mnist
from .transforms import compose, normalize, to_float

__all__ = [
    "Batches",
    "batches",
    "compose",
    "mnist",
    "normalize",
    "read_idx",
    "to_float",
    "write_idx",
]
