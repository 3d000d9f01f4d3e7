"""Taking arguments apart and putting results together, by functions generated for one structure each.

A tree library walks any tree; a jitted function is called with the same one again and again. For it code is written:

    def flatten(args, kwargs):                          # of f(params, x), params = {"w": ..., "b": ...}
        if kwargs: return None
        x0, x1 = args
        if type(x0) is not dict or tuple(x0) != k0: return None
        x2, x3 = x0.values()
        if not (type(x2) is type(x3) is type(x1) is Array): return None
        d0 = x2._data; d1 = x3._data; d2 = x1._data
        return (d0, d1, d2), (d0.shape, x2.dtype, ...), (x2, x3, x1)

None says that the arguments have another form; then the general way, which is slower, finds or makes their program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import SCALARS, Array, wrap

__all__ = ["assembler", "flattener", "wrapped"]

_STATIC = (str, bool, type(None))


class Writer:
    """Source code with the constants that it names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {"Array": Array, "wrapped": wrapped, "ndarray": np.ndarray}
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


def flattener(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    numbers: Sequence[int] = (),
    names: Sequence[str] = (),
    is_static: Callable[[Any], bool] = lambda x: False,
) -> Callable[..., Any] | None:
    """(args, kwargs) -> (raw arrays and numbers, their forms, the leaves) of arguments like these, or None.

    Args:
        args, kwargs: arguments.
        numbers, names: which of them are static.
        is_static: whether an object in them is a leaf that is static anyway.

    Returns:
        None where no such function can be written: a leaf is neither an array, a number nor a plain constant, or a
        node is of a class that only the tree library can take apart.
    """
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
        writer.lines.append(f"if not ({chain} is Array): return None")
    data = {name: f"d{i}" for i, (name, _) in enumerate(leaves)}
    for name, kind in leaves:
        if kind is Array:
            writer.lines.append(f"{data[name]} = {name}._data")
        else:
            writer.lines.append(f"if type({name}) is not {kind.__name__}: return None")
            data[name] = name
    raws = "".join(f"{data[name]}, " for name, _ in leaves)
    forms = "".join(
        f"{data[name]}.shape, {name}.dtype, type({data[name]}), " if kind is Array else f"{kind.__name__}, "
        for name, kind in leaves
    )
    whole = "".join(f"{name}, " for name, _ in leaves)
    writer.lines.append(f"return ({raws}), ({forms}), ({whole})")
    return writer.function("flatten", "x1, x2")


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
            writer.lines.append(f"if {name} is not {writer.constant(x.x)}: return None")
            continue
        if isinstance(x, Array):
            leaves.append((name, Array))
            continue
        if kind in (int, float, complex):
            leaves.append((name, kind))
            continue
        if kind in _STATIC:
            test = f"{name} is not {x}" if kind is not str else f"{name} != {x!r}"
            writer.lines.append(f"if {test}: return None")
            continue
        if kind is dict and all(type(k) is str for k in x):
            keys, children = writer.constant(tuple(x)), list(x.values())
            writer.lines.append(f"if type({name}) is not dict or tuple({name}) != {keys}: return None")
            source = f"{name}.values()"
        elif kind in (tuple, list) or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
            cls, children, source = writer.constant(kind), list(x), name
            writer.lines.append(f"if type({name}) is not {cls} or len({name}) != {len(x)}: return None")
        elif is_static(x):
            writer.lines.append(f"if {name} is not {writer.constant(x)}: return None")
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


def assembler(form: Any, given: Sequence[int | None]) -> Callable[..., Any]:
    """(raw results, leaves of the arguments) -> the function's result.

    Args:
        form: (structure, rest, places): the result's structure, its leaves that are no arrays, and where arrays stand.
        given: for each array the number of the argument leaf that it is, or None for one that was computed.
    """
    structure, rest, places = form
    writer = Writer()
    spots = dict(zip(places, range(len(places)), strict=True))
    leaves = [_Spot(spots[i]) if i in spots else x for i, x in enumerate(rest)]
    for k, source in enumerate(given):
        if source is None:
            writer.lines.append(f"r{k} = results[{k}]")
            writer.lines.append(f"r{k} = Array(r{k}) if type(r{k}) is ndarray else wrapped(r{k})")
        else:
            writer.lines.append(f"r{k} = leaves[{source}]")
    writer.lines.append(f"return {_literal(writer, tree.unflatten(structure, leaves))}")
    return writer.function("assemble", "results, leaves")


def wrapped(x: Any) -> Any:
    """A program's result as the user gets it: an array, or a Python number (NumPy's scalars are subclasses of them)."""
    return x if type(x) in SCALARS else wrap(x)


class _Spot:
    """Where a result's array goes."""

    __slots__ = ("number",)

    def __init__(self, number: int):
        self.number = number


def _literal(writer: Writer, x: Any) -> str:
    """An expression that builds the tree."""
    if type(x) is _Spot:
        return f"r{x.number}"
    if type(x) is tuple:
        return "(" + "".join(f"{_literal(writer, item)}, " for item in x) + ")"
    if type(x) is list:
        return "[" + ", ".join(_literal(writer, item) for item in x) + "]"
    if type(x) is dict:
        return "{" + ", ".join(f"{writer.constant(k)}: {_literal(writer, v)}" for k, v in x.items()) + "}"
    leaves, structure = tree.flatten(x)
    if structure.is_leaf() or not leaves:
        return writer.constant(x)
    unflatten = writer.constant(tree.unflatten)
    inside = ", ".join(_literal(writer, leaf) for leaf in leaves)
    return f"{unflatten}({writer.constant(structure)}, [{inside}])"
