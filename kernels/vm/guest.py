"""Our own guest programs, in C and assembly under `guests/`, compiled for RV64."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from kernels.errors import KernelError

GUESTS: Final = Path(__file__).parent / "guests"
COMPILERS: Final = (
    ("riscv64-unknown-elf-gcc", "-march=rv64imac_zicsr_zifencei", "-mcmodel=medany"),
    (
        *(sys.executable, "-m", "ziglang", "cc", "-target", "riscv64-freestanding"),
        *("-mcpu=generic_rv64+m+a+c+zicsr+zifencei", "-mcmodel=medium"),
    ),
)
FLAGS: Final = ("-O2", "-ffreestanding", "-fno-builtin", "-nostdlib", "-static", "-mabi=lp64", "-Wall", "-Wextra")


class GuestError(KernelError):
    """A guest program could not be built or went wrong."""


def names() -> tuple[str, ...]:
    """Every guest program."""
    return tuple(sorted(path.stem for path in GUESTS.glob("*.c")))


def build(name: str, folder: Path) -> Path:
    """Compiles a guest of `guests/` into an ELF file in the folder.

    Raises:
        GuestError: there is no such guest, no RISC-V compiler, or it fails.
    """
    if name not in names():
        raise GuestError(f"there is no guest {name!r}; there are {', '.join(names())}")
    output = folder / f"{name}.elf"
    files = (
        GUESTS / "start.S",
        GUESTS / "runtime" / "memory.c",
        GUESTS / f"{name}.c",
        "-T",
        GUESTS / "link.ld",
        "-o",
        output,
    )
    reasons = []
    for compiler in COMPILERS:
        if shutil.which(compiler[0]) is None:
            continue
        result = subprocess.run([*compiler, *FLAGS, *map(str, files)], capture_output=True, text=True)
        if result.returncode == 0:
            return output
        reasons += [line for line in result.stderr.splitlines() if "rror" in line][:1]
    reason = f" ({reasons[0]})" if reasons else ""
    raise GuestError(
        f"guest {name} was not built{reason}: install gcc-riscv64-unknown-elf or the Python package ziglang"
    )
