"""Whether a function's surroundings are what they were, asked by code that is written for their number.

A general loop over the places that a function reads costs half a microsecond where there is one place, and four where
there is an optimiser. So for most kinds of places code is written, once for each combination of their numbers:

    def unchanged():                          # of a function with one cell, which calls one global function
        return (cell0.cell_contents is h0
                and get0(name0, missing) is h1
                and f0.__code__ is h2 and f0.__defaults__ is h3 and f0.__kwdefaults__ is h4
                and len(space0) == n0)
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .captures import Watch

__all__ = ["test_of"]

MOST_PLACES = 150
"""How many places code is written for; more are looked at by a loop."""
_KEYS: Any = type({}.keys())
_FUNCTION = ("__code__", "__defaults__", "__kwdefaults__")


def test_of(watch: Watch, held: Sequence[Any], lengths: Sequence[Any], missing: Any) -> Callable[[], bool] | None:
    """A function that says whether these places hold those objects; None where no code is written for them.

    Args:
        watch: the places.
        held: the objects in them, in the order of `Watch.held`.
        lengths: the sizes of the namespaces, and then those of the containers, as `Watch.values` gives them.
        missing: what stands in `held` for a name that is not there.
    """
    if watch.variables or watch.buffers or len(held) + len(lengths) > MOST_PLACES:
        return None
    if watch.slots and any(x is missing for x in held[-len(watch.slots) :]):
        return None
    places = {
        "cell": watch.cells,
        "get": [space.get for space, _ in watch.entries.values()],
        "name": [name for _, name in watch.entries.values()],
        "f": watch.functions,
        "view": watch.views,
        "x": watch.instances,
        "slot": [None if is_read_by_name(x, member) else member.__get__ for x, member in watch.slots],
        "owner": [x for x, _ in watch.slots],
        "space": watch.spaces,
        "n": lengths[: len(watch.spaces)],
        "h": held,
    }
    places["key"] = keys = list[Any]()  # of the dicts whose keys are strings: those are compared all at once
    contents: list[tuple[int, bool]] = []
    first = len(watch.cells) + len(watch.entries) + len(_FUNCTION) * len(watch.functions)
    for view, n in zip(watch.views, lengths[len(watch.spaces) :], strict=False):
        items = tuple(held[first : first + n])
        first += n
        contents.append((n, isinstance(view, _KEYS) and all(type(item) is str for item in items)))
        keys += [items] if contents[-1][1] else []
    sizes = tuple((kind, len(found)) for kind, found in places.items())
    names = tuple(member.__name__ if is_read_by_name(x, member) else "" for x, member in watch.slots)
    make = _maker(sizes, tuple(contents), names)
    return make(*places.values(), missing)  # type: ignore[no-any-return]


def is_read_by_name(x: Any, member: Any) -> bool:
    """Is an attribute of an object what it has in this slot? It is found in a fifth of the time of a getter's call."""
    name: str = member.__name__
    kind: Any = type(x)
    found = next((c.__dict__[name] for c in kind.__mro__ if name in c.__dict__), None)
    return found is member and kind.__getattribute__ is object.__getattribute__ and not iskeyword(name)


@functools.cache
def _maker(
    sizes: tuple[tuple[str, int], ...], contents: tuple[tuple[int, bool], ...], names: tuple[str, ...]
) -> Callable[..., Any]:
    """What makes such a function of places that are so many of each kind.

    Args:
        sizes: how many there are of each kind.
        contents: how many items each container has, and whether they are the names in a dict.
        names: of the attributes that slots are read by; empty where they are not.
    """
    count = dict(sizes)
    holders = [f"cell{i}.cell_contents" for i in range(count["cell"])]
    holders += [f"get{i}(name{i}, missing)" for i in range(count["get"])]
    holders += [f"f{i}.{part}" for i in range(count["f"]) for part in _FUNCTION]
    tests = [f"{holder} is h{k}" for k, holder in enumerate(holders)]
    first = len(holders)
    named = itertools.count()
    for i, (n, has_names) in enumerate(contents):
        items = "".join(f" and t[{k}] is h{first + k}" for k in range(n))
        if has_names:
            tests.append(f"(*view{i},) == key{next(named)}")
        else:
            tests.append(f"len(t := (*view{i},)) == {n}{items}" if n else f"not view{i}")
        first += n
    rest = [f"type(x{i})" for i in range(count["x"])] + [
        f"owner{i}.{name}" if name else f"slot{i}(owner{i})" for i, name in enumerate(names)
    ]
    tests += [f"{holder} is h{first + k}" for k, holder in enumerate(rest)]
    tests += [f"len(space{i}) == n{i}" for i in range(count["space"])]

    taken = [f"{''.join(f'{kind}{i}, ' for i in range(n))}= {kind}s" for kind, n in sizes if n]
    source = f"""
def make({", ".join(f"{kind}s" for kind, _ in sizes)}, missing):
    {"; ".join(taken) or "pass"}
    def unchanged():
        try:
            return {" and ".join(tests) or True}
        except (ValueError, AttributeError, RuntimeError):  # emptied, or changed by another thread just now
            return False
    return unchanged
"""
    namespace: dict[str, Any] = {}
    exec(compile(source, "<what a function reads>", "exec"), namespace)
    return namespace["make"]  # type: ignore[no-any-return]
