"""Every exception that funcgrad raises; each docstring is its help page: cause, failing code, fixed code.

All derive from `FuncgradError` and from the built-in exception that NumPy would raise in its place, so that
`except ValueError` written for NumPy still catches a wrong shape. Every message ends with the user's line. Those named
warnings are none: the program goes on.
"""

from __future__ import annotations

import numpy as np

from .provenance import Origin, describe, here

__all__ = [
    "ArrayIndexError",
    "AxisError",
    "AxisNameError",
    "CheckError",
    "ConvergenceError",
    "DataError",
    "DeviceError",
    "DonatedArrayError",
    "DtypeError",
    "FuncgradError",
    "ImmutableArrayError",
    "IntegerRangeError",
    "JitWarning",
    "KeyReuseWarning",
    "LayerError",
    "LeakedTracerError",
    "LinearAlgebraError",
    "LostDerivativeWarning",
    "MemoryBudgetError",
    "NanError",
    "NonScalarError",
    "OptionError",
    "PathError",
    "ShapeError",
    "TracedConversionError",
    "TreeError",
]


class FuncgradError(Exception):
    """Base of all of funcgrad's exceptions.

    Args:
        message: what is wrong, with the shapes and dtypes seen, and what to write instead.
        origin: the user's line; by default the line that is running.
    """

    def __init__(self, message: str, origin: Origin | None = None):
        super().__init__(message)
        self.message = message
        self.origin = here() if origin is None else origin

    def __str__(self) -> str:
        return f"{self.message}\n  at {describe(self.origin)}"


class ShapeError(FuncgradError, ValueError):
    """Shapes that do not fit the operation.

    Fails::

        fnp.ones((2, 3)) @ fnp.ones((2, 3))      # the inner sizes 3 and 2 differ

    Works::

        fnp.ones((2, 3)) @ fnp.ones((2, 3)).T
    """


class DtypeError(FuncgradError, TypeError):
    """An operand whose dtype, or whose Python type, the operation cannot take.

    Fails::

        fg.grad(lambda x: x * x)(3)              # an integer has no derivative

    Works::

        fg.grad(lambda x: x * x)(3.0)
    """


class IntegerRangeError(DtypeError, OverflowError):
    """A Python integer that the dtype it meets cannot hold. Integers of arrays wrap around, as in NumPy.

    Fails::

        fnp.asarray([1, 2], "uint8") + 300       # a Python number takes the array's dtype, which ends at 255

    Works::

        fnp.asarray([1, 2], "uint8").astype("int64") + 300
    """


class AxisError(FuncgradError, ValueError, IndexError):
    """An axis outside of the array's dimensions, or named twice.

    Fails::

        fnp.sum(fnp.ones((2, 3)), axis=2)        # the axes are 0 and 1 (or -2 and -1)

    Works::

        fnp.sum(fnp.ones((2, 3)), axis=1)
    """


class AxisNameError(FuncgradError, NameError):
    """A collective over a batch that no running `vmap` is called by.

    Fails::

        fg.vmap(lambda x: x / fg.psum(x, "i"))(fnp.ones(3))

    Works::

        fg.vmap(lambda x: x / fg.psum(x, "i"), axis_name="i")(fnp.ones(3))
    """


class ArrayIndexError(FuncgradError, IndexError):
    """An index outside of the array, or of a kind that cannot index.

    Fails::

        fnp.arange(3)[7]                         # funcgrad never clamps

    Works::

        fnp.arange(3)[2]
    """


class CheckError(FuncgradError, AssertionError):
    """A check of yours that failed: `debug.error_if`, or `check(f)(...).raise_if_any()` of a report with findings.

    Fails::

        fg.check(lambda x: fg.stop_gradient(x) * 2)(1.0).raise_if_any()

    Fails::

        fg.debug.error_if(x, x > 0, "x must not be positive")

    Works::

        fg.check(lambda x: x * 2)(1.0).raise_if_any()
        fg.debug.error_if(x, x < 0, "x must not be negative")
    """


class ConvergenceError(FuncgradError, RuntimeError):
    """An iteration that did not arrive: a fixed point, or the linear system of its derivative.

    Another start, a damped step (half of x and half of f(x)) or a solver of your own may arrive. At a point where the
    derivative of x - f(x) is singular there is no derivative to be found.

    Fails::

        fg.fixed_point(lambda x: 4 / x, 1.0)                     # 1, 4, 1, 4, ...

    Works::

        fg.fixed_point(lambda x: (x + 4 / x) / 2, 1.0)
    """


class DeviceError(FuncgradError, ValueError):
    """A device that does not exist here, or operands on two devices.

    Fails::

        x_on_gpu + y_on_cpu

    Works::

        x_on_gpu + y_on_cpu.to_device(x_on_gpu.device)
    """


class DonatedArrayError(FuncgradError, RuntimeError):
    """An array that was donated to a function under `jit`, whose results are in its memory now.

    Fails::

        step = fg.jit(lambda w: w * 0.9, donate_argnums=0)
        new = step(w)
        w + new                                  # w is gone

    Works::

        step = fg.jit(lambda w: w * 0.9, donate_argnums=0)
        w = step(w)
        w + w
    """


class TreeError(FuncgradError, ValueError):
    """Two pytrees that should have one structure and do not; the message names the path of the first difference.

    Fails::

        fg.jvp(f, ({"w": w},), ({"v": v},))

    Works::

        fg.jvp(f, ({"w": w},), ({"w": v},))
    """


class MemoryBudgetError(FuncgradError, MemoryError):
    """`grad(f, memory=...)` with a budget that one operation of f alone does not fit in.

    Fails::

        fg.grad(lambda x: fnp.sum(fnp.sin(x)), memory="1kB")(fnp.ones(10_000))

    Works::

        fg.grad(lambda x: fnp.sum(fnp.sin(x)), memory="1MB")(fnp.ones(10_000))
    """


class NanError(FuncgradError, FloatingPointError):
    """A NaN or an infinity, while `config.debug_nans` or `config.debug_infs` looks for them.

    The message names the operation that made the first one, its line, and the ranges of its operands. Where that is
    in the backward pass, a note names the line of the operation whose derivative it is.

    Fails::

        with fg.config.debug_nans(True): fg.grad(lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0))(-1.0)

    Works::

        with fg.config.debug_nans(True): fg.grad(lambda x: fg.where_apply(x > 0, fnp.sqrt, 0.0, x))(-1.0)
    """


class NonScalarError(FuncgradError, TypeError):
    """`grad` of a function whose output is not one real number.

    Fails::

        fg.grad(lambda x: x * 2)(fnp.ones(3))    # three outputs: which one?

    Works::

        fg.grad(lambda x: (x * 2).sum())(fnp.ones(3))
        fg.jacrev(lambda x: x * 2)(fnp.ones(3))
    """


class ImmutableArrayError(FuncgradError, TypeError):
    """Assignment into an array: arrays never change, so write the new array instead.

    Fails::

        x[0] = 1.0

    Works::

        x = x.at[0].set(1.0)
    """


class KeyReuseWarning(UserWarning):
    """One random key used at two places, while `config.debug_key_reuse` looks for that: the numbers are the same.

    Fails::

        fg.config.debug_key_reuse(True)
        noise, mask = random.normal(key, (3,)), random.uniform(key, (3,))

    Works::

        fg.config.debug_key_reuse(True)
        k1, k2 = random.split(key)
        noise, mask = random.normal(k1, (3,)), random.uniform(k2, (3,))
    """


class LayerError(FuncgradError, TypeError):
    """A layer applied without its random key or its running state, or made of what it cannot hold.

    Fails::

        model(params, x)                                 # a model with BatchNorm2d

    Fails::

        model.apply(params, state, x, train=True)        # a model with Dropout

    Works::

        y, state = model.apply(params, state, x)
        y, state = model.apply(params, state, x, key=key, train=True)
    """


class LeakedTracerError(FuncgradError, RuntimeError):
    """A value of a transformed function, kept and used after the transform had ended.

    Fails::

        kept = []
        fg.grad(lambda x: kept.append(x) or x * x)(3.0)
        kept[0] + 1.0

    Works: return the value from the function (`has_aux=True`) instead of storing it::

        g, x = fg.grad(lambda x: (x * x, x), has_aux=True)(3.0)
        x + 1.0
    """


class LinearAlgebraError(FuncgradError, np.linalg.LinAlgError):
    """A matrix that has not what was asked for: a singular one has no inverse, an indefinite one no Cholesky factor.

    Where the matrix may be singular, `lstsq` and `pinv` have an answer still; a small multiple of the identity added
    to a covariance that rounding has made indefinite keeps it positive.

    Fails::

        fnp.linalg.inv(fnp.ones((2, 2)))

    Fails::

        fnp.linalg.cholesky(fnp.ones((2, 2)) - 2.0)

    Works::

        fnp.linalg.pinv(fnp.ones((2, 2)))
        fnp.linalg.cholesky(fnp.ones((2, 2)) + 1e-3 * fnp.eye(2))
    """


class LostDerivativeWarning(UserWarning):
    """A value that is being differentiated, turned into a Python number or NumPy's array: a constant to the derivative.

    It is shown once for each line. What Python decides or shows (`if x > 0`, `int(x)`, `round`, `print`, formats) is a
    constant by its nature, and quiet, `if float(x) > 3` and `print(x.item())` too.

    Fails::

        fg.grad(lambda x: x * math.sin(x))(1.0)          # math.sin calls float: its factor has no derivative

    Fails::

        fg.grad(lambda x: x * x.item())(1.0)

    Fails::

        fg.grad(lambda x: (x * np.asarray(x)).sum())(fnp.ones(3))

    Works::

        fg.grad(lambda x: x * np.sin(x))(1.0)
        fg.grad(lambda x: x * float(fg.stop_gradient(x)))(1.0)           # where a constant is meant
    """


class PathError(FuncgradError, RuntimeError):
    """A function under `vmap` whose examples take paths that cannot be followed or put together.

    Python may branch on the values of a batch: the function runs once for each group of examples that agree. The
    results of the groups must fit together, there is a bound on their number (`max_paths`), and examples can
    communicate (`psum`) only where all are still on one path.

    Fails::

        fg.vmap(lambda x: x[x > 0])(fnp.asarray([[1.0, 2.0], [-1.0, 2.0]]))      # two numbers, and one

    Fails::

        fg.vmap(lambda x: x if x > 0 else -x, max_paths=1)(fnp.asarray([1.0, -1.0]))

    Works::

        fg.vmap(lambda x: x[x > 0].sum())(fnp.asarray([[1.0, 2.0], [-1.0, 2.0]]))
        fg.vmap(lambda x: x if x > 0 else -x)(fnp.asarray([1.0, -1.0]))
    """


class OptionError(FuncgradError, ValueError):
    """A setting with a value that it cannot have: a rate, a mode, a reduction, a probability.

    Fails::

        F.cross_entropy(logits, labels, reduction="average")

    Works::

        F.cross_entropy(logits, labels, reduction="mean")
    """


class TracedConversionError(FuncgradError, TypeError):
    """A value under a transform turned into an array of NumPy's, which would cut it off from its batch or derivative.

    An example of a batch has no value of its own. Where nothing but a derivative is lost, `np.asarray(x)` gives the
    value with a `LostDerivativeWarning`; NumPy's functions that funcgrad has not are refused there, too.

    Fails::

        fg.vmap(lambda x: np.asarray(x).sum())(fnp.ones((2, 3)))

    Fails::

        fg.grad(lambda x: np.real_if_close(x).sum())(fnp.ones(3))

    Works::

        fg.vmap(lambda x: fnp.sum(x))(fnp.ones((2, 3)))
        fg.grad(lambda x: (x * np.asarray(fg.stop_gradient(x))).sum())(fnp.ones(3))
    """


class DataError(FuncgradError, ValueError):
    """A data file that is missing, truncated, corrupt or not what its name promises; the message names the file.

    Fails::

        data.mnist("no/such/folder", download=False)

    Works::

        data.mnist("examples/data", download=False)      # a folder that has the four files
    """


class JitWarning(UserWarning):
    """A function under `jit` that runs, but without programs; the message says why and what to write.

    Its results are right: it runs as it would without `jit`.

    Fails::

        f = fg.jit(lambda x: x + np.random.rand())       # not pure: another number on each run
        [f(1.0) for _ in range(5)]

    Works::

        fg.jit(lambda x, key: x + random.uniform(key))(1.0, key)
    """
