import pytest

from harness.analysis import profile
from harness.analysis.alignment import Predicate
from harness.analysis.classes import build, neighbourhoods
from harness.analysis.policy import Prices
from tests.analysis.synthetic import (
    DRAM,
    HOT,
    PAGE,
    RANDOM,
    TWICE,
    UNLIMITED,
    delta,
    frame,
    grid,
    libc_ns,
    row,
)

SIZES = (9, 64, 256, 1024, 4096, 16384)
KERNELS = {"libc": UNLIMITED, "avx": UNLIMITED, "masked": 64}


def policy(comparisons, predicates=(), kernels=KERNELS, shape=None, **options):
    return build(comparisons, kernels, predicates, shape or profile.log_uniform(), libc_ns, **options)


def kernels_of(table):
    return [(rule.low, rule.high, rule.kernel) for rule in table.classes[-1].rules]


def test_no_win_leaves_all_to_libc():
    table = policy(frame(grid(HOT, SIZES, avx=0.01)))
    assert kernels_of(table) == [(0, None, "libc")]
    assert table.classes[0].rules[0].gain == 0


def test_a_winner_serves_where_it_wins_at_both_ends():
    table = policy(frame(grid(HOT, SIZES, avx=lambda n: 0.3 if n >= 1024 else -0.3)))
    assert kernels_of(table) == [(0, 1024, "libc"), (1024, None, "avx")]
    rule = table.classes[-1].rules[1]
    assert rule.gain == pytest.approx(35, abs=1)
    assert rule.gain_low < rule.gain < rule.gain_high
    assert rule.processes == 10


def test_a_power_of_two_is_served_from_its_better_side():
    below = policy(frame(grid(HOT, (9, 2048, 2049, 4096), avx=lambda n: 0.3 if n <= 2048 else -0.3)))
    above = policy(frame(grid(HOT, (9, 2047, 2048, 4096), avx=lambda n: 0.3 if n >= 2048 else -0.3)))
    assert kernels_of(below) == [(0, 2049, "avx"), (2049, None, "libc")]
    assert kernels_of(above) == [(0, 2048, "libc"), (2048, None, "avx")]


def test_a_kernel_that_loses_in_one_condition_is_not_chosen():
    wins = grid(HOT, SIZES, avx=TWICE) + grid(PAGE, SIZES, avx=TWICE)
    assert policy(frame(wins)).rule(1024, 0).kernel == "avx"
    table = policy(frame(wins, grid(DRAM, (4096,), avx=-0.1)))
    assert table.rule(1024, 0).kernel == "libc"
    assert table.rule(100, 0).kernel == "avx"


def test_a_kernel_that_was_dropped_from_a_condition_is_not_chosen():
    comparisons = frame(grid(HOT, SIZES, avx=TWICE), grid(PAGE, SIZES, other=0.0))
    assert kernels_of(policy(comparisons)) == [(0, None, "libc")]


def test_a_certain_loss_of_more_than_a_cycle_keeps_a_kernel_out_whatever_the_margin():
    wide = [row(PAGE, size, "avx", -0.03, margin=0.1) for size in SIZES]
    table = policy(frame(grid(HOT, SIZES, avx=TWICE), wide))
    assert table.rule(1024, 0).kernel == "libc"
    assert table.rule(16, 0).kernel == "avx", "a fraction of a nanosecond is within a cycle"


def test_max_size_is_respected():
    table = policy(frame(grid(HOT, SIZES, avx=0.0, masked=lambda n: TWICE if n <= 64 else None)))
    assert kernels_of(table) == [(0, 65, "masked"), (65, None, "libc")]
    random = policy(frame(grid(RANDOM, (16, 32, 64, 128, 256), avx=0.0, masked=lambda n: TWICE if n <= 64 else None)))
    assert kernels_of(random) == [(0, 65, "masked"), (65, None, "libc")]


def test_random_sizes_keep_out_what_wins_only_when_sizes_are_known():
    fixed = grid(HOT, SIZES, avx=0.1)
    table = policy(frame(fixed, grid(RANDOM, (256,), avx=-0.5)))
    assert table.rule(200, 0).kernel == "libc"
    assert table.rule(1000, 0).kernel == "avx"


def test_a_small_gain_does_not_pay_for_a_rule_under_small_sizes():
    comparisons = frame(grid(HOT, (9, 24, 32, 48), avx=lambda n: 0.03 if n == 24 else 0.0))
    shape = profile.log_uniform(1, 64)
    dear = policy(comparisons, shape=shape, prices=Prices(small_rule_ns=0.3))
    assert kernels_of(dear) == [(0, None, "libc")]
    assert kernels_of(policy(comparisons, shape=shape)) == [(0, 32, "avx"), (32, None, "libc")]


def test_rules_are_limited():
    zigzag = frame(grid(HOT, range(1000, 1100), avx=lambda n: TWICE if n % 4 < 2 else -TWICE))
    table = policy(zigzag, prices=Prices(max_rules=5, rule_ns=0))
    assert len(table.classes[-1].rules) <= 5


def hazard(kernel, deltas=(0, 4, 12, 64, 2048), bad=(4, 12)):
    return [
        entry
        for value in deltas
        for entry in grid(delta(value), SIZES[2:], **{kernel: TWICE * 4 if value in bad else 0.0})
    ]


def test_a_class_serves_a_hazard_and_only_it():
    comparisons = frame(grid(HOT, SIZES, avx=-0.1), hazard("avx"))
    first, last = policy(comparisons, [Predicate(4095, 4, 9), Predicate(255, 64, 1)]).classes
    assert (first.mask, first.low, first.span, first.min_size) == (4095, 4, 9, 256)
    assert first.name == "delta_4_12_mod_4096"
    assert [rule.kernel for rule in first.rules] == ["avx"]
    assert [rule.kernel for rule in last.rules] == ["libc"]


def test_the_default_class_serves_every_delta_that_has_no_class():
    loses = [entry for value in (4, 12) for entry in grid(delta(value), SIZES, avx=-TWICE)]
    comparisons = frame(grid(HOT, SIZES, avx=TWICE), loses)
    assert [c.name for c in policy(comparisons).classes] == ["any"]
    assert policy(comparisons).rule(1024, 500).kernel == "libc"
    table = policy(comparisons, [Predicate(4095, 4, 9)])
    assert table.rule(1024, 500).kernel == "avx"
    assert table.rule(1024, 12).kernel == "libc"


def test_a_class_that_does_not_pay_for_its_test_is_dropped():
    comparisons = frame(grid(HOT, SIZES, avx=-0.1), hazard("avx"))
    dear = policy(comparisons, [Predicate(4095, 4, 9)], prices=Prices(class_ns=1e6))
    assert [c.name for c in dear.classes] == ["any"]


def test_adjoining_classes_with_equal_tables_are_merged():
    comparisons = frame(grid(HOT, SIZES, avx=-0.1), hazard("avx"))
    halves = [Predicate(4095, 4, 4), Predicate(4095, 8, 5)]
    assert policy(comparisons, halves) == policy(comparisons, [Predicate(4095, 4, 9)])


def test_every_delta_has_one_neighbourhood():
    shares = neighbourhoods([0, 16, 2048])
    assert sum(shares.values()) == pytest.approx(1)
    assert shares[2048] > shares[0] > shares[16] > 0 or shares[16] > shares[0]
    assert neighbourhoods([]) == {}


def test_between_sizes_measured_far_apart_a_loss_counts_by_its_distance():
    dram = grid(DRAM, (1024, 16384), avx=lambda n: 0.05 if n == 1024 else -0.04)
    table = policy(frame(grid(HOT, (*SIZES, 2000, 12000), avx=0.3), dram))
    assert table.rule(1500, 0).kernel == "avx"
    assert table.rule(13000, 0).kernel == "libc"


def test_a_loss_that_is_not_certain_keeps_no_kernel_out():
    doubtful = [row(PAGE, size, "avx", -0.05, half=0.2) for size in SIZES]
    assert policy(frame(grid(HOT, SIZES, avx=0.3), doubtful)).rule(1024, 0).kernel == "avx"


def test_what_only_scouts_saw_cannot_speak_for_a_kernel():
    scouted = [row(HOT, size, "avx", TWICE, processes=2) for size in SIZES]
    assert kernels_of(policy(frame(scouted))) == [(0, None, "libc")]
