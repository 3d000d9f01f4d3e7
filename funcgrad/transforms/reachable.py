"""A walk over everything that a function can reach by the names in its code: its key, its arrays, and what to watch.

Each object is met once and has a number, by which others refer to it; the key is what stands in each, in the order in
which they were met. So two moments have equal keys if what can be reached has the same shape and the same numbers and
strings in it, which holds of containers that contain themselves, too.
"""

from __future__ import annotations

import collections
import functools
import operator
import os
import sys
import sysconfig
from array import array
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from random import Random
from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    EllipsisType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, Primitive, Tracer, WeakNumber, current_trace
from ..ops.create import writable
from ..provenance import is_internal
from .captures import ClosedOverTracer, Itself, Unwatchable, Watch, content
from .code_names import names_in, written
from .remains import holds_a_tracer

__all__ = ["reach"]

MOST_BYTES = 2**20
"""A NumPy array that its owner may write to is compared with what it held before; up to this size."""
MOST_PARTS = 10_000
"""How many numbers, arrays and objects are looked at before each call."""

_ATOMS = frozenset([int, bool, str, bytes, type(None), EllipsisType, range, type(NotImplemented)])
_CONTAINERS = (list, set, frozenset, tuple, collections.deque, dict)
_GENERATORS = (np.random.Generator, np.random.BitGenerator, np.random.RandomState, Random)
_DICT_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
_OF_CLASSES = frozenset(["__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__annotations__"])
_INSTALLED = tuple(
    {os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def reach(f: Any, watch: Watch) -> tuple[Any, list[Array]]:
    """A key of all that a function can reach but its arrays, and those."""
    walk = Walk(f, watch)
    return walk.key(), walk.arrays


class Walk:
    """One walk.

    Args:
        f: any callable.
        watch: is told what to watch.
    """

    def __init__(self, f: Any, watch: Watch) -> None:
        self.f, self.watch = f, watch
        self.own = str(getattr(f, "__module__", "")).partition(".")[0]  # watched even where it is installed
        self.arrays: list[Array] = []
        self.met: list[Any] = []  # in order; held, so that they keep their addresses
        self.numbers: dict[int, int] = {}  # by id, where in `met`
        self.count = 0
        self.spaces: list[Mapping[str, Any]] = []  # of modules, classes and functions: read by name
        self.names: dict[str, None] = {}  # attributes that the code reads

    def key(self) -> Any:
        """The whole."""
        found: list[Any] = [self.part(self.f)]
        done = 0
        read: set[tuple[int, str]] = set()
        while done < len(self.met):
            for x in self.met[done:]:
                done += 1
                found.append(self.inside(x))
            for i, space in enumerate(self.spaces):
                for name in [n for n in self.names if n in space and (i, n) not in read]:
                    read.add((i, name))
                    found.append((i, name, self.entry(space, name)))
        self.watch.spaces = self.spaces
        return tuple(found)

    def part(self, x: Any) -> Any:
        """What stands for x in another object's part of the key: its value, or its number."""
        self.count += 1
        if self.count > MOST_PARTS:
            raise Unwatchable(
                f"it can reach more than {MOST_PARTS} numbers, arrays and objects: pass what it needs as arguments"
            )
        kind = type(x)
        if kind in _ATOMS:
            return kind, x
        if kind is float or kind is complex:
            return kind, repr(x)  # NaN is not itself, and -0.0 is 0.0
        number = self.numbers.get(id(x))
        if number is None:
            if issubclass(kind, Tracer | WeakNumber):
                raise ClosedOverTracer
            number = self.numbers[id(x)] = len(self.met)
            self.met.append(x)
        return number

    def parts(self, xs: Any) -> tuple[Any, ...]:
        """What stands for several."""
        return tuple([self.part(x) for x in xs])

    def entry(self, space: Mapping[str, Any], name: str) -> Any:
        """What a name stands for, if it stands for anything; watched once."""
        entries = self.watch.entries
        if (id(space), name) not in entries:
            entries[id(space), name] = space, name
            self.watch.labels.append(name)
        return self.part(space[name]) if name in space else None

    # ---- what is inside ----

    def inside(self, x: Any) -> Any:
        """The part of the key that an object is."""
        kind = type(x)
        if isinstance(x, Array):
            self.arrays.append(x)
            return Array, x.shape, x.dtype, str(x.device)
        if isinstance(x, FunctionType):
            return self.function(x)
        if isinstance(x, type):
            return self.cls(x)
        if isinstance(x, Primitive | np.ufunc):  # declared once
            return Itself(x)
        if isinstance(x, ModuleType):
            if not self.library(x.__name__):
                self.spaces.append(vars(x))
            return Itself(x)
        if isinstance(x, MethodType):
            return kind, *self.parts((x.__func__, x.__self__))
        if isinstance(x, BuiltinFunctionType | BuiltinMethodType):
            owner = x.__self__  # of `append = rows.append`
            return Itself(x) if owner is None or isinstance(owner, ModuleType) else (kind, x.__name__, self.part(owner))
        if isinstance(x, np.ndarray | np.generic):
            return self.numpy(x), self.attributes(x) if hasattr(x, "__dict__") else None
        if isinstance(x, _CONTAINERS):
            return self.container(x), None if kind in _CONTAINERS else self.object(x)
        if isinstance(x, int | float | complex | str | bytes):  # of a class of their own
            base = next(base for base in (int, float, complex, str, bytes) if isinstance(x, base))
            return base.__repr__(x), self.object(x)
        return self.special(x) or self.object(x)

    def container(self, x: Any) -> Any:
        """Containers by what is in them."""
        if isinstance(x, dict):
            keys, values = dict.keys(x), dict.values(x)
            self.watch.views += (keys, values)
            factory = None
            if isinstance(x, collections.defaultdict):
                self.watch.slots.append((x, vars(collections.defaultdict)["default_factory"]))
                factory = x.default_factory
            return dict, self.part(factory), self.parts(keys), self.parts(values)
        base = next(base for base in _CONTAINERS if isinstance(x, base))
        if base not in (tuple, frozenset):
            self.watch.views.append(x)
        return base, self.parts(base.__iter__(x))  # type: ignore[attr-defined]

    def special(self, x: Any) -> Any:
        """Objects of Python's own that hold others where only they can look; None for all else."""
        if isinstance(x, functools.partial):
            self.watch.views += (x.keywords.keys(), x.keywords.values())
            inside = self.parts(x.keywords), self.parts(x.keywords.values())
            return type(x), self.part(x.func), self.part(x.args), *inside, self.attributes(x)
        if isinstance(x, operator.attrgetter | operator.itemgetter | operator.methodcaller):
            state: Any = x.__reduce__()[1]
            self.names.update(dict.fromkeys(n for name in state if type(name) is str for n in name.split(".")))
            return type(x), self.parts(state)
        if isinstance(x, property):
            return property, *self.parts((x.fget, x.fset, x.fdel))
        if isinstance(x, staticmethod | classmethod):
            return type(x), self.part(x.__func__)
        if isinstance(x, ContextVar):
            self.watch.variables.append(x)
            return ContextVar, Itself(x), self.part(x.get(None))
        if isinstance(x, MappingProxyType):
            self.watch.views += (x.keys(), x.values())
            return MappingProxyType, self.parts(x.keys()), self.parts(x.values())
        if isinstance(x, _DICT_VIEWS):
            return type(x), self.part(x.mapping)
        if isinstance(x, bytearray | memoryview | array):
            self.watch.buffers.append(x)
            return type(x), x.tobytes() if not isinstance(x, bytearray) else bytes(x)
        if isinstance(x, _GENERATORS):
            self.watch.generators.append(x)
            return Itself(x)
        return None

    def numpy(self, x: Any) -> Any:
        """A NumPy array by its bytes, since it may be written to at any time."""
        if isinstance(x, np.ndarray) and not writable(x):
            return Itself(x)
        if x.dtype.hasobject or x.nbytes > MOST_BYTES:
            raise Unwatchable(
                f"it finds a NumPy array of shape {x.shape} and dtype {x.dtype} that can be written to: pass it as an "
                "argument, or make it a funcgrad array once (fnp.asarray), which cannot change"
            )
        if isinstance(x, np.ndarray):
            self.watch.buffers.append(x)
        return type(x), x.shape, x.dtype, x.tobytes()

    def object(self, x: Any) -> Any:
        """An instance: its class, and its attributes."""
        cls = type(x)
        if _is_ours(cls):
            if callable(getattr(x, "__wrapped__", None)):  # jit, custom_jvp, ...: what counts is the functions inside
                own = getattr(x, "__dict__", {})  # a kernel's wrapper has slots, and nothing of the user's in them
                return Itself(x), *[(name, self.entry(own, name)) for name, value in own.items() if _is_code(value)]
            if not tree.structure(x).is_leaf():  # random keys
                leaves, structure = tree.flatten(x)
                return cls, structure, self.parts(leaves)
        found = self.attributes(x)
        return (self.part(cls), found) if found else (self.part(cls), Itself(x))

    def attributes(self, x: Any) -> Any:
        """The names and values of an object's attributes, those in slots included."""
        self.watch.instances.append(x)
        names: list[str] = []
        values: list[Any] = []
        inside = getattr(x, "__dict__", None)
        if type(inside) is dict:
            self.watch.views += (inside.keys(), inside.values())
            names += inside
            values += inside.values()
        for base in type(x).__mro__:
            for name, member in vars(base).items() if "__slots__" in vars(base) else ():
                if type(member) is MemberDescriptorType:
                    self.watch.slots.append((x, member))
                    try:
                        values.append(member.__get__(x))
                        names.append(name)
                    except AttributeError:  # not assigned yet
                        continue
        return tuple(names), self.parts(values)

    def cls(self, x: type) -> Any:
        """A class: itself, and where it is the user's, its functions, and what else its code reads by name."""
        if self.library(x.__module__) or _is_ours(x):
            return Itself(x)
        space = vars(x)
        self.spaces.append(space)
        methods = [name for name, value in space.items() if name not in _OF_CLASSES and _is_method(value)]
        bases = self.parts(b for b in (*x.__mro__[1:], type(x)) if not self.library(b.__module__))
        return Itself(x), bases, *[(name, self.entry(space, name)) for name in methods]

    def function(self, f: FunctionType) -> Any:
        """A function: its code, its defaults, and what the names in its code stand for."""
        cells = f.__closure__ or ()
        if is_internal[f.__code__.co_filename] or self.library(f.__globals__.get("__name__")):
            # the pullback of a vjp that is being differentiated itself
            if current_trace() is not None and holds_a_tracer(*cells):
                raise ClosedOverTracer
            # of grad(f), vmap(f), singledispatch: the functions inside; its other settings are its own
            inside = [content(cell) for cell in cells] + list(vars(f).values())
            return Itself(f), self.parts(x for x in inside if callable(x) or isinstance(x, MappingProxyType))
        if writes := written(f.__code__):
            raise Unwatchable(
                f"{f.__name__} assigns to {', '.join(map(repr, writes))} outside of it: return the new value instead"
            )
        names = names_in(f.__code__)
        self.names.update(dict.fromkeys(names.attributes))
        self.watch.functions.append(f)
        if vars(f):
            self.spaces.append(vars(f))
        parts: list[Any] = []
        for name, cell in zip(f.__code__.co_freevars, cells, strict=True):
            self.watch.labels.insert(len(self.watch.cells), name)
            self.watch.cells.append(cell)
            value = content(cell)
            parts.append((name, self.part(value)))
        builtins: dict[str, Any] = f.__builtins__  # type: ignore[attr-defined]  # which typeshed does not know
        wanted = [*names.globals, *(names.attributes if "globals" in names.globals else ())]
        for name in wanted:
            parts.append((name, self.entry(f.__globals__, name)))
            if name not in f.__globals__ and name in builtins:
                parts.append((name, self.entry(builtins, name)))
        for module in self.imported(f, names.modules):
            parts.append((module, self.entry(sys.modules, module)))
        defaults = self.part(f.__defaults__), None if f.__kwdefaults__ is None else self.part(f.__kwdefaults__)
        return FunctionType, f.__code__, *parts, *defaults

    def imported(self, f: FunctionType, modules: Sequence[str]) -> list[str]:
        """The modules that a function imports while it runs, by their full names."""
        package = f.__globals__.get("__package__")
        found = [f"{package}.{name}" for name in modules if package and f"{package}.{name}" in sys.modules]
        return [*modules, *[name.partition(".")[0] for name in modules if "." in name], *found]

    def library(self, name: str | None) -> bool:
        """Is that a module whose names stay what they are?"""
        if name is None:
            return True
        package = name.partition(".")[0]
        return package == "funcgrad" or (package != self.own and _is_installed(name))


def _is_code(value: Any) -> bool:
    return callable(value) or (type(value) is tuple and bool(value) and all(map(callable, value)))  # rules: (fwd, bwd)


def _is_method(value: Any) -> bool:
    return isinstance(value, FunctionType | property | staticmethod | classmethod) or (
        not isinstance(value, type) and hasattr(type(value), "__get__") and type(value) is not MemberDescriptorType
    )


@functools.cache
def _is_installed(name: str) -> bool:
    """Is that a module of Python's own, or of an installed package?"""
    file = getattr(sys.modules.get(name), "__file__", None)
    return name in sys.builtin_module_names or (file is not None and os.path.abspath(file).startswith(_INSTALLED))


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "funcgrad"
