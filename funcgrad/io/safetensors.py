"""The safetensors format: named arrays, and nothing else.

    8 bytes     n, the size of the header, an unsigned integer with the low byte first
    n bytes     JSON: {name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}}, and under
                "__metadata__" a dict of strings
    ...         the elements, in row-major order, the low byte first; offsets count from here

Source of the format: https://github.com/huggingface/safetensors, README.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ..atomic import atomic_write
from ..core import Array
from ..dtypes import BFLOAT16
from ..errors import DataError, DtypeError
from ..ops.create import asarray, on_host
from .dtypes import SAFETENSORS, elements, stored

__all__ = ["load_safetensors", "safetensors_metadata", "save_safetensors"]

_METADATA = "__metadata__"
_MAX_HEADER = 100_000_000  # as much as the format's own library takes
_CODES = {stored(name): code for code, name in SAFETENSORS.items() if name != "bfloat16" or BFLOAT16 is not None}


def load_safetensors(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays of a safetensors file, by name.

    Every size in the header is held against the file before memory is set aside for it. Without the extra `bfloat16`
    arrays of that dtype are given as float32, which holds all of its numbers.

    Args:
        path: the file.

    Returns:
        A dict of arrays on the default device, in the order of the file's header.

    Raises:
        DataError: the file is truncated or no safetensors file, or holds a dtype that NumPy has not (8-bit floats).

    >>> import os, tempfile
    >>> from funcgrad import io, numpy as fnp
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> io.save_safetensors(path, {"layer.weight": fnp.ones((2, 3)), "step": fnp.asarray(7)})
    >>> io.load_safetensors(path)["step"]
    Array(7, dtype=int64)
    """
    with open(path, "rb") as file:
        header, start = _header(path, file)
        size = os.fstat(file.fileno()).st_size - start
        out, spans = {}, []
        for name, entry in header.items():
            if name == _METADATA:
                continue
            dtype, shape, begin, end = _checked(path, name, entry, size)
            file.seek(start + begin)
            flat = elements(file.read(end - begin), dtype, f"{path}: {name!r}", swapped=sys.byteorder == "big")
            out[name] = asarray(flat.reshape(shape))  # not copied, since nobody can write to what was read
            spans.append((begin, end))
    if sum(end - begin for begin, end in spans) != size or any(
        a[1] != b[0] for a, b in zip(sorted(spans), sorted(spans)[1:], strict=False)
    ):
        raise DataError(f"{path}: the arrays leave holes in the file or overlap, which the format forbids")
    return out


def safetensors_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The strings that were saved beside the arrays, by name; empty where there are none.

    Args:
        path: a safetensors file.

    Raises:
        DataError: the file is damaged.

    >>> import os, tempfile
    >>> from funcgrad import io, numpy as fnp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     io.save_safetensors(path, {"weight": fnp.ones(2)}, metadata={"format": "pt"})
    ...     print(io.safetensors_metadata(path))
    {'format': 'pt'}
    """
    with open(path, "rb") as file:
        found = _header(path, file)[0].get(_METADATA, {})
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise DataError(f"{path}: {_METADATA} must be a dict of strings")
    return found


def save_safetensors(
    path: str | os.PathLike[str], tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays to a safetensors file; if anything fails, the old file stays as it was.

    Args:
        path: the file to create or replace.
        tensors: arrays by name, on any device. For a tree of parameters: `layers.to_torch_state_dict`, or names by
            `fg.tree.flatten_with_path`.
        metadata: strings by name.

    Raises:
        DtypeError: an array of a dtype that the format has not (complex128, strings), or a name that is no string.

    >>> import os, tempfile
    >>> from funcgrad import io, numpy as fnp
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> io.save_safetensors(path, {"w": fnp.ones(2)}, {"epoch": "3"})
    >>> io.safetensors_metadata(path)
    {'epoch': '3'}
    """
    header: dict[str, Any] = {_METADATA: _strings(metadata)} if metadata else {}
    # the widest dtypes first, as the format's own library does, so that every array is aligned
    arrays = [(name, on_host(asarray(x))) for name, x in tensors.items()]
    arrays.sort(key=lambda pair: (-pair[1].dtype.itemsize, str(pair[0])))
    begin = 0
    for name, x in arrays:
        if not isinstance(name, str) or name == _METADATA:
            raise DtypeError(f"save_safetensors: the name of an array must be a string, not {name!r:.60}")
        if x.dtype not in _CODES:
            raise DtypeError(f"save_safetensors: the format has no {x.dtype}, the dtype of {name!r}")
        header[name] = {"dtype": _CODES[x.dtype], "shape": list(x.shape), "data_offsets": [begin, begin + x.nbytes]}
        begin += x.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for _, x in arrays:
            ordered = np.ascontiguousarray(x)
            file.write((ordered.byteswap() if sys.byteorder == "big" else ordered).tobytes())


def _strings(metadata: Mapping[str, str]) -> dict[str, str]:
    for name, value in metadata.items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise DtypeError(f"save_safetensors: metadata holds strings, not {name!r}: {value!r:.60}")
    return dict(metadata)


def _header(path: Any, file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header, and where it ends."""
    size = int.from_bytes(file.read(8), "little")
    if size > min(_MAX_HEADER, os.fstat(file.fileno()).st_size - 8):
        raise DataError(f"{path}: no safetensors file, or a truncated one: its header would have {size:,} bytes")
    try:
        found = json.loads(file.read(size).decode())
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: no safetensors file: its header is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: the header must be a dict of arrays, not a {type(found).__name__}")
    return found, 8 + size


def _checked(path: Any, name: str, entry: Any, size: int) -> tuple[str, tuple[int, ...], int, int]:
    """dtype, shape and place of an array, if they go together."""
    try:
        code, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: {name!r} must have a dtype, a shape and two data_offsets, not {entry!r:.80}"
        ) from error
    if code not in SAFETENSORS:
        raise DataError(f"{path}: {name!r} has the dtype {code!r:.20}; there are {', '.join(SAFETENSORS)}")
    if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
        raise DataError(f"{path}: {name!r} has the shape {shape} at [{begin}, {end})")
    width = 2 if code == "BF16" else stored(SAFETENSORS[code]).itemsize
    if not begin <= end <= size or end - begin != math.prod(shape) * width:
        raise DataError(f"{path}: {name!r}, {code}{list(shape)}, cannot be at [{begin}, {end}) of {size:,} bytes")
    return SAFETENSORS[code], shape, begin, end
