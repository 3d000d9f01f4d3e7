"""Uses of `funcgrad/functional/recurrent.py` and `sequences.py`; the expected values are the formulas in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import uniform

from . import Use


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _sums(x: Any, w: Any, b: Any, gates: int) -> Any:
    return np.split(x @ w + (0 if b is None else b), gates, -1)


def _rnn(act: Any) -> Any:
    def oracle(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
        return act(_sums(x, w_ih, b_ih, 1)[0] + _sums(h, w_hh, b_hh, 1)[0])

    return oracle


def _lstm(x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    i, f, g, o = (a + b for a, b in zip(_sums(x, w_ih, b_ih, 4), _sums(hx[0], w_hh, b_hh, 4), strict=True))
    c = _sigmoid(f) * hx[1] + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def _gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    (r, z, n), (r_h, z_h, n_h) = _sums(x, w_ih, b_ih, 3), _sums(h, w_hh, b_hh, 3)
    z = _sigmoid(z + z_h)
    return (1 - z) * np.tanh(n + _sigmoid(r + r_h) * n_h) + z * h


def _mgu(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    (f, n), (f_h, n_h) = _sums(x, w_ih, b_ih, 2), _sums(h, w_hh, b_hh, 2)
    f = _sigmoid(f + f_h)
    return (1 - f) * np.tanh(n + f * n_h) + f * h


def _padded(sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Any:
    longest = max(map(len, sequences))
    out = np.full((len(sequences), longest, *sequences[0].shape[1:]), padding_value)
    for row, x in zip(out, sequences, strict=True):
        start = 0 if padding_side == "right" else longest - len(x)
        row[start : start + len(x)] = x
    return out if batch_first else out.swapaxes(0, 1)


def _unpadded(x: Any, lengths: Any, batch_first: bool = False) -> Any:
    x = x if batch_first else x.swapaxes(0, 1)
    return [row[:n] for row, n in zip(x, lengths, strict=True)]


def _mask(lengths: Any, maxlen: int | None = None) -> Any:
    maxlen = lengths.max() if maxlen is None else maxlen
    return np.array([[k < n for k in range(maxlen)] for n in lengths.ravel()]).reshape((*lengths.shape, maxlen))


def _operands(gates: int, *batch: int) -> tuple[Any, ...]:
    weights = uniform(3, 2 * gates), uniform(2, 2 * gates), uniform(2 * gates), uniform(2 * gates)
    return uniform(*batch, 3), uniform(*batch, 2), *weights


def _cell(name: str, gates: int, oracle: Any) -> list[Use]:
    found = []
    for args in (_operands(gates, 4), _operands(gates)[:-2], (*_operands(gates, 2, 1)[:-1], None)):
        x, h, *weights = args
        hx = (h, uniform(*h.shape)) if name == "lstm_cell" else h
        found.append(Use(f"functional.{name}", (x, hx, *weights), {}, oracle))
    return found


_SEQUENCES = [uniform(3, 2), uniform(1, 2), uniform(4, 2)]
_LENGTHS = np.array([[2, 0, 5], [1, 3, 4]])

USES = [
    *_cell("rnn_tanh_cell", 1, _rnn(np.tanh)),
    *_cell("rnn_relu_cell", 1, _rnn(lambda x: np.maximum(x, 0))),
    *_cell("lstm_cell", 4, _lstm),
    *_cell("gru_cell", 3, _gru),
    *_cell("mgu_cell", 2, _mgu),
    Use("functional.pad_sequence", (_SEQUENCES,), {}, _padded),
    Use("functional.pad_sequence", (_SEQUENCES,), {"batch_first": True, "padding_value": 0.5}, _padded),
    Use("functional.pad_sequence", ([uniform(2), uniform(3)],), {"padding_side": "left"}, _padded),
    Use("functional.unpad_sequence", (uniform(4, 3, 2), [4, 0, 2]), {}, _unpadded),
    Use("functional.unpad_sequence", (uniform(2, 3), [1, 3]), {"batch_first": True}, _unpadded),
    Use("functional.sequence_mask", (_LENGTHS, 4), {}, _mask, order=0, why="booleans"),
    Use("functional.sequence_mask", (_LENGTHS,), {}, _mask, order=0, why="booleans"),
]
