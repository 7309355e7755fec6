"""The copy kernels: what variants there are, which of them this CPU runs, and their addresses.

The table is that of `table.c`; no variant is listed here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from kernels._native import ffi, lib
from kernels.errors import KernelError


class UnknownKernel(KernelError):
    """No variant has this name."""


class NotRunnable(KernelError):
    """The variant exists, but this CPU cannot run it."""


@dataclass(frozen=True)
class Kernel:
    """One variant with its parameters; mirrors `struct xo_kernel` of `copy/api.h`."""

    name: str
    isa: str
    """Instruction set: any, x86_64, sse2, avx2, avx512, neon or sve."""
    family: str
    """What kind of kernel: libc, string, loop, masked, small, stream or portable."""
    width: int
    """Bytes a vector; 0 where it has none or the CPU decides."""
    unroll: int
    """Vectors an iteration; 0 where it has no loop."""
    prefetch: int
    """Bytes that it prefetches ahead; 0 for none."""
    aligned: bool
    """Whether the loop's stores are aligned to `width`."""
    backward: bool
    """Whether the loop runs from high to low addresses."""
    streaming: bool
    """Whether the loop's stores are non-temporal."""
    pages: int
    """How many pages the loop copies side by side; 0 where it takes the bytes in order."""
    runnable: bool
    """Whether this CPU and operating system can run it."""
    max_size: int
    """Largest number of bytes it accepts; the largest `size_t` for any."""


@functools.cache
def table() -> tuple[Kernel, ...]:
    """Every variant this build knows, whether this CPU runs it or not."""
    return tuple(kernel for kernel, _ in _rows().values())


def runnable() -> tuple[Kernel, ...]:
    """The variants that this CPU runs."""
    return tuple(kernel for kernel in table() if kernel.runnable)


def get(name: str) -> Kernel:
    """The variant of this name.

    Raises:
        UnknownKernel: there is none.
    """
    return _row(name)[0]


def address(name: str) -> int:
    """Where the variant's function lies in this process: `void *(*)(void *dst, const void *src, size_t n)`.

    Raises:
        UnknownKernel: no variant has this name.
        NotRunnable: this CPU cannot run it.
    """
    return int(ffi.cast("uintptr_t", _function(name)))


def copy(name: str, dst: Any, src: Any) -> None:
    """Copies all of `src` to the beginning of `dst` with one variant.

    Args:
        name: the variant.
        dst: a writable buffer, at least as long as `src`; the two must not overlap.
        src: a buffer.

    Raises:
        UnknownKernel: no variant has this name.
        NotRunnable: this CPU cannot run it.
        ValueError: `src` is longer than `dst` or than the variant accepts.
    """
    function = _function(name)
    source, destination = ffi.from_buffer(src), ffi.from_buffer(dst, require_writable=True)
    limit = min(len(destination), get(name).max_size)
    if len(source) > limit:
        raise ValueError(f"kernel {name} can copy {limit} bytes here, not {len(source)}")
    function(destination, source, len(source))


@functools.cache
def _rows() -> dict[str, tuple[Kernel, Any]]:
    """Every variant with its function pointer, by name, in the table's order."""
    count = ffi.new("size_t *")
    rows = lib.xo_kernels(count)
    kernels = (_kernel(rows[i]) for i in range(count[0]))
    return {kernel.name: (kernel, rows[i].fn) for i, kernel in enumerate(kernels)}


def _kernel(row: Any) -> Kernel:
    return Kernel(
        name=ffi.string(row.name).decode(),
        isa=ffi.string(row.isa).decode(),
        family=ffi.string(row.family).decode(),
        width=row.width,
        unroll=row.unroll,
        prefetch=row.prefetch,
        aligned=bool(row.aligned),
        backward=bool(row.backward),
        streaming=bool(row.streaming),
        pages=row.pages,
        runnable=bool(row.runnable),
        max_size=row.max_size,
    )


def _row(name: str) -> tuple[Kernel, Any]:
    try:
        return _rows()[name]
    except KeyError:
        raise UnknownKernel(f"there is no kernel {name!r}: choose one of {', '.join(_rows())}") from None


def _function(name: str) -> Any:
    kernel, function = _row(name)
    if not kernel.runnable:
        names = ", ".join(kernel.name for kernel in runnable())
        raise NotRunnable(f"kernel {name} needs {kernel.isa}, which this CPU lacks: choose one of {names}")
    return function
