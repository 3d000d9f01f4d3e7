"""Second derivatives, linear algebra, assignment, noise, microbatches and paths in states: what they are, by NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, random, testing, tree
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError
from funcgrad.optim import assignment, microbatching, perturbations, second_order
from funcgrad.optim.microbatching import AccumulationType
from funcgrad.transforms.explain import units

RNG = np.random.default_rng(0)
ROOT = RNG.normal(size=(4, 4))
MATRIX = ROOT @ ROOT.T


def close(a: Any, b: Any, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol, atol=atol)


# ---- second order ------------------------------------------------------------------------------


def test_second_order() -> None:
    params = {"b": fnp.asarray(0.5, "float64"), "w": fnp.asarray(RNG.normal(size=2))}
    x, y = fnp.asarray(RNG.normal(size=(5, 2))), fnp.asarray(RNG.normal(size=5))

    def loss(p: Any, x: Any, y: Any) -> Any:
        return fnp.mean((fnp.tanh(x @ p["w"] + p["b"]) - y) ** 2)

    vector, unravel = fg.flatten_util.ravel_pytree(params)
    matrix = np.asarray(fg.hessian(lambda v: loss(unravel(v), x, y))(vector))
    gradient = np.asarray(fg.grad(lambda v: loss(unravel(v), x, y))(vector))
    v = np.arange(3.0)
    close(fg.flatten_util.ravel_pytree(second_order.hvp(loss, v, params, x, y))[0], matrix @ v)
    close(second_order.hessian_diag(loss, params, x, y), np.diag(matrix))
    close(second_order.fisher_diag(loss, params, x, y), gradient**2)
    close(fg.jit(lambda p: second_order.hessian_diag(loss, p, x, y))(params), np.diag(matrix))
    with pytest.raises(ShapeError):
        second_order.hvp(loss, np.ones(2), params, x, y)


# ---- linear algebra ----------------------------------------------------------------------------


def test_power_iteration() -> None:
    values, vectors = np.linalg.eigh(MATRIX)
    for start in (None, np.ones(4)):
        value, vector = optim.power_iteration(MATRIX, v0=start, num_iters=1000, error_tolerance=1e-12)
        close(value, values[-1])
        close(fnp.abs(vector), np.abs(vectors[:, -1]), rtol=1e-8)
    assert optim.power_iteration(fnp.asarray([[2, 0], [0, 1]]))[0].dtype == np.float32
    jitted = fg.jit(lambda m, tolerance: optim.power_iteration(m, error_tolerance=tolerance)[0])
    close(jitted(fnp.asarray(MATRIX), 1e-9), values[-1])
    batch = fg.vmap(lambda m: optim.power_iteration(m, v0=np.ones(4), num_iters=500)[0])(np.stack([MATRIX, 2 * MATRIX]))
    close(batch, values[-1] * np.asarray([1.0, 2.0]), rtol=1e-9)
    # d lambda / d A = v v^T
    slope = fg.grad(lambda m: optim.power_iteration(m, v0=np.ones(4), num_iters=200, error_tolerance=0.0)[0])(MATRIX)
    close(slope, np.outer(vectors[:, -1], vectors[:, -1]), atol=1e-9)


@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_matrix_inverse_pth_root(p: int) -> None:
    values, vectors = np.linalg.eigh(MATRIX)
    ridge = 1e-3
    root, error = optim.matrix_inverse_pth_root(MATRIX, p, ridge_epsilon=ridge, error_tolerance=1e-10)
    close(root, (vectors * (values + ridge * values[-1]) ** (-1 / p)) @ vectors.T, rtol=1e-6, atol=1e-8)
    assert float(error) < 1e-6
    single, _ = optim.matrix_inverse_pth_root(MATRIX.astype("float32"), p, error_tolerance=0.0)
    assert single.dtype == np.float32
    close(single, (vectors * (values + 1e-6 * values[-1]) ** (-1 / p)) @ vectors.T, rtol=1e-3, atol=1e-3)
    both = fg.vmap(lambda m: optim.matrix_inverse_pth_root(m, p)[0])(np.stack([MATRIX, np.eye(4)]))
    close(both[1], np.eye(4), rtol=1e-5, atol=1e-8)
    close(fg.jit(lambda m: optim.matrix_inverse_pth_root(m, p)[0])(MATRIX), both[0], rtol=1e-9)


def test_nnls() -> None:
    a, b = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))
    for target in (b, b[:, 0]):
        x = np.asarray(optim.nnls(a, target, 2000))
        slope = a.T @ (a @ x - target)
        assert (x >= 0).all()
        np.testing.assert_allclose(slope[x > 0], 0, atol=1e-10)  # Karush, Kuhn and Tucker
        assert (slope[x == 0] >= -1e-10).all()
    close(fg.jit(lambda a: optim.nnls(a, b, 50))(a), optim.nnls(a, b, 50))
    close(fg.vmap(lambda b: optim.nnls(a, b, 50), 1, 1)(b), optim.nnls(a, b, 50))
    close(optim.nnls(a, b, 0), np.zeros((3, 2)))
    testing.check_grads(lambda a, b: optim.nnls(a, b, 20), (a, b), order=1)


# ---- assignment --------------------------------------------------------------------------------


def least(cost: Any) -> float:
    n, m = cost.shape
    if n > m:
        return least(cost.T)
    return min(sum(cost[i, j] for i, j in enumerate(columns)) for columns in itertools.permutations(range(m), n))


@pytest.mark.parametrize("solve", [assignment.hungarian_algorithm, assignment.base_hungarian_algorithm])
def test_the_least_of_all_assignments(solve: Any) -> None:
    rng = np.random.default_rng(1)
    for shape in [(4, 4), (2, 5), (5, 3), (1, 4), (4, 1), (5, 5)]:
        for cost in (rng.normal(size=shape), rng.integers(-3, 3, size=shape), rng.normal(size=shape).astype("float32")):
            i, j = (np.asarray(x) for x in solve(cost))
            assert (np.diff(i) > 0).all()
            assert len(set(j)) == len(j) == min(shape)
            np.testing.assert_allclose(cost[i, j].sum(), least(cost), rtol=1e-5)


def test_assignment_of_many() -> None:
    scipy = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(2)
    for shape in [(40, 40), (30, 60), (60, 25)]:
        cost = rng.normal(size=shape)
        i, j = assignment.hungarian_algorithm(cost)
        expected = scipy.linear_sum_assignment(cost)
        assert i.tolist() == expected[0].tolist()
        assert j.tolist() == expected[1].tolist()


def test_assignment_under_transforms() -> None:
    costs = fnp.asarray(RNG.normal(size=(3, 4, 5)))

    def least_cost(cost: Any) -> Any:
        return cost[assignment.hungarian_algorithm(cost)].sum()

    expected = [least(np.asarray(cost)) for cost in costs]
    close(fg.vmap(least_cost)(costs), np.asarray(expected))
    close(fg.jit(least_cost)(costs[0]), expected[0])
    close(fg.jit(fg.vmap(least_cost))(costs), np.asarray(expected))
    i, j = assignment.hungarian_algorithm(costs[0])
    close(fg.grad(least_cost)(costs[0]), fnp.zeros((4, 5), "float64").at[i, j].set(1.0))
    close(fg.jit(fg.grad(least_cost))(costs[0]), fnp.zeros((4, 5), "float64").at[i, j].set(1.0))


# ---- noise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_baseline", [True, False])
@pytest.mark.parametrize("noise", [perturbations.Normal(), perturbations.Gumbel()], ids=["Normal", "Gumbel"])
def test_derivatives_of_a_smoothed_step(noise: Any, use_baseline: bool) -> None:
    """f = [x > 0] becomes the distribution function of -z: 1 - F(-x / sigma)."""
    sigma, x = 0.5, 0.2
    fn = perturbations.make_perturbed_fun(lambda x: x > 0, 200_000, sigma, noise, use_baseline)
    key = random.key(3)
    ys = [fn(key, x), fg.grad(fn, argnums=1)(key, x), fg.grad(fg.grad(fn, argnums=1), argnums=1)(key, x)]
    z = -x / sigma
    if isinstance(noise, perturbations.Normal):
        density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        expected = [0.6554217416103242, density / sigma, density * z / sigma**2]
    else:
        density = np.exp(-z - np.exp(-z))
        expected = [1 - np.exp(-np.exp(-z)), density / sigma, density * (1 - np.exp(-z)) / sigma**2]
    np.testing.assert_allclose([float(y) for y in ys], expected, rtol=0.03, atol=0.1)
    np.testing.assert_allclose(float(ys[1]), expected[1], rtol=0.02)


def test_perturbations_of_trees_and_under_jit() -> None:
    def largest(t: Any) -> Any:
        return {"one_hot": fg.functional.one_hot(fnp.argmax(t["a"]), 3)}

    fn = perturbations.make_perturbed_fun(largest, 5000, 1.0)
    x = {"a": fnp.asarray([0.0, 1.0, 2.0])}
    found = fn(random.key(0), x)["one_hot"]
    softmax = np.exp(np.arange(3)) / np.exp(np.arange(3)).sum()  # the largest of Gumbel numbers
    close(found, softmax, rtol=0, atol=0.03)
    close(fg.jit(fn)(random.key(0), x)["one_hot"], found, rtol=1e-5)
    assert fn(random.key(0), x)["one_hot"].tolist() == found.tolist()
    twice = fg.vmap(fn, (0, None))(random.split(random.key(0), 2), x)["one_hot"]
    assert twice.shape == (2, 3)
    assert twice[0].tolist() != twice[1].tolist()


# ---- microbatches ------------------------------------------------------------------------------


def parts_of(x: Any, size: int) -> list[Any]:
    return [x[i :: len(x) // size] for i in range(len(x) // size)]


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("real", [None, 1, 2, 3])
def test_what_is_accumulated(real: int | None, jitted: bool) -> None:
    x = RNG.normal(size=(6, 2))
    each = [part.sum(0) for part in parts_of(x, 2)][:real]
    expected = {
        "MEAN": sum(each) / 3,
        "SUM": sum(each),
        "RUNNING_MEAN": sum(each) / len(each),
        "CONCAT": np.where((np.arange(6) % 3 < len(each))[:, None], x, 0),
    }
    for name, value in expected.items():
        f = microbatching.microbatch(
            lambda x, name=name: x if name == "CONCAT" else x.sum(0),
            0,
            2,
            AccumulationType[name],
            num_real_microbatches=real,
        )
        close((fg.jit(f) if jitted else f)(x), value)


def test_the_number_of_microbatches_compiles_nothing_again() -> None:
    total = fg.jit(lambda x, count: microbatching.microbatch(fnp.sum, 0, 2, num_real_microbatches=count)(x))
    x = np.arange(8.0)
    assert [float(total(x, fnp.asarray(n))) for n in (2, 1)] == [10.0, 4.0]  # the second run confirms the first
    before = sum(t.traces for unit in units(total) for t in unit.trees.values())
    assert [float(total(x, fnp.asarray(n))) for n in (3, 4, 2)] == [18.0, 28.0, 10.0]
    assert sum(t.traces for unit in units(total) for t in unit.trees.values()) == before


@pytest.mark.parametrize("real", [None, 2])
def test_microbatches_differentiate_and_batch(real: int | None) -> None:
    x, w = fnp.asarray(RNG.normal(size=(4, 3))), fnp.asarray(RNG.normal(size=3))
    f = microbatching.microbatch(lambda w, x: fnp.tanh(x @ w).sum(), 1, 2, num_real_microbatches=real)
    close(f(w, x), fnp.tanh(x @ w).sum())
    testing.check_grads(f, (w, x), order=2)
    close(fg.jit(fg.grad(f))(w, x), fg.grad(lambda w: fnp.tanh(x @ w).sum())(w))
    both = fg.vmap(f, (None, 0))(w, fnp.stack([x, 2 * x]))
    close(both, fnp.stack([f(w, x), f(w, 2 * x)]))


def test_python_control_flow_in_microbatches() -> None:
    def f(x: Any) -> Any:
        return x.sum() if x[0] > 0 else -x.sum()

    assert float(microbatching.microbatch(f, 0, 1)(fnp.asarray([1.0, -2.0, 3.0]))) == 6.0


def test_gradients_of_examples() -> None:
    w, x, y = RNG.normal(size=2), RNG.normal(size=(6, 2)), RNG.normal(size=6)

    def loss(w: Any, x: Any, y: Any) -> Any:
        return ((x @ w - y) ** 2).mean()

    def clipped(g: Any) -> Any:
        return optim.projections.projection_l2_ball(g, 0.5)

    found, aux = microbatching.micro_grad(
        loss, batch_argnums=(1, 2), microbatch_size=3, transform_fn=clipped, metrics_fn=fnp.linalg.norm
    )(w, x, y)
    residual = x @ w - y
    grads = 2 * residual[:, None] * x
    norms = np.linalg.norm(grads, axis=1)
    close(found, (grads * np.minimum(1, 0.5 / norms)[:, None]).sum(0))
    close(aux, microbatching.Aux(residual**2, norms, None))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: microbatching.microbatch(fnp.sum, 0, 4)(np.ones(6)), ShapeError, "4 does not divide a batch of 6"),
        (lambda: microbatching.microbatch(fnp.sum, (), 2)(np.ones(6)), OptionError, "no argument has a batch axis"),
        (
            lambda: microbatching.microbatch(fnp.add, (0, 1), 2)(np.ones(6), np.ones(4)),
            ShapeError,
            "one size, not 6, 4",
        ),
        (
            lambda: microbatching.microbatch(fnp.sum, 0, 2, AccumulationType.MEAN)(np.ones(6, int)),
            DtypeError,
            "are of floats, not int64",
        ),
        (lambda: microbatching.microbatch(fnp.sum, 0, 2, "sum")(np.ones(6)), OptionError, "not 'sum'"),
        (lambda: microbatching.microbatch(fnp.sum, 0, 2, in_axes=(0, 1)), OptionError, "2 axes for 1 arguments"),
        (lambda: microbatching.micro_vmap(fnp.sum, 0, 1), OptionError, "out_axes must be 0"),
        (lambda: perturbations.make_perturbed_fun(fnp.sum, 0), OptionError, "num_samples"),
        (lambda: optim.power_iteration(lambda v: v), TreeError, "a function needs v0"),
        (lambda: optim.power_iteration(np.ones((2, 3))), ShapeError, "must be square"),
        (lambda: optim.matrix_inverse_pth_root(np.eye(2), 0), OptionError, "p must be a positive int"),
        (lambda: optim.nnls(np.ones((2, 3)), np.ones(3), 2), ShapeError, r"A must be \(m, n\)"),
        (lambda: assignment.hungarian_algorithm(np.ones(3)), ShapeError, "takes a matrix of costs"),
        (lambda: optim.tree_map_params(3, lambda x: x, ()), DtypeError, "not a transformation nor its init: 3"),
    ],
)
def test_what_cannot_make_sense(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# ---- states ------------------------------------------------------------------------------------


def test_a_function_of_what_is_like_the_parameters() -> None:
    params = {"w": fnp.ones((2, 2)), "b": fnp.ones(2)}
    opt = optim.chain(optim.masked(optim.trace(0.9), {"w": True, "b": False}), optim.adam(0.1))
    state = opt.init(params)
    shapes = optim.tree_map_params(opt, lambda x, p: (x.shape, p.shape), state, params, transform_non_params=type)
    assert optim.tree_utils.tree_get(shapes, "mu") == {"w": ((2, 2), (2, 2)), "b": ((2,), (2,))}
    assert optim.tree_utils.tree_get(shapes, "trace") == {"w": ((2, 2), (2, 2)), "b": None}
    assert optim.tree_utils.tree_get(shapes, "learning_rate") is fg.Array
    doubled = optim.tree_map_params(opt.init, lambda x: x + 1, state)
    assert tree.same_structure(doubled, state)
    close(optim.tree_utils.tree_get(doubled, "nu"), params)
    with pytest.raises(TreeError):
        optim.tree_map_params(opt, lambda x, p: x, state, {"w": 1.0})


def test_an_optimiser_by_paths_and_by_labels() -> None:
    params = {"w": fnp.ones((2, 2)), "b": fnp.ones(2)}
    for labels in ({"w": "x", "b": "y"}, lambda p: {"w": "x", "b": "y"}):
        opt = optim.partition({"x": optim.trace(0.9), "y": optim.identity()}, labels)
        state = optim.tree_map_params(opt, lambda x: "params", opt.init(params), transform_non_params=lambda x: None)
        assert tree.leaves(state) == ["params"]


def test_paths() -> None:
    state = optim.chain(optim.trace(0.9), optim.ema(0.5)).init({"w": fnp.zeros(1)})
    (path, _), _ = optim.tree_utils.tree_get_all_with_path(state, "w")
    keys = optim.tree_utils
    assert path == (keys.SequenceKey(0), keys.NamedTupleKey("TraceState", "trace"), keys.DictKey("w"))
    with pytest.raises(KeyError, match=r"\[0\]TraceState.trace\['w'\], \[1\]EmaState.ema\['w'\]"):
        keys.tree_get(state, "w")


def test_schedules_of_what_update_is_given() -> None:
    class falling(optim.StatefulSchedule):  # noqa: N801
        def init(self) -> Any:
            return fnp.asarray(1.0)

        def update(self, state: Any, *, value: Any, **extra_args: Any) -> Any:
            return state * value

        def __call__(self, state: Any, **extra_args: Any) -> Any:
            return state

    opt = optim.inject_hyperparams(optim.sgd)(falling())
    update = fg.jit(lambda g, s, value: opt.update(g, s, value=value))
    state, found = opt.init(fnp.ones(1)), []
    for value in (0.5, 0.25, 1.0):
        updates, state = update(fnp.ones(1), state, fnp.asarray(value))
        found.append(float(updates[0]))
    assert found == [-1.0, -0.5, -0.125]
    assert float(state.hyperparams["learning_rate"]) == float(state.hyperparams_states["learning_rate"]) == 0.125
