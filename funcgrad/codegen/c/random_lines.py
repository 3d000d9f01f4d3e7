"""Random numbers in C: the bits of `kernels/philox.py`, a run of elements at a time, and numbers made of them.

unsigned int bits_m[1040];
philox_uint32(p_key, from, to, bits_m);         // whole blocks of the stream: 32 bytes each
"""

from __future__ import annotations

import numpy as np

from ...graph.ir import Eqn
from .folds import typed_number

__all__ = ["fill_lines", "number_text"]


def width_of(e: Eqn) -> int:
    """How many bits of the stream an element takes."""
    if e.op.name == "random_uniform":
        return 8 * e.params["dtype"].itemsize  # type: ignore[no-any-return]
    return e.params["width"]  # type: ignore[no-any-return]


def fill_lines(e: Eqn, name: str, key: str, first: str, most: int) -> list[str]:
    """Draw the bits of the elements from number `first` on, up to `most` of them: `from_<name>` points to them."""
    width = width_of(e)
    a_block = 256 // width
    kind = "unsigned int" if width == 32 else "unsigned long long"
    return [
        f"const long first_{name} = {first};",
        f"{kind} bits_{name}[{most + 2 * a_block}];",
        f"philox_uint{width}({key}, first_{name}, first_{name} + stop_ - run_, bits_{name});",
        f"const {kind} *from_{name} = bits_{name} + first_{name} % {a_block};",
    ]


def number_text(e: Eqn, bits: str) -> str:
    """The number that the bits make."""
    width = width_of(e)
    if e.op.name == "random_bits":
        return bits
    if e.op.name == "random_below":
        threshold = e.params["threshold"]
        if threshold >= 2**width:
            return "1"
        return f"{bits} < {typed_number(threshold, np.dtype(np.uint32 if width == 32 else np.uint64))}"
    if width == 32:  # a signed number is converted by one instruction
        return f"(float)(int)({bits} >> 8) * 0x1p-24f"
    return f"(double)(long long)({bits} >> 11) * 0x1p-53"
