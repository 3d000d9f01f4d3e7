"""`jit` as one more transform in every position of the matrix of compositions: it changes no value.

Each composition is called three times: recorded, recorded again, and run as programs.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_compose import ALL, FUNCTIONS, OPERATORS, composed, expected

import funcgrad as fg

ALL["jit"] = lambda f, u: fg.jit(f)

PAIRS = [pair for pair in itertools.product(ALL, repeat=2) if "jit" in pair]
TRIPLES = [triple for triple in itertools.product(ALL, repeat=3) if "jit" in triple]
CORE = [triple for triple in itertools.product([*OPERATORS, "jit"], repeat=3) if "jit" in triple]


def check(transforms, names):
    for name in names:
        x = fg.asarray(np.array(FUNCTIONS[name][1]))
        f = composed(transforms, name)
        wanted = expected([t for t in transforms if t != "jit"], name)
        for _ in range(3):
            value = f(x)
            assert value.dtype == np.float64
            assert value.shape == ()
            np.testing.assert_allclose(float(value), wanted, rtol=1e-7, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_pair(pair):
    check(pair, tuple(FUNCTIONS))


@pytest.mark.parametrize("triple", CORE, ids="-".join)
def test_every_triple_of_the_first_transforms(triple):
    check(triple, tuple(FUNCTIONS))


@pytest.mark.slow
@pytest.mark.parametrize("first", ALL)
def test_every_triple(first):
    # one function each, in turn, so that every function meets every transform in every place
    names = list(FUNCTIONS)
    for k, triple in enumerate(t for t in TRIPLES if t[0] == first):
        check(triple, (names[(k + k // len(names)) % len(names)],))
