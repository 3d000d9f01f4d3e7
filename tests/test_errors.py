"""Every message: its words, the built-in exception it also is, and the user's line that it names."""

import inspect
import re
import sys

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad.core import PRIMITIVES
from funcgrad.errors import (
    ArrayIndexError,
    AxisError,
    DeviceError,
    DtypeError,
    FuncgradError,
    ImmutableArrayError,
    LeakedTracerError,
    NonScalarError,
    PathError,
    ShapeError,
    TracedConversionError,
    TreeError,
)
from funcgrad.rules import general


def line_of(function, mark):
    """The line of a function that ends in that comment; the first line of one without any."""
    lines, first = inspect.getsourcelines(function)
    marked = [first + i for i, line in enumerate(lines) if line.rstrip().endswith(f"# {mark}")]
    assert len(marked) <= 1
    return marked[0] if marked else function.__code__.co_firstlineno


def message(error, function):
    """What the function raises; it must be that error and end with the user's line (the one marked `# here`)."""
    with pytest.raises(error) as caught:
        function()
    assert type(caught.value) is error
    text, _, where = str(caught.value).rpartition("\n  at ")
    assert where.startswith(f"{function.__code__.co_filename}:{line_of(function, 'here')}\n"), where
    return text


def case(error, function, *words):
    """A row of the table: one line that fails, and what its message must hold."""
    return pytest.param(error, function, words)


X23, X24, V = fnp.ones((2, 3)), fnp.ones((2, 4)), fnp.asarray([1.0, 2.0, 3.0])


# ---- shapes, axes, indices, dtypes, devices ----------------------------------------------------


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(ShapeError, lambda: X23 @ X23, "matmul", "(2, 3) and (2, 3)", "first, 3, must equal", "second, 2"),
        case(ShapeError, lambda: V @ X24, "matmul", "(3,) and (2, 4)"),
        case(ShapeError, lambda: V @ 2.0, "(3,) and ()", "multiplied by `*`"),
        case(ShapeError, lambda: fnp.ones((2, 3, 4)) @ fnp.ones((3, 4, 1)), "(2, 3, 4) and (3, 4, 1)", "(2,) and (3,)"),
        case(ShapeError, lambda: X23 + X24, "add", "(2, 3) and (2, 4)", "equal or 1"),
        case(ShapeError, lambda: X23 - fnp.ones(2), "subtract", "(2, 3) and (2,)"),
        case(ShapeError, lambda: fnp.where(X23 > 0, X24, 0.0), "where", "(2, 3) and (2, 4) and ()"),
        case(ShapeError, lambda: X23.broadcast_to((2, 4)), "broadcast_to", "float32[2,3]", "(2, 4)"),
        case(ShapeError, lambda: X23.reshape(4, 2), "reshape", "float32[2,3] has 6 elements", "(4, 2)"),
        case(ShapeError, lambda: X23.reshape(4, -1), "reshape", "float32[2,3] has 6 elements", "(4, -1)"),
        case(ShapeError, lambda: X23.reshape(-1, -1), "one size may be -1", "(-1, -1)"),
        case(ShapeError, lambda: fnp.concat([X23, X24]), "concat", "(2, 3) and (2, 4)", "along axis 0"),
        case(ShapeError, lambda: fnp.concat([X23, V], axis=1), "concat", "(2, 3) and (3,)", "along axis 1"),
        case(ShapeError, lambda: fnp.stack([X23, X24]), "stack", "(2, 3) and (2, 4)"),
        case(ShapeError, lambda: fnp.squeeze(X23, axis=0), "squeeze", "axis 0", "(2, 3)", "not size 1"),
        case(ShapeError, lambda: fnp.zeros((2, -1)), "negative", "(2, -1)"),
        case(ShapeError, lambda: fnp.max(fnp.ones((0, 3)), axis=0), "no elements", "float32[0,3]", "axes (0,)"),
        case(ShapeError, lambda: V.at[:2].set(V), "x.at[...]", "(3,) and (2,)"),
        case(ShapeError, lambda: V.at[:2].set(fnp.ones((4, 2))), "x.at[...]", "(4, 2)", "indexed shape (2,)"),
        case(ShapeError, lambda: V.item(), "3 elements", "(3,)", "index one first"),
        case(ShapeError, lambda: bool(V), "(3,) is ambiguous", ".any() or .all()"),
        case(ShapeError, lambda: V if V > 0 else -V, "(3,) is ambiguous", "`if`"),
        case(
            ShapeError,
            lambda: F.conv2d(fnp.ones((2, 8, 8, 3)), fnp.ones((3, 3, 4, 5))),
            *("conv2d", "float32[2,8,8,3] (NHWC) has 3 channels", "float32[3,3,4,5] (HWIO) takes 4"),
        ),
    ],
)
def test_shapes_that_do_not_fit(error, function, words):
    text = message(error, function)
    for word in words:
        assert word in text
    assert issubclass(error, ValueError)


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(AxisError, lambda: fnp.sum(V, axis=1), "sum: axis 1 is out of range", "1 dimensions", "axes are -1 to 0"),
        case(AxisError, lambda: fnp.sum(X23, axis=(0, 0)), "sum: axes (0, 0) name one axis twice"),
        case(AxisError, lambda: fnp.sum(fnp.asarray(1.0), axis=0), "0 dimensions, which has no axes"),
        case(AxisError, lambda: fnp.concat([X23, X23], axis=2), "concat: axis 2", "-2 to 1"),
        case(AxisError, lambda: fnp.squeeze(X23, axis=-3), "squeeze: axis -3"),
        case(AxisError, lambda: X23.swapaxes(0, 2), "swapaxes: axis 2"),
        case(AxisError, lambda: X23.transpose(0), "permute_dims: (0,) does not name each of the 2 axes"),
        case(AxisError, lambda: fnp.argmax(X23, axis=5), "argmax: axis 5"),
        case(AxisError, lambda: fg.vmap(fnp.sin, in_axes=1)(V), "vmap: argument 0 is float32[3] and has no axis 1"),
        case(AxisError, lambda: fg.vmap(fnp.sin, out_axes=1)(V), "an output of 1 dimensions", "has no axis 1"),
        case(AxisError, lambda: fg.vmap(fnp.sin, out_axes=None)(V), "out_axes is None", "differs between the examples"),
        case(DtypeError, lambda: fnp.sum(V, axis="rows"), "sum: an axis must be an int, not 'rows'"),
    ],
)
def test_axes_that_are_not_there(error, function, words):
    text = message(error, function)
    for word in words:
        assert word in text
    assert issubclass(AxisError, IndexError)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: V[3], "index 3 is out of range for axis 0 of size 3"),
        (lambda: V[-4], "index -4 is out of range for axis 0 of size 3"),
        (lambda: X23[..., 3], "index 3 is out of range for axis 1 of size 3"),
        (lambda: X23[None, 1, 5], "index 5 is out of range for axis 1 of size 3"),
        (lambda: V[fnp.asarray([0, 7])], "index 7 is out of range for axis 0 of size 3"),
        (lambda: X23[:, [0, -9]], "index -9 is out of range for axis 0 of size 3"),
        (lambda: V.at[5].set(0.0), "index 5 is out of range for axis 0 of size 3"),
        (lambda: V.at[fnp.asarray([0, -5])].add(1.0), "index -5 is out of range for axis 0 of size 3"),
        (lambda: V[0, 0], "too many indices: 2 for an array of shape (3,)"),
        (lambda: X23[..., ...], "one ellipsis"),
        (lambda: V["a"], "'a' is no index: use ints, slices, None"),
        (lambda: V[1.0], "an index must hold integers or booleans, not float32[]"),
        (lambda: V[True], "a single True or False is no index"),
        (lambda: V[fnp.asarray([True])], "a mask of shape (1,) cannot index axes of the sizes (3,)"),
        (lambda: X23[:, [True, False]], "a mask of shape (2,) cannot index axes of the sizes (3,)"),
        (lambda: V.at[fnp.asarray([True])].set(0.0), "a mask of shape (1,)"),
        (lambda: fg.grad(lambda x: x[9])(V), "index 9 is out of range for axis 0 of size 3"),
        (lambda: fg.vmap(lambda x: x[9])(X23), "index 9 is out of range for axis 0 of size 3"),
        (lambda: fg.vmap(lambda x, i: x[i])(X23, fnp.asarray([0, 3])), "index 3 is out of range"),
    ],
)
def test_indices_that_are_not_there(function, words):
    assert words in message(ArrayIndexError, function)
    assert issubclass(ArrayIndexError, IndexError)


@pytest.mark.parametrize(
    ("key", "written"),
    [
        (0, "0"),
        (-1, "-1"),
        (slice(1, 3), "1:3"),
        (slice(None), ":"),
        (slice(None, None, 2), "::2"),
        (slice(2, None), "2:"),
        ((0, slice(None), 2), "0, :, 2"),
        ((Ellipsis, None), "..., None"),
        ((), "()"),
        (V > 1, "mask"),
        (np.asarray([True, False, True]), "mask"),
        (fnp.asarray([0, 2]), "index"),
        ([0, 2], "[0, 2]"),
        ((V > 1, 0), "mask, 0"),
    ],
    ids=str,
)
def test_assignment_into_an_array_prints_the_line_to_write(key, written):
    def assign():
        V[key] = 5.0  # here

    text = message(ImmutableArrayError, assign)
    assert f"instead of `x[{written}] = v` write `x = x.at[{written}].set(v)`" in text
    assert "shape (3,)" in text


def test_assignment_under_a_transform_prints_it_too():
    def assign():
        def f(x):
            x[0] += 1.0  # here
            return x.sum()

        fg.grad(f)(V)

    assert "x = x.at[0].set(v)" in message(ImmutableArrayError, assign)


def test_augmented_assignment_binds_the_name_anew():
    x = before = fnp.ones(2)
    x += 1.0
    assert x.tolist() == [2.0, 2.0]
    assert before.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: fnp.asarray("abc"), "not an array or a number: 'abc'"),
        (lambda: fnp.asarray([[1.0], [1.0, 2.0]]), "not an array"),
        (lambda: V.astype("rational"), "not a dtype: 'rational'"),
        (lambda: V.astype(object), "not object"),
        (lambda: len(fnp.asarray(1.0)), "len() of an array without dimensions"),
        (lambda: list(fnp.asarray(1.0)), "iteration over an array without dimensions"),
        (lambda: range(3)[fnp.asarray(1.0)], "used as an index, not float32[]"),
        (lambda: fnp.arange(3).at[0].divide(2), "int64[3] cannot hold quotients; use x.astype('float32')"),
        (lambda: fnp.arange(3).at[0].add(1.5), "int64[3] cannot hold values of float32[]: write x.astype('float32')"),
        (lambda: V.at[0].set(1j), "float32[3] cannot hold values of complex64[]: write x.astype('complex64')"),
        (lambda: -(V > 1), "negative: bool[3] holds truth values, which have no sign and no difference: write ~x"),
        (
            lambda: (V > 1) - (V > 2),
            "subtract: bool[3] holds truth values, which have no sign and no difference: write",
        ),
    ],
)
def test_dtypes_that_do_not_fit(function, words):
    assert words in message(DtypeError, function)
    assert issubclass(DtypeError, TypeError)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: fg.device("tpu"), "unknown device 'tpu': use 'cpu', 'cuda' or 'cuda:N'"),
        (lambda: fnp.zeros(2, device="gpu:0"), "unknown device 'gpu:0'"),
        (lambda: V.to_device("cuda:first"), "unknown device 'cuda:first'"),
        (lambda: fg.devices("tpu"), "unknown kind of device 'tpu'"),
        (lambda: fg.device("cpu:1"), "no device 'cpu:1': this machine has cpu"),
    ],
)
def test_devices_that_do_not_exist(function, words):
    assert words in message(DeviceError, function)


@pytest.mark.parametrize(
    "function", [lambda: fg.device("cuda"), lambda: fnp.ones(2, device="cuda:0"), lambda: V.to_device("cuda")]
)
def test_a_gpu_without_cupy_says_what_to_install(function, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # as where it is not installed
    text = message(DeviceError, function)
    assert "needs CuPy" in text
    assert "pip install 'funcgrad[cuda12]' or 'funcgrad[cuda13]'" in text


# ---- what grad asks of functions and arguments -------------------------------------------------


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(NonScalarError, lambda: fg.grad(lambda x: x * 2)(V), "returns float32[3]", "sum()", "jacrev"),
        case(NonScalarError, lambda: fg.value_and_grad(lambda x: x[:1])(V), "float32[1]", "sum()", "jacrev"),
        case(NonScalarError, lambda: fg.grad(lambda x: (x, x))(1.0), "returns a tuple", "has_aux=True"),
        case(NonScalarError, lambda: fg.grad(lambda x: {"loss": x})(1.0), "returns a dict", "has_aux=True"),
        case(NonScalarError, lambda: fg.grad(lambda x: None)(1.0), "returns None", "`return`"),
        case(NonScalarError, lambda: fg.grad(lambda x: "loss")(1.0), "a number, not str"),
        case(DtypeError, lambda: fg.grad(lambda x: (x > 0).sum())(V), "real floating value", "int64[]"),
        case(DtypeError, lambda: fg.grad(lambda x: x * 1j)(1.0), "real floating value", "complex64[]"),
        case(DtypeError, lambda: fg.jacrev(lambda x: x > 0)(V), "jacrev: an output is bool[3]", "has_aux"),
        case(DtypeError, lambda: fg.jacfwd(lambda x: x > 0)(V), "jacfwd: an output is bool[3]", "has_aux"),
        case(TreeError, lambda: fg.grad(lambda x: x, has_aux=True)(1.0), "has_aux=True", "(output, auxiliary data)"),
        case(TreeError, lambda: fg.jvp(lambda x: (x,), (1.0,), (1.0,), has_aux=True), "has_aux=True", "not a tuple"),
        case(TreeError, lambda: fg.vjp(lambda x: [x, x], 1.0, has_aux=True), "has_aux=True", "not a list"),
    ],
)
def test_outputs_that_have_no_gradient(error, function, words):
    text = message(error, function)
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(DtypeError, lambda: fg.grad(lambda x: x * x)(3), "argument 0 is int64[]", "3.0 instead of 3", "argnums"),
        case(
            DtypeError,
            lambda: fg.grad(lambda y, p: y, argnums=1)(1.0, {"w": [1.0], "n": [2.0, 3]}),
            *("argument 1['n'][1] is int64[]", "x.astype('float32')", "leave it out of argnums"),
        ),
        case(DtypeError, lambda: fg.grad(lambda *, k: k, argnames="k")(k=3), "argument 'k' is int64[]"),
        case(DtypeError, lambda: fg.jacfwd(fnp.sin)(fnp.arange(3)), "jacfwd with respect to integers", "int64[3]"),
        case(DtypeError, lambda: fg.hessian(fnp.sin)(3), "hessian with respect to integers"),
        case(DtypeError, lambda: fg.grad(lambda p: p["w"])({"w": 1.0, "f": "relu"}), "no array", "'relu'", "closure"),
        case(DtypeError, lambda: fg.jvp(fnp.sin, (3,), (1.0,)), "primal int64[]", "3.0 instead of 3", "None for its"),
        case(TreeError, lambda: fg.grad(fnp.sin, argnums=2)(1.0), "argnums 2 is out of range", "1 positional argument"),
        case(TreeError, lambda: fg.grad(fnp.sin, argnums=-2)(1.0), "argnums -2 is out of range"),
        case(TreeError, lambda: fg.jacrev(fnp.sin, argnums=1)(1.0), "jacrev: argnums 1 is out of range"),
        case(TreeError, lambda: fg.grad(lambda a, b: a, argnames="c")(1.0, 2.0), "no argument named 'c'", "(a, b)"),
        case(TreeError, lambda: fg.grad(lambda a, b=1.0: a, argnames="b")(1.0), "no argument named 'b' was passed"),
        case(TreeError, lambda: fg.grad(lambda a: a, (0, 0))(1.0), "argument 0 is named twice"),
        case(TreeError, lambda: fg.grad(lambda a: a, 0, argnames="a")(1.0), "argument 0 is named twice"),
        case(
            DtypeError, lambda: fg.grad(lambda a: a, "a")(1.0), "argnums must be an int or a sequence of ints, not 'a'"
        ),
        case(DtypeError, lambda: fg.grad(lambda a: a, True)(1.0), "argnums must be an int", "not True"),
    ],
)
def test_arguments_that_have_no_gradient(error, function, words):
    text = message(error, function)
    for word in words:
        assert word in text


# ---- pytrees that do not fit -------------------------------------------------------------------

NESTED, OTHER = {"a": [1.0, {"w": 2.0}], "b": 3.0}, {"a": [1.0, {"v": 2.0}], "b": 3.0}
PATH = "only the first has ['w'] and only the second has ['v']"


@pytest.mark.parametrize(
    ("error", "function", "words"),
    [
        case(TreeError, lambda: fg.tree.map(max, NESTED, OTHER), "tree.map", "at ['a'][1]", PATH),
        case(
            TreeError, lambda: fg.tree.map(max, [1, 2], (1, 2)), "at the top: the first is a list, the second a tuple"
        ),
        case(TreeError, lambda: fg.tree.map(max, [1], [1], [1, 2]), "number 3", "only the second has [1]"),
        case(TreeError, lambda: fg.jvp(lambda p: p["b"], (NESTED,), (OTHER,)), "jvp", "at [0]['a'][1]", PATH),
        case(TreeError, lambda: fg.vjp(lambda: NESTED)[1](OTHER), "the output (the first)", "at ['a'][1]", PATH),
        case(TreeError, lambda: fg.vmap(len, ({"w": 0},))({"v": V}), "in_axes", "at [0]", PATH),
        case(TreeError, lambda: fg.vmap(len, (0, 0))(V), "in_axes has 2 entries for 1 positional argument"),
        case(TreeError, lambda: fg.vmap(len, "0")(V), "in_axes must hold ints and None, not '0'"),
        case(TreeError, lambda: fg.vmap(lambda x: {"v": x}, 0, {"w": 0})(V), "out_axes", "at the top", PATH),
        case(
            ShapeError, lambda: fg.jvp(fnp.sin, (V,), (X23,)), "the primal float32[3] must have its shape, not (2, 3)"
        ),
        case(ShapeError, lambda: fg.vjp(fnp.sin, V)[1](1.0), "the output float32[3] must have its shape, not ()"),
    ],
)
def test_trees_that_do_not_fit_each_other(error, function, words):
    text = message(error, function)
    for word in words:
        assert word in text


def test_sizes_of_a_batch_are_all_named():
    text = message(ShapeError, lambda: fg.vmap(lambda p, x, y: x)({"w": X23, "b": V}, X24, y=fnp.ones(7)))
    assert "vmap: the mapped axes must have one size" in text
    for part in (
        "argument 0['b'] float32[3] has 3 along axis 0",
        "argument 0['w'] float32[2,3] has 2 along axis 0",
        "argument 1 float32[2,4] has 2 along axis 0",
        "keyword argument 'y' float32[7] has 7 along axis 0",
    ):
        assert part in text


# ---- tracers where they do not belong ----------------------------------------------------------


def leaked_from_grad():
    kept = []
    fg.grad(lambda x: kept.append(x * 2.0) or x.sum())(V)  # called
    return kept[0]


def leaked_from_jvp():
    kept = []
    fg.jvp(lambda x: kept.append(x * 2.0) or x, (V,), (V,))  # called
    return kept[0]


def leaked_from_vmap():
    kept = []
    fg.vmap(lambda x: kept.append(x * 2.0) or x)(V)  # called
    return kept[0]


LEAKS = {"grad": leaked_from_grad, "jvp": leaked_from_jvp, "vmap": leaked_from_vmap}
USES = {
    "alone": lambda x: x + 1.0,
    "on the right": lambda x: V + x,
    "as its only operand": lambda x: fnp.exp(x),
    "in a method": lambda x: x.astype("float64"),
    "beside another array in a list": lambda x: fnp.stack([x, x]),
    "as a NumPy array": lambda x: np.asarray(x),
    "in a NumPy function": lambda x: np.sin(x),
    "inside of grad": lambda x: fg.grad(lambda y: (y * x).sum())(1.0),
    "inside of jvp": lambda x: fg.jvp(lambda y: y * x, (1.0,), (1.0,)),
    "inside of vmap": lambda x: fg.vmap(lambda y: y * x)(V),
    "inside of grad, as a NumPy array": lambda x: fg.grad(lambda y: y * np.asarray(x).sum())(1.0),
    "inside of two": lambda x: fg.vmap(fg.grad(lambda y: (y * x).sum()))(V),
    "as an argument": lambda x: fg.grad(lambda y: (y * 2.0).sum())(x),
}


@pytest.mark.parametrize("name", LEAKS)
@pytest.mark.parametrize("use", USES)
def test_a_leaked_value_names_its_transform_and_both_lines(name, use):
    leaked = LEAKS[name]()
    with pytest.raises(LeakedTracerError) as caught:
        USES[use](leaked)
    text = str(caught.value)
    assert f"belongs to a {name} that has ended" in text
    assert "must leave it as its result" in text
    called, _, used = text.partition("and the value is used")
    assert f"the {name} was called at {__file__}:{line_of(LEAKS[name], 'called')}\n" in called
    assert f"at {__file__}:{USES[use].__code__.co_firstlineno}\n" in used


@pytest.mark.parametrize("name", LEAKS)
def test_a_value_leaked_while_an_outer_transform_goes_on(name):
    def leak_inside(z):
        kept = []
        {
            "grad": lambda: fg.grad(lambda x: kept.append(x) or (x * z).sum())(V),
            "jvp": lambda: fg.jvp(lambda x: kept.append(x) or x * z, (V,), (V,)),
            "vmap": lambda: fg.vmap(lambda x: kept.append(x) or x * z)(V),
        }[name]()
        return (kept[0] * z).sum()

    for outer in (
        lambda f: fg.grad(f)(2.0),
        lambda f: fg.jvp(f, (2.0,), (1.0,)),
        lambda f: fg.vmap(f)(V),
        lambda f: fg.hessian(f)(2.0),
    ):
        with pytest.raises(LeakedTracerError, match=f"belongs to a {name} that has ended"):
            outer(leak_inside)
        assert (V * 1.0).tolist() == [1.0, 2.0, 3.0]


def test_the_value_of_a_leaked_tracer_can_still_be_read_for_debugging():
    assert leaked_from_grad().tolist() == [2.0, 4.0, 6.0]
    assert str(leaked_from_jvp()) == "[2. 4. 6.]"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: fg.grad(np.real_if_close)(2.0), ("under grad (float32[])", "derivative", "stop_gradient")),
        (lambda: fg.jvp(np.real_if_close, (V,), (V,)), ("under jvp (float32[3])", "derivative", "stop_gradient")),
        (
            lambda: fg.vmap(lambda x: np.asarray(x))(X23),
            ("under vmap (float32[3])", "from its batch", "funcgrad.numpy"),
        ),
    ],
)
def test_a_value_under_a_transform_does_not_become_a_numpy_array(function, words):
    text = message(TracedConversionError, function)
    for word in words:
        assert word in text
    assert ("stop_gradient" in text) == ("vmap" not in text)  # which would not help with a batch


def test_more_paths_than_allowed():
    def decide():
        def f(x):
            if x > 1.5:  # here
                return x
            return -x

        fg.vmap(f, max_paths=1)(V)

    text = message(PathError, decide)
    assert "the examples take more than max_paths=1 paths; 1 groups still wait" in text
    assert "keep examples together by where, or by cond and while_loop" in text


# ---- errors in rules and in implementations ----------------------------------------------------


@pytest.fixture
def declare():
    """Declares primitives for one test."""
    before = set(PRIMITIVES)
    yield general
    for name in set(PRIMITIVES) - before:
        del PRIMITIVES[name]


def test_an_error_in_a_backward_rule_notes_the_forward_line(declare):
    def wrong_rule(g, x):
        raise KeyError("no derivative here")

    odd = declare("odd(x)", impl=lambda xp, x: x + 0, infer=lambda x: x, x=wrong_rule)

    def differentiate():
        def f(x):
            y = x * 2.0
            z = odd(y)  # forward
            return z.sum()

        fg.grad(f)(V)

    with pytest.raises(KeyError, match="no derivative here") as caught:
        differentiate()
    (note,) = caught.value.__notes__
    assert f"in the backward pass of odd at {__file__}:{line_of(differentiate, 'forward')}\n" in note
    assert "z = odd(y)" in note


def test_a_wrong_shape_in_a_backward_rule_notes_the_forward_line(declare):
    odd = declare("odd(x)", impl=lambda xp, x: x + 0, infer=lambda x: x, x=lambda g: g + fnp.ones(7))

    def differentiate():
        y, pull = fg.vjp(lambda x: odd(x), V)  # forward
        pull(y)

    with pytest.raises(ShapeError, match=re.escape("add: the shapes (3,) and (7,)")) as caught:
        differentiate()
    assert f"{__file__}:{line_of(differentiate, 'forward')}\n" in caught.value.__notes__[0]


@pytest.mark.parametrize("outer", [lambda f: f, fg.grad, fg.vmap, lambda f: fg.grad(lambda x: fg.vmap(f)(x).sum())])
def test_an_error_of_the_backend_notes_the_operation_and_the_line(outer, declare):
    def fails(xp, x):
        raise MemoryError("out of memory")

    odd = declare("odd(x)", impl=fails, infer=lambda x: x, x=lambda g: g)

    def call():
        outer(lambda x: odd(x).sum())(fnp.ones((2, 3)))  # here

    with pytest.raises(MemoryError, match="out of memory") as caught:
        call()
    (note,) = caught.value.__notes__
    assert note.startswith(("in odd(float32[2,3])\n", "in odd(float32[3])\n"))  # the batch, or one example
    assert f"at {__file__}:{line_of(call, 'here')}\n" in note
    assert caught.value.__cause__ is not caught.value


def test_a_diagnosed_error_keeps_what_the_backend_said_as_its_cause():
    with pytest.raises(ShapeError) as caught:
        X23 + X24
    assert type(caught.value.__cause__) is ValueError


def test_every_error_is_also_the_one_numpy_raises():
    for error, builtin in {
        ShapeError: ValueError,
        DtypeError: TypeError,
        AxisError: IndexError,
        ArrayIndexError: IndexError,
        ImmutableArrayError: TypeError,
        TreeError: ValueError,
    }.items():
        assert issubclass(error, builtin)
        assert issubclass(error, FuncgradError)


def test_the_line_is_the_users_inside_of_helpers_and_nested_transforms():
    def user():
        def layer(x):
            return x @ fnp.ones((4, 2))  # here

        def loss(x):
            return fg.vmap(layer)(x).sum()

        fg.hessian(lambda x: fg.jvp(loss, (x,), (x,))[1])(X23)

    text = message(ShapeError, user)
    assert "(3,) and (4, 2)" in text


def test_the_failing_expression_is_underlined():
    with pytest.raises(ShapeError) as caught:
        _ = V * (V + X24) * 2.0
    *_, source, marks = str(caught.value).split("\n")
    assert source.strip() == "_ = V * (V + X24) * 2.0"
    start = marks.index("^")
    assert source[start : start + marks.count("^")] == "V + X24"
