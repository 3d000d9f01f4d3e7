"""Looking inside while transforms run: `fg.debug.print`, `callback`, `breakpoint`, `error_if`.

Python's own `print` and `pdb` work everywhere and show a batch as one value. These show what one example sees.
"""

from __future__ import annotations

import builtins
import os
import pdb
import sys
from collections.abc import Callable
from typing import Any

from .. import numpy as fnp
from ..errors import CheckError
from ..transforms.callback import observe

__all__ = ["breakpoint", "callback", "error_if", "print"]


def print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print values by a format string, under vmap once an example.

    Args:
        fmt: as for `str.format`: "x is {} and y {y:.3f}".
        *args, **kwargs: what it formats: arrays, also of running transforms, and anything else.
        ordered: for programs written for JAX; prints are in the program's order anyway.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> _ = fg.vmap(lambda x: fg.debug.print("x = {:.1f}", x))(fnp.asarray([1.0, 2.0]))
    x = 1.0
    x = 2.0
    """
    observe(lambda *given, **named: builtins.print(fmt.format(*given, **named)), args, kwargs)


def callback(fn: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Call fn on the plain values of arrays, under vmap once an example; what it returns is dropped.

    >>> import funcgrad as fg
    >>> seen = []
    >>> _ = fg.grad(lambda x: (fg.debug.callback(seen.append, x), x * x)[1])(3.0)
    >>> seen
    [Array(3., dtype=float32)]
    """
    observe(fn, args, kwargs)


def breakpoint(**kwargs: Any) -> None:
    """Stop in the debugger at the line that calls this, as Python's own `breakpoint` does (PYTHONBREAKPOINT too).

    In the debugger `p x` shows a value with its shape, dtype and batch.
    """
    default = sys.breakpointhook is sys.__breakpointhook__ and "PYTHONBREAKPOINT" not in os.environ
    if default and not kwargs:
        pdb.Pdb().set_trace(sys._getframe(1))  # the default, a frame further out: the user's line and not this
    else:
        builtins.breakpoint(**kwargs)


def error_if(x: Any, pred: Any, msg: str) -> Any:
    """x, or an error where pred has an element that is true.

    Python's own `if bad: raise ...` and `assert` do the same under every transform, vmap included, where the error
    names the examples; this is for programs that were written with it.

    Args:
        x: anything.
        pred: a boolean or an array of them.
        msg: what the error says.

    Raises:
        CheckError: it is true.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> root = lambda x: fnp.sqrt(fg.debug.error_if(x, x < 0, "x must not be negative"))
    >>> fg.vmap(fg.grad(root))(fnp.asarray([1.0, 4.0])).tolist()
    [0.5, 0.25]

    Source: equinox.error_if.
    """
    if fnp.any(pred):
        raise CheckError(f"error_if: {msg}")
    return x
