"""For the whole suite: every graph that is made into a program is typed, before the passes and after each of them."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator

import pytest

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


@pytest.fixture(autouse=True, scope="session")
def graphs_are_typed() -> Iterator[None]:
    simplify = importlib.import_module("funcgrad.graph.passes.simplify")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simplify, "PASSES", tuple(map(checked, simplify.PASSES)))
        yield
