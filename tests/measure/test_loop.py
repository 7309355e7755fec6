"""The measuring loop: budget, Ctrl-C, crashes; and the A/A noise, without timing anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.experiment import AA_ARM, Block, Condition
from harness.machine import detect
from harness.measure import journal, noise, suite, sweep
from harness.measure.journal import Header, Journal
from harness.measure.protocol import Job, Reply, Setup
from harness.measure.runner import CandidateCrashed
from harness.measure.samples import samples
from harness.measure.schedule import PACES, Schedule
from harness.measure.sweep import Progress, measure
from tests.measure.replies import ARMS, reply

HEADER = Header("run", ("copy",), 1, 30.0, 0, "", {"key": "k"}, "0.1", "abc", "python -m harness sweep", 0.0)
SETUP = Setup(cpu=-1, cpus=(0,), l3=1 << 20, dram=1 << 20)
NAMES = ("libc", "fast", "bad")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Journal]:
    with Journal.create(tmp_path / "run", HEADER) as opened:
        yield opened


def plan() -> Schedule:
    return Schedule([Block("copy", Condition(), size) for size in (64, 512)], lambda _: NAMES, PACES[0], seed=1)


def answering(setup: Setup, jobs: Sequence[Job]) -> Iterator[Reply]:
    for job in jobs:
        yield reply(job, {"fast": 1.5, "bad": 0.5})


def test_measures_until_nothing_is_open(log: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "run_packet", answering)
    seen: list[Progress] = []
    outcome = measure(plan(), SETUP, log, 60.0, seen.append)
    assert outcome.settled
    assert not outcome.interrupted
    assert len(outcome.replies) == len(seen) >= 16
    assert seen[-1].done == seen[-1].planned
    assert len(journal.read(log.path.parent).replies) == len(seen)


def test_the_budget_ends_it(log: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "run_packet", answering)
    outcome = measure(plan(), SETUP, log, 0.0)
    assert (outcome.settled, outcome.replies) == (False, ())


def test_ctrl_c_keeps_what_was_measured(log: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(setup: Setup, jobs: Sequence[Job]) -> Iterator[Reply]:
        yield from answering(setup, jobs[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run_packet", interrupted)
    schedule = plan()
    outcome = measure(schedule, SETUP, log, 60.0)
    assert outcome.interrupted
    assert len(outcome.replies) == len(journal.read(log.path.parent).replies) == schedule.done == 1


def test_a_crashed_candidate_is_noted_and_left_out(log: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(setup: Setup, jobs: Sequence[Job]) -> Iterator[Reply]:
        for job in jobs:
            if "bad" in job.candidates:
                raise CandidateCrashed("bad", job.block, "SIGSEGV")
            yield reply(job, {"fast": 1.5})

    monkeypatch.setattr(sweep, "run_packet", crashing)
    outcome = measure(plan(), SETUP, log, 60.0)
    assert [event.candidate for event in outcome.events] == ["bad"]
    assert "bad crashed (SIGSEGV)" in outcome.events[0].text
    assert journal.read(log.path.parent).events == outcome.events
    assert outcome.settled
    assert all("bad" not in each.candidates for each in outcome.replies)


def test_a_crash_without_a_candidate_ends_the_run(log: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(setup: Setup, jobs: Sequence[Job]) -> Iterator[Reply]:
        raise CandidateCrashed("", jobs[0].block, "SIGKILL")
        yield

    monkeypatch.setattr(sweep, "run_packet", crashing)
    with pytest.raises(CandidateCrashed, match="SIGKILL"):
        measure(plan(), SETUP, log, 60.0)


def test_samples_are_one_row_a_batch() -> None:
    job = Job("copy/fixed,hot,page,once,1t/64", 3, 1, (*ARMS, "fast"), 4, 1.0)
    table = samples([reply(job, {"fast": 2.0})])
    assert len(table) == 4 * 3
    assert table[table["candidate"] == "fast"]["ns"].unique().tolist() == [50.0]
    assert set(table["process"]) == {3}
    assert samples([]).empty


def test_an_empty_run_has_no_suite() -> None:
    with pytest.raises(Exception, match="measured nothing yet"):
        suite.build([], HEADER)


def test_a_suite_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    built = suite.build([reply(Job("copy/fixed,hot,page,once,1t/64", 0, 1, ARMS, 2, 1.0), {})], HEADER)
    with pytest.raises(Exception, match="cannot be written"):
        suite.write(tmp_path / "none" / "suite.json", built)


def test_noise_of_a_still_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(noise, "run_packet", lambda _setup, jobs: [reply(job, {AA_ARM: 1.01}) for job in jobs])
    monkeypatch.setattr(noise.os, "getloadavg", lambda: (0.1, 0.1, 0.1))
    monkeypatch.setattr(noise, "STAT", tmp_path / "none")
    found = noise.measure(detect())
    assert found.aa_p95 == pytest.approx(math.log(1.01))
    assert found.between == 0.0
    assert found.stolen == 0.0
    assert [reason for reason in found.reasons if "one CPU" not in reason] == []


def test_a_noisy_machine_is_warned_of_with_reasons(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 800 0 0 0 0 0 0\n")

    def measured(_setup: Setup, jobs: Sequence[Job]) -> list[Reply]:
        stat.write_text("cpu  150 0 150 800 0 0 0 100 0 0\n")
        return [reply(job, {AA_ARM: 1.2}, libc_ns=100.0 * (1 + job.replicate)) for job in jobs]

    monkeypatch.setattr(noise, "STAT", stat)
    monkeypatch.setattr(noise, "run_packet", measured)
    monkeypatch.setattr(noise.os, "getloadavg", lambda: (64.0, 1.0, 1.0))
    found = noise.measure(detect())
    assert found.stolen == pytest.approx(0.5)
    assert found.between > 0.3
    for part in ("differ by up to", "hypervisor", "processes want"):
        assert any(part in reason for reason in found.reasons)
