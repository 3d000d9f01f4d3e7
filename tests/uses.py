"""What is asked of a use of a public function (`functions/`): each check runs it, and raises if it is not so.

`test_functions.py` makes tests of them, and `coverage_table.py` a table for the documentation.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from functions import Use

import funcgrad as fg
from funcgrad.dtypes import finfo, is_inexact
from funcgrad.testing import check_grads

SIZE = 3  # examples in a batch


def public(name: str) -> Any:
    """The function of that dotted name in the package, or the method of an object's."""
    module, _, rest = f"funcgrad.{name}".rpartition(".")
    try:
        return getattr(importlib.import_module(module), rest)
    except ModuleNotFoundError:
        module, _, thing = module.rpartition(".")
        return getattr(getattr(importlib.import_module(module), thing), rest)


def names(module: str) -> list[str]:
    """The functions that a module offers, with the module's name in front."""
    found = importlib.import_module(f"funcgrad.{module}")
    return [
        f"{module}.{name}"
        for name in found.__all__
        if callable(getattr(found, name)) and not isinstance(getattr(found, name), type)
    ]


class Call:
    """A use's arguments taken apart: `arrays` are those that vary, and calling it puts others in their places."""

    def __init__(self, use: Use, function: Callable[..., Any] | None = None):
        fixed = [i in use.fixed for i in range(len(use.args))]
        parts = [([], a) if stays else fg.tree.flatten(a) for a, stays in zip(use.args, fixed, strict=True)]
        parts.append(fg.tree.flatten(use.kwargs))
        self.leaves = [leaf for leaves, _ in parts for leaf in leaves]
        self.places = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, np.ndarray)]
        self.arrays: list[Any] = [self.leaves[i] for i in self.places]
        self.function = function or public(use.name)
        self._parts, self._fixed = parts, [*fixed, False]

    @property
    def differentiated(self) -> list[int]:
        """Which of the arrays derivatives are taken by."""
        return [i for i, a in enumerate(self.arrays) if is_inexact(a.dtype)]

    def __call__(self, *arrays: Any) -> Any:
        leaves = list(self.leaves)
        for i, a in zip(self.places, arrays, strict=True):
            leaves[i] = a
        found, at = [], 0
        for (own, structure), stays in zip(self._parts, self._fixed, strict=True):
            found.append(structure if stays else fg.tree.unflatten(structure, leaves[at : at + len(own)]))
            at += len(own)
        return self.function(*found[:-1], **found[-1])

    def by(self, chosen: Sequence[int]) -> Callable[..., list[Any]]:
        """The arrays among the results as a function of some of the arrays."""

        def f(*xs: Any) -> list[Any]:
            arrays = [fg.asarray(a) for a in self.arrays]
            for i, x in zip(chosen, xs, strict=True):
                arrays[i] = x
            return results(self(*arrays))

        return f


def results(out: Any) -> list[Any]:
    """The arrays of a result."""
    return [leaf for leaf in fg.tree.leaves(out) if isinstance(leaf, fg.Array)]


def assert_close(found: Any, expected: Any, rtol: float) -> None:
    """Equal structure, shapes and dtypes, and numbers as close as that."""
    mine, theirs = fg.tree.leaves(found), fg.tree.leaves(expected)
    assert len(mine) == len(theirs), f"{len(mine)} results for {len(theirs)}"
    for a, b in zip(mine, theirs, strict=True):
        if not isinstance(a, fg.Array):
            assert np.all(a == b), f"{a!r} for {b!r}"
            continue
        b = np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{a.aval} for {b.dtype}{list(b.shape)}"
        scale = np.max(np.abs(b[np.isfinite(b)]), initial=0) if is_inexact(b.dtype) else 0
        np.testing.assert_allclose(fg.device_get(a), b, rtol=rtol, atol=rtol * scale)


def directions(like: Sequence[Any], seed: int = 0) -> list[Any]:
    """Random numbers in the shapes and dtypes of arrays."""
    random = np.random.default_rng(seed)
    found = []
    for x in like:
        t = random.standard_normal(x.shape)
        t = t + 1j * random.standard_normal(x.shape) if x.dtype.kind == "c" else t
        found.append(fg.asarray(np.asarray(t).astype(x.dtype)))
    return found


# ---- the checks --------------------------------------------------------------------------------


def value(use: Use) -> None:
    """The oracle's result, from NumPy arrays as from ours."""
    call = Call(use)
    expected = use.expected(*use.args, **use.kwargs)
    assert_close(call(*map(fg.asarray, call.arrays)), expected, use.rtol)
    if call.arrays:
        found = fg.tree.leaves(call(*call.arrays))
        assert not any(isinstance(leaf, np.ndarray | np.generic) for leaf in found), "a result is NumPy's, not ours"
        assert_close(found, expected, use.rtol)


def traced(use: Use) -> None:
    """The same value under reverse and forward mode."""
    call = Call(use)
    chosen = call.differentiated
    xs = [fg.asarray(call.arrays[i]) for i in chosen]
    if not chosen:
        return
    plain = results(call(*map(fg.asarray, call.arrays)))
    assert_close(fg.vjp(call.by(chosen), *xs)[0], plain, 1e-13)
    assert_close(fg.jvp(call.by(chosen), xs, directions(xs))[0], plain, 1e-13)


def derivatives(use: Use, order: int, modes: Sequence[str] = ("fwd", "rev")) -> None:
    """Those that differences find."""
    call = Call(use)
    chosen = call.differentiated

    def inexact(*xs: Any) -> list[Any]:
        return [y for y in call.by(chosen)(*xs) if is_inexact(y.dtype)]

    check_grads(inexact, [fg.asarray(call.arrays[i]) for i in chosen], order, modes)


def examples(a: Any) -> list[Any]:
    """An operand for each example: near the operand's own values, and different."""
    if is_inexact(a.dtype):
        return [np.asarray(a * (1 + 0.01 * k)).astype(a.dtype) for k in range(SIZE)]
    return [np.roll(a.ravel(), k).reshape(a.shape) for k in range(SIZE)]


def batchings(arrays: Sequence[Any]) -> Iterator[tuple[int | None, ...]]:
    """Each array alone along each axis, and all of them along the first and the last."""
    for i, a in enumerate(arrays):
        for axis in range(a.ndim + 1):
            yield (None,) * i + (axis,) + (None,) * (len(arrays) - i - 1)
    if len(arrays) > 1:
        yield (0,) * len(arrays)
        yield tuple(a.ndim for a in arrays)


def batched(use: Use) -> None:
    """vmap over every axis of every array, against the loop."""
    call = Call(use)
    for dims in batchings(call.arrays):
        columns = [[a] * SIZE if d is None else examples(a) for a, d in zip(call.arrays, dims, strict=True)]
        stacked = [a if d is None else np.stack(c, d) for a, c, d in zip(call.arrays, columns, dims, strict=True)]
        rows = [results(call(*map(fg.asarray, row))) for row in zip(*columns, strict=True)]
        expected = [np.stack([np.asarray(row[k]) for row in rows]) for k in range(len(rows[0]))]
        found = fg.vmap(lambda *xs: results(call(*xs)), in_axes=dims)(*map(fg.asarray, stacked))
        assert_close(found, expected, max(use.rtol, 1e-11))


def compiled(use: Use) -> None:
    """The same value from a program."""
    call = Call(use)
    arrays = [fg.asarray(a) for a in call.arrays]
    f = fg.jit(lambda *xs: results(call(*xs)))
    plain = results(call(*arrays))
    for _ in range(4):
        assert_close(f(*arrays), plain, max(use.rtol, 1e-11))


def like_jax(use: Use) -> None:
    """JAX's value, and its gradient for a random cotangent."""
    jax = importlib.import_module("jax")
    roots = {"numpy": jax.numpy, "scipy": importlib.import_module("jax.scipy"), "lax": jax.lax}
    root, *rest = use.name.split(".")
    theirs: Any = roots[root]
    for part in rest:
        if not hasattr(theirs, part) and part != rest[-1]:
            importlib.import_module(f"{theirs.__name__}.{part}")
        theirs = getattr(theirs, part)
    own, other = Call(use), Call(use, theirs)
    chosen = own.differentiated if use.order else []

    def by(*xs: Any) -> list[Any]:
        arrays = [jax.numpy.asarray(a) for a in other.arrays]
        for i, x in zip(chosen, xs, strict=True):
            arrays[i] = x
        return [leaf for leaf in jax.tree.leaves(other(*arrays)) if isinstance(leaf, jax.Array)]

    xs = [own.arrays[i] for i in chosen]
    tolerance = max(use.rtol, 1e-9)
    mine, pull = fg.vjp(own.by(chosen), *xs) if chosen else (own.by([])(), None)
    expected, pull_theirs = jax.vjp(by, *map(jax.numpy.asarray, xs)) if chosen else (by(), None)
    if pull is not None:
        cts = directions([y for y in mine if is_inexact(y.dtype)])
        found = pull([cts.pop(0) if is_inexact(y.dtype) else None for y in mine])
        cts = directions([y for y in mine if is_inexact(y.dtype)])
        none = jax.dtypes.float0
        given = [
            jax.numpy.asarray(np.asarray(cts.pop(0))) if is_inexact(np.asarray(y).dtype) else np.zeros(y.shape, none)
            for y in expected
        ]
        for g, e in zip(found, pull_theirs(given), strict=True):
            np.testing.assert_allclose(np.asarray(g), np.asarray(e), rtol=tolerance, atol=tolerance)
    for y, e in zip(mine, expected, strict=True):
        np.testing.assert_allclose(np.asarray(y), np.asarray(e), rtol=tolerance, atol=tolerance)


def narrow(use: Use, dtype: str) -> None:
    """The value of floats of 16 bits is that of the same numbers in float32, but for a few roundings."""
    call = Call(use)
    given = [fg.asarray(a).astype(dtype) if a.dtype == np.float64 else fg.asarray(a) for a in call.arrays]
    wide = [a.astype("float32") if a.dtype == dtype else a for a in given]
    found, expected = results(call(*given)), results(call(*wide))
    assert len(found) == len(expected)
    eps = float(finfo(dtype).eps)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == (np.dtype(dtype) if b.dtype == np.float32 else b.dtype), f"{a.aval} for {b.aval}"
        assert a.shape == b.shape
        x, y = (np.asarray(v if v.dtype != dtype else v.astype("float32")) for v in (a, b))
        fits = (
            np.isfinite(y) & (np.abs(y) <= float(finfo(dtype).max)) if is_inexact(b.dtype) else np.ones(y.shape, bool)
        )
        scale = np.abs(y[fits]).max(initial=0) if is_inexact(b.dtype) else 0
        np.testing.assert_allclose(x[fits], y[fits], rtol=2 * eps, atol=eps * scale)
