"""What runs: a tree of traces as programs, its loops rolled.

A `State` is a node's program, and where each answer leads. Nodes of one path that Python cannot tell apart
(`frames.py`) and that have the same program are one state: so the turns of `while x > 1` are a state that leads to
itself, and a number of turns that was never seen is no new path.

    a = x > 1 --a?--> [x = x / 2; a = x > 1] --a?--> [the same]            one state, which leads to itself
                                              \\-> False: [return x]

That two nodes are one is a claim about the future, and it is held against what is known of it: a state that would have
two different futures is taken apart again, and so is one that sends a call where nothing is, though it was recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..codegen.memory import is_large
from ..codegen.numpy_program import Program
from ..graph.ir import Var
from .remains import difference

if TYPE_CHECKING:
    from .trace_tree import Node, Tree

__all__ = ["State", "below", "states"]

MOST_ATTEMPTS = 20
"""How often states are taken apart before no loop of the tree is rolled any more."""


class State:
    """A program, and where each answer leads."""

    __slots__ = ("asks", "children", "eager", "node", "program", "run", "runs")

    def __init__(self, node: Node, program: Program | None):
        self.node, self.program = node, program
        self.eager = bool(node.eager)
        self.asks = node.question is not None and not self.eager
        self.children: dict[Any, State] = {}
        self.runs = 0  # how many recorded runs have come by any of its nodes
        self.run: Any = None if program is None else program.function

    def is_of(self, node: Node, program: Program | None) -> bool:
        """May this be that node's state?"""
        mine = self.node
        if mine is node:
            return True
        if self.program is not program or self.eager != bool(node.eager):
            return False
        return node.question is not None or difference(mine.info, node.info) is None


class TwoFutures(Exception):  # noqa: N818  # never seen by users
    """Nodes that were taken for one state go on differently."""

    def __init__(self, python: Any):
        self.python = python


def below(root: Node) -> Iterator[Node]:
    """The node and all after it, parents before children."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children.values()


def states(tree: Tree) -> State | None:
    """The tree as programs, of all states by which two runs have come; None where there are none."""
    root = tree.root
    assert root is not None
    if root.runs < 2 and not root.eager:
        return None  # a function that is called once never pays for compiling
    for _ in range(MOST_ATTEMPTS):
        try:
            return Merging(tree, root).start()
        except TwoFutures as found:
            tree.apart.add(found.python)
    tree.rolls = False
    return Merging(tree, root).start()


class Merging:
    """One attempt to make states of the nodes of a tree."""

    def __init__(self, tree: Tree, root: Node):
        self.tree, self.root = tree, root
        self.nodes = list(below(root))
        times = Counter(node.python for node in self.nodes if node.python is not None)
        self.turns = {
            node
            for node in self.nodes
            if tree.rolls and node.python is not None and times[node.python] > 1 and node.python not in tree.apart
        }
        self.before: dict[Node, tuple[Var, ...]] = {root: tree.inputs}
        self.after: dict[Node, tuple[Var, ...]] = {}
        self.flow()
        self.mark()

    def flow(self) -> None:
        """Which values live before and after each node."""
        inputs = set(self.tree.inputs)
        carried: dict[Any, set[Var]] = {}  # by what Python could act on: inputs that a turn needs, and no local holds
        known = -1
        while known != (count := sum(map(len, carried.values()))):  # the last recorded turn needs them no less
            known = count
            live: dict[Node, set[Var]] = {}
            for node in reversed(self.nodes):  # children before their parents
                needed = set().union(*(live[child] for child in node.children.values()))
                kept: tuple[Var, ...] = ()
                if node in self.turns:
                    # in a loop every local is kept, so that the program of each turn is alike
                    kept = node.locals
                    own = carried.setdefault(node.python, set())
                    own |= needed.intersection(inputs).difference(kept)
                    needed |= own
                rest = sorted(needed.difference(kept), key=self.tree.order.__getitem__)
                self.after[node] = (*kept, *rest)
                read = {a for e in node.eqns for a in e.operands if isinstance(a, Var)}
                read.update(a for a in node.outputs if isinstance(a, Var))
                if node.question is not None and isinstance(node.question.atom, Var):
                    read.add(node.question.atom)
                made = {v for e in node.eqns for v in e.outs}
                live[node] = read.union(self.after[node]) - made
        for node in self.nodes:
            for child in node.children.values():
                self.before[child] = self.after[node]

    def mark(self) -> None:
        """Tell the nodes behind a turn of a loop that they are; what was learnt of them may not be so any more."""
        turned = set(self.turns)
        for node in self.nodes:  # parents before their children
            if node in turned:
                turned.update(node.children.values())
            if node.turned != (node in turned):
                node.turned, node.assemble, node.finish = not node.turned, None, None

    def start(self) -> State:
        """The state of the root."""
        found: dict[Node, State] = {}
        seen: dict[Node, dict[Any, State]] = {self.root: {}}  # by node, the states that a loop may come back to there
        blamed: dict[Node, Any] = {self.root: None}  # by node, the last claim on its path
        waiting: list[tuple[Node, State | None, Any]] = [(self.root, None, None)]
        while waiting:
            node, parent, answer = waiting.pop()
            program = None if node.eager else self.tree.program(node, self.before[node], self.after[node])
            here, blame = seen.pop(node), blamed.pop(node)
            known = None if parent is None else parent.children.get(answer)
            state = None
            key = None
            if node in self.turns:
                key = node.python, id(program), self.after[node][len(node.locals) :]
                state = here.get(key)
            if state is None or (known is not None and known.is_of(node, program)):
                # where their parents are one state they are one as well, whatever the path has come by before
                state = known or State(node, program)
            if (known is not None and state is not known) or not state.is_of(node, program):
                raise TwoFutures(blame)
            if state.node is not node and key is not None:
                blame = node.python
            state.runs += node.runs
            if parent is not None:
                parent.children[answer] = state
            if key is not None and key not in here:
                here = {**here, key: state}
            found[node] = state
            for k, child in node.children.items():
                seen[child], blamed[child] = here, blame
                waiting.append((child, state, k))
        for state in set(found.values()):
            state.children = {k: s for k, s in state.children.items() if s.runs > 1 or s.eager}
            self.turn(state)
        return found[self.root]

    def turn(self, state: State) -> None:
        """A state that leads to itself as a loop in its own program, where it is small: a turn costs more than that."""
        node, before, after = state.node, self.before[state.node], self.after[state.node]
        if not (state.asks and state.children.get(True) is state and len(before) == len(after)):
            return
        small = not any(map(is_large, (*before, *(out for eqn in node.eqns for out in eqn.outs))))
        if small and node.question is not None and node.question.kind == "bool":
            state.program = self.tree.program(node, before, after, again=True)
            state.run = state.program.function
