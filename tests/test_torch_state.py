"""State dicts of PyTorch's modules, in and out: names, shapes and dtypes of every layer, and what goes wrong."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from layers import ALL, Row
from layers.reparametrization import twin
from models import KEY, residual, values
from test_layer_table import layouts, made

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import io, layers
from funcgrad.errors import ShapeError, TreeError


@pytest.fixture
def torch() -> Any:
    found = pytest.importorskip("torch")
    found.manual_seed(0)
    return found


# ---- every module of PyTorch's -----------------------------------------------------------------

# What holds modules or arrays and does nothing with them, or is another module in the end
OTHERS = {"Container", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
OTHERS |= {"CrossMapLRN2d", "DataParallel", "NLLLoss2d", "RNNBase", "RNNCellBase", "SyncBatchNorm"}


def test_every_module_of_torch_has_a_layer(torch: Any) -> None:
    modules = {name for name, x in vars(torch.nn).items() if isinstance(x, type) and issubclass(x, torch.nn.Module)}
    rows = {row.name for row in ALL if row.torch is not None}
    left = {name for name in modules - rows - OTHERS if name.removeprefix("Lazy") not in rows}
    assert not left


def filled(torch: Any, module: Any) -> Any:
    """The module with other numbers in each parameter and buffer."""
    for i, x in enumerate([*module.parameters(), *module.buffers()]):
        x.data.copy_(torch.tensor(values(*x.shape, seed=i) * 8).abs())
    return module


def numbers(state_dict: Any) -> dict[str, np.ndarray]:
    return {name: x.detach().numpy() for name, x in state_dict.items()}


def equal(found: Any, expected: Any) -> None:
    assert sorted(found) == sorted(expected)
    for name, x in expected.items():
        assert (found[name].shape, found[name].dtype) == (x.shape, x.dtype), name
        np.testing.assert_array_equal(found[name], x, err_msg=name)


@pytest.mark.parametrize("row", [row for row in ALL if row.torch is not None], ids=str)
@seed(0)
@settings(max_examples=5, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_a_state_dict_comes_back_as_it_was(row: Row, data: st.DataObject) -> None:
    torch = pytest.importorskip("torch")
    example = data.draw(row.settings if row.settings is not None else st.sampled_from(row.examples), "settings")
    module = filled(torch, row.twin(torch, example))
    if data.draw(st.booleans(), "double"):
        module.double()
    given = numbers(module.state_dict())
    model = made(row, example, data.draw(st.sampled_from(layouts(row)), "layout"))
    params, state = layers.from_torch_state_dict(model, given)
    assert all(np.asarray(x).flags.c_contiguous for x in fg.tree.leaves((params, state)))
    first = model.init(KEY)
    assert fg.tree.structure((params, state)) == fg.tree.structure(first)
    assert [x.shape for x in fg.tree.leaves((params, state))] == [x.shape for x in fg.tree.leaves(first)]

    found = layers.to_torch_state_dict(model, params, state)
    counters = {name: x for name, x in given.items() if name.endswith("num_batches_tracked") and name not in found}
    equal(found | counters, given)
    other = copy.deepcopy(module)
    for x in (*other.parameters(), *other.buffers()):
        x.data.zero_()
    other.load_state_dict({name: torch.from_numpy(x) for name, x in found.items()}, strict=True)
    equal(numbers(other.state_dict()) | counters, given)


@pytest.mark.parametrize("layer", [layers.Linear(3, 2), layers.Conv2d(2, 4, 3), layers.ConvTranspose1d(2, 3, 2)])
@pytest.mark.parametrize("kind", ["WeightNorm", "SpectralNorm"])
def test_older_state_dicts_of_reparametrisations(torch: Any, kind: str, layer: Any) -> None:
    module = twin(torch, layer)
    old = torch.nn.utils.weight_norm if kind == "WeightNorm" else torch.nn.utils.spectral_norm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module = old(module)
    assert f"weight_{'g' if kind == 'WeightNorm' else 'orig'}" in module.state_dict()  # an older name
    model = getattr(layers, kind)(layer)
    x = values(4, 3) if isinstance(layer, layers.Linear) else values(2, 2, *(5,) * (len(layer.layout) - 2))
    for _ in range(10):  # of the power iteration
        module(torch.tensor(x))
    params, state = layers.from_torch_state_dict(model, module.state_dict())
    y, _ = model.apply(params, state, np.moveaxis(x, 1, -1))
    expected = module.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(np.moveaxis(np.asarray(y), -1, 1), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("row", [row for row in ALL if row.torch is None], ids=str)
def test_layers_that_torch_has_not_come_back_too(row: Row) -> None:
    for example in row.examples:
        for layout in layouts(row):
            model = made(row, example, layout)
            first = model.init(KEY)
            found = layers.from_torch_state_dict(model, layers.to_torch_state_dict(model, *first))
            assert fg.tree.structure(found) == fg.tree.structure(first)
            for x, y in zip(fg.tree.leaves(found), fg.tree.leaves(first), strict=True):
                assert x.dtype == y.dtype
                np.testing.assert_array_equal(x, y)


class Deep(layers.Layer):
    blocks: layers.Layer
    head: layers.Linear = layers.Linear(3, 2)

    def forward(self, run: Any, x: Any) -> Any:
        return run.head(run.blocks(x))


def test_a_list_of_modules_becomes_a_loop(torch: Any) -> None:
    nn = torch.nn
    block = layers.Sequential(layers.Linear(3, 3), layers.BatchNorm1d(3), fnp.tanh)
    blocks = nn.ModuleList(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Tanh()) for _ in range(6))
    module = filled(torch, nn.ModuleDict({"blocks": blocks, "head": nn.Linear(3, 2)}))
    given = numbers(module.state_dict())
    model = Deep(layers.Repeated(block, 6))
    params, state = layers.from_torch_state_dict(model, given)
    assert params["blocks"]["layer"][0]["weight"].shape == (6, 3, 3)
    x = values(4, 3)
    y, _ = model.apply(params, state, x)
    expected = torch.tensor(x)
    for part in module.eval()["blocks"]:
        expected = part(expected)
    np.testing.assert_allclose(np.asarray(y), module["head"](expected).detach().numpy(), rtol=1e-5, atol=1e-5)

    found = layers.to_torch_state_dict(model, params, state)
    counters = {name: x for name, x in given.items() if name.endswith("num_batches_tracked")}
    equal(found | counters, given)
    twice = Deep(layers.Repeated(layers.Repeated(block, 3), 2))
    names = layers.to_torch_state_dict(twice, *layers.from_torch_state_dict(twice, nested(given)))
    equal(names | nested(counters), nested(given))
    shared = Deep(layers.Repeated(layers.Linear(3, 3), 2, shared=True))
    assert sorted(layers.to_torch_state_dict(shared, *shared.init(KEY)))[:2] == ["blocks.bias", "blocks.weight"]
    with pytest.raises(TreeError, match=r"missing: blocks\.5\.0\.weight"):
        layers.from_torch_state_dict(model, {k: v for k, v in given.items() if not k.startswith("blocks.5")})


def nested(state_dict: dict[str, Any]) -> dict[str, Any]:
    """The six blocks as twice three."""
    split = (name.split(".") for name in state_dict)
    found = [[a, str(int(i) // 3), str(int(i) % 3), *b] if a == "blocks" else [a, i, *b] for a, i, *b in split]
    return dict(zip(map(".".join, found), state_dict.values(), strict=True))


def test_counters_of_batches_are_integers(torch: Any) -> None:
    module, model = torch.nn.BatchNorm1d(3, momentum=None), layers.BatchNorm1d(3, momentum=None)
    for _ in range(2):
        module(torch.tensor(values(4, 3)))
    params, state = layers.from_torch_state_dict(model, module.state_dict())
    _, state = model.apply(params, state, values(4, 3, seed=1), train=True)
    module(torch.tensor(values(4, 3, seed=1)))
    found = layers.to_torch_state_dict(model, params, state)
    assert found["num_batches_tracked"].dtype == "int64"
    assert found["num_batches_tracked"] == 3
    np.testing.assert_allclose(found["running_var"], module.running_var.numpy(), rtol=1e-6)


# ---- tensors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_tensors_of_every_float(torch: Any, dtype: str) -> None:
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    module = torch.nn.Linear(3, 2).to(getattr(torch, dtype))
    given = dict(module.named_parameters())  # they require gradients
    model = layers.Linear(3, 2)
    params, _ = layers.from_torch_state_dict(model, given)
    assert params["weight"].dtype == dtype
    np.testing.assert_array_equal(np.asarray(params["weight"]).T.astype("float64"), module.weight.double().detach())
    wide, _ = layers.from_torch_state_dict(model, given, dtype="float32")
    assert {x.dtype.name for x in fg.tree.leaves(wide)} == {"float32"}
    found = layers.to_torch_state_dict(model, params)
    back = {name: torch.from_dlpack(fg.asarray(x)) for name, x in found.items()}
    for name, x in module.state_dict().items():
        assert back[name].dtype == x.dtype
        assert torch.equal(back[name], x)


def test_what_is_loaded_does_not_follow_the_tensor(torch: Any) -> None:
    module = torch.nn.Linear(3, 2)
    params, _ = layers.from_torch_state_dict(layers.Linear(3, 2), module.state_dict())
    before = [np.array(x) for x in fg.tree.leaves(params)]
    with torch.no_grad():
        for p in module.parameters():
            p.zero_()
    for x, expected in zip(fg.tree.leaves(params), before, strict=True):
        np.testing.assert_array_equal(x, expected)


def test_tensors_that_share_or_skip_memory(torch: Any) -> None:
    row = torch.arange(3.0)
    weight = torch.arange(12.0).reshape(3, 4)[:, ::2].T
    params, _ = layers.from_torch_state_dict(layers.Linear(3, 2), {"weight": weight, "bias": row[:1].expand(2)})
    assert params["weight"].tolist() == [[0, 2], [4, 6], [8, 10]]
    assert params["bias"].tolist() == [0, 0]


class Tied(layers.Layer):
    """Scores words with the table that it takes them from."""

    emb: layers.Embedding
    mix: layers.Linear

    def forward(self, run: Any, tokens: Any) -> Any:
        return run.emb.attend(run.mix(run.emb(tokens)))


def tied(torch: Any) -> Any:
    nn = torch.nn
    module = nn.ModuleDict({"emb": nn.Embedding(5, 3), "mix": nn.Linear(3, 3), "head": nn.Linear(3, 5, bias=False)})
    module["head"].weight = module["emb"].weight
    return module


def test_tied_weights_are_left_out_and_put_in_again(torch: Any, tmp_path: Path) -> None:
    module, model = tied(torch), Tied(layers.Embedding(5, 3), layers.Linear(3, 3))
    with pytest.raises(TreeError, match=r"unknown: head\.weight\. .*name what has no place here in ignore="):
        layers.from_torch_state_dict(model, module.state_dict())
    params, _ = layers.from_torch_state_dict(model, module.state_dict(), ignore=["head.*"])
    found = layers.to_torch_state_dict(model, params)
    found["head.weight"] = found["emb.weight"]
    io.save_safetensors(tmp_path / "x", found)
    again = tied(torch)
    again.load_state_dict({k: torch.tensor(np.asarray(x)) for k, x in io.load_safetensors(tmp_path / "x").items()})
    assert again["head"].weight is again["emb"].weight
    tokens = np.asarray([0, 3, 4])
    expected = again["head"](again["mix"](again["emb"](torch.tensor(tokens)))).detach().numpy()
    np.testing.assert_allclose(np.asarray(model(params, tokens)), expected, rtol=1e-5, atol=1e-5)


# ---- names -------------------------------------------------------------------------------------


def weights(model: layers.Layer, prefix: str = "") -> dict[str, np.ndarray]:
    return {prefix + name: x for name, x in layers.to_torch_state_dict(model, *model.init(KEY)).items()}


def test_a_prefix_chooses_a_part() -> None:
    model = residual(2)
    expected = model.init(KEY)
    found = layers.from_torch_state_dict(model, weights(model, "module."), prefix="module.")
    for x, y in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(x, y)
    whole = weights(model, "encoder.") | weights(layers.Linear(2, 2), "head.")
    params, _ = layers.from_torch_state_dict(layers.Linear(2, 2), whole, prefix="head.")
    np.testing.assert_array_equal(params["weight"].T, whole["head.weight"])


def renamed(model: layers.Layer, **names: str) -> dict[str, Any]:
    return {names.get(name.replace(".", "_"), name): x for name, x in weights(model).items()}


def refused(model: layers.Layer, given: Any, **options: Any) -> str:
    with pytest.raises(TreeError) as caught:
        layers.from_torch_state_dict(model, given, **options)
    return caught.value.message


def test_near_names_are_told() -> None:
    said = refused(residual(2), renamed(residual(2), conv1_weight="conv_1.weight", norm_bias="bn.beta"))
    assert said == (
        "the state dict is not this model's; missing: conv1.weight (there is conv_1.weight), norm.bias; unknown: "
        "conv_1.weight, bn.beta. Fields of the model must be called as PyTorch's attributes are; name what has no "
        "place here in ignore="
    )


def test_a_missing_prefix_is_told() -> None:
    model = layers.Linear(2, 2)
    assert refused(model, weights(model, "_orig_mod.")).endswith(
        "All names are there with '_orig_mod.' in front: give prefix='_orig_mod.'"
    )
    assert refused(model, weights(model, "module.net."), prefix="module.").endswith("give prefix='module.net.'")
    said = refused(model, weights(model), prefix="module.")
    assert said.startswith("the state dict is not this model's; missing: module.weight, module.bias. ")


def test_a_checkpoint_of_several_things_is_told() -> None:
    model = layers.Linear(2, 2)
    said = refused(model, {"epoch": 3, "state_dict": weights(model)})
    assert said.endswith(
        "It holds a dict under 'state_dict': is that the state dict, of a checkpoint of several things?"
    )


def test_many_names_are_not_all_told() -> None:
    model = layers.Sequential(*[layers.Linear(1, 1)] * 20)
    said = refused(model, {})
    assert "missing: 0.weight, 0.bias, 1.weight," in said
    assert "3.bias, and 32 more. " in said


def test_what_else_is_wrong() -> None:
    model = layers.Linear(3, 2)
    with pytest.raises(ShapeError, match=r"'a\.weight' has the shape \(3, 2\), and this model's is \(2, 3\)"):
        layers.from_torch_state_dict(model, {"a.weight": np.ones((3, 2)), "a.bias": np.ones(2)}, prefix="a.")
    with pytest.raises(TreeError, match="the first argument is the model"):
        layers.from_torch_state_dict(model.init(KEY)[0], {})
    with pytest.raises(TreeError, match=r"params\['weight'\] is missing"):
        layers.to_torch_state_dict(model, {"bias": fnp.ones(2)})
    with pytest.raises(TreeError, match=r"state\['norm'\]\['mean'\] is missing"):
        layers.to_torch_state_dict(residual(2), residual(2).init(KEY)[0])
    with pytest.raises(ShapeError, match=r"params\['bias'\] has the shape \(3,\)"):
        layers.to_torch_state_dict(model, {"weight": fnp.ones((3, 2)), "bias": fnp.ones(3)})


def test_what_is_no_state_dict_is_refused() -> None:
    for wrong in (None, [1.0], layers.Linear(1, 1)):
        with pytest.raises(TreeError, match=r"a state dict maps names to arrays.*give module\.state_dict\(\)"):
            layers.from_torch_state_dict(layers.Linear(1, 1), wrong)  # type: ignore[arg-type]
