"""What the formats call the dtypes of their elements, and their bytes as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import BFLOAT16, DType
from ..errors import DataError

__all__ = ["SAFETENSORS", "TORCH", "elements"]

# "bfloat16" stands for a dtype that NumPy has not
SAFETENSORS: dict[str, str] = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
TORCH: dict[str, str] = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}


def stored(name: str) -> DType:
    """The dtype of the elements in the file; of bfloat16 that of its bits, where NumPy has no such dtype."""
    if name != "bfloat16":
        return np.dtype(name)
    return BFLOAT16 if BFLOAT16 is not None else np.dtype(np.uint16)


def elements(data: Any, name: str, where: str, swapped: bool = False) -> np.ndarray[Any, Any]:
    """The elements of a buffer; bfloat16 as float32, which holds all of its numbers, where ml_dtypes is missing.

    Args:
        data: bytes.
        name: of the dtype.
        where: what they are, for the message.
        swapped: whether they are in the other byte order than this machine's.

    Raises:
        DataError: no whole number of elements.
    """
    dtype = stored(name)
    if len(data) % dtype.itemsize:
        raise DataError(f"{where}: {len(data)} bytes are no whole number of {name} elements")
    found = np.frombuffer(data, np.uint16 if name == "bfloat16" else dtype)
    found = found.byteswap() if swapped else found
    if name != "bfloat16":
        return found
    return found.view(BFLOAT16) if BFLOAT16 is not None else (found.astype(np.uint32) << 16).view(np.float32)
