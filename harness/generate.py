"""From decisions to a config: the policy with its evidence and complete provenance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from harness.analysis.crossover import Threshold
from harness.analysis.hazard import Hazard as FoundHazard
from harness.analysis.noise import Noise
from harness.analysis.policy import PolicyClass, PolicyRule, PolicyTable
from harness.config.schema import (
    AlignmentClass,
    Config,
    Hazard,
    Headline,
    Policies,
    Policy,
    Provenance,
    Rule,
    machine_key,
)
from harness.experiment import BASELINE
from harness.machine import Machine
from harness.measure.journal import Header


def config(
    table: PolicyTable,
    *,
    machine: Machine,
    header: Header,
    noise: Noise,
    headline: Threshold,
    hazards: Iterable[FoundHazard],
    confidence: float = 0.95,
) -> Config:
    """The config that a run's decisions make."""
    return Config(
        headline=_headline(headline),
        provenance=Provenance(
            harness_version=header.harness,
            git_commit=header.commit,
            run_id=header.run,
            created=datetime.now(UTC).replace(microsecond=0),
            command=header.command,
            margin_percent=round(100 * max(0.02, noise.p95), 2),
            confidence=confidence,
            noise_percent=round(100 * noise.p95, 2),
            budget_seconds=header.budget,
        ),
        machine=machine_key(machine),
        policies=Policies(copy=policy(table)),
        hazards=tuple(_hazard(found) for found in hazards),
    )


def policy(table: PolicyTable) -> Policy:
    """The analysis's policy in the config's types."""
    return Policy(tuple(_class(entry) for entry in table.classes))


def without(table: PolicyTable, serving: Iterable[tuple[str, int]]) -> PolicyTable:
    """The policy with libc in place of the rules that serve these (class name, size) pairs."""
    refused = set(serving)

    def mended(entry: PolicyClass) -> PolicyClass:
        rules = [
            replace(rule, kernel=BASELINE, gain=0.0, gain_low=0.0, gain_high=0.0)
            if any(name == entry.name and rule.serves(size) for name, size in refused)
            else rule
            for rule in entry.rules
        ]
        return replace(entry, rules=tuple(_joined(rules)))

    return PolicyTable(tuple(mended(entry) for entry in table.classes))


def _joined(rules: Iterable[PolicyRule]) -> Iterable[PolicyRule]:
    """Neighbouring rules of one kernel as one."""
    last: PolicyRule | None = None
    for rule in rules:
        if last is not None and last.kernel == rule.kernel:
            last = replace(
                last,
                high=rule.high,
                processes=min(last.processes, rule.processes),
                blocks=max(last.blocks, rule.blocks),
            )
            continue
        if last is not None:
            yield last
        last = rule
    if last is not None:
        yield last


def _class(entry: PolicyClass) -> AlignmentClass:
    return AlignmentClass(
        name=entry.name,
        mask=entry.mask,
        low=entry.low,
        span=entry.span,
        min_size=entry.min_size,
        rules=tuple(_rule(rule) for rule in entry.rules),
    )


def _rule(rule: PolicyRule) -> Rule:
    if rule.kernel == BASELINE:
        return Rule(low=rule.low, high=rule.high, kernel=BASELINE, processes=rule.processes, blocks=rule.blocks)
    return Rule(
        low=rule.low,
        high=rule.high,
        kernel=rule.kernel,
        gain=round(rule.gain, 2),
        gain_low=round(max(rule.gain_low, -100.0), 2),
        gain_high=round(rule.gain_high, 2),
        processes=rule.processes,
        blocks=rule.blocks,
    )


def _headline(threshold: Threshold) -> Headline:
    if threshold.size is None or threshold.low is None or threshold.high is None:
        return Headline(note=threshold.note)
    return Headline(
        simd_stdlib_crossover=round(threshold.size),
        low=round(threshold.low),
        high=round(threshold.high),
        note=threshold.note,
    )


def _hazard(found: FoundHazard) -> Hazard:
    return Hazard(
        kernel=found.kernel,
        mask=found.mask,
        low=found.low,
        span=found.span,
        size_low=found.size_low,
        size_high=found.size_high,
        slowdown=round(found.slowdown, 3),
        slowdown_low=round(found.slowdown_low, 3),
        slowdown_high=round(found.slowdown_high, 3),
    )
