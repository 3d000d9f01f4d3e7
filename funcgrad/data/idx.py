"""Reading and writing the IDX format, in which the MNIST digits are published.

An IDX file is a header and then the elements in row-major order, all numbers big-endian:

    bytes 0-1   zero
    byte  2     element type: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte  3     number of dimensions
    4 bytes     the size of each dimension, as an unsigned integer
    ...         the elements

Source of the format: http://yann.lecun.com/exdb/mnist/, "The IDX file format".
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..atomic import atomic_write
from ..errors import DataError, DtypeError, ShapeError

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
TYPE_CODES = {dtype.newbyteorder("="): code for code, dtype in ELEMENT_TYPES.items()}

GZIP_MAGIC = b"\x1f\x8b"
# Deflate's densest code stands for 258 bytes in 2 bits: a gzip file holds at most this many times its size.
MAX_GZIP_RATIO = 1032
# The most that NumPy has supported in every version; the header's one byte could ask for 255.
MAX_DIMENSIONS = 32
MAX_SIZE = 2**32 - 1
CHUNK_BYTES = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read an array from an IDX file, plain or gzipped (told apart by content, not by name).

    Every size in the header is checked against the bytes present before memory is set aside for it, so a
    damaged header cannot exhaust memory. Zero bytes after a gzip stream are padding, which is ignored.

    Args:
        path: the file to read.

    Returns:
        A read-only array of the shape in the header; its dtype is uint8, int8, int16, int32, float32 or
        float64, in the machine's byte order.

    Raises:
        DataError: the file is truncated, corrupt, followed by other bytes, not IDX, or of impossible sizes.
        OSError: the file cannot be opened or read.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_idx(f"{folder}/labels.gz", np.array([5, 0, 4], dtype=np.uint8))
        ...     read_idx(f"{folder}/labels.gz")
        array([5, 0, 4], dtype=uint8)

    Source: http://yann.lecun.com/exdb/mnist/
    """
    path = Path(path)
    with open(path, "rb") as file:
        most_bytes = os.fstat(file.fileno()).st_size
        if file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=file) as stream:
                return _read_stream(stream, path, most_bytes * MAX_GZIP_RATIO)
        return _read_stream(file, path, most_bytes)


def write_idx(path: str | os.PathLike[str], array: npt.ArrayLike) -> None:
    """Write an array as an IDX file, gzipped if the name ends in `.gz`.

    The write is atomic: a save that fails leaves the file that was there whole. The bytes depend on the array
    alone (for a gzipped file also on the zlib version), not on the time or the file's name.

    Args:
        path: the file to create or replace.
        array: at least 1-d; uint8, int8, int16, int32, float32 or float64, in any byte order and layout.

    Raises:
        DtypeError: IDX has no code for the array's dtype.
        ShapeError: the array is 0-d, has over 32 dimensions, or has a dimension of 2**32 or more.
        OSError: the file cannot be written.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_idx(f"{folder}/pairs", np.array([[1, 2], [3, 4]], dtype=np.int16))
        ...     Path(f"{folder}/pairs").read_bytes().hex(" ", 4)
        '00000b02 00000002 00000002 00010002 00030004'

    Source: http://yann.lecun.com/exdb/mnist/
    """
    path = Path(path)
    elements = np.asarray(array)
    header = _encode_header(elements)
    big_endian = np.ascontiguousarray(elements, dtype=elements.dtype.newbyteorder(">"))
    with atomic_write(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream:
                stream.write(header)
                stream.write(big_endian.tobytes())
        else:
            file.write(header)
            file.write(big_endian.tobytes())


def _encode_header(elements: npt.NDArray[Any]) -> bytes:
    code = TYPE_CODES.get(elements.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(dtype.name for dtype in TYPE_CODES)
        raise DtypeError(f"an IDX file holds {known}; got an array of dtype {elements.dtype}")
    if not 1 <= elements.ndim <= MAX_DIMENSIONS:
        raise ShapeError(f"an IDX file holds 1 to {MAX_DIMENSIONS} dimensions; got an array of {elements.ndim}")
    if max(elements.shape) > MAX_SIZE:
        raise ShapeError(f"an IDX file's sizes are at most {MAX_SIZE}; got an array of shape {elements.shape}")
    return struct.pack(f">BBBB{elements.ndim}I", 0, 0, code, elements.ndim, *elements.shape)


def _read_stream(stream: BinaryIO | gzip.GzipFile, path: Path, most_bytes: int) -> npt.NDArray[Any]:
    try:
        dtype, shape = _read_header(stream, path)
        _check_sizes(path, dtype, shape, most_bytes)
        content = _read_exactly(stream, math.prod(shape) * dtype.itemsize, path, f"elements of shape {shape}")
        # Reading on to the end is also what makes gzip compare its checksum.
        if stream.read(1):
            raise DataError(f"{path}: expected nothing after the elements of shape {shape}, found more bytes")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: expected one whole gzip stream and nothing after it, found: {error}") from error
    array = np.frombuffer(content, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


def _read_header(stream: BinaryIO | gzip.GzipFile, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = _read_exactly(stream, 4, path, "magic number")
    zeros, code, ndim = magic[:2], magic[2], magic[3]
    if zeros != b"\0\0" or code not in ELEMENT_TYPES or not 1 <= ndim <= MAX_DIMENSIONS:
        codes = ", ".join(f"{known:02x}" for known in ELEMENT_TYPES)
        raise DataError(
            f"{path}: expected an IDX magic number (00 00, a type out of {codes}, "
            f"1 to {MAX_DIMENSIONS} dimensions), found {magic.hex(' ')}"
        )
    sizes = _read_exactly(stream, 4 * ndim, path, f"sizes of {ndim} dimensions")
    return ELEMENT_TYPES[code], struct.unpack(f">{ndim}I", sizes)


def _check_sizes(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], most_bytes: int) -> None:
    # A size of zero must not hide the others: NumPy cannot make shape (0, 2**32 - 1, 2**32 - 1) either.
    addressed = math.prod(max(size, 1) for size in shape) * dtype.itemsize
    if addressed > np.iinfo(np.intp).max:
        raise DataError(f"{path}: expected sizes that fit in memory, found shape {shape}")
    needed = 4 + 4 * len(shape) + math.prod(shape) * dtype.itemsize
    if needed > most_bytes:
        raise DataError(
            f"{path}: expected {needed} bytes for shape {shape} of {dtype.name}, "
            f"found a file that holds at most {most_bytes}"
        )


def _read_exactly(stream: BinaryIO | gzip.GzipFile, count: int, path: Path, what: str) -> bytearray:
    # Chunks, so that the memory in use grows with the bytes found and not with the bytes promised.
    content = bytearray()
    while len(content) < count:
        chunk = stream.read(min(CHUNK_BYTES, count - len(content)))
        if not chunk:
            raise DataError(f"{path}: expected {count} bytes ({what}), found only {len(content)}")
        content += chunk
    return content
