"""Writes a graph down as the text of a NumPy program, statement by statement.

An equation whose result is read once becomes an expression that waits for its reader. Before a statement is written,
the expressions that it does not read are written as statements of their own: so things happen in the graph's order,
and no array lives longer than in eager work. The results of large operations never wait: written one by one, each can
go into the memory of an operand. (NumPy would do so by itself in nested expressions, without a look at the order of
elements that the result would have had.)
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from ..core import SCALARS, Aval, Call, Primitive
from ..graph.barrier import Barrier
from ..graph.ir import Atom, Eqn, Graph, Number, Var, used_by
from ..provenance import Origin
from .comments import Comments
from .expressions import (
    ATOM,
    OPERATORS,
    Expr,
    array_text,
    dtype_name,
    into_text,
    is_ufunc,
    is_widened,
    number_text,
    param_text,
    portable_text,
    python_names,
    ufunc,
    writes,
)
from .fusion import Group, schedule
from .lives import Frame, Lives
from .loop_writer import WRITTEN, loop_lines
from .memory import Memory, is_large, may_raise, mebibytes
from .tile_writer import TileWriter

__all__ = ["Writer"]

MOST_TEXT = 72
"""Characters of an expression that may stand inside another."""
MOST_DEPTH = 6
_INDENT = "    "


class Writer:
    """The text of one program, and what it calls by name.

    Args:
        graph: any.
        ask: see `numpy_program`.
        numpy: the same.
        planned: whether large arrays are written over, and chains of operations on them run in tiles.
        again: whether the outputs are the next inputs as long as the answer is true.
        caller: the writer of the program that this is a function of; they share what they call by name.
        name: of the function.
        donated: which inputs may be written over; the program takes a list before them, which is no longer empty as
            soon as one is.
    """

    def __init__(
        self,
        graph: Graph,
        ask: tuple[Atom, str] | None,
        numpy: bool,
        planned: bool,
        again: bool = False,
        caller: Writer | None = None,
        name: str = "program",
        donated: Sequence[int] = (),
    ):
        self.graph, self.ask, self.numpy, self.planned, self.again, self.name = graph, ask, numpy, planned, again, name
        self.plain = "plain" if caller is None else f"plain_{name}"
        self.functions: list[Writer] = [] if caller is None else caller.functions
        """The functions that it calls, and those that they call."""
        self.bound: dict[str, Any] = {} if caller is None else caller.bound
        """Kernels, calls, constants and parameters, by the names that the text has for them."""
        self.trusted: set[Var] = set()
        """Inputs that the program takes to be C-contiguous."""
        self.names = python_names(graph)
        self.finals = (*graph.outputs, *([ask[0]] if ask else ()))
        self.uses = used_by(graph.eqns, self.finals)
        planned = planned and (self.plans_small or any(is_large(out) for eqn in graph.eqns for out in eqn.outs))
        self.given = {v: v for v in (graph.inputs[i] for i in donated)} if planned else {}
        """By value, the donated input in whose memory it is."""
        self.taken: list[int] = []
        """Which inputs are written over."""
        self.memory = Memory(graph, self.given) if planned else None
        self.steps: list[Any] = list(graph.eqns) if self.memory is None else self.arranged(self.memory)
        self.lives = Lives(self.steps, self.finals, self.memory, self.given)
        self.last = self.lives.last
        self.frame = Frame(self.lives, writes, self.given)
        self.safe = self._safe()
        """The step from which on nothing raises an error of its own, after which the function would run again."""
        self.nbytes = 0, 0  # what its values take, in the arena and beside it; known once the text is written
        self._inner: dict[int, int] = {}  # by step, what the functions take that it calls
        self._begun = False
        self.lines: list[str] = []
        self._waiting: dict[Var, tuple[Expr, Origin]] = {}
        self._held: list[Var] = []  # large values that a name holds
        self.say = Comments("#")
        self._constants: dict[int, str] = {} if caller is None else caller._constants

    def source(self) -> str:
        """The whole text."""
        if not self.lines:
            for i, step in enumerate(self.steps):
                self._step = i
                if isinstance(step, Eqn):
                    self._write_eqn(i, step)
                else:
                    self._write_group(i, step)
            self._write_return()
        names = ", ".join(self.names[v] for v in self.graph.inputs)
        lines = self.lines
        if self.again:
            lines = [f"{_INDENT}while True:", *(_INDENT + line if line else line for line in lines)]
        head = f"def {self.name}({'begun, ' if self.taken else ''}{names}):"
        text = "\n".join([head, *self._guard(names), *self._frame_lines(), *lines, ""])
        return text if self.name != "program" else "\n".join([*(f.source() for f in self.functions), text])

    def function(self, kind: str, graph: Graph) -> str:
        """The name of a function of the text that does what a graph says."""
        found = next((f for f in self.functions if f.graph is graph), None)
        if found is None:
            found = type(self)(graph, None, self.numpy, self.planned, False, self, f"{kind}{len(self.functions)}")
            self.functions.append(found)
            found.source()  # so that what it calls is written before it
        self._inner[self._step] = max(self._inner.get(self._step, 0), sum(found.nbytes))
        return found.name

    # ---- what another writer does otherwise ------------------------------------------------------

    plans_small = False
    """Whether there are plans for small arrays, too."""

    def arranged(self, memory: Memory) -> list[Any]:
        """The equations in the order in which they are written, some of them in groups."""
        return schedule(self.graph, memory)

    # ---- what is known ---------------------------------------------------------------------------

    def is_dead(self, var: Var, i: int) -> bool:
        """Is the value's memory the program's own, and will nobody look at it after step i?"""
        assert self.memory is not None
        return self.memory.is_own(var) and (var not in self.given or i >= self.safe) and self.lives.end(var) <= i

    def _safe(self) -> int:
        if not self.given:
            return 0
        return 1 + max((i for i, s in enumerate(self.steps) if isinstance(s, Eqn) and may_raise(s.op)), default=-1)

    def donated_first(self, operands: Sequence[Atom]) -> list[Atom]:
        """Operands in the order in which a result takes their memory: what is not taken of the caller's is lost."""
        return sorted(operands, key=lambda a: a not in self.given)

    def trust(self, a: Atom) -> None:
        """Count on the inputs on which it depends whether this value is C-contiguous."""
        assert self.memory is not None
        self.trusted |= self.memory.contiguous(a) or set()

    # ---- memory ----------------------------------------------------------------------------------

    def memory_for(self, i: int, out: Var) -> list[str]:
        """The statement that makes memory for a value of step i; none where it lies in the arena."""
        if self.frame.place(i, out):
            return []
        return [f"{self.names[out]} = np.empty({out.type.shape}, {dtype_name(out.type.dtype)})"]  # type: ignore[union-attr]

    def _frame_lines(self) -> list[str]:
        """The statement that takes an arena."""
        placed, plan = self.frame.placed()
        self.nbytes = plan.nbytes if plan else 0, self.frame.beside(self.names, self._inner)
        if plan is None:
            return []
        names = ", ".join(self.names[v] for v in placed) + "," * (len(placed) == 1)
        return [f"{_INDENT}arena, ({names}) = borrow({self.bind('plan', plan)})  # {mebibytes(plan.nbytes)}"]

    def _guard(self, names: str) -> list[str]:
        if not self.trusted:
            return []
        ordered = [f"{self.names[v]}.flags.c_contiguous" for v in self.graph.inputs if v in self.trusted]
        test = ordered[0] if len(ordered) == 1 else f"({' and '.join(ordered)})"
        return [
            f"{_INDENT}if not {test}:  # the same without plans for memory",
            f"{_INDENT * 2}return {self.plain}({names})",
        ]

    # ---- values ----------------------------------------------------------------------------------

    def read(self, a: Atom) -> Expr:
        """The source of a value; an expression that has waited for its reader is gone then."""
        if isinstance(a, Var):
            if a in self._waiting:
                return self._waiting.pop(a)[0]
            return Expr(self.names[a], home=self.names[a])
        if type(a.value) in SCALARS:
            return number_text(a.value)
        data = a.value._data
        name = self._constants.setdefault(id(data), f"c{len(self._constants)}")
        self.bound[name] = data
        return Expr(name, home=name)

    def bind(self, kind: str, value: Any) -> str:
        """A name for a value that has no text."""
        for name, other in self.bound.items():
            if other is value:
                return name
        name = f"{kind}{sum(n.rstrip('0123456789') == kind for n in self.bound)}"
        self.bound[name] = value
        return name

    # ---- equations -------------------------------------------------------------------------------

    def _write_eqn(self, i: int, eqn: Eqn) -> None:
        if isinstance(eqn.op, WRITTEN):
            self._flush(i)  # so that an operand of the loop is a name
            self._say(eqn.origin)
            self.lines += [_INDENT + line for line in loop_lines(self, i, eqn)]
            self._release(i, eqn.outs)
            return
        operands = [self.read(a) for a in eqn.operands]
        if isinstance(eqn.op, Barrier):
            outs = ", ".join(self.names[v] for v in eqn.outs)
            self._statement(i, f"{outs} = {', '.join(x.text for x in operands)}", eqn)
            return
        if isinstance(eqn.op, Call):
            call = self.bind("call_", eqn.op)
            outs = ", ".join(self.names[v] for v in eqn.outs)
            left = f"({outs},)" if len(eqn.outs) == 1 else outs
            left = f"{left} = " if outs else ""
            self._statement(i, f"{left}call({', '.join([call, *(x.text for x in operands)])})", eqn)
            return
        out, expr = eqn.outs[0], self.expression(eqn, operands)
        if is_large(out):
            text = self._in_place(i, eqn, operands) or self._placed(i, eqn, operands)
            self._statement(i, text or f"{self.names[out]} = {self._selection(eqn, operands) or expr.text}", eqn)
        elif self.given and may_raise(eqn.op):  # before anything is written over
            self._statement(i, f"{self.names[out]} = {expr.text}", eqn)
        elif self.uses.get(out) == 1 and len(expr.text) <= MOST_TEXT and expr.depth <= MOST_DEPTH and expr.home:
            self._waiting[out] = expr, eqn.origin
        else:
            self._statement(i, f"{self.names[out]} = {expr.text}", eqn)

    def expression(self, eqn: Eqn, operands: Sequence[Expr]) -> Expr:
        """The operation on those operands; it has a home unless its result may belong to another array module."""
        assert isinstance(eqn.op, Primitive)
        home = next((x.home for x, a in zip(operands, eqn.operands, strict=True) if isinstance(a.type, Aval)), "")
        module = "np" if self.numpy or not home else f"xp({home})"
        spelled = array_text(eqn, operands) if self.numpy else portable_text(eqn, operands, module)
        if spelled is not None:
            return spelled._replace(home=home)
        text, depth = self._kernel_call(eqn, operands, module), 1 + max((x.depth for x in operands), default=0)
        return Expr(text, ATOM, home if self.numpy else "", depth)

    def _kernel_call(self, eqn: Eqn, operands: Sequence[Expr], module: str = "np") -> str:
        texts = [self._as_array(x, a) for x, a in zip(operands, eqn.operands, strict=True)]
        texts += [f"{k}={param_text(v) or self.bind(k + '_', v)}" for k, v in eqn.params.items()]
        return f"{self.kernel(eqn)}({', '.join([module, *texts])})"

    def kernel(self, eqn: Eqn) -> str:
        """The name of an operation's kernel."""
        assert isinstance(eqn.op, Primitive)
        widened = is_widened(eqn)
        name = f"wide_{eqn.op.name}" if widened else eqn.op.name + "_" * hasattr(builtins, eqn.op.name)
        self.bound[name] = eqn.op.kernel if widened else getattr(eqn.op.kernel, "plain", eqn.op.kernel)
        return name

    def _as_array(self, x: Expr, a: Atom) -> str:
        """A kernel's operand. Where there are no dimensions it may be one of NumPy's scalars, which are no arrays."""
        return f"array({x.text})" if isinstance(a, Var) and isinstance(a.type, Aval) and not a.type.shape else x.text

    def _in_place(self, i: int, eqn: Eqn, operands: Sequence[Expr]) -> str | None:
        """The statement that writes the result over an operand, if there is one that nobody reads any more."""
        memory, out = self.memory, eqn.outs[0]
        if memory is None or not is_ufunc(eqn.op.name) or is_widened(eqn) or memory.contiguous(out) is None:
            return None
        for a in self.donated_first(eqn.operands):
            place = eqn.operands.index(a)
            others = [b for b in eqn.operands if b is not a]
            if (
                isinstance(a, Var)
                and a.type == out.type
                and memory.contiguous(a) is not None
                and self.is_dead(a, i)
                and self.frame.may_take(a, out)
                and not any(a in memory.owners(b) for b in others)
            ):
                self.trust(a)
                self.trust(out)
                self.names[out] = name = self.names[a]
                self.take(a, out)
                if place == 0 and eqn.op.name in OPERATORS and OPERATORS[eqn.op.name][0] not in _COMPARISONS:
                    return f"{name} {OPERATORS[eqn.op.name][0]}= {operands[1].text}"
                function, texts = ufunc(eqn, [x.text for x in operands])
                return f"{function}({', '.join(texts)}, out={name})"
        return None

    def _placed(self, i: int, eqn: Eqn, operands: Sequence[Expr]) -> str | None:
        """The statement that writes the result to its place in the arena, if it has one."""
        out = eqn.outs[0]
        if not self.frame.place(i, out):
            return None
        self.trust(out)
        text, name = into_text(eqn, [x.text for x in operands], self.names[out]), self.names[out]
        return text or f"{self._kernel_call(eqn, operands)[:-1]}, out={name})"

    def _selection(self, eqn: Eqn, operands: Sequence[Expr]) -> str | None:
        """A large `where`, if its result comes out in C's order."""
        memory, out = self.memory, eqn.outs[0]
        if memory is None or eqn.op.name != "where" or is_widened(eqn) or memory.contiguous(out) is None:
            return None
        self.trust(out)
        new = f"np.empty({out.type.shape}, {dtype_name(out.type.dtype)})"  # type: ignore[union-attr]
        return f"select({', '.join([*(x.text for x in operands), new])})"

    def take(self, var: Var, out: Var) -> None:
        """From here on the memory of a large value is that of another."""
        self._held = [v for v in self._held if v is not var]
        self.frame.take(var, out)
        if var in self.given:
            self.given[out] = source = self.given[var]
            if var is source:
                self.taken.append(self.graph.inputs.index(var))

    def _write_group(self, i: int, group: Group) -> None:
        self._flush(i)
        for a in (*group.operands(), *(out for e in group.eqns for out in e.outs)):
            self.trust(a)
        lines = TileWriter(self, group, i).lines()
        self._begin()
        self.lines += lines
        self._release(i, [out for e in group.eqns for out in e.outs if self.last[out] > i])

    # ---- statements ------------------------------------------------------------------------------

    def _statement(self, i: int, text: str, eqn: Eqn) -> None:
        self._flush(i)
        self._say(eqn.origin)
        self._begin()
        self.lines.append(_INDENT + text)
        self._release(i, eqn.outs)

    def _begin(self) -> None:
        """Note, before the first statement that does so, that donated arrays are written over."""
        if self.taken and not self._begun:
            self._begun = True
            self.lines.append(f"{_INDENT}begun.append(True)  # from here on donated arrays are written over")

    def _flush(self, i: int) -> None:
        """Write the expressions that wait as statements."""
        while self._waiting:
            var = next(iter(self._waiting))
            expr, origin = self._waiting.pop(var)
            self._say(origin)
            self.lines.append(f"{_INDENT}{self.names[var]} = {expr.text}")

    def _release(self, i: int, made: Sequence[Var]) -> None:
        """Delete the names of large values that have been read for the last time."""
        self._held += [v for v in made if is_large(v) and not self.frame.holds(v)]
        gone = [v for v in self._held if self.last[v] <= i]
        if gone and i + 1 < len(self.steps):
            self.lines.append(f"{_INDENT}del {', '.join(self.names[v] for v in gone)}")
        self._held = [v for v in self._held if self.last[v] > i]

    def _write_return(self) -> None:
        origin = next((origin for _, origin in reversed(self._waiting.values())), None)
        borrows = self.frame.is_used()
        if borrows or sum(len(expr.text) for expr, _ in self._waiting.values()) > MOST_TEXT:
            self._flush(len(self.steps))
        elif origin is not None:
            self._say(origin)
        self.lines += [f"{_INDENT}give_back(arena)"] * borrows
        outs = [self.read(a).text for a in self.graph.outputs]
        text = f"({', '.join(outs)}{',' if len(outs) == 1 else ''})"
        if self.again and self.ask is not None:
            names = ", ".join(self.names[v] for v in self.graph.inputs) + ("," if len(self.graph.inputs) == 1 else "")
            self.lines.append(f"{_INDENT}again, outs = {self._answer(*self.ask)}, {text}")
            self.lines += [f"{_INDENT}if not again:", f"{_INDENT * 2}return False, outs", f"{_INDENT}{names} = outs"]
            return
        if self.ask is not None:
            text = f"{self._answer(*self.ask)}, {text}"
        self.lines.append(f"{_INDENT}return {text}")

    def _answer(self, atom: Atom, kind: str) -> str:
        text = self.read(atom).text
        if kind == "bytes":
            return f"({text}).tobytes()" if self.numpy and isinstance(atom, Var) else f"array_bytes({text})"
        if kind == "float":
            return f"float_bytes({text})"
        return f"{kind}({text})" if isinstance(atom.type, Number) or not atom.type.shape else f"{kind}(number({text}))"

    def _say(self, origin: Origin) -> None:
        if comment := self.say(origin):
            self.lines.append(_INDENT + comment)


_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
