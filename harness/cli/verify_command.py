"""`python -m harness verify`: the dispatcher under a config, on points that no sweep has seen."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from pathlib import Path

import click

from harness.cli import EXIT_INTERRUPTED, EXIT_NO
from harness.cli.console import Duration, console, json_option, print_json
from harness.cli.progress import live


@click.command("verify", epilog="Example: python -m harness verify --config results/runs/latest/thresholds.toml")
@click.option("--config", "file", type=click.Path(path_type=Path), help="Config to judge; else this machine's.")
@click.option("--budget", type=Duration(), default=40.0, show_default="40 s", help="Time, e.g. 20s or 2m.")
@click.option("--seed", type=int, help="Draws the same cells again; else new ones each time.")
@click.option("--force", is_flag=True, help="Also a config of another machine, if this CPU runs its kernels.")
@json_option
def command(file: Path | None, budget: float, seed: int | None, force: bool, as_json: bool) -> None:
    """Measure the dispatcher against libc and the best kernel: fresh processes, new sizes and offsets.

    Exit code: 0 nowhere slower than libc beyond the margin, 1 somewhere slower, 130 interrupted.
    """
    from harness import machine, sweep
    from harness.config.locate import locate
    from harness.config.schema import machine_key

    here = machine.detect()
    located = locate(machine_key(here), file, force=force)
    if located.error is not None:
        raise located.error
    if located.config is None:
        raise click.UsageError("there is no config for this machine yet; run `python -m harness sweep` first")
    with live(as_json) as report:
        found = sweep.verify_config(
            located.config, here, budget=budget, seed=secrets.randbits(31) if seed is None else seed, report=report
        )
    if as_json:
        print_json({"config": located.path, **asdict(found), "losses": len(found.losses), "regret": found.regret})
    else:
        from harness.report.tables import verification_table
        from harness.report.text import verification_text

        out = console()
        out.print(verification_table(found))
        out.print(f"{located.path}: {verification_text(found)}")
    if found.interrupted:
        raise SystemExit(EXIT_INTERRUPTED)
    raise SystemExit(EXIT_NO if found.losses else 0)
