"""Recurrent networks: lengths, their own backward pass beside `scan`'s, programs, settings, mixed precision.

PyTorch's values for all settings are compared in `test_layer_table.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import KEY
from sequence_models import CELLS, LENGTHS, NETWORKS, alike, every_network, made, objective, values

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import config, layers, random
from funcgrad.errors import DtypeError, LayerError, OptionError, ShapeError
from funcgrad.testing import check_grads

# ---- lengths -----------------------------------------------------------------------------------


@every_network
def test_lengths_give_what_each_sequence_gives_by_itself(network: Any) -> None:
    model = network(3, 2, num_layers=2, bidirectional=True)
    params, x = made(model), values(6, 4, 3)
    out, hx = model(params, x, lengths=LENGTHS)
    for i, (n, found) in enumerate(zip(LENGTHS, F.unpad_sequence(out, LENGTHS), strict=True)):
        alone, last = model(params, x[:n, i])
        alike(found, alone)
        alike(fg.tree.map(lambda s, i=i: s[:, i], hx), last)
        assert not out[n:, i].any()


@every_network
def test_no_steps_and_no_sequences(network: Any) -> None:
    model = network(3, 2, bidirectional=True)
    params = made(model)
    for shape in ((0, 4, 3), (5, 0, 3)):
        out, hx = model(params, np.zeros(shape))
        assert out.shape == (*shape[:2], 4)
        assert not any(h.any() for h in fg.tree.leaves(hx))
        assert not any(g.any() for g in fg.tree.leaves(fg.grad(objective(model))(params, np.zeros(shape))))


@every_network
def test_what_lies_beyond_a_sequence_counts_for_nothing(network: Any) -> None:
    model = network(3, 2, num_layers=2, bidirectional=True)
    params, x, spoilt = made(model), values(6, 4, 3), values(6, 4, 3)
    for i, n in enumerate(LENGTHS):
        spoilt[n:, i] = np.nan
    gradients = fg.value_and_grad(objective(model, lengths=LENGTHS), (0, 1))
    alike(gradients(params, spoilt), gradients(params, x))
    for i, n in enumerate(LENGTHS):
        assert not gradients(params, x)[1][1][n:, i].any()


@every_network
def test_lengths_of_examples_in_a_batch(network: Any) -> None:
    model = network(3, 2, bidirectional=True)
    params, x = made(model), values(6, 4, 3)
    mapped = fg.vmap(lambda x, n: model(params, x, lengths=n), in_axes=(1, 0), out_axes=1)
    alike(mapped(x, np.array(LENGTHS)), model(params, x, lengths=LENGTHS))
    alike(fg.jit(mapped)(x, np.array(LENGTHS)), model(params, x, lengths=LENGTHS))


@every_network
def test_a_sequence_of_no_steps_keeps_its_state(network: Any) -> None:
    model = network(3, 2)
    first = values(1, 2, 2)
    hx = (fg.asarray(first), fg.asarray(first + 1)) if network is layers.LSTM else fg.asarray(first)
    out, last = model(made(model), values(5, 2, 3), hx, lengths=[0, 5])
    assert not out[:, 0].any()
    alike(fg.tree.map(lambda s: s[:, 0], last), fg.tree.map(lambda s: s[:, 0], hx))


# ---- the loop and its backward pass ------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@every_network
def test_the_backward_pass_is_that_of_the_cell_by_scan(network: Any, compiled: bool, lengths: Any) -> None:
    cell = CELLS[network](3, 2)
    model, both = network(3, 2, bidirectional=True), layers.Bidirectional(cell, cell)
    params, x = made(model), values(6, 4, 3)
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    parts = {
        field: {name: params[f"{name}_l0{end}"] for name in names}
        for field, end in (("forward_cell", ""), ("backward_cell", "_reverse"))
    }

    def run(params: Any, x: Any, lengths: Any) -> Any:
        out, (there, back) = both(params, x, lengths=lengths)
        states = fg.tree.map(lambda a, b: fnp.stack([a, b]), there, back)
        return out, states

    change = fg.jit if compiled else lambda f: f
    found, expected = (
        change(fg.value_and_grad(objective(f, lengths=lengths), (0, 1)))
        for f in (model, lambda params, x, lengths: run(params, x, lengths))
    )
    for _ in range(3):
        value, (by_params, by_x) = found(params, x)
        other, (by_parts, by_other) = expected(parts, x)
    alike((value, by_x), (other, by_other))
    for field, end in (("forward_cell", ""), ("backward_cell", "_reverse")):
        for name in names:
            alike(by_params[f"{name}_l0{end}"], by_parts[field][name])


@every_network
def test_forward_mode_and_second_derivatives_in_programs(network: Any) -> None:
    model = network(2, 2, bidirectional=True)
    params, x = made(model), values(3, 2, 2)
    f = objective(model, lengths=[3, 2])
    push = lambda params, x: fg.jvp(lambda x: f(params, x), (x,), (fnp.sin(x),))  # noqa: E731
    hessian = fg.hessian(f, 1)
    for g in (push, hessian):
        program = fg.jit(g)
        for _ in range(3):
            found = program(params, fg.asarray(x))
        alike(found, g(params, fg.asarray(x)))
    matrix = hessian(params, x)
    alike(matrix, matrix.transpose((3, 4, 5, 0, 1, 2)))


@every_network
def test_all_of_it_runs_on_a_second_device(network: Any) -> None:
    strict = pytest.importorskip("array_api_strict")

    def there(x: Any) -> Any:
        return fg.asarray(strict.asarray(np.array(x), device=strict.Device("device1")))

    model = network(3, 2, bidirectional=True)
    h = values(2, 4, 2)
    given = made(model), values(6, 4, 3), (h, -h) if network is layers.LSTM else h, np.array(LENGTHS)

    def loss(params: Any, x: Any, hx: Any, lengths: Any) -> Any:
        return sum((y**2).sum() for y in fg.tree.leaves(model(params, x, hx, lengths=lengths)))

    gradients = fg.value_and_grad(loss, (0, 1, 2))
    moved = gradients(*fg.tree.map(there, given))
    found = fg.tree.map(lambda y: np.asarray(y._data.to_device(strict.Device("CPU_DEVICE"))), moved)
    alike(found, gradients(*given))


@every_network
def test_checkpoint_changes_nothing(network: Any) -> None:
    model = network(3, 2, num_layers=2)
    params, x = made(model), values(5, 2, 3)
    f = objective(model)
    alike(fg.grad(fg.checkpoint(f))(params, x), fg.grad(f)(params, x))


@every_network
def test_a_program_has_one_loop_for_all_steps(network: Any) -> None:
    model = network(3, 2)
    params = made(model)

    def equations(steps: int) -> int:
        return len(fg.make_graph(fg.grad(objective(model)))(params, fnp.ones((steps, 2, 3))).eqns)

    assert equations(20) == equations(5)


# ---- settings ----------------------------------------------------------------------------------


@every_network
def test_dropout_is_between_layers_while_training(network: Any) -> None:
    model = network(3, 4, num_layers=2, dropout=0.5)
    params, x = model.init(KEY)[0], fnp.ones((5, 2, 3))
    quiet = model(params, x)
    alike(model.apply(params, {}, x, key=KEY)[0], quiet)
    one, other = (model.apply(params, {}, x, key=random.key(k), train=True)[0] for k in (1, 2))
    assert (one[0] != other[0]).any()
    states = fg.tree.map(lambda a, b: (a == b).all(axis=(1, 2)).tolist(), one[1], quiet[1])
    assert all(s == [True, False] for s in fg.tree.leaves(states, is_leaf=lambda s: isinstance(s, list)))
    with pytest.raises(LayerError, match="key"):
        model.apply(params, {}, x, train=True)
    alone = network(3, 4, dropout=0.5)
    alike(alone.apply(alone.init(KEY)[0], {}, x, train=True)[0], alone(alone.init(KEY)[0], x))  # there is no other


@every_network
def test_first_values_are_those_of_pytorch(network: Any) -> None:
    params, _ = network(30, 25, num_layers=2, bidirectional=True).init(KEY)
    for p in params.values():
        assert abs(np.asarray(p)).max() < 0.2
    assert np.asarray(params["weight_hh_l1_reverse"]).std() == pytest.approx(0.2 / 3**0.5, rel=0.05)
    assert params["weight_ih_l1"].shape[0] == 50


@every_network
def test_a_layer_after_batch_first_has_the_states_as_before(network: Any) -> None:
    first, plain = network(3, 2, num_layers=2, batch_first=True), network(3, 2, num_layers=2)
    params, x = made(plain), values(4, 6, 3)
    out, hx = first(params, x, lengths=LENGTHS)
    expected, states = plain(params, x.swapaxes(0, 1), lengths=LENGTHS)
    alike((out.swapaxes(0, 1), hx), (expected, states))
    alike(first(params, x[0]), plain(params, x[0]))  # one sequence has no batch


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@every_network
def test_sixteen_bits_are_computed_in_thirty_two(network: Any, dtype: str) -> None:
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    model = network(3, 2, bidirectional=True)
    params, x = model.init(KEY)[0], fg.asarray(values(6, 4, 3), "float32")
    params, x = fg.tree.map(lambda p: p.astype(dtype), (params, x))
    out, hx = model(params, x, lengths=LENGTHS)
    wide, last = model(*fg.tree.map(lambda p: p.astype("float32"), (params, x)), lengths=LENGTHS)
    for y, e in zip(fg.tree.leaves((out, hx)), fg.tree.leaves((wide, last)), strict=True):
        assert y.dtype == dtype
        assert (y == e.astype(dtype)).all()


@every_network
def test_states_of_another_dtype_decide_with_the_rest(network: Any) -> None:
    model = network(3, 2)
    h = fnp.zeros((1, 2, 2), "float64")
    hx = (h, h) if network is layers.LSTM else h
    out, _ = model(model.init(KEY)[0], fnp.ones((5, 2, 3), "float32"), hx)
    assert out.dtype == "float64"
    assert model(model.init(KEY)[0], fnp.ones((5, 2, 3), "int32"))[0].dtype == "float32"


def test_settings_that_are_refused() -> None:
    for network in NETWORKS:
        with pytest.raises(OptionError, match="num_layers must be an int of at least 1, not 0"):
            network(3, 2, num_layers=0)
        with pytest.raises(OptionError, match="dropout must be between 0 and 1"):
            network(3, 2, dropout=1.5)
    for around in (layers.Recurrent, lambda cell: layers.Bidirectional(layers.GRUCell(3, 2), cell)):
        with pytest.raises(LayerError, match=r"a cell must be an RNNCellBase, such as LSTMCell, not Linear\(3, 2\)"):
            around(layers.Linear(3, 2))  # type: ignore[arg-type]
    for refused in (layers.RNN, layers.RNNCell):
        with pytest.raises(OptionError, match="nonlinearity must be 'tanh' or 'relu', not 'sin'"):
            refused(3, 2, nonlinearity="sin")
    with pytest.raises(OptionError, match="proj_size must be below hidden_size, 2, not 2"):
        layers.LSTM(3, 2, proj_size=2)
    with pytest.raises(OptionError, match="layout must be 'NHWC' or 'NCHW', not 'NWC'"):
        layers.ConvLSTMCell(1, 1, (3, 3), layout="NWC")
    with pytest.raises(ShapeError, match="kernel_size must be one to three sizes, not 3"):
        layers.ConvLSTMCell(1, 1, 3)  # type: ignore[arg-type]


def test_inputs_that_are_refused() -> None:
    model, x = layers.LSTM(3, 2), fnp.ones((5, 4, 3))
    params, _ = model.init(KEY)
    h = fnp.ones((1, 4, 2))
    with pytest.raises(ShapeError, match=r"expected lengths of shape \(4,\), got \(5,\)"):
        model(params, x, lengths=[1, 2, 3, 4, 5])
    with pytest.raises(DtypeError, match="lengths must be integers"):
        model(params, x, lengths=[1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ShapeError, match=r"in layer LSTM.*expected c of shape \(1, 4, 2\), got \(4, 2\)"):
        model(params, x, (h, h[0]))
    with pytest.raises(ShapeError, match=r"hx must be a pair \(h, c\)"):
        model(params, x, h)
    with pytest.raises(ShapeError, match=r"lstm_cell: for x float32\[4,3\] the state must be \(4, 2\), not"):
        layers.LSTMCell(3, 2)(layers.LSTMCell(3, 2).init(KEY)[0], x[0], (h, h))


def test_derivatives_of_a_network_with_everything() -> None:
    with config.default_dtype("float64"):
        model = layers.LSTM(2, 3, num_layers=2, bidirectional=True, proj_size=2)
        params = made(model)
        check_grads(objective(model, lengths=[3, 1]), (params, values(3, 2, 2)), order=2, rtol=1e-5, atol=1e-5)
