"""`funcgrad.functional` by itself: seams and extremes, normalisation, losses, attention, and what bad input is told.

Convolution and pooling have `test_functional_images.py`.
"""

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
from funcgrad import random
from funcgrad.errors import ArrayIndexError, AxisError, DtypeError, OptionError, ShapeError
from funcgrad.testing import check_grads


def assert_close(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=rtol)


# ---- activations -------------------------------------------------------------------------------


def test_derivatives_at_the_seams() -> None:
    slope = fg.grad
    assert float(slope(F.relu)(0.0)) == 0
    assert [float(slope(F.relu6)(x)) for x in (0.0, 6.0, 3.0)] == [0, 0, 1]
    assert float(slope(F.leaky_relu)(0.0)) == pytest.approx(0.01)
    assert float(slope(F.elu)(0.0)) == 1
    assert float(slope(slope(F.softplus))(0.0)) == 0.25
    assert float(slope(slope(lambda x: F.huber_loss(x, 0.0)))(0.0)) == 1


def test_large_arguments_neither_overflow_nor_warn() -> None:
    x = fnp.asarray([-1e4, 1e4, -fnp.inf, fnp.inf])
    assert F.sigmoid(x).tolist() == [0, 1, 0, 1]
    assert F.softplus(x).tolist() == [0, 1e4, 0, math.inf]
    assert F.log_sigmoid(x).tolist() == [-1e4, 0, -math.inf, 0]
    assert F.elu(x).tolist() == [-1, 1e4, -1, math.inf]
    for f in (F.relu, F.relu6, F.sigmoid, F.softplus, F.elu, F.leaky_relu):
        assert np.isfinite(np.asarray(fg.grad(lambda x, f=f: f(x).sum())(x[:2]))).all()
        assert math.isnan(float(f(fnp.nan)))


@pytest.mark.parametrize("approximate", [True, False])
def test_gelu_keeps_relative_precision_far_below_zero(approximate: bool) -> None:
    x = fnp.asarray(-9.0)
    exact = -9.0 * math.erfc(9 / math.sqrt(2)) / 2
    u = math.sqrt(2 / math.pi) * (-9 + 0.044715 * -729)
    expected = -9.0 / (1 + math.exp(-2 * u)) if approximate else exact
    assert float(F.gelu(x, approximate)) == pytest.approx(expected, rel=1e-4)


def test_softmax_over_several_axes() -> None:
    x = uniform(2, 3, 4)
    flat = np.asarray(F.softmax(x.reshape(2, 12)))
    assert_close(F.softmax(x, axis=(1, 2)), flat.reshape(2, 3, 4))
    assert_close(F.log_softmax(x, axis=(1, 2)), np.log(flat).reshape(2, 3, 4))
    check_grads(F.softmax, (x,))
    check_grads(F.log_softmax, (x,))


def test_one_hot_of_no_class_is_a_row_of_zeros() -> None:
    assert F.one_hot(fnp.asarray([-1, 0, 2]), 2).tolist() == [[0, 0], [1, 0], [0, 0]]
    assert F.one_hot(1, 3, dtype="int8").tolist() == [0, 1, 0]
    assert F.one_hot([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]  # as many classes as it takes


# ---- normalisation, losses, attention ----------------------------------------------------------


def test_normalisation_survives_a_large_mean() -> None:
    x = fnp.asarray([10000.0, 10001.0, 10002.0])
    expected = [-math.sqrt(1.5), 0, math.sqrt(1.5)]
    assert_close(F.layer_norm(x, eps=0.0), expected, rtol=1e-6)
    column = x.reshape(3, 1)
    assert_close(F.batch_norm(column, column.mean(0), column.var(0), eps=0.0).ravel(), expected, rtol=1e-6)


def test_layer_norm_over_axes_that_are_not_the_last() -> None:
    x, weight, bias = uniform(3, 4, 5), uniform(3, 4, seed=1), uniform(3, 4, seed=2)
    moved = F.layer_norm(np.moveaxis(x, 2, 0), weight, bias, axis=(1, 2))
    assert_close(F.layer_norm(x, weight, bias, axis=(0, 1)), np.moveaxis(np.asarray(moved), 0, 2))
    check_grads(lambda *args: F.layer_norm(*args, axis=(0, 1)), (x, weight, bias))


def test_the_gradient_of_cross_entropy_is_softmax_minus_target() -> None:
    logits, classes = uniform(5, 4), np.asarray([0, 3, 1, 1, 2])
    expected = (np.asarray(F.softmax(logits)) - np.eye(4)[classes]) / 5
    assert_close(fg.grad(F.cross_entropy)(logits, classes), expected)
    assert_close(fg.grad(F.cross_entropy)(logits, np.eye(4)[classes]), expected)
    check_grads(lambda x: F.cross_entropy(x, classes, label_smoothing=0.1, ignore_index=1), (logits,))


def test_vmap_of_losses_is_the_loop() -> None:
    logits, classes = uniform(3, 5, 4), np.random.default_rng(0).integers(0, 4, (3, 5))
    for f in (F.cross_entropy, fg.grad(F.cross_entropy)):
        expected = [np.asarray(f(x, t)) for x, t in zip(logits, classes, strict=True)]
        assert_close(fg.vmap(f)(logits, classes), np.stack(expected))


def test_cross_entropy_of_far_logits_is_finite() -> None:
    logits = fnp.asarray([[1e4, 0.0], [0.0, -fnp.inf]])
    assert F.cross_entropy(logits, fnp.asarray([1, 0]), reduction="none").tolist() == [1e4, 0]


def test_unsigned_and_small_targets() -> None:
    logits = uniform(3, 4)
    expected = F.cross_entropy(logits, np.asarray([3, 0, 2]))
    for dtype in ("uint8", "int8", "int32", "uint64"):
        targets = np.asarray([3, 0, 2], dtype)
        assert_close(F.cross_entropy(logits, targets, ignore_index=-100), expected)
    assert_close(F.cross_entropy(np.zeros((1, 300)), np.asarray([5], "int8")), math.log(300))


def test_a_python_number_as_target() -> None:
    x = fnp.asarray([1.0, -3.0])
    assert float(F.mse_loss(x, 1)) == 8
    assert float(F.l1_loss(x, 0.0)) == 2
    assert F.mse_loss(x, 1).dtype == np.float32


def test_huber_loss_does_not_square_large_differences() -> None:
    x = fnp.asarray([1e30, -1e30])
    assert_close(F.huber_loss(x, 0.0, reduction="none"), [1e30, 1e30], rtol=1e-6)
    assert fg.grad(lambda x: F.huber_loss(x, 0.0, reduction="sum"))(x).tolist() == [1, -1]


def test_huber_loss_has_its_slope_at_infinity_too() -> None:
    x = fnp.asarray([np.inf, -np.inf, 0.25])
    assert F.huber_loss(x, 0.0, "none", 0.5).tolist() == [np.inf, np.inf, 0.03125]
    assert fg.grad(lambda x: F.huber_loss(x, 0.0, "sum", 0.5))(x).tolist() == [0.5, -0.5, 0.25]
    assert fg.grad(lambda x: F.smooth_l1_loss(x, 0.0, "sum", 0.5))(x).tolist() == [1, -1, 0.5]


def test_attention_is_the_formula_and_batches() -> None:
    q, k, v = uniform(3, 2, 4, 6), uniform(3, 2, 5, 6, seed=1), uniform(3, 2, 5, 7, seed=2)
    expected = F.softmax(q @ np.swapaxes(k, -1, -2) / math.sqrt(6)) @ v
    assert_close(F.scaled_dot_product_attention(q, k, v), expected)
    assert_close(fg.vmap(F.scaled_dot_product_attention)(q, k, v), expected)
    assert_close(F.scaled_dot_product_attention(q, k[0, :1], v[0, :1])[0, 0], expected[0, 0])
    check_grads(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), (q[0], k[0], v[0]))


def test_attention_masks_combine() -> None:
    q, k, v = uniform(3, 2), uniform(3, 2, seed=1), uniform(3, 2, seed=2)
    mask = np.asarray([[False, True, True], [True, False, False], [True, True, True]])
    both = F.scaled_dot_product_attention(q, k, v, mask & np.tri(3, dtype=bool))
    assert_close(F.scaled_dot_product_attention(q, k, v, mask, is_causal=True), both)
    assert both[0].tolist() == [0, 0]  # the first query may see nothing
    gradient = fg.grad(lambda q: fnp.sum(F.scaled_dot_product_attention(q, k, v, mask, is_causal=True)))(q)
    assert np.isfinite(np.asarray(gradient)).all()


# ---- dropout -----------------------------------------------------------------------------------


def test_dropout() -> None:
    x = fnp.ones((100, 100))
    y = F.dropout(x, 0.2, key=random.key(0))
    assert set(np.unique(np.asarray(y))) == {0, 1.25}
    assert 0.18 < float((y == 0).mean()) < 0.22
    assert fnp.array_equal(y, F.dropout(x, 0.2, key=random.key(0)))
    assert not fnp.array_equal(y, F.dropout(x, 0.2, key=random.key(1)))
    assert F.dropout(x, 0.2, train=False) is x
    assert F.dropout(x, 0.0, key=random.key(0)) is x
    assert not np.asarray(F.dropout(x, 1.0, key=random.key(0))).any()
    gradient = fg.grad(lambda x: F.dropout(x, 0.2, key=random.key(0)).sum())(x)
    assert fnp.array_equal(gradient, y)


# ---- errors ------------------------------------------------------------------------------------

IMAGE, WEIGHTS = np.ones((2, 8, 8, 3), np.float32), np.ones((3, 3, 3, 4), np.float32)
LOGITS = np.ones((5, 4), np.float32)

ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: F.conv2d(IMAGE, WEIGHTS[:, :, :1]),
        ShapeError,
        r"float32\[2,8,8,3\] \(NHWC\) has 3 channels.*HWIO.*takes 1",
    ),
    (lambda: F.conv2d(IMAGE, WEIGHTS, layout="NCHW"), ShapeError, r"\(NCHW\) has 8 channels.*\(OIHW\) takes 3"),
    (
        lambda: F.conv2d(IMAGE, WEIGHTS, groups=2),
        ShapeError,
        "groups must be a positive int that divides the 3 channels",
    ),
    (lambda: F.conv2d(IMAGE, WEIGHTS, groups=0), ShapeError, "groups must be a positive int"),
    (lambda: F.conv2d(IMAGE[0, 0], WEIGHTS), ShapeError, r"must be NHWC, or HWC without a batch, not float32\[8,3\]"),
    (lambda: F.conv2d(IMAGE, WEIGHTS[0]), ShapeError, r"w must be HWIO, 4 axes, not float32\[3,3,4\]"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, np.ones(3)), ShapeError, r"each of 4 output channels, not float64\[3\]"),
    (lambda: F.conv2d(IMAGE[:, :2], WEIGHTS), ShapeError, r"no window fits along spatial axis 0.*float32\[2,2,8,3\]"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, stride=0), ShapeError, "stride must be an int.*at least 1; got 0"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, stride=(1, 2, 3)), ShapeError, "stride must be an int, or 2 ints"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, dilation=1.5), ShapeError, "dilation must be an int.*got 1.5"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, padding="full"), ShapeError, "padding must be 'SAME', 'VALID'.*got 'full'"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, padding=-1), ShapeError, "none negative; got -1"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, padding=(1, 2, 3)), ShapeError, "for each of 2 spatial axes"),
    (lambda: F.conv2d(IMAGE, WEIGHTS, layout="HWC"), ValueError, "layout must be 'NHWC' or 'NCHW', not 'HWC'"),
    (lambda: F.conv1d(IMAGE, WEIGHTS), ShapeError, "must be NWC, or WC without a batch"),
    (
        lambda: F.conv_transpose2d(IMAGE, WEIGHTS),
        ShapeError,
        "has 3 channels, but w .* takes 4.*whose O are the channels",
    ),
    (
        lambda: F.conv_transpose2d(IMAGE, np.ones((3, 3, 2, 3)), output_padding=1),
        ShapeError,
        r"output_padding \(1, 1\) must be below the stride \(1, 1\)",
    ),
    (lambda: F.conv_transpose2d(IMAGE, np.ones((3, 3, 2, 3)), padding=9), ShapeError, "nothing is left of the output"),
    (
        lambda: F.conv_transpose2d(IMAGE, np.ones((3, 3, 2, 3)), stride=2, padding="SAME", output_padding=1),
        ShapeError,
        "output_padding must be 0",
    ),
    (lambda: F.max_pool2d(IMAGE, 9), ShapeError, r"max_pool2d: no window fits.*float32\[2,8,8,3\]"),
    (lambda: F.max_pool2d(IMAGE, (2, 2, 2)), ShapeError, "kernel_size must be an int, or 2 ints"),
    (lambda: F.max_pool2d(IMAGE, 2, padding=2), ShapeError, "holds only padding"),
    (lambda: F.max_pool2d(IMAGE * 1j, 2), DtypeError, "only real numbers"),
    (lambda: F.avg_pool2d(IMAGE, 0), ShapeError, "kernel_size must be an int"),
    (lambda: F.relu(IMAGE * 1j), DtypeError, "complex numbers have no order"),
    (lambda: F.glu(IMAGE), ShapeError, "has no two halves"),
    (lambda: F.softmax(IMAGE, axis=4), AxisError, "softmax: axis 4"),
    (lambda: F.one_hot(LOGITS, 4), DtypeError, "classes are integers"),
    (lambda: F.one_hot(fnp.asarray([0, 1]), -2), OptionError, "num_classes must be 0 or more, not -2"),
    (lambda: F.layer_norm(LOGITS, (4,), np.ones(4), np.zeros(4)), OptionError, "are told by axis="),
    (lambda: F.layer_norm(LOGITS, np.ones(4), np.zeros(4), True), DtypeError, "an axis must be an int"),
    (
        lambda: F.batch_norm(LOGITS, np.zeros(4), np.ones(4), None, None, True),
        DtypeError,
        "batch_norm: an axis must be an int, not True",
    ),
    (lambda: F.smooth_l1_loss(LOGITS, LOGITS, beta=-1), OptionError, "smooth_l1_loss: beta must be 0 or more, not -1"),
    (lambda: F.multi_margin_loss(LOGITS, np.full(5, 4)), ArrayIndexError, "outside of the classes 0 to 3"),
    (lambda: F.multi_margin_loss(LOGITS, np.full(5, -1)), ArrayIndexError, "outside of the classes 0 to 3"),
    (
        lambda: F.multilabel_margin_loss(LOGITS, np.full((5, 4), 4)),
        ArrayIndexError,
        "outside of the classes 0 to 3",
    ),
    (lambda: F.batch_norm(IMAGE, np.ones(8), np.ones(3)), ShapeError, r"mean must have the shape \(3,\)"),
    (lambda: F.layer_norm(IMAGE, np.ones(8)), ShapeError, r"weight must have the shape \(3,\)"),
    (lambda: F.linear(IMAGE, np.ones((4, 5))), ShapeError, r"x float32\[2,8,8,3\] and w float64\[4,5\]"),
    (lambda: F.linear(IMAGE, np.ones((3, 5)), np.ones(3)), ShapeError, r"b must have the shape \(5,\)"),
    (
        lambda: F.cross_entropy(LOGITS, np.zeros(4, int)),
        ShapeError,
        r"targets must have the shape \(5,\); got int64\[4\]",
    ),
    (lambda: F.cross_entropy(LOGITS, np.zeros((5, 4), int)), ShapeError, "probabilities must be floats"),
    (
        lambda: F.cross_entropy(LOGITS, np.zeros(5)),
        DtypeError,
        r"integers of shape \(5,\).*or probabilities of shape \(5, 4\)",
    ),
    (lambda: F.cross_entropy(LOGITS, np.full(5, 4)), ArrayIndexError, "outside of the classes 0 to 3"),
    (lambda: F.cross_entropy(LOGITS, np.full(5, -1)), ArrayIndexError, "outside of the classes 0 to 3"),
    (lambda: F.cross_entropy(LOGITS, np.zeros(5, int), np.ones(5)), ShapeError, "each of 4 classes"),
    (lambda: F.cross_entropy(LOGITS, LOGITS, ignore_index=0), DtypeError, "ignore_index is for classes"),
    (lambda: F.cross_entropy(LOGITS, LOGITS, reduction="avg"), ValueError, "reduction must be one of .*'avg'"),
    (lambda: F.cross_entropy(LOGITS, LOGITS, label_smoothing=2), ValueError, "label_smoothing must be between 0 and 1"),
    (lambda: F.nll_loss(LOGITS, LOGITS), DtypeError, "targets must be integers"),
    (
        lambda: F.mse_loss(LOGITS, LOGITS[:, :1]),
        ShapeError,
        r"float32\[5,4\] and targets float32\[5,1\] must have one shape",
    ),
    (lambda: F.huber_loss(LOGITS, LOGITS, delta=0), ValueError, "delta must be above 0"),
    (
        lambda: F.binary_cross_entropy_with_logits(LOGITS[0], LOGITS[0], np.ones((5, 1))),
        ShapeError,
        r"must broadcast to the logits' shape \(4,\)",
    ),
    (lambda: F.kl_div(1.0, np.float32(1.0), reduction="batchmean"), ShapeError, "needs a first axis"),
    (lambda: F.dropout(LOGITS, 0.5), DtypeError, r"pass key=random\.key\(seed\)"),
    (lambda: F.dropout(LOGITS, 1.5, train=False), ValueError, "between 0 and 1"),
    (lambda: F.scaled_dot_product_attention(LOGITS, LOGITS, LOGITS[:3]), ShapeError, "must share D and S"),
    (lambda: F.scaled_dot_product_attention(LOGITS, LOGITS, LOGITS, np.ones((5, 4))), ShapeError, "do not broadcast"),
    (lambda: F.scaled_dot_product_attention(LOGITS, LOGITS, LOGITS, np.ones((5, 5), int)), DtypeError, "a mask holds"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS, ids=[f"{i}" for i in range(len(ERRORS))])
def test_bad_input_is_told_what_is_wrong(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_every_name_is_public_and_documented() -> None:
    assert len(F.__all__) == len(set(F.__all__))
    for name in F.__all__:
        assert getattr(F, name).__doc__, name
