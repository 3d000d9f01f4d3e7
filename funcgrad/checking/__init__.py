"""`fg.check(f)(*args)`: everything that is commonly wrong with a function's derivatives, looked for in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, current_trace, use_trace
from ..dtypes import is_inexact
from ..errors import CheckError, FuncgradError
from ..numpy.creation import asarray
from ..numpy.manipulation import stack
from ..placement import device_get
from ..provenance import Origin, describe
from ..transforms.arguments import as_arrays
from ..transforms.grad import vjp
from ..transforms.jvp import jvp
from ..transforms.vmap import vmap
from .watch import WatchTrace, WatchTracer

__all__ = ["Finding", "Report", "check"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that may be.

    Args:
        kind: "derivative", "dot test", "vmap", "dead argument", "zero gradient", "key reuse", "dtype drift",
            "no derivative" or "not finite".
        message: what was seen, and what to write instead.
        line: where in the user's program; empty where it is no one line.
    """

    kind: str
    message: str
    line: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" + (f"\n  at {self.line}" if self.line else "")


class Report:
    """What `check` found."""

    def __init__(self, name: str, findings: Sequence[Finding]):
        self.name, self.findings = name, list(findings)

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.findings

    def kinds(self) -> list[str]:
        """The kinds of the findings, in their order."""
        return [finding.kind for finding in self.findings]

    def raise_if_any(self) -> None:
        """Raise CheckError with the whole report unless it is empty: for tests."""
        if self.findings:
            raise CheckError(str(self))

    def __str__(self) -> str:
        if not self.findings:
            return f"check of {self.name}: nothing found"
        count = len(self.findings)
        head = f"check of {self.name}: {count} finding{'s' if count > 1 else ''}"
        return "\n".join([head, *map(str, self.findings)])

    __repr__ = __str__


def check(f: Callable[..., Any], *, seed: int = 0) -> Callable[..., Report]:
    """A function that runs f on its arguments and reports what is wrong with its derivatives there.

    It compares reverse and forward mode with finite differences and with each other, and vmap with a loop; it names
    arguments whose gradient is zero by construction and the line that ended it, random keys that are used twice,
    floats that change their width, points where an operation has no derivative, and where a value stopped being
    finite.

    Args:
        f: a function of pytrees of arrays.
        seed: of the directions in which derivatives are compared.

    Returns:
        A function of f's arguments that returns a `Report`; print it, or call its `raise_if_any()` in a test.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> print(fg.check(lambda x: fnp.sin(x) * x)(0.5))
    check of <lambda>: nothing found
    >>> fg.check(lambda x: abs(x))(0.0).kinds()
    ['no derivative']
    """
    name = getattr(f, "__name__", type(f).__name__)

    def run(*args: Any, **kwargs: Any) -> Report:
        case = _Case(f, args, kwargs, np.random.default_rng(seed))
        findings = case.watch()
        with np.errstate(all="ignore"):  # what is not finite has been found, with its line
            if not any(finding.kind in ("not finite", "no derivative") for finding in findings):
                findings += case.compare()
            findings += case.batch()
        return Report(name, findings)

    return run


class _Case:
    """One function at one point."""

    def __init__(self, f: Callable[..., Any], args: Any, kwargs: Any, rng: np.random.Generator):
        self.leaves, self.structure = tree.flatten((args, kwargs))
        self.arrays: list[Any] = as_arrays(self.leaves, "check")
        self.paths = [_argument(path) for path, _ in tree.flatten_with_path((args, kwargs))[0]]
        self.smooth = [i for i, x in enumerate(self.arrays) if is_inexact(x.dtype)]
        self.f, self.rng = f, rng
        self.dead: set[int] = set()

    def of_smooth(self, *given: Any) -> list[Any]:
        """f's floating results as a function of its floating arguments."""
        whole = list(self.arrays)
        for i, x in zip(self.smooth, given, strict=True):
            whole[i] = x
        args, kwargs = tree.unflatten(self.structure, whole)
        outs = [asarray(y) for y in tree.leaves(self.f(*args, **kwargs))]
        return [y for y in outs if is_inexact(y.dtype)]

    def watch(self) -> list[Finding]:
        """What one run shows."""
        trace = WatchTrace(current_trace())
        inputs: list[Any] = [WatchTracer(trace, self.arrays[i], frozenset([i])) for i in self.smooth]
        with use_trace(trace):
            outs = self.of_smooth(*inputs)
        alive = frozenset().union(*[y.sources for y in outs if isinstance(y, WatchTracer)])
        self.dead = {i for i in self.smooth if i not in alive}
        found = [Finding("not finite", what, describe(origin)) for what, origin in trace.wrong]
        for i in self.smooth:
            if i not in alive:
                found.append(self._dead(i, trace.drops.get(i, [])))
        for what, first, second in trace.reused:
            advice = f"one random key was used twice, by {what}; split it first. Its first use was at {describe(first)}"
            found.append(Finding("key reuse", advice, describe(second)))
        for what, origin in _once(trace.drifts):
            found.append(
                Finding(
                    "dtype drift", f"{what}; write the dtype you mean where the other one comes in", describe(origin)
                )
            )
        for words, count, origin in trace.edges:
            many = f" at {count} elements" if count > 1 else ""
            found.append(
                Finding(
                    "no derivative",
                    f"{words}, and is there{many}: move the point, or use where_apply",
                    describe(origin),
                )
            )
        return found

    def _dead(self, i: int, drops: list[tuple[str, Origin]]) -> Finding:
        if not drops:
            return Finding("dead argument", f"{self.paths[i]} is never used, so its gradient is zero")
        what, origin = drops[-1]
        return Finding("dead argument", f"the gradient of {self.paths[i]} is zero: {what} ended it", describe(origin))

    def compare(self) -> list[Finding]:
        """Differences, forward mode and reverse mode against each other."""
        found: list[Finding] = []
        points = [
            asarray(x, np.result_type(x.dtype, np.float64)) for x in (device_get(self.arrays[i]) for i in self.smooth)
        ]
        # along a dead argument the function moves and the derivative does not: that has been said
        directions = [self._normal(x) * (i not in self.dead) for i, x in zip(self.smooth, points, strict=True)]
        outs, tangents = jvp(lambda *xs: self.of_smooth(*xs), points, directions)
        if not outs:
            return []
        _, pull = vjp(lambda *xs: self.of_smooth(*xs), *points)
        weights = [self._normal(y) for y in outs]
        pulled = pull(weights)
        forward = sum(_dot(w, t) for w, t in zip(weights, tangents, strict=True))
        reverse = sum(_dot(ct, d) for ct, d in zip(pulled, directions, strict=True))
        narrow = any(y.dtype.itemsize < 8 for y in outs)
        step = 1e-3 if narrow else 1e-6

        def along(h: float) -> float:
            moved = self.of_smooth(*[x + h * d for x, d in zip(points, directions, strict=True)])
            return sum(_dot(w, y) for w, y in zip(weights, moved, strict=True))

        differences = (along(step) - along(-step)) / (2 * step)
        scale = max(abs(forward), abs(reverse), abs(differences), 1e-8)
        if abs(forward - reverse) > (1e-3 if narrow else 1e-8) * scale:
            found.append(
                Finding(
                    "dot test",
                    f"forward mode says {forward:.8g} along one direction and reverse mode {reverse:.8g}: a custom "
                    "rule is wrong, or f is not the same on each call",
                )
            )
        for mode, value in (("reverse", reverse), ("forward", forward)):
            if abs(value - differences) > (2e-2 if narrow else 1e-4) * scale:
                message = f"{mode} mode says {value:.8g} along one direction and finite differences {differences:.8g}"
                found.append(Finding("derivative", message))
        for i, ct in zip(self.smooth, pulled, strict=True):
            if i not in self.dead and ct.size and not np.any(device_get(ct)):
                found.append(
                    Finding("zero gradient", f"the gradient of {self.paths[i]} is zero everywhere at this point")
                )
        return found

    def batch(self) -> list[Finding]:
        """vmap against a loop over three copies, two of them moved a little."""
        if not self.smooth:
            return []
        copies = [[x * (1 + 0.01 * k) for x in (self.arrays[i] for i in self.smooth)] for k in range(3)]
        loop = [self.of_smooth(*copy) for copy in copies]
        try:
            found = vmap(lambda *xs: self.of_smooth(*xs))(
                *[stack(list(column)) for column in zip(*copies, strict=True)]
            )
        except FuncgradError as error:
            return [Finding("vmap", f"vmap fails where a loop does not: {error.message}", describe(error.origin))]
        for k, batched in enumerate(found):
            column = np.stack([device_get(outs[k]) for outs in loop])
            rtol = 1e-3 if batched.dtype.itemsize < 8 else 1e-8
            if not np.allclose(device_get(batched), column, rtol=rtol, atol=rtol, equal_nan=True):
                worst = float(np.nanmax(np.abs(device_get(batched) - column)))
                return [Finding("vmap", f"vmap and a loop over its examples differ by {worst:.3g}")]
        return []

    def _normal(self, like: Array) -> Any:
        values = self.rng.normal(size=like.shape)
        if like.dtype.kind == "c":
            values = values + 1j * self.rng.normal(size=like.shape)
        return asarray(np.asarray(values, like.dtype))


def _dot(a: Any, b: Any) -> float:
    """The pairing of a cotangent and a tangent."""
    return float(np.real(np.sum(device_get(a).astype(np.complex128) * device_get(b))))


def _once(found: Sequence[tuple[str, Origin]]) -> list[tuple[str, Origin]]:
    """Each message of each place once."""
    return list(dict.fromkeys(found))


def _argument(path: str) -> str:
    """'[0][1]['w']' as "argument 1['w']", and '[1]['x']' as "argument 'x'"."""
    place, _, rest = path[4:].partition("]")
    return f"argument {place}{rest}"
