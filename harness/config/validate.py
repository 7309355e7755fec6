"""What a config's fields say together: no gap or overlap, predicates that mean something, kernels that exist.

Pure: a config and the kernels' facts in, problems out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

from harness.config.schema import (
    ANY,
    LARGEST_SIZE,
    MAX_CLASSES,
    MAX_RULES,
    AlignmentClass,
    Config,
    Hazard,
    Headline,
    Policy,
    Rule,
)

ALWAYS: Final = (0, 0, 1)
"""Mask, low and span of the predicate that holds always."""
CORRECT: Final = "correct it, or write a new config with `python -m harness sweep`"
SWEEP: Final = "write a config for this machine with `python -m harness sweep`"


class KernelFacts(Protocol):
    """What must be known of a kernel; `kernels.copy.Kernel` is one."""

    @property
    def isa(self) -> str:
        """Instruction set it needs."""

    @property
    def runnable(self) -> bool:
        """Whether this CPU runs it."""

    @property
    def max_size(self) -> int:
        """Largest size it accepts, in bytes."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    key: str
    """Dotted path."""
    text: str
    """The end of a sentence that begins with the key."""
    remedy: str = CORRECT


def problems(
    config: Config, kernels: Mapping[str, KernelFacts], zero_kernels: Mapping[str, KernelFacts]
) -> Iterator[Problem]:
    """Everything wrong with a config, in the file's order.

    Args:
        config: a config of the right types.
        kernels: every copy kernel this build knows, by name.
        zero_kernels: every zero-scan kernel, likewise.
    """
    yield from _headline(config.headline)
    yield from _policy(config.policy, "policies.copy", kernels)
    if config.policies.zero_scan is not None:
        yield from _policy(config.policies.zero_scan, "policies.zero_scan", zero_kernels)
    for i, hazard in enumerate(config.hazards):
        yield from _hazard(hazard, f"hazards[{i}]", kernels)


def non_finite(value: object, key: str = "") -> Iterator[Problem]:
    """Every number in a parsed TOML document that is infinite or not a number."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from non_finite(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from non_finite(item, f"{key}[{i}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(key, f"is {value}, not a finite number")


def _headline(headline: Headline) -> Iterator[Problem]:
    crossover, low, high = headline.simd_stdlib_crossover, headline.low, headline.high
    if crossover is None:
        if not headline.note:
            yield Problem("headline.note", "is empty: it must say why there is no simd_stdlib_crossover")
        if low is not None or high is not None:
            yield Problem("headline", "has an interval without a simd_stdlib_crossover")
    elif (low is not None and low > crossover) or (high is not None and high < crossover):
        yield Problem("headline.simd_stdlib_crossover", "lies outside its own interval")


def _policy(policy: Policy, key: str, kernels: Mapping[str, KernelFacts]) -> Iterator[Problem]:
    classes = policy.classes
    if not 1 <= len(classes) <= MAX_CLASSES:
        yield Problem(f"{key}.classes", f"has {len(classes)} classes, not 1 to {MAX_CLASSES}")
        return
    names = [entry.name for entry in classes]
    for i, entry in enumerate(classes):
        where = f"{key}.classes[{i}]"
        if entry.name in names[:i]:
            yield Problem(f"{where}.name", f"is {entry.name!r}, as another class's")
        if i < len(classes) - 1:
            yield from _conditional_class(entry, where)
        else:
            yield from _last_class(entry, where)
        yield from _rules(entry, where, kernels)


def _last_class(entry: AlignmentClass, key: str) -> Iterator[Problem]:
    if entry.name != ANY:
        yield Problem(f"{key}.name", f"is {entry.name!r}, but the last class must be {ANY!r}")
    elif (entry.mask, entry.low, entry.span, entry.min_size) != (*ALWAYS, 0):
        yield Problem(key, f"does not hold always, as {ANY!r} must: mask, low and min_size 0, span 1")


def _conditional_class(entry: AlignmentClass, key: str) -> Iterator[Problem]:
    if entry.name == ANY:
        yield Problem(f"{key}.name", f"is {ANY!r}, but that class must be the last")
    else:
        yield from _predicate(entry, key)


def _predicate(entry: AlignmentClass | Hazard, key: str) -> Iterator[Problem]:
    """A predicate that can hold and can fail."""
    if entry.mask == 0 or entry.mask & (entry.mask + 1):
        yield Problem(f"{key}.mask", f"is {entry.mask}, not a power of two less one")
    elif entry.low > entry.mask:
        yield Problem(f"{key}.low", f"is {entry.low}, beyond the mask {entry.mask}")
    elif not 1 <= entry.span <= entry.mask:
        yield Problem(f"{key}.span", f"is {entry.span}, not 1 to {entry.mask}")


def _rules(entry: AlignmentClass, key: str, kernels: Mapping[str, KernelFacts]) -> Iterator[Problem]:
    rules = entry.rules
    if not 1 <= len(rules) <= MAX_RULES:
        yield Problem(f"{key}.rules", f"has {len(rules)} rules, not 1 to {MAX_RULES}")
        return
    if rules[0].low != entry.min_size:
        yield Problem(f"{key}.rules[0].low", f"is {rules[0].low}, but the class begins at {entry.min_size}")
    last = rules[-1].high
    if last is not None:
        yield Problem(f"{key}.rules[{len(rules) - 1}].high", f"is {last}, which leaves the sizes above unserved")
    for i, rule in enumerate(rules):
        where = f"{key}.rules[{i}]"
        if rule.high is not None and rule.high <= rule.low:
            yield Problem(f"{where}.high", f"is {rule.high}, not above its low {rule.low}")
        yield from _gain(rule, where)
        yield from _kernel(rule, f"{where}.kernel", kernels)
    for i, (rule, after) in enumerate(pairwise(rules)):
        yield from _seam(rule, after, f"{key}.rules", i)


def _seam(rule: Rule, after: Rule, key: str, i: int) -> Iterator[Problem]:
    """Where one rule ends, the next begins."""
    if rule.high is None:
        yield Problem(f"{key}[{i}].high", "is absent, but only the last rule may be without an end")
    elif after.low < rule.high:
        yield Problem(f"{key}[{i + 1}].low", f"is {after.low}, which overlaps the rule before, up to {rule.high}")
    elif after.low > rule.high:
        yield Problem(f"{key}[{i + 1}].low", f"is {after.low}, which leaves sizes from {rule.high} unserved")


def _gain(rule: Rule, key: str) -> Iterator[Problem]:
    if rule.gain is None:
        if rule.gain_low is not None or rule.gain_high is not None:
            yield Problem(key, "has an interval of a gain without the gain")
    elif not _within(rule.gain, rule.gain_low, rule.gain_high):
        yield Problem(f"{key}.gain", f"is {rule.gain}, outside its own interval")


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= value) and (high is None or value <= high)


def _kernel(rule: Rule, key: str, kernels: Mapping[str, KernelFacts]) -> Iterator[Problem]:
    kernel = kernels.get(rule.kernel)
    if kernel is None:
        yield Problem(key, f"is {rule.kernel!r}, a kernel this version does not know", SWEEP)
    elif not kernel.runnable:
        yield Problem(key, f"is {rule.kernel!r}, which needs {kernel.isa} and cannot run on this CPU", SWEEP)
    elif _largest(rule) > kernel.max_size:
        yield Problem(key, f"is {rule.kernel!r}, which takes {kernel.max_size} bytes at most: the rule serves more")


def _largest(rule: Rule) -> int:
    return LARGEST_SIZE if rule.high is None else rule.high - 1


def _hazard(hazard: Hazard, key: str, kernels: Mapping[str, KernelFacts]) -> Iterator[Problem]:
    if (hazard.mask, hazard.low, hazard.span) != ALWAYS:
        yield from _predicate(hazard, key)
    if hazard.kernel not in kernels:
        yield Problem(f"{key}.kernel", f"is {hazard.kernel!r}, a kernel this version does not know", SWEEP)
    if hazard.size_low >= hazard.size_high:
        yield Problem(f"{key}.size_high", f"is {hazard.size_high}, not above size_low {hazard.size_low}")
    if not _within(hazard.slowdown, hazard.slowdown_low, hazard.slowdown_high):
        yield Problem(f"{key}.slowdown", f"is {hazard.slowdown}, outside its own interval")
