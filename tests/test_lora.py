"""Models with other layers in some places, and low-rank additions to weights."""

from __future__ import annotations

from typing import Any

import pytest
from models import KEY, close, values

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers, random
from funcgrad.errors import LayerError, OptionError, TreeError


class Block(layers.Layer):
    parts: tuple[layers.Layer, ...]
    norm: layers.Layer
    scale: float = 1.0

    def forward(self, run: Any, x: Any) -> Any:
        for part in run.parts:
            x = x + self.scale * part(x)
        return run.norm(x)


def model() -> layers.Sequential:
    block = Block((layers.Linear(4, 4), layers.Linear(4, 4, bias=False)), layers.BatchNorm1d(4), 0.5)
    return layers.Sequential(layers.Linear(3, 4), fnp.tanh, block, layers.Linear(4, 2))


def encoder() -> Any:
    return layers.TransformerEncoder(layers.TransformerEncoderLayer(4, 2, 6, batch_first=True), 2)


def started(made: Any, seed: int = 0) -> Any:
    """Params and state with nothing zero."""
    params, state = made.init(random.key(seed))
    return fg.tree.map(lambda p: p + 0.1 * values(*p.shape, seed=seed), params), state


def test_paths_are_pytorchs() -> None:
    assert [path for path, _ in layers.named_layers(model())] == ["", "0", "2", "2.parts.0", "2.parts.1", "2.norm", "3"]
    some = [path for path, layer in layers.named_layers(encoder()) if isinstance(layer, layers.Linear)]
    assert some[:3] == ["layers.0.self_attn.out_proj", "layers.0.linear1", "layers.0.linear2"]


def test_layers_are_replaced_by_path_and_by_function() -> None:
    old = model()
    new = layers.replace_layers(old, "2.parts.*", lambda layer: layers.Identity())
    assert new[2].parts == (layers.Identity(),) * 2
    assert (new[0], new[1], new[3], new[2].norm, new[2].scale) == (old[0], old[1], old[3], old[2].norm, 0.5)
    assert old == model()
    new = layers.replace_layers(
        old, ["0", "3"], lambda layer: layers.LoRALinear(layer.in_features, layer.out_features, 1)
    )
    assert new[0] == layers.LoRALinear(3, 4, 1)
    assert new[2] == old[2]
    wide = layers.replace_layers(old, lambda path, layer: isinstance(layer, layers.Linear), lambda layer: fnp.tanh)
    assert wide[2].parts == (fnp.tanh, fnp.tanh)
    assert layers.replace_layers(old, "", lambda layer: layer[0]) == old[0]
    with pytest.raises(LayerError, match=r"no layer has a path like '4'; there are '', '0', '2'"):
        layers.replace_layers(old, "4", lambda layer: layer)
    with pytest.raises(LayerError, match="chooses none"):
        layers.replace_layers(old, lambda path, layer: False, lambda layer: layer)


def test_what_a_constructor_made_can_be_replaced() -> None:
    plain = encoder()
    new = layers.replace_layers(plain, "*.linear1", lambda layer: layers.SwiGLU(4, 3, 6))
    assert new.layers[0].linear1 == layers.SwiGLU(4, 3, 6)
    assert new != plain
    assert "linear1=SwiGLU(4, 3, out_features=6)," in repr(new)
    assert "linear2" not in repr(new)
    params, _ = new.init(KEY)
    assert params["layers"][1]["linear1"]["gate_proj"]["weight"].shape == (4, 3)
    assert new(params, values(2, 5, 4)).shape == (2, 5, 4)


@pytest.mark.parametrize(
    ("made", "places", "shape"),
    [
        (model(), "*", (5, 3)),
        (model(), ["2.parts.1", "3"], (5, 3)),
        (encoder(), "*", (2, 5, 4)),
        (encoder(), "*self_attn", (2, 5, 4)),
    ],
)
def test_a_model_gets_additions_and_loses_them(made: Any, places: Any, shape: tuple[int, ...]) -> None:
    params, state = started(made)
    x = values(*shape)
    before, after_state = made.apply(params, state, x)
    adapted = layers.with_lora(made, places, rank=2, alpha=3.0)
    own, own_state = layers.lora_params(adapted, params, state, key=random.key(1))
    assert fg.tree.structure((own, own_state)) == fg.tree.structure(adapted.init(KEY))
    y, kept = adapted.apply(own, own_state, x)
    close(y, before, 1e-6)  # B is zero
    assert fg.tree.structure(kept) == fg.tree.structure(own_state)

    own = fg.tree.map_with_path(lambda path, p: p + values(*p.shape) if "lora_b" in path else p, own)
    y = adapted.apply(own, own_state, x)[0]
    assert abs(y - before).max() > 1e-2
    merged, merged_params, merged_state = layers.merge_lora(adapted, own, own_state)
    assert merged == made
    assert fg.tree.structure((merged_params, merged_state)) == fg.tree.structure((params, state))
    found, found_state = merged.apply(merged_params, merged_state, x)
    close(found, y, 1e-5)
    assert fg.tree.structure(found_state) == fg.tree.structure(after_state)


def test_weights_are_frozen_by_path() -> None:
    made = layers.with_lora(model(), "*", rank=2)
    params, state = started(made)
    chosen = fg.tree.map_with_path(lambda path, x: "lora_" in path, params)
    trained, frozen = fg.tree.partition(params, chosen)

    def loss(trained: Any) -> Any:
        return (made.apply(fg.tree.combine(trained, frozen), state, values(5, 3))[0] ** 2).sum()

    grads, _ = fg.tree.flatten_with_path(fg.grad(loss)(trained))
    assert len(grads) == 2 * 4
    assert all("lora_" in path and float(abs(g).max()) > 0 for path, g in grads)


def test_a_linear_and_its_addition() -> None:
    made = layers.LoRALinear(3, 4, 2, alpha=6.0)
    params, _ = started(made)
    x = values(5, 3)
    expected = x @ (params["weight"] + 3 * params["lora_a"] @ params["lora_b"]) + params["bias"]
    close(made(params, x), expected)
    around = layers.LoRA(layers.Linear(3, 4), 2, alpha=6.0)
    inner = {"weight": params["weight"], "bias": params["bias"]}
    close(around({"inner": inner, "lora_a": params["lora_a"], "lora_b": params["lora_b"]}, x), expected)
    plain, merged, _ = layers.merge_lora(made, params)
    assert plain == layers.Linear(3, 4)
    close(plain(merged, x), expected)
    assert not fnp.asarray(made.init(KEY)[0]["lora_b"]).any()


def test_a_layer_applied_twice_gets_its_addition_each_time() -> None:
    class Twice(layers.Layer):
        attention: layers.Layer

        def forward(self, run: Any, x: Any) -> Any:
            return run.attention(run.attention(x)[0])[0]

    made = Twice(layers.LoRA(layers.MultiheadAttention(4, 2), 1, weight="in_proj_weight"))
    params, _ = started(made)
    merged, merged_params, _ = layers.merge_lora(made, params)
    close(made(params, values(5, 4)), merged(merged_params, values(5, 4)))


def test_an_adapted_attention_still_makes_caches() -> None:
    made = layers.with_lora(encoder(), "*", rank=1)
    params, _ = started(made)
    cache = made.init_cache(5, 2)
    y, _ = made(params, values(2, 5, 4), cache=cache)
    close(y, made(params, values(2, 5, 4), is_causal=True))


def test_mistakes() -> None:
    with pytest.raises(OptionError, match="rank must be"):
        layers.LoRALinear(3, 4, 0)
    with pytest.raises(OptionError, match="dropout must be between 0 and 1"):
        layers.LoRA(layers.Linear(3, 4), 1, dropout=2)
    with pytest.raises(OptionError, match="for a Linear alone"):
        layers.LoRA(layers.MultiheadAttention(4, 2), 1, dropout=0.5, weight="in_proj_weight")
    with pytest.raises(LayerError, match="no weight of two axes"):
        layers.LoRA(layers.LayerNorm(4), 1).init(KEY)
    with pytest.raises(LayerError, match="must be a layer"):
        layers.LoRA(fnp.tanh, 1)
    with pytest.raises(LayerError, match="no Linear and no"):
        layers.with_lora(model(), "2.norm", 1)
    made = layers.with_lora(model(), "0", 1)
    with pytest.raises(TreeError, match="a tuple of 4 entries"):
        layers.lora_params(made, {}, key=KEY)
    with pytest.raises(OptionError, match="sizes are those"):
        layers.MLP((3,))
    with pytest.raises(AttributeError, match="no_such"):
        _ = made[0].no_such
