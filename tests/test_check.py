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


def test_a_wrong_rule_fails_the_differences_and_the_dot_test():
    @fg.custom_vjp
    def wrong(x):
        return x**2

    wrong.defvjp(lambda x: (wrong(x), x), lambda x, ct: (3 * ct * x,))
    assert kinds(wrong, fg.asarray(X)) == ["derivative", "derivative"]

    calls = []

    def changes(x):
        calls.append(1)
        return x * len(calls)

    assert "dot test" in kinds(changes, fg.asarray(X))


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


def test_floats_that_change_their_width():
    wide = fg.asarray(X)
    (finding,) = fg.check(lambda x: x * wide)(fnp.ones(3)).findings
    assert finding.kind == "dtype drift"
    assert "float64 of float32" in finding.message
    assert kinds(lambda x: x.astype("float32") * 2, wide) == ["dtype drift"]


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
