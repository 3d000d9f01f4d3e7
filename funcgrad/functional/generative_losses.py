"""Losses of generative models: of variational autoencoders, and of generators and their critics.

`reduction.py` says what `reduction` means. `fg.gradient_penalty` has the critic's penalty.
"""

from __future__ import annotations

from typing import Any, Literal

from .. import random
from ..core import Array
from ..errors import OptionError
from ..numpy.elementwise import exp, expm1
from ..ops import activations
from ..ops.create import promote_inexact, to_inexact
from ..ops.precision import widened
from .reduction import Reduction, check_reduction, pair, reduced

__all__ = ["discriminator_loss", "gaussian_kl", "generator_loss", "reparameterize"]

# ---- variational autoencoders ------------------------------------------------------------------


@widened
def gaussian_kl(mu: Any, logvar: Any, reduction: Reduction = "none", axis: int | tuple[int, ...] | None = -1) -> Array:
    """The Kullback-Leibler divergence of independent normal numbers from standard ones.

        KL(N(mu, v) | N(0, 1)) = sum of (mu^2 + v - 1 - log v) / 2,    v = exp(logvar)

    Args:
        mu: the means.
        logvar: the logarithms of the variances, of that shape.
        reduction: of the divergences: "none" for one an example, "mean", or "sum".
        axis: which axes are one example, summed over; all of them where None.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.gaussian_kl(fnp.asarray([[0.0, 0.0], [1.0, 2.0]]), fnp.zeros((2, 2)))
    Array([0. , 2.5], dtype=float32)

    Source: D. Kingma and M. Welling, Auto-encoding variational Bayes, 2013, appendix B.
    """
    check_reduction("gaussian_kl", reduction)
    m, v = pair("gaussian_kl", mu, logvar)
    terms: Any = to_inexact((m * m + (expm1(v) - v)) * 0.5)
    return reduced(terms.sum(axis), reduction)


@widened
def reparameterize(key: Any, mu: Any, logvar: Any) -> Array:
    """Normal numbers mu + exp(logvar / 2) e, with e drawn from the standard normal distribution.

    So the sample is differentiable in both.

    Args:
        key: of `funcgrad.random`.
        mu: the means.
        logvar: the logarithms of the variances, of that shape.

    >>> import funcgrad as fg, funcgrad.numpy as fnp, funcgrad.functional as F
    >>> key = fg.random.key(0)
    >>> fg.grad(lambda mu: F.reparameterize(key, mu, fnp.zeros(2)).sum())(fnp.zeros(2))
    Array([1., 1.], dtype=float32)

    Source: D. Kingma and M. Welling, Auto-encoding variational Bayes, 2013.
    """
    m, v = promote_inexact(mu, logvar)
    m, v = pair("reparameterize", to_inexact(m), to_inexact(v))
    return m + exp(v * 0.5) * random.normal(key, m.shape, m.dtype)


# ---- generators and critics --------------------------------------------------------------------

Kind = Literal["bce", "hinge", "wasserstein", "least_squares"]


def _check(name: str, kind: str, reduction: str) -> None:
    check_reduction(name, reduction)
    if kind not in ("bce", "hinge", "wasserstein", "least_squares"):
        raise OptionError(f"{name}: kind must be 'bce', 'hinge', 'wasserstein' or 'least_squares', not {kind!r}")


@widened
def discriminator_loss(real: Any, fake: Any, kind: Kind = "bce", reduction: Reduction = "mean") -> Array:
    """What a critic loses by its scores of real and of generated examples, which should be high and low.

        bce              softplus(-real) + softplus(fake)          cross-entropy of logits
        hinge            max(0, 1 - real) + max(0, 1 + fake)
        wasserstein      fake - real
        least_squares    ((real - 1)^2 + fake^2) / 2

    Args:
        real: the scores (logits) of real examples.
        fake: those of generated ones; their number may be another one unless reduction is "none".
        kind: which loss.
        reduction: of the scores of each kind: "mean", "sum", or "none" for the loss of each pair.

    Raises:
        OptionError: no such kind.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> real, fake = fnp.asarray([0.5, 2.0]), fnp.asarray([-2.0, 0.0])
    >>> [round(float(F.discriminator_loss(real, fake, kind)), 4) for kind in ("bce", "hinge", "wasserstein")]
    [0.7105, 0.75, -2.25]

    Source: I. Goodfellow and others, Generative adversarial nets, 2014; J. Lim and J. Ye, Geometric GAN, 2017;
    M. Arjovsky, S. Chintala and L. Bottou, Wasserstein GAN, 2017; X. Mao and others, Least squares generative
    adversarial networks, 2017.
    """
    _check("discriminator_loss", kind, reduction)
    r, f = promote_inexact(to_inexact(real), to_inexact(fake))
    if reduction == "none":
        r, f = pair("discriminator_loss", r, f)
    if kind == "bce":
        r, f = activations.softplus(-r), activations.softplus(f)
    elif kind == "hinge":
        r, f = activations.relu(1 - r), activations.relu(1 + f)
    elif kind == "wasserstein":
        r = -r
    else:
        r, f = (r - 1) * (r - 1) * 0.5, f * f * 0.5
    return reduced(r, reduction) + reduced(f, reduction)


@widened
def generator_loss(fake: Any, kind: Kind = "bce", reduction: Reduction = "mean") -> Array:
    """What a generator loses by the critic's scores of its examples, which should be high.

        bce              softplus(-fake)       the non-saturating loss
        hinge            -fake
        wasserstein      -fake
        least_squares    (fake - 1)^2 / 2

    Args:
        fake: the scores (logits) of generated examples.
        kind: which loss, that of `discriminator_loss`.
        reduction: "mean", "sum" or "none".

    Raises:
        OptionError: no such kind.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.generator_loss(fnp.asarray([-2.0, 0.0]))), 4)
    1.41

    Source: as for `discriminator_loss`.
    """
    _check("generator_loss", kind, reduction)
    f: Any = to_inexact(fake)
    if kind == "bce":
        return reduced(activations.softplus(-f), reduction)
    return reduced((f - 1) * (f - 1) * 0.5 if kind == "least_squares" else -f, reduction)
