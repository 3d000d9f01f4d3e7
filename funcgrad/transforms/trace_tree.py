"""The tree of traces: everything that a function has been seen to do, and the programs that do it again.

    inputs --> [a = sin x; b = a > 0] --b?--> True  --> [c = a * 2]            --> outputs
                                       \\-> False --> [c = -a; d = c < 1] --d?--> ...

The truth is the tree of `Node`s: equations, the question that Python asked after them, and for each answer what came
then. A run that is recorded again must find there what it found before, or the function is not pure. What runs is a
tree of `State`s: one program a node, from the values that are still needed to those that will be.

A node becomes a program when a second run has come by: a function that is called once never pays for compiling, and
what compiles has been seen to do the same twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codegen.numpy_program import Program, numpy_program
from ..codegen.worth import calls_until_native
from ..core import Call, Primitive
from ..graph.ir import Atom, Eqn, Graph, Literal, Var
from ..graph.keys import graph_key
from ..provenance import Origin
from .finishing import finished
from .remains import PLAIN, difference
from .stage import Question, Recording
from .states import State, below, states

__all__ = ["Impure", "Node", "Tree", "answer_text", "asking"]

MOST_ANSWERS = 64
"""How many different answers a question may have before its site runs without programs."""

MOST_PATHS = 128
"""How many paths are recorded: a path that is new after that runs without programs."""


class Impure(Exception):  # noqa: N818  # never seen by users: jit warns and goes on without programs
    """A function did something else than it did before, on inputs of the same kind that gave the same answers."""


class Node:
    """What is done up to a question, and what came after each answer.

    Args:
        eqns: what is done.
        question: what Python asks then; None at the end.

    `outputs` and `info` belong to an end: the results, and what the caller of the tree wants to know with them.
    `eager` is why this node has no program, if it must not have one. `python` is what Python could act on at the
    question, if that is known, and `locals` the variables in it. `effect`: does it do something that is seen outside?
    """

    __slots__ = (
        "assemble",
        "children",
        "eager",
        "effect",
        "eqns",
        "finish",
        "hits",
        "info",
        "locals",
        "outputs",
        "python",
        "question",
        "runs",
        "turned",
    )

    def __init__(self, eqns: Sequence[Eqn], question: Question | None):
        self.eqns, self.question = list(eqns), question
        self.children: dict[Any, Node] = {}
        self.python: Any = None
        self.locals: tuple[Var, ...] = ()
        self.outputs: Sequence[Atom] = ()
        self.info: Any = None
        self.assemble: Any = None  # (raw results, argument leaves) -> what the user gets, where somebody made one
        self.finish: Any = None  # (argument leaves, raw ones) -> what the user gets, by the program of a whole path
        self.turned = False  # whether its variables stand for what the turns of a loop have left in their places
        self.runs = 0  # how many recorded runs have come by
        self.hits = 0  # how many calls have ended here
        self.eager: str = ""
        self.effect = False


class Tree:
    """All paths of one function on inputs of one kind.

    Args:
        inputs: the variables of its inputs.
        numpy: whether all arrays are NumPy's.
    """

    __slots__ = (
        "apart",
        "changed",
        "full",
        "inputs",
        "interned",
        "log",
        "native",
        "numpy",
        "order",
        "programs",
        "ripe",
        "rolls",
        "root",
        "start",
        "traces",
        "unrecorded",
        "warmed",
    )

    def __init__(self, inputs: Sequence[Var], numpy: bool = True):
        self.inputs, self.numpy = tuple(inputs), numpy
        self.root: Node | None = None
        self.start: State | None = None
        self.order: dict[Var, int] = {v: i for i, v in enumerate(inputs)}
        self.programs: dict[tuple[Node, bool], tuple[tuple[Var, ...], tuple[Var, ...], Program]] = {}
        self.interned: dict[Any, Program] = {}  # by what they do: the turns of a loop have one program
        self.traces = 0
        self.changed: Sequence[str] = ()  # what had changed around the function when the tree was begun
        self.log: list[tuple[str, Origin | None]] = []  # why runs were recorded, and where they left what was known
        self.unrecorded = 0  # runs that could not be added
        self.warmed = 0  # how many calls ran as they are before the first was recorded
        self.apart: set[Any] = set()  # what Python could act on where turns of a loop turned out to be different
        self.rolls = True
        self.native = False  # whether its loops are compiled from C
        self.ripe = -1  # the number of calls of a path after which they are
        self.full = False  # whether new paths are not recorded any more

    # ---- what was done ----

    def graft(
        self, record: Recording, inputs: Sequence[Var], outputs: Sequence[Atom], info: Any, eager: str = ""
    ) -> tuple[Node, Origin | None]:
        """Add a run to the tree.

        Args:
            record: what it did.
            inputs: its variables for the tree's inputs.
            outputs: its results.
            info: kept with them.
            eager: why its end must not be a program, if so.

        Returns:
            Its end, and the place of a question that has come to have too many answers, if there is one.

        Raises:
            Impure: it differs from what is in the tree.
        """
        names: dict[Var, Var] = dict(zip(inputs, self.inputs, strict=True))
        crowded = None
        reason: tuple[str, Origin | None] = (
            "the first run" if self.root is None else "held against the run before",
            None,
        )
        parent: Node | None = None
        answer: Any = None
        steps = [(s.eqns, s.question, s.answer, s.state) for s in record.segments] + [(record.eqns, None, None, None)]
        path: list[Node] = []
        for eqns, question, next_answer, python in steps:
            node = self.root if parent is None else parent.children.get(answer)
            if node is None:
                if parent is not None and len(parent.children) >= MOST_ANSWERS and not parent.eager:
                    parent.eager = f"more than {MOST_ANSWERS} different answers"
                    crowded = parent.question.origin if parent.question else None
                    break
                if parent is not None and path[-1].runs > 1 and reason[1] is None and parent.question is not None:
                    reason = f"a new path, on {answer_text(answer)}", parent.question.origin
                node = self.added(eqns, question, names)
                if python is not None:
                    node.python, node.locals = python[0], tuple(names[v] for v in python[1])
                if parent is None:
                    self.root = node
                else:
                    parent.children[answer] = node
            else:
                match(node, eqns, question, names)
            node.runs += 1
            path.append(node)
            parent, answer = node, next_answer
        assert parent is not None
        if crowded is None:
            found = [named(a, names) for a in outputs]
            if parent.runs == 1:
                parent.outputs, parent.info, parent.eager = found, info, eager or parent.eager
            elif parent.eager == "":
                if not all(map(same_atom, parent.outputs, found)):
                    raise Impure("its results differ")
                if (two := difference(parent.info, info)) is not None:
                    if type(two[0]) in PLAIN and type(two[1]) in PLAIN:
                        raise Impure(f"it returned {two[0]!r:.40}, and then {two[1]!r:.40}")
                    parent.eager = f"it returns a new {type(two[1]).__name__} each time, which no program can make"
        self.traces += 1
        self.log.append(reason)
        if reason[1] is not None and self.ends() >= MOST_PATHS:
            self.full = True
        if parent.runs > 2 and not parent.eager:  # a call of a path that has its programs came to a place without one
            self.apart.update(node.python for node in path)
        if not self.native:
            self.ripe = self.calls_until_native()
            self.native = self.ripe == 0
        self.start = states(self)
        return parent, crowded

    def added(self, eqns: Sequence[Eqn], question: Question | None, names: dict[Var, Var]) -> Node:
        """A new node, its equations in the tree's variables."""
        found = []
        for eqn in eqns:
            for v in eqn.outs:
                names[v] = v
                self.order[v] = len(self.order)
            found.append(eqn.replaced([named(a, names) for a in eqn.operands]))
        if question is not None:
            question = Question(named(question.atom, names), question.kind, question.origin)
        node = Node(found, question)
        node.effect = any(isinstance(e.op, Call) and e.op.effect for e in found)
        # what was never seen is recorded from the top, and what raises runs again, where the effect would happen again
        if node.effect and question is not None:
            node.eager = "it has an effect before Python asks for a value"
        elif node.effect and any(may_raise(e) for e in found):
            node.eager = "it has an effect beside an operation that may raise"
        return node

    def ends(self) -> int:
        """How many paths there are."""
        return 0 if self.root is None else sum(node.question is None for node in below(self.root))

    # ---- what runs ----

    def program(self, node: Node, before: tuple[Var, ...], after: tuple[Var, ...], again: bool = False) -> Program:
        """The node's program from the values in `before` to those in `after`, or to the results.

        With `again` it is run on its own outputs as long as its answer is true.
        """
        known = self.programs.get((node, again))
        if known is not None and known[:2] == (before, after):
            return known[2]
        question = node.question
        outputs: tuple[Atom, ...] = tuple(node.outputs) if question is None else (*after, question.atom)
        whole = Graph(before, tuple(node.eqns), outputs)
        known_as = graph_key(whole, whole=False)
        key = None if known_as is None else (known_as, question and question.kind, again)
        program = self.interned.get(key)
        if program is None:
            program = self.compiled(whole, None if question is None else question.kind, again)
            if key is not None:
                self.interned[key] = program
        self.programs[node, again] = before, after, program
        return program

    def compiled(self, graph: Graph, kind: str | None, again: bool) -> Any:
        """A stretch as what runs; where a question is asked of a `kind`, of the graph's last output."""
        return asking(finished(graph, self.numpy), kind, self.numpy, again, self.native)

    def calls_until_native(self) -> int:
        """After how many calls of a path its programs are compiled from C; see `codegen/worth.py`."""
        assert self.root is not None
        return calls_until_native(eqn for node in below(self.root) for eqn in node.eqns) if self.numpy else -1

    def ripen(self) -> None:
        """From here on the programs are compiled from C."""
        assert self.root is not None
        self.native = True
        self.programs.clear()
        self.interned.clear()
        for node in below(self.root):
            node.finish = None  # the program is in it
        self.start = states(self)


def asking(graph: Graph, kind: str | None, numpy: bool, again: bool = False, native: bool = False) -> Program:
    """The program of a graph, of whose last output a question of that kind is asked, if any."""
    if kind is None:
        return numpy_program(graph, numpy=numpy, native=native)
    ask = graph.outputs[-1], kind
    return numpy_program(Graph(graph.inputs, graph.eqns, graph.outputs[:-1]), ask, numpy, again, native=native)


# ---- is it the same? ----------------------------------------------------------------------------


def match(node: Node, eqns: Sequence[Eqn], question: Question | None, names: dict[Var, Var]) -> None:
    """Hold what a run did against what is known, and learn the known names of its variables.

    Raises:
        Impure: they differ.
    """
    if len(eqns) != len(node.eqns):
        raise Impure(f"it did {len(eqns)} operations where it had done {len(node.eqns)}")
    for new, old in zip(eqns, node.eqns, strict=True):
        operands = [named(a, names) for a in new.operands]
        alike = (
            same_operation(new, old)
            and len(operands) == len(old.operands)
            and all(map(same_atom, operands, old.operands))
            and [v.type for v in new.outs] == [v.type for v in old.outs]
        )
        if not alike:
            raise Impure(
                f"{old.op.name} did not get the operands that it had got"
                if new.op is old.op
                else f"it did {new.op.name} where it had done {old.op.name}"
            )
        names.update(zip(new.outs, old.outs, strict=True))
    mine, other = question, node.question
    if (mine is None) != (other is None):
        raise Impure("Python asked for a value at another place")
    if mine is None or other is None:
        return
    if mine.kind != other.kind or not same_atom(named(mine.atom, names), other.atom):
        raise Impure("Python asked for another value")


def may_raise(eqn: Eqn) -> bool:
    """May an equation raise an error for some values?"""
    return eqn.op.checks if isinstance(eqn.op, Primitive) else eqn.op.opaque and not eqn.op.effect


def named(atom: Atom, names: dict[Var, Var]) -> Atom:
    """An atom in the tree's variables."""
    return names[atom] if isinstance(atom, Var) else atom


def same_atom(a: Atom, b: Atom) -> bool:
    """Are they one variable, or the same bits?"""
    if isinstance(a, Literal):
        return isinstance(b, Literal) and a.same(b)
    return a is b


def same_operation(a: Eqn, b: Eqn) -> bool:
    """Do two equations do the same with their operands?"""
    if isinstance(a.op, Primitive) or isinstance(b.op, Primitive):
        return a.op is b.op and a.params == b.params
    return type(a.op) is type(b.op) and a.op.name == b.op.name and a.op.key == b.op.key


def answer_text(answer: Any) -> str:
    """An answer as `explain` shows it."""
    return f"values {answer.hex(' ', 4)[:24]}" if isinstance(answer, bytes) else repr(answer)
