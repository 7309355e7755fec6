"""What the loop measures with: copies through the dispatcher in fresh workers, guests and services in turn."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np

import experiments
from experiments import Tier
from harness.analysis.estimate import Estimate, estimate
from harness.analysis.noise import noise
from harness.analysis.pairing import PairedBlock, pair, process_medians
from harness.analysis.profile import Profile
from harness.experiment import AA_ARM, BASELINE, PATHS, Block, Condition, Offsets, Sizes
from harness.guests import GUESTS
from harness.machine import Machine
from harness.measure.journal import Journal
from harness.measure.protocol import DISPATCH, dispatch_under
from harness.measure.runner import limits, setup
from harness.measure.samples import samples
from harness.measure.schedule import Pace, Schedule
from harness.measure.sweep import Progress, measure
from harness.optimize.decision import Difference
from harness.optimize.machine import guest_seconds, service_seconds
from harness.optimize.review import Observation
from harness.optimize.settings import BANDS, Settings, bounds
from harness.sweep import world
from kernels import dispatch
from kernels.vm.guest import build

AFTER: Final = dispatch_under(1)
LAST_GUEST: Final = "mixed"
REVIEW_PACE: Final = Pace(lambda _size: 5, 6, 5, 100.0)
VERIFY_PACE: Final = Pace(lambda size: 12 if size < 8 << 20 else 5, 16, 7, 100.0)
REVIEW_SECONDS: Final = 75.0
VERIFY_SECONDS: Final = 14.0
PATH_SECONDS: Final = 4.0
PAIRS: Final = 12
"""Of guest or service runs."""
LARGEST: Final = 128 << 20


class Measurer(Protocol):
    """How the loop learns; tests put a made-up one in its place."""

    def review(self, settings: Settings, seed: int) -> tuple[tuple[Observation, ...], float]:
        """Every candidate beside the settings, and the noise (A/A, as a log ratio)."""

    def compare(
        self, before: Settings, after: Settings, areas: Sequence[str], seed: int
    ) -> tuple[tuple[Difference, ...], float]:
        """What a change did to each area, and the noise."""


def blocks_of(area: str, memory: int, seed: int) -> tuple[Block, ...]:
    """Blocks for an area of copies, drawn from the seed: sizes that no earlier round has seen, mostly."""
    rng = random.Random(f"{seed}/{area}")
    what = area.partition(":")[2]
    drawn = _near(rng) if what == "near" else _mixed(rng) if what == "mixed" else _band(int(what), rng)
    return tuple(block for block in drawn if 2 * block.size <= memory)


def _near(rng: random.Random) -> Iterator[Block]:
    for low, high in ((2200, 6000), (6000, 20_000), (20_000, 500_000)):
        yield Block("optimize", Condition(offsets=Offsets.DELTA, delta=rng.randint(1, 15)), _draw(rng, low, high))


def _mixed(rng: random.Random) -> Iterator[Block]:
    for bound in (64, 200, 1000, 5000):
        yield Block("optimize", Condition(sizes=Sizes.LOGUNIFORM), bound + rng.randrange(bound // 4))


def _band(band: int, rng: random.Random) -> Iterator[Block]:
    low, high = bounds(band)
    high = min(high, LARGEST)
    yield Block("optimize", Condition(), _draw(rng, max(low, 1), high))
    yield Block("optimize", Condition(), _draw(rng, max(low, 1), high))
    yield Block("optimize", Condition(offsets=Offsets.PAGE), _draw(rng, max(low, 1), high))
    if high <= 1026:
        yield Block("optimize", Condition(sizes=Sizes.UNIFORM), high - 1)


def _draw(rng: random.Random, low: int, high: int) -> int:
    return min(high - 1, round(math.exp(rng.uniform(math.log(low), math.log(high)))))


@dataclass(frozen=True)
class RealMeasurer:
    """The machine itself."""

    machine: Machine
    journal: Journal
    profile: Profile
    on_progress: Callable[[str, Progress], None] = lambda _step, _progress: None

    def review(self, settings: Settings, seed: int) -> tuple[tuple[Observation, ...], float]:
        """Every copy kernel in every band, beside the dispatcher under the settings."""
        memory = limits(self.machine).memory
        areas = {f"copy:{band}": blocks_of(f"copy:{band}", memory, seed) for band in range(len(BANDS))}
        areas["copy:near"] = blocks_of("copy:near", memory, seed)
        candidates = experiments.load("copy").candidates
        workers = replace(setup(self.machine), policies=(settings.policy(),))
        every = dict.fromkeys(block for blocks in areas.values() for block in blocks)
        schedule = Schedule(every, candidates, REVIEW_PACE, seed, always=(BASELINE, AA_ARM, DISPATCH))
        outcome = measure(schedule, workers, self.journal, REVIEW_SECONDS, lambda p: self.on_progress("review", p))
        if outcome.interrupted:
            raise KeyboardInterrupt
        found = {(block.condition, block.size): block for block in pair(samples(outcome.replies))}
        seen: list[Observation] = []
        for area, blocks in areas.items():
            measured = [found[key] for block in blocks if (key := (block.condition.key, block.size)) in found]
            if measured:
                seen += observe(area, measured, self._weight(area))
        return tuple(seen), _noise([estimate(block) for block in found.values()], self.machine.cycle_ns)

    def _weight(self, area: str) -> float:
        """The share of bytes and of calls that the profile has there, whichever is larger."""
        what = area.partition(":")[2]
        low, high = (2112, 1 << 20) if what == "near" else bounds(int(what))
        return max(self.profile.call_share(max(low, 1), high), self.profile.byte_share(max(low, 1), high))

    def compare(
        self, before: Settings, after: Settings, areas: Sequence[str], seed: int
    ) -> tuple[tuple[Difference, ...], float]:
        """Copies and paths paired in fresh workers; guests and services paired in turn."""
        memory = limits(self.machine).memory
        copies = {area: blocks_of(area, memory, seed) for area in areas if area.startswith("copy:")}
        paths = [area for area in areas if area.startswith("path:")]
        others = [area for area in areas if area.startswith(("guest:", "service:"))]
        differences, heard = self._paired(before, after, copies, seed, VERIFY_SECONDS) if copies else ((), 0.0)
        for area in paths:  # one at a time: two paths may have blocks of one size
            blocks = {area: experiments.load(area.partition(":")[2]).blocks(world(self.machine), Tier.FAST)}
            differences += self._paired(before, after, blocks, seed, PATH_SECONDS)[0]
        return (*differences, *(_runs(area, before, after) for area in others)), heard

    def _paired(
        self, before: Settings, after: Settings, blocks: Mapping[str, tuple[Block, ...]], seed: int, seconds: float
    ) -> tuple[tuple[Difference, ...], float]:
        """Blocks by area through the dispatcher under both policies, in fresh workers."""
        workers = replace(setup(self.machine), policies=(before.policy(), after.policy()))
        every = dict.fromkeys(block for drawn in blocks.values() for block in drawn)
        schedule = Schedule(every, lambda _block: (), VERIFY_PACE, seed, always=(BASELINE, AA_ARM, DISPATCH, AFTER))
        outcome = measure(schedule, workers, self.journal, seconds, lambda p: self.on_progress("verify", p))
        if outcome.interrupted:
            raise KeyboardInterrupt
        found = {(block.condition, block.size): block for block in pair(samples(outcome.replies))}
        made = []
        for area, drawn in blocks.items():
            measured = [found[key] for block in drawn if (key := (block.condition.key, block.size)) in found]
            difference = changed(area, measured)
            if difference is not None:
                made.append(difference)
        return tuple(made), _noise([estimate(block) for block in found.values()], self.machine.cycle_ns)


def _noise(estimates: Sequence[Estimate], cycle_ns: float) -> float:
    return noise(estimates, cycle_ns).p95 if estimates else 0.0


def observe(area: str, blocks: Sequence[PairedBlock], weight: float) -> Iterator[Observation]:
    """Each kernel that all of the area's blocks know, beside the dispatcher, over these blocks."""
    common = set.intersection(*(set(block.candidates) for block in blocks)) - {AA_ARM, DISPATCH}
    for name in sorted(common):
        pooled = _pooled(blocks, name, DISPATCH)
        if pooled is not None:
            gain, error, samples_ = pooled
            half = Difference(area, gain, error, samples_).bound(0.05)
            yield Observation(area, name, gain, gain - half, gain + half, weight)


def changed(area: str, blocks: Sequence[PairedBlock]) -> Difference | None:
    """The settings after against those before, over the area's blocks; None where nothing was measured twice."""
    pooled = _pooled(blocks, AFTER, DISPATCH)
    return None if pooled is None else Difference(area, *pooled)


def _pooled(blocks: Sequence[PairedBlock], name: str, beside: str) -> tuple[float, float, int] | None:
    """Mean log ratio over blocks with its standard error, and the fewest processes of a block; None below two.

    Each block's processes are independent, and so are blocks: the error of the mean of means.
    """
    means, variances, counts = [], [], []
    for block in blocks:
        medians = process_medians(block)
        values = medians[:, block.candidates.index(name)] - medians[:, block.candidates.index(beside)]
        values = values[~np.isnan(values)]
        if len(values) < 2:
            return None
        means.append(float(values.mean()))
        variances.append(float(values.var(ddof=1)) / len(values))
        counts.append(len(values))
    if not means:
        return None
    return float(np.mean(means)), math.sqrt(sum(variances)) / len(means), min(counts)


@contextmanager
def _in_force(settings: Settings) -> Iterator[None]:
    dispatch.install(dispatch.table_from(settings.policy()))
    try:
        yield
    finally:
        dispatch.reset()


def _runs(area: str, before: Settings, after: Settings) -> Difference:
    """A guest or a service under both settings in turn, round after round."""
    kind, _, name = area.partition(":")
    with tempfile.TemporaryDirectory(prefix="crossover-") as folder:
        elf = build(name if kind == "guest" else "sort", Path(folder))
        timed = guest_seconds if kind == "guest" else service_seconds
        logs = []
        for turn in range(PAIRS + 1):
            took = {}
            for arm in (before, after) if turn % 2 else (after, before):
                with _in_force(arm):
                    took[arm is after] = timed(name, elf, arm)
            if turn:  # the first round warms caches
                logs.append(math.log(took[False] / took[True]))
    values = np.array(logs)
    return Difference(area, float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)), len(values))


def every_area() -> tuple[str, ...]:
    """All that a last comparison looks at."""
    copies = (*(f"copy:{band}" for band in range(len(BANDS))), "copy:near", "copy:mixed")
    guests = tuple(f"guest:{name}" for name in (*GUESTS, LAST_GUEST))
    paths = (f"path:{name}" for name in PATHS)
    return (*copies, *paths, *guests, "service:snapshot", "service:migrate")
