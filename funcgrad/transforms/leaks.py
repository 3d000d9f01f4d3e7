"""Values that outlived their transform: `checking_leaks` finds them and who holds them."""

from __future__ import annotations

import gc
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
        found = [x for x in found if not is_running(x.trace)]
        if found:
            raise LeakedTracerError(_report(found))


def _report(found: list[Any]) -> str:
    x = found[0]
    words = []
    for holder in gc.get_referrers(x):
        if holder is not found and not _is_frame(holder):
            words.append(_described(holder, x))
    held = "; ".join(dict.fromkeys(words)) or "a local variable"
    many = "s" if len(found) > 1 else ""
    return (
        f"{len(found)} value{many} of a {x.trace.name} outlived it, the first {x.aval}, held by {held}. Values of a "
        f"transformed function must leave it as its result\n  the {x.trace.name} was called at "
        f"{describe(x.trace.origin)}\n  and the block is"
    )


def _is_frame(holder: Any) -> bool:
    return type(holder).__name__ in ("frame", "list_iterator", "generator")


def _described(holder: Any, x: Any) -> str:
    """What holds x, as the user knows it."""
    if isinstance(holder, dict):
        keys = [key for key, value in holder.items() if value is x]
        owner = [o for o in gc.get_referrers(holder) if getattr(o, "__dict__", None) is holder]
        if owner:
            return f"the attribute {keys[0]!r} of {type(owner[0]).__name__}"
        return f"the global {keys[0]!r}" if "__builtins__" in holder else f"a dict at {keys[0]!r}"
    if isinstance(holder, Tracer):
        return f"another {type(holder).__name__}"
    if type(holder).__name__ == "cell":
        return "a function's closure"
    return f"a {type(holder).__name__}"
