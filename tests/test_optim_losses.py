"""`funcgrad.optim.losses` against optax (signatures, values, gradients), and through every transform."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from samples import uniform

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim
from funcgrad.errors import ArrayIndexError, OptionError, ShapeError
from funcgrad.testing import check_grads

pytestmark = pytest.mark.filterwarnings("ignore:The function convex_kl_divergence is deprecated:DeprecationWarning")

X, Y = uniform(3, 4), uniform(3, 4, seed=1)
CLASSES = np.array([2, 0, 3])
BITS = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]])
SIGNS = 2 * BITS - 1
SOFT = np.exp(Y) / np.exp(Y).sum(-1, keepdims=True)
MASK = np.array([[True, True, False, True], [True, False, True, True], [True, True, True, True]])
FEW = np.array([[True, True, False, True], [False, False, False, False], [False, True, True, False]])
LOGS = np.log(np.exp(X) / np.exp(X).sum(-1, keepdims=True))
REGIONS, TRUE = uniform(2, 5, 3), np.eye(3)[np.array([[0, 2, 1, 1, 2], [0, 0, 1, 2, 2]])]
FRAMES, LABELS = uniform(3, 6, 4), np.array([[1, 2, 2], [3, 1, 0], [2, 0, 0]])
FRAME_PADS = np.array([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]], float)
LABEL_PADS = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1]], float)


@dataclass(frozen=True)
class Case:
    """One call: `args`, of which those at `by` are differentiated and batched."""

    name: str
    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    by: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        shown = [getattr(x, "shape", x) for x in self.args]
        names = [f"{k}={getattr(v, 'shape', v)}" for k, v in self.options.items()]
        return f"{self.name}({','.join(map(str, [*shown, *names]))})".replace(" ", "")


PAIR = (0, 1)
CASES = [
    Case("squared_error", (X, Y), by=PAIR),
    Case("squared_error", (X,)),
    Case("l2_loss", (X, Y), by=PAIR),
    Case("l2_loss", (X,)),
    Case("huber_loss", (X, Y), by=PAIR),
    Case("huber_loss", (X, Y[0]), {"delta": 0.3}, by=PAIR),
    Case("log_cosh", (X, Y), by=PAIR),
    Case("log_cosh", (X,)),
    *[
        Case(name, (X, Y), options, by=PAIR)
        for name in ("cosine_similarity", "cosine_distance")
        for options in ({}, {"epsilon": 30.0}, {"axis": 0}, {"where": MASK, "epsilon": 1e-3}, {"axis": (0, 1)})
    ],
    Case("sigmoid_binary_cross_entropy", (30 * X, SOFT), by=PAIR),
    Case("sigmoid_binary_cross_entropy", (X, BITS[0])),
    Case("sigmoid_focal_loss", (X, BITS)),
    Case("sigmoid_focal_loss", (X, SOFT), {"alpha": 0.3, "gamma": 0.7}),
    Case("sigmoid_focal_loss", (X, BITS[0]), {"gamma": 0.0}),
    Case("softmax_cross_entropy", (X, SOFT), by=PAIR),
    Case("softmax_cross_entropy", (X, SOFT), {"axis": 0}),
    Case("softmax_cross_entropy", (X, SOFT), {"axis": (0, 1)}),
    Case("softmax_cross_entropy", (X, SOFT), {"where": MASK}),
    Case("softmax_cross_entropy", (X, SOFT), {"where": MASK[:, 1]}),
    Case("safe_softmax_cross_entropy", (X, SOFT), by=PAIR),
    Case("softmax_cross_entropy_with_integer_labels", (X, CLASSES)),
    Case("softmax_cross_entropy_with_integer_labels", (X.T, CLASSES), {"axis": 0}),
    Case("softmax_cross_entropy_with_integer_labels", (X, np.array(7)), {"axis": (0, 1)}),
    Case("softmax_cross_entropy_with_integer_labels", (uniform(2, 3, 4), np.array([7, 2])), {"axis": (1, 2)}),
    Case("softmax_cross_entropy_with_integer_labels", (X, CLASSES), {"where": MASK}),
    Case("softmax_cross_entropy_with_integer_labels", (X, CLASSES), {"where": MASK[:, 1]}),
    Case("poly_loss_cross_entropy", (X, SOFT)),
    Case("poly_loss_cross_entropy", (X, SOFT), {"epsilon": -1.0, "where": MASK}),
    Case("poly_loss_cross_entropy", (X, SOFT), {"axis": (0, 1)}),
    Case("ranking_softmax_loss", (X, SOFT), by=PAIR),
    Case("ranking_softmax_loss", (X, SOFT), {"reduce_fn": None, "where": FEW}),
    Case("ranking_softmax_loss", (X, SOFT), {"where": FEW, "weights": BITS + 0.5}, by=PAIR),
    Case("ranking_softmax_loss", (X, SOFT), {"where": FEW & False}, by=PAIR),
    Case("smooth_labels", (SOFT, 0.3)),
    Case("smooth_labels", (SOFT, 0.3), {"axis": 0}),
    Case("smooth_labels", (SOFT, 0.3), {"where": MASK}),
    *[
        Case(name, (LOGS, targets), options, by=PAIR)
        for name, targets in (
            ("kl_divergence", SOFT),
            ("convex_kl_divergence", SOFT * 2),
            ("generalized_kl_divergence", SOFT * 2),
            ("kl_divergence_with_log_targets", np.log(SOFT)),
        )
        for options in ({}, {"axis": 0}, {"axis": None}, {"where": MASK})
    ],
    Case("hinge_loss", (X, SIGNS)),
    Case("hinge_loss", (X, SIGNS[0])),
    Case("perceptron_loss", (X, SIGNS)),
    Case("sparsemax_loss", (X, BITS)),
    Case("multiclass_hinge_loss", (X, CLASSES)),
    Case("multiclass_hinge_loss", (X[0], np.array(1))),
    Case("multiclass_perceptron_loss", (X, CLASSES)),
    Case("multiclass_sparsemax_loss", (X, CLASSES)),
    Case("ntxent", (uniform(6, 3), np.array([0, 0, 1, 1, 0, 2]))),
    Case("ntxent", (uniform(6, 3), np.array([0, 0, 1, 1, 2, 2]), 0.5)),
    Case("triplet_margin_loss", (X, Y, uniform(3, 4, seed=2)), by=(0, 1, 2)),
    Case("triplet_margin_loss", (X, Y, uniform(3, 4, seed=2)), {"axis": 0, "norm_degree": 4, "eps": 0.1}),
    Case("dice_loss", (REGIONS, TRUE)),
    Case("dice_loss", (REGIONS, TRUE), {"reduction": "none", "alpha": 0.3, "beta": 0.7, "smooth": 0.1}),
    Case("dice_loss", (REGIONS, TRUE), {"reduction": "sum", "ignore_background": True, "axis": (0, 1)}),
    Case("dice_loss", (REGIONS, TRUE), {"class_weights": np.array([1.0, 2.0, 3.0]), "axis": 0}),
    Case("dice_loss", (REGIONS[..., :1], TRUE[..., :1]), {"ignore_background": True}),
    Case("dice_loss", (SOFT, BITS), {"apply_softmax": False}),
    Case("binary_dice_loss", (REGIONS[..., 0], TRUE[..., 0])),
    Case("binary_dice_loss", (REGIONS[..., :1], TRUE[..., :1]), {"smooth": 0.1}),
    Case("binary_dice_loss", (X[0], BITS[0])),
    Case("binary_dice_loss", (REGIONS, TRUE)),
    Case("multiclass_generalized_dice_loss", (REGIONS, TRUE)),
    Case("multiclass_generalized_dice_loss", (REGIONS[:, :1], TRUE[:, :1]), {"smooth": 0.3}),
    Case("multiclass_generalized_dice_loss", (REGIONS, TRUE), {"ignore_background": True}),
    Case("ctc_loss", (FRAMES, FRAME_PADS, LABELS, LABEL_PADS)),
    Case("ctc_loss", (FRAMES, FRAME_PADS * 0, LABELS, LABEL_PADS * 0), {"blank_id": 3, "log_epsilon": -1e4}),
    Case("ctc_loss", (FRAMES[:, :2], FRAME_PADS[:, :2], LABELS, LABEL_PADS * 0)),
    Case("ctc_loss_with_forward_probs", (FRAMES, FRAME_PADS, LABELS, LABEL_PADS)),
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def bound(case: Case, by: Any, module: Any = optim.losses) -> Any:
    args = list(case.args)
    for i, x in zip(case.by, by, strict=True):
        args[i] = x
    return getattr(module, case.name)(*args, **case.options)


def taken(case: Case) -> list[Any]:
    return [case.args[i] for i in case.by]


def close(found: Any, expected: Any, rtol: float) -> None:
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


# ---- against optax -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def losses() -> Any:
    pytest.importorskip("jax")
    return pytest.importorskip("optax").losses


def test_all_of_optax_are_here(losses: Any) -> None:
    theirs = {n for n in dir(losses) if not n.startswith("_") and inspect.isfunction(getattr(losses, n))}
    assert not theirs - set(optim.losses.__all__)
    assert set(optim.losses.__all__) - {case.name for case in CASES} == {"make_fenchel_young_loss"}
    for name in optim.losses.__all__:
        assert getattr(optim, name) is getattr(optim.losses, name)
        parameters = [inspect.signature(getattr(module, name)).parameters for module in (optim.losses, losses)]
        ours, expected = ([(p.name, p.kind) for p in found.values()] for found in parameters)
        assert ours == expected
        for parameter in parameters[0].values():
            default = parameters[1][parameter.name].default
            assert parameter.default == default or callable(default)


FIRST = list({case.name: case for case in reversed(CASES)}.values())


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_optax_agrees(losses: Any, case: Case) -> None:
    against_optax(losses, case, "float64")


@pytest.mark.slow
@every_case
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optax_agrees_on_more(losses: Any, case: Case, dtype: str) -> None:
    against_optax(losses, case, dtype)


def against_optax(losses: Any, case: Case, dtype: str) -> None:
    import jax

    rtol = 1e-10
    if dtype == "float32":  # beside -1e5 there are two decimals left
        rtol = 2e-3 if case.name.startswith("ctc") else 2e-5

    def narrowed(x: Any) -> Any:
        return x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x

    case = Case(case.name, tuple(map(narrowed, case.args)), {k: narrowed(v) for k, v in case.options.items()}, case.by)
    with jax.enable_x64(dtype == "float64"):
        by = taken(case)
        expected, pull = jax.vjp(lambda *by: bound(case, by, losses), *by)
        cotangents = jax.tree.map(
            lambda y: np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype) * (y > -1e4), expected
        )
        gradients = pull(cotangents)
    found, back = fg.vjp(lambda *by: bound(case, by), *by)
    if "forward_probs" in case.name:
        found, expected = fg.tree.map(fnp.exp, found), jax.tree.map(np.exp, expected)
    close(found, expected, rtol)
    close(back(fg.tree.map(fnp.asarray, cotangents)), gradients, rtol)


def test_fenchel_young_losses(losses: Any) -> None:
    jax = pytest.importorskip("jax")
    found = optim.losses.make_fenchel_young_loss(fnp.logsumexp)(X[None], SOFT)
    with jax.enable_x64(True):
        expected = losses.make_fenchel_young_loss(jax.scipy.special.logsumexp)(X[None], SOFT)
    close(found, expected, 1e-12)


# ---- by themselves -----------------------------------------------------------------------------


@every_case
def test_derivatives(case: Case) -> None:
    f = functools.partial(bound, case)
    if "forward_probs" in case.name:  # those of what is impossible are of -1e5, where differences have no digits
        f = lambda by: bound(case, by)[0]  # noqa: E731
    check_grads(f, (taken(case),), order=2, rtol=1e-5, atol=1e-5)


@every_case
def test_programs_and_batches(case: Case) -> None:
    f = functools.partial(bound, case)
    by = taken(case)
    expected = f(by)
    program = fg.jit(f)
    for _ in range(3):
        close(program(by), expected, 1e-12)
    both = [np.stack([x, x[::-1]]) for x in by]
    batched = fg.vmap(f)(both)
    for i in range(2):
        close(fg.tree.map(lambda y, i=i: y[i], batched), f([x[i] for x in both]), 1e-10)


def test_16_bit_losses_are_computed_in_float32() -> None:
    for case in CASES:
        if case.name.startswith("ctc"):  # whose -1e5 float16 has not
            continue
        args = [a.astype(np.float16) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in case.args]
        wide = [a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == np.float16 else a for a in args]
        options = {
            k: v.astype(np.float16) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
            for k, v in case.options.items()
        }
        found = fg.tree.leaves(getattr(optim, case.name)(*args, **options))[0]
        exact = fg.tree.leaves(getattr(optim, case.name)(*wide, **options))[0]
        assert found.dtype == np.float16, str(case)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(exact).astype(np.float16))


def test_masked_elements_are_not_read() -> None:
    spoilt = np.where(MASK, X, np.nan)
    for name, other in (
        ("softmax_cross_entropy", SOFT),
        ("kl_divergence", SOFT),
        ("cosine_similarity", Y),
        ("poly_loss_cross_entropy", SOFT),
    ):
        f = getattr(optim, name)
        value, slope = fg.value_and_grad(lambda x, f=f, other=other: f(x, other, where=MASK).sum())(spoilt)
        expected = fg.value_and_grad(lambda x, f=f, other=other: f(x, other, where=MASK).sum())(np.where(MASK, X, 0))
        close((value, slope), expected, 1e-14)
        assert not np.asarray(slope)[~MASK].any()


def test_a_label_of_zero_takes_minus_infinity() -> None:
    logits, labels = np.array([-np.inf, 0.0, 1.0]), np.array([0.0, 0.5, 0.5])
    value, slope = fg.value_and_grad(lambda x: optim.safe_softmax_cross_entropy(x, labels))(logits)
    assert float(value) == pytest.approx(0.8132616875)
    assert np.isfinite(np.asarray(slope)).all()


def test_a_fenchel_young_loss_passes_arguments_on() -> None:
    loss = optim.make_fenchel_young_loss(lambda x, scale: x.max() * scale)
    close(loss(X, Y, 2.0), fnp.asarray(2 * X.max(-1) - (X * Y).sum(-1)), 1e-14)
    check_grads(lambda x: optim.make_fenchel_young_loss(fnp.logsumexp)(x, SOFT), (X,), order=2)


def test_mistakes_are_told() -> None:
    with pytest.raises(ArrayIndexError, match="outside of the classes 0 to 3"):
        optim.softmax_cross_entropy_with_integer_labels(X, np.array([0, 4, 1]))
    with pytest.raises(ShapeError, match="must have one shape"):
        optim.squared_error(X, Y[0])
    with pytest.raises(OptionError, match="reduction must be"):
        optim.dice_loss(REGIONS, TRUE, reduction="average")
    with pytest.raises(OptionError, match="reduce_fn"):
        optim.ranking_softmax_loss(X, SOFT, reduce_fn="mean")
    with pytest.raises(ShapeError, match=r"logits must be \(B, T, K\)"):
        optim.ctc_loss(FRAMES[0], FRAME_PADS, LABELS, LABEL_PADS)
