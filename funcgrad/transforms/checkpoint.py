"""Rematerialisation: forget what a function computed, and compute it again when the backward pass needs it.

    grad(lambda x: g(checkpoint(f)(x)))        forward: f, whose tape is dropped; backward: f again, then its pull

`f` may close over tracers of the transforms that it runs under: they are found on its first run and become operands
(`closure.py`), so what stays between forward and backward is the arguments, what it closes over, and what a policy
keeps. The backward pass is itself such a call: under another derivative it is computed again as well.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import numpy as np

from .. import tree
from ..core import SCALARS, Array, Aval, Call, Trace, Tracer, aval, bind_call, current_trace, is_running, use_trace
from ..dtypes import is_inexact
from ..errors import DtypeError, OptionError, ShapeError
from ..graph.barrier import barrier
from ..numpy.creation import asarray, zeros_like
from .arguments import OMITTED, described, placed, takes_function
from .batch import BatchTrace, BatchTracer
from .body import BodyTrace, staging
from .closure import capture, closed, frozen, resolve
from .grad import vjp
from .jvp import JVPTracer, jvp
from .saving import Policy, Recording, Replay, checkpoint_policies
from .tape import GradTrace
from .vmap import vmap

__all__ = ["checkpoint", "checkpoint_sequential", "remat", "run_again", "tapes"]

Flat = Callable[[Sequence[Any]], Sequence[Any]]
"""A function from a list of arrays to a list of arrays."""


@takes_function
def checkpoint(
    f: Callable[..., Any] = OMITTED,
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """A function whose intermediate values are computed again in the backward pass instead of kept until then.

    Its value and all of its derivatives are the same; reverse mode runs f twice, and between the passes keeps only
    f's arguments, what f closes over, and what the policy names. f must do the same on both runs: random numbers
    come from keys. `debug.print`, `debug.callback` and `io_callback` happen once; Python's own `print` twice.

    Variables that f closes over have the values on the second run that they have at the call, whatever is assigned to
    them in between, as in a loop. What changes itself does not: the second run sees what has been put into a list,
    dict or object since, and the values that global variables have by then. Give those as arguments.

    Args:
        f: a function of pytrees; without it, a decorator with these options.
        prevent_cse: for programs written for JAX; without effect, as the two runs are never merged, under jit neither.
        policy: (primitive, *avals, **params) -> whether to keep that operation's result: one of
            `checkpoint_policies`, or a function of yours. Nothing is kept by default.
        static_argnums, static_argnames: arguments that are no arrays, passed on as they are. Leaves that are neither
            arrays nor numbers are passed on anyway.

    Returns:
        A function of f's arguments.

    Raises:
        OptionError: the policy is none.
        DtypeError: f returns what is no array.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> layer = fg.checkpoint(lambda w, x: fnp.tanh(w * x))
    >>> float(fg.grad(layer)(0.0, 2.0))
    2.0

    Source: Griewank, Optimization Methods and Software 1 (1992), 35-54; Chen et al., arXiv:1604.06174 (2016).
    """
    if policy is not None and not callable(policy):
        named = f"fg.checkpoint_policies.{policy}"
        known = isinstance(policy, str) and hasattr(checkpoint_policies, policy)
        advice = f"write policy={named}" if known else "such as fg.checkpoint_policies.dots_saveable"
        raise OptionError(f"checkpoint: the policy must be a function, not {policy!r}: {advice}")
    numbers = (static_argnums,) if isinstance(static_argnums, int | np.integer) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if policy is checkpoint_policies.everything_saveable or not any(tapes()):
            return f(*args, **kwargs)
        static = {n % len(args) for n in numbers if -len(args) <= n < len(args)}
        dynamic = (
            [None if i in static else x for i, x in enumerate(args)],
            {k: None if k in names else x for k, x in kwargs.items()},
        )
        static_args = {i: args[i] for i in static}
        static_kwargs = {k: kwargs[k] for k in kwargs if k in names}

        def with_static(f: Any, static_args: dict[int, Any], static_kwargs: dict[str, Any]) -> Callable[..., Any]:
            def call(given: list[Any], named: dict[str, Any]) -> Any:
                return f(*[static_args.get(i, x) for i, x in enumerate(given)], **{**named, **static_kwargs})

            return call

        now = f, static_args, static_kwargs
        return run_again(with_static(*now), with_static(*frozen(now)), dynamic, policy)

    return checkpointed


remat = checkpoint


def checkpoint_sequential(functions: Sequence[Callable[[Any], Any]], segments: int, x: Any) -> Any:
    """The value of functions applied one after the other, all but the last of so many segments checkpointed.

    With n functions and about sqrt(n) segments the backward pass keeps about 2 sqrt(n) intermediate values.

    Args:
        functions: each takes the value of the one before.
        segments: into how many runs of consecutive functions to cut them.
        x: the first one's argument, a pytree.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> float(fg.grad(lambda x: fg.checkpoint_sequential([fnp.sin] * 4, 2, x))(0.0))
    1.0

    Source: torch.utils.checkpoint.checkpoint_sequential; Chen et al., arXiv:1604.06174 (2016).
    """
    functions = list(functions)
    if isinstance(segments, bool) or not isinstance(segments, int | np.integer) or segments < 1:
        raise OptionError(f"checkpoint_sequential: segments must be a positive int, not {segments!r}")
    length = max(1, math.ceil(len(functions) / segments))

    def run(part: Sequence[Callable[[Any], Any]], x: Any) -> Any:
        for f in part:
            x = f(x)
        return x

    starts = list(range(0, len(functions), length))
    for start in starts[:-1]:
        x = checkpoint(functools.partial(run, functions[start : start + length]))(x)
    return run(functions[starts[-1] :] if starts else [], x)


# ---- the call -----------------------------------------------------------------------------------


def run_again(f: Callable[..., Any], later: Callable[..., Any], args: Sequence[Any], policy: Policy | None) -> Any:
    """f(*args), of which the tapes that are running keep the arguments alone.

    Args:
        f: the function of pytrees that runs now.
        later: what runs in the backward pass, f `frozen` at the call.
        args: its arguments.
        policy: which results to keep besides.
    """
    leaves, structure = tree.flatten(list(args))
    places = [i for i, x in enumerate(leaves) if isinstance(x, Array) or hasattr(x, "__array__")]
    arrays = [asarray(leaves[i]) for i in places]
    # what stays for the second run; the arrays are operands, and held here too they would outlive their transform
    others = [x for i, x in enumerate(leaves) if i not in set(places)]
    out_structure: Any = None

    def flat(f: Callable[..., Any], others: list[Any]) -> Flat:
        def call(arrays: Sequence[Any]) -> list[Any]:
            nonlocal out_structure
            whole = list(others)
            for i, x in zip(places, arrays, strict=True):
                whole.insert(i, x)
            outs, out_structure = tree.flatten(f(*tree.unflatten(structure, whole)))
            return [_output(x) for x in outs]

        return call

    outs = rematerialised(flat(f, others), arrays, policy, flat(later, frozen(others)))
    return tree.unflatten(out_structure, outs)


def rematerialised(
    f: Flat, args: Sequence[Any], policy: Policy | None = None, later: Flat | None = None
) -> Sequence[Any]:
    """f(args), of which the tapes that are running keep the arguments alone; `later` runs in the backward pass."""
    if not any(tapes()):
        return f(args)
    with recorded(policy) as records:
        outs, captured, effects = capture(f, list(args))
    inner, n, operands = closed(later or f, captured, effects), len(captured), [*captured, *args]
    if effects:  # the second run leaves them out, and what the policy kept is known by the place in the run
        records = {}
    outs = [asarray(x) for x in outs]
    given = {id(x) for x in operands}  # a result that is an operand itself needs no call, and is no known value
    made = [k for k, x in enumerate(outs) if id(x) not in given]
    forms = [x.aval for x in outs]

    def run(xs: Sequence[Any]) -> list[Any]:
        found = inner(xs[:n], list(xs[n:]))
        refuse_other_forms(found, forms)
        return [found[k] for k in made]

    results = bind_call(current_trace(), Rematerialised(run, [outs[k] for k in made], records), operands)
    for k, x in zip(made, results, strict=True):
        outs[k] = x
    return outs


def refuse_other_forms(found: Sequence[Any], forms: Sequence[Aval]) -> None:
    """An error for the results of a second run that are not like those of the first."""
    for before, again in zip_longest(forms, map(aval, found), fillvalue="nothing"):
        if before != again:
            raise ShapeError(f"checkpoint: f returned {again}, before {before}; it must do the same on both runs")


class Rematerialised(Call):
    """A function that has run already, with what it returned: each trace takes its own level of that off.

    Args:
        f: from operands to results, all it reads being operands.
        known: its results here.
        records: for each tape what the policy kept.
    """

    name, transparent = "checkpoint", True

    def __init__(self, f: Flat, known: Sequence[Any], records: dict[int, Any]):
        self.f, self.known, self.records = f, known, records

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return [down(x) for x in self.known]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        f, saved = self.f, {}
        for trace, record in self.records.values():
            if trace.parent is current_trace():
                saved = record
        inner = Rematerialised(f, [down(x) for x in self.known], self.records)
        outs = bind_call(current_trace(), inner, primals)
        n = len(primals)
        places = [i for i, w in enumerate(wanted) if w and is_inexact(asarray(primals[i]).dtype)]
        primals = list(primals)

        def pullback(cts: Sequence[Any]) -> list[Any]:
            live = [k for k, ct in enumerate(cts) if ct is not None]

            def backward(operands: Sequence[Any]) -> list[Any]:
                def of_wanted(*given: Any) -> list[Any]:
                    whole = placed(operands[:n], places, given)
                    found = f(whole)
                    return [found[k] for k in live]

                # below another derivative all is computed again, so that it sees where the values come from
                with use_trace(current_trace() if any(tapes()) else Replay(current_trace(), saved)):
                    _, pull = vjp(of_wanted, *[operands[i] for i in places])
                return list(pull(list(operands[n:])))

            # in a record the second run must not be found to be the first
            given = barrier(primals) if staging() else primals
            columns = iter(rematerialised(backward, [*given, *[cts[k] for k in live]]))
            found: list[Any] = [None] * n
            for i in places:
                found[i] = next(columns)
            return found

        kept = [(x, f"output of {primitive.name}, kept by the policy") for primitive, x in saved.values()]
        pullback.residuals = [*((x, "an operand of checkpoint") for x in primals), *kept]  # type: ignore[attr-defined]
        return outs, pullback

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        f, n, places = self.f, len(primals), [i for i, t in enumerate(tangents) if t is not None]

        def push(operands: Sequence[Any]) -> list[Any]:
            def of_moving(*moving: Any) -> Any:
                whole = placed(operands[:n], places, moving)
                return list(f(whole))

            outs, found = jvp(of_moving, [operands[i] for i in places], list(operands[n:]))
            return [*outs, *found]

        met = [down(x, JVPTracer) for x in self.known]
        values = [x.inner if isinstance(x, JVPTracer) and not is_running(x.owner) else x for x in met]
        slopes = [
            x.tangent if isinstance(x, JVPTracer) and not is_running(x.owner) else zeros_like(v)
            for x, v in zip(met, values, strict=True)
        ]
        call = Rematerialised(push, [*values, *slopes], {})
        both = bind_call(current_trace(), call, [*primals, *[tangents[i] for i in places]])
        half = len(both) // 2
        return both[:half], [t if is_inexact(x.dtype) else None for x, t in zip(both[:half], both[half:], strict=True)]

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        met = [down(x, BatchTracer) for x in self.known]
        mine = [isinstance(x, BatchTracer) and not is_running(x.owner) for x in met]
        # a result that no example has a part in gets rows too: another run may give each example its own, since loops
        # are Python's where the function is watched, and a batch's own (`fork.py`) where it is not
        values = [x.owner.read(x) if m else x.broadcast_to((size, *x.shape)) for x, m in zip(met, mine, strict=True)]
        out_dims = [x.dim if m else 0 for x, m in zip(met, mine, strict=True)]
        batched = vmap(lambda *xs: list(self.f(xs)), in_axes=tuple(dims), out_axes=list(out_dims), axis_size=size)
        call = Rematerialised(lambda xs: batched(*xs), values, self.records)
        return bind_call(current_trace(), call, args), out_dims


def down(x: Any, kind: type[Tracer] | None = None) -> Any:
    """A result as the current trace knows it; or, above it, the tracer of that kind that some trace has made of it."""
    x = resolve(x)
    while isinstance(x, Tracer) and not is_running(x.owner) and not (kind is not None and isinstance(x, kind)):
        x = resolve(x.inner)
    return x


def running() -> Iterator[Trace]:
    """The traces that are running, innermost first.

    Those around the body of a loop are not among them: they see the loop, whose backward pass runs each step again.
    """
    trace = current_trace()
    while trace is not None and not isinstance(trace, BodyTrace):
        yield trace
        trace = trace.parent


def tapes() -> Iterator[GradTrace]:
    """The traces of reverse mode among them."""
    return (t for t in running() if isinstance(t, GradTrace))


@contextmanager
def recorded(policy: Policy | None) -> Iterator[dict[int, Any]]:
    """Records below each tape what the policy keeps, as {place: (tape, what it kept)}.

    Nothing is kept where examples part meanwhile: the second run has their rows alone, and other operations.
    """
    records: dict[int, Any] = {}
    if policy is None or policy is checkpoint_policies.nothing_saveable:
        yield records
        return
    batches, grads = [t for t in running() if isinstance(t, BatchTrace)], list(tapes())
    before = [(t.ids, t.replaying) for t in batches]
    recordings = [Recording(tape.parent, policy) for tape in grads]
    for tape, recording in zip(grads, recordings, strict=True):
        tape.parent = recording
    try:
        yield records
    finally:
        for tape, recording in zip(grads, recordings, strict=True):
            tape.parent = recording.parent
    if all(t.ids is ids and not replaying for t, (ids, replaying) in zip(batches, before, strict=True)):
        records.update({i: (t, r.saved) for i, (t, r) in enumerate(zip(grads, recordings, strict=True))})


def _output(x: Any) -> Any:
    if isinstance(x, Array) or type(x) in SCALARS or hasattr(x, "__array__"):
        return asarray(x)
    raise DtypeError(f"checkpoint: the function returned {described(x)}: return a pytree of arrays")
