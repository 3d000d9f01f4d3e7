"""The Fourier transforms of `funcgrad.numpy.fft` with SciPy's arguments."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ...core import Array
from ...errors import OptionError
from ...numpy import fft as ours
from ...numpy.fft import fftfreq, fftshift, ifftshift, rfftfreq

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "next_fast_len",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]


def _refuse_plan(name: str, plan: Any) -> None:
    if plan is not None:
        raise OptionError(f"{name}: there are no plans to give; leave plan=None")


def _documented(function: Any, own: Callable[..., Array], example: str) -> Any:
    function.__name__ = function.__qualname__ = own.__name__
    function.__module__ = __name__
    function.__doc__ = (
        f"`funcgrad.numpy.fft.{own.__name__}`, which says more, with SciPy's arguments.\n\n"
        f"    >>> import funcgrad.scipy.fft as fft\n    >>> {example}\n"
    )
    return function


def _along_one(own: Callable[..., Array], example: str) -> Any:
    def transform(
        x: Any,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
        overwrite_x: bool = False,
        workers: int | None = None,
        *,
        plan: None = None,
    ) -> Array:
        _refuse_plan(own.__name__, plan)
        return own(x, n, axis, norm)

    return _documented(transform, own, example)


def _along_two(own: Callable[..., Array], example: str) -> Any:
    def transform(
        x: Any,
        s: Sequence[int] | None = None,
        axes: Sequence[int] = (-2, -1),
        norm: str | None = None,
        overwrite_x: bool = False,
        workers: int | None = None,
        *,
        plan: None = None,
    ) -> Array:
        _refuse_plan(own.__name__, plan)
        return own(x, s, axes, norm)

    return _documented(transform, own, example)


def _along_several(own: Callable[..., Array], example: str) -> Any:
    def transform(
        x: Any,
        s: Sequence[int] | None = None,
        axes: int | Sequence[int] | None = None,
        norm: str | None = None,
        overwrite_x: bool = False,
        workers: int | None = None,
        *,
        plan: None = None,
    ) -> Array:
        _refuse_plan(own.__name__, plan)
        return own(x, s, axes, norm)

    return _documented(transform, own, example)


fft = _along_one(ours.fft, "fft.fft([1.0, 1.0])\n    Array([2.+0.j, 0.+0.j], dtype=complex64)")
ifft = _along_one(ours.ifft, "fft.ifft([2.0, 0.0])\n    Array([1.+0.j, 1.+0.j], dtype=complex64)")
rfft = _along_one(ours.rfft, "fft.rfft([1.0, 1.0])\n    Array([2.+0.j, 0.+0.j], dtype=complex64)")
irfft = _along_one(ours.irfft, "fft.irfft([2.0, 0.0])\n    Array([1., 1.], dtype=float32)")
hfft = _along_one(ours.hfft, "fft.hfft([1.0, 1.0])\n    Array([2., 0.], dtype=float32)")
ihfft = _along_one(ours.ihfft, "fft.ihfft([2.0, 0.0])\n    Array([1.-0.j, 1.-0.j], dtype=complex64)")
fft2 = _along_two(ours.fft2, "fft.fft2([[1.0, 1.0]])\n    Array([[2.+0.j, 0.+0.j]], dtype=complex64)")
ifft2 = _along_two(ours.ifft2, "fft.ifft2([[2.0, 0.0]])\n    Array([[1.+0.j, 1.+0.j]], dtype=complex64)")
rfft2 = _along_two(ours.rfft2, "fft.rfft2([[1.0, 1.0]])\n    Array([[2.+0.j, 0.+0.j]], dtype=complex64)")
irfft2 = _along_two(ours.irfft2, "fft.irfft2([[2.0, 0.0]])\n    Array([[1., 1.]], dtype=float32)")
fftn = _along_several(ours.fftn, "fft.fftn([[1.0, 1.0]])\n    Array([[2.+0.j, 0.+0.j]], dtype=complex64)")
ifftn = _along_several(ours.ifftn, "fft.ifftn([[2.0, 0.0]])\n    Array([[1.+0.j, 1.+0.j]], dtype=complex64)")
rfftn = _along_several(ours.rfftn, "fft.rfftn([[1.0, 1.0]])\n    Array([[2.+0.j, 0.+0.j]], dtype=complex64)")
irfftn = _along_several(ours.irfftn, "fft.irfftn([[2.0, 0.0]])\n    Array([[1., 1.]], dtype=float32)")


def next_fast_len(target: int, real: bool = False) -> int:
    """The smallest size of a transform that is fast, and not below `target`: one without large prime factors.

    Args:
        target: a positive int.
        real: whether of real numbers, where factors up to 5 are fast; else up to 11.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.next_fast_len(13), fft.next_fast_len(13, real=True)
    (14, 15)
    """
    n = operator.index(target)
    if n < 1:
        raise OptionError(f"next_fast_len: the target must be positive, not {target}")
    factors = (2, 3, 5) if real else (2, 3, 5, 7, 11)
    while True:
        rest = n
        for factor in factors:
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1
