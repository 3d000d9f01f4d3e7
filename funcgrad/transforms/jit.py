"""`jit`: a function that is recorded as it runs, and runs as compiled programs from then on.

    call(args):
        under a trace that records, or where f closes over a value of a transform: f itself
        under another trace: its transform of this jitted function, compiled in turn        jit_call.py
        all but the values as in the last call: that call's program, at once                dispatch.py, entry.py
        else: take the arguments apart, and find the tree of paths of such inputs           jit_arguments.py
              go from question to question, with the values that are alive                  unit.py, states.py
              where nothing is known: run f, record what it does, graft it on               stage.py, trace_tree.py

What f reads beside its arguments is looked at before each call (`captures.py`).
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..codegen.arena import empty_pool
from ..config import disable_jit
from ..core import Array, bind_call, current_trace
from ..errors import OptionError
from .arguments import placed
from .captures import Captures, ClosedOverTracer
from .dispatch import OTHER, flattener, short_way
from .donation import Donated, DonatingWay, Donation, inside, is_inside, moved
from .entry import AS_IT_IS, Entry, assembled
from .jit_arguments import as_value, both_ways, ints, is_static, is_value, orders, static_key, strings, taken_apart
from .jit_call import JitCall
from .nans import DebugTrace
from .reachable import reach
from .stage import StageTrace
from .unit import Unit

__all__ = ["Jitted", "clear_caches", "jit"]


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
    inline: bool = False,
    keep_unused: bool = False,
) -> Any:
    """A function that does what f does, by programs made of what f has been seen to do.

    f runs as it is on its first call, runs and is recorded on the next two, and from then on programs run without
    Python in between (`config.jit_warmup`). f may branch and loop on values: each path is recorded when it is first
    taken, and once more. What f reads beside its arguments may change: programs are found by it, and arrays among it
    are inputs. So the result is that of f, always, if f is pure: the same on each run with the same values, and with no
    effect beside its result (`debug.print` and `io_callback` are repeated). A function that is found to be impure runs
    as it is, with one warning; a memo that it fills is no reason for that. Where Python reads more than 64 values of an
    array at once (`np.asarray(x)`, `x.tolist()`), f runs as it is, too, with a warning that says where.

    Products, and sums over the turns of a loop, may differ from f's in their last bits: many small ones are done at
    once. Programs that are large or called often are compiled from C where there is a compiler (`config.c_compiler`).
    From then on functions like `exp`, and sums, may differ so, too, and heed no `np.errstate`.

    Two things cannot be seen: a function of the clock, of `id` or of a file which gave the same on two runs; and
    attributes of modules and classes whose names are put together while f runs. A number that f is given is an `int` or
    `float` to isinstance, and not to `type(n) is int`.

    Args:
        f: a function of pytrees of arrays and numbers; without it, a decorator with these options.
        static_argnums, static_argnames: arguments that Python decides by: each different value (by == and hash) has
            programs of its own. Leaves that are neither arrays nor numbers are static anyway.
        donate_argnums, donate_argnames: arguments whose arrays are given away. After a call they are gone, the
            first call included, with programs or without: to use one raises `DonatedArrayError`. Large results are
            written over those that nobody else can see, so that a training step allocates little. What shares their
            memory (views, `fnp.copy(x)`, NumPy arrays) stays as it is, and that memory is not written over. If f
            raises, they stay, unless a program had begun to write over them (memory ran out, or by `np.errstate`).
            Under another transform or another jit, and for what is no array, donation has no effect.
        inline, keep_unused: for programs written for JAX; without effect.

    Returns:
        A function of the same arguments. `grad`, `vmap` and `jvp` of it are compiled as well.

    Raises:
        OptionError: an argument is to be both static and donated.

    >>> import funcgrad as fg
    >>> @fg.jit
    ... def collatz(n):
    ...     steps = 0
    ...     while n > 1:
    ...         n = n // 2 if n % 2 == 0 else 3 * n + 1
    ...         steps += 1
    ...     return steps
    >>> [collatz(n) for n in (6, 7, 6, 7, 6)]
    [8, 16, 8, 16, 8]
    >>> step = fg.jit(lambda w: w - 0.5, donate_argnums=0)
    >>> w = fg.asarray([1.0, 2.0])
    >>> new = step(w)
    >>> w
    Array(float32[2], donated to jit(<lambda>))
    """
    if f is None:
        return functools.partial(
            jit,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
            donate_argnums=donate_argnums,
            donate_argnames=donate_argnames,
        )
    if not callable(f):
        raise OptionError(f"jit takes a function, not {type(f).__name__}")
    static = ints(static_argnums), strings(static_argnames)
    donated = ints(donate_argnums), strings(donate_argnames)
    return Donating(f, *static, *donated) if any(donated) else Jitted(f, *static)


disabled = disable_jit.get
ONCE = object()
MOST_FORMS = 256
"""How many forms of arguments have programs; the oldest are forgotten, and with them the objects that were static."""
MOST_WAYS = 4
"""How many structures of arguments have a short way at once."""


_all: weakref.WeakSet[Jitted] = weakref.WeakSet()


def clear_caches() -> None:
    """Forget every program, and give back the memory that they use again: jitted functions record anew."""
    for jitted in _all:
        jitted.clear()
    empty_pool()


class Jitted:
    """A function under `jit`."""

    held_in = ("f",)
    """The attributes in which it may hold values of transforms."""

    def __init__(
        self,
        f: Callable[..., Any],
        static_argnums: tuple[int, ...],
        static_argnames: tuple[str, ...],
    ):
        functools.update_wrapper(self, f, updated=())  # f may be one of these itself, with attributes of its own
        self.f = f
        self.numbers, self.names = both_ways(f, static_argnums, static_argnames)
        self.clear()
        _all.add(self)

    def clear(self) -> None:
        """Forget every program."""
        self.units: dict[Any, Unit] = {}
        self.entries: dict[Unit, Any] = {}  # None where there is no short way, ONCE where nobody has looked
        self.ways: tuple[Callable[..., Any], ...] = ()  # those that are tried, the last that was made first

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = current_trace()
        if trace is None and not disabled():
            for way in self.ways:
                result = way(args, kwargs)
                if result is not OTHER:
                    return self.as_it_is(*args, **kwargs) if result is AS_IT_IS else result
        if isinstance(trace, StageTrace | DebugTrace) or disable_jit():
            return self.as_it_is(*args, **kwargs)
        try:
            unit, leaves = self.unit(args, kwargs)
            if trace is None:
                outs, info = unit(leaves)
                self.enter(unit, args, kwargs)
            else:
                unit.look()
                call = JitCall(unit)
                outs = bind_call(trace, call, leaves)
                info = call.learned[-1]
        except ClosedOverTracer:  # it cannot be compiled apart from where the tracer is
            return self.as_it_is(*args, **kwargs)
        return assembled(outs, info)

    def as_it_is(self, *args: Any, **kwargs: Any) -> Any:
        """f itself; in it nothing is donated, as in its programs."""
        with inside():
            return self.f(*args, **kwargs)

    def enter(self, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Make the way short for the next arguments of this structure."""
        if unit not in self.entries:
            self.entries[unit] = ONCE  # what is called once does not pay for it
            return
        if self.entries[unit] is ONCE:
            self.entries[unit] = self.way(unit, args, kwargs)
        way = self.entries[unit]
        if way is not None and way not in self.ways:
            self.ways = (way, *self.ways[: MOST_WAYS - 1])

    def way(self, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any] | None:
        """The short way for arguments like these."""
        return short_way(args, kwargs, self.numbers, self.names, is_static, Entry(unit))

    def unit(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Unit, list[Any]]:
        """The compiled function of arguments of this form, and their leaves."""
        fixed = {n % len(args): args[n % len(args)] for n in self.numbers if -len(args) <= n < len(args)}
        named = {k: kwargs[k] for k in self.names if k in kwargs}
        moving = (
            [None if i in fixed else x for i, x in enumerate(args)],
            {k: None if k in named else x for k, x in kwargs.items()},
        )
        found, structure = tree.flatten(moving)
        places = [i for i, x in enumerate(found) if is_value(x)]
        leaves = [as_value(found[i]) for i in places]
        statics = [None if is_value(x) else x for x in found]
        key = (
            structure,
            tuple(places),
            orders(moving),
            *map(static_key, statics),
            *((i, static_key(x)) for i, x in fixed.items()),
            *((k, static_key(x)) for k, x in named.items()),
        )
        unit = self.units.get(key)
        if unit is None:
            while len(self.units) >= MOST_FORMS:
                self.entries.pop(self.units.pop(next(iter(self.units))), None)
            flat = functools.partial(self.flat, structure, places, statics, fixed, named)
            name = getattr(self.f, "__name__", type(self.f).__name__)
            around = (self.f, statics, fixed, named) if any(statics) or fixed or named else self.f
            unit = self.units.setdefault(key, Unit(name, flat, Captures(around, reach), Jitted.flat.__code__))
        return unit, leaves

    def flat(
        self, structure: Any, places: list[int], statics: list[Any], fixed: Any, named: Any, leaves: Sequence[Any]
    ) -> tuple[list[Any], Any]:
        """The function on leaves: the results that are arrays or numbers of the program, and a form for the rest."""
        whole = placed(statics, places, leaves)
        args, kwargs = tree.unflatten(structure, whole)
        with inside():
            out = self.f(*[fixed.get(i, x) for i, x in enumerate(args)], **{**kwargs, **named})
        return taken_apart(out)


class Donating(Jitted):
    """A function under `jit` to which arguments are donated."""

    def __init__(
        self,
        f: Callable[..., Any],
        static_argnums: tuple[int, ...],
        static_argnames: tuple[str, ...],
        donate_argnums: tuple[int, ...],
        donate_argnames: tuple[str, ...],
    ):
        super().__init__(f, static_argnums, static_argnames)
        self.given_numbers, self.given_names = both_ways(f, donate_argnums, donate_argnames)
        both = sorted({*self.names}.intersection(self.given_names) or {*self.numbers}.intersection(self.given_numbers))
        if both:
            raise OptionError(f"jit: an argument is either static or donated, {both[0]!r} cannot be both")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = current_trace()
        if trace is not None and not isinstance(trace, DebugTrace):  # a transform may need the values once more
            return super().__call__(*args, **kwargs)
        if is_inside():
            args, kwargs, _ = self.moved(args, kwargs)
        call: Any = super().__call__
        if trace is None and not disabled():
            for way in self.ways:
                result = way(args, kwargs)
                if result is AS_IT_IS:
                    call = self.as_it_is
                    break
                if result is not OTHER:
                    return result
        args, kwargs, arrays = self.moved(args, kwargs)
        donation = Donation(getattr(self.f, "__name__", type(self.f).__name__), arrays)
        result = call(*args, **kwargs)
        donation.take()
        return result

    def moved(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], list[Array]]:
        """The arguments with new arrays in the place of the donated ones, and those."""
        arrays = [x for x, given in self.leaves(args, kwargs) if given and type(x) in (Array, Donated)]
        return tuple(moved(x, arrays) for x in args), {k: moved(x, arrays) for k, x in kwargs.items()}, arrays

    def way(self, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any] | None:
        flatten = flattener(args, kwargs, self.numbers, self.names, is_static)
        if flatten is None:
            return None
        values = [(x, is_donated) for x, is_donated in self.leaves(args, kwargs) if is_value(x)]
        return DonatingWay(unit, flatten, [i for i, (x, gone) in enumerate(values) if gone and isinstance(x, Array)])

    def leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Any, bool]]:
        """The leaves of all arguments that are not static, and whether they are donated."""

        def places(numbers: Sequence[int]) -> set[int]:
            return {n % len(args) for n in numbers if -len(args) <= n < len(args)}

        static, given = places(self.numbers), places(self.given_numbers)
        parts = [(x, i in given) for i, x in enumerate(args) if i not in static]
        parts += [(x, k in self.given_names) for k, x in sorted(kwargs.items()) if k not in self.names]
        return [(leaf, is_donated) for x, is_donated in parts for leaf in tree.leaves(x)]
