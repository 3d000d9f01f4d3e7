"""What `jit` has made of a function, to read: `explain`."""

from __future__ import annotations

from typing import Any

from ..codegen.memory import mebibytes
from ..codegen.numpy_program import Program
from ..errors import OptionError
from .donation import DonatingWay
from .jit import Jitted
from .paths import line_of
from .states import State
from .trace_tree import Node, Tree, answer_text
from .unit import Unit

__all__ = ["explain"]

LEAST = 1 << 10
"""Bytes of memory that are worth a word."""


def explain(f: Any, *, source: bool = False) -> None:
    """Print what jit knows of a function: its paths, the questions that lead to them, how often they were taken.

    For programs of a KiB and more it says how much memory their values take at once, arguments aside. What lies in the
    arena is the same memory at each call, which all programs share; the rest, results among it, is new.

    Args:
        f: a function made by `jit`.
        source: print the programs too.

    Raises:
        OptionError: f is not one.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> f = fg.jit(lambda x: x * 2 if x > 0 else -x)
    >>> _ = [f(fnp.asarray(v)) for v in (1.0, 1.0, 1.0, -1.0, 1.0)]
    >>> fg.explain(f)
    jit of <lambda>: 1 kind of inputs, 2 paths, 3 recorded runs
    inputs float32[]
      recorded: the first run; held against the run before; a new path, on False at <doctest funcgrad...explain[1]>:1
      1 operation, then asks at <doctest funcgrad...explain[1]>:1
      True: 1 operation, then returns (1 call by program)
      False: 1 operation, then returns (recorded 1 time, no program yet)
    """
    if not isinstance(f, Jitted):
        raise OptionError(f"explain takes a function made by jit, not {type(f).__name__}")
    trees = [(unit, tree) for unit in units(f) for tree in unit.trees.values()]
    paths, runs = sum(tree.ends() for _, tree in trees), sum(tree.traces for _, tree in trees)
    name = getattr(f.f, "__name__", type(f.f).__name__)
    print(f"jit of {name}: {many(len(trees), 'kind')} of inputs, {many(paths, 'path')}, {many(runs, 'recorded run')}")
    for unit in units(f):
        if unit.eager:
            print(f"{unit.name} runs without programs: {unit.eager}")
    for unit, tree in trees:
        head = f"inputs {' '.join(repr(v.type) for v in tree.inputs)}"
        around = f" ({', '.join(tree.changed)} changed around it)" if tree.changed else ""
        print(f"{head if unit.name == name else f'{unit.name}, {head}'}{around}")
        if tree.root is None:
            print(f"  nothing recorded: called {many(tree.warmed, 'time')}")
            continue
        print(f"  recorded: {'; '.join(why + (f' at {line_of(at)}' if at else '') for why, at in tree.log)}")
        show(tree, tree.root, source, variants(f))


def units(f: Jitted) -> list[Unit]:
    """The function's own, and those that transforms have made of it."""
    found = list(f.units.values())
    for unit in found:
        found += unit.derived.values()
    return found


def variants(f: Jitted) -> dict[Any, list[Program]]:
    """By program, those that do the same and write over donated arguments."""
    found: dict[Any, list[Program]] = {}
    for way in f.ways:
        for (plain, _), made in list(way.plans.items()) if isinstance(way, DonatingWay) else ():
            if made.taken:
                found.setdefault(plain, []).append(made)
    return found


def show(tree: Tree, root: Node, source: bool, over: dict[Any, list[Program]]) -> None:
    """The tree, one line a node; the turns of a rolled loop are one node."""
    start = tree.start
    waiting: list[tuple[Node, State | None, str, str]] = [(root, start, "", "  ")]
    shown: set[int] = set()
    while waiting:
        node, state, label, indent = waiting.pop()
        if state is not None and id(state) in shown:
            print(f"{indent}{label}again, as above")
            continue
        if state is not None:
            shown.add(id(state))
        program = None if state is None else state.program
        print(f"{indent}{label}{words(node, state)}{memory(program)}")
        if source and program is not None:
            show_source(program, indent)
        for variant in over.get(program, ()):
            print(f"{indent}  over {many(len(variant.taken), 'donated array')}{memory(variant)}")
            if source:
                show_source(variant, indent)
        children: dict[Any, Node | State] = {**node.children, **({} if state is None else state.children)}
        deeper = indent + ("  " if len(children) > 1 and label else "")
        for answer, child in reversed(children.items()):
            below = child if isinstance(child, Node) else child.node
            next_state = child if isinstance(child, State) else None
            waiting.append((below, next_state, f"{answer_text(answer)}: ", deeper))


def show_source(program: Any, indent: str) -> None:
    """Its text, and that of its nests in C."""
    for line in (program.source + program.compiled).splitlines():
        print(f"{indent}    {line}")


def words(node: Node, state: State | None) -> str:
    """What a node does, and what became of it."""
    does = many(len(node.eqns), "operation")
    if node.eager:
        return f"{does}, then runs without programs: {node.eager}"
    if node.question is not None:
        return f"{does}, then asks at {line_of(node.question.origin)}"
    known = (
        f"{many(node.hits, 'call')} by program"
        if state is not None
        else f"recorded {many(node.runs, 'time')}, no program yet"
    )
    return f"{does}, then returns ({known})"


def memory(program: Any) -> str:
    """How much memory a program takes, if that is worth a word."""
    if not isinstance(program, Program) or sum(program.nbytes) < LEAST:
        return ""
    arena = program.nbytes[0]
    return f"; takes {mebibytes(sum(program.nbytes))}" + (f", {mebibytes(arena)} of it in the arena" if arena else "")


def many(count: int, what: str) -> str:
    """'1 path', '2 paths'"""
    return f"{count} {what}{'' if count == 1 else 's'}"
