"""`python -m harness analyze RUN`: the decisions again from recorded data."""

from __future__ import annotations

import click

from harness.cli.console import json_option
from harness.cli.sweep_command import run_folder


@click.command("analyze", epilog="Example: python -m harness analyze results/runs/20260101-120000-abcd")
@click.argument("run")
@click.option("--write", is_flag=True, help="Write suite, config, report and figure into the run's folder anew.")
@json_option
def command(run: str, write: bool, as_json: bool) -> None:
    """Decide again from what RUN recorded; nothing is timed."""
    from harness import machine, sweep
    from harness.cli.outcome import show

    here = machine.detect()
    result = sweep.analyze(run_folder(run), here)
    if write:
        sweep.rewrite(result)
    show(result, as_json=as_json)
