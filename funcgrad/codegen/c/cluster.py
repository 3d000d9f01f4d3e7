"""Nests that stand next to each other in a program are one function in C, which Python calls once.

    long nest3(const float *a0, float *a1, const float *a2, float *a3, double a4) {
        #pragma omp parallel
        {
            nest3_0(a0, a1, a4);
            nest3_1(a2, a3, a4);
        }
        return 0;
    }

If none of them reads what another writes, and nothing is to be put together afterwards, they share one team of threads:
an optimiser's update of many small arrays starts it once.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from ...graph.ir import Atom, Var
from ..memory import Memory
from .library import Entry, Parameter
from .nest_writer import ALONE, NestWriter, Team

__all__ = ["Cluster"]

MOST_ARGUMENTS = 500
"""From how many arguments on a call takes no more nests."""


class Cluster:
    """The nests of one call.

    Args:
        name: of the function.
        memory: who shares the memory of what.
    """

    def __init__(self, name: str, memory: Memory):
        self.name, self.memory = name, memory
        self.nests: list[NestWriter] = []
        self.places: list[list[int]] = []
        """For each nest, where in the call's arguments its own stand."""
        self.arguments: list[str] = []
        """In Python."""
        self._parameters: list[Parameter] = []

    def add(self, nest: NestWriter, arguments: Sequence[str]) -> None:
        """One more nest, called with these arguments."""
        places = []
        for text, parameter in zip(arguments, nest.c_parameters(), strict=True):
            if text not in self.arguments:
                self.arguments.append(text)
                self._parameters.append(parameter)
            place = self.arguments.index(text)
            if parameter.is_written:
                self._parameters[place] = parameter
            places.append(place)
        self.places.append(places)
        self.nests.append(nest)

    def is_full(self) -> bool:
        """Has the call as many arguments as it may?"""
        return len(self.arguments) > MOST_ARGUMENTS

    def makes(self, a: Atom) -> bool:
        """Does one of the nests write the value?"""
        return any(a in nest.leaves for nest in self.nests)

    # ---- text ----

    def entry(self) -> Entry:
        """How Python calls it."""
        return Entry(self.name, tuple(self._parameters), releases=self._nanoseconds() > ALONE)

    def source(self, known: dict[str, str]) -> str:
        """The function, below those of its nests.

        Args:
            known: functions of nests that the file has already, by their text without names; those that this one
                needs besides are added.
        """
        if len(self.nests) == 1 and len(self.places[0]) == len(self.arguments):  # none stands in two places
            return self.nests[0].source(self.name)
        together = self._is_one_team()
        team: Team = "own" if not together else "shared" if self._nanoseconds() > ALONE else "one"
        names, parts = self._parts(team, known)
        takes = ", ".join(f"{p.ctype}{'' if p.is_array else ' '}a{i}" for i, p in enumerate(self._parameters))
        calls = [
            f"{name}({', '.join(f'a{p}' for p in places)})" for name, places in zip(names, self.places, strict=True)
        ]
        lines = [f"long {self.name}({takes}) {{"]
        if together:
            head = ["    #pragma omp parallel"] if team == "shared" else []
            lines += [*head, "    {", *(f"        {call};" for call in calls), "    }", "    return 0;"]
        else:
            lines.append(f"    return {' || '.join(calls)};")
        return "\n".join([*parts, *lines, "}", ""])

    def key(self, text: str) -> Hashable:
        """Equal for clusters whose calls may be of one function; `text` is this one's."""
        alone = len(self.nests) == 1 and text.startswith(f"long {self.name}(")
        entry = self.entry()
        return _nameless(text, self.nests[0]) if alone else text.partition("(")[2], entry.parameters, entry.releases

    def _parts(self, team: Team, known: dict[str, str]) -> tuple[list[str], list[str]]:
        """The names of the nests' functions, and the texts of new ones; nests that differ in names only share one."""
        names: list[str] = []
        texts: list[str] = []
        for nest in self.nests:
            name = f"{self.name}_{len(texts)}"
            text = nest.source(name, team, "static ")
            key = _nameless(text, nest)
            if key not in known:
                known[key] = name
                texts.append(text)
            names.append(known[key])
        return names, texts

    def _nanoseconds(self) -> float:
        return sum(nest.nanoseconds() for nest in self.nests)

    def _is_one_team(self) -> bool:
        """May one thread be in one nest while another is in the next?"""
        if any(nest.nest.finals or nest.indexes() for nest in self.nests):
            return False
        return not any(self._meet(a, b) for i, a in enumerate(self.nests) for b in self.nests[i + 1 :])

    def _meet(self, first: NestWriter, second: NestWriter) -> bool:
        """Does one of them write what the other reads or writes?"""
        owners = self.memory.owners
        read = [frozenset[Var]().union(*map(owners, nest.arrays)) for nest in (first, second)]
        over = [frozenset[Var]().union(*map(owners, nest.over.values())) for nest in (first, second)]
        made = [frozenset(nest.leaves) for nest in (first, second)]
        return any(
            read[i] & made[j] or read[i] & over[j] or over[i] & over[j] or over[i] & made[j]
            for i, j in ((0, 1), (1, 0))
        )


def _nameless(text: str, nest: NestWriter) -> str:
    """The text without comments, with numbers for the names of values, in the order in which they come."""
    names, numbers = set(nest.names.values()), dict[str, int]()

    def numbered(name: str) -> str:
        return f"#{numbers.setdefault(name, len(numbers))}" if name in names else name

    def nameless(word: re.Match[str]) -> str:
        prefix = "p_" * word[0].startswith("p_")  # of a pointer
        rest = word[0][len(prefix) :]
        return prefix + (numbered(rest) if rest in names else "_".join(map(numbered, rest.split("_"))))

    _, _, body = text.partition("(")  # behind the function's name
    lines = (line for line in body.split("\n") if not line.lstrip().startswith("//"))
    return re.sub(r"\b[a-z]\w*\b(?!\()", nameless, "\n".join(lines))
