"""The VM's memory paths as experiments: exercised, measured, judged, traced."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import experiments
from experiments import Tier, World
from harness import guests, machine, paths, trace
from harness.analysis.estimate import estimate
from harness.analysis.noise import noise
from harness.analysis.profile import load
from harness.errors import UserError
from harness.experiment import AA_ARM, BASELINE, PATHS, Block
from harness.measure.protocol import DISPATCH, Job, Setup, dispatch_under
from harness.measure.runner import WorkerError, run_packet
from harness.report import tables
from kernels import copy, dispatch
from kernels.vm import exercise
from kernels.vm.exercise import Exercise, ExerciseError
from kernels.vm.machine import PathUse
from tests.analysis.simulation import block
from tests.conftest import Ran
from tests.report.test_report import printed

LIBC = copy.address("libc")
ARMS = (BASELINE, AA_ARM, DISPATCH, dispatch_under(1))
WORLD = World(32 << 10, 1 << 20, 32 << 20, 1 << 30, 2)


@pytest.fixture(autouse=True)
def _libc_again() -> Iterator[None]:
    yield
    dispatch.reset()


def test_every_path_is_an_experiment() -> None:
    assert set(PATHS) == set(exercise.PATHS)
    assert experiments.names() == ("copy", "zero_scan", *PATHS)
    for name in PATHS:
        experiment = experiments.load(name)
        blocks = experiment.blocks(WORLD, Tier.DEFAULT)
        assert {each.experiment for each in blocks} == {name}
        assert len(experiment.blocks(WORLD, Tier.FAST)) <= len(blocks)
        assert "libc" in experiment.candidates(blocks[0])
        assert Block.parse(blocks[0].key) == blocks[0]


@pytest.mark.parametrize("name", PATHS)
def test_a_path_is_exercised_with_its_smallest_and_its_largest_move(name: str) -> None:
    amounts = [each.size for each in experiments.load(name).blocks(WORLD, Tier.DEFAULT)]
    for amount in (min(amounts), max(amounts)):
        each = Exercise(name, amount, 12, 100)
        assert each.time(LIBC, 3) > 0
        assert each.time(dispatch.address(), 3) > 0


@pytest.mark.parametrize(
    ("name", "amount"), [("net_rx", 70_000), ("dma_read", 100), ("guest_copy", 0), ("page_cow", 1 << 40)]
)
def test_a_move_out_of_range_is_one_sentence(name: str, amount: int) -> None:
    with pytest.raises(ExerciseError, match=f"path {name} cannot move {amount}"):
        Exercise(name, amount)


def test_a_worker_measures_a_path_under_each_policy() -> None:
    setup = Setup(
        cpu=-1,
        cpus=tuple(os.sched_getaffinity(0)),
        l3=1 << 20,
        dram=1 << 20,
        policies=(paths.plain_policy(None), paths.old_rule()),
    )
    jobs = [Job(experiments.load(name).blocks(WORLD, Tier.FAST)[0].key, 0, 1, ARMS, 2, 20.0) for name in PATHS]
    replies = list(run_packet(setup, jobs))
    assert [Block.parse(reply.block).experiment for reply in replies] == list(PATHS)
    assert all(reply.candidates == list(ARMS) for reply in replies)
    wrong = Job(f"net_rx/{Block.parse(jobs[0].block).condition.key}/99999", 0, 1, ARMS, 2, 20.0)
    with pytest.raises(WorkerError, match="cannot move 99999 bytes"):
        list(run_packet(setup, [wrong]))


def test_the_old_rule_is_simd_below_4096_and_libc_above() -> None:
    table = dispatch.table_from(paths.old_rule())
    dispatch.install(table)
    assert [rule.end for rule in table.classes[0].rules] == [4096, None]
    assert copy.get(paths.widest_loop()).runnable


def judged(policy: float, old: float) -> paths.Paths:
    r = np.random.default_rng(3)
    blocks = [
        block(r, size, **{DISPATCH: policy, ARMS[3]: old, "fast": 0.5, "slow": -1.0}) for size in (64, 1500, 9000)
    ]
    estimates = [estimate(each) for each in blocks]
    return paths.Paths(tuple(paths.judge("net_rx", "bytes", estimates, noise(estimates, 0.3))), 0.01, False)


def test_every_point_is_judged_against_libc() -> None:
    found = judged(0.3, -0.4)
    assert [point.policy.verdict for point in found.points] == ["win"] * 3
    assert [point.old_rule.verdict for point in found.points] == ["loss"] * 3
    assert {point.best for point in found.points} == {"fast"}
    assert found.losses == ()
    assert len(judged(-0.4, 0.0).losses) == 3
    assert {point.policy.verdict for point in judged(0.0, 0.0).points} == {"tie"}
    shown = printed(tables.paths_table(found))
    assert "net_rx" in shown
    assert "fast 1.6" in shown


def test_paths_are_measured_from_the_command_line(tmp_path: Path, harness: Callable[..., Ran]) -> None:
    ran = harness("sweep", "net_rx", "page_cow", "--fast", "--budget", "6s", "--output", tmp_path / "run", "--json")
    assert ran.code in (0, 1), ran.err
    found = json.loads(ran.out)
    assert {point["path"] for point in found["points"]} == {"net_rx", "page_cow"}
    assert json.loads((tmp_path / "run" / "paths.json").read_text()) == found


def test_copy_is_swept_by_itself(harness: Callable[..., Ran]) -> None:
    ran = harness("sweep", "copy", "net_rx")
    assert ran.code == 2
    assert "sweep copy and zero_scan by themselves" in ran.err


def test_whole_guests_are_compared() -> None:
    found = guests.compare(paths.plain_policy(None), rounds=2)
    assert [each.guest for each in found] == list(guests.GUESTS)
    assert all(each.low <= each.speed <= each.high for each in found)
    assert found[0].bytes > 1 << 20
    assert "scroller" in printed(tables.guests_table(found))


def test_a_guest_with_wrong_copies_yields_no_figure(tmp_path: Path) -> None:
    elf = guests.build("echo", tmp_path)
    with pytest.raises(UserError, match="failed its own check"):
        guests.seconds("disk", elf, 0)


USE = PathUse(3, 300, tuple(3 if power == 6 else 0 for power in range(64)), (1, 2) + (0,) * 62)


def test_a_trace_is_a_profile(tmp_path: Path) -> None:
    more = replace(USE, histogram=tuple(1 if power in (9, 12) else 0 for power in range(64)))
    made = trace.write(tmp_path / "profile.json", "guest", {"net_rx": USE, "net_tx": more})
    assert load(tmp_path / "profile.json") == made
    assert (made.bounds[0], made.bounds[-1]) == (64, 8192)
    assert made.calls[0] == pytest.approx(0.6)
    content = json.loads((tmp_path / "profile.json").read_text())
    assert content["paths"]["net_rx"]["calls_by_size"] == {"64": 3}
    assert content["paths"]["net_rx"]["calls_by_delta"] == {"0": 1, "64": 2}


def test_a_guest_that_moves_nothing_has_no_profile() -> None:
    with pytest.raises(UserError, match="moved nothing"):
        trace.profile("guest", {})


def test_a_guest_is_traced_from_the_command_line(
    tmp_path: Path, harness: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    elf = guests.build("echo", tmp_path)
    output = tmp_path / "profile.json"
    ran = harness("trace", elf, "--ram", "8M", "--network", "-o", output)
    assert ran.code == 0, ran.err
    assert "net_rx" in ran.out
    assert load(output).name == "echo"
    assert json.loads(harness("trace", elf, "--ram", "8M", "--network", "-o", output, "--json").out)["calls"] == 1200


def test_a_profile_weights_the_policy(tmp_path: Path, harness: Callable[..., Ran]) -> None:
    (tmp_path / "bad.json").write_text("{}")
    ran = harness("sweep", "--profile", tmp_path / "bad.json")
    assert ran.code == 3
    assert "is no size profile" in ran.err
    assert machine.detect().key
