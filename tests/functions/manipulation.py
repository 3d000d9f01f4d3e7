"""Uses of `funcgrad/numpy/manipulation.py` and the gathers of `indexing.py`."""

from __future__ import annotations

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

X, Y = uniform(2, 3), uniform(2, 3, seed=1)
X3 = uniform(2, 3, 2)
Z = complexes(2, 3)

USES = [
    Use("numpy.broadcast_arrays", (X, uniform(3, seed=1))),
    Use("numpy.broadcast_shapes", ((2, 1), (3,)), order=0),
    Use("numpy.broadcast_to", (X, (2, 2, 3))),
    Use("numpy.concat", ([X, Y],)),
    Use("numpy.concat", ([X, integers(2, 1)],), {"axis": 1}),
    Use("numpy.concat", ([X, uniform(4, seed=2)],), {"axis": None}),
    Use("numpy.concatenate", ([X, Y],), {"axis": -1}),
    Use("numpy.concatenate", ([X, Z],), {"axis": 0}),
    Use("numpy.diagonal", (uniform(3, 3),)),
    Use("numpy.diagonal", (X3,), {"offset": 1, "axis1": 2, "axis2": 1}),
    Use("numpy.diagonal", (X3, -1)),
    Use("numpy.expand_dims", (X, 1)),
    Use("numpy.expand_dims", (X, (0, -1))),
    Use("numpy.flip", (X3,)),
    Use("numpy.flip", (X3, 1)),
    Use("numpy.flip", (X3, (0, -1))),
    Use("numpy.hstack", ([X, Y],)),
    Use("numpy.hstack", ([uniform(2), uniform(3, seed=1)],)),
    Use("numpy.matrix_transpose", (X3,)),
    Use("numpy.moveaxis", (X3, 0, -1)),
    Use("numpy.moveaxis", (X3, (0, 1), (2, 0))),
    Use("numpy.pad", (X, 1)),
    Use("numpy.permute_dims", (X3, (2, 0, 1))),
    Use("numpy.permute_dims", (X3,), jax=False),
    Use("numpy.ravel", (X3,)),
    Use("numpy.ravel", (X3,), {"order": "F"}),
    Use("numpy.repeat", (X, 2)),
    Use("numpy.repeat", (X, 3), {"axis": 1}),
    Use("numpy.repeat", (X, np.array([1, 0, 2])), {"axis": -1}, fixed=(1,)),
    Use("numpy.repeat", (X, np.array([2, 2])), {"axis": 0}),
    Use("numpy.reshape", (X, (3, -1))),
    Use("numpy.reshape", (X, 6)),
    Use("numpy.reshape", (X3, (3, 4)), {"order": "F"}),
    Use("numpy.reshape", (X3, (3, 4)), {"copy": True}),
    Use("numpy.roll", (X, 2)),
    Use("numpy.roll", (X, -1), {"axis": 1}),
    Use("numpy.roll", (X3, (1, 2)), {"axis": (0, 2)}),
    Use("numpy.split", (uniform(4, 3), 2)),
    Use("numpy.split", (X3, [1, 2]), {"axis": 1}),
    Use("numpy.squeeze", (uniform(2, 1, 3, 1),)),
    Use("numpy.squeeze", (uniform(2, 1, 3, 1),), {"axis": 1}),
    Use("numpy.squeeze", (uniform(2, 1, 3, 1), (1, -1))),
    Use("numpy.stack", ([X, Y],)),
    Use("numpy.stack", ((X, Y),), {"axis": -1}),
    Use("numpy.swapaxes", (X3, 0, 2)),
    Use("numpy.tile", (X, 2)),
    Use("numpy.tile", (X, (2, 1, 2))),
    Use("numpy.transpose", (X3,)),
    Use("numpy.transpose", (X3, (1, 0, 2))),
    Use("numpy.tril", (uniform(3, 3),)),
    Use("numpy.tril", (X3, 1)),
    Use("numpy.triu", (uniform(3, 3),), {"k": -1}),
    Use("numpy.triu", (Z,)),
    Use("numpy.unstack", (X,)),
    Use("numpy.unstack", (X3,), {"axis": 1}),
    Use("numpy.vstack", ([uniform(3), X],)),
    Use("numpy.take", (X, np.array([1, 0, 1]), 1)),
    Use("numpy.take", (X, np.array([[0, 5], [2, 2]]))),
    Use("numpy.take", (X, np.array([-1, 4])), {"axis": 0, "mode": "wrap"}),
    Use("numpy.take", (X, np.array([0, 4])), {"axis": 1, "mode": "clip"}),
    Use("numpy.take", (Z, 1), {"axis": 1}),
    Use("numpy.take_along_axis", (X, np.array([[1, 0, 2], [0, 0, 1]]), 1)),
    Use("numpy.take_along_axis", (X, np.array([[1, 0, 1]])), {"axis": 0}),
    Use("numpy.concat", ([booleans(2, 3), booleans(1, 3)],), order=0),
]
