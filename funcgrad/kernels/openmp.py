"""How OpenMP's threads wait, said before its library is loaded by whoever is first: oneDNN or a compiled program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["short_spins"]


@contextmanager
def short_spins() -> Iterator[None]:
    """Inside, an OpenMP that is loaded takes up the habit of waiting for a moment only before a thread sleeps.

    By itself it spins for milliseconds, on cores that others wait for: with one busy neighbour on two cores, a
    convolution of 0.25 ms takes 5.5, and 0.5 with short spins. Without a neighbour both take the same time.
    """
    decided = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
    if not decided:
        os.environ["GOMP_SPINCOUNT"] = "3000"
    try:
        yield
    finally:
        if not decided:
            del os.environ["GOMP_SPINCOUNT"]
