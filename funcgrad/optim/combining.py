"""Several transformations as one: one after another, or each for a group of parameters."""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import tree
from ..errors import DtypeError, OptionError, TreeError
from ..tree.patterns import first_matches, unmatched
from .masking import Mask, MaskedState, flags_of, kept, kept_extra_args, listed, prefix_leaves
from .transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    checked,
    fitting,
    floating_leaves,
    set_to_zero,
    updated,
)

__all__ = ["PartitionState", "chain", "multi_transform", "named_chain", "partition", "selective_transform"]


@dataclass(frozen=True, init=False, repr=False)
class chain(GradientTransformationExtraArgs):  # noqa: N801
    """Several transformations one after another: the updates of each go to the next.

    Args:
        *transformations: in the order in which they see the updates.

    Its state is the tuple of their states.

    Raises:
        DtypeError: something that is no transformation.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.chain(optim.clip(1.0), optim.scale(-0.5))
    >>> opt
    chain(clip(max_delta=1.0), scale(step_size=-0.5))
    >>> opt.update(fnp.asarray([3.0, -0.2]), opt.init(fnp.zeros(2)))[0]
    Array([-0.5,  0.1], dtype=float32)
    """

    transformations: tuple[GradientTransformation, ...]

    def __init__(self, *transformations: GradientTransformation):
        object.__setattr__(self, "transformations", tuple(checked(self, t) for t in transformations))

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self.transformations))})"

    def init(self, params: Any) -> tuple[Any, ...]:
        return tuple([t.init(params) for t in self.transformations])

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, tuple[Any, ...]]:
        if not isinstance(state, tuple) or len(state) != len(self.transformations):
            raise TreeError(
                f"chain.update: the state must be a tuple of {len(self.transformations)} states, one for each "
                f"transformation, not {_shown(state)}: pass what init or the last update returned"
            )
        states = []
        for t, s in zip(self.transformations, state, strict=True):
            updates, s = updated(t, updates, s, params, extra_args)
            states.append(s)
        return updates, tuple(states)


@dataclass(frozen=True, init=False, repr=False)
class named_chain(GradientTransformationExtraArgs):  # noqa: N801
    """A `chain` whose members have names; its state is the dict of their states.

    Args:
        *transformations: pairs (name, transformation), in the order in which they see the updates.

    Raises:
        OptionError: a name stands twice.
        DtypeError: something that is no pair of a name and a transformation.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.named_chain(("momentum", optim.trace(0.9)), ("step", optim.scale_by_learning_rate(0.5)))
    >>> list(opt.init(fnp.zeros(2)))
    ['momentum', 'step']
    """

    transformations: tuple[tuple[str, GradientTransformation], ...]

    def __init__(self, *transformations: tuple[str, GradientTransformation]):
        for pair in transformations:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
                raise DtypeError(f"named_chain takes pairs (name, transformation), not {pair!r}")
        names = [name for name, _ in transformations]
        if len(set(names)) < len(names):
            raise OptionError(f"named_chain: each name may stand once, not {', '.join(map(repr, names))}")
        object.__setattr__(self, "transformations", tuple((n, checked(self, t)) for n, t in transformations))

    def __repr__(self) -> str:
        return f"named_chain({', '.join(map(repr, self.transformations))})"

    def init(self, params: Any) -> dict[str, Any]:
        return {name: t.init(params) for name, t in self.transformations}

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, dict[str, Any]]:
        names = [name for name, _ in self.transformations]
        if not isinstance(state, dict) or set(state) != set(names):
            raise TreeError(
                f"named_chain.update: the state must be a dict of the states of {', '.join(names)}, not "
                f"{_shown(state)}: pass what init or the last update returned"
            )
        states = {}
        for name, t in self.transformations:
            updates, states[name] = updated(t, updates, state[name], params, extra_args)
        return updates, states


class PartitionState(NamedTuple):
    """The state of `partition`.

    Args:
        inner_states: by label (or pattern), the `MaskedState` of the transformation, which sees `None` in place of
            the leaves that are not its own.
    """

    inner_states: dict[Any, Any]


@dataclass(frozen=True)
class Labels:
    """A tree of labels as a value that compares and hashes."""

    labels: tuple[Hashable, ...]
    structure: tree.Structure

    def __repr__(self) -> str:
        return repr(tree.unflatten(self.structure, self.labels))


@dataclass(frozen=True)
class partition(GradientTransformationExtraArgs):  # noqa: N801
    """Each parameter to the transformation that its label or its path names: groups of parameters.

    Args:
        transforms: a dict from labels to transformations. Without `param_labels` its keys are patterns of paths
            ("*/bias", "encoder/*", a compiled regular expression; see `funcgrad.tree.select`), and a leaf belongs to
            the first that matches it.
        param_labels: a tree of labels that is a prefix of the parameters, or a function from the parameters (in
            `update` from the updates) to one.
        mask_compatible_extra_args: see `masked`.

    Its state is a `PartitionState`. A group's hyper-parameters are set by
    `set_hyperparams(state, "encoder/*", learning_rate=1e-4)`.

    Raises:
        TreeError: patterns match nothing, or leaves are matched by none; the message lists both. The labels do not
            fit the parameters.
        OptionError: a label has no transformation; the message names the path.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params = {"encoder": {"weight": fnp.ones(2), "bias": fnp.ones(1)}, "head": {"weight": fnp.ones(2)}}
    >>> opt = optim.partition({"*/bias": optim.sgd(0.25), "encoder/*": optim.sgd(0.5, momentum=0.9),
    ...                        "*": optim.chain(optim.clip(0.125), optim.sgd(1.0))})
    >>> updates, state = opt.update(params, opt.init(params), params)
    >>> updates["encoder"], updates["head"]["weight"]
    ({'weight': Array([-0.5, -0.5], dtype=float32), 'bias': Array([-0.25], dtype=float32)},
     Array([-0.125, -0.125], dtype=float32))
    >>> state = optim.set_hyperparams(state, "encoder/*", learning_rate=0.0)
    >>> opt.update(params, state, params)[0]["encoder"]["weight"]
    Array([-0., -0.], dtype=float32)

    By labels:

    >>> opt = optim.partition({"slow": optim.sgd(0.25), "fast": optim.sgd(1.0)}, {"encoder": "slow", "head": "fast"})
    >>> opt.update(params, opt.init(params), params)[0]["encoder"]["weight"]
    Array([-0.25, -0.25], dtype=float32)
    """

    transforms: Mapping[Any, GradientTransformation] | tuple[tuple[Any, GradientTransformation], ...]
    param_labels: Any = None
    mask_compatible_extra_args: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        pairs = tuple((label, checked(self, t)) for label, t in dict(self.transforms).items())
        object.__setattr__(self, "transforms", pairs)
        labels = self.param_labels
        if labels is None:
            wrong = [label for label, _ in pairs if not isinstance(label, str | re.Pattern)]
            if wrong:
                raise DtypeError(
                    f"partition: {wrong[0]!r} is no pattern of paths (a glob or a compiled re.Pattern); to go by "
                    "labels, give param_labels"
                )
        elif not callable(labels) and not isinstance(labels, Labels):
            leaves, structure = tree.flatten(labels)
            object.__setattr__(self, "param_labels", Labels(tuple(leaves), structure))

    def init(self, params: Any) -> PartitionState:
        floating_leaves(self, "params", params)
        numbers = self._groups(params)
        return PartitionState(
            {
                label: MaskedState(t.init(kept(params, [n == i for n in numbers])))
                for i, (label, t) in enumerate(self._pairs)
            }
        )

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, PartitionState]:
        leaves, structure = fitting(self, updates, params)
        if not isinstance(state, PartitionState) or set(state.inner_states) != {label for label, _ in self._pairs}:
            raise TreeError(
                f"partition.update: the state must be a PartitionState of {listed([k for k, _ in self._pairs])}, not "
                f"{_shown(state)}: pass what init or the last update returned"
            )
        numbers = self._groups(updates)
        states, merged = {}, list(leaves)
        for i, (label, t) in enumerate(self._pairs):
            flags = [n == i for n in numbers]
            seen = None if params is None else kept(params, flags)
            args = kept_extra_args(extra_args, flags, structure) if self.mask_compatible_extra_args else extra_args
            new, inner_state = updated(t, kept(updates, flags), state.inner_states[label].inner_state, seen, args)
            states[label] = MaskedState(inner_state)
            places = [place for place, flag in enumerate(flags) if flag]
            for place, x in zip(places, tree.leaves(new), strict=True):
                merged[place] = x
        return tree.unflatten(structure, merged), PartitionState(states)

    @property
    def _pairs(self) -> tuple[tuple[Any, GradientTransformation], ...]:
        return self.transforms  # type: ignore[return-value]

    def _groups(self, full: Any) -> Sequence[int]:
        """For each leaf the number of its transformation."""
        keys = tuple(label for label, _ in self._pairs)
        labels = self.param_labels
        if labels is None:
            return _groups_by_path(keys, tree.structure(full))
        prefix = tree.unflatten(labels.structure, labels.labels) if isinstance(labels, Labels) else labels(full)
        number = {label: i for i, label in enumerate(keys)}
        found = prefix_leaves("labels", prefix, full)
        for path, label in zip(tree.path_strings(tree.structure(full)), found, strict=True):
            if label not in number:
                raise OptionError(f"partition: {path} has the label {label!r}, and there are {listed(keys)}")
        return [number[label] for label in found]


multi_transform = partition
"""optax's older name of `partition`."""


@functools.lru_cache(maxsize=256)
def _groups_by_path(patterns: tuple[tree.Pattern, ...], structure: tree.Structure) -> list[int]:
    paths = tree.path_strings(structure)
    found = first_matches(patterns, structure)
    nothing = unmatched(patterns, structure)
    left = [path for path, number in zip(paths, found, strict=True) if number is None]
    if (nothing and paths) or left:
        problems = [f"no leaf matches {listed(nothing)}"] if nothing else []
        problems += [f"no pattern matches {listed(left)}"] if left else []
        raise TreeError(f"partition: {'; '.join(problems)}; the leaves are {listed(paths)}")
    return [number for number in found if number is not None]


@dataclass(frozen=True)
class _FreezeLabels:
    """The labels that `selective_transform` goes by."""

    mask: Any

    def __call__(self, full: Any) -> Any:
        flags = flags_of(self.mask, full)
        return tree.unflatten(tree.structure(full), ["freeze" if flag else "train" for flag in flags])


def selective_transform(optimizer: GradientTransformation, *, freeze_mask: Any) -> partition:
    """A transformation of all parameters but the frozen ones, which have no state and zeros for updates.

    Args:
        optimizer: for the others.
        freeze_mask: True where a parameter is frozen, or a pattern of the paths of those; as for `masked`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.selective_transform(optim.sgd(0.5), freeze_mask="b")
    >>> params = {"w": fnp.ones(2), "b": fnp.ones(1)}
    >>> opt.update(params, opt.init(params))[0]
    {'w': Array([-0.5, -0.5], dtype=float32), 'b': Array([0.], dtype=float32)}
    """
    return partition({"train": optimizer, "freeze": set_to_zero()}, _FreezeLabels(Mask.of(freeze_mask)))


def _shown(state: Any) -> str:
    """A state in an error: what it is, without its arrays."""
    if isinstance(state, tuple | list) and not hasattr(state, "_fields"):
        return f"a {type(state).__name__} of {len(state)}"
    return f"a dict of {', '.join(map(str, state))}" if isinstance(state, dict) else f"a {type(state).__name__}"
