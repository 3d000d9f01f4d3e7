"""Uses of the functions that look for elements."""

from __future__ import annotations

from samples import booleans, integers, uniform

from . import Use

X, N = uniform(2, 3), integers(2, 3)
WHOLE = "its result is a whole number"

USES = [
    Use("numpy.argmax", (X,), order=0, why=WHOLE),
    Use("numpy.argmax", (X,), {"axis": 0, "keepdims": True}, order=0, why=WHOLE),
    Use("numpy.argmin", (X,), {"keepdims": True}, order=0, why=WHOLE),
    Use("numpy.argmin", (N, 1), order=0),
    Use("numpy.count_nonzero", (booleans(2, 3),), order=0),
    Use("numpy.count_nonzero", (N,), {"axis": 1}, order=0),
    Use("numpy.count_nonzero", (X,), {"axis": (0, 1), "keepdims": True}, order=0, why=WHOLE),
]
