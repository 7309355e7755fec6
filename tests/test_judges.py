"""Verification, trial and bench as judges: on measurements whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness import bench, trial, verify
from harness.analysis.estimate import estimate
from harness.analysis.policy import PolicyClass, PolicyRule, PolicyTable
from harness.bench import Measured
from harness.experiment import Condition, Offsets, Sizes
from harness.generate import without
from harness.machine import detect
from harness.measure.protocol import DISPATCH, SPECIALISED, dispatch_under
from harness.sweep import class_of
from tests.analysis.simulation import block

FAST = dispatch_under(1)
SIZES = (33, 777, 3333, 9999, 65537)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_slower_dispatcher_is_a_loss_and_a_faster_one_a_win() -> None:
    r = rng()
    truths = {33: 0.4, 777: 0.0, 3333: -0.3, 9999: 0.0, 65537: 0.25}
    found = verify.judge([block(r, size, **{DISPATCH: truths[size], "k": 0.0}) for size in SIZES], 0.3, 12.0, False)
    assert [cell.verdict for cell in found.cells] == ["win", "tie", "loss", "tie", "win"]
    assert [cell.size for cell in found.losses] == [3333]
    assert found.cells[0].speed == pytest.approx(math.exp(0.4), rel=0.1)
    assert found.worst is not None
    assert found.worst.size == 3333
    assert found.worst.regret == pytest.approx(math.expm1(0.3), abs=0.1)


def test_on_noise_alone_nothing_is_lost_and_nothing_won() -> None:
    r = rng()
    verdicts = []
    for _ in range(20):
        blocks = [block(r, size, **{DISPATCH: 0.0, "k": 0.0}) for size in SIZES]
        verdicts += [cell.verdict for cell in verify.judge(blocks, 0.3, 1.0, False).cells]
    assert verdicts.count("tie") >= 99


def test_regret_is_measured_against_the_best_candidate_there() -> None:
    found = verify.judge([block(rng(), 777, **{DISPATCH: 0.1, "slow": -0.5, "best": 0.3})], 0.3, 1.0, False)
    (cell,) = found.cells
    assert cell.best == "best"
    assert found.regret == pytest.approx(math.expm1(0.2), abs=0.06)


def test_nothing_measured_is_no_loss() -> None:
    empty = verify.Verification((), 0.01, 1.0, True)
    assert (empty.losses, empty.regret, empty.speed, empty.worst) == ((), 0.0, 1.0, None)


def test_cells_follow_from_the_seed_and_keep_from_what_was_seen() -> None:
    machine = detect()
    first, again, other = (verify.cells(machine, 1 << 30, seed) for seed in (1, 1, 2))
    assert first == again != other
    seen = frozenset(cell.size for cell in first if cell.size > 1000)
    fresh = verify.cells(machine, 1 << 30, 1, seen)
    drawn = [cell.size for cell in fresh if cell.condition.sizes is Sizes.FIXED and cell.size > 1000]
    assert seen.isdisjoint(drawn)


def test_the_trial_takes_the_policy_that_is_fastest() -> None:
    r = rng()
    arms = (DISPATCH, FAST)
    faster_second = trial.judge([block(r, size, **{DISPATCH: 0.05, FAST: 0.2}) for size in SIZES], arms, 0.3)
    assert faster_second.chosen == 1
    assert faster_second.standings[1].speed > faster_second.standings[0].speed


def test_the_trial_shuns_a_policy_that_loses_somewhere() -> None:
    r = rng()
    blocks = [
        block(r, size, **{DISPATCH: 0.1, FAST: 0.35 if size != 777 else -0.9}) for size in (33, 777, 3333, 9999, 65537)
    ]
    found = trial.judge(blocks, (DISPATCH, FAST), 0.3)
    assert found.chosen == 0
    assert [standing.losses for standing in found.standings] == [0, 1]


def test_a_trial_without_measurements_takes_the_first() -> None:
    assert trial.judge([], (DISPATCH, FAST), 0.3, interrupted=True).chosen == 0


def rule(low: int, high: int | None, kernel: str) -> PolicyRule:
    gain = 0.0 if kernel == "libc" else 10.0
    return PolicyRule(low, high, kernel, gain, gain, gain, 10, 5)


TABLE = PolicyTable(
    (
        PolicyClass("near", 4095, 1, 15, 2112, (rule(2112, 65536, "avx2_u4"), rule(65536, None, "libc"))),
        PolicyClass("any", 0, 0, 1, 0, (rule(0, 65, "small"), rule(65, 2112, "libc"), rule(2112, None, "big"))),
    )
)


def test_a_refused_rule_gives_way_to_libc_and_joins_its_neighbours() -> None:
    mended = without(TABLE, [("any", 5000)])
    assert [(r.low, r.high, r.kernel) for r in mended.classes[1].rules] == [(0, 65, "small"), (65, None, "libc")]
    assert mended.classes[0] == TABLE.classes[0]
    assert without(TABLE, []) == TABLE


@pytest.mark.parametrize(
    ("condition", "size", "expected"),
    [
        (Condition(offsets=Offsets.DELTA, delta=12), 3000, "near"),
        (Condition(offsets=Offsets.DELTA, delta=12), 100_000, ""),
        (Condition(offsets=Offsets.DELTA, delta=64), 3000, "any"),
        (Condition(), 64, "any"),
        (Condition(), 100, ""),
        (Condition(sizes=Sizes.UNIFORM), 64, ""),
    ],
    ids=str,
)
def test_the_class_to_blame_is_the_one_that_serves_the_cell(condition: Condition, size: int, expected: str) -> None:
    assert class_of(TABLE, condition.key, size) == expected


def measured() -> Measured:
    r = rng()
    arms = {DISPATCH: 0.5, FAST: 0.5, SPECIALISED: 0.5}
    random = [
        block(r, bound, condition=Condition(sizes=Sizes.UNIFORM).key, **arms, avx512_masked64=0.5)
        for bound in (16, 32, 64)
    ]
    fixed = [block(r, size, **arms) for size in (3073, 8193, 64 << 20)]
    near = [block(r, 9000, condition=Condition(offsets=Offsets.DELTA, delta=7).key, **arms)]
    over = block(
        r,
        8,
        condition=bench.OVERHEAD.condition.key,
        baseline_ns=2.0,
        spread=0.0005,
        **{DISPATCH: 0.0, FAST: 0.0, SPECIALISED: -0.1, bench.SCALAR: 0.2},
    )
    return Measured(tuple(estimate(each) for each in (*random, *fixed, *near, over)), detect())


def test_every_claim_is_judged_by_its_figure() -> None:
    found = {each.what: each for each in bench.figures(measured(), {"default": 100.0, "fast": 31.0, "help": 0.05})}
    assert found["`--help`"].holds
    assert found["default sweep, start to end"].holds
    assert not found["fast sweep, start to end"].holds
    assert found["fast policy's speed over the default's"].holds
    assert found["random sizes up to 64 B: speed over libc"].measured.startswith("1.6")
    assert found["32 MiB and more: speed over libc"].holds
    assert found["cells slower than libc beyond margin and interval"].holds
    table = found["dispatch overhead at 8 B, table-driven"]
    assert table.holds
    assert table.measured.startswith("+0.3")

    assert {each.what for each in bench.failed(tuple(found.values()))} >= {"fast sweep, start to end"}


def test_what_was_not_measured_is_said_so() -> None:
    r = rng()
    only = Measured((estimate(block(r, 333, **{DISPATCH: 0.0, FAST: 0.0, SPECIALISED: 0.0})),), detect())
    found = {each.what: each for each in bench.figures(only, {"default": 1.0, "fast": 1.0, "help": 0.1})}
    assert found["dispatch overhead at 8 B, specialised"].measured == "not measured"
    assert found["random sizes up to 64 B: speed over libc"].holds is None


def test_the_bench_draws_its_claims_and_the_verifications_cells() -> None:
    blocks = bench.blocks(detect(), 3)
    assert bench.OVERHEAD in blocks
    assert len(set(blocks)) == len(blocks) > 30
    assert {each.experiment for each in blocks} == {"bench"}
