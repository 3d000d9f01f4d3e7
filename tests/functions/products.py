"""Uses of `funcgrad/numpy/linear_algebra.py`."""

from __future__ import annotations

from samples import complexes, uniform

from . import Use

USES = [
    Use("numpy.matmul", (uniform(2, 3), uniform(3, 4, seed=1))),
    Use("numpy.matmul", (complexes(2, 2, 3), complexes(3, seed=1))),
    Use("numpy.dot", (uniform(3), uniform(3, seed=1))),
    Use("numpy.tensordot", (uniform(2, 3), uniform(3, 2, seed=1)), {"axes": 1}),
    Use("numpy.einsum", ("ij,jk->ki", uniform(2, 3), uniform(3, 2, seed=1))),
    Use("numpy.argmax", (uniform(2, 3),), {"axis": 1}, order=0, why="its result is a whole number"),
    Use("numpy.concatenate", ([uniform(2, 3), uniform(1, 3, seed=1)],), {"axis": 0}),
    Use("numpy.vdot", (uniform(2, 3), uniform(6, seed=1))),
    Use("numpy.vdot", (complexes(3), complexes(3, seed=1))),
    Use("numpy.vdot", (uniform(3), complexes(3, seed=1))),
    Use("numpy.matvec", (uniform(2, 3), uniform(3, seed=1))),
    Use("numpy.matvec", (complexes(2, 1, 2, 3), complexes(2, 3, seed=1))),
    Use("numpy.vecmat", (uniform(2), uniform(2, 3, seed=1))),
    Use("numpy.vecmat", (complexes(2, 2), complexes(2, 1, 2, 3, seed=1))),
]
