"""The line search for Wolfe's conditions: `scale_by_zoom_linesearch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import tree
from ..core import Array
from ..errors import OptionError
from ..flatten_util import ravel_pytree
from ..numpy import abs, isnan, maximum, minimum, where, zeros_like
from ..ops.elementwise import astype
from ..transforms.control import cond, while_loop
from .linesearch import Line, at_least_zero, beginning
from .transformation import GradientTransformationExtraArgs, need_state

__all__ = ["ScaleByZoomLinesearchState", "ZoomLinesearchInfo", "scale_by_zoom_linesearch"]


class ZoomLinesearchInfo(NamedTuple):
    """How a search went.

    Args:
        num_linesearch_steps: how often the loss and its gradient were computed.
        decrease_error: by how much too little the loss fell; 0 where it fell enough.
        curvature_error: by how much too steep it is there; 0 where it is flat enough.
    """

    num_linesearch_steps: Array
    decrease_error: Array
    curvature_error: Array


class ScaleByZoomLinesearchState(NamedTuple):
    """The state of `scale_by_zoom_linesearch`.

    Args:
        learning_rate: what was found.
        value, grad: of the loss where that led to.
        info: how the search went.
    """

    learning_rate: Array
    value: Array
    grad: Any
    info: ZoomLinesearchInfo


class _Point(NamedTuple):
    """A learning rate, and the loss and its slope there."""

    rate: Array
    value: Array
    slope: Array


class _Seen(NamedTuple):
    """A point with its gradient and what is wrong with it."""

    point: _Point
    grad: Array
    decrease_error: Array
    curvature_error: Array


class _Search(NamedTuple):
    """What a zoom search has found.

    Args:
        count: how many points were tried.
        between: whether the rate is known to lie between `low` and `high`.
        done: whether the last point will do, or no better one can be found.
        last: the last point.
        safe: the last one where the loss had fallen enough; at first the beginning.
        low: the best end of the interval; before there is one, the point before the last.
        high: the other end.
        third: one more point, for cubics.
    """

    count: Array  # type: ignore[assignment]  # it hides tuple.count
    between: Array
    done: Array
    last: _Seen
    safe: _Seen
    low: _Point
    high: _Point
    third: _Point


def _choose(condition: Array, a: Any, b: Any) -> Any:
    return tree.map(lambda x, y: where(condition, x, y), a, b)


@dataclass(frozen=True)
class scale_by_zoom_linesearch(GradientTransformationExtraArgs):  # noqa: N801
    """Updates times a learning rate with which the loss falls enough and is no longer steep (Wolfe's conditions).

    With the slopes s(a) = <grad f(p + a u), u>,

        f(p + a u) <= f(p) + slope_rtol a s(0) + tol
        |s(a)| <= curv_rtol |s(0)| + tol

    For a loss so flat that rounding hides its fall, the first one may also be
    s(a) <= (2 slope_rtol - 1) s(0) + tol where f(p + a u) <= f(p) + approx_dec_rtol |f(p)|.

    The rate grows by `increase_factor` until an interval must hold such a one; the interval shrinks by cubics and
    parabolas through the points seen, or is halved.

    Args:
        max_linesearch_steps: how many points are tried; then the last at which the loss fell enough is taken.
        max_learning_rate: which the rate does not exceed; None for no bound.
        tol, slope_rtol, curv_rtol: see above.
        increase_factor: more than 1.
        approx_dec_rtol: see above; None leaves that out.
        stepsize_precision: an interval smaller than this is not searched any more once the loss has fallen enough.
        initial_guess_strategy: what is tried first: "keep" is the rate that was found last, "one" is 1.
        verbose: taken for optax's sake; the state's `info` says how the search went.

    Raises:
        OptionError: another `initial_guess_strategy`, or an `increase_factor` of 1 or less.
        TreeError: `update` without params, value, grad or value_fn.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> loss = lambda x: 10 * (x * x).sum()
    >>> opt = optim.chain(optim.sgd(1.0), optim.scale_by_zoom_linesearch(15))
    >>> params = fnp.asarray([1.0, -2.0])
    >>> value, grad = fg.value_and_grad(loss)(params)
    >>> updates, state = opt.update(grad, opt.init(params), params, value=value, grad=grad, value_fn=loss)
    >>> round(float(state[-1].learning_rate), 3), int(state[-1].info.num_linesearch_steps)
    (0.05, 4)

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 and 3.6; Hager and Zhang, Algorithm 851:
    CG_DESCENT, 2006.
    """

    max_linesearch_steps: int
    max_learning_rate: float | None = None
    tol: float = 0.0
    increase_factor: float = 2.0
    slope_rtol: float = 1e-4
    curv_rtol: float = 0.9
    approx_dec_rtol: float | None = 1e-6
    stepsize_precision: float = 1e-5
    initial_guess_strategy: str = "keep"
    verbose: bool = False

    def __post_init__(self) -> None:
        if self.initial_guess_strategy not in ("keep", "one"):
            raise OptionError(
                f"scale_by_zoom_linesearch: initial_guess_strategy is 'keep' or 'one', not "
                f"{self.initial_guess_strategy!r}"
            )
        if not self.increase_factor > 1:
            raise OptionError(
                f"scale_by_zoom_linesearch: increase_factor must be more than 1, not {self.increase_factor}"
            )

    def init(self, params: Any) -> ScaleByZoomLinesearchState:
        number, count, zeros = beginning(self, params)
        infinite = number + float("inf")
        return ScaleByZoomLinesearchState(number + 1, infinite, zeros, ZoomLinesearchInfo(count, infinite, infinite))

    def update(
        self,
        updates: Any,
        state: ScaleByZoomLinesearchState,
        params: Any = None,
        *,
        value: Any = None,
        grad: Any = None,
        value_fn: Any = None,
        **extra_args: Any,
    ) -> tuple[Any, ScaleByZoomLinesearchState]:
        need_state(self, state, ScaleByZoomLinesearchState)
        line = Line(self, updates, params, value, grad, value_fn, extra_args)
        zero = 0 * line.value
        start = _Point(where(isnan(zero), 0, zero), line.value, line.slope)
        begun = _Seen(start, astype(ravel_pytree(grad)[0], line.start.dtype), zero, zero + float("inf"))
        guess = 1 + 0 * start.rate if self.initial_guess_strategy == "one" else astype(state.learning_rate, line.dtype)
        guess = guess if self.max_learning_rate is None else minimum(guess, self.max_learning_rate)
        no = start.rate != 0
        search = _Search(zeros_like(state.info.num_linesearch_steps), no, no, begun, begun, start, start, start)
        search = while_loop(
            lambda s: ~s.done & (s.count < self.max_linesearch_steps),
            lambda s: cond(s.between, lambda s: self._narrower(line, s), lambda s: self._further(line, s, guess), s),
            search,
        )
        end = search.last
        fails = maximum(end.decrease_error, end.curvature_error) > 0
        end = _choose(fails & (search.safe.point.rate > 0), search.safe, end)
        info = ZoomLinesearchInfo(search.count, end.decrease_error, end.curvature_error)
        state = ScaleByZoomLinesearchState(end.point.rate, end.point.value, line.unravel(end.grad), info)
        return line.scaled(end.point.rate), state

    def _seen(self, line: Line, rate: Array) -> _Seen:
        value, grad = line.both_at(rate)
        slope = line.along(grad)
        decrease = value - line.value - self.slope_rtol * rate * line.slope - self.tol
        if self.approx_dec_rtol is not None:
            flat = slope - (2 * self.slope_rtol - 1) * line.slope - self.tol
            near = value - line.value - self.approx_dec_rtol * abs(line.value)
            decrease = minimum(decrease, maximum(flat, near))
        curvature = abs(slope) - self.curv_rtol * abs(line.slope) - self.tol
        return _Seen(_Point(rate, value, slope), grad, at_least_zero(decrease), at_least_zero(curvature))

    def _taken(self, s: _Search, seen: _Seen) -> _Search:
        enough = seen.decrease_error <= 0
        return s._replace(
            count=s.count + 1,
            done=enough & (seen.curvature_error <= 0),
            last=seen,
            safe=_choose(enough, seen, s.safe),
        )

    def _further(self, line: Line, s: _Search, guess: Array) -> _Search:
        """Algorithm 3.5: a larger rate, until some interval holds a good one."""
        first, before = s.count == 0, s.low
        rate = where(first, guess, self.increase_factor * before.rate)
        at_bound = rate > float("inf")
        if self.max_learning_rate is not None:
            at_bound = rate >= self.max_learning_rate
            rate = minimum(rate, self.max_learning_rate)
        seen = self._seen(line, rate)
        new = seen.point
        too_far = (seen.decrease_error > 0) | (~first & (new.value >= before.value))
        turns = ~too_far & (new.slope >= 0)
        s = self._taken(s, seen)
        return s._replace(
            between=too_far | turns,
            done=s.done | (at_bound & ~too_far & ~turns),
            low=_choose(too_far, before, new),
            high=_choose(too_far, new, before),
            third=_choose(too_far, before, new),
        )

    def _narrower(self, line: Line, s: _Search) -> _Search:
        """Algorithm 3.6: a rate inside of the interval, which becomes one of its ends."""
        low, high = s.low, s.high
        seen = self._seen(line, _between(low, high, s.third))
        new = seen.point
        worse = (seen.decrease_error > 0) | (new.value >= low.value)
        turns = ~worse & (new.slope * (high.rate - low.rate) >= 0)
        s = self._taken(s, seen)
        s = s._replace(
            low=_choose(worse, low, new),
            high=_choose(worse, new, _choose(turns, low, high)),
            third=_choose(worse | turns, high, low),
        )
        small = abs(s.high.rate - s.low.rate) <= self.stepsize_precision
        return s._replace(done=s.done | (small & (s.safe.point.rate > 0)))


def _between(low: _Point, high: _Point, third: _Point) -> Array:
    """The lowest place of a cubic through three points, of a parabola through two, or the middle: the first inside.

    The cubic and the parabola have the first point's slope there. One whose lowest place is within a fifth (a tenth) of
    the interval from an end is left out, or the interval would shrink too slowly.
    """
    d, e = high.rate - low.rate, third.rate - low.rate
    # value = low.value + slope r + b r^2 + a r^3 at r = d and r = e
    rest_d, rest_e = high.value - low.value - low.slope * d, third.value - low.value - low.slope * e
    scale = d * d * e * e * (d - e)
    good = scale != 0
    a = (e * e * rest_d - d * d * rest_e) / where(good, scale, 1)
    b = (d * d * d * rest_e - e * e * e * rest_d) / where(good, scale, 1)
    root = b * b - 3 * a * low.slope
    good = good & (root >= 0) & (a != 0)
    cubic = low.rate + (-b + where(good, root, 0) ** 0.5) / where(good, 3 * a, 1)
    bends = rest_d != 0
    parabola = low.rate - low.slope * d * d / where(bends, 2 * rest_d, 1)
    left, right, size = minimum(low.rate, high.rate), maximum(low.rate, high.rate), abs(d)
    cubic_is_in = good & (cubic > left + 0.2 * size) & (cubic < right - 0.2 * size)
    parabola_is_in = bends & (parabola > left + 0.1 * size) & (parabola < right - 0.1 * size)
    return where(cubic_is_in, cubic, where(parabola_is_in, parabola, low.rate + 0.5 * d))
