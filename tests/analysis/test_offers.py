from harness.analysis import profile
from harness.analysis.alignment import Predicate
from harness.analysis.classes import build
from harness.analysis.offers import offers
from tests.analysis.synthetic import HOT, UNLIMITED, delta, frame, grid, libc_ns

SIZES = (64, 512, 4096, 65536)
KERNELS = {"libc": UNLIMITED, "forward": UNLIMITED, "backward": UNLIMITED}
DELTAS = (4, 16, 32, 33, 64, 512, 2048, 4000)


def policy(comparisons, predicates=()):
    return build(comparisons, KERNELS, predicates, profile.log_uniform(), libc_ns)


def offered(comparisons):
    mixed = comparisons[~comparisons["condition"].str.contains("delta")]
    return offers(comparisons, policy(mixed), policy(comparisons))


def test_a_milder_loss_yields_a_class():
    """Forward loops lose at small positive deltas, where loads wait for the stores just before them."""
    deltas = [
        entry
        for value in DELTAS
        for entry in grid(delta(value), SIZES, forward=-0.1 if value <= 32 else 0.3, backward=0.15)
    ]
    comparisons = frame(grid(HOT, SIZES, forward=0.3, backward=0.15), deltas)
    predicates = offered(comparisons)
    assert Predicate(4095, 4, 29) in predicates
    assert policy(comparisons).rule(4096, 2048).kernel == "backward"
    table = policy(comparisons, predicates)
    assert table.rule(4096, 12).kernel == "backward"
    assert table.rule(4096, 2048).kernel == "forward"


def test_no_difference_no_offer():
    deltas = [entry for value in DELTAS for entry in grid(delta(value), SIZES, forward=0.3, backward=0.29)]
    assert offered(frame(grid(HOT, SIZES, forward=0.3, backward=0.29), deltas)) == ()
