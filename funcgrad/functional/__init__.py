"""Functions that neural networks are made of: activations, convolutions, pooling, normalisation, attention, losses.

Names and options are those of `torch.nn.functional`; images are channels-last unless `layout` says otherwise.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.ones((8, 28, 28, 1))
    >>> x = F.max_pool2d(F.relu(F.conv2d(x, fnp.ones((3, 3, 1, 32)))), 2)
    >>> x.shape
    (8, 13, 13, 32)
"""

from __future__ import annotations

from .activations import (
    elu,
    gelu,
    glu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logsumexp,
    one_hot,
    relu,
    relu6,
    sigmoid,
    silu,
    softmax,
    softplus,
    swish,
    tanh,
)
from .attention import scaled_dot_product_attention
from .convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .indexing import gather, index_add, index_select, masked_fill, masked_select, scatter, scatter_add, scatter_reduce
from .linear import linear
from .losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from .normalization import batch_norm, layer_norm
from .patches import fold, unfold
from .pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from .regularization import dropout
from .segments import segment_max, segment_min, segment_prod, segment_sum

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "elu",
    "fold",
    "gather",
    "gelu",
    "glu",
    "huber_loss",
    "index_add",
    "index_select",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "masked_fill",
    "masked_select",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "relu6",
    "scaled_dot_product_attention",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "swish",
    "tanh",
    "unfold",
]
