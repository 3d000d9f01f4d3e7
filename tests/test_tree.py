"""Pytrees: classes of your own, the functions of `jax.tree`, parts of trees, and trees as vectors."""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, random
from funcgrad.errors import DtypeError, ShapeError, TreeError


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


def test_fields_may_say_themselves_that_they_are_static() -> None:
    @fg.tree.register_dataclass
    @dataclass
    class Layer:
        weight: Any
        activation: Any = field(default=fnp.tanh, metadata={"static": True})

    found = fg.grad(lambda layer, x: layer.activation(layer.weight * x))(Layer(1.0), 0.0)
    assert (float(found.weight), found.activation) == (0.0, fnp.tanh)
    assert not fg.tree.same_structure(Layer(1.0), Layer(1.0, fnp.sin))


def test_a_dataclass_is_registered_as_in_jax() -> None:
    @functools.partial(fg.tree.register_dataclass, data_fields=["w"], meta_fields=["name"])
    @dataclass
    class Layer:
        w: Any
        name: str

    assert fg.tree.leaves([Layer(1, "a")]) == [1]
    assert not fg.tree.same_structure(Layer(1, "a"), Layer(1, "b"))
    with pytest.raises(TreeError, match="not static are slope, offset; data_fields has slope"):
        fg.tree.register_dataclass(Line, data_fields=["slope"])


# ---- the functions of jax.tree -------------------------------------------------------------------

Pair = namedtuple("Pair", "x y")
TREE = {"w": [1, (2, 3)], "b": Pair(4, None), "o": OrderedDict(z=5, a=6), "d": defaultdict(list, k=7), "q": deque([8])}


def test_the_functions_of_jax_do_what_jax_does() -> None:
    jax = pytest.importorskip("jax")
    plain = {"w": [1, (2, 3)], "b": Pair(4, None)}
    prefix, is_pair = {"w": [10, 20], "b": 30}, lambda x: isinstance(x, Pair)
    for tree in (fg.tree, jax.tree):  # each result stands for what JAX gives, and is what funcgrad gives
        assert tree.leaves(plain) == [4, 1, 2, 3]
        assert tree.leaves(plain, is_leaf=is_pair) == [Pair(4, None), 1, 2, 3]
        assert tree.reduce(lambda a, b: a + b, plain) == 10
        assert tree.reduce(lambda a, b: a + b, plain, 5) == 15
        assert tree.reduce(lambda a, b: a + b, plain, initializer=-10) == 0
        assert tree.reduce(lambda a, b: (*a, b), plain, (), is_leaf=is_pair) == (Pair(4, None), 1, 2, 3)
        assert tree.all({"a": True, "b": [1, 2]})
        assert not tree.all({"a": True, "b": [1, 0]})
        assert tree.all({"a": [0]}, is_leaf=lambda x: isinstance(x, list))
        assert tree.broadcast(prefix, {**plain, "b": Pair(0, (0, 0))}) == {"w": [10, (20, 20)], "b": Pair(30, (30, 30))}
        assert [x for _, x in tree.leaves_with_path(plain)] == [4, 1, 2, 3]
        outer, inner = tree.structure([0, 0]), tree.structure({"a": 0, "b": (0, 0)})
        rows = [{"a": 1, "b": (2, 3)}, {"a": 4, "b": (5, 6)}]
        assert tree.transpose(outer, inner, rows) == {"a": [1, 4], "b": ([2, 5], [3, 6])}
        assert tree.transpose(outer, None, rows) == {"a": [1, 4], "b": ([2, 5], [3, 6])}


def test_paths_are_those_of_jax() -> None:
    util = pytest.importorskip("jax").tree_util
    odd = {"a.b[0]": [1], "it's": (2, {'say "]"': 3}), 7: 4}
    for tree in ({"w": [1, (2, 3)], "b": Pair(4, 5)}, {k: odd[k] for k in ("a.b[0]", "it's")}, {7: [1]}):
        ours, theirs = fg.tree.leaves_with_path(tree), util.tree_leaves_with_path(tree)
        for simple, separator in ((False, ""), (True, "/"), (False, " ")):
            assert [fg.tree.keystr(path, simple=simple, separator=separator) for path, _ in ours] == [
                util.keystr(path, simple=simple, separator=separator) for path, _ in theirs
            ]


def test_every_container_of_the_standard_library_is_a_node() -> None:
    assert fg.tree.leaves(TREE) == [4, 7, 5, 6, 8, 1, 2, 3]
    doubled = fg.tree.map(lambda x: 2 * x, TREE)
    assert (doubled["b"], doubled["o"], doubled["q"]) == (Pair(8, None), OrderedDict(z=10, a=12), deque([16]))
    assert doubled["d"].default_factory is list
    fg.grad(lambda t: fnp.sum(fnp.stack(fg.tree.leaves(t))))(fg.tree.map(float, TREE))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, r"at \['a'\]: only the second has \[2\]"),
        ({"a": {"b": (1, 2)}}, {"a": {"b": [1, 2]}}, r"at \['a'\]\['b'\]: the first is a tuple, the second a list"),
        ({"a": [1, {"x": 2}]}, {"a": [1, {"y": 2}]}, r"at \['a'\]\[1\]: only the first has \['x'\] and only"),
        ([Line(1, (2, 3))], [Line(1, 2)], r"at \[0\].offset: the first is a tuple, the second a leaf"),
        ([Pair(1, [2])], [Pair(1, [2, 3])], r"at \[0\].y: only the second has \[1\]"),
        ([None, [1]], [0, [1]], r"at \[0\]: the first is None, the second a leaf"),
        ([Named(1.0, "a")], [Named(1.0, "b")], "the first is .*'a'.*, the second .*'b'"),
    ],
)
def test_a_mismatch_names_the_first_path_that_differs(a: Any, b: Any, words: str) -> None:
    with pytest.raises(TreeError, match=words):
        fg.tree.map(lambda x, y: x, a, b)


def test_what_is_no_prefix_and_what_does_not_transpose() -> None:
    with pytest.raises(TreeError, match=r"at \['w'\]: only the second has \[1\]"):
        fg.tree.broadcast({"w": [1]}, {"w": [1, 2]})
    outer = fg.tree.structure({"a": 0, "b": 0})
    with pytest.raises(TreeError, match=r"at the top: only the first has \['b'\]"):
        fg.tree.transpose(outer, None, {"a": [1]})
    with pytest.raises(TreeError, match="an inner tree is not"):
        fg.tree.transpose(outer, None, {"a": [1, 2], "b": [1]})


# ---- classes and functions as trees --------------------------------------------------------------


def test_a_partial_is_a_tree_of_its_arguments() -> None:
    f = fg.tree.Partial(lambda a, x, *, b: a * x + b, fnp.asarray(2.0), b=fnp.asarray(1.0))
    assert float(f(3.0)) == 7.0
    assert len(fg.tree.leaves(f)) == 2
    assert float(fg.grad(lambda f: f(3.0) ** 2)(f).keywords["b"]) == 14.0
    rows = fg.vmap(lambda f, x: f(x))(fg.tree.map(lambda x: fnp.stack([x, 2 * x]), f), fnp.asarray([1.0, 1.0]))
    assert rows.tolist() == [3.0, 6.0]


def test_a_partial_of_a_partial_keeps_the_inner_one_whole() -> None:
    inner = functools.partial(lambda a, b, c: (a, b, c), "static")
    f = fg.tree.Partial(inner, 1.0)
    assert fg.tree.leaves(f) == [1.0]
    assert f(2.0) == ("static", 1.0, 2.0)
    assert fg.tree.same_structure(f, fg.tree.Partial(inner, 2.0))


def test_classes_with_keys_name_their_children() -> None:
    class Mixed:
        def __init__(self, *values: Any):
            self.values = values

    fg.tree.register_pytree_with_keys(
        Mixed, lambda x: (zip((".a", "b", 3), x.values, strict=True), "mixed"), lambda static, values: Mixed(*values)
    )
    assert fg.tree.leaves_with_path([Mixed(1, (2,), 4)]) == [("[0].a", 1), ("[0]['b'][0]", 2), ("[0][3]", 4)]
    assert fg.tree.map(lambda x: -x, Mixed(1, (2,), 4)).values == (-1, (-2,), -4)
    fg.tree.register_pytree_with_keys(Empty, lambda x: ((), None), lambda static, values: Empty())
    assert fg.tree.leaves([Empty(), 1]) == [1]


class Empty:
    pass


def test_a_class_may_flatten_itself_with_keys() -> None:
    @fg.tree.register_pytree_with_keys_class
    class Own:
        def __init__(self, w: Any):
            self.w = w

        def tree_flatten_with_keys(self) -> Any:
            return [(".w", self.w)], None

        @classmethod
        def tree_unflatten(cls, static: None, children: Any) -> Any:
            return cls(*children)

    assert fg.tree.leaves_with_path(Own((1, 2))) == [(".w[0]", 1), (".w[1]", 2)]
    assert fg.tree.map(lambda x: -x, Own(1)).w == -1


def test_a_static_value_belongs_to_the_structure() -> None:
    @fg.tree.register_static
    @dataclass(frozen=True)
    class Mode:
        name: str

    def f(x: Any, mode: Mode) -> Any:
        return x**2 if mode.name == "square" else x

    assert fg.vmap(f, in_axes=(0, None))(fnp.asarray([2.0, 3.0]), Mode("square")).tolist() == [4.0, 9.0]
    assert fg.tree.same_structure([Mode("a")], [Mode("a")])
    assert not fg.tree.same_structure([Mode("a")], [Mode("b")])
    fg.tree.register_pytree_node(Pairless, lambda x: ((x.value,), None), lambda _, values: Pairless(*values))
    assert fg.tree.leaves(Pairless(3)) == [3]


@dataclass
class Pairless:
    value: Any


# ---- parts of trees ------------------------------------------------------------------------------

MODEL = {"body": [fnp.ones(2), "relu"], "head": (fnp.ones(3), 5, None)}


def test_what_a_rule_chooses_and_the_rest_make_the_whole() -> None:
    params, rest = fg.tree.partition(MODEL, lambda x: isinstance(x, fg.Array))
    assert rest == {"body": [None, "relu"], "head": (None, 5, None)}
    assert [x.shape for x in fg.tree.leaves(params)] == [(2,), (3,)]
    whole = fg.tree.combine(params, rest)
    assert fg.tree.structure(whole) == fg.tree.structure(MODEL)
    assert whole["body"][1] == "relu"
    slopes = fg.grad(lambda p: fg.tree.combine(p, rest)["head"][0].sum() * 5)(params)
    assert slopes["head"][0].tolist() == [5.0] * 3
    assert slopes["body"][1] is None


def test_a_rule_may_be_a_prefix() -> None:
    chosen = fg.tree.filter(MODEL, {"body": False, "head": (True, lambda x: x > 5, True)})
    assert (chosen["body"], chosen["head"][0].shape, chosen["head"][1]) == ([None, None], (3,), None)
    rest = fg.tree.filter([1, 2, 3], [True, False, lambda x: x == 3], inverse=True, replace=0)
    assert rest == [0, 2, 0]
    assert fg.tree.filter([(1, 2), 3], lambda x: isinstance(x, tuple), is_leaf=lambda x: type(x) is tuple) == [
        (1, 2),
        None,
    ]
    with pytest.raises(TreeError, match="booleans and functions of a leaf, not 1"):
        fg.tree.filter([1, 2], [1, True])
    with pytest.raises(TreeError, match="only the second has"):
        fg.tree.filter([1, 2], [True])


def test_other_values_in_some_places() -> None:
    tree = {"layers": [Line(1, 2), Line(3, None)], "scale": 5}
    at = fg.tree.at
    assert at(lambda t: t["layers"][0].slope, tree, 10)["layers"][0] == Line(10, 2)
    assert at(lambda t: t["layers"][0], tree, replace_fn=lambda line: line.slope + line.offset)["layers"][0] == 3
    assert at(lambda t: t["layers"], tree, ()) == {"layers": (), "scale": 5}
    assert at(lambda t: [t["scale"], t["layers"][1].slope], tree, (6, 7))["layers"][1] == Line(7, None)
    assert at(lambda t: (t["scale"],), tree, replace_fn=lambda x: -x)["scale"] == -5
    found = at(lambda t: t["layers"][1].offset, tree, 9, is_leaf=lambda x: x is None)
    assert found["layers"] == [Line(1, 2), Line(3, 9)]
    assert at(lambda t: t, 3, 4) == 4
    assert tree == {"layers": [Line(1, 2), Line(3, None)], "scale": 5}
    with pytest.raises(TreeError, match="each once"):
        at(lambda t: 3, tree, 4)
    with pytest.raises(TreeError, match="each once"):
        at(lambda t: (t["scale"], t["scale"]), tree, (4, 5))
    with pytest.raises(TreeError, match="1 values for the 2 places"):
        at(lambda t: (t["scale"], t["layers"]), tree, (4,))
    with pytest.raises(TreeError, match="replace or replace_fn, one of them"):
        at(lambda t: t["scale"], tree)


# ---- one vector ----------------------------------------------------------------------------------


def test_a_tree_as_one_vector_and_back() -> None:
    tree = {"w": fnp.arange(6.0).reshape(2, 3), "b": (fnp.asarray(7.0), 8.0), "none": None}
    vector, unravel = fg.flatten_util.ravel_pytree(tree)
    assert vector.tolist() == [7, 8, 0, 1, 2, 3, 4, 5]
    back = unravel(vector)
    assert fg.tree.structure(back) == fg.tree.structure(tree)
    assert back["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert unravel(np.ones(8))["w"].dtype == np.float64  # of one dtype, so of any
    assert fg.vmap(unravel)(np.ones((4, 8)))["w"].shape == (4, 2, 3)
    fg.testing.check_grads(lambda v: fg.flatten_util.ravel_pytree(unravel(v * v))[0], (np.arange(8.0),), order=2)


def test_a_hessian_of_a_tree_as_a_matrix() -> None:
    tree = {"a": fnp.asarray([1.0, 2.0]), "b": fnp.asarray(3.0)}
    vector, unravel = fg.flatten_util.ravel_pytree(tree)
    matrix = fg.hessian(lambda v: fnp.sum(unravel(v)["a"] ** 2) * unravel(v)["b"])(vector)
    assert matrix.tolist() == [[6, 0, 2], [0, 6, 4], [2, 4, 0]]


def test_leaves_of_several_dtypes_keep_them() -> None:
    tree = [np.asarray([1, 2]), np.asarray([0.5], np.float32), np.asarray(1 + 2j, np.complex64)]
    vector, unravel = fg.flatten_util.ravel_pytree(tree)
    assert vector.dtype == np.complex64
    assert [x.dtype for x in unravel(vector)] == [np.int64, np.float32, np.complex64]
    assert [x.tolist() for x in unravel(vector)] == [[1, 2], [0.5], 1 + 2j]
    with pytest.raises(DtypeError, match="the vector must be complex64, not float32"):
        unravel(np.ones(4, np.float32))
    with pytest.raises(ShapeError, match=r"must be of shape \(4,\), not complex64\[3\]"):
        unravel(vector[:3])
    with pytest.raises(DtypeError, match=r"\['k'\] is a random key"):
        fg.flatten_util.ravel_pytree({"k": random.key(0), "w": 1.0})
    empty, unravel = fg.flatten_util.ravel_pytree({"a": None})
    assert (empty.shape, unravel(empty)) == ((0,), {"a": None})
