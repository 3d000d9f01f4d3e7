"""Weight norm, spectral norm and weight standardisation: channels last, against the formulas, and messages."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, Residual, close, fails, values

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers
from funcgrad.errors import LayerError, OptionError, ShapeError

LAST = [
    layers.Conv1d(2, 4, 3),
    layers.Conv2d(2, 4, (2, 3), groups=2),
    layers.ConvTranspose2d(4, 6, (2, 1), groups=2),
    layers.ConvTranspose3d(2, 3, 2, bias=False),
]


def module_of(torch, layer):
    return getattr(torch.nn, type(layer).__name__)(
        layer.in_channels, layer.out_channels, layer.kernel_size, groups=layer.groups, bias=layer.bias
    )


@pytest.mark.parametrize("name", ["WeightNorm", "SpectralNorm"])
@pytest.mark.parametrize("layer", LAST, ids=lambda layer: type(layer).__name__)
def test_channels_last_against_torch(layer, name):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    wrap = {"WeightNorm": "weight_norm", "SpectralNorm": "spectral_norm"}[name]
    theirs = getattr(torch.nn.utils.parametrizations, wrap)(module_of(torch, layer))
    model = getattr(layers, name)(layer)
    params, state = layers.from_torch_state_dict(model, theirs.state_dict())
    first = model.init(KEY)
    assert fg.tree.map(fnp.shape, (params, state)) == fg.tree.map(fnp.shape, first)
    x = values(3, layer.in_channels, *(5,) * (len(layer.layout) - 2))
    given = torch.tensor(x)
    for train in (True, True, False):
        theirs.train(train)
        theirs.zero_grad()
        expected = theirs(given)
        (expected**2).sum().backward()

        def loss(params, state, train=train):
            y, after = model.apply(params, state, np.moveaxis(x, 1, -1), train=train)
            return (y**2).sum(), (y, after)

        (_, (y, state)), grads = fg.value_and_grad(loss, has_aux=True)(params, state)
        close(np.moveaxis(np.asarray(y), -1, 1), expected.detach(), 1e-4)
        own = layers.to_torch_state_dict(model, grads, state)
        for key, p in theirs.named_parameters():
            close(own[key], p.grad, 1e-3)
        for key, b in theirs.named_buffers():
            close(own[key], b, 1e-4)


def test_the_first_weight_is_that_of_the_layer():
    layer, x = layers.Conv2d(2, 4, 3), values(3, 5, 5, 2)
    params, state = layers.WeightNorm(layer).init(KEY)
    inner = {"weight": params["weight_v"], **params["layer"]}
    close(layers.WeightNorm(layer)(params, x), layer(inner, x))
    assert params["weight_g"].shape == (1, 1, 1, 4)
    assert state == {"layer": {}}


def test_the_axis_may_be_another_one():
    model = layers.WeightNorm(layers.Linear(3, 2), axis=0)
    params, _ = model.init(KEY)
    assert params["weight_g"].shape == (3, 1)
    params = params | {"weight_g": fnp.asarray([[1.0], [2.0], [3.0]])}
    weight = model({**params, "layer": {"bias": fnp.zeros(2)}}, np.eye(3))
    close(np.linalg.norm(weight, axis=1), [1, 2, 3])
    model = layers.SpectralNorm(layers.Conv2d(2, 4, 3), axis=0)
    assert model.init(KEY)[1]["weight_u"].shape == (3,)


def test_any_parameter_of_any_layer():
    model = layers.WeightNorm(layers.Embedding(5, 3))
    params, _ = model.init(KEY)
    assert params["weight_g"].shape == (5, 1)
    params = {**params, "weight_g": fnp.ones((5, 1))}
    close(np.linalg.norm(model(params, np.arange(5)), axis=1), np.ones(5))

    class Scale(layers.Layer):
        def parameters(self, key):
            return {"scale": fnp.asarray([3.0, 4.0])}

        def forward(self, run, x):
            return run.scale * x

    model = layers.WeightNorm(Scale(), name="scale")
    params, _ = model.init(KEY)
    assert sorted(params) == ["layer", "scale_g", "scale_v"]
    close(model(params, 2.0), [6, 8])


def test_spectral_norm_reaches_the_largest_singular_value():
    for layer, shape in ((layers.Linear(5, 3), (2, 5)), (layers.ConvTranspose2d(2, 3, 2), (2, 4, 4, 2))):
        model, x = layers.SpectralNorm(layer), values(*shape)
        params, state = model.init(KEY)
        after = state
        for _ in range(60):
            _, after = model.apply(params, after, x, train=True)
        weight = np.asarray(params["weight_orig"])
        rows = weight.T if weight.ndim == 2 else weight.transpose(2, 3, 0, 1).reshape(3, -1)
        u, v = np.asarray(after["weight_u"]), np.asarray(after["weight_v"])
        close(u @ rows @ v, np.linalg.svd(rows)[1][0], 1e-4)
        close(model.apply(params, state, x)[1]["weight_u"], state["weight_u"], 0)


def test_a_spectral_norm_around_a_layer_with_state():
    class Counted(layers.Linear):
        def state(self):
            return {"count": fnp.zeros(())}

        def forward(self, run, x):
            run.update(count=run.state["count"] + 1)
            return super().forward(run, x)

    model = layers.SpectralNorm(Counted(3, 2))
    params, state = model.init(KEY)
    _, after = model.apply(params, state, values(4, 3), train=True)
    assert float(after["layer"]["count"]) == 1
    assert not np.array_equal(after["weight_u"], state["weight_u"])


@pytest.mark.parametrize(
    ("layer", "axis", "shape"),
    [
        (layers.Linear(3, 4), 1, (3,)),
        (layers.Conv2d(2, 4, 3), 3, (5, 5, 2)),
        (layers.Conv2d(2, 4, 3, layout="NCHW"), 0, (2, 5, 5)),
        (layers.ConvTranspose2d(2, 4, 3), 2, (5, 5, 2)),
    ],
    ids=["Linear", "NHWC", "NCHW", "transposed"],
)
def test_weight_standardization_is_the_formula(layer, axis, shape):
    model = layers.WeightStandardization(layer)
    params, _ = model.init(KEY)
    inner = params["layer"]
    weight = np.asarray(inner["weight"])
    others = tuple(a for a in range(weight.ndim) if a != axis)
    standard = (weight - weight.mean(others, keepdims=True)) / np.sqrt(weight.var(others, keepdims=True) + 1e-5)
    x = values(2, *shape)
    close(model(params, x), layer({**inner, "weight": standard}, x), 1e-4)
    # state dicts are those of the layer alone
    assert sorted(layers.to_torch_state_dict(model, params)) == ["bias", "weight"]


def test_a_layer_that_is_applied_twice_is_reparametrised_once():
    class Twice(layers.Layer):
        inner: layers.WeightStandardization

        def forward(self, run, x):
            return run.inner(run.inner(x))

    inner = layers.WeightStandardization(layers.Linear(3, 3), eps=1.0)
    model = Twice(inner)
    params, _ = model.init(KEY)
    x = values(4, 3)
    close(model(params, x), inner(params["inner"], inner(params["inner"], x)))


def test_parts_of_a_model():
    conv = layers.WeightNorm(layers.Conv2d(2, 2, 3, padding=1))
    model = Residual(conv, layers.BatchNorm2d(2), layers.SpectralNorm(layers.Conv2d(2, 2, 3, padding=1)))
    params, state = model.init(KEY)
    y, after = fg.jit(lambda *args: model.apply(*args, train=True))(params, state, values(2, 4, 4, 2))
    assert y.shape == (2, 4, 4, 2)
    assert sorted(layers.to_torch_state_dict(model, params, after)) == [
        "conv1.bias",
        "conv1.parametrizations.weight.original0",
        "conv1.parametrizations.weight.original1",
        "conv2.bias",
        "conv2.parametrizations.weight.0._u",
        "conv2.parametrizations.weight.0._v",
        "conv2.parametrizations.weight.original",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "norm.weight",
    ]
    text = "in layer conv1.layer Conv2d(2, 2, 3, padding=1): expected (N, H, W, 2)"
    fails(ShapeError, text, model.apply, params, state, values(2, 4, 4, 5))


def test_messages():
    fails(
        LayerError,
        "WeightNorm: Linear(2, 3) has no parameter 'w'",
        layers.WeightNorm(layers.Linear(2, 3), "w").init,
        KEY,
    )
    model = layers.SpectralNorm(layers.Sequential(layers.Linear(2, 3)))
    fails(LayerError, "SpectralNorm: Sequential has no parameter 'weight'", model.init, KEY)
    fails(LayerError, "WeightNorm: the first argument is a layer, not", layers.WeightNorm, layers.relu)
    text = "n_power_iterations must be an int of at least 1, not 0"
    fails(OptionError, text, layers.SpectralNorm, layers.Linear(2, 3), "weight", 0)
    model = layers.SpectralNorm(layers.Linear(2, 3))
    fails(LayerError, "in layer SpectralNorm: has running state", model, model.init(KEY)[0], values(4, 2))
