"""Functions that neural networks are made of: activations, convolutions, pooling, normalisation, attention, losses.

Names and options are those of `torch.nn.functional`; images are channels-last unless `layout` says otherwise.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.ones((8, 28, 28, 1))
    >>> x = F.max_pool2d(F.relu(F.conv2d(x, fnp.ones((3, 3, 1, 32)))), 2)
    >>> x.shape
    (8, 13, 13, 32)
"""

from __future__ import annotations

from . import activations as _activations
from . import attention as _attention
from . import convolution as _convolution
from . import distance_matrices as _distance_matrices
from . import embedding as _embedding
from . import indexing as _indexing
from . import kv_cache as _kv_cache
from . import linear as _linear
from . import losses as _losses
from . import masks as _masks
from . import normalization as _normalization
from . import padding as _padding
from . import patches as _patches
from . import pooling as _pooling
from . import positions as _positions
from . import rectifiers as _rectifiers
from . import recurrent as _recurrent
from . import regularization as _regularization
from . import segments as _segments
from . import sequences as _sequences
from . import smooth_activations as _smooth_activations
from .activations import *
from .attention import *
from .convolution import *
from .distance_matrices import *
from .embedding import *
from .indexing import *
from .kv_cache import *
from .linear import *
from .losses import *
from .masks import *
from .normalization import *
from .padding import *
from .patches import *
from .pooling import *
from .positions import *
from .rectifiers import *
from .recurrent import *
from .regularization import *
from .segments import *
from .sequences import *
from .smooth_activations import *

__all__ = [
    *_activations.__all__,
    *_attention.__all__,
    *_convolution.__all__,
    *_distance_matrices.__all__,
    *_embedding.__all__,
    *_indexing.__all__,
    *_kv_cache.__all__,
    *_linear.__all__,
    *_losses.__all__,
    *_masks.__all__,
    *_normalization.__all__,
    *_padding.__all__,
    *_patches.__all__,
    *_pooling.__all__,
    *_positions.__all__,
    *_rectifiers.__all__,
    *_recurrent.__all__,
    *_regularization.__all__,
    *_segments.__all__,
    *_sequences.__all__,
    *_smooth_activations.__all__,
]
