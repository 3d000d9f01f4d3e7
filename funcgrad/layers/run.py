"""One application of a layer: its part of the params, the state and the key, and the runs of its sublayers."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import FuncgradError, LayerError, ShapeError, TreeError
from ..numpy.creation import asarray
from ..random import fold_in
from ..transforms.arguments import described
from .nesting import Nest, holds_layers, label, tag

__all__ = ["Run"]

# made once: `A | B` in an isinstance makes a union each time
_MAY_HOLD_LAYERS = (Nest, tuple)


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
        layer: Any = self._layer
        try:
            if isinstance(self._layer, Nest):
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
        if isinstance(function, types.FunctionType) and not name.startswith("_") and name not in Nest._reserved:
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
        note_layer(error, "in layer " + " ".join(filter(None, [path, label(self._layer)])))


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


def note_layer(error: Exception, where: str) -> None:
    """Say in an error where it happened: in its message if it is ours."""
    if isinstance(error, FuncgradError):
        error.message = f"{where}: {error.message}"
        error.args = (error.message,)
    else:
        error.add_note(where)


def _collect(child: Any) -> Any:
    return tuple(map(_collect, child)) if isinstance(child, tuple) else child._final_state()


def _expect_mapping(tree: Any, what: str, run: Run) -> Mapping[str, Any]:
    if not isinstance(tree, Mapping):
        hint = ": of what init gives, params, state = model.init(key), they are the first" if what == "params" else ""
        raise TreeError(
            f"{run._place(what)} must be a dict, not {described(tree)}{hint if type(tree) is tuple else ''}"
        )
    return tree


def _listed(entries: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, entries)) or "no entries"
