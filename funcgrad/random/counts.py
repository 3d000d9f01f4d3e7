"""Samplers of counts: successes, events, trials until the first success."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import canonical, is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy import elementwise as fnp
from ..numpy.creation import asarray, parse_shape
from ..numpy.manipulation import stack
from ..numpy.reductions import cumulative_sum
from ..ops import rejection
from ..ops.elementwise import astype
from .keys import Key, one_key_array, split
from .parameters import DOUBLE, Shape, check_broadcast, float_dtype, in_double, known, open_uniform

__all__ = ["binomial", "geometric", "multinomial", "poisson"]

_INT64 = np.dtype(np.int64)


def poisson(key: Key, lam: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of events of which lam are expected: probability lam^k e^-lam / k!.

    Args:
        key: a single key.
        lam: the mean, 0 or more: a number or an array.
        shape: of the result; by default lam's.
        dtype: an integer dtype; by default int64.

    Raises:
        ShapeError: lam does not broadcast to the shape.
        OptionError: a lam is negative, or 2^62 or more. Under a transform, where it cannot be looked at, it gives -1.

    >>> from funcgrad import random
    >>> random.poisson(random.key(0), 4.0, (5,))
    Array([2, 2, 4, 6, 3], dtype=int64)

    Source: W. Hormann, The transformed rejection method for generating Poisson random variables, Insurance: Mathematics
    and Economics 12, 1993.
    """
    found = _integer_dtype("poisson", dtype)
    values = known(lam)
    if values is not None and not bool(np.all((values >= 0) & (values < 2.0**62))):
        raise OptionError(f"poisson: lam must be 0 or more and below 2^62, not {lam}")
    (mean,) = in_double("poisson", shape, lam)
    return astype(rejection.poisson(one_key_array("poisson", key), mean), found)


def binomial(key: Key, n: Any, p: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers of successes in n trials of probability p each.

    Args:
        key: a single key.
        n: trials, 0 or more: a number or an array.
        p: from 0 to 1: a number or an array.
        shape: of the result; by default the one to which n and p broadcast.
        dtype: a floating dtype, as in JAX; by default `config.default_dtype()`.

    Raises:
        ShapeError: n or p does not broadcast to the shape.
        OptionError: an n is negative, or a p is not in [0, 1]. Under a transform they give NaN.

    >>> from funcgrad import random
    >>> random.binomial(random.key(0), 10, 0.5, (5,))
    Array([4., 4., 5., 7., 4.], dtype=float32)

    Source: W. Hormann, The generation of binomial random variates, Journal of Statistical Computation and
    Simulation 46, 1993.
    """
    found = float_dtype("binomial", dtype)
    counts, shares = known(n), known(p)
    if counts is not None and not bool(np.all(counts >= 0)):
        raise OptionError(f"binomial: n must be 0 or more, not {n}")
    if shares is not None and not bool(np.all((shares >= 0) & (shares <= 1))):
        raise OptionError(f"binomial: p must be from 0 to 1, not {p}")
    trials, share = in_double("binomial", shape, n, p)
    return astype(rejection.binomial(one_key_array("binomial", key), trials, share), found)


def multinomial(key: Key, n: Any, p: Any, *, shape: Shape | None = None, dtype: Any = None) -> Array:
    """How often each of k outcomes came in n trials: a binomial number for each outcome, of the trials left.

    Args:
        key: a single key.
        n: trials, 0 or more: a number or an array (...).
        p: (..., k), the probabilities of the outcomes, which are taken relative to their sum.
        shape: of the result without its last axis, k; by default the one to which n and p's first axes broadcast.
        dtype: a floating dtype, as in JAX; by default `config.default_dtype()`.

    Returns:
        (*shape, k), which sums to n along the last axis.

    Raises:
        ShapeError: p has no axis, or n and p do not broadcast to the shape.
        OptionError: an n or p is negative.

    >>> from funcgrad import random, numpy as fnp
    >>> random.multinomial(random.key(0), 10, fnp.asarray([0.2, 0.3, 0.5]))
    Array([3., 3., 4.], dtype=float32)
    """
    found, shares = float_dtype("multinomial", dtype), asarray(p)
    if not shares.ndim or not shares.shape[-1]:
        raise ShapeError(f"multinomial: p must have the axis of the outcomes, (..., k), not {shares.aval}")
    for name, x in (("n", n), ("p", p)):
        values = known(x)
        if values is not None and not bool(np.all(values >= 0)):
            raise OptionError(f"multinomial: {name} must be 0 or more, not {x}")
    trials = asarray(n)
    if shape is None:
        sizes = np.broadcast_shapes(trials.shape, shares.shape[:-1])
    else:
        sizes = parse_shape(shape)
    for one in (trials.shape, shares.shape[:-1]):
        check_broadcast("multinomial", one, sizes)
    k = shares.shape[-1]
    parts = astype(shares, DOUBLE).broadcast_to((*sizes, k))
    left_parts = cumulative_sum(parts[..., ::-1], axis=-1)[..., ::-1]
    left = astype(trials, DOUBLE).broadcast_to(sizes)
    out = []
    for i, own in enumerate(split(key, k)):
        rest = left_parts[..., i]
        if i == k - 1:
            out.append(left)
            break
        share = fnp.minimum(parts[..., i] / fnp.where(rest > 0, rest, 1.0), 1.0)
        drawn = rejection.binomial(one_key_array("multinomial", own), left, share)
        out.append(drawn)
        left = left - drawn
    return astype(stack(out, -1), found)


def geometric(key: Key, p: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """How many trials of probability p it takes to the first success, 1 or more: 1 + floor(log(u) / log(1 - p)).

    Args:
        key: a single key.
        p: in (0, 1]: a number or an array.
        shape: of the result; by default p's.
        dtype: an integer dtype; by default int64.

    Raises:
        ShapeError: p does not broadcast to the shape.
        OptionError: a p is not in (0, 1].

    >>> from funcgrad import random
    >>> random.geometric(random.key(0), 0.3, (5,))
    Array([3, 1, 1, 3, 2], dtype=int64)
    """
    found = _integer_dtype("geometric", dtype)
    values = known(p)
    if values is not None and not bool(np.all((values > 0) & (values <= 1))):
        raise OptionError(f"geometric: p must be above 0 and at most 1, not {p}")
    (share,) = in_double("geometric", shape, p)
    u = open_uniform("geometric", key, share.shape, DOUBLE)
    sure = share >= 1
    misses = fnp.floor(fnp.log(u) / fnp.log1p(fnp.where(sure, -0.5, -share)))
    return astype(fnp.where(sure, 1.0, 1 + fnp.minimum(misses, 2.0**62)), found)


def _integer_dtype(name: str, dtype: Any) -> Any:
    found = canonical(_INT64 if dtype is None else dtype)
    if not is_integer(found):
        raise DtypeError(f"{name}: dtype must be an integer, not {found}")
    return found
