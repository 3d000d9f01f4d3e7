"""Was a random key used twice? `config.debug_key_reuse` warns of keys that two places of a program draw from.

The same key gives the same numbers, and so two samples that look independent are one. While the switch is on, a trace
without tracers is the lowest one and notes which keys give their bits to which operation at which line. The same line
may draw from one key again: a checkpoint runs it twice, vmap once a path, and a loss is evaluated for its value and for
its gradient. `fg.check`, which runs a function once, finds such loops too.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ..config import debug_key_reuse
from ..core import Call, Params, Primitive, Trace, bind, bind_call
from ..errors import KeyReuseWarning
from ..kernels import philox
from ..placement import device_get
from ..provenance import Origin, describe, here, location
from .nans import DebugTrace, switch

__all__ = ["KeyTrace", "KeyUses", "draws"]

Words = tuple[int, int]


class KeyUses:
    """Which keys were drawn from, by what and where."""

    def __init__(self) -> None:
        self.found: dict[Words, tuple[str, Origin]] = {}
        self.parents: dict[Words, Words] = {}  # of the first keys of their splits

    def note(self, words: Words, name: str, origin: Origin) -> tuple[str, Origin] | None:
        """What is wrong with this use, and where the other one was; None for a first one."""
        if words in self.found:
            before, first = self.found[words]
            return f"one random key was used twice, by {before} and {name}; split it first", first
        self.found[words] = name, origin
        children = philox.split(words, 8)
        self.parents.update(dict.fromkeys(children, words))
        for child in children:
            if child in self.found:
                return self._split(name, *self.found[child])
        if words in self.parents:
            before, first = self.found[self.parents[words]]
            return self._split(before, name, first)
        return None

    def _split(self, parent: str, child: str, other: Origin) -> tuple[str, Origin]:
        """Nothing is noted of `split`, which may have happened anywhere; but whose keys were used can be told."""
        words = f"a random key was used by {parent} and split, and a key of its split used by {child}"
        return f"{words}; use the keys of the split alone", other


class KeyTrace(DebugTrace):
    """Runs each operation under the parent and notes the keys that it draws from."""

    __slots__ = ("uses",)
    name, carries = "debug_key_reuse", "value"

    def __init__(self, parent: Trace | None):
        super().__init__(parent)
        self.uses = KeyUses()

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        if draws(primitive.name) and debug_key_reuse():
            origin = here(libraries=True)  # two draws of a library's function are two places
            for k0, k1 in device_get(args[0].concrete()).reshape(-1, 2).tolist():
                before = self.uses.found.get((k0, k1))
                if before == (primitive.name, origin):
                    continue
                if (wrong := self.uses.note((k0, k1), primitive.name, origin)) is not None:
                    what, first = wrong
                    text = f"{what}. The other use was at {describe(first)}\n  and this one at {describe(origin)}"
                    warnings.warn_explicit(text, KeyReuseWarning, *location(origin))
        return bind(self.parent, primitive, args, params)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        return bind_call(self.parent, call, args)


def draws(name: str) -> bool:
    """Does the operation of this name give out a key's bits? `split` and `fold_in` make keys of it."""
    return name.startswith("random_") and name not in ("random_split", "random_fold_in")


debug_key_reuse.install = lambda on: switch(KeyTrace, on)
