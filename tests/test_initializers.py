"""Initializers: their moments and structure, and that layers start as PyTorch's do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from models import KEY, close, fails

import funcgrad as fg
from funcgrad import layers, random
from funcgrad.errors import OptionError, ShapeError
from funcgrad.layers import initializers

WEIGHT = (3, 3, 16, 32)
FAN_IN, FAN_OUT = 144, 288


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        (initializers.glorot_normal(2.0), 4 * 2 / (FAN_IN + FAN_OUT)),
        (initializers.xavier_uniform(gain=5 / 3), 25 / 9 * 2 / (FAN_IN + FAN_OUT)),
        (initializers.kaiming_normal(0.5, mode="fan_out"), 2 / 1.25 / FAN_OUT),
        (initializers.kaiming_uniform(nonlinearity="relu"), 2 / FAN_IN),
        (initializers.kaiming_uniform(nonlinearity="tanh", mode="fan_out"), 25 / 9 / FAN_OUT),
        (initializers.kaiming_normal(mode="fan_in", nonlinearity="linear"), 1 / FAN_IN),
        (initializers.variance_scaling(2.0, "fan_in", "truncated_normal"), 2 / FAN_IN),
        (initializers.uniform(-0.3, 0.1), 0.4**2 / 12),
        (initializers.truncated_normal(0.5), 0.25 * 0.8796256610342398**2),
    ],
    ids=str,
)
def test_variances(init, variance):
    x = init(KEY, WEIGHT, "float64")
    assert x.shape == WEIGHT
    close(x.var() / variance, 1, 0.05)


def test_truncated_normals_have_the_moments_of_their_distribution():
    x = initializers.trunc_normal(1.0, 2.0, -1.0, 4.0)(KEY, (100, 200), "float64")
    theory = scipy.stats.truncnorm(-1, 1.5, loc=1, scale=2)
    close([x.mean(), x.std()], [theory.mean(), theory.std()], 0.02)
    assert -1 <= float(x.min()) < -0.99
    assert 3.99 < float(x.max()) <= 4
    x = initializers.truncated_normal(3.0, 0.0, 1.0)(KEY, (100, 200))
    assert float(x.min()) >= 0
    assert float(x.max()) <= 3
    scaled = initializers.variance_scaling(1.0, "fan_in", "truncated_normal")(KEY, (100, 400), "float64")
    assert float(abs(scaled).max()) <= 2 * 0.1 / 0.8796256610342398


@pytest.mark.parametrize(
    "name", ["relu", "tanh", "sigmoid", "linear", "selu", "conv2d", "conv_transpose3d", "leaky_relu"]
)
def test_gains_are_torchs(name):
    torch = pytest.importorskip("torch")
    assert initializers.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert initializers.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


# ---- matrices of a kind ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 2, 5), (2, 2, 3, 40)])
def test_orthogonal(shape):
    w = np.asarray(initializers.orthogonal(2.0)(KEY, shape, "float64"))
    assert w.shape == shape
    matrix = w.reshape(-1, shape[-1])
    small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    close(small, 4 * np.eye(len(small)), 1e-12)
    first = np.asarray(initializers.orthogonal(column_axis=0)(KEY, shape, "float64")).reshape(shape[0], -1)
    small = first @ first.T if first.shape[0] <= first.shape[1] else first.T @ first
    close(small, np.eye(len(small)), 1e-12)
    assert initializers.orthogonal()(KEY, shape).dtype == np.float32


def test_orthogonal_is_uniform_among_all_orthogonal_matrices():
    ws = fg.vmap(lambda key: initializers.orthogonal()(key, (3, 3), "float64"))(random.split(KEY, 4000))
    # of such a matrix each element has mean 0 and variance 1/3, and those of a row do not depend on its sign
    close(ws.mean(0), np.zeros((3, 3)), 0.03)
    close((ws * ws).mean(0), np.full((3, 3), 1 / 3), 0.02)
    # the angle of a rotation in the plane is uniform
    ws = np.asarray(fg.vmap(lambda key: initializers.orthogonal()(key, (2, 2), "float64"))(random.split(KEY, 2000)))
    angle = np.arctan2(ws[:, 1, 0], ws[:, 0, 0]) / (2 * math.pi) % 1
    assert scipy.stats.kstest(angle, "uniform").pvalue > 1e-3


def test_delta_orthogonal_keeps_the_norm_of_an_image():
    init = initializers.delta_orthogonal()
    model = layers.Conv2d(4, 6, 3, padding="same", padding_mode="circular", bias=False, weight_init=init)
    params, _ = model.init(KEY)
    x = np.random.default_rng(0).normal(size=(5, 5, 4))
    close((np.asarray(model(params, x)) ** 2).sum(), (x**2).sum())
    fails(ShapeError, "no fewer", init, KEY, (3, 3, 6, 4))
    fails(ShapeError, "no fewer", init, KEY, (4, 6))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_dirac_is_torchs(rank, groups):
    torch = pytest.importorskip("torch")
    for size in (3, 4):
        theirs = torch.empty(6, 2, *(size,) * rank)
        torch.nn.init.dirac_(theirs, groups)
        ours = np.asarray(initializers.dirac(groups)(KEY, (*(size,) * rank, 2, 6)))
        assert ours.dtype == np.float32
        assert (ours.transpose(rank + 1, rank, *range(rank)) == theirs.numpy()).all()


def test_dirac_passes_channels_on():
    model = layers.Conv2d(3, 3, 3, padding=1, layout="NCHW", weight_init=initializers.dirac(), bias=False)
    params, _ = model.init(KEY)
    x = np.random.default_rng(0).normal(size=(3, 5, 5))
    close(model(params, x), x)
    fails(ShapeError, "dirac: the weight must be", initializers.dirac(4), KEY, (3, 2, 6))


def test_eye_and_sparse():
    assert initializers.eye(KEY, (2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert initializers.identity is initializers.eye
    w = np.asarray(initializers.sparse(0.3, 0.5)(KEY, (2000, 10), "float64"))
    assert set((w == 0).sum(1)) == {3}
    places = (w == 0).mean(0)
    close(places, np.full(10, 0.3), 0.15)
    close(w[w != 0].std(), 0.5, 0.03)
    assert not np.asarray(initializers.sparse(1.0)(KEY, (2, 3))).any()
    for init in (initializers.eye, initializers.sparse(0.5), initializers.orthogonal()):
        fails(ShapeError, "is no matrix", init, KEY, (3,))
    fails(OptionError, "sparse: the sparsity is a share", initializers.sparse, 1.5)
    fails(OptionError, "calculate_gain: nonlinearity must be one of", initializers.calculate_gain, "gelu")
    fails(OptionError, "mode is one of", initializers.kaiming_normal, mode="fan")
    fails(OptionError, "calculate_gain", initializers.kaiming_normal, nonlinearity="gelu")


@pytest.mark.parametrize(
    "name", ["orthogonal", "delta_orthogonal", "dirac", "truncated_normal", "trunc_normal", "calculate_gain", "sparse"]
)
def test_layers_with_equal_initializers_are_equal(name):
    make = getattr(initializers, name)
    options = {"calculate_gain": ("relu",), "sparse": (0.5,)}.get(name, ())
    assert make(*options) == make(*options)
    assert hash(make(*options)) == hash(make(*options))


# ---- first values of layers --------------------------------------------------------------------------

STARTS = [
    ("Linear", (300, 200), {}),
    ("Bilinear", (30, 20, 40), {}),
    ("Conv1d", (64, 32, 5), {}),
    ("Conv2d", (16, 32, 5), {"groups": 4}),
    ("Conv3d", (16, 16, 3), {}),
    ("ConvTranspose1d", (64, 32, 5), {}),
    ("ConvTranspose2d", (32, 16, 5), {"groups": 2}),
    ("ConvTranspose3d", (8, 16, 3), {}),
    ("Embedding", (300, 100), {}),
    ("EmbeddingBag", (300, 100), {}),
    ("PReLU", (200,), {}),
    ("GroupNorm", (4, 200), {}),
    ("InstanceNorm2d", (200,), {"affine": True}),
    ("RMSNorm", (200,), {}),
    ("RNN", (40, 100, 2), {"bidirectional": True}),
    ("LSTM", (40, 80), {"proj_size": 30}),
    ("GRU", (40, 80, 2), {}),
    ("RNNCell", (40, 100), {}),
    ("LSTMCell", (40, 100), {}),
    ("GRUCell", (40, 100), {}),
    ("MultiheadAttention", (80, 4), {"add_bias_kv": True}),
    ("MultiheadAttention", (80, 4), {"kdim": 40, "vdim": 60}),
    ("TransformerEncoderLayer", (80, 4, 200), {}),
    ("TransformerDecoderLayer", (80, 4, 200), {}),
    ("Transformer", (40, 4, 2, 2, 200), {"batch_first": True}),
    ("BatchNorm2d", (200,), {}),
    ("LayerNorm", (200,), {}),
    ("AdaptiveLogSoftmaxWithLoss", (128, 2000, (200, 1000)), {"head_bias": True}),
]


@pytest.mark.parametrize(("name", "sizes", "options"), STARTS, ids=[name for name, _, _ in STARTS])
def test_layers_start_as_torchs_do(name, sizes, options):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    listed = [list(s) if isinstance(s, tuple) else s for s in sizes]
    theirs = getattr(torch.nn, name)(*listed, **options).state_dict()
    model = getattr(layers, name)(*sizes, **options)
    ours = layers.to_torch_state_dict(model, *model.init(KEY))
    compared = 0
    for entry, values in ours.items():
        a, b = values.ravel(), theirs[entry].numpy().ravel()
        compared += 1
        if b.size == 1 or b.std() == 0:
            assert (a == b[0]).all()
            continue
        assert scipy.stats.ks_2samp(a, b).pvalue > 1e-3, entry
        if a.size > 5000:
            close(a.std() / b.std(), 1, 0.03)
            if np.abs(b).max() < 3 * b.std():  # bounded: both come near to the same bound
                close(np.abs(a).max() / np.abs(b).max(), 1, 0.01)
    assert compared
