"""Initializers that make matrices of a kind: orthogonal ones, identities, sparse ones.

`initializers` offers them beside its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import random
from ..errors import OptionError, ShapeError
from ..numpy import creation
from ..numpy.elementwise import where
from ..numpy.linalg.decompositions import qr
from ..numpy.manipulation import moveaxis
from ..numpy.sorting import argsort

__all__ = ["Delta", "Dirac", "Orthogonal", "Sparse", "delta_orthogonal", "dirac", "eye", "orthogonal", "sparse"]


def eye(key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """The identity, (inputs, outputs), with as many ones as fit.

    Raises:
        ShapeError: not two axes; `dirac` is for convolutions.
    """
    if len(shape) != 2:
        raise ShapeError(f"eye: a weight of shape {tuple(shape)} is no matrix")
    return creation.eye(shape[0], shape[1], dtype=dtype)


@dataclass(frozen=True)
class Orthogonal:
    """See `orthogonal`."""

    scale: float
    column_axis: int

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        if len(shape) < 2:
            raise ShapeError(f"orthogonal: a weight of shape {tuple(shape)} is no matrix")
        columns = shape[self.column_axis]
        rows = math.prod(shape) // max(columns, 1)
        q, r = qr(random.normal(key, (max(rows, columns), min(rows, columns)), dtype))
        signs = where(r.diagonal() < 0, -1, 1).astype(q.dtype)  # else q would not be uniform among all of them
        q = q * signs
        axis = self.column_axis % len(shape)
        others = [n for i, n in enumerate(shape) if i != axis]
        matrix = q if rows >= columns else q.T
        return moveaxis((matrix * self.scale).reshape((*others, columns)), -1, axis)


def orthogonal(scale: float = 1.0, column_axis: int = -1) -> Orthogonal:
    """A random matrix with orthonormal columns, or rows where it has more columns than rows, times a factor.

    It is uniform among all of these (Haar measure): the Q of the QR decomposition of normal values, with R's diagonal
    made positive.

    Args:
        scale: the factor; PyTorch's gain.
        column_axis: which axis counts the columns, the others together being rows; the last one, the outputs, makes
            of a convolution's weight what PyTorch makes.

    Raises:
        ShapeError: when called: fewer than two axes.

    >>> from funcgrad import layers, random
    >>> w = layers.initializers.orthogonal()(random.key(0), (4, 2))
    >>> abs(w.T @ w).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Source: A. Saxe, J. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning, 2014; of the
    signs: F. Mezzadri, How to generate random matrices from the classical compact groups, 2007.
    """
    return Orthogonal(scale, column_axis)


@dataclass(frozen=True)
class Delta:
    """See `delta_orthogonal`."""

    scale: float

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        *window, inputs, outputs = shape
        if len(window) not in (1, 2, 3) or inputs > outputs:
            raise ShapeError(
                f"delta_orthogonal: the weight must be (window, inputs, outputs) of a convolution with no fewer "
                f"outputs than inputs, not {tuple(shape)}"
            )
        matrix = Orthogonal(self.scale, -1)(key, (inputs, outputs), dtype)
        centre = tuple((k - 1) // 2 for k in window)
        return creation.zeros(tuple(shape), dtype=matrix.dtype).at[centre].set(matrix)


def delta_orthogonal(scale: float = 1.0) -> Delta:
    """A convolution whose window is zero but in the middle, where it has orthonormal rows: it keeps every norm.

    Args:
        scale: a factor.

    Raises:
        ShapeError: when called: no weight of a convolution, or more inputs than outputs.

    >>> from funcgrad import layers, random
    >>> w = layers.initializers.delta_orthogonal()(random.key(0), (3, 3, 4, 8))
    >>> float(abs(w[0]).sum()), round(float((w[1, 1] ** 2).sum()), 3)
    (0.0, 4.0)

    Source: L. Xiao and others, Dynamical isometry and a mean field theory of CNNs, 2018.
    """
    return Delta(scale)


@dataclass(frozen=True)
class Dirac:
    """See `dirac`."""

    groups: int

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        *window, inputs, outputs = shape
        if len(window) not in (1, 2, 3) or outputs % self.groups:
            raise ShapeError(
                f"dirac: the weight must be (window, inputs, outputs) of a convolution, with outputs that "
                f"{self.groups} groups divide, not {tuple(shape)}"
            )
        each = outputs // self.groups
        middle = np.tile(np.eye(inputs, each), self.groups)
        centre = tuple(k // 2 for k in window)
        return creation.zeros(tuple(shape), dtype=dtype).at[centre].set(middle)


def dirac(groups: int = 1) -> Dirac:
    """A convolution that passes its channels on as they are, as many as there are outputs in each group.

    Args:
        groups: of the convolution.

    Raises:
        ShapeError: when called: no weight of a convolution, or the groups do not divide its outputs.

    >>> from funcgrad import layers, random
    >>> layers.initializers.dirac()(random.key(0), (3, 2, 2)).tolist()
    [[[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """
    return Dirac(groups)


@dataclass(frozen=True)
class Sparse:
    """See `sparse`."""

    sparsity: float
    stddev: float

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        if len(shape) != 2:
            raise ShapeError(f"sparse: a weight of shape {tuple(shape)} is no matrix")
        value_key, place_key = random.split(key)
        values = random.normal(value_key, tuple(shape), dtype) * self.stddev
        ranks = argsort(argsort(random.uniform(place_key, tuple(shape)), axis=1), axis=1)
        return where(ranks < math.ceil(self.sparsity * shape[1]), 0, values)


def sparse(sparsity: float, stddev: float = 0.01) -> Sparse:
    """Normal values of mean 0, of which each input has a share of zeros, at random places.

    Args:
        sparsity: the share of zeros among the outputs of each input, in [0, 1].
        stddev: of the others.

    Raises:
        OptionError: the sparsity is not in [0, 1].
        ShapeError: when called: not two axes.

    >>> from funcgrad import layers, random
    >>> w = layers.initializers.sparse(0.75)(random.key(0), (5, 8))
    >>> (w != 0).sum(1).tolist()
    [2, 2, 2, 2, 2]

    Source: J. Martens, Deep learning via Hessian-free optimization, 2010.
    """
    if not 0 <= sparsity <= 1:
        raise OptionError(f"sparse: the sparsity is a share, in [0, 1], not {sparsity}")
    return Sparse(sparsity, stddev)
