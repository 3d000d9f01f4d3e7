"""Devices: the API, every operation on a GPU where there is one, and on a second device of the array API standard.

`array_api_strict` has no functions but the standard's, and a device `device1` whose arrays do not turn into NumPy's:
an operation that passes there copies nothing to the host in silence and uses nothing that only NumPy has.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from samples import ALL, Sample

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core import PRIMITIVES, Array
from funcgrad.device import namespace

strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
PORTABLE = [s for s in ALL if s.portable]
UFUNC_AT = {
    "gather",
    "sort",
    "cumulative_max",
    "cumulative_min",
}  # their derivatives scatter, for which the standard has no function


def gpu() -> fg.Device:
    """The first GPU; where there is none the test is skipped, with the reason."""
    try:
        found = fg.devices("cuda")
    except fg.errors.DeviceError as error:
        pytest.skip(f"no GPU: {error.message}")
    if not found:
        pytest.skip("no GPU: CuPy counts none")
    return found[0]


def run(sample: Sample, args: list[Any]) -> Any:
    return PRIMITIVES[sample.primitive](*args, **sample.params)


# ---- the API -----------------------------------------------------------------------------------


def test_the_cpu_is_always_there() -> None:
    assert fg.devices("cpu") == [fg.device("cpu")]
    assert fg.devices()[0] == fg.device("cpu")
    assert str(fg.device("cpu")) == "cpu"
    assert repr(fg.device("cpu")) == "Device('cpu')"
    assert fnp.ones(3).device == fg.device("cpu")
    fg.synchronize("cpu")


def test_default_device_is_read_set_and_scoped() -> None:
    cpu = fg.device("cpu")
    assert fg.default_device() == cpu
    with fg.default_device("cpu") as current:
        assert current == cpu
    fg.default_device("cpu")
    assert fg.default_device() == cpu


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "tpu:0", "", "cpux"])
def test_unknown_devices_are_named(name: str) -> None:
    with pytest.raises(fg.errors.DeviceError, match="unknown device"):
        fg.device(name)
    with pytest.raises(fg.errors.DeviceError, match="unknown kind"):
        fg.devices("tpu")


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(fg.errors.DeviceError, match=r"no device 'cpu:3': this machine has cpu"):
        fg.device("cpu:3")


def test_device_put_and_get_work_on_trees() -> None:
    tree = {"w": np.ones((2, 2)), "b": [fnp.zeros(2), 3.0]}
    put = fg.device_put(tree, "cpu")
    assert isinstance(put["w"], Array)
    assert put["w"].dtype == np.float64
    assert put["b"][1].shape == ()
    got = fg.device_get({**put, "name": "kept"})
    assert isinstance(got["w"], np.ndarray)
    assert not got["w"].flags.writeable
    assert got["name"] == "kept"
    np.testing.assert_array_equal(got["b"][0], np.zeros(2))


def test_device_put_has_a_derivative() -> None:
    assert float(fg.grad(lambda x: (fg.device_put(x, "cpu") ** 2).sum())(3.0)) == 6.0


def test_importing_funcgrad_imports_no_gpu_library() -> None:
    code = "import sys, funcgrad; print([m for m in sys.modules if m.split('.')[0] in ('cupy', 'cupyx')])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


# ---- a second device ---------------------------------------------------------------------------


def on_strict(x: Any, device: Any) -> Any:
    """A NumPy array as an Array of array_api_strict on that device."""
    return fg.asarray(strict.asarray(np.asarray(x), device=device)) if is_array(x) else x


def is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic)


def to_numpy(x: Array) -> Any:
    return np.asarray(x._data.to_device(strict.Device("CPU_DEVICE")))


@pytest.fixture(scope="module", autouse=True)
def _newest_standard() -> Any:
    with strict.ArrayAPIStrictFlags(api_version="2024.12"):
        yield


@pytest.mark.parametrize("sample", PORTABLE, ids=str)
def test_operations_run_on_a_second_device(sample: Sample) -> None:
    device = strict.Device("device1")
    args = [on_strict(a, device) for a in sample.args]
    out = run(sample, args)
    assert namespace(out._data) is strict
    assert out._data.device == device
    expected = run(sample, [fg.asarray(a) if is_array(a) else a for a in sample.args])
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(to_numpy(out), np.asarray(expected), rtol=1e-12, atol=1e-12)


def inexact(sample: Sample) -> list[int]:
    return [i for i, a in enumerate(sample.args) if is_array(a) and a.dtype.kind in "fc"]


@pytest.mark.parametrize(
    "sample",
    [s for s in PORTABLE if inexact(s) and PRIMITIVES[s.primitive].pull is not None and s.primitive not in UFUNC_AT],
    ids=str,
)
def test_derivatives_run_on_a_second_device(sample: Sample) -> None:
    device, places = strict.Device("device1"), inexact(sample)

    def pulled(convert: Any) -> list[Any]:
        args = [convert(a) for a in sample.args]

        def f(*xs: Any) -> Any:
            full = list(args)
            for i, x in zip(places, xs, strict=True):
                full[i] = x
            return run(sample, full)

        y, pull = fg.vjp(f, *[args[i] for i in places])
        return list(pull(convert(np.ones(y.shape, y.dtype))))

    found = pulled(lambda a: on_strict(a, device))
    expected = pulled(lambda a: fg.asarray(a) if is_array(a) else a)
    for g, e in zip(found, expected, strict=True):
        assert g._data.device == device
        np.testing.assert_allclose(to_numpy(g), np.asarray(e), rtol=1e-10, atol=1e-10)


def test_mixing_devices_names_both_arrays_and_the_line() -> None:
    x = fg.asarray(strict.ones(3, device=strict.Device("device1")))
    y = fg.asarray(strict.ones((2, 3)))
    with pytest.raises(fg.errors.DeviceError) as caught:
        x + y
    text = str(caught.value)
    for part in ("float64[3]", "float64[2,3]", "device1", "CPU_DEVICE", "to_device", __file__, "x + y"):
        assert part in text


def test_indexing_by_arrays_and_masks_stays_on_the_device() -> None:
    device = strict.Device("device1")
    x = fg.asarray(strict.asarray([-1.0, 2.0, 3.0], device=device))
    index = fg.asarray(strict.asarray([2, 0], device=device))
    for found, expected in ((x[x > 0], [2.0, 3.0]), (x[index], [3.0, -1.0])):
        assert found._data.device == device
        assert to_numpy(found).tolist() == expected


def test_no_silent_copy_to_the_host() -> None:
    x = fg.asarray(strict.ones(3, device=strict.Device("device1")))
    with pytest.raises(fg.errors.DeviceError, match="device_get"):
        np.asarray(x)


# ---- a GPU -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [s for s in ALL if s.primitive != "device_put"], ids=str)
def test_operations_on_a_gpu_equal_those_on_the_cpu(sample: Sample) -> None:
    where = gpu()
    args = [fg.device_put(a, where) if is_array(a) else a for a in sample.args]
    expected = run(sample, [fg.asarray(a) if is_array(a) else a for a in sample.args])
    with fg.default_device(where):  # where random numbers go
        out = run(sample, args)
    assert out.device == (fg.device("cpu") if sample.primitive in ("random_split", "random_fold_in") else where)  # keys
    assert out.dtype == expected.dtype
    found, wanted = fg.device_get(out), np.asarray(expected)
    if sample.primitive in ("svd", "eigh"):  # whose vectors have any sign, or phase
        found, wanted = np.abs(found), np.abs(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_a_training_step_stays_on_the_gpu() -> None:
    where = gpu()
    with fg.default_device(where):
        w, x = fnp.ones((3, 2)), fnp.ones((5, 3))
        g = fg.grad(lambda w: fnp.mean(fnp.tanh(x @ w) ** 2))(w)
    assert g.device == where


def test_mixing_cpu_and_gpu_is_an_error() -> None:
    x = fg.device_put(np.ones(3), gpu())
    with pytest.raises(fg.errors.DeviceError, match="two devices"):
        x + fnp.ones(3)
