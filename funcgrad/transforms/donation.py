"""Donated arguments of `jit`: arrays that are gone after the call, whose memory its results may take.

    step = jit(train_step, donate_argnums=0)
    params = step(params, batch)            # the arrays that `params` held are `Donated` now: to use one raises

Results are written over a donated array only where no wrong value can come of it:

- The call takes the memory out of the `Array` first, so that nobody can get at it any more, and then counts who has it.
  A view, another library's view, another `Array`, a thread that computes with it, the same array as another argument or
  in the closure: each holds a reference to NumPy's array. What the call does not have alone is not written over.
- The memory must be that array's own, not a piece of a buffer, and not read-only.
- Only the program behind the last question writes over anything, and there only what comes after every operation that
  raises errors of its own: until then the function can still be recorded, or run as it is, from its arguments. If
  something else raises after that (no memory is left, `np.errstate(all="raise")`, Ctrl-C), the user gets the error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import ContextVar, Token
from typing import Any

import numpy as np

from .. import tree
from ..codegen.numpy_program import Program, numpy_program
from ..core import Array, Aval, wrap
from ..errors import DonatedArrayError
from ..graph.ir import Graph
from ..provenance import describe, here
from .dispatch import OTHER, assembler
from .entry import AS_IT_IS, assembled, given, surroundings
from .finishing import finished
from .states import State
from .trace_tree import Tree
from .unit import Unit

__all__ = ["Donated", "DonatingWay", "Donation", "inside", "is_inside", "moved"]

MOST_PLANS = 16
"""How many variants a program may have, one for each set of arrays; for other sets nothing is written over."""
MOST_KEPT = 256
"""How many variants of all programs are kept."""

_COUNTS = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()
"""Does the count of references tell who has an object? Without Python's lock it may change at any moment."""


def holders(xs: tuple[Any, ...]) -> list[int]:
    """How many references there are to each object; counted by C code, since Python's may borrow some."""
    return list(map(sys.getrefcount, xs)) if _COUNTS else [0] * len(xs)


ALONE = holders((np.empty(0),))[0] if _COUNTS else -1
"""The count of an object that one tuple has and nobody else."""

_slot: Any = vars(Array)["_data"]
"""The place of an array's values."""


_inside: ContextVar[bool] = ContextVar("funcgrad_inside_jit", default=False)
is_inside = _inside.get
"""Is a jitted function running without programs? Those that it calls leave it its arrays, as they do in a program."""


class inside:  # noqa: N801  # a context manager, named as one
    """A block in which nothing is donated."""

    __slots__ = ("token",)

    def __enter__(self) -> None:
        self.token: Token[bool] = _inside.set(True)

    def __exit__(self, *exc: object) -> None:
        _inside.reset(self.token)


class Donated(Array):
    """What is left of a donated array: its shape and dtype, and who took it."""

    __slots__ = ()

    shape: Any = property(lambda self: _slot.__get__(self)[0])
    aval: Any = property(lambda self: Aval(self.shape, self.dtype))
    donation: Any = property(lambda self: _slot.__get__(self)[1])

    @property
    def _data(self) -> Any:
        call = self.donation
        raise DonatedArrayError(
            f"this array ({self.aval}) was donated to jit({call.name}), and its memory belongs to the results now: go "
            "on with those, or donate a copy (fnp.copy(x))\n"
            f"  it was donated at {describe(call.origin)}\n  and is used"
        )

    def __repr__(self) -> str:
        return f"Array({self.aval}, donated to jit({self.donation.name}))"

    __str__ = __repr__


class Donation:
    """A call, and the arrays that it is given for good.

    Args:
        name: of the function.
        arrays: what is donated.
    """

    __slots__ = ("arrays", "begun", "error", "name", "origin")

    def __init__(self, name: str, arrays: Sequence[Array]):
        self.name, self.arrays, self.origin = name, arrays, here()
        self.begun: list[bool] = []  # not empty as soon as one of them is written over
        self.error: Exception | None = None  # what was raised after that

    def take(self) -> None:
        """From here on the arrays are gone."""
        for x in self.arrays:
            if type(x) is Array:
                shape = x.shape
                x.__class__ = Donated  # type: ignore[assignment]
                _slot.__set__(x, (shape, self))

    def give_back(self, raws: Sequence[Any]) -> None:
        """The arrays that this call has taken have their values again."""
        for x, data in zip(self.arrays, raws, strict=True):
            if isinstance(x, Donated) and x.donation is self:
                _slot.__set__(x, data)
                x.__class__ = Array  # type: ignore[assignment]


def moved(x: Any, arrays: Sequence[Array]) -> Any:
    """A tree with new arrays of the same memory in the place of those."""
    new = {id(a): wrap(a._data) for a in arrays}
    if new.keys().isdisjoint(map(id, tree.leaves(x))):
        return x
    return tree.map(lambda leaf: new.get(id(leaf), leaf), x)


class DonatingWay:
    """The short way of calls with arguments of one structure, some of which are donated.

    Args:
        unit: their compiled function.
        flatten: see `dispatch.flattener`.
        donated: the numbers of the leaves that are donated arrays.
    """

    __slots__ = ("donated", "flatten", "plans", "unit")

    def __init__(self, unit: Unit, flatten: Any, donated: Sequence[int]):
        self.unit, self.flatten, self.donated = unit, flatten, tuple(donated)
        self.plans: dict[tuple[Program, tuple[int, ...]], Program] = {}

    def __call__(self, args: Any, kwargs: Any) -> Any:
        """The function's result; `OTHER` for another structure, `AS_IT_IS` where it must run without programs."""
        found = self.flatten(args, kwargs)
        return OTHER if found is OTHER else self.run(*found)

    def run(self, raws: tuple[Any, ...], forms: tuple[Any, ...], leaves: tuple[Any, ...]) -> Any:
        """The result for arguments that are taken apart; nobody else holds the raw ones by now."""
        unit = self.unit
        around = surroundings(unit, forms, leaves)
        if around is None:
            return AS_IT_IS
        look, paths = around
        donation = Donation(unit.name, [leaves[i] for i in self.donated])

        def finish(state: State, live: tuple[Any, ...]) -> Any:
            return self.finish(paths, state, raws, live, donation)

        found = unit.execute(paths, raws, look.snapshot, finish)
        if donation.error is not None:
            try:
                raise donation.error
            finally:
                donation.error = None  # whose traceback holds this frame
        if found is None:
            result = assembled(*unit.record(paths, moved(leaves, donation.arrays), look.snapshot))
            donation.take()
            return result
        results, node = found
        if results is None:
            return AS_IT_IS
        donation.take()
        if node.assemble is None:
            arrays = [isinstance(x, Array) for x in leaves]  # one that is given back as it is needs a new `Array`
            numbers = [None if i is None or arrays[i] else i for i in given(paths, node, len(leaves))]
            node.assemble = assembler(node.info, numbers)
        return node.assemble(results, leaves)

    def finish(
        self, paths: Tree, state: State, raws: tuple[Any, ...], live: tuple[Any, ...], donation: Donation
    ) -> Any:
        """The results of the last program of a path."""
        places = self.donated
        if live is not raws:
            donated = {id(raws[i]) for i in self.donated}
            places = tuple(i for i, x in enumerate(live) if id(x) in donated)
        program = self.program(paths, state, places)
        if not program.taken:
            return state.run(*live)
        try:
            donation.take()
            counts, alone = holders(live), ALONE + (live is not raws)
            own = tuple(i for i in program.taken if counts[i] == alone and is_own(live[i]))
            if len(own) < len(program.taken):
                program = self.program(paths, state, tuple(sorted(own)))
            return program.function(donation.begun, *live) if program.taken else state.run(*live)
        except BaseException as error:
            if not donation.begun:
                donation.give_back([raws[i] for i in self.donated])
            elif isinstance(error, Exception):  # the function cannot run on what is left
                error.add_note(f"the arrays donated to jit({donation.name}) are lost\n  at {describe(donation.origin)}")
                donation.error = error
            raise

    def program(self, paths: Tree, state: State, places: tuple[int, ...]) -> Program:
        """The state's program that may write over the arrays in these places; its own if there is none."""
        plain: Any = state.program
        found = self.plans.get((plain, places))
        if found is None:
            if not places or sum(program is plain for program, _ in list(self.plans)) >= MOST_PLANS:
                return plain  # type: ignore[no-any-return]
            if len(self.plans) >= MOST_KEPT:
                self.plans.clear()
            self.plans[plain, places] = found = self.made(paths, state, places)
        return found

    def made(self, paths: Tree, state: State, places: tuple[int, ...]) -> Program:
        """The same, new."""
        node = state.node
        before, _, plain = paths.programs[node, False]
        if not paths.numpy or plain is not state.program:  # another thread has just made it another program
            return state.program  # type: ignore[return-value]
        graph = finished(Graph(before, tuple(node.eqns), tuple(node.outputs)))
        return numpy_program(graph, donated=places, native=paths.native)


def is_own(x: Any) -> bool:
    """Is the memory the array's own, and may it be written to?"""
    return type(x) is np.ndarray and x.base is None and x.flags.owndata and x.flags.writeable
