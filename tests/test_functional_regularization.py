"""The dropout family: what is dropped together, how much of it, what it does to mean and variance, and its messages."""

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
from funcgrad import layers, random
from funcgrad.errors import DtypeError, LayerError, OptionError, ShapeError
from funcgrad.testing import check_grads

KEY = random.key(0)

# name: the function, the shape of an array, the axes along which its elements are dropped together
DROPS: dict[str, tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...]]] = {
    "dropout": (F.dropout, (40, 5, 50), ()),
    "dropout1d": (F.dropout1d, (60, 5, 50), (1,)),
    "dropout1d of one": (F.dropout1d, (5, 3000), (0,)),
    "dropout1d, NCW": (lambda x, rate, **options: F.dropout1d(x, rate, layout="NCW", **options), (60, 50, 5), (2,)),
    "dropout2d": (F.dropout2d, (60, 2, 3, 50), (1, 2)),
    "dropout2d of one": (F.dropout2d, (2, 3, 3000), (0, 1)),
    "dropout2d, NCHW": (
        lambda x, rate, **options: F.dropout2d(x, rate, layout="NCHW", **options),
        (60, 50, 2, 3),
        (2, 3),
    ),
    "dropout3d": (F.dropout3d, (60, 2, 1, 3, 50), (1, 2, 3)),
    "dropout3d, NCDHW of one": (
        lambda x, rate, **options: F.dropout3d(x, rate, layout="NCDHW", **options),
        (3000, 2, 1, 3),
        (1, 2, 3),
    ),
    "drop_path": (F.drop_path, (3000, 2, 2), (1, 2)),
}
each = pytest.mark.parametrize("drop", DROPS.values(), ids=DROPS)


@each
@pytest.mark.parametrize("rate", [0.25, 0.5, 0.8])
def test_what_is_dropped_together_and_how_often(drop: Any, rate: float) -> None:
    f, shape, together = drop
    y = np.asarray(f(fnp.ones(shape, dtype="float64"), rate, key=KEY))
    assert y.shape == shape
    one = y.max(together) if together else y
    assert (y == np.expand_dims(one, together)).all()
    np.testing.assert_allclose(sorted(set(one.ravel().tolist())), [0, 1 / (1 - rate)], rtol=1e-12)
    assert abs((one == 0).mean() - rate) < 4 * math.sqrt(rate * (1 - rate) / one.size)


@each
def test_derivatives_batches_and_programs(drop: Any) -> None:
    f, shape, _ = drop
    x = uniform(*[min(n, 4) for n in shape])
    check_grads(lambda x: f(x, 0.5, key=KEY) ** 2, (x,), order=2)
    keys, batch = random.split(KEY, 3), np.stack([x, 2 * x, 3 * x])
    mapped = fg.vmap(lambda x, key: f(x, 0.5, key=key))(batch, keys)
    for one, key, found in zip(batch, keys, mapped, strict=True):
        np.testing.assert_array_equal(found, f(one, 0.5, key=key))
    compiled = fg.jit(lambda x, key: f(x, 0.5, key=key))
    for key in keys:
        np.testing.assert_array_equal(compiled(x, key), f(x, 0.5, key=key))


@each
def test_extreme_rates_and_evaluation(drop: Any) -> None:
    f, shape, _ = drop
    x = fnp.ones(tuple(min(n, 4) for n in shape))
    assert f(x, 0.5, train=False) is x
    assert f(x, 0.0) is x
    assert not np.asarray(f(x, 1.0, key=KEY)).any()
    with pytest.raises(DtypeError, match="training needs a key"):
        f(x, 0.5)
    with pytest.raises(OptionError, match="p must be between 0 and 1, not 1"):
        f(x, 1.5, key=KEY)


ALPHAS = {
    "alpha_dropout": (F.alpha_dropout, (400_000,), ()),
    "feature_alpha_dropout": (F.feature_alpha_dropout, (100, 2, 1, 1000), (1, 2)),
    "feature_alpha_dropout, NC": (
        lambda x, rate, **options: F.feature_alpha_dropout(x, rate, layout="NC", **options),
        (400, 500),
        (),
    ),
}
each_alpha = pytest.mark.parametrize("drop", ALPHAS.values(), ids=ALPHAS)


@each_alpha
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(drop: Any, rate: float) -> None:
    f, shape, together = drop
    x = random.normal(random.key(1), shape)
    y = np.asarray(f(x, rate, key=KEY))
    assert abs(y.mean()) < 0.015
    assert abs(y.var() - 1) < 0.03
    least = -1.7580993408473766
    a = 1 / math.sqrt((1 - rate) * (1 + rate * least**2))
    b = -a * rate * least
    dropped = np.abs(y - (a * least + b)) < 1e-6
    np.testing.assert_allclose(y[~dropped], (a * np.asarray(x) + b)[~dropped], rtol=1e-4, atol=1e-5)
    if together:
        assert (dropped == dropped.all(together, keepdims=True)).all()
    channels = dropped.all(together) if together else dropped
    assert abs(channels.mean() - rate) < 4 * math.sqrt(rate * (1 - rate) / channels.size)


@each_alpha
def test_alpha_dropout_under_transforms(drop: Any) -> None:
    f, shape, _ = drop
    x = uniform(*[min(n, 4) for n in shape])
    check_grads(lambda x: f(x, 0.5, key=KEY) ** 2, (x,), order=2)
    keys = random.split(KEY, 3)
    mapped = fg.vmap(lambda key: f(x, 0.5, key=key))(keys)
    compiled = fg.jit(lambda x, key: f(x, 0.5, key=key))
    for key, found in zip(keys, mapped, strict=True):
        np.testing.assert_array_equal(found, f(x, 0.5, key=key))
        np.testing.assert_allclose(compiled(x, key), f(x, 0.5, key=key), rtol=1e-12)
    assert not np.asarray(f(x, 1.0, key=KEY)).any()
    np.testing.assert_array_equal(f(x, 0.3, train=False), x)


def test_alpha_dropout_has_the_statistics_of_torchs() -> None:
    torch = pytest.importorskip("torch")
    x = uniform(200_000)
    torch.manual_seed(0)
    theirs = torch.nn.functional.alpha_dropout(torch.tensor(x), 0.3, training=True).numpy()
    ours = np.asarray(F.alpha_dropout(x, 0.3, key=KEY))
    for f in (np.mean, np.var, np.min, np.max):
        assert abs(f(ours) - f(theirs)) < 0.02


def test_drop_path_of_one_example_and_unscaled() -> None:
    x = fnp.ones((3, 2))
    found = [F.drop_path(x, 0.5, key=key, mode="batch") for key in random.split(KEY, 20)]
    assert {tuple(set(y.ravel().tolist())) for y in found} == {(0.0,), (2.0,)}
    assert set(F.drop_path(fnp.ones(50), 0.5, key=KEY, scale_by_keep=False).tolist()) == {0.0, 1.0}


def test_narrow_floats_and_integers() -> None:
    for f in (F.dropout, F.alpha_dropout, F.drop_path):
        assert f(fnp.ones(4, dtype="float16"), 0.5, key=KEY).dtype == np.float16
        assert f([1, 2, 3], 0.5, key=KEY).dtype == np.float32


def test_messages() -> None:
    x = fnp.ones((2, 3))
    with pytest.raises(ShapeError, match=r"dropout2d: expected \(N, H, W, C\), with or without N, got \(2, 3\)"):
        F.dropout2d(x, 0.5, key=KEY)
    with pytest.raises(OptionError, match="dropout2d: layout must be 'NHWC' or 'NCHW', not 'NWC'"):
        F.dropout2d(x, 0.5, key=KEY, layout="NWC")
    with pytest.raises(OptionError, match="feature_alpha_dropout: layout must be 'NC', 'NWC',"):
        F.feature_alpha_dropout(x, 0.5, key=KEY, layout="CN")
    with pytest.raises(OptionError, match="mode must be 'row' or 'batch'"):
        F.drop_path(x, 0.5, key=KEY, mode="rows")
    with pytest.raises(ShapeError, match="no axis that counts examples"):
        F.drop_path(1.0, 0.5, key=KEY)


@pytest.mark.parametrize(
    ("layer", "function", "shape"),
    [
        (layers.Dropout(0.4), F.dropout, (4, 3)),
        (layers.Dropout1d(0.4), F.dropout1d, (4, 5, 3)),
        (layers.Dropout2d(0.4), F.dropout2d, (4, 5, 3)),
        (layers.Dropout3d(0.4), F.dropout3d, (4, 5, 2, 3)),
        (layers.AlphaDropout(0.4), F.alpha_dropout, (4, 3)),
        (layers.FeatureAlphaDropout(0.4), F.feature_alpha_dropout, (4, 2, 2, 3)),
        (layers.DropPath(0.4), F.drop_path, (9, 3)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, layers.Layer) else "",
)
def test_layers_are_their_functions_with_a_key_of_their_own(layer: Any, function: Any, shape: tuple[int, ...]) -> None:
    model = layers.Sequential(layer, layer)
    x = uniform(*shape)
    y, _ = model.apply(({}, {}), ({}, {}), x, key=KEY, train=True)
    again, _ = model.apply(({}, {}), ({}, {}), x, key=KEY, train=True)
    np.testing.assert_array_equal(y, again)
    first, _ = layers.Sequential(layer).apply(({},), ({},), x, key=KEY, train=True)
    assert not np.array_equal(y, first)
    np.testing.assert_array_equal(model.apply(({}, {}), ({}, {}), x)[0], x)
    with pytest.raises(LayerError, match="needs a random key"):
        model.apply(({}, {}), ({}, {}), x, train=True)
    with pytest.raises(OptionError, match="p must be between 0 and 1"):
        type(layer)(-0.1)
    alone, _ = layer.apply({}, {}, x, key=KEY, train=True)  # whose first key is folded from the one that is given
    np.testing.assert_array_equal(alone, function(x, 0.4, key=random.fold_in(KEY, 0)))
