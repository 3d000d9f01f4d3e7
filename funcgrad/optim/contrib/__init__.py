"""Optimisers that are newer or less common or built around others, under the names that they have in optax.contrib.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params = {"weight": fnp.ones((2, 3)), "bias": fnp.zeros(3)}
    >>> opt = optim.contrib.muon(learning_rate=0.02, weight_decay=0.1)
    >>> state = opt.init(params)
    >>> updates, state = opt.update(params, state, params)

`muon`, `adopt`, `prodigy`, `madgrad`, `dadapt_adamw`, `ademamix` and `sophia` are in `funcgrad.optim` too. What follows
the value of the loss (`momo`) takes it by name, `update(grads, state, params, value=loss)`; `sophia` takes the loss
itself, `obj_fn=lambda params: loss(params, batch)`.
"""

from __future__ import annotations

from . import asynchronous as _asynchronous
from . import averaged as _averaged
from . import complex_parts as _complex_parts
from . import curvature as _curvature
from . import d_adaptation as _d_adaptation
from . import distances as _distances
from . import dual_averaging as _dual_averaging
from . import low_rank as _low_rank
from . import matrices as _matrices
from . import mechanic as _mechanic
from . import momentum_models as _momentum_models
from . import newton_schulz as _newton_schulz
from . import orthogonal as _orthogonal
from . import plateau as _plateau
from . import privacy as _privacy
from . import sharpness as _sharpness
from . import slow_means as _slow_means
from .asynchronous import *
from .averaged import *
from .complex_parts import *
from .curvature import *
from .d_adaptation import *
from .distances import *
from .dual_averaging import *
from .low_rank import *
from .matrices import *
from .mechanic import *
from .momentum_models import *
from .newton_schulz import *
from .orthogonal import *
from .plateau import *
from .privacy import *
from .sharpness import *
from .slow_means import *

__all__ = [
    *_asynchronous.__all__,
    *_averaged.__all__,
    *_complex_parts.__all__,
    *_curvature.__all__,
    *_d_adaptation.__all__,
    *_distances.__all__,
    *_dual_averaging.__all__,
    *_low_rank.__all__,
    *_matrices.__all__,
    *_mechanic.__all__,
    *_momentum_models.__all__,
    *_newton_schulz.__all__,
    *_orthogonal.__all__,
    *_plateau.__all__,
    *_privacy.__all__,
    *_sharpness.__all__,
    *_slow_means.__all__,
]
