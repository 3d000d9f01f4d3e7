"""Adaptive, global, fractional and p-norm pooling, places of maxima and the way back, against loops and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from funcgrad.testing import check_grads

few = settings(max_examples=15, deadline=None, derandomize=True, database=None)
FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
RANKS = pytest.mark.parametrize("rank", [1, 2, 3])


def distinct(*shape: int) -> Any:
    """Numbers without ties."""
    n = int(np.prod(shape))
    return np.random.default_rng(0).permutation(n).reshape(shape) / 8


def function(name: str, rank: int) -> Callable[..., Any]:
    return getattr(F, f"{name}{rank}d")


def by_loops(reduce: Callable[..., Any], x: Any, sizes: tuple[int, ...]) -> Any:
    """The bins of channels-last images, one after the other."""
    spatial = x.shape[1:-1]
    out = np.empty((x.shape[0], *sizes, x.shape[-1]))
    for at in np.ndindex(*sizes):
        bins = [slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in zip(at, spatial, sizes, strict=True)]
        out[(slice(None), *at)] = reduce(x[(slice(None), *bins)], axis=tuple(range(1, x.ndim - 1)))
    return out


# ---- adaptive and global -----------------------------------------------------------------------


@few
@given(st.data(), st.integers(1, 3))
def test_adaptive_pooling_is_that_of_bins(data: Any, rank: int) -> None:
    spatial = data.draw(st.tuples(*[st.integers(1, 7)] * rank))
    sizes = data.draw(st.tuples(*[st.integers(1, 8)] * rank))
    x = distinct(2, *spatial, 2)
    for name, reduce in (("adaptive_avg_pool", np.mean), ("adaptive_max_pool", np.max)):
        expected = by_loops(reduce, x, sizes)
        np.testing.assert_allclose(np.asarray(function(name, rank)(x, sizes)), expected)
        first = function(name, rank)(np.moveaxis(x, -1, 1), sizes, layout=FIRST[rank])
        np.testing.assert_allclose(np.asarray(first), np.moveaxis(expected, -1, 1))
        np.testing.assert_allclose(np.asarray(function(name, rank)(x[0], sizes)), expected[0])


@RANKS
def test_global_pooling_is_the_reduction(rank: int) -> None:
    x, layout = distinct(2, *(5, 4, 3)[:rank], 3), ["NWC", "NHWC", "NDHWC"][rank - 1]
    axes = tuple(range(1, rank + 1))
    for f, reduce in ((F.global_avg_pool, np.mean), (F.global_max_pool, np.max)):
        expected = reduce(x, axis=axes)
        np.testing.assert_allclose(np.asarray(f(x, layout=layout)), expected)
        np.testing.assert_allclose(np.asarray(f(np.moveaxis(x, -1, 1), layout=FIRST[rank])), expected)
        np.testing.assert_allclose(np.asarray(f(x[0], layout=layout)), expected[0])
        np.testing.assert_allclose(np.asarray(f(x, True, layout)), reduce(x, axis=axes, keepdims=True))


def test_none_keeps_the_size_of_an_axis() -> None:
    x = distinct(1, 4, 6, 2)
    np.testing.assert_allclose(np.asarray(F.adaptive_avg_pool2d(x, (None, 3))), by_loops(np.mean, x, (4, 3)))
    np.testing.assert_allclose(np.asarray(F.adaptive_max_pool2d(x, [2, None])), by_loops(np.max, x, (2, 6)))


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
@pytest.mark.parametrize("sizes", [(2, 2), (3, 5), (1, 1), (6, 3)])
def test_adaptive_derivatives_and_batches(name: str, sizes: tuple[int, int]) -> None:
    def f(x: Any) -> Any:
        return getattr(F, name)(x, sizes)

    x = distinct(2, 4, 4, 2)
    check_grads(lambda x: f(x) ** 2, (x,))
    batch = distinct(3, 2, 4, 4, 2)
    expected = np.stack([np.asarray(f(a)) for a in batch])
    for axis in (0, 2, 4):
        found = fg.vmap(f, in_axes=axis, out_axes=axis)(np.moveaxis(batch, 0, axis))
        np.testing.assert_allclose(np.moveaxis(np.asarray(found), axis, 0), expected)
    np.testing.assert_array_equal(np.asarray(fg.jit(f)(x)), np.asarray(f(x)))


def test_the_first_of_equal_maxima_has_the_derivative() -> None:
    for f in (lambda x: F.adaptive_max_pool2d(x, 1), F.global_max_pool):
        x = fnp.asarray([[0.0, 2.0], [2.0, 2.0]])[..., None]
        assert fg.grad(lambda x, f=f: f(x).sum())(x).ravel().tolist() == [0, 1, 0, 0]
        assert np.isnan(np.asarray(f(fnp.asarray([[1.0, np.nan]])[..., None]))).all()


@pytest.mark.parametrize("size", [0, (1, 2, 3), 2.5, (0, None)])
def test_sizes_of_no_bins(size: Any) -> None:
    with pytest.raises(ShapeError, match="output_size must be an int of at least 1, or one or None for each of 2"):
        F.adaptive_avg_pool2d(np.ones((4, 4, 1)), size)


def test_images_without_elements_have_no_bins() -> None:
    with pytest.raises(ShapeError, match=r"no elements in float64\[1,0,4,1\]"):
        F.adaptive_avg_pool2d(np.ones((1, 0, 4, 1)), 1)
    assert F.adaptive_max_pool2d(np.ones((0, 4, 4, 1)), 2).shape == (0, 2, 2, 1)


# ---- where maxima are, and back ----------------------------------------------------------------


def taken(x: Any, places: Any) -> Any:
    """The elements of channels-last images at places in their planes."""
    rows = np.asarray(x).reshape(x.shape[0], -1, x.shape[-1])
    flat = np.asarray(places).reshape(x.shape[0], -1, x.shape[-1])
    return np.take_along_axis(rows, flat, 1).reshape(places.shape)


@few
@given(st.data(), st.integers(1, 3))
def test_places_are_where_the_maxima_are(data: Any, rank: int) -> None:
    sizes = st.tuples(*[st.integers(1, 3)] * rank)
    window, stride, dilation = data.draw(sizes), data.draw(sizes), data.draw(sizes)
    x = distinct(2, *(7, 8, 9)[:rank], 2)
    options = {
        "stride": stride,
        "dilation": dilation,
        "padding": tuple(k // 2 for k in window),
        "ceil_mode": data.draw(st.booleans()),
    }
    try:
        out, places = function("max_pool", rank)(x, window, return_indices=True, **options)
    except ShapeError:  # a window of nothing but padding
        assume(False)
    assert places.dtype == np.int64
    np.testing.assert_array_equal(taken(x, places), np.asarray(out))
    first = function("max_pool", rank)(
        np.moveaxis(x, -1, 1), window, return_indices=True, layout=FIRST[rank], **options
    )
    np.testing.assert_array_equal(np.moveaxis(np.asarray(first[1]), 1, -1), np.asarray(places))
    out, places = function("adaptive_max_pool", rank)(x, window, return_indices=True)
    np.testing.assert_array_equal(taken(x, places), np.asarray(out))


@RANKS
def test_unpooling_puts_maxima_back(rank: int) -> None:
    x = distinct(2, *(6, 4, 5)[:rank], 2)
    out, places = function("max_pool", rank)(x, 2, return_indices=True)
    back = function("max_unpool", rank)(out, places, 2, output_size=x.shape[1:-1])
    held = np.isin(x, np.asarray(out))
    np.testing.assert_array_equal(np.asarray(back), np.where(held, x, 0))
    alone = function("max_unpool", rank)(out[0], places[0], 2, output_size=x.shape[1:-1])
    np.testing.assert_array_equal(np.asarray(alone), np.asarray(back)[0])
    whole = function("max_unpool", rank)(out, places, 2, output_size=x.shape)  # the shape of what was pooled
    np.testing.assert_array_equal(np.asarray(whole), np.asarray(back))
    first, placed = np.moveaxis(np.asarray(out), -1, 1), np.moveaxis(np.asarray(places), -1, 1)
    shape = (2, 2, *x.shape[1:-1])
    turned = function("max_unpool", rank)(first, placed, 2, output_size=shape, layout=FIRST[rank])
    np.testing.assert_array_equal(np.asarray(turned), np.moveaxis(np.asarray(back), -1, 1))
    again = function("max_pool", rank)(function("max_unpool", rank)(out, places % 4, 2), 1)
    assert again.shape == (2, *[n // 2 * 2 for n in x.shape[1:-1]], 2)


def test_unpooling_derivatives_and_batches() -> None:
    x = distinct(1, 5, 5, 2)
    out, places = F.max_pool2d(x, 3, 1, return_indices=True)  # several windows have one maximum

    def f(y: Any) -> Any:
        return F.max_unpool2d(y, places, 3, 1)

    check_grads(f, (np.asarray(out) + uniform(*out.shape),))
    batch = uniform(3, *out.shape)
    found = np.asarray(fg.vmap(f)(batch))
    np.testing.assert_array_equal(found, np.stack([np.asarray(f(y)) for y in batch]))


def test_what_unpooling_refuses() -> None:
    y, places = np.ones((2, 2, 1)), np.zeros((2, 2, 1), int)
    with pytest.raises(ShapeError, match=r"shape of the input float64\[2,2,1\]"):
        F.max_unpool2d(y, places[:1], 2)
    with pytest.raises(DtypeError, match="must be integers"):
        F.max_unpool2d(y, y, 2)
    with pytest.raises(ArrayIndexError, match="16"):
        F.max_unpool2d(y, places + 16, 2)


# ---- other measures ----------------------------------------------------------------------------


def test_a_divisor_of_ones_own() -> None:
    x = distinct(5, 5, 2)
    whole = np.asarray(F.avg_pool2d(x, 2, padding=1)) * 4
    np.testing.assert_allclose(np.asarray(F.avg_pool2d(x, 2, padding=1, divisor_override=3)), whole / 3)
    np.testing.assert_allclose(np.asarray(F.sum_pool(x, 2, padding=1)), whole)
    with pytest.raises(OptionError, match="divisor_override must not be 0"):
        F.avg_pool2d(x, 2, divisor_override=0)


def test_sums_and_minima_of_windows() -> None:
    x = distinct(2, 7, 3)
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, 1)[:, ::2]
    np.testing.assert_allclose(np.asarray(F.sum_pool(x, 3, 2, layout="NWC")), windows.sum(-1))
    np.testing.assert_allclose(np.asarray(F.min_pool(x, 3, 2, layout="NWC")), windows.min(-1))
    small = np.arange(200, 208, dtype=np.uint8).reshape(8, 1)
    assert F.min_pool(small, 2, layout="NWC").ravel().tolist() == [200, 202, 204, 206]
    check_grads(lambda x: F.min_pool(x, 3, 2, layout="NWC") ** 2, (x,))


@RANKS
def test_norms_of_windows(rank: int) -> None:
    x, f = distinct(2, *(6, 4, 4)[:rank], 2) + 0.5, function("lp_pool", rank)
    axes = tuple(range(2, 2 * rank + 2, 2))
    split = x.reshape(2, *[s for n in x.shape[1:-1] for s in (n // 2, 2)], 2)
    for p in (1, 2, 3.5):
        np.testing.assert_allclose(np.asarray(f(x, p, 2)), (split**p).sum(axes) ** (1 / p))
    check_grads(lambda x: f(x, 3, 2), (x,))


def test_norms_at_zero_have_no_slope() -> None:
    zeros = fnp.zeros((2, 2, 1))
    assert fg.grad(lambda x: F.lp_pool2d(x, 2, 2).sum())(zeros).ravel().tolist() == [0, 0, 0, 0]
    for p in (0, -1, np.inf):
        with pytest.raises(OptionError, match="norm_type must be above 0"):
            F.lp_pool2d(zeros, p, 2)


# ---- at random places --------------------------------------------------------------------------


def test_fractional_windows_lie_where_the_formula_says() -> None:
    x, u = distinct(1, 9, 1, 1), 0.4
    out, places = F.fractional_max_pool2d(x, (2, 1), (4, 1), return_indices=True, _random_samples=[[[0.0, u]]])
    step = (9 - 2) / 3
    starts = [*(int((i + u) * step) - int(u * step) for i in range(3)), 7]
    assert out.ravel().tolist() == [x[0, s : s + 2].max() for s in starts]
    np.testing.assert_array_equal(taken(x, places), np.asarray(out))


def test_fractional_pooling_under_transforms() -> None:
    x, key = distinct(2, 7, 6, 3), random.key(0)

    def f(x: Any, key: Any) -> Any:
        return F.fractional_max_pool2d(x, 2, output_ratio=0.5, key=key)

    assert f(x, key).shape == (2, 3, 3, 3)
    assert (np.asarray(f(x, key)) != np.asarray(f(x, random.key(1)))).any()
    check_grads(lambda x: f(x, key) ** 2, (x,))
    np.testing.assert_array_equal(np.asarray(fg.jit(f)(x, key)), np.asarray(f(x, key)))
    xs, keys = distinct(3, *x.shape), random.split(key, 3)
    found = np.asarray(fg.vmap(f)(xs, keys))
    np.testing.assert_array_equal(found, np.stack([np.asarray(f(x, k)) for x, k in zip(xs, keys, strict=True)]))


def test_what_fractional_pooling_refuses() -> None:
    x = np.ones((5, 5, 1))
    for options in ({}, {"output_size": 2, "output_ratio": 0.5}):
        with pytest.raises(OptionError, match="either output_size or output_ratio"):
            F.fractional_max_pool2d(x, 2, **options, key=random.key(0))
    with pytest.raises(OptionError, match="output_ratio must be between 0 and 1"):
        F.fractional_max_pool2d(x, 2, output_ratio=1.5, key=random.key(0))
    with pytest.raises(OptionError, match=r"key=random\.key\(seed\)"):
        F.fractional_max_pool2d(x, 2, 2)
    with pytest.raises(ShapeError, match="do not fit"):
        F.fractional_max_pool2d(x, 3, 4, key=random.key(0))
    with pytest.raises(ShapeError, match=r"_random_samples must be \(1, 1, 2\)"):
        F.fractional_max_pool2d(x, 2, 2, _random_samples=np.ones((1, 2, 2)))
