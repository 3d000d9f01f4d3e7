"""The table of public functions: uses of each, which `test_functions.py` puts through every transform.

A public function that has no use here fails the suite, and `docs/coverage.md` is made by running them all. Uses stand
by family in the modules of this package, each a list `USES`; `ALL` is all of them, whatever modules there are.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy


@dataclass(frozen=True)
class Use:
    """One call of a public function.

    NumPy arrays among the arguments, in lists and tuples too, become arrays of ours. All of them are batched, and by
    those of float64 and complex128 derivatives are taken. Values are in general position: no ties, away from kinks,
    poles and branch cuts.

    Args:
        name: where it stands in the package: "numpy.sort", "numpy.linalg.solve", "scipy.special.erf", "lax.top_k".
        args, kwargs: the arguments.
        oracle: what returns the expected result for the same arguments; by default the function of that name in NumPy
            or SciPy. Never funcgrad itself.
        order: how often it can be differentiated here; 1 where a derivative is a step, 0 where the result is a constant
            or has fewer digits than differences need.
        fixed: places in args of arrays that are neither batched nor differentiated (edges of bins).
        vmap, jit: whether it can be batched, and be a part of a compiled program.
        why: the reason, where order is 0 or vmap or jit is False; it stands in the table beside the hole.
        rtol: relative tolerance of the value.
        jax: whether JAX has a function of that name that answers alike to these arguments.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    oracle: Callable[..., Any] | None = None
    order: int = 2
    fixed: tuple[int, ...] = ()
    vmap: bool = True
    jit: bool = True
    why: str = ""
    rtol: float = 1e-12
    jax: bool = True

    def __str__(self) -> str:
        shown = [*map(_text, self.args), *[f"{k}={_text(v)}" for k, v in self.kwargs.items()]]
        return f"{self.name}({','.join(shown)})"

    def expected(self, *args: Any, **kwargs: Any) -> Any:
        """What the oracle says of arguments."""
        return (self.oracle or _found({"numpy": np, "scipy": scipy}, self.name))(*args, **kwargs)


NAMESPACES = (
    *("numpy", "numpy.linalg", "numpy.fft"),
    *("lax", "lax.linalg"),
    *("scipy.fft", "scipy.integrate", "scipy.linalg", "scipy.ndimage", "scipy.signal", "scipy.sparse.linalg"),
    *("scipy.special", "scipy.stats"),
)
"""The modules of the package whose every function must have a use."""

_NUMPYS = "NumPy's own: how arrays are printed"
_FILES = "from and to files and buffers: tests/test_arranging.py"
_MAKES = "it makes a function: tests/test_vectorize.py"
_COLLECTIVE = "between the examples of a vmap: tests/test_collectives.py"
_RULE = "a rule of one's own: tests/test_implicit.py"

ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(["numpy.array_repr", "numpy.array_str"], "text: tests/test_arranging.py"),
    **dict.fromkeys(["numpy.get_printoptions", "numpy.printoptions", "numpy.set_printoptions"], _NUMPYS),
    **dict.fromkeys(["numpy.frombuffer", "numpy.fromiter", "numpy.load", "numpy.save", "numpy.savez"], _FILES),
    **dict.fromkeys(["numpy.frompyfunc", "numpy.vectorize"], _MAKES),
    "numpy.__array_namespace_info__": "what the namespace can do: tests/test_array_api_elementwise.py",
    **dict.fromkeys(["lax.custom_linear_solve", "lax.custom_root"], _RULE),
    **dict.fromkeys(
        [
            *("lax.all_gather", "lax.all_to_all", "lax.axis_index", "lax.axis_size", "lax.pbroadcast", "lax.pmax"),
            *("lax.pmean", "lax.pmin", "lax.ppermute", "lax.pshuffle", "lax.psum", "lax.psum_scatter"),
            "lax.pswapaxes",
        ],
        _COLLECTIVE,
    ),
}
"""Public functions without a use, each with the reason and the place of its tests."""


def _text(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"{x.dtype.char}{list(x.shape)}".replace(" ", "")
    if isinstance(x, list | tuple):
        return f"[{','.join(map(_text, x))}]"
    return getattr(x, "__name__", str(x)).replace(" ", "")


def _found(roots: dict[str, Any], name: str) -> Any:
    """The object of that dotted name."""
    root, *rest = name.split(".")
    found = roots[root]
    for part in rest:
        found = getattr(found, part)
    return found


ALL: list[Use] = [
    use
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__))
    for use in importlib.import_module(f"{__name__}.{module}").USES
]
