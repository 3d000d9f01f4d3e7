"""Images read by grids, and pixels and channels in another order, against numbers by hand and PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad.errors import OptionError, ShapeError
from funcgrad.testing import check_grads

few = settings(max_examples=15, deadline=None, derandomize=True, database=None)
PADDINGS = ["zeros", "border", "reflection"]


def at(image: list[float], places: list[float], **options: Any) -> list[float]:
    """A row of pixels at places along it, in elements."""
    n = len(image)
    grid = np.array([[(2 * p / (n - 1) - 1, 0.0) for p in places]])
    return F.grid_sample(np.array(image)[None, :, None], grid, align_corners=True, **options).ravel().tolist()


def test_values_by_hand() -> None:
    image, places = [1.0, 2.0, 4.0, 8.0, 16.0], [0.5, 2.25, 4.0, -0.5, -3.0, 5.0]
    assert at(image, places) == [1.5, 5, 16, 0.5, 0, 0]
    assert at(image, places, padding_mode="border") == [1.5, 5, 16, 1, 1, 16]
    assert at(image, places, padding_mode="reflection") == [1.5, 5, 16, 1.5, 8, 8]
    assert at(image, [0.4, 2.75, -0.6, 5.0], mode="nearest") == [1, 8, 0, 0]
    assert at(image, [0.4, 2.75, -0.6, 5.0], mode="nearest", padding_mode="border") == [1, 8, 1, 16]
    assert at(image, [1.0, 3.0], mode="bicubic", padding_mode="border") == [2, 8]
    assert at(image, [1.5], mode="bicubic") == [-0.75 / 8 * (1 + 8) + 4.75 / 8 * (2 + 4)]


def test_corners_are_centres_or_edges() -> None:
    image, ends = np.array([[1.0, 3.0]])[..., None], [[[-1.0, 0.0], [-0.5, 0.0], [1.0, 0.0]]]
    assert F.grid_sample(image, ends, align_corners=True).ravel().tolist() == [1, 1.5, 3]
    assert F.grid_sample(image, ends).ravel().tolist() == [0.5, 1, 1.5]
    assert F.grid_sample(image, ends, padding_mode="border").ravel().tolist() == [1, 1, 3]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NDHWC", "NCDHW"])
def test_the_grid_of_the_identity_gives_the_image_back(layout: str, align_corners: bool) -> None:
    rank = len(layout) - 2
    x = uniform(2, *((3, 4, 5, 6)[: rank + 1]))
    theta = np.tile(np.eye(rank, rank + 1), (2, 1, 1))
    grid = F.affine_grid(theta, x.shape, align_corners, layout)
    np.testing.assert_allclose(np.asarray(F.grid_sample(x, grid, "bilinear", "zeros", align_corners, layout)), x)
    alone = F.affine_grid(theta[0], x.shape[1:], align_corners, layout)
    np.testing.assert_allclose(np.asarray(alone), np.asarray(grid)[0])
    found = F.grid_sample(x[0], alone, "bilinear", "zeros", align_corners, layout)
    np.testing.assert_allclose(np.asarray(found), x[0])


@pytest.mark.parametrize("padding_mode", PADDINGS)
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_derivatives_and_batches(mode: str, padding_mode: str) -> None:
    def f(x: Any, grid: Any) -> Any:
        return F.grid_sample(x, grid, mode, padding_mode)

    x, grid = uniform(2, 4, 3, 2), uniform(2, 2, 3, 2, low=-1.3, high=1.3, seed=1)
    check_grads(f, (x, grid))
    np.testing.assert_array_equal(np.asarray(fg.jit(f)(x, grid)), np.asarray(f(x, grid)))
    xs, grids = uniform(3, *x.shape), uniform(3, *grid.shape, seed=2)
    for axes in ((0, 0), (None, 0), (0, None)):
        rows = [(x if axes[0] is None else xs[i], grid if axes[1] is None else grids[i]) for i in range(3)]
        found = fg.vmap(f, in_axes=axes)(x if axes[0] is None else xs, grid if axes[1] is None else grids)
        np.testing.assert_allclose(np.asarray(found), np.stack([np.asarray(f(*row)) for row in rows]))


def test_places_far_away_and_none_at_all() -> None:
    x, far = np.array([[1.0, 2.0]])[..., None], [[[np.inf, 0.0], [-np.inf, 0.0], [1e30, 0.0], [np.nan, 0.0]]]
    for mode in ("bilinear", "nearest", "bicubic"):
        assert F.grid_sample(x, far, mode, "zeros", True).ravel().tolist() == [0, 0, 0, 1]
        assert F.grid_sample(x, far, mode, "border", True).ravel().tolist() == [2, 1, 2, 1]
        assert np.isfinite(np.asarray(F.grid_sample(x, far, mode, "reflection", True))).all()
        row = F.grid_sample(np.ones((1, 1, 1)), far, mode, "border", True)  # an axis of one element has no other
        assert row.ravel().tolist() == [1, 1, 1, 1]
    gradient = fg.grad(lambda g: F.grid_sample(x, g, padding_mode="border").sum())(fnp.asarray(far))
    assert not np.asarray(gradient)[..., 0].any()


def test_dtypes() -> None:
    x, grid = uniform(3, 3, 1).astype("float32"), np.zeros((1, 1, 2), "float32")
    assert F.grid_sample(x, grid).dtype == np.float32
    assert F.grid_sample(x.astype("float16"), grid.astype("float16")).dtype == np.float16
    assert F.affine_grid(np.eye(2, 3).astype("float16"), (600, 1, 1)).dtype == np.float16


@few
@given(st.data(), st.integers(2, 3), st.booleans(), st.sampled_from(PADDINGS))
def test_torch_has_the_same_values_and_gradients(data: Any, rank: int, align_corners: bool, padding_mode: str) -> None:
    torch = pytest.importorskip("torch")
    layout = {2: "NCHW", 3: "NCDHW"}[rank]
    mode = data.draw(st.sampled_from(["bilinear", "nearest", *(["bicubic"] if rank == 2 else [])]))
    dtype, tolerance = data.draw(st.sampled_from([("float64", 1e-10), ("float32", 1e-5)]))
    sizes, shape = (data.draw(st.tuples(*[st.integers(1, 6)] * rank)) for _ in range(2))
    seed = data.draw(st.integers(0, 1000))
    x, theta = uniform(2, 3, *sizes, seed=seed).astype(dtype), uniform(2, rank, rank + 1, seed=seed + 1).astype(dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Since version 1.3.0, affine_grid", UserWarning)  # of size 1
        grid = torch.nn.functional.affine_grid(torch.tensor(theta), (2, 3, *shape), align_corners)
    found = F.affine_grid(theta, (2, 3, *shape), align_corners, layout)
    np.testing.assert_allclose(np.asarray(found), grid.numpy(), rtol=tolerance, atol=tolerance)

    options = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    theirs = torch.tensor(x, requires_grad=True), grid.clone().requires_grad_()
    expected = torch.nn.functional.grid_sample(*theirs, **options)
    out, pull = fg.vjp(lambda x, g: F.grid_sample(x, g, **options, layout=layout), x, grid.numpy())
    np.testing.assert_allclose(np.asarray(out), expected.detach().numpy(), rtol=tolerance, atol=10 * tolerance)
    ct = uniform(*out.shape, seed=2).astype(dtype)
    for ours, gradient in zip(pull(ct), torch.autograd.grad(expected, theirs, torch.tensor(ct)), strict=True):
        scale = max(1, float(gradient.abs().max()))
        np.testing.assert_allclose(np.asarray(ours), gradient.numpy(), rtol=tolerance, atol=20 * tolerance * scale)


def test_what_is_refused() -> None:
    x, grid = np.ones((2, 3, 3, 1)), np.zeros((2, 1, 1, 2))
    with pytest.raises(OptionError, match="mode is 'bilinear'"):
        F.grid_sample(x, grid, "linear")
    with pytest.raises(OptionError, match="padding_mode is 'zeros'"):
        F.grid_sample(x, grid, padding_mode="constant")
    with pytest.raises(OptionError, match="'bicubic' is for images"):
        F.grid_sample(np.ones((2, 3, 3, 3, 1)), np.zeros((2, 1, 1, 1, 3)), "bicubic", layout="NDHWC")
    for wrong in (grid[0], grid[:1], np.zeros((2, 1, 1, 3))):
        with pytest.raises(ShapeError, match=r"grid must be \(N, \*sizes, 2\), with its N, not float64"):
            F.grid_sample(x, wrong)
    with pytest.raises(ShapeError, match=r"theta must be \(2, 2, 3\), not float64\[2,3\]"):
        F.affine_grid(np.eye(2, 3), (2, 4, 4, 1))


# ---- pixels and channels -----------------------------------------------------------------------


@few
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_pixels_are_channels_and_back(height: int, width: int, channels: int, r: int) -> None:
    x = uniform(2, height, width, channels * r * r)
    out = np.asarray(F.pixel_shuffle(x, r))
    for h, w, c in np.ndindex(out.shape[1:]):
        np.testing.assert_array_equal(out[:, h, w, c], x[:, h // r, w // r, c * r * r + h % r * r + w % r])
    np.testing.assert_array_equal(np.asarray(F.pixel_unshuffle(out, r)), x)
    first = F.pixel_shuffle(np.moveaxis(x, -1, 1), r, layout="NCHW")
    np.testing.assert_array_equal(np.moveaxis(np.asarray(first), 1, -1), out)
    back = F.pixel_unshuffle(np.asarray(first)[0], r, layout="NCHW")
    np.testing.assert_array_equal(np.moveaxis(np.asarray(back), 0, -1), x[0])


def test_shuffled_channels_are_shuffled_back_by_the_other_factor() -> None:
    for shape, layout in (((2, 4, 12), "NWC"), ((2, 12, 4, 5), "NCHW"), ((2, 3, 12), "NHWC")):
        x = uniform(*shape)
        once = F.channel_shuffle(x, 3, layout=layout)
        assert (np.asarray(once) != x).any()
        np.testing.assert_array_equal(np.asarray(F.channel_shuffle(once, 4, layout=layout)), x)


def test_factors_that_do_not_divide() -> None:
    with pytest.raises(ShapeError, match=r"must be a multiple of 2\^2"):
        F.pixel_shuffle(np.ones((2, 2, 6)), 2)
    with pytest.raises(ShapeError, match="must be multiples of 3"):
        F.pixel_unshuffle(np.ones((3, 4, 1)), 3)
    with pytest.raises(ShapeError, match="groups=4 does not divide"):
        F.channel_shuffle(np.ones((2, 2, 6)), 4)
    for f in (F.pixel_shuffle, F.pixel_unshuffle, F.channel_shuffle):
        with pytest.raises(OptionError, match="must be an int of at least 1, not 0"):
            f(np.ones((2, 2, 6)), 0)
