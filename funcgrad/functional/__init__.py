"""Functions that neural networks are made of: activations, convolutions, pooling, normalisation, attention, losses.

Names and options are those of `torch.nn.functional`; images are channels-last unless `layout` says otherwise.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.ones((8, 28, 28, 1))
    >>> x = F.max_pool2d(F.relu(F.conv2d(x, fnp.ones((3, 3, 1, 32)))), 2)
    >>> x.shape
    (8, 13, 13, 32)
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import activations as _activations
from . import adaptive_pooling as _adaptive_pooling
from . import attention as _attention
from . import convolution as _convolution
from . import distance_matrices as _distance_matrices
from . import distances as _distances
from . import embedding as _embedding
from . import embedding_losses as _embedding_losses
from . import fractional_pooling as _fractional_pooling
from . import generative_losses as _generative_losses
from . import grid_sampling as _grid_sampling
from . import indexing as _indexing
from . import kv_cache as _kv_cache
from . import linear as _linear
from . import losses as _losses
from . import margin_losses as _margin_losses
from . import masks as _masks
from . import norm_pooling as _norm_pooling
from . import normalization as _normalization
from . import overlap_losses as _overlap_losses
from . import padding as _padding
from . import patches as _patches
from . import pooling as _pooling
from . import positions as _positions
from . import probability_losses as _probability_losses
from . import rectifiers as _rectifiers
from . import recurrent as _recurrent
from . import regression_losses as _regression_losses
from . import regularization as _regularization
from . import resizing as _resizing
from . import score_losses as _score_losses
from . import segments as _segments
from . import sequences as _sequences
from . import shuffling as _shuffling
from . import smooth_activations as _smooth_activations
from . import spectral as _spectral
from . import standardizing as _standardizing
from . import unpooling as _unpooling
from .activations import *
from .adaptive_pooling import *
from .attention import *
from .convolution import *
from .distance_matrices import *
from .distances import *
from .embedding import *
from .embedding_losses import *
from .fractional_pooling import *
from .generative_losses import *
from .grid_sampling import *
from .indexing import *
from .kv_cache import *
from .linear import *
from .losses import *
from .margin_losses import *
from .masks import *
from .norm_pooling import *
from .normalization import *
from .overlap_losses import *
from .padding import *
from .patches import *
from .pooling import *
from .positions import *
from .probability_losses import *
from .rectifiers import *
from .recurrent import *
from .regression_losses import *
from .regularization import *
from .resizing import *
from .score_losses import *
from .segments import *
from .sequences import *
from .shuffling import *
from .smooth_activations import *
from .spectral import *
from .standardizing import *
from .unpooling import *

if _TYPE_CHECKING:
    from ..transforms.ctc import ctc_loss
    from ..transforms.linear_cross_entropy import linear_cross_entropy

__all__ = [
    *_activations.__all__,
    *_adaptive_pooling.__all__,
    *_attention.__all__,
    *_convolution.__all__,
    *_distance_matrices.__all__,
    *_distances.__all__,
    *_embedding.__all__,
    *_embedding_losses.__all__,
    *_fractional_pooling.__all__,
    *_generative_losses.__all__,
    *_grid_sampling.__all__,
    *_indexing.__all__,
    *_kv_cache.__all__,
    *_linear.__all__,
    *_losses.__all__,
    *_margin_losses.__all__,
    *_masks.__all__,
    *_norm_pooling.__all__,
    *_normalization.__all__,
    *_overlap_losses.__all__,
    *_padding.__all__,
    *_patches.__all__,
    *_pooling.__all__,
    *_positions.__all__,
    *_probability_losses.__all__,
    *_rectifiers.__all__,
    *_recurrent.__all__,
    *_regression_losses.__all__,
    *_regularization.__all__,
    *_resizing.__all__,
    *_score_losses.__all__,
    *_segments.__all__,
    *_sequences.__all__,
    *_shuffling.__all__,
    *_smooth_activations.__all__,
    *_spectral.__all__,
    *_standardizing.__all__,
    *_unpooling.__all__,
]
# loops of transforms, which this package, from further left, cannot import: the top of the package sets them here
__all__ += ["ctc_loss", "linear_cross_entropy"]
