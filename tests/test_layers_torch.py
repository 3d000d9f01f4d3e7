"""Layers against PyTorch with copied weights, and the first values of parameters."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, close, values

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers
from funcgrad.errors import ShapeError


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def numbers(tensor) -> np.ndarray:
    return tensor.detach().numpy()


@pytest.mark.parametrize("bias", [True, False])
def test_linear_against_torch(torch, bias):
    theirs = torch.nn.Linear(5, 3, bias=bias)
    params = {"weight": numbers(theirs.weight).T} | ({"bias": numbers(theirs.bias)} if bias else {})
    x = values(4, 2, 5)
    close(layers.Linear(5, 3, bias=bias)(params, x), numbers(theirs(torch.tensor(x))))


OPTIONS = [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "bias": False}, {"groups": 2, "padding": (1, 0)}]


def of_torch(module, transposed=False) -> dict:
    """PyTorch's weights in the channels-last layout."""
    rank = module.weight.ndim - 2
    params = {"weight": numbers(module.weight).transpose((*range(2, rank + 2), 1, 0))}
    return params | ({} if module.bias is None else {"bias": numbers(module.bias)})


@pytest.mark.parametrize("options", OPTIONS)
def test_conv2d_against_torch(torch, options):
    theirs, x = torch.nn.Conv2d(4, 6, (3, 2), **options), values(2, 4, 9, 8)
    expected = numbers(theirs(torch.tensor(x)))
    first = {name: numbers(p) for name, p in theirs.named_parameters()}
    close(layers.Conv2d(4, 6, (3, 2), layout="NCHW", **options)(first, x), expected)
    y = layers.Conv2d(4, 6, (3, 2), **options)(of_torch(theirs), x.transpose(0, 2, 3, 1))
    close(y, expected.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("name", ["Conv1d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"])
def test_other_convolutions_against_torch(torch, name):
    rank = int(name[-2])
    options = {"stride": 2, "padding": 1, "groups": 2} | ({"output_padding": 1} if "Transpose" in name else {})
    theirs, x = getattr(torch.nn, name)(4, 6, 3, **options), values(2, 4, *(5,) * rank)
    expected = numbers(theirs(torch.tensor(x)))
    layout = {1: "NCW", 2: "NCHW", 3: "NCDHW"}[rank]
    first = {name: numbers(p) for name, p in theirs.named_parameters()}
    close(getattr(layers, name)(4, 6, 3, layout=layout, **options)(first, x), expected)
    y = getattr(layers, name)(4, 6, 3, **options)(of_torch(theirs), np.moveaxis(x, 1, -1))
    close(y, np.moveaxis(expected, 1, -1))


@pytest.mark.parametrize("name", ["MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"])
@pytest.mark.parametrize("options", [{}, {"stride": 1, "padding": 1}, {"ceil_mode": True}])
def test_pooling_against_torch(torch, name, options):
    rank = int(name[-2])
    x = values(2, 3, *(5,) * rank)
    expected = numbers(getattr(torch.nn, name)(2, **options)(torch.tensor(x)))
    layout = {1: "NCW", 2: "NCHW", 3: "NCDHW"}[rank]
    close(getattr(layers, name)(2, layout=layout, **options)({}, x), expected)
    close(getattr(layers, name)(2, **options)({}, np.moveaxis(x, 1, -1)), np.moveaxis(expected, 1, -1))


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"momentum": None}, {"momentum": 0.5, "eps": 0.1}])
@pytest.mark.parametrize(("name", "shape"), [("1d", (7, 3)), ("1d", (4, 3, 5)), ("2d", (4, 3, 5, 2))])
def test_batch_norm_against_torch_over_several_steps(torch, name, shape, options):
    theirs = getattr(torch.nn, f"BatchNorm{name}")(3, **options)
    layout = {2: "NWC", 3: "NCW", 4: "NCHW"}[len(shape)]
    first = getattr(layers, f"BatchNorm{name}")(3, layout=layout, **options)
    last = getattr(layers, f"BatchNorm{name}")(3, **options)
    params, state = first.init(KEY)
    state_last = state
    if theirs.affine:
        with torch.no_grad():
            theirs.weight.copy_(torch.tensor(values(3, seed=8)))
            theirs.bias.copy_(torch.tensor(values(3, seed=9)))
        params = {"weight": values(3, seed=8), "bias": values(3, seed=9)}
    assert sorted(params) == sorted(name for name, _ in theirs.named_parameters())
    for step in range(4):
        x = 2 * values(*shape, seed=step) + 1
        expected = numbers(theirs(torch.tensor(x)))
        y, state = first.apply(params, state, x, train=True)
        close(y, expected, 1e-4)
        y, state_last = last.apply(params, state_last, np.moveaxis(x, 1, -1), train=True)
        close(y, np.moveaxis(expected, 1, -1), 1e-4)
        for found in (state, state_last):
            close(found["mean"], theirs.running_mean)
            close(found["var"], theirs.running_var)
    theirs.eval()
    x = values(*shape, seed=99)
    y, after = first.apply(params, state, x)
    close(y, numbers(theirs(torch.tensor(x))), 1e-4)
    close(after["mean"], theirs.running_mean)


def test_batch_norm_without_running_statistics(torch):
    theirs = torch.nn.BatchNorm2d(3, track_running_stats=False)
    model = layers.BatchNorm2d(3, track_running_stats=False, layout="NCHW")
    params, state = model.init(KEY)
    assert state == {}
    x = values(4, 3, 5, 2)
    for train in (True, False):
        theirs.train(train)
        close(model.apply(params, state, x, train=train)[0], numbers(theirs(torch.tensor(x))))
    close(model(params, x), numbers(theirs(torch.tensor(x))))


def test_batch_norm_gradients_against_torch(torch):
    theirs = torch.nn.BatchNorm1d(3)
    x, weight = values(6, 3), values(6, 3, seed=1)
    given = torch.tensor(x, requires_grad=True)
    (theirs(given) * torch.tensor(weight)).sum().backward()
    model = layers.BatchNorm1d(3)
    params, state = model.init(KEY)

    def loss(params, x):
        return (model.apply(params, state, x, train=True)[0] * weight).sum()

    grads, grad_x = fg.grad(loss, argnums=(0, 1))(params, x)
    close(grad_x, given.grad)
    close(grads["weight"], theirs.weight.grad)
    close(grads["bias"], theirs.bias.grad)


@pytest.mark.parametrize("shape", [4, (3, 4)])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"elementwise_affine": False}, {"eps": 0.1}])
def test_layer_norm_against_torch(torch, shape, options):
    theirs, model = torch.nn.LayerNorm(shape, **options), layers.LayerNorm(shape, **options)
    with torch.no_grad():
        for i, p in enumerate(theirs.parameters()):
            p.copy_(torch.tensor(values(*p.shape, seed=i)))
    params = {name: numbers(p) for name, p in theirs.named_parameters()}
    assert sorted(model.init(KEY)[0]) == sorted(params)
    x = values(2, 3, 4)
    close(model(params, x), numbers(theirs(torch.tensor(x))))


def test_embedding_against_torch(torch):
    theirs, index = torch.nn.Embedding(7, 3), np.array([[0, 6, 3], [3, 3, 1]])
    weight = numbers(theirs.weight)
    model = layers.Embedding(7, 3)
    close(model({"weight": weight}, index), numbers(theirs(torch.tensor(index))))
    theirs(torch.tensor(index)).sum().backward()
    grads = fg.grad(lambda params: model(params, index).sum())({"weight": weight})
    close(grads["weight"], theirs.weight.grad)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (layers.ReLU(), "ReLU()"),
        (layers.GELU(approximate=False), "GELU()"),
        (layers.GELU(approximate=True), "GELU(approximate='tanh')"),
        (layers.Tanh(), "Tanh()"),
        (layers.Sigmoid(), "Sigmoid()"),
        (layers.SiLU(), "SiLU()"),
        (layers.Softplus(), "Softplus()"),
        (layers.ELU(0.5), "ELU(0.5)"),
        (layers.LeakyReLU(0.2), "LeakyReLU(0.2)"),
        (layers.Softmax(), "Softmax(-1)"),
        (layers.Softmax(axis=0), "Softmax(0)"),
    ],
)
def test_activations_against_torch(torch, ours, theirs):
    x = values(5, 4)
    close(ours({}, x), eval(f"module.{theirs}", {"module": torch.nn})(torch.tensor(x)))


def test_first_values_have_torchs_bounds():
    for model, fan_in in [
        (layers.Linear(400, 300), 400),
        (layers.Conv2d(16, 32, 5), 16 * 25),
        (layers.Conv2d(16, 32, 5, groups=4, layout="NCHW"), 4 * 25),
        (layers.ConvTranspose2d(32, 16, 5), 16 * 25),  # PyTorch takes what its weight has second, the outputs
    ]:
        params, _ = model.init(KEY)
        bound = fan_in**-0.5
        for x in (params["weight"], params["bias"]):
            assert float(fnp.abs(x).max()) <= bound
        assert 0.98 * bound < float(fnp.abs(params["weight"]).max())
        close(params["weight"].var() / (bound * bound / 3), 1, 0.05)
    weight = layers.Embedding(300, 100).init(KEY)[0]["weight"]
    close([weight.mean(), weight.std()], [0, 1], 0.02)


# ---- initializers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (layers.initializers.lecun_normal(), 1 / 200),
        (layers.initializers.lecun_uniform(), 1 / 200),
        (layers.initializers.he_normal(), 2 / 200),
        (layers.initializers.he_uniform(), 2 / 200),
        (layers.initializers.he_uniform(5**0.5), 1 / 600),
        (layers.initializers.glorot_normal(), 2 / 500),
        (layers.initializers.glorot_uniform(), 2 / 500),
        (layers.initializers.variance_scaling(3.0, "fan_out", "normal"), 3 / 300),
        (layers.initializers.normal(0.5), 0.25),
    ],
)
@pytest.mark.parametrize("shape", [(200, 300), (2, 5, 20, 30)])
def test_initializers_have_their_variance(init, variance, shape):
    x = init(KEY, shape, "float64")
    assert x.shape == shape
    assert x.dtype == np.float64
    close(x.var() / variance, 1, 0.03)
    close(x.mean() / variance**0.5, 0, 0.03)


def test_constant_initializers_and_uniform():
    initializers = layers.initializers
    assert initializers.zeros(KEY, (2,)).tolist() == [0, 0]
    assert initializers.ones(KEY, (2,)).tolist() == [1, 1]
    assert initializers.constant(3)(KEY, (2,)).tolist() == [3, 3]
    assert initializers.constant(3)(KEY, (2,)).dtype == np.float32
    x = initializers.uniform(0.5)(KEY, (1000,))
    assert 0 <= float(x.min()) < 0.01
    assert 0.49 < float(x.max()) <= 0.5
    assert initializers.he_normal() == initializers.kaiming_normal()
    with pytest.raises(ValueError, match="mode is one of"):
        initializers.variance_scaling(1.0, "fan", "normal")
    with pytest.raises(ShapeError, match="no fan"):
        initializers.he_normal()(KEY, (3,))


def test_a_layer_uses_the_initializers_it_is_given():
    model = layers.Linear(2, 3, weight_init=layers.initializers.constant(2), bias_init=layers.initializers.zeros)
    params, _ = model.init(KEY)
    assert params["weight"].tolist() == [[2, 2, 2]] * 2
    assert params["bias"].tolist() == [0, 0, 0]


def test_both_layouts_make_the_same_function_of_a_key():
    x = values(2, 9, 8, 4)
    first, last = layers.Conv2d(4, 6, 3, groups=2, layout="NCHW"), layers.Conv2d(4, 6, 3, groups=2)
    y = first(first.init(KEY)[0], x.transpose(0, 3, 1, 2))
    close(last(last.init(KEY)[0], x), y.transpose(0, 2, 3, 1))


def test_parameters_have_the_default_dtype():
    with fg.config.default_dtype("float64"):
        params, state = layers.Sequential(layers.Linear(2, 3), layers.BatchNorm1d(3), layers.Embedding(2, 2)).init(KEY)
    assert {x.dtype.name for x in fg.tree.leaves((params, state))} == {"float64"}
