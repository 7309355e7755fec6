"""Real worker processes: what they answer, and what is said of those that die."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest

from harness.config.header import thresholds_h
from harness.experiment import AA_ARM, BASELINE, PAGE, Block, Condition, Offsets, Residency, Sizes
from harness.measure import runner
from harness.measure.protocol import DISPATCH, SPECIALISED, Job, Setup, dispatch_under
from harness.measure.runner import CandidateCrashed, WorkerError, manager_elsewhere, run_packet
from tests.config.config_examples import CONFIG

ARMS = (BASELINE, AA_ARM)
SETUP = Setup(cpu=-1, cpus=tuple(sorted(os.sched_getaffinity(0))), l3=1 << 20, dram=4 << 20)
BREAK_LOOSE = """
import os, sys, time
setup = sys.stdin.readline()
path = __import__("json").loads(setup)["announce"]
sys.stdin.readline()
open(path, "w").write("avx2_u1".ljust(64))
{end}
"""


def job(size: int, candidates: tuple[str, ...] = ARMS, seed: int = 5, **condition: object) -> Job:
    key = Block("copy", Condition(**condition), size).key
    return Job(key, 0, seed, candidates, rounds=3, target_us=5.0, keep=candidates)


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"offsets": Offsets.PAGE},
        {"offsets": Offsets.DELTA, "delta": 12},
        {"sizes": Sizes.UNIFORM},
        {"sizes": Sizes.LOGUNIFORM},
        {"residency": Residency.L3},
        {"residency": Residency.DRAM},
        {"residency": Residency.DRAM, "sizes": Sizes.UNIFORM},
        {"reread": True},
        {"threads": 2},
    ],
    ids=str,
)
def test_every_condition_is_measured(condition: dict[str, object]) -> None:
    (reply,) = run_packet(SETUP, [job(777, **condition)])
    assert reply.candidates == list(ARMS)
    assert len(reply.ns) == 3
    assert all(ns > 0 for row in reply.ns for ns in row)
    assert all(calls >= 1 for calls in reply.calls)
    if condition.get("offsets") is Offsets.DELTA:
        assert (reply.dst_offset - reply.src_offset) % PAGE == 12


def test_a_seed_places_the_buffers() -> None:
    first, again, other = (reply for reply in run_packet(SETUP, [job(64, seed=seed) for seed in (1, 1, 2)]))
    assert (first.src_offset, first.dst_offset) == (again.src_offset, again.dst_offset)
    assert (first.src_offset, first.dst_offset) != (other.src_offset, other.dst_offset)


def test_the_dispatcher_is_a_candidate_under_each_policy() -> None:
    def serving(kernel: str) -> dict[str, object]:
        every = {"mask": 0, "low": 0, "span": 1, "min_size": 0, "rules": [{"kernel": kernel}]}
        return {"classes": [every]}

    both = (DISPATCH, dispatch_under(1))
    setup = replace(SETUP, policies=(serving(BASELINE), serving("portable")))
    (reply,) = run_packet(setup, [job(333, (*ARMS, *both))])
    assert reply.candidates == [*ARMS, *both]


def test_the_specialised_dispatcher_is_a_candidate() -> None:
    setup = replace(SETUP, header=thresholds_h(CONFIG))
    (reply,) = run_packet(setup, [job(333, (*ARMS, SPECIALISED))])
    assert reply.candidates == [*ARMS, SPECIALISED]


def test_calibration_leaves_out_what_is_far_behind() -> None:
    slow = Job(job(4096).block, 0, 1, (*ARMS, "portable", "libc"), 2, 5.0, give_up=1e-9, keep=ARMS)
    (reply,) = run_packet(SETUP, [slow])
    assert set(ARMS) <= set(reply.candidates)


@pytest.mark.parametrize(
    ("end", "how"),
    [("os.kill(os.getpid(), 11)", "SIGSEGV"), ("os.kill(os.getpid(), 4)", "SIGILL"), ("time.sleep(60)", "no answer")],
)
def test_the_candidate_that_brings_a_worker_down_is_named(end: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "WORKER", (sys.executable, "-c", BREAK_LOOSE.format(end=end)))
    monkeypatch.setattr(runner, "PATIENCE", 0.5 if how == "no answer" else 30.0)
    with pytest.raises(CandidateCrashed, match=how) as error:
        list(run_packet(SETUP, [job(64)]))
    assert error.value.candidate == "avx2_u1"
    assert error.value.block == job(64).block


def test_an_unknown_kernel_is_one_sentence() -> None:
    with pytest.raises(WorkerError, match="no_such_kernel") as error:
        list(run_packet(SETUP, [job(64, (*ARMS, "no_such_kernel"))]))
    assert "\n" not in str(error.value)


def test_a_worker_that_cannot_start_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "WORKER", (sys.executable, "-c", "raise SystemExit('no memory')"))
    with pytest.raises(WorkerError, match="no memory"):
        list(run_packet(SETUP, [job(64)]))


def test_the_manager_comes_back_to_its_cpus() -> None:
    before = os.sched_getaffinity(0)
    with manager_elsewhere(max(before)):
        assert os.sched_getaffinity(0) == (before - {max(before)} or before)
    assert os.sched_getaffinity(0) == before
