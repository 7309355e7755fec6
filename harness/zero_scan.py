"""Which zero-scan kernel serves which sizes: measured, decided as copies are, and written beside their policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

import experiments
from experiments import Tier
from harness.analysis.decide import Decisions, decide
from harness.analysis.profile import log_uniform
from harness.config.errors import ConfigError
from harness.config.load import load
from harness.config.locate import cache_path
from harness.config.schema import Config, Policy, machine_key
from harness.config.write import save
from harness.experiment import ZERO_SCAN
from harness.generate import policy
from harness.machine import Machine
from harness.measure.runner import setup
from harness.measure.samples import samples
from harness.measure.schedule import PACES, Schedule
from harness.measure.sweep import Progress, measure
from harness.sweep import NothingMeasured, world
from kernels import zero_scan

if TYPE_CHECKING:
    from harness.measure.journal import Journal

LARGEST: Final = 1 << 20
PAGE: Final = 4096


@dataclass(frozen=True)
class Result:
    """What was decided."""

    decisions: Decisions
    policy: Policy
    interrupted: bool


def sweep(
    machine: Machine,
    journal: Journal,
    *,
    budget: float,
    tier: Tier,
    seed: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Result:
    """Measure the kernels for about `budget` seconds, and decide.

    Raises:
        NothingMeasured: it ended before anything could be decided.
    """
    experiment = experiments.load(ZERO_SCAN)
    blocks = experiment.blocks(world(machine), tier)
    schedule = Schedule(blocks, experiment.candidates, PACES[tier], seed, frozenset([experiment.bisected]))
    outcome = measure(schedule, setup(machine), journal, budget, on_progress)
    table = samples(outcome.replies)
    if not len(table):
        raise NothingMeasured("the zero-scan sweep measured nothing before it ended; give it a larger --budget")
    kernels = {kernel.name: kernel for kernel in zero_scan.table()}
    decisions = decide(table, cycle_ns=machine.cycle_ns, kernels=kernels, profile=log_uniform(8, LARGEST), seed=seed)
    return Result(decisions, policy(decisions.policies[-1]), outcome.interrupted)


def install(made: Policy, machine: Machine) -> Path:
    """Write the policy into this machine's config; returns the file.

    Raises:
        ConfigError: there is no config of this machine yet, or it cannot be written.
    """
    path = cache_path(machine_key(machine))
    if not path.exists():
        raise ConfigError(path, "", "is not there", "measure the copies first: python -m harness sweep")
    config = load(path)
    policies = msgspec.structs.replace(config.policies, zero_scan=made)
    save(msgspec.structs.replace(config, policies=policies), path)
    return path


def page_kernel(config: Config | None) -> str | None:
    """The kernel that the config names for a page; None where it names none."""
    if config is None or config.policies.zero_scan is None:
        return None
    rules = config.policies.zero_scan.classes[-1].rules
    return next(rule.kernel for rule in rules if rule.high is None or rule.high > PAGE)
