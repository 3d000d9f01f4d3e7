"""Second derivatives, linear algebra, assignment, noise, microbatches and states by name, against optax."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, tree
from funcgrad import random as fg_random

jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
jnp = jax.numpy
for module in ("assignment", "microbatching", "perturbations", "second_order"):
    pytest.importorskip(f"optax.{module}")

RNG = np.random.default_rng(0)
PARAMS = {"w": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}
INPUTS, TARGETS = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
ROOT = RNG.normal(size=(4, 4))
MATRIX = ROOT @ ROOT.T
X = np.arange(12.0).reshape(6, 2)

OURS = SimpleNamespace(o=optim, np=fnp, key=fg_random.key(0), array=fnp.asarray, map=tree.map)
THEIRS = SimpleNamespace(o=optax, np=jnp, key=None, array=jnp.asarray, map=jax.tree.map)


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    with jax.enable_x64(True):
        THEIRS.key = jax.random.key(0)
        yield


def agree(call: Any, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    """The same numbers of both, leaf by leaf."""
    found, expected = tree.leaves(call(OURS)), jax.tree.leaves(call(THEIRS))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


def loss(m: Any) -> Any:
    return lambda p, x, y: m.np.mean((m.np.tanh(x @ p["w"] + p["b"]) - y) ** 2)


def with_data(call: Any) -> Any:
    return lambda m: call(m.o.second_order, loss(m), m.map(m.array, PARAMS), m.array(INPUTS), m.array(TARGETS), m)


@pytest.mark.parametrize(
    "call",
    [
        lambda s, f, p, x, y, m: s.hvp(f, m.array(np.arange(8.0)), p, x, y),
        lambda s, f, p, x, y, m: s.hessian_diag(f, p, x, y),
        lambda s, f, p, x, y, m: s.fisher_diag(f, p, x, y),
    ],
    ids=["hvp", "hessian_diag", "fisher_diag"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_second_order(call: Any) -> None:
    agree(with_data(call))


@pytest.mark.parametrize("settings", [{"num_iters": n} for n in range(4)] + [{"error_tolerance": 1e-2}, {}], ids=str)
def test_power_iteration(settings: dict[str, Any]) -> None:
    agree(lambda m: m.o.power_iteration(m.array(MATRIX), v0=m.array(np.ones(4)), **settings))
    start = {"a": np.ones(2), "b": np.asarray(1.0)}
    agree(
        lambda m: m.o.power_iteration(
            lambda t: {"a": -4 * t["a"], "b": 3 * t["b"]}, v0=m.map(m.array, start), **settings
        )
    )


@pytest.mark.parametrize("p", [1, 2, 4])
@pytest.mark.parametrize(
    "settings", [{}, {"ridge_epsilon": 1e-2}, {"num_iters": 2}, {"num_iters": 0}, {"error_tolerance": 0.1}], ids=str
)
def test_matrix_inverse_pth_root(p: int, settings: dict[str, Any]) -> None:
    agree(lambda m: m.o.matrix_inverse_pth_root(m.array(MATRIX), p, **settings)[0], rtol=1e-7)


@pytest.mark.parametrize("iters", [0, 1, 2, 3, 10, 300])
@pytest.mark.parametrize("bound", [None, 30.0])
def test_nnls(iters: int, bound: float | None) -> None:
    a = RNG.normal(size=(6, 4))
    for b in (RNG.normal(size=6), RNG.normal(size=(6, 2))):
        agree(lambda m, b=b: m.o.nnls(m.array(a), m.array(b), iters, L=bound), rtol=1e-8)


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3), (1, 4), (0, 3)], ids=str)
@pytest.mark.parametrize("name", ["hungarian_algorithm", "base_hungarian_algorithm"])
def test_assignment(shape: tuple[int, int], name: str) -> None:
    for cost in (RNG.normal(size=shape), RNG.integers(0, 4, size=shape).astype(float)):
        agree(lambda m, cost=cost: m.array(cost)[getattr(m.o.assignment, name)(m.array(cost))].sum())


class One:
    """A sample that is the same in both libraries, and a score whose derivative is its size's."""

    def __init__(self, module: Any):
        self.module = module

    def sample(self, key: Any, sample_shape: Any = (), dtype: Any = None) -> Any:
        return self.module.array(np.random.default_rng(0).normal(size=sample_shape))

    def log_prob(self, z: Any) -> Any:
        return -(z**2) / 2


@pytest.mark.parametrize("use_baseline", [True, False])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_perturbations(use_baseline: bool, order: int) -> None:
    def call(m: Any) -> Any:
        def fun(t: Any) -> Any:
            return {"sum": m.np.sum(m.np.maximum(t["a"], 0)) * t["b"], "sign": (t["a"] > 0).astype("int32")}

        fn = m.o.perturbations.make_perturbed_fun(fun, 1, 0.3, One(m), use_baseline)
        inputs = m.map(m.array, {"a": np.asarray([0.1, -0.2, 0.3]), "b": np.asarray(2.0)})
        if order == 0:
            return fn(m.key, inputs)
        derivatives = {1: fn_grad, 2: fn_hessian}[order]
        return derivatives(m)(lambda t: fn(m.key, t)["sum"])(inputs)

    agree(call)


def fn_grad(m: Any) -> Any:
    return jax.grad if m is THEIRS else fg.grad


def fn_hessian(m: Any) -> Any:
    return jax.hessian if m is THEIRS else fg.hessian


@pytest.mark.parametrize("name", ["Gumbel", "Normal"])
def test_log_prob(name: str) -> None:
    agree(lambda m: getattr(m.o.perturbations, name)().log_prob(m.array(np.asarray([-1.0, 0.5, 2.0]))))


KINDS = ["MEAN", "SUM", "RUNNING_MEAN", "CONCAT"]


@pytest.mark.parametrize("real", [None, 2])
@pytest.mark.parametrize("size", [1, 2, 3, None])
@pytest.mark.parametrize("kind", KINDS)
def test_microbatch(kind: str, size: int | None, real: int | None) -> None:
    def call(m: Any) -> Any:
        types = m.o.microbatching.AccumulationType
        f = m.o.microbatch(
            lambda x, y, z: (x.T * z, m.np.sum(3 * x) + y.sum()),
            0,
            size,
            getattr(types, kind),
            argnames="y",
            in_axes=(1, 0),
            num_real_microbatches=real,
        )
        return f(m.array(X.T), z=2.0, y=m.array(X))

    agree(call)


@pytest.mark.parametrize("real", [None, 1])
@pytest.mark.parametrize("size", [2, None])
@pytest.mark.parametrize("kind", KINDS)
def test_micro_vmap(kind: str, size: int | None, real: int | None) -> None:
    def call(m: Any) -> Any:
        f = m.o.microbatching.micro_vmap(
            lambda x, y, z: {"a": x**2 * y, "b": z.sum()},
            (0, None),
            microbatch_size=size,
            accumulator=getattr(m.o.microbatching.AccumulationType, kind),
            num_real_microbatches=real,
        )
        return f(m.array(X), m.array(3.0), z=m.array(X))

    agree(call)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("argnums", [0, (0, 1)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_micro_grad(kind: str, argnums: Any, keep: bool) -> None:
    def call(m: Any) -> Any:
        types = m.o.microbatching.AccumulationType
        f = m.o.microbatching.micro_grad(
            lambda w, b, x, y: (m.np.mean((x @ w + b - y) ** 2), {"x": x * 2}),
            True,
            argnums,
            batch_argnums=(2, 3),
            keep_batch_dim=keep,
            microbatch_size=2,
            accumulator=(getattr(types, kind), types.SUM),
            transform_fn=lambda g: (g, m.map(lambda x: x**2, g)),
            metrics_fn=lambda g: sum(m.np.sum(x) for x in (g if isinstance(g, tuple) else (g,))),
        )
        return f(m.np.ones(2), m.array(0.5), m.array(X), m.array(np.arange(6.0)))

    agree(call)


def test_reshape_batch_axis() -> None:
    agree(lambda m: m.o.microbatching.reshape_batch_axis({"a": m.array(X.T)}, 2, axis=1))


class Growing:
    """A schedule that adds up what it is given."""

    def __init__(self, module: Any):
        self.module = module

    def init(self) -> Any:
        return {"rate": self.module.array(1.0)}

    def update(self, state: Any, *, addition: float, **extra_args: Any) -> Any:
        return {"rate": state["rate"] + addition}

    def __call__(self, state: Any, **extra_args: Any) -> Any:
        return state["rate"]


@pytest.mark.parametrize("name", ["inject_hyperparams", "inject_stateful_hyperparams"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_stateful_schedules(name: str) -> None:
    def call(m: Any) -> Any:
        opt = getattr(m.o, name)(m.o.sgd)(Growing(m), momentum=lambda count: 0.5 / (count + 1))
        grads = m.map(m.array, PARAMS)
        state, all_updates = opt.init(grads), []
        for _ in range(3):
            updates, state = opt.update(grads, state, addition=0.5)
            all_updates.append(updates)
        assert state._fields == ("count", "hyperparams", "hyperparams_states", "inner_state")
        return all_updates, state.count, dict(state.hyperparams), state.hyperparams_states

    agree(call)


MAPPED: dict[str, Any] = {
    "adam": lambda o: o.adam(lambda count: 0.1),
    "masked": lambda o: o.masked(o.trace(0.9), {"w": True, "b": False}),
    "partition": lambda o: o.partition({"x": o.trace(0.9), "y": o.identity()}, {"w": "x", "b": "y"}),
    "injected": lambda o: o.inject_hyperparams(o.rmsprop)(0.1),
}


@pytest.mark.parametrize("rest", [0, 1])
@pytest.mark.parametrize("name", MAPPED)
def test_tree_map_params(name: str, rest: int) -> None:
    def call(m: Any) -> Any:
        opt = MAPPED[name](m.o)
        state = opt.init(m.map(m.array, PARAMS))
        masked = (lambda x: isinstance(x, optax.MaskedNode)) if m is THEIRS else None  # None here
        return m.o.tree_map_params(
            opt,
            lambda x, *more: x if masked and masked(x) else 1.0 + len(more),
            state,
            *[PARAMS] * rest,
            transform_non_params=lambda x: None,
            is_leaf=masked,
        )

    agree(call)


def test_paths_of_names() -> None:
    def call(m: Any) -> Any:
        utils = m.o.tree_utils
        opt = m.o.chain(m.o.trace(0.9), m.o.ema(0.5))
        state = opt.init(m.map(m.array, PARAMS))

        def of_trace(path: Any, value: Any) -> bool:
            return isinstance(path[-2], utils.NamedTupleKey) and path[-2].tuple_name == "TraceState"

        paths = [[str(step) for step in path] for path, _ in utils.tree_get_all_with_path(state, "w")]
        if m is OURS:
            assert paths == call(THEIRS)[1]
        changed = utils.tree_set(state, of_trace, w=m.np.ones((3, 2)))
        return (utils.tree_get(changed, "w", filtering=of_trace), utils.tree_get(changed, "ema")), paths

    agree(lambda m: call(m)[0])
