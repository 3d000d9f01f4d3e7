"""Uses of `funcgrad.scipy.signal`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import signal

from . import Use

_random = np.random.default_rng(3)


def _real(*shape: int) -> Any:
    return _random.uniform(-1, 1, shape)


def _complex(*shape: int) -> Any:
    return _real(*shape) + 1j * _real(*shape)


USES = [
    Use(f"scipy.signal.{name}", (x, y), {"mode": mode})
    for name in ("convolve", "correlate")
    for x, y in [(_real(5), _real(3)), (_real(2), _real(4)), (_real(4, 3), _real(2, 2))]
    for mode in ("full", "same", "valid")
]
USES += [
    Use(f"scipy.signal.{name}", (x, y), {"mode": mode, "method": method}, jax=False)
    for name in ("convolve", "correlate")
    for x, y in [(_complex(5), _complex(2)), (_real(3, 4), _real(3, 2))]
    for mode, method in [("full", "fft"), ("same", "fft"), ("valid", "direct"), ("full", "direct")]
]
USES += [
    Use(f"scipy.signal.{name}", (np.array([1, 2, 3, 4]), np.array([1, -1, 2])), {"mode": mode, "method": "direct"},
        order=0, why="integers have no derivatives", jax=False)
    for name in ("convolve", "correlate")
    for mode in ("full", "same")
]  # fmt: skip
USES += [
    Use(f"scipy.signal.{name}", (x, y), kwargs, jax=False)
    for name in ("fftconvolve", "oaconvolve")
    for x, y, kwargs in [
        (_real(5), _real(3), {}),
        (_real(2, 5), _real(1, 2), {"axes": 1}),
        (_complex(3, 4), _real(3, 2) + 0j, {"mode": "same", "axes": (0, 1)}),
        (_real(3, 2), _real(3, 4), {"mode": "valid"}),
    ]
]
USES += [
    Use(f"scipy.signal.{name}", (x, y), {"mode": mode, "boundary": boundary}, jax=boundary == "fill")
    for name in ("convolve2d", "correlate2d")
    for x, y in [(_real(3, 4), _real(2, 3)), (_real(3, 3), _real(2, 2))]
    for mode, boundary in [
        ("full", "fill"),
        ("same", "fill"),
        ("valid", "fill"),
        ("full", "wrap"),
        ("same", "symm"),
        ("same", "wrap"),
    ]
]
USES += [
    Use("scipy.signal.convolve2d", (_real(3, 3), _real(2, 3)), {"fillvalue": 2.0}, jax=False),
    Use("scipy.signal.correlate2d", (_complex(3, 3), _complex(2, 3)), {"mode": "same"}, jax=False),
]
USES += [
    Use("scipy.signal.detrend", (_real(4, 7),), kwargs, jax="bp" not in kwargs)
    for kwargs in [{}, {"axis": 0}, {"type": "constant"}, {"bp": 3}, {"bp": [3, 5]}]
]
USES += [
    Use("scipy.signal.get_window", (window, n), kwargs, order=0, why="no array goes in", jax=False)
    for window, n in [
        *[(w, 6) for w in ("boxcar", "triang", "hann", "hamming", "blackman", "bartlett", "barthann", "cosine")],
        *[(w, 5) for w in ("flattop", "nuttall", "blackmanharris", "triang", "bartlett", "tukey")],
        (("kaiser", 4.0), 5),
        (8.6, 6),
        (("tukey", 0.25), 9),
        (("tukey", 0.0), 4),
        (("tukey", 1.0), 4),
        (("gaussian", 1.5), 6),
        (("general_hamming", 0.6), 5),
        (("general_cosine", [0.4, 0.5, 0.1]), 5),
        ("hann", 1),
    ]
    for kwargs in [{}, {"fftbins": False}]
]

_w = np.array([0.3, 0.9, 1.0, 0.4])
USES += [
    Use("scipy.signal.stft", (x,), kwargs, jax=False)
    for x in (_real(2, 10), _complex(9))
    for kwargs in [
        {"nperseg": 4},
        {"nperseg": 5, "noverlap": 3, "fs": 4.0, "boundary": "even"},
        {"nperseg": 4, "nfft": 6, "boundary": "odd", "scaling": "psd"},
        {"nperseg": 4, "boundary": None, "padded": False, "detrend": "constant"},
        {"window": _w, "nperseg": 4, "boundary": "constant"},
        {"window": "hamming", "nperseg": 4, "return_onesided": False},
    ]
    if x.dtype.kind == "f" or not kwargs.get("return_onesided", True)
]
USES += [Use("scipy.signal.stft", (_real(8, 2),), {"nperseg": 4, "axis": 0}, jax=False)]
USES += [
    Use("scipy.signal.istft", (_complex(3, 5),), {"nperseg": 4}, jax=False),
    Use("scipy.signal.istft", (_complex(3, 4),), {"nperseg": 5, "fs": 2.0}, jax=False),
    Use(
        "scipy.signal.istft",
        (_complex(2, 3, 4),),
        {"window": "hamming", "noverlap": 3, "scaling": "psd"},
        # of several signals SciPy's times are as many as there are signals
        oracle=lambda Z, **kwargs: (np.arange(3.0), signal.istft(Z, **kwargs)[1]),
        jax=False,
    ),
    Use("scipy.signal.istft", (_complex(4, 3),), {"input_onesided": False, "boundary": False, "window": _w}, jax=False),
    Use("scipy.signal.istft", (_complex(5, 2, 3),), {"time_axis": 0, "freq_axis": 2, "nperseg": 4}, jax=False),
]
USES += [
    Use("scipy.signal.welch", (_real(2, 12),), kwargs, jax=False)
    for kwargs in [
        {"nperseg": 4},
        {"nperseg": 5, "noverlap": 1, "nfft": 6, "scaling": "spectrum", "fs": 3.0},
        {"nperseg": 2, "axis": 0, "detrend": False},
        {"window": _w, "detrend": "linear", "return_onesided": False},
    ]
]
USES += [
    Use("scipy.signal.csd", (_real(2, 12), _real(2, 12)), {"nperseg": 4}, jax=False),
    Use("scipy.signal.csd", (_real(12), _real(9)), {"nperseg": 5, "scaling": "spectrum"}, jax=False),
    Use("scipy.signal.csd", (_complex(8), _complex(8)), {"nperseg": 4, "return_onesided": False}, jax=False),
    Use("scipy.signal.welch", (_real(14),), {"nperseg": 4, "average": "median"}, jax=False),
    Use("scipy.signal.csd", (_real(15), _real(15)), {"nperseg": 5, "average": "median"}, jax=False),
    Use("scipy.signal.coherence", (_real(12), _real(12)), {"nperseg": 4}, jax=False),
    Use("scipy.signal.periodogram", (_real(2, 7),), jax=False),
    Use("scipy.signal.periodogram", (_real(6),), {"window": "hann", "nfft": 8, "scaling": "spectrum"}, jax=False),
    Use("scipy.signal.periodogram", (_real(6, 2),), {"nfft": 5, "axis": 0, "detrend": "linear"}, jax=False),
    Use("scipy.signal.spectrogram", (_real(12),), {"nperseg": 4}, jax=False),
    Use("scipy.signal.spectrogram", (_real(2, 12),), {"nperseg": 4, "mode": "complex"}, jax=False),
    Use("scipy.signal.spectrogram", (_real(12),), {"nperseg": 5, "mode": "magnitude"}, jax=False),
    Use("scipy.signal.spectrogram", (_complex(12),), {"nperseg": 4, "mode": "angle", "return_onesided": False},
        jax=False),
    Use("scipy.signal.hilbert", (_real(2, 5),), jax=False),
    Use("scipy.signal.hilbert", (_real(6, 2),), {"axis": 0, "N": 4}, jax=False),
]  # fmt: skip
