"""Every operation through all of its rules: value, shape and dtype, derivatives, batching, saved values.

The samples stand in `tests/samples`, by family; each test here runs over all of them.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any

import numpy as np
import pytest
from samples import ALL, Sample

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core import PRIMITIVES, Aval
from funcgrad.ops.collective import COLLECTIVES
from funcgrad.testing import check_grads

SIZE = 3  # examples in a batch
_SINGLE = {"float64": "float32", "complex128": "complex64"}

every_sample = pytest.mark.parametrize("sample", ALL, ids=str)


def operands(sample: Sample) -> list[Any]:
    return [fg.asarray(a) if isinstance(a, np.ndarray) else a for a in sample.args]


def call(sample: Sample, *args: Any) -> Any:
    return PRIMITIVES[sample.primitive](*args, **sample.params)


def differentiable(sample: Sample) -> list[int]:
    """The places of the operands that derivatives are taken by."""
    return [i for i, a in enumerate(sample.args) if isinstance(a, np.ndarray) and a.dtype.name in _SINGLE]


def by(sample: Sample, places: list[int], args: list[Any] | None = None) -> Any:
    """The operation as a function of some operands."""

    def f(*xs: Any) -> Any:
        full = list(operands(sample) if args is None else args)
        for i, x in zip(places, xs, strict=True):
            full[i] = x
        return call(sample, *full)

    return f


def directions(like: Any, seed: int = 0) -> list[Any]:
    random = np.random.default_rng(seed)
    found = []
    for x in like:
        t = random.standard_normal(x.shape)
        found.append(
            fg.asarray((t + 1j * random.standard_normal(x.shape) if x.dtype.kind == "c" else t).astype(x.dtype))
        )
    return found


def pairing(xs: Any, ys: Any) -> tuple[float, float]:
    """Re(sum(x y)), complex vectors paired without conjugation, and the size of what was summed."""
    products = [np.asarray(x) * np.asarray(y) for x, y in zip(xs, ys, strict=True)]
    return sum(float(p.sum().real) for p in products), sum(float(np.abs(p).sum()) for p in products)


def assert_close(found: Any, expected: Any, rtol: float) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0) if expected.dtype.kind in "fc" else 0
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


def test_every_operation_has_a_sample() -> None:
    sampled = {s.primitive for s in ALL}
    elsewhere = set(COLLECTIVES)  # they need a running vmap: tests/test_collectives.py has their table
    assert not (missing := set(PRIMITIVES) - sampled - elsewhere), (
        f"operations without a sample in tests/samples: {missing}"
    )
    assert not (unknown := sampled - set(PRIMITIVES)), f"samples of operations that do not exist: {unknown}"


@every_sample
def test_value(sample: Sample) -> None:
    expected = np.asarray(sample.oracle(*sample.args, **sample.params))
    assert_close(call(sample, *operands(sample)), expected, sample.rtol)


@every_sample
@pytest.mark.parametrize("single", [False, True], ids=["float64", "float32"])
def test_infer_tells_shape_and_dtype(sample: Sample, single: bool) -> None:
    args = operands(sample)
    if single:
        args = [a.astype(_SINGLE.get(a.dtype.name, a.dtype)) if isinstance(a, fg.Array) else a for a in args]
    out = call(sample, *args)
    avals = [Aval(a.shape, a.dtype) if isinstance(a, fg.Array) else a for a in args]
    assert out.aval == PRIMITIVES[sample.primitive].infer(*avals, **sample.params)


@every_sample
def test_derivatives(sample: Sample) -> None:
    places = differentiable(sample)
    if not places:
        return
    xs = [operands(sample)[i] for i in places]
    if PRIMITIVES[sample.primitive].jvp is None:
        out, tangent = fg.jvp(by(sample, places), xs, directions(xs))
        assert not np.asarray(tangent).any()
        pulled = fg.vjp(by(sample, places), *xs)[1](fnp.ones_like(out))
        assert [g.aval for g in pulled] == [x.aval for x in xs]
        assert not any(np.asarray(g).any() for g in pulled)
    elif sample.order:
        check_grads(by(sample, places), xs, sample.order)


@every_sample
def test_reverse_mode_is_the_transpose_of_forward_mode(sample: Sample) -> None:
    """<ct, J t> = <ct J, t> to the last digits, for every subset of the operands being differentiated."""
    places = differentiable(sample)
    if PRIMITIVES[sample.primitive].jvp is None:
        return
    for n in range(1, len(places) + 1):
        for chosen in itertools.combinations(places, n):
            f, xs = by(sample, list(chosen)), [operands(sample)[i] for i in chosen]
            ts = directions(xs)
            out, tangent = fg.jvp(f, xs, ts)
            (ct,) = directions([out], seed=1)
            pulled = fg.vjp(f, *xs)[1](ct)
            assert tangent.aval == out.aval
            assert [g.aval for g in pulled] == [x.aval for x in xs]
            (left, size), (right, _) = pairing([ct], [tangent]), pairing(pulled, ts)
            assert abs(left - right) <= size * (1e-12 if out.dtype in ("float64", "complex128") else 1e-6)


# ---- batching ----------------------------------------------------------------------------------


def examples(a: Any) -> list[Any]:
    """An operand for each example: values in the operand's own range, and different."""
    if a.dtype.kind in "fc":
        return [np.asarray(a * (1 + 0.01 * k)).astype(a.dtype) for k in range(SIZE)]
    return [np.roll(a.ravel(), k).reshape(a.shape) for k in range(SIZE)]


def batchings(sample: Sample) -> list[tuple[int | None, ...]]:
    """Ways to batch the operands: each along its first, a middle, its last axis, or not at all."""
    choices: list[list[int | None]] = [
        [None, *sorted({0, a.ndim // 2, a.ndim})] if isinstance(a, np.ndarray) else [None] for a in sample.args
    ]
    arrays = sum(len(c) > 1 for c in choices)
    if arrays <= 3:
        found = list(itertools.product(*choices))
    else:  # all at the front, all at the back, and each by itself
        found = [tuple(c[min(1, len(c) - 1)] for c in choices), tuple(c[-1] for c in choices)]
        found += [(None,) * i + (d,) + (None,) * (len(choices) - i - 1) for i, c in enumerate(choices) for d in c]
    return [dims for dims in dict.fromkeys(found) if any(d is not None for d in dims)]


def batched(sample: Sample, dims: tuple[int | None, ...]) -> tuple[list[Any], list[list[Any]]]:
    """The operands with their batch axes, and the operands of each example."""
    columns = [[a] * SIZE if d is None else examples(a) for a, d in zip(sample.args, dims, strict=True)]
    stacked = [a if d is None else np.stack(c, d) for a, c, d in zip(sample.args, columns, dims, strict=True)]
    whole = [fg.asarray(a) if isinstance(a, np.ndarray) else a for a in stacked]
    rows = [[fg.asarray(a) if isinstance(a, np.ndarray) else a for a in row] for row in zip(*columns, strict=True)]
    return whole, rows


@every_sample
def test_vmap_is_the_loop(sample: Sample) -> None:
    for dims in batchings(sample):
        whole, rows = batched(sample, dims)
        expected = [np.asarray(call(sample, *row)) for row in rows]
        for out_axis in (0, -1):
            found = fg.vmap(lambda *xs: call(sample, *xs), in_axes=dims, out_axes=out_axis)(*whole)
            assert_close(found, np.stack(expected, out_axis), sample.rtol)


@every_sample
def test_derivatives_of_vmap_and_vmap_of_derivatives(sample: Sample) -> None:
    """Both orders of the two transforms, in both modes, against the loop over the examples."""
    places = differentiable(sample)
    if not places or PRIMITIVES[sample.primitive].jvp is None:
        return

    def push(args: Any, tangents: Any) -> Any:
        return fg.jvp(by(sample, places, args), [args[i] for i in places], tangents)[1]

    def pull(args: Any, ct: Any) -> Any:
        return fg.vjp(by(sample, places, args), *[args[i] for i in places])[1](ct)

    choices = batchings(sample)
    for dims in dict.fromkeys([choices[0], choices[len(choices) // 2], choices[-1]]):
        whole, rows = batched(sample, dims)
        xs, axes = [whole[i] for i in places], [dims[i] for i in places]
        ts = directions(xs)

        def mapped(*arrays: Any, dims: Any = dims, whole: Any = whole) -> Any:
            full = [arrays[places.index(i)] if i in places else a for i, a in enumerate(whole)]
            return fg.vmap(lambda *args: call(sample, *args), in_axes=dims)(*full)

        out, tangent = fg.jvp(mapped, xs, ts)
        (cts,) = directions([out], seed=1)
        rtol = 1e-10 if out.dtype in ("float64", "complex128") else 1e-5

        parts = [
            [np.asarray(t) if a is None else np.take(np.asarray(t), k, a) for t, a in zip(ts, axes, strict=True)]
            for k in range(SIZE)
        ]
        expected = np.stack([np.asarray(push(row, part)) for row, part in zip(rows, parts, strict=True)])
        assert_close(tangent, expected, rtol)
        assert_close(fg.vmap(push, in_axes=(list(dims), list(axes)))(whole, ts), expected, rtol)

        pulled = [pull(row, ct) for row, ct in zip(rows, cts, strict=True)]
        of_each = fg.vmap(pull, in_axes=(list(dims), 0))(whole, cts)
        of_all = fg.vjp(mapped, *xs)[1](cts)
        for i, axis in enumerate(axes):
            loop = np.stack([np.asarray(p[i]) for p in pulled])
            assert_close(of_each[i], loop, rtol)
            assert_close(of_all[i], loop.sum(0) if axis is None else np.moveaxis(loop, 0, axis), rtol)


# ---- what reverse mode keeps -------------------------------------------------------------------

_X, _Y = np.linspace(0.3, 0.8, 6).reshape(2, 3), np.linspace(0.2, 0.7, 6).reshape(2, 3)
_PLAIN = np.diag([3.0, 2.0, 1.5]) + np.linspace(0.1, 0.2, 9).reshape(3, 3)
_AXES, _PLACES = {"axes": (1,)}, np.array([1, 0])
_IMAGES, _WINDOWS = np.linspace(0.3, 0.8, 12).reshape(1, 6, 2), np.linspace(0.2, 0.7, 12).reshape(3, 2, 2)
_MOVES = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
_KEEPS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...], set[int | str]]] = [
    # operation, operands, params, which of them are differentiated, which values stay alive for the backward pass
    ("add", (_X, _Y), {}, (0, 1), set()),
    ("negative", (_X,), {}, (0,), set()),
    ("multiply", (_X, _Y), {}, (0,), {1}),
    ("multiply", (_X, _Y), {}, (1,), {0}),
    ("multiply", (_X, _Y), {}, (0, 1), {0, 1}),
    ("divide", (_X, _Y), {}, (0,), {1}),
    ("divide", (_X, _Y), {}, (1,), {1, "out"}),
    ("exp", (_X,), {}, (0,), {"out"}),
    ("tanh", (_X,), {}, (0,), {"out"}),
    ("sqrt", (_X,), {}, (0,), {"out"}),
    ("log", (_X,), {}, (0,), {0}),
    ("where", (_X > 0.5, _X, _Y), {}, (1, 2), {0}),
    ("maximum", (_X, _Y), {}, (0,), {0, 1}),
    ("floor", (_X,), {}, (0,), set()),
    ("sum", (_X,), _AXES, (0,), set()),
    ("max", (_X,), _AXES, (0,), {0, "out"}),
    ("prod", (_X,), _AXES, (0,), {0}),
    ("reshape", (_X,), {"shape": (6,)}, (0,), set()),
    ("permute_dims", (_X,), {"axes": (1, 0)}, (0,), set()),
    ("concat", (_X, _Y), {"axis": 0}, (0, 1), set()),
    ("slice", (_X,), {"key": (0,)}, (0,), set()),
    ("set_slice", (_X, _Y[0]), {"key": (0,)}, (0, 1), set()),
    ("gather", (_X, _PLACES), {}, (0,), {1}),
    ("scatter_add", (_X, _Y, _PLACES), {}, (0, 1), {2}),
    ("scatter_set", (_X, _Y, _PLACES), {}, (0, 1), {2}),
    ("matmul", (_X, _Y.T), {}, (0,), {1}),
    ("matmul", (_X, _Y.T), {}, (1,), {0}),
    ("cumulative_sum", (_X,), {"axis": 0, "reverse": False}, (0,), set()),
    ("relu", (_X,), {}, (0,), {"out"}),
    ("solve", (_PLAIN, _Y.T), {}, (1,), {0, "out"}),
    ("inv", (_PLAIN,), {}, (0,), {"out"}),
    ("cholesky", (_PLAIN @ _PLAIN.T,), {}, (0,), {"out"}),
    ("eigh", (_PLAIN,), {}, (0,), {"out"}),
    ("svd", (_X,), {"full": False}, (0,), {"out"}),
    ("qr", (_X.T,), {"mode": "reduced"}, (0,), {"out"}),
    ("conv", (_IMAGES, _WINDOWS), _MOVES, (0,), {1}),
    ("conv", (_IMAGES, _WINDOWS), _MOVES, (1,), {0}),
    ("conv", (_IMAGES, _WINDOWS), _MOVES, (0, 1), {0, 1}),
]


@pytest.mark.parametrize(
    ("name", "args", "params", "places", "kept"), _KEEPS, ids=[f"{k[0]}-{''.join(map(str, k[3]))}" for k in _KEEPS]
)
def test_only_values_that_a_rule_reads_stay_alive(
    name: str, args: tuple[Any, ...], params: dict[str, Any], places: tuple[int, ...], kept: set[int | str]
) -> None:
    alive: dict[int | str, Any] = {}

    def f(*xs: Any) -> Any:
        given = [xs[places.index(i)] if i in places else fg.asarray(a) for i, a in enumerate(args)]
        fresh = [fnp.logical_or(a, a) if a.dtype == bool else a + 0 for a in given]  # memory of this call's own
        out = PRIMITIVES[name](*fresh, **params)
        for key, value in [*enumerate(fresh), ("out", out)]:
            alive[key] = weakref.ref(value.concrete()._data)
        return out * 1

    pull = fg.vjp(f, *[args[i] for i in places])[1]
    assert {key for key, data in alive.items() if data() is not None} == kept
    del pull
    assert not any(data() is not None for data in alive.values())
