"""Uses of `funcgrad.lax`'s convolutions, gathers and scatters; the expected values are by loops."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from samples import complexes, integers, uniform

from funcgrad import lax

from . import Use

_LETTERS = {1: "NCW", 2: "NCHW"}

# ---- convolutions ------------------------------------------------------------------------------


def _same(n: int, k: int, s: int, lower: bool) -> tuple[int, int]:
    total = max((-(-n // s) - 1) * s + k - n, 0)
    return (total - total // 2, total // 2) if lower else (total // 2, total - total // 2)


def _conv(
    x: Any,
    w: Any,
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any = None,
    rhs_dilation: Any = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
) -> Any:
    """Position by position, window by window, in layout (N, C, *spatial)."""
    rank = x.ndim - 2
    plain = _LETTERS[rank]
    lhs, rhs, out_layout = dimension_numbers or (plain, plain.replace("N", "O").replace("C", "I"), plain)
    x = x.transpose([lhs.index(c) for c in plain])
    w = w.transpose([rhs.index(c) for c in plain.replace("N", "O").replace("C", "I")])
    spread, gap = lhs_dilation or (1,) * rank, rhs_dilation or (1,) * rank
    wide = np.zeros((*x.shape[:2], *((n - 1) * d + 1 for n, d in zip(x.shape[2:], spread, strict=True))), x.dtype)
    wide[(..., *(slice(None, None, d) for d in spread))] = x
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], gap, strict=True)]
    if isinstance(padding, str):
        kinds = zip(wide.shape[2:], reach, window_strides, strict=True)
        pairs = [(0, 0) if padding == "VALID" else _same(*k, padding == "SAME_LOWER") for k in kinds]
    else:
        pairs = list(padding)
    for axis, (low, high) in enumerate(pairs, 2):
        shape = list(wide.shape)
        for side, n in enumerate((low, high)):
            if n < 0:
                wide = np.take(wide, range(-n, wide.shape[axis]) if side == 0 else range(wide.shape[axis] + n), axis)
            else:
                shape[axis] = n
                zeros = np.zeros(shape, x.dtype)
                wide = np.concatenate([zeros, wide] if side == 0 else [wide, zeros], axis)
    sizes = [(n - r) // s + 1 for n, r, s in zip(wide.shape[2:], reach, window_strides, strict=True)]
    n, groups = x.shape[0] // batch_group_count, max(feature_group_count, batch_group_count)
    out = np.zeros((n, w.shape[0], *sizes), np.result_type(x, w))
    run = w.shape[0] // groups
    for o, at in itertools.product(range(w.shape[0]), itertools.product(*map(range, sizes))):
        begin = [i * s for i, s in zip(at, window_strides, strict=True)]
        seen = wide[(..., *(slice(b, b + r, d) for b, r, d in zip(begin, reach, gap, strict=True)))]
        group = o // run
        seen = seen[group * n : (group + 1) * n] if batch_group_count > 1 else seen
        channels = w.shape[1]
        seen = seen[:, group * channels : (group + 1) * channels] if feature_group_count > 1 else seen
        out[(slice(None), o, *at)] = (seen * w[o]).reshape(n, -1).sum(1)
    return out.transpose([plain.index(c) for c in out_layout])


def _transposed(x: Any, w: Any, strides: Any, padding: Any, transpose_kernel: bool = False, **options: Any) -> Any:
    """The images spread, and the padding that gives results of the documented sizes."""
    dilation = options.get("rhs_dilation") or (1,) * len(strides)
    numbers = (
        options.pop("dimension_numbers", None) or {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}[x.ndim - 2]
    )
    if isinstance(padding, str):
        spatial = [numbers[1].index(c) for c in numbers[1] if c not in "IO"]
        pairs = []
        for axis, s, d in zip(spatial, strides, dilation, strict=True):
            k = (w.shape[axis] - 1) * d + 1
            if padding == "VALID":
                pairs.append((k - 1, k + s - 2 + max(k - s, 0) - (k - 1)))
            else:
                low = k - 1 if s > k - 1 else -(-(k + s - 2) // 2)
                pairs.append((low, k + s - 2 - low))
        padding = pairs
    if transpose_kernel:
        w = np.flip(w, [numbers[1].index(c) for c in numbers[1] if c not in "IO"])
        w = w.swapaxes(numbers[1].index("I"), numbers[1].index("O"))
    return _conv(x, w, (1,) * len(strides), padding, strides, options.get("rhs_dilation"), numbers)


def _patches(
    x: Any, filter_shape: Any, window_strides: Any, padding: Any, dimension_numbers: Any = None, **options: Any
) -> Any:
    """By windows that are zero but for a single one."""
    plain = _LETTERS[x.ndim - 2]
    lhs, _, out = dimension_numbers or (plain, "", plain)
    channels = x.shape[lhs.index("C")]
    count = channels * int(np.prod(filter_shape))
    w = np.eye(count).reshape(count, channels, *filter_shape)
    numbers = (lhs, plain.replace("N", "O").replace("C", "I"), out)
    return _conv(x, w, window_strides, padding, dimension_numbers=numbers, **options)


def _local(x: Any, w: Any, window_strides: Any, padding: Any, filter_shape: Any, dimension_numbers: Any = None) -> Any:
    """Patch by patch, each with its own windows."""
    plain = _LETTERS[x.ndim - 2]
    of_windows = plain.replace("N", "O").replace("C", "I")
    lhs, rhs, out = dimension_numbers or (plain, of_windows, plain)
    images = x.transpose([lhs.index(c) for c in plain])
    windows = w.transpose([rhs.index(c) for c in of_windows])
    patches = _patches(images, filter_shape, window_strides, padding)
    found = np.einsum("ncp,ocp->nop", *(a.reshape(*a.shape[:2], -1) for a in (patches, windows)))
    return found.reshape(*found.shape[:2], *patches.shape[2:]).transpose([plain.index(c) for c in out])


_IMAGE, _WINDOW = uniform(2, 2, 4, 5), uniform(3, 2, 2, 3, seed=1)
_LINE = uniform(2, 2, 5)

USES = [
    Use("lax.conv_general_dilated", (_IMAGE, _WINDOW, (1, 2), "SAME"), {}, _conv),
    Use("lax.conv_general_dilated", (_LINE, uniform(2, 2, 2, seed=1), (2,), "SAME_LOWER"), {}, _conv),
    Use("lax.conv_general_dilated", (_IMAGE, _WINDOW, (1, 1), [(1, -1), (-2, 2)]), {"rhs_dilation": (2, 1)}, _conv),
    Use("lax.conv_general_dilated", (_IMAGE, _WINDOW, (2, 1), "VALID"), {"lhs_dilation": (2, 3)}, _conv, jax=False),
    Use(
        "lax.conv_general_dilated",
        (uniform(2, 3, 4, 2), uniform(2, 2, 2, 3, seed=1), (1, 1), "SAME"),
        {"dimension_numbers": ("NHWC", "HWIO", "NHWC")},
        _conv,
    ),
    Use(
        "lax.conv_general_dilated",
        (uniform(4, 2, 5), uniform(2, 3, 2, seed=1), (1,), [(1, 0)]),
        {"dimension_numbers": ("WCN", "WOI", "CNW")},
        _conv,
    ),
    Use(
        "lax.conv_general_dilated",
        (uniform(2, 4, 5), uniform(6, 2, 2, seed=1), (1,), "VALID"),
        {"feature_group_count": 2},
        _conv,
    ),
    Use(
        "lax.conv_general_dilated",
        (uniform(4, 2, 5), uniform(6, 2, 2, seed=1), (1,), "VALID"),
        {"batch_group_count": 2},
        _conv,
    ),
    Use("lax.conv_general_dilated", (complexes(1, 2, 4), complexes(2, 2, 2, seed=1), (1,), "VALID"), {}, _conv),
    Use("lax.conv", (_LINE, uniform(3, 2, 3, seed=1), (2,), "SAME"), {}, _conv),
    Use("lax.conv_with_general_padding", (_LINE, uniform(3, 2, 2, seed=1), (1,), [(1, 2)], (2,), (2,)), {}, _conv),
    *[
        Use(
            "lax.conv_transpose",
            (uniform(1, 3, 2), uniform(k, 2, 3, seed=1), (s,), padding),
            {"transpose_kernel": False},
            _transposed,
        )
        for k, s in [(2, 1), (2, 3), (3, 2)]
        for padding in ("SAME", "VALID")
    ],
    Use("lax.conv_transpose", (uniform(1, 3, 2), uniform(2, 2, 3, seed=1), (2,), [(1, 1)]), {}, _transposed),
    Use(
        "lax.conv_transpose",
        (uniform(1, 2, 3, 2), uniform(2, 2, 3, 2, seed=1), (2, 1), "SAME"),
        {"transpose_kernel": True, "rhs_dilation": (1, 2)},
        _transposed,
    ),
    Use("lax.conv_general_dilated_patches", (_IMAGE, (2, 3), (1, 2), "SAME"), {}, _patches),
    Use(
        "lax.conv_general_dilated_patches",
        (uniform(1, 4, 5, 2), (2, 2), (1, 1), [(0, 1), (1, 0)]),
        {"lhs_dilation": (1, 2), "rhs_dilation": (2, 1), "dimension_numbers": ("NHWC", "HWIO", "NHWC")},
        _patches,
    ),
    Use("lax.conv_general_dilated_local", (_LINE, uniform(3, 4, 4, seed=1), (1,), "VALID", (2,)), {}, _local),
    Use(
        "lax.conv_general_dilated_local",
        (uniform(1, 4, 3, 2), uniform(2, 2, 8, 3, seed=1), (2, 1), "VALID", (2, 2)),
        {"dimension_numbers": ("NHWC", "HWIO", "NHWC")},
        _local,
    ),
    Use(
        "lax.conv_dimension_numbers",
        ((1, 8, 8, 3), (3, 3, 3, 4), ("NHWC", "HWIO", "NHWC")),
        {},
        lambda *_: ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)),
        jax=False,
    ),
]

# ---- gathers and scatters ----------------------------------------------------------------------
# JAX takes dimension numbers of its own class only: tests/test_lax.py compares with it


class _Numbers:
    """Dimension numbers that are no tree, so that they reach the function as they are."""

    def __init__(self, numbers: Any):
        self.numbers = numbers

    def __repr__(self) -> str:
        return "".join(str(tuple(n)) for n in self.numbers).replace(" ", "")

    def __iter__(self) -> Any:
        return iter(self.numbers)


def _windows(shape: Any, starts: Any, sizes: Any, start_map: Any, batching: Any, mode: str) -> Any:
    """For each place of the batch where its slice begins, or None if it does not fit."""
    for at in np.ndindex(starts.shape[:-1]):
        begin = [0] * len(shape)
        for k, axis in enumerate(start_map):
            begin[axis] = int(starts[(*at, k)])
        for axis, of_batch in batching:
            begin[axis] = at[of_batch]
        room = [n - s for n, s in zip(shape, sizes, strict=True)]
        if mode == "clip":
            begin = [min(max(b, 0), r) for b, r in zip(begin, room, strict=True)]
        fits = all(0 <= b <= r for b, r in zip(begin, room, strict=True))
        yield at, tuple(slice(b, b + s) for b, s in zip(begin, sizes, strict=True)) if fits else None


def _gather(x: Any, starts: Any, numbers: Any, sizes: Any, mode: str = "clip", fill_value: Any = None) -> Any:
    dims = lax.GatherDimensionNumbers(*numbers)
    left_out = (*dims.collapsed_slice_dims, *dims.operand_batching_dims)
    window = [s for d, s in enumerate(sizes) if d not in left_out]
    out = np.empty((*starts.shape[:-1], *window), x.dtype)
    pairs = list(zip(dims.operand_batching_dims, dims.start_indices_batching_dims, strict=True))
    for at, key in _windows(x.shape, starts, sizes, dims.start_index_map, pairs, mode):
        out[at] = (np.nan if fill_value is None else fill_value) if key is None else x[key].reshape(window)
    batch = [d for d in range(out.ndim) if d not in dims.offset_dims]
    return np.moveaxis(out, range(out.ndim), [*batch, *dims.offset_dims])


def _scatter(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def oracle(x: Any, starts: Any, updates: Any, numbers: Any, mode: str = "fill") -> Any:
        dims = lax.ScatterDimensionNumbers(*numbers)
        left_out = (*dims.inserted_window_dims, *dims.operand_batching_dims)
        batch = [d for d in range(updates.ndim) if d not in dims.update_window_dims]
        moved = np.moveaxis(updates, [*batch, *dims.update_window_dims], range(updates.ndim))
        window = iter(moved.shape[len(batch) :])
        sizes = [1 if d in left_out else next(window) for d in range(x.ndim)]
        out = x.copy()
        pairs = list(zip(dims.operand_batching_dims, dims.scatter_indices_batching_dims, strict=True))
        for at, key in _windows(x.shape, starts, sizes, dims.scatter_dims_to_operand_dims, pairs, mode):
            if key is not None:
                out[key] = join(out[key], moved[at].reshape(sizes))
        return out

    return oracle


_X3 = uniform(3, 4, 2)
_GATHERS: list[tuple[Any, Any, Any, Any, dict[str, Any]]] = [  # operand, starts, numbers, sizes, options
    (_X3, np.array([[2], [0]]), ((1, 2), (0,), (0,)), (1, 4, 2), {}),
    (_X3, np.array([[2], [0], [1]]), ((0, 1), (1,), (1,)), (3, 1, 2), {}),
    (_X3, np.array([[1, 2], [0, 1]]), ((1, 2), (2,), (0, 1)), (2, 2, 1), {}),
    (_X3, np.array([[[2, 1]], [[0, 0]]]), ((0, 3), (1,), (1, 0)), (2, 1, 2), {"mode": "clip"}),
    (_X3, np.array([[2, 3], [-1, 0]]), ((1, 2, 3), (), (0, 1)), (1, 2, 2), {"mode": "clip"}),
    (_X3, np.array([[2, 3], [-1, 0], [1, 1]]), ((1,), (0, 1), (0, 1)), (1, 1, 2), {"mode": "fill", "fill_value": 1.5}),
    (
        _X3,
        np.array([[0, 4, 1], [2, 0, 0], [1, 3, 1]]),
        ((), (0, 1, 2), (0, 1, 2)),
        (1, 1, 1),
        {"mode": "fill", "fill_value": 0.5},
    ),
    (_X3, np.array([[3], [0], [9]]), ((1,), (1,), (1,), (0,), (0,)), (1, 1, 2), {"mode": "clip"}),
    (_X3, np.zeros((2, 0), int), ((1, 2, 3), (), ()), (3, 4, 2), {}),
    (integers(4), np.array([[1], [9]]), ((), (0,), (0,)), (1,), {"mode": "clip"}),
    (complexes(3, 2), np.array([[1], [0]]), ((1,), (0,), (0,)), (1, 2), {}),
]
USES += [
    Use("lax.gather", (x, starts, _Numbers(numbers), sizes), options, _gather, jax=False)
    for x, starts, numbers, sizes, options in _GATHERS
]

_SCATTERS: list[tuple[Any, Any, Any, dict[str, Any]]] = [  # starts, updates, numbers, options
    (np.array([[2], [0]]), uniform(2, 4, 2, seed=1), ((1, 2), (0,), (0,)), {}),
    (np.array([[2], [2], [0]]), uniform(3, 3, 2, seed=1), ((0, 2), (1,), (1,)), {}),
    (np.array([[1, 2], [0, 1]]), uniform(2, 2, 2, seed=1), ((1, 2), (2,), (0, 1)), {"mode": "clip"}),
    (np.array([[2, 3], [-1, 0], [1, 1]]), uniform(3, 2, seed=1), ((1,), (0, 1), (0, 1)), {}),
    (np.array([[2, 3], [-1, 0]]), uniform(2, 1, 2, 2, seed=1), ((1, 2, 3), (), (0, 1)), {"mode": "clip"}),
    (np.array([[3], [0], [9]]), uniform(3, 2, seed=1), ((1,), (1,), (1,), (0,), (0,)), {}),
]
_JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "scatter": lambda old, new: new,
    "scatter_add": operator.add,
    "scatter_sub": operator.sub,
    "scatter_mul": operator.mul,
    "scatter_min": np.minimum,
    "scatter_max": np.maximum,
}
USES += [
    Use(f"lax.{name}", (_X3, starts, updates, _Numbers(numbers)), options, _scatter(join), jax=False)
    for name, join in _JOINS.items()
    for starts, updates, numbers, options in _SCATTERS
]
USES += [
    Use(
        "lax.scatter_apply",
        (uniform(4, 2), np.array([[1], [3]]), np.exp, _Numbers(((1,), (0,), (0,)))),
        {"update_shape": (2, 2)},
        lambda x, i, f, numbers, update_shape: np.where(np.isin(np.arange(4), i)[:, None], f(x), x),
        jax=False,
    ),
]
