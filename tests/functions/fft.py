"""Uses of `funcgrad.numpy.fft`."""

from __future__ import annotations

import numpy as np

from . import Use

_random = np.random.default_rng(0)


def _real(*shape: int) -> np.ndarray:
    return _random.uniform(-1, 1, shape)


def _complex(*shape: int) -> np.ndarray:
    return _real(*shape) + 1j * _real(*shape)


_ONE = [{}, {"n": 3}, {"n": 5}, {"axis": 0}, {"axis": 0, "n": 4}]
_NORMS = [{"norm": norm} for norm in ("backward", "ortho", "forward")]

USES = [
    Use(f"numpy.fft.{name}", (x,), kwargs)
    for name, x in [
        ("fft", _complex(3, 4)),
        ("ifft", _complex(3, 4)),
        ("rfft", _real(3, 4)),
        ("irfft", _complex(3, 4)),
        ("hfft", _complex(3, 4)),
        ("ihfft", _real(3, 4)),
    ]
    for kwargs in _ONE + _NORMS
]
USES += [Use(f"numpy.fft.{name}", (_real(5),)) for name in ("fft", "ifft", "irfft", "hfft")]
USES += [
    Use(f"numpy.fft.{name}", (x,), kwargs)
    for name, x in [
        ("fft2", _complex(2, 3, 2)),
        ("ifft2", _complex(2, 3, 2)),
        ("rfft2", _real(2, 3, 2)),
        ("irfft2", _complex(2, 3, 2)),
        ("fftn", _complex(2, 3, 2)),
        ("ifftn", _complex(2, 3, 2)),
        ("rfftn", _real(2, 3, 2)),
        ("irfftn", _complex(2, 3, 2)),
    ]
    for kwargs in [{}, {"axes": (0, 2)}, {"s": (3, 4), "axes": (2, 0)}, {"s": (2, 3), "axes": (1, 0), "norm": "ortho"}]
]
USES += [Use(f"numpy.fft.{name}", (_real(2, 3),)) for name in ("fft2", "ifftn")]
USES += [Use(f"numpy.fft.{name}", (x, *axes)) for name in ("fftshift", "ifftshift") for x, axes in [
    (_real(5), ()), (_complex(2, 3), ()), (_real(2, 3), (0,)), (_real(2, 3, 2), ((0, 1),)),
]]  # fmt: skip
USES += [
    Use(f"numpy.fft.{name}", args, kwargs, order=0, why="no array goes in")
    for name in ("fftfreq", "rfftfreq")
    for args, kwargs in [((4,), {}), ((5,), {"d": 0.5})]
]
