"""One run of a function under a trace that watches it: what it did to each value, and at which line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call
from ..dtypes import is_complex, is_floating, is_inexact
from ..placement import device_get
from ..provenance import Origin, here
from ..transforms.reuse import KeyUses, draws

__all__ = ["COMPARISONS", "WatchTrace", "WatchTracer"]

Values = Any

EDGES: dict[str, tuple[Callable[..., Values], str]] = {
    "abs": (lambda x: x == 0, "the slope of abs jumps at 0"),
    "relu": (lambda x: x == 0, "the slope of relu jumps at 0"),
    "sign": (lambda x: x == 0, "sign jumps at 0"),
    "sqrt": (lambda x: x == 0, "the slope of sqrt is infinite at 0"),
    "log": (lambda x: x == 0, "log is infinite at 0"),
    "log2": (lambda x: x == 0, "log2 is infinite at 0"),
    "log10": (lambda x: x == 0, "log10 is infinite at 0"),
    "reciprocal": (lambda x: x == 0, "1 / x is infinite at 0"),
    "divide": (lambda x, y: (y == 0) & (x == x), "x / y is infinite at y = 0"),
    "pow": (lambda x, y: (x == 0) & (np.real(y) < 1), "the slope of x ** y is infinite at x = 0 for y < 1"),
    "asin": (lambda x: np.abs(x) == 1, "the slope of asin is infinite at -1 and 1"),
    "acos": (lambda x: np.abs(x) == 1, "the slope of acos is infinite at -1 and 1"),
    "acosh": (lambda x: x == 1, "the slope of acosh is infinite at 1"),
    "atanh": (lambda x: np.abs(x) == 1, "atanh is infinite at -1 and 1"),
    "erfinv": (lambda x: np.abs(x) == 1, "erfinv is infinite at -1 and 1"),
    "log1p": (lambda x: x == -1, "log1p is infinite at -1"),
    "complex_abs": (lambda x: x == 0, "the slope of abs jumps at 0"),
    "atan2": (lambda x, y: (x == 0) & (y == 0), "atan2 has no slope at (0, 0)"),
    "hypot": (lambda x, y: (x == 0) & (y == 0), "hypot has no slope at (0, 0)"),
    "maximum": (lambda x, y: x == y, "both operands of maximum are equal"),
    "minimum": (lambda x, y: x == y, "both operands of minimum are equal"),
    "floor": (lambda x: x == np.round(x), "floor jumps at whole numbers"),
    "ceil": (lambda x: x == np.round(x), "ceil jumps at whole numbers"),
    "trunc": (lambda x: (x == np.round(x)) & (x != 0), "trunc jumps at whole numbers"),
    "round": (lambda x: np.abs(x - np.floor(x)) == 0.5, "round jumps at halves"),
    "remainder": (lambda x, y: np.remainder(x, y) == 0, "remainder jumps at multiples of its divisor"),
}
"""Where operations have no derivative: (which of the operands' elements are at such a place, what happens there)."""


COMPARISONS = frozenset(["greater", "greater_equal", "less", "less_equal"])

RULES = ("custom_jvp", "custom_vjp", "tap")
"""How the names of calls begin whose derivatives the user states."""


class WatchTracer(Tracer):
    """A value, and which inputs it depends on smoothly."""

    __slots__ = ("inner", "sources")

    def __init__(self, trace: WatchTrace, inner: Array, sources: frozenset[int]):
        self.owner, self.inner, self.sources, self.dtype = trace, inner, sources, inner.dtype

    aval: Any = property(lambda self: self.inner.aval)

    def concrete(self) -> Array:
        """The value; to look at it from Python ends its derivative there."""
        trace: Any = self.owner
        trace.dropped(self.sources, "a Python read of its value (if, float, int, item)")
        return self.inner.concrete()


class WatchTrace(Trace):
    """Runs each operation under the parent and notes what it did.

    Attributes:
        drops: for each input the operations that ended its derivative: (what, where).
        edges: (what, how many elements, where) of operations at a point without derivative.
        drifts: (what, where) of operations that changed the width of a float that depends on an input.
        ties: where values that depend on an input were compared with equal ones.
        rules: (name, where) of calls with derivatives of their own.
        narrowest: bytes of the narrowest float that depends on an input.
        wrong: (what, where) of the first operation that made a NaN or an infinity.
        reused: (what, other use, this use) of keys that were used twice.
    """

    __slots__ = ("drifts", "drops", "edges", "narrowest", "reused", "rules", "ties", "used", "wrong")
    name, carries = "check", "derivative"

    def __init__(self, parent: Trace | None):
        super().__init__(parent)
        self.drops: dict[int, list[tuple[str, Origin]]] = {}
        self.edges: list[tuple[str, int, Origin]] = []
        self.drifts: list[tuple[str, Origin]] = []
        self.wrong: list[tuple[str, Origin]] = []
        self.reused: list[tuple[str, Origin, Origin]] = []
        self.used = KeyUses()
        self.ties: list[Origin] = []
        self.rules: list[tuple[str, Origin]] = []
        self.narrowest = 8

    def dropped(self, sources: frozenset[int], what: str) -> None:
        """Inputs whose derivative ends here."""
        for source in sources:
            self.drops.setdefault(source, []).append((what, here()))

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        mine = [type(x) is WatchTracer and x.owner is self for x in args]
        values = [x.inner if m else x for x, m in zip(args, mine, strict=True)]
        with np.errstate(all="ignore"):
            out = bind(self.parent, primitive, values, params)
        plain = [device_get(x) if isinstance(x, Array) else x for x in values]
        if draws(primitive.name):
            self.consumed(primitive.name, plain[0])
        result = device_get(out)
        self.look_for_infinity(primitive.name, plain, result)
        sources = frozenset().union(*[x.sources for x, m in zip(args, mine, strict=True) if m])
        if not sources:
            return out
        self.look_for_drift(primitive.name, plain, result)
        self.look_for_edge(primitive.name, plain, result, params)
        if primitive.pull is None or not is_inexact(out.dtype):
            self.dropped(sources, primitive.name)
            return out
        return WatchTracer(self, out, sources)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        mine = [type(x) is WatchTracer and x.owner is self for x in args]
        outs = bind_call(self.parent, call, [x.inner if m else x for x, m in zip(args, mine, strict=True)])
        sources = frozenset().union(*[x.sources for x, m in zip(args, mine, strict=True) if m])
        if sources and call.name.startswith(RULES):
            self.rules.append((call.name, here()))
        return [WatchTracer(self, x, sources) if sources and is_inexact(x.dtype) else x for x in outs]

    def consumed(self, name: str, keys: Values) -> None:
        """Keys that give their random bits to an operation."""
        for k0, k1 in keys.reshape(-1, 2).tolist():
            if (wrong := self.used.note((k0, k1), name, here())) is not None:
                self.reused.append((*wrong, here()))

    def look_for_drift(self, name: str, operands: Sequence[Any], out: Values) -> None:
        """A float that became wider or narrower."""
        if is_inexact(out.dtype):
            self.narrowest = min(self.narrowest, out.dtype.itemsize // (2 if is_complex(out.dtype) else 1))
        widths = {x.dtype for x in operands if isinstance(x, np.ndarray) and is_floating(x.dtype)}
        if is_floating(out.dtype) and widths and out.dtype not in widths:
            before = ", ".join(sorted(d.name for d in widths))
            narrower = out.dtype.itemsize < min(d.itemsize for d in widths)
            what = name if name != "convert" else "astype" if narrower else "a conversion"
            self.drifts.append((f"{what} made {out.dtype.name} of {before}", here()))

    def look_for_infinity(self, name: str, operands: Sequence[Any], out: Values) -> None:
        """The first value that is no number, made of numbers."""
        if self.wrong or not is_inexact(out.dtype) or np.isfinite(out).all():
            return
        if all(np.isfinite(x).all() for x in operands if isinstance(x, np.ndarray) and is_inexact(x.dtype)):
            what = "NaN" if np.isnan(out).any() else "infinity"
            self.wrong.append(
                (f"{name} made {what} in {int((~np.isfinite(out)).sum())} of {out.size} elements", here())
            )

    def look_for_edge(self, name: str, operands: Sequence[Any], out: Values, params: Params) -> None:
        """A differentiated operation at a point where it has no derivative, or a decision between equals."""
        if name in COMPARISONS:
            if np.any(np.equal(*operands)):
                self.ties.append(here())
            return
        if name in ("max", "min"):
            (x,) = operands
            kept = np.expand_dims(out, params["axes"])
            ties = (x == kept).sum(axis=params["axes"]) > 1
            count, words = int(ties.sum()), f"several elements share the {name}imum"
        elif name in EDGES:
            test, words = EDGES[name]
            with np.errstate(all="ignore"):
                count = int(np.sum(test(*operands)))
        else:
            return
        if count:
            self.edges.append((words, count, here()))
