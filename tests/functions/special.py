"""Uses of `funcgrad.scipy.special`."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from scipy import special

from . import Use

_random = np.random.default_rng(1)


def _between(low: float, high: float, *shape: int) -> Any:
    return _random.uniform(low, high, shape)


_ONE = {  # bounds of the argument
    "gamma": (0.3, 5),
    "gammaln": (0.3, 12),
    "loggamma": (0.3, 12),
    "rgamma": (0.3, 5),
    "digamma": (0.3, 12),
    "psi": (0.3, 12),
    "erf": (-2, 2),
    "erfc": (-2, 2),
    "erfcx": (-1, 4),
    "erfinv": (-0.9, 0.9),
    "erfcinv": (0.1, 1.9),
    "ndtr": (-3, 3),
    "log_ndtr": (-5, 3),
    "ndtri": (0.1, 0.9),
    "dawsn": (-3, 3),
    "i0": (-4, 4),
    "i1": (-4, 4),
    "i0e": (0.3, 12),
    "i1e": (0.3, 12),
    "exp1": (0.3, 4),
    "expi": (0.6, 4),
    "exprel": (-2, 2),
    "spence": (0.3, 4),
    "expit": (-3, 3),
    "log_expit": (-3, 3),
    "logit": (0.1, 0.9),
    "entr": (0.2, 3),
    "factorial": (0.2, 5),
}
_NOT_IN_JAX = {
    "rgamma", "psi", "erfcx", "erfcinv", "dawsn", "exprel", "log_expit", "loggamma", "exp1", "sici", "gammasgn",
}  # fmt: skip
_ABSENT = {"betaincc", "comb", "inv_boxcox", "inv_boxcox1p"}

USES = [
    Use(f"scipy.special.{name}", (_between(low, high, 2, 3),), rtol=1e-12, jax=name not in _NOT_IN_JAX)
    for name, (low, high) in _ONE.items()
]
USES += [Use(f"scipy.special.{name}", (_between(-2.8, -2.2, 3),), jax=name != "gamma") for name in ("gamma", "gammaln")]
USES += [
    Use("scipy.special.gammasgn", (np.array([0.5, -0.5, -1.5]),), order=0, why="its derivative is 0", jax=False),
    Use("scipy.special.fresnel", (_between(-3, 3, 4),)),
    Use("scipy.special.sici", (_between(0.3, 12, 4),), jax=False),
    Use("scipy.special.bernoulli", (6,), order=0, why="no array goes in", jax=False),
]

_TWO: list[tuple[str, Any, Any]] = [
    ("gammainc", _between(0.4, 9, 2, 3), _between(0.4, 9, 3)),
    ("gammaincc", _between(0.4, 9, 2, 3), _between(0.4, 9, 3)),
    ("zeta", _between(1.5, 5, 2, 3), _between(0.5, 3, 3)),
    ("beta", _between(0.4, 4, 2, 3), _between(0.4, 4, 3)),
    ("betaln", _between(0.4, 4, 2, 3), _between(0.4, 20, 3)),
    ("poch", _between(0.4, 4, 2, 3), _between(0.4, 3, 3)),
    ("comb", _between(4, 9, 2, 3), _between(1, 3, 3)),
    ("owens_t", _between(-2, 2, 2, 3), _between(-3, 3, 3)),
    ("xlogy", _between(-2, 2, 2, 3), _between(0.4, 4, 3)),
    ("xlog1py", _between(-2, 2, 2, 3), _between(-0.4, 4, 3)),
    ("rel_entr", _between(0.4, 4, 2, 3), _between(0.4, 4, 3)),
    ("kl_div", _between(0.4, 4, 2, 3), _between(0.4, 4, 3)),
    ("boxcox", _between(0.4, 4, 2, 3), _between(-2, 2, 3)),
    ("boxcox1p", _between(0.4, 4, 2, 3), _between(-2, 2, 3)),
    ("inv_boxcox", _between(0.4, 4, 2, 3), _between(0.2, 2, 3)),
    ("inv_boxcox1p", _between(0.4, 4, 2, 3), _between(0.2, 2, 3)),
]
_LESS_IN_JAX = {"zeta", "poch", "betaln"}  # no derivative in a parameter; of betaln, ten digits
USES += [
    Use(f"scipy.special.{name}", (x, y), rtol=1e-11, jax=name not in _ABSENT | _LESS_IN_JAX) for name, x, y in _TWO
]
USES += [
    Use("scipy.special.betainc", (_between(0.4, 9, 2, 3), _between(0.4, 9, 3), _between(0.2, 0.8, 1)), jax=False),
    Use("scipy.special.betaincc", (_between(0.4, 9, 3), _between(0.4, 9, 3), _between(0.2, 0.8, 3)), jax=False),
    Use("scipy.special.betainc", (2.0, 3.0, _between(0.2, 0.8, 3))),
    Use("scipy.special.gammainc", (2.5, _between(0.4, 9, 3))),
    Use("scipy.special.zeta", (_between(1.2, 5, 3),), jax=False),
    Use(
        "scipy.special.zeta",
        (np.array([-3.3, -0.7, 0.2, 0.8]),),
        oracle=lambda x: np.array([float(mpmath.zeta(v)) for v in x.ravel()]).reshape(x.shape),
        jax=False,
    ),
    Use("scipy.special.multigammaln", (_between(2, 5, 3), 3), oracle=np.vectorize(special.multigammaln)),
    Use("scipy.special.comb", (_between(4, 9, 3), _between(1, 3, 3)), {"repetition": True}, rtol=1e-11, jax=False),
]
USES += [
    Use("scipy.special.polygamma", (n, _between(0.4, 9, 3)), jax=n > 0) for n in (0, 1, 2, 5)
]  # JAX's of order 0 has a dtype of its own
USES += [
    Use("scipy.special.polygamma", (np.array([[0], [1], [3]]), _between(0.4, 9, 3)), jax=False),
    Use("scipy.special.expn", (3, _between(0.4, 4, 3))),
    Use("scipy.special.expn", (np.array([[1], [4], [9]]), _between(0.4, 4, 3)), jax=False),
]

_a, _b = _between(-2, 2, 2, 3), _between(0.3, 2, 3)
USES += [
    Use(f"scipy.special.{name}", (_a,), kwargs)
    for name in ("softmax", "log_softmax", "logsumexp")
    for kwargs in [{}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}]
]
USES += [
    Use("scipy.special.logsumexp", (_a,), kwargs)
    for kwargs in [
        {"keepdims": True},
        {"b": _b},
        {"b": _b, "axis": 1, "keepdims": True},
        {"b": -_b, "axis": 1, "return_sign": True},
    ]
]
USES += [
    Use("scipy.special.logsumexp", (_a + 1j * _a[::-1],), kwargs, jax=False)
    for kwargs in [{"axis": 1}, {"axis": 0, "b": _b}, {"return_sign": True}]
]
USES += [
    Use(
        "scipy.special.logsumexp",
        (_a,),
        {"axis": 1, "where": np.array([True, True, False])},
        oracle=lambda a, axis, where: special.logsumexp(np.where(where, a, -np.inf), axis=axis),
    )
]
