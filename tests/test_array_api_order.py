"""Sorting, sets, differences and Fourier transforms are array_api_strict's, on plain arrays and on tracers."""

from __future__ import annotations

import itertools
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from against_strict import ALL, COMPLEX, FLOATS, NUMERIC, REAL, arrays, check, few, with_axes
from hypothesis import given
from hypothesis import strategies as st
from tracers import KINDS, call

import funcgrad as fg
import funcgrad.numpy as fnp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of the NaN that are drawn
kinds = pytest.mark.parametrize("kind", KINDS)


def drawn(data: Any, choice: Any = REAL, special: bool = True) -> tuple[Any, int]:
    """An array and one of its axes; numbers of one value are not rare."""
    x = data.draw(arrays(data.draw(st.sampled_from(choice)), with_axes, special))
    return without_minus_zero(x), data.draw(st.integers(-x.ndim, x.ndim - 1))


def without_minus_zero(x: Any) -> Any:
    """Of equal elements any may come first where the order need not be stable."""
    return np.where(x == 0, np.zeros((), x.dtype), x)


@kinds
@few
@given(st.data())
def test_sort_and_argsort(kind: str, data: Any) -> None:
    x, axis = drawn(data)
    if x.dtype.kind == "f":
        x = np.nan_to_num(x)  # where NaN goes is open
    for descending in (False, True):
        check(kind, lambda xp, x, d=descending: xp.sort(x, axis=axis, descending=d), x)
        check(kind, lambda xp, x, d=descending: xp.sort(x, axis=axis, descending=d, stable=False), x)
        check(kind, lambda xp, x, d=descending: xp.argsort(x, axis=axis, descending=d, stable=True), x)
        order = call(kind, lambda x, d=descending: fnp.argsort(x, axis=axis, descending=d, stable=False), fg.asarray(x))
        wanted = np.sort(x, axis=axis)
        found = np.take_along_axis(x, np.asarray(order), axis)
        np.testing.assert_array_equal(found, np.flip(wanted, axis) if descending else wanted)
        assert order.dtype == "int64"
    check(kind, lambda xp, x: (xp.sort(x), xp.argsort(x)), x)


@kinds
@few
@given(st.data())
def test_searchsorted(kind: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(REAL))
    x = np.nan_to_num(data.draw(arrays(dtype, (data.draw(st.integers(0, 5)),))))
    v = np.nan_to_num(data.draw(arrays(dtype)))
    order = np.argsort(x)
    for side in ("left", "right"):  # array_api_strict takes no number there
        wanted = np.searchsorted(np.sort(x), v, side=side)
        ours = [fg.asarray(a) for a in (np.sort(x), v, x, order)]
        found = call(
            kind,
            lambda sorted_, v, x, order, s=side: (
                fnp.searchsorted(sorted_, v, side=s),
                fnp.searchsorted(x, v, side=s, sorter=order),
                fnp.searchsorted(sorted_, 2, side=s),
            ),
            *ours,
        )
        assert [a.tolist() for a in found] == [wanted.tolist()] * 2 + [np.searchsorted(np.sort(x), 2, side=side)]
        assert {str(a.dtype) for a in found} == {"int64"}


@kinds
@few
@given(st.data())
def test_sets(kind: str, data: Any) -> None:
    x, _ = drawn(data, ALL)
    if x.dtype.kind in "fc":
        x = np.nan_to_num(x)
    check(kind, lambda xp, x: xp.unique_values(x), x)
    check(kind, lambda xp, x: tuple(xp.unique_counts(x)), x)
    check(kind, lambda xp, x: tuple(xp.unique_inverse(x)), x)
    check(kind, lambda xp, x: tuple(xp.unique_all(x)), x)
    y = np.nan_to_num(data.draw(arrays(str(x.dtype), with_axes)))
    for invert in (False, True):
        found = call(kind, lambda x, y, i=invert: fnp.isin(x, y, invert=i), fg.asarray(x), fg.asarray(y))
        np.testing.assert_array_equal(np.asarray(found), np.isin(x, y, invert=invert))


def test_sets_of_nan() -> None:
    for dtype in (*FLOATS, *COMPLEX):
        x = fnp.asarray(np.array([np.nan, 1, np.nan, 1], dtype))
        found = fnp.unique_all(x)
        assert found.counts.tolist() == [2, 1, 1]
        assert int(np.isnan(np.asarray(found.values)).sum()) == 2
        assert fnp.unique_counts(x).counts.tolist() == [2, 1, 1]
        assert fnp.unique_values(x).shape == (3,)
        back = np.asarray(found.values)[np.asarray(fnp.unique_inverse(x).inverse_indices)]
        np.testing.assert_array_equal(back, np.asarray(x))
        np.testing.assert_array_equal(np.asarray(x)[np.asarray(found.indices)], np.asarray(found.values))


def test_results_have_names() -> None:
    x = fnp.asarray([2, 1, 2])
    assert fnp.unique_all(x)._fields == ("values", "indices", "inverse_indices", "counts")
    assert fnp.unique_counts(x)._fields == ("values", "counts")
    assert fnp.unique_inverse(x)._fields == ("values", "inverse_indices")


@kinds
@few
@given(st.data())
def test_differences_and_running_products(kind: str, data: Any) -> None:
    x, axis = drawn(data, NUMERIC, special=False)
    n = data.draw(st.integers(0, 3))
    check(kind, lambda xp, x: xp.diff(x, axis=axis, n=n), x, rtol=1e-5)
    y, z = (data.draw(arrays(str(x.dtype), x.shape, special=False)) for _ in range(2))
    check(kind, lambda xp, x, y: xp.diff(x, axis=axis, n=1, prepend=y), x, y, rtol=1e-5)
    check(kind, lambda xp, x, y, z: xp.diff(x, axis=axis, n=2, prepend=y, append=z), x, y, z, rtol=1e-5)
    for initial in (False, True):
        check(kind, lambda xp, x, i=initial: xp.cumulative_prod(x, axis=axis, include_initial=i), x, rtol=1e-4)
    if x.ndim == 1:
        check(kind, lambda xp, x: xp.cumulative_prod(x), x, rtol=1e-4)
    real = np.abs(x)
    check(kind, lambda xp, x: xp.cumulative_prod(x, axis=axis, dtype=xp.float64), real, rtol=1e-4)


# ---- Fourier transforms ------------------------------------------------------------------------


@kinds
@few
@given(st.data())
def test_fourier_transforms(kind: str, data: Any) -> None:
    x, axis = drawn(data, COMPLEX, special=False)
    n = data.draw(st.one_of(st.none(), st.integers(1, 5)))
    long = n or 2 * x.shape[axis]
    for norm in ("backward", "ortho", "forward"):
        for name in ("fft", "ifft"):
            check(kind, lambda xp, x, f=name, o=norm: getattr(xp.fft, f)(x, n=n, axis=axis, norm=o), x, rtol=1e-4)
        check(kind, lambda xp, x, o=norm: (xp.fft.fftn(x, norm=o), xp.fft.ifftn(x, norm=o)), x, rtol=1e-4)
        real = np.real(x)
        for name in ("rfft", "ihfft"):
            check(kind, lambda xp, x, f=name, o=norm: getattr(xp.fft, f)(x, n=n, axis=axis, norm=o), real, rtol=1e-4)
        check(kind, lambda xp, x, o=norm: xp.fft.rfftn(x, norm=o), real, rtol=1e-4)
        for name in ("irfft", "hfft"):
            check(kind, lambda xp, x, f=name, o=norm: getattr(xp.fft, f)(x, n=long, axis=axis, norm=o), x, rtol=1e-4)
        check(kind, lambda xp, x, o=norm: xp.fft.irfftn(x, s=[long], axes=[axis], norm=o), x, rtol=1e-4)
    check(kind, lambda xp, x: (xp.fft.fftshift(x), xp.fft.ifftshift(x)), x)
    check(kind, lambda xp, x: (xp.fft.fftshift(x, axes=axis), xp.fft.ifftshift(x, axes=(axis,))), x)


def test_frequencies() -> None:
    for n, d in itertools.product((1, 2, 5, 8), (1.0, 0.5)):
        for name in ("fftfreq", "rfftfreq"):
            check("plain", lambda xp, f=name, n=n, d=d: getattr(xp.fft, f)(n, d=d, dtype=xp.float64), rtol=1e-12)
            assert getattr(fnp.fft, name)(n, d=d).dtype == "float32"
            assert getattr(fnp.fft, name)(n, d=d, device="cpu").device == fg.device("cpu")


def test_strict_has_the_version_that_is_held_to() -> None:
    assert strict.__array_api_version__ >= "2024.12"
