"""Convolution and pooling of `funcgrad.functional`: layouts, paddings, batches, `vmap` and derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F  # the name that users give it
import funcgrad.numpy as fnp
from funcgrad.testing import check_grads

few = settings(max_examples=20, deadline=None, derandomize=True, database=None)
FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
RANKS = pytest.mark.parametrize("rank", [1, 2, 3])


def distinct(*shape: int) -> Any:
    """Numbers without ties."""
    n = int(np.prod(shape))
    return np.random.default_rng(0).permutation(n).reshape(shape) / 8


def assert_close(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=rtol)


def function(name: str, rank: int) -> Callable[..., Any]:
    return getattr(F, f"{name}{rank}d")


def first(x: Any) -> Any:
    """A batch of images with its channels moved from the last axis to the second."""
    return np.moveaxis(x, -1, 1)


def weights_first(w: Any) -> Any:
    """HWIO as OIHW."""
    return np.moveaxis(w, (-1, -2), (0, 1))


# ---- convolution: layouts, batches, paddings ---------------------------------------------------


@RANKS
@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_both_layouts_are_one_convolution(name: str, rank: int) -> None:
    x, b = uniform(2, *(5, 4, 3)[:rank], 4), uniform(6, seed=2)
    w = uniform(*(3, 2, 2)[:rank], *((2, 6) if name == "conv" else (3, 4)), seed=1)
    f, options = function(name, rank), {"stride": 2, "padding": 1, "groups": 2}
    out = f(x, w, b, **options)
    assert_close(f(first(x), weights_first(w), b, **options, layout=FIRST[rank]), first(out))


@RANKS
@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_an_image_without_a_batch_is_a_batch_of_one(name: str, rank: int) -> None:
    x = uniform(1, *(5, 4, 3)[:rank], 2)
    w = uniform(*(3, 2, 2)[:rank], 2, 2, seed=1)
    f = function(name, rank)
    assert_close(f(x[0], w), f(x, w)[0])
    assert_close(f(first(x)[0], weights_first(w), layout=FIRST[rank]), first(f(x, w))[0])


def test_paddings_are_written_in_several_ways() -> None:
    x, w = uniform(1, 6, 7, 2), uniform(3, 2, 2, 3, seed=1)
    expected = F.conv2d(np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0))), w)
    for padding in ((1, 2), [1, 2], ((1, 1), (2, 2)), (1, (2, 2)), (np.int64(1), 2)):
        assert_close(F.conv2d(x, w, padding=padding), expected)
    assert_close(F.conv2d(x, w, padding=1), F.conv2d(x, w, padding=((1, 1), (1, 1))))
    assert_close(F.conv2d(x, w, padding="VALID"), F.conv2d(x, w))
    uneven = F.conv2d(np.pad(x, ((0, 0), (0, 3), (2, 1), (0, 0))), w)
    assert_close(F.conv2d(x, w, padding=((0, 3), (2, 1))), uneven)


@few
@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_same_padding_keeps_the_size_over_the_stride(n: int, k: int, s: int, d: int) -> None:
    x, w = uniform(1, n, 1), uniform(k, 1, 1, seed=1)
    out = F.conv1d(x, w, stride=s, dilation=d, padding="SAME")
    assert out.shape == (1, math.ceil(n / s), 1)
    total = max((out.shape[1] - 1) * s + (k - 1) * d + 1 - n, 0)
    assert_close(out, F.conv1d(np.pad(x, ((0, 0), (total // 2, total - total // 2), (0, 0))), w, stride=s, dilation=d))
    assert F.conv_transpose1d(x, w, stride=s, dilation=d, padding="SAME").shape == (1, n * s, 1)
    assert F.max_pool1d(x, k, s, padding="SAME").shape == (1, math.ceil(n / s), 1)


@few
@given(st.data(), st.integers(1, 3))
def test_conv_transpose_is_the_vjp_of_conv(data: Any, rank: int) -> None:
    def ints(low: int, high: int) -> tuple[int, ...]:
        return data.draw(st.tuples(*[st.integers(low, high)] * rank))

    window, stride, dilation, groups = ints(1, 3), ints(1, 3), ints(1, 2), data.draw(st.integers(1, 2))
    padding = tuple((data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in range(rank))
    sizes = tuple((k - 1) * d + 1 + e for k, d, e in zip(window, dilation, ints(0, 4), strict=True))
    x, w = uniform(2, *sizes, 2 * groups), uniform(*window, 2, 3 * groups, seed=1)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    f, transposed = function("conv", rank), function("conv_transpose", rank)
    y, pull = fg.vjp(lambda x: f(x, w, **options), x)
    reached = zip(sizes, y.shape[1:-1], window, stride, dilation, padding, strict=True)
    extra = tuple(n - ((m - 1) * s - low - high + d * (k - 1) + 1) for n, m, k, s, d, (low, high) in reached)
    assert_close(transposed(y, w, output_padding=extra, **options), pull(y)[0])


def test_conv_derivatives() -> None:
    x, w, b = uniform(2, 5, 4, 4), uniform(2, 3, 2, 6, seed=1), uniform(6, seed=2)
    check_grads(lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1, groups=2), (x, w, b))
    check_grads(
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1, groups=2),
        (x, uniform(2, 3, 3, 4, seed=1), b),
    )


def test_operands_meet_in_one_dtype() -> None:
    x, w = uniform(1, 3, 3, 1).astype("float32"), uniform(2, 2, 1, 1).astype("float32")
    assert F.conv2d(x, w).dtype == np.float32
    assert F.conv2d(x.astype("float64"), w).dtype == np.float64
    assert F.conv2d(np.arange(9).reshape(3, 3, 1), np.ones((2, 2, 1, 1), int)).dtype == np.float32
    assert F.avg_pool2d(np.arange(9).reshape(3, 3, 1), 2).dtype == np.float32
    assert F.max_pool2d(np.arange(9).reshape(3, 3, 1), 2).dtype == np.int64


# ---- vmap --------------------------------------------------------------------------------------


def loop(f: Callable[..., Any], axes: tuple[int | None, ...], *args: Any) -> Any:
    """f of each example, stacked."""
    size = next(a.shape[d] for a, d in zip(args, axes, strict=True) if d is not None)
    rows = [[a if d is None else np.take(a, k, d) for a, d in zip(args, axes, strict=True)] for k in range(size)]
    return np.stack([np.asarray(f(*row)) for row in rows])


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (3, None), (None, 4), (2, 1), (4, 3)])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_vmap_of_a_convolution_is_the_loop(name: str, groups: int, axes: Any) -> None:
    def f(x: Any, w: Any) -> Any:
        return getattr(F, name)(x, w, stride=(2, 1), padding=((1, 0), (1, 1)), groups=groups)

    def gradients(x: Any, w: Any) -> Any:
        return fg.grad(lambda x, w: fnp.sum(fnp.sin(f(x, w))), argnums=(0, 1))(x, w)

    x = uniform(2, 5, 4, 4)
    w = uniform(2, 3, 4 // groups, 6, seed=1) if name == "conv2d" else uniform(2, 3, 6 // groups, 4, seed=1)
    x, w = (
        a if d is None else np.stack([a * (1 + 0.1 * k) for k in range(3)], d)
        for a, d in zip((x, w), axes, strict=True)
    )
    assert_close(fg.vmap(f, in_axes=axes)(x, w), loop(f, axes, x, w))
    for k, found in enumerate(fg.vmap(gradients, in_axes=axes)(x, w)):
        assert_close(found, loop(lambda x, w, k=k: gradients(x, w)[k], axes, x, w))


def test_vmap_over_both_weights_and_images_nests() -> None:
    xs, ws = uniform(2, 4, 4, 2), uniform(3, 2, 2, 1, 4, seed=1)

    def f(x: Any, w: Any) -> Any:
        return F.conv2d(x, w, groups=2)

    found = fg.vmap(lambda x: fg.vmap(lambda w: f(x, w))(ws))(xs)
    assert_close(found, np.stack([np.stack([np.asarray(f(x, w)) for w in ws]) for x in xs]))


def test_vmap_over_no_examples() -> None:
    out = fg.vmap(F.conv2d)(np.ones((0, 1, 4, 4, 2)), np.ones((0, 3, 3, 2, 5)))
    assert out.shape == (0, 1, 2, 2, 5)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_vmap_of_pooling_is_the_loop(name: str) -> None:
    def f(x: Any) -> Any:
        return getattr(F, name)(x, (3, 2), stride=2, padding=1)

    def gradient(x: Any) -> Any:
        return fg.grad(lambda x: fnp.sum(f(x) ** 2))(x)

    x = distinct(3, 2, 5, 6, 2)
    for axis in (0, 2, 4):
        moved = np.moveaxis(x, 0, axis)
        assert_close(fg.vmap(f, in_axes=axis)(moved), loop(f, (0,), x))
        assert_close(fg.vmap(gradient, in_axes=axis)(moved), loop(gradient, (0,), x))


# ---- pooling -----------------------------------------------------------------------------------


@RANKS
@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
def test_pooling_in_both_layouts_and_without_a_batch(name: str, rank: int) -> None:
    x, f = distinct(2, *(5, 6, 4)[:rank], 3), function(name, rank)
    out = f(x, 2, stride=1)
    assert_close(f(first(x), 2, stride=1, layout=FIRST[rank]), first(out))
    assert_close(f(x[0], 2, stride=1), out[0])
    assert_close(f(first(x)[0], 2, stride=1, layout=FIRST[rank]), first(out)[0])


def test_max_pool_is_exact_to_any_order() -> None:
    check_grads(lambda x: fnp.sum(F.max_pool2d(x, 3, stride=2, padding=1) ** 3), (distinct(1, 5, 5, 2),), order=3)
    assert_close(
        fg.hessian(lambda x: fnp.sum(F.max_pool1d(x, 2) ** 2))(fnp.asarray([[1.0], [3.0]])).reshape(2, 2),
        [[0, 0], [0, 2]],
    )


def test_ceil_mode_adds_a_last_window_where_it_starts_on_data() -> None:
    x = fnp.arange(5.0).reshape(5, 1)
    assert F.max_pool1d(x, 2).ravel().tolist() == [1, 3]
    assert F.max_pool1d(x, 2, ceil_mode=True).ravel().tolist() == [1, 3, 4]
    assert F.avg_pool1d(x, 2, ceil_mode=True).ravel().tolist() == [0.5, 2.5, 4]
    assert F.avg_pool1d(x, 2, padding=1, ceil_mode=True).ravel().tolist() == [0, 1.5, 3.5]
    assert F.avg_pool1d(x, 2, padding=1, count_include_pad=False).ravel().tolist() == [0, 1.5, 3.5]
    assert F.avg_pool1d(x, 3, padding=1).ravel().tolist() == pytest.approx([1 / 3, 3])
    assert F.avg_pool1d(x, 3, padding=1, count_include_pad=False).ravel().tolist() == [0.5, 3]


def test_padding_is_never_a_maximum() -> None:
    x = fnp.asarray([[-3.0], [-2.0]])
    assert F.max_pool1d(x, 2, stride=1, padding=1).ravel().tolist() == [-3, -2, -2]
    assert np.isnan(np.asarray(F.max_pool1d(fnp.asarray([[1.0], [fnp.nan]]), 2))).all()


@RANKS
def test_channels_first_without_the_layout_are_told_what_to_pass(rank: int) -> None:
    """A torch user's image (1, 3, 8, 8) has 8 channels to NHWC."""
    x, w = fnp.ones((1, 3, *[8] * rank)), fnp.ones((*[3] * rank, 3, 4))
    with pytest.raises(fg.errors.ShapeError, match=rf'as in PyTorch, are layout="{FIRST[rank]}"'):
        function("conv", rank)(x, w)
    with pytest.raises(fg.errors.ShapeError) as caught:
        function("conv", rank)(fnp.ones((1, *[8] * rank, 2)), w)
    assert "layout=" not in str(caught.value)
