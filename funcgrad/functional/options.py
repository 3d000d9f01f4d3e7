"""What settings of functions and of layers may be: probabilities, counts, numbers above 0."""

from __future__ import annotations

import operator
from typing import Any

from ..errors import OptionError

__all__: list[str] = []


def check_probability(name: str, option: str, value: Any) -> None:
    """Refuse what is no probability."""
    if not 0 <= value <= 1:
        raise OptionError(f"{name}: {option} must be between 0 and 1, not {value!r}")


def check_positive(name: str, option: str, value: Any) -> None:
    """Refuse what is not above 0."""
    if not value > 0:
        raise OptionError(f"{name}: {option} must be above 0, not {value!r}")


def check_count(name: str, option: str, value: Any) -> None:
    """Refuse what is no whole number above 0."""
    try:
        fits = operator.index(value) > 0
    except TypeError:
        fits = False
    if not fits:
        raise OptionError(f"{name}: {option} must be an int of at least 1, not {value!r}")
