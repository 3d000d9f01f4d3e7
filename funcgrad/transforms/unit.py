"""One function of a list of arrays, compiled path by path.

    call(leaves):
        look at what the function reads beside its arguments
        find the tree for inputs of this kind
        state, live = its start, the inputs
        while state ends in a question:
            answer, live = state.program(*live)
            state = the one after that answer, or record a run and add it to the tree
        return state.program(*live)

A run goes on from the values that are live where a question was asked, and never again from the top. The first call of
all runs as it is: what is called once does not pay for being written down. From then on a path is recorded on its first
arrival, recorded again on its second, which must do the same, and runs as programs after that. Where a program raises,
the function itself runs, so that the user's own line raises, or catches it.
"""

from __future__ import annotations

import operator
import threading
import warnings
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import numpy as np

from ..codegen.c.linking import OperandError
from ..codegen.numpy_program import is_of_a_program
from ..config import default_dtype, jit_warmup, numpy_dtype_promotion
from ..core import Array, use_trace, wrap
from ..device import CPU, default_device
from ..errors import JitWarning
from ..graph.ir import Literal, Var, type_of
from ..provenance import Origin, describe, here
from .captures import Captures, ClosedOverTracer, Look, Snapshot, Unwatchable
from .dispatch import wrapped
from .remains import holds_a_tracer, objects
from .stage import StageTrace, Unstaged
from .trace_tree import MOST_ANSWERS, MOST_PATHS, Impure, Tree

__all__ = ["Flat", "Unit", "forms_of", "on_numpy"]

warmup = jit_warmup.get
MOST_UNRECORDED = 3
"""How many runs that cannot be added to a tree are recorded before nobody tries any more."""

MOST_CHANGES = 3
"""How many runs may change what the function reads, as those that fill a memo do, before it is taken for impure."""
MOST_KINDS = 256
"""How many kinds of inputs have programs; the oldest are forgotten."""
MOST_SETTINGS = 32
"""How many kinds may differ only in what has changed around the function before a warning says so."""

Flat = Callable[[Sequence[Any]], tuple[Sequence[Any], Any]]
"""A function from a list of arrays and Python numbers to a list of them, and what belongs to the path it took."""


class Unit:
    """A function that is compiled by calling it.

    Args:
        name: for messages.
        flat: the function.
        captures: what it reads beside its arguments.
        base: the code that calls the user's function, if its loops may be rolled.
    """

    def __init__(self, name: str, flat: Flat, captures: Captures, base: CodeType | None = None):
        self.name, self.flat, self.captures, self.base = name, flat, captures, base
        self.trees: dict[Any, Tree] = {}
        self.derived: dict[Any, Unit] = {}
        self.settings = 0  # how many trees were begun since something had changed around the function
        self.changes = 0  # how many runs have changed what the function reads
        self.eager = ""  # why it runs without programs, if it does
        self.lock = threading.Lock()

    def __call__(self, leaves: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        """The results, and what belongs to the path."""
        look = self.look()
        if look is None:
            return self.flat(leaves)
        snapshot = look.snapshot
        tree = self.tree(forms_of(leaves), leaves, snapshot)
        found = self.execute(tree, [x._data if isinstance(x, Array) else x for x in leaves], snapshot)
        if found is None:
            return self.record(tree, leaves, snapshot)
        results, node = found
        return self.flat(leaves) if results is None else ([wrapped(x) for x in results], node.info)

    def tree(self, forms: Sequence[Any], leaves: Sequence[Any], snapshot: Snapshot) -> Tree:
        """The paths of inputs of this kind."""
        key = (*forms, snapshot.number, default_dtype(), numpy_dtype_promotion(), default_device())
        found = self.trees.get(key)
        if found is None:
            with self.lock:
                while len(self.trees) >= MOST_KINDS:
                    del self.trees[next(iter(self.trees))]
                inputs = (*leaves, *snapshot.arrays)
                found = self.trees.setdefault(key, self.new_tree([Var(type_of(x)) for x in inputs], on_numpy(inputs)))
                found.changed = snapshot.changed
            self.settings += bool(snapshot.changed)
            if self.settings == MOST_SETTINGS:
                self.warn(
                    f"is recorded anew whenever something changes around it, {MOST_SETTINGS} times so far"
                    f"{_named(snapshot.changed)}: pass what changes as an argument",
                    here(),
                )
        return found

    def new_tree(self, inputs: Sequence[Var], numpy: bool) -> Tree:
        """A tree without paths."""
        return Tree(inputs, numpy)

    def execute(self, tree: Tree, raws: Sequence[Any], snapshot: Snapshot, finish: Any = None) -> Any:
        """Run the path that the values take.

        Args:
            tree: the paths of such inputs.
            raws: their values.
            snapshot: what the function reads beside them.
            finish: (last state, values) -> raw results, in the place of the state's program.

        Returns:
            (raw results, its end); None where it is new and must be recorded; (None, ...) where the function itself
            must run, since the path has no program or a program has raised.
        """
        state = tree.start
        if state is None:
            if tree.root is None and tree.warmed < warmup():
                tree.warmed += 1
                return None, None
            return None if tree.unrecorded < MOST_UNRECORDED else (None, None)
        live: Any = (*raws, *[x._data for x in snapshot.arrays]) if snapshot.arrays else raws
        try:
            while state.asks:
                answer, live = state.run(*live)
                following = state.children.get(answer)
                if following is None:
                    return (None, None) if tree.full else None
                state = following
            if state.eager:
                return None, None
            results = state.run(*live) if finish is None else finish(state, live)
        except Exception as error:  # of a kernel: the user's own line shall raise it, or catch it
            if state.node.effect:  # of the effect itself, which must not happen again
                raise
            if isinstance(error, OperandError) or (isinstance(error, NameError) and is_of_a_program(error)):
                self.warn(f"has a program that is wrong, and runs without it; please report this: {error}", here())
            return None, None
        state.node.hits += 1
        if state.node.hits == tree.ripe:
            self.ripen(tree)
        return results, state.node

    def ripen(self, tree: Tree) -> None:
        """Compile a tree's programs from C."""
        with self.lock:
            if not tree.native:
                tree.ripen()

    def look(self) -> Look | None:
        """What the function reads beside its arguments; None where it runs without programs."""
        if self.eager:
            return None
        try:
            return self.captures.look()
        except Unwatchable as reason:
            self.give_up(str(reason))
            return None

    # ---- recording ----

    def record(self, tree: Tree, leaves: Sequence[Any], snapshot: Snapshot) -> tuple[Sequence[Any], Any]:
        """Run the function on the values, and add what it did to the tree."""
        variables = [Var(type_of(x)) for x in snapshot.arrays]
        # a path becomes a program when a second run has come by, which is early enough to find that it draws numbers
        states = None if tree.root is None else self.captures.states()
        trace = self.trace({id(x): (x, v) for x, v in zip(snapshot.arrays, variables, strict=True)})
        inputs = [trace.input(x) for x in leaves]
        eager = ""
        try:
            outs, info = self.run(trace, inputs)
        except Unstaged as reason:  # what cannot be written down runs as it is
            outs, eager = [], str(reason)
            values, info = self.flat(leaves)
        else:
            values = [trace.read(x) for x in outs]
        record = trace.record
        if trace.abandoned is not None:
            (eager, record, large), outs = trace.abandoned, []
            if large is not None:
                self.warn(f"runs without programs where {eager}: use the functions of funcgrad.numpy", large)
        if not eager and holds_a_tracer(*objects(info)):
            self.give_up("it returns an object that holds values of its run: return them as arrays in a pytree")
            return self.flat(leaves)
        if trace.raised:
            # and the function caught it: no question leads to this path. Programs of the others raise here too
            tree.unrecorded += 1
            return values, info
        atoms = [trace.atom(x) for x in outs]
        if outs:  # a constant of the record stays when the user's array is donated
            values = [
                wrap(x._data) if type(x) is Array and type(a) is Literal else x
                for x, a in zip(values, atoms, strict=True)
            ]
        names = [*(x.variable for x in inputs), *variables]
        if self.has_changed(snapshot, states):
            return values, info
        try:
            with self.lock:
                node, crowded = tree.graft(record, names, atoms, info, eager)
        except Impure as reason:
            self.give_up(f"it is not pure: {reason}")
            return values, info
        if crowded is not None:
            self.warn(
                f"asks for a value that has had more than {MOST_ANSWERS} different answers, each a program of its own, "
                "and runs without programs from there on; keep it in arrays (where, cond, while_loop)",
                crowded,
            )
        elif tree.full:
            self.warn(
                f"has taken more than {MOST_PATHS - 1} different paths, and new ones run without programs; decide by "
                "arrays (where, cond, while_loop)",
                tree.log[-1][1] or here(),
            )
        return values, info if node.info is None or node.eager else node.info

    def has_changed(self, before: Snapshot, states: Sequence[Any] | None) -> bool:
        """Is what the function reads no longer what it was before the function ran?

        Once is no reason to give up: the function may have filled a memo, and what it finds there belongs to the key.
        """
        try:
            now = self.captures.look().snapshot
        except (ClosedOverTracer, Unwatchable):
            self.give_up("it keeps a value of its run where it is still found after it, in a list or an attribute")
            return True
        if now.number != before.number or any(map(operator.is_not, now.arrays, before.arrays)):
            reason = f"it changes what it reads beside its arguments{_named(now.changed)}"
        elif states is not None and self.captures.states() != states:
            reason = "it draws random numbers without a key: use funcgrad.random"
        else:
            return False
        self.changes += 1
        if self.changes >= MOST_CHANGES:
            self.give_up(reason)
        return True

    def trace(self, hidden: Any) -> StageTrace:
        """A new trace to record under."""
        return StageTrace(hidden, self.base)

    def run(self, trace: StageTrace, inputs: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        """The function's results under the trace, and what belongs to the path."""
        try:
            with use_trace(trace):
                return self.flat(inputs)
        finally:
            trace.numbers.clear()  # it holds frames

    def give_up(self, reason: str) -> None:
        """Go on without programs, and say so once."""
        self.eager = reason
        self.warn(f"runs without programs: {reason}", here())

    def warn(self, what: str, where: Origin) -> None:
        """Say what the user may want to change, and where."""
        warnings.warn(f"jit: {self.name} {what}\n  at {describe(where)}", JitWarning, 3)

    # ---- what transforms make of it ----

    def of(self, key: Any, make: Callable[[], Unit]) -> Unit:
        """A unit made of this one, the same for equal keys."""
        found = self.derived.get(key)
        if found is None:
            with self.lock:
                found = self.derived.setdefault(key, make())
        return found


def _named(places: Sequence[str]) -> str:
    """Places that have changed, for a message."""
    return f" ({', '.join(places)})" if places else ""


def on_numpy(values: Sequence[Any]) -> bool:
    """Is NumPy what computes with these, and with what is made beside them?"""
    arrays = [x._data for x in values if isinstance(x, Array)]
    return all(type(x) is np.ndarray for x in arrays) and (bool(arrays) or default_device() == CPU)


def forms_of(leaves: Sequence[Any]) -> list[Any]:
    """What of the inputs belongs in the key of their tree."""
    found: list[Any] = []
    for x in leaves:
        found += (x.shape, x.dtype, type(x._data)) if isinstance(x, Array) else (type(x),)
    return found
