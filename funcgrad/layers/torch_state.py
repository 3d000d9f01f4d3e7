"""Parameters and running state as PyTorch's state dicts, and back; PyTorch itself need not be installed.

    params, state = layers.from_torch_state_dict(model, torch_model.state_dict())
    weights = layers.to_torch_state_dict(model, params, state)
    torch_model.load_state_dict({name: torch.from_numpy(x) for name, x in weights.items()})

Names are paths: the sublayer in the field `conv1` of entry 0 of the field `blocks` has `blocks.0.conv1.weight`, as a
module of PyTorch with attributes of those names has. What a layer holds under another name or with its axes in
another order it says in `torch_layout`.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core import Aval
from ..dtypes import is_floating
from ..errors import ShapeError, TreeError
from ..numpy.creation import asarray
from ..numpy.manipulation import stack
from ..ops.elementwise import astype
from ..random import key as make_key
from ..transforms.arguments import described
from ..transforms.make_graph import eval_shape
from .layer import Layer
from .nesting import sublayers
from .torch_entry import TorchEntry

__all__ = ["from_torch_state_dict", "to_torch_state_dict"]

# PyTorch's normalisation layers count batches, also where nothing needs the number; a dict without it is loaded by
# load_state_dict(strict=True) all the same
_COUNTER = "num_batches_tracked"

_MOST_NAMES = 8  # of a kind in a message


class _Entry(NamedTuple):
    """An array of PyTorch's: in which of our two trees it is and where, and how PyTorch holds it.

    It is the whole array of our tree, of type `aval`, or a row of it: that of the indices `rows`.
    """

    tree: int
    place: tuple[str | int, ...]
    name: str
    older: str | None
    axes: tuple[int, ...] | None
    aval: Aval
    rows: tuple[int, ...]

    def shape(self) -> tuple[int, ...]:
        """PyTorch's shape of it."""
        sizes = self.aval.shape[len(self.rows) :]
        return sizes if self.axes is None else tuple(sizes[a] for a in self.axes)

    def name_in(self, given: Mapping[str, Any]) -> str:
        """Its name in a state dict, which may be an older one."""
        return self.older if self.older in given and self.name not in given else self.name  # type: ignore[return-value]


def to_torch_state_dict(model: Layer, params: Any, state: Any = None) -> dict[str, np.ndarray]:
    """The arrays that PyTorch's module of the same structure holds, by its names.

    Args:
        model: a layer whose fields are called as the attributes of PyTorch's module.
        params: its parameters.
        state: its running state; may be None for a layer without any.

    Returns:
        A dict of NumPy arrays of their own memory, in C order: `torch.from_numpy` takes them, and so do
        `safetensors.numpy.save_file` and `io.save_safetensors`. Of bfloat16 the first takes none: write
        `torch.from_dlpack(fg.asarray(x))`, or go by a file.

    Raises:
        TreeError: params or state has not the structure that the model's `init` gives.

    >>> from funcgrad import layers, random
    >>> model = layers.Sequential(layers.Linear(3, 4), layers.relu, layers.Linear(4, 1))
    >>> params, state = model.init(random.key(0))
    >>> {name: x.shape for name, x in layers.to_torch_state_dict(model, params, state).items()}
    {'0.weight': (4, 3), '0.bias': (4,), '2.weight': (1, 4), '2.bias': (1,)}
    """
    out = {}
    for entry in _entries(model):
        x = asarray(_at((params, state)[entry.tree], entry))
        if x.shape != entry.aval.shape:
            raise ShapeError(f"{_shown(entry)} has the shape {x.shape}, and this model's is {entry.aval.shape}")
        x = x[entry.rows] if entry.rows else x
        x = x if entry.axes is None else x.transpose(entry.axes)
        out[entry.name] = np.array(x.to_device("cpu"), order="C")
    return out


def from_torch_state_dict(
    model: Layer, state_dict: Mapping[str, Any], *, prefix: str = "", ignore: Iterable[str] = (), dtype: Any = None
) -> tuple[Any, Any]:
    """Parameters and running state from a state dict of PyTorch's module of the same structure.

    Args:
        model: a layer whose fields are called as the attributes of PyTorch's module.
        state_dict: `module.state_dict()`, `io.load_torch(...)`, or other arrays by the same names.
        prefix: what the names begin with: "module." where PyTorch's DataParallel was around the module, "encoder." for
            a part of a larger one. Entries of other names are none of this model's, and are not looked at.
        ignore: names, or patterns such as "lm_head.*", of entries that this model has no place for: copies of tied
            weights, buffers. PyTorch's counters of batches are left out anyway where the layer does not count.
        dtype: of the floats; that of each entry where None.

    Returns:
        (params, state), as from `model.init`, in memory of their own (but for what was an `Array` and fits as it is).

    Raises:
        TreeError: names are missing, or the dict has others; the message lists them, and near ones.
        ShapeError: an array has another shape.

    >>> import numpy as np
    >>> from funcgrad import layers
    >>> weights = {"0.weight": np.ones((4, 3), np.float32), "0.bias": np.zeros(4, np.float32)}
    >>> params, state = layers.from_torch_state_dict(layers.Sequential(layers.Linear(3, 4), layers.relu), weights)
    >>> params[0]["weight"].shape, state
    ((3, 4), ({}, {}))
    """
    if not isinstance(state_dict, Mapping):
        raise TreeError(
            f"from_torch_state_dict: a state dict maps names to arrays, and this is {described(state_dict)}; of a "
            "module give module.state_dict()"
        )
    entries = _entries(model)
    given = {name.removeprefix(prefix): x for name, x in state_dict.items() if name.startswith(prefix)}
    _check_names([entry.name_in(given) for entry in entries], given, list(ignore), prefix)
    arrays: dict[Any, list[Any]] = {}
    for entry in entries:
        name = entry.name_in(given)
        x = _array(given[name])
        if x.shape != entry.shape():
            raise ShapeError(f"{prefix + name!r} has the shape {x.shape}, and this model's is {entry.shape()}")
        if entry.axes is not None:
            x = x.transpose([entry.axes.index(a) for a in range(x.ndim)])
            x = x.reshape(-1).reshape(x.shape)  # in C order: each use of a weight that is strided would copy it
        wanted = entry.aval.dtype
        if is_floating(wanted):
            wanted = dtype if dtype is not None else x.dtype if is_floating(x.dtype) else wanted
        arrays.setdefault((entry.tree, entry.place), []).append(astype(x, wanted))
    found: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
    for (tree, place), entry in {(entry.tree, entry.place): entry for entry in entries}.items():
        xs = arrays[tree, place]
        found[tree][place] = stack(xs).reshape(entry.aval.shape) if entry.rows else xs[0]
    params, state = _rebuilt(model, (), *found)
    return params, state


def _check_names(wanted: list[str], given: Mapping[str, Any], ignore: list[str], prefix: str) -> None:
    missing = [name for name in wanted if name not in given]
    known = {*wanted}
    more = [
        name
        for name in given
        if name not in known
        and name.rpartition(".")[2] != _COUNTER
        and not any(fnmatch.fnmatchcase(name, pattern) for pattern in ignore)
    ]
    if not missing and not more:
        return
    parts = []
    if missing:
        parts.append(f"missing: {_listed(missing, prefix, more)}")
    if more:
        parts.append(f"unknown: {_listed(more, prefix)}")
    raise TreeError(f"the state dict is not this model's; {'; '.join(parts)}. {_advice(wanted, given, more, prefix)}")


def _listed(names: list[str], prefix: str, near: Iterable[str] = ()) -> str:
    """Some of the names, with one of `near` that it may have been meant for."""
    shown = []
    for name in names[:_MOST_NAMES]:
        alike = difflib.get_close_matches(name, near, 1)
        shown.append(f"{prefix}{name}" + (f" (there is {prefix}{alike[0]})" if alike else ""))
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f", and {rest} more" if rest else "")


def _advice(wanted: list[str], given: Mapping[str, Any], more: list[str], prefix: str) -> str:
    """What to write instead."""
    held = next((name for name in more if isinstance(given[name], Mapping)), None)
    if held is not None:
        return f"It holds a dict under {held!r}: is that the state dict, of a checkpoint of several things?"
    before = next((name.removesuffix(wanted[0]) for name in more if wanted and name.endswith(f".{wanted[0]}")), None)
    if before is not None and all(before + name in given for name in wanted):
        return f"All names are there with {before!r} in front: give prefix={prefix + before!r}"
    return "Fields of the model must be called as PyTorch's attributes are; name what has no place here in ignore="


def _array(x: Any) -> Any:
    """An array of a NumPy array or of a tensor of any library, which may be part of a graph of its own."""
    return asarray(x.detach() if hasattr(x, "detach") else x)


def _entries(model: Layer) -> list[_Entry]:
    """Every array of the model."""
    if not isinstance(model, Layer):
        raise TreeError(f"the first argument is the model, a layer, not {described(model)}")
    return list(_walk(model, eval_shape(model.init, make_key(0)), (), "", ()))


def _walk(
    value: Any, trees: tuple[Any, Any], place: tuple[str | int, ...], prefix: str, rows: tuple[int, ...]
) -> Iterator[_Entry]:
    """The arrays below a field's value, with their trees of shapes."""
    if isinstance(value, tuple):
        for i, part in enumerate(value):
            yield from _walk(part, (trees[0][i], trees[1][i]), (*place, i), f"{prefix}{i}.", rows)
        return
    if not isinstance(value, Layer):
        return
    layout, below = value.torch_layout(), dict(sublayers(value))
    if value._spread is not None:
        yield from _walk(below[value._spread], trees, place, prefix, rows)
        return
    for kind, own in enumerate(trees):
        for name, aval in own.items():
            if name not in below:
                entry = layout.get(name, TorchEntry())
                called = name if entry.name is None else entry.name
                older = None if entry.older is None else prefix + entry.older
                yield _Entry(kind, (*place, name), prefix + called, older, entry.axes, aval, rows)
    for name, part in below.items():
        entry = layout.get(name, TorchEntry(name))
        inside = f"{prefix}{entry.name}." if entry.name else prefix
        parts = (trees[0][name], trees[1][name]), (*place, name)
        if entry.count is None:
            yield from _walk(part, *parts, inside, rows)
            continue
        for i in range(entry.count):
            yield from _walk(part, *parts, f"{inside}{i}.", (*rows, i))


def _rebuilt(value: Any, place: tuple[str | int, ...], params: dict[Any, Any], state: dict[Any, Any]) -> Any:
    """(params, state) of a field's value, from arrays by their places."""
    if isinstance(value, tuple):
        pairs = [_rebuilt(part, (*place, i), params, state) for i, part in enumerate(value)]
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)
    if not isinstance(value, Layer):
        return {}, {}
    below = dict(sublayers(value))
    if value._spread is not None:
        return _rebuilt(below[value._spread], place, params, state)
    own: list[dict[str, Any]] = [
        {where[-1]: x for where, x in found.items() if where[:-1] == place} for found in (params, state)
    ]
    for name, part in below.items():
        own[0][name], own[1][name] = _rebuilt(part, (*place, name), params, state)
    return own[0], own[1]


def _at(tree: Any, entry: _Entry) -> Any:
    for step in entry.place:
        try:
            tree = tree[step]
        except (LookupError, TypeError):
            raise TreeError(f"{_shown(entry)} is missing: give what this model's init made") from None
    return tree


def _shown(entry: _Entry) -> str:
    return ("params", "state")[entry.tree] + "".join(f"[{step!r}]" for step in entry.place)
