"""Reverse mode of a jitted function whose loops are rolled: state by state, however many turns there are.

    forward     state --> state --> state --> results       each leaves its residuals on a stack
    backward    cts   <-- cts   <-- cts   <-- cts           each takes them from there, the last one first

The tree of paths is that of the function itself, with programs in pairs (`stretch.py`) instead of single ones. A run
that is recorded is differentiated by a tape below the record (`TapedTrace`), as it has no programs yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import Array, Call, Params, Primitive, Trace, bind, bind_call, current_trace, use_trace
from ..graph.ir import Graph, Var, evaluate
from ..provenance import Origin
from .arguments import placed
from .checkpoint import Rematerialised
from .dispatch import wrapped
from .rule_call import as_graphs, has_rules
from .stage import StageTrace, StageTracer
from .states import State
from .stretch import Forward, Stretch
from .tape import GradTrace, GradTracer, backward
from .trace_tree import MOST_ANSWERS, Node, Tree
from .unit import MOST_UNRECORDED, Unit, forms_of

__all__ = ["LoopUnit"]

MOST_TRIES = 10
MOST_UNROLLED = 3
"""How many runs are recorded in all, and how many with a loop, to find one that can be rolled."""

Pull = Callable[[Sequence[Any]], Sequence[Any]]
"""From cotangents of the results, None for zero, to those of the inputs that are differentiated."""


class Tape(GradTrace):
    """A tape that knows the nodes of its inputs."""

    __slots__ = ("inputs",)

    def __init__(self) -> None:
        super().__init__(None)
        self.inputs: list[Any] = []

    def input(self, x: Any) -> GradTracer:
        """An input, noted."""
        made = self.lift(x)
        self.inputs.append(made.node)
        return made


class TapedTrace(StageTrace):
    """A record above a tape: what is written down is computed on the tape.

    What has a rule of its own for derivatives is written down with it where that can be. Where not, the path goes on
    without its record.
    """

    __slots__ = ("tape",)
    parent: Trace

    def __init__(self, hidden: Any, base: Any):
        super().__init__(hidden, base)
        self.parent = self.tape = Tape()

    def compute(self, primitive: Primitive, values: Sequence[Any], params: Params) -> Array:
        return bind(self.parent, primitive, values, params)  # type: ignore[no-any-return]

    def compute_call(self, call: Call, values: Sequence[Any]) -> Sequence[Array]:
        return bind_call(self.parent, call, values)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        if call.transparent and not isinstance(call, Rematerialised):  # who asks for that wants to keep less
            with use_trace(self):
                return call.evaluate(args)
        if has_rules(call):
            with use_trace(self):
                graphs = as_graphs(call, args)
            if graphs is not None:
                return self.record_call(*graphs)
        if not call.opaque:
            self.abandon(f"{call.name} has a rule of its own")
        return self.record_call(call, args)  # not `lowered`: its derivative is still to be asked for


class LoopTree(Tree):
    """A tree whose programs are pairs."""

    __slots__ = ("first", "hopeless", "steps")

    def __init__(self, inputs: Sequence[Var], numpy: bool):
        super().__init__(inputs, numpy)
        self.hopeless = False  # whether no loop of it can be rolled
        self.first: Step | None = None
        self.steps: dict[Any, Step] = {}  # by state, and which values are differentiated there

    def compiled(self, graph: Graph, kind: str | None, again: bool) -> Stretch:
        return Stretch(graph, kind, self.numpy)

    def calls_until_native(self) -> int:
        return -1


class Step:
    """A state where some of the live values are differentiated, and what comes after each answer."""

    __slots__ = ("children", "forward", "state")

    def __init__(self, state: State, forward: Forward):
        self.state, self.forward = state, forward
        self.children: dict[Any, Step] = {}


class LoopUnit(Unit):
    """The forward pass of a function whose loops are rolled.

    Args:
        unit: the function.
        wanted: which of its leaves are differentiated.
        whole: the same forward pass by whole paths.
    """

    def __init__(self, unit: Unit, wanted: tuple[int, ...], whole: Unit):
        super().__init__(f"grad of {unit.name}, state by state", self.on_a_tape, unit.captures, unit.base)
        self.unit, self.wanted, self.whole = unit, wanted, whole

    def pulled(self, leaves: Sequence[Any]) -> tuple[Sequence[Any], tuple[Pull, Any]] | None:
        """The results, and (their pullback, what belongs to the path); None where the path has no such programs."""
        look = self.look()
        if look is None:
            return None
        snapshot = look.snapshot
        tree = self.tree(forms_of(leaves), leaves, snapshot)
        assert isinstance(tree, LoopTree)
        if tree.hopeless:
            return None
        raws = [x._data if isinstance(x, Array) else x for x in (*leaves, *snapshot.arrays)]
        if tree.start is None and tree.unrecorded < MOST_UNRECORDED:
            found = None
        else:
            found = self.forward(tree, raws)
        if found is None:
            outs, info = self.record(tree, leaves, snapshot)
            if tree.root is not None and (tree.start is None or not leads_back(tree.start)):
                tries = tree.traces >= MOST_TRIES or with_loops(tree.root) >= MOST_UNROLLED
                tree.hopeless = tries or bool(tree.root.eager)
            return of_tape(outs, info, len(self.wanted))
        results, info, pushed = found
        return None if results is None else ([wrapped(x) for x in results], (pullback(pushed, len(self.wanted)), info))

    def forward(self, tree: LoopTree, live: Any) -> Any:
        """Run the path that the values take.

        Returns:
            (raw results, what belongs to the path, (forward pass, residuals) of each state on it); None where the path
            is new; (None, ...) where it has no programs.
        """
        nothing = None, None, None
        first, start = tree.first, tree.start
        if first is None or first.state is not start:
            tree.steps = {}
            tree.first = first = self.step(tree, start, self.active(tree), live)
        step, pushed = first, []
        try:
            while step is not None:
                forward, state = step.forward, step.state
                count = forward.count
                if not state.asks:
                    outs = forward.run(*live)
                    pushed.append((forward, outs[count:]))
                    state.node.hits += 1
                    return outs[:count], state.node.info, pushed
                answer, outs = forward.run(*live)
                pushed.append((forward, outs[count:]))
                live = outs[:count]
                following = step.children.get(answer)
                if following is None:
                    after = state.children.get(answer)
                    if after is None:
                        return nothing if tree.full or len(state.children) >= MOST_ANSWERS else None
                    following = self.step(tree, after, forward.active, live)
                    if following is not None:
                        step.children[answer] = following
                step = following
        except Exception:  # of a kernel: the user's own line shall raise it, or catch it
            if step is not None and step.state.node.effect:  # of the effect itself, which must not happen again
                raise
        return nothing

    def active(self, tree: Tree) -> tuple[bool, ...]:
        """Which inputs are differentiated."""
        wanted = set(self.wanted)
        return tuple(i in wanted for i in range(len(tree.inputs)))

    def step(self, tree: LoopTree, state: State | None, active: tuple[bool, ...], live: Sequence[Any]) -> Step | None:
        """A state where those values are differentiated; None where it has no programs."""
        if state is None or state.eager:
            return None
        found = tree.steps.get((state, active))
        if found is None:
            program: Any = state.program
            forward = program.forward(active, live)
            if forward is None:
                return None
            found = tree.steps[state, active] = Step(state, forward)
        return found

    def give_up(self, reason: str) -> None:
        self.eager = reason
        self.whole.give_up(reason)  # which says so

    # ---- recording ----

    def new_tree(self, inputs: Sequence[Var], numpy: bool) -> LoopTree:
        return LoopTree(inputs, numpy)

    def trace(self, hidden: Any) -> TapedTrace:
        return TapedTrace(hidden, self.base)

    def run(self, trace: Any, inputs: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        lifted = [StageTracer(trace, trace.tape.input(inputs[i].inner), inputs[i].variable) for i in self.wanted]
        try:
            with use_trace(trace):
                return self.unit.flat(placed(inputs, self.wanted, lifted))
        finally:
            trace.numbers.clear()  # it holds frames

    def on_a_tape(self, leaves: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        """The results without a record, values of a tape."""
        tape = Tape()
        with use_trace(tape):
            return self.unit.flat(placed(leaves, self.wanted, [tape.input(leaves[i]) for i in self.wanted]))


def leads_back(start: State) -> bool:
    """Is there a loop among the states?"""
    seen, waiting = {start}, [start]
    while waiting:
        for state in waiting.pop().children.values():
            if state in seen:
                return True
            seen.add(state)
            waiting.append(state)
    return False


def with_loops(root: Node) -> int:
    """How many recorded runs came to ask twice at the same place."""
    count = 0
    waiting: list[tuple[Node, frozenset[Origin], bool]] = [(root, frozenset(), False)]
    while waiting:
        node, places, again = waiting.pop()
        if node.question is None:
            count += node.runs if again else 0
            continue
        place = node.question.origin
        again = again or place in places
        waiting += [(child, places | {place}, again) for child in node.children.values()]
    return count


# ---- backward -----------------------------------------------------------------------------------


def of_tape(outs: Sequence[Any], info: Any, wanted: int) -> tuple[Sequence[Any], tuple[Pull, Any]]:
    """Plain results and their pullback, of values of a tape."""
    tape: Any = next((x.owner for x in outs if isinstance(x, GradTracer)), None)

    def pull(cts: Sequence[Any]) -> Sequence[Any]:
        pairs = [(x.node, ct) for x, ct in zip(outs, cts, strict=True) if isinstance(x, GradTracer) and ct is not None]
        return backward([n for n, _ in pairs], [ct for _, ct in pairs], tape.inputs) if pairs else [None] * wanted

    return [x.inner if isinstance(x, GradTracer) else x for x in outs], (pull, info)


def pullback(pushed: list[tuple[Forward, tuple[Any, ...]]], wanted: int) -> Pull:
    """The cotangents of the inputs, by the states' backward passes."""

    def pull(cts: Sequence[Any]) -> Sequence[Any]:
        given = [cts[i] for i in pushed[-1][0].places]
        mask = tuple(ct is not None for ct in given)
        found: Any = [ct for ct in given if ct is not None]
        on_values = current_trace() is None
        if on_values:
            found = [ct._data for ct in found]
        for forward, saved in reversed(pushed):
            if not found:
                return [None] * wanted
            back = forward.back(mask)
            if on_values:
                found = back.run(*saved, *found)
            else:
                found = evaluate(back.graph, [*map(wrapped, saved), *found])
            mask = back.moves
        rest = iter(map(wrapped, found) if on_values else found)
        return [next(rest) if m else None for m in mask]

    return pull
