"""Every layer against PyTorch, and through every transform: the rows stand in `tests/layers`, by family."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from layers import ALL, Bools, Given, Ints, Row, Settings

import funcgrad as fg
from funcgrad import config, layers, random
from funcgrad.dtypes import is_floating
from funcgrad.errors import FuncgradError
from funcgrad.testing import check_grads

# What is not applied to arrays by itself, or is made of other layers: it has tests of its own
ELSEWHERE = {"Lambda", "Layer", "Parallel", "RNNCellBase", "Run", "Sequential", "TargetsAndLoss", "TorchEntry"}

LAYOUTS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}
KEY = random.key(0)

EXAMPLES = [pytest.param(row, example, id=f"{row.name}-{i}") for row in ALL for i, example in enumerate(row.examples)]
every_example = pytest.mark.parametrize(("row", "example"), EXAMPLES)


@pytest.fixture
def double() -> Iterator[None]:
    with config.default_dtype("float64"):
        yield


def test_every_layer_has_a_row() -> None:
    rows = {row.name for row in ALL}
    offered = {name for name in layers.__all__ if isinstance(getattr(layers, name), type)}
    assert not (missing := sorted(offered - rows - ELSEWHERE)), f"without a row in tests/layers: {missing}"
    assert not (unknown := sorted((rows | ELSEWHERE) - offered)), f"no public layers: {unknown}"


def test_holes_have_reasons() -> None:
    holes = [row.name for row in ALL if (row.torch is None or row.batch is None or row.order < 2) and not row.why]
    assert not holes


# ---- inputs and outputs ------------------------------------------------------------------------


def drawn(row: Row, example: Settings, dtype: Any = np.float64, number: int = 0) -> list[Any]:
    """Inputs in PyTorch's order."""
    rng = np.random.default_rng(number)

    def one(what: Any) -> Any:
        if isinstance(what, Given):
            return what
        if isinstance(what, Ints):
            return rng.integers(what.low, what.high, what.shape)
        if isinstance(what, Bools):
            return rng.random(what.shape) < 0.7
        x = rng.normal(size=what)
        return (np.where(np.abs(x) < 0.02, 0.5, x) if row.kinks else x).astype(dtype)

    return [one(what) for what in row.inputs(example)]


def inside(row: Row, x: Any, layout: str) -> Any:
    """PyTorch's array in our layout."""
    if isinstance(x, Given):
        return x.values
    moved = row.spatial and layout[-1] == "C" and x.ndim == row.spatial + 2
    return np.moveaxis(x, 1, -1) if moved else x


def outside(row: Row, x: Any, layout: str) -> Any:
    """Our array in PyTorch's."""
    moved = row.spatial and layout[-1] == "C" and x.ndim == row.spatial + 2
    return np.moveaxis(np.asarray(x), -1, 1) if moved else np.asarray(x)


def made(row: Row, example: Settings, layout: str) -> Any:
    return getattr(layers, row.name)(**example, **({"layout": layout} if layout else {}))


def layouts(row: Row) -> tuple[str, ...]:
    return LAYOUTS.get(row.spatial, ("",))


def floats(xs: list[Any]) -> list[int]:
    return [i for i, x in enumerate(xs) if not isinstance(x, Given) and is_floating(np.asarray(x).dtype)]


def applied(row: Row, model: Any, train: bool) -> Any:
    """(params, state, xs) -> (the outputs as a list, state)."""

    def f(params: Any, state: Any, xs: Any) -> Any:
        held: list[Any] = []

        def run(*inputs: Any, **options: Any) -> Any:
            out, after = model.apply(params, state, *inputs, key=KEY, train=train, **options)
            held.append(after)
            return out

        return fg.tree.leaves(row.ours(run, tuple(xs))), held[0]

    return f


def close(found: Any, expected: Any, rtol: float, what: str = "") -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: {found.shape} for {expected.shape}"
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0) if expected.dtype.kind == "f" else 0
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale, err_msg=what)


# ---- against PyTorch ---------------------------------------------------------------------------


def against_torch(row: Row, data: st.DataObject) -> None:
    """Values, gradients and running state, in float32 and float64, training and not."""
    torch = pytest.importorskip("torch")
    example = data.draw(row.settings if row.settings is not None else st.sampled_from(row.examples), "settings")
    dtype = data.draw(st.sampled_from(["float32", "float64"]), "dtype")
    layout = data.draw(st.sampled_from(layouts(row)), "layout")
    train = data.draw(st.booleans(), "train") and not row.random
    number = data.draw(st.integers(0, 2**16), "number")
    rtol = 1e-5 if dtype == "float32" else 1e-10

    torch.manual_seed(number)
    module, model = row.twin(torch, example).to(getattr(torch, dtype)), made(row, example, layout)
    with torch.no_grad():
        for p in module.parameters():
            p.normal_(0, 0.5)
        if not row.random:  # once, so that running statistics are none of the first ones
            row.call(module, tensors(torch, drawn(row, example, dtype, number + 1)))
    module.train(train)
    params, state = layers.from_torch_state_dict(model, module.state_dict())

    xs = drawn(row, example, dtype, number)
    theirs = tensors(torch, xs, gradients=True)
    expected = [y for y in flat(torch, row.call(module, theirs)) if y is not None]
    rng = np.random.default_rng(number + 2)
    weights = [rng.normal(size=tuple(y.shape)).astype(dtype) for y in expected]
    chosen = floats(xs)

    def objective(params: Any, by: Any) -> Any:
        given = [inside(row, x, layout) for x in xs]
        for i, x in zip(chosen, by, strict=True):
            given[i] = x
        ys, after = applied(row, model, train)(params, state, given)
        moved = [inside(row, w, layout) for w in weights]
        assert len(ys) == len(moved)
        return sum((y * w).sum() for y, w in zip(ys, moved, strict=True) if is_floating(y.dtype)), (ys, after)

    by = [inside(row, xs[i], layout) for i in chosen]
    (_, (ys, after)), (by_params, by_inputs) = fg.value_and_grad(objective, (0, 1), has_aux=True)(params, by)
    for y, e in zip(ys, expected, strict=True):
        assert y.dtype == e.detach().numpy().dtype
        close(outside(row, y, layout), e.detach().numpy(), rtol, "output")

    differentiable = [(y, w) for y, w in zip(expected, weights, strict=True) if y.requires_grad]
    if differentiable:
        sum((y * torch.tensor(w)).sum() for y, w in differentiable).backward()
    for i, g in zip(chosen, by_inputs, strict=True):
        close(outside(row, g, layout), gradient(theirs[i]), rtol, f"gradient of input {i}")
    own = layers.to_torch_state_dict(model, by_params, after)
    for name, p in module.named_parameters():
        close(own[name], gradient(p), rtol, f"gradient of {name}")
    running = layers.to_torch_state_dict(model, params, after)
    for name, b in module.named_buffers():
        if name in running:
            close(running[name], b.numpy(), rtol, name)


def tensors(torch: Any, xs: list[Any], gradients: bool = False) -> tuple[Any, ...]:
    found = [torch.tensor(x) if isinstance(x, np.ndarray) else x.values for x in xs]
    if gradients:
        for i in floats(xs):
            found[i].requires_grad_()
    return tuple(found)


def flat(torch: Any, out: Any) -> list[Any]:
    if isinstance(out, tuple | list):
        return [y for part in out for y in flat(torch, part)]
    return [out]


def gradient(p: Any) -> Any:
    return np.zeros(tuple(p.shape)) if p.grad is None else p.grad.numpy()


WITH_TWINS = [row for row in ALL if row.torch is not None]


@pytest.mark.parametrize("row", WITH_TWINS, ids=str)
@seed(0)
@settings(max_examples=6, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_torch_agrees(row: Row, data: st.DataObject) -> None:
    against_torch(row, data)


@pytest.mark.slow
@pytest.mark.parametrize("row", WITH_TWINS, ids=str)
@seed(1)
@settings(max_examples=100, deadline=None, database=None)
@given(data=st.data())
def test_torch_agrees_on_many_settings(row: Row, data: st.DataObject) -> None:
    against_torch(row, data)


# ---- transforms --------------------------------------------------------------------------------


def prepared(row: Row, example: Settings, number: int = 0) -> tuple[Any, Any, Any, list[Any]]:
    """The layer in our usual layout, its first params and state, and inputs."""
    model = made(row, example, layouts(row)[0])
    params, state = model.init(KEY)
    rng = np.random.default_rng(number)
    params = fg.tree.map(lambda p: p + 0.3 * rng.normal(size=p.shape) if is_floating(p.dtype) else p, params)
    return model, params, state, [inside(row, x, layouts(row)[0]) for x in drawn(row, example, number=number)]


@every_example
@pytest.mark.usefixtures("double")
def test_derivatives(row: Row, example: Settings) -> None:
    model, params, state, xs = prepared(row, example)
    chosen = floats(drawn(row, example))

    def f(params: Any, by: Any, train: bool) -> Any:
        given = list(xs)
        for i, x in zip(chosen, by, strict=True):
            given[i] = x
        ys = applied(row, model, train)(params, state, given)[0]
        return [y for y in ys if is_floating(y.dtype)]

    for train in (False, True):
        check_grads(
            functools.partial(f, train=train), (params, [xs[i] for i in chosen]), order=row.order, rtol=1e-5, atol=1e-5
        )


@every_example
@pytest.mark.usefixtures("double")
def test_programs_compute_the_same(row: Row, example: Settings) -> None:
    model, params, state, xs = prepared(row, example)
    for train in (False, True):
        f = applied(row, model, train)
        program = fg.jit(lambda params, state, by, f=f: f(params, state, by))
        expected = f(params, state, xs)
        for _ in range(3):
            found = program(params, state, xs)
        for y, e in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
            close(y, e, 1e-12)


@every_example
@pytest.mark.usefixtures("double")
def test_an_ensemble_is_vmap_over_params(row: Row, example: Settings) -> None:
    model = prepared(row, example)[0]
    keys = random.split(KEY, 3)
    params, states = fg.vmap(model.init)(keys)
    inputs = [prepared(row, example, number)[3] for number in range(3)]
    same = [isinstance(x, Given) for x in drawn(row, example)]
    xs = [one[0] if s else np.stack(one) for s, one in zip(same, zip(*inputs, strict=True), strict=True)]
    for train in (False, True):
        f = applied(row, model, train)
        axes = (0, 0, [None if s else 0 for s in same])
        found = fg.vmap(f, in_axes=axes)(params, states, xs)
        for i in range(3):
            one = fg.tree.map(lambda p, i=i: p[i], (params, states))
            expected = f(*one, inputs[i])
            for y, e in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
                close(y[i], e, 1e-10)


@pytest.mark.parametrize(("row", "example"), [p for p in EXAMPLES if p.values[0].batch is not None])
@pytest.mark.usefixtures("double")
def test_one_example_without_a_batch(row: Row, example: Settings) -> None:
    model, params, state, xs = prepared(row, example)
    if any(isinstance(x, Given) for x in drawn(row, example)):
        pytest.skip("lengths and masks are given for a batch")
    f = applied(row, model, train=False)
    assert row.batch is not None
    alone = [np.take(x, 0, row.batch) for x in xs]
    for y, e in zip(f(params, state, alone)[0], f(params, state, xs)[0], strict=True):
        close(y, np.take(np.asarray(e), 0, row.batch), 1e-12)


class Around(layers.Layer):
    """Holds the layer at a path."""

    blocks: tuple[layers.Layer, ...]

    def forward(self, run: Any, *xs: Any, **options: Any) -> Any:
        return run.blocks[0](*xs, **options)


@pytest.mark.parametrize("row", [row for row in ALL if row.wrong is not None], ids=str)
def test_a_wrong_shape_is_told_with_the_path(row: Row) -> None:
    example = row.examples[0]
    model = Around((made(row, example, layouts(row)[0]),))
    params, state = model.init(KEY)
    xs: list[Any] = [inside(row, x, layouts(row)[0]) for x in drawn(row, example, np.float32)]
    xs[0] = inside(row, np.ones(row.wrong, np.float32), layouts(row)[0])
    # one that is made of layers may leave it to the one that the input comes to
    with pytest.raises(FuncgradError, match=rf"in layer blocks\[0\](\.\S+| {row.name})") as caught:
        row.ours(lambda *xs, **options: model.apply(params, state, *xs, **options), tuple(xs))
    assert ",".join(map(str, xs[0].shape)) in str(caught.value).replace(" ", "")


@every_example
def test_it_is_a_value_that_prints_as_one_writes_it(row: Row, example: Settings) -> None:
    model = made(row, example, layouts(row)[0])
    assert model == made(row, example, layouts(row)[0])
    assert hash(model) == hash(made(row, example, layouts(row)[0]))
    assert eval(repr(model), {name: getattr(layers, name) for name in layers.__all__}) == model
