"""Loops and branches as statements of a program, whose bodies are functions above it.

def body0(a, b, c):                       def program(a, b, c):
    d = np.tanh(b @ a + c)                    d = b
    return (d, d)                             e = np.empty((1000, 3), float32)
                                              for step in range(1000):
                                                  d, e[step] = body0(a, d, c[step])
                                              return (d, e)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..graph.ir import Eqn
from ..graph.loops import BranchCall, ReplayCall, ScanCall, WhileCall

if TYPE_CHECKING:
    from .writer import Writer

__all__ = ["WRITTEN", "loop_lines"]

WRITTEN = (ScanCall, WhileCall, ReplayCall, BranchCall)
"""The calls that have statements of their own."""
LEAST_TURNS = 8
"""In how many turns a copy of a constant pays for itself; a product by a transposed matrix takes a sixth longer."""
_INDENT = "    "


def loop_lines(writer: Writer, i: int, eqn: Eqn) -> list[str]:
    """The statements of step i, a loop or a branch, all of whose operands have names."""
    operands = [writer.read(a).text for a in eqn.operands]
    outs = [writer.names[v] for v in eqn.outs]
    op = eqn.op
    if isinstance(op, ScanCall):
        return scan_lines(writer, i, eqn, op, operands)
    if isinstance(op, WhileCall):
        return while_lines(writer, op, operands, outs)
    if isinstance(op, ReplayCall):
        return replay_lines(writer, op, operands, outs)
    assert isinstance(op, BranchCall)
    cases = ", ".join(writer.function("case", case) for case in op.cases)
    index = f"int({operands[0]})" if writer.numpy else f"int(number({operands[0]}))"
    return [f"{targets(outs)}({cases})[{index}]({', '.join(operands[1:])})"]


def scan_lines(writer: Writer, i: int, eqn: Eqn, op: ScanCall, operands: Sequence[str]) -> list[str]:
    """A loop that counts its steps; results that nobody reads are dropped."""
    outs = eqn.outs
    first = op.consts + op.carry
    names = [writer.names[v] for v in outs]
    carry = names[: op.carry]
    ys = [(writer.names[v], v) for v in outs[op.carry :] if writer.uses.get(v)]
    lines = [f"{name} = np.ascontiguousarray({name})" for name in transposed(writer, eqn)]
    lines += started(carry, operands[op.consts : first])
    found = list(carry)
    for v in outs[op.carry :]:
        name = writer.names[v]
        if not writer.uses.get(v):
            found.append("_")
        elif writer.numpy:
            lines += writer.memory_for(i, v)
            found.append(f"{name}[step]")
        else:
            lines.append(f"{name} = [None] * {op.length}")
            found.append(f"{name}[step]")
    steps = f"range({op.length})"
    lines.append(f"for step in {f'reversed({steps})' if op.reverse else steps}:")
    row = "step" if writer.numpy else "step, ..."  # an array of another module may want all its axes named
    given = [*operands[: op.consts], *carry, *(f"{x}[{row}]" for x in operands[first:])]
    lines.append(f"{_INDENT}{targets(found)}{writer.function('body', op.body)}({', '.join(given)})")
    if not writer.numpy:
        lines += [f"{name} = xp({name}[0]).stack({name})" for name, _ in ys]
    return lines


def transposed(writer: Writer, eqn: Eqn) -> list[str]:
    """Constants of a loop that are transposes: to copy such a matrix once costs less than to go across it each turn."""
    assert isinstance(eqn.op, ScanCall)
    if not writer.numpy or eqn.op.length < LEAST_TURNS:
        return []
    made = {e.outs[0] for e in writer.graph.eqns if e.op.name == "permute_dims"}
    return [writer.names[a] for a in dict.fromkeys(eqn.operands[: eqn.op.consts]) if a in made]  # type: ignore[index]


def while_lines(writer: Writer, op: WhileCall, operands: Sequence[str], outs: Sequence[str]) -> list[str]:
    """A loop that asks before each step."""
    consts, (carry, histories) = operands[: op.consts], parted(outs, len(outs) - len(op.batches))
    lines = started(carry, operands[op.consts :])
    lines += [f"{name} = []" for name in histories]
    given = ", ".join([*consts, *carry])
    ask = f"{writer.function('condition', op.condition)}({given})"
    lines.append(f"while {f'(flags := {ask})' if histories else ask}[0]:")
    entries = ["flags[-1]", *(carry[k] for k in op.saves)]
    lines += [f"{_INDENT}{name}.append({entry})" for name, entry in zip(histories, entries, strict=False)]
    lines.append(f"{_INDENT}{targets(carry)}{writer.function('body', op.body)}({given})")
    lines += [f"{name} = history({name}, {shape})" for name, shape in zip(histories, op.batches, strict=True)]
    return lines


def replay_lines(writer: Writer, op: ReplayCall, operands: Sequence[str], outs: Sequence[str]) -> list[str]:
    """A loop over what another has saved, the last step first."""
    first = op.consts + len(op.batches)
    lines = started(outs, operands[first:])
    lists = [f"entries({name})" for name in operands[op.consts : first]]
    histories = ", ".join(f"reversed({text})" if op.reverse else text for text in lists)
    lines.append(f"for entry in zip({histories}):")
    given = ", ".join([*operands[: op.consts], "*entry", *outs])
    lines.append(f"{_INDENT}{targets(outs)}{writer.function('body', op.body)}({given})")
    return lines


def started(carry: Sequence[str], operands: Sequence[str]) -> list[str]:
    """The carry before the first step."""
    return [f"{', '.join(carry)} = {', '.join(operands)}"] if carry else []


def targets(names: Sequence[str]) -> str:
    """What a function's tuple of results is assigned to."""
    return "" if not names else f"({names[0]},) = " if len(names) == 1 else f"{', '.join(names)} = "


def parted(names: Sequence[str], count: int) -> tuple[list[str], list[str]]:
    """The first ones, and the others."""
    return list(names[:count]), list(names[count:])
