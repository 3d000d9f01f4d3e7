"""Layers: values against PyTorch with copied weights, the threading of params, state and keys, and every message."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
import re

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F  # noqa: N812  # the name users type
import funcgrad.numpy as fnp
from funcgrad import layers, random
from funcgrad.errors import (
    ArrayIndexError,
    AxisError,
    DtypeError,
    FuncgradError,
    ImmutableArrayError,
    LayerError,
    ShapeError,
    TreeError,
)

KEY = random.key(0)


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def close(x, y, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


class Residual(layers.Layer):
    conv1: layers.Conv2d
    norm: layers.BatchNorm2d
    conv2: layers.Conv2d

    def forward(self, run, x):
        return x + run.conv2(F.relu(run.norm(run.conv1(x))))


def residual(channels: int) -> Residual:
    conv = layers.Conv2d(channels, channels, 3, padding=1)
    return Residual(conv, layers.BatchNorm2d(channels), conv)


class Noise(layers.Layer):
    scale: float = 1.0

    def forward(self, run, x):
        return x + self.scale * random.normal(run.key, x.shape)


class Counter(layers.Layer):
    """Counts how often it was applied."""

    def state(self):
        return {"count": fnp.zeros((), dtype="int64")}

    def forward(self, run, x):
        run.update(count=run.state["count"] + 1)
        return x


# ---- values against PyTorch ----------------------------------------------------------------------


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


# ---- params, state, keys -------------------------------------------------------------------------


def small_cnn() -> layers.Sequential:
    return layers.Sequential(
        layers.Conv2d(1, 3, 3),
        layers.BatchNorm2d(3),
        layers.relu,
        layers.MaxPool2d(2),
        residual(3),
        layers.Flatten(),
        layers.Dropout(0.25),
        layers.Linear(3 * 3 * 3, 2),
    )


def test_params_and_state_are_nested_as_the_model_is():
    params, state = small_cnn().init(KEY)
    assert len(params) == len(state) == 8
    assert params[2] == params[3] == params[5] == {}
    assert sorted(params[4]) == sorted(state[4]) == ["conv1", "conv2", "norm"]
    assert params[4]["conv1"]["weight"].shape == (3, 3, 3, 3)
    assert state[0] == {}
    assert state[4]["conv1"] == {}
    assert sorted(state[1]) == sorted(state[4]["norm"]) == ["mean", "var"]


def test_apply_returns_new_state_and_leaves_the_old_alone():
    model, x = small_cnn(), values(4, 8, 8, 1)
    params, state = model.init(KEY)
    y, new = model.apply(params, state, x, key=KEY, train=True)
    assert y.shape == (4, 2)
    assert fg.tree.same_structure(state, new)
    assert state[1]["mean"].tolist() == [0, 0, 0]
    assert new[1]["mean"].tolist() != [0, 0, 0]
    assert new[4]["norm"]["var"].tolist() != [1, 1, 1]
    again, unchanged = model.apply(params, new, x)
    assert all(bool((a == b).all()) for a, b in zip(*map(fg.tree.leaves, (new, unchanged)), strict=True))
    assert again.tolist() == model.apply(params, new, x)[0].tolist()


def test_another_layer_does_not_change_the_first_values_of_the_others():
    one = layers.Sequential(layers.Linear(3, 3), layers.relu).init(KEY)[0]
    two = layers.Sequential(layers.Linear(3, 3), layers.Linear(3, 3), layers.Linear(3, 3)).init(KEY)[0]
    assert one[0]["weight"].tolist() == two[0]["weight"].tolist()
    assert two[0]["weight"].tolist() != two[1]["weight"].tolist() != two[2]["weight"].tolist()
    params = residual(3).init(KEY)[0]
    assert params["conv1"]["weight"].tolist() != params["conv2"]["weight"].tolist()
    assert params["conv1"]["weight"].tolist() != params["conv1"]["bias"].tolist()


def test_dropout_zeroes_and_rescales():
    model, x = layers.Dropout(0.25), fnp.ones((100, 100))
    y, state = model.apply({}, {}, x, key=KEY, train=True)
    assert state == {}
    assert set(np.unique(np.asarray(y))) == {np.float32(0), np.float32(1 / 0.75)}
    close((y == 0).mean(), 0.25, 0.02)
    assert y.tolist() == model.apply({}, {}, x, key=KEY, train=True)[0].tolist()
    assert y.tolist() != model.apply({}, {}, x, key=random.key(1), train=True)[0].tolist()
    assert model.apply({}, {}, x, key=KEY)[0].tolist() == x.tolist()
    assert model({}, x).tolist() == x.tolist()
    assert layers.Dropout(0.0).apply({}, {}, x, train=True)[0].tolist() == x.tolist()


def test_every_layer_and_every_use_has_a_key_of_its_own():
    class Keys(layers.Layer):
        noise: Noise
        more: tuple[Noise, ...]

        def forward(self, run, x):
            own = [x + random.normal(run.key, x.shape) for _ in range(2)]
            return fnp.stack([run.noise(x), run.noise(x), *[noise(x) for noise in run.more], *own])

    model = layers.Sequential(Keys(Noise(), (Noise(), Noise())))
    y, _ = model.apply(model.init(KEY)[0], None, fnp.zeros(3), key=KEY)
    assert len(np.unique(np.asarray(y))) == 6 * 3
    again, _ = model.apply(model.init(KEY)[0], None, fnp.zeros(3), key=KEY)
    assert y.tolist() == again.tolist()


def test_a_layer_used_twice_has_the_same_parameters_and_its_state_in_turn():
    class Tied(layers.Layer):
        linear: layers.Linear
        counter: Counter

        def forward(self, run, x):
            for _ in range(3):
                x = run.counter(run.linear(x))
            return x

    model = Tied(layers.Linear(2, 2, bias=False), Counter())
    params, state = model.init(KEY)
    x, w = values(2), params["linear"]["weight"]
    y, state = model.apply(params, state, x)
    close(y, x @ np.asarray(w) @ np.asarray(w) @ np.asarray(w))
    assert int(state["counter"]["count"]) == 3
    found = fg.grad(lambda p: model.apply(p, state, x)[0].sum())(params)["linear"]["weight"]
    close(found, fg.grad(lambda w: (x @ w @ w @ w).sum())(w))


def test_a_sublayers_parameter_can_be_used_by_the_layer_around_it():
    class LanguageModel(layers.Layer):
        embedding: layers.Embedding

        def forward(self, run, index):
            return run.embedding(index) @ run.embedding.weight.T

    model = LanguageModel(layers.Embedding(5, 3))
    params, _ = model.init(KEY)
    w = np.asarray(params["embedding"]["weight"])
    close(model(params, fnp.asarray([1, 4])), w[[1, 4]] @ w.T)


def test_a_layer_of_ones_own_with_parameters_and_state():
    class Centre(layers.Layer):
        size: int
        rate: float = 0.5

        def parameters(self, key):
            return {"scale": random.uniform(key, (self.size,))}

        def state(self):
            return {"mean": fnp.zeros(self.size)}

        def forward(self, run, x):
            if run.train:
                run.update(mean=(1 - self.rate) * run.state["mean"] + self.rate * x.mean(0))
            return run.scale * (x - run.state["mean"])

    model = layers.Sequential(Centre(2), layers.Linear(2, 1))
    params, state = model.init(KEY)
    x = fnp.asarray([[1.0, 2.0], [3.0, 6.0]])
    _, state = model.apply(params, state, x, train=True)
    assert state[0]["mean"].tolist() == [1, 2]
    _, state = model.apply(params, state, x, train=True)
    assert state[0]["mean"].tolist() == [1.5, 3]
    y, after = model.apply(params, state, x)
    assert after[0]["mean"].tolist() == [1.5, 3]
    close(y, (params[0]["scale"] * (x - state[0]["mean"])) @ params[1]["weight"] + params[1]["bias"])


def test_a_layer_may_compute_its_fields_and_hold_layers_in_tuples():
    class MLP(layers.Layer):
        linears: tuple[layers.Linear, ...]
        skip: layers.Linear | None
        activation: object = fnp.tanh

        def __init__(self, *sizes: int):
            self.linears = [layers.Linear(m, n) for m, n in itertools.pairwise(sizes)]
            self.skip = None

        def forward(self, run, x):
            for linear in run.linears[:-1]:
                x = self.activation(linear(x))
            return run.linears[-1](x) if run.skip is None else run.skip(x)

    model = MLP(3, 4, 2)
    assert model.linears == (layers.Linear(3, 4), layers.Linear(4, 2))
    params, state = model.init(KEY)
    assert state == {"linears": ({}, {})}
    first, second = params["linears"]
    x = values(5, 3)
    close(model(params, x), np.tanh(x @ first["weight"] + first["bias"]) @ second["weight"] + second["bias"])
    assert hash(model) == hash(MLP(3, 4, 2))

    class Wider(MLP):
        extra: int = 5

        def __init__(self):
            super().__init__(3, 8, 2)

    assert Wider().extra == 5
    assert Wider().activation is fnp.tanh

    class Forgets(layers.Layer):
        linear: layers.Linear

        def __init__(self):
            pass

    fails(LayerError, "Forgets.__init__ does not assign the field 'linear'", Forgets)


def test_state_keeps_its_dtype():
    class Sum(layers.Layer):
        def state(self):
            return {"sum": fnp.zeros((), dtype="float32")}

        def forward(self, run, x):
            run.update(sum=run.state["sum"] + x.sum())
            return x

    _, state = Sum().apply({}, Sum().init(KEY)[1], fnp.ones(3, dtype="float64"))
    assert state["sum"].dtype == np.float32
    assert float(state["sum"]) == 3


def test_forward_takes_several_inputs_options_and_trees():
    class Mix(layers.Layer):
        linear: layers.Linear

        def forward(self, run, x, tree, *, sign=1):
            return run.linear(x) + sign * tree["y"]

    model = Mix(layers.Linear(2, 2))
    params, state = model.init(KEY)
    x, y = fnp.ones(2), fnp.asarray([3.0, 4.0])
    close(model(params, x, {"y": y}, sign=-1) + y, model.linear(params["linear"], x))
    close(model.apply(params, state, x, {"y": y})[0] - y, model.linear(params["linear"], x))


def test_identity_lambda_flatten_and_slices():
    x = values(2, 3, 4, 5)
    assert layers.Identity()({}, x) is x
    close(layers.Lambda(fnp.exp)({}, x), np.exp(x))
    assert layers.Flatten()({}, x).shape == (2, 60)
    assert layers.Flatten(0)({}, x).shape == (120,)
    assert layers.Flatten(1, 2)({}, x).shape == (2, 12, 5)
    assert layers.Flatten(-2, -1)({}, x).shape == (2, 3, 20)
    model = layers.Sequential(layers.Linear(5, 4), fnp.tanh, layers.Linear(4, 3))
    params, _ = model.init(KEY)
    assert len(model) == 3
    assert model[0] == layers.Linear(5, 4)
    assert list(model)[1] is fnp.tanh
    close(model[1:](params[1:], model[:1](params[:1], x)), model(params, x))
    empty = layers.Sequential()
    assert empty.init(KEY) == ((), ())
    assert empty((), x) is x


def test_params_may_be_lists_and_numpy_arrays():
    model = layers.Sequential(layers.Linear(2, 3), fnp.tanh)
    params, _ = model.init(KEY)
    plain = [{name: np.asarray(x) for name, x in params[0].items()}, {}]
    x = values(4, 2)
    close(model(plain, x), model(params, x))


# ---- transforms ----------------------------------------------------------------------------------


def test_gradient_of_a_small_cnn_against_finite_differences():
    with fg.config.default_dtype("float64"):
        model = small_cnn()
        params, state = model.init(KEY)
        x, targets = values(3, 8, 8, 1).astype(np.float64), np.array([0, 1, 1])

        def loss(params):
            logits, after = model.apply(params, state, x, key=random.key(5), train=True)
            running = sum(s.sum() for s in fg.tree.leaves(after))
            return F.cross_entropy(logits, targets) + 0.1 * running

        grads = fg.grad(loss)(params)
        assert fg.tree.same_structure(grads, params)
        leaves, structure = fg.tree.flatten(params)
        rng = np.random.default_rng(1)
        directions = [rng.normal(size=p.shape) for p in leaves]
        for i, direction in enumerate(directions):  # one parameter at a time
            step = 1e-6

            def moved(t, i=i, direction=direction):
                return fg.tree.unflatten(structure, [p + t * direction if j == i else p for j, p in enumerate(leaves)])

            numeric = (float(loss(moved(step))) - float(loss(moved(-step)))) / (2 * step)
            exact = float((fg.tree.leaves(grads)[i] * direction).sum())
            assert abs(numeric - exact) < 1e-6 * max(1, abs(exact)), i


def test_ensembles_by_vmap():
    model = layers.Sequential(layers.Linear(3, 4), fnp.tanh, layers.Linear(4, 2))
    keys = random.split(KEY, 5)
    params, state = fg.vmap(model.init)(keys)
    assert params[0]["weight"].shape == (5, 3, 4)
    assert state == ({}, {}, {})
    x = values(7, 3)
    y = fg.vmap(model, in_axes=(0, None))(params, x)
    each = values(5, 7, 3, seed=2)
    z = fg.vmap(model)(params, each)
    for i, key in enumerate(keys):
        alone, _ = model.init(key)
        close(alone[0]["weight"], params[0]["weight"][i])
        close(y[i], model(alone, x))
        close(z[i], model(alone, each[i]))


def member(tree, i):
    return fg.tree.map(lambda a: a[i], tree)


def test_state_and_keys_under_vmap():
    model = layers.Sequential(layers.Conv2d(1, 2, 3), layers.BatchNorm2d(2), layers.Dropout(0.5), residual(2))
    keys, x = random.split(KEY, 3), values(3, 4, 6, 6, 1)
    params, state = fg.vmap(model.init)(keys)
    assert state[1]["mean"].shape == (3, 2)

    def step(params, state, x, key):
        def loss(params):
            y, after = model.apply(params, state, x, key=key, train=True)
            return (y * y).mean(), after

        return fg.grad(loss, has_aux=True)(params)

    grads, after = fg.vmap(step)(params, state, x, keys)
    for i, key in enumerate(keys):
        alone = step(*[member(tree, i) for tree in (params, state)], x[i], key)
        for a, b in zip(fg.tree.leaves(alone), fg.tree.leaves(member((grads, after), i)), strict=True):
            close(a, b, 1e-4)


def test_one_example_at_a_time_by_vmap():
    model = layers.Sequential(layers.Conv2d(1, 2, 3), layers.relu, layers.MaxPool2d(2), layers.Flatten(0))
    params, _ = model.init(KEY)
    x = values(4, 6, 6, 1)
    whole = layers.Sequential(*model[:-1], layers.Flatten())
    close(fg.vmap(model, in_axes=(None, 0))(params, x), whole(params, x))


def test_jvp_of_a_model():
    model = layers.Sequential(layers.Linear(3, 4), layers.LayerNorm(4), layers.gelu)
    params, _ = model.init(KEY)
    x, t = fnp.asarray(values(2, 3)), fnp.asarray(values(2, 3, seed=1))
    y, tangent = fg.jvp(lambda x: model(params, x), (x,), (t,))
    close(y, model(params, x))
    close(fg.grad(lambda x: (model(params, x) * y).sum())(x).ravel() @ t.ravel(), (tangent * y).sum(), 1e-4)


# ---- layers are values ---------------------------------------------------------------------------


def test_layers_are_equal_by_their_settings_and_hashable():
    assert small_cnn() == small_cnn()
    assert hash(small_cnn()) == hash(small_cnn())
    assert layers.Conv2d(1, 2, 3) == layers.Conv2d(1, 2, 3, padding=0)
    assert layers.Conv2d(1, 2, 3) != layers.Conv2d(1, 2, 3, padding=1)
    assert layers.Conv2d(1, 2, [3, 3]) == layers.Conv2d(1, 2, (3, 3))
    assert layers.Identity() != layers.ReLU()
    assert layers.MaxPool2d(2) != layers.AvgPool2d(2)
    assert layers.Sequential(F.relu) == layers.Sequential(layers.relu)
    init = layers.initializers
    assert layers.Linear(1, 2, weight_init=init.he_normal()) == layers.Linear(1, 2, weight_init=init.he_normal())
    assert len({layers.Linear(1, 2), layers.Linear(1, 2), layers.Linear(2, 1)}) == 2
    assert dataclasses.replace(layers.Linear(1, 2), out_features=5) == layers.Linear(1, 5)


def test_layers_can_be_copied_and_pickled():
    model = layers.Sequential(layers.Conv2d(1, 2, 3), layers.Dropout(0.1), layers.relu)
    assert pickle.loads(pickle.dumps(model)) == copy.deepcopy(model) == copy.copy(model) == model


def test_repr_is_what_one_would_write():
    assert repr(layers.Linear(9216, 128)) == "Linear(9216, 128)"
    assert repr(layers.Conv2d(1, 32, 3, padding=1)) == "Conv2d(1, 32, 3, padding=1)"
    assert repr(layers.Dropout(0.25)) == "Dropout(rate=0.25)"
    assert repr(layers.Lambda(fnp.tanh)) == "Lambda(tanh)"
    assert repr(layers.Sequential()) == "Sequential()"
    model = layers.Sequential(residual(2), layers.Sequential(layers.relu, layers.Flatten()))
    assert (
        repr(model)
        == """\
Sequential(
    Residual(
        conv1=Conv2d(2, 2, 3, padding=1),
        norm=BatchNorm2d(2),
        conv2=Conv2d(2, 2, 3, padding=1),
    ),
    Sequential(
        relu,
        Flatten(),
    ),
)"""
    )

    class Stack(layers.Layer):
        size: int
        blocks: tuple[layers.Layer, ...]

    assert (
        repr(Stack(3, [layers.Identity(), fnp.tanh]))
        == "Stack(\n    size=3,\n    blocks=(\n        Identity(),\n        tanh,\n    ),\n)"
    )


def test_summary_counts_parameters():
    text = layers.summary(small_cnn().init(KEY)[0])
    assert re.search(r"^\[4\]\['conv1'\]\['weight'\] +float32\[3,3,3,3\] +81$", text, re.M)
    assert text.splitlines()[-1].split() == ["total", str(30 + 6 + 84 + 6 + 84 + 56)]


# ---- messages ------------------------------------------------------------------------------------


def fails(kind, text, f, *args, **kwargs):
    with pytest.raises(kind, match=re.escape(text)) as caught:
        f(*args, **kwargs)
    return caught.value


def test_a_wrong_input_names_the_layer():
    model = layers.Sequential(layers.Flatten(), fnp.tanh, layers.Dropout(0.1), layers.Linear(9216, 128))
    params, _ = model.init(KEY)
    error = fails(
        ShapeError,
        "in layer [3] Linear(9216, 128): expected last size 9216, got (100, 4096)",
        model,
        params,
        fnp.ones((100, 64, 64)),
    )
    assert str(error).count("in layer") == 1
    assert __file__ in str(error)
    fails(ShapeError, "in layer Linear(2, 3): expected last size 2, got ()", layers.Linear(2, 3), {}, 1.0)


def test_a_wrong_input_names_a_layer_deep_inside():
    class Net(layers.Layer):
        blocks: tuple[layers.Layer, ...]

        def forward(self, run, x):
            for block in run.blocks:
                x = block(x)
            return x

    net = Net((residual(3), residual(4)))
    params, state = net.init(KEY)
    text = "in layer blocks[1].conv1 Conv2d(4, 4, 3, padding=1): conv2d: "
    error = fails(ShapeError, text, net.apply, params, state, fnp.ones((2, 5, 5, 3)))
    assert "3 channels" in str(error)
    # what fails between sublayers is the fault of the layer around them
    broken = Residual(layers.Conv2d(3, 3, 3), layers.BatchNorm2d(3), layers.Conv2d(3, 3, 3))
    params, state = broken.init(KEY)
    fails(ShapeError, "in layer Residual: add: the shapes", broken.apply, params, state, fnp.ones((2, 9, 9, 3)))


def test_wrong_inputs_of_the_other_layers():
    x = fnp.ones((2, 3))
    norm = layers.BatchNorm2d(3)
    fails(ShapeError, "in layer BatchNorm2d(3): expected", norm.apply, *norm.init(KEY), x)
    fails(ShapeError, "got (2, 5, 5, 4)", norm.apply, *norm.init(KEY), fnp.ones((2, 5, 5, 4)))
    norm = layers.BatchNorm1d(3)
    fails(ShapeError, "more than one value", norm.apply, *norm.init(KEY), fnp.ones((1, 3)), train=True)
    fails(ShapeError, "in layer LayerNorm(4): ", layers.LayerNorm(4), layers.LayerNorm(4).init(KEY)[0], x)
    table = layers.Embedding(2, 3)
    fails(DtypeError, "in layer Embedding(2, 3): expected integers", table, table.init(KEY)[0], x)
    fails(ArrayIndexError, "in layer Embedding(2, 3): ", table, table.init(KEY)[0], [2])
    fails(AxisError, "in layer Flatten(): no axes from 1 to -1", layers.Flatten(), {}, fnp.ones(3))
    error = fails(ShapeError, "in layer [1] <lambda>: ", layers.Sequential(layers.relu, lambda x: x @ x), ({}, {}), x)
    assert "matmul" in str(error)


def test_errors_of_other_kinds_carry_a_note():
    def broken(x):
        raise KeyError("mine")

    error = fails(KeyError, "mine", layers.Sequential(layers.Sequential(broken)), (({},),), 1.0)
    assert error.__notes__ == ["in layer [0][0] broken"]


def test_a_missing_key_names_the_layer():
    model = layers.Sequential(layers.relu, layers.Dropout(0.25))
    params, state = model.init(KEY)
    fails(
        LayerError,
        "in layer [1] Dropout(rate=0.25): needs a random key: pass one, apply(params, state, x, key=key, train=True)",
        model.apply,
        params,
        state,
        fnp.ones(3),
        train=True,
    )


def test_missing_state_names_the_layer():
    model = layers.Sequential(layers.relu, layers.BatchNorm1d(3))
    params, _ = model.init(KEY)
    text = "in layer [1] BatchNorm1d(3): has running state: write y, state = model.apply(params, state, x)"
    fails(LayerError, text, model, params, fnp.ones((2, 3)))
    fails(LayerError, text, model.apply, params, None, fnp.ones((2, 3)), train=True)


def test_params_of_another_structure_name_the_path():
    model = layers.Sequential(layers.Linear(2, 2), layers.Sequential(layers.Linear(2, 2), layers.relu))
    params, _ = model.init(KEY)
    x = fnp.ones(2)
    fails(TreeError, "params must be a tuple of 2 entries, not 1 entries", model, params[:1], x)
    fails(TreeError, "params must be a tuple of 2 entries, not a dict", model, {}, x)
    fails(TreeError, "params[1] must be a tuple of 2 entries, not 3 entries", model, (params[0], ({}, {}, {})), x)
    fails(TreeError, "params[1][0] has no 'weight', it has 'w'", model, (params[0], ({"w": 1.0}, {})), x)
    fails(TreeError, "params[1][0] must be a dict, not a tuple", model, (params[0], ((), {})), x)
    block, image = residual(2), fnp.ones((1, 4, 4, 2))
    params, _ = block.init(KEY)
    fails(TreeError, "params has no 'conv2', it has no entries", block, {}, image)
    fails(TreeError, "params['conv1'] has no 'weight', it has 'bias'", block, params | {"conv1": {"bias": 1.0}}, image)
    without = {"weight": fnp.ones((2, 2))}
    fails(TreeError, "params has no 'bias', it has 'weight'", layers.Linear(2, 2), without, x)


def test_state_of_another_structure_names_the_path():
    block, image = residual(2), fnp.ones((1, 4, 4, 2))
    params, state = block.init(KEY)
    fails(TreeError, "state has no 'conv2', it has no entries", block.apply, params, {}, image)
    fails(TreeError, "state['norm'] has no 'mean', it has no entries", block.apply, params, state | {"norm": {}}, image)
    fails(TreeError, "state['norm'] must be a dict", block.apply, params, state | {"norm": ()}, image)
    model = layers.Sequential(layers.relu)
    fails(TreeError, "state must be a tuple of 1 entries, not a dict", model.apply, ({},), {}, image)


def test_updates_must_fit():
    class Wrong(layers.Layer):
        name: str

        def state(self):
            return {"mean": fnp.zeros(2)}

        def forward(self, run, x):
            run.update(**{self.name: x})

    def apply(name):
        return Wrong(name).apply({}, {"mean": fnp.zeros(2)}, fnp.ones(3))

    fails(TreeError, "in layer Wrong('var'): run.update: the layer's state has no 'var', it has 'mean'", apply, "var")
    fails(ShapeError, "run.update: the state 'mean' is float32[2] and cannot become float32[3]", apply, "mean")

    class Writes(Counter):
        def forward(self, run, x):
            run.state["count"] = 3

    with pytest.raises(TypeError, match="does not support item assignment"):
        Writes().apply({}, Writes().init(KEY)[1], 1.0)


def test_a_layer_is_not_its_own_function():
    fails(
        TreeError,
        "Linear(2, 3): the first argument of a layer is its params, not a Array",
        layers.Linear(2, 3),
        fnp.ones(2),
    )

    class Nothing(layers.Layer):
        pass

    fails(NotImplementedError, "Nothing defines no forward", Nothing(), {}, 1.0)


def test_layers_do_not_change():
    model = layers.Linear(2, 3)
    fails(dataclasses.FrozenInstanceError, "layers do not change", setattr, model, "bias", False)
    fails(dataclasses.FrozenInstanceError, "Linear has no field 'weight'", setattr, model, "weight", 1)
    fails(dataclasses.FrozenInstanceError, "layers do not change", delattr, model, "bias")


def test_layers_hold_no_arrays_and_no_names_of_their_own():
    class Scale(layers.Layer):
        scale: object

    fails(LayerError, "Scale: the field 'scale' holds a Array, which is not hashable", Scale, fnp.ones(3))
    fails(LayerError, "the field 'scale' holds a dict", Scale, {"a": layers.Identity()})
    fails(LayerError, "Sequential: [1] is neither a layer nor a function", layers.Sequential, layers.relu, 3)
    fails(LayerError, "write Sequential(*layers)", layers.Sequential, [layers.relu])
    for name in ("key", "state", "update", "forward", "init"):
        with pytest.raises(TypeError, match=f"a field may not be called '{name}'"):
            type("Bad", (layers.Layer,), {"__annotations__": {name: int}})

    class Both(layers.Layer):
        linear: layers.Linear

        def parameters(self, key):
            return {"linear": fnp.ones(2)}

    fails(LayerError, "Both: 'linear' names a sublayer and a parameter", Both(layers.Linear(1, 1)).init, KEY)

    class Key(layers.Layer):
        def parameters(self, key):
            return {"key": fnp.ones(2)}

    fails(LayerError, "Key: 'key' is no name for a parameter or state", Key().init, KEY)


def test_wrong_settings_are_refused_at_once():
    fails(ShapeError, "Conv2d: groups=2 must divide the channels, 3 in and 4 out", layers.Conv2d, 3, 4, 3, groups=2)
    fails(ShapeError, "Conv2d: kernel_size must be an int or 2 of them", layers.Conv2d, 3, 4, (3, 3, 3))
    fails(ValueError, "Conv1d: layout must be 'NWC' or 'NCW', not 'NHWC'", layers.Conv1d, 3, 4, 3, layout="NHWC")
    fails(ValueError, "Dropout: rate is a probability", layers.Dropout, 1.5)
    fails(ValueError, "BatchNorm2d: layout must be", layers.BatchNorm2d, 3, layout="NWC")


def test_messages_of_a_run():
    class Asks(layers.Layer):
        linear: layers.Linear

        def forward(self, run, x):
            assert repr(run) == "Run(Asks at the top)"
            assert repr(run.linear) == "Run(Linear(2, 2) at linear)"
            assert not hasattr(run, "__missing__")
            return run.linaer(x)

    model = Asks(layers.Linear(2, 2))
    error = fails(TreeError, "in layer Asks: params has no 'linaer', it has 'linear'", model, model.init(KEY)[0], 1.0)
    assert isinstance(error, FuncgradError)
    fails(ImmutableArrayError, "x.at[0]", layers.Sequential(lambda x: x.__setitem__(0, 1)), ({},), fnp.ones(2))
