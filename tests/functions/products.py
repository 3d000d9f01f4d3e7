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
    Use("numpy.inner", (uniform(2, 3), uniform(4, 3, seed=1))),
    Use("numpy.inner", (complexes(3), complexes(3, seed=1))),
    Use("numpy.outer", (uniform(2), uniform(3, seed=1))),
    Use("numpy.outer", (complexes(2, 2), complexes(3, seed=1))),
    Use("numpy.trace", (uniform(2, 3, 3),), {"offset": 1, "axis1": 1, "axis2": 2}),
    Use("numpy.trace", (complexes(3, 3),)),
    Use("numpy.vecdot", (uniform(2, 3), uniform(3, seed=1))),
    Use("numpy.vecdot", (complexes(3, 2), complexes(3, 1, seed=1)), {"axis": 0}),
]
