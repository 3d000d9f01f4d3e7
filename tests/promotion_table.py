"""The table of promotions in docs/conventions.md, made by adding arrays: `python tests/promotion_table.py --save`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from funcgrad import numpy as fnp

PAGE = Path(__file__).parents[1] / "docs" / "conventions.md"
BEGIN, END = "<!-- promotions, made by tests/promotion_table.py -->", "<!-- the end of promotions -->"
SHORT = {
    "bool": "b1",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "bfloat16": "bf16",
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
    "complex64": "c64",
    "complex128": "c128",
}
WEAK: dict[str, Any] = {"int": 1, "float": 1.0, "complex": 1j}


def text() -> str:
    """The table: array beside array, then array beside a Python number."""
    columns = [*SHORT.values(), *(f"`{name}`" for name in WEAK)]
    rows = [f"| | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 1)}"]
    for name, short in SHORT.items():
        x = fnp.ones(1, name)
        met = [x + fnp.ones(1, other) for other in SHORT] + [x + number for number in WEAK.values()]
        rows.append(f"| **{short}** | {' | '.join(SHORT[y.dtype.name] for y in met)} |")
    return "\n".join(rows)


def saved() -> str:
    """The table as it stands in the page."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip()


if __name__ == "__main__" and "--save" in sys.argv:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text()}\n\n{END}{rest.partition(END)[2]}")
