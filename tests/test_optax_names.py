"""Optimisers, transformations and states have optax's names, arguments and fields."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest
from optax_cases import ALIASES, TRANSFORMATIONS

from funcgrad import optim

optax = pytest.importorskip("optax")
tree_utils = pytest.importorskip("optax.tree_utils")
transforms = pytest.importorskip("optax.transforms")

FUNCTIONS = [
    *("apply_updates", "global_norm", "bias_correction", "identity"),
    *("update_infinity_moment", "update_moment", "update_moment_per_elem_norm", "add_noise", "noisy_sgd"),
    *("per_example_global_norm_clip", "per_example_layer_norm_clip", "scale_by_schedule"),
    *("snapshot", "monitor", "measure_with_ema", "stateless", "stateless_with_tree_map"),
]
OTHERWISE = {
    ("scale_by_learning_rate", "learning_rate"),  # None there is no learning rate at all; here it is asked for
    ("scale_by_factored_rms", "decay_rate_fn"),  # a function in both
    ("adafactor", "dtype_momentum"),  # a name here, a type of jax.numpy there
}


def of_optax(name: str) -> Any:
    for module in (optax, transforms, tree_utils):
        if found := getattr(module, name, None):
            return found
    return getattr(tree_utils, f"tree_{name}")


def arguments(f: Any) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]


@pytest.mark.parametrize("name", [*ALIASES, *TRANSFORMATIONS, *FUNCTIONS])
def test_arguments(name: str) -> None:
    ours, theirs = arguments(getattr(optim, name)), arguments(of_optax(name))
    assert [row[:2] for row in ours] == [row[:2] for row in theirs]
    for (argument, _, mine), (_, _, other) in zip(ours, theirs, strict=True):
        if (name, argument) not in OTHERWISE:
            assert mine == other, argument


STATES = [
    *("AddNoiseState", "ApplyEvery", "EmaState", "EmptyState", "FactoredState", "MaskedState", "MonitorState"),
    *("ScaleByAdaDeltaState", "ScaleByAdamState", "ScaleByAdanState", "ScaleByAmsgradState", "ScaleByBeliefState"),
    *("ScaleByLionState", "ScaleByNovogradState", "ScaleByRStdDevState", "ScaleByRmsState", "ScaleByRpropState"),
    *("ScaleByRssState", "ScaleBySM3State", "SnapshotState", "TraceState", "ZeroNansState", "ScaleByScheduleState"),
    *("AdaptiveGradClipState", "AddDecayedWeightsState", "ClipByGlobalNormState", "ClipState", "ScaleState"),
    *("NonNegativeParamsState", "ScaleByTrustRatioState"),
]


@pytest.mark.parametrize("name", STATES)
def test_states(name: str) -> None:
    """Optax's fields in their order, and behind them what ours remember beyond that."""
    ours, theirs = getattr(optim, name)._fields, of_optax(name)._fields
    assert [f for f in ours if f in theirs] == list(theirs)
    assert {f for f in ours if f not in theirs} <= {"hyperparams", "count"}


def test_every_optimiser_of_optax_is_there() -> None:
    makers = {
        name
        for name, f in vars(optax).items()
        if inspect.isfunction(f) and "learning_rate" in inspect.signature(f).parameters and not name.startswith("_")
    }
    # One under its old interface, and what is not an optimiser by itself
    assert makers - set(dir(optim)) <= {"optimistic_adam", "lbfgs", "scale_by_backtracking_linesearch"}


NAMESPACES = {
    "schedules": {
        "InjectStatefulHyperparamsState",
        "StatefulSchedule",
        "WrappedSchedule",
        "inject_stateful_hyperparams",
    },
    "transforms": {"ConditionFn", "MaskedNode", "unitwise_clip", "unitwise_norm"},
    "losses": set(),
    "projections": set(),
    "perturbations": set(),
    "contrib": set(),
}
"""Each module of optax that has a twin here, and what of it has none."""


@pytest.mark.parametrize("name", NAMESPACES)
def test_names_of_a_module(name: str) -> None:
    theirs = importlib.import_module(f"optax.{name}")
    ours = getattr(optim, name)
    names = {n for n in dir(theirs) if not n.startswith("_") and not inspect.ismodule(getattr(theirs, n))}
    assert names - set(dir(ours)) <= NAMESPACES[name]
    assert set(ours.__all__) <= set(dir(ours))
