"""`python -m harness optimize`: small verified steps from the configuration in force to a better one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import EXIT_INTERRUPTED
from harness.cli.console import Duration, console, json_option, print_json
from harness.cli.progress import live

if TYPE_CHECKING:
    from harness.machine import Machine
    from harness.optimize.loop import Result
    from harness.optimize.settings import Settings


@click.group(
    "optimize",
    invoke_without_command=True,
    epilog="Example: python -m harness optimize --max-iterations 20 --budget 30m\n\n"
    "Example: python -m harness optimize watch results/runs/20260101-120000-abcd",
)
@click.option("--max-iterations", type=click.IntRange(1), default=20, show_default=True, help="Rounds.")
@click.option("--budget", type=Duration(), default=1800.0, show_default="30 min", help="Time from start to end.")
@click.option(
    "--start",
    type=click.Choice(["config", "libc", "old-rule"]),
    default="config",
    show_default=True,
    help="Where to begin: the config in force, no config at all, or SIMD below 4096 bytes and libc above.",
)
@click.option("--plan", type=click.Path(path_type=Path), help="A plan.toml to begin with, instead of a review.")
@click.option("--profile", type=click.Path(path_type=Path), help="Sizes that `trace` recorded; they weight the review.")
@click.option("--resume", "resumed", metavar="RUN", help="Go on with a run that was cut off: its folder or name.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the run; else one under results/runs.")
@click.option("--no-install", is_flag=True, help="Leave the config in the run's folder only.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    max_iterations: int,
    budget: float,
    start: str,
    plan: Path | None,
    profile: Path | None,
    resumed: str | None,
    output: Path | None,
    no_install: bool,
    as_json: bool,
) -> None:
    """Review, plan, and try one change at a time; keep what is faster beyond doubt, roll back the rest.

    Every round leaves its report. Edit plan.toml in the run's folder to reorder or forbid tasks; Ctrl-C ends the run
    with what it has. Exit code: 0 done, 130 interrupted.
    """
    if context.invoked_subcommand is not None:
        return
    from harness import machine, sweep
    from harness.analysis.profile import fleet, load
    from harness.cli.sweep_command import run_folder
    from harness.optimize import start as starting

    here = machine.detect()
    weights = load(profile) if profile else fleet()
    with live(as_json) as report:
        if resumed:
            folder = run_folder(resumed)
            result = starting.resume(folder, here, weights, report, install=not no_install)
        else:
            folder = output or sweep.RUNS / sweep.run_id()
            chosen = starting.options(max_iterations, budget)
            request = starting.Request(folder, first(start, here), chosen, weights, plan, install=not no_install)
            result = starting.begin(request, here, report)
    show(result, folder, as_json=as_json)
    raise SystemExit(EXIT_INTERRUPTED if result.interrupted else 0)


def first(start: str, here: Machine) -> Settings:
    """The settings that a run begins with.

    Raises:
        ConfigError: the config in force is broken.
    """
    from harness.config.locate import locate
    from harness.config.schema import machine_key
    from harness.optimize.settings import Settings, old_rule
    from harness.optimize.start import settings_of
    from harness.paths import widest_loop

    if start == "old-rule":
        return old_rule(widest_loop())
    located = locate(machine_key(here)) if start == "config" else None
    if located is None or located.config is None:
        if located is not None and located.error is not None:
            raise located.error
        return Settings()
    return settings_of(located.config)


def show(result: Result, folder: Path, *, as_json: bool) -> None:
    """The last settings beside the first, and where the reports are."""
    if as_json:
        print_json(
            {
                "folder": folder,
                "why": result.why,
                "interrupted": result.interrupted,
                "attempts": [asdict(each) for each in result.attempts],
                "differences": [asdict(each) for each in result.differences],
                "settings": result.settings.plain(),
            }
        )
        return
    from harness.report.tables import differences_table

    out = console()
    taken = sum(attempt.decision.accepted for attempt in result.attempts)
    out.print(f"{len(result.attempts)} tasks, {taken} accepted; it ended because {result.why}")
    if result.differences:
        out.print(differences_table(result.differences))
    out.print(f"files in {folder}: " + ", ".join(sorted(path.name for path in folder.iterdir())))


@command.command("watch", epilog="Example: python -m harness optimize watch results/runs/20260101-120000-abcd")
@click.argument("run")
@json_option
def watch(run: str, as_json: bool) -> None:
    """Follow RUN's events as they happen; those of a run that has ended are replayed."""
    import json
    import time

    from harness.cli.sweep_command import run_folder
    from harness.optimize.events import follow

    for event in follow(run_folder(run)):
        if as_json:
            click.echo(json.dumps(asdict(event)))
        else:
            click.echo(f"{time.strftime('%H:%M:%S', time.localtime(event.at))}  {event.kind:12}{event.text}")
