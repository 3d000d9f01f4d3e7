"""oneDNN's convolutions and products: the numbers of our own kernels, never by its slow reference implementations."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from processes import run_alone

import funcgrad as fg
import funcgrad.functional as F  # the name that users give it
import funcgrad.numpy as fnp
from funcgrad import config
from funcgrad.kernels import convolution as kernels
from funcgrad.kernels import products, threads
from funcgrad.kernels.onednn import convolution as onednn
from funcgrad.kernels.onednn import library, primitive
from funcgrad.kernels.onednn import products as onednn_products

MISSING = library.why_not()
needs_onednn = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
many = settings(max_examples=150, deadline=None, derandomize=True, database=None)

NAMES = ["conv", "conv_data", "conv_weights"]
RANDOM = np.random.default_rng(0)


def geometry(x: Any, w: Any, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> onednn.Geometry:
    rank = len(x) - 2
    steps, spread, around = (stride,) * rank, (dilation,) * rank, ((padding, padding),) * rank
    sizes = kernels.conv_output_sizes(x[1:-1], w[:-2], steps, around, spread)
    return onednn.Geometry(x, w, (x[0], *sizes, w[-1]), steps, around, spread, groups)


def operands(name: str, g: onednn.Geometry, dtype: Any = np.float32) -> list[np.ndarray]:
    shapes = {"conv": (g.x, g.w), "conv_data": (g.out, g.w), "conv_weights": (g.x, g.out)}[name]
    return [RANDOM.standard_normal(shape).astype(dtype) for shape in shapes]


def ours(name: str, g: onednn.Geometry, *arrays: np.ndarray) -> np.ndarray:
    """In float64, which is never oneDNN's."""
    params = {"stride": g.stride, "padding": g.padding, "dilation": g.dilation, "groups": g.groups}
    extra = {"conv": {}, "conv_data": {"spatial": g.x[1:-1]}, "conv_weights": {"window": g.w[:-2]}}[name]
    return getattr(kernels, name)(np, *(a.astype(np.float64) for a in arrays), **params, **extra)


def assert_close(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(np.abs(expected).max(), 1e-3))


@pytest.fixture
def any_size(monkeypatch):
    """oneDNN for arrays of any size, so that small ones test it."""
    monkeypatch.setattr(onednn, "_LEAST_WORK", 0)
    monkeypatch.setattr(onednn, "_TOO_FEW_CHANNELS", 0)
    monkeypatch.setattr(onednn_products, "_LEAST_WORK", 0)
    monkeypatch.setattr(onednn_products, "_LEAST_SIDE", 0)
    monkeypatch.setattr(products, "SMALL", 0)


# --- which of its implementations it takes ---

RESNET = [
    ((32, 32, 32, 3), (3, 3, 3, 64), 1, 1),
    ((32, 32, 32, 64), (3, 3, 64, 64), 1, 1),
    ((32, 32, 32, 64), (3, 3, 64, 128), 2, 1),
    ((32, 32, 32, 64), (1, 1, 64, 128), 2, 0),
    ((32, 16, 16, 128), (3, 3, 128, 128), 1, 1),
    ((32, 16, 16, 128), (3, 3, 128, 256), 2, 1),
    ((32, 16, 16, 128), (1, 1, 128, 256), 2, 0),
    ((32, 8, 8, 256), (3, 3, 256, 256), 1, 1),
    ((32, 8, 8, 256), (3, 3, 256, 512), 2, 1),
    ((32, 8, 8, 256), (1, 1, 256, 512), 2, 0),
    ((32, 4, 4, 512), (3, 3, 512, 512), 1, 1),
]
MNIST = [((100, 28, 28, 1), (3, 3, 1, 32)), ((100, 26, 26, 32), (3, 3, 32, 64)), ((1, 28, 28, 1), (5, 5, 1, 6))]
OTHERS = [  # the kinds of the layers' tests: ranks, groups, depthwise with a multiplier, dilation
    ((4, 50, 16), (5, 16, 32), 2, 2, 1, 1),
    ((2, 9, 9, 9, 8), (3, 3, 3, 8, 16), 1, 1, 1, 1),
    ((2, 9, 9, 9, 4), (2, 3, 1, 4, 6), 2, 1, 1, 1),
    ((8, 16, 16, 32), (3, 3, 1, 32), 1, 1, 1, 32),
    ((8, 16, 16, 32), (3, 3, 1, 64), 2, 1, 1, 32),
    ((8, 16, 16, 32), (3, 3, 8, 32), 1, 1, 1, 4),
    ((2, 7, 8, 4), (3, 3, 2, 6), 1, 1, 1, 2),
    ((2, 7, 8, 4), (3, 2, 4, 6), 2, 1, 2, 1),
    ((2, 7, 8, 3), (4, 4, 3, 5), 3, 2, 1, 1),
]
SHAPES = [geometry(*shape) for shape in (*RESNET, *MNIST, *OTHERS)]


@needs_onednn
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("g", SHAPES, ids=str)
def test_no_reference_implementation_is_ever_chosen(g: onednn.Geometry, name: str) -> None:
    ready = onednn.prepared(name, g)
    if ready is None:  # d(weights) by copied patches, which our own kernels do, and faster
        assert name == "conv_weights"
        assert g in SHAPES[len(RESNET) + len(MNIST) :]
        return
    assert not [used for used in ready.implementations if "ref" in used or "simple" in used]


@needs_onednn
def test_the_large_convolutions_are_oned_nns(monkeypatch) -> None:
    """Through the functions that users call."""
    used = []
    call = primitive.Prepared.__call__
    monkeypatch.setattr(primitive.Prepared, "__call__", lambda self, *a: used.append(self) or call(self, *a))
    x, w = operands("conv", geometry(*MNIST[1]))
    fg.grad(lambda x, w: (F.conv2d(x, w) ** 2).sum(), argnums=(0, 1))(x, w)
    assert len(used) == 3
    F.conv_transpose2d(RANDOM.standard_normal((8, 12, 12, 16)).astype("f"), w[..., :16].copy(), stride=2)
    fnp.matmul(x.reshape(100, -1), RANDOM.standard_normal((26 * 26 * 32, 20)).astype("f"))
    assert len(used) == 5
    with config.onednn(False):
        F.conv2d(x, w)
    F.conv2d(x[:1, :4, :4], w)  # too small
    F.conv2d(x[:2].astype("d"), w.astype("d"))
    assert len(used) == 5


# --- its numbers ---


@needs_onednn
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("g", [g for g in SHAPES if np.prod(g.out) * np.prod(g.w[:-1]) < 2e7], ids=str)
def test_numbers_are_those_of_our_own_kernels(g: onednn.Geometry, name: str, any_size) -> None:
    arrays = operands(name, g)
    found = getattr(onednn, name)(*arrays, g)
    if found is not None:
        assert_close(found, ours(name, g, *arrays))


@needs_onednn
@many
@given(st.data())
def test_convolutions_of_any_kind(data: Any) -> None:
    rank = data.draw(st.integers(1, 3))
    groups = data.draw(st.sampled_from([1, 1, 2, 3, 8]))
    channels, channels_out = (groups * data.draw(st.sampled_from([1, 2, 3, 8, 16, 17])) for _ in range(2))
    axes = [
        data.draw(
            st.tuples(*(st.integers(1, n) for n in (8, 4, 3, 3)), st.tuples(st.integers(0, 4), st.integers(0, 4)))
        )
        for _ in range(rank)
    ]
    spatial, window, stride, dilation, padding = zip(*axes, strict=True)
    try:
        sizes = kernels.conv_output_sizes(spatial, window, stride, padding, dilation)
    except ValueError:
        assume(False)
    n = data.draw(st.integers(1, 4))
    shapes = (n, *spatial, channels), (*window, channels // groups, channels_out), (n, *sizes, channels_out)
    g = onednn.Geometry(*shapes, stride, padding, dilation, groups)
    for name in NAMES:
        ready = onednn.prepared(name, g)
        if ready is not None:
            arrays = operands(name, g)
            shape = {"conv": g.out, "conv_data": g.x, "conv_weights": g.w}[name]
            assert_close(ready.into(shape, *arrays), ours(name, g, *arrays))


@needs_onednn
def test_bias_and_relu_at_the_end(any_size) -> None:
    g = geometry((4, 9, 9, 8), (3, 3, 8, 16))
    x, w = operands("conv", g)
    b = RANDOM.standard_normal(16).astype(np.float32)
    plain = ours("conv", g, x, w)
    assert_close(onednn.conv(x, w, g, bias=b), plain + b)
    assert_close(onednn.conv(x, w, g, relu=True), np.maximum(plain, 0))
    assert_close(onednn.conv(x, w, g, bias=b, relu=True), np.maximum(plain + b, 0))


@needs_onednn
def test_what_is_not_a_number_stays_so() -> None:
    g = geometry((2, 12, 12, 8), (3, 3, 8, 16))
    x, w = operands("conv", g)
    x[0, 5, 5, 3], x[1, 5, 5, 3] = np.nan, np.inf
    found = onednn.conv(x, w, g)
    assert np.isnan(found[0, 3:6, 3:6]).all()
    assert np.isinf(found[1, 3:6, 3:6]).all()
    assert np.isfinite(found[:, 7:]).all()


@needs_onednn
def test_denormal_numbers_are_not_flushed_to_zero() -> None:
    g = geometry((2, 12, 12, 8), (3, 3, 8, 16))
    x, w, ct = (np.full(shape, 1e-21, np.float32) for shape in (g.x, g.w, g.out))
    for name, arrays in zip(NAMES, [(x, w), (ct, w), (x, ct)], strict=True):
        found = getattr(onednn, name)(*arrays, g)
        assert 0 < found.min() <= found.max() < np.finfo(np.float32).tiny


@needs_onednn
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_derivatives_with_and_without(name: str, layout: str) -> None:
    """Arrays that are not contiguous among them."""
    x = RANDOM.standard_normal((4, 12, 12, 8) if layout == "NHWC" else (4, 8, 12, 12)).astype(np.float32)
    w = RANDOM.standard_normal((3, 3, 8, 8) if layout == "NHWC" else (8, 8, 3, 3)).astype(np.float32)

    def loss(x: Any, w: Any) -> Any:
        return (getattr(F, name)(x, w, stride=2, padding=1, layout=layout) ** 2).sum()

    def slopes() -> Any:
        return [np.asarray(a) for a in fg.grad(loss, argnums=(0, 1))(x, w)]

    found = slopes()
    with config.onednn(False):
        expected = slopes()
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b)


@needs_onednn
def test_geometries_that_are_not_its_own(any_size) -> None:
    empty = onednn.Geometry((0, 5, 5, 2), (3, 3, 2, 4), (0, 3, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    cropped = onednn.Geometry((2, 5, 5, 2), (3, 3, 2, 4), (2, 2, 3, 4), (1, 1), ((-1, 0), (0, 0)), (1, 1), 1)
    four = geometry((2, 4, 4, 4, 4, 2), (2, 2, 2, 2, 2, 3))
    for g in (empty, cropped, four):
        assert [onednn.prepared(name, g) for name in NAMES] == [None] * 3
    x, w = operands("conv", four)
    assert_close(
        kernels.conv(np, x, w, stride=(1,) * 4, padding=((0, 0),) * 4, dilation=(1,) * 4, groups=1),
        ours("conv", four, x, w),
    )


# --- products ---


def lying(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Random numbers that lie in memory in one of the ways that views do."""
    *leading, rows, columns = shape
    if kind == "transposed":
        return lying("plain", (*leading, columns, rows)).swapaxes(-1, -2)
    if kind == "part":
        return lying("plain", (*leading, rows, columns + 3))[..., 1 : columns + 1]
    if kind == "every second":
        return lying("plain", (*leading, rows, 2 * columns))[..., ::2]
    if kind == "backwards":
        return lying("plain", shape)[..., ::-1, :]
    if kind == "repeated":
        return np.broadcast_to(lying("plain", (*leading, 1, columns)), shape)
    if kind == "stack repeated":
        return np.broadcast_to(lying("plain", (rows, columns)), shape)
    if kind == "overlapping":
        line = RANDOM.standard_normal((*leading, rows + columns - 1), np.float32)
        return np.lib.stride_tricks.sliding_window_view(line, columns, axis=-1)
    return RANDOM.standard_normal(shape, np.float32)


KINDS = ["plain", "transposed", "part", "every second", "backwards", "repeated", "stack repeated", "overlapping"]


@needs_onednn
@pytest.mark.parametrize("leading", [((), ()), ((3,), (3,)), ((2, 3), (1, 3)), ((3,), (2, 1)), ((4,), ())], ids=str)
@pytest.mark.parametrize("kind_y", KINDS)
@pytest.mark.parametrize("kind_x", KINDS)
def test_products_of_matrices_however_they_lie(kind_x: str, kind_y: str, leading: Any, any_size) -> None:
    for rows, inner, columns in [(20, 7, 33), (1, 16, 5), (16, 1, 1)]:
        x, y = lying(kind_x, (*leading[0], rows, inner)), lying(kind_y, (*leading[1], inner, columns))
        assert_close(products.matmul(np, x, y), np.matmul(x.astype("d"), y.astype("d")))


@needs_onednn
@pytest.mark.parametrize(("x", "y"), [((100, 9216), (9216, 128)), ((784, 128), (128, 512)), ((8, 64, 32), (8, 32, 64))])
def test_large_products_are_not_by_reference_either(x: Any, y: Any) -> None:
    found = library.library()
    for a in (lying("plain", x), lying("transposed", x)):
        for b in (lying("plain", y), lying("transposed", y)):
            out = (*x[:-1], y[-1])
            ready = onednn_products._prepare(found, 2, a.shape, a.strides, b.shape, b.strides, out)
            assert ready is not None
            assert not [used for used in ready.implementations if "ref" in used]


@needs_onednn
@pytest.mark.parametrize("axes", [12, 13])
def test_products_with_more_axes_than_it_knows(axes: int, any_size) -> None:
    x, y = (lying("plain", (*(1,) * (axes - 4), 2, 2, 16, 16)) for _ in range(2))
    assert_close(products.matmul(np, x, y), np.matmul(x.astype("d"), y.astype("d")))


@needs_onednn
@pytest.mark.parametrize("shape", [(20, 50, 40), (3, 20, 50, 40)], ids=str)
def test_bias_and_relu_at_the_end_of_products(shape: Any) -> None:
    *leading, rows, inner, columns = shape
    x, y = lying("plain", (*leading, rows, inner)), lying("transposed", (inner, columns))
    bias, plain = RANDOM.standard_normal(columns, np.float32), x.astype("d") @ y
    for options, expected in [
        ({"bias": bias}, plain + bias),
        ({"relu": True}, np.maximum(plain, 0)),
        ({"bias": bias, "relu": True}, np.maximum(plain + bias, 0)),
    ]:
        out = np.empty(plain.shape, np.float32)
        assert onednn_products.matmul(x, y, out, **options)
        assert_close(out, expected)
    vector = np.empty((*leading, 1, columns), np.float32)
    assert not onednn_products.matmul(x[..., :1, :], y, vector)  # that is NumPy's


# --- threads, forks, exits ---


def work() -> list[np.ndarray]:
    g = geometry((8, 16, 16, 8), (3, 3, 8, 16))
    generator = np.random.default_rng(1)
    x, w, ct = (generator.standard_normal(shape, np.float32) for shape in (g.x, g.w, g.out))
    results = [onednn.conv(x, w, g), onednn.conv_data(ct, w, g), onednn.conv_weights(x, ct, g)]
    return [*results, products.matmul(np, x.reshape(128, -1), x.reshape(128, -1).T)]


@needs_onednn
def test_callers_in_several_threads_get_the_same_numbers() -> None:
    expected = work()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: work(), range(40)):
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)


@needs_onednn
def test_an_evicted_primitive_works_while_it_is_held() -> None:
    g = geometry((2, 12, 12, 8), (3, 3, 8, 16))
    x, w = operands("conv", g)
    ready = onednn.prepared("conv", g)
    onednn._prepare.cache_clear()
    assert_close(ready.into(g.out, x, w), ours("conv", g, x, w))
    assert onednn.prepared("conv", g) is not ready


@needs_onednn
def test_the_number_of_threads_is_config_threads(monkeypatch) -> None:
    found = library.library()
    before = found.omp.omp_get_max_threads()
    seen = []
    run = primitive.Prepared._run
    monkeypatch.setattr(
        primitive.Prepared,
        "_run",
        lambda self, *a: seen.append(found.omp.omp_get_max_threads()) or run(self, *a),
    )
    with config.threads(3):
        three = work()
        assert threads.parts(9, 10**9) == [slice(0, 3), slice(3, 6), slice(6, 9)]
    with config.threads(1):
        one = work()
        assert threads.parts(9, 10**9) == [slice(0, 9)]
    default = work()
    assert seen == [3] * 4 + [1] * 4 + [before] * 4
    assert found.omp.omp_get_max_threads() == before
    for results in zip(three, one, default, strict=True):
        for result in results[1:]:
            assert_close(result, results[0])


@pytest.mark.parametrize("wrong", [0, -1, 2.0, "all"])
def test_threads_are_a_positive_number(wrong: Any) -> None:
    with pytest.raises(ValueError, match="positive"):
        config.threads(wrong)


PROGRAM = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12's, of forks beside threads
sys.path.insert(0, {tests!r})
import numpy as np
from test_onednn import library, work
expected = work()
def same():
    return all((a == b).all() for a, b in zip(work(), expected))
"""


def run_python(program: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(tests=str(Path(__file__).parent)) + program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    assert not found.stderr
    return found.stdout


@needs_onednn
@needs_fork
def test_a_forked_child_computes_and_so_does_its_parent() -> None:
    program = (
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(7 if same() else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), same())\n"
    )
    assert run_python(program) == "7 True\n"


@needs_onednn
@needs_fork
def test_a_pool_of_forked_children_computes() -> None:
    program = (
        "import multiprocessing as m\n"
        "with m.get_context('fork').Pool(2) as pool:\n"
        "    print(set(pool.starmap_async(same, [()] * 6).get(60)))\n"
    )
    assert run_python(program) == "{True}\n"


@needs_onednn
@needs_fork
def test_a_fork_beside_threads_that_compute() -> None:
    program = (
        "import threading, time\n"
        "stop = False\n"
        "def keep_on():\n"
        "    while not stop:\n"
        "        work()\n"
        "others = [threading.Thread(target=keep_on) for _ in range(2)]\n"
        "for other in others:\n"
        "    other.start()\n"
        "codes = []\n"
        "for _ in range(5):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        os._exit(7 if same() else 1)\n"
        "    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "stop = True\n"
        "for other in others:\n"
        "    other.join()\n"
        "print(set(codes), same())\n"
    )
    assert run_python(program) == "{7} True\n"


@needs_onednn
@pytest.mark.parametrize("policy", ["active", "passive"])
def test_the_process_ends_cleanly_whatever_openmp_waits_like(policy: str) -> None:
    assert run_python("print(same())", OMP_WAIT_POLICY=policy) == "True\n"


@needs_onednn
@pytest.mark.parametrize(
    "limits",
    [
        {"OMP_THREAD_LIMIT": "1"},
        {"OMP_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "5"},
        {"OMP_DYNAMIC": "true", "OMP_NUM_THREADS": "8"},
    ],
)
def test_openmps_own_limits_hold(limits: dict[str, str]) -> None:
    program = "print(same(), 'GOMP_SPINCOUNT' in os.environ)"
    assert run_python(program, **limits) == "True False\n"


# --- where it is not there ---


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = (
        "import funcgrad, sys, funcgrad.functional as F, numpy as np\n"
        "F.conv2d(np.ones((1, 5, 5, 2), 'f'), np.ones((3, 3, 2, 2), 'f'))\n"
        "print('cffi' in sys.modules, 'dnnl' in open('/proc/self/maps').read() if sys.platform == 'linux' else False)"
    )
    found = run_alone(code)
    assert found.stdout == "False False\n", found.stderr


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (
            "metadata.distribution = lambda name: (_ for _ in ()).throw(metadata.PackageNotFoundError(name))",
            "not installed",
        ),
        ("sys.modules['cffi'] = None", "not installed"),
        ("library._FILE = 'libdnnl.so.99'", "no file libdnnl.so.99"),
        ("library._FILE = 'METADATA'", "cannot be loaded"),
    ],
)
@needs_onednn
def test_without_it_nothing_changes(break_it: str, reason: str) -> None:
    code = (
        "import sys, numpy as np, importlib.metadata as metadata\n"
        "import funcgrad.functional as F\n"
        "from funcgrad.kernels.onednn import library\n"
        f"{break_it}\n"
        "x, w = np.ones((4, 20, 20, 8), 'f'), np.ones((3, 3, 8, 16), 'f')\n"
        "print(float(F.conv2d(x, w).sum()))\n"
        "print(library.library(), library.why_not())\n"
    )
    found = run_alone(code)
    assert found.returncode == 0, found.stderr
    total, why = found.stdout.splitlines()
    assert total == f"{4 * 18 * 18 * 16 * 72.0}"
    assert why.startswith("None ")
    assert reason in why
