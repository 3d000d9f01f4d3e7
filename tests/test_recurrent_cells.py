"""Cells of recurrent networks, `Recurrent` and `Bidirectional` around them, and functions of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import KEY
from sequence_models import CELLS, LENGTHS, alike, made, values

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import layers, random
from funcgrad.errors import LayerError, OptionError, ShapeError


def test_a_cell_without_a_state_begins_with_zeros() -> None:
    for cell in (layers.RNNCell(3, 2), layers.GRUCell(3, 2), layers.MGUCell(3, 2)):
        params, x = made(cell), values(4, 3)
        alike(cell(params, x), cell(params, x, np.zeros((4, 2))))
    cell, x = layers.LSTMCell(3, 2), values(4, 3)
    alike(cell(made(cell), x), cell(made(cell), x, (np.zeros((4, 2)),) * 2))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_convolutional_cell_of_one_pixel_windows_is_a_cell_for_each_pixel(layout: str) -> None:
    cell, each = layers.ConvLSTMCell(3, 2, (1, 1), layout=layout), layers.LSTMCell(3, 2)
    first = layout == "NCHW"
    params, x, h, c = made(cell), values(2, 4, 5, 3), values(2, 4, 5, 2), values(2, 4, 5, 2, seed=1)
    weights = {name: params[name][:, :, 0, 0].T if first else params[name][0, 0] for name in ("weight_ih", "weight_hh")}
    expected = each(weights | {"bias_ih": params["bias"], "bias_hh": fnp.zeros(8)}, x, (h, c))
    move = (lambda a: np.moveaxis(np.asarray(a), -1, 1)) if first else np.asarray
    alike(cell(params, move(x), (move(h), move(c))), [move(e) for e in expected])


def test_a_convolutional_cell_along_a_video() -> None:
    model = layers.Recurrent(layers.ConvLSTMCell(2, 3, (3, 3)), batch_first=True)
    params, x = made(model), values(2, 4, 5, 6, 2)
    out, (h, c) = model(params, x, lengths=[4, 2])
    assert out.shape == (2, 4, 5, 6, 3)
    assert h.shape == c.shape == (2, 5, 6, 3)
    alike(out[1, 1], h[1])
    alike(model(params, x[1, :2])[0], out[1, :2])


@pytest.mark.parametrize("network", [layers.LSTM, layers.GRU], ids=lambda n: n.__name__)
def test_a_cell_along_a_sequence_backwards(network: Any) -> None:
    cell = CELLS[network](3, 2)
    model, plain = layers.Recurrent(cell, reverse=True), layers.Recurrent(cell)
    params, x = made(model), values(6, 4, 3)
    out, last = model(params, x)
    expected, other = plain(params, x[::-1])
    alike((out[::-1], last), (expected, other))


class Counting(layers.RNNCellBase):
    """Counts its steps in running state, drops parts of its carry, and has a dict for a carry."""

    drop: layers.Dropout = layers.Dropout(0.5)

    def state(self) -> dict[str, Any]:
        return {"steps": fnp.zeros((), "int32")}

    def parameters(self, key: Any) -> dict[str, Any]:
        return {"rate": fnp.ones(())}

    def initial_carry(self, run: Any, x: Any) -> Any:
        return {"sum": fnp.zeros_like(x), "last": fnp.zeros_like(x)}

    def forward(self, run: Any, x: Any, carry: Any) -> Any:
        run.update(steps=run.state["steps"] + 1)
        return {"sum": carry["sum"] + run.rate * run.drop(x), "last": x}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_a_cell_with_running_state_and_random_numbers(compiled: bool) -> None:
    model = layers.Recurrent(Counting())
    params, state = model.init(KEY)
    x = fnp.ones((20, 3), "float64")

    def f(params: Any, state: Any, x: Any, train: bool) -> Any:
        return model.apply(params, state, x, key=KEY, train=train)

    change = (lambda f: fg.jit(f, static_argnums=3)) if compiled else lambda f: f
    for _ in range(3):
        (out, last), after = change(f)(params, state, x, True)
    assert int(after["cell"]["steps"]) == 20
    alike(out["sum"][-1], last["sum"])
    steps = np.diff(np.asarray(out["sum"]), axis=0)
    assert set(steps.ravel().tolist()) == {0.0, 2.0}
    assert len({tuple(row) for row in steps.tolist()}) > 2  # each step draws numbers of its own
    (quiet, _), after = change(f)(params, after, x, False)
    assert int(after["cell"]["steps"]) == 40
    alike(quiet["sum"], np.cumsum(np.ones((20, 3)), axis=0))

    gradient = change(fg.grad(lambda params, state, x, train: f(params, state, x, train)[0][1]["sum"].sum()))
    for _ in range(3):
        found = gradient(params, state, x, True)
    alike(found["cell"]["rate"], last["sum"].sum())


def test_an_ensemble_of_cells_with_running_state() -> None:
    model = layers.Recurrent(Counting())
    params, state = fg.vmap(model.init)(random.split(KEY, 3))
    keys, x = random.split(random.key(1), 3), fnp.ones((7, 2), "float64")

    def f(params: Any, state: Any, key: Any) -> Any:
        return model.apply(params, state, x, key=key, train=True)

    found = fg.vmap(f)(params, state, keys)
    for i in range(3):
        alike(fg.tree.map(lambda y, i=i: y[i], found), f(*fg.tree.map(lambda p, i=i: p[i], (params, state)), keys[i]))


def test_a_cell_that_needs_what_was_not_given_says_so() -> None:
    model = layers.Recurrent(Counting())
    params, state = model.init(KEY)
    with pytest.raises(LayerError, match=r"cell\.drop Dropout.*needs a random key"):
        model.apply(params, state, fnp.ones((2, 3)), train=True)
    with pytest.raises(LayerError, match="in layer cell Counting: has running state"):
        model(params, fnp.ones((2, 3)))


def test_bidirectional_merges_as_it_is_told() -> None:
    cell = layers.GRUCell(3, 2)
    plain, summed = layers.Bidirectional(cell, cell), layers.Bidirectional(cell, cell, merge=fnp.add)
    params, x = made(plain), values(5, 4, 3)
    out, carry = plain(params, x)
    total, other = summed(params, x, (carry[0] * 0, carry[1] * 0))
    alike((total, other), (out[..., :2] + out[..., 2:], carry))


# ---- functions ---------------------------------------------------------------------------------


def test_functions_refuse_sizes_that_do_not_fit() -> None:
    x, h, w = fnp.ones((4, 3)), fnp.ones((4, 2)), fnp.ones((3, 8))
    with pytest.raises(ShapeError, match=r"w_ih must be \(in, 4 hidden\) and w_hh \(hidden, 4 hidden\), not"):
        F.lstm_cell(x, (h, h), w, fnp.ones((2, 6)))
    with pytest.raises(ShapeError, match=r"lstm_cell: hx is a pair"):
        F.lstm_cell(x, h, w, fnp.ones((2, 8)))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="differ in their length alone"):
        F.pad_sequence([fnp.ones((2, 3)), fnp.ones((2, 4))])
    with pytest.raises(ShapeError, match="there are no sequences"):
        F.pad_sequence([])
    with pytest.raises(OptionError, match="padding_side must be 'left' or 'right', not 'top'"):
        F.pad_sequence([x], padding_side="top")
    with pytest.raises(ShapeError, match="3 lengths do not fit"):
        F.unpad_sequence(x, [1, 2, 3], batch_first=True)
    with pytest.raises(ShapeError, match=r"lengths must be between 0 and 4, not \[5, 1, 1\]"):
        F.unpad_sequence(x, [5, 1, 1])


def test_padding_is_undone() -> None:
    given = [fg.asarray(values(n, 2)) for n in LENGTHS]
    for batch_first in (False, True):
        alike(F.unpad_sequence(F.pad_sequence(given, batch_first), LENGTHS, batch_first), given)
    assert F.sequence_mask(LENGTHS).sum(axis=1).tolist() == LENGTHS
