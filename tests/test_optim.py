"""Gradient transformations: values, states, hyper-parameters, trees, dtypes, devices, transforms."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import array_api_strict
import numpy as np
import pytest
from optimisers import BRANCHES, OPTIMISERS, ORDERED, assert_close, every_optimiser, example, run, update

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, optim, tree
from funcgrad.errors import DtypeError, TreeError

# ---- the formulas, written out in NumPy --------------------------------------------------------


def test_momentum_against_its_formula() -> None:
    g = [np.asarray([1.0, -2.0]), np.asarray([0.5, 0.25]), np.asarray([-1.0, 3.0])]
    p, m = np.asarray([0.3, 0.6]), np.zeros(2)
    for x in g:
        m = x + 0.9 * m
        p = p - 0.1 * m
    with config.default_dtype("float64"):
        found, state = run(optim.sgd(0.1, momentum=0.9), fnp.asarray([0.3, 0.6]), [fnp.asarray(x) for x in g])
    np.testing.assert_allclose(np.asarray(found), p, rtol=1e-14)
    np.testing.assert_allclose(np.asarray(state[0].trace), m, rtol=1e-14)


def test_adam_against_its_formula() -> None:
    rng = np.random.default_rng(0)
    g = rng.normal(size=(20, 5))
    p = rng.normal(size=5)
    start, m, v = p, np.zeros(5), np.zeros(5)
    for t, x in enumerate(g, 1):
        m, v = 0.8 * m + 0.2 * x, 0.95 * v + 0.05 * x * x
        p = p - 0.01 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-3)
    with config.default_dtype("float64"):
        found, state = run(optim.adam(0.01, 0.8, 0.95, 1e-3), fnp.asarray(start), [fnp.asarray(x) for x in g])
    np.testing.assert_allclose(np.asarray(found), p, rtol=1e-12)
    assert int(state[0].count) == 20


# ---- values ------------------------------------------------------------------------------------


def test_transformations_compare_and_hash_by_value() -> None:
    def make() -> list[optim.GradientTransformation]:
        return [
            optim.adam(1e-3),
            optim.adamw(1e-3, mask={"w": True, "b": False}),
            optim.sgd(optim.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100), 0.9),
            optim.sgd(optim.piecewise_constant_schedule(1.0, {5: 0.1})),
            optim.named_chain(("a", optim.clip(1.0)), ("b", optim.identity())),
            optim.masked(optim.adaptive_grad_clip(0.1, axis=[0, 1]), {"w": True}),
            optim.trace(0.9, accumulator_dtype="float64"),
        ]

    first, second = make(), make()
    assert first == second
    assert [hash(t) for t in first] == [hash(t) for t in second]
    assert len(set(first)) == len(first)
    assert optim.adam(1e-3) != optim.adam(2e-3)
    assert optim.trace(0.9) != optim.trace(0.9, nesterov=True)
    assert optim.masked(optim.clip(1.0), {"w": True}) != optim.masked(optim.clip(1.0), {"w": False})


def test_a_number_is_one_whatever_its_type() -> None:
    same = [optim.sgd(v) for v in (0.5, np.float32(0.5), np.asarray(0.5), fnp.asarray(0.5))]
    assert all(t == same[0] and hash(t) == hash(same[0]) for t in same)
    assert optim.sgd(1) == optim.sgd(1.0)


def test_transformations_do_not_change() -> None:
    with pytest.raises(AttributeError, match="cannot assign"):
        optim.sgd(0.1).transformations[1].learning_rate = 0.2  # type: ignore[misc]


def test_repr_shows_the_chain() -> None:
    assert repr(optim.sgd(0.1)) == "chain(identity(), scale_by_learning_rate(learning_rate=0.1, flip_sign=True))"
    mask = optim.masked(optim.clip(1.0), {"w": True})
    assert repr(mask) == "masked(inner=clip(max_delta=1.0), mask={'w': True})"


def test_ones_own_transformation() -> None:
    @dataclass(frozen=True)
    class Halve(optim.GradientTransformation):
        def init(self, params: Any) -> optim.EmptyState:
            return optim.EmptyState()

        def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
            return tree.map(lambda u: u / 2, updates), state

    opt = optim.chain(Halve(), optim.scale(-1.0))
    assert opt == optim.chain(Halve(), optim.scale(-1.0))
    assert_close(run(opt, fnp.ones(2), [fnp.ones(2)])[0], fnp.asarray([0.5, 0.5]))


# ---- every optimiser: dtypes, trees, transforms ------------------------------------------------


@every_optimiser
@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_dtypes_stay(opt: Any, dtype: str, default: str) -> None:
    if dtype.startswith("complex") and opt in [OPTIMISERS[name] for name in ORDERED]:
        pytest.skip("complex numbers have no order")
    with config.default_dtype(default):
        params = example(0, "float32")
        params["layers"][0] = tree.map(lambda x: x.astype(dtype), params["layers"][0])
        before = opt.init(params)
        updates, after = update(opt, params, before, params)
        changed = optim.apply_updates(params, updates)
    dtypes = tree.map(lambda x: x.dtype, params)
    assert tree.map(lambda x: x.dtype, updates) == dtypes
    assert tree.map(lambda x: x.dtype, changed) == dtypes
    assert tree.structure(before) == tree.structure(after)
    assert [x.dtype for x in tree.leaves(before)] == [x.dtype for x in tree.leaves(after)]
    assert [x.shape for x in tree.leaves(before)] == [x.shape for x in tree.leaves(after)]


@every_optimiser
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_parameters_of_16_bits_follow_those_of_32(opt: Any, dtype: str) -> None:
    """But for rounding, by which the sign of what is close to 0 may be another one."""
    pytest.importorskip("ml_dtypes")
    params, *grads = (tree.map(lambda x: x.astype(dtype), example(seed)) for seed in range(6))
    found = run(opt, params, grads)[0]
    wide = tree.map(lambda x: x.astype("float32"), (params, grads))
    expected = run(opt, *wide)[0]
    pairs = zip(tree.leaves(found), tree.leaves(expected), strict=True)
    errors = np.concatenate([np.ravel(np.asarray(x.astype("float32")) - np.asarray(y)) for x, y in pairs])
    rounding = 1e-3 if dtype == "float16" else 1e-2
    assert np.mean(np.abs(errors) < 10 * rounding) > 0.9
    assert np.abs(errors).max() < 1


def test_hyperparams_are_in_the_default_dtype_or_float64() -> None:
    assert optim.scale(0.1).init(fnp.ones(2, "float16")).hyperparams["step_size"].dtype == np.float32
    with config.default_dtype("float64"):
        assert optim.scale(0.1).init(fnp.ones(2, "float32")).hyperparams["step_size"].dtype == np.float64
    assert optim.scale(0.1).init(fnp.ones(2, "float64")).hyperparams["step_size"].dtype == np.float64


@every_optimiser
def test_none_and_empty_subtrees_pass(opt: optim.GradientTransformation) -> None:
    class Layer(NamedTuple):
        w: Any
        b: Any

    params = {"a": Layer(fnp.ones((2, 2)), None), "empty": {}, "none": None, "list": []}
    found, _ = run(opt, params, [params, params])
    assert tree.structure(found) == tree.structure(params)
    bare = run(opt, fnp.ones((2, 2)), [fnp.ones((2, 2))] * 2)[0]
    assert_close(found["a"].w, bare)


@every_optimiser
def test_no_parameters_at_all(opt: optim.GradientTransformation) -> None:
    assert run(opt, {}, [{}, {}])[0] == {}


@every_optimiser
def test_parameters_without_elements(opt: optim.GradientTransformation) -> None:
    params = {"w": fnp.ones((2, 2)), "empty": fnp.ones((0, 2)), "flat": fnp.ones(0)}
    found, _ = run(opt, params, [params, params])
    assert tree.map(lambda x: x.shape, found) == tree.map(lambda x: x.shape, params)
    assert np.isfinite(np.asarray(found["w"])).all()


@every_optimiser
def test_vmap_is_a_loop_over_an_ensemble(opt: optim.GradientTransformation) -> None:
    params, grads = example(1, batch=(3,)), [example(s, batch=(3,)) for s in (2, 3)]
    state = fg.vmap(opt.init)(params)
    together = params
    for g in grads:
        updates, state = fg.vmap(partial(update, opt))(g, state, together)
        together = fg.vmap(optim.apply_updates)(together, updates)
    for i in range(3):
        alone, _ = run(opt, tree.map(lambda x, i=i: x[i], params), [tree.map(lambda x, i=i: x[i], g) for g in grads])
        assert_close(tree.map(lambda x, i=i: x[i], together), alone)


@every_optimiser
def test_derivative_through_two_updates(opt: optim.GradientTransformation) -> None:
    """The derivative of a loss after two updates, by all of the gradients, against central differences."""
    with config.default_dtype("float64"):
        params, g0, g1 = (example(s, "float64") for s in (4, 5, 6))
        direction = example(7, "float64")

        def loss(grads: Any) -> Any:
            found, _ = run(opt, params, [grads, tree.map(lambda a, b: a * b, grads, g1)])
            return tree.reduce(lambda a, b: a + b, tree.map(lambda x: (x * x * x).sum(), found))

        exact = sum(
            (a * b).sum().item() for a, b in zip(tree.leaves(fg.grad(loss)(g0)), tree.leaves(direction), strict=True)
        )
        step = 1e-6
        high, low = (float(loss(tree.map(lambda a, d, s=s: a + s * d, g0, direction))) for s in (step, -step))
    np.testing.assert_allclose(exact, (high - low) / (2 * step), rtol=1e-5, atol=1e-7)


@every_optimiser
def test_another_array_module_and_device(opt: optim.GradientTransformation) -> None:
    """Nothing reaches for NumPy or the default device behind the parameters' back."""
    if opt is OPTIMISERS["noisy_sgd"]:
        pytest.skip("random numbers are on the default device")
    if opt in [OPTIMISERS[name] for name in BRANCHES]:
        pytest.skip("cond asks for a value in Python, which these arrays do not give")
    there = array_api_strict.Device("device1")

    def place(x: fg.Array) -> fg.Array:
        return fnp.asarray(array_api_strict.asarray(np.array(x), device=there))

    params, grads = example(8), [example(9), example(10)]
    found, state = run(opt, tree.map(place, params), [tree.map(place, g) for g in grads])
    assert all(x.device == there for x in tree.leaves((found, state)))
    expected, _ = run(opt, params, grads)
    for x, y in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        values = np.asarray(x._data.to_device(array_api_strict.Device("CPU_DEVICE")))
        np.testing.assert_allclose(values, np.asarray(y), rtol=1e-5, atol=1e-6)


# ---- chains, masks, clipping -------------------------------------------------------------------


def test_masked_out_leaves_have_no_state_and_pass() -> None:
    opt = optim.masked(optim.trace(0.9), {"w": True, "rest": False})
    params = {"w": fnp.ones(2), "rest": {"a": fnp.ones(3), "b": [fnp.ones(1), None]}}
    state = opt.init(params)
    assert state.inner_state.trace["rest"] == {"a": None, "b": [None, None]}
    updates, _ = opt.update(params, opt.update(params, state)[1])
    assert_close(updates, {"w": 1.9 * fnp.ones(2), "rest": params["rest"]})


def test_adamw_mask_is_a_tree_or_a_function() -> None:
    params = {"w": fnp.ones((2, 2)), "b": fnp.ones(2)}
    grads = tree.map(fnp.zeros_like, params)
    for mask in ({"w": True, "b": False}, lambda p: tree.map(lambda x: x.ndim == 2, p)):
        found, _ = run(optim.adamw(0.5, weight_decay=0.5, mask=mask), params, [grads])
        assert_close(found, {"w": 0.75 * fnp.ones((2, 2)), "b": fnp.ones(2)})


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        ({"w": 1, "b": False}, DtypeError, r"mask\['w'\] is 1"),
        ({"w": True}, TreeError, r"'b'"),
        (lambda p: {"w": True}, TreeError, r"'b'"),
        (lambda p: lambda q: q, DtypeError, "must return a tree"),
    ],
)
def test_masks_are_checked(mask: Any, error: type[Exception], message: str) -> None:
    params = {"w": fnp.ones(2), "b": fnp.ones(2)}
    with pytest.raises(error, match=message):
        optim.masked(optim.clip(1.0), mask).init(params)


def test_freeze_and_set_to_zero() -> None:
    params = {"w": fnp.ones(2), "b": fnp.ones(2)}
    found, _ = run(optim.chain(optim.adam(0.1), optim.freeze({"w": True, "b": False})), params, [params])
    assert found["w"].tolist() == [1.0, 1.0]
    assert found["b"].tolist() != [1.0, 1.0]
    assert_close(run(optim.set_to_zero(), params, [params])[0], params)


def test_clip_by_global_norm_leaves_small_updates_bit_for_bit() -> None:
    grads = example(3)
    norm = float(optim.global_norm(grads))
    opt = optim.clip_by_global_norm(norm * 1.01)
    for x, y in zip(tree.leaves(opt.update(grads, opt.init(grads))[0]), tree.leaves(grads), strict=True):
        assert x.tolist() == y.tolist()
    smaller = optim.clip_by_global_norm(norm / 3)
    np.testing.assert_allclose(
        float(optim.global_norm(smaller.update(grads, smaller.init(grads))[0])), norm / 3, rtol=1e-6
    )


def test_global_norm() -> None:
    parts = {"a": np.asarray([3.0, 4.0]), "b": np.asarray([[1j, 2.0]]), "c": np.asarray([200.0] * 4, "float16")}
    expected = np.sqrt(25 + 5 + 160000.0)
    found = optim.global_norm(parts)
    assert found.dtype == np.float64
    np.testing.assert_allclose(float(found), expected, rtol=1e-12)
    assert optim.global_norm({"c": parts["c"]}).dtype == np.float32  # 160000 is no float16
    assert float(optim.global_norm({})) == 0.0
    assert float(optim.global_norm({"scalar": fnp.asarray(-2.0), "transposed": fnp.ones((2, 3)).T})) == pytest.approx(
        10**0.5
    )


@pytest.mark.parametrize("opt", [optim.clip_by_global_norm(1.0), optim.adaptive_grad_clip(0.1)])
def test_clipping_zeros_has_a_derivative(opt: optim.GradientTransformation) -> None:
    """The slope of a root at 0 is infinite; these updates are the identity there, whose derivative is 1."""
    params = fnp.ones((2, 2))
    derivative = fg.grad(lambda g: opt.update(g, opt.init(params), params)[0].sum())(fnp.zeros((2, 2)))
    assert derivative.tolist() == [[1.0, 1.0], [1.0, 1.0]]


# ---- accumulators of another dtype -------------------------------------------------------------


@pytest.mark.parametrize(
    ("opt", "held"),
    [
        (optim.sgd(0.1, 0.9, accumulator_dtype="float16"), lambda s: s[0].trace),
        (optim.adam(0.1, mu_dtype="float16"), lambda s: s[0].mu),
    ],
)
def test_a_smaller_accumulator(opt: optim.GradientTransformation, held: Any) -> None:
    params, grads = example(0), [example(1), example(2)]
    found, state = run(opt, params, grads)
    assert all(x.dtype == np.float16 for x in tree.leaves(held(state)))
    assert all(x.dtype == np.float32 for x in tree.leaves(found))
    full = optim.sgd(0.1, 0.9) if "trace" in type(state[0]).__name__.lower() else optim.adam(0.1)
    assert_close(found, run(full, params, grads)[0], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    "opt",
    [
        optim.sgd(0.1, 0.9, accumulator_dtype="float32"),
        optim.adam(0.1, mu_dtype="float32"),
        optim.signum(0.1, accumulator_dtype="float32"),
        optim.adafactor(0.1, momentum=0.9),
        optim.chain(optim.scale_by_novograd(mu_dtype="float32"), optim.scale(-0.1)),
    ],
)
def test_a_real_accumulator_of_complex_parameters_is_complex(opt: optim.GradientTransformation) -> None:
    """It would lose the imaginary part."""
    p = fnp.asarray([1 + 2j, -1j])
    found, state = run(opt, p.astype("complex128"), [p.astype("complex128")] * 3)
    expected, plain = run(opt, p, [p] * 3)
    assert [x.dtype for x in tree.leaves(state) if x.dtype.kind == "c"] == [np.complex64]
    assert tree.structure(state) == tree.structure(plain)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5)
