import numpy as np
import pytest

from harness.analysis.crossover import crossovers, threshold
from harness.analysis.curves import curve
from harness.analysis.estimate import estimate
from harness.analysis.noise import noise

from . import simulation

SIZES = np.unique(2.0 ** np.arange(6, 20, 0.5)).astype(int)


def simulated(seed, truth, **options):
    """The curve of `a` against libc where its log ratio at a size is `truth(log2 size)`."""
    rng = np.random.default_rng(seed)
    blocks = [simulation.block(rng, int(size), a=truth(np.log2(size)), **options) for size in SIZES]
    return curve(blocks, ["a"], "libc", noise([estimate(each) for each in blocks], 0.3))


@pytest.mark.parametrize("kind", list(simulation.PROCESSES))
def test_one_crossing_is_covered(kind):
    at = 12.3
    covered = 0
    for seed in range(40):
        (found,) = crossovers(simulated(seed, lambda x: 0.06 * (at - x), kind=kind))
        assert (found.below, found.above) == ("a", "libc")
        covered += found.low <= 2**at <= found.high
    assert covered >= 34


def test_inverted():
    (found,) = crossovers(simulated(1, lambda x: 0.1 * (x - 12.3)))
    assert (found.below, found.above) == ("libc", "a")


def test_several():
    found = crossovers(simulated(2, lambda x: 0.3 * np.cos((x - 6) * np.pi / 5)))
    assert [each.below for each in found] == ["a", "libc", "a"]
    for each, truth in zip(found, (8.5, 13.5, 18.5), strict=True):
        assert each.low <= 2**truth <= each.high


@pytest.mark.parametrize("gain", [0.2, 0.0, -0.2])
def test_none_where_the_order_never_changes(gain):
    assert crossovers(simulated(3, lambda _: gain)) == ()


@pytest.mark.parametrize("kind", ["normal", "heavy", "contaminated"])
def test_none_where_nothing_differs(kind):
    wrong = sum(bool(crossovers(simulated(seed, lambda _: 0.0, kind=kind))) for seed in range(20))
    assert wrong <= 3


def test_an_interval_is_never_tighter_than_the_grid():
    (found,) = crossovers(simulated(4, lambda x: 0.5 * (12.3 - x), spread=1e-4))
    assert found.high / found.low >= 2**0.5 * 0.99


def test_threshold_is_the_cut():
    found = threshold(simulated(5, lambda x: 0.1 * (12.3 - x)))
    assert found.size is not None
    assert found.low <= 2**12.3 <= found.high


@pytest.mark.parametrize("gain", [0.2, -0.2])
def test_no_threshold_without_a_crossing(gain):
    assert threshold(simulated(6, lambda _: gain)).size is None
