"""Four ways to declare an operation; each derives the rules that need not be written.

    multiply = elementwise("multiply(x, y)", x=lambda g, y: g * y, y=lambda g, x: g * x)
    exp      = elementwise("exp(x)", x=lambda g, out: g * out)
    reshape  = linear("reshape(x)", transpose=lambda g, x, *, shape: reshape(g, shape=x.shape), impl=..., ...)
    matmul   = multilinear("matmul(x, y)", x=..., y=..., impl=..., infer=..., batch=...)
    max      = general("max(x)", jvp=..., x=..., impl=..., infer=..., batch=...)

The signature names the operands. A derivative rule is filed under the operand it differentiates by, and **the names of
its own parameters say what it reads**: operands, or `out`, the result. Nothing else is kept alive between forward and
backward; `exp` above keeps its result and not its operand, `multiply` keeps y only where x is being differentiated.
An operand without a rule is a constant.

`g` is the tangent or cotangent that arrives, already multiplied in: the Jacobian of an elementwise function is
diagonal, so one lambda serves forward mode, and reverse mode as well once broadcast axes are summed away.

float16 and bfloat16 are for storage: on the CPU a kernel that computes gets float32, and its result is rounded once
(`narrow.py`). What only moves elements says `moves=True`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .core import SCALARS, Array, Aval, Primitive, array_namespace, aval, backend_array, raw, wrap
from .device import Raw, backend_dtype, namespace
from .dtypes import BFLOAT16, FLOAT16, NARROW, DType, promote_types, weak
from .errors import ShapeError
from .narrow import Narrow
from .operations import Operation, binary, operation, unary

__all__ = ["elementwise", "general", "iota", "linear", "move_axis", "multilinear", "unbroadcast", "zeros"]

Rule = Callable[..., Any]


# ---- elementwise -------------------------------------------------------------------------------


def elementwise(
    signature: str,
    *,
    impl: Callable[..., Raw] | None = None,
    dtype: Callable[[DType], DType] | None = None,
    widens: bool = True,
    **partials: Rule,
) -> Operation:
    """An operation on each element by itself, with NumPy's broadcasting.

    Args:
        signature: "name(operand, ...)"; unless `impl` is given the array module's function of that name runs.
        impl: (xp, *raw operands) -> raw result.
        dtype: the result's dtype from the operands' common one; the same where not given.
        widens: whether floats of 16 bits may go in as float32: not where the value depends on the dtype.
        **partials: for an operand, (g, *values it reads) -> g times the derivative in that operand.
    """
    name, operands, _ = _parse(signature)
    rules = [partials.pop(operand, None) for operand in operands]
    reads = [_reads(rule, operands) for rule in rules]
    terms = [None if rule is None else _term(rule, read) for rule, read in zip(rules, reads, strict=True)]
    _refuse_unknown(name, partials)
    numpy_function: Any = getattr(np, name) if impl is None else None

    def run(xp: Any, *args: Raw) -> Raw:
        return getattr(xp, name)(*args) if impl is None else impl(xp, *args)

    def infer(*avals: Any) -> Aval:
        common = common_dtype(avals)
        return Aval(broadcast_shapes(name, *[aval(a).shape for a in avals]), common if dtype is None else dtype(common))

    # NumPy's own functions compute float16 in float32, one element after the other
    kernel = Narrow(run, infer, (NARROW if impl is not None else NARROW - {FLOAT16}) if widens else frozenset())
    evaluate = _on_backend(kernel)

    # the same where NumPy has the function, on the path of every eager operation
    def evaluate_unary(x: Any) -> Array:
        data = x._data
        if type(data) is ndarray and x.dtype is not BFLOAT16:
            out = numpy_function(data)
            return Array(out) if type(out) is ndarray else wrap(out)
        return evaluate(x)

    def evaluate_binary(x: Any, y: Any) -> Array:
        if isinstance(x, Array):
            a, met = x._data, x.dtype
        else:
            a, met = x, y.dtype
        b = y._data if isinstance(y, Array) else y
        if (
            (type(a) is ndarray or type(a) in SCALARS)
            and (type(b) is ndarray or type(b) in SCALARS)
            and met is not BFLOAT16
        ):
            out = numpy_function(a, b)
            return Array(out) if type(out) is ndarray else wrap(out)
        return evaluate(x, y)

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], params: Any) -> tuple[Any, int]:
        args, dim = align(size, args, dims)
        return primitive(*args), dim

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, params: Any) -> Any:
        total = None
        for t, term in zip(tangents, terms, strict=True):
            if t is not None and term is not None:
                pushed = term(t, out, primals)
                total = pushed if total is None else total + pushed
        return total if total is None or total.shape == out.shape else total.broadcast_to(out.shape)

    def pull(ct: Any, out: Any, args: Sequence[Any], params: Any, wanted: Sequence[Any]) -> list[Any]:
        return [
            None if term is None or want is None else unbroadcast(term(ct, out, args), x.shape)
            for term, want, x in zip(terms, wanted, args, strict=True)
        ]

    by_arity: dict[int, tuple[Any, Any, Any]] = {
        1: (unary, evaluate_unary, _pull_one(rules[0], reads[0])),
        2: (binary, evaluate_binary, pull),
    }
    as_function, evaluation, pullback = by_arity.get(len(operands), (operation, evaluate, pull))
    if numpy_function is None:
        evaluation = evaluate
    differentiable = any(rules)
    primitive = Primitive(
        name,
        impl=evaluation,
        infer=infer,
        batch=batch,
        jvp=jvp if differentiable else None,
        pull=pullback if differentiable else None,
        saves=_saves(reads, len(operands)),
        kernel=kernel,
        elementwise=True,
    )
    return as_function(primitive)


def align(size: int, args: Sequence[Any], dims: Sequence[int | None]) -> tuple[list[Any], int]:
    """Operands with their batch dimensions where broadcasting makes them meet, and where that is.

    (8, 3) batched at 0 beside (5, 3) unbatched becomes (8, 1, 3) beside (5, 3): the result is (8, 5, 3).
    """
    found = {d for d in dims if d is not None}
    ranks = [len(aval(a).shape) - (d is not None) for a, d in zip(args, dims, strict=True)]
    rank = max(ranks)
    if len(found) == 1 and all(r == rank if d is not None else r == 0 for r, d in zip(ranks, dims, strict=True)):
        return list(args), found.pop()
    return align_in_front(size, args, dims), 0


def align_in_front(size: int, args: Sequence[Any], dims: Sequence[int | None]) -> list[Any]:
    """Operands that broadcast with the batch as the first axis of the result; those without it stay as they are."""
    rank = max(len(aval(a).shape) - (d is not None) for a, d in zip(args, dims, strict=True))
    out = []
    for a, d in zip(args, dims, strict=True):
        if d is not None:
            a = move_axis(a, d, 0)
            if a.ndim <= rank:
                a = a.reshape((size,) + (1,) * (rank + 1 - a.ndim) + a.shape[1:])
        out.append(a)
    return out


def broadcast_shapes(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """NumPy's broadcasting, with an error that names the shapes."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(map(str, shapes))
        raise ShapeError(
            f"{name}: the shapes {listed} do not broadcast: aligned at their last axes, sizes must be equal or 1"
        ) from None


def common_dtype(operands: Sequence[Any]) -> DType:
    """The dtype that operands meet in, Python scalars weak."""
    found: DType | None = None
    for x in operands:
        if not isinstance(x, SCALARS):
            found = x.dtype if found is None else promote_types(found, x.dtype)
    for x in operands:
        if isinstance(x, SCALARS):
            found = weak(np.dtype(bool) if found is None else found, x)
    assert found is not None
    return found


# ---- linear, multilinear, general --------------------------------------------------------------


def linear(
    signature: str,
    *,
    impl: Callable[..., Raw],
    infer: Rule,
    transpose: Rule,
    batch: Rule | None = None,
    moves: bool = False,
) -> Operation:
    """An operation linear in its operands taken together: its derivative is itself.

    Args:
        signature: "name(operand, ...; constant, ...)"; a last name with a star takes any number.
        impl: (xp, *raw operands, **params) -> raw result.
        infer: (*avals, **params) -> Aval.
        transpose: (g, *avals of the operands, *constants, **params) -> a cotangent for the operand, or a tuple of
            them for several.
        batch: (size, operands, dims, **params) -> (result, its batch dimension).
            Where it is not given, the operation has one operand and treats all axes alike.
        moves: whether it moves elements and computes nothing.
    """
    name, operands, constants = _parse(signature)

    def count(args: Sequence[Any]) -> int:
        """How many of the arguments are operands and not constants."""
        if operands[-1].startswith("*"):
            return len(args) - len(constants)
        return len(operands)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, params: Any) -> Any:
        n = count(primals)
        if all(t is None for t in tangents[:n]):
            return None
        filled = [zeros(p, p) if t is None else t for p, t in zip(primals[:n], tangents[:n], strict=True)]
        return primitive(*filled, *primals[n:], **params)

    def pull(ct: Any, out: Any, args: Sequence[Any], params: Any, wanted: Sequence[Any]) -> list[Any]:
        cts = transpose(ct, *args, **params)
        cts = list(cts) if isinstance(cts, tuple | list) else [cts]
        return cts + [None] * (len(args) - len(cts))

    def saves(wanted: tuple[bool, ...]) -> tuple[bool, ...]:
        n = count(wanted)
        return (False, *[i >= n for i in range(len(wanted))])

    kernel = impl if moves else Narrow(impl, infer)
    primitive = Primitive(name, _on_backend(kernel), infer, _batching(batch), jvp, pull, saves, kernel=kernel)
    primitive.batch = primitive.batch or _blind(primitive, signature)
    return operation(primitive)


def multilinear(signature: str, *, impl: Callable[..., Raw], infer: Rule, batch: Rule, **transposes: Rule) -> Operation:
    """An operation linear in each operand while the others stand still, such as a product.

    Args:
        signature: "name(x, y)".
        impl, infer, batch: as for `linear`.
        **transposes: for an operand, (g, *operands, **params) -> its cotangent; of that operand itself the rule
            sees the aval.
    """
    name, operands, _ = _parse(signature)
    rules = [transposes.pop(operand, None) for operand in operands]
    _refuse_unknown(name, transposes)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, params: Any) -> Any:
        total = None
        for i, t in enumerate(tangents):
            if t is not None and rules[i] is not None:
                term = primitive(*primals[:i], t, *primals[i + 1 :], **params)
                total = term if total is None else total + term
        return total

    def pull(ct: Any, out: Any, args: Sequence[Any], params: Any, wanted: Sequence[Any]) -> list[Any]:
        return [
            rule(ct, *args, **params) if want is not None and rule is not None else None
            for want, rule in zip(wanted, rules, strict=True)
        ]

    def saves(wanted: tuple[bool, ...]) -> tuple[bool, ...]:
        return (False, *[any(w for j, w in enumerate(wanted) if j != i) for i in range(len(wanted))])

    kernel = Narrow(impl, infer)
    primitive = Primitive(name, _on_backend(kernel), infer, _batching(batch), jvp, pull, saves, kernel=kernel)
    return operation(primitive)


def general(
    signature: str,
    *,
    impl: Callable[..., Raw],
    infer: Rule,
    batch: Rule | None = None,
    jvp: Rule | None = None,
    pull: Rule | None = None,
    moves: bool = False,
    **pulls: Rule,
) -> Operation:
    """An operation that states its derivatives itself, or has none.

    Args:
        signature: "name(x, ...; constant, ...)"; a last name with a star takes any number.
        impl, infer, batch, moves: as for `linear`.
        jvp: (primals, tangents, out, **params) -> tangent; a None tangent is zero.
        pull: (g, *values it reads, **params) -> the cotangents of all operands, by names as in `**pulls`; with a
            starred parameter it reads (g, out, *operands, *constants). Keyword-only parameters `wanted` and `shapes`
            tell it which operands need a cotangent, and their shapes. Or instead of it
        **pulls: for an operand, (g, *values it reads, **params) -> its cotangent; params are keyword-only.
    """
    name, operands, constants = _parse(signature)
    rules = [pulls.pop(operand, None) for operand in operands]
    _refuse_unknown(name, pulls)
    rules += [None] * len(constants)
    reads = [_reads(rule, [*operands, *constants]) for rule in rules]

    def run_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, params: Any) -> Any:
        assert jvp is not None
        return jvp(primals, tangents, out, **params)

    shared: tuple[int, ...] | None = None
    asks = {"wanted", "shapes"} & set(_keywords(pull))
    if pull is not None and not pull.__code__.co_flags & inspect.CO_VARARGS:
        shared = _reads(pull, [*operands, *constants])
        reads = [shared] * len(rules)

    def pull_all(ct: Any, out: Any, args: Sequence[Any], params: Any, wanted: Sequence[Any]) -> list[Any]:
        assert pull is not None
        values = (out, *args) if shared is None else [out if k < 0 else args[k] for k in shared]
        told: dict[str, Any] = {}
        if "wanted" in asks:
            told["wanted"] = [w is not None for w in wanted]
        if "shapes" in asks:
            told["shapes"] = [x.shape for x in args]
        cts = list(pull(ct, *values, **params, **told))
        return cts + [None] * (len(args) - len(cts))

    def pull_each(ct: Any, out: Any, args: Sequence[Any], params: Any, wanted: Sequence[Any]) -> list[Any]:
        return [
            rule(ct, *[out if k < 0 else args[k] for k in read], **params)
            if want is not None and rule is not None
            else None
            for want, rule, read in zip(wanted, rules, reads, strict=True)
        ]

    kernel = impl if moves else Narrow(impl, infer)
    primitive = Primitive(
        name,
        _on_backend(kernel),
        infer,
        _batching(batch),
        jvp=run_jvp if jvp is not None else None,
        pull=pull_all if pull is not None else pull_each if any(rules) else None,
        saves=(lambda wanted: (True,) * (len(wanted) + 1))
        if pull is not None and shared is None
        else _saves(reads, len(rules)),
        kernel=kernel,
    )
    primitive.batch = primitive.batch or _blind(primitive, signature)
    return operation(primitive)


# ---- what rules are made of --------------------------------------------------------------------


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which an operand of that shape was repeated."""
    found = g.shape
    if found == shape:
        return g
    extra = len(found) - len(shape)
    axes = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 and found[extra + i] != 1)
    return g.sum(axis=axes).reshape(shape) if axes else g.broadcast_to(shape)


def zeros(like: Any, beside: Any) -> Array:
    """Zeros of one array's (or aval's) shape and dtype, on the device of another."""
    data = backend_array(beside)
    xp = namespace(data)
    return wrap(xp.zeros(like.shape, dtype=backend_dtype(xp, like.dtype), device=data.device))


def iota(n: int, beside: Any) -> Array:
    """0, 1, ..., n - 1 as int64, on the device of an array."""
    data = backend_array(beside)
    xp = namespace(data)
    return wrap(xp.arange(n, dtype=xp.int64, device=data.device))


def move_axis(x: Any, source: int, target: int) -> Any:
    """The array with one axis moved, the others in their order."""
    if source == target:
        return x
    order = [i for i in range(x.ndim) if i != source]
    order.insert(target, source)
    return x.transpose(order)


def batch_to_front(operands: Sequence[Any], dims: Sequence[int | None], size: int) -> list[Any]:
    """Operands that all have the batch as their first axis; those without it are repeated (a view)."""
    return [
        x.broadcast_to((size, *x.shape)) if d is None else move_axis(x, d, 0)
        for x, d in zip(operands, dims, strict=True)
    ]


def _parse(signature: str) -> tuple[str, list[str], list[str]]:
    """'name(x, y; index)' -> name, operands, constants."""
    match = re.fullmatch(r"(\w+)\(([^;)]*);?([^)]*)\)", signature)
    if match is None:
        raise ValueError(f"not a signature: {signature!r}")
    name, *groups = match.groups()
    operands, constants = ([part.strip() for part in group.split(",") if part.strip()] for group in groups)
    return name, operands, constants


def _reads(rule: Rule | None, operands: Sequence[str]) -> tuple[int, ...]:
    """Which values a rule reads, by its parameters' names: -1 for the result, else the operand's place."""
    if rule is None:
        return ()
    code = rule.__code__
    names = code.co_varnames[1 : code.co_argcount]
    return tuple(-1 if n == "out" else operands.index(n) for n in names)


def _keywords(rule: Rule | None) -> tuple[str, ...]:
    """The keyword-only parameters of a rule."""
    if rule is None:
        return ()
    code = rule.__code__
    return code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]


def _term(rule: Rule, read: tuple[int, ...]) -> Rule:
    """A rule that picks what it reads out of (g, out, operands); one or no value without a loop."""
    if not read:
        return lambda g, out, args: rule(g)
    if len(read) == 1:
        (k,) = read
        return (lambda g, out, args: rule(g, out)) if k < 0 else (lambda g, out, args: rule(g, args[k]))
    return lambda g, out, args: rule(g, *[out if k < 0 else args[k] for k in read])


def _pull_one(rule: Rule | None, read: tuple[int, ...]) -> Rule:
    """The `pull` of an operation on one operand, which broadcasts nothing; `_term` inlined, to save its call."""
    if rule is None:
        return lambda ct, out, args, params, wanted: (None,)
    if read == ():
        return lambda ct, out, args, params, wanted: (rule(ct),)
    if read == (0,):
        return lambda ct, out, args, params, wanted: (rule(ct, args[0]),)
    if read == (-1,):
        return lambda ct, out, args, params, wanted: (rule(ct, out),)
    return lambda ct, out, args, params, wanted: (rule(ct, *[out if k < 0 else args[k] for k in read]),)


def _saves(reads: Sequence[tuple[int, ...]], arity: int) -> Callable[[tuple[bool, ...]], tuple[bool, ...]]:
    def saves(wanted: tuple[bool, ...]) -> tuple[bool, ...]:
        read = {k for want, ks in zip(wanted, reads, strict=True) if want for k in ks}
        return tuple(k in read for k in range(-1, arity))

    return saves


def _on_backend(impl: Callable[..., Raw]) -> Rule:
    """An `impl` on raw arrays as one on Arrays."""

    def move(*args: Any, **params: Any) -> Array:
        raws = [raw(a) for a in args]
        return wrap(impl(array_namespace(raws), *raws, **params))

    if not isinstance(impl, Narrow):
        return move
    plain, narrow = impl.plain, impl.dtypes

    def evaluate(*args: Any, **params: Any) -> Array:
        raws = [raw(a) for a in args]
        for a in args:
            if isinstance(a, Array) and a.dtype in narrow:
                return wrap(impl(array_namespace(raws), *raws, **params))
        return wrap(plain(array_namespace(raws), *raws, **params))

    return evaluate


def _batching(batch: Rule | None) -> Rule | None:
    """A batch rule that takes params by name as one that takes them as a mapping."""
    return None if batch is None else lambda size, args, dims, params: batch(size, args, dims, **params)


def _blind(primitive: Primitive, signature: str) -> Rule:
    """The batch rule of an operation on one operand for which a batch axis is an axis like any other."""
    _, operands, constants = _parse(signature)
    if len(operands) + len(constants) != 1 or operands[0].startswith("*"):
        raise TypeError(f"{signature}: an operation on several operands must have a batch rule")
    return lambda size, args, dims, params: (primitive(*args, **params), dims[0])


def _refuse_unknown(name: str, rules: dict[str, Rule]) -> None:
    if rules:
        raise TypeError(f"{name}: rules for operands that are not in its signature: {', '.join(rules)}")
