"""Weights in files: safetensors, and what `torch.save` writes, without either library installed.

    weights = io.load_torch("resnet18.pth")
    params, state = layers.from_torch_state_dict(model, weights)
    io.save_safetensors("tuned.safetensors", layers.to_torch_state_dict(model, params, state))

No reader runs code from a file: safetensors has none, and of a pickle only tensors and containers are made.
"""

from __future__ import annotations

from . import safetensors as _safetensors
from . import torch_files as _torch_files
from .safetensors import *
from .torch_files import *

__all__ = [
    *_safetensors.__all__,
    *_torch_files.__all__,
]
