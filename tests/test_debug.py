"""Seeing inside: debug_nans, tap, callbacks, prints, leaks, and what a tracer shows of itself."""

import builtins
import linecache
import pdb
import sys
import threading
import warnings

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.core import current_trace
from funcgrad.errors import (
    CheckError,
    DtypeError,
    KeyReuseWarning,
    LeakedTracerError,
    NanError,
    OptionError,
    ShapeError,
    TreeError,
)

X = np.array([1.0, 2.0, 4.0])

# ---- NaNs ----------------------------------------------------------------------------------------


def test_the_operation_that_makes_a_nan_is_named_with_its_line_and_operands():
    def f(x):
        y = x - 2.0
        return fnp.sum(fnp.log(y))  # the log

    with fg.config.debug_nans(True), pytest.raises(NanError) as caught:
        f(fg.asarray(X))
    words = str(caught.value)
    assert "log made the first NaN: 1 of 3 elements at [0]" in words
    assert "operand 0: float64[3] from -1 to 2, 0 NaN, 0 infinite" in words
    assert "fnp.log(y)" in words
    assert isinstance(caught.value, FloatingPointError)


@pytest.mark.parametrize(
    "run",
    [
        lambda f: fg.grad(f)(0.0),
        lambda f: fg.vmap(fg.grad(f))(fnp.asarray([1.0, 0.0])),
        lambda f: fg.grad(lambda x: fg.vmap(f)(x).sum())(fnp.asarray([1.0, 0.0])),
        lambda f: fg.hessian(f)(0.0),
        lambda f: fg.grad(fg.checkpoint(f))(0.0),
    ],
)
def test_a_nan_in_the_backward_pass_names_the_forward_line(run):
    def f(x):
        y = fnp.sqrt(x)  # the root
        return fnp.where(x > 0, y, 0.0)

    with fg.config.debug_nans(True), pytest.raises(NanError) as caught:
        run(f)
    notes = "\n".join(getattr(caught.value, "__notes__", []))
    assert "in the backward pass of sqrt" in notes
    assert "fnp.sqrt(x)" in notes


def test_a_nan_that_comes_in_is_told_from_one_that_is_made():
    with fg.config.debug_nans(True):
        with pytest.raises(NanError, match="sin got the first NaN"):
            fnp.sin(fg.asarray(np.array([np.nan, 1.0])))
        with pytest.raises(NanError, match="divide made the first NaN"):
            fg.asarray(0.0) / fg.asarray(0.0)
        assert float(fg.asarray(1.0) / fg.asarray(np.float32(2.0))) == 0.5


def test_infinities_on_request():
    with fg.config.debug_infs(True):
        with pytest.raises(NanError, match="exp made the first infinity: 1 of 1 elements"):
            fnp.exp(fg.asarray(1000.0))
        with np.errstate(invalid="ignore"):
            assert np.isnan(float(fnp.sqrt(fg.asarray(-1.0))))


def test_it_is_off_elsewhere_and_afterwards():
    assert current_trace() is None
    setting = fg.config.debug_nans(True)
    other = []
    thread = threading.Thread(target=lambda: other.append(current_trace()))
    thread.start()
    thread.join()
    assert other == [None]
    assert fg.config.debug_nans() is True
    fg.config.debug_nans(False)
    assert current_trace() is None
    del setting
    with fg.config.debug_nans(True), fg.config.debug_infs(True):
        assert current_trace().parent is None
        with pytest.raises(NanError, match="infinity"):
            fnp.exp(fg.asarray(1000.0))
    assert current_trace() is None


def test_operands_keep_their_places_and_numbers_are_shown():
    with fg.config.debug_infs(True), pytest.raises(NanError) as caught:
        fnp.where(fnp.asarray([True, False]), fnp.ones(2), -np.inf)
    words = str(caught.value)
    assert "where got the first infinity: 1 of 2 elements at [1]" in words
    assert "operand 0: bool[2]\n" in words
    assert "operand 1: float32[2] from 1 to 1, 0 NaN, 0 infinite\n" in words
    assert "operand 2: -inf\n" in words


@pytest.mark.parametrize("run", [lambda f: f(1.0), lambda f: fg.grad(f)(1.0), lambda f: fg.vmap(f)(fnp.ones(2))])
def test_a_part_may_be_excepted(run):
    def f(x):
        with fg.config.debug_nans(False), np.errstate(invalid="ignore"):
            y = fnp.log(fnp.minimum(x, -1.0))
        return fnp.where(fnp.isnan(y), x, y) if again else x + fg.stop_gradient(y)

    again = True
    with fg.config.debug_nans(True):
        run(f)
        again = False
        with pytest.raises(NanError, match="got the first NaN"):
            run(f)


def test_inside_of_a_running_transform():
    def f(x):
        with fg.config.debug_nans(True):
            y = fnp.sin(x)
        return y * x

    np.testing.assert_allclose(fg.vmap(fg.grad(f))(X), np.cos(X) * X + np.sin(X), rtol=1e-12)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(f)(x).sum())(fg.asarray(X)), np.cos(X) * X + np.sin(X))


def test_everything_else_stays_as_it_is():
    f = lambda x: fnp.sin(x) * x if x > 1.5 else x**3  # noqa: E731
    expected = fg.vmap(fg.grad(f))(X)
    with fg.config.debug_nans(True):
        np.testing.assert_array_equal(fg.vmap(fg.grad(f))(X), expected)
        assert fg.scan(lambda c, x: (c + x, c * x), 0.0, fnp.ones(3))[1].tolist() == [0.0, 1.0, 2.0]


# ---- keys that are used twice -------------------------------------------------------------------


def uses(f, *args):
    with warnings.catch_warnings(record=True) as caught, fg.config.debug_key_reuse(True):
        warnings.simplefilter("always")
        f(*args)
    return [w for w in caught if w.category is KeyReuseWarning]


def test_a_key_of_two_places_is_warned_of_with_both():
    def f(key):
        a = random.normal(key, (3,))  # one
        return a + random.uniform(key, (3,))  # two

    (warning,) = uses(f, random.key(0))
    assert "by random_normal and random_uniform; split it first" in str(warning.message)
    assert "# one" in str(warning.message)
    assert "# two" in linecache.getline(warning.filename, warning.lineno)
    assert len(uses(fg.vmap(f), random.split(random.key(0), 4))) == 4
    assert len(uses(lambda key: fg.grad(lambda x: (x * f(key)).sum())(1.0), random.key(0))) == 1

    def parent(key):
        k1, _ = random.split(key)
        return random.normal(k1) + random.bernoulli(key)

    assert "use the keys of the split alone" in str(uses(parent, random.key(0))[0].message)


def test_the_same_line_may_run_again():
    def loss(x, key):
        k1, k2 = random.split(key)
        return (random.normal(k1, (3,)) * x).sum() + F.dropout(x, 0.5, key=k2)

    def train(key):
        x = fnp.asarray(1.0)
        for k in random.split(key, 3):
            loss(x, k)
            x = x - 0.1 * fg.grad(fg.checkpoint(loss))(x, k)
        keys = random.split(random.fold_in(key, 1), 4)
        return fg.vmap(fg.grad(lambda x, k: loss(x, k) if x > 1.5 else -loss(x, k)))(fnp.arange(4.0), keys)

    assert uses(train, random.key(0)) == []
    with fg.config.debug_key_reuse(True):
        expected = loss(1.0, random.key(3))
    assert float(expected) == float(loss(1.0, random.key(3)))


def test_switches_go_on_and_off_in_any_order():
    with fg.config.debug_key_reuse(True):
        random.normal(random.key(0))
        with fg.config.debug_nans(True):
            with pytest.warns(KeyReuseWarning):
                random.uniform(random.key(0))
            with pytest.raises(NanError):
                fnp.log(fg.asarray(-1.0))
        with pytest.warns(KeyReuseWarning):
            random.bits(random.key(0))
        assert current_trace().parent is None
    assert current_trace() is None


# ---- tap -----------------------------------------------------------------------------------------


def test_a_tap_sees_and_changes_cotangents():
    seen = []

    def f(x):
        y = fg.tap(x * 2, lambda ct: seen.append(ct))
        return fnp.sum(y * y)

    assert fg.grad(f)(fg.asarray(X)).tolist() == (8 * X).tolist()
    assert seen[0].tolist() == (4 * X).tolist()
    clipped = lambda x: (fg.tap(x, lambda ct: fnp.clip(ct, -1, 1)) * 5).sum()  # noqa: E731
    assert fg.grad(clipped)(fg.asarray(X)).tolist() == [1.0] * 3
    assert fg.grad(lambda x: fg.tap({"a": x}, lambda ct: 0.0 * ct)["a"] ** 2)(3.0).tolist() == 0.0


def test_a_tap_under_every_nesting():
    def f(x):
        return fg.tap(x, lambda ct: ct * (2.0 if ct > 3 else 1.0)) ** 2

    slopes = [2.0, 8.0, 16.0]  # 2 x, doubled where it is above 3
    assert fg.vmap(fg.grad(f))(X).tolist() == slopes
    assert fg.grad(lambda x: fg.vmap(f)(x).sum())(fg.asarray(X)).tolist() == slopes
    assert fg.jacrev(f)(fg.asarray(4.0)).tolist() == 16.0
    assert fg.jvp(f, (4.0,), (1.0,))[1].tolist() == 8.0  # forward mode has no cotangents
    # each of two backward passes goes through the tap: d/dx 9 x^2, times 3
    assert fg.grad(fg.grad(lambda x: fg.tap(x, lambda ct: ct * 3) ** 3))(2.0).tolist() == 3 * 18 * 2.0
    values = []
    fg.vmap(lambda x: fg.tap(x, lambda v: values.append(v.shape), when="forward"))(X)
    assert values == [()]


def test_wrong_taps():
    with pytest.raises(OptionError, match="when must be 'backward' or 'forward'"):
        fg.tap(1.0, print, when="later")
    with pytest.raises(ShapeError, match=r"got a cotangent float32\[\] and returned float32\[2\]"):
        fg.grad(lambda x: fg.tap(x, lambda ct: fnp.ones(2)))(1.0)
    with pytest.raises(DtypeError, match="got a cotangent"):
        fg.grad(lambda x: fg.tap(x, lambda ct: fnp.asarray(1)))(1.0)


# ---- callbacks -----------------------------------------------------------------------------------


def search(values, x, method=None):
    form = fg.ShapeDtypeStruct(x.shape, "int64")
    return fg.pure_callback(lambda v, x: np.asarray(np.searchsorted(v, x)), form, values, x, vmap_method=method)


def test_pure_callbacks_give_their_results_under_every_transform():
    values = fg.asarray(np.arange(5.0))
    assert search(values, fg.asarray(2.5)).tolist() == 3
    assert fg.vmap(lambda x: search(values, x, "sequential"))(X).tolist() == [1, 2, 4]
    assert fg.grad(lambda x: x * search(values, x))(fg.asarray(2.5)).tolist() == 3.0
    shapes = []

    def f(x, y):
        shapes.append((x.shape, y.shape))
        return np.asarray(x + y)

    def call(method):
        return lambda x, y: fg.pure_callback(f, fg.ShapeDtypeStruct((), "float64"), x, y, vmap_method=method)

    y = fg.asarray(10.0, dtype="float64")
    for method in ("expand_dims", "broadcast_all"):
        assert fg.vmap(call(method), (0, None))(X, y).tolist() == (X + 10).tolist()
    assert shapes == [((3,), (1,)), ((3,), (3,))]
    grid = fg.vmap(fg.vmap(call("broadcast_all"), (0, None)), (None, 0))(X, X)
    assert grid.tolist() == (X[None] + X[:, None]).tolist()


def test_callbacks_have_the_derivatives_that_one_states():
    @fg.custom_vjp
    def cube(x):
        return fg.pure_callback(lambda x: x**3, x, x, vmap_method="broadcast_all")

    cube.defvjp(lambda x: (cube(x), x), lambda x, ct: (3 * ct * x**2,))
    assert fg.vmap(fg.grad(cube))(X).tolist() == (3 * X**2).tolist()
    with pytest.raises(DtypeError, match="pure_callback has no derivative: state one with custom_jvp or custom_vjp"):
        fg.grad(lambda x: fg.pure_callback(lambda x: x**3, x, x))(1.0)


def test_io_callbacks_run_once_an_example_in_order():
    seen = []

    def f(x):
        y = fg.io_callback(lambda v: seen.append(float(v)), None, x)
        assert y is None
        return x if x > 1.5 else -x

    fg.vmap(f)(X)
    assert seen == X.tolist()  # not again on the second path


def test_what_a_callback_returns_is_checked():
    form = fg.ShapeDtypeStruct((2,), "float32")
    for returned, error, words in (
        (np.ones(3, np.float32), ShapeError, r"returned shape \(3,\); it was said to return \(2,\)"),
        (np.ones(2), DtypeError, "returned float64; it was said to return float32"),
        ((np.ones(2), 1), TreeError, "result_shape_dtypes"),
    ):
        with pytest.raises(error, match=words):
            fg.pure_callback(lambda returned=returned: returned, form)
    assert fg.vmap(lambda x: search(fnp.ones(3), x, "sequential"))(X[:0]).aval == fg.ShapeDtypeStruct((0,), "int64")
    with pytest.raises(OptionError, match="say what the function gets of a batch"):
        fg.vmap(lambda x: search(fnp.ones(3), x))(X)
    with pytest.raises(OptionError, match="vmap_method must be one of"):
        search(fnp.ones(3), fg.asarray(1.0), "all at once")
    with pytest.raises(ValueError, match="read-only"):
        fg.pure_callback(lambda x: x.fill(0), None, fnp.ones(3))


def test_prints_and_callbacks_show_plain_values(capsys):
    def f(x, label):
        fg.debug.print("{} is {:.2f}, {y}", label, x, y=x.shape)
        return x * 2

    f(fg.asarray(1.5), "x")
    fg.grad(f)(1.5, "dx")
    fg.vmap(lambda x: f(x, "row"))(X)
    fg.jvp(lambda x: f(x, "t"), (1.0,), (1.0,))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "x is 1.50, ()",
        "dx is 1.50, ()",
        "row is 1.00, ()",
        "row is 2.00, ()",
        "row is 4.00, ()",
        "t is 1.00, ()",
    ]
    seen = []
    fg.vmap(lambda x: fg.debug.callback(lambda v, n: seen.append((type(v), float(v), n)), x, n=3) or x)(X)
    assert seen == [(fg.Array, 1.0, 3), (fg.Array, 2.0, 3), (fg.Array, 4.0, 3)]


def test_a_conditional_print_is_for_its_examples(capsys):
    def f(x):
        if x > 1.5:
            fg.debug.print("large {}", x)
        return x

    fg.vmap(f)(X)
    assert capsys.readouterr().out == "large 2.0\nlarge 4.0\n"


def test_breakpoint_is_pythons(monkeypatch):
    called = []
    monkeypatch.setattr(builtins, "breakpoint", lambda **kwargs: called.append(kwargs))
    fg.grad(lambda x: fg.debug.breakpoint(header="here") or x)(1.0)
    assert called == [{"header": "here"}]


def test_the_debugger_stops_in_the_users_frame(monkeypatch):
    stopped = []

    class Debugger:
        def __init__(self, **kwargs):
            pass

        def set_trace(self, frame):
            stopped.append(frame.f_code.co_name)

    monkeypatch.setattr(pdb, "Pdb", Debugger)
    monkeypatch.setattr(sys, "breakpointhook", sys.__breakpointhook__)
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)

    def loss(x):
        fg.debug.breakpoint()
        return x * x

    fg.vmap(fg.grad(loss))(X)
    assert stopped == ["loss"]


# ---- leaks ---------------------------------------------------------------------------------------

KEPT = []


class Holder:
    value = None


class Slots:
    __slots__ = ("value",)


def test_leaks_are_found_with_their_holder():
    holder, slots = Holder(), Slots()
    for keep, words in (
        (lambda x: KEPT.append(x) or x, r"held by a list, the global 'KEPT' of \S*test_debug\."),
        (lambda x: KEPT.append([x]) or x, "held by a list, a list, the global 'KEPT' of"),
        (lambda x: holder.__dict__.setdefault("log", []).append(x) or x, "a list, the attribute 'log' of Holder"),
        (lambda x: setattr(holder, "value", x) or x, "held by the attribute 'value' of Holder"),
        (lambda x: setattr(slots, "value", x) or x, "held by the attribute 'value' of Slots"),
        (lambda x: setattr(Holder, "kind", x) or x, "held by the attribute 'kind' of Holder"),
        (lambda x: globals().update(GLOBAL=x) or x, "held by the global 'GLOBAL' of"),
        (lambda x: holder.__dict__.setdefault("tree", {}).update(w=x) or x, "held by a dict at 'w'"),
    ):
        for run in (lambda f: fg.grad(f)(1.0), lambda f: fg.vmap(f)(X), lambda f: fg.jvp(f, (1.0,), (1.0,))):
            with pytest.raises(LeakedTracerError, match=words) as caught, fg.checking_leaks():
                run(keep)
            assert "was called at" in str(caught.value)
            KEPT.clear()
            holder.__dict__.clear()
            slots.value = Holder.kind = None
            globals().pop("GLOBAL", None)


def test_what_belongs_to_a_result_is_no_leak():
    with fg.checking_leaks():
        y, pull = fg.vjp(lambda x: fnp.sin(x) * x, 1.0)
        z, push = fg.linearize(lambda x: fnp.sin(x) * x, 1.0)
        kept = [fg.vmap(fg.grad(fnp.sin))(X), fg.hessian(fnp.sin)(1.0), fg.grad(fg.checkpoint(fnp.sin))(1.0)]
        scanned = fg.grad(lambda w: fg.scan(lambda c, x: (c * w, x), 1.0, fnp.ones(3))[0])(2.0)
        cube = fg.custom_vjp(lambda x: x**3)
        cube.defvjp(lambda x: (x**3, 3.0), lambda three, ct: (three * ct,))
        pulls = [fg.vjp(f, fg.asarray(X))[1] for f in (cube, fg.checkpoint(fnp.sin), fg.checkpoint(cube))]
    assert [ct.tolist() for ct in pulls[0](fnp.ones_like(fg.asarray(X)))] == [[3.0] * 3]
    assert float(pull(1.0)[0]) == float(push(1.0))
    assert len(kept) == 3
    assert float(scanned) == 12.0
    assert float(y) == float(z)


# ---- what a tracer shows -------------------------------------------------------------------------


def test_a_tracer_shows_its_value_shape_dtype_and_batch():
    shown = {}

    def look(name):
        def f(x):
            shown[name] = repr(x), str(x), f"{x}", f"{x:.1f}"
            return x * 1.0

        return f

    fg.grad(look("grad"))(1.5)
    fg.jvp(look("jvp"), (1.5,), (1.0,))
    fg.vmap(look("vmap"))(X)
    fg.vmap(fg.grad(look("vmap of grad")))(X)
    fg.grad(lambda x: fg.vmap(look("grad of vmap"))(x).sum())(fg.asarray(X))
    fg.grad(fg.checkpoint(look("checkpoint")))(1.5)
    assert shown["checkpoint"] == shown["grad"]
    assert shown["grad"] == ("GradTracer(Array(1.5, dtype=float32))", "1.5", "1.5", "1.5")
    assert shown["jvp"] == ("JVPTracer(Array(1.5, dtype=float32))", "1.5", "1.5", "1.5")
    batch = "BatchTracer(float64[], 3 examples along axis 0 of Array([1., 2., 4.], dtype=float64))"
    assert shown["vmap"] == (batch, batch, batch, "[1.0 2.0 4.0]")
    assert shown["vmap of grad"] == (f"GradTracer({batch})", batch, batch, "[1.0 2.0 4.0]")
    inner = "GradTracer(Array([1., 2., 4.], dtype=float64))"
    assert shown["grad of vmap"][0] == batch.replace("Array([1., 2., 4.], dtype=float64)", inner)
    assert shown["grad of vmap"][3] == "[1.0 2.0 4.0]"


def test_a_tracer_shows_itself_after_its_transform_too():
    kept = []
    fg.vmap(fg.grad(lambda x: kept.append(x) or x * x))(X)
    fg.grad(fg.checkpoint(lambda x: kept.append(x) or x * x))(1.0)
    assert all(repr(x) and str(x) for x in kept)
    kept.clear()


# ---- error_if -----------------------------------------------------------------------------------


def test_a_check_that_fails_names_the_line_and_the_examples():
    def root(x):
        return fnp.sqrt(fg.debug.error_if(x, x < 0, "x must not be negative"))

    good, bad = fnp.asarray([4.0, 1.0, 9.0]), fnp.asarray([4.0, -1.0, 9.0, -4.0])
    assert fg.vmap(fg.grad(root))(good).tolist() == [0.25, 0.5, fnp.asarray(1 / 6).item()]
    for call in (root, fg.grad(lambda x: root(x).sum()), lambda x: fg.jvp(root, (x,), (x,))):
        with pytest.raises(CheckError, match=r"error_if: x must not be negative\n  at .*test_debug.py:\d+"):
            call(bad)
    for each in (root, fg.grad(root)):
        with pytest.raises(CheckError, match="must not be negative") as caught:
            fg.vmap(each)(bad)
        assert "on the path of examples 1, 3" in caught.value.__notes__[0]
