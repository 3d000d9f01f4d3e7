"""Losses at the edges: extreme logits, ties and zero distances, what does not count, 16 bits; CTC; penalties."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F  # the name that users give it
import funcgrad.numpy as fnp
from funcgrad import layers, random
from funcgrad.errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from funcgrad.testing import check_grads


def close(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=rtol)


def finite_to_order_two(f: Callable[[Any], Any], x: Any) -> None:
    """The value and two derivatives are finite."""
    slope = fg.grad(lambda x: f(x).sum())
    curve = fg.grad(lambda x: (slope(x) * x).sum())
    for found in (f(x), slope(x), curve(x)):
        assert np.isfinite(np.asarray(found)).all()


# ---- extremes ----------------------------------------------------------------------------------

FAR = np.array([-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4], np.float32)
HALF = np.array([0.0, 1.0, 0.5, 0.5, 1.0, 0.0, 1.0], np.float32)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.binary_cross_entropy_with_logits(x, HALF, reduction="none"),
        lambda x: F.binary_cross_entropy_with_logits(x, HALF, reduction="none", pos_weight=3.0),
        lambda x: F.sigmoid_focal_loss(x, (HALF > 0.5).astype(np.float32)),
        lambda x: F.sigmoid_focal_loss(x, HALF, gamma=0.5),
        lambda x: F.sigmoid_focal_loss(x, HALF, alpha=None, gamma=0.0),
        lambda x: F.soft_margin_loss(x, np.sign(HALF - 0.25), reduction="none"),
        lambda x: F.log_cosh_loss(x, 0.0, "none"),
        lambda x: F.multilabel_soft_margin_loss(x[None], HALF[None]),
        lambda x: F.cross_entropy(x, np.array(2)),
        lambda x: F.poly_cross_entropy(x, np.array(2)),
        lambda x: F.ranking_softmax_loss(x, HALF),
        lambda x: F.sparsemax_loss(x, np.array(2)),
        lambda x: F.multi_margin_loss(x, np.array(2), p=1.5),
        lambda x: F.discriminator_loss(x, -x),
        lambda x: F.generator_loss(x),
        lambda x: F.poisson_nll_loss(fnp.minimum(x, 80), HALF, full=True),
        lambda x: F.gaussian_nll_loss(x, HALF, 0.0),
    ],
    ids=lambda f: "case",
)
def test_far_logits(f: Any) -> None:
    finite_to_order_two(f, FAR)


def test_probabilities_of_zero_and_one() -> None:
    p, t = np.array([0.0, 0.0, 1.0, 1.0, 1e-30]), np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    close(F.binary_cross_entropy(p, t, reduction="none"), [0, 100, 100, 0, -math.log(1e-30)])
    close(fg.grad(lambda p: F.binary_cross_entropy(p, t, reduction="sum"))(p), [0, -1e12, 1e12, 0, -1e12])
    weight = np.array([1.0, 0.0, 0.0, 2.0, 0.5])
    close(F.binary_cross_entropy(p, t, weight, "none"), weight * [0, 100, 100, 0, -math.log(1e-30)])


def test_what_does_not_count_need_be_no_class() -> None:
    x, where = uniform(3, 4), np.array([True, False, True])
    alone = F.multi_margin_loss(x[where], np.array([1, 2]))
    close(F.multi_margin_loss(x, np.array([1, 99, 2]), where=where), alone)


def test_distances_of_zero_have_derivatives() -> None:
    x = np.array([[1.0, 2.0], [0.0, 0.0]])
    for f in (
        lambda x: F.triplet_margin_loss(x, x, -x, eps=0.0),
        lambda x: F.triplet_margin_loss(x, x, x, p=1.0),
        lambda x: F.cosine_embedding_loss(x, x * 0, np.array([1, -1])),
        lambda x: F.pairwise_distance(x, np.array([[1.0, 2.0], [0.0, 1.0]]), eps=0.0).sum(),
        lambda x: F.cosine_similarity(x, np.ones(2)).sum(),
        lambda x: F.info_nce_loss(x, np.ones((2, 2))),
        lambda x: F.ntxent_loss(x, np.array([0, 0])),
    ):
        assert np.isfinite(np.asarray(fg.grad(f)(x.astype(np.float64)))).all()
    assert fg.grad(lambda y: F.pairwise_distance(y, x[0], eps=0.0))(x[0]).tolist() == [0, 0]


def test_kinks_have_derivative_zero() -> None:
    ones = np.ones(3)
    assert float(fg.grad(lambda x: F.l1_loss(x, 2.0))(2.0)) == 0
    for f in (
        lambda x: F.hinge_embedding_loss(x, -ones),
        lambda x: F.margin_ranking_loss(x, ones - 1, ones, margin=1.0),
        lambda x: F.multi_margin_loss(x * np.array([0, 1.0, 0]), np.array(1)),
        lambda x: F.discriminator_loss(x, -x, "hinge"),
    ):
        assert fg.grad(f)(ones).tolist() == [0, 0, 0]


def test_scores_that_tie_share_sparsemax() -> None:
    close(F.sparsemax(np.array([1.0, 1.0, 0.0])), [0.5, 0.5, 0])
    close(F.sparsemax(np.array([2.0, 2.0, 2.0, 2.0])), [0.25] * 4)
    close(F.sparsemax(np.array([1.0, 0.0])), [1, 0])  # the second is at the edge of the support
    close(fg.jacrev(F.sparsemax)(np.array([1.0, 1.0, 0.0])), [[0.5, -0.5, 0], [-0.5, 0.5, 0], [0, 0, 0]])
    close(F.sparsemax(np.array([1e6, 1e6 - 0.5], np.float32)), [0.75, 0.25], 1e-6)


# ---- what does not count -----------------------------------------------------------------------


def test_where_nothing_counts_the_mean_is_nan() -> None:
    x, t = uniform(2, 3), np.array([-100, -100])
    with np.errstate(invalid="ignore"):
        assert math.isnan(float(F.cross_entropy(x, t, ignore_index=-100)))
        assert math.isnan(float(F.mse_loss(x, 0.0, where=np.zeros((2, 3), bool))))
    assert float(F.cross_entropy(x, t, ignore_index=-100, reduction="sum")) == 0
    assert F.cross_entropy(x, t, ignore_index=-100, reduction="none").tolist() == [0, 0]


def test_ignored_and_masked_examples_both_do_not_count() -> None:
    x, t = uniform(4, 3), np.array([0, -1, 2, 1])
    where = np.array([True, True, False, True])
    expected = F.cross_entropy(x[[0, 3]], t[[0, 3]], np.array([1.0, 2.0, 3.0]))
    close(F.cross_entropy(x, t, np.array([1.0, 2.0, 3.0]), -1, where=where), expected)
    close(F.nll_loss(x, t, ignore_index=-1, where=where), F.nll_loss(x[[0, 3]], t[[0, 3]]))


_N = np.array([[1.0, np.nan, 2.0], [np.inf, 0.5, -1.0]])
_COUNT = np.isfinite(_N)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, where: F.mse_loss(x, x * 2, where=where),
        lambda x, where: F.mse_loss(x, 0.0, "sum", 2.0, where=where),
        lambda x, where: F.l1_loss(x, 0.25, weight=np.array([1.0, 2.0, 3.0]), where=where),
        lambda x, where: F.huber_loss(x, 0.0, where=where),
        lambda x, where: F.smooth_l1_loss(x, 0.0, where=where),
        lambda x, where: F.log_cosh_loss(x, 0.0, where=where),
        lambda x, where: F.gaussian_nll_loss(x, 0.0, x * x, where=where),
        lambda x, where: F.poisson_nll_loss(x, x + 3, full=True, where=where),
        lambda x, where: F.binary_cross_entropy(F.sigmoid(x), F.sigmoid(x), where=where),
        lambda x, where: F.binary_cross_entropy_with_logits(x, F.sigmoid(x), where=where),
        lambda x, where: F.sigmoid_focal_loss(x, fg.stop_gradient(F.sigmoid(x)), reduction="mean", where=where),
        lambda x, where: F.kl_div(x, F.sigmoid(x), where=where),
        lambda x, where: F.hinge_embedding_loss(x, x, where=where),
        lambda x, where: F.margin_ranking_loss(x, 0.0, np.ones((2, 3)), where=where),
        lambda x, where: F.soft_margin_loss(x, x, where=where),
        lambda x, where: F.ranking_softmax_loss(x, F.sigmoid(x), where=where),
        lambda x, where: F.cross_entropy(x.T, np.array([0, 1, 1]), where=where.all(0)),
        lambda x, where: F.cross_entropy(x.T, F.sigmoid(x).T, where=where.all(0)),
        lambda x, where: F.multi_margin_loss(x.T, np.array([0, 1, 1]), where=where.all(0)),
        lambda x, where: F.multilabel_margin_loss(x.T, np.array([[0, -1]] * 3), where=where.all(0)),
        lambda x, where: F.multilabel_soft_margin_loss(x.T, F.sigmoid(x.T), where=where.all(0)),
    ],
    ids=lambda f: "case",
)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_what_is_masked_may_be_anything(f: Any) -> None:
    found = fg.value_and_grad(lambda x: f(x, _COUNT))(_N)
    expected = fg.value_and_grad(lambda x: f(x, _COUNT))(np.where(_COUNT, _N, 7.0))
    close(found[0], expected[0], 1e-14)
    inside = np.where(_COUNT, np.asarray(found[1]), 0)
    close(inside, np.where(_COUNT, np.asarray(expected[1]), 0), 1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.mse_loss(x, 0.0, where=_COUNT),
        lambda x: F.cross_entropy(x.T, np.array([0, 1, 1]), where=_COUNT.all(0)),
        lambda x: F.ranking_softmax_loss(x, np.ones((2, 3)), where=_COUNT),
        lambda x: F.gaussian_nll_loss(x, 0.0, 1.0, where=_COUNT),
        lambda x: F.kl_div(x, np.ones((2, 3)), where=_COUNT),
    ],
    ids=lambda f: "case",
)
def test_the_gradient_of_what_is_masked_is_zero(f: Any) -> None:
    slope = np.asarray(fg.grad(f)(_N))
    assert np.isfinite(slope).all()
    assert not slope[~_COUNT].any()


# ---- dtypes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x, t: F.mse_loss(x, t),
        lambda x, t: F.log_cosh_loss(x, t),
        lambda x, t: F.gaussian_nll_loss(x, t, t * t + 1),
        lambda x, t: F.poisson_nll_loss(x, t),
        lambda x, t: F.sigmoid_focal_loss(x, t, reduction="sum"),
        lambda x, t: F.soft_margin_loss(x, t),
        lambda x, t: F.triplet_margin_loss(x, t, -x),
        lambda x, t: F.info_nce_loss(x, t),
        lambda x, t: F.sparsemax_loss(x, F.softmax(t)),
        lambda x, t: F.dice_loss(F.sigmoid(x), F.sigmoid(t)),
        lambda x, t: F.gaussian_kl(x, t, "mean"),
        lambda x, t: F.ctc_loss(F.log_softmax(x), np.array([1, 2]), 3, 2),
        lambda x, t: F.linear_cross_entropy(x, t.T, np.array([0, 1, 2]), chunk_size=2),
    ],
    ids=lambda f: "case",
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_are_computed_in_float32(f: Any, dtype: str) -> None:
    x, t = (fg.asarray(uniform(3, 4, seed=s)).astype(dtype) for s in (0, 1))
    found, exact = f(x, t), f(x.astype("float32"), t.astype("float32"))
    assert found.dtype == x.dtype
    assert exact.dtype == np.float32
    assert float(found) == pytest.approx(float(exact), rel=1e-2)


def test_a_sum_of_squares_beyond_float16_comes_out_as_a_mean() -> None:
    assert float(F.mse_loss(np.full(1000, 100.0, np.float16), 0.0)) == 10000


# ---- settings ----------------------------------------------------------------------------------


def test_weights_of_differences_divide_the_mean() -> None:
    x, w = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 2.0])
    assert float(F.mse_loss(x, 0.0, weight=w)) == pytest.approx(19 / 3)
    assert float(F.l1_loss(x, 0.0, weight=w)) == pytest.approx(7 / 3)
    assert float(F.huber_loss(x, 0.0, weight=w)) == pytest.approx(5.5 / 3)  # by the number of elements
    assert float(F.huber_loss(x, 0.0, weight=2 * w)) == pytest.approx(11 / 3)
    assert F.mse_loss(x, 0.0, "none", w).tolist() == [1, 0, 18]
    assert float(F.mse_loss(x, 0.0, weight=3.0)) == pytest.approx(14 / 3)


def test_a_variance_for_each_row() -> None:
    x, t, v = uniform(3, 4), uniform(3, 4, seed=1), np.array([0.5, 1.0, 2.0])
    close(F.gaussian_nll_loss(x, t, v), F.gaussian_nll_loss(x, t, v[:, None]))
    close(F.gaussian_nll_loss(x, t, 2.0), F.gaussian_nll_loss(x, t, np.full((3, 4), 2.0)))
    assert float(fg.grad(lambda v: F.gaussian_nll_loss(1.0, 1.0, v))(1e-9)) == pytest.approx(0.5e6, rel=1e-5)


def test_reparameterised_samples() -> None:
    key, mu, logvar = random.key(0), uniform(5), uniform(5, seed=1)
    e = random.normal(key, (5,), "float64")
    close(F.reparameterize(key, mu, logvar), mu + np.exp(logvar / 2) * np.asarray(e))
    check_grads(lambda mu, logvar: F.reparameterize(key, mu, logvar), (mu, logvar), order=2)
    close(F.gaussian_kl(mu, logvar), F.gaussian_kl(mu[None], logvar[None])[0])
    keys = random.split(key, 3)
    assert len({float(x[0]) for x in fg.vmap(F.reparameterize, in_axes=(0, None, None))(keys, mu, logvar)}) == 3


_A = uniform(2, 3)
MISTAKES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.mse_loss(_A, _A, where=np.ones((2, 3))), DtypeError, "where is a mask of booleans"),
    (lambda: F.mse_loss(_A, _A, where=np.ones(2, bool)), ShapeError, r"where bool\[2\] must broadcast to the shape"),
    (lambda: F.mse_loss(_A, _A, weight=np.ones((4, 2, 3))), ShapeError, "weight .* must broadcast"),
    (lambda: F.cross_entropy(_A, np.array([0, 1]), where=np.ones(3, bool)), ShapeError, "where"),
    (lambda: F.gaussian_nll_loss(1.0, 1.0, 1.0, eps=0), OptionError, "eps must be above 0"),
    (lambda: F.gaussian_nll_loss(_A, _A, np.ones(4)), ShapeError, "var .* must broadcast"),
    (lambda: F.sigmoid_focal_loss(_A, _A, alpha=1.5), OptionError, "alpha must be at most 1"),
    (lambda: F.sigmoid_focal_loss(_A, _A, gamma=-1), OptionError, "gamma must be at least 0"),
    (lambda: F.multi_margin_loss(_A, np.array([0, 1]), p=0), OptionError, "p must be above 0"),
    (lambda: F.multi_margin_loss(_A, np.array([0.0, 1.0])), DtypeError, "integers"),
    (lambda: F.multi_margin_loss(_A, np.array([0])), ShapeError, r"must have the shape \(2,\)"),
    (lambda: F.multilabel_margin_loss(_A, np.array([0])), ShapeError, "padded with -1"),
    (lambda: F.triplet_margin_loss(_A, _A, _A, margin=0), OptionError, "margin must be above 0"),
    (lambda: F.cosine_embedding_loss(_A, _A, np.ones(3)), ShapeError, r"must have the shape \(2,\)"),
    (lambda: F.info_nce_loss(_A, _A[:1]), ShapeError, r"one shape \(N, D\)"),
    (lambda: F.ntxent_loss(_A, np.ones(3)), ShapeError, r"\(N, D\) and labels \(N,\)"),
    (lambda: F.sparsemax_loss(_A, np.array([0])), ShapeError, "does not fit the scores"),
    (lambda: F.generator_loss(_A, "bse"), OptionError, "kind must be .*'bse'"),
    (lambda: F.discriminator_loss(_A, _A[:1], reduction="none"), ShapeError, "must have one shape"),
    (lambda: F.linear_cross_entropy(_A, _A, np.array([0, 1])), ShapeError, "linear"),
    (lambda: F.linear_cross_entropy(_A, _A.T, np.array([0])), ShapeError, r"the target must be \(2,\)"),
    (lambda: F.linear_cross_entropy(_A, _A.T, np.array([0, 1]), chunk_size=0), OptionError, "chunk_size"),
    (lambda: F.linear_cross_entropy(np.ones((2, 3)), _A.T, np.array([0, 2])), ArrayIndexError, "classes 0 to 1"),
    (lambda: layers.CrossEntropyLoss(label_smoothing=2.0), OptionError, "label_smoothing"),
    (lambda: layers.MSELoss("average"), OptionError, "MSELoss: reduction must be one of"),
    (lambda: layers.HuberLoss(delta=0), OptionError, "HuberLoss: delta must be above 0"),
    (lambda: layers.SmoothL1Loss(beta=-1), OptionError, "beta must be at least 0"),
    (lambda: layers.TripletMarginLoss(margin=-1), OptionError, "margin must be above 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_mistakes_are_told(call: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_weights_of_layers_take_the_dtype_of_the_input() -> None:
    x, t = uniform(3, 2), np.array([0, 1, 1])
    loss = layers.CrossEntropyLoss(weight=[0.1, 0.3])
    close(loss({}, x, t), F.cross_entropy(x, t, np.array([0.1, 0.3])), 1e-15)
    assert loss({}, x.astype(np.float32), t).dtype == np.float32
    close(loss({}, x, t, where=t == 1), F.cross_entropy(x[1:], t[1:], np.array([0.1, 0.3])), 1e-15)


# ---- CTC ---------------------------------------------------------------------------------------


def likelihood(p: Any, text: list[int], blank: int) -> float:
    """By all alignments."""
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=p.shape[0]):
        read = [c for i, c in enumerate(path) if (i == 0 or path[i - 1] != c) and c != blank]
        total += float(np.prod([p[i, c] for i, c in enumerate(path)])) if read == text else 0.0
    return total


TEXTS = [[1, 1], [2, 1], [], [1, 2, 1]]
P = np.asarray(F.softmax(uniform(5, 4, 3)))
LENGTHS = np.array([5, 3, 4, 5])
COUNTS = np.array([len(t) for t in TEXTS])
PADDED = np.array([[*t, *[-1] * (3 - len(t))] for t in TEXTS])
JOINED = np.array([c for t in TEXTS for c in t])


@pytest.mark.parametrize("targets", [PADDED, JOINED], ids=["padded", "joined"])
def test_ctc_is_the_sum_over_all_alignments(targets: Any) -> None:
    expected = [-math.log(likelihood(P[:n, i], TEXTS[i], 0)) for i, n in enumerate(LENGTHS)]
    found = F.ctc_loss(np.log(P), targets, LENGTHS, COUNTS, reduction="none")
    close(found, expected)
    close(F.ctc_loss(np.log(P), targets, LENGTHS, COUNTS), np.mean(expected / np.maximum(COUNTS, 1)))
    close(F.ctc_loss(np.log(P), targets, LENGTHS, COUNTS, reduction="sum"), np.sum(expected))


def test_ctc_with_another_blank_and_of_one_example() -> None:
    expected = -math.log(likelihood(P[:, 0], [0, 1], 2))
    for blank in (2, -1):
        close(F.ctc_loss(np.log(P[:, 0]), np.array([0, 1]), 5, 2, blank, "none"), expected)
    close(F.ctc_loss(np.log(P[:, 0]), np.array([0, 1]), 5, 2, 2), expected / 2)
    assert F.ctc_loss(np.log(P[:, 0]), np.array([0, 1]), 5, 2, 2, "none").shape == ()


def test_derivatives_of_ctc() -> None:
    def f(x: Any, targets: Any = PADDED) -> Any:
        return F.ctc_loss(F.log_softmax(x), targets, LENGTHS, COUNTS, reduction="none")

    x = uniform(5, 4, 3)
    check_grads(f, (x,), order=2)
    many = uniform(2, 5, 4, 3)
    texts = np.stack([PADDED, PADDED[:, [0, 2, 1]]])
    texts = np.where(texts < 0, 1, texts)
    expected = [f(many[i], texts[i]) for i in range(2)]
    close(fg.vmap(f)(many, texts), expected)
    program = fg.jit(fg.vmap(fg.grad(lambda x, t: f(x, t).sum())))
    for _ in range(3):
        found = program(many, texts)
    close(found[1], fg.grad(lambda x: f(x, texts[1]).sum())(many[1]))


def test_a_text_that_is_too_long_for_its_frames() -> None:
    x, texts = uniform(3, 2, 3), np.array([[1, 1, 2], [1, 2, 1]])  # the first needs four frames

    def f(x: Any, zero: bool) -> Any:
        return F.ctc_loss(F.log_softmax(x), texts, 3, 3, reduction="none", zero_infinity=zero)

    assert f(x, False).tolist()[0] == math.inf
    assert f(x, True).tolist() == [0, f(x, False).tolist()[1]]
    for zero in (True, False):
        slope = np.asarray(fg.grad(lambda x, zero=zero: f(x, zero).sum())(x))
        assert np.isfinite(slope).all()
        assert not slope[:, 0].any()
        assert slope[:, 1].any()


def test_impossible_classes_in_ctc() -> None:
    logits = np.array([[0.0, -np.inf, 0.0]] * 3)
    value, slope = fg.value_and_grad(lambda x: F.ctc_loss(F.log_softmax(x), np.array([2]), 3, 1))(logits)
    assert float(value) == pytest.approx(-math.log(6 / 8))
    assert np.isfinite(np.asarray(slope)).all()


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((P[0, 0], JOINED, 1, 1), ShapeError, r"must be \(T, N, C\)"),
        ((P, PADDED[:3], LENGTHS, COUNTS), ShapeError, r"targets must be \(4, S\)"),
        ((P, PADDED * 1.0, LENGTHS, COUNTS), DtypeError, "targets must be integers"),
        ((P, PADDED, LENGTHS + 1, COUNTS), ArrayIndexError, "input_lengths must be between 0 and 5"),
        ((P, PADDED, LENGTHS, COUNTS + 1), ArrayIndexError, "target_lengths must be between 0 and 3"),
        ((P, PADDED, LENGTHS[:2], COUNTS), ShapeError, "one for each of 4 examples"),
        ((P, PADDED, LENGTHS * 1.0, COUNTS), DtypeError, "input_lengths must be integers"),
        ((P, np.where(PADDED == 2, 3, PADDED), LENGTHS, COUNTS), ArrayIndexError, "3"),
        ((P, PADDED, LENGTHS, COUNTS, 3), OptionError, "blank must be one of the 3 classes"),
    ],
)
def test_mistakes_with_ctc(args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        F.ctc_loss(*args)


# ---- in parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 4), (2, 3, 4), (4,)])
@pytest.mark.parametrize("chunk", [1, 3, 100, None])
def test_linear_cross_entropy_in_parts_is_that_of_the_whole(shape: Any, chunk: Any) -> None:
    x, w, b = uniform(*shape), uniform(4, 5, seed=1), uniform(5, seed=2)
    t = np.random.default_rng(0).integers(-1, 5, shape[:-1])
    soft = np.asarray(F.softmax(uniform(*shape[:-1], 5, seed=3)))
    weight = np.array([1.0, 2.0, 0.5, 1.0, 3.0])
    for target, options in (
        (np.abs(t), {}),
        (t, {"ignore_index": -1, "weight": weight, "reduction": "sum"}),
        (np.abs(t), {"label_smoothing": 0.2, "weight": weight}),
        (soft, {"reduction": "none"}),
    ):

        def parts(x: Any, w: Any, b: Any, target: Any = target, options: Any = options) -> Any:
            return F.linear_cross_entropy(x, w, target, linear_bias=b, chunk_size=chunk, **options)

        def whole(x: Any, w: Any, b: Any, target: Any = target, options: Any = options) -> Any:
            return F.cross_entropy(F.linear(x, w, b), target, **options)

        close(parts(x, w, b), whole(x, w, b))
        for found, expected in zip(
            fg.grad(lambda *args, f=parts: f(*args).sum(), (0, 1, 2))(x, w, b),
            fg.grad(lambda *args, f=whole: f(*args).sum(), (0, 1, 2))(x, w, b),
            strict=True,
        ):
            close(found, expected)
    check_grads(parts, (x, w, b), order=2)


def test_linear_cross_entropy_never_holds_all_logits() -> None:
    x, w, t = np.ones((64, 2)), np.ones((2, 50)), np.zeros(64, int)
    f = fg.value_and_grad(lambda x, w: F.linear_cross_entropy(x, w, t, chunk_size=8), (0, 1))
    for graph in (fg.make_graph(f)(x, w), fg.make_graph(lambda x: F.linear_cross_entropy(x, w, t, chunk_size=8))(x)):
        assert "50" in str(graph)
        assert "[64,50]" not in str(graph)
        assert "[8,8,50]" not in str(graph)


# ---- penalties ---------------------------------------------------------------------------------


def _critic(params: Any, x: Any) -> Any:
    return fnp.tanh(x @ params[0]) @ params[1]


def test_the_gradient_penalty_is_that_of_each_example() -> None:
    params = uniform(3, 4), uniform(4, seed=1)
    x, other, key = uniform(5, 3, seed=2), uniform(5, 3, seed=3), random.key(1)
    u = np.asarray(random.uniform(key, (5, 1), "float64"))
    slopes = [np.asarray(fg.grad(lambda x: _critic(params, x))(z)) for z in u * x + (1 - u) * other]
    lengths = np.array([np.linalg.norm(s) for s in slopes])
    for target, reduction in ((1.0, "mean"), (0.0, "mean"), (0.5, "none"), (1.0, "sum")):
        found = fg.gradient_penalty(lambda x: _critic(params, x), x, other, key=key, target=target, reduction=reduction)
        each = (lengths - target) ** 2
        close(found, each if reduction == "none" else getattr(each, reduction)())
    column = fg.gradient_penalty(lambda x: _critic(params, x)[:, None], x, other, key=key)
    close(column, ((lengths - 1) ** 2).mean())


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_the_gradient_penalty_is_differentiable(target: float) -> None:
    params, x = (uniform(3, 4), uniform(4, seed=1)), uniform(5, 3, seed=2)

    def penalty(params: Any, x: Any) -> Any:
        return fg.gradient_penalty(lambda x: _critic(params, x), x, target=target)

    check_grads(penalty, (params, x), order=2, rtol=1e-5)
    program = fg.jit(fg.grad(penalty))
    for _ in range(3):
        found = program(params, x)
    close(found[0], fg.grad(penalty)(params, x)[0])
    both = fg.vmap(penalty, in_axes=(None, 0))(params, np.stack([x, -x]))
    close(both[1], penalty(params, -x))


def test_the_penalty_of_a_critic_that_is_flat() -> None:
    params = np.zeros(3), 1.0

    def r1(w: Any) -> Any:
        return fg.gradient_penalty(lambda x: x @ w, np.ones((2, 3)), target=0)

    assert fg.grad(r1)(params[0]).tolist() == [0, 0, 0]
    close(fg.hessian(r1)(params[0]), 2 * np.eye(3))
    slope = fg.grad(lambda w: fg.gradient_penalty(lambda x: x @ w, np.ones((2, 3))))(params[0])
    assert np.isfinite(np.asarray(slope)).all()


def test_mistakes_with_the_penalty() -> None:
    x = np.ones((2, 3))
    with pytest.raises(DtypeError, match="pass key="):
        fg.gradient_penalty(lambda x: x.sum(1), x, x)
    with pytest.raises(ShapeError, match="must have one shape"):
        fg.gradient_penalty(lambda x: x.sum(1), x, x[:1], key=random.key(0))
    with pytest.raises(OptionError, match="reduction must be"):
        fg.gradient_penalty(lambda x: x.sum(1), x, reduction="max")
    with pytest.raises(ShapeError, match="a first axis"):
        fg.gradient_penalty(lambda x: x, 1.0)


# ---- against PyTorch: what the layers' table does not draw -------------------------------------


def test_pytorch_agrees_at_the_edges() -> None:
    torch = pytest.importorskip("torch")
    T = torch.nn.functional
    x, t = torch.tensor(uniform(4, 3)), torch.tensor([-100] * 4)
    assert math.isnan(T.cross_entropy(x, t))
    p, b = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.3]), torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5])
    close(
        F.binary_cross_entropy(p.numpy(), b.numpy(), reduction="none"),
        T.binary_cross_entropy(p, b, reduction="none"),
        1e-6,
    )
    logits = torch.tensor(uniform(3, 2, 3), requires_grad=True)
    texts = torch.tensor([[1, 1, 2], [1, 2, 1]])
    for zero in (False, True):
        theirs = T.ctc_loss(logits.log_softmax(-1), texts, (3, 3), (3, 3), reduction="none", zero_infinity=zero)
        ours = F.ctc_loss(F.log_softmax(logits.detach().numpy()), texts.numpy(), (3, 3), (3, 3), 0, "none", zero)
        np.testing.assert_allclose(np.asarray(ours), theirs.detach().numpy(), rtol=1e-10)
    theirs.sum().backward()
    found = fg.grad(lambda x: F.ctc_loss(F.log_softmax(x), texts.numpy(), 3, 3, 0, "sum", True))(
        logits.detach().numpy()
    )
    close(found, logits.grad)
    mean, var = uniform(3, 4), np.array([0.5, 1e-9, 2.0])
    ours = F.gaussian_nll_loss(mean, mean[::-1], var[:, None], True)
    theirs = T.gaussian_nll_loss(torch.tensor(mean), torch.tensor(mean[::-1].copy()), torch.tensor(var[:, None]), True)
    close(ours, theirs)
