"""What users do with the parameters of a model: freeze, tie, count and group them by path, and train an ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import KEY, close, values

import funcgrad as fg
import funcgrad.functional as F  # the name users type
import funcgrad.numpy as fnp
from funcgrad import layers, optim, random, tree
from funcgrad.errors import TreeError


class Language(layers.Layer):
    """Scores the next word with the table that it takes words from."""

    embedding: layers.Embedding
    blocks: tuple[layers.Layer, ...]
    norm: layers.LayerNorm
    head: layers.Linear  # of the sentiment

    def forward(self, run: Any, tokens: Any) -> Any:
        x = run.embedding(tokens)
        for block in run.blocks:
            x = x + block(x)
        x = run.norm(x)
        return run.embedding.attend(x), run.head(x.mean(-2))


def language() -> Language:
    block = layers.Sequential(layers.Linear(4, 6), layers.relu, layers.Linear(6, 4))
    return Language(layers.Embedding(9, 4), (block, block), layers.LayerNorm(4), layers.Linear(4, 2))


MODEL = language()
TOKENS = np.random.default_rng(0).integers(0, 9, (8, 5))
SENTIMENT = np.arange(8) % 2


def loss(params: Any, model: Any = MODEL) -> Any:
    words, sentiment = model(params, TOKENS)
    next_word = F.cross_entropy(words[:, :-1].reshape(-1, 9), TOKENS[:, 1:].reshape(-1))
    return next_word + F.cross_entropy(sentiment, SENTIMENT)


def trained(optimiser: Any, params: Any, steps: int = 4, loss: Any = loss) -> Any:
    @fg.jit
    def step(params: Any, opt_state: Any) -> Any:
        updates, opt_state = optimiser.update(fg.grad(loss)(params), opt_state, params)
        return optim.apply_updates(params, updates), opt_state

    opt_state = optimiser.init(params)
    for _ in range(steps):
        params, opt_state = step(params, opt_state)
    return params


def first() -> Any:
    return MODEL.init(KEY)[0]


def same(a: Any, b: Any, tolerance: float = 1e-6) -> None:
    assert tree.same_structure(a, b)
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        close(x, y, tolerance)


def moved(before: Any, after: Any) -> set[str]:
    """The paths of the parameters that changed."""
    pairs = zip(tree.leaves(before), tree.leaves(after), strict=True)
    names = tree.path_strings(tree.structure(before))
    return {name for name, (x, y) in zip(names, pairs, strict=True) if not np.array_equal(x, y)}


ALL = set(tree.path_strings(tree.structure(first())))
HEAD = {"head/weight", "head/bias"}


# ---- counting ----------------------------------------------------------------------------------


def test_parameters_are_counted_by_path() -> None:
    def count(pattern: Any) -> int:
        return sum(x.size for x in tree.leaves(tree.filter(first(), tree.select(first(), pattern))))

    assert count("*") == sum(map(count, ("embedding", "blocks", "norm", "head"))) == 170 == 9 * 4 + 2 * 58 + 8 + 10
    assert count("blocks/0") == count("blocks/1") == 4 * 6 + 6 + 6 * 4 + 4
    assert count("*/bias") == 2 * (6 + 4) + 4 + 2
    assert count(["embedding", "head/weight"]) == 9 * 4 + 4 * 2
    assert count("nothing") == 0


# ---- freezing ----------------------------------------------------------------------------------


def test_what_is_frozen_by_path_stays_to_the_last_bit() -> None:
    frozen = ["embedding", "blocks/0", "norm"]
    after = trained(optim.chain(optim.adam(0.1), optim.freeze(frozen)), first())
    assert moved(first(), after) == {name for name in ALL if name.startswith(("blocks/1", "head"))}
    with pytest.raises(TreeError, match="no leaf matches 'blocks/2'"):
        optim.freeze("blocks/2").init(first())


def test_a_frozen_backbone_needs_no_gradients() -> None:
    """Of the trained part alone: the same numbers as with zero updates for the others."""
    part, rest = tree.partition(first(), tree.select(first(), "head"))
    assert len(tree.leaves(part)) == 2
    after = trained(optim.adam(0.1), part, loss=lambda part: loss(tree.combine(part, rest)))
    assert len(tree.leaves(optim.adam(0.1).init(part)[0].mu)) == 2
    by_zeros = trained(optim.chain(optim.adam(0.1), optim.freeze(["embedding", "blocks", "norm"])), first())
    same(tree.combine(after, rest), by_zeros)
    assert moved(first(), by_zeros) == HEAD


# ---- groups ------------------------------------------------------------------------------------


def test_groups_have_learning_rates_of_their_own() -> None:
    groups = optim.partition({"head": optim.sgd(1.0), "*/bias": optim.sgd(0.0), "*": optim.sgd(0.01)})
    grads = fg.grad(loss)(first())
    updates, _ = groups.update(grads, groups.init(first()), first())
    same(updates["head"], tree.map(lambda g: -g, grads["head"]))
    same(updates["embedding"], tree.map(lambda g: -0.01 * g, grads["embedding"]))
    assert moved(first(), trained(groups, first())) == {n for n in ALL if n in HEAD or not n.endswith("bias")}


def test_rates_that_fall_with_the_depth() -> None:
    """A rate for each block, from a comprehension over the depth."""
    rates = {f"blocks/{i}": optim.sgd(0.1 * 0.5 ** (1 - i)) for i in range(2)}
    groups = optim.partition({**rates, "*": optim.set_to_zero()})
    grads = fg.grad(loss)(first())
    updates, _ = groups.update(grads, groups.init(first()), first())
    same(updates["blocks"][0], tree.map(lambda g: -0.05 * g, grads["blocks"][0]))
    same(updates["blocks"][1], tree.map(lambda g: -0.1 * g, grads["blocks"][1]))


def test_decay_of_matrices_alone() -> None:
    decayed = optim.adamw(0.1, weight_decay=0.5, mask=["*/weight"])
    plain = optim.adam(0.1)
    found, expected = (trained(opt, first(), steps=1) for opt in (decayed, plain))
    assert moved(found, expected) == {name for name in ALL if name.endswith("weight")}


# ---- sharing -----------------------------------------------------------------------------------


def test_tied_weights_are_one_parameter_to_the_optimiser() -> None:
    """Its gradient is the sum of those by each use, and nothing has to be kept equal."""

    class Untied(Language):
        output: layers.Embedding = layers.Embedding(9, 4)

        def forward(self, run: Any, tokens: Any) -> Any:
            x = run.embedding(tokens)
            for block in run.blocks:
                x = x + block(x)
            x = run.norm(x)
            return run.output.attend(x), run.head(x.mean(-2))

    untied = Untied(MODEL.embedding, MODEL.blocks, MODEL.norm, MODEL.head)

    params = first()
    each = fg.grad(loss)({**params, "output": params["embedding"]}, untied)
    grads = fg.grad(loss)(params)
    close(grads["embedding"]["weight"], each["embedding"]["weight"] + each["output"]["weight"])
    assert len(tree.leaves(optim.adam(0.1).init(params)[0].mu)) == len(ALL)

    # tied by hand, in the loss, for a model that is written with two tables
    def tied_loss(params: Any) -> Any:
        return loss({**params, "output": params["embedding"]}, untied)

    same(trained(optim.adam(0.1), params, loss=tied_loss), trained(optim.adam(0.1), params), 1e-5)


def test_layers_share_parameters_where_one_is_applied_twice() -> None:
    class Twice(layers.Layer):
        inner: layers.Linear

        def forward(self, run: Any, x: Any) -> Any:
            return run.inner(fnp.tanh(run.inner(x)))

    model, x = Twice(layers.Linear(3, 3)), values(2, 3)
    params, _ = model.init(KEY)
    assert tree.path_strings(tree.structure(params)) == ("inner/bias", "inner/weight")
    two = layers.Sequential(layers.Linear(3, 3), fnp.tanh, layers.Linear(3, 3))
    each = fg.grad(lambda params: two(params, x).sum())((params["inner"], {}, params["inner"]))
    grads = fg.grad(lambda params: model(params, x).sum())(params)
    same(grads["inner"], tree.map(fnp.add, each[0], each[2]), 1e-5)


# ---- ensembles ---------------------------------------------------------------------------------


NET = layers.Sequential(
    layers.Linear(3, 8), layers.BatchNorm1d(8), layers.relu, layers.Dropout(0.2), layers.Linear(8, 1)
)
ADAM = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.01))
RATES = fnp.asarray([0.001, 0.01, 0.1])


def train_step(params: Any, state: Any, opt_state: Any, x: Any, y: Any, key: Any) -> Any:
    def objective(params: Any) -> Any:
        out, after = NET.apply(params, state, x, key=key, train=True)
        return F.mse_loss(out, y), after

    (value, state), grads = fg.value_and_grad(objective, has_aux=True)(params)
    updates, opt_state = ADAM.update(grads, opt_state, params)
    return optim.apply_updates(params, updates), state, opt_state, value


@pytest.mark.parametrize("jit", [False, True])
def test_an_ensemble_trains_as_its_members_alone(jit: bool) -> None:
    """Other first values, other dropout, other learning rates; the same batches."""
    x, y = values(16, 3), values(16, 1, seed=1)
    keys = random.split(KEY, 3)
    params, state = fg.vmap(NET.init)(keys)
    opt_state = optim.set_hyperparams(fg.vmap(ADAM.init)(params), learning_rate=RATES)
    whole: Any = fg.vmap(train_step, in_axes=(0, 0, 0, None, None, 0))
    whole = fg.jit(whole) if jit else whole
    alone: list[Any] = []
    for key, rate in zip(keys, RATES.tolist(), strict=True):
        own, own_state = NET.init(key)
        alone.append((own, own_state, optim.set_hyperparams(ADAM.init(own), learning_rate=rate)))
    for turn in range(4):
        turn_keys = fg.vmap(lambda key, turn=turn: random.fold_in(key, turn))(keys)
        params, state, opt_state, losses = whole(params, state, opt_state, x, y, turn_keys)
        for i in range(3):
            *after, value = train_step(*alone[i], x, y, random.fold_in(keys[i], turn))
            alone[i] = tuple(after)
            close(losses[i], value, 1e-4)
    for i in range(3):
        same(tree.map(lambda a, i=i: a[i], (params, state)), alone[i][:2], 1e-4)
    distances = [float(fnp.abs(params[0]["weight"][i] - NET.init(keys[i])[0][0]["weight"]).max()) for i in range(3)]
    assert distances[0] < distances[1] < distances[2]


def test_the_mean_of_an_ensemble() -> None:
    params, state = fg.vmap(NET.init)(random.split(KEY, 4))
    x = values(5, 3)
    each = fg.vmap(lambda params, state: NET.apply(params, state, x)[0])(params, state)
    assert each.shape == (4, 5, 1)
    one = [NET.apply(*tree.map(lambda a, i=i: a[i], (params, state)), x)[0] for i in range(4)]
    close(each.mean(0), sum(one[1:], one[0]) / 4, 1e-5)
