"""Which intermediate values `checkpoint` keeps: policies, names for values, and how they are recorded and replayed.

A policy answers, for one operation: keep its result? It is asked what the tape would keep, so under
`grad(vmap(f))` it sees the operations on whole batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from .. import tree
from ..core import Array, Call, Params, Primitive, Trace, aval, bind, bind_call, use_trace
from ..device import device
from ..errors import OptionError
from ..numpy.creation import asarray
from ..ops.create import to_device
from ..rules import linear

__all__ = ["Policy", "Recording", "Replay", "checkpoint_name", "checkpoint_policies"]

Policy: TypeAlias = Callable[..., "bool | Offload"]
"""(primitive, *avals of its operands, **params) -> keep the result, or keep it on another device?"""

_named = linear(
    "checkpoint_name(x)",
    impl=lambda xp, x, *, name: x,
    infer=lambda x, *, name: x,
    transpose=lambda g, x, *, name: g,
    moves=True,
)


class Offload(NamedTuple):
    """What a policy says of a result to be kept on another device, as `device_put` names it."""

    target: Any


_PRODUCTS = frozenset(["matmul", "conv", "conv_data", "conv_weights"])


def checkpoint_name(x: Any, name: str) -> Any:
    """The values of a pytree, known by a name to the policies of `checkpoint`.

    >>> import funcgrad as fg
    >>> save = fg.checkpoint_policies.save_only_these_names("hidden")
    >>> f = fg.checkpoint(lambda x: fg.checkpoint_name(x * x, "hidden") ** 2, policy=save)
    >>> float(fg.grad(f)(2.0))
    32.0
    """
    return tree.map(lambda leaf: _named(asarray(leaf), name=name), x)


class checkpoint_policies:  # noqa: N801  # a namespace, named as in JAX
    """What `checkpoint` may keep; the names are those of `jax.checkpoint_policies`."""

    @staticmethod
    def everything_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
        """All: as without checkpoint."""
        return True

    @staticmethod
    def nothing_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
        """Nothing but the arguments: what `checkpoint` does without a policy."""
        return False

    @staticmethod
    def dots_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
        """The results of matrix products and convolutions."""
        return primitive.name in _PRODUCTS

    checkpoint_dots = dots_saveable

    @staticmethod
    def dots_with_no_batch_dims_saveable(primitive: Primitive, *avals: Any, **params: Any) -> bool:
        """The results of products of two matrices, as of a layer with its weights; not of stacks of them."""
        return primitive.name == "matmul" and min(a.ndim for a in avals) == 2

    checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable

    @staticmethod
    def save_only_these_names(*names: str) -> Policy:
        """The values that `checkpoint_name` gave one of these names."""

        def policy(primitive: Primitive, *avals: Any, **params: Any) -> bool:
            return primitive is _named.primitive and params["name"] in names

        return policy

    @staticmethod
    def save_any_names_but_these(*names: str) -> Policy:
        """The values that `checkpoint_name` gave any other name."""

        def policy(primitive: Primitive, *avals: Any, **params: Any) -> bool:
            return primitive is _named.primitive and params["name"] not in names

        return policy

    @staticmethod
    def save_anything_except_these_names(*names: str) -> Policy:
        """All values but those that `checkpoint_name` gave one of these names."""

        def policy(primitive: Primitive, *avals: Any, **params: Any) -> bool:
            return not (primitive is _named.primitive and params["name"] in names)

        return policy

    @staticmethod
    def offload_dot_with_no_batch_dims(offload_src: str = "device", offload_dst: Any = "pinned_host") -> Policy:
        """The results of products of two matrices, kept on the host, or on another device, until the backward pass.

        Args:
            offload_src: for programs written for JAX; it is the device that the result was computed on.
            offload_dst: where to: "pinned_host" or "cpu", or another device.
        """
        target = _place(offload_dst)

        def policy(primitive: Primitive, *avals: Any, **params: Any) -> Any:
            kept = checkpoint_policies.dots_with_no_batch_dims_saveable(primitive, *avals, **params)
            return kept and Offload(target)

        return policy

    @staticmethod
    def save_and_offload_only_these_names(
        *,
        names_which_can_be_saved: Sequence[str],
        names_which_can_be_offloaded: Sequence[str],
        offload_src: str = "device",
        offload_dst: Any = "pinned_host",
    ) -> Policy:
        """The values that `checkpoint_name` gave these names, some where they are and some on the host.

        Args:
            names_which_can_be_saved, names_which_can_be_offloaded: names, none in both.
            offload_src, offload_dst: as for `offload_dot_with_no_batch_dims`.
        """
        saved, offloaded, target = set(names_which_can_be_saved), set(names_which_can_be_offloaded), _place(offload_dst)
        if both := saved & offloaded:
            raise OptionError(f"checkpoint: {', '.join(sorted(both))} cannot be both saved and offloaded")

        def policy(primitive: Primitive, *avals: Any, **params: Any) -> Any:
            name = params["name"] if primitive is _named.primitive else None
            return Offload(target) if name in offloaded else name in saved

        return policy

    @staticmethod
    def save_from_both_policies(first: Policy, second: Policy) -> Policy:
        """What either of two policies keeps."""

        def policy(primitive: Primitive, *avals: Any, **params: Any) -> Any:
            return first(primitive, *avals, **params) or second(primitive, *avals, **params)

        return policy


def _place(target: Any) -> Any:
    """A device that JAX or `device_put` names."""
    if not isinstance(target, str):
        return target
    return device("cpu" if target in ("pinned_host", "unpinned_host") else target)


class Kept(NamedTuple):
    """A result that was kept, and of which operation."""

    primitive: Primitive | None
    out: Any


class Moved(Kept):
    """One that is on another device meanwhile; it comes back to where the operands are."""


class Recording(Trace):
    """Stands below a tape while a function first runs, and keeps the results that the policy names."""

    __slots__ = ("count", "policy", "saved")
    name, carries = "checkpoint", "policy"

    def __init__(self, parent: Trace | None, policy: Policy):
        super().__init__(parent)
        self.policy = policy
        self.count = 0
        self.saved: dict[int, Kept] = {}  # by the operation's place in the run

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        out = bind(self.parent, primitive, args, params)
        keep = self.policy(primitive, *[aval(a) for a in args], **params)
        if callable(keep):  # save_only_these_names itself, say: taken for true, it would keep everything
            name = getattr(self.policy, "__name__", self.policy)
            raise OptionError(f"checkpoint: {name} makes policies and is none: call it, policy={name}(...)")
        if keep:
            kept = Kept(primitive, out)
            if isinstance(keep, Offload) and isinstance(out, Array):
                with use_trace(self.parent):
                    kept = Moved(primitive, to_device(out, keep.target))
            self.saved[self.count] = kept
        self.count += 1
        return out

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        return bind_call(self.parent, call, args)


_NOTHING = Kept(None, None)


class Replay(Trace):
    """Stands below the tape of the second run, and hands out what the first one kept."""

    __slots__ = ("count", "saved")
    name, carries = "checkpoint", "policy"

    def __init__(self, parent: Trace | None, saved: dict[int, Kept]):
        super().__init__(parent)
        self.saved, self.count = saved, 0

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        kept = self.saved.get(self.count, _NOTHING)
        self.count += 1
        if kept.primitive is primitive and isinstance(kept.out, Array):
            if not isinstance(kept, Moved):
                return kept.out
            with use_trace(self.parent):
                return to_device(kept.out, next(a for a in args if isinstance(a, Array)).device)
        return bind(self.parent, primitive, args, params)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        return bind_call(self.parent, call, args)
