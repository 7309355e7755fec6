"""The VM's memory paths measured: libc, the old rule, the policy in force, and the kernels, paired."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np

import experiments
from experiments import Tier
from harness.analysis.compare import holm
from harness.analysis.estimate import Estimate, estimate
from harness.analysis.noise import Noise, noise
from harness.analysis.pairing import pair
from harness.config.schema import Config
from harness.experiment import AA_ARM, BASELINE
from harness.machine import Machine
from harness.measure.journal import Journal
from harness.measure.protocol import DISPATCH, dispatch_under
from harness.measure.runner import setup
from harness.measure.samples import samples
from harness.measure.schedule import PACES, Schedule
from harness.measure.sweep import Progress, measure
from harness.sweep import world
from kernels import copy

POLICY: Final = DISPATCH
OLD_RULE: Final = dispatch_under(1)
ARMS: Final = (BASELINE, AA_ARM, POLICY, OLD_RULE)
OLD_BOUND: Final = 4096
"""The rule that this project began with: SIMD below, libc from here on."""
LEVEL: Final = 0.95


@dataclass(frozen=True)
class Speed:
    """libc's time over an arm's, with its interval and what that is called."""

    value: float
    low: float
    high: float
    verdict: str
    """win, loss or tie, after Holm over the path's points."""


@dataclass(frozen=True)
class Point:
    """One amount on one path."""

    path: str
    amount: int
    unit: str
    libc_ns: float
    policy: Speed
    old_rule: Speed
    best: str
    """The kernel that did best; libc where none beats it."""
    best_speed: float
    processes: int


@dataclass(frozen=True)
class Paths:
    """What was measured."""

    points: tuple[Point, ...]
    noise: float
    """The A/A arm's error at its 95th percentile, as a log ratio."""
    interrupted: bool

    @property
    def losses(self) -> tuple[Point, ...]:
        """Where the policy is slower than libc beyond the margin."""
        return tuple(point for point in self.points if point.policy.verdict == "loss")


def widest_loop() -> str:
    """The kernel that "SIMD" means here: the plain loop of the widest vectors, four of them a turn."""
    loops = [kernel for kernel in copy.runnable() if kernel.family == "loop" and kernel.unroll == 4]
    plain = [kernel for kernel in loops if not (kernel.aligned or kernel.streaming or kernel.backward)]
    return max(plain, key=lambda kernel: kernel.width).name if plain else BASELINE


def old_rule() -> dict[str, Any]:
    """The old rule as a policy: SIMD below 4096 bytes, libc above."""
    rules = [{"high": OLD_BOUND, "kernel": widest_loop()}, {"kernel": BASELINE}]
    return {"classes": [{"mask": 0, "low": 0, "span": 1, "min_size": 0, "rules": rules}]}


def plain_policy(config: Config | None) -> dict[str, Any]:
    """The config's copy policy as the dispatcher reads it; libc for all sizes where there is no config."""
    if config is None:
        return {"classes": [{"mask": 0, "low": 0, "span": 1, "min_size": 0, "rules": [{"kernel": BASELINE}]}]}
    policy: dict[str, Any] = msgspec.to_builtins(config.policy)
    return policy


def measure_paths(
    names: Sequence[str],
    policy: dict[str, Any],
    machine: Machine,
    journal: Journal,
    *,
    budget: float,
    tier: Tier,
    seed: int,
    kernels: bool = True,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Paths:
    """Measure paths for about `budget` seconds, each its share.

    Args:
        names: which paths.
        policy: what the dispatcher obeys, as `kernels.dispatch.table_from` reads it.
        machine: this one.
        journal: takes every measured block.
        budget: seconds.
        tier: how densely.
        seed: of everything that is drawn.
        kernels: whether each kernel is tried too, or only libc, the old rule and the policy.
        on_progress: called after every block.
    """
    found: list[Point] = []
    heard: list[float] = []
    interrupted = False
    workers = replace(setup(machine), policies=(policy, old_rule()))
    for name in names:
        experiment = experiments.load(name)
        candidates = experiment.candidates if kernels else (lambda _block: ())
        blocks = experiment.blocks(world(machine), tier)
        schedule = Schedule(blocks, candidates, PACES[tier], seed, always=ARMS)
        outcome = measure(schedule, workers, journal, budget / len(names), on_progress)
        estimates = [estimate(block) for block in pair(samples(outcome.replies))]
        if estimates:
            floor = noise(estimates, machine.cycle_ns)
            heard.append(floor.p95)
            found += judge(name, experiment.axis.split()[0], estimates, floor)
        if outcome.interrupted:
            interrupted = True
            break
    return Paths(tuple(found), max(heard, default=0.0), interrupted)


def judge(path: str, unit: str, estimates: Sequence[Estimate], floor: Noise) -> list[Point]:
    """Every point of a path from its estimates."""
    margins = [floor.margin(each.block.size, each.block.baseline_ns) for each in estimates]
    speeds = {arm: _speeds(estimates, margins, arm) for arm in (POLICY, OLD_RULE)}
    points = []
    for index, each in enumerate(estimates):
        best, speed = _best(each)
        points.append(
            Point(
                path=path,
                amount=each.block.size,
                unit=unit,
                libc_ns=each.block.baseline_ns,
                policy=speeds[POLICY][index],
                old_rule=speeds[OLD_RULE][index],
                best=best,
                best_speed=speed,
                processes=int(each.processes[each.block.candidates.index(POLICY)]),
            )
        )
    return points


def _speeds(estimates: Sequence[Estimate], margins: Sequence[float], arm: str) -> list[Speed]:
    at = [each.block.candidates.index(arm) for each in estimates]
    tails = [
        (float(each.p_slower(margin)[column]), float(each.p_faster(margin)[column]))
        for each, margin, column in zip(estimates, margins, at, strict=True)
    ]
    slower, faster = (holm(np.array(values)) for values in zip(*tails, strict=True))
    made = []
    for index, (each, column) in enumerate(zip(estimates, at, strict=True)):
        low, high = each.interval(LEVEL)
        verdict = "loss" if slower[index] < 1 - LEVEL else "win" if faster[index] < 1 - LEVEL else "tie"
        value = math.exp(float(each.value[column]))
        made.append(Speed(value, math.exp(float(low[column])), math.exp(float(high[column])), verdict))
    return made


def _best(found: Estimate) -> tuple[str, float]:
    """The kernel with the best estimate among those that as many processes measured as the policy."""
    arms = {AA_ARM, POLICY, OLD_RULE}
    enough = found.processes[found.block.candidates.index(POLICY)] / 2
    known = [
        (float(found.value[column]), name)
        for column, name in enumerate(found.block.candidates)
        if name not in arms and found.processes[column] >= enough
    ]
    value, name = max(known)
    return name, math.exp(value)
