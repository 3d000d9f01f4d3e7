"""Picking, placing and patches of `funcgrad.functional` beside PyTorch: values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad.errors import ArrayIndexError, DtypeError, OptionError, ShapeError

torch = pytest.importorskip("torch", reason="torch is not installed")

RANDOM = np.random.default_rng(0)
X, SRC = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(3, 4))
ACROSS, DOWN = np.array([[0, 2, 2], [1, 1, 0]]), np.array([[0, 2, 1, 0], [0, 1, 1, 2]])


def compare(mine: Any, theirs: Any, *arrays: Any) -> None:
    """Values, and the gradients of their sum with random weights."""
    leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = theirs(*leaves)
    out, pull = fg.vjp(mine, *map(fg.asarray, arrays))
    np.testing.assert_allclose(np.asarray(out), expected.detach().numpy(), rtol=1e-12)
    weights = RANDOM.normal(size=out.shape)
    expected.backward(torch.tensor(weights))
    for g, leaf in zip(pull(fg.asarray(weights)), leaves, strict=True):
        np.testing.assert_allclose(np.asarray(g), leaf.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("dim", "index"), [(1, ACROSS), (0, DOWN), (-1, ACROSS)])
def test_gather_and_scatter_add(dim: int, index: Any) -> None:
    i = torch.tensor(index)
    compare(lambda x: F.gather(x, dim, index), lambda x: torch.gather(x, dim, i), X)
    m, n = index.shape  # PyTorch itself has no gradient of a source that is larger than the index
    compare(lambda x, s: F.scatter_add(x, dim, index, s), lambda x, s: torch.scatter_add(x, dim, i, s[:m, :n]), X, SRC)


def test_scatter() -> None:
    index = np.array([[0, 2], [1, 3]])
    i = torch.tensor(index)
    compare(lambda x: F.scatter(x, 1, index, 2.5), lambda x: torch.scatter(x, 1, i, 2.5), X)
    out = F.scatter(X, 1, index, SRC)
    np.testing.assert_array_equal(np.asarray(out), torch.scatter(torch.tensor(X), 1, i, torch.tensor(SRC)).numpy())


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce(reduce: str, own: bool) -> None:
    i = torch.tensor(DOWN)
    compare(
        lambda x, s: F.scatter_reduce(x, 0, DOWN, s, reduce, own),
        lambda x, s: torch.scatter_reduce(x, 0, i, s[:2], reduce, include_self=own),
        X,
        SRC,
    )
    whole = np.arange(12).reshape(3, 4)
    found = F.scatter_reduce(whole, 0, DOWN, whole, reduce, own)
    expected = torch.scatter_reduce(torch.tensor(whole), 0, i, torch.tensor(whole[:2]), reduce, include_self=own)
    assert found.tolist() == expected.tolist()


def test_slices_and_masks() -> None:
    index, mask = np.array([0, 3, 0]), X > 0
    i, m = torch.tensor(index), torch.tensor(mask)
    source = RANDOM.normal(size=(3, 3))
    compare(lambda x: F.index_select(x, 1, index), lambda x: torch.index_select(x, 1, i), X)
    compare(
        lambda x, s: F.index_add(x, 1, index, s, alpha=2.0),
        lambda x, s: torch.index_add(x, 1, i, s, alpha=2.0),
        X,
        source,
    )
    compare(lambda x: F.masked_fill(x, mask, -1.0), lambda x: x.masked_fill(m, -1.0), X)
    compare(lambda x: F.masked_select(x, mask), lambda x: torch.masked_select(x, m), X)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, (1, 0)])
@pytest.mark.parametrize("stride", [1, (2, 1)])
def test_patches(dilation: Any, padding: Any, stride: Any) -> None:
    moves = {"dilation": dilation, "padding": padding, "stride": stride}
    images = RANDOM.normal(size=(2, 3, 4, 5))
    functional = torch.nn.functional
    compare(
        lambda x: F.unfold(x, (2, 2), layout="NCHW", **moves),
        lambda x: functional.unfold(x, (2, 2), **moves),
        images,
    )
    patches = functional.unfold(torch.tensor(images), (2, 2), **moves).numpy()
    compare(
        lambda x: F.fold(x, (4, 5), (2, 2), layout="NCHW", **moves),
        lambda x: functional.fold(x, (4, 5), (2, 2), **moves),
        patches,
    )


def test_patches_times_windows_are_the_convolution() -> None:
    x, w = fg.asarray(RANDOM.normal(size=(2, 4, 5, 3))), fg.asarray(RANDOM.normal(size=(2, 3, 3, 4)))
    found = F.unfold(x, (2, 3), stride=2, padding="SAME") @ w.reshape(-1, 4)
    expected = F.conv2d(x, w, stride=2, padding="SAME")
    np.testing.assert_allclose(np.asarray(found).ravel(), np.asarray(expected).ravel(), rtol=1e-10)


def test_wrong_arguments() -> None:
    x = fnp.ones((2, 3))
    for error, call in [
        (ShapeError, lambda: F.gather(x, 0, [0, 1])),
        (ShapeError, lambda: F.gather(x, 0, fnp.zeros((1, 4), int))),
        (DtypeError, lambda: F.gather(x, 0, x)),
        (ArrayIndexError, lambda: F.gather(x, 1, [[3]])),
        (ShapeError, lambda: F.scatter(x, 1, [[0, 1]], fnp.ones((1, 1)))),
        (DtypeError, lambda: F.scatter(fnp.ones((2, 3), int), 1, [[0]], 0.5)),
        (OptionError, lambda: F.scatter_reduce(x, 0, [[0, 0, 0]], x, "median")),
        (ShapeError, lambda: F.index_add(x, 0, [0], x)),
        (DtypeError, lambda: F.masked_fill(x, x, 0.0)),
        (ShapeError, lambda: F.masked_fill(x, x > 0, fnp.ones(3))),
        (ShapeError, lambda: F.unfold(x, 2)),
        (ShapeError, lambda: F.unfold(fnp.ones((2, 2, 1)), 3)),
        (ShapeError, lambda: F.fold(fnp.ones((4, 5)), 3, 2)),
        (OptionError, lambda: F.unfold(fnp.ones((2, 2, 1)), 2, layout="HWNC")),
        (ShapeError, lambda: F.segment_sum(x, [0, 1, 2])),
        (DtypeError, lambda: F.segment_sum(x, x)),
        (ShapeError, lambda: F.segment_sum(x, [0, 1], -1)),
    ]:
        with pytest.raises(error):
            call()
