"""Times of several pieces of work that take turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any


def in_turns(works: Mapping[str, Callable[[], Any]], rounds: int, warm: int) -> dict[str, list[float]]:
    """The milliseconds of every call of each.

    Args:
        works: by their names.
        rounds: how often each is timed.
        warm: how many calls go before, untimed.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        for _ in range(warm):
            work()
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            found[name].append(1e3 * (time.perf_counter() - start))
    return found
