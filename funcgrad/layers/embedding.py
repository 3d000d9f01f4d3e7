"""Tables of vectors."""

from __future__ import annotations

from typing import Any

from ..functional import embedding, embedding_bag
from ..functional.embedding import check_mode, padding_row
from ..numpy.creation import asarray
from .initializers import Initializer, normal
from .layer import Layer, Run
from .linear import check_last_size

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Layer):
    num_embeddings: int
    embedding_dim: int

    def __post_init__(self: Any) -> None:
        if self.padding_idx is not None:
            padding_row(type(self).__name__, self.padding_idx, self.num_embeddings)

    def _first(self: Any, key: Any, init: Initializer | None) -> dict[str, Any]:
        """The table, normal of variance 1 by default, with zeros for the padding."""
        weight = (init or normal(1.0))(key, (self.num_embeddings, self.embedding_dim))
        return {"weight": weight if self.padding_idx is None else weight.at[self.padding_idx].set(0)}


class Embedding(_Table):
    """A learned vector for each of a number of indices: y = weight[index].

    Args:
        num_embeddings: how many vectors there are.
        embedding_dim: their size.
        padding_idx: an index whose vector is zero at first and gets no derivative, so that it stays zero.
        max_norm, norm_type: vectors that are longer than max_norm are shortened before they are returned. PyTorch
            changes the table itself; here the table stays (`functional.embedding`).
        weight_init: by default normal values of variance 1, as in PyTorch.

    Parameters:
        weight: (num_embeddings, embedding_dim)

    Shapes:
        integers (...) -> (..., embedding_dim)

    An index out of [-num_embeddings, num_embeddings) raises ArrayIndexError. In the forward of the layer around it
    `run.embedding.attend(h)` scores every index with the same table (tied weights).

    >>> from funcgrad import layers, random, numpy as fnp
    >>> params = {"weight": fnp.asarray([[1.0, 2.0], [3.0, 4.0]])}
    >>> layers.Embedding(2, 2)(params, fnp.asarray([1, 0, 1]))
    Array([[3., 4.],
           [1., 2.],
           [3., 4.]], dtype=float32)
    >>> class Model(layers.Layer):
    ...     embedding: layers.Embedding
    ...
    ...     def forward(self, run, tokens):
    ...         return run.embedding.attend(run.embedding(tokens))
    >>> Model(layers.Embedding(2, 2))({"embedding": params}, fnp.asarray([0]))
    Array([[ 5., 11.]], dtype=float32)

    Source: O. Press and L. Wolf, Using the output embedding to improve language models, 2017, for tied weights.
    """

    padding_idx: int | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    weight_init: Initializer | None = None

    def parameters(self, key: Any) -> dict[str, Any]:
        return self._first(key, self.weight_init)

    def forward(self, run: Run, x: Any) -> Any:
        return embedding(x, run.weight, self.padding_idx, self.max_norm, self.norm_type)

    def attend(self, run: Run, x: Any) -> Any:
        """The product of each vector with all rows of the table, x @ weight.T: (..., D) -> (..., num_embeddings)."""
        x = asarray(x)
        check_last_size(x, self.embedding_dim)
        return x @ run.weight.T


class EmbeddingBag(_Table):
    """The sum, mean or maximum of the vectors of each bag of indices: `Embedding` and a reduction at once.

    Args:
        num_embeddings: how many vectors there are.
        embedding_dim: their size.
        max_norm, norm_type: as for `Embedding`.
        mode: "sum", "mean" or "max".
        include_last_offset: whether offsets say where the last bag ends, too.
        padding_idx: an index that counts as absent; its vector is zero at first, and stays so.
        weight_init: by default normal values of variance 1, as in PyTorch.

    Parameters:
        weight: (num_embeddings, embedding_dim)

    Shapes:
        integers (..., L) -> (..., embedding_dim); with offsets (B,) integers (M,) -> (B, embedding_dim)

    `forward` takes (x, offsets=None, per_sample_weights=None); `functional.embedding_bag` says what they are.

    >>> from funcgrad import layers, numpy as fnp
    >>> params = {"weight": fnp.asarray([[1.0, 2.0], [3.0, 4.0]])}
    >>> layers.EmbeddingBag(2, 2, mode="sum")(params, fnp.asarray([1, 0, 1]), offsets=[0, 1])
    Array([[3., 4.],
           [4., 6.]], dtype=float32)
    """

    max_norm: float | None = None
    norm_type: float = 2.0
    mode: str = "mean"
    include_last_offset: bool = False
    padding_idx: int | None = None
    weight_init: Initializer | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_mode("EmbeddingBag", self.mode)

    def parameters(self, key: Any) -> dict[str, Any]:
        return self._first(key, self.weight_init)

    def forward(self, run: Run, x: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        return embedding_bag(
            x,
            run.weight,
            offsets,
            max_norm=self.max_norm,
            norm_type=self.norm_type,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )
