"""Kernels that say whether a range is all zero: what variants there are, which this CPU runs, and their addresses."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from kernels._native import ffi, lib
from kernels.copy import NotRunnable, UnknownKernel

UNLIMITED = 2 ** (8 * ffi.sizeof("size_t")) - 1


@dataclass(frozen=True)
class Kernel:
    """One variant with its parameters; mirrors `struct xo_zero_kernel` of `zero_scan/api.h`."""

    name: str
    isa: str
    """Instruction set, as of the copy kernels."""
    family: str
    """libc, scalar or loop."""
    width: int
    """Bytes that a step looks at at once; 0 where libc decides."""
    unroll: int
    """Steps an iteration."""
    sampled: bool
    """Whether it looks at a few words all over the range first."""
    runnable: bool
    """Whether this CPU and operating system can run it."""
    streaming: bool = False
    max_size: int = UNLIMITED


@functools.cache
def table() -> tuple[Kernel, ...]:
    """Every variant this build knows, whether this CPU runs it or not."""
    return tuple(kernel for kernel, _ in _rows().values())


def runnable() -> tuple[Kernel, ...]:
    """The variants that this CPU runs."""
    return tuple(kernel for kernel in table() if kernel.runnable)


def address(name: str) -> int:
    """Where the variant's function lies in this process: `int (*)(const void *bytes, size_t n)`.

    Raises:
        UnknownKernel: no variant has this name.
        NotRunnable: this CPU cannot run it.
    """
    return int(ffi.cast("uintptr_t", _row(name).fn))


def timed_address(name: str) -> int:
    """The same under a copy's signature, for the batch timer: it scans the source and writes nothing.

    Raises:
        UnknownKernel: no variant has this name.
        NotRunnable: this CPU cannot run it.
    """
    return int(ffi.cast("uintptr_t", _row(name).timed))


def is_zero(name: str, data: Any) -> bool:
    """Whether all bytes of a buffer are zero, by one variant.

    Raises:
        UnknownKernel: no variant has this name.
        NotRunnable: this CPU cannot run it.
    """
    buffer = ffi.from_buffer(data)
    return bool(_row(name).fn(buffer, len(buffer)))


def _row(name: str) -> Any:
    if name not in _rows():
        raise UnknownKernel(f"there is no zero-scan kernel {name!r}; there are {', '.join(_rows())}")
    kernel, row = _rows()[name]
    if not kernel.runnable:
        raise NotRunnable(f"zero-scan kernel {name} needs {kernel.isa}, which this CPU does not have")
    return row


@functools.cache
def _rows() -> dict[str, tuple[Kernel, Any]]:
    count = ffi.new("size_t *")
    first = lib.xo_zero_kernels(count)
    return {text(first[i].name): (_kernel(first[i]), first[i]) for i in range(count[0])}


def text(pointer: Any) -> str:
    """A C string as a Python one."""
    return str(ffi.string(pointer).decode())


def _kernel(row: Any) -> Kernel:
    return Kernel(
        name=text(row.name),
        isa=text(row.isa),
        family=text(row.family),
        width=int(row.width),
        unroll=int(row.unroll),
        sampled=bool(row.sampled),
        runnable=bool(row.runnable),
    )
