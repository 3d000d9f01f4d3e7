"""Recurrent networks along a sequence: a pass forward, and backward through time.

Each is a `scan` with a rule of its own for reverse mode. That of `scan` itself keeps the states alone, computes each
step again, and adds to the gradients of the weights at each: for loops of any kind. Here the gates' values are kept,
and with them the derivatives of all gates are known before the loop backward begins:

    d_gates[t] = (d_state[t] of each gate) * slopes[t]          slopes: of all steps at once
    d_state[t - 1] = d_gates[t] W_hh^T + ...                    the loop
    d_W_hh = sum over t of h[t - 1]^T d_gates[t]                one product of all steps

That takes several times the memory; `fg.checkpoint` around a layer takes it when the layer's turn comes, and does its
forward pass twice. Where a `mask` is False a step changes nothing: its slopes are 0, and cotangents pass by it.

Source: P. J. Werbos, Backpropagation through time: what it does and how to do it, 1990.
"""

from __future__ import annotations

from typing import Any

from ..functional.activations import relu
from ..functional.recurrent import gru_step, lstm_step
from ..numpy.elementwise import tanh, where
from ..numpy.manipulation import concat
from ..transforms.custom_vjp import custom_vjp
from ..transforms.scan import scan

__all__ = ["gru", "lstm", "rnn"]

# ---- LSTM --------------------------------------------------------------------------------------


def _lstm_steps(
    keep: bool, of_x: Any, w_hh: Any, w_hr: Any, h: Any, c: Any, mask: Any, reverse: bool
) -> tuple[tuple[Any, Any], Any]:
    """The loop; it collects outputs, and with `keep` cell states and gates too."""

    def step(carry: Any, row: Any) -> Any:
        (h, c), (of_x, m) = carry, row
        new_h, new_c, gates = lstm_step(of_x + h @ w_hh, c)
        if w_hr is not None:
            new_h = new_h @ w_hr
        if m is not None:
            new_h, new_c = where(m, new_h, h), where(m, new_c, c)
        return (new_h, new_c), (new_h, new_c, gates) if keep else new_h

    return scan(step, (h, c), (of_x, mask), reverse=reverse)


def _lstm(of_x: Any, w_hh: Any, w_hr: Any, h: Any, c: Any, mask: Any, reverse: bool) -> tuple[Any, Any, Any]:
    """An LSTM along a sequence; the maths stands at `functional.lstm_cell`.

    Args:
        of_x: (L, ..., 4 hidden), the products with the inputs and all biases.
        w_hh: (out, 4 hidden).
        w_hr: (hidden, out), which projects each output; None for none.
        h, c: first states, (..., out) and (..., hidden).
        mask: (L, ..., 1), which steps are made; None for all.
        reverse: from the last row to the first.

    Returns:
        (outputs (L, ..., out), last h, last c).
    """
    (h, c), hs = _lstm_steps(False, of_x, w_hh, w_hr, h, c, mask, reverse)
    return hs, h, c


def _lstm_forward(of_x: Any, w_hh: Any, w_hr: Any, h: Any, c: Any, mask: Any, reverse: bool) -> Any:
    (last_h, last_c), (hs, cs, gates) = _lstm_steps(True, of_x, w_hh, w_hr, h, c, mask, reverse)
    return (hs, last_h, last_c), (w_hh, w_hr, h, c, mask, hs, cs, gates)


def _lstm_backward(reverse: bool, residuals: Any, cts: Any) -> Any:
    w_hh, w_hr, first_h, first_c, mask, hs, cs, (i, f, g, o) = residuals
    ct_hs, ct_h, ct_c = cts
    of_c = tanh(cs)
    slopes = concat(
        [g * i * (1 - i), _before(cs, first_c, reverse) * f * (1 - f), i * (1 - g * g), of_c * o * (1 - o)], axis=-1
    )
    to_c, passed, stays = o * (1 - of_c * of_c), f, None
    if mask is not None:
        slopes, to_c, passed = where(mask, slopes, 0), where(mask, to_c, 0), where(mask, f, 1)
        stays = _stays(mask, hs)
    back, unproject = w_hh.T, None if w_hr is None else w_hr.T

    def step(carry: Any, row: Any) -> Any:
        (dh, dc), (ct, slope, to_c, passed, stay) = carry, row
        dh = dh + ct
        dm = dh if unproject is None else dh @ unproject
        dc = dc + dm * to_c
        d_gates = concat([dc, dc, dc, dm], axis=-1) * slope
        before = d_gates @ back
        if stay is not None:
            before = before + dh * stay
        return (before, dc * passed), (d_gates, None if unproject is None else dh)

    (d_first_h, d_first_c), (d_gates, dhs) = scan(
        step, (ct_h, ct_c), (ct_hs, slopes, to_c, passed, stays), reverse=not reverse
    )
    d_w_hr = None
    if w_hr is not None:
        d_w_hr = _sum_of_products(o * of_c, dhs if mask is None else where(mask, dhs, 0))
    d_w_hh = _sum_of_products(_before(hs, first_h, reverse), d_gates)
    return d_gates, d_w_hh, d_w_hr, d_first_h, d_first_c, None


lstm = custom_vjp(_lstm, nondiff_argnums=6)
lstm.defvjp(_lstm_forward, _lstm_backward)

# ---- GRU ---------------------------------------------------------------------------------------


def _gru_steps(keep: bool, of_x: Any, w_hh: Any, b_hh: Any, h: Any, mask: Any, reverse: bool) -> tuple[Any, Any]:
    """The loop; it collects states, and with `keep` gates too."""

    def step(h: Any, row: Any) -> Any:
        of_x, m = row
        of_h = h @ w_hh
        new_h, gates = gru_step(of_x, of_h if b_hh is None else of_h + b_hh, h)
        if m is not None:
            new_h = where(m, new_h, h)
        return new_h, (new_h, gates) if keep else new_h

    return scan(step, h, (of_x, mask), reverse=reverse)


def _gru(of_x: Any, w_hh: Any, b_hh: Any, h: Any, mask: Any, reverse: bool) -> tuple[Any, Any]:
    """A GRU along a sequence; the maths stands at `functional.gru_cell`.

    Args:
        of_x: (L, ..., 3 hidden), the products with the inputs and b_ih.
        w_hh, b_hh: (hidden, 3 hidden), and (3 hidden,) or None.
        h: the first state, (..., hidden).
        mask, reverse: as for `lstm`.

    Returns:
        (states (L, ..., hidden), the last one).
    """
    h, hs = _gru_steps(False, of_x, w_hh, b_hh, h, mask, reverse)
    return hs, h


def _gru_forward(of_x: Any, w_hh: Any, b_hh: Any, h: Any, mask: Any, reverse: bool) -> Any:
    last, (hs, gates) = _gru_steps(True, of_x, w_hh, b_hh, h, mask, reverse)
    return (hs, last), (w_hh, b_hh, h, mask, hs, gates)


def _gru_backward(reverse: bool, residuals: Any, cts: Any) -> Any:
    w_hh, b_hh, first, mask, hs, (r, z, n, n_h) = residuals
    ct_hs, ct_h = cts
    before = _before(hs, first, reverse)
    to_n = (1 - z) * (1 - n * n)
    slopes = concat([to_n * n_h * r * (1 - r), (before - n) * z * (1 - z), to_n * r], axis=-1)
    passed = z
    if mask is not None:
        slopes, to_n, passed = where(mask, slopes, 0), where(mask, to_n, 0), where(mask, z, 1)
    back = w_hh.T

    def step(dh: Any, row: Any) -> Any:
        ct, slope, passed = row
        dh = dh + ct
        d_gates = concat([dh, dh, dh], axis=-1) * slope
        return d_gates @ back + dh * passed, (d_gates, dh)

    d_first, (d_gates, dhs) = scan(step, ct_h, (ct_hs, slopes, passed), reverse=not reverse)
    d_of_x = concat([d_gates[..., : 2 * n.shape[-1]], dhs * to_n], axis=-1)
    d_b_hh = None if b_hh is None else d_gates.sum(axis=tuple(range(d_gates.ndim - 1)))
    return d_of_x, _sum_of_products(before, d_gates), d_b_hh, d_first, None


gru = custom_vjp(_gru, nondiff_argnums=5)
gru.defvjp(_gru_forward, _gru_backward)

# ---- RNN ---------------------------------------------------------------------------------------


def _rnn(of_x: Any, w_hh: Any, h: Any, mask: Any, reverse: bool, is_relu: bool) -> tuple[Any, Any]:
    """An Elman network along a sequence; the maths stands at `functional.rnn_tanh_cell`.

    Args:
        of_x: (L, ..., hidden), the products with the inputs and all biases.
        w_hh: (hidden, hidden).
        h: the first state, (..., hidden).
        mask, reverse: as for `lstm`.
        is_relu: relu for tanh.

    Returns:
        (states (L, ..., hidden), the last one).
    """

    def step(h: Any, row: Any) -> Any:
        of_x, m = row
        sums = of_x + h @ w_hh
        new_h = relu(sums) if is_relu else tanh(sums)
        if m is not None:
            new_h = where(m, new_h, h)
        return new_h, new_h

    last, hs = scan(step, h, (of_x, mask), reverse=reverse)
    return hs, last


def _rnn_forward(of_x: Any, w_hh: Any, h: Any, mask: Any, reverse: bool, is_relu: bool) -> Any:
    hs, last = _rnn(of_x, w_hh, h, mask, reverse, is_relu)
    return (hs, last), (w_hh, h, mask, hs)


def _rnn_backward(reverse: bool, is_relu: bool, residuals: Any, cts: Any) -> Any:
    w_hh, first, mask, hs = residuals
    ct_hs, ct_h = cts
    slopes: Any = (hs > 0).astype(hs.dtype) if is_relu else 1 - hs * hs
    stays = None
    if mask is not None:
        slopes, stays = where(mask, slopes, 0), _stays(mask, hs)
    back = w_hh.T

    def step(dh: Any, row: Any) -> Any:
        ct, slope, stay = row
        dh = dh + ct
        d_sums = dh * slope
        before = d_sums @ back
        return before if stay is None else before + dh * stay, d_sums

    d_first, d_sums = scan(step, ct_h, (ct_hs, slopes, stays), reverse=not reverse)
    return d_sums, _sum_of_products(_before(hs, first, reverse), d_sums), d_first, None


rnn = custom_vjp(_rnn, nondiff_argnums=(4, 5))
rnn.defvjp(_rnn_forward, _rnn_backward)

# ---- parts -------------------------------------------------------------------------------------


def _before(states: Any, first: Any, reverse: bool) -> Any:
    """The state that each step began with."""
    return concat([states, first[None]])[1:] if reverse else concat([first[None], states])[:-1]


def _stays(mask: Any, like: Any) -> Any:
    """1 where a step is left out, 0 where it is made."""
    return (~mask).astype(like.dtype)


def _sum_of_products(xs: Any, ys: Any) -> Any:
    """The sum of x^T y over all rows of both."""
    return xs.reshape((-1, xs.shape[-1])).T @ ys.reshape((-1, ys.shape[-1]))
