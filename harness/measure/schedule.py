"""What to measure next: pure decisions from what has been measured so far.

Every block is first seen with all its candidates, briefly; the clear losers are then dropped, and the others measured
in more fresh processes, first up to a number that grows as sizes shrink (between processes small copies spread most),
then where the verdict is still open. Around sizes where the winner changes new sizes are added. The final statistics
are not made here: these medians only steer.
"""

from __future__ import annotations

import math
import random
import statistics
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from harness.experiment import AA_ARM, BASELINE, Block, Residency
from harness.measure.protocol import Job, Reply

PACKET_SECONDS: Final = 0.8
"""Work given to one process: enough that its start-up does not matter."""
SCOUTS: Final = 2
"""Processes that see all candidates of a block before the field is narrowed to the contenders."""
CONTENDERS: Final = 4
"""Candidates of a block's own that go on after the scouts."""
FINALISTS: Final = 5
"""Candidates that are measured in all blocks of about one size."""
GIVE_UP: Final = 1.6
"""A scout leaves out candidates this many times slower than the fastest in calibration."""
SCOUT_BAND: Final = 1.25
"""After the first process, candidates this much slower than the best are dropped."""
BAND: Final = 1.10
"""After the scouts, candidates this much slower than the best are dropped."""
SETTLED: Final = 0.01
"""Standard error of a log ratio below which more processes would not change a verdict."""
MARGIN: Final = 0.02
COSTLY: Final = 0.3
"""Seconds from which a block run counts against the costly ones' share of the budget."""
DRAM_SECONDS: Final = 0.8
"""What mapping a working set larger than the last-level cache takes, once a process."""
BISECTED_GAP: Final = 1.06
"""Neighbouring sizes closer than this ratio are not bisected further."""
HUGE: Final = 64 << 20
"""Bytes from which a block's candidates are those that did well at the next smaller size."""
DRAM_JOBS: Final = 6
"""Blocks in DRAM that share one process, once it has mapped the memory."""
ALWAYS: Final = (BASELINE, AA_ARM)


@dataclass(frozen=True)
class Pace:
    """How thoroughly a tier measures."""

    processes: Callable[[int], int]
    """Processes for a size before open verdicts are looked at."""
    most: int
    """Processes for a block at the most."""
    rounds: int
    target_us: float


def _processes(small: int, middle: int, large: int, huge: int) -> Callable[[int], int]:
    def wanted(size: int) -> int:
        for bound, count in ((512, small), (64 << 10, middle), (256 << 20, large)):
            if size <= bound:
                return count
        return huge

    return wanted


PACES: Final = (
    Pace(_processes(8, 8, 5, 3), 12, 7, 100.0),
    Pace(_processes(12, 14, 6, 3), 24, 9, 150.0),
    Pace(_processes(20, 20, 12, 6), 40, 15, 300.0),
)
"""By tier."""


@dataclass
class BlockState:
    """What is known of a block so far."""

    block: Block
    candidates: tuple[str, ...]
    started: int = 0
    """Processes that have measured it or are about to."""
    seconds: float = 0.0
    """How long the last one took; 0 before the first."""
    ratios: dict[str, list[float]] = field(default_factory=dict)
    """By candidate: one median log(libc / candidate) a process."""

    def add(self, reply: Reply) -> None:
        """Take in what one process measured."""
        self.seconds = reply.took
        columns = dict(zip(reply.candidates, zip(*reply.ns, strict=True), strict=True))
        libc = columns[BASELINE]
        for name, times in columns.items():
            paired = [math.log(base / ns) for base, ns in zip(libc, times, strict=True)]
            self.ratios.setdefault(name, []).append(statistics.median(paired))
        libc_ns = statistics.median(libc)
        for name, ns in reply.left_out.items():
            self.ratios.setdefault(name, []).append(math.log(libc_ns / ns))

    def centre(self, name: str) -> float:
        """Median over processes of a candidate's log ratio."""
        return statistics.median(self.ratios[name])

    def ranked(self) -> list[str]:
        """Candidates measured so far but the two baselines, fastest first."""
        return sorted((name for name in self.ratios if name not in ALWAYS), key=self.centre, reverse=True)

    def best(self) -> str:
        """The fastest candidate so far; libc where nothing beats it by the margin."""
        ranked = self.ranked()
        return ranked[0] if ranked and self.centre(ranked[0]) > MARGIN else BASELINE

    def near(self, band: float) -> list[str]:
        """Candidates at most `band` times slower than the best, fastest first; libc can be the best."""
        ranked = self.ranked()
        top = max((self.centre(name) for name in ranked[:1]), default=0.0)
        return [name for name in ranked if self.centre(name) >= max(top, 0.0) - math.log(band)]

    def doubt(self) -> float:
        """How open the verdict is: the standard error of the leader's log ratio, 0 once that is beyond question."""
        leader = (self.ranked() or [AA_ARM])[0]
        values = self.ratios[leader]
        if len(values) < 2:
            return math.inf
        error = statistics.stdev(values) / math.sqrt(len(values))
        settled = error < SETTLED or abs(abs(self.centre(leader)) - MARGIN) > 4 * error
        return 0.0 if settled else error


def guess_seconds(state: BlockState) -> float:
    """How long the next process will take with this block."""
    if state.seconds:
        return state.seconds
    block = state.block
    copying = block.size / 8e9 * min(len(state.candidates), 12) * 4
    mapping = DRAM_SECONDS if _in_dram(state) else 2 * block.size / 1e9
    return 0.02 + copying + mapping


def _in_dram(state: BlockState) -> bool:
    return state.block.condition.residency is Residency.DRAM


class Schedule:
    """The state of a sweep's plan. Deterministic in its seed and in the order of what is recorded."""

    def __init__(
        self,
        blocks: Iterable[Block],
        candidates: Callable[[Block], tuple[str, ...]],
        pace: Pace,
        seed: int,
        bisected: frozenset[str] = frozenset(),
        always: tuple[str, ...] = ALWAYS,
        costly_seconds: float = math.inf,
    ) -> None:
        """Plan these blocks.

        Args:
            blocks: first pass.
            candidates: names of what is compared in a block.
            pace: thoroughness.
            seed: what every draw derives from.
            bisected: keys of conditions to which sizes are added where the winner changes.
            always: candidates that are measured whatever their times.
            costly_seconds: what blocks that take long may take together, so that they leave time for the others.
        """
        self._candidates = candidates
        self._pace = pace
        self._seed = seed
        self._bisected = bisected
        self._always = always
        self._costly_left = costly_seconds
        self._dropped: set[str] = set()
        self.states: dict[str, BlockState] = {}
        for block in blocks:
            self._add(block)

    def _add(self, block: Block) -> None:
        names = tuple(name for name in self._candidates(block) if name not in self._dropped)
        self.states[block.key] = BlockState(block, names)

    def drop(self, candidate: str) -> None:
        """Take a candidate out of the rest of the run: it crashed."""
        self._dropped.add(candidate)
        for state in self.states.values():
            state.candidates = tuple(name for name in state.candidates if name != candidate)

    def record(self, reply: Reply) -> None:
        """Take in a measured block; one that the plan does not hold joins it."""
        if reply.block not in self.states:
            self._add(Block.parse(reply.block))
        state = self.states[reply.block]
        state.add(reply)
        if reply.took > COSTLY:
            self._costly_left -= reply.took
        state.started = max(state.started, reply.replicate + 1)

    def sizes(self) -> frozenset[int]:
        """Every size that has been measured, bytes."""
        return frozenset(state.block.size for state in self.states.values() if state.ratios)

    @property
    def done(self) -> int:
        """Block runs measured or under way."""
        return sum(min(state.started, self._wanted(state)) for state in self.states.values())

    @property
    def planned(self) -> int:
        """Block runs that the plan asks for, before open verdicts."""
        return sum(self._wanted(state) for state in self.states.values())

    def _wanted(self, state: BlockState) -> int:
        return self._pace.processes(state.block.size)

    def packet(self, seconds: float) -> list[Job]:
        """Jobs for the next process, empty when nothing is left that fits into so many seconds.

        A block appears once, so that its replicates come from different processes.
        """
        jobs: list[Job] = []
        room, mapped = PACKET_SECONDS, False
        for state in self._queue():
            rides = mapped and _in_dram(state)
            cost = guess_seconds(state) - (DRAM_SECONDS if rides else 0.0)
            if cost > min(seconds, self._costly_left if cost > COSTLY else seconds):
                continue
            if jobs and ((cost > room and not rides) or state.block.size >= HUGE):
                continue
            jobs.append(self._job(state))
            room -= cost
            seconds -= cost
            mapped = mapped or _in_dram(state)
            if room <= 0 and not (mapped and len(jobs) < DRAM_JOBS):
                break
        random.Random(f"{self._seed}/{len(jobs)}").shuffle(jobs)
        return jobs

    def _queue(self) -> Sequence[BlockState]:
        """Blocks that want another process, most wanted first; bisects when all have what they want."""
        affordable = [state for state in self.states.values() if self._affordable(state)]
        short = [state for state in affordable if state.started < self._wanted(state)]
        if not short and self._bisect():
            return self._queue()
        if short:
            return sorted(short, key=self._turn)
        doubtful = [(state.doubt(), state) for state in affordable if state.started < self._pace.most]
        return [state for doubt, state in sorted(doubtful, key=lambda pair: -pair[0]) if doubt > 0]

    def _turn(self, state: BlockState) -> tuple[bool, float, int]:
        """Costly ones last and ascending, for each learns of the last; else fewest processes first, then at random.

        Blocks in DRAM stand together: mapping their memory is what takes long.
        """
        share = state.started / self._wanted(state)
        if state.block.size >= HUGE:
            return True, share, state.block.size
        return _in_dram(state), share, zlib.crc32(state.block.key.encode())

    def _affordable(self, state: BlockState) -> bool:
        return guess_seconds(state) <= max(COSTLY, self._costly_left)

    def _bisect(self) -> bool:
        """Add a size between neighbours with different winners; False where there is none to add."""
        added = False
        for key in sorted(self._bisected):
            along = sorted(
                (state for state in self.states.values() if state.block.condition.key == key),
                key=lambda s: s.block.size,
            )
            for low, high in pairwise(along):
                if _turns(low, high) and high.block.size > low.block.size * BISECTED_GAP:
                    middle = round(math.sqrt(low.block.size * high.block.size)) | 1
                    if low.block.size < middle < high.block.size:
                        self._add(Block(low.block.experiment, low.block.condition, middle))
                        added = True
        return added

    def _field(self, state: BlockState) -> tuple[str, ...]:
        """Candidates for a block's next process."""
        if state.started == 0:
            chosen = self._inherited(state)
        elif state.started < SCOUTS:
            chosen = state.near(SCOUT_BAND)
        else:
            chosen = list(dict.fromkeys([*state.near(BAND)[:CONTENDERS], *self._finalists(state.block.size)]))
        return (*self._always, *(name for name in chosen if name in state.candidates and name not in self._always))

    def _finalists(self, size: int) -> list[str]:
        """The best over all blocks within an octave, whatever the condition: among them is decided who may serve."""
        around = [
            other.ratios
            for other in self.states.values()
            if len(other.ratios.get(AA_ARM, ())) >= SCOUTS and size / 2 <= other.block.size <= size * 2
        ]
        seen: dict[str, list[float]] = {}
        for ratios in around:
            for name, values in ratios.items():
                seen.setdefault(name, []).append(statistics.median(values))
        common = [name for name, values in seen.items() if len(values) * 2 > len(around) and name not in ALWAYS]
        return sorted(common, key=lambda name: -statistics.fmean(seen[name]))[:FINALISTS]

    def _inherited(self, state: BlockState) -> Sequence[str]:
        """All candidates; of a huge copy those that were near the best at the next smaller size."""
        block = state.block
        smaller = [
            other
            for other in self.states.values()
            if other.ratios and other.block.condition == block.condition and HUGE / 2 <= other.block.size < block.size
        ]
        if block.size < HUGE or not smaller:
            return state.candidates
        return max(smaller, key=lambda other: other.block.size).near(SCOUT_BAND)[:CONTENDERS]

    def give_back(self, jobs: Iterable[Job]) -> None:
        """Undo the promise of jobs that were not measured."""
        for job in jobs:
            self.states[job.block].started -= 1

    def noise(self) -> float:
        """The A/A arm's error so far: 95th percentile of its absolute log ratio over blocks; NaN before any."""
        errors = sorted(abs(state.centre(AA_ARM)) for state in self.states.values() if state.ratios)
        return errors[min(len(errors) - 1, round(0.95 * len(errors)))] if errors else math.nan

    def _job(self, state: BlockState) -> Job:
        candidates = self._field(state)
        replicate = state.started
        state.started += 1
        scouting = replicate < SCOUTS
        return Job(
            block=state.block.key,
            replicate=replicate,
            seed=zlib.crc32(f"{self._seed}/{state.block.key}/{replicate}".encode()),
            candidates=candidates,
            rounds=rounds_for(state.block.size, 5 if scouting else self._pace.rounds),
            target_us=100.0 if scouting else self._pace.target_us,
            give_up=GIVE_UP if scouting else math.inf,
            keep=self._always,
        )


def _turns(low: BlockState, high: BlockState) -> bool:
    """Whether the verdict against libc, or clearly the winner, differs between neighbouring sizes."""
    if not (low.ratios and high.ratios):
        return False
    first, second = low.best(), high.best()
    if first == second:
        return False
    if BASELINE in (first, second):
        return True
    return low.ratios.get(second) is None or low.centre(first) - low.centre(second) > MARGIN


def rounds_for(size: int, rounds: int) -> int:
    """Fewer rounds where one call takes milliseconds."""
    if size >= 128 << 20:
        return min(rounds, 3)
    return min(rounds, 5) if size >= 8 << 20 else rounds
