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
from typing import Literal, TypeAlias

from ...graph.ir import Atom, Eqn, Var
from ..memory import size_of
from .folds import accumulator, c_type, has_nan, is_float, is_truth, onto, result, value_type
from .kinds import is_one_hot, is_pick
from .library import Parameter
from .nest import Nest
from .row_writer import RUN, RowWriter

__all__ = ["ALONE", "NestWriter", "Team"]

BLOCKS = 64
"""Into how many pieces the outer axes are cut: more than threads, so that one that is late holds up little."""
MOST_SUMS = 1 << 21
"""How many elements the sums of all blocks have, if rows are added up."""
ALONE = 20_000
"""Up to how many nanoseconds of work one thread does alone: it takes as many to wake up another, or more."""
A_SHARE = 1_000
"""The same where they are awake already."""

Team: TypeAlias = Literal["own", "shared", "one"]


class Section:
    """Statements around the loop over blocks: before it, as a block is entered and left, and after it."""

    def __init__(self) -> None:
        self.before: list[str] = []
        self.enter: list[str] = []
        self.leave: list[str] = []
        self.after: list[str] = []


class NestWriter(RowWriter):
    """The text of one nest.

    Args:
        nest: any.
        names: of values, in the program.
        leaves: the values that are read after the nest.
        expression: (equation, the texts of its operands) -> its expression in C.
        say: the comment that names an equation's line, if it is another than the last.
    """

    def __init__(
        self,
        nest: Nest,
        names: Mapping[Var, str],
        leaves: Sequence[Var],
        expression: Callable[[Eqn, Sequence[str]], str],
        say: Callable[[Eqn], str | None],
    ):
        super().__init__(nest, names, leaves, expression, say)
        self.scalars = nest.scalars()
        self.team: Team = "own"

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

    def c_parameters(self) -> list[Parameter]:
        """The types of the parameters."""
        found = []
        for text, a, _ in self.parameters():
            kind, _, _ = text.rpartition(" ")
            strides = self.nest.views.get(a, ())
            shape = a.type.shape if strides else ()
            found.append(Parameter(f"{kind} *", size_of(a), shape, strides) if "*" in text else Parameter(kind))
        return found

    def nanoseconds(self) -> float:
        """How long it takes one thread, about, in vectors and from the second cache."""
        return 0.01 * self.nest.work() + 0.04 * sum(size_of(a) for a in (*self.arrays, *self.leaves))

    def indexes(self) -> bool:
        """May an index be out of range?"""
        return any(is_pick(e) or is_one_hot(e) for e in self.eqns)

    def source(self, name: str, team: Team = "own", prefix: str = "") -> str:
        """The function.

        Args:
            name: its name.
            team: whose threads run it: a team of its own, that of its caller, which does not wait for the end, or one.
            prefix: stands in front of it.
        """
        self.team = team
        head = f"{prefix}long {name}({', '.join(p for p, _, _ in self.parameters())})"
        body = [f"const {value_type(a)} {self.names[a]} = {self.names[a]}_;" for a in self.scalars]  # type: ignore[index]
        for a in self.scalars:
            self.know(a, self.names[a])  # type: ignore[index]
        body += self._blocks()
        body = ["int bad = 0;", *body, "return bad;"] if self.checks else [*body, "return 0;"]
        return "\n".join([head + " {", *("    " + line for line in body), "}", ""])

    def _finals(self) -> list[Eqn]:
        """The reductions over all rows, or over everything."""
        return [e for e in self.eqns if e.outs[0] in self.nest.finals and e.outs[0] not in self.nest.partials]

    def _blocks(self) -> list[str]:
        """The loop over blocks of rows; where there is one row, over pieces of it."""
        rows = prod(dim.size for dim in self.outer)
        flat = not self.outer
        length = self.row[0].size if flat else rows
        count = min(BLOCKS, -(-length // RUN) if flat else rows)
        for e in self._finals():  # each block has a sum of its own
            count = max(1, min(count, MOST_SUMS // size_of(e.outs[0])))
        parallel = count > 1 and self.nanoseconds() > (ALONE if self.team == "own" else A_SHARE)
        whole = Section()
        for e in self._finals():
            self._write_final(e, count, whole)
        if self.on_heap():
            self._write_kept(whole)
        low, high = (f"{length}L * block_ / {count}", f"{length}L * (block_ + 1) / {count}")
        if count == 1:
            low, high = "0", str(length)
        if flat:
            rows_of_block = [f"const long low_ = {low}, high_ = {high};", *self.row_lines("low_", "high_")]
        else:
            rows_of_block = [f"for (long i_ = {low}; i_ < {high}; i_++) {{"]
            rows_of_block += ["    " + line for line in (*self._places(rows), *self.row_lines())]
            rows_of_block.append("}")
        head = [f"for (long block_ = 0; block_ < {count}; block_++) {{"]
        if count == 1:
            head = ["{", "    const long block_ = 0;"] if self._finals() else ["{"]
        if self.team == "shared":
            head.insert(0, f"#pragma omp {'for schedule(static)' if parallel else 'single'} nowait")
        elif self.team == "own" and parallel:
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
        for v in self.kept_in_memory():
            name, kind = self.names[v], value_type(v)
            whole.enter.append(f"{kind} *row_{name} = malloc({width} * sizeof({kind}));")
            whole.leave.append(f"free(row_{name});")

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
