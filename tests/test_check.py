"""fg.check: each kind of finding on a function that has it, with its line, and nothing on functions that are right."""

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import CheckError

X = np.array([0.3, -1.2, 2.0])


def kinds(f, *args, **kwargs):
    return fg.check(f)(*args, **kwargs).kinds()


def lines(f, *args):
    return [finding.line for finding in fg.check(f)(*args).findings]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: fnp.sin(x) * x,
        lambda x: {"a": fnp.sum(x**3), "n": 3},
        lambda x: x if x[0] > 0 else -x,
        lambda x: fg.while_loop(lambda y: (y * y).sum() < 50, lambda y: y * 1.5, x),
        lambda x: F.softmax(fnp.tanh(x)),
        lambda x: fnp.where(x > 0, x * x, fnp.exp(x)).astype("float64"),
        lambda x: random.normal(random.key(0), (3,), dtype="float64") * x,
    ],
)
def test_nothing_is_found_where_nothing_is_wrong(f):
    report = fg.check(f)(fg.asarray(X))
    assert report.ok, report
    assert str(report) == "check of <lambda>: nothing found"
    report.raise_if_any()


def test_float32_networks_pass():
    params = {"w": random.normal(random.key(0), (3, 4)), "b": fnp.zeros(4)}
    assert fg.check(lambda p, x: fnp.mean(fnp.tanh(x @ p["w"] + p["b"]) ** 2))(params, fnp.ones((2, 3))).ok


@pytest.mark.parametrize("start", [fnp.zeros(4), None])
def test_float32_loops_pass(start):
    def rnn(w, xs):
        first = fnp.zeros(4) if start is None else start
        return fg.scan(lambda h, x: (fnp.tanh(h @ w + x), h), first, xs)[0]

    k1, k2 = random.split(random.key(0))
    report = fg.check(rnn)(random.normal(k1, (4, 4)), random.normal(k2, (20, 4)))
    assert report.ok, report


def test_a_wrong_rule_fails_the_differences_or_the_dot_test_and_is_named():
    @fg.custom_vjp
    def wrong(x):
        return x**2

    wrong.defvjp(lambda x: (wrong(x), x), lambda x, ct: (3 * ct * x,))

    def f(a, b):
        return fnp.sin(a) * wrong(b)  # the rule

    (finding,) = fg.check(f)(fg.asarray(X), fg.asarray(X + 1)).findings
    assert finding.kind == "derivative"
    assert "reverse mode and forward mode say" in finding.message
    assert finding.message.endswith("by argument 1; it uses custom_vjp wrong")
    assert "# the rule" in finding.line

    @fg.custom_jvp
    def uneven(x):
        return x**2

    uneven.defjvp(lambda p, t: (p[0] ** 2, fg.tap(2 * p[0] * t[0], lambda ct: 2 * ct)))
    assert kinds(uneven, fg.asarray(X)) == ["dot test", "derivative"]


def test_rules_that_fail_are_findings():
    @fg.custom_vjp
    def broken(x):
        return x**2

    broken.defvjp(lambda x: (broken(x), x), lambda x, ct: ct / 0 if x is None else {}["key"])  # the bwd
    first, *_ = fg.check(lambda x: broken(x) * 2)(1.5).findings
    assert first.kind == "derivative"
    assert "reverse mode fails: KeyError: 'key'" in first.message
    assert "in the backward pass of custom_vjp broken at" in first.message
    assert "# the bwd" in first.line
    form = fg.ShapeDtypeStruct((), "float64")
    found = kinds(
        lambda x: fg.pure_callback(np.sin, form, x, vmap_method="sequential"), fg.asarray(0.5, dtype="float64")
    )
    assert found == ["derivative"] * 2

    def to_numpy(x):
        return x * np.asarray(x)  # cut off

    (finding,) = fg.check(to_numpy)(fg.asarray(X)).findings
    assert "it fails under a transform" in finding.message
    assert "# cut off" in finding.line
    with pytest.raises(ZeroDivisionError):
        fg.check(lambda x: x * (1 / 0))(1.0)


def test_functions_that_change_are_told_so_and_no_more():
    calls = []

    def changes(x):
        calls.append(1)
        return x * len(calls)

    assert kinds(changes, fg.asarray(X)) == ["impure"]


def test_what_is_no_float_is_passed_on():
    def f(x, mode, n, g, rows):
        assert type(n) is int
        return g(x[rows]) * n if mode == "sum" else 0.0

    assert fg.check(f)(fg.asarray(X), "sum", 3, fnp.sin, np.array([0, 2])).ok


def test_the_scale_of_arguments_does_not_matter():
    assert fg.check(lambda x: x * x)(fg.asarray(1e6 * X)).ok
    assert fg.check(fnp.log)(fg.asarray(np.array([1e-8, 1.0, 1e8]))).ok
    assert (
        fg.check(lambda x: fnp.sin(x.astype("float32")).astype("float64"))(fg.asarray(X)).kinds() == ["dtype drift"] * 2
    )
    assert fg.check(lambda x: x.astype("float16") * 2)(fg.asarray(X)).kinds() == ["dtype drift"]


def test_dead_arguments_name_the_line_that_ended_them():
    def f(params, x):
        y = fnp.sin(params["w"]) * x
        z = fg.stop_gradient(params["b"])  # ended
        n = fnp.floor(params["c"]) * 1.0  # ended too
        k = float(params["d"]) * 2  # and here
        return fnp.sum(y + z + n + k)

    report = fg.check(f)({"w": 1.0, "b": 2.0, "c": 0.5, "d": 3.0, "unused": 4.0}, 5.0)
    dead = {
        x.message.split(" is ")[0].removeprefix("the gradient of "): x
        for x in report.findings
        if x.kind == "dead argument"
    }
    assert set(dead) == {f"argument 0['{k}']" for k in ("b", "c", "d", "unused")}
    assert "stop_gradient ended it" in dead["argument 0['b']"].message
    assert "ended" in dead["argument 0['b']"].line
    assert "floor" in dead["argument 0['c']"].message
    assert "a Python read" in dead["argument 0['d']"].message
    assert "float(params" in dead["argument 0['d']"].line
    assert "is never used" in dead["argument 0['unused']"].message


def test_a_gradient_that_is_zero_at_this_point():
    assert kinds(lambda x: fnp.maximum(x, 10.0), fg.asarray(X)) == ["zero gradient"]


def test_keys_that_are_used_twice():
    def f(x, key):
        a = random.normal(key, (3,))
        b = random.uniform(key, (3,))  # again
        return (a * b * x).sum()

    (finding,) = fg.check(lambda x: f(x, random.key(0)))(fnp.ones(3)).findings
    assert finding.kind == "key reuse"
    assert "random_normal and random_uniform" in finding.message
    assert "# again" in finding.line

    def split_first(x):
        return x * random.normal(random.split(random.key(1))[0]) + random.normal(random.fold_in(random.key(2), 3))

    assert kinds(split_first, fnp.asarray(0.5)) == []

    def parent_too(x, key):
        k1, _ = random.split(key)
        return x * random.normal(k1, (3,)) + random.normal(key, (3,))  # too late

    (finding,) = fg.check(parent_too)(fnp.ones(3), random.key(0)).findings
    assert finding.kind == "key reuse"
    assert "used by random_normal and split" in finding.message
    assert "# too late" in finding.line

    def loop(x, key):
        for _ in range(4):
            x = x + random.normal(key, (3,))
        return x

    assert kinds(loop, fnp.ones(3), random.key(0)) == ["key reuse"]


def test_floats_that_change_their_width():
    wide = fg.asarray(X)
    (finding,) = fg.check(lambda x: x * wide)(fnp.ones(3)).findings
    assert finding.kind == "dtype drift"
    assert "float64 of float32" in finding.message
    assert kinds(lambda x: x.astype("float32") * 2, wide) == ["dtype drift"]
    assert kinds(lambda x: x * wide.astype("float32"), fnp.ones(3)) == []  # no float that depends on x


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (lambda x: abs(x), 0.0, "abs jumps at 0"),
        (F.relu, 0.0, "relu jumps at 0"),
        (lambda x: fnp.maximum(x, 1.0), 1.0, "maximum are equal"),
        (lambda x: fnp.max(x), np.array([1.0, 3.0, 3.0]), "share the maximum"),
        (lambda x: fnp.sqrt(x) * 2, 0.0, "sqrt is infinite at 0"),
        (lambda x: x**0.5, 0.0, "infinite at x = 0"),
        (lambda x: x * fnp.floor(x), 2.0, "floor jumps"),
        (lambda x: fnp.arccos(x), 1.0, "acos is infinite at -1 and 1"),
        (lambda x: fnp.arctan2(x, x * 2), 0.0, "atan2 has no slope at"),
        (lambda x: fnp.where(x > 0.5, x, 2 * x), 0.5, "slopes on both sides of this point differ"),
        (lambda x: x * (x >= 0.5), np.array([0.5, 1.0]), "f compares equal values there"),
    ],
)
def test_points_without_a_derivative(f, x, words):
    found = [finding for finding in fg.check(f)(fg.asarray(x)).findings if finding.kind == "no derivative"]
    assert found
    assert words in found[0].message
    assert "test_check.py" in found[0].line


def test_values_that_are_not_finite():
    (first, *_) = fg.check(lambda x: fnp.sum(fnp.log(x - 2.0)))(fg.asarray(X)).findings
    assert first.kind == "not finite"
    assert "log made" in first.message
    assert "fnp.log" in first.line


def test_derivatives_that_are_not_finite():
    (finding,) = fg.check(lambda x, y: fnp.power(x, y))(fg.asarray(X), fg.asarray(2.0 * np.ones(3))).findings
    assert finding.kind == "not finite"
    assert "its derivative is not: log made the first NaN" in finding.message
    assert "in the backward pass of pow at" in finding.message


def test_what_vmap_cannot_do_is_found():
    assert kinds(lambda x: x[x > 0.3], fg.asarray(np.array([0.2995, 1.0]))) == ["vmap"]


def test_reports_raise_on_request_and_print_their_lines():
    report = fg.check(lambda x: fg.stop_gradient(x) * 2)(1.0)
    assert not report.ok
    with pytest.raises(CheckError, match="check of <lambda>: 1 finding"):
        report.raise_if_any()
    with pytest.raises(AssertionError):
        report.raise_if_any()
    assert repr(report) == str(report)


def test_check_names_the_line_that_makes_a_constant_of_a_part():
    def f(x):
        return float(x) * x

    (finding,) = fg.check(f)(3.0).findings
    assert finding.kind == "derivative"
    assert "a Python read of its value (if, float, int, item) makes a constant of a part" in finding.message
    assert f"{__file__}:{f.__code__.co_firstlineno + 1}\n" in str(finding)
