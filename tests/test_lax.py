"""`funcgrad.lax` beyond the table of uses: JAX for gathers and scatters, wrong arguments, what is clamped."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from functions.lax_windows import USES

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import lax
from funcgrad.errors import ArrayIndexError, AxisError, DtypeError, OptionError, ShapeError

X = fnp.arange(12.0).reshape(3, 4)
_INDEXED = [u for u in USES if u.name.startswith(("lax.gather", "lax.scatter")) and u.name != "lax.scatter_apply"]


@pytest.mark.parametrize("use", _INDEXED, ids=str)
def test_gathers_and_scatters_are_jaxs(use: Any) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    name = use.name.removeprefix("lax.")
    of_gather = name == "gather"
    place = 2 if of_gather else 3
    kind = "GatherDimensionNumbers" if of_gather else "ScatterDimensionNumbers"
    arrays, numbers = list(use.args[: place if of_gather else 3]), tuple(use.args[place])
    rest = use.args[place + 1 :]

    def mine(*inexact: Any) -> Any:
        given = [inexact[0], arrays[1], *inexact[1:]]
        return getattr(lax, name)(*given, getattr(lax, kind)(*numbers), *rest, **use.kwargs)

    def theirs(*inexact: Any) -> Any:
        given = [inexact[0], jax.numpy.asarray(arrays[1]), *inexact[1:]]
        return getattr(jax.lax, name)(*given, getattr(jax.lax, kind)(*numbers), *rest, **use.kwargs)

    operands = [arrays[0], *arrays[2:]]
    with jax.enable_x64(True):
        np.testing.assert_allclose(np.asarray(mine(*operands)), np.asarray(theirs(*operands)), rtol=1e-12)
        indices = np.asarray(arrays[1])
        places = [tuple(indices[at]) for at in np.ndindex(indices.shape[:-1])]
        repeated = len({*places}) < len(places)
        if arrays[0].dtype.kind == "i" or (name == "scatter" and repeated):
            return  # of several updates at one place JAX keeps any
        if name in ("scatter_min", "scatter_max", "scatter_mul"):
            # JAX (0.10) lets elements that are overwritten have derivatives, which differences say they have not, and
            # has none of products
            return
        out, pull = fg.vjp(mine, *operands)
        ct = np.random.default_rng(0).standard_normal(out.shape).astype(out.dtype)
        for a, b in zip(pull(ct), jax.vjp(theirs, *operands)[1](jax.numpy.asarray(ct)), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)


def test_modes_have_jaxs_names() -> None:
    modes = lax.GatherScatterMode
    assert modes.from_any("clip") is modes.CLIP
    assert modes.from_any(None) is modes.from_any("drop") is modes.from_any(modes.FILL_OR_DROP) is modes.FILL_OR_DROP
    assert modes.from_any("promise_in_bounds") is modes.PROMISE_IN_BOUNDS
    rows = lax.GatherDimensionNumbers((1,), (0,), (0,))
    far = fnp.asarray([[7]])
    assert lax.gather(X, far, rows, (1, 4), mode=modes.CLIP).tolist() == [[8.0, 9.0, 10.0, 11.0]]
    assert lax.gather(X, far, rows, (1, 4)).tolist() == [[8.0, 9.0, 10.0, 11.0]]
    assert np.isnan(np.asarray(lax.gather(X, far, rows, (1, 4), mode="fill"))).all()
    with pytest.raises(ArrayIndexError):
        lax.gather(X, far, rows, (1, 4), mode="promise_in_bounds")


def test_places_of_slices_are_clamped_and_negative_ones_count_from_the_end() -> None:
    x = fnp.arange(5)

    def at(start: Any, **options: Any) -> list[int]:
        return lax.dynamic_slice(x, (start,), (2,), **options).tolist()

    for make in (int, np.int64, fnp.asarray):
        assert at(make(9)) == [3, 4]
        assert at(make(-1)) == [3, 4]
        assert at(make(-4)) == [1, 2]
        assert at(make(-9)) == [0, 1]
        assert at(make(-1), allow_negative_indices=False) == [0, 1]


def test_a_place_that_a_loop_computes_asks_nothing() -> None:
    def f(x: Any) -> Any:
        def body(i: Any, total: Any) -> Any:
            return lax.dynamic_update_slice(total, lax.dynamic_slice(x, (i,), (1,)) * 2, (i,))

        return lax.fori_loop(0, 4, body, x)

    x = fnp.arange(4.0)
    assert fg.jit(f)(x).tolist() == f(x).tolist() == [0.0, 2.0, 4.0, 6.0]
    assert fg.grad(lambda x: f(x).sum())(x).tolist() == [2.0] * 4


def test_control_flow_is_the_packages_own() -> None:
    assert lax.scan is fg.scan
    assert lax.cond is fg.cond
    assert lax.psum is fg.psum
    assert lax.stop_gradient is fg.stop_gradient


def test_division_of_integers_goes_towards_zero() -> None:
    pairs = [(a, b) for a in (-7, -6, 0, 6, 7) for b in (-3, -2, 2, 3)]
    a, b = (fnp.asarray(column) for column in zip(*pairs, strict=True))
    assert lax.div(a, b).tolist() == [int(p / q) for p, q in pairs]
    assert lax.rem(a, b).tolist() == [p - q * int(p / q) for p, q in pairs]
    assert lax.div(a.astype("int8"), 2).dtype == "int8"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "uint64", "int64"])
def test_bits_of_integers(dtype: str) -> None:
    bounds = np.iinfo(dtype)
    values = [0, 1, 5, bounds.max, bounds.min, bounds.max // 3]
    mask = 2**bounds.bits - 1
    x = fnp.asarray(np.array(values, dtype))
    assert lax.population_count(x).tolist() == [bin(v & mask).count("1") for v in values]
    assert lax.clz(x).tolist() == [bounds.bits - (v & mask).bit_length() for v in values]
    assert (lax.clz(x).dtype, lax.population_count(x).dtype) == (dtype, dtype)


def test_wrong_arguments() -> None:
    w = fnp.ones((2, 3, 2, 2))
    images = fnp.ones((1, 3, 4, 4))
    for error, call in [
        (ShapeError, lambda: lax.slice(X, (0, 0), (4, 4))),
        (ShapeError, lambda: lax.dynamic_slice(X, (0,), (1, 1))),
        (ShapeError, lambda: lax.dynamic_slice(X, (0, 0), (4, 1))),
        (DtypeError, lambda: lax.dynamic_slice(X, (0.5, 0), (1, 1))),
        (ShapeError, lambda: lax.dynamic_update_slice(X, fnp.ones(2), (0, 0))),
        (ArrayIndexError, lambda: lax.index_in_dim(X, 3)),
        (ShapeError, lambda: lax.pad(X, 0.0, [(0, 0, 0)])),
        (ShapeError, lambda: lax.pad(X, 0.0, [(0, 0, -1), (0, 0, 0)])),
        (ShapeError, lambda: lax.pad(X, 0.0, [(-2, -2, 0), (0, 0, 0)])),
        (AxisError, lambda: lax.broadcast_in_dim(X, (3, 4, 5), (1, 0))),
        (ShapeError, lambda: lax.broadcast_to_rank(X, 1)),
        (AxisError, lambda: lax.collapse(X, 1, 1)),
        (ShapeError, lambda: lax.split(X, (1, 1))),
        (ShapeError, lambda: lax.sort((X, X[0]))),
        (ShapeError, lambda: lax.sort((X,), num_keys=2)),
        (DtypeError, lambda: lax.cumlogsumexp(fnp.arange(3))),
        (DtypeError, lambda: lax.reduce_and(X, (0,))),
        (ShapeError, lambda: lax.dot(X, X)),
        (ShapeError, lambda: lax.batch_matmul(X, fnp.ones((1, 4, 2)))),
        (ShapeError, lambda: lax.dot_general(X, X, (((0,), (1,)), ((), ())))),
        (DtypeError, lambda: lax.complex(1j, 1.0)),
        (DtypeError, lambda: lax.round(fnp.arange(3))),
        (OptionError, lambda: lax.round(X, 7)),  # type: ignore[arg-type]
        (DtypeError, lambda: lax.clz(X)),
        (ShapeError, lambda: lax.reduce_precision(X, 0, 1)),
        (ShapeError, lambda: lax.bitcast_convert_type(fnp.ones((2, 3), dtype="uint8"), "int32")),
        (OptionError, lambda: lax.conv_general_dilated(images, w, (1, 1), "FULL")),
        (
            OptionError,
            lambda: lax.conv_general_dilated(images, w, (1, 1), "SAME", dimension_numbers=("NHWX", "HWIO", "NHWC")),
        ),
        (ShapeError, lambda: lax.conv_general_dilated(images, w, (1,), "SAME")),
        (
            ShapeError,
            lambda: lax.conv_general_dilated(images, w, (1, 1), "SAME", feature_group_count=2, batch_group_count=2),
        ),
        (ShapeError, lambda: lax.conv_general_dilated(images, w, (1, 1), "SAME", batch_group_count=2)),
        (ShapeError, lambda: lax.conv_general_dilated(images, fnp.ones((2, 2, 2, 2)), (1, 1), "SAME")),
        (ShapeError, lambda: lax.conv_general_dilated_patches(images, (5, 5), (1, 1), "VALID")),
        (OptionError, lambda: lax.conv_transpose(images, w, (1, 1), "FULL")),
    ]:
        with pytest.raises(error):
            call()


def test_wrong_gathers() -> None:
    rows = lax.GatherDimensionNumbers((1,), (0,), (0,))
    points = lax.ScatterDimensionNumbers((1,), (0,), (0,))
    i = fnp.asarray([[0], [1]])
    for error, call in [
        (DtypeError, lambda: lax.gather(X, fnp.asarray([[0.5]]), rows, (1, 4))),
        (ShapeError, lambda: lax.gather(X, fnp.asarray([0, 1]), rows, (1, 4))),
        (ShapeError, lambda: lax.gather(X, i, rows, (2, 4))),
        (ShapeError, lambda: lax.gather(X, i, rows, (1, 5))),
        (ShapeError, lambda: lax.gather(X, i, rows._replace(offset_dims=()), (1, 4))),
        (OptionError, lambda: lax.gather(X, i, rows, (1, 4), mode="wrap")),
        (ShapeError, lambda: lax.scatter(X, i, fnp.ones((3, 4)), points)),
        (ShapeError, lambda: lax.scatter(X, i, fnp.ones((2, 4)), points._replace(update_window_dims=()))),
        (OptionError, lambda: lax.scatter_apply(X, i, lambda x: x.sum(), points, update_shape=(2, 4))),
    ]:
        with pytest.raises(error):
            call()


@pytest.mark.parametrize(("dtype", "bits"), [("float16", (5, 10)), ("float32", (8, 23)), ("float64", (11, 52))])
def test_a_format_of_as_many_bits_changes_nothing(dtype: str, bits: tuple[int, int]) -> None:
    limits = np.finfo(dtype)
    x = fnp.asarray(np.array([1 / 3, -limits.max, limits.tiny, 0.0, np.inf, np.nan], dtype))
    np.testing.assert_array_equal(lax.reduce_precision(x, *bits), x)
    assert not np.isfinite(np.asarray(lax.reduce_precision(x, bits[0] - 1, bits[1])[1]))


def test_submodules_are_attributes() -> None:
    """`lax.linalg.cholesky` needs no import of its own, in a process that has imported no more than this."""
    source = (
        "import funcgrad.scipy as jsp; from funcgrad import lax; "
        "jsp.sparse.linalg.cg, jsp.linalg.expm, jsp.signal.stft, lax.linalg.cholesky"
    )
    subprocess.run([sys.executable, "-c", source], check=True)
