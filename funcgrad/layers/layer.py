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
import inspect
import types
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from ..errors import DtypeError, FuncgradError, LayerError, ShapeError, TreeError
from ..numpy.creation import asarray
from ..random import Key, fold_in
from ..transforms.arguments import described
from . import text
from .torch_entry import TorchEntry

__all__ = ["Layer", "Run"]


@dataclass_transform(field_specifiers=(dataclasses.field,))
class Layer:
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

    _spread: ClassVar[str | None] = None
    """The field whose params are the layer's params themselves, without a dict around: `Sequential`'s tuple."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            _complete_after_init(cls)
        dataclasses.dataclass(unsafe_hash=True, repr=False)(cls)
        for field in _fields(cls):
            if hasattr(Layer, field.name) or hasattr(Run, field.name):
                raise TypeError(
                    f"{cls.__name__}: a field may not be called {field.name!r}, since that is a name of Layer or Run"
                )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in [field.name for field in _fields(self)]:
            raise dataclasses.FrozenInstanceError(
                f"{type(self).__name__} has no field {name!r}: declare it in the class; what changes between calls "
                "belongs in parameters() or state(), and is read as run.<name>"
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
                f"{type(self).__name__}: the field {name!r} holds a {type(value).__name__}, which is not hashable. "
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
        params, state = dict(self.parameters(key)), dict(self.state())
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
_MAY_HOLD_LAYERS = (Layer, tuple)

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


class Run:
    """One application of a layer, as its `forward` sees it.

    * `run.name(x)` applies the sublayer in the field `name`; a field that is a tuple gives a tuple of such functions.
    * `run.name` is otherwise the parameter of that name; `run.linear.weight` is a sublayer's.
    * `run.embedding.attend(x)` is another function of that layer's, which it defines as it does forward:
      `def attend(self, run, x)`.
    * `run.linear.override(weight=w)(x)` applies a sublayer with other values of its parameters.
    * `run.state["name"]` is running state, and `run.update(name=value)` replaces it for whoever reads next.
    * `run.key` is a random key, another one each time it is read.
    * `run.train` is the flag given to `apply`.

    A sublayer that is applied twice in one forward (tied weights) has the same parameters both times; its second
    application reads the state that the first one left, and draws other random numbers. Two fields that hold equal
    layers have parameters of their own: what is shared is told by the name.

    State must be updated in forward itself, not in a function that forward hands to vmap or grad.
    """

    __slots__ = ("_children", "_key", "_layer", "_name", "_params", "_parent", "_state", "_uses", "train")

    def __init__(
        self, layer: Any, params: Any, state: Any, key: Any, train: bool, parent: Run | None = None, name: str = ""
    ):
        self._layer, self._params, self._state, self._key, self.train = layer, params, state, key, train
        self._parent, self._name = parent, name
        self._children: dict[str, Any] = {}
        self._uses = 0

    @property
    def key(self) -> Any:
        """A random key that nothing else has: of `apply`'s key, the layer's path and the count of uses there."""
        base = self._own_key()
        if base is None:
            raise LayerError(f"needs a random key: pass one, apply(params, state, x, key=key, train={self.train})")
        self._uses += 1
        return fold_in(base, self._uses - 1)

    @property
    def state(self) -> Mapping[str, Any]:
        """The layer's running state, by name; `update` replaces entries."""
        if self._state is None:
            raise LayerError("has running state: write y, state = model.apply(params, state, x), not model(params, x)")
        return _State(self)

    def update(self, **values: Any) -> None:
        """Replace running state: `run.update(mean=new_mean)`. Shapes and dtypes stay what they were."""
        old = self.state
        new = {}
        for name, value in values.items():
            if name not in old:
                raise TreeError(f"run.update: the layer's state has no {name!r}, it has {_listed(old)}")
            was, value = asarray(old[name]), asarray(value)
            if value.shape != was.shape:
                raise ShapeError(f"run.update: the state {name!r} is {was.aval} and cannot become {value.aval}")
            new[name] = value if value.dtype == was.dtype else value.astype(was.dtype)
        self._state = {**old, **new}

    def override(self, **values: Any) -> Callable[..., Any]:
        """The layer's function with other values of its own parameters: `run.linear.override(weight=w)(x)`.

        The names need not be among the params that were passed: so a layer around another one computes what that one
        takes for its weight (`WeightNorm`).
        """

        def applied(*inputs: Any, **options: Any) -> Any:
            held = self._params
            self._params = {**_expect_mapping(held, "params", self), **values}
            try:
                return self(*inputs, **options)
            finally:
                self._params = held

        return applied

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Apply the layer."""
        layer = self._layer
        try:
            if isinstance(layer, Layer):
                return layer.forward(self, *inputs, **options)
            return layer(*inputs, **options)
        except Exception as error:
            self._explain(error)
            raise

    def _call(self, function: Any, /, *inputs: Any, **options: Any) -> Any:
        """Apply another function of the layer's than forward."""
        try:
            return function(self._layer, self, *inputs, **options)
        except Exception as error:
            self._explain(error)
            raise

    def __getattr__(self, name: str) -> Any:
        if name in self._children:
            return self._children[name]
        layer, params = self._layer, self._params
        field = layer.__dict__.get(name)
        if isinstance(field, _MAY_HOLD_LAYERS) and (name == layer._spread or holds_layers(field)):
            spread = name == layer._spread
            below = params if spread else self._entry("params", params, name)
            state = self._state if spread or self._state is None else self._entry("state", self._state, name)
            child = self._children[name] = self._enter(field, below, state, "" if spread else name)
            return child
        if isinstance(params, dict) and name in params:
            return params[name]
        if name.startswith("__"):  # a question of Python's own (copy, pickle, inspect), not of a forward
            raise AttributeError(name)
        if name in layer.__dict__ and (field is None or field == () or callable(field)):
            return field
        function = inspect.getattr_static(type(layer), name, None)
        if isinstance(function, types.FunctionType) and not name.startswith("_") and not hasattr(Layer, name):
            return functools.partial(self._call, function)
        return self._entry("params", params, name)

    def __repr__(self) -> str:
        return f"Run({label(self._layer)} at {self._path() or 'the top'})"

    # ---- parts

    def _enter(self, value: Any, params: Any, state: Any, name: str) -> Any:
        """The run of a sublayer; of a tuple, a tuple of runs."""
        if not isinstance(value, tuple):
            return Run(value, params, state, None, self.train, self, name)
        for what, tree in (("params", params), ("state", state)):
            if tree is None and what == "state":
                continue
            if not isinstance(tree, Sequence) or len(tree) != len(value):
                found = f"{len(tree)} entries" if isinstance(tree, Sequence) else described(tree)
                raise TreeError(f"{self._place(what, name)} must be a tuple of {len(value)} entries, not {found}")
        states = [None] * len(value) if state is None else state
        return tuple(self._enter(value[i], params[i], states[i], f"{name}[{i}]") for i in range(len(value)))

    def _turn(self, state: Any, key: Any) -> Run:
        """A run of this layer of its own, for one turn of a loop: with that state and that key, at the same place."""
        return Run(self._layer, self._params, state, key, self.train, self._parent, self._name)

    def _entry(self, what: str, tree: Any, name: str) -> Any:
        """tree[name], where tree is the layer's params or state."""
        entries = _expect_mapping(tree, what, self)
        if name not in entries:
            raise TreeError(
                f"{self._place(what)} has no {name!r}, it has {_listed(entries)}: give the {what} that this model's "
                "init made"
            )
        return entries[name]

    def _own_key(self) -> Any:
        """The layer's key, from its parent's and its name; None where apply was given none."""
        if self._key is None and self._parent is not None:
            above = self._parent._own_key()
            if above is not None:
                self._key = fold_in(above, tag(self._name))
        return self._key

    def _final_state(self) -> Any:
        """The state after the application: own entries as updated, and those of the sublayers that ran."""
        if self._state is None or not self._children:
            return self._state
        done = {name: _collect(child) for name, child in self._children.items()}
        spread = self._layer._spread
        return {**self._state, **done} if spread is None else done[spread]

    def _path(self) -> str:
        """Where the layer is in the model, as one would type it: 'blocks[0].conv1'."""
        above = "" if self._parent is None else self._parent._path()
        return f"{above}.{self._name}" if above and not self._name.startswith("[") else above + self._name

    def _place(self, what: str, below: str = "") -> str:
        """The user's name for this layer's part of params or state: "params['blocks'][0]"."""
        parts = [p for p in (self._path() + "." + below).replace("[", ".[").split(".") if p]
        return what + "".join(p if p.startswith("[") else f"[{p!r}]" for p in parts)

    def _explain(self, error: Exception) -> None:
        """Say in the error which layer it happened in; the innermost layer speaks."""
        if "layer" in error.__dict__:
            return
        error.__dict__["layer"] = path = self._path()
        where = "in layer " + " ".join(filter(None, [path, label(self._layer)]))
        if isinstance(error, FuncgradError):
            error.message = f"{where}: {error.message}"
            error.args = (error.message,)
        else:
            error.add_note(where)


class _State(Mapping[str, Any]):
    """A layer's running state, to be read; a name that is missing says where."""

    __slots__ = ("_run",)

    def __init__(self, run: Run):
        self._run = run

    def __getitem__(self, name: str) -> Any:
        return self._run._entry("state", self._run._state, name)

    def __contains__(self, name: object) -> bool:
        return name in self._run._state

    def __iter__(self) -> Iterator[str]:
        return iter(_expect_mapping(self._run._state, "state", self._run))

    def __len__(self) -> int:
        return len(self._run._state)


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
        for field in _fields(cls):
            if field.name not in self.__dict__:
                if field.default is dataclasses.MISSING:
                    raise LayerError(f"{cls.__name__}.__init__ does not assign the field {field.name!r}")
                setattr(self, field.name, field.default)

    cls.__init__ = complete


def _fields(layer: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a layer or of its class; Layer's own subclasses are dataclasses, which mypy cannot know."""
    return dataclasses.fields(layer)


def tag(name: str) -> int:
    """A sublayer's name as a number to fold into a key; unlike hash() it is the same in every process."""
    return zlib.crc32(name.encode())


def holds_layers(value: Any) -> bool:
    """Is it a layer, or a tuple with a layer in it?"""
    return isinstance(value, Layer) or (isinstance(value, tuple) and any(map(holds_layers, value)))


def sublayers(layer: Layer) -> list[tuple[str, Any]]:
    """The fields that hold layers, by name."""
    found = [(field.name, getattr(layer, field.name)) for field in _fields(layer)]
    return [(name, value) for name, value in found if name == layer._spread or holds_layers(value)]


def label(layer: Any) -> str:
    """A layer in one short line; one that is made of layers by the name of its class."""
    composed = isinstance(layer, Layer) and sublayers(layer)
    return type(layer).__name__ if composed else text.show_value(layer)


def _init(value: Any, key: Any, name: str) -> tuple[Any, Any]:
    """Parameters and state of what a field holds: a layer, a plain function, or a tuple of those."""
    if isinstance(value, tuple):
        pairs = [_init(v, key, f"{name}[{i}]") for i, v in enumerate(value)]
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)
    return value.init(fold_in(key, tag(name))) if isinstance(value, Layer) else ({}, {})


def _collect(child: Any) -> Any:
    return tuple(map(_collect, child)) if isinstance(child, tuple) else child._final_state()


def _frozen(value: Any) -> Any:
    """Lists as tuples, so that a layer is hashable."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) and type(value) in (list, tuple) else value


def _expect_mapping(tree: Any, what: str, run: Run) -> Mapping[str, Any]:
    if not isinstance(tree, Mapping):
        raise TreeError(f"{run._place(what)} must be a dict, not {described(tree)}")
    return tree


def _listed(entries: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, entries)) or "no entries"
