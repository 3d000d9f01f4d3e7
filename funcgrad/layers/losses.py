"""Losses as layers, under PyTorch's names: what they compute stands with the functions of `functional`.

Losses have no parameters, but for `LinearCrossEntropyLoss`, so the functions are as good: a layer is for a place where
a layer is expected, or for settings that are held together. Weights are settings too, and so that a layer stays a value
they are numbers in tuples (lists become tuples); where weights are arrays that change, call the function. All take
`where=`, the mask of what counts, if their function does.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from .. import functional as F
from ..dtypes import inexact
from ..errors import OptionError
from ..functional.options import check_positive, check_probability
from ..functional.reduction import Reduction, check_reduction
from ..numpy.creation import asarray
from .initializers import Initializer, weight_and_bias
from .layer import Layer, Run
from .torch_entry import TorchEntry

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LinearCrossEntropyLoss",
    "MSELoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
]

Numbers = tuple[float, ...]


class Loss(Layer):
    """What all have: a reduction, looked at when the layer is made."""

    _reductions: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        check_reduction(type(self).__name__, vars(self)["reduction"], *self._reductions)


def as_array(numbers: Any, like: Any) -> Any:
    """Weights as an array of the dtype of what they weigh; None where there are none."""
    return None if numbers is None else asarray(numbers, inexact(asarray(like).dtype))


# ---- of numbers --------------------------------------------------------------------------------


class MSELoss(Loss):
    """The squared difference: `functional.mse_loss`.

    Args:
        reduction: "mean", "sum" or "none".

    >>> from funcgrad import layers, numpy as fnp
    >>> float(layers.MSELoss()({}, fnp.asarray([1.0, 2.0]), fnp.asarray([0.0, 4.0])))
    2.5
    """

    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.mse_loss(input, target, self.reduction, where=where)


class L1Loss(Loss):
    """The absolute difference: `functional.l1_loss`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.l1_loss(input, target, self.reduction, where=where)


class HuberLoss(Loss):
    """Half the square of small differences, a tangent for large ones: `functional.huber_loss`.

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the parabola ends, above 0.
    """

    reduction: Reduction = "mean"
    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(type(self).__name__, "delta", self.delta)

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.huber_loss(input, target, self.reduction, self.delta, where=where)


class SmoothL1Loss(Loss):
    """`HuberLoss` with delta=beta, divided by beta: `functional.smooth_l1_loss`.

    Args:
        reduction: "mean", "sum" or "none".
        beta: where the parabola ends, at least 0.
    """

    reduction: Reduction = "mean"
    beta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta < 0:
            raise OptionError(f"SmoothL1Loss: beta must be at least 0, not {self.beta!r}")

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.smooth_l1_loss(input, target, self.reduction, self.beta, where=where)


class GaussianNLLLoss(Loss):
    """The negative log-likelihood of normal distributions: `functional.gaussian_nll_loss`.

    Args:
        full: whether to add the constant.
        eps: the least variance, above 0.
        reduction: "mean", "sum" or "none".
    """

    full: bool = False
    eps: float = 1e-6
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(type(self).__name__, "eps", self.eps)

    def forward(self, run: Run, input: Any, target: Any, var: Any, *, where: Any = None) -> Any:
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction, where=where)


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of Poisson distributions: `functional.poisson_nll_loss`.

    Args:
        log_input: whether the input is logarithms of rates.
        full: whether to add Stirling's approximation of log(target!).
        eps: keeps the logarithm of a rate finite at 0.
        reduction: "mean", "sum" or "none".
    """

    log_input: bool = True
    full: bool = False
    eps: float = 1e-8
    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.poisson_nll_loss(input, target, self.log_input, self.full, self.eps, self.reduction, where=where)


# ---- of classes --------------------------------------------------------------------------------


class CrossEntropyLoss(Loss):
    """The cross-entropy of softmax(input) against classes or probabilities: `functional.cross_entropy`.

    Args:
        weight: how much each class counts, a number for each; 1 where None.
        ignore_index: class targets of this value count for nothing; PyTorch's default is -100, none here.
        reduction: "mean", "sum" or "none".
        label_smoothing: between 0 and 1.
        axis: where the classes are; PyTorch's is 1.

    >>> from funcgrad import layers, numpy as fnp
    >>> loss = layers.CrossEntropyLoss(weight=(1.0, 3.0), reduction="none")
    >>> loss({}, fnp.asarray([[2.0, 0.0], [0.0, 0.0]]), fnp.asarray([0, 1])).round(4)
    Array([0.1269, 2.0794], dtype=float32)
    """

    weight: Numbers | None = None
    ignore_index: int | None = None
    reduction: Reduction = "mean"
    label_smoothing: float = 0.0
    axis: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_probability("CrossEntropyLoss", "label_smoothing", self.label_smoothing)

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        options = self.ignore_index, self.reduction, self.label_smoothing, self.axis
        return F.cross_entropy(input, target, as_array(self.weight, input), *options, where=where)


class NLLLoss(Loss):
    """The negative logarithm of the class's probability: `functional.nll_loss`.

    Args:
        weight, ignore_index, reduction, axis: as for `CrossEntropyLoss`.
    """

    weight: Numbers | None = None
    ignore_index: int | None = None
    reduction: Reduction = "mean"
    axis: int = -1

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        weight = as_array(self.weight, input)
        return F.nll_loss(input, target, weight, self.ignore_index, self.reduction, self.axis, where=where)


class LinearCrossEntropyLoss(Loss):
    """A linear map and the cross-entropy of its output, some rows at a time: `functional.linear_cross_entropy`.

    Args:
        in_features: size of the input's last axis.
        num_classes: how many classes there are.
        bias: whether the map has a bias.
        reduction: "mean", "sum" or "none".
        weight: how much each class counts, a number for each; 1 where None.
        ignore_index: class targets of this value count for nothing; None where no value is special.
        label_smoothing: between 0 and 1.
        chunk_size: how many rows at a time; by default as many as have four million logits.
        weight_init, bias_init: first values, as for `Linear`.

    Parameters:
        linear_weight: (in_features, num_classes), the transpose of PyTorch's linear.weight.
        linear_bias: (num_classes,)

    >>> from funcgrad import layers, numpy as fnp
    >>> loss = layers.LinearCrossEntropyLoss(2, 3)
    >>> round(float(loss({"linear_weight": fnp.zeros((2, 3))}, fnp.ones((4, 2)), fnp.asarray([0, 1, 2, 0]))), 4)
    1.0986
    """

    in_features: int
    num_classes: int
    bias: bool = False
    reduction: Reduction = "mean"
    weight: Numbers | None = None
    ignore_index: int | None = None
    label_smoothing: float = 0.0
    chunk_size: int | None = None
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    def parameters(self, key: Any) -> dict[str, Any]:
        biases = self.num_classes if self.bias else 0
        shape = (self.in_features, self.num_classes)
        made = weight_and_bias(key, shape, biases, self.weight_init, self.bias_init)
        return {f"linear_{name}": value for name, value in made.items()}

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {"linear_weight": TorchEntry("linear.weight", (1, 0)), "linear_bias": TorchEntry("linear.bias")}

    def forward(self, run: Run, input: Any, target: Any) -> Any:
        return F.linear_cross_entropy(
            input,
            run.linear_weight,
            target,
            linear_bias=run.linear_bias if self.bias else None,
            weight=as_array(self.weight, input),
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            chunk_size=self.chunk_size,
        )


class CTCLoss(Loss):
    """The negative log-likelihood of texts over all alignments: `functional.ctc_loss`.

    Args:
        blank: the class that stands for no label.
        reduction: "mean", "sum" or "none".
        zero_infinity: take 0 for the loss of a text that is too long for its frames.
    """

    blank: int = 0
    reduction: Reduction = "mean"
    zero_infinity: bool = False

    def forward(self, run: Run, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        options = self.blank, self.reduction, self.zero_infinity
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, *options)


# ---- of probabilities --------------------------------------------------------------------------


class BCELoss(Loss):
    """The cross-entropy of probabilities against probabilities: `functional.binary_cross_entropy`.

    Args:
        weight: how much each element counts, numbers that broadcast with the input; 1 where None.
        reduction: "mean", "sum" or "none".
    """

    weight: Any = None
    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.binary_cross_entropy(input, target, as_array(self.weight, input), self.reduction, where=where)


class BCEWithLogitsLoss(Loss):
    """The cross-entropy of sigmoid(input): `functional.binary_cross_entropy_with_logits`.

    Args:
        weight: how much each element counts, numbers that broadcast with the input; 1 where None.
        reduction: "mean", "sum" or "none".
        pos_weight: how much targets of 1 count, numbers that broadcast with the input; 1 where None.
    """

    weight: Any = None
    reduction: Reduction = "mean"
    pos_weight: Any = None

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        weight, positive = as_array(self.weight, input), as_array(self.pos_weight, input)
        return F.binary_cross_entropy_with_logits(input, target, weight, self.reduction, positive, where=where)


class KLDivLoss(Loss):
    """The terms of the Kullback-Leibler divergence: `functional.kl_div`.

    Args:
        reduction: "mean", "batchmean", "sum" or "none".
        log_target: whether the targets are logarithms.
    """

    _reductions = ("batchmean",)
    reduction: Literal["none", "mean", "sum", "batchmean"] = "mean"
    log_target: bool = False

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.kl_div(input, target, self.reduction, self.log_target, where=where)
