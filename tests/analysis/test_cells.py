from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.cells import Cell, Weights, covering, cut
from harness.experiment import Condition, Offsets, Residency, Sizes

FIXED = Condition()


@given(st.lists(st.integers(1, 2**30), min_size=1))
def test_cells_cover_every_size_once(sizes):
    cells = cut(sizes)
    assert cells[0].low == 0
    assert cells[-1].high is None
    assert all(a.high == b.low for a, b in pairwise(cells))


def test_a_power_of_two_is_a_cell_by_itself():
    assert cut([9, 48, 64, 96]) == (Cell(0, 48), Cell(48, 64), Cell(64, 65), Cell(65, 96), Cell(96, None))


def test_no_sizes_are_refused():
    with pytest.raises(ValueError, match="no sizes"):
        cut([])


def test_a_single_size_is_judged_by_itself_and_a_range_by_both_ends():
    sizes = [48, 64, 96]
    assert covering(FIXED, sizes, Cell(64, 65)) == [(64, 1.0)]
    assert covering(FIXED, sizes, Cell(65, 96)) == [(64, 1.0), (96, 1.0)]
    assert covering(FIXED, sizes, Cell(48, 64)) == [(48, 1.0), (64, 1.0)]
    assert covering(FIXED, sizes, Cell(96, None)) == [(96, 1.0)]


def test_far_sizes_say_nothing():
    assert covering(FIXED, [16, 4096], Cell(200, 300)) == []
    assert covering(FIXED, [4096], Cell(4097 * 5, None)) == []


def test_a_size_above_alone_can_only_warn():
    assert covering(FIXED, [96], Cell(65, 96)) == [(96, 0.0)]


@pytest.mark.parametrize("sizes", [Sizes.UNIFORM, Sizes.LOGUNIFORM])
def test_a_random_mix_speaks_most_for_its_largest_sizes(sizes):
    condition = Condition(sizes=sizes)
    (top,) = covering(condition, [64, 4096], Cell(3000, 4096))
    (bottom,) = covering(condition, [64, 4096], Cell(65, 100))
    assert top[0] == bottom[0] == 4096
    assert top[1] > 0.5 > 0.25 > bottom[1]
    assert covering(condition, [64, 4096], Cell(33, 65))[0][0] == 64
    assert covering(condition, [64, 4096], Cell(4096, None)) == []


def test_weights_multiply():
    weights = Weights(page=0.5, dram=0.25, reread=0.5)
    assert weights.of(FIXED) == 1.0
    assert weights.of(Condition(residency=Residency.DRAM, offsets=Offsets.PAGE, reread=True)) == 0.0625
