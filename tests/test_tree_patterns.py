"""Leaves by their paths."""

import re
from collections import namedtuple
from typing import Any

import pytest

from funcgrad import tree
from funcgrad.errors import TreeError

Pair = namedtuple("Pair", "left right")
PARAMS = {
    "blocks": [{"conv1": {"weight": 0, "bias": 1}}, {"conv10": {"weight": 2, "bias": 3}}],
    "bias": 4,
    "head": Pair(5, (6, 7)),
    "a/b.c": 8,
    "none": None,
}


def chosen(pattern: Any) -> set[int]:
    return {x for x, flag in zip(tree.leaves(PARAMS), tree.leaves(tree.select(PARAMS, pattern)), strict=True) if flag}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", set(range(9))),
        ("*/bias", {1, 3, 4}),
        ("bias", {4}),
        ("blocks/*/bias", {1, 3}),
        ("blocks/0/*", {0, 1}),
        ("blocks/0", {0, 1}),
        ("blocks", {0, 1, 2, 3}),
        ("*/conv1", {0, 1}),
        ("*/conv?", {0, 1}),
        ("*/conv1*", {0, 1, 2, 3}),
        ("blocks/[!0]/*", {2, 3}),
        ("blocks/[01]/*weight", {0, 2}),
        ("head/left", {5}),
        ("head/right/1", {7}),
        ("a/b.c", {8}),
        ("a", {8}),
        ("Bias", set()),
        ("ias", set()),
        ("none", set()),
        (re.compile("weight$"), {0, 2}),
        (re.compile(r"conv\d/"), {0, 1}),
        (["bias", re.compile("left"), "nothing"], {4, 5}),
        (("*/weight",), {0, 2}),
    ],
    ids=str,
)
def test_patterns(pattern: Any, expected: set[int]) -> None:
    assert chosen(pattern) == expected


def test_select_is_a_mask_for_partition() -> None:
    chosen, rest = tree.partition(PARAMS, tree.select(PARAMS, "*/bias"))
    assert tree.leaves(chosen) == [4, 1, 3]
    assert tree.combine(chosen, rest) == PARAMS
    assert tree.select(PARAMS, "head", is_leaf=lambda x: isinstance(x, Pair))["head"] is True
    assert tree.select(3, "*") is True
    assert tree.select({}, "*") == {}


def test_what_is_no_pattern() -> None:
    for wrong in (3, None, [], ["a", 1], Pair("a", "b")):
        with pytest.raises(TreeError, match="takes a glob"):
            tree.select(PARAMS, wrong)  # type: ignore[arg-type]


def test_paths() -> None:
    structure = tree.structure(PARAMS)
    assert tree.paths(structure) == [path for path, _ in tree.flatten_with_path(PARAMS)[0]]
    assert tree.path_strings(structure)[:3] == ("a/b.c", "bias", "blocks/0/conv1/bias")
