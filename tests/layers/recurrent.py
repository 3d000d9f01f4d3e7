"""Recurrent networks and their cells."""

from __future__ import annotations

import warnings
from typing import Any

from hypothesis import strategies as st

from funcgrad import layers

from . import Given, Row, Settings

booleans = st.booleans()
LENGTH = 5


def _cell(name: str, settings: dict[str, Any] | None = None, torch: str | None = "same", why: str = "") -> Row:
    states = 2 if name == "LSTMCell" else 1
    first = {"input_size": 3, "hidden_size": 2}

    def inputs(s: Settings) -> tuple[Any, ...]:
        return ((4, s["input_size"]), *[(4, s["hidden_size"])] * states)

    def call(cell: Any, xs: Any) -> Any:
        return cell(xs[0], xs[1:] if states > 1 else xs[1])

    sizes = {"input_size": st.integers(1, 4), "hidden_size": st.integers(1, 4), "bias": booleans}
    return Row(
        name,
        inputs,
        examples=(first, first | {"bias": False}),
        settings=st.fixed_dictionaries({**sizes, **(settings or {})}),
        torch=torch,
        call=call,
        ours=call,
        kinks=bool(settings),
        wrong=(4, 7),
        why=why,
    )


def _conv_cell(rank: int) -> Row:
    def inputs(s: Settings) -> tuple[Any, ...]:
        sizes = range(2, 2 + rank)
        return ((2, s["in_channels"], *sizes), *[(2, s["hidden_channels"], *sizes)] * 2)

    first = {"in_channels": 2, "hidden_channels": 1, "kernel_size": (3, 2, 3)[:rank]}
    return Row(
        "ConvLSTMCell",
        inputs,
        examples=(first, first | {"bias": False}) if rank == 2 else (first,),
        torch=None,
        ours=lambda run, xs: run(xs[0], xs[1:]),
        spatial=rank,
        wrong=(2, 3, *(4,) * rank),
        why="PyTorch has none: tests/test_recurrent_cells.py compares it with LSTMCell",
    )


def _network(name: str, settings: dict[str, Any], *more: Settings, lengths: Any = None) -> Row:
    """With first states, or with lengths and without."""
    states = 2 if name == "LSTM" else 1
    first = {"input_size": 3, "hidden_size": 2}

    def inputs(s: Settings) -> tuple[Any, ...]:
        n = len(lengths or (0, 0))
        x = (n, LENGTH, s["input_size"]) if s.get("batch_first") else (LENGTH, n, s["input_size"])
        if lengths:
            return x, Given(lengths)
        rows = s.get("num_layers", 1) * (2 if s.get("bidirectional") else 1)
        h, c = (rows, n, s.get("proj_size") or s["hidden_size"]), (rows, n, s["hidden_size"])
        return (x, h, c)[: 1 + states]

    def call(model: Any, xs: Any) -> Any:
        with warnings.catch_warnings():  # PyTorch tells that oneDNN knows no projections
            warnings.filterwarnings("ignore", ".*projections", UserWarning)
            return model(xs[0], xs[1:] if states > 1 else xs[1])

    def packed(module: Any, xs: Any) -> Any:
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        first = module.batch_first
        out, hx = module(pack_padded_sequence(xs[0], xs[1], batch_first=first, enforce_sorted=False))
        return pad_packed_sequence(out, batch_first=first, total_length=LENGTH)[0], hx

    options = {
        "input_size": st.integers(1, 3),
        "hidden_size": st.integers(2, 3),
        "num_layers": st.integers(1, 2),
        "bias": booleans,
        "batch_first": booleans,
        "bidirectional": booleans,
    }
    return Row(
        name,
        inputs,
        examples=tuple(first | s for s in more),
        settings=st.fixed_dictionaries({**options, **settings}),
        call=packed if lengths else call,
        ours=(lambda run, xs: run(xs[0], lengths=xs[1])) if lengths else call,
        batch=1,
        kinks="nonlinearity" in settings,
        wrong=(LENGTH, 2, 7),
    )


NONLINEARITY = {"nonlinearity": st.sampled_from(["tanh", "relu"])}
PROJECTION = {"proj_size": st.integers(0, 1)}
BOTH = {"num_layers": 2, "bidirectional": True}
LENGTHS = (3, LENGTH, 1)


def _around(name: str, settings: Settings, lengths: Any = None) -> Row:
    return Row(
        name,
        lambda s: ((LENGTH, 3, 2), *([Given(lengths)] if lengths else [])),
        examples=(settings,),
        torch=None,
        ours=(lambda run, xs: run(xs[0], lengths=xs[1])) if lengths else (lambda run, xs: run(xs[0])),
        batch=None,
        wrong=(3,),
        why="its last carries have the batch first: tests/test_recurrent.py compares it with LSTM and GRU",
    )


ROWS = [
    _around("Bidirectional", {"forward_cell": layers.GRUCell(2, 2), "backward_cell": layers.GRUCell(2, 2)}, LENGTHS),
    *(_conv_cell(rank) for rank in (1, 2, 3)),
    _network("GRU", {}, {}, BOTH),
    _network("GRU", {}, {"bidirectional": True}, {"bias": False}, lengths=LENGTHS),
    _cell("GRUCell"),
    _network("LSTM", PROJECTION, {}, BOTH | {"proj_size": 1}),
    _network("LSTM", PROJECTION, {"bidirectional": True}, {"bias": False, "proj_size": 1}, lengths=LENGTHS),
    _cell("LSTMCell"),
    _cell("MGUCell", torch=None, why="PyTorch has none: tests/functions/recurrent.py writes it out"),
    _network("RNN", NONLINEARITY, {}, BOTH | {"nonlinearity": "relu"}),
    _network("RNN", NONLINEARITY, {"bidirectional": True}, {"nonlinearity": "relu"}, lengths=LENGTHS),
    _cell("RNNCell", NONLINEARITY),
    _around("Recurrent", {"cell": layers.LSTMCell(2, 2)}),
    _around("Recurrent", {"cell": layers.MGUCell(2, 2), "reverse": True}, LENGTHS),
]
