"""Random valid configs."""

from __future__ import annotations

from datetime import UTC, datetime

from config_examples import KERNELS, MACHINE
from hypothesis import strategies as st

from harness.config.schema import (
    LARGEST_SIZE,
    AlignmentClass,
    Config,
    Hazard,
    Headline,
    Policies,
    Policy,
    Provenance,
    Rule,
)

UNLIMITED = ["libc", "portable"]
sizes = st.integers(0, LARGEST_SIZE - 10)
finite = st.floats(0, 1e12)
gains = st.one_of(st.none(), st.lists(finite, min_size=3, max_size=3).map(sorted))


@st.composite
def rules(draw: st.DrawFn, low: int) -> tuple[Rule, ...]:
    cuts = [low, *sorted(draw(st.sets(st.integers(low + 1, LARGEST_SIZE), max_size=5)))]
    drawn = []
    for start, end in zip(cuts, [*cuts[1:], None], strict=True):
        interval = draw(gains) or (None, None, None)
        drawn.append(
            Rule(
                low=start,
                high=end,
                kernel=draw(st.sampled_from(UNLIMITED)),
                gain_low=interval[0],
                gain=interval[1],
                gain_high=interval[2],
                processes=draw(st.integers(0, 1000)),
                blocks=draw(st.integers(0, 1000)),
                decided_by=draw(st.text(max_size=20)),
            )
        )
    return tuple(drawn)


@st.composite
def conditional_classes(draw: st.DrawFn, name: str) -> AlignmentClass:
    mask, min_size = (1 << draw(st.integers(1, 40))) - 1, draw(sizes)
    low, span = draw(st.integers(0, mask)), draw(st.integers(1, mask))
    return AlignmentClass(name=name, mask=mask, low=low, span=span, min_size=min_size, rules=draw(rules(min_size)))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    conditional = [draw(conditional_classes(f"class_{i}")) for i in range(draw(st.integers(0, 3)))]
    always = AlignmentClass(name="any", mask=0, low=0, span=1, min_size=0, rules=draw(rules(0)))
    return Policy((*conditional, always))


@st.composite
def hazards(draw: st.DrawFn) -> Hazard:
    mask = (1 << draw(st.integers(0, 20))) - 1
    size = draw(sizes)
    slowdown = sorted(draw(st.lists(st.floats(0.5, 1e6), min_size=3, max_size=3)))
    return Hazard(
        kernel=draw(st.sampled_from(list(KERNELS))),
        mask=mask,
        low=draw(st.integers(0, mask)),
        span=draw(st.integers(1, max(mask, 1))),
        size_low=size,
        size_high=draw(st.integers(size + 1, LARGEST_SIZE)),
        slowdown_low=slowdown[0],
        slowdown=slowdown[1],
        slowdown_high=slowdown[2],
    )


headlines = st.one_of(
    st.lists(sizes, min_size=3, max_size=3)
    .map(sorted)
    .map(lambda three: Headline(low=three[0], simd_stdlib_crossover=three[1], high=three[2])),
    st.text(min_size=1, max_size=40).map(lambda note: Headline(note=note)),
)

provenances = st.builds(
    Provenance,
    harness_version=st.text(max_size=20),
    git_commit=st.text(max_size=20),
    run_id=st.text(max_size=20),
    created=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),
    command=st.text(max_size=60),
    margin_percent=finite,
    confidence=st.floats(0.5, 0.9999),
    noise_percent=finite,
    budget_seconds=finite,
)

configs = st.builds(
    Config,
    headline=headlines,
    provenance=provenances,
    machine=st.just(MACHINE),
    policies=st.builds(Policies, copy=policies()),
    hazards=st.lists(hazards(), max_size=3).map(tuple),
)
