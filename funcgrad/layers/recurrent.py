"""Recurrent networks of several layers, in one direction or both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any, ClassVar

from .. import random
from ..dtypes import promote_types
from ..errors import OptionError, ShapeError
from ..functional import dropout, linear
from ..functional.options import check_count, check_probability
from ..numpy.creation import asarray, zeros
from ..numpy.elementwise import where
from ..numpy.manipulation import concat, expand_dims, stack
from ..ops.create import to_inexact
from ..ops.elementwise import astype
from ..ops.precision import widened
from . import through_time
from .along_sequence import step_mask
from .cells import check_nonlinearity
from .layer import Layer, Run
from .nesting import tag
from .torch_entry import TorchEntry

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Layer):
    """What the three have in common; each declares the fields in PyTorch's order."""

    _gates: ClassVar[int]

    def __post_init__(self: Any) -> None:
        name = type(self).__name__
        check_count(name, "num_layers", self.num_layers)
        check_count(name, "hidden_size", self.hidden_size)
        check_probability(name, "dropout", self.dropout)

    def parameters(self: Any, key: Any) -> dict[str, Any]:
        bound = 1 / math.sqrt(self.hidden_size)
        return {
            name: random.uniform(random.fold_in(key, tag(name)), shape, None, -bound, bound)
            for name, shape in self._shapes()
        }

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {name: TorchEntry(axes=(1, 0)) for name, shape in self._shapes() if len(shape) == 2}

    def _suffixes(self: Any) -> list[tuple[str, ...]]:
        """Of the names of each layer's parameters, by direction."""
        directions = ("", "_reverse") if self.bidirectional else ("",)
        return [tuple(f"_l{k}{d}" for d in directions) for k in range(self.num_layers)]

    def _sizes(self: Any) -> tuple[int, int]:
        """Of h and of c."""
        return getattr(self, "proj_size", 0) or self.hidden_size, self.hidden_size

    def _shapes(self: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The parameters."""
        inputs, (outputs, hidden) = self.input_size, self._sizes()
        sums = self._gates * hidden
        for suffixes in self._suffixes():
            for suffix in suffixes:
                yield f"weight_ih{suffix}", (inputs, sums)
                yield f"weight_hh{suffix}", (outputs, sums)
                if self.bias:
                    yield f"bias_ih{suffix}", (sums,)
                    yield f"bias_hh{suffix}", (sums,)
                if outputs != hidden:
                    yield f"weight_hr{suffix}", (hidden, outputs)
            inputs = len(suffixes) * outputs

    def _stacked(self: Any, run: Run, x: Any, states: tuple[Any, ...], lengths: Any) -> tuple[Any, list[Any]]:
        """The outputs of the last layer, and the last states of all.

        Args:
            states: the first ones of all layers, h and for an LSTM c; None for zeros.
        """
        x = to_inexact(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            size, axes = self.input_size, "(N, L" if self.batch_first else "(L, N"
            raise ShapeError(f"expected {axes}, {size}) or (L, {size}), got {x.shape}")
        swapped = self.batch_first and x.ndim == 3
        x = x.swapaxes(0, 1) if swapped else x
        mask = None if lengths is None else expand_dims(step_mask(lengths, x, x.shape[1:-1]), axis=-1)
        x = x if mask is None else where(mask, x, 0)  # what lies beyond counts for nothing, a NaN neither
        suffixes = self._suffixes()
        count, batch = len(suffixes) * len(suffixes[0]), x.shape[1:-1]
        firsts = [
            _first(name, s, (count, *batch, size))
            for name, s, size in zip("hc", states, self._sizes(), strict=False)  # an LSTM alone has c
        ]
        parameters, lasts = dict(self._shapes()), list[Any]()
        for layer, pair in enumerate(suffixes):
            outs = []
            for reverse, suffix in enumerate(pair):
                names = [name + suffix for name in _NAMES]
                weights = [asarray(getattr(run, name)) if name in parameters else None for name in names]
                given = [s if s is None else s[len(lasts)] for s in firsts]
                out, *last = self._along(x, weights, given, mask, bool(reverse))
                outs.append(out)
                lasts.append(last)
            x = outs[0] if len(outs) == 1 else concat(outs, axis=-1)
            if run.train and self.dropout and layer < len(suffixes) - 1:
                x = dropout(x, self.dropout, key=run.key)
        x = x if mask is None else where(mask, x, 0)
        return x.swapaxes(0, 1) if swapped else x, [stack(column) for column in zip(*lasts, strict=True)]


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


class RNN(_Recurrent):
    """An Elman network of several layers along sequences; the maths stands at `functional.rnn_tanh_cell`.

    Args:
        input_size: size of an input at one step.
        hidden_size: size of the state.
        num_layers: how many layers; each takes the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: inputs and outputs are (N, L, ...) instead of (L, N, ...); the states are not.
        dropout: the probability with which outputs of all layers but the last are dropped while training.
        bidirectional: each layer has a second network, which begins at the end; their outputs stand side by side.

    Parameters:
        weight_ih_l0: (input_size, hidden_size), the transpose of PyTorch's; of later layers (outputs, hidden_size).
        weight_hh_l0: (hidden_size, hidden_size)
        bias_ih_l0, bias_hh_l0: (hidden_size,)
        The numbers count the layers; those backward end in _reverse. First values are U(-r, r) with
        r = 1 / sqrt(hidden_size).

    Shapes:
        x (L, N, input_size), hx (D num_layers, N, hidden_size) -> (L, N, D hidden_size) and the last hx, where D is 2
        if bidirectional, else 1; all without N for one sequence.

    `model(params, x, hx, lengths=lengths)` with N lengths (one number for one sequence) counts what lies beyond for
    nothing: outputs there are zero, the last states are those of each sequence's last step, and the direction
    backward begins there. hx is zeros where None.

    Raises:
        OptionError: another nonlinearity, no layers, or a dropout that is no probability.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.RNN(3, 4, num_layers=2, bidirectional=True)
    >>> params, _ = model.init(random.key(0))
    >>> out, hx = model(params, fnp.ones((7, 2, 3)), lengths=[7, 5])
    >>> out.shape, hx.shape, out[5:, 1].any().item()
    ((7, 2, 8), (4, 2, 4), False)

    Source: J. L. Elman, Finding structure in time, 1990; M. Schuster and K. K. Paliwal, Bidirectional recurrent neural
    networks, 1997.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    _gates = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_nonlinearity(self)

    def forward(self, run: Run, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        out, (h,) = self._stacked(run, x, (hx,), lengths)
        return out, h

    def _along(self, x: Any, weights: Any, states: Any, mask: Any, reverse: bool) -> Any:
        return _rnn(*[x, *weights[:4], *states, mask, reverse, self.nonlinearity == "relu"])


class LSTM(_Recurrent):
    """Long short-term memory of several layers along sequences; the maths stands at `functional.lstm_cell`.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.
        proj_size: if not 0, each output is projected to that size before it is returned and fed back.

    Parameters:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: as for `RNN`, with 4 hidden_size for hidden_size columns: of
            the gates i, f, g, o.
        weight_hr_l0: (hidden_size, proj_size), with a proj_size.

    Shapes:
        x (L, N, input_size), hx a pair (h, c) of (D num_layers, N, proj_size or hidden_size) and (D num_layers, N,
        hidden_size) -> (L, N, D (proj_size or hidden_size)) and the last pair; see `RNN`, also for `lengths`.

    Raises:
        OptionError: no layers, a dropout that is no probability, or a proj_size that is not below hidden_size.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.LSTM(3, 4, batch_first=True)
    >>> params, _ = model.init(random.key(0))
    >>> out, (h, c) = model(params, fnp.ones((2, 7, 3)))
    >>> out.shape, c.shape, (out[:, -1] == h[0]).all().item()
    ((2, 7, 4), (1, 2, 4), True)

    Source: S. Hochreiter and J. Schmidhuber, Long short-term memory, 1997; for the projection H. Sak and others, Long
    short-term memory based recurrent neural network architectures, 2014.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    proj_size: int = 0

    _gates = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.proj_size < self.hidden_size:
            raise OptionError(f"LSTM: proj_size must be below hidden_size, {self.hidden_size}, not {self.proj_size}")

    def forward(self, run: Run, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, tuple[Any, Any]]:
        if hx is not None and (not isinstance(hx, list | tuple) or len(hx) != 2):
            raise ShapeError("hx must be a pair (h, c)")
        out, (h, c) = self._stacked(run, x, (None, None) if hx is None else tuple(hx), lengths)
        return out, (h, c)

    def _along(self, x: Any, weights: Any, states: Any, mask: Any, reverse: bool) -> Any:
        return _lstm(*[x, *weights, *states, mask, reverse])


class GRU(_Recurrent):
    """Gated recurrent units of several layers along sequences; the maths stands at `functional.gru_cell`.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.

    Parameters:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: as for `RNN`, with 3 hidden_size for hidden_size columns: of
            the gates r, z, n.

    Shapes:
        as for `RNN`, also with `lengths`.

    Raises:
        OptionError: no layers, or a dropout that is no probability.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.GRU(3, 4)
    >>> params, _ = model.init(random.key(0))
    >>> out, hx = model(params, fnp.ones((7, 3)))
    >>> out.shape, hx.shape
    ((7, 4), (1, 4))

    Source: K. Cho and others, Learning phrase representations using RNN encoder-decoder, 2014.
    """

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    _gates = 3

    def forward(self, run: Run, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        out, (h,) = self._stacked(run, x, (hx,), lengths)
        return out, h

    def _along(self, x: Any, weights: Any, states: Any, mask: Any, reverse: bool) -> Any:
        return _gru(*[x, *weights[:4], *states, mask, reverse])


# ---- one layer in one direction: the products with all inputs, and the loop --------------------


@widened
def _rnn(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, mask: Any, reverse: bool, is_relu: bool) -> Any:
    of_x, h = _prepared(x, w_ih, _sum(b_ih, b_hh), w_hh, [(h, w_hh.shape[0])])
    return through_time.rnn(of_x, w_hh, h, mask, reverse, is_relu)


@widened
def _lstm(
    x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, h: Any, c: Any, mask: Any, reverse: bool
) -> Any:
    sizes = w_hh.shape[0], w_hh.shape[1] // 4
    of_x, h, c = _prepared(x, w_ih, _sum(b_ih, b_hh), w_hh, list(zip((h, c), sizes, strict=True)))
    return through_time.lstm(of_x, w_hh, w_hr, h, c, mask, reverse)


@widened
def _gru(x: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, mask: Any, reverse: bool) -> Any:
    of_x, h = _prepared(x, w_ih, b_ih, w_hh, [(h, w_hh.shape[0])])
    return through_time.gru(of_x, w_hh, b_hh, h, mask, reverse)


def _prepared(x: Any, w: Any, b: Any, w_hh: Any, states: list[tuple[Any, int]]) -> list[Any]:
    """x w + b for all steps, and the first states, zeros where None: all in one dtype, which the loop keeps."""
    of_x: Any = linear(x, w, b)
    given = [s.dtype for s, _ in states if s is not None]
    dtype = reduce(promote_types, [w_hh.dtype, *given], of_x.dtype)
    batch = x.shape[1:-1]
    firsts = [zeros((*batch, n), dtype, device=x.device) if s is None else astype(s, dtype) for s, n in states]
    return [astype(of_x, dtype), *firsts]


def _sum(b_ih: Any, b_hh: Any) -> Any:
    return None if b_ih is None else b_ih + b_hh


# ---- what is given -----------------------------------------------------------------------------


def _first(name: str, state: Any, shape: tuple[int, ...]) -> Any:
    """The first states of all layers; None where none are given."""
    if state is None:
        return None
    state = to_inexact(state)
    if state.shape != shape:
        raise ShapeError(f"expected {name} of shape {shape}, got {state.shape}")
    return state
