"""Groups of parameters: masks by path, `partition`, `selective_transform`."""

import re
from typing import Any

import numpy as np
import pytest
from recordings import traces

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, tree
from funcgrad.errors import DtypeError, OptionError, TreeError


def example(seed: int = 0, batch: tuple[int, ...] = ()) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def layer(m: int, n: int) -> dict[str, fg.Array]:
        return {
            "weight": fnp.asarray(rng.normal(size=(*batch, m, n)), "float32"),
            "bias": fnp.asarray(rng.normal(size=(*batch, n)), "float32"),
        }

    return {"encoder": [layer(3, 2), layer(2, 4)], "head": layer(4, 1)}


def close(a: Any, b: Any) -> None:
    assert tree.same_structure(a, b)
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6)


BY_PATH = optim.partition(
    {"*/bias": optim.sgd(0.5), re.compile(r"encoder/\d/"): optim.adam(0.1), "*": optim.sgd(0.1, momentum=0.9)}
)
BY_LABEL = optim.partition(
    {"b": optim.sgd(0.5), "e": optim.adam(0.1), "h": optim.sgd(0.1, momentum=0.9)},
    {"encoder": [{"weight": "e", "bias": "b"}, {"weight": "e", "bias": "b"}], "head": {"weight": "h", "bias": "b"}},
)
BY_FUNCTION = optim.multi_transform(
    dict(BY_LABEL.transforms),
    lambda p: tree.map_with_path(lambda path, _: "b" if "bias" in path else "e" if "encoder" in path else "h", p),
)


def run(opt: Any, steps: int = 3, jit: bool = False) -> Any:
    params = example()
    state = opt.init(params)

    def step(params: Any, state: Any) -> Any:
        updates, state = opt.update(tree.map(lambda p: 2 * p, params), state, params)
        return optim.apply_updates(params, updates), state

    step = fg.jit(step) if jit else step
    for _ in range(steps):
        params, state = step(params, state)
    return params


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("opt", [BY_PATH, BY_LABEL, BY_FUNCTION], ids=["path", "label", "function"])
def test_each_group_goes_its_own_way(opt: Any, jit: bool) -> None:
    found = run(opt, jit=jit)
    close(found["head"]["weight"], run(optim.sgd(0.1, momentum=0.9))["head"]["weight"])
    close(found["encoder"][1]["weight"], run(optim.adam(0.1))["encoder"][1]["weight"])
    close([x["bias"] for x in found["encoder"]], [x["bias"] for x in run(optim.sgd(0.5))["encoder"]])


def test_partition_is_a_value() -> None:
    def make() -> Any:
        return optim.partition({"a": optim.sgd(0.1), "b": optim.adam(0.1)}, {"x": "a", "y": "b"})

    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != optim.partition({"a": optim.sgd(0.1), "b": optim.adam(0.1)}, {"x": "a", "y": "a"})
    assert hash(optim.partition({re.compile("a"): optim.sgd(0.1)}))
    assert optim.freeze(["a", re.compile("b")]) == optim.freeze(["a", re.compile("b")])


def test_a_label_may_stand_for_a_subtree_and_for_nobody() -> None:
    opt = optim.partition({0: optim.sgd(0.5), 1: optim.scale(3.0), 2: optim.adam(0.1)}, {"encoder": 0, "head": 1})
    params = example()
    updates, state = opt.update(params, opt.init(params))
    close(updates["head"], tree.map(lambda p: 3 * p, params["head"]))
    close(updates["encoder"], tree.map(lambda p: -0.5 * p, params["encoder"]))
    assert not tree.leaves(state.inner_states[2].inner_state[0].mu)


def test_groups_of_an_ensemble_with_rates_of_their_own() -> None:
    params = example(batch=(3,))
    rates = fnp.asarray([0.1, 0.2, 0.4])

    def step(params: Any, rate: Any) -> Any:
        state = optim.set_hyperparams(BY_PATH.init(params), "*/bias", learning_rate=rate)
        return BY_PATH.update(params, state, params)[0]

    found = fg.vmap(step)(params, rates)
    np.testing.assert_allclose(
        np.asarray(found["head"]["bias"]), -np.asarray(rates)[:, None] * np.asarray(params["head"]["bias"]), rtol=1e-6
    )


def test_what_matches_nothing_and_what_is_matched_by_nothing() -> None:
    opt = optim.partition({"*/bais": optim.sgd(0.1), "encoder/*": optim.sgd(0.1), "deep": optim.adam(0.1)})
    with pytest.raises(
        TreeError,
        match=r"partition: no leaf matches '\*/bais', 'deep'; no pattern matches 'head/bias', 'head/weight'; the "
        r"leaves are 'encoder/0/bias', 'encoder/0/weight', .*'head/weight'",
    ):
        opt.init(example())
    with pytest.raises(TreeError, match="no leaf matches 'x'; the leaves are"):
        optim.partition({"x": optim.sgd(0.1), "*": optim.sgd(0.1)}).init(example())


def test_a_pattern_may_be_left_with_nothing() -> None:
    """A later rule for what is left does no harm where nothing is."""
    opt = optim.partition({"*": optim.sgd(0.5), "head": optim.sgd(1.0)})
    close(opt.update(example(), opt.init(example()))[0], tree.map(lambda p: -0.5 * p, example()))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.partition({0: optim.sgd(0.1)}), DtypeError, "0 is no pattern.*give param_labels"),
        (lambda: optim.partition({"*": optim.sgd}), DtypeError, "not a gradient transformation"),
        (
            lambda: optim.partition({"a": optim.sgd(0.1)}, {"encoder": "a", "head": "b"}).init(example()),
            OptionError,
            "partition: head/bias has the label 'b', and there are 'a'",
        ),
        (
            lambda: optim.partition({"a": optim.sgd(0.1)}, {"encoder": "a"}).init(example()),
            TreeError,
            "the labels .* does not fit the tree|the labels .*head",
        ),
        (lambda: optim.freeze("encodr").init(example()), TreeError, "no leaf matches 'encodr'; the leaves are 'encod"),
        (lambda: BY_PATH.update(example(), optim.EmptyState()), TreeError, "the state must be a PartitionState of"),
        (lambda: optim.masked(optim.sgd, True), DtypeError, "masked: not a gradient transformation"),
    ],
)
def test_what_cannot_make_sense(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_set_hyperparams_of_a_group() -> None:
    params = example()
    state = BY_PATH.init(params)
    with pytest.raises(OptionError, match=r"'learning_rate' stands in state.inner_states\['\*/bias'\]"):
        optim.set_hyperparams(state, learning_rate=0.0)
    with pytest.raises(OptionError, match=r"has no part 'nobody'; there are: '\*', '\*/bias', re.compile"):
        optim.set_hyperparams(state, "nobody", learning_rate=0.0)
    updates, _ = BY_PATH.update(params, optim.set_hyperparams(state, "*/bias", learning_rate=0.0), params)
    assert not np.asarray(updates["head"]["bias"]).any()
    assert np.asarray(updates["head"]["weight"]).any()
    nested = optim.named_chain(("groups", BY_PATH), ("scale", optim.scale(2.0)))
    state = optim.set_hyperparams(nested.init(params), "groups", "*/bias", learning_rate=0.0)
    assert not np.asarray(nested.update(params, state, params)[0]["head"]["bias"]).any()
    state = optim.set_hyperparams(nested.init(params), "scale", step_size=0.0)
    assert not np.asarray(nested.update(params, state, params)[0]["head"]["bias"]).any()


def test_a_change_in_a_group_traces_nothing_again() -> None:
    params = example()

    @fg.jit
    def step(params: Any, state: Any) -> Any:
        return BY_PATH.update(params, state, params)

    state = BY_PATH.init(params)
    for rate in (0.1, 0.2, 0.3):
        updates, state = step(params, optim.set_hyperparams(state, "*/bias", learning_rate=rate))
        close(updates["head"]["bias"], -rate * params["head"]["bias"])
    assert traces(step) == 2  # which every function has at first


def test_masks_by_path() -> None:
    params = example()
    grads = tree.map(fnp.zeros_like, params)
    opt = optim.add_decayed_weights(0.5, mask=["*/weight"])
    updates, _ = opt.update(grads, opt.init(params), params)
    close(updates["head"], {"weight": 0.5 * params["head"]["weight"], "bias": grads["head"]["bias"]})
    opt = optim.chain(optim.sgd(1.0), optim.freeze("encoder"))
    updates, _ = opt.update(params, opt.init(params))
    close(updates, {"encoder": grads["encoder"], "head": tree.map(lambda p: -p, params["head"])})
    by_function = optim.masked(optim.scale(0.0), lambda p: "head")
    close(by_function.update(params, by_function.init(params))[0]["head"], grads["head"])


def test_selective_transform() -> None:
    params = example()
    for mask in ("encoder", {"encoder": True, "head": False}, lambda p: {"encoder": True, "head": False}):
        opt = optim.selective_transform(optim.adam(0.1), freeze_mask=mask)
        updates, state = opt.update(params, opt.init(params), params)
        close(updates["encoder"], tree.map(fnp.zeros_like, params["encoder"]))
        close(updates["head"], tree.map(lambda p: -0.1 * fnp.sign(p), params["head"]))
        assert len(tree.leaves(state.inner_states["train"].inner_state[0].mu)) == 2


@pytest.mark.parametrize("wrap", [lambda t, **k: optim.masked(t, {"a": True, "b": False}, **k),
                                  lambda t, **k: optim.partition({"a": t, "b": optim.identity()}, **k)])  # fmt: skip
def test_extra_arguments_may_be_masked_too(wrap: Any) -> None:
    seen = []

    def update(updates: Any, state: Any, params: Any = None, **extra_args: Any) -> Any:
        seen.append(extra_args)
        return updates, state

    tx = optim.GradientTransformationExtraArgs(optim.init_empty_state, update)
    params = {"a": fnp.ones(1), "b": fnp.ones(2)}
    for flag, expected in ((False, params), (True, {"a": params["a"], "b": None})):
        opt = wrap(tx, mask_compatible_extra_args=flag)
        opt.update(params, opt.init(params), value=1.0, other=params)
        assert seen[-1]["value"] == 1.0
        assert tree.same_structure(seen[-1]["other"], expected)
