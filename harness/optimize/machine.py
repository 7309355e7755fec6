"""Machines made by the settings, and the services whose time the settings decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.errors import UserError
from harness.guests import GUESTS, MOST, RAM, prepared
from harness.optimize.settings import Settings
from kernels import dispatch, zero_scan
from kernels.vm import snapshot
from kernels.vm.machine import Machine, Stop

STEP: Final = 300_000
"""Instructions between two snapshots."""
SNAPSHOTS: Final = 12
GUESTS_TIMED: Final = (*GUESTS, "mixed")


def configured(settings: Settings) -> Callable[[], Machine]:
    """Makes machines with the settings' numbers, and what they find zero pages by."""

    def make() -> Machine:
        machine = Machine(
            ram=RAM,
            tlb_entries=settings.tlb_entries,
            block_cache=settings.block_cache,
            copy_address=dispatch.address(),
        )
        machine.set_zero_scan(zero_scan.address(settings.zero_scan))
        snapshot.set_gap(machine, settings.snapshot_gap)
        return machine

    return make


def guest_seconds(name: str, elf: Path, settings: Settings) -> float:
    """A guest's whole run under the settings, the dispatcher's policy being in force already.

    Raises:
        UserError: the guest did not end with success.
    """
    with prepared(name, elf, configured(settings), settings.dma_split) as machine:
        began = time.perf_counter()
        reason = machine.run(MOST)
        took = time.perf_counter() - began
        if reason is not Stop.EXIT or machine.exit_code:
            raise UserError(f"guest {name} failed its own check (number {machine.exit_code})")
        return took


def service_seconds(name: str, elf: Path, settings: Settings) -> float:
    """Incremental snapshots of a sorting guest, or its live migration, without what the guest itself takes."""
    with configured(settings)() as machine:
        machine.load_elf(elf)
        machine.run(STEP)
        return _snapshots(machine) if name == "snapshot" else _migration(machine, settings)


def _snapshots(machine: Machine) -> float:
    snapshot.save(machine)
    total = 0.0
    for _ in range(SNAPSHOTS):
        machine.run(STEP)
        began = time.perf_counter()
        snapshot.save(machine, incremental=True)
        total += time.perf_counter() - began
    return total


def _migration(machine: Machine, settings: Settings) -> float:
    began = time.perf_counter()
    with machine.alike() as other:
        other.set_zero_scan(zero_scan.address(settings.zero_scan))
        for piece in snapshot.migrate(machine, lambda _: None, batch=settings.migrate_batch):
            snapshot.receive(other, piece)
    return time.perf_counter() - began
