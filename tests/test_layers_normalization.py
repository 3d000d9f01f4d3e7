"""What the table of layers does not see of normalisation: parts of a batch, other layouts, 16 bits, messages."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, close, fails, values

import funcgrad as fg
from funcgrad import layers
from funcgrad.errors import AxisNameError, OptionError, ShapeError


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("parts", [(4, 3), (12, None)], ids=["four parts", "single examples"])
def test_parts_of_a_batch_have_the_statistics_of_the_whole(momentum, parts):
    count, size = parts
    x = (values(12, 5, 6, 2) + np.arange(12)[:, None, None, None] + 100).astype("float64")  # parts that differ much
    weights = values(12, 5, 6, 2, seed=1).astype("float64")
    split = lambda a: a if size is None else a.reshape(count, size, *a.shape[1:])  # noqa: E731
    whole, part = layers.BatchNorm2d(2, momentum=momentum), layers.BatchNorm2d(2, momentum=momentum, axis_name="parts")
    with fg.config.default_dtype("float64"):
        params, state = whole.init(KEY)
    assert fg.tree.structure((params, state)) == fg.tree.structure(part.init(KEY))

    def together(params, x):
        y, after = whole.apply(params, state, x, train=True)
        return (y * weights).sum(), (y, after)

    def apart(params, x):
        f = fg.vmap(lambda x: part.apply(params, state, x, train=True), axis_name="parts", out_axes=(0, None))
        y, after = f(split(x))
        return (y.reshape(x.shape) * weights).sum(), (y.reshape(x.shape), after)

    (_, expected), (by_params, by_x) = fg.value_and_grad(together, (0, 1), has_aux=True)(params, x)
    for f in (apart, fg.jit(apart)):
        (_, found), grads = fg.value_and_grad(f, (0, 1), has_aux=True)(params, x)
        for y, e in zip(fg.tree.leaves((found, grads)), fg.tree.leaves((expected, (by_params, by_x))), strict=True):
            close(y, e, 1e-9)


def test_gradients_of_parts_add_up_to_that_of_the_whole():
    x, target = values(8, 3), values(8, 3, seed=1)
    whole, part = layers.BatchNorm1d(3), layers.BatchNorm1d(3, axis_name="i")
    params, state = whole.init(KEY)

    def loss(model):
        return lambda params, x, target: ((model.apply(params, state, x, train=True)[0] - target) ** 2).sum()

    expected = fg.grad(loss(whole))(params, x, target)
    step = lambda x, target: fg.psum(fg.grad(loss(part))(params, x, target), "i")  # noqa: E731
    found = fg.vmap(step, axis_name="i", out_axes=None)(x.reshape(4, 2, 3), target.reshape(4, 2, 3))
    close(found["weight"], expected["weight"], 1e-4)
    close(found["bias"], expected["bias"], 1e-4)


def test_several_axes_are_one_batch_and_evaluation_needs_none():
    model = layers.BatchNorm1d(3, axis_name=("i", "j"))
    params, state = model.init(KEY)
    x = values(2, 4, 3)
    f = lambda x: model.apply(params, state, x, train=True)[0]  # noqa: E731
    y = fg.vmap(fg.vmap(f, axis_name="j"), axis_name="i")(x)
    close(y.reshape(8, 3), layers.BatchNorm1d(3).apply(params, state, x.reshape(8, 3), train=True)[0], 1e-4)
    close(model.apply(params, state, x[0])[0], x[0], 1e-4)
    error = fails(AxisNameError, "no vmap with axis_name='i' is running", model.apply, params, state, x[0], train=True)
    assert "BatchNorm1d(3" in str(error)


@pytest.mark.parametrize("layout", ["NC", "NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW"])
def test_every_layout_is_the_same_function(layout):
    sizes = dict(zip("NCDHW", (2, 4, 2, 3, 5), strict=True))
    x = values(*[sizes[a] for a in layout])
    last = np.moveaxis(x, layout.index("C"), -1)
    affine = {"weight": values(4, seed=1), "bias": values(4, seed=2)}
    for model, params in (
        (layers.GroupNorm(2, 4, layout=layout), affine),
        (layers.LocalResponseNorm(3, alpha=0.5, layout=layout), {}),
    ):
        y = np.asarray(model(params, x))
        usual = type(model)(**{**model.__dict__, "layout": "NDHWC"})
        places = (1,) * (5 - last.ndim)
        expected = np.asarray(usual(params, last.reshape(2, *places, *last.shape[1:]))).reshape(last.shape)
        close(np.moveaxis(y, layout.index("C"), -1), expected)
        close(model(params, x[1]), y[1])


def test_scale_norm_is_the_formula():
    x = values(4, 3)
    params, _ = layers.ScaleNorm(3).init(KEY)
    close(params["scale"], 3**0.5)
    close(layers.ScaleNorm(3)(params, x), 3**0.5 * x / np.linalg.norm(x, axis=-1, keepdims=True))
    close(layers.ScaleNorm(3)(params, np.zeros(3)), np.zeros(3))


def test_running_statistics_of_instances_without_momentum_are_plain_means():
    model = layers.InstanceNorm1d(2, track_running_stats=True, momentum=None)
    params, state = model.init(KEY)
    batches = [values(3, 5, 2, seed=i) for i in range(4)]
    for x in batches:
        _, state = model.apply(params, state, x, train=True)
    close(state["mean"], np.mean([x.mean((0, 1)) for x in batches], axis=0))
    close(state["var"], np.mean([x.var(1, ddof=1).mean(0) for x in batches], axis=0))
    y, after = model.apply(params, state, batches[0])
    close(y, (batches[0] - state["mean"]) / np.sqrt(np.asarray(state["var"]) + 1e-5))
    assert after["count"] == 4


def test_16_bit_inputs_compute_in_32():
    x = (values(3, 4, 4, 2) * 100 + 1000).astype("float16")
    for model in (
        layers.InstanceNorm2d(2, track_running_stats=True),
        layers.InstanceNorm2d(2),
        layers.GroupNorm(1, 2, affine=False),
    ):
        _, state = model.init(KEY)
        y, after = model.apply({}, state, x, train=True)
        assert y.dtype == np.float16
        expected, wide = model.apply({}, state, x.astype("float32"), train=True)
        close(y, expected, 2e-3)
        for a, b in zip(fg.tree.leaves(after), fg.tree.leaves(wide), strict=True):
            close(a, b)


def test_messages():
    fails(
        ShapeError, "expected (N, H, W, 3), with or without N, got (2, 3)", layers.InstanceNorm2d(3), {}, values(2, 3)
    )
    fails(ShapeError, "more than one value in each channel of an example", layers.InstanceNorm1d(3), {}, values(1, 3))
    norm = layers.GroupNorm(2, 4, affine=False)
    fails(ShapeError, "in layer GroupNorm(2, 4, affine=False): expected (N, H, W, 4)", norm, {}, values(2, 4))
    with pytest.raises(ShapeError, match="GroupNorm: 3 groups do not divide 4 channels"):
        layers.GroupNorm(3, 4)
    with pytest.raises(OptionError, match="GroupNorm: layout must be 'NC', 'NWC'"):
        layers.GroupNorm(2, 4, layout="CHW")
    with pytest.raises(OptionError, match="InstanceNorm1d: layout must be 'NWC' or 'NCW', not 'NHWC'"):
        layers.InstanceNorm1d(4, layout="NHWC")
    with pytest.raises(OptionError, match="size must be an int of at least 1"):
        layers.LocalResponseNorm(0)


@pytest.mark.parametrize(
    "make",
    [
        lambda **s: layers.BatchNorm2d(2, **s),
        lambda **s: layers.InstanceNorm2d(2, affine=True, **s),
        lambda **s: layers.GroupNorm(2, 2, **s),
    ],
    ids=["batch", "instance", "group"],
)
def test_without_a_bias_there_is_a_weight_alone(make):
    x, weight = values(3, 4, 5, 2), np.array([2.0, -1.0], "float32")
    params, state = make(bias=False).init(KEY)
    assert list(params) == ["weight"]
    found, _ = make(bias=False).apply({"weight": weight}, state, x, train=True)
    expected, _ = make().apply({"weight": weight, "bias": np.zeros(2, "float32")}, state, x, train=True)
    close(found, expected)
