"""Activation functions: PyTorch's values and derivatives, at bends and far out too, and every transform."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, close, fails

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import DtypeError, OptionError, ShapeError
from funcgrad.testing import check_grads

AS_IN_TORCH = [
    ("celu", {}),
    ("celu", {"alpha": 2.0}),
    ("elu", {"alpha": 0.5}),
    ("gelu", {"approximate": "none"}),
    ("gelu", {"approximate": "tanh"}),
    ("glu", {}),
    ("hardshrink", {}),
    ("hardshrink", {"lambd": 1.0}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -3.0, "max_val": 0.5}),
    ("leaky_relu", {"negative_slope": 0.2}),
    ("logsigmoid", {}),
    ("mish", {}),
    ("relu", {}),
    ("relu6", {}),
    ("selu", {}),
    ("silu", {}),
    ("softplus", {}),
    ("softplus", {"beta": 3.0, "threshold": 4.0}),
    ("softshrink", {}),
    ("softshrink", {"lambd": 1.0}),
    ("softsign", {}),
    ("tanhshrink", {}),
    ("threshold", {"threshold": 1.0, "value": -7.0}),
]
OURS = [
    ("geglu", {}),
    ("geglu", {"approximate": "none"}),
    ("quick_gelu", {}),
    ("reglu", {}),
    ("relu2", {}),
    ("softmin", {}),
    ("softplus", {"beta": -0.5}),
    ("squareplus", {}),
    ("squareplus", {"b": 0.1}),
    ("swiglu", {}),
]
BENDS = [0.0, -3.0, 3.0, -1.0, 1.0, 0.5, -0.5, 6.0]


def numbers() -> np.ndarray:
    general = np.random.default_rng(3).normal(size=20) * 3
    return np.concatenate([general, BENDS, [1e3, -1e3, 1e12, -1e12]])


def text(case) -> str:
    return str(case).replace(" ", "") if isinstance(case, dict) else case


@pytest.mark.parametrize(("name", "options"), AS_IN_TORCH, ids=text)
def test_values_and_derivatives_are_torchs(name, options):
    torch = pytest.importorskip("torch")
    x = numbers()
    given = torch.tensor(x, requires_grad=True)
    y = getattr(torch.nn.functional, name)(given, **options)
    (grad,) = torch.autograd.grad(y.sum(), given, create_graph=True)
    f = getattr(F, name)
    close(f(x, **options), y.detach(), 1e-10)
    sixth = 1e-7 if name == "hardsigmoid" else 1e-10  # torch's has the digits of float32
    close(fg.grad(lambda x: f(x, **options).sum())(x), grad.detach(), sixth)
    if grad.requires_grad and name != "hardsigmoid":  # torch has no second derivative of it
        (second,) = torch.autograd.grad(grad.sum(), given)
        ours = fg.grad(lambda x: fg.grad(lambda x: f(x, **options).sum())(x).sum())(x)
        close(ours[:20], second[:20], 1e-8)  # where it bends each side has its own
    narrow = x.astype(np.float32)
    close(f(narrow, **options), getattr(torch.nn.functional, name)(torch.tensor(narrow), **options), 1e-5)


@pytest.mark.parametrize(("name", "options"), AS_IN_TORCH + OURS, ids=text)
def test_every_transform_and_no_nan_far_out(name, options):
    f = lambda x: getattr(F, name)(x, **options)  # noqa: E731
    x = np.random.default_rng(4).normal(size=(3, 4)) * 2 + 0.011
    check_grads(f, (x,), order=2)
    close(fg.vmap(f)(x), np.stack([f(row) for row in x]), 1e-12)
    close(fg.jit(f)(x), f(x), 1e-12)
    for dtype in (np.float32, np.float64, np.float16):
        largest = 1e4 if name == "gelu" else float(np.finfo(dtype).max) / 4  # gelu squares and cubes x
        far = fnp.asarray(np.array([largest, -largest, largest, 1.0]), dtype)
        if name not in ("relu2", "geglu", "swiglu", "reglu"):  # products of two large numbers
            assert f(far).dtype == dtype
            assert not np.isnan(f(far)).any()
            assert not np.isnan(fg.grad(lambda x: f(x)[:1].sum())(far)).any()
    assert f(fnp.asarray([1, 2])).dtype == (np.int64 if name.startswith("relu") else np.float32)


def test_squareplus_keeps_its_digits_below_zero():
    close(F.squareplus(np.array([-1e8, 1e8])) * np.array([1e8, 1e-8]), [1, 1], 1e-12)
    assert float(fg.grad(F.squareplus)(0.0)) == 0.5
    assert float(fg.grad(fg.grad(F.squareplus))(0.0)) == 0.25


def test_relu2_and_aliases():
    assert F.relu2([-1.0, 3.0]).tolist() == [0, 9]
    assert F.hard_silu is F.hardswish is F.hard_swish
    assert F.hard_tanh is F.hardtanh
    assert F.hard_sigmoid is F.hardsigmoid
    assert F.logsigmoid is F.log_sigmoid


def test_the_second_half_is_the_gate():
    x = np.random.default_rng(5).normal(size=(2, 6))
    a, b = x[:, :3], x[:, 3:]
    close(F.swiglu(x), a * np.asarray(F.silu(b)), 1e-12)
    close(F.geglu(x), a * np.asarray(F.gelu(b)), 1e-12)
    close(F.reglu(x.T, axis=0), (a * np.maximum(b, 0)).T, 1e-12)
    fails(ShapeError, "swiglu: axis 1 of float64[2,5] has no two halves", F.swiglu, x[:, :5])


def test_activations_refuse_senseless_options():
    fails(OptionError, "hardtanh: min_val 2 must not be above", F.hardtanh, [1.0], 2, 1)
    fails(OptionError, "softshrink: lambd", F.softshrink, [1.0], -1.0)
    fails(OptionError, "celu: alpha", F.celu, [1.0], 0.0)
    fails(OptionError, "gelu: approximate", F.gelu, [1.0], "exact")
    fails(OptionError, "rrelu: lower", F.rrelu, [1.0], 1.0, 0.5, key=KEY)
    fails(OptionError, "gumbel_softmax: tau", F.gumbel_softmax, [1.0], 0.0, key=KEY)
    fails(DtypeError, "rrelu: training needs a key", F.rrelu, [1.0])
    fails(DtypeError, "gumbel_softmax: it draws", F.gumbel_softmax, [1.0])
    fails(DtypeError, "mish: complex", F.mish, [1j])
    fails(DtypeError, "softmax: where must be booleans", F.softmax, [1.0], where=[1])
    fails(
        ShapeError, "prelu: weight must be one number or one for each of the 2 channels", F.prelu, [1.0, 2.0], [1.0] * 3
    )


# ---- learned and random slopes -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 2, 2)])
@pytest.mark.parametrize("count", [1, 3])
def test_prelu_is_torchs(shape, count):
    torch = pytest.importorskip("torch")
    x, w = np.random.default_rng(0).normal(size=shape), np.linspace(0.1, 0.3, count)
    x[0, 0] = 0
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    y = torch.nn.functional.prelu(tx, tw)
    torch.sin(y).sum().backward()
    close(F.prelu(x, w, axis=1), y.detach(), 1e-12)
    gx, gw = fg.grad(lambda x, w: fnp.sin(F.prelu(x, w, axis=1)).sum(), argnums=(0, 1))(x, w)
    close(gx, tx.grad, 1e-10)
    close(gw, tw.grad, 1e-10)
    last = np.moveaxis(x, 1, -1)
    close(F.prelu(last, w), np.moveaxis(np.asarray(F.prelu(x, w, axis=1)), 1, -1), 1e-12)
    check_grads(lambda x, w: F.prelu(x, w, axis=1), (x + 0.01, w), order=2)


def test_rrelu_draws_a_slope_for_each_element():
    y = F.rrelu(-np.ones(10_000), key=KEY)
    assert float(y.min()) > -1 / 3
    assert float(y.max()) < -1 / 8
    close([-y.mean(), y.std()], [(1 / 8 + 1 / 3) / 2, (1 / 3 - 1 / 8) / 12**0.5], 5e-3)
    assert F.rrelu([2.0, -1.0], 0.5, 0.5, key=KEY).tolist() == [2, -0.5]
    slopes = fg.grad(lambda x: F.rrelu(x, key=KEY).sum())(-np.ones(10_000))
    close(slopes, -y, 1e-12)
    assert F.rrelu(fnp.asarray([-1.0], "float16"), key=KEY).dtype == np.float16


# ---- softmax -----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax, F.softmin])
def test_softmax_of_nothing_is_nothing(function):
    for shape in ((0,), (3, 0), (0, 3)):
        assert function(np.zeros(shape)).shape == shape
        assert function(np.zeros(shape), axis=0).shape == shape
        assert fg.grad(lambda x: function(x).sum())(np.zeros(shape)).shape == shape


@pytest.mark.parametrize("axis", [-1, 0, (0, 1)])
def test_masked_softmax_is_that_of_what_is_left(axis):
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(6)
    x, mask = rng.normal(size=(3, 5)), rng.random((3, 5)) < 0.6
    mask[:, 1] = mask[1] = True
    with jax.enable_x64(True):
        expected = np.asarray(jax.nn.softmax(x, axis, where=mask))
        expected_log = np.asarray(jax.nn.log_softmax(x, axis, where=mask))
    close(F.softmax(x, axis, where=mask), expected, 1e-12)
    close(F.log_softmax(x, axis, where=mask)[mask], expected_log[mask], 1e-12)
    assert set(F.log_softmax(x, axis, where=mask)[~mask].tolist()) == {-np.inf}


def test_rows_without_any_element_are_zeros_and_so_are_their_derivatives():
    mask = np.array([[True, True, False], [False, False, False], [False, False, True]])
    x = np.array([[1.0, 2.0, np.nan], [np.inf, -np.inf, 0.0], [1e300, np.inf, -1e300]])
    y = F.softmax(x, where=mask)
    close(y, [[1 / (1 + np.e), np.e / (1 + np.e), 0], [0, 0, 0], [0, 0, 1]], 1e-12)
    for f in (F.softmax, F.log_softmax):
        weigh = lambda y: (fnp.where(mask, y, 0.0) * np.arange(9.0).reshape(3, 3)).sum()  # noqa: E731
        grad = fg.grad(lambda x, f=f, weigh=weigh: weigh(f(x, where=mask)))(x)
        assert np.isfinite(grad).all()
        assert not np.asarray(grad)[~mask].any()
    assert F.log_softmax(x, where=mask)[1].tolist() == [-np.inf] * 3


def test_masked_softmax_under_every_transform():
    rng = np.random.default_rng(7)
    x, mask = rng.normal(size=(4, 5)), rng.random((4, 5)) < 0.5
    mask[0] = False
    check_grads(lambda x: F.softmax(x, where=mask), (x,), order=2)
    check_grads(lambda x: fnp.where(mask, F.log_softmax(x, where=mask), 0), (x,), order=2)
    batched = fg.vmap(lambda x, mask: F.softmax(x, where=mask))(x, mask)
    close(batched, F.softmax(x, where=mask), 1e-12)
    close(fg.jit(lambda x, mask: F.softmax(x, where=mask))(x, mask), batched, 1e-12)


def test_gumbel_softmax_chooses_by_probability():
    logits = np.log([0.1, 0.2, 0.7])
    rows = fnp.broadcast_to(fnp.asarray(logits), (20_000, 3))
    hard = F.gumbel_softmax(rows, hard=True, key=KEY)
    assert np.unique(np.asarray(hard)).tolist() == [0, 1]
    close(hard.sum(-1), np.ones(20_000))
    close(hard.mean(0), [0.1, 0.2, 0.7], 0.01)
    soft = F.gumbel_softmax(rows, tau=0.5, key=KEY)
    assert (np.asarray(soft).argmax(-1) == np.asarray(hard).argmax(-1)).all()
    weights = np.arange(3.0)
    grads = [
        fg.grad(lambda x, hard=hard: (F.gumbel_softmax(x, 0.5, hard, key=KEY) * weights).sum())(rows[:5])
        for hard in (True, False)
    ]
    close(grads[0], grads[1], 1e-12)
    columns = F.gumbel_softmax(rows[:4].T, hard=True, axis=0, key=random.key(1))
    close(columns.sum(0), np.ones(4))
