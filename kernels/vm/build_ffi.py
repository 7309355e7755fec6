"""cffi builder of `kernels._vm`: the virtual machine, in a module of its own."""

from __future__ import annotations

import re
from pathlib import Path

import cffi

ROOT = Path(__file__).parent


def headers() -> list[Path]:
    """What users of the machine see: `vm.h`, then each device's or service's `*_api.h`."""
    return [ROOT / "vm.h", *sorted(ROOT.rglob("*_api.h"))]


def declarations(header: Path) -> str:
    """A header without its preprocessor lines, as cffi reads it."""
    return re.sub(r"^#(?!define).*$", "", header.read_text(), flags=re.MULTILINE)


def sources() -> list[Path]:
    """The machine's C files, fuzz targets and guest programs left out."""
    apart = {"fuzz", "guests"}
    return sorted(path for path in ROOT.rglob("*.c") if not apart & set(path.relative_to(ROOT).parts))


def builder() -> cffi.FFI:
    """The FFI object that setuptools builds."""
    ffi = cffi.FFI()
    for header in headers():
        ffi.cdef(declarations(header))
    project = ROOT.parent.parent
    ffi.set_source(
        "kernels._vm",
        "\n".join(f'#include "{header.relative_to(ROOT.parent)}"' for header in headers()),
        sources=[str(path.relative_to(project)) for path in sources()],
        include_dirs=["kernels"],
    )
    return ffi


ffi = builder()
