"""Which names a code object reads, and which it assigns to outside of itself."""

from __future__ import annotations

import dis
import functools
from types import CodeType
from typing import NamedTuple

__all__ = ["Names", "names_in", "written"]

_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")


class Names(NamedTuple):
    """The names in a code object and those inside of it."""

    globals: tuple[str, ...]
    attributes: tuple[str, ...]
    """And all its strings, which may be the names in `getattr(settings, "rate")`."""
    modules: tuple[str, ...]


@functools.lru_cache(4096)
def names_in(code: CodeType) -> Names:
    """The globals that a code object loads, the attributes, and the modules that it imports."""
    found = Names((), (), ())
    loaded: dict[str, None] = {}
    attributes: dict[str, None] = {}
    modules: dict[str, None] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname in _GLOBALS:
            loaded[instruction.argval] = None
        elif instruction.opname in _ATTRIBUTES:
            attributes[instruction.argval] = None
        elif instruction.opname == "IMPORT_NAME":
            modules[instruction.argval] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found = names_in(constant)
            loaded.update(dict.fromkeys(found.globals))
            attributes.update(dict.fromkeys(found.attributes))
            modules.update(dict.fromkeys(found.modules))
        elif isinstance(constant, str):
            attributes[constant] = None
    return Names(tuple(loaded), tuple(attributes), tuple(modules))


@functools.lru_cache(4096)
def written(code: CodeType, own: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The outer variables and globals that a function assigns to, which a compiled one would not."""
    own = own | frozenset(code.co_cellvars)
    found = [
        i.argval
        for i in dis.get_instructions(code)
        if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")
        or (i.opname in ("STORE_DEREF", "DELETE_DEREF") and i.argval in code.co_freevars and i.argval not in own)
    ]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += written(constant, own)
    return tuple(dict.fromkeys(found))
