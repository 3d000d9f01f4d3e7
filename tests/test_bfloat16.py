"""bfloat16, the dtype of ml_dtypes: promotion, values, derivatives, programs, and what leaves the package."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
from funcgrad import dtypes, layers, optim, random
from funcgrad import numpy as fnp

ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
BF = np.dtype(ml_dtypes.bfloat16)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-2, 2, shape).astype(BF)


@pytest.mark.parametrize(
    ("other", "met"),
    [
        ("bool", "bfloat16"),
        *((name, "bfloat16") for name in ["int8", "uint8", "int32", "uint32", "int64", "uint64"]),
        ("bfloat16", "bfloat16"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("complex64", "complex64"),
        ("complex128", "complex128"),
    ],
)
def test_it_meets_other_dtypes(other: str, met: str) -> None:
    x, y = fnp.ones(3, BF), fnp.ones(3, other)
    assert fnp.promote_types("bfloat16", other) == fnp.promote_types(other, "bfloat16") == np.dtype(met)
    for z in (x + y, y * x, fnp.maximum(x, y), fnp.where(fnp.ones(3, bool), x, y), fnp.concat([x, y])):
        assert z.dtype == np.dtype(met)


def test_python_numbers_are_weak_beside_it() -> None:
    x = fnp.asarray([1.0, 2.0], "bfloat16")
    for y in (x + 1, 1 + x, x * 0.1, 0.1 * x, x**2, x**0.5, 2.0**x, fnp.maximum(x, 0), x / 3, True * x, x - 0.5, -x):
        assert y.dtype == BF
    for y in (fnp.where(x > 1, x, 0.5), fnp.clip(x, 0, 1.5), F.relu(x), x @ x, x.sum(), x.mean(), abs(x), round(x)):
        assert y.dtype == BF
    assert (x + 1j).dtype == np.complex64
    assert (x > 1.5).dtype == bool
    assert bool((x * 0.1 == x * fnp.asarray(0.1, "bfloat16")).all())  # the number is rounded first, as in NumPy


def test_names_and_kinds() -> None:
    assert dtypes.canonical("bfloat16") is dtypes.canonical(fnp.bfloat16) is BF
    assert dtypes.is_floating(BF)
    assert dtypes.is_inexact(BF)
    assert not dtypes.is_complex(BF)
    assert not dtypes.is_integer(BF)
    assert dtypes.finfo("bfloat16").eps == fnp.finfo(fnp.bfloat16).eps == 2.0**-7
    assert fnp.finfo("bfloat16").bits == 16
    assert fnp.finfo("bfloat16").dtype is BF
    assert fnp.isdtype(fnp.bfloat16, "real floating")
    assert not fnp.isdtype(fnp.bfloat16, ("integral", "complex floating", "bool"))
    assert fnp.issubdtype("bfloat16", np.floating)
    assert not fnp.issubdtype("bfloat16", np.integer)
    assert fnp.can_cast("bfloat16", "float32")
    assert not fnp.can_cast("bfloat16", "float16")
    assert fnp.result_type("bfloat16", "float16", 1.0) == np.float32
    assert fnp.nextafter(fnp.asarray(1.0, "bfloat16"), 2.0) == 1 + 2.0**-7
    assert fnp.spacing(fnp.asarray(1.0, "bfloat16")) == 2.0**-7
    with pytest.raises(dtypes.DtypeError, match="float8"):
        fnp.zeros(2, ml_dtypes.float8_e5m2)


def test_what_leaves_the_package() -> None:
    x = fnp.asarray([1.5, -2.0], "bfloat16")
    out = np.asarray(x)
    assert out.dtype is BF
    assert not out.flags.writeable
    assert repr(x) == "Array([1.5, -2], dtype=bfloat16)"
    back = pickle.loads(pickle.dumps(x))
    assert back.dtype is BF
    assert back.tolist() == [1.5, -2.0]
    assert fg.device_get({"x": x})["x"].dtype == BF
    assert x.astype("float32").dtype == np.float32
    assert x.astype(int).tolist() == [1, -2]


def test_files_of_numpy_forget_it(tmp_path: Path) -> None:
    x = fnp.asarray([1.5, -2.0], "bfloat16")
    np.save(tmp_path / "x.npy", np.asarray(x))
    loaded = np.load(tmp_path / "x.npy")
    with pytest.raises(dtypes.DtypeError, match=r"x.view\(fnp.bfloat16\)"):
        fnp.asarray(loaded)
    assert fnp.asarray(loaded.view(fnp.bfloat16)).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int16"])
def test_dlpack_goes_both_ways(dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = fnp.asarray([[1.5, 2.0], [3.0, 0.0]]).astype(dtype)
    there = torch.from_dlpack(x)
    assert there.dtype == getattr(torch, dtype)
    assert there.tolist() == x.tolist()
    there += 1  # its own memory
    back = fnp.from_dlpack(there.T)
    assert back.dtype is x.dtype
    assert back.tolist() == (x.T + 1).tolist()
    assert fnp.asarray(there).tolist() == (x + 1).tolist()


def test_an_array_from_outside_has_the_one_dtype_object() -> None:
    given = numbers(3)
    other = given.astype(BF.newbyteorder("="))
    assert fnp.asarray(other).dtype is BF
    assert (fnp.asarray(other) + 1.5).dtype is BF


def narrow_ulps(found: Any, expected: Any) -> Any:
    """How many bfloat16 numbers lie between."""
    bits = [np.asarray(a).astype(BF).view(np.int16).astype(int) for a in (found, expected)]
    lines = [np.where(b < 0, -(b & 0x7FFF), b) for b in bits]
    return np.abs(lines[0] - lines[1]).max(initial=0)


def test_a_sum_is_rounded_once() -> None:
    x = fnp.full((1000,), 0.01, BF)
    exact = np.asarray(x, np.float64)
    assert narrow_ulps(x.sum(), exact.sum()) <= 1  # added up in bfloat16 it stays at 4
    assert narrow_ulps(fnp.cumulative_sum(x), exact.cumsum()) <= 1
    assert narrow_ulps(x @ x, exact @ exact) <= 1


def test_a_small_model_learns() -> None:
    x, y = numbers(64, 3), numbers(64, 3) @ np.array([1.0, -2.0, 0.5], BF)
    params = {"w": random.normal(random.key(0), (3, 8), dtype=BF), "v": random.normal(random.key(1), (8,), dtype=BF)}

    def loss(params: Any) -> Any:
        return fnp.mean((fnp.tanh(x @ params["w"]) @ params["v"] - y.astype(BF)) ** 2)

    step = fg.jit(fg.value_and_grad(loss))
    losses = []
    for _ in range(30):
        value, grads = step(params)
        assert all(g.dtype is BF for g in fg.tree.leaves(grads))
        params = fg.tree.map(lambda p, g: p - 0.1 * g, params, grads)
        losses.append(float(value))
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_network_of_images_learns(dtype: str) -> None:
    model = layers.Sequential(
        layers.Conv2d(1, 4, 3),
        layers.BatchNorm2d(4),
        layers.ReLU(),
        layers.MaxPool2d(2),
        layers.Flatten(),
        layers.Linear(4 * 3 * 3, 3),
    )
    params, state = model.init(random.key(0))
    params = fg.tree.map(lambda p: p.astype(dtype), params)
    x, labels = random.normal(random.key(1), (16, 8, 8, 1), dtype=dtype), fnp.arange(16) % 3
    optimiser = optim.adam(0.01)

    def loss(params: Any, state: Any) -> Any:
        logits, state = model.apply(params, state, x, train=True)
        assert logits.dtype == dtype
        return F.cross_entropy(logits, labels), state

    @fg.jit
    def step(params: Any, state: Any, moments: Any) -> Any:
        (value, state), grads = fg.value_and_grad(loss, has_aux=True)(params, state)
        updates, moments = optimiser.update(grads, moments, params)
        return value, grads, optim.apply_updates(params, updates), state, moments

    moments = optimiser.init(params)
    losses = []
    for _ in range(20):
        value, grads, params, state, moments = step(params, state, moments)
        losses.append(float(value))
        assert {a.dtype.name for a in fg.tree.leaves((grads, params))} == {dtype}
    assert losses[-1] < losses[0] / 2
    assert all(a.dtype == np.float32 for a in fg.tree.leaves(state))  # running statistics as they were


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "adagrad"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_optimisers_take_the_step_of_float32(name: str, dtype: str) -> None:
    optimiser = getattr(optim, name)(0.1)
    steps = {}
    for at in (dtype, "float32"):
        p = fnp.asarray([1.0, -1.0, 0.5]).astype(at)
        state = optimiser.init(p)
        for g in ([0.5, 1e-3, 0.0], [0.25, 2e-3, 0.0]):
            updates, state = optimiser.update(fnp.asarray(g).astype(at), state, p)
            assert updates.dtype == at
            p = optim.apply_updates(p, updates)
        steps[at] = np.asarray(p.astype("float32"))
    assert np.allclose(steps[dtype], steps["float32"], atol=8 * float(dtypes.finfo(dtype).eps))


@pytest.mark.parametrize("name", ["normal", "uniform", "exponential", "gumbel", "laplace", "logistic", "cauchy"])
def test_random_numbers(name: str) -> None:
    draw = getattr(random, name)
    found, wide = draw(random.key(0), (500,), dtype="bfloat16"), draw(random.key(0), (500,), dtype="float32")
    assert found.dtype is BF
    assert np.isfinite(np.asarray(found, np.float32)).all()
    assert abs(float(fnp.median(found)) - float(fnp.median(wide))) < 0.1


def test_uniform_numbers_are_below_one() -> None:
    x = random.uniform(random.key(0), (5000,), dtype="bfloat16")
    assert 0 <= float(x.min()) < float(x.max()) < 1
    assert len(set(x.tolist())) == 256


def test_transforms_pass_it_on() -> None:
    x = fnp.asarray([0.5, 1.0], "bfloat16")
    assert fg.hessian(lambda x: (x**3).sum())(x).dtype is BF
    assert fg.jacfwd(fnp.sin)(x).dtype is BF
    assert fg.vmap(lambda x: x * 2 if x > 0.7 else x - 1)(x).tolist() == [-0.5, 2.0]
    assert fg.grad(fg.checkpoint(lambda x: fnp.sin(x).sum()))(x).dtype is BF
    total, rows = fg.scan(lambda c, x: (c + x, c * x), fnp.asarray(0, BF), x)
    assert total.dtype is rows.dtype is BF
    assert [fg.jit(lambda x, r: x - r * x)(x, 0.1).dtype for _ in range(4)] == [BF] * 4
    fg.testing.check_grads(lambda x: fnp.sin(x) * x, [x], 2)


def test_functions_themselves_are_compiled() -> None:
    x = fnp.asarray([1.0, -2.0], "bfloat16")
    for f in (fnp.nextafter, fnp.logaddexp, fnp.add):
        program = fg.jit(f)
        assert [program(x, x).tolist() for _ in range(4)] == [f(x, x).tolist()] * 4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_clipping_knows_large_norms(dtype: str) -> None:
    g = fnp.full(5, 1000.0, dtype)  # the sum of squares is beyond float16
    for clip in (optim.adaptive_grad_clip(0.1), optim.clip_by_global_norm(1.0)):
        found, _ = clip.update(g, clip.init(g), g)
        assert found.dtype == dtype
        expected, _ = clip.update(g.astype("float32"), clip.init(g), g.astype("float32"))
        assert np.allclose(np.asarray(found, np.float32), np.asarray(expected), rtol=0.01)
