import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.alignment import Predicate
from harness.analysis.hazard import hazards
from tests.analysis.synthetic import HOT, PAGE, delta, frame, grid, libc_ns, row

DELTAS = (0, 1, 4, 12, 15, 16, 31, 32, 64, 256, 1024, 2048, 3072, 4095)
SIZES = (256, 1024, 2048, 4096, 65536, 1 << 20)


def condition(value):
    return PAGE if value == 0 else delta(value)


def libc_slow(predicate, slowdown, sizes=SIZES, deltas=DELTAS, **options):
    """Libc falls by a factor under a predicate from 2 KiB on; the SIMD loop does not."""
    rows = []
    for value in deltas:
        for size in sizes:
            factor = slowdown if predicate.holds(value) and size >= 2048 else 1.0
            time = libc_ns(size) * factor
            rows.append(row(condition(value), size, "avx", math.log(factor), baseline_ns=time, **options))
    return rows


def test_the_hazard_of_string_moves_is_recovered_exactly():
    (found,) = hazards(frame(grid(HOT, SIZES, avx=0.0), libc_slow(Predicate(4095, 1, 15), 20.0)), ["libc", "avx"])
    assert found.kernel == "libc"
    assert found.predicate == Predicate(4095, 1, 15)
    assert (found.size_low, found.size_high) == (2048, (1 << 20) + 1)
    assert found.slowdown == pytest.approx(20)
    assert found.slowdown_low < found.slowdown < found.slowdown_high


@settings(max_examples=30)
@given(st.integers(4, 12), st.data())
def test_hazards_are_recovered_where_their_edges_were_measured(bits, data):
    mask = (1 << bits) - 1
    span = data.draw(st.integers(1, min(48, mask // 4)))
    low = data.draw(st.integers(0, mask))
    true = Predicate(mask, low, span)
    edges = {
        (low + turn + edge) & 4095 for edge in (-1, 0, span - 1, span) for turn in (0, 4096 - mask - 1, 2048 & ~mask)
    }
    harmless = {value for value in range(0, 4096, 97) if not true.holds(value)}
    rows = libc_slow(true, 3.0, sizes=(4096,), deltas=sorted(edges | harmless))
    found = hazards(frame(rows), ["libc"])
    for value in edges | harmless:
        assert any(hazard.predicate.holds(value) for hazard in found) == true.holds(value)


def test_a_kernel_of_its_own_can_have_one():
    rows = [
        entry
        for value in DELTAS
        for entry in grid(condition(value), (4096,), avx=-1.0 if 1 <= value <= 31 else 0.2, backward=0.1)
    ]
    (found,) = hazards(frame(rows), ["libc", "avx", "backward"])
    assert (found.kernel, found.predicate) == ("avx", Predicate(4095, 1, 31))
    assert found.slowdown == pytest.approx(math.exp(1.1))


def test_what_is_slow_everywhere_is_no_hazard():
    rows = [entry for value in DELTAS for entry in grid(condition(value), SIZES, avx=1.0)]
    assert hazards(frame(rows), ["libc", "avx"]) == ()


@pytest.mark.parametrize(("slowdown", "half"), [(1.3, 0.005), (3.0, 2.0), (3.0, math.inf)])
def test_what_is_mild_or_uncertain_is_no_hazard(slowdown, half):
    assert hazards(frame(libc_slow(Predicate(4095, 1, 15), slowdown, half=half)), ["libc"]) == ()


def test_no_deltas_no_hazards():
    assert hazards(frame(grid(HOT, SIZES, avx=0.0)), ["libc"]) == ()


def test_hazards_of_candidates_that_are_not_asked_for_are_left_out():
    assert hazards(frame(libc_slow(Predicate(4095, 1, 15), 20.0)), ["avx"]) == ()
