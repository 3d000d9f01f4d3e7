"""The functions of `funcgrad.functional` against those of PyTorch, values and gradients, over drawn options.

Images are channels-first here, as PyTorch's are; `test_functional.py` holds the two layouts against each other.
Tensors are made by `torch.empty(...).copy_`, so that they are contiguous in PyTorch's own memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.functional as F  # the name that users give it
import funcgrad.numpy as fnp

torch = pytest.importorskip("torch")
T = torch.nn.functional

few = settings(max_examples=25, deadline=None, derandomize=True, database=None)
LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
dtypes = st.sampled_from(["float32", "float64"])
ranks = st.sampled_from([1, 2, 3])


def normal(shape: Any, dtype: str, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def distinct(shape: Any, dtype: str) -> Any:
    """Numbers without ties."""
    n = int(np.prod(shape))
    return ((np.random.default_rng(0).permutation(n) - n / 2) / 8).reshape(shape).astype(dtype)


def tensor(x: Any) -> Any:
    """A leaf that PyTorch differentiates by, or a constant where x holds integers or booleans."""
    made = torch.empty(x.shape, dtype=getattr(torch, x.dtype.name)).copy_(torch.from_numpy(np.array(x)))
    return made.requires_grad_(made.is_floating_point())


def constant(x: Any) -> Any:
    return None if x is None else tensor(x).detach()


def assert_close(ours: Any, theirs: Any, dtype: str) -> None:
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    scale = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=1)
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


def agree(ours: Callable[..., Any], theirs: Callable[..., Any], *args: Any) -> None:
    """Equal values, and equal gradients by every floating argument for one drawn cotangent."""
    dtype = next(a.dtype.name for a in args if a.dtype.kind == "f")
    tensors = [tensor(a) for a in args]
    expected = theirs(*tensors)
    found, pull = fg.vjp(ours, *args)
    assert_close(found, expected, dtype)
    ct = normal(found.shape, dtype, seed=99)
    expected.backward(torch.empty(expected.shape, dtype=expected.dtype).copy_(torch.from_numpy(np.asarray(ct))))
    for g, t in zip(pull(fnp.asarray(ct)), tensors, strict=True):
        if t.requires_grad:
            assert_close(g, t.grad, dtype)


def ints(rank: int, low: int, high: int) -> Any:
    """One int an axis."""
    return st.tuples(*[st.integers(low, high)] * rank)


# ---- convolution -------------------------------------------------------------------------------


@few
@given(st.data(), ranks, dtypes)
def test_conv(data: Any, rank: int, dtype: str) -> None:
    groups = data.draw(st.integers(1, 3))
    channels, out_channels = (groups * data.draw(st.integers(1, 3)) for _ in range(2))
    window, stride, dilation = (data.draw(ints(rank, 1, 3)) for _ in range(3))
    padding = data.draw(ints(rank, 0, 3))
    sizes = tuple(
        max((k - 1) * d + 1 - 2 * p, 1) + data.draw(st.integers(0, 4))
        for k, d, p in zip(window, dilation, padding, strict=True)
    )
    batch = data.draw(st.sampled_from([(), (1,), (3,)]))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agree(
        lambda x, w, b: getattr(F, f"conv{rank}d")(x, w, b, layout=LAYOUTS[rank], **options),
        lambda x, w, b: getattr(T, f"conv{rank}d")(x, w, b, **options),
        normal((*batch, channels, *sizes), dtype),
        normal((out_channels, channels // groups, *window), dtype, seed=1),
        normal((out_channels,), dtype, seed=2),
    )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")  # torch pads a copy
@few
@given(st.data(), ranks)
def test_conv_same_padding(data: Any, rank: int) -> None:
    window, dilation, sizes = data.draw(ints(rank, 1, 4)), data.draw(ints(rank, 1, 2)), data.draw(ints(rank, 1, 6))
    for padding in ("same", "valid"):
        if padding == "valid" and any(n <= (k - 1) * d for n, k, d in zip(sizes, window, dilation, strict=True)):
            continue
        agree(
            lambda x, w, p=padding: getattr(F, f"conv{rank}d")(
                x, w, padding=p.upper(), dilation=dilation, layout=LAYOUTS[rank]
            ),
            lambda x, w, p=padding: getattr(T, f"conv{rank}d")(x, w, padding=p, dilation=dilation),
            normal((2, 2, *sizes), "float64"),
            normal((3, 2, *window), "float64", seed=1),
        )


@few
@given(st.data(), ranks, dtypes)
def test_conv_transpose(data: Any, rank: int, dtype: str) -> None:
    groups = data.draw(st.integers(1, 3))
    channels, out_channels = (groups * data.draw(st.integers(1, 2)) for _ in range(2))
    window, stride, dilation = (data.draw(ints(rank, 1, 3)) for _ in range(3))
    sizes, padding = data.draw(ints(rank, 1, 4)), data.draw(ints(rank, 0, 2))
    extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    reach = zip(sizes, window, stride, dilation, padding, extra, strict=True)
    assume(all((n - 1) * s - 2 * p + d * (k - 1) + 1 + e >= 1 for n, k, s, d, p, e in reach))
    batch = data.draw(st.sampled_from([(), (1,), (3,)]))
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": extra,
        "groups": groups,
        "dilation": dilation,
    }
    agree(
        lambda x, w, b: getattr(F, f"conv_transpose{rank}d")(x, w, b, layout=LAYOUTS[rank], **options),
        lambda x, w, b: getattr(T, f"conv_transpose{rank}d")(x, w, b, **options),
        normal((*batch, channels, *sizes), dtype),
        normal((channels, out_channels // groups, *window), dtype, seed=1),
        normal((out_channels,), dtype, seed=2),
    )


# ---- pooling -----------------------------------------------------------------------------------


def drawn_windows(data: Any, rank: int, dilated: bool) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Spatial sizes, and how a window moves over them, within what PyTorch allows."""
    window, stride = data.draw(ints(rank, 1, 4)), data.draw(ints(rank, 1, 3))
    dilation = data.draw(ints(rank, 1, 2)) if dilated else (1,) * rank
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in window)
    sizes = tuple(
        max((k - 1) * d + 1 - 2 * p, d, 1) + data.draw(st.integers(0, 5))
        for k, d, p in zip(window, dilation, padding, strict=True)
    )
    options = {"stride": stride, "padding": padding, "ceil_mode": data.draw(st.booleans())}
    if dilated:
        options["dilation"] = dilation
    return sizes, {"window": window, **options}


@few
@given(st.data(), ranks, dtypes)
def test_max_pool(data: Any, rank: int, dtype: str) -> None:
    sizes, options = drawn_windows(data, rank, dilated=True)
    batch = data.draw(st.sampled_from([(), (1,), (3,)]))
    window = options.pop("window")
    agree(
        lambda x: getattr(F, f"max_pool{rank}d")(x, window, layout=LAYOUTS[rank], **options),
        lambda x: getattr(T, f"max_pool{rank}d")(x, window, **options),
        distinct((*batch, 2, *sizes), dtype),
    )


@few
@given(st.data(), ranks, dtypes, st.booleans())
def test_avg_pool(data: Any, rank: int, dtype: str, count_include_pad: bool) -> None:
    sizes, options = drawn_windows(data, rank, dilated=False)
    batch = data.draw(st.sampled_from([(), (1,), (3,)]))
    window = options.pop("window")
    assume(rank < 3 or all(n >= k for n, k in zip(sizes, window, strict=True)))  # torch refuses, padded or not
    options["count_include_pad"] = count_include_pad
    agree(
        lambda x: getattr(F, f"avg_pool{rank}d")(x, window, layout=LAYOUTS[rank], **options),
        lambda x: getattr(T, f"avg_pool{rank}d")(x, window, **options),
        normal((*batch, 2, *sizes), dtype),
    )


def test_of_equal_maxima_the_first_has_the_derivative() -> None:
    agree(lambda x: F.max_pool2d(x, 2, layout="NCHW"), lambda x: T.max_pool2d(x, 2), np.zeros((1, 1, 4, 4)))


# ---- activations -------------------------------------------------------------------------------

KINKS = np.asarray([-50.0, -7.0, -1.0, -0.3, 0.0, 0.2, 1.0, 2.5, 6.0, 7.0, 50.0])

ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (F.relu, T.relu),
    "relu6": (F.relu6, T.relu6),
    "leaky_relu": (F.leaky_relu, T.leaky_relu),
    "leaky_relu-slope": (lambda x: F.leaky_relu(x, 0.3), lambda x: T.leaky_relu(x, 0.3)),
    "elu": (F.elu, T.elu),
    "elu-alpha": (lambda x: F.elu(x, 0.7), lambda x: T.elu(x, 0.7)),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "log_sigmoid": (F.log_sigmoid, T.logsigmoid),
    "silu": (F.silu, T.silu),
    "swish": (F.swish, T.silu),
    "softplus": (F.softplus, lambda x: T.softplus(x, threshold=100)),
    "gelu": (F.gelu, lambda x: T.gelu(x, approximate="tanh")),
    "gelu-exact": (lambda x: F.gelu(x, approximate=False), T.gelu),
    "tanh": (F.tanh, torch.tanh),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str, dtype: str) -> None:
    ours, theirs = ACTIVATIONS[name]
    agree(ours, theirs, KINKS.astype(dtype))
    agree(ours, theirs, normal((2, 3, 4), dtype) * 3)


@few
@given(st.data(), dtypes)
def test_softmax_family(data: Any, dtype: str) -> None:
    x = normal(data.draw(st.tuples(*[st.integers(1, 4)] * 3)), dtype) * 10
    axis = data.draw(st.integers(-3, 2))
    agree(lambda x: F.softmax(x, axis), lambda x: T.softmax(x, axis), x)
    agree(lambda x: F.log_softmax(x, axis), lambda x: T.log_softmax(x, axis), x)
    agree(lambda x: F.logsumexp(x, axis), lambda x: torch.logsumexp(x, axis), x)
    doubled = np.concatenate([x, x[::-1] * 0.5], axis)
    agree(lambda x: F.glu(x, axis), lambda x: T.glu(x, axis), doubled)


def test_one_hot() -> None:
    classes = np.asarray([[0, 3], [2, 2]])
    expected = T.one_hot(torch.from_numpy(classes), 5).numpy()
    np.testing.assert_array_equal(np.asarray(F.one_hot(classes, 5)), expected)
    np.testing.assert_array_equal(np.asarray(F.one_hot(classes, 5, axis=0)), np.moveaxis(expected, -1, 0))


# ---- normalisation -----------------------------------------------------------------------------


@few
@given(dtypes, st.integers(2, 5), st.integers(1, 4), ranks, st.booleans())
def test_batch_norm(dtype: str, batch: int, channels: int, rank: int, affine: bool) -> None:
    x = normal((batch, channels, *(3, 2, 2)[:rank]), dtype) * 3 + 10
    mean, var = normal((channels,), dtype, 1), normal((channels,), dtype, 2) ** 2 + 0.5
    weight, bias = normal((channels,), dtype, 3), normal((channels,), dtype, 4)
    parameters = (weight, bias) if affine else ()
    agree(
        lambda x, *p: F.batch_norm(x, mean, var, *p, axis=1),
        lambda x, *p: T.batch_norm(x, constant(mean), constant(var), *p),
        x,
        *parameters,
    )
    axes = tuple(a for a in range(x.ndim) if a != 1)
    agree(  # the statistics of the batch, with the derivatives that pass through them
        lambda x, *p: F.batch_norm(x, x.mean(axes), x.var(axes), *p, axis=1),
        lambda x, *p: T.batch_norm(x, None, None, *p, training=True),
        x,
        *parameters,
    )


@few
@given(dtypes, st.integers(1, 3), st.booleans())
def test_layer_norm(dtype: str, normalised: int, affine: bool) -> None:
    x = normal((3, 4, 5), dtype) * 3 + 10
    shape = x.shape[-normalised:]
    parameters = (normal(shape, dtype, 1), normal(shape, dtype, 2)) if affine else ()
    agree(
        lambda x, *p: F.layer_norm(x, *p, axis=tuple(range(-normalised, 0))),
        lambda x, *p: T.layer_norm(x, shape, *p),
        x,
        *parameters,
    )


# ---- losses ------------------------------------------------------------------------------------

reductions = st.sampled_from(["none", "mean", "sum"])
LOGITS = [(4,), (6, 4), (3, 4, 5), (2, 4, 3, 2)]


def channel_axis(shape: Any) -> int:
    return min(1, len(shape) - 1)


@settings(few, max_examples=60)
@given(st.sampled_from(LOGITS), dtypes, reductions, st.booleans(), st.booleans(), st.sampled_from([0.0, 0.3]))
def test_cross_entropy_of_classes(
    shape: Any, dtype: str, reduction: Any, weighted: bool, ignoring: bool, smoothing: float
) -> None:
    axis = channel_axis(shape)
    targets = np.random.default_rng(1).integers(0, 4, shape[:axis] + shape[axis + 1 :])
    if ignoring and targets.ndim:
        targets.flat[::2] = -100
    weight = np.asarray([0.5, 1.0, 2.0, 0.25], dtype) if weighted else None
    ours: dict[str, Any] = {"weight": weight, "ignore_index": -100 if ignoring else None, "reduction": reduction}
    theirs: dict[str, Any] = {"weight": constant(weight), "reduction": reduction}
    agree(
        lambda x, t: F.cross_entropy(x, t, label_smoothing=smoothing, axis=axis, **ours),
        lambda x, t: T.cross_entropy(x, t, label_smoothing=smoothing, **theirs),
        normal(shape, dtype) * 5,
        targets,
    )
    agree(
        lambda x, t: F.nll_loss(F.log_softmax(x, axis), t, axis=axis, **ours),
        lambda x, t: T.nll_loss(T.log_softmax(x, axis), t, **theirs),
        normal(shape, dtype) * 5,
        targets,
    )


@few
@given(st.sampled_from(LOGITS), dtypes, reductions, st.booleans(), st.sampled_from([0.0, 0.3]))
def test_cross_entropy_of_probabilities(
    shape: Any, dtype: str, reduction: Any, weighted: bool, smoothing: float
) -> None:
    axis = channel_axis(shape)
    weight = np.asarray([0.5, 1.0, 2.0, 0.25], dtype) if weighted else None
    powers = np.exp(normal(shape, dtype, seed=1))
    options: dict[str, Any] = {"label_smoothing": smoothing, "reduction": reduction}
    agree(
        lambda x, p: F.cross_entropy(x, p, weight, axis=axis, **options),
        lambda x, p: T.cross_entropy(x, p, constant(weight), **options),
        normal(shape, dtype) * 5,
        powers / powers.sum(axis, keepdims=True),
    )


@few
@given(dtypes, reductions)
def test_losses_of_differences(dtype: str, reduction: Any) -> None:
    x, y = normal((3, 4), dtype) * 2, normal((3, 4), dtype, seed=1) * 2
    y.flat[0] = x.flat[0]
    for ours, theirs, options in (
        (F.mse_loss, T.mse_loss, {}),
        (F.l1_loss, T.l1_loss, {}),
        (F.huber_loss, T.huber_loss, {}),
        (F.huber_loss, T.huber_loss, {"delta": 0.6}),
        (F.smooth_l1_loss, T.smooth_l1_loss, {}),
        (F.smooth_l1_loss, T.smooth_l1_loss, {"beta": 0.6}),
        (F.smooth_l1_loss, T.smooth_l1_loss, {"beta": 0.0}),
    ):
        agree(
            lambda x, y, f=ours, o=options: f(x, y, reduction=reduction, **o),
            lambda x, y, f=theirs, o=options: f(x, y, reduction=reduction, **o),
            x,
            y,
        )


@few
@given(dtypes, reductions, st.booleans(), st.booleans())
def test_binary_cross_entropy_with_logits(dtype: str, reduction: Any, weighted: bool, positive: bool) -> None:
    x = np.asarray([[-60.0, -3.0, 0.0, 60.0], [-0.5, 0.7, 2.0, 30.0]], dtype)
    t = np.asarray([[1.0, 0.3, 1.0, 0.0], [0.0, 1.0, 0.9, 1.0]], dtype)
    options = {}
    if weighted:
        options["weight"] = np.asarray([[1.0], [0.5]], dtype)
    if positive:
        options["pos_weight"] = np.asarray([2.0, 0.5, 1.0, 3.0], dtype)
    agree(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction, **options),
        lambda x, t: T.binary_cross_entropy_with_logits(
            x, t, reduction=reduction, **{k: constant(v) for k, v in options.items()}
        ),
        x,
        t,
    )


@few
@given(dtypes, st.sampled_from(["none", "mean", "sum", "batchmean"]), st.booleans())
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")
def test_kl_div(dtype: str, reduction: Any, log_targets: bool) -> None:
    log_q, log_p = (np.asarray(F.log_softmax(normal((3, 4), dtype, seed=s))) for s in (0, 1))
    agree(
        lambda q, p: F.kl_div(q, p, log_target=log_targets, reduction=reduction),
        lambda q, p: T.kl_div(q, p, log_target=log_targets, reduction=reduction),
        log_q,
        log_p if log_targets else np.exp(log_p),
    )


# ---- linear and attention ----------------------------------------------------------------------


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_linear(batch: Any) -> None:
    agree(
        lambda x, w, b: F.linear(x, w, b),
        lambda x, w, b: T.linear(x, w.T, b),
        normal((*batch, 4), "float64"),
        normal((4, 5), "float64", 1),
        normal((5,), "float64", 2),
    )


@few
@given(
    dtypes,
    st.sampled_from(["none", "causal", "boolean", "additive"]),
    st.sampled_from([(), (2,), (2, 3)]),
    st.sampled_from([None, 0.5]),
)
def test_attention(dtype: str, masking: str, batch: Any, scale: float | None) -> None:
    length, keys, depth, width = 4, 5, 3, 2
    mask = {
        "boolean": np.random.default_rng(3).random((length, keys)) < 0.6,
        "additive": normal((length, keys), dtype, seed=4),
    }.get(masking)
    if masking == "boolean":
        mask[1] = False  # a query that sees nothing
    agree(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask, is_causal=masking == "causal", scale=scale),
        lambda q, k, v: T.scaled_dot_product_attention(
            q, k, v, constant(mask), is_causal=masking == "causal", scale=scale
        ),
        normal((*batch, length, depth), dtype),
        normal((*batch, keys, depth), dtype, 1),
        normal((*batch, keys, width), dtype, 2),
    )
