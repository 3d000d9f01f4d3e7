"""The first call of a jitted function runs as it is: what is called once does not pay for being written down."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config
from funcgrad.errors import JitWarning

ROW, LONG = fnp.asarray([1.0, -2.0, 3.0]), fnp.ones(100)


@pytest.fixture(autouse=True)
def what_users_have(recorded_from_the_first_call: None) -> Any:
    with config.jit_warmup(1):
        yield


def shown(x):
    """Prints under what it runs: a plain array, or one whose operations are recorded."""
    print(type(x).__name__, end=" ")
    return fnp.sin(x).sum() * 2


def runs(capsys: Any) -> list[str]:
    return capsys.readouterr().out.split()


def test_one_call_as_it_is_two_that_are_recorded_and_then_programs(capsys):
    jitted = fg.jit(shown)
    for _ in range(6):
        np.testing.assert_array_equal(jitted(ROW), fnp.sin(ROW).sum() * 2)
    assert runs(capsys) == ["Array", "StageTracer", "StageTracer"]


def test_each_kind_of_arguments_has_its_own_first_call(capsys):
    jitted = fg.jit(shown)
    for _ in range(5):
        for x in (ROW, ROW[:2]):
            jitted(x)
    assert runs(capsys) == ["Array"] * 2 + ["StageTracer"] * 4
    fg.clear_caches()
    jitted(ROW)
    assert runs(capsys) == ["Array"]


@pytest.mark.parametrize("transform", [fg.grad, fg.vmap])
def test_transforms_of_a_jitted_function(transform, capsys):
    x = ROW if transform is fg.grad else fnp.stack([ROW, ROW * 2])
    f = transform(fg.jit(shown))
    expected = transform(lambda x: fnp.sin(x).sum() * 2)(x)
    names = []
    for _ in range(5):
        np.testing.assert_allclose(f(x), expected, rtol=1e-6)
        names.append(len(runs(capsys)))
    assert names == [1, 1, 1, 0, 0]


def test_a_new_path_is_recorded_at_once(capsys):
    def f(x):
        return shown(x) if x.sum() > 0 else -shown(x)

    jitted = fg.jit(f)
    for _ in range(5):
        jitted(ROW)
    assert runs(capsys) == ["Array", "StageTracer", "StageTracer"]
    for _ in range(5):
        np.testing.assert_array_equal(jitted(-ROW), f(-ROW))
    assert runs(capsys)[::2][:3] == ["StageTracer", "StageTracer", "Array"]


def test_the_number_of_calls_is_a_setting(capsys):
    with config.jit_warmup(3):
        jitted = fg.jit(shown)
        for _ in range(7):
            jitted(ROW)
    assert runs(capsys) == ["Array"] * 3 + ["StageTracer"] * 2
    with config.jit_warmup(0):
        jitted = fg.jit(shown)
        for _ in range(4):
            jitted(ROW)
    assert runs(capsys) == ["StageTracer"] * 2


def test_what_cannot_be_a_program_still_runs_and_is_told_by_a_warning():
    jitted = fg.jit(lambda x: float(np.asarray(x * 2).sum()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jitted(LONG) == 200.0
    with pytest.warns(JitWarning, match="reads all 100 values"):
        assert jitted(LONG) == 200.0
    for k in range(4):
        assert jitted(LONG * k) == 200.0 * k


def test_errors_are_those_of_the_function_on_every_call():
    def f(x):
        if x.sum() > 0:
            raise ValueError(f"too large: {x.sum()}")
        return x * 2

    jitted = fg.jit(f)
    for _ in range(4):
        with pytest.raises(ValueError, match=r"too large: 2\.0"):
            jitted(ROW)
        np.testing.assert_array_equal(jitted(-ROW), f(-ROW))


def test_random_numbers_without_a_key_are_found_once_there_are_programs():
    generator = np.random.default_rng(0)
    jitted = fg.jit(lambda x: x * generator.random())
    with pytest.warns(JitWarning, match="not pure|without a key"):
        found = [float(jitted(ROW)[0]) for _ in range(6)]
    assert len(set(found)) == 6


def test_explain_before_anything_is_recorded(capsys):
    jitted = fg.jit(lambda x: x * 2)
    jitted(ROW)
    fg.explain(jitted)
    assert "nothing recorded: called 1 time" in capsys.readouterr().out
