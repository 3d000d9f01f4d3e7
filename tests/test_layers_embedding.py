"""Tables of vectors as layers, tied weights, and further functions of a layer that its Run gives."""

from __future__ import annotations

import numpy as np
import pytest
from models import KEY, close, fails, values

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers
from funcgrad.errors import OptionError, ShapeError, TreeError


class Tied(layers.Layer):
    embedding: layers.Embedding
    inner: layers.Linear

    def forward(self, run, tokens):
        return run.embedding.attend(run.inner(run.embedding(tokens)))


def test_tied_weights_are_one_parameter():
    model = Tied(layers.Embedding(7, 3), layers.Linear(3, 3))
    params, _ = model.init(KEY)
    tokens = np.array([[0, 6], [2, 2]])
    weight, inner = params["embedding"]["weight"], params["inner"]

    def by_hand(weight):
        return (weight[tokens] @ inner["weight"] + inner["bias"]) @ weight.T

    close(model(params, tokens), by_hand(weight))
    grads = fg.grad(lambda params: (model(params, tokens) ** 2).sum())(params)
    close(grads["embedding"]["weight"], fg.grad(lambda w: (by_hand(w) ** 2).sum())(weight), 1e-4)
    close(fg.jit(model)(params, tokens), by_hand(weight))


def test_what_fails_in_another_function_names_the_layer():
    class Wrong(Tied):
        def forward(self, run, tokens):
            return run.embedding.attend(fnp.ones(4))

    model = Wrong(layers.Embedding(7, 3), layers.Linear(3, 3))
    params, _ = model.init(KEY)
    fails(ShapeError, "in layer embedding Embedding(7, 3): expected last size 3, got (4,)", model, params, [0])


def test_other_functions_have_parameters_keys_state_and_sublayers():
    class Coder(layers.Layer):
        inner: layers.Linear
        norm: layers.BatchNorm1d
        noise: layers.Dropout

        def encode(self, run, x, scale=1.0):
            return scale * run.noise(run.norm(run.inner(x)))

        def decode(self, run, h):
            return h @ run.inner.weight.T

        def forward(self, run, x):
            return run.decode(run.encode(x, scale=2.0))

    class Around(layers.Layer):
        coder: Coder

        def forward(self, run, x):
            return run.coder.decode(run.coder.encode(x, scale=2.0))

    coder = Coder(layers.Linear(3, 2), layers.BatchNorm1d(2), layers.Dropout(0.5))
    model = Around(coder)
    params, state = model.init(KEY)
    x = values(5, 3)
    y, after = model.apply(params, state, x, key=KEY, train=True)
    assert after["coder"]["norm"]["mean"].tolist() != [0, 0]
    below, _ = coder.apply(params["coder"], state["coder"], x, train=False)
    close(model.apply(params, state, x)[0], below)
    assert y.shape == (5, 3)


def test_only_public_functions_of_the_layers_own_are_found():
    class Model(layers.Layer):
        size: int = 3

        def _hidden(self, run, x):
            return x

        @staticmethod
        def static(run, x):
            return x

        def forward(self, run, x):
            return getattr(run, x)

    for name in ("_hidden", "static", "parameters", "init", "nothing"):
        fails(TreeError, f"has no {name!r}", Model(), {}, name)


def test_padding_is_zero_and_stays_zero():
    for model in (layers.Embedding(5, 3, padding_idx=2), layers.EmbeddingBag(5, 3, padding_idx=-3)):
        params, _ = model.init(KEY)
        weight = np.asarray(params["weight"])
        assert not weight[2].any()
        close(weight[[0, 1, 3, 4]], layers.Embedding(5, 3).init(KEY)[0]["weight"][[0, 1, 3, 4]])
        grads = fg.grad(lambda params, model=model: model(params, np.array([[0, 2, 2]])).sum())(params)
        assert not np.asarray(grads["weight"])[2].any()
        assert np.asarray(grads["weight"])[0].all()


def test_arguments_stand_in_torchs_order():
    assert layers.Embedding(5, 3, 1, 2.0, 1.0) == layers.Embedding(5, 3, padding_idx=1, max_norm=2.0, norm_type=1.0)
    bag = layers.EmbeddingBag(5, 3, 2.0, 1.0, "sum", True, 4)
    assert bag == layers.EmbeddingBag(
        5, 3, max_norm=2.0, norm_type=1.0, mode="sum", include_last_offset=True, padding_idx=4
    )


def test_bags_take_offsets_and_weights():
    model = layers.EmbeddingBag(5, 3, mode="sum", include_last_offset=True)
    params, _ = model.init(KEY)
    weight, index = np.asarray(params["weight"]), np.array([0, 4, 1, 1])
    y = model(params, index, offsets=np.array([0, 1, 4]), per_sample_weights=[1.0, 2.0, 3.0, 4.0])
    close(y, np.stack([weight[0], 2 * weight[4] + 7 * weight[1]]))


def test_wrong_settings_raise_at_once():
    with pytest.raises(OptionError, match="Embedding: padding_idx must be from -5 to 4, not 7"):
        layers.Embedding(5, 3, padding_idx=7)
    with pytest.raises(OptionError, match="EmbeddingBag: mode must be"):
        layers.EmbeddingBag(5, 3, mode="least")
