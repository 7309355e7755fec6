"""C compiled into a module at run time: once for its sources, flags, compiler and CPU, then from a cache."""

from __future__ import annotations

import importlib.util
import platform
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final

import cffi

from kernels import cache
from kernels.compiler import (
    CFLAGS,
    BuildError,
    build_extension,
    find_compiler,
    fingerprint,
    headers,
    strict_flags,
)

__all__ = ["BuildError", "compile_module"]

KERNELS: Final = Path(__file__).parent
CPUINFO: Final = Path("/proc/cpuinfo")


def compile_module(name: str, cdef: str, source: str, sources: Sequence[Path] = ()) -> ModuleType:
    """A cffi module of generated C code; its `lib` and `ffi` are what cffi documents for its API mode.

    Args:
        name: the module's name, an identifier; two modules may bear the same.
        cdef: the declarations that it offers, as cffi reads them.
        source: C code that makes them known, e.g. by `#include "copy/api.h"`.
        sources: C files to compile and link with it. Headers are looked up in `kernels/`.

    Raises:
        BuildError: no compiler, code that does not compile, or a cache that cannot be written.
    """
    compiler = find_compiler()
    files = [*sources, *headers([KERNELS])]
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    flags = (*CFLAGS, *strict_flags())
    facts = (name, cdef, source, *flags, compiler.identity, _cpu(), cffi.__version__, suffix)
    key = fingerprint(*facts, *map(str, files), *files)[:32]

    def build(product: Path) -> None:
        generated = product.with_name(f"{name}.c")
        ffi = cffi.FFI()
        ffi.cdef(cdef)
        ffi.set_source(name, source, compiler_verbose=False)
        ffi.emit_c_code(str(generated))
        build_extension(product, generated, sources, [KERNELS], product.parent)

    return _load(name, cache.fetch(f"{name}-{key}{suffix}", build))


def _load(name: str, path: Path) -> ModuleType:
    loader = ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise BuildError(f"{path} is no module of this Python")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _cpu() -> str:
    """What CPU this is, as far as a compiler may build for it."""
    try:
        first = CPUINFO.read_text().partition("\n\n")[0].splitlines()
    except OSError:
        first = []
    fixed = (line for line in first if line.startswith(("model", "flags", "Features", "CPU ", "isa")))
    return "\n".join([platform.machine(), *fixed])
