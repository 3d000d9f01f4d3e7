"""Layers made of others: side by side, around a shortcut, and many equal ones in one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from ..errors import DtypeError, LayerError, OptionError, ShapeError
from ..functional.options import check_count
from ..numpy.creation import arange, asarray
from ..numpy.manipulation import concatenate
from ..random import fold_in, split
from ..transforms.scan import scan
from ..transforms.vmap import vmap
from .layer import Layer, Run
from .sequential import check_part, check_parts
from .torch_entry import TorchEntry

__all__ = ["Parallel", "Repeated", "Residual"]

_COMBINES = ("tuple", "sum", "concat")


class Parallel(Layer):
    """Several layers side by side, each applied to the same input or to one of its own.

    Args:
        *layers: layers, and plain functions of one array.
        combine: what is made of their results: "tuple", "sum", or "concat" along `axis`.
        axis: of "concat": by default the last one, the channels in NHWC; -3 in NCHW.

    Inputs: one for all layers; or one for each, as so many inputs or as one tuple (what a Parallel before it gives).
    Params and state are tuples with one entry a layer, as those of `Sequential`.

    Raises:
        OptionError: `combine` is another word.
        ShapeError: when applied: there are neither one nor as many inputs as layers, or the results do not go together.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> branches = layers.Parallel(layers.Linear(3, 4), layers.Linear(3, 2), combine="concat")
    >>> params, state = branches.init(random.key(0))
    >>> branches(params, fnp.ones((5, 3))).shape
    (5, 6)
    >>> layers.Parallel(fnp.square, fnp.negative)(({}, {}), fnp.asarray(2.0), fnp.asarray(3.0))
    (Array(4., dtype=float32), Array(-3., dtype=float32))
    """

    layers: tuple[Any, ...]
    combine: str = "tuple"
    axis: int = -1

    _spread: ClassVar[str | None] = "layers"

    def __init__(self, *layers: Layer | Callable[[Any], Any], combine: str = "tuple", axis: int = -1):
        check_parts("Parallel", layers)
        if not layers:
            raise LayerError("Parallel: give it at least one layer")
        if combine not in _COMBINES:
            raise OptionError(f"Parallel: combine must be one of {', '.join(map(repr, _COMBINES))}, not {combine!r}")
        self.layers = layers
        self.combine = combine
        self.axis = axis

    def __getitem__(self, index: int) -> Any:
        """The layer at an index."""
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def forward(self, run: Run, *inputs: Any) -> Any:
        count = len(self.layers)
        if len(inputs) == 1 and isinstance(inputs[0], tuple):
            inputs = inputs[0]
        if len(inputs) not in (1, count):
            raise ShapeError(f"expected one input, or one for each of {count} layers, got {len(inputs)}")
        each = inputs * count if len(inputs) == 1 else inputs
        results = [layer(x) for layer, x in zip(run.layers, each, strict=True)]
        if self.combine == "tuple":
            return tuple(results)
        if self.combine == "concat":
            return concatenate(results, axis=self.axis)
        total = results[0]
        for result in results[1:]:
            total = _added(total, result)
        return total


class Residual(Layer):
    """What a layer makes of its input, plus the input: y = layer(x) + shortcut(x).

    Args:
        layer: a layer or a plain function.
        shortcut: a layer for the other way, where sizes change (a convolution of one pixel); the identity where None.

    Raises:
        ShapeError: when applied: the two do not have one shape.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> body = layers.Sequential(layers.Conv2d(8, 16, 3, stride=2, padding=1), layers.relu)
    >>> block = layers.Residual(body, shortcut=layers.Conv2d(8, 16, 1, stride=2))
    >>> params, state = block.init(random.key(0))
    >>> block(params, fnp.ones((5, 28, 28, 8))).shape
    (5, 14, 14, 16)

    Source: K. He and others, Deep residual learning for image recognition, 2016.
    """

    layer: Any
    shortcut: Any = None

    def __post_init__(self) -> None:
        check_part("Residual", "layer", self.layer)
        if self.shortcut is not None:
            check_part("Residual", "shortcut", self.shortcut)

    def forward(self, run: Run, x: Any, *inputs: Any, **options: Any) -> Any:
        x = asarray(x)
        return _added(run.layer(x, *inputs, **options), x if self.shortcut is None else run.shortcut(x))


class Repeated(Layer):
    """A layer applied n times in a row, each time with parameters of its own, as one loop.

    It computes what a `Sequential` of n layers does. A jitted function has one layer's program in a loop instead of n,
    so that a deep model compiles as fast as a flat one; reverse mode keeps the inputs of the n layers, and computes
    what is between them again. Gradients of eager code are slower than those of a Sequential.

    Args:
        layer: what is repeated; its output has the shape and dtype of its (first) input. Further inputs are the same
            for all.
        n: how often.
        shared: whether all n have the same parameters (tied weights). Each has running state of its own anyway.

    Parameters:
        layer: the layer's parameters, with an axis of n in front of each (not so where they are shared). Those of n
            layers made elsewhere become such by `fg.tree.map(lambda *ps: fnp.stack(ps), *each)`, and those of a
            ModuleList of PyTorch's by `from_torch_state_dict`.

    While training, layers that draw random numbers draw others each time.

    Raises:
        LayerError: the layer is a plain function.
        OptionError: n is below 1.
        ShapeError, DtypeError: when applied: the layer's output is not like its input.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Repeated(layers.Residual(layers.Sequential(layers.Linear(8, 8), layers.relu)), 12)
    >>> params, state = model.init(random.key(0))
    >>> params["layer"]["layer"][0]["weight"].shape, model(params, fnp.ones((5, 8))).shape
    ((12, 8, 8), (5, 8))

    Source: of the shared ones, M. Dehghani and others, Universal transformers, 2019.
    """

    layer: Layer
    n: int
    shared: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Layer):
            raise LayerError(f"Repeated: it repeats a layer, not {self.layer!r:.60}")
        check_count("Repeated", "n", self.n)

    def init(self, key: Any) -> tuple[Any, Any]:
        params, state = vmap(self.layer.init)(split(key, self.n))
        return {"layer": self.layer.init(key)[0] if self.shared else params}, {"layer": state}

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {"layer": TorchEntry("", count=None if self.shared else self.n)}

    def forward(self, run: Run, x: Any, *inputs: Any, **options: Any) -> Any:
        whole = run.layer
        key = run.key if run._own_key() is not None else None

        def step(x: Any, row: Any) -> tuple[Any, Any]:
            params, state, i = row
            one = Run(self.layer, whole._params if self.shared else params, state, None, run.train, run, "layer")
            one._key = None if key is None else fold_in(key, i)
            y = asarray(one(x, *inputs, **options))
            if y.shape != x.shape or y.dtype != x.dtype:
                wrong = ShapeError if y.shape != x.shape else DtypeError
                raise wrong(f"a layer that is repeated returns an array like its input, not {y.aval} for {x.aval}")
            return y, one._final_state()

        rows = (None if self.shared else whole._params, whole._state, arange(self.n))
        y, whole._state = scan(step, asarray(x), rows)
        return y


def _added(x: Any, y: Any) -> Any:
    """The sum of arrays of one shape: broadcasting would hide a mistake."""
    if x.shape != y.shape:
        raise ShapeError(f"results of shapes {x.shape} and {y.shape} cannot be added up")
    return x + y
