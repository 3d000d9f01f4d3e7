"""Normalisation by groups, instances, root mean squares and neighbours: values, derivatives, transforms, messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F  # the name that users give it
import funcgrad.numpy as fnp
from funcgrad.errors import OptionError, ShapeError
from funcgrad.testing import check_grads

Arrays = tuple[np.ndarray, ...]


def assert_close(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=rtol)


# name: ours, the same in PyTorch with channels on axis 1, arguments with the channels last
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Arrays]] = {
    "group_norm": (
        lambda x, w, b: F.group_norm(x, 2, w, b, 0.1),
        lambda torch, x, w, b: torch.group_norm(x, 2, w, b, 0.1),
        (uniform(2, 3, 2, 4), uniform(4, seed=1), uniform(4, seed=2)),
    ),
    "group_norm of features": (
        lambda x, w, b: F.group_norm(x, 3, w, b),
        lambda torch, x, w, b: torch.group_norm(x, 3, w, b),
        (uniform(2, 6), uniform(6, seed=1), uniform(6, seed=2)),
    ),
    "group_norm without weights": (
        lambda x: F.group_norm(x, 1),
        lambda torch, x: torch.group_norm(x, 1),
        (uniform(2, 3, 4),),
    ),
    "instance_norm": (
        lambda x, w, b: F.instance_norm(x, w, b),
        lambda torch, x, w, b: torch.instance_norm(x, None, None, w, b),
        (uniform(2, 3, 2, 4), uniform(4, seed=1), uniform(4, seed=2)),
    ),
    "rms_norm": (
        lambda x, w: F.rms_norm(x, w),
        lambda torch, x, w: torch.rms_norm(x.movedim(1, -1), w.shape, w).movedim(-1, 1),
        (uniform(2, 3, 4), uniform(4, seed=1)),
    ),
    "local_response_norm, an even size": (
        lambda x: F.local_response_norm(x, 4, 0.5, 0.6, 0.7),
        lambda torch, x: torch.local_response_norm(x, 4, 0.5, 0.6, 0.7),
        (uniform(2, 3, 5),),
    ),
    "local_response_norm, a size above the channels": (
        lambda x: F.local_response_norm(x, 7, 2.0),
        lambda torch, x: torch.local_response_norm(x, 7, 2.0),
        (uniform(2, 3, 2, 3),),
    ),
    **{
        f"normalize, p={p}": (
            lambda x, p=p: F.normalize(x, p),
            lambda torch, x, p=p: torch.normalize(x, p),
            (uniform(2, 3, 5),),
        )
        for p in (1, 2, 3.5, math.inf)
    },
}
each = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@each
def test_values_and_gradients_against_torch(case: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, args = case
    tensors = [torch.tensor(np.moveaxis(x, -1, 1) if x.ndim > 1 else x, requires_grad=True) for x in args]
    expected = theirs(torch.nn.functional, *tensors)
    weights = uniform(*args[0].shape, seed=9)
    (expected * torch.tensor(np.moveaxis(weights, -1, 1))).sum().backward()
    assert_close(ours(*args), np.moveaxis(expected.detach().numpy(), 1, -1))
    grads = fg.grad(lambda *args: (ours(*args) * weights).sum(), argnums=tuple(range(len(args))))(*args)
    for found, tensor in zip(grads, tensors, strict=True):
        assert_close(found, np.moveaxis(tensor.grad.numpy(), 1, -1) if tensor.ndim > 1 else tensor.grad)


@each
def test_derivatives_batches_and_programs(case: Any) -> None:
    ours, _, args = case
    check_grads(ours, args, order=2)
    batch = tuple(np.stack([x, x[::-1] + 0.25, 2 * x]) for x in args)
    expected = [np.asarray(ours(*one)) for one in zip(*batch, strict=True)]
    assert_close(fg.vmap(ours)(*batch), np.stack(expected))
    compiled = fg.jit(ours)
    for one in zip(*batch, strict=True):
        assert_close(compiled(*one), ours(*one))


@each
def test_narrow_floats_round_once(case: Any) -> None:
    ours, _, args = case
    narrow = [x.astype(np.float16) for x in args]
    found = ours(*narrow)
    assert found.dtype == np.float16
    assert_close(found, np.asarray(ours(*[x.astype(np.float32) for x in narrow])).astype(np.float16), 2e-3)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_channels_may_stand_on_any_axis(axis: int) -> None:
    x, w = uniform(2, 3, 5, 4), uniform(4, seed=1)
    for f in (
        lambda x, axis: F.group_norm(x, 2, w, w, axis=axis),
        lambda x, axis: F.instance_norm(x, w, w, axis=axis),
        lambda x, axis: F.rms_norm(x, w, axis=axis),
        lambda x, axis: F.local_response_norm(x, 3, axis=axis),
        lambda x, axis: F.normalize(x, axis=axis),
    ):
        assert_close(f(np.moveaxis(x, -1, axis), axis), np.moveaxis(np.asarray(f(x, -1)), -1, axis))


def test_group_norm_survives_a_large_mean() -> None:
    x = fnp.asarray([[10000.0], [10001.0], [10002.0]])
    expected = [-math.sqrt(1.5), 0, math.sqrt(1.5)]
    assert_close(F.group_norm(x[None], 1, eps=0.0).ravel(), expected, 1e-6)
    assert_close(F.instance_norm(x[None], eps=0.0).ravel(), expected, 1e-6)


def test_rms_norm_over_several_axes_and_of_integers() -> None:
    x = uniform(2, 3, 4)
    flat = np.asarray(F.rms_norm(x.reshape(2, 12), x[0].ravel())).reshape(2, 3, 4)
    assert_close(F.rms_norm(x, x[0], axis=(1, 2)), flat)
    assert F.rms_norm([3, 4]).dtype == np.float32
    assert_close(F.rms_norm(fnp.zeros(3)), np.zeros(3))


def test_normalize_of_zeros_is_zeros_with_a_slope() -> None:
    x = fnp.zeros((2, 3), dtype="float64")
    assert_close(F.normalize(x), np.zeros((2, 3)))
    assert_close(fg.grad(lambda x: F.normalize(x, eps=0.5).sum())(x), np.full((2, 3), 2.0))
    assert_close(
        F.normalize(uniform(2, 3, 4), axis=(0, 2)),
        uniform(2, 3, 4) / np.linalg.norm(uniform(2, 3, 4).swapaxes(0, 1).reshape(3, 8), axis=1)[:, None],
    )


def test_weight_norm_has_the_lengths_it_is_given() -> None:
    v, g = uniform(3, 2, 4), np.abs(uniform(1, 1, 4, seed=1))
    assert_close(np.linalg.norm(np.asarray(F.weight_norm(v, g)).reshape(6, 4), axis=0), g.ravel())
    assert_close(F.weight_norm(v, g), F.weight_norm(5 * v, g))
    assert_close(np.linalg.norm(np.asarray(F.weight_norm(v, [[[2.0]]], axis=None))), 2.0)
    assert_close(F.weight_norm(np.array([-3.0, 2.0]), [1.0, 5.0]), [-1, 5])
    check_grads(F.weight_norm, (v, g), order=2)


def test_messages() -> None:
    x = fnp.ones((2, 3, 6))
    with pytest.raises(ShapeError, match="4 groups do not divide the 6 channels"):
        F.group_norm(x, 4)
    with pytest.raises(ShapeError, match="0 groups"):
        F.group_norm(x, 0)
    with pytest.raises(ShapeError, match="first axis counts examples"):
        F.instance_norm(x, axis=0)
    with pytest.raises(ShapeError, match="group_norm: weight must have the shape"):
        F.group_norm(x, 3, fnp.ones(3))
    with pytest.raises(ShapeError, match="rms_norm: weight must have the shape"):
        F.rms_norm(x, fnp.ones(3))
    with pytest.raises(ShapeError, match="weight_norm: g must have the shape"):
        F.weight_norm(x, fnp.ones(6))
    with pytest.raises(OptionError, match="size must be an int of at least 1"):
        F.local_response_norm(x, 0)


@pytest.mark.parametrize("norm", [F.layer_norm, F.rms_norm])
def test_sizes_in_the_place_of_the_weight_are_told_where_they_belong(norm: Any) -> None:
    x, ones = fnp.ones((4, 2, 3)), fnp.ones(3)
    for arguments in (((3,),), (3,), ([2, 3],), ((3,), ones), (ones, None, ones)):
        if norm is F.rms_norm and len(arguments) == 3:
            continue
        with pytest.raises(OptionError, match=f"{norm.__name__}: after x comes the weight"):
            norm(x, *arguments)
    assert norm(x, (2.0, 1.0, 1.0)).shape == x.shape
    assert norm(fnp.ones((2, 2)), [2, 2]).shape == (2, 2)  # as many numbers as there must be are a weight
