"""checkpoint: the same numbers under every nesting, what runs again and when, and what is alive between the passes."""

import gc
import tracemalloc

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.core import PRIMITIVES
from funcgrad.errors import DtypeError, OptionError, ShapeError
from funcgrad.transforms import saving

RNG = np.random.default_rng(0)
W, V, ROWS = (fg.asarray(RNG.normal(size=shape)) for shape in ((3, 3), (3,), (4, 3)))
P = fg.checkpoint_policies
WAYS = {
    "all again": fg.checkpoint,
    "remat": fg.remat,
    "products kept": fg.checkpoint(policy=P.dots_saveable),
    "all but a name kept": fg.checkpoint(policy=P.save_anything_except_these_names("other")),
    "products offloaded": fg.checkpoint(policy=P.offload_dot_with_no_batch_dims("device", "pinned_host")),
    "a name offloaded": fg.checkpoint(
        policy=P.save_and_offload_only_these_names(
            names_which_can_be_saved=[],
            names_which_can_be_offloaded=["other"],
            offload_src="device",
            offload_dst="pinned_host",
        )
    ),
    "everything kept": fg.checkpoint(policy=P.everything_saveable),
}
TRANSFORMED = {
    "grad": lambda f: fg.grad(f)(W, V),
    "grad in x": lambda f: fg.grad(f, 1)(W, V),
    "vmap of grad": lambda f: fg.vmap(fg.grad(f), (None, 0))(W, ROWS),
    "grad of vmap": lambda f: fg.grad(lambda w: fg.vmap(f, (None, 0))(w, ROWS).sum())(W),
    "hessian": lambda f: fg.hessian(f, 1)(W, V),
    "jacrev of jacfwd": lambda f: fg.jacrev(fg.jacfwd(f, 1), 1)(W, V),
    "grad of grad": lambda f: fg.grad(lambda x: fg.grad(f, 1)(W, x).sum())(V),
    "grad of grad of grad": lambda f: fg.grad(lambda x: fg.grad(lambda x: fg.grad(f, 1)(W, x).sum())(x).sum())(V),
    "grad of jvp": lambda f: fg.grad(lambda x: fg.jvp(lambda x: f(W, x), (x,), (V,))[1])(V),
    "grad of vmap of grad": lambda f: fg.grad(
        lambda x: fg.vmap(fg.grad(lambda x, y: f(W, x * y)), (None, 0))(x, ROWS).sum()
    )(V),
    "vmap of grad of vmap": lambda f: fg.vmap(lambda y: fg.grad(lambda w: fg.vmap(f, (None, 0))(w, ROWS * y).sum())(W))(
        ROWS
    ),
    "vjp, twice": lambda f: fnp.stack([fg.vjp(lambda x: f(W, x), V)[1](ct)[0] for ct in (1.0, 2.0)]),
}


def network(wrap):
    """Checkpoints one after the other and inside of each other, all of which close over the weights."""

    def f(w, x):
        h = wrap(lambda h: fnp.tanh(w @ h))(x)
        h = wrap(lambda h: fnp.sin(wrap(lambda z: fg.checkpoint_name(w @ z, "other") * z)(h)))(h)
        return fnp.sum(h * h)

    return f


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("transform", TRANSFORMED)
def test_the_numbers_are_those_without(way, transform):
    found, expected = (TRANSFORMED[transform](network(wrap)) for wrap in (WAYS[way], lambda f: f))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_trees_keywords_static_arguments_and_methods():
    @fg.checkpoint(static_argnums=2, static_argnames="mode")
    def f(params, x, activation, *, mode, scale=1.0):
        assert mode is object_mode
        return {"y": activation(params["w"] @ x) * scale, "n": 2}

    object_mode = object()

    def loss(params):
        out = f(params, V, fnp.sin, mode=object_mode, scale=3.0)
        return out["y"].sum() * out["n"]

    found = fg.grad(loss)({"w": W, "unused": None})
    expected = fg.grad(lambda w: fnp.sin(w @ V).sum() * 6.0)(W)
    np.testing.assert_allclose(found["w"], expected)
    assert found["unused"] is None

    class Model:
        @fg.checkpoint
        def __call__(self, x):
            return fnp.sin(x)

    assert float(fg.grad(lambda x: Model.__call__(None, x))(0.0)) == 1.0


def test_python_control_flow_inside_under_vmap():
    def branches(wrap):
        def f(w, x):
            def body(h):
                if h[0] > 0:
                    return fnp.sin(w @ h)
                return (w @ h) * 2

            return wrap(body)(x).sum()

        return f

    for policy in (None, P.dots_saveable):
        found = branches(fg.checkpoint(policy=policy))
        expected = branches(lambda f: f)
        for transform in ("vmap of grad", "grad of vmap", "grad of vmap of grad"):
            np.testing.assert_allclose(
                TRANSFORMED[transform](found), TRANSFORMED[transform](expected), rtol=1e-10, atol=1e-12
            )


def test_dropout_is_the_same_on_both_runs():
    def loss(x, wrap):
        return wrap(lambda x: F.dropout(fnp.sin(x), 0.5, key=random.key(3)).sum())(x)

    x = fnp.arange(100.0)
    np.testing.assert_array_equal(fg.grad(loss)(x, fg.checkpoint), fg.grad(loss)(x, lambda f: f))


# ---- what runs, and what stays -------------------------------------------------------------------


@pytest.fixture
def count(monkeypatch):
    """How often each of some operations has run."""
    found = {"sin": 0, "matmul": 0}
    for name in found:
        impl = PRIMITIVES[name].impl

        def counted(*args, name=name, impl=impl, **params):
            found[name] += 1
            return impl(*args, **params)

        monkeypatch.setattr(PRIMITIVES[name], "impl", counted)
    return found


def layer(w, x):
    return fnp.exp(fg.checkpoint_name(w @ x, "product"))


POLICIES = {
    "nothing": (None, 2),
    "nothing, by name": (P.nothing_saveable, 2),
    "products": (P.dots_saveable, 1),
    "products without batch": (P.dots_with_no_batch_dims_saveable, 1),
    "the name": (P.save_only_these_names("product"), 1),
    "another name": (P.save_only_these_names("other"), 2),
    "any name but another": (P.save_any_names_but_these("other"), 1),
    "both": (P.save_from_both_policies(P.save_only_these_names("other"), P.dots_saveable), 1),
    "a function": (lambda primitive, *avals, **params: primitive.name == "matmul" and avals[0].shape == (3, 3), 1),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_decides_what_runs_again(policy, monkeypatch):
    chosen, times = POLICIES[policy]
    ran = []
    real = saving.Replay.process

    def process(self, primitive, args, params):
        kept = self.count in self.saved
        out = real(self, primitive, args, params)
        if primitive.name in ("matmul", "checkpoint_name"):
            ran.append((primitive.name, kept))
        return out

    monkeypatch.setattr(saving.Replay, "process", process)
    found = fg.grad(lambda w: fg.checkpoint(layer, policy=chosen)(w, V).sum())(W)
    np.testing.assert_allclose(found, fg.grad(lambda w: layer(w, V).sum())(W))
    assert len(ran) == 2
    assert any(kept for _, kept in ran) == (times == 1)


def test_the_function_runs_once_forward_and_once_backward():
    runs = []

    def f(x):
        runs.append(1)
        return fnp.sin(x)

    _, pull = fg.vjp(fg.checkpoint(f), 0.5)
    assert len(runs) == 1
    pull(1.0)
    assert len(runs) == 2
    pull(1.0)
    assert len(runs) == 3
    fg.vmap(fg.checkpoint(f))(fnp.ones(3))
    fg.jvp(fg.checkpoint(f), (1.0,), (1.0,))
    fg.checkpoint(f)(1.0)
    assert len(runs) == 6


def chain(n, wrap):
    """n sines of 10,000 numbers, in wrapped segments of sqrt(n)."""
    length = round(n**0.5)

    def segment(x):
        for _ in range(length):
            x = fnp.sin(x)
        return x

    def f(x):
        for _ in range(length):
            x = wrap(segment)(x)
        return x.sum()

    return f


def peak(f):
    """The most arrays of 10,000 numbers that a gradient holds at one time."""
    x = fnp.ones(10_000)
    gc.collect()
    tracemalloc.start()
    fg.grad(f)(x)
    found = tracemalloc.get_traced_memory()[1] / x.nbytes
    tracemalloc.stop()
    return found


def test_memory_grows_as_the_square_root():
    with_all = [peak(chain(n, lambda f: f)) for n in (64, 256)]
    without = [peak(chain(n, fg.checkpoint)) for n in (64, 256)]
    assert with_all[0] > 64
    assert with_all[1] > 256
    assert without[0] < 2.5 * 8 + 4
    assert without[1] < 2.5 * 16 + 4


def test_sequential_segments():
    functions = [lambda x, k=k: fnp.sin(x * k) for k in (1.0, 2.0, 3.0, 4.0, 5.0)]

    def plain(x):
        for f in functions:
            x = f(x)
        return x

    for segments in (1, 2, 3, 5, 9):
        run = lambda x, n=segments: fg.checkpoint_sequential(functions, n, x)  # noqa: E731
        np.testing.assert_allclose(run(0.3), plain(0.3), rtol=1e-6)
        np.testing.assert_allclose(fg.grad(run)(0.3), fg.grad(plain)(0.3), rtol=1e-6)
    assert fg.checkpoint_sequential([], 2, 1.0) == 1.0
    with pytest.raises(OptionError, match="segments must be a positive int"):
        fg.checkpoint_sequential(functions, 0, 1.0)


def test_what_is_no_policy_is_said():
    policies = fg.checkpoint_policies
    with pytest.raises(OptionError, match=r"the policy must be a function.*not 'dots_saveable'"):
        fg.checkpoint(fnp.sin, policy="dots_saveable")
    # a policy that makes policies answered a function, which is true: it kept everything
    with pytest.raises(OptionError, match=r"call it, policy=save_only_these_names\(\.\.\.\)"):
        fg.grad(fg.checkpoint(fnp.sin, policy=policies.save_only_these_names))(1.0)
    assert float(fg.grad(fg.checkpoint(lambda x: x * x, policy=lambda primitive, *avals: np.bool_(True)))(2.0)) == 4.0


def test_what_is_no_array_cannot_be_returned():
    with pytest.raises(DtypeError, match="the function returned an object: return a pytree of arrays"):
        fg.grad(lambda x: fg.checkpoint(lambda x: (x, object()))(x)[0])(1.0)


# ---- what is saved, in words ---------------------------------------------------------------------


def test_saved_residuals_are_listed(capsys):
    def f(w, x):
        return fnp.sum(fnp.sin(w @ x))

    m = fg.asarray(RNG.normal(size=(3, 2)))
    assert sorted(str(aval) for aval, _ in fg.saved_residuals(f, W, m)) == ["float64[3,2]"] * 2 + ["float64[3,3]"]
    fg.print_saved_residuals(f, W, m)
    out = capsys.readouterr().out
    assert "float64[3,3] from argument 0" in out
    assert "float64[3,2] from argument 1" in out
    assert "output of matmul at" in out
    fg.print_saved_residuals(fg.checkpoint(f), W, m)
    out = capsys.readouterr().out
    assert "output of" not in out
    assert "float64[3,3] from argument 0" in out
    kept = fg.checkpoint(f, policy=P.dots_saveable)
    assert any("matmul, kept by the policy" in text for _, text in fg.saved_residuals(kept, W, m))


@pytest.mark.parametrize("policy", [None, fg.checkpoint_policies.dots_saveable])
def test_effects_happen_once_and_what_they_returned_stays(policy):
    numbers, seen = iter(range(1, 100)), []
    form = fg.ShapeDtypeStruct((), "float64")

    def f(x):
        n = fg.io_callback(lambda: np.float64(next(numbers)), form)
        fg.debug.callback(lambda v: seen.append(float(v)), x)
        return n * x * x

    wrapped = fg.checkpoint(f, policy=policy)
    x = fg.asarray(np.array([1.0, 2.0, 3.0]))
    assert float(fg.grad(wrapped)(x[1])) == 4.0  # n is 1
    assert seen == [2.0]
    assert float(fg.grad(fg.grad(wrapped))(x[1])) == 4.0  # n is 2
    assert fg.vmap(fg.grad(wrapped))(x).tolist() == [6.0, 12.0, 18.0]  # a batch calls it once, where nothing is batched
    numbers = iter(range(1, 100))
    by_row = lambda x: fg.io_callback(lambda v: np.float64(next(numbers)) + 0 * v, form, fg.stop_gradient(x)) * x  # noqa: E731
    assert fg.vmap(fg.grad(fg.checkpoint(by_row, policy=policy)))(x).tolist() == [1.0, 2.0, 3.0]
    assert fg.grad(lambda x: fg.vmap(fg.checkpoint(by_row, policy=policy))(x).sum())(x).tolist() == [4.0, 5.0, 6.0]
    outer = fg.checkpoint(lambda x: fg.vmap(by_row)(x).sum() + wrapped(x[0]), policy=policy)
    assert fg.grad(outer)(x).tolist() == [7.0 + 2 * 10.0, 8.0, 9.0]


def test_a_scan_prints_once(capsys):
    def step(c, x):
        fg.debug.print("{}", x)
        return c * x, None

    assert float(fg.grad(lambda c: fg.scan(step, c, fnp.arange(1.0, 4.0))[0])(1.0)) == 6.0
    assert capsys.readouterr().out.split() == ["1.0", "2.0", "3.0"]


def test_what_python_alone_reads_from_around_is_found_by_the_second_run():
    xs, ns = fg.asarray(np.array([1.0, 2.0, 4.0])), fnp.asarray([0, 1, 2])

    def by_rows(body):
        return fg.grad(lambda xs: fg.vmap(lambda x, n: body(x, n, n > 0))(xs, ns).sum())(xs).tolist()

    assert by_rows(lambda x, n, flag: fg.checkpoint(lambda x: x * int(n) if flag else -x)(x)) == [-1.0, 1.0, 2.0]
    step = lambda n, flag, x: lambda c, _: (c * x ** int(n) if flag else c, None)  # noqa: E731
    scanned = by_rows(lambda x, n, flag: fg.scan(step(n, flag, x), 1.0 * x, length=2)[0])
    assert scanned == [1.0, 3 * 2.0**2, 5 * 4.0**4]


# ---- other devices -------------------------------------------------------------------------------


def test_what_is_offloaded_waits_on_the_other_device_and_comes_back(monkeypatch):
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    here, host = strict.Device("device1"), strict.Device("CPU_DEVICE")
    w, v = (fg.asarray(strict.asarray(np.array(x), device=here)) for x in (W, V))
    only_h = P.save_and_offload_only_these_names(
        names_which_can_be_saved=["k"], names_which_can_be_offloaded=["h"], offload_src="device", offload_dst=host
    )
    policies = {
        P.save_only_these_names("h", "k"): [here, here],
        only_h: [host, here],
        P.offload_dot_with_no_batch_dims("device", host): [host],
        P.save_from_both_policies(only_h, P.dots_saveable): [host, here, here],
    }
    waiting, start = [], saving.Replay.__init__

    def spy(self, parent, saved):
        waiting.append([kept.out.device for kept in saved.values()])
        start(self, parent, saved)

    monkeypatch.setattr(saving.Replay, "__init__", spy)

    def f(w, v):
        h = fg.checkpoint_name(fnp.sin(w @ w), "h")
        return fnp.sum(fnp.sin(fg.checkpoint_name(h * v, "k")))

    expected = fg.grad(f)(W, V)
    for policy, devices in policies.items():
        waiting.clear()
        slopes = fg.grad(fg.checkpoint(f, policy=policy))(w, v)
        assert sorted(map(str, waiting[0])) == sorted(map(str, devices))
        assert slopes.device == here
        np.testing.assert_allclose(np.asarray(slopes._data.to_device(host)), expected, rtol=1e-12)


def test_a_name_is_saved_or_offloaded():
    with pytest.raises(OptionError, match="a cannot be both saved and offloaded"):
        P.save_and_offload_only_these_names(names_which_can_be_saved=["a", "b"], names_which_can_be_offloaded=["a"])


@pytest.mark.parametrize("second", [lambda x: fnp.stack([x, x]), lambda x: x.astype("float64"), lambda x: (x, x)])
def test_a_checkpoint_that_returns_something_else_on_its_second_run(second):
    runs = []

    @fg.checkpoint
    def layer(x):
        runs.append(x)
        return x * 2.0 if len(runs) == 1 else second(x * 2.0)

    words = r"checkpoint: f returned (float|nothing|2).*, before (float32\[3\]|nothing); it must do the same on both"
    with pytest.raises(ShapeError, match=words):
        fg.grad(lambda x: layer(x).sum())(fnp.ones(3))
