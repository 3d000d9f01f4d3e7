"""Checks of derivatives for your own tests: `check_grads` holds jvp and vjp against central differences.

A derivative rule can be wrong and still look plausible: a training run just learns a little worse. `check_grads` finds
it out in one line of a test, for a function of any arguments, to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .core import Array
from .dtypes import is_complex, is_inexact
from .errors import DtypeError, OptionError
from .numpy.creation import asarray
from .transforms.grad import vjp
from .transforms.jvp import jvp

__all__ = ["check_grads", "numerical_jvp"]

_EPS, _TOLERANCE = 1e-5, 1e-6
Leaves = list[Any]


def numerical_jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], eps: float = _EPS) -> Any:
    """The derivative of f in one direction, by a central difference: (f(x + eps t) - f(x - eps t)) / (2 eps).

    Its error is about eps^2 |f'''| + 1e-16 |f| / eps, so with the default eps some nine digits are right.

    Args:
        f: a function of pytrees of arrays that computes in float64.
        primals: its arguments; floats are taken as float64, complex numbers as complex128.
        tangents: the direction, in the primals' structure; None for an integer leaf.
        eps: the length of the step.

    Returns:
        The tangent of the output, in its structure; None for an integer leaf.

    >>> from funcgrad.testing import numerical_jvp
    >>> round(float(numerical_jvp(lambda x: x**3, (2.0,), (1.0,))), 6)
    12.0
    """
    leaves, structure = tree.flatten(tuple(primals))
    directions: list[Any] = structure.flatten_up_to(tuple(tangents))  # type: ignore[arg-type]

    def moved(step: float) -> Any:
        ends = [x if t is None else _in_double(x) + step * asarray(t) for x, t in zip(leaves, directions, strict=True)]
        return f(*tree.unflatten(structure, ends))

    def slope(above: Any, below: Any) -> Any:
        above, below = asarray(above), asarray(below)
        return (above - below) / (2 * eps) if is_inexact(above.dtype) else None

    return tree.map(slope, moved(eps), moved(-eps))


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Fail unless the derivatives of f are those that central differences find.

    Along random directions t, forward mode must give J t as `numerical_jvp` does, and reverse mode must satisfy
    <ct, J t> = <ct J, t> for a random cotangent ct, with that same J t. For a higher order the check is repeated on
    (x, t) -> J t and on (x, ct) -> ct J, which are functions of arrays as well. Complex vectors are paired by
    <a, b> = Re(sum(a b)), without conjugation, as in JAX.

    Args:
        f: a function of pytrees of arrays, smooth near `args` and computing in float64.
        args: its positional arguments. Floats are taken as float64 and complex numbers as complex128, whatever their
            dtype; integers and booleans are held constant.
        order: how many derivatives to check, at least 1.
        modes: "fwd" for jvp, "rev" for vjp, or both; a higher order checks every sequence of them.
        atol, rtol: a difference may be atol + rtol times the size of what is compared; 1e-6 each by default.
        eps: the step of the differences, 1e-5 by default.

    Raises:
        AssertionError: a derivative is wrong; the message names mode, order, argument, both numbers and the error.
        DtypeError: there is nothing to differentiate.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad.testing import check_grads
    >>> check_grads(lambda p, x: fnp.tanh(x @ p["w"]), ({"w": fnp.asarray([0.5, -1.0])}, fnp.ones((3, 2))))
    >>> check_grads(fnp.sqrt, (2.5,), order=3, modes=["rev"])
    """
    wrong = [m for m in modes if m not in ("fwd", "rev")]
    if wrong or not modes or order < 1:
        raise OptionError(f"check_grads: modes are 'fwd' and 'rev', the order is at least 1; not {modes!r}, {order!r}")
    pairs, structure = tree.flatten_with_path(tuple(args))
    leaves = [_in_double(x) for _, x in pairs]
    chosen = [i for i, x in enumerate(leaves) if is_inexact(x.dtype)]
    if not chosen:
        raise DtypeError(f"check_grads: no argument has a derivative: {', '.join(str(x.aval) for x in leaves)}")

    def flat(*xs: Any) -> Leaves:
        full = list(leaves)
        for i, x in zip(chosen, xs, strict=True):
            full[i] = x
        found = [asarray(y) for y in tree.leaves(f(*tree.unflatten(structure, full)))]
        return [y for y in found if is_inexact(y.dtype)]

    names = ["argument " + _unbracketed(pairs[i][0]) for i in chosen]
    _Check(
        modes,
        _TOLERANCE if atol is None else atol,
        _TOLERANCE if rtol is None else rtol,
        _EPS if eps is None else eps,
        order,
    ).run(flat, [leaves[i] for i in chosen], names, 1, "f")


class _Check:
    """One call's settings, and its random numbers."""

    def __init__(self, modes: Sequence[str], atol: float, rtol: float, eps: float, order: int):
        self.modes, self.atol, self.rtol, self.eps, self.order = tuple(modes), atol, rtol, eps, order
        self.random = np.random.default_rng(0)

    def run(self, f: Callable[..., Leaves], xs: Leaves, names: list[str], order: int, what: str) -> None:
        """Check f's derivative, then those derivatives of it that further orders ask for."""
        outs = f(*xs)
        if not outs:
            raise DtypeError("check_grads: no output has a derivative")
        for y in outs:
            if y.dtype not in ("float64", "complex128"):
                raise DtypeError(
                    f"check_grads: an output is {y.aval}, in which differences drown: let the function compute in the "
                    "dtype of its arguments, which come as float64"
                )
        ts, cts = self.directions(xs), self.directions(outs)
        slopes = numerical_jvp(f, xs, ts, self.eps)
        if "fwd" in self.modes:
            self.forward(f, xs, ts, slopes, names, f"jvp of {what} (order {order})")
        if "rev" in self.modes:
            self.reverse(f, xs, ts, cts, slopes, names, f"vjp of {what} (order {order})")
        if order == self.order:
            return
        n = len(xs)
        if "fwd" in self.modes:
            also = [f"the tangent of {name}" for name in names]
            push: Any = lambda *both: jvp(f, both[:n], both[n:])[1]  # noqa: E731
            self.run(push, xs + ts, names + also, order + 1, f"the jvp of {what}")
        if "rev" in self.modes:
            also = [f"the cotangent of output {k}" for k in range(len(outs))]
            pull: Any = lambda *both: list(vjp(f, *both[:n])[1](list(both[n:])))  # noqa: E731
            self.run(pull, xs + cts, names + also, order + 1, f"the vjp of {what}")

    def forward(self, f: Any, xs: Leaves, ts: Leaves, slopes: Leaves, names: list[str], title: str) -> None:
        """J t against the differences."""
        fault = self.compare(jvp(f, xs, ts)[1], slopes)
        if fault is None:
            return
        for i, name in enumerate(names):  # the argument whose direction alone goes wrong
            alone = _alone(ts, i)
            found = self.compare(jvp(f, xs, alone)[1], numerical_jvp(f, xs, alone, self.eps))
            if found is not None:
                raise AssertionError(f"check_grads: the {title} is wrong in {name} ({xs[i].aval}): {found}")
        raise AssertionError(f"check_grads: the {title} is wrong along all arguments together: {fault}")

    def reverse(
        self, f: Any, xs: Leaves, ts: Leaves, cts: Leaves, slopes: Leaves, names: list[str], title: str
    ) -> None:
        """<ct J, t> against <ct, J t> by the differences."""
        pulled = list(vjp(f, *xs)[1](cts))
        for x, g, name in zip(xs, pulled, names, strict=True):
            if g.aval != x.aval:
                raise AssertionError(f"check_grads: the {title} answers for {name} ({x.aval}) with {g.aval}")
        fault = self.compare_pairing(pulled, ts, cts, slopes)
        if fault is None:
            return
        for i, name in enumerate(names):
            alone = _alone(ts, i)
            found = self.compare_pairing(pulled, alone, cts, numerical_jvp(f, xs, alone, self.eps))
            if found is not None:
                raise AssertionError(f"check_grads: the {title} is wrong in {name} ({xs[i].aval}): {found}")
        raise AssertionError(f"check_grads: the {title} is wrong along all arguments together: {fault}")

    def compare(self, computed: Leaves, slopes: Leaves) -> str | None:
        """The worst element that differs by more than is allowed, in words."""
        for k, (y, expected) in enumerate(zip(computed, slopes, strict=True)):
            if y.aval != expected.aval:
                return f"output {k} is {expected.aval}, its tangent {y.aval}"
            a, b = np.asarray(y), np.asarray(expected)
            error, allowed = np.abs(a - b), self.atol + self.rtol * np.abs(b)
            bad = ~(error <= allowed)  # NaN is bad, too
            if bad.any():
                worst = np.unravel_index(
                    np.argmax(np.where(bad, np.nan_to_num(error / allowed, nan=np.inf), 0)), a.shape
                )
                place = f"output {k}" + (f"[{', '.join(map(str, worst))}]" if worst else "")
                return f"{place}: {_difference(a[worst], b[worst], error[worst], allowed[worst])}"
        return None

    def compare_pairing(self, pulled: Leaves, ts: Leaves, cts: Leaves, slopes: Leaves) -> str | None:
        """The two sides of <ct J, t> = <ct, J t> where they differ by more than is allowed, in words."""
        left, size = _pairing(pulled, ts)
        right, other = _pairing(cts, slopes)
        error, allowed = abs(left - right), self.atol + self.rtol * max(size, other)
        return None if error <= allowed else f"<ct J, t> and <ct, J t>: {_difference(left, right, error, allowed)}"

    def directions(self, like: Leaves) -> Leaves:
        """A random vector for each array."""
        found = []
        for x in like:
            t = self.random.standard_normal(x.shape)
            found.append(asarray(t + 1j * self.random.standard_normal(x.shape) if is_complex(x.dtype) else t))
        return found


def _in_double(x: Any) -> Array:
    """A leaf as an array, in float64 or complex128 if it has a derivative."""
    if isinstance(x, float | complex):
        return asarray(np.asarray(x))
    found = asarray(np.asarray(x)) if isinstance(x, list) else asarray(x)
    return found.astype("complex128" if is_complex(found.dtype) else "float64") if is_inexact(found.dtype) else found


def _alone(ts: Leaves, i: int) -> Leaves:
    """The direction in one argument, the others standing still."""
    return [t if k == i else t * 0 for k, t in enumerate(ts)]


def _pairing(xs: Leaves, ys: Leaves) -> tuple[float, float]:
    """Re(sum(x y)), and the size of what was summed."""
    products = [np.asarray(x) * np.asarray(y) for x, y in zip(xs, ys, strict=True)]
    return float(sum(p.real.sum() for p in products)), float(sum(np.abs(p).sum() for p in products))


def _difference(computed: Any, expected: Any, error: Any, allowed: Any) -> str:
    return f"computed {computed:.10g}, by differences {expected:.10g}, error {error:.3g} where {allowed:.3g} is allowed"


def _unbracketed(path: str) -> str:
    """A path such as "[0]['w']" as "0['w']"."""
    index, _, rest = path[1:].partition("]")
    return index + rest
