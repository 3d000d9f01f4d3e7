"""Every message of the layers: what is wrong, and in which layer of the model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from models import KEY, Counter, Residual, fails, residual

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers
from funcgrad.errors import (
    ArrayIndexError,
    AxisError,
    DtypeError,
    FuncgradError,
    ImmutableArrayError,
    LayerError,
    OptionError,
    ShapeError,
    TreeError,
)


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
    assert "models.py" in str(error)  # the line of the call, in fails()
    fails(ShapeError, "in layer Linear(2, 3): expected last size 2, got ()", layers.Linear(2, 3), {}, 1.0)


@pytest.mark.parametrize(
    "layer", [layers.Conv2d(3, 4, 3), layers.ConvTranspose2d(3, 4, 3), layers.BatchNorm2d(3), layers.InstanceNorm2d(3)]
)
def test_channels_at_the_other_end_are_told_what_to_pass(layer):
    text = 'with or without N, got (2, 3, 8, 8): channels first, as in PyTorch, are layout="NCHW"'
    fails(ShapeError, text, layer.apply, *layer.init(KEY), fnp.ones((2, 3, 8, 8)))
    first = dataclasses.replace(layer, layout="NCHW")
    text = 'got (8, 8, 3): channels last are layout="NHWC"'
    fails(ShapeError, text, first.apply, *first.init(KEY), fnp.ones((8, 8, 3)))
    neither = fails(ShapeError, "got (2, 4, 8, 8)", layer.apply, *layer.init(KEY), fnp.ones((2, 4, 8, 8)))
    assert "layout" not in str(neither).split("got", 1)[1].splitlines()[0]


def test_a_wrong_input_names_a_layer_deep_inside():
    class Net(layers.Layer):
        blocks: tuple[layers.Layer, ...]

        def forward(self, run, x):
            for block in run.blocks:
                x = block(x)
            return x

    net = Net((residual(3), residual(4)))
    params, state = net.init(KEY)
    text = "in layer blocks[1].conv1 Conv2d(4, 4, 3, padding=1): expected (N, H, W, 4)"
    error = fails(ShapeError, text, net.apply, params, state, fnp.ones((2, 5, 5, 3)))
    assert "got (2, 5, 5, 3)" in str(error)
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
    fails(DtypeError, "in layer Embedding(2, 3): embedding: expected integers", table, table.init(KEY)[0], x)
    fails(ArrayIndexError, "in layer Embedding(2, 3): ", table, table.init(KEY)[0], [2])
    fails(AxisError, "in layer Flatten(): no axes from 1 to -1", layers.Flatten(), {}, fnp.ones(3))
    error = fails(ShapeError, "in layer [1] <lambda>: ", layers.Sequential(layers.relu, lambda x: x @ x), ({}, {}), x)
    assert "matmul" in str(error)


def test_errors_of_other_kinds_carry_a_note():
    def broken(x):
        raise KeyError("mine")

    error = fails(KeyError, "mine", layers.Sequential(layers.Sequential(broken)), (({},),), 1.0)
    assert error.__notes__ == ["in layer [0][0] broken"]


def test_a_forgotten_state_is_told_from_the_input():
    model = layers.Sequential(layers.Linear(3, 2))
    params, _ = model.init(KEY)
    text = "Sequential: the second argument of apply is the running state, not one array float32[3]: write y, state ="
    fails(TreeError, text, model.apply, params, fnp.ones(3))


def test_an_error_of_first_values_names_the_layer():
    model = layers.Sequential(layers.relu, layers.Residual(layers.Linear(-1, 2)))
    error = fails(ShapeError, "in init of layer Linear(-1, 2): a shape must not have negative sizes", model.init, KEY)
    assert str(error).count("in init") == 1

    class Broken(layers.Layer):
        def parameters(self, key):
            raise KeyError("mine")

    assert fails(KeyError, "mine", layers.Residual(Broken()).init, KEY).__notes__ == ["in init of layer Broken()"]


def test_a_call_of_ones_own_is_refused():
    with pytest.raises(TypeError, match=r"Bad: define forward\(self, run, x\)"):
        type("Bad", (layers.Layer,), {"__call__": lambda self, run, x: x})


def test_all_that_init_gives_is_not_the_params():
    linear = layers.Linear(2, 2)
    text = "params must be a dict, not a tuple: of what init gives, params, state = model.init(key), they are the first"
    fails(TreeError, text, linear, linear.init(KEY), fnp.ones(2))


def test_what_is_no_key_is_refused_where_it_is_passed():
    # also where nothing draws: attention's second input is called key, and would be taken for this one
    attention, x = layers.MultiheadAttention(2, 1), fnp.ones((3, 2))
    text = "MultiheadAttention: key must be a random key, random.key(0), not one array float32[3,2]; an input"
    fails(DtypeError, text, attention.apply, *attention.init(KEY), x, key=x)
    fails(DtypeError, "Dropout(): key must be a random key", layers.Dropout().apply, {}, {}, x, key=0, train=True)


def test_training_without_apply_says_what_to_write():
    text = "Dropout(): to train write y, state = model.apply(params, state, x, key=key, train=True)"
    fails(LayerError, text, layers.Dropout(), {}, fnp.ones(2), train=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train", "write y, state = model.apply(params, state, x, key=key, train=True)"),
        ("cuda", 'fg.device_put(params, "cuda")'),
        ("state_dict", "layers.to_torch_state_dict(model, params, state)"),
        ("weight", "parameters are in params, and a forward reads them as run.weight"),
    ],
)
def test_what_a_module_of_pytorch_has_says_where_it_is(name, text):
    fails(AttributeError, f"Linear has no {name!r}: ", getattr, layers.Linear(1, 1), name)
    fails(AttributeError, text, getattr, layers.Linear(1, 1), name)


@pytest.mark.parametrize(
    ("name", "text"),
    [("Dense", "Linear"), ("LazyConv2d", "Conv2d, which is told its sizes"), ("ModuleList", "a field that is a tuple")],
)
def test_names_of_other_libraries_say_what_is_here(name, text):
    fails(AttributeError, f"has no {name!r}: here it is {text}", getattr, layers, name)
    assert str(fails(AttributeError, "'Nothing'", getattr, layers, "Nothing")).endswith("has no 'Nothing'")


def test_a_class_is_no_layer():
    text = "[1] is the class ReLU, not a layer: write ReLU(...)"
    fails(LayerError, f"Sequential: {text}", layers.Sequential, layers.Linear(1, 1), layers.ReLU)
    fails(LayerError, f"Parallel: {text}", layers.Parallel, layers.Linear(1, 1), layers.ReLU)
    fails(LayerError, "Residual: shortcut is the class Identity", layers.Residual, layers.relu, layers.Identity)


def test_a_summary_is_of_arrays():
    model = layers.Sequential(layers.Linear(2, 3))
    fails(TreeError, "summary: the argument is a Sequential, and not an array: write params", layers.summary, model)
    fails(TreeError, "summary: the leaf ['a'] is 'b', and not", layers.summary, {"a": "b"})
    assert "float32[2,3]" in layers.summary(fg.eval_shape(lambda key: model.init(key)[0], KEY))


def test_a_missing_key_names_the_layer():
    model = layers.Sequential(layers.relu, layers.Dropout(0.25))
    params, state = model.init(KEY)
    fails(
        LayerError,
        "in layer [1] Dropout(p=0.25): needs a random key: pass one, apply(params, state, x, key=key, train=True)",
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
        "Linear(2, 3): the first argument of a layer is its params, not one array float32[2]",
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

    fails(LayerError, "Scale: the field 'scale' holds one array float32[3], which is not hashable", Scale, fnp.ones(3))
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
    fails(ShapeError, "Conv2d: kernel_size must be an int, or 2 ints", layers.Conv2d, 3, 4, (3, 3, 3))
    fails(ShapeError, "ConvTranspose2d: stride must be an int, or 2 ints", layers.ConvTranspose2d, 3, 4, 3, 0)
    fails(OptionError, "MaxPool2d: padding must be sizes, 'same' or 'valid'", layers.MaxPool2d, 2, padding="full")
    fails(ValueError, "Conv1d: layout must be 'NWC' or 'NCW', not 'NHWC'", layers.Conv1d, 3, 4, 3, layout="NHWC")
    fails(ValueError, "Dropout: p must be between 0 and 1", layers.Dropout, 1.5)
    fails(ValueError, "BatchNorm2d: layout must be", layers.BatchNorm2d, 3, layout="NWC")
    fails(ValueError, "as MLP([784, 128, 10]), not 3", layers.MLP, 3, 4)


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


def test_settings_are_looked_at_when_a_layer_is_made():
    fails(ShapeError, "Conv2d: kernel_size must be an int, or 2 ints", layers.Conv2d, 3, 4, 0)
    fails(ShapeError, "Conv1d: stride must be an int, or 1 ints", layers.Conv1d, 3, 4, 3, stride=0)
    fails(ShapeError, "ConvTranspose2d: dilation must be", layers.ConvTranspose2d, 3, 4, 3, dilation=0)
    for layer in (layers.RNN, layers.LSTM, layers.GRU):
        fails(OptionError, "hidden_size must be an int of at least 1, not 0", layer, 3, 0)


def test_lengths_beyond_the_sequence_are_refused():
    model = layers.GRU(3, 2)
    params, _ = model.init(KEY)
    for wrong in ([6, 1], [-1, 2]):
        text = "in layer GRU(3, 2): lengths must be between 0 and 5"
        fails(ArrayIndexError, text, model, params, fnp.ones((5, 2, 3)), lengths=wrong)
    model = layers.Recurrent(layers.GRUCell(3, 2))
    params, _ = model.init(KEY)
    fails(ArrayIndexError, "lengths must be between 0 and 5", model, params, fnp.ones((5, 2, 3)), lengths=[6, 1])


def test_a_mask_of_three_axes_is_one_for_each_head_of_each_example():
    model = layers.MultiheadAttention(4, 2)
    params, _ = model.init(KEY)
    x, text = fnp.ones((3, 2, 4)), "expected attn_mask (L, S), (2 examples * 2 heads, L, S)"
    fails(ShapeError, text, model, params, x, attn_mask=np.zeros((2, 3, 3), bool))  # of examples or of heads?
    for shape in ((4, 3, 3), (1, 3, 3), (2, 1, 3, 3), (1, 2, 3, 3)):
        assert model(params, x, attn_mask=np.zeros(shape, bool))[0].shape == x.shape
