"""Taking arguments apart and putting results together, by functions generated for one structure each.

A tree library walks any tree; a jitted function is called with the same one again and again. For it code is written:

    def way(args, kwargs):                              # of f(params, x), params = {"w": ..., "b": ...}
        if kwargs: return OTHER
        x0, x1 = args
        if type(x0) is not dict or [*x0] != k0: return OTHER
        x2, x3 = x0.values()
        if not (type(x2) is type(x3) is type(x1) is Array): return OTHER
        d0 = x2._data; d1 = x3._data; d2 = x1._data
        forms = (d0.shape, x2.dtype, type(d0), ...)
        ...                                             # as the last time, but for the values?
            return finish(x2, x3, x1, d0, d1, d2)       # {"w": Array(r0), "b": Array(r1)} of program(d0, d1, d2)
        return entry.run((d0, d1, d2), forms, (x2, x3, x1))

`OTHER` says that the arguments have another structure; then the general way, which is slower, finds or makes their
program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..config import last_change
from ..core import SCALARS, Array, wrap

__all__ = ["OTHER", "assembler", "finisher", "flattener", "short_way", "wrapped"]

OTHER = object()
"""What a short way gives for arguments of another structure than its own."""
_STATIC = (str, bool, type(None))


class Writer:
    """Source code with the constants that it names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {"Array": Array, "OTHER": OTHER, "wrapped": wrapped, "ndarray": np.ndarray}
        self.count = 0

    def constant(self, value: Any) -> str:
        """A name for a value."""
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def fresh(self) -> str:
        """A new variable."""
        self.count += 1
        return f"x{self.count}"

    def function(self, name: str, parameters: str) -> Callable[..., Any]:
        """The function whose body this is."""
        source = f"def {name}({parameters}):\n" + "".join(f"    {line}\n" for line in self.lines)
        namespace = dict(self.constants)
        exec(compile(source, f"<{name} of one structure>", "exec"), namespace)
        return namespace[name]  # type: ignore[no-any-return]


def short_way(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    numbers: Sequence[int],
    names: Sequence[str],
    is_static: Callable[[Any], bool],
    entry: Any,
) -> Callable[..., Any] | None:
    """(args, kwargs) -> the result of a jitted function on arguments like these, else `OTHER`.

    Args:
        args, kwargs: arguments.
        numbers, names: which of them are static.
        is_static: whether an object in them is a leaf that is static anyway.
        entry: what has the program: `entry.fast` is (forms, last change of a setting, unchanged, finish) of the last
            call, if it had nothing to ask, and `entry.run(raws, forms, leaves)` finds any other.

    Returns:
        None where no such function can be written: a leaf is neither an array, a number nor a plain constant, or a
        node is of a class that only the tree library can take apart.
    """
    parts = _parts(args, kwargs, numbers, names, is_static)
    if parts is None:
        return None
    writer, raws, forms, whole = parts
    writer.constants.update(entry=entry, unit=entry.unit, last_change=last_change)
    writer.lines += [
        f"forms = ({forms})",
        "known, change, unchanged, finish = entry.fast",
        "if forms == known and last_change() is change and not unit.eager:",
        f"    if unchanged(): return finish({whole}{raws})",
        f"return entry.run(({raws}), forms, ({whole}))",
    ]
    return writer.function("way", "x1, x2")


def flattener(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    numbers: Sequence[int],
    names: Sequence[str],
    is_static: Callable[[Any], bool],
) -> Callable[..., Any] | None:
    """(args, kwargs) -> (raw arrays and numbers, forms, leaves) of arguments like these, else `OTHER`; or None.

    Args:
        args, kwargs, numbers, names, is_static: as for `short_way`.
    """
    parts = _parts(args, kwargs, numbers, names, is_static)
    if parts is None:
        return None
    writer, raws, forms, whole = parts
    writer.lines.append(f"return ({raws}), ({forms}), ({whole})")
    return writer.function("flatten", "x1, x2")


def _parts(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    numbers: Sequence[int],
    names: Sequence[str],
    is_static: Callable[[Any], bool],
) -> tuple[Writer, str, str, str] | None:
    """Code that takes arguments apart, and what is written then for the raw values, their forms and the leaves."""
    writer = Writer()
    parameters = writer.fresh(), writer.fresh()
    leaves: list[tuple[str, type]] = []
    fixed = {n % len(args) for n in numbers if -len(args) <= n < len(args)}
    given = tuple(_Fixed(x) if i in fixed else x for i, x in enumerate(args))
    named = {k: _Fixed(x) if k in names else x for k, x in kwargs.items()}
    if not all(_walk(writer, name, x, leaves, is_static) for name, x in zip(parameters, (given, named), strict=True)):
        return None
    arrays = [name for name, kind in leaves if kind is Array]
    if arrays:
        chain = " is ".join(f"type({name})" for name in arrays)
        writer.lines.append(f"if not ({chain} is Array): return OTHER")
    data = {name: f"d{i}" for i, (name, _) in enumerate(leaves)}
    for name, kind in leaves:
        if kind is Array:
            writer.lines.append(f"{data[name]} = {name}._data")
        else:
            writer.lines.append(f"if type({name}) is not {kind.__name__}: return OTHER")
            data[name] = name
    raws = "".join(f"{data[name]}, " for name, _ in leaves)
    forms = "".join(
        f"{data[name]}.shape, {name}.dtype, type({data[name]}), " if kind is Array else f"{kind.__name__}, "
        for name, kind in leaves
    )
    return writer, raws, forms, "".join(f"{name}, " for name, _ in leaves)


class _Fixed:
    """A static argument."""

    __slots__ = ("x",)

    def __init__(self, x: Any):
        self.x = x


def _walk(
    writer: Writer, name: str, top: Any, leaves: list[tuple[str, type]], is_static: Callable[[Any], bool]
) -> bool:
    """Code that takes one tree apart into the names of its leaves."""
    waiting = [(name, top)]
    while waiting:
        name, x = waiting.pop(0)
        kind = type(x)
        if kind is _Fixed:  # the very object; another that equals it takes the general way
            writer.lines.append(f"if {name} is not {writer.constant(x.x)}: return OTHER")
            continue
        if isinstance(x, Array):
            leaves.append((name, Array))
            continue
        if kind in (int, float, complex):
            leaves.append((name, kind))
            continue
        if kind in _STATIC:
            test = f"{name} is not {x}" if kind is not str else f"{name} != {x!r}"
            writer.lines.append(f"if {test}: return OTHER")
            continue
        if kind is dict and all(type(k) is str for k in x):
            keys, children = writer.constant(list(x)), list(x.values())
            writer.lines.append(f"if type({name}) is not dict or [*{name}] != {keys}: return OTHER")
            source = f"{name}.values()"
        elif kind in (tuple, list) or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
            cls, children, source = writer.constant(kind), list(x), name
            writer.lines.append(f"if type({name}) is not {cls} or len({name}) != {len(x)}: return OTHER")
        elif is_static(x):
            writer.lines.append(f"if {name} is not {writer.constant(x)}: return OTHER")
            continue
        else:
            return False
        names = [writer.fresh() for _ in children]
        if names:
            writer.lines.append(f"{', '.join(names)}, = {source}")
        pairs = list(zip(names, children, strict=True))
        if kind is dict:  # leaves are in the order of sorted keys
            pairs = [pair for _, pair in sorted(zip(x, pairs, strict=True), key=lambda one: one[0])]
        waiting = [*pairs, *waiting]
    return True


class Form:
    """What a jitted function gives, but for the values.

    Args:
        structure, rest, places: its structure, its leaves that are no arrays, and where arrays stand.
        given: for each array the number of the argument leaf that it is, or None for one that was computed.
    """

    def __init__(self, form: Any, given: Sequence[int | None]):
        self.structure, self.rest, places = form
        self.spots = dict(zip(places, range(len(places)), strict=True))
        self.given = given

    def write(self, writer: Writer, results: str, leaf: Callable[[int], str]) -> None:
        """Code that returns it.

        Args:
            writer: takes the code.
            results: an expression of the raw results.
            leaf: an expression of the argument leaf with that number.
        """
        taken = "".join(f"r{k}, " for k in range(len(self.given)))
        if any(source is None for source in self.given):
            writer.lines.append(f"{taken}= {results}")
        for k, source in enumerate(self.given):
            if source is None:
                writer.lines.append(f"r{k} = Array(r{k}) if type(r{k}) is ndarray else wrapped(r{k})")
        arrays = [f"r{k}" if source is None else leaf(source) for k, source in enumerate(self.given)]
        leaves = [_Spot(arrays[self.spots[i]]) if i in self.spots else x for i, x in enumerate(self.rest)]
        writer.lines.append(f"return {_literal(writer, tree.unflatten(self.structure, leaves))}")


def assembler(form: Any, given: Sequence[int | None]) -> Callable[..., Any]:
    """(raw results, leaves of the arguments) -> the function's result."""
    writer = Writer()
    Form(form, given).write(writer, "results", lambda i: f"leaves[{i}]")
    return writer.function("assemble", "results, leaves")


def finisher(
    form: Any,
    given: Sequence[int | None],
    count: int,
    node: Any,
    program: Any,
    failed: Any,
    ripe: int = -1,
    ripen: Callable[[], None] | None = None,
) -> Any:
    """(leaves of the arguments, raw ones) -> the function's result, by a program of the raw ones, or `failed`.

    Args:
        form, given: what it gives, as for `Form`.
        count: how many leaves there are.
        node: counts the calls.
        program: raw arrays and numbers -> raw results.
        failed: what is given where the program raises.
        ripe, ripen: what is done once the program has run so often.
    """
    writer = Writer()
    leaves, raws = ("".join(f"{letter}{i}, " for i in range(count)) for letter in "xd")
    writer.constants.update(node=node, program=program, failed=failed, ripen=ripen)
    writer.lines += [f"try: results = program({raws})", "except Exception: return failed"]
    writer.lines.append("node.hits = hits = node.hits + 1")
    if ripe > 0:
        writer.lines.append(f"if hits == {ripe}: ripen()")
    Form(form, given).write(writer, "results", lambda i: f"x{i}")
    return writer.function("finish", leaves + raws)


def wrapped(x: Any) -> Any:
    """A program's result as the user gets it: an array, or a Python number (NumPy's scalars are subclasses of them)."""
    return x if type(x) in SCALARS else wrap(x)


class _Spot:
    """Where a result's array goes."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name


def is_plain(kind: type) -> bool:
    """Is it a class of named tuples that come to be as Python makes them?"""
    makers = (c for c in kind.__mro__ if "__new__" in vars(c))
    return issubclass(kind, tuple) and hasattr(kind, "_fields") and next(makers).__bases__ == (tuple,)


def _literal(writer: Writer, x: Any) -> str:
    """An expression that builds the tree."""
    if type(x) is _Spot:
        return x.name
    if type(x) is tuple or is_plain(type(x)):
        items = "(" + "".join(f"{_literal(writer, item)}, " for item in x) + ")"
        return items if type(x) is tuple else f"{writer.constant(tuple.__new__)}({writer.constant(type(x))}, {items})"
    if type(x) is list:
        return "[" + ", ".join(_literal(writer, item) for item in x) + "]"
    if type(x) is dict:
        keys = [repr(k) if type(k) is str else writer.constant(k) for k in x]
        return "{" + ", ".join(f"{k}: {_literal(writer, v)}" for k, v in zip(keys, x.values(), strict=True)) + "}"
    leaves, structure = tree.flatten(x)
    if structure.is_leaf() or not leaves:
        return writer.constant(x)
    unflatten = writer.constant(tree.unflatten)
    inside = ", ".join(_literal(writer, leaf) for leaf in leaves)
    return f"{unflatten}({writer.constant(structure)}, [{inside}])"
