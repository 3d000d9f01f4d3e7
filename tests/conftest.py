"""For the whole suite: every graph that is made into a program is typed, and `jit` records from the first call on."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator

import pytest

from funcgrad import clear_caches, config
from funcgrad.graph.check import check
from funcgrad.graph.ir import Graph


def checked(one: Callable[[Graph], Graph]) -> Callable[[Graph], Graph]:
    """The pass, held to account for what it is given and for what it returns."""

    @functools.wraps(one)
    def run(graph: Graph) -> Graph:
        check(graph)
        found = one(graph)
        check(found)
        return found

    return run


@pytest.fixture(autouse=True)
def recorded_from_the_first_call() -> Iterator[None]:
    """So that two calls of a jitted function make a program; `test_jit_first_calls.py` has what users have."""
    with config.jit_warmup(0):
        yield


@pytest.fixture(autouse=True, scope="module")
def programs_end_with_their_module() -> Iterator[None]:
    """So that a process that runs the whole suite does not hold all programs of it."""
    yield
    clear_caches()


@pytest.fixture(autouse=True, scope="session")
def graphs_are_typed() -> Iterator[None]:
    simplify = importlib.import_module("funcgrad.graph.passes.simplify")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simplify, "PASSES", tuple(map(checked, simplify.PASSES)))
        yield
