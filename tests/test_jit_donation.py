"""Donated arguments: gone after the call in every case, written over only where nobody can see it."""

from __future__ import annotations

import copy
import gc
import pickle
import queue
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from graphs import bits
from hypothesis import HealthCheck, given, settings

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.config import debug_nans, disable_jit
from funcgrad.errors import ArrayIndexError, DonatedArrayError, JitWarning, OptionError, TreeError
from funcgrad.transforms import donation

SHAPE = (128, 128)  # large enough for its memory to be planned
NBYTES = 4 * 128 * 128


def array(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> fg.Array:
    """An array which is NumPy's own, and which nobody else has."""
    found = fnp.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))
    assert donation.is_own(found._data)
    return found


def place(x: Any) -> int:
    """Where the values are."""
    return x._data.ctypes.data


def is_gone(x: Any) -> bool:
    try:
        x + 1
    except DonatedArrayError:
        return True
    return False


def scaled(x: Any) -> Any:
    return x * 0.5 + 1


def compiled(f: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The function under jit with its first argument donated, after so many calls that it runs as a program."""
    step = fg.jit(f, donate_argnums=0, **options)
    for _ in range(5):
        step(array(), *args)
    return step


# ---- what is written over -----------------------------------------------------------------------


def test_a_result_is_written_over_the_array_that_was_donated() -> None:
    step = compiled(scaled)
    x = array(3)
    expected, before = scaled(x), place(x)
    y = step(x)
    assert place(y) == before
    assert bits(y) == bits(expected)
    for _ in range(3):
        expected = scaled(y)
        y = step(y)
        assert place(y) == before
        assert bits(y) == bits(expected)


def train(params: Any, moments: Any, batch: Any) -> Any:
    """A step with momentum."""
    x, y = batch

    def loss(params: Any) -> Any:
        hidden = fnp.tanh(x @ params["w"] + params["b"])
        return ((hidden @ params["v"] - y) ** 2).mean()

    value, grads = fg.value_and_grad(loss)(params)
    moments = fg.tree.map(lambda m, g: 0.9 * m + g, moments, grads)
    return fg.tree.map(lambda p, m: p - 0.01 * m, params, moments), moments, value


def start() -> Any:
    params = {"w": array(1, (64, 256)), "b": array(2, (256,)), "v": array(3, (256, 64))}
    return params, fg.tree.map(lambda p: p * 0, params)


BATCH = array(4, (32, 64)), array(5, (32, 64))


def test_training_gives_the_same_numbers() -> None:
    plain, donating = fg.jit(train), fg.jit(train, donate_argnums=(0, 1))
    one, two = start(), start()
    for _ in range(8):
        *one, loss = plain(*one, BATCH)
        *two, other = donating(*two, BATCH)
        assert bits(loss) == bits(other)
    assert [bits(x) for x in fg.tree.leaves(one)] == [bits(x) for x in fg.tree.leaves(two)]


def peak(step: Callable[[], Any]) -> int:
    """The most memory that a step needs beside what there is before it."""
    for _ in range(12):  # and the program is compiled from C by then
        step()
    gc.collect()
    tracemalloc.start()
    step()
    step()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    step()
    found = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return found


def update(params: Any, moments: Any, grads: Any) -> Any:
    moments = fg.tree.map(lambda m, g: 0.9 * m + g, moments, grads)
    return fg.tree.map(lambda p, m: p - 0.01 * m, params, moments), moments


def test_an_update_needs_the_memory_of_one_array_instead_of_all() -> None:
    grads = [array(i) for i in range(10)]
    peaks = []
    for donated in ((), (0, 1)):
        step = fg.jit(update, donate_argnums=donated)
        held = [[array(i) for i in range(10)], [array(i) for i in range(10)]]

        def run(step: Any = step, held: Any = held) -> None:
            held[:] = step(*held, grads)

        peaks.append(peak(run))
    assert peaks[0] > 20 * NBYTES
    assert peaks[1] < 3 * NBYTES


def test_a_training_step_needs_less_memory() -> None:
    peaks = []
    for donated in ((), (0, 1)):
        step = fg.jit(train, donate_argnums=donated)
        held = list(start())

        def run(step: Any = step, held: Any = held) -> None:
            *held[:], _ = step(*held, BATCH)

        peaks.append(peak(run))
    assert peaks[0] - peaks[1] > 64 * 256 * 4


# ---- what is gone -------------------------------------------------------------------------------


def test_a_donated_array_is_gone_from_the_first_call_on() -> None:
    step = fg.jit(scaled, donate_argnums=0)
    for _ in range(5):
        x = array()
        step(x)
        assert is_gone(x)


def test_the_error_says_where_the_array_went() -> None:
    def train_step(x: Any) -> Any:
        return x * 2

    step = fg.jit(train_step, donate_argnums=0)
    for _ in range(4):
        x = array()
        step(x)  # the call
        with pytest.raises(DonatedArrayError) as caught:
            fnp.sum(x)  # the use
        text = str(caught.value)
        assert text.startswith(
            "this array (float32[128,128]) was donated to jit(train_step), and its memory belongs to"
        )
        assert "step(x)  # the call" in text
        assert text.index("# the call") < text.index("# the use")


def test_what_is_left_of_a_donated_array() -> None:
    x = array()
    fg.jit(scaled, donate_argnums=0)(x)
    assert isinstance(x, fg.Array)
    assert (x.shape, x.dtype, x.ndim, x.size, str(x.aval)) == (SHAPE, np.float32, 2, 128 * 128, "float32[128,128]")
    assert repr(x) == str(x) == "Array(float32[128,128], donated to jit(scaled))"


USES: dict[str, Callable[[Any], Any]] = {
    "an operation": lambda x: x + 1,
    "an operator from the right": lambda x: 1 + x,
    "a comparison": lambda x: x == 1,
    "an index": lambda x: x[0],
    "a view": lambda x: x.T,
    "np.asarray": np.asarray,
    "a function of NumPy": np.linalg.norm,
    "tolist": lambda x: x.tolist(),
    "item": lambda x: x.item(),
    "pickle": pickle.dumps,
    "dlpack": np.from_dlpack,
    "grad": lambda x: fg.grad(lambda v: fnp.sum(v * v))(x),
    "vmap": lambda x: fg.vmap(lambda v: v * 2)(x),
    "jvp": lambda x: fg.jvp(lambda v: v * v, (x,), (x,)),
    "jit": lambda x: fg.jit(lambda v: v + 1)(x),
    "its own function": lambda x: fg.jit(scaled, donate_argnums=0)(x),
    "the closure of a function": lambda x: fg.jit(lambda v: v + x)(1.0),
    "device": lambda x: x.device,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_every_use_of_a_donated_array_raises(use: Callable[[Any], Any]) -> None:
    x = array()
    fg.jit(scaled, donate_argnums=0)(x)
    with pytest.raises(DonatedArrayError, match=r"donated to jit\(scaled\)"):
        use(x)


def test_a_compiled_function_that_closes_over_a_donated_array_raises() -> None:
    x = array()
    add = fg.jit(lambda v: v + x)
    for _ in range(4):
        add(1.0)
    fg.jit(scaled, donate_argnums=0)(x)
    with pytest.raises(DonatedArrayError):
        add(1.0)


def impure(x: Any) -> Any:
    return x * np.random.rand()


def test_it_is_gone_where_the_function_runs_without_programs() -> None:
    step = fg.jit(impure, donate_argnums=0)
    xs = [array(i) for i in range(5)]
    with pytest.warns(JitWarning):
        [step(x) for x in xs]
    assert all(map(is_gone, xs))
    for setting in (disable_jit(True), debug_nans(True)):
        with setting:
            x = array()
            fg.jit(scaled, donate_argnums=0)(x)
        assert is_gone(x)


def test_arguments_are_donated_by_number_and_by_name() -> None:
    def f(x: Any, y: Any, *, z: Any = 1.0) -> Any:
        return x["a"] + y * 2 + z

    for options in ({"donate_argnums": -1}, {"donate_argnums": 1}, {"donate_argnames": "y"}):
        step = fg.jit(f, **options)
        for _ in range(5):
            x, y = array(), array(1)
            step({"a": x}, y)
            assert [is_gone(x), is_gone(y)] == [False, True]
        for _ in range(5):
            x, y, z = array(), array(1), array(2)
            step(y=y, x={"a": x}, z=z)
            assert [is_gone(x), is_gone(y), is_gone(z)] == [False, True, False]
    step = fg.jit(f, donate_argnums=0, donate_argnames="z")
    for _ in range(5):
        x, y, z = array(), array(1), array(2)
        step({"a": x}, y, z=z)
        assert [is_gone(x), is_gone(y), is_gone(z)] == [True, False, True]


def test_methods_and_numbers() -> None:
    class Optimiser:
        @fg.jit(donate_argnums=(1, 2))
        def step(self, x: Any, rate: Any) -> Any:
            return x * rate, rate

    optimiser = Optimiser()
    for rate in (0.5, 0.25, 0.125, 2.0, 3.0):
        x = array()
        expected = x * rate
        found, same = optimiser.step(x, rate)
        assert bits(found) == bits(expected)
        assert same == rate
        assert is_gone(x)


def test_an_argument_cannot_be_static_and_donated() -> None:
    with pytest.raises(OptionError, match="either static or donated, 'n' cannot be both"):
        fg.jit(lambda n: n, static_argnums=0, donate_argnums=0)
    with pytest.raises(OptionError):
        fg.jit(lambda x, n: n, static_argnames="n", donate_argnums=1)
    with pytest.raises(TreeError, match="no argument is named 'm'"):
        fg.jit(lambda n: n, donate_argnames="m")


def test_static_arguments_beside_donated_ones() -> None:
    def f(k: int, x: Any, table: Any) -> Any:
        return x * k + table["k"]

    step, table = fg.jit(f, static_argnums=(0, 2), donate_argnums=1), {"k": 2}
    for k in (1, 2, 1, 2, 1, 2, 1, 2):
        x = array()
        expected, before = x * k + 2, place(x)
        y = step(k, x, table)
        assert bits(y) == bits(expected)
    assert place(y) == before


# ---- what is given back as it is ----------------------------------------------------------------


def test_a_donated_array_that_is_a_result_lives_on_in_it() -> None:
    step = fg.jit(lambda x, n: (x, {"again": x}, n, x + 1), donate_argnums=0)
    for _ in range(5):
        x, n = array(), array(1)
        expected = bits(x)
        y, again, m, _ = step(x, n)
        assert is_gone(x)
        assert bits(y) == bits(again["again"]) == expected
        assert bits(m) == bits(n)
        assert not is_gone(n)


def test_arrays_of_another_module_are_gone_as_well() -> None:
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    step = fg.jit(scaled, donate_argnums=0)
    for _ in range(5):
        x = fg.asarray(strict.ones(SHAPE, dtype=strict.float32))
        assert step(x).shape == SHAPE
        assert is_gone(x)


def test_one_result_twice_is_not_written_over() -> None:
    twice = fg.jit(lambda x: (x * 2, x * 2), donate_argnums=0)
    step = fg.jit(lambda pair: (pair[0] + 1, pair[1] + 2), donate_argnums=0)
    for _ in range(6):
        pair = twice(array())
        a, b = step(pair)
        assert bits(a) == bits(array() * 2 + 1)
        assert bits(b) == bits(array() * 2 + 2)


# ---- what somebody else can see -----------------------------------------------------------------


def wrapped(make: Callable[[np.ndarray[Any, Any]], Any]) -> Callable[[], Any]:
    """(array, who has its memory) of a NumPy array that is shared with us."""

    def both() -> Any:
        data = np.array(array()._data)
        return fnp.asarray(make(data), copy=False), data

    return both


def read_only(data: Any) -> Any:
    data.flags.writeable = False
    return data


def another(view: Callable[[Any], Any]) -> Callable[[], Any]:
    """(array, another look at it)"""

    def both() -> Any:
        x = array()
        return x, view(x)

    return both


SHARED: dict[str, Callable[[], Any]] = {
    "a NumPy array of the user's": wrapped(lambda data: data),
    "a read-only one": wrapped(read_only),
    "a view of one": wrapped(lambda data: data[:]),
    "a piece of a larger one": wrapped(lambda data: np.concatenate([data, data])[: SHAPE[0]]),
    "a buffer": wrapped(lambda data: np.frombuffer(bytearray(data.tobytes()), data.dtype).reshape(SHAPE)),
    "np.asarray": another(np.asarray),
    "a piece of np.asarray": another(lambda x: np.asarray(x)[3:]),
    "a memoryview": another(lambda x: memoryview(x._data)),
    "DLPack": another(np.from_dlpack),
    "DLPack without a copy": another(lambda x: np.from_dlpack(x._data)),
    "the transpose": another(lambda x: x.T),
    "a piece": another(lambda x: x[2:5]),
    "a reshaped one": another(lambda x: x.reshape(-1)),
    "another array": another(lambda x: fg.Array(x._data)),
    "stop_gradient": another(fg.stop_gradient),
    "the raw array": another(lambda x: x._data),
}


@pytest.mark.parametrize("make", SHARED.values(), ids=SHARED.keys())
def test_memory_that_somebody_else_sees_is_not_written_over(make: Callable[[], Any]) -> None:
    step = compiled(scaled)
    for _ in range(3):
        x, other = make()
        seen = other if isinstance(other, fg.Array) else fg.Array(np.asarray(other))
        before, expected = bits(seen), bits(scaled(x))
        found = step(x)
        if other is not x:  # `stop_gradient` gives the very array
            assert bits(seen) == before
        assert bits(found) == expected
        assert is_gone(x)
        assert place(step(array(9))) != place(found)


def test_a_torch_tensor_of_the_same_memory_is_not_written_over() -> None:
    torch = pytest.importorskip("torch")
    step = compiled(scaled)
    data = torch.randn(SHAPE)
    before = data.clone()
    x = fnp.asarray(data.numpy(), copy=False)
    step(x)
    assert torch.equal(data, before)
    x = array()
    data = torch.from_dlpack(x._data)
    before = data.clone()
    step(x)
    assert torch.equal(data, before)


COPIES: dict[str, Callable[[Any], Any]] = {"fnp.copy": fnp.copy, "copy": copy.copy, "deepcopy": copy.deepcopy}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES.keys())
def test_a_copy_stays(copied: Callable[[Any], Any]) -> None:
    step = compiled(scaled)
    x = array()
    before, kept = bits(x), copied({"x": x})["x"] if copied is copy.deepcopy else copied(x)
    assert kept._data is x._data
    step(x)
    assert bits(kept) == before
    seen = fg.vmap(lambda row: copied(row) * 2)(kept)
    assert bits(seen) == bits(kept * 2)


def test_a_copy_of_what_a_function_closes_over_is_no_constant() -> None:
    class Box:
        x = array()

    box = Box()
    f = fg.jit(lambda y: fnp.copy(box.x) + copy.copy(box.x) + y)
    for i in range(5):
        box.x = array(i)
        assert bits(f(1.0)) == bits(box.x + box.x + 1.0)


def test_a_constant_that_another_function_returns() -> None:
    start, step = fg.jit(lambda x: (x + 1, fnp.zeros(SHAPE) + 2)), fg.jit(scaled, donate_argnums=0)
    for _ in range(6):
        _, x = start(1.0)
        assert bits(x) == bits(fnp.zeros(SHAPE) + 2)
        assert bits(step(x)) == bits(fnp.zeros(SHAPE) + 2)


def test_the_same_array_twice() -> None:
    step = fg.jit(lambda x, y: (x * 2, y + x), donate_argnums=(0, 1))
    for _ in range(6):
        x = array()
        expected = [bits(x * 2), bits(x + x)]
        assert [bits(y) for y in step(x, x)] == expected
        assert is_gone(x)


def test_an_array_that_is_another_argument_as_well() -> None:
    step = fg.jit(lambda x, y: (x * 2, y, y - 1), donate_argnums=0)
    for _ in range(6):
        x = array()
        expected = [bits(x * 2), bits(x), bits(x - 1)]
        found = step(x, x)
        assert [bits(y) for y in found] == expected
        assert is_gone(x)
    # what was twice at first is not taken for donated when it is not
    for _ in range(3):
        x, y = array(), array(1)
        step(x, y)
        assert [is_gone(x), is_gone(y)] == [True, False]


def test_an_array_that_is_captured_as_well() -> None:
    class Box:
        x = array()

    box = Box()
    step = fg.jit(lambda x: x * 2 + box.x, donate_argnums=0)
    for i in range(6):
        box.x = array(i)
        expected = bits(box.x * 2 + box.x)
        assert bits(step(box.x)) == expected
        assert is_gone(box.x)


def test_what_a_pullback_has_saved() -> None:
    """It may raise, and it is never wrong."""
    step = compiled(scaled)
    for f in (lambda x: fnp.sum(x * x), fg.jit(lambda x: fnp.sum(x * x))):
        for _ in range(4):
            x = array()
            _, pull = fg.vjp(f, x)
            expected = bits(2 * x)
            step(x)
            try:
                (found,) = pull(fnp.asarray(1.0))
            except DonatedArrayError:
                continue
            assert bits(found) == expected


def test_a_set_of_arrays_that_changes_from_call_to_call() -> None:
    step = fg.jit(lambda xs: [x * 2 + 1 for x in xs], donate_argnums=0)
    generator = np.random.default_rng(0)
    for turn in range(60):
        xs = [array(i) for i in range(6)]
        kept = {i: xs[i].T for i in range(6) if generator.random() < 0.5}
        expected, before = [bits(x * 2 + 1) for x in xs], {i: bits(x.T) for i, x in enumerate(xs)}
        places = list(map(place, xs))
        found = step(xs)
        assert [bits(x) for x in found] == expected
        assert all(bits(x) == before[i] for i, x in kept.items())
        over = [place(x) == at for x, at in zip(found, places, strict=True)]
        assert not any(over[i] for i in kept)
        if 4 < turn < 8:
            assert over == [i not in kept for i in range(6)]


def test_a_callback_keeps_what_it_was_shown() -> None:
    kept: queue.SimpleQueue[Any] = queue.SimpleQueue()
    step = fg.jit(lambda x: (fg.io_callback(kept.put, None, x), x * 2 + 1)[1], donate_argnums=0)
    for i in range(6):
        step(array(i))
    for i in range(6):
        np.testing.assert_array_equal(kept.get(), array(i)._data)


def test_another_thread_that_reads_the_array_reads_its_values_or_raises() -> None:
    step = compiled(scaled)
    shared, wrong, stop = [array()], [], threading.Event()
    values = {bits(fnp.sum(array(i)[5:]))[2] for i in range(4)}

    def read() -> None:
        while not stop.is_set():
            try:
                found = bits(fnp.sum(shared[0][5:]))[2]
            except DonatedArrayError:
                continue
            if found not in values:
                wrong.append(found)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(300):
            shared[0] = array(turn % 4)
            step(shared[0])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong


# ---- errors and questions -----------------------------------------------------------------------


def test_arrays_are_as_they_were_if_the_function_raises() -> None:
    def f(x: Any, index: Any) -> Any:
        y = x * 2
        return y, x[index] + 1

    step = fg.jit(f, donate_argnums=0)
    inside, outside = fnp.asarray([0, 1, 2]), fnp.asarray([0, 1, 200])
    for _ in range(3):
        for _ in range(3):
            x = array()
            step(x, inside)
            assert is_gone(x)
        x = array()
        before = bits(x)
        with pytest.raises(ArrayIndexError, match=r"return y, x\[index\] \+ 1"):
            step(x, outside)
        assert bits(x) == before


def test_an_error_that_the_function_catches() -> None:
    def f(x: Any, index: Any) -> Any:
        y = x * 2
        try:
            return y + x[index].sum()
        except ArrayIndexError:
            return x * 3

    step = fg.jit(f, donate_argnums=0)
    for row in (0, 1, 2, 300, 3, 300, 400, 4, 5):
        x, index = array(), fnp.asarray([row])
        expected = bits(f(x, index))
        assert bits(step(x, index)) == expected
        assert is_gone(x)


def test_an_error_after_something_was_written_over_reaches_the_user() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * 2, fnp.exp(y)

    step = compiled(f, array())
    x, y = array(), array(1) + 1000
    with np.errstate(over="raise"), pytest.raises(FloatingPointError) as caught:
        step(x, y)
    assert "the arrays donated to jit(f) are lost" in str(caught.value.__notes__)
    assert is_gone(x)
    assert not is_gone(y)
    # and before
    step = compiled(lambda x, y: x * fnp.sum(fnp.exp(y)), array())
    x, before = array(), bits(array())
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        step(x, y)
    assert bits(x) == before


def test_an_interrupt_leaves_arrays_that_were_not_written_over() -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    for f, is_lost in ((lambda x, y: x * fnp.sum(fnp.exp(y)), False), (lambda x, y: (x * 2, fnp.exp(y)), True)):
        step = compiled(f, array())
        x, y, before = array(), array(1) + 1000, bits(array())
        with np.errstate(over="call", call=interrupt), pytest.raises(KeyboardInterrupt):
            step(x, y)
        assert is_gone(x) == is_lost
        assert is_lost or bits(x) == before


def branching(x: Any, n: Any) -> Any:
    y = x * 2
    if n > 1:
        y = y + x
    while n > 0:
        y = y - 0.5 * x
        n = n - 1
    return y * x, x + n


def test_paths_are_recorded_from_the_arrays_as_they_were() -> None:
    step = fg.jit(branching, donate_argnums=0)
    over = 0
    for n in (1, 1, 1, 2, 1, 2, 3, 2, 3, 3, 5, 0, 5, 0, 0, 7, 4, 1):
        x = array(n)
        expected, before = [bits(y) for y in branching(x, n)], place(x)
        found = step(x, n)
        assert [bits(y) for y in found] == expected
        assert is_gone(x)
        over += before in map(place, found)
    assert over > 3


def test_a_scan_does_not_write_over_what_it_starts_from() -> None:
    def f(x: Any, rows: Any) -> Any:
        last, ys = fg.scan(lambda c, row: (c * 0.5 + row, c.sum()), x, rows)
        return last + x, ys

    step, rows = fg.jit(f, donate_argnums=0), array(7, (5, 128))
    for i in range(6):
        x = array(i)
        expected = [bits(y) for y in f(x, rows)]
        assert [bits(y) for y in step(x, rows)] == expected


# ---- under transforms ---------------------------------------------------------------------------


def test_under_transforms_nothing_is_donated() -> None:
    step = fg.jit(lambda x: x * x + 1, donate_argnums=0)
    outer: dict[str, Callable[[Any], Any]] = {
        "grad": fg.grad(lambda x: step(x).sum()),
        "jvp": lambda x: fg.jvp(step, (x,), (x,)),
        "vmap": fg.vmap(step),
        "jit": fg.jit(lambda x: step(x) + x),
    }
    for f in outer.values():
        for _ in range(5):
            x = array()
            before = bits(x)
            f(x)
            assert bits(x) == before


def test_in_another_jitted_function_nothing_is_donated_however_it_runs() -> None:
    step = fg.jit(scaled, donate_argnums=0)

    def inner(x: Any, index: Any) -> Any:
        y = step(x)
        return y + x + x[index]

    index = fnp.asarray([1])
    x, expected, before = array(), bits(scaled(array()) + array() + array()[index]), bits(array())
    pure, impure = fg.jit(inner), fg.jit(lambda x, index: (inner(x, index), np.random.rand())[0])
    for f in (pure, impure):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JitWarning)
            for _ in range(6):
                assert bits(f(x, index)) == expected
        with pytest.raises(ArrayIndexError):
            f(x, index + 200)
        with disable_jit(True):
            assert bits(f(x, index)) == expected
        assert bits(x) == before
    # and afterwards it is again
    step(x)
    assert is_gone(x)


def test_a_donating_function_of_gradients_of_itself() -> None:
    def f(x: Any) -> Any:
        return fnp.sum(fnp.sin(x) * x)

    step = fg.jit(lambda x: x - 0.1 * fg.grad(f)(x), donate_argnums=0)
    x, y = array(), array()
    for _ in range(6):
        y = y - 0.1 * fg.grad(f)(y)
        x = step(x)
        assert bits(x) == bits(y)


# ---- programs that nobody wrote -----------------------------------------------------------------

OPERATIONS: list[Callable[[Any, Any], Any]] = [
    lambda x, y: x + y,
    lambda x, y: x * 0.5,
    lambda x, y: y - x,
    lambda x, y: fnp.tanh(x),
    lambda x, y: fnp.where(x > y, x, y * 0.5),
    lambda x, y: x.T,
    lambda x, y: (x @ y) / 64,
    lambda x, y: x - x.sum(0) / 128,
    lambda x, y: fnp.concatenate([x[64:], y[:64]]),
    lambda x, y: x.reshape(64, 256).reshape(128, 128),
    lambda x, y: x,
    lambda x, y: x + 1 if x[0, 0] > 0.3 else x,
    lambda x, y: x[fnp.asarray(np.arange(128)[::-1].copy())],
]


@st.composite
def programs(draw: Any) -> Any:
    """Steps, each of an operation and its operands; which values are results; which arguments are donated."""
    count = 3
    steps = []
    for _ in range(draw(st.integers(1, 8))):
        pick = st.integers(0, count - 1)
        steps.append((draw(st.integers(0, len(OPERATIONS) - 1)), draw(pick), draw(pick)))
        count += 1
    results = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=4))
    return steps, results, sorted(draw(st.sets(st.integers(0, 2), min_size=1)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), st.lists(st.sampled_from(["", "", "view", "twice", "previous"]), min_size=6, max_size=6))
def test_random_programs_give_what_they_give_without_donation(program: Any, hazards: list[str]) -> None:
    steps, results, donated = program

    def f(*values: Any) -> Any:
        found = list(values)
        for op, i, j in steps:
            found.append(OPERATIONS[op](found[i], found[j]))
        return [found[i] for i in results]

    step, previous = fg.jit(f, donate_argnums=donated), [array(i) for i in range(3)]
    for turn, hazard in enumerate(hazards):
        xs = [array(3 * turn + i) for i in range(3)]
        kept: list[Any] = []
        if hazard == "view":
            kept = [x.T for x in xs] + [np.asarray(x)[1:] for x in xs]
        elif hazard == "twice":
            xs[1] = xs[0]
        elif hazard == "previous":
            xs = [*previous, *xs][:3]
        before, expected = [np.array(x) for x in kept], [bits(x) for x in f(*xs)]
        others = [(x, bits(x)) for i, x in enumerate(xs) if i not in donated]
        gone = [xs[i] for i in donated]
        previous = step(*xs)
        assert [bits(x) for x in previous] == expected
        assert all(map(is_gone, gone))
        assert all(bits(x) == old for x, old in others if not any(x is y for y in gone))
        for x, old in zip(kept, before, strict=True):
            np.testing.assert_array_equal(np.asarray(x), old)


@pytest.fixture(autouse=True)
def programs_are_forgotten() -> Iterator[None]:
    yield
    fg.clear_caches()
