"""Functions with derivatives of their own in loops that jit rolls."""

from __future__ import annotations

import pytest
from rolled import TURNS, X, alike, by_state, double, hold_over_turns, number, other_forward, runs, scaled, triple

import funcgrad as fg
import funcgrad.numpy as fnp


@fg.custom_vjp
def by_value(x):
    return x * 0.5 if x > 0.5 else x


by_value.defvjp(lambda x: (by_value(x), float(x)), lambda kept, ct: (ct * kept,))


@fg.custom_vjp
def symbolic(x, y):
    return x * y * 0.5


symbolic.defvjp(
    lambda x, y: (x.value * y.value * 0.5, (x.value if x.perturbed else 2.0, y.value)),
    lambda kept, ct: (ct * kept[1], ct * kept[0]),
    symbolic_zeros=True,
)


def closing(w):
    return fg.custom_gradient(lambda v: (v * w, lambda ct: (ct * 3.0,)))


RULES = {
    "custom_vjp": (double, True),
    "custom_jvp": (triple, True),
    "another value forward": (lambda v: other_forward(v, 0.5), True),
    "another value forward, of constants": (lambda v: v * other_forward(fg.stop_gradient(v), 0.5), True),
    "an argument that stays": (lambda v: scaled(v, 2) * 0.5, True),
    "closed over": (lambda v: closing(fg.stop_gradient(v))(v), False),
    "asks for values": (by_value, False),
    "symbolic zeros": (lambda v: symbolic(v, 2.0), False),
    "checkpoint": (fg.checkpoint(lambda v: fnp.sin(v) * fnp.cos(v)), False),
    "custom_vjp in scan": (lambda v: fg.scan(lambda h, _: (fnp.sin(double(h)), None), v, length=2)[0], True),
    "in a batch": (lambda v: fg.vmap(double)(fnp.stack([v, v * 0.5])).sum() * 0.25, True),
}


@pytest.mark.parametrize("where", ["before", "in", "after"])
@pytest.mark.parametrize("rule", RULES)
def test_rules_of_their_own(where, rule):
    special, rolls = RULES[rule]

    def f(x, n):
        x = special(x) if where == "before" else x
        while n > 0:
            x, n = fnp.sin(special(x)) if where == "in" else fnp.sin(x), n - 1
        return special(x) if where == "after" else x

    hold_over_turns(f, least=5 if rolls else 0)


def test_a_rule_that_reads_an_array_which_changes():
    w = fg.asarray(0.5)

    @fg.custom_vjp
    def rule(x):
        return x * w

    rule.defvjp(lambda x: (x * w, None), lambda kept, ct: (ct * w * 3.0,))

    def f(x, n):
        while n > 0:
            x, n = fnp.sin(rule(x)), n - 1
        return x

    jitted = fg.jit(f)
    for k, n in enumerate(TURNS):
        w = fg.asarray(0.5 + 0.25 * k)
        alike(fg.grad(jitted)(X, number(n)), fg.grad(f)(X, number(n)))
    assert by_state(jitted) >= 5


def test_a_rule_in_a_scan_that_reads_a_python_number():
    def f(x, n, step):
        while n > 0:
            x = fg.scan(lambda h, _, step=step: (fnp.sin(double(h)) * step, None), x, length=2)[0]
            n, step = n - 1, step * 1.25
        return x

    jitted = hold_over_turns(f, 0.5)
    before = runs(jitted)
    alike(fg.grad(jitted)(X, number(12), 0.25), fg.grad(f)(X, number(12), 0.25))
    assert runs(jitted) == before


def test_a_rule_that_is_not_pure():
    count = iter(range(1000))

    @fg.custom_vjp
    def rule(x):
        return x * 2.0

    rule.defvjp(lambda x: (x * 2.0, None), lambda kept, ct: (ct * float(next(count)),))

    def f(x, n):
        while n > 0:
            x, n = fnp.sin(rule(x)), n - 1
        return x

    with pytest.warns(fg.errors.JitWarning, match="it is not pure"):
        slopes = [float(fg.grad(jitted)(X, number(2))) for jitted in [fg.jit(f)] for _ in range(4)]
    assert len(set(slopes)) > 1


def test_a_rule_whose_text_depends_on_the_turn():
    def f(x, n):
        k = 0
        while n > 0:
            x, n, k = fnp.sin(scaled(x, k)), n - 1, (k + 1) % 2 + 1
        return x

    hold_over_turns(f)
