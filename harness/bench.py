"""Every speed that the project claims for copies, measured side by side in one run: `python -m harness bench copy`.

A default and a fast sweep are made first. Then both policies, the specialised dispatcher, libc and the kernels are
timed in the same processes, paired, at sizes and offsets that neither sweep has seen.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

import experiments
from harness.analysis.estimate import Estimate, estimate
from harness.analysis.noise import noise
from harness.analysis.pairing import PairedBlock, pair, process_medians
from harness.config.header import thresholds_h
from harness.config.schema import Config
from harness.experiment import AA_ARM, BASELINE, Block, Condition, Offsets, Sizes
from harness.machine import Machine
from harness.measure.journal import Journal
from harness.measure.protocol import DISPATCH, SPECIALISED, dispatch_under
from harness.measure.runner import limits, setup
from harness.measure.samples import samples
from harness.measure.schedule import Pace, Schedule
from harness.measure.sweep import Progress, measure
from harness.verify import cells, judge

Floats = NDArray[np.float64]

FAST: Final = dispatch_under(1)
ARMS: Final = (BASELINE, AA_ARM, DISPATCH, FAST, SPECIALISED)
SCALAR: Final = "small_scalar"
OVERHEAD: Final = Block("bench", Condition(offsets=Offsets.PAGE), 8)
PACE: Final = Pace(lambda size: 8 if size < 16 << 20 else 5, 16, 9, 150.0)
HELP_RUNS: Final = 7


@dataclass(frozen=True)
class Figure:
    """One claim with what was measured for it."""

    what: str
    target: str
    measured: str
    holds: bool | None
    """None where the claim is not for this machine."""


@dataclass(frozen=True)
class Measured:
    """All blocks of the run with their estimates."""

    found: tuple[Estimate, ...]
    machine: Machine

    def speeds(self, arm: str, chosen: Callable[[Block], bool]) -> Floats:
        """Log ratios libc / arm of the blocks that are meant."""
        return np.array(
            [
                float(each.value[each.block.candidates.index(arm)])
                for each in self.found
                if arm in each.block.candidates and chosen(block_of(each.block))
            ]
        )


def block_of(paired: PairedBlock) -> Block:
    """The block that was paired."""
    return Block("bench", Condition.parse(paired.condition), paired.size)


def blocks(machine: Machine, seed: int) -> tuple[Block, ...]:
    """The verification's cells, and those that the claims are about."""
    rng = random.Random(seed)
    plain = Condition()

    def claims() -> Iterator[Block]:
        yield OVERHEAD
        for bound in (16, 32, 64):
            yield Block("bench", replace(plain, sizes=Sizes.UNIFORM), bound)
        for size in (3072, 4096, 5000, 6144, 8192, 10_000, 12288):
            yield Block("bench", plain, size + rng.choice((0, 1)))
        for size in (2300, 4500, 9000, 40_000, 300_000, 1 << 20):
            yield Block("bench", Condition(offsets=Offsets.DELTA, delta=rng.randint(1, 15)), size)
        for size in (32 << 20, 64 << 20, 128 << 20):
            if 2 * size <= limits(machine).memory:
                yield Block("bench", plain, size)

    verified = (replace(cell, experiment="bench") for cell in cells(machine, limits(machine).memory, seed))
    return tuple(dict.fromkeys([*claims(), *verified]))


def copy(
    default: Config,
    fast: Config,
    machine: Machine,
    journal: Journal,
    *,
    budget: float,
    seed: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Measured:
    """Time both policies, both forms of the dispatcher, libc and the kernels, paired, for `budget` seconds."""
    kernels = experiments.load("copy").candidates
    workers = replace(
        setup(machine),
        policies=tuple(msgspec.to_builtins(config.policy) for config in (default, fast)),
        header=thresholds_h(default),
    )
    schedule = Schedule(
        blocks(machine, seed),
        lambda block: (SCALAR,) if block == OVERHEAD else kernels(block),
        PACE,
        seed,
        always=ARMS,
    )
    outcome = measure(schedule, workers, journal, budget, on_progress)
    return Measured(tuple(estimate(block) for block in pair(samples(outcome.replies))), machine)


def figures(measured: Measured, seconds: dict[str, float]) -> tuple[Figure, ...]:
    """Every claim with its figure.

    Args:
        measured: the paired blocks.
        seconds: whole times of the commands: `default`, `fast` and `help`.
    """
    paired = [each.block for each in measured.found]
    verdicts = judge(paired, measured.machine.cycle_ns, 0.0, False)
    slowest = min(verdicts.cells, key=lambda cell: cell.speed)
    worst = verdicts.worst
    return (
        _at_most("`--help`", 0.3, seconds["help"], "s"),
        _at_most("default sweep, start to end", 120.0, seconds["default"], "s"),
        _at_most("fast sweep, start to end", 30.0, seconds["fast"], "s"),
        _same_speed(measured),
        Figure(
            "cells slower than libc beyond margin and interval",
            "none",
            f"{len(verdicts.losses)} of {len(verdicts.cells)}; the slowest is {slowest.speed:.2f}× "
            f"[{slowest.low:.2f}, {slowest.high:.2f}] at {slowest.size} B ({slowest.condition})",
            not verdicts.losses,
        ),
        _at_least("random sizes up to 64 B", 1.5, measured, _random_small, "avx512f" in measured.machine.features),
        _at_least("3 to 12 KiB, any offsets", 1.1, measured, _middle, True),
        _at_least("(dst − src) mod 4096 in 1 to 15", 10.0, measured, _near, measured.machine.vendor == "AuthenticAMD"),
        _at_least("32 MiB and more", 1.4, measured, _large, True),
        _at_most("regret against the best candidate, geometric mean", 2.0, 100 * verdicts.regret, "%"),
        _at_most("regret in the worst cell", 5.0, 100 * worst.regret if worst else 0.0, "%"),
        *(_overhead(measured, arm) for arm in (DISPATCH, SPECIALISED)),
    )


def help_seconds() -> float:
    """Median time of `python -m harness --help`, start to end."""
    times = []
    for _ in range(HELP_RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "harness", "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return sorted(times)[HELP_RUNS // 2]


def timed_sweep(folder: Path, *options: str) -> float:
    """Whole time of a sweep into a folder, as a person would start it; its output is discarded."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "harness", "sweep", "copy", "--output", str(folder), "--json", *options]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def noise_of(measured: Measured) -> float:
    """The A/A arm's error at its 95th percentile, as a log ratio."""
    return noise(measured.found, measured.machine.cycle_ns).p95


def _at_most(what: str, limit: float, value: float, unit: str) -> Figure:
    return Figure(what, f"≤ {limit:g} {unit}", f"{value:.2f} {unit}", value <= limit)


def _at_least(what: str, limit: float, measured: Measured, chosen: Callable[[Block], bool], meant: bool) -> Figure:
    values = measured.speeds(DISPATCH, chosen)
    if not len(values):
        return Figure(f"{what}: speed over libc", f"≥ {limit:g}×", "not measured", None)
    speed = math.exp(float(values.mean()))
    span = f"{speed:.2f}× in geometric mean ({math.exp(values.min()):.2f} to {math.exp(values.max()):.2f}×)"
    return Figure(f"{what}: speed over libc", f"≥ {limit:g}×", span, speed >= limit if meant else None)


def _same_speed(measured: Measured) -> Figure:
    everywhere = lambda _block: True  # noqa: E731
    ratio = math.exp(float((measured.speeds(FAST, everywhere) - measured.speeds(DISPATCH, everywhere)).mean()))
    return Figure("fast policy's speed over the default's", "0.97 to 1.03×", f"{ratio:.3f}×", 0.97 <= ratio <= 1.03)


def _overhead(measured: Measured, arm: str) -> Figure:
    """Nanoseconds over a direct call of the same kernel, paired, at 8 bytes."""
    block = next((each.block for each in measured.found if block_of(each.block) == OVERHEAD), None)
    form = "table-driven" if arm == DISPATCH else "specialised"
    what = f"dispatch overhead at 8 B, {form}"
    if block is None or SCALAR not in block.candidates:
        return Figure(what, "≤ 1 ns", "not measured", None)
    medians = process_medians(block)
    ratio = medians[:, block.candidates.index(SCALAR)] - medians[:, block.candidates.index(arm)]
    direct = block.baseline_ns * np.exp(-medians[:, block.candidates.index(SCALAR)])
    over = float(np.nanmean(direct * np.expm1(ratio)))
    return Figure(what, "≤ 1 ns", f"{over:+.2f} ns over {float(np.nanmean(direct)):.2f} ns", over <= 1.0)


def _random_small(block: Block) -> bool:
    return block.condition.sizes is Sizes.UNIFORM and block.size <= 64


def _middle(block: Block) -> bool:
    return block.condition == Condition() and 3 << 10 <= block.size <= (12 << 10) + 1


def _near(block: Block) -> bool:
    return block.condition.offsets is Offsets.DELTA and 1 <= block.condition.delta <= 15 and block.size >= 2112


def _large(block: Block) -> bool:
    return block.condition == Condition() and block.size >= 32 << 20


def failed(found: Sequence[Figure]) -> tuple[Figure, ...]:
    """Claims that did not hold."""
    return tuple(figure for figure in found if figure.holds is False)
