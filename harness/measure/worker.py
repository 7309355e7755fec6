"""The process that times things: `python -m harness.measure.worker`, one job a line in, one result a line out.

It imports the standard library and the compiled kernels only: start-up is paid by every fresh process. It measures one
block at a time, all candidates in random order, round after round, each batch timed inside C.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from harness.experiment import AA_ARM, BASELINE, PATHS, ZERO_SCAN, Block, Residency
from harness.measure.arena import Placement, WorkingSets, draw_offsets, place
from harness.measure.protocol import SPECIALISED, Job, Reply, Setup, line, policy_of
from kernels import copy, dispatch, zero_scan
from kernels._native import ffi, lib

NAME_WIDTH: Final = 64
CALIBRATION: Final = 1 / 8
"""Share of a batch's time that a candidate's unrecorded trial batch takes."""
MOST_CALLS: Final = 1 << 24


class Timer:
    """Times one block's candidates, on this thread or on as many as the condition says."""

    def __init__(self, block: Block, placements: list[Placement], cpus: tuple[int, ...]) -> None:
        self._placements = placements  # the memory that the batches point to
        self._single = placements[0].batch
        self._slots = placements[0].slots
        self._threads = len(placements)
        self._batches = ffi.new("struct xo_batch[]", [each.batch[0] for each in placements])
        self._pins = ffi.new("int[]", [cpus[index % len(cpus)] for index in range(len(placements))])
        self._cold = block.condition.residency is not Residency.HOT
        self._at = 0

    def new_round(self, rng: random.Random) -> None:
        """Begin where no predictor expects it; under a cold residency where no copy went lately."""
        if not self._cold:
            self._at = rng.randrange(self._slots)

    def run(self, address: int, calls: int) -> float:
        """Nanoseconds that `calls` calls of the function took.

        Raises:
            OSError: a copying thread could not be started.
        """
        if self._threads > 1:
            took = float(lib.xo_time_batches(address, self._batches, self._pins, self._threads, calls))
            if took < 0:
                raise OSError("a copying thread could not be started; raise the limit on processes (ulimit -u)")
            return took
        took = float(lib.xo_time_batch(address, self._single, self._at, calls))
        if self._cold:
            self._at = (self._at + calls) % self._slots
        return took


class PathTimer:
    """Times moves of one of the VM's memory paths."""

    def __init__(self, block: Block, offsets: tuple[int, int]) -> None:
        from kernels.vm.exercise import Exercise  # Few workers need the machine.

        self._exercise = Exercise(block.experiment, block.size, *offsets)

    def new_round(self, rng: random.Random) -> None:
        """Nothing to draw: a path's sizes and places are its own."""

    def run(self, address: int, calls: int) -> float:
        """Nanoseconds that `calls` moves took, copied by the function."""
        return self._exercise.time(address, calls)


def calibrate(timer: Timer | PathTimer, address: int, target_ns: float) -> tuple[int, float]:
    """Calls a batch needs to take about `target_ns`, and nanoseconds a call, from growing trial batches."""
    calls = 1
    while (took := timer.run(address, calls)) < target_ns * CALIBRATION and calls < MOST_CALLS:
        calls *= 2 if took * 8 > target_ns * CALIBRATION else 8
    each = max(took / calls, 1e-3)
    return max(1, min(MOST_CALLS, round(target_ns / each))), each


def resolve(name: str, header: str = "", experiment: str = "") -> int:
    """The address of a candidate's function, in the experiment's family of kernels.

    Raises:
        KernelError: there is no such candidate, or this CPU cannot run it.
    """
    if policy_of(name) is not None:
        return dispatch.address()
    if name == SPECIALISED:
        return dispatch.specialise(header).address
    kernel = BASELINE if name == AA_ARM else name
    return zero_scan.timed_address(kernel) if experiment == ZERO_SCAN else copy.address(kernel)


@dataclass(frozen=True)
class Lane:
    """A candidate within a block."""

    name: str
    address: int
    calls: int
    table: dispatch.Table | None
    """Policy to put in force before each batch, where there are several. All lanes then do that, the kernels' own too:
    what it leaves behind in the caches must not tell them apart."""

    def run(self, timer: Timer | PathTimer) -> float:
        """Nanoseconds a call of one batch."""
        if self.table is not None:
            dispatch.install(self.table)
        return timer.run(self.address, self.calls) / self.calls


def lanes_of(
    job: Job, setup: Setup, timer: Timer | PathTimer, announce: Callable[[str], None]
) -> tuple[list[Lane], dict[str, float]]:
    """Calibrate all candidates; those far behind the fastest are left out, with their nanoseconds a call."""
    tables = [dispatch.table_from(policy) for policy in setup.policies]
    experiment = Block.parse(job.block).experiment
    calibrate(
        timer, resolve(BASELINE, experiment=experiment), job.target_us * 1e3
    )  # warms caches and clock for the first one, too
    found: list[tuple[Lane, float]] = []
    for name in job.candidates:
        announce(name)
        address = resolve(name, setup.header, experiment)
        table = tables[policy_of(name) or 0] if tables else None
        if table is not None:
            dispatch.install(table)
        calls, each = calibrate(timer, address, job.target_us * 1e3)
        found.append((Lane(name, address, calls, table if len(tables) > 1 else None), each))
    limit = job.give_up * min(each for _, each in found)
    kept = [lane for lane, each in found if each <= limit or lane.name in job.keep]
    return kept, {lane.name: each for lane, each in found if lane not in kept}


def timer_for(block: Block, setup: Setup, rng: random.Random) -> tuple[Timer | PathTimer, tuple[int, int]]:
    """What times the block, and the offsets of source and destination that were drawn for it."""
    if block.experiment in PATHS:
        offsets = draw_offsets(block, rng)
        return PathTimer(block, offsets), offsets
    sets = WorkingSets(setup.l3, setup.dram)
    placements = [place(block, sets, rng) for _ in range(block.condition.threads)]
    return Timer(block, placements, setup.cpus), (placements[0].src_offset, placements[0].dst_offset)


def measure(job: Job, setup: Setup, announce: Callable[[str], None]) -> Reply:
    """Time one block in this process."""
    started = time.time()
    rng = random.Random(job.seed)
    block = Block.parse(job.block)
    timer, offsets = timer_for(block, setup, rng)
    lanes, left_out = lanes_of(job, setup, timer, announce)
    rows = []
    for _ in range(job.rounds):
        timer.new_round(rng)
        times = {}
        for lane in rng.sample(lanes, len(lanes)):
            announce(lane.name)
            times[lane.name] = lane.run(timer)
        rows.append([times[lane.name] for lane in lanes])
    return Reply(
        block=job.block,
        replicate=job.replicate,
        seed=job.seed,
        src_offset=offsets[0],
        dst_offset=offsets[1],
        candidates=[lane.name for lane in lanes],
        calls=[lane.calls for lane in lanes],
        ns=rows,
        left_out=left_out,
        started=started,
        took=time.time() - started,
    )


def announcer(path: str) -> Callable[[str], None]:
    """Writes which candidate is under way to a file, so that a crash can be laid at its door."""
    if not path:
        return lambda _name: None
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def announce(name: str) -> None:
        os.pwrite(descriptor, name.encode().ljust(NAME_WIDTH), 0)

    return announce


def main() -> int:
    """Serve jobs until the input ends."""
    setup = Setup(**json.loads(sys.stdin.readline()))
    if setup.cpu >= 0:
        os.sched_setaffinity(0, {setup.cpu})
    announce = announcer(setup.announce)
    for text in sys.stdin:
        sys.stdout.write(line(measure(Job(**json.loads(text)), setup, announce)))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
