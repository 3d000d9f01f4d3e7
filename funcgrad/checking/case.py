"""One function at one point, looked at in each of the ways that `check` has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..config import debug_infs, debug_nans, default_dtype
from ..core import Array, current_trace, use_trace
from ..dtypes import is_complex, is_inexact
from ..errors import DtypeError, FuncgradError, NanError
from ..numpy.creation import asarray
from ..numpy.manipulation import stack
from ..placement import device_get
from ..provenance import Origin, describe, is_foreign
from ..transforms.grad import vjp
from ..transforms.jvp import jvp
from ..transforms.vmap import vmap
from .report import Finding
from .watch import COMPARISONS, WatchTrace, WatchTracer

__all__ = ["Case"]


class Case:
    """One function at one point."""

    def __init__(self, f: Callable[..., Any], args: Any, kwargs: Any, rng: np.random.Generator):
        self.leaves, self.structure = tree.flatten((args, kwargs))
        # what is neither array nor float stays what it is, as it does beside the arguments of grad
        self.arrays: list[Any] = [
            asarray(x) if hasattr(x, "__array__") or type(x) in (float, complex) else x for x in self.leaves
        ]
        self.paths = [_argument(path) for path, _ in tree.flatten_with_path((args, kwargs))[0]]
        self.smooth = [i for i, x in enumerate(self.arrays) if isinstance(x, Array) and is_inexact(x.dtype)]
        self.f, self.rng = f, rng
        self.dead: set[int] = set()
        self.ties: list[str] = []  # lines that compare equal values
        self.rules: list[tuple[str, str]] = []  # calls of custom rules, by name and line
        self.drops: list[tuple[str, str]] = []  # what ended a derivative, and its line

    def findings(self) -> Iterator[Finding]:
        """All that is found, in the order of looking; what makes the later ones meaningless ends it."""
        found = self.watch()
        yield from found
        if any(finding.kind == "derivative" for finding in found):
            return
        with np.errstate(all="ignore"):  # what is not finite has been found, with its line
            if not any(finding.kind in ("not finite", "no derivative") for finding in found):
                found = self.compare()
                yield from found
            if not any(finding.kind == "impure" for finding in found):
                yield from self.batch()

    def of_smooth(self, *given: Any) -> list[Any]:
        """f's floating results as a function of its floating arguments."""
        whole = list(self.arrays)
        for i, x in zip(self.smooth, given, strict=True):
            whole[i] = x
        args, kwargs = tree.unflatten(self.structure, whole)
        outs = [asarray(y) for y in tree.leaves(self.f(*args, **kwargs))]
        return [y for y in outs if is_inexact(y.dtype)]

    def watched(self, points: Sequence[Any]) -> tuple[WatchTrace, list[Any]]:
        """One run that notes what it does, and f's results."""
        trace = WatchTrace(current_trace())
        inputs: list[Any] = [WatchTracer(trace, x, frozenset([i])) for i, x in zip(self.smooth, points, strict=True)]
        with use_trace(trace):
            return trace, self.of_smooth(*inputs)

    def watch(self) -> list[Finding]:
        """What one run shows."""
        try:
            trace, outs = self.watched([self.arrays[i] for i in self.smooth])
        except Exception as error:
            self.of_smooth(*[self.arrays[i] for i in self.smooth])  # what f does anyway is no finding
            return [_failure("derivative", "it fails under a transform, where alone it does not", error)]
        alive = frozenset().union(*[y.sources for y in outs if isinstance(y, WatchTracer)])
        self.dead = {i for i in self.smooth if i not in alive}
        self.ties = [describe(origin) for origin in dict.fromkeys(trace.ties)]
        self.rules = [(name, describe(origin)) for name, origin in dict.fromkeys(trace.rules)]
        drops = [drop for i in self.smooth for drop in trace.drops.get(i, []) if drop[0] not in COMPARISONS]
        self.drops = [(what, describe(origin)) for what, origin in dict.fromkeys(drops)]
        found = [Finding("not finite", what, describe(origin)) for what, origin in trace.wrong]
        for i in self.smooth:
            if i not in alive:
                found.append(self._dead(i, trace.drops.get(i, [])))
        for what, first, second in trace.reused:
            found.append(Finding("key reuse", f"{what}. The other use was at {describe(first)}", describe(second)))
        for what, origin in trace.drifts:
            advice = f"{what}; write the dtype you mean where the other one comes in"
            found.append(Finding("dtype drift", advice, describe(origin)))
        for words, count, origin in trace.edges:
            here = f"{words}; here at {count} element{'s' if count > 1 else ''}"
            found.append(Finding("no derivative", f"{here}: move the point, or use where_apply", describe(origin)))
        return found

    def _dead(self, i: int, drops: list[tuple[str, Origin]]) -> Finding:
        if not drops:
            return Finding("dead argument", f"{self.paths[i]} is never used, so its gradient is zero")
        what, origin = drops[-1]
        return Finding("dead argument", f"the gradient of {self.paths[i]} is zero: {what} ended it", describe(origin))

    def compare(self) -> list[Finding]:
        """Differences, forward mode and reverse mode against each other."""
        given = [self.arrays[i] for i in self.smooth]
        wide = [asarray(x, np.result_type(x.dtype, np.float64)) for x in map(device_get, given)]
        try:  # in float64, what f creates as well
            with default_dtype("float64"):
                return self._compare(wide, *self.watched(wide))
        except DtypeError:  # where f insists on another, as a loop does whose first value is a float32 array
            return self._compare(given, *self.watched(given))

    def _compare(self, points: list[Any], trace: WatchTrace, outs: list[Any]) -> list[Finding]:
        """The same at these points, where f ran under that trace and returned that."""
        if not outs:
            return []
        values, again = [device_get(y.concrete()) for y in outs], self.of_smooth(*points)
        if not all(np.array_equal(y, device_get(z), equal_nan=True) for y, z in zip(values, again, strict=True)):
            advice = "a derivative is only of a pure function: take random numbers from keys, and change no state"
            return [Finding("impure", f"two calls with the same arguments gave different values; {advice}")]
        # along a dead argument the function moves and the derivative does not: that has been said
        directions = [self._direction(x, i not in self.dead) for i, x in zip(self.smooth, points, strict=True)]
        weights = [self._normal(y) for y in again]
        found: list[Finding] = []
        modes: dict[str, float] = {}
        pulled: list[Any] = []
        try:
            _, pull = vjp(lambda *xs: self.of_smooth(*xs), *points)
            pulled = list(pull(weights))
            modes["reverse mode"] = sum(_dot(ct, d) for ct, d in zip(pulled, directions, strict=True))
        except Exception as error:
            found.append(_failure("derivative", "reverse mode fails", error))
        try:
            _, tangents = jvp(lambda *xs: self.of_smooth(*xs), points, directions)
            modes["forward mode"] = sum(_dot(w, t) for w, t in zip(weights, tangents, strict=True))
        except Exception as error:
            found.append(_failure("derivative", "forward mode fails", error))
        if not np.isfinite(list(modes.values())).all():
            return [*found, self._not_finite(points, weights)]
        narrow = trace.narrowest < 8
        scale = max([abs(v) for v in modes.values()] + [1e-8])
        if len(modes) == 2 and abs(modes["forward mode"] - modes["reverse mode"]) > (1e-3 if narrow else 1e-8) * scale:
            said = f"forward mode says {modes['forward mode']:.8g} along one direction and reverse mode "
            words = f"{said}{modes['reverse mode']:.8g}: a custom rule is wrong{self._rules()}"
            found.append(Finding("dot test", words, self._rule_line()))
        if trace.narrowest >= 4:  # differences of narrower floats say nothing
            found += self._differences(points, directions, weights, modes, pulled, narrow)
        for i, ct in zip(self.smooth, pulled, strict=False):
            if i not in self.dead and ct.size and not np.any(device_get(ct)):
                found.append(
                    Finding("zero gradient", f"the gradient of {self.paths[i]} is zero everywhere at this point")
                )
        return found

    def _not_finite(self, points: Sequence[Any], weights: Sequence[Any]) -> Finding:
        """Where the derivative of a finite value stopped being finite."""
        words = "the value is finite and its derivative is not"
        try:
            with debug_nans(True), debug_infs(True):
                vjp(lambda *xs: self.of_smooth(*xs), *points)[1](list(weights))
        except NanError as error:
            return _failure("not finite", words, error)
        return Finding("not finite", words)

    def _differences(
        self, points: Any, directions: Any, weights: Any, modes: dict[str, float], pulled: Sequence[Any], narrow: bool
    ) -> list[Finding]:
        """Modes that finite differences contradict."""

        def along(h: float, ways: Sequence[Any]) -> float:
            moved = self.of_smooth(*[x + h * d for x, d in zip(points, ways, strict=True)])
            return sum(_dot(w, y) for w, y in zip(weights, moved, strict=True))

        middle, step, tolerance = along(0.0, directions), 1e-3 if narrow else 1e-6, 2e-2 if narrow else 1e-4
        sides: list[tuple[float, float]] = []
        wrong = dict(modes)
        for h in (step, 10 * step, 0.1 * step):  # what one of them confirms is right: each has its own error
            sides.append(((middle - along(-h, directions)) / h, (along(h, directions) - middle) / h))
            slope = sum(sides[-1]) / 2
            scale = max(abs(slope), 1e-8, *[abs(v) for v in modes.values()]) if modes else 1.0
            wrong = {mode: v for mode, v in wrong.items() if not abs(v - slope) <= tolerance * scale}
            if not wrong:
                return []
        left, right = sides[0]
        size = max(abs(left), abs(right))
        if abs(left - right) > (5e-2 if narrow else 1e-3) * size:
            words = f"the slopes on both sides of this point differ, {left:.6g} and {right:.6g} along one direction"
            where = "; f compares equal values there" if self.ties else ""
            return [Finding("no derivative", f"{words}{where}: move the point", (self.ties or [""])[-1])]
        slope = (left + right) / 2
        said = " and ".join(wrong)
        value = next(iter(wrong.values()))
        words = f"{said} say{'s' if len(wrong) == 1 else ''} {value:.8g} along one direction and finite differences "
        blamed = []
        if len(self.smooth) > 1 and pulled:
            for k, (i, ct) in enumerate(zip(self.smooth, pulled, strict=True)):
                ways = [d if j == k else d * 0 for j, d in enumerate(directions)]
                part = (along(step, ways) - along(-step, ways)) / (2 * step)
                if abs(_dot(ct, directions[k]) - part) > tolerance * max(abs(part), abs(slope), 1e-8):
                    blamed.append(self.paths[i])
        by = f", by {', '.join(blamed)}" if blamed else ""
        return [Finding("derivative", f"{words}{slope:.8g}{by}{self._rules()}", self._rule_line())]

    def _rules(self) -> str:
        """What may be to blame, for a message: the custom rules that the function uses, or what ends a derivative."""
        names = list(dict.fromkeys(name for name, _ in self.rules))
        if names:
            return f"; it uses {', '.join(names)}"
        return f"; {self.drops[-1][0]} makes a constant of a part" if self.drops else ""

    def _rule_line(self) -> str:
        return self.rules[0][1] if self.rules else self.drops[-1][1] if self.drops else ""

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
        except Exception as error:
            return [_failure("vmap", "vmap fails where a loop does not", error)]
        for k, batched in enumerate(found):
            column = np.stack([device_get(outs[k]) for outs in loop])
            rtol = 1e-3 if batched.dtype.itemsize < 8 else 1e-8
            if not np.allclose(device_get(batched), column, rtol=rtol, atol=rtol, equal_nan=True):
                worst = float(np.nanmax(np.abs(device_get(batched) - column)))
                return [Finding("vmap", f"vmap and a loop over its examples differ by {worst:.3g}")]
        return []

    def _normal(self, like: Array) -> Any:
        values = self.rng.normal(size=like.shape)
        if is_complex(like.dtype):
            values = values + 1j * self.rng.normal(size=like.shape)
        return asarray(np.asarray(values, like.dtype))

    def _direction(self, x: Array, live: bool) -> Any:
        """A random direction in the units of x: a step of 1e-6 is as much of 1e6 as of 1."""
        size = np.abs(device_get(x))
        largest = size.max(initial=0.0) or 1.0
        return self._normal(x) * np.asarray(live * np.where(size > 0, size, 1e-2 * largest), size.dtype)


def _failure(kind: str, words: str, error: Exception) -> Finding:
    """An exception as a finding: what it says, its notes, and the user's line."""
    if isinstance(error, FuncgradError):
        said, line = error.message, describe(error.origin)
    else:
        said, line = f"{type(error).__name__}: {error}", ""
        step = error.__traceback__
        while step is not None:
            if not is_foreign[step.tb_frame.f_code.co_filename]:
                line = describe((step.tb_frame.f_code, step.tb_lasti))
            step = step.tb_next
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", []))
    return Finding(kind, f"{words}: {said}{notes}", line)


def _dot(a: Any, b: Any) -> float:
    """The pairing of a cotangent and a tangent."""
    return float(np.real(np.sum(device_get(a).astype(np.complex128) * device_get(b))))


def _argument(path: str) -> str:
    """'[0][1]['w']' as "argument 1['w']", and '[1]['x']' as "argument 'x'"."""
    place, _, rest = path[4:].partition("]")
    return f"argument {place}{rest}"
