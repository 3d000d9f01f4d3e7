"""Arrays to other libraries and back: values, memory that is shared or is not, and nothing of ours that changes."""

from __future__ import annotations

import array
import sys
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import LostDerivativeWarning, TracedConversionError

VALUES = [
    np.arange(6.0).reshape(2, 3),
    np.arange(6, dtype=np.int32),
    np.array([True, False]),
    np.array([1 + 2j, 3 - 1j]),
    np.array(2.5, dtype=np.float32),
    np.zeros((0, 3)),
    np.arange(12.0).reshape(3, 4)[::2, 1::2],
]
every_value = pytest.mark.parametrize("value", VALUES, ids=lambda x: f"{x.dtype}{list(x.shape)}".replace(" ", ""))


def address(x: Any) -> int:
    """Where NumPy finds the values of an array of ours."""
    return int(np.asarray(x).ctypes.data)


def same(found: Any, value: Any) -> None:
    assert np.asarray(found).dtype == value.dtype
    np.testing.assert_array_equal(np.asarray(found), value)


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def jax(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    found = pytest.importorskip("jax", reason="JAX is not installed")
    with found.enable_x64(True):
        yield found


@every_value
def test_numpy(value: Any) -> None:
    x = fg.asarray(value)
    for found in (np.asarray(x), np.from_dlpack(x), np.array(x), np.from_dlpack(x, copy=False)):
        same(found, value)
    same(fnp.from_dlpack(value), value)
    assert address(x) == np.asarray(x, copy=False).ctypes.data == np.from_dlpack(x, copy=False).ctypes.data
    for shared in (np.asarray(x), np.from_dlpack(x, copy=False)):
        assert np.shares_memory(shared, x._data) == bool(value.size)
    assert not np.asarray(x).flags.writeable
    for copied in (np.array(x), np.from_dlpack(x), np.asarray(x, copy=True)):
        copied[...] = 0
    same(x, value)


def test_what_numpy_can_write_to_is_copied_and_what_nobody_can_is_shared() -> None:
    value = np.arange(3.0)
    held, shared = fg.asarray(value), fg.asarray(value, copy=False)
    assert address(held) != value.ctypes.data == address(shared)
    value.flags.writeable = False
    assert address(fg.asarray(value)) == value.ctypes.data
    assert address(fg.asarray(value, copy=True)) != value.ctypes.data


@every_value
def test_torch(torch: Any, value: Any) -> None:
    tensor = torch.from_numpy(np.array(value))
    x = fnp.from_dlpack(tensor)
    same(x, value)
    same(fg.asarray(tensor), value)
    back = torch.from_dlpack(x)
    assert torch.equal(back, tensor)
    tensor.zero_()
    back.zero_()
    same(x, value)
    same(fnp.from_dlpack(torch.from_dlpack(x)), value)


def test_torch_shares_memory_where_that_is_asked_for(torch: Any) -> None:
    tensor = torch.arange(6.0)
    x = fnp.from_dlpack(tensor, copy=False)
    assert address(x) == tensor.data_ptr()
    assert address(fg.asarray(tensor)) != tensor.data_ptr()
    y = fg.asarray(np.arange(6.0))
    assert torch.from_dlpack(y, copy=False).data_ptr() == address(y)
    assert torch.from_dlpack(y).data_ptr() != address(y)
    same(torch.asarray(y), np.arange(6.0))
    with pytest.raises(BufferError, match="grad"):  # torch has the derivative, and would lose it
        fnp.from_dlpack(tensor.requires_grad_())


@every_value
def test_jax(jax: Any, value: Any) -> None:
    theirs = jax.numpy.asarray(value)
    for x in (fg.asarray(theirs), fnp.from_dlpack(theirs)):
        same(x, value)
        assert type(x._data) is np.ndarray
        for back in (jax.numpy.asarray(x), jax.numpy.from_dlpack(x), jax.dlpack.from_dlpack(x)):
            same(back, value)


def test_arrays_of_jax_are_shared_since_they_do_not_change_either(jax: Any) -> None:
    theirs = jax.numpy.arange(6.0)
    x = fg.asarray(theirs)
    assert address(x) == theirs.unsafe_buffer_pointer() != address(fg.asarray(theirs, copy=True))
    assert fg.grad(lambda v: v[1] * fnp.sort(v)[0] + v @ v)(theirs).tolist() == [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    step = fg.jit(lambda v: v + 1.0, donate_argnums=0)
    for _ in range(4):  # whose memory a program must not take
        step(fg.asarray(theirs))
    assert theirs.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(lambda v: fg.asarray(v).sum())(theirs)


def test_once_around(torch: Any, jax: Any) -> None:
    value = np.arange(4.0)
    x = fg.asarray(jax.dlpack.from_dlpack(torch.from_dlpack(fg.asarray(value))))
    same(x, value)
    assert fg.grad(lambda v: (v * v).sum())(x).tolist() == [0.0, 2.0, 4.0, 6.0]


def test_buffers() -> None:
    for given in (memoryview(np.arange(3.0)), array.array("d", [0.0, 1.0, 2.0])):
        x = fg.asarray(given)
        same(x, np.arange(3.0))
        given[0] = 9.0
        same(x, np.arange(3.0))
    shown = fg.asarray(np.arange(4, dtype=np.int16)).__buffer__(0)
    assert shown.readonly
    assert (shown.format, shown.shape, shown.tolist()) == ("h", (4,), [0, 1, 2, 3])
    with pytest.raises(BufferError, match="do not change in place"):
        x.__buffer__(1)
    if sys.version_info >= (3, 12):  # there Python asks for it
        assert np.frombuffer(x).ctypes.data == address(x)
        assert memoryview(x).readonly


def test_values_under_a_transform_stay(torch: Any) -> None:
    for f in (np.from_dlpack, torch.from_dlpack, lambda x: x.__buffer__(0)):
        for transform in (fg.grad, fg.vmap):
            with pytest.raises((TracedConversionError, LostDerivativeWarning)):
                transform(lambda x, f=f: f(x).sum())(fg.asarray(np.ones((2, 2))))
