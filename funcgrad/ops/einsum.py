"""Einstein summation, composed of transposes, sums and `matmul`: so it has every rule that those have.

Operands are contracted in pairs, in the order that costs least arithmetic (`path`). One pair is one batched matrix
product: the letters of a pair are

    batch: in both and in the result        left, right: in one of the two and in the result
    inner: in both and not in the result    alone: in one of the two only (summed before)

so x becomes (batch, left, inner), y (batch, inner, right), and their product (batch, left, right).
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy

from ..core import Array
from ..errors import OptionError, ShapeError
from ..rules import iota
from . import reduce
from .contract import matmul
from .index import gather
from .shape import permute_dims, reshape

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""In the order in which they sort: where no result is named, its letters do."""


Step = tuple[int, ...]


def einsum(subscripts: str, operands: Sequence[Array], optimize: Any = True) -> Array:
    """See `funcgrad.numpy.einsum`; the operands are arrays of one dtype."""
    terms, result = parse(subscripts, [x.ndim for x in operands])
    sizes = _sizes(subscripts, terms, operands)
    parts = [_diagonals(x, term) for x, term in zip(operands, terms, strict=True)]
    for step in _steps(parts, result, optimize):
        chosen = [parts[k] for k in step]
        parts = [part for k, part in enumerate(parts) if k not in step]
        (x, first), *rest = chosen
        for n, (y, second) in enumerate(rest, 1):
            needed = set(result).union(*[term for _, term in (*parts, *rest[n:])])
            x, first = _pair(x, first, y, second, needed, sizes)
        parts.append((x, first))
    x, term = parts[0]
    x, term = _sum_out(x, term, set(result))
    return permute_dims(x, axes=tuple(term.index(c) for c in result))


# ---- in which order ----------------------------------------------------------------------------


def _steps(parts: Sequence[tuple[Any, str]], result: str, optimize: Any) -> Sequence[Step]:
    """For each step which operands meet; what becomes of them is the last one then."""
    if len(parts) < 2:
        return ()
    if isinstance(optimize, str | bool) or optimize is None:
        if optimize in (False, None) or len(parts) == 2:
            return (tuple(range(len(parts))),)
        return path(tuple(term for _, term in parts), result, tuple(x.shape for x, _ in parts), str(optimize))
    steps = [tuple(operator.index(k) for k in step) for step in optimize if step != "einsum_path"]
    left = len(parts)
    for step in steps:
        if len(set(step)) != len(step) or not step or not all(0 <= k < left for k in step):
            raise OptionError(f"einsum: the path {list(optimize)} asks for operands {step}, of {left} that are left")
        left -= len(step) - 1
    if left != 1:
        raise OptionError(f"einsum: the path {list(optimize)} leaves {left} operands")
    return steps


@functools.lru_cache(maxsize=4096)
def path(terms: tuple[str, ...], result: str, shapes: tuple[tuple[int, ...], ...], optimize: str) -> tuple[Step, ...]:
    """The steps that a search finds: opt_einsum's, which knows the better ones, if it is installed, else NumPy's.

    Args:
        terms, shapes: of the operands, no letter twice in one.
        optimize: "True" for the best that is worth its time, or a search's name: "greedy", "optimal", "auto".
    """
    text = f"{','.join(terms)}->{result}"
    try:
        if importlib.util.find_spec("opt_einsum") is not None:
            search = importlib.import_module("opt_einsum")
            kind = "auto" if optimize == "True" else optimize
            return tuple(search.contract_path(text, *shapes, shapes=True, optimize=kind)[0])
        kind = "greedy" if optimize in ("True", "auto") else optimize
        dummies = [numpy.broadcast_to(0.0, shape) for shape in shapes]
        return tuple(numpy.einsum_path(text, *dummies, optimize=kind)[0][1:])
    except (KeyError, TypeError) as error:
        raise OptionError(f"einsum: optimize={optimize!r} is no search that there is ({error})") from None


# ---- its parts ---------------------------------------------------------------------------------


def written_out(arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """(x, [0, 1], y, [1, 2], [0, 2]) as "AB,BC->AC" and its operands."""
    operands, sublists = list(arguments[0:-1:2]), list(arguments[1::2])
    if not operands:
        raise ShapeError("einsum needs subscripts and an operand, or operands each with its list of labels")

    def term(labels: Any) -> str:
        letters = []
        for label in labels:
            if label is Ellipsis:
                letters.append("...")
                continue
            try:
                place = operator.index(label)
            except TypeError:
                raise ShapeError(f"einsum: labels are ints and Ellipsis, not {label!r}") from None
            if not 0 <= place < len(_LETTERS):
                raise ShapeError(f"einsum: labels are ints from 0 to {len(_LETTERS) - 1}, not {place}")
            letters.append(_LETTERS[place])
        return "".join(letters)

    text = ",".join(term(labels) for labels in sublists)
    return (f"{text}->{term(arguments[-1])}" if len(arguments) % 2 else text), operands


def parse(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """One letter an axis for each operand and for the result; ellipses become letters of their own."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ShapeError(f"einsum {subscripts!r} names {len(terms)} operands, {len(ndims)} were given")
    spare = [c for c in _LETTERS if c not in text]
    found, widest = [], ""
    for term, ndim in zip(terms, ndims, strict=True):
        named = len(term.replace("...", ""))
        if "..." in term:
            dots = "".join(spare[: ndim - named][::-1]) if ndim > named else ""
            widest = max(widest, dots, key=len)
            term, named = term.replace("...", dots), named + len(dots)
        if named != ndim or (term and not term.isalpha()):
            raise ShapeError(f"einsum {subscripts!r}: the term {term!r} does not name the {ndim} axes of its operand")
        found.append(term)
    if arrow:
        result = right.replace("...", widest)
    else:  # the implicit result: letters that occur once, in order, behind the ellipsis
        letters = "".join(found)
        result = widest + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in widest))
    if len(set(result)) != len(result) or not set(result) <= set("".join(found)):
        raise ShapeError(f"einsum {subscripts!r}: the result must name letters of the operands, each once")
    return found, result


def _sizes(subscripts: str, terms: Sequence[str], operands: Sequence[Array]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            known = sizes.setdefault(letter, n)
            if known == 1:
                sizes[letter] = n
            elif n not in (1, known):
                raise ShapeError(
                    f"einsum {subscripts!r}: letter {letter!r} has the sizes {known} and {n} "
                    f"in operands of shapes {', '.join(str(a.shape) for a in operands)}"
                )
    return sizes


def _diagonals(x: Array, term: str) -> tuple[Any, str]:
    """An operand without repeated letters: of each the diagonal."""
    found: Any = x
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            if found.shape[i] != found.shape[j]:
                raise ShapeError(f"einsum: letter {letter!r} repeats with the sizes {found.shape[i]}, {found.shape[j]}")
            rest = [k for k in range(found.ndim) if k not in (i, j)]
            ramp = iota(found.shape[i], found)
            found = gather(permute_dims(found, axes=(i, j, *rest)), ramp, ramp)
            term = letter + "".join(term[k] for k in rest)
    return found, term


def _sum_out(x: Any, term: str, needed: set[str]) -> tuple[Any, str]:
    """The operand summed over letters that nobody else needs."""
    axes = tuple(i for i, c in enumerate(term) if c not in needed)
    return (reduce.sum(x, axes=axes), "".join(c for c in term if c in needed)) if axes else (x, term)


def _pair(x: Any, first: str, y: Any, second: str, needed: set[str], sizes: dict[str, int]) -> tuple[Any, str]:
    x, first = _sum_out(x, first, needed | set(second))
    y, second = _sum_out(y, second, needed | set(first))
    both = [c for c in first if c in second]
    batch = [c for c in both if c in needed]
    inner = [c for c in both if c not in needed]
    left = [c for c in first if c not in second]
    right = [c for c in second if c not in first]
    # an axis of size one against a longer one: repeated, as broadcasting would
    x, y = _repeated(x, first, both, sizes), _repeated(y, second, both, sizes)

    def grouped(array: Any, term: str, groups: Sequence[Sequence[str]]) -> Any:
        order = tuple(term.index(c) for group in groups for c in group)
        shape = [sizes[c] for c in groups[0]] + [prod(array.shape[term.index(c)] for c in g) for g in groups[1:]]
        return reshape(permute_dims(array, axes=order), shape=tuple(shape))

    left_shape = [x.shape[first.index(c)] for c in left]
    right_shape = [y.shape[second.index(c)] for c in right]
    product = matmul(grouped(x, first, (batch, left, inner)), grouped(y, second, (batch, inner, right)))
    shape = (*[sizes[c] for c in batch], *left_shape, *right_shape)
    return reshape(product, shape=shape), "".join([*batch, *left, *right])


def _repeated(x: Any, term: str, letters: Sequence[str], sizes: dict[str, int]) -> Any:
    shape = tuple(sizes[c] if c in letters else n for c, n in zip(term, x.shape, strict=True))
    return x if shape == x.shape else x.broadcast_to(shape)
