"""Cells of recurrent networks: one step, with weights of its own. `Recurrent` runs a cell along a sequence."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import random
from ..dtypes import promote_types
from ..errors import OptionError, ShapeError
from ..functional import conv1d, conv2d, conv3d, gru_cell, lstm_cell, mgu_cell, rnn_relu_cell, rnn_tanh_cell
from ..functional.layouts import LAYOUTS_BY_RANK, check_layout
from ..functional.recurrent import lstm_step
from ..numpy.creation import asarray, zeros
from ..ops.create import to_inexact
from .initializers import weight_and_bias
from .layer import Layer, Run
from .nesting import tag
from .torch_entry import TorchEntry

__all__ = ["ConvLSTMCell", "GRUCell", "LSTMCell", "MGUCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Layer):
    """Base of the cells that `Recurrent` and `Bidirectional` run: a layer of an input and a carry.

    A cell of one's own has `forward(run, x, carry)`, which returns the next carry, a pytree. The output of a step is
    the carry, or its first entry where it is a tuple. `initial_carry(run, x)` makes the first one; the base's is for
    cells whose carry is one array like x.

    >>> from funcgrad import layers, numpy as fnp
    >>> class Decaying(layers.RNNCellBase):
    ...     rate: float
    ...
    ...     def forward(self, run, x, carry):
    ...         return self.rate * carry + x
    >>> sums, last = layers.Recurrent(Decaying(0.5))({"cell": {}}, fnp.asarray([[1.0], [1.0], [1.0]]))
    >>> sums[:, 0]
    Array([1.  , 1.5 , 1.75], dtype=float32)
    """

    def initial_carry(self, run: Run, x: Any) -> Any:
        """The carry before the first step, for an input x of one step."""
        return zeros(x.shape, x.dtype, device=x.device)

    def step_axes(self) -> int:
        """How many axes an input of one step has without a batch."""
        return 1


class _Dense(RNNCellBase):
    input_size: int
    hidden_size: int
    bias: bool = True

    _gates: ClassVar[int] = 1

    def parameters(self, key: Any) -> dict[str, Any]:
        sums, bound = self._gates * self.hidden_size, 1 / math.sqrt(self.hidden_size)
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (self.input_size, sums),
            "weight_hh": (self.hidden_size, sums),
        } | ({"bias_ih": (sums,), "bias_hh": (sums,)} if self.bias else {})
        return {
            name: random.uniform(random.fold_in(key, tag(name)), shape, None, -bound, bound)
            for name, shape in shapes.items()
        }

    def torch_layout(self) -> dict[str, TorchEntry]:
        return dict.fromkeys(["weight_ih", "weight_hh"], TorchEntry(axes=(1, 0)))

    def initial_carry(self, run: Run, x: Any) -> Any:
        dtype = promote_types(x.dtype, asarray(run.weight_hh).dtype)
        return zeros((*x.shape[:-1], self.hidden_size), dtype, device=x.device)

    def forward(self, run: Run, x: Any, hx: Any = None) -> Any:
        x = to_inexact(x)
        if not x.ndim or x.shape[-1] != self.input_size:
            raise ShapeError(f"expected (..., {self.input_size}), got {x.shape}")
        hx = self.initial_carry(run, x) if hx is None else hx
        biases = (run.bias_ih, run.bias_hh) if self.bias else (None, None)
        return self._step(x, hx, run.weight_ih, run.weight_hh, *biases)

    def _step(self, *operands: Any) -> Any:
        """The function of (x, hx, w_ih, w_hh, b_ih, b_hh)."""
        raise NotImplementedError


class RNNCell(_Dense):
    """One step of an Elman network; the maths stands at `functional.rnn_tanh_cell`. Flax calls it SimpleCell.

    Args:
        input_size: size of the input.
        hidden_size: size of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".

    Parameters:
        weight_ih: (input_size, hidden_size), the transpose of PyTorch's.
        weight_hh: (hidden_size, hidden_size)
        bias_ih, bias_hh: (hidden_size,)
        First values are U(-r, r) with r = 1 / sqrt(hidden_size).

    Shapes:
        x (..., input_size), hx (..., hidden_size) or None for zeros -> (..., hidden_size)

    Raises:
        OptionError: another nonlinearity.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> cell = layers.RNNCell(3, 4)
    >>> params, _ = cell.init(random.key(0))
    >>> cell(params, fnp.ones((2, 3)), fnp.zeros((2, 4))).shape
    (2, 4)
    """

    nonlinearity: str = "tanh"

    def __post_init__(self) -> None:
        check_nonlinearity(self)

    def _step(self, *operands: Any) -> Any:
        return (rnn_relu_cell if self.nonlinearity == "relu" else rnn_tanh_cell)(*operands)


class LSTMCell(_Dense):
    """One step of a long short-term memory; the maths stands at `functional.lstm_cell`.

    Args:
        input_size, hidden_size, bias: as for `RNNCell`.

    Parameters:
        weight_ih, weight_hh, bias_ih, bias_hh: as for `RNNCell`, with 4 hidden_size columns: of the gates i, f, g, o.

    Shapes:
        x (..., input_size), hx a pair (h, c) of (..., hidden_size) or None for zeros -> the next pair

    >>> from funcgrad import layers, random, numpy as fnp
    >>> cell = layers.LSTMCell(3, 4)
    >>> params, _ = cell.init(random.key(0))
    >>> h, c = cell(params, fnp.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    _gates = 4

    def initial_carry(self, run: Run, x: Any) -> Any:
        h = super().initial_carry(run, x)
        return h, h

    def _step(self, *operands: Any) -> Any:
        return lstm_cell(*operands)


class GRUCell(_Dense):
    """One step of a gated recurrent unit; the maths stands at `functional.gru_cell`.

    Args:
        input_size, hidden_size, bias: as for `RNNCell`.

    Parameters:
        weight_ih, weight_hh, bias_ih, bias_hh: as for `RNNCell`, with 3 hidden_size columns: of the gates r, z, n.

    Shapes:
        x (..., input_size), hx (..., hidden_size) or None for zeros -> (..., hidden_size)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> cell = layers.GRUCell(3, 4)
    >>> params, _ = cell.init(random.key(0))
    >>> params["weight_hh"].shape, cell(params, fnp.ones(3)).shape
    ((4, 12), (4,))
    """

    _gates = 3

    def _step(self, *operands: Any) -> Any:
        return gru_cell(*operands)


class MGUCell(_Dense):
    """One step of a minimal gated unit; the maths stands at `functional.mgu_cell`.

    Args:
        input_size, hidden_size, bias: as for `RNNCell`.

    Parameters:
        weight_ih, weight_hh, bias_ih, bias_hh: as for `RNNCell`, with 2 hidden_size columns: of the gates f, n.

    Shapes:
        x (..., input_size), hx (..., hidden_size) or None for zeros -> (..., hidden_size)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> cell = layers.MGUCell(3, 4)
    >>> params, _ = cell.init(random.key(0))
    >>> params["weight_hh"].shape, cell(params, fnp.ones(3)).shape
    ((4, 8), (4,))
    """

    _gates = 2

    def _step(self, *operands: Any) -> Any:
        return mgu_cell(*operands)


_CONVOLUTIONS = (conv1d, conv2d, conv3d)


class ConvLSTMCell(RNNCellBase):
    """A long short-term memory of images: `LSTMCell` with convolutions for its products.

    Args:
        in_channels: channels of the input.
        hidden_channels: channels of the state.
        kernel_size: the window, one size an axis: of three axes for volumes, two for images, one for sequences.
        bias: whether there is a bias.
        layout: "NHWC" or "NCHW", and their like for other numbers of axes; "" for channels last.

    Parameters:
        weight_ih: (*kernel_size, in_channels, 4 hidden_channels), of the gates i, f, g, o; with channels first
            (4 hidden_channels, in_channels, *kernel_size).
        weight_hh: the same with hidden_channels for in_channels.
        bias: (4 hidden_channels,)

    Shapes:
        x (N, H, W, in_channels), hx a pair (h, c) of (N, H, W, hidden_channels) or None for zeros -> the next pair;
        with or without N, or as the layout says.

    Raises:
        OptionError: another layout.
        ShapeError: kernel_size has not one to three sizes.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> cell = layers.ConvLSTMCell(1, 2, (3, 3))
    >>> params, _ = cell.init(random.key(0))
    >>> h, c = cell(params, fnp.ones((5, 8, 8, 1)))
    >>> h.shape
    (5, 8, 8, 2)

    Source: X. Shi and others, Convolutional LSTM network: a machine learning approach for precipitation nowcasting,
    2015, without the peepholes, as in Keras and Flax.
    """

    in_channels: int
    hidden_channels: int
    kernel_size: tuple[int, ...]
    bias: bool = True
    layout: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.kernel_size, tuple) or not 1 <= len(self.kernel_size) <= 3:
            raise ShapeError(f"ConvLSTMCell: kernel_size must be one to three sizes, not {self.kernel_size!r}")
        if self.layout:
            check_layout("ConvLSTMCell", self.layout, LAYOUTS_BY_RANK[len(self.kernel_size)])

    def step_axes(self) -> int:
        return len(self.kernel_size) + 1

    def parameters(self, key: Any) -> dict[str, Any]:
        rank, sums, params = len(self.kernel_size), 4 * self.hidden_channels, dict[str, Any]()
        for name, channels, biases in (("ih", self.in_channels, sums), ("hh", self.hidden_channels, 0)):
            shape = (*self.kernel_size, channels, sums)
            found = weight_and_bias(random.fold_in(key, tag(name)), shape, biases if self.bias else 0, None, None)
            weight = found.pop("weight")
            if self._channels_first():
                weight = weight.transpose((rank + 1, rank, *range(rank)))
            params |= found | {f"weight_{name}": weight}
        return params

    def initial_carry(self, run: Run, x: Any) -> Any:
        shape, channels = list(x.shape), -self.step_axes() if self._channels_first() else -1
        shape[channels] = self.hidden_channels
        h = zeros(tuple(shape), promote_types(x.dtype, asarray(run.weight_hh).dtype), device=x.device)
        return h, h

    def forward(self, run: Run, x: Any, hx: Any = None) -> Any:
        x, rank = to_inexact(x), len(self.kernel_size)
        channels = -(rank + 1) if self._channels_first() else -1
        if x.ndim not in (rank + 1, rank + 2) or x.shape[channels] != self.in_channels:
            raise ShapeError(
                f"expected {rank + 2} axes, or {rank + 1} without a batch, with {self.in_channels} channels at axis "
                f"{channels}, got {x.shape}"
            )
        h, c = self.initial_carry(run, x) if hx is None else hx
        layout = self.layout or LAYOUTS_BY_RANK[rank][0]
        convolution = _CONVOLUTIONS[rank - 1]
        gates = convolution(x, run.weight_ih, run.bias if self.bias else None, padding="SAME", layout=layout)
        gates = gates + convolution(h, run.weight_hh, padding="SAME", layout=layout)
        return lstm_step(gates, c, channels)[:2]

    def _channels_first(self) -> bool:
        return self.layout[1:2] == "C"


def check_nonlinearity(layer: Any) -> None:
    """Refuse another nonlinearity than the two."""
    if layer.nonlinearity not in ("tanh", "relu"):
        name = type(layer).__name__
        raise OptionError(f"{name}: nonlinearity must be 'tanh' or 'relu', not {layer.nonlinearity!r}")
