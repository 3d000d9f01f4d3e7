"""The help pages in `funcgrad/errors.py` tell the truth: what they say fails does, what they say works does."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F  # the name users type
import funcgrad.numpy as fnp
from funcgrad import data, errors, layers, random
from funcgrad.errors import FuncgradError

PAGES = [getattr(errors, name) for name in errors.__all__ if name != "FuncgradError"]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)


def blocks(page: type[FuncgradError], title: str) -> list[str]:
    """The code under each `Fails::` or `Works::` of a page (words may stand between the title and the colons)."""
    doc = inspect.getdoc(page) or ""
    found = re.findall(rf"^{title}\b[^\n]*::\n\n((?:    [^\n]*\n?|\n)+)", doc, re.MULTILINE)
    return [inspect.cleandoc(block) for block in found]


def names() -> dict[str, Any]:
    """What the pages take for granted: the imports that users type, and a few values."""
    model = layers.Sequential(layers.BatchNorm2d(3), layers.Dropout(0.5))
    params, state = model.init(random.key(0))
    given = {"math": math, "np": np, "fg": fg, "fnp": fnp, "F": F, "data": data, "layers": layers, "random": random}
    given |= {"model": model, "params": params, "state": state, "key": random.key(1)}
    given |= {"x": fnp.ones((2, 4, 4, 3)), "w": fnp.ones(2), "v": fnp.ones(2), "f": lambda p: fnp.sum(p["w"])}
    return given | {"logits": fnp.ones((2, 5)), "labels": fnp.asarray([1, 4])}


def on_two_devices() -> dict[str, Any]:
    """Arrays in two places on any machine: those of `array_api_strict` may stand on a pretended device."""
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    there = fg.asarray(strict.ones(3, device=strict.Device("device1")))
    return {"x_on_gpu": there, "y_on_cpu": fg.asarray(strict.ones(3))}


def given_to(page: type[FuncgradError]) -> dict[str, Any]:
    return {**names(), **(on_two_devices() if page is errors.DeviceError else {})}


@every_page
def test_every_page_shows_what_fails_and_what_works(page: type[FuncgradError]) -> None:
    assert blocks(page, "Fails")
    assert blocks(page, "Works")


@pytest.fixture(autouse=True)
def settings_of_a_page_end_with_it() -> Iterator[None]:
    with fg.config.debug_key_reuse(False):
        yield


@every_page
def test_what_fails_fails_with_that_error(page: type[FuncgradError]) -> None:
    """The last statement of each block; those before it prepare."""
    for block in blocks(page, "Fails"):
        *before, last = ast.parse(block).body
        namespace = given_to(page)
        exec(compile(ast.Module(before, []), "<page>", "exec"), namespace)
        with pytest.raises((FuncgradError, Warning)) as caught:
            exec(compile(ast.Module([last], []), "<page>", "exec"), namespace)
        assert type(caught.value) is page


@every_page
def test_what_works_works(page: type[FuncgradError]) -> None:
    for block in blocks(page, "Works"):
        exec(compile(block, "<page>", "exec"), given_to(page))


def test_the_reader_of_pages_finds_all_code() -> None:
    """Each indented line of a page is in a block that was read."""
    for page in PAGES:
        code = [line for line in (inspect.getdoc(page) or "").splitlines() if line.startswith("    ")]
        read = "\n".join(blocks(page, "Fails") + blocks(page, "Works"))
        assert [line for line in code if line.strip() not in read] == []
