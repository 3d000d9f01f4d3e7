"""Arenas for the smallest programs, which hold nonsense before a program runs and after it."""

from __future__ import annotations

from typing import Any

import pytest

from funcgrad.codegen import arena, lives, numpy_program

borrowed: list[arena.Plan] = []
"""The plans of all calls."""


def poison(patch: pytest.MonkeyPatch) -> None:
    """Let every program with a large value use an arena, whose bytes are 0xA5 before it runs and 0x5A after it."""

    def borrow(plan: arena.Plan) -> Any:
        found, views = arena.borrow(plan)
        found.memory[...] = 0xA5
        borrowed.append(plan)
        return found, views

    def give_back(found: arena.Arena) -> None:
        found.memory[...] = 0x5A
        arena.give_back(found)

    borrowed.clear()
    patch.setattr(lives, "LEAST", 0)
    patch.setitem(numpy_program._SCOPE, "borrow", borrow)
    patch.setitem(numpy_program._SCOPE, "give_back", give_back)
