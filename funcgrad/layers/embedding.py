"""A table of vectors."""

from __future__ import annotations

from typing import Any

from ..dtypes import is_integer
from ..errors import DtypeError
from ..numpy.creation import asarray
from .initializers import Initializer, normal
from .layer import Layer, Run

__all__ = ["Embedding"]


class Embedding(Layer):
    """A learned vector for each of a number of indices: y = weight[index].

    Args:
        num_embeddings: how many vectors there are.
        embedding_dim: their size.
        weight_init: by default normal values of variance 1, as in PyTorch.

    Parameters:
        weight: (num_embeddings, embedding_dim)

    Shapes:
        integers (...) -> (..., embedding_dim)

    An index out of [-num_embeddings, num_embeddings) raises ArrayIndexError. To score every index with the same table
    (tied weights) write `h @ run.embedding.weight.T` in the forward of the layer around it.

    >>> from funcgrad import layers, numpy as fnp
    >>> params = {"weight": fnp.asarray([[1.0, 2.0], [3.0, 4.0]])}
    >>> layers.Embedding(2, 2)(params, fnp.asarray([1, 0, 1]))
    Array([[3., 4.],
           [1., 2.],
           [3., 4.]], dtype=float32)
    """

    num_embeddings: int
    embedding_dim: int
    weight_init: Initializer | None = None

    def parameters(self, key: Any) -> dict[str, Any]:
        init = self.weight_init or normal(1.0)
        return {"weight": init(key, (self.num_embeddings, self.embedding_dim))}

    def forward(self, run: Run, x: Any) -> Any:
        index = asarray(x)
        if not is_integer(index.dtype):
            raise DtypeError(f"expected integers, got {index.aval}")
        return run.weight[index]
