"""`grad(f, memory="256MB")`: a tape that forgets values to stay within a budget, and computes them again when needed.

Every value of the function sits in a `Cell`, which knows the operation that made it and that operation's operands. When
the cells that hold a value take more than the budget, those are emptied that are cheap to make again for their size and
have not been used for long. A cell that is read while empty is made again, its operands first. What an operation costs
is estimated by its sizes, and time is the work done so far: by a clock each run would have a plan and a peak of
its own.

    forward    x -> a -> b -> c -> y          full: x a . c y       b was emptied to make room
    backward                                   c's rule reads b: made again from a, and perhaps c is emptied for it

Source: Kirisame et al., Dynamic Tensor Rematerialization, ICLR 2021, arXiv:2006.09616.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call, current_trace, use_trace
from ..errors import MemoryBudgetError
from ..provenance import describe
from .tape import GradTrace, Node, belongs, call_nodes, oldest_first

__all__ = ["BudgetTrace"]

_FREE = frozenset(["reshape", "permute_dims", "broadcast_to", "slice_", "stop_gradient"])
"""Operations whose result shares its operand's memory: to empty it frees nothing, and to make it costs nothing."""

_CONVOLUTIONS = frozenset(["conv", "conv_data", "conv_weights"])
_PRODUCTS = _CONVOLUTIONS | {"matmul"}
_SLOW = frozenset([
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "cumulative_sum", "erf", "erfc",
    "erfinv", "exp", "expm1", "gather", "hypot", "log", "log10", "log1p", "log2", "logaddexp", "pow", "random_bits",
    "random_normal", "random_uniform", "scatter_add", "sigmoid", "sin", "sinh", "softplus", "tan", "tanh",
    "resample", "window_argmax", "window_gather", "window_scatter", "window_spread",
])  # fmt: skip
"""Operations that take several times as long as it takes to read and write their arrays."""

_TILES = 8 << 20
"""About what a convolution takes on its way: a tile of patches a thread."""


class Cell:
    """One value: held, or to be made again by its operation. An input has none, and stays."""

    __slots__ = ("__weakref__", "args", "cost", "nbytes", "params", "pinned", "primitive", "readers", "used", "value")

    def __init__(self, value: Any, primitive: Primitive | None = None, args: Sequence[Any] = (), params: Params = {}):  # noqa: B006
        self.value, self.primitive, self.args, self.params = value, primitive, args, params
        self.nbytes = 0 if primitive is None or primitive.name in _FREE else value.nbytes
        self.cost = 0.0
        self.readers = 0  # rules that are still to read it on the way back
        self.pinned = 0  # who needs it held just now
        self.used = 0.0


class BudgetTracer(Tracer):
    """A value of the function; `inner` is made again if it has been forgotten."""

    __slots__ = ("aval", "cell", "node")

    def __init__(self, trace: BudgetTrace, cell: Cell, node: Node):
        self.owner, self.cell, self.node = trace, cell, node
        self.aval, self.dtype = cell.value.aval, cell.value.dtype

    shape: Any = property(lambda self: self.aval.shape)

    @property
    def inner(self) -> Any:  # type: ignore[override]
        """The value, as the parent knows it."""
        trace: Any = self.owner
        with use_trace(trace.parent):
            return trace.budget.read(self.cell)

    def __del__(self) -> None:
        cell = self.cell
        if not cell.readers and cell.primitive is not None:  # nobody can ask for it but who makes another one again
            self.owner.budget.empty(cell)  # type: ignore[attr-defined]


class Budget:
    """The cells of one gradient, and how much they may hold together.

    Args:
        limit: bytes.
        words: the budget as the user wrote it.
    """

    def __init__(self, limit: int, words: Any):
        self.limit, self.words = limit, words
        self.live = 0
        self.extra = 0  # cotangents that wait in the backward pass
        self.cells: dict[int, Any] = {}  # weak references to the cells that hold a value that can be made again
        self.awaited: Counter[int] = Counter()  # by id, how often a cell is still to be read for one that is made again
        self.evictions = 0
        self.work = 0.0  # done so far: what the time is here

    def add(self, cell: Cell) -> None:
        """Count a value that has just been made."""
        self.work += cell.cost
        cell.used = self.work
        if cell.nbytes:
            self.live += cell.nbytes
            key, nbytes = id(cell), cell.nbytes
            self.cells[key] = weakref.ref(cell, lambda _: self.forget(key, nbytes))

    def forget(self, key: int, nbytes: int) -> None:
        """A cell is gone, with what it held."""
        if self.cells.pop(key, None) is not None:
            self.live -= nbytes

    def empty(self, cell: Cell) -> None:
        """Drop a cell's value; it can be made again."""
        if cell.nbytes and cell.value is not None and self.cells.pop(id(cell), None) is not None:
            self.live -= cell.nbytes
        cell.value = None

    def make_room(self, needed: int) -> None:
        """Empty cells until so many bytes fit in, as far as that is possible."""
        if self.live + self.extra + needed <= self.limit:
            return
        now = self.work
        found = [cell for ref in list(self.cells.values()) if (cell := ref()) is not None and not cell.pinned]
        awaited = self.awaited
        found.sort(key=lambda c: (awaited[id(c)] > 0, (c.cost + self.again(c)) / (c.nbytes * (now - c.used + 1))))
        for cell in found:
            if self.live + self.extra + needed <= self.limit:
                return
            self.empty(cell)
            self.evictions += 1

    def again(self, cell: Cell) -> float:
        """The work that the operands of a cell would take that are empty themselves."""
        total, stack = 0.0, [cell]
        seen: set[int] = set()
        while stack and len(seen) < 64:  # long chains cost much, whatever their exact length
            for x in stack.pop().args:
                if isinstance(x, Cell) and x.value is None and id(x) not in seen:
                    seen.add(id(x))
                    total += x.cost
                    stack.append(x)
        return total

    def read(self, cell: Cell) -> Any:
        """The value of a cell, made again with all it needs if it is empty; no recursion, as chains are long."""
        cell.used = self.work
        if cell.value is not None:
            return cell.value
        # who of them is still to be read for it: without, x -> f(x) + g(x) twenty times would make x a million times
        missing = self.missing(cell)
        self.awaited = awaited = Counter(id(a) for c in missing for a in c.args if isinstance(a, Cell))
        left = 8 * len(missing) + 64
        stack = [cell]
        while stack:
            top = stack[-1]
            if top.value is not None:
                stack.pop()
                continue
            operands = [a for a in top.args if isinstance(a, Cell)]
            empty = [a for a in operands if a.value is None]
            if empty:
                stack += empty
                continue
            if not left:
                raise MemoryBudgetError(
                    f"the budget memory={self.words!r} is too small for {top.primitive and top.primitive.name}: the "
                    "values it is computed from push each other out, and are computed again and again"
                )
            left -= 1
            self.pin(operands, 1)
            assert top.primitive is not None
            self.make_room(top.nbytes + self.tiles(top.primitive))
            values = [a.value if isinstance(a, Cell) else a for a in top.args]
            top.value = bind(current_trace(), top.primitive, values, top.params)
            self.pin(operands, -1)
            self.add(top)
            for a in operands if missing.pop(top, False) else ():
                awaited[id(a)] -= 1
            for a in operands:  # it was made on the way alone
                if a.primitive is not None and not a.readers and not a.pinned and awaited[id(a)] <= 0:
                    self.empty(a)
            stack.pop()
        self.awaited = Counter()
        return cell.value

    def missing(self, cell: Cell) -> dict[Cell, bool]:
        """The empty cells that it takes to make an empty one again, itself among them."""
        found, stack = {cell: True}, [cell]
        while stack:
            for a in stack.pop().args:
                if isinstance(a, Cell) and a.value is None and a not in found:
                    found[a] = True
                    stack.append(a)
        return found

    def pin(self, cells: Sequence[Cell], by: int) -> None:
        """Hold cells fast, or let them go."""
        for cell in cells:
            cell.pinned += by

    def tiles(self, primitive: Primitive) -> int:
        """What an operation takes on its way, besides its operands and results."""
        return min(_TILES, self.limit // 2) if primitive.name in _CONVOLUTIONS else 0

    def demand(self, primitive: Primitive, needed: int, cells: Sequence[Cell], extra: int, what: str) -> None:
        """Make room for an operation's result beside its operands, or say that they cannot fit."""
        alone = needed + extra + sum({id(c): c.nbytes for c in cells}.values())
        if alone > 1.2 * self.limit:  # small arrays and Python's own objects come on top
            raise MemoryBudgetError(
                f"{what} alone needs {alone:,} bytes for its operands and results, more than the budget "
                f"memory={self.words!r}"
            )
        self.make_room(needed + self.tiles(primitive))


class BudgetTrace(GradTrace):
    """Runs each operation under the parent, its values in cells, and appends a node to the tape."""

    __slots__ = ("budget",)

    def __init__(self, parent: Trace | None, limit: int, words: Any):
        super().__init__(parent)
        self.budget = Budget(limit, words)

    def lift(self, x: Array) -> Any:
        return BudgetTracer(self, Cell(x), Node(None, (), {}, None, ()))

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        mine = [type(x) is BudgetTracer and x.owner is self for x in args]
        if not any(mine):
            return bind(self.parent, primitive, args, params)
        budget = self.budget
        operands = [x.cell if m else x for x, m in zip(args, mine, strict=True)]
        cells = [x.cell for x, m in zip(args, mine, strict=True) if m]
        budget.pin(cells, 1)
        try:
            with use_trace(self.parent):
                primals = [budget.read(x) if isinstance(x, Cell) else x for x in operands]
            form = primitive.infer_of(primals, params)
            budget.demand(primitive, form.size * form.dtype.itemsize, cells, 0, primitive.name)
            out = bind(self.parent, primitive, primals, params)
        finally:
            budget.pin(cells, -1)
        if primitive.pull is None:
            return out
        cell = Cell(out, primitive, operands, params)
        cell.cost = work(primitive, primals, out)
        budget.add(cell)
        wanted = int("1" + "".join("01"[m] for m in mine), 2)
        reads_out, unread = primitive.unread[wanted]
        saved = list(operands)
        for i in unread:
            if isinstance(primals[i], Array):
                saved[i] = primals[i].aval
        for x in (*saved, cell if reads_out else None):
            if isinstance(x, Cell):
                x.readers += 1
        parents = [x.node if m else None for x, m in zip(args, mine, strict=True)]
        return BudgetTracer(self, cell, Node(primitive, saved, params, cell if reads_out else None, parents))

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        mine = [belongs(x, self) for x in args]
        if not any(mine):
            return bind_call(self.parent, call, args)
        with use_trace(self.parent):
            outs, pull = call.vjp([x.inner if m else x for x, m in zip(args, mine, strict=True)], mine)
        nodes = call_nodes(call, outs, pull, [x.node if m else None for x, m in zip(args, mine, strict=True)])
        # a call's results stay: what it would take to make them again only the call itself knows
        return [x if node is None else BudgetTracer(self, Cell(x), node) for x, node in zip(outs, nodes, strict=True)]

    def backward(self, root: Any, ct: Any, inputs: Sequence[Node]) -> list[Any]:
        budget = self.budget
        waiting: dict[Node, Any] = {root.node: ct}
        kept = set(inputs)
        for node in reversed(oldest_first([root.node])):
            primitive, parents = node.primitive, node.parents
            if primitive is None or (ct := waiting.pop(node, None)) is None:
                continue
            cells = [x for x in (*node.args, node.out) if isinstance(x, Cell)]
            budget.pin(cells, 1)
            try:
                args = [budget.read(x) if isinstance(x, Cell) else x for x in node.args]
                out = budget.read(node.out) if isinstance(node.out, Cell) else node.out
                sizes = [_bytes(x) for x, parent in zip(args, parents, strict=False) if parent is not None]
                needed = sum(sizes) + max(sizes, default=0)  # the cotangents, and what a rule computes on its way
                budget.demand(primitive, needed, cells, _bytes(ct), f"the backward pass of {primitive.name}")
                found = primitive.pull(ct, out, args, node.params, parents)
            except Exception as error:
                error.add_note(f"in the backward pass of {primitive.name} at {describe((node.code, node.lasti))}")
                raise
            finally:
                budget.pin(cells, -1)
            budget.extra -= _bytes(ct)
            del args, out, ct
            for cell in cells:
                cell.readers -= 1
                if not cell.readers and cell.primitive is not None:
                    budget.empty(cell)
            node.primitive, node.args, node.out, node.parents = None, (), None, ()
            for parent, g in zip(parents, found, strict=False):
                if parent is None or g is None:
                    continue
                if parent in waiting:
                    waiting[parent] = waiting[parent] + g
                else:
                    waiting[parent] = g
                    if parent not in kept:  # the gradients themselves are not counted
                        budget.extra += _bytes(g)
            del found
        return [waiting.get(node) for node in inputs]


def work(primitive: Primitive, args: Sequence[Any], out: Any) -> float:
    """About what an operation costs, in bytes read and written."""
    arrays = [x for x in (*args, out) if isinstance(x, Array)]
    if primitive.name in _PRODUCTS:  # (m k)(k n)(m n) = (m k n)^2; each product takes as long as about half a byte
        return 0.5 * math.prod(x.size for x in arrays) ** 0.5
    return float(sum(map(_bytes, arrays))) * (4 if primitive.name in _SLOW else 1)


def _bytes(x: Any) -> int:
    """Of an array or aval; a call's cotangents are several."""
    found = getattr(x, "found", None)
    if found is not None:
        return sum(map(_bytes, found.values()))
    return int(x.size * x.dtype.itemsize) if hasattr(x, "dtype") else 0
