"""Values that outlived their transform: `checking_leaks` finds them and who holds them."""

from __future__ import annotations

import gc
from collections import deque
from types import ModuleType
from typing import Any

from ..core import Tracer, is_running
from ..errors import LeakedTracerError
from ..provenance import describe

__all__ = ["checking_leaks"]


class checking_leaks:  # noqa: N801  # a context manager, named as one
    """A block after which no value of a transform that ended inside of it may be alive.

    Raises:
        LeakedTracerError: there is one; the message names the transform, its line, and what holds the value.

    >>> import funcgrad as fg
    >>> with fg.checking_leaks():
    ...     float(fg.grad(lambda x: x * x)(3.0))
    6.0
    """

    def __enter__(self) -> None:
        gc.collect()
        # by type(x): to ask an object for its class may run its code
        self.before = {id(x) for x in gc.get_objects() if issubclass(type(x), Tracer)}

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None:
            return
        gc.collect()
        found = [x for x in gc.get_objects() if issubclass(type(x), Tracer) and id(x) not in self.before]
        found = [x for x in found if not is_running(x.owner)]
        if found:
            raise LeakedTracerError(_report(found))


def _report(found: list[Any]) -> str:
    x = found[0]
    held = "; ".join(dict.fromkeys(_holders(x, [found]))) or "a local variable"
    many = "s" if len(found) > 1 else ""
    return (
        f"{len(found)} value{many} of a {x.owner.name} outlived it, the first {x.aval}, held by {held}. Values of a "
        f"transformed function must leave it as its result\n  the {x.owner.name} was called at "
        f"{describe(x.owner.origin)}\n  and the block is"
    )


def _holders(x: Any, ours: list[Any], depth: int = 3) -> list[str]:
    """What holds x, as the user knows it; of a list in an attribute both. `ours` are lists of this search."""
    holders = gc.get_referrers(x)
    ours = [*ours, holders, ours]
    mine = {id(one) for one in ours}
    words = []
    for holder in holders:  # in no comprehension, whose cells would hold it too
        if id(holder) not in mine and type(holder).__name__ not in _PASSING:
            word = _described(holder, x)
            if depth > 1 and type(holder) in (list, tuple, set, dict, deque) and not word.startswith("the "):
                outer = _holders(holder, ours, depth - 1)
                word += f", {outer[0]}" if outer else ""
            words.append(word)
    return words


_PASSING = ("frame", "list_iterator", "generator")


def _described(holder: Any, x: Any) -> str:
    """A holder of x in words."""
    if isinstance(holder, dict):
        keys = [key for key, value in holder.items() if value is x]
        owner = [o for o in gc.get_referrers(holder) if _attributes(o) is holder]
        if owner:
            return _owned(owner[0], keys[0])
        return f"the global {keys[0]!r}" if "__builtins__" in holder else f"a dict at {keys[0]!r}"
    if isinstance(holder, Tracer):
        return f"another {type(holder).__name__}"
    if type(holder).__name__ == "cell":
        return "a function's closure"
    slots = [name for kind in type(holder).__mro__ for name in getattr(kind, "__slots__", ())]
    for name in [*(_attributes(holder) or ()), *slots]:
        if getattr(holder, name, None) is x:
            return _owned(holder, name)
    return f"a {type(holder).__name__}"


def _attributes(owner: Any) -> Any:
    """Where an object keeps its attributes; of a class, which shows them by proxy, the dict behind that."""
    found = getattr(owner, "__dict__", None)
    return next(iter(gc.get_referents(found)), None) if isinstance(owner, type) else found


def _owned(owner: Any, name: str) -> str:
    if isinstance(owner, ModuleType):
        return f"the global {name!r} of {owner.__name__}"
    return f"the attribute {name!r} of {owner.__name__ if isinstance(owner, type) else type(owner).__name__}"
