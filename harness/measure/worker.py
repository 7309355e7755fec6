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
from typing import Any, Final

from harness.experiment import AA_ARM, BASELINE, Block, Residency
from harness.measure.arena import Placement, WorkingSets, place
from harness.measure.protocol import DISPATCH, SPECIALISED, Job, Reply, Setup, line
from kernels import copy, dispatch
from kernels._native import ffi, lib

NAME_WIDTH: Final = 64
CALIBRATION: Final = 1 / 8
"""Share of a batch's time that a candidate's first, unrecorded batch takes."""


@dataclass(frozen=True)
class Timer:
    """How one block's candidates are timed: nanoseconds of so many calls from a slot on."""

    run: Callable[[int, int, int], float]
    slots: int
    cold: bool
    """Whether each call needs an address that no call before it has used lately."""


def resolve(name: str, header: str = "") -> int:
    """The address of a candidate's function.

    Raises:
        KernelError: there is no such candidate, or this CPU cannot run it.
    """
    if name == DISPATCH:
        return dispatch.address()
    if name == SPECIALISED:
        return dispatch.specialise(header).address
    return copy.address(BASELINE if name == AA_ARM else name)


def timer(block: Block, placements: list[Placement], cpus: tuple[int, ...]) -> Timer:
    """The timing function for a block: on this thread, or on as many as the condition says."""
    first = placements[0]
    cold = block.condition.residency is not Residency.HOT
    if block.condition.threads == 1:
        return Timer(lambda fn, at, calls: float(lib.xo_time_batch(fn, first.batch, at, calls)), first.slots, cold)
    batches = ffi.new("struct xo_batch[]", [each.batch[0] for each in placements])
    pins = ffi.new("int[]", [cpus[index % len(cpus)] for index in range(len(placements))])

    def run(fn: int, _at: int, calls: int) -> float:
        took = float(lib.xo_time_batches(fn, batches, pins, len(placements), calls))
        if took < 0:
            raise OSError("a copying thread could not be started; lower the limit on threads or sweep with --threads 1")
        return took

    return Timer(run, first.slots, cold)


def calibrate(timing: Timer, address: int, target_ns: float) -> tuple[int, float]:
    """Calls a batch needs to take about `target_ns`, and nanoseconds a call, from growing trial batches."""
    calls, took = 1, 0.0
    while True:
        took = timing.run(address, 0, calls)
        if took >= target_ns * CALIBRATION or calls >= 1 << 24:
            break
        calls *= 2 if took * 8 > target_ns * CALIBRATION else 8
    each = max(took / calls, 1e-3)
    return max(1, min(1 << 24, round(target_ns / each))), each


@dataclass(frozen=True)
class Lane:
    """A candidate within a block."""

    name: str
    address: int
    calls: int


def lanes_of(job: Job, setup: Setup, timing: Timer, announce: Callable[[str], None]) -> tuple[list[Lane], dict[str, float]]:
    """Calibrate all candidates; those far behind the fastest are left out, with their time."""
    found: list[tuple[Lane, float]] = []
    for name in job.candidates:
        announce(name)
        address = resolve(name, setup.header)
        calls, each = calibrate(timing, address, job.target_us * 1e3)
        found.append((Lane(name, address, calls), each))
    limit = job.give_up * min(each for _, each in found)
    kept = [lane for lane, each in found if each <= limit or lane.name in job.keep]
    return kept, {lane.name: each for lane, each in found if lane not in kept}


def measure(job: Job, setup: Setup, announce: Callable[[str], None]) -> Reply:
    """Time one block in this process."""
    started = time.time()
    rng = random.Random(job.seed)
    block = Block.parse(job.block)
    sets = WorkingSets(setup.l3, setup.dram)
    placements = [place(block, sets, rng) for _ in range(block.condition.threads)]
    timing = timer(block, placements, setup.cpus)
    lanes, left_out = lanes_of(job, setup, timing, announce)
    columns = {lane.name: index for index, lane in enumerate(lanes)}
    rows = []
    cold_at = 0
    for _ in range(job.rounds):
        row = [0.0] * len(lanes)
        hot_at = rng.randrange(timing.slots)
        for lane in rng.sample(lanes, len(lanes)):
            announce(lane.name)
            row[columns[lane.name]] = timing.run(lane.address, cold_at if timing.cold else hot_at, lane.calls) / lane.calls
            cold_at = (cold_at + lane.calls) % timing.slots
        rows.append(row)
    return Reply(
        block=job.block,
        replicate=job.replicate,
        seed=job.seed,
        src_offset=placements[0].src_offset,
        dst_offset=placements[0].dst_offset,
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
    if setup.policy is not None:
        dispatch.install(dispatch.table_from(setup.policy))
    announce = announcer(setup.announce)
    for text in sys.stdin:
        sys.stdout.write(line(measure(Job(**json.loads(text)), setup, announce)))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
