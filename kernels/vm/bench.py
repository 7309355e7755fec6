"""Instructions a second of this machine beside unicorn's, on the guests under `guests/`.

Both run in turn, round after round; the figures are the medians.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from kernels.vm.guest import GuestError, build
from kernels.vm.machine import Machine, Stop

NAMES: Final = ("integer", "loadstore", "sort", "mixed")
UNICORN_INSTRUCTIONS: Final = 3_000_000
MAX_INSTRUCTIONS: Final = 10**10


@dataclass(frozen=True)
class Speed:
    """Instructions a second on one guest, in millions; `unicorn` is None where it is not installed."""

    guest: str
    machine: float
    unicorn: float | None


def machine_speed(elf: Path) -> float:
    """Runs a guest to its end; returns millions of instructions a second.

    Raises:
        GuestError: it did not end with success.
    """
    with Machine(ram=16 << 20) as machine:
        machine.load_elf(elf)
        start = time.perf_counter()
        reason = machine.run(MAX_INSTRUCTIONS)
        seconds = time.perf_counter() - start
        if reason != Stop.EXIT or machine.exit_code != 0:
            raise GuestError(f"guest {elf.stem} ended with {reason.name.lower()}, code {machine.exit_code}")
        return machine.instret / seconds / 1e6


def unicorn_speed(elf: Path) -> float | None:
    """Runs the guest's first instructions on unicorn, counted; None where unicorn is not installed."""
    try:
        unicorn: Any = import_module("unicorn")
    except ImportError:
        return None
    with Machine(ram=16 << 20) as loader:
        loader.load_elf(elf)
        image, base = loader.memory.tobytes(), loader.ram_base
    uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
    uc.mem_map(base, len(image))
    uc.mem_write(base, image)
    start = time.perf_counter()
    uc.emu_start(base, 0, count=UNICORN_INSTRUCTIONS)
    return UNICORN_INSTRUCTIONS / (time.perf_counter() - start) / 1e6


def bench(rounds: int = 3) -> list[Speed]:
    """Measures every guest on both, interleaved; the figures are medians over the rounds.

    Raises:
        GuestError: a guest could not be built, or went wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        elves = [build(name, Path(folder)) for name in NAMES]
        ours: dict[str, list[float]] = {name: [] for name in NAMES}
        theirs: dict[str, list[float]] = {name: [] for name in NAMES}
        for _ in range(rounds):
            for elf in elves:
                ours[elf.stem].append(machine_speed(elf))
                other = unicorn_speed(elf)
                if other is not None:
                    theirs[elf.stem].append(other)
    return [
        Speed(name, statistics.median(ours[name]), statistics.median(theirs[name]) if theirs[name] else None)
        for name in NAMES
    ]
