"""Uses of `funcgrad/numpy/linear_algebra.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from samples import complexes, integers, uniform

from . import Use


def _uniforms(*shapes: tuple[int, ...]) -> list[Any]:
    return [uniform(*shape, seed=i) for i, shape in enumerate(shapes)]


def _cross_of_two(a: Any, b: Any, axisa: int = -1) -> Any:
    """Vectors of two components with a zero behind, since NumPy warns of them."""
    x, y = (np.concatenate([v, np.zeros_like(v[..., : 3 - v.shape[-1]])], -1) for v in (np.moveaxis(a, axisa, -1), b))
    out = np.cross(x, y)
    return out[..., 2] if a.shape[axisa] == b.shape[-1] == 2 else out


def _in_jaxs_words(name: str) -> Callable[..., Any]:
    def product(*args: Any, precision: str | None = None, preferred_element_type: str = "float64") -> Any:
        wide = [x.astype(preferred_element_type) if isinstance(x, np.ndarray) else x for x in args]
        return getattr(np, name)(*wide)

    return product


_PRODUCTS: list[Any] = [
    ("matmul", (), (2, 3), (3, 2)),
    ("matmul", (), (3,), (3,)),
    ("dot", (), (2, 3), (3,)),
    ("tensordot", (), (2, 3), (2, 3)),
    ("einsum", ("ij,jk->ik",), (2, 3), (3, 2)),
    ("vecdot", (), (2, 3), (3,)),
    ("vdot", (), (2, 3), (6,)),
    ("inner", (), (2, 3), (3,)),
    ("matvec", (), (2, 3), (3,)),
    ("vecmat", (), (2,), (2, 3)),
]
_JAX_STUMBLES = ("matvec", "vecmat")  # over keywords that are texts
_TEXT = "its result is a list and a text"

USES = [
    Use("numpy.cross", tuple(_uniforms((3,), (2, 3)))),
    Use("numpy.cross", (complexes(3, 2), uniform(2, 1, 3)), {"axisa": 0, "axisc": 1}),
    Use("numpy.cross", (uniform(3, 2), complexes(3, 2)), {"axis": 0}),
    Use("numpy.cross", (integers(2, 3), integers(3, seed=1)), order=0),
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
    Use("numpy.cross", tuple(_uniforms((3,), (3,)))),
    Use("numpy.cross", (complexes(2, 3), uniform(3, seed=1))),
    Use("numpy.cross", tuple(_uniforms((3, 2), (2, 1, 3))), {"axisa": 0, "axisb": 2, "axisc": 1}),
    Use("numpy.cross", tuple(_uniforms((3, 2), (3, 2))), {"axis": 0}),
    Use("numpy.cross", tuple(_uniforms((2, 2), (3,))), oracle=_cross_of_two),
    Use("numpy.cross", tuple(_uniforms((2, 3), (2,))), oracle=_cross_of_two),
    Use("numpy.cross", tuple(_uniforms((2, 2), (2,))), {"axisa": 0}, oracle=_cross_of_two),
    *[
        Use(
            f"numpy.{name}",
            (*before, *_uniforms(*shapes)),
            {"precision": "highest"},
            oracle=_in_jaxs_words(name),
            jax=name not in _JAX_STUMBLES,
        )
        for name, before, *shapes in _PRODUCTS
    ],
    *[
        Use(
            f"numpy.{name}",
            (*before, *[x.astype("float32") for x in _uniforms(*shapes)]),
            {"preferred_element_type": "float64"},
            oracle=_in_jaxs_words(name),
            jax=name not in _JAX_STUMBLES,
        )
        for name, before, *shapes in _PRODUCTS
    ],
]
