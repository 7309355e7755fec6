"""The tunables, each declared once: its name, its domain, what it changes and what may feel it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from harness.optimize.settings import BANDS, Settings, bounds
from kernels import copy, zero_scan

Value = str | int


@dataclass(frozen=True)
class Tunable:
    """One thing that can be changed."""

    name: str
    domain: tuple[Value, ...]
    get: Callable[[Settings], Value]
    put: Callable[[Settings, Value, int], Settings]
    """The settings with another value, set in a round of this number."""
    touches: tuple[str, ...]
    """Areas whose speed it may change; the first is what it is for."""
    policies: Mapping[Value, Settings] = field(default_factory=dict)
    """By value the settings whose copy policy it sets, for a tunable of whole policies."""


COMPUTING: Final = ("guest:sort", "guest:mixed", "guest:faults")


def copy_area(band: int) -> str:
    """The area of copies in one band of sizes."""
    return f"copy:{band}"


def _band_kernel(band: int) -> Tunable:
    low, high = bounds(band)
    largest = 1 << 62 if band == len(BANDS) - 1 else high - 1
    able = tuple(kernel.name for kernel in copy.runnable() if kernel.max_size >= largest)

    def put(settings: Settings, value: Value, turn: int) -> Settings:
        kernels, rounds = list(settings.kernels), list(settings.rounds)
        kernels[band], rounds[band] = str(value), turn
        return replace(settings, kernels=tuple(kernels), rounds=tuple(rounds))

    neighbours = [copy_area(other) for other in (band - 1, band + 1) if 0 <= other < len(BANDS)]
    return Tunable(
        name=f"copy.{low}" if low else "copy.0",
        domain=able,
        get=lambda settings: settings.kernels[band],
        put=put,
        touches=(copy_area(band), *neighbours, "copy:mixed"),
    )


def _field(name: str, domain: tuple[Value, ...], touches: tuple[str, ...]) -> Tunable:
    def put(settings: Settings, value: Value, _turn: int) -> Settings:
        changed: dict[str, Any] = {name: value}
        return replace(settings, **changed)

    return Tunable(name, domain, lambda settings: getattr(settings, name), put, touches)


def policy_tunable(policies: Mapping[Value, Settings]) -> Tunable:
    """Whole copy policies at a step: where one band's change loses until its neighbours follow."""

    def get(settings: Settings) -> Value:
        same = (name for name, each in policies.items() if each.policy() == settings.policy())
        return next(same, "")

    def put(settings: Settings, value: Value, turn: int) -> Settings:
        chosen = policies.get(value, settings)
        rounds = (turn,) * len(BANDS)
        return replace(settings, kernels=chosen.kernels, near_kernel=chosen.near_kernel, rounds=rounds)

    touches = ("copy:mixed", *(copy_area(band) for band in range(len(BANDS))), "copy:near")
    return Tunable("copy.policy", ("", *policies), get, put, touches, policies)


def declared(policies: Mapping[Value, Settings] | None = None) -> tuple[Tunable, ...]:
    """Every tunable of this machine. A new one is a line here, and an area that feels it.

    Args:
        policies: whole copy policies that are worth a try, by name.
    """
    loops = tuple(kernel.name for kernel in copy.runnable() if kernel.max_size > 1 << 62)
    scans = tuple(kernel.name for kernel in zero_scan.runnable())
    return (
        *([policy_tunable(policies)] if policies else []),
        *(_band_kernel(band) for band in range(len(BANDS))),
        _field("near_kernel", ("", *loops), ("copy:near", "copy:3", "copy:4")),
        _field("zero_scan", scans, ("service:migrate", "service:snapshot")),
        _field("dma_split", (0, 4096, 16384, 65536), ("guest:disk",)),
        _field("snapshot_gap", (0, 1, 4, 16, 64), ("service:snapshot",)),
        _field("migrate_batch", (16, 64, 256, 1024), ("service:migrate",)),
        _field("tlb_entries", (64, 256, 1024, 4096), COMPUTING),
        _field("block_cache", (4096, 16384, 65536), COMPUTING),
    )


def named(tunables: tuple[Tunable, ...], name: str) -> Tunable | None:
    """The tunable of this name; None where there is none."""
    return next((each for each in tunables if each.name == name), None)


def kernel_tunable(tunables: tuple[Tunable, ...], area: str) -> Tunable | None:
    """The tunable whose value is a copy kernel for this area."""
    kernels = (each for each in tunables if area.startswith("copy:") and not each.policies)
    return next((each for each in kernels if each.touches[0] == area), None)
