"""Layers as values, and the threading of params, state and keys, also under transforms."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
import re

import numpy as np
from models import KEY, Counter, Noise, close, fails, residual, small_cnn, values

import funcgrad as fg
import funcgrad.functional as F  # the name users type
import funcgrad.numpy as fnp
from funcgrad import layers, random
from funcgrad.errors import LayerError

# ---- params, state, keys -------------------------------------------------------------------------


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


def test_batch_norm_of_one_example_is_its_row_of_the_batch():
    for model, shape in [
        (layers.BatchNorm1d(3), (5, 3)),
        (layers.BatchNorm1d(3, layout="NCW"), (5, 3)),
        (layers.BatchNorm1d(3), (5, 4, 3)),
        (layers.BatchNorm2d(3), (5, 4, 4, 3)),
        (layers.BatchNorm2d(3, layout="NCHW"), (5, 3, 4, 4)),
        (layers.BatchNorm3d(3, layout="NCDHW"), (5, 3, 2, 2, 2)),
    ]:
        x = values(*shape)
        params, state = model.init(KEY)
        _, state = model.apply(params, state, x, train=True)
        whole, _ = model.apply(params, state, x)
        one = fg.vmap(lambda x, model=model, params=params, state=state: model.apply(params, state, x)[0])
        close(one(x), whole)


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
    assert repr(layers.Dropout(0.25)) == "Dropout(p=0.25)"
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
