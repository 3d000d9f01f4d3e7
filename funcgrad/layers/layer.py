"""A layer is a value: its sizes and settings, and nothing else. Parameters and running state are held by the caller.

    model = layers.Sequential(layers.Linear(784, 128), layers.BatchNorm1d(128), layers.relu, layers.Linear(128, 10))
    params, state = model.init(key)
    y, state = model.apply(params, state, x, key=key, train=True)
    y = model(params, x)                                     # for a model without running state, outside of training

So a layer can be compared, hashed, printed, and used by many threads and under every transform; an ensemble is
`vmap(model.init)(keys)`. A layer of one's own is a class with fields and one `forward`:

    class Residual(layers.Layer):
        conv1: layers.Conv2d
        norm: layers.BatchNorm2d
        conv2: layers.Conv2d

        def forward(self, run, x):
            return x + run.conv2(F.relu(run.norm(run.conv1(x))))

`run` is one application of the layer: it holds what belongs to this layer of the params, the state, the key and the
train flag, and hands each sublayer its own (`Run`). Sublayers are the fields that hold layers or tuples of layers.
Params and state are dicts by field name, tuples where the field is a tuple.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, dataclass_transform

from ..errors import DtypeError, LayerError, TreeError
from ..random import Key, fold_in
from ..transforms.arguments import described
from . import text
from .nesting import Nest, fields, label, sublayers, tag
from .run import Run, note_layer
from .torch_entry import TorchEntry

__all__ = ["Layer", "Run"]


@dataclass_transform(field_specifiers=(dataclasses.field,))
class Layer(Nest):
    """Base of all layers; a subclass is a dataclass of hashable fields, each assigned once.

    A subclass states its fields, and `forward`. One that has parameters of its own overrides `parameters`, and one
    with running state overrides `state`. Lists given for fields become tuples. A subclass may write an `__init__` to
    compute its fields; it assigns them in the plain way, `self.conv = Conv2d(...)`, and nothing can change them after.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> class Scale(layers.Layer):
    ...     size: int
    ...
    ...     def parameters(self, key):
    ...         return {"scale": fnp.ones(self.size)}
    ...
    ...     def forward(self, run, x):
    ...         return run.scale * x
    >>> model = layers.Sequential(Scale(2), fnp.square)
    >>> params, state = model.init(random.key(0))
    >>> params
    ({'scale': Array([1., 1.], dtype=float32)}, {})
    >>> model(params, fnp.asarray([2.0, 3.0]))
    Array([4., 9.], dtype=float32)
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in cls.__dict__:
            raise TypeError(f"{cls.__name__}: define forward(self, run, x); __call__ takes the params, and calls it")
        if "__init__" in cls.__dict__:
            _complete_after_init(cls)
        dataclasses.dataclass(unsafe_hash=True, repr=False)(cls)
        for field in fields(cls):
            if hasattr(Layer, field.name) or hasattr(Run, field.name):
                raise TypeError(
                    f"{cls.__name__}: a field may not be called {field.name!r}, since that is a name of Layer or Run"
                )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in [field.name for field in fields(self)]:
            raise dataclasses.FrozenInstanceError(
                f"{type(self).__name__} has no field {name!r}: declare it in the class, `{name}: "
                f"{type(value).__name__}`; what changes between calls belongs in parameters() or state(), and is read "
                "as run.<name>"
            )
        if name in self.__dict__:
            raise dataclasses.FrozenInstanceError(
                f"layers do not change: instead of setting {name!r} make another layer; weights are in params, "
                "running values in state (run.update)"
            )
        value = _frozen(value)
        try:
            hash(value)
        except TypeError:
            raise LayerError(
                f"{type(self).__name__}: the field {name!r} holds {described(value)}, which is not hashable. "
                "A layer holds sizes, settings, functions, layers and tuples of those; arrays belong in parameters() "
                "or state()"
            ) from None
        object.__setattr__(self, name, value)

    if not TYPE_CHECKING:  # or every name would be an attribute

        def __getattr__(self, name: str) -> Any:
            """The error for what a layer has not, which says where that is."""
            owner = type(self).__name__
            if name.startswith("__"):  # a question of Python's own
                raise AttributeError(f"{owner!r} object has no attribute {name!r}", name=name, obj=self)
            elsewhere = _ELSEWHERE.get(name, f"parameters are in params, and a forward reads them as run.{name}")
            raise AttributeError(f"{owner} has no {name!r}: {elsewhere}", name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"layers do not change: {name!r} cannot be deleted")

    # ---- what a subclass says

    def parameters(self, key: Any) -> dict[str, Any]:
        """The first values of the layer's own parameters, by name; those of sublayers are none of its business."""
        return {}

    def state(self) -> dict[str, Any]:
        """The first values of the layer's own running state, by name."""
        return {}

    def torch_layout(self) -> dict[str, TorchEntry]:
        """How PyTorch holds what the layer holds, by name, where that is under another name or in another order."""
        return {}

    def forward(self, run: Run, *inputs: Any, **options: Any) -> Any:
        """The layer's function; `run` holds its parameters and state, and applies its sublayers."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(self, run, x)")

    # ---- what a user calls

    def init(self, key: Any) -> tuple[Any, Any]:
        """First parameters and first running state.

        A sublayer's key is made of this key and the sublayer's name, so another sublayer does not change its values.

        Args:
            key: a key of `funcgrad.random`.

        Returns:
            (params, state): dicts by field name and, where a field is a tuple of layers, tuples.
        """
        try:
            params, state = dict(self.parameters(key)), dict(self.state())
        except Exception as error:
            note_layer(error, f"in init of layer {label(self)}")
            raise
        for name, value in sublayers(self):
            prefix = "" if name == self._spread else name
            first = _init(value, key, prefix)
            if name == self._spread:
                return first
            if name in params or name in state:
                raise LayerError(f"{type(self).__name__}: {name!r} names a sublayer and a parameter or a state")
            params[name], state[name] = first
        for name in (*params, *state):
            if hasattr(Run, name):
                raise LayerError(f"{type(self).__name__}: {name!r} is no name for a parameter or state: run.{name}")
        return params, state

    def apply(
        self, params: Any, state: Any, *inputs: Any, key: Any = None, train: bool = False, **options: Any
    ) -> tuple[Any, Any]:
        """The layer's output, and its running state afterwards.

        Args:
            params, state: of the structure that `init` gives; state may be None for a layer without any.
            *inputs, **options: what the layer's `forward` takes.
            key: for layers that draw random numbers; each draws its own.
            train: whether dropout drops and batch normalisation looks at the batch.

        Returns:
            (output, state).

        Raises:
            TreeError: params or state has another structure; the message names the layer.
            LayerError: a layer needs a key or state and there is none.
            DtypeError: the key is none of `funcgrad.random`.
        """
        if state is not None and not isinstance(state, _TREES):
            raise TreeError(
                f"{label(self)}: the second argument of apply is the running state, not {described(state)}: "
                "write y, state = model.apply(params, state, x), with the state that init gave"
            )
        if key is not None and not isinstance(key, Key):
            raise DtypeError(
                f"{label(self)}: key must be a random key, random.key(0), not {described(key)}; an input of the "
                "forward's that has this name is passed by its place"
            )
        run = Run(self, params, state, key, bool(train))
        out = run(*inputs, **options)
        return out, run._final_state()

    def __call__(self, params: Any, *inputs: Any, **options: Any) -> Any:
        """The layer's output outside of training, for layers that have no running state.

        Args:
            params: of the structure that `init` gives.
            *inputs, **options: what the layer's `forward` takes.

        Raises:
            LayerError: a layer needs running state, or `train` is given: use `apply`.
        """
        if not isinstance(params, _TREES):
            raise TreeError(
                f"{label(self)}: the first argument of a layer is its params, not {described(params)}: "
                "write model(params, x), and inside of forward run.<name>(x)"
            )
        if "train" in options:
            raise LayerError(
                f"{label(self)}: to train write y, state = model.apply(params, state, x, key=key, train=True)"
            )
        return Run(self, params, None, None, False)(*inputs, **options)

    def __repr__(self) -> str:
        return text.show(self, [name for name, _ in sublayers(self)], self._spread)


# made once: `A | B` in an isinstance makes a union each time, and an abstract class is slow to ask
_TREES = (dict, tuple, list, Mapping)

_TRAINING = (
    "a layer has no mode: write y, state = model.apply(params, state, x, key=key, train=True), and leave train out to "
    "evaluate"
)
_ON_DEVICES = 'a layer holds no arrays: fg.device_put(params, "cuda") moves them'
_ELSEWHERE = {
    "train": _TRAINING,
    "eval": _TRAINING,
    "to": _ON_DEVICES,
    "cuda": _ON_DEVICES,
    "cpu": _ON_DEVICES,
    "state_dict": "write layers.to_torch_state_dict(model, params, state)",
    "load_state_dict": "write params, state = layers.from_torch_state_dict(model, state_dict)",
    "named_parameters": "write fg.tree.flatten_with_path(params)",
    "zero_grad": "gradients are what fg.grad returns, and are not added up",
}
"""What PyTorch's users look for on a layer, and where it is."""

Nest._reserved = frozenset(dir(Layer))


def _complete_after_init(cls: Any) -> None:
    """Let a class's own __init__ be followed by the defaults of the fields that it did not assign.

    A default of a class that nobody assigned would be found on the class, and a function there is a method.
    """
    init = cls.__init__

    @functools.wraps(init)
    def complete(self: Layer, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        if type(self) is not cls:  # called by the __init__ of a subclass, which goes on
            return
        for field in fields(cls):
            if field.name not in self.__dict__:
                if field.default is dataclasses.MISSING:
                    raise LayerError(f"{cls.__name__}.__init__ does not assign the field {field.name!r}")
                setattr(self, field.name, field.default)

    cls.__init__ = complete


def _init(value: Any, key: Any, name: str) -> tuple[Any, Any]:
    """Parameters and state of what a field holds: a layer, a plain function, or a tuple of those."""
    if isinstance(value, tuple):
        pairs = [_init(v, key, f"{name}[{i}]") for i, v in enumerate(value)]
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)
    return value.init(fold_in(key, tag(name))) if isinstance(value, Layer) else ({}, {})


def _frozen(value: Any) -> Any:
    """Lists as tuples, so that a layer is hashable."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) and type(value) in (list, tuple) else value
