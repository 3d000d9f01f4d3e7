"""Every public function through every transform: value, derivatives of both modes, batching, programs, and JAX.

The uses stand in `tests/functions`, by family. Each test here runs over all of them: those of values at once, and of
the others the first use of each function, the rest as slow tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import coverage_table
import pytest
import uses
from functions import ALL, ELSEWHERE, NAMESPACES, Use

from funcgrad import config

_FIRST = {id(use) for use in {use.name: use for use in reversed(ALL)}.values()}


def over(uses_of_it: list[Use]) -> Any:
    """A test of uses: the first one of each function with every run of the suite."""
    return pytest.mark.parametrize(
        "use", [pytest.param(u, marks=() if id(u) in _FIRST else pytest.mark.slow) for u in uses_of_it], ids=str
    )


every_use = pytest.mark.parametrize("use", ALL, ids=str)


@pytest.fixture(autouse=True)
def _in_double() -> Iterator[None]:
    """So that numbers that no array decides are NumPy's float64."""
    with config.default_dtype("float64"):
        yield


def test_every_public_function_has_a_use() -> None:
    used = {use.name for use in ALL}
    offered = {name for module in NAMESPACES for name in uses.names(module)}
    assert not (missing := sorted(offered - used - set(ELSEWHERE))), f"without a use in tests/functions: {missing}"
    assert not (unknown := sorted(set(ELSEWHERE) - offered)), f"no public functions: {unknown}"


def test_holes_have_reasons() -> None:
    def has_hole(use: Use) -> bool:
        return not (use.vmap and use.jit) or (not use.order and bool(uses.Call(use).differentiated))

    silent = [str(use) for use in ALL if has_hole(use) and not use.why]
    assert not silent


@every_use
def test_value(use: Use) -> None:
    uses.value(use)


@over(ALL)
def test_value_under_derivatives(use: Use) -> None:
    uses.traced(use)


@over([u for u in ALL if u.order and uses.Call(u).differentiated])
def test_derivatives(use: Use) -> None:
    uses.derivatives(use, use.order)


@over([u for u in ALL if u.vmap])
def test_vmap_is_the_loop(use: Use) -> None:
    uses.batched(use)


@over([u for u in ALL if u.jit])
def test_programs_compute_the_same(use: Use) -> None:
    uses.compiled(use)


@over([u for u in ALL if u.jax and not u.name.startswith("functional.")])
def test_jax_agrees(use: Use) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    with jax.enable_x64(True):
        uses.like_jax(use)


def test_the_table_in_the_docs_is_that_of_the_uses() -> None:
    """`python tests/coverage_table.py --save` writes it anew."""
    assert coverage_table.TABLE.read_text() == coverage_table.text()
