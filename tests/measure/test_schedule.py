import math

import pytest

from harness.experiment import AA_ARM, BASELINE, Block, Condition, Residency
from harness.measure.protocol import Job
from harness.measure.schedule import PACES, Schedule, guess_seconds, rounds_for
from tests.measure.replies import reply

NAMES = ("libc", "fast", "near", "slow", "late")
HOT = Condition()


def speeds(size: int) -> dict[str, float]:
    """`fast` wins up to 1000 bytes, `late` from there on; `slow` never comes near."""
    return {"fast": 1.3 if size <= 1000 else 0.8, "late": 0.8 if size <= 1000 else 1.3, "near": 1.05, "slow": 0.3}


def run(schedule: Schedule, most: int = 2000) -> list[Job]:
    """Answer every packet until nothing is left; all jobs in order."""
    jobs: list[Job] = []
    while len(jobs) < most and (packet := schedule.packet(1e9)):
        assert len({job.block for job in packet}) == len(packet)
        for job in packet:
            schedule.record(reply(job, speeds(Block.parse(job.block).size)))
        jobs += packet
    return jobs


def blocks(*sizes: int) -> list[Block]:
    return [Block("copy", HOT, size) for size in sizes]


def points(jobs: list[Job]) -> set[tuple[str, int, int]]:
    return {(job.block, job.replicate, job.seed) for job in jobs}


def test_every_block_gets_its_processes_and_each_starts_with_all_candidates():
    pace = PACES[1]
    schedule = Schedule(blocks(64, 512, 100_000), lambda _: NAMES, pace, seed=1)
    jobs = run(schedule)
    for size in (64, 512, 100_000):
        own = [job for job in jobs if Block.parse(job.block).size == size]
        assert [job.replicate for job in own] == list(range(len(own)))
        assert len(own) >= pace.processes(size)
        assert set(own[0].candidates) == {*NAMES, AA_ARM}


def test_losers_are_dropped_and_both_baselines_stay():
    jobs = run(Schedule(blocks(64), lambda _: NAMES, PACES[1], seed=1))
    assert "slow" not in jobs[1].candidates
    assert all({BASELINE, AA_ARM} <= set(job.candidates) for job in jobs)
    assert "fast" in jobs[-1].candidates


def test_named_candidates_are_measured_whatever_their_times():
    schedule = Schedule(blocks(64), lambda _: NAMES, PACES[0], seed=1, always=(BASELINE, AA_ARM, "slow"))
    assert all("slow" in job.candidates and "slow" in job.keep for job in run(schedule))


def test_sizes_are_added_where_the_winner_changes():
    schedule = Schedule(blocks(256, 4096), lambda _: NAMES, PACES[0], seed=1, bisected=frozenset([HOT.key]))
    run(schedule)
    sizes = sorted(state.block.size for state in schedule.states.values())
    assert len(sizes) > 4
    below = max(size for size in sizes if size <= 1000)
    above = min(size for size in sizes if size > 1000)
    assert above / below < 1.1


def test_the_plan_follows_from_seed_and_results():
    first = run(Schedule(blocks(64, 4096), lambda _: NAMES, PACES[0], seed=7))
    again = run(Schedule(blocks(64, 4096), lambda _: NAMES, PACES[0], seed=7))
    other = run(Schedule(blocks(64, 4096), lambda _: NAMES, PACES[0], seed=8))
    assert first == again
    assert {job.seed for job in first}.isdisjoint(job.seed for job in other)


def test_a_resumed_plan_repeats_nothing():
    whole = Schedule(blocks(64, 512, 4096), lambda _: NAMES, PACES[0], seed=7)
    done = whole.packet(1e9)
    resumed = Schedule(blocks(64, 512, 4096), lambda _: NAMES, PACES[0], seed=7)
    for job in done:
        resumed.record(reply(job, speeds(Block.parse(job.block).size)))
    rest = run(resumed)
    assert {(job.block, job.replicate) for job in done}.isdisjoint((job.block, job.replicate) for job in rest)
    uncut = run(Schedule(blocks(64, 512, 4096), lambda _: NAMES, PACES[0], seed=7))
    assert points([*done, *rest]) == points(uncut)


def test_a_block_that_the_plan_lacks_joins_it():
    schedule = Schedule(blocks(64), lambda _: NAMES, PACES[0], seed=7)
    job = Schedule(blocks(91), lambda _: NAMES, PACES[0], seed=7).packet(1e9)[0]
    schedule.record(reply(job, speeds(91)))
    assert job.block in schedule.states


def test_a_crashed_candidate_leaves_the_run():
    schedule = Schedule(blocks(64, 512), lambda _: NAMES, PACES[0], seed=1)
    schedule.packet(1e9)
    schedule.drop("fast")
    assert all("fast" not in job.candidates for job in run(schedule))


def test_jobs_given_back_are_planned_again():
    schedule = Schedule(blocks(64, 512), lambda _: NAMES, PACES[0], seed=1)
    first = schedule.packet(1e9)
    schedule.give_back(first)
    assert sorted(job.block for job in schedule.packet(1e9)) == sorted(job.block for job in first)


def test_costly_blocks_keep_to_their_share():
    huge = Block("copy", HOT, 1 << 30)
    assert guess_seconds(Schedule([huge], lambda _: NAMES, PACES[0], seed=1).states[huge.key]) > 0.3
    schedule = Schedule([*blocks(64), huge], lambda _: NAMES, PACES[0], seed=1, costly_seconds=0.1)
    assert all(Block.parse(job.block).size == 64 for job in run(schedule))


def test_nothing_starts_that_does_not_fit_into_the_time_left():
    assert Schedule(blocks(64), lambda _: NAMES, PACES[0], seed=1).packet(0.001) == []


def test_blocks_in_dram_share_a_process():
    dram = [Block("copy", Condition(residency=Residency.DRAM), 1024 << step) for step in range(4)]
    packet = Schedule(dram, lambda _: NAMES, PACES[0], seed=1).packet(1e9)
    assert len(packet) == 4


def test_huge_copies_inherit_their_field_from_the_next_smaller_size():
    schedule = Schedule(blocks(40 << 20, 80 << 20), lambda _: NAMES, PACES[0], seed=1)
    jobs = run(schedule)
    first = next(job for job in jobs if Block.parse(job.block).size == 80 << 20)
    assert set(first.candidates) == {BASELINE, AA_ARM, "late", "near"}


def test_noise_is_the_double_of_the_baseline():
    schedule = Schedule(blocks(64), lambda _: NAMES, PACES[0], seed=1)
    assert math.isnan(schedule.noise())
    (job,) = schedule.packet(1e9)
    schedule.record(reply(job, {AA_ARM: 1.01}))
    assert schedule.noise() == pytest.approx(math.log(1.01))
    assert schedule.done == 1
    assert schedule.planned >= 1


def test_fewer_rounds_where_one_call_takes_milliseconds():
    assert [rounds_for(size, 11) for size in (64, 16 << 20, 256 << 20)] == [11, 5, 3]
