"""Losses with the names, the arguments and the numbers of `optax.losses`: one loss an example, not reduced.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> logits, labels = fnp.asarray([[2.0, 0.0], [0.0, 0.0]]), fnp.asarray([0, 1])
    >>> optim.softmax_cross_entropy_with_integer_labels(logits, labels).round(4)
    Array([0.1269, 0.6931], dtype=float32)

They are made of those of `functional`, which reduce, weigh and mask, and are all in `optim` itself, too. What is
different: a class that is out of range is an error, and a distance of an odd order takes moduli.
"""

from __future__ import annotations

from . import alignment as _alignment
from . import classification as _classification
from . import divergences as _divergences
from . import embeddings as _embeddings
from . import fenchel_young as _fenchel_young
from . import margins as _margins
from . import regression as _regression
from . import segmentation as _segmentation
from .alignment import *
from .classification import *
from .divergences import *
from .embeddings import *
from .fenchel_young import *
from .margins import *
from .regression import *
from .segmentation import *

__all__ = [
    *_alignment.__all__,
    *_classification.__all__,
    *_divergences.__all__,
    *_embeddings.__all__,
    *_fenchel_young.__all__,
    *_margins.__all__,
    *_regression.__all__,
    *_segmentation.__all__,
]
