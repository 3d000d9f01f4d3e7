"""Low-rank adaptation: weights that stay as they are, and small matrices whose product is added to them.

    model = layers.with_lora(model, "encoder.layers.*.linear?", rank=8)
    params, state = layers.lora_params(model, params, state, key=key)         # from those of the model before
    trained, frozen = fg.tree.partition(params, fg.tree.select(params, "*/lora_?"))
    ...
    model, params, state = layers.merge_lora(model, fg.tree.combine(trained, frozen), state)

Source: E. Hu and others, LoRA: low-rank adaptation of large language models, 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import LayerError, OptionError, TreeError
from ..functional import dropout, linear
from ..functional.options import check_count, check_probability
from ..numpy.creation import asarray, zeros
from ..ops.create import to_inexact
from ..random import fold_in, split
from .attention import MultiheadAttention
from .initializers import Initializer, he_uniform, weight_and_bias
from .layer import Layer, Run
from .linear import Linear, check_last_size
from .nesting import sublayers, tag
from .replacing import Places, chosen_places, named_layers, rebuilt, replace_layers
from .torch_entry import TorchEntry

__all__ = ["LoRA", "LoRALinear", "lora_params", "merge_lora", "with_lora"]


class LoRALinear(Layer):
    """An affine map whose weight has a low-rank addition: y = x W + b + (alpha / rank) dropout(x) A B.

    Args:
        in_features, out_features, bias, weight_init, bias_init: as for `Linear`.
        rank: the columns of A.
        alpha: the scale of the addition; rank where None.
        dropout: the rate of dropout of what A gets, while training.

    Parameters:
        weight, bias: those of `Linear`.
        lora_a: (in_features, rank), at first as the weight of a `Linear`.
        lora_b: (rank, out_features), at first 0.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> params, _ = layers.LoRALinear(3, 2, 1).init(random.key(0))
    >>> {name: x.shape for name, x in params.items()}
    {'weight': (3, 2), 'bias': (2,), 'lora_a': (3, 1), 'lora_b': (1, 2)}

    Source: E. Hu and others, LoRA, 2021.
    """

    in_features: int
    out_features: int
    rank: int
    alpha: float | None = None
    dropout: float = 0.0
    bias: bool = True
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    def __post_init__(self) -> None:
        _check(self)

    def parameters(self, key: Any) -> dict[str, Any]:
        shape = (self.in_features, self.out_features)
        own, product = split(key)
        biases = self.out_features if self.bias else 0
        return weight_and_bias(own, shape, biases, self.weight_init, self.bias_init) | _pair(product, shape, self.rank)

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {
            "weight": TorchEntry(axes=(1, 0)),
            "lora_a": TorchEntry("lora_A", axes=(1, 0)),
            "lora_b": TorchEntry("lora_B", axes=(1, 0)),
        }

    def forward(self, run: Run, x: Any) -> Any:
        x = to_inexact(x)
        check_last_size(x, self.in_features)
        return linear(x, run.weight, run.bias if self.bias else None) + _added(self, run, x)


class LoRA(Layer):
    """A layer around another one, to whose weight it adds (alpha / rank) A B.

    Args:
        inner: a `Linear`, or any layer with a weight of two axes, such as `MultiheadAttention` with in_proj_weight.
        rank: the columns of A.
        alpha: the scale of the addition; rank where None.
        dropout: the rate of dropout of what A gets, while training; for a `Linear` alone.
        weight: the name of the inner layer's parameter.

    Parameters:
        inner: those of the inner layer.
        lora_a: (in, rank) for a weight (in, out), at first as the weight of a `Linear`.
        lora_b: (rank, out), at first 0.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.LoRA(layers.Linear(3, 2), rank=1)
    >>> params, _ = model.init(random.key(0))
    >>> sorted(params), sorted(params["inner"])
    (['inner', 'lora_a', 'lora_b'], ['bias', 'weight'])

    Source: E. Hu and others, LoRA, 2021.
    """

    inner: Layer
    rank: int
    alpha: float | None = None
    dropout: float = 0.0
    weight: str = "weight"

    def __post_init__(self) -> None:
        _check(self)
        if not isinstance(self.inner, Layer):
            raise LayerError(f"LoRA: the inner layer must be a layer, not {self.inner!r:.60}")
        if self.dropout and not self._is_linear():
            raise OptionError("LoRA: dropout of the input is for a Linear alone")

    def __getattr__(self, name: str) -> Any:
        """What else the inner layer offers, such as `init_cache`."""
        if name.startswith("__") or "inner" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.inner, name)

    def parameters(self, key: Any) -> dict[str, Any]:
        shape = getattr(self.inner.parameters(key).get(self.weight), "shape", None)
        if shape is None or len(shape) != 2:
            raise LayerError(f"LoRA: {type(self.inner).__name__} has no weight of two axes called {self.weight!r}")
        return _pair(fold_in(key, tag("lora")), shape, self.rank)

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {"lora_a": TorchEntry("lora_A", axes=(1, 0)), "lora_b": TorchEntry("lora_B", axes=(1, 0))}

    def forward(self, run: Run, *inputs: Any, **options: Any) -> Any:
        if self._is_linear():
            return run.inner(*inputs) + _added(self, run, to_inexact(inputs[0]))
        weight = getattr(run.inner, self.weight)
        return run.inner.override(**{self.weight: weight + run.lora_a @ run.lora_b * _scale(self)})(*inputs, **options)

    def _is_linear(self) -> bool:
        return type(self.inner) is Linear and self.weight == "weight"


def with_lora(model: Layer, places: Places, rank: int, alpha: float | None = None, dropout: float = 0.0) -> Any:
    """The model with a `LoRA` around each chosen `Linear` and `MultiheadAttention`.

    Args:
        model: a layer.
        places: as for `replace_layers`; "*" for all. Other layers that it chooses stay as they are. That of a
            `MultiheadAttention` adds to the weight of its input (of queries, keys and values at once).
        rank, alpha, dropout: as for `LoRA`; dropout for `Linear` alone.

    Raises:
        LayerError: it chooses none of these. An attention whose keys have another size has three weights, and is none.

    >>> from funcgrad import layers
    >>> layers.with_lora(layers.Sequential(layers.Linear(3, 4), layers.relu, layers.Linear(4, 1)), "0", rank=2)
    Sequential(
        LoRA(
            inner=Linear(3, 4),
            rank=2,
        ),
        relu,
        Linear(4, 1),
    )
    """
    every = dict(named_layers(model))
    fitting = {path for path in chosen_places(model, places, "with_lora") if _weight(every[path])}
    if not fitting:
        raise LayerError(f"with_lora: {places!r} chooses no Linear and no MultiheadAttention")

    def wrapped(layer: Any) -> Any:
        weight = _weight(layer)
        assert weight is not None
        return LoRA(layer, rank, alpha, dropout if weight == "weight" else 0.0, weight)

    return replace_layers(model, lambda path, layer: path in fitting, wrapped)


def lora_params(model: Layer, params: Any, state: Any = None, *, key: Any) -> tuple[Any, Any]:
    """Parameters and state of a model from `with_lora`, with those that the model had before.

    Args:
        model: what `with_lora` returned.
        params, state: of the model that it was given; state may be None.
        key: for the matrices A; the B are 0, so that the function is the same.

    Returns:
        (params, state).

    >>> from funcgrad import layers, random
    >>> plain = layers.Sequential(layers.Linear(3, 4))
    >>> params, state = plain.init(random.key(0))
    >>> params, state = layers.lora_params(layers.with_lora(plain, "*", rank=2), params, state, key=random.key(1))
    >>> sorted(params[0]), state
    (['inner', 'lora_a', 'lora_b'], ({'inner': {}},))
    """

    def grafted(value: Any, mine: Any, made: Any) -> Any:
        """`mine` in the structure that the value has now; `made` are its own first parameters, None for state."""
        if isinstance(value, tuple):
            _expect_entries(value, mine)
            return tuple(grafted(v, mine[i], None if made is None else made[i]) for i, v in enumerate(value))
        if isinstance(value, LoRA):
            pair = {} if made is None else {name: made[name] for name in ("lora_a", "lora_b")}
            return {"inner": grafted(value.inner, mine, None if made is None else made["inner"]), **pair}
        if isinstance(value, Layer):
            return _with_sublayers(value, mine, lambda below, name, *trees: grafted(below, *trees), made)
        return mine

    return grafted(model, params, model.init(key)[0]), None if state is None else grafted(model, state, None)


def merge_lora(model: Layer, params: Any, state: Any = None) -> tuple[Any, Any, Any]:
    """The model without `LoRA` and `LoRALinear`, the products added to the weights.

    Args:
        model: one with such layers.
        params, state: its own; state may be None.

    Returns:
        (model, params, state): the same function of its inputs, outside of training.

    >>> from funcgrad import layers, random
    >>> model = layers.Sequential(layers.LoRALinear(3, 4, 2), layers.LoRA(layers.Linear(4, 1), 2))
    >>> plain, params, state = layers.merge_lora(model, *model.init(random.key(0)))
    >>> plain
    Sequential(
        Linear(3, 4),
        Linear(4, 1),
    )
    >>> sorted(params[1]), state
    (['bias', 'weight'], ({}, {}))
    """

    def merged(value: Any, params: Any, state: Any) -> tuple[Any, Any, Any]:
        if isinstance(value, tuple):
            _expect_entries(value, params)
            found = [merged(v, params[i], None if state is None else state[i]) for i, v in enumerate(value)]
            entries = [tuple(entry[i] for entry in found) for i in range(3)]
            return entries[0], entries[1], None if state is None else entries[2]
        if isinstance(value, LoRALinear):
            linear = Linear(value.in_features, value.out_features, value.bias, value.weight_init, value.bias_init)
            rest = {name: x for name, x in params.items() if name not in ("lora_a", "lora_b")}
            return linear, rest | {"weight": _sum(value, params, params["weight"])}, state
        if isinstance(value, LoRA):
            below = None if state is None else state["inner"]
            inner, own, below = merged(value.inner, params["inner"], below)
            return inner, {**own, value.weight: _sum(value, params, own[value.weight])}, below
        if not isinstance(value, Layer):
            return value, params, state
        models: dict[str, Any] = {}
        states: dict[str, Any] = {}

        def note(below: Any, name: str, mine: Any, state: Any) -> Any:
            models[name], own, states[name] = merged(below, mine, state)
            return own

        params = _with_sublayers(value, params, note, state)
        if state is not None:
            state = states[value._spread] if value._spread is not None else {**state, **states}
        return rebuilt(value, models), params, state

    found: tuple[Any, Any, Any] = merged(model, params, state)
    return found


# ---- parts -------------------------------------------------------------------------------------


def _check(layer: Any) -> None:
    name = type(layer).__name__
    check_count(name, "rank", layer.rank)
    check_probability(name, "dropout", layer.dropout)


def _scale(layer: Any) -> float:
    return 1.0 if layer.alpha is None else float(layer.alpha / layer.rank)


def _pair(key: Any, shape: tuple[int, ...], rank: int) -> dict[str, Any]:
    return {"lora_a": he_uniform(math.sqrt(5))(key, (shape[0], rank)), "lora_b": zeros((rank, shape[1]))}


def _added(layer: Any, run: Run, x: Any) -> Any:
    """(alpha / rank) dropout(x) A B, by the small products."""
    if run.train and layer.dropout:
        x = dropout(x, layer.dropout, key=run.key)
    return x @ run.lora_a @ run.lora_b * _scale(layer)


def _sum(layer: Any, params: Any, weight: Any) -> Any:
    return weight + asarray(params["lora_a"]) @ asarray(params["lora_b"]) * _scale(layer)


def _weight(layer: Layer) -> str | None:
    """The name of the weight that gets an addition, of a layer that has one."""
    if type(layer) is Linear:
        return "weight"
    packed = isinstance(layer, MultiheadAttention) and "in_proj_weight" in layer.torch_layout()
    return "in_proj_weight" if packed else None


def _with_sublayers(layer: Layer, tree: Any, of: Callable[..., Any], beside: Any) -> Any:
    """A layer's params or state with of(sublayer, its name, its part, that of another tree) for those of sublayers."""
    held = sublayers(layer)
    if layer._spread is not None:
        ((name, value),) = held
        return of(value, name, tree, beside)
    if not held:
        return tree
    if not isinstance(tree, Mapping) or any(name not in tree for name, _ in held):
        raise TreeError(f"expected entries {[name for name, _ in held]} for {type(layer).__name__}, got {tree!r:.60}")
    return {**tree, **{n: of(v, n, tree[n], None if beside is None else beside[n]) for n, v in held}}


def _expect_entries(value: tuple[Any, ...], tree: Any) -> None:
    if not isinstance(tree, tuple | list) or len(tree) != len(value):
        raise TreeError(f"expected a tuple of {len(value)} entries, got {tree!r:.60}")
