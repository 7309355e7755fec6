"""The dispatcher with thresholds as constants: a generated header, compiled and loaded into this process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from kernels.copy import NotRunnable, get
from kernels.dispatch.policy import PolicyError

CDEF: Final = """
typedef void *(*xo_copy_fn)(void *dst, const void *src, size_t n);
extern const xo_copy_fn specialised_copy_address, specialised_move_address;
"""

# The kernels are linked in: hidden, so that they are called directly and not through the linkage table.
SOURCE: Final = """
#include <string.h>
#pragma GCC visibility push(hidden)
{header}
#pragma GCC visibility pop

static void *specialised_copy(void *dst, const void *src, size_t n) {{ return crossover_copy(dst, src, n); }}
static void *specialised_move(void *dst, const void *src, size_t n) {{ return crossover_move(dst, src, n); }}
static const xo_copy_fn specialised_copy_address = specialised_copy;
static const xo_copy_fn specialised_move_address = specialised_move;
"""


@dataclass(frozen=True)
class Specialised:
    """A compiled dispatcher. Its functions stay in memory as long as this object."""

    address: int
    """Where its copy lies: memcpy's contract."""
    move_address: int
    """Where its move lies: memmove's contract."""
    module: ModuleType


def specialise(header: str) -> Specialised:
    """Compiles the dispatcher of a `thresholds.h`, or takes it from the cache of built modules.

    Args:
        header: the text of the header, as `harness.config.header` makes it.

    Raises:
        BuildError: there is no compiler, or it refuses the header.
        UnknownKernel: the header names a kernel that this build does not have.
        NotRunnable: the header names a kernel that this CPU cannot run.
        PolicyError: the text is no such header.
    """
    if "CROSSOVER_CLASSES" not in header:
        raise PolicyError("the text is no thresholds.h: it defines no CROSSOVER_CLASSES")
    _check_runnable(header)
    # Imported here: a program that only copies does not wait for the compiler's modules.
    from kernels.library import sources
    from kernels.toolchain import compile_module

    kernels = [path for path in sources() if path.parent.name == "copy"]
    module = compile_module("specialised", CDEF, SOURCE.format(header=header), kernels)
    copy, move = module.lib.specialised_copy_address, module.lib.specialised_move_address
    as_integer = module.ffi.typeof("uintptr_t")
    return Specialised(int(module.ffi.cast(as_integer, copy)), int(module.ffi.cast(as_integer, move)), module)


def _check_runnable(header: str) -> None:
    """Before compiling, for a kernel of another architecture would only be a missing symbol."""
    for name in re.findall(r"\bKERNEL\((\w+)\)", header):
        kernel = get(name)
        if not kernel.runnable:
            raise NotRunnable(f"the header names kernel {name}, which needs {kernel.isa}: sweep on this machine")
