"""Bilinear maps, maps of several axes, windows without shared weights, and distances of all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, close, fails, values

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import layers
from funcgrad.errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from funcgrad.testing import check_grads

# ---- bilinear ------------------------------------------------------------------------------------


def test_bilinear_is_torchs():
    torch = pytest.importorskip("torch")
    x1, x2, w, b = values(4, 2, 3), values(4, 2, 5), values(3, 5, 2), values(2)
    expected = torch.nn.functional.bilinear(
        torch.tensor(x1), torch.tensor(x2), torch.tensor(w.transpose(2, 0, 1).copy()), torch.tensor(b)
    )
    close(F.bilinear(x1, x2, w, b), expected)


def test_bilinear_is_its_sum_under_every_transform():
    x1, x2, w = (np.random.default_rng(i).normal(size=s) for i, s in enumerate([(4, 3), (4, 2), (3, 2, 5)]))
    expected = np.einsum("ni,nj,ijk->nk", x1, x2, w)
    close(F.bilinear(x1, x2, w), expected, 1e-12)
    close(fg.vmap(F.bilinear, in_axes=(0, 0, None))(x1, x2, w), expected, 1e-12)
    close(fg.jit(F.bilinear)(x1, x2, w), expected, 1e-12)
    close(F.bilinear(x1, x2[0], w), np.einsum("ni,j,ijk->nk", x1, x2[0], w), 1e-12)
    check_grads(F.bilinear, (x1, x2, w), order=2)
    fails(ShapeError, "bilinear: x1 must be (..., in1)", F.bilinear, x2, x1, w)
    assert F.bilinear([1, 2], [1.0], np.ones((2, 1, 1), np.float32)).dtype == np.float32


# ---- several axes --------------------------------------------------------------------------------


def test_linear_general_is_linear_of_the_axes_joined():
    x = values(4, 5, 2, 3)
    model = layers.LinearGeneral((2, 3), (7, 2))
    params, _ = model.init(KEY)
    assert params["weight"].shape == (2, 3, 7, 2)
    assert params["bias"].shape == (7, 2)
    flat = {"weight": params["weight"].reshape(6, 14), "bias": params["bias"].reshape(14)}
    joined, _ = layers.Linear(6, 14).init(KEY)
    fg.tree.map(close, flat, joined)  # the same first values
    close(model(params, x), layers.Linear(6, 14)(flat, x.reshape(4, 5, 6)).reshape(4, 5, 7, 2))
    other = layers.LinearGeneral((5, 4), 6, axis=(1, 0), bias=False)
    params, _ = other.init(KEY)
    close(other(params, x), np.einsum("abij,bak->ijk", x, params["weight"]))
    fails(ShapeError, "axis must be 2 different axes", layers.LinearGeneral, (2, 3), 4, axis=-1)
    fails(ShapeError, "axis must be 2 different axes", layers.LinearGeneral, (2, 3), 4, axis=(1, 1))
    fails(ShapeError, "expected sizes (5, 4) at axes (1, 0), got (4,)", other, params, np.ones(4))


@pytest.mark.parametrize(
    ("equation", "shape", "x", "bias", "fan_in"),
    [
        ("...d,df->...f", (3, 4), (2, 5, 3), (4,), 3),
        ("...td,dhk->...htk", (3, 2, 4), (2, 5, 3), (2, 4), 3),
        ("bij,kij->bk", (6, 2, 3), (5, 2, 3), (6,), 6),
    ],
)
def test_einsum_adds_a_bias_for_the_weights_indices(equation, shape, x, bias, fan_in):
    model = layers.Einsum(equation, shape)
    params, _ = model.init(KEY)
    assert params["bias"].shape == bias
    x = values(*x)
    plain = np.einsum(equation, x, params["weight"])
    added = np.broadcast_to(np.asarray(model(params, x)) - plain, plain.shape)
    by_place = added.reshape(-1, *bias) if equation[-2:] != "tk" else np.moveaxis(added, 2, 1).reshape(-1, *bias)
    close(by_place, np.broadcast_to(params["bias"], by_place.shape))
    assert 0.5 * fan_in**-0.5 < float(fnp.abs(params["weight"]).max()) <= fan_in**-0.5
    bare = layers.Einsum(equation, shape, bias=False)
    assert sorted(bare.init(KEY)[0]) == ["weight"]
    close(bare(params, x), plain)


def test_einsum_says_what_is_wrong():
    fails(OptionError, "equation must be 'input,weight->output'", layers.Einsum, "ij,jk", (2, 3))
    fails(OptionError, "equation must be 'input,weight->output'", layers.Einsum, "ij->i", (2,))
    fails(OptionError, "the weight's indices must be different letters", layers.Einsum, "ij,jj->i", (2, 2))
    fails(ShapeError, "has 2 axes, and shape is (3,)", layers.Einsum, "ij,jk->ik", (3,))
    fails(OptionError, "bias=False", layers.Einsum, "bi,i->b", (3,))
    fails(OptionError, "'...' stands in front", layers.Einsum, "...i,ik->k...", (3, 2))


# ---- windows with weights of their own -------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": "same"}], ids=str)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_conv_local_with_equal_weights_is_a_convolution(rank, options):
    sizes = (5, 4, 6)[:rank]
    x = values(2, *sizes, 3)
    shared = getattr(layers, f"Conv{rank}d")(3, 2, 2, **options)
    local = getattr(layers, f"ConvLocal{rank}d")(3, 2, 2, input_size=sizes, **options)
    params, _ = shared.init(KEY)
    expected = shared(params, x)
    first, _ = local.init(KEY)
    flat = params["weight"].reshape(-1, 2)
    given = {
        "weight": fnp.broadcast_to(flat, first["weight"].shape),
        "bias": fnp.broadcast_to(params["bias"], first["bias"].shape),
    }
    close(local(given, x), expected)
    layout = {1: "NCW", 2: "NCHW", 3: "NCDHW"}[rank]
    other = getattr(layers, f"ConvLocal{rank}d")(3, 2, 2, input_size=sizes, layout=layout, **options)
    close(other(given, np.moveaxis(x, -1, 1)), np.moveaxis(np.asarray(expected), -1, 1))
    bound = (3 * 2**rank) ** -0.5
    assert 0.8 * bound < float(fnp.abs(first["weight"]).max()) <= bound


def test_conv_local_weights_are_of_one_place():
    model = layers.ConvLocal2d(1, 1, 2, 3)
    params, _ = model.init(KEY)
    x = values(3, 3, 1)
    grads = fg.grad(lambda p: model(p, x)[1, 0, 0])(params)
    close(grads["weight"][1, 0, :, 0], x[1:3, 0:2, 0].ravel())
    assert int((grads["weight"] != 0).sum()) == 4
    fails(ShapeError, "ConvLocal2d: ", layers.ConvLocal2d, 1, 1, 5, 3)
    fails(ShapeError, "expected (3, 3, 1)", model, params, values(4, 3, 1))


# ---- many classes ----------------------------------------------------------------------------------


def test_adaptive_softmax_without_targets_is_torchs_log_prob():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 9], 2.0)
    model = layers.AdaptiveLogSoftmaxWithLoss(8, 20, (4, 9), 2.0)
    params, _ = layers.from_torch_state_dict(model, theirs.state_dict())
    x = values(5, 8)
    logs = model(params, x)
    close(logs, theirs.log_prob(torch.tensor(x)).detach())
    close(logs.argmax(-1), theirs.predict(torch.tensor(x)))
    close(np.exp(logs).sum(-1), np.ones(5))
    one = model(params, x[0], 7)
    close(one.output, logs[0, 7])
    close(one.loss, -logs[0, 7])


def test_adaptive_softmax_says_what_is_wrong():
    for cutoffs in [(), (0, 3), (5, 5), (5, 20)]:
        fails(OptionError, "cutoffs must be ascending", layers.AdaptiveLogSoftmaxWithLoss, 8, 20, cutoffs)
    fails(OptionError, "cluster 1 has no features", layers.AdaptiveLogSoftmaxWithLoss, 8, 20, (4, 9))
    model = layers.AdaptiveLogSoftmaxWithLoss(8, 20, (4, 9), 2.0)
    params, _ = model.init(KEY)
    fails(DtypeError, "integers", model, params, values(2, 8), np.ones(2))
    fails(ShapeError, "one target for each example", model, params, values(2, 8), np.array([1]))
    fails(ArrayIndexError, "outside of the classes", model, params, values(2, 8), np.array([1, 20]))


# ---- distances of all pairs --------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, np.inf])
def test_distances_are_torchs(p):
    torch = pytest.importorskip("torch")
    a, b = (np.random.default_rng(i).normal(size=s) for i, s in enumerate([(2, 4, 3), (2, 5, 3)]))
    a[0, 0] = b[0, 1]
    close(F.cdist(a, b, p), torch.cdist(torch.tensor(a), torch.tensor(b), p), 1e-10)
    close(F.pdist(b[0], p), torch.nn.functional.pdist(torch.tensor(b[0]), p), 1e-10)
    if p >= 1:
        ta, w = torch.tensor(a, requires_grad=True), np.random.default_rng(5).normal(size=(2, 4, 5))
        (torch.cdist(ta, torch.tensor(b), p) * torch.tensor(w)).sum().backward()
        close(fg.grad(lambda a: (F.cdist(a, b, p) * w).sum())(a), ta.grad, 1e-10)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_distances_under_every_transform_and_at_zero(p):
    a, b = np.random.default_rng(0).normal(size=(4, 3)), np.random.default_rng(1).normal(size=(5, 3))
    check_grads(lambda a, b: F.cdist(a, b, p), (a, b), order=2)
    check_grads(lambda a: F.pdist(a, p), (a,), order=2)
    close(fg.vmap(lambda a: F.cdist(a[None], b, p)[0])(a), F.cdist(a, b, p), 1e-12)
    close(fg.jit(F.cdist)(a, b), F.cdist(a, b), 1e-12)
    close(F.cdist(a, a, p)[np.triu_indices(4, 1)], F.pdist(a, p), 1e-12)
    same = np.ones((3, 2))
    for f in (lambda x: F.cdist(x, x, p).sum(), lambda x: F.pdist(x, p).sum()):
        assert not np.asarray(fg.grad(f)(same)).any()
        assert np.isfinite(fg.hessian(f)(same)).all()
        assert np.isfinite(fg.hessian(f)(a)).all()


def test_close_points_far_from_the_origin_keep_their_digits():
    x = np.array([[1e4, 0], [1e4 + 1 / 64, 0]], np.float32)
    assert F.cdist(x, x)[0, 1].item() == 1 / 64


def test_distances_say_what_is_wrong():
    fails(OptionError, "cdist: p must not be negative", F.cdist, np.ones((2, 3)), np.ones((2, 3)), -1)
    fails(OptionError, "pdist: p must not be negative", F.pdist, np.ones((2, 3)), -1)
    fails(ShapeError, "cdist: x1 must be (..., P, K)", F.cdist, np.ones((2, 3)), np.ones((2, 4)))
    fails(ShapeError, "pdist: x must be (N, K)", F.pdist, np.ones(3))
