"""The memory that programs use again: where values lie in it, who has it when, and that nobody sees what is left."""

from __future__ import annotations

import gc
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from arenas import poison
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.codegen import arena, memory
from funcgrad.codegen.arena import Place, borrow, give_back, peak, planned
from funcgrad.kernels import convolution, products

RNG = np.random.default_rng(0)
BYTE = np.dtype(np.uint8)


def normal(*shape: int) -> fg.Array:
    return fg.asarray(RNG.normal(size=shape).astype("float32"))


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Nothing is left of other tests' programs, which would empty the pool when they go."""
    fg.clear_caches()
    gc.collect()
    yield
    fg.clear_caches()


# ---- plans ---------------------------------------------------------------------------------------


@st.composite
def places(draw: Any) -> list[Place]:
    found = []
    for _ in range(draw(st.integers(1, 30))):
        start = draw(st.integers(0, 20))
        found.append(Place((draw(st.integers(1, 3000)),), BYTE, start, start + draw(st.integers(0, 6))))
    return found


@settings(max_examples=200, deadline=None)
@given(places())
def test_values_that_live_at_once_lie_apart(wanted: list[Place]) -> None:
    plan = planned(wanted)
    ends = [offset + place.nbytes for (offset, _, _), place in zip(plan.layout, wanted, strict=True)]
    for i, a in enumerate(wanted):
        assert plan.layout[i][0] % 64 == 0
        for j, b in enumerate(wanted[:i]):
            if a.start <= b.end and b.start <= a.end:
                assert plan.layout[i][0] >= ends[j] or plan.layout[j][0] >= ends[i]
    assert max(ends) == plan.nbytes >= peak(wanted)


def test_values_that_do_not_lie_in_one_place() -> None:
    a, b, c = (Place((1 << 20,), BYTE, i, i + 1) for i in (0, 1, 2))
    plan = planned([a, b, c])
    assert [offset for offset, _, _ in plan.layout] == [0, 1 << 20, 0]
    assert plan.nbytes == peak([a, b, c]) == 2 << 20
    assert planned([a, b, c]) is plan


def test_arrays_are_as_the_plan_says_and_the_same_at_each_call() -> None:
    plan = planned([Place((3, 5), np.dtype("float32"), 0, 0), Place((7,), np.dtype("int64"), 0, 0)])
    found, (x, y) = borrow(plan)
    assert (x.shape, x.dtype.name, y.shape, y.dtype.name) == ((3, 5), "float32", (7,), "int64")
    for a in (x, y):
        assert a.flags.c_contiguous
        assert a.flags.writeable
        assert a.ctypes.data % 64 == 0
        assert np.shares_memory(a, found.memory)
    give_back(found)
    assert borrow(plan)[1][0] is x


def test_an_arena_that_is_too_small_makes_room_for_a_larger_one() -> None:
    small, large = (planned([Place((n,), BYTE, 0, 0)]) for n in (1000, 5000))
    for plan in (small, large, small, large):
        found, (x,) = borrow(plan)
        assert x.nbytes == plan.layout[0][1][0]
        give_back(found)
    assert [a.memory.nbytes for a in arena._pool] == [large.nbytes]


# ---- programs ------------------------------------------------------------------------------------


def chain(x: Any, w: Any) -> Any:
    """Products and nests whose values are of no use afterwards: 1 MiB each."""
    h = fnp.tanh(x @ w)
    return (fnp.exp(h @ w - 1) * h).sum(1), (h @ w)[:, :3] * 2


def shapes() -> tuple[fg.Array, fg.Array]:
    return normal(1024, 256), normal(256, 256) / 16


def ready(f: Callable[..., Any], *args: Any, calls: int = 8) -> Callable[..., Any]:
    """The jitted function, its programs made."""
    jitted = fg.jit(f)
    for _ in range(calls):
        jitted(*args)
    return jitted


def close(found: Any, expected: Any) -> None:
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=2e-4, atol=2e-4)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "values": chain,
    "gradient": fg.grad(lambda x, w: chain(x, w)[0].sum(), argnums=(0, 1)),
    "batch": fg.vmap(lambda x, w: fnp.tanh(x[None] @ w)[0] * x, in_axes=(0, None)),
    "views": lambda x, w: [v for h in [fnp.tanh(x @ w)] for v in (h.T, h.reshape(-1), h[::2], h.sum(), h[None])],
    "a view of a view": lambda x, w: fnp.tanh(x @ w).reshape(2, 512, 256)[1].T[3:5],
    "itself": lambda x, w: (lambda h: (h, fnp.exp(h), h * 2))(x @ w),
    "a function in a function": lambda x, w: fg.jit(chain)(fnp.exp(x @ w / 99), w)[0] + (x * x).sum(1),
    "a loop": lambda x, w: fg.scan(lambda c, _: (fnp.tanh(c @ w), (c @ w).sum(1)), x, None, length=3),
    "a loop that values end": lambda x, w: fg.while_loop(
        lambda c: c[1] < 3, lambda c: (fnp.tanh(c[0] @ w) + c[0], c[1] + 1), (x @ w, 0)
    ),
    "a branch": lambda x, w: fg.cond(x.sum() > 0, lambda x: fnp.exp(x @ w) - 1, lambda x: (x @ w).T.T * 2, x @ w),
    "python's branch": lambda x, w: (x @ w) * 2 if (x @ w).sum() > 0 else fnp.exp(-(x @ w)),
}


@pytest.mark.parametrize("compiler", ["never", "always"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_stay_when_the_memory_is_used_again(name: str, compiler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch)
    f, w = FUNCTIONS[name], normal(256, 256) / 16
    xs = [normal(1024, 256) for _ in range(3)]
    with fg.config.c_compiler(compiler):
        expected = [f(x, w) for x in xs]
        jitted = ready(f, xs[0], w, calls=4)
        found = [jitted(x, w) for x in xs]
        close(found, expected)
        kept = [np.array(a) for a in fg.tree.leaves(found)]
        for x in xs[::-1]:
            jitted(x, w)
        for a, b in zip(fg.tree.leaves(found), kept, strict=True):
            np.testing.assert_array_equal(np.asarray(a), b)


def test_a_program_uses_the_same_memory_at_each_call() -> None:
    x, w = shapes()
    jitted = ready(chain, x, w)
    (one,) = arena._pool
    jitted(x, w)
    assert arena._pool == [one]
    assert one.memory.nbytes >= 1 << 20
    tracemalloc.start()
    try:
        found = jitted(x, w)
        assert tracemalloc.get_traced_memory()[1] < sum(a.nbytes for a in found) + (64 << 10)
    finally:
        tracemalloc.stop()


def test_small_programs_use_none() -> None:
    x = normal(64, 64)
    ready(lambda x: fnp.exp(x @ x) @ x, x)
    assert not arena._pool


def test_the_memory_goes_with_the_caches() -> None:
    x, w = shapes()
    jitted = ready(chain, x, w)
    expected = jitted(x, w)
    assert arena._pool
    fg.clear_caches()
    assert not arena._pool
    close(ready(chain, x, w)(x, w), expected)


def test_the_memory_goes_with_the_programs() -> None:
    x, w = shapes()
    jitted = ready(chain, x, w)
    assert arena._pool
    del jitted
    gc.collect()
    assert not arena._pool


def test_a_program_that_raises_loses_its_arena_and_nothing_else() -> None:
    x, w = shapes()
    f = lambda x, w, i: (fnp.exp(x @ w)[i] * 2 + (x @ w).sum(), x @ w)  # noqa: E731
    good, bad = fg.asarray(np.arange(4)), fg.asarray(np.array([0, 1, 2, 4000]))
    jitted = ready(f, x, w, good)
    expected = f(x, w, good)
    before = jitted(x, w, good)
    for _ in range(3):
        with pytest.raises(fg.errors.ArrayIndexError):
            jitted(x, w, bad)
        close(jitted(x, w, good), expected)
    close(before, expected)
    assert len(arena._pool) == 1


def test_an_interrupt_in_the_middle_of_a_program() -> None:
    x, w = shapes()
    stop = [False]

    def told(_: Any) -> None:
        if stop[0]:
            raise KeyboardInterrupt

    def f(x: Any, w: Any) -> Any:
        h = fnp.exp(x @ w)
        fg.io_callback(told, None, h.sum())
        return (h * h).sum(1)

    jitted = ready(f, x, w)
    expected = jitted(x, w)
    stop[0] = True
    with pytest.raises(KeyboardInterrupt):
        jitted(x, w)
    stop[0] = False
    for _ in range(3):
        close(jitted(x, w), expected)
    assert len(arena._pool) == 1


def test_a_callback_that_runs_the_same_program() -> None:
    x, w = shapes()
    depth = [0]
    functions: list[Callable[..., Any]] = []

    def told(_: Any) -> None:
        if functions and depth[0] < 2:
            depth[0] += 1
            functions[0](x + 1, w)
            depth[0] -= 1

    def f(x: Any, w: Any) -> Any:
        h = fnp.exp(x @ w / 9)
        fg.io_callback(told, None, h.sum())
        return (h * h).sum(1)

    expected = f(x, w)
    jitted = ready(f, x, w)
    functions.append(jitted)
    for _ in range(3):
        close(jitted(x, w), expected)
    assert 2 <= len(arena._pool) <= 3


def test_generators_that_run_in_turn() -> None:
    w = normal(256, 256) / 16
    jitted = ready(chain, normal(1024, 256), w)

    def results(xs: list[Any]) -> Iterator[Any]:
        for x in xs:
            yield jitted(x, w)

    sets = [[normal(1024, 256) for _ in range(4)] for _ in range(2)]
    found = list(zip(*map(results, sets), strict=True))
    for step, pair in enumerate(found):
        for one, xs in zip(pair, sets, strict=True):
            close(one, chain(xs[step], w))


def test_threads_that_run_one_program_at_once() -> None:
    w = normal(256, 256) / 16
    xs = [normal(1024, 256) for _ in range(4)]
    expected = [chain(x, w) for x in xs]
    jitted = ready(chain, xs[0], w)
    found: list[list[Any]] = [[] for _ in xs]
    start = threading.Barrier(len(xs))

    def run(i: int) -> None:
        start.wait()
        for _ in range(25):
            found[i].append(jitted(xs[i], w))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(xs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for results, right in zip(found, expected, strict=True):
        assert len(results) == 25
        for one in results:
            close(one, right)
    assert len(arena._pool) <= len(xs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")  # JAX's, where another test of the process imported it
def test_a_forked_child_goes_on() -> None:
    x, w = shapes()
    jitted = ready(chain, x, w)
    expected = [np.asarray(a) for a in jitted(x, w)]
    child = os.fork()
    if not child:
        code = 1
        try:
            same = [
                np.allclose(np.asarray(a), b, rtol=2e-4, atol=2e-4) for a, b in zip(jitted(x, w), expected, strict=True)
            ]
            fg.clear_caches()
            code = 0 if all(same) and not arena._pool else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    close(jitted(x, w), expected)


def test_an_argument_in_another_order() -> None:
    x, w = shapes()
    jitted = ready(chain, x, w)
    turned = fg.asarray(np.asarray(x).copy(order="F"))
    close(jitted(turned, w), chain(turned, w))


# ---- random loops --------------------------------------------------------------------------------

STEPS: dict[str, Callable[..., Any]] = {
    "a carry": lambda c, d, w, row: c,
    "the other": lambda c, d, w, row: d,
    "new": lambda c, d, w, row: fnp.tanh(c @ w + row),
    "sum": lambda c, d, w, row: c + d * 0.5,
    "turned": lambda c, d, w, row: (c - d).T,
    "row": lambda c, d, w, row: row,
    "part": lambda c, d, w, row: (row + c)[::-1],
    "constant": lambda c, d, w, row: w,
    "one line of it": lambda c, d, w, row: fnp.broadcast_to((c * row)[1], (6, 6)),
}
AFTER: dict[str, Callable[..., Any]] = {
    "itself": lambda v: v,
    "turned": lambda v: v.swapaxes(-1, -2),
    "part": lambda v: v[..., 1:3],
    "function": lambda v: fnp.exp(-v * v),
    "sum": lambda v: (fnp.exp(-v * v) * v).sum(-1),
}
some_steps, some_uses = st.sampled_from(sorted(STEPS)), st.sampled_from(sorted(AFTER))


@pytest.mark.parametrize("compiler", ["never", "always"])
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(some_steps, min_size=4, max_size=6),
    st.lists(some_uses, min_size=5, max_size=5),
    st.integers(1, 3),
    st.booleans(),
)
def test_random_loops(compiler: str, steps: list[str], uses: list[str], length: int, shared: bool) -> None:
    """Carries that are swapped, parts of operands, or one value twice; rows that are read later, or given out."""
    first, second, *rows = [STEPS[name] for name in steps]

    def f(x: Any, y: Any, w: Any, xs: Any) -> Any:
        def body(carry: Any, row: Any) -> Any:
            c, d = carry
            a = first(c, d, w, row)
            return (a, a if shared else second(d, c, w, row)), [one(d, c, w, row) for one in rows]

        start = fnp.exp(-x * x)
        (c, d), made = fg.scan(body, (start, start if shared else y), xs * 2, length=length)
        values = zip(uses, [c, d, *made, start], strict=False)
        return [AFTER[use](v) for use, v in values], fnp.exp(-x) + c

    given = [[normal(6, 6), normal(6, 6), normal(6, 6), normal(length, 6, 6)] for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch, fg.config.c_compiler(compiler):
        poison(patch)
        patch.setattr(memory, "LARGE", 8)
        expected = [f(*args) for args in given]
        jitted = ready(f, *given[0], calls=3)
        found = [jitted(*args) for args in given]
        close(found, expected)


# ---- what explain says ---------------------------------------------------------------------------


def test_explain_says_what_a_program_takes(capsys: pytest.CaptureFixture[str]) -> None:
    x, w = shapes()
    with fg.config.c_compiler("never"):
        jitted = ready(lambda x, w: fnp.exp((x @ w) @ w).sum(1), x, w)
        fg.explain(jitted)
    # two products of 1 MiB at once, and a sum of 4 KiB
    assert "; takes 2 MiB, 2 MiB of it in the arena" in capsys.readouterr().out
    donating = fg.jit(lambda x, w: fnp.exp((x @ w) @ w) + x, donate_argnums=0)
    for _ in range(8):
        donating(normal(1024, 256), w)
    fg.explain(donating)
    # the result goes into the memory of x, where that is its own
    assert "\n    over 1 donated array; takes 2 MiB, 2 MiB of it in the arena\n" in capsys.readouterr().out
    small = ready(lambda x: x * 2, normal(300))
    fg.explain(small)
    assert "; takes 1.2 KiB\n" in capsys.readouterr().out


# ---- kernels that write where they are told ------------------------------------------------------

PRODUCTS = [((4, 5), (5, 3)), ((300, 200), (200, 100)), ((7, 300, 64), (64, 80)), ((6, 90, 64), (6, 64, 80))]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64"])
@pytest.mark.parametrize(("x", "y"), PRODUCTS, ids=str)
def test_products_in_given_memory(x: tuple[int, ...], y: tuple[int, ...], dtype: str) -> None:
    a, b = (RNG.normal(size=shape).astype(dtype) for shape in (x, y))
    expected = products.matmul(np, a, b)
    out = np.full_like(expected, 77)
    products.matmul(np, a, b, out=out)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("channels", [1, 8, 32])
@pytest.mark.parametrize("groups", [1, 4, "each"])
@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convolutions_in_given_memory(window: int, groups: Any, channels: int, onednn: bool, dtype: str) -> None:
    groups = channels if groups == "each" else groups
    if channels % groups:
        pytest.skip("no whole number of channels a group")
    x = RNG.normal(size=(6, 12, 12, channels)).astype(dtype)
    w = RNG.normal(size=(window, window, channels // groups, channels)).astype(dtype)
    rest: dict[str, Any] = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": groups}
    with fg.config.onednn(onednn):
        g = convolution.conv(np, x, w, **rest)
        for kernel, args, params in (
            (convolution.conv, (x, w), {}),
            (convolution.conv_data, (g, w), {"spatial": x.shape[1:3]}),
            (convolution.conv_weights, (x, g), {"window": w.shape[:2]}),
        ):
            expected = kernel(np, *args, **params, **rest)  # type: ignore[operator]
            out = np.full(expected.shape, 77, dtype)
            kernel(np, *args, **params, **rest, out=out)  # type: ignore[operator]
            np.testing.assert_array_equal(out, expected)


def test_plans_start_at_the_same_size_as_other_plans_for_memory() -> None:
    assert memory.LARGE < 1 << 20  # or the functions above would use no arena
