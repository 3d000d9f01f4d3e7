"""Layers side by side, around a shortcut, in a loop; and weights that two places share."""

from __future__ import annotations

import numpy as np
from models import KEY, Counter, Noise, close, fails, values

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import layers, optim
from funcgrad.errors import DtypeError, LayerError, OptionError, ShapeError

X = values(4, 3)

# ---- Parallel ------------------------------------------------------------------------------------


def test_parallel_gives_one_input_to_all():
    model = layers.Parallel(layers.Linear(3, 2), fnp.tanh, layers.Linear(3, 5))
    params, state = model.init(KEY)
    assert [sorted(p) for p in params] == [["bias", "weight"], [], ["bias", "weight"]]
    assert state == ({}, {}, {})
    a, b, c = model(params, X)
    close(a, layers.Linear(3, 2)(params[0], X))
    close(b, np.tanh(X))
    assert c.shape == (4, 5)
    joined = layers.Parallel(*model, combine="concat")
    close(joined(params, X), np.concatenate([a, b, c], -1))
    assert len(joined) == 3
    assert joined[1] is fnp.tanh
    rows = layers.Parallel(fnp.tanh, fnp.sin, combine="concat", axis=0)
    close(rows(({}, {}), X), np.concatenate([np.tanh(X), np.sin(X)]))


def test_parallel_gives_each_its_own_input():
    model = layers.Parallel(layers.Linear(3, 2), layers.Linear(1, 2), combine="sum")
    params, _ = model.init(KEY)
    y = values(4, 1)
    expected = X @ np.asarray(params[0]["weight"]) + params[0]["bias"]
    expected = np.asarray(expected + y @ np.asarray(params[1]["weight"]) + params[1]["bias"])
    close(model(params, X, y), expected)
    close(model(params, (X, y)), expected)
    towers = layers.Sequential(layers.Parallel(fnp.sin, fnp.cos), layers.Parallel(fnp.exp, fnp.square, combine="sum"))
    close(towers((({}, {}), ({}, {})), X), np.exp(np.sin(X)) + np.cos(X) ** 2)


def test_parallel_says_what_is_wrong():
    fails(OptionError, "Parallel: combine must be one of 'tuple'", layers.Parallel, fnp.sin, combine="mean")
    fails(LayerError, "write Parallel(*layers)", layers.Parallel, [fnp.sin])
    fails(LayerError, "at least one", layers.Parallel)
    model = layers.Parallel(layers.Identity(), layers.Linear(3, 2), combine="sum")
    params, _ = model.init(KEY)
    fails(ShapeError, "in layer Parallel: results of shapes (4, 3) and (4, 2)", model, params, X)
    fails(ShapeError, "expected one input, or one for each of 2 layers, got 3", model, params, X, X, X)
    fails(ShapeError, "in layer [1] Linear(3, 2): expected last size 3", model, params, X, values(4, 5))


def test_parallel_prints_as_one_writes_it():
    model = layers.Parallel(layers.Linear(3, 2), layers.relu, combine="concat", axis=-3)
    assert eval(repr(model), vars(layers)) == model


# ---- Residual ------------------------------------------------------------------------------------


def test_residual_adds_its_input():
    model = layers.Residual(layers.Linear(3, 3))
    params, _ = model.init(KEY)
    close(model(params, X), X + np.asarray(layers.Linear(3, 3)(params["layer"], X)))
    plain = layers.Residual(np.cos, shortcut=np.sin)
    close(plain({}, X), np.cos(X) + np.sin(X))
    fails(ShapeError, "shapes (4, 2) and (4, 3)", (bad := layers.Residual(layers.Linear(3, 2))), bad.init(KEY)[0], X)
    fails(LayerError, "Residual: layer is neither", layers.Residual, 3)
    fails(LayerError, "Residual: shortcut is neither", layers.Residual, layers.relu, 3)


# ---- Repeated ------------------------------------------------------------------------------------


def unstacked(tree, n):
    return tuple(fg.tree.map(lambda p, i=i: p[i], tree) for i in range(n))


def test_repeated_is_a_sequential_of_as_many():
    block = layers.Sequential(layers.Linear(3, 3), layers.BatchNorm1d(3), layers.tanh)
    model, flat = layers.Repeated(block, 4), layers.Sequential(*[block] * 4)
    params, state = model.init(KEY)
    assert params["layer"][0]["weight"].shape == (4, 3, 3)
    assert len({float(w[0, 0]) for w in params["layer"][0]["weight"]}) == 4
    each = unstacked(params["layer"], 4)

    def loss(model, params, state, x):
        y, state = model.apply(params, state, x, train=True)
        return (y * y).sum(), state

    flat_state = unstacked(state["layer"], 4)
    for step in range(2):
        x = values(5, 3, seed=step)
        (value, state), grads = fg.value_and_grad(loss, 1, has_aux=True)(model, params, state, x)
        (wanted, flat_state), wanted_grads = fg.value_and_grad(loss, 1, has_aux=True)(flat, each, flat_state, x)
        close(value, wanted)
        for i in range(4):
            fg.tree.map(close, unstacked(grads["layer"], 4)[i], wanted_grads[i])
            fg.tree.map(close, unstacked(state["layer"], 4)[i], flat_state[i])
    y, _ = model.apply(params, state, x)
    close(y, flat.apply(each, flat_state, x)[0])


def test_repeated_layers_that_are_shared_have_one_set_of_weights():
    model = layers.Repeated(layers.Linear(3, 3), 3, shared=True)
    params, _ = model.init(KEY)
    assert params["layer"]["weight"].shape == (3, 3)
    once = layers.Linear(3, 3)
    y = X
    for _ in range(3):
        y = once(params["layer"], y)
    close(model(params, X), y)
    counted = layers.Repeated(Counter(), 3, shared=True)
    params, state = counted.init(KEY)
    _, state = counted.apply(params, state, X)
    _, state = counted.apply(params, state, X)
    assert state["layer"]["count"].tolist() == [2, 2, 2]


def test_each_turn_draws_other_numbers_and_so_does_each_application():
    model = layers.Repeated(Noise(), 2)
    params, state = model.init(KEY)
    y, _ = model.apply(params, state, np.zeros(1000), key=KEY)
    close(y.std(), 2**0.5, 0.1)
    model = layers.Sequential(model, model)
    params, state = model.init(KEY)
    y, _ = model.apply(params, state, np.zeros(1000), key=KEY)
    close(y.std(), 2, 0.2)
    again, _ = fg.jit(lambda key: model.apply(params, state, np.zeros(1000), key=key))(KEY)
    close(again, y)


def test_a_repeated_layer_is_one_loop_of_a_program():
    def equations(n):
        model = layers.Repeated(layers.Residual(layers.Linear(3, 3)), n)
        params = model.init(KEY)[0]
        return str(fg.make_graph(model)(params, X)).count("\n")

    assert equations(2) == equations(20)


def test_repeated_passes_other_inputs_on_and_says_what_is_wrong():
    class Add(layers.Layer):
        def forward(self, run, x, y, scale=1.0):
            return x + scale * y

    model = layers.Repeated(Add(), 3)
    params, _ = model.init(KEY)
    close(model(params, X, np.ones(3, np.float32), scale=2.0), X + 6)
    fails(LayerError, "Repeated: it repeats a layer", layers.Repeated, fnp.sin, 2)
    fails(OptionError, "Repeated: n must be an int of at least 1", layers.Repeated, Add(), 0)
    wrong = layers.Repeated(layers.Linear(3, 2), 2)
    fails(ShapeError, "like its input, not float32[4,2] for float32[4,3]", wrong, wrong.init(KEY)[0], X)
    fails(DtypeError, "not float64[4,3] for float32[4,3]", model, params, X, np.ones(3))
    model = layers.Repeated(layers.Linear(3, 3), 2)
    params, _ = model.init(KEY)
    fails(ShapeError, "in layer layer Linear(3, 3): expected last size 3", model, params, X.T)


# ---- weights in two places -----------------------------------------------------------------------


class Tied(layers.Layer):
    """A language model whose output layer is its embedding, transposed."""

    embedding: layers.Embedding
    body: layers.Linear

    def forward(self, run, tokens):
        h = F.tanh(run.body(run.embedding(tokens)))
        return h @ run.embedding.weight.T


class Twice(layers.Layer):
    """One layer at two places of the model."""

    inner: layers.Linear

    def forward(self, run, x):
        return run.inner(F.tanh(run.inner(x)))


def test_tied_embedding_has_one_matrix_and_the_sum_of_both_gradients():
    model = Tied(layers.Embedding(7, 4), layers.Linear(4, 4))
    params, _ = model.init(KEY)
    assert sorted(params) == ["body", "embedding"]
    tokens = np.array([[1, 2, 6], [0, 3, 3]])

    def loss(params):
        return F.cross_entropy(model(params, tokens), tokens)

    def untied(params, decoder):
        h = F.tanh(layers.Linear(4, 4)(params["body"], params["embedding"]["weight"][tokens]))
        return F.cross_entropy(h @ decoder.T, tokens)

    grads = fg.grad(loss)(params)["embedding"]["weight"]
    as_input, as_output = fg.grad(untied, (0, 1))(params, params["embedding"]["weight"])
    close(grads, as_input["embedding"]["weight"] + as_output)
    opt = optim.sgd(0.1)
    updates, _ = opt.update(fg.grad(loss)(params), opt.init(params), params)
    assert float(loss(optim.apply_updates(params, updates))) < float(loss(params))


def test_a_layer_applied_twice_has_one_set_of_weights():
    model = Twice(layers.Linear(3, 3))
    params, _ = model.init(KEY)
    w, b = np.asarray(params["inner"]["weight"]), np.asarray(params["inner"]["bias"])
    close(model(params, X), np.tanh(X @ w + b) @ w + b)


def test_weights_are_tied_on_the_tree_where_the_model_has_two():
    model = layers.Sequential(layers.Embedding(7, 4), layers.Linear(4, 7, bias=False))
    full, _ = model.init(KEY)

    def tied(params):  # the free parameters -> those of the model
        return params[0], {"weight": params[0]["weight"].T}

    tokens = np.array([1, 2, 6])
    free = (full[0], {})
    table = np.asarray(full[0]["weight"])
    close(model(tied(free), tokens), table[tokens] @ table.T)
    grads = fg.grad(lambda free: model(tied(free), tokens).sum())(free)
    close(grads[0]["weight"], np.eye(7)[tokens].sum(0)[:, None] * table.sum(0) + table[tokens].sum(0))
