"""Settings that change what functions do; each is local to the running context (thread or asyncio task).

config.default_dtype()                    # dtype('float32')
config.default_dtype("float64")           # set it from here on
with config.default_dtype("float64"):     # set it inside the block only
    ...

default_dtype      of floats that no array decides
c_compiler         whether jit compiles its loops from C
debug_nans         raise at the first operation that makes a NaN, with its line
debug_infs         the same for infinities
debug_key_reuse    warn where one random key is drawn from at two places
disable_jit        run jitted functions as they are, for a debugger
jit_warmup         how many calls run as they are before jit records
numpy_dtype_promotion  whether two dtypes may meet without an astype
onednn             whether oneDNN computes what it can, where the extra `fast` is installed
threads            how many threads a convolution, a product or a compiled loop takes
winograd           whether compiled programs convolve by 3x3 windows with fewer multiplications
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

import numpy as np

__all__ = [
    "Setting",
    "Switch",
    "c_compiler",
    "debug_infs",
    "debug_key_reuse",
    "debug_nans",
    "default_dtype",
    "disable_jit",
    "jit_warmup",
    "last_change",
    "numpy_dtype_promotion",
    "onednn",
    "threads",
    "winograd",
]

T = TypeVar("T")

_last_change: ContextVar[object] = ContextVar("funcgrad_last_change", default=None)
last_change = _last_change.get
"""Another object after each change of a setting in the running context: one look tells that none has changed."""


class Setting(Generic[T]):
    """One set value; as a context manager it brings back the value that it replaced."""

    __slots__ = ("_install", "_previous", "_variable", "value")

    def __init__(self, variable: ContextVar[T], value: T, install: Callable[[T], None] | None = None):
        self._variable, self._previous, self.value, self._install = variable, variable.get(), value, install
        self._set(value)

    def _set(self, value: T) -> None:
        self._variable.set(value)
        _last_change.set(object())
        if self._install is not None:
            self._install(value)

    def __enter__(self) -> T:
        return self.value

    def __exit__(self, *exc: object) -> None:
        self._set(self._previous)


class Switch(Generic[T]):
    """A named setting: call it without arguments to read, with one to set (also as `with switch(value):`)."""

    def __init__(self, name: str, default: T, parse: Any, doc: str):
        self._variable: ContextVar[T] = ContextVar(f"funcgrad_{name}", default=default)
        self.get = self._variable.get  # reading it on a path where each call counts
        self._name, self._parse = name, parse
        uses = f"config.{name}() reads it, config.{name}(value) sets it, also as `with config.{name}(value):`."
        self.__doc__ = f"{doc}\n\n{uses}"  # what `help(config.debug_nans)` shows
        self.install: Callable[[T], None] | None = None  # what else a change does, said by who does it

    def __call__(self, *value: Any) -> Any:
        return Setting(self._variable, self._parse(*value), self.install) if value else self._variable.get()

    def __repr__(self) -> str:
        return f"<config.{self._name}: {self()!r}>"


def _one_of(*choices: str) -> Callable[[Any], str]:
    """A parser of one of some words."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(map(repr, choices))}")
        return str(value)

    return parse


def _float_dtype(dtype: Any) -> np.dtype[Any]:
    parsed = np.dtype(dtype)
    if parsed.kind != "f" and parsed.name != "bfloat16":
        raise TypeError(f"default_dtype must be a real floating dtype, got {parsed}")
    return parsed


def _threads(count: Any) -> int | None:
    if count is not None and (not isinstance(count, int) or count < 1):
        raise ValueError(
            f"threads must be a positive number, or None for what BLAS and OpenMP are let use, got {count!r}"
        )
    return count


default_dtype: Switch[np.dtype[Any]] = Switch(
    "default_dtype",
    np.dtype(np.float32),
    _float_dtype,
    "The dtype of a float that no array decides: `fnp.zeros(3)`, `fnp.asarray(1.5)`, `sqrt` of integers.",
)
debug_nans: Switch[bool] = Switch(
    "debug_nans",
    False,
    bool,
    "Raise NanError at the first operation that makes a NaN, forward or backward.",
)
debug_infs: Switch[bool] = Switch(
    "debug_infs",
    False,
    bool,
    "Raise NanError at the first operation that makes an infinity, forward or backward.",
)
disable_jit: Switch[bool] = Switch(
    "disable_jit",
    False,
    bool,
    "Run functions under `jit` as they are, line by line, for a debugger.",
)
c_compiler: Switch[str] = Switch(
    "c_compiler",
    "auto",
    _one_of("auto", "always", "never"),
    "Whether `jit` compiles its loops from C: 'auto' for programs that are large or called often, 'always', 'never'.",
)
jit_warmup: Switch[int] = Switch(
    "jit_warmup",
    1,
    int,
    "How many calls with arguments of a kind run as they are before `jit` begins to record: what is called once does "
    "not pay for it. With 0 the first call is recorded.",
)
debug_key_reuse: Switch[bool] = Switch(
    "debug_key_reuse",
    False,
    bool,
    "Warn where a random key is drawn from at two places of the program, or beside the keys of its split.",
)
numpy_dtype_promotion: Switch[str] = Switch(
    "numpy_dtype_promotion",
    "standard",
    _one_of("standard", "strict"),
    "Whether arrays of two dtypes may meet: 'standard' promotes them, 'strict' raises an error that says to write an "
    "astype. Real numbers may stand beside the complex ones whose parts they are, and Python's numbers are weak where "
    "that keeps the array's dtype. JAX has the name.",
)
onednn: Switch[bool] = Switch(
    "onednn",
    True,
    bool,
    "Compute float32 convolutions and large products on the CPU by oneDNN, where the extra `fast` is installed.",
)
threads: Switch[int | None] = Switch(
    "threads",
    None,
    _threads,
    "How many threads a convolution, a product or a loop of a compiled program takes. None lets each library be: "
    "OpenMP's OMP_NUM_THREADS, BLAS's own variables, and threadpoolctl hold.",
)
winograd: Switch[bool] = Switch(
    "winograd",
    True,
    bool,
    "Compute large float32 convolutions by 3x3 windows with Winograd's algorithm in programs that `jit` compiles from "
    "C: less than half of the multiplications. Its errors are as large as those of other sums, but beside a number "
    "that is much larger, small ones lose digits that they would keep in a window of their own.",
)
