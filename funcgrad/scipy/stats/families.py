"""What continuous and discrete distributions have in common: SciPy's methods, made of formulas for standard variables.

A continuous distribution is given for z = (x - loc) / scale, a discrete one for whole k = x - loc. Outside of the
support the formulas are not asked: there they get a number inside, so that no derivative is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...core import Array
from ...errors import OptionError
from ...numpy.elementwise import where
from ...ops.create import promote_all, to_inexact
from ...ops.elementwise import exp, floor, isnan, log, log1p

Formula = Callable[..., Any]


def positive(*shapes: Any) -> Any:
    """Are all of them positive?"""
    found: Any = None
    for s in shapes:
        found = (s > 0) if found is None else found & (s > 0)
    return found


class Distribution:
    """A family of distributions.

    Args:
        name: SciPy's.
        shapes: the names of its parameters besides loc and scale.
        support: (*shapes) -> the least and the largest value; constants or arrays.
        valid: (*shapes) -> where the parameters are such that there is a distribution; else results are NaN.
        **formulas: what is known, by the names of methods.
    """

    trailing: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        shapes: Sequence[str] = (),
        *,
        support: Callable[..., tuple[Any, Any]],
        valid: Callable[..., Any] = positive,
        **formulas: Formula,
    ):
        self.name, self.shapes, self.support, self.valid, self.formulas = name, tuple(shapes), support, valid, formulas

    def __repr__(self) -> str:
        return f"<the distributions {self.name}({', '.join((*self.shapes, *self.trailing))})>"

    def _arguments(self, method: str, x: Any, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """x, the shapes and the rest in the dtype where they meet."""
        names = (*self.shapes, *self.trailing)
        if len(args) > len(names):
            raise OptionError(f"{self.name}.{method}: takes x and {', '.join(names)}, not {len(args)} parameters")
        given = dict(zip(names, args, strict=False))
        for key, value in named.items():
            if key not in names or key in given:
                raise OptionError(f"{self.name}.{method}: {key!r} is no parameter of it, or is given twice")
            given[key] = value
        if missing := [n for n in self.shapes if n not in given]:
            raise OptionError(f"{self.name}.{method}: its parameters {', '.join(missing)} are missing")
        given = {"loc": 0, "scale": 1} | given
        return [to_inexact(v) for v in promote_all([x, *[given[n] for n in names]])]

    def _formula(self, method: str) -> Formula:
        if method not in self.formulas:
            known = ", ".join(sorted(self.formulas))
            raise OptionError(f"{self.name}.{method} has no formula here; there are those of {known}")
        return self.formulas[method]

    def _checked(self, out: Any, x: Any, shapes: Sequence[Any], *conditions: Any) -> Any:
        """The result, and NaN where parameters make no distribution or x is NaN."""
        wrong: Any = isnan(x)
        right = self.valid(*shapes)
        for condition in (right, *conditions):
            wrong = wrong if condition is None else wrong | ~condition
        return where(wrong, math.nan, out)


class Continuous(Distribution):
    """A family with densities; each method takes (x, *shapes, loc=0, scale=1)."""

    trailing = ("loc", "scale")

    def _standard(self, method: str, x: Any, args: Any, named: Any) -> tuple[Any, list[Any], Any, Any]:
        x, *shapes, loc, scale = self._arguments(method, x, args, named)
        return x, shapes, loc, scale

    def _inner(self, z: Any, shapes: Sequence[Any], closed: bool) -> tuple[Any, Any, Any, Any]:
        """z where it is inside of the support and a number in there elsewhere; and where it is in, below and above."""
        low, high = self.support(*shapes)
        below, above = (z < low, z > high) if closed else (z <= low, z >= high)
        inside = ~(below | above | isnan(z))
        bounded_below, bounded_above = not _is(low, -math.inf), not _is(high, math.inf)
        if bounded_below and bounded_above:
            middle: Any = (low + high) / 2
        elif bounded_below:
            middle = low + 1
        else:
            middle = high - 1 if bounded_above else 0
        return where(inside, z, middle), inside, below, above

    def logpdf(self, x: Any, *args: Any, **named: Any) -> Array:
        """The logarithm of the density, -inf outside of the support."""
        x, shapes, loc, scale = self._standard("logpdf", x, args, named)
        z, inside, _, _ = self._inner((x - loc) / scale, shapes, closed=True)
        out = where(inside, self._formula("logpdf")(z, *shapes) - log(where(scale > 0, scale, 1)), -math.inf)
        return self._checked(out, x, shapes, scale > 0)

    def pdf(self, x: Any, *args: Any, **named: Any) -> Array:
        """The density, 0 outside of the support."""
        return exp(self.logpdf(x, *args, **named))

    def _distribution(self, method: str, x: Any, args: Any, named: Any, at_low: float, at_high: float) -> Any:
        x, shapes, loc, scale = self._standard(method, x, args, named)
        z, _, below, above = self._inner((x - loc) / scale, shapes, closed=False)
        out = where(below, at_low, where(above, at_high, self._formula(method)(z, *shapes)))
        return self._checked(out, x, shapes, scale > 0)

    def cdf(self, x: Any, *args: Any, **named: Any) -> Array:
        """The probability of a value up to x."""
        return self._distribution("cdf", x, args, named, 0, 1)

    def sf(self, x: Any, *args: Any, **named: Any) -> Array:
        """The probability of a value above x, exact where it is small, if there is a formula; else 1 - cdf."""
        if "sf" in self.formulas:
            return self._distribution("sf", x, args, named, 1, 0)
        return 1 - self.cdf(x, *args, **named)  # type: ignore[operator]

    def logcdf(self, x: Any, *args: Any, **named: Any) -> Array:
        """The logarithm of `cdf`."""
        if "logcdf" in self.formulas:
            return self._distribution("logcdf", x, args, named, -math.inf, 0)
        return _log(self.cdf(x, *args, **named))

    def logsf(self, x: Any, *args: Any, **named: Any) -> Array:
        """The logarithm of `sf`."""
        if "logsf" in self.formulas:
            return self._distribution("logsf", x, args, named, 0, -math.inf)
        return _log(self.sf(x, *args, **named))

    def _quantile(self, method: str, q: Any, args: Any, named: Any) -> Any:
        q, shapes, loc, scale = self._standard(method, q, args, named)
        inside = (q > 0) & (q < 1)
        low, high = self.support(*shapes)
        first, last = (low, high) if method == "ppf" else (high, low)
        z = self._formula(method)(where(inside, q, 0.5), *shapes)
        z = where(q == 0, first, where(q == 1, last, where(inside, z, math.nan)))
        return self._checked(loc + scale * z, q, shapes, scale > 0)

    def ppf(self, q: Any, *args: Any, **named: Any) -> Array:
        """The inverse of `cdf`: what a share of q is below."""
        return self._quantile("ppf", q, args, named)

    def isf(self, q: Any, *args: Any, **named: Any) -> Array:
        """The inverse of `sf`: what a share of q is above."""
        if "isf" in self.formulas or "ppf" not in self.formulas:
            return self._quantile("isf", q, args, named)
        return self._quantile("ppf", 1 - to_inexact(q), args, named)  # type: ignore[operator]


class Discrete(Distribution):
    """A family on whole numbers; each method takes (k, *shapes, loc=0)."""

    trailing = ("loc",)

    def logpmf(self, k: Any, *args: Any, **named: Any) -> Array:
        """The logarithm of the probability of k, -inf where that is 0."""
        k, *shapes, loc = self._arguments("logpmf", k, args, named)
        n = k - loc
        low, high = self.support(*shapes)
        inside = (n >= low) & (n <= high) & (floor(n) == n)
        out = where(inside, self._formula("logpmf")(where(inside, n, low), *shapes), -math.inf)
        return self._checked(out, k, shapes)

    def pmf(self, k: Any, *args: Any, **named: Any) -> Array:
        """The probability of k."""
        return exp(self.logpmf(k, *args, **named))

    def _distribution(self, method: str, k: Any, args: Any, named: Any, at_low: float, at_high: float) -> Any:
        k, *shapes, loc = self._arguments(method, k, args, named)
        n = floor(k - loc)
        low, high = self.support(*shapes)
        below, above = n < low, n >= high
        found = self._formula(method)(where(below | above | isnan(n), low, n), *shapes)
        return self._checked(where(below, at_low, where(above, at_high, found)), k, shapes)

    def cdf(self, k: Any, *args: Any, **named: Any) -> Array:
        """The probability of a number up to k."""
        return self._distribution("cdf", k, args, named, 0, 1)

    def sf(self, k: Any, *args: Any, **named: Any) -> Array:
        """The probability of a number above k."""
        if "sf" in self.formulas:
            return self._distribution("sf", k, args, named, 1, 0)
        return 1 - self.cdf(k, *args, **named)  # type: ignore[operator]

    def logcdf(self, k: Any, *args: Any, **named: Any) -> Array:
        """The logarithm of `cdf`."""
        return _log(self.cdf(k, *args, **named))

    def logsf(self, k: Any, *args: Any, **named: Any) -> Array:
        """The logarithm of `sf`."""
        return _log(self.sf(k, *args, **named))


def _is(bound: Any, value: float) -> bool:
    """Is it that constant?"""
    return isinstance(bound, int | float) and bound == value


def _log(probability: Any) -> Any:
    """log, and -inf of 0 without NumPy's warning."""
    none: Any = probability == 0
    return where(none, -math.inf, log(where(none, 1, probability)))


def log_less(a: Any) -> Any:
    """log(1 - exp(a)) for a < 0."""
    return log1p(-exp(a))
