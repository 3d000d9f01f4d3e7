"""Random numbers as pure functions of a key.

    >>> from funcgrad import random
    >>> key = random.key(0)
    >>> key, k1, k2 = random.split(key, 3)
    >>> random.normal(k1, (2, 3)).shape, random.randint(k2, (4,), 0, 10).dtype
    ((2, 3), dtype('int64'))

There is no hidden state: one key gives the same numbers each time, so every use takes a key of its own, by `split`
(several at once) or `fold_in` (by the number of a step, a layer, an example). A function of one example takes one key,
and `vmap` over a batch of keys gives each example its own numbers; with one key for all, all examples get the same.

**What is pinned** (version 1 of the stream; a change of any of it is a new major version):

* Keys are two 64-bit words: of a seed by BLAKE2b, of a key by `split` and `fold_in` as `kernels/philox.py` says.
* The bits of a key are those of ``np.random.Philox(key=words, counter=0)`` (Philox4x64-10), 64 at a time, or their
  32-bit halves, the low one first. Number i of a sample, in row-major order, comes from integer i of the stream.
* `uniform` is the top 24 bits of a 32-bit integer over 2^24 (float32), the top 53 bits of a 64-bit one over 2^53
  (float64), the top 11 bits of a 32-bit one over 2^11 (float16), the top 8 over 2^8 (bfloat16).
* `bernoulli(key, p)` is `uniform(key) < p`, exactly; `randint`, `permutation` and `choice` are as their pages say.
* `normal` is the inverse distribution function in `kernels/normal.py`, made of operations that IEEE 754 rounds in one
  way, so that its bits are the same on every machine.
* Gamma, beta, inverse Gaussian, Poisson and binomial numbers are drawn as `kernels/rejection.py` says, from streams of
  keys that only it derives.
* The other samplers are the formulas on their pages, applied to these; log and tan round as the machine's library
  does, to a few ulp.

The bits are made on the CPU, so a key gives the same numbers whichever the default device is, to which they then go.
"""

from __future__ import annotations

from . import continuous as _continuous
from . import counts as _counts
from . import discrete as _discrete
from . import formulas as _formulas
from . import gammas as _gammas
from . import keys as _keys
from . import vectors as _vectors
from .continuous import *
from .counts import *
from .discrete import *
from .formulas import *
from .gammas import *
from .keys import *
from .vectors import *

__all__ = [
    *_continuous.__all__,
    *_counts.__all__,
    *_discrete.__all__,
    *_formulas.__all__,
    *_gammas.__all__,
    *_keys.__all__,
    *_vectors.__all__,
]
