"""`optim.contrib`: against formulas in NumPy, Muon's matrices, estimates, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from contrib_optimisers import PRIVATE
from optimisers import assert_close, example, run, update

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, optim, random, tree
from funcgrad.errors import DtypeError, FuncgradError, OptionError, ShapeError, TreeError
from funcgrad.optim import contrib

STEPS = 30
RNG = np.random.default_rng(0)
NOISE = 0.1 * RNG.normal(size=(STEPS, 3, 4))
START = RNG.normal(size=(3, 4))

Formula = Callable[[], Iterator[Any]]


def norm(x: np.ndarray) -> float:
    return float(np.sqrt((x * x).sum()))


# ---- formulas: each takes (gradient, parameters, loss) and gives the step ----------------------


def adopt() -> Iterator[Any]:
    g, _, _ = yield
    m, v, t = 0 * g, g * g, 0
    u = 0 * g
    while True:
        g, _, _ = yield u
        t += 1
        c = np.clip(g / np.maximum(np.sqrt(v), 1e-3), -(t**0.25), t**0.25)
        m, v = 0.9 * m + 0.1 * c, 0.99 * v + 0.01 * g * g
        u = -0.1 * m


def acprop() -> Iterator[Any]:
    g, p, _ = yield
    m, s, t = 0 * g, 0 * g, 0
    while True:
        below = np.sqrt(s / (1 - 0.9**t)) if t else 1
        u = -0.1 * (g / (below + 1e-2) + 0.1 * p)
        s, m, t = 0.9 * s + 0.1 * (g - m) ** 2 + 1e-3, 0.8 * m + 0.2 * g, t + 1
        g, p, _ = yield u


def ademamix() -> Iterator[Any]:
    g, _, _ = yield
    a, b, v, t = 0 * g, 0 * g, 0 * g, 0
    while True:
        t += 1
        a, b, v = 0.8 * a + 0.2 * g, 0.99 * b + 0.01 * g, 0.9 * v + 0.1 * g * g
        g, _, _ = yield -0.1 * (a / (1 - 0.8**t) + 3 * b) / (np.sqrt(v / (1 - 0.9**t) + 1e-3) + 1e-2)


def simplified() -> Iterator[Any]:
    g, _, _ = yield
    m, v, t = 0 * g, 0 * g, 0
    while True:
        t += 1
        m, v = 0.8 * m + g, 0.9 * v + 0.1 * g * g
        g, _, _ = yield -0.1 * (m + 2 * g) / (np.sqrt(v / (1 - 0.9**t) + 1e-3) + 1e-2)


def madgrad() -> Iterator[Any]:
    g, p, _ = yield
    start, s, v, t = p, 0 * g, 0 * g, 0
    while True:
        t += 1
        weight = (0.1 + 1e-3) * np.sqrt(t)
        s, v = s + weight * g, v + weight * g * g
        g, p, _ = yield 0.2 * (start - s / (np.cbrt(v) + 1e-3) - p)


def cocob() -> Iterator[Any]:
    g, p, _ = yield
    start, theta, scale, total, reward = p, 0 * g, 0 * g + 1e-8, 0 * g, 0 * g
    while True:
        theta, scale, total = theta - g, np.maximum(scale, abs(g)), total + abs(g)
        reward = np.maximum(reward - (p - start) * g, 0)
        g, p, _ = yield start + theta / (scale * np.maximum(total + scale, 10 * scale)) * (scale + reward) - p


def dog() -> Iterator[Any]:
    g, p, _ = yield
    start, far, total = p, 0.1 * (1 + norm(p)), 0.0
    while True:
        far, total = max(far, norm(p - start)), total + norm(g) ** 2
        g, p, _ = yield -0.5 * far / np.sqrt(total + 1e-8) * g


def dowg() -> Iterator[Any]:
    g, p, _ = yield
    start, far, total = p, 1e-2, 0.0
    while True:
        far = max(far, norm(p - start) ** 2)
        total += far * norm(g) ** 2
        g, p, _ = yield -0.5 * far / (np.sqrt(total) + 1e-2) * g


def prodigy() -> Iterator[Any]:
    g, p, _ = yield
    start, s, m, v, d, top, t = p, 0 * g, 0 * g, 0 * g, 1e-2, 0.0, 0
    while True:
        t += 1
        c = d * np.sqrt(1 - 0.9**t) / (1 - 0.8**t)
        top = 0.95 * top + d / 1e-2 * c * (g * (start - p)).sum()
        m, v, s = 0.8 * m + 0.2 * d * g, 0.9 * v + 0.1 * d * d * g * g, 0.95 * s + d / 1e-2 * c * g
        d = max(d, top / abs(s).sum())
        g, p, _ = yield -c * (m / (np.sqrt(v) + d * 1e-3) + 0.1 * p)


def dadapt() -> Iterator[Any]:
    g, p, _ = yield
    s, m, v, d, top, t, q = 0 * g, 0 * g, 0 * g, 1e-2, 0.0, 0, np.sqrt(0.9)
    while True:
        t += 1
        c = d * np.sqrt(1 - 0.9**t) / (1 - 0.8**t)
        top = q * top + (1 - q) * c * (g * s / (np.sqrt(v) + 1e-3)).sum()
        m, v, s = 0.8 * m + 0.2 * c * g, 0.9 * v + 0.1 * g * g, q * s + (1 - q) * c * g
        d = max(d, top / ((1 - q) * abs(s).sum()))
        g, p, _ = yield -m / (np.sqrt(v) + 1e-3) - 0.1 * c * p


def momo() -> Iterator[Any]:
    g, p, loss = yield
    m, mean, gamma, s = g, loss, (g * p).sum(), 1 + 0.4 * 0.1
    while True:
        above = s * (mean - gamma - 0.5) + (m * p).sum()
        c = min(0.4, max(above, 0) / norm(m) ** 2)
        g, p, loss = yield -c * m - 0.4 * 0.1 / s * p
        m, mean, gamma = 0.9 * m + 0.1 * g, 0.9 * mean + 0.1 * loss, 0.9 * gamma + 0.1 * (g * p).sum()


def mechanic() -> Iterator[Any]:
    betas = np.asarray([0.9, 0.99])
    g, p, _ = yield
    start, r, m, v, s = p, 0 * betas, 0 * betas, 0 * betas, 0 * betas + 0.1
    while True:
        scale = s.sum()
        back = (start - p) / (scale + 1e-8)
        gain = (back * (g + 0.01 * scale * norm(g) / (norm(p) + 1e-8) * p)).sum()
        r = betas * r + s * np.clip(gain, -m, m)
        m, v = np.maximum(betas * m, abs(gain) + 1e-8), betas**2 * v + gain**2
        s = (0.1 * m / 2 + np.maximum(r, 0)) / (np.sqrt(v) + 1e-8)
        g, p, _ = yield start + s.sum() * (-0.5 * g - back) - p


def muon() -> Iterator[Any]:
    g, _, _ = yield
    m, t = 0 * g, 0
    while True:
        t += 1
        m = 0.9 * m + 0.1 * g
        x = m / (1 - 0.9**t)
        x = x / (norm(x) + 1e-8)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
        g, _, _ = yield -0.1 * np.sqrt(4 / 3) * x


FORMULAS: dict[str, tuple[optim.GradientTransformation, Formula]] = {
    "adopt": (contrib.adopt(0.1, b2=0.99, eps=1e-3), adopt),
    "acprop": (contrib.acprop(0.1, 0.8, 0.9, 1e-2, 1e-3, 0.1), acprop),
    "ademamix": (contrib.ademamix(0.1, 0.8, 0.9, 0.99, 3.0, 1e-2, 1e-3), ademamix),
    "simplified_ademamix": (contrib.simplified_ademamix(0.1, 0.8, 0.9, 2.0, 1e-2, 1e-3), simplified),
    "madgrad": (contrib.madgrad(0.1, 0.8, eps=1e-3), madgrad),
    "cocob": (contrib.cocob(alpha=10.0), cocob),
    "dog": (contrib.dog(0.5, ("heuristic", 0.1)), dog),
    "dowg": (contrib.dowg(0.5, eps=1e-2), dowg),
    "prodigy": (contrib.prodigy(1.0, (0.8, 0.9), 0.95, 1e-3, 1e-2, weight_decay=0.1), prodigy),
    "dadapt_adamw": (contrib.dadapt_adamw(1.0, (0.8, 0.9), 1e-3, 1e-2, 0.1), dadapt),
    "momo": (contrib.momo(0.4, 0.9, 0.5, 0.1), momo),
    "mechanize": (contrib.mechanize(optim.sgd(0.5), s_init=0.1, num_betas=2), mechanic),
    "muon": (contrib.muon(0.1, beta=0.9, nesterov=False), muon),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_against_its_formula(name: str) -> None:
    opt, formula = FORMULAS[name]
    steps = formula()
    next(steps)
    p = START
    with config.default_dtype("float64"):
        params = fnp.asarray(p)
        state = opt.init(params)
        for e in NOISE:
            g, loss = p - 1 + e, float(((p - 1) ** 2).sum()) / 2 + 1
            expected = steps.send((g, p, loss))
            u, state = optim.with_extra_args_support(opt).update(fnp.asarray(g), state, fnp.asarray(p), value=loss)
            np.testing.assert_allclose(np.asarray(u), expected, rtol=1e-8, atol=1e-10)
            p = p + expected


@pytest.mark.parametrize("name", [n for n in FORMULAS if n not in ("muon", "simplified_ademamix")])
def test_descends(name: str) -> None:
    opt = {
        "prodigy": optim.prodigy(),
        "dadapt_adamw": optim.dadapt_adamw(),
        "dog": contrib.dog(init_step=("distance", 0.1)),
        "dowg": contrib.dowg(),
        "momo": contrib.momo(lower_bound=0.0),
        "mechanize": contrib.mechanize(optim.sgd(1.0)),
    }.get(name, FORMULAS[name][0])
    params = fnp.asarray([3.0, -2.0])

    def loss(p: Any) -> Any:
        return ((p - fnp.asarray([1.0, 1.0])) ** 2).sum() / 2

    state = opt.init(params)
    first = float(loss(params))
    for _ in range(60):
        value, grads = fg.value_and_grad(loss)(params)
        u, state = optim.with_extra_args_support(opt).update(grads, state, params, value=value)
        params = optim.apply_updates(params, u)
    assert float(loss(params)) < 0.5 * first


# ---- Muon --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (2, 4, 3)])
@pytest.mark.parametrize("preconditioning", ["frobenius", "spectral", "aol", "schatten"])
def test_singular_values_become_nearly_one(shape: tuple[int, ...], preconditioning: str) -> None:
    x = fnp.asarray(np.random.default_rng(1).normal(size=shape))
    found = contrib.orthogonalized(x, preconditioning=preconditioning, ns_steps=7)
    values = np.linalg.svd(np.asarray(found), compute_uv=False)
    assert found.shape == shape
    assert ((values > 0.6) & (values < 1.25)).all()


@pytest.mark.parametrize("preconditioning", ["frobenius", "spectral", "aol", "schatten"])
def test_zeros_stay_zeros(preconditioning: str) -> None:
    def f(x: Any) -> Any:
        return contrib.orthogonalized(x, preconditioning=preconditioning, ns_steps=2).sum()

    assert float(f(fnp.zeros((2, 3)))) == 0
    if preconditioning != "spectral":  # where singular values coincide at 0 there is no largest one
        assert np.isfinite(np.asarray(fg.grad(f)(fnp.zeros((2, 3))))).all()


def test_leaves_without_two_axes_are_adams() -> None:
    params = {"w": fnp.ones((2, 3)), "b": fnp.ones(3), "k": fnp.ones((2, 2, 2))}
    grads = tree.map(lambda p: 0.5 * p, params)
    opt = optim.muon(0.1, nesterov=False)
    u, state = opt.update(grads, opt.init(params), params)
    for name in ("b", "k"):
        np.testing.assert_allclose(np.asarray(u[name]), -0.1, rtol=1e-5)
    assert tree.leaves(state[0].inner_states["muon"].inner_state[0].mu)[0].shape == (2, 3)
    state = optim.set_hyperparams(state, learning_rate=0.0)
    assert not any(x.any() for x in tree.leaves(opt.update(grads, state, params)[0]))


def test_two_learning_rates() -> None:
    params = {"w": fnp.ones((2, 3)), "b": fnp.ones(3)}
    opt = optim.muon(0.1, adam_learning_rate=0.2)
    state = optim.set_hyperparams(opt.init(params), "adam", learning_rate=0.0)
    u, _ = opt.update(params, state, params)
    assert u["w"].any()
    assert not u["b"].any()


def test_axes_of_kernels() -> None:
    x = np.random.default_rng(2).normal(size=(2, 3, 4))
    numbers = contrib.MuonDimensionNumbers((2, 0), 1)
    opt = contrib.scale_by_muon(beta=0.0, nesterov=False, weight_dimension_numbers=numbers)
    found, _ = opt.update(fnp.asarray(x), opt.init(fnp.asarray(x)))
    flat = contrib.orthogonalized(x.transpose(2, 0, 1).reshape(8, 3))
    expected = np.asarray(flat).reshape(4, 2, 3).transpose(1, 2, 0)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4, atol=1e-5)


# ---- estimates and noise -----------------------------------------------------------------------


def test_hutchinson_has_the_diagonal_for_its_mean() -> None:
    matrix = fnp.asarray([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]])
    opt, params = contrib.hutchinson_estimator_diag_hessian(random.key(3)), fnp.ones(3)

    def estimate(key: Any) -> Any:
        state = contrib.HutchinsonState(key)
        return opt.update(params, state, params, obj_fn=lambda p: p @ matrix @ p / 2)[0]

    found = fg.vmap(estimate)(random.split(random.key(1), 2000)).mean(0)
    np.testing.assert_allclose(np.asarray(found), [2.0, 1.0, 3.0], atol=0.06)


def test_sophia_asks_for_the_loss_at_its_steps_only() -> None:
    calls = []

    def loss(p: Any) -> Any:
        calls.append(1)
        return (p * p).sum()

    opt, params = optim.sophia(0.1, update_interval=3), fnp.ones(2)
    state = opt.init(params)
    for step in range(7):
        before = len(calls)
        _, state = opt.update(params, state, params, obj_fn=loss)
        assert (len(calls) > before) == (step % 3 == 0)
    np.testing.assert_allclose(np.asarray(state[0].nu), 2 * (1 - 0.99**3), rtol=1e-5)


def test_private_gradients_in_a_chain() -> None:
    params = example(0)
    grads = example(1, batch=(8,))
    state = PRIVATE.init(params)
    u, state = PRIVATE.update(grads, state, params)
    v, _ = PRIVATE.update(grads, state, params)
    assert tree.map(lambda x: x.shape, u) == tree.map(lambda x: x.shape, params)
    assert (tree.leaves(u)[0] != tree.leaves(v)[0]).all()
    jitted, _ = fg.jit(PRIVATE.update)(grads, PRIVATE.init(params), params)
    np.testing.assert_allclose(np.asarray(tree.leaves(jitted)[0]), np.asarray(tree.leaves(u)[0]), rtol=1e-5)


def test_parts_of_complex_parameters() -> None:
    z = fnp.asarray([1 + 2j, -1 - 0.5j])
    opt = contrib.split_real_and_imaginary(optim.adam(0.1))
    u, _ = opt.update(z, opt.init(z), z)
    np.testing.assert_allclose(np.asarray(u), [-0.1 - 0.1j, 0.1 + 0.1j], rtol=1e-5)


# ---- messages ----------------------------------------------------------------------------------

W = fnp.ones((2, 3))

MISTAKES: dict[str, tuple[Callable[[], Any], type[FuncgradError], str]] = {
    "no matrix": (lambda: contrib.scale_by_muon().init({"b": fnp.ones(3)}), ShapeError, r"\['b'\] is float32\[3\]"),
    "no such axis": (
        lambda: contrib.scale_by_muon(weight_dimension_numbers=contrib.MuonDimensionNumbers(0, 2)).init(W),
        ShapeError,
        "no axes",
    ),
    "an axis twice": (
        lambda: contrib.scale_by_muon(weight_dimension_numbers=contrib.MuonDimensionNumbers(0, -2)).init(W),
        ShapeError,
        "once only",
    ),
    "an axis left out": (
        lambda: contrib.scale_by_galore(weight_dimension_numbers=contrib.GaLoreDimensionNumbers(0, 1)).init(W[None]),
        ShapeError,
        "leaves out",
    ),
    "no numbers for a leaf": (
        lambda: optim.muon(0.1, muon_weight_dimension_numbers={"a": None}).init({"a": W, "b": W}),
        TreeError,
        r"\['b'\]",
    ),
    "no dimension numbers": (
        lambda: optim.muon(0.1, muon_weight_dimension_numbers={"a": 3}),
        DtypeError,
        "dimension numbers",
    ),
    "preconditioning": (lambda: optim.muon(0.1, preconditioning="x"), OptionError, "'frobenius', 'spectral'"),
    "coefficients": (lambda: optim.muon(0.1, "x"), OptionError, "'muon', 'dion'"),
    "two coefficients": (lambda: optim.muon(0.1, (1.0, 2.0)), ShapeError, "three numbers"),
    "steps": (lambda: optim.muon(0.1, ns_steps=-1), OptionError, "ns_steps"),
    "a vector": (lambda: contrib.orthogonalized(fnp.ones(3)), ShapeError, "matrices"),
    "betas": (lambda: optim.prodigy(betas=0.9), OptionError, "pair"),
    "estimate": (lambda: optim.dadapt_adamw(estim_lr0=0.0), OptionError, "positive"),
    "first step": (lambda: contrib.dog(init_step=("far", 1.0)), OptionError, "'distance', 'learning_rate'"),
    "negative first step": (lambda: contrib.dog(init_step=("distance", -1.0)), OptionError, "0 or more"),
    "eps of dowg": (lambda: contrib.dowg(eps=optim.constant_schedule(0.1)), OptionError, "init_estim_sq_dist"),
    "no value": (
        lambda: contrib.momo().update(W, contrib.momo().init(W), W),
        OptionError,
        r"value=loss",
    ),
    "values": (
        lambda: contrib.momo().update(W, contrib.momo().init(W), W, value=W),
        ShapeError,
        "one number",
    ),
    "no params": (lambda: contrib.cocob().update(W, contrib.cocob().init(W)), TreeError, "needs the parameters"),
    "no loss": (lambda: optim.sophia(0.1).update(W, optim.sophia(0.1).init(W), W), OptionError, "obj_fn"),
    "interval": (lambda: optim.sophia(0.1, update_interval=0), OptionError, "update_interval"),
    "rank": (lambda: contrib.galore(0.1, rank=0), OptionError, "rank"),
    "bettors": (lambda: contrib.mechanize(optim.sgd(1.0), num_betas=0), OptionError, "num_betas"),
    "key and seed": (
        lambda: contrib.differentially_private_aggregate(1.0, 1.0, 0, seed=0),
        OptionError,
        "not both",
    ),
    "no examples": (lambda: PRIVATE.update(fnp.ones(()), PRIVATE.init(fnp.ones(())), None), ShapeError, "examples"),
    "complex": (lambda: optim.madgrad(0.1).init(fnp.ones(2, "complex64")), DtypeError, "split_real_and_imaginary"),
    "integers": (lambda: optim.prodigy().init(fnp.ones(2, "int32")), DtypeError, "no gradient"),
    "a state of another": (
        lambda: contrib.split_real_and_imaginary(optim.sgd(0.1)).update(W, (), W),
        TreeError,
        "the state must be a SplitReal",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_messages(name: str) -> None:
    mistake, kind, text = MISTAKES[name]
    with pytest.raises(kind, match=text):
        mistake()


def test_transformations_compare_by_value() -> None:
    numbers = {"a": contrib.MuonDimensionNumbers([0, 1], 2), "b": None}
    for make in (
        lambda: optim.muon(0.1, muon_weight_dimension_numbers=numbers),
        lambda: optim.prodigy(beta3=0.9),
        lambda: optim.sophia(0.1),
        lambda: contrib.galore(0.1),
        lambda: optim.adopt(0.1),
    ):
        assert make() == make()
        assert hash(make()) == hash(make())
    assert optim.prodigy(betas=(0.9, 0.99)) != optim.prodigy(betas=(0.9, 0.999))


INJECTED = {
    "muon": (optim.muon, {"learning_rate": 0.1}),
    "prodigy": (optim.prodigy, {"learning_rate": 1.0}),
    "adopt": (optim.adopt, {"learning_rate": 0.1}),
    "sophia": (optim.sophia, {"learning_rate": 0.1}),
    "ademamix": (optim.ademamix, {"learning_rate": 0.1}),
    "galore": (contrib.galore, {"learning_rate": 0.1}),
    "momo": (contrib.momo, {"learning_rate": 0.1}),
    "dog": (contrib.dog, {"learning_rate": 1.0, "init_step": ("distance", 0.1)}),
}


@pytest.mark.parametrize("name", INJECTED)
def test_injected_hyperparams(name: str) -> None:
    """They may be assigned to, and what they hold counts."""
    make, settings = INJECTED[name]
    params, grads = example(0), [example(s) for s in (1, 2)]
    opt, plain = optim.inject_hyperparams(make)(**settings), make(**settings)
    expected, _ = run(plain, params, grads)
    found, state = run(opt, params, grads)
    assert_close(found, expected)
    state.hyperparams["learning_rate"] = 0.0
    u, _ = update(opt, grads[0], state, params)
    assert all(float(abs(x).max()) < 1e-3 for x in tree.leaves(u))


def test_update_helper_gives_the_loss() -> None:
    params = example(0)
    opt = contrib.momo()
    assert tree.structure(update(opt, params, opt.init(params), params)[0]) == tree.structure(params)
