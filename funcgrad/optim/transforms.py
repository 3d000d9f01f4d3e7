"""The transformations that go around others or beside them, under the name of the module that optax has them in.

All of them are in `optim` too.
"""

from __future__ import annotations

from .accumulating import MultiSteps, MultiStepsState, ShouldSkipUpdateFunction, skip_large_updates, skip_not_finite
from .clipping import adaptive_grad_clip, clip, clip_by_block_rms, clip_by_global_norm
from .combining import PartitionState, chain, named_chain, partition, selective_transform
from .guarding import NonNegativeParamsState, ZeroNansState, keep_params_nonnegative, zero_nans
from .masking import MaskedState, freeze, masked
from .measuring import MonitorState, SnapshotState, measure_with_ema, monitor, snapshot
from .moments import EmaState, ema
from .noise import AddNoiseState, add_noise
from .norms import per_example_global_norm_clip, per_example_layer_norm_clip
from .scaling import TraceState, add_decayed_weights, trace
from .wrappers import (
    ApplyIfFiniteState,
    ConditionallyMaskState,
    ConditionallyTransformState,
    apply_if_finite,
    conditionally_mask,
    conditionally_transform,
    flatten,
)

__all__ = [
    "AddNoiseState",
    "ApplyIfFiniteState",
    "ConditionallyMaskState",
    "ConditionallyTransformState",
    "EmaState",
    "MaskedState",
    "MonitorState",
    "MultiSteps",
    "MultiStepsState",
    "NonNegativeParamsState",
    "PartitionState",
    "ShouldSkipUpdateFunction",
    "SnapshotState",
    "TraceState",
    "ZeroNansState",
    "adaptive_grad_clip",
    "add_decayed_weights",
    "add_noise",
    "apply_if_finite",
    "chain",
    "clip",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "conditionally_mask",
    "conditionally_transform",
    "ema",
    "flatten",
    "freeze",
    "keep_params_nonnegative",
    "masked",
    "measure_with_ema",
    "monitor",
    "named_chain",
    "partition",
    "per_example_global_norm_clip",
    "per_example_layer_norm_clip",
    "selective_transform",
    "skip_large_updates",
    "skip_not_finite",
    "snapshot",
    "trace",
    "zero_nans",
]
