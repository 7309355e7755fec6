"""How noisy the machine is now: the A/A arm over a second or two, and what the system says of its load."""

from __future__ import annotations

import math
import os
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.experiment import AA_ARM, BASELINE, Block, Condition, Offsets
from harness.machine import Machine, clock_resolution
from harness.measure.protocol import Job, Reply
from harness.measure.runner import run_packet, setup

STAT: Final = Path("/proc/stat")
SIZES: Final = (64, 512, 4096, 65536)
PROCESSES: Final = 3
ROUNDS: Final = 21
NOISY: Final = 0.03
"""A/A error from which a person is warned."""
STOLEN: Final = 0.02
"""Share of CPU time taken by other guests from which a person is warned."""


@dataclass(frozen=True)
class Noise:
    """What was found."""

    aa_p95: float
    """95th percentile, over rounds, of |log(libc / libc)|: two adjacent batches of one kernel."""
    between: float
    """Standard deviation between processes of libc's log time a copy, worst size: why one process is not enough."""
    clock_ns: float
    """Smallest step of the clock."""
    stolen: float
    """Share of CPU time that the hypervisor gave to others meanwhile."""
    load: float
    """Runnable processes over the last minute, a CPU allowed."""
    reasons: tuple[str, ...]
    """Why figures taken now deserve less trust; empty where they do not."""


def measure(machine: Machine) -> Noise:
    """Time libc against itself in a few fresh processes, for about a second."""
    before = _cpu_times()
    replies = [reply for process in range(PROCESSES) for reply in run_packet(setup(machine), _jobs(process))]
    stolen = _stolen(before, _cpu_times())
    load = os.getloadavg()[0] / machine.cpus
    found = aa_p95(replies)
    return Noise(found, _between(replies), clock_resolution(), stolen, load, _reasons(found, stolen, load, machine))


def aa_p95(replies: list[Reply]) -> float:
    """95th percentile of the absolute log ratio of paired batches of the baseline and its double."""
    errors = sorted(
        abs(math.log(row[reply.candidates.index(BASELINE)] / row[reply.candidates.index(AA_ARM)]))
        for reply in replies
        for row in reply.ns
    )
    return errors[min(len(errors) - 1, math.ceil(0.95 * len(errors)) - 1)]


def _jobs(process: int) -> list[Job]:
    arms = (BASELINE, AA_ARM)
    return [
        Job(
            Block("noise", Condition(offsets=Offsets.PAGE), size).key,
            process,
            1000 * process + size,
            arms,
            ROUNDS,
            200.0,
            keep=arms,
        )
        for size in SIZES
    ]


def _between(replies: list[Reply]) -> float:
    spread = []
    for size in SIZES:
        times = [
            math.log(statistics.median(row[0] for row in reply.ns))
            for reply in replies
            if Block.parse(reply.block).size == size
        ]
        spread.append(statistics.stdev(times))
    return max(spread)


def _cpu_times() -> tuple[int, int]:
    """(stolen, all) clock ticks of all CPUs since boot; zeros where the system does not count."""
    try:
        fields = [int(field) for field in STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return (fields[7] if len(fields) > 7 else 0), sum(fields)


def _stolen(before: tuple[int, int], after: tuple[int, int]) -> float:
    return (after[0] - before[0]) / max(1, after[1] - before[1])


def _reasons(aa: float, stolen: float, load: float, machine: Machine) -> tuple[str, ...]:
    found = []
    if aa > NOISY:
        found.append(f"two runs of the same copy differ by up to {aa:.1%}; stop other work on this machine")
    if stolen > STOLEN:
        found.append(f"the hypervisor gave {stolen:.1%} of the CPU time to other guests")
    if load > 1:
        found.append(f"{load * machine.cpus:.1f} processes want {machine.cpus} CPUs; wait until they are done")
    if machine.cpus < 2:
        found.append("there is one CPU: the harness itself disturbs what it measures")
    return tuple(found)
