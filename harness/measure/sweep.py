"""The measuring loop: packets from the schedule to fresh processes, results to the journal, within the budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.measure.journal import Event, Journal
from harness.measure.protocol import Job, Reply, Setup
from harness.measure.runner import CandidateCrashed, manager_elsewhere, run_packet
from harness.measure.schedule import Schedule


@dataclass(frozen=True)
class Progress:
    """Where a sweep stands."""

    done: int
    """Block runs measured."""
    planned: int
    elapsed: float
    """Seconds."""
    budget: float
    noise: float
    """The A/A arm's error so far at its 95th percentile, as a log ratio; NaN before the first block."""
    block: str
    """Block measured last."""


@dataclass(frozen=True)
class Outcome:
    """How the measuring ended."""

    interrupted: bool
    settled: bool
    """Whether nothing was left to measure; else the budget ended it."""
    seconds: float
    replies: tuple[Reply, ...]
    events: tuple[Event, ...]


def measure(
    schedule: Schedule,
    setup: Setup,
    journal: Journal,
    budget: float,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Outcome:
    """Measure until the schedule has nothing left, the budget (seconds) is spent, or Ctrl-C.

    Raises:
        JournalError: the journal cannot be written.
        WorkerError: the measuring process cannot do its work.
    """
    began = time.monotonic()
    events: list[Event] = []
    replies: list[Reply] = []
    interrupted = settled = False

    def take(reply: Reply) -> None:
        journal.reply(reply)
        schedule.record(reply)
        replies.append(reply)
        elapsed = time.monotonic() - began
        on_progress(Progress(schedule.done, schedule.planned, elapsed, budget, schedule.noise(), reply.block))

    with manager_elsewhere(setup.cpu):
        try:
            while not settled and (left := budget - (time.monotonic() - began)) > 0:
                jobs = schedule.packet(left)
                settled = not jobs
                events += _packet(schedule, setup, journal, jobs, take)
        except KeyboardInterrupt:
            interrupted = True
    return Outcome(interrupted, settled, time.monotonic() - began, tuple(replies), tuple(events))


def _packet(
    schedule: Schedule, setup: Setup, journal: Journal, jobs: Sequence[Job], take: Callable[[Reply], None]
) -> list[Event]:
    """Run one packet; a candidate that brings the process down is taken out of the run."""
    answered = 0
    try:
        for reply in run_packet(setup, jobs):
            take(reply)
            answered += 1
    except CandidateCrashed as crash:
        if not crash.candidate:
            raise
        event = Event(
            f"{crash.candidate} crashed ({crash.how}) in {crash.block} and is out of this run", crash.candidate
        )
        journal.event(event)
        schedule.drop(crash.candidate)
        return [event]
    finally:
        schedule.give_back(jobs[answered:])
    return []
