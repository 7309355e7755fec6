import numpy as np
import pandas as pd
import pytest

from harness.analysis.policy import PolicyClass, PolicyRule, PolicyTable
from harness.analysis.regret import mixture, regret
from harness.experiment import Condition, Sizes
from tests.analysis.synthetic import HOT, RANDOM, delta


def rule(low, high, kernel):
    return PolicyRule(low, high, kernel, 0.0, 0.0, 0.0, 10, 1)


ALL_LIBC = PolicyTable((PolicyClass("any", 0, 0, 1, 0, (rule(0, None, "libc"),)),))
MIXED = PolicyTable(
    (
        PolicyClass("delta_1_15_mod_4096", 4095, 1, 15, 256, (rule(256, None, "avx"),)),
        PolicyClass("any", 0, 0, 1, 0, (rule(0, 33, "masked"), rule(33, None, "libc"))),
    )
)


def medians(condition, size, noise=0.0, processes=10, **ratios):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        [
            {
                "condition": condition,
                "size": size,
                "candidate": name,
                "process": p,
                "ratio": ratio + rng.normal(0, noise),
            }
            for p in range(processes)
            for name, ratio in ratios.items()
        ]
    )


def test_the_best_choice_has_no_regret():
    found = regret(medians(delta(12), 1024, avx=1.0, masked=0.2), MIXED)
    assert found.mean == pytest.approx(0)
    assert found.blocks[0].best == "avx"


def test_regret_is_the_time_lost_in_percent():
    table = pd.concat([medians(HOT, 1024, avx=np.log(1.5)), medians(HOT, 64, avx=-1.0)])
    found = regret(table, ALL_LIBC)
    assert found.worst is not None
    assert (found.worst.size, found.worst.percent) == (1024, pytest.approx(50))
    assert found.mean == pytest.approx(100 * (np.sqrt(1.5) - 1))


def test_the_winners_curse_is_taken_out():
    """Twenty candidates no better than libc: the best by chance seems 10 % faster, and is not."""
    names = {f"same{i}": 0.0 for i in range(20)}
    table = pd.concat([medians(HOT, size, noise=0.2, **names) for size in range(100, 110)])
    naive = table.groupby(["size", "candidate"])["ratio"].mean().groupby("size").max().mean()
    assert naive > 0.08
    assert abs(regret(table, ALL_LIBC).mean) < 4


def test_a_random_mix_takes_the_mean_of_its_kernels_times():
    shares = mixture(Condition(sizes=Sizes.UNIFORM), 64, MIXED)
    assert set(shares) == {"masked", "libc"}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["libc"] > shares["masked"] > 0.3
    found = regret(medians(RANDOM, 64, masked=np.log(2)), MIXED)
    assert found.mean == pytest.approx(100 * 2 * (1 - shares["masked"] / 2) - 100)


def test_a_mix_over_deltas_takes_classes_in():
    half = PolicyTable((PolicyClass("delta_0_7_mod_16", 15, 0, 8, 0, (rule(0, None, "avx"),)), *ALL_LIBC.classes))
    assert mixture(Condition(), 1024, half) == {
        "avx": pytest.approx(0.5, abs=0.02),
        "libc": pytest.approx(0.5, abs=0.02),
    }
    assert mixture(Condition.parse(delta(12)), 1024, MIXED) == {"avx": pytest.approx(1)}


def test_blocks_that_cannot_be_judged_are_left_out():
    table = pd.concat([medians(HOT, 32, avx=0.3), medians(HOT, 64, processes=1, avx=0.3)])
    found = regret(table, MIXED)
    assert found.blocks == ()
    assert found.worst is None
    assert found.mean == 0
