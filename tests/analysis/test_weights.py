import math

import pytest

from harness.analysis.profile import Profile
from harness.analysis.weights import worth
from tests.analysis.synthetic import HOT, frame, grid

SIZES = (16, 64, 1024, 65536)
SMALL_CALLS = Profile("test", (8, 128, 1 << 20), (0.9, 0.1))


def serving(size):
    return "fast" if size <= 64 else "libc"


def test_small_gains_count_by_calls_and_hardly_by_bytes():
    rows = frame(grid(HOT, SIZES, fast=math.log(2), libc=0.0))
    found = worth(rows, serving, SMALL_CALLS)
    assert found.by_calls > 50
    assert 0 < found.by_bytes < 10
    assert found.profile == "test"


def test_libc_everywhere_is_worth_nothing():
    rows = frame(grid(HOT, SIZES, fast=0.5, libc=0.0))
    found = worth(rows, lambda size: "libc", SMALL_CALLS)
    assert (found.by_calls, found.by_bytes) == (pytest.approx(0), pytest.approx(0))


def test_twice_as_fast_everywhere_is_a_hundred_percent():
    rows = frame(grid(HOT, SIZES, fast=math.log(2), libc=0.0))
    found = worth(rows, lambda size: "fast", SMALL_CALLS)
    assert found.by_calls == pytest.approx(100)
    assert found.by_bytes == pytest.approx(100)


def test_nothing_measured_is_not_a_number():
    rows = frame(grid("fixed,hot,page,once,1t", SIZES, fast=0.1))
    assert math.isnan(worth(rows, serving, SMALL_CALLS).by_calls)
