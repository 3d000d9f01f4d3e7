"""Weights in files: safetensors and torch.save, held against their libraries where installed."""

from __future__ import annotations

import json
import pickle
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import io
from funcgrad.errors import DataError, DtypeError

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
DTYPES += ["float16", "float32", "float64", "complex64"]


def some(dtype: str) -> np.ndarray:
    x = 50 * np.random.default_rng(0).random((2, 3))
    return (x > 25 if dtype == "bool" else x).astype(dtype)


def most_memory(load: Callable[[], Any]) -> float:
    """What loading takes at its most, by the size of what was loaded."""
    tracemalloc.start()
    found = load()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / sum(x.nbytes for x in fg.tree.leaves(found))


# ---- safetensors -------------------------------------------------------------------------------


def test_safetensors_keeps_every_dtype_and_shape(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    given = {dtype: some(dtype) for dtype in DTYPES}
    given |= {"": np.float64(3.0), "none": np.zeros((0, 4), np.float32), "turned": some("float32").T, "ü": some("int8")}
    io.save_safetensors(path, given, {"epoch": "3"})
    found = io.load_safetensors(path)
    assert set(found) == set(given)
    for name, x in given.items():
        assert (found[name].shape, found[name].dtype) == (x.shape, x.dtype)
        np.testing.assert_array_equal(np.asarray(found[name]), x)
    assert io.safetensors_metadata(path) == {"epoch": "3"}


def test_safetensors_are_the_librarys(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    given = {dtype: some(dtype) for dtype in DTYPES if dtype != "complex64"}
    io.save_safetensors(tmp_path / "ours", given)
    for name, x in library.load_file(tmp_path / "ours").items():
        np.testing.assert_array_equal(x, given[name])
        assert x.dtype == given[name].dtype
    library.save_file(given, tmp_path / "theirs", {"a": "b"})
    for name, x in io.load_safetensors(tmp_path / "theirs").items():
        np.testing.assert_array_equal(np.asarray(x), given[name])
    assert io.safetensors_metadata(tmp_path / "theirs") == {"a": "b"}


def test_safetensors_are_in_memory_once(tmp_path: Path) -> None:
    io.save_safetensors(tmp_path / "x", {str(i): np.ones(250_000) for i in range(4)})
    assert most_memory(lambda: io.load_safetensors(tmp_path / "x")) < 1.1


def test_safetensors_bfloat16(tmp_path: Path) -> None:
    pytest.importorskip("ml_dtypes")
    x = fnp.asarray([1.0, -2.5, 1e30]).astype("bfloat16")
    io.save_safetensors(tmp_path / "x", {"x": x})
    found = io.load_safetensors(tmp_path / "x")["x"]
    assert found.dtype == x.dtype
    assert found.tolist() == x.tolist()


def test_bfloat16_without_its_dtype_is_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bits = np.asarray([0x3F80, 0xC020, 0x7F80], np.uint16)
    header = json.dumps({"x": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + bits.tobytes())
    monkeypatch.setattr("funcgrad.io.dtypes.BFLOAT16", None)
    found = io.load_safetensors(tmp_path / "x")["x"]
    assert found.dtype == "float32"
    assert found.tolist() == [1.0, -2.5, np.inf]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    io.save_safetensors(path, {"x": fnp.ones(2)})
    before = path.read_bytes()
    with pytest.raises(DtypeError, match="no complex128"):
        io.save_safetensors(path, {"x": fnp.ones(2), "y": np.ones(2, complex)})
    with pytest.raises(DtypeError, match="must be a string"):
        io.save_safetensors(path, {1: fnp.ones(2)})  # type: ignore[dict-item]
    with pytest.raises(DtypeError, match="metadata holds strings"):
        io.save_safetensors(path, {}, {"x": 1})  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def entry(**changes: Any) -> dict[str, Any]:
    return {"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"\xff\xff", "no JSON"),
        (b"[1]", "a dict of arrays"),
        (b"[" * 5000, "no JSON"),
        ({"x": 1}, "must have a dtype"),
        (entry(dtype="F8_E4M3"), "has the dtype 'F8_E4M3'"),
        (entry(shape=[-2]), "has the shape"),
        (entry(shape=[3]), "cannot be at"),
        (entry(data_offsets=[0, 80], shape=[20]), "cannot be at"),
        (entry(data_offsets=[8, 0]), "cannot be at"),
        (entry(shape=[1], data_offsets=[4, 8]), "leave holes"),
        (entry() | {"y": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, "leave holes"),
    ],
    ids=str,
)
def test_a_damaged_safetensors_file_is_refused(tmp_path: Path, header: Any, message: str) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(DataError, match=message):
        io.load_safetensors(tmp_path / "x")


def test_every_truncation_of_a_safetensors_file_is_refused(tmp_path: Path) -> None:
    io.save_safetensors(tmp_path / "x", {"a": fnp.ones(3), "b": fnp.arange(2)})
    whole = (tmp_path / "x").read_bytes()
    for n in range(len(whole)):
        (tmp_path / "x").write_bytes(whole[:n])
        with pytest.raises(DataError):
            io.load_safetensors(tmp_path / "x")


# ---- torch.save --------------------------------------------------------------------------------


def test_a_checkpoint_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.LSTM(3, 2))
    optimiser = torch.optim.Adam(module.parameters())
    module[0](torch.ones(1, 2, 4, 4)).sum().backward()
    optimiser.step()
    shared = torch.arange(12.0).reshape(3, 4)
    saved = {
        "model": module.state_dict(),
        "optimiser": optimiser.state_dict(),
        "parameter": module[0].weight,
        "views": [shared, shared.T, shared[1:, ::2], shared[0, 0], shared[:0], shared[:1].expand(3, 4)],
        "others": (1, 2.5, None, "text", True, {3, 4}, 1 + 2j, torch.Size([2, 3]), slice(1, 2)),
    }
    torch.save(saved, tmp_path / "x.pt")
    found = io.load_torch(tmp_path / "x.pt")
    assert type(found["model"]) is OrderedDict
    assert found["others"] == (1, 2.5, None, "text", True, {3, 4}, 1 + 2j, (2, 3), slice(1, 2))
    ours = fg.tree.leaves({k: v for k, v in found.items() if k != "others"})
    theirs = fg.tree.leaves({k: v for k, v in saved.items() if k != "others"})
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(b, torch.Tensor):
            assert (a.shape, str(a.dtype)) == (tuple(b.shape), str(b.dtype).removeprefix("torch."))
            np.testing.assert_array_equal(np.asarray(a), b.detach().numpy())
        else:
            assert a == b


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16", "complex128"])
def test_every_dtype_of_torch(tmp_path: Path, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
        x = torch.tensor([1.0, -2.5, 1e30], dtype=torch.bfloat16)
        torch.save(x, tmp_path / "x.pt")
        found = io.load_torch(tmp_path / "x.pt")
        assert str(found.dtype) == "bfloat16"
        assert found.tolist() == x.tolist()
        return
    if dtype in ("uint16", "uint32", "uint64"):
        torch.save(torch.tensor(some(dtype)), tmp_path / "x.pt")
        with pytest.raises(DataError, match=r"_rebuild_tensor_v3"):  # refused by name
            io.load_torch(tmp_path / "x.pt")
        return
    torch.save(torch.tensor(some(dtype)), tmp_path / "x.pt")
    found = io.load_torch(tmp_path / "x.pt")
    assert found.dtype == dtype
    np.testing.assert_array_equal(np.asarray(found), some(dtype))


def test_tensors_are_in_memory_once(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({str(i): torch.ones(250, 1000) for i in range(4)}, tmp_path / "x.pt")
    assert most_memory(lambda: io.load_torch(tmp_path / "x.pt")) < 1.1
    torch.save([torch.ones(1_000_000)[i : i + 1000] for i in range(4)], tmp_path / "x.pt")
    tracemalloc.start()
    found = io.load_torch(tmp_path / "x.pt")
    assert tracemalloc.get_traced_memory()[0] < 200_000  # parts of large tensors do not keep these alive
    tracemalloc.stop()
    assert [x.shape for x in found] == [(1000,)] * 4


def archive(path: Path, content: bytes, **files: bytes) -> Path:
    """A file as torch.save makes it, with this pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/data.pkl", content)
        for name, data in files.items():
            file.writestr(f"x/data/{name.removeprefix('_')}", data)
    return path


class Call:
    """What pickles as a call of a function."""

    def __init__(self, function: Any, *args: Any):
        self.reduced = function, args

    def __reduce__(self) -> Any:
        return self.reduced


def opened(path: str) -> None:
    raise AssertionError("the file's code was run")


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (Call(eval, "1/0"), "builtins.eval"),
        (Call(opened, "x"), "opened"),
        (Call(getattr, dict, "fromkeys"), "builtins.getattr"),
        (Call(__import__, "os"), "builtins.__import__"),
        ({"weights": [Call(print, "x")]}, "builtins.print"),
    ],
    ids=["eval", "function", "getattr", "import", "nested"],
)
def test_code_in_a_pickle_is_refused_by_name(tmp_path: Path, harm: Any, name: str) -> None:
    for protocol in (2, 4):
        with pytest.raises(DataError, match=rf"{name}.*only tensors and containers"):
            io.load_torch(archive(tmp_path / "x.pt", pickle.dumps(harm, protocol)))


def test_a_whole_model_is_refused_by_name(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(2, 3), tmp_path / "x.pt")
    with pytest.raises(DataError, match=r"torch\.nn\.modules\.linear\.Linear.*model\.state_dict\(\)"):
        io.load_torch(tmp_path / "x.pt")


def number(n: int) -> bytes:
    return b"J" + n.to_bytes(4, "little", signed=True)


def tensor_file(path: Path, offset: int, size: tuple[int, ...], stride: tuple[int, ...], count: int = 4) -> Path:
    """One tensor, pickled by hand."""
    pid = (
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + number(count) + b"tQ"
    )
    size_and_stride = b"".join(b"(" + b"".join(map(number, numbers)) + b"t" for numbers in (size, stride))
    content = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + pid + number(offset) + size_and_stride + b"\x89NtR."
    return archive(path, content, _0=np.arange(4, dtype=np.float32).tobytes())


def test_a_tensor_by_hand(tmp_path: Path) -> None:
    assert io.load_torch(tensor_file(tmp_path / "x", 1, (2,), (2,))).tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("offset", "size", "stride", "count"),
    [
        (0, (5,), (1,), 4),
        (3, (2,), (1,), 4),
        (0, (2, 3), (2, 1), 4),
        (0, (2,), (-1,), 4),
        (-1, (1,), (1,), 4),
        (0, (4,), (1,), 5),
    ],
    ids=str,
)
def test_a_tensor_beyond_its_storage_is_refused(
    tmp_path: Path, offset: int, size: Any, stride: Any, count: int
) -> None:
    with pytest.raises(DataError, match=r"reaches beyond|were saved"):
        io.load_torch(tensor_file(tmp_path / "x", offset, size, stride, count))


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "x"
    torch.save({"x": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match=r"before 1\.6"):
        io.load_torch(path)
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="not a zip"):
        io.load_torch(path)
    torch.save({"x": torch.ones(2)}, path)
    whole = path.read_bytes()
    for n in range(4, len(whole), 37):
        path.write_bytes(whole[:n])
        with pytest.raises(DataError):
            io.load_torch(path)
    with pytest.raises(FileNotFoundError):
        io.load_torch(tmp_path / "none")
