"""Optimisers: gradient transformations, with the names and the numbers of optax.

An optimiser is a value with two pure functions: `init(params)` makes its state, `update(grads, state, params)` gives
what to add to the parameters and the next state.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> loss = lambda params, x, y: ((x * params["w"] + params["b"] - y) ** 2).mean()
    >>> x = fnp.asarray([0.0, 1.0, 2.0, 3.0])
    >>> y = 2 * x + 1
    >>> params = {"w": fnp.asarray(0.0), "b": fnp.asarray(0.0)}
    >>> opt = optim.sgd(learning_rate=0.05, momentum=0.9)
    >>> state = opt.init(params)
    >>> for step in range(200):
    ...     grads = fg.grad(loss)(params, x, y)
    ...     updates, state = opt.update(grads, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> {name: round(float(value), 2) for name, value in params.items()}
    {'w': 2.0, 'b': 1.0}

Hyper-parameters live in the state, so a change needs no new optimiser, and they can be batched and differentiated:

    >>> state = optim.set_hyperparams(state, learning_rate=0.01)

A schedule, a function of the number of updates made, may be given in place of a number:

    >>> opt = optim.adam(optim.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=100, decay_steps=1000))
"""

from __future__ import annotations

from . import accumulating as _accumulating
from . import adam_aliases as _adam_aliases
from . import adam_variants as _adam_variants
from . import adaptive as _adaptive
from . import aliases as _aliases
from . import applying as _applying
from . import (
    assignment,
    contrib,
    losses,
    microbatching,
    perturbations,
    projections,
    schedules,
    second_order,
    transforms,
    tree,
    tree_utils,
)
from . import clipping as _clipping
from . import combining as _combining
from . import curves as _curves
from . import cycles as _cycles
from . import factored as _factored
from . import guarding as _guarding
from . import hyperparams as _hyperparams
from . import injecting as _injecting
from . import layerwise as _layerwise
from . import linear_algebra as _linear_algebra
from . import linesearch as _linesearch
from . import losses as _losses
from . import masking as _masking
from . import measuring as _measuring
from . import minimizing as _minimizing
from . import moments as _moments
from . import noise as _noise
from . import norms as _norms
from . import numerics as _numerics
from . import phases as _phases
from . import polyak as _polyak
from . import quasi_newton as _quasi_newton
from . import scaling as _scaling
from . import signs as _signs
from . import stateful_schedules as _stateful_schedules
from . import transformation as _transformation
from . import tree_params as _tree_params
from . import without_state as _without_state
from . import wrappers as _wrappers
from . import zoom as _zoom
from .accumulating import *
from .adam_aliases import *
from .adam_variants import *
from .adaptive import *
from .aliases import *
from .applying import *
from .clipping import *
from .combining import *
from .contrib import ademamix, adopt, dadapt_adamw, madgrad, muon, prodigy, sophia
from .curves import *
from .cycles import *
from .factored import *
from .guarding import *
from .hyperparams import *
from .injecting import *
from .layerwise import *
from .linear_algebra import *
from .linesearch import *
from .losses import *
from .masking import *
from .measuring import *
from .microbatching import microbatch
from .minimizing import *
from .moments import *
from .noise import *
from .norms import *
from .numerics import *
from .phases import *
from .polyak import *
from .quasi_newton import *
from .scaling import *
from .signs import *
from .stateful_schedules import *
from .transformation import *
from .tree_params import *
from .without_state import *
from .wrappers import *
from .zoom import *

__all__ = [
    *_accumulating.__all__,
    *_adam_aliases.__all__,
    *_adam_variants.__all__,
    *_adaptive.__all__,
    *_aliases.__all__,
    *_applying.__all__,
    *_clipping.__all__,
    *_combining.__all__,
    *_curves.__all__,
    *_cycles.__all__,
    *_factored.__all__,
    *_guarding.__all__,
    *_hyperparams.__all__,
    *_injecting.__all__,
    *_layerwise.__all__,
    *_linear_algebra.__all__,
    *_linesearch.__all__,
    *_losses.__all__,
    *_masking.__all__,
    *_measuring.__all__,
    *_minimizing.__all__,
    *_moments.__all__,
    *_noise.__all__,
    *_norms.__all__,
    *_numerics.__all__,
    *_phases.__all__,
    *_polyak.__all__,
    *_quasi_newton.__all__,
    *_scaling.__all__,
    *_signs.__all__,
    *_stateful_schedules.__all__,
    *_transformation.__all__,
    *_tree_params.__all__,
    *_without_state.__all__,
    *_wrappers.__all__,
    *_zoom.__all__,
    "assignment",
    "contrib",
    "losses",
    "microbatch",
    "microbatching",
    "perturbations",
    "projections",
    "schedules",
    "second_order",
    "transforms",
    "tree",
    "tree_utils",
    "ademamix",
    "adopt",
    "dadapt_adamw",
    "madgrad",
    "muon",
    "prodigy",
    "sophia",
]
