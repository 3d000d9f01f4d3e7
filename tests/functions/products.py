"""Uses of `funcgrad/numpy/linear_algebra.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import complexes, integers, uniform

from . import Use


def _uniforms(*shapes: tuple[int, ...]) -> list[Any]:
    return [uniform(*shape, seed=i) for i, shape in enumerate(shapes)]


def _cross(a: Any, b: Any) -> Any:
    """NumPy's, which deprecates vectors of two components."""
    wide = [np.concatenate([v, np.zeros((*v.shape[:-1], 3 - v.shape[-1]))], -1) for v in (a, b)]
    found = np.cross(*wide)
    return found[..., 2] if a.shape[-1] == b.shape[-1] == 2 else found


_TEXT = "its result is a list and a text"

USES = [
    Use("numpy.cross", tuple(_uniforms((3,), (2, 3)))),
    Use("numpy.cross", (complexes(3, 2), uniform(2, 1, 3)), {"axisa": 0, "axisc": 1}),
    Use("numpy.cross", (uniform(3, 2), complexes(3, 2)), {"axis": 0}),
    Use("numpy.cross", (integers(2, 3), integers(3, seed=1)), order=0),
    *[Use("numpy.cross", tuple(_uniforms((2, m), (n,))), oracle=_cross) for m, n in [(2, 3), (3, 2), (2, 2)]],
    *[
        Use("numpy.matmul", tuple(_uniforms(left, right)))
        for left, right in [
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((2, 2, 3), (3,)),
            ((3,), (2, 3, 2)),
            ((2, 1, 2, 3), (2, 3, 2)),
        ]
    ],
    Use("numpy.matmul", (complexes(2, 2, 3), complexes(3, seed=1))),
    Use("numpy.matmul", (uniform(2, 3), complexes(3, 2))),
    Use("numpy.matmul", (integers(2, 3), integers(3, 2, seed=1))),
    *[
        Use("numpy.dot", tuple(_uniforms(left, right)))
        for left, right in [((3,), (3,)), ((2, 3), (3, 2)), ((2, 3), (3,)), ((), (2, 3)), ((2, 3), (2, 3, 2))]
    ],
    Use("numpy.dot", (complexes(2, 3), complexes(3, seed=1))),
    Use("numpy.tensordot", tuple(_uniforms((2, 3), (3, 2))), {"axes": 1}),
    Use("numpy.tensordot", tuple(_uniforms((2, 3), (2, 3)))),
    Use("numpy.tensordot", tuple(_uniforms((2, 3), (2,))), {"axes": 0}),
    Use("numpy.tensordot", tuple(_uniforms((2, 3, 4), (4, 2))), {"axes": ((0, -1), (-1, 0))}),
    Use("numpy.tensordot", (complexes(2, 3), complexes(3, seed=1)), {"axes": ([1], [0])}),
    *[
        Use("numpy.vecdot", (x, complexes(3, seed=1)), kwargs)
        for x, kwargs in [(complexes(2, 3), {}), (uniform(3), {"axis": 0})]
    ],
    Use("numpy.vecdot", tuple(_uniforms((3, 2), (3, 2))), {"axis": 0}),
    *[
        Use("numpy.inner", tuple(_uniforms(*s)))
        for s in [((3,), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (3,)), ((), (3,))]
    ],
    Use("numpy.inner", (complexes(3), complexes(3, seed=1))),
    Use("numpy.outer", tuple(_uniforms((2, 2), (3,)))),
    Use("numpy.outer", (complexes(2), uniform(3))),
    *[
        Use("numpy.trace", (x,), kwargs)
        for x, kwargs in [
            (uniform(3, 3), {}),
            (uniform(2, 3), {"offset": 1}),
            (complexes(2, 2, 3), {"offset": -1, "axis1": 2, "axis2": 0}),
            (integers(3, 3, dtype="int8"), {"dtype": "int32"}),
        ]
    ],
    *[
        Use("numpy.einsum", (subscripts, *_uniforms(*shapes)))
        for subscripts, *shapes in [
            ("ij,jk->ki", (2, 3), (3, 2)),
            ("ii", (3, 3)),
            ("iij->j", (2, 2, 3)),
            ("b...,...", (2, 3), (3,)),
            ("...ij,...jk->...ik", (2, 1, 2, 3), (2, 3, 2)),
            ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
            ("a b, b c, c d, d a -> b", (2, 3), (3, 2), (2, 2), (2, 2)),
        ]
    ],
    Use("numpy.einsum", (uniform(2, 3), [0, 1], uniform(3, 2), [1, 2], [2, 0]), fixed=(1, 3, 4)),
    Use("numpy.einsum", (uniform(2, 3), [Ellipsis, 1], uniform(3, 2), [1, 2]), fixed=(1, 3)),
    Use("numpy.einsum", ("ij,jk->ik", complexes(2, 3), complexes(3, 2))),
    *[
        Use("numpy.einsum", ("ij,jk,kl->il", *_uniforms((2, 3), (3, 2), (2, 2))), {"optimize": optimize}, jax=False)
        for optimize in (False, "greedy", "optimal", ["einsum_path", (1, 2), (0, 1)], ["einsum_path", (0, 1, 2)])
    ],
    Use("numpy.einsum", ("ij->j", integers(2, 3)), {"dtype": "float64"}, order=0, jax=False),
    *[
        Use(
            "numpy.einsum_path",
            ("ij,jk,kl->il", *_uniforms((2, 9), (9, 9), (9, 2))),
            kwargs,
            order=0,
            why=_TEXT,
            vmap=False,
            jax=False,
        )
        for kwargs in ({}, {"optimize": "optimal"}, {"optimize": False})
    ],
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
