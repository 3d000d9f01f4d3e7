"""Line searches and L-BFGS: against optax over many steps, under jit and vmap, and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest
from recordings import traces

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, optim, tree
from funcgrad.errors import OptionError, TreeError

START = np.asarray([-1.0, 1.5, 2.0])


def losses(np_: Any) -> dict[str, Any]:
    return {
        "rosenbrock": lambda x: np_.sum((x[1:] - x[:-1] ** 2) ** 2) * 10 + np_.sum((1 - x) ** 2),
        "quartic": lambda x: np_.sum((x - 1) ** 4) + np_.sum(x * x) * 0.1,
        "waves": lambda x: np_.sum(np_.sin(3 * x)) + np_.sum(x * x) * 0.1,
    }


SEARCHES = {
    "backtracking": lambda o: o.chain(o.sgd(1.0), o.scale_by_backtracking_linesearch(20)),
    "backtracking_all": lambda o: o.chain(
        o.sgd(1.0), o.scale_by_backtracking_linesearch(30, 0.1, 0.6, math.inf, 0.5, atol=1e-3, rtol=1e-3)
    ),
    "backtracking_fails": lambda o: o.chain(o.sgd(-0.01), o.scale_by_backtracking_linesearch(3, store_grad=True)),
    "zoom": lambda o: o.chain(o.sgd(1.0), o.scale_by_zoom_linesearch(15)),
    "zoom_flat": lambda o: o.chain(
        o.sgd(1.0), o.scale_by_zoom_linesearch(25, initial_guess_strategy="one", curv_rtol=0.1)
    ),
    "zoom_grows": lambda o: o.chain(o.sgd(0.001), o.scale_by_zoom_linesearch(25, curv_rtol=0.3, approx_dec_rtol=None)),
    "zoom_bound": lambda o: o.chain(o.sgd(0.001), o.scale_by_zoom_linesearch(25, max_learning_rate=5.0)),
    "lbfgs": lambda o: o.lbfgs(),
    "lbfgs_short": lambda o: o.lbfgs(memory_size=2, scale_init_precond=False),
    "lbfgs_rate": lambda o: o.lbfgs(0.05, linesearch=None),
    "lbfgs_backtracking": lambda o: o.lbfgs(linesearch=o.scale_by_backtracking_linesearch(20)),
}


FAST = {("backtracking_all", "rosenbrock"), ("zoom_flat", "waves"), ("zoom_grows", "quartic"), ("lbfgs", "rosenbrock")}


def rounding(step: int) -> float:
    """A chaotic path loses digits, and where a loss is all rounding the search is of noise."""
    return 1e-8 if step < 10 else 1e-6


WAYS = [
    pytest.param(name, loss, marks=() if (name, loss) in FAST else pytest.mark.slow)
    for name in SEARCHES
    for loss in losses(np)
]


@pytest.mark.parametrize(("name", "loss"), WAYS)
def test_the_way_of_optax(name: str, loss: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    ours, theirs = SEARCHES[name](optim), SEARCHES[name](optax)
    f, g = losses(fnp)[loss], losses(jax.numpy)[loss]
    with config.default_dtype("float64"), jax.enable_x64(True):

        @jax.jit
        def step(q: Any, t: Any) -> Any:
            value, grad = jax.value_and_grad(g)(q)
            v, t = theirs.update(grad, t, q, value=value, grad=grad, value_fn=g)
            return optax.apply_updates(q, v), t

        p, q = fnp.asarray(START), jax.numpy.asarray(START)
        s, t = ours.init(p), theirs.init(q)
        for count in range(3 if name == "backtracking_fails" else 20):
            value, grad = fg.value_and_grad(f)(p)
            u, s = ours.update(grad, s, p, value=value, grad=grad, value_fn=f)
            p = optim.apply_updates(p, u)
            q, t = step(q, t)
            np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-6, atol=rounding(count))


def solve(opt: Any, loss: Any, params: Any, steps: int) -> Any:
    value_and_grad = optim.value_and_grad_from_state(loss)

    def step(params: Any, state: Any) -> Any:
        value, grad = value_and_grad(params, state=state)
        updates, state = opt.update(grad, state, params, value=value, grad=grad, value_fn=loss)
        return optim.apply_updates(params, updates), state

    return step, opt.init(params)


TREES = {"a": fnp.asarray([[-1.0, 1.5]]), "b": [fnp.asarray(2.0)]}


def of_tree(params: Any) -> Any:
    return losses(fnp)["quartic"](fnp.concatenate([x.reshape(-1) for x in tree.leaves(params)]))


@pytest.mark.parametrize("name", ["zoom", "lbfgs", "lbfgs_short", "backtracking_stored"])
def test_programs_of_trees(name: str) -> None:
    stored = optim.chain(optim.sgd(1.0), optim.scale_by_backtracking_linesearch(20, store_grad=True))
    opt = stored if name == "backtracking_stored" else SEARCHES[name](optim)
    step, state = solve(opt, of_tree, TREES, 8)
    jitted = fg.jit(step)
    p, q, s = TREES, TREES, state
    for _ in range(8):
        p, s = step(p, s)
        q, state = jitted(q, state)
    for x, y in zip(tree.leaves(p), tree.leaves(q), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-3)
    assert float(of_tree(p)) < 0.5  # from 17 at first
    assert traces(jitted) <= 40


def test_a_loop_of_steps_is_one_operation() -> None:
    step, state = solve(optim.lbfgs(), of_tree, TREES, 8)
    params, _ = fg.jit(
        lambda params, state: fg.while_loop(
            lambda c: optim.global_norm(c[1][2].grad) + 1.0 * (c[1][0].count == 0) > 1e-3,
            lambda c: step(*c),
            (params, state),
        )
    )(TREES, state)
    assert float(of_tree(params)) == pytest.approx(0.17015, abs=1e-4)


def test_vmap_is_a_loop_over_an_ensemble() -> None:
    starts = fnp.asarray([[-1.0, 1.5, 2.0], [0.1, 0.2, 0.3], [2.0, -2.0, 1.0]])

    def three(start: Any) -> Any:
        step, state = solve(optim.lbfgs(), losses(fnp)["quartic"], start, 3)
        for _ in range(3):
            start, state = step(start, state)
        return start

    np.testing.assert_allclose(
        np.asarray(fg.vmap(three)(starts)), np.asarray([np.asarray(three(x)) for x in starts]), rtol=1e-3, atol=1e-4
    )


def test_other_arguments_of_the_loss() -> None:
    def loss(params: Any, x: Any, *, y: Any) -> Any:
        return ((x @ params - y) ** 2).sum()

    x, y = fnp.asarray([[1.0, 2.0], [0.5, -1.0]]), fnp.asarray([1.0, 2.0])
    opt = optim.lbfgs()
    params = fnp.zeros(2)
    state = opt.init(params)
    for _ in range(10):
        value, grad = fg.value_and_grad(loss)(params, x, y=y)
        updates, state = opt.update(grad, state, params, value=value, grad=grad, value_fn=loss, x=x, y=y, other=1)
        params = optim.apply_updates(params, updates)
    np.testing.assert_allclose(np.asarray(x @ params), np.asarray(y), atol=1e-3)
    assert float(state[2].info.decrease_error) == 0


def test_what_cannot_make_sense() -> None:
    params = fnp.ones(2)
    with pytest.raises(OptionError, match=r"decrease_factor must be in \(0, 1\) and .* not 1.5"):
        optim.scale_by_backtracking_linesearch(3, decrease_factor=1.5)
    with pytest.raises(OptionError, match="initial_guess_strategy is 'keep' or 'one', not 'two'"):
        optim.scale_by_zoom_linesearch(3, initial_guess_strategy="two")
    with pytest.raises(OptionError, match="increase_factor must be more than 1"):
        optim.scale_by_zoom_linesearch(3, increase_factor=1.0)
    with pytest.raises(OptionError, match="memory_size must be 1 or more, not 0"):
        optim.lbfgs(memory_size=0)
    for opt in (optim.scale_by_zoom_linesearch(3), optim.scale_by_backtracking_linesearch(3)):
        with pytest.raises(TreeError, match="update needs the loss by name"):
            opt.update(params, opt.init(params), params)
        with pytest.raises(TreeError, match="update needs the parameters"):
            opt.update(params, opt.init(params), value=1.0, grad=params, value_fn=fnp.sum)
    with pytest.raises(OptionError, match="the state has 0 line searches"):
        optim.value_and_grad_from_state(fnp.sum)(params, state=optim.sgd(0.1).init(params))
