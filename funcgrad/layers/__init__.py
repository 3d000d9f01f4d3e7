"""Layers of neural networks: stateless values that make parameters, and functions of them.

    model = layers.Sequential(
        layers.Conv2d(1, 32, 3), layers.relu, layers.Flatten(), layers.Linear(21632, 128), layers.Dropout(0.25)
    )
    params, state = model.init(random.key(0))
    y, state = model.apply(params, state, x, key=key, train=True)
    y = model(params, x)

`layer.py` says how they work and how to write one. Names, sizes and first values are those of `torch.nn`; images have
their channels last unless `layout` says otherwise. Activations are plain functions (`layers.relu`, the same object as
`functional.relu`), with classes of PyTorch's names for those that have settings or stand in a field.
"""

from __future__ import annotations

from . import activation as _activation
from . import adaptive_pooling as _adaptive_pooling
from . import adaptive_softmax as _adaptive_softmax
from . import along_sequence as _along_sequence
from . import attention as _attention
from . import cells as _cells
from . import combinators as _combinators
from . import convolution as _convolution
from . import distances as _distances
from . import dropout as _dropout
from . import embedding as _embedding
from . import example_normalization as _example_normalization
from . import feedforward as _feedforward
from . import fractional_pooling as _fractional_pooling
from . import initializers as initializers
from . import layer as _layer
from . import linear as _linear
from . import local as _local
from . import lora as _lora
from . import losses as _losses
from . import margin_losses as _margin_losses
from . import mixture as _mixture
from . import modulation as _modulation
from . import norm_pooling as _norm_pooling
from . import normalization as _normalization
from . import padding as _padding
from . import patches as _patches
from . import pooling as _pooling
from . import positions as _positions
from . import rectifier as _rectifier
from . import recurrent as _recurrent
from . import reparametrization as _reparametrization
from . import replacing as _replacing
from . import resizing as _resizing
from . import separable as _separable
from . import sequential as _sequential
from . import shape as _shape
from . import shuffling as _shuffling
from . import spectral as _spectral
from . import text as _text
from . import torch_entry as _torch_entry
from . import torch_state as _torch_state
from . import transformer as _transformer
from . import transformer_layer as _transformer_layer
from . import unpooling as _unpooling
from .activation import *
from .adaptive_pooling import *
from .adaptive_softmax import *
from .along_sequence import *
from .attention import *
from .cells import *
from .combinators import *
from .convolution import *
from .distances import *
from .dropout import *
from .embedding import *
from .example_normalization import *
from .feedforward import *
from .fractional_pooling import *
from .layer import *
from .linear import *
from .local import *
from .lora import *
from .losses import *
from .margin_losses import *
from .mixture import *
from .modulation import *
from .norm_pooling import *
from .normalization import *
from .padding import *
from .patches import *
from .pooling import *
from .positions import *
from .rectifier import *
from .recurrent import *
from .reparametrization import *
from .replacing import *
from .resizing import *
from .separable import *
from .sequential import *
from .shape import *
from .shuffling import *
from .spectral import *
from .text import *
from .torch_entry import *
from .torch_state import *
from .transformer import *
from .transformer_layer import *
from .unpooling import *

__all__ = [
    *_activation.__all__,
    *_adaptive_pooling.__all__,
    *_adaptive_softmax.__all__,
    *_along_sequence.__all__,
    *_attention.__all__,
    *_cells.__all__,
    *_combinators.__all__,
    *_convolution.__all__,
    *_distances.__all__,
    *_dropout.__all__,
    *_embedding.__all__,
    *_example_normalization.__all__,
    *_feedforward.__all__,
    *_fractional_pooling.__all__,
    *_layer.__all__,
    *_linear.__all__,
    *_local.__all__,
    *_lora.__all__,
    *_losses.__all__,
    *_margin_losses.__all__,
    *_mixture.__all__,
    *_modulation.__all__,
    *_norm_pooling.__all__,
    *_normalization.__all__,
    *_padding.__all__,
    *_patches.__all__,
    *_pooling.__all__,
    *_positions.__all__,
    *_rectifier.__all__,
    *_recurrent.__all__,
    *_reparametrization.__all__,
    *_replacing.__all__,
    *_resizing.__all__,
    *_separable.__all__,
    *_sequential.__all__,
    *_shape.__all__,
    *_shuffling.__all__,
    *_spectral.__all__,
    *_text.__all__,
    *_torch_entry.__all__,
    *_torch_state.__all__,
    *_transformer.__all__,
    *_transformer_layer.__all__,
    *_unpooling.__all__,
    "initializers",
]

_ELSEWHERE = {
    "Conv": "Conv1d, Conv2d, Conv3d",
    "Dense": "Linear",
    "Embed": "Embedding",
    "Module": "Layer, a class with fields and `def forward(self, run, x)`",
    "ModuleDict": "a field for each of them",
    "ModuleList": "a field that is a tuple, `blocks: tuple[layers.Layer, ...]`, whose parts are run.blocks[i](x)",
    "MultiHeadAttention": "MultiheadAttention",
    "Parameter": "what the method `parameters(self, key)` returns, and forward reads as run.<name>",
    "StochasticDepth": "DropPath",
    "Swish": "SiLU",
    "SyncBatchNorm": "BatchNorm1d to 3d with axis_name",
}


def __getattr__(name: str) -> object:
    """The error for names that other libraries have: what is it called here?"""
    found = _ELSEWHERE.get(name)
    if name.startswith("Lazy"):
        found = f"{name.removeprefix('Lazy')}, which is told its sizes when it is made"
    raise AttributeError(f"module {__name__!r} has no {name!r}" + (f": here it is {found}" if found else ""))
