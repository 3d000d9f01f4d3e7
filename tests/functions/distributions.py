"""Uses of `funcgrad.scipy.stats`."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Use

_random = np.random.default_rng(5)


def _between(low: float, high: float, *shape: int) -> Any:
    return _random.uniform(low, high, shape)


_LOG = ("logpdf", "pdf")
_BELOW = ("cdf", "sf", "logcdf", "logsf")
_INVERSE = ("ppf", "isf")
_ALL = (*_LOG, *_BELOW, *_INVERSE)
_a, _b = _between(0.6, 3, 3), _between(0.6, 3, 3)
_CONTINUOUS: dict[str, tuple[tuple[str, ...], tuple[float, float], tuple[Any, ...]]] = {
    # methods, bounds of the standard variable, parameters
    "norm": (_ALL, (-3, 3), ()),
    "expon": (_ALL, (0.2, 3), ()),
    "uniform": (_ALL, (0.2, 0.8), ()),
    "gamma": ((*_LOG, *_BELOW), (0.3, 5), (_a,)),
    "chi2": ((*_LOG, *_BELOW), (0.3, 5), (_a + 1,)),
    "beta": ((*_LOG, *_BELOW), (0.2, 0.8), (_a, _b)),
    "cauchy": (_ALL, (-3, 3), ()),
    "laplace": (_ALL, (-3, 3), ()),
    "logistic": (_ALL, (-3, 3), ()),
    "t": (_LOG, (-3, 3), (_a + 2,)),
    "gennorm": ((*_LOG, "cdf"), (0.4, 2), (_a,)),
    "pareto": (_ALL, (1.3, 4), (_a,)),
    "gumbel_r": (_ALL, (-1.5, 3), ()),
    "gumbel_l": (_ALL, (-3, 1.5), ()),
    "vonmises": (_LOG, (-3, 3), (_a,)),
    "wrapcauchy": (_LOG, (0.4, 5), (_a / 4,)),
    "truncnorm": ((*_LOG, *_BELOW), (-0.4, 0.8), (-_a, _b + 0.3)),
}
_FEWER_IN_JAX = {
    "chi2", "gennorm", "gumbel_l", "gumbel_r", "pareto", "truncnorm", "wrapcauchy", "beta", "gamma", "laplace",
    "logistic", "expon", "uniform", "t", "vonmises",
}  # fmt: skip
_JAX_METHODS = {"logpdf", "pdf"}
_PLACED_IN_JAX = set(_CONTINUOUS) - {"gennorm", "gumbel_l", "gumbel_r", "vonmises", "wrapcauchy"}
_loc, _scale = np.array(0.3), np.array([[1.4], [0.8]])

USES: list[Use] = []
for _name, (_methods, (_low, _high), _shapes) in _CONTINUOUS.items():
    _x = _between(_low, _high, 2, 3)
    for _method in _methods:
        _argument = _between(0.1, 0.9, 2, 3) if _method in _INVERSE else _x
        _same = _method in _JAX_METHODS or _name not in _FEWER_IN_JAX
        USES.append(Use(f"scipy.stats.{_name}.{_method}", (_argument, *_shapes), rtol=1e-11, jax=_same))
    USES.append(
        Use(f"scipy.stats.{_name}.logpdf", (_x[:, :2] * _scale + _loc, *[s[:2] for s in _shapes], _loc, _scale),
            rtol=1e-11, jax=_name in _PLACED_IN_JAX)
    )  # fmt: skip
    if "cdf" in _methods:
        _placed = _x[:, :2] * _scale + _loc
        _given = {"loc": _loc, "scale": _scale}
        USES.append(
            Use(f"scipy.stats.{_name}.cdf", (_placed, *[s[:2] for s in _shapes]), _given, rtol=1e-11, jax=False)
        )

_k, _n = np.array([[0, 2, 3], [1, 4, 5]]), np.array([5, 6, 7])
_p = _between(0.2, 0.8, 3)
_DISCRETE: dict[str, tuple[Any, ...]] = {
    "bernoulli": (_k % 2, _p),
    "binom": (_k, _n, _p),
    "geom": (_k + 1, _p),
    "nbinom": (_k, _a, _p),
    "poisson": (_k, _a),
}
USES += [
    Use(f"scipy.stats.{name}.{method}", args, rtol=1e-11, jax=False)
    for name, args in _DISCRETE.items()
    for method in ("logpmf", "pmf", "cdf", "sf", "logcdf", "logsf")
    if name != "bernoulli" or not method.startswith("log") or method == "logpmf"
]
USES += [
    Use("scipy.stats.bernoulli.ppf", (_between(0.1, 0.9, 3), _p), order=0, why="a step", jax=False),
    Use("scipy.stats.poisson.logpmf", (_k + 2, _a, 2), rtol=1e-11, jax=False),
    Use("scipy.stats.betabinom.logpmf", (_k, _n, _a, _b), rtol=1e-11, jax=False),
    Use("scipy.stats.betabinom.pmf", (_k, _n, _a, _b), rtol=1e-11, jax=False),
    Use("scipy.stats.dirichlet.logpdf", (np.array([0.2, 0.5]), _a), rtol=1e-11, jax=False),
    Use("scipy.stats.dirichlet.pdf", (np.array([[0.2, 0.3], [0.5, 0.1]]), _a), rtol=1e-11, jax=False, vmap=False,
        why="examples near others have shares that do not sum to 1"),
    Use("scipy.stats.multinomial.logpmf", (np.array([1, 0, 2]), 3, np.array([0.2, 0.3, 0.5])), order=0, jax=False,
        why="probabilities sum to 1, and differences leave that", rtol=1e-11),
    Use("scipy.stats.multinomial.pmf", (np.array([1, 0, 2]), 3, np.array([0.2, 0.3, 0.5])), order=0, jax=False,
        why="probabilities sum to 1, and differences leave that", rtol=1e-11),
]  # fmt: skip

_m = _between(-1, 1, 3)
_square = _between(-1, 1, 3, 3)
_cov = _square @ _square.T + np.eye(3)
_y = _between(-1, 1, 2, 3)


def _normal(method: str) -> Any:
    """SciPy's, which checks covariances for symmetry that examples near others have not, by NumPy's own functions."""

    def oracle(x: Any, mean: Any, cov: Any) -> Any:
        gaps = x - mean
        exponent = -0.5 * np.einsum("...i,...ij,...j->...", gaps, np.linalg.inv(cov), gaps)
        out = exponent - 0.5 * (np.linalg.slogdet(cov)[1] + gaps.shape[-1] * np.log(2 * np.pi))
        return out if method == "logpdf" else np.exp(out)

    return oracle


USES += [
    Use(f"scipy.stats.multivariate_normal.{method}", (_y, _m, _cov), oracle=_normal(method), rtol=1e-11, order=0,
        why="a covariance is symmetric, and differences leave that")
    for method in ("logpdf", "pdf")
]  # fmt: skip
USES += [
    Use("scipy.stats.multivariate_normal.logpdf", (_y, _m), {"cov": 1.5}, rtol=1e-11, jax=False),
    Use("scipy.stats.multivariate_normal.logpdf", (_y, _m, _a), rtol=1e-11, jax=False),
    Use("scipy.stats.multivariate_normal.logpdf", (_y, _m), rtol=1e-11, jax=False),
    Use("scipy.stats.multivariate_normal.logpdf", (_m,), rtol=1e-11, jax=False),
]
_counts = np.array([[3, 1, 2, 1], [2, 2, 3, 1]])
USES += [Use("scipy.stats.sem", (_y, *more), {}, rtol=1e-11) for more in [(), (1,), (None, 0)]]
USES += [
    Use("scipy.stats.rankdata", (_counts,), kwargs, order=0, why="ranks are steps", jax=False)
    for method in ("average", "min", "max", "dense", "ordinal")
    for kwargs in [{"method": method}, {"method": method, "axis": 1}]
]
USES += [
    Use("scipy.stats.mode", (_counts,), kwargs, order=0, why="integers have no derivatives", jax=False)
    for kwargs in [{}, {"axis": 1}, {"axis": None}, {"axis": 1, "keepdims": True}]
]
