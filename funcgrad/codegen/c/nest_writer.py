"""Writes a nest as a function in C.

    long nest0(const float *p_b, const float *p_a, float *p_l) {
        double part_l[64];
        #pragma omp parallel for schedule(static)
        for (long block_ = 0; block_ < 64; block_++) {
            double all_l = 0;
            for (long i_ = 4096L * block_ / 64; i_ < 4096L * (block_ + 1) / 64; i_++) {
                // model.py:12, for each element of the row
            }
            part_l[block_] = all_l;
        }
        ...
    }

Rows are dealt out in blocks whose number the shape alone decides, and what is added up over them is added up block by
block: so a result does not depend on the number of threads. Sums are those of runs of floats, added up as doubles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from ...core import Aval
from ...graph.ir import Atom, Eqn, Literal, Var
from ..memory import size_of
from .folds import accumulator, c_type, has_nan, is_float, is_truth, onto, result, typed_number, value_type
from .layout import Layout
from .library import Entry, Parameter
from .nest import REDUCTIONS, Nest, is_one_hot, is_pick

__all__ = ["NestWriter"]

BLOCKS = 64
"""Into how many pieces the outer axes are cut: more than threads, so that one that is late holds up little."""
MOST_SUMS = 1 << 21
"""How many elements the sums of all blocks have, if rows are added up."""
STACK = 32 << 10
"""Up to how many bytes of a row are kept on the stack."""
RUN = 1024
"""How many floats are added up before the sum becomes a double."""
ALONE = 30_000
"""Up to how many operations on elements one thread is faster than all."""


class Section:
    """Statements around the loop over blocks: before it, as a block is entered and left, and after it."""

    def __init__(self) -> None:
        self.before: list[str] = []
        self.enter: list[str] = []
        self.leave: list[str] = []
        self.after: list[str] = []


class NestWriter(Layout):
    """The text of one nest.

    Args:
        nest: any.
        name: of the function.
        names: of values, in the program.
        leaves: the values that are read after the nest.
        expression: (equation, the texts of its operands) -> its expression in C.
        say: the comment that names an equation's line, if it is another than the last.
    """

    def __init__(
        self,
        nest: Nest,
        name: str,
        names: Mapping[Var, str],
        leaves: Sequence[Var],
        expression: Callable[[Eqn, Sequence[str]], str],
        say: Callable[[Eqn], str | None],
    ):
        super().__init__(nest, leaves)
        self.name, self.names, self.expression, self.say = name, names, expression, say
        self.over: dict[Var, Var] = {}
        """By value that leaves the operand whose memory it takes."""
        self.arrays = nest.outside()
        self.scalars = nest.scalars()
        self.texts: dict[Atom, str] = {}
        self.checks = False  # whether an index may be out of range

    # ---- text ----

    def parameters(self) -> list[tuple[str, Atom, bool]]:
        """(declaration, value, whether it is written) of each parameter, arrays first."""
        found = []
        taken = {id(a) for a in self.over.values()}
        for a in self.arrays:
            const = "" if id(a) in taken else "const "
            found.append((f"{const}{c_type(a)} *{self.array_name(a)}", a, id(a) in taken))
        for v in self.leaves:
            if v not in self.over:
                found.append((f"{c_type(v)} *{self.array_name(v)}", v, True))
        for a in self.scalars:
            kind = "double" if is_float(a) or is_truth(a) else "long long"
            found.append((f"{kind} {self.names[a]}_", a, False))  # type: ignore[index]
        return found

    def array_name(self, a: Atom) -> str:
        """The name of the pointer to a value's memory."""
        a = self.over.get(a, a) if isinstance(a, Var) else a
        if isinstance(a, Literal):
            return f"k{next(i for i, b in enumerate(self.arrays) if b is a)}"
        return f"p_{self.names[a]}"

    def entry(self) -> Entry:
        """How Python calls it."""
        found = []
        for text, a, _ in self.parameters():
            kind, _, _ = text.rpartition(" ")
            found.append(
                Parameter("const float *".replace("const float", kind), size_of(a)) if "*" in text else Parameter(kind)
            )
        return Entry(self.name, tuple(found), releases=self.nest.work() > ALONE)

    def source(self) -> str:
        """The function."""
        head = f"long {self.name}({', '.join(p for p, _, _ in self.parameters())})"
        body = [f"const {value_type(a)} {self.names[a]} = {self.names[a]}_;" for a in self.scalars]  # type: ignore[index]
        for a in self.scalars:
            self.texts[a] = self.names[a]  # type: ignore[index]
        body += self._blocks()
        body = ["int bad = 0;", *body, "return bad;"] if self.checks else [*body, "return 0;"]
        return "\n".join([head + " {", *("    " + line for line in body), "}", ""])

    def _finals(self) -> list[Eqn]:
        """The reductions over all rows, or over everything."""
        return [e for e in self.eqns if e.outs[0] in self.nest.finals]

    def _blocks(self) -> list[str]:
        """The loop over blocks of rows; where there is one row, over pieces of it."""
        rows = prod(dim.size for dim in self.outer)
        flat = not self.outer
        length = self.row[0].size if flat else rows
        count = min(BLOCKS, -(-length // RUN) if flat else rows)
        for e in self._finals():  # each block has a sum of its own
            count = max(1, min(count, MOST_SUMS // size_of(e.outs[0])))
        parallel = self.nest.work() > ALONE and count > 1
        whole = Section()
        for e in self._finals():
            self._write_final(e, count, whole)
        if self.on_heap():
            self._write_kept(whole)
        low, high = (f"{length}L * block_ / {count}", f"{length}L * (block_ + 1) / {count}")
        if count == 1:
            low, high = "0", str(length)
        if flat:
            rows_of_block = [f"const long low_ = {low}, high_ = {high};", *self._row("low_", "high_")]
        else:
            rows_of_block = [f"for (long i_ = {low}; i_ < {high}; i_++) {{"]
            rows_of_block += ["    " + line for line in (*self._places(rows), *self._row())]
            rows_of_block.append("}")
        head = [f"for (long block_ = 0; block_ < {count}; block_++) {{"]
        if count == 1:
            head = ["{", "    const long block_ = 0;"] if self._finals() else ["{"]
        elif parallel:
            head.insert(0, "#pragma omp parallel for schedule(static)" + " reduction(|:bad)" * self.checks)
        body = ["    " + line for line in (*whole.enter, *rows_of_block, *whole.leave)]
        return [*whole.before, *head, *body, "}", *whole.after]

    def _places(self, rows: int) -> list[str]:
        """Where along each outer axis a row stands."""
        lines, rest = [], rows
        for k, dim in enumerate(self.outer):
            rest //= dim.size
            at = "i_" if rest == 1 else f"i_ / {rest}"
            lines.append(f"const long {dim.name} = {at if k == 0 else f'({at}) % {dim.size}'};")
        return lines

    def _write_kept(self, whole: Section) -> None:
        """Memory for what is kept of a row, one piece for each block."""
        width = prod(dim.size for dim in self.row)
        for v in self._kept_in_memory():
            name, kind = self.names[v], value_type(v)
            whole.enter.append(f"{kind} *row_{name} = malloc({width} * sizeof({kind}));")
            whole.leave.append(f"free(row_{name});")

    def _kept_in_memory(self) -> list[Var]:
        """What is kept of a row, and is not read again from where it is written anyway."""
        return [e.outs[0] for e in self.eqns if e.outs[0] in self.kept and e.outs[0] not in self.leaves]

    def _write_final(self, e: Eqn, count: int, whole: Section) -> None:
        """A reduction over all blocks."""
        if size_of(e.outs[0]) == 1:
            self._write_total(e, count, whole)
        else:
            self._write_row_of_totals(e, count, whole)

    def _write_total(self, e: Eqn, count: int, whole: Section) -> None:
        """One number: a part for each block, and then their total."""
        out, name = e.outs[0], self.names[e.outs[0]]
        kind, start = accumulator(e)
        whole.before.append(f"{kind} part_{name}[{count}];")
        whole.enter.append(f"{kind} all_{name} = {start};")
        whole.leave.append(f"part_{name}[block_] = all_{name};")
        each = f"for (long b_ = 0; b_ < {count}; b_++)"
        if has_nan(e):
            whole.before.append(f"int nan_part_{name}[{count}];")
            whole.enter.append(f"int nan_all_{name} = 0;")
            whole.leave.append(f"nan_part_{name}[block_] = nan_all_{name};")
            whole.after += [f"int nan_{name} = 0;", f"{each} nan_{name} |= nan_part_{name}[b_];"]
        whole.after += [
            f"{kind} total_{name} = {start};",
            f"{each} {onto(e, f'total_{name}', f'part_{name}[b_]')}",
            f"{self.array_name(out)}[0] = {result(e, f'total_{name}', f'nan_{name}')};",
        ]

    def _write_row_of_totals(self, e: Eqn, count: int, whole: Section) -> None:
        """A row of numbers: a row for each block, and then their totals."""
        out, name, size = e.outs[0], self.names[e.outs[0]], size_of(e.outs[0])
        kind, start, target = c_type(out), accumulator(e)[1], f"{self.array_name(out)}[j_]"
        each = f"for (long j_ = 0; j_ < {size}; j_++)"
        whole.before.append(f"{kind} *part_{name} = malloc({count}L * {size} * sizeof({kind}));")
        whole.enter += [f"{kind} *col_{name} = part_{name} + block_ * {size};", f"{each} col_{name}[j_] = {start};"]
        whole.after += [
            "#pragma omp simd",
            f"{each} {target} = part_{name}[j_];",
            f"for (long b_ = 1; b_ < {count}; b_++) {{",
            "    #pragma omp simd",
            f"    {each} {onto(e, target, f'part_{name}[b_ * {size} + j_]')}",
            "}",
            f"free(part_{name});",
        ]

    def _row(self, low: str = "0", high: str | None = None) -> list[str]:
        """All that is done for one row."""
        lines: list[str] = []
        length = prod(dim.size for dim in self.row)
        if not self.on_heap():
            lines += [f"{value_type(v)} row_{self.names[v]}[{length}];" for v in self._kept_in_memory()]
        last = max(self.phase.values(), default=0)
        for phase in range(last + 1):
            for e in self.eqns:  # numbers of the row
                if self.phase[e.outs[0]] != phase or self.is_inner(e.outs[0]):
                    continue
                if e.op.name in REDUCTIONS:
                    if not self.is_inner(self.root(e.operands[0])):  # of one number a row, over all rows
                        lines.append(onto(e, f"all_{self.names[e.outs[0]]}", self.value(e.operands[0], lines)))
                        if has_nan(e):
                            x = self.value(e.operands[0], lines)
                            lines.append(f"nan_all_{self.names[e.outs[0]]} |= {x} != {x};")
                    continue
                if is_pick(e):
                    self._pick(e, lines)
                else:
                    self._compute(e, lines)
            for e in self.eqns:
                if self.phase[e.outs[0]] == phase and is_one_hot(e):
                    self._place(e, e.operands[3], e.outs[0].type.shape[1], lines)
            lines += self._walk(phase, low, high)
        return lines

    def _place(self, e: Eqn, index: Atom, size: int, lines: list[str]) -> str:
        """Where in its row an index points, counted from the front; one that is out of range is told by `bad`."""
        self.checks = True
        at = f"at_{self.names[e.outs[0]]}"
        x = self.value(index, lines)
        lines += [
            f"long long {at} = {x} < 0 ? (long long) {x} + {size} : (long long) {x};",
            f"if ({at} < 0 || {at} >= {size}) {at} = 0, bad = 1;",
        ]
        return at

    def _pick(self, e: Eqn, lines: list[str]) -> None:
        """One element of the row."""
        out, x = e.outs[0], self.root(e.operands[0])
        assert isinstance(x, Var)
        at, name = self._place(e, e.operands[2], x.type.shape[1], lines), self.names[out]
        row, dims = self.row, (at,)
        source = f"row_{self.names[x]}[{at}]"
        if x in self.leaves:
            source = f"{self.array_name(x)}[{self.index(x).replace(row[0].name, dims[0])}]"
        lines.append(f"const {value_type(out)} {name} = {source};")
        self.texts[out] = name
        if out in self.leaves:
            lines.append(f"{self.array_name(out)}[{self.index(out)}] = {name};")

    def _expression(self, e: Eqn, lines: list[str]) -> str:
        if is_one_hot(e):
            return f"{self.row[0].name} == at_{self.names[e.outs[0]]} ? {self.value(e.operands[1], lines)} : 0"
        return self.expression(e, [self.value(a, lines) for a in e.operands])

    def on_heap(self) -> bool:
        """Are the values of a row that are kept too many for the stack?"""
        return 8 * len(self.kept) * prod(dim.size for dim in self.row) > STACK

    def _compute(self, e: Eqn, lines: list[str]) -> None:
        """One value, and where it goes."""
        out = e.outs[0]
        if comment := self.say(e):
            lines.append(comment)
        name = self.names[out]
        lines.append(f"const {value_type(out)} {name} = {self._expression(e, lines)};")
        self.texts[out] = name
        if out in self.leaves:
            if out in self.over:  # whoever reads that after this line must have read it before
                self.value(self.over[out], lines)
            lines.append(f"{self.array_name(out)}[{self.index(out)}] = {name};")
        elif out in self.kept:
            lines.append(f"row_{name}[{self._in_row()}] = {name};")

    def _in_row(self) -> str:
        terms, step = [], 1
        for dim in reversed(self.row):
            terms.append(dim.name if step == 1 else f"{dim.name} * {step}")
            step *= dim.size
        return " + ".join(reversed(terms))

    def value(self, a: Atom, lines: list[str]) -> str:
        """The text of an operand; one from memory is read first."""
        a = self.root(a)
        if a in self.texts:
            return self.texts[a]
        if isinstance(a, Literal) and not isinstance(a.type, Aval):
            return ""  # a number is spelled beside the arrays whose dtype it takes
        if isinstance(a, Literal) and (size_of(a) == 1 or not any(a.value._data.strides)):
            return typed_number(a.value._data.flat[0], a.type.dtype)  # type: ignore[union-attr]
        name = self.array_name(a)
        if a in self.kept:
            assert isinstance(a, Var)
            name = self.names[a]
            text = f"{self.array_name(a)}[{self.index(a)}]" if a in self.leaves else f"row_{name}[{self._in_row()}]"
        else:
            text = f"{name}[{self.index(a)}]"
            name = name.removeprefix("p_") if name.startswith("p_") else f"{name}_"
        lines.append(f"const {value_type(a)} {name} = {text};")
        self.texts[a] = name
        return name

    def _walk(self, phase: int, low: str, high: str | None) -> list[str]:
        """One walk through the row: the values of it in this phase, and what is reduced."""
        eqns = [
            e for e in self.eqns
            if self.phase[e.outs[0]] == phase
            and (self.is_inner(e.outs[0]) or (e.op.name in REDUCTIONS and self.is_inner(self.root(e.operands[0]))))
        ]  # fmt: skip
        if not eqns:
            return []
        outside = dict(self.texts)
        body: list[str] = []
        before: list[str] = []
        clauses: dict[str, list[str]] = {}
        chunk: list[str] = []  # behind each run
        after: list[str] = []
        start: list[str] = []
        for e in eqns:
            out = e.outs[0]
            if e.op.name not in REDUCTIONS:
                self._compute(e, body)
                continue
            x, name = self.value(e.operands[0], body), self.names[out]
            if out in self.nest.finals and size_of(out) > 1:  # over the outer axes
                body.append(onto(e, f"col_{name}[{self._in_row()}]", x))
                continue
            kind, first = accumulator(e)
            narrow = value_type(out)
            start.append(f"{narrow} run_{name} = {first};")
            clauses.setdefault({"sum": "+"}.get(e.op.name, e.op.name), []).append(f"run_{name}")
            if e.op.name == "sum":
                body.append(f"run_{name} += {x};")
            else:
                sign = ">" if e.op.name == "max" else "<"
                body.append(f"run_{name} = {x} {sign} run_{name} ? {x} : run_{name};")
            target = f"all_{name}" if out in self.nest.finals else f"red_{name}"
            if has_nan(e):
                start.append(f"int nan_run_{name} = 0;")
                clauses.setdefault("|", []).append(f"nan_run_{name}")
                body.append(f"nan_run_{name} |= {x} != {x};")
                chunk.append(f"nan_{target} |= nan_run_{name};")
            chunk.append(onto(e, target, f"run_{name}"))
            if out not in self.nest.finals:
                before.append(f"{kind} {target} = {first};")
                if has_nan(e):
                    before.append(f"int nan_{target} = 0;")
                after.append(f"const {narrow} {name} = {result(e, target, f'nan_{target}')};")
                if out in self.leaves:
                    after.append(f"{self.array_name(out)}[{self.index(out)}] = {name};")
        self.texts = outside
        for e in eqns:
            if e.op.name in REDUCTIONS and e.outs[0] not in self.nest.finals:
                self.texts[e.outs[0]] = self.names[e.outs[0]]
        reduction = "".join(f" reduction({sign}:{', '.join(names)})" for sign, names in clauses.items())
        lines = list(before)
        indent = ""
        for dim in self.row[:-1]:
            lines.append(f"{indent}for (long {dim.name} = 0; {dim.name} < {dim.size}; {dim.name}++) {{")
            indent += "    "
        dim = self.row[-1]
        end = high or str(dim.size)
        inner = [*start, f"#pragma omp simd{reduction}"]
        runs = chunk and (high is not None or dim.size > 2 * RUN)
        if runs:
            lines.append(f"{indent}for (long run_ = {low}; run_ < {end}; run_ += {RUN}) {{")
            indent += "    "
            inner.insert(0, f"const long stop_ = run_ + {RUN} < {end} ? run_ + {RUN} : {end};")
            inner.append(f"for (long {dim.name} = run_; {dim.name} < stop_; {dim.name}++) {{")
        else:
            inner.append(f"for (long {dim.name} = {low}; {dim.name} < {end}; {dim.name}++) {{")
        inner += ["    " + line for line in body] + ["}", *chunk]
        lines += [indent + line for line in inner]
        while indent:
            indent = indent[4:]
            lines.append(indent + "}")
        return lines + after
