"""Every way in which a value can leave a recording: it is traced, asks (a path for each answer), raises, or shows.

`asks`: what Python gets is part of the path, so another value is another path. `traces`: the result is a value of the
program. `raises`: there is no right answer. `warns`: there is one, but no program for it, and Python runs from there
on. `shows`: text for people, which no path depends on.
"""

from __future__ import annotations

import copy
import math
import numbers
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import JitWarning, TracedConversionError

SCALAR, WHOLE, TRUTH = fnp.asarray(1.5), fnp.asarray(2), fnp.asarray(True)
ROW, LONG = fnp.asarray([1.0, 2.0]), fnp.ones(100)
LIST = [10.0, 20.0, 30.0, 40.0]


class Thing:
    pass


def attribute(x):
    thing = Thing()
    thing.x = x
    return thing.x


ROWS = [
    # Python's own questions
    ("bool", TRUTH, "asks", lambda x: 1.0 if x else 2.0),
    ("bool of a number", SCALAR, "asks", lambda x: 1.0 if x else 2.0),
    ("not", TRUTH, "asks", lambda x: float(not x)),
    ("and", TRUTH, "asks", lambda x: float(bool(x and True))),
    ("while", SCALAR, "asks", lambda x: halve(x)),
    ("assert", TRUTH, "asks", lambda x: checked(x)),
    ("int", WHOLE, "asks", lambda x: float(int(x))),
    ("float", SCALAR, "asks", lambda x: float(x) * 2),
    ("complex", SCALAR, "asks", lambda x: complex(x).real),
    ("item", SCALAR, "asks", lambda x: x.item() * 2),
    ("tolist", ROW, "asks", lambda x: sum(x.tolist())),
    ("round", SCALAR, "either", lambda x: float(round(x))),
    ("index", WHOLE, "asks", lambda x: LIST[x]),
    ("range", WHOLE, "asks", lambda x: float(len(range(x)))),
    ("slice", WHOLE, "asks", lambda x: LIST[:x][0] + len(LIST[:x])),
    ("shape", WHOLE, "asks", lambda x: fnp.ones(int(x)).sum()),
    ("in a list", SCALAR, "asks", lambda x: float(x in [1.5, 2.0])),
    ("== in if", SCALAR, "asks", lambda x: 1.0 if x == 1.5 else 0.0),
    ("max of Python", SCALAR, "asks", lambda x: max(x, 1.0)),
    ("sorted", ROW, "asks", lambda x: sorted(x, key=lambda v: -v)[0]),
    ("math.sin", SCALAR, "asks", lambda x: math.sin(x)),
    ("math.floor", SCALAR, "asks", lambda x: math.floor(float(x))),
    ("operator.index", WHOLE, "asks", lambda x: float(operator.index(x))),
    ("np.asarray", ROW, "asks", lambda x: float(np.asarray(x).sum())),
    ("np.array", ROW, "asks", lambda x: float(np.array(x).sum())),
    ("np.float64", SCALAR, "asks", lambda x: float(np.float64(x))),
    ("a NumPy function that is not ours", ROW, "asks", lambda x: float(np.cumprod(x)[-1])),
    ("pickle", ROW, "asks", lambda x: pickle.loads(pickle.dumps(x)).sum()),
    ("bytes", ROW, "asks", lambda x: float(len(np.asarray(x).tobytes()))),
    ("hex of a float", SCALAR, "asks", lambda x: float.fromhex(float(x).hex())),
    ("dict key by item", WHOLE, "asks", lambda x: {2: 1.0, 3: 5.0}.get(x.item(), 0.0)),
    ("dlpack", ROW, "asks", lambda x: float(np.from_dlpack(x).sum())),
    # what stays a value
    ("comparison", SCALAR, "traces", lambda x: x > 1.0),
    ("==", ROW, "traces", lambda x: (x == 1.0).sum()),
    ("abs", SCALAR, "traces", lambda x: abs(x)),
    ("len", ROW, "traces", lambda x: x * len(x)),
    ("iteration", ROW, "traces", lambda x: sum(v * 2 for v in x)),
    ("unpacking", ROW, "traces", lambda x: (lambda a, b: a * b)(*x)),
    ("index by a value", WHOLE, "traces", lambda x: fnp.asarray(LIST)[x]),
    ("copy", ROW, "traces", lambda x: copy.copy(x) * copy.deepcopy(x)),
    ("attribute", ROW, "traces", lambda x: attribute(x) * 2),
    ("list", ROW, "traces", lambda x: fnp.stack([x, x * 2])),
    ("asarray of a list", SCALAR, "traces", lambda x: fnp.asarray([x, 1.0, x])),
    ("np.sin", ROW, "traces", lambda x: np.sin(x)),
    ("operator of NumPy", ROW, "traces", lambda x: np.ones(2, "float32") * x),
    ("mask", ROW, "count", lambda x: x[x > 1.5].sum()),
    ("nonzero", ROW, "count", lambda x: fnp.nonzero(x > 1.5)[0].sum()),
    # what has no right answer
    ("hash", SCALAR, "raises", lambda x: hash(x)),
    ("dict key", SCALAR, "raises", lambda x: {x: 1}),
    ("set", SCALAR, "raises", lambda x: {x}),
    ("bool of many", ROW, "raises", lambda x: 1 if x else 2),
    # what would need a path for every content
    ("np.asarray of many", LONG, "warns", lambda x: np.asarray(x).sum()),
    ("tolist of many", LONG, "warns", lambda x: sum((x * 2).tolist())),
    ("np.asarray of many, and then of one", LONG, "warns", lambda x: np.asarray(x).sum() * float(x[0])),
    ("item assignment", ROW, "raises", lambda x: operator.setitem(x, 0, 1.0)),
    # text
    ("repr", SCALAR, "shows", lambda x: (repr(x), x * 2)[1]),
    ("str", SCALAR, "shows", lambda x: (str(x), x * 2)[1]),
    ("f-string", SCALAR, "shows", lambda x: (f"{x} {x:.3f}", x * 2)[1]),
    ("format", SCALAR, "shows", lambda x: (format(x, ".2f"), x * 2)[1]),
    ("print", SCALAR, "shows", lambda x: (print(x, end=""), x * 2)[1]),
]


def halve(x):
    while x > 1:
        x = x / 2
    return x


def checked(x):
    assert x
    return x * 2.0


def paths(jitted: Any) -> int:
    return sum(tree.ends() for unit in jitted.units.values() for tree in unit.trees.values())


def questions(jitted: Any) -> int:
    trees = [tree for unit in jitted.units.values() for tree in unit.trees.values()]
    return sum(node.question is not None for tree in trees for node in [tree.root, *tree.root.children.values()])


def other(x: Any) -> Any:
    """A value of the same kind of which Python would be told something else."""
    return fnp.asarray(3) if x.dtype.kind == "i" else x if x.dtype.kind == "b" else x * 1.75


@pytest.mark.parametrize(("name", "x", "kind", "f"), ROWS, ids=[row[0] for row in ROWS])
def test_what_leaves_a_recording(name, x, kind, f):
    jitted = fg.jit(f)
    if kind == "raises":
        for _ in range(3):
            with pytest.raises((TypeError, ValueError, TracedConversionError)):
                jitted(x)
        return
    if kind == "warns":
        with pytest.warns(
            JitWarning, match=r"runs without programs where Python reads all 100 values of float32\[100\]"
        ):
            jitted(x)
    for value in (x, other(x)):
        for _ in range(3):
            found, expected = jitted(value), f(value)
            assert type(found) is type(expected)
            np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-6)
    assert not any(unit.eager for unit in jitted.units.values())
    if kind in ("asks", "count"):
        assert questions(jitted)
    elif kind == "warns":
        assert all(tree.start.eager for unit in jitted.units.values() for tree in unit.trees.values())
    elif kind in ("traces", "shows"):
        assert not questions(jitted)
        assert paths(jitted) == 1


@pytest.mark.parametrize(
    ("f", "numbers"),
    [
        (lambda n: (n & 3, n | 8, n ^ 1, n << 2, n >> 1, ~n, 6 & n, 1 << n), (5, 6)),
        (lambda n: (divmod(n, 3), divmod(100, n)), (5, 7.5)),
        (lambda n: (n.bit_length(), n.real, n.imag, n.numerator), (5, 600)),
        (lambda n: (n.is_integer(), n.hex(), n.as_integer_ratio()), (5.0, 7.5)),
        (lambda n: (n.real, n.conjugate()), (5.0 + 1j, 7j)),
        (lambda n: (isinstance(n, int), isinstance(n, int | float), isinstance(n, numbers.Real)), (5, 6, 7.5, 1j)),
    ],
)
def test_a_python_number_is_one(f, numbers):
    jitted = fg.jit(f)
    for number in numbers * 3:
        assert jitted(number) == f(number)
    with pytest.raises(AttributeError, match="'float' object has no attribute 'rate'"):
        fg.jit(lambda x: x.rate)(1.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x + n,
        lambda x, n: x < n,
        lambda x, n: n == x,
        lambda x, n: fnp.maximum(n, x),
        lambda x, n: fnp.where(x > 1, x, n),
        lambda x, n: fnp.asarray(n, x.dtype) + x,
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_a_number_that_the_dtype_does_not_hold_is_as_without_jit(f, dtype):
    def outcome(call, n):
        try:
            found = call(x, n)
        except Exception as error:
            return type(error), str(error).splitlines()[0]
        return found.aval, np.asarray(found).tobytes()

    x, jitted = fnp.asarray(np.arange(4, dtype=dtype)), fg.jit(f)
    for n in (3, -3, 2**70, 5, 256, -3, 10**400):
        for _ in range(3):
            assert outcome(jitted, n) == outcome(f, n)


def test_a_text_shows_the_value():
    seen = []

    def f(x):
        seen.append(f"{x:.2f} {x}")
        return x

    fg.jit(f)(SCALAR)
    assert seen == ["1.50 1.5"]


def test_a_python_number_is_asked_for_as_an_array_is():
    rows = [
        (lambda n: LIST[n], 2),
        (lambda n: float(len(range(n))), 3),
        (lambda n: {2: 1.0, 3: 2.0}[n], 2),
        (lambda n: math.sqrt(n), 2.0),
        (lambda n: "ab" * n, 2),
        (lambda n: 1 if n else 2, 0),
        (lambda n: fnp.ones(n).sum(), 2),
        (lambda n: round(n * 1.0, 1), 2.25),
        (lambda n: f"{n:.1f}", 2.25),
        (lambda n: int(n) + float(n), 2.5),
        (lambda n: divmod(n, 2), 7),
        (lambda n: n in (1, 2), 2),
        (lambda n: [n, n + 1], 2),
    ]
    for f, n in rows[:8] + rows[9:10] + rows[11:]:
        jitted = fg.jit(f)
        for value in (n, n + 1, n):
            for _ in range(3):
                try:
                    expected = f(value)
                except (KeyError, IndexError) as error:
                    with pytest.raises(type(error)):
                        jitted(value)
                    continue
                found = jitted(value)
                assert type(found) is type(expected)
                assert found == expected
