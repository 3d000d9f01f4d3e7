"""Dataclasses as pytrees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim
from funcgrad.errors import DtypeError, TreeError


@fg.tree.register_dataclass
@dataclass
class Line:
    slope: Any
    offset: Any


@dataclass(frozen=True)
class Named:
    weight: Any
    name: str = "linear"
    checked: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        if isinstance(self.weight, str):
            raise ValueError("a weight is no text")


fg.tree.register_dataclass(Named, static=["name"])


def test_gradients_have_the_class_of_the_parameters() -> None:
    found = fg.grad(lambda p: fnp.sum(p.slope * 2) + p.offset)(Line(fnp.ones(2), 0.0))
    assert type(found) is Line
    assert found.slope.tolist() == [2.0, 2.0]
    assert float(found.offset) == 1.0


def test_static_fields_are_structure() -> None:
    found = fg.vmap(lambda p: Named(p.weight.sum(), p.name))(Named(fnp.ones((3, 2)), "mine"))
    assert (found.weight.tolist(), found.name, found.checked) == ([2.0, 2.0, 2.0], "mine", None)
    assert not fg.tree.same_structure(Named(1.0, "a"), Named(1.0, "b"))
    assert fg.tree.same_structure(Named(1.0), Named(2.0))


def test_trees_are_made_without_init() -> None:
    assert fg.tree.map(lambda x: "text", Named(1.0)).weight == "text"


def test_paths_name_the_fields() -> None:
    assert fg.tree.flatten_with_path({"a": Line(1, (2, 3))})[0] == [
        ("['a'].slope", 1),
        ("['a'].offset[0]", 2),
        ("['a'].offset[1]", 3),
    ]


def test_optimisers_update_dataclasses() -> None:
    params, opt = Line(fnp.ones(2), fnp.asarray(0.0)), optim.adam(0.1)
    updates, _ = opt.update(Line(fnp.ones(2), fnp.asarray(-1.0)), opt.init(params), params)
    np.testing.assert_allclose(np.asarray(optim.apply_updates(params, updates).offset), 0.1, rtol=1e-5)


def test_what_is_no_dataclass_or_no_field_is_refused() -> None:
    with pytest.raises(TreeError, match="is not a dataclass: put @dataclass below it"):
        fg.tree.register_dataclass(int)
    with pytest.raises(TreeError, match="Line has no field 'nme'; it has slope, offset"):
        fg.tree.register_dataclass(Line, static=["nme"])


def test_a_dataclass_that_nobody_registered_is_named_with_the_cure() -> None:
    @dataclass
    class Mine:
        w: Any

    with pytest.raises(DtypeError, match=r"make the class a pytree by fg.tree.register_dataclass\(Mine\)"):
        fg.grad(lambda p: p.w)(Mine(1.0))
