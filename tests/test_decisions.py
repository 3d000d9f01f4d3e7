"""Which uses of a number only decide or show: those warn of no lost derivative."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest

import funcgrad as fg
from funcgrad.errors import LostDerivativeWarning


def compared(x: Any) -> Any:
    return x * 2 if float(x) > 1 else x


def far(x: Any) -> Any:
    steps = 0
    while abs(float(x) - 1.0) > 0.5 and steps < 3:
        x, steps = x / 2, steps + 1
    return x


def rounded(x: Any) -> Any:
    return abs(x) * round(float(x)) * int(math.exp(x))


def printed(x: Any) -> Any:
    print(x.item(), f"{float(x):.2f}", "%.2f" % float(x), "{}".format(float(x)))  # noqa: UP031, UP032
    return x


def asserted(x: Any) -> Any:
    assert math.isfinite(float(x)), float(x)
    return x if math.floor(float(x)) != 7 else -x


def indexed(x: Any) -> Any:
    return x * {2.5: 3.0}[float(x)]


def thrown_away(x: Any) -> Any:
    float(x)
    return x


def largest(x: Any) -> Any:
    return x if max(float(x), 1.0) > 2.0 else -x


QUIET = [compared, far, rounded, printed, asserted, indexed, thrown_away, largest]


def multiplied(x: Any) -> Any:
    return x * float(x)


def kept(x: Any) -> Any:
    y = float(x)
    return x * y


def through_math(x: Any) -> Any:
    return x * math.exp(x)


def in_a_list(x: Any) -> Any:
    return x * sum([float(x), 1.0])


def chosen(x: Any) -> Any:
    return x * (float(x) if x > 1 else 1.0)


def given_on(x: Any) -> Any:
    return math.hypot(float(x), 1.0) * x


def several_lines(x: Any) -> Any:
    return x * float(
        x,
    )


@pytest.mark.parametrize("f", QUIET, ids=lambda f: f.__name__)
def test_what_only_decides_or_shows_is_quiet(f: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fg.grad(f)(2.5)
        fg.jvp(f, (2.5,), (1.0,))


@pytest.mark.parametrize(
    "f", [multiplied, kept, through_math, in_a_list, chosen, given_on, several_lines], ids=lambda f: f.__name__
)
def test_what_becomes_a_part_of_the_result_warns(f: Any) -> None:
    for _ in range(2):
        with pytest.warns(LostDerivativeWarning):
            fg.grad(f)(2.5)


def test_where_there_is_no_source_it_warns() -> None:
    names: dict[str, Any] = {}
    exec(compile("def f(x):\n    return x if float(x) > 1 else -x", "<nowhere>", "exec"), names)
    with pytest.warns(LostDerivativeWarning):
        fg.grad(names["f"])(2.5)
