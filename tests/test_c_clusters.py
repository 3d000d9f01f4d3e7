"""Loop nests that one call runs one after the other, against NumPy."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np
import pytest
from processes import run_alone
from test_c_nests import check, normal

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import optim
from funcgrad.codegen.arena import Plan
from funcgrad.codegen.c.nest import Nest
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import Program

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def every_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(Nest, "pays", lambda self: True)


def calls(program: Program) -> int:
    return len(re.findall(r"and mend\(", program.source))


def parts(program: Program) -> int:
    return len(re.findall(r"^static long nest", program.compiled, re.MULTILINE))


def leaves(*sizes: int) -> dict[str, Any]:
    return {f"{i}": normal(n, n) if i % 2 else normal(n) for i, n in enumerate(sizes)}


def adam(params: Any, grads: Any) -> Any:
    optimiser = optim.adamw(1e-2)
    updates, state = optimiser.update(grads, optimiser.init(params), params)
    return optim.apply_updates(params, updates), state


@pytest.mark.parametrize("sizes", [(3, 4, 5, 6), (3, 300, 310, 200, 7, 1), (5, 400, 7, 300)], ids=str)
def test_an_update_of_all_arrays_is_one_call(sizes: tuple[int, ...]) -> None:
    program = check(adam, leaves(*sizes), leaves(*sizes))
    assert calls(program) == 1
    assert parts(program) == len(sizes) - (1 in sizes)
    assert program.compiled.count("omp parallel") == (max(sizes) > 60)


def test_equal_arrays_share_a_function() -> None:
    params = {f"layer{i}": normal(40, 50) for i in range(8)}
    program = check(lambda p, g: fg.tree.map(lambda p, g: p - 0.1 * g * abs(g), p, g), params, params)
    assert (calls(program), parts(program)) == (1, 1)
    assert len(re.findall(r"nest0_0\(a", program.compiled)) == 8


def test_equal_layers_share_functions() -> None:
    """Across calls: the nests behind the products, and those of their gradients."""

    def loss(weights: Any, x: Any) -> Any:
        for w in weights:
            x = fnp.tanh(x @ w) * 3
        return (x * x).sum()

    program = check(fg.grad(loss), [normal(60, 60) * 0.1 for _ in range(8)], normal(60, 60), rtol=1e-4)
    functions = re.findall(r"^long (nest\d+)\(", program.compiled, re.MULTILINE)
    shared = re.findall(r"^// (nest\d+) is (nest\d+)$", program.compiled, re.MULTILINE)
    assert calls(program) == len(functions) + len(shared)
    assert len(shared) > 8
    assert {name for _, name in shared} <= set(functions)


def test_functions_of_other_sizes_are_not_shared() -> None:
    """Their loops are the same, but their arrays are not: the second one's repeats one row."""
    a, b = normal(64, 32), normal(1, 32)
    check(lambda a, b, c: ((a @ c) * a, (a @ c + 1) * b), a, b, normal(32, 32))


def test_a_call_has_an_end() -> None:
    program = check(lambda p: [fnp.tanh(x * 2) for x in p], [normal(n + 2) for n in range(400)])
    assert 1 < calls(program) < 5


def test_arrays_of_one_shape_have_loops_of_their_own() -> None:
    program = check(lambda a, b, c: (fnp.tanh(a), b * 2, b + c), *(normal(9, 9) for _ in range(3)))
    assert parts(program) == 2


def test_a_constant_that_is_read_twice() -> None:
    mask = fnp.asarray(np.tril(np.ones((9, 9), bool)))
    f = lambda s: fg.grad(lambda s: (F.softmax(fnp.where(mask, s, -np.inf)) * s).sum())(s)  # noqa: E731
    assert calls(check(f, normal(4, 9, 9))) == 1


def test_a_nest_that_reads_what_the_one_before_it_writes() -> None:
    def centred(x: Any) -> Any:
        x = x - x.mean(0)
        return x / (fnp.sqrt((x * x).mean(0)) + 1)

    program = check(centred, normal(300, 200), rtol=1e-5)
    assert calls(program) < 4
    assert "||" in program.compiled


def test_a_nest_that_writes_over_what_the_one_before_it_reads() -> None:
    """The product is read by both, and dead behind the second."""

    def f(a: Any, b: Any) -> Any:
        product = a @ b
        rows = (product * 2).sum(0) * 3
        return rows, fnp.where(product > 0, product, rows)

    check(f, normal(300, 300), normal(300, 300), rtol=1e-4)


def test_one_team_has_the_results_of_one_thread() -> None:
    program = """
        import numpy as np, funcgrad as fg, funcgrad.numpy as fnp, hashlib
        from funcgrad.codegen.numpy_program import numpy_program
        from funcgrad.graph.passes import simplify
        rng = np.random.default_rng(0)
        params = [fnp.asarray(rng.normal(size=n).astype("float32")) for n in (7, 5000, 70_000, 300, 90_001)]
        f = lambda *params: [fnp.tanh(p * 3) + p for p in params]
        program = numpy_program(simplify(fg.make_graph(f)(*params)), native=True)
        assert program.compiled.count("omp parallel") == 1
        out = program.function(*(p._data for p in params))
        print(hashlib.sha256(b"".join(v.tobytes() for v in out)).hexdigest())
    """
    found = {run_alone(textwrap.dedent(program), OMP_NUM_THREADS=str(n)).stdout for n in (1, 2, 7)}
    assert len(found) == 1
    assert len(found.pop()) == 65


def test_an_index_out_of_range_ends_the_call_before_what_follows() -> None:
    x, y = normal(5, 4), fnp.asarray(np.array([0, 1, 2, 3, 9]))
    f = lambda x, y, z: (fnp.exp(x)[fnp.arange(5), y], (z * 2).sum(), z + 1)  # noqa: E731
    program = check(f, x, fnp.asarray(np.array([0, 1, 2, 3, -1])), normal(7))
    with pytest.raises(fg.errors.ArrayIndexError):
        program.function(x._data, y._data, normal(7)._data)


def test_what_one_nest_of_a_call_writes_is_not_where_another_reads() -> None:
    """One thread may be in the second nest while another is in the first."""

    def f(x: Any, w: Any, y: Any) -> Any:
        total = fnp.exp(x @ w).sum(1)
        k = fnp.exp(y) * 2
        return total, k @ k

    program = check(f, normal(1024, 256), normal(256, 256) / 16, normal(512, 512) / 16, rtol=1e-4)
    assert calls(program) == 1
    (plan,) = (c for c in program.constants if isinstance(c, Plan))
    assert [shape for _, shape, _ in plan.layout] == [(1024, 256), (512, 512)]
    assert plan.nbytes == 2 << 20
