"""`python -m harness bench copy`: every speed that the project claims, with what was measured for it."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from harness.cli import EXIT_NO
from harness.cli.console import Duration, console, json_option, print_json
from harness.cli.progress import live


@click.group("bench", epilog="Example: python -m harness bench copy")
def command() -> None:
    """Measure what the project claims, side by side, in one run."""


@command.command("vm", epilog="Example: python -m harness bench vm")
@json_option
def bench_vm(as_json: bool) -> None:
    """Instructions a second on four guests, beside unicorn where that is installed, in turn."""
    from kernels.vm import bench

    speeds = bench.bench()
    if as_json:
        print_json([asdict(each) for each in speeds])
        return
    from harness.report.tables import vm_table

    console().print(vm_table(speeds))


@command.command("paths", epilog="Example: python -m harness bench paths --budget 2m")
@click.option(
    "--budget", type=Duration(), default=120.0, show_default="2 min", help="Time for the paths; guests extra."
)
@json_option
def bench_paths(budget: float, as_json: bool) -> None:
    """Every memory path under libc, the old 4096 rule and the policy in force, paired; then whole guest runs.

    Exit code: 0 no path is slower than libc beyond its margin, 1 one is.
    """
    from experiments import Tier
    from harness import guests, machine
    from harness.cli.paths_outcome import exit_code, measured
    from harness.config.locate import locate
    from harness.config.schema import machine_key
    from harness.experiment import PATHS
    from harness.paths import plain_policy
    from harness.report.tables import guests_table, paths_table

    here = machine.detect()
    with tempfile.TemporaryDirectory(prefix="crossover-") as name:
        found = measured(PATHS, here, Tier.DEFAULT, budget, Path(name) / "run", as_json=as_json, kernels=False)
    policy = plain_policy(locate(machine_key(here)).config)
    out = console(stderr=True)
    runs = guests.compare(policy, on_guest=lambda guest: out.print(f"guest {guest}"))
    if as_json:
        print_json({**asdict(found), "guests": [asdict(each) for each in runs]})
    else:
        console().print(paths_table(found), guests_table(runs))
        console().print(f"noise (A/A, 95th percentile): {100 * found.noise:.1f} %")
    raise SystemExit(exit_code(found))


@command.command("copy", epilog="Example: python -m harness bench copy --budget 90s")
@click.option("--budget", type=Duration(), default=90.0, show_default="90 s", help="Time after the two sweeps.")
@json_option
def bench_copy(budget: float, as_json: bool) -> None:
    """Make a default and a fast sweep, then time both policies and all forms of the dispatcher, paired.

    About four minutes. Exit code: 0 every claim holds here, 1 one does not.
    """
    from harness import bench, machine, sweep
    from harness.config.load import load
    from harness.config.schema import FILE_NAME
    from harness.measure.journal import Journal

    here = machine.detect()
    out = console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="crossover-") as name:
        folder = Path(name)
        seconds = {"help": bench.help_seconds()}
        for tier, options in (("default", ("--no-install",)), ("fast", ("--fast", "--no-install"))):
            out.print(f"{tier} sweep")
            seconds[tier] = bench.timed_sweep(folder / tier, *options)
        default, fast = (load(folder / tier / FILE_NAME) for tier in ("default", "fast"))
        seed = secrets.randbits(31)
        header = sweep.header_of("bench", here, seed, budget)
        with live(as_json) as report, Journal.create(folder / "bench", header) as log:
            measured = bench.copy(
                default, fast, here, log, budget=budget, seed=seed, on_progress=lambda p: report("bench", p)
            )
    found = bench.figures(measured, seconds)
    if as_json:
        print_json(
            {"machine": here.key, "noise": bench.noise_of(measured), "figures": [asdict(each) for each in found]}
        )
    else:
        from harness.report.tables import figures_table

        console().print(figures_table(found))
        console().print(f"noise (A/A, 95th percentile): {100 * bench.noise_of(measured):.1f} %")
    raise SystemExit(EXIT_NO if bench.failed(found) else 0)
