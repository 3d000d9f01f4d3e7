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
from . import along_sequence as _along_sequence
from . import cells as _cells
from . import convolution as _convolution
from . import dropout as _dropout
from . import embedding as _embedding
from . import example_normalization as _example_normalization
from . import initializers as initializers
from . import layer as _layer
from . import linear as _linear
from . import normalization as _normalization
from . import pooling as _pooling
from . import recurrent as _recurrent
from . import reparametrization as _reparametrization
from . import sequential as _sequential
from . import shape as _shape
from . import text as _text
from . import torch_entry as _torch_entry
from . import torch_state as _torch_state
from .activation import *
from .along_sequence import *
from .cells import *
from .convolution import *
from .dropout import *
from .embedding import *
from .example_normalization import *
from .layer import *
from .linear import *
from .normalization import *
from .pooling import *
from .recurrent import *
from .reparametrization import *
from .sequential import *
from .shape import *
from .text import *
from .torch_entry import *
from .torch_state import *

__all__ = [
    *_activation.__all__,
    *_along_sequence.__all__,
    *_cells.__all__,
    *_convolution.__all__,
    *_dropout.__all__,
    *_embedding.__all__,
    *_example_normalization.__all__,
    *_layer.__all__,
    *_linear.__all__,
    *_normalization.__all__,
    *_pooling.__all__,
    *_recurrent.__all__,
    *_reparametrization.__all__,
    *_sequential.__all__,
    *_shape.__all__,
    *_text.__all__,
    *_torch_entry.__all__,
    *_torch_state.__all__,
    "initializers",
]
