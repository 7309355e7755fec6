import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis import profile
from harness.errors import UserError


def test_fleet_has_the_published_shares():
    fleet = profile.fleet()
    assert fleet.call_share(1, 129) == pytest.approx(0.94, abs=1e-3)
    assert fleet.byte_share(1025, float("inf")) == pytest.approx(0.73, abs=5e-3)


@given(st.integers(1, 2**30), st.integers(1, 2**30))
def test_shares_of_adjacent_ranges_add_up(cut_a, cut_b):
    cuts = [1, *sorted((cut_a, cut_b)), profile.LARGEST]
    for shape in (profile.fleet(), profile.log_uniform()):
        for share in (shape.call_share, shape.byte_share):
            total = sum(share(low, high) for low, high in pairwise(cuts))
            assert total == pytest.approx(1.0)


def test_log_uniform_weighs_doublings_alike():
    shape = profile.log_uniform(1, 1024)
    assert shape.call_share(1, 2) == pytest.approx(shape.call_share(512, 1024)) == pytest.approx(0.1)
    assert shape.byte_share(512, 1024) == pytest.approx(512 / 1023)


def test_saved_profile_loads_equal(tmp_path):
    path = tmp_path / "profile.json"
    shape = profile.from_histogram("guest", [1, 64, 4096], [3, 1])
    path.write_text(json.dumps({**profile.as_plain(shape), "paths": {}}))
    assert profile.load(path) == shape
    assert shape.calls == (0.75, 0.25)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 2}',
        '{"format": 1, "name": "x", "bounds": [1, 2], "calls": [0]}',
        '{"format": 1, "name": "x", "bounds": [2, 1], "calls": [1]}',
        '{"format": 1, "name": "x", "bounds": [0, 1], "calls": [1]}',
        '{"format": 1, "name": "x", "bounds": [1, 2], "calls": [NaN]}',
    ],
)
def test_what_is_no_profile_is_refused_with_its_path(tmp_path, text):
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"profile\.json is no size profile"):
        profile.load(path)


def test_a_missing_file_names_the_remedy(tmp_path):
    with pytest.raises(UserError, match="python -m harness trace"):
        profile.load(tmp_path / "none.json")
