"""SciPy's minimisers of functions of trees: `minimize`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..dtypes import is_complex
from ..errors import DtypeError, OptionError, TreeError
from ..flatten_util import ravel_pytree
from ..numpy import asarray
from ..ops.create import on_host
from ..transforms.grad import value_and_grad
from ..transforms.jit import jit
from ..transforms.products import hvp
from .transformation import floating_leaves

__all__ = ["minimize"]

WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
WITH_HESSIAN = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    *,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    compiled: bool = True,
) -> Any:
    """The tree at which a function is least: `scipy.optimize.minimize`, with the derivatives of funcgrad.

    SciPy sees one float64 vector, and the function its tree again, each leaf in its own dtype. Gradients go to methods
    that take them, products of the Hessian with vectors to those that take these.

    Args:
        fun: a function of a tree like `x0`, and of `args`, to one real number.
        x0: a pytree of real floating arrays: where to begin.
        args: further arguments of `fun`, a tuple; something else is the only one.
        method: "BFGS", "L-BFGS-B", "Newton-CG", "trust-ncg", ... as SciPy names them; its choice where None.
        bounds: a pair (lower, upper) of trees, each a prefix of `x0`: one number may stand for a subtree. None in the
            pair is no bound on that side.
        constraints: SciPy's constraints of the vector, as they are.
        tol: when to end, as the method understands it.
        callback: called with the tree after each iteration; its `StopIteration` ends the search.
        options: of the method, as SciPy's.
        compiled: whether `fun` and its derivatives are run by `jit`.

    Returns:
        SciPy's OptimizeResult: `x` the tree, `jac` (where there is one) the gradient as such a tree, `fun`, `success`,
        `message`, `nit`, `nfev` as they are.

    Raises:
        ModuleNotFoundError: there is no SciPy.
        DtypeError: a leaf of `x0` is complex or holds integers.
        TreeError: the bounds do not fit `x0`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> def loss(params, target):
    ...     return ((params["w"] * 2 + params["b"] - target) ** 2).sum() + (params["b"] ** 2).sum()
    >>> start = {"w": fnp.zeros(2), "b": fnp.zeros(1)}
    >>> result = optim.minimize(loss, start, fnp.asarray([1.0, 3.0]), method="BFGS", tol=1e-6)
    >>> result.success, fnp.round(result.x["w"], 3)
    (True, Array([0.5, 1.5], dtype=float32))
    >>> bounds = ({"w": 0.0, "b": None}, {"w": 1.0, "b": None})
    >>> result = optim.minimize(loss, start, fnp.asarray([1.0, 3.0]), bounds=bounds)
    >>> fnp.round(result.x["w"], 3)
    Array([0.25, 1.  ], dtype=float32)

    Source: scipy.optimize.minimize.
    """
    if importlib.util.find_spec("scipy") is None:
        raise ModuleNotFoundError("optim.minimize runs SciPy's minimisers: pip install scipy", name="scipy")
    scipy = importlib.import_module("scipy.optimize")
    leaves, structure = floating_leaves("minimize", "x0", x0)
    for path, x in zip(tree.paths(structure), leaves, strict=True):
        if is_complex(x.dtype):
            raise DtypeError(f"minimize: x0{path} is {x.aval}, and SciPy's minimisers know real numbers only")
    start, unravel = ravel_pytree(x0)
    args = args if isinstance(args, tuple) else (args,)

    def of_vector(flat: Any, *rest: Any) -> Any:
        return fun(unravel(flat), *rest)

    wrap: Callable[..., Any] = jit if compiled else lambda f: f
    name = "" if method is None else method.lower()
    if name in WITHOUT_GRADIENT:
        value = wrap(of_vector)
        slopes: dict[str, Any] = {}
    else:
        value = wrap(value_and_grad(of_vector))
        slopes = {"jac": True}
    if name in WITH_HESSIAN:
        product = wrap(lambda flat, v, *rest: hvp(lambda x: of_vector(x, *rest), (flat,), (v,))[0])
        slopes["hessp"] = lambda x, v, *rest: in_double(product(vector(x), vector(v), *rest))

    def vector(x: Any) -> Any:
        return asarray(np.asarray(x), start.dtype)

    def of_scipy(x: Any, *rest: Any) -> Any:
        found = value(vector(x), *rest)
        return (float(found[0]), in_double(found[1])) if "jac" in slopes else float(found)

    def on_tree(*xs: Any, **named: Any) -> Any:
        return callback(unravel(vector(named["intermediate_result"].x if named else xs[0])))  # type: ignore[misc]

    result = scipy.minimize(
        of_scipy,
        in_double(start),
        args=args,
        method=method,
        bounds=None if bounds is None else pairs(bounds, x0, leaves),
        constraints=constraints,
        tol=tol,
        callback=None if callback is None else on_tree,
        options=None if options is None else dict(options),
        **slopes,
    )
    result.x = unravel(vector(result.x))
    if isinstance(result.get("jac"), np.ndarray) and result.jac.shape == start.shape:
        result.jac = unravel(vector(result.jac))
    return result


def in_double(x: Any) -> np.ndarray[Any, Any]:
    """The values as SciPy's compiled code takes them."""
    return np.array(on_host(x), np.float64)


def pairs(bounds: Any, x0: Any, leaves: Sequence[Any]) -> list[tuple[float | None, float | None]]:
    """SciPy's bounds, one pair an element, of a pair of trees."""
    if not (isinstance(bounds, list | tuple) and len(bounds) == 2):
        raise OptionError(f"minimize: bounds is a pair (lower, upper) of trees or numbers, not {bounds!r:.60}")
    sides = []
    for side, name in zip(bounds, ("lower", "upper"), strict=True):
        try:
            values = tree.broadcast_prefix(side, x0)
        except ValueError as error:
            raise TreeError(
                f"minimize: the {name} bounds do not fit x0: {tree.difference(side, x0, prefix=True)}"
            ) from error
        places = tree.flatten(x0, none_is_leaf=True)[0]
        own = [v for v, x in zip(values, places, strict=True) if x is not None]
        flat: list[float | None] = []
        for v, x in zip(own, leaves, strict=True):
            whole = [None] * x.size if v is None else np.broadcast_to(np.asarray(v), x.shape).reshape(-1).tolist()
            flat += whole
        sides.append(flat)
    return list(zip(*sides, strict=True))
