"""The whole analysis over samples made up from a machine with known behaviour."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from harness.analysis import profile
from harness.analysis.alignment import Predicate
from harness.analysis.decide import baseline_time, decide
from harness.experiment import AA_ARM
from tests.analysis.synthetic import HOT, PAGE, RANDOM, UNLIMITED, delta, frame, grid, libc_ns

SIZES = (16, 64, 256, 1000, 2048, 4096, 12000, 65536)
DELTAS = (1, 12, 15, 16, 64, 2048)


@dataclass(frozen=True)
class Facts:
    max_size: int = UNLIMITED
    family: str = "loop"
    isa: str = "avx2"


KERNELS = {"libc": Facts(family="libc", isa="any"), "loop": Facts(), "masked": Facts(64, "masked", "avx512")}


def ns(condition, size, candidate):
    """Libc's string moves begin at 2 KiB and crawl at deltas of 1 to 15; the masked kernel wins at random sizes."""
    crawls = condition in {delta(value) for value in (1, 12, 15)} and size >= 2048
    if candidate in {"libc", AA_ARM}:
        return libc_ns(size) * (10 if crawls else 1) * (1.8 if condition == RANDOM else 1)
    if candidate == "masked":
        return libc_ns(size) * 0.9
    return libc_ns(size) * (0.8 if size >= 2048 else 1.1) * (1.8 if condition == RANDOM else 1)


def samples(processes=6, rounds=5):
    rng = np.random.default_rng(7)
    rows = []
    for condition in (HOT, PAGE, RANDOM, *map(delta, DELTAS)):
        for size in SIZES[2:] if condition.startswith("fixed,hot,delta") else SIZES:
            for candidate in ("libc", AA_ARM, "loop", *(["masked"] if size <= 64 else [])):
                exact = ns(condition, size, candidate)
                noisy = exact * np.exp(rng.normal(0, 0.002, (processes, rounds)))
                rows += [
                    {
                        "condition": condition,
                        "size": size,
                        "process": p,
                        "round": r,
                        "candidate": candidate,
                        "ns": value,
                    }
                    for (p, r), value in np.ndenumerate(noisy)
                ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def decisions():
    return decide(samples(), cycle_ns=0.05, kernels=KERNELS, profile=profile.log_uniform())


def test_the_policy_serves_each_size_with_its_best_kernel(decisions):
    assert decisions.policies[0].rule(48, 100).kernel == "masked"
    assert decisions.policies[0].rule(300, 100).kernel == "libc"
    assert decisions.policies[0].rule(4096, 100).kernel == "loop"
    assert decisions.policies[0].rule(4096, 12).kernel == "loop"


def test_the_hazard_is_found(decisions):
    (hazard,) = decisions.hazards
    assert hazard.predicate == Predicate(4095, 1, 15)
    assert (hazard.kernel, hazard.size_low) == ("libc", 2048)
    assert hazard.slowdown == pytest.approx(12.5, rel=0.05)


def test_the_policy_leaves_little_regret(decisions):
    assert abs(decisions.regret.mean) < 1
    assert len(decisions.regret.blocks) == 3 * len(SIZES) + len(DELTAS) * len(SIZES[2:])


def test_crossovers_and_headline_are_those_of_the_best_simd_kernel(decisions):
    (first, second) = decisions.crossovers[HOT]
    assert (first.below, first.above, second.below, second.above) == ("simd", "libc", "libc", "simd")
    assert 1000 <= second.low <= second.size <= second.high <= 2048
    assert RANDOM not in decisions.crossovers
    assert decisions.headline.note


def test_equal_samples_give_equal_decisions(decisions):
    again = decide(samples(), cycle_ns=0.05, kernels=KERNELS, profile=profile.log_uniform())
    assert again.policies == decisions.policies
    assert again.regret == decisions.regret


def test_no_samples_are_refused():
    empty = samples(processes=1, rounds=1).query("candidate != 'libc'")
    with pytest.raises(ValueError, match="sweep first"):
        decide(empty, cycle_ns=0.05, kernels=KERNELS, profile=profile.fleet())


def test_libcs_time_is_interpolated_and_grows_beyond_the_last_size():
    time = baseline_time(frame(grid(HOT, (64, 1024), loop=0.0)))
    assert time(64) == pytest.approx(libc_ns(64))
    assert libc_ns(64) < time(256) < libc_ns(1024)
    assert time(4096) == pytest.approx(4 * libc_ns(1024))
    assert time(1) == pytest.approx(libc_ns(64))
