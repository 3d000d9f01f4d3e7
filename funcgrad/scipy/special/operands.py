"""What the special functions make of their arguments: real floating arrays."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...dtypes import is_complex
from ...errors import DtypeError
from ...ops.create import promote_all, to_inexact


def real(name: str, x: Any) -> Array:
    """One argument; integers become the default float."""
    found = to_inexact(x)
    if is_complex(found.dtype):
        raise DtypeError(f"{name}: takes real numbers, not {found.aval}")
    return found


def reals(name: str, *xs: Any) -> list[Any]:
    """Several arguments in the dtype where they meet."""
    return [real(name, x) for x in promote_all(xs)]
