import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.alignment import EVERYWHERE, Predicate, delta_of, explain
from harness.experiment import Condition, Offsets

DELTAS = st.sets(st.integers(0, 4095), max_size=12)


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ({1, 4, 12, 15}, {0, 16, 64, 2048}, Predicate(4095, 1, 15)),
        ({12}, {0, 16, 64}, Predicate(4095, 12, 1)),
        ({4090, 0, 3}, {64, 2048, 4080}, Predicate(4095, 4090, 10)),
        ({12, 268, 2060}, {0, 64, 140, 300}, Predicate(255, 12, 1)),
        ({1, 5, 15, 17, 47, 2049}, {0, 16, 32, 2048}, Predicate(15, 1, 15)),
    ],
)
def test_the_plainest_predicate_is_found(positive, negative, expected):
    assert explain(positive, negative) == (expected,)


def test_far_apart_deltas_are_explained_apart():
    assert set(explain({4, 12, 2047}, {0, 64, 100})) == {Predicate(4095, 4, 9), Predicate(4095, 2047, 1)}


def test_nothing_to_explain():
    assert explain(set(), {0}) == ()


@given(DELTAS, DELTAS)
def test_predicates_hold_for_all_positive_and_no_negative_deltas(positive, negative):
    predicates = explain(positive, negative)
    assert all(any(p.holds(delta) for p in predicates) for delta in positive - negative)
    assert not any(p.holds(delta) for p in predicates for delta in negative)


@given(st.integers(4, 12), st.data())
def test_a_predicate_is_recovered_exactly_from_its_edges(bits, data):
    mask = (1 << bits) - 1
    low = data.draw(st.integers(0, mask))
    span = data.draw(st.integers(1, min(mask - 1, 64)))
    true = Predicate(mask, low, span)
    deltas = {
        (low + edge + turn) & 4095 for edge in (-1, 0, span // 2, span - 1, span) for turn in range(0, 4096, mask + 1)
    }
    positive = {delta for delta in deltas if true.holds(delta)}
    (found,) = explain(positive, deltas - positive)
    assert all(found.holds(delta) == true.holds(delta) for delta in deltas)
    assert found.share <= true.share


def test_predicates_are_checked():
    for bounds in ((4096, 0, 1), (5, 0, 1), (15, 16, 1), (15, 0, 17), (15, 0, 0)):
        with pytest.raises(ValueError, match="mask"):
            Predicate(*bounds)
    assert EVERYWHERE.holds(77)


def test_deltas_of_conditions():
    assert delta_of(Condition()) is None
    assert delta_of(Condition(offsets=Offsets.PAGE)) == 0
    assert delta_of(Condition(offsets=Offsets.DELTA, delta=12)) == 12
