"""IDX files: round trips, every kind of damage, and writes that fail half way."""

import gzip
import re
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from funcgrad.atomic import atomic_write
from funcgrad.data import read_idx, write_idx
from funcgrad.errors import DataError, DtypeError, ShapeError

IDX_CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}

idx_arrays = st.sampled_from(sorted(IDX_CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


def idx_bytes(code: int, shape: tuple[int, ...], elements: bytes) -> bytes:
    """An IDX file put together by hand, apart from the code under test."""
    return bytes([0, 0, code, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape) + elements


@settings(deadline=None, max_examples=200)
@given(array=idx_arrays, suffix=st.sampled_from(["", ".gz"]))
def test_idx_round_trip_keeps_shape_dtype_and_bits(array: np.ndarray, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"array{suffix}"
        write_idx(path, array)
        found = read_idx(path)
        content = path.read_bytes()
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    assert found.tobytes() == array.tobytes()  # bits, so that NaNs count too
    expected = idx_bytes(
        IDX_CODES[array.dtype.name], array.shape, array.astype(array.dtype.newbyteorder(">")).tobytes()
    )
    assert content.startswith(b"\x1f\x8b") == (suffix == ".gz")
    assert (gzip.decompress(content) if suffix else content) == expected


def test_idx_reads_a_file_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "array"
    path.write_bytes(bytes.fromhex("00000b02 00000001 00000003 fffe 0001 7fff"))
    found = read_idx(path)
    assert found.dtype == np.int16
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, [[-2, 1, 32767]])


def test_idx_result_is_read_only(tmp_path: Path) -> None:
    for dtype in ("uint8", "float64"):
        write_idx(tmp_path / dtype, np.ones(3, dtype))
        with pytest.raises(ValueError, match="read-only"):
            read_idx(tmp_path / dtype)[0] = 2


def test_idx_writes_any_byte_order_and_layout(tmp_path: Path) -> None:
    array = np.arange(12, dtype=">i4").reshape(3, 4).T[::2]
    write_idx(tmp_path / "array", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "array"), array)


def test_idx_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    array = np.arange(5, dtype=np.uint8)
    write_idx(tmp_path / "zipped.gz", array)
    write_idx(tmp_path / "plain", array)
    (tmp_path / "zipped.gz").rename(tmp_path / "no-suffix")
    (tmp_path / "plain").rename(tmp_path / "plain.gz")
    np.testing.assert_array_equal(read_idx(tmp_path / "no-suffix"), array)
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), array)


def test_idx_gzip_bytes_depend_on_the_array_alone(tmp_path: Path) -> None:
    array = np.arange(100, dtype=np.int16)
    write_idx(tmp_path / "one.gz", array)
    write_idx(tmp_path / "two.gz", array)
    content = (tmp_path / "one.gz").read_bytes()
    assert content == (tmp_path / "two.gz").read_bytes()
    assert content[3] == 0
    assert content[4:8] == bytes(4)


GOOD = idx_bytes(0x08, (2, 3), bytes(range(6)))
GOOD_GZ = gzip.compress(GOOD, mtime=0)
HUGE = (2**32 - 1,) * 3

CORRUPTIONS = {
    "empty": (b"", "expected 4 bytes (magic number), found only 0"),
    "no sizes": (GOOD[:6], "expected 8 bytes (sizes of 2 dimensions), found only 2"),
    "truncated": (
        GOOD[:-1],
        "expected 18 bytes for shape (2, 3) of uint8, found a file that holds at most 17",
    ),
    "trailing": (GOOD + b"\0", "expected nothing after the elements of shape (2, 3), found more bytes"),
    "wrong magic": (b"\x89PNG" + GOOD, "expected an IDX magic number"),
    "found magic": (b"\x89PNG" + GOOD, "found 89 50 4e 47"),
    "unknown type": (idx_bytes(0x0A, (1,), b"\0"), "a type out of 08, 09, 0b, 0c, 0d, 0e"),
    "no dimensions": (idx_bytes(0x08, (), b"\0"), "1 to 32 dimensions), found 00 00 08 00"),
    "33 dimensions": (idx_bytes(0x08, (1,) * 33, b"\0"), "1 to 32 dimensions), found 00 00 08 21"),
    "large": (
        idx_bytes(0x0E, (2**31, 2**16), bytes(8)),
        "expected 1125899906842636 bytes for shape (2147483648, 65536)",
    ),
    "huge": (idx_bytes(0x08, HUGE, b""), f"expected sizes that fit in memory, found shape {HUGE}"),
    "huge and empty": (
        idx_bytes(0x08, (0, *HUGE), b""),
        "expected sizes that fit in memory, found shape (0, ",
    ),
    "gz truncated": (
        GOOD_GZ[:-9],
        "expected one whole gzip stream and nothing after it, found: Compressed file ended",
    ),
    "gz header only": (GOOD_GZ[:2], "expected one whole gzip stream"),
    "gz CRC": (GOOD_GZ[:-5] + bytes([GOOD_GZ[-5] ^ 1]) + GOOD_GZ[-4:], "found: CRC check failed"),
    "gz length": (GOOD_GZ[:-1] + b"\x01", "found: Incorrect length of data produced"),
    "gz deflate": (GOOD_GZ[:10] + b"\xff" + GOOD_GZ[11:], "invalid block type"),
    "gz trailing": (GOOD_GZ + b"x", "and nothing after it, found: Not a gzipped file (b'x')"),
    "gz twice": (GOOD_GZ + GOOD_GZ, "expected nothing after the elements of shape (2, 3), found more bytes"),
    "gz of truncated": (
        gzip.compress(GOOD[:-2]),
        "expected 6 bytes (elements of shape (2, 3)), found only 4",
    ),
    "gz of trailing": (gzip.compress(GOOD + b"x"), "expected nothing after the elements"),
    "gz of large": (
        gzip.compress(idx_bytes(0x08, (2**31, 4), b"\0")),
        "for shape (2147483648, 4) of uint8, found a file",
    ),
    "gz of other": (gzip.compress(b"hello"), "found 68 65 6c 6c"),
}


@pytest.mark.parametrize(("content", "message"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_idx_damage_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "damaged-file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_idx_that_the_damaged_ones_are_made_from_is_good(tmp_path: Path) -> None:
    for content in (GOOD, GOOD_GZ, GOOD_GZ + bytes(7)):
        (tmp_path / "file").write_bytes(content)
        np.testing.assert_array_equal(read_idx(tmp_path / "file"), [[0, 1, 2], [3, 4, 5]])


@settings(deadline=None, max_examples=200)
@given(array=idx_arrays, zipped=st.booleans(), data=st.data())
def test_idx_any_truncation_is_a_data_error(array: np.ndarray, zipped: bool, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("array.gz" if zipped else "array")
        write_idx(path, array)
        content = path.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1), label="kept")])
        with pytest.raises(DataError):
            read_idx(path)


@settings(deadline=None, max_examples=300)
@given(position=st.integers(0, len(GOOD_GZ) - 1), bit=st.integers(0, 7), zipped=st.booleans())
def test_idx_any_flipped_bit_is_a_data_error_or_harmless(position: int, bit: int, zipped: bool) -> None:
    content = bytearray(GOOD_GZ if zipped else GOOD)
    content[position % len(content)] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "array"
        path.write_bytes(content)
        try:
            found = read_idx(path)
        except DataError:
            return
    if zipped:  # only fields that gzip does not check, such as its time stamp, may change unseen
        np.testing.assert_array_equal(found, [[0, 1, 2], [3, 4, 5]])
    else:  # a plain file has no checksum: another type of the same size, or another element
        assert found.shape == (2, 3)
        assert found.itemsize == 1


def test_idx_damaged_sizes_set_no_memory_aside(tmp_path: Path) -> None:
    path = tmp_path / "array.gz"
    # A header that promises 1 GB, as 2 MB of gzip could just hold, before 2 MB: read, found short, refused.
    path.write_bytes(gzip.compress(idx_bytes(0x08, (1 << 30,), bytes(1 << 21)), compresslevel=0))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="found only 2097152"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 1 << 20 < peak < 1 << 24


def test_idx_missing_file_is_the_usual_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


@pytest.mark.parametrize("dtype", ["int64", "uint16", "float16", "bool", "complex64", "U3"])
def test_idx_refuses_dtypes_without_a_code(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(DtypeError, match=f"an IDX file holds uint8.*got an array of dtype .*{np.dtype(dtype)}"):
        write_idx(tmp_path / "array", np.zeros(2, dtype))
    assert list(tmp_path.iterdir()) == []


def test_idx_refuses_shapes_that_the_header_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="1 to 32 dimensions; got an array of 0"):
        write_idx(tmp_path / "array", np.uint8(1))
    with pytest.raises(ShapeError, match="sizes are at most 4294967295"):
        write_idx(tmp_path / "array", np.broadcast_to(np.uint8(1), (2**32,)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["array", "array.gz"])
def test_failed_save_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    old, new = np.arange(3, dtype=np.uint8), np.arange(9, dtype=np.uint8)
    write_idx(tmp_path / name, old)

    def disk_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_idx(tmp_path / name, new)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_idx(tmp_path / name), old)

    monkeypatch.undo()
    write_idx(tmp_path / name, new)
    np.testing.assert_array_equal(read_idx(tmp_path / name), new)


def test_interrupted_write_never_shows_under_the_name(tmp_path: Path) -> None:
    target = tmp_path / "file"

    def interrupted() -> None:
        with atomic_write(target) as file:
            file.write(b"half")
            assert not target.exists()
            assert len(list(tmp_path.iterdir())) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
