"""`interpolate`: numbers by hand, layouts, derivatives, errors, and PyTorch's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F
from funcgrad.errors import OptionError, ShapeError
from funcgrad.testing import check_grads

FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
MODES = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}
ANY = ["nearest", "nearest-exact", "area"]
SETTINGS: list[dict[str, Any]] = [
    {"mode": "nearest"},
    {"mode": "nearest-exact"},
    {"mode": "area"},
    {"mode": "bilinear"},
    {"mode": "bilinear", "align_corners": True},
    {"mode": "bilinear", "antialias": True},
    {"mode": "bicubic"},
    {"mode": "bicubic", "antialias": True},
]
every_setting = pytest.mark.parametrize("options", SETTINGS, ids=lambda o: "-".join(map(str, o.values())))


def line(x: list[float], **options: Any) -> list[float]:
    return F.interpolate(np.array(x)[:, None], layout="NWC", **options).ravel().tolist()


def test_values_by_hand() -> None:
    assert line([0, 4, 8], size=5) == [0, 0, 4, 4, 8]
    assert line([0, 4, 8], size=2, mode="nearest-exact") == [0, 8]
    assert line([0, 4, 8], size=2, mode="area") == [2, 6]
    assert line([0, 4], scale_factor=2, mode="linear") == [0, 1, 3, 4]
    assert line([0, 4], size=5, mode="linear", align_corners=True) == [0, 1, 2, 3, 4]
    assert line([0, 4, 8], size=1, mode="linear", align_corners=True) == [0]
    assert line([0, 4, 8, 12, 16], scale_factor=0.5, mode="linear") == [2, 10]
    assert line([0, 4, 8, 12, 16], scale_factor=0.5, recompute_scale_factor=True, mode="linear") == [3, 13]


def test_the_cubic_is_that_of_keys() -> None:
    """Half way between two elements: (a, 4 - a, 4 - a, a) / 8 for a = -0.75; beyond the ends they repeat."""
    x = np.array([1.0, 2.0, 4.0, 8.0])
    out = F.interpolate(np.broadcast_to(x[:, None, None], (4, 1, 1)), size=(7, 1), mode="bicubic", align_corners=True)
    found = np.asarray(out).ravel()
    np.testing.assert_allclose(found[::2], x)
    outer = -0.75 / 8
    np.testing.assert_allclose(found[3], outer * (1 + 8) + (0.5 - outer) * (2 + 4))
    np.testing.assert_allclose(found[1], outer * (1 + 4) + (0.5 - outer) * (1 + 2))


def test_a_filter_that_shrinks_keeps_means() -> None:
    x = uniform(12, 8, 2)
    for mode in ("bilinear", "bicubic"):
        out = F.interpolate(np.ones((12, 8, 2)), size=(5, 3), mode=mode, antialias=True)
        np.testing.assert_allclose(np.asarray(out), 1)
    found = F.interpolate(x, size=(4, 8), mode="bilinear", antialias=True)[1]
    weights = np.array([1, 2, 3, 2, 1]) / 9  # of the triangle three elements wide around element 4
    np.testing.assert_allclose(np.asarray(found), np.tensordot(weights, x[2:7], 1))


@every_setting
def test_derivatives_and_batches(options: Any) -> None:
    def f(x: Any) -> Any:
        return F.interpolate(x, size=(3, 6), **options)

    x = uniform(2, 5, 4, 2)
    check_grads(f, (x,))
    batch = uniform(3, 2, 5, 4, 2)
    expected = np.stack([np.asarray(f(a)) for a in batch])
    for axis in (0, 2, 4):
        np.testing.assert_allclose(np.asarray(fg.vmap(f, in_axes=axis)(np.moveaxis(batch, 0, axis))), expected)
    np.testing.assert_array_equal(np.asarray(fg.jit(f)(x)), np.asarray(f(x)))
    first = F.interpolate(np.moveaxis(x, -1, 1), size=(3, 6), layout="NCHW", **options)
    np.testing.assert_allclose(np.asarray(first), np.moveaxis(np.asarray(f(x)), -1, 1))
    np.testing.assert_allclose(np.asarray(f(x[0])), np.asarray(f(x))[0])


def test_an_infinity_stays_with_those_that_read_it() -> None:
    x = np.zeros((8, 1))
    x[0] = np.inf
    assert np.isfinite(np.asarray(F.interpolate(x, size=16, mode="linear", layout="NWC"))[3:]).all()
    found = np.asarray(F.interpolate(x, size=3, mode="area", layout="NWC"))
    assert found[0] == np.inf
    assert (found[1:] == 0).all()


def test_an_axis_that_keeps_its_size_is_kept_whatever_the_factor() -> None:
    assert line([0, 4], scale_factor=1.3, mode="linear") == [0, 4]
    image = np.array([[0.0, 4.0], [8.0, 16.0]])[..., None]
    for mode in ("bilinear", "bicubic"):
        kept = F.interpolate(image, scale_factor=1.3, mode=mode, antialias=True)
        np.testing.assert_allclose(np.asarray(kept), image, atol=1e-12)
    assert F.interpolate(image, scale_factor=(1.3, 2.4))[..., 0].tolist() == [[0, 0, 4, 4], [8, 8, 16, 16]]
    assert line([0, 4], scale_factor=1.3) == [0, 0]  # along sequences and in volumes "nearest" has no such rule


def test_no_images_and_no_channels() -> None:
    for mode in ("nearest", "bilinear"):
        assert F.interpolate(np.ones((0, 4, 4, 3)), size=(2, 5), mode=mode).shape == (0, 2, 5, 3)
        assert F.interpolate(np.ones((2, 4, 4, 0)), size=(2, 5), mode=mode).shape == (2, 2, 5, 0)


@pytest.mark.parametrize("channels", [1, 3, 40, 600])
def test_any_number_of_channels_in_tiles_and_threads(channels: int) -> None:
    """Each number has its own way through the kernel, and 512 rows are more than one tile."""
    x, weights = uniform(512, 5, channels), np.array([[0.75, 0.25], [0.25, 0.75]])
    expected = np.concatenate([np.einsum("rk,nkc->nrc", weights, x[:, i : i + 2]) for i in range(4)], 1)
    expected = np.concatenate([x[:, :1], expected, x[:, -1:]], 1)
    with fg.config.threads(2):
        found = F.interpolate(x, scale_factor=2, mode="linear", layout="NWC")
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12, atol=1e-12)


def test_dtypes() -> None:
    x = np.arange(4).reshape(2, 2, 1)
    assert F.interpolate(x, scale_factor=2).dtype == np.int64
    assert F.interpolate(x, scale_factor=2, mode="bilinear").dtype == np.float32
    half = F.interpolate(x.astype(np.float16), size=(3, 3), mode="bilinear")
    assert half.dtype == np.float16
    assert half[1, 1, 0] == 1.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 2, "mode": "cubic"}, "mode is one of"),
        ({"size": 2, "mode": "linear"}, "for layouts NWC and NCW, not 'NHWC'"),
        ({"size": 2, "scale_factor": 2}, "either size or scale_factor"),
        ({}, "either size or scale_factor"),
        ({"size": 2, "align_corners": False}, "align_corners is for"),
        ({"size": 2, "antialias": True}, "antialias is for"),
        ({"size": 2, "recompute_scale_factor": True}, "goes with scale_factor"),
        ({"scale_factor": 0}, "scale_factor must be above 0"),
        ({"scale_factor": (1, 2, 3)}, "2 such numbers"),
        ({"size": 2, "layout": "HWC"}, "layout must be"),
    ],
)
def test_options_that_do_not_go_together(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        F.interpolate(np.ones((1, 4, 4, 1)), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be an int"),
        ({"scale_factor": 0.1}, r"cannot become \(0, 0\)"),
        ({"size": (1, 2, 3)}, "2 ints, one a spatial axis"),
        ({"size": 2.5}, "size must be an int"),
        ({"size": 2, "layout": "NDHWC"}, None),
    ],
)
def test_sizes_that_do_not_fit(options: Any, message: str | None) -> None:
    x = np.ones((4, 4, 1)) if message is None else np.ones((1, 4, 4, 1))
    with pytest.raises(ShapeError, match=message or "must be NDHWC, or DHWC without a batch"):
        F.interpolate(x, **options)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_torch_has_the_same_values_and_gradients(data: Any) -> None:
    torch = pytest.importorskip("torch")
    rank = data.draw(st.integers(1, 3))
    mode = data.draw(st.sampled_from([*MODES[rank], *ANY]))
    spatial = data.draw(st.lists(st.integers(1, 12), min_size=rank, max_size=rank))
    options: dict[str, Any] = {"mode": mode}
    if data.draw(st.booleans()):
        options["size"] = data.draw(st.lists(st.integers(1, 15), min_size=rank, max_size=rank))
    else:
        options["scale_factor"] = [
            data.draw(st.sampled_from([1.2, 2, 3, 1.7, 2.5] + [0.55] * (n > 3))) for n in spatial
        ]
        options["recompute_scale_factor"] = data.draw(st.sampled_from([None, True]))
    if mode not in ANY:
        options["align_corners"] = data.draw(st.sampled_from([None, False, True]))
    if mode in ("bilinear", "bicubic"):
        options["antialias"] = data.draw(st.booleans())
        if options["antialias"]:  # to a width of 1 PyTorch filters along rows alone
            assume(options.get("size", [2])[-1] > 1 and spatial[-1] > 1)
    dtype, tolerance = data.draw(st.sampled_from([("float64", 1e-10), ("float32", 1e-5)]))
    x = uniform(2, 3, *spatial).astype(dtype)
    theirs = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.interpolate(theirs, **options)
    out, pull = fg.vjp(lambda x: F.interpolate(x, layout=FIRST[rank], **options), x)
    ct = uniform(*out.shape, seed=1).astype(dtype)
    if mode == "nearest-exact":  # which neighbour it is half way between two, PyTorch decides by the rank and the dtype
        steps = zip(spatial, out.shape[2:], strict=True)
        if any(np.any(np.abs((np.arange(m) + 0.5) * n / m % 1 - 0.5) > 0.499) for n, m in steps):
            return
    np.testing.assert_allclose(np.asarray(out), expected.detach().numpy(), rtol=tolerance, atol=tolerance)
    (gradient,) = torch.autograd.grad(expected, theirs, torch.tensor(ct))
    np.testing.assert_allclose(np.asarray(pull(ct)[0]), gradient.numpy(), rtol=tolerance, atol=5 * tolerance)
