"""The VM's memory paths and the zero-scan kernels measured from the command line, and printed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import EXIT_INTERRUPTED, EXIT_NO
from harness.cli.console import console, print_json
from harness.cli.progress import live

if TYPE_CHECKING:
    from experiments import Tier
    from harness.machine import Machine
    from harness.paths import Paths

NAME = "paths.json"
ZERO_SCAN_NAME = "zero_scan.json"


def sweep_paths(
    names: Sequence[str], here: Machine, tier: Tier, budget: float, output: Path | None, *, as_json: bool
) -> int:
    """Measure these paths with every kernel, print and write what was found; returns the exit code."""
    from harness import sweep
    from harness.config.write import write_text

    folder = output or sweep.RUNS / sweep.run_id()
    found = measured(names, here, tier, budget, folder, as_json=as_json, kernels=True)
    write_text(folder / NAME, json.dumps(asdict(found), indent=1) + "\n")
    show(found, as_json=as_json)
    if not as_json:
        console().print(f"files in {folder}: {NAME}, journal.jsonl")
    return exit_code(found)


def sweep_zero_scan(
    here: Machine, tier: Tier, budget: float, output: Path | None, *, install: bool, as_json: bool
) -> int:
    """Measure the zero-scan kernels, print and write their policy; returns the exit code."""
    import msgspec

    from harness import sweep, zero_scan
    from harness.config.write import write_text
    from harness.measure.journal import Journal
    from harness.report.tables import rules_table

    folder, seed = output or sweep.RUNS / sweep.run_id(), secrets.randbits(31)
    header = sweep.header_of("zero_scan", here, seed, budget)
    with live(as_json) as report, Journal.create(folder, header) as log:
        found = zero_scan.sweep(
            here, log, budget=budget, tier=tier, seed=seed, on_progress=lambda progress: report("zero_scan", progress)
        )
    plain = msgspec.to_builtins(found.policy)
    write_text(folder / ZERO_SCAN_NAME, json.dumps(plain, indent=1) + "\n")
    path = zero_scan.install(found.policy, here) if install and not found.interrupted else None
    if as_json:
        print_json({"policy": plain, "noise": found.decisions.noise.p95, "config": path})
    else:
        console().print(rules_table(found.policy.classes[-1].rules, "zero scan: which kernel serves which sizes"))
        console().print(f"noise (A/A, 95th percentile): {100 * found.decisions.noise.p95:.1f} %")
        console().print(f"written to {path}" if path else f"files in {folder}: {ZERO_SCAN_NAME}, journal.jsonl")
    return EXIT_INTERRUPTED if found.interrupted else 0


def measured(
    names: Sequence[str],
    here: Machine,
    tier: Tier,
    budget: float,
    folder: Path,
    *,
    as_json: bool,
    kernels: bool,
) -> Paths:
    """Measure paths under the config in force, with a journal in the folder."""
    from harness import sweep
    from harness.config.locate import locate
    from harness.config.schema import machine_key
    from harness.measure.journal import Journal
    from harness.paths import measure_paths, plain_policy

    located = locate(machine_key(here))
    if located.config is None:
        console(stderr=True).print("note: no config holds here, so the policy is libc; `python -m harness sweep` first")
    seed = secrets.randbits(31)
    header = sweep.header_of("paths", here, seed, budget)
    with live(as_json) as report, Journal.create(folder, header) as log:
        return measure_paths(
            names,
            plain_policy(located.config),
            here,
            log,
            budget=budget,
            tier=tier,
            seed=seed,
            kernels=kernels,
            on_progress=lambda progress: report(progress.block.partition("/")[0], progress),
        )


def show(found: Paths, *, as_json: bool) -> None:
    """Print the table and the noise, or all of it as JSON."""
    if as_json:
        print_json(asdict(found))
        return
    from harness.report.tables import paths_table

    console().print(paths_table(found))
    console().print(f"noise (A/A, 95th percentile): {100 * found.noise:.1f} %")


def exit_code(found: Paths) -> int:
    """130 where it was interrupted, 1 where the policy is slower than libc, else 0."""
    if found.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_NO if found.losses else 0
