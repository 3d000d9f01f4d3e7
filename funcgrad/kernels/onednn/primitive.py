"""Primitives of oneDNN that are ready to run on NumPy arrays, whatever layouts they chose for themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy

from . import declarations as c
from .library import Library

Sizes = tuple[int, ...]

# Memory objects for one call at a time, and each step: a primitive, the number of its arguments, and those
_Held = tuple[list[Any], list[tuple[Any, int, Any]]]

# A primitive, and its arguments: oneDNN's number for each, and the place among all memories
_Step = tuple[Any, list[tuple[int, int]]]


class Layout(NamedTuple):
    """The sizes of an array in oneDNN's order of axes, and the elements between neighbours along each."""

    sizes: Sizes
    steps: Sizes

    def permuted(self, *axes: int) -> Layout:
        """The axes in another order, over the same memory."""
        return Layout(tuple(self.sizes[a] for a in axes), tuple(self.steps[a] for a in axes))


def contiguous(sizes: Sizes) -> Layout:
    """A C-contiguous array."""
    steps = [1]
    for size in reversed(sizes[1:]):
        steps.append(steps[-1] * size)
    return Layout(sizes, tuple(reversed(steps)))


# An array that the caller gives: oneDNN's number for what it is to the primitive, and how it lies
Operand = tuple[int, Layout]


def described(library: Library, layout: Layout) -> Any:
    """The descriptor of float32 memory that lies so."""
    made = library.ffi.new("dnnl_memory_desc_t *")
    sizes, steps = layout
    library.check(
        library.dnnl.dnnl_memory_desc_create_with_strides(made, len(sizes), list(sizes), c.FLOAT32, list(steps))
    )
    return library.ffi.gc(made[0], library.dnnl.dnnl_memory_desc_destroy)


def any_layout(library: Library, sizes: Sizes) -> Any:
    """The descriptor of float32 memory whose layout is the primitive's choice."""
    made = library.ffi.new("dnnl_memory_desc_t *")
    library.check(library.dnnl.dnnl_memory_desc_create_with_tag(made, len(sizes), list(sizes), c.FLOAT32, c.ANY_LAYOUT))
    return library.ffi.gc(made[0], library.dnnl.dnnl_memory_desc_destroy)


def attributes(library: Library, *, relu: bool = False) -> Any:
    """How a primitive runs: with scratch memory of ours (its own is not safe among threads), and what it ends in."""
    ffi, dnnl = library.ffi, library.dnnl
    made = ffi.new("dnnl_primitive_attr_t *")
    library.check(dnnl.dnnl_primitive_attr_create(made))
    attr = ffi.gc(made[0], dnnl.dnnl_primitive_attr_destroy)
    library.check(dnnl.dnnl_primitive_attr_set_scratchpad_mode(attr, c.SCRATCH_BY_CALLER))
    if relu:
        made = ffi.new("dnnl_post_ops_t *")
        library.check(dnnl.dnnl_post_ops_create(made))
        ends = ffi.gc(made[0], dnnl.dnnl_post_ops_destroy)
        library.check(dnnl.dnnl_post_ops_append_eltwise(ends, c.RELU, 0.0, 0.0))
        library.check(dnnl.dnnl_primitive_attr_set_post_ops(attr, ends))
    return attr


def primitive_desc(library: Library, create: Callable[..., int], *arguments: Any) -> Any | None:
    """What `create` makes of the arguments; None where oneDNN has no implementation but its slow reference."""
    made = library.ffi.new("dnnl_primitive_desc_t *")
    status = create(made, *arguments)
    if status == c.UNIMPLEMENTED:
        return None
    library.check(status)
    desc = library.ffi.gc(made[0], library.dnnl.dnnl_primitive_desc_destroy)
    return None if "ref" in implementation(library, desc) else desc


def implementation(library: Library, desc: Any) -> str:
    """oneDNN's name of the code that it chose."""
    name = library.ffi.new("char **")
    library.check(library.dnnl.dnnl_primitive_desc_query(desc, c.QUERY_IMPLEMENTATION, 0, name))
    return library.ffi.string(name[0]).decode()


class Prepared:
    """A primitive with its reorders: called with the operands' arrays and the result's, it runs them.

    Arrays are taken as addresses, so they must lie as the operands say. What the primitive wants in another layout is
    copied into scratch memory before, or out of it after.

    Args:
        library: oneDNN.
        desc: the primitive's descriptor.
        operands: what it reads, in the order of a call's arrays.
        result: what it writes.
        threads: how many it was described for, and so must run on: it deals out its work among them beforehand.
    """

    def __init__(self, library: Library, desc: Any, operands: Sequence[Operand], result: Operand, threads: int):
        self._library, self._threads = library, threads
        self.implementations: list[str] = []
        self._owners: list[Any] = []  # of the descriptors that were asked of them
        self._offsets: list[int] = []
        self._bytes = 0
        wanted = [self._wanted(desc, operand) for operand in (*operands, result)]
        self._descs = [given for given, _ in wanted]
        before: list[_Step] = []
        after: list[_Step] = []
        arguments = []
        for place, ((argument, _), (given, inside)) in enumerate(zip((*operands, result), wanted, strict=True)):
            inner = place if inside is None else self._in_scratch(inside)
            arguments.append((argument, inner))
            if inside is not None and place == len(operands):
                after.append(self._reorder(inner, place, inside, given))
            elif inside is not None:
                before.append(self._reorder(place, inner, given, inside))
        self._steps = [*before, self._step(desc, arguments), *after]
        self._free: list[_Held] = []

    def _wanted(self, desc: Any, operand: Operand) -> tuple[Any, Any | None]:
        """The descriptor of the caller's array, and the primitive's own where that is another."""
        dnnl = self._library.dnnl
        argument, layout = operand
        given = described(self._library, layout)
        if argument not in c.QUERY:
            return given, None
        inside = dnnl.dnnl_primitive_desc_query_md(desc, c.QUERY[argument], 0)
        return given, None if dnnl.dnnl_memory_desc_equal(given, inside) else inside

    def _in_scratch(self, desc: Any) -> int:
        self._descs.append(desc)
        self._offsets.append(self._bytes)
        size = self._library.dnnl.dnnl_memory_desc_get_size(desc)
        self._bytes += -(-size // c.ALIGNMENT) * c.ALIGNMENT
        return len(self._descs) - 1

    def _reorder(self, source: int, target: int, source_desc: Any, target_desc: Any) -> _Step:
        library = self._library
        engine = library.engine
        made = library.ffi.new("dnnl_primitive_desc_t *")
        create = library.dnnl.dnnl_reorder_primitive_desc_create
        library.check(create(made, source_desc, engine, target_desc, engine, attributes(library)))
        desc = library.ffi.gc(made[0], library.dnnl.dnnl_primitive_desc_destroy)
        return self._step(desc, [(c.SOURCE, source), (c.TARGET, target)])

    def _step(self, desc: Any, arguments: list[tuple[int, int]]) -> _Step:
        """The described primitive, with scratch memory if it wants some."""
        library = self._library
        scratch = library.dnnl.dnnl_primitive_desc_query_md(desc, c.QUERY_SCRATCH, 0)
        if scratch != library.ffi.NULL and library.dnnl.dnnl_memory_desc_get_size(scratch):
            arguments.append((c.SCRATCH, self._in_scratch(scratch)))
        made = library.ffi.new("dnnl_primitive_t *")
        library.check(library.dnnl.dnnl_primitive_create(made, desc))
        self.implementations.append(implementation(library, desc))
        self._owners.append(desc)
        return library.ffi.gc(made[0], library.dnnl.dnnl_primitive_destroy), arguments

    def _memories(self) -> _Held:
        ffi, dnnl = self._library.ffi, self._library.dnnl
        memories = []
        for desc in self._descs:
            made = ffi.new("dnnl_memory_t *")
            self._library.check(dnnl.dnnl_memory_create(made, desc, self._library.engine, ffi.NULL))
            memories.append(ffi.gc(made[0], dnnl.dnnl_memory_destroy))
        steps = []
        for primitive, arguments in self._steps:
            named = ffi.new("dnnl_exec_arg_t[]", [(number, memories[place]) for number, place in arguments])
            steps.append((primitive, len(arguments), named))
        return memories, steps

    def into(self, shape: Sizes, *arrays: Any, out: Any = None) -> Any:
        """The result in `out`, if that is None in a new array; operands that are not C-contiguous are copied."""
        out = numpy.empty(shape, numpy.float32) if out is None else out
        self(*(numpy.ascontiguousarray(array) for array in arrays), out)
        return out

    def __call__(self, *arrays: Any) -> None:
        library = self._library
        dnnl, stream = library.dnnl, library.stream()
        try:
            held = self._free.pop()  # nobody else has these now; after an exception nobody gets them again
        except IndexError:
            held = self._memories()
        point, addresses = dnnl.dnnl_memory_set_data_handle, list(map(self._address, arrays))
        if self._bytes:
            base, _alive = library.scratch(self._bytes)
            addresses += [library.ffi.cast("void *", base + offset) for offset in self._offsets]
        memories, steps = held
        for memory, address in zip(memories, addresses, strict=True):
            point(memory, address)
        if library.has_set(self._threads):
            self._run(steps, stream)
        else:
            with library.using(self._threads):
                self._run(steps, stream)
        self._free.append(held)

    def _run(self, steps: list[tuple[Any, int, Any]], stream: Any) -> None:
        execute = self._library.dnnl.dnnl_primitive_execute
        for primitive, count, arguments in steps:
            status = execute(primitive, stream, count, arguments)
            if status:
                self._library.check(status)

    def _address(self, array: Any) -> Any:
        if array.flags.c_contiguous:
            return self._library.ffi.from_buffer(array)  # four times as fast as asking for the address
        return self._library.ffi.cast("void *", array.ctypes.data)
