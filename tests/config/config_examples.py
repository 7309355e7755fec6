"""Configs that tests share: a real machine's shape, and any kernel table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.config.schema import (
    AlignmentClass,
    Caches,
    Config,
    Hazard,
    Headline,
    MachineKey,
    Policies,
    Policy,
    Provenance,
    Rule,
)

DATA = Path(__file__).parent / "data"

MACHINE = MachineKey(
    key="0123456789abcdef",
    label="zen4",
    arch="x86_64",
    vendor="AuthenticAMD",
    family=25,
    model=17,
    stepping=1,
    feature_hash="b48adc414491",
    model_name="AMD EPYC 9654",
    libc="glibc 2.36",
    kernel_version="6.1.0",
    caches=Caches(l1d=32768, l2=1048576, l3=33554432),
)

PROVENANCE = Provenance(
    harness_version="0.1.0",
    git_commit="3f29ee6",
    run_id="20260101-120000",
    created=datetime(2026, 1, 1, 12, 0, tzinfo=UTC),
    command="python -m harness sweep copy",
    margin_percent=2.0,
    confidence=0.99,
    noise_percent=0.6,
    budget_seconds=120.0,
)


@dataclass(frozen=True)
class FakeKernel:
    """What validation asks of a kernel."""

    isa: str = "any"
    runnable: bool = True
    max_size: int = 2**64 - 1


KERNELS = {
    "libc": FakeKernel(),
    "portable": FakeKernel(),
    "small_scalar": FakeKernel(max_size=8),
    "sve_u4": FakeKernel(isa="sve", runnable=False),
}


def any_class(*rules: Rule) -> AlignmentClass:
    return AlignmentClass(name="any", mask=0, low=0, span=1, min_size=0, rules=rules)


def near_class(*rules: Rule, min_size: int = 2112) -> AlignmentClass:
    return AlignmentClass(name="near_4k", mask=4095, low=1, span=15, min_size=min_size, rules=rules)


POLICY = Policy(
    (
        near_class(
            Rule(
                low=2112,
                high=1048576,
                kernel="portable",
                gain=1600.0,
                gain_low=1500.5,
                gain_high=1700.25,
                processes=10,
                blocks=12,
                decided_by="wins in 12 of 12 blocks",
            ),
            Rule(low=1048576, kernel="libc"),
        ),
        any_class(
            Rule(low=0, high=65, kernel="portable", gain=60.0, gain_low=55.0, gain_high=64.0, processes=10),
            Rule(low=65, high=1048577, kernel="libc", decided_by="tie"),
            Rule(low=1048577, kernel="portable"),
        ),
    )
)

HAZARD = Hazard(
    kernel="libc",
    mask=4095,
    low=1,
    span=15,
    size_low=2112,
    size_high=1048576,
    slowdown=17.0,
    slowdown_low=16.0,
    slowdown_high=18.0,
)

CONFIG = Config(
    headline=Headline(simd_stdlib_crossover=65, low=60, high=70),
    provenance=PROVENANCE,
    machine=MACHINE,
    policies=Policies(copy=POLICY),
    hazards=(HAZARD,),
)
