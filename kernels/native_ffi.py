"""cffi builder of `kernels._native`: all kernels, the dispatcher and the batch timer in one module.

One module, so that they share symbols: a timed call of a kernel is a call through a pointer and nothing
else. Each room's `api.h` is at once its C header and its cffi declarations.
"""

from __future__ import annotations

import re
from pathlib import Path

import cffi

ROOT = Path(__file__).parent
ROOMS = ("copy", "dispatch", "timing", "zero_scan")


def declarations(room: str) -> str:
    """The room's api.h without its preprocessor lines, as cffi reads it."""
    text = (ROOT / room / "api.h").read_text()
    return re.sub(r"^#(?!define).*$", "", text, flags=re.MULTILINE)


def builder() -> cffi.FFI:
    """The FFI object that setuptools builds."""
    ffi = cffi.FFI()
    rooms = [room for room in ROOMS if (ROOT / room / "api.h").exists()]
    for room in rooms:
        ffi.cdef(declarations(room))
    files = [path for room in rooms for path in sorted((ROOT / room).glob("*.c"))]
    ffi.set_source(
        "kernels._native",
        "\n".join(f'#include "{room}/api.h"' for room in rooms),
        sources=[str(path.relative_to(ROOT.parent)) for path in files],
        include_dirs=["kernels"],
    )
    return ffi


ffi = builder()
