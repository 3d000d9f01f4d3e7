"""One step of recurrent networks: from an input and a state to the next state.

Matrices are (in, gates * hidden), the transposes of PyTorch's; the gates stand in PyTorch's order. With a bias None
there is none. `layers.LSTM` and its like run a whole sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..numpy.elementwise import tanh
from ..numpy.manipulation import split
from ..ops.create import asarray, to_inexact
from ..ops.precision import widened
from .activations import relu, sigmoid
from .linear import linear

__all__ = ["gru_cell", "lstm_cell", "mgu_cell", "rnn_relu_cell", "rnn_tanh_cell"]


def rnn_tanh_cell(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Array:
    """One step of an Elman network, h' = tanh(x W_ih + b_ih + h W_hh + b_hh).

    Args:
        x: (..., in); integers are taken as the default float.
        hx: the state h, (..., hidden).
        w_ih, w_hh: (in, hidden) and (hidden, hidden).
        b_ih, b_hh: (hidden,) or None.

    Returns:
        h', (..., hidden).

    Raises:
        ShapeError: the sizes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.rnn_tanh_cell(fnp.asarray([1.0]), fnp.asarray([0.5]), fnp.asarray([[2.0]]), fnp.asarray([[-4.0]]))
    Array([0.], dtype=float32)

    Source: J. L. Elman, Finding structure in time, Cognitive Science 14, 1990.
    """
    return _rnn("rnn_tanh_cell", tanh, x, hx, w_ih, w_hh, b_ih, b_hh)


def rnn_relu_cell(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Array:
    """One step of an Elman network with relu for tanh; arguments as for `rnn_tanh_cell`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.rnn_relu_cell(fnp.asarray([1.0]), fnp.asarray([0.5]), fnp.asarray([[2.0]]), fnp.asarray([[3.0]]))
    Array([3.5], dtype=float32)

    Source: Q. V. Le and others, A simple way to initialize recurrent networks of rectified linear units, 2015.
    """
    return _rnn("rnn_relu_cell", relu, x, hx, w_ih, w_hh, b_ih, b_hh)


def lstm_cell(
    x: Any, hx: tuple[Any, Any], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> tuple[Array, Array]:
    """One step of a long short-term memory.

        [i, f, g, o] = x W_ih + b_ih + h W_hh + b_hh
        c' = sigmoid(f) c + sigmoid(i) tanh(g)
        h' = sigmoid(o) tanh(c')

    Args:
        x: (..., in); integers are taken as the default float.
        hx: (h, c), the output and the cell's state of the step before, both (..., hidden).
        w_ih, w_hh: (in, 4 hidden) and (hidden, 4 hidden).
        b_ih, b_hh: (4 hidden,) or None.

    Returns:
        (h', c').

    Raises:
        ShapeError: the sizes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> zeros = fnp.zeros((1, 4))
    >>> h, c = F.lstm_cell(fnp.zeros(1), (fnp.zeros(1), fnp.ones(1)), zeros, zeros)
    >>> h.round(4), c
    (Array([0.2311], dtype=float32), Array([0.5], dtype=float32))

    Source: F. A. Gers, J. Schmidhuber and F. Cummins, Learning to forget: continual prediction with LSTM, 2000.
    """
    if not isinstance(hx, list | tuple) or len(hx) != 2:
        raise ShapeError("lstm_cell: hx is a pair (h, c)")
    return _lstm(x, *hx, w_ih, w_hh, b_ih, b_hh)


@widened
def gru_cell(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Array:
    """One step of a gated recurrent unit.

        [r, z, n] = x W_ih + b_ih,  [r_h, z_h, n_h] = h W_hh + b_hh
        r = sigmoid(r + r_h),  z = sigmoid(z + z_h)
        h' = (1 - z) tanh(n + r n_h) + z h

    Args:
        x: (..., in); integers are taken as the default float.
        hx: the state h, (..., hidden).
        w_ih, w_hh: (in, 3 hidden) and (hidden, 3 hidden).
        b_ih, b_hh: (3 hidden,) or None.

    Returns:
        h', (..., hidden).

    Raises:
        ShapeError: the sizes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.gru_cell(fnp.zeros(1), fnp.ones(1), fnp.zeros((1, 3)), fnp.zeros((1, 3)))
    Array([0.5], dtype=float32)

    Source: K. Cho and others, Learning phrase representations using RNN encoder-decoder, 2014, with the reset gate
    behind the product with h, as in PyTorch and cuDNN.
    """
    x, h = _operands("gru_cell", 3, x, hx, w_ih, w_hh)
    return gru_step(linear(x, w_ih, b_ih), linear(h, w_hh, b_hh), h)[0]


@widened
def mgu_cell(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Array:
    """One step of a minimal gated unit, whose one gate both forgets and resets.

        [f, n] = x W_ih + b_ih,  [f_h, n_h] = h W_hh + b_hh
        f = sigmoid(f + f_h)
        h' = (1 - f) tanh(n + f n_h) + f h

    Args:
        x: (..., in); integers are taken as the default float.
        hx: the state h, (..., hidden).
        w_ih, w_hh: (in, 2 hidden) and (hidden, 2 hidden).
        b_ih, b_hh: (2 hidden,) or None.

    Returns:
        h', (..., hidden).

    Raises:
        ShapeError: the sizes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.mgu_cell(fnp.zeros(1), fnp.ones(1), fnp.zeros((1, 2)), fnp.zeros((1, 2)))
    Array([0.5], dtype=float32)

    Source: G.-B. Zhou and others, Minimal gated unit for recurrent neural networks, 2016; f and 1 - f stand as in
    Flax's cell of that name.
    """
    x, h = _operands("mgu_cell", 2, x, hx, w_ih, w_hh)
    f, n = split(linear(x, w_ih, b_ih), 2, -1)
    f_h, n_h = split(linear(h, w_hh, b_hh), 2, -1)
    f = sigmoid(f + f_h)
    n = tanh(n + f * n_h)
    return n + f * (h - n)


# ---- what follows the products ---------------------------------------------------------------


def lstm_step(gates: Any, c: Any, axis: int = -1) -> tuple[Any, Any, tuple[Any, ...]]:
    """The next output and cell state, and the gates' values, of the sums of both products; gates along an axis."""
    i, f, g, o = split(gates, 4, axis)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = f * c + i * g
    return o * tanh(c), c, (i, f, g, o)


def gru_step(of_x: Any, of_h: Any, h: Any) -> tuple[Any, tuple[Any, ...]]:
    """The next state, and the gates' values with n_h, of the product with x and of that with h."""
    r, z, n = split(of_x, 3, -1)
    r_h, z_h, n_h = split(of_h, 3, -1)
    r, z = sigmoid(r + r_h), sigmoid(z + z_h)
    n = tanh(n + r * n_h)
    return n + z * (h - n), (r, z, n, n_h)


# ---- parts -----------------------------------------------------------------------------------


@widened
def _lstm(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, Any]:
    x, h, c = _operands("lstm_cell", 4, x, h, w_ih, w_hh, c)
    return lstm_step(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh), c)[:2]


@widened
def _rnn(
    name: str, nonlinearity: Callable[[Any], Any], x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> Any:
    x, h = _operands(name, 1, x, hx, w_ih, w_hh)
    return nonlinearity(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh))


def _operands(name: str, gates: int, x: Any, h: Any, w_ih: Any, w_hh: Any, *more: Any) -> tuple[Any, ...]:
    """x and the states as floats, their shapes checked against those of the weights; `linear` checks the rest."""
    x, states = to_inexact(x), [to_inexact(s) for s in (h, *more)]
    inner, outer = asarray(w_ih).shape, asarray(w_hh).shape
    if len(outer) != 2 or outer[1] != gates * outer[0] or inner[1:] != outer[1:]:
        raise ShapeError(
            f"{name}: w_ih must be (in, {gates} hidden) and w_hh (hidden, {gates} hidden), not {inner} and {outer}"
        )
    for s in states:
        if s.shape != (*x.shape[:-1], outer[0]):
            raise ShapeError(f"{name}: for x {x.aval} the state must be {(*x.shape[:-1], outer[0])}, not {s.aval}")
    return x, *states
