from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.segments import cheapest

COSTS = st.one_of(st.floats(0, 10), st.just(float("inf")))


@st.composite
def problems(draw):
    cells, kernels = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    cost = np.array([[draw(COSTS) for _ in range(kernels)] for _ in range(cells)])
    cost[:, 0] = [draw(st.floats(0, 10)) for _ in range(cells)]
    price = np.array([draw(st.floats(0, 3)) for _ in range(cells)])
    return cost, price, draw(st.integers(1, 5))


def total(chosen, cost, price):
    switches = [i + 1 for i, (a, b) in enumerate(pairwise(chosen)) if a != b]
    return sum(cost[i, k] for i, k in enumerate(chosen)) + sum(price[i] for i in switches), len(switches) + 1


@given(problems())
def test_equals_brute_force(problem):
    cost, price, most = problem
    choices = (total(chosen, cost, price) for chosen in product(range(cost.shape[1]), repeat=len(cost)))
    best = min(value for value, segments in choices if segments <= most)
    value, segments = total(cheapest(cost, price, most), cost, price)
    assert segments <= most
    assert value == pytest.approx(best)


def test_ties_go_to_fewer_segments_and_to_the_first_kernel():
    assert cheapest(np.ones((4, 3)), np.zeros(4), 4) == (0, 0, 0, 0)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="1 segment"):
        cheapest(np.ones((1, 1)), np.zeros(1), 0)
    with pytest.raises(ValueError, match="no policy of 1"):
        cheapest(np.array([[1, np.inf], [np.inf, 1]]), np.zeros(2), 1)
