"""The loop's settings as a config, each rule with the round that set it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

from harness.config.schema import AlignmentClass, Config, Headline, Policies, Policy, Provenance, Rule, machine_key
from harness.experiment import BASELINE
from harness.machine import Machine
from harness.measure.journal import Header
from harness.optimize.settings import BANDS, NEAR, Settings


def as_config(settings: Settings, machine: Machine, header: Header, noise: float) -> Config:
    """The copy policy and the zero-scan kernel of the settings, with complete provenance."""
    classes = [AlignmentClass(name="any", mask=0, low=0, span=1, min_size=0, rules=_rules(settings))]
    if settings.near_kernel:
        rules = (Rule(low=NEAR["min_size"], kernel=settings.near_kernel, decided_by="the optimization loop"),)
        classes.insert(0, AlignmentClass(name="near", rules=rules, **NEAR))
    scan = (Rule(low=0, kernel=settings.zero_scan, decided_by="the optimization loop"),)
    every = AlignmentClass(name="any", mask=0, low=0, span=1, min_size=0, rules=scan)
    return Config(
        headline=Headline(note="decided by the optimization loop, band by band"),
        provenance=Provenance(
            harness_version=header.harness,
            git_commit=header.commit,
            run_id=header.run,
            created=datetime.now(UTC).replace(microsecond=0),
            command=header.command,
            margin_percent=round(100 * max(0.02, noise), 2),
            confidence=0.95,
            noise_percent=round(100 * noise, 2),
            budget_seconds=header.budget,
        ),
        machine=machine_key(machine),
        policies=Policies(copy=Policy(tuple(classes)), zero_scan=Policy((every,))),
    )


def _rules(settings: Settings) -> tuple[Rule, ...]:
    """Neighbouring bands of one kernel as one rule; it names every round that had a part in it."""
    ends = [*BANDS[1:], None]
    made = []
    for kernel, run in groupby(zip(settings.kernels, BANDS, ends, settings.rounds, strict=True), lambda each: each[0]):
        bands = list(run)
        turns = sorted({turn for *_, turn in bands if turn})
        why = f"round {', '.join(map(str, turns))}" if turns else "the start"
        made.append(
            Rule(low=bands[0][1], high=bands[-1][2], kernel=kernel, decided_by="" if kernel == BASELINE else why)
        )
    return tuple(made)
