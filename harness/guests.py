"""Whole guest runs: what a policy is worth to a program, not to a loop of copies. The last judge.

Each guest runs under libc and under the policy in turn, in one process, round after round; the speeds are paired.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import stats

from harness.errors import UserError
from kernels import dispatch
from kernels.vm.devices import attach_block, attach_display, attach_net
from kernels.vm.guest import build
from kernels.vm.machine import Machine, Mode, Stop

GUESTS: Final = ("disk", "echo", "faults", "scroller", "sort")
"""A block device, packets, page faults with forks, a display, and sorting: nothing to gain, as a control."""
MOST: Final = 2_000_000_000
"""Instructions that no guest needs."""
RAM: Final = 16 << 20
DISK: Final = 4 << 20


@dataclass(frozen=True)
class GuestSpeed:
    """A guest's whole run under the policy beside libc."""

    guest: str
    libc_seconds: float
    speed: float
    """libc's time over the policy's, geometric mean over rounds."""
    low: float
    high: float
    """95 % interval."""
    bytes: int
    """What the paths moved in one run."""
    rounds: int


def plain_machine() -> Machine:
    """A machine with nothing set."""
    return Machine(ram=RAM)


@contextmanager
def prepared(
    name: str, elf: Path, make: Callable[[], Machine] = plain_machine, dma_split: int = 4096
) -> Iterator[Machine]:
    """A machine, as `make` makes it, with the guest loaded and the devices that it wants."""
    with tempfile.NamedTemporaryFile(prefix="crossover-disk-") as disk, make() as machine:
        if name == "disk":
            disk.truncate(DISK)
            attach_block(machine, Path(disk.name)).split_transfers(dma_split)
        elif name == "echo":
            attach_net(machine)
        elif name == "scroller":
            attach_display(machine, 640, 400)
        machine.load_elf(elf, Mode.SUPERVISOR if name == "faults" else Mode.MACHINE)
        yield machine


def seconds(name: str, elf: Path, copy: int) -> tuple[float, int]:
    """A whole run's time with the copy routine at an address, and the bytes that the paths moved.

    Raises:
        UserError: the guest did not end with success: something is broken, and no figure may come of it.
    """
    with prepared(name, elf) as machine:
        machine.set_copy(copy)
        began = time.perf_counter()
        reason = machine.run(MOST)
        took = time.perf_counter() - began
        if reason is not Stop.EXIT or machine.exit_code:
            raise UserError(f"guest {name} failed its own check (number {machine.exit_code}): the copies are wrong")
        return took, sum(path.bytes for path in machine.paths().values())


def compare(
    policy: dict[str, Any], names: Iterable[str] = GUESTS, rounds: int = 15, on_guest: Callable[[str], object] = str
) -> tuple[GuestSpeed, ...]:
    """Every guest under libc and under the policy, in turn.

    Args:
        policy: as `kernels.dispatch.table_from` reads it.
        names: which guests.
        rounds: pairs of runs a guest.
        on_guest: called with each guest's name as it begins.

    Raises:
        UserError: a guest failed its own check.
        GuestError: a guest could not be built.
    """
    dispatch.install(dispatch.table_from(policy))
    try:
        with tempfile.TemporaryDirectory(prefix="crossover-") as folder:
            found = []
            for name in names:
                on_guest(name)
                found.append(_compare(name, build(name, Path(folder)), rounds))
            return tuple(found)
    finally:
        dispatch.reset()


def _compare(name: str, elf: Path, rounds: int) -> GuestSpeed:
    arms = {"libc": 0, "policy": dispatch.address()}
    took: dict[str, list[float]] = {arm: [] for arm in arms}
    moved = 0
    for turn in range(rounds + 1):
        for arm in arms if turn % 2 else reversed(arms):
            one, moved = seconds(name, elf, arms[arm])
            if turn:  # the first round warms caches
                took[arm].append(one)
    logs = np.log(np.array(took["libc"]) / np.array(took["policy"]))
    mean, half = float(logs.mean()), float(stats.t.ppf(0.975, rounds - 1) * logs.std(ddof=1) / math.sqrt(rounds))
    libc = float(np.median(took["libc"]))
    return GuestSpeed(name, libc, math.exp(mean), math.exp(mean - half), math.exp(mean + half), moved, rounds)
