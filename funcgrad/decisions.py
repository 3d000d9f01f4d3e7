"""Does the user's expression only decide, or show? `if float(x) > 3` and `print(float(x))` need no derivative.

Read from the source, where it is at hand, around an instruction's place in it.
"""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
from typing import Any, TypeAlias

from .provenance import Origin

__all__ = ["only_decides"]

Place: TypeAlias = tuple[int | None, ...]

_SHOWING = frozenset(
    [
        *("bool", "format", "int", "isinstance", "print", "range", "repr", "round", "str"),
        *("ceil", "floor", "isclose", "isfinite", "isinf", "isnan", "trunc"),
        *("critical", "debug", "error", "exception", "info", "log", "warn", "warning", "write"),
    ]
)
"""Names of functions, and of methods of loggers and files, whose result carries no derivative anyway."""


@functools.lru_cache(maxsize=1000)
def only_decides(origin: Origin) -> bool:
    """Is what the instruction computes there used for nothing but a decision or a text, as far as can be seen?

    Args:
        origin: of a call: `float(x)`, `math.sin(x)`, `x.item()`.
    """
    code, lasti = origin
    positions = list(code.co_positions())
    place: Place = positions[lasti // 2] if 0 <= lasti // 2 < len(positions) else (None,)
    chain = _chains(code.co_filename).get(place)
    if chain is None:
        return False
    return any(_decides(parent, child) for child, parent in _upwards(chain))


def _upwards(chain: tuple[ast.AST, ...]) -> Any:
    """(node, the node that it is a part of), from the innermost as far as a value goes by arithmetic alone."""
    for child, parent in itertools.pairwise(chain):
        yield child, parent
        if not isinstance(parent, ast.BinOp | ast.UnaryOp | ast.Call | ast.keyword):
            return
        if isinstance(parent, ast.Call) and (child is parent.func or _name(parent) not in ("abs", "max", "min")):
            return


def _decides(parent: ast.AST, child: ast.AST) -> bool:
    """Does a node make a decision or a text of that part of it?"""
    match parent:
        case ast.Compare() | ast.BoolOp() | ast.Assert() | ast.FormattedValue() | ast.Expr() | ast.Match():
            return True
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.If() | ast.While() | ast.IfExp():
            return child is parent.test
        case ast.Subscript():
            return child is parent.slice
        case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str())):
            return child is parent.right
        case ast.Call():
            return child is not parent.func and _name(parent) in _SHOWING
    return False


def _name(call: ast.Call) -> str:
    """What is called, without what it belongs to."""
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@functools.lru_cache(maxsize=32)
def _chains(filename: str) -> dict[Place, tuple[ast.AST, ...]]:
    """By the place of each call in a file: its node and those around it, from the inside."""
    try:
        module = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):  # no file of Python's: a notebook's cell that was changed meanwhile
        return {}
    found: dict[Place, tuple[ast.AST, ...]] = {}

    def visit(node: ast.AST, around: tuple[ast.AST, ...]) -> None:
        chain = (node, *around[:20])
        if isinstance(node, ast.Call):
            found[(node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)] = chain
        for child in ast.iter_child_nodes(node):
            visit(child, chain)

    visit(module, ())
    return found
