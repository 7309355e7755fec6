"""The review: where the settings in force lose time against the best candidate, ranked. Pure: observations in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from harness.optimize.settings import Settings
from harness.optimize.tunables import Tunable, Value, kernel_tunable

HAZARD: Final = 0.10
"""A loss from which a finding comes first."""
SECONDS: Final = 20.0
"""What it takes to verify one task."""


class Priority(IntEnum):
    """How urgent a finding is."""

    P0 = 0
    """A hazard, or a loss of more than 10 %."""
    P1 = 1
    """A loss beyond the margin."""
    P2 = 2
    """Not known: it needs measuring."""


@dataclass(frozen=True)
class Observation:
    """One candidate for an area beside the settings in force: log(their time / its time)."""

    area: str
    value: Value
    gain: float
    low: float
    high: float
    weight: float
    """The area's share of the time that the profile spends in copies; 0 to 1."""


@dataclass(frozen=True)
class Finding:
    """Something that might be done better."""

    priority: Priority
    tunable: str
    value: Value
    """What to set it to."""
    area: str
    gain_percent: float
    """Expected of the area."""
    low_percent: float
    high_percent: float
    weight: float
    seconds: float
    """What it takes to find out."""


def findings(
    observations: Iterable[Observation], settings: Settings, tunables: Sequence[Tunable], margin: float
) -> tuple[Finding, ...]:
    """Every finding, the most urgent first; within a priority by what it brings to the whole."""
    seen = tuple(observations)
    made = [
        *_of_policies(seen, settings, tunables, margin),
        *_of_kernels(seen, tuple(tunables), margin),
        *_of_the_machine(settings, tunables),
    ]
    return tuple(sorted(made, key=lambda each: (each.priority, -each.gain_percent * each.weight, each.tunable)))


def _of_policies(
    observations: Sequence[Observation], settings: Settings, tunables: Sequence[Tunable], margin: float
) -> Iterable[Finding]:
    """Whole policies whose kernels are, area by area and by weight, faster than what is in force."""
    seen = {(each.area, each.value): each for each in observations}
    for tunable in tunables:
        for value, policy in tunable.policies.items():
            near = [("near", policy.near_kernel)] if policy.near_kernel else []
            areas = [*((str(band), kernel) for band, kernel in enumerate(policy.kernels)), *near]
            known = [seen[key] for area, kernel in areas if (key := (f"copy:{area}", kernel)) in seen]
            if value == tunable.get(settings) or not known:
                continue
            whole = _weighed(known, tunable.touches[0], value)
            if whole.high > margin:
                yield _finding(whole, tunable, _priority(whole, margin))


def _weighed(seen: Sequence[Observation], area: str, value: Value) -> Observation:
    """Observations as one, each by its area's weight."""
    weight = math.fsum(each.weight for each in seen) or 1.0

    def mean(name: str) -> float:
        return math.fsum(each.weight * float(getattr(each, name)) for each in seen) / weight

    return Observation(area, value, mean("gain"), mean("low"), mean("high"), 1.0)


def _of_kernels(observations: Iterable[Observation], tunables: tuple[Tunable, ...], margin: float) -> Iterable[Finding]:
    """Of each area the two best candidates that may be faster than what serves it."""
    areas: dict[str, list[Observation]] = {}
    for each in observations:
        areas.setdefault(each.area, []).append(each)
    for area, seen in areas.items():
        tunable = kernel_tunable(tunables, area)
        promising = sorted((each for each in seen if each.high > margin), key=lambda each: -each.gain)[:2]
        for each in promising:
            if tunable is not None and each.value in tunable.domain and each.gain > 0:
                yield _finding(each, tunable, _priority(each, margin))


def _priority(seen: Observation, margin: float) -> Priority:
    if seen.low <= margin:
        return Priority.P2
    return Priority.P0 if seen.gain > math.log1p(HAZARD) else Priority.P1


def _finding(seen: Observation, tunable: Tunable, priority: Priority) -> Finding:
    gain, low, high = (100 * math.expm1(value) for value in (seen.gain, seen.low, seen.high))
    return Finding(priority, tunable.name, seen.value, seen.area, gain, low, high, seen.weight, SECONDS)


def _of_the_machine(settings: Settings, tunables: Sequence[Tunable]) -> Iterable[Finding]:
    """The values beside the one in force: nobody knows until it is measured."""
    for tunable in tunables:
        if tunable.touches[0].startswith("copy:"):
            continue  # kernels and policies have been observed
        at = tunable.domain.index(tunable.get(settings)) if tunable.get(settings) in tunable.domain else 0
        for index in (at + 1, at - 1):
            if 0 <= index < len(tunable.domain):
                value = tunable.domain[index]
                yield Finding(Priority.P2, tunable.name, value, tunable.touches[0], 0.0, 0.0, 0.0, 0.1, SECONDS)


def markdown(found: Sequence[Finding], noise: float) -> str:
    """The review for people."""
    lines = [
        "# Review",
        "",
        "Where the settings in force lose time against the best candidate. "
        f"Noise (A/A, 95th percentile): {100 * noise:.1f} %.",
        "",
        "P0: a loss of more than 10 %. P1: a loss beyond the margin. P2: not known, needs measuring.",
        "",
        "| priority | tunable | set it to | area | expected gain | weight |",
        "|---|---|---|---|---|---|",
    ]
    for each in found:
        gain = f"{each.gain_percent:+.1f} % [{each.low_percent:+.1f}, {each.high_percent:+.1f}]"
        shown = gain if each.gain_percent else "not known"
        value = "none" if each.value == "" else each.value
        lines.append(f"| {each.priority.name} | {each.tunable} | {value} | {each.area} | {shown} | {each.weight:.2f} |")
    return "\n".join(lines) + "\n"
